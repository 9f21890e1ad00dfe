"""Suggest from everything a request says so far: what was written, what was stated beside it, what the house knows."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from models import tables
from models.errors import NotFound
from models.ports import Suggest
from models.terms import Fact
from triage import facts
from triage.desk import knowledge
from triage.policy import Policy
from triage.suggest import as_json

GAP = "\n\n"

log = structlog.get_logger()


def suggest_again(
    session: Session, request_id: UUID, cause: str, now: datetime, *, policies: Mapping[str, Policy], suggest: Suggest
) -> None:
    """Suggest from what is known now; the same cause is suggested for once.

    A request whose policy is not installed has no suggestion: levels of another policy would say nothing about it.
    Of two texts that state the same fact the later one counts: "we found a workaround" ends "there is none".

    Raises:
        NotFound: there is no such request.

    """
    request = tables.requests.fetch(session, request_id)
    if request is None:
        raise NotFound(f"request {request_id}")
    policy = policies.get(request.policy)
    if policy is None:
        log.warning("request.unsuggested", request=str(request.id), policy=request.policy)
        return
    rows = tables.requests.interactions(session, request.id)
    body, stated = said(request.subject, rows)
    made = suggest(
        policy=policy.id,
        channel=request.channel,
        subject=request.subject,
        body=body,
        language=language_of(rows, request.language),
        facts=(*stated, *_tabled(policy, rows), *knowledge.facts_of(session, request, policy=policy)),
    )
    tables.requests.record_suggestion(session, request.id, cause, as_json(made, request.reference), made, now)
    if request.clock_started_at is not None:
        # While nobody decides, the suggested level is what counts.
        tables.requests.wants_attention(session, request.id, now)


def said(subject: str, rows: list[tables.requests.Interaction]) -> tuple[str, tuple[Fact, ...]]:
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


def _tabled(policy: Policy, rows: list[tables.requests.Interaction]) -> list[Fact]:
    """Impact and urgency as the customer gave them in a form, for a policy with a table of them."""
    names = (policy.matrix.impact, policy.matrix.urgency) if policy.matrix else ()
    return [
        Fact(name=name, value=answer.strip().lower(), source="caller", evidence="given in the form")
        for row in rows
        for name in names
        if (answer := row.fields.get(name, "")).strip()
    ]


def language_of(rows: list[tables.requests.Interaction], otherwise: str | None) -> str | None:
    """The language of the latest text whose language is known."""
    known = [row.language for row in rows if row.language and row.new_text.strip()]
    return known[-1] if known else otherwise


def _moved(fact: Fact, by: int) -> Fact:
    span = (fact.span[0] + by, fact.span[1] + by) if fact.span else None
    return dataclasses.replace(fact, span=span)


def _fact(stored: Mapping[str, Any]) -> Fact:
    return Fact(
        name=str(stored["name"]),
        value=str(stored["value"]),
        source=str(stored["source"]),
        evidence=str(stored.get("evidence") or ""),
    )
