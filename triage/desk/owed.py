"""Customers who are owed a call: rung by the house when told to, until somebody was spoken to. Never commits.

Nothing that is owed is forgotten: where ringing by itself does not help, it stays open and waits for a person.
Whoever holds a request and what is owed for it takes them in this order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, cast, exists, false, func, literal, or_, select, update
from sqlalchemy.orm import Session, aliased

from models import tables
from models.errors import Invalid, NotFound, SwitchboardError
from models.tables.progress import Callback
from models.tables.reaching import OwedCall
from models.tables.requests import Request
from models.terms import CallbackOutcome
from triage import identity
from triage.desk import burning, knowledge, moves, reachability
from triage.escalation import UNREACHED
from triage.nudges import Did
from triage.policy import Policy
from triage.workflow import OVER

HOUSE = "switchboard"
"""Who places the attempts that nobody of us asked for."""
PROMISED = "owed"
"""The kind of act under which the log of a request keeps that a call was promised, or made."""
LONGEST_REASON = 200
MACHINES = ("", HOUSE)
"""Who makes promises that nobody of us has looked at."""
WANTING = ("reached", "unserved", "resume")
"""The answers of a call that say that its caller wanted a person."""
MOST_A_DAY = 5
"""Calls by itself to one number within a day: whoever leaves somebody else's must not have them flooded."""
OVERDUE = timedelta(minutes=15)
"""How long after a person should have called others are told."""
ONE_AT_A_TIME = 6_203_517_441
"""PostgreSQL advisory lock key of whoever rings: two that look at once must not ring one number twice."""
BUSY = "a call to this number is under way"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redial:
    """How often, and how far apart, the house rings by itself before it leaves that to a person."""

    attempts: int = 3
    apart: timedelta = timedelta(minutes=10)


REDIAL = Redial()


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A call that is owed, as people read it; `attempts` are everybody's since, `last` is how the last one ended.

    `outcome` says why the house does not (any more) ring by itself; empty while it does, or was never to.
    """

    id: UUID
    request: UUID
    reference: str
    subject: str
    account: str
    number: str | None
    why: str
    due_at: datetime
    is_due: bool
    automatic: bool
    made_by: str
    attempts: int
    last: CallbackOutcome | None
    outcome: str


def owe(
    session: Session,
    request_id: UUID,
    *,
    due_at: datetime,
    by: str,
    why: str,
    now: datetime,
    number: str = "",
    automatic: bool = False,
    region: str = "US",
) -> OwedCall:
    """Promise a customer a call; what is owed for the request already is moved to the new promise.

    Without a number it is the one on file when the time comes. `region` is the ISO 3166 country of numbers without a
    country code.

    Raises:
        NotFound: there is no such request.
        Invalid: the moment is past, or the number is none.

    """
    if due_at < now:
        raise Invalid(public="That moment is past.")
    party = identity.number_party(number, region) if number.strip() else None
    if number.strip() and party is None:
        raise Invalid(public=f"{number!r} is no telephone number: write it like +49 30 5550123.")
    request = moves.locked(session, request_id)
    row = tables.reaching.owed_to(session, request_id)
    if row is None:
        row = OwedCall(request_id=request_id, number=None)
        session.add(row)
    row.number = party.value if party else row.number
    row.due_at, row.why, row.automatic = due_at, why.strip()[:LONGEST_REASON], automatic
    row.made_at, row.made_by, row.attempts, row.outcome = now, by, 0, ""
    doing = moves.act(session, request, PROMISED, by=by, now=now)
    doing.record(Did.ACTED, value=by, until=due_at, note=f"a call is owed: {row.why}" if row.why else "a call is owed")
    doing.noticed()
    return row


def settle(session: Session, key: UUID, *, by: str, how: str, now: datetime) -> OwedCall:
    """Mark the call that is owed as made; `key` is its own id, or its request's.

    It is no response to the request: whoever spoke to the customer writes the call down (`reachability.attempt`).

    Raises:
        NotFound: no call is owed there (any more).

    """
    named = session.get(OwedCall, key)
    request = tables.requests.fetch_locked(session, named.request_id if named else key)
    row = tables.reaching.owed_to(session, request.id) if request else None
    if request is None or row is None or (named is not None and named.id != row.id):
        raise NotFound(public="No call is owed there any more.")
    _close(row, by, how.strip()[:LONGEST_REASON] or "done", now)
    doing = moves.act(session, request, PROMISED, by=by, now=now)
    doing.record(Did.ACTED, value=by, note=f"the call that was owed: {row.outcome}")
    doing.noticed()
    return row


def due(
    session: Session, now: datetime, *, policies: Mapping[str, Policy], region: str, batch: int = 20,
    redial: Redial = REDIAL,
) -> int:  # fmt: skip
    """Ring whom the house owes a call by now, and close what is owed for requests that are over; how many there were.

    One attempt at a time, never while somebody else's to the same customer or number is under way. What cannot be rung,
    or was not reached, is left to a person; where none calls in time, the policy's ladder begins. For beat: a request
    that another process holds is left to it.
    """
    done = _close_over(session, now, policies) + _remind(session, now, policies, batch)
    done += burning.page(session, now, policies=policies)
    if not session.scalar(select(func.pg_try_advisory_xact_lock(ONE_AT_A_TIME))):
        return done
    attempt = Callback
    busy = exists().where(
        or_(
            and_(
                or_(attempt.request_id == OwedCall.request_id, attempt.number == OwedCall.number),
                attempt.outcome == CallbackOutcome.PLACED,
            ),
            and_(
                attempt.request_id == OwedCall.request_id,
                attempt.placed_at > now - redial.apart,
                attempt.placed_at >= OwedCall.made_at,
            ),
            and_(
                attempt.number == OwedCall.number,
                attempt.placed_by == HOUSE,
                attempt.placed_at > now - redial.apart,
            ),
        )
    )
    waiting = select(OwedCall.id, Request).join(Request, Request.id == OwedCall.request_id)
    mine = waiting.where(OwedCall.done_at.is_(None), OwedCall.automatic, OwedCall.due_at <= now, ~busy)
    ordered = mine.order_by(OwedCall.due_at, OwedCall.id).limit(batch)
    found = session.execute(ordered.with_for_update(of=Request, skip_locked=True)).all()
    for _, request in found:
        row = tables.reaching.owed_to(session, request.id)
        if row is not None and row.automatic and row.due_at <= now:
            _ring(session, row, now, region, redial)
    session.flush()
    return done + len(found)


def leave_to_people(session: Session, made_before: datetime, why: str) -> int:
    """Have people ring whom the house promised a call until a moment, and say why; how many there were."""
    mine = OwedCall.done_at.is_(None), OwedCall.automatic, OwedCall.made_at <= made_before
    held = select(OwedCall.id).where(*mine).order_by(OwedCall.id).with_for_update(skip_locked=True)
    left = update(OwedCall).where(OwedCall.id.in_(held.scalar_subquery())).values(automatic=False, outcome=why)
    return len(session.scalars(left.returning(OwedCall.id)).all())


def answered_by_call(session: Session, call: tables.calls.Call, now: datetime) -> int:
    """Close what is owed to a caller who rang again and got through, to a receipt or a person; how many there were.

    It is theirs if it is owed to the number they call from, or to a call from it, or for the request of this call: not
    if it is merely of their account, for a colleague's call is not theirs, and anybody may key an account's number, or
    another's telephone. Whoever wanted a person, or has what burns, is done with only by a talk: a receipt is none.
    What this very call is owed, and what a person of ours promised, stands.
    """
    caller, first = identity.number_party(call.from_number, ""), tables.calls.Call
    called_from = exists().where(first.id == OwedCall.call_id, first.from_number == call.from_number)
    theirs = or_(OwedCall.number == caller.value, called_from) if caller else false()
    others = or_(OwedCall.call_id.is_(None), OwedCall.call_id != call.id)
    open_ = select(OwedCall).where(OwedCall.done_at.is_(None), others, OwedCall.made_by.in_(MACHINES))
    open_ = open_.where(theirs | (OwedCall.request_id == call.request_id))
    if call.answers.get("reached") != "yes":
        open_ = open_.where(~_wanted_a_person())
    rows = list(session.scalars(open_.order_by(OwedCall.id).with_for_update()))
    for row in rows:
        _close(row, HOUSE, burning.RANG_AGAIN, now)
    session.flush()
    return len(rows)


def _wanted_a_person() -> ColumnElement[bool]:
    """Whether a call is owed to somebody who wanted, or was promised, a person, or for what telephones ring for."""
    entry, first, attempt = tables.requests.ClockEvent, tables.calls.Call, Callback
    rung = select(entry.id).join(Request, entry.request_id == func.coalesce(Request.folded_into, Request.id))
    rung = rung.where(Request.id == OwedCall.request_id, entry.event == UNREACHED).correlate(OwedCall)
    asked = or_(first.step == "connect", *(first.answers[name].astext.is_not(None) for name in WANTING))
    answered = exists().where(attempt.request_id == OwedCall.request_id, attempt.key_pressed.is_not(None))
    return or_(rung.exists(), exists().where(first.id == OwedCall.call_id, asked), answered)


def listing(session: Session, now: datetime) -> list[Owed]:
    """Every call that is owed, the earliest due first."""
    account = tables.directory.Account
    since = Callback.request_id == OwedCall.request_id, Callback.placed_at >= OwedCall.made_at
    last = select(Callback.outcome).where(*since).order_by(Callback.placed_at.desc(), Callback.id.desc()).limit(1)
    made = select(func.count()).where(*since).scalar_subquery()
    found = select(OwedCall, Request, account.name, last.scalar_subquery(), made).join(
        Request, Request.id == OwedCall.request_id
    )
    open_ = found.outerjoin(account, account.id == Request.account_id).where(OwedCall.done_at.is_(None))
    rows = session.execute(open_.order_by(OwedCall.due_at, OwedCall.id))
    return [
        Owed(
            id=row.id,
            request=request.id,
            reference=request.reference,
            subject=request.subject,
            account=name or "",
            number=row.number,
            why=row.why,
            due_at=row.due_at,
            is_due=row.due_at <= now,
            automatic=row.automatic,
            made_by=row.made_by,
            attempts=made_since,
            last=ended,
            outcome=row.outcome,
        )
        for row, request, name, ended, made_since in rows
    ]


def _ring(session: Session, row: OwedCall, now: datetime, region: str, redial: Redial) -> None:
    """One attempt more, later, or none: then a person must."""
    if row.attempts >= redial.attempts:
        _leave(row, f"not reached in {row.attempts} attempts")
        return
    request = moves.locked(session, row.request_id)
    by_machine = row.made_by in MACHINES
    number = _vouched(session, row, request) if by_machine else _given(session, row, request, region)
    if by_machine and not number:
        _leave(row, "no number that they confirmed, or that is in the directory: a machine rings no other")
        return
    obstacle = _obstacle(session, row, number, now, redial)
    if obstacle == BUSY:
        return
    try:
        if obstacle:
            raise Invalid(public=obstacle)
        reachability.call_back(session, row.request_id, engineer=HOUSE, now=now, region=region, number=number)
    except SwitchboardError as error:
        _leave(row, error.public)
    else:
        row.attempts += 1


def _vouched(session: Session, row: OwedCall, request: Request) -> str:
    """The number that a machine may ring for what is owed: the one they left if it is such a one, else another."""
    known = knowledge.vouched_numbers(session, request)
    return row.number if row.number in known and row.number else next(iter(known), "")


def _given(session: Session, row: OwedCall, request: Request, region: str) -> str:
    """The number that a person of ours promised to call, else the one on file; empty where it is none."""
    on_file = knowledge.contact_number(session, request)
    party = identity.number_party(row.number or (on_file.value if on_file else ""), region)
    return party.value if party else ""


def _obstacle(session: Session, row: OwedCall, number: str, now: datetime, redial: Redial) -> str:
    """Why no attempt is made: BUSY if it may be later, else why a person must; empty where one is."""
    same = Callback.request_id == row.request_id
    rung = and_(Callback.number == number, Callback.placed_by == HOUSE) if number else literal(False)
    under_way = or_(same, Callback.number == number) & (Callback.outcome == CallbackOutcome.PLACED)
    lately = rung & (Callback.placed_at > now - redial.apart)
    if session.scalar(select(exists().where(or_(under_way, lately)))):
        return BUSY
    today = select(func.count()).where(rung, Callback.placed_at > now - timedelta(days=1))
    calls = session.scalar(today.select_from(Callback)) or 0
    return f"{calls} calls went to this number today" if calls >= MOST_A_DAY else ""


def _leave(row: OwedCall, why: str) -> None:
    row.automatic, row.outcome = False, why


def _close_over(session: Session, now: datetime, policies: Mapping[str, Policy]) -> int:
    """Close what is owed for requests that are over, or whose parent is; how many there were.

    That a request is worked on under another one closes nothing: whoever called for it was promised a call.
    """
    parent = aliased(Request)
    over = [
        and_(one.policy == policy.id, one.status.in_(ends))
        for policy in policies.values()
        if (ends := [status.value for status in policy.workflow.statuses if status.stage in OVER])
        for one in (Request, parent)
    ]
    found = select(Request).join(OwedCall, OwedCall.request_id == Request.id)
    found = found.outerjoin(parent, parent.id == Request.folded_into)
    ended = found.where(OwedCall.done_at.is_(None), or_(literal(False), *over)).order_by(Request.id)
    requests = list(session.scalars(ended.with_for_update(of=Request, skip_locked=True)))
    for request in requests:
        row = tables.reaching.owed_to(session, request.id)
        if row is not None:
            _close(row, HOUSE, "the request is over", now)
    return len(requests)


def _remind(session: Session, now: datetime, policies: Mapping[str, Policy], batch: int) -> int:
    """Begin the ladders of requests whose customers wait for a person's call for too long; how many there were.

    Once for each promise, and never while the customer is spoken to.
    """
    entry, attempt = tables.requests.ClockEvent, Callback
    main = func.coalesce(Request.folded_into, Request.id)
    source = literal("owed:").concat(cast(OwedCall.id, Text)).concat(":")
    told = exists().where(entry.request_id == main, entry.source.startswith(source), entry.at > OwedCall.due_at)
    talks = exists().where(attempt.request_id == Request.id, attempt.ended_at.is_(None))
    found = select(OwedCall.id, OwedCall.due_at, Request.id).join(Request, Request.id == OwedCall.request_id)
    late = found.where(OwedCall.done_at.is_(None), ~OwedCall.automatic, OwedCall.due_at < now - OVERDUE, ~told, ~talks)
    ordered = late.order_by(OwedCall.due_at, OwedCall.id).limit(batch)
    rows = session.execute(ordered).all()
    for key, due_at, request in rows:
        once = f"owed:{key}:{due_at:%Y%m%dT%H%M%S}"
        reachability.remind(session, request, once, "a call that is owed is overdue", now, policies)
    return len(rows)


def _close(row: OwedCall, by: str, how: str, now: datetime) -> None:
    row.done_at, row.done_by, row.outcome = now, by, how
