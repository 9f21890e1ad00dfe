"""The acknowledgement: mail is no SLA channel, here is the portal and the phone. Pure: MIME bytes out.

RFC 3834 §3 (headers of automatic responses), RFC 5322, RFC 2046 §5.1.4.
"""

import hashlib
import re
import tomllib
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.charset import QP, Charset
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr
from functools import cache
from importlib import resources
from string import Template

from jinja2 import Environment, PackageLoader, StrictUndefined

from intake.addresses import mailboxes

SUBJECT_LENGTH = 120
SHORT_SUBJECT_LENGTH = 30
REFERENCES_BYTES = 900
"""References is cut to its last ids, so that a long thread cannot inflate the reply."""
FALLBACK = "en"
LIMIT = 4_096
"""Bytes of the whole reply: it must never amplify."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
SAFE_ID = re.compile(r"[\x21-\x3b=\x3f-\x7e]{1,250}")
"""Message-IDs that are repeated: visible ASCII without brackets. They are never encoded, however long (RFC 2047 §5)."""
WIRE = policy.compat32.clone(linesep="\r\n", max_line_length=0)
"""Fields are folded here, not by `policy.SMTP`: it encodes a Message-ID too long for a line, and breaks the thread."""
ENVIRONMENT = Environment(
    loader=PackageLoader("intake", "templates/reply"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the reply says, whatever its language."""

    recipient: str
    sender: str
    subject: str
    reference: str
    policy_name: str
    portal_link: str
    phone: str
    channels: tuple[str, ...]
    urgent: bool
    unreadable: bool
    language: str | None
    message_id: str
    in_reply_to: str
    references: tuple[str, ...]
    date: datetime


def acknowledgement(terms: Terms) -> bytes:
    """The reply as it goes on the wire: CRLF, 7-bit, text and HTML, nothing of the sender's text but the subject.

    Too large for an answer that must not amplify, it is written again with a shorter subject and thread.
    """
    words = wording(terms.language)
    whole = _composed(terms, words, SUBJECT_LENGTH, REFERENCES_BYTES)
    return whole if len(whole) < LIMIT else _composed(terms, words, SHORT_SUBJECT_LENGTH, 0)


def _composed(terms: Terms, words: dict[str, str], subject_length: int, references_bytes: int) -> bytes:
    mail = MIMEMultipart("alternative", boundary=f"=_{hashlib.sha256(terms.message_id.encode()).hexdigest()[:24]}")
    subject = cleaned(terms.subject)[:subject_length].strip() or words["no_subject"]
    mail["From"] = _author(terms.sender)
    mail["To"] = terms.recipient
    mail["Subject"] = _encoded(f"{words['prefix']}: {subject} [{terms.reference}]")
    mail["Date"] = format_datetime(terms.date)
    mail["Message-ID"] = f"<{terms.message_id}>"
    mail["Auto-Submitted"] = "auto-replied"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["Content-Language"] = words["language"]
    if SAFE_ID.fullmatch(terms.in_reply_to):
        mail["In-Reply-To"] = f"<{terms.in_reply_to}>"
        mail["References"] = "\n ".join(_thread(terms, references_bytes))
    paragraphs = _paragraphs(terms, words)
    html = ENVIRONMENT.get_template("reply.html").render(
        paragraphs=paragraphs, link=terms.portal_link, language=words["language"], reference=terms.reference
    )
    mail.attach(_text("\n\n".join(paragraphs) + "\n", "plain"))
    mail.attach(_text(html, "html"))
    return mail.as_bytes(policy=WIRE)


def _encoded(subject: str) -> str:
    """A subject as header text; only what is not ASCII is encoded, and folded at 76 (RFC 2047 §2)."""
    if subject.isascii() and "=?" not in subject:
        return subject
    return Header(subject, "utf-8", header_name="Subject").encode()


def _author(sender: str) -> str:
    """Our own address, its name encoded where it must be."""
    box = next(iter(mailboxes(sender)), None)
    return formataddr((box.name, box.address)) if box else sender


def _text(content: str, kind: str) -> MIMEText:
    charset = Charset("utf-8")
    charset.body_encoding = QP
    return MIMEText(content, kind, charset)  # type: ignore[arg-type]  # it takes a Charset, as its documentation says


def _paragraphs(terms: Terms, words: dict[str, str]) -> list[str]:
    values = {
        "reference": terms.reference,
        "link": terms.portal_link,
        "phone": terms.phone,
        "policy": terms.policy_name,
    }
    phone = terms.phone and "phone" in terms.channels
    chosen = ["greeting", "unreadable" if terms.unreadable else "received"]
    if terms.urgent and phone:
        chosen += ["urgent", "portal"]
    else:
        chosen += ["portal", "phone"] if phone else ["portal"]
    chosen += ["next", "closing"]
    return [Template(words[name]).safe_substitute(values) for name in chosen]


def cleaned(subject: str) -> str:
    """A subject that is safe to repeat: no control or direction signs, one line, cut."""
    plain = " ".join(CONTROL.sub(" ", subject).split())
    return re.sub(r"^(?:(?:re|aw|auto)\s*:\s*)+", "", plain, flags=re.IGNORECASE)[:SUBJECT_LENGTH]


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


@cache
def wording(language: str | None) -> dict[str, str]:
    """The words of a language; English where we have none for it."""
    folder = resources.files("intake") / "templates" / "reply"
    found = folder / f"{language or FALLBACK}.toml"
    if not found.is_file():
        return wording(FALLBACK)
    return {"language": language or FALLBACK, **tomllib.loads(found.read_text(encoding="utf-8"))}


def languages() -> tuple[str, ...]:
    """The languages we can answer in."""
    folder = resources.files("intake") / "templates" / "reply"
    return tuple(sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml")))
