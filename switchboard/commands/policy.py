"""`policy`: support policies as data."""

from pathlib import Path
from typing import Annotated

import typer

from models.errors import NotFound
from switchboard.settings import load
from triage import policy as packs


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Support policies as data.", no_args_is_help=True)
    group.command("list")(listed)
    group.command("show")(show)
    group.command("check")(check)
    app.add_typer(group, name="policy")


def listed() -> None:
    """List the policies: id and version, name, digest."""
    for pack in sorted(packs.load_packs(load().policy_dir).values(), key=lambda each: each.id):
        typer.echo(f"{pack.ref}\t{pack.name}\t{pack.digest[:12]}")


def show(policy: str) -> None:
    """Show a policy: its channels, types, levels and rules, each with the clause it rests on."""
    known = packs.load_packs(load().policy_dir)
    if policy not in known:
        raise NotFound(public=f"No policy {policy!r}; there are {', '.join(sorted(known))}")
    pack = known[policy]
    typer.echo(f"{pack.name} ({pack.ref})\nSLA channels: {', '.join(pack.sla_channels)}\nTypes:")
    for each in pack.types:
        typer.echo(f"  {each.value:20} {each.label}: {each.definition} [{each.clause}]")
    typer.echo("Levels:")
    for level in pack.levels:
        typer.echo(f"  {level.value:20} {level.label}: {level.definition} [{level.clause}]")
    typer.echo("Rules:")
    for rule in pack.rules:
        typer.echo(f"  {rule.id:28} {rule.clause}")


def check(files: Annotated[list[Path], typer.Argument(help="Policy files (YAML).")]) -> None:
    """Report every mistake of each file at once; exit 1 if there is any."""
    mistakes = [line for file in files for line in packs.check(file.read_text(encoding="utf-8"), str(file))]
    for line in mistakes:
        typer.echo(line)
    raise typer.Exit(1 if mistakes else 0)
