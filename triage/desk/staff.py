"""The people of the rota as they can be reached: what its file says, and what the directory knows of their logins."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import tables
from triage.rota import Person, Rota
from triage.shifts import Override, TierDuty, on_duty


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """Somebody of the rota: `numbers` as written, an empty `address` where there is none."""

    id: str
    name: str
    numbers: tuple[str, ...] = ()
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """Everybody of a rota by their short name; `gone` may not sign in any more, `strangers` have an unknown login."""

    rota: Rota
    people: Mapping[str, Reachable]
    gone: frozenset[str] = frozenset()
    strangers: frozenset[str] = frozenset()

    @property
    def silent(self) -> frozenset[str]:
        """Those whom nobody can ring."""
        return frozenset(name for name, one in self.people.items() if not one.numbers)

    def of_login(self, login: str) -> Reachable | None:
        """Who signs in so, in any letter case; None where it is nobody of the rota."""
        found = (one for one in self.rota.people.values() if one.login.lower() == login.lower())
        return next((self.people[one.id] for one in found), None)

    def reached(self, people: tuple[Person, ...]) -> tuple[Reachable, ...]:
        """Some people as they can be reached."""
        return tuple(self.people[person.id] for person in people)


def staff(session: Session, rota: Rota) -> Staff:
    """Everybody of the rota; what its file does not say of them is the directory's."""
    row = tables.directory.Engineer
    logins = {person.login.lower() for person in rota.people.values() if person.login}
    found = session.scalars(select(row).where(func.lower(row.login).in_(logins)))
    engineers = {engineer.login.lower(): engineer for engineer in found}
    people, gone, strangers = {}, set(), set()
    for person in rota.people.values():
        engineer = engineers.get(person.login.lower())
        people[person.id] = _reachable(person, engineer)
        if engineer is not None and engineer.disabled_at is not None:
            gone.add(person.id)
        if engineer is None and person.login:
            strangers.add(person.id)
    return Staff(rota=rota, people=people, gone=frozenset(gone), strangers=frozenset(strangers))


def overrides(session: Session, since: datetime) -> tuple[Override, ...]:
    """What stands in the way of the file's turns from a moment on, in the order it was made."""
    return tuple(
        Override(tier=row.tier, person=row.person, starts_at=row.starts_at, ends_at=row.ends_at)
        for row in tables.directory.rota_overrides(session, since)
    )


def duties(session: Session, known: Staff, at: datetime, policy: str) -> tuple[TierDuty, ...]:
    """The tiers that take calls of a policy at a moment, with their people, in the order in which they are rung."""
    found = on_duty(known.rota, overrides(session, at), at, known.gone)
    return tuple(one for one in found if not one.tier.policies or policy in one.tier.policies)


def _reachable(person: Person, engineer: tables.directory.Engineer | None) -> Reachable:
    if engineer is None:
        return Reachable(id=person.id, name=person.name or person.id, numbers=person.numbers, address=person.address)
    number = (engineer.number or "").strip()
    return Reachable(
        id=person.id,
        name=person.name or engineer.name or engineer.login,
        numbers=person.numbers or ((number,) if number else ()),
        address=person.address or (engineer.address or "").strip(),
    )
