"""Header fields of a mail or part, decoded; names of files. Pure, never raises."""

import re
from urllib.parse import unquote_to_bytes

from intake.reading import charsets
from intake.reading.mime import LONGEST_HEADER, Part

MOST_HEADERS = 1_000
"""Fields that are read; those behind them stay in the raw mail."""
CHARSET = re.compile(r"charset\s{0,4}=\s{0,4}[\"']?([\w.:-]{2,40})", re.IGNORECASE)
NAME = re.compile(r"\b(?:file)?name\s{0,4}=\s{0,4}(?:\"([^\"]{1,300})\"|([^\s;\"]{1,300}))", re.IGNORECASE)
PERCENT = re.compile(r"([\w.-]{2,40})'[\w-]{0,20}'(.*%[0-9A-Fa-f]{2}.*)")
"""An RFC 2231 value under a name without the asterisk that announces it."""


class Headers:
    """The header fields of a mail or part, decoded when asked for."""

    def __init__(self, part: Part) -> None:
        self._fields = part.fields[:MOST_HEADERS]
        said = CHARSET.search((part.first("content-type") or b"")[:LONGEST_HEADER].decode("latin-1"))
        self._charset = said[1] if said else ""
        self._decoded: tuple[tuple[str, str], ...] | None = None

    def every(self, name: str) -> list[str]:
        """All values of a field, decoded."""
        return [value for each, value in self.decoded() if each == name]

    def first(self, name: str) -> str:
        """The first value of a field, decoded, or ""."""
        return next((value for each, value in self.decoded() if each == name), "")

    def addresses(self, name: str) -> str:
        """All values of an address field, joined; what stands in an encoded word separates nothing (RFC 2047 §6.2).

        Unless the whole address stands in it, which some programs do.
        """
        values = self._values(name)
        if not any(b"=?" in value for value in values):
            return ", ".join(value for value in self.every(name) if value)
        return ", ".join(
            charsets.decode_header(value, self._charset, quoting=b"<" in value) for value in values if value
        )

    def raw(self, name: str) -> str:
        """The first value of a field without RFC 2047 decoding, or "": for Message-IDs and addresses."""
        return next((charsets.decode(charsets.unfolded(value))[0] for value in self._values(name)), "")

    def decoded(self) -> tuple[tuple[str, str], ...]:
        """Every field with its value, decoded, in order."""
        if self._decoded is None:
            self._decoded = tuple((name, charsets.decode_header(value, self._charset)) for name, value in self._fields)
        return self._decoded

    def _values(self, name: str) -> list[bytes]:
        return [value for each, value in self._fields if each == name]


def disposition(part: Part) -> str:
    """How a part wants to be shown: "inline", "attachment", another word or "" (RFC 2183)."""
    value = part.first("content-disposition") or b""
    return value.partition(b";")[0].strip().lower().decode("ascii", "replace")


def file_name(part: Part) -> str:
    """The name a sender gave a part, without any path; "" if none."""
    said, kind = part.first("content-disposition"), part.first("content-type")
    if (said is None or b"name" not in said.lower()) and (kind is None or b"name" not in kind.lower()):
        return ""
    name = part.parameter("filename", "content-disposition") or part.parameter("name")
    name = name or _misplaced_name(said or b"") or _misplaced_name(kind or b"")
    coded = PERCENT.fullmatch(name)
    if coded:
        name = charsets.decode(unquote_to_bytes(coded[2]), coded[1])[0]
    return safe_name(name)


def _misplaced_name(value: bytes) -> str:
    """A name in a header that lost a semicolon or its first word."""
    found = NAME.search(charsets.decode_header(value[:LONGEST_HEADER]))
    return (found[1] or found[2]) if found else ""


def safe_name(name: str) -> str:
    """The last part of a path, without signs that are not shown or change direction, at most 200 characters."""
    last = re.split(r"[\\/]", name)[-1]
    return "".join(sign for sign in last if sign.isprintable())[:200].strip()


def one_line(value: str) -> str:
    """A text on one line, without signs that are not shown or turn the text round (UTS #39, bidi controls)."""
    if value.isascii() and value.isprintable():
        return " ".join(value.split())
    return " ".join("".join(sign if sign.isprintable() else " " for sign in value).split())
