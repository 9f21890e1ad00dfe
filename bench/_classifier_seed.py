"""The seed corpus out of fold, and what the pictures show: `bins`, `confusion`, `curves`. Needs no public set."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import _classifier_rivals as rivals
from _classifier_requests import (
    LABELS,
    PRIORITY,
    UNSEEN,
    Judged,
    Packs,
    alone,
    answers,
    corpus,
    first,
    hands,
    judged,
    learnt,
    sets,
    unseen,
)
from _classifier_rivals import Answers
from _classifier_rows import Asked, Line, say
from _classifier_tables import dealt

from models.terms import LabelledRequest
from triage import figures, training
from triage.policy import Policy, load_packs

FOLDS = 5
CONFIRMED = 3.0
"""What a decided request weighs beside an invented one; as `triage.desk.learning` weighs it."""
ENOUGH = 800
"""Examples by which each point of a learning curve is measured."""


def seed(asked: Asked) -> tuple[list[Line], dict[str, Any]]:
    """The seed corpus out of fold, the whole way; and what the pictures show."""
    packs, examples, strangers = load_packs(), corpus(quick=asked.quick), [one for _, one in unseen()]
    found, curve = [], []
    for fold, (taught, left) in enumerate(dealt_out(examples, 2 if asked.quick else FOLDS)):
        say(f"seed: fold {fold + 1}, {len(taught)} teach, {len(left)} asked")
        loaded = learnt(packs, taught)
        found += judged(packs, loaded, left)
        if fold == 0 and not asked.quick:
            last = {"examples": len(taught)} | _accuracies([*found, *judged(packs, loaded, strangers)])
            curve = [*_by_examples(packs, taught, [*sampled_out(left), *strangers]), last]
    told = []
    for label in LABELS:
        for name in sorted(packs):
            own = answers([pair for pair in found if pair[0].policy == name], label)
            told.append(Line(part="seed", figure=f"{label}: {name}, accuracy", ours=rivals.accuracy(own),
                             note=f"{len(own.truth)} requests, macro-F1 {rivals.macro_f1(own):.3f}"))  # fmt: skip
        error = rivals.calibration_error(answers(found, label))
        told.append(Line(part="seed", figure=f"{label}: calibration error", ours=error))
    told += [*alone("seed", packs, found), *_rules(found)]
    shown: dict[str, Any] = {
        "requests": len(examples),
        "texts": len({(one.subject, one.body) for one in examples}),
        "fingerprint": training.fingerprint(examples),
        "bins": {label: bins(answers(found, label)) for label in LABELS},
        "confusion": {name: confusion(packs[name], found) for name in sorted(packs)},
    }
    if not asked.quick:
        shown["curves"] = {"examples": curve, "confirmed": _by_confirmations(packs, examples, strangers)}
    return [*told, *sets("seed", packs, found)], shown


def _rules(found: Sequence[Judged]) -> list[Line]:
    """The rules that had the last word about a priority, how often that was right and the classifier wrong, or both."""
    mended: Counter[str] = Counter()
    spoilt: Counter[str] = Counter()
    for one, said in found:
        if said.priority_rule and said.priority and one.priority:
            rule = f"{one.policy}, {said.priority_rule}"
            mended[rule] += said.priority.value == one.priority != said.priority_model
            spoilt[rule] += said.priority_model == one.priority != said.priority.value
    return [
        Line(part="seed", figure=f"rule: {rule}, mended less spoilt", ours=float(mended[rule] - spoilt[rule]),
             unit="count", note=f"mended {mended[rule]}, spoilt {spoilt[rule]}")
        for rule in sorted(mended, key=lambda rule: (mended[rule] - spoilt[rule], rule))
    ]  # fmt: skip


def dealt_out(
    examples: Sequence[LabelledRequest], folds: int
) -> list[tuple[list[LabelledRequest], list[LabelledRequest]]]:
    """Folds of the corpus, each with the examples that teach and those that are asked."""
    pairs = list(zip(examples, hands(examples, folds), strict=True))
    return [
        ([one for one, hand in pairs if hand != fold], [one for one, hand in pairs if hand == fold])
        for fold in range(folds)
    ]


def sampled_out(examples: Sequence[LabelledRequest]) -> list[LabelledRequest]:
    """At most about `ENOUGH` examples, whole texts: a curve needs no more."""
    number = max(1, len(examples) // ENOUGH)
    return [one for one, hand in zip(examples, hands(examples, number), strict=True) if hand == 0]


def bins(found: Answers) -> list[dict[str, float]]:
    """Ten bins of confidence: how many, how sure on average, how often right."""
    held: list[list[tuple[float, bool]]] = [[] for _ in range(figures.BINS)]
    for truth, guess, shares in zip(found.truth, found.guesses, found.shares or (), strict=True):
        held[min(int(shares[guess] * figures.BINS), figures.BINS - 1)].append((shares[guess], guess == truth))
    return [
        {
            "n": len(one),
            "sure": round(sum(share for share, _ in one) / len(one), 4),
            "right": round(sum(hit for _, hit in one) / len(one), 4),
        }
        for one in held
        if one
    ]


def confusion(policy: Policy, found: Sequence[Judged]) -> dict[str, Any]:
    """How often each level was suggested for each true one, the most severe first."""
    levels = [level.value for level in policy.levels]
    own = answers([pair for pair in found if pair[0].policy == policy.id], PRIORITY)
    counted = Counter(zip(own.truth, own.guesses, strict=True))
    return {
        "labels": [policy.level_label(level) for level in levels],
        "counts": [[counted[truth, said] for said in levels] for truth in levels],
    }


def _by_examples(packs: Packs, taught: list[LabelledRequest], asked: list[LabelledRequest]) -> list[dict[str, float]]:
    """Accuracy after a sixteenth, an eighth, a quarter and a half of the seed examples."""
    shares = hands(taught, 16)
    points = []
    for part in (1, 2, 4, 8):
        some = [one for one, hand in zip(taught, shares, strict=True) if hand < part]
        say(f"seed: learning curve, {len(some)} examples")
        points.append({"examples": len(some)} | _accuracies(judged(packs, learnt(packs, some), asked)))
    return points


def _by_confirmations(
    packs: Packs, examples: Sequence[LabelledRequest], strangers: list[LabelledRequest]
) -> list[dict[str, float]]:
    """Accuracy on unseen requests when none, half, three quarters of them were confirmed; those left are asked."""
    points = [{"confirmed": 0} | _accuracies(judged(packs, first(quick=False), strangers))]
    requests = random.Random(FOLDS).sample(strangers, len(strangers))  # noqa: S311 - the same order in every run
    for parts in (2, 4):
        shares = dealt([(one.policy, one.priority) for one in requests], parts)
        found = []
        for part in range(parts):
            say(f"seed: confirmations, part {part + 1} of {parts} asked")
            pairs = list(zip(requests, shares, strict=True))
            decided = [replace(one, weight=CONFIRMED) for one, share in pairs if share != part]
            loaded = learnt(packs, [*examples, *decided])
            found += judged(packs, loaded, [one for one, share in pairs if share == part])
        points.append({"confirmed": len(requests) * (parts - 1) // parts} | _accuracies(found))
    return points


def _accuracies(found: Sequence[Judged]) -> dict[str, float]:
    """Accuracy of both labels, of seed examples and of unseen requests apart."""
    told = {}
    for where, of in (("unseen", True), ("seed", False)):
        own = [pair for pair in found if pair[0].id.startswith(UNSEEN) is of]
        if own:
            told |= {f"{where} {label}": round(rivals.accuracy(answers(own, label)), 4) for label in LABELS}
    return told
