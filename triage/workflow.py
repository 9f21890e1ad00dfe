"""What may happen to a request next, who may do it, and what must be said with it: a policy's statuses as data. Pure.

Nothing moves by itself: a client's own message does the client's step, taking a request does the engineer's, and
whatever else might be done is a proposal that a person accepts.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from models.errors import Conflict, Forbidden, Invalid
from models.terms import Role
from triage.calendars import Calendar
from triage.sections import Question
from triage.targets import EventKind

CLIENT = "client"
"""The actor who is no engineer: the customer's own people."""
ACTORS = frozenset({CLIENT, Role.ENGINEER.value, Role.LEAD.value, Role.ADMIN.value})
RESOLUTION = "resolution"
"""The name under which a resolution code is given with a step."""


class Stage(StrEnum):
    """What a status means to the house, whatever the policy calls it."""

    WAITING = "waiting"
    """For us, and nobody works on it."""
    WORKING = "working"
    CLIENT = "client"
    """Waiting for the customer."""
    POSTPONED = "postponed"
    RESOLVED = "resolved"
    CLOSED = "closed"


HALTED = frozenset({Stage.CLIENT, Stage.POSTPONED})
OVER = frozenset({Stage.RESOLVED, Stage.CLOSED})


class OnMessage(StrEnum):
    """What a message of the client does about a step of theirs."""

    AT_ONCE = "at-once"
    PROPOSED = "proposed"
    """A word of thanks must not re-open anything: a person decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where a request can stand."""

    value: str
    label: str
    stage: Stage
    definition: str
    clause: str
    assumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A transition from any of `sources`: `by` are the actors allowed, a role standing for those above it as well.

    `asks` must be answered with it. `takes` is the step that taking a request does.
    """

    id: str
    label: str
    sources: tuple[str, ...]
    to: str
    by: tuple[str, ...]
    clause: str
    asks: tuple[Question, ...] = ()
    takes: bool = False
    on_message: OnMessage | None = None
    assumed: bool = False

    def open_to(self, actor: str) -> bool:
        """Whether this actor may do it themselves."""
        return _is_among(actor, self.by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """How a request was resolved; `by` (empty: whoever may resolve) and `asks` make some of them harder to claim."""

    value: str
    label: str
    clause: str
    by: tuple[str, ...] = ()
    asks: tuple[Question, ...] = ()
    assumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OnBehalf:
    """Who may record a step that the client has taken in words, and what they must write down."""

    by: tuple[str, ...]
    asks: tuple[Question, ...]
    clause: str
    assumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """When a client's silence ends in a proposal: so many follow-ups, so many working days apart, then `step`."""

    status: str
    step: str
    follow_ups: int
    days: int
    calendar: Calendar
    clause: str
    assumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A policy's statuses and steps. `returns` says that a re-opened request goes back to its last owner."""

    start: str
    statuses: tuple[Status, ...]
    steps: tuple[Step, ...]
    resolutions: tuple[Resolution, ...] = ()
    on_behalf: OnBehalf | None = None
    silence: Silence | None = None
    returns: bool = True
    reopen_clause: str = ""

    def stage(self, status: str) -> Stage | None:
        """What a status means; None for one the policy does not have (any more)."""
        return next((one.stage for one in self.statuses if one.value == status), None)

    def status_label(self, value: str) -> str:
        """What a person reads for a status; an unknown value is given back."""
        return next((one.label for one in self.statuses if one.value == value), value)

    @property
    def edges(self) -> frozenset[tuple[str, str, tuple[str, ...]]]:
        """Every single transition: from, to, and the actors allowed."""
        return frozenset((source, step.to, step.by) for step in self.steps for source in step.sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A step an actor may take now, with what must be told; `on_behalf` where it is the client's own step."""

    step: Step
    asks: tuple[Question, ...]
    resolutions: tuple[Resolution, ...] = ()
    on_behalf: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A step taken: the `signals` (kind, value) belong into the clock's log; `returns` asks for the last owner."""

    step: str
    origin: str
    to: str
    signals: tuple[tuple[str, str], ...]
    on_behalf: bool = False
    returns: bool = False
    clause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a person may do about a silent client, due `at`; `key` names it for ever, so that it is made once."""

    key: str
    what: str
    number: int
    at: datetime
    step: str
    clause: str
    assumed: bool


def allowed(workflow: Workflow, status: str, actor: str) -> tuple[Offer, ...]:
    """Every step an actor ("client", or a role) may take from a status, in the policy's order."""
    return tuple(_offers(workflow, status, actor))


def move(workflow: Workflow, status: str, step: str, actor: str, given: Mapping[str, str]) -> Move:
    """A step as it is to be recorded. `given` are the answers to what the step asks, by name.

    Raises:
        Conflict: no such step leads out of this status.
        Forbidden: it is not this actor's to take.
        Invalid: an answer is missing or will not do; all of them are named at once.
    """
    here = [one for one in workflow.steps if one.id == step and status in one.sources]
    if not here:
        raise Conflict(public=f"There is no step {step!r} from {workflow.status_label(status)!r}.")
    offer = next((one for one in allowed(workflow, status, actor) if one.step.id == step), None)
    if offer is None:
        raise Forbidden(public=f"{here[0].label}: only for {', '.join(here[0].by)}.")
    if lacking := _lacking(workflow, offer, actor, given):
        raise Invalid(public=" ".join(lacking))
    signals = _signals(workflow, status, offer.step)
    return Move(
        step=step,
        origin=status,
        to=offer.step.to,
        signals=signals,
        on_behalf=offer.on_behalf,
        returns=workflow.returns and _reopens(workflow, status, offer.step),
        clause=offer.step.clause,
    )


def taking(workflow: Workflow, status: str) -> Step | None:
    """The step that taking a request does from this status, or None where taking changes no status."""
    return next((one for one in workflow.steps if one.takes and status in one.sources), None)


def on_message(workflow: Workflow, status: str) -> Step | None:
    """The step a message of the client does (at once) or suggests (proposed), whatever channel it came by."""
    return next((one for one in workflow.steps if one.on_message and status in one.sources), None)


def proposal(
    workflow: Workflow, status: str, since: datetime, follow_ups: Sequence[datetime], now: datetime
) -> Proposal | None:
    """What to do about a client who has been silent since `since`, or None while there is time.

    `follow_ups` are our reminders; those before `since` do not count, nor those after `now`. Each waits for the
    morning after so many whole working days; only when all are sent does the last proposal come.
    """
    rule = workflow.silence
    if rule is None or status != rule.status:
        return None
    sent = sorted({one.astimezone(UTC) for one in follow_ups if since <= one <= now})
    at = rule.calendar.next_open(rule.calendar.end_of_day(sent[-1] if sent else since, rule.days - 1))
    if now < at:
        return None
    number = len(sent) + 1
    what = "follow-up" if number <= rule.follow_ups else "resolve"
    number = number if what == "follow-up" else 0
    return Proposal(
        key=f"silence:{since.astimezone(UTC):%Y%m%dT%H%M%S%f}:{what}:{number}",
        what=what,
        number=number,
        at=at,
        step=rule.step if what == "resolve" else "",
        clause=rule.clause,
        assumed=rule.assumed,
    )


def _offers(workflow: Workflow, status: str, actor: str) -> Iterator[Offer]:
    for step in workflow.steps:
        if status not in step.sources:
            continue
        if step.open_to(actor):
            yield Offer(step=step, asks=step.asks, resolutions=_resolutions(workflow, step, actor))
        elif workflow.on_behalf and actor != CLIENT and CLIENT in step.by and _is_among(actor, workflow.on_behalf.by):
            yield Offer(step=step, asks=(*step.asks, *workflow.on_behalf.asks), on_behalf=True)


def _resolutions(workflow: Workflow, step: Step, actor: str) -> tuple[Resolution, ...]:
    """The codes of which a step that resolves needs one; a client owes us no code."""
    if actor == CLIENT or workflow.stage(step.to) is not Stage.RESOLVED:
        return ()
    return tuple(one for one in workflow.resolutions if not one.by or _is_among(actor, one.by))


def _lacking(workflow: Workflow, offer: Offer, actor: str, given: Mapping[str, str]) -> list[str]:
    found = [question.lacks(given) for question in offer.asks]
    if workflow.resolutions and actor != CLIENT and workflow.stage(offer.step.to) is Stage.RESOLVED:
        code = given.get(RESOLUTION, "").strip()
        chosen = next((one for one in offer.resolutions if one.value == code), None)
        known = ", ".join(one.value for one in offer.resolutions) or f"those of a role above {actor}"
        if chosen is not None:
            found += [question.lacks(given) for question in chosen.asks]
        elif any(one.value == code for one in workflow.resolutions):
            found.append(f"{RESOLUTION}: {code!r} is not for {actor}.")
        else:
            found.append(f"{RESOLUTION}: choose one of {known}.")
    return [words for words in found if words]


def _signals(workflow: Workflow, origin: str, step: Step) -> tuple[tuple[str, str], ...]:
    """What the clock is told: what began or ended by this step."""
    before, after = workflow.stage(origin), workflow.stage(step.to)
    found: list[tuple[str, str]] = []
    if _reopens(workflow, origin, step):
        found.append((EventKind.REOPENED, ""))
    elif before in HALTED and after not in HALTED | OVER:
        found.append((EventKind.RESUMED, ""))
    if after in HALTED:
        found.append((EventKind.PAUSED, step.to))
    elif after in OVER and before not in OVER:
        found.append((EventKind.RESOLVED, ""))
    if step.takes:
        found.append((EventKind.TAKEN, ""))
    return tuple((str(kind), value) for kind, value in found)


def _reopens(workflow: Workflow, origin: str, step: Step) -> bool:
    return workflow.stage(origin) in OVER and workflow.stage(step.to) not in OVER


def _is_among(actor: str, by: Collection[str]) -> bool:
    if actor == CLIENT:
        return CLIENT in by
    return any(Role(actor).includes(Role(one)) for one in by if one != CLIENT)
