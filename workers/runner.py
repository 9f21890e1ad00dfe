"""Claim a job, run it, close it: done, again later, or parked for a person."""

import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from uuid import UUID

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models import tables
from models.errors import SwitchboardError, Unavailable
from models.ports import RunJob
from models.store import transaction
from models.terms import JobKind

LEASE = timedelta(seconds=30)
"""How long a job is ours; a dead worker's job is taken over after that."""
JOB_SECONDS = 20
"""How long a job may run before it is broken off: shorter than the lease, so that two never run it."""
BATCH_SECONDS = 30.0
"""How long one round of work lasts before the queue is asked again."""
LONGEST_DELAY = 600.0
"""Seconds between two tries at most."""

Close = Callable[[Session], object]
"""Records how a job ended, if it is still ours."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plug:
    """What runs a kind of job, and what ends one that failed `failures` times by its own fault."""

    run: RunJob
    give_up: RunJob | None = None
    failures: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A claimed job: its id, what to do for whom, and the fencing token."""

    id: UUID
    kind: JobKind
    subject: UUID
    attempt: int
    failures: int


def run_due(engine: Engine, plugs: Mapping[JobKind, Plug]) -> int:
    """Run jobs until none is due or the round is over; how many were run.

    Raises:
        Unavailable: PostgreSQL is away; the jobs are still there.

    """
    done, end = 0, time.monotonic() + BATCH_SECONDS
    held = claim(engine)
    while held is not None:
        held = run(engine, held, plugs[held.kind], claim_next=lambda: time.monotonic() < end)
        done += 1
    return done


def claim(engine: Engine, job: UUID | None = None) -> Held | None:
    """Take the next job, or this one, under a lease; committed at once, so that a crash counts as an attempt."""
    with transaction(engine) as session:
        return _claimed(session, job)


def run(engine: Engine, held: Held, plug: Plug, *, claim_next: Callable[[], bool] = lambda: False) -> Held | None:
    """Do one job and record how it ended; a failing job never stops the queue.

    If `claim_next` then says so, the next job is taken in the same commit, and given.
    """
    with structlog.contextvars.bound_contextvars(job=str(held.id), kind=held.kind):
        close = _given_up(engine, held, plug) if held.failures >= plug.failures else _tried(held, plug)
    with transaction(engine) as session:
        close(session)
        return _claimed(session) if claim_next() else None


def _claimed(session: Session, job: UUID | None = None) -> Held | None:
    row = tables.jobs.claim(session, LEASE, job)
    if row is None:
        return None
    failed = row.attempts - 1 - row.excused
    return Held(id=row.id, kind=row.kind, subject=row.subject, attempt=row.attempts, failures=failed)


def _tried(held: Held, plug: Plug) -> Close:
    """Run a job; how to close it."""
    try:
        with time_limit(JOB_SECONDS):
            plug.run(held.subject)
    except Exception as error:  # noqa: BLE001 - whatever a job raises, the queue moves on
        return _failed(held, error)
    return lambda session: tables.jobs.finish(session, held.id, held.attempt)


def _failed(held: Held, error: Exception) -> Close:
    excused = isinstance(error, Unavailable)
    delay = timedelta(seconds=backoff(held.attempt))
    told = f"{type(error).__name__}: {error}"[:2000]
    permanent = isinstance(error, SwitchboardError) and not error.temporary
    log.warning("job.failed", attempt=held.attempt, error=type(error).__name__, excused=excused, exc_info=not excused)
    if permanent:
        return lambda session: tables.jobs.park(session, held.id, held.attempt, told)
    return lambda session: tables.jobs.retry(session, held.id, held.attempt, delay, told, excused=excused)


def _given_up(engine: Engine, held: Held, plug: Plug) -> Close:
    """End a poisonous job: its subject is shown as it is, the job waits for a person."""
    log.error("job.parked", attempt=held.attempt)
    with transaction(engine) as session:
        reason = tables.jobs.error_of(session, held.kind, held.subject) or "the worker died while running it"
    if plug.give_up is not None:
        try:
            plug.give_up(held.subject)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("job.give_up_failed", error=type(error).__name__)
    return lambda session: tables.jobs.park(session, held.id, held.attempt, reason)


def backoff(attempt: int) -> float:
    """Seconds to wait after the n-th try: doubling from one second, with jitter, ten minutes at most."""
    return min(2.0 ** (attempt - 1), LONGEST_DELAY) * random.uniform(0.8, 1.2)  # noqa: S311 - spreading, not secrecy


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Break a block off after so many seconds (TimeoutError); needs the main thread, as Celery's children have."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"broken off after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
