"""What hangs off a request while it is worked on: stated facts, callbacks, steps of escalation and who was told."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models import terms
from models.tables.base import At, Base, Id, one_of


class StatedFact(Base):
    """What a person stated about a request; the last one of a name counts, `unknown` takes back what a text says."""

    __tablename__ = "stated_facts"

    id: Mapped[Id]
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"), index=True)
    name: Mapped[str]
    value: Mapped[str]
    stated_by: Mapped[str]
    stated_at: Mapped[At]


class Callback(Base):
    """One attempt to reach a customer by telephone: the ledger of who was called, when, and what came of it.

    `call_sid` is set where the house placed the call itself; an attempt that somebody made by hand has none.
    """

    __tablename__ = "callbacks"

    id: Mapped[Id]
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"), index=True)
    number: Mapped[str]
    placed_by: Mapped[str]
    placed_at: Mapped[At]
    outcome: Mapped[terms.CallbackOutcome] = mapped_column(one_of(terms.CallbackOutcome))
    call_sid: Mapped[str | None] = mapped_column(unique=True)
    ended_at: Mapped[datetime | None]
    ring_seconds: Mapped[int | None]
    sip_code: Mapped[int | None]
    answered_by: Mapped[str | None]
    key_pressed: Mapped[str | None]
    note: Mapped[str] = mapped_column(default="")


class EscalationStep(Base):
    """One step of a ladder that fell due; `key` makes it happen once however many look (`triage.escalation.Due`)."""

    __tablename__ = "escalation_steps"
    __table_args__ = (UniqueConstraint("request_id", "key"),)

    id: Mapped[Id]
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"), index=True)
    key: Mapped[str]
    ladder: Mapped[str]
    rung: Mapped[str]
    label: Mapped[str]
    channel: Mapped[str]
    to_role: Mapped[str]
    to_name: Mapped[str]
    cause: Mapped[str]
    cause_at: Mapped[At]
    clause: Mapped[str]
    assumed: Mapped[bool]
    policy: Mapped[str]
    policy_digest: Mapped[str]
    due_at: Mapped[At]
    state: Mapped[terms.StepState] = mapped_column(one_of(terms.StepState))
    created_at: Mapped[At]


class Notice(Base):
    """One person told of one step: a mail or a call; `acknowledged_at` is when they took it on."""

    __tablename__ = "notices"
    __table_args__ = (UniqueConstraint("step_id", "recipient"),)

    id: Mapped[Id]
    step_id: Mapped[UUID] = mapped_column(ForeignKey("escalation_steps.id"), index=True)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"), index=True)
    channel: Mapped[str]
    name: Mapped[str]
    recipient: Mapped[str]
    state: Mapped[terms.OutgoingState] = mapped_column(one_of(terms.OutgoingState))
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    call_sid: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[At]
    told_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]


def stated(session: Session, request: UUID) -> list[StatedFact]:
    """Everything people stated about a request, oldest first."""
    return list(session.scalars(select(StatedFact).where(StatedFact.request_id == request).order_by(StatedFact.id)))


def callbacks(session: Session, request: UUID) -> list[Callback]:
    """Every attempt to reach the customer, oldest first."""
    found = select(Callback).where(Callback.request_id == request).order_by(Callback.placed_at, Callback.id)
    return list(session.scalars(found))


def callback_by_sid(session: Session, call_sid: str) -> Callback | None:
    """The attempt that is this call, held until the transaction ends, or None."""
    return session.scalar(select(Callback).where(Callback.call_sid == call_sid).with_for_update())


def steps(session: Session, request: UUID) -> list[EscalationStep]:
    """Every step of escalation a request has had, oldest first."""
    found = select(EscalationStep).where(EscalationStep.request_id == request)
    return list(session.scalars(found.order_by(EscalationStep.due_at, EscalationStep.id)))


def add_step(session: Session, **columns: object) -> UUID | None:
    """Record a step that fell due; None if somebody else has recorded it already."""
    row = insert(EscalationStep).values(**columns).on_conflict_do_nothing(index_elements=["request_id", "key"])
    return session.scalar(row.returning(EscalationStep.id))


def notices(session: Session, request: UUID) -> list[Notice]:
    """Everybody told about a request, oldest first."""
    return list(session.scalars(select(Notice).where(Notice.request_id == request).order_by(Notice.id)))


def fail_notice(session: Session, notice: UUID, why: str) -> UUID | None:
    """End a notice that nobody will be told by; the step it belongs to, or None if it has ended already."""
    row = session.get(Notice, notice, with_for_update=True)
    if row is None or row.state is not terms.OutgoingState.PENDING:
        return None
    row.state, row.error = terms.OutgoingState.FAILED, row.error or why
    session.flush()
    return row.step_id


def channel_of(session: Session, notice: UUID) -> str | None:
    """How a notice reaches its person ("mail" or "phone"), or None where there is no such notice."""
    return session.scalar(select(Notice.channel).where(Notice.id == notice))


def notice_by_sid(session: Session, call_sid: str) -> Notice | None:
    """The notice that is this call, held until the transaction ends, or None."""
    return session.scalar(select(Notice).where(Notice.call_sid == call_sid).with_for_update())
