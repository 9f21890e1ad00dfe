"""What the house knows of a request beside its texts: what account, call log and engineers state."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import phonenumbers
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import tables
from models.errors import Invalid
from models.terms import CallbackOutcome, Fact, PartyKind, Role
from triage import entitlement, identity, reachability
from triage.conditions import TYPE
from triage.desk.held import held
from triage.downgrade import target_level
from triage.facts import VOCABULARY
from triage.policy import Policy, Rule
from triage.prose import MAX_CHARACTERS
from triage.suggest import UNKNOWN, merged

ACCOUNT, CALL_LOG, ENGINEER = "account", "call log", "engineer"
"""Who states a fact that no text holds, as its source says it."""
LEDGER = frozenset({"unreachable", "reachable_by_phone", "contact_phone_on_file"})
"""Facts that the call log alone states: what they allow must not rest on anybody's word."""
PHONE = "phone"
"""The name of the form's field, and of the caller's answer, that holds the contact telephone number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A telephone number to reach the customer at, and where we have it from."""

    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRule:
    """A rule that only certain roles may apply: whether it holds (None: not known), what is `open`, and its effect."""

    rule: Rule
    holds: bool | None
    needs: tuple[str, ...]
    level: str
    to: str

    @property
    def changes(self) -> bool:
        """Whether applying it would give another level."""
        return self.level != self.to

    def open_to(self, role: Role) -> bool:
        """Whether this role may apply it."""
        return any(role.includes(Role(one)) for one in self.rule.by)


def facts_of(
    session: Session,
    request: tables.requests.Request,
    *,
    policy: Policy | None = None,
    said: Sequence[tables.requests.Interaction] | None = None,
) -> tuple[Fact, ...]:
    """The facts that account, call log and engineers state, in this order: later ones outrank those before.

    An engineer's `unknown` is among them, so that it can take back what a text says. `said` are the request's
    interactions, read here where they are not given.
    """
    account = tables.directory.account_facts(session, request.account_id) if request.account_id else []
    found = [
        Fact(name=row.name, value=row.value, source=ACCOUNT, evidence=f"stated by {row.stated_by}") for row in account
    ]
    found += _from_calls(session, request, policy, said)
    found += [
        Fact(name=row.name, value=row.value, source=ENGINEER, evidence=f"stated by {row.stated_by}")
        for row in tables.progress.stated(session, request.id)
    ]
    return tuple(found)


def state_fact(
    session: Session, request_id: UUID, name: str, value: str, *, version: int, engineer: str, now: datetime
) -> None:
    """Record what an engineer knows; `unknown` takes back what a text says. It outranks everybody else.

    Raises:
        NotFound: there is no such request.
        Conflict: somebody changed it since `version`.
        Invalid: there is no such fact, or it has no such value.

    """
    if name in LEDGER:
        raise Invalid(public=f"{name!r} follows from the log of calls: call back, or write down that you did")
    if name not in VOCABULARY:
        raise Invalid(public=f"There is no fact {name!r}; there are {', '.join(VOCABULARY)}")
    if value not in VOCABULARY[name] | {UNKNOWN}:
        known = ", ".join([*sorted(VOCABULARY[name]), UNKNOWN])
        raise Invalid(public=f"The fact {name!r} cannot be {value!r}; it is one of {known}")
    request = held(session, request_id, version)
    row = tables.progress.StatedFact(request_id=request_id, name=name, value=value, stated_by=engineer, stated_at=now)
    session.add(row)
    request.version += 1
    session.flush()
    tables.requests.record_clock(
        session, request_id, "acted", f"fact:{row.id}", now, value=engineer, note=f"{name}: {value}", made_by=engineer
    )


def known(session: Session, request: tables.requests.Request, *, policy: Policy) -> tuple[Fact, ...]:
    """Every fact as it stands now: what the last suggestion read from the texts, and what is known beside them."""
    last = tables.requests.latest_suggestion(session, request.id)
    read = [
        Fact(name=name, value=fact["value"], source=fact["source"] or "", evidence=fact["evidence"] or "")
        for name, fact in (last.content["facts"] if last else {}).items()
        if fact["source"] not in {ACCOUNT, CALL_LOG, ENGINEER}
    ]
    stated = merged(tuple(read), facts_of(session, request, policy=policy))
    return tuple(fact for fact in stated if fact.name not in LEDGER or fact.source == CALL_LOG)


def role_rules(session: Session, request: tables.requests.Request, *, policy: Policy) -> tuple[RoleRule, ...]:
    """The rules of a policy that only certain roles may apply, as they stand for a request now."""
    rules = [rule for rule in policy.rules if rule.by and not rule.effect.on_type]
    last = tables.requests.latest_suggestion(session, request.id)
    level = request.decided_priority or (last.priority if last else None)
    if not rules or level not in {each.value for each in policy.levels}:
        return ()
    facts = {fact.name: fact.value for fact in known(session, request, policy=policy)}
    kind = request.decided_type or (last.type if last else None)
    told = facts | ({TYPE: kind} if kind else {})
    return tuple(
        RoleRule(
            rule=rule,
            holds=rule.when.holds(told),
            needs=tuple(rule.when.missing(told)),
            level=level,
            to=target_level(policy, rule, level),
        )
        for rule in rules
    )


def coverage(
    session: Session, request: tables.requests.Request, *, policy: Policy
) -> tuple[entitlement.Coverage, entitlement.Coverage] | None:
    """Whether contracts cover a request, and whether it lies in the policy's scope; None: the policy names neither.

    An account of which we know no contract is not known, not uncovered.
    """
    if policy.entitlement is None:
        return None
    rows = tables.directory.contracts(session, request.account_id) if request.account_id else []
    contracts = [
        entitlement.Contract(kind=row.kind, product=row.product, since=row.since, until=row.until) for row in rows
    ]
    said = tables.requests.interactions(session, request.id)
    told = answers(said)
    texts = [told.get("version", ""), request.subject, *(row.new_text[:MAX_CHARACTERS] for row in said)]
    text = "\n".join(texts)
    product = _mentioned([*policy.entitlement.products, *(one.product for one in contracts)], text)
    left_out = [name for one in policy.entitlement.excluded for name in one.names]
    component = _mentioned(left_out, told.get("components", ""))
    day = request.received_at.date()
    return (
        entitlement.covered(policy.entitlement, contracts or None, product, day),
        entitlement.in_scope(policy.entitlement, product, component),
    )


def contact_number(
    session: Session, request: tables.requests.Request, said: Sequence[tables.requests.Interaction] | None = None
) -> Number | None:
    """The number to reach the customer at: confirmed or keyed in a call, given in a form, or the contact's own.

    A number a call merely came from is none: it may be a switchboard's, and a withheld one says nothing.
    """
    if told := _told(session, request):
        return Number(value=told[0], source="told on the telephone")
    written = tables.requests.interactions(session, request.id) if said is None else said
    if given := answers(written).get(PHONE, "").strip():
        return Number(value=given, source="the request's form")
    if own := _own(session, request):
        return Number(value=own[0], source="the contact's own number")
    return None


def vouched_numbers(session: Session, request: tables.requests.Request) -> tuple[str, ...]:
    """The numbers that a machine may ring for a request, the best first: confirmed in a call, or in the directory.

    Anybody can call with anybody's number, and write one into a form.
    """
    return (*_told(session, request), *_own(session, request))


def _told(session: Session, request: tables.requests.Request) -> tuple[str, ...]:
    """The numbers confirmed or keyed in a request's calls, the latest first."""
    said = (call.answers for call in reversed(tables.calls.by_request(session, request.id)))
    return tuple(told[PHONE] for told in said if told.get(PHONE) and told.get("phone_confirmed") in {"yes", "keyed"})


def _own(session: Session, request: tables.requests.Request) -> tuple[str, ...]:
    """The numbers of a request's contact in the directory, the oldest first."""
    if request.contact_id is None:
        return ()
    key = tables.directory.ContactKey
    mine = select(key.value).where(key.contact_id == request.contact_id, key.kind == PartyKind.NUMBER)
    return tuple(session.scalars(mine.order_by(key.id)))


def _from_calls(
    session: Session,
    request: tables.requests.Request,
    policy: Policy | None,
    said: Sequence[tables.requests.Interaction] | None,
) -> list[Fact]:
    """What the call log tells: whether there is a number to call, and whether anybody answers it."""
    found = []
    number = contact_number(session, request, said)
    if number is not None:
        found.append(Fact(name="contact_phone_on_file", value="yes", source=CALL_LOG, evidence=number.source))
    attempts = tables.progress.callbacks(session, request.id)
    if not attempts:
        return found
    rule = policy.reachability if policy else reachability.Reachability()
    called_in = tables.calls.since(session, request.id, request.contact_id, attempts[0].placed_at)
    # A number that somebody else gave, or that a call merely came from, says nothing about the customer, unless they
    # answered there.
    tried = [
        reachability.Attempt(row.placed_at, row.outcome)
        for row in attempts
        if row.outcome is CallbackOutcome.ANSWERED or (number is not None and _is_same(number.value, row.number))
    ]
    answer = reachability.reached(rule, tried, called_in)
    if answer is None:
        return found
    evidence = f"{len(tried)} attempt{'' if len(tried) == 1 else 's'} to call back"
    for name, value in (("reachable_by_phone", answer), ("unreachable", not answer)):
        found.append(Fact(name=name, value="yes" if value else "no", source=CALL_LOG, evidence=evidence))
    return found


def _is_same(written: str, rung: str) -> bool:
    """Whether a number as somebody wrote it is the one that was rung (E.164).

    One without a country code was rung with that of the house, which the number that was rung still has.
    """
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(rung))
    except phonenumbers.NumberParseException:
        return False
    party = identity.number_party(written, region or "")
    return party is not None and party.value == rung


def _mentioned(names: Iterable[str], text: str) -> str | None:
    """The first of some names that stands in a text as whole words, the longest before those it holds; None: none."""
    known = sorted({name for name in names if name}, key=lambda name: (-len(name), name))
    return next((name for name in known if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)), None)


def answers(said: Iterable[tables.requests.Interaction]) -> dict[str, str]:
    """What the form's fields were answered with, the latest answer of each."""
    told: dict[str, str] = {}
    for row in said:
        told |= {name: value for name, value in row.fields.items() if value}
    return told
