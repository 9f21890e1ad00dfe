"""`classifier`: the registry of artefacts, and training them."""

import getpass
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from models import tables
from models.errors import Invalid
from models.store import transaction
from switchboard.commands import lessons, tables_of_requests
from switchboard.commands.instance import DataDir, opened
from switchboard.lines import Switchboard, now
from triage.desk import learning, promotion, registry, retraining
from triage.desk.scoring import told

AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Train, evaluate and promote classifiers.", no_args_is_help=True)
    group.command("train")(train)
    group.command("evaluate")(tables_of_requests.evaluate)
    group.command("retrain")(retrain)
    group.command("import")(lessons.take_in)
    group.command("forget")(lessons.forget)
    group.command("list")(listed)
    group.command("show")(show)
    group.command("promote")(promote)
    group.command("rollback")(rollback)
    group.command("shadow")(lessons.shadow)
    group.command("drift")(lessons.drift)
    app.add_typer(group, name="classifier")


def train(
    table: Annotated[
        Path | None, typer.Argument(help="Labelled requests: CSV (also .gz) with id,subject,body,type,priority.")
    ] = None,
    *,
    label: Annotated[str, typer.Option(help="With a table: type or priority.")] = "",
    to: Annotated[Path | None, typer.Option(help="With a table: directory for the artefact.")] = None,
    from_decisions: Annotated[bool, typer.Option("--from-decisions", help="The same as `classifier retrain`.")] = False,
    promote: Annotated[bool, typer.Option("--promote", help="Put it in force unless it is worse.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Train from a table to a directory (no database), or (--from-decisions) as `classifier retrain` does."""
    if table is not None and to is not None and label:
        tables_of_requests.train(table, label, to)
        return
    if not from_decisions:
        raise Invalid(public="Say --from-decisions, or name a table with --label and --to")
    retrain(promote=promote, data_dir=data_dir)


def retrain(
    *,
    promote: Annotated[bool, typer.Option("--promote", help="Put it in force unless it is worse.")] = False,
    scheduled: Annotated[
        bool, typer.Option("--scheduled", help="Only if it is due, with low priority, as beat asks for it.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Train a candidate from decisions, seed corpus and imports; it is tried in the shadow until somebody promotes it.

    Nothing is done if nothing is new.
    """
    with opened(data_dir) as house:
        if scheduled:
            outcome = house.learning.train_scheduled()
            typer.echo(outcome.told if outcome else "not due")
            return
        with typer.progressbar(length=1, label="Training", file=typer.get_text_stream("stderr")) as bar:

            def advance(done: int, whole: int) -> None:
                bar.length = whole
                bar.update(done - bar.pos)

            outcome = house.learning.train(made_by=getpass.getuser(), promotes=promote, progress=advance)
        if outcome is None:
            raise typer.Exit(1)
        typer.echo(json.dumps(_told(house, outcome), indent=2))
        if promote and outcome.artefact and not outcome.promoted:
            raise typer.Exit(1)


def _told(house: Switchboard, outcome: retraining.Outcome) -> dict[str, Any]:
    said: dict[str, Any] = {"id": outcome.artefact, "outcome": outcome.told, **outcome.lessons.counts}
    if outcome.artefact:
        with transaction(house.engine) as session:
            said |= registry.fetch(session, outcome.artefact).metrics
    return said


def listed(*, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the registry, newest first: state, when and by whom made, examples by source, figures, what is wrong."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        gone = learning.gone(session)
        rows = [_summary(row, gone.get(row.id, 0)) for row in tables.artefacts.every(session)]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        typer.echo("The registry is empty: switchboard classifier retrain")
        return
    heads = ("ID", "STATE", "MADE", "BY", "DECISIONS", "SEED", "IMPORTS", "ACCURACY", "MACRO-F1", "ECE", "NOTE")
    lines = [heads, *(_line(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for line in lines:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    counts, metrics = row["counts"], row["metrics"]
    figures = (f"{metrics[name]:.3f}" if name in metrics else "-" for name in ("accuracy", "macro_f1", "ece"))
    sources = (str(counts.get(name, "-")) for name in learning.RANK)
    made = row["created_at"][:16].replace("T", " ")
    return (row["id"], row["state"], made, row["made_by"] or "-", *sources, *figures, "; ".join(row["notes"]))


def _summary(row: tables.artefacts.Artefact, gone: int) -> dict[str, Any]:
    notes = []
    if gone:
        notes.append(f"was taught {gone} requests that are gone; the next retrain replaces it")
    if row.refusal:
        notes.append(f"refused: {row.refusal}")
    return {
        "id": row.id,
        "state": row.state.value,
        "created_at": row.created_at.isoformat(),
        "promoted_at": row.promoted_at.isoformat() if row.promoted_at else None,
        "made_by": row.made_by,
        "counts": row.counts,
        "holds_gone": gone,
        "digest": row.digest,
        "signature": row.signature,
        "fingerprint": row.fingerprint,
        "sklearn_version": row.sklearn_version,
        "metrics": row.metrics,
        "notes": notes,
    }


def show(artefact: str, data_dir: DataDir = None) -> None:
    """Show everything the registry knows of an artefact, and how it compares with the one in force; prints JSON."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        row = registry.fetch(session, artefact)
        said = _summary(row, learning.gone(session, row.id).get(row.id, 0))
        said["comparison"] = _comparison(session, house, row)
        typer.echo(json.dumps(said, indent=2))


def _comparison(session: Session, house: Switchboard, row: tables.artefacts.Artefact) -> dict[str, Any] | None:
    compared = promotion.compare(session, row, house.policies)
    if compared is None:
        return None
    return {
        "on": compared.on,
        "candidate": compared.candidate,
        "running": compared.running,
        "worse": list(compared.reasons),
    }


def promote(
    artefact: str,
    *,
    force: Annotated[bool, typer.Option(help="Even if its figures are worse than the running one's.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Put an artefact in force; refused if it is worse than the running one, unless forced."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        already = tables.artefacts.running_id(session) == artefact
        compared = promotion.promote(
            session, artefact, now(), policies=house.policies, secret=house.sites.secret, force=force
        )
    typer.echo(f"{artefact} is already in force" if already else f"{artefact} is in force")
    if compared is not None:
        typer.echo(f"  candidate {told(compared.candidate)}\n  before    {told(compared.running)}\n  ({compared.on})")


def rollback(data_dir: DataDir = None) -> None:
    """Put the artefact that was in force before back; a second time the one before that."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        instead = tables.artefacts.running_id(session)
        back = promotion.rollback(session, now(), policies=house.policies, secret=house.sites.secret).id
    typer.echo(f"{back} is in force again, instead of {instead}" if instead else f"{back} is in force again")
