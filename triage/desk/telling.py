"""What has been told about a request, and what its policy would still like to know."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import tables
from models.terms import Asked, Fact, PartyKind
from triage import completeness
from triage.completeness import Told
from triage.desk import knowledge
from triage.policy import Policy


def missing(session: Session, request_id: UUID, *, policies: Mapping[str, Policy]) -> tuple[Asked, ...]:
    """What the customer may still tell, each with its reason; by what was decided or they said, never by a suggestion.

    A request that is gone, or whose policy is, misses nothing.
    """
    request = tables.requests.fetch(session, request_id)
    policy = policies.get(request.policy) if request else None
    if request is None or policy is None:
        return ()
    facts = knowledge.known(session, request, policy=policy)
    stated = told(session, request, facts, request.decided_type, request.decided_priority)
    theirs = (claimed_type(policy, stated), claimed_level(policy, stated))
    stated = replace(stated, type=stated.type or theirs[0], level=stated.level or theirs[1])
    return tuple(
        Asked(name=one.wanted.name, ask=one.lacks or one.wanted.ask, why=one.wanted.why)
        for one in completeness.meter(policy.completeness, stated).missing
    )


def claimed_level(policy: Policy, stated: Told) -> str | None:
    """The level the customer gave in a form (W15), by its id or one of its other names."""
    names = {name.casefold(): one.value for one in policy.levels for name in (one.label, *one.aliases, one.value)}
    return names.get(_answer(policy, stated, "level"))


def claimed_type(policy: Policy, stated: Told) -> str | None:
    """The type the customer gave in a form."""
    names = {name.casefold(): one.value for one in policy.types for name in (one.label, one.value)}
    return names.get(_answer(policy, stated, "type"))


def _answer(policy: Policy, stated: Told, kind: str) -> str:
    asked = [one.name for one in policy.fields if one.kind == kind]
    return next((stated.fields[name] for name in asked if stated.fields.get(name)), "").strip().casefold()


def told(
    session: Session, request: tables.requests.Request, facts: tuple[Fact, ...], kind: str | None, level: str | None
) -> Told:
    """What has been told about a request, by form, text, file and directory, as the completeness meter reads it."""
    said = tables.requests.interactions(session, request.id)
    contact = session.get(tables.directory.Contact, request.contact_id) if request.contact_id else None
    name = request.party_name or (contact.name if contact else "")
    number = knowledge.contact_number(session, request)
    known = {"contact": name, "email": _address(session, request), "phone": number.value if number else ""}
    return Told(
        text="\n\n".join([request.subject, *(row.new_text for row in said)]),
        fields=knowledge.answers(said),
        facts=facts,
        known={key: value for key, value in known.items() if value},
        files=tuple(upload.name for upload in tables.requests.uploads(session, request.id)),
        type=kind,
        level=level,
    )


def _address(session: Session, request: tables.requests.Request) -> str:
    """The address the customer wrote from, else one of their own that we have; empty where we have none."""
    if request.party and "@" in request.party:
        return request.party
    if request.contact_id is None:
        return ""
    key = tables.directory.ContactKey
    mine = select(key.value).where(key.contact_id == request.contact_id, key.kind == PartyKind.ADDRESS)
    return session.scalar(mine.order_by(key.id).limit(1)) or ""
