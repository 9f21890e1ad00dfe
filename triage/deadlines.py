"""When one target falls due, with pauses taken out: the same arithmetic for every clock. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from triage.calendars import ALWAYS, Calendar
from triage.targets import Measure, Target
from triage.timeline import Pause

WHOLE = 100
"""Per cent."""
LONGEST = timedelta(days=3653)
"""An estimate further away counts as ten years: a slip of the pen must not leave a request without clocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A target counted from `since` on `calendar`: `total` open time, used up `at` a moment.

    `at` is None while an open pause stands before it, or while no estimate has been given (`total` is None too).
    `stops` are the pauses that this target honours.
    """

    since: datetime
    calendar: Calendar
    total: timedelta | None
    at: datetime | None
    stops: tuple[Pause, ...]

    def elapsed(self, until: datetime) -> timedelta:
        """Open time counted by a moment, pauses left out."""
        return _counted(self.calendar, self.since, until, self.stops)

    def used(self, percent: int) -> datetime | None:
        """When that share of the total is used up; None where a pause stands before it."""
        if percent == WHOLE or self.total is None:
            return self.at
        return _reached(self.calendar, self.since, self.total * percent // WHOLE, self.stops)


def deadline(target: Target, since: datetime, estimate: datetime | None, pauses: Sequence[Pause]) -> Deadline:
    """The deadline of a target counted from `since`; pauses only ever move it later.

    An `estimate` agreed at `since` replaces the target's own measure: that moment, and the pauses after it.
    """
    stops = tuple(pause for pause in pauses if pause.reason in target.pauses)
    if estimate is not None:
        return _by_time(ALWAYS, since, min(max(estimate - since, timedelta(0)), LONGEST), stops)
    if target.measure is Measure.ESTIMATE:
        return Deadline(since=since, calendar=target.calendar, total=None, at=None, stops=stops)
    if target.within is not None:
        return _by_time(target.calendar, since, target.within, stops)
    return _by_day(target, since, stops)


def if_resumed(
    target: Target, since: datetime, estimate: datetime | None, pauses: Sequence[Pause], now: datetime
) -> Deadline:
    """The deadline as it would be if the open pause ended now."""
    closed = [pause if pause.until else replace(pause, until=now) for pause in pauses]
    return deadline(target, since, estimate, closed)


def running(since: datetime, stops: Sequence[Pause]) -> Iterator[tuple[datetime, datetime | None]]:
    """The stretches from `since` on that are not paused; the last has no end unless a pause is open."""
    at = since
    for stop in stops:
        if stop.since > at:
            yield at, stop.since
        if stop.until is None:
            return
        at = max(at, stop.until)
    yield at, None


def _by_time(calendar: Calendar, since: datetime, total: timedelta, stops: tuple[Pause, ...]) -> Deadline:
    at = _reached(calendar, since, total, stops)
    return Deadline(since=since, calendar=calendar, total=total, at=at, stops=stops)


def _by_day(target: Target, since: datetime, stops: tuple[Pause, ...]) -> Deadline:
    at, stopped = target.calendar.end_of_day(since, target.days), False
    for stop in stops:
        if stop.since < at:
            stopped = stop.until is None
            at = at if stop.until is None else max(at, target.calendar.end_of_day(stop.until))
    closed = [stop for stop in stops if stop.until]
    total = _counted(target.calendar, since, at, closed)
    return Deadline(since=since, calendar=target.calendar, total=total, at=None if stopped else at, stops=stops)


def _counted(calendar: Calendar, since: datetime, until: datetime, stops: Sequence[Pause]) -> timedelta:
    total = timedelta(0)
    for begins, ends in running(since, stops):
        last = until if ends is None else min(ends, until)
        if begins < last:
            total += calendar.between(begins, last)
    return total


def _reached(calendar: Calendar, since: datetime, amount: timedelta, stops: Sequence[Pause]) -> datetime | None:
    for begins, ends in running(since, stops):
        if ends is None:
            return calendar.add(begins, amount)
        open_time = calendar.between(begins, ends)
        if open_time >= amount:
            return calendar.add(begins, amount)
        amount -= open_time
    return None
