"""A whole running house for journeys: `switchboard up` as an operator starts it, on free ports."""

import fcntl
import mailbox
import os
import re
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx2
import pytest
from free_ports import free_port
from twilio.request_validator import RequestValidator

from switchboard import embedded

OWN = "support@localhost"
ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "sample-token-of-the-journeys"
READY = 120.0


class House:
    """A running instance and what a customer, Twilio or an engineer does to it."""

    def __init__(self, folder: Path, *, like: "House | None" = None, **environment: str) -> None:
        self.folder = folder
        self.data_dir = folder / "var"
        self.said_before = ""
        if like is not None:  # with its owners: as root, PostgreSQL's files are not ours
            subprocess.run(["cp", "-a", str(like.data_dir), str(self.data_dir)], check=True)
            self.said_before = like.said()
        self.smtp_port, self.web_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.web_port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SWITCHBOARD_")}
        self.environment = kept | {
            "SWITCHBOARD_OWN_ADDRESSES": OWN,
            "SWITCHBOARD_TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "SWITCHBOARD_TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "SWITCHBOARD_SWEEP_SECONDS": "2",
            **environment,
        }
        self.output = folder / "up.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._token = ""

    def start(self) -> None:
        """Start it and wait for its greeting."""
        argv = [sys.executable, "-m", "switchboard.cli", "up", "--data-dir", str(self.data_dir)]
        argv += ["--smtp-port", str(self.smtp_port), "--web-port", str(self.web_port)]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                argv, stdout=output, stderr=subprocess.STDOUT, env=self.environment, cwd=self.folder
            )
        eventually(lambda: "is ready" in self.said() or self.process.poll() is not None, READY)
        assert self.process.poll() is None, self.said()

    def said(self) -> str:
        """Everything `up` printed so far."""
        return self.output.read_text(errors="replace")

    def stop(self) -> None:
        """Press Ctrl-C and wait until everything has ended."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=60)

    @property
    def password(self) -> str:
        """The generated password of the first sign-in, read as a newcomer reads it."""
        found = re.search(r"admin / (\S+)", self.said_before + self.said())
        assert found, self.said()
        return found.group(1)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command against this instance."""
        argv = [sys.executable, "-m", "switchboard.cli", *words, "--data-dir", str(self.data_dir)]
        return subprocess.run(
            argv, capture_output=True, text=True, env=self.environment, cwd=self.folder, timeout=170, check=False
        )

    def pid_of(self, name: str) -> int:
        """The process id of one of our processes (the parent, where it has children)."""
        shown = subprocess.run(["ps", "-ww", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
        assert self.process is not None
        for line in shown.splitlines()[1:]:
            pid, parent, args = line.strip().split(None, 2)
            if int(parent) == self.process.pid and re.search(rf"(switchboard\.cli |/){name}\b", args):
                return int(pid)
        raise LookupError(name)

    # What a customer does.

    def mail(self, subject: str, body: str, *, sender: str = "marta@nordhandel.example", **headers: str) -> str:
        """Send a mail; its Message-ID without brackets."""
        message = EmailMessage()
        identity = headers.pop("message_id", f"{time.monotonic_ns()}@nordhandel.example")
        message["From"], message["To"], message["Subject"] = f"Marta Sample <{sender}>", OWN, subject
        message["Message-ID"] = f"<{identity}>"
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        message.set_content(body)
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=30) as client:
            client.send_message(message, from_addr=sender, to_addrs=[OWN])
        return identity

    def replies(self) -> list[Any]:
        """Every reply in the outbox."""
        if not (self.data_dir / "outbox" / "cur").exists():  # the last of its folders that is made
            return []
        return list(mailbox.Maildir(str(self.data_dir / "outbox"), create=False))

    # What Twilio does.

    def twilio(self, path: str, **params: str) -> httpx2.Response:
        """Post a signed webhook."""
        url = path if path.startswith("http") else self.url + path
        form = {"AccountSid": ACCOUNT_SID, "From": "+493055500137", "To": "+493055500100", **params}
        signature = RequestValidator(AUTH_TOKEN).compute_signature(url, form)
        return httpx2.post(url, data=form, headers={"X-Twilio-Signature": signature}, timeout=60)

    # What another system does.

    def api(self, method: str, path: str, **arguments: Any) -> httpx2.Response:
        """Call the API with an engineer's token."""
        if not self._token:
            made = self.command("token", "add", "journey", "--role", "engineer")
            assert made.returncode == 0, made.stderr
            self._token = made.stdout.strip()
        headers = {"Authorization": f"Bearer {self._token}", **arguments.pop("headers", {})}
        return httpx2.request(method, f"{self.url}/api/v1{path}", headers=headers, timeout=60, **arguments)

    def requests(self, **filters: str) -> list[dict[str, Any]]:
        """Requests as the API lists them."""
        answer = self.api("GET", "/requests", params=filters)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]


def eventually(claim: Callable[[], Any], seconds: float = 40.0) -> Any:
    """Wait for a claim to hold; what it gave."""
    deadline = time.monotonic() + seconds
    while True:
        got = claim()
        if got:
            return got
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.05)


@contextmanager
def running(folder: Path, *, like: House | None = None, **environment: str) -> Iterator[House]:
    """A house that runs for the length of the block."""
    house = House(folder, like=like, **environment)
    try:
        house.start()
        yield house
    finally:
        house.stop()


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> House:
    """A house that was started once and stopped: others begin as its copies, with schema, classifier and sign-in.

    One for all processes of a run: whoever comes second waits for it.
    """
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "furnished"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            folder.mkdir()
            with running(folder) as first:
                assert first.password
    return House(folder)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, furnished: House) -> Iterator[House]:
    """One running house for journeys that leave it whole."""
    with running(tmp_path_factory.mktemp("house"), like=furnished) as started:
        yield started


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Any]:
    """Wait for a claim to hold."""
    return eventually


@pytest.fixture
def run_house(tmp_path: Path, furnished: House) -> Iterator[Callable[..., House]]:
    """Start a house of the test's own, with settings."""
    started: list[House] = []

    def start(**environment: str) -> House:
        made = House(tmp_path, like=furnished, **environment)
        started.append(made)
        made.start()
        return made

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Stores"]:
    """PostgreSQL and Redis under the test's hand."""
    kept = Stores(tmp_path_factory.mktemp("stores") / "var")
    kept.start_postgres()
    kept.start_redis()
    yield kept
    kept.stop_postgres()
    kept.stop_redis()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis for journeys that leave it alone."""
    kept = Stores(tmp_path_factory.mktemp("redis") / "var")
    kept.start_redis()
    yield kept.instance.redis_url
    kept.stop_redis()


class Stores:
    """A PostgreSQL and a Redis that a test stops and starts."""

    def __init__(self, folder: Path) -> None:
        self.instance = embedded.prepare(folder)
        self.postgres: subprocess.Popen[bytes] | None = None
        self.redis: subprocess.Popen[bytes] | None = None

    def start_postgres(self) -> None:
        """Start PostgreSQL and wait for it."""
        argv, user = embedded.postgres_command(self.instance)
        self.postgres = subprocess.Popen(argv, user=user, cwd="/", stderr=subprocess.DEVNULL)
        embedded.wait_for_postgres(self.instance)

    def stop_postgres(self) -> None:
        """Stop PostgreSQL, dropping its clients."""
        if self.postgres is not None:
            self.postgres.send_signal(signal.SIGINT)
            self.postgres.wait(timeout=30)
            self.postgres = None

    def start_redis(self) -> None:
        """Start an empty Redis and wait for it."""
        self.redis = subprocess.Popen(embedded.redis_command(self.instance), stdout=subprocess.DEVNULL)
        embedded.wait_for_redis(self.instance)

    def stop_redis(self) -> None:
        """Kill Redis: what it held is gone."""
        if self.redis is not None:
            self.redis.kill()
            self.redis.wait(timeout=30)
            self.redis = None
