"""A real Dovecot, started for the test, and the fetcher in a thread."""

import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from string import Template
from typing import Any

import imapclient
import pytest
from free_ports import free_port

from intake.imap import fetcher, line
from models.terms import Envelope

OWN = ("support@example.com", "help@example.com")
USER, PASSWORD = "support@example.com", "sample: pässword/#?"
DOVECOT = shutil.which("dovecot") or ("/usr/sbin/dovecot" if Path("/usr/sbin/dovecot").exists() else None)
_numbers = itertools.count()

SETTINGS = """\
base_dir = $folder/run
state_dir = $folder/state
log_path = $folder/dovecot.log
protocols = imap
listen = 127.0.0.1
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2
ssl = yes
ssl_cert = <$folder/tls.crt
ssl_key = <$folder/tls.key
default_internal_user = $user
default_internal_group = $user
default_login_user = $login_user
mail_location = maildir:$folder/mail/%u
auth_failure_delay = 0
service imap-login {
  chroot =
  inet_listener imap {
    port = $port
  }
  inet_listener imaps {
    port = $tls_port
    ssl = yes
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
$capability
passdb {
  driver = passwd-file
  args = username_format=%u $folder/users
  mechanisms = plain login
}
passdb {
  driver = oauth2
  args = $folder/oauth2.conf
  mechanisms = xoauth2
}
userdb {
  driver = static
  args = uid=$uid gid=$gid home=$folder/mail/%u
}
namespace inbox {
  inbox = yes
}
"""


class Dovecot:
    """A mail server of the test's own, with one mailbox."""

    name, password = USER, PASSWORD

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.tls_port = free_port(), free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.capability = ""
        me = pwd.getpwuid(os.getuid())
        self.owner = pwd.getpwnam("nobody") if me.pw_uid == 0 else me
        self.login_user = "dovenull" if me.pw_uid == 0 else me.pw_name
        self.user = "dovecot" if me.pw_uid == 0 else me.pw_name
        for each in ("mail", "keys/default/HS256"):
            (folder / each).mkdir(parents=True)
        self.draft = itertools.count(1)
        os.chown(folder / "mail", self.owner.pw_uid, self.owner.pw_gid)
        folder.chmod(0o755)
        self.set_password(PASSWORD)
        self.secret = b"sample secret of the token issuer, long"
        (folder / "keys/default/HS256/default").write_text(base64.b64encode(self.secret).decode())
        certificate(folder)

    def configure(self) -> None:
        """Write its whole configuration."""
        oauth2 = f"local_validation_key_dict = fs:posix:prefix={self.folder}/keys/\n"
        (self.folder / "oauth2.conf").write_text(f"introspection_mode = local\n{oauth2}username_attribute = email\n")
        words = vars(self) | {"uid": self.owner.pw_uid, "gid": self.owner.pw_gid}
        (self.folder / "dovecot.conf").write_text(Template(SETTINGS).substitute(words))

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.configure()
        argv = [DOVECOT or "dovecot", "-F", "-c", str(self.folder / "dovecot.conf")]
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(self.listens)

    def set_password(self, password: str) -> None:
        """Let this be the mailbox's password from now on."""
        hashed = base64.b64encode(hashlib.sha256(password.encode()).digest()).decode()
        draft = self.folder / "users.new"
        draft.write_text(f"{USER}:{{SHA256.b64}}{hashed}::::::\n")
        os.utime(draft, (later := time.time() + 10 * next(self.draft), later))  # so that it is read again
        draft.replace(self.folder / "users")
        time.sleep(1.1 if self.process else 0.0)  # it looks at the file once a second

    def token(self) -> str:
        """An access token of an hour (RFC 7519, HS256)."""
        claims = {"email": USER, "sub": USER, "iat": int(time.time()), "exp": int(time.time()) + 3600}
        parts = [json.dumps(each).encode() for each in ({"alg": "HS256", "typ": "JWT"}, claims)]
        signed = b".".join(base64.urlsafe_b64encode(each).rstrip(b"=") for each in parts)
        signature = hmac.new(self.secret, signed, hashlib.sha256).digest()
        return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()

    def sessions(self) -> list[int]:
        """The processes that serve signed-in clients."""
        assert self.process is not None
        shown = subprocess.run(
            ["ps", "-o", "pid=,comm=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=True
        )
        return [int(line.split()[0]) for line in shown.stdout.splitlines() if line.split()[1] == "imap"]

    def listens(self) -> bool:
        """Whether it takes connections."""
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "dovecot.log").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as line:
            return line.recv(4) == b"* OK"
        return False

    def kill(self) -> None:
        """End it with all its children, as a crash of the machine would."""
        if self.process is not None:
            children = subprocess.run(
                ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
            )
            self.process.kill()
            for child in children.stdout.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGKILL)
            self.process.wait(timeout=60)
            self.process = None

    @contextlib.contextmanager
    def person(self) -> Iterator[Any]:
        """Somebody who reads the mailbox."""
        with imapclient.IMAPClient("127.0.0.1", self.port, ssl=False) as client:
            client.plain_login(USER, PASSWORD)
            yield client

    def deliver(self, *contents: bytes, folder: str = "INBOX", at: datetime | None = None) -> None:
        """Put mails into the mailbox."""
        with self.person() as client:
            for content in contents:
                client.append(folder, content, msg_time=at)

    def unseen(self) -> int:
        """How many mails are not marked as seen."""
        with self.person() as client:
            client.select_folder("INBOX", readonly=True)
            return len(client.search("UNSEEN"))

    def flags(self) -> list[tuple[bytes, ...]]:
        """The flags of every mail."""
        with self.person() as client:
            client.select_folder("INBOX", readonly=True)
            return list(client.get_flags(client.search("ALL")).values())

    def mailbox(self, **changed: Any) -> line.Mailbox:
        """How our fetcher gets at it."""
        given = {"host": "127.0.0.1", "port": self.port, "tls": "none", "user": USER, "password": PASSWORD}
        return line.Mailbox(**{**given, **changed})


class Store:
    """What stands for the door: keeps what it was given, or raises what the test wants."""

    def __init__(self) -> None:
        self.kept: list[tuple[Envelope, bytes]] = []
        self.asked = 0
        self.error: Callable[[bytes], Exception | None] = lambda _content: None

    def accept(self, envelope: Envelope, content: bytes) -> None:
        """Keep a mail."""
        self.asked += 1
        error = self.error(content)
        if error is not None:
            raise error
        self.kept.append((envelope, content))


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    """A running Dovecot; its directory has a short name, for the sake of its sockets."""
    if DOVECOT is None and "CI" not in os.environ:
        pytest.skip("Dovecot is not installed (apt-get install dovecot-imapd)")
    folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
    server = Dovecot(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder)


@pytest.fixture
def store() -> Store:
    """A store in memory."""
    return Store()


@pytest.fixture
def fetch(monkeypatch) -> Iterator[Callable[..., threading.Thread]]:
    """Start a fetcher in a thread of its own; all are stopped after the test."""
    monkeypatch.setattr(fetcher, "LONGEST_PAUSE", 1.0)
    monkeypatch.setattr(fetcher, "FIRST_PAUSE", 0.2)
    monkeypatch.setattr(line, "TICK", 0.05)
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def start(
        mailbox: line.Mailbox, accept: Callable[[Envelope, bytes], None], max_bytes: int = 100_000
    ) -> threading.Thread:
        words = {"accept": accept, "own_addresses": OWN, "max_bytes": max_bytes, "stop": stop}
        thread = threading.Thread(target=fetcher.run, args=(mailbox,), kwargs=words, daemon=True)
        thread.start()
        threads.append(thread)
        return thread

    yield start
    stop.set()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive(), "a fetcher that was told to stop does so at once"


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Any]:
    """Wait for a claim to hold."""
    return eventually


def eventually(claim: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait for a claim to hold; what it gave."""
    deadline = time.monotonic() + seconds
    while not (got := claim()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)
    return got


def certificate(folder: Path) -> None:
    """A certificate for localhost that is its own authority."""
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout",
            str(folder / "tls.key"),
            "-out",
            str(folder / "tls.crt"),
        ],
        check=True,
        capture_output=True,
    )


@pytest.fixture(name="mail")
def mail_fixture() -> Callable[..., bytes]:
    """Write a mail."""
    return mail


def mail(subject: str = "", *, body: str = "Hello\r\n") -> bytes:
    """A mail as final delivery leaves it."""
    number = next(_numbers)
    return (
        "Return-Path: <marta@nordhandel.example>\r\nFrom: Marta Sample <marta@nordhandel.example>\r\n"
        "To: support@example.com\r\n"
        f"Subject: {subject or f'Sample {number}'}\r\nMessage-ID: <imap-{number}@nordhandel.example>\r\n\r\n{body}"
    ).encode()
