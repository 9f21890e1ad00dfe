"""What several sections of a pack are written with: questions, amounts of time, calendars, clauses. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from models.errors import Invalid
from models.terms import Choice
from triage.calendars import ALWAYS, Calendar
from triage.fields import NAME
from triage.reading import Node
from triage.targets import duration

At = Mapping[str, Node]
"""The keys of one mapping, as `Node.fields` gives them."""
ELAPSED = "24x7"
"""The name under which every pack has a calendar that never closes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something to be told: `ask` in words for a person, `why` it is needed; `options` where only these will do."""

    name: str
    ask: str
    why: str = ""
    options: tuple[Choice, ...] = ()
    clause: str = ""

    def lacks(self, given: Mapping[str, str]) -> str:
        """What is wrong with the answer, in words; empty where nothing is."""
        answer = given.get(self.name, "").strip()
        if not answer:
            return self.ask
        values = [option.value for option in self.options]
        return "" if not values or answer in values else f"{self.name}: choose one of {', '.join(values)}"


def questions(node: Node) -> tuple[Question, ...]:
    """The questions in a list of `{name, ask}`, with `why`, `options` and `clause` where they have some."""
    found = tuple(_question(entry) for entry in node.entries())
    node.unique([question.name for question in found])
    return found


def choices(node: Node) -> tuple[Choice, ...]:
    """The options in a list of `{value, label}`."""
    found = []
    for entry in node.entries():
        at = entry.fields(frozenset({"value", "label"}))
        found.append(Choice(value=slug(at, "value"), label=words(at, "label")))
    node.unique([choice.value for choice in found])
    return tuple(found)


def amount(node: Node) -> timedelta:
    """An amount of time (`4 h`, `30 min`); anything else is noted."""
    try:
        return duration(node.text())
    except Invalid as error:
        node.wrong(str(error))
        return timedelta(0)


def calendar(at: At, key: str, calendars: Mapping[str, Calendar]) -> Calendar:
    """The calendar named under a key: one of the pack's, or `24x7`, which is meant where none is named."""
    known = {**calendars, ELAPSED: ALWAYS}
    return known.get(at[key].one_of(frozenset(known), "calendar"), ALWAYS) if key in at else ALWAYS


def words(at: At, key: str) -> str:
    """The text under a key, or an empty one."""
    return at[key].text() if key in at else ""


def slug(at: At, key: str) -> str:
    """The slug under a key, or an empty one."""
    return at[key].slug() if key in at else ""


def flag(at: At, key: str) -> bool:
    """True or false under a key; false where it is missing."""
    return key in at and at[key].flag()


def count(at: At, key: str, otherwise: int = 0) -> int:
    """A whole number up to 1000 under a key."""
    return at[key].whole(0, 1000) if key in at else otherwise


def chosen(at: At, key: str, known: frozenset[str], what: str) -> tuple[str, ...]:
    """A list of known words under a key, or none."""
    return at[key].choices(known, what) if key in at else ()


def _question(node: Node) -> Question:
    at = node.fields(frozenset({"name", "ask"}), frozenset({"why", "options", "clause"}))
    name = words(at, "name")
    if name and not NAME.fullmatch(name):
        at["name"].wrong(f"{name!r} is no name: small letters, digits, _ and -, at most 40")
    return Question(
        name=name,
        ask=words(at, "ask"),
        why=words(at, "why"),
        options=choices(at["options"]) if "options" in at else (),
        clause=words(at, "clause"),
    )
