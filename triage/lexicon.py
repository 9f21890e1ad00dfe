r"""What people write when they state a fact: the phrases of `triage/phrases/*.txt`, compiled once. Pure.

A phrase file has sections, `[fact = value]`, `[fact = value, not = other]` or `[name]`, with one regular
expression a line, in lower case with straight apostrophes. A blank stands for any white space, `<n>` for
up to n words in between inside one sentence, `{name}` for any line of the section of that name. The same
section of several languages is one. A phrase begins where a word does, or an "n't".
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from triage.beginnings import REACH, WORD_ENDS, beginnings

HEADER = re.compile(r"\[([\w-]+)(?: = (\w+)(?:, not = (\w+))?)?\]")
CUE = "cue-"
ALSO_CUES = ("down-full", "recovered", "no-way", "some-way", "question", "enhancement", "documentation", "cosmetic")
"""Sections, or facts, whose mere words tell a classifier something beside those named `cue-…`."""
MACROS = ("system", "people", "workaround")
MAX_FINDINGS = 30
"""Places at which one section is found in one text: a text that repeats itself costs no more."""
MAX_TRIES = 400
"""Places at which one phrase is tried in one text."""
WORD_START = r"(?:(?<![\w-])(?=[\w¿])|(?=n't\b))"
STARTS = re.compile(WORD_START + r"(?=(\w*))")
BLANKS = re.compile(r"[ \n]+")
REMEMBERED = 2
"""Texts whose reading is kept."""
Span = tuple[int, int]
Said = dict[str, list[Span]]
"""Where each section's phrases stand, by the section's name, from left to right and never one in another."""


@dataclass(frozen=True, slots=True)
class Section:
    """Ways to say one thing: that `fact` is `value`, and with a "not" that it is `negated` (None: nothing).

    A section that only has a name has no fact.
    """

    name: str
    fact: str = ""
    value: str = ""
    negated: str | None = None


@dataclass(frozen=True, slots=True)
class Phrase:
    """One way, of the section at a place in the lexicon; `number` counts all phrases."""

    section: int
    number: int
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Every phrase of every language.

    `index` gives the phrases that may begin with up to five characters. `cues` are the sections from whose mere
    words, claimed or not, a classifier learns; those named `cue-…` are no ground for a rule.
    """

    sections: tuple[Section, ...]
    phrases: tuple[Phrase, ...]
    index: dict[str, tuple[Phrase, ...]]
    cues: frozenset[str]

    @property
    def claims(self) -> Iterator[Section]:
        """The sections that state a fact."""
        return (section for section in self.sections if section.fact)

    def find(self, plain: str) -> Said:
        """What a text in lower case says; a section's places are at most 30."""
        found: list[list[Span]] = [[] for _ in self.sections]
        tries = [0] * len(self.phrases)
        for start in STARTS.finditer(plain):
            at = start.start()
            for phrase in self._candidates(plain, at, start[1]):
                spans = found[phrase.section]
                if (spans and (at < spans[-1][1] or len(spans) == MAX_FINDINGS)) or tries[phrase.number] == MAX_TRIES:
                    continue
                tries[phrase.number] += 1
                if match := phrase.pattern.match(plain, at):
                    spans.append(match.span())
        return {section.name: spans for section, spans in zip(self.sections, found, strict=True) if spans}

    def _candidates(self, plain: str, at: int, word: str) -> tuple[Phrase, ...]:
        beginning = plain[at : at + REACH]
        if "\n" in beginning or "  " in beginning:
            beginning = BLANKS.sub(" ", plain[at : at + 2 * REACH])[:REACH]
        while beginning and beginning not in self.index:
            beginning = beginning[:-1]
        whole = self.index.get(word + WORD_ENDS, ()) if len(word) < REACH else ()
        return self.index.get(beginning, ()) + whole


@cache
def lexicon() -> Lexicon:
    """The phrases that ship with the product."""
    folder = files("triage").joinpath("phrases")
    texts = [entry.read_text(encoding="utf-8") for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)]
    return compiled(texts)


@lru_cache(maxsize=REMEMBERED)
def said(plain: str) -> Said:
    """What a text in lower case says; facts and cues ask the same text in turn. Not to be changed."""
    return lexicon().find(plain)


def compiled(texts: Iterable[str]) -> Lexicon:
    """The phrases of several files.

    Raises:
        ValueError: a line stands before the first section, or a phrase is no regular expression.

    """
    lines = _lines(texts)
    macros = {name: "(?:" + "|".join(lines.get(f"[{name}]", [])) + ")" for name in MACROS}
    sections: list[Section] = []
    phrases: list[Phrase] = []
    index: dict[str, list[Phrase]] = {}
    for header, written in lines.items():
        name, value, negated = HEADER.findall(header)[0]
        if name in MACROS:
            continue
        for line in written:
            expression = spelled(line, macros)
            phrase = Phrase(len(sections), len(phrases), re.compile(rf"(?:{expression})(?![\w-])"))
            phrases.append(phrase)
            for beginning in beginnings(expression):
                index.setdefault(beginning, []).append(phrase)
        sections.append(Section(header.strip("[]"), name, value, negated or None) if value else Section(name))
    cues = frozenset(
        each.name for each in sections if each.name.startswith(CUE) or (each.fact or each.name) in ALSO_CUES
    )
    return Lexicon(tuple(sections), tuple(phrases), _with_shorter(index), cues)


def _with_shorter(index: dict[str, list[Phrase]]) -> dict[str, tuple[Phrase, ...]]:
    """Each beginning with the phrases of those it begins with itself, so that one look finds all."""
    return {
        key: tuple(several)
        if key.endswith(WORD_ENDS)
        else tuple(phrase for length in range(len(key) + 1) for phrase in index.get(key[:length], ()))
        for key, several in index.items()
    }


def _lines(texts: Iterable[str]) -> dict[str, list[str]]:
    """The lines below each header, of all files."""
    found: dict[str, list[str]] = {}
    for text in texts:
        header = ""
        for line in text.splitlines():
            if HEADER.fullmatch(line):
                header = line
            elif line and not line.startswith("#"):
                if not header:
                    raise ValueError(f"no section for {line!r}")
                found.setdefault(header, []).append(line)
    return found


def spelled(phrase: str, macros: dict[str, str]) -> str:
    """A phrase as a regular expression: macros filled in, blanks and `<n>` widened."""
    for name, words in macros.items():
        phrase = phrase.replace(f"{{{name}}}", words)
    phrase = re.sub(r"<(\d)>", r"(?:[^\\w.!?;]+[\\w'-]+){0,\1}[^\\w.!?;]+", phrase)
    return re.sub(r" (\?)?", lambda blank: r"[ \n]?" if blank[1] else r"[ \n]+", phrase)
