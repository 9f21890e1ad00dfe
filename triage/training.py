"""Labelled requests to an artefact, and how good it is. The same data gives the same bytes."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.resources import files
from io import BytesIO
from typing import Any

from models.terms import Channel, LabelledRequest
from triage import facts, figures
from triage.classifier import FORMAT, PRIORITY, TYPE, Classifier, identity
from triage.features import marks, words
from triage.policy import Policy

Progress = Callable[[int, int], None]
"""Told how many of how many steps are done."""

COMPRESSION = 3
BORROWED = 0.3
"""Weight of another policy's example that a policy's `like` declares to be of the same kind."""
TOLERANCE = 0.01
"""Accuracy or macro-F1 a candidate may lose before it counts as worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A new artefact. `fingerprint` is the SHA-256 of the examples; `metrics` are out-of-fold figures, shaped as `evaluate` shapes them."""

    id: str
    content: bytes
    digest: str
    sklearn_version: str
    fingerprint: str
    metrics: dict[str, Any]


def seed_corpus() -> list[LabelledRequest]:
    """The labelled requests that ship with the product: `corpus/<policy>.jsonl`, one object a line."""
    found = []
    for entry in sorted(files("triage").joinpath("corpus").iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".jsonl"):
            policy = entry.name.removesuffix(".jsonl")
            lines = entry.read_text(encoding="utf-8").splitlines()
            found += [_labelled(policy, json.loads(line)) for line in lines if line.strip()]
    return found


def _labelled(policy: str, row: Mapping[str, Any]) -> LabelledRequest:
    return LabelledRequest(
        id=row["id"],
        policy=policy,
        channel=Channel(row["channel"]),
        subject=row["subject"],
        body=row["body"],
        type=row["type"],
        priority=row["priority"],
        facts=row.get("facts", {}),
    )


def train(
    examples: Sequence[LabelledRequest], policies: Mapping[str, Policy], *, progress: Progress | None = None
) -> Trained:
    """Train an artefact: one head for each label of each policy. The same examples give the same digest.

    Examples of unknown policies and labels the policy does not know are left out.
    """
    from triage import fitting, head  # noqa: PLC0415 - only who trains pays for scikit-learn

    ordered = sorted(examples, key=lambda example: (example.policy, example.id))
    rows = head.table([_row(example) for example in ordered])
    wanted = [(policy, label) for policy in sorted(policies) for label in (TYPE, PRIORITY)]
    heads: dict[tuple[str, str], Any] = {}
    found: dict[str, dict[str, dict[str, float]]] = {policy: {} for policy in sorted(policies)}
    for done, (policy, label) in enumerate(wanted, start=1):
        lesson = _lesson(ordered, policies[policy], label)
        truth = lesson.labels[: lesson.own]
        if lesson.places:
            heads[policy, label], out = fitting.fit(rows[lesson.places], lesson.labels, lesson.weights, lesson.own)
            classes = heads[policy, label].classes
            found[policy][label] = _figures(truth, [dict(zip(classes, row, strict=True)) for row in out.tolist()])
        if progress:
            progress(done, len(wanted))
    return _packed(heads, fingerprint(ordered), _summary(found, len(ordered)))


def _packed(heads: Any, examples: str, metrics: dict[str, Any]) -> Trained:
    import joblib  # noqa: PLC0415 - only who trains pays for it
    import sklearn  # noqa: PLC0415 - the same

    buffer = BytesIO()
    joblib.dump({"format": FORMAT, "heads": heads}, buffer, compress=COMPRESSION)
    content = buffer.getvalue()
    digest = sha256(content).hexdigest()
    return Trained(
        id=identity(digest),
        content=content,
        digest=digest,
        sklearn_version=sklearn.__version__,
        fingerprint=examples,
        metrics=metrics,
    )


def fingerprint(examples: Sequence[LabelledRequest]) -> str:
    """SHA-256 over the examples, whatever their order."""
    lines = sorted(json.dumps(asdict(example), sort_keys=True, ensure_ascii=False) for example in examples)
    return sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def _row(example: LabelledRequest) -> tuple[str, str]:
    subject, body = example.subject, example.body
    return words(subject, body), marks(subject, body, facts.read(subject, body))


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What one head learns from: places among the examples, the policy's own ones (`own` of them) first."""

    places: list[int]
    labels: list[str]
    weights: list[float]
    own: int


def _lesson(examples: Sequence[LabelledRequest], policy: Policy, label: str) -> _Lesson:
    entries = policy.types if label == TYPE else policy.levels
    known = {entry.value for entry in entries}
    own = [place for place, one in enumerate(examples) if one.policy == policy.id and _label(one, label) in known]
    borrowed = [
        (place, entry.value)
        for place, one in enumerate(examples)
        if one.policy != policy.id
        for entry in entries
        if any(like.covers(one.policy, one.type, one.priority) for like in entry.like)
    ]
    return _Lesson(
        places=own + [place for place, _ in borrowed],
        labels=[str(_label(examples[place], label)) for place in own] + [value for _, value in borrowed],
        weights=[examples[place].weight for place in own]
        + [BORROWED * examples[place].weight for place, _ in borrowed],
        own=len(own),
    )


def _label(example: LabelledRequest, label: str) -> str | None:
    return example.type if label == TYPE else example.priority


def evaluate(
    classifier: Classifier, examples: Sequence[LabelledRequest], policies: Mapping[str, Policy]
) -> dict[str, Any]:
    """How good a classifier alone (no rules) is on examples: for each policy and label, and their mean.

    Returns `{"n", "accuracy", "macro_f1", "ece", "policies": {id: {"type": {…}, "priority": {…}}}}`, each
    inner figure again with `n`, `accuracy`, `macro_f1` and `ece`; the outer ones are weighted by `n`.
    """
    found: dict[str, dict[str, dict[str, float]]] = {}
    for policy in sorted(policies):
        truths: dict[str, list[str]] = {TYPE: [], PRIORITY: []}
        shares: dict[str, list[dict[str, float]]] = {TYPE: [], PRIORITY: []}
        for example in examples:
            if example.policy == policy:
                ranked = classifier.rank(
                    policy, example.subject, example.body, facts.read(example.subject, example.body)
                )
                for label, given in ((TYPE, ranked.type), (PRIORITY, ranked.priority)):
                    truth = _label(example, label)
                    if given and truth:
                        truths[label].append(truth)
                        shares[label].append(given)
        found[policy] = {label: _figures(truths[label], shares[label]) for label in (TYPE, PRIORITY) if truths[label]}
    return _summary(found, len(examples))


def _summary(found: dict[str, dict[str, dict[str, float]]], number: int) -> dict[str, Any]:
    every = [one for labels in found.values() for one in labels.values()]
    whole = sum(one["n"] for one in every)
    means = {
        name: sum(one[name] * one["n"] for one in every) / max(whole, 1) for name in ("accuracy", "macro_f1", "ece")
    }
    return {"n": number, **{name: round(mean, 4) for name, mean in means.items()}, "policies": found}


def _figures(truth: list[str], shares: list[dict[str, float]]) -> dict[str, float]:
    guessed = [max(row, key=lambda name: row[name]) for row in shares]
    return {
        "n": len(truth),
        "accuracy": round(figures.accuracy(truth, guessed), 4),
        "macro_f1": round(figures.macro_f1(truth, guessed), 4),
        "ece": round(figures.calibration_error(truth, shares), 4),
    }


def is_worse(candidate: Mapping[str, Any], running: Mapping[str, Any]) -> str | None:
    """Why a candidate must not replace the running artefact, by figures of `evaluate` on the same examples; or None."""
    for name in ("accuracy", "macro_f1"):
        if candidate[name] < running[name] - TOLERANCE:
            return f"{name} {candidate[name]:.3f} is below the running artefact's {running[name]:.3f}"
    return None
