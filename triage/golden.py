"""A pack's own golden examples: what a text or a log must come to under it, read from YAML and tried. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from models.terms import Fact
from triage import downgrade
from triage import facts as reading
from triage.calendars import Calendar
from triage.clock import State, clocks
from triage.facts import VOCABULARY
from triage.policy import Policy
from triage.reading import Node, read
from triage.sections import At, calendar, slug, words
from triage.targets import EventKind, Kind, Promise
from triage.timeline import Event

VERDICTS = {"applied": downgrade.APPLIED, "not_met": downgrade.NOT_MET, "unknown": downgrade.UNKNOWN}
KINDS = frozenset(kind.value for kind in Kind)
PROMISES = frozenset(promise.value for promise in Promise)
MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A request the source speaks of: what it says (`text`) or what is known of it (`facts`), and what follows.

    `type` and `level` are what the classifier would be sure of; `reads` are facts the text must give. `verdicts` are
    what rules must say. Empty: nothing is claimed.
    """

    id: str
    clause: str
    text: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    type: str = ""
    level: str = ""
    reads: Mapping[str, str] = field(default_factory=dict)
    then_type: str = ""
    then_level: str = ""
    verdicts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A log and what one clock must say at its end: its state, and when it falls due (None: no such moment)."""

    id: str
    clause: str
    log: tuple[Event, ...]
    clock: Kind
    promise: Promise
    state: str
    due: datetime | None


def parse(content: bytes, file: str, policy: Policy) -> tuple[tuple[Example | Due, ...], list[str]]:
    """The examples in a file's bytes, and its mistakes as `policy check` tells them."""
    try:
        top = read(content.decode("utf-8"), file)
    except UnicodeDecodeError as error:
        top = read("{}", file)
        top.wrong(f"not UTF-8 at byte {error.start}")
    at = top.fields(frozenset(), frozenset({"requests", "deadlines"}))
    found: list[Example | Due] = []
    if "requests" in at:
        found += [_example(entry, policy) for entry in at["requests"].entries()]
    if "deadlines" in at:
        found += [_due(entry, policy) for entry in at["deadlines"].entries()]
    if not top.mistakes:
        top.unique([one.id for one in found])
    return tuple(found), top.mistakes


def differences(policy: Policy, one: Example | Due) -> list[str]:
    """How an example comes out other than it says, in words; empty where it holds."""
    told = _of_request(policy, one) if isinstance(one, Example) else _of_clock(policy, one)
    return [f"{one.id}: {what}: expected {wanted}, found {found}" for what, wanted, found in told if wanted != found]


def _of_request(policy: Policy, one: Example) -> Iterator[tuple[str, str, str]]:
    subject, _, body = one.text.partition("\n")
    from_text = reading.read(subject, body) if one.text else ()
    stated = {fact.name: fact.value for fact in from_text}
    for name, value in one.reads.items():
        yield f"fact {name}", value, stated.get(name, "unknown")
    known = {fact.name: fact for fact in from_text} | {
        name: Fact(name=name, value=value, source="engineer") for name, value in one.facts.items()
    }
    facts = tuple(known.values())
    types = {kind.value: float(kind.value == one.type) for kind in policy.types if kind.inbound}
    kind = downgrade.judge_type(policy, facts, types)
    decided = downgrade.top(kind.probabilities) if one.type or kind.settled else None
    if one.then_type:
        yield "type", one.then_type, decided or "none"
    levels = {level.value: float(level.value == one.level) for level in policy.levels}
    level = downgrade.judge_level(policy, facts, decided, levels)
    if one.then_level:
        sure = one.level or level.settled
        yield "level", one.then_level, (downgrade.top(level.probabilities) if sure else None) or "none"
    said = {result.id: result.verdict for result in (*kind.results, *level.results)}
    for rule, verdict in one.verdicts.items():
        yield f"rule {rule}", verdict, said.get(rule, "no such rule")


def _of_clock(policy: Policy, one: Due) -> Iterator[tuple[str, str, str]]:
    now = max((event.at for event in one.log), default=datetime.min.replace(tzinfo=UTC)) + MOMENT
    found = clocks(policy.commitments, one.log, now)
    clock = next((each for each in found if (each.kind, each.promise) == (one.clock, one.promise)), None)
    name = f"{one.promise} {one.clock}"
    yield f"{name}, state", one.state, clock.state.value if clock else State.NOT_APPLICABLE.value
    yield f"{name}, due", _shown(one.due), _shown(clock.due if clock else None)


def _shown(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(" ", "minutes") if moment else "never"


def _example(node: Node, policy: Policy) -> Example:
    at = node.fields(frozenset({"id", "clause", "then"}), frozenset({"text", "facts", "type", "level", "reads"}))
    types = frozenset(kind.value for kind in policy.types)
    levels = frozenset(level.value for level in policy.levels)
    then = at["then"].fields(frozenset(), frozenset({"type", "level", *VERDICTS})) if "then" in at else {}
    rules = frozenset(rule.id for rule in policy.rules)
    return Example(
        id=slug(at, "id"),
        clause=words(at, "clause"),
        text=words(at, "text"),
        facts=_facts(at, "facts"),
        type=_one(at, "type", types),
        level=_one(at, "level", levels),
        reads=_facts(at, "reads"),
        then_type=_one(then, "type", types),
        then_level=_one(then, "level", levels),
        verdicts={
            rule: verdict
            for key, verdict in VERDICTS.items()
            if key in then
            for rule in then[key].choices(rules, "rule")
        },
    )


def _one(at: At, key: str, known: frozenset[str]) -> str:
    return at[key].one_of(known, key) if key in at else ""


def _facts(at: At, key: str) -> dict[str, str]:
    named = at[key].fields(frozenset(), frozenset(VOCABULARY)) if key in at else {}
    return {name: entry.one_of(VOCABULARY[name], f"value of {name}") for name, entry in named.items()}


def _due(node: Node, policy: Policy) -> Due:
    at = node.fields(frozenset({"id", "clause", "calendar", "log", "clock", "then"}), frozenset({"promise"}))
    shown = calendar(at, "calendar", policy.calendars)
    then = at["then"].fields(frozenset({"state"}), frozenset({"due"})) if "then" in at else {}
    state = then["state"].one_of(frozenset(one.value for one in State), "state") if "state" in then else ""
    clock = at["clock"].one_of(KINDS, "kind of clock") if "clock" in at else ""
    promise = at["promise"].one_of(PROMISES, "promise") if "promise" in at else Promise.GUARANTEED.value
    return Due(
        id=slug(at, "id"),
        clause=words(at, "clause"),
        log=tuple(_event(entry, str(number), shown) for number, entry in enumerate(at["log"].entries()))
        if "log" in at
        else (),
        clock=Kind(clock) if clock in KINDS else Kind.RESPONSE,
        promise=Promise(promise) if promise in PROMISES else Promise.GUARANTEED,
        state=state,
        due=_moment(then, "due", shown),
    )


def _event(node: Node, number: str, shown: Calendar) -> Event:
    at = node.fields(frozenset({"at", "kind"}), frozenset({"value", "until"}))
    kinds = frozenset(kind.value for kind in EventKind)
    return Event(
        id=number.rjust(6, "0"),
        at=_moment(at, "at", shown) or datetime.min.replace(tzinfo=UTC),
        kind=_one(at, "kind", kinds),
        value=words(at, "value"),
        until=_moment(at, "until", shown),
    )


def _moment(at: At, key: str, shown: Calendar) -> datetime | None:
    """A wall-clock time of the calendar's zone, written as "2026-11-19 12:30"."""
    if key not in at or not (text := at[key].text()):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(shown.zone)).astimezone(UTC)
    except ValueError:
        at[key].wrong(f'{text!r} is no moment: write it as "2026-11-19 12:30"')
        return None
