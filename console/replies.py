"""Reads for the outbox: what became of every mail's answer, the work that waits, how redirection goes."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.tables import jobs, mail, requests
from models.terms import JobState, OutgoingState

NEEDS_A_LOOK = (OutgoingState.UNCERTAIN, OutgoingState.FAILED, OutgoingState.BOUNCED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyLine:
    """What became of the answer to one mail: its state, or why there was none."""

    mail_id: UUID
    mail_from: str
    received_at: datetime
    suppression: str | None
    suppression_evidence: str | None
    suppression_clause: str | None
    outgoing_id: UUID | None
    recipient: str | None
    state: OutgoingState | None
    attempts: int | None
    error: str | None
    created_at: datetime | None
    sent_at: datetime | None
    number: int | None

    @property
    def reference(self) -> str | None:
        """The number of the request, or None while there is none."""
        return f"{requests.REFERENCE_PREFIX}{self.number}" if self.number is not None else None


def page(session: Session, before: UUID | None, limit: int, only: str = "") -> tuple[list[ReplyLine], UUID | None]:
    """Mails with what became of their answer, newest first, and the mail id to go on from."""
    out = mail.OutgoingMail
    found = (
        select(
            mail.Mail.id.label("mail_id"),
            mail.Mail.mail_from,
            mail.Mail.received_at,
            mail.Mail.suppression,
            mail.Mail.suppression_evidence,
            mail.Mail.suppression_clause,
            out.id.label("outgoing_id"),
            out.recipient,
            out.state,
            out.attempts,
            out.error,
            out.created_at,
            out.sent_at,
            requests.Request.number,
        )
        .outerjoin(out, out.mail_id == mail.Mail.id)
        .outerjoin(requests.Request, requests.Request.id == mail.Mail.request_id)
        .where(or_(out.id.is_not(None), mail.Mail.suppression.is_not(None)))
        .order_by(mail.Mail.id.desc())
        .limit(limit + 1)
    )
    if only == "silent":
        found = found.where(out.id.is_(None))
    elif only == "look":
        found = found.where(out.state.in_(NEEDS_A_LOOK))
    if before is not None:
        found = found.where(mail.Mail.id < before)
    lines = [ReplyLine(**row._mapping) for row in session.execute(found)]  # noqa: SLF001 - a row's public name
    return lines[:limit], lines[limit - 1].mail_id if len(lines) > limit else None


def parked_jobs(session: Session) -> list[jobs.Job]:
    """Work that was given up and waits for a person, the latest hundred."""
    found = select(jobs.Job).where(jobs.Job.state == JobState.PARKED).order_by(jobs.Job.id.desc()).limit(100)
    return list(session.scalars(found))
