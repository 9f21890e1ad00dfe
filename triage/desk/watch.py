"""Look at the requests whose moment has come: note warnings, tell the steps of ladders, say when to look again.

Beat asks for it every few seconds. PostgreSQL holds the truth: a request is looked at by one process at a time, and
a step's key is unique, so that two that look at once tell nobody twice and one that dies loses nothing.

A step that fell due while nobody looked (the house was down) is told late, all of them in their order: a missed P1
has to climb. A step whose ladder was stopped meanwhile is kept, with its notices dropped and the reason beside them:
nobody is called for what is settled, and the history shows what did not happen.

While nobody has decided, what was suggested counts, and every step says so. A decision that finds the same target
missed goes on with the ladder that was begun for it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models import tables
from models.terms import JobKind, OutgoingState, Recipient, StepState
from triage import clock, escalation, nudges
from triage.clock import Clock
from triage.desk import ledger, nudging
from triage.desk.ledger import Counting
from triage.escalation import Due, Reach, To
from triage.nudges import Habit
from triage.policy import Policy
from triage.targets import EventKind
from triage.timeline import Event
from triage.workflow import OVER

Find = Callable[[Session, tables.requests.Request, To, Reach], tuple[Recipient, ...]]
"""Who is told by a step of a request: `recipients.find` with its book."""

AGAIN = timedelta(minutes=5)
"""When a request that could not be looked at is tried again."""
UNKNOWN = timedelta(hours=1)
"""When a request whose policy is not installed is looked at again."""
FOREVER = datetime.max.replace(tzinfo=UTC)
STOPS = (escalation.ACKNOWLEDGED, EventKind.RESOLVED.value)
"""What stops a ladder that its policy does not have any more."""
REACHED = (OutgoingState.SENT, OutgoingState.CAPTURED)
UNDONE = (OutgoingState.PENDING, OutgoingState.SENDING)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """A ladder begun on a suggestion, what for, and until when nobody had decided."""

    ladder: str
    cause: Event
    until: datetime


def look(session: Session, now: datetime, *, policies: Mapping[str, Policy], recipients: Find, batch: int = 50) -> int:
    """Look at the requests that want attention by `now`, the longest waiting first; how many were looked at.

    Requests that another process holds are left to it. One that cannot be looked at is tried again in five
    minutes and stops no other.
    """
    row = tables.requests.Request
    waiting = select(row).where(row.attention_at <= now).order_by(row.attention_at, row.id).limit(batch)
    # Not FOR UPDATE: whoever appends to the log of a request meanwhile need not wait.
    held = waiting.with_for_update(skip_locked=True, key_share=True).execution_options(populate_existing=True)
    found = list(session.scalars(held))
    for request in found:
        request_id = str(request.id)
        try:
            with session.begin_nested():
                request.attention_at = _looked_at(session, request, now, policies, recipients)
        except Exception as error:
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise
            log.exception("request.watch_failed", request=request_id)
            request.attention_at = now + AGAIN
    session.flush()
    return len(found)


def ended(session: Session, step: tables.progress.EscalationStep, *, policies: Mapping[str, Policy]) -> str:
    """Why nobody need be told of a step any more, in words; empty while somebody must."""
    request = tables.requests.fetch(session, step.request_id)
    policy = policies.get(request.policy) if request else None
    if request is None or policy is None:
        return ""
    return _ended(request, policy, step.ladder, ledger.events(session, request.id), step.due_at)


def settle_step(session: Session, step_id: UUID) -> None:
    """Let the state of a step follow its notices: told when one person was, failed when nobody could be.

    A step all of whose notices were dropped stays as it is: its ladder was stopped before anybody was told.
    """
    found = select(tables.progress.EscalationStep).where(tables.progress.EscalationStep.id == step_id)
    # Two notices of a step that end at once must see each other: the second waits here for the first.
    step = session.scalar(found.with_for_update(key_share=True).execution_options(populate_existing=True))
    notice = tables.progress.Notice
    states = set(session.scalars(select(notice.state).where(notice.step_id == step_id)))
    if step is None or not states - {OutgoingState.DROPPED}:
        return
    if states & set(REACHED):
        step.state = StepState.TOLD
    elif not states & set(UNDONE):
        step.state = StepState.FAILED
    session.flush()


def _looked_at(
    session: Session, request: tables.requests.Request, now: datetime, policies: Mapping[str, Policy], recipients: Find
) -> datetime | None:
    """Do what is due for one request; when to look again, None where nothing is to come, as for a folded one."""
    if request.folded_into is not None:
        return None
    policy = policies.get(request.policy)
    if policy is None:
        log.warning("request.unwatched", request=str(request.id), policy=request.policy)
        return now + UNKNOWN
    counting = ledger.counted(session, request, policy)
    history = counting.events
    running = clock.clocks(policy.commitments, history, now)
    told = _announced(running, now)
    _note_warnings(session, request.id, told, history, guess=_guess(policy, counting))
    stretch = _stagnation(session, request, policy, history, now)
    taken = tables.progress.steps(session, request.id)
    begun = _begun(taken, counting.log)
    troubles = _troubles(policy, escalation.causes(told, now), counting, begun)
    events = (*history, *troubles, *stretch, *_remembered(taken, begun))
    for one in _due(policy, [event for event in events if event.at <= now], now, taken, begun):
        _take(session, request, policy, one, now, recipients, events, _as_guessed(policy, counting, one, running))
    if ledger.stage_of(request, policy) in OVER:
        return None
    moments = [
        clock.next_change(running, now),
        escalation.next_due(policy.escalation, events, now),
        # An event may bear a time that lies ahead, by the clock of another machine.
        *(event.at for event in (*history, *stretch)),
    ]
    return min((at for at in moments if at is not None and at > now), default=None)


def _announced(running: Sequence[Clock], now: datetime) -> tuple[Clock, ...]:
    """The clocks without the warnings that quiet hours hold back."""
    return tuple(
        replace(one, warnings=tuple(warned for warned in one.warnings if warned.notify_at <= now)) for one in running
    )


def _note_warnings(
    session: Session, request: UUID, told: Iterable[Clock], history: Iterable[Event], *, guess: str
) -> None:
    """Write each warning that was reached into the log, once.

    Its kind is `warned`, whatever the share: `warned-75` would begin ladders a second time, and a kind of any other
    name would count as work on the request (`nudges`, stagnation). Its id must be none of `escalation.causes`: of two
    events with one id one is not seen.
    """
    known = {event.id for event in history}
    for one in told:
        for warned in one.warnings:
            source = f"{warned.percent}:{one.kind}:{one.promise}:{warned.at.astimezone(UTC):%Y%m%dT%H%M%S%f}"
            if f"{escalation.WARNED}:{source}" not in known:
                note = f"{warned.percent} % of the time for {one.kind} is used up ({one.promise}){guess}"
                value = str(warned.percent)
                tables.requests.record_clock(
                    session, request, escalation.WARNED, source, warned.at, value=value, note=note
                )


def _stagnation(
    session: Session, request: tables.requests.Request, policy: Policy, history: Sequence[Event], now: datetime
) -> tuple[Event, ...]:
    """When a request becomes, or became, stagnant if nothing happens: one event, its id the same for one stretch.

    A redirected mail that nobody has decided or taken yet has none: its sender was told where the clock is started,
    and a stranger's mail must not ring anybody out of bed.
    """
    ours = request.decided_at or request.owner or any(event.kind == EventKind.STARTED for event in history)
    rules = [rule for rule in policy.nudges if rule.habit is Habit.STAGNATION]
    if not ours or not rules:
        return ()
    found = nudges.nudges(rules, nudging.record_of(session, request, policy, now), FOREVER)
    return tuple(Event(id=one.key, at=one.at, kind=escalation.STAGNANT) for one in found)


def _guess(policy: Policy, counting: Counting) -> str:
    """What people are told of a target that nobody has decided on; empty for one that somebody has."""
    if not counting.supposed or counting.level is None:
        return ""
    return f"; nobody has decided, it looks like {policy.level_label(counting.level)}"


def _as_guessed(policy: Policy, counting: Counting, one: Due, running: Iterable[Clock]) -> str:
    """What a step says beside its name while nobody has decided: what it looks like, and when that is due."""
    words = _guess(policy, counting)
    due = min((each.due for each in running if each.kind == one.cause.value and each.due), default=None)
    return f"{words}: {one.cause.value} due {due.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if words and due else words


def _remembered(taken: Iterable[tables.progress.EscalationStep], begun: Iterable[_Begun]) -> tuple[Event, ...]:
    """The warnings that steps were told for, also of a target that another level has replaced since.

    A clock forgets those; without them the miss that followed would begin the ladder a second time. Those that only
    a suggestion had are not among them.
    """
    guessed = {one.cause.id for one in begun}
    causes = [_cause(step) for step in taken]
    return tuple(one for one in causes if one.kind.startswith(escalation.WARNED) and one.id not in guessed)


def _cause(step: tables.progress.EscalationStep) -> Event:
    kind, _, value = step.cause.partition(":")
    return Event(id=step.key.split(":", 2)[2], at=step.cause_at, kind=kind, value=value)


def _begun(taken: Iterable[tables.progress.EscalationStep], history: Iterable[Event]) -> tuple[_Begun, ...]:
    """The ladders that a suggestion's target began: no level was in force at their moment."""
    levels = [event for event in history if event.kind == EventKind.LEVEL]
    found = []
    for step in taken:
        before = [event for event in levels if event.at <= step.cause_at]
        cause = _cause(step)
        if cause.kind.startswith((escalation.BREACHED, escalation.WARNED)) and not (before and before[-1].value):
            until = min((event.at for event in levels if event.at > cause.at and event.value), default=FOREVER)
            found.append(_Begun(ladder=step.ladder, cause=cause, until=until))
    return tuple(found)


def _troubles(
    policy: Policy, causes: Iterable[Event], counting: Counting, begun: Iterable[_Begun]
) -> tuple[Event, ...]:
    """What begins ladders; a target that a decision finds missed already is the miss that a ladder was begun for."""
    if counting.supposed:
        return tuple(causes)
    levels = [event for event in counting.events if event.kind in ledger.LABELS]

    def first(cause: Event) -> Event:
        same = [one for one in begun if one.until == cause.at and _clock(one.cause) == _clock(cause)]
        if not same:
            return cause
        ladders = {one.ladder for one in escalation.due(policy.escalation, [*levels, cause], FOREVER)}
        ours = [one.cause for one in same if one.ladder in ladders]
        return max(ours, key=lambda event: (event.kind == cause.kind, event.at), default=cause)

    return tuple(first(cause) for cause in causes)


def _clock(cause: Event) -> list[str]:
    """Kind and promise of the clock that a warning or a miss is of (`escalation.causes`): both are one trouble."""
    return cause.id.split(":")[1:3]


def _due(
    policy: Policy,
    events: Sequence[Event],
    now: datetime,
    taken: Iterable[tables.progress.EscalationStep],
    begun: Iterable[_Begun],
) -> list[Due]:
    """The steps to be told now; what one ladder was begun for on a suggestion begins no other."""
    ladders: dict[str, set[str]] = {}
    for each in begun:
        ladders.setdefault(each.cause.id, set()).add(each.ladder)
    found = escalation.due(policy.escalation, events, now, done={step.key for step in taken})
    return [one for one in found if one.ladder in ladders.get(one.cause.id, {one.ladder})]


def _take(
    session: Session,
    request: tables.requests.Request,
    policy: Policy,
    one: Due,
    now: datetime,
    recipients: Find,
    events: Sequence[Event],
    guess: str,
) -> None:
    reason = _ended(request, policy, one.ladder, [event for event in events if event.at <= now], one.at)
    people = recipients(session, request, one.rung.to, one.rung.channel)
    state = StepState.WAITING if people else StepState.NOBODY
    step = _record(session, request, policy, one, now, state, guess)
    if step is not None:
        _tell(session, request, step, one, people, now, reason)


def _record(
    session: Session,
    request: tables.requests.Request,
    policy: Policy,
    one: Due,
    now: datetime,
    state: StepState,
    guess: str,
) -> UUID | None:
    ladder = next(ladder for ladder in policy.escalation if ladder.id == one.ladder)
    named = one.cause.value and one.cause.kind.startswith((escalation.BREACHED, escalation.WARNED))
    return tables.progress.add_step(
        session,
        request_id=request.id,
        key=one.key,
        ladder=one.ladder,
        rung=one.rung.id,
        label=f"{ladder.label}: {one.rung.label}{guess}",
        channel=one.rung.channel.value,
        to_role=one.rung.to.role,
        to_name=one.rung.to.name,
        cause=f"{one.cause.kind}:{one.cause.value}" if named else one.cause.kind,
        cause_at=one.cause.at,
        clause=one.clause,
        assumed=one.assumed,
        policy=policy.ref,
        policy_digest=policy.digest,
        due_at=one.at,
        state=state,
        created_at=now,
    )


def _tell(
    session: Session,
    request: tables.requests.Request,
    step: UUID,
    one: Due,
    people: Sequence[Recipient],
    now: datetime,
    reason: str,
) -> None:
    """One notice for each person, and the work to send it: earlier steps first."""
    notices = [
        tables.progress.Notice(
            step_id=step,
            request_id=request.id,
            channel=(Reach.MAIL if "@" in person.value else Reach.PHONE).value,
            name=person.name,
            recipient=person.value,
            state=OutgoingState.DROPPED if reason else OutgoingState.PENDING,
            error=reason or None,
            created_at=now,
        )
        for person in {each.value: each for each in people}.values()
    ]
    session.add_all(notices)
    session.flush()
    for notice in notices:
        if not reason:
            tables.jobs.schedule(session, JobKind.NOTICE_SEND, notice.id, one.at - tables.jobs.AHEAD)
    log.info("step.due", request=str(request.id), step=str(step), people=len(notices), dropped=bool(reason))


def _ended(
    request: tables.requests.Request, policy: Policy, ladder: str, events: Iterable[Event], since: datetime
) -> str:
    """What stopped a ladder after a step was to be told (up to then `escalation.due` has judged)."""
    stops = next((one.stops for one in policy.escalation if one.id == ladder), STOPS)
    stopped = [event for event in events if event.at > since and event.kind in stops]
    if stopped:
        first = min(stopped, key=lambda event: (event.at, event.id))
        return f"{first.kind} at {first.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, before it could be told"
    if ledger.stage_of(request, policy) in OVER:
        return "the request is over"
    return "" if request.folded_into is None else "the request is folded into another one"
