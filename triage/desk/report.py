"""How promises were kept: met and missed by account and level, how fast customers were answered. Counts, no money.

A guarantee and an objective are never added up, nor are different policies' levels; what has no target is not counted.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from statistics import median
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import tables
from triage.clock import Clock, clocks
from triage.desk import ledger
from triage.nudges import TOLD, bounces
from triage.policy import Policy
from triage.timeline import Event
from triage.workflow import Stage

CHUNK = 500
"""Requests whose logs are read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One kind of promise to one account: how many deadlines were met, missed, and are still open."""

    account: str
    policy: str
    level: str
    kind: str
    promise: str
    met: int
    missed: int
    open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Requests that reached an SLA channel in a span of time. `turnaround` is from a customer's message to our answer.

    `bounces` counts how often a request was passed back to its customer (R10); `answered` how many messages of
    customers the turn-around was measured on, elapsed time, whatever the hour.
    """

    since: datetime
    until: datetime
    requests: int
    kept: tuple[Kept, ...]
    turnaround: timedelta | None
    answered: int
    bounces: int


def report(
    session: Session, *, policies: Mapping[str, Policy], since: datetime, until: datetime, now: datetime
) -> Report:
    """How the promises of every request were kept whose clock started from `since` to before `until`."""
    row = tables.requests.Request
    account = tables.directory.Account
    wanted = select(row.id, row.policy, account.name).outerjoin(account, account.id == row.account_id)
    found = session.execute(wanted.where(row.clock_started_at >= since, row.clock_started_at < until)).all()
    counted: Counter[tuple[str, str, str, str, str, str]] = Counter()
    waits: list[timedelta] = []
    passed_back = requests = 0
    for start in range(0, len(found), CHUNK):
        chunk = found[start : start + CHUNK]
        ids = [request for request, _, _ in chunk]
        logs, said = _logs(session, ids), _said(session, ids)
        for request, name, owner in chunk:
            policy = policies.get(name)
            if policy is None:
                continue
            requests += 1
            log = logs.get(request, ())
            for clock in clocks(policy.commitments, log, now):
                counted.update((owner or "", name, *each) for each in _outcomes(clock))
            waits += _waits(said.get(request, ()), log)
            passed_back += bounces(log, [one.value for one in policy.workflow.statuses if one.stage is Stage.CLIENT])
    return Report(
        since=since,
        until=until,
        requests=requests,
        kept=tuple(_kept(counted)),
        turnaround=timedelta(seconds=median(wait.total_seconds() for wait in waits)) if waits else None,
        answered=len(waits),
        bounces=passed_back,
    )


def _outcomes(clock: Clock) -> Iterator[tuple[str, str, str, str]]:
    """Each deadline there was as level, kind, promise and outcome; one replaced in time by another is none."""
    for entry in clock.ledger:
        if entry.target is None or entry.deadline is None or entry.deadline.total is None:
            continue
        kind = (entry.level or "", clock.kind.value, clock.promise.value)
        if entry.breached_at is not None:
            yield (*kind, "missed")
        elif entry.met_at is not None:
            yield (*kind, "met")
        elif entry.until is None:
            yield (*kind, "open")


def _kept(counted: Mapping[tuple[str, str, str, str, str, str], int]) -> Iterator[Kept]:
    for key, some in groupby(sorted(counted), key=lambda one: one[:5]):
        outcomes = {one[5]: counted[one] for one in some}
        account, policy, level, kind, promise = key
        yield Kept(
            account=account,
            policy=policy,
            level=level,
            kind=kind,
            promise=promise,
            met=outcomes.get("met", 0),
            missed=outcomes.get("missed", 0),
            open=outcomes.get("open", 0),
        )


def _waits(said: Sequence[datetime], log: Iterable[Event]) -> Iterator[timedelta]:
    """How long each message of the customer waited; several in a row wait for one answer, from the first on."""
    told = sorted(event.at for event in log if event.kind in TOLD)
    last: datetime | None = None
    for at in said:
        answer = next((moment for moment in told if moment >= at), None)
        if answer is not None and answer != last:
            yield answer - at
            last = answer


def _logs(session: Session, requests: Sequence[UUID]) -> dict[UUID, tuple[Event, ...]]:
    row = tables.requests.ClockEvent
    found: defaultdict[UUID, list[Event]] = defaultdict(list)
    for each in session.scalars(select(row).where(row.request_id.in_(requests)).order_by(row.at, row.id)):
        found[each.request_id].append(ledger.as_event(each))
    return {request: tuple(log) for request, log in found.items()}


def _said(session: Session, requests: Sequence[UUID]) -> dict[UUID, list[datetime]]:
    row = tables.requests.Interaction
    wanted = select(row.request_id, row.received_at).where(row.request_id.in_(requests), row.new_text != "")
    found: defaultdict[UUID, list[datetime]] = defaultdict(list)
    for request, at in session.execute(wanted.order_by(row.received_at)):
        found[request].append(at)
    return found
