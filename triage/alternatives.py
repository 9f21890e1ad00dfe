"""Which single facts would give another priority, by the rules alone. Pure.

Every value of every fact that a rule asks is tried. Only the rules that ask it are asked again, and probabilities are
moved again only where one of them then applies otherwise: for most facts none does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from models.terms import Fact
from triage import asserted, downgrade
from triage.conditions import TYPE
from triage.downgrade import Judged
from triage.facts import VOCABULARY
from triage.policy import Policy, Rule
from triage.tabled import by_table

Kinds = Mapping[str | None, float]
"""How likely each type is that the request may be of; None: its type is not known."""

LEAST = 1e-6
"""So that types which all disagree wholly with the text count by their own likelihood."""

_Moves = dict[tuple[str, tuple[float, ...]], dict[str, float]]
"""The levels that rules give which move these shares, by what a person stated: production is down, or is not.

Computed once: many types and facts come to the same.
"""


@dataclass(frozen=True, slots=True)
class _Asking:
    """A rule about levels, and the share of the probability that it moves for each type, as things are."""

    rule: Rule
    facts: frozenset[str]
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A request as its rules see it: `start` is how likely a classifier finds each level, `kinds` what type it may be.

    The policy's table of impact and urgency is read for the type `likely`.
    """

    policy: Policy
    known: tuple[Fact, ...]
    start: Mapping[str, float]
    kinds: Kinds
    likely: str | None
    told: Mapping[str, str] = field(init=False, repr=False)
    from_text: frozenset[str] = field(init=False, repr=False)
    stated: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Take the facts apart once."""
        object.__setattr__(self, "told", {fact.name: fact.value for fact in self.known})
        object.__setattr__(self, "from_text", frozenset(fact.name for fact in self.known if fact.source == "text"))
        object.__setattr__(self, "stated", asserted.stated(self.known))


def mixed(
    start: Mapping[str, float], kinds: Kinds, levels: Mapping[str | None, Mapping[str, float]]
) -> dict[str, float]:
    """The levels' probabilities for every type the request may be of, mixed by how likely each type is.

    A type whose rules leave little of what the text says about the level is the less likely: type and level are of the
    same request, and a report of an outage is hardly a question.
    """
    shares = {kind: share * max(_agreed(start, levels[kind]), LEAST) for kind, share in kinds.items()}
    found = dict.fromkeys(start, 0.0)
    whole = sum(shares.values())
    for kind, share in shares.items():
        for level, part in levels[kind].items():
            found[level] += part * share / whole
    return found


def _agreed(start: Mapping[str, float], after: Mapping[str, float]) -> float:
    """The share of the probability that stayed where it was."""
    return sum(min(share, after.get(level, 0.0)) for level, share in start.items())


def alternatives(case: Case, level: str | None) -> Iterator[tuple[str, str, str]]:
    """Each fact with another value and the level it would give instead of this one, in the order in which rules ask."""
    rules = [_asking(case, rule) for rule in downgrade.level_rules(case.policy)]
    tabled = _read_by_table(case)
    known: _Moves = {}
    names = dict.fromkeys(fact for rule in case.policy.rules for fact in rule.when.asks() if fact in VOCABULARY)
    for name in names:
        places = [place for place, one in enumerate(rules) if name in one.facts]
        matters = places or name in tabled or name in asserted.ASKED
        for value in sorted(VOCABULARY[name] - {case.told.get(name, "")}) if matters else ():
            told, from_text = {**case.told, name: value}, case.from_text - {name}
            otherwise = {
                place: shares
                for place in places
                if (shares := _shares(case.kinds, rules[place], told, from_text)) != rules[place].shares
            }
            facts = _stating(case, Fact(name=name, value=value, source="engineer"))
            is_same = name not in asserted.ASKED or asserted.stated(facts) == case.stated
            if not otherwise and name not in tabled and is_same:
                continue
            other = _level(case, rules, otherwise, facts, known)
            if other and other != level:
                yield name, value, other


def _asking(case: Case, rule: Rule) -> _Asking:
    one = _Asking(rule, frozenset(rule.when.asks()), ())
    return _Asking(rule, one.facts, _shares(case.kinds, one, case.told, case.from_text))


def _shares(kinds: Kinds, one: _Asking, told: Mapping[str, str], from_text: frozenset[str]) -> tuple[float, ...]:
    """What a rule moves for each type."""
    if TYPE not in one.facts:
        return (downgrade.trust(one.rule, one.rule.when.holds(told), from_text),) * len(kinds)
    answers = (one.rule.when.holds({**told, TYPE: kind} if kind else told) for kind in kinds)
    return tuple(downgrade.trust(one.rule, answer, from_text) for answer in answers)


def _read_by_table(case: Case) -> frozenset[str]:
    """The facts by which the policy's table may move a level."""
    table = case.policy.matrix
    if table is None or not table.covers(case.likely):
        return frozenset()
    return frozenset({table.impact, table.urgency, *(fact for rule in table.forced for fact in rule.when.asks())})


def _stating(case: Case, stated: Fact) -> tuple[Fact, ...]:
    return (*(fact for fact in case.known if fact.name != stated.name), stated)


def _level(
    case: Case, rules: list[_Asking], otherwise: Mapping[int, tuple[float, ...]], facts: tuple[Fact, ...], known: _Moves
) -> str | None:
    """The level if some rules moved otherwise, and these were the facts."""
    start, stated = asserted.weighed(case.policy, facts, case.start), asserted.stated(facts)
    moving = [otherwise.get(place, one.shares) for place, one in enumerate(rules)]
    levels = {}
    for number, kind in enumerate(case.kinds):
        shares = tuple(one[number] for one in moving)
        if (stated, shares) not in known:
            known[stated, shares] = _moved(case.policy, start, rules, shares)
        levels[kind] = known[stated, shares]
    judged = Judged(probabilities=mixed(start, case.kinds, levels), results=(), rule=None, settled=False)
    return downgrade.chosen(case.policy, by_table(case.policy, facts, case.likely, judged).probabilities)


def _moved(
    policy: Policy, start: Mapping[str, float], rules: list[_Asking], shares: tuple[float, ...]
) -> dict[str, float]:
    levels = downgrade.normal(start)
    for one, share in zip(rules, shares, strict=True):
        if share:
            levels = downgrade.moved(policy, one.rule, levels, share)
    return levels
