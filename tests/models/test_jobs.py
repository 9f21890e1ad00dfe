"""Jobs are rows: claimed by one, finished once, never lost."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import Engine

from models import tables
from models.store import transaction
from models.terms import JobKind, JobState

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = timedelta(seconds=30)


def test_a_job_is_scheduled_once(session):
    """Asking twice for the same work leaves one row."""
    subject = uuid4()
    for _ in range(2):
        tables.jobs.schedule(session, JobKind.MAIL_PROCESS, subject, LONG_AGO)
    assert tables.jobs.waiting(session) == 1


def test_two_workers_never_hold_the_same_job(engine: Engine):
    """A claimed job is invisible to others until its lease runs out."""
    with transaction(engine) as session:
        tables.jobs.schedule(session, JobKind.MAIL_PROCESS, uuid4(), LONG_AGO)
    with transaction(engine) as one, transaction(engine) as other:
        assert tables.jobs.claim(one, LEASE) is not None
        assert tables.jobs.claim(other, LEASE) is None
    with transaction(engine) as third:
        assert tables.jobs.claim(third, LEASE) is None


def test_a_dead_workers_job_is_taken_over_and_its_late_finish_is_refused(engine: Engine):
    """The attempt number fences off whoever lost the lease."""
    with transaction(engine) as session:
        tables.jobs.schedule(session, JobKind.MAIL_PROCESS, uuid4(), LONG_AGO)
    with transaction(engine) as session:
        first = tables.jobs.claim(session, timedelta(seconds=-1))
        assert first is not None
        held = first.id, first.attempts
    with transaction(engine) as session:
        second = tables.jobs.claim(session, LEASE)
        assert second is not None
        assert second.attempts == 2
    with transaction(engine) as session:
        assert not tables.jobs.finish(session, *held)
        assert tables.jobs.finish(session, second.id, second.attempts)


def test_an_excused_failure_does_not_count_against_a_job(engine: Engine):
    """An outage adds to `excused`, so that the poison limit is reached by crashes only."""
    with transaction(engine) as session:
        tables.jobs.schedule(session, JobKind.MAIL_SEND, uuid4(), LONG_AGO)
    with transaction(engine) as session:
        job = tables.jobs.claim(session, LEASE)
        assert tables.jobs.retry(session, job.id, job.attempts, timedelta(0), "away", excused=True)
    with transaction(engine) as session:
        again = tables.jobs.claim(session, LEASE)
        assert (again.attempts, again.excused, again.error) == (2, 1, "away")


def test_a_parked_job_is_kept_with_its_error_and_can_be_reopened(engine: Engine):
    """Nothing is dropped: a person sees the error and lets it run again."""
    with transaction(engine) as session:
        tables.jobs.schedule(session, JobKind.MAIL_PROCESS, uuid4(), LONG_AGO)
    with transaction(engine) as session:
        job = tables.jobs.claim(session, LEASE)
        tables.jobs.park(session, job.id, job.attempts, "boom")
    with transaction(engine) as session:
        (parked,) = tables.jobs.parked(session)
        assert parked.error == "boom"
        tables.jobs.reopen(parked, LONG_AGO)
    with transaction(engine) as session:
        assert tables.jobs.claim(session, LEASE).state is JobState.WAITING
