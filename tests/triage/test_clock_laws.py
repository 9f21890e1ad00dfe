"""What holds for every event log: order does not matter, the past stands, pauses never shorten, explanations add up."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from triage.calendars import ALWAYS, Calendar, span
from triage.clock import Clock, Event, State, clocks, next_change
from triage.explain import About, explain
from triage.holidays import holiday
from triage.targets import Commitments, EventKind, Kind, Measure, Promise, Target, TypeClock

H, TICK = timedelta(hours=1), timedelta(microseconds=1)
START = datetime(2026, 3, 26, 7, 0, tzinfo=UTC)
"""Two days before the clocks go forward in Europe."""
CLIENT = frozenset({"waiting-on-client"})
BOTH = CLIENT | {"deferred"}
OFFICE = Calendar(
    name="office",
    zone="Europe/Rome",
    week=((span("09:00-13:00"), span("14:00-18:00")),) * 5 + ((),) * 2,
    holidays=(holiday("easter+1", "Easter Monday"),),
)
MADE = Commitments(
    levels={
        "P1": (
            Target(kind=Kind.RESPONSE, calendar=ALWAYS, within=H, pauses=CLIENT),
            Target(kind=Kind.RESPONSE, calendar=ALWAYS, within=H / 2, promise=Promise.OBJECTIVE),
            Target(kind=Kind.UPDATE, calendar=ALWAYS, within=4 * H, pauses=BOTH),
            Target(kind=Kind.WORKAROUND, calendar=ALWAYS, within=24 * H, pauses=CLIENT, notices=OFFICE),
            Target(kind=Kind.RESOLUTION, calendar=OFFICE, within=16 * H, pauses=BOTH),
        ),
        "P2": (
            Target(kind=Kind.RESPONSE, calendar=OFFICE, within=4 * H, pauses=BOTH),
            Target(kind=Kind.UPDATE, calendar=OFFICE, measure=Measure.END_OF_DAY, days=1, pauses=CLIENT),
            Target(kind=Kind.RESOLUTION, calendar=OFFICE, measure=Measure.ESTIMATE, pauses=BOTH),
        ),
        "P3": (Target(kind=Kind.RESPONSE, calendar=OFFICE, within=48 * H, pauses=BOTH),),
        "ER": (),
    },
    types={"help": TypeClock(clocked=False, reason="no times"), "query": TypeClock(as_level="P3")},
)
VALUES = {
    EventKind.LEVEL: ("P1", "P2", "P3", "ER"),
    EventKind.TYPE: ("incident", "help", "query"),
    EventKind.PAUSED: ("waiting-on-client", "deferred", "waiting-on-vendor"),
}
kinds = some.sampled_from([*EventKind, EventKind.LEVEL, EventKind.PAUSED, EventKind.RESUMED, "noted"])
# Many moments fall together: on the hour, on deadlines, and a microsecond beside them.
offsets = some.one_of(
    some.integers(-2, 200).map(lambda hours: hours * H),
    some.integers(0, 20).map(lambda halves: halves * H / 2 + TICK),
    some.timedeltas(timedelta(0), timedelta(days=10)),
)


@some.composite
def logs(draw: some.DrawFn) -> tuple[Event, ...]:
    """A started request and up to fourteen things that happen to it, in any order of ids."""
    found = [Event(id="start", at=START, kind="started"), Event(id="level", at=START, kind="level", value="P1")]
    for number in range(draw(some.integers(0, 14))):
        kind, offset = draw(kinds), draw(offsets)
        value = draw(some.sampled_from(VALUES.get(kind, ("",))))
        until = START + offset + draw(offsets) if kind == EventKind.ESTIMATED else None
        found.append(Event(id=f"{number}", at=START + offset, kind=kind, value=value, until=until))
    return tuple(found)


moments = offsets.map(lambda offset: START + offset)


def history(found: Iterable[Clock], until: datetime) -> list[Any]:
    """Every target that was met or replaced before a moment, whole, and what was missed by the one still waiting."""
    told: list[Any] = []
    for clock in found:
        for entry in clock.ledger:
            if entry.until and entry.until < until:
                told.append(entry)
            elif entry.breached_at and entry.breached_at < until:
                told.append((entry.cycle, entry.level, entry.since, entry.breached_at))
    return told


@given(events=logs(), seed=some.randoms(use_true_random=False), now=moments)
def test_order_and_duplicates_do_not_matter(events: tuple[Event, ...], seed: Any, now: datetime):
    """The log is a set: shuffled, and with every event twice, it gives the same clocks."""
    shuffled = list(events * 2)
    seed.shuffle(shuffled)
    assert clocks(MADE, shuffled, now) == clocks(MADE, events, now)


@given(events=logs(), now=moments)
def test_what_comes_later_is_not_there_yet(events: tuple[Event, ...], now: datetime):
    """A log with its future gives what the log without it gave."""
    assert clocks(MADE, events, now) == clocks(MADE, [one for one in events if one.at <= now], now)


@given(events=logs(), now=moments, later=moments)
def test_later_events_never_change_the_past(events: tuple[Event, ...], now: datetime, later: datetime):
    """What was met or missed by a moment is told alike ever after, whatever happens then."""
    now, later = min(now, later), max(now, later)
    assert history(clocks(MADE, events, later), now) == history(clocks(MADE, events, now), now)


@given(events=logs(), now=moments)
def test_pauses_never_shorten_a_deadline(events: tuple[Event, ...], now: datetime):
    """Every target ever in force falls due no earlier than it would without any pause."""
    without = [one for one in events if one.kind not in {EventKind.PAUSED, EventKind.RESUMED}]
    for paused, plain in zip(clocks(MADE, events, now), clocks(MADE, without, now), strict=True):
        assert len(paused.ledger) == len(plain.ledger)
        for one, other in zip(paused.ledger, plain.ledger, strict=True):
            due, before = (entry.deadline.at if entry.deadline else None for entry in (one, other))
            assert due is None or (before is not None and due >= before)
            assert one.breached_at is None or other.breached_at is not None


@given(events=logs(), now=moments)
def test_the_figures_of_a_clock_agree_with_each_other(events: tuple[Event, ...], now: datetime):
    """State, deadline, remaining time and outcome tell one story."""
    for one in clocks(MADE, events, now):
        if one.state is State.RUNNING and one.due is not None:
            assert now <= one.due
            assert one.remaining is not None
            assert one.remaining >= timedelta(0)
        if one.state is State.PAUSED:
            assert one.due is None or one.due >= now
            assert one.if_resumed is None or one.if_resumed >= now
        if one.breached_at is not None and one.met_at is not None:
            assert one.breached_at <= one.met_at
        if one.state is State.MET:
            assert one.met_at is not None
            assert one.due is None or one.met_at <= one.due
        assert list(one.warnings) == sorted(one.warnings, key=lambda warned: warned.at)
        assert all(warned.notify_at >= warned.at for warned in one.warnings)


@given(events=logs(), now=moments)
def test_nothing_changes_before_the_next_change(events: tuple[Event, ...], now: datetime):
    """Until the moment a clock wants attention, no state changes by itself."""
    known = [one for one in events if one.at <= now]
    found = clocks(MADE, known, now)
    wanted = next_change(found, now) or now + timedelta(days=30)
    assert [one.state for one in clocks(MADE, known, wanted - TICK)] == [one.state for one in found]


@given(events=logs(), now=moments, key=some.sampled_from(MADE.keys))
def test_the_lines_of_an_explanation_add_up_to_the_target(
    events: tuple[Event, ...], now: datetime, key: tuple[Kind, Promise]
):
    """Every interval counted, to the microsecond; up to a pause, what has elapsed."""
    found = next(one for one in clocks(MADE, events, now) if (one.kind, one.promise) == key)
    lines = explain(MADE, events, now, *key)
    assert lines
    assert all(line.text.endswith(".") for line in lines)
    counted = [line for line in lines if line.about is About.COUNTED]
    assert all(line.counted == line.until - line.since for line in counted if line.since and line.until)
    assert all(before.until and after.since and before.until <= after.since for before, after in pairwise(counted))
    entry = found.ledger[-1].deadline if found.ledger and found.target else None
    if entry is not None and entry.total is not None:
        expected = entry.total if entry.at else entry.elapsed(found.ledger[-1].until or now)
        assert sum((line.counted for line in counted), timedelta(0)) == expected
