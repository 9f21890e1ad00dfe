"""Mails written in groups: whoever waits while one commit is under way is in the next one.

At fifty clients a commit for each mail costs more than the mail; one commit for all that wait costs
little more than one commit. `250` is still said only after the commit that holds the mail
(synchronous_commit on). A large mail goes alone, by another way, so that small ones do not wait for it.
"""

import asyncio
import contextlib
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Self

import structlog
from psycopg.types.array import ListBinaryDumper
from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    FromClause,
    Insert,
    Integer,
    LargeBinary,
    Text,
    bindparam,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.types import NullType, TypeEngine

from intake.door import digest
from models import tables
from models.errors import Unavailable
from models.store import is_outage
from models.terms import Envelope, JobKind, JobState, MailState

LANES = ((16_384, 1, 100), (262_144, 2, 50), (sys.maxsize, 2, 1))
"""Bytes up to which a mail takes a way, how many groups are under way there at once, mails of a group at most.

One group at a time costs the least for small mails; larger ones gain when one group is sent while
another commits; the largest gain nothing from company.
"""
MOST_BYTES_AT_ONCE = 1_048_576
PATIENCE = 25.0
"""Seconds until a client is told to come back, whatever the database does."""

Mails = queue.SimpleQueue["Waiting | None"]

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class Waiting:
    """A mail, and the answer its connection waits for until `until` (of the event loop's clock)."""

    envelope: Envelope
    content: bytes
    answer: asyncio.Future[None]
    until: float
    given_up: bool = False


class Writer:
    """Stores mails with their jobs, durable when `store` returns. It serves one event loop at a time.

    Building it opens nothing; its threads and connections begin with the first mail. `wake` is
    called once for each commit.
    """

    def __init__(self, engine: Engine, wake: Callable[[], None], *, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._lanes: list[tuple[int, Mails]] = []
        self._hands: list[_Hand] = []
        for largest, hands, most in LANES:
            mails: Mails = queue.SimpleQueue()
            self._lanes.append((largest, mails))
            self._hands += [_Hand(engine, wake, mails, most=most) for _ in range(hands)]
        self._waiting: set[Waiting] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def store(self, envelope: Envelope, content: bytes) -> None:
        """Commit a mail and the job that processes it; the same mail again is stored once.

        Cancelling this does not stop the commit.

        Raises:
            Unavailable: PostgreSQL is away, out of room or too slow; nothing may have been stored.

        """
        if self._closed:
            raise Unavailable("the writer is closed")
        loop = asyncio.get_running_loop()
        waiting = Waiting(envelope, content, loop.create_future(), loop.time() + self._patience)
        if self._loop is not loop:
            self._begin(loop)
        self._waiting.add(waiting)
        next(mails for largest, mails in self._lanes if len(content) <= largest).put(waiting)
        try:
            await waiting.answer
        finally:
            self._waiting.discard(waiting)

    def close(self) -> None:
        """Write what waits, then stop. Blocks, at most about as long as a mail may wait."""
        self._closed = True
        if self._loop is None:
            return
        for hand in self._hands:
            hand.queue.put(None)
        deadline = time.monotonic() + self._patience
        for hand in self._hands:
            hand.join(max(0.0, deadline - time.monotonic()))

    def __enter__(self) -> Self:
        """Give the writer; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is None:
            for hand in self._hands:
                hand.start()
        self._loop = loop
        self._look(loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let clients go that waited too long, now and from now on."""
        now = loop.time()
        for waiting in [each for each in self._waiting if each.until <= now and not each.answer.done()]:
            waiting.given_up = True
            waiting.answer.set_exception(Unavailable("PostgreSQL does not answer"))
        for hand in self._hands:
            hand.cut(self._patience)
        if self._loop is loop:
            loop.call_later(self._patience / 20, self._look, loop)


class _Hand:
    """A thread that writes what waits, `most` mails at once, over a connection of its own."""

    def __init__(self, engine: Engine, wake: Callable[[], None], mails: "Mails", *, most: int) -> None:
        self.queue = mails
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._wake = wake
        self._most = most
        self._thread = threading.Thread(target=self._work, name="mail writer", daemon=True)
        self._ended = False
        self._connection: Connection | None = None
        self._guard = threading.Lock()
        self._line: socket.socket | None = None
        self._began: float | None = None

    def start(self) -> None:
        self._thread.start()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def cut(self, seconds: float) -> None:
        """Cut the line to PostgreSQL if nothing has come through it for so long.

        A server that is stopped, or behind a network that swallows packets, answers to no time-out of its own.
        """
        with self._guard:
            if self._line is not None and self._began is not None and time.monotonic() - self._began >= seconds:
                log.warning("database.cut", reason="no answer in time")
                self._began = None
                with contextlib.suppress(OSError):
                    self._line.shutdown(socket.SHUT_RDWR)

    def _work(self) -> None:
        while not self._ended:
            batch = self._collect()
            if batch:
                self._tell(batch, self._write(batch))
        self._drop()

    def _collect(self) -> list[Waiting]:
        """Everybody who waits, up to a limit; waits for the first."""
        batch: list[Waiting] = []
        size = 0
        try:
            while len(batch) < self._most and size < MOST_BYTES_AT_ONCE:
                waiting = self.queue.get(block=not batch)
                if waiting is None:
                    self._ended = True
                    break
                if not waiting.given_up:
                    batch.append(waiting)
                    size += len(waiting.content)
        except queue.Empty:
            pass
        return batch

    def _write(self, batch: list[Waiting]) -> list[Exception | None]:
        """Store a batch; what went wrong for each, None where nothing did.

        One mail that PostgreSQL will not take must not fail the others: then each is tried alone.
        """
        try:
            self._insert(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for the answer
            if isinstance(error, Unavailable) or len(batch) == 1:
                return [error] * len(batch)
            return [self._write([each])[0] for each in batch]
        self._wake()
        return [None] * len(batch)

    def _insert(self, batch: list[Waiting]) -> None:
        rows = [_row(each) for each in batch]
        rows.sort(key=itemgetter("digest"))  # in one order everywhere, so that two writers never wait for each other
        was_old = self._connection is not None
        try:
            self._execute(rows)
        except DataError:
            self._drop()
            raise  # psycopg itself refused a value: that has no SQLSTATE, like a lost connection
        except (DBAPIError, PoolTimeout) as error:
            self._drop()
            if was_old and getattr(error, "connection_invalidated", False) and not batch[0].given_up:
                self._insert(batch)  # PostgreSQL was restarted since the last mail
            elif is_outage(error):
                raise Unavailable(str(error)) from error
            else:
                raise

    def _execute(self, rows: list[dict[str, Any]]) -> None:
        if self._connection is None:
            self._connection = self._engine.connect()
            line: Any = self._connection.connection.driver_connection
            line.adapters.register_dumper(Contents, ListBinaryDumper)
            with self._guard:
                self._line = socket.socket(fileno=os.dup(line.fileno()))
        self._began = time.monotonic()
        try:
            if len(rows) == 1:
                self._connection.execute(STORE_ONE, rows[0])
            else:
                columns: dict[str, Any] = {name: [row[name] for row in rows] for name in KINDS}
                self._connection.execute(STORE_MANY, columns | {"raw": Contents(columns["raw"])})
        finally:
            self._began = None

    def _drop(self) -> None:
        """Give the connection back; the next mail gets another."""
        with self._guard:
            if self._line is not None:
                self._line.close()
            self._line = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _tell(self, batch: list[Waiting], errors: list[Exception | None]) -> None:
        for error in {type(each).__name__ for each in errors if each is not None}:
            log.warning("mails.not_stored", error=error)
        stored = errors.count(None)
        if stored:
            log.info("mails.accepted", mails=stored, bytes=sum(len(each.content) for each in batch))
        try:
            batch[0].answer.get_loop().call_soon_threadsafe(_answer, batch, errors)
        except RuntimeError:
            log.warning("mails.unanswered", mails=len(batch))  # the loop has ended: nobody waits any more


def _answer(batch: list[Waiting], errors: list[Exception | None]) -> None:
    for each, error in zip(batch, errors, strict=True):
        if each.answer.done():
            continue
        if error is None:
            each.answer.set_result(None)
        else:
            each.answer.set_exception(error)


def _row(waiting: Waiting) -> dict[str, Any]:
    envelope, content = waiting.envelope, waiting.content
    return {
        "digest": digest(envelope, content),
        "mail_from": envelope.mail_from,
        "rcpt_to": "\n".join(envelope.rcpt_to),
        "peer": envelope.peer,
        "helo": envelope.helo,
        "size": len(content),
        "raw": content,
        "received_at": envelope.received_at,
    }


class Contents(list[bytes]):
    """Mails' bytes, sent to PostgreSQL as they are: psycopg sends other lists as text, ten times as slow."""


KINDS: dict[str, TypeEngine[Any]] = {
    **dict.fromkeys(("digest", "mail_from", "rcpt_to", "peer", "helo"), Text()),
    "size": Integer(),
    "raw": LargeBinary(),
    "received_at": DateTime(timezone=True),
}


def _one_row() -> FromClause:
    return select(
        *(cast(bindparam(name, type_=NullType()), kind).label(name) for name, kind in KINDS.items())
    ).subquery()


def _many_rows() -> FromClause:
    """The rows as one array for each column."""
    arrays = [cast(bindparam(name, type_=NullType()), ARRAY(kind)) for name, kind in KINDS.items()]
    return func.unnest(*arrays).table_valued(*KINDS).render_derived()


def _storing(given: FromClause) -> Insert:
    """Mails and their jobs in one statement, which is one transaction and one way to the server and back."""
    mail, job = tables.mail.Mail, tables.jobs.Job
    values: dict[str, ColumnElement[Any]] = {name: given.c[name] for name in KINDS}
    values["rcpt_to"] = func.string_to_array(given.c.rcpt_to, "\n")
    values["state"] = literal(MailState.RECEIVED, mail.state.type)
    stored = (
        insert(mail)
        .from_select(list(values), select(*values.values()))
        .on_conflict_do_nothing(index_elements=["digest"])
        .returning(mail.id, mail.received_at)
        .cte("stored")
    )
    kind = literal(JobKind.MAIL_PROCESS, job.kind.type)
    state = literal(JobState.WAITING, job.state.type)
    jobs = select(kind, stored.c.id, state, stored.c.received_at, literal(0), literal(0))
    columns = ["kind", "subject", "state", "run_at", "attempts", "excused"]
    return insert(job).from_select(columns, jobs).on_conflict_do_nothing()


STORE_ONE = _storing(_one_row())
STORE_MANY = _storing(_many_rows())
