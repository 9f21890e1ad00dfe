"""A trained file's bytes to a ranking of a policy's types and levels.

scikit-learn, joblib and numpy are imported only by whoever loads an artefact.
"""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any, Protocol

from models.errors import ArtefactRefused
from models.terms import Fact
from triage.features import marks, row

FORMAT = 2
TYPE, PRIORITY = "type", "priority"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Calibrated probabilities by slug (each sums to 1; None: never learnt).

    `words` are those of the text that spoke most for the top priority, with what they add to its logit. A level
    belongs to the set that holds the right one nine times in ten if its share is at least `floor` (None: not
    measured). `known` is the share of the text's words that training has seen; `declines` says of a label why its
    probabilities are not to be trusted. Where only a type was learnt, `floor` is that of the types.
    """

    type: dict[str, float] | None
    priority: dict[str, float] | None
    words: tuple[tuple[str, float], ...]
    floor: float | None = None
    known: float = 1.0
    declines: tuple[str, ...] = ()


class Classifier(Protocol):
    """Whatever ranks a request; `id` names the artefact behind it."""

    @property
    def id(self) -> str:
        """The artefact's id, as stored with each suggestion."""
        ...

    def rank(self, policy_id: str, subject: str, body: str, facts: Iterable[Fact]) -> Ranked:
        """Rank the types and levels of a policy for a request."""
        ...

    def learn(
        self, policy_id: str, subject: str, body: str, facts: Iterable[Fact], *, given: Mapping[str, str | None]
    ) -> None:
        """Move towards the labels a person gave a request (by `TYPE` and `PRIORITY`), in this process only."""
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
        from triage.gather import Gather  # noqa: PLC0415 - numpy; only who loads an artefact pays for it

        self.id = artefact
        self._heads = heads
        self._gather = Gather(features) if features is not None else None

    def rank(self, policy_id: str, subject: str, body: str, facts: Iterable[Fact]) -> Ranked:
        """Rank the types and levels of a policy for a request."""
        heads = self._asked(policy_id)
        if self._gather is None or not heads:
            return Ranked(type=None, priority=None, words=())
        seen = self._seen(self._gather, subject, body, facts)
        kind, level = heads.get(TYPE), heads.get(PRIORITY)
        return Ranked(
            type=kind.rank(seen) if kind else None,
            priority=level.rank(seen) if level else None,
            words=level.words(seen, self._gather.names) if level else (),
            floor=[*heads.values()][-1].floor,
            known=seen.known,
            declines=tuple(f"{label}: {head.declines}" for label, head in heads.items() if head.declines),
        )

    def learn(
        self, policy_id: str, subject: str, body: str, facts: Iterable[Fact], *, given: Mapping[str, str | None]
    ) -> None:
        """Move towards the labels a person gave a request, in this process only: the artefact stays what it is."""
        heads = self._asked(policy_id)
        if self._gather is None or not heads:
            return
        seen = self._seen(self._gather, subject, body, facts)
        for label, head in heads.items():
            head.learn(seen, given.get(label) or "")

    def _asked(self, policy_id: str) -> dict[str, Any]:
        return {label: head for label in (TYPE, PRIORITY) if (head := self._heads.get((policy_id, label)))}

    @staticmethod
    def _seen(gather: Any, subject: str, body: str, facts: Iterable[Fact]) -> Any:
        return gather.see(row(subject, body, marks(subject, body, facts) if gather.sees_marks else ""))
