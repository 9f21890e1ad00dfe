"""The parts of a mail: where each begins and ends, its header fields, its parameters. Pure, linear, never raises.

Nothing is copied and nothing is kept a line at a time, as the standard library does: a part is a
range of the one mail, so that a mail of any shape costs little more than its own size (RFC 2045, 2046).
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from intake.reading import charsets

MOST_PARTS = 1_000
DEEPEST = 60
"""How deep multiparts are opened."""
LONGEST_HEAD = 400_000
LONGEST_HEADER = 65_536
MOST_FIELDS = 1_000
STARTS = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:>?From (?![ \t]*:)[^\r\n]{3,200}\r?\n)?")
"""A byte order mark, blank lines and mbox's separator (RFC 4155) before the first header."""
FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:[ \t]*([^\n]*(?:\n[ \t][^\n]*)*)", re.MULTILINE)
NO_FIELD = re.compile(rb"^(?![!-9;-~]{1,200}[ \t]*:|[ \t]|\r?$)[^\n]+", re.MULTILINE)
"""A line among headers that is none: somebody's mistake if headers follow, the first of the text if not."""
KNOWN = re.compile(
    rb"^(?:from|to|cc|subject|date|message-id|mime-version|content-[a-z-]+|received|reply-to|return-path|x-[a-z-]+)"
    rb"[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
BLANK = re.compile(rb"\n\r?\n")
TYPE = re.compile(r"\s*([\w.+-]{1,60}/[\w.+-]{1,100})")
PARAMETER = re.compile(r"[;\s]\s*([\w!#$%&'*+.^`{|}~-]{1,80})\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"?|([^;]*))")
MOST_PARAMETERS = 200
SECTION = re.compile(r"([^*]+)\*(\d{0,3})(\*?)")
"""A parameter's name, the number of its piece and whether that is encoded (RFC 2231 §3, §4)."""
USED_BOUNDARY = re.compile(rb"^--([^\s-][^\r\n]{0,150}?)[ \t]*\r?\nContent-", re.IGNORECASE | re.MULTILINE)
MOST_SEARCHED = 2_000_000
"""Bytes in which the boundary that a multipart really has must first stand."""
AFTER_BOUNDARY = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")


@dataclass(slots=True, kw_only=True)
class Part:
    """A part or a whole mail; its text is `raw[start:end]`, encoded as it was transferred."""

    raw: bytes
    start: int
    end: int
    kind: str
    fields: list[tuple[str, bytes]]
    children: list["Part"] = field(default_factory=list)
    _parameters: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """The part's text as it was transferred."""
        return self.raw[self.start : self.end]

    def first(self, name: str) -> bytes | None:
        """The first value of a header field (lower case), folded as it came; None if there is none."""
        return next((value for each, value in self.fields if each == name), None)

    def parameter(self, name: str, header: str = "content-type") -> str:
        """A parameter of a header (RFC 2231 forms included), decoded, or ""."""
        if header not in self._parameters:
            self._parameters[header] = parameters(self.first(header) or b"")
        return self._parameters[header].get(name, "")


def read(raw: bytes) -> tuple[Part, list[str]]:
    """The mail's tree of parts, and what was wrong with it."""
    raw = _with_lines(raw)
    found = STARTS.match(raw)
    start = found.end() if found and FIELD.match(raw, found.end()) else 0
    defects: dict[str, None] = {}
    root = part(raw, start, len(raw))
    waiting, count = [(root, 0)], 1
    while waiting:
        parent, depth = waiting.pop()
        if not parent.kind.startswith("multipart/"):
            continue
        if depth >= DEEPEST:
            defects["nested too deeply"] = None
            continue
        default = "message/rfc822" if parent.kind == "multipart/digest" else "text/plain"
        for begins, ends in _sections(parent, defects):
            count += 1
            if count > MOST_PARTS:
                defects["too many parts"] = None
                break
            child = part(raw, begins, ends, default)
            parent.children.append(child)
            waiting.append((child, depth + 1))
    return root, list(defects)


def part(raw: bytes, start: int, end: int, default: str = "text/plain") -> Part:
    """The part between two places: its header fields, and where its text is; parts inside are not looked for."""
    body = head_end = start
    wrong: re.Match[bytes] | None = None
    if raw[start : start + 1] not in (b"\n", b"\r"):
        blank = BLANK.search(raw, start, min(end, start + LONGEST_HEAD))
        head_end, body = (blank.start() + 1, blank.end()) if blank else (min(end, start + LONGEST_HEAD),) * 2
        wrong = NO_FIELD.search(raw, start, head_end)
        if wrong is not None and (wrong.start() == start or not KNOWN.search(raw, wrong.end(), head_end)):
            head_end = body = wrong.start()  # no line left out before the text, or no header at all
    else:
        body = min(end, raw.find(b"\n", start, end) + 1 or end)
    fields = [
        (found[1].decode("ascii").lower(), found[2][:LONGEST_HEADER])
        for found in _fields(raw[start:head_end], wrong is not None)
    ]
    made = Part(raw=raw, start=body, end=end, kind=default, fields=fields)
    said = made.first("content-type")
    if said is not None:
        kind = TYPE.match(said[:200].decode("latin-1"))
        made.kind = kind[1].lower() if kind else "text/plain"  # RFC 2045 §5.2
    return made


def _fields(head: bytes, mended: bool) -> list[re.Match[bytes]]:
    """The fields of a header block, each from the beginning of its line."""
    found: list[re.Match[bytes]] = []
    position = 0
    while position < len(head) and len(found) < MOST_FIELDS:
        match = FIELD.match(head, position)
        if match is not None:
            found.append(match)
            position = match.end() + 1
        elif mended or head[position : position + 1] in b" \t\r\n":
            position = head.find(b"\n", position) + 1 or len(head)
        else:
            break
    return found


def _with_lines(raw: bytes) -> bytes:
    """The mail with line ends that are ones: some programs write CR alone, some CR CR LF."""
    top = raw[:LONGEST_HEADER]
    if b"\r\r\n" in top:
        return raw.replace(b"\r\r\n", b"\r\n")
    if b"\r" in top and b"\n" not in top:
        return raw.replace(b"\r", b"\n")
    return raw


def _sections(parent: Part, defects: dict[str, None]) -> list[tuple[int, int]]:
    """Where the parts of a multipart begin and end (RFC 2046 §5.1.1)."""
    said = parent.parameter("boundary").encode("utf-8", "replace").rstrip()
    found = _between(parent, said) if said else []
    if found:
        return found
    used = USED_BOUNDARY.search(parent.raw, parent.start, min(parent.end, parent.start + MOST_SEARCHED))
    defects["the declared boundary separates no parts"] = None
    return _between(parent, used[1]) if used else []


def _between(parent: Part, boundary: bytes) -> list[tuple[int, int]]:
    raw, end = parent.raw, parent.end
    found: list[tuple[int, int]] = []
    mark = b"--" + boundary
    opened = -1
    position = parent.start if raw.startswith(mark, parent.start) else raw.find(b"\n" + mark, parent.start, end) + 1
    while 0 < position < end or (position == parent.start and raw.startswith(mark, position)):
        after = AFTER_BOUNDARY.match(raw, position + len(mark), end)
        if after is not None:
            if opened >= 0:
                found.append((opened, max(opened, _before(raw, position))))
            opened = -1 if after[1] else after.end()
            if after[1] or len(found) > MOST_PARTS:
                return found
        position = raw.find(b"\n" + mark, position + 1, end) + 1
        if not position:
            break
    if opened >= 0:
        found.append((opened, end))
    return found


def _before(raw: bytes, position: int) -> int:
    """The end of the line before a boundary; its line end belongs to the boundary."""
    return position - (2 if raw[position - 2 : position] == b"\r\n" else 1)


def parameters(value: bytes) -> dict[str, str]:
    """The parameters of a header by name, the pieces of a continued one joined (RFC 2231)."""
    if b"=" not in value:
        return {}
    text = charsets.decode(charsets.unfolded(value[:LONGEST_HEADER]))[0]
    plain: dict[str, str] = {}
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for number, found in enumerate(PARAMETER.finditer(text)):
        if number > MOST_PARAMETERS:
            break
        name = found[1].lower()
        content = re.sub(r'\\(["\\])', r"\1", found[2]) if found[2] is not None else found[3].strip()
        section = SECTION.fullmatch(name)
        if section is None:
            plain.setdefault(name, charsets.decode_header(content.encode("utf-8", "replace")))
        else:
            number_of = int(section[2] or 0)
            is_encoded = bool(section[3]) or not section[2]
            pieces.setdefault(section[1], []).append((number_of, is_encoded, content))
    return plain | {name: _joined(found) for name, found in pieces.items()}


def _joined(pieces: list[tuple[int, bool, str]]) -> str:
    """A value from its pieces in their order: the first tells charset and language, the encoded ones escape."""
    charset, content = "", b""
    for number, (_, is_encoded, text) in enumerate(sorted(pieces, key=lambda piece: piece[0])):
        written = text
        if is_encoded and number == 0 and text.count("'") > 1:
            charset, _, written = text.split("'", 2)
        raw = written.encode("utf-8", "replace")
        content += unquote_to_bytes(raw) if is_encoded else raw
    return charsets.decode(content, charset or "utf-8")[0]
