"""The number that calls out, where receipts are to go by text: one that cannot send any is told, with what to do."""

import pytest

from models.calling import Finding
from voice import number
from voice.number import Plan

OURS, OTHER = "+493055500100", "+442055500100"
PLAN = Plan(public_url="https://support.example.com", numbers=(OURS,))
FINE = Finding(is_fine=True, text="SWITCHBOARD_TWILIO_FROM belongs to the account")


@pytest.fixture
def told(twilio, account, make_number):
    """What `doctor` says of the number that calls out."""

    def run(from_number: str, own: list, verified: list | None = None, **wanted: bool) -> Finding:
        twilio.expect("GET", ".json", {"sid": account.account_sid, "status": "active"})
        twilio.knows("incoming_phone_numbers", [make_number()])
        twilio.knows("incoming_phone_numbers", own)
        if verified is not None:
            twilio.knows("outgoing_caller_ids", verified)
        return list(number.findings(account, PLAN, from_number=from_number, **wanted))[-1]

    return run


@pytest.mark.parametrize("capabilities", [{"voice": True, "sms": False}, {"voice": True, "SMS": False}, {}, None])
def test_a_number_without_texts_is_told_where_receipts_go_by_text(told, make_number, capabilities):
    """The setting and both ways out are named."""
    found = told(OURS, [make_number(capabilities=capabilities)], texts=True)
    assert not found.is_fine
    assert found.text.startswith("SWITCHBOARD_TWILIO_FROM can send no texts: set SWITCHBOARD_VOICE_RECEIPT to mail, or")


def test_a_verified_caller_id_is_told_where_receipts_go_by_text(told):
    """Calls go out under it, texts do not."""
    found = told(OTHER, [], [{"sid": "PN1", "phone_number": OTHER}], texts=True)
    assert not found.is_fine
    assert "only a verified caller id, which can send no texts: set SWITCHBOARD_VOICE_RECEIPT" in found.text


@pytest.mark.parametrize("name", ["sms", "SMS"])
def test_a_number_with_texts_is_fine(told, make_number, name: str):
    """In whichever letters Twilio writes it."""
    assert told(OURS, [make_number(capabilities={"voice": True, name: True})], texts=True) == FINE


def test_where_no_receipt_goes_by_text_none_need_be_sent(told, make_number):
    """A number for calls alone is enough."""
    assert told(OURS, [make_number(capabilities={"voice": True, "sms": False})]) == FINE


def test_a_strangers_number_is_still_no_number_of_the_account(told):
    """That calls are refused comes first."""
    found = told(OTHER, [], [], texts=True)
    assert found.text == "SWITCHBOARD_TWILIO_FROM is no number of the account: calls out will be refused"
