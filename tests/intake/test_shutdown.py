"""The gateway as a process: told to stop, it lets nobody in, hangs up on the idle and finishes what it began."""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

BLOCKING = """
import sys, time
from intake.smtp import server
from intake.smtp.gateway import Gateway
def accept(envelope, content):
    time.sleep(0.5)
    with open(sys.argv[2], "ab") as file:
        file.write(content)
server.run(
    Gateway(
        accept=accept, own_addresses=frozenset({"support@example.com"}), max_bytes=100_000, hostname="mx.example.com"
    ),
    host="127.0.0.1",
    smtp_port=int(sys.argv[1]),
)
"""

WRITING = """
import sys
from intake.smtp import server
from intake.smtp.gateway import Gateway
from intake.smtp.writer import Writer
from models import store
with Writer(store.connect(sys.argv[2]), lambda: None) as writer:
    server.run(
        Gateway(
            accept=writer.store, own_addresses=frozenset({"support@example.com"}), max_bytes=10_000_000,
            hostname="mx.example.com", mails_per_sender=1_000_000,
        ),
        host="127.0.0.1",
        smtp_port=int(sys.argv[1]),
    )
print("closed", file=sys.stderr)
"""


class Process:
    """A running gateway, and where it stores."""

    def __init__(self, program: str, port: int, store: str) -> None:
        self.port = port
        self.store = store
        self.open: list[Any] = []
        words = [sys.executable, "-c", program, str(port), store]
        self.process = subprocess.Popen(
            words, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def connect(self) -> tuple[socket.socket, Any]:
        """A greeted line."""
        for _ in range(400):
            try:
                line = socket.create_connection(("127.0.0.1", self.port), timeout=60)
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        file = line.makefile("rb")
        self.open += [file, line]
        assert file.readline().startswith(b"220")
        return line, file

    def end(self) -> None:
        """Hang up and kill."""
        for each in self.open:
            each.close()
        self.process.kill()
        self.process.communicate(timeout=60)


@pytest.fixture
def running(tmp_path: Path, free_port: int) -> Iterator[Process]:
    """A gateway process whose store blocks for half a second; gone after the test."""
    made = Process(BLOCKING, free_port, str(tmp_path / "stored"))
    yield made
    made.end()


@pytest.fixture
def writing(database_url: str, free_port: int) -> Iterator[Process]:
    """A gateway process with a writer into a database of the test's own."""
    made = Process(WRITING, free_port, database_url)
    yield made
    made.end()


def pour(process: Process, name: int, acknowledged: list[str]) -> None:
    """Send mail after mail until hung up on; note what was acknowledged."""
    line, file = process.connect()
    size = 400_000 if name % 10 == 0 else 2_000
    with contextlib.suppress(OSError):
        line.sendall(b"HELO x\r\n")
        file.readline()
        for number in range(100_000):
            subject = f"{name}-{number}"
            line.sendall(f"MAIL FROM:<a{name}@example.org>\r\nRCPT TO:<support@example.com>\r\nDATA\r\n".encode())
            if [file.readline()[:3] for _ in range(3)] != [b"250", b"250", b"354"]:
                return
            line.sendall(f"Subject: {subject}\r\n\r\n".encode() + b"x" * size + b"\r\n.\r\n")
            if file.readline().startswith(b"250"):
                acknowledged.append(subject)


def poured(process: Process, number: signal.Signals) -> list[str]:
    """The subjects acknowledged by a gateway that is told to stop, or killed, while thirty clients send."""
    acknowledged: list[str] = []
    process.connect()
    clients = [threading.Thread(target=pour, args=(process, name, acknowledged)) for name in range(30)]
    for each in clients:
        each.start()
    deadline = time.monotonic() + 30
    while len(acknowledged) < 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.process.send_signal(number)
    for each in clients:
        each.join(60)
    process.process.wait(60)
    return acknowledged


def stored(database_url: str) -> list[str]:
    """The subjects in the database, each of them whole and with its job."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "select substring(raw from 10 for position(E'\\r\\n\\r\\n'::bytea in raw) - 10), size, octet_length(raw)"
            " from mails join jobs on subject = mails.id"
        ).fetchall()
    assert all(size == length for _, size, length in rows)
    return [bytes(subject).decode() for subject, _, _ in rows]


def test_told_to_stop_it_stores_what_it_acknowledged_and_ends_in_order(writing):
    """Thirty clients in full flow: every 250 is a mail with its job, exit 0, the writer closed (A29)."""
    acknowledged = poured(writing, signal.SIGTERM)
    kept = stored(writing.store)
    assert len(acknowledged) > 30
    assert set(acknowledged) <= set(kept)
    assert len(kept) == len(set(kept))
    assert writing.process.returncode == 0
    assert "closed" in writing.process.communicate(timeout=60)[1]


def test_killed_it_has_stored_what_it_acknowledged(writing):
    """No 250 before the commit, whatever happens next (A5, G1)."""
    acknowledged = poured(writing, signal.SIGKILL)
    kept = stored(writing.store)
    assert len(acknowledged) > 30
    assert set(acknowledged) <= set(kept)
    assert len(kept) == len(set(kept))


def test_a_mail_under_way_is_finished_and_the_idle_are_told(running):
    """421 4.3.2 to the idle, 250 to the busy, then exit 0 (A29)."""
    _, idle = running.connect()
    line, busy = running.connect()
    line.sendall(b"HELO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<support@example.com>\r\nDATA\r\n")
    assert [busy.readline()[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
    running.process.send_signal(signal.SIGTERM)
    assert idle.readline().startswith(b"421 4.3.2")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", running.port), timeout=60)
    line.sendall(b"Subject: last\r\n\r\nstill taken\r\n.\r\n")
    assert busy.readline().startswith(b"250")
    assert busy.readline().startswith(b"421 4.3.2")
    assert running.process.wait(60) == 0
    assert b"still taken" in Path(running.store).read_bytes()
