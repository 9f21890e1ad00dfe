"""What is wrong with a rota as it stands: people nobody can ring, hours in which nobody is there."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from models import tables
from models.calling import Finding
from triage.desk.staff import Staff, overrides, staff
from triage.rota import IN_ORDER, Rota
from triage.shifts import Override, gaps

HOW_TO_REACH = "write numbers in the rota, or switchboard user reach LOGIN --number"
Barred = Mapping[str, Mapping[str, str]]
"""Of each person the numbers that are never rung, and why."""
AHEAD = timedelta(days=14)
"""How far it is looked for hours in which nobody takes urgent calls."""
TOLD = 5
"""How many of them are told one by one."""


def findings(
    session: Session,
    rota: Rota,
    now: datetime,
    *,
    policies: Collection[str] = (),
    unringable: Callable[[str], str] = lambda _: "",
) -> tuple[Finding, ...]:
    """Everything wrong, else one finding that all is well; times are those of the rota's zone.

    `policies` are those that are installed: tiers that name others take calls of nobody. Empty: not looked at.
    `unringable` tells of a number why it is never rung, empty where it is; whoever has no other is not on duty.
    """
    known = staff(session, rota)
    made = overrides(session, now)
    barred = {one.id: {each: why for each in one.numbers if (why := unringable(each))} for one in known.people.values()}
    silent = _silent(known, barred)
    wrong = [*_people(known, barred, silent), *_tiers(rota, policies), *_void(session, known, now)]
    wrong += _gaps(known, made, now, policies, silent)
    if wrong:
        return tuple(Finding(is_fine=False, text=text) for text in wrong)
    return (Finding(is_fine=True, text=f"Somebody takes urgent calls at any time of the next {AHEAD.days} days."),)


def _silent(known: Staff, barred: Barred) -> frozenset[str]:
    """Those at whom no telephone rings; where all of a tier ring at once, it is the first number of each."""
    in_order = {name for tier in known.rota.tiers if tier.ring == IN_ORDER for name in tier.people}
    rung = {one.id: one.numbers if one.id in in_order else one.numbers[:1] for one in known.people.values()}
    return frozenset(name for name, numbers in rung.items() if barred[name].keys() >= set(numbers))


def _people(known: Staff, barred: Barred, silent: Collection[str]) -> Iterator[str]:
    for person in known.rota.people.values():
        name = known.people[person.id].name
        if person.id in known.strangers:
            yield f"{name}: nobody signs in as {person.login!r}: mend the login, or switchboard user add {person.login}"
        if person.id in known.gone:
            yield f"{name} may not sign in any more and is passed over: take {person.id!r} out of the rota"
        elif person.id in known.silent:
            yield f"{name} has no telephone number: {HOW_TO_REACH}"
        elif wrong := barred[person.id]:
            what = "is not rung at every number"
            if person.id in silent:
                others = len(wrong) < len(known.people[person.id].numbers)
                what = f"has no {'first' if others else 'telephone'} number that can be rung"
            why = "; ".join(f"{number} {reason}" for number, reason in wrong.items())
            yield f"{name} {what}: {why}: {HOW_TO_REACH}"


def _tiers(rota: Rota, policies: Collection[str]) -> Iterator[str]:
    for tier in rota.tiers:
        for policy in tier.policies if policies else ():
            if policy not in policies:
                yield f"{tier.label}: no policy {policy!r} is installed; there are {', '.join(sorted(policies))}"


def _void(session: Session, known: Staff, now: datetime) -> Iterator[str]:
    for row in tables.directory.rota_overrides(session, now):
        if known.rota.tier(row.tier) is None or row.person not in known.people or row.person in known.gone:
            what = f"{row.person} stands in on {row.tier}, but the rota does not have both"
            yield f"{what}: switchboard rota withdraw {row.id}"


def _gaps(
    known: Staff, made: Sequence[Override], now: datetime, policies: Collection[str], silent: Collection[str]
) -> Iterator[str]:
    """When nobody can be reached, told once for all policies that share it."""
    named = {policy for tier in known.rota.tiers for policy in tier.policies}
    found: dict[tuple[tuple[datetime, datetime], ...], list[str]] = {}
    for policy in sorted(policies or {"", *named}):
        holes = gaps(known.rota, made, now, now + AHEAD, known.gone, silent=silent, policy=policy)
        found.setdefault(holes, []).append(policy)
    for holes, concerned in found.items():
        whose = f" of {', '.join(filter(None, concerned)) or 'other policies'}" if len(found) > 1 else ""
        for start, end in holes[:TOLD]:
            yield f"Nobody takes urgent calls{whose} from {_when(known, start)} to {_when(known, end)}"
        if len(holes) > TOLD:
            yield f"and {len(holes) - TOLD} more in the next {AHEAD.days} days"


def _when(known: Staff, at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo(known.rota.zone)):%a %Y-%m-%d %H:%M}"
