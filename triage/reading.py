"""A YAML file whose every value knows its place, so that all mistakes are told at once. Pure.

YAML 1.2 (ruamel.yaml) on purpose: in YAML 1.1 `no` is false and `9:00` is 540.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode

MAX_CHARACTERS = 1_000_000
SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the file, where it stands (line and column from 1), and where mistakes are noted."""

    value: Any
    line: int
    column: int
    name: str
    file: str
    mistakes: list[str] = field(repr=False)

    def wrong(self, words: str) -> None:
        """Note a mistake at this place."""
        self.mistakes.append(f"{self.file}:{self.line}:{self.column}: {self.name}: {words}")

    def child(self, value: Any, place: tuple[int, int], name: str) -> "Node":
        """The node of a part of this value; `place` counts from 0, as ruamel does."""
        return Node(value, place[0] + 1, place[1] + 1, name, self.file, self.mistakes)

    def keys(self) -> list[str]:
        """The keys of a mapping, or none."""
        return [str(key) for key in self.value] if isinstance(self.value, CommentedMap) else []

    def fields(self, required: frozenset[str], optional: frozenset[str] = frozenset()) -> dict[str, "Node"]:
        """The values of a mapping by key; missing and unknown keys are noted."""
        if not isinstance(self.value, CommentedMap):
            self.wrong(f"write a mapping with the keys {listed(required or optional)}")
            return {}
        found = {}
        for key, value in self.value.items():
            # What `<<` brings in stands elsewhere; `read` has noted it.
            line, column, below, beside = (self.value.lc.data or {}).get(key) or (self.line - 1, self.column - 1) * 2
            if key in required | optional:
                found[str(key)] = self.child(value, (below, beside), str(key))
            else:
                close = get_close_matches(str(key), required | optional, 1)
                hint = f"did you mean {close[0]!r}?" if close else f"known keys are {listed(required | optional)}"
                self.child(key, (line, column), str(key)).wrong(f"unknown key; {hint}")
        for key in sorted(required - found.keys()):
            self.wrong(f"the key {key!r} is missing")
        return found

    def entries(self) -> Iterator["Node"]:
        """Every entry of a list; anything but a list is noted."""
        if not isinstance(self.value, CommentedSeq):
            self.wrong("write a list, one '- …' a line")
            return
        for index, value in enumerate(self.value):
            yield self.child(value, self.value.lc.item(index), f"{self.name}[{index + 1}]")

    def text(self, *, empty: bool = False) -> str:
        """A string; numbers and true/false are noted, with the quotes they need."""
        if not isinstance(self.value, str):
            self.wrong("write a text" if self.value is None else f'write a text, in quotes: "{self.value}"')
            return ""
        if not empty and not self.value.strip():
            self.wrong("must not be empty")
        return str(self.value).strip()

    def texts(self) -> tuple[str, ...]:
        """A list of strings; one string alone counts as a list of one."""
        if isinstance(self.value, CommentedSeq):
            return tuple(entry.text() for entry in self.entries())
        return (self.text(),)

    def flag(self) -> bool:
        """True or false; `yes` and `no` are noted."""
        if not isinstance(self.value, bool):
            self.wrong(f"write true or false, not {self.value!r}")
        return self.value is True

    def number(self, low: float, high: float) -> float:
        """A number in the closed range; anything else is noted and moved into it."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            self.wrong(f"write a number from {low:g} to {high:.10g}")
            return low
        if not low <= self.value <= high:
            self.wrong(f"{_short(self.value)} is outside {low:g} to {high:.10g}")
        return float(min(high, max(low, self.value)))  # in this order not-a-number becomes `low`

    def whole(self, low: int, high: int) -> int:
        """A whole number in the closed range; anything else is noted."""
        number = self.number(low, high)
        if number != int(number):
            self.wrong(f"write a whole number, not {number:g}")
        return int(number)

    def one_of(self, known: frozenset[str], what: str) -> str:
        """A string out of a known set; anything else is noted with what is known."""
        word = self.text()
        if word and word not in known:
            close = get_close_matches(word, known, 1)
            hint = f"did you mean {str(close[0])!r}?" if close else f"known are {listed(known)}"
            self.wrong(f"{word!r} is no {what}; {hint}")
        return word

    def choices(self, known: frozenset[str], what: str) -> tuple[str, ...]:
        """A list of strings out of a known set."""
        return tuple(entry.one_of(known, what) for entry in self.entries())

    def slug(self) -> str:
        """A name that can stand in an address: letters, digits and hyphens."""
        text = self.text()
        if text and not SLUG.fullmatch(text):
            self.wrong(f"{text!r} is no slug: letters, digits and hyphens only")
        return text

    def unique(self, found: Sequence[str]) -> None:
        """Note an empty list, and every name that is there twice."""
        if not found:
            self.wrong("write at least one entry")
        for value in sorted({value for value in found if value and found.count(value) > 1}):
            self.wrong(f"{value!r} is there twice")


def listed(words: frozenset[str]) -> str:
    """Words for a message, in a fixed order."""
    return ", ".join(sorted(words)) or "none"


def _short(number: float) -> str:
    """A number as the file has it; of an endless one its size."""
    try:
        return str(number)
    except ValueError:  # more digits than Python writes
        return "a number of thousands of digits"


class _Constructor(RoundTripConstructor):
    """Notes what is there twice and what is merged in, and goes on: the first of two keys holds."""

    mistakes: list[str]
    file: str

    def check_mapping_key(self, node: Any, key_node: Any, mapping: Any, key: Any, value: Any) -> bool:  # noqa: ARG002 - ruamel's
        """Whether a key is new to its mapping."""
        if key in mapping:
            first = mapping.lc.key(key)[0] + 1
            self._wrong(key_node, f"{key}: is there twice: keep this one or the one in line {first}")
            return False
        return True

    def flatten_mapping(self, node: Any) -> Any:
        """The mappings a `<<` brings in."""
        merges = [key for key, _ in node.value if key.tag == MERGE]
        for merge in merges:
            self._wrong(merge, "<<: YAML 1.2 has no merge key: write out the keys it stands for")
        if len(merges) > 1 or any(key.tag == MERGE and not isinstance(value, MappingNode) for key, value in node.value):
            node.value = [(key, value) for key, value in node.value if key.tag != MERGE]
        return super().flatten_mapping(node)

    def _wrong(self, node: Any, words: str) -> None:
        mark = node.start_mark
        self.mistakes.append(f"{self.file}:{mark.line + 1}:{mark.column + 1}: {words}")


SYNTAX = (
    ("expected <block end>", "not in line with what it belongs to: begin it in the column of its neighbours above"),
    ("found character '\\t'", "a tab: indent with spaces"),
    ("that cannot start any token", "no text begins with this sign: put the text in quotes"),
    ("mapping values are not allowed", "a second ': ' in one value: put the text in quotes, or mend the indentation"),
    ("could not find expected ':'", "a key without its colon: write it as 'key: value'"),
    ("unexpected end of stream", "a quotation mark is open and never closed: close it"),
    ("expected ',' or ']'", "a list in [ ] goes on here: write a comma between its entries, and ] at its end"),
    ("expected ',' or '}'", "a mapping in { } goes on here: write a comma between its keys, and } at its end"),
    ("expected the node content", "a value is missing here: write one"),
    ("unknown escape character", "a \\ in double quotes needs a second one: write \\\\, or use single quotes"),
    ("undefined alias", "no value has this name: a text that begins with * needs quotes"),
    ("expected alphabetic or numeric", "a text that begins with * or & needs quotes"),
    ("but found another document", "a second document: write one policy a file, without ---"),
    ("could not determine a constructor for the tag", "a text that begins with ! needs quotes"),
    ("recursion depth", "nested deeper than any policy is: write it flatter"),
    ("special characters are not allowed", "a control character: take it out, or write it as \\x.. in double quotes"),
)
"""What the YAML reader says, and what to write instead."""


ODD_TAG = (TypeError, LookupError, AttributeError, AssertionError)
"""What ruamel stumbles over where a tag, such as `!!int`, stands before a value that is no such thing."""
TAGGED = "a tag (a word that begins with !) does not fit its value: take the tag away"


def _plainly(problem: str) -> str:
    told = next((words for said, words in SYNTAX if said in problem), "")
    return f"{told} ({problem})" if told else problem


def read(text: str, file: str) -> Node:
    """The file's top value; a syntax mistake leaves an empty mapping and one mistake."""
    mistakes: list[str] = []
    if len(text) > MAX_CHARACTERS:
        mistakes.append(f"{file}:1:1: file: longer than {MAX_CHARACTERS} characters")
        return Node(CommentedMap(), 1, 1, "file", file, mistakes)
    yaml = YAML(typ="rt", pure=True)
    yaml.Constructor = _Constructor
    yaml.constructor.mistakes, yaml.constructor.file = mistakes, file
    try:
        value = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        mistakes.append(f"{file}:{line}:{column}: syntax: {_plainly(error.problem or 'not YAML')}")
        value = CommentedMap()
    except (YAMLError, ValueError, RecursionError, *ODD_TAG) as error:
        said = str(error).splitlines()[0] if str(error) else "not YAML"
        mistakes.append(f"{file}:1:1: syntax: {TAGGED if isinstance(error, ODD_TAG) else _plainly(said)}")
        value = CommentedMap()
    return Node(value, 1, 1, "file", file, mistakes)
