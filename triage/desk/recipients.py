"""Who is told by a step of an escalation: engineers by their role, other names by the operator's book."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from models import tables
from models.terms import Recipient, Role
from triage.escalation import Reach, To

ON_CALL = "on-call"
"""The entry of the book that holds whoever is on call."""
OWNER = "owner"
NAME = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
"""E.164: a plus sign, the country's code, fifteen digits at most."""
GAPS = re.compile(r"[\s()./-]+")
"""What people write between digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The operator's addresses and numbers by name; what holds an @ is an address, anything else a number (E.164)."""

    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


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

    Where nobody has a telephone number they are told by mail, and their names say so: late is better than never.
    A step by mail rings nobody's telephone.
    """
    people = tuple(_people(session, request, to, book))
    found = _reached(people, channel)
    if found or channel is not Reach.PHONE:
        return found
    by_mail = _reached(people, Reach.MAIL)
    return tuple(Recipient(name=f"{one.name} (by mail: no number)", value=one.value) for one in by_mail)


def _people(session: Session, request: tables.requests.Request, to: To, book: Book) -> Iterable[_Person]:
    if to.role in set(Role):
        return _holders(session, Role(to.role))
    if to.role == OWNER:
        owner = tables.directory.engineer_by_login(session, request.owner) if request.owner else None
        return (_person(owner),) if owner is not None and owner.disabled_at is None else ()
    name = ON_CALL if to.role == ON_CALL else to.name
    return (_Person(name=name, values=book.named.get(name, ())),)


def _holders(session: Session, role: Role) -> Iterable[_Person]:
    """Whoever has a role and can be reached; where there is nobody, those of the next role above."""
    for held in list(Role)[list(Role).index(role) :]:
        people = [_person(engineer) for engineer in tables.directory.engineers_of(session, held)]
        if reachable := [person for person in people if person.values]:
            return reachable
    return ()


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
