"""Classifiers of one label, from and on tables of labelled requests; files only, no database."""

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from models.errors import Invalid
from triage import classifier, training

ARTEFACT, MANIFEST = "artefact.joblib", "manifest.json"
LABELS = ("type", "priority")
LONGEST_FIELD = 10_000_000


def train(table: Path, label: str, to: Path) -> None:
    """Train on a table, print cross-validated figures, leave artefact and manifest in a directory."""
    rows = read(table, label)
    with typer.progressbar(
        length=2, label=f"Training on {len(rows)} requests", file=typer.get_text_stream("stderr")
    ) as bar:
        trained = training.train_label(rows, label, progress=lambda done, _: bar.update(done - bar.pos))
    to.mkdir(parents=True, exist_ok=True)
    (to / ARTEFACT).write_bytes(trained.content)
    manifest = {"id": trained.id, "digest": trained.digest, "label": label, "metrics": trained.metrics}
    (to / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    typer.echo(json.dumps(manifest["metrics"], indent=2))


def evaluate(
    directory: Annotated[Path, typer.Argument(help="Directory that classifier train made.")],
    table: Annotated[Path, typer.Argument(help="Labelled requests: CSV (also .gz).")],
    label: Annotated[str, typer.Option(help="type or priority")],
) -> None:
    """Measure an artefact on a table of labelled requests; prints JSON."""
    try:
        digest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))["digest"]
        content = (directory / ARTEFACT).read_bytes()
    except (OSError, ValueError, KeyError) as error:
        raise Invalid(public=f"{directory} holds no artefact; make one with: classifier train") from error
    typer.echo(
        json.dumps(training.evaluate_label(classifier.load(content, digest), read(table, label), label), indent=2)
    )


def read(table: Path, label: str) -> list[dict[str, str]]:
    """The rows of a table that has the label.

    Raises:
        Invalid: no such file, no CSV, or columns are missing; the line says which.

    """
    if label not in LABELS:
        raise Invalid(public=f"--label is {' or '.join(LABELS)}, not {label!r}")
    try:
        rows = [row for _, row in numbered(table)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Invalid(public=f"{table}: {error}") from error
    missing = {"subject", "body", label} - set(rows[0] if rows else ())
    if missing:
        raise Invalid(public=f"{table}: the column {', '.join(sorted(missing))} is missing")
    return rows


def numbered(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file (also .gz), each with the number of the line it begins on."""
    csv.field_size_limit(LONGEST_FIELD)
    opened = gzip.open if table.suffix == ".gz" else open
    with opened(table, "rt", encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        begins = 2
        for row in reader:
            yield begins, row
            begins = reader.line_num + 1
