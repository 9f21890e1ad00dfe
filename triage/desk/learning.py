"""The way back: engineers' decisions as labelled requests for the next training."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import tables
from models.terms import LabelledRequest, TriageState

DECISION_WEIGHT = 3.0
"""A confirmed request of this customer counts as much as three of the seed corpus."""


def decided_requests(session: Session) -> list[LabelledRequest]:
    """Every decided request with the labels in force, oldest first; undone ones are not among them."""
    rows = session.scalars(
        select(tables.requests.Request)
        .where(tables.requests.Request.state == TriageState.DECIDED)
        .order_by(tables.requests.Request.id)
    )
    return [_labelled(session, row) for row in rows]


def _labelled(session: Session, request: tables.requests.Request) -> LabelledRequest:
    said = tables.requests.interactions(session, request.id)
    return LabelledRequest(
        id=request.reference,
        policy=request.policy,
        channel=request.channel,
        subject=request.subject,
        body="\n\n".join(row.new_text for row in said if row.new_text.strip()),
        type=request.decided_type,
        priority=request.decided_priority,
        weight=DECISION_WEIGHT,
    )
