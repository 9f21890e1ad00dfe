"""Alembic's entry: runs on the connection that `models.schema` hands in, under its lock."""

from alembic import context

from models.tables.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
