"""How good suggestions are, policy by policy, and in what a candidate is worse than the artefact in force. Pure."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from triage import figures, training
from triage.classifier import PRIORITY, TYPE
from triage.policy import Policy

WORSE_CALIBRATION = 0.01
"""What the calibration error may rise before it counts as worse."""
MEANS = ("accuracy", "macro_f1", "ece")
WORDS = {"accuracy": "accuracy", "macro_f1": "macro-F1", "ece": "calibration error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One label of one decided request: what was suggested for it, and with which probabilities."""

    policy: str
    label: str
    truth: str
    guess: str
    shares: Mapping[str, float]


Suggested = tuple[str | None, Mapping[str, float] | None]
"""A suggested value with its probabilities; None where nothing was."""


def scored(policy: str, truth: Mapping[str, str | None], suggested: Mapping[str, Suggested]) -> list[Scored]:
    """The labels of one request that were both decided and suggested; `truth` and `suggested` are by label."""
    found = []
    for label in (TYPE, PRIORITY):
        right, (guess, shares) = truth[label], suggested[label]
        if right and guess and shares:
            found.append(Scored(policy=policy, label=label, truth=right, guess=guess, shares=shares))
    return found


def measured(every: Iterable[Scored], policies: Mapping[str, Policy]) -> dict[str, Any]:
    """Figures for each policy and label, and their means weighted by `n`, shaped as `training.evaluate` shapes them.

    A priority has `top_n` and `top_recall` too: how many had the policy's top level, and which share of them was
    suggested as such (None where there was none).
    """
    parts: dict[tuple[str, str], list[Scored]] = defaultdict(list)
    for one in every:
        parts[one.policy, one.label].append(one)
    found: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for (policy, label), rows in sorted(parts.items()):
        found[policy][label] = _figures(rows)
        if label == PRIORITY:
            found[policy][label] |= _top(rows, policies[policy].levels[0].value)
    every_part = [one for labels in found.values() for one in labels.values()]
    whole = sum(one["n"] for one in every_part)
    means = {name: round(sum(one[name] * one["n"] for one in every_part) / max(whole, 1), 4) for name in MEANS}
    return {"n": whole, **means, "policies": dict(found)}


def _figures(rows: list[Scored]) -> dict[str, Any]:
    truth, shares = [row.truth for row in rows], [row.shares for row in rows]
    guessed = [row.guess for row in rows]
    return {
        "n": len(rows),
        "accuracy": round(figures.accuracy(truth, guessed), 4),
        "macro_f1": round(figures.macro_f1(truth, guessed), 4),
        "ece": round(figures.calibration_error(truth, shares), 4),
    }


def _top(rows: list[Scored], top: str) -> dict[str, Any]:
    hits = [row.guess == top for row in rows if row.truth == top]
    return {"top_n": len(hits), "top_recall": round(sum(hits) / len(hits), 4) if hits else None}


def worse(candidate: Mapping[str, Any], running: Mapping[str, Any], *, same: bool = True) -> list[str]:
    """In what a candidate is worse, in words with both figures.

    Of two `measured` on the same requests any loss of a policy's top priority counts: a missed outage costs more than
    a raised question. Of two that are not (`same` is False) a loss within one standard error says nothing.
    """
    first = training.is_worse(candidate, running)
    found = [first] if first else []
    if candidate["ece"] > running["ece"] + WORSE_CALIBRATION:
        found.append(f"calibration error {candidate['ece']:.3f} is above the running artefact's {running['ece']:.3f}")
    for policy, labels in sorted(running["policies"].items()):
        of_running = labels.get(PRIORITY, {})
        before = of_running.get("top_recall")
        after = candidate["policies"].get(policy, {}).get(PRIORITY, {}).get("top_recall")
        spared = 0.0 if same or before is None else _standard_error(before, of_running.get("top_n") or 0)
        if before is not None and after is not None and after < before - spared:
            found.append(f"{policy}: top-priority recall {after:.3f} is below the running artefact's {before:.3f}")
    return found


def _standard_error(share: float, count: int) -> float:
    return math.sqrt(share * (1 - share) / count) if count else 0.0


def told(measurement: Mapping[str, Any]) -> str:
    """The means of a measurement in a line."""
    return ", ".join(f"{WORDS[name]} {measurement[name]:.3f}" for name in MEANS)
