"""`rehearse`: a call without a caller."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from models.calling import Rehearsal
from switchboard.commands.instance import DataDir, opened
from switchboard.rehearsal import rehearse as play


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rehearse")(rehearse)


def rehearse(
    language: Annotated[str | None, typer.Option(help="Language the caller chooses (default: the first).")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Play a top-priority call: what the caller hears, who would ring, what is wrong; nobody is rung, nothing is kept.

    Exit 1 says that something is wrong.
    """
    with opened(data_dir) as house:
        played = play(house, language=language)
    typer.echo(json.dumps(asdict(played), default=str, ensure_ascii=False) if as_json else _told(played))
    if not all(each.is_fine for each in played.findings):
        raise typer.Exit(1)


def _told(played: Rehearsal) -> str:
    lines = []
    for turn in played.turns:
        lines.append(f"[{turn.step}]")
        lines += [f"  {sentence}" for sentence in turn.heard]
        lines += [f"  > {turn.pressed}"] if turn.pressed else []
    lines += ["", "Would ring, each until the next:"] if played.rings else ["", "Nobody would ring."]
    lines += [f"  {one.round}. {one.name}  {one.number}  {one.ring_seconds} s" for one in played.rings]
    lines += ["", *(f"{'ok  ' if each.is_fine else 'MEND'}  {each.text}" for each in played.findings)]
    return "\n".join(lines)
