"""A request's event log, read as what a clock needs: rounds, pauses and the classification in force. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from triage.targets import EventKind

PLACES = {
    EventKind.STARTED: 0,
    EventKind.RESOLVED: 3,
    EventKind.REOPENED: 4,
    EventKind.PAUSED: 5,
    EventKind.RESUMED: 5,
}
"""The order of what shares a moment: a start first, a pause last, what is not named here in between."""
REST, FIRST = 2, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to a request; `id` is unique in its log. `note` is shown to people, never read."""

    id: str
    at: datetime
    kind: str
    value: str = ""
    until: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """Work waited for somebody else; `until` is None while it still does. `reason` is the status that said so."""

    since: datetime
    until: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Stint:
    """The type and level in force from a moment on, until the next one begins."""

    since: datetime
    type: str | None
    level: str | None


@dataclass(slots=True)
class Round:
    """From the start, or a re-opening, to the resolution; `until` is None while unresolved."""

    start: Event
    until: datetime | None = None
    events: list[Event] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)

    def end_pause(self, at: datetime) -> None:
        """Close a pause that is open; otherwise nothing."""
        if self.pauses and self.pauses[-1].until is None:
            last = self.pauses.pop()
            self.pauses.append(Pause(last.since, at, last.reason))


@dataclass(slots=True)
class Timeline:
    """What a log says up to a moment. No round means that no clock has started.

    `over` and `begun` matter before the first round: resolved by mail, and come to a channel the SLA covers since.
    """

    rounds: list[Round] = field(default_factory=list)
    stints: list[Stint] = field(default_factory=list)
    over: bool = False
    begun: bool = False


def timeline(events: Iterable[Event], now: datetime) -> Timeline:
    """Read a log as it stood at `now`: sorted by time and id, each id once, events after `now` not yet there.

    At one moment the start comes first: a call that an engineer answers is started and responded to at once. A
    re-opening follows the resolution it takes back, and goes before what is paused with it. What came before the start
    moves no clock, but a type or level set by then is in force at the start. A request that was resolved by mail
    alone has nothing to count when its customer calls; its re-opening begins a round.
    """
    line, seen = Timeline(), set[str]()
    for at, together in groupby(sorted(events, key=attrgetter("at")), key=attrgetter("at")):
        if at > now:
            break
        over = line.over
        for event in sorted(together, key=lambda one: (_place(one.kind, over=over), one.id)):
            if event.id not in seen:
                seen.add(event.id)
                _read(line, event)
    return line


def _place(kind: str, *, over: bool) -> int:
    """What was over before this moment is re-opened first: whatever else happens, happens to the new round."""
    if over and kind == EventKind.REOPENED:
        return FIRST
    return next((place for named, place in PLACES.items() if named == kind), REST)


def _read(line: Timeline, event: Event) -> None:
    if event.kind in {EventKind.LEVEL, EventKind.TYPE}:
        _classify(line.stints, event)
    elif event.kind == EventKind.STARTED:
        if not line.rounds and not line.over:
            line.rounds.append(Round(event))
        line.begun = True
    elif event.kind == EventKind.REOPENED:
        if line.over and line.begun:
            line.rounds.append(Round(event))
        line.over = False
    else:
        if line.rounds and not line.over:
            _follow(line.rounds[-1], event)
        line.over = line.over or event.kind == EventKind.RESOLVED


def _classify(stints: list[Stint], event: Event) -> None:
    before = stints[-1] if stints else Stint(event.at, None, None)
    value = event.value or None
    if event.kind == EventKind.LEVEL:
        after = Stint(event.at, before.type, value)
    else:
        after = Stint(event.at, value, before.level)
    # A decision gives type and level at one moment: that is one change, and none if it comes to the same.
    if stints and before.since == event.at:
        stints.pop()
    held = stints[-1] if stints else Stint(event.at, None, None)
    if (after.type, after.level) != (held.type, held.level):
        stints.append(after)


def _follow(current: Round, event: Event) -> None:
    if event.kind == EventKind.PAUSED:
        last = current.pauses[-1] if current.pauses else None
        if last is None or last.until is not None or last.reason != event.value:
            current.end_pause(event.at)
            current.pauses.append(Pause(event.at, None, event.value))
    elif event.kind == EventKind.RESUMED:
        current.end_pause(event.at)
    else:
        current.events.append(event)
        if event.kind == EventKind.RESOLVED:
            current.end_pause(event.at)
            current.until = event.at
