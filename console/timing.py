"""Clocks as an engineer reads them: how much time is left in words, and what a line of the queue waits for next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.queries import Brief
from models.tables.requests import ClockEvent
from triage.calendars import Calendar
from triage.clock import Clock, State, clocks
from triage.desk import ledger
from triage.desk.ledger import Labels
from triage.policy import Policy
from triage.targets import Kind, Measure, Target
from triage.timeline import Event

SOON = timedelta(hours=1)
WARN_AT = 0.75
"""Share of a target's time after which it is shown as running out."""
KINDS = {Kind.RESPONSE: "Response", Kind.UPDATE: "Update", Kind.WORKAROUND: "Workaround", Kind.RESOLUTION: "Resolution"}
MINUTE, HOUR = 60, 3600
LONG = 100
"""Hours from which on an amount of time is told in days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What a line of the queue waits for: the running clock that is due first, or why there is none.

    `words` say how it stands; `tone` is "late", "soon", "calm" or "still", the last where no clock runs. `hint` says
    which clock it is.
    """

    words: str
    tone: str
    due: datetime | None = None
    fraction: float | None = None
    hint: str = ""


def nexts(session: Session, briefs: Sequence[Brief], policies: Mapping[str, Policy], now: datetime) -> dict[UUID, Next]:
    """What each line waits for next. One statement for all of them; undecided ones as if confirmed as suggested."""
    logs: dict[UUID, list[Event]] = {}
    row = ClockEvent
    columns = (row.request_id, row.event, row.source, row.at, row.value, row.until, row.note)
    found = select(*columns).where(row.request_id.in_([brief.id for brief in briefs])).order_by(row.at, row.id)
    for request, kind, source, at, value, until, note in session.execute(found):
        event = Event(id=f"{kind}:{source}", at=at, kind=kind, value=value, until=until, note=note)
        logs.setdefault(request, []).append(event)
    return {
        brief.id: next_of(brief, tuple(logs.get(brief.id, ())), policies.get(brief.policy), now) for brief in briefs
    }


def next_of(brief: Brief, log: tuple[Event, ...], policy: Policy | None, now: datetime) -> Next:
    """What one line waits for, of its log."""
    if policy is None:
        return Next(words="no policy", tone="still")
    made = brief.suggestion
    counting = ledger.counting(
        policy,
        log,
        decided=Labels(type=brief.decided_type, level=brief.decided_priority),
        suggested=Labels(
            type=made.type["value"] if made and made.type else None,
            level=made.priority["value"] if made and made.priority else None,
        ),
        received_at=brief.received_at,
    )
    return soonest(clocks(policy.commitments, counting.events, now), now, started=brief.clock_started_at is not None)


def soonest(found: Iterable[Clock], now: datetime, *, started: bool) -> Next:
    """The clock to be met first; where none runs, what keeps it."""
    found = tuple(found)
    waiting = [one for one in found if one.due and one.met_at is None and one.state in {State.RUNNING, State.BREACHED}]
    if waiting:
        first = min(waiting, key=lambda one: one.due or now)
        return Next(
            words=left(first, now), tone=tone(first, now), due=first.due, fraction=first.fraction, hint=named(first)
        )
    states = {one.state for one in found}
    if not started or (states and states <= {State.NONE}):
        return Next(words="no SLA", tone="still", hint="no clock has started")
    if State.PAUSED in states:
        return Next(words="paused", tone="still", hint="the clock stands still")
    if states & {State.MET, State.BREACHED}:
        return Next(words="met" if State.BREACHED not in states else "was late", tone="still")
    return Next(words="no target", tone="still", hint="the policy names no time for it")


def named(clock: Clock) -> str:
    """Which clock it is: `Response`, `Update (objective)`."""
    firm = clock.promise.value == "guaranteed"
    return KINDS[clock.kind] if firm else f"{KINDS[clock.kind]} ({clock.promise.value})"


def tone(clock: Clock, now: datetime) -> str:
    """How a clock looks: "late", "soon" (nearly used up, or due within the hour), "calm" or "still"."""
    if clock.state is State.BREACHED:
        return "late"
    if clock.state is not State.RUNNING or clock.due is None:
        return "still"
    if clock.due <= now:
        return "late"
    near = clock.due - now <= SOON or (clock.fraction or 0.0) >= WARN_AT
    return "soon" if near else "calm"


def left(clock: Clock, now: datetime) -> str:
    """How a clock stands, in few words: `42 min left`, `12 min late`, `paused, 3 h left`, `met`, `no target`."""
    if clock.met_at is not None:
        return "met late" if clock.breached_at else "met"
    if clock.state is State.PAUSED:
        return f"paused, {amount(clock.remaining)} left" if clock.remaining else "paused"
    if clock.state is State.BREACHED:
        return f"{amount(clock.remaining)} late" if clock.remaining else "late"
    if clock.state is State.RUNNING and clock.due is not None:
        if clock.remaining is not None and clock.remaining > timedelta(0):
            return f"{amount(clock.remaining)} left"
        return f"{amount(clock.due - now)} left"
    return "no estimate yet" if clock.state is State.RUNNING else "no target"


def amount(length: timedelta | None) -> str:
    """A length of time, signless: `42 min`, `3 h 10`, `5 d 4 h`; what is left of a minute counts as one."""
    if length is None:
        return "–"
    seconds = abs(int(length.total_seconds()))
    minutes = max(1, -(-seconds // MINUTE)) if seconds < HOUR else seconds // MINUTE
    if minutes < MINUTE:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours >= LONG:
        return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"
    return f"{hours} h {rest:02}" if rest else f"{hours} h"


def total(clock: Clock) -> str:
    """How long the target is, in words: `of 1 h`; empty where it is no amount of time."""
    within = clock.target.within if clock.target else None
    return f"of {amount(within)}" if within and clock.estimate is None else ""


def used(fraction: float | None) -> str:
    """The share of a target's time that is used up, as a length out of 100."""
    return f"{min(100.0, max(0.0, (fraction or 0.0) * 100)):.1f}"


def silence(policy: Policy) -> str:
    """Why a policy has no clocks at all, with its clause."""
    clause = next((one.clause for one in policy.grounds if one.what.startswith("no target")), "")
    return f"the policy names no times ({clause})." if clause else "the policy names no times."


WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def hours(calendar: Calendar) -> str:
    """When a calendar is open, days with the same hours together: `Mon–Fri 09:00–17:00`."""
    found: list[tuple[str, str, str]] = []
    for day, spans in zip(WEEKDAYS, calendar.week, strict=True):
        open_ = " and ".join(f"{_of_day(span.opens)}–{_of_day(span.closes)}" for span in spans)
        if found and found[-1][2] == open_:
            found[-1] = (found[-1][0], day, open_)
        else:
            found.append((day, day, open_))
    return ", ".join(
        f"{first if first == last else f'{first}–{last}'} {open_}" for first, last, open_ in found if open_
    )


def measure(target: Target) -> str:
    """What a target promises, in words: `within 1 h`, `every 4 h`, `by the end of the working day`."""
    if target.measure is Measure.ESTIMATE:
        return "by the estimate that was given"
    if target.within is not None:
        return f"{'every' if target.kind is Kind.UPDATE else 'within'} {amount(target.within)}"
    later = f", {target.days} working day{'' if target.days == 1 else 's'} later" if target.days else ""
    return f"by the end of the working day{later}"


def _of_day(seconds: int) -> str:
    return f"{seconds // HOUR:02}:{seconds % HOUR // MINUTE:02}"
