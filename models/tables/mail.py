"""Mail as it arrived, and mail that goes out."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import Text

from models import terms
from models.tables.base import At, Base, Id, one_of


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

    The database's clock decides, and the insert wins: of any number of workers one gets True.
    """
    fresh = insert(ReplyWindow).values(policy=policy, sender=sender, opened_at=func.now())
    claim = fresh.on_conflict_do_update(
        index_elements=["policy", "sender"],
        set_={"opened_at": func.now()},
        where=ReplyWindow.opened_at < func.now() - length,
    ).returning(text("1"))
    return session.execute(claim).first() is not None


def reply_to(session: Session, mail: UUID) -> OutgoingMail | None:
    """The reply to a mail, or None."""
    return session.scalar(select(OutgoingMail).where(OutgoingMail.mail_id == mail))


def fetch_outgoing(session: Session, outgoing: UUID) -> OutgoingMail | None:
    """The outgoing mail, held against other senders until the transaction ends, or None."""
    return session.scalar(select(OutgoingMail).where(OutgoingMail.id == outgoing).with_for_update())
