"""Bytes to text, whatever the label says. Pure; never raises; keeps a ledger of what was repaired."""

import codecs
import re
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp
from dataclasses import dataclass

ALIASES = {
    "ascii": "cp1252", "us-ascii": "cp1252", "ansi_x3.4-1968": "cp1252", "646": "cp1252",
    "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "iso8859-1": "cp1252", "windows-1252": "cp1252",
    "gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030",
    "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "ks_c_5601": "cp949",
    "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932",
    "iso-2022-jp": "iso2022_jp_ext", "iso-2022-jp-1": "iso2022_jp_ext", "iso-2022-jp-2": "iso2022_jp_2",
    "big5": "big5hkscs", "iso-8859-8-i": "iso8859_8", "iso-8859-8-e": "iso8859_8", "iso-8859-6-i": "iso8859_6",
    "windows-874": "cp874", "tis-620": "cp874", "unicode-1-1-utf-7": "utf-7", "utf8": "utf-8", "utf-8": "utf-8",
    "iso-8859-9": "cp1254", "x-mac-roman": "mac_roman", "macintosh": "mac_roman", "x-mac-cyrillic": "mac_cyrillic",
}  # fmt: skip
"""Labels as mail writes them, to the codec that reads a superset of them (WHATWG Encoding Standard)."""
TEXT_CODECS = re.compile(
    r"utf-?(7|8|8-sig|16|16-?[lb]e|32|32-?[lb]e)|cp\d{3,4}|iso-?8859-?\d{1,2}|iso2022_(jp|kr)\w*|koi8-?[rut]"
    r"|gb18030|gb2312|gbk|hz|big5\w*|euc_?\w{2,10}|shift_?jis\w*|johab|mac_\w+|tis_?620|ptcp154|kz1048|viscii"
)
"""Codecs that turn bytes to text; `rot13`, `base64`, `idna` and `unicode_escape` are codecs too, and refused."""
ENCODED_WORD = re.compile(r"=\?([\w.:-]{1,60})(?:\*[\w-]*)?\?([bBqQ])\?([^?]*)\?=")
FORBIDDEN = dict.fromkeys((0, *range(55296, 57344)), "�")
"""PostgreSQL stores neither NUL nor lone surrogates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What was read otherwise than declared, and how many bytes could not be read."""

    what: str
    declared: str
    used: str
    bytes_lost: int = 0


def codec_for(label: str) -> str | None:
    """The codec for a charset label; None if there is none we trust with text."""
    cleaned = label.strip().strip("\"'").lower()
    name = ALIASES.get(cleaned, cleaned)
    if "\x00" in name or not name.isascii():
        return None
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return name if TEXT_CODECS.fullmatch(found.lower()) else None


def decode(content: bytes, label: str = "") -> tuple[str, Repair | None]:
    """Text of some bytes, trying the label, UTF-8, then Windows-1252; the repair if the label was wrong."""
    codec = codec_for(label) if label else "utf-8"
    if codec is not None:
        try:
            if codec == "cp1252" and _is_utf8(content):
                return scrub(content.decode("utf-8")), Repair(what="charset", declared=label, used="utf-8")
            return scrub(content.decode(codec)), None
        except (UnicodeError, ValueError):
            pass
    return _repaired(content, label, codec)


def _is_utf8(content: bytes) -> bool:
    """Whether bytes are UTF-8 and more than ASCII: hardly any text of another charset is by chance."""
    if content.isascii():
        return False
    try:
        content.decode("utf-8")
    except UnicodeError:
        return False
    return True


def _repaired(content: bytes, label: str, codec: str | None) -> tuple[str, Repair]:
    for attempt in ("utf-8", "cp1252"):
        try:
            return scrub(content.decode(attempt)), Repair(what="charset", declared=label, used=attempt)
        except UnicodeError:
            continue
    used = codec or "cp1252"
    text = content.decode(used, "replace")
    return scrub(text), Repair(what="charset", declared=label, used=used, bytes_lost=text.count("\ufffd"))


def scrub(text: str) -> str:
    """Text that PostgreSQL can store: NUL and lone surrogates become U+FFFD, a leading BOM goes."""
    return text.removeprefix("\ufeff").translate(FORBIDDEN)


def decode_header(raw: bytes) -> str:
    """A header's text: RFC 2047 words decoded, raw 8-bit guessed, folding undone."""
    unfolded = re.sub(rb"\r?\n[ \t]?", b" ", raw).strip()
    text = decode(unfolded)[0]
    if "=?" not in text:
        return text
    return scrub("".join(_pieces(text)))


def _pieces(text: str) -> list[str]:
    """Decode encoded words; white space between two of them is no text (RFC 2047 §6.2).

    Neighbours of one charset are joined as bytes first: some senders split a character.
    """
    out: list[str] = []
    pending, charset, last = b"", "", 0
    for word in ENCODED_WORD.finditer(text):
        between = text[last : word.start()]
        content = _word_bytes(word[2], word[3])
        joins = pending and not between.strip() and word[1].lower() == charset
        if not joins:
            if pending:
                out.append(decode(pending, charset)[0])
            if not (pending and not between.strip()):
                out.append(between)
            pending, charset = b"", word[1].lower()
        pending += content
        last = word.end()
    if pending:
        out.append(decode(pending, charset)[0])
    out.append(text[last:])
    return out


def _word_bytes(encoding: str, payload: str) -> bytes:
    raw = payload.encode("utf-8", "replace")
    if encoding in "bB":
        try:
            return a2b_base64(raw + b"=" * (-len(raw) % 4))
        except Base64Error:
            return raw
    return a2b_qp(raw, header=True)
