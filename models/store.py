"""The engine and the transaction: the only place where the house commits."""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Cursor
from psycopg.pq import ExecStatus
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import DataError, DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from models.errors import Unavailable

CONNECT_TIMEOUT = 3
"""Seconds to wait for PostgreSQL before an edge answers "try again"."""
STATEMENT_TIMEOUT = 20_000
"""Milliseconds after which PostgreSQL gives a statement up."""
LOCK_TIMEOUT = 10_000
"""Milliseconds to wait for a lock."""

KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 30_000}
"""libpq: a server that vanished without a word is noticed within half a minute."""


class NamesAndTypes(Cursor[Any]):
    """A cursor that says of each column what SQLAlchemy reads: its name and type (PEP 249, `description`).

    Psycopg makes an object of seven facts for each, anew for every statement: a fifth of what reading a call costs.
    """

    @property
    def description(self) -> Any:
        """Name and type of each column, and nothing for the five other facts; None where there are no rows."""
        found = self.pgresult
        if found is None or (not found.nfields and found.status != ExecStatus.TUPLES_OK):
            return None
        unsaid = (None,) * 5
        return [((found.fname(at) or b"").decode(), found.ftype(at), *unsaid) for at in range(found.nfields)]


def connect(
    url: str, *, pool: int = 10, more: int = 5, statement_ms: int = STATEMENT_TIMEOUT, lock_ms: int = LOCK_TIMEOUT
) -> Engine:
    """Give an engine that opens nothing yet; dead connections are noticed before use.

    It keeps up to `pool` connections, and opens `more` for a while where those are not enough. PostgreSQL gives a
    statement up after `statement_ms`, and waiting for a lock after `lock_ms`.
    """
    options = f"-c statement_timeout={statement_ms} -c lock_timeout={lock_ms} -c timezone=UTC"
    engine = create_engine(
        with_driver(url),
        pool_size=pool,
        max_overflow=more,
        pool_timeout=5,
        pool_recycle=1800,
        # An error's text goes to logs and jobs: it must not carry the mail that did not fit.
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT,
            "options": options,
            "cursor_factory": NamesAndTypes,
            **KEEPALIVE,
        },
    )
    event.listen(engine, "checkout", _notice_the_dead)
    return engine


def _notice_the_dead(connection: Any, _record: Any, _proxy: Any) -> None:
    """Ask a connection whether it lives where its socket has something to say: a server that goes closes it.

    Keepalives close it for a server that vanished. One that is quiet between two transactions is there, and to ask
    it each time (`pool_pre_ping`) would cost a round trip.
    """
    try:
        socket = select.poll()
        socket.register(connection.fileno(), select.POLLIN)
        if socket.poll(0):
            connection.execute("select 1")
            connection.rollback()
    except connection.Error as error:
        raise InvalidatePoolError from error


def with_driver(url: str) -> str:
    """Name psycopg 3 in a plain `postgresql://` or `postgres://` URL."""
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """Run a block in one transaction: commit at its end, roll back if it raises.

    Raises:
        Unavailable: PostgreSQL cannot be reached, went away, timed out or is out of room.

    """
    try:
        with Session(engine, expire_on_commit=False) as session:
            yield session
            session.commit()
    except (DBAPIError, PoolTimeout) as error:
        if is_outage(error):
            raise Unavailable(str(error)) from error
        raise


def is_outage(error: Exception) -> bool:
    """Whether the database, not the statement, is to blame: trying again later may help."""
    if isinstance(error, PoolTimeout):
        return True
    # A value that the driver itself refuses (NUL in text) has no SQLSTATE either, and no later try helps.
    if not isinstance(error, DBAPIError) or isinstance(error, DataError):
        return False
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    # No state: the connection could not be made. 08 connection, 53 resources, 57 operator or
    # timeout, 58 I/O, 40 serialization, 55P03 lock timeout, 25006 read-only replica.
    return state is None or state[:2] in {"08", "53", "57", "58", "40"} or state in {"55P03", "25006"}


def is_reachable(engine: Engine) -> bool:
    """Whether PostgreSQL answers now."""
    try:
        with engine.connect() as connection:
            connection.execute(text("select 1"))
    except (DBAPIError, PoolTimeout):
        return False
    return True
