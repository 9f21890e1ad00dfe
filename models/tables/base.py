"""What every table shares: naming, column types, the declarative base."""

import enum
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Enum, MetaData, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Id = Annotated[UUID, mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))]
"""Time-ordered primary key, made by PostgreSQL 18."""
At = Annotated[datetime, mapped_column(DateTime(timezone=True))]
"""Aware UTC instant."""
Json = Annotated[dict[str, Any], mapped_column(JSONB)]


class Base(DeclarativeBase):
    """Declarative base with constraint names by convention."""

    metadata = MetaData(naming_convention=CONVENTION)
    type_annotation_map = {str: Text, datetime: DateTime(timezone=True)}


def one_of(kind: type[enum.StrEnum]) -> Enum:
    """Store an enum as text with a CHECK, so that a new member is a small migration."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        length=32,
        name=kind.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


def check(rule: str, name: str) -> CheckConstraint:
    """Name a CHECK by the convention."""
    return CheckConstraint(rule, name=name)
