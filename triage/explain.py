"""How a deadline came about, line by line, in words for people. Pure.

The lines about counted time of a deadline add up to its target exactly.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from triage.clock import Clock, Entry, Event, State, clocks
from triage.deadlines import Deadline, running
from triage.targets import Commitments, Kind, Measure, Promise, Target
from triage.timeline import Pause, timeline


class About(StrEnum):
    """What a line tells."""

    EARLIER = "earlier"
    STARTED = "started"
    CHANGED = "changed"
    TARGET = "target"
    COUNTED = "counted"
    PAUSED = "paused"
    NOT_PAUSED = "not paused"
    HOLIDAY = "holiday"
    CLOSED = "closed"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an explanation: an interval (or a moment, without `until`), the time `counted` in it, and words.

    Moments are UTC; the words show them in the zone of the target's calendar. `clause` is what the line rests on.
    """

    about: About
    text: str
    since: datetime | None = None
    until: datetime | None = None
    counted: timedelta = timedelta(0)
    clause: str = ""


def explain(
    commitments: Commitments, events: Iterable[Event], now: datetime, kind: Kind, promise: Promise = Promise.GUARANTEED
) -> tuple[Line, ...]:
    """Every interval counted, each pause, holiday and change, the closed hours in one line, and the outcome.

    In order of time within each part. A policy without such a clock gives no line.
    """
    events = tuple(events)
    clock = next((one for one in clocks(commitments, events, now) if (one.kind, one.promise) == (kind, promise)), None)
    if clock is None:
        return ()
    if clock.state is State.NONE:
        return (Line(about=About.OUTCOME, text=_sentence(clock.reason)),)
    rounds = timeline(events, now).rounds
    return tuple(_lines(clock, rounds[-1].pauses, now, len(rounds) - 1))


def duration_words(amount: timedelta) -> str:
    """An amount of time as people write it: `1 h 30 min`, down to the seconds."""
    minutes, seconds = divmod(int(abs(amount).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes)
    parts += [f"{seconds} s"] * bool(seconds)
    return ("minus " if amount < timedelta(0) else "") + (" ".join(parts) or "0 min")


def _lines(clock: Clock, pauses: list[Pause], now: datetime, place: int) -> Iterator[Line]:
    last = clock.ledger[-1].cycle if clock.ledger and clock.ledger[-1].round == place else None
    for entry in clock.ledger:
        if entry.cycle != last and (line := _earlier(entry)):
            yield line
    current = [entry for entry in clock.ledger if entry.cycle == last]
    if not current:
        yield Line(about=About.OUTCOME, text=_sentence(clock.reason))
        return
    entry = current[-1]
    yield _started(entry)
    for before, after in itertools.pairwise(current):
        yield _changed(before, after)
    if entry.target is None or entry.deadline is None:
        yield Line(about=About.OUTCOME, text=_sentence(entry.reason))
        return
    yield _target(entry, entry.target)
    yield from _counting(entry.target, entry.deadline, pauses, entry.until or now)
    yield _outcome(clock, entry, entry.target)


def _earlier(entry: Entry) -> Line | None:
    if entry.target is None or entry.deadline is None:
        return None
    due = "no deadline" if entry.deadline.at is None else f"due {_when(entry.target, entry.deadline.at)}"
    if entry.breached_at:
        end = f"missed {_when(entry.target, entry.breached_at)}"
    else:
        end = f"met {_when(entry.target, entry.met_at)}" if entry.met_at else "replaced in time"
    text = f"Earlier {entry.target.kind}, level {entry.level}: {due}, {end}."
    return Line(about=About.EARLIER, text=text, since=entry.since, until=entry.until, clause=entry.target.clause)


def _started(entry: Entry) -> Line:
    note = " ".join(part for part in (entry.opened.value, entry.opened.note) if part)
    when = _when(entry.target, entry.opened.at)
    text = f"Counted from {when}: {entry.opened.kind}{f' ({note})' if note else ''}."
    return Line(about=About.STARTED, text=text, since=entry.opened.at)


def _changed(before: Entry, after: Entry) -> Line:
    if (before.type, before.level) == (after.type, after.level):
        what = "A new estimate was given"
    else:
        what = f"{_classified(before)} became {_classified(after)}"
    was = before.deadline.at if before.deadline else None
    due = f"; the deadline until then was {_when(before.target, was)}" if was else ""
    missed = ", missed" if before.breached_at else ""
    anew = "" if after.target is None or after.target.measure is Measure.ESTIMATE else ", counted again from the start"
    text = f"{what} at {_when(after.target or before.target, after.since)}{anew}{due}{missed}."
    return Line(about=About.CHANGED, text=text, since=after.since, clause=after.target.clause if after.target else "")


def _classified(entry: Entry) -> str:
    return " ".join(part for part in (entry.type, f"level {entry.level}" if entry.level else "no level") if part)


def _target(entry: Entry, target: Target) -> Line:
    if entry.estimate is not None:
        measure = f"by the time agreed, {_when(target, entry.estimate)}"
    elif target.measure is Measure.ESTIMATE:
        measure = "according to estimate"
    elif target.within is not None:
        measure = f"{'every' if target.kind is Kind.UPDATE else 'within'} {duration_words(target.within)}"
    else:
        measure = "by the end of the working day" + (f", {target.days} later" if target.days else "")
    assumed = ", an assumed value" if target.assumed else ""
    hours = "" if entry.estimate else f" on calendar {target.calendar.name}"
    text = f"{target.kind.capitalize()} {measure}{hours} ({target.promise}{assumed})."
    return Line(about=About.TARGET, text=text, clause=target.clause)


def _counting(target: Target, deadline: Deadline, pauses: list[Pause], seen: datetime) -> Iterator[Line]:
    if deadline.total is None:
        return
    end = deadline.at or seen
    lines = [*_paused(target, deadline, pauses, end), *_holidays(deadline, end)]
    closed, stretches = timedelta(0), 0
    for begins, ends in running(deadline.since, deadline.stops):
        until = end if ends is None else min(ends, end)
        if begins >= until:
            continue
        open_time = deadline.calendar.openings(begins, until)
        lines += [_counted(target, *stretch) for stretch in open_time]
        edges = [begins, *(edge for stretch in open_time for edge in stretch), until]
        gaps = [after - before for before, after in zip(edges[::2], edges[1::2], strict=True) if after > before]
        closed, stretches = closed + sum(gaps, timedelta(0)), stretches + len(gaps)
    yield from sorted(lines, key=lambda line: (line.since or end, line.until or end))
    if stretches:
        times = "once" if stretches == 1 else f"{stretches} times"
        yield Line(about=About.CLOSED, text=f"Closed hours left out {times}: {duration_words(closed)} in all.")


def _counted(target: Target, since: datetime, until: datetime) -> Line:
    amount = until - since
    text = f"{_when(target, since)} to {_when(target, until)}: {duration_words(amount)} counted."
    return Line(about=About.COUNTED, text=text, since=since, until=until, counted=amount)


def _paused(target: Target, deadline: Deadline, pauses: list[Pause], end: datetime) -> Iterator[Line]:
    for pause in pauses:
        if pause.since >= end or (pause.until is not None and pause.until <= deadline.since):
            continue
        honoured = pause.reason in target.pauses
        until = f" to {_when(target, pause.until)}" if pause.until else " until now"
        what = "the clock stood still" if honoured else "this clock runs on"
        about = About.PAUSED if honoured else About.NOT_PAUSED
        text = f"{_when(target, pause.since)}{until}: {pause.reason}, {what}."
        yield Line(about=about, text=text, since=pause.since, until=pause.until)


def _holidays(deadline: Deadline, end: datetime) -> Iterator[Line]:
    for day, name in deadline.calendar.days_off(deadline.since, end):
        since, until = deadline.calendar.whole_day(day)
        yield Line(about=About.HOLIDAY, text=f"{day:%a %d %b %Y}: {name}, a day off.", since=since, until=until)


def _outcome(clock: Clock, entry: Entry, target: Target) -> Line:
    due = f"due {_when(target, clock.due)}" if clock.due else "no deadline yet"
    left = duration_words(clock.remaining) if clock.remaining is not None else ""
    if entry.met_at is not None:
        how = "missed: met late" if entry.breached_at else "met"
        text = f"{due}; {how}, {_when(target, entry.met_at)}."
    elif clock.state is State.BREACHED:
        text = f"{due}; missed." if clock.due else "missed."
    elif clock.state is State.PAUSED:
        resumed = f"; if work resumed now it would be due {_when(target, clock.if_resumed)}" if clock.if_resumed else ""
        text = f"paused{f' with {left} left' if left else ''}{resumed}."
    else:
        text = f"{due}, {left} left." if left else f"{clock.reason or due}."
    return Line(about=About.OUTCOME, text=text[0].upper() + text[1:], since=clock.due, clause=target.clause)


def _when(target: Target | None, moment: datetime | None) -> str:
    if moment is None:
        return "never"
    shown = moment if target is None else target.calendar.local(moment)
    return f"{shown:%a %d %b %Y %H:%M}{f':{shown:%S}' if shown.second else ''} {shown:%Z}"


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}."
