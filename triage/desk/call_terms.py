"""What a conversation on the telephone asks of the desk: is it urgent, what is due, who took it on, and who did not.

A caller waits for each answer, so none asks the database more than a handful of times.
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from models import tables
from models.calling import CallTerms, Consent, OpenRequest
from models.errors import NotFound
from triage import clock
from triage.desk import ledger
from triage.desk.ledger import Counting, Labels
from triage.desk.moves import Act, locked, own
from triage.downgrade import ORDER
from triage.escalation import ACKNOWLEDGED, ASKED, UNREACHED
from triage.phone import RECEIPTS
from triage.policy import Policy
from triage.targets import Kind
from triage.workflow import OVER

ASSERTED = ("caller", "engineer")
"""Who states a fact so that it outranks what a classifier makes of a text."""
EASES = frozenset(ORDER) - {"raise"}
"""The moves of a rule that may give a milder level."""
LONGEST_UPDATE = 300
"""Characters of an update that a caller listens to."""
LINK = re.compile(r"<?https?://\S+")
MOST_OPEN = 50
"""How many open requests of an account are looked through."""


def terms(
    session: Session,
    request_id: UUID,
    now: datetime,
    *,
    policies: Mapping[str, Policy],
    consent: Consent = Consent.ANNOUNCE,
    receipts: Collection[str] = RECEIPTS,
) -> CallTerms:
    """What policy and suggestion say of a caller's request by now, as if the suggestion were confirmed.

    `consent` is meant where the policy names none; `receipts` are the ways the house can send one. A caller who keyed
    that production is down is urgent until somebody decides otherwise or a rule of the policy eases it: the key
    outranks what a classifier makes of their words. Five statements at most.

    Raises:
        NotFound: there is no such request.

    """
    request = _fetch(session, request_id)
    policy = policies.get(request.policy)
    if policy is None:
        return CallTerms(looks_urgent=False, needs_phone=False, consent=consent, receipts=(), response_due=None)
    counting = ledger.counted(session, request, policy)
    urgent = counting.level in policy.phone.urgent or (
        not _is_decided(request, policy) and _is_down(session, request) and not _is_eased(session, request, policy)
    )
    return CallTerms(
        looks_urgent=urgent,
        needs_phone=bool({counting.level, *(policy.phone.urgent[:1] if urgent else ())} & set(policy.phone.contact)),
        consent=policy.phone.recording or consent,
        receipts=tuple(way for way in policy.phone.receipt if way in receipts),
        response_due=_response_due(policy, counting, now),
    )


def open_request(
    session: Session, request_id: UUID, now: datetime, *, policies: Mapping[str, Policy]
) -> OpenRequest | None:
    """The newest request of the same account that is under way and burns, other than this one; None if there is none.

    It is at an urgent level: decided, or suggested while a caller or an engineer said that everything is down. At most
    four statements.

    Raises:
        NotFound: there is no such request.

    """
    mine = _fetch(session, request_id)
    if mine.account_id is None:
        return None
    row = tables.requests.Request
    under_way = or_(*(_may_burn(policy) for policy in policies.values()))
    found = select(row).where(
        row.account_id == mine.account_id, row.id != mine.id, row.folded_into.is_(None), row.received_at <= now
    )
    others = session.scalars(found.where(under_way).order_by(row.received_at.desc(), row.id.desc()).limit(MOST_OPEN))
    candidates = list(others)
    undecided = [one.id for one in candidates if not _is_decided(one, policies[one.policy])]
    guessed = _suggested_down(session, undecided)
    for one in candidates:
        policy = policies[one.policy]
        level = one.decided_priority if one.id not in undecided else guessed.get(one.id)
        if level in policy.phone.urgent:
            return _as_open(session, one, policy.level_label(level))
    return None


def taken(session: Session, request_id: UUID, name: str, now: datetime) -> None:
    """Note that somebody took a caller's request on: ladders stop, and it is theirs if it is nobody's.

    Once for each person and call.

    Raises:
        NotFound: there is no such request.

    """
    source = _last_call(session, request_id)
    request = locked(session, _worked_on(session, request_id).id)
    doing = Act(session=session, request=request, source=f"{source}:{name}", by=name, at=now)
    doing.record(ACKNOWLEDGED, value=name)
    login = _login(session, name)
    if login and not request.owner:
        own(doing, login)
        request.version += 1
    doing.noticed()


def unreached(session: Session, request_id: UUID, why: str, now: datetime, *, policies: Mapping[str, Policy]) -> None:
    """Note that nobody took a caller's call, and begin the policy's ladder; once for each call.

    For a request that burns, or whose caller keyed that production is down, telephones ring until somebody takes it on;
    for any other those are told who may be asked.

    Raises:
        NotFound: there is no such request.

    """
    source = _last_call(session, request_id)
    request = _worked_on(session, request_id)
    both = {one.id: one for one in (_fetch(session, request_id), request)}.values()
    burns = any(_is_down(session, one) or terms(session, one.id, now, policies=policies).looks_urgent for one in both)
    doing = Act(session=session, request=request, source=source, by="", at=now)
    doing.record(UNREACHED if burns else ASKED, note=why)
    doing.noticed()


def _last_call(session: Session, request_id: UUID) -> str:
    """Under what an act of the call that is on the line stands in the log."""
    calls = tables.calls.by_request(session, request_id)
    return f"call:{calls[-1].call_sid}" if calls else "call"


def _fetch(session: Session, request_id: UUID) -> tables.requests.Request:
    request = tables.requests.fetch(session, request_id)
    if request is None:
        raise NotFound(f"request {request_id}")
    return request


def _worked_on(session: Session, request_id: UUID) -> tables.requests.Request:
    """The request itself, or the one it is folded into."""
    request = _fetch(session, request_id)
    return _fetch(session, request.folded_into) if request.folded_into else request


def _is_decided(request: tables.requests.Request, policy: Policy) -> bool:
    return Labels(type=request.decided_type, level=request.decided_priority).under(policy).holds


def _is_down(session: Session, request: tables.requests.Request) -> bool:
    """Whether a person stated, by key or in the console, that production is down."""
    said = tables.requests.latest_suggestion(session, request.id)
    if said is not None:
        facts = said.content["facts"]
    else:
        rows = tables.requests.interactions(session, request.id)
        facts = {fact["name"]: fact for row in rows for fact in row.facts}
    stated = {name: fact["value"] for name, fact in facts.items() if fact["source"] in ASSERTED}
    return stated.get("down") == "full" and stated.get("environment") == "production"


def _is_eased(session: Session, request: tables.requests.Request, policy: Policy) -> bool:
    """Whether a rule of the policy, not the classifier, gave the level that is suggested."""
    said = tables.requests.latest_suggestion(session, request.id)
    rule = next((one for one in policy.rules if said and one.id == said.content["priority"]["rule"]), None)
    return rule is not None and rule.effect.move in EASES


def _response_due(policy: Policy, counting: Counting, now: datetime) -> datetime | None:
    """When a person must answer at the latest; None once one has, and where nothing is promised."""
    running = clock.clocks(policy.commitments, counting.events, now)
    waiting = [one for one in running if one.kind is Kind.RESPONSE and one.met_at is None and one.due is not None]
    return min((one.due for one in waiting if one.due is not None), default=None)


def _may_burn(policy: Policy) -> ColumnElement[bool]:
    """Requests of a policy that are under way, and decided at an urgent level or not decided by a level it knows."""
    row = tables.requests.Request
    over = [status.value for status in policy.workflow.statuses if status.stage in OVER]
    milder = [level.value for level in policy.levels if level.value not in policy.phone.urgent]
    level = or_(row.decided_priority.is_(None), row.decided_priority.not_in(milder), row.decided_type.is_(None))
    return and_(row.policy == policy.id, row.status.not_in(over), level)


def _suggested_down(session: Session, requests: Collection[UUID]) -> Mapping[UUID, str | None]:
    """The level suggested last for each of these requests of which somebody stated that everything is down."""
    row = tables.requests.Suggestion
    latest = (
        select(row.request_id, row.priority, row.content["facts"]["down"].label("down"))
        .where(row.request_id.in_(requests))
        .ext(distinct_on(row.request_id))
        .order_by(row.request_id, row.id.desc())
    )
    return {
        request: level
        for request, level, down in (session.execute(latest) if requests else ())
        if down and down["value"] == "full" and down["source"] in ASSERTED
    }


def _as_open(session: Session, request: tables.requests.Request, level: str) -> OpenRequest:
    row = tables.requests.ClockEvent
    told = select(row.note, row.at).where(row.request_id == request.id, row.is_public, row.note != "")
    last = session.execute(told.order_by(row.at.desc(), row.id.desc()).limit(1)).first()
    return OpenRequest(
        request=request.id,
        reference=request.reference,
        level=level,
        update=_plain(last.note) if last else "",
        updated_at=last.at if last else None,
    )


def _plain(text: str) -> str:
    """What was written as it may be read out: no links, no line breaks, and not too long."""
    spoken = " ".join(LINK.sub("", text).split())
    if len(spoken) <= LONGEST_UPDATE:
        return spoken
    return f"{spoken[: LONGEST_UPDATE - 1].rpartition(' ')[0] or spoken[: LONGEST_UPDATE - 1]}…"


def _login(session: Session, name: str) -> str:
    """The login of the engineer who is called this, by login or by a name that nobody else has; empty if nobody is."""
    row = tables.directory.Engineer
    named = tables.directory.engineer_by_login(session, name)
    if named is not None:
        return named.login if named.disabled_at is None else ""
    found = session.scalars(select(row.login).where(row.name == name, row.disabled_at.is_(None)).limit(2)).all()
    return found[0] if len(found) == 1 else ""
