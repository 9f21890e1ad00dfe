"""How long `switchboard up` takes, first and second time, as ratios to a bare PostgreSQL start.

The baseline is what nobody can do without: initdb and a PostgreSQL that answers, measured in the
same run. Prints seconds and ratios; exits 1 if the goals (30 s first, 15 s second) are missed.
"""

import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from switchboard import embedded

ROUNDS = 3
GOALS = {"first": 30.0, "second": 15.0}


def free_port() -> str:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def bare_postgres(folder: Path) -> float:
    """Seconds from nothing to a PostgreSQL that answers."""
    started = time.monotonic()
    with embedded.database(folder):
        return time.monotonic() - started


def up(folder: Path) -> float:
    """Seconds from the command to "is ready"."""
    argv = [sys.executable, "-m", "switchboard.cli", "up", "--data-dir", str(folder)]
    argv += ["--smtp-port", free_port(), "--web-port", free_port()]
    started = time.monotonic()
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if re.search(r"is ready", line):
            break
    took = time.monotonic() - started
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    return took


def main() -> int:
    """Measure, print, judge."""
    seconds: dict[str, list[float]] = {"bare": [], "first": [], "second": []}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            seconds["bare"].append(bare_postgres(Path(folder) / "bare"))
            seconds["first"].append(up(Path(folder) / "var"))
            seconds["second"].append(up(Path(folder) / "var"))
    base = statistics.median(seconds["bare"])
    print(f"{'start':8} {'median s':>9} {'range s':>13} {'ratio to bare PostgreSQL':>26}")
    for name, took in seconds.items():
        middle = statistics.median(took)
        print(f"{name:8} {middle:9.1f} {min(took):6.1f}-{max(took):6.1f} {middle / base:26.1f}")
    return int(any(statistics.median(seconds[name]) > goal for name, goal in GOALS.items()))


if __name__ == "__main__":
    sys.exit(main())
