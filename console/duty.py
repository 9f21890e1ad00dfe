"""The days to come as a table of who is on duty: a row for each day, what each tier has in it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from models.calling import OnDuty
from triage.desk.oncall import Planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of a day, on the rota's wall clock: `hours` such as `08:00–18:00`, empty for the whole day.

    No `people`: the tier is open and everybody of it is away.
    """

    hours: str
    people: tuple[str, ...]
    stands_in: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day on the rota's wall clock; a tier that is not in it is closed all day."""

    day: date
    tiers: dict[str, list[Stretch]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The day as people say it: `Sat 21 Nov`."""
        return f"{self.day:%a %-d %b}"


def days_of(shifts: Iterable[Planned], zone: str, now: datetime, days: int) -> list[Day]:
    """The days from today on, each with what its tiers have in it, in the order of time."""
    where = ZoneInfo(zone)
    today = now.astimezone(where).date()
    found = [Day(day=today + timedelta(days=number)) for number in range(days)]
    for shift in shifts:
        start, end = shift.start.astimezone(where), shift.end.astimezone(where)
        for day in found:
            if stretch := _within(shift, start, end, day.day):
                day.tiers.setdefault(shift.tier, []).append(stretch)
    return found


def rounds(rings: Iterable[OnDuty]) -> list[tuple[int, list[OnDuty]]]:
    """Who rings at once, round by round."""
    found: dict[int, list[OnDuty]] = {}
    for one in rings:
        found.setdefault(one.round, []).append(one)
    return sorted(found.items())


def _within(shift: Planned, start: datetime, end: datetime, day: date) -> Stretch | None:
    """What a shift has of a day, None where it has nothing of it."""
    after = day + timedelta(days=1)
    if start.date() > day or end.date() < day or (end.date() == day and end.hour == end.minute == 0):
        return None
    opens = f"{start:%H:%M}" if start.date() == day else "00:00"
    closes = f"{end:%H:%M}" if end.date() == day else "24:00"
    if end.date() == after and end.hour == end.minute == 0:
        closes = "24:00"
    hours = "" if (opens, closes) == ("00:00", "24:00") else f"{opens}–{closes}"
    return Stretch(hours=hours, people=shift.people, stands_in=shift.stands_in)
