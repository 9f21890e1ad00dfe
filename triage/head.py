"""What lies inside an artefact: features shared by all, and one head for each label of each policy.

Imports numpy: reached only through a loaded artefact or by training.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

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

    def shares(self, found: Any) -> Any:
        """Calibrated probabilities, shape `(n_requests, n_classes)`, of features of shape `(n_requests, n_features)`."""
        if self.model is None:
            return np.ones((found.shape[0], 1))
        return softmax(logits(self.model, found) / self.temperature)

    def rank(self, found: Any) -> dict[str, float]:
        """Probabilities by class for one request."""
        return dict(zip(self.classes, self.shares(found)[0].tolist(), strict=True))

    def words(self, found: Any, names: Any) -> tuple[tuple[str, float], ...]:
        """The words that spoke most for the top class of one request, with their weight in its logit."""
        if self.model is None:
            return ()
        place = int(np.argmax(logits(self.model, found)[0]))
        coefficients = self.model.coef_
        weights = coefficients[place] if len(coefficients) > 1 else coefficients[0] * (1 if place else -1)
        spoken = [
            (names[column].removeprefix("word__"), round(float(value * weights[column]), 4))
            for column, value in zip(found.indices.tolist(), found.data.tolist(), strict=True)
            if weights[column] > 0 and names[column].startswith("word__")
        ]
        return tuple(sorted(spoken, key=lambda pair: (-pair[1], pair[0]))[:MAX_WORDS])


def table(rows: list[Row]) -> Any:
    """Rows as an object array of shape `(n_requests, 2)`."""
    return np.array(rows, dtype=object).reshape(len(rows), 2)


def logits(model: Any, found: Any) -> Any:
    """Decision values, shape `(n_requests, n_classes)`, also where scikit-learn gives one column for two classes."""
    values = model.decision_function(found)
    return np.column_stack([-values / 2, values / 2]) if values.ndim == 1 else values


def softmax(values: Any) -> Any:
    """Rows of exponentials that sum to 1; shape as given."""
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)
