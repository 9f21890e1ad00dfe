"""How promises were kept: met and missed by account and level, how fast customers were answered. Counts, no money.

A guarantee and an objective are never added up, nor are different policies' levels; what has no target is not counted.
What nobody has decided counts as suggested, in rows of its own.

Each deadline (a round's first response, one update to the next) counts once, whatever the level was meanwhile: as
missed, if the target in force at its end was missed, or an earlier one whose time ran out while its level was in
force, under which it then stands; else as met or open at the level in force at its end. So lowering a level hides no
miss, and a level found too late, or corrected at once, makes no second one. Decisions that were taken back never were.
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
from triage.clock import Clock, Entry, clocks
from triage.desk import decision, ledger
from triage.desk.ledger import Counting, Labels
from triage.nudges import TOLD, bounces
from triage.policy import Policy
from triage.timeline import Event
from triage.workflow import Stage

CHUNK = 500
"""Requests whose logs are read at once."""
Key = tuple[str, str, bool, str, str, str, str]
"""Account, policy, supposed, level, kind, promise, outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One kind of promise to one account: how many deadlines were met, missed, and are still open.

    `supposed`: nobody has decided these requests; they are counted at the level that was suggested.
    """

    account: str
    policy: str
    level: str
    kind: str
    promise: str
    supposed: bool
    met: int
    missed: int
    open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Requests that reached an SLA channel in a span of time. `turnaround` is from a customer's message to our answer.

    `bounces` counts how often a request was passed back to its customer (R10); `answered` how many messages of
    customers the turn-around was measured on, elapsed time, whatever the hour. `left_out` are requests whose policy is
    not installed: nothing of them is counted.
    """

    since: datetime
    until: datetime
    requests: int
    kept: tuple[Kept, ...]
    turnaround: timedelta | None
    answered: int
    bounces: int
    left_out: int = 0


def report(
    session: Session, *, policies: Mapping[str, Policy], since: datetime, until: datetime, now: datetime
) -> Report:
    """How the promises of every request were kept whose clock started from `since` to before `until`."""
    row = tables.requests.Request
    account = tables.directory.Account
    wanted = select(row, account.name).outerjoin(account, account.id == row.account_id)
    found = session.execute(wanted.where(row.clock_started_at >= since, row.clock_started_at < until)).all()
    served = [(request, name or "", policies[request.policy]) for request, name in found if request.policy in policies]
    counted: Counter[Key] = Counter()
    waits: list[timedelta] = []
    passed_back = 0
    for start in range(0, len(served), CHUNK):
        chunk = served[start : start + CHUNK]
        ids = [request.id for request, _, _ in chunk]
        logs, said, suggested = _logs(session, ids), _said(session, ids), ledger.suggestions(session, ids)
        for request, name, policy in chunk:
            log = logs.get(request.id, ())
            counting = _counting(policy, request, log, suggested.get(request.id, Labels()))
            for clock in clocks(policy.commitments, counting.events, now):
                outcomes = _outcomes(clock)
                counted.update((name, policy.id, counting.supposed, *each) for each in outcomes)
            waits += _waits(said.get(request.id, ()), log)
            passed_back += bounces(log, [one.value for one in policy.workflow.statuses if one.stage is Stage.CLIENT])
    return Report(
        since=since,
        until=until,
        requests=len(served),
        kept=tuple(_kept(counted)),
        turnaround=timedelta(seconds=median(wait.total_seconds() for wait in waits)) if waits else None,
        answered=len(waits),
        bounces=passed_back,
        left_out=len(found) - len(served),
    )


def _counting(policy: Policy, request: tables.requests.Request, log: tuple[Event, ...], suggested: Labels) -> Counting:
    decided = Labels(type=request.decided_type, level=request.decided_priority)
    return ledger.counting(policy, log, decided=decided, suggested=suggested, received_at=request.received_at)


def _outcomes(clock: Clock) -> Iterator[tuple[str, str, str, str]]:
    """Each deadline there was, once: the level it stands under, kind, promise and outcome."""
    for _, entries in groupby(clock.ledger, key=lambda entry: entry.cycle):
        cycle = list(entries)
        last = cycle[-1]
        missed = next((one for one in cycle if _ran_out(one)), last if last.breached_at else None)
        if missed is not None:
            yield (missed.level or "", clock.kind.value, clock.promise.value, "missed")
        elif last.deadline is not None and last.deadline.total is not None:
            outcome = "met" if last.met_at else "open" if last.until is None else ""
            if outcome:
                yield (last.level or "", clock.kind.value, clock.promise.value, outcome)


def _ran_out(entry: Entry) -> bool:
    """Whether the time ran out while the level was in force, not before it was known."""
    counted = entry.deadline
    return entry.breached_at is not None and counted is not None and counted.at == entry.breached_at


def _kept(counted: Mapping[Key, int]) -> Iterator[Kept]:
    for key, some in groupby(sorted(counted), key=lambda one: one[:6]):
        outcomes = {one[6]: counted[one] for one in some}
        account, policy, supposed, level, kind, promise = key
        yield Kept(
            account=account,
            policy=policy,
            level=level,
            kind=kind,
            promise=promise,
            supposed=supposed,
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
    """The log of each, without decisions that were taken back and their taking back."""
    row = tables.requests.ClockEvent
    void = _void(session, requests)
    found: defaultdict[UUID, list[Event]] = defaultdict(list)
    for each in session.scalars(select(row).where(row.request_id.in_(requests)).order_by(row.at, row.id)):
        if each.event not in ledger.LABELS or each.source not in void:
            found[each.request_id].append(ledger.as_event(each))
    return {request: tuple(log) for request, log in found.items()}


def _void(session: Session, requests: Sequence[UUID]) -> set[str]:
    """The sources, in the log, of decisions that do not stand: those that were taken back, and the taking back."""
    row = tables.requests.Decision
    made: defaultdict[UUID, list[tables.requests.Decision]] = defaultdict(list)
    for each in session.scalars(select(row).where(row.request_id.in_(requests)).order_by(row.id)):
        made[each.request_id].append(each)
    return {f"decision:{one.id}" for all_ in made.values() for one in set(all_) - set(decision.in_force(all_))}


def _said(session: Session, requests: Sequence[UUID]) -> dict[UUID, list[datetime]]:
    row = tables.requests.Interaction
    wanted = select(row.request_id, row.received_at).where(row.request_id.in_(requests), row.new_text != "")
    found: defaultdict[UUID, list[datetime]] = defaultdict(list)
    for request, at in session.execute(wanted.order_by(row.received_at)):
        found[request].append(at)
    return found
