"""SLA clocks: every deadline of a request as a pure function of its event log. No state is kept anywhere.

What starts a clock stands in the log as `started`: a call's first webhook, a portal form's submission; a redirected
mail has none until its sender comes to a channel the SLA covers. WSO2 §4: the same clocks on either channel. A level
or type that changes is counted again from the original start, pauses taken out; what was met or missed under the
former one stays in the ledger, for later events never change the past. A re-opening starts every clock anew.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from triage.deadlines import WHOLE, Deadline, deadline, if_resumed
from triage.targets import Commitments, EventKind, Kind, Measure, Promise, Target
from triage.timeline import Event, Pause, Round, Stint, Timeline, timeline

__all__ = ["Clock", "Entry", "Event", "State", "Warned", "clocks", "next_change"]


NO_ESTIMATE = "no estimate has been given yet"
JUST_MISSED = timedelta(microseconds=1)
"""A deadline itself is still in time; the moment after it is not."""


class State(StrEnum):
    """Where a clock stands."""

    NONE = "none"
    """Not started: the request has not reached a channel the SLA covers."""
    NOT_APPLICABLE = "not applicable"
    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    BREACHED = "breached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """A share of a target's time: used up `at`, told at `notify_at` (later where quiet hours forbid it)."""

    percent: int
    at: datetime
    notify_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One target in force in one cycle: what the ledger keeps.

    A cycle is what one deadline is counted for: a round's start to its first response, say, or one contact with the
    customer to the next. `cycle` counts them over the whole log. `since` is when this target came into force, `until`
    when it was met or replaced. `target` is None where the type or level has none; `reason` says so.
    """

    cycle: int
    round: int
    opened: Event
    since: datetime
    until: datetime | None
    type: str | None
    level: str | None
    target: Target | None
    deadline: Deadline | None = None
    estimate: datetime | None = None
    met_at: datetime | None = None
    breached_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One clock of a request, as it stands now.

    `due` is None while paused, or while nothing is to be waited for; `if_resumed` is what it would be if a pause
    ended now. `met_at` is when it was met, in time or late. `remaining` is negative, and `fraction` above one, when
    overdue. `estimate` is the agreed time that stands in for the update cadence. `warnings` are those of the target in
    force. `ledger` holds every target there was.
    """

    kind: Kind
    promise: Promise
    state: State
    reason: str = ""
    type: str | None = None
    level: str | None = None
    target: Target | None = None
    since: datetime | None = None
    due: datetime | None = None
    if_resumed: datetime | None = None
    estimate: datetime | None = None
    elapsed: timedelta | None = None
    remaining: timedelta | None = None
    fraction: float | None = None
    met_at: datetime | None = None
    breached_at: datetime | None = None
    warnings: tuple[Warned, ...] = ()
    ledger: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class _Cycle:
    opened: Event
    ended: Event | None

    @property
    def estimate(self) -> datetime | None:
        """The time agreed when it was opened, if that lay ahead."""
        until = self.opened.until if self.opened.kind == EventKind.ESTIMATED else None
        return until if until is not None and until > self.opened.at else None


@dataclass(frozen=True, slots=True)
class _Base:
    since: datetime
    until: datetime | None
    counted_from: datetime
    estimate: datetime | None


def clocks(commitments: Commitments, events: Iterable[Event], now: datetime) -> tuple[Clock, ...]:
    """Every clock a request can have under a policy, by kind and promise, as the log stands at `now`.

    Order and duplicates of the events do not matter, unknown kinds are ignored, what lies after `now` is not there
    yet. Guaranteed figure and objective are two clocks.
    """
    line = timeline(events, now)
    return tuple(_clock(commitments, line, key, now) for key in commitments.keys)


def next_change(found: Iterable[Clock], now: datetime) -> datetime | None:
    """The next moment after `now` at which a clock wants attention: a warning to send, or a deadline just missed."""
    waiting = [clock for clock in found if clock.state is State.RUNNING]
    moments = [warned.notify_at for clock in waiting for warned in clock.warnings]
    moments += [clock.due + JUST_MISSED for clock in waiting if clock.due]
    return min((moment for moment in moments if moment > now), default=None)


def _clock(commitments: Commitments, line: Timeline, key: tuple[Kind, Promise], now: datetime) -> Clock:
    kind, promise = key
    if not line.rounds:
        reason = "no clock has started: the request has not reached a channel the SLA covers"
        return Clock(kind=kind, promise=promise, state=State.NONE, reason=reason)
    ledger = tuple(_ledger(commitments, line, key, now))
    current = [entry for entry in ledger if entry.round == len(line.rounds) - 1]
    if not current:
        reason = _no_update_yet(commitments, line, key)
        return Clock(kind=kind, promise=promise, state=State.NOT_APPLICABLE, reason=reason, ledger=ledger)
    return _shown(commitments, current, ledger, key, now)


def _no_update_yet(commitments: Commitments, line: Timeline, key: tuple[Kind, Promise]) -> str:
    stint = line.stints[-1] if line.stints else Stint(line.rounds[-1].start.at, None, None)
    targets, reason = commitments.applying(stint.type, stint.level)
    if not any(one.key == key for one in targets):
        return reason
    resolved = line.rounds[-1].until is not None
    return "resolved with the first response" if resolved else "updates are due after the first response"


def _shown(
    commitments: Commitments, current: list[Entry], ledger: tuple[Entry, ...], key: tuple[Kind, Promise], now: datetime
) -> Clock:
    entry, counted = current[-1], current[-1].deadline
    state = _state(current, now)
    if entry.target is None or counted is None:
        return Clock(kind=key[0], promise=key[1], state=state, reason=entry.reason, type=entry.type, level=entry.level,
                     ledger=ledger)  # fmt: skip
    elapsed = counted.elapsed(entry.until or now)
    total = counted.total
    return Clock(
        kind=key[0],
        promise=key[1],
        state=state,
        reason=entry.reason,
        type=entry.type,
        level=entry.level,
        target=entry.target,
        since=counted.since,
        due=counted.at,
        if_resumed=_if_resumed(entry, counted, now) if state is State.PAUSED else None,
        estimate=entry.estimate,
        elapsed=elapsed,
        remaining=None if total is None else total - elapsed,
        fraction=None if total is None else elapsed / total if total else 1.0,
        met_at=entry.met_at,
        breached_at=entry.breached_at,
        warnings=tuple(_warnings(commitments, entry, counted)),
        ledger=ledger,
    )


def _state(current: Sequence[Entry], now: datetime) -> State:
    entry = current[-1]
    if entry.target is None or entry.deadline is None:
        return State.NOT_APPLICABLE
    # A cadence that is over is judged by all of its cycles; any other clock by the target that was met.
    judged = current if entry.target.kind is Kind.UPDATE and entry.until else current[-1:]
    if any(one.breached_at for one in judged):
        return State.BREACHED
    if entry.until:
        return State.MET
    stops = entry.deadline.stops
    stopped = bool(stops) and stops[-1].until is None and stops[-1].since <= now
    return State.PAUSED if stopped else State.RUNNING


def _if_resumed(entry: Entry, counted: Deadline, now: datetime) -> datetime | None:
    if entry.target is None:
        return None
    return if_resumed(entry.target, counted.since, entry.estimate, counted.stops, now).at


def _warnings(commitments: Commitments, entry: Entry, counted: Deadline) -> Iterator[Warned]:
    for percent in commitments.warn_at:
        used = counted.used(percent)
        # A target that came into force later cannot have warned before it did.
        at = None if used is None else max(used, entry.since)
        if at is None or (entry.until is not None and at >= entry.until):
            continue
        quiet = entry.target.notices if entry.target and percent < WHOLE else None
        yield Warned(percent=percent, at=at, notify_at=quiet.next_open(at) if quiet else at)


def _ledger(commitments: Commitments, line: Timeline, key: tuple[Kind, Promise], now: datetime) -> Iterator[Entry]:
    number = 0
    for place, current in enumerate(line.rounds):
        for cycle in _cycles(current, key[0], commitments.met_by):
            for since, until, stint in _stints(line.stints, cycle):
                targets, reason = commitments.applying(stint.type, stint.level)
                target = next((one for one in targets if one.key == key), None)
                for base in _bases(target, current, cycle, since, until):
                    counted = _counted(target, base, current.pauses)
                    met_at, breached_at = _outcome(counted, base, cycle, now)
                    yield Entry(
                        cycle=number,
                        round=place,
                        opened=cycle.opened,
                        since=base.since,
                        until=base.until,
                        type=stint.type,
                        level=stint.level,
                        target=target,
                        deadline=counted,
                        estimate=base.estimate,
                        met_at=met_at,
                        breached_at=breached_at,
                        reason=reason if counted is None else NO_ESTIMATE if counted.total is None else "",
                    )
            number += 1


def _cycles(current: Round, kind: Kind, met_by: Mapping[Kind, tuple[str, ...]]) -> list[_Cycle]:
    if kind is not Kind.UPDATE:
        return [_Cycle(current.start, next((one for one in current.events if one.kind in met_by[kind]), None))]
    first = next((place for place, one in enumerate(current.events) if one.kind in met_by[Kind.RESPONSE]), None)
    if first is None or current.events[first].kind == EventKind.RESOLVED:
        return []
    found = [_Cycle(current.events[first], None)]
    for event in current.events[first + 1 :]:
        estimate = found[-1].estimate
        # An agreed time stands in for the cadence until it passes, is agreed anew, or the request is resolved.
        stands = estimate is not None and event.at < estimate
        told = event.kind in met_by[kind] and (not stands or event.kind == EventKind.ESTIMATED)
        if told or event.kind == EventKind.RESOLVED:
            found[-1:] = [_Cycle(found[-1].opened, event), _Cycle(event, None)]
    return found[:-1] if current.until is not None else found


def _stints(stints: Sequence[Stint], cycle: _Cycle) -> list[tuple[datetime, datetime | None, Stint]]:
    """The classifications in force in a cycle, clipped to it; one set at the very moment of its end came too late."""
    start, end = cycle.opened.at, cycle.ended.at if cycle.ended else None
    before = [stint for stint in stints if stint.since <= start]
    within = [stint for stint in stints if stint.since > start and (end is None or stint.since < end)]
    found = [before[-1] if before else Stint(start, None, None), *within]
    ends = [stint.since for stint in found[1:]]
    return [(max(stint.since, start), until, stint) for stint, until in zip(found, [*ends, end], strict=True)]


def _bases(
    target: Target | None, current: Round, cycle: _Cycle, since: datetime, until: datetime | None
) -> Iterator[_Base]:
    """Where a target is counted from while it is in force: the cycle's opening, or each estimate that was given."""
    if target is None or target.measure is not Measure.ESTIMATE:
        estimate = cycle.estimate if target is not None and target.kind is Kind.UPDATE else None
        yield _Base(since, until, cycle.opened.at, estimate)
        return
    given = [one for one in current.events if one.kind == EventKind.ESTIMATED and one.until is not None]
    bases = [(cycle.opened.at, None), *((one.at, one.until) for one in given if until is None or one.at < until)]
    first = max(place for place, (at, _) in enumerate(bases) if at <= since)
    for place, (at, estimate) in enumerate(bases[first:], first):
        after = bases[place + 1][0] if place + 1 < len(bases) else until
        yield _Base(max(at, since), after, at, estimate)


def _counted(target: Target | None, base: _Base, pauses: Sequence[Pause]) -> Deadline | None:
    known = pauses if base.until is None else _as_of(pauses, base.until)
    return None if target is None else deadline(target, base.counted_from, base.estimate, known)


def _outcome(
    counted: Deadline | None, base: _Base, cycle: _Cycle, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """When a target was met, in time or late, and since when it is missed."""
    if counted is None:
        return None, None
    met_at = base.until if cycle.ended is not None and base.until == cycle.ended.at else None
    if counted.at is None:
        return met_at, None
    missed = max(counted.at, base.since)
    # Replaced at the moment it would have been missed is not missed; met at the deadline is in time.
    late = met_at > counted.at if met_at else missed < base.until if base.until else now > counted.at
    return met_at, missed if late else None


def _as_of(pauses: Iterable[Pause], until: datetime) -> list[Pause]:
    """The pauses as they were known at a moment, so that what follows it leaves a closed entry alone."""
    return [
        pause if pause.until is not None and pause.until <= until else Pause(pause.since, None, pause.reason)
        for pause in pauses
        if pause.since < until
    ]
