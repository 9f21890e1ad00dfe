"""What a call costs: signed webhooks to the real web on a real PostgreSQL, beside a bare endpoint in the same run.

Two servers take the same callers in turn, with the same server settings: `switchboard web` as it is started, and one
FastAPI endpoint that only checks the signature and answers. Loads: *conversation*, 200 calls whose callers answer at
once, as fast as the server lets them (the harder load: what a server takes at most, and how long its queue
is then); *first ring*, the same with calls that end after their first webhook, which opens the incident; and *human*,
200 calls in progress in which every caller listens for one to three seconds before each answer (what 200 parallel
calls are). Ratios are taken within each round, their median and range printed, with what others took of the machine
before each: servers, PostgreSQL and callers share its cores, and on a busy one every figure but the statements is too
bad. `--short` is a smoke run. Exits 1 if a goal is missed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _webhooks_servers
from _webhooks_servers import Server
from sqlalchemy import Engine, text

from models import schema, store
from switchboard import embedded

LOAD = Path(__file__).with_name("_webhooks_load.py")
STATEMENTS = Path(__file__).with_name("_webhooks_statements.py")
CALLS = 200
PACE = 2.0
"""Seconds a caller listens before answering, half of it more or less."""
RATIO_GOAL = 0.2
P99_GOAL = 200.0
QUIET = 0.05
"""What others may take of the machine before it counts as busy."""
KINDS = ("inbound", "turn", "status", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A load: how long callers listen, and after how many turns they hang up (0: at the end)."""

    name: str
    pace: float = 0.0
    turns: int = 0
    longer: float = 1.0


CONVERSATION = Kind(name="conversation", longer=4.0)
FIRST_RING = Kind(name="first ring", turns=-1)
HUMAN = Kind(name="human", pace=PACE, longer=4.0)


class Bench:
    """The servers, and what was measured."""

    def __init__(self, engine: Engine, servers: dict[str, Server], calls: int, seconds: float) -> None:
        self.engine, self.servers, self.calls, self.seconds = engine, servers, calls, seconds
        self.results: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.busy: list[float] = []
        self.statements: dict[str, int] = {}

    def load(self, server: str, kind: Kind, pace: float) -> None:
        """Put a load on a server and keep what came of it."""
        running = self.servers[server]
        words = (running.port, self.calls, self.seconds * kind.longer, pace, kind.turns)
        argv = [sys.executable, str(LOAD), *map(str, words)]
        before = running.cpu_seconds()
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{server}, {kind.name}: {done.stderr[-2000:]}")
        if server == "web":
            self.empty()
        result = json.loads(done.stdout)
        result["cpu_ms"] = (running.cpu_seconds() - before) * 1000 / result["webhooks"]
        self.results.setdefault((server, kind.name), []).append(result)

    def empty(self) -> None:
        """Make room for the next round, and let PostgreSQL write what it owes before it."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("truncate requests, calls, jobs cascade"))
            connection.execute(text("checkpoint"))

    def round(self, pace: float) -> None:
        """Every load once, each on its own."""
        self.busy.append(taken_by_others())
        for kind in (CONVERSATION, FIRST_RING):
            for server in self.servers:
                self.load(server, kind, 0.0)
        self.load("web", HUMAN, pace)

    def figures(self, server: str, kind: Kind, name: str) -> list[float]:
        """One figure of every round."""
        return [each[name] for each in self.results[server, kind.name]]

    def latencies(self, server: str, kind: Kind, webhook: str, name: str) -> list[float]:
        """Milliseconds of one kind of webhook in every round; empty if there was none."""
        return [each["ms"][webhook][name] for each in self.results[server, kind.name] if webhook in each["ms"]]


def taken_by_others(seconds: float = 1.0) -> float:
    """The share of all cores that is in use while nothing is measured; 0 where the system does not tell."""

    def ticks() -> tuple[int, int]:
        try:
            each = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        except OSError:
            return 0, 0
        return sum(each) - each[3] - each[4], sum(each)

    used, total = ticks()
    time.sleep(seconds)
    used_after, total_after = ticks()
    return (used_after - used) / max(1, total_after - total)


def statements(database_url: str) -> dict[str, int]:
    """What each webhook of a conversation asks of PostgreSQL."""
    argv = [sys.executable, str(STATEMENTS), database_url]
    root = Path(__file__).parents[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SWITCHBOARD_")}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=root, env=kept)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    counted: dict[str, int] = json.loads(done.stdout)
    return counted


def show(values: list[float], form: str) -> str:
    """Median and range."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def report(bench: Bench, pace: float) -> bool:
    """Print everything; whether every goal is met."""
    print(f"\nwebhooks a second, {bench.calls} parallel calls that answer at once, median (range)")
    for (server, name), results in bench.results.items():
        if name != HUMAN.name:
            rate, cpu = ([each[figure] for each in results] for figure in ("rate", "cpu_ms"))
            print(f"  {name:13} {server:5} {show(rate, '.0f'):24} {show(cpu, '.2f')} ms of a core each")
    whole = bench.figures("web", CONVERSATION, "conversations")
    turns = bench.figures("web", CONVERSATION, "turns")
    print(f"  whole conversations a second: {show(whole, '.1f')}, of {statistics.median(turns):.1f} turns each")
    for kind in (CONVERSATION, FIRST_RING, HUMAN):
        moments, lost = (sum(bench.figures("web", kind, name)) for name in ("moments", "lost"))
        if moments or lost:
            print(f"  {kind.name}: {moments:.0f} times a caller was asked for a moment, {lost:.0f} calls were lost")
    print("\nmilliseconds to the answer of the web, median (range)")
    for kind in (HUMAN, CONVERSATION, FIRST_RING):
        for webhook in KINDS:
            if p50 := bench.latencies("web", kind, webhook, "p50"):
                p99 = bench.latencies("web", kind, webhook, "p99")
                print(f"  {kind.name:13} {webhook:8} p50 {show(p50, '.1f'):30} p99 {show(p99, '.1f')}")
    human, shortest, longest = show(bench.figures("web", HUMAN, "rate"), ".0f"), pace / 2, pace * 1.5
    print(f"  (human: {bench.calls} calls in progress, each acts every {shortest:g} to {longest:g} s: {human} a s)")
    asked = ", ".join(f"{name} {number}" for name, number in bench.statements.items())
    print(f"\nstatements of a webhook: {asked}; {sum(bench.statements.values())} a conversation")
    print(f"others took {show([each * 100 for each in bench.busy], '.0f')} % of the machine before a round")
    if middle(bench.busy) > QUIET:
        print("  it was BUSY: milliseconds and ratios are too bad, and not to be compared with those of a quiet one")
    return verdicts(bench)


def verdicts(bench: Bench) -> bool:
    """Print the ratios and what became of the goals; whether all are met."""
    print("\nratios and goals")
    met = True
    for kind, goal in ((CONVERSATION, RATIO_GOAL), (FIRST_RING, None)):
        pairs = zip(bench.figures("web", kind, "rate"), bench.figures("bare", kind, "rate"), strict=True)
        ratios = [one / other for one, other in pairs]
        met &= verdict(f"web / bare, {kind.name}", show(ratios, ".3f"), goal, goal is None or middle(ratios) >= goal)
    p99 = bench.latencies("web", HUMAN, "all", "p99")
    met &= verdict(
        f"p99, {bench.calls} calls at human pace", f"{show(p99, '.1f')} ms", P99_GOAL, middle(p99) < P99_GOAL
    )
    at_once = bench.latencies("web", CONVERSATION, "all", "p99")
    name = f"p99, {bench.calls} webhooks at once, always"
    return verdict(name, f"{show(at_once, '.1f')} ms", P99_GOAL, middle(at_once) < P99_GOAL) and met


def middle(values: list[float]) -> float:
    """The median."""
    return statistics.median(values)


def verdict(name: str, shown: str, goal: float | None, fulfilled: bool) -> bool:
    """Print a line; whether its goal, if it has one, is met."""
    wanted = "" if goal is None else f"  goal {goal:g}: {'met' if fulfilled else 'MISSED'}"
    print(f"  {name:38} {shown}{wanted}")
    return fulfilled


def main() -> int:
    """Start the servers, measure in rounds, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a smoke run of a few seconds: figures mean little")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each load")
    parser.add_argument("--keep-log", type=Path, help="where the web's log goes")
    given = parser.parse_args()
    rounds, calls, seconds, pace = (1, 4, 0.2, 0.02) if given.short else (given.rounds, CALLS, given.seconds, PACE)
    with tempfile.TemporaryDirectory(prefix="switchboard-bench-") as folder, ExitStack() as stack:
        Path(folder).chmod(0o755)
        instance = stack.enter_context(embedded.database(Path(folder) / "var"))
        stack.enter_context(_webhooks_servers.serving_redis(instance))
        engine = store.connect(instance.database_url)
        schema.upgrade(engine)
        log = given.keep_log or Path(folder) / "web.log"
        servers = {
            "web": stack.enter_context(_webhooks_servers.serving_web(instance, log)),
            "bare": stack.enter_context(_webhooks_servers.serving_bare()),
        }
        bench = Bench(engine, servers, calls, seconds)
        bench.statements = statements(instance.database_url)
        bench.empty()
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", flush=True)
            bench.round(pace)
        met = report(bench, pace)
        engine.dispose()
    return 0 if met or given.short else 1


if __name__ == "__main__":
    sys.exit(main())
