"""A policy's sentences that a machine can check: read from YAML with every mistake named. Pure."""

from dataclasses import dataclass

from models.terms import Role
from triage.conditions import TYPE, All, Condition, condition
from triage.facts import VOCABULARY
from triage.reading import Node

MOVES = frozenset({"cap", "raise", "set"})
TYPE_MOVES = frozenset({"type", "not_type"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a rule does.

    `move` is "cap" (at most this severe), "raise" (at least), "set", "type" or "not_type". `to` is one
    level, or one or more types. `only` restricts a level move to these levels (empty: all).
    """

    move: str
    to: tuple[str, ...]
    only: tuple[str, ...]

    @property
    def on_type(self) -> bool:
        """Whether this changes the type rather than the level."""
        return self.move in TYPE_MOVES


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A sentence of the policy that a machine can check.

    `by` names the roles that alone may apply it; such a rule is listed and never applied by itself.
    """

    id: str
    clause: str
    when: Condition
    effect: Effect
    by: tuple[str, ...]
    assumed: bool


def read_rules(node: Node, *, types: frozenset[str], levels: frozenset[str]) -> tuple[Rule, ...]:
    """The rules in a pack's `rules:`; mistakes are noted at their places."""
    rules = tuple(_rule(entry, types, levels) for entry in node.entries())
    node.unique([rule.id for rule in rules])
    return rules


def _rule(node: Node, types: frozenset[str], levels: frozenset[str]) -> Rule:
    at = node.fields(frozenset({"id", "clause", "when", "then"}), frozenset({"by", "assumed"}))
    effect = _effect(at["then"], types, levels) if "then" in at else Effect(move="cap", to=(), only=())
    known = VOCABULARY if effect.on_type else {**VOCABULARY, TYPE: types}
    return Rule(
        id=at["id"].slug() if "id" in at else "",
        clause=at["clause"].text() if "clause" in at else "",
        when=condition(at["when"], known) if "when" in at else All(()),
        effect=effect,
        by=at["by"].choices(frozenset(Role), "role") if "by" in at else (),
        assumed=at["assumed"].flag() if "assumed" in at else False,
    )


def _effect(node: Node, types: frozenset[str], levels: frozenset[str]) -> Effect:
    at = node.fields(frozenset(), MOVES | TYPE_MOVES | {"from"})
    moves = sorted(at.keys() - {"from"})
    if len(moves) != 1:
        node.wrong("write exactly one of cap, raise, set, type, not_type")
        return Effect(move="cap", to=(), only=())
    move = moves[0]
    if move == "not_type":
        to = at[move].choices(types, "type")
    else:
        to = (at[move].one_of(types if move == "type" else levels, "type" if move == "type" else "level"),)
    if "from" in at and move in TYPE_MOVES:
        at["from"].wrong("only a level move has 'from'")
    return Effect(move=move, to=to, only=at["from"].choices(levels, "level") if "from" in at else ())
