"""The migrations build what the tables say, and the other way round."""

import re

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, Enum, inspect, text

from models import schema
from models.tables.base import Base


def test_migrations_and_tables_agree(shared_engine: Engine):
    """Columns, types, indexes, unique and foreign keys of the migrated database are those of the classes."""
    with shared_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False})
        assert compare_metadata(context, Base.metadata) == []


def test_checks_of_the_database_list_every_member(shared_engine: Engine):
    """A new member of an enum needs a migration of its CHECK; comparing tables does not see those."""
    inspector = inspect(shared_engine)
    for table in Base.metadata.sorted_tables:
        checks = " ".join(each["sqltext"] for each in inspector.get_check_constraints(table.name))
        for column in table.columns:
            if isinstance(column.type, Enum):
                allowed = re.search(rf"\(?{column.name}\)?(?:::text)? = ANY [^\]]+\]", checks)
                assert allowed, f"{table.name}.{column.name}"
                assert set(re.findall(r"'([^']+)'", allowed[0])) == set(column.type.enums), table.name


def test_server_defaults_are_those_of_the_tables(shared_engine: Engine):
    """A column has a default in the database exactly where its class says so."""
    inspector = inspect(shared_engine)
    for table in Base.metadata.sorted_tables:
        for column in inspector.get_columns(table.name):
            ours = table.columns[column["name"]]
            expected = ours.server_default is not None or ours.identity is not None
            given = column.get("default") is not None or column.get("identity") is not None
            assert given == expected, f"{table.name}.{ours.name}"


def test_raw_mail_is_stored_uncompressed(shared_engine: Engine):
    """Compressing repetitive text costs more than it saves: `raw` is EXTERNAL."""
    storage = "select attstorage from pg_attribute where attrelid = 'mails'::regclass and attname = 'raw'"
    with shared_engine.connect() as connection:
        assert connection.scalar(text(storage)) in {"e", b"e"}


def test_migrations_form_one_line():
    """One head, one root: two branches would leave every node at another schema."""
    scripts = ScriptDirectory.from_config(schema.configuration())
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1
