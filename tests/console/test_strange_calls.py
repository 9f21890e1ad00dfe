"""What a webhook tells may be anything: no page of calls is filled by it, and none breaks."""

import pytest

from models.calling import LegState
from models.terms import Channel

DIGITS = "4" * 4000


@pytest.fixture
def strange(house, lines, suggested):
    """A caller whose number, keys and status are four thousand signs long; the reference of their request."""
    reference = house.request(channel=Channel.PHONE, content=suggested())
    answers = {"phone": DIGITS, "phone_confirmed": "keyed", "caller": DIGITS, "language": "x" * 4000}
    call = lines.add_call(house, reference, from_number=DIGITS, status="s" * 4000, answers=answers)
    lines.turned(house, call, "phone", 4, Digits=DIGITS)
    lines.rang(house, call, "Priya Sample", LegState.NO_ANSWER, ended=20)
    lines.add_call(house, reference, live=True, seconds_ago=60, from_number=DIGITS, step="t" * 4000)
    lines.owed(house, reference, number=None)
    return reference


@pytest.mark.parametrize("page", ["/calls", "/calls?only=live", "/calls?only=missed", "/calls/owed", "request"])
def test_a_number_that_is_none_does_not_fill_a_page(ida, strange, page):
    """Forty signs of it are more than any number has."""
    answer = ida.get(f"/requests/{strange}" if page == "request" else page)
    assert answer.status_code == 200
    for sign in "4sxt":
        assert sign * 60 not in answer.text
    if page != "/calls/owed":
        assert f"{'4' * 39}…" in answer.text


def test_a_caller_who_confirmed_no_number_is_told_by_one_that_fits(house, ida, lines, suggested):
    """The hint that stands in for a contact phone is cut as well."""
    reference = house.request(channel=Channel.PHONE, content=suggested())
    lines.add_call(house, reference, answers={"caller": DIGITS})
    page = ida.get(f"/requests/{reference}").text
    assert f"they called from {'4' * 39}…, which" in page


def test_a_program_reads_numbers_as_they_came(house, lines, suggested):
    """Whole up to what a SIP address may have; of what is longer, the beginning."""
    sip = f"sip:{'a' * 200}@example.com"
    reference = house.request(channel=Channel.PHONE, content=suggested())
    lines.add_call(house, reference, from_number=sip)
    lines.add_call(house, reference, from_number=DIGITS)
    with house.api() as program:
        latest, first = program.get("/api/v1/calls").json()["items"]
        told = program.get(f"/api/v1/requests/{reference}").json()["calls"]
    assert (first["from"], latest["from"]) == (sip, DIGITS[:256])
    assert sorted(len(each["from"]) for each in told) == [len(sip), 256]
