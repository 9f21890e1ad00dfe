"""`autoreply`: stop, allow or rehearse automatic replies while everything runs."""

import getpass
from typing import Annotated

import typer

from models import tables
from models.store import transaction
from models.terms import Autoreply
from switchboard.commands.instance import DataDir, opened
from switchboard.lines import now

SWITCH = "autoreply"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("autoreply")(autoreply)


def autoreply(
    value: Annotated[Autoreply | None, typer.Argument(help="on, dry-run or off; nothing: show what holds.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Switch automatic replies on, to a dry run, or off, within five seconds and for waiting replies too."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        if value is not None:
            tables.mail.set_switch(session, SWITCH, value.value, getpass.getuser(), now())
        switched = tables.mail.switch(session, SWITCH)
        configured = house.settings.autoreply
    holds = configured.at_most(Autoreply(switched)) if switched else configured
    typer.echo(f"{holds.value}\t(configured {configured.value}, switched {switched or 'never'})")
