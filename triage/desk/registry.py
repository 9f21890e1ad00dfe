"""The registry of classifiers: kept in PostgreSQL, signed, loaded only if the bytes are the signed ones."""

import hashlib
import hmac
import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models import tables
from models.errors import ArtefactRefused, NotFound
from models.store import transaction
from models.terms import ArtefactState, Fact
from triage import classifier
from triage.classifier import Classifier, Ranked
from triage.desk import learning
from triage.desk.confirmations import Confirmed
from triage.desk.learning import Lessons
from triage.policy import Policy
from triage.training import Trained

KEPT_CANDIDATES, KEPT_RETIRED = 3, 5
NEARLY_ONE = 1e-3
"""How far probabilities may be from summing to 1."""

log = structlog.get_logger()


def sign(digest: str, secret: str) -> str:
    """HMAC-SHA256 of an artefact's digest under the installation's secret, in hex."""
    return hmac.new(secret.encode(), f"artefact:{digest}".encode(), hashlib.sha256).hexdigest()


def enrol(
    session: Session,
    trained: Trained,
    metrics: dict[str, Any],
    *,
    secret: str,
    now: datetime,
    lessons: Lessons | None = None,
    profile: dict[str, Any] | None = None,
    made_by: str = "",
) -> tables.artefacts.Artefact:
    """Add a candidate; the same training data gives the same id and is enrolled once."""
    row = session.get(tables.artefacts.Artefact, trained.id)
    if row is None:
        row = tables.artefacts.Artefact(
            id=trained.id,
            digest=trained.digest,
            content=trained.content,
            sklearn_version=trained.sklearn_version,
            fingerprint=trained.fingerprint,
            metrics=metrics,
            state=ArtefactState.CANDIDATE,
            created_at=now,
            made_by=made_by,
        )
        session.add(row)
    row.signature = sign(trained.digest, secret)  # the installation's secret may have changed since
    row.refusal = None
    if lessons is not None:
        row.basis, row.counts, row.taught = lessons.basis, lessons.counts, list(lessons.taught)
        row.profile = profile or {}
    session.flush()
    return row


def fetch(session: Session, artefact: str) -> tables.artefacts.Artefact:
    """An artefact of the registry.

    Raises:
        NotFound: the registry has none of that id.

    """
    row = session.get(tables.artefacts.Artefact, artefact)
    if row is None:
        raise NotFound(public=f"The registry has no artefact {artefact!r}; see switchboard classifier list")
    return row


def promote(session: Session, artefact: str, now: datetime) -> tables.artefacts.Artefact:
    """Put an artefact in force; workers load it before their next job.

    Raises:
        NotFound: the registry has no such artefact.

    """
    row = fetch(session, artefact)
    tables.artefacts.promote(session, row, now)
    return row


def earlier(session: Session) -> tables.artefacts.Artefact:
    """The artefact to go back to: the one before; none that was taken back, is refused, or holds erased requests.

    Raises:
        NotFound: there is none.

    """
    before = tables.artefacts.previous(session, set(learning.gone(session)))
    if before is None:
        raise NotFound(public="There is no earlier artefact to go back to; see switchboard classifier list")
    return before


def rollback(session: Session, now: datetime) -> tables.artefacts.Artefact:
    """Put the artefact that was in force before back; a second time the one before that, not what was taken back.

    Raises:
        NotFound: there was none before.

    """
    before = earlier(session)
    tables.artefacts.withdraw(session)
    tables.artefacts.promote(session, before, now)
    return before


def prune(session: Session, holding_gone: Iterable[str]) -> list[str]:
    """Delete what is neither in force nor wanted any more, with its bytes; the ids.

    Unwanted are those taught requests that are gone since (`holding_gone`), all but the newest candidates, and all but
    the last ones that were in force.
    """
    unwanted, gone = list[str](), set(holding_gone)
    kept = {ArtefactState.CANDIDATE: KEPT_CANDIDATES, ArtefactState.RETIRED: KEPT_RETIRED}
    for row in sorted(tables.artefacts.every(session), key=lambda one: one.promoted_at or one.created_at, reverse=True):
        if row.state is ArtefactState.RUNNING:
            continue
        if row.id in gone or kept[row.state] == 0:
            unwanted.append(row.id)
        else:
            kept[row.state] -= 1
    tables.artefacts.drop(session, unwanted)
    return unwanted


def load(
    session: Session,
    artefact: tables.artefacts.Artefact,
    *,
    secret: str,
    policies: Mapping[str, Policy],
) -> Classifier:
    """Verify an artefact's signature, digest and scikit-learn version, then load those very bytes.

    Raises:
        ArtefactRefused: any of them is not what was recorded.

    """
    if not hmac.compare_digest(artefact.signature, sign(artefact.digest, secret)):
        raise ArtefactRefused(f"{artefact.id}: the signature is not ours")
    return Guarded(classifier.load(tables.artefacts.content(session, artefact.id), artefact.digest), policies)


class Guarded:
    """A classifier whose failures and impossible figures are no ranking, instead of a failed job (hardening F7).

    Labels that a policy does not know (any more) are left out, and the others share what they had.
    """

    def __init__(self, inner: Classifier, policies: Mapping[str, Policy]) -> None:
        self.id = inner.id
        self._inner = inner
        self._lock = threading.Lock()  # nobody is ranked by weights that are being moved
        self._known = {
            name: ({kind.value for kind in one.types}, {level.value for level in one.levels})
            for name, one in policies.items()
        }

    def rank(self, policy_id: str, subject: str, body: str, facts: Iterable[Fact]) -> Ranked:
        """Rank the types and levels of a policy for a request; what cannot be ranked is None."""
        try:
            with self._lock:
                found = self._inner.rank(policy_id, subject, body, facts)
        except TimeoutError:
            raise  # the job's own limit
        except Exception as error:
            log.exception("artefact.failed", artefact=self.id, policy=policy_id, error=type(error).__name__)
            return Ranked(type=None, priority=None, words=())
        types, levels = self._known.get(policy_id, (set(), set()))
        return replace(
            found,
            type=_possible(found.type, types),
            priority=_possible(found.priority, levels),
            words=tuple((word, weight) for word, weight in found.words if math.isfinite(weight)),
            floor=found.floor if found.floor is not None and math.isfinite(found.floor) else None,
        )

    def learn(
        self, policy_id: str, subject: str, body: str, facts: Iterable[Fact], *, given: Mapping[str, str | None]
    ) -> None:
        """Move towards the labels a person gave a request, in this process only."""
        with self._lock:
            self._inner.learn(policy_id, subject, body, facts, given=given)


def _possible(shares: Mapping[str, float] | None, known: set[str]) -> dict[str, float] | None:
    """Probabilities of known labels, if that is what they are: finite, none below 0, together 1."""
    if not shares or not all(math.isfinite(share) and share >= 0 for share in shares.values()):
        return None
    left = {name: share for name, share in shares.items() if name in known}
    whole = sum(left.values())
    if abs(sum(shares.values()) - 1) > NEARLY_ONE or whole <= 0:
        return None
    return left if len(left) == len(shares) else {name: share / whole for name, share in left.items()}


class Running:
    """The classifier in force, loaded once and swapped when another is promoted; safe between threads.

    With `at_once` it has learnt what was decided since it was made (`triage.desk.confirmations`). A refused artefact
    leaves the one before at work (or none: requests are then unclassified), and is noted as refused in the registry,
    where `doctor` and the metrics see it.
    """

    def __init__(self, engine: Engine, secret: str, policies: Mapping[str, Policy], *, at_once: bool = True) -> None:
        self._engine = engine
        self._policies = policies
        self._secret = secret
        self._at_once = at_once
        self._id: str | None = None
        self._decided: str | None = None
        self._refused = False
        self._confirmed: Confirmed | None = None
        self._lock = threading.Lock()

    def get(self) -> Classifier | None:
        """The classifier in force, or None while there is none to trust."""
        with self._lock:
            with transaction(self._engine) as session:
                wanted, refusal, decided = tables.artefacts.in_force(session)
                # Signed anew (another secret, say), it is no longer refused: it deserves another look.
                if wanted != self._id or (self._refused and refusal is None):
                    self._swap(session)
                    self._id, self._decided = wanted, None
            if self._confirmed is None:
                return None
            if self._at_once and decided != self._decided:
                self._confirmed.refresh()
                self._confirmed.know()
                self._decided = None if self._confirmed.is_behind else decided
            return self._confirmed.classifier

    def _load(self, session: Session, artefact: tables.artefacts.Artefact) -> Classifier:
        return load(session, artefact, secret=self._secret, policies=self._policies)

    def _swap(self, session: Session) -> None:
        artefact, self._refused = tables.artefacts.running(session), False
        if artefact is None:
            self._confirmed = None
            return
        try:
            self._confirmed = Confirmed(self._engine, self._policies, self._load, session, artefact)
        except ArtefactRefused as refusal:
            log.exception("artefact.refused", artefact=artefact.id, reason=str(refusal))
            tables.artefacts.refuse(session, artefact.id, str(refusal))
            self._refused = True
        else:
            log.info("artefact.loaded", artefact=artefact.id)
            tables.artefacts.refuse(session, artefact.id, None)
