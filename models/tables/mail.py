"""Mail as it arrived, and mail that goes out."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import Text

from models import terms
from models.tables.base import At, Base, Id, one_of
from models.tables.jobs import Job

LONGEST_CLOCK_STEP = timedelta(days=2)
"""How far ahead of the database's clock a time is still taken for one that was true: the clock was set back since."""
COUNTS_KEPT = timedelta(days=2)


class Mail(Base):
    """An accepted mail: envelope and raw bytes, stored before `250`.

    `raw` is stored EXTERNAL (uncompressed, out of line): compressing repetitive text costs more
    than it saves. `digest` identifies the same mail whatever way it came.
    """

    __tablename__ = "mails"

    id: Mapped[Id]
    digest: Mapped[str] = mapped_column(unique=True)
    mail_from: Mapped[str]
    rcpt_to: Mapped[list[str]] = mapped_column(ARRAY(Text))
    peer: Mapped[str]
    helo: Mapped[str]
    size: Mapped[int]
    raw: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    received_at: Mapped[At]
    state: Mapped[terms.MailState] = mapped_column(one_of(terms.MailState))
    message_id: Mapped[str | None] = mapped_column(index=True)
    parsed: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    request_id: Mapped[UUID | None] = mapped_column(ForeignKey("requests.id"), index=True)
    suppression: Mapped[str | None]
    suppression_evidence: Mapped[str | None]
    suppression_clause: Mapped[str | None]
    joined: Mapped[terms.Joined | None] = mapped_column(one_of(terms.Joined))
    joined_evidence: Mapped[str | None]
    unread_because: Mapped[str | None]


class OutgoingMail(Base):
    """A reply: written once with its Message-ID, then delivered; at most one for each mail."""

    __tablename__ = "outgoing_mails"
    __table_args__ = (UniqueConstraint("mail_id"),)

    id: Mapped[Id]
    mail_id: Mapped[UUID] = mapped_column(ForeignKey("mails.id"))
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"), index=True)
    recipient: Mapped[str]
    message_id: Mapped[str] = mapped_column(index=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[terms.OutgoingState] = mapped_column(one_of(terms.OutgoingState))
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    created_at: Mapped[At]
    sent_at: Mapped[datetime | None]
    bounced_at: Mapped[datetime | None]
    policy: Mapped[str] = mapped_column(server_default="", default="")
    policy_digest: Mapped[str] = mapped_column(server_default="", default="")


class ReplyWindow(Base):
    """When a sender was last answered under a policy, and how often: the once-per-window rule is this row."""

    __tablename__ = "reply_windows"

    policy: Mapped[str] = mapped_column(primary_key=True)
    sender: Mapped[str] = mapped_column(primary_key=True)
    opened_at: Mapped[At]
    answers: Mapped[int] = mapped_column(server_default="1")


class ReplyCount(Base):
    """How many replies went to a domain ("*": to all) in an hour: the last fuse against loops."""

    __tablename__ = "reply_counts"

    domain: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[At] = mapped_column(primary_key=True)
    replies: Mapped[int]


class DeadAddress(Base):
    """An address that refused or bounced a reply for good: it is not written to again."""

    __tablename__ = "dead_addresses"

    address: Mapped[str] = mapped_column(primary_key=True)
    evidence: Mapped[str]
    since: Mapped[At]


class Switch(Base):
    """A setting an operator changes while everything runs; it only ever restrains the configured one."""

    __tablename__ = "switches"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    changed_by: Mapped[str]
    changed_at: Mapped[At]


def fetch(session: Session, mail: UUID) -> Mail | None:
    """The mail without its raw bytes, or None."""
    return session.get(Mail, mail)


def raw(session: Session, mail: UUID) -> bytes:
    """The mail's bytes as they came."""
    return session.execute(select(Mail.raw).where(Mail.id == mail)).scalar_one()


def accept(session: Session, *, digest: str, envelope: terms.Envelope, content: bytes) -> UUID | None:
    """Store a mail; None if the same mail is stored already."""
    row = (
        insert(Mail)
        .values(
            digest=digest,
            mail_from=envelope.mail_from,
            rcpt_to=list(envelope.rcpt_to),
            peer=envelope.peer,
            helo=envelope.helo,
            size=len(content),
            raw=content,
            received_at=envelope.received_at,
            state=terms.MailState.RECEIVED,
        )
        .on_conflict_do_nothing(index_elements=["digest"])
        .returning(Mail.id)
    )
    return session.execute(row).scalar_one_or_none()


def open_window(session: Session, policy: str, sender: str, length: timedelta) -> bool:
    """Claim the right to answer a sender; False while an earlier answer's window is open.

    The database's clock decides, and the insert wins: of any number of workers one gets True. A clock
    that is set back does not open the window; one that was far ahead for a while does not close it for ever.
    """
    fresh = insert(ReplyWindow).values(policy=policy, sender=sender, opened_at=func.now(), answers=1)
    claim = fresh.on_conflict_do_update(
        index_elements=["policy", "sender"],
        set_={"opened_at": func.now(), "answers": ReplyWindow.answers + 1},
        where=or_(
            ReplyWindow.opened_at < func.now() - length,
            ReplyWindow.opened_at > func.now() + max(length, LONGEST_CLOCK_STEP),
        ),
    ).returning(text("1"))
    return session.execute(claim).first() is not None


def answers(session: Session, policy: str, sender: str) -> int:
    """How often a sender was answered under a policy."""
    held = select(ReplyWindow.answers).where(ReplyWindow.policy == policy, ReplyWindow.sender == sender)
    return session.scalar(held) or 0


def count_reply(session: Session, domain: str, cap: int) -> bool:
    """Count one more reply to a domain ("*": to all) in this hour; False where that would be more than the cap.

    The database's clock decides. Of any number of workers at most `cap` get True; a full hour is seen
    without waiting for anybody. Counts of past days are forgotten.
    """
    hour = func.date_trunc("hour", func.now(), "UTC")
    mine = (ReplyCount.domain == domain, ReplyCount.hour == hour)
    if (session.scalar(select(ReplyCount.replies).where(*mine)) or 0) >= cap:
        return False
    fresh = insert(ReplyCount).values(domain=domain, hour=hour, replies=1)
    claim = fresh.on_conflict_do_update(
        index_elements=["domain", "hour"],
        set_={"replies": ReplyCount.replies + 1},
        where=ReplyCount.replies < cap,
    ).returning(ReplyCount.replies)
    replies = session.scalar(claim)
    if replies == 1:
        session.execute(delete(ReplyCount).where(ReplyCount.hour < func.now() - COUNTS_KEPT))
    return replies is not None


def reply_to(session: Session, mail: UUID) -> OutgoingMail | None:
    """The reply to a mail, or None."""
    return session.scalar(select(OutgoingMail).where(OutgoingMail.mail_id == mail))


def fetch_outgoing(session: Session, outgoing: UUID) -> OutgoingMail | None:
    """The outgoing mail, held against other senders until the transaction ends, or None."""
    return session.scalar(select(OutgoingMail).where(OutgoingMail.id == outgoing).with_for_update())


def switch(session: Session, name: str) -> str | None:
    """What an operator last switched a setting to, or None."""
    return session.scalar(select(Switch.value).where(Switch.name == name))


def set_switch(session: Session, name: str, value: str, by: str, now: datetime) -> None:
    """Switch a setting for every process, from their next look on."""
    row = insert(Switch).values(name=name, value=value, changed_by=by, changed_at=now)
    session.execute(
        row.on_conflict_do_update(
            index_elements=["name"],
            set_={"value": row.excluded.value, "changed_by": row.excluded.changed_by, "changed_at": now},
        )
    )


def kill_address(session: Session, address: str, evidence: str, now: datetime) -> None:
    """Remember that an address (in its comparable form) refuses our replies for good."""
    row = insert(DeadAddress).values(address=address, evidence=evidence, since=now)
    session.execute(row.on_conflict_do_update(index_elements=["address"], set_={"evidence": evidence, "since": now}))


def by_digest(session: Session, digest: str) -> UUID | None:
    """The mail with this digest, or None."""
    return session.scalar(select(Mail.id).where(Mail.digest == digest))


def hold(session: Session, mails: Collection[UUID]) -> dict[UUID, Mail]:
    """The mails that are there, held against other workers until the transaction ends; always locked in one order."""
    found = select(Mail).where(Mail.id.in_(mails)).order_by(Mail.id).with_for_update(key_share=True)
    return {row.id: row for row in session.scalars(found.execution_options(populate_existing=True))}


def head(session: Session, mail: UUID, length: int) -> bytes:
    """The first bytes of a mail."""
    return bytes(session.execute(select(func.substring(Mail.raw, 1, length)).where(Mail.id == mail)).scalar_one())


def tries(session: Session, mail: UUID) -> int:
    """How often a worker has begun to process a mail; 0 if none has."""
    mine = select(Job.attempts).where(Job.kind == terms.JobKind.MAIL_PROCESS, Job.subject == mail)
    return session.scalar(mine) or 0


def before(session: Session, mail: UUID, most: int) -> list[UUID]:
    """Mails accepted before this one that wait among the `most` jobs next in turn: others process them just now."""
    turn = (
        select(Job.subject)
        .where(Job.state == terms.JobState.WAITING, Job.kind == terms.JobKind.MAIL_PROCESS)
        .order_by(Job.run_at)
        .limit(most)
        .subquery()
    )
    return list(session.scalars(select(turn.c.subject).where(turn.c.subject < mail)))


def requests_named(session: Session, message_ids: Collection[str], most: int) -> list[tuple[str, UUID]]:
    """Which requests the mails and replies with these Message-IDs belong to: pairs of Message-ID and request."""
    came = select(Mail.message_id, Mail.request_id).where(
        Mail.message_id.in_(message_ids), Mail.request_id.is_not(None), Mail.state != terms.MailState.SWALLOWED
    )
    went = select(OutgoingMail.message_id, OutgoingMail.request_id).where(OutgoingMail.message_id.in_(message_ids))
    pairs = session.execute(came.union(went).limit(most))
    return [(name, request) for name, request in pairs if name and request]


def correspondents(session: Session, request: UUID, most: int) -> list[dict[str, Any]]:
    """Who wrote the mails of a request, and to whom: from, to, cc and reply_to of each as it was read."""
    names = ("from", "to", "cc", "reply_to")
    found = (
        select(*(Mail.parsed[name] for name in names))
        .where(Mail.request_id == request, Mail.state == terms.MailState.PROCESSED)
        .order_by(Mail.id)
        .limit(most)
    )
    return [dict(zip(names, row, strict=True)) for row in session.execute(found)]


def replies_named(session: Session, message_ids: Collection[str]) -> list[OutgoingMail]:
    """Our replies with these Message-IDs."""
    return list(session.scalars(select(OutgoingMail).where(OutgoingMail.message_id.in_(message_ids))))


def replies_about(session: Session, requests: Collection[UUID]) -> list[OutgoingMail]:
    """Our replies about these requests, the latest first."""
    found = select(OutgoingMail).where(OutgoingMail.request_id.in_(requests)).order_by(OutgoingMail.id.desc())
    return list(session.scalars(found))


def dead(session: Session, addresses: Collection[str], since: datetime) -> str | None:
    """Why an address (in any of its comparable forms) is not written to, if that is known since then, or None."""
    found = select(DeadAddress.evidence).where(DeadAddress.address.in_(addresses), DeadAddress.since >= since)
    return session.scalar(found.limit(1))


def identity(session: Session) -> str:
    """What tells this database from a restored copy of it: the server, its line of history, the database, a table.

    A dump that is restored makes new tables; a base backup or a replica that takes over goes on in a
    new line of history (PostgreSQL manual, "Timelines").
    """
    return str(
        session.scalar(
            text(
                "select concat_ws('/', (select system_identifier from pg_control_system()),"
                " substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8),"
                " (select oid from pg_database where datname = current_database()),"
                " 'outgoing_mails'::regclass::oid)"
            )
        )
    )


def switched(session: Session, name: str) -> tuple[str, str, datetime] | None:
    """What a setting was last switched to, by whom and when, or None."""
    found = select(Switch.value, Switch.changed_by, Switch.changed_at).where(Switch.name == name)
    row = session.execute(found).first()
    return (row[0], row[1], row[2]) if row else None


def swap_switch(session: Session, name: str, before: str, after: str, by: str) -> bool:
    """Switch from one value to another, at the database's time; False if somebody else was faster."""
    swap = update(Switch).where(Switch.name == name, Switch.value == before)
    swapped = swap.values(value=after, changed_by=by, changed_at=func.now()).returning(text("1"))
    return session.execute(swapped).first() is not None


def doubt_waiting(session: Session, why: str) -> None:
    """Mark every reply that waits as uncertain: nobody knows any more whether it went out."""
    undone = (terms.OutgoingState.PENDING, terms.OutgoingState.SENDING)
    waiting = update(OutgoingMail).where(OutgoingMail.state.in_(undone))
    session.execute(waiting.values(state=terms.OutgoingState.UNCERTAIN, error=why))
