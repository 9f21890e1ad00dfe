"""A suggestion as the engineer reads it: how sure, why, what counted, what would change it. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from console import wording
from console.wording import Bar
from models.terms import Fact
from triage.conditions import TYPE
from triage.facts import VOCABULARY, WORST_FIRST, YES_NO
from triage.policy import Policy
from triage.suggest import UNKNOWN

SOURCES = {
    "text": "read in the text",
    "caller": "said by the caller",
    "engineer": "stated by an engineer",
    "account": "known of the account",
    "call log": "from the log of calls",
}
LEDGER = frozenset({"reachable_by_phone", "unreachable", "contact_phone_on_file"})
"""Facts that only the log of calls states: they follow from attempts, not from somebody's word."""
CYCLES = {
    "environment": ("production", "staging", "development", "test"),
    "workaround": ("no", "yes", "easy", "stable"),
    **WORST_FIRST,
}
"""The order in which a chip goes through its values; yes before no elsewhere."""
NUMBERED = 6
"""How many chips have a number key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A fact: `value` is None where nobody has said and knowing would change the suggestion.

    `following` is the value that pressing the chip states next, empty where only the ledger states it. `key` is its
    number key, None beyond the sixth.
    """

    name: str
    label: str
    value: str | None
    source: str
    speaker: str
    following: str
    key: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A policy clause and what it said: `verdict` is "applied", "not met" or "unknown"."""

    clause: str
    verdict: str
    effect: str
    needs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Everything the suggestion pane shows; `sure` is False where the machine abstained."""

    policy: str
    type: str | None
    type_label: str
    priority: str | None
    priority_label: str
    severity: int | None
    sure: bool
    because: str
    agreement: str
    type_bars: tuple[Bar, ...]
    level_bars: tuple[Bar, ...]
    likely: tuple[str, ...]
    chips: tuple[Chip, ...]
    reasons: tuple[Reason, ...]
    words: tuple[tuple[str, float], ...]
    changes: tuple[tuple[str, str, str], ...]
    model: str | None

    @property
    def complete(self) -> bool:
        """Whether there is something to confirm with one key: a type and a priority the machine stands by."""
        return self.sure and self.type is not None and self.priority is not None


def shown(
    content: Mapping[str, Any],
    policy: Policy | None,
    facts: tuple[Fact, ...] | None = None,
    stated: Collection[str] = (),
) -> Shown:
    """The stored `suggest` object for people; labels come from the policy in force, else from the object.

    `facts` are what is known now, where that is more than the suggestion knew; `stated` are the names engineers have
    spoken of, which stay in sight when they are taken back.
    """
    kind, level = content.get("type") or {}, content.get("priority") or {}
    levels = wording.level_labels(policy)
    value = level.get("value")
    return Shown(
        policy=content.get("policy") or "",
        type=kind.get("value"),
        type_label=kind.get("label") or "",
        priority=value,
        priority_label=level.get("label") or "",
        severity=wording.severity(policy, value),
        sure=not content.get("abstained"),
        because=content.get("abstained_because") or "",
        agreement=_agreement(level, levels),
        type_bars=tuple(wording.bars(kind, wording.type_labels(policy), None))[:4],
        level_bars=tuple(wording.bars(level, levels, policy)),
        likely=tuple(content.get("set90") or level.get("set90") or ()),
        chips=_chips(content, policy, facts, stated),
        reasons=_reasons(content),
        words=tuple((str(word["text"]), float(word["weight"])) for word in content.get("words") or ()),
        changes=_changes(content, levels),
        model=content.get("model"),
    )


def _agreement(level: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """How rules and classifier came to the level; also why it is another one than the likeliest."""
    shares: Mapping[str, float] = level.get("all") or {}
    likeliest = max(shares, key=lambda name: shares[name], default=None)
    value = level.get("value")
    agreed = _agreed(level, labels)
    if not value or likeliest in {None, value}:
        return agreed
    return f"{agreed}; {labels.get(likeliest, likeliest)} is likelier, but too low costs more than too high"


def _agreed(level: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    value, model, rule = level.get("value"), level.get("model"), level.get("rule")
    if not value:
        return ""
    if model is None:
        return "rules alone; no classifier was in force"
    if model == value:
        return "rules and classifier agree"
    by = f"rule “{wording.plain(rule)}”" if rule else "the rules"
    return f"classifier said {labels.get(model, model)} – {by} made it {labels.get(value, value)}"


def order_of(policy: Policy | None) -> tuple[str, ...]:
    """Every fact a policy's rules ask for, in the order of its rules, then the others there are."""
    asked = [fact for rule in policy.rules for fact in rule.when.asks() if fact != TYPE] if policy else []
    return tuple(dict.fromkeys([*asked, *VOCABULARY]))


def values_of(name: str) -> tuple[str, ...]:
    """The values a fact may have, in the order a chip goes through them."""
    values = VOCABULARY.get(name, frozenset())
    return CYCLES.get(name) or (("yes", "no") if values == YES_NO else tuple(sorted(values)))


def _chips(
    content: Mapping[str, Any], policy: Policy | None, facts: tuple[Fact, ...] | None, stated: Collection[str]
) -> tuple[Chip, ...]:
    """What is known, what would change the suggestion, and what engineers have spoken of, in the policy's order."""
    known = content.get("facts") or {}
    if facts is not None:
        known = {one.name: {"value": one.value, "source": one.source, "evidence": one.evidence} for one in facts}
    asked = [change["fact"] for change in content.get("would_change") or ()]
    names = dict.fromkeys([*known, *asked, *stated])
    if policy is not None:
        names = dict.fromkeys([name for name in order_of(policy) if name in names] + list(names))
    chips: list[Chip] = []
    keys = iter(range(1, NUMBERED + 1))
    for name in names:
        fact = known.get(name)
        values = ("", *values_of(name), UNKNOWN)
        at = values.index(fact["value"]) if fact and fact["value"] in values else 0
        fixed = name in LEDGER or name not in VOCABULARY
        chips.append(
            Chip(
                name=name,
                label=wording.plain(name),
                value=wording.plain(fact["value"]).lower() if fact else None,
                source=_source(fact) if fact else "taken back by an engineer" if name in stated else "not known",
                speaker=(fact.get("source") or "") if fact else "",
                following="" if fixed else values[at + 1],
                key=None if fixed else next(keys, None),
            )
        )
    return tuple(chips)


def _source(fact: Mapping[str, Any]) -> str:
    source = SOURCES.get(fact.get("source") or "", fact.get("source") or "")
    return f"{source}: “{fact['evidence']}”" if fact.get("evidence") else source


def _reasons(content: Mapping[str, Any]) -> tuple[Reason, ...]:
    """Applied clauses first, then what is open, then what was not met."""
    order = {"applied": 0, "unknown": 1, "not met": 2}
    found = [
        Reason(
            clause=rule["clause"],
            verdict=rule["verdict"],
            effect=rule.get("effect") or "",
            needs=rule.get("needs") or "",
        )
        for rule in content.get("rules") or ()
    ]
    return tuple(sorted(found, key=lambda reason: order.get(reason.verdict, 3)))


def _changes(content: Mapping[str, Any], labels: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    """Fact, values, level: values of one fact that lead to the same level are one line."""
    values: dict[tuple[str, str], list[str]] = {}
    for change in content.get("would_change") or ():
        to = labels.get(change["priority"], change["priority"])
        values.setdefault((wording.plain(change["fact"]), to), []).append(wording.plain(change["value"]).lower())
    return tuple((fact, wording.either(found), to) for (fact, to), found in values.items())
