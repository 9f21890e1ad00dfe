"""Facts, classifier and policy rules to a suggestion with its reasons. Pure for a loaded classifier."""

import dataclasses
from collections.abc import Mapping
from itertools import islice
from typing import Any

from models.terms import Channel, Fact, Ranking, RuleResult, Suggestion
from triage import asserted, downgrade
from triage import facts as reading
from triage.alternatives import Case, Kinds, alternatives, mixed
from triage.classifier import Classifier, Ranked
from triage.downgrade import Judged
from triage.policy import Policy
from triage.tabled import by_table

READ_LANGUAGES = frozenset({"en", "de", "fr", "es"})
"""Languages facts are read in; for others the suggestion abstains."""

COVERAGE = 0.9
NEGLIGIBLE = 0.02
"""Share below which a type is not thought through."""
RISKY = 0.25
"""Share of the more severe half at which the lowest level is not suggested."""
MAX_CHANGES = 8
LEAST_WORDS = 3
"""Words below which a text says too little to judge by."""
FAMILIAR = 0.4
"""Share of a text's words that training must have seen, or it is about something else."""
SPEAKERS = ("text", "account", "caller", "call log", "engineer")
"""Who outranks whom about the same fact, the last most."""
UNKNOWN = "unknown"
"""What an engineer states to take back what a text seems to say: the fact is then not known."""


def suggest(
    policy: Policy,
    classifier: Classifier | None,
    *,
    channel: Channel,  # noqa: ARG001 - the fixed signature; the channel is no evidence
    subject: str,
    body: str,
    language: str | None,
    facts: tuple[Fact, ...] = (),
) -> Suggestion:
    """Suggest a type and a priority under a policy.

    `facts` are what others stated (a key pressed on the phone, an engineer): they outrank what the text
    says. Both type and priority are always ranked, also for types to which no priority applies. Without
    a classifier the rules alone speak, and the suggestion abstains.
    """
    known = merged(reading.read(subject, body), facts)
    ranked = (
        classifier.rank(policy.id, subject, body, known) if classifier else Ranked(type=None, priority=None, words=())
    )
    kind = downgrade.judge_type(policy, known, ranked.type or _even(policy.types))
    level = _levels(policy, known, ranked, kind.probabilities)
    type_rank = _ranking(kind, downgrade.top(kind.probabilities), policy.type_label)
    level_rank = _ranking(level, downgrade.chosen(policy, level.probabilities), policy.level_label)
    type_rank = type_rank if ranked.type or kind.settled else None
    stated = asserted.result(policy, known, _start(policy, ranked))
    names_level = any(one.id == asserted.ID for one in stated)
    level_rank = level_rank if ranked.priority or level.settled or names_level else None
    because = _abstains(policy, classifier, ranked, known, f"{subject} {body}", language, type_rank, level_rank)
    return Suggestion(
        policy=policy.ref,
        policy_digest=policy.digest,
        abstained=because is not None,
        abstained_because=because,
        type=type_rank,
        priority=level_rank,
        priority_model=downgrade.chosen(policy, ranked.priority) if ranked.priority else None,
        priority_rule=level.rule or next((one.id for one in stated if one.effect), None),
        set90=_set(level.probabilities, level_rank.value, ranked.floor) if level_rank else (),
        facts=known,
        rules=kind.results + stated + level.results,
        words=ranked.words,
        would_change=_would_change(policy, known, ranked, kind.probabilities, level) if level_rank else (),
        model=classifier.id if classifier else None,
        language=language,
    )


def merged(read: tuple[Fact, ...], stated: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """One fact for each name: of several speakers the one who outranks the others, of equals the later.

    A fact that the last word calls unknown is left out, and so is a value nobody knows: it says nothing, and must not
    stand in the way of what a text says.
    """
    chosen: dict[str, Fact] = {}
    for fact in (*read, *stated):
        if fact.name in reading.VOCABULARY and fact.value not in reading.VOCABULARY[fact.name] | {UNKNOWN}:
            continue
        held = chosen.get(fact.name)
        if held is None or _rank(fact.source) >= _rank(held.source):
            chosen[fact.name] = fact
    return tuple(fact for fact in chosen.values() if fact.value != UNKNOWN)


def _rank(source: str) -> int:
    return SPEAKERS.index(source) if source in SPEAKERS else 0


def _even(entries: tuple[Any, ...]) -> dict[str, float]:
    return {entry.value: 1 / len(entries) for entry in entries}


def _levels(policy: Policy, known: tuple[Fact, ...], ranked: Ranked, kinds: Mapping[str, float]) -> Judged:
    """The levels by rules, then by the policy's table of impact and urgency if it has one."""
    likely = downgrade.top(kinds) if ranked.type else None
    return by_table(policy, known, likely, _by_rules(policy, known, ranked, kinds))


def _by_rules(policy: Policy, known: tuple[Fact, ...], ranked: Ranked, kinds: Mapping[str, float]) -> Judged:
    """The level rules for every type the request may be, mixed by the types' probabilities."""
    start = asserted.weighed(policy, known, _start(policy, ranked))
    likely = downgrade.top(kinds) if ranked.type else None
    shown = downgrade.judge_level(policy, known, likely, start)
    if not ranked.type:
        return shown
    possible = _possible(ranked, kinds)
    judged = {kind: shown if kind == likely else downgrade.judge_level(policy, known, kind, start) for kind in possible}
    shares = mixed(start, possible, {kind: one.probabilities for kind, one in judged.items()})
    chosen = downgrade.chosen(policy, shares)
    agreeing = [kind for kind in possible if downgrade.chosen(policy, judged[kind].probabilities) == chosen]
    decisive = max(agreeing, key=lambda kind: possible[kind], default=None)
    rule = judged[decisive].rule if decisive and chosen != downgrade.chosen(policy, start) else None
    results = tuple(
        _conditional(policy, one, judged[decisive].results, decisive) if decisive and one.id == rule else one
        for one in shown.results
    )
    return Judged(probabilities=shares, results=results, rule=rule, settled=shown.settled)


def _conditional(policy: Policy, shown: RuleResult, decisive: tuple[RuleResult, ...], kind: str) -> RuleResult:
    """What the rule that changed the level says; where it only does for another type than the likeliest, it says so."""
    if shown.verdict == downgrade.APPLIED:
        return shown
    applied = next(one for one in decisive if one.id == shown.id)
    return dataclasses.replace(applied, effect=f"{applied.effect} if it is {policy.type_label(kind)}")


def _start(policy: Policy, ranked: Ranked) -> dict[str, float]:
    """How likely the classifier finds each level of the policy."""
    return {level.value: (ranked.priority or _even(policy.levels)).get(level.value, 0.0) for level in policy.levels}


def _possible(ranked: Ranked, kinds: Mapping[str, float]) -> Kinds:
    """The types that are thought through; without a ranking, none by name."""
    return {kind: share for kind, share in kinds.items() if share >= NEGLIGIBLE} if ranked.type else {None: 1.0}


def _ranking(judged: Judged, value: str | None, label: Any) -> Ranking | None:
    if value is None:
        return None
    shares = {name: round(share, 4) for name, share in judged.probabilities.items()}
    return Ranking(value=value, label=label(value), probability=shares[value], all=shares)


def _abstains(
    policy: Policy,
    classifier: Classifier | None,
    ranked: Ranked,
    known: tuple[Fact, ...],
    text: str,
    language: str | None,
    kind: Ranking | None,
    level: Ranking | None,
) -> str | None:
    reasons = (
        (not text.strip(), "no text"),
        (classifier is None, "no classifier"),
        (ranked.type is None or ranked.priority is None, f"the classifier has not learnt {policy.id}"),
        (bool(ranked.declines), f"the classifier knows too little of this policy ({'; '.join(ranked.declines)})"),
        (bool(language) and _tongue(language) not in READ_LANGUAGES, f"language {language} is not read"),
        (len(text.split()) < LEAST_WORDS, "too short to judge by"),
        (ranked.known < FAMILIAR, f"only {ranked.known:.0%} of its words are known to the classifier"),
        (bool(kind and kind.probability < policy.threshold), f"type below {policy.threshold:g}"),
        (bool(level and level.probability < policy.threshold), f"priority below {policy.threshold:g}"),
        (bool(level and _is_risky(policy, level)), "the lowest level is likeliest, and a severe one is possible"),
        (bool(level and _is_denied(policy, level, known)), "the lowest level is likeliest, and an outage is stated"),
    )
    return next((reason for holds, reason in reasons if holds), None)


def _is_risky(policy: Policy, level: Ranking) -> bool:
    """Whether a mistake would leave an urgent request at the end of the queue."""
    severe = policy.levels[: len(policy.levels) // 2]
    return level.value == policy.levels[-1].value and sum(level.all[one.value] for one in severe) >= RISKY


def _is_denied(policy: Policy, level: Ranking, known: tuple[Fact, ...]) -> bool:
    """Whether the lowest level stands against facts that are severe in themselves."""
    told = {fact.name: fact.value for fact in known}
    outage = told.get("environment") == "production" and (told.get("down") == "full" or told.get("scope") == "all")
    return level.value == policy.levels[-1].value and outage


def _tongue(language: str | None) -> str:
    return (language or "").partition("-")[0].lower()


def _set(probabilities: Mapping[str, float], suggested: str, floor: float | None) -> tuple[str, ...]:
    """The levels that together are right nine times in ten, and what is suggested; most severe first.

    With a floor those are the levels whose share reaches it (`triage.head.Head`), without one the fewest that add up.
    """
    chosen = {suggested}
    covered = 0.0
    for value, share in sorted(probabilities.items(), key=lambda pair: -pair[1]):
        if covered >= COVERAGE if floor is None else share < floor:
            break
        chosen.add(value)
        covered += share
    return tuple(value for value in probabilities if value in chosen)


def _would_change(
    policy: Policy, known: tuple[Fact, ...], ranked: Ranked, kinds: Mapping[str, float], level: Judged
) -> tuple[dict[str, str], ...]:
    """Single facts that would give another priority, by the rules alone."""
    case = Case(
        policy=policy,
        known=known,
        start=_start(policy, ranked),
        kinds=_possible(ranked, kinds),
        likely=downgrade.top(kinds) if ranked.type else None,
    )
    found = islice(alternatives(case, downgrade.chosen(policy, level.probabilities)), MAX_CHANGES)
    return tuple({"fact": name, "value": value, "priority": other} for name, value, other in found)


def as_json(suggestion: Suggestion, id: str) -> dict[str, Any]:  # noqa: A002 - the contract's word
    """The contract's `suggest` object; what is absent is null or empty, never missing."""
    return {
        "id": id,
        "policy": suggestion.policy,
        "abstained": suggestion.abstained,
        "abstained_because": suggestion.abstained_because,
        "type": _ranking_json(suggestion.type),
        "priority": _ranking_json(suggestion.priority)
        | {
            "set90": list(suggestion.set90),
            "model": suggestion.priority_model,
            "rule": suggestion.priority_rule,
        },
        "facts": {
            fact.name: {
                "value": fact.value,
                "source": fact.source,
                "evidence": fact.evidence or None,
                "span": list(fact.span) if fact.span else None,
            }
            for fact in suggestion.facts
        },
        "rules": [
            {"id": rule.id, "clause": rule.clause, "verdict": rule.verdict, "effect": rule.effect, "needs": rule.needs}
            for rule in suggestion.rules
        ],
        "words": [{"text": text, "weight": weight} for text, weight in suggestion.words],
        "would_change": list(suggestion.would_change),
        "model": suggestion.model,
        "language": suggestion.language,
    }


def _ranking_json(ranking: Ranking | None) -> dict[str, Any]:
    if ranking is None:
        return {"value": None, "label": None, "probability": None, "all": {}}
    return {"value": ranking.value, "label": ranking.label, "probability": ranking.probability, "all": ranking.all}
