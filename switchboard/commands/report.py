"""`report`: how the promises of the policies were kept."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from models.errors import Invalid
from models.store import transaction
from switchboard.commands.instance import DataDir, opened
from switchboard.lines import now
from triage.desk.report import Report, report
from triage.explain import duration_words

DAY = "%Y-%m-%d"
A_MONTH = timedelta(days=30)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(kept)


def kept(
    *,
    since: Annotated[datetime | None, typer.Option(formats=[DAY], help="First day, UTC (30 days ago).")] = None,
    until: Annotated[datetime | None, typer.Option(formats=[DAY], help="Day after the last, UTC (now).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Count met and missed targets by account and level, and how fast customers were answered."""
    moment = now()
    last = until.replace(tzinfo=UTC) if until else moment
    if last < EARLIEST + A_MONTH:
        raise Invalid(public=f"--until {last.date()}: nothing is stored from before {EARLIEST:{DAY}}")
    first = since.replace(tzinfo=UTC) if since else last - A_MONTH
    if first >= last:
        raise Invalid(public=f"--since {first:{DAY}} must lie before --until {last:{DAY}}")
    with opened(data_dir) as house, transaction(house.engine) as session:
        found = report(session, policies=house.policies, since=first, until=last, now=moment)
    typer.echo(json.dumps(_json(found), indent=2, ensure_ascii=False) if as_json else "\n".join(_lines(found)))


def _json(found: Report) -> dict[str, Any]:
    return {
        "since": found.since.isoformat(),
        "until": found.until.isoformat(),
        "requests": found.requests,
        "turnaround_seconds": found.turnaround.total_seconds() if found.turnaround is not None else None,
        "answered": found.answered,
        "bounces": found.bounces,
        "left_out": found.left_out,
        "targets": [{name: getattr(each, name) for name in each.__dataclass_fields__} for each in found.kept],
    }


def _lines(found: Report) -> list[str]:
    turnaround = duration_words(found.turnaround) if found.turnaround is not None else "nothing to measure"
    lines = [
        f"{found.requests} requests reached an SLA channel from {found.since:{DAY}} to {found.until:{DAY}}.",
        f"Turn-around, median of {found.answered}: {turnaround}. Passed back to the customer: {found.bounces} times.",
    ]
    if found.left_out:
        lines.append(f"{found.left_out} more are of policies that are not installed here: see switchboard doctor.")
    if not found.kept:
        return [*lines, "No target applied to any of them."]
    table: list[tuple[str, ...]] = [
        ("account", "policy", "level", "decided", "target", "promise", "met", "missed", "open")
    ]
    for one in found.kept:
        counts = tuple(str(number) for number in (one.met, one.missed, one.open))
        decided = "suggested" if one.supposed else "decided"
        table.append((one.account or "(unknown)", one.policy, one.level, decided, one.kind, one.promise, *counts))
    return [*lines, *("\t".join(row) for row in table)]
