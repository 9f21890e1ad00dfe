"""One function per process: what `switchboard smtp | web | worker | beat | migrate` run."""

import contextlib
import signal
import socket
import ssl
import threading
from collections.abc import Callable
from ipaddress import ip_network

from models import schema
from models.errors import Misconfigured
from switchboard import health, logs
from switchboard.lines import Sites, Switchboard
from switchboard.ports import KEEP_ALIVE_SECONDS, check_port, inherited, listen
from switchboard.settings import Settings, StartTls, load
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
    from intake.smtp import gateway, server, writer  # noqa: PLC0415 - the worker needs no aiosmtpd

    parts = house()
    settings = parts.settings
    host = settings.smtp_host or settings.bind
    tls = None if settings.starttls is StartTls.OFF else certificate(settings)
    for port in filter(None, (settings.smtp_port, settings.lmtp_port)):
        check_port(host, port)
    with writer.Writer(parts.engine, parts.wake) as written:
        taking = gateway.Gateway(
            accept=written.store,
            own_addresses=frozenset(settings.own_addresses),
            max_bytes=settings.max_message_bytes,
            trusted_relays=tuple(ip_network(each) for each in settings.trusted_relays),
            proxies=tuple(ip_network(each) for each in settings.proxy_from),
            mails_per_sender=settings.sender_rate,
            tls=tls,
            require_tls=settings.starttls is StartTls.REQUIRED,
            hostname=socket.getfqdn(),
        )
        server.run(taking, host=host, smtp_port=settings.smtp_port, lmtp_port=settings.lmtp_port)


def certificate(settings: Settings) -> ssl.SSLContext:
    """The gateway's TLS (1.2 and later), with the certificate of the settings.

    Raises:
        Misconfigured: its files cannot be read or do not belong together.

    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(str(settings.tls_certificate), settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        files = f"SWITCHBOARD_TLS_CERTIFICATE={settings.tls_certificate}, SWITCHBOARD_TLS_KEY={settings.tls_key or ''}"
        raise Misconfigured(public=f"{files}: {error}") from error
    return context


def imap() -> None:
    """Fetch mail from the mailbox of `SWITCHBOARD_IMAP_URL` until SIGTERM.

    Raises:
        Misconfigured: no mailbox is set, or its URL cannot be used.

    """
    from intake.imap import fetcher, line  # noqa: PLC0415 - only this process needs it

    parts = house()
    settings = parts.settings
    if settings.imap_url is None:
        raise Misconfigured(public="SWITCHBOARD_IMAP_URL: set it to the mailbox to fetch mail from")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    fetcher.run(
        line.Mailbox.from_url(settings.imap_url.get_secret_value(), token_command=settings.imap_token_command),
        accept=parts.accept,
        own_addresses=settings.own_addresses,
        max_bytes=settings.max_message_bytes,
        stop=stop,
    )


def web(fd: int | None = None) -> None:
    """Run the web until SIGTERM, on its port or on a socket that listens already."""
    import uvicorn  # noqa: PLC0415 - only the web needs it

    from switchboard.web import build  # noqa: PLC0415 - same

    parts = house()
    settings = parts.settings
    _ = parts.policies
    listening = listen(settings.bind, settings.web_port) if fd is None else inherited(fd)
    config = uvicorn.Config(
        build(parts),
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=3,
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn has stopped in good order by then, and says so once more
        uvicorn.Server(config).run(sockets=[listening])


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
