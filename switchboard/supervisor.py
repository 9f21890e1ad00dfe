"""Keep a handful of processes running: one that dies is started again, all stop together."""

import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from models.errors import Misconfigured

STOP_SECONDS = 35.0
"""How long a process may take to finish what it does (the SMTP gateway finishes running DATA in 30)."""
LONGEST_PAUSE = 5.0
STEADY_SECONDS = 20.0
"""A process that lived this long starts again at once when it dies."""
CANNOT_START = 2
"""Exit code of our own commands for: the configuration must be mended first."""
PR_SET_PDEATHSIG = 1


@dataclass(slots=True, kw_only=True)
class Child:
    """One process to keep: its command, its log, and the signal that ends it in good order.

    `ours` marks our own commands, whose exit code 2 means that starting again would not help. `listening` is a socket
    it takes its connections from: it stays open while the process is started again.
    """

    name: str
    argv: list[str]
    log: Path
    environment: Mapping[str, str] | None = None
    user: str | None = None
    stop_signal: int = signal.SIGTERM
    ours: bool = True
    listening: socket.socket | None = None
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    restarts: int = 0
    not_before: float = field(default=0.0)


class Supervisor:
    """Starts children in the order they are added; what others stand on is stopped last."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._children: list[Child] = []
        self._stopping = False

    def add(self, child: Child) -> None:
        """Start a child and keep it from now on."""
        self._children.append(child)
        self._spawn(child)

    def watch(self) -> None:
        """Restart whatever dies, until SIGINT or SIGTERM.

        Raises:
            Misconfigured: one of our own commands said that it cannot start as configured.

        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask_to_stop)
        while not self._stopping:
            self.check()
            time.sleep(0.1)

    def check(self) -> None:
        """Look at every child once; start the dead ones again.

        Raises:
            Misconfigured: a child exited with code 2.

        """
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._bury(child, child.process.returncode)
            if child.process is None and time.monotonic() >= child.not_before:
                self._spawn(child)

    def stop(self) -> None:
        """End our own commands, all at once, and then what they stand on, the last one started first."""
        self._end([child for child in self._children if child.ours])
        for child in reversed(self._children):
            self._end([child])

    def _end(self, children: list[Child]) -> None:
        running = [(child, child.process) for child in children if child.process and child.process.poll() is None]
        for child, process in running:
            process.send_signal(child.stop_signal)
        deadline = time.monotonic() + STOP_SECONDS
        for child, process in running:
            try:
                process.wait(timeout=max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                self._tell(f"{child.name} did not stop in {STOP_SECONDS:.0f} s and was killed")
                process.kill()
                process.wait()

    def _ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _spawn(self, child: Child) -> None:
        with child.log.open("ab") as log:
            child.process = subprocess.Popen(
                child.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=None if child.environment is None else dict(child.environment),
                user=child.user,
                cwd="/" if child.user else None,
                pass_fds=(child.listening.fileno(),) if child.listening else (),
                start_new_session=True,  # Ctrl-C reaches us alone; we stop the children in order
                preexec_fn=_tied_to_parent(child.stop_signal),  # noqa: PLW1509 - we start no threads
            )
        child.started_at = time.monotonic()

    def _bury(self, child: Child, code: int) -> None:
        child.process = None
        if child.ours and code == CANNOT_START:
            raise Misconfigured(public=f"{child.name} could not start: {last_line(child.log)}")
        lived = time.monotonic() - child.started_at
        child.restarts = 0 if lived > STEADY_SECONDS else child.restarts + 1
        pause = min(0.1 * 2 ** max(child.restarts - 1, 0), LONGEST_PAUSE) if child.restarts else 0.0
        child.not_before = time.monotonic() + pause
        self._tell(f"{child.name} ended ({describe(code)}); starting it again")


def _tied_to_parent(stop_signal: int) -> Callable[[], None]:
    """What a child does first on Linux: ask to be ended when we die, even if we are killed."""
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, stop_signal)


def describe(code: int) -> str:
    """An exit status in words: "exit code 1", "SIGKILL"."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def last_line(log: Path) -> str:
    """The last line a process wrote."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
