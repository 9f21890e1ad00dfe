"""What the desk looks up of a stored request while somebody waits: one statement, on tables, made once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, bindparam, case, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.tables.base import Base
from triage.targets import EventKind

PAUSES = (EventKind.PAUSED, EventKind.RESUMED, EventKind.RESOLVED, EventKind.REOPENED)
"""The entries of the log of which the last one tells whether a clock is paused; others may stand after it."""
BY_PIN = "recognised by the PIN of their account"
"""The note of the interaction in which a caller gave a PIN; it is written down nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a request stands for whoever approaches us about it.

    `suggested` is the level suggested last; `began`: the approach that opened it was of the same call, `by_pin`: its
    account's PIN was given in that call. `paused_at` is since when its clocks are paused, None where they are not.
    """

    suggested: str | None = None
    began: bool = True
    by_pin: bool = False
    paused_at: datetime | None = None


_INTERACTIONS = Base.metadata.tables["interactions"]
_SAID = _INTERACTIONS.alias("said").c
_SUGGESTED = Base.metadata.tables["suggestions"].c
_LOG = Base.metadata.tables["clock_events"].c
_REQUEST: BindParameter[UUID] = bindparam("request")
_CALL: BindParameter[str] = bindparam("call")
_OF_CALL = or_(_SAID.source == _CALL, func.starts_with(_SAID.source, bindparam("parts")))
_COLUMNS = (
    select(_SUGGESTED.priority)
    .where(_SUGGESTED.request_id == _REQUEST)
    .order_by(_SUGGESTED.id.desc())
    .limit(1)
    .scalar_subquery(),
    select(_OF_CALL).where(_SAID.request_id == _REQUEST).order_by(_SAID.id).limit(1).scalar_subquery(),
    exists().where(_SAID.request_id == _REQUEST, _SAID.note == BY_PIN, _OF_CALL),
    select(case((_LOG.event == EventKind.PAUSED, _LOG.at)))
    .where(_LOG.request_id == _REQUEST, _LOG.event.in_(PAUSES))
    .order_by(_LOG.at.desc(), _LOG.id.desc())
    .limit(1)
    .scalar_subquery(),
)
_LOOK = select(*_COLUMNS)
_APPEND = (
    insert(_INTERACTIONS).on_conflict_do_nothing(index_elements=["source"]).returning(_INTERACTIONS.c.id, *_COLUMNS)
)


def standing(session: Session, request: UUID, source: str) -> Standing:
    """Where a request stands for the approach with this source, which is stored."""
    suggested, began, by_pin, paused_at = session.execute(_LOOK, _named(request, source)).one()
    return Standing(suggested=suggested, began=bool(began), by_pin=by_pin, paused_at=paused_at)


def append(session: Session, request: UUID, source: str, columns: Mapping[str, Any]) -> tuple[UUID, Standing] | None:
    """Append an interaction to a request that is held: its id, and where the request stands for it.

    None where its source is known already. What is returned beside the id is as it was before: the row itself is added
    to it here.
    """
    row = {"request_id": request, "source": source, **columns, **_named(request, source)}
    made = session.execute(_APPEND, row).first()
    if made is None:
        return None
    key, suggested, began, by_pin, paused_at = made
    by_pin = by_pin or columns["note"] == BY_PIN
    return key, Standing(suggested=suggested, began=began is not False, by_pin=by_pin, paused_at=paused_at)


def _named(request: UUID, source: str) -> dict[str, object]:
    call = ":".join(source.split(":")[:2])
    return {"request": request, "call": call, "parts": f"{call}:"}
