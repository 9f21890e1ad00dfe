"""Questions a rule asks of the facts, answered yes, no or unknown (Kleene's strong logic). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from ruamel.yaml.comments import CommentedSeq

from triage.reading import Node

TYPE = "type"
"""The name under which a rule may ask for the request's type, beside the facts."""


@dataclass(frozen=True, slots=True)
class Is:
    """A fact has one of the values."""

    fact: str
    values: tuple[str, ...]

    def holds(self, facts: Mapping[str, str]) -> bool | None:
        """True or false where the fact is known, else None."""
        value = facts.get(self.fact)
        return None if value is None else value in self.values

    def asks(self) -> tuple[str, ...]:
        """The facts this condition reads."""
        return (self.fact,)

    def missing(self, facts: Mapping[str, str]) -> tuple[str, ...]:
        """What is not known and keeps the answer open."""
        return () if self.fact in facts else (f"{self.fact} = {' or '.join(self.values)}",)


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: tuple["Condition", ...]

    def holds(self, facts: Mapping[str, str]) -> bool | None:
        """False if one part is false, unknown if none is false and one is unknown."""
        unknown = False
        for part in self.parts:
            answer = part.holds(facts)
            if answer is False:
                return False
            unknown = unknown or answer is None
        return None if unknown else True

    def asks(self) -> tuple[str, ...]:
        """The facts the parts read."""
        return tuple(fact for part in self.parts for fact in part.asks())

    def missing(self, facts: Mapping[str, str]) -> tuple[str, ...]:
        """What is not known and keeps the answer open."""
        return tuple(gap for part in self.parts if part.holds(facts) is None for gap in part.missing(facts))


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple["Condition", ...]

    def holds(self, facts: Mapping[str, str]) -> bool | None:
        """True if one part is true, unknown if none is true and one is unknown."""
        unknown = False
        for part in self.parts:
            answer = part.holds(facts)
            if answer is True:
                return True
            unknown = unknown or answer is None
        return None if unknown else False

    def asks(self) -> tuple[str, ...]:
        """The facts the parts read."""
        return tuple(fact for part in self.parts for fact in part.asks())

    def missing(self, facts: Mapping[str, str]) -> tuple[str, ...]:
        """What is not known and keeps the answer open."""
        gaps = [gap for part in self.parts if part.holds(facts) is None for gap in part.missing(facts)]
        return (" or ".join(gaps),) if gaps else ()


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold; unknown stays unknown."""

    part: "Condition"

    def holds(self, facts: Mapping[str, str]) -> bool | None:
        """The opposite answer, or None."""
        answer = self.part.holds(facts)
        return None if answer is None else not answer

    def asks(self) -> tuple[str, ...]:
        """The facts the part reads."""
        return self.part.asks()

    def missing(self, facts: Mapping[str, str]) -> tuple[str, ...]:
        """What is not known and keeps the answer open."""
        return self.part.missing(facts)


Condition = Is | All | AnyOf | Not


def condition(node: Node, known: Mapping[str, frozenset[str]]) -> Condition:
    """Read a condition: `{fact: value}`, `{fact: [value, …]}`, `{all: […]}`, `{any: […]}` or `{not: …}`.

    Several keys in one mapping must all hold. `known` gives each askable fact its possible values.
    """
    parts: list[Condition] = []
    names = frozenset(known)
    for key, child in node.fields(frozenset(), names | {"all", "any", "not"}).items():
        if key == "not":
            parts.append(Not(condition(child, known)))
        elif key in {"all", "any"}:
            inner = tuple(condition(entry, known) for entry in child.entries())
            if not inner:
                child.wrong("write at least one condition")
            parts.append(All(inner) if key == "all" else AnyOf(inner))
        else:
            parts.append(Is(key, values(child, known[key], key)))
    if not parts and node.value == {}:
        node.wrong("write at least one condition, such as {environment: production}")
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def values(node: Node, known: frozenset[str], fact: str) -> tuple[str, ...]:
    """The values a condition accepts for a fact."""
    if isinstance(node.value, CommentedSeq):
        return tuple(entry.one_of(known, f"value of {fact}") for entry in node.entries())
    return (node.one_of(known, f"value of {fact}"),)
