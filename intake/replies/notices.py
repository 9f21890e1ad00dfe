"""Telling our own people of a step of an escalation by mail: once, without a word of the customer but the subject.

RFC 3834 §5 (Auto-Submitted: auto-generated), RFC 5322. An operator who switches automatic replies off silences what
customers get; these mails are for engineers and still go out.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.charset import QP, Charset
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr
from uuid import UUID

import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from intake import conversation
from intake.addresses import mailboxes
from intake.replies import restored
from intake.replies.mailer import Transport
from intake.replies.reply import WIRE, cleaned
from models import tables
from models.errors import Unavailable
from models.store import transaction
from models.terms import OutgoingState

MAIL = "mail"
"""The channel of notices that go out here; those by telephone are the voice's."""
LABEL_LENGTH = 160
RESTORED = "the database was restored while this notice waited: it may have gone out before"
INTERRUPTED = "interrupted while it was being handed over"
CAUSES = (
    (re.compile(r"breached:(\w+)"), "{0} missed"),
    (re.compile(r"warned-(\d+):(\w+)"), "{1}: {0} % of its time used up"),
    (re.compile(r"stagnant"), "Nothing has happened for long"),
    (re.compile(r"asked"), "Somebody asks for help"),
)
"""What began a ladder (`EscalationStep.cause`), in words."""
ENVIRONMENT = Environment(
    loader=PackageLoader("intake", "templates/notice"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeTerms:
    """How engineers are told, and what only the desk knows.

    `sender` is the From address, `own_address` one of ours that the gateway takes mail for. `ended` says why nobody
    need be told of a step any more (empty: somebody must); `settle` lets the step's state follow its notices.
    """

    sender: str
    own_address: str
    public_url: str
    thread_key: bytes
    ended: Callable[[Session, tables.progress.EscalationStep], str]
    settle: Callable[[Session, UUID], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a notice says, and to whom. `subject` is the customer's; no other word of theirs is repeated."""

    notice: UUID
    request: UUID
    reference: str
    subject: str
    label: str
    cause: str
    cause_at: datetime
    due_at: datetime
    clause: str
    assumed: bool
    name: str
    recipient: str
    date: datetime


def compose(facts: Facts, *, sender: str, own_address: str, public_url: str, thread_key: bytes = b"") -> bytes:
    """The notice as it goes on the wire: CRLF, 7-bit, plain text and HTML; the same facts give the same bytes.

    Answers go to the signed address of the request, so that an absence notice opens no request of its own.
    """
    words, link = in_words(facts.cause), f"{public_url}/requests/{facts.reference}"
    label = cleaned(facts.label)[:LABEL_LENGTH]
    assumed = " (an assumption of the house)" if facts.assumed else ""
    lines = (
        f"{facts.reference}: {words}.",
        f"Request: {cleaned(facts.subject) or '(no subject)'}",
        f"Step: {label}, for {cleaned(facts.name)}, due {_moment(facts.due_at)}",
        f"Since: {_moment(facts.cause_at)}",
        f"Rule: {cleaned(facts.clause)}{assumed}",
        "Acknowledge it in the console, so that nobody else is called.",
    )
    box = next(iter(mailboxes(sender)), None)
    own = box.address if box else own_address
    mail = MIMEMultipart("alternative", boundary=f"=_{facts.notice.hex}")
    mail.attach(_text("\n".join((*lines, link, "")), "plain"))
    page = ENVIRONMENT.get_template("notice.html")
    mail.attach(_text(page.render(lines=lines, reference=facts.reference, link=link), "html"))
    mail["From"] = formataddr((box.name, box.address)) if box else own
    if thread_key:
        mail["Reply-To"] = conversation.reply_address(own_address, facts.request, thread_key)
    mail["To"] = facts.recipient
    mail["Subject"] = _subject(f"[{facts.reference}] {words} ({label})")
    mail["Date"] = format_datetime(facts.date)
    mail["Message-ID"] = f"<notice.{facts.notice}@{own.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    return mail.as_bytes(policy=WIRE)


def in_words(cause: str) -> str:
    """What began a ladder, as a person says it; an unknown cause as it is."""
    for pattern, words in CAUSES:
        if found := pattern.fullmatch(cause):
            return words.format(*(each.capitalize() for each in found.groups()))
    return cleaned(cause)


def send(
    engine: Engine, notice_id: UUID, transport: Transport, *, terms: NoticeTerms, clock: Callable[[], datetime]
) -> None:
    """Deliver one notice: intent recorded, handed over, outcome recorded.

    An interrupted delivery that may have succeeded ends *uncertain* and is not repeated. A notice of a step whose
    ladder was stopped meanwhile is dropped.

    Raises:
        Unavailable: not now; the job is tried again later, with the same bytes and Message-ID.

    """
    facts = _begin(engine, notice_id, transport, terms, clock())
    if facts is None:
        return
    content = compose(
        facts,
        sender=terms.sender,
        own_address=terms.own_address,
        public_url=terms.public_url,
        thread_key=terms.thread_key,
    )
    outcome = transport.deliver(notice_id, facts.recipient, content)
    with transaction(engine) as session:
        row = _held(session, notice_id)
        if row is None:
            return
        told_at = clock() if outcome.state in (OutgoingState.SENT, OutgoingState.CAPTURED) else None
        row.state, row.told_at = outcome.state or OutgoingState.PENDING, told_at
        row.error = outcome.error or None
        session.flush()
        terms.settle(session, row.step_id)
    log.info("notice.delivered", notice=str(notice_id), state=row.state)
    if outcome.state is None:
        raise Unavailable(outcome.error)


def _begin(engine: Engine, notice_id: UUID, transport: Transport, terms: NoticeTerms, now: datetime) -> Facts | None:
    """Record the intent; None if there is nothing to send (any more).

    Raises:
        Unavailable: the way out is closed for now; nothing was recorded but the reason.

    """
    away = transport.away()
    with transaction(engine) as session:
        row = _held(session, notice_id)
        if row is None or row.channel != MAIL or row.state not in (OutgoingState.PENDING, OutgoingState.SENDING):
            return None
        step = session.get_one(tables.progress.EscalationStep, row.step_id)
        last = _last_word(session, row, step, transport, terms, now)
        if last is not None:
            row.state, row.error = last
            session.flush()
            terms.settle(session, row.step_id)
            return None
        if away:
            row.error = away
        else:
            row.state = OutgoingState.SENDING
            row.attempts += 1
        facts = _facts(session, row, step)
    if away:
        raise Unavailable(away)
    return facts


def _last_word(
    session: Session,
    row: tables.progress.Notice,
    step: tables.progress.EscalationStep,
    transport: Transport,
    terms: NoticeTerms,
    now: datetime,
) -> tuple[OutgoingState, str] | None:
    """How a notice ends that must not be handed over (again), and why."""
    if row.state is OutgoingState.SENDING and not transport.repeatable:
        return OutgoingState.UNCERTAIN, INTERRUPTED
    at = restored.restored_at(session, now)
    if at is not None and row.created_at <= at:
        return OutgoingState.UNCERTAIN, RESTORED
    if reason := terms.ended(session, step):
        return OutgoingState.DROPPED, reason
    return None


def _held(session: Session, notice_id: UUID) -> tables.progress.Notice | None:
    """The notice, held against other senders until the transaction ends."""
    found = select(tables.progress.Notice).where(tables.progress.Notice.id == notice_id)
    return session.scalar(found.with_for_update())


def _facts(session: Session, row: tables.progress.Notice, step: tables.progress.EscalationStep) -> Facts:
    request = session.get_one(tables.requests.Request, row.request_id)
    return Facts(
        notice=row.id,
        request=request.id,
        reference=request.reference,
        subject=request.subject,
        label=step.label,
        cause=step.cause,
        cause_at=step.cause_at,
        due_at=step.due_at,
        clause=step.clause,
        assumed=step.assumed,
        name=row.name,
        recipient=row.recipient,
        date=row.created_at,
    )


def _subject(said: str) -> str:
    """Encoded where it is not ASCII, folded at 76 (RFC 2047 §2); it holds no line break of ours or of anybody's."""
    if said.isascii() and "=?" not in said:
        return said
    return Header(said, "utf-8", header_name="Subject").encode()


def _text(content: str, kind: str) -> MIMEText:
    charset = Charset("utf-8")
    charset.body_encoding = QP
    return MIMEText(content, kind, charset)  # type: ignore[arg-type]  # it takes a Charset, as its documentation says


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
