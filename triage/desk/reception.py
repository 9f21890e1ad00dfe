"""Take an interaction in: whose is it, which request, what do we suggest. Both doors end here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from models import tables
from models.errors import NotFound
from models.ports import Suggest
from models.terms import (
    Fact,
    Interaction,
    JobKind,
    PartyKind,
    Receipt,
    TriageState,
)
from triage import identity
from triage.policy import Policy
from triage.suggest import as_json

CLOCK_STARTED = "started"


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
        request = _fetch(session, known.request_id)
        return _receipt(session, request, opened=False, reception=reception)
    request = _append_to(session, interaction, reception) or _open(session, interaction, reception)
    row = _store(session, request, interaction)
    _start_clock(session, request, interaction)
    if row.new_text.strip() or row.subject.strip():
        if reception.suggest is None:
            tables.jobs.schedule(session, JobKind.REQUEST_SUGGEST, row.id, now)
        else:
            suggest_for(session, row.id, now, reception=reception)
    return _receipt(session, request, opened=interaction.request is None, reception=reception)


def suggest_for(session: Session, interaction: UUID, now: datetime, *, reception: Reception) -> None:
    """Suggest from everything the request says so far; once for each interaction."""
    cause = session.get(tables.requests.Interaction, interaction)
    if cause is None or reception.suggest is None:
        raise NotFound(f"interaction {interaction}")
    request = _fetch(session, cause.request_id)
    rows = tables.requests.interactions(session, request.id)
    facts = tuple(_fact(fact) for row in rows for fact in row.facts)
    policy = reception.policies[request.policy]
    made = reception.suggest(
        policy=policy.id,
        channel=request.channel,
        subject=request.subject,
        body="\n\n".join(row.new_text for row in rows if row.new_text.strip()),
        language=cause.language,
        facts=facts,
    )
    tables.requests.record_suggestion(session, request.id, cause.source, as_json(made, request.reference), made, now)


def _append_to(session: Session, interaction: Interaction, reception: Reception) -> tables.requests.Request | None:
    if interaction.request is None:
        return None
    request = tables.requests.fetch_locked(session, interaction.request)
    if request is None:
        raise NotFound(f"request {interaction.request}")
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
    if account is None and party and party.kind is PartyKind.ADDRESS and (domain := identity.domain_of(party)):
        account = tables.directory.account_by_domain(session, domain)
    return contact, account


def _store(session: Session, request: tables.requests.Request, interaction: Interaction) -> tables.requests.Interaction:
    row = tables.requests.Interaction(
        request_id=request.id,
        source=interaction.source,
        channel=interaction.channel,
        party=interaction.party.shown if interaction.party else None,
        subject=interaction.subject,
        text=interaction.text,
        new_text=interaction.new_text,
        language=interaction.language,
        note=interaction.note,
        facts=[_fact_json(fact) for fact in interaction.facts],
        received_at=interaction.received_at,
    )
    session.add(row)
    session.flush()
    return row


def _start_clock(session: Session, request: tables.requests.Request, interaction: Interaction) -> None:
    """Start the SLA clock at the earliest moment a request reached an SLA channel; mail starts none."""
    at = interaction.clock_started_at
    if at is None:
        return
    tables.requests.record_clock(session, request.id, CLOCK_STARTED, interaction.source, at)
    if request.clock_started_at is None or at < request.clock_started_at:
        request.clock_started_at = at
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
    )


def _fetch(session: Session, request: UUID) -> tables.requests.Request:
    found = tables.requests.fetch(session, request)
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
