"""Text from HTML: tables, lists and quotations keep their shape; hostile HTML costs no more than plain text. Pure."""

import html
import re
from typing import Any, NamedTuple

from lxml import etree

LONGEST = 600_000
PART_COST = 2_000
"""Characters that a part counts at least: many small ones cost more than one."""
MOST_TAGS = 20_000
DEEPEST = 200
"""Below this depth lxml drops text, so deeper HTML is read without its structure."""
TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)[^<>]*>")
HIDING = re.compile(r"<(script|style|head|title)\b|<!--", re.IGNORECASE)
VOID = {"br", "hr", "img", "input", "meta", "link", "wbr", "col", "area", "base", "source", "p", "li", "td", "tr", "th"}
BREAKS = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/table|/blockquote)\b[^<>]*>", re.IGNORECASE)
CITED = re.compile(r"\bcite\b|quote", re.IGNORECASE)
"""Only these are quotations; others indent (a mail program's "increase indent" is a blockquote too)."""
DECLARATION = re.compile(r"\s*<\?xml[^<>]{0,200}\?>", re.IGNORECASE)
GAPS = re.compile(r"\n{3,}")
SPACE = re.compile(r"[ \t\r\n\f]+")
UNSEEN = re.compile(r"display\s{0,4}:\s{0,4}none|mso-hide\s{0,4}:\s{0,4}all", re.IGNORECASE)
CLOSE = re.compile(r"margin(?:-top|-bottom)?\s{0,4}:\s{0,4}0|msonormal|msolistparagraph", re.IGNORECASE)
"""How paragraphs say that they are lines: Outlook writes every line as one."""
SKIPPED = frozenset(("script", "style", "head", "title", "template", "svg", "noembed", "iframe"))
BLOCKS = frozenset(
    (
        "div", "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "dl", "dt", "dd", "table", "tr",
        "caption", "blockquote", "pre", "hr", "form", "fieldset", "section", "article", "header", "footer",
        "main", "nav", "aside", "address", "center", "figure", "figcaption", "body", "html",
    )
)  # fmt: skip
SPACED = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "blockquote", "pre"))
"""Blocks with an empty line around them."""
PARSER = {"remove_comments": True, "remove_pis": True, "no_network": True, "recover": True}


def to_text_all(sources: list[str]) -> str:
    """The text of several HTML parts, a blank line between them; all together are no longer than one may be."""
    texts: list[str] = []
    left = LONGEST
    for source in sources:
        if left > 0:
            texts.append(to_text(source[:left]))
            left -= len(source) + PART_COST
    return "\n\n".join(texts)


def to_text(source: str) -> str:
    """What a reader would see, as plain text."""
    source = source[:LONGEST]
    if _is_plain_enough(source):
        try:
            root = etree.HTML(DECLARATION.sub("", source, count=1), etree.HTMLParser(**PARSER))
            return _tidy(_Page(root).text() if root is not None else "")
        except (ValueError, etree.LxmlError, RecursionError, AttributeError, KeyError, IndexError, TypeError):
            pass
    return _tidy(_stripped(source))


class _Page:
    """The lines of a page, filled while walking its tree once."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._lines: list[str] = []
        self._line: list[str] = []
        self._quotes = self._verbatim = 0
        self._wants_gap = False
        self._numbers: list[int] = []

    def text(self) -> str:
        """The page, read."""
        walk = etree.iterwalk(self._root, events=("start", "end"))
        opened: list[_Block | None] = []
        for event, element in walk:
            if event == "start":
                tag, style = element.tag, element.get("style") or ""
                hidden = tag in SKIPPED or (("none" in style or "hide" in style) and UNSEEN.search(style) is not None)
                opened.append(_block(element, tag, style) if tag in BLOCKS and not hidden else None)
                if hidden:
                    walk.skip_subtree()
                else:
                    self._open(tag, opened[-1])
                    self._write(element.text)
            else:
                block = opened.pop()
                if block is not None:
                    self._close(block)
                self._write(element.tail)
        self._break()
        return "\n".join(self._lines)

    def _open(self, tag: str, block: "_Block | None") -> None:
        if block is not None:
            self._break()
            self._wants_gap |= block.spaced
            self._begin(block)
        elif tag == "br":
            self._break(always=True)
        elif tag in ("td", "th") and self._line:
            self._line.append("  ")

    def _begin(self, block: "_Block") -> None:
        """What a block puts before its first line."""
        if block.tag in ("ul", "ol"):
            self._numbers.append(0 if block.tag == "ol" else -1)
        elif block.tag == "li":
            self._line.append("  " * max(len(self._numbers) - 1, 0) + self._bullet())
        elif block.tag == "pre":
            self._verbatim += 1
        self._quotes += block.cited

    def _bullet(self) -> str:
        if not self._numbers or self._numbers[-1] < 0:
            return "* "
        self._numbers[-1] += 1
        return f"{self._numbers[-1]}. "

    def _close(self, block: "_Block") -> None:
        self._break()
        self._wants_gap |= block.spaced
        if block.tag in ("ul", "ol") and self._numbers:
            self._numbers.pop()
        elif block.tag == "pre":
            self._verbatim -= 1
        self._quotes -= block.cited

    def _write(self, text: str | None) -> None:
        if not text:
            return
        if self._verbatim:
            first, *others = text.split("\n")
            self._line.append(first)
            for line in others:
                self._break(always=True)
                self._line.append(line)
            return
        text = SPACE.sub(" ", text)
        if not self._line or self._line[-1].endswith(" "):
            text = text.removeprefix(" ")
        if text:
            self._line.append(text)

    def _break(self, *, always: bool = False) -> None:
        """End the line; an empty one counts only for a line break."""
        line = "".join(self._line).rstrip(" \t\n\r")
        self._line = []
        if not line and not always:
            return
        marks = ">" * self._quotes
        if self._wants_gap and self._lines:
            self._lines.append(marks)
        self._wants_gap = False
        self._lines.append(f"{marks} {line}" if marks else line)


class _Block(NamedTuple):
    """An open element that makes lines: whether empty ones stand around it, and whether it is a quotation."""

    tag: str
    spaced: bool
    cited: bool


def _block(element: Any, tag: str, style: str) -> _Block:
    if tag == "p":
        return _Block(tag, not (CLOSE.search(style) or CLOSE.search(element.get("class") or "")), cited=False)
    cited = tag == "blockquote" and any(CITED.search(f"{name} {value}") for name, value in element.items())
    return _Block(tag, tag in SPACED, cited)


def _is_plain_enough(source: str) -> bool:
    if source.count("<") <= DEEPEST:
        return True
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
    lines = html.unescape(re.sub(r"<[^<>]*>", " ", BREAKS.sub("\n", text))).split("\n")
    return "\n".join([SPACE.sub(" ", line).strip() for line in lines])


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
    lines = text.replace("\u00a0", " ").split("\n")
    return GAPS.sub("\n\n", "\n".join([line.rstrip() for line in lines])).strip("\n")
