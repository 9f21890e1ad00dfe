"""A policy's rules applied to probabilities: raised, set, eased, each with its clause. Pure.

Three values (Kleene): a rule whose condition is unknown changes nothing, so what is not known never
eases a request. Probability moves with the level and is kept, so the result still sums to 1.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

from models.terms import Fact, RuleResult
from triage import figures
from triage.conditions import TYPE
from triage.policy import Policy, Rule

APPLIED, NOT_MET, UNKNOWN = "applied", "not met", "unknown"

TEXT_TRUST = 0.95
"""Share of the probability that moves when a rule rests on a fact read from text (assumed); 1 otherwise."""
KINDS = frozenset({"question", "enhancement", "documentation", "cosmetic"})
KIND_TRUST = 0.55
"""The same for facts about what kind of a request it is: words like "how can we" stand in reports of outages too, and
the classifier, which has seen the words as well, may know better (measured on the seed corpus, out of fold)."""
MISSED = 2.5
"""A level that is too low costs as much as one that is two and a half times as far too high (assumed)."""
BELIEVED = 0.2
"""Share below which a level is not suggested unless it is the likeliest: what may be an outage or a wish is neither's
middle."""

ORDER = ("set", "raise", "cap")
"""The more severe wins, unless a downgrade note names the lower level: those come last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Probabilities after the rules, and what each rule said.

    `rule` is the last one that changed the top value; `settled` says whether a rule that names its value
    (set, raise, type) applied, so that the result means something even without a classifier.
    """

    probabilities: dict[str, float]
    results: tuple[RuleResult, ...]
    rule: str | None
    settled: bool


def judge_type(policy: Policy, facts: tuple[Fact, ...], probabilities: Mapping[str, float]) -> Judged:
    """The type's probabilities after the policy's type rules; types only we may raise get none."""
    inbound = {kind.value for kind in policy.types if kind.inbound}
    open_to_customers = {value: share for value, share in probabilities.items() if value in inbound}
    rules = [rule for rule in policy.rules if rule.effect.on_type]
    return _judge(policy, rules, facts, {}, normal(open_to_customers))


def judge_level(
    policy: Policy, facts: tuple[Fact, ...], kind: str | None, probabilities: Mapping[str, float]
) -> Judged:
    """The priority's probabilities after the policy's level rules, for a request of this type (None: unknown)."""
    return _judge(policy, level_rules(policy), facts, {TYPE: kind} if kind else {}, normal(probabilities))


def level_rules(policy: Policy) -> list[Rule]:
    """The rules about levels, in the order in which they apply, whatever order the pack lists them in.

    Of one move, a rule for certain levels comes before those for all: it means the level that the request came with.
    """
    rules = [rule for rule in policy.rules if rule.effect.move in ORDER]
    return sorted(rules, key=lambda rule: (ORDER.index(rule.effect.move), not rule.effect.only))


def top(probabilities: Mapping[str, float]) -> str | None:
    """The most probable value; of equals the first."""
    return max(probabilities, key=probabilities.__getitem__) if probabilities else None


def chosen(policy: Policy, probabilities: Mapping[str, float]) -> str | None:
    """The level to suggest: the one that costs least if it is wrong, where too low costs more than too high."""
    order = [level.value for level in policy.levels if level.value in probabilities]
    return figures.cheapest(probabilities, order, MISSED, BELIEVED) if order else None


def trust(rule: Rule, answer: bool | None, from_text: Collection[str]) -> float:
    """The share of the probability that a rule with this answer moves; 0 where it does not apply by itself."""
    if answer is not True or rule.by:
        return 0.0
    read = [fact for fact in rule.when.asks() if fact in from_text]
    if not read:
        return 1.0
    return KIND_TRUST if any(fact in KINDS for fact in read) else TEXT_TRUST


def _judge(
    policy: Policy, rules: list[Rule], facts: tuple[Fact, ...], more: Mapping[str, str], start: Mapping[str, float]
) -> Judged:
    known = {fact.name: fact.value for fact in facts} | dict(more)
    from_text = {fact.name for fact in facts if fact.source == "text"}
    current = dict(start)
    results = {}
    decisive = None
    settled = False
    for rule in rules:
        pick = top if rule.effect.on_type else partial(chosen, policy)
        answer = rule.when.holds(known)
        share = trust(rule, answer, from_text)
        if not share:
            results[rule.id] = _idle(rule, answer, known)
            continue
        before = pick(current)
        current = moved(policy, rule, current, share)
        after = pick(current)
        effect = f"{before}→{after}" if before != after else None
        decisive = rule.id if effect else decisive
        settled = settled or rule.effect.move in {"set", "raise", "type"}
        results[rule.id] = RuleResult(id=rule.id, clause=rule.clause, verdict=APPLIED, effect=effect)
    return Judged(
        probabilities=current,
        results=tuple(results[rule.id] for rule in policy.rules if rule.id in results),
        rule=decisive,
        settled=settled,
    )


def _idle(rule: Rule, answer: bool | None, known: Mapping[str, str]) -> RuleResult:
    """What a rule says that does not apply, or not by itself."""
    if answer is False:
        return RuleResult(id=rule.id, clause=rule.clause, verdict=NOT_MET)
    needs = list(rule.when.missing(known)) if answer is None else []
    if rule.by:
        needs.append(f"a decision by: {' or '.join(rule.by)}")
    return RuleResult(id=rule.id, clause=rule.clause, verdict=UNKNOWN, needs="; ".join(needs))


def moved(policy: Policy, rule: Rule, current: Mapping[str, float], share: float) -> dict[str, float]:
    """The probabilities after a rule that applies; `share` of each goes where the rule sends it, the rest stays."""
    after = dict.fromkeys(current, 0.0)
    for value, part in current.items():
        target = _target_type(rule, value, current) if rule.effect.on_type else target_level(policy, rule, value)
        goes = {target: 1.0} if isinstance(target, str) else target
        for place, portion in goes.items():
            after[place] = after.get(place, 0.0) + part * share * portion
        after[value] += part * (1 - share)
    return after


def target_level(policy: Policy, rule: Rule, value: str) -> str:
    """The level a rule about levels moves this one to; the same where it does not concern it."""
    effect = rule.effect
    if effect.only and value not in effect.only:
        return value
    here, there = policy.severity(value), policy.severity(effect.to[0])
    stays = {"cap": here >= there, "raise": here <= there, "set": False}[effect.move]
    return value if stays else effect.to[0]


def _target_type(rule: Rule, value: str, current: Mapping[str, float]) -> str | dict[str, float]:
    effect = rule.effect
    if effect.move == "type":
        return effect.to[0]
    if value not in effect.to:
        return value
    rest = normal({other: share for other, share in current.items() if other not in effect.to})
    return rest or value


def normal(probabilities: Mapping[str, float]) -> dict[str, float]:
    """Shares that sum to 1; alike where there is nothing to share by."""
    whole = sum(probabilities.values())
    if whole > 0:
        return {value: share / whole for value, share in probabilities.items()}
    return {value: 1 / len(probabilities) for value in probabilities}
