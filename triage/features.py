"""What a classifier sees of a request: its words, and marks (facts read, cues found), as two columns of text. Pure."""

from collections.abc import Iterable, Iterator
from itertools import islice

from models.terms import Fact
from triage.lexicon import lexicon
from triage.prose import MAX_CHARACTERS, prepare

MAX_WORD = 60
SEVERAL, MANY = 2, 4


def words(subject: str, body: str) -> str:
    """Subject and body as one text, capped as fact reading is; quoted lines and endless words left out."""
    lines = [line for line in f"{subject}\n{body}"[:MAX_CHARACTERS].splitlines() if not line.lstrip().startswith(">")]
    return " ".join(word for line in lines for word in line.split() if len(word) <= MAX_WORD)


def marks(subject: str, body: str, facts: Iterable[Fact]) -> str:
    """Facts (`environment=production`) and cues (`cue-urgent`, `cue-urgent+` for several) as words, sorted."""
    return " ".join(sorted({*(f"{fact.name}={fact.value}" for fact in facts), *_cues(subject, body)}))


def _cues(subject: str, body: str) -> Iterator[str]:
    plain = prepare(subject, body).plain
    for name, pattern in lexicon().cues.items():
        found = list(islice(pattern.finditer(plain), MANY))
        if found:
            yield name
            if len(found) >= SEVERAL:
                yield f"{name}+"
            if len(found) >= MANY:
                yield f"{name}++"
            if found[0].start() < len(subject):
                yield f"{name}@subject"
