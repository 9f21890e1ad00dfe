"""A trained file's bytes to a ranking of a policy's types and levels.

scikit-learn, joblib and numpy are imported only by whoever loads an artefact.
"""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any, Protocol

from models.errors import ArtefactRefused
from models.terms import Fact
from triage.features import marks, words

FORMAT = 1
TYPE, PRIORITY = "type", "priority"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Calibrated probabilities by slug (each sums to 1; None: never learnt).

    `words` are those of the text that spoke most for the top priority, with their weight in its logit.
    """

    type: dict[str, float] | None
    priority: dict[str, float] | None
    words: tuple[tuple[str, float], ...]


class Classifier(Protocol):
    """Whatever ranks a request; `id` names the artefact behind it."""

    @property
    def id(self) -> str:
        """The artefact's id, as stored with each suggestion."""
        ...

    def rank(self, policy_id: str, subject: str, body: str, facts: Iterable[Fact]) -> Ranked:
        """Rank the types and levels of a policy for a request."""
        ...


def load(content: bytes, digest: str) -> Classifier:
    """The classifier in these bytes.

    The bytes that are hashed are the bytes that are loaded, so nothing can change in between.

    Raises:
        ArtefactRefused: the SHA-256 differs, the format is another one, or scikit-learn's version is.

    """
    if sha256(content).hexdigest() != digest:
        raise ArtefactRefused(f"digest {digest[:12]} is not that of the bytes")
    artefact = _unpacked(content, digest)
    if not isinstance(artefact, dict) or artefact.get("format") != FORMAT:
        raise ArtefactRefused(f"artefact {digest[:12]} has another format than {FORMAT}")
    return _Loaded(identity(digest), artefact["features"], artefact["heads"])


def _unpacked(content: bytes, digest: str) -> Any:
    import joblib  # noqa: PLC0415 - only who loads an artefact pays for it
    from sklearn.exceptions import InconsistentVersionWarning  # noqa: PLC0415 - the same

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", InconsistentVersionWarning)
            return joblib.load(BytesIO(content))
    except Exception as error:
        raise ArtefactRefused(f"artefact {digest[:12]} cannot be loaded: {error}") from error


def identity(digest: str) -> str:
    """The artefact's id: the beginning of its digest."""
    return f"sb-{digest[:12]}"


class _Loaded:
    """A classifier out of an artefact: features, and one `triage.head.Head` for each policy and label."""

    def __init__(self, artefact: str, features: Any, heads: dict[tuple[str, str], Any]) -> None:
        self.id = artefact
        self._features = features
        self._heads = heads
        self._names = features.get_feature_names_out().tolist() if features else []
        self._sees_marks = any(name.startswith("mark__") for name in self._names)

    def rank(self, policy_id: str, subject: str, body: str, facts: Iterable[Fact]) -> Ranked:
        """Rank the types and levels of a policy for a request."""
        kind = self._heads.get((policy_id, TYPE))
        level = self._heads.get((policy_id, PRIORITY))
        if kind is None and level is None:
            return Ranked(type=None, priority=None, words=())
        found = self._found(words(subject, body), marks(subject, body, facts) if self._sees_marks else "")
        return Ranked(
            type=kind.rank(found) if kind else None,
            priority=level.rank(found) if level else None,
            words=level.words(found, self._names) if level else (),
        )

    def _found(self, text: str, seen: str) -> Any:
        from triage import head  # noqa: PLC0415 - numpy; loaded already with the artefact

        return head.found(self._features, [(text, seen)])
