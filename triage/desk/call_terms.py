"""What a conversation on the telephone asks of the desk: is it urgent, what is due, who took it on, and who did not.

A caller waits for each answer, so none asks the database more than twice or three times.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import false, or_, select
from sqlalchemy.orm import Session

from models import tables
from models.calling import CallTerms, OpenRequest
from models.errors import NotFound
from models.terms import Visibility
from triage import clock
from triage.desk import ledger, outlines
from triage.desk.ledger import Counting
from triage.desk.moves import Act, locked, own
from triage.desk.outlines import Outline
from triage.downgrade import ORDER
from triage.escalation import ACKNOWLEDGED, ASKED, UNREACHED
from triage.nudges import Did
from triage.policy import Policy
from triage.targets import Kind
from triage.workflow import OVER

EASES = frozenset(ORDER) - {"raise"}
"""The moves of a rule that may give a milder level."""
LONGEST_UPDATE = 300
"""Characters of an update that a caller listens to."""
NOT_CONNECTED = "who took the call first was not connected to the caller"
LINK = re.compile(r"<?https?://\S+")


def terms(session: Session, request_id: UUID, now: datetime, *, policies: Mapping[str, Policy]) -> CallTerms:
    """What policy and suggestion say of a caller's request by now, as if the suggestion were confirmed.

    A caller who keyed that production is down is urgent until somebody decides otherwise or a rule of the policy eases
    it: the key outranks what a classifier makes of their words. Two statements at most.

    Raises:
        NotFound: there is no such request.

    """
    said = outlines.outline(session, request_id)
    policy = policies.get(said.policy)
    if policy is None:
        return CallTerms(looks_urgent=False, needs_phone=False, response_due=None)
    # Nobody and nothing has said what it is: there is nothing to count.
    log = ledger.events(session, request_id) if said.is_labelled else ()
    counting = ledger.counting(
        policy, log, decided=said.decided, suggested=said.suggested, received_at=said.received_at
    )
    urgent = counting.level in policy.phone.urgent or (
        not said.decided.under(policy).holds and said.is_down and not _is_eased(policy, said.rule)
    )
    return CallTerms(
        looks_urgent=urgent,
        needs_phone=bool({counting.level, *(policy.phone.urgent[:1] if urgent else ())} & set(policy.phone.contact)),
        response_due=_response_due(policy, counting, now),
    )


def open_request(
    session: Session, request_id: UUID, now: datetime, *, policies: Mapping[str, Policy]
) -> OpenRequest | None:
    """The newest request of the same account that is under way and burns, other than this one; None if there is none.

    It is at an urgent level: decided, or suggested while a caller or an engineer said that everything is down. Two
    statements at most, and one more where there is one.

    Raises:
        NotFound: there is no such request.

    """
    mine = _fetch(session, request_id)
    if mine.account_id is None:
        return None
    for one in _other_requests(session, mine, now, policies):
        policy = policies[one.policy]
        level = one.suggested.level if one.all_down else None
        if one.decided.under(policy).holds:
            level = one.decided.level
        if level is not None and level in policy.phone.urgent:
            return _as_open(session, one, policy, level, mine)
    return None


def taken(
    session: Session, request_id: UUID, name: str, now: datetime, *, logins: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Note that somebody took a caller's request on: ladders stop, and it is theirs if it is nobody's.

    It is nobody's, either, where its owner pressed the key in this call and Twilio could not connect the two. Once for
    each person and call. `logins` are those of the rota's people by name, who may be called otherwise there.

    Raises:
        NotFound: there is no such request.

    """
    source = _last_call(session, request_id)
    request = locked(session, _worked_on(session, request_id).id)
    doing = Act(session=session, request=request, source=f"{source}:{name}", by=name, at=now)
    doing.record(ACKNOWLEDGED, value=name)
    login = _login(session, logins.get(name, name))
    if login and (not request.owner or _was_never_connected(session, request, source)):
        own(doing, login, NOT_CONNECTED if request.owner else "")
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
    burns = any(
        outlines.outline(session, one.id).is_down or terms(session, one.id, now, policies=policies).looks_urgent
        for one in both
    )
    doing = Act(session=session, request=request, source=source, by="", at=now)
    doing.record(UNREACHED if burns else ASKED, note=why)
    doing.noticed()


def _was_never_connected(session: Session, request: tables.requests.Request, call: str) -> bool:
    """Whether the owner became it by a key in this call that no connection followed."""
    row, leg = tables.requests.ClockEvent, tables.reaching.Leg
    handed = (
        select(row).where(row.request_id == request.id, row.event == Did.OWNED).order_by(row.at.desc(), row.id.desc())
    )
    last = session.scalars(handed.limit(1)).first()
    if last is None or last.value != request.owner or not last.source.startswith(f"{call}:"):
        return False
    rung = select(leg.bridged).join(tables.calls.Call, tables.calls.Call.id == leg.call_id)
    theirs = rung.where(
        tables.calls.Call.call_sid == call.removeprefix("call:"), leg.name == last.made_by, leg.taken_at.is_not(None)
    )
    return set(session.scalars(theirs)) == {False}


def _last_call(session: Session, request_id: UUID) -> str:
    """Under what an act of the call that is on the line stands in the log."""
    sid = tables.calls.latest_sid(session, request_id)
    return f"call:{sid}" if sid is not None else "call"


def _fetch(session: Session, request_id: UUID) -> tables.requests.Request:
    request = tables.requests.fetch(session, request_id)
    if request is None:
        raise NotFound(f"request {request_id}")
    return request


def _worked_on(session: Session, request_id: UUID) -> tables.requests.Request:
    """The request itself, or the one it is folded into."""
    request = _fetch(session, request_id)
    return _fetch(session, request.folded_into) if request.folded_into else request


def _is_eased(policy: Policy, rule: str | None) -> bool:
    """Whether a rule of the policy, not the classifier, gave the level that is suggested."""
    found = next((one for one in policy.rules if one.id == rule), None)
    return found is not None and found.effect.move in EASES


def _response_due(policy: Policy, counting: Counting, now: datetime) -> datetime | None:
    """When a person must answer at the latest; None once one has, and where nothing is promised."""
    running = clock.clocks(policy.commitments, counting.events, now)
    waiting = [one for one in running if one.kind is Kind.RESPONSE and one.met_at is None and one.due is not None]
    return min((one.due for one in waiting if one.due is not None), default=None)


def _other_requests(
    session: Session, mine: tables.requests.Request, now: datetime, policies: Mapping[str, Policy]
) -> list[Outline]:
    """The account's other requests that are under way, and decided at an urgent level or at none their policy knows."""
    over = [
        f"{policy.id} {one.value}"
        for policy in policies.values()
        for one in policy.workflow.statuses
        if one.stage in OVER
    ]
    milder = [
        f"{policy.id} {one.value}"
        for policy in policies.values()
        for one in policy.levels
        if one.value not in policy.phone.urgent
    ]
    known = [policy.id for policy in policies.values()]
    return outlines.others(session, mine, now, policies=known, over=over, milder=milder)


def _as_open(
    session: Session, request: Outline, policy: Policy, level: str, caller: tables.requests.Request
) -> OpenRequest:
    """With its news, but for colleagues of whoever raised it, where the policy lets them keep it to themselves."""
    row, whole = tables.requests.ClockEvent, tables.requests.Request
    told = select(row.note, row.at).where(row.request_id == request.id, row.is_public, row.note != "")
    if policy.catalogue is not None:
        theirs = whole.contact_id == caller.contact_id if caller.contact_id else false()
        shared = or_(whole.visibility == Visibility.GROUP, theirs)
        told = told.join(whole, whole.id == row.request_id).where(shared)
    last = session.execute(told.order_by(row.at.desc(), row.id.desc()).limit(1)).first()
    return OpenRequest(
        request=request.id,
        reference=request.reference,
        level=policy.level_label(level),
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
