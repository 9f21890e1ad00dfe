"""What lies inside an artefact: features shared by all, and one head for each label of each policy.

Imports numpy: reached only through a loaded artefact or by training.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack

MAX_WORDS = 8

Row = tuple[str, str]
"""A request's words and its marks (`triage.features`)."""


@dataclass(frozen=True, slots=True)
class Head:
    """A scikit-learn model over features, and the temperature its logits are divided by.

    A label of which training saw a single value has no model.
    """

    classes: tuple[str, ...]
    model: Any
    temperature: float

    def shares(self, values: Any) -> Any:
        """Calibrated probabilities, shape `(n_requests, n_classes)`, of features `(n_requests, n_features)`."""
        if self.model is None:
            return np.ones((values.shape[0], 1))
        return softmax(logits(self.model, values) / self.temperature)

    def rank(self, values: Any) -> dict[str, float]:
        """Probabilities by class for one request."""
        return dict(zip(self.classes, self.shares(values)[0].tolist(), strict=True))

    def words(self, values: Any, names: Any) -> tuple[tuple[str, float], ...]:
        """The words that spoke most for the top class of one request, with their weight in its logit."""
        if self.model is None:
            return ()
        place = int(np.argmax(logits(self.model, values)[0]))
        coefficients = self.model.coef_
        weights = coefficients[place] if len(coefficients) > 1 else coefficients[0] * (1 if place else -1)
        spoken = [
            (names[column].removeprefix("word__"), round(float(value * weights[column] / self.temperature), 4))
            for column, value in zip(values.indices.tolist(), values.data.tolist(), strict=True)
            if weights[column] > 0 and names[column].startswith("word__")
        ]
        return tuple(sorted(spoken, key=lambda pair: (-pair[1], pair[0]))[:MAX_WORDS])


def table(rows: list[Row]) -> Any:
    """Rows as an object array of shape `(n_requests, 2)`."""
    return np.array(rows, dtype=object).reshape(len(rows), 2)


def found(features: Any, rows: list[Row]) -> Any:
    """Features of rows by a fitted transformer, sparse, shape `(n_requests, n_features)`.

    Its parts are asked directly: for a single request the transformer's own bookkeeping costs more than they do.
    """
    given = table(rows)
    weights = features.transformer_weights or {}
    asked = [each for each in features.transformers_ if each[1] != "drop"]
    parts = [part.transform(given[:, at]) * weights.get(name, 1.0) for name, part, at in asked]
    return csr_matrix(hstack(parts))


def logits(model: Any, values: Any) -> Any:
    """Decision values, shape `(n_requests, n_classes)`, also where scikit-learn gives one column for two classes."""
    decided = model.decision_function(values)
    return np.column_stack([-decided / 2, decided / 2]) if decided.ndim == 1 else decided


def softmax(values: Any) -> Any:
    """Rows of exponentials that sum to 1; shape as given."""
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)
