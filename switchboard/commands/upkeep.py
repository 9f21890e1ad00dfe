"""`reconcile` and `doctor`: is everything accounted for, is everything in order?"""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import typer
from sqlalchemy import exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from models import schema, tables
from models.store import transaction
from models.terms import JobState, OutgoingState
from switchboard.commands import telephone
from switchboard.commands.instance import DataDir, opened
from switchboard.lines import Switchboard, now
from triage.desk import learning

LEAST_FREE_BYTES = 1 << 30
MOST_CLOCK_SKEW = 5.0
SETTLED = timedelta(hours=1)
"""How long after the end of a call everything about it is told, at the latest."""
FORGOTTEN = timedelta(days=1)
"""How long a call may be overdue before somebody looks why."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("reconcile")(reconcile)
    app.command("doctor")(doctor)


def reconcile(data_dir: DataDir = None) -> None:
    """Account for every accepted mail and call: exit 1 and the list if anything is not."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        open_ends = [*_mails(session), *_calls(session), *_replies(session), *_reaching(session)]
    for line in open_ends:
        typer.echo(line)
    if open_ends:
        raise typer.Exit(1)
    typer.echo("Every accepted mail and call is a request; every mail is answered or says why not.")


def _mails(session: Session) -> Iterator[str]:
    mail, reply = tables.mail.Mail, tables.mail.OutgoingMail
    job = tables.jobs.Job
    unread = select(mail.id, mail.state).where(mail.request_id.is_(None))
    for row in session.execute(unread):
        held = session.scalar(select(job.state).where(job.subject == row.id))
        yield f"mail {row.id} is no request yet (job {held or 'missing'})"
    silent = select(mail.id).where(
        mail.request_id.is_not(None), mail.suppression.is_(None), ~exists().where(reply.mail_id == mail.id)
    )
    for found in session.scalars(silent):
        yield f"mail {found} has neither a reply nor a reason for silence"


def _calls(session: Session) -> Iterator[str]:
    for sid in session.scalars(select(tables.calls.Call.call_sid).where(tables.calls.Call.request_id.is_(None))):
        yield f"call {sid} has no incident"


def _replies(session: Session) -> Iterator[str]:
    reply, job = tables.mail.OutgoingMail, tables.jobs.Job
    stuck = select(reply.id).where(
        reply.state.in_((OutgoingState.PENDING, OutgoingState.SENDING)),
        ~exists().where(job.subject == reply.id, job.state == JobState.WAITING),
    )
    for found in session.scalars(stuck):
        yield f"reply {found} waits and no job will send it"


def _reaching(session: Session) -> Iterator[str]:
    """What nobody will act on any more: telephones that still ring, callers nobody rings, receipts nobody sends."""
    leg, call = tables.reaching.Leg, tables.calls.Call
    over = select(leg.id).join(call, call.id == leg.call_id)
    for found in session.scalars(over.where(leg.ended_at.is_(None), call.ended_at < now() - SETTLED)):
        yield f"telephone {found} still rings, and its call is over"
    for row in tables.reaching.owed(session):
        if row.due_at < now() - FORGOTTEN:
            yield f"owed call {row.id} was due {row.due_at:%Y-%m-%d %H:%M} UTC and nobody was reached"
    receipt, job = tables.reaching.CallReceipt, tables.jobs.Job
    stuck = select(receipt.id).where(
        receipt.state.in_((OutgoingState.PENDING, OutgoingState.SENDING)),
        ~exists().where(job.subject == receipt.id, job.state == JobState.WAITING),
    )
    for found in session.scalars(stuck):
        yield f"receipt {found} waits and no job will send it"


def doctor(data_dir: DataDir = None) -> None:
    """Check settings, database, classifier, clock, disk, parked work and telephone; exit 1 if something is wrong."""
    with opened(data_dir) as house:
        found = list(_findings(house))
    for fine, line in found:
        typer.echo(f"{'ok  ' if fine else 'BAD '} {line}")
    if not all(fine for fine, _ in found):
        raise typer.Exit(1)


def _findings(house: Switchboard) -> Iterator[tuple[bool, str]]:
    yield True, f"settings: policy {house.settings.policy}, {len(house.policies)} policies loaded"
    yield schema.is_current(house.engine), "database schema is this version's"
    with transaction(house.engine) as session:
        theirs = session.scalar(select(func.clock_timestamp()))
        skew = abs((now() - theirs).total_seconds()) if theirs else 0.0
        yield skew < MOST_CLOCK_SKEW, f"clock differs from the database's by {skew:.1f} s"
        yield from _classifier(session)
        yield from _packs(session, house)
        parked = len(tables.jobs.parked(session))
        yield parked == 0, f"{parked} jobs wait for a person (switchboard replay)"
    free = shutil.disk_usage(house.settings.data_dir if house.settings.data_dir.exists() else "/").free
    yield free > LEAST_FREE_BYTES, f"{free // 2**20} MiB of disk free"
    yield from telephone.findings(house)


def _classifier(session: Session) -> Iterator[tuple[bool, str]]:
    """The artefact in force: do workers load it, was it taught what is gone since, does training it anew work?"""
    running = tables.artefacts.running(session)
    yield running is not None, f"classifier in force: {running.id if running else 'none; requests stay unclassified'}"
    if running is not None and running.refusal is not None:
        yield False, f"workers refuse it ({running.refusal}): switchboard classifier rollback, or retrain"
    gone = learning.gone(session, running.id).get(running.id, 0) if running else 0
    if gone:
        yield False, f"it was taught {gone} requests that are gone: switchboard classifier retrain"
    last = tables.lessons.last_retraining(session)
    if last is not None and last.failed and last.ended_at is not None:
        yield False, f"the last training failed: {last.outcome}"
    drift = tables.lessons.last_drift(session)
    drifted = [one["name"] for one in drift.content["measures"] if one["drifted"]] if drift else []
    if drifted:
        yield True, f"drift beyond its limit: {', '.join(drifted)} (switchboard classifier drift)"


def _packs(session: Session, house: Switchboard) -> Iterator[tuple[bool, str]]:
    """Every policy that requests or accounts are served under and that is not installed."""
    what = "is not installed: put the pack of that id back into the policy directory"
    for policy, count in _gone(session, tables.requests.Request.policy, house):
        yield False, f"policy {policy} of {count} requests {what}; until then their clocks and ladders are not watched"
    for policy, count in _gone(session, tables.directory.Account.policy, house):
        instead = f"until then what they raise is served under {house.settings.policy}"
        yield False, f"policy {policy} of {count} accounts {what}; {instead}"


def _gone(session: Session, column: InstrumentedAttribute[Any], house: Switchboard) -> list[tuple[str, int]]:
    gone = column.is_not(None) & column.not_in(house.policies)
    found = session.execute(select(column, func.count()).where(gone).group_by(column).order_by(column))
    return [(policy, count) for policy, count in found]
