"""The way out by telephone: pages to our own people and calls to customers, each placed once.

Twilio has no idempotency key for calls. So the intent is committed before Twilio is asked, and a call that may have
been placed is never placed again by itself: it is shown as such, until a webhook of its own says that it rings.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from models import tables
from models.errors import Unavailable
from models.ports import Clock
from models.store import transaction
from models.terms import CallbackOutcome, OutgoingState
from voice import callbacks
from voice.calls import TERMINAL
from voice.dialling import RESTORED, Outcome, Trunk, dial, dialable, look_up, obstacle
from voice.outgoing import Settle

PHONE = "phone"
"""The channel of notices that go out here; those by mail are the intake's."""
INTERRUPTED = "interrupted while the call was being placed"
NO_NUMBER = "the number is none that can be called"
OUR_OWN = "the number is one of ours: the house would ring itself"
FRESH = timedelta(minutes=15)
"""How long somebody who asked for a call to a customer waits for it."""
PAGED_WITHIN = timedelta(minutes=5)
"""How long somebody of ours waits for a page that Twilio does not place: then they are told in another way."""
OVERDUE = timedelta(minutes=5)
"""When Twilio is asked about a call whose end it has not told."""
LOST = timedelta(hours=1)
"""When an attempt of whose end nobody knows is closed, so that the next one can be made."""

Ended = Callable[[Session, tables.progress.EscalationStep], str]
"""Why nobody need be told of a step any more; empty while somebody must."""

log = structlog.get_logger()


def page(engine: Engine, notice_id: UUID, *, trunk: Trunk, ended: Ended, settle: Settle, clock: Clock) -> None:
    """Call whom a notice names about its step: intent recorded, placed, outcome recorded.

    An interrupted attempt ends *uncertain* and is not repeated; a notice of a step whose ladder was stopped meanwhile
    is dropped. One that certainly was not placed is tried again for a while (`PAGED_WITHIN`), and fails then. `settle`
    lets the step's state follow its notices.

    Raises:
        Unavailable: certainly no call was made; the job is tried again later.

    """
    number = _begin_page(engine, notice_id, trunk, ended, settle, clock())
    if number is None:
        return
    outcome = dial(trunk, to=number, path=f"/voice/page/{notice_id}")
    with transaction(engine) as session:
        row = _notice(session, notice_id)
        if row is None:
            return
        if row.call_sid is None:  # else a webhook of this call was faster, and has said that it was placed
            later = OutgoingState.PENDING if clock() - row.created_at < PAGED_WITHIN else OutgoingState.FAILED
            row.state, row.call_sid = outcome.state or later, outcome.sid
            row.error, row.told_at = outcome.error or None, clock() if outcome.sid else None
        session.flush()
        settle(session, row.step_id)
    log.info("page.placed", notice=str(notice_id), state=row.state)
    if row.state is OutgoingState.PENDING:
        raise Unavailable(outcome.error)


def _begin_page(
    engine: Engine, notice_id: UUID, trunk: Trunk, ended: Ended, settle: Settle, now: datetime
) -> str | None:
    """Record the intent; the number to call, or None if there is nothing to do (any more)."""
    with transaction(engine) as session:
        row = _notice(session, notice_id)
        if row is None or row.channel != PHONE or row.state not in (OutgoingState.PENDING, OutgoingState.SENDING):
            return None
        number = dialable(row.recipient, trunk.region)
        step = session.get_one(tables.progress.EscalationStep, row.step_id)
        if row.state is OutgoingState.SENDING:
            row.state, row.error = OutgoingState.UNCERTAIN, INTERRUPTED
        elif trunk.doubts(session, row.created_at, now):
            row.state, row.error = OutgoingState.UNCERTAIN, RESTORED
        elif reason := ended(session, step):
            row.state, row.error = OutgoingState.DROPPED, reason
        elif problem := obstacle(trunk) or ("" if number else NO_NUMBER):
            row.state, row.error = OutgoingState.FAILED, problem
        else:
            row.state, row.error, row.attempts = OutgoingState.SENDING, None, row.attempts + 1
            return number
        session.flush()
        settle(session, row.step_id)
        return None


def place_callback(engine: Engine, callback_id: UUID, *, trunk: Trunk, clock: Clock) -> None:
    """Ring the customer for one attempt in the ledger, which is placed once at most, whatever comes of it.

    Where Twilio cannot be reached, refuses our token or answers 429, the attempt stays under way and is tried again
    while whoever asked for it may still wait (`FRESH`). One that was refused, or may have been placed, ends as failed,
    with the reason, and leaves a call owed by a person.
    Failed tells nothing about the customer; only attempts that rang count (`triage.reachability`).

    Raises:
        Unavailable: certainly no call was made; the job is tried again later.

    """
    number = _begin_callback(engine, callback_id, trunk, clock())
    if number is None:
        return
    outcome = dial(trunk, to=number, path=f"/voice/callback/{callback_id}", events=["ringing"])
    with transaction(engine) as session:
        row = callbacks.held(session, callback_id)
        if row is None or row.call_sid is not None:  # a webhook of this call was faster
            return
        row.call_sid = outcome.sid
        if outcome.state is None:
            callbacks.note_turned_away(session, row, clock(), outcome.error)
        elif row.call_sid is None:
            callbacks.fail(session, row, _why(outcome), clock())
    log.info("callback.placed", callback=str(callback_id), outcome=row.outcome)
    if outcome.state is None:
        raise Unavailable(outcome.error)


def _begin_callback(engine: Engine, callback_id: UUID, trunk: Trunk, now: datetime) -> str | None:
    """Record the intent in the log of the request; the number to call, or None if there is nothing to do."""
    with transaction(engine) as session:
        row = callbacks.held(session, callback_id)
        if row is None or row.outcome is not CallbackOutcome.PLACED or row.call_sid or row.ended_at:
            return None
        number = dialable(row.number, trunk.region)
        if callbacks.was_dialled(session, row):
            callbacks.fail(session, row, _why(Outcome(state=OutgoingState.UNCERTAIN, error=INTERRUPTED)), now)
        elif trunk.doubts(session, row.placed_at, now):
            callbacks.fail(session, row, RESTORED, now)
        elif now - row.placed_at > FRESH:
            callbacks.fail(session, row, "too old to be of use", now)
        elif problem := obstacle(trunk) or ("" if number else NO_NUMBER) or _own(number, trunk):
            callbacks.fail(session, row, problem, now)
        else:
            callbacks.note_dialled(session, row, now)
            return number
        return None


def _own(number: str | None, trunk: Trunk) -> str:
    """Why a number of ours is not called; empty for any other."""
    return OUR_OWN if number in {dialable(each, trunk.region) for each in (trunk.from_number, *trunk.numbers)} else ""


def _why(outcome: Outcome) -> str:
    """Why an attempt failed, for those who read the ledger."""
    if outcome.state is OutgoingState.UNCERTAIN:
        return f"it is not certain whether the call was placed: {outcome.error}"
    return f"nobody was called: {outcome.error}"


def catch_up(engine: Engine, *, trunk: Trunk, clock: Clock, batch: int = 10) -> int:
    """End the attempts whose end no webhook told, by asking Twilio; how many were looked at. For beat.

    Twilio tells the end of a call a few times within seconds; whoever was away then would wait for ever. Some of them
    are looked at, in no order: talks that last long must not keep others from being asked for.

    Raises:
        Unavailable: PostgreSQL is away.

    """
    now, row = clock(), tables.progress.Callback
    late = select(row.id, row.call_sid).where(row.ended_at.is_(None), row.placed_at < now - OVERDUE)
    with transaction(engine) as session:
        found = session.execute(late.order_by(func.random()).limit(batch)).all()
    for attempt, call_sid in found:
        told = look_up(trunk.account, call_sid) if call_sid else {}
        with transaction(engine) as session:
            if told.get("CallStatus") in TERMINAL:
                callbacks.status(session, attempt, told, now)
            else:
                _close_lost(session, attempt, now)
    return len(found)


def _close_lost(session: Session, attempt: UUID, now: datetime) -> None:
    row = callbacks.held(session, attempt)
    if row is None or row.ended_at is not None or now - row.placed_at < LOST:
        return
    if row.key_pressed is not None:
        callbacks.end(session, row, row.outcome, now)
    else:
        callbacks.fail(session, row, "nobody knows how the call ended", now)


def _notice(session: Session, notice_id: UUID) -> tables.progress.Notice | None:
    return session.get(tables.progress.Notice, notice_id, with_for_update=True)
