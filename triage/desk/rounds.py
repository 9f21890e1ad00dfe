"""The telephones of tiers, owners and ladders in rounds, and the numbers in them that can be dialled."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from models import tables
from models.calling import OnDuty
from triage import identity
from triage.desk import ledger, recipients
from triage.desk.recipients import Book
from triage.desk.staff import Staff, duties
from triage.escalation import Ladder, Reach
from triage.policy import Policy
from triage.rota import ALL, IN_ORDER, RING_SECONDS, Tier

AT_ONCE = 10
"""How many telephones Twilio rings at once: `<Dial>` takes ten `<Number>` at most."""
Telephone = tuple[str, str]
"""Somebody's name and number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Telephones to ring at once."""

    telephones: tuple[Telephone, ...]
    ring_seconds: int = RING_SECONDS


def of_tiers(
    session: Session, request: tables.requests.Request, known: Staff, urgent: bool, now: datetime
) -> Iterator[Round]:
    """The rounds of the tiers that take such calls now; of somebody with several numbers the first is one of many."""
    for duty in duties(session, known, now, request.policy):
        if urgent or duty.tier.takes == ALL:
            yield from _of_tier(duty.tier, [(one.name, one.numbers) for one in known.reached(duty.people)])


def _of_tier(tier: Tier, people: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[Round]:
    if tier.ring == IN_ORDER:
        for name, numbers in people:
            for number in numbers:
                yield Round(telephones=((name, number),), ring_seconds=tier.ring_seconds)
    else:
        first = tuple((name, numbers[0]) for name, numbers in people if numbers)
        yield Round(telephones=first, ring_seconds=tier.ring_seconds)


def of_book(book: Book) -> Round:
    """The numbers of whoever is on call by the operator's book, to be rung at once."""
    numbers = (value for value in book.named.get(recipients.ON_CALL, ()) if "@" not in value)
    return Round(telephones=tuple((recipients.ON_CALL, number) for number in numbers))


def of_owner(session: Session, request: tables.requests.Request, known: Staff | None) -> tuple[Round, ...]:
    """The owner's telephones, by the rota's file, else by the directory; none where they have left."""
    row = tables.directory.engineer_by_login(session, request.owner) if request.owner else None
    if row is None or row.disabled_at is not None:
        return ()
    theirs = known.of_login(row.login) if known is not None else None
    if theirs is not None and theirs.numbers:
        return tuple(Round(telephones=((theirs.name, number),)) for number in theirs.numbers)
    return (Round(telephones=((row.name or row.login, row.number),)),) if row.number else ()


def of_ladder(
    session: Session, request: tables.requests.Request, policy: Policy, now: datetime, book: Book
) -> Iterator[Round]:
    """A round for each step by telephone of the ladder in force, unless nobody may be told at this hour.

    Whoever is on call is not among them: they are the tiers, or the book's entry.
    """
    found = _in_force(policy, ledger.labelled(session, request, policy))
    if found is None or not found.notices.is_open(now):
        return
    for rung in found.rungs:
        if rung.channel is Reach.PHONE and rung.to.role != recipients.ON_CALL:
            people = recipients.telephones(session, request, rung.to, book=book)
            yield Round(telephones=tuple((one.name, one.value) for one in people))


def _in_force(policy: Policy, labels: ledger.Labels) -> Ladder | None:
    """The most severe ladder with a telephone that is not known to be for others: what is not known never lowers."""
    for one in policy.escalation:
        fits = not one.levels or labels.level is None or labels.level in one.levels
        fits = fits and (not one.types or labels.type is None or labels.type in one.types)
        if fits and any(rung.channel is Reach.PHONE for rung in one.rungs):
            return one
    return None


def dialled(rounds: Iterable[Round], region: str) -> Iterator[OnDuty]:
    """Every number that can be dialled, once, where it comes first; rounds of more than can ring at once are cut."""
    seen: set[str] = set()
    place = 0
    for one in rounds:
        fresh: dict[str, str] = {}
        for name, written in one.telephones:
            party = identity.number_party(written, region)
            if party is not None and party.value not in seen:
                fresh.setdefault(party.value, name)
        seen |= fresh.keys()
        for count, (number, name) in enumerate(fresh.items()):
            place += count % AT_ONCE == 0
            yield OnDuty(name=name, number=number, ring_seconds=one.ring_seconds, round=place)
