"""What a person states outranks what a classifier makes of words: production is down, or is not, says who knows.

Only the policy's own rules may ease the one (a workaround, another environment) or raise the other: they come after.
Pure.
"""

from collections.abc import Mapping

from models.terms import Fact, RuleResult
from triage.downgrade import APPLIED, TEXT_TRUST, chosen
from triage.policy import Policy

ID = "stated-down"
CLAUSE = "A person states that production is down: that outranks what is read from words"
NOT_ID = "stated-not-down"
NOT_CLAUSE = "A person states that nothing is down, and nothing else is known that is as bad: that outranks words, too"
PEOPLE = frozenset({"caller", "engineer"})
DOWN = {"environment": "production", "down": "full"}
UP = "no"
"""What is stated of `down` where nothing is."""
AS_BAD: Mapping[str, frozenset[str]] = {
    "data_loss": frozenset({"yes", "risk"}),
    "functionality_lost": frozenset({"critical"}),
    "business_impact": frozenset({"severe"}),
    "security": frozenset({"yes"}),
}
"""What may burn though nothing is down: by the policies' definitions of their top levels, and by common sense."""
ASKED = frozenset({*DOWN, *AS_BAD})
"""The facts on which it depends what is stated."""
NOT_TRUST = 0.85
"""Share that leaves the top level where nothing is down (assumed): less than for an outage, since a policy may have
other reasons for it that nobody has stated."""


def stated(known: tuple[Fact, ...]) -> str:
    """Which of the two a person stated, `ID` or `NOT_ID`; nothing where neither, or something else is as bad."""
    said = {fact.name: fact.value for fact in known if fact.source in PEOPLE}
    if DOWN.items() <= said.items():
        return ID
    is_bad = any(fact.value in AS_BAD.get(fact.name, ()) for fact in known)
    return NOT_ID if said.get("down") == UP and not is_bad else ""


def weighed(policy: Policy, known: tuple[Fact, ...], shares: Mapping[str, float]) -> dict[str, float]:
    """The levels' shares before the policy's rules.

    Down: milder levels than the urgent ones give theirs to the top one. Not down: the top one gives its own to the
    next milder level. Some stays where it was: people press wrong keys.
    """
    after = dict(shares)
    said, urgent = stated(known), policy.phone.urgent
    if not urgent or not said:
        return after
    top = urgent[0]
    if said == NOT_ID:
        given = {top: after[top] * NOT_TRUST}
    else:
        given = {level: share * TEXT_TRUST for level, share in shares.items() if level not in urgent}
    for level, share in given.items():
        after[level] -= share
    after[_next(policy, top) if said == NOT_ID else top] += sum(given.values())
    return after


def result(policy: Policy, known: tuple[Fact, ...], before: Mapping[str, float]) -> tuple[RuleResult, ...]:
    """What is told of it among the rules; nothing where it did not apply."""
    after = weighed(policy, known, before)
    if before == after:
        return ()
    first, then = chosen(policy, before), chosen(policy, after)
    effect = f"{first}→{then}" if first != then else None
    said = stated(known)
    return (RuleResult(id=said, clause=CLAUSE if said == ID else NOT_CLAUSE, verdict=APPLIED, effect=effect),)


def _next(policy: Policy, level: str) -> str:
    """The next milder level; the mildest has none, and is its own."""
    order = [one.value for one in policy.levels]
    return order[min(order.index(level) + 1, len(order) - 1)]
