"""Several who fold, unfold and come back at once wait for each other, and never each for the other."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from models import tables
from models.errors import Invalid
from models.store import transaction
from models.terms import Channel, TriageState
from triage.desk.folding import came_back, fold, folded, unfold

WAITING = text("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")


@pytest.fixture
def some(engine: Engine, now) -> Callable[[int], list[UUID]]:
    """Make requests, the oldest first."""

    def make(count: int) -> list[UUID]:
        with transaction(engine) as session:
            rows = [
                tables.requests.Request(
                    channel=Channel.PHONE, subject="Gateway down", policy="wso2", received_at=now,
                    clock_started_at=now, state=TriageState.DECIDED,
                )
                for _ in range(count)
            ]  # fmt: skip
            session.add_all(rows)
            session.flush()
            return sorted(row.id for row in rows)

    return make


@pytest.fixture
def somebody_waits(engine: Engine) -> Callable[[], bool]:
    """Whether somebody waits for a lock that another one has."""

    def look() -> bool:
        with engine.connect() as connection:
            return bool(connection.scalar(WAITING))

    return look


ACTS = {
    "unfolds it": lambda session, _parent, child, _other, now: unfold(session, child, by="mara", now=now),
    "folds it again": lambda session, parent, child, _other, now: fold(session, child, parent, by="mara", now=now),
    "folds its parent": lambda session, parent, _child, other, now: fold(session, parent, other, by="mara", now=now),
    "folds another": lambda session, _parent, child, other, now: fold(session, other, child, by="mara", now=now),
}


@pytest.mark.parametrize("is_older", [True, False], ids=["into an older one", "into a younger one"])
@pytest.mark.parametrize("does", ACTS)
def test_nobody_deadlocks_with_a_caller_who_comes_back(engine, now, some, somebody_waits, eventually, does, is_older):
    """Their request is held, as it is taken in; then an engineer acts; then what it is folded into shows it."""
    first, second, other = some(3)
    parent, child = (first, second) if is_older else (second, first)
    with transaction(engine) as session:
        fold(session, child, parent, by="mara", now=now)
    there, later = Event(), now + timedelta(minutes=1)

    def caller() -> None:
        with transaction(engine) as session:
            row = tables.requests.fetch_locked(session, child)
            there.set()
            eventually(somebody_waits)
            came_back(session, row, later)

    def engineer() -> None:
        assert there.wait(60)
        with transaction(engine) as session:
            ACTS[does](session, parent, child, other, later)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(caller), pool.submit(engineer)]:
            done.result()
    with transaction(engine) as session:
        assert session.get_one(tables.requests.Request, parent).follow_up_at == later


def test_of_two_who_fold_the_same_pair_each_into_the_other_one_does(engine, now, some):
    """The second hears that it cannot be any more, at once."""
    first, second = some(2)
    together = Barrier(2)

    def folding(pair: tuple[UUID, UUID]) -> bool:
        together.wait()
        try:
            with transaction(engine) as session:
                fold(session, *pair, by="mara", now=now)
        except Invalid:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(folding, [(first, second), (second, first)])) == [False, True]
    with transaction(engine) as session:
        assert sorted([len(folded(session, first)), len(folded(session, second))]) == [0, 1]
