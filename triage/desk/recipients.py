"""Who is told by a step of an escalation: engineers by their role, the rota's people, others by the operator's book."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models import tables
from models.ports import Clock
from models.terms import JobKind, OutgoingState, Recipient, Role, StepState
from triage.desk.staff import Reachable, duties, staff
from triage.escalation import Reach, To
from triage.rota import ADDRESS, Rota

ON_CALL = "on-call"
"""The entry of the book that holds whoever is on call where there is no rota, or nobody of it can be reached."""
OWNER = "owner"
NAME = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
"""E.164: a plus sign, the country's code, fifteen digits at most."""
GAPS = re.compile(r"[\s()./-]+")
"""What people write between digits."""
UNREACHED = (OutgoingState.FAILED, OutgoingState.UNCERTAIN)
"""How a page ended that told nobody, as far as we know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """The rota, and the clock by which it is read."""

    rota: Rota
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The operator's addresses and numbers by name; what holds an @ is an address, anything else a number (E.164).

    `can_call` is whether the house has a telephone line: without one everybody is told by mail. Where there is a
    `roster`, its people are who is on call.
    """

    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    can_call: bool = True
    roster: Roster | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    name: str
    values: tuple[str, ...]


def parse(text: str) -> Mapping[str, tuple[str, ...]]:
    """The entries of a book: `support-chat=chat@example.com; on-call=+49 30 5550 123, ops@example.com`.

    Raises:
        ValueError: naming every mistake at once, with what to write instead.

    """
    found: dict[str, tuple[str, ...]] = {}
    mistakes: list[str] = []
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        name, sign, rest = (part.strip() for part in entry.partition("="))
        if not sign or not NAME.fullmatch(name):
            mistakes.append(f"{entry!r}: write name=address or name=+number, the name in letters, digits and hyphens")
            continue
        if name in found:
            mistakes.append(f"{name!r} is there twice: write its addresses and numbers in one entry, with commas")
        values = [_value(part.strip()) for part in rest.split(",") if part.strip()]
        mistakes += [f"{name}: {wrong}" for _, wrong in values if wrong]
        if not values:
            mistakes.append(f"{name}: write at least one address or number")
        found[name] = tuple(dict.fromkeys(value for value, _ in values))
    if mistakes:
        raise ValueError("; ".join(mistakes))
    return found


def find(
    session: Session, request: tables.requests.Request, to: To, channel: Reach, *, book: Book
) -> tuple[Recipient, ...]:
    """Everybody whom a step tells, each with an address or a number as the channel needs; empty: nobody is known.

    Where nobody has a telephone number, or the house no line, they are told by mail, and their names say so: late is
    better than never. A step by mail rings nobody's telephone.
    """
    circles = _circles(session, request, to, channel, book)
    return next(filter(None, (_told(people, channel, book) for people in circles)), ())


def telephones(session: Session, request: tables.requests.Request, to: To, *, book: Book) -> tuple[Recipient, ...]:
    """The numbers of whom a step tells; of those above them, or next in the rota, where none of them has one."""
    circles = _circles(session, request, to, Reach.PHONE, book)
    return next(filter(None, (_reached(people, Reach.PHONE) for people in circles)), ())


def tell_by_mail(session: Session, step_id: UUID, now: datetime, *, book: Book) -> int:
    """Have those told by mail whom a step could not reach by telephone; how many were added.

    Asked twice, it adds nobody twice. The step waits again, until the mail has gone out (`watch.settle_step`).
    """
    row = tables.progress.Notice
    missed = select(row).where(
        row.step_id == step_id, row.channel == Reach.PHONE, row.state.in_(UNREACHED), row.acknowledged_at.is_(None)
    )
    made = 0
    for notice in session.scalars(missed.order_by(row.id)).all():
        for address in _addresses(session, notice, book):
            added = insert(row).values(
                step_id=step_id,
                request_id=notice.request_id,
                channel=Reach.MAIL.value,
                name=f"{notice.name} (by mail: not reached by telephone)",
                recipient=address,
                state=OutgoingState.PENDING,
                created_at=now,
            )
            key = session.scalar(added.on_conflict_do_nothing().returning(row.id))
            if key is not None:
                tables.jobs.schedule(session, JobKind.NOTICE_SEND, key, now - tables.jobs.AHEAD)
                made += 1
    if made:
        step = tables.progress.EscalationStep
        session.execute(update(step).where(step.id == step_id).values(state=StepState.WAITING))
    return made


def _addresses(session: Session, notice: tables.progress.Notice, book: Book) -> tuple[str, ...]:
    """Where the mail of somebody goes who was called: of the rota or an engineer with that number, else by the book."""
    if book.roster is not None:
        on_rota = [one for one in staff(session, book.roster.rota).people.values() if notice.recipient in one.numbers]
        if found := tuple(dict.fromkeys(one.address for one in on_rota if one.address)):
            return found
    row = tables.directory.Engineer
    theirs = select(row).where(row.disabled_at.is_(None), func.trim(row.number) == notice.recipient)
    people = [_person(engineer) for engineer in session.scalars(theirs.order_by(row.login))]
    values = [value for person in people for value in person.values] or book.named.get(notice.name, ())
    return tuple(dict.fromkeys(value for value in values if "@" in value))


def _circles(
    session: Session, request: tables.requests.Request, to: To, channel: Reach, book: Book
) -> Iterator[tuple[_Person, ...]]:
    """Who is meant, and, where none of them can be reached, who is told instead: the roles above.

    A request's owner stands below the leads; the tiers of the rota stand in for each other, and the entry of the book
    for them all; nobody else stands in for an entry of the book.
    """
    least = to.role
    if to.role == OWNER:
        owner = tables.directory.engineer_by_login(session, request.owner) if request.owner else None
        yield (_person(owner),) if owner is not None and owner.disabled_at is None else ()
        least = Role.LEAD
    if least in set(Role):
        for held in list(Role)[list(Role).index(Role(least)) :]:
            yield tuple(_person(engineer) for engineer in tables.directory.engineers_of(session, held))
        return
    if to.role == ON_CALL and book.roster is not None:
        # A night's second telephone before the first one's letter box.
        tiers = _on_duty(session, request, book.roster)
        yield from sorted(tiers, key=lambda tier: channel is Reach.PHONE and not _reached(tier, channel))
    name = ON_CALL if to.role == ON_CALL else to.name
    yield (_Person(name=name, values=book.named.get(name, ())),)


def _on_duty(session: Session, request: tables.requests.Request, roster: Roster) -> list[tuple[_Person, ...]]:
    """Those who are on duty now, tier by tier."""
    known = staff(session, roster.rota)
    found = duties(session, known, roster.clock(), request.policy)
    return [tuple(_on_rota(person) for person in known.reached(one.people)) for one in found]


def _on_rota(one: Reachable) -> _Person:
    return _Person(name=one.name, values=tuple(filter(None, (*one.numbers, one.address))))


def _told(people: Iterable[_Person], channel: Reach, book: Book) -> tuple[Recipient, ...]:
    """Some people by a channel; by mail instead where none of them can be called."""
    people = tuple(people)
    if channel is not Reach.PHONE:
        return _reached(people, channel)
    if book.can_call and (found := _reached(people, channel)):
        return found
    why = "no number" if book.can_call else "no telephone line is set up"
    return tuple(
        Recipient(name=f"{one.name} (by mail: {why})", value=one.value) for one in _reached(people, Reach.MAIL)
    )


def _person(engineer: tables.directory.Engineer) -> _Person:
    values = tuple(value.strip() for value in (engineer.address, engineer.number) if value and value.strip())
    return _Person(name=engineer.name or engineer.login, values=values)


def _reached(people: Iterable[_Person], channel: Reach) -> tuple[Recipient, ...]:
    return tuple(
        Recipient(name=person.name, value=value)
        for person in people
        for value in person.values
        if ("@" in value) is (channel is Reach.MAIL)
    )


def _value(written: str) -> tuple[str, str]:
    """A value as it is used, and what is wrong with it."""
    if "@" in written:
        return written, "" if ADDRESS.fullmatch(written) else f"{written!r} is no address like chat@example.com"
    number = GAPS.sub("", written)
    return number, "" if NUMBER.fullmatch(number) else f"{written!r} is no number like +49 30 5550123, or address"
