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
from ruamel.yaml.error import MarkedYAMLError, YAMLError

MAX_CHARACTERS = 1_000_000
SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")


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
            self.wrong(f"write a mapping with the keys {listed(required)}")
            return {}
        found = {}
        for key, value in self.value.items():
            if key in required | optional:
                found[str(key)] = self.child(value, self.value.lc.value(key), str(key))
            else:
                close = get_close_matches(str(key), required | optional, 1)
                hint = f"did you mean {close[0]!r}?" if close else f"known keys are {listed(required | optional)}"
                self.child(key, self.value.lc.key(key), str(key)).wrong(f"unknown key; {hint}")
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
        """A number in the closed range; anything else is noted."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            self.wrong(f"write a number from {low:g} to {high:g}")
            return low
        if not low <= self.value <= high:
            self.wrong(f"{self.value} is outside {low:g} to {high:g}")
        return float(self.value)

    def one_of(self, known: frozenset[str], what: str) -> str:
        """A string out of a known set; anything else is noted with what is known."""
        word = self.text()
        if word and word not in known:
            close = get_close_matches(word, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known are {listed(known)}"
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


def read(text: str, file: str) -> Node:
    """The file's top value; a syntax mistake leaves an empty mapping and one mistake."""
    mistakes: list[str] = []
    if len(text) > MAX_CHARACTERS:
        mistakes.append(f"{file}:1:1: file: longer than {MAX_CHARACTERS} characters")
        return Node(CommentedMap(), 1, 1, "file", file, mistakes)
    try:
        value = YAML(typ="rt", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        mistakes.append(f"{file}:{line}:{column}: syntax: {error.problem or 'not YAML'}")
        value = CommentedMap()
    except (YAMLError, ValueError, RecursionError) as error:
        mistakes.append(f"{file}:1:1: syntax: {str(error).splitlines()[0] if str(error) else 'not YAML'}")
        value = CommentedMap()
    return Node(value, 1, 1, "file", file, mistakes)
