"""Reads for the pages of calls: who is on the line, who was missed, who is owed a call. Never a recording's sound."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session

from console import calling
from models.tables import calls, directory, reaching, requests

LIVE_LIMIT = 50
UNSUCCESSFUL = ("busy", "no-answer", "failed", "canceled")
"""How a call ends that nobody took (https://www.twilio.com/docs/voice/api/call-resource#call-status-values)."""
COLUMNS = (
    "id",
    "call_sid",
    "from_number",
    "to_number",
    "status",
    "step",
    "answers",
    "started_at",
    "ended_at",
    "duration_seconds",
    "recovered_at",
)


class Only(StrEnum):
    """What a list of calls is narrowed to."""

    LIVE = "live"
    MISSED = "missed"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLine:
    """One line of the list of calls; `recordings` says how many there are, not what they hold.

    `legs` is who was rung for the caller; `is_owed` whether they are owed a call now.
    """

    id: UUID
    call_sid: str
    from_number: str
    to_number: str
    status: str
    step: str
    answers: dict[str, Any]
    started_at: datetime
    ended_at: datetime | None
    duration_seconds: int | None
    recovered_at: datetime | None
    number: int | None
    subject: str | None
    account: str | None
    recordings: int
    is_owed: bool
    is_missed: bool
    legs: tuple[reaching.Leg, ...] = ()

    @property
    def reference(self) -> str | None:
        """The number of the request, or None while there is none."""
        return f"{requests.REFERENCE_PREFIX}{self.number}" if self.number is not None else None

    @property
    def seconds_to_human(self) -> int | None:
        """Seconds from the first ring until somebody of us was on the line, None where nobody was."""
        return calling.seconds_to_human(self.started_at, self.legs)


def live(session: Session, now: datetime) -> list[CallLine]:
    """The callers on the line now, who has waited longest first, with who is being rung for each."""
    call = calls.Call
    on = call.ended_at.is_(None), call.started_at > now - calling.LONGEST
    return _lines(session, _found().where(*on).order_by(call.started_at, call.id).limit(LIVE_LIMIT))


def page(
    session: Session, before: UUID | None, limit: int, *, only: Only | None, now: datetime
) -> tuple[list[CallLine], UUID | None]:
    """Calls newest first, whenever we learnt of them, and the id to go on from, None at the end."""
    call = calls.Call
    found = _found().order_by(call.started_at.desc(), call.id.desc()).limit(limit + 1)
    if before is not None:
        last = select(call.started_at, call.id).where(call.id == before)
        found = found.where(tuple_(call.started_at, call.id) < last.scalar_subquery())
    if only is Only.LIVE:
        found = found.where(call.ended_at.is_(None), call.started_at > now - calling.LONGEST)
    elif only is Only.MISSED:
        found = found.where(_missed())
    elif only is Only.RECOVERED:
        found = found.where(call.recovered_at.is_not(None))
    lines = _lines(session, found)
    return lines[:limit], lines[limit - 1].id if len(lines) > limit else None


def owed_count(session: Session) -> int:
    """How many customers are owed a call."""
    row = reaching.OwedCall
    return session.scalar(select(func.count()).select_from(row).where(row.done_at.is_(None))) or 0


def _found() -> Select[Any]:
    call, owed_ = calls.Call, reaching.OwedCall
    recorded = select(func.count()).where(calls.Recording.call_id == call.id).correlate(call).scalar_subquery()
    still = exists().where(owed_.request_id == call.request_id, owed_.done_at.is_(None)).correlate(call)
    return (
        select(
            *(getattr(call, name) for name in COLUMNS),
            requests.Request.number,
            requests.Request.subject,
            directory.Account.name.label("account"),
            recorded.label("recordings"),
            still.label("is_owed"),
            _missed().label("is_missed"),
        )
        .outerjoin(requests.Request, requests.Request.id == call.request_id)
        .outerjoin(directory.Account, directory.Account.id == requests.Request.account_id)
    )


def _missed() -> ColumnElement[bool]:
    """Whether a call ended before its caller had spoken to anybody or told us everything."""
    call, leg, owed_ = calls.Call, reaching.Leg, reaching.OwedCall
    spoke = exists().where(leg.call_id == call.id, leg.bridged.is_(True)).correlate(call)
    was_owed = exists().where(owed_.call_id == call.id).correlate(call)
    left = or_(call.status.in_(UNSUCCESSFUL), call.step != calling.TOLD, was_owed)
    return and_(call.ended_at.is_not(None), ~spoke, left)


def _lines(session: Session, found: Select[Any]) -> list[CallLine]:
    rows = session.execute(found).all()
    legs = _legs(session, [row.id for row in rows])
    return [CallLine(**row._mapping, legs=tuple(legs.get(row.id, ()))) for row in rows]  # noqa: SLF001 - a row's public name


def _legs(session: Session, of: Iterable[UUID]) -> dict[UUID, list[reaching.Leg]]:
    """Who was rung for each of these calls, in that order; one statement."""
    leg = reaching.Leg
    by_call: dict[UUID, list[reaching.Leg]] = {}
    for row in session.scalars(select(leg).where(leg.call_id.in_(list(of))).order_by(leg.round, leg.rung_at, leg.id)):
        by_call.setdefault(row.call_id, []).append(row)
    return by_call
