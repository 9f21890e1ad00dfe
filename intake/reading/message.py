"""Bytes to a ParsedMessage. Pure, bounded, and it never raises: what cannot be read is a defect."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from intake.addresses import Mailbox, mailboxes
from intake.reading import bounces, forwards, language, markup, mime, parts, reports, text
from intake.reading.charsets import Repair
from intake.reading.forwards import Forward
from intake.reading.headers import Headers, one_line, safe_name
from intake.reading.mime import Part
from intake.reading.parts import Attachment, Leaves
from intake.reading.reports import Undelivered

LONGEST_MAIL = 64 * 1024 * 1024
LONGEST_ID = 500
"""Characters of a Message-ID kept: it is indexed."""
MESSAGE_ID = re.compile(r"<\s*([^<>\s]+(?:\s+[^<>\s]+)*)\s*>")
BARE_ID = re.compile(r"[^<>\s]+@[^<>\s]+")
SUBJECT_LENGTH = 1_000
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]")
EARLIEST, LATEST = 1971, 2200
"""Years a Date header is believed in; clocks never use it."""
STATUS_REPORTS = ("message/delivery-status", "message/global-delivery-status")
OTHER_REPORTS = tuple(kind for kind in parts.REPORT_TYPES if kind not in STATUS_REPORTS)
COMMENT = re.compile(r"@[^\s<>(),]{1,255}>?\s{0,9}\(([^()\\]{1,200})\)")
PGP = re.compile(r"^-----BEGIN PGP (MESSAGE|SIGNED MESSAGE)-----\s*$", re.MULTILINE)
SPAM_HEADERS = ("x-spam-flag", "x-spam-status", "x-spam", "x-microsoft-antispam-verdict")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """A file inside a `winmail.dat`; size in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedMessage:
    """A mail as we read it. Texts are whole; `new_text` is a view on them."""

    subject: str = ""
    sender: Mailbox | None = None
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    reply_to: tuple[Mailbox, ...] = ()
    message_id: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    date: datetime | None = None
    text: str = ""
    html_text: str | None = None
    new_text: str = ""
    quoted: str = ""
    signature: str | None = None
    attachments: tuple[Attachment, ...] = ()
    language: str | None = None
    language_probability: float = 0.0
    types: tuple[str, ...] = ()
    bounce: tuple[Undelivered, ...] = ()
    bounced: bool = False
    crypto: str | None = None
    spam: bool = False
    forwarded: Forward | None = None
    headers: tuple[tuple[str, str], ...] = ()
    repairs: tuple[Repair, ...] = ()
    defects: tuple[str, ...] = ()
    tnef: tuple[Wrapped, ...] = ()

    def header(self, name: str) -> list[str]:
        """Every value of a header that screening looks at, decoded."""
        return [value for each, value in self.headers if each == name.lower()]

    def has(self, name: str) -> bool:
        """Whether there is such a header."""
        return any(each == name.lower() for each, _ in self.headers)


def parse(raw: bytes) -> ParsedMessage:
    """Read a mail within limits; whatever the bytes, a ParsedMessage comes back."""
    try:
        return _parse(raw[:LONGEST_MAIL], depth=0)
    except (RecursionError, MemoryError):
        return ParsedMessage(defects=("could not be read: nested or expanding without end",))


def _parse(raw: bytes, *, depth: int) -> ParsedMessage:
    tree, defects = mime.read(raw)
    return _from_tree(tree, defects, depth=depth)


def _from_tree(tree: Part, defects: list[str], *, depth: int) -> ParsedMessage:
    headers = Headers(tree)
    leaves = parts.leaves(tree)
    plain, html_text = _texts(leaves)
    subject = one_line(headers.first("subject"))[:SUBJECT_LENGTH]
    in_reply_to = next(iter(_ids(headers, "in-reply-to")), "")
    bounced, undelivered = _bounce(headers, leaves, plain, subject)
    forward = None if bounced else _forward(leaves, plain, subject=subject, is_answer=bool(in_reply_to), depth=depth)
    split = text.newly_written(plain if forward is None else forward.comment or forward.text)
    guess, probability = language.detect(split.new_text or plain)
    sender = _boxes(headers, "from") or _boxes(headers, "sender")
    return ParsedMessage(
        subject=subject,
        sender=sender[0] if sender else None,
        to=_boxes(headers, "to"),
        cc=_boxes(headers, "cc"),
        reply_to=_boxes(headers, "reply-to"),
        message_id=next(iter(_ids(headers, "message-id")), ""),
        in_reply_to=in_reply_to,
        references=tuple(_ids(headers, "references")[-50:]),
        date=_date(headers.raw("date")),
        text=plain,
        html_text=html_text,
        new_text=split.new_text,
        quoted=split.quoted,
        signature=split.signature,
        attachments=tuple(leaves.attachments),
        language=guess,
        language_probability=probability,
        types=tuple(leaves.types),
        bounce=undelivered,
        bounced=bounced,
        tnef=tuple(
            Wrapped(name=safe_name(file.name), size=file.size) for each in leaves.wrapped for file in each.files
        ),
        crypto=_crypto(leaves, plain),
        spam=any(re.search(r"^\s*yes\b|^\s*true\b", headers.first(name), re.IGNORECASE) for name in SPAM_HEADERS),
        forwarded=forward,
        headers=headers.decoded(),
        repairs=tuple(leaves.repairs),
        defects=tuple(dict.fromkeys([*defects, *leaves.defects])),
    )


def _forward(leaves: Leaves, plain: str, *, subject: str, is_answer: bool, depth: int) -> Forward | None:
    """The mail that was forwarded: attached whole, or pasted into the text."""
    if leaves.reports or depth:
        return None
    if leaves.forwarded:
        inner = _parse(leaves.forwarded[0].raw, depth=1)
        return Forward(sender=inner.sender, subject=inner.subject, text=inner.text, comment=plain.strip())
    return forwards.find(plain, subject=subject, is_answer=is_answer)


def _texts(leaves: Leaves) -> tuple[str, str | None]:
    """The whole body as plain text, and the text of the HTML alternative."""
    from_html = markup.to_text_all(leaves.html) if leaves.html else None
    plain = "\n\n".join(part for part in leaves.plain if part.strip())
    for wrapped in leaves.wrapped if not plain.strip() and from_html is None else []:
        plain = plain or wrapped.text.replace("\r\n", "\n") or markup.to_text(wrapped.html)
    return plain if plain.strip() else from_html or "", from_html


def _boxes(headers: Headers, name: str) -> tuple[Mailbox, ...]:
    """The mailboxes of an address field; a name in a comment behind the only address is its name (RFC 5322 §A.5)."""
    written = headers.addresses(name)
    found = mailboxes(written) or mailboxes(headers.first(name))
    comment = COMMENT.search(written) if len(found) == 1 and not found[0].name else None
    if comment:
        return (Mailbox(name=one_line(comment[1]), address=found[0].address),)
    return tuple(box if not box.name else Mailbox(name=one_line(box.name), address=box.address) for box in found)


def _ids(headers: Headers, name: str) -> list[str]:
    """The Message-IDs of a field. Some programs fold a long one as encoded words, which RFC 2047 §5 forbids."""
    value = headers.raw(name)
    if "=?" in value and "<" not in value:
        value = headers.first(name)
    found = MESSAGE_ID.findall(value) or BARE_ID.findall(value)
    return [re.sub(r"\s+", "", each)[:LONGEST_ID] for each in found if each.strip("@ ")]


def _date(value: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(value[:40]) if ISO_DATE.match(value) else parsedate_to_datetime(value[:100])
        aware = read if read.tzinfo else read.replace(tzinfo=UTC)
        return aware.astimezone(UTC) if EARLIEST <= aware.year <= LATEST else None
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None


def _bounce(headers: Headers, leaves: Leaves, plain: str, subject: str) -> tuple[bool, tuple[Undelivered, ...]]:
    """Whether a mail server tells of mail it did not deliver, and to whom: by a standard report, or in prose."""
    if any(kind in OTHER_REPORTS for kind, _ in leaves.reports):
        return False, ()
    told = [each for kind, content in leaves.reports if kind in STATUS_REPORTS for each in reports.undelivered(content)]
    if told or any(kind in STATUS_REPORTS and reports.tells(content) for kind, content in leaves.reports):
        return bool(told), tuple(told)
    failed = mailboxes(headers.first("x-failed-recipients"))
    if failed:
        return True, bounces.judged(plain, [box.address for box in failed])
    return _bounce_in_prose(headers, leaves, plain, subject)


def _bounce_in_prose(
    headers: Headers, leaves: Leaves, plain: str, subject: str
) -> tuple[bool, tuple[Undelivered, ...]]:
    sender = headers.first("from")
    paths = headers.every("return-path")
    null_path = bool(paths) and paths[0].strip() in ("<>", "<MAILER-DAEMON>")
    reported = parts.REPORT_TYPE in leaves.report_types
    if not reported and not bounces.looks_like(sender=sender, subject=subject, null_path=null_path, text=plain):
        return False, ()
    ours = [sender, *(value for name in ("to", "cc", "delivered-to", "reply-to") for value in headers.every(name))]
    found = bounces.undelivered(plain, ours=frozenset(box.address.lower() for each in ours for box in mailboxes(each)))
    if not found and leaves.forwarded:
        inner = _parse(leaves.forwarded[0].raw, depth=1)
        found = inner.bounce if inner.bounced else ()
    return True, found


def _crypto(leaves: Leaves, plain: str) -> str | None:
    """Whether the mail is signed or encrypted (RFC 1847, RFC 8551, RFC 9580); nothing is verified or opened."""
    kinds = set(leaves.types)
    inline = set(PGP.findall(plain))
    encrypted = "multipart/encrypted" in kinds or "encrypted" in leaves.protections or "MESSAGE" in inline
    signed = "multipart/signed" in kinds or "signed" in leaves.protections or "SIGNED MESSAGE" in inline
    if encrypted and signed:
        return "encrypted+signed"
    return "encrypted" if encrypted else "signed" if signed else None
