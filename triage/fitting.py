"""Rows and labels to a head. Imports scikit-learn: reached only while training."""

from collections import Counter
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from triage.head import Head, logits, softmax

FOLDS = 5
TWO = 2
COLDEST, HOTTEST = 0.05, 20.0


def pipeline() -> Pipeline:
    """An untrained pipeline: words, character n-grams and facts, then logistic regression."""
    columns = ColumnTransformer(
        [
            ("word", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), 0),
            ("char", TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=2), 0),
            ("fact", CountVectorizer(token_pattern=r"\S+", lowercase=False, binary=True), 1),  # noqa: S106 - no password
        ],
        transformer_weights={"word": 1.0, "char": 1.0, "fact": 0.25},
    )
    return Pipeline(
        [("features", columns), ("model", LogisticRegression(C=10, max_iter=2000, class_weight="balanced"))]
    )


def fit(rows: Any, labels: list[str], weights: list[float], own: int) -> tuple[Head, Any]:
    """A calibrated head, and its out-of-fold probabilities of the first `own` rows.

    The rows after those are borrowed from other policies: they teach, and are never tested on.
    Probabilities have shape `(own, n_classes)`, columns as in the head's `classes`.
    """
    classes = tuple(sorted(set(labels)))
    if len(classes) < TWO:
        return Head(classes, None, 1.0), np.ones((own, 1))
    y, given = np.array(labels, dtype=object), np.array(weights)
    out = out_of_fold(rows, y, given, own)
    heat = temperature(out, [classes.index(label) for label in labels[:own]]) if own else 1.0
    whole = pipeline().fit(rows, y, model__sample_weight=given)
    for _, vectorizer, _ in whole[0].transformers_:
        # An address in this process's memory: the same data would give another file in the next one.
        vars(vectorizer).pop("_stop_words_id", None)
    return Head(classes, whole, heat), softmax(out / heat)


def out_of_fold(rows: Any, y: Any, weights: Any, own: int) -> Any:
    """Logits of each own example by a pipeline that has not seen it; a class missing there gets the lowest."""
    classes = sorted(set(y))
    places = np.concatenate([folds(y[:own]), np.full(len(y) - own, -1)])
    out = np.zeros((own, len(classes)))
    for fold in range(FOLDS):
        test = places == fold
        if not test.any() or len(set(y[~test])) < TWO:
            continue
        trained = pipeline().fit(rows[~test], y[~test], model__sample_weight=weights[~test])
        values = logits(trained, rows[test])
        block = np.full((len(values), len(classes)), values.min() - 1)
        block[:, [classes.index(name) for name in trained.classes_]] = values
        out[test[:own]] = block
    return out


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
