"""A pack's `clocks:` read from YAML: its calendars, and what it promises per level. Every mistake is named. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from models.errors import Invalid
from triage.calendars import ALWAYS, WEEKDAYS, Calendar, Span, span, weekdays
from triage.holidays import Holiday, holiday
from triage.reading import Node
from triage.sections import ELAPSED, At, amount, calendar, chosen, count, flag, slug, words
from triage.targets import MET_BY, Commitments, EventKind, Kind, Measure, Promise, Target, TypeClock

WARN_AT = (50, 75, 100)
"""Per cent of a target's time at which a pack warns that does not say otherwise."""
KINDS = frozenset(kind.value for kind in Kind)
EVENTS = frozenset(kind.value for kind in EventKind)
HALT = "status in which work waits for somebody else"
PROMISES = frozenset(promise.value for promise in Promise)
MEASURES = frozenset(measure.value for measure in Measure)

Targets = dict[str, tuple[Target, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a value of the clocks rests on: `what` it is, its clause, and which parts the source does not state."""

    what: str
    clause: str
    assumed: tuple[str, ...] = ()


def clock_keys(node: Node) -> At:
    """The keys of a pack's `clocks:`; missing and unknown ones are noted."""
    return node.fields(
        frozenset({"calendars", "targets"}), frozenset({"pauses", "met_by", "types", "no_target", "warn_at"})
    )


def read_calendars(at: At) -> tuple[dict[str, Calendar], tuple[Ground, ...]]:
    """The calendars of `clocks:` by name, and their grounds; other sections count on them, so they come first.

    A calendar with a mistake is noted and stands as one that never closes, so that its name is known.
    """
    found = [_calendar(entry) for entry in at["calendars"].entries()] if "calendars" in at else []
    names = [one.name for one, _ in found]
    if names:
        at["calendars"].unique(names)
    return {one.name: one for one, _ in found}, tuple(ground for _, ground in found)


def read_clocks(
    at: At,
    *,
    calendars: Mapping[str, Calendar],
    levels: Collection[str],
    types: frozenset[str],
    halts: frozenset[str],
) -> tuple[Commitments, tuple[Ground, ...]]:
    """The promises of `clocks:`, and the grounds of its pauses, types and missing targets; mistakes are noted.

    `halts` are the statuses of the workflow in which work waits for somebody else. Every level has a target or
    stands under `no_target`: one that was forgotten must not look like one without a promise.
    """
    known = frozenset(levels)
    pauses, paused = _pauses(at, halts)
    without, unpromised = _without(at, known)
    clocked, types_said = _types(at, types, known)
    found: Targets = {}
    unsure: set[str] = set()
    for entry in at["targets"].entries() if "targets" in at else ():
        named, target = _target(entry, known, calendars, halts, pauses)
        for level in named:
            if level in without:
                entry.wrong(f"level {level!r} stands under no_target: keep one of the two")
            found[level] = (*found.get(level, ()), *([target] if target else []))
        if target is None:
            unsure.update(named)
    if "targets" in at:
        sure = {level: targets for level, targets in found.items() if level not in unsure}
        _complete(at["targets"], sure, [level for level in levels if level not in {*found, *without}])
    commitments = Commitments(
        levels={level: targets for level, targets in found.items() if not _conflict(level, targets)}
        | dict.fromkeys(without, ()),
        types=clocked,
        met_by={**MET_BY, **_met_by(at)},
        warn_at=_warn_at(at),
    )
    return commitments, (*paused, *types_said, *unpromised)


def _calendar(node: Node) -> tuple[Calendar, Ground]:
    at = node.fields(frozenset({"id", "zone", "week", "clause"}), frozenset({"holidays", "assumed"}))
    name = slug(at, "id")
    if name == ELAPSED:
        at["id"].wrong(f"{ELAPSED!r} is the calendar that every policy has; choose another name")
    zone = words(at, "zone") or "UTC"
    week = _week(at["week"]) if "week" in at else ALWAYS.week
    days = [_holiday(entry) for entry in at["holidays"].entries()] if "holidays" in at else []
    holidays = tuple(day for day in days if day)
    try:
        Calendar(name=name, zone=zone, week=ALWAYS.week)
    except Invalid as error:
        at["zone"].wrong(str(error))
        zone = "UTC"
    try:
        found = Calendar(name=name, zone=zone, week=week, holidays=holidays)
    except Invalid as error:
        at["week"].wrong(str(error))
        found = Calendar(name=name, zone=zone, week=ALWAYS.week)
    assumed = chosen(at, "assumed", frozenset({"zone", "week", "holidays"}), "part of a calendar")
    return found, Ground(what=f"calendar {name}", clause=words(at, "clause"), assumed=assumed)


def _week(node: Node) -> tuple[tuple[Span, ...], ...]:
    week: list[tuple[Span, ...] | None] = [None] * len(WEEKDAYS)
    for name, entry in node.fields(frozenset(), frozenset(node.keys())).items():
        try:
            days = weekdays(name)
            spans = tuple(span(text) for text in entry.texts())
        except Invalid as error:
            entry.wrong(str(error))
            continue
        for day in days:
            if week[day] is not None:
                entry.wrong(f"{WEEKDAYS[day]} is there twice")
            week[day] = spans
    if not node.keys():
        node.wrong('write the days and their hours, such as {mon-fri: ["09:00-17:00"]}')
        return ALWAYS.week
    return tuple(spans or () for spans in week) if any(week) else ALWAYS.week


def _holiday(node: Node) -> Holiday | None:
    at = node.fields(frozenset({"on", "name"}))
    name = words(at, "name")
    try:
        return holiday(at["on"].text(), name) if "on" in at else None
    except Invalid as error:
        at["on"].wrong(str(error))
        return None


def _pauses(at: At, halts: frozenset[str]) -> tuple[frozenset[str], tuple[Ground, ...]]:
    found = []
    for entry in at["pauses"].entries() if "pauses" in at else ():
        keys = entry.fields(frozenset({"status", "clause"}), frozenset({"assumed"}))
        status = (
            keys["status"].one_of(halts, "status in which work waits for somebody else") if "status" in keys else ""
        )
        found.append((status, _ground(f"pause {status}", keys)))
    if found:
        at["pauses"].unique([status for status, _ in found])
    return frozenset(status for status, _ in found), tuple(ground for _, ground in found)


def _without(at: At, levels: frozenset[str]) -> tuple[list[str], tuple[Ground, ...]]:
    found: list[str] = []
    grounds = []
    for entry in at["no_target"].entries() if "no_target" in at else ():
        keys = entry.fields(frozenset({"level", "clause"}), frozenset({"assumed"}))
        named = _levels(keys, levels)
        found += named
        grounds.append(_ground(f"no target for {', '.join(named)}", keys))
    if found:
        at["no_target"].unique(found)
    return found, tuple(grounds)


def _types(at: At, types: frozenset[str], levels: frozenset[str]) -> tuple[dict[str, TypeClock], tuple[Ground, ...]]:
    found, grounds = [], []
    for entry in at["types"].entries() if "types" in at else ():
        keys = entry.fields(frozenset({"type", "clause"}), frozenset({"as_level", "clocked", "reason", "assumed"}))
        name = keys["type"].one_of(types, "type") if "type" in keys else ""
        clocked = keys["clocked"].flag() if "clocked" in keys else True
        if clocked == ("as_level" not in keys):
            entry.wrong("write either as_level, or clocked: false with its reason")
        if not clocked and "reason" not in keys:
            entry.wrong("the key 'reason' is missing: it is shown instead of a clock")
        as_level = keys["as_level"].one_of(levels, "level") if "as_level" in keys else None
        one = TypeClock(as_level=as_level, clocked=clocked, reason=words(keys, "reason"), clause=words(keys, "clause"))
        found.append((name, one))
        grounds.append(_ground(f"type {name}", keys))
    if found:
        at["types"].unique([name for name, _ in found])
    return dict(found), tuple(grounds)


def _target(
    node: Node,
    levels: frozenset[str],
    calendars: Mapping[str, Calendar],
    halts: frozenset[str],
    pauses: frozenset[str],
) -> tuple[tuple[str, ...], Target | None]:
    before = len(node.mistakes)
    at = node.fields(
        frozenset({"level", "kind", "calendar", "clause"}),
        frozenset({"promise", "within", "by", "days", "pauses", "notices", "assumed"}),
    )
    kind = at["kind"].one_of(KINDS, "kind of clock") if "kind" in at else ""
    by = at["by"].one_of(MEASURES, "measure") if "by" in at else Measure.TIME.value
    promise = at["promise"].one_of(PROMISES, "promise") if "promise" in at else Promise.GUARANTEED.value
    named = _levels(at, levels)
    figures = {
        "within": amount(at["within"]) if "within" in at else None,
        "days": count(at, "days"),
        "calendar": calendar(at, "calendar", calendars),
        "pauses": frozenset(chosen(at, "pauses", halts, HALT)) if "pauses" in at else pauses,
        "notices": calendar(at, "notices", calendars) if "notices" in at else None,
        "clause": words(at, "clause"),
        "assumed": flag(at, "assumed"),
    }
    if "days" in at and by != Measure.END_OF_DAY:
        at["days"].wrong("only a target by end-of-day counts days")
    if len(node.mistakes) > before:
        return named, None
    try:
        return named, Target(kind=Kind(kind), promise=Promise(promise), measure=Measure(by), **figures)  # type: ignore[arg-type]
    except Invalid as error:
        node.wrong(str(error))
        return named, None


def _levels(at: At, levels: frozenset[str]) -> tuple[str, ...]:
    """One level or several; those the policy does not have are noted and left out."""
    if "level" not in at:
        return ()
    several = isinstance(at["level"].value, list)
    named = at["level"].choices(levels, "level") if several else (at["level"].one_of(levels, "level"),)
    return tuple(level for level in named if level in levels)


def _complete(node: Node, found: Targets, forgotten: list[str]) -> None:
    for level, targets in found.items():
        if conflict := _conflict(level, targets):
            node.wrong(conflict)
    for level in forgotten:
        node.wrong(f"level {level!r} has none: write one, or name the level under no_target with its clause")


def _conflict(level: str, targets: tuple[Target, ...]) -> str:
    """What is wrong with the targets of one level together, in words; empty where nothing is."""
    try:
        Commitments(levels={level: targets})
    except Invalid as error:
        return str(error)
    return ""


def _met_by(at: At) -> dict[Kind, tuple[str, ...]]:
    kinds = at["met_by"].fields(frozenset(), KINDS) if "met_by" in at else {}
    return {Kind(name): entry.choices(EVENTS, "event of a clock") for name, entry in kinds.items()}


def _warn_at(at: At) -> tuple[int, ...]:
    if "warn_at" not in at:
        return WARN_AT
    found = tuple(entry.whole(1, 100) for entry in at["warn_at"].entries())
    if list(found) != sorted(set(found)):
        at["warn_at"].wrong("write each per cent once, the smallest first")
    return found


def _ground(what: str, at: At) -> Ground:
    return Ground(what=what, clause=words(at, "clause"), assumed=("value",) if flag(at, "assumed") else ())
