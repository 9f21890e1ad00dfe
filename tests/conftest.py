"""What every test may ask for: a real PostgreSQL, migrated by our own migrations."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models import schema, store
from switchboard import embedded

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def plain_tracebacks() -> None:
    """Logging as no test before left it, and errors without variables: drawing a classifier's takes half a minute."""
    structlog.reset_defaults()
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


@pytest.fixture(scope="session")
def postgres() -> Iterator[embedded.Instance]:
    """One embedded PostgreSQL for the whole run, with a migrated template database."""
    folder = tempfile.mkdtemp(prefix="switchboard-tests-")
    try:
        with embedded.database(Path(folder) / "var") as instance:
            engine = store.connect(instance.database_url)
            schema.upgrade(engine)
            engine.dispose()
            yield instance
    finally:
        # A thousand databases take half a minute to delete; what follows need not wait for it.
        os.spawnlp(os.P_NOWAIT, "rm", "rm", "-rf", folder)  # noqa: S606 - a fixed command on our own folder


@pytest.fixture(scope="session")
def shared_engine(postgres: embedded.Instance) -> Iterator[Engine]:
    """An engine on the template database: nothing is ever committed there."""
    copy = _copy(postgres)
    engine = store.connect(copy)
    yield engine
    engine.dispose()


@pytest.fixture
def session(shared_engine: Engine) -> Iterator[Session]:
    """A session whose work is rolled back after the test."""
    with shared_engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session:
            yield session
        outer.rollback()


@pytest.fixture
def database_url(postgres: embedded.Instance) -> str:
    """A fresh migrated database of the test's own, for code that commits."""
    return _copy(postgres)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a fresh migrated database of the test's own."""
    engine = store.connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def now() -> datetime:
    """A fixed moment: a Saturday morning, UTC."""
    return datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def _copy(postgres: embedded.Instance) -> str:
    name = f"test_{next(_numbers)}"
    server = postgres.database_url.replace("/switchboard?", "/postgres?")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name} template switchboard strategy file_copy")
    return postgres.database_url.replace("/switchboard?", f"/{name}?")
