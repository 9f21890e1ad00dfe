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
INVISIBLE = re.compile(r"<(script|style|head|title)\b[^<>]*>.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
VOID = {"br", "hr", "img", "input", "meta", "link", "wbr", "col", "area", "base", "source", "p", "li", "td", "tr", "th"}
BREAKS = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/table|/blockquote)\b[^<>]*>", re.IGNORECASE)
CONFIG = ParserConfig(css=CSS_PROFILES["strict"], display_links=False, display_images=False)


def to_text(source: str) -> str:
    """What a reader would see, as plain text."""
    source = source[:LONGEST]
    if _is_plain_enough(source):
        try:
            return _tidy(get_text(source.strip() or "<p></p>", CONFIG))
        except (ValueError, LxmlError, RecursionError, AttributeError, KeyError, IndexError, TypeError):
            pass
    return _tidy(_stripped(source))


def _is_plain_enough(source: str) -> bool:
    depth = deepest = tags = 0
    for tag in TAG.finditer(source):
        tags += 1
        if tag[2].lower() in VOID:
            continue
        depth = max(depth - 1, 0) if tag[1] else depth + 1
        deepest = max(deepest, depth)
        if tags > MOST_TAGS or deepest > DEEPEST:
            return False
    return True


def _stripped(source: str) -> str:
    text = INVISIBLE.sub(" ", source)
    return html.unescape(re.sub(r"<[^<>]*>", " ", BREAKS.sub("\n", text)))


def _tidy(text: str) -> str:
    lines = [line.rstrip().replace("\u00a0", " ") for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
