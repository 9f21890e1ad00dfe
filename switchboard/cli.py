"""The command line. Exit code 0: done, 1: the answer is no, 2: could not."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from models.errors import SwitchboardError

app = typer.Typer(
    name="switchboard",
    help="E-mail and phone intake gateway for production support.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
DataDir = Annotated[Path | None, typer.Option(help="Embedded mode: data directory (default: var).")]


def main() -> None:
    """Run the command line; every known error is one clear line and exit code 2."""
    from switchboard.commands import register  # noqa: PLC0415 - commands import what they need

    register(app)
    _refuse_foreign_bytes(sys.argv[1:])
    try:
        code = app(standalone_mode=False)
    except SwitchboardError as error:
        _fail(error.public)
    except typer.TyperException as error:
        error.show()  # type: ignore[attr-defined] # every one that typer raises can show itself, with its usage
        sys.exit(2)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _refuse_foreign_bytes(words: list[str]) -> None:
    """Refuse words that Python could not decode: no database takes them and no terminal shows them."""
    for word in words:
        if not word.isascii() and any("\ud800" <= sign <= "\udfff" for sign in word):
            _fail(f"{word!a} is not written in this terminal's encoding: write it in UTF-8")


def _fail(line: str) -> None:
    typer.echo(f"switchboard: {line}", err=True)
    sys.exit(2)


@app.command()
def up(
    data_dir: DataDir = None,
    bind: Annotated[str | None, typer.Option(help="Address to listen on (default 127.0.0.1).")] = None,
    smtp_port: Annotated[int | None, typer.Option(help="SMTP port (default 8025; 0: off).")] = None,
    lmtp_port: Annotated[int | None, typer.Option(help="LMTP port (default 0: off).")] = None,
    web_port: Annotated[int | None, typer.Option(help="Web port (default 8000; 0: off).")] = None,
) -> None:
    """Run everything on this machine: PostgreSQL, Redis, mail, web and workers, supervised."""
    from switchboard import logs, settings, up  # noqa: PLC0415 - `--help` stays quick

    given = settings.load(data_dir=data_dir, bind=bind, smtp_port=smtp_port, lmtp_port=lmtp_port, web_port=web_port)
    logs.configure("warning", given.log_format)
    up.run(settings.with_local_url(given), typer.echo)


@app.command()
def smtp() -> None:
    """Run the SMTP (and LMTP) gateway."""
    from switchboard import processes  # noqa: PLC0415

    processes.smtp()


@app.command()
def imap() -> None:
    """Fetch mail from a mailbox that lives elsewhere (SWITCHBOARD_IMAP_URL)."""
    from switchboard import processes  # noqa: PLC0415

    processes.imap()


@app.command()
def web(
    fd: Annotated[
        int | None, typer.Option(help="Inherited socket that listens already, instead of the web port.")
    ] = None,
) -> None:
    """Run console, portal, API and webhooks."""
    from switchboard import processes  # noqa: PLC0415

    processes.web(fd)


@app.command()
def worker() -> None:
    """Run a Celery worker: it reads mail, suggests, replies."""
    from switchboard import processes  # noqa: PLC0415

    processes.worker()


@app.command()
def beat() -> None:
    """Run Celery beat: it looks for work that nobody was woken for."""
    from switchboard import processes  # noqa: PLC0415

    processes.beat()


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema; train a first classifier if there is none."""
    from switchboard import processes  # noqa: PLC0415

    processes.migrate(typer.echo)


@app.command()
def healthcheck(process: Annotated[str, typer.Argument(help="smtp, web, worker or beat")]) -> None:
    """Say whether a process does its work (exit 0 or 1)."""
    from switchboard import health, processes  # noqa: PLC0415

    if process not in health.CHECKS:
        raise typer.BadParameter(f"no process {process!r}; there are {', '.join(health.CHECKS)}")
    healthy = health.CHECKS[process](processes.house())
    typer.echo("ok" if healthy else f"{process} does not answer")
    sys.exit(0 if healthy else 1)


if __name__ == "__main__":
    main()
