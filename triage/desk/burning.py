"""Requests that turn out to burn when their caller is not on the line any more. Never commits.

A transcript comes minutes after the call, and a suggestion may come seconds too late: whoever heard their reference by
then must not be worse off than whoever was connected.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, and_, exists, func, literal, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from models import tables
from models.tables.calls import Call
from models.tables.reaching import OwedCall
from models.tables.requests import Request, Suggestion
from triage.desk import call_terms, outlines, reachability
from triage.escalation import STOPS, UNREACHED
from triage.policy import Policy

RECENT = timedelta(hours=1)
"""How long after a promise, a suggestion or a decision it is looked at whether a request burns."""
LONGEST_AGO = timedelta(days=1)
"""How long after a call its caller may still be owed one for what has turned out since."""
WHY = "it turned out to burn after the call"
RANG_AGAIN = "they rang again and got through"
"""How a call that was owed is done with where its customer heard a reference, and may have talked to nobody."""
BATCH = 50

_SUGGESTIONS = select(Suggestion).where(Suggestion.request_id == Request.id)
_LATEST = _SUGGESTIONS.order_by(Suggestion.id.desc()).limit(1).lateral()
_MAIN = aliased(Request)
"""The request under which a folded one is worked on."""

Moment = InstrumentedAttribute[datetime]


def owe(
    session: Session, now: datetime, *, policies: Mapping[str, Policy], after: timedelta, automatic: bool
) -> int:  # fmt: skip
    """Owe a call to whoever heard their reference before it was known that it burns; how many there were.

    Not where somebody is at work on the request; nor to whoever said that production is not down, as long as no
    engineer has decided otherwise.
    """
    found = (
        select(Call, Request.id)
        .join(Request, Request.id == Call.request_id)
        .outerjoin(_MAIN, _MAIN.id == Request.folded_into)
        .outerjoin(_LATEST, true())
        .where(
            Call.started_at > now - LONGEST_AGO,
            or_(_LATEST.c.created_at > now - RECENT, Request.decided_at > now - RECENT),
            Call.ended_at.is_not(None),
            Call.answers["reached"].astext.is_(None),
            Call.answers["joined"].astext.is_(None),
            *_may_burn(policies),
            *_is_nobodys(Call.started_at),
            ~_is_promised(),
            ~_is_denied(Call.id),
        )
        .order_by(Call.started_at.desc())
        .limit(BATCH)
        .with_for_update(of=Request, skip_locked=True)
    )
    late = [(call, request) for call, request in session.execute(found) if _burns(session, request, now, policies)]
    made = [
        tables.reaching.owe_call(
            session, request_id=request, call_id=call.id, number=_number(call.answers), why=WHY,
            automatic=automatic, due_at=now + after, made_at=now, made_by="", attempts=0, outcome="",
        )
        for call, request in late
    ]  # fmt: skip
    return sum(key is not None for key in made)


def page(session: Session, now: datetime, *, policies: Mapping[str, Policy]) -> int:
    """Begin the ladders of requests that burn while their caller is owed a call; how many there were.

    Once for each promise, and never where the ladder was begun, or somebody is at work on the request, since it was
    made.
    """
    since = OwedCall.made_at
    found = (
        select(OwedCall.id, Request.id)
        .join(Request, Request.id == OwedCall.request_id)
        .outerjoin(_MAIN, _MAIN.id == Request.folded_into)
        .outerjoin(_LATEST, true())
        .where(
            OwedCall.done_at.is_(None),
            or_(since > now - RECENT, _LATEST.c.created_at > now - RECENT, Request.decided_at > now - RECENT),
            *_may_burn(policies),
            *_is_nobodys(since),
            ~_was_told(since, frozenset({UNREACHED})),
            ~_is_denied(OwedCall.call_id),
        )
        .order_by(since.desc())
        .limit(BATCH)
    )
    burning = [(key, request) for key, request in session.execute(found) if _burns(session, request, now, policies)]
    for key, request in burning:
        why = "it burns, and its caller is owed a call"
        reachability.remind(session, request, f"owed:{key}:burns", why, now, policies)
    return len(burning)


def _may_burn(policies: Mapping[str, Policy]) -> tuple[ColumnElement[bool], ...]:
    """Whether it is worth a closer look: so that requests which do not burn hold up none that does."""
    urgent = [f"{policy.id} {level}" for policy in policies.values() for level in policy.phone.urgent]
    known = [f"{policy.id} {level.value}" for policy in policies.values() for level in policy.levels]
    decided, suggested = (Request.policy + " " + level for level in (Request.decided_priority, _LATEST.c.priority))
    milder = decided == _any([each for each in known if each not in urgent])
    down = _LATEST.c.content["facts"]["down"]
    is_down = and_(down["value"].astext == "full", down["source"].astext.in_(outlines.ASSERTED))
    urgent_now = or_(decided == _any(urgent), suggested == _any(urgent), is_down)
    return milder.is_not(True), urgent_now


def _is_nobodys(since: Moment) -> tuple[ColumnElement[bool], ...]:
    """Whether nobody has a request, or the one it is folded into, and nobody has done anything about it since."""
    return Request.owner.is_(None), _MAIN.owner.is_(None), ~_was_told(since, STOPS)


def _was_told(since: Moment, events: frozenset[str]) -> ColumnElement[bool]:
    """Whether the log of a request has such an entry since a moment; of the one it is folded into, whenever."""
    entry = tables.requests.ClockEvent
    own = and_(entry.request_id == Request.id, entry.at >= since)
    ladder = entry.at >= since if events == {UNREACHED} else true()
    mains = and_(entry.request_id == Request.folded_into, ladder)
    return exists().where(entry.event.in_(events), or_(own, mains))


def _is_promised() -> ColumnElement[bool]:
    """Whether a call is owed for a request, or was for this call: a receipt has made good for none."""
    ours = and_(OwedCall.call_id == Call.id, OwedCall.outcome != RANG_AGAIN)
    still = and_(OwedCall.request_id == Request.id, OwedCall.done_at.is_(None))
    return exists().where(or_(ours, still))


def _is_denied(call: InstrumentedAttribute[UUID] | InstrumentedAttribute[UUID | None]) -> ColumnElement[bool]:
    """Whether the caller said that nothing is down, and nobody has decided: the key outranks what is suggested."""
    row = aliased(Call)
    said = exists().where(row.id == call, row.answers["down"].astext == "no")
    return and_(said, Request.decided_priority.is_(None))


def _any(values: list[str]) -> ColumnElement[str]:
    found: ColumnElement[str] = func.any(literal(values, ARRAY(Text)))
    return found


def _number(answers: Mapping[str, str]) -> str | None:
    """The number to call somebody back on: the one they confirmed, else theirs unless it may not be rung."""
    theirs = None if "barred" in answers else answers.get("caller")
    return answers.get("phone") if answers.get("phone_confirmed") == "yes" else theirs


def _burns(session: Session, request: UUID, now: datetime, policies: Mapping[str, Policy]) -> bool:
    return call_terms.terms(session, request, now, policies=policies).looks_urgent
