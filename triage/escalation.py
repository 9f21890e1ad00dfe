"""Who is told when a request is stuck or a promise breaks: ladders as data, steps due as a pure function of the log.

Whoever runs this keeps each step's key under a unique index: two that run at once tell nobody twice. A step is
judged by what was known when it was to be told, never by what came after, so that keys and moments stay as they are.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from models.errors import Invalid
from triage.calendars import ALWAYS, Calendar
from triage.clock import Clock
from triage.reading import Node
from triage.sections import amount, calendar, chosen, flag, slug, words
from triage.targets import SAMPLE, EventKind, Kind
from triage.timeline import Event

BREACHED, WARNED, STAGNANT, ASKED = "breached", "warned", "stagnant", "asked"
"""What begins a ladder: a target missed, a share of its time used up, nothing done for long, an engineer asking."""
UNREACHED = "unreached"
"""A caller was to be connected and nobody took the call: begins the first ladder that rings somebody, or may be asked
for, without being named; it may be named too. Its telephones ring again and again until something stops the ladder."""
REST = timedelta(minutes=15)
"""How long after its last telephone a ladder begins to ring once more."""
MOST_ROUNDS = 48
"""How often: the longest shipped ladder rings for a day; then the request is stagnant, and more than late."""
ACKNOWLEDGED = "acknowledged"
"""Somebody on the ladder has taken it on."""
STOPS = frozenset(
    {ACKNOWLEDGED, "taken", "responded", "updated", "estimated", "workaround", "paused", "resolved", "reopened"}
)
ROLES = frozenset({"owner", "on-call", "lead", "admin"})
CHANNELS = frozenset({"mail", "phone"})


class Reach(StrEnum):
    """How somebody is told; chats and lists are told by mail, at the address the house has for their name."""

    MAIL = "mail"
    PHONE = "phone"


@dataclass(frozen=True, slots=True, kw_only=True)
class To:
    """Whom a step tells: a role of the house ("lead", "on-call"), or a name the operator has an address for."""

    role: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One step of a ladder, `after` its beginning, counted on the ladder's own calendar."""

    id: str
    label: str
    after: timedelta
    to: To
    channel: Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """Steps that begin with one of `on` and end with one of `stops`.

    `levels`, `types` and `clocks` restrict it (empty: all). `notices` are the hours in which its steps may be told;
    what falls due outside waits for the next opening.
    """

    id: str
    label: str
    on: tuple[str, ...]
    stops: tuple[str, ...]
    rungs: tuple[Rung, ...]
    clause: str
    levels: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    clocks: tuple[str, ...] = ()
    counted: Calendar = ALWAYS
    notices: Calendar = ALWAYS
    assumed: bool = False

    @property
    def calls(self) -> tuple[Rung, ...]:
        """The steps that ring somebody's telephone."""
        return tuple(rung for rung in self.rungs if rung.channel is Reach.PHONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A step to be told, `at` a moment in the hours for it. `key` is the same whenever it is asked for."""

    key: str
    at: datetime
    ladder: str
    rung: Rung
    cause: Event
    clause: str
    assumed: bool


def due(
    ladders: Sequence[Ladder], events: Iterable[Event], now: datetime, done: Collection[str] = frozenset()
) -> tuple[Due, ...]:
    """Every step that is to be told by `now` and whose key is not in `done`, earliest first.

    Order and duplicates of the events do not matter. Of the ladders a cause may begin, the first whose level and type
    are not known to be others counts, so the most severe stands first: what is not known never lowers. Of a telephone
    that should have rung several times by now, the last time alone is due.
    """
    found = {(one.ladder, one.rung.id, one.cause.id): one for one in _planned(ladders, events, now) if one.at <= now}
    return tuple(sorted((one for one in found.values() if one.key not in done), key=_order))


def next_due(ladders: Sequence[Ladder], events: Iterable[Event], now: datetime) -> datetime | None:
    """The next moment after `now` at which a step is to be told, if nothing else happens."""
    return min((one.at for one in _planned(ladders, events, now) if one.at > now), default=None)


def causes(clocks: Iterable[Clock], now: datetime) -> tuple[Event, ...]:
    """The misses and warnings of clocks as events that may begin a ladder; the value is the clock's kind."""
    found: list[Event] = []
    for clock in clocks:
        name = f"{clock.kind}:{clock.promise}"
        for entry in clock.ledger:
            if entry.breached_at is not None and entry.breached_at <= now:
                key = f"{BREACHED}:{name}:{entry.cycle}:{_stamp(entry.breached_at)}"
                found.append(Event(id=key, at=entry.breached_at, kind=BREACHED, value=clock.kind))
        for warned in clock.warnings:
            if warned.at <= now:
                key = f"{WARNED}:{name}:{warned.percent}:{_stamp(warned.at)}"
                found.append(Event(id=key, at=warned.at, kind=f"{WARNED}-{warned.percent}", value=clock.kind))
    return tuple(sorted(found, key=lambda event: (event.at, event.id)))


def _planned(ladders: Sequence[Ladder], events: Iterable[Event], now: datetime) -> list[Due]:
    seen: dict[str, Event] = {}
    for event in sorted(events, key=lambda one: (one.at, one.id, one.kind, one.value)):
        if event.at <= now:
            seen.setdefault(event.id, event)
    log = list(seen.values())
    return sorted((one for ladder in ladders for one in _climbed(ladder, ladders, log)), key=_order)


def _order(one: Due) -> tuple[datetime, str]:
    return one.at, one.key


def _climbed(ladder: Ladder, ladders: Sequence[Ladder], log: Sequence[Event]) -> Iterator[Due]:
    """Every step of a ladder; what happens while it is being climbed does not begin it a second time.

    The warning of a target and then its miss are one trouble: nobody is called twice for it. A caller whom nobody took
    is more than that: the telephones ring on, wherever the ladder stands.
    """
    until: datetime | None = None
    rings = False
    for cause in log:
        if until is not None and cause.at <= until and (rings or cause.kind != UNREACHED):
            continue
        steps = list(_run(ladder, ladders, cause, log))
        yield from steps
        if steps and steps[0].rung == ladder.rungs[0]:
            ends = [event.at for event in log if _stops(ladder, event, cause) and event.at >= cause.at]
            until, rings = min([*ends, steps[-1].at]), cause.kind == UNREACHED


def _stops(ladder: Ladder, event: Event, cause: Event) -> bool:
    return event.kind in ladder.stops and event != cause


def _run(ladder: Ladder, ladders: Sequence[Ladder], cause: Event, log: Sequence[Event]) -> Iterator[Due]:
    if not _begins(ladder, cause):
        return
    for rung, after, again in _rounds(ladder, cause):
        at = ladder.notices.next_open(ladder.counted.add(cause.at, after))
        if any(cause.at <= event.at <= at and _stops(ladder, event, cause) for event in log):
            return
        if _chosen(ladders, cause, log, at) is ladder:
            yield Due(
                key=f"{ladder.id}:{rung.id}:{cause.id}{again}",
                at=at,
                ladder=ladder.id,
                rung=rung,
                cause=cause,
                clause=ladder.clause,
                assumed=ladder.assumed,
            )


def _rounds(ladder: Ladder, cause: Event) -> list[tuple[Rung, timedelta, str]]:
    """Every step with its time after the cause and what tells its key from the same step's before, in that order."""
    found = [(rung, rung.after, "") for rung in ladder.rungs]
    if cause.kind == UNREACHED and ladder.calls:
        every = ladder.calls[-1].after - ladder.calls[0].after + REST
        found += [
            (rung, rung.after + place * every, f":{place}") for place in range(1, MOST_ROUNDS) for rung in ladder.calls
        ]
    return sorted(found, key=lambda one: one[1])


def _begins(ladder: Ladder, cause: Event) -> bool:
    named = cause.kind in ladder.on or (cause.kind == UNREACHED and bool(ladder.calls or ASKED in ladder.on))
    return named and (not ladder.clocks or cause.value in {"", *ladder.clocks})


def _chosen(ladders: Sequence[Ladder], cause: Event, log: Sequence[Event], at: datetime) -> Ladder | None:
    """The ladder in force for a cause at a moment; a level or type not set yet keeps none away.

    For a caller whom nobody took some telephone rings, whatever the level seems to be, until somebody decides on it.
    """
    level, type_ = _last(log, EventKind.LEVEL, at), _last(log, EventKind.TYPE, at)
    begun = [one for one in ladders if _begins(one, cause)]
    fitting = [
        one
        for one in begun
        if (not one.levels or level is None or level in one.levels)
        and (not one.types or type_ is None or type_ in one.types)
    ]
    decided = any(event.kind == EventKind.LEVEL and event.value and cause.at < event.at <= at for event in log)
    if cause.kind == UNREACHED and not decided:
        fitting = [*(one for one in (*fitting, *begun) if one.calls), *fitting]
    return next(iter(fitting), None)


def _last(log: Sequence[Event], kind: EventKind, at: datetime) -> str | None:
    return next((event.value or None for event in reversed(log) if event.kind == kind and event.at <= at), None)


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S%f}"


def read_ladders(
    node: Node,
    *,
    levels: frozenset[str],
    types: frozenset[str],
    calendars: Mapping[str, Calendar],
    warn_at: Sequence[int] = (50, 75, 100),
) -> tuple[Ladder, ...]:
    """The ladders in a pack's `escalation:`, the most severe first; mistakes are noted at their places."""
    causes_known = frozenset({BREACHED, STAGNANT, ASKED, UNREACHED, *(f"{WARNED}-{percent}" for percent in warn_at)})
    found = []
    for entry in node.entries():
        at = entry.fields(
            frozenset({"id", "label", "on", "stops", "steps", "clause"}),
            frozenset({"levels", "types", "clocks", "counted", "notices", "assumed"}),
        )
        for key in ("on", "stops"):
            if key in at:
                at[key].unique(at[key].texts())
        counted = calendar(at, "counted", calendars)
        found.append(
            Ladder(
                id=slug(at, "id"),
                label=words(at, "label"),
                on=chosen(at, "on", causes_known, "cause"),
                stops=chosen(at, "stops", STOPS, "event that stops a ladder"),
                rungs=_rungs(at["steps"], counted) if "steps" in at else (),
                clause=words(at, "clause"),
                levels=chosen(at, "levels", levels, "level"),
                types=chosen(at, "types", types, "type"),
                clocks=chosen(at, "clocks", frozenset(kind.value for kind in Kind), "clock"),
                counted=counted,
                notices=calendar(at, "notices", calendars),
                assumed=flag(at, "assumed"),
            )
        )
    node.unique([ladder.id for ladder in found])
    return tuple(found)


def _rungs(node: Node, counted: Calendar) -> tuple[Rung, ...]:
    found: list[Rung] = []
    for entry in node.entries():
        before = len(node.mistakes)
        at = entry.fields(frozenset({"id", "label", "after", "to", "channel"}))
        channel = at["channel"].one_of(CHANNELS, "channel") if "channel" in at else ""
        rung = Rung(
            id=slug(at, "id"),
            label=words(at, "label"),
            after=amount(at["after"]) if "after" in at else timedelta(0),
            to=_to(at["to"]) if "to" in at else To(),
            channel=Reach(channel) if channel in CHANNELS else Reach.MAIL,
        )
        if len(node.mistakes) == before:
            _reach(entry, rung, found[-1] if found else rung, counted)
        found.append(rung)
    node.unique([rung.id for rung in found])
    return tuple(found)


def _reach(entry: Node, rung: Rung, last: Rung, counted: Calendar) -> None:
    """Note a step that comes before the last one, and one whose time its calendar never offers."""
    if rung.after < last.after:
        entry.wrong(f"comes before {last.id!r}: write the steps in the order of their times")
    try:
        counted.add(SAMPLE, rung.after)
    except Invalid as error:
        entry.wrong(f"{rung.after} of open time is too far away: {error}")


def _to(node: Node) -> To:
    at = node.fields(frozenset(), frozenset({"role", "name"}))
    if len(at) != 1 and node.keys():
        node.wrong("write exactly one of role, name")
    return To(role=at["role"].one_of(ROLES, "role") if "role" in at else "", name=slug(at, "name"))
