"""A request's event log, read as what a clock needs: rounds, pauses and the classification in force. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from triage.targets import EventKind

BEGINNINGS = frozenset({EventKind.STARTED, EventKind.REOPENED})
"""What a round begins with."""


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
    """What a log says up to a moment. No round means that no clock has started."""

    rounds: list[Round] = field(default_factory=list)
    stints: list[Stint] = field(default_factory=list)


def timeline(events: Iterable[Event], now: datetime) -> Timeline:
    """Read a log as it stood at `now`: sorted by time and id, each id once, events after `now` not yet there.

    At one moment the start, or a re-opening, comes first: a call that an engineer answers is started and responded to
    at once, and one that is re-opened to wait for the client is paused.
    What came before the start moves no clock, but a type or level set by then is in force at the start.
    """
    line, seen = Timeline(), set[str]()
    for event in sorted(events, key=lambda one: (one.at, one.kind not in BEGINNINGS, one.id)):
        if event.at > now:
            break
        if event.id not in seen:
            seen.add(event.id)
            _read(line, event)
    return line


def _read(line: Timeline, event: Event) -> None:
    if event.kind in {EventKind.LEVEL, EventKind.TYPE}:
        _classify(line.stints, event)
    elif not line.rounds:
        if event.kind == EventKind.STARTED:
            line.rounds.append(Round(event))
    elif line.rounds[-1].until is not None:
        if event.kind == EventKind.REOPENED:
            line.rounds.append(Round(event))
    else:
        _follow(line.rounds[-1], event)


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
