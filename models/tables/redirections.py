"""What came of telling senders to use an SLA channel: the funnel, a row for each request that was mailed."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, bindparam, case, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models import terms
from models.tables.base import Base, one_of
from models.tables.requests import Request


class Redirection(Base):
    """What came of telling a sender to use an SLA channel: the funnel, one row for each request that was mailed."""

    __tablename__ = "redirections"

    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"), primary_key=True)
    policy: Mapped[str] = mapped_column(index=True)
    told_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    raised_at: Mapped[datetime | None]
    raised_on: Mapped[terms.Channel | None] = mapped_column(one_of(terms.Channel))
    wrote_again_at: Mapped[datetime | None]


# Every caller we know waits for this one: on the tables, made once, it costs half of what it does on mapped classes.
_FUNNEL = Base.metadata.tables[Redirection.__tablename__]
_REQUESTS = Base.metadata.tables[Request.__tablename__]
_MAILED = select(_REQUESTS.c.id).where(
    _REQUESTS.c.contact_id == bindparam("contact"), _REQUESTS.c.channel == terms.Channel.EMAIL
)
_RAISED = (
    update(_FUNNEL)
    .where(_FUNNEL.c.request_id.in_(_MAILED), _FUNNEL.c.raised_at.is_(None), _FUNNEL.c.told_at >= bindparam("since"))
    .values(raised_at=bindparam("now"), raised_on=bindparam("channel"))
)


def wrote_again(session: Session, request: UUID, at: datetime) -> None:
    """Note that a redirected sender wrote again instead; the first time counts."""
    funnel = update(Redirection).where(Redirection.request_id == request, Redirection.wrote_again_at.is_(None))
    session.execute(funnel.values(wrote_again_at=at))


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelRow:
    """How many requests of a policy came how far after their senders were told of an SLA channel."""

    policy: str
    told: int
    opened: int
    raised_portal: int
    raised_phone: int
    wrote_again: int


def note_told(session: Session, request: UUID, policy: str, now: datetime) -> None:
    """Note that the sender of a mailed request was told where its clock can be started; the first time counts."""
    _note(session, request, told_at=now, policy=policy)


def note_opened(session: Session, request: UUID, now: datetime) -> None:
    """Note that the link was opened; the first time counts."""
    _note(session, request, opened_at=now)


def note_raised(session: Session, request: UUID, channel: terms.Channel, now: datetime) -> None:
    """Note that a mailed request was raised on an SLA channel; the first time counts, with its channel."""
    _note(session, request, raised_at=now, raised_on=channel)


def note_raised_by(session: Session, contact: UUID, channel: terms.Channel, since: datetime, now: datetime) -> None:
    """Note that a contact who was redirected since then has now come by an SLA channel; each request counts once."""
    session.flush()
    session.execute(_RAISED, {"contact": contact, "since": since, "now": now, "channel": channel})


def _note(session: Session, request: UUID, **steps: object) -> None:
    """Set what is not set yet; a request that is gone is not noted."""
    given = {name: literal(value, getattr(Redirection, name).type) for name, value in steps.items()}
    values = {"policy": Request.policy, **given}
    found = select(Request.id, *values.values()).where(Request.id == request)
    row = insert(Redirection).from_select(["request_id", *values], found)
    kept = {name: func.coalesce(getattr(Redirection, name), row.excluded[name]) for name in steps if name != "policy"}
    session.execute(row.on_conflict_do_update(index_elements=["request_id"], set_=kept))


def funnel(session: Session, policy: str | None = None, since: datetime | None = None) -> list[FunnelRow]:
    """What redirection achieved by policy, for senders told since then.

    Only those who were told count, or who show it by using the link: a reply that may have been
    sent, and whose link was opened, was sent. `opened` may count a mail scanner that follows links.
    """
    row = Redirection
    knew = func.coalesce(row.told_at, row.opened_at, case((row.raised_on == terms.Channel.PORTAL, row.raised_at)))
    columns = [
        func.count(),
        func.count(row.opened_at),
        func.count().filter(row.raised_on == terms.Channel.PORTAL),
        func.count().filter(row.raised_on == terms.Channel.PHONE),
        func.count(row.wrote_again_at),
    ]
    found = select(row.policy, *columns).where(knew.is_not(None)).group_by(row.policy).order_by(row.policy)
    if policy is not None:
        found = found.where(row.policy == policy)
    if since is not None:
        found = found.where(knew >= since)
    names = ("policy", "told", "opened", "raised_portal", "raised_phone", "wrote_again")
    return [FunnelRow(**dict(zip(names, each, strict=True))) for each in session.execute(found)]
