"""Take an interaction in: whose is it, which request, what do we suggest. Both doors end here."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import tables
from models.errors import NotFound
from models.ports import Suggest
from models.terms import (
    Channel,
    Fact,
    Interaction,
    JobKind,
    JobState,
    Receipt,
    TriageState,
)
from triage import facts
from triage.desk import directory
from triage.policy import Policy
from triage.suggest import as_json

CLOCK_STARTED = "started"
CLOCK_PAUSED = "paused"
CLOCK_RESUMED = "resumed"
PAUSES = (CLOCK_STARTED, CLOCK_PAUSED, CLOCK_RESUMED, "resolved", "reopened")
"""The clock events of which the last one tells whether a clock is paused; others may stand after it."""
REDIRECTED = timedelta(days=7)
"""How long after we told a contact to call or use the portal their call counts as the answer to it."""
GAP = "\n\n"
UNREAD = "unparsed"
"""The note of an interaction whose text could not be read; read at last, the text takes its place."""
AUTOMATIC = "automatic"
"""How the note of an interaction begins that no person wrote: it belongs to its request and says nothing about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """What the desk needs to receive; `suggest` is None where a worker suggests later."""

    policies: Mapping[str, Policy]
    default_policy: str
    support_phone: str = ""
    suggest: Suggest | None = None

    def policy_of(self, account: tables.directory.Account | None) -> Policy:
        """The policy an account is served under, else the default one."""
        named = account.policy if account else None
        return self.policies.get(named or self.default_policy) or self.policies[self.default_policy]


def receive(session: Session, interaction: Interaction, now: datetime, *, reception: Reception) -> Receipt:
    """Open a request or append to one, suggest, and say what the person may be told.

    Safe to call twice: the second call for the same `source` changes nothing and answers the same.
    """
    known = tables.requests.interaction_by_source(session, interaction.source)
    if known is not None:
        return _known(session, known, interaction, now, reception=reception)
    request = _append_to(session, interaction, reception) or _open(session, interaction, reception)
    row = _store(session, request, interaction)
    _start_clock(session, request, interaction)
    if interaction.channel is Channel.PHONE and request.contact_id is not None:
        since = now - REDIRECTED
        tables.requests.note_raised_by(session, request.contact_id, Channel.PHONE, since, now)
    if interaction.request is not None:
        _follow_up(session, request, interaction)
    if (row.new_text.strip() or row.subject.strip()) and not row.note.startswith(AUTOMATIC):
        _ask_for_suggestion(session, row, now, reception=reception)
    return _receipt(session, request, opened=interaction.request is None, reception=reception)


def _known(
    session: Session,
    known: tables.requests.Interaction,
    interaction: Interaction,
    now: datetime,
    *,
    reception: Reception,
) -> Receipt:
    """What was answered before; only a text that could not be read then, and can now, is new."""
    if known.note != UNREAD or interaction.note == UNREAD:
        request = _fetch(session, known.request_id)
        return _receipt(session, request, opened=False, reception=reception)
    request = _held(session, known.request_id)
    first = tables.requests.interactions(session, request.id)[0].id == known.id
    if first:
        request.subject = interaction.subject
        request.party = interaction.party.shown if interaction.party else request.party
        request.party_name = interaction.name
        request.language = interaction.language
    _identify(session, request, interaction, reception)
    if request.state is TriageState.DECIDED:
        request.follow_up_at = now
    for name, value in _columns(interaction).items():
        setattr(known, name, value)
    session.flush()
    _ask_for_suggestion(session, known, now, reception=reception)
    return _receipt(session, request, opened=first, reception=reception)


def _ask_for_suggestion(
    session: Session, row: tables.requests.Interaction, now: datetime, *, reception: Reception
) -> None:
    if reception.suggest is not None:
        suggest_for(session, row.id, now, reception=reception)
        return
    tables.jobs.schedule(session, JobKind.REQUEST_SUGGEST, row.id, now)
    mine = select(tables.jobs.Job).where(
        tables.jobs.Job.kind == JobKind.REQUEST_SUGGEST, tables.jobs.Job.subject == row.id
    )
    job = session.scalars(mine).one()
    if job.state is not JobState.WAITING:
        tables.jobs.reopen(job, now)


def suggest_for(session: Session, interaction: UUID, now: datetime, *, reception: Reception) -> None:
    """Suggest from everything the request says so far; once for each interaction.

    Of two texts that state the same fact the later one counts: "we found a workaround" ends "there is none".
    """
    cause = session.get(tables.requests.Interaction, interaction)
    if cause is None or reception.suggest is None:
        raise NotFound(f"interaction {interaction}")
    request = _fetch(session, cause.request_id)
    rows = tables.requests.interactions(session, request.id)
    body, stated = _said(request.subject, rows)
    policy = reception.policies[request.policy]
    made = reception.suggest(
        policy=policy.id,
        channel=request.channel,
        subject=request.subject,
        body=body,
        language=cause.language,
        facts=stated,
    )
    name = f"{cause.source}:{UNREAD}" if cause.note == UNREAD else cause.source
    tables.requests.record_suggestion(session, request.id, name, as_json(made, request.reference), made, now)


def _said(subject: str, rows: list[tables.requests.Interaction]) -> tuple[str, tuple[Fact, ...]]:
    r"""Every new text in the order of arrival, and the facts stated beside it and in each text after the first.

    Spans count in `f"{subject}\n\n{body}"`, as those of the facts that are read from the whole.
    """
    body, stated = "", []
    for row in sorted(rows, key=lambda each: (each.received_at, each.id)):
        text = row.new_text if row.new_text.strip() else ""
        if body and text:
            start = len(subject) + len(body) + len(GAP)
            stated += [_moved(fact, start) for fact in facts.read("", text)]
        body = GAP.join(filter(None, (body, text)))
        stated += [_fact(fact) for fact in row.facts]
    return body, tuple(stated)


def _moved(fact: Fact, by: int) -> Fact:
    span = (fact.span[0] + by, fact.span[1] + by) if fact.span else None
    return dataclasses.replace(fact, span=span)


def _append_to(session: Session, interaction: Interaction, reception: Reception) -> tables.requests.Request | None:
    if interaction.request is None:
        return None
    request = _held(session, interaction.request)
    if not request.subject and interaction.subject:
        request.subject = interaction.subject
    request.language = request.language or interaction.language
    _identify(session, request, interaction, reception)
    return request


def _open(session: Session, interaction: Interaction, reception: Reception) -> tables.requests.Request:
    contact, account = _whose(session, interaction)
    request = tables.requests.Request(
        channel=interaction.channel,
        subject=interaction.subject,
        policy=reception.policy_of(account).id,
        state=TriageState.TO_CONFIRM,
        account_id=account.id if account else None,
        contact_id=contact.id if contact else None,
        party=interaction.party.shown if interaction.party else None,
        party_name=interaction.name,
        language=interaction.language,
        received_at=interaction.received_at,
    )
    session.add(request)
    session.flush()
    return request


def _identify(
    session: Session, request: tables.requests.Request, interaction: Interaction, reception: Reception
) -> None:
    """Learn whose a request is from a later interaction, where the first one could not tell."""
    contact, account = _whose(session, interaction)
    if request.party is None and interaction.party is not None:
        request.party = interaction.party.shown
    if request.contact_id is None and contact is not None:
        request.contact_id = contact.id
    if request.account_id is None and account is not None:
        request.account_id, request.policy = account.id, reception.policy_of(account).id


def _whose(
    session: Session, interaction: Interaction
) -> tuple[tables.directory.Contact | None, tables.directory.Account | None]:
    """Contact by address or number; account by the contact, a number the caller gave, or the mail domain."""
    party = interaction.party
    contact = tables.directory.contact_by_key(session, party) if party else None
    account = None
    if contact and contact.account_id:
        account = session.get(tables.directory.Account, contact.account_id)
    if account is None and interaction.account_hint:
        account = tables.directory.account_by_number(session, interaction.account_hint)
    if account is None and party:
        account = directory.account_of(session, party)
    return contact, account


def _store(session: Session, request: tables.requests.Request, interaction: Interaction) -> tables.requests.Interaction:
    row = tables.requests.Interaction(request_id=request.id, source=interaction.source, **_columns(interaction))
    session.add(row)
    session.flush()
    return row


def _columns(interaction: Interaction) -> dict[str, Any]:
    return {
        "channel": interaction.channel,
        "party": interaction.party.shown if interaction.party else None,
        "subject": interaction.subject,
        "text": interaction.text,
        "new_text": interaction.new_text,
        "language": interaction.language,
        "note": interaction.note,
        "facts": [_fact_json(fact) for fact in interaction.facts],
        "fields": interaction.fields,
        "received_at": interaction.received_at,
    }


def _start_clock(session: Session, request: tables.requests.Request, interaction: Interaction) -> None:
    """Start the SLA clock at the earliest moment a request reached an SLA channel; mail starts none."""
    at = interaction.clock_started_at
    if at is None:
        return
    tables.requests.record_clock(session, request.id, CLOCK_STARTED, interaction.source, at)
    if request.clock_started_at is None or at < request.clock_started_at:
        request.clock_started_at = at
    session.flush()


def _follow_up(session: Session, request: tables.requests.Request, interaction: Interaction) -> None:
    """A person came back: a decided request is marked, a paused SLA clock runs on; no clock is ever started here."""
    if interaction.note.startswith(AUTOMATIC):
        return
    if request.state is TriageState.DECIDED:
        request.follow_up_at = interaction.received_at
    events = [each for each in tables.requests.clock_events(session, request.id) if each.event in PAUSES]
    last = events[-1] if events else None
    if last is not None and last.event == CLOCK_PAUSED and last.at < interaction.received_at:
        tables.requests.record_clock(session, request.id, CLOCK_RESUMED, interaction.source, interaction.received_at)
    session.flush()


def _receipt(session: Session, request: tables.requests.Request, *, opened: bool, reception: Reception) -> Receipt:
    policy = reception.policies[request.policy]
    suggestion = tables.requests.latest_suggestion(session, request.id)
    top = policy.levels[0].value
    return Receipt(
        request=request.id,
        reference=request.reference,
        opened=opened,
        policy=policy.id,
        policy_name=policy.name,
        sla_channels=policy.sla_channels,
        support_phone=policy.support_phone or reception.support_phone,
        looks_urgent=suggestion is not None and suggestion.priority == top,
        party_known=request.contact_id is not None or request.account_id is not None,
        decided=request.state is TriageState.DECIDED,
    )


def _fetch(session: Session, request: UUID) -> tables.requests.Request:
    found = tables.requests.fetch(session, request)
    if found is None:
        raise NotFound(f"request {request}")
    return found


def _held(session: Session, request: UUID) -> tables.requests.Request:
    """The request, held against other writers until the transaction ends."""
    found = tables.requests.fetch_locked(session, request)
    if found is None:
        raise NotFound(f"request {request}")
    return found


def _fact_json(fact: Fact) -> dict[str, object]:
    span = list(fact.span) if fact.span else None
    return {"name": fact.name, "value": fact.value, "source": fact.source, "evidence": fact.evidence, "span": span}


def _fact(stored: dict[str, object]) -> Fact:
    return Fact(
        name=str(stored["name"]),
        value=str(stored["value"]),
        source=str(stored["source"]),
        evidence=str(stored.get("evidence") or ""),
    )
