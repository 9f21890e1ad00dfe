"""The log of a request read back: its events, and the clocks they make under the policy in force."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from models import tables
from triage.clock import Clock, clocks
from triage.policy import Policy
from triage.targets import EventKind
from triage.timeline import Event
from triage.workflow import Stage


def events(session: Session, request: UUID) -> tuple[Event, ...]:
    """Everything in the log of a request, in the order things happened."""
    return tuple(as_event(row) for row in tables.requests.clock_events(session, request))


def as_event(row: tables.requests.ClockEvent) -> Event:
    """One row of the log as clocks and habits read it."""
    return Event(
        id=f"{row.event}:{row.source}", at=row.at, kind=row.event, value=row.value, until=row.until, note=row.note
    )


def clocks_of(session: Session, request: UUID, policy: Policy, now: datetime) -> tuple[Clock, ...]:
    """Every SLA clock of a request as it stands at `now`."""
    return clocks(policy.commitments, events(session, request), now)


def supposed(log: tuple[Event, ...], type_: str | None, level: str | None, at: datetime) -> tuple[Event, ...]:
    """The log as it would be if a request had been given this type and level at `at`; for showing, never stored.

    What was decided and taken back is left out.
    """
    labels = {EventKind.TYPE, EventKind.LEVEL}
    more = [
        Event(id=f"supposed:{kind}", at=at, kind=kind, value=value)
        for kind, value in ((EventKind.TYPE, type_), (EventKind.LEVEL, level))
        if value
    ]
    return (*more, *(event for event in log if event.kind not in labels))


def status_of(request: tables.requests.Request, policy: Policy) -> str:
    """Where a request stands in its policy's workflow: its start before the first step, or where the status is gone."""
    known = policy.workflow.stage(request.status)
    return request.status if known is not None else policy.workflow.start


def stage_of(request: tables.requests.Request, policy: Policy) -> Stage | None:
    """What the status of a request means to the house."""
    return policy.workflow.stage(status_of(request, policy))
