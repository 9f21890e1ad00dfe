"""What the classifier learns from and how it does: import, forget, shadow, drift."""

import csv
import getpass
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from models import tables
from models.errors import Invalid, NotFound
from models.store import transaction
from switchboard.commands import tables_of_requests
from switchboard.commands.instance import DataDir, opened
from switchboard.learning import as_json as as_stored
from switchboard.lines import now
from triage.desk import drift as drifting
from triage.desk import registry
from triage.desk import shadow as shadows
from triage.desk.learning import IMPORT_TEXT
from triage.desk.scoring import told
from triage.policy import Policy

BATCH = 500
COLUMNS = ("id", "subject", "body")
MOST_MISTAKES = 20

Row = dict[str, Any]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


def take_in(
    table: Annotated[Path, typer.Argument(help="Labelled requests: CSV (also .gz): id,subject,body,type,priority.")],
    *,
    policy: Annotated[str, typer.Option(help="The policy whose types and levels the labels are.")],
    remove: Annotated[bool, typer.Option("--remove", help="Remove the requests with these ids instead.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Import labelled requests of another system; every retrain learns from them. An id imported again is replaced.

    The same id twice in one file is refused.
    """
    with opened(data_dir) as house:
        if policy not in house.policies:
            raise Invalid(public=f"--policy {policy}: there are {', '.join(sorted(house.policies))}")
        rows = checked(table, house.policies[policy], labelled=not remove)
        if remove:
            with transaction(house.engine) as session:
                gone = tables.lessons.remove_imported(session, policy, [row["key"] for row in rows])
            typer.echo(f"{gone} imported requests of {policy} removed; the next retrain learns without them.")
            return
        shown = typer.progressbar(length=len(rows), label="Importing", file=typer.get_text_stream("stderr"))
        with shown as bar, transaction(house.engine) as session:
            for batch in _batches(rows):
                tables.lessons.take_in(session, policy, batch, now())
                bar.update(len(batch))
    typer.echo(f"{len(rows)} requests of {policy} imported; the next retrain learns from them.")


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        yield batch


def checked(table: Path, policy: Policy, *, labelled: bool) -> list[Row]:
    """The rows of a table.

    Raises:
        Invalid: a column is missing, or lines have no id, that of another line, no text, or a label the policy does
            not know; all are named at once.

    """
    rows, lines, mistakes = dict[str, Row](), dict[str, int](), list[str]()
    try:
        for place, (line, row) in enumerate(tables_of_requests.numbered(table)):
            if place == 0:
                _has_columns(table, row, labelled=labelled)
            wrong = _mistake(row, policy, labelled=labelled)
            key = (row["id"] or "").strip()
            if not wrong and labelled and key in lines:
                wrong = f"the id {key!r} is that of line {lines[key]} too"
            if wrong:
                mistakes.append(f"line {line}: {wrong}")
            else:
                rows[key] = _kept(row)
            lines.setdefault(key, line)
    except (OSError, UnicodeDecodeError, EOFError, csv.Error) as error:
        raise Invalid(public=f"{table}: {error}") from error
    if mistakes:
        more = f"; and {len(mistakes) - MOST_MISTAKES} more" if len(mistakes) > MOST_MISTAKES else ""
        raise Invalid(public=f"{table}: nothing was imported. {'; '.join(mistakes[:MOST_MISTAKES])}{more}")
    if not rows:
        raise Invalid(public=f"{table}: there is no request in it")
    return list(rows.values())


def _has_columns(table: Path, row: Row, *, labelled: bool) -> None:
    needed = COLUMNS if labelled else COLUMNS[:1]
    missing = [name for name in needed if name not in row]
    if labelled and not {"type", "priority"} & set(row):
        missing.append("type or priority")
    if missing:
        raise Invalid(public=f"{table}: line 1: the column {', '.join(missing)} is missing")


def _mistake(row: Row, policy: Policy, *, labelled: bool) -> str | None:
    if None in row or None in row.values():
        return "it has more or fewer columns than line 1"
    if not row["id"].strip():
        return "it has no id"
    if "\0" in "".join(row.values()):
        return "it holds a NUL character"
    return _wrong_lesson(row, policy) if labelled else None


def _wrong_lesson(row: Row, policy: Policy) -> str | None:
    if not f"{row['subject']}{row['body']}".strip():
        return "it has neither subject nor body"
    known = {"type": [kind.value for kind in policy.types], "priority": [level.value for level in policy.levels]}
    given = {name: value for name in known if (value := (row.get(name) or "").strip())}
    unknown = [
        f"{policy.id} knows no {name} {value!r}, but {', '.join(known[name])}"
        for name, value in given.items()
        if value not in known[name]
    ]
    return " and ".join(unknown) or (None if given else "it has neither type nor priority")


def _kept(row: Row) -> Row:
    return {
        "key": row["id"].strip(),
        "subject": (row.get("subject") or "")[:IMPORT_TEXT],
        "body": (row.get("body") or "")[:IMPORT_TEXT],
        "type": (row.get("type") or "").strip() or None,
        "priority": (row.get("priority") or "").strip() or None,
    }


def forget(
    references: Annotated[list[str], typer.Argument(help="Requests, as people call them: SB-1042 …")],
    *,
    reason: Annotated[str, typer.Option(help="Why; kept with it.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Keep requests from teaching anything, for good; what was taught them already is replaced by the next retrain."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        for reference in references:
            digits = reference.upper().removeprefix(tables.requests.REFERENCE_PREFIX)
            row = tables.requests.by_number(session, int(digits)) if digits.isdecimal() else None
            if row is None:
                raise NotFound(public=f"There is no request {reference}")
            tables.lessons.forget(session, row.id, getpass.getuser(), reason, now())
    typer.echo(f"{len(references)} requests teach nothing any more: switchboard classifier retrain")


def shadow(
    artefact: Annotated[str, typer.Argument(help="The candidate; none: the newest one.")] = "",
    *,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Say how a candidate does beside the artefact in force on live requests, of which nobody was shown its view."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        wanted = registry.fetch(session, artefact) if artefact else shadows.candidate(session)
        found = shadows.beside(session, wanted.id, house.policies) if wanted else None
    if found is None:
        raise NotFound(public="No candidate is tried beside an artefact in force; see switchboard classifier list")
    if as_json:
        typer.echo(json.dumps(asdict(found) | {"enough": found.is_enough}, indent=2))
        return
    for line in _beside(found):
        typer.echo(line)


def _beside(found: shadows.Beside) -> Iterator[str]:
    yield f"{found.candidate} beside {found.running}: {found.scored} suggestions, {found.failed} failed"
    if found.agreement:
        yield "  the same as shown: " + ", ".join(f"{label} {share:.1%}" for label, share in found.agreement.items())
    if found.milliseconds:
        yield f"  it took {found.milliseconds[0]:.1f} ms at the median, {found.milliseconds[1]:.1f} ms at worst"
    if not found.of_candidate or not found.of_running:
        yield "  none of these requests is decided yet: nothing to say of who is right"
        return
    yield f"  on {found.decided} decisions:"
    for name, figures in (("candidate", found.of_candidate), ("in force", found.of_running)):
        yield f"    {name:<10} {told(figures)}"
        for policy, labels in figures["policies"].items():
            top = labels.get("priority", {})
            if top.get("top_n"):
                yield f"      {policy}: {top['top_recall']:.1%} of {top['top_n']} top priorities seen as such"
    if not found.is_enough:
        yield f"  Too few to go by: {found.decided} of {shadows.ENOUGH} decisions."
    yield "  Engineers saw what the one in force suggested: that is kinder to it than to the candidate."


def drift(*, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Measure whether what comes in is still what was taught, and whether engineers still agree; exit 1 if not."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        found = drifting.measure(session, now())
    if as_json:
        typer.echo(json.dumps(as_stored(found), indent=2))
    else:
        for one in found:
            mark = {True: "LOOK", False: "ok  ", None: "?   "}[one.drifted]
            typer.echo(f"{mark} {one.name}: {one.means}{f' {one.advice}' if one.advice else ''}")
    if drifting.drifted(found):
        raise typer.Exit(1)
