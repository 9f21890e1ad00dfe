"""What has been told about a request, and what its policy would still like to know."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from models import tables
from models.terms import Asked, Fact
from triage import completeness
from triage.completeness import Told
from triage.desk import knowledge
from triage.policy import Policy


def missing(session: Session, request_id: UUID, *, policies: Mapping[str, Policy]) -> tuple[Asked, ...]:
    """What the customer may still tell, each with its reason; by what was decided, never by what is suggested.

    A request that is gone, or whose policy is, misses nothing.
    """
    request = tables.requests.fetch(session, request_id)
    policy = policies.get(request.policy) if request else None
    if request is None or policy is None:
        return ()
    facts = knowledge.known(session, request, policy=policy)
    stated = told(session, request, facts, request.decided_type, request.decided_priority)
    return tuple(
        Asked(name=one.wanted.name, ask=one.lacks or one.wanted.ask, why=one.wanted.why)
        for one in completeness.meter(policy.completeness, stated).missing
    )


def told(
    session: Session, request: tables.requests.Request, facts: tuple[Fact, ...], kind: str | None, level: str | None
) -> Told:
    """What has been told about a request, by form, text, file and directory, as the completeness meter reads it."""
    said = tables.requests.interactions(session, request.id)
    fields: dict[str, str] = {}
    for row in said:
        fields |= {name: value for name, value in row.fields.items() if value}
    contact = session.get(tables.directory.Contact, request.contact_id) if request.contact_id else None
    name = request.party_name or (contact.name if contact else "")
    number = knowledge.contact_number(session, request)
    address = request.party if request.party and "@" in request.party else ""
    known = {"contact": name, "email": address or "", "phone": number.value if number else ""}
    return Told(
        text="\n\n".join([request.subject, *(row.new_text for row in said)]),
        fields=fields,
        facts=facts,
        known={key: value for key, value in known.items() if value},
        files=tuple(upload.name for upload in tables.requests.uploads(session, request.id)),
        type=kind,
        level=level,
    )
