"""Whose number calls: a contact's, one that somebody we know has mentioned, or nobody's."""

from datetime import timedelta

import pytest

from models import tables
from models.calling import CallerId, Recognition
from models.terms import CallbackOutcome, Channel, Party, PartyKind, TriageState
from triage import identity
from triage.desk import callers, directory
from triage.desk.callers import who_calls

NUMBER = "+49305550123"
UNKNOWN = CallerId(recognition=Recognition.UNKNOWN)


def number(written: str = NUMBER) -> Party:
    """The party behind a number."""
    party = identity.number_party(written, "DE")
    assert party is not None
    return party


def asked(session, now, account=None, *, text="", fields=None) -> tables.requests.Request:
    """A request of an account that says something."""
    request = tables.requests.Request(
        channel=Channel.EMAIL, subject="Help", policy="wso2", state=TriageState.TO_CONFIRM, received_at=now,
        account_id=account.id if account else None,
    )  # fmt: skip
    session.add(request)
    session.flush()
    row = tables.requests.Interaction(
        request_id=request.id, source=f"mail:{request.id}", channel=Channel.EMAIL, subject="", text=text,
        new_text=text, facts=[], fields=fields or {}, received_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return request


def call(session, now, request, sid="CA1", *, caller="", **answers) -> None:
    """A call about a request."""
    given = {**({"caller": caller} if caller else {}), **answers}
    row = tables.calls.Call(
        call_sid=sid, account_sid="AC1", from_number=caller or "anonymous", to_number="+4930", status="completed",
        step="receipt", answers=given, request_id=request.id, started_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()


@pytest.fixture
def account(session):
    """A customer."""
    return directory.add_account(session, "Nordhandel")


@pytest.fixture
def other(session):
    """Another customer."""
    return directory.add_account(session, "Suedwerk")


def test_a_contact_s_own_number_is_known(session, account):
    """By name, and by whom they work for."""
    directory.add_contact(session, "Marta Beispiel", [number()], account=account)
    known = CallerId(recognition=Recognition.KNOWN, name="Marta Beispiel", account="Nordhandel")
    assert who_calls(session, number("030 / 5550-123")) == known


def test_a_contact_without_an_account_is_known_by_name(session):
    """Nothing is said of an account that nobody recorded."""
    directory.add_contact(session, "Marta Beispiel", [number()])
    assert who_calls(session, number()) == CallerId(recognition=Recognition.KNOWN, name="Marta Beispiel")


def test_nobody_s_number_is_unknown(session, now, account):
    """What nobody has mentioned says nothing."""
    asked(session, now, account, text="Please call +49 30 5550199")
    assert who_calls(session, number()) == UNKNOWN


@pytest.mark.parametrize(
    "written", ["+49 30 5550123", "030/5550 123", "+49 (0)30 5550-123", "0049.30.5550123", "030 5550\u00a0123"]
)
def test_a_number_that_somebody_wrote_may_be_theirs(session, now, account, written):
    """However it was written; which of them calls is not known, so no name is said."""
    asked(session, now, account, text=f"The shop is down.\n\nMarta Beispiel\nNordhandel, Tel. {written}\nBerlin")
    assert who_calls(session, number()) == CallerId(recognition=Recognition.MAYBE, account="Nordhandel")


def test_a_number_left_in_a_form_may_be_theirs(session, now, account):
    """The field `phone` of the portal."""
    asked(session, now, account, fields={"phone": "030 5550123"})
    assert who_calls(session, number()).account == "Nordhandel"


def test_a_number_left_in_a_call_may_be_theirs(session, now, account):
    """The contact phone that was confirmed, or the number the call came from."""
    call(session, now, asked(session, now, account), phone=NUMBER, phone_confirmed="yes")
    call(session, now, asked(session, now, account), "CA2", caller="+49305550124")
    assert who_calls(session, number()).account == "Nordhandel"
    assert who_calls(session, number("+49305550124")).recognition is Recognition.MAYBE


def test_a_number_we_called_back_may_be_theirs(session, now, account):
    """The ledger of attempts."""
    request = asked(session, now, account)
    session.add(
        tables.progress.Callback(
            request_id=request.id, number=NUMBER, placed_by="mara", placed_at=now, outcome=CallbackOutcome.NO_ANSWER
        )
    )
    session.flush()
    assert who_calls(session, number()) == CallerId(recognition=Recognition.MAYBE, account="Nordhandel")


def test_a_number_of_two_accounts_is_nobody_s(session, now, account, other):
    """A number that two customers mention must not be taken for either's."""
    asked(session, now, account, text=f"Call {NUMBER}")
    call(session, now, asked(session, now, other), caller=NUMBER)
    assert who_calls(session, number()) == UNKNOWN


def test_what_a_stranger_mentions_says_nothing(session, now):
    """A request of no account knows nobody."""
    asked(session, now, text=f"Call {NUMBER}")
    assert who_calls(session, number()) == UNKNOWN


@pytest.mark.parametrize("text", ["order 9930555012377", "30555-01239", "+4930555012 3 4 5", "+1 305 555 0123"])
def test_digits_of_something_else_are_no_number(session, now, account, text):
    """Part of a longer number is another one."""
    asked(session, now, account, text=f"See {text}.")
    assert who_calls(session, number()) == UNKNOWN


def test_a_number_mentioned_too_often_is_a_switchboard_s(session, now, account, monkeypatch):
    """It stands under every mail of a company, or is our own."""
    monkeypatch.setattr(callers, "MOST_MENTIONS", 2)
    for minute in range(3):
        asked(session, now + timedelta(minutes=minute), account, text=f"Call {NUMBER}")
    assert who_calls(session, number()) == UNKNOWN


def test_an_address_that_nobody_has_is_unknown(session):
    """Addresses are looked up among the contacts alone."""
    party = Party(kind=PartyKind.ADDRESS, value="a@example.com", shown="a@example.com")
    assert who_calls(session, party) == UNKNOWN
