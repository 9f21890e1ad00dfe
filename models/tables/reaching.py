"""Who is reached by telephone: engineers rung for a caller, callers owed a call, receipts sent after one."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models import calling, terms
from models.tables.base import At, Base, Id, one_of


class Leg(Base):
    """One telephone of ours that was rung for a caller on the line (Twilio's child call), and what came of it.

    Legs of one `round` ring at once. `taken_at` is when key 1 was pressed; `bridged` is what Twilio said when the two
    were connected, or were not, None before. `dial_call_sid` is the child call's, once Twilio names it.
    """

    __tablename__ = "legs"
    __table_args__ = (UniqueConstraint("call_id", "round", "number"),)

    id: Mapped[Id]
    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id"), index=True)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"), index=True)
    round: Mapped[int]
    name: Mapped[str]
    number: Mapped[str]
    ring_seconds: Mapped[int]
    state: Mapped[calling.LegState] = mapped_column(one_of(calling.LegState))
    dial_call_sid: Mapped[str | None] = mapped_column(unique=True)
    rung_at: Mapped[At]
    answered_at: Mapped[datetime | None]
    key_pressed: Mapped[str | None]
    taken_at: Mapped[datetime | None]
    bridged: Mapped[bool | None]
    ended_at: Mapped[datetime | None]
    sip_code: Mapped[int | None]


class OwedCall(Base):
    """A customer who is owed a call: they hung up, or nobody could be reached; done once somebody was spoken to.

    `number` is None where they left none. With `automatic` the house rings them by itself at `due_at`, and again.
    """

    __tablename__ = "owed_calls"
    __table_args__ = (
        Index("ix_owed_calls_due_at", "due_at", postgresql_where=text("done_at IS NULL")),
        Index("uq_owed_calls_open", "request_id", unique=True, postgresql_where=text("done_at IS NULL")),
    )

    id: Mapped[Id]
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"), index=True)
    call_id: Mapped[UUID | None] = mapped_column(ForeignKey("calls.id"))
    number: Mapped[str | None]
    why: Mapped[str]
    automatic: Mapped[bool]
    due_at: Mapped[At]
    made_at: Mapped[At]
    made_by: Mapped[str] = mapped_column(default="")
    attempts: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None]
    done_by: Mapped[str] = mapped_column(server_default="", default="")
    outcome: Mapped[str] = mapped_column(server_default="", default="")


class CallReceipt(Base):
    """The reference of a call sent to its caller by `channel` (sms or mail), once at most."""

    __tablename__ = "call_receipts"
    __table_args__ = (UniqueConstraint("call_id", "channel"),)

    id: Mapped[Id]
    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id"), index=True)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"), index=True)
    channel: Mapped[str]
    recipient: Mapped[str]
    state: Mapped[terms.OutgoingState] = mapped_column(one_of(terms.OutgoingState))
    error: Mapped[str | None]
    message_sid: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[At]
    told_at: Mapped[datetime | None]


# A caller waits for these: a statement made once costs two thirds of one made each time, on the table itself half.
_OWED, _RECEIPTS = (Base.metadata.tables[each.__tablename__] for each in (OwedCall, CallReceipt))
_OWE = (
    insert(_OWED)
    .on_conflict_do_nothing(index_elements=["request_id"], index_where=_OWED.c.done_at.is_(None))
    .returning(_OWED.c.id)
)
_LEGS = select(Leg).where(Leg.call_id == bindparam("call")).order_by(Leg.round, Leg.id)
_STILL_OWED = select(OwedCall).where(OwedCall.request_id == bindparam("request"), OwedCall.done_at.is_(None))
_STILL_OWED = _STILL_OWED.with_for_update()
_RECEIPT = insert(_RECEIPTS).on_conflict_do_nothing(index_elements=["call_id", "channel"]).returning(_RECEIPTS.c.id)


def legs(session: Session, call: UUID) -> list[Leg]:
    """Everybody rung for a call, in the order they were rung."""
    return list(session.scalars(_LEGS, {"call": call}))


def legs_of_request(session: Session, request: UUID) -> list[Leg]:
    """Everybody rung for the callers of a request, in that order."""
    return list(session.scalars(select(Leg).where(Leg.request_id == request).order_by(Leg.rung_at, Leg.id)))


def leg_held(session: Session, leg: UUID) -> Leg | None:
    """One leg, held until the transaction ends, or None."""
    return session.get(Leg, leg, with_for_update=True, populate_existing=True)


def rounds_untold(session: Session, since: datetime, before: datetime, most: int) -> list[tuple[UUID, int]]:
    """Some of the rounds (call, number) that were rung between two moments and whose end was not told.

    In no order: talks that last long must not keep others from being asked for.
    """
    found = select(Leg.call_id, Leg.round).where(Leg.bridged.is_(None), Leg.rung_at > since, Leg.rung_at < before)
    some = found.group_by(Leg.call_id, Leg.round).order_by(func.random()).limit(most)
    return [(call, number) for call, number in session.execute(some)]


def owe_call(session: Session, **columns: object) -> UUID | None:
    """Record that a customer is owed a call; None if one is owed for this request already."""
    made: UUID | None = session.execute(_OWE, columns).scalar()
    return made


def add_receipt(session: Session, **columns: object) -> UUID | None:
    """Record that the reference of a call is to be sent by one channel; None if it was recorded before."""
    made: UUID | None = session.execute(_RECEIPT, columns).scalar()
    return made


def owed_to(session: Session, request: UUID) -> OwedCall | None:
    """The call that is still owed for a request, held until the transaction ends, or None."""
    return session.scalar(_STILL_OWED, {"request": request})


def owed_of_request(session: Session, request: UUID) -> list[OwedCall]:
    """Every call that is or was owed for a request, oldest first."""
    return list(session.scalars(select(OwedCall).where(OwedCall.request_id == request).order_by(OwedCall.id)))


def owed(session: Session) -> list[OwedCall]:
    """Every call still owed, the earliest due first."""
    return list(session.scalars(select(OwedCall).where(OwedCall.done_at.is_(None)).order_by(OwedCall.due_at)))


def receipts(session: Session, request: UUID) -> list[CallReceipt]:
    """What was sent to the callers of a request, oldest first."""
    return list(session.scalars(select(CallReceipt).where(CallReceipt.request_id == request).order_by(CallReceipt.id)))
