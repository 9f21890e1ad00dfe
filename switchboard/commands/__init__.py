"""The commands that are not processes, a file per room they speak to."""

import typer

from switchboard.commands import (
    autoreply,
    classifier,
    mail,
    people,
    play,
    policy,
    rehearse,
    report,
    rota,
    twilio,
    upkeep,
)


def register(app: typer.Typer) -> None:
    """Add every command to the application; importing this file adds none."""
    for room in (mail, autoreply, policy, classifier, people, rehearse, report, rota, twilio, upkeep, play):
        room.register(app)
