"""What a classifier sees of a request: its words, its title, how it opens, and marks (facts, cues), as texts. Pure."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from models.terms import Fact
from triage.lexicon import lexicon, said
from triage.prose import MAX_CHARACTERS, prepare

MAX_WORD = 60
OPENING = 60
"""Words from the beginning that are seen once more, by themselves: what a request is about is said early."""
SEVERAL, MANY = 2, 4


class Row(NamedTuple):
    """A request as a classifier sees it: each part is a text, empty where there is none."""

    text: str
    title: str
    opening: str
    marks: str


def row(subject: str, body: str, seen: str = "") -> Row:
    """The parts of a request; `seen` are its `marks`, where a classifier has learnt from such."""
    said = words(subject, body)
    return Row(text=said, title=words(subject, ""), opening=" ".join(said.split(" ", OPENING)[:OPENING]), marks=seen)


def words(subject: str, body: str) -> str:
    """Subject and body as one text, capped as fact reading is; quoted lines and endless words left out."""
    lines = [line for line in f"{subject}\n{body}"[:MAX_CHARACTERS].splitlines() if not line.lstrip().startswith(">")]
    return " ".join(word for line in lines for word in line.split() if len(word) <= MAX_WORD)


def marks(subject: str, body: str, facts: Iterable[Fact]) -> str:
    """Facts (`environment=production`) and cues (`cue-urgent`, `cue-urgent+` for several) as words, sorted."""
    return " ".join(sorted({*(f"{fact.name}={fact.value}" for fact in facts), *_cues(subject, body)}))


def _cues(subject: str, body: str) -> Iterator[str]:
    heard = said(prepare(subject, body).own)
    for section in lexicon().cues & heard.keys():
        name, found = section.replace(" ", ""), heard[section]
        yield name
        if len(found) >= SEVERAL:
            yield f"{name}+"
        if len(found) >= MANY:
            yield f"{name}++"
        if found[0][0] < len(subject):
            yield f"{name}@subject"
