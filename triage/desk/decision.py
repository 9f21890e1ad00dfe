"""Confirm, correct, undo: what an engineer says about a suggestion. Nothing is set before."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from models import tables
from models.errors import Conflict, Invalid, NotFound
from models.terms import TriageState, Verdict
from triage.policy import Policy


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

    *confirmed* if it equals the suggestion in force, else *corrected*. Decided requests are decided
    again only after an undo, or when somebody wrote again.

    Raises:
        NotFound: there is no such request.
        Conflict: somebody changed or decided it since `version`.
        Invalid: the policy has no such type or level.

    """
    request = _held(session, request_id, version)
    if request.state is TriageState.DECIDED and request.follow_up_at is None:
        raise Conflict(f"{request.reference} is decided")
    _check_labels(policy, type, priority)
    suggestion = tables.requests.latest_suggestion(session, request_id)
    agrees = suggestion is not None and (suggestion.type, suggestion.priority) == (type, priority)
    decision = _record(
        session,
        request,
        verdict=Verdict.CONFIRMED if agrees else Verdict.CORRECTED,
        type=type,
        priority=priority,
        reason=reason,
        suggestion_id=suggestion.id if suggestion else None,
        decided_by=engineer,
        decided_at=now,
    )
    request.state = TriageState.DECIDED
    request.decided_type, request.decided_priority, request.decided_at = type, priority, now
    request.follow_up_at = None
    session.flush()
    return decision


def undo(session: Session, request_id: UUID, *, version: int, engineer: str, now: datetime) -> tables.requests.Decision:
    """Take the last decision back: the request waits for a decision again; the history keeps both.

    Raises:
        NotFound: there is no such request.
        Conflict: somebody changed it since `version`, or it is not decided.

    """
    request = _held(session, request_id, version)
    if request.state is not TriageState.DECIDED:
        raise Conflict(f"{request.reference} is not decided", public="There is no decision to undo.")
    undone = _record(session, request, verdict=Verdict.UNDONE, decided_by=engineer, decided_at=now)
    request.state = TriageState.TO_CONFIRM
    request.decided_type = request.decided_priority = request.decided_at = request.follow_up_at = None
    session.flush()
    return undone


def _held(session: Session, request_id: UUID, version: int) -> tables.requests.Request:
    request = tables.requests.fetch_locked(session, request_id)
    if request is None:
        raise NotFound(f"request {request_id}")
    if request.version != version:
        raise Conflict(f"{request.reference} is at version {request.version}, not {version}")
    return request


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
