"""Mails written in groups: durable when told so, one commit for many, one bad mail alone, never a hang."""

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import event, text

from intake.smtp import writer as writing
from intake.smtp.writer import Writer
from models import store
from models.errors import Unavailable


class Wakes:
    """Counts the calls that wake the workers."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        """Count."""
        self.count += 1


@pytest.fixture
def wakes() -> Wakes:
    """How often workers were woken."""
    return Wakes()


@pytest.fixture
def writer(engine, wakes) -> Iterator[Writer]:
    """A writer into a database of the test's own."""
    with Writer(engine, wakes) as made:
        yield made


def together(writer: Writer, *mails) -> list:
    """Store mails at the same time; what came of each."""

    async def all_at_once():
        return await asyncio.gather(*(writer.store(*each) for each in mails), return_exceptions=True)

    return asyncio.run(all_at_once())


def rows(engine, query: str) -> list:
    """What the database holds."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_a_mail_is_stored_as_it_came_with_its_job(writer, engine, envelope, wakes):
    """Every column, the bytes, and work for a worker, in one transaction."""
    sent = replace(envelope(), rcpt_to=("support@example.com", "support+two@example.com"))
    assert together(writer, (sent, b"Subject: x\r\n\r\n\x00\xff")) == [None]
    ((mail, *shown),) = rows(
        engine, "select id, mail_from, rcpt_to, peer, helo, size, raw, state, received_at from mails"
    )
    assert shown[:4] == [sent.mail_from, list(sent.rcpt_to), sent.peer, sent.helo]
    assert shown[4:] == [16, b"Subject: x\r\n\r\n\x00\xff", "received", sent.received_at]
    jobs = rows(engine, "select kind, subject, state, run_at, attempts, excused from jobs")
    assert jobs == [("mail.process", mail, "waiting", sent.received_at, 0, 0)]
    assert wakes.count == 1


def test_who_waits_shares_a_commit(writer, engine, envelope, wakes):
    """Sixty mails at once are far fewer transactions, and as few wake-ups."""
    answers = together(writer, *((envelope(), b"Subject: %d\r\n\r\nx" % number) for number in range(60)))
    assert answers == [None] * 60
    assert rows(engine, "select count(*), count(distinct xmin::text) <= 10 from mails") == [(60, True)]
    assert rows(engine, "select count(*) from jobs") == [(60,)]
    assert wakes.count <= 10


def test_the_same_mail_again_is_stored_once(writer, engine, envelope):
    """Within one group, and in a later one (A4)."""
    mail = (envelope(), b"Subject: x\r\n\r\nagain")
    assert together(writer, mail, mail, mail) == [None] * 3
    assert together(writer, mail) == [None]
    assert rows(engine, "select (select count(*) from mails), (select count(*) from jobs)") == [(1, 1)]


def test_a_mail_that_postgresql_refuses_fails_alone(writer, engine, envelope):
    """Its neighbours in the group are stored, and it is not called an outage."""
    bad = replace(envelope(), helo="nul \x00")
    mails = [(envelope(), b"Subject: %d\r\n\r\nx" % number) for number in range(6)]
    mails[3] = (bad, b"Subject: bad\r\n\r\nx")
    answers = together(writer, *mails)
    assert [answer is None for answer in answers] == [True, True, True, False, True, True]
    assert not isinstance(answers[3], Unavailable)
    assert rows(engine, "select count(*) from mails") == [(5,)]


def test_large_mails_go_alone_and_in_whole(writer, engine, envelope, wakes):
    """Each in a transaction of its own, byte for byte."""
    large = [(envelope(), b"Subject: %d\r\n\r\n" % number + os.urandom(400_000)) for number in range(3)]
    assert together(writer, *large) == [None] * 3
    assert rows(engine, "select count(distinct xmin::text) from mails") == [(3,)]
    assert sorted(raw for (raw,) in rows(engine, "select raw from mails")) == sorted(each for _, each in large)
    assert wakes.count == 3


def test_an_outage_is_unavailable_and_ends_by_itself(database_url, envelope, wakes):
    """Nobody is at the address: told so soon; every connection cut: the next mail goes through (G7)."""
    away = store.connect("postgresql://postgres@/switchboard?host=%2Fnonexistent")
    with Writer(away, wakes) as writer:
        assert [type(answer) for answer in together(writer, (envelope(), b"x"), (envelope(), b"y"))] == [
            Unavailable
        ] * 2
    assert wakes.count == 0
    engine = store.connect(database_url)
    with Writer(engine, wakes) as writer:
        assert together(writer, (envelope(), b"a")) == [None]
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where pid <> pg_backend_pid() and datname = current_database()"
            )
        assert together(writer, (envelope(), b"b")) == [None]
    engine.dispose()


def test_a_locked_table_is_unavailable_in_time(writer, engine, envelope, monkeypatch):
    """PostgreSQL's own lock time-out ends it (G11)."""

    @event.listens_for(engine, "connect")
    def impatient(connection, _record):
        with connection.cursor() as cursor:
            cursor.execute("set lock_timeout = '300ms'")
        connection.commit()

    engine.dispose()
    with engine.connect() as other, other.begin():
        other.execute(text("lock table mails"))
        (answer,) = together(writer, (envelope(), b"x"))
    assert isinstance(answer, Unavailable)
    assert together(writer, (envelope(), b"x")) == [None]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may stop another user's process")
def test_a_stopped_server_process_is_given_up_and_the_next_mail_gets_through(engine, envelope, wakes):
    """It answers to no time-out of its own: the client is told to come back, the line is cut (G8)."""
    pids: list[int] = []

    @event.listens_for(engine, "checkout")
    def note(connection, _record, _proxy):
        pids.append(connection.info.backend_pid)

    with Writer(engine, wakes, patience=1.0) as writer:
        assert together(writer, (envelope(), b"before")) == [None]
        try:
            os.kill(pids[0], signal.SIGSTOP)
            started = time.monotonic()
            (answer,) = together(writer, (envelope(), b"stuck"))
            assert isinstance(answer, Unavailable)
            assert time.monotonic() - started < 60
            assert together(writer, (envelope(), b"after")) == [None]
            os.kill(pids[-1], signal.SIGSTOP)
            asyncio.run(left_at_once(writer, envelope()))
            answers = [together(writer, (envelope(), b"later"))[0] for _ in range(2)]
            assert answers[-1] is None
        finally:
            for pid in set(pids):
                os.kill(pid, signal.SIGCONT)
    assert rows(engine, "select count(*) from mails where raw in ('after', 'left', 'later')") == [(3,)]


async def left_at_once(writer: Writer, sent) -> None:
    """A client that sends a mail and is gone before the answer."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(writer.store(sent, b"left"), 0.2)


def test_a_client_that_goes_away_does_not_stop_the_commit(writer, engine, envelope):
    """Cancelling the answer leaves the mail stored (A3)."""

    async def leave():
        task = asyncio.create_task(writer.store(envelope(), b"x"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await writer.store(envelope(), b"y")

    asyncio.run(leave())
    assert rows(engine, "select count(*) from mails") == [(2,)]


def test_closing_writes_what_waits_and_then_refuses(engine, envelope, wakes):
    """Nothing that waits is dropped, nothing more is taken (A29)."""

    async def last():
        waiting = [asyncio.create_task(writer.store(envelope(), b"%d" % number)) for number in range(30)]
        await asyncio.sleep(0)
        await asyncio.to_thread(writer.close)
        await asyncio.gather(*waiting)
        with pytest.raises(Unavailable):
            await writer.store(envelope(), b"late")

    writer = Writer(engine, wakes)
    asyncio.run(last())
    assert rows(engine, "select count(*) from mails") == [(30,)]


def test_building_a_writer_opens_nothing(wakes):
    """No thread and no connection before the first mail, so that a fork is safe."""
    before = threading.active_count()
    Writer(store.connect("postgresql://postgres@/nowhere"), wakes).close()
    assert threading.active_count() == before


def test_commits_are_durable(engine, envelope, wakes):
    """The writer's connections wait for the log to be on disk (A5)."""
    seen = []

    @event.listens_for(engine, "before_cursor_execute")
    def ask(_connection, cursor, _statement, *_):
        seen.append(cursor.connection.execute("show synchronous_commit").fetchone()[0])

    with Writer(engine, wakes) as writer:
        assert together(writer, (envelope(), b"x")) == [None]
    assert seen == ["on"]
    assert writing.PATIENCE < 30
