"""Claim a job, run it, close it: done, again later, or parked for a person."""

import random
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from uuid import UUID

import structlog
from sqlalchemy import Engine

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
    while time.monotonic() < end:
        held = claim(engine)
        if held is None:
            break
        run(engine, held, plugs[held.kind])
        done += 1
    return done


def claim(engine: Engine, job: UUID | None = None) -> Held | None:
    """Take the next job, or this one, under a lease; committed at once, so that a crash counts as an attempt."""
    with transaction(engine) as session:
        row = tables.jobs.claim(session, LEASE, job)
        if row is None:
            return None
        failed = row.attempts - 1 - row.excused
        return Held(id=row.id, kind=row.kind, subject=row.subject, attempt=row.attempts, failures=failed)


def run(engine: Engine, held: Held, plug: Plug) -> None:
    """Do one job and record how it ended; a failing job never stops the queue."""
    with structlog.contextvars.bound_contextvars(job=str(held.id), kind=held.kind):
        if held.failures >= plug.failures:
            _give_up(engine, held, plug)
            return
        try:
            with time_limit(JOB_SECONDS):
                plug.run(held.subject)
        except Exception as error:  # noqa: BLE001 - whatever a job raises, the queue moves on
            _close_failed(engine, held, error)
        else:
            with transaction(engine) as session:
                tables.jobs.finish(session, held.id, held.attempt)


def _close_failed(engine: Engine, held: Held, error: Exception) -> None:
    excused = isinstance(error, Unavailable)
    delay = timedelta(seconds=backoff(held.attempt))
    told = f"{type(error).__name__}: {error}"[:2000]
    permanent = isinstance(error, SwitchboardError) and not error.temporary
    log.warning("job.failed", attempt=held.attempt, error=type(error).__name__, excused=excused, exc_info=not excused)
    with transaction(engine) as session:
        if permanent:
            tables.jobs.park(session, held.id, held.attempt, told)
        else:
            tables.jobs.retry(session, held.id, held.attempt, delay, told, excused=excused)


def _give_up(engine: Engine, held: Held, plug: Plug) -> None:
    """End a poisonous job: its subject is shown as it is, the job waits for a person."""
    log.error("job.parked", attempt=held.attempt)
    if plug.give_up is not None:
        try:
            plug.give_up(held.subject)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("job.give_up_failed", error=type(error).__name__)
    with transaction(engine) as session:
        job = session.get(tables.jobs.Job, held.id)
        reason = job.error if job and job.error else "the worker died while running it"
        tables.jobs.park(session, held.id, held.attempt, reason)


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
