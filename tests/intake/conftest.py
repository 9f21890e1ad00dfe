"""A gateway on a free port, and a way to talk to it byte by byte."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import free_ports
import pytest
import uvloop

from intake.smtp import gateway as settings
from intake.smtp import server
from models.terms import Envelope

OWN = "support@example.com"


class Wire:
    """A raw connection to the gateway."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.socket.makefile("rb")
        self.greeting = self.answer()

    def answer(self) -> str:
        """The next reply, its last line."""
        while True:
            line = self.file.readline().decode()
            if line[3:4] != "-":
                return line.strip()

    def say(self, line: str | bytes) -> str:
        """Send a line and read the reply."""
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.answer()

    def send(self, content: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(content)

    def close(self) -> None:
        """Hang up."""
        self.file.close()
        self.socket.close()


class Gateway:
    """A running gateway and what it was given."""

    def __init__(self) -> None:
        self.stored: list[tuple[Envelope, bytes]] = []
        self.fails: Exception | None = None
        self.pause = 0.0
        self.port = 0
        self.lmtp_port = 0
        self.wires: list[Wire] = []
        self.config: settings.Gateway | None = None

    async def accept(self, envelope: Envelope, content: bytes) -> None:
        """Store, or fail as the test wants."""
        if self.fails is not None:
            raise self.fails
        await asyncio.sleep(self.pause)
        self.stored.append((envelope, content))

    def wire(self, *, lmtp: bool = False) -> Wire:
        """Connect."""
        made = Wire(self.lmtp_port if lmtp else self.port)
        self.wires.append(made)
        return made

    def greeted(self, sender: str = "<a@example.org>", recipient: str = f"<{OWN}>") -> Wire:
        """Connect and go as far as DATA."""
        wire = self.wire()
        assert wire.say("EHLO client.example").startswith("250")
        assert wire.say(f"MAIL FROM:{sender}").startswith("250")
        assert wire.say(f"RCPT TO:{recipient}").startswith("250")
        return wire

    def data(self, wire: Wire, content: bytes) -> str:
        """Send DATA and a mail with its end."""
        assert wire.say("DATA").startswith("354")
        wire.send(content + b"\r\n.\r\n")
        return wire.answer()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A gateway for support@example.com with a limit of 100,000 bytes."""
    made = Gateway()
    made.config = settings.Gateway(
        accept=made.accept, own_addresses=frozenset({OWN}), max_bytes=100_000, hostname="mx.example.com"
    )
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

    smtp = run(server.listen(made.config, "127.0.0.1", 0))
    lmtp = run(server.listen(made.config, "127.0.0.1", 0, lmtp=True))
    made.port = smtp.sockets[0].getsockname()[1]
    made.lmtp_port = lmtp.sockets[0].getsockname()[1]
    yield made
    for wire in made.wires:
        wire.close()
    run(server.close(made.config, [smtp, lmtp]))
    run(loop.shutdown_default_executor())
    loop.call_soon_threadsafe(loop.stop)
    thread.join(60)
    loop.close()


@pytest.fixture
def free_port() -> int:
    """A port nobody listens on."""
    return free_ports.free_port()


@pytest.fixture
def connect() -> Callable[[int], socket.socket]:
    """Connect to a port as soon as somebody listens."""

    def connected(port: int) -> socket.socket:
        for _ in range(400):
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=60)
            except ConnectionRefusedError:
                time.sleep(0.1)
        raise ConnectionRefusedError(port)

    return connected


@pytest.fixture
def envelope() -> Callable[..., Envelope]:
    """Make an envelope."""

    def make(mail_from: str = "marta@nordhandel.example", rcpt: str = OWN) -> Envelope:
        at = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
        return Envelope(mail_from=mail_from, rcpt_to=(rcpt,), peer="192.0.2.1", helo="mx.example", received_at=at)

    return make


@pytest.fixture
def mail() -> Callable[..., bytes]:
    """Make a mail's bytes."""

    def make(body: str = "Hello", **headers: str) -> bytes:
        lines = {"From": "Marta <marta@nordhandel.example>", "To": OWN, "Subject": "Orders fail"}
        lines["Message-ID"] = "<m1@nordhandel.example>"
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
        return (head + "\r\n" + body.replace("\n", "\r\n")).encode()

    return make
