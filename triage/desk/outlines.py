"""What a conversation needs to know of a request, or of many: one statement on few columns, made once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, case, func, null, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, aggregate_order_by
from sqlalchemy.orm import Session
from sqlalchemy.types import Text

from models.errors import NotFound
from models.tables.requests import REFERENCE_PREFIX, Interaction, Request, Suggestion
from triage.desk.ledger import Labels

ASSERTED = ("caller", "engineer")
"""Who states a fact so that it outranks what a classifier makes of a text."""
MOST = 50
"""How many requests of an account are looked through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What is decided, suggested and stated of a request.

    `facts` are those of the last suggestion that say whether production is down; of a request without one, everything
    that was stated beside what was said. `rule` is the policy's that gave the suggested level, None where none did.
    """

    id: UUID
    reference: str
    policy: str
    received_at: datetime
    decided: Labels
    suggested: Labels
    rule: str | None
    facts: Mapping[str, Mapping[str, Any]]
    is_labelled: bool

    @property
    def all_down(self) -> bool:
        """Whether a person stated that everything is down."""
        return self._stated("down") == "full"

    @property
    def is_down(self) -> bool:
        """Whether a person stated, by key or in the console, that production is down."""
        return self.all_down and self._stated("environment") == "production"

    def _stated(self, name: str) -> str | None:
        fact = self.facts.get(name)
        return str(fact["value"]) if fact is not None and fact["source"] in ASSERTED else None


_LATEST = (
    select(
        Suggestion.id,
        Suggestion.type,
        Suggestion.priority,
        Suggestion.content["priority"]["rule"].astext.label("rule"),
        Suggestion.content["facts"]["down"].label("down"),
        Suggestion.content["facts"]["environment"].label("environment"),
    )
    .where(Suggestion.request_id == Request.id)
    .order_by(Suggestion.id.desc())
    .limit(1)
    .lateral()
)
_STATED = (
    select(func.jsonb_agg(aggregate_order_by(Interaction.facts, Interaction.id), type_=JSONB))
    .where(Interaction.request_id == Request.id)
    .scalar_subquery()
)
_COLUMNS = (
    Request.id,
    Request.number,
    Request.policy,
    Request.version,
    Request.received_at,
    Request.decided_type,
    Request.decided_priority,
    *(_LATEST.c[name] for name in ("type", "priority", "rule", "down", "environment")),
)
_ONE = (
    select(*_COLUMNS, case((_LATEST.c.id.is_(None), _STATED), else_=null()).label("stated"))
    .outerjoin(_LATEST, true())
    .where(Request.id == bindparam("request"))
)
_OTHERS = (
    select(*_COLUMNS, null().label("stated"))
    .outerjoin(_LATEST, true())
    .where(
        Request.account_id == bindparam("account"),
        Request.id != bindparam("request"),
        Request.folded_into.is_(None),
        Request.received_at <= bindparam("now"),
        Request.policy == func.any(bindparam("policies", type_=ARRAY(Text))),
        Request.policy + " " + Request.status != func.all(bindparam("over", type_=ARRAY(Text))),
        or_(
            Request.decided_priority.is_(None),
            Request.decided_type.is_(None),
            Request.policy + " " + Request.decided_priority != func.all(bindparam("milder", type_=ARRAY(Text))),
        ),
    )
    .order_by(Request.received_at.desc(), Request.id.desc())
    .limit(MOST)
)


def outline(session: Session, request: UUID) -> Outline:
    """What is known of a request; one statement.

    Raises:
        NotFound: there is no such request.

    """
    row = session.execute(_ONE, {"request": request}).first()
    if row is None:
        raise NotFound(f"request {request}")
    return _read(row)


def others(
    session: Session,
    mine: Request,
    now: datetime,
    *,
    policies: Collection[str],
    over: Sequence[str],
    milder: Sequence[str],
) -> list[Outline]:
    """The requests of the same account under some policies, the newest first; one statement.

    Left out are this one, folded ones, those in a status of `over`, and those decided at a level of `milder`; both
    are written behind their policy and a space.
    """
    named = {"policies": list(policies), "over": over, "milder": milder}
    found = session.execute(_OTHERS, {"account": mine.account_id, "request": mine.id, "now": now, **named})
    return [_read(row) for row in found]


def _read(row: Row[*tuple[Any, ...]]) -> Outline:
    decided = Labels(type=row.decided_type, level=row.decided_priority)
    suggested = Labels(type=row.type, level=row.priority)
    facts = {"down": row.down, "environment": row.environment}
    if row.stated is not None:
        facts = {fact["name"]: fact for told in row.stated for fact in told}
    return Outline(
        id=row.id,
        reference=f"{REFERENCE_PREFIX}{row.number}",
        policy=row.policy,
        received_at=row.received_at,
        decided=decided,
        suggested=suggested,
        rule=row.rule,
        facts={name: fact for name, fact in facts.items() if fact is not None},
        # Whoever decides, takes back or takes a step raises the version.
        is_labelled=row.version > 1 or decided != Labels() or suggested != Labels(),
    )
