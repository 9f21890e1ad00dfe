"""`classifier`: train, evaluate, promote, roll back."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from models import tables
from models.errors import Conflict, Invalid
from models.store import transaction
from switchboard.commands import tables_of_requests
from switchboard.commands.instance import DataDir, opened
from switchboard.lines import Switchboard, now
from triage import training
from triage.desk import learning, registry


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Train, evaluate and promote classifiers.", no_args_is_help=True)
    group.command("train")(train)
    group.command("evaluate")(tables_of_requests.evaluate)
    group.command("list")(listed)
    group.command("promote")(promote)
    group.command("rollback")(rollback)
    app.add_typer(group, name="classifier")


def train(
    table: Annotated[
        Path | None, typer.Argument(help="Labelled requests: CSV (also .gz) with id,subject,body,type,priority.")
    ] = None,
    *,
    label: Annotated[str, typer.Option(help="With a table: type or priority.")] = "",
    to: Annotated[Path | None, typer.Option(help="With a table: directory for the artefact.")] = None,
    from_decisions: Annotated[
        bool, typer.Option("--from-decisions", help="Seed corpus plus every decided request.")
    ] = False,
    promote: Annotated[bool, typer.Option("--promote", help="Put it in force unless it is worse.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Train from decisions (enrolled in the registry, evaluated against the running one), or from a table."""
    if table is not None and to is not None and label:
        tables_of_requests.train(table, label, to)
        return
    if not from_decisions:
        raise Invalid(public="Say --from-decisions, or name a table with --label and --to")
    with opened(data_dir) as house:
        with transaction(house.engine) as session:
            decided = learning.decided_requests(session)
        trained = training.train([*training.seed_corpus(), *decided], house.policies)
        metrics = _compare(house, trained, decided)
        with transaction(house.engine) as session:
            artefact = registry.enrol(session, trained, metrics, secret=house.sites.secret, now=now())
        typer.echo(json.dumps({"id": artefact.id, "decisions": len(decided), **metrics}, indent=2))
        if promote:
            _promote(house, artefact.id, force=False)


def _compare(house: Switchboard, trained: training.Trained, decided: list[Any]) -> dict[str, Any]:
    """Figures of the candidate (cross-validated) and of the running one on the same decided requests."""
    from triage import classifier  # noqa: PLC0415 - imports scikit-learn

    metrics = dict(trained.metrics)
    running = house.running.get()
    if decided and running is not None:
        candidate = classifier.load(trained.content, trained.digest)
        metrics["on_decisions"] = {
            "candidate": training.evaluate(candidate, decided, house.policies),
            "running": training.evaluate(running, decided, house.policies),
        }
    return metrics


def listed(data_dir: DataDir = None) -> None:
    """List the registry, newest first: id, state, when, figures."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        for row in tables.artefacts.every(session):
            typer.echo(f"{row.id}\t{row.state}\t{row.created_at:%Y-%m-%d %H:%M}\t{json.dumps(row.metrics)}")


def promote(
    artefact: str,
    *,
    force: Annotated[bool, typer.Option(help="Even if its figures are worse than the running one's.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Put an artefact in force; refused if it is worse than the running one, unless forced."""
    with opened(data_dir) as house:
        _promote(house, artefact, force=force)


def rollback(data_dir: DataDir = None) -> None:
    """Put the artefact that was in force before back."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        typer.echo(registry.rollback(session, now()).id)


def _promote(house: Switchboard, artefact: str, *, force: bool) -> None:
    with transaction(house.engine) as session:
        candidate = session.get(tables.artefacts.Artefact, artefact)
        running = tables.artefacts.running(session)
        if candidate is not None and running is not None and not force:
            worse = training.is_worse(candidate.metrics, running.metrics)
            if worse:
                raise Conflict(public=f"{artefact} is not promoted: {worse} (--force does it all the same)")
        registry.promote(session, artefact, now())
    typer.echo(f"{artefact} is in force")
