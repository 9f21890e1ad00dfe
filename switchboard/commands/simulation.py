"""`policy simulate`: what an edited pack would change for the requests that are stored."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from models.store import transaction
from models.terms import Suggestion
from switchboard.commands.instance import DataDir, opened
from switchboard.lines import Switchboard, now
from triage import policy as packs
from triage.desk.revision import Change, Moved, Outcome, Standing
from triage.desk.simulation import LIMIT, Retargeted, Simulation
from triage.desk.simulation import simulate as replay
from triage.policy import Policy
from triage.suggest import suggest
from triage.targets import Promise

CANNOT = 2
SHOWN = 50
"""Requests told one by one; the JSON has them all."""
DAY = "%Y-%m-%d"


def simulate(
    file: Annotated[Path, typer.Argument(help="The edited pack (YAML).")],
    *,
    since: Annotated[datetime | None, typer.Option(formats=[DAY], help="Only requests received since (UTC).")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many requests, the newest.")] = LIMIT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object with every change.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Replay stored requests under an edited pack and show what would change; nothing is written.

    Compared with the installed pack of the same id, both with the classifier in force. Without one, with the
    suggestions that are stored.
    """
    edited = _usable(file)
    with opened(data_dir) as house:
        found = _replayed(house, edited, since.replace(tzinfo=UTC) if since else None, limit)
    if as_json:
        typer.echo(json.dumps(_object(found), ensure_ascii=False, indent=2))
        return
    for line in _lines(found):
        typer.echo(line)


def _usable(file: Path) -> Policy:
    """The pack in a file; otherwise every mistake is told, and the command ends."""
    pack, mistakes = packs.from_path(file)
    for line in mistakes:
        typer.echo(line, err=True)
    if pack is None or mistakes:
        raise typer.Exit(CANNOT)
    return pack


def _replayed(house: Switchboard, edited: Policy, since: datetime | None, limit: int) -> Simulation:
    classifier = house.running.get()
    if classifier is None:
        typer.echo("No classifier is in force: only rules that name a type or level by themselves speak.", err=True)

    def propose(pack: Policy, **said: Any) -> Suggestion:
        return suggest(pack, classifier, **said)

    def progress(done: int, of: int) -> None:
        bar.length = of
        bar.update(done - bar.pos)

    shown = typer.progressbar(length=limit, label=f"Replaying under {edited.ref}", file=typer.get_text_stream("stderr"))
    with shown as bar, transaction(house.engine) as session:
        # PostgreSQL itself refuses whatever a mistake of ours might write.
        session.connection(execution_options={"postgresql_readonly": True})
        return replay(
            session,
            edited,
            house.policies.get(edited.id),
            propose=propose,
            now=now(),
            since=since,
            limit=limit,
            progress=progress,
        )


def _lines(found: Simulation) -> Iterator[str]:
    against = f"compared with {found.installed} as installed"
    if found.installed is None:
        against = "compared with what was stored: no policy of this id is installed, so deadlines are not compared"
    elif found.same_file:
        against = f"for it is {found.installed} as installed"
    newest = f", the newest of {found.stored}" if found.stored > found.replayed else ""
    yield f"{len(found.changes)} of {found.replayed} requests change under {found.edited}{newest}, {against}."
    if found.without_clock:
        yield f"{found.without_clock} have no clock: they have not reached a channel the SLA covers."
    if found.more_missed or found.fewer_missed:
        yield f"Deadlines: {found.more_missed} more missed, {found.fewer_missed} fewer."
    if not found.changes:
        return
    rows = list(_table(found))
    width = max(len(what) for what, _, _ in rows)
    yield ""
    for what, requests, effects in rows:
        yield f"{what:{width}}  {requests:>8}  {effects}".rstrip()
    yield ""
    for change in found.changes[:SHOWN]:
        yield f"{change.reference}  {'; '.join(_told(change))}"
    if len(found.changes) > SHOWN:
        yield f"… and {len(found.changes) - SHOWN} more; --json lists them all"


def _table(found: Simulation) -> Iterator[tuple[str, str, str]]:
    yield "What changes", "Requests", ""
    counted = Counter(label for change in found.changes for label in _labels(change))
    for label, requests in counted.most_common():
        yield label, str(requests), ""
    for each in found.targets:
        yield _retargeted(each.like), str(len(each.moved)), _effects(each)


def _effects(each: Retargeted) -> str:
    counted = ((each.earlier, "earlier"), (each.later, "later"), (each.more_missed, "more missed"),
               (each.fewer_missed, "fewer missed"))  # fmt: skip
    return ", ".join(f"{number} {word}" for number, word in counted if number)


def _labels(change: Change) -> Iterator[str]:
    """What changes about the labels of a request, in words that are the same for all alike."""
    before, after = change.before, change.after
    if before.type != after.type:
        yield f"type {before.type or 'none'} → {after.type or 'none'}"
    if before.level != after.level:
        yield f"{before.level or 'none'} → {after.level or 'none'}"
    if (before.withheld is None) != (after.withheld is None):
        yield "withheld" if after.withheld else "no longer withheld"
    if change.rules_otherwise and change.decided:
        yield f"decided {change.decided[1]}, which the rules {_eases(change)}"
    yield from (f"not in the edited pack: {held}" for held in change.lost)


def _eases(change: Change) -> str:
    decided = change.decided[1] if change.decided else None
    if change.after.ruled in {decided, None}:
        return f"no longer take to {change.before.ruled}"
    return f"would now take to {change.after.ruled}"


def _told(change: Change) -> Iterator[str]:
    labels = ", ".join(_labels(change))
    if labels:
        yield f"{labels} ({change.reason})" if change.reason else labels
    for moved in change.moved:
        yield f"{_retargeted(moved)}{_fallen(moved)}"


def _retargeted(moved: Moved) -> str:
    """A target and what becomes of it: `response P2: 1 h → 30 min`."""
    name = moved.kind if moved.promise == Promise.GUARANTEED else f"{moved.kind} ({moved.promise})"
    old, new = _target(moved.before), _target(moved.after)
    levels = dict.fromkeys(one.level for one in (moved.before, moved.after) if one and one.level)
    return f"{name} {' → '.join(levels)}: {f'{old} → {new}' if old != new else old}"


def _target(standing: Standing | None) -> str:
    return standing.target if standing else "none"


def _fallen(moved: Moved) -> str:
    due = [one.due for one in (moved.before, moved.after) if one and one.due]
    moments = dict.fromkeys(f"{one:%Y-%m-%d %H:%M}" for one in due)
    told = f", due {' → '.join(moments)} UTC" if moments else ""
    return told + (", missed" if moved.more_missed > 0 else ", not missed" if moved.more_missed < 0 else "")


def _object(found: Simulation) -> dict[str, Any]:
    return {
        "edited": found.edited,
        "installed": found.installed,
        "same_file": found.same_file,
        "stored": found.stored,
        "replayed": found.replayed,
        "without_clock": found.without_clock,
        "more_missed": found.more_missed,
        "fewer_missed": found.fewer_missed,
        "changes": [_change(change) for change in found.changes],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "request": change.reference,
        "decided": {"type": change.decided[0], "level": change.decided[1]} if change.decided else None,
        "before": _outcome(change.before),
        "after": _outcome(change.after),
        "reason": change.reason or None,
        "clocks": [
            {
                "kind": moved.kind,
                "promise": moved.promise,
                "before": _standing(moved.before),
                "after": _standing(moved.after),
                "more_missed": moved.more_missed,
            }
            for moved in change.moved
        ],
        "lost": list(change.lost),
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "type": outcome.type,
        "level": outcome.level,
        "abstained_because": outcome.withheld,
        "rule": outcome.rule,
        "applied": list(outcome.applied),
        "decided_level_by_rules": outcome.ruled,
        "decided_level_rule": outcome.ruled_by,
    }


def _standing(standing: Standing | None) -> dict[str, Any] | None:
    if standing is None:
        return None
    return {
        "level": standing.level,
        "target": standing.target,
        "due": standing.due.isoformat() if standing.due else None,
        "state": standing.state,
        "missed": standing.missed,
    }
