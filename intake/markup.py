"""Text from HTML: tables and lists keep their shape; hostile HTML costs no more than plain text. Pure."""

import html
import re

from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig
from lxml.etree import LxmlError

LONGEST = 600_000
MOST_TAGS = 20_000
DEEPEST = 200
"""Below this depth lxml drops text, so deeper HTML is read without its structure."""
TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)[^<>]*>")
HIDING = re.compile(r"<(script|style|head|title)\b|<!--", re.IGNORECASE)
VOID = {"br", "hr", "img", "input", "meta", "link", "wbr", "col", "area", "base", "source", "p", "li", "td", "tr", "th"}
BREAKS = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/table|/blockquote)\b[^<>]*>", re.IGNORECASE)
QUOTE = re.compile(r"<(blockquote)\b([^<>]*)>|</blockquote\s*>", re.IGNORECASE)
CITED = re.compile(r"\bcite\b|quote", re.IGNORECASE)
"""Only these are quotations; others indent (a mail program's "increase indent" is a blockquote too)."""
OPENED, CLOSED = "\ue000", "\ue001"
CONFIG = ParserConfig(css=CSS_PROFILES["strict"], display_links=False, display_images=False)


def to_text(source: str) -> str:
    """What a reader would see, as plain text."""
    source = source[:LONGEST]
    if _is_plain_enough(source):
        try:
            return _tidy(_quoted(get_text(_with_marks(source).strip() or "<p></p>", CONFIG)))
        except (ValueError, LxmlError, RecursionError, AttributeError, KeyError, IndexError, TypeError):
            pass
    return _tidy(_stripped(source))


def _with_marks(source: str) -> str:
    """The source with marks where quotations begin and end, because text has no other place for them."""
    cited: list[bool] = []

    def marked(tag: re.Match[str]) -> str:
        if tag[1]:
            cited.append(bool(CITED.search(tag[2])))
            return f"{tag[0]}<p>{OPENED}</p>" if cited[-1] else tag[0]
        return f"<p>{CLOSED}</p>{tag[0]}" if cited and cited.pop() else tag[0]

    return QUOTE.sub(marked, source.replace(OPENED, "").replace(CLOSED, ""))


def _quoted(text: str) -> str:
    """The text with ">" before each line between marks."""
    out: list[str] = []
    depth = 0
    for line in text.split("\n"):
        sign = line.strip()
        if sign in (OPENED, CLOSED):
            depth = max(depth + (1 if sign == OPENED else -1), 0)
        else:
            out.append(f"{'>' * depth} {line}" if depth else line)
    return "\n".join(out).replace(OPENED, "").replace(CLOSED, "")


def _is_plain_enough(source: str) -> bool:
    depth = deepest = 0
    for tags, tag in enumerate(TAG.finditer(source), 1):
        if tag[2].lower() not in VOID:
            depth = max(depth - 1, 0) if tag[1] else depth + 1
            deepest = max(deepest, depth)
        if tags > MOST_TAGS or deepest > DEEPEST:
            return False
    return True


def _stripped(source: str) -> str:
    text = _visible(source)
    return html.unescape(re.sub(r"<[^<>]*>", " ", BREAKS.sub("\n", text)))


def _visible(source: str) -> str:
    """The source without scripts, styles, head and comments, in one pass; what is never closed hides the rest."""
    lowered, kept, position = source.lower(), [], 0
    while (found := HIDING.search(source, position)) is not None:
        kept.append(source[position : found.start()])
        closing = f"</{found[1].lower()}" if found[1] else "-->"
        end = lowered.find(closing, found.end())
        if end < 0:
            return " ".join(kept)
        position = end + len(closing)
    return " ".join([*kept, source[position:]])


def _tidy(text: str) -> str:
    lines = [line.rstrip().replace("\u00a0", " ") for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
