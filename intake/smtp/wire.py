"""One SMTP or LMTP connection: commands in, answers out, mail read to its end, stored, and then acknowledged.

A frame of aiosmtpd, in which its loop, its reading of paths and DATA, its answer to exceptions, its
STARTTLS and its reaction to a half-closed line are replaced: see the docstrings that say why.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

import structlog
from aiosmtpd.proxy_protocol import get_proxy
from aiosmtpd.smtp import SMTP

from intake.smtp import commands
from intake.smtp.commands import Answer, Dialogue, Then
from intake.smtp.gateway import Gateway, is_in
from models.errors import SwitchboardError
from models.terms import Envelope

END_OF_DATA = b"\r\n.\r\n"
MOST_HOPS = 100
"""Received fields of one mail (RFC 5321 §6.3)."""
HEAD = 262_144
"""How far into a mail its trace is looked for."""
FARTHEST = 65_536
"""How long a command line may go on before the connection is ended."""
QUICK = frozenset({b"MAIL", b"RCPT", b"RSET", b"NOOP"})
"""Commands answered as they arrive, without waking the connection's task."""
SHUTTING_DOWN = b"421 4.3.2 Shutting down\r\n"
CROWDED = b"421 4.7.0 Too many connections\r\n"
TIMED_OUT = b"421 4.4.2 Timeout\r\n"

log = structlog.get_logger()


class Conversation(SMTP):
    """One connection."""

    line_length_limit = commands.LONGEST_COMMAND

    def __init__(self, gateway: Gateway, *, lmtp: bool = False) -> None:
        super().__init__(None, hostname=gateway.hostname, loop=asyncio.get_running_loop())
        self._gateway = gateway
        self._protocol = "LMTP" if lmtp else "ESMTP"
        self._dialogue = Dialogue(gateway, "", lmtp=lmtp)
        self._peer = ""
        self._entered = False
        self._listening = False
        self._hung_up = False
        self.busy = False
        self._storing = False
        self._heard = self._began = self._data_began = self.loop.time()
        self._data_bytes = 0
        self._seen_mails = 0
        self._lines: Any = None

    # The line.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the connection's task."""
        super().connection_made(transport)
        self._lines = self._reader
        self._gateway.open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection; a commit under way is finished all the same."""
        self._leave()
        super().connection_lost(error)

    def _leave(self) -> None:
        self._gateway.open.discard(self)
        if self._entered:
            self._entered = False
            self._gateway.leave(self._peer)

    def data_received(self, data: bytes) -> None:
        """Answer a simple command at once; hand everything else to the connection's task."""
        if self.busy:
            self._heard = self.loop.time()
            self._data_bytes += len(data)
        elif (
            self._listening
            and data[:4].upper() in QUICK
            and data.find(b"\n") == len(data) - 1
            and not self._lines._buffer  # noqa: SLF001 - nothing may overtake what came before
            and not self._paused  # type: ignore[attr-defined]
        ):
            answer = self._answer(data)
            if answer.then is Then.CLOSE:
                self.hang_up(answer.text)
            else:
                self.write(answer.text)
            return
        super().data_received(data)

    def eof_received(self) -> bool | None:
        """Go on answering a client that has only closed its own side (nc -N, appliances).

        aiosmtpd cancels the running command here, in the middle of storing.
        """
        self._reader.feed_eof()
        return not self._dialogue.encrypted

    def write(self, text: bytes) -> None:
        """Say something, if anybody is there."""
        if self.transport is not None:
            self.transport.write(text)  # type: ignore[attr-defined]

    def hang_up(self, text: bytes) -> None:
        """Say a last line and close."""
        if not self._hung_up:
            self._hung_up = True
            self.write(text)
        if self.transport is not None:
            self.transport.close()

    # Time. One lazy timer looks at the line every few seconds; no command arms or cancels one.

    def _reset_timeout(self, _duration: float | None = None) -> None:
        if self._timeout_handle is None:
            self._timeout_handle = self.loop.call_later(self._gateway.patience.look, self._look)

    def _look(self) -> None:
        if self.transport is None:
            return
        if self._hung_up:
            self._lines._transport.abort()  # noqa: SLF001 - it does not even read our last line
        elif self._is_too_slow(self.loop.time()):
            self.hang_up(TIMED_OUT)
        self._timeout_handle = self.loop.call_later(self._gateway.patience.look, self._look)

    def _is_too_slow(self, now: float) -> bool:
        """Whether the client keeps a connection for nothing: idle, without end, or dripping."""
        patience = self._gateway.patience
        if self._storing:
            return False  # we are the slow ones, and the store has its own limit
        if not self._entered:
            return now - self._heard > patience.proxy
        if self._dialogue.mails != self._seen_mails:
            self._seen_mails, self._began = self._dialogue.mails, now
        elif self._dialogue.sender is not None and now - self._began > patience.transaction:
            return True
        if self.busy:
            beyond = now - self._data_began - patience.grace
            if beyond > 0 and self._data_bytes < beyond * patience.least_rate:
                return True
        return now - self._heard > patience.idle

    # The task.

    async def _handle_client(self) -> None:
        """Talk until the end; aiosmtpd's own loop echoes what it does not know and refuses mail for our faults."""
        try:
            if await self._is_admitted():
                await self._converse()
        except (asyncio.IncompleteReadError, OSError):
            pass  # the client went away, or never spoke TLS
        except Exception as error:
            log.exception("connection.failed", error=type(error).__name__)
            self.hang_up(commands.NOT_NOW.text)
        finally:
            self.hang_up(b"")
            self._leave()

    async def _is_admitted(self) -> bool:
        """Find out who it is, and whether there is room."""
        name = self.session.peer if self.session else None
        peer = str(name[0]) if isinstance(name, tuple) else "local"
        if is_in(peer, self._gateway.proxies):
            told = await get_proxy(self._reader)
            if not told.valid:
                self.hang_up(b"")
                return False
            peer = str(told.src_addr) if told.src_addr else peer  # a health check of the balancer's own has none
        self._peer, self._entered = peer, True
        self._dialogue = Dialogue(self._gateway, peer, lmtp=self._dialogue.lmtp)
        has_room = self._gateway.enter(peer)
        if self._gateway.closing or not has_room:
            self.hang_up(SHUTTING_DOWN if self._gateway.closing else CROWDED)
            return False
        return True

    async def _converse(self) -> None:
        self.write(
            f"220 {self._gateway.hostname} {'LMTP' if self._dialogue.lmtp else 'ESMTP'} Switchboard\r\n".encode()
        )
        while not self._hung_up:
            self._listening = True
            line = await self._read_line()
            self._listening = False
            answer = self._answer(line)
            if answer.then is Then.CLOSE:
                self.hang_up(answer.text)
                return
            self.write(answer.text)
            if answer.then is Then.TAKE:
                await self._take()
                if self._gateway.closing:
                    self.hang_up(SHUTTING_DOWN)
            elif answer.then is Then.ENCRYPT:
                await self._encrypt()
            await self._writer.drain()

    def _answer(self, line: bytes) -> Answer:
        """The dialogue's answer; our own bug is temporary."""
        self._heard = self.loop.time()
        try:
            return self._dialogue.answer(line)
        except Exception as error:
            log.exception("command.failed", error=type(error).__name__)
            return commands.NOT_NOW

    async def _read_line(self) -> bytes:
        """A command line; of one that is far too long its beginning, the rest is thrown away."""
        reader, beginning, size = self._reader, b"", 0
        while size <= FARTHEST:
            try:
                line: bytes = await reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as error:
                beginning = await reader.readexactly(error.consumed)
                size += len(beginning)
            else:
                return beginning or line
        raise asyncio.IncompleteReadError(b"", None)

    async def _encrypt(self) -> None:
        """Go on in TLS as if nothing had been said before (RFC 3207 §4.2).

        What came in clear behind STARTTLS is thrown away; a failed handshake ends the connection.
        """
        assert self._gateway.tls is not None  # noqa: S101 - the dialogue offers it only then
        self._lines._buffer.clear()  # noqa: SLF001
        self.transport = await self.loop.start_tls(
            self.transport,  # type: ignore[arg-type]
            self,
            self._gateway.tls,
            server_side=True,
            ssl_handshake_timeout=self._gateway.patience.handshake,
        )
        self._lines._transport = self.transport  # noqa: SLF001
        self._writer._transport = self.transport  # type: ignore[attr-defined] # noqa: SLF001
        self._over_ssl = True
        self._dialogue = Dialogue(self._gateway, self._peer, lmtp=self._dialogue.lmtp, encrypted=True)

    # A mail.

    async def _take(self) -> None:
        """Read to CRLF.CRLF and nothing else, store, commit, then answer: in LMTP for each recipient (RFC 2033)."""
        self.busy = True
        self._data_began, self._data_bytes = self.loop.time(), len(self._lines._buffer)  # noqa: SLF001 - pipelined
        try:
            answer = await self._decide(await self._read_data())
        finally:
            self.busy = self._storing = False
        times = len(self._dialogue.recipients) if self._dialogue.lmtp else 1
        self._dialogue.reset()
        self._heard = self.loop.time()
        self.write(answer.text * times)

    async def _read_data(self) -> bytes | None:
        """The mail with its dots unstuffed (RFC 5321 §4.5.2); None if it is too large (read to its end).

        Read at once instead of line by line: lines may be as long as they like, only the whole has a limit.
        """
        reader = self._lines
        buffer = reader._buffer  # noqa: SLF001 - it has no way to read to an end without copying thrice
        buffer[:0] = b"\r\n"  # an empty mail ends at once: let it, too, end in CRLF.CRLF
        reader._limit = limit = self._gateway.max_bytes + len(END_OF_DATA)  # noqa: SLF001 - set by the constructor only
        searched = 0
        try:
            while (end := buffer.find(END_OF_DATA, searched)) < 0:
                searched = max(0, len(buffer) - len(END_OF_DATA) + 1)
                if len(buffer) > limit:
                    await self._skip_data()
                    return None
                await self._more()
        finally:
            reader._limit = self.line_length_limit  # noqa: SLF001
        content = bytes(memoryview(buffer)[2 : end + 2])
        del buffer[: end + len(END_OF_DATA)]
        if len(content) > self._gateway.max_bytes:
            return None
        return content[content.startswith(b".") :].replace(b"\r\n..", b"\r\n.")

    async def _more(self) -> None:
        """Wait for more bytes.

        Raises:
            IncompleteReadError: there are none to come.

        """
        if self._lines._eof:  # noqa: SLF001
            raise asyncio.IncompleteReadError(b"", None)
        await self._lines._wait_for_data("data")  # noqa: SLF001

    async def _skip_data(self) -> None:
        """Read an oversize mail to its end without keeping it; cut the line at three times the limit."""
        buffer, seen = self._lines._buffer, 0  # noqa: SLF001
        while (end := buffer.find(END_OF_DATA)) < 0:
            seen += len(buffer) - len(END_OF_DATA)
            del buffer[: 1 - len(END_OF_DATA)]
            if seen > 3 * self._gateway.max_bytes:
                self.hang_up(commands.TOO_LARGE.text)
                raise asyncio.IncompleteReadError(b"", None)
            await self._more()
        del buffer[: end + len(END_OF_DATA)]

    async def _decide(self, content: bytes | None) -> Answer:
        """Store the mail if we may; the answer to its end. Our fault is temporary, always (451, fixed words)."""
        if content is None:
            return commands.TOO_LARGE
        if goes_round(content):
            return commands.GOING_ROUND
        self._storing = True
        envelope = self._envelope()
        try:
            await self._gateway.store(envelope, content)
        except SwitchboardError as error:
            if error.temporary:
                return commands.NOT_NOW
            return Answer(b"554 5.3.0 " + error.public.encode("ascii", "replace") + b"\r\n")
        except Exception as error:
            log.exception("mail.not_accepted", error=type(error).__name__)
            return commands.NOT_NOW
        self._gateway.count_mail(envelope.mail_from, self._peer)
        self._dialogue.stored()
        return commands.STORED

    def _envelope(self) -> Envelope:
        return Envelope(
            mail_from=self._dialogue.sender or "",
            rcpt_to=tuple(dict.fromkeys(self._dialogue.recipients)),
            peer=self._peer,
            helo=self._dialogue.helo,
            received_at=datetime.now(UTC),
        )


def goes_round(content: bytes) -> bool:
    """Whether a mail has passed so many hosts that it must be going round in circles (RFC 5321 §6.3)."""
    end = content.find(b"\r\n\r\n", 0, HEAD)
    head = b"\r\n" + content[: end if end >= 0 else HEAD].lower()
    return head.count(b"\r\nreceived:") > MOST_HOPS
