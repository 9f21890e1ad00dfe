"""The acknowledgement: mail is no SLA channel, here is the portal and the phone. Pure: MIME bytes out.

RFC 3834 §3 (headers of automatic responses), RFC 5322, RFC 2046 §5.1.4.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.charset import BASE64, QP, Charset
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr
from enum import StrEnum
from pathlib import Path
from string import Template

from jinja2 import Environment, PackageLoader, StrictUndefined

from intake.addresses import mailboxes
from intake.reading.message import ParsedMessage
from intake.replies.telephone import readable
from intake.replies.wording import wording

SUBJECT_LENGTH = 120
SHORT_SUBJECT_LENGTH = 30
REFERENCES_BYTES = 900
"""References is cut to its last ids, so that a long thread cannot inflate the reply."""
LIMIT = 4_096
"""Bytes of the whole reply: it must never amplify."""
CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+"
)
PREFIX = re.compile(r"^(?:(?:re|aw|sv|antw|rif|r|odp|auto)\s*(?:\[\d+\])?\s*[:：]\s*)+", re.IGNORECASE)
SAFE_ID = re.compile(r"[\x21-\x3b=\x3f-\x7e]{1,250}")
"""Message-IDs that are repeated: visible ASCII without brackets. They are never encoded, however long (RFC 2047 §5)."""
WIRE = policy.compat32.clone(linesep="\r\n", max_line_length=0)
"""Fields are folded here, not by `policy.SMTP`: it encodes a Message-ID too long for a line, and breaks the thread."""
ENVIRONMENT = Environment(
    loader=PackageLoader("intake", "templates/reply"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
LONGEST_TEXT = 1_000_000
"""Characters; a text as long as this was cut when it was read."""
TOO_MUCH = frozenset({"too many parts", "nested too deeply", "too many boundaries"})
"""Defects that say that a mail was too large to be read whole."""


class Kind(StrEnum):
    """Which case a reply is for."""

    FIRST = "first"
    ADDED = "added"
    AGAIN = "again"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"


PARAGRAPHS: dict[Kind, tuple[str, ...]] = {
    Kind.FIRST: ("greeting", "received", "portal", "phone", "next", "closing"),
    Kind.ADDED: ("greeting", "added", "open", "phone", "closing"),
    Kind.AGAIN: ("greeting", "again", "open", "phone", "closing"),
    Kind.UNREADABLE: ("greeting", "unreadable", "open", "phone", "closing"),
    Kind.TOO_LARGE: ("greeting", "too_large", "open", "phone", "closing"),
}
"""What each kind of reply says, in this order: keys of the wording.

Who looks as if production were down reads `urgent`, with the telephone number, before anything else.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the reply says, whatever its language. `phone` is empty where the policy has no telephone."""

    kind: Kind
    recipient: str
    sender: str
    reply_to: str
    subject: str
    reference: str
    policy_name: str
    portal_link: str
    phone: str
    urgent: bool
    language: str | None
    message_id: str
    in_reply_to: str
    references: tuple[str, ...]
    date: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of a paragraph as it stands in HTML: plain, or a link."""

    text: str
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much a reply may hold."""

    subject: int = SUBJECT_LENGTH
    references: int = REFERENCES_BYTES
    left_out: tuple[str, ...] = ()
    html: bool = True


ROOMS = (
    Room(),
    Room(references=0),
    Room(subject=SHORT_SUBJECT_LENGTH, references=0),
    Room(subject=SHORT_SUBJECT_LENGTH, references=0, left_out=("next",)),
    Room(subject=SHORT_SUBJECT_LENGTH, references=0, left_out=("next",), html=False),
)
"""Tried in this order until the reply is small enough; the last one is taken whatever its size."""


def kind_of(message: ParsedMessage, *, opened: bool, answered_before: bool) -> Kind:
    """Which case a mail is: read or not, the first of its request and sender or not."""
    if TOO_MUCH & set(message.defects) or len(message.text) >= LONGEST_TEXT:
        return Kind.TOO_LARGE
    empty = not message.text.strip() and not message.subject
    if empty or message.crypto in ("encrypted", "encrypted+signed"):
        return Kind.UNREADABLE
    if not opened:
        return Kind.ADDED
    return Kind.AGAIN if answered_before else Kind.FIRST


def acknowledgement(terms: Terms, templates: Path | None = None) -> bytes:
    """The reply as it goes on the wire: CRLF, 7-bit, text and HTML, nothing of the sender's text but the subject.

    Too large for an answer that must not amplify, it is written again with less in it.
    """
    words = wording(terms.language, templates)
    whole = b""
    for room in ROOMS:
        whole = _composed(terms, words, room)
        if len(whole) < LIMIT:
            break
    return whole


def _composed(terms: Terms, words: dict[str, str], room: Room) -> bytes:
    paragraphs = _paragraphs(terms, words, room)
    mail: MIMEMultipart | MIMEText
    plain = _text("\n\n".join("".join(span.text for span in each) for each in paragraphs) + "\n", "plain")
    if room.html:
        mail = MIMEMultipart("alternative", boundary=f"=_{hashlib.sha256(terms.message_id.encode()).hexdigest()[:24]}")
        mail.attach(plain)
        mail.attach(_text(_html(paragraphs, terms, words), "html"))
    else:
        mail = plain
    mail["From"] = _author(terms.sender)
    if terms.reply_to:
        mail["Reply-To"] = terms.reply_to
    mail["To"] = terms.recipient
    mail["Subject"] = _subject(terms, words, room.subject)
    mail["Date"] = format_datetime(terms.date)
    mail["Message-ID"] = f"<{terms.message_id}>"
    mail["Auto-Submitted"] = "auto-replied"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["Precedence"] = "auto_reply"
    mail["Content-Language"] = words["language"]
    if SAFE_ID.fullmatch(terms.in_reply_to):
        mail["In-Reply-To"] = f"<{terms.in_reply_to}>"
        mail["References"] = "\n ".join(_thread(terms, room.references))
    return mail.as_bytes(policy=WIRE)


def _subject(terms: Terms, words: dict[str, str], length: int) -> str:
    """`Auto: ` and what was asked (RFC 3834 §3.1.5); encoded only where it is not ASCII, folded at 76 (RFC 2047 §2)."""
    said = cleaned(terms.subject)[:length].strip() or words["no_subject"]
    named = "" if f"[{terms.reference}]" in said else f" [{terms.reference}]"
    subject = f"{words['prefix']}: {said}{named}"
    if subject.isascii() and "=?" not in subject:
        return subject
    return Header(subject, "utf-8", header_name="Subject").encode()


def _author(sender: str) -> str:
    """Our own address, its name encoded where it must be."""
    box = next(iter(mailboxes(sender)), None)
    return formataddr((box.name, box.address)) if box else sender


def _text(content: str, kind: str) -> MIMEText:
    """A text part in whichever 7-bit encoding is shorter (RFC 2045 §6.7, §6.8)."""
    parts = []
    for encoding in (QP, BASE64):
        charset = Charset("utf-8")
        charset.body_encoding = encoding
        parts.append(MIMEText(content, kind, charset))  # type: ignore[arg-type]  # it takes a Charset, as its documentation says
    return min(parts, key=lambda part: len(part.get_payload()))


def _paragraphs(terms: Terms, words: dict[str, str], room: Room) -> list[list[Span]]:
    phone = readable(terms.phone, address=terms.recipient, language=terms.language)
    chosen = [key for key in PARAGRAPHS[terms.kind] if key not in room.left_out and (phone.shown or key != "phone")]
    if terms.urgent and phone.shown:
        chosen = [chosen[0], "urgent", *(key for key in chosen[1:] if key != "phone")]
    spans = {
        "reference": Span(text=terms.reference),
        "policy": Span(text=terms.policy_name),
        "link": Span(text=terms.portal_link, href=terms.portal_link),
        "phone": Span(text=phone.shown, href=phone.uri),
    }
    return [_filled(words[key], spans) for key in chosen]


def _filled(template: str, spans: dict[str, Span]) -> list[Span]:
    """The paragraph, a span for each placeholder; string.Template finds the names, so nothing else is understood."""
    found: list[Span] = []
    at = 0
    for match in Template.pattern.finditer(template):
        found.append(Span(text=template[at : match.start()]))
        name = match["named"] or match["braced"]
        found.append(spans.get(name) or Span(text="$" if match["escaped"] else match[0]))
        at = match.end()
    return [each for each in (*found, Span(text=template[at:])) if each.text]


def _html(paragraphs: list[list[Span]], terms: Terms, words: dict[str, str]) -> str:
    return ENVIRONMENT.get_template("reply.html").render(
        paragraphs=paragraphs, language=words["language"], reference=terms.reference, link=terms.portal_link
    )


def cleaned(subject: str) -> str:
    """A subject that is safe to repeat: no control or direction signs, one line, cut."""
    plain = " ".join(CONTROL.sub(" ", subject).split())
    return PREFIX.sub("", plain)[:SUBJECT_LENGTH]


def _thread(terms: Terms, room: int) -> list[str]:
    """The ids of the thread, oldest first and ending with the answered mail; the oldest are left out first."""
    kept = [f"<{terms.in_reply_to}>"]
    for each in reversed(terms.references):
        room -= len(each) + 3
        if room < 0:
            break
        if each != terms.in_reply_to and SAFE_ID.fullmatch(each):
            kept.insert(0, f"<{each}>")
    return kept
