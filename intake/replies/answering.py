"""Answering a mail: the one decision whether to, by a visible table, and the reply as it is written and scheduled."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from intake import conversation
from intake.addresses import deliverable, key, mailboxes
from intake.reading.message import ParsedMessage
from intake.replies import limits, reply, restored, screening
from intake.replies.limits import Caps
from intake.replies.screening import Case, Suppression
from models import tables
from models.terms import Autoreply, JobKind, OutgoingState, Receipt

SWITCH = "autoreply"
"""The switch by which an operator restrains what is configured, while everything runs."""
DEAD_FOR = timedelta(days=30)
"""How long an address that refused a reply for good is not written to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyTerms:
    """How and when senders are answered; `mode` is "on", "dry-run" or "off".

    `portal_link` makes the link for a request from its receipt, the mail's subject and the sender's address.
    """

    reply_from: str
    window: timedelta
    max_age: timedelta
    mode: str
    own_addresses: frozenset[str]
    support_phone: str
    portal_link: Callable[[Receipt, str, str], str]
    trusted_authserv_id: str = ""
    answer_unauthenticated: bool = True
    caps: Caps = field(default_factory=Caps)
    thread_key: bytes = b""
    templates: Path | None = None

    @property
    def ours(self) -> frozenset[str]:
        """Every address of ours, the one replies come from too."""
        return self.own_addresses | {box.address for box in mailboxes(self.reply_from)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """All a check of ours may see: the mail as it is stored, what the desk said of it, our terms and the time."""

    session: Session
    row: tables.mail.Mail
    receipt: Receipt
    terms: ReplyTerms
    mode: Autoreply
    now: datetime


def switched_off(turn: Turn) -> Suppression | None:
    """The operator wants nobody answered."""
    return _switched(turn) if turn.mode is Autoreply.OFF else None


def too_old(turn: Turn) -> Suppression | None:
    """Nobody wants an acknowledgement that comes a day late."""
    if turn.now - turn.row.received_at <= turn.terms.max_age:
        return None
    evidence = f"accepted {turn.row.received_at:%Y-%m-%d %H:%M} UTC"
    return Suppression(reason="too-old", evidence=evidence, clause="operator's setting SWITCHBOARD_REPLY_MAX_AGE")


def came_before_restore(turn: Turn) -> Suppression | None:
    """The mail was in a database that was restored: it may have been answered after the dump was made."""
    at = restored.restored_at(turn.session, turn.now)
    if at is None or turn.row.received_at > at:
        return None
    evidence = f"accepted before the database was restored ({at:%Y-%m-%d %H:%M} UTC)"
    return Suppression(reason="restored", evidence=evidence, clause="RFC 3834 §2")


def dead_address(turn: Turn) -> Suppression | None:
    """This address refused or bounced a reply for good not long ago."""
    whom = {limits.sender_key(turn.row.mail_from), key(turn.row.mail_from)}
    evidence = tables.mail.dead(turn.session, whom, turn.now - DEAD_FOR)
    if evidence is None:
        return None
    return Suppression(reason="dead-address", evidence=evidence[:200], clause="RFC 5321 §4.2.1, RFC 3464 §2.3.3")


def rehearsal(turn: Turn) -> Suppression | None:
    """Everything but windows and caps would let the reply go, but this is a dry run."""
    return _switched(turn) if turn.mode is Autoreply.DRY_RUN else None


def limited(turn: Turn) -> Suppression | None:
    """The sender's window, the domain's hour or everybody's hour is used up; if not, this reply is counted."""
    found = limits.refused(turn.session, turn.receipt.policy, turn.row.mail_from, turn.terms.window, turn.terms.caps)
    if found is None:
        return None
    reason, evidence = found
    clause = "RFC 3834 §2, RFC 5230 §4.2" if reason == "window" else "RFC 3834 §2: limit the rate of responses"
    return Suppression(reason=reason, evidence=evidence, clause=clause)


CHECKS: tuple[Callable[[Turn], Suppression | None], ...] = (
    switched_off,
    too_old,
    came_before_restore,
    dead_address,
    rehearsal,
    limited,
)
"""What only we know, asked after all that the mail itself says (`screening.CHECKS`), in this order.

`limited` counts the reply it lets pass, so it must be the last.
"""


def suppression(
    session: Session, case: Case, row: tables.mail.Mail, receipt: Receipt, terms: ReplyTerms, now: datetime
) -> Suppression | None:
    """The one decision: why a mail is not answered, or None, and then the reply is counted and must be written."""
    turn = Turn(session=session, row=row, receipt=receipt, terms=terms, mode=mode(session, terms.mode), now=now)
    silence = screening.suppression(case)
    return silence or next((found for check in CHECKS if (found := check(turn)) is not None), None)


def mode(session: Session, configured: str) -> Autoreply:
    """Whether senders are answered now: what is configured, restrained by the operator's switch. Never kept."""
    switched = tables.mail.switch(session, SWITCH)
    if switched is None:
        return Autoreply(configured)
    known = switched in set(Autoreply)
    return Autoreply(configured).at_most(Autoreply(switched) if known else Autoreply.OFF)


def stay_silent(row: tables.mail.Mail, silence: Suppression) -> None:
    """Record why a mail is not answered."""
    row.suppression, row.suppression_evidence = silence.reason, silence.evidence
    row.suppression_clause = silence.clause


def answer(
    session: Session, row: tables.mail.Mail, message: ParsedMessage, receipt: Receipt, terms: ReplyTerms, now: datetime
) -> None:
    """Write the reply to a mail and ask for its delivery."""
    answers = tables.mail.answers(session, receipt.policy, limits.sender_key(row.mail_from))
    kind = reply.kind_of(message, opened=receipt.opened, answered_before=answers > 1)
    written = _reply_terms(row, message, receipt, terms, kind, now)
    outgoing = tables.mail.OutgoingMail(
        mail_id=row.id,
        request_id=receipt.request,
        recipient=written.recipient,
        message_id=written.message_id,
        content=reply.acknowledgement(written, terms.templates),
        state=OutgoingState.PENDING,
        created_at=now,
        policy=receipt.policy_ref,
        policy_digest=receipt.policy_digest,
    )
    session.add(outgoing)
    session.flush()
    tables.jobs.schedule(session, JobKind.MAIL_SEND, outgoing.id, now)


def _switched(turn: Turn) -> Suppression:
    if turn.mode.value == turn.terms.mode:
        evidence, clause = f"SWITCHBOARD_AUTOREPLY={turn.mode.value}", "operator's setting"
    else:
        evidence, clause = f"switched to {turn.mode.value} while running", "operator's switch `switchboard autoreply`"
    return Suppression(reason=turn.mode.value, evidence=evidence, clause=clause)


def _reply_terms(
    row: tables.mail.Mail,
    message: ParsedMessage,
    receipt: Receipt,
    terms: ReplyTerms,
    kind: reply.Kind,
    now: datetime,
) -> reply.Terms:
    own_addresses = sorted(terms.own_addresses)
    named = (own for each in row.rcpt_to for own in own_addresses if key(own) == key(each))
    addressed = next(named, own_addresses[0])
    sender = terms.reply_from or addressed
    own = next((box.address for box in mailboxes(sender)), addressed)
    back = own if key(own) in {key(each) for each in own_addresses} else addressed
    recipient = deliverable(row.mail_from) or row.mail_from
    signed = conversation.signed_id(row.id, terms.thread_key) if terms.thread_key else f"reply.{row.id}"
    return reply.Terms(
        kind=kind,
        recipient=recipient,
        sender=sender,
        reply_to=conversation.reply_address(back, receipt.request, terms.thread_key) if terms.thread_key else "",
        subject=message.subject,
        reference=receipt.reference,
        policy_name=receipt.policy_name,
        portal_link=terms.portal_link(receipt, message.subject, recipient),
        phone=(receipt.support_phone or terms.support_phone) if "phone" in receipt.sla_channels else "",
        urgent=receipt.looks_urgent,
        language=message.language,
        message_id=f"{signed}@{own.rpartition('@')[2]}",
        in_reply_to=message.message_id,
        references=message.references,
        date=now,
    )
