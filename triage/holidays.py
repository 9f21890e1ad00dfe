"""Holidays as a policy writes them: one date, the same day every year, or so many days from Easter. Pure."""

from dataclasses import dataclass
from datetime import date, timedelta

from models.errors import Invalid

MOST_DAYS = 366
"""How far from Easter Sunday a holiday may lie: a year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holiday:
    """A day off. Either `easter` (days after Easter Sunday) or `month` and `day`, in one `year` or in every one."""

    name: str
    year: int | None = None
    month: int = 0
    day: int = 0
    easter: int | None = None

    def falls_on(self, year: int) -> date | None:
        """The date in a year, or None where it has none that year."""
        if self.easter is not None:
            return _easter(year) + timedelta(days=self.easter)
        if self.year not in {None, year}:
            return None
        try:
            return date(year, self.month, self.day)
        except ValueError:
            return None


def holiday(when: str, name: str) -> Holiday:
    """A holiday written as `2026-12-25`, `12-25` (every year) or `easter+1`.

    Raises:
        Invalid: anything else, with what to write instead.
    """
    try:
        if when.startswith("easter"):
            days = int(when.removeprefix("easter") or "0")
            if abs(days) > MOST_DAYS:
                raise Invalid(f"{when!r} is more than {MOST_DAYS} days from Easter: write its date, such as 12-25")
            return Holiday(name=name, easter=days)
        *year, month, day = (int(part) for part in when.split("-"))
        found = Holiday(name=name, year=year[0] if year else None, month=month, day=day)
    except ValueError:
        found = None
    leap = 2024
    if found is None or found.falls_on(found.year or leap) is None:
        raise Invalid(f"{when!r} is no day: write 2026-12-25, 12-25 for every year, or easter+1")
    return found


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm in Meeus, Astronomical Algorithms, ch. 8)."""
    golden, (century, rest) = year % 19, divmod(year, 100)
    leaps, skipped = divmod(century, 4)
    moon = (19 * golden + century - leaps - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * skipped + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)
