"""Who is on duty when: hours, turns on the wall clock, absences, overrides, and the hours nobody takes."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage import rota, shifts
from triage.rota import Rota, Tier
from triage.shifts import Override, gaps, next_handover, on_duty

BERLIN = ZoneInfo("Europe/Berlin")
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
NUMBERS = """
  a: {numbers: "+49 30 5550 101"}
  b: {numbers: "+49 30 5550 102"}
  c: {numbers: "+49 30 5550 103"}
"""
WEEKLY = "{every: 1 week, from: 2026-01-05 09:00, people: [a, b, c]}"


def made(*tiers: str, people: str = NUMBERS, zone: str = "Europe/Berlin") -> Rota:
    """A rota of these tiers, each the inside of a `{…}`; their ids are t1, t2 and so on."""
    listed = "".join(f"  - {{id: t{number}, {tier}}}\n" for number, tier in enumerate(tiers, 1))
    found, mistakes = rota.parse(f"rota: 1\ntime_zone: {zone}\npeople:\n{people}tiers:\n{listed}", "rota.yaml")
    assert mistakes == []
    return found


def berlin(text: str, fold: int = 0) -> datetime:
    """A moment as a clock on a wall in Berlin shows it."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).astimezone(UTC)


def who(house: Rota, at: datetime, overrides: Sequence[Override] = (), **more) -> list[str]:
    """Everybody on duty by tier, `-` where a tier is closed."""
    found = on_duty(house, overrides, at, **more)
    return ["".join(one.id for one in duty.people) if duty.is_open else "-" for duty in found]


def cover(person: str, starts: str, ends: str, tier: str = "t1") -> Override:
    """Somebody stands in."""
    return Override(tier=tier, person=person, starts_at=berlin(starts), ends_at=berlin(ends))


@pytest.mark.parametrize("day", ["2026-01-12", "2026-03-30", "2026-06-29", "2026-10-26", "2027-01-11"])
def test_a_weekly_handover_stays_at_nine_on_the_wall_clock(day: str):
    """To the second, winter and summer, also in the weeks in which the clocks change."""
    house = made(f"turn: {WEEKLY}")
    at = berlin(f"{day} 09:00")
    before, after = on_duty(house, (), at - SECOND)[0], on_duty(house, (), at)[0]
    assert before.people != after.people
    assert before.until == at
    assert after.until == berlin(f"{date.fromisoformat(day) + timedelta(days=7)} 09:00")


@pytest.mark.parametrize(("monday", "hours"), [("2026-03-23", 167), ("2026-10-19", 169), ("2026-05-04", 168)])
def test_a_week_in_which_the_clocks_change_is_an_hour_shorter_or_longer(monday: str, hours: int):
    """What is shared out is weeks of the wall clock, not hours."""
    tier = made(f"turn: {WEEKLY}").tiers[0]
    assert tier.turn is not None
    number = tier.turn.number(berlin(f"{monday} 12:00"))
    assert tier.turn.handover(number + 1) - tier.turn.handover(number) == hours * HOUR


def test_a_handover_that_the_clocks_jump_over_comes_with_the_jump():
    """At two in the night of 29 March 2026 it is three at once."""
    house = made("turn: {every: 1 day, from: 2026-03-01 02:30, people: [a, b]}")
    jump = berlin("2026-03-29 03:00")
    assert who(house, jump - SECOND) != who(house, jump)
    assert who(house, jump) == who(house, berlin("2026-03-30 02:29:59"))


def test_a_handover_that_comes_twice_happens_the_first_time():
    """In the hour that is repeated nobody gets their turn back."""
    house = made("turn: {every: 1 day, from: 2026-10-01 02:30, people: [a, b]}")
    first = berlin("2026-10-25 02:30")
    assert who(house, first - SECOND) == ["b"]
    again = [berlin("2026-10-25 02:00", fold=1), berlin("2026-10-25 02:30", fold=1), berlin("2026-10-26 02:29:59")]
    assert [who(house, at) for at in (first, *again)] == [["a"]] * 4


def test_a_handover_at_a_midnight_that_does_not_exist_is_not_a_day_late():
    """In Nuuk the clocks jump from 23:00 to midnight."""
    house = made("turn: {every: 1 day, from: 2026-03-01 23:30, people: [a, b]}", zone="America/Nuuk")
    turn = house.tiers[0].turn
    assert turn is not None
    assert turn.handover(27) == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_before_its_beginning_a_turn_is_counted_backwards():
    """A turn written down today that begins next month leaves nobody alone until then."""
    house = made(f"turn: {WEEKLY}")
    assert who(house, berlin("2026-01-05 09:00")) == ["a"]
    assert who(house, berlin("2026-01-05 08:59:59")) == ["c"]
    assert who(house, berlin("2025-12-22 09:00")) == ["b"]


def test_turns_go_on_through_a_year_of_53_weeks():
    """2026 has 53 weeks by ISO 8601; nobody has two turns in a row at its end."""
    house = made("turn: {every: 1 week, from: 2025-12-29 09:00, people: [a, b]}")
    mondays = [datetime(2025, 12, 29, 12, tzinfo=UTC) + timedelta(weeks=week) for week in range(56)]
    assert [who(house, at)[0] for at in mondays] == ["a", "b"] * 28


def test_tiers_have_hours_and_zones_of_their_own():
    """Nine in Colombo is half past four in Berlin in winter; between the two nobody is there."""
    house = made(
        "hours: mon-fri 08:00-18:00, people: [a, b]", "hours: 09:00-20:00, time_zone: Asia/Colombo, people: [c]"
    )
    assert who(house, berlin("2026-11-20 04:29:59")) == ["-", "-"]
    assert who(house, berlin("2026-11-20 04:30")) == ["-", "c"]
    assert who(house, berlin("2026-11-20 08:00")) == ["ab", "c"]
    assert who(house, berlin("2026-11-20 15:30")) == ["ab", "-"]
    assert who(house, berlin("2026-11-21 08:00")) == ["-", "c"]
    assert on_duty(house, (), berlin("2026-11-20 18:00"))[0].until == berlin("2026-11-23 08:00")
    assert gaps(house, (), berlin("2026-11-20 12:00"), berlin("2026-11-21 12:00")) == (
        (berlin("2026-11-20 18:00"), berlin("2026-11-21 04:30")),
    )


def test_a_night_ends_on_the_day_after():
    """Friday's reaches into Saturday."""
    house = made("hours: mon-fri 18:00-08:00, people: [a]")
    times = ["2026-11-20 17:59", "2026-11-20 18:00", "2026-11-21 07:59", "2026-11-21 08:00", "2026-11-23 00:00"]
    assert [who(house, berlin(at))[0] for at in times] == ["-", "a", "a", "-", "-"]


AWAY = NUMBERS.replace('101"}', '101", away: 2026-01-06..2026-01-07}')


def test_the_next_of_the_turn_stands_in_for_somebody_away():
    """For whole days of the tier's zone; nobody else's turn moves."""
    house = made(f"turn: {WEEKLY}", people=AWAY)
    times = ["2026-01-05 23:59:59", "2026-01-06 00:00", "2026-01-07 23:59:59", "2026-01-08 00:00", "2026-01-12 09:00"]
    assert [who(house, berlin(at))[0] for at in times] == ["a", "b", "b", "a", "b"]
    stand_in = on_duty(house, (), berlin("2026-01-06 12:00"))[0]
    assert [one.id for one in stand_in.stands_in] == ["a"]
    assert stand_in.until == berlin("2026-01-08 00:00")


def test_whoever_may_not_sign_in_any_more_is_passed_over():
    """In a turn the next one has it; of all people the others are left; where all are gone it is nobody."""
    house = made(f"turn: {WEEKLY}", "people: [a, b]", "people: [a]")
    at = berlin("2026-01-05 09:00")
    assert who(house, at, gone={"a"}) == ["b", "b", ""]
    assert who(house, at, gone={"a", "b", "c"}) == ["", "", ""]
    assert on_duty(house, (), at, gone={"a"})[2].is_open
    assert gaps(house, (), at, at + DAY, {"a", "b", "c"}) == ((at, at + DAY),)


def test_whoever_stands_in_has_the_tier_alone_and_within_its_hours():
    """Until just before the end; then the turn is where it would have been."""
    house = made(f"hours: mon-fri 08:00-18:00, turn: {WEEKLY}", "people: [a, b]")
    both = [cover("c", "2026-01-06 12:00", "2026-01-07 10:00", tier) for tier in ("t1", "t2")]
    times = ["2026-01-06 11:59", "2026-01-06 12:00", "2026-01-06 20:00", "2026-01-07 09:59:59", "2026-01-07 10:00"]
    assert [who(house, berlin(at), both) for at in times] == [
        ["a", "ab"], ["c", "c"], ["-", "c"], ["c", "c"], ["a", "ab"],
    ]  # fmt: skip
    first, second = on_duty(house, both, berlin("2026-01-06 12:00"))
    assert [[one.id for one in duty.stands_in] for duty in (first, second)] == [["a"], ["a", "b"]]
    assert (first.until, second.until) == (berlin("2026-01-06 18:00"), berlin("2026-01-07 10:00"))


def test_of_two_overrides_at_once_the_one_made_last_counts():
    """Afterwards the one made before counts again; whoever is gone or unknown counts as not there."""
    house = made("people: [a]")
    made_before, made_last = (
        cover("b", "2026-01-06 08:00", "2026-01-06 20:00"),
        cover("c", "2026-01-06 12:00", "2026-01-06 14:00"),
    )
    unknown = cover("nobody", "2026-01-06 08:00", "2026-01-06 20:00")
    all_three = [made_before, made_last, unknown]
    times = ["2026-01-06 07:59", "2026-01-06 08:00", "2026-01-06 12:00", "2026-01-06 14:00", "2026-01-06 20:00"]
    assert [who(house, berlin(at), all_three)[0] for at in times] == ["a", "b", "c", "b", "a"]
    assert who(house, berlin("2026-01-06 12:00"), all_three, gone={"c"}) == ["b"]
    assert who(house, berlin("2026-01-06 12:00"), [made_last, made_before]) == ["b"]


def test_somebody_away_who_stands_in_all_the_same_is_on_duty():
    """They said so themselves, later than the file."""
    house = made(f"turn: {WEEKLY}", people=AWAY)
    assert who(house, berlin("2026-01-06 12:00"), [cover("a", "2026-01-06 11:00", "2026-01-06 13:00")]) == ["a"]


def test_the_next_handover_is_to_other_people():
    """Nights between two of the same person's days are no hand-over; people without turns have none."""
    house = made(f"hours: mon-fri 08:00-18:00, turn: {WEEKLY}", "people: [a]", "people: [b], hours: sat-sun")
    weekly, always, weekend = house.tiers
    later = next_handover(house, weekly, (), berlin("2026-01-06 12:00"))
    assert later is not None
    assert ([one.id for one in later.people], later.start) == (["b"], berlin("2026-01-12 09:00"))
    assert later.end == berlin("2026-01-12 18:00")
    assert next_handover(house, always, (), berlin("2026-01-06 12:00")) is None
    opens = next_handover(house, weekend, (), berlin("2026-01-06 12:00"))
    assert opens is not None
    assert opens.start == berlin("2026-01-10 00:00")


def test_people_without_a_number_leave_a_gap():
    """As do hours of tiers that take calls of another policy alone."""
    house = made("people: [a], policies: [wso2]", "hours: mon-fri 08:00-18:00, people: [b]")
    start, end = berlin("2026-01-09 12:00"), berlin("2026-01-10 12:00")
    assert gaps(house, (), start, end, policy="wso2") == ()
    assert gaps(house, (), start, end, policy="oro") == ((berlin("2026-01-09 18:00"), end),)
    assert gaps(house, (), start, end, policy="wso2", silent={"a"}) == ((berlin("2026-01-09 18:00"), end),)
    assert gaps(house, (), start, end, policy="wso2", silent={"a", "b"}) == ((start, end),)


MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it
TURNS = st.builds(
    "turn: {{every: {} days, from: 2026-{:02}-{:02} {:02}:{:02}, people: [a, b, c]}}, time_zone: {}".format,
    st.integers(1, 21),
    st.integers(1, 12),
    st.integers(1, 28),
    st.integers(0, 23),
    st.sampled_from([0, 30]),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Colombo", "America/Nuuk"]),
)


@settings(max_examples=60)
@given(turn=TURNS, at=MOMENTS)
def test_at_every_moment_one_person_has_the_turn_until_it_is_the_next_ones(turn: str, at: datetime):
    """Whatever the zone and the clocks do: the turn lasts until just before `until`, and goes round in order."""
    house = made(turn)
    duty = on_duty(house, (), at)[0]
    assert len(duty.people) == 1
    assert duty.until is not None
    assert duty.until > at
    assert who(house, at + (duty.until - at) / 2) == who(house, duty.until - SECOND) == [duty.people[0].id]
    assert who(house, duty.until) == [{"a": "b", "b": "c", "c": "a"}[duty.people[0].id]]


@settings(max_examples=30)
@given(at=MOMENTS, days=st.integers(1, 20), starts=st.integers(0, 400), lasts=st.integers(1, 100))
def test_shifts_cover_an_open_tier_without_holes_and_as_it_is_at_each_moment(
    at: datetime, days: int, starts: int, lasts: int
):
    """Shifts follow each other, and each one says who is on duty at its beginning and at its end."""
    house = made(f"turn: {WEEKLY}", "hours: 18:00-08:00, people: [a, b]", people=AWAY)
    one = Override(tier="t1", person="c", starts_at=at + starts * HOUR, ends_at=at + (starts + lasts) * HOUR)
    end = at + days * DAY
    found = list(shifts.shifts(house, house.tiers[0], [one], at, end))
    assert (found[0].start, found[-1].end) == (at, end)
    assert all(before.end == after.start for before, after in pairwise(found))
    for tier, shift in [(0, shift) for shift in found] + [(1, each) for each in nights(house, house.tiers[1], at, end)]:
        people = "".join(person.id for person in shift.people)
        assert who(house, shift.start, [one])[tier] == who(house, shift.end - SECOND, [one])[tier] == people


def nights(house: Rota, tier: Tier, start: datetime, end: datetime) -> list[shifts.Shift]:
    """The shifts of a tier that is closed by day, none longer than a night with its clocks set back."""
    found = list(shifts.shifts(house, tier, (), start, end))
    assert all(one.end - one.start <= 15 * HOUR for one in found)
    return found
