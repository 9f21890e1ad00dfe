"""One act on a request, written into its log; and a step of the workflow carried out, whoever takes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from models import tables
from models.errors import Forbidden, Invalid, NotFound
from models.terms import Role, TriageState
from triage.desk import ledger
from triage.nudges import Did
from triage.policy import Policy
from triage.timeline import Event
from triage.workflow import CLIENT, OVER, RESOLUTION, Move, Stage, Workflow, move

STATUS = "status"
"""The log's entry of a step that was taken; its value is the new status."""
MESSAGE = "message"
"""A question of this name asks for words to the customer: the answer is theirs to read."""
REASON = "reason"
"""The name under which a reason for taking over is given with a step that takes the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something somebody does to a request: its entries in the log share source, moment and maker."""

    session: Session
    request: tables.requests.Request
    source: str
    by: str
    at: datetime

    def record(
        self,
        event: str,
        *,
        value: str = "",
        until: datetime | None = None,
        note: str = "",
        detail: dict[str, object] | None = None,
        is_public: bool = False,
    ) -> None:
        """Append one entry; the same kind of entry is appended once for one source."""
        tables.requests.record_clock(
            self.session,
            self.request.id,
            event,
            self.source,
            self.at,
            value=value,
            until=until,
            note=note,
            made_by=self.by,
            detail=detail,
            is_public=is_public,
        )

    def acted(self) -> None:
        """Note that an engineer did something (R14), and have clocks and ladders looked at."""
        self.record(Did.ACTED, value=self.by)
        self.noticed()

    def noticed(self) -> None:
        """Have clocks and ladders looked at."""
        self.session.flush()
        tables.requests.wants_attention(self.session, self.request.id, self.at)


def act(session: Session, request: tables.requests.Request, kind: str, *, by: str, now: datetime) -> Act:
    """A new act of its own kind, under a source that nobody else has."""
    return Act(session=session, request=request, source=f"{kind}:{uuid4()}", by=by, at=now)


def locked(session: Session, request_id: UUID) -> tables.requests.Request:
    """The request, held against other writers at whatever version it is.

    Raises:
        NotFound: there is no such request.
    """
    request = tables.requests.fetch_locked(session, request_id)
    if request is None:
        raise NotFound(f"request {request_id}")
    return request


def require(role: Role, least: Role = Role.ENGINEER) -> None:
    """Refuse whoever may only look.

    Raises:
        Forbidden: the role does not include the least one.
    """
    if not role.includes(least):
        raise Forbidden(public=f"This needs the role {least.value} or above; you are {role.value}.")


def carry_out(
    doing: Act, policy: Policy, step: str, given: Mapping[str, str], *, actor: str, taken_by: str = ""
) -> Move:
    """Take a step of the workflow: the status, what the clocks are told, and the owner; the version goes up.

    `given` are the answers to what the step asks. `taken_by` becomes the owner where the step takes the request.

    Raises:
        Conflict: no such step leads out of where the request stands.
        Forbidden: it is not this actor's to take.
        Invalid: an answer is missing or will not do, all named at once; or it has another owner and no reason is given.
    """
    flow, request = policy.workflow, doing.request
    made = move(flow, ledger.status_of(request, policy), step, actor, given)
    answers = _answers(flow, made, given)
    detail = {"from": made.origin, "step": step, "given": answers, "clause": made.clause}
    doing.record(
        STATUS,
        value=made.to,
        note=answers.get(MESSAGE, ""),
        detail={**detail, "on_behalf": made.on_behalf, "policy": policy.ref, "digest": policy.digest},
        is_public=MESSAGE in answers,
    )
    for kind, value in made.signals:
        doing.record(kind, value=value)
    if _accepts(flow, made, actor):
        doing.record(Did.ACCEPTED)
    request.status, request.status_since = made.to, doing.at
    if flow.stage(made.to) not in OVER:
        request.resolution = None
    elif flow.stage(made.origin) not in OVER:
        request.resolution = answers.get(RESOLUTION)
    _hand(doing, flow, made, taken_by, given.get(REASON, ""))
    request.version += 1
    doing.noticed()
    return made


def own(doing: Act, login: str, reason: str = "") -> None:
    """Make somebody the owner, or nobody; from another owner it is a hand-over, which needs a reason (R15).

    Raises:
        Invalid: the request has another owner, and no reason is given.
    """
    before = doing.request.owner or ""
    if before == login:
        return
    if before and not reason.strip():
        raise Invalid(public=f"{before} owns this request: write in `{REASON}` why it changes hands.")
    doing.record(Did.OWNED, value=login, note=reason.strip(), detail={"from": before})
    doing.request.owner = login or None


def wrote_again(request: tables.requests.Request, at: datetime) -> None:
    """Mark a decided request as one that its customer has come back to, so that triage sees it."""
    if request.state is TriageState.DECIDED:
        request.follow_up_at = at


def last_owner(log: tuple[Event, ...]) -> str:
    """Who owned a request last; empty for one that never had an owner."""
    return next((event.value for event in reversed(log) if event.kind == Did.OWNED and event.value), "")


def _hand(doing: Act, flow: Workflow, made: Move, taken_by: str, reason: str) -> None:
    """Whoever takes the request owns it; what is re-opened goes back to its last owner, if they are still there."""
    takes = next(one.takes for one in flow.steps if one.id == made.step)
    if takes and taken_by:
        own(doing, taken_by, reason)
    elif made.returns and doing.request.owner is None:
        last = last_owner(ledger.events(doing.session, doing.request.id))
        engineer = tables.directory.engineer_by_login(doing.session, last) if last else None
        if engineer is not None and engineer.disabled_at is None:
            own(doing, engineer.login)


def _answers(flow: Workflow, made: Move, given: Mapping[str, str]) -> dict[str, str]:
    """What was asked with a step, answered; whatever else was sent is not kept."""
    asked = {question.name for step in flow.steps if step.id == made.step for question in step.asks}
    if made.on_behalf and flow.on_behalf:
        asked |= {question.name for question in flow.on_behalf.asks}
    code = given.get(RESOLUTION, "").strip()
    for one in flow.resolutions:
        if one.value == code and flow.stage(made.to) is Stage.RESOLVED:
            asked |= {RESOLUTION, *(question.name for question in one.asks)}
    return {name: text.strip() for name, text in given.items() if name in asked and text.strip()}


def _accepts(flow: Workflow, made: Move, actor: str) -> bool:
    """Whether the client says by this step that the resolution works: closing what is resolved, or ending it."""
    if flow.stage(made.to) not in OVER:
        return False
    closes = (flow.stage(made.origin), flow.stage(made.to)) == (Stage.RESOLVED, Stage.CLOSED)
    return closes or actor == CLIENT or made.on_behalf
