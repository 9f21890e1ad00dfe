"""Confirm, correct, ease, undo: what an engineer says about a suggestion. Nothing is set before."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from models import tables
from models.errors import Conflict, Forbidden, Invalid, NotFound
from models.terms import CallbackOutcome, Role, TriageState, Verdict
from triage.desk import knowledge
from triage.desk.held import held
from triage.policy import Policy
from triage.targets import EventKind


def decide(
    session: Session,
    request_id: UUID,
    *,
    version: int,
    type: str,  # noqa: A002 - the word of the trade
    priority: str,
    reason: str,
    engineer: str,
    policy: Policy,
    now: datetime,
) -> tables.requests.Decision:
    """Record an engineer's decision on the version of the request they saw.

    *confirmed* if it equals the suggestion in force, else *corrected*. A decided request is decided again only
    when somebody wrote again, or to something else.

    Raises:
        NotFound: there is no such request.
        Conflict: somebody changed or decided it since `version`.
        Invalid: the policy has no such type or level.

    """
    request = held(session, request_id, version)
    same = (request.decided_type, request.decided_priority) == (type, priority)
    if request.state is TriageState.DECIDED and request.follow_up_at is None and same:
        raise Conflict(f"{request.reference} is decided")
    _check_labels(policy, type, priority)
    return _set(session, request, policy, now, type=type, priority=priority, reason=reason, decided_by=engineer)


def ease(
    session: Session,
    request_id: UUID,
    *,
    version: int,
    rule: str,
    role: Role,
    engineer: str,
    policy: Policy,
    now: datetime,
) -> tables.requests.Decision:
    """Apply a rule that the policy leaves to certain roles (Parallels, Severity 1 Note #2), and cite it.

    Raises:
        NotFound: there is no such request, or no such rule for it.
        Conflict: somebody changed it since `version`, or the rule does not hold (any more).
        Forbidden: the rule is not this role's to apply.
        Invalid: no type is decided or suggested, so that there is nothing to ease.

    """
    request = held(session, request_id, version)
    found = knowledge.role_rules(session, request, policy=policy)
    offer = next((one for one in found if one.rule.id == rule), None)
    if offer is None:
        raise NotFound(public=f"{policy.name} has no rule {rule!r} that a role may apply to this request.")
    if not offer.open_to(role):
        raise Forbidden(public=f"This needs a decision by: {' or '.join(offer.rule.by)}; you are {role.value}.")
    if any(row.outcome is CallbackOutcome.PLACED for row in tables.progress.callbacks(session, request_id)):
        raise Conflict(public="A call to this customer is under way; wait for its end.")
    if offer.holds is not True or not offer.changes:
        raise Conflict(public=f"The rule does not hold now: {offer.rule.clause}")
    last = tables.requests.latest_suggestion(session, request_id)
    kind = request.decided_type or (last.type if last else None)
    if kind is None:
        raise Invalid(public="Decide the type first: neither a decision nor a suggestion names one.")
    return _set(
        session,
        request,
        policy,
        now,
        type=kind,
        priority=offer.to,
        reason=offer.rule.clause,
        decided_by=engineer,
        rule=rule,
    )


def undo(session: Session, request_id: UUID, *, version: int, engineer: str, now: datetime) -> tables.requests.Decision:
    """Take the last decision back: the one before holds again, if there is one; the history keeps all of them.

    Raises:
        NotFound: there is no such request.
        Conflict: somebody changed it since `version`, or it is not decided.

    """
    request = held(session, request_id, version)
    if request.state is not TriageState.DECIDED:
        raise Conflict(f"{request.reference} is not decided", public="There is no decision to undo.")
    standing = in_force(tables.requests.decisions(session, request_id))[:-1]
    before = standing[-1] if standing else None
    undone = _record(session, request, verdict=Verdict.UNDONE, decided_by=engineer, decided_at=now)
    request.state = TriageState.DECIDED if before else TriageState.TO_CONFIRM
    request.decided_type = before.type if before else None
    request.decided_priority = before.priority if before else None
    request.decided_at = before.decided_at if before else None
    request.follow_up_at = _wrote_after(session, before) if before else None
    _tell_clocks(session, request, undone, _logged_level(session, before) if before else "", now)
    return undone


def in_force(decisions: list[tables.requests.Decision]) -> list[tables.requests.Decision]:
    """The decisions that were not taken back, oldest first; the last one holds."""
    found: list[tables.requests.Decision] = []
    for decision in decisions:
        if decision.verdict is not Verdict.UNDONE:
            found.append(decision)
        elif found:
            found.pop()
    return found


def _wrote_after(session: Session, decision: tables.requests.Decision) -> datetime | None:
    """When somebody wrote after a decision; a request that came back for it comes back again."""
    said = tables.requests.interactions(session, decision.request_id)
    return max((row.received_at for row in said if row.received_at > decision.decided_at), default=None)


def _set(
    session: Session, request: tables.requests.Request, policy: Policy, now: datetime, **values: str
) -> tables.requests.Decision:
    last = tables.requests.latest_suggestion(session, request.id)
    agrees = last is not None and (last.type, last.priority) == (values["type"], values["priority"])
    decision = _record(
        session,
        request,
        verdict=Verdict.CONFIRMED if agrees else Verdict.CORRECTED,
        suggestion_id=last.id if last else None,
        decided_at=now,
        policy=policy.ref,
        policy_digest=policy.digest,
        **values,
    )
    request.state = TriageState.DECIDED
    request.decided_type, request.decided_priority, request.decided_at = decision.type, decision.priority, now
    request.follow_up_at = None
    level = level_in_force(policy, values["type"], values["priority"])
    _tell_clocks(session, request, decision, level, now)
    return decision


def level_in_force(policy: Policy, kind: str, level: str) -> str:
    """The level that clocks and ladders go by: a type that has no priority of its own is answered as the policy says.

    WSO2 §4.1: a priority can be set only for incidents; §3: everything else is answered as Low P4.
    """
    applies = next(one.priority_applies for one in policy.types if one.value == kind)
    clocked = policy.commitments.types.get(kind)
    return level if applies or clocked is None else clocked.as_level or level


def _logged_level(session: Session, decision: tables.requests.Decision) -> str:
    """The level a decision gave the clocks."""
    log = tables.requests.clock_events(session, decision.request_id)
    source = f"decision:{decision.id}"
    return next((row.value for row in log if (row.event, row.source) == (EventKind.LEVEL, source)), "")


def _tell_clocks(
    session: Session,
    request: tables.requests.Request,
    decision: tables.requests.Decision,
    level: str,
    now: datetime,
) -> None:
    """Write what holds from now on into the log, which clocks and ladders are computed from."""
    source, who = f"decision:{decision.id}", decision.decided_by
    for event, value in ((EventKind.TYPE, request.decided_type or ""), (EventKind.LEVEL, level)):
        tables.requests.record_clock(session, request.id, event, source, now, value=value, made_by=who)
    tables.requests.record_clock(session, request.id, "acted", source, now, value=who, made_by=who)
    session.flush()
    tables.requests.wants_attention(session, request.id, now)


def _check_labels(policy: Policy, type_: str, priority: str) -> None:
    for word, value, known in (
        ("type", type_, [each.value for each in policy.types]),
        ("priority", priority, [each.value for each in policy.levels]),
    ):
        if value not in known:
            raise Invalid(public=f"{policy.name} has no {word} {value!r}; it has {', '.join(known)}")


def _record(session: Session, request: tables.requests.Request, **values: object) -> tables.requests.Decision:
    decision = tables.requests.Decision(request_id=request.id, version=request.version, **values)
    request.version += 1
    session.add(decision)
    session.flush()
    return decision
