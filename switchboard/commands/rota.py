"""`rota`: who is on call when, who stands in, and whether the file is sound."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

import typer

from models.errors import Invalid, Misconfigured
from models.store import transaction
from switchboard.commands.instance import DataDir, opened
from switchboard.lines import Switchboard, now
from switchboard.settings import load
from triage import rota as rotas
from triage.desk import oncall
from triage.desk.rota_check import findings
from triage.rota import Rota
from voice.dialling import unringable

MOMENT = "%a %Y-%m-%d %H:%M"
ALWAYS = "no change in sight"
Time = Annotated[str, typer.Option(metavar="TIME", help="A time of the rota's zone: 18:00, or 2026-12-24 18:00.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    rota = typer.Typer(help="Who is on call when.", no_args_is_help=True)
    rota.command("check")(check)
    rota.command("show")(show)
    rota.command("cover")(cover)
    rota.command("overrides")(overrides)
    rota.command("withdraw")(withdraw)
    app.add_typer(rota, name="rota")


def check(
    file: Annotated[Path | None, typer.Argument(help="The file (default: SWITCHBOARD_ROTA).")] = None,
    data_dir: DataDir = None,
) -> None:
    """Report every mistake of the file, people whom nobody can ring and hours nobody takes; exit 1 if there is any."""
    path = file or load(data_dir=data_dir).rota
    if path is None:
        raise Misconfigured(public=NONE)
    rota, mistakes = rotas.from_path(path)
    for line in mistakes:
        typer.echo(line)
    if mistakes:
        raise typer.Exit(1)
    with opened(data_dir) as house, transaction(house.engine) as session:
        never = partial(unringable, trunk=house.telephony.trunk)
        found = findings(session, rota, now(), policies=house.policies, unringable=never)
    for one in found:
        typer.echo(one.text)
    raise typer.Exit(0 if all(one.is_fine for one in found) else 1)


def show(
    at: Annotated[str, typer.Option(metavar="TIME", help="Another moment than now: 18:00, or 2026-12-24 18:00.")] = "",
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days to look ahead.")] = 14,
    data_dir: DataDir = None,
) -> None:
    """Show who is on duty, until when, and the shifts to come."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        rota = _rota(house)
        moment = _moment(at, rota, now()) if at else now()
        duty = oncall.duty(session, rota, moment)
        typer.echo(f"{_when(moment, rota)} ({rota.zone})")
        for tier in duty.tiers:
            people = _people((one.name for one in tier.people), tier.stands_in) if tier.is_open else "closed"
            until = f"until {_when(tier.until, rota)}" if tier.until else ALWAYS
            typer.echo(f"{tier.tier}\t{people}\t{until}")
        typer.echo("")
        for shift in oncall.upcoming(session, rota, moment, days):
            times = f"{_when(shift.start, rota)}\t{_when(shift.end, rota)}"
            typer.echo(f"{times}\t{shift.tier}\t{_people(shift.people, shift.stands_in)}")


def cover(
    tier: Annotated[str, typer.Argument(help="The tier, by its id.")],
    person: Annotated[str, typer.Argument(help="Who takes it over, by their short name in the rota.")],
    until: Time,
    since: Annotated[str, typer.Option("--from", metavar="TIME", help="When it begins (default: now).")] = "",
    note: Annotated[str, typer.Option(help="Why, for the others.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Have somebody stand in on a tier, alone and in its hours; the id to withdraw it by is printed."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        rota, at = _rota(house), now()
        starts = _moment(since, rota, at) if since else at
        ends = _moment(until, rota, starts)
        made = oncall.override(
            session, rota, tier=tier, person=person, starts=starts, ends=ends, by="command line", now=at, note=note
        )
    typer.echo(made)


def overrides(data_dir: DataDir = None) -> None:
    """List who stands in, now and later: id, tier, person, from, until, who arranged it, why."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        rota = _rota(house)
        for one in oncall.covers(session, rota, now()):
            times = f"{_when(one.starts_at, rota)}\t{_when(one.ends_at, rota)}"
            void = "\tcounts no more: see switchboard rota check" if one.is_void else ""
            typer.echo(f"{one.id}\t{one.tier}\t{one.name}\t{times}\t{one.made_by}\t{one.note}{void}".rstrip())


def withdraw(
    override: Annotated[UUID, typer.Argument(help="The id that switchboard rota overrides shows.")],
    data_dir: DataDir = None,
) -> None:
    """Take back that somebody stands in; what was arranged before counts again."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        oncall.withdraw(session, override, "command line", now())


NONE = "There is no rota: write one and name it in SWITCHBOARD_ROTA, see docs/on-call.md"


def _rota(house: Switchboard) -> Rota:
    rota = house.telephony.rota
    if rota is None:
        raise Misconfigured(public=NONE)
    return rota


def _moment(text: str, rota: Rota, after: datetime) -> datetime:
    """A time of the rota's zone; one without a day is the next such time after the moment."""
    zone = ZoneInfo(rota.zone)
    try:
        if "-" in text:
            return datetime.strptime(text.replace("T", " "), "%Y-%m-%d %H:%M").replace(tzinfo=zone).astimezone(UTC)
        clock = datetime.strptime(text, "%H:%M").replace(tzinfo=zone).timetz()
    except ValueError:
        raise Invalid(public=f"{text!r} is no time: write 18:00, or 2026-12-24 18:00") from None
    day = after.astimezone(zone).date()
    today = datetime.combine(day, clock).astimezone(UTC)
    return today if today > after else datetime.combine(day + timedelta(days=1), clock).astimezone(UTC)


def _when(at: datetime, rota: Rota) -> str:
    return f"{at.astimezone(ZoneInfo(rota.zone)):{MOMENT}}"


def _people(names: Iterable[str], stands_in: Iterable[str]) -> str:
    """Names in a row, and for whom they stand in."""
    away = ", ".join(stands_in)
    return (", ".join(names) or "nobody") + (f" for {away}" if away else "")
