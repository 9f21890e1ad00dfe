"""Suggest from everything a request says so far: what was written, what was stated beside it, what the house knows."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from models import tables
from models.errors import NotFound
from models.ports import Suggest
from models.terms import Fact, RuleResult, Suggestion
from triage import facts
from triage.desk import knowledge
from triage.downgrade import APPLIED, NOT_MET
from triage.policy import Policy
from triage.suggest import UNKNOWN, as_json

GAP = "\n\n"
LEAST_CONFIDENCE = 0.5
"""How sure speech recognition must be of a text that lowers anything."""
STATED = ("caller", "engineer")
"""Who states facts beside what is written or said."""
HEARD_BADLY = "heard-badly"
"""What stands among a suggestion's rules where a text was not surely understood."""

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
    known = (*_tabled(policy, rows), *knowledge.facts_of(session, request, policy=policy, said=rows))

    def ask(subject: str, left_out: Collection[UUID] = (), more: tuple[Fact, ...] = ()) -> Suggestion:
        body, stated = said(subject, rows, left_out)
        return suggest(
            policy=policy.id,
            channel=request.channel,
            subject=subject,
            body=body,
            language=language_of(rows, request.language),
            facts=(*stated, *more, *known),
        )

    made = ask(request.subject)
    if any(_is_doubtful(row) for row in rows):
        made = _never_lower(policy, made, rows, request.subject, ask)
    tables.requests.record_suggestion(session, request.id, cause, as_json(made, request.reference), made, now)
    if request.clock_started_at is not None:
        # While nobody decides, the suggested level is what counts.
        tables.requests.wants_attention(session, request.id, now)


def _is_doubtful(row: tables.requests.Interaction) -> bool:
    return row.confidence is not None and row.confidence < LEAST_CONFIDENCE and bool(row.new_text.strip())


def _never_lower(
    policy: Policy,
    made: Suggestion,
    rows: list[tables.requests.Interaction],
    subject: str,
    ask: Callable[..., Suggestion],
) -> Suggestion:
    """The suggestion at the most severe level: as made, without the doubtful texts, or with none of their facts.

    What was hardly understood may raise a level and never lower it. What the other texts say of a fact stands. Where
    nothing else was said and no key was pressed, there is nothing to compare with but those words themselves.
    """
    doubtful = [row for row in rows if _is_doubtful(row)]
    left_out = {row.id for row in doubtful}
    plain = "" if subject in {row.subject for row in doubtful} else subject
    without = ask(plain, left_out)
    says = f"{plain}{said(plain, rows, left_out)[0]}".strip() or any(fact.source in STATED for fact in without.facts)
    clear = {fact.name: fact for fact in without.facts}
    read = {fact.name for row in doubtful for fact in facts.read(row.subject, row.new_text)}
    taken_back = tuple(
        clear.get(name) or Fact(name=name, value=UNKNOWN, source=knowledge.ENGINEER) for name in sorted(read)
    )
    variants = (made, *([without] if says else []), ask(subject, (), taken_back))
    ranked = [(policy.severity(one.priority.value), one) for one in variants if one.priority]
    worst = min(ranked, key=lambda pair: pair[0])[1] if ranked else made
    before, after = (one.priority.value if one.priority else None for one in (made, worst))
    raised = before != after
    least = min(row.confidence or 0 for row in doubtful)
    told = RuleResult(
        id=HEARD_BADLY,
        clause=f"Speech understood with a confidence of {least:.2f}: it may raise a level, never lower it",
        verdict=APPLIED if raised else NOT_MET,
        effect=f"{before or '–'}→{after}" if raised else None,
    )
    return dataclasses.replace(
        made,
        abstained=made.abstained or worst.abstained,
        abstained_because=made.abstained_because or worst.abstained_because,
        priority=worst.priority,
        priority_model=worst.priority_model,
        priority_rule=worst.priority_rule,
        set90=worst.set90,
        would_change=worst.would_change,
        rules=(*made.rules, told),
    )


def said(
    subject: str, rows: list[tables.requests.Interaction], left_out: Collection[UUID] = ()
) -> tuple[str, tuple[Fact, ...]]:
    r"""Every new text in the order of arrival, and the facts stated beside it and in each text after the first.

    Of the rows in `left_out` only the facts stated beside their texts. Spans count in `f"{subject}\n\n{body}"`, as
    those of the facts that are read from the whole.
    """
    body, stated = "", []
    for row in sorted(rows, key=lambda each: (each.received_at, each.id)):
        text = row.new_text if row.new_text.strip() and row.id not in left_out else ""
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
