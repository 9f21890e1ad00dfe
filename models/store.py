"""The engine and the transaction: the only place where the house commits."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DataError, DBAPIError
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


def connect(url: str, *, pool: int = 10) -> Engine:
    """Give an engine that opens nothing yet; dead connections are noticed before use."""
    options = f"-c statement_timeout={STATEMENT_TIMEOUT} -c lock_timeout={LOCK_TIMEOUT} -c timezone=UTC"
    return create_engine(
        with_driver(url),
        pool_pre_ping=True,
        pool_size=pool,
        max_overflow=5,
        pool_timeout=5,
        pool_recycle=1800,
        # An error's text goes to logs and jobs: it must not carry the mail that did not fit.
        hide_parameters=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT, "options": options, **KEEPALIVE},
    )


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
