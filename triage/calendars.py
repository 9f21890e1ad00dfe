"""Business calendars: which moments count, how much open time lies between two, and when an amount is used up. Pure.

Opening hours are wall-clock times of a zone; the time counted is real, elapsed time. A night shift from 22:00 to
06:00 therefore counts seven hours when the clocks go forward and nine when they go back.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from models.errors import Invalid
from triage.holidays import Holiday

DAY = 86_400
"""Seconds in a day of the wall clock: midnight at its end, written 24:00."""
YEARS = range(1970, 2200)
"""What a calendar answers for; it bounds every search."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Span:
    """Open from `opens` until just before `closes`, in seconds of the wall clock since midnight."""

    opens: int
    closes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Year:
    """One local year, in microseconds since 1970 UTC: spans, and the open time `before` each of them."""

    begins: int
    ends: int
    opens: list[int]
    closes: list[int]
    before: list[int]
    off: dict[date, str]

    def position(self, moment: int) -> int:
        """Open time of this year before a moment."""
        span = bisect_right(self.opens, moment) - 1
        return 0 if span < 0 else self.before[span] + min(moment, self.closes[span]) - self.opens[span]

    def reached(self, amount: int) -> int:
        """The earliest moment before which `amount` of open time lies; 0 < amount <= `before[-1]`."""
        span = bisect_left(self.before, amount) - 1
        return self.opens[span] + amount - self.before[span]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When somebody works: `week` holds the spans of Monday to Sunday, `zone` is an IANA name.

    A holiday closes the whole local day. An opening or closing time that the clocks jump over means the jump itself;
    one that comes twice means the first time.

    Raises:
        Invalid: an unknown zone, spans that overlap or are out of order, or no opening hours at all.
    """

    name: str
    zone: str
    week: tuple[tuple[Span, ...], ...]
    holidays: tuple[Holiday, ...] = ()
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)
    _years: dict[int, _Year] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what can never be counted."""
        try:
            object.__setattr__(self, "_zone", ZoneInfo(self.zone))
        except (OSError, ValueError, KeyError):
            message = f"calendar {self.name}: {self.zone!r} is no time zone; write an IANA name such as Europe/Rome"
            raise Invalid(message) from None
        if len(self.week) != len(WEEKDAYS) or not any(self.week):
            raise Invalid(f"calendar {self.name} never opens: write at least one span, such as mon: 09:00-17:00")
        for weekday, spans in zip(WEEKDAYS, self.week, strict=True):
            edges = [edge for span in spans for edge in (span.opens, span.closes)]
            if any(not 0 <= span.opens < span.closes <= DAY for span in spans) or edges != sorted(edges):
                raise Invalid(f"calendar {self.name}: the spans of {weekday} overlap or are out of order")

    def between(self, since: datetime, until: datetime) -> timedelta:
        """Open time from one moment to another; negative where `until` comes first."""
        if until < since:
            return -self.between(until, since)
        start, end = _ticks(since), _ticks(until)
        first, last = self._number(since, start), self._number(until, end)
        total = self._year(last).position(end) - self._year(first).position(start)
        for number in range(first, last):
            total += self._year(number).before[-1]
        return timedelta(microseconds=total)

    def add(self, since: datetime, duration: timedelta) -> datetime:
        """The earliest moment (UTC) by which `duration` of open time has passed since then.

        Nothing to wait for gives `since` itself; time that is used up at a closing ends there, not at the next opening.

        Raises:
            Invalid: a negative duration, or one that is not used up by the last year of `YEARS`.
        """
        if duration < timedelta(0):
            raise Invalid("business time is counted forwards only")
        if not duration:
            return since.astimezone(UTC)
        start = _ticks(since)
        number = self._number(since, start)
        amount = duration // _TICK + self._year(number).position(start)
        while amount > (total := self._year(number).before[-1]):
            amount -= total
            number += 1
        return _moment(self._year(number).reached(amount))

    def is_open(self, moment: datetime) -> bool:
        """Whether the moment counts: openings are inside, closings outside."""
        return self.next_open(moment) == moment

    def next_open(self, moment: datetime) -> datetime:
        """The moment itself where it is open, otherwise the next opening."""
        ticks = _ticks(moment)
        number = self._number(moment, ticks)
        while (span := bisect_right((year := self._year(number)).closes, ticks)) == len(year.closes):
            number += 1
        return _moment(max(ticks, year.opens[span]))

    def openings(self, since: datetime, until: datetime) -> tuple[tuple[datetime, datetime], ...]:
        """Every open stretch of an interval, clipped to it, in order; stretches that touch are one."""
        start, end = _ticks(since), _ticks(until)
        found: list[tuple[int, int]] = []
        for number in range(self._number(since, start), self._number(until, end) + 1):
            year = self._year(number)
            for opens, closes in zip(year.opens, year.closes, strict=True):
                stretch = max(opens, start), min(closes, end)
                if stretch[0] < stretch[1]:
                    _append(found, *stretch)
        return tuple((_moment(opens), _moment(closes)) for opens, closes in found)

    def days_off(self, since: datetime, until: datetime) -> tuple[tuple[date, str], ...]:
        """Holidays of an interval that fall on what would have been a working day, with their names."""
        first, last = self.local(since).date(), self.local(until).date()
        return tuple(
            (day, name)
            for number in range(first.year, last.year + 1)
            for day, name in self._year(number).off.items()
            if first <= day <= last and self.week[day.weekday()]
        )

    def whole_day(self, day: date) -> tuple[datetime, datetime]:
        """When a local day begins and when the next one does."""
        begins, ends = (_instant(self._zone, _midnight(day + timedelta(days=more))) for more in (0, 1))
        return _moment(begins), _moment(ends)

    def end_of_day(self, moment: datetime, days: int = 0) -> datetime:
        """When the working day of a moment closes, or the one `days` working days later.

        After the last closing of a day, and on a day off, the next working day is meant.
        """
        day = self.local(moment).date()
        while True:
            closes = self._closing(day)
            if closes is not None and closes > moment:
                if not days:
                    return closes
                days -= 1
            day += timedelta(days=1)

    def local(self, moment: datetime) -> datetime:
        """The moment as the wall clock of this calendar shows it."""
        return moment.astimezone(self._zone)

    def _closing(self, day: date) -> datetime | None:
        spans = self.week[day.weekday()]
        if not spans or day in self._year(day.year).off:
            return None
        return _moment(_instant(self._zone, _midnight(day) + timedelta(seconds=spans[-1].closes)))

    def _number(self, moment: datetime, ticks: int) -> int:
        """The local year a moment lies in; the year it is written with is at most one off."""
        number = moment.year
        year = self._year(number)
        return number - 1 if ticks < year.begins else number + 1 if ticks >= year.ends else number

    def _year(self, number: int) -> _Year:
        year = self._years.get(number)
        if year is None:
            year = self._years[number] = _count(self, number)
        return year


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALWAYS = Calendar(name="24x7", zone="UTC", week=((Span(opens=0, closes=DAY),),) * len(WEEKDAYS))
"""Every moment counts: elapsed time."""


def span(text: str) -> Span:
    """A span written as `09:00-13:00`; 24:00 is midnight at the end of the day.

    Raises:
        Invalid: anything else, with what to write instead.
    """
    opens, dash, closes = text.partition("-")
    try:
        found = Span(opens=_seconds(opens), closes=_seconds(closes))
    except ValueError:
        raise Invalid(f"{text!r} is no span of hours: write it as 09:00-17:00") from None
    if not dash or found.closes <= found.opens:
        raise Invalid(f"{text!r} ends before it begins: write 22:00-24:00, and 00:00-06:00 on the day after")
    return found


def weekdays(text: str) -> range:
    """The days of the week meant by `mon` or `mon-fri`, 0 for Monday.

    Raises:
        Invalid: anything else, with what to write instead.
    """
    first, dash, last = text.partition("-")
    try:
        days = range(WEEKDAYS.index(first), WEEKDAYS.index(last if dash else first) + 1)
    except ValueError:
        days = range(0)
    if not days:
        raise Invalid(f"{text!r} is no day of the week: write one of {', '.join(WEEKDAYS)}, or two as mon-fri")
    return days


def _seconds(text: str) -> int:
    hours, minutes = text.strip().split(":")
    if (int(hours), int(minutes)) == (24, 0):
        return DAY
    moment = time(int(hours), int(minutes))
    return moment.hour * 3600 + moment.minute * 60


def _count(calendar: Calendar, number: int) -> _Year:
    if number not in YEARS:
        raise Invalid(f"calendar {calendar.name} answers for the years {YEARS[0]} to {YEARS[-1]} only")
    off = {day: one.name for one in calendar.holidays if (day := one.falls_on(number))}
    day, zone = date(number, 1, 1), calendar._zone  # noqa: SLF001 - the calendar's own table, kept out of the class
    begins = offset = _offset(zone, _midnight(day))
    spans: list[tuple[int, int]] = []
    while day.year == number:
        after = _offset(zone, _midnight(day + timedelta(days=1)))
        for one in calendar.week[day.weekday()] if day not in off else ():
            walls = (_midnight(day) + timedelta(seconds=edge) for edge in (one.opens, one.closes))
            # Only a day on which the offset changes needs a look at each of its times.
            steady = after == offset
            opens, closes = (_naive(wall - offset) if steady else _instant(zone, wall) for wall in walls)
            if opens < closes:
                _append(spans, opens, closes)
        day, offset = day + timedelta(days=1), after
    before = [0]
    for opens, closes in spans:
        before.append(before[-1] + closes - opens)
    return _Year(
        begins=_naive(datetime(number, 1, 1) - begins),  # noqa: DTZ001 - a wall-clock time
        ends=_instant(zone, _midnight(day)),
        opens=[opens for opens, _ in spans],
        closes=[closes for _, closes in spans],
        before=before,
        off=off,
    )


def _append(spans: list[tuple[int, int]], opens: int, closes: int) -> None:
    if spans and spans[-1][1] == opens:
        opens = spans.pop()[0]
    spans.append((opens, closes))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a wall-clock time


def _offset(zone: ZoneInfo, wall: datetime, fold: int = 0) -> timedelta:
    return wall.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta(0)


def _instant(zone: ZoneInfo, wall: datetime) -> int:
    """The first instant at which the wall clock shows this time or has passed it (PEP 495 tells the cases apart)."""
    before, after = _offset(zone, wall), _offset(zone, wall, fold=1)
    if after <= before:
        return _naive(wall - before)
    low, high = _naive(wall - after), _naive(wall - before)
    while high - low > 1:
        middle = (low + high) // 2
        if zone.utcoffset(_moment(middle).astimezone(zone)) == after:
            high = middle
        else:
            low = middle
    return high


def _naive(utc: datetime) -> int:
    return _ticks(utc.replace(tzinfo=UTC))


def _ticks(moment: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (moment - _EPOCH) // _TICK


def _moment(ticks: int) -> datetime:
    return _EPOCH + timedelta(microseconds=ticks)
