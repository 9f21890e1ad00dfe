"""A smarthost that may say anything or nothing, and a reply that waits to be sent."""

import contextlib
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine

from intake import door
from intake.replies import mailer
from intake.replies.mailer import Smarthost
from models import tables
from models.store import transaction
from models.terms import Channel, MailState, OutgoingState, TriageState

RECIPIENT = "marta@nordhandel.example"
CONTENT = b"From: support@example.com\r\nTo: marta@nordhandel.example\r\nSubject: Auto: x\r\n\r\n.dot\r\nGood day\r\n"
DAY = timedelta(days=1)
SILENCE, RESET = "silence", "reset"


class Server:
    """A smarthost that answers as a test wants, and remembers what it was told."""

    def __init__(self) -> None:
        self.answers: dict[str, str | None] = {}
        self.said: list[str] = []
        self.mails: list[str] = []
        self.lines = 0
        self.tls: ssl.SSLContext | None = None
        self.tls_first = False
        self.done = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.listener.getsockname()[1])

    @property
    def url(self) -> str:
        """How it is reached in clear."""
        return f"smtp://127.0.0.1:{self.port}?starttls=never"

    def told(self, verb: str) -> list[str]:
        """What it was told with this command."""
        return [line for line in self.said if line.upper().startswith(verb)]

    def close(self) -> None:
        """Stop."""
        self.done.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes the accept that waits
        self.listener.close()
        self.thread.join(60)

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            self.lines += 1
            with line, contextlib.suppress(OSError):
                if self.tls_first:
                    with self.tls.wrap_socket(line.dup(), server_side=True) as safe:
                        self._converse(safe)
                else:
                    self._converse(line)

    def _converse(self, line: socket.socket) -> None:
        file = line.makefile("rwb")
        with file:
            if not self._answer(line, file, "connect", "220 ready"):
                return
            while words := file.readline().decode("latin-1").strip():
                self.said.append(words)
                verb = words.split(" ")[0].upper()
                offers = "250-mx.example.net\r\n250-AUTH PLAIN" + (
                    "\r\n250 STARTTLS" if self.tls else "\r\n250 8BITMIME"
                )
                usual = {"EHLO": offers, "DATA": "354 go on", "QUIT": "221 bye", "AUTH": "235 in"}.get(verb, "250 ok")
                if not self._answer(line, file, verb, "220 go on" if verb == "STARTTLS" and self.tls else usual):
                    return
                if verb == "STARTTLS" and self.tls:
                    context, self.tls = self.tls, None
                    with context.wrap_socket(line.dup(), server_side=True) as safe:
                        self._converse_safely(safe, context)
                    return
                if verb == "DATA" and (self.answers.get("DATA") or "354").startswith("354"):
                    lines = iter(file.readline, b".\r\n")
                    self.mails.append(b"".join(lines).decode())
                    if not self._answer(line, file, "dot", "250 queued"):
                        return

    def _converse_safely(self, safe: ssl.SSLSocket, context: ssl.SSLContext) -> None:
        greeting, self.answers["connect"] = self.answers.get("connect"), ""
        try:
            self._converse(safe)
        finally:
            self.answers.pop("connect")
            if greeting is not None:
                self.answers["connect"] = greeting
            self.tls = context

    def _answer(self, line: socket.socket, file, step: str, usual: str) -> bool:
        answer = self.answers.get(step, usual)
        if answer == SILENCE:
            self.done.wait(60)
        if answer == RESET:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if answer in (None, SILENCE, RESET):
            return False
        if answer:
            file.write(answer.encode("latin-1") + b"\r\n")
            file.flush()
        return True


@pytest.fixture
def server() -> Iterator[Server]:
    """A smarthost on a free port."""
    made = Server()
    yield made
    made.close()


@pytest.fixture
def smarthost(server: Server) -> Iterator[Callable[..., Smarthost]]:
    """Make the way out to a smarthost, and hang up at the end."""
    made: list[Smarthost] = []

    def make(url: str = "", **options) -> Smarthost:
        made.append(Smarthost(url or server.url, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate for localhost with its key, in one file, trusted by this process."""
    both = tmp_path / "both.pem"
    argv = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    argv += f" -addext subjectAltName=DNS:localhost -keyout {both}.key -out {both}.crt"
    subprocess.run(argv.split(), check=True, capture_output=True)
    both.write_bytes(Path(f"{both}.key").read_bytes() + Path(f"{both}.crt").read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", f"{both}.crt")
    return both


@pytest.fixture
def secure(server: Server, certificate: Path) -> Server:
    """The smarthost, with STARTTLS."""
    server.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.tls.load_cert_chain(certificate)
    return server


@pytest.fixture
def outgoing(engine: Engine, envelope, mail, now: datetime) -> UUID:
    """A reply that waits to be sent."""
    with transaction(engine) as session:
        accepted = door.accept(session, envelope(), mail(), now)
        request = tables.requests.Request(
            channel=Channel.EMAIL, subject="x", policy="wso2", state=TriageState.TO_CONFIRM, received_at=now
        )
        session.add(request)
        session.flush()
        row = tables.mail.OutgoingMail(
            mail_id=accepted,
            request_id=request.id,
            recipient=RECIPIENT,
            message_id="reply.1@example.com",
            content=CONTENT,
            state=OutgoingState.PENDING,
            created_at=now,
        )
        session.add(row)
        session.flush()
        tables.mail.fetch(session, accepted).state = MailState.PROCESSED
        return row.id


@pytest.fixture
def send(engine: Engine, outgoing: UUID, now: datetime) -> Callable[..., OutgoingState]:
    """Send the waiting reply, and say how it stands."""

    def run(transport: mailer.Transport, at: datetime = now, mode: str = "on") -> OutgoingState:
        try:
            mailer.send(engine, outgoing, transport, max_age=DAY, clock=lambda: at, mode=mode)
        finally:
            with transaction(engine) as session:
                run.row = tables.mail.fetch_outgoing(session, outgoing)
        return run.row.state

    return run
