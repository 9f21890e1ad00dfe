"""The way of a mail: accepted with its envelope, then read, handed to the desk, answered or left in silence."""

import hashlib
import re
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from intake import answering, screening
from intake.addresses import key
from intake.charsets import decode_header
from intake.message import ParsedMessage, parse
from intake.screening import Case, Suppression
from intake.shape import as_json
from models import tables
from models.ports import Receive
from models.terms import (
    Channel,
    Envelope,
    Interaction,
    JobKind,
    MailState,
    Party,
    PartyKind,
)

TRACE = re.compile(
    rb"^(?:received|return-path|delivered-to|x-original-to|envelope-to|x-envelope-(?:to|from)|x-received|arc-[a-z-]+"
    rb"|authentication-results|received-spf|x-spam-[a-z-]+|dkim-signature):",
    re.IGNORECASE,
)
"""Header fields that gateways on the way add: the same mail has others on another way (RFC 5321 §4.4)."""
SUBJECT = re.compile(rb"^subject:[ \t]*([^\r\n]{1,400})", re.IGNORECASE | re.MULTILINE)
HEAD = 65_536
UNREADABLE = "This mail could not be read. Its bytes are kept as they came."


def accept(session: Session, envelope: Envelope, content: bytes, now: datetime) -> UUID | None:
    """Store a mail and ask for its processing, in one transaction; None if the same mail is here already."""
    mail = tables.mail.accept(session, digest=digest(envelope, content), envelope=envelope, content=content)
    if mail is not None:
        tables.jobs.schedule(session, JobKind.MAIL_PROCESS, mail, now)
    return mail


def digest(envelope: Envelope, content: bytes) -> str:
    """What makes two deliveries the same mail: its bytes without trace fields, and its return path.

    Retries, a second gateway and a second recipient change the trace only; a Message-ID used again
    with other bytes is another mail.
    """
    head, _, body = content.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", head)
    kept = b"\r\n".join(field for field in fields if not TRACE.match(field))
    whole = hashlib.sha256(key(envelope.mail_from).encode("utf-8", "surrogatepass"))
    whole.update(b"\0" + kept + b"\r\n\r\n" + body)
    return whole.hexdigest()


def process(session: Session, mail: UUID, *, receive: Receive, terms: answering.ReplyTerms, now: datetime) -> None:
    """Read a mail, hand it to the desk, and answer it or record why not. Running it twice changes nothing."""
    row = tables.mail.fetch(session, mail)
    if row is None or row.state is MailState.PROCESSED:
        return
    envelope = envelope_of(row)
    message = parse(tables.mail.raw(session, mail))
    case = Case(
        envelope=envelope,
        message=message,
        own_addresses=terms.own_addresses,
        trusted_authserv_id=terms.trusted_authserv_id,
    )
    silence = screening.suppression(case)
    receipt = receive(session, as_interaction(mail, message, envelope, own_addresses=terms.own_addresses), now)
    row.state = MailState.PROCESSED
    row.message_id = message.message_id or None
    row.request_id = receipt.request
    row.parsed = as_json(message, str(mail), case=case, silence=silence)
    silence = silence or answering.held_back(session, row, receipt, terms, now)
    if silence is not None:
        answering.stay_silent(row, silence)
    else:
        answering.answer(session, row, message, receipt, terms, now)
    session.flush()


def mark_unparsed(session: Session, mail: UUID, *, receive: Receive, now: datetime) -> None:
    """Give a mail that cannot be processed a request all the same: visible, with its raw bytes at hand."""
    row = tables.mail.fetch(session, mail)
    if row is None or row.state is MailState.PROCESSED:
        return
    interaction = Interaction(
        source=f"mail:{mail}",
        channel=Channel.EMAIL,
        received_at=row.received_at,
        subject=_subject_of_unread(tables.mail.raw(session, mail)),
        text=UNREADABLE,
        new_text="",
        party=party_of(row.mail_from),
        note="unparsed",
    )
    receipt = receive(session, interaction, now)
    row.state = MailState.UNPARSED
    row.request_id = receipt.request
    answering.stay_silent(row, Suppression(reason="unparsed", evidence="could not be processed", clause="RFC 3834 §2"))
    session.flush()


def _subject_of_unread(content: bytes) -> str:
    """As much of the subject as can be told without reading the mail."""
    found = SUBJECT.search(content[:HEAD])
    said = "".join(sign for sign in decode_header(found[1]) if sign.isprintable()).strip() if found else ""
    return f"Mail that could not be read{': ' + said[:200] if said else ''}"


def as_interaction(
    mail: UUID, message: ParsedMessage, envelope: Envelope, *, own_addresses: frozenset[str]
) -> Interaction:
    """A mail as the desk sees it. It starts no SLA clock: mail is no SLA channel.

    What a colleague forwards is the approach of whoever wrote the original. A customer who forwards
    something (a vendor's alert, say) stays its sender: there the original's author asks nothing of us.
    """
    sender, note = message.sender, ""
    forward = message.forwarded
    if forward and forward.sender and forward.sender.address and _is_colleague(message, envelope, own_addresses):
        note = f"forwarded by {sender.address if sender else envelope.mail_from}"
        sender = forward.sender
    return Interaction(
        source=f"mail:{mail}",
        channel=Channel.EMAIL,
        received_at=envelope.received_at,
        subject=message.subject,
        text=message.text,
        new_text="\n\n".join(filter(None, (forward.comment, forward.text))) if forward else message.new_text,
        language=message.language,
        party=party_of(sender.address if sender else envelope.mail_from),
        name=sender.name if sender else "",
        note=note,
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
