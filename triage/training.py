"""Labelled requests to an artefact, and how good it is. The same data gives the same bytes."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.resources import files
from io import BytesIO
from time import perf_counter
from typing import Any

from models.errors import Invalid
from models.terms import Channel, LabelledRequest
from triage import downgrade, facts, figures
from triage.classifier import FORMAT, PRIORITY, TYPE, Classifier, identity
from triage.features import Row, marks, row
from triage.lessons import label_of, lesson
from triage.policy import Policy

Progress = Callable[[int, int], None]
"""Told how many of how many steps are done."""

COMPRESSION = 3
TOLERANCE = 0.01
"""Accuracy or macro-F1 a candidate may lose before it counts as worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A new artefact.

    `fingerprint` is the SHA-256 of the examples; `metrics` are out-of-fold figures, shaped as `evaluate` or
    `evaluate_label` shapes them.
    """

    id: str
    content: bytes
    digest: str
    sklearn_version: str
    fingerprint: str
    metrics: dict[str, Any]


def seed_corpus() -> list[LabelledRequest]:
    """The labelled requests that ship with the product: `corpus/*.jsonl`, one text a line, labelled by each policy."""
    found = []
    for entry in sorted(files("triage").joinpath("corpus").iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".jsonl"):
            lines = entry.read_text(encoding="utf-8").splitlines()
            found += [one for line in lines if line.strip() for one in _labelled(json.loads(line))]
    return found


def _labelled(written: Mapping[str, Any]) -> list[LabelledRequest]:
    """One text, labelled under each policy its author judged it by; a label the policy leaves open is None."""
    return [
        LabelledRequest(
            id=written["id"],
            policy=policy,
            channel=Channel(written["channel"]),
            subject=written["subject"],
            body=written["body"],
            type=kind,
            priority=level,
            facts=written["facts"],
        )
        for policy, (kind, level) in written["labels"].items()
    ]


def train(
    examples: Sequence[LabelledRequest], policies: Mapping[str, Policy], *, progress: Progress | None = None
) -> Trained:
    """Train an artefact: one head for each label of each policy. The same examples give the same digest.

    Examples of unknown policies and labels the policy does not know are left out.
    """
    from triage import fitting  # noqa: PLC0415 - only who trains pays for scikit-learn

    ordered = sorted(examples, key=lambda example: (example.policy, example.id))
    texts: dict[tuple[str, str], int] = {}
    for one in ordered:
        texts.setdefault((one.subject, one.body), len(texts))
    features, read = fitting.featured([_row(*text) for text in texts])
    at = [texts[one.subject, one.body] for one in ordered]
    wanted = [(policy, label) for policy in sorted(policies) for label in (TYPE, PRIORITY)]
    heads: dict[tuple[str, str], Any] = {}
    found: dict[str, dict[str, dict[str, float]]] = {policy: {} for policy in sorted(policies)}
    for done, (policy, label) in enumerate(wanted, start=1):
        taught = lesson(ordered, policies[policy], label)
        if taught.places and read is not None:
            values = read[[at[place] for place in taught.places]]
            heads[policy, label], tested = fitting.fit(values, taught.labels, taught.weights, taught.own)
            if tested:
                truth = [taught.labels[place] for place in tested]
                found[policy][label] = _figures(policies[policy], label, truth, list(tested.values()))
        if progress:
            progress(done, len(wanted))
    return _packed(features, heads, fingerprint(ordered), _summary(found, len(ordered)))


def _packed(features: Any, heads: Any, examples: str, metrics: dict[str, Any]) -> Trained:
    import joblib  # noqa: PLC0415 - only who trains pays for it
    import sklearn  # noqa: PLC0415 - the same

    buffer = BytesIO()
    joblib.dump({"format": FORMAT, "features": features, "heads": heads}, buffer, compress=COMPRESSION)
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


def _row(subject: str, body: str) -> Row:
    return row(subject, body, marks(subject, body, facts.read(subject, body)))


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
                    truth = label_of(example, label)
                    if given and truth:
                        truths[label].append(truth)
                        shares[label].append(given)
        found[policy] = {
            label: _figures(policies[policy], label, truths[label], shares[label])
            for label in (TYPE, PRIORITY)
            if truths[label]
        }
    return _summary(found, len(examples))


def _summary(found: dict[str, dict[str, dict[str, float]]], number: int) -> dict[str, Any]:
    every = [one for labels in found.values() for one in labels.values()]
    whole = sum(one["n"] for one in every)
    means = {
        name: sum(one[name] * one["n"] for one in every) / max(whole, 1) for name in ("accuracy", "macro_f1", "ece")
    }
    return {"n": number, **{name: round(mean, 4) for name, mean in means.items()}, "policies": found}


def _figures(policy: Policy, label: str, truth: list[str], shares: list[dict[str, float]]) -> dict[str, float]:
    """Of a priority too how many had the top level, and the share of them that would be suggested as such."""
    if label == PRIORITY:
        guessed = [downgrade.chosen(policy, row) or "" for row in shares]
        top = policy.levels[0].value
        hits = [guess == top for right, guess in zip(truth, guessed, strict=True) if right == top]
        severe = {"top_n": len(hits), "top_recall": round(sum(hits) / len(hits), 4)} if hits else {}
    else:
        guessed, severe = [max(row, key=lambda name: row[name]) for row in shares], {}
    return {
        "n": len(truth),
        "accuracy": round(figures.accuracy(truth, guessed), 4),
        "macro_f1": round(figures.macro_f1(truth, guessed), 4),
        "ece": round(figures.calibration_error(truth, shares), 4),
        **severe,
    }


def is_worse(candidate: Mapping[str, Any], running: Mapping[str, Any]) -> str | None:
    """Why a candidate must not replace the running artefact, by figures of `evaluate` on the same examples; or None."""
    for name in ("accuracy", "macro_f1"):
        if candidate[name] < running[name] - TOLERANCE:
            return f"{name} {candidate[name]:.3f} is below the running artefact's {running[name]:.3f}"
    return None


Table = Sequence[Mapping[str, str]]
"""Rows of a CSV file: `subject`, `body`, and a column for each label."""

ANY_POLICY = ""
"""The policy of a classifier that learnt one label of a table and no policy."""


def train_label(rows: Table, label: str, *, progress: Progress | None = None) -> Trained:
    """Train an artefact for one label of a table: `type` or `priority`. Rows without the label are left out.

    The artefact loads as any other and ranks under the policy `ANY_POLICY`.
    """
    from triage import fitting  # noqa: PLC0415 - only who trains pays for scikit-learn

    known = [one for one in rows if one.get(label)]
    labels = [one[label] for one in known]
    tell = progress or (lambda _done, _whole: None)
    tell(0, 2)
    texts = [row(one.get("subject") or "", one.get("body") or "") for one in known]
    features, values = fitting.featured(texts)
    tell(1, 2)
    heads: dict[tuple[str, str], Any] = {}
    metrics: dict[str, Any] = {}
    if values is not None:
        heads[ANY_POLICY, label], tested = fitting.fit(values, labels, [1.0] * len(labels), len(labels))
        metrics = report([labels[place] for place in tested], list(tested.values()))
    tell(2, 2)
    examples = sha256(
        json.dumps([[*text, name] for text, name in zip(texts, labels, strict=True)]).encode()
    ).hexdigest()
    return _packed(features, heads, examples, metrics)


def evaluate_label(classifier: Classifier, rows: Table, label: str) -> dict[str, Any]:
    """How good a classifier of `train_label` is on a table: `report`'s figures and `items_per_second`."""
    known = [row for row in rows if row.get(label)]
    started = perf_counter()
    ranked = [classifier.rank(ANY_POLICY, row.get("subject") or "", row.get("body") or "", ()) for row in known]
    seconds = perf_counter() - started
    found = [(one.type if label == TYPE else one.priority) or {} for one in ranked]
    if not all(found):
        raise Invalid(public=f"This classifier has not learnt the label {label!r}")
    truth = [row[label] for row in known]
    return {
        **report(truth, found),
        "conformal": figures.conformal(truth, found, ranked[0].floor or 0.0) if ranked else None,
        "declines": next((reason for one in ranked for reason in one.declines), None),
        "items_per_second": round(len(known) / max(seconds, 1e-9), 1),
    }


def report(truth: Sequence[str], shares: Sequence[figures.Shares]) -> dict[str, Any]:
    """Every figure of calibrated probabilities against the truth; shares of 1 throughout.

    Where the classes are severities (`figures.severities`) a guess is the one that is the fewest levels off, not the
    likeliest; where they are none, there is no kappa and no recall of the top priority.
    """
    order = figures.severities({*truth, *(name for row in shares for name in row)})
    guessed = [figures.cheapest(row, order) if order else max(row, key=lambda name: row[name]) for row in shares]
    top = order[0] if order else None
    return {
        "n": len(truth),
        "accuracy": round(figures.accuracy(truth, guessed), 4),
        "macro_f1": round(figures.macro_f1(truth, guessed), 4),
        "per_class": figures.by_class(truth, guessed),
        "quadratic_weighted_kappa": round(figures.kappa(truth, guessed, order), 4) if order else None,
        "expected_calibration_error": round(figures.calibration_error(truth, shares), 4),
        "coverage_at_accuracy": {f"{at}": round(figures.coverage(truth, shares, at / 100), 4) for at in (90, 95)},
        "top_priority": top,
        "top_priority_recall_at_precision": {
            f"{at}": round(figures.recall_at(truth, shares, top, at / 100), 4) for at in (50, 70, 80)
        }
        if top
        else None,
    }
