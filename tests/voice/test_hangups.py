"""Whoever leaves before the receipt is owed a call, wherever they were; whoever heard it is not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select

from models import tables
from models.store import transaction

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
RECORDING = "RE" + "9" * 32
LEAVES: dict[str, Callable] = {
    "consent": lambda guest: guest.dials(),
    "account": lambda guest: guest.dials().presses("1"),
    "account_check": lambda guest: guest.dials().presses("1").presses("4711"),
    "problem": lambda guest: guest.dials().presses("1").presses(""),
    "record": lambda guest: guest.dials().presses("1").presses("").presses("1"),
    "down": lambda guest: guest.dials().presses("1").presses("").says("orders fail"),
    "phone": lambda guest: guest.dials().presses("1").presses("").says("orders fail").presses("2"),
    "phone_check": lambda guest: (
        guest.dials().presses("1").presses("").says("help").presses("2").presses("03055500200")
    ),
}


@pytest.fixture
def owed(engine: Engine):
    """Every call that is owed."""

    def find() -> list[tables.reaching.OwedCall]:
        with transaction(engine) as session:
            return tables.reaching.owed(session)

    return find


@pytest.mark.parametrize("step", LEAVES)
def test_a_hang_up_leaves_a_call_that_is_owed(caller, owed, only_call, told, step: str):
    """To the number they called from, in ten minutes; told more than once it is owed once."""
    LEAVES[step](caller()).repeating(3).hangs_up()
    (row,) = owed()
    call = only_call()
    assert (row.number, row.why) == ("+493055500137", f"the caller hung up at step {step}")
    assert (row.request_id, row.call_id, row.automatic) == (call.request_id, call.id, False)
    assert row.due_at - call.ended_at == timedelta(minutes=10)
    assert told()["hangup"].note == f"the caller hung up at step {step}; call back"


def test_an_end_that_is_told_late_owes_nothing_that_was_settled_since(caller, owed, only_call, engine):
    """The recording told it first; a person called back, and then the status of the call comes after all."""
    guest = LEAVES["record"](caller())
    left = {"CallStatus": "completed", "Digits": "hangup", "RecordingSid": RECORDING, "RecordingDuration": "4"}
    guest._send("/voice/turn?step=record&try=0", **left)
    with transaction(engine) as session:
        tables.reaching.owed_to(session, only_call().request_id).done_at = NOON
    guest.hangs_up()
    assert owed() == []


def test_a_withheld_caller_who_hangs_up_is_owed_a_call_without_a_number(caller, owed):
    """A placeholder is no number to dial."""
    caller(From="+266696687").dials().hangs_up()
    assert [row.number for row in owed()] == [None]


def test_when_and_how_a_call_is_owed_is_the_operators(run_line, phone, owed):
    """After two minutes, by itself, with a clock that stands at noon."""
    fields = {"callback_after": timedelta(minutes=2), "callback_automatic": True, "at": NOON}
    with run_line("en", **fields) as line:
        phone(line).dials().hangs_up("no-answer")
    (row,) = owed()
    assert (row.due_at, row.made_at, row.automatic) == (NOON + timedelta(minutes=2), NOON, True)
    assert row.why == "the call ended (no-answer) at step consent"


def test_whoever_heard_the_reference_is_owed_nothing(caller, owed, only_call):
    """The conversation was complete."""
    LEAVES["phone"](caller()).presses("1").hears("reference").hangs_up()
    assert not owed()
    assert only_call().ended_at is not None


def test_a_hang_up_before_any_input_leaves_an_incident(line, only_call, owed):
    """Even if the end is all we ever hear of a call."""
    line.post("/voice/status", CallSid=f"CA{1:032x}", CallStatus="completed", CallDuration="3")
    assert only_call().request_id is not None
    assert len(owed()) == 1


@pytest.mark.parametrize("digits", ["hangup", ""])
def test_a_hang_up_during_a_recording_is_told_by_its_action(caller, line, owed, only_call, digits: str):
    """`Digits=hangup` with a completed call is no answer: the recording is kept, and the incident says where."""
    guest = LEAVES["record"](caller())
    form = {"RecordingSid": RECORDING, "Digits": digits, "CallStatus": "completed"}
    answer = line.post("/voice/turn?step=record&try=0", CallSid=guest.sid, **form)
    assert "<Hangup" in answer.text
    assert (only_call().step, only_call().answers["recording"]) == ("record", RECORDING)
    assert [row.why for row in owed()] == ["the caller hung up at step record"]
    guest.hangs_up()
    assert len(owed()) == 1


def test_an_empty_recording_goes_on(caller, only_call):
    """Twilio skips the action of a recording without sound: the verb that follows asks the next question."""
    LEAVES["record"](caller()).stays_silent().hears("production system")
    assert only_call().answers["recording"] == "none"


def test_calls_that_come_to_nothing_are_one_incident_each(line, engine: Engine):
    """Four ends of four calls, none of which ever rang here."""
    for number, status in enumerate(("busy", "no-answer", "failed", "canceled")):
        line.post("/voice/status", CallSid=f"CA{number:032x}", CallStatus=status)
    with transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(tables.requests.Request)) == 4
        assert {call.status for call in session.scalars(select(tables.calls.Call))} == {
            "busy", "no-answer", "failed", "canceled"
        }  # fmt: skip
