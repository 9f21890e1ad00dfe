"""The servers that `bench/mail.py` compares, each a process: `python bench/_servers.py KIND PORT [DATABASE_URL]`."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop
from aiosmtpd.controller import Controller

from intake.smtp import server
from intake.smtp.gateway import Gateway
from intake.smtp.writer import Writer
from models import store
from switchboard import logs

OWN = frozenset({"support@example.com"})
MOST = 33_554_432
POSTFIX = Path("/usr/lib/postfix/sbin")


class Discard:
    """Stock aiosmtpd's handler: it says 250 and forgets."""

    async def handle_DATA(self, _server, _session, _envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Forget."""
        return "250 OK"


def stock(port: int) -> None:
    """Stock aiosmtpd, discarding, on the event loop that ours uses."""
    controller = Controller(Discard(), hostname="127.0.0.1", port=port, loop=uvloop.new_event_loop())
    controller.start()
    signal.sigwait({signal.SIGTERM})
    controller.stop()


def own(port: int, accept) -> None:
    """Our gateway, without the limits that a load from one sender and one peer would meet."""
    gateway = Gateway(
        accept=accept,
        own_addresses=OWN,
        max_bytes=MOST,
        hostname="mx.example.com",
        connections_per_peer=10_000,
        mails_per_sender=1_000_000_000,
    )
    server.run(gateway, host="127.0.0.1", smtp_port=port)


async def forget(_envelope, _content) -> None:
    """Our gateway with the store switched off."""


def durable(port: int, url: str) -> None:
    """Our gateway as it is: committed before 250."""
    with Writer(store.connect(url), lambda: None) as writer:
        own(port, writer.store)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Return when somebody greets."""
    for _ in range(200):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
                line.recv(100)
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nobody listens on port {port}")


@contextmanager
def serving(kind: str, *words: str) -> Iterator[int]:
    """A server of this kind: its port."""
    port = free_port()
    argv = [sys.executable, __file__, kind, str(port), *words]
    process = subprocess.Popen(argv, cwd=Path(__file__).parents[1], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(60)


def why_no_postfix() -> str:
    """Why Postfix cannot be compared; empty if it can."""
    if shutil.which("postfix") is None or not POSTFIX.is_dir():
        return "Postfix is not installed"
    return "" if os.geteuid() == 0 else "Postfix must be started by root"


MAIN_CF = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {sbin}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.com
mydestination = example.com
local_recipient_maps =
alias_maps =
alias_database =
message_size_limit = {most}
smtpd_recipient_restrictions = check_client_access static:HOLD, permit_mynetworks, reject_unauth_destination
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
default_process_limit = 120
"""
MASTER_CF = """
{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
rewrite unix - - n - - trivial-rewrite
qmgr unix n - n 3600 1 qmgr
anvil unix - - n - 1 anvil
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
local unix - n n - - local
proxymap unix - - n - - proxymap
"""


@contextmanager
def postfix(folder: Path) -> Iterator[int]:
    """A Postfix that takes mail into its own queue on our disk and keeps it there (HOLD): its port."""
    port = free_port()
    for name in ("conf", "queue", "data"):
        (folder / name).mkdir(parents=True)
    shutil.chown(folder / "data", "postfix")
    main = MAIN_CF.format(folder=folder, sbin=POSTFIX, most=MOST)
    (folder / "conf" / "main.cf").write_text(main)
    (folder / "conf" / "master.cf").write_text(MASTER_CF.format(port=port))
    command = ["postfix", "-c", str(folder / "conf")]
    done = subprocess.run([*command, "start"], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise SystemExit(f"postfix start: {done.stderr}")
    try:
        wait_for(port)
        yield port
    finally:
        subprocess.run([*command, "stop"], capture_output=True, check=False, timeout=60)


if __name__ == "__main__":
    logs.configure("info", "json")
    kind, port, *rest = sys.argv[1:]
    if kind == "stock":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        stock(int(port))
    elif kind == "discard":
        own(int(port), forget)
    else:
        durable(int(port), *rest)
