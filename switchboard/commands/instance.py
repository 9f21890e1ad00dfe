"""The instance a command works on: production by settings, else the embedded one of a directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from models import schema
from switchboard import embedded, logs
from switchboard.lines import Sites, Switchboard
from switchboard.settings import load
from switchboard.up import sites_of

DataDir = Annotated[Path | None, typer.Option(help="Embedded instance to work on, running or not (default: var).")]


@contextmanager
def opened(data_dir: Path | None) -> Iterator[Switchboard]:
    """The parts of one instance, its database running and migrated for as long as the command needs it."""
    settings = load(data_dir=data_dir)
    logs.configure("warning", settings.log_format)
    if settings.database_url is not None and settings.redis_url is not None and settings.secret_key is not None:
        database, redis = settings.database_url.get_secret_value(), settings.redis_url.get_secret_value()
        sites = Sites(database_url=database, redis_url=redis, secret=settings.secret_key.get_secret_value())
        house = Switchboard(settings, sites)
        yield house
        house.engine.dispose()
        return
    with embedded.database(settings.data_dir) as instance:
        house = Switchboard(settings, sites_of(settings, instance))
        schema.upgrade(house.engine)
        yield house
        house.engine.dispose()
