"""Whether somebody guesses account numbers and PINs: what was wrong is counted over calls. Never commits.

A call looks one number up at most, the one its caller confirmed, and its answers say whether it was anybody's: nothing
else need be kept. Whoever has guessed too often is not told so.
"""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.tables.calls import Call

MOST, MOST_WITHHELD = 5, 20
"""Wrong numbers within `SPAN` from one telephone, and from all that withhold theirs, before none is looked up."""
SPAN = timedelta(hours=1)
LATEST_CALLS = 3_000
"""How many calls are searched: a caller is waiting."""
REFUSED = "pin_refused"
"""Stands among the answers of a call whose number was not looked up; it counts for nothing."""


def are_spent(session: Session, call: Call, now: datetime) -> bool:
    """Whether this caller has confirmed too many wrong numbers; those of one telephone are counted one by one."""
    caller = call.answers.get("caller", "")
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"guesses of {caller}"))))
    recent = (
        select(Call.id, Call.answers, Call.started_at)
        .where(Call.id != call.id)
        .order_by(Call.id.desc())
        .limit(LATEST_CALLS)
        .subquery()
        .c
    )
    told = recent.answers
    wrong = select(func.count()).where(
        recent.started_at > now - SPAN,
        func.coalesce(told["caller"].astext, "") == caller,
        told["account_confirmed"].astext == "yes",
        told["known"].astext == "no",
        told[REFUSED].astext.is_(None),
    )
    return (session.scalar(wrong) or 0) >= (MOST if caller else MOST_WITHHELD)
