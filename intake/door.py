"""The way of a mail: accepted with its envelope, then read, handed to the desk, answered or left in silence."""

import dataclasses
import hashlib
import re
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from intake import conversation, returns
from intake.addresses import key
from intake.conversation import ALONE, Thread
from intake.reading.charsets import decode_header
from intake.reading.message import ParsedMessage, parse
from intake.reading.shape import as_json, automatic_kind
from intake.replies import answering, screening
from intake.replies.authentication import Verdict
from intake.replies.screening import Case, Suppression
from models import tables
from models.errors import NotFound
from models.ports import Receive
from models.terms import (
    Channel,
    Envelope,
    Interaction,
    JobKind,
    Joined,
    MailState,
    Party,
    PartyKind,
    Receipt,
)

FIELD = re.compile(rb"^([!-9;-~]{1,60})[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.MULTILINE)
"""A header field with its folded lines (RFC 5322 §2.2)."""
HEAD_END = re.compile(rb"\r?\n\r?\n")
WRITTEN = (b"from", b"date", b"subject", b"message-id")
"""Fields an author writes and no server on the way changes; all others differ from list to list and hop to hop."""
PASSED_ON = {b"list-id", b"list-post", b"list-unsubscribe", b"mailing-list", b"x-mailing-list", b"x-beenthere"}
"""Fields by which a list tells that it passed a mail on (RFC 2369, RFC 2919)."""
LONGEST_SUBJECT = 2_000
LIST_TAG = re.compile(r"\[[^\[\]]{1,60}\]\s*")
AUTOMATIC = ("auto-reply", "bounce", "receipt", "feedback-report", "calendar")
"""Kinds of mail that say nothing about the request they belong to."""
SUBJECT = re.compile(rb"^subject:[ \t]*([^\r\n]{1,400})", re.IGNORECASE | re.MULTILINE)
OWN_ID = re.compile(rb"^message-id:\s*<([!-;=?-~]{3,500})>", re.IGNORECASE | re.MULTILINE)
ANY_ID = re.compile(rb"<(reply\.[!-;=?-~]{60,400})>", re.IGNORECASE)
HEAD = 65_536
"""Bytes of a mail in which the fields that tell it from others are looked for."""
UNREADABLE = "This mail could not be read. Its bytes are kept as they came."
SWALLOWED = Suppression(reason="report", evidence="a bounce of our reply", clause="RFC 5321 §4.5.5, RFC 3834 §2")


def accept(session: Session, envelope: Envelope, content: bytes, now: datetime) -> UUID | None:
    """Store a mail and ask for its processing, in one transaction; None if the same mail is here already."""
    mail = tables.mail.accept(session, digest=digest(envelope, content), envelope=envelope, content=content)
    if mail is not None:
        tables.jobs.schedule(session, JobKind.MAIL_PROCESS, mail, now)
    return mail


def digest(envelope: Envelope, content: bytes) -> str:
    """What makes two deliveries the same mail: Message-ID, author, date, subject and every byte of the body.

    Retries, a second gateway, a second recipient or a second list change other fields and the return
    path only. A Message-ID used again with another body is another mail. A mail without a Message-ID
    is the same only if every byte and the return path are: nothing else tells it from its likes. What a
    list passed on is another mail than what came straight from its author: only that one may be answered.
    """
    return _digest(envelope, content, turned=False)


def _digest(envelope: Envelope, content: bytes, *, turned: bool) -> str:
    """The digest; `turned`: of the same mail if a list had passed it on, or had not."""
    end = HEAD_END.search(content)
    head = content[: min(end.start() if end else len(content), HEAD)]
    fields = [(name.lower(), b" ".join(value.split())) for name, value in FIELD.findall(head)]
    whole = hashlib.sha256()
    if not any(name == b"message-id" and value.strip(b"<> ") for name, value in fields):
        whole.update(key(envelope.mail_from).encode("utf-8", "surrogatepass") + b"\0")
        whole.update(content)
        return whole.hexdigest()
    listed = not envelope.mail_from or any(name in PASSED_ON for name, _ in fields)
    for written in WRITTEN:
        values = [value for name, value in fields if name == written]
        if written == b"subject":
            values = [_subject(value, listed=listed) for value in values]
        whole.update(b"\0".join((written, *values)) + b"\n")
    whole.update(b"listed" if listed != turned else b"straight")
    whole.update(memoryview(content)[end.end() if end else len(content) :])
    return whole.hexdigest()


def _subject(value: bytes, *, listed: bool) -> bytes:
    """A subject without the tag that a list puts into it, however it is encoded."""
    if len(value) > LONGEST_SUBJECT:
        return value
    said = decode_header(value)
    return (LIST_TAG.sub("", said, count=1) if listed else said).encode("utf-8", "surrogatepass")


def process(
    session: Session,
    mail: UUID,
    *,
    receive: Receive,
    terms: answering.ReplyTerms,
    now: datetime,
    thread_key: bytes = b"",
    verdict: Verdict | None = None,
) -> None:
    """Read a mail, hand it to the desk, and answer it or record why not. Running it twice changes nothing.

    `thread_key` is what `conversation.thread_key` makes of our secret; without it none of our own marks is obeyed.
    `verdict` is what `mailauth.of_stored` found out about the sender before this transaction.

    Raises:
        Unavailable: it answers a mail that is not processed yet; to be tried again.

    """
    row, twin, raw = _held(session, mail)
    if row is None or row.state in (MailState.PROCESSED, MailState.SWALLOWED):
        return
    message = parse(raw)
    case = _case(row, message, terms, verdict)
    silence = screening.suppression(case)
    row.message_id = message.message_id or None
    row.parsed = as_json(message, str(mail), case=case, silence=silence)
    row.unread_because = row.suppression = row.suppression_evidence = row.suppression_clause = None
    if returns.swallow(session, row, message, raw, thread_key=thread_key, now=now):
        answering.stay_silent(row, silence or SWALLOWED)
        return
    if twin is None:
        receipt = _taken_in(session, row, case, thread_key=thread_key, receive=receive, now=now)
    else:
        receipt = _same_again(session, row, twin, receive=receive, now=now)
    row.state = MailState.PROCESSED
    row.request_id = receipt.request
    silence = answering.suppression(session, case, row, receipt, terms, now)
    if silence is not None:
        answering.stay_silent(row, silence)
    else:
        answering.answer(session, row, message, receipt, terms, now)
    session.flush()


def _held(session: Session, mail: UUID) -> tuple[tables.mail.Mail | None, tables.mail.Mail | None, bytes]:
    """The mail, the same one if it was taken in by the other way, and its bytes; both held against other workers."""
    row = tables.mail.fetch(session, mail)
    if row is None:
        return None, None, b""
    raw = tables.mail.raw(session, mail)
    other = tables.mail.by_digest(session, _digest(envelope_of(row), raw, turned=True))
    held = tables.mail.hold(session, {mail, other} if other else {mail})
    twin = held.get(other) if other else None
    done = twin is not None and twin.state is MailState.PROCESSED and twin.request_id is not None
    return held.get(mail), twin if done else None, raw


def _case(
    row: tables.mail.Mail, message: ParsedMessage, terms: answering.ReplyTerms, verdict: Verdict | None = None
) -> Case:
    return Case(
        envelope=envelope_of(row),
        message=message,
        own_addresses=terms.ours,
        trusted_authserv_id=terms.trusted_authserv_id,
        verdict=verdict,
        answer_unauthenticated=terms.answer_unauthenticated,
    )


def _same_again(
    session: Session, row: tables.mail.Mail, twin: tables.mail.Mail, *, receive: Receive, now: datetime
) -> Receipt:
    """What the desk said when this mail came by the other way; it is not taken in again."""
    row.joined, row.joined_evidence = Joined.THREAD, "the same mail came by a list and straight from its author"
    said = Interaction(source=f"mail:{twin.id}", channel=Channel.EMAIL, received_at=twin.received_at)
    return dataclasses.replace(receive(session, said, now), opened=twin.joined is None)


def _taken_in(
    session: Session, row: tables.mail.Mail, case: Case, *, thread_key: bytes, receive: Receive, now: datetime
) -> Receipt:
    """Hand a mail to the desk, as a part of the request it belongs to."""
    thread = _thread(session, case, thread_key)
    if thread.request is None and conversation.wait_for_earlier(session, row.id, case.message):
        thread = _thread(session, case, thread_key)
    # A colleague who answers a notice is no customer who writes again.
    noticed = thread.evidence == conversation.NOTICED
    automatic = noticed or not case.envelope.mail_from or automatic_kind(case) in AUTOMATIC
    interaction = as_interaction(
        row.id, case.message, case.envelope, own_addresses=case.own_addresses, thread=thread, automatic=automatic
    )
    receipt = receive(session, interaction, now)
    row.joined, row.joined_evidence = thread.by, thread.evidence or None
    if thread.request is not None and thread.request != receipt.request:
        row.joined, row.joined_evidence = None, f"{thread.evidence}; it had {receipt.reference} before it could be read"
    elif thread.request is not None and not automatic:
        tables.redirections.wrote_again(session, receipt.request, row.received_at)
    return receipt


def _thread(session: Session, case: Case, thread_key: bytes) -> Thread:
    forged = screening.verdict(case).result == "fail"
    return conversation.find(
        session, case.message, case.envelope, thread_key=thread_key, own_addresses=case.own_addresses, forged=forged
    )


def reread(session: Session, mail: UUID, *, terms: answering.ReplyTerms) -> tuple[dict[str, Any], dict[str, Any]]:
    """How a mail was read before, and how it is read now, which is kept; nothing else happens, nobody is answered.

    Raises:
        NotFound: there is no such mail.

    """
    row = tables.mail.hold(session, {mail}).get(mail)
    if row is None:
        raise NotFound(f"mail {mail}")
    message = parse(tables.mail.raw(session, mail))
    case = _case(row, message, terms)
    before, after = row.parsed or {}, as_json(message, str(mail), case=case, silence=screening.suppression(case))
    row.parsed, row.message_id = after, message.message_id or None
    session.flush()
    return before, after


def mark_unparsed(
    session: Session, mail: UUID, *, receive: Receive, now: datetime, because: str = "", thread_key: bytes = b""
) -> None:
    """Give a mail that cannot be processed a request all the same: visible, with its raw bytes at hand.

    `because` is what the last try failed with. A follow-up still finds its request by our own marks.
    """
    row = tables.mail.hold(session, {mail}).get(mail)
    if row is None or row.state in (MailState.PROCESSED, MailState.SWALLOWED):
        return
    head = tables.mail.head(session, mail, HEAD)
    ids = tuple(each.decode("latin-1") for each in ANY_ID.findall(head)[: conversation.MOST_IDS])
    marks = conversation.signed(session, ids, tuple(row.rcpt_to), thread_key=thread_key)
    request, by, evidence = next(marks, (None, None, None))
    interaction = Interaction(
        source=f"mail:{mail}",
        channel=Channel.EMAIL,
        received_at=row.received_at,
        subject=_subject_of_unread(head),
        text=UNREADABLE,
        new_text="",
        party=party_of(row.mail_from),
        note="unparsed",
        request=request,
    )
    receipt = receive(session, interaction, now)
    row.state = MailState.UNPARSED
    row.request_id = receipt.request
    row.joined, row.joined_evidence = (by, evidence) if request == receipt.request else (None, None)
    row.message_id = row.message_id or _own_id(head)
    row.unread_because = because or None
    answering.stay_silent(row, Suppression(reason="unparsed", evidence="could not be processed", clause="RFC 3834 §2"))
    session.flush()


def _own_id(head: bytes) -> str | None:
    """The Message-ID of a mail that is not read, so that answers to it find its request."""
    found = OWN_ID.search(head)
    return found[1].decode("ascii") if found else None


def _subject_of_unread(head: bytes) -> str:
    """As much of the subject as can be told without reading the mail."""
    found = SUBJECT.search(head)
    said = "".join(sign for sign in decode_header(found[1]) if sign.isprintable()).strip() if found else ""
    return f"Mail that could not be read{': ' + said[:200] if said else ''}"


def as_interaction(
    mail: UUID,
    message: ParsedMessage,
    envelope: Envelope,
    *,
    own_addresses: frozenset[str],
    thread: Thread = ALONE,
    automatic: bool = False,
) -> Interaction:
    """A mail as the desk sees it. It starts no SLA clock: mail is no SLA channel.

    What a colleague forwards is the approach of whoever wrote the original. A customer who forwards
    something (a vendor's alert, say) stays its sender: there the original's author asks nothing of us.
    An `automatic` mail that belongs to a request is kept with it and says nothing new about it.
    """
    sender, notes = message.sender, []
    follows = thread.request is not None
    if automatic and follows:
        notes.append("automatic")
    if thread.newcomer:
        notes.append("first mail of this sender in this request")
    forward = message.forwarded
    if forward and forward.sender and forward.sender.address and _is_colleague(message, envelope, own_addresses):
        notes.append(f"forwarded by {sender.address if sender else envelope.mail_from}")
        sender = forward.sender
    written = "\n\n".join(filter(None, (forward.comment, forward.text))) if forward else message.new_text
    return Interaction(
        source=f"mail:{mail}",
        channel=Channel.EMAIL,
        received_at=envelope.received_at,
        subject=message.subject,
        text=message.text,
        new_text="" if automatic and follows else written,
        language=message.language,
        party=party_of(sender.address if sender else envelope.mail_from),
        name=sender.name if sender else "",
        note="; ".join(notes),
        request=thread.request,
    )


def _is_colleague(message: ParsedMessage, envelope: Envelope, own_addresses: frozenset[str]) -> bool:
    """Whether return path and author both are of a domain we take mail for."""
    ours = {each.rpartition("@")[2].lower() for each in own_addresses}
    said = (envelope.mail_from, message.sender.address if message.sender else "")
    return all(each.rpartition("@")[2].lower() in ours for each in said)


def party_of(address: str) -> Party | None:
    """The party behind a mail address, or None for the null return path."""
    if not address:
        return None
    return Party(kind=PartyKind.ADDRESS, value=key(address), shown=address)


def envelope_of(row: tables.mail.Mail) -> Envelope:
    """The envelope a mail was accepted with."""
    return Envelope(
        mail_from=row.mail_from,
        rcpt_to=tuple(row.rcpt_to),
        peer=row.peer,
        helo=row.helo,
        received_at=row.received_at,
    )
