"""One connection to a mailbox on an IMAP server: where it is, signing in, waiting for news."""

import selectors
import shlex
import ssl
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError

from intake import addresses
from models.errors import Misconfigured, SwitchboardError

TIMEOUT = 60.0
"""Seconds for a connection and for each answer; also for the command that prints a token."""
TICK = 0.5
"""How soon a request to stop is noticed, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """Where the mail lives and how to sign in.

    `token_command` prints an OAuth 2.0 access token (run without a shell, at each sign-in); where it
    is set, it takes the place of the password (XOAUTH2, which Microsoft 365 and Google ask for).
    """

    host: str
    port: int
    tls: Literal["tls", "starttls", "none"]
    user: str
    password: str = field(default="", repr=False)
    folder: str = "INBOX"
    token_command: str = ""

    @classmethod
    def from_url(cls, url: str, *, token_command: str = "") -> "Mailbox":
        """Read `imaps://user:password@host[:993][/folder]` or `imap://…[?starttls=require|never]`.

        Raises:
            Misconfigured: the URL does not say what is needed; the line never shows the URL itself.

        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise _unusable("the host or port cannot be read") from None
        starttls = parse_qs(parts.query).get("starttls", ["require"])[0]
        if parts.scheme not in ("imap", "imaps"):
            raise _unusable("it must start with imaps:// or imap://")
        if not parts.hostname or not parts.username:
            raise _unusable("the user or the host is missing")
        if not parts.password and not token_command:
            raise _unusable("the password is missing, and there is no token command")
        if starttls not in ("require", "never") or parts.fragment:
            raise _unusable("after the folder only ?starttls=require or ?starttls=never may follow")
        secure: Literal["starttls", "none"] = "starttls" if starttls == "require" else "none"
        return cls(
            host=parts.hostname,
            port=port or (993 if parts.scheme == "imaps" else 143),
            tls="tls" if parts.scheme == "imaps" else secure,
            user=unquote(parts.username),
            password=unquote(parts.password or ""),
            folder=unquote(parts.path.removeprefix("/")) or "INBOX",
            token_command=token_command,
        )


def _unusable(why: str) -> Misconfigured:
    return Misconfigured(
        public=f"SWITCHBOARD_IMAP_URL: {why}; it reads imaps://user:password@host:993/INBOX, "
        "with every / ? # @ : in user, password and folder written as %2F %3F %23 %40 %3A"
    )


class Line(IMAPClient):  # type: ignore[misc]  # IMAPClient ships no types
    """One connection to the server."""

    def has_news(self) -> bool:
        """Whether new mail was reported since the folder was opened: IDLE will not report it again."""
        return len(self._imap.untagged_responses.get("EXISTS", ())) > 1

    def listen(self, seconds: float, stop: threading.Event) -> None:
        """Wait until the server has something to say, the time is over, or we are told to stop.

        Unlike IMAPClient's own `idle` and `idle_check`, this hears what the server says before its
        continuation line or in the same packet, and notices a closed connection.

        Raises:
            IMAPClientError: the server does not want to, or the connection is lost.

        """
        imap = self._imap
        deadline = time.monotonic() + seconds
        self._idle_tag = imap._command("IDLE")  # noqa: SLF001 - imaplib has no public IDLE before Python 3.14
        heard = False
        while imap._get_response() is not None:  # noqa: SLF001 - None is the continuation line
            if imap.tagged_commands[self._idle_tag]:
                raise IMAPClientError("IDLE was refused")
            heard = True
        heard = heard or self._has_buffered()
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket(), selectors.EVENT_READ)
            while not heard and not stop.is_set() and (left := deadline - time.monotonic()) > 0:
                heard = bool(selector.select(min(TICK, left)))
        self.idle_done()

    def _has_buffered(self) -> bool:
        """Whether something was read together with the last line: the socket will not tell of it."""
        sock = self.socket()
        sock.setblocking(False)
        try:
            return bool(self._imap.file.peek(1))
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            sock.settimeout(TIMEOUT)


def connect(mailbox: Mailbox) -> Line:
    """A connection that is signed in.

    Raises:
        IMAPClientError, OSError: there is none to be had.
        Misconfigured: the token command failed.

    """
    context = None if mailbox.tls == "none" else ssl.create_default_context()
    line = Line(
        mailbox.host,
        mailbox.port,
        ssl=mailbox.tls == "tls",
        ssl_context=context,
        timeout=TIMEOUT,
    )
    try:
        line.normalise_times = False
        if mailbox.tls == "starttls":
            line.starttls(context)
        if mailbox.token_command:
            line.oauth2_login(mailbox.user, token(mailbox.token_command))
        elif line.has_capability("AUTH=PLAIN"):
            line.plain_login(mailbox.user, mailbox.password)  # LOGIN would be limited to ASCII
        else:
            line.login(mailbox.user, mailbox.password)
    except BaseException:
        with suppress(OSError):
            line.shutdown()
        raise
    return line


def token(command: str) -> str:
    """What a command prints, without white space around it; its other output goes to our log.

    Raises:
        Misconfigured: it cannot be run, fails, takes too long or prints nothing.

    """
    try:
        done = subprocess.run(
            shlex.split(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=TIMEOUT,
            check=True,
            text=True,
        )
    except subprocess.CalledProcessError as error:
        raise Misconfigured(f"the token command ended with exit code {error.returncode}") from None
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise Misconfigured(f"the token command could not be run: {type(error).__name__}") from None
    if not done.stdout.strip():
        raise Misconfigured("the token command printed nothing")
    return done.stdout.strip()


def reason(error: Exception, mailbox: Mailbox) -> str:
    """An error in one line for the log: neither password nor addresses, whatever the server put into it."""
    if isinstance(error, SwitchboardError) and not isinstance(error, Misconfigured):
        return f"{type(error).__name__}: {error.public}"  # its own words may hold the mail
    said = str(error) or type(error).__name__
    if mailbox.password:
        said = said.replace(mailbox.password, "…")
    said = addresses.ADDRESS.sub("…@…", " ".join(said.split()))[:300]
    if isinstance(error, LoginError):
        return f"The server refused the user, password or token: {said}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The server's certificate cannot be trusted (SSL_CERT_FILE names a private authority): {said}"
    if isinstance(error, Misconfigured):
        return f"{type(error).__name__}: {said}"
    return (
        f"No connection: {said}" if isinstance(error, OSError | IMAPClientError) else f"{type(error).__name__}: {said}"
    )
