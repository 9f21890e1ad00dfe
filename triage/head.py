"""What lies inside an artefact beside its features: one head for each label of each policy.

Imports numpy: reached only through a loaded artefact or by training.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from triage.gather import Seen

MAX_WORDS = 8
STEP = 2.0
"""How far one confirmation moves the calibrated logits of the very same text, at most (measured: 1 to 4 are alike)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A linear model over features, calibrated.

    `weights` has the shape `(n_features, n_classes)`, `offsets` `(n_classes,)`; a label of which training saw a single
    value has neither. Logits are divided by `temperature`. A class belongs to the set that holds the right one nine
    times in ten if its share is at least `floor`. `declines` says why the head is not to be trusted, if it is not.
    """

    classes: tuple[str, ...]
    weights: Any = None
    offsets: Any = None
    temperature: float = 1.0
    floor: float = 0.0
    declines: str | None = None

    def rank(self, seen: Seen) -> dict[str, float]:
        """Calibrated probabilities by class for one request."""
        if self.weights is None:
            return dict.fromkeys(self.classes, 1.0)
        logits = seen.values @ self.weights[seen.columns] + self.offsets
        return dict(zip(self.classes, softmax(logits[None] / self.temperature)[0].tolist(), strict=True))

    def learn(self, seen: Seen, right: str) -> None:
        """Move towards the class a person gave a request: one step down the gradient of the log loss, in place.

        What was certain already moves nothing; a class the head does not know is left for the next training.
        """
        if self.weights is None or right not in self.classes:
            return
        ranked = self.rank(seen)
        missing = np.array([float(name == right) - ranked[name] for name in self.classes])
        step = STEP * self.temperature / (1.0 + seen.values @ seen.values)
        self.weights[seen.columns] += np.outer(seen.values, step * missing).astype(self.weights.dtype)
        self.offsets[:] += step * missing

    def spoke(self, seen: Seen, name: str) -> Any:
        """What each feature of a request adds to the calibrated logit of a class, shape `(n_columns,)`.

        With the class's offset over the temperature these sum up to that logit exactly.
        """
        return seen.values * self.weights[seen.columns, self.classes.index(name)] / self.temperature

    def words(self, seen: Seen, names: Any) -> tuple[tuple[str, float], ...]:
        """The words that spoke most for the top class of one request, with what they add to its logit."""
        if self.weights is None:
            return ()
        ranked = self.rank(seen)
        parts = self.spoke(seen, max(ranked, key=lambda each: ranked[each]))
        added: dict[str, float] = {}
        said = names[seen.columns]
        for place in np.flatnonzero((parts > 0) & (said != "")).tolist():
            added[said[place]] = added.get(said[place], 0.0) + float(parts[place])
        spoken = sorted(added.items(), key=lambda pair: (-pair[1], pair[0]))
        return tuple((gram, round(part, 4)) for gram, part in spoken[:MAX_WORDS])


def softmax(values: Any) -> Any:
    """Rows of exponentials that sum to 1; shape as given."""
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)
