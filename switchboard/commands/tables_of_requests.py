"""Classifiers of one label, from and on tables of labelled requests; files only, no database."""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from models.errors import ArtefactRefused, Invalid
from triage import classifier, training

ARTEFACT, MANIFEST = "artefact.joblib", "manifest.json"
LABELS = ("type", "priority")
LONGEST_FIELD = 10_000_000


def train(table: Path, label: str, to: Path) -> None:
    """Train on a table, print cross-validated figures, leave artefact and manifest in a directory."""
    rows = read(table, label)
    _is_enough(table, rows, label)
    try:
        to.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Invalid(public=f"--to {to}: {error.strerror}; name a directory") from error
    with typer.progressbar(
        length=2, label=f"Training on {len(rows)} requests", file=typer.get_text_stream("stderr")
    ) as bar:
        trained = training.train_label(rows, label, progress=lambda done, _: bar.update(done - bar.pos))
    if not trained.metrics:
        raise Invalid(public=f"{table}: there is no word in its labelled rows to learn from")
    (to / ARTEFACT).write_bytes(trained.content)
    manifest = {"id": trained.id, "digest": trained.digest, "label": label, "metrics": trained.metrics}
    (to / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    typer.echo(json.dumps(manifest["metrics"], indent=2))


def evaluate(
    directory: Annotated[
        Path,
        typer.Argument(help="Directory that classifier train made. It runs what is in it: only one you made yourself."),
    ],
    table: Annotated[Path, typer.Argument(help="Labelled requests: CSV (also .gz).")],
    label: Annotated[str, typer.Option(help="type or priority")],
) -> None:
    """Measure an artefact on a table of labelled requests; prints JSON.

    It runs what is in the directory: name only one that you made yourself. The digest in the manifest finds a damaged
    file, not a forged one: nothing there is signed.
    """
    rows = read(table, label)
    if not any(_is_usable(row, label) for row in rows):
        raise Invalid(public=f"{table}: no row has both a {label} and a text")
    typer.echo(json.dumps(training.evaluate_label(_loaded(directory), rows, label), indent=2))


def _loaded(directory: Path) -> classifier.Classifier:
    try:
        digest = str(json.loads((directory / MANIFEST).read_text(encoding="utf-8"))["digest"])
        content = (directory / ARTEFACT).read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Invalid(public=f"{directory} holds no artefact; make one with: classifier train") from error
    try:
        return classifier.load(content, digest)
    except ArtefactRefused as error:
        raise Invalid(
            public=f"{directory / ARTEFACT} is refused: {error}; make it anew with: classifier train"
        ) from error


def _is_usable(row: dict[str, str], label: str) -> bool:
    return bool((row.get(label) or "").strip() and f"{row.get('subject') or ''}{row.get('body') or ''}".strip())


def _is_enough(table: Path, rows: list[dict[str, str]], label: str) -> None:
    """Refuse a table from which nothing is learnt; warn on standard error of ids that occur more than once."""
    classes = {row[label] for row in rows if _is_usable(row, label)}
    if not classes:
        raise Invalid(public=f"{table}: no row has both a {label} and a text: there is nothing to learn from")
    if len(classes) == 1:
        raise Invalid(public=f"{table}: every {label} is {classes.pop()!r}: there is nothing to tell apart")
    counted = Counter(name for row in rows if (name := (row.get("id") or "").strip()))
    repeated = sum(1 for count in counted.values() if count > 1)
    if repeated:
        typer.echo(f"{table}: {repeated} ids occur more than once; each of their rows is learnt from", err=True)


def read(table: Path, label: str) -> list[dict[str, str]]:
    """The rows of a table that has the label.

    Raises:
        Invalid: no such file, no CSV, no rows, or columns are missing; the line says which.

    """
    if label not in LABELS:
        raise Invalid(public=f"--label is {' or '.join(LABELS)}, not {label!r}")
    try:
        rows = [row for _, row in numbered(table)]
    except (OSError, UnicodeDecodeError, EOFError, csv.Error) as error:
        raise Invalid(public=f"{table}: {error}") from error
    if not rows:
        raise Invalid(public=f"{table}: there are no rows in it")
    missing = {"subject", "body", label} - set(rows[0])
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
