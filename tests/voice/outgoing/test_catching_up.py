"""An attempt to call a customer always ends, even if nobody is told how."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from models.terms import CallbackOutcome
from voice import phone

ACCOUNT, SID, OTHER = "AC" + "a" * 32, "CA" + "1" * 32, "CA" + "2" * 32
CALLS = f"/2010-04-01/Accounts/{ACCOUNT}/Calls"


@pytest.fixture
def catch_up(engine: Engine, trunk, clock, now):
    """Ask Twilio for the ends that nobody told, so many minutes after the attempt was made."""

    def run(minutes: int, **more: int) -> int:
        clock.now = now + timedelta(minutes=minutes)
        return phone.catch_up(engine, trunk=trunk, clock=lambda: clock.now, **more)

    return run


def test_an_end_that_no_webhook_told_is_asked_for(catch_up, make_attempt, twilio, the_attempt, now, log):
    """Twilio tells it a few times within seconds; an attempt that hangs would keep the next one from being made."""
    make_attempt(call_sid=SID)
    assert catch_up(4) == 0
    ended = now + timedelta(seconds=42)
    twilio.expect(
        200, {"sid": SID, "status": "no-answer", "duration": "0", "end_time": f"{ended:%a, %d %b %Y %H:%M:%S} +0000"}
    )
    assert catch_up(6) == 1
    assert (twilio.asked[0].method, twilio.asked[0].path) == ("GET", f"{CALLS}/{SID}.json")
    assert (the_attempt().outcome, the_attempt().ended_at) == (CallbackOutcome.NO_ANSWER, ended)
    assert catch_up(7) == 0
    assert log() == [("callback", "callback:…", "no-answer", "ida")]


@pytest.mark.parametrize("answer", [{"status": 200, "body": {"sid": SID, "status": "in-progress"}}, {"status": 404}])
def test_an_attempt_of_whose_end_nobody_knows_is_closed_after_an_hour(
    catch_up, make_attempt, twilio, the_attempt, answer
):
    """As failed, which tells nothing about the customer."""
    make_attempt(call_sid=SID)
    twilio.expect(**answer)
    catch_up(30)
    assert the_attempt().ended_at is None
    twilio.expect(**answer)
    catch_up(61)
    assert (the_attempt().outcome, the_attempt().note) == (
        CallbackOutcome.FAILED,
        "nobody knows how the call ended",
    )


def test_a_key_counts_even_if_the_end_is_never_told(catch_up, make_attempt, the_attempt, log):
    """Somebody was there; and one that was never placed is closed, too."""
    make_attempt(outcome=CallbackOutcome.ANSWERED, key_pressed="1")
    catch_up(61)
    assert the_attempt().outcome is CallbackOutcome.ANSWERED
    assert log() == [("callback", "callback:…", "answered", "ida")]


def test_a_talk_that_goes_on_keeps_no_other_attempt_from_being_asked_for(catch_up, make_attempt, twilio, eventually):
    """However few are asked for at a time."""
    make_attempt(call_sid=SID)
    make_attempt(id=uuid4(), call_sid=OTHER)

    def asked() -> bool:
        twilio.expect(200, {"sid": SID, "status": "in-progress"})
        assert catch_up(6, batch=1) == 1
        return {each.path for each in twilio.asked} == {f"{CALLS}/{sid}.json" for sid in (SID, OTHER)}

    assert eventually(asked)
