r"""What people write when they state a fact: the phrases of `triage/phrases/*.txt`, compiled once. Pure.

A phrase file has sections, `[fact = value]`, `[fact = value, not = other]` or `[name]`, with one regular
expression a line, in lower case with straight apostrophes. A blank stands for any white space, `<n>` for
up to n words in between inside one sentence, `{name}` for any line of the section of that name. The same
section of several languages is one.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

HEADER = re.compile(r"\[([\w-]+)(?: = (\w+)(?:, not = (\w+))?)?\]")
CUE = "cue-"
ALSO_CUES = ("down-full", "recovered", "no-way", "some-way", "question", "enhancement", "documentation", "cosmetic")
"""Sections whose mere words, claimed or not, tell a classifier something."""
MACROS = ("system", "people", "workaround")


@dataclass(frozen=True, slots=True)
class Phrases:
    """The ways to say that `fact` is `value`; `negated` is what a "not" before them says (None: nothing)."""

    fact: str
    value: str
    negated: str | None
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Every phrase of every language.

    `claims` state facts, `named` are the sections that only have a name, and of those `cues` (`cue-…`) are
    no ground for a rule: a classifier learns from them.
    """

    claims: tuple[Phrases, ...]
    named: dict[str, re.Pattern[str]]
    cues: dict[str, re.Pattern[str]]


@cache
def lexicon() -> Lexicon:
    """The phrases that ship with the product."""
    folder = files("triage").joinpath("phrases")
    texts = [entry.read_text(encoding="utf-8") for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)]
    return compiled(texts)


def compiled(texts: list[str]) -> Lexicon:
    """The phrases of several files.

    Raises:
        ValueError: a line stands before the first section, or a phrase is no regular expression.

    """
    sections: dict[str, list[str]] = {}
    for text in texts:
        header = ""
        for line in text.splitlines():
            if HEADER.fullmatch(line):
                header = line
            elif line and not line.startswith("#"):
                if not header:
                    raise ValueError(f"no section for {line!r}")
                sections.setdefault(header, []).append(line)
    macros = {name: "(?:" + "|".join(sections.get(f"[{name}]", [])) + ")" for name in MACROS}
    claims, named = [], {}
    for header, lines in sections.items():
        name, value, negated = HEADER.findall(header)[0]
        pattern = spelled("|".join(lines), macros)
        if value:
            claims.append(Phrases(name, value, negated or None, pattern))
        else:
            named[name] = pattern
    cues = {name: pattern for name, pattern in named.items() if name.startswith(CUE) or name in ALSO_CUES}
    return Lexicon(tuple(claims), named, cues)


def spelled(phrase: str, macros: dict[str, str]) -> re.Pattern[str]:
    """Compile a phrase: macros filled in, blanks and `<n>` widened, word edges required."""
    for name, words in macros.items():
        phrase = phrase.replace(f"{{{name}}}", words)
    phrase = re.sub(r"<(\d)>", r"(?:[^\\w.!?;]+[\\w'-]+){0,\1}[^\\w.!?;]+", phrase)
    phrase = re.sub(r" (\?)?", lambda blank: r"[ \n]?" if blank[1] else r"[ \n]+", phrase)
    return re.compile(rf"(?<![\w-])(?:{phrase})(?![\w-])")
