"""The MIME tree of a mail, flattened: texts, attachments, reports. Pure, bounded, never raises."""

import re
from dataclasses import dataclass, field

from intake.reading import charsets, mime, tnef, transfer, uuencode
from intake.reading.charsets import Repair
from intake.reading.headers import CHARSET, Headers, disposition, file_name, safe_name
from intake.reading.mime import Part

TNEF_TYPES = ("application/ms-tnef", "application/vnd.ms-tnef")
PKCS7_TYPES = ("application/pkcs7-mime", "application/x-pkcs7-mime")
REPORT_TYPES = (
    "message/delivery-status",
    "message/global-delivery-status",
    "message/disposition-notification",
    "message/global-disposition-notification",
    "message/feedback-report",
)
MAIL_TYPES = ("message/rfc822", "message/global", "message/news")
FILES_OF_TEXT = (
    "calendar", "csv", "vcard", "x-vcard", "directory", "xml", "css", "javascript", "rtf", "tab-separated-values",
    "x-patch", "x-diff", "rfc822-headers",
)  # fmt: skip
"""Kinds of text that mail programs offer as files; any other is shown."""
NEVER_SHOWN = ("text/x-amp-html", "text/watch-html")
"""Renderings for programs that are none; neither text nor file."""
REPORT_TYPE = "delivery-status"
LONGEST_TEXT = 1_000_000
"""Characters of a mail's texts that are read; the raw mail keeps the rest."""
LONGEST_BYTES = 3 * LONGEST_TEXT // 2
"""Bytes of one text part that are read, as transferred."""
META_BYTES = 4_096
RICH_TAG = re.compile(r"<(?!<)[/\w-]{1,60}>")
SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
"""The object identifier at the beginning of a CMS message that is only signed (RFC 5652 §5.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A part that is not the text; `content` stays in the raw mail, `size` is its decoded length in bytes."""

    name: str
    content_type: str
    size: int
    inline: bool


@dataclass(slots=True, kw_only=True)
class Leaves:
    """What was found walking the tree."""

    plain: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    reports: list[tuple[str, str]] = field(default_factory=list)
    forwarded: list[Part] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    report_types: list[str] = field(default_factory=list)
    wrapped: list[tnef.Content] = field(default_factory=list)
    protections: list[str] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    text_left: int = LONGEST_TEXT


def leaves(mail: Part) -> Leaves:
    """Sort every leaf of a tree, in order."""
    found = Leaves()
    waiting = [(mail, "")]
    while waiting:
        part, parent = waiting.pop()
        found.types.append(part.kind)
        if not part.kind.startswith("multipart/"):
            _sort(part, part.kind, parent, found)
            continue
        found.report_types.append(part.parameter("report-type").lower())
        waiting.extend((child, part.kind) for child in reversed(part.children))
        if not part.children:  # no parts in it: what stands there is text
            _sort(part, "text/plain", parent, found)
    return found


def _sort(part: Part, kind: str, parent: str, found: Leaves) -> None:
    if kind in NEVER_SHOWN:
        return
    shown, name = disposition(part), file_name(part)
    if kind in REPORT_TYPES:
        found.reports.append((kind, _report_text(part)))
    elif kind in MAIL_TYPES:
        _attach_mail(part, kind, name, found)
    elif kind == "text/rfc822-headers" and parent == "multipart/report":
        found.reports.append((kind, _text_of(part, transfer.undone(part, LONGEST_BYTES), found)))
    elif kind.startswith("text/") and _is_shown(kind, shown, name, found):
        _show(part, kind, name, found)
    else:
        _attach(part, kind, name, shown, found)


def _show(part: Part, kind: str, name: str, found: Leaves) -> None:
    """Take a text into the body; a named one is a file too."""
    text = _text_of(part, transfer.undone(part, LONGEST_BYTES), found)[: found.text_left]
    found.text_left -= len(text)
    if kind == "text/html":
        found.html.append(text)
    elif kind in ("text/enriched", "text/richtext"):
        found.plain.append(RICH_TAG.sub("", text).replace("<<", "<"))
    else:
        shown, files = uuencode.taken_out(text)
        found.plain.append(shown)
        for each, size in files:
            other = "application/octet-stream"
            found.attachments.append(Attachment(name=safe_name(each), content_type=other, size=size, inline=False))
    if name:
        found.attachments.append(Attachment(name=name, content_type=kind, size=transfer.size_of(part), inline=True))


def _attach(part: Part, kind: str, name: str, shown: str, found: Leaves) -> None:
    is_wrapped = kind in TNEF_TYPES or name.lower() == "winmail.dat"
    is_protected = kind in PKCS7_TYPES or name.lower() == "smime.p7m"
    inline = shown == "inline" or (part.first("content-id") is not None and shown != "attachment")
    if is_wrapped:
        found.wrapped.extend(filter(None, [tnef.read(transfer.undone(part))]))
    if is_protected:
        found.protections.append(_protection(part))
    found.attachments.append(Attachment(name=name, content_type=kind, size=transfer.size_of(part), inline=inline))


def _protection(part: Part) -> str:
    """What an S/MIME part says of itself, or shows: "signed", "encrypted" or "" (RFC 8551 §3.2.2)."""
    said = part.parameter("smime-type").lower()
    if said in ("certs-only", "compressed-data"):
        return ""
    if said == "signed-data" or SIGNED_DATA in transfer.undone(part, META_BYTES)[:64]:
        return "signed"
    return "encrypted"


def _is_shown(kind: str, shown: str, name: str, found: Leaves) -> bool:
    """Whether a mail program shows a text instead of offering it as a file; a named one is both (RFC 2183 §2.1)."""
    if shown == "attachment" or kind.removeprefix("text/") in FILES_OF_TEXT:
        return False
    if kind not in ("text/plain", "text/html") and name:
        return False
    return not name or shown == "inline" or not (found.plain or found.html)


def _attach_mail(part: Part, kind: str, name: str, found: Leaves) -> None:
    """Note an attached mail; it may be encoded, which is forbidden, and met (RFC 2046 §5.2.1)."""
    content = transfer.undone(part)
    mail = mime.part(content, 0, len(content))
    found.forwarded.append(mail)
    name = name or safe_name(Headers(mail).first("subject"))
    found.attachments.append(Attachment(name=name, content_type=kind, size=len(content), inline=False))


def _text_of(part: Part, content: bytes, found: Leaves) -> str:
    """A text leaf as text, its repairs noted."""
    label = part.parameter("charset")
    if part.kind == "text/html" and not content.isascii() and label.lower() in ("", "us-ascii"):
        said = CHARSET.search(content[:META_BYTES].decode("latin-1"))
        label = said[1] if said else label
    text, repair = charsets.decode(content, label)
    if repair is not None:
        found.repairs.append(repair)
    if part.parameter("format").lower() == "flowed":
        text = unflowed(text, delete_space=part.parameter("delsp").lower() == "yes")
    return text.replace("\r\n", "\n").replace("\r", "\n")[:LONGEST_TEXT]


def unflowed(text: str, *, delete_space: bool) -> str:
    """Paragraphs of a format=flowed text joined again (RFC 3676 §4.2)."""
    out: list[str] = []
    paragraph: list[str] = []
    open_depth = -1
    for line in text.replace("\r\n", "\n").split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        body = line[depth:].removeprefix(" ")
        if open_depth != depth or not paragraph:
            out.append("".join(paragraph))
            paragraph = [">" * depth + " "] if depth else []
        flows = body.endswith(" ") and body != "-- "
        paragraph.append(body[:-1] if flows and delete_space else body)
        open_depth = depth if flows else -1
    out.append("".join(paragraph))
    return "\n".join(out[1:])


def _report_text(part: Part) -> str:
    return charsets.decode(transfer.undone(part, LONGEST_BYTES))[0]
