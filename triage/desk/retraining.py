"""Training anew, by a person or each week: collect, train, compare, enrol; put in force what may be without asking."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from models import tables
from models.errors import ArtefactRefused, Conflict
from models.ports import Clock
from models.store import transaction
from models.terms import ArtefactState, LabelledRequest
from triage import training
from triage.classifier import Classifier
from triage.desk import drift, learning, promotion, registry
from triage.desk.learning import Lessons
from triage.policy import Policy

ADVISORY_LOCK = 0x5B0A8D02
"""PostgreSQL advisory lock key that whoever trains holds: one at a time in the whole house."""
AGAIN = timedelta(hours=1)
"""After a training that failed or never ended, the next one is tried this much later."""
ENOUGH = 20
"""Decisions the artefact in force was not taught from which on they are held out to compare with."""
MOST = 2000
"""Decisions that are held out at most, the newest."""
NOTHING_NEW = "nothing to do: no new decisions or imports"
BEAT = "beat"
"""Who made an artefact that no person asked for."""

Progress = Callable[[int, int], None]

log = structlog.get_logger()


class Steps:
    """Progress over several trainings, told as that of one."""

    def __init__(self, number: int, tell: Progress | None) -> None:
        self._number = number
        self._tell = tell
        self._begun = 0

    def next(self) -> Progress | None:
        """Whom the next training tells."""
        before, tell = self._begun, self._tell
        self._begun += 1
        return (lambda done, whole: tell(before * whole + done, self._number * whole)) if tell else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a retraining came to: the artefact, if there is a new one, and a sentence."""

    artefact: str | None
    told: str
    lessons: Lessons
    promoted: bool = False


def is_due(session: Session, now: datetime, every: timedelta) -> bool:
    """Whether the classifier is to be trained anew: `every` has passed since the last time that ended well.

    Where there never was one, since the artefact in force was made; at once if there is none, or workers refuse it.
    """
    last = tables.lessons.last_retraining(session)
    running = tables.artefacts.running(session)
    helpless = running is None or running.refusal is not None
    if last is not None and (last.failed or helpless) and now < last.started_at + AGAIN:
        return False
    well = tables.lessons.last_retraining(session, failed=False)
    return running is None or helpless or now >= (well.started_at if well else running.created_at) + every


@contextmanager
def only_one(engine: Engine) -> Iterator[None]:
    """Hold the lock of whoever trains.

    Raises:
        Conflict: somebody else holds it.

    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        key = {"key": ADVISORY_LOCK}
        if not connection.scalar(text("select pg_try_advisory_lock(:key)"), key):
            raise Conflict(public="Another retraining is under way; wait for its end.")
        try:
            yield
        finally:
            connection.execute(text("select pg_advisory_unlock(:key)"), key)


def retrain(
    engine: Engine,
    policies: Mapping[str, Policy],
    *,
    secret: str,
    made_by: str,
    clock: Clock,
    every: timedelta | None = None,
    promotes: bool = False,
    progress: Progress | None = None,
) -> Outcome | None:
    """Train a candidate from everything there is now, and put it into the shadow; None if it is not due.

    With `every` only if that has passed since the last time. With `promotes` it is put in force unless it is worse; so
    is, in any case, one that takes the place of an artefact that was taught requests erased since.

    Raises:
        Conflict: another retraining is under way.
        Unavailable: PostgreSQL is away.

    """
    with only_one(engine):
        with transaction(engine) as session:
            if every is not None and not is_due(session, clock(), every):
                return None
            row = tables.lessons.Retraining(started_at=clock(), made_by=made_by, failed=True, outcome="under way")
            session.add(row)
            session.flush()
            begun = row.id
        try:
            outcome = _trained(engine, policies, secret, made_by, clock, promotes, progress)
        except Exception as error:
            _end(engine, begun, clock(), outcome=f"{type(error).__name__}: {error}"[:500])
            raise
        _end(engine, begun, clock(), outcome=outcome.told, artefact=outcome.artefact, failed=False)
        log.info("classifier.retrained", artefact=outcome.artefact, promoted=outcome.promoted, outcome=outcome.told)
        return outcome


def _end(engine: Engine, retraining: UUID, now: datetime, **values: Any) -> None:
    with transaction(engine) as session:
        row = session.get_one(tables.lessons.Retraining, retraining)
        row.ended_at = now
        for name, value in values.items():
            setattr(row, name, value)


def _trained(
    engine: Engine,
    policies: Mapping[str, Policy],
    secret: str,
    made_by: str,
    clock: Clock,
    promotes: bool,
    progress: Progress | None,
) -> Outcome:
    with transaction(engine) as session:
        lessons = learning.collect(session, policies)
        known = _of_basis(session, lessons.basis, secret, policies)
        running = tables.artefacts.running(session)
        fresh = _fresh(session, lessons, running)
        in_force = _try_load(session, running, secret, policies)
        if known is not None and promotes and known.state is ArtefactState.CANDIDATE:
            can_work = in_force is not None
            return _settled(session, known, lessons, policies, clock(), promotes=True, can_work=can_work)
    if known is not None:
        return Outcome(artefact=None, told=f"{NOTHING_NEW} since {known.id}", lessons=lessons)
    compares = running is not None and in_force is not None and len(fresh) >= ENOUGH
    steps = Steps(1 + promotion.FOLDS if compares else 1, progress)
    trained = _train(policies, steps, lessons.examples)
    metrics = dict(trained.metrics)
    if running is not None and in_force is not None and compares:
        train = partial(_train, policies, steps)
        figures = promotion.held_out(lessons.examples, fresh, in_force, policies, train)
        metrics["held_out"] = {"against": running.id} | figures
    with transaction(engine) as session:
        made = registry.enrol(
            session,
            trained,
            metrics,
            secret=secret,
            now=clock(),
            lessons=lessons,
            profile=drift.profile(lessons.examples),
            made_by=made_by,
        )
        return _settled(session, made, lessons, policies, clock(), promotes=promotes, can_work=in_force is not None)


def _train(policies: Mapping[str, Policy], steps: Steps, examples: Sequence[LabelledRequest]) -> training.Trained:
    return training.train(examples, policies, progress=steps.next())


def _settled(
    session: Session,
    made: tables.artefacts.Artefact,
    lessons: Lessons,
    policies: Mapping[str, Policy],
    now: datetime,
    *,
    promotes: bool,
    can_work: bool,
) -> Outcome:
    """Put a new artefact in force if it may be without asking anybody, and clear away what is not wanted any more.

    `can_work`: there is one in force, and it can be loaded.
    """
    running = tables.artefacts.running(session)
    gone = learning.gone(session)
    if made.state is ArtefactState.RUNNING:
        said = f"{made.id} is in force already: it learnt the same"
        return Outcome(artefact=made.id, told=said, lessons=lessons, promoted=True)
    compared = promotion.compare(session, made, policies) if can_work else None
    erased = gone.get(running.id, 0) if running else 0
    wanted = promotes or erased or not can_work
    if wanted and not (compared and compared.reasons):
        registry.promote(session, made.id, now)
        registry.prune(session, gone)
        because = f": the one before was taught {erased} requests that are gone" if erased else ""
        return Outcome(artefact=made.id, told=f"{made.id} is in force{because}", lessons=lessons, promoted=True)
    registry.prune(session, gone)
    why = f" (not promoted: {'; '.join(compared.reasons)})" if compared and compared.reasons else ""
    still = f"; the one in force was taught {erased} requests that are gone" if erased else ""
    return Outcome(artefact=made.id, told=f"{made.id} waits in the shadow for a person{why}{still}", lessons=lessons)


def _of_basis(
    session: Session, basis: str, secret: str, policies: Mapping[str, Policy]
) -> tables.artefacts.Artefact | None:
    """The artefact in force, or the newest candidate since, if it was made from exactly this and can be loaded."""
    running = tables.artefacts.running(session)
    newest = tables.artefacts.newest_candidate(session, running.created_at) if running else None
    alike = (one for one in (newest, running) if one and one.basis == basis)
    return next((one for one in alike if _try_load(session, one, secret, policies)), None)


def _try_load(
    session: Session, running: tables.artefacts.Artefact | None, secret: str, policies: Mapping[str, Policy]
) -> Classifier | None:
    try:
        return registry.load(session, running, secret=secret, policies=policies) if running else None
    except ArtefactRefused:
        return None


def _fresh(session: Session, lessons: Lessons, running: tables.artefacts.Artefact | None) -> list[LabelledRequest]:
    """Decided requests that the artefact in force was not taught; none if nobody knows what it was taught."""
    if running is None or not running.basis:
        return []
    taught = set(tables.artefacts.taught(session, running.id))
    # Ids are time-ordered.
    newest = sorted(((row, place) for place, row in lessons.decided if row not in taught), reverse=True)[:MOST]
    return [lessons.examples[place] for _, place in newest]
