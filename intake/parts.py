"""The MIME tree of a mail, flattened: texts, attachments, reports. Pure, bounded, never raises."""

import email
import email.message
import email.policy
import re
from contextlib import suppress
from dataclasses import dataclass, field
from email.errors import MessageError

from intake import charsets, tnef, uuencode
from intake.charsets import Repair

TNEF_TYPES = ("application/ms-tnef", "application/vnd.ms-tnef")
REPORT_TYPE = "delivery-status"
MOST_PARTS = 1_000
DEEPEST = 60
"""How deep multiparts and attached mails are opened; deeper ones stay closed attachments."""
LONGEST_HEADER = 65_536
MOST_HEADERS = 1_000
LONGEST_TEXT = 1_000_000
"""Characters of one text part that are read; the raw mail keeps the rest."""
MOST_BOUNDARIES = 5_000
"""More lines that look like boundaries than this, and the body is read as plain text."""
FOLDED_BOUNDARY = re.compile(rb'(boundary="[^"\r\n]{0,200})\r?\n([ \t][^"\r\n]{0,200}")', re.IGNORECASE)
"""A boundary folded inside its quotes, which the standard library does not unfold (RFC 5322 §2.2.3)."""
USED_BOUNDARY = re.compile(rb"^--([^\s-][^\r\n]{3,150}?)[ \t]*\r?\nContent-", re.IGNORECASE | re.MULTILINE)
TYPE = re.compile(r"\s*([\w.+-]{1,60}/[\w.+-]{1,100})")


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
    forwarded: list[email.message.Message] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    report_types: list[str] = field(default_factory=list)
    wrapped: list[tnef.Content] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)


class Headers:
    """The header fields of a mail or part: looked up in any letter case, decoded when asked for."""

    def __init__(self, message: email.message.Message) -> None:
        self._fields = [
            (name.lower(), str(value).encode("utf-8", "surrogateescape")[:LONGEST_HEADER])
            for name, value in list(message.raw_items())[:MOST_HEADERS]
        ]

    def every(self, name: str) -> list[str]:
        """All values of a field, decoded."""
        wanted = name.lower()
        return [charsets.decode_header(value) for field_name, value in self._fields if field_name == wanted]

    def first(self, name: str) -> str:
        """The first value of a field, decoded, or ""."""
        found = self.every(name)
        return found[0] if found else ""

    def raw(self, name: str) -> str:
        """The first value of a field without RFC 2047 decoding, or "": for Message-IDs and addresses."""
        wanted = name.lower()
        for field_name, value in self._fields:
            if field_name == wanted:
                return charsets.decode(re.sub(rb"\r?\n[ \t]?", b" ", value).strip())[0]
        return ""

    def names(self) -> list[str]:
        """Every field name, lower-cased, in order."""
        return [name for name, _ in self._fields]


def read(raw: bytes) -> tuple[email.message.Message, list[str]]:
    """The parsed tree; a mail the parser gives up on is read as headers and one text."""
    if len(re.findall(rb"^--", raw, re.MULTILINE)) > MOST_BOUNDARIES:
        return _flat(raw), ["too many boundaries"]
    try:
        tree = email.message_from_bytes(FOLDED_BOUNDARY.sub(rb"\1\2", raw), policy=email.policy.compat32)
        if tree.get_content_maintype() == "multipart" and isinstance(payload(tree), str):
            return _rebounded(tree, raw), ["the declared boundary separates no parts"]
        return tree, []  # noqa: TRY300 - the reading above is what may fail
    except (MessageError, RecursionError, ValueError, LookupError, AttributeError, IndexError, KeyError, TypeError):
        return _flat(raw), ["structure could not be read"]


def _rebounded(tree: email.message.Message, raw: bytes) -> email.message.Message:
    """The mail read with the boundary that its body really has; as it was if it has none."""
    found = USED_BOUNDARY.search(raw)
    if found is None:
        return tree
    again = email.message.Message(policy=email.policy.compat32)
    for name, value in tree.raw_items():
        again[name] = value
    again.set_boundary(found[1].decode("ascii", "replace"))
    head = "".join(f"{name}: {value}\n" for name, value in again.raw_items())
    body = str(payload(tree))
    whole = f"{head}\n{body}".encode("utf-8", "surrogateescape")
    return email.message_from_bytes(whole, policy=email.policy.compat32)


def _flat(raw: bytes) -> email.message.Message:
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    kept = [line for line in head.split(b"\n")[:MOST_HEADERS] if not line.lower().startswith(b"content-")]
    try:
        message = email.message_from_bytes(b"\n".join(kept) + b"\n\n", policy=email.policy.compat32)
    except (MessageError, ValueError, RecursionError):
        message = email.message.Message(policy=email.policy.compat32)
    message.set_payload(charsets.decode(body[:LONGEST_TEXT])[0])
    return message


def leaves(message: email.message.Message) -> Leaves:
    """Walk the tree without recursion and sort every leaf."""
    found = Leaves()
    waiting = [(message, 0, "")]
    seen = 0
    while waiting:
        part, depth, parent = waiting.pop()
        seen += 1
        if seen > MOST_PARTS or depth > DEEPEST:
            found.defects.append("too many parts" if seen > MOST_PARTS else "nested too deeply")
            break
        kind = content_type(part)
        found.types.append(kind)
        found.report_types.append(parameter(part, "report-type").lower())
        inner = payload(part)
        if kind.startswith("multipart/") and isinstance(inner, str):
            kind = "text/plain"  # no parts in it: what stands there is text
        if kind.startswith("multipart/") and isinstance(inner, list):
            children = [(child, depth + 1, kind) for child in inner if isinstance(child, email.message.Message)]
            waiting.extend(reversed(children))
        else:
            _sort(part, kind, parent, found)
    return found


def _sort(part: email.message.Message, kind: str, parent: str, found: Leaves) -> None:
    disposition, name = _disposition(part), file_name(part)
    if kind in (
        "message/delivery-status",
        "message/global-delivery-status",
        "message/disposition-notification",
        "message/feedback-report",
    ):
        found.reports.append((kind, _report_text(part)))
    elif kind in ("message/rfc822", "message/global"):
        _attach_mail(part, kind, name, found)
    elif kind == "text/rfc822-headers" and parent == "multipart/report":
        found.reports.append((kind, text_of(part, found)))
    elif kind in ("text/plain", "text/html") and _is_shown(disposition, name, found):
        text = text_of(part, found)
        if kind == "text/html":
            found.html.append(text)
        else:
            _show_plain(text, found)
        if name:
            size = len(bytes_of(part, found))
            found.attachments.append(Attachment(name=name, content_type=kind, size=size, inline=True))
    else:
        content = bytes_of(part, found)
        if kind in TNEF_TYPES or name.lower() == "winmail.dat":
            found.wrapped.extend(filter(None, [tnef.read(content)]))
        inline = disposition == "inline" or (bool(part.get("Content-ID")) and disposition != "attachment")
        found.attachments.append(Attachment(name=name, content_type=kind, size=len(content), inline=inline))


def _show_plain(text: str, found: Leaves) -> None:
    shown, files = uuencode.taken_out(text)
    found.plain.append(shown)
    for name, size in files:
        kind = "application/octet-stream"
        found.attachments.append(Attachment(name=safe_name(name), content_type=kind, size=size, inline=False))


def _is_shown(disposition: str, name: str, found: Leaves) -> bool:
    """Whether a mail program shows a text instead of offering it as a file; a named one is both (RFC 2183 §2.1)."""
    if disposition == "attachment":
        return False
    return not name or disposition == "inline" or not (found.plain or found.html)


def _attach_mail(part: email.message.Message, kind: str, name: str, found: Leaves) -> None:
    inner = payload(part)
    if isinstance(inner, list) and inner and isinstance(inner[0], email.message.Message):
        found.forwarded.append(inner[0])
        size = sum(len(value) for _, value in inner[0].raw_items())
        name = name or Headers(inner[0]).first("Subject")
    else:
        size = len(bytes_of(part, found))
    found.attachments.append(Attachment(name=name, content_type=kind, size=size, inline=False))


def payload(part: email.message.Message) -> object:
    """What a part holds: a list of parts, or text as it was transferred (raw bytes as surrogates).

    The standard library reads that text by the part's charset, and fails on some of them.
    """
    try:
        return part.get_payload()
    except (ValueError, LookupError, TypeError):
        with suppress(ValueError, LookupError, TypeError):
            part.del_param("charset")
    try:
        return part.get_payload()
    except (ValueError, LookupError, TypeError):
        return ""


def content_type(part: email.message.Message) -> str:
    """The type of a part, lower-cased; `text/plain` where it cannot be read (RFC 2045 §5.2)."""
    try:
        found = TYPE.match(part.get_content_type())
    except (ValueError, LookupError, AttributeError, TypeError):
        return "text/plain"
    return found[1] if found else "text/plain"


def parameter(part: email.message.Message, name: str, header: str = "content-type") -> str:
    """A parameter of a header (RFC 2231 forms included), decoded, or ""."""
    try:
        value = _readable(part, header).get_param(name, header=header)
    except (ValueError, LookupError, AttributeError, TypeError, IndexError):
        return ""
    if isinstance(value, tuple):
        charset, _, text = value
        raw = str(text or "").encode("latin-1", "replace")
        return charsets.decode(raw, charset or "utf-8")[0]
    return charsets.decode_header(str(value or "").encode("utf-8", "surrogateescape"))


def _readable(part: email.message.Message, header: str) -> email.message.Message:
    """A message with this header in text; the standard library gives raw 8-bit headers up."""
    raw = next((str(value) for name, value in part.raw_items() if name.lower() == header), "")
    if raw.isascii():
        return part
    decoded = email.message.Message(policy=email.policy.compat32)
    decoded[header] = charsets.decode(raw.encode("utf-8", "surrogateescape")[:LONGEST_HEADER])[0]
    return decoded


def file_name(part: email.message.Message) -> str:
    """The name a sender gave a part, without any path; "" if none."""
    name = parameter(part, "filename", "content-disposition") or parameter(part, "name")
    return safe_name(name)


def safe_name(name: str) -> str:
    """The last part of a path, without signs that are not shown or change direction, at most 200 characters."""
    last = re.split(r"[\\/]", name)[-1]
    return "".join(sign for sign in last if sign.isprintable())[:200].strip()


def _disposition(part: email.message.Message) -> str:
    value = str(part.get("Content-Disposition") or "")
    return value.partition(";")[0].strip().lower()


def bytes_of(part: email.message.Message, found: Leaves) -> bytes:
    """A leaf's content with its transfer encoding undone; what cannot be undone stays as it is."""
    try:
        content = part.get_payload(decode=True)
    except (ValueError, LookupError, AttributeError, TypeError, AssertionError, KeyError):
        found.defects.append("transfer encoding could not be undone")
        content = str(payload(part)).encode("utf-8", "surrogateescape")
    return content if isinstance(content, bytes) else b""


def text_of(part: email.message.Message, found: Leaves) -> str:
    """A text leaf as text, its repairs noted."""
    content = bytes_of(part, found)[: 4 * LONGEST_TEXT]
    text, repair = charsets.decode(content, parameter(part, "charset"))
    if repair is not None:
        found.repairs.append(repair)
    if parameter(part, "format").lower() == "flowed":
        text = unflowed(text, delete_space=parameter(part, "delsp").lower() == "yes")
    return text.replace("\r\n", "\n").replace("\r", "\n")[:LONGEST_TEXT]


def unflowed(text: str, *, delete_space: bool) -> str:
    """Paragraphs of a format=flowed text joined again (RFC 3676 §4.2)."""
    out: list[str] = []
    open_depth = -1
    for line in text.replace("\r\n", "\n").split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        body = line[depth:].removeprefix(" ") if depth else line.removeprefix(" ")
        if open_depth == depth and out:
            out[-1] += body
        else:
            out.append((">" * depth + " " + body) if depth else body)
        flows = body.endswith(" ") and body != "-- "
        if flows and delete_space:
            out[-1] = out[-1][:-1]
        open_depth = depth if flows else -1
    return "\n".join(out)


def _report_text(part: email.message.Message) -> str:
    inner = payload(part)
    if isinstance(inner, list):
        blocks = [
            "\n".join(f"{name}: {value}" for name, value in block.raw_items()) + f"\n{payload(block)}"
            for block in inner
            if isinstance(block, email.message.Message)
        ]
        inner = "\n\n".join(blocks)
    return charsets.decode(str(inner).encode("utf-8", "surrogateescape"))[0]
