"""The registry of classifiers: kept in PostgreSQL, signed, loaded only if the bytes are the signed ones."""

import hashlib
import hmac
import threading
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models import tables
from models.errors import ArtefactRefused, NotFound
from models.store import transaction
from models.terms import ArtefactState
from triage import classifier
from triage.classifier import Classifier
from triage.training import Trained

log = structlog.get_logger()


def sign(digest: str, secret: str) -> str:
    """HMAC-SHA256 of an artefact's digest under the installation's secret, in hex."""
    return hmac.new(secret.encode(), f"artefact:{digest}".encode(), hashlib.sha256).hexdigest()


def enrol(
    session: Session, trained: Trained, metrics: dict[str, Any], *, secret: str, now: datetime
) -> tables.artefacts.Artefact:
    """Add a candidate; the same training data gives the same id and is enrolled once."""
    known = session.get(tables.artefacts.Artefact, trained.id)
    if known is not None:
        known.signature = sign(trained.digest, secret)  # the installation's secret may have changed since
        return known
    row = tables.artefacts.Artefact(
        id=trained.id,
        digest=trained.digest,
        signature=sign(trained.digest, secret),
        content=trained.content,
        sklearn_version=trained.sklearn_version,
        fingerprint=trained.fingerprint,
        metrics=metrics,
        state=ArtefactState.CANDIDATE,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row


def promote(session: Session, artefact: str, now: datetime) -> tables.artefacts.Artefact:
    """Put an artefact in force; workers load it before their next job.

    Raises:
        NotFound: the registry has no such artefact.

    """
    row = session.get(tables.artefacts.Artefact, artefact)
    if row is None:
        raise NotFound(public=f"The registry has no artefact {artefact!r}; see switchboard classifier list")
    tables.artefacts.promote(session, row, now)
    return row


def rollback(session: Session, now: datetime) -> tables.artefacts.Artefact:
    """Put the artefact that was in force before back.

    Raises:
        NotFound: there was none before.

    """
    before = tables.artefacts.previous(session)
    if before is None:
        raise NotFound(public="There is no earlier artefact to go back to; see switchboard classifier list")
    tables.artefacts.promote(session, before, now)
    return before


def load(session: Session, artefact: tables.artefacts.Artefact, *, secret: str) -> Classifier:
    """Verify an artefact's signature, digest and scikit-learn version, then load those very bytes.

    Raises:
        ArtefactRefused: any of them is not what was recorded.

    """
    if not hmac.compare_digest(artefact.signature, sign(artefact.digest, secret)):
        raise ArtefactRefused(f"{artefact.id}: the signature is not ours")
    return classifier.load(tables.artefacts.content(session, artefact.id), artefact.digest)


class Running:
    """The classifier in force, loaded once and swapped when another is promoted; safe between threads.

    A refused artefact leaves the one before at work (or none: requests are then unclassified).
    """

    def __init__(self, engine: Engine, secret: str) -> None:
        self._engine = engine
        self._secret = secret
        self._id: str | None = None
        self._classifier: Classifier | None = None
        self._lock = threading.Lock()

    def get(self) -> Classifier | None:
        """The classifier in force, or None while there is none to trust."""
        with self._lock, transaction(self._engine) as session:
            wanted = tables.artefacts.running_id(session)
            if wanted != self._id:
                self._swap(session)
                self._id = wanted
            return self._classifier

    def _swap(self, session: Session) -> None:
        artefact = tables.artefacts.running(session)
        if artefact is None:
            self._classifier = None
            return
        try:
            self._classifier = load(session, artefact, secret=self._secret)
        except ArtefactRefused as refusal:
            log.exception("artefact.refused", artefact=artefact.id, reason=str(refusal))
        else:
            log.info("artefact.loaded", artefact=artefact.id)
