"""A part's bytes with its transfer encoding undone, however it is labelled or broken. Pure, linear (RFC 2045 §6)."""

import re
from binascii import Error, a2b_base64, a2b_qp, a2b_uu
from contextlib import suppress

from intake.reading.mime import Part

NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
NO_SIGN = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
FOOTER = re.compile(rb"\n(?:--|__)")
SOFT_BREAK = re.compile(rb"=[ \t]+(?=\r?\n)")
ENOUGH_WORDS = 3
ESTIMATED = 200_000
"""Bytes from which on the size of a base64 file is reckoned, not decoded."""


def undone(part: Part, longest: int | None = None) -> bytes:
    """A part's bytes with its encoding undone, of no more than its first `longest` bytes as transferred."""
    end = part.end if longest is None else min(part.end, part.start + longest)
    content = part.raw[part.start : end]
    encoding = _encoding(part)
    if encoding == "base64":
        return _from_base64(content)
    if encoding == "quoted-printable":
        return a2b_qp(SOFT_BREAK.sub(b"=", content) if b"= " in content or b"=\t" in content else content)
    return _from_uu(content) if encoding == "uuencode" else content


def size_of(part: Part) -> int:
    """The length of a part with its encoding undone, in bytes; of a large one to within a few."""
    length = part.end - part.start
    encoding = _encoding(part)
    if not encoding:
        return length
    if length < ESTIMATED or encoding == "uuencode":
        return len(undone(part))
    line_ends = part.raw.count(b"\n", part.start, part.end) + part.raw.count(b"\r", part.start, part.end)
    if encoding == "base64":
        return (length - line_ends - part.raw.count(b"=", part.end - 6, part.end)) * 3 // 4
    return length - 2 * part.raw.count(b"=", part.start, part.end)


def _encoding(part: Part) -> str:
    """The transfer encoding: "base64", "quoted-printable", "uuencode" or "" for bytes as they are."""
    said = (part.first("content-transfer-encoding") or b"").lower()
    if b"base64" in said or b"base-64" in said:
        return "base64"
    if b"quoted" in said:
        return "quoted-printable"
    return "uuencode" if b"uu" in said else ""


def _from_base64(content: bytes) -> bytes:
    if _is_plain(content):
        return content
    footer = FOOTER.search(content)
    signs = content[: footer.start() if footer else None].translate(None, NO_SIGN)
    return b"".join(_quads(run) for run in signs.rstrip(b"=").split(b"=") if run)


def _quads(signs: bytes) -> bytes:
    usable = signs[: len(signs) - 1] if len(signs) % 4 == 1 else signs
    try:
        return a2b_base64(usable + b"=" * (-len(usable) % 4))
    except Error:
        return b""


def _is_plain(content: bytes) -> bool:
    """Whether text only says that it is base64: words with spaces between them, where base64 has lines."""
    line = next((line for line in content[:2_000].split(b"\n") if line.strip()), b"")
    return len(line.split()) > ENOUGH_WORDS and len(NO_BASE64.sub(b"", line)) < len(line.rstrip()) - 1


def _from_uu(content: bytes) -> bytes:
    out: list[bytes] = []
    for line in content.split(b"\n"):
        if line.startswith(b"begin ") or line.strip() in (b"end", b"`", b""):
            continue
        with suppress(Error, ValueError):
            out.append(a2b_uu(line.rstrip(b"\r")))
    return b"".join(out)
