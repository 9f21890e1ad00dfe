"""The log of a request read back: its events, and what counts now under the policy in force."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from models import tables
from triage.policy import Policy
from triage.targets import EventKind
from triage.timeline import Event
from triage.workflow import Stage

LABELS = frozenset({EventKind.TYPE, EventKind.LEVEL})
"""The events that say what a request is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """A type and a level that were decided, or suggested; None where there is none."""

    type: str | None = None
    level: str | None = None

    def under(self, policy: Policy) -> "Labels":
        """What of them the policy knows."""
        return Labels(
            type=self.type if self.type in {one.value for one in policy.types} else None,
            level=self.level if self.level in {one.value for one in policy.levels} else None,
        )

    @property
    def holds(self) -> bool:
        """Whether a decision with these labels decides anything: all of what it names is known, a level among it."""
        return self.type is not None and self.level is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """The log that clocks, ladders and reports count now: `events`; `log` is what was really written.

    `supposed`: nothing that holds is decided, so a suggestion counts as if it had been confirmed at once. People are
    told so; nothing is set by it. `type` and `level` are those that count, None where neither says one.
    """

    log: tuple[Event, ...]
    events: tuple[Event, ...]
    supposed: bool
    type: str | None
    level: str | None


def events(session: Session, request: UUID) -> tuple[Event, ...]:
    """Everything in the log of a request, in the order things happened."""
    row = tables.requests.ClockEvent
    found = select(row.event, row.source, row.at, row.value, row.until, row.note).where(row.request_id == request)
    return tuple(as_event(one) for one in session.execute(found.order_by(row.at, row.id)))


def as_event(row: tables.requests.ClockEvent | Row[*tuple[Any, ...]]) -> Event:
    """One row of the log as clocks and habits read it."""
    return Event(
        id=f"{row.event}:{row.source}", at=row.at, kind=row.event, value=row.value, until=row.until, note=row.note
    )


def counted(session: Session, request: tables.requests.Request, policy: Policy) -> Counting:
    """What counts now for one stored request."""
    decided, suggested = _labels(session, request, policy)
    return counting(
        policy, events(session, request.id), decided=decided, suggested=suggested, received_at=request.received_at
    )


def labelled(session: Session, request: tables.requests.Request, policy: Policy) -> Labels:
    """The type and level that count now for one stored request, without its log."""
    decided, suggested = _labels(session, request, policy)
    counts = counting(policy, (), decided=decided, suggested=suggested, received_at=request.received_at)
    return Labels(type=counts.type, level=counts.level)


def _labels(session: Session, request: tables.requests.Request, policy: Policy) -> tuple[Labels, Labels]:
    """What is decided, and, where that does not hold, what is suggested."""
    decided = Labels(type=request.decided_type, level=request.decided_priority)
    if decided.under(policy).holds:
        return decided, Labels()
    row = tables.requests.Suggestion
    latest = select(row.type, row.priority).where(row.request_id == request.id).order_by(row.id.desc()).limit(1)
    said = session.execute(latest).first()
    return decided, Labels(type=said.type, level=said.priority) if said else Labels()


def counting(
    policy: Policy, log: tuple[Event, ...], *, decided: Labels, suggested: Labels, received_at: datetime
) -> Counting:
    """What counts now: the decision, while the policy in force knows what it names; else the suggestion.

    A level that the policy does not know is none, and none keeps nothing away: what is not known never lowers. So a
    decision made under another policy holds nobody up until somebody decides again. Without a suggested level there
    is no target to count; ladders that begin without one still do.
    """
    known = {one.value for one in policy.types} | {one.value for one in policy.levels}
    readable = tuple(event for event in log if event.kind not in LABELS or not event.value or event.value in known)
    held, guess = decided.under(policy), suggested.under(policy)
    if held.holds:
        return Counting(log=log, events=readable, supposed=False, type=held.type, level=held.level)
    type_ = held.type or guess.type
    if guess.level is None:
        return Counting(log=log, events=readable, supposed=False, type=type_, level=None)
    events_ = supposed(readable, type_, guess.level, received_at)
    return Counting(log=log, events=events_, supposed=True, type=type_, level=guess.level)


def suggestions(session: Session, requests: Collection[UUID]) -> Mapping[UUID, Labels]:
    """What was suggested last for each of these requests; one statement."""
    row = tables.requests.Suggestion
    found = select(row.request_id, row.type, row.priority).where(row.request_id.in_(requests))
    latest = found.ext(distinct_on(row.request_id)).order_by(row.request_id, row.id.desc())
    return {request: Labels(type=kind, level=level) for request, kind, level in session.execute(latest)}


def supposed(log: tuple[Event, ...], type_: str | None, level: str | None, at: datetime) -> tuple[Event, ...]:
    """The log as it would be if a request had been given this type and level at `at`; for showing, never stored.

    What was decided and taken back is left out.
    """
    more = [
        Event(id=f"supposed:{kind}", at=at, kind=kind, value=value)
        for kind, value in ((EventKind.TYPE, type_), (EventKind.LEVEL, level))
        if value
    ]
    return (*more, *(event for event in log if event.kind not in LABELS))


def policy_of_request(
    policies: Mapping[str, Policy], request: tables.requests.Request, default: str
) -> tuple[Policy, bool]:
    """The policy whose words and channels serve a request, and whether it is the request's own.

    One whose pack is not installed is served in the default policy's words, and keeps the name of its own: nothing
    else of the default policy (steps, clocks, levels) is applied to it.
    """
    own = policies.get(request.policy)
    return (own, True) if own is not None else (policies[default], False)


def status_of(request: tables.requests.Request, policy: Policy) -> str:
    """Where a request stands in its policy's workflow: its start before the first step, or where the status is gone."""
    known = policy.workflow.stage(request.status)
    return request.status if known is not None else policy.workflow.start


def stage_of(request: tables.requests.Request, policy: Policy) -> Stage | None:
    """What the status of a request means to the house."""
    return policy.workflow.stage(status_of(request, policy))
