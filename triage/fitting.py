"""Rows and labels to a head. Imports scikit-learn: reached only while training."""

from collections import Counter
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.svm import LinearSVC

from triage.head import Head, logits, softmax

FOLDS = 5
LARGE = 5_000
"""Examples from which on one fold is enough to calibrate."""
TWO = 2
MARK_WEIGHT = 0.25
"""A mark counts as much as a quarter of a one-word text: there are many, and they go together."""
COLDEST, HOTTEST = 0.05, 20.0


def featured(rows: Any) -> tuple[Any, Any]:
    """Fitted features and their values (`(n_requests, n_features)`, sparse) of rows of words and marks.

    Words and word pairs, characters inside words (inflection, typing errors, compounds), and marks where
    there are any. Without rows there are no features.
    """
    if not len(rows):
        return None, None
    columns: list[tuple[str, Any, int]] = [
        ("word", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), 0),
        (
            "char",
            TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=min(TWO, len(rows))),
            0,
        ),
    ]
    if any(marks for _, marks in rows):
        columns.append(("mark", CountVectorizer(token_pattern=r"\S+", lowercase=False, binary=True), 1))  # noqa: S106
    features = ColumnTransformer(columns, transformer_weights={"mark": MARK_WEIGHT})
    values = csr_matrix(features.fit_transform(rows))
    for name, _, _ in columns:
        # An address in this process's memory: the same data would give another file in the next one.
        vars(features.named_transformers_[name]).pop("_stop_words_id", None)
    return features, values


def model() -> LinearSVC:
    """An untrained model; rare classes count as much as frequent ones, and the same data gives the same weights.

    On 534 examples as good as logistic regression in a third of the time; the temperature calibrates it.
    """
    return LinearSVC(C=0.3, class_weight="balanced", random_state=0, max_iter=5000)


def fit(values: Any, labels: list[str], weights: list[float], own: int) -> tuple[Head, dict[int, dict[str, float]]]:
    """A calibrated head, and out-of-fold probabilities by class of own examples, by place.

    The rows after the first `own` are borrowed from other policies: they teach, and are never tested on.
    """
    classes = tuple(sorted(set(labels)))
    if len(classes) < TWO:
        return Head(classes, None, 1.0), {place: dict.fromkeys(classes, 1.0) for place in range(own)}
    y, given = np.array(labels, dtype=object), np.array(weights)
    tested, out = out_of_fold(values, y, given, own)
    heat = temperature(out, [classes.index(labels[place]) for place in tested]) if tested else 1.0
    head = Head(classes, model().fit(values, y, sample_weight=given), heat)
    rows = softmax(out / heat).tolist() if tested else []
    return head, {place: dict(zip(classes, row, strict=True)) for place, row in zip(tested, rows, strict=True)}


def out_of_fold(values: Any, y: Any, weights: Any, own: int) -> tuple[list[int], Any]:
    """Places of own examples, and their logits by a model that has not seen them (`(n_tested, n_classes)`).

    A class the model has not seen gets the lowest logit. Of a large table one fold is tested, of others all.
    """
    classes = sorted(set(y))
    dealt = np.concatenate([folds(y[:own]), np.full(len(y) - own, -1)])
    tested: list[int] = []
    blocks = [np.zeros((0, len(classes)))]
    for fold in range(1 if len(y) > LARGE else FOLDS):
        test = dealt == fold
        if not test.any() or len(set(y[~test])) < TWO:
            continue
        trained = model().fit(values[~test], y[~test], sample_weight=weights[~test])
        found = logits(trained, values[test])
        block = np.full((len(found), len(classes)), found.min() - 1)
        block[:, [classes.index(name) for name in trained.classes_]] = found
        tested += np.flatnonzero(test).tolist()
        blocks.append(block)
    return tested, np.concatenate(blocks)


def folds(y: Any) -> Any:
    """A fold for each example, dealt in turn within each class; shape `(n_requests,)`."""
    seen: Counter[str] = Counter()
    places = []
    for label in y:
        places.append((seen[label] + len(seen)) % FOLDS)
        seen[label] += 1
    return np.array(places, dtype=int)


def temperature(out: Any, places: list[int]) -> float:
    """The temperature at which out-of-fold probabilities fit the labels best (log loss)."""
    rows = np.arange(len(places))

    def loss(log_temperature: float) -> float:
        shares = softmax(out / np.exp(log_temperature))[rows, places]
        return float(-np.log(np.clip(shares, 1e-12, 1)).mean())

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))
