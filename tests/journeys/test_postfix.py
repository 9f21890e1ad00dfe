"""A real Postfix in front of a running house, by LMTP and by SMTP."""

import os
import re
import shutil
import signal
import smtplib
import subprocess
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psycopg
import pytest
from free_ports import free_port

from switchboard import embedded

MAILS = 1_000 if "SWITCHBOARD_TEST_FULL" in os.environ else 100
PATIENCE = 300 if MAILS > 100 else 90
POSTFIX = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
BY_LMTP, BY_SMTP = "support@lmtp.example", "support@smtp.example"

pytestmark = pytest.mark.timeout(1200 if MAILS > 100 else 400)


class Postfix:
    """A mail server of the test's own, which hands one domain on by LMTP and the other by SMTP."""

    def __init__(self, folder: Path, port: int, *, lmtp_port: int, smtp_port: int) -> None:
        self.folder = folder
        self.port = port
        self.log = folder / "postfix.log"
        folder.chmod(0o755)
        for name, owner in (("etc", "root"), ("queue", "root"), ("data", "postfix")):
            (folder / name).mkdir()
            shutil.chown(folder / name, owner)
        settings = f"""
            compatibility_level = 3.6
            queue_directory = {folder}/queue
            data_directory = {folder}/data
            maillog_file = {self.log}
            maillog_file_prefixes = {folder}
            inet_interfaces = 127.0.0.1
            inet_protocols = ipv4
            myhostname = mx.relay.example
            mydestination =
            local_recipient_maps =
            alias_maps =
            mynetworks = 127.0.0.0/8
            relay_domains = lmtp.example smtp.example
            transport_maps = inline:{{
              {{ lmtp.example = lmtp:inet:127.0.0.1:{lmtp_port} }}
              {{ smtp.example = smtp:[127.0.0.1]:{smtp_port} }} }}
            default_transport = discard
            minimal_backoff_time = 1s
            maximal_backoff_time = 2s
            queue_run_delay = 1s
            transport_retry_time = 1s
        """
        (folder / "etc/main.cf").write_text(textwrap.dedent(settings))
        services = [
            "pickup unix n - n 60 1 pickup",
            "qmgr unix n - n 300 1 qmgr",
            "postlog unix-dgram n - n - 1 postlogd",
        ]
        services += [f"127.0.0.1:{port} inet n - n - - smtpd", "rewrite unix - - n - - trivial-rewrite"]
        services += [f"{name} unix - - n - 0 bounce" for name in ("bounce", "defer", "trace")]
        services += [f"{name} unix - - n - 1 {name}" for name in ("anvil", "scache", "verify")]
        services += [f"{name} unix n - n - 0 {name}" for name in ("cleanup", "flush", "showq")]
        services += [
            f"{name} unix - - n - - {name}" for name in ("smtp", "lmtp", "error", "discard", "proxymap", "tlsmgr")
        ]
        services += ["retry unix - - n - - error"]
        (folder / "etc/master.cf").write_text("\n".join(services) + "\n")

    def run(self, *words: str) -> str:
        """Run one of Postfix's own commands on this instance; what it printed."""
        name, *rest = words
        argv = [str(Path(POSTFIX or "/usr/sbin/postfix").with_name(name)), "-c", str(self.folder / "etc"), *rest]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr + self.said()
        return done.stdout

    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def queue_is_empty(self) -> bool:
        """Whether everything has been handed on."""
        return "Mail queue is empty" in self.run("postqueue", "-p")

    def send(self, message: EmailMessage, *recipients: str) -> None:
        """Bring a mail in, as a customer's server does."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
            client.send_message(message, from_addr=str(message["From"]), to_addrs=recipients)

    def statuses(self) -> dict[str, str]:
        """The last known status of each recipient, with the answer Postfix got."""
        return dict(re.findall(r"to=<([^>]+)>.* status=(\w+ .*)", self.said()))


@pytest.fixture
def behind_postfix(run_house) -> Iterator[Callable[..., tuple[Any, Postfix]]]:
    """Start a house and a Postfix in front of it."""
    if POSTFIX is None and "CI" not in os.environ:
        pytest.skip("Postfix is not installed (apt-get install postfix)")
    if os.geteuid() != 0:
        pytest.skip("Postfix starts as root only")
    folder = Path(tempfile.mkdtemp(prefix="postfix-"))
    started: list[Postfix] = []

    def start() -> tuple[Any, Postfix]:
        lmtp_port = free_port()
        house = run_house(
            SWITCHBOARD_LMTP_PORT=str(lmtp_port),
            SWITCHBOARD_OWN_ADDRESSES=f"{BY_LMTP},{BY_SMTP}",
            SWITCHBOARD_TRUSTED_RELAYS="127.0.0.0/8",
        )
        postfix = Postfix(folder, free_port(), lmtp_port=lmtp_port, smtp_port=house.smtp_port)
        started.append(postfix)
        postfix.run("postfix", "start")
        return house, postfix

    yield start
    for each in started:
        print(each.run("postqueue", "-p")[-2_000:], each.said()[-6_000:])  # noqa: T201 - pytest shows it when a test fails
        each.run("postfix", "stop")
    shutil.rmtree(folder)


def test_mails_relayed_while_the_gateway_is_killed_twice_are_neither_lost_nor_doubled(behind_postfix, eventually):
    """Half by LMTP, half by SMTP: each becomes one mail, one request, and is answered or says why not."""
    house, postfix = behind_postfix()
    sent: list[str] = []
    sending = threading.Thread(target=send_all, args=(postfix, sent))
    started = time.monotonic()
    sending.start()
    for share in (0.2, 0.6):
        eventually(lambda share=share: rows(house, "mails") >= share * MAILS, PATIENCE)
        os.kill(eventually(lambda: gateway(house)), signal.SIGKILL)
    sending.join(timeout=PATIENCE)
    assert len(sent) == MAILS
    eventually(postfix.queue_is_empty, PATIENCE)
    relayed = time.monotonic() - started
    deferred = len(set(re.findall(r"(\w+): to=.* status=deferred", postfix.said())))
    assert deferred, "the gateway was killed while nothing was under way"
    eventually(lambda: rows(house, "requests") >= MAILS, 2 * PATIENCE)
    eventually(lambda: house.command("reconcile").returncode == 0, PATIENCE)
    assert rows(house, "mails") == rows(house, "requests") == MAILS
    assert message_ids(house) == sorted(sent)
    print(f"{MAILS} mails in {relayed:.1f} s; {deferred} were deferred and came in at a later try")  # noqa: T201


def test_each_recipient_of_one_lmtp_transaction_has_its_own_answer(behind_postfix, eventually):
    """Two of ours and a stranger at once: two are delivered, one is refused, and it is one mail."""
    house, postfix = behind_postfix()
    tagged, stranger = BY_LMTP.replace("@", "+vip@"), "nobody@lmtp.example"
    postfix.send(mail(0), BY_LMTP, stranger, tagged)
    eventually(lambda: len(postfix.statuses()) >= 3)
    said = postfix.statuses()
    assert said[BY_LMTP].startswith("sent (250 2.0.0")
    assert said[tagged].startswith("sent (250 2.0.0")
    assert said[stranger].startswith("bounced")
    assert "550 5.1.1" in said[stranger]
    eventually(postfix.queue_is_empty)
    assert rows(house, "mails") == 1


def mail(number: int) -> EmailMessage:
    """A mail of a sender of its own."""
    message = EmailMessage()
    message["From"] = f"p{number}@sender{number}.example"
    message["To"] = BY_LMTP
    message["Subject"] = f"Sample {number}"
    message["Message-ID"] = f"<{number}@postfix.example>"
    message.set_content("The order page shows an error since this morning.\n")
    return message


def send_all(postfix: Postfix, sent: list[str]) -> None:
    """Hand all mails to Postfix, in turn for either way on."""
    for number in range(MAILS):
        postfix.send(mail(number), BY_SMTP if number % 2 else BY_LMTP)
        sent.append(f"{number}@postfix.example")


def gateway(house: Any) -> int | None:
    """The gateway's process id, or None while it is being started again."""
    try:
        return int(house.pid_of("smtp"))
    except LookupError:
        return None


def rows(house: Any, table: str) -> int:
    """How many rows a table has."""
    return int(query(house, f"select count(*) from {table}")[0][0])  # noqa: S608 - names of ours


def message_ids(house: Any) -> list[str]:
    """The Message-ID of every stored mail."""
    return sorted(str(row[0]) for row in query(house, "select message_id from mails"))


def query(house: Any, words: str) -> list[tuple[Any, ...]]:
    """Ask the house's database."""
    with psycopg.connect(embedded.Instance(directory=house.data_dir.resolve()).database_url) as connection:
        return connection.execute(words).fetchall()
