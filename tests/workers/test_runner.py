"""The runner closes every job one way or another and never stops the queue."""

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from models import tables
from models.errors import Invalid, Unavailable
from models.store import transaction
from models.terms import JobKind, JobState
from workers import runner
from workers.runner import Plug

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def ask(engine: Engine, *subjects: UUID) -> None:
    """Schedule a job for each subject."""
    with transaction(engine) as session:
        for subject in subjects:
            tables.jobs.schedule(session, JobKind.MAIL_PROCESS, subject, LONG_AGO)


def make_due(engine: Engine) -> None:
    """Let every waiting job be due now, as if its delay had passed."""
    with transaction(engine) as session:
        session.execute(text("update jobs set run_at = now() - interval '1 second', leased_until = null"))


def state_of(engine: Engine, subject: UUID) -> tables.jobs.Job:
    """The job of a subject."""
    with transaction(engine) as session:
        return next(job for job in session.query(tables.jobs.Job).all() if job.subject == subject)


def test_every_due_job_runs_once(engine: Engine):
    """A round runs all that is due; a second round finds nothing."""
    subjects = [uuid4() for _ in range(5)]
    ask(engine, *subjects)
    ran: list[UUID] = []
    plugs = {JobKind.MAIL_PROCESS: Plug(run=ran.append)}
    assert runner.run_due(engine, plugs) == 5
    assert runner.run_due(engine, plugs) == 0
    assert sorted(ran) == sorted(subjects)


def test_a_poisonous_job_is_given_up_after_three_failures_and_others_go_on(engine: Engine):
    """Its subject is handed to `give_up`, its row stays parked with the error."""
    poison, healthy = uuid4(), uuid4()
    ask(engine, poison, healthy)
    given_up: list[UUID] = []
    ran: list[UUID] = []

    def run(subject: UUID) -> None:
        ran.append(subject)
        if subject == poison:
            raise ValueError("boom")

    plugs = {JobKind.MAIL_PROCESS: Plug(run=run, give_up=given_up.append)}
    for _ in range(5):
        runner.run_due(engine, plugs)
        make_due(engine)
    assert ran.count(poison) == 3
    assert ran.count(healthy) == 1
    assert given_up == [poison]
    parked = state_of(engine, poison)
    assert (parked.state, parked.error) == (JobState.PARKED, "ValueError: boom")


def test_an_outage_never_parks_a_job(engine: Engine):
    """Unavailable is excused however often it happens."""
    subject = uuid4()
    ask(engine, subject)

    def away(_subject: UUID) -> None:
        raise Unavailable("smarthost away")

    for _ in range(6):
        runner.run_due(engine, {JobKind.MAIL_PROCESS: Plug(run=away)})
        make_due(engine)
    assert state_of(engine, subject).state is JobState.WAITING


def test_a_permanent_refusal_is_parked_at_once(engine: Engine):
    """What cannot succeed later is not tried again."""
    subject = uuid4()
    ask(engine, subject)

    def refuse(_subject: UUID) -> None:
        raise Invalid("never")

    runner.run_due(engine, {JobKind.MAIL_PROCESS: Plug(run=refuse)})
    assert state_of(engine, subject).state is JobState.PARKED


def test_a_job_whose_worker_died_three_times_is_given_up(engine: Engine):
    """A crash leaves no report; the claims alone count."""
    subject = uuid4()
    ask(engine, subject)
    for _ in range(3):
        assert runner.claim(engine) is not None
        make_due(engine)
    given_up: list[UUID] = []
    plugs = {JobKind.MAIL_PROCESS: Plug(run=lambda _subject: pytest.fail("ran"), give_up=given_up.append)}
    runner.run_due(engine, plugs)
    assert given_up == [subject]
    assert "died" in str(state_of(engine, subject).error)


def test_a_hanging_job_is_broken_off():
    """The time limit interrupts Python code."""
    with pytest.raises(TimeoutError), runner.time_limit(1):
        time.sleep(5)


def test_backoff_grows_to_ten_minutes():
    """Delays double, with jitter, and have a ceiling."""
    assert 0.8 <= runner.backoff(1) <= 1.2
    assert 6.0 <= runner.backoff(4) <= 10.0
    assert runner.backoff(50) <= timedelta(minutes=12).total_seconds()
