"""The SMTP and LMTP gateway: what we say on the wire. Two functions behind it: is it ours, store it.

Built on aiosmtpd, whose parsing of paths, reading of DATA, answer to exceptions and reaction to a
half-closed line are replaced: see the docstrings of the methods that do so.
"""

import asyncio
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, AnyStr

import structlog
from aiosmtpd.smtp import SMTP

from intake import addresses
from models.errors import SwitchboardError
from models.terms import Envelope

IDLE_SECONDS = 300.0
"""RFC 5321 §4.5.3.2: at least five minutes between commands."""
TRANSACTION_SECONDS = 900.0
"""DATA and its commit must end within this, however slowly the bytes drip."""
GRACE_SECONDS = 30.0
"""How long a running DATA may take to finish after we were told to stop."""
MOST_RECIPIENTS = 100
"""RFC 5321 §4.5.3.1.8 wants at least this many."""
MOST_REFUSALS = 20
LONGEST_COMMAND = 2_048
END_OF_DATA = b"\r\n.\r\n"
NULL_PATH = "<>"
WORKERS = 12

log = structlog.get_logger()


@dataclass(kw_only=True)
class Gateway:
    """What the wire needs to know. `accept` blocks, stores and commits, or raises SwitchboardError."""

    accept: Callable[[Envelope, bytes], None]
    own_addresses: frozenset[str]
    max_bytes: int
    hostname: str
    trusted_relays: tuple[IPv4Network | IPv6Network, ...] = ()
    connections_per_peer: int = 50
    connections: int = 900
    open: "set[Conversation]" = field(default_factory=set)
    peers: Counter[str] = field(default_factory=Counter)
    closing: bool = False

    def is_trusted(self, peer: str) -> bool:
        """Whether a peer is one of our own relays, which bring everybody's mail over few addresses."""
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self.trusted_relays)

    def is_crowded(self, peer: str) -> bool:
        """Whether a peer has its share of connections, or the gateway all it can serve."""
        too_many = self.peers[peer] > self.connections_per_peer and not self.is_trusted(peer)
        return too_many or len(self.open) > self.connections

    def is_ours(self, address: str) -> bool:
        """Whether we take mail for this address: our own, tagged or not, and postmaster (RFC 5321 §4.5.1)."""
        wanted = addresses.key(address)
        own = {addresses.key(each) for each in self.own_addresses}
        local, _, domain = wanted.rpartition("@")
        return wanted in own or (local == "postmaster" and domain in {each.rpartition("@")[2] for each in own})


class Hooks:
    """aiosmtpd's hooks; a misspelt one would be ignored, so a test holds these names against its list."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def handle_RCPT(self, server: Any, _session: Any, envelope: Any, address: str, _options: list[str]) -> str:  # noqa: N802 - aiosmtpd's name
        """Take our own recipients; refuse the others here, never by a bounce later."""
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients; send the rest in another transaction"
        if not self._gateway.is_ours(address):
            return str(server.refusal())
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"


class Conversation(SMTP):
    """One SMTP connection."""

    def __init__(self, gateway: Gateway) -> None:
        limits = {"MAIL": 5_000, "RCPT": 100_000, "DATA": 5_000, "RSET": 5_000, "*": 100}
        super().__init__(
            Hooks(gateway),
            hostname=gateway.hostname,
            ident="Switchboard",
            data_size_limit=gateway.max_bytes,
            enable_SMTPUTF8=True,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            command_call_limit=limits,
            timeout=IDLE_SECONDS,
            loop=asyncio.get_running_loop(),
        )
        # aiosmtpd keeps these on the class: one connection's EHLO would change them for all.
        self.command_size_limits = defaultdict(lambda: LONGEST_COMMAND)
        self._gateway = gateway
        self._refusals = 0
        self._peer = ""
        self.busy = False

    # The line.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection against its peer's limit and the gateway's."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else "local"
        self._gateway.open.add(self)
        self._gateway.peers[self._peer] += 1

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection; a commit under way is finished all the same."""
        self._gateway.open.discard(self)
        self._gateway.peers[self._peer] -= 1
        super().connection_lost(error)

    def eof_received(self) -> bool | None:
        """Go on answering a client that has only closed its own side (nc -N, appliances).

        aiosmtpd cancels the running command here, in the middle of storing.
        """
        self._reader.feed_eof()
        return self.session is not None and self.session.ssl is None

    async def _handle_client(self) -> None:
        gateway = self._gateway
        crowded = gateway.is_crowded(self._peer)
        if crowded or gateway.closing:
            await self.hang_up("421 4.7.0 Too many connections" if crowded else "421 4.3.2 Shutting down")
            return
        await super()._handle_client()

    async def hang_up(self, answer: str) -> None:
        """Say a last line and close."""
        if self.transport is not None:
            await self.push(answer)
        if self.transport is not None:
            self.transport.close()

    def _timeout_cb(self) -> None:
        if self.transport is not None:
            self._writer.write(b"421 4.4.2 Timeout\r\n")
        super()._timeout_cb()  # type: ignore[no-untyped-call]

    async def push(self, status: AnyStr) -> None:
        """Write an answer; never echo what a client sent to make terminals and logs misbehave."""
        shown = status if isinstance(status, str) else bytes(status).decode("ascii", "replace")
        echoes = shown.startswith("500 Error: command") or not shown.replace("\r\n", "").isprintable()
        await super().push("500 5.5.2 Command not recognized" if echoes else shown)

    async def handle_exception(self, error: Exception) -> str:
        """Our fault is temporary, always: 451, fixed words. aiosmtpd would answer 500 with the exception's text."""
        if isinstance(error, asyncio.IncompleteReadError):
            if self.transport is not None:
                self.transport.close()
            return "421 4.4.2 Connection closed"
        if not isinstance(error, SwitchboardError):
            log.error("smtp.failed", error=type(error).__name__, exc_info=error)
        elif not error.temporary:
            return "554 5.3.0 " + error.public
        return "451 4.3.0 Temporarily unavailable, please try again later"

    # Commands.

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """The path and its parameters; (None, None) for what is no plain path.

        aiosmtpd reads paths as message headers, so that encoded words in them mean another address.
        """
        text, _, parameters = arg.partition(">") if arg.startswith("<") else arg.partition(" ")
        path = text.removeprefix("<")
        if path == "" and arg.startswith(NULL_PATH):
            return NULL_PATH, parameters.strip()
        if path.lower() == "postmaster":
            path = f"postmaster@{next(iter(self._gateway.own_addresses)).rpartition('@')[2]}"
        checked = addresses.path(path)
        return (None, None) if checked is None else (checked, parameters.strip())

    def refusal(self) -> str:
        """Refuse a recipient; after twenty the line is cut, so that nobody harvests addresses."""
        self._refusals += 1
        if self._refusals > MOST_REFUSALS:
            if self.transport is not None:
                self.loop.call_soon(self.transport.close)
            return "421 4.7.0 Too many refused recipients"
        return "550 5.1.1 No such recipient here"

    async def _speaks_http(self, _arg: str) -> None:
        """A browser was made to talk to us (cross-protocol attack)."""
        await self.hang_up("554 5.7.0 This is not a web server")

    smtp_GET = smtp_POST = smtp_PUT = smtp_HEAD = smtp_OPTIONS = smtp_CONNECT = _speaks_http  # noqa: N815

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        """Take a mail: read to CRLF.CRLF and nothing else, store, commit, then answer.

        Read at once instead of line by line: lines may be as long as they like, only the whole has a limit.
        """
        if await self.check_helo_needed():
            return
        if self.envelope is None or not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        self._reset_timeout(TRANSACTION_SECONDS)
        self.busy = True
        try:
            await self._take()
        finally:
            self.busy = False
            self._reset_timeout()

    async def _take(self) -> None:
        envelope = self.envelope
        content = await self._read_data()
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        if content is None:
            await self.push("552 5.3.4 Message is larger than this system takes")
        else:
            await self._store(envelope, content)

    async def _read_data(self) -> bytes | None:
        """The mail with its dots unstuffed (RFC 5321 §4.5.2); None if it is too large (read to its end)."""
        reader: Any = self._reader
        reader._buffer[:0] = b"\r\n"  # noqa: SLF001 - an empty mail ends at once: let it, too, end in CRLF.CRLF
        reader._limit = self._gateway.max_bytes + len(END_OF_DATA)  # noqa: SLF001 - set by the constructor only
        try:
            content: bytes = await reader.readuntil(END_OF_DATA)
        except asyncio.LimitOverrunError:
            await self._skip_data(reader)
            return None
        finally:
            reader._limit = self.line_length_limit  # noqa: SLF001
        return content[: -len(END_OF_DATA) + 2].replace(b"\r\n..", b"\r\n.")[2:]

    async def _skip_data(self, reader: Any) -> None:
        """Read an oversize mail to its end without keeping it; cut the line at three times the limit."""
        tail, seen = b"", 0
        while seen < 2 * self._gateway.max_bytes:
            chunk = await reader.read(65_536)
            if not chunk:
                raise asyncio.IncompleteReadError(b"", None)
            seen += len(chunk)
            block = tail + chunk
            end = block.find(END_OF_DATA)
            if end >= 0:
                reader._buffer[:0] = block[end + len(END_OF_DATA) :]  # noqa: SLF001 - pipelined commands
                return
            tail = block[-len(END_OF_DATA) + 1 :]
        await self.hang_up("552 5.3.4 Message is far larger than this system takes")
        raise asyncio.IncompleteReadError(b"", None)

    async def _store(self, envelope: Any, content: bytes) -> None:
        accepted = Envelope(
            mail_from="" if envelope.mail_from == NULL_PATH else envelope.mail_from,
            rcpt_to=tuple(dict.fromkeys(envelope.rcpt_tos)),
            peer=self._peer,
            helo=str(self.session.host_name if self.session else "")[:255],
            received_at=datetime.now(UTC),
        )
        # Shielded: a client that goes away cancels the answer, not the commit.
        await asyncio.shield(asyncio.to_thread(self._gateway.accept, accepted, content))
        log.info("mail.accepted", size=len(content), recipients=len(accepted.rcpt_to))
        for _ in self._replies(envelope):
            await self.push("250 2.0.0 OK: stored")

    def _replies(self, _envelope: Any) -> range:
        return range(1)


class LocalConversation(Conversation):
    """One LMTP connection (RFC 2033): LHLO, and one reply for each recipient after the data."""

    async def smtp_LHLO(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        """Greet."""
        await super().smtp_EHLO(arg)

    async def smtp_HELO(self, _hostname: str) -> None:  # noqa: N802
        """Refuse: this is LMTP."""
        await self.push("500 5.5.1 This is LMTP: say LHLO")

    smtp_EHLO = smtp_HELO  # noqa: N815

    def _replies(self, envelope: Any) -> range:
        return range(len(envelope.rcpt_tos))


async def listen(gateway: Gateway, host: str, port: int, *, lmtp: bool = False) -> asyncio.Server:
    """Open a port for SMTP or LMTP; closing the server stops new connections only."""
    loop = asyncio.get_running_loop()
    kind = LocalConversation if lmtp else Conversation
    return await loop.create_server(lambda: kind(gateway), host, port, backlog=512)


async def close(gateway: Gateway, servers: list[asyncio.Server]) -> None:
    """Stop: no new connections, 421 to the idle, running transactions finish within 30 s."""
    gateway.closing = True
    for server in servers:
        server.close()
    deadline = time.monotonic() + GRACE_SECONDS
    while gateway.open and time.monotonic() < deadline:
        for each in [conversation for conversation in gateway.open if not conversation.busy]:
            await each.hang_up("421 4.3.2 Shutting down")
        await asyncio.sleep(0.05)


def run(gateway: Gateway, *, host: str, smtp_port: int, lmtp_port: int = 0) -> None:
    """Serve until SIGTERM or SIGINT."""
    asyncio.run(_run(gateway, host, smtp_port, lmtp_port))


async def _run(gateway: Gateway, host: str, smtp_port: int, lmtp_port: int) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(WORKERS, thread_name_prefix="store"))
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
