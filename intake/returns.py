"""Bounces of our own replies: swallowed and counted, never a request and never answered (RFC 5321 §4.5.5, RFC 3464)."""

import re
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from intake import conversation
from intake.addresses import key
from intake.reading.message import ParsedMessage
from intake.reading.reports import Undelivered
from models import tables
from models.terms import MailState, OutgoingState

OUR_ID = re.compile(r"reply\.[0-9a-f-]{36}(?:\.[a-z2-7]{24})?@[\w.-]{1,255}", re.IGNORECASE)
NOTICE_ID = re.compile(r"notice\.[0-9a-f-]{36}", re.IGNORECASE)
LOOKED_AT = 1_000_000
"""Bytes of a bounce in which our Message-ID is looked for: our replies are small, so their bounces are."""
MOST_IDS = 20

log = structlog.get_logger()


def swallow(
    session: Session, row: tables.mail.Mail, message: ParsedMessage, raw: bytes, *, thread_key: bytes, now: datetime
) -> bool:
    """Whether a mail is a bounce of a reply of ours; if so it is counted there and has no request of its own.

    A failure for good, told with the Message-ID that only the reply had, ends writing to that address.
    """
    if not message.bounced:
        return False
    text = _readable(raw, message)
    notice = conversation.notice_named(session, NOTICE_ID.findall(text)[:MOST_IDS])
    if notice is not None:
        _bounced_notice(row, message, notice)
        return True
    sure = _named(session, text, thread_key)
    reply = sure or _told(session, row, message, text, thread_key)
    if reply is None:
        return False
    held = tables.mail.fetch_outgoing(session, reply.id) or reply
    told = _about(message, held.recipient)
    row.state, row.request_id = MailState.SWALLOWED, row.request_id or held.request_id
    final = told is None or not told.temporary
    if final:
        held.state, held.bounced_at = OutgoingState.BOUNCED, row.received_at
    held.error = f"bounced: {told.status or 'no status'}" if told and final else held.error or "delayed"
    if sure and told and final and told.status.startswith("5"):
        tables.mail.kill_address(session, key(held.recipient), f"bounce with status {told.status}", now)
    log.info("reply.bounced", outgoing=str(held.id), status=told.status if told else "", final=final)
    return True


def _bounced_notice(row: tables.mail.Mail, message: ParsedMessage, notice: tables.progress.Notice) -> None:
    """Note at a notice to our own people that it came back; a mere delay changes nothing."""
    told = _about(message, notice.recipient)
    row.state, row.request_id = MailState.SWALLOWED, notice.request_id
    if told is None or not told.temporary:
        notice.state = OutgoingState.BOUNCED
        notice.error = f"bounced: {told.status or 'no status'}" if told else "bounced"
    log.info("notice.bounced", notice=str(notice.id), state=notice.state)


def _readable(raw: bytes, message: ParsedMessage) -> str:
    """The bounce as text in which a Message-ID or reference stands in one piece."""
    whole = raw[:LOOKED_AT].decode("latin-1")
    return "\n".join((whole, whole.replace("=\r\n", ""), message.text[:LOOKED_AT]))


def _named(session: Session, text: str, thread_key: bytes) -> tables.mail.OutgoingMail | None:
    """Our reply whose Message-ID stands in the bounce: signed, or one we remember. Nobody can guess either."""
    ids = list(dict.fromkeys(found[0].rstrip(".-") for found in OUR_ID.finditer(text)))[:MOST_IDS]
    answered = (conversation.verified(each, thread_key) for each in ids)
    replies = (tables.mail.reply_to(session, mail) for mail in answered if mail is not None)
    found = next(filter(None, replies), None)
    return found or next(iter(tables.mail.replies_named(session, ids) if ids else ()), None)


def _told(
    session: Session, row: tables.mail.Mail, message: ParsedMessage, text: str, thread_key: bytes
) -> tables.mail.OutgoingMail | None:
    """Our reply to the failed recipient about a request that the bounce names; a null return path is needed too."""
    if row.mail_from:
        return None
    failed = {key(each.address) for each in message.bounce}
    replies = tables.mail.replies_about(session, list(_requests(session, row, text, thread_key)))
    return next((each for each in replies if key(each.recipient) in failed), None)


def _requests(session: Session, row: tables.mail.Mail, text: str, thread_key: bytes) -> Iterator[UUID]:
    yield from filter(None, (conversation.verified_address(each, thread_key) for each in row.rcpt_to))
    numbers = [int(each) for each in conversation.REFERENCE.findall(text)[: conversation.MOST_REFERENCES]]
    yield from (request for _, request in tables.requests.numbered(session, numbers)) if numbers else ()


def _about(message: ParsedMessage, recipient: str) -> Undelivered | None:
    """What the bounce says of our recipient; of another, where the mail had been forwarded to it."""
    ours = [each for each in message.bounce if key(each.address) == key(recipient)]
    return next(iter(ours or message.bounce), None)
