"""What an engineer tells the client or asks them, and what they write down for each other."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from models import tables
from models.errors import Conflict, Invalid, NotFound
from models.terms import Role
from triage import nudges
from triage.desk import ledger
from triage.desk.held import held
from triage.desk.moves import Act, act, carry_out, locked, require
from triage.desk.nudging import record_of
from triage.nudges import Did, Habit
from triage.policy import Policy
from triage.sections import Question
from triage.targets import MET_BY, EventKind, Kind
from triage.timeline import timeline
from triage.workflow import Stage, allowed

LONGEST_WORK = 24 * 60
"""Minutes: nobody works longer in a day."""


def tell(
    session: Session,
    request_id: UUID,
    *,
    text: str,
    given: Mapping[str, str],
    until: datetime | None = None,
    workaround: bool = False,
    engineer: str,
    role: Role,
    policy: Policy,
    now: datetime,
) -> tuple[Question, ...]:
    """Write to the client; what comes back is what an update should tell and this one does not (R11).

    `given` are the answers to the policy's fields of an update, which the client reads below `text`. `until` is a time
    agreed with them, `workaround` says that this is one. The first message of a round is the response (A12).

    Raises:
        NotFound: there is no such request.
        Forbidden: the role may only look.
        Invalid: there is nothing to tell, or `until` does not lie ahead.
    """
    require(role)
    request = locked(session, request_id)
    fields = _fields(policy)
    told = {one.name: answer for one in fields if (answer := given.get(one.name, "").strip())}
    note = "\n\n".join(
        filter(None, [text.strip(), *(f"{one.ask}\n{told[one.name]}" for one in fields if one.name in told)])
    )
    if not note:
        raise Invalid(public="Write in `text` what the client shall read.")
    if until is not None and (until.tzinfo is None or until <= now):
        raise Invalid(public="`until` must lie ahead, and name its time zone.")
    doing = act(session, request, "message", by=engineer, now=now)
    kinds = [EventKind.WORKAROUND] * workaround + [EventKind.ESTIMATED] * (until is not None)
    for place, kind in enumerate(kinds or [_contact(session, request, policy, now)]):
        doing.record(
            kind,
            until=until if kind is EventKind.ESTIMATED else None,
            note="" if place else note,
            detail={"text": text.strip(), "fields": told},
            is_public=not place,
        )
    doing.acted()
    return nudges.untold(policy.nudges, told)


def ask(
    session: Session,
    request_id: UUID,
    *,
    questions: Sequence[tuple[str, str]],
    move: bool,
    version: int,
    engineer: str,
    role: Role,
    policy: Policy,
    now: datetime,
) -> tuple[nudges.Nudge, ...]:
    """Ask the client everything in one go, each question (what, why) with its reason (R7, R8).

    What comes back is what to consider: that they were asked before, say. With `move` the request waits for the client
    from now on, where exactly one step that asks nothing leads there; otherwise it stays where it is.

    Raises:
        NotFound: there is no such request.
        Conflict: somebody changed it since `version`.
        Forbidden: the role may only look.
        Invalid: there is no question, or some are without a reason; all of them are named at once.
    """
    require(role)
    request = held(session, request_id, version)
    asked = _questions(questions)
    considered = nudges.asking(policy.nudges, record_of(session, request, policy, now), asked, now)
    doing = act(session, request, "question", by=engineer, now=now)
    doing.record(
        Did.ASKED_CLIENT,
        value=str(len(asked)),
        note="\n\n".join(f"{place}. {one.ask}\n{one.why}" for place, one in enumerate(asked, 1)),
        detail={"questions": [{"ask": one.ask, "why": one.why} for one in asked]},
        is_public=True,
    )
    doing.record(_contact(session, request, policy, now))
    step = _waiting_step(request, policy, role) if move else None
    if step:
        carry_out(doing, policy, step, {}, actor=role.value)
    doing.acted()
    return considered


def note(
    session: Session,
    request_id: UUID,
    *,
    text: str,
    public: bool = False,
    engineer: str,
    role: Role,
    policy: Policy,  # noqa: ARG001 - every act is called alike
    now: datetime,
) -> None:
    """Write something down for the other engineers, or, `public`, for the client to read; it answers nobody.

    Raises:
        NotFound: there is no such request.
        Forbidden: the role may only look.
        Invalid: there is nothing to write down.
    """
    doing = _writing(session, request_id, "note", text, engineer=engineer, role=role, now=now)
    doing.record(Did.NOTED, note=text.strip(), is_public=public)
    doing.acted()


def assume(
    session: Session,
    request_id: UUID,
    *,
    text: str,
    engineer: str,
    role: Role,
    policy: Policy,  # noqa: ARG001 - every act is called alike
    now: datetime,
) -> str:
    """Write an assumption down, to be verified (R9); what comes back names it for `settle`.

    Raises:
        NotFound: there is no such request.
        Conflict: the same assumption is written down already.
        Forbidden: the role may only look.
        Invalid: there is nothing to write down.
    """
    doing = _writing(session, request_id, "assumption", text, engineer=engineer, role=role, now=now)
    log = ledger.events(session, request_id)
    if any(event.kind == Did.ASSUMED and event.value == text.strip() for event in log):
        raise Conflict(public="This is written down as an assumption already.")
    doing.record(Did.ASSUMED, value=text.strip())
    doing.acted()
    return doing.source


def settle(
    session: Session,
    request_id: UUID,
    *,
    assumption: str,
    holds: bool,
    engineer: str,
    role: Role,
    policy: Policy,  # noqa: ARG001 - every act is called alike
    now: datetime,
) -> None:
    """Say whether an assumption turned out true (R9); `assumption` is what `assume` gave back, its entry's source.

    Raises:
        NotFound: there is no such request or assumption.
        Conflict: it is settled already.
        Forbidden: the role may only look.
    """
    require(role)
    request = locked(session, request_id)
    log = tables.requests.clock_events(session, request_id)
    made = next((row for row in log if row.event == Did.ASSUMED and row.source == assumption), None)
    if made is None:
        raise NotFound(public="There is no such assumption.")
    if any(row.event == Did.SETTLED and row.value == made.value for row in log):
        raise Conflict(public="This assumption is settled already.")
    doing = act(session, request, "settled", by=engineer, now=now)
    doing.record(Did.SETTLED, value=made.value, detail={"holds": holds, "assumption": assumption})
    doing.acted()


def work(
    session: Session,
    request_id: UUID,
    *,
    minutes: int,
    text: str,
    engineer: str,
    role: Role,
    policy: Policy,  # noqa: ARG001 - every act is called alike
    now: datetime,
) -> None:
    """Report support time, 1 to 1440 minutes (R14); `text` may be empty.

    Raises:
        NotFound: there is no such request.
        Forbidden: the role may only look.
        Invalid: nobody can have worked that long.
    """
    require(role)
    request = locked(session, request_id)
    if not 1 <= minutes <= LONGEST_WORK:
        raise Invalid(public=f"`minutes` must be from 1 to {LONGEST_WORK}.")
    doing = act(session, request, "work", by=engineer, now=now)
    doing.record(Did.WORKED, value=engineer, note=text.strip(), detail={"minutes": minutes})
    doing.noticed()


def _writing(
    session: Session, request_id: UUID, kind: str, text: str, *, engineer: str, role: Role, now: datetime
) -> Act:
    require(role)
    request = locked(session, request_id)
    if not text.strip():
        raise Invalid(public="There is nothing to write down: `text` is empty.")
    return act(session, request, kind, by=engineer, now=now)


def _contact(session: Session, request: tables.requests.Request, policy: Policy, now: datetime) -> EventKind:
    """What a message to the client is: the response while the round has none, an update from then on."""
    log = ledger.events(session, request.id)
    rounds = timeline(log, now).rounds
    if rounds:
        done = {event.kind for event in rounds[-1].events}
    else:
        reopened = max((place for place, event in enumerate(log) if event.kind == EventKind.REOPENED), default=-1)
        done = {event.kind for event in log[reopened + 1 :]}
    met_by = policy.commitments.met_by.get(Kind.RESPONSE, MET_BY[Kind.RESPONSE])
    return EventKind.UPDATED if done & set(met_by) else EventKind.RESPONDED


def _questions(given: Sequence[tuple[str, str]]) -> tuple[Question, ...]:
    asked = tuple(
        Question(name=f"question-{place}", ask=what.strip(), why=why.strip())
        for place, (what, why) in enumerate(given, 1)
        if what.strip() or why.strip()
    )
    if not asked:
        raise Invalid(public="Write at least one question.")
    lacking = [f"Say what you ask: {one.why}" for one in asked if not one.ask]
    lacking += [f"Say why you ask: {one.ask}" for one in asked if not one.why]
    if lacking:
        raise Invalid(public=" ".join(lacking))
    return asked


def _waiting_step(request: tables.requests.Request, policy: Policy, role: Role) -> str:
    """The one step that leads to waiting for the client; empty where there is none, or several."""
    flow = policy.workflow
    found = [
        offer.step.id
        for offer in allowed(flow, ledger.status_of(request, policy), role.value)
        if flow.stage(offer.step.to) is Stage.CLIENT and not offer.asks and not offer.on_behalf
    ]
    return found[0] if len(found) == 1 else ""


def _fields(policy: Policy) -> tuple[Question, ...]:
    """What the policy's updates should tell (R11)."""
    return next((rule.fields for rule in policy.nudges if rule.habit is Habit.UPDATE), ())
