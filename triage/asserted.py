"""What a person states outranks what a classifier makes of words: production is down, says a caller or an engineer.

Only the policy's own rules may ease it (a workaround, another environment): they come after. Pure.
"""

from collections.abc import Mapping

from models.terms import Fact, RuleResult
from triage.downgrade import APPLIED, TEXT_TRUST, chosen
from triage.policy import Policy

ID = "stated-down"
CLAUSE = "A person states that production is down: that outranks what is read from words"
PEOPLE = frozenset({"caller", "engineer"})
DOWN = {"environment": "production", "down": "full"}


def is_down(known: tuple[Fact, ...]) -> bool:
    """Whether a person stated that production is down."""
    stated = {fact.name: fact.value for fact in known if fact.source in PEOPLE}
    return DOWN.items() <= stated.items()


def raised(policy: Policy, known: tuple[Fact, ...], shares: Mapping[str, float]) -> dict[str, float]:
    """The levels' shares before the policy's rules: milder ones than the urgent levels give theirs to the top one.

    A twentieth stays where it was: people press wrong keys.
    """
    urgent = policy.phone.urgent
    if not urgent or not is_down(known):
        return dict(shares)
    given = {level: share * TEXT_TRUST for level, share in shares.items() if level not in urgent}
    after = {level: share - given.get(level, 0.0) for level, share in shares.items()}
    after[urgent[0]] += sum(given.values())
    return after


def result(policy: Policy, before: Mapping[str, float], after: Mapping[str, float]) -> tuple[RuleResult, ...]:
    """What is told of it among the rules; nothing where it did not apply."""
    if before == after:
        return ()
    first, then = chosen(policy, before), chosen(policy, after)
    effect = f"{first}→{then}" if first != then else None
    return (RuleResult(id=ID, clause=CLAUSE, verdict=APPLIED, effect=effect),)
