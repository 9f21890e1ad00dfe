"""What the engine tells SQLAlchemy of a result is what psycopg itself tells of it, and no more."""

from datetime import datetime

import psycopg
import pytest
from sqlalchemy import Engine, text

from models import tables
from models.store import transaction

SENTENCES = (
    'select 1 as number, \'x\'::text as "größe", null::jsonb as "null", now() as at',
    "select",
    "select 1 as twice, 2 as twice where false",
    (
        "insert into jobs (kind, subject, state, run_at, attempts, excused) "
        "values ('mail.process', gen_random_uuid(), 'waiting', now(), 0, 0) returning id, kind"
    ),
    "delete from jobs",
    "set local lock_timeout = 1000",
)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_columns_are_named_and_typed_as_psycopg_does(engine: Engine, database_url: str, sentence: str):
    """Name and type of every column, whatever was asked; None where a statement gives no rows."""
    with engine.connect() as connection, psycopg.connect(database_url) as plain:
        cursor = connection.connection.cursor()
        cursor.execute(sentence)
        theirs = plain.execute(sentence).description
        ours = cursor.description
        plain.rollback()
    assert (ours is None) == (theirs is None)
    assert [tuple(each)[:2] for each in ours or ()] == [tuple(each)[:2] for each in theirs or ()]
    assert all(len(each) == 7 for each in ours or ())


def test_a_result_is_read_by_the_names_of_its_columns(engine: Engine):
    """SQLAlchemy finds each value under its name, also one that is not ASCII."""
    with engine.connect() as connection:
        row = connection.execute(text("select 1 as number, 'x' as \"größe\"")).mappings().one()
    assert dict(row) == {"number": 1, "größe": "x"}


def test_a_call_that_is_held_is_the_call_that_is_stored(engine: Engine, now: datetime):
    """Each attribute under its own name, changes are written by `keep` alone."""
    columns = {"call_sid": "CA1", "account_sid": "AC1", "from_number": "+59305550101", "to_number": "+59305550100",
               "status": "ringing", "step": "consent", "answers": {"language": "en"}, "started_at": now}  # fmt: skip
    with transaction(engine) as session:
        made = tables.calls.add(session, **columns)
        assert tables.calls.add(session, **columns) is None
    with transaction(engine) as session:
        held, stored = tables.calls.hold(session, "CA1"), tables.calls.by_sid(session, "CA1")
        for each in tables.calls.Call.__table__.columns:
            assert getattr(held, each.name) == getattr(stored, each.name) == getattr(made, each.name)
        held.step, held.misses = "account", 2
    with transaction(engine) as session:
        held = tables.calls.hold(session, "CA1")
        assert (held.step, held.misses) == ("consent", 0)
        held.step, held.misses = "account", 2
        tables.calls.keep(session, held)
    with transaction(engine) as session:
        stored = tables.calls.by_sid(session, "CA1")
        assert (stored.step, stored.misses, stored.answers) == ("account", 2, {"language": "en"})
        assert tables.calls.hold(session, "CA2") is None
