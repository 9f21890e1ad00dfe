"""Who of a rota is on duty at a moment, until when, who comes next, and when nobody is. Pure.

Of the overrides of a tier in force at a moment the one made last counts. Somebody away, and somebody who may not
sign in any more (`gone`), has no duty: the next of the turn stands in.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from triage.calendars import Calendar
from triage.rota import Person, Rota, Tier

HORIZON = timedelta(days=100)
"""How far it is looked ahead for a change."""
WEEK = timedelta(days=8)
"""No hours close for longer, whatever the clocks do."""
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Somebody has a tier to themselves, from one moment to just before another, in the tier's hours."""

    tier: str
    person: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TierDuty:
    """Who is on duty in a tier, `until` a moment (None: no change in sight); `stands_in` for whom, if for anybody."""

    tier: Tier
    people: tuple[Person, ...]
    until: datetime | None
    stands_in: tuple[Person, ...] = ()
    is_open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """The same people are on duty in an open tier from `start` until just before `end`; nobody where all are away."""

    tier: Tier
    people: tuple[Person, ...]
    start: datetime
    end: datetime
    stands_in: tuple[Person, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    is_open: bool
    people: tuple[Person, ...] = ()
    stands_in: tuple[Person, ...] = ()


def on_duty(
    rota: Rota, overrides: Sequence[Override], at: datetime, gone: Collection[str] = NOBODY
) -> tuple[TierDuty, ...]:
    """Who is on duty at a moment, tier by tier; overrides in the order they were made."""
    found = []
    for tier in rota.tiers:
        state = _state(rota, tier, overrides, at, gone)
        until = _change(rota, tier, overrides, at, gone)
        found.append(
            TierDuty(tier=tier, people=state.people, until=until, stands_in=state.stands_in, is_open=state.is_open)
        )
    return tuple(found)


def shifts(
    rota: Rota,
    tier: Tier,
    overrides: Sequence[Override],
    start: datetime,
    end: datetime,
    gone: Collection[str] = NOBODY,
) -> Iterator[Shift]:
    """Every stretch of an interval in which a tier is open, cut where its people change, in order."""
    at = start
    while at < end:
        state = _state(rota, tier, overrides, at, gone)
        until = _change(rota, tier, overrides, at, gone, within=end - at)
        ends = min(until or end, end)
        if state.is_open:
            yield Shift(tier=tier, people=state.people, start=at, end=ends, stands_in=state.stands_in)
        at = ends


def next_handover(
    rota: Rota, tier: Tier, overrides: Sequence[Override], at: datetime, gone: Collection[str] = NOBODY
) -> Shift | None:
    """The first shift after a moment that other people have; None where nobody else takes over within `HORIZON`."""
    now = _state(rota, tier, overrides, at, gone).people
    later = shifts(rota, tier, overrides, at, at + HORIZON, gone)
    return next((one for one in later if one.people and one.people != now), None)


def gaps(
    rota: Rota,
    overrides: Sequence[Override],
    start: datetime,
    end: datetime,
    gone: Collection[str] = NOBODY,
    *,
    silent: Collection[str] = NOBODY,
    policy: str = "",
) -> tuple[tuple[datetime, datetime], ...]:
    """The stretches of an interval in which nobody takes urgent calls of a policy, in order.

    `silent` are people who cannot be rung: whoever has no number is as good as nobody.
    """
    covered = sorted(
        (shift.start, shift.end)
        for tier in rota.tiers
        if not tier.policies or policy in tier.policies
        for shift in shifts(rota, tier, overrides, start, end, gone)
        if any(person.id not in silent for person in shift.people)
    )
    found = []
    reached = start
    for begins, ends in covered:
        if begins > reached:
            found.append((reached, begins))
        reached = max(reached, ends)
    return (*found, (reached, end)) if reached < end else tuple(found)


def _state(rota: Rota, tier: Tier, overrides: Sequence[Override], at: datetime, gone: Collection[str]) -> _State:
    if not tier.is_always_open and not tier.hours.is_open(at):
        return _State(is_open=False)
    people, stands_in = _regular(rota, tier, at, gone)
    for one in reversed(overrides):
        cover = rota.people.get(one.person)
        if one.tier == tier.id and one.starts_at <= at < one.ends_at and cover and one.person not in gone:
            return _State(is_open=True, people=(cover,), stands_in=() if cover in people else people)
    return _State(is_open=True, people=people, stands_in=stands_in)


def _regular(
    rota: Rota, tier: Tier, at: datetime, gone: Collection[str]
) -> tuple[tuple[Person, ...], tuple[Person, ...]]:
    """Who has a tier by the file, and for whom they stand in."""
    day = tier.hours.local(at).date()
    present = [name for name in tier.people if name not in gone and not _is_away(rota.people[name], day)]
    if tier.turn is None:
        return tuple(rota.people[name] for name in present), ()
    place = tier.turn.number(at) % len(tier.people)
    order = (*tier.people[place:], *tier.people[:place])
    name = next((name for name in order if name in present), None)
    if name is None:
        return (), ()
    return (rota.people[name],), () if name == order[0] else (rota.people[order[0]],)


def _is_away(person: Person, day: date) -> bool:
    return any(first <= day <= last for first, last in person.away)


def _change(
    rota: Rota,
    tier: Tier,
    overrides: Sequence[Override],
    at: datetime,
    gone: Collection[str],
    within: timedelta = HORIZON,
) -> datetime | None:
    """The next moment after which a tier is opened, closed or somebody else's; None if there is none `within`."""
    now = _state(rota, tier, overrides, at, gone)
    moment = _edge(rota, tier, overrides, at)
    while moment is not None and moment - at <= within:
        if _state(rota, tier, overrides, moment, gone) != now:
            return moment
        moment = _edge(rota, tier, overrides, moment)
    return None


def _edge(rota: Rota, tier: Tier, overrides: Sequence[Override], at: datetime) -> datetime | None:
    """The next moment after `at` at which something may change."""
    edges = [edge for one in overrides if one.tier == tier.id for edge in (one.starts_at, one.ends_at)]
    if not tier.is_always_open:
        edges.append(_turned(tier.hours, at))
    if tier.turn is not None and len(tier.people) > 1:
        edges.append(tier.turn.handover(tier.turn.number(at) + 1))
    for name in tier.people:
        for first, last in rota.people[name].away:
            edges += [tier.hours.whole_day(first)[0], tier.hours.whole_day(last)[1]]
    return min((edge.astimezone(UTC) for edge in edges if edge > at), default=None)


def _turned(hours: Calendar, at: datetime) -> datetime:
    """The next opening or closing after a moment; where there is none for a week, the end of that."""
    opens = hours.next_open(at)
    return opens if opens > at else hours.openings(at, at + WEEK)[0][1]
