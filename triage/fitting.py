"""Rows and labels to a head. Imports scikit-learn: reached only while training."""

from collections import Counter
from math import ceil
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.svm import LinearSVC

from triage.features import Row
from triage.gather import CHARACTERS, LONGEST, MARK, OPENING, SHORTEST, TEXT, TITLE, TOKEN
from triage.head import Head, softmax

FOLDS = 5
SCARCE = 200
"""Requests below which every word counts, also one that occurs once."""
ENOUGH = 1_000
"""Examples asked out of fold that are enough to calibrate by: of a large table not every fold is."""
TWO = 2
WEIGHTS = {TITLE: 0.7, OPENING: 0.7, MARK: 0.1}
"""How much a part counts beside the text. A mark counts as much as a tenth of a one-word text: there are many."""
COLDEST, HOTTEST = 0.05, 20.0
COVERED = 0.9
"""How often the set of likely classes shall hold the right one."""
FEW = 30
"""Examples below which nothing is said about how good a head is."""
SKILL = 0.02
"""Accuracy above that of always saying the commonest class, below which a head knows nothing."""
SURE, REACH = 0.9, 0.15
"""Unless it is right so often on at least such a share of the requests, the surest first."""


def featured(rows: list[Row]) -> tuple[Any, Any]:
    """Fitted features and their values (`(n_requests, n_features)`, sparse) of rows.

    Words and word pairs of text, title and opening, characters inside words (inflection, typing errors, compounds),
    and marks, where there are any. A title or opening that is the text itself says nothing more. Without a word there
    are no features.
    """
    least = TWO if len(rows) >= SCARCE else 1
    wanted = [
        (TEXT, 0, _grams(least)),
        (TITLE, 1, _grams(1)),
        (OPENING, 2, _grams(least)),
        (MARK, 3, CountVectorizer(token_pattern=r"\S+", lowercase=False, binary=True)),  # noqa: S106
        (CHARACTERS, 0, _characters(least)),
    ]
    given = np.array(rows, dtype=object).reshape(len(rows), len(Row._fields))
    columns = [(name, part, at) for name, at, part in wanted if not _repeats(rows, at) and _teaches(part, given[:, at])]
    if not columns:
        return None, None
    features = ColumnTransformer(columns, transformer_weights=WEIGHTS)
    values = csr_matrix(features.fit_transform(given))
    for name, _, _ in columns:
        # An address in this process's memory: the same data would give another file in the next one.
        vars(features.named_transformers_[name]).pop("_stop_words_id", None)
    return features, values


def _repeats(rows: list[Row], at: int) -> bool:
    """Whether a part is not the text and yet the same in every row."""
    return at > 0 and all(row[at] == row.text for row in rows)


def _grams(least: int) -> TfidfVectorizer:
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=TOKEN, min_df=least)


def _characters(least: int) -> TfidfVectorizer:
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(SHORTEST, LONGEST), sublinear_tf=True, min_df=least)


def _teaches(part: Any, texts: Any) -> bool:
    """Whether something occurs in enough of the texts to be a feature."""
    analyse = clone(part).build_analyzer()
    seen: Counter[str] = Counter()
    for text in texts:
        seen.update(set(analyse(text)))
        if seen and seen.most_common(1)[0][1] >= part.min_df:
            return True
    return False


def model() -> LinearSVC:
    """An untrained model; rare classes count as much as frequent ones, and the same data gives the same weights.

    As good as logistic regression in a third of the time; the temperature calibrates it.
    """
    return LinearSVC(C=0.3, class_weight="balanced", random_state=0, max_iter=5000, tol=0.01)


def fit(values: Any, labels: list[str], weights: list[float], own: int) -> tuple[Head, dict[int, dict[str, float]]]:
    """A calibrated head, and out-of-fold probabilities by class of own examples, by place.

    The rows after the first `own` are borrowed from other policies: they teach, and are never tested on.
    """
    classes = tuple(sorted(set(labels)))
    if len(classes) < TWO:
        return Head(classes=classes), {place: dict.fromkeys(classes, 1.0) for place in range(own)}
    y, given = np.array(labels, dtype=object), np.array(weights)
    tested, out = out_of_fold(values, y, given, own)
    right = [classes.index(labels[place]) for place in tested]
    heat = temperature(out, right) if tested else 1.0
    shares = softmax(out / heat)
    coefficients, offsets = linear(model().fit(values, y, sample_weight=given))
    head = Head(
        classes=classes,
        weights=np.ascontiguousarray(coefficients.T, dtype=np.float32),
        offsets=offsets,
        temperature=heat,
        floor=floor(shares, right),
        declines=declines(shares, right, classes),
    )
    return head, {
        place: dict(zip(classes, row, strict=True)) for place, row in zip(tested, shares.tolist(), strict=True)
    }


def linear(fitted: LinearSVC) -> tuple[Any, Any]:
    """Coefficients `(n_classes, n_features)` and offsets, also where scikit-learn gives one row for two classes."""
    coefficients, offsets = fitted.coef_, fitted.intercept_
    if len(coefficients) == 1:
        return np.concatenate([-coefficients, coefficients]) / 2, np.concatenate([-offsets, offsets]) / 2
    return coefficients, offsets


def out_of_fold(values: Any, y: Any, weights: Any, own: int) -> tuple[list[int], Any]:
    """Places of own examples, and their logits by a model that has not seen them (`(n_tested, n_classes)`).

    A class the model has not seen gets the lowest logit. As many folds are tested as give enough examples.
    """
    classes = sorted(set(y))
    dealt = np.concatenate([folds(y[:own]), np.full(len(y) - own, -1)])
    wanted = [dealt == fold for fold in range(min(FOLDS, ceil(ENOUGH * FOLDS / max(own, 1))))]
    possible = [test for test in wanted if test.any() and len(set(y[~test])) >= TWO]

    def tested(test: Any) -> Any:
        trained = model().fit(values[~test], y[~test], sample_weight=weights[~test])
        coefficients, offsets = linear(trained)
        found = values[test] @ coefficients.T + offsets
        block = np.full((len(found), len(classes)), found.min() - 1)
        block[:, [classes.index(name) for name in trained.classes_]] = found
        return block

    # One after the other: threads would share liblinear's random numbers, and no two trainings were the same.
    blocks = [tested(test) for test in possible]
    places = [place for test in possible for place in np.flatnonzero(test).tolist()]
    return places, np.concatenate([np.zeros((0, len(classes))), *blocks])


def folds(y: Any) -> Any:
    """A fold for each example, dealt in turn within each class; shape `(n_requests,)`."""
    turns: dict[str, int] = {}
    places = []
    for label in y:
        turns[label] = turns.get(label, len(turns) - 1) + 1
        places.append(turns[label] % FOLDS)
    return np.array(places, dtype=int)


def temperature(out: Any, places: list[int]) -> float:
    """The temperature at which out-of-fold probabilities fit the labels best (log loss)."""
    rows = np.arange(len(places))

    def loss(log_temperature: float) -> float:
        shares = softmax(out / np.exp(log_temperature))[rows, places]
        return float(-np.log(np.clip(shares, 1e-12, 1)).mean())

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def floor(shares: Any, places: list[int]) -> float:
    """The share from which a class belongs to the set that holds the right one nine times in ten.

    Split-conformal prediction on out-of-fold probabilities (Vovk, Gammerman, Shafer 2005; score 1 - share).
    """
    if not places:
        return 0.0
    right = np.sort(shares[np.arange(len(places)), places])
    allowed = len(places) + 1 - ceil((len(places) + 1) * COVERED)
    return float(right[allowed - 1]) if allowed else 0.0


def declines(shares: Any, places: list[int], classes: tuple[str, ...]) -> str | None:
    """Why a head is not to be trusted: it knows nothing that the commonest class would not know, and is never sure."""
    if len(places) < FEW:
        return None
    hits = shares.argmax(axis=1) == np.array(places)
    counts = np.bincount(places, minlength=len(classes))
    surest = hits[np.argsort(-shares.max(axis=1), kind="stable")]
    good = np.flatnonzero(np.cumsum(surest) >= SURE * np.arange(1, len(hits) + 1))
    reach = (good[-1] + 1) / len(hits) if len(good) else 0.0
    if hits.mean() >= counts.max() / len(places) + SKILL or reach >= REACH:
        return None
    common = classes[int(counts.argmax())]
    return (
        f"right in {hits.mean():.0%} of the training requests, and always saying {common!r} in "
        f"{counts.max() / len(places):.0%}"
    )
