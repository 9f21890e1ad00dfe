"""A team's habits as nudges: what somebody should look at, never something that is done for them. Pure.

Each nudge has a key that stays the same while its cause does, so that it is shown, mailed or dismissed once. Nothing
here changes a request: an end-of-day update is written by a person, a re-opened request is taken by one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from triage.calendars import Calendar
from triage.sections import Question
from triage.timeline import Event
from triage.workflow import OVER, Stage


class Habit(StrEnum):
    """What a nudge reminds of."""

    LEFT_BEHIND = "left-behind"
    ASK_ONCE = "ask-once"
    UPDATE = "update"
    OWN = "own"
    STAGNATION = "stagnation"
    TIME = "time"
    ASSUMPTIONS = "assumptions"
    FOLLOW_UP = "follow-up"
    IN_PROGRESS = "in-progress"


class Did(StrEnum):
    """Events that only habits read; the clock's own kinds stand in the same log."""

    ASKED_CLIENT = "asked-client"
    """A structured question went to the client; `value` is how many questions it held."""
    NOTED = "noted"
    WORKED = "worked"
    """Support time was reported; `value` is the engineer."""
    ACTED = "acted"
    """An engineer did something on the request; `value` is the engineer."""
    OWNED = "owned"
    """Somebody became the owner; `value` is the engineer, empty for nobody."""
    ASSUMED = "assumed"
    """An assumption was written down; `value` names it."""
    SETTLED = "settled"
    """An assumption turned out true or false; `value` names it."""
    ACCEPTED = "accepted"
    """The client said that the resolution works."""


TOLD = frozenset({"responded", "updated", "estimated", "workaround", "resolved", Did.ASKED_CLIENT.value})
"""Events in which the client heard from us."""
PASSIVE = frozenset({"started", Did.OWNED.value, "unreached", "folded", "unfolded"})
"""Events that are no work on a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One habit of a policy: its words and clause, the calendar it counts on, and the figures it needs.

    `after` is by level, for stagnation; `days` are working days; `limit` is how many; `types` restrict a follow-up's
    patch; `fields` are what an update should tell.
    """

    habit: Habit
    clause: str
    calendar: Calendar
    after: Mapping[str, timedelta] = field(default_factory=dict)
    days: int = 0
    limit: int = 0
    types: tuple[str, ...] = ()
    fields: tuple[Question, ...] = ()
    assumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What habits see of one request: where it stands since when, who owns it, and its log up to now."""

    stage: Stage | None
    since: datetime
    level: str | None = None
    type: str | None = None
    owner: str = ""
    events: tuple[Event, ...] = ()

    def last(self, kinds: Iterable[str]) -> Event | None:
        """The latest event of some kinds; of several at one moment the one with the greatest id."""
        wanted = set(kinds)
        return max((one for one in self.events if one.kind in wanted), key=_order, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nudge:
    """A reminder: shown from `at` on; `due` is when it should be done by, if there is such a time. `to` may be empty.

    `text` is for a person, `clause` is what it rests on.
    """

    key: str
    habit: Habit
    at: datetime
    text: str
    clause: str
    assumed: bool
    due: datetime | None = None
    to: str = ""


def nudges(rules: Sequence[Rule], record: Record, now: datetime) -> tuple[Nudge, ...]:
    """Every nudge about one request that is to be seen at `now`, in the order of their moments.

    Order and duplicates of the events do not matter; what lies after `now` is not there yet.
    """
    log = {event for event in record.events if event.at <= now}
    seen = Record(stage=record.stage, since=record.since, level=record.level, type=record.type, owner=record.owner,
                  events=tuple(sorted(log, key=_order)))  # fmt: skip
    found = [one for rule in rules if rule.habit in CHECKS for one in CHECKS[rule.habit](rule, seen)]
    return tuple(sorted((one for one in found if one.at <= now), key=lambda one: (one.at, one.key)))


def bounces(events: Iterable[Event], waiting: Iterable[str]) -> int:
    """How often a request was passed back to the client: the entries into the statuses that wait for one (R10)."""
    statuses = set(waiting)
    return sum(event.kind == "paused" and event.value in statuses for event in set(events))


def asking(rules: Sequence[Rule], record: Record, questions: Sequence[Question], now: datetime) -> tuple[Nudge, ...]:
    """What to consider before questions go to the client: one without a reason, and a second round of them."""
    rule = next((one for one in rules if one.habit is Habit.ASK_ONCE), None)
    if rule is None:
        return ()
    found = [
        _nudge(rule, f"why:{question.name}", now, f"Say why you ask: {question.ask}")
        for question in questions
        if not question.why.strip()
    ]
    rounds = len({event.id for event in record.events if event.kind == Did.ASKED_CLIENT and event.at <= now})
    if rounds:
        times = "once" if rounds == 1 else f"{rounds} times"
        found.append(
            _nudge(rule, f"again:{rounds}", now, f"The client was asked {times} already; is it in what we know?")
        )
    return tuple(found)


def taking(rules: Sequence[Rule], active: int, now: datetime) -> Nudge | None:
    """What to consider before taking one more request; a soft limit, nobody is stopped (R2)."""
    rule = next((one for one in rules if one.habit is Habit.IN_PROGRESS), None)
    if rule is None or active < rule.limit:
        return None
    return _nudge(rule, f"limit:{active}", now, f"You work on {active} already; take one you can work on now.")


def untold(rules: Sequence[Rule], given: Mapping[str, str]) -> tuple[Question, ...]:
    """What an update to the client does not tell yet (R11): what was done, what worked, what is next, until when."""
    rule = next((one for one in rules if one.habit is Habit.UPDATE), None)
    return tuple(question for question in rule.fields if question.lacks(given)) if rule else ()


def _left_behind(rule: Rule, record: Record) -> Iterator[Nudge]:
    """Waiting for us with nobody working on it: to be gone by the end of the working day."""
    if record.stage is Stage.WAITING:
        due = rule.calendar.end_of_day(record.since)
        yield _nudge(rule, _stamp(record.since), record.since, "Waits for us, and nobody works on it.", due=due)


def _update(rule: Rule, record: Record) -> Iterator[Nudge]:
    """An update is due by the end of the next working day after the last one, unless an agreed time stands."""
    if record.stage in OVER or record.stage in {Stage.CLIENT, Stage.POSTPONED}:
        return
    told = record.last(TOLD)
    estimate = record.last({"estimated"})
    if estimate and estimate.until and (not told or told.at < estimate.until):
        text = "The time agreed with the client has passed: tell them where it stands."
        yield _nudge(rule, f"passed:{estimate.id}", estimate.until, text, due=estimate.until, to=record.owner)
        return
    start = told.at if told else record.since
    due = rule.calendar.end_of_day(start, rule.days if told else 0)
    opens = rule.calendar.next_open(rule.calendar.whole_day(rule.calendar.local(due).date())[0])
    shown = max(start, opens)
    text = "Tell the client by the end of the day where it stands, or agree a time."
    yield _nudge(rule, f"day:{rule.calendar.local(due).date()}", shown, text, due=due, to=record.owner)


def _own(rule: Rule, record: Record) -> Iterator[Nudge]:
    """A re-opened request nobody owns belongs to its last owner."""
    reopened = record.last({"reopened"})
    if reopened is None or record.owner or record.stage in OVER:
        return
    before = [one for one in record.events if one.kind == Did.OWNED and one.value and one.at <= reopened.at]
    if before:
        last = max(before, key=_order).value
        yield _nudge(rule, f"back:{reopened.id}", reopened.at, f"Re-opened: {last} knows it best.", to=last)


def _stagnation(rule: Rule, record: Record) -> Iterator[Nudge]:
    """Nothing done for too long while it is ours; a level that is not known counts as the most urgent."""
    if record.stage not in {Stage.WAITING, Stage.WORKING} or not rule.after:
        return
    active = [
        one for one in record.events if one.kind not in PASSIVE and not one.kind.startswith(("warned", "breached"))
    ]
    last = max(active, key=_order, default=None)
    since = max(last.at, record.since) if last else record.since
    if record.level is not None and record.level not in rule.after:
        return
    limit = min(rule.after.values()) if record.level is None else rule.after[record.level]
    at = rule.calendar.add(since, limit)
    text = "Nothing has happened for long: go on, or ask for help."
    yield _nudge(rule, _stamp(since), at, text, to=record.owner)


def _time(rule: Rule, record: Record) -> Iterator[Nudge]:
    """Work of a day that is over, without a report: whoever did it may add one; no figure is made up."""
    acted: dict[tuple[str, str], datetime] = {}
    reported = set()
    for event in record.events:
        if event.kind in {Did.ACTED, Did.WORKED} and event.value:
            closes = rule.calendar.end_of_day(event.at)
            one = (event.value, f"{rule.calendar.local(closes).date()}")
            acted[one] = closes
            if event.kind == Did.WORKED:
                reported.add(one)
    for (engineer, day), closes in acted.items():
        if (engineer, day) not in reported:
            text = "Report the time you spent; what is not reported counts as learning."
            yield _nudge(rule, f"{engineer}:{day}", closes, text, to=engineer)


def _assumptions(rule: Rule, record: Record) -> Iterator[Nudge]:
    """Assumptions still open when a request is said to be resolved."""
    settled = {one.value for one in record.events if one.kind == Did.SETTLED}
    resolved = record.last({"resolved"})
    if record.stage in OVER and resolved:
        for one in record.events:
            if one.kind == Did.ASSUMED and one.value not in settled:
                yield _nudge(rule, one.id, max(one.at, resolved.at), f"Never verified: {one.value}", to=record.owner)


def _follow_up(rule: Rule, record: Record) -> Iterator[Nudge]:
    """After a resolution: ask whether it works; where it was a bug and works, a patch release is to be made."""
    resolved = record.last({"resolved"})
    if resolved is None or record.stage not in OVER:
        return
    accepted = record.last({Did.ACCEPTED})
    if accepted and accepted.at >= resolved.at:
        if record.type in rule.types:
            text = "Confirmed by the client: issue the patch release."
            yield _nudge(rule, f"patch:{resolved.id}", accepted.at, text, to=record.owner)
    else:
        at = rule.calendar.next_open(rule.calendar.end_of_day(resolved.at, max(rule.days - 1, 0)))
        text = "Ask the client whether the resolution works."
        yield _nudge(rule, f"ask:{resolved.id}", at, text, to=record.owner)


CHECKS: Mapping[Habit, Callable[[Rule, Record], Iterator[Nudge]]] = {
    Habit.LEFT_BEHIND: _left_behind,
    Habit.UPDATE: _update,
    Habit.OWN: _own,
    Habit.STAGNATION: _stagnation,
    Habit.TIME: _time,
    Habit.ASSUMPTIONS: _assumptions,
    Habit.FOLLOW_UP: _follow_up,
}
"""The habits that a request alone can show; the others speak when somebody asks or takes."""


def _nudge(rule: Rule, cause: str, at: datetime, text: str, due: datetime | None = None, to: str = "") -> Nudge:
    return Nudge(
        key=f"{rule.habit}:{cause}",
        habit=rule.habit,
        at=at,
        text=text,
        clause=rule.clause,
        assumed=rule.assumed,
        due=due,
        to=to,
    )


def _order(event: Event) -> tuple[datetime, str, str, str]:
    return event.at, event.id, event.kind, event.value


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S%f}"
