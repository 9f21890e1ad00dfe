"""The gateway as a process: told to stop, it lets nobody in, hangs up on the idle and finishes what it began."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import sys, time
from intake import server
def accept(envelope, content):
    time.sleep(0.5)
    with open(sys.argv[2], "ab") as file:
        file.write(content)
server.run(
    server.Gateway(
        accept=accept, own_addresses=frozenset({"support@example.com"}), max_bytes=100_000, hostname="mx.example.com"
    ),
    host="127.0.0.1",
    smtp_port=int(sys.argv[1]),
)
"""


class Process:
    """A running gateway, and where it stores."""

    def __init__(self, store: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.store = store
        self.open: list[Any] = []
        words = [sys.executable, "-c", PROGRAM, str(self.port), str(store)]
        self.process = subprocess.Popen(words, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL)

    def connect(self) -> tuple[socket.socket, Any]:
        """A greeted line."""
        for _ in range(100):
            try:
                line = socket.create_connection(("127.0.0.1", self.port), timeout=10)
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        file = line.makefile("rb")
        self.open += [file, line]
        assert file.readline().startswith(b"220")
        return line, file


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Process]:
    """A gateway process; gone after the test."""
    made = Process(tmp_path / "stored")
    yield made
    for each in made.open:
        each.close()
    made.process.kill()
    made.process.wait(10)


def test_a_mail_under_way_is_finished_and_the_idle_are_told(running):
    """421 4.3.2 to the idle, 250 to the busy, then exit 0 (A29)."""
    _, idle = running.connect()
    line, busy = running.connect()
    line.sendall(b"HELO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<support@example.com>\r\nDATA\r\n")
    assert [busy.readline()[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
    running.process.send_signal(signal.SIGTERM)
    assert idle.readline().startswith(b"421 4.3.2")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", running.port), timeout=5)
    line.sendall(b"Subject: last\r\n\r\nstill taken\r\n.\r\n")
    assert busy.readline().startswith(b"250")
    assert busy.readline().startswith(b"421 4.3.2")
    assert running.process.wait(10) == 0
    assert b"still taken" in running.store.read_bytes()
