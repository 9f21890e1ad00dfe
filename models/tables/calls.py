"""Calls and the webhooks that told us about them."""

import re
from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    Row,
    UniqueConstraint,
    bindparam,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.tables import progress, requests
from models.tables.base import At, Base, Id, Json

NUMBERS = ("phone", "caller")
"""The names under which the answers of a call hold telephone numbers, in E.164."""
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
GAPS = re.compile(r"[\s()./-]+")
"""What people write between digits."""


class Call(Base):
    """One telephone call, whatever the number and order of its webhooks.

    `started_at` is the time of the first webhook and never moves; `status` is Twilio's and only
    moves forward; `answers` is what the caller told the menu. `recovered_at`: learnt from Twilio's list
    of calls then, since no webhook of it had reached us.
    """

    __tablename__ = "calls"
    __table_args__ = (Index("ix_calls_started_at_id", "started_at", "id"),)

    id: Mapped[Id]
    call_sid: Mapped[str] = mapped_column(unique=True)
    account_sid: Mapped[str]
    from_number: Mapped[str]
    to_number: Mapped[str]
    status: Mapped[str]
    step: Mapped[str]
    misses: Mapped[int] = mapped_column(default=0)
    answers: Mapped[Json]
    request_id: Mapped[UUID | None] = mapped_column(ForeignKey("requests.id"), index=True)
    started_at: Mapped[At]
    ended_at: Mapped[datetime | None]
    duration_seconds: Mapped[int | None]
    recovered_at: Mapped[datetime | None]


class CallEvent(Base):
    """One webhook, once: `key` is its natural identity (CallSid, kind, turn or status)."""

    __tablename__ = "call_events"

    id: Mapped[Id]
    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id"), index=True)
    key: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    params: Mapped[Json]
    answer: Mapped[str | None]
    received_at: Mapped[At]


class Recording(Base):
    """A recording of a call and, when it comes, its transcript.

    `digest` is the SHA-256 of its media. `erased_at`: they are here no more; `removed_at`: nor at Twilio.
    """

    __tablename__ = "recordings"
    __table_args__ = (UniqueConstraint("recording_sid"),)

    id: Mapped[Id]
    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id"), index=True)
    recording_sid: Mapped[str]
    status: Mapped[str]
    duration_seconds: Mapped[int | None]
    transcript: Mapped[str | None]
    transcript_status: Mapped[str | None]
    media: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    media_type: Mapped[str | None]
    digest: Mapped[str | None]
    fetched_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]
    created_at: Mapped[At]


# Statements on the tables, made once: what every webhook asks costs a third of the same on the mapped class.
_CALLS, _EVENTS = (Base.metadata.tables[each.__tablename__] for each in (Call, CallEvent))
_NAMES = tuple(each.name for each in _CALLS.c)
_HELD = select(_CALLS).where(_CALLS.c.call_sid == bindparam("sid")).with_for_update()
_ADDED = insert(_CALLS).on_conflict_do_nothing(index_elements=["call_sid"]).returning(_CALLS)
_CHANGING = tuple(each.name for each in _CALLS.c if each.name not in {"id", "call_sid", "account_sid", "started_at"})
_KEPT = update(_CALLS).where(_CALLS.c.id == bindparam("call"))
_KEPT = _KEPT.values({name: bindparam(f"call_{name}") for name in _CHANGING})
_LATEST = (
    select(_CALLS.c.call_sid).where(_CALLS.c.request_id == bindparam("request")).order_by(_CALLS.c.id.desc()).limit(1)
)
_ANSWERED = select(_EVENTS.c.answer).where(_EVENTS.c.key == bindparam("key"))
_RECORDED = insert(_EVENTS).on_conflict_do_nothing(index_elements=["key"]).returning(_EVENTS.c.id)
_KEPT_AND_RECORDED = (
    insert(_EVENTS).on_conflict_do_nothing(index_elements=["key"]).returning(_EVENTS.c.id).add_cte(_KEPT.cte("kept"))
)


def by_sid(session: Session, call_sid: str) -> Call | None:
    """The call with this CallSid, or None."""
    return session.scalar(select(Call).where(Call.call_sid == call_sid))


def by_sid_locked(session: Session, call_sid: str) -> Call | None:
    """The call with this CallSid, held until the transaction ends, so that its webhooks queue up."""
    return session.scalar(select(Call).where(Call.call_sid == call_sid).with_for_update())


def hold(session: Session, call_sid: str) -> Call | None:
    """As `by_sid_locked`, but no change of it is written before `keep` or `record_answer` does."""
    return _apart(session.execute(_HELD, {"sid": call_sid}).first())


def add(session: Session, **columns: object) -> Call | None:
    """A new call, as `hold` gives it; None if it is there, or somebody else has made it just now."""
    return _apart(session.execute(_ADDED, {"misses": 0, **columns}).first())


def keep(session: Session, call: Call) -> None:
    """Write what has changed of a call that is held."""
    session.execute(_KEPT, _changed(call))


def _apart(row: Row[Any] | None) -> Call | None:
    """A call that no session knows: nothing has to take note of how its attributes are set."""
    if row is None:
        return None
    call = Call()
    vars(call).update(zip(_NAMES, row, strict=True))
    return call


def _changed(call: Call) -> dict[str, Any]:
    return {"call": call.id, **{f"call_{name}": getattr(call, name) for name in _CHANGING}}


def latest_sid(session: Session, request: UUID) -> str | None:
    """The CallSid of the newest call of a request, or None."""
    sid: str | None = session.execute(_LATEST, {"request": request}).scalar()
    return sid


def by_request(session: Session, request: UUID) -> list[Call]:
    """Every call of a request, oldest first."""
    return list(session.scalars(select(Call).where(Call.request_id == request).order_by(Call.id)))


def since(session: Session, request: UUID, contact: UUID | None, at: datetime) -> list[datetime]:
    """When somebody called after a moment, oldest first: about this request, the same contact, or from its numbers.

    A call from a number that we know the request by (one we rang, one its callers had or left, one of its party)
    counts, whoever's request it opened: that telephone is answered.
    """
    numbers = _numbers(session, request)
    theirs = (requests.Request.id == request) | _from(numbers) if numbers else requests.Request.id == request
    if contact is not None:
        theirs = theirs | (requests.Request.contact_id == contact)
    found = select(Call.started_at).outerjoin(requests.Request, requests.Request.id == Call.request_id)
    return list(session.scalars(found.where(theirs, Call.started_at > at).order_by(Call.started_at)))


def _numbers(session: Session, request: UUID) -> frozenset[str]:
    """The telephone numbers that a request is known by, in E.164.

    `from_number` of its calls is not among them: of callers who withhold theirs it is the same (`answers` has none).
    """
    rung = session.scalars(select(progress.Callback.number).where(progress.Callback.request_id == request))
    answers = [call.answers for call in by_request(session, request)]
    left = [told.get(name, "") for told in answers for name in NUMBERS]
    written = (GAPS.sub("", one) for one in (*rung, *left, *requests.parties(session, request)))
    return frozenset(one for one in written if E164.fullmatch(one))


def _from(numbers: Collection[str]) -> ColumnElement[bool]:
    """Whether a call came from one of these numbers, or its caller left one of them."""
    own = Call.from_number.in_(numbers)
    return or_(own, *(Call.answers[name].astext.in_(numbers) for name in NUMBERS))


def recordings(session: Session, call: UUID) -> list[Recording]:
    """Every recording of a call, oldest first."""
    return list(session.scalars(select(Recording).where(Recording.call_id == call).order_by(Recording.id)))


def recording_by_sid(session: Session, recording_sid: str) -> Recording | None:
    """The recording with this RecordingSid, or None."""
    return session.scalar(select(Recording).where(Recording.recording_sid == recording_sid))


def event_by_key(session: Session, key: str) -> CallEvent | None:
    """The webhook recorded under this key, or None."""
    return session.scalar(select(CallEvent).where(CallEvent.key == key))


def answer_given(session: Session, key: str) -> str | None:
    """What the webhook recorded under this key was answered, or None."""
    given: str | None = session.execute(_ANSWERED, {"key": key}).scalar()
    return given


def record_event(session: Session, call: UUID, key: str, kind: str, params: dict[str, Any], now: datetime) -> bool:
    """Record a webhook; False if it was recorded before."""
    columns = {"call_id": call, "key": key, "kind": kind, "params": params, "received_at": now}
    return session.execute(_RECORDED, columns).first() is not None


def record_answer(
    session: Session, call: Call, key: str, kind: str, params: dict[str, Any], now: datetime, answer: str
) -> None:
    """Keep a call that is held, and record the webhook that changed it with the answer it was given."""
    columns = {"call_id": call.id, "key": key, "kind": kind, "params": params, "received_at": now, "answer": answer}
    session.execute(_KEPT_AND_RECORDED, columns | _changed(call))


def events(session: Session, call: UUID) -> list[CallEvent]:
    """Every webhook of a call, in the order they came."""
    return list(session.scalars(select(CallEvent).where(CallEvent.call_id == call).order_by(CallEvent.id)))
