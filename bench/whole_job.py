"""The whole job, in mails a second: bytes in, request with suggestion stored, reply handed to the smarthost.

The baseline is django-helpdesk's own ingestion of the same mails (bytes in, ticket stored, reply
handed over) into the same PostgreSQL, in turn with ours, each in one process. The work is not equal:
it renders its notifications from templates in the database; we store the raw mail before anything
else, read it with all its history, decide whether to answer, suggest type and priority, and commit every step.

`--peer-venv DIR` names where django-helpdesk is, or is to be, installed. Exits 1 if the goal is missed.
"""

import argparse
import json
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from pydantic import SecretStr
from sqlalchemy import func, select

from intake import door
from models import schema, tables
from models.store import transaction
from models.terms import Envelope, OutgoingState
from switchboard import embedded, logs
from switchboard.lines import Sites, Switchboard
from switchboard.seed import ensure_artefact
from switchboard.settings import Settings

PEER = ("django-helpdesk==2.6.1", "psycopg[binary]>=3.3")
GOAL = 10.0
OWN = "support@example.com"
SMTP_GREETING = 100
SAID = (
    "since this morning the order page answers slowly and after the second step an error appears that we cannot "
    "explain while the export works for some accounts but not for others so please look into it and tell us what "
    "happens with invoices that were sent during the night because our warehouse waits for them"
)
SINK = """
import signal, sys
from aiosmtpd.controller import Controller
class Keep:
    async def handle_DATA(self, server, session, envelope):
        with open(sys.argv[2], "ab") as file:
            file.write(b".")
        return "250 OK"
sink = Controller(Keep(), hostname="127.0.0.1", port=int(sys.argv[1]))
sink.start()
signal.sigwait({signal.SIGTERM})
sink.stop()
"""


def mails(number: int, seed: int) -> list[tuple[str, str]]:
    """Invented mails of 2 KB, each with a sender and a domain of its own: sender, text with CRLF."""
    chance = random.Random(seed)  # noqa: S311 - samples
    words = SAID.split()
    made = []
    for each in range(number):
        sender = f"person{each}@customer{seed}-{each}.example"
        lines, size = [], 0
        while size < 1_700:
            lines.append(" ".join(chance.choices(words, k=12)).capitalize() + ".")
            size += len(lines[-1]) + 2
        head = (
            f"Return-Path: <{sender}>\r\n"
            "Received: from mail.example by mx.example.com; Sat, 21 Nov 2026 09:30:00 +0000\r\n"
            f"From: Person {each} <{sender}>\r\nTo: {OWN}\r\nSubject: {' '.join(chance.choices(words, k=5))}\r\n"
            f"Date: Sat, 21 Nov 2026 09:29:58 +0000\r\nMessage-ID: <{seed}.{each}@customer{seed}-{each}.example>\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        )
        made.append((sender, head + "\r\n".join(lines) + "\r\n"))
    return made


def ours(house: Switchboard, batch: list[tuple[str, str]]) -> float:
    """Seconds until every mail is accepted, processed and answered."""
    before = _answered(house)
    started = time.perf_counter()
    for sender, text in batch:
        envelope = Envelope(mail_from=sender, rcpt_to=(OWN,), peer="127.0.0.1", helo="", received_at=datetime.now(UTC))
        with transaction(house.engine) as session:
            door.accept(session, envelope, text.encode(), datetime.now(UTC))
    while house.drain():
        pass
    took = time.perf_counter() - started
    assert _answered(house) - before == len(batch), "not every mail was answered"
    return took


def _answered(house: Switchboard) -> int:
    """How many replies the smarthost has taken."""
    sent = select(func.count()).where(tables.mail.OutgoingMail.state == OutgoingState.SENT)
    with transaction(house.engine) as session:
        return session.scalar(sent) or 0


class Helpdesk:
    """django-helpdesk in a process of its own Python."""

    def __init__(self, python: Path, database_url: str, sink: int, media: Path) -> None:
        argv = [str(python), str(Path(__file__).with_name("_helpdesk.py"))]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.tickets = 0
        self._say({"database_url": database_url, "sink": sink, "media": str(media)})
        assert self._hear() == "ready"

    def _say(self, what: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def _hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ingest(self, batch: list[tuple[str, str]]) -> float:
        """Seconds until every mail is a ticket and answered."""
        self._say([text for _, text in batch])
        took, tickets = json.loads(self._hear())
        assert tickets - self.tickets == len(batch), "not every mail became a ticket"
        self.tickets = tickets
        return float(took)

    def stop(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)


def peer_python(folder: Path | None) -> Path | None:
    """The Python that has django-helpdesk, installed now if need be; None, after a line that says why."""
    if folder is None:
        print("django-helpdesk is not compared: name a directory with --peer-venv, it is installed there")
        return None
    python = folder.resolve() / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        if subprocess.run([python, "-c", "import helpdesk, psycopg"], capture_output=True, check=False).returncode:
            subprocess.run([python, "-m", "pip", "install", "-q", *PEER], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"django-helpdesk is not compared: it cannot be installed in {folder} ({error})")
        return None
    return python


@contextmanager
def sink(folder: Path) -> Iterator[tuple[int, Path]]:
    """A smarthost in a process of its own that counts what it takes: its port, and a file with a byte for each mail."""
    taken = folder / "taken"
    taken.touch()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([sys.executable, "-c", SINK, str(port), str(taken)])
    try:
        for _ in range(200):
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
                    line.recv(SMTP_GREETING)
                    break
            except OSError:
                time.sleep(0.1)
        yield port, taken
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def built(instance: embedded.Instance, port: int, folder: Path) -> Switchboard:
    """Our parts as a worker has them, with the fuses against loops out of the way: these mails are no loop."""
    settings = Settings(
        data_dir=folder,
        own_addresses=(OWN,),
        smarthost=SecretStr(f"smtp://127.0.0.1:{port}?starttls=never"),
        reply_cap=10**9,
        reply_domain_cap=10**9,
    )
    sites = Sites(
        database_url=instance.database_url, redis_url=instance.redis_url, secret=embedded.secret_key(instance)
    )
    house = Switchboard(settings, sites)
    schema.upgrade(house.engine)
    ensure_artefact(house, lambda _line: None)
    house.warm_up()
    return house


def measure(rounds: int, number: int, python: Path | None) -> dict[str, list[float]]:
    """Mails a second of each, round by round; the first round of each warms up and does not count."""
    rates: dict[str, list[float]] = {"switchboard": [], "django-helpdesk": []}
    with (
        tempfile.TemporaryDirectory() as name,
        embedded.database(Path(name) / "var") as instance,
        sink(Path(name)) as (port, taken),
    ):
        house = built(instance, port, Path(name) / "var")
        peer = _peer(python, instance, port) if python else None
        for each in range(rounds + 1):
            batch = mails(number, each)
            rates["switchboard"].append(number / ours(house, batch))
            if peer is not None:
                rates["django-helpdesk"].append(number / peer.ingest(batch))
        answered = len(taken.read_bytes())
        assert answered == number * (rounds + 1) * (1 if peer is None else 2), f"{answered} replies reached the sink"
        if peer is not None:
            peer.stop()
        house.engine.dispose()
    return {name: each[1:] for name, each in rates.items() if each}


def _peer(python: Path, instance: embedded.Instance, port: int) -> Helpdesk:
    with psycopg.connect(instance.database_url.replace("/switchboard?", "/postgres?"), autocommit=True) as connection:
        connection.execute("create database helpdesk")
    url = instance.database_url.replace("/switchboard?", "/helpdesk?")
    return Helpdesk(python, url, port, instance.directory.parent / "media")


def main() -> int:
    """Measure, print, judge."""
    wanted = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    wanted.add_argument("--peer-venv", type=Path, help="where django-helpdesk is, or is to be, installed")
    wanted.add_argument("--short", action="store_true", help="three rounds of 20 mails instead of five of 100")
    chosen = wanted.parse_args()
    logs.configure("error", "console")
    rates = measure(*((3, 20) if chosen.short else (5, 100)), peer_python(chosen.peer_venv))
    for name, each in rates.items():
        print(f"{name:16} {statistics.median(each):8.1f} mails/s ({min(each):.1f}-{max(each):.1f})")
    if len(rates) == 1:
        return 0
    ratios = [own / other for own, other in zip(*rates.values(), strict=True)]
    ratio = statistics.median(ratios)
    print(f"{'ratio':16} {ratio:8.1f} ({min(ratios):.1f}-{max(ratios):.1f}), goal {GOAL:.0f}")
    return int(ratio < GOAL)


if __name__ == "__main__":
    sys.exit(main())
