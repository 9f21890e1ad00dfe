"""`switchboard up`: everything on one machine, supervised, in one data directory."""

import fcntl
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

from models import schema, tables
from models.errors import Misconfigured
from models.store import transaction
from models.terms import Role
from switchboard import embedded, health
from switchboard.lines import Sites, Switchboard
from switchboard.people import add_engineer
from switchboard.ports import check_port, listen
from switchboard.seed import ensure_artefact
from switchboard.settings import PREFIX, Settings
from switchboard.supervisor import Child, Supervisor

READY_SECONDS = 90.0


def run(settings: Settings, tell: Callable[[str], None]) -> None:
    """Start everything, say where it is, keep it running until told to stop.

    Raises:
        Misconfigured: one line saying what to mend; whatever was started is stopped again.

    """
    started = time.monotonic()
    for port in filter(None, (settings.smtp_port, settings.lmtp_port)):
        check_port(settings.smtp_host or settings.bind, port)
    web = listen(settings.bind, settings.web_port) if settings.web_port else None
    instance = embedded.prepare(settings.data_dir)
    with web or nullcontext(), only_one(instance):
        supervisor = Supervisor(tell)
        try:
            sites = start_stores(settings, instance, supervisor)
            house = Switchboard(settings, sites)
            password = make_ready(house, tell)
            start_processes(settings, instance, sites, supervisor, web)
            wait_until_ready(house, supervisor)
            for line in greeting(settings, password, time.monotonic() - started):
                tell(line)
            supervisor.watch()
        finally:
            tell("Stopping …")
            supervisor.stop()


def start_stores(settings: Settings, instance: embedded.Instance, supervisor: Supervisor) -> Sites:
    """Start PostgreSQL and Redis unless the settings name running ones."""
    if settings.database_url is None:
        embedded.stop_leftover(instance)
        argv, user = embedded.postgres_command(instance)
        log = instance.directory / "postgres.log"
        child = Child(name="postgres", argv=argv, log=log, user=user, stop_signal=signal.SIGINT, ours=False)
        supervisor.add(child)
    if settings.redis_url is None:
        argv = embedded.redis_command(instance)
        supervisor.add(Child(name="redis", argv=argv, log=instance.directory / "redis.log", ours=False))
    if settings.database_url is None:
        embedded.wait_for_postgres(instance)
    if settings.redis_url is None:
        embedded.wait_for_redis(instance)
    return sites_of(settings, instance)


def sites_of(settings: Settings, instance: embedded.Instance) -> Sites:
    """The addresses of both stores and the secret: the operator's where set, else the embedded ones."""
    return Sites(
        database_url=settings.database_url.get_secret_value() if settings.database_url else instance.database_url,
        redis_url=settings.redis_url.get_secret_value() if settings.redis_url else instance.redis_url,
        secret=settings.secret_key.get_secret_value() if settings.secret_key else embedded.secret_key(instance),
    )


def make_ready(house: Switchboard, tell: Callable[[str], None]) -> str | None:
    """Migrate, train a first classifier if there is none, make the first sign-in; its password if new."""
    _ = house.policies
    schema.upgrade(house.engine)
    ensure_artefact(house, tell)
    with transaction(house.engine) as session:
        if tables.directory.engineer_by_login(session, "admin") is not None:
            return None
        password = secrets.token_urlsafe(9)
        add_engineer(session, "admin", password, Role.ADMIN)
    house.engine.dispose()
    return password


def start_processes(
    settings: Settings,
    instance: embedded.Instance,
    sites: Sites,
    supervisor: Supervisor,
    web: socket.socket | None,
) -> None:
    """Start the gateway, the web, the worker and beat, each as its own command.

    We listen for the web ourselves: should it die, Twilio waits a few seconds for the next one instead of being
    refused, and a call that is in progress goes on.
    """
    environment = {
        **os.environ,
        PREFIX + "DATABASE_URL": sites.database_url,
        PREFIX + "REDIS_URL": sites.redis_url,
        PREFIX + "SECRET_KEY": sites.secret,
        **{PREFIX + name.upper(): str(getattr(settings, name)) for name in FLAGS},
        PREFIX + "DATA_DIR": str(instance.directory),
    }
    names = ["worker", "beat"]
    if settings.smtp_port or settings.lmtp_port:
        names.append("smtp")
    if settings.imap_url:
        names.append("imap")
    for name in names:
        supervisor.add(_child(instance, environment, name))
    if web is not None:
        supervisor.add(_child(instance, environment, "web", "--fd", str(web.fileno()), listening=web))


def _child(
    instance: embedded.Instance, environment: Mapping[str, str], *command: str, listening: socket.socket | None = None
) -> Child:
    """One of our own commands."""
    return Child(
        name=command[0],
        argv=[sys.executable, "-m", "switchboard.cli", *command],
        log=instance.directory / f"{command[0]}.log",
        environment=environment,
        listening=listening,
    )


FLAGS = ("bind", "smtp_port", "lmtp_port", "web_port", "public_url")
"""Settings that `up` takes as flags and hands on to the processes it starts."""


def wait_until_ready(house: Switchboard, supervisor: Supervisor) -> None:
    """Return once every process answers.

    Raises:
        Misconfigured: one does not in time; its log says why.

    """
    waiting = [name for name, needed in health.expected(house.settings).items() if needed]
    deadline = time.monotonic() + READY_SECONDS
    while waiting:
        supervisor.check()
        waiting = [name for name in waiting if not health.CHECKS[name](house)]
        if waiting and time.monotonic() > deadline:
            raise Misconfigured(
                public=f"{' and '.join(waiting)} did not get ready; see {house.settings.data_dir}/{waiting[0]}.log"
            )
        time.sleep(0.1)


def greeting(settings: Settings, password: str | None, seconds: float) -> Iterator[str]:
    """What a newcomer needs to know, a line each."""
    own = settings.own_addresses[0]
    yield f"Switchboard is ready ({seconds:.1f} s)."
    if settings.web_port:
        yield f"  Console  {settings.public_url}"
    if settings.smtp_port:
        yield f"  Mail     {settings.smtp_host or settings.bind}:{settings.smtp_port} for {own}"
    if not settings.smarthost:
        yield f"  Replies  {settings.data_dir / 'outbox'} (nothing leaves this machine)"
    if password is not None:
        yield f"  Sign in  admin / {password}   (shown once; switchboard user add makes more)"
    yield f"  Try      switchboard demo{ports(settings)}"


def ports(settings: Settings) -> str:
    """The flags that lead other commands to ports that are not the usual ones."""
    usual = Settings.model_fields
    chosen = [("--smtp-port", "smtp_port"), ("--web-port", "web_port")]
    return "".join(
        f" {flag} {getattr(settings, name)}" for flag, name in chosen if getattr(settings, name) != usual[name].default
    )


@contextmanager
def only_one(instance: embedded.Instance) -> Iterator[None]:
    """Hold the data directory against a second `up`.

    Raises:
        Misconfigured: another one runs on it.

    """
    path: Path = instance.directory / "up.lock"
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Misconfigured(
                public=f"Another switchboard runs on {instance.directory}; stop it or name another --data-dir"
            ) from error
        yield
