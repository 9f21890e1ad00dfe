"""Reads for lists, shaped for their page: keyset pages, never a raw mail or a recording, never an OFFSET."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, exists, false, func, or_, select, text, true
from sqlalchemy.orm import Session, aliased

from models.tables import calls, directory, mail, requests
from models.terms import Channel, TriageState
from triage.policy import Policy
from triage.workflow import OVER

QUEUE_LIMIT = 300
"""Rows of the queue on a page; whoever is further behind than this needs colleagues, not a longer page."""
COUNT_LIMIT = 1000
SEARCH_TIMEOUT = "5s"
REFERENCE = re.compile(r"(?:SB-)?(\d{1,18})", re.IGNORECASE)


OWN_COLUMNS = (
    "id",
    "number",
    "channel",
    "subject",
    "policy",
    "state",
    "version",
    "party",
    "party_name",
    "language",
    "received_at",
    "clock_started_at",
    "decided_type",
    "decided_priority",
    "decided_at",
    "follow_up_at",
    "status",
    "owner",
)
"""What a line shows of the request's own row. Columns, not rows: whoever decides later must read the row afresh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggested:
    """What a list shows of the suggestion in force; `type` and `priority` are the contract's objects."""

    policy: str
    abstained: bool
    type: dict[str, Any] | None
    priority: dict[str, Any] | None
    model: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """One line of the queue or of a list of requests; `reports` is how many others are folded into it."""

    id: UUID
    number: int
    channel: Channel
    subject: str
    policy: str
    state: TriageState
    version: int
    account: str | None
    contact: str | None
    party: str | None
    party_name: str
    language: str | None
    received_at: datetime
    clock_started_at: datetime | None
    decided_type: str | None
    decided_priority: str | None
    decided_at: datetime | None
    follow_up_at: datetime | None
    status: str
    owner: str | None
    suggestion: Suggested | None
    parent: int | None = None
    reports: int = 0

    @property
    def reference(self) -> str:
        """The number people say: SB-1042."""
        return f"{requests.REFERENCE_PREFIX}{self.number}"

    @property
    def folded_into(self) -> str | None:
        """The number of the request under which this one is worked on, or None where it stands for itself."""
        return f"{requests.REFERENCE_PREFIX}{self.parent}" if self.parent is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list of requests is narrowed to; None narrows nothing. `before` is the last id already seen."""

    state: TriageState | None = None
    channel: Channel | None = None
    account: str | None = None
    message_id: str | None = None
    call_sid: str | None = None
    q: str | None = None
    before: UUID | None = None


def queue(session: Session, channel: Channel | None = None) -> list[Brief]:
    """What waits for a decision, the first one or another, oldest first; at most `QUEUE_LIMIT` rows.

    What is folded into another request waits there.
    """
    row = requests.Request
    waits = or_(row.state == TriageState.TO_CONFIRM, row.follow_up_at.is_not(None))
    found = _briefs().where(waits, row.folded_into.is_(None))
    if channel is not None:
        found = found.where(requests.Request.channel == channel)
    return [_brief(row) for row in session.execute(found.order_by(requests.Request.id).limit(QUEUE_LIMIT))]


def under_way(session: Session, policies: Mapping[str, Policy], owner: str | None = None) -> list[Brief]:
    """What is decided and not over, those to be looked at soonest first; at most `QUEUE_LIMIT` rows.

    `owner` restricts them to what this login owns.
    """
    row = requests.Request
    open_ = [
        and_(
            row.policy == policy.id,
            row.status.not_in([one.value for one in policy.workflow.statuses if one.stage in OVER]),
        )
        for policy in policies.values()
    ]
    found = _briefs().where(row.state == TriageState.DECIDED, row.folded_into.is_(None), or_(false(), *open_))
    if owner is not None:
        found = found.where(row.owner == owner)
    found = found.order_by(row.attention_at.asc().nulls_last(), row.id).limit(QUEUE_LIMIT)
    return [_brief(line) for line in session.execute(found)]


def waiting(session: Session) -> dict[Channel, int]:
    """How many requests wait for a decision, by channel; counting stops at `COUNT_LIMIT`."""
    row = requests.Request
    waits = row.state == TriageState.TO_CONFIRM, row.folded_into.is_(None)
    some = select(row.channel).where(*waits).limit(COUNT_LIMIT).subquery()
    counted = session.execute(select(some.c.channel, func.count()).group_by(some.c.channel))
    return {row[0]: row[1] for row in counted}


def page(session: Session, filters: Filters, limit: int) -> tuple[list[Brief], UUID | None]:
    """Requests newest first, and the id to go on from, None at the end.

    A search that takes longer than `SEARCH_TIMEOUT` is given up as Unavailable.
    """
    session.execute(text(f"set local statement_timeout = '{SEARCH_TIMEOUT}'"))
    found = _narrowed(_briefs(), filters).order_by(requests.Request.id.desc()).limit(limit + 1)
    briefs = [_brief(row) for row in session.execute(found)]
    return briefs[:limit], briefs[limit - 1].id if len(briefs) > limit else None


def brief(session: Session, request: UUID) -> Brief | None:
    """One line, or None."""
    row = session.execute(_briefs().where(requests.Request.id == request)).first()
    return _brief(row) if row else None


def folded(session: Session, request: UUID) -> list[Brief]:
    """The reports that are worked on under a request, oldest first."""
    found = _briefs().where(requests.Request.folded_into == request).order_by(requests.Request.id)
    return [_brief(row) for row in session.execute(found)]


def folded_away(session: Session, some: Iterable[UUID]) -> frozenset[UUID]:
    """Which of these requests are worked on under another one."""
    row = requests.Request
    return frozenset(session.scalars(select(row.id).where(row.id.in_(list(some)), row.folded_into.is_not(None))))


def find(session: Session, name: str) -> UUID | None:
    """The id of the request that this UUID, `SB-1042` or `1042` names, or None.

    Only the id is read, so that whoever decides afterwards locks and reads the row themselves.
    """
    row = requests.Request
    if match := REFERENCE.fullmatch(name):
        return session.scalar(select(row.id).where(row.number == int(match[1])))
    try:
        return session.scalar(select(row.id).where(row.id == UUID(name)))
    except ValueError:
        return None


def policy_of(session: Session, request: UUID) -> str | None:
    """The id of the policy a request is served under, or None where there is no such request."""
    return session.scalar(select(requests.Request.policy).where(requests.Request.id == request))


def pulse(session: Session) -> str:
    """A mark that changes whenever the queue looks different; two small index reads.

    Ids alone would miss a transaction that began first and committed last, so the queue is counted.
    """
    row = requests.Request
    waits = row.state == TriageState.TO_CONFIRM, row.folded_into.is_(None)
    some = select(row.version).where(*waits).order_by(row.id).limit(COUNT_LIMIT).subquery()
    newest = select(row.id).order_by(row.id.desc()).limit(1).scalar_subquery()
    latest = select(requests.Suggestion.id).order_by(requests.Suggestion.id.desc()).limit(1).scalar_subquery()
    count = select(func.count()).select_from(some).scalar_subquery()
    total = select(func.sum(some.c.version)).scalar_subquery()
    return "/".join(str(value) for value in session.execute(select(count, total, newest, latest)).one())


def _narrowed(found: Select[Any], filters: Filters) -> Select[Any]:
    row = requests.Request
    if filters.before is not None:
        found = found.where(row.id < filters.before)
    if filters.state is not None:
        found = found.where(row.state == filters.state)
    if filters.channel is not None:
        found = found.where(row.channel == filters.channel)
    if filters.account:
        account = directory.Account
        named = or_(func.lower(account.name) == filters.account.lower(), account.number == filters.account)
        found = found.where(row.account_id.in_(select(account.id).where(named)))
    if filters.message_id:
        known = mail.Mail.message_id == filters.message_id.strip().strip("<>")
        found = found.where(row.id.in_(select(mail.Mail.request_id).where(known)))
    if filters.call_sid:
        found = found.where(row.id.in_(select(calls.Call.request_id).where(calls.Call.call_sid == filters.call_sid)))
    for word in (filters.q or "").split()[:8]:
        found = found.where(_says(word))
    return found


def _says(word: str) -> Any:
    """Whether a request has this word in what a person would search by."""
    row = requests.Request
    part = "%" + re.sub(r"([\\%_])", r"\\\1", word) + "%"
    spoken = exists().where(requests.Interaction.request_id == row.id, requests.Interaction.new_text.ilike(part))
    places = [column.ilike(part) for column in (row.subject, row.party, row.party_name, directory.Account.name)]
    numbered = [row.number == int(match[1])] if (match := REFERENCE.fullmatch(word)) else []
    return or_(*places, *numbered, spoken)


def _briefs() -> Select[Any]:
    row, said = requests.Request, requests.Suggestion
    parent, child = aliased(row), aliased(row)
    reports = select(func.count()).where(child.folded_into == row.id).correlate(row).scalar_subquery()
    latest = (
        select(
            said.policy.label("suggested_policy"),
            said.artefact,
            said.created_at.label("suggested_at"),
            said.content["type"].label("suggested_type"),
            said.content["priority"].label("suggested_priority"),
            said.content["abstained"].label("abstained"),
        )
        .where(said.request_id == row.id)
        .order_by(said.id.desc())
        .limit(1)
        .lateral("latest")
    )
    return (
        select(
            *(getattr(row, name) for name in OWN_COLUMNS),
            directory.Account.name.label("account"),
            directory.Contact.name.label("contact"),
            parent.number.label("parent"),
            reports.label("reports"),
            latest,
        )
        .outerjoin(parent, parent.id == row.folded_into)
        .outerjoin(directory.Account, directory.Account.id == row.account_id)
        .outerjoin(directory.Contact, directory.Contact.id == row.contact_id)
        .outerjoin(latest, true())
    )


def _brief(found: Any) -> Brief:
    suggested = None
    if found.suggested_at is not None:
        suggested = Suggested(
            policy=found.suggested_policy,
            abstained=bool(found.abstained),
            type=_named(found.suggested_type),
            priority=_named(found.suggested_priority),
            model=found.artefact,
            at=found.suggested_at,
        )
    own = {name: getattr(found, name) for name in (*OWN_COLUMNS, "account", "contact", "parent", "reports")}
    return Brief(**own, suggestion=suggested)


def _named(ranking: dict[str, Any] | None) -> dict[str, Any] | None:
    """A ranking that names something; the contract writes an absent one with a null value."""
    return ranking if ranking and ranking.get("value") else None
