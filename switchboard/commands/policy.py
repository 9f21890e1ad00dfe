"""`policy`: support policies as data."""

from collections.abc import Iterator
from importlib.resources import files as shipped
from pathlib import Path
from typing import Annotated

import typer

from models.errors import NotFound
from switchboard.commands import simulation
from switchboard.settings import load
from triage import golden
from triage import policy as packs
from triage.phone import Phone
from triage.policy import Policy
from triage.targets import Target


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Support policies as data.", no_args_is_help=True)
    group.command("list")(listed)
    group.command("show")(show)
    group.command("check")(check)
    group.command("test")(test)
    group.command("simulate")(simulation.simulate)
    app.add_typer(group, name="policy")


def listed() -> None:
    """List the policies: id and version, name, digest."""
    for pack in sorted(packs.load_packs(load().policy_dir).values(), key=lambda each: each.id):
        typer.echo(f"{pack.ref}\t{pack.name}\t{pack.digest[:12]}")


def show(policy: str) -> None:
    """Show a policy: channels, types, levels, rules, clocks, ways of working, each with the clause it rests on."""
    pack = _known(policy)
    typer.echo(f"{pack.name} ({pack.ref})\nSLA channels: {', '.join(pack.sla_channels)}\nTypes:")
    for each in pack.types:
        typer.echo(f"  {each.value:20} {each.label}: {each.definition} [{each.clause}]")
    typer.echo("Levels:")
    for level in pack.levels:
        typer.echo(f"  {level.value:20} {level.label}: {level.definition} [{level.clause}]")
    typer.echo("Rules:")
    for rule in pack.rules:
        typer.echo(f"  {rule.id:28} {rule.clause}{_assumed(rule.assumed)}")
    for line in _clocks(pack):
        typer.echo(line)
    for line in _ways(pack):
        typer.echo(line)


def _known(policy: str) -> Policy:
    known = packs.load_packs(load().policy_dir)
    if policy not in known:
        raise NotFound(public=f"No policy {policy!r}; there are {', '.join(sorted(known))}")
    return known[policy]


def _assumed(assumed: bool) -> str:
    return " (assumed)" if assumed else ""


def _clocks(pack: Policy) -> Iterator[str]:
    yield "Clocks:"
    for level, targets in pack.commitments.levels.items():
        for target in targets:
            yield f"  {level:4} {_promised(target)} [{target.clause}]{_assumed(target.assumed)}"
    for ground in pack.grounds:
        parts = ", ".join(part for part in ground.assumed if part != "value")
        yield f"  {ground.what} [{ground.clause}]{_assumed(bool(ground.assumed))}{f': {parts}' if parts else ''}"


def _promised(target: Target) -> str:
    minutes = int(target.within.total_seconds()) // 60 if target.within else 0
    amount = f"within {minutes // 60} h {minutes % 60} min" if target.within else f"by {target.measure}"
    return f"{target.kind} {amount} of calendar {target.calendar.name}, {target.promise}"


def _ways(pack: Policy) -> Iterator[str]:
    yield "Statuses:"
    for status in pack.workflow.statuses:
        yield f"  {status.value:20} {status.label}: {status.definition} [{status.clause}]{_assumed(status.assumed)}"
    yield "Steps:"
    for step in pack.workflow.steps:
        told = f"{step.label}: {', '.join(step.sources)} → {step.to}, by {' or '.join(step.by)}"
        yield f"  {step.id:20} {told} [{step.clause}]{_assumed(step.assumed)}"
    yield "Escalation:"
    for ladder in pack.escalation:
        yield f"  {ladder.id:20} {' → '.join(rung.label for rung in ladder.rungs)} [{ladder.clause}]"
    yield "Wanted:"
    for wanted in pack.completeness:
        yield f"  {wanted.name:20} {wanted.ask} [{wanted.clause}]{_assumed(wanted.assumed)}"
    yield from _telephone(pack.phone)


def _telephone(phone: Phone) -> Iterator[str]:
    yield f"Telephone: [{phone.clause or 'the policy says nothing of callers'}]"
    told = {
        "recording": [phone.recording.value] if phone.recording else ["as the operator says"],
        "receipt": phone.receipt,
        "urgent": phone.urgent,
        "contact": phone.contact,
    }
    for name, values in told.items():
        yield f"  {name:20} {', '.join(values) or 'none'}{_assumed(name in phone.assumed)}"


def check(files: Annotated[list[Path], typer.Argument(help="Policy files (YAML).")]) -> None:
    """Report every mistake of each file at once; exit 1 if there is any."""
    code = 0
    for file in files:
        pack, mistakes = packs.from_path(file)
        if pack is None:
            mistakes = [f"{line}{_meant(file)}" for line in mistakes]
        for line in mistakes:
            typer.echo(line)
        code = max(code, simulation.CANNOT if pack is None else 1 if mistakes else 0)
    raise typer.Exit(code)


def _meant(file: Path) -> str:
    """What somebody meant who named something that is no file."""
    if file.is_dir():
        return f"; name its files, such as {file}/*.yaml"
    # Only the packs that ship: one of the operator's may be the file that is broken.
    if str(file) in packs.load_packs():
        return f"; {str(file)!r} is a policy that ships: name a file, or say switchboard policy test {file}"
    return ""


def test(policy: str) -> None:
    """Try a policy's own golden examples (`tests/ID.yaml` beside the pack); exit 1 if one comes out otherwise."""
    pack = _known(policy)
    file, content = _examples(policy, load().policy_dir)
    examples, wrong = golden.parse(content, file, pack)
    if not wrong:
        wrong = [line for one in examples for line in golden.differences(pack, one)]
    for line in wrong:
        typer.echo(line)
    typer.echo(f"{pack.ref}: {len(examples)} examples, {len(wrong)} {'mistake' if len(wrong) == 1 else 'mistakes'}")
    raise typer.Exit(1 if wrong else 0)


def _examples(policy: str, directory: Path | None) -> tuple[str, bytes]:
    """The operator's examples of a policy, or those that ship."""
    name = f"{policy}.yaml"
    own = directory / "tests" / name if directory else None
    if own and own.is_file():
        return str(own), own.read_bytes()
    built_in = shipped("triage").joinpath("policies", "tests", name)
    if not built_in.is_file():
        raise NotFound(public=f"Policy {policy!r} has no examples: write tests/{name} beside it")
    return name, built_in.read_bytes()
