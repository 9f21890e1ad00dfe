"""How fast mail is taken, as ratios measured side by side: stock aiosmtpd, our gateway, Postfix.

Four servers, each a process of its own, take the same load from the same clients in turn: stock
aiosmtpd that forgets what it is given, our gateway that forgets, our gateway as it is (committed to
PostgreSQL before 250), and Postfix taking mail into its own queue on the same disk. The rounds are
interleaved, so that a noisy machine is noisy for all of them; a ratio is taken within each round,
and its median and range are printed. `--short` is a smoke run. Exits 1 if a goal is missed.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import _servers
from sqlalchemy import Engine, text

from models import schema, store
from switchboard import embedded

LOAD = Path(__file__).with_name("_load.py")
SESSIONS = 50
KB2, KB50, MB1 = 2_048, 51_200, 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A load that every server gets."""

    name: str
    size: int
    reconnect: bool = False


KINDS = (
    Kind(name="2 KB", size=KB2),
    Kind(name="50 KB", size=KB50),
    Kind(name="1 MB", size=MB1),
    Kind(name="2 KB, reconnecting", size=KB2, reconnect=True),
)
GOALS = (
    ("durable", "stock", "2 KB", 1.2),
    ("durable", "stock", "50 KB", 2.0),
    ("durable", "stock", "1 MB", 3.0),
    ("durable", "stock", "2 KB, reconnecting", None),
    ("discard", "stock", "2 KB", None),
    ("discard", "stock", "50 KB", None),
    ("discard", "stock", "1 MB", None),
    ("durable", "discard", "2 KB", 0.5),
    ("durable", "postfix", "2 KB", 1.5),
    ("durable", "postfix", "50 KB", None),
    ("durable", "postfix", "1 MB", None),
    ("durable", "postfix", "2 KB, reconnecting", None),
)
"""What is compared with what, and the ratio wanted."""
P99_GOAL = 50.0
"""Milliseconds to 250 at half the load that the gateway can take."""
Rates = dict[tuple[str, str], list[float]]


class Bench:
    """The servers, and what was measured."""

    def __init__(self, engine: Engine, ports: dict[str, int], sessions: int, seconds: float) -> None:
        self.engine = engine
        self.ports = ports
        self.sessions = sessions
        self.seconds = seconds
        self.rates: Rates = {}

    def load(self, server: str, kind: Kind, *words: str) -> dict[str, float]:
        """Put a load on a server; what came of it."""
        words += ("reconnect",) if kind.reconnect else ()
        size, port = str(kind.size), str(self.ports[server])
        argv = [sys.executable, str(LOAD), port, str(self.sessions), size, str(self.seconds), *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{server}, {kind.name}: {done.stderr[-2000:]}")
        if server == "durable":
            self.empty()
        result: dict[str, float] = json.loads(done.stdout)
        return result

    def empty(self) -> None:
        """Make room for the next round, and let PostgreSQL write what it owes before it."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("truncate mails, jobs cascade"))
            connection.execute(text("checkpoint"))

    def round(self, kinds: tuple[Kind, ...]) -> None:
        """One rate of every server for each kind of load."""
        for kind in kinds:
            for server in self.ports:  # in turn, each on its own: nobody else has a load meanwhile
                rate = self.load(server, kind)["rate"]
                self.rates.setdefault((server, kind.name), []).append(rate)

    def latencies(self, rounds: int) -> list[dict[str, float]]:
        """The 99th percentiles at half of what the gateway takes, in milliseconds: to 250, and from when it was due."""
        half = statistics.median(self.rates["durable", "2 KB"]) / 2
        return [self.load("durable", KINDS[0], str(half)) for _ in range(rounds)]


def show(values: list[float], form: str) -> str:
    """Median and range."""
    return f"{statistics.median(values):{form}}  ({min(values):{form}} to {max(values):{form}})"


def report(bench: Bench, latencies: list[dict[str, float]]) -> bool:
    """Print everything; whether every goal is met."""
    print(f"\nmails a second, {bench.sessions} sessions, median (range)")
    for (server, kind_name), rates in bench.rates.items():
        print(f"  {kind_name:20} {server:8} {show(rates, '.0f')}")
    print("\nratios, median (range)")
    met = True
    for server, base, kind_name, goal in GOALS:
        if (base, kind_name) not in bench.rates:
            continue
        pairs = zip(bench.rates[server, kind_name], bench.rates[base, kind_name], strict=True)
        ratios = [one / other for one, other in pairs]
        fulfilled = goal is None or statistics.median(ratios) >= goal
        wanted = "" if goal is None else f"  goal {goal}: {'met' if fulfilled else 'MISSED'}"
        print(f"  {server} / {base:8} {kind_name:20} {show(ratios, '.2f')}{wanted}")
        met &= fulfilled
    p99s = [each["p99"] for each in latencies]
    p99 = statistics.median(p99s)
    verdict = "met" if p99 < P99_GOAL else "MISSED"
    print(f"  250 at half of that load, p99  {show(p99s, '.1f')} ms  goal {P99_GOAL:.0f} ms: {verdict}")
    print(f"  the same from the moment a mail was due, p99  {show([each['due_p99'] for each in latencies], '.1f')} ms")
    return met and p99 < P99_GOAL


def main() -> int:
    """Start the servers, measure in rounds, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a smoke run of a few seconds: figures mean little")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each load")
    given = parser.parse_args()
    rounds, sessions, seconds = (1, 8, 0.4) if given.short else (given.rounds, SESSIONS, given.seconds)
    with tempfile.TemporaryDirectory(prefix="switchboard-bench-") as folder, ExitStack() as stack:
        Path(folder).chmod(0o755)
        url = stack.enter_context(embedded.database(Path(folder) / "var")).database_url
        engine = store.connect(url)
        schema.upgrade(engine)
        ports = {kind: stack.enter_context(_servers.serving(kind, url)) for kind in ("stock", "discard", "durable")}
        missing = _servers.why_no_postfix()
        if missing:
            print(f"skipped: the comparison with Postfix ({missing})")
        else:
            ports["postfix"] = stack.enter_context(_servers.postfix(Path(folder) / "postfix"))
        bench = Bench(engine, ports, sessions, seconds)
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", flush=True)
            bench.round(KINDS[:1] if given.short else KINDS)
        met = report(bench, bench.latencies(rounds))
        engine.dispose()
    return 0 if met or given.short else 1


if __name__ == "__main__":
    sys.exit(main())
