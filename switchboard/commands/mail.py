"""`parse`, `suggest`, `ingest`, `replay`: mail by hand."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from intake import door
from intake.addresses import mailboxes
from intake.reading import language, message
from intake.reading.differences import differences
from intake.reading.shape import as_json as as_line
from intake.replies.screening import Case, suppression
from models import tables
from models.errors import Invalid, NotFound, SwitchboardError
from models.store import transaction
from models.terms import Channel, Envelope, JobKind
from switchboard.commands.instance import DataDir, opened
from switchboard.lines import Switchboard, now
from switchboard.settings import load
from triage import policy as packs
from triage.suggest import as_json
from triage.suggest import suggest as make_suggestion
from workers.runner import claim, run

Files = Annotated[list[str], typer.Argument(help="Mail files; - reads standard input.")]
TRY_AGAIN = 75
"""sysexits EX_TEMPFAIL: an MTA's pipe transport keeps the mail and tries again."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("parse")(parse)
    app.command("suggest")(suggest)
    app.command("ingest")(ingest)
    app.command("replay")(replay)


def parse(
    files: Files,
    mail_from: Annotated[str | None, typer.Option(help="Envelope sender (default: Return-Path).")] = None,
    rcpt: Annotated[list[str] | None, typer.Option(help="Envelope recipient (default: the first own address).")] = None,
) -> None:
    """Read mails and print one JSON object a line; needs no database, never fails on what is in them."""
    settings = load()
    own, trusted = settings.own_addresses, settings.trusted_authserv_id
    for name, raw in _read(files):
        read = message.parse(raw)
        envelope = Envelope(
            mail_from=_return_path(read) if mail_from is None else mail_from,
            rcpt_to=tuple(rcpt or own[:1]),
            peer="",
            helo="",
            received_at=now(),
        )
        case = Case(envelope=envelope, message=read, own_addresses=frozenset(own), trusted_authserv_id=trusted)
        _print(as_line(read, name, case=case, silence=suppression(case)))


def suggest(
    files: Files,
    policy: Annotated[str, typer.Option(help="Policy id.")],
    *,
    jsonl: Annotated[bool, typer.Option(help='Read {"id","channel","subject","body"} lines instead of mails.')] = False,
) -> None:
    """Suggest type and priority for mails or JSON lines; needs no database."""
    from triage import classifier, training  # noqa: PLC0415 - imports scikit-learn

    policies = packs.load_packs(load().policy_dir)
    if policy not in policies:
        raise NotFound(public=f"No policy {policy!r}; there are {', '.join(sorted(policies))}")
    items = list(_lines(files) if jsonl else _mails(files))  # whatever is wrong with them is told before training
    typer.echo("Training a classifier from the seed corpus …", err=True)
    trained = training.train(training.seed_corpus(), policies)
    ready = classifier.load(trained.content, trained.digest)
    for item in items:
        made = make_suggestion(
            policies[policy],
            ready,
            channel=Channel(item["channel"]),
            subject=item["subject"],
            body=item["body"],
            language=item["language"],
        )
        _print(as_json(made, item["id"]))


def ingest(
    files: Files,
    mail_from: Annotated[str, typer.Option(help="Envelope sender.")] = "",
    rcpt: Annotated[list[str] | None, typer.Option(help="Envelope recipient (default: the first own address).")] = None,
    data_dir: DataDir = None,
) -> None:
    """Put mails in as if they had come by SMTP; exit 75 means: keep it and try again."""
    try:
        with opened(data_dir) as house:
            for _, raw in _read(files):
                recipients = tuple(rcpt or house.settings.own_addresses[:1])
                envelope = Envelope(mail_from=mail_from, rcpt_to=recipients, peer="ingest", helo="", received_at=now())
                house.accept(envelope, raw)
    except SwitchboardError as error:
        if not error.temporary:
            raise
        typer.echo(f"switchboard: {error.public}", err=True)
        raise typer.Exit(TRY_AGAIN) from error


def replay(
    ids: Annotated[list[str] | None, typer.Argument(help="Mail ids, or ids of parked jobs' subjects.")] = None,
    *,
    unparsed: Annotated[bool, typer.Option(help="Every mail that could not be read.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Run parked work again; read mails again that are processed, and show what is read differently now.

    Nobody is answered a second time.
    """
    if not ids and not unparsed:
        raise Invalid(public="Name mail ids, or say --unparsed")
    wanted = set(ids or ())
    with opened(data_dir) as house:
        with transaction(house.engine) as session:
            parked = [
                job
                for job in tables.jobs.parked(session)
                if str(job.subject) in wanted or (unparsed and job.kind is JobKind.MAIL_PROCESS)
            ]
            for job in parked:
                tables.jobs.reopen(job, now())
        for job in parked:
            typer.echo(f"{job.kind}\t{job.subject}\t{_outcome(house, job)}")
        for name in sorted(wanted - {str(job.subject) for job in parked}):
            _read_again(house, name)
    typer.echo(f"{len(parked)} run again", err=True)


def _outcome(house: Switchboard, job: tables.jobs.Job) -> str:
    """Run a job here and now, and say how it ended; a failed one is tried again by the worker."""
    held = claim(house.engine, job.id)
    if held is None:
        return "a worker has it"
    run(house.engine, held, house.plugs[held.kind])
    with transaction(house.engine) as session:
        row = session.get_one(tables.jobs.Job, job.id)
        return row.state.value if row.error is None else f"{row.state.value}: {row.error}"


def _read_again(house: Switchboard, name: str) -> None:
    try:
        mail = UUID(name)
    except ValueError as error:
        raise Invalid(public=f"{name!r} is no id of a mail") from error
    with transaction(house.engine) as session:
        if tables.mail.fetch(session, mail) is None:
            raise NotFound(public=f"No mail and no parked job {name}")
        before, after = door.reread(session, mail, terms=house.reply_terms)
    found = differences(before, after)
    for each in found:
        typer.echo(f"{mail}\t{each.field}\t{each.before}\t{each.after}")
    if not found:
        typer.echo(f"{mail}\tread as before")


def _return_path(read: message.ParsedMessage) -> str:
    """The envelope sender a stored mail still tells: its Return-Path, else its From."""
    paths = read.header("return-path")
    if paths:
        return next((box.address for box in mailboxes(paths[0])), "")
    return read.sender.address if read.sender else ""


def _read(files: list[str]) -> Iterator[tuple[str, bytes]]:
    for name in files:
        if name == "-":
            yield name, sys.stdin.buffer.read()
            continue
        try:
            yield name, Path(name).read_bytes()
        except OSError as error:
            raise Invalid(public=f"{name}: {error.strerror}") from error


def _mails(files: list[str]) -> Iterator[dict[str, Any]]:
    for name, raw in _read(files):
        read = message.parse(raw)
        yield {
            "id": name,
            "channel": "email",
            "subject": read.subject,
            "body": read.new_text or read.text,
            "language": read.language,
        }


def _lines(files: list[str]) -> Iterator[dict[str, Any]]:
    for name, raw in _read(files):
        # Only "\n" ends a line of JSON: a string may hold U+2028 and others that `splitlines` takes for ends too.
        for number, line in enumerate(raw.decode("utf-8-sig", "replace").split("\n"), 1):
            if not line.strip():
                continue
            try:
                yield _item(json.loads(line), number)
            except (ValueError, AttributeError) as error:
                raise Invalid(public=f"{name}:{number}: not a request as JSON: {error}") from error


def _item(given: dict[str, Any], number: int) -> dict[str, Any]:
    """A request as JSON; where its language is not said, it is found as a mail's is."""
    said, body = given.get("language"), str(given.get("body") or "")
    if said is not None and not isinstance(said, str):
        raise ValueError(f'language is {json.dumps(said)}, not a string as "en"')
    return {
        "id": str(given.get("id", number)),
        "channel": Channel(given.get("channel", "email")),
        "subject": str(given.get("subject") or ""),
        "body": body,
        "language": language.detect(body)[0] if said is None else said,
    }


def _print(line: dict[str, Any]) -> None:
    typer.echo(json.dumps(line, ensure_ascii=False))
