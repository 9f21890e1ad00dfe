"""What happens when two take in something of the same request at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from models import tables
from models.errors import Unavailable
from models.store import transaction
from models.terms import Channel, Interaction, JobKind
from triage.desk.reception import Reception, receive
from triage.policy import load_packs

DESK = Reception(policies=load_packs(), default_policy="wso2")


def taken_in(session: Session, now: datetime, request: UUID | None = None, **more) -> UUID:
    """Take a part of a call in; gives its request."""
    given = {"source": "call:CA1", "new_text": "Orders fail.", **more}
    said = Interaction(channel=Channel.PHONE, received_at=now, request=request, **given)
    return receive(session, said, now, reception=DESK).request


def waits(engine: Engine) -> None:
    """Return once a statement of somebody waits for somebody else's."""
    waiting = text("select count(*) from pg_locks, pg_sleep(0.01) where not granted")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert any(connection.scalar(waiting) for _ in range(500))


def test_the_same_taken_in_twice_at_once_opens_one_request(engine, now):
    """Whoever comes second is told to come again, and then hears of the first one's request."""

    def again() -> UUID:
        with transaction(engine) as session:
            return taken_in(session, now)

    with ThreadPoolExecutor() as other:
        with transaction(engine) as session:
            first = taken_in(session, now)
            late = other.submit(again)
            waits(engine)
        with pytest.raises(Unavailable):
            late.result()
    assert again() == first
    with transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(tables.requests.Request)) == 1


def test_what_somebody_changed_meanwhile_stays(engine, now):
    """A request that was read before it was held is read anew."""
    with transaction(engine) as session:
        request = taken_in(session, now)
    with transaction(engine) as session:
        tables.requests.fetch(session, request)
        with transaction(engine) as other:
            tables.requests.fetch(other, request).subject = "Orders"
        taken_in(session, now, request, source="call:CA1:problem", subject="Something else")
    with transaction(engine) as session:
        assert tables.requests.fetch(session, request).subject == "Orders"


def test_a_job_that_is_done_is_asked_for_anew_and_one_that_waits_stays(engine, now):
    """Whoever runs one keeps it."""
    with transaction(engine) as session:
        subject = taken_in(session, now)
        tables.jobs.schedule(session, JobKind.RECEIPT_SEND, subject, now)
        (job,) = session.scalars(select(tables.jobs.Job).where(tables.jobs.Job.subject == subject))
        job.attempts = 2
        session.flush()
        tables.jobs.schedule_anew(session, JobKind.RECEIPT_SEND, subject, now)
        session.refresh(job)
        assert job.attempts == 2
        assert tables.jobs.finish(session, job.id, 2)
        tables.jobs.schedule_anew(session, JobKind.RECEIPT_SEND, subject, now)
        session.refresh(job)
        assert (job.state, job.attempts) == ("waiting", 0)
