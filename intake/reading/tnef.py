"""What Outlook wrapped into `winmail.dat`: the files' names and sizes, and the text. Pure, bounded (MS-OXTNEF)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import unpack_from

from intake.reading import charsets

SIGNATURE = 0x223E9F78
MOST_ATTRIBUTES = 5_000
MOST_PROPERTIES = 2_000
MOST_FILES = 500
NEW_FILE, FILE_TITLE, FILE_CONTENT, FILE_PROPERTIES = 0x00069002, 0x00018010, 0x0006800F, 0x00069005
MESSAGE_PROPERTIES, MESSAGE_CODEPAGE = 0x00069003, 0x00069007
BODY, BODY_HTML, LONG_NAME, NAME = 0x1000, 0x1013, 0x3707, 0x3704
STRING8, UNICODE, OBJECT, BINARY = 0x001E, 0x001F, 0x000D, 0x0102
MULTIPLE, NAMED = 0x1000, 0x8000
FIXED = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}
"""Octets of the property types of fixed length, padded to four."""


@dataclass(slots=True, kw_only=True)
class File:
    """A file inside; its name may be empty."""

    name: str = ""
    size: int = 0


@dataclass(slots=True, kw_only=True)
class Content:
    """What was found inside."""

    files: list[File] = field(default_factory=list)
    text: str = ""
    html: str = ""


def read(content: bytes) -> Content | None:
    """The files and text inside; None if this is no TNEF. A truncated stream gives what stands before its end."""
    if len(content) < 6 or unpack_from("<I", content)[0] != SIGNATURE:  # noqa: PLR2004 - signature and key
        return None
    found, codepage = Content(), "cp1252"
    for attribute, value in _attributes(content):
        if attribute == MESSAGE_CODEPAGE and len(value) >= 4:  # noqa: PLR2004 - a 32-bit number
            codepage = f"cp{unpack_from('<I', value)[0]}"
        elif attribute == MESSAGE_PROPERTIES:
            _read_message(found, value, codepage)
        elif attribute == NEW_FILE and len(found.files) < MOST_FILES:
            found.files.append(File())
        elif found.files:
            _read_file(found.files[-1], attribute, value, codepage)
    return found


def _attributes(content: bytes) -> Iterator[tuple[int, bytes]]:
    position = 6
    for _ in range(MOST_ATTRIBUTES):
        try:
            attribute, length = unpack_from("<II", content, position + 1)
        except struct.error:
            return
        yield attribute, content[position + 9 : position + 9 + length]
        position += 9 + length + 2


def _read_file(file: File, attribute: int, value: bytes, codepage: str) -> None:
    if attribute == FILE_CONTENT:
        file.size = len(value)
    elif attribute == FILE_TITLE:
        file.name = file.name or _text(value, codepage)
    elif attribute == FILE_PROPERTIES:
        names = {
            name: _string(kind, raw, codepage) for name, kind, raw in _properties(value) if name in (NAME, LONG_NAME)
        }
        file.name = names.get(LONG_NAME) or file.name or names.get(NAME) or ""


def _read_message(found: Content, value: bytes, codepage: str) -> None:
    for name, kind, raw in _properties(value):
        if name == BODY:
            found.text = _string(kind, raw, codepage)
        elif name == BODY_HTML:
            found.html = _string(kind, raw, codepage)


def _properties(value: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Every MAPI property: its id, type and first value (MS-OXTNEF §2.1.3.4)."""
    try:
        (count,), position = unpack_from("<I", value), 4
        for _ in range(min(count, MOST_PROPERTIES)):
            kind, name = unpack_from("<HH", value, position)
            position = _after_name(value, position + 4) if name >= NAMED else position + 4
            raw, position = _value(value, position, kind)
            yield name, kind & ~MULTIPLE, raw
    except struct.error:
        return


def _after_name(value: bytes, position: int) -> int:
    """Skip a named property's GUID and its number or name."""
    kind, number = unpack_from("<II", value, position + 16)
    return position + 24 + (_padded(number) if kind else 0)


def _value(value: bytes, position: int, kind: int) -> tuple[bytes, int]:
    single = kind & ~MULTIPLE
    count = 1
    if kind & MULTIPLE or single in (STRING8, UNICODE, OBJECT, BINARY):
        count, position = unpack_from("<I", value, position)[0], position + 4
    first = b""
    for number in range(min(count, MOST_PROPERTIES)):
        length = FIXED.get(single)
        if length is None:
            length, position = unpack_from("<I", value, position)[0], position + 4
        if number == 0:
            first = value[position : position + length]
        position += _padded(length)
    return first, position


def _padded(length: int) -> int:
    return (length + 3) & ~3


def _string(kind: int, raw: bytes, codepage: str) -> str:
    if kind == UNICODE:
        return charsets.decode(raw, "utf-16-le")[0].rstrip("\x00\ufffd")
    return _text(raw, codepage)


def _text(raw: bytes, codepage: str) -> str:
    return charsets.decode(raw.rstrip(b"\x00"), codepage)[0]
