"""After a restore nothing goes out twice: what waited in the dump is shown as in doubt, and is not sent or rung."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine

from models import tables
from models.store import transaction
from models.tables.reaching import CallReceipt
from models.terms import CallbackOutcome, OutgoingState
from voice import phone, texting
from voice.dialling import RESTORED, Trunk
from voice.outgoing import Named

MOBILE = "+4915155501234"
SM = "SM" + "3" * 32


@pytest.fixture
def restored(now: datetime) -> list[datetime]:
    """When the database was first seen after a restore."""
    return [now + timedelta(seconds=30)]


@pytest.fixture
def line_out(trunk: Trunk, restored: list[datetime]) -> Trunk:
    """The line out of a house whose database was restored."""
    return replace(trunk, restored=lambda _session, _now: restored[-1])


@pytest.fixture
def text(engine: Engine, request_id: UUID, line_out: Trunk, clock) -> Callable[[datetime], CallReceipt]:
    """Let a worker send a receipt that waits since a moment."""

    def run(since: datetime) -> CallReceipt:
        with transaction(engine) as session:
            call = tables.calls.Call(
                call_sid=f"CA{uuid4().hex}", account_sid="AC1", from_number=MOBILE, to_number="", status="completed",
                step="receipt", answers={"language": "en"}, started_at=since,
            )  # fmt: skip
            session.add(call)
            session.flush()
            row = CallReceipt(
                call_id=call.id, request_id=request_id, channel="sms", recipient=MOBILE, state=OutgoingState.PENDING,
                created_at=since,
            )  # fmt: skip
            session.add(row)
            session.flush()
            key = row.id
        naming = lambda _request: Named(level="", support="WSO2")  # noqa: E731 - the port in one line
        texting.send(engine, key, trunk=line_out, naming=naming, clock=lambda: clock.now)
        with transaction(engine) as session:
            return session.get_one(CallReceipt, key)

    return run


@pytest.fixture
def page(engine: Engine, line_out: Trunk, clock, settled) -> Callable[[UUID], None]:
    """Let a worker page somebody."""

    def run(notice: UUID) -> None:
        settle = lambda _session, step: settled.append(step)  # noqa: E731 - the port in one line
        phone.page(
            engine, notice, trunk=line_out, ended=lambda *_: "", settle=settle, clock=lambda: clock.now
        )  # fmt: skip

    return run


@pytest.fixture
def ring(engine: Engine, line_out: Trunk, clock) -> Callable[[UUID], None]:
    """Let a worker ring a customer."""
    return lambda attempt: phone.place_callback(engine, attempt, trunk=line_out, clock=lambda: clock.now)


def test_a_text_that_waited_in_the_dump_is_in_doubt(text, twilio, now):
    """Its caller may have had it hours ago."""
    row = text(now)
    assert (row.state, row.error, row.message_sid) == (OutgoingState.UNCERTAIN, RESTORED, None)
    assert twilio.asked == []


def test_a_page_that_waited_in_the_dump_is_in_doubt(make_notice, page, the_notice, twilio, settled, step_id):
    """Whoever was to be woken is not woken twice; the step follows, so that mail or the next rung tells them."""
    page(make_notice())
    assert (the_notice().state, the_notice().error) == (OutgoingState.UNCERTAIN, RESTORED)
    assert settled == [step_id]
    assert twilio.asked == []


def test_a_call_to_a_customer_that_waited_in_the_dump_is_not_placed(make_attempt, ring, the_attempt, twilio, log):
    """It ends as failed with the reason, which tells nothing about the customer; a person may ask for another."""
    ring(make_attempt())
    row = the_attempt()
    assert (row.outcome, row.note, row.call_sid) == (CallbackOutcome.FAILED, RESTORED, None)
    assert row.ended_at is not None
    assert ("callback", "callback:…", "failed", "ida") in log()
    assert twilio.asked == []


def test_what_is_younger_than_the_restore_goes_out(
    text, make_notice, page, the_notice, make_attempt, ring, the_attempt, twilio, restored, now
):
    """Only the copies are in doubt."""
    restored.append(now - timedelta(seconds=1))
    twilio.expect(body={"sid": SM, "status": "queued"})
    assert text(now).state is OutgoingState.SENT
    twilio.expect()
    page(make_notice())
    assert the_notice().state is OutgoingState.SENT
    twilio.expect(body={"sid": "CA" + "7" * 32, "status": "queued"})
    ring(make_attempt())
    assert the_attempt().outcome is CallbackOutcome.PLACED
    assert len(twilio.asked) == 3
