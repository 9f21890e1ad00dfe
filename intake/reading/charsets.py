"""Bytes to text, whatever the label says. Pure; never raises; keeps a ledger of what was repaired."""

import codecs
import re
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp
from dataclasses import dataclass
from functools import lru_cache

ALIASES = {
    "ascii": "cp1252", "us-ascii": "cp1252", "ansi_x3.4-1968": "cp1252", "646": "cp1252", "ansi": "cp1252",
    "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "iso8859-1": "cp1252", "windows-1252": "cp1252",
    "iso88591": "cp1252", "iso_8859-1": "cp1252", "iso8859_1": "cp1252", "l1": "cp1252", "latin-9": "iso8859_15",
    "gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "cn-gb": "gb18030", "euc-cn": "gb18030",
    "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "ks_c_5601": "cp949", "ksc5601": "cp949", "cseuckr": "cp949",
    "euc_kr": "cp949", "windows-949": "cp949",
    "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "windows-31j": "cp932", "ms_kanji": "cp932",
    "iso-2022-jp": "iso2022_jp_ext", "iso-2022-jp-1": "iso2022_jp_ext", "iso-2022-jp-2": "iso2022_jp_2",
    "big5": "big5hkscs", "cn-big5": "big5hkscs", "chinesebig5": "big5hkscs", "big-5": "big5hkscs",
    "iso-8859-8-i": "iso8859_8", "iso-8859-8-e": "iso8859_8", "iso-8859-6-i": "iso8859_6", "iso-8859-6-e": "iso8859_6",
    "windows-874": "cp874", "tis-620": "cp874", "iso-8859-11": "cp874", "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8", "unicode": "utf-16", "ucs-2": "utf-16", "iso-10646-ucs-2": "utf-16",
    "iso-8859-9": "cp1254", "mac": "mac_roman", "macintosh": "mac_roman", "apple-roman": "mac_roman",
    "mac-cyrillic": "mac_cyrillic", "koi8": "koi8-r", "cskoi8r": "koi8-r", "utf8mb4": "utf-8", "utf-8-mac": "utf-8",
}  # fmt: skip
"""Labels as mail writes them, to the codec that reads a superset of them (WHATWG Encoding Standard)."""
CODE_PAGE = re.compile(r"(?:windows|win|cp|ibm|ms|dos|microsoft-cp)?[-_ ]?(\d{3,5})")
TEXT_CODECS = re.compile(
    r"utf-?(7|8|8-sig|16|16-?[lb]e|32|32-?[lb]e)|cp\d{3,4}|iso-?8859-?\d{1,2}|iso2022_(jp|kr)\w*|koi8-?[rut]"
    r"|gb18030|gb2312|gbk|hz|big5\w*|euc_?\w{2,10}|shift_?jis\w*|johab|mac[-_]\w+|tis[-_]?620|ptcp154|kz1048|viscii"
)
"""Codecs that turn bytes to text; `rot13`, `base64`, `idna` and `unicode_escape` are codecs too, and refused."""
SINGLE_BYTE = re.compile(r"cp(?:125\d|437|8\d\d)|iso-?8859.*|koi8.*|mac.*")
"""Codecs in which hardly any text is UTF-8 by chance: text that is, is labelled wrongly."""
MARKS = ((b"\xff\xfe\x00\x00", "utf-32"), (b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
ESCAPES = re.compile(rb"\x1b(?:\$[@B]|\([BJI]|\$\([A-D])")
"""What ISO-2022-JP begins its Japanese with; a mail that says another charset is wrong."""
ENCODED_WORD = re.compile(
    r"=\?([\w.:-]{1,60})(?:\*[\w-]{0,40})?\?([bBqQ])\?([^?]{0,3000}(?:\?(?!=)[^?]{0,300}){0,8})\?="
)
FORBIDDEN = dict.fromkeys((0, *range(55296, 57344)), "�")
"""PostgreSQL stores neither NUL nor lone surrogates."""
SEPARATING = re.compile(r'[,;:<>()@"\\]')
FOLD = re.compile(rb"\r?\n[ \t]?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What was read otherwise than declared, and how many bytes could not be read."""

    what: str
    declared: str
    used: str
    bytes_lost: int = 0


@lru_cache(maxsize=256)
def codec_for(label: str) -> str | None:
    """The codec for a charset label; None if there is none we trust with text."""
    cleaned = label.strip().strip("\"'").lower()
    cleaned = re.sub(r"^(?:x-)+|^_|\$esc$", "", cleaned)
    name = ALIASES.get(cleaned) or ALIASES.get(cleaned.replace("_", "-"), cleaned)
    page = CODE_PAGE.fullmatch(name)
    if page and name not in ALIASES.values():
        number = page[1]
        name = ALIASES.get(f"windows-{number}") or ("utf-8" if number == "65001" else f"cp{number}")
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
    better = _recognised(content, codec)
    if better is not None:
        codec, label_is_wrong = better, bool(label)
    else:
        label_is_wrong = False
    if codec is not None:
        try:
            repair = Repair(what="charset", declared=label, used=codec) if label_is_wrong else None
            return scrub(content.decode(codec)), repair
        except (UnicodeError, ValueError):
            pass
    return _repaired(content, label, codec)


def _recognised(content: bytes, codec: str | None) -> str | None:
    """The codec that bytes give away themselves, if it is another than the declared one."""
    for mark, marked in MARKS:
        if content.startswith(mark):
            return None if (codec or "").startswith(marked) else marked
    if codec == "utf-16" and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _unmarked(content)
    if content.isascii():
        plain = codec is None or codec in ("utf-8", "cp1252") or codec.startswith(("iso8859", "cp125"))
        return "iso2022_jp_ext" if plain and b"\x1b" in content and ESCAPES.search(content) else None
    return "utf-8" if codec and SINGLE_BYTE.fullmatch(codec) and _is_utf8(content) else None


def _unmarked(content: bytes) -> str:
    """The byte order of UTF-16 without its mark, by where the zeros of Western signs stand; UTF-8 without any."""
    high, low = content[0:2000:2].count(0), content[1:2000:2].count(0)
    if not high and not low and _is_utf8(content):
        return "utf-8"
    return "utf-16-be" if high > low else "utf-16-le"


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeError:
        return False
    return True


def _repaired(content: bytes, label: str, codec: str | None) -> tuple[str, Repair]:
    """Text by the first codec that reads all, else by the one that loses little, else as Windows-1252."""
    try:
        return scrub(content.decode("utf-8")), Repair(what="charset", declared=label, used="utf-8")
    except UnicodeError:
        pass
    for attempt in dict.fromkeys(filter(None, (codec, "utf-8"))):
        text = content.decode(attempt, "replace")
        lost = text.count("\ufffd")
        if attempt != "cp1252" and 4 * lost < len(text) - len(text.encode("ascii", "ignore")):
            return scrub(text), Repair(what="charset", declared=label, used=attempt, bytes_lost=lost)
    try:
        return scrub(content.decode("cp1252")), Repair(what="charset", declared=label, used="cp1252")
    except UnicodeError:
        used = codec or "cp1252"
        text = content.decode(used, "replace")
        return scrub(text), Repair(what="charset", declared=label, used=used, bytes_lost=text.count("\ufffd"))


def scrub(text: str) -> str:
    """Text that PostgreSQL can store: NUL and lone surrogates become U+FFFD, a leading BOM goes."""
    text = text.removeprefix("\ufeff")
    if "\x00" not in text:
        try:
            text.encode()
        except UnicodeEncodeError:
            return text.translate(FORBIDDEN)
        return text
    return text.translate(FORBIDDEN)


def unfolded(raw: bytes) -> bytes:
    """A header's bytes on one line (RFC 5322 §2.2.3)."""
    return FOLD.sub(b" ", raw).strip() if b"\n" in raw else raw.strip()


def decode_header(raw: bytes, charset: str = "", *, quoting: bool = False) -> str:
    """A header's text: RFC 2047 words decoded, raw 8-bit guessed, folding undone.

    `charset` is the one that the mail's body declares: a program that writes raw headers writes them in it.
    `quoting` puts decoded words that hold separating signs into quotes, for a reader of addresses.
    """
    flat = unfolded(raw)
    if flat.isascii() and not (b"=?" in flat or b"\x1b" in flat or b"\x00" in flat):
        return flat.decode("ascii")
    text = _raw_text(flat, charset)
    if "=?" not in text:
        return text
    return scrub("".join(_pieces(text, quoting=quoting)))


def _raw_text(flat: bytes, charset: str) -> str:
    if flat.isascii() or not charset or _is_utf8(flat):
        return decode(flat)[0]
    return decode(flat, charset)[0]


def _pieces(text: str, *, quoting: bool) -> list[str]:
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
                out.append(_word(pending, charset, out, quoting=quoting))
            if not (pending and not between.strip()):
                out.append(between)
            pending, charset = b"", word[1].lower()
        pending += content
        last = word.end()
    if pending:
        out.append(_word(pending, charset, out, quoting=quoting))
    out.append(text[last:])
    return out


def _word(content: bytes, charset: str, before: list[str], *, quoting: bool) -> str:
    text = decode(content, charset)[0]
    if not quoting or not SEPARATING.search(text) or sum(piece.count('"') for piece in before[-20:]) % 2:
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _word_bytes(encoding: str, payload: str) -> bytes:
    raw = payload.encode("utf-8", "replace")
    if encoding in "bB":
        signs = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
        try:
            return a2b_base64(signs + b"=" * (-len(signs) % 4))
        except Base64Error:
            return raw
    return a2b_qp(raw, header=True)
