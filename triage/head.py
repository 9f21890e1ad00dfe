"""One label of one policy inside an artefact: a pipeline and its temperature.

Imports numpy: reached only through a loaded artefact or by training.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_WORDS = 8

Row = tuple[str, str]
"""A request's words and its facts as words (`triage.features`)."""


@dataclass(frozen=True, slots=True)
class Head:
    """A scikit-learn pipeline over rows, and the temperature its logits are divided by.

    A label of which training saw a single value has no pipeline.
    """

    classes: tuple[str, ...]
    pipeline: Any
    temperature: float

    def rank(self, row: Row) -> dict[str, float]:
        """Calibrated probabilities by class for one request."""
        if self.pipeline is None:
            return dict.fromkeys(self.classes, 1.0)
        shares = softmax(logits(self.pipeline, table([row])) / self.temperature)[0]
        return dict(zip(self.classes, (float(share) for share in shares), strict=True))

    def words(self, row: Row) -> tuple[tuple[str, float], ...]:
        """The words that spoke most for the top class, with their weight in its logit."""
        if self.pipeline is None:
            return ()
        features = self.pipeline[:-1].transform(table([row])).tocoo()
        place = int(np.argmax(logits(self.pipeline, table([row]))[0]))
        coefficients = self.pipeline[-1].coef_
        weights = coefficients[place] if len(coefficients) > 1 else coefficients[0] * (1 if place else -1)
        names = self.pipeline[:-1].get_feature_names_out()
        spoken = [
            (str(names[column]).removeprefix("word__"), round(float(value * weights[column]), 4))
            for column, value in zip(features.col, features.data, strict=True)
            if str(names[column]).startswith("word__") and weights[column] > 0
        ]
        return tuple(sorted(spoken, key=lambda pair: (-pair[1], pair[0]))[:MAX_WORDS])


def table(rows: list[Row]) -> Any:
    """Rows as an object array of shape `(n_requests, 2)`."""
    return np.array(rows, dtype=object).reshape(len(rows), 2)


def logits(pipeline: Any, rows: Any) -> Any:
    """Decision values, shape `(n_requests, n_classes)`, also where scikit-learn gives one column for two classes."""
    values = pipeline.decision_function(rows)
    return np.column_stack([-values / 2, values / 2]) if values.ndim == 1 else values


def softmax(values: Any) -> Any:
    """Rows of exponentials that sum to 1; shape as given."""
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)
