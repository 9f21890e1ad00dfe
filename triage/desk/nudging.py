"""What somebody should look at: the habits of a policy applied to stored requests. Reads only; nothing is changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, exists, false, func, or_, select
from sqlalchemy.orm import Session

from models import tables
from triage.desk import decision, ledger
from triage.desk.ledger import Labels
from triage.nudges import Did, Habit, Nudge, Record, nudges
from triage.policy import Policy
from triage.timeline import Event
from triage.workflow import OVER, Proposal, proposal

SHOWN = 200
"""How many requests a view of what is left behind holds."""
LOOKED_AT = 2000
"""How many requests are looked at for it: those that have stood where they are for longest."""
REMINDERS = frozenset({"responded", "updated", Did.ASKED_CLIENT.value})
"""Our messages that count as follow-ups while a client is silent."""
CONCERNS = (Did.ACTED.value, Did.OWNED.value, Did.WORKED.value)
"""Entries whose value is an engineer who has had to do with a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftBehind:
    """A request that somebody should look at, and why; `due` is the earliest moment at which something is to be done.

    `level` is the decided one, None before; `owner` is a login, or empty.
    """

    request: UUID
    reference: str
    subject: str
    policy: str
    status: str
    level: str | None
    owner: str
    due: datetime
    nudges: tuple[Nudge, ...]
    proposal: Proposal | None = None


def record_of(session: Session, request: tables.requests.Request, policy: Policy, now: datetime) -> Record:
    """What habits see of a request, up to `now`."""
    return _record(request, policy, ledger.events(session, request.id), now)


def nudges_of(session: Session, request: tables.requests.Request, policy: Policy, now: datetime) -> tuple[Nudge, ...]:
    """Every nudge about a request that is to be seen now; first that its decision does not hold, where it does not."""
    seen = nudges(policy.nudges, record_of(session, request, policy, now), now)
    void = _void(request, policy)
    if void is None:
        return seen
    made = decision.in_force(tables.requests.decisions(session, request.id))
    under = made[-1].policy if made and made[-1].policy else "another policy"
    return (replace(void, text=f"Decided under {under}: decide again.", clause=f"{void.clause} ({policy.ref})"), *seen)


def proposal_of(session: Session, request: tables.requests.Request, policy: Policy, now: datetime) -> Proposal | None:
    """What to do about a client who is silent, or None while there is time (O15, A11: a person confirms)."""
    return _proposal(request, policy, ledger.events(session, request.id), now)


def left_behind(
    session: Session, policies: Mapping[str, Policy], now: datetime, owner: str | None = None
) -> tuple[LeftBehind, ...]:
    """The requests under way that somebody should look at, the most urgent first, at most `SHOWN` (R1, R3).

    `owner` restricts them to what concerns this login: what they own, should own again, or owe a report on. Two
    statements, however many requests.
    """
    requests = _under_way(session, policies, owner)
    logs = _logs(session, [request.id for request in requests])
    found = [_brief(request, policies[request.policy], logs.get(request.id, ()), now) for request in requests]
    seen = [one for one in found if one is not None and (owner is None or _concerns(one, owner))]
    order = {one.request: _severity(policies[one.policy], one.level) for one in seen}
    return tuple(sorted(seen, key=lambda one: (one.due, order[one.request], one.reference))[:SHOWN])


def unserved(session: Session, policies: Mapping[str, Policy]) -> int:
    """How many requests are of packs that are not installed; no view of what is left behind holds them."""
    row = tables.requests.Request
    return session.scalar(select(func.count()).select_from(row).where(row.policy.not_in(policies))) or 0


def _record(request: tables.requests.Request, policy: Policy, log: Iterable[Event], now: datetime) -> Record:
    decided = _decided(request, policy)
    return Record(
        stage=ledger.stage_of(request, policy),
        since=request.status_since or request.received_at,
        level=decided.level,
        type=decided.type,
        owner=request.owner or "",
        events=tuple(event for event in log if event.at <= now),
    )


def _decided(request: tables.requests.Request, policy: Policy) -> Labels:
    """What is decided, as far as the policy in force knows it; any other level counts as not known."""
    return Labels(type=request.decided_type, level=request.decided_priority).under(policy)


def _void(request: tables.requests.Request, policy: Policy) -> Nudge | None:
    """That a request has to be decided again, because the policy in force does not know what was decided."""
    if request.decided_at is None or request.decided_priority is None or _decided(request, policy).holds:
        return None
    return Nudge(
        key=f"{Habit.LEFT_BEHIND}:void:{request.decided_at.isoformat()}",
        habit=Habit.LEFT_BEHIND,
        at=request.follow_up_at or request.decided_at,
        text="Decided under another policy: decide again.",
        clause=f"the policy in force has no {request.decided_type} at {request.decided_priority}",
        assumed=False,
    )


def _proposal(request: tables.requests.Request, policy: Policy, log: Iterable[Event], now: datetime) -> Proposal | None:
    """What was sent at the very moment the status began is the question itself, no reminder of it."""
    since = request.status_since or request.received_at
    reminders = [event.at for event in log if event.kind in REMINDERS and event.at > since]
    return proposal(policy.workflow, ledger.status_of(request, policy), since, reminders, now)


def _brief(
    request: tables.requests.Request, policy: Policy, log: tuple[Event, ...], now: datetime
) -> LeftBehind | None:
    void = _void(request, policy)
    seen = (*((void,) if void else ()), *nudges(policy.nudges, _record(request, policy, log, now), now))
    proposed = _proposal(request, policy, log, now)
    moments = [one.due or one.at for one in seen] + ([proposed.at] if proposed else [])
    if not moments:
        return None
    return LeftBehind(
        request=request.id,
        reference=request.reference,
        subject=request.subject,
        policy=policy.id,
        status=policy.workflow.status_label(ledger.status_of(request, policy)),
        level=_decided(request, policy).level,
        owner=request.owner or "",
        due=min(moments),
        nudges=seen,
        proposal=proposed,
    )


def _concerns(one: LeftBehind, login: str) -> bool:
    return login == one.owner or any(login == nudge.to for nudge in one.nudges)


def _severity(policy: Policy, level: str | None) -> int:
    """A level that is not known counts as the most severe."""
    known = [one.value for one in policy.levels]
    return known.index(level) if level in known else 0


def _under_way(session: Session, policies: Mapping[str, Policy], owner: str | None) -> list[tables.requests.Request]:
    """The requests that are not over, those that stand longest first; of an `owner`: that they had to do with."""
    row, entry = tables.requests.Request, tables.requests.ClockEvent
    states = [
        (policy.id, [one.value for one in policy.workflow.statuses if one.stage in OVER])
        for policy in policies.values()
    ]
    served = or_(false(), *(and_(row.policy == id_, row.status.not_in(over)) for id_, over in states))
    found = select(row).where(row.folded_into.is_(None), served)
    if owner is not None:
        theirs = exists().where(entry.request_id == row.id, entry.event.in_(CONCERNS), entry.value == owner)
        found = found.where(or_(row.owner == owner, theirs))
    return list(session.scalars(found.order_by(row.status_since.asc().nulls_first(), row.id).limit(LOOKED_AT)))


def _logs(session: Session, requests: list[UUID]) -> dict[UUID, tuple[Event, ...]]:
    """The log of each of these requests, in the order things happened, without what only people read."""
    row = tables.requests.ClockEvent
    columns = select(row.request_id, row.event, row.source, row.at, row.value, row.until)
    logs: dict[UUID, list[Event]] = {}
    for request, kind, source, at, value, until in session.execute(
        columns.where(row.request_id.in_(requests)).order_by(row.at, row.id)
    ):
        one = Event(id=f"{kind}:{source}", at=at, kind=kind, value=value, until=until)
        logs.setdefault(request, []).append(one)
    return {request: tuple(log) for request, log in logs.items()}
