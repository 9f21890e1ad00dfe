"""Take an interaction in: whose is it, which request, what do we suggest. Both doors end here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from models import tables
from models.errors import NotFound, Unavailable
from models.ports import Suggest
from models.terms import (
    Channel,
    Fact,
    Interaction,
    JobKind,
    Receipt,
    TriageState,
    Visibility,
)
from triage.desk import directory, folding, suggesting
from triage.desk.client import client_wrote
from triage.desk.ledger import policy_of_request
from triage.desk.moves import wrote_again
from triage.desk.standing import BY_PIN, Standing, append, standing
from triage.policy import Policy
from triage.targets import EventKind

VISIBILITY = "visibility"
"""The form's field that says who of the customer's people may see a request."""
REDIRECTED = timedelta(days=7)
"""How long after we told a contact to call or use the portal their call counts as the answer to it."""
UNREAD = "unparsed"
"""The note of an interaction whose text could not be read; read at last, the text takes its place."""
AUTOMATIC = "automatic"
"""How the note of an interaction begins that no person wrote: it belongs to its request and says nothing about it."""
CODE = re.compile(rf"(?<!\d)\d{{{directory.PIN_DIGITS}}}(?!\d)")
"""Digits in a note that may be a PIN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """What the desk needs to receive; `suggest` is None where a worker suggests later.

    `pin_key` is the key of the accounts' PINs; without one there are none.
    """

    policies: Mapping[str, Policy]
    default_policy: str
    support_phone: str = ""
    suggest: Suggest | None = None
    pin_key: bytes = b""

    def policy_of(self, account: tables.directory.Account | None) -> Policy:
        """The policy an account is served under, else the default one."""
        named = account.policy if account else None
        return self.policies.get(named or self.default_policy) or self.policies[self.default_policy]


def receive(session: Session, interaction: Interaction, now: datetime, *, reception: Reception) -> Receipt:
    """Open a request or append to one, suggest, and say what the person may be told.

    Safe to call twice: the second call for the same `source` changes nothing and answers the same. A PIN is never
    stored.
    """
    interaction = _without_pin(session, interaction, reception)
    if interaction.request is None:
        return _open(session, interaction, now, reception=reception)
    return _append(session, interaction, interaction.request, now, reception=reception)


def _open(session: Session, interaction: Interaction, now: datetime, *, reception: Reception) -> Receipt:
    known = tables.requests.interaction_by_source(session, interaction.source)
    if known is not None:
        return _known(session, known, interaction, now, reception=reception)
    contact, account = _whose(session, interaction, reception)
    request = _opened(session, interaction, contact, account, now, reception)
    row = tables.requests.add_interaction(session, request.id, interaction.source, _columns(interaction))
    if row is None:
        raise Unavailable(f"{interaction.source} is being taken in at this moment")
    _note_arrival(session, request, interaction, now)
    _ask_for_suggestion(session, interaction, row, now, reception=reception)
    found = _since(session, request, Standing(by_pin=interaction.note == BY_PIN), reception)
    return _receipt(request, interaction, found, opened=True, contact=contact, reception=reception)


def _append(
    session: Session, interaction: Interaction, request_id: UUID, now: datetime, *, reception: Reception
) -> Receipt:
    request = _held(session, request_id)
    made = append(session, request_id, interaction.source, _columns(interaction))
    if made is None:
        known = tables.requests.interaction_by_source(session, interaction.source)
        if known is None:
            raise Unavailable(f"{interaction.source} is being taken in at this moment")
        return _known(session, known, interaction, now, reception=reception)
    row, before = made
    if not request.subject and interaction.subject:
        request.subject = interaction.subject
    request.language = request.language or interaction.language
    contact = _identify(session, request, interaction, reception)
    _note_arrival(session, request, interaction, now)
    _ask_for_suggestion(session, interaction, row, now, reception=reception)
    found = _since(session, request, before, reception)
    _follow_up(session, request, interaction, found, now, reception=reception)
    session.flush()
    return _receipt(request, interaction, found, opened=False, contact=contact, reception=reception)


def _note_arrival(session: Session, request: tables.requests.Request, interaction: Interaction, now: datetime) -> None:
    if interaction.clock_started_at is not None:
        _start_clock(session, request, interaction, interaction.clock_started_at, now)
    if interaction.channel is Channel.PHONE and request.contact_id is not None:
        since = now - REDIRECTED
        tables.redirections.note_raised_by(session, request.contact_id, Channel.PHONE, since, now)


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
        request, party = _fetch(session, known.request_id), interaction.party
        contact = tables.directory.contact_by_key(session, party) if party and request.contact_id else None
        found = standing(session, request.id, interaction.source)
        return _receipt(request, interaction, found, opened=False, contact=contact, reception=reception)
    request = _held(session, known.request_id)
    first = tables.requests.interactions(session, request.id)[0].id == known.id
    if first:
        request.subject = interaction.subject
        request.party = interaction.party.shown if interaction.party else request.party
        request.party_name = interaction.name
        request.language = interaction.language
    contact = _identify(session, request, interaction, reception)
    if request.state is TriageState.DECIDED:
        request.follow_up_at = now
    for name, value in _columns(interaction).items():
        setattr(known, name, value)
    session.flush()
    _suggest(session, known.id, interaction, now, reception=reception)
    found = standing(session, request.id, interaction.source)
    return _receipt(request, interaction, found, opened=first, contact=contact, reception=reception)


def _ask_for_suggestion(
    session: Session, interaction: Interaction, row: UUID, now: datetime, *, reception: Reception
) -> None:
    """Have a new interaction that says something suggested from."""
    says = interaction.new_text.strip() or interaction.subject.strip()
    if says and not interaction.note.startswith(AUTOMATIC):
        _suggest(session, row, interaction, now, reception=reception)


def _suggest(session: Session, row: UUID, interaction: Interaction, now: datetime, *, reception: Reception) -> None:
    if reception.suggest is not None:
        session.flush()
        suggest_for(session, row, now, reception=reception)
    else:
        is_waited_for = interaction.channel is Channel.PHONE
        due = now - tables.jobs.AHEAD if is_waited_for else now
        tables.jobs.schedule_anew(session, JobKind.REQUEST_SUGGEST, row, due)


def _since(session: Session, request: tables.requests.Request, before: Standing, reception: Reception) -> Standing:
    """Where a request stands, where something may have been suggested at once since."""
    if reception.suggest is None:
        return before
    made = tables.requests.latest_suggestion(session, request.id)
    return replace(before, suggested=made.priority if made else None)


def suggest_for(session: Session, interaction: UUID, now: datetime, *, reception: Reception) -> None:
    """Suggest from everything the request says so far; once for each interaction."""
    cause = session.get(tables.requests.Interaction, interaction)
    if cause is None or reception.suggest is None:
        raise NotFound(f"interaction {interaction}")
    name = f"{cause.source}:{UNREAD}" if cause.note == UNREAD else cause.source
    suggesting.suggest_again(
        session, cause.request_id, name, now, policies=reception.policies, suggest=reception.suggest
    )


def _opened(
    session: Session,
    interaction: Interaction,
    contact: tables.directory.Contact | None,
    account: tables.directory.Account | None,
    now: datetime,
    reception: Reception,
) -> tables.requests.Request:
    policy = reception.policy_of(account)
    is_clocked = interaction.clock_started_at is not None or interaction.channel in policy.sla_channels
    request = tables.requests.Request(
        channel=interaction.channel,
        subject=interaction.subject,
        policy=policy.id,
        state=TriageState.TO_CONFIRM,
        account_id=account.id if account else None,
        contact_id=contact.id if contact else None,
        party=interaction.party.shown if interaction.party else None,
        party_name=interaction.name,
        language=interaction.language,
        received_at=interaction.received_at,
        visibility=_visibility(policy, interaction),
        clock_started_at=interaction.clock_started_at,
        attention_at=now if is_clocked else None,
    )
    session.add(request)
    session.flush()
    return request


def _visibility(policy: Policy, interaction: Interaction) -> Visibility:
    """Who may see a new request: as its form says, else the policy's default; private where the policy has none."""
    if policy.catalogue is None:
        return Visibility.PRIVATE
    said = interaction.fields.get(VISIBILITY, "")
    return Visibility(said) if said in set(Visibility) else policy.catalogue.visibility


def _identify(
    session: Session, request: tables.requests.Request, interaction: Interaction, reception: Reception
) -> tables.directory.Contact | None:
    """Learn whose a request is from a later interaction, where the first one could not tell; whose that one is."""
    contact, account = _whose(session, interaction, reception)
    if request.party is None and interaction.party is not None:
        request.party = interaction.party.shown
    if request.contact_id is None and contact is not None:
        request.contact_id = contact.id
    if request.account_id is None and account is not None:
        request.account_id = account.id
        _serve_under(request, reception.policy_of(account), interaction.received_at)
    return contact


def _serve_under(request: tables.requests.Request, policy: Policy, at: datetime) -> None:
    """Serve a request under the policy its account turned out to have; what was decided has to be decided again."""
    if request.policy == policy.id:
        return
    request.policy = policy.id
    wrote_again(request, at)
    if request.clock_started_at is not None:
        tables.requests.attend(request, at)


def _without_pin(session: Session, interaction: Interaction, reception: Reception) -> Interaction:
    """The interaction with a note that tells no PIN, whoever wrote it there."""
    key = reception.pin_key
    if interaction.account_hint and directory.is_pin(session, interaction.account_hint, key):
        return replace(interaction, note=BY_PIN)
    note = interaction.note
    for code in set(CODE.findall(note)) - {interaction.account_hint} if key else ():
        if directory.is_pin(session, code, key):
            note = note.replace(code, "(a PIN)")
    return replace(interaction, note=note)


def _whose(
    session: Session, interaction: Interaction, reception: Reception
) -> tuple[tables.directory.Contact | None, tables.directory.Account | None]:
    """Contact by address or number; account by the contact, a number or PIN the caller gave, or the mail domain."""
    party = interaction.party
    contact, account = (tables.directory.contact_and_account(session, party) if party else None) or (None, None)
    if account is None and interaction.account_hint:
        found = directory.account_by_code(session, interaction.account_hint, reception.pin_key)
        account = found[0] if found else None
    if account is None and party:
        account = directory.account_of(session, party)
    return contact, account


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
        "confidence": interaction.confidence,
        "received_at": interaction.received_at,
    }


def _start_clock(
    session: Session, request: tables.requests.Request, interaction: Interaction, at: datetime, now: datetime
) -> None:
    """Start the SLA clock at the earliest moment a request reached an SLA channel; mail starts none."""
    tables.requests.record_clock(
        session, request.id, EventKind.STARTED, interaction.source, at, value=interaction.channel
    )
    if request.clock_started_at is None or at < request.clock_started_at:
        request.clock_started_at = at
    tables.requests.attend(request, now)


def _follow_up(
    session: Session,
    request: tables.requests.Request,
    interaction: Interaction,
    found: Standing,
    now: datetime,
    *,
    reception: Reception,
) -> None:
    """A person came back: a decided request is marked, and their message does what it does in the workflow.

    The one that a folded request is worked on under is marked too.
    """
    if interaction.note.startswith(AUTOMATIC):
        return
    at = interaction.received_at
    wrote_again(request, at)
    folding.came_back(session, request, at)
    policy, own = policy_of_request(reception.policies, request, reception.default_policy)
    client_wrote(
        session,
        request,
        source=interaction.source,
        by=interaction.party.shown if interaction.party else "",
        at=at,
        paused_at=found.paused_at,
        policy=policy if own else None,
        now=now,
    )


def _receipt(
    request: tables.requests.Request,
    interaction: Interaction,
    found: Standing,
    *,
    opened: bool,
    contact: tables.directory.Contact | None,
    reception: Reception,
) -> Receipt:
    """What may be told, and whether whoever approaches us is recognised: by whom they are on file, or by a PIN.

    `contact` is who approaches; a request knows its own by the same addresses and numbers alone.
    """
    policy, own = policy_of_request(reception.policies, request, reception.default_policy)
    in_call = found.by_pin or (found.began and request.contact_id is not None)
    top = policy.levels[0].value
    return Receipt(
        request=request.id,
        reference=request.reference,
        opened=opened,
        policy=policy.id,
        policy_name=policy.name,
        sla_channels=policy.sla_channels,
        support_phone=policy.support_phone or reception.support_phone,
        looks_urgent=own and found.suggested == top,
        party_known=request.contact_id is not None or request.account_id is not None,
        is_trusted=(request.contact_id is not None and contact is not None)
        or (interaction.channel is Channel.PHONE and in_call),
        decided=request.state is TriageState.DECIDED,
        policy_ref=policy.ref,
        policy_digest=policy.digest,
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
