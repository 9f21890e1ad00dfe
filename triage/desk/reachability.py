"""The ledger of attempts to reach a customer by telephone: each is a row that is never changed once it has ended."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from models import tables
from models.errors import Invalid, NotFound
from models.terms import CallbackOutcome, JobKind
from triage.desk import knowledge

BY_HAND = tuple(outcome for outcome in CallbackOutcome if outcome is not CallbackOutcome.PLACED)
"""How an attempt that somebody made on their own telephone can have ended."""


def attempt(
    session: Session,
    request_id: UUID,
    *,
    outcome: CallbackOutcome,
    engineer: str,
    now: datetime,
    number: str = "",
    note: str = "",
) -> tables.progress.Callback:
    """Write down a call an engineer made on their own telephone; one that was answered is a response (A12).

    Raises:
        NotFound: there is no such request.
        Invalid: there is no number, neither given nor on file.

    """
    row = _row(session, request_id, outcome, engineer, now, number, note)
    answered = outcome is CallbackOutcome.ANSWERED
    for event in ("callback", "acted", *(["responded"] if answered else [])):
        value = {"callback": outcome.value, "acted": engineer}.get(event, "")
        tables.requests.record_clock(
            session, request_id, event, f"callback:{row.id}", now, value=value, note=note, made_by=engineer
        )
    tables.requests.wants_attention(session, request_id, now)
    return row


def call_back(session: Session, request_id: UUID, *, engineer: str, now: datetime) -> tables.progress.Callback:
    """Have the house call the customer's number: the attempt stands at once, a job places it.

    Raises:
        NotFound: there is no such request.
        Invalid: there is no number on file, or a call is under way.

    """
    tables.requests.fetch_locked(session, request_id)
    if any(row.outcome is CallbackOutcome.PLACED for row in tables.progress.callbacks(session, request_id)):
        raise Invalid(public="A call to this customer is under way; wait for its end.")
    row = _row(session, request_id, CallbackOutcome.PLACED, engineer, now, "", "")
    tables.jobs.schedule(session, JobKind.CALLBACK_PLACE, row.id, now)
    return row


def _row(
    session: Session, request_id: UUID, outcome: CallbackOutcome, engineer: str, now: datetime, number: str, note: str
) -> tables.progress.Callback:
    request = tables.requests.fetch_locked(session, request_id)
    if request is None:
        raise NotFound(f"request {request_id}")
    on_file = knowledge.contact_number(session, request)
    called = number.strip() or (on_file.value if on_file else "")
    if not called:
        raise Invalid(public="There is no telephone number on file for this request; write the number you called.")
    placed = outcome is CallbackOutcome.PLACED
    row = tables.progress.Callback(
        request_id=request_id,
        number=called,
        placed_by=engineer,
        placed_at=now,
        outcome=outcome,
        ended_at=None if placed else now,
        note=note,
    )
    session.add(row)
    session.flush()
    return row
