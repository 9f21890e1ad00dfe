"""The same outage reported more than once, as a request's page shows it: its reports, or where it is worked on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from console import queries
from console.queries import Brief
from models.tables.requests import ClockEvent, Request
from models.terms import Channel
from triage.desk import folding

SUGGESTED = 5
"""How many requests are offered; whoever knows of another one names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folds:
    """`parent` is where a request is worked on, `since` when and `by` whom; `children` are the other reports of it."""

    parent: Brief | None = None
    since: datetime | None = None
    by: str = ""
    children: tuple[Brief, ...] = ()

    @property
    def are_calls(self) -> bool:
        """Whether every other report came by telephone."""
        return all(one.channel is Channel.PHONE for one in self.children)


def read(session: Session, request: Request, log: Iterable[ClockEvent]) -> Folds:
    """What belongs together with a request; one that is folded is shown where it is worked on, and no more."""
    if request.folded_into is None:
        return Folds(children=tuple(queries.folded(session, request.id)))
    made = [row for row in log if row.event == folding.FOLDED]
    return Folds(
        parent=queries.brief(session, request.folded_into),
        since=made[-1].at if made else None,
        by=made[-1].made_by if made else "",
    )


def alike(session: Session, request: Request, now: datetime) -> list[Brief]:
    """The requests of the last day that may be about the same outage, the most alike first.

    Every text of the day is read for it, so that a page asks for them once it is shown.
    """
    found = folding.suggest_folds(session, request, now)[:SUGGESTED]
    briefs = (queries.brief(session, one.id) for one in found)
    return [one for one in briefs if one is not None]
