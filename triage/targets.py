"""What a policy promises per level: targets, how each is measured, what pauses it and what meets it. Pure values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from models.errors import Invalid
from triage.calendars import Calendar


class Kind(StrEnum):
    """What a clock waits for."""

    RESPONSE = "response"
    UPDATE = "update"
    WORKAROUND = "workaround"
    RESOLUTION = "resolution"


class Promise(StrEnum):
    """How firm a target is: a guarantee of the contract, or a figure somebody strives for."""

    GUARANTEED = "guaranteed"
    OBJECTIVE = "objective"


class Measure(StrEnum):
    """How a deadline is found: an amount of open time, the end of a working day, or the estimate that was given."""

    TIME = "time"
    END_OF_DAY = "end-of-day"
    ESTIMATE = "estimate"


class EventKind(StrEnum):
    """What moves a clock. Any other kind of event may stand in the log and moves none."""

    STARTED = "started"
    """Reached a channel the SLA covers; `value` is the channel. A redirected mail has no such event."""
    LEVEL = "level"
    """A level was set or changed; `value` is the level's id."""
    TYPE = "type"
    """A type was set or changed; `value` is the type's id."""
    PAUSED = "paused"
    """Work waits for somebody else; `value` is the status that says so ("waiting-on-client", "deferred")."""
    RESUMED = "resumed"
    TAKEN = "taken"
    """An engineer confirmed and took the request (taking charge)."""
    RESPONDED = "responded"
    """An engineer's own message, or a logged call; an automatic reply never is one."""
    UPDATED = "updated"
    ESTIMATED = "estimated"
    """A time was agreed with the customer; `until` is that time."""
    WORKAROUND = "workaround"
    RESOLVED = "resolved"
    REOPENED = "reopened"


MET_BY: Mapping[Kind, tuple[str, ...]] = {
    Kind.RESPONSE: ("responded", "updated", "estimated", "workaround", "resolved"),
    Kind.UPDATE: ("responded", "updated", "estimated", "workaround", "resolved"),
    Kind.WORKAROUND: ("workaround", "resolved"),
    Kind.RESOLUTION: ("resolved",),
}
"""Which events meet a target, unless the policy says otherwise (`Commitments.met_by`)."""


SAMPLE = datetime(2026, 1, 1, tzinfo=UTC)
"""A moment from which a pack's amounts of time are tried when it is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One promise of one level, counted on one calendar.

    `within` belongs to the measure *time* (open time; for *update* the time between two contacts). For *end-of-day*,
    `days` is how many working days later. `pauses` names the statuses in which this clock stands still. `notices` are
    the hours in which its warnings may be sent, None for always. A deadline itself is still in time; one microsecond
    later is not.

    Raises:
        Invalid: a measure without its amount, or an amount its calendar never offers.
    """

    kind: Kind
    calendar: Calendar
    promise: Promise = Promise.GUARANTEED
    measure: Measure = Measure.TIME
    within: timedelta | None = None
    days: int = 0
    pauses: frozenset[str] = frozenset()
    notices: Calendar | None = None
    clause: str = ""
    assumed: bool = False

    def __post_init__(self) -> None:
        """Refuse a target that could never fall due."""
        if (self.measure is Measure.TIME) != (self.within is not None and self.within > timedelta(0)):
            raise Invalid(f"{self.kind}: a target measured by time needs a `within` above zero, and no other has one")
        if self.within is not None:
            self.calendar.add(SAMPLE, self.within)
        if self.measure is Measure.END_OF_DAY:
            self.calendar.end_of_day(SAMPLE, self.days)

    @property
    def key(self) -> tuple[Kind, Promise]:
        """What tells the clocks of one request apart."""
        return self.kind, self.promise


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeClock:
    """How a type of request is clocked: by its own level, as another level (`as_level`), or not at all, and why."""

    as_level: str | None = None
    clocked: bool = True
    reason: str = ""
    clause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitments:
    """Everything a policy says about clocks. A type that is not named is clocked by its own level.

    `warn_at` are per cent of a target's time.

    Raises:
        Invalid: two targets of one level for the same clock, or an update cadence without a response target.
    """

    levels: Mapping[str, tuple[Target, ...]]
    types: Mapping[str, TypeClock] = field(default_factory=dict)
    met_by: Mapping[Kind, tuple[str, ...]] = field(default_factory=lambda: MET_BY)
    warn_at: tuple[int, ...] = (50, 75, 100)
    keys: tuple[tuple[Kind, Promise], ...] = field(init=False)

    def __post_init__(self) -> None:
        """Refuse what would count twice or never begin; list the clocks a request can have."""
        for level, targets in self.levels.items():
            kinds = {target.kind for target in targets}
            if len({target.key for target in targets}) < len(targets):
                raise Invalid(f"level {level} has two targets of one kind and promise: keep one")
            if Kind.UPDATE in kinds and Kind.RESPONSE not in kinds:
                raise Invalid(f"level {level} has an update target but no response target: updates follow a response")
        order = list(Kind)
        keys = {target.key for targets in self.levels.values() for target in targets}
        object.__setattr__(self, "keys", tuple(sorted(keys, key=lambda key: (order.index(key[0]), key[1]))))

    def applying(self, type_: str | None, level: str | None) -> tuple[tuple[Target, ...], str]:
        """The targets of a type and level, and, where there are none, the reason in words."""
        clocked = self.types.get(type_ or "")
        if clocked is not None and not clocked.clocked:
            return (), clocked.reason
        level = (clocked and clocked.as_level) or level
        if level is None:
            return (), "no level is set yet"
        return self.levels.get(level, ()), f"no target for level {level}"


_MOST_DIGITS = 9
_UNITS = {"s": 1, "min": 60, "h": 3600}
LONGEST = timedelta(days=3653)
"""No promise reaches further, and no calendar need answer for more: ten years."""


def duration(text: str) -> timedelta:
    """An amount of time written as `30 min`, `4 h` or `1 h 30 min`.

    Raises:
        Invalid: anything else, and more than ten years; a working day is written as its hours, since calendars
            differ.
    """
    if not re.fullmatch(r"\s*(?:\d+\s*(?:s|min|h)\s*)+", text):
        raise Invalid(f"{text!r} is no amount of time: write it as 4 h, 30 min or 1 h 30 min")
    parts = re.findall(r"(\d+)\s*(s|min|h)", text)
    digits = max(len(number.lstrip("0")) for number, _ in parts)
    seconds = sum(int(number) * _UNITS[unit] for number, unit in parts) if digits <= _MOST_DIGITS else None
    if seconds is None or seconds > LONGEST.total_seconds():
        raise Invalid(f"{text[:40]!r} is longer than ten years: write at most 87672 h")
    return timedelta(seconds=seconds)
