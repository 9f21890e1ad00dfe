"""Requests that turn out to burn when their caller is not on the line any more. Never commits.

A transcript comes minutes after the call, and a suggestion may come seconds too late: whoever heard their reference by
then must not be worse off than whoever was connected.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, exists, func, literal, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from models import tables
from models.tables.calls import Call
from models.tables.reaching import OwedCall
from models.tables.requests import Request, Suggestion
from triage.desk import call_terms, reachability
from triage.escalation import ACKNOWLEDGED, UNREACHED
from triage.policy import Policy

RECENT = timedelta(hours=1)
"""How long after a promise, a suggestion or a decision it is looked at whether a request burns."""
LONGEST_AGO = timedelta(days=1)
"""How long after a call its caller may still be owed one for what has turned out since."""
WHY = "it turned out to burn after the call"

_LATEST = (
    select(Suggestion).where(Suggestion.request_id == Request.id).order_by(Suggestion.id.desc()).limit(1).lateral()
)


def owe(
    session: Session, now: datetime, *, policies: Mapping[str, Policy], after: timedelta, automatic: bool,
    batch: int = 20,
) -> int:  # fmt: skip
    """Owe a call to whoever heard their reference before it was known that it burns; how many there were.

    Not to whoever said that production is not down, nor where somebody has taken the request on.
    """
    promised = exists().where(OwedCall.call_id == Call.id)
    found = (
        select(Call, Request.id)
        .join(Request, Request.id == Call.request_id)
        .outerjoin(_LATEST, true())
        .where(
            Call.started_at > now - LONGEST_AGO,
            or_(_LATEST.c.created_at > now - RECENT, Request.decided_at > now - RECENT),
            _may_burn(policies),
            Call.ended_at.is_not(None),
            Call.answers["reached"].astext.is_(None),
            Call.answers["joined"].astext.is_(None),
            Call.answers["down"].astext.is_distinct_from("no"),
            Request.owner.is_(None),
            ~_was_told(Call.started_at, ACKNOWLEDGED),
            ~promised,
        )
        .order_by(Call.started_at.desc())
        .limit(batch)
    )
    late = [(call, request) for call, request in session.execute(found) if _burns(session, request, now, policies)]
    for call, request in late:
        tables.reaching.owe_call(
            session, request_id=request, call_id=call.id, number=_number(call.answers), why=WHY,
            automatic=automatic, due_at=now + after, made_at=now, made_by="", attempts=0, outcome="",
        )  # fmt: skip
    return len(late)


def page(session: Session, now: datetime, *, policies: Mapping[str, Policy], batch: int = 20) -> int:
    """Begin the ladders of requests that burn while their caller is owed a call; how many there were.

    Once for each promise, and never where the ladder was begun, or somebody took the request on, since it was made.
    """
    found = (
        select(OwedCall.id, Request.id)
        .join(Request, Request.id == OwedCall.request_id)
        .outerjoin(_LATEST, true())
        .where(
            OwedCall.done_at.is_(None),
            OwedCall.made_at > now - RECENT,
            _may_burn(policies),
            ~_was_told(OwedCall.made_at, UNREACHED, ACKNOWLEDGED),
        )
        .order_by(OwedCall.made_at.desc())
        .limit(batch)
    )
    burning = [(key, request) for key, request in session.execute(found) if _burns(session, request, now, policies)]
    for key, request in burning:
        why = "it burns, and its caller is owed a call"
        reachability.remind(session, request, f"owed:{key}:burns", why, now, policies)
    return len(burning)


def _may_burn(policies: Mapping[str, Policy]) -> ColumnElement[bool]:
    """Whether it is worth a closer look: so that requests which do not burn hold up none that does."""
    urgent = [f"{policy.id} {level}" for policy in policies.values() for level in policy.phone.urgent]
    levels = (Request.decided_priority, _LATEST.c.priority)
    any_urgent = func.any(literal(urgent, ARRAY(Text)))
    is_down = _LATEST.c.content["facts"]["down"]["value"].astext == "full"
    return or_(*(Request.policy + " " + level == any_urgent for level in levels), is_down)


def _was_told(since: ColumnElement[datetime] | InstrumentedAttribute[datetime], *events: str) -> ColumnElement[bool]:
    """Whether the log of a request, or of the one it is folded into, has such an entry since a moment."""
    entry = tables.requests.ClockEvent
    main = func.coalesce(Request.folded_into, Request.id)
    return exists().where(entry.request_id == main, entry.event.in_(events), entry.at >= since)


def _number(answers: Mapping[str, str]) -> str | None:
    """The number to call somebody back on: the one they confirmed, else theirs unless it may not be rung."""
    theirs = None if "barred" in answers else answers.get("caller")
    return answers.get("phone") if answers.get("phone_confirmed") == "yes" else theirs


def _burns(session: Session, request: UUID, now: datetime, policies: Mapping[str, Policy]) -> bool:
    return call_terms.terms(session, request, now, policies=policies).looks_urgent
