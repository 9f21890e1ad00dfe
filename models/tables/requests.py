"""Requests and what is appended to them: interactions, suggestions, decisions, clock events."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    bindparam,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models import terms
from models.tables.base import At, Base, Id, Json, one_of

REFERENCE_PREFIX = "SB-"


class Request(Base):
    """The record we work on. Append-only histories hang off it; `version` guards every decision.

    `follow_up_at` is when somebody wrote again after the decision in force; deciding anew clears it. `status` is one
    of the policy's workflow, empty until the first step (then the workflow's start holds), `status_since` when it
    came to be. `owner` is an engineer's login. `attention_at` is when its clocks and ladders want to be looked at next.
    `folded_into` is the request under which it is worked on: the same outage, reported once more.
    """

    __tablename__ = "requests"
    __table_args__ = (
        Index("ix_requests_state_id", "state", "id"),
        Index("ix_requests_decided_at", "decided_at", postgresql_where=text("decided_at IS NOT NULL")),
        Index("ix_requests_follow_up", "id", postgresql_where=text("follow_up_at IS NOT NULL")),
        Index("ix_requests_attention", "attention_at", postgresql_where=text("attention_at IS NOT NULL")),
    )

    id: Mapped[Id]
    number: Mapped[int] = mapped_column(BigInteger, Identity(start=1001), unique=True)
    channel: Mapped[terms.Channel] = mapped_column(one_of(terms.Channel))
    subject: Mapped[str]
    policy: Mapped[str]
    state: Mapped[terms.TriageState] = mapped_column(one_of(terms.TriageState))
    version: Mapped[int] = mapped_column(default=1)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    contact_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id"), index=True)
    party: Mapped[str | None]
    party_name: Mapped[str] = mapped_column(default="")
    language: Mapped[str | None]
    received_at: Mapped[At]
    clock_started_at: Mapped[datetime | None]
    decided_type: Mapped[str | None]
    decided_priority: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    follow_up_at: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(server_default="", default="")
    status_since: Mapped[datetime | None]
    owner: Mapped[str | None] = mapped_column(index=True)
    visibility: Mapped[terms.Visibility] = mapped_column(
        one_of(terms.Visibility), server_default=terms.Visibility.PRIVATE, default=terms.Visibility.PRIVATE
    )
    resolution: Mapped[str | None]
    attention_at: Mapped[datetime | None]
    folded_into: Mapped[UUID | None] = mapped_column(ForeignKey("requests.id"), index=True)

    @property
    def reference(self) -> str:
        """The number people say: SB-1042."""
        return f"{REFERENCE_PREFIX}{self.number}"


class Interaction(Base):
    """One approach by a person on a channel, as it was received."""

    __tablename__ = "interactions"

    id: Mapped[Id]
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"), index=True)
    source: Mapped[str] = mapped_column(Text, unique=True)
    channel: Mapped[terms.Channel] = mapped_column(one_of(terms.Channel))
    party: Mapped[str | None]
    subject: Mapped[str]
    text: Mapped[str]
    new_text: Mapped[str]
    language: Mapped[str | None]
    note: Mapped[str] = mapped_column(default="")
    facts: Mapped[list[Any]] = mapped_column(JSONB)
    fields: Mapped[Json] = mapped_column(server_default="{}")
    confidence: Mapped[float | None]
    received_at: Mapped[At]


class Suggestion(Base):
    """What the machine proposed, with its reasons; `content` is the contract's suggest object."""

    __tablename__ = "suggestions"
    __table_args__ = (UniqueConstraint("request_id", "cause"),)

    id: Mapped[Id]
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"), index=True)
    cause: Mapped[str]
    policy: Mapped[str]
    policy_digest: Mapped[str]
    artefact: Mapped[str | None]
    type: Mapped[str | None]
    priority: Mapped[str | None]
    priority_probability: Mapped[float | None]
    content: Mapped[Json]
    created_at: Mapped[At]


class Decision(Base):
    """What an engineer decided, at which version of the request: two cannot decide the same one.

    `policy` (such as `wso2@2`) and `policy_digest` name the pack it was decided under; `rule` is the policy's rule
    where it is one that only certain roles may apply.
    """

    __tablename__ = "decisions"
    __table_args__ = (UniqueConstraint("request_id", "version"),)

    id: Mapped[Id]
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"), index=True)
    version: Mapped[int]
    verdict: Mapped[terms.Verdict] = mapped_column(one_of(terms.Verdict))
    type: Mapped[str | None]
    priority: Mapped[str | None]
    reason: Mapped[str] = mapped_column(default="")
    suggestion_id: Mapped[UUID | None] = mapped_column(ForeignKey("suggestions.id"))
    decided_by: Mapped[str]
    decided_at: Mapped[At]
    policy: Mapped[str] = mapped_column(server_default="", default="")
    policy_digest: Mapped[str] = mapped_column(server_default="", default="")
    rule: Mapped[str | None]


class ClockEvent(Base):
    """One entry in the log of a request, of which SLA clocks, escalations and nudges are computed; never changed.

    `value`, `until` and `note` are those of `triage.timeline.Event`. `detail` holds what only people read: the answers
    given with a step, the words of an update, minutes worked. `is_public`: the customer may read `note`.
    """

    __tablename__ = "clock_events"
    __table_args__ = (UniqueConstraint("request_id", "event", "source"),)

    id: Mapped[Id]
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"), index=True)
    event: Mapped[str]
    source: Mapped[str]
    at: Mapped[At]
    value: Mapped[str] = mapped_column(server_default="", default="")
    until: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(server_default="", default="")
    made_by: Mapped[str] = mapped_column(server_default="", default="")
    detail: Mapped[Json] = mapped_column(server_default="{}", default=dict)
    is_public: Mapped[bool] = mapped_column(server_default="false", default=False)


class Upload(Base):
    """A file a customer added on the portal; its bytes are stored as they came and never unpacked."""

    __tablename__ = "uploads"
    __table_args__ = (UniqueConstraint("request_id", "digest"),)

    id: Mapped[Id]
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"), index=True)
    name: Mapped[str]
    content_type: Mapped[str]
    size: Mapped[int]
    digest: Mapped[str]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    received_at: Mapped[At]


# A caller waits for these: a statement made once, and on the table itself, costs half of any other.
_INTERACTIONS = Base.metadata.tables[Interaction.__tablename__]
_LOG = Base.metadata.tables[ClockEvent.__tablename__]
_ADD_INTERACTION = insert(_INTERACTIONS).on_conflict_do_nothing(index_elements=["source"]).returning(_INTERACTIONS.c.id)
_ADD_TO_LOG = insert(_LOG).on_conflict_do_nothing()
_ADD_SUGGESTION = insert(Base.metadata.tables[Suggestion.__tablename__]).on_conflict_do_nothing(
    index_elements=["request_id", "cause"]
)
_BY_SOURCE = select(Interaction).where(Interaction.source == bindparam("source"))
_HELD = (
    select(Request)
    .where(Request.id == bindparam("request"))
    .with_for_update()
    .execution_options(populate_existing=True)
)


def fetch(session: Session, request: UUID) -> Request | None:
    """The request, or None."""
    return session.get(Request, request)


def fetch_locked(session: Session, request: UUID) -> Request | None:
    """The request as it stands now, held against other writers until the transaction ends."""
    return session.scalar(_HELD, {"request": request})


def by_number(session: Session, number: int) -> Request | None:
    """The request people call by this number, or None."""
    return session.scalar(select(Request).where(Request.number == number))


def add_interaction(session: Session, request: UUID, source: str, columns: Mapping[str, Any]) -> UUID | None:
    """Append an interaction to a request that is stored; its id, or None where its source is known already."""
    row = {"request_id": request, "source": source, **columns}
    made: UUID | None = session.execute(_ADD_INTERACTION, row).scalar()
    return made


def interaction_by_source(session: Session, source: str) -> Interaction | None:
    """The interaction that came from this source, or None."""
    return session.scalar(_BY_SOURCE, {"source": source})


def interactions(session: Session, request: UUID) -> list[Interaction]:
    """Every interaction of a request, oldest first."""
    found = select(Interaction).where(Interaction.request_id == request).order_by(Interaction.id)
    return list(session.scalars(found))


def uploads(session: Session, request: UUID) -> list[Upload]:
    """The files added to a request on the portal, oldest first, without their bytes."""
    return list(session.scalars(select(Upload).where(Upload.request_id == request).order_by(Upload.id)))


def add_upload(
    session: Session, request: UUID, *, name: str, content_type: str, digest: str, content: bytes, now: datetime
) -> None:
    """Store a file with a request; the same bytes are stored once."""
    row = insert(Upload).values(
        request_id=request,
        name=name,
        content_type=content_type,
        size=len(content),
        digest=digest,
        content=content,
        received_at=now,
    )
    session.execute(row.on_conflict_do_nothing(index_elements=["request_id", "digest"]))


def latest_suggestion(session: Session, request: UUID) -> Suggestion | None:
    """The suggestion in force, or None while there is none."""
    found = select(Suggestion).where(Suggestion.request_id == request).order_by(Suggestion.id.desc()).limit(1)
    return session.scalar(found)


def decisions(session: Session, request: UUID) -> list[Decision]:
    """Every decision on a request, oldest first."""
    return list(session.scalars(select(Decision).where(Decision.request_id == request).order_by(Decision.id)))


def clock_events(session: Session, request: UUID) -> list[ClockEvent]:
    """The clock ledger of a request, in the order things happened."""
    found = select(ClockEvent).where(ClockEvent.request_id == request).order_by(ClockEvent.at, ClockEvent.id)
    return list(session.scalars(found))


def record_clock(
    session: Session,
    request: UUID,
    event: str,
    source: str,
    at: datetime,
    *,
    value: str = "",
    until: datetime | None = None,
    note: str = "",
    made_by: str = "",
    detail: dict[str, Any] | None = None,
    is_public: bool = False,
) -> None:
    """Append to the log of a request; the same event from the same source is recorded once."""
    row = {
        "request_id": request,
        "event": event,
        "source": source,
        "at": at,
        "value": value,
        "until": until,
        "note": note,
        "made_by": made_by,
        "detail": detail or {},
        "is_public": is_public,
    }
    session.execute(_ADD_TO_LOG, row)


def attend(request: Request, at: datetime) -> None:
    """Have the clocks and ladders of a request that is held looked at, at this moment or sooner."""
    request.attention_at = at if request.attention_at is None else min(request.attention_at, at)


def wants_attention(session: Session, request: UUID, at: datetime) -> None:
    """Have the clocks and ladders of a request looked at, at this moment or sooner."""
    sooner = func.least(func.coalesce(Request.attention_at, at), at)
    session.execute(update(Request).where(Request.id == request).values(attention_at=sooner))


def record_suggestion(
    session: Session,
    request: UUID,
    cause: str,
    content: dict[str, Any],
    made: terms.Suggestion,
    now: datetime,
) -> None:
    """Append a suggestion; the same cause is suggested for once."""
    row = {
        "request_id": request,
        "cause": cause,
        "policy": made.policy,
        "policy_digest": made.policy_digest,
        "artefact": made.model,
        "type": made.type.value if made.type else None,
        "priority": made.priority.value if made.priority else None,
        "priority_probability": made.priority.probability if made.priority else None,
        "content": content,
        "created_at": now,
    }
    session.execute(_ADD_SUGGESTION, row)


def numbered(session: Session, numbers: Collection[int]) -> list[tuple[int, UUID]]:
    """The requests with these numbers that are there: pairs of number and id."""
    found = session.execute(select(Request.number, Request.id).where(Request.number.in_(numbers)))
    return [(number, request) for number, request in found]


def owner(session: Session, request: UUID) -> tuple[int, UUID | None, UUID | None] | None:
    """Number, contact and account of a request, or None if there is no such request."""
    found = select(Request.number, Request.contact_id, Request.account_id).where(Request.id == request)
    row = session.execute(found).one_or_none()
    return (row.number, row.contact_id, row.account_id) if row else None


def parties(session: Session, request: UUID) -> list[str]:
    """Every address and number that approached us about a request, as written."""
    found = select(Interaction.party).where(Interaction.request_id == request).distinct()
    return [party for party in session.scalars(found) if party]
