"""The supervisor restarts the dead, gives up on the misconfigured, and stops all in order."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from models.errors import Misconfigured
from switchboard.ports import listen
from switchboard.supervisor import Child, Supervisor


def child(folder, name: str, code: str, **more) -> Child:
    """A child that runs a line of Python."""
    return Child(name=name, argv=[sys.executable, "-c", code], log=folder / f"{name}.log", **more)


def watch_until(supervisor: Supervisor, claim) -> None:
    """Look at the children until a claim holds."""
    deadline = time.monotonic() + 20
    while not claim():
        supervisor.check()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_child_is_started_again_and_told(tmp_path):
    """A new process takes the place of the killed one."""
    told: list[str] = []
    supervisor = Supervisor(told.append)
    kept = child(tmp_path, "kept", "import time; time.sleep(600)")
    supervisor.add(kept)
    first = kept.process.pid
    os.kill(first, signal.SIGKILL)
    watch_until(supervisor, lambda: kept.process is not None and kept.process.pid != first)
    assert told == ["kept ended (SIGKILL); starting it again"]
    supervisor.stop()
    assert kept.process.returncode == -signal.SIGTERM


ANSWERS = """
import socket, sys
listening = socket.socket(fileno=int(sys.argv[1]))
while True:
    caller, _ = listening.accept()
    caller.sendall(b"here")
    caller.close()
"""


def test_callers_wait_while_a_child_is_started_again(tmp_path):
    """Nobody is refused: the socket stays open, and the next process takes whoever came meanwhile."""
    supervisor = Supervisor(lambda _line: None)
    with listen("127.0.0.1", 0) as listening:
        argv = [sys.executable, "-c", ANSWERS, str(listening.fileno())]
        kept = Child(name="web", argv=argv, log=tmp_path / "web.log", listening=listening)
        supervisor.add(kept)
        with socket.create_connection(listening.getsockname(), timeout=20) as caller:
            assert caller.recv(9) == b"here"
        os.kill(kept.process.pid, signal.SIGKILL)
        kept.process.wait()
        with socket.create_connection(listening.getsockname(), timeout=20) as caller:
            watch_until(supervisor, lambda: kept.restarts == 1 and kept.process is not None)
            assert caller.recv(9) == b"here"
    supervisor.stop()


def test_a_child_that_cannot_start_as_configured_is_not_started_again(tmp_path):
    """Exit code 2 carries its last line up."""
    supervisor = Supervisor(lambda _line: None)
    supervisor.add(child(tmp_path, "web", "import sys; print('Port 80: Permission denied'); sys.exit(2)"))
    with pytest.raises(Misconfigured, match="web could not start: Port 80: Permission denied"):
        watch_until(supervisor, lambda: False)


def test_exit_code_two_of_a_foreign_program_means_nothing_special(tmp_path):
    """PostgreSQL and Redis are simply started again."""
    supervisor = Supervisor(lambda _line: None)
    kept = child(tmp_path, "postgres", "import sys; sys.exit(2)", ours=False)
    supervisor.add(kept)
    watch_until(supervisor, lambda: kept.restarts >= 2)
    supervisor.stop()


def test_a_child_that_keeps_dying_is_started_less_often(tmp_path):
    """The pause doubles, so that a broken program does not eat the machine."""
    supervisor = Supervisor(lambda _line: None)
    kept = child(tmp_path, "broken", "raise SystemExit(1)")
    supervisor.add(kept)
    watch_until(supervisor, lambda: kept.restarts >= 4)
    assert kept.not_before - time.monotonic() > 0.3
    supervisor.stop()


LAST_WORDS = """
import signal, sys, time
def end(*_):
    time.sleep(float(sys.argv[2]))
    with open(sys.argv[1], "a") as book:
        book.write(sys.argv[3] + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
open(sys.argv[1] + "." + sys.argv[3], "w").close()
time.sleep(600)
"""


def test_what_others_stand_on_is_stopped_last(tmp_path):
    """Our own commands are asked all at once: the slow one keeps no other waiting, and still has its database."""
    supervisor, book = Supervisor(lambda _line: None), tmp_path / "book"
    for name, ours, slow in (("postgres", False, 0.0), ("worker", True, 1.0), ("web", True, 0.0)):
        argv = [sys.executable, "-c", LAST_WORDS, str(book), str(slow), name]
        supervisor.add(Child(name=name, argv=argv, log=tmp_path / f"{name}.log", ours=ours))
        watch_until(supervisor, Path(f"{book}.{name}").exists)
    supervisor.stop()
    assert book.read_text().split() == ["web", "worker", "postgres"]
