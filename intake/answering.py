"""Answering a mail: the reasons of ours not to, and the reply as it is written and scheduled."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from intake import reply
from intake.addresses import deliverable, key
from intake.message import ParsedMessage
from intake.screening import Suppression
from models import tables
from models.terms import JobKind, OutgoingState, Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyTerms:
    """How and when senders are answered; `mode` is "on", "dry-run" or "off"."""

    reply_from: str
    window: timedelta
    max_age: timedelta
    mode: str
    own_addresses: frozenset[str]
    support_phone: str
    portal_link: Callable[[UUID], str]
    trusted_authserv_id: str = ""


def held_back(
    session: Session, row: tables.mail.Mail, receipt: Receipt, terms: ReplyTerms, now: datetime
) -> Suppression | None:
    """Reasons that lie with us, not with the mail: switched off, too late, answered already."""
    if terms.mode != "on":
        return Suppression(
            reason=terms.mode, evidence=f"SWITCHBOARD_AUTOREPLY={terms.mode}", clause="operator's setting"
        )
    if now - row.received_at > terms.max_age:
        evidence = f"accepted {row.received_at:%Y-%m-%d %H:%M} UTC"
        return Suppression(reason="too-old", evidence=evidence, clause="operator's setting SWITCHBOARD_REPLY_MAX_AGE")
    if not tables.mail.open_window(session, receipt.policy, key(row.mail_from), terms.window):
        return Suppression(
            reason="window", evidence="answered within the reply window", clause="RFC 3834 §2, RFC 5230 §4.2"
        )
    return None


def stay_silent(row: tables.mail.Mail, silence: Suppression) -> None:
    """Record why a mail is not answered."""
    row.suppression, row.suppression_evidence = silence.reason, silence.evidence
    row.suppression_clause = silence.clause


def answer(
    session: Session, row: tables.mail.Mail, message: ParsedMessage, receipt: Receipt, terms: ReplyTerms, now: datetime
) -> None:
    """Write the reply to a mail and ask for its delivery."""
    ours = next((each for each in row.rcpt_to if "@" in each), next(iter(terms.own_addresses)))
    sender = terms.reply_from or ours
    message_id = f"reply.{row.id}@{sender.rpartition('@')[2].strip('> ')}"
    recipient = deliverable(row.mail_from) or row.mail_from
    content = reply.acknowledgement(_reply_terms(recipient, message, receipt, terms, sender, message_id, now))
    outgoing = tables.mail.OutgoingMail(
        mail_id=row.id,
        request_id=receipt.request,
        recipient=recipient,
        message_id=message_id,
        content=content,
        state=OutgoingState.PENDING,
        created_at=now,
    )
    session.add(outgoing)
    session.flush()
    tables.jobs.schedule(session, JobKind.MAIL_SEND, outgoing.id, now)


def _reply_terms(
    recipient: str,
    message: ParsedMessage,
    receipt: Receipt,
    terms: ReplyTerms,
    sender: str,
    message_id: str,
    now: datetime,
) -> reply.Terms:
    return reply.Terms(
        recipient=recipient,
        sender=sender,
        subject=message.subject,
        reference=receipt.reference,
        policy_name=receipt.policy_name,
        portal_link=terms.portal_link(receipt.request),
        phone=receipt.support_phone or terms.support_phone,
        channels=receipt.sla_channels,
        urgent=receipt.looks_urgent,
        unreadable=not message.text.strip() and not message.subject,
        language=message.language,
        message_id=message_id,
        in_reply_to=message.message_id,
        references=message.references,
        date=now,
    )
