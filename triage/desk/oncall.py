"""Which telephones are rung for a caller, who is on duty now and next, and who stands in for whom."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from models import tables
from models.calling import Finding, OnDuty
from models.errors import Invalid, NotFound
from triage.desk import rounds
from triage.desk.directory import plain
from triage.desk.recipients import Book
from triage.desk.rota_check import HOW_TO_REACH, findings
from triage.desk.staff import Reachable, Staff, overrides, staff
from triage.policy import Policy
from triage.rota import Person, Rota, Tier
from triage.shifts import Shift, next_handover, on_duty, shifts

LONGEST = timedelta(days=366)
"""How long somebody may stand in, and how far ahead that may be arranged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A shift to come: whose it is (nobody: everybody is away), and for whom they stand in, if for anybody."""

    tier: str
    label: str
    people: tuple[str, ...]
    stands_in: tuple[str, ...]
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TierNow:
    """A tier at this moment; `until` is when something changes (None: nothing in sight), `next` who takes over."""

    tier: str
    label: str
    takes: str
    ring: str
    ring_seconds: int
    policies: tuple[str, ...]
    is_open: bool
    people: tuple[Reachable, ...]
    stands_in: tuple[str, ...]
    until: datetime | None
    next: Planned | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """Somebody stands in on a tier; `is_void` where the file knows tier or person no more, or they have left."""

    id: UUID
    tier: str
    label: str
    person: str
    name: str
    starts_at: datetime
    ends_at: datetime
    note: str
    made_by: str
    is_void: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Who is on duty, what was arranged, and what is wrong with it; times in the console are those of `zone`.

    `people` are those who may stand in: they sign in, or never did, and somebody can ring them.
    """

    zone: str
    people: tuple[Reachable, ...]
    tiers: tuple[TierNow, ...]
    covers: tuple[Cover, ...]
    findings: tuple[Finding, ...]


def ladder(
    session: Session,
    request_id: UUID,
    urgent: bool,
    now: datetime,
    *,
    rota: Rota | None,
    book: Book,
    policies: Mapping[str, Policy],
    region: str,
    unringable: Callable[[str], str] = lambda _: "",
) -> tuple[OnDuty, ...]:
    """The telephones to ring for a request, round by round, the first round being 1; nobody's twice.

    For one that burns: its owner's, the tiers' in their order, then those that the policy's ladder names. Where the
    rota reaches nobody now, or there is none, the book's `on-call` takes the place of the tiers. For one that does
    not burn: only tiers that take every call, their owner among them first; without a rota the book's entry.

    `region` is the ISO 3166 country of numbers written without a country code; `unringable` says why a number is never
    rung, nothing where it is. A request that is worked on under
    another one rings whom that one rings.
    """
    request = _worked_on(session, request_id)
    if request is None:
        return ()
    known = staff(session, rota) if rota is not None else None
    tiers = list(rounds.of_tiers(session, request, known, urgent, now)) if known is not None else []
    tiers = [
        replace(one, telephones=tuple(each for each in one.telephones if not unringable(each[1]))) for one in tiers
    ]
    if not any(one.telephones for one in tiers) and (urgent or known is None):
        tiers = [rounds.of_book(book)]
    owner = rounds.of_owner(session, request, known)
    if not urgent:
        taking = {telephone for one in tiers for telephone in one.telephones}
        owner = tuple(one for one in owner if taking.issuperset(one.telephones))
    found = [*owner, *tiers]
    policy = policies.get(request.policy)
    if urgent and policy is not None:
        found += rounds.of_ladder(session, request, policy, now, book)
    return tuple(rounds.dialled(found, region))


def _worked_on(session: Session, request_id: UUID) -> tables.requests.Request | None:
    request = tables.requests.fetch(session, request_id)
    if request is None or request.folded_into is None:
        return request
    return tables.requests.fetch(session, request.folded_into)


def duty(session: Session, rota: Rota, now: datetime) -> Duty:
    """Who is on duty now, tier by tier, what comes next, and every finding about the days to come."""
    known = staff(session, rota)
    made = overrides(session, now)
    tiers = []
    for one in on_duty(rota, made, now, known.gone):
        following = next_handover(rota, one.tier, made, now, known.gone)
        tiers.append(
            TierNow(
                tier=one.tier.id,
                label=one.tier.label,
                takes=one.tier.takes,
                ring=one.tier.ring,
                ring_seconds=one.tier.ring_seconds,
                policies=one.tier.policies,
                is_open=one.is_open,
                people=known.reached(one.people),
                stands_in=_names(known, one.stands_in),
                until=one.until,
                next=_planned(known, following) if following is not None else None,
            )
        )
    return Duty(
        zone=rota.zone,
        people=tuple(one for one in known.people.values() if one.id not in known.gone | known.silent),
        tiers=tuple(tiers),
        covers=covers(session, rota, now),
        findings=findings(session, rota, now),
    )


def upcoming(session: Session, rota: Rota, now: datetime, days: int = 14) -> list[Planned]:
    """Every shift of the days to come, those under way first; at the same time in the order of the tiers."""
    known = staff(session, rota)
    made = overrides(session, now)
    end = now + timedelta(days=days)
    found = [one for tier in rota.tiers for one in shifts(rota, tier, made, now, end, known.gone)]
    return [_planned(known, one) for one in sorted(found, key=lambda one: one.start)]


def covers(session: Session, rota: Rota, now: datetime) -> tuple[Cover, ...]:
    """Everything arranged that is not over yet, in the order it was made: of two at once the last one counts."""
    known = staff(session, rota)
    found = []
    for row in tables.directory.rota_overrides(session, now):
        tier, person = rota.tier(row.tier), known.people.get(row.person)
        found.append(
            Cover(
                id=row.id,
                tier=row.tier,
                label=tier.label if tier else row.tier,
                person=row.person,
                name=person.name if person else row.person,
                starts_at=row.starts_at,
                ends_at=row.ends_at,
                note=row.note,
                made_by=row.made_by,
                is_void=tier is None or person is None or row.person in known.gone,
            )
        )
    return tuple(found)


def _planned(known: Staff, shift: Shift) -> Planned:
    return Planned(
        tier=shift.tier.id,
        label=shift.tier.label,
        people=_names(known, shift.people),
        stands_in=_names(known, shift.stands_in),
        start=shift.start,
        end=shift.end,
    )


def _names(known: Staff, people: Iterable[Person]) -> tuple[str, ...]:
    return tuple(known.people[person.id].name for person in people)


def override(
    session: Session,
    rota: Rota,
    *,
    tier: str,
    person: str,
    starts: datetime,
    ends: datetime,
    by: str,
    now: datetime,
    note: str = "",
) -> UUID:
    """Have somebody stand in on a tier, alone, in the hours of it that lie between two moments; the row's id.

    What was arranged before stays and counts again when this is over. A beginning in the past means now.

    Raises:
        Invalid: tier or person unknown, nobody could ring them, the time is over, empty, too long or too far away, the
            tier is closed all the time, or the note cannot be shown.

    """
    covered = _checked(session, rota, tier, person)
    starts = max(starts, now)
    if ends <= now:
        raise Invalid(public="That is over already: name a time to come")
    if ends <= starts:
        raise Invalid(public="That ends before it begins: name a later end")
    if ends - starts > LONGEST or starts - now > LONGEST:
        raise Invalid(public="Nobody stands in for more than a year, or begins more than a year from now")
    if covered.hours.next_open(starts) >= ends:
        raise Invalid(public=f"{covered.label} is closed all that time: nobody would be rung")
    row = tables.directory.RotaOverride(
        tier=covered.id,
        person=person,
        starts_at=starts,
        ends_at=ends,
        note=plain(note, "The note") if note.strip() else "",
        made_by=by,
        made_at=now,
    )
    session.add(row)
    session.flush()
    return row.id


def withdraw(session: Session, override_id: UUID, by: str, now: datetime) -> None:
    """Take back that somebody stands in; asked twice, the first counts.

    Raises:
        NotFound: nothing of that id was arranged.
        Invalid: it is over already.

    """
    row = session.get(tables.directory.RotaOverride, override_id, with_for_update=True)
    if row is None:
        raise NotFound(public=f"Nobody stands in under the id {override_id}; see switchboard rota overrides")
    if row.withdrawn_at is not None:
        return
    if row.ends_at <= now:
        raise Invalid(public="That is over already: there is nothing to take back")
    row.withdrawn_at, row.withdrawn_by = now, by
    session.flush()


def _checked(session: Session, rota: Rota, tier: str, person: str) -> Tier:
    found = rota.tier(tier)
    if found is None:
        raise Invalid(public=f"The rota has no tier {tier!r}; there are {', '.join(one.id for one in rota.tiers)}")
    if person not in rota.people:
        raise Invalid(public=f"The rota has no person {person!r}; there are {', '.join(rota.people)}")
    known = staff(session, rota)
    if person in known.gone:
        raise Invalid(public=f"{known.people[person].name} may not sign in any more: name somebody else")
    if person in known.silent:
        raise Invalid(public=f"{known.people[person].name} has no telephone number: {HOW_TO_REACH}")
    return found
