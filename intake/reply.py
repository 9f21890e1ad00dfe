"""The acknowledgement: mail is no SLA channel, here is the portal and the phone. Pure: MIME bytes out.

RFC 3834 §3 (headers of automatic responses), RFC 5322, RFC 2046 §5.1.4.
"""

import hashlib
import re
import tomllib
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from importlib import resources
from string import Template

from jinja2 import Environment, PackageLoader, StrictUndefined

SUBJECT_LENGTH = 120
REFERENCES_BYTES = 900
"""References is cut to its last ids, so that a long thread cannot inflate the reply."""
FALLBACK = "en"
LIMIT = 4_096
"""Bytes of the whole reply: it must never amplify."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
SMTP = policy.SMTP.clone(max_line_length=78, cte_type="7bit")
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
    """The reply as it goes on the wire: CRLF, 7-bit, text and HTML, nothing of the sender's text but the subject."""
    words = wording(terms.language)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = terms.sender
    mail["To"] = terms.recipient
    mail["Subject"] = f"{words['prefix']}: {cleaned(terms.subject) or words['no_subject']} [{terms.reference}]"
    mail["Date"] = format_datetime(terms.date)
    mail["Message-ID"] = f"<{terms.message_id}>"
    mail["Auto-Submitted"] = "auto-replied"
    mail["X-Auto-Response-Suppress"] = "All"
    if terms.in_reply_to:
        mail["In-Reply-To"] = f"<{terms.in_reply_to}>"
        mail["References"] = " ".join(_thread(terms))
    paragraphs = _paragraphs(terms, words)
    mail.set_content("\n\n".join(paragraphs) + "\n", cte="quoted-printable")
    html = ENVIRONMENT.get_template("reply.html").render(
        paragraphs=paragraphs, link=terms.portal_link, language=words["language"], reference=terms.reference
    )
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    mail["Content-Language"] = words["language"]  # set_content moves content fields into the parts
    mail.set_boundary(f"=_{hashlib.sha256(terms.message_id.encode()).hexdigest()[:24]}")
    return mail.as_bytes()


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


def _thread(terms: Terms) -> list[str]:
    kept: list[str] = []
    room = REFERENCES_BYTES
    for each in (terms.in_reply_to, *reversed([ref for ref in terms.references if ref != terms.in_reply_to])):
        room -= len(each) + 3
        if room < 0 or not each.isascii():
            break
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
