"""The SMTP and LMTP gateway as a process: ports opened, limits kept, ended without losing what was begun."""

import asyncio
import resource
import signal
import time
from collections.abc import Callable

import structlog

from intake.smtp.gateway import Gateway
from intake.smtp.wire import SHUTTING_DOWN, Conversation

BACKLOG = 512
OTHER_FILES = 48
"""Descriptors kept for the database, the log and the ports; the rest is for clients."""
MOST_FILES = 16_384

log = structlog.get_logger()


async def listen(gateway: Gateway, host: str, port: int, *, lmtp: bool = False) -> asyncio.Server:
    """Open a port for SMTP or LMTP; closing the server stops new connections only."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Conversation(gateway, lmtp=lmtp), host, port, backlog=BACKLOG)


async def close(gateway: Gateway, servers: list[asyncio.Server]) -> None:
    """Stop: no new connections, 421 to the idle, running transactions finish within 30 s."""
    gateway.closing = True
    for server in servers:
        server.close()
    deadline = time.monotonic() + gateway.patience.shutdown
    while gateway.open and time.monotonic() < deadline:
        for each in [conversation for conversation in gateway.open if not conversation.busy]:
            each.hang_up(SHUTTING_DOWN)
        await asyncio.sleep(0.05)


def run(gateway: Gateway, *, host: str, smtp_port: int, lmtp_port: int = 0) -> None:
    """Serve until SIGTERM or SIGINT, with never more connections than there are file descriptors for."""
    gateway.connections = min(gateway.connections, max(1, _raise_file_limit() - OTHER_FILES))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_run(gateway, host, smtp_port, lmtp_port))


async def _run(gateway: Gateway, host: str, smtp_port: int, lmtp_port: int) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    servers = []
    if smtp_port:
        servers.append(await listen(gateway, host, smtp_port))
    if lmtp_port:
        servers.append(await listen(gateway, host, lmtp_port, lmtp=True))
    log.info("gateway.ready", smtp=smtp_port, lmtp=lmtp_port)
    await stop.wait()
    await close(gateway, servers)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


def _raise_file_limit() -> int:
    """Take as many descriptors as the system allows us, up to what we can use; how many there are now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return MOST_FILES if soft == resource.RLIM_INFINITY else soft
