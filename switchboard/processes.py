"""One function per process: what `switchboard smtp | web | worker | beat | migrate` run."""

import socket
from collections.abc import Callable
from ipaddress import ip_network

from models import schema
from models.errors import Misconfigured
from switchboard import health, logs
from switchboard.lines import Sites, Switchboard
from switchboard.ports import check_port
from switchboard.settings import Settings, load
from workers.app import run_beat, run_worker


def house(settings: Settings | None = None) -> Switchboard:
    """The parts of one production process, from the environment.

    Raises:
        Misconfigured: a setting that every process needs is missing.

    """
    given = settings or load()
    needed = {"DATABASE_URL": given.database_url, "REDIS_URL": given.redis_url, "SECRET_KEY": given.secret_key}
    missing = [f"SWITCHBOARD_{name}" for name, value in needed.items() if value is None]
    if missing:
        raise Misconfigured(public=f"Set {', '.join(missing)} (or run everything on this machine with: switchboard up)")
    logs.configure(given.log_level, given.log_format)
    database, redis, secret = (value.get_secret_value() for value in needed.values() if value)
    return Switchboard(given, Sites(database_url=database, redis_url=redis, secret=secret))


def smtp() -> None:
    """Run the gateway until SIGTERM."""
    from intake import server  # noqa: PLC0415 - the worker needs no aiosmtpd

    parts = house()
    settings = parts.settings
    gateway = server.Gateway(
        accept=parts.accept,
        own_addresses=frozenset(settings.own_addresses),
        max_bytes=settings.max_message_bytes,
        trusted_relays=tuple(ip_network(each) for each in settings.trusted_relays),
        hostname=socket.getfqdn(),
    )
    host = settings.smtp_host or settings.bind
    for port in filter(None, (settings.smtp_port, settings.lmtp_port)):
        check_port(host, port)
    server.run(gateway, host=host, smtp_port=settings.smtp_port, lmtp_port=settings.lmtp_port)


def web() -> None:
    """Run the web until SIGTERM."""
    import uvicorn  # noqa: PLC0415 - only the web needs it

    from switchboard.web import build  # noqa: PLC0415 - same

    parts = house()
    settings = parts.settings
    _ = parts.policies
    check_port(settings.bind, settings.web_port)
    uvicorn.run(
        build(parts),
        host=settings.bind,
        port=settings.web_port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )


def worker() -> None:
    """Run a Celery worker until SIGTERM."""
    parts = house()
    _ = parts.policies
    run_worker(parts.celery, processes=parts.settings.worker_processes, log_level=parts.settings.log_level)


def beat() -> None:
    """Run Celery beat until SIGTERM."""
    parts = house()
    run_beat(parts.celery, log_level=parts.settings.log_level, pulse=health.pulse_file(parts.settings))


def migrate(tell: Callable[[str], None]) -> None:
    """Bring schema and registry to what this version needs; safe on many nodes at once."""
    from switchboard.seed import ensure_artefact  # noqa: PLC0415 - training imports scikit-learn

    parts = house()
    schema.upgrade(parts.engine)
    ensure_artefact(parts, tell)
    tell("The database is at this version's schema.")
