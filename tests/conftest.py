"""What every test may ask for: a real PostgreSQL, migrated by our own migrations."""

import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
from hypothesis import HealthCheck, settings
from playwright.sync_api import expect
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models import schema, store
from models.tables.base import Base
from switchboard import embedded

# A busy machine is no failure, nor one that stands still for seconds: what must not take long says so in CPU time.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
store.CONNECT_TIMEOUT = 60
expect.set_options(timeout=30_000)

_numbers = itertools.count()
EMPTY = """
do $$ declare name text; begin
  for name in select tablename from pg_tables where schemaname = 'public' and tablename <> 'alembic_version' loop
    execute format('delete from %I', name);
  end loop;
  for name in select sequencename from pg_sequences where schemaname = 'public' loop
    execute format('alter sequence %I restart', name);
  end loop;
end $$
"""


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
            with psycopg.connect(instance.database_url, autocommit=True) as connection:
                for name in ("fsync", "full_page_writes"):  # no test pulls the plug
                    connection.execute(f"alter system set {name} = off")
                connection.execute("select pg_reload_conf()")
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


@pytest.fixture(scope="session")
def emptied(postgres: embedded.Instance) -> list[str]:
    """Databases that tests are done with, as empty as new ones: emptying takes a hundredth of copying."""
    assert postgres.database_url
    return []


@pytest.fixture
def database_url(postgres: embedded.Instance, emptied: list[str]) -> Iterator[str]:
    """An empty migrated database of the test's own, for code that commits."""
    url = emptied.pop() if emptied else _copy(postgres)
    yield url
    if _empty(url):
        emptied.append(url)


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


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Wait for a claim to hold; what it gave."""

    def wait(claim: Callable[[], Any], seconds: float = 30.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (got := claim()):
            assert time.monotonic() < deadline, f"not within {seconds} s"
            time.sleep(0.02)
        return got

    return wait


def _empty(url: str) -> bool:
    """Leave a database as a new one is; False where its tables are not those of a new one any more."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        found = {name for (name,) in connection.execute("select tablename from pg_tables where schemaname = 'public'")}
        if found != {"alembic_version", *Base.metadata.tables}:
            return False
        connection.execute("set session_replication_role = replica")  # no foreign keys meanwhile
        connection.execute(EMPTY)
    return True


def _copy(postgres: embedded.Instance) -> str:
    name = f"test_{next(_numbers)}"
    server = postgres.database_url.replace("/switchboard?", "/postgres?")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name} template switchboard strategy file_copy")
    return postgres.database_url.replace("/switchboard?", f"/{name}?")
