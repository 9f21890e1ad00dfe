"""Business time: what counts, across daylight saving, holidays, lunch breaks and years."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as some

from models.errors import Invalid
from triage import calendars
from triage.calendars import ALWAYS, Calendar, Span, span
from triage.holidays import Holiday, holiday

ZONES = ("Europe/Rome", "Europe/Kyiv", "America/New_York", "Asia/Colombo", "Australia/Lord_Howe", "UTC")
HOUR, SUNDAY = timedelta(hours=1), 6
FIRST, LAST = datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2028-12-31")

moments = some.datetimes(FIRST, LAST, timezones=some.just(UTC))
amounts = some.timedeltas(timedelta(0), timedelta(days=40))
any_minute = some.integers(0, 1440)


@some.composite
def days(draw: some.DrawFn, minutes: some.SearchStrategy[int]) -> tuple[Span, ...]:
    """Up to three spans of one day, in order."""
    edges = sorted(draw(some.lists(minutes, max_size=6, unique=True)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return tuple(Span(opens=opens * 60, closes=closes * 60) for opens, closes in pairs)


@some.composite
def some_calendars(draw: some.DrawFn, minutes: some.SearchStrategy[int] = any_minute) -> Calendar:
    """A week of random hours in a random zone, with a random holiday or two."""
    week = draw(some.lists(days(minutes), min_size=7, max_size=7).filter(any))
    off = draw(some.lists(some.dates(FIRST.date(), LAST.date()), max_size=3))
    closed = tuple(Holiday(name="off", year=day.year, month=day.month, day=day.day) for day in off)
    return Calendar(name="random", zone=draw(some.sampled_from(ZONES)), week=tuple(week), holidays=closed)


def office(*hours: str, zone: str = "Europe/Rome", off: tuple[Holiday, ...] = ()) -> Calendar:
    """Monday to Friday, the same hours every day."""
    spans = tuple(span(one) for one in hours)
    return Calendar(name="office", zone=zone, week=(spans,) * 5 + ((),) * 2, holidays=off)


def nights(zone: str = "Europe/Rome") -> Calendar:
    """22:00 to 06:00, every night."""
    return Calendar(name="nights", zone=zone, week=((span("00:00-06:00"), span("22:00-24:00")),) * 7)


def at(text: str, zone: str = "Europe/Rome") -> datetime:
    """A wall-clock moment of a zone, as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


LUNCH = office("09:00-13:00", "14:00-18:00")


@pytest.mark.parametrize(
    ("since", "hours", "until"),
    [
        ("2026-11-19 09:00", 1, "2026-11-19 10:00"),
        ("2026-11-19 12:30", 1, "2026-11-19 14:30"),
        ("2026-11-19 12:00", 1, "2026-11-19 13:00"),
        ("2026-11-19 13:15", 1, "2026-11-19 15:00"),
        ("2026-11-20 17:30", 1, "2026-11-23 09:30"),
        ("2026-11-21 10:00", 2, "2026-11-23 11:00"),
        ("2026-11-19 10:00", 48, "2026-11-27 10:00"),
        ("2026-12-30 17:00", 9, "2026-12-31 18:00"),
        ("2026-12-31 17:00", 9, "2027-01-01 18:00"),
        ("2026-03-27 17:00", 9, "2026-03-30 18:00"),
        ("2026-10-23 17:00", 9, "2026-10-26 18:00"),
    ],
)
def test_lunch_nights_weekends_and_years_do_not_count(since: str, hours: int, until: str):
    """Two spans a day from Monday to Friday, checked by hand; time used up at a closing ends there."""
    assert LUNCH.add(at(since), hours * HOUR) == at(until)
    assert LUNCH.between(at(since), at(until)) == hours * HOUR


def test_a_night_shift_loses_and_gains_an_hour_when_the_clocks_change():
    """Spans are wall-clock times, what is counted is real time: 7, 9 and 8 hours."""
    counted = [nights().between(at(f"{day} 12:00"), at(f"{day} 12:00") + timedelta(days=1)) for day in
               ("2026-03-28", "2026-10-24", "2026-06-01")]  # fmt: skip
    assert counted == [7 * HOUR, 9 * HOUR, 8 * HOUR]


def test_an_opening_the_clocks_jump_over_is_the_jump_itself():
    """02:30 does not exist on 29 March 2026 in Rome: the span opens at 03:00 summer time, one half hour earlier."""
    calendar = Calendar(name="odd", zone="Europe/Rome", week=((span("02:30-04:00"),),) * 7)
    assert calendar.openings(at("2026-03-29 00:00"), at("2026-03-29 12:00")) == (
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), datetime(2026, 3, 29, 2, 0, tzinfo=UTC)),
    )


def test_a_span_the_clocks_jump_over_does_not_open():
    """02:10 to 02:50 holds no moment at all on that night, and nothing is counted twice."""
    calendar = Calendar(name="odd", zone="Europe/Rome", week=((span("02:10-02:50"), span("03:00-04:00")),) * 7)
    assert calendar.between(at("2026-03-29 00:00"), at("2026-03-29 12:00")) == HOUR


def test_a_time_that_comes_twice_means_the_first():
    """02:30 comes twice on 25 October 2026 in Rome; two spans that touch there neither overlap nor leave a gap."""
    calendar = Calendar(name="odd", zone="Europe/Rome", week=((span("01:00-02:30"), span("02:30-04:00")),) * 7)
    first = calendar.openings(at("2026-10-25 00:00"), at("2026-10-25 12:00"))
    assert first == ((at("2026-10-25 01:00"), at("2026-10-25 04:00")),)
    assert calendar.between(*first[0]) == 4 * HOUR


def test_a_zone_may_skip_a_whole_day():
    """Samoa had no 30 December 2011: its working day has no time in it."""
    samoa = office("09:00-17:00", zone="Pacific/Apia")
    since, until = (at(f"{day} 12:00", "Pacific/Apia") for day in ("2011-12-29", "2011-12-31"))
    assert samoa.between(since, until) == 5 * HOUR


@pytest.mark.parametrize("zone", ["America/Havana", "Asia/Beirut", "Africa/Casablanca", "Europe/Dublin"])
@given(start=moments, amount=amounts)
def test_round_the_clock_in_any_zone_is_elapsed_time(zone: str, start: datetime, amount: timedelta):
    """Where the clocks change at midnight too, no second is lost or counted twice."""
    calendar = Calendar(name="all", zone=zone, week=ALWAYS.week)
    assert calendar.add(start, amount) == start + amount == ALWAYS.add(start, amount)
    assert calendar.between(start, start + amount) == amount
    assert len(calendar.openings(start, start + amount)) == bool(amount)


@given(calendar=some_calendars(), start=moments, amount=amounts)
def test_adding_and_measuring_are_inverse(calendar: Calendar, start: datetime, amount: timedelta):
    """To the microsecond, in both directions."""
    assume(sum(one.closes - one.opens for spans in calendar.week for one in spans) > 3600)
    end = calendar.add(start, amount)
    assert calendar.between(start, end) == amount
    assert calendar.between(end, start) == -amount
    assert end == start or calendar.between(start, end - calendars._TICK) < amount
    assert calendar.add(start, calendar.between(start, end)) == end


@given(calendar=some_calendars(), start=moments, first=amounts, second=amounts)
def test_time_adds_up(calendar: Calendar, start: datetime, first: timedelta, second: timedelta):
    """Open time of two intervals in a row is that of both, and the open stretches show exactly it."""
    middle, end = start + first, start + first + second
    assert calendar.between(start, middle) + calendar.between(middle, end) == calendar.between(start, end)
    stretches = calendar.openings(start, end)
    assert sum((until - since for since, until in stretches), timedelta(0)) == calendar.between(start, end)
    assert all(before[1] < after[0] for before, after in pairwise(stretches))


@given(calendar=some_calendars(), moment=moments)
def test_the_next_opening_is_open(calendar: Calendar, moment: datetime):
    """Nothing counts before it, and it counts itself."""
    found = calendar.next_open(moment)
    assert calendar.is_open(found)
    assert not calendar.between(moment, found) or found == moment
    assert calendar.is_open(moment) == (calendar.between(moment, moment + calendars._TICK) > timedelta(0))


def brute(calendar: Calendar, since: datetime, minutes: int) -> int:
    """Open minutes, found by looking at the wall clock in each of them."""
    zone, counted = ZoneInfo(calendar.zone), 0
    off = {one.falls_on(since.year) for one in calendar.holidays}
    for number in range(minutes):
        wall = (since + timedelta(minutes=number)).astimezone(zone)
        seconds = wall.hour * 3600 + wall.minute * 60
        spans = () if wall.date() in off else calendar.week[wall.weekday()]
        counted += any(one.opens <= seconds < one.closes for one in spans)
    return counted


@pytest.mark.parametrize("change", ["2026-03-28 22:00", "2026-10-24 22:00", "2026-07-01 22:00"])
@given(calendar=some_calendars(some.integers(0, 8).map(lambda part: part * 180)))
def test_business_time_is_what_the_wall_clock_shows(change: str, calendar: Calendar):
    """Minute by minute across both changes of daylight saving, with spans that begin and end on the third hour."""
    since = at(change)
    assert calendar.between(since, since + timedelta(hours=12)) == timedelta(minutes=brute(calendar, since, 720))


def as_oracle(calendar: Calendar) -> Any:
    """The same calendar in businesstimedelta's words."""
    btd = pytest.importorskip("businesstimedelta")
    pytz = pytest.importorskip("pytz")
    zone = pytz.timezone(calendar.zone)
    rules = [
        btd.WorkDayRule(
            start_time=wall_time(one.opens // 3600, one.opens // 60 % 60),
            end_time=wall_time(one.closes // 3600, one.closes // 60 % 60),
            working_days=[weekday],
            tz=zone,
        )
        for weekday, spans in enumerate(calendar.week)
        for one in spans
    ]
    off = [date(one.year, one.month, one.day) for one in calendar.holidays if one.year]
    # It fails after the last holiday it knows, and looks for the next one day by day.
    closed = [btd.HolidayRule([*off, *(date(year, 1, 1) for year in range(2024, 2030))], tz=zone)] if off else []
    return btd, btd.Rules([*rules, *closed])


daytime = some.integers(4 * 60, 23 * 60)
"""Outside the hours in which clocks change: there the oracle takes times that do not exist as they are written."""


@settings(max_examples=60)
@given(
    calendar=some_calendars(daytime),
    start=some.datetimes(datetime.fromisoformat("2026-03-01"), datetime.fromisoformat("2026-11-30")),
    hours=some.integers(0, 400),
    seconds=some.integers(1, 40 * 3600),
)
def test_business_time_equals_businesstimedelta(calendar: Calendar, start: datetime, hours: int, seconds: int):
    """An older and much slower library, on random calendars across both changes of daylight saving."""
    # On a holiday on which the clocks change, the oracle closes for 24 hours from midnight, not for the local day.
    assume(all(date(one.year or 0, one.month, one.day).weekday() != SUNDAY for one in calendar.holidays))
    if calendar.holidays:
        calendar = replace(calendar, holidays=(*calendar.holidays, holiday("01-01", "off")))
    assume(sum(one.closes - one.opens for spans in calendar.week for one in spans) >= 2 * 3600)
    btd, rules = as_oracle(calendar)
    since = start.replace(microsecond=0, tzinfo=UTC)
    until = since + timedelta(hours=hours)
    assert calendar.between(since, until) == rules.difference(since, until).timedelta
    expected = since + btd.BusinessTimeDelta(rules, seconds=seconds)
    assert calendar.add(since, timedelta(seconds=seconds)) == expected.astimezone(UTC)


def test_holidays_are_days_of_the_calendar_s_zone():
    """A date, a day of every year and days from Easter; only those that would have been worked are told."""
    off = (holiday("2026-04-03", "Good Friday"), holiday("easter+1", "Easter Monday"), holiday("04-25", "Saturday"))
    calendar = office("09:00-17:00", off=off)
    assert calendar.add(at("2026-04-02 16:00"), 2 * HOUR) == at("2026-04-07 10:00")
    assert calendar.days_off(at("2026-04-01 00:00"), at("2026-04-30 00:00")) == (
        (date(2026, 4, 3), "Good Friday"),
        (date(2026, 4, 6), "Easter Monday"),
    )


def test_easter_and_fixed_days_are_those_of_the_holidays_package():
    """Public holidays of Italy, with Milan's own, over seventy years."""
    package = pytest.importorskip("holidays")
    days_ = ("01-01", "01-06", "easter", "easter+1", "04-25", "05-01", "06-02", "08-15", "11-01", "12-07", "12-08",
             "12-25", "12-26")  # fmt: skip
    milan = [holiday(day, day) for day in days_]
    for year in range(2010, 2080):
        assert {one.falls_on(year) for one in milan} <= set(package.country_holidays("IT", subdiv="MI", years=year))


@pytest.mark.parametrize(
    ("moment", "later", "closes"),
    [
        ("2026-11-19 10:00", 0, "2026-11-19 18:00"),
        ("2026-11-19 13:30", 0, "2026-11-19 18:00"),
        ("2026-11-19 18:00", 0, "2026-11-20 18:00"),
        ("2026-11-20 19:00", 0, "2026-11-23 18:00"),
        ("2026-11-20 10:00", 1, "2026-11-23 18:00"),
        ("2026-11-19 10:00", 3, "2026-11-24 18:00"),
    ],
)
def test_the_end_of_a_working_day(moment: str, later: int, closes: str):
    """The last closing of the day, or of a later working day."""
    assert LUNCH.end_of_day(at(moment), later) == at(closes)


def test_a_calendar_that_never_opens_is_refused():
    """An endless search is impossible from the start."""
    with pytest.raises(Invalid, match="never opens"):
        Calendar(name="empty", zone="UTC", week=((),) * 7)


def test_a_calendar_closed_for_ever_by_its_holidays_ends_the_search():
    """Every search is bounded by the years a calendar answers for."""
    every_day = tuple(Holiday(name="off", month=month, day=day) for month in range(1, 13) for day in range(1, 32))
    calendar = office("09:00-17:00", off=every_day)
    for search in (calendar.next_open, calendar.end_of_day, lambda moment: calendar.add(moment, HOUR)):
        with pytest.raises(Invalid, match="2199"):
            search(at("2026-01-01 00:00"))


def test_time_is_never_counted_backwards():
    """A negative duration is a mistake of the caller."""
    with pytest.raises(Invalid, match="forwards"):
        ALWAYS.add(at("2026-01-01 00:00"), -HOUR)


@pytest.mark.parametrize(
    ("spans", "zone", "words"),
    [
        (("09:00-12:00", "11:00-13:00"), "UTC", "overlap"),
        (("14:00-15:00", "09:00-12:00"), "UTC", "out of order"),
        (("09:00-12:00",), "Europe/Atlantis", "IANA"),
        (("09:00-12:00",), "../etc/passwd", "IANA"),
    ],
)
def test_a_calendar_with_a_mistake_says_what_is_wrong(spans: tuple[str, ...], zone: str, words: str):
    """Overlaps would count twice, and an unknown zone would count wrongly."""
    with pytest.raises(Invalid, match=words):
        office(*spans, zone=zone)


@pytest.mark.parametrize("text", ["9-17", "09:00", "22:00-06:00", "09:00-25:00", "09:00-09:00", "", "09:00-24:30"])
def test_a_span_with_a_mistake_says_what_to_write(text: str):
    """A night shift is written on two days."""
    with pytest.raises(Invalid, match="write"):
        span(text)


@pytest.mark.parametrize("text", ["2026-13-01", "02-30", "2026-02-29", "easter+", "tomorrow", ""])
def test_a_holiday_with_a_mistake_says_what_to_write(text: str):
    """Neither a misspelt date nor one that never comes is taken."""
    with pytest.raises(Invalid, match="write"):
        holiday(text, "off")


def test_days_of_the_week_are_written_singly_or_as_a_range():
    """Monday is 0, as in Python."""
    assert [*calendars.weekdays("mon-fri")] == [0, 1, 2, 3, 4]
    assert [*calendars.weekdays("sun")] == [6]
    for text in ("fri-mon", "monday", "", "mon-"):
        with pytest.raises(Invalid, match="write"):
            calendars.weekdays(text)


def test_a_leap_day_comes_in_leap_years():
    """29 February is a day off in 2028 and no day at all in 2027."""
    off = holiday("02-29", "leap")
    assert [off.falls_on(year) for year in (2027, 2028)] == [None, date(2028, 2, 29)]
