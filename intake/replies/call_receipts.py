"""The reference of a call sent to its caller by mail: once, automatic, nothing of theirs but the reference.

RFC 3834 (Auto-Submitted), RFC 5322. It goes to the address on file only, so that no caller can have strangers
written to. An operator who switches automatic replies off silences these, too.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.charset import QP, Charset
from email.header import Header
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr
from functools import cache
from importlib import resources
from string import Template
from uuid import UUID

import structlog
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from intake import conversation
from intake.addresses import deliverable, key, mailboxes
from intake.replies import answering, limits, restored
from intake.replies.mailer import Transport
from intake.replies.reply import WIRE, cleaned
from intake.replies.telephone import readable
from models import tables
from models.errors import Unavailable
from models.store import transaction
from models.tables.reaching import CallReceipt
from models.terms import Autoreply, OutgoingState, PartyKind

MAIL = "mail"
"""The channel of receipts that go out here; those by text are the voice's."""
FALLBACK = "en"
FRESH = timedelta(days=1)
"""A reference that comes later than this helps nobody."""
MOST_A_DAY = 5
"""Receipts to one address within a day: whoever pretends to call from somebody's number must not flood them."""
INTERRUPTED = "interrupted while it was being handed over"
RESTORED = "the database was restored while this receipt waited: it may have gone out before"
REACHED = (OutgoingState.SENT, OutgoingState.CAPTURED, OutgoingState.SENDING, OutgoingState.UNCERTAIN)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReceiptTerms:
    """How callers are written to. `sender` is the From address, `own_address` one of ours that we take mail for.

    `portal` is the address of the portal and `phone` our number in E.164, either empty where there is none; `naming`
    is the name of a request's policy. `mode` is what is configured of automatic replies.
    """

    sender: str
    own_address: str
    thread_key: bytes
    portal: str
    phone: str
    naming: Callable[[tables.requests.Request], str]
    mode: str = "on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a receipt says, in which language, and to whom."""

    receipt: UUID
    request: UUID
    reference: str
    policy: str
    language: str
    called_at: datetime
    recipient: str
    date: datetime


def compose(facts: Facts, terms: CallReceiptTerms) -> bytes:
    """The receipt as it goes on the wire: CRLF, 7-bit, plain text; the same facts give the same bytes.

    Answers go to the signed address of the request, and so to the request.
    """
    words = wording(facts.language)
    phone = readable(terms.phone, address=facts.recipient, language=facts.language).shown if terms.phone else ""
    given = {
        "reference": facts.reference,
        "policy": cleaned(facts.policy),
        "moment": f"{facts.called_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        "portal": terms.portal,
        "phone": phone,
    }
    left_out = {"both": not (terms.portal and phone), "portal": bool(phone) or not terms.portal}
    left_out["phone"] = bool(terms.portal) or not phone
    said = [words[name] for name in ("greeting", "logged", "both", "portal", "phone", "mail", "closing")
            if not left_out.get(name)]  # fmt: skip
    charset = Charset("utf-8")
    charset.body_encoding = QP
    text = "\n\n".join(Template(each).substitute(given) for each in said) + "\n"
    mail = MIMEText(text, "plain", charset)  # type: ignore[arg-type]  # it takes a Charset, as its documentation says
    box = next(iter(mailboxes(terms.sender)), None)
    own = box.address if box else terms.own_address
    mail["From"] = formataddr((box.name, box.address)) if box else own
    if terms.thread_key:
        mail["Reply-To"] = conversation.reply_address(terms.own_address, facts.request, terms.thread_key)
    mail["To"] = facts.recipient
    mail["Subject"] = _subject(f"[{facts.reference}] {words['subject']}")
    mail["Date"] = format_datetime(facts.date)
    mail["Message-ID"] = f"<receipt.{facts.receipt}@{own.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["Content-Language"] = words["language"]
    return mail.as_bytes(policy=WIRE)


@cache
def wording(language: str) -> dict[str, str]:
    """The words of a language, English where we have none."""
    folder = resources.files("intake") / "templates" / "receipt"
    names = {each.name for each in folder.iterdir()}
    code = language if f"{language}.toml" in names else FALLBACK
    return {**tomllib.loads((folder / f"{code}.toml").read_text(encoding="utf-8")), "language": code}


def send(
    engine: Engine, receipt_id: UUID, transport: Transport, *, terms: CallReceiptTerms, clock: Callable[[], datetime]
) -> None:
    """Deliver one receipt: intent recorded, handed over, outcome recorded.

    An interrupted delivery that may have succeeded ends *uncertain* and is not repeated. Without an address on file
    it is dropped.

    Raises:
        Unavailable: not now; the job is tried again later, with the same bytes and Message-ID.

    """
    facts = _begin(engine, receipt_id, transport, terms, clock())
    if facts is None:
        return
    outcome = transport.deliver(receipt_id, facts.recipient, compose(facts, terms))
    with transaction(engine) as session:
        row = _held(session, receipt_id)
        if row is None:
            return
        row.state, row.error = outcome.state or OutgoingState.PENDING, outcome.error or None
        if outcome.state in (OutgoingState.SENT, OutgoingState.CAPTURED):
            row.told_at = clock()
        if outcome.dead:
            tables.mail.kill_address(session, limits.sender_key(facts.recipient), outcome.error, clock())
    log.info("receipt.sent", receipt=str(receipt_id), channel=MAIL, state=row.state)
    if outcome.state is None:
        raise Unavailable(outcome.error)


def _begin(
    engine: Engine, receipt_id: UUID, transport: Transport, terms: CallReceiptTerms, now: datetime
) -> Facts | None:
    """Record the intent; None if there is nothing to send (any more).

    Raises:
        Unavailable: the way out is closed for now; nothing was recorded but the reason.

    """
    away = transport.away()
    with transaction(engine) as session:
        row = _held(session, receipt_id)
        if row is None or row.channel != MAIL or row.state not in (OutgoingState.PENDING, OutgoingState.SENDING):
            return None
        request = session.get_one(tables.requests.Request, row.request_id)
        row.recipient = row.recipient if "@" in row.recipient else _on_file(session, request)
        last = _last_word(session, row, transport, terms, now)
        if last is not None:
            row.state, row.error = last
            return None
        if away:
            row.error = away
        else:
            row.state = OutgoingState.SENDING
        facts = _facts(session, row, request, terms)
    if away:
        raise Unavailable(away)
    return facts


def _last_word(
    session: Session, row: CallReceipt, transport: Transport, terms: CallReceiptTerms, now: datetime
) -> tuple[OutgoingState, str] | None:
    """How a receipt ends that must not be handed over (again), and why."""
    if row.state is OutgoingState.SENDING and not transport.repeatable:
        return OutgoingState.UNCERTAIN, INTERRUPTED
    at = restored.restored_at(session, now)
    if at is not None and row.created_at <= at:
        return OutgoingState.UNCERTAIN, RESTORED
    reason = _needless(session, row, terms, now)
    return (OutgoingState.DROPPED, reason) if reason else None


def _needless(session: Session, row: CallReceipt, terms: CallReceiptTerms, now: datetime) -> str:
    """Why a receipt is not sent; empty if it is."""
    if not row.recipient:
        return "there is no address on file for this caller"
    holds = answering.mode(session, terms.mode)
    if holds is not Autoreply.ON:
        return f"automatic replies are switched to {holds.value}"
    if now - row.created_at > FRESH:
        return "too old to be of use"
    dead = tables.mail.dead(session, {limits.sender_key(row.recipient), key(row.recipient)}, now - answering.DEAD_FOR)
    if dead is not None:
        return f"the address refused a mail for good: {dead[:200]}"
    same = select(func.count()).where(
        CallReceipt.channel == MAIL,
        CallReceipt.recipient == row.recipient,
        CallReceipt.created_at > now - timedelta(days=1),
        CallReceipt.state.in_(REACHED),
        CallReceipt.id != row.id,
    )
    return f"{MOST_A_DAY} receipts went to this address today" if (session.scalar(same) or 0) >= MOST_A_DAY else ""


def _on_file(session: Session, request: tables.requests.Request) -> str:
    """The contact's own address that we know longest; empty where we have none. No other address is ever used."""
    if request.contact_id is None:
        return ""
    one = tables.directory.ContactKey
    mine = select(one.value).where(one.contact_id == request.contact_id, one.kind == PartyKind.ADDRESS)
    written = session.scalar(mine.order_by(one.id).limit(1))
    return deliverable(written) or "" if written else ""


def _facts(
    session: Session, row: CallReceipt, request: tables.requests.Request, terms: CallReceiptTerms
) -> Facts:  # fmt: skip
    call = session.get_one(tables.calls.Call, row.call_id)
    return Facts(
        receipt=row.id,
        request=request.id,
        reference=request.reference,
        policy=terms.naming(request),
        language=str(call.answers.get("language") or FALLBACK),
        called_at=call.started_at,
        recipient=row.recipient,
        date=row.created_at,
    )


def _subject(said: str) -> str:
    """Encoded where it is not ASCII, folded at 76 (RFC 2047 §2)."""
    return said if said.isascii() else Header(said, "utf-8", header_name="Subject").encode()


def _held(session: Session, receipt_id: UUID) -> CallReceipt | None:
    """The receipt, held against other senders until the transaction ends."""
    return session.get(CallReceipt, receipt_id, with_for_update=True)
