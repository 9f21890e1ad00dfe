"""A line to the smarthost: its policy on TLS, every step bounded in time, replies of servers that misbehave.

RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 4954 (AUTH). Every fault is one of two exceptions: nothing was handed over
(`NotNow`, which says whose fault it was), or nobody but the server knows (`Unclear`, RFC 1047).
"""

import re
import smtplib
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from intake.replies import names
from models.errors import Misconfigured

CONNECT_SECONDS = 5.0
DELIVERY_SECONDS = 14.0
"""For all steps of one mail together: a job is broken off after 20 seconds, and then its end would be unclear."""
MOST_LINES = 100
"""Lines of one reply; a server that says more is none."""
SETTING = "SWITCHBOARD_SMARTHOST"
STARTTLS = ("require", "opportunistic", "never")
CHECK_AFTER = 1.0
"""Seconds a kept line may have been idle before it is asked whether it still holds."""


class NotNow(Exception):
    """Nothing was handed over: it may be tried again. `away`: the server as a whole is to be left alone for a while."""

    def __init__(self, told: str, *, away: bool = False) -> None:
        super().__init__(told)
        self.away = away


class Unclear(Exception):
    """The line broke after the first byte of the mail: only the server knows whether it has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the smarthost is, and how it is spoken to."""

    host: str
    port: int
    tls_from_start: bool
    starttls: str
    user: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the server answered to a step."""

    code: int
    text: str

    @property
    def good(self) -> bool:
        """Whether the step is done (2yz)."""
        return 200 <= self.code < 300  # noqa: PLR2004 - RFC 5321 §4.2.1

    @property
    def temporary(self) -> bool:
        """Whether asking again later may help (4yz)."""
        return 400 <= self.code < 500  # noqa: PLR2004 - RFC 5321 §4.2.1

    @property
    def permanent(self) -> bool:
        """Whether asking again is of no use (5yz)."""
        return 500 <= self.code < 600  # noqa: PLR2004 - RFC 5321 §4.2.1

    @property
    def closing(self) -> bool:
        """Whether the server wants to be left alone (421)."""
        return self.code == 421  # noqa: PLR2004 - RFC 5321 §3.8

    def __str__(self) -> str:
        """The reply as it is shown."""
        return f"{self.code} {self.text}"[:500]


def address(url: str) -> Address:
    """Read the setting.

    Raises:
        Misconfigured: it is no smarthost URL; its password is not repeated.

    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    policy = parse_qs(parts.query).get("starttls", ["opportunistic"])[0]
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or policy not in STARTTLS:
        raise Misconfigured(
            public=f"{SETTING} must be smtps://[user:password@]host:port or "
            "smtp://[user:password@]host:port?starttls=require|opportunistic|never"
        )
    secure = parts.scheme == "smtps"
    return Address(
        host=parts.hostname,
        port=port or (465 if secure else 25),
        tls_from_start=secure,
        starttls=policy,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


class _Bounded(smtplib.SMTP):
    """smtplib with an end to every reply: one deadline for all steps, and so many lines."""

    deadline = 0.0

    def begin(self, host: str, end: float) -> None:
        """Name the server, which its certificate must be for, and the end of all steps."""
        self._host, self.deadline = host, end

    def getreply(self) -> tuple[int, bytes]:
        """The next reply; a server that never ends it, or says what is none, is left."""
        told: list[bytes] = []
        code = -1
        if self.file is None:
            self.file = self.sock.makefile("rb")  # type: ignore[union-attr]
        for _ in range(MOST_LINES):
            self._hurry()
            line = self.file.readline(smtplib._MAXLINE + 1)  # type: ignore[attr-defined]  # noqa: SLF001 - the same limit
            found = re.match(rb"([2-5]\d\d)([ -]?)(.*)", line)
            if not found:
                self.close()
                raise smtplib.SMTPServerDisconnected(_garbage(line))
            code = int(found[1])
            told.append(found[3].strip(b" \t\r\n"))
            if found[2] != b"-":
                return code, b"\n".join(told)
        self.close()
        raise smtplib.SMTPServerDisconnected(f"a reply of more than {MOST_LINES} lines")

    def send(self, s: Any) -> None:
        """Send within the deadline."""
        self._hurry()
        super().send(s)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # smtplib's place for this
        """Connect to the first address that answers; looking the name up takes part of the time."""
        failed: OSError = TimeoutError("no address")
        for each in names.addresses(host, port, min(timeout, self.deadline - time.monotonic())):
            try:
                return socket.create_connection((each, port), max(0.1, min(timeout, self.deadline - time.monotonic())))
            except OSError as error:
                failed = error
        raise failed

    def _hurry(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the smarthost took too long")
        if self.sock is not None:
            self.sock.settimeout(left)


class _Secure(smtplib.SMTP_SSL, _Bounded):
    """The same, with TLS from the first byte (RFC 8314 §3.3)."""


class Line:
    """One connection, for any number of mails, one after the other."""

    def __init__(self, where: Address, end: float) -> None:
        """Connect, start TLS as the policy says, sign in; until the monotonic clock shows `end`.

        Raises:
            NotNow: any of it failed.

        """
        self.mails = 0
        self.used_at = time.monotonic()
        kind = _Secure if where.tls_from_start else _Bounded
        options: dict[str, Any] = {"context": _verifying()} if where.tls_from_start else {}
        self._client = kind(timeout=CONNECT_SECONDS, local_hostname=_own_name(), **options)
        self._client.begin(where.host, end)
        try:
            self._greet(where)
            self._secure(where)
            self._sign_in(where)
        except NotNow:
            self.close()
            raise
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self.close()
            raise NotNow(f"{SETTING}: {where.host}:{where.port}: {shown(error)}", away=True) from error

    def deliver(self, recipient: str, content: bytes, end: float) -> tuple[str, Said]:
        """Hand one mail over, with the null return path: the step that decided it, and what the server said to it.

        Steps are "MAIL", "RCPT", "DATA" and "dot". The line is of no more use if this raises.

        Raises:
            NotNow: the line broke before the mail.
            Unclear: it broke after the mail's first byte.

        """
        self._client.deadline = end
        try:
            for step, words in (("MAIL", "FROM:<>"), ("RCPT", f"TO:<{recipient}>"), ("DATA", "")):
                said = _said(self._client.docmd(step, words))
                done = said.code == 354 if step == "DATA" else said.good  # noqa: PLR2004 - RFC 5321 §3.3
                if not done:
                    return step, said
        except (OSError, smtplib.SMTPException) as error:
            raise NotNow(shown(error)) from error
        try:
            self._client.send(stuffed(content) + b".\r\n")
            said = _said(self._client.getreply())
        except (OSError, smtplib.SMTPException) as error:
            raise Unclear(shown(error)) from error
        self.mails += 1
        self.used_at = time.monotonic()
        return "dot", said

    def rested(self) -> float:
        """Seconds since the last mail."""
        return time.monotonic() - self.used_at

    def holds(self, end: float, *, refused: bool = False) -> bool:
        """Whether the line can take another mail; asked only after a refused one, or a rest."""
        if self.rested() < CHECK_AFTER and not refused:
            return True
        self._client.deadline = min(end, time.monotonic() + CONNECT_SECONDS)
        try:
            return _said(self._client.docmd("RSET")).good
        except (OSError, smtplib.SMTPException):
            return False

    def close(self) -> None:
        """Hang up without a word."""
        self._client.close()

    def _greet(self, where: Address) -> None:
        said = _said(self._client.connect(where.host, where.port))
        if not said.good:
            raise NotNow(f"{SETTING}: {where.host}:{where.port} said {said} at connect", away=True)
        self._client.ehlo_or_helo_if_needed()

    def _secure(self, where: Address) -> None:
        """Start TLS; never go on in clear where TLS is required or a password would be sent (RFC 3207 §6)."""
        if where.tls_from_start or where.starttls == "never":
            return
        must = where.starttls == "require" or bool(where.user)
        if self._client.has_extn("starttls"):
            code, text = self._client.starttls(context=_verifying() if must else _encrypting())
            if code != 220:  # noqa: PLR2004 - RFC 3207 §4
                raise NotNow(f"{SETTING}: {where.host} refused STARTTLS: {_said((code, text))}", away=True)
            self._client.ehlo()
        elif must:
            why = "starttls=require" if where.starttls == "require" else "a password is not sent in clear"
            raise NotNow(f"{SETTING}: {where.host} offers no STARTTLS, and {why}", away=True)

    def _sign_in(self, where: Address) -> None:
        if not where.user:
            return
        try:
            self._client.login(where.user, where.password)
        except smtplib.SMTPAuthenticationError as error:
            said = _said((error.smtp_code, error.smtp_error))
            raise NotNow(f"{SETTING}: {where.host} refused user or password: {said}", away=True) from error


def stuffed(content: bytes) -> bytes:
    """The mail as DATA wants it: every line ends with CR LF and nothing else does, dots at their beginning doubled.

    RFC 5321 §2.3.8, §4.5.2: a bare CR or LF could end the mail for one server and not for the next.
    """
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    whole = lines if lines.endswith(b"\r\n") else lines + b"\r\n"
    return re.sub(rb"^\.", b"..", whole, flags=re.MULTILINE)


def shown(error: Exception) -> str:
    """An error in words an operator can act on; never with what was sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return f"silence: {error}" if error.args else "silence: no answer in time"
    return f"{type(error).__name__}: {error}"[:400]


def _said(reply: tuple[int, bytes | str]) -> Said:
    code, text = reply
    plain = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    return Said(code=code, text="".join(sign if sign.isprintable() else " " for sign in plain))


def _garbage(line: bytes) -> str:
    return "connection closed" if not line else "what it says is no SMTP reply"


def _verifying() -> ssl.SSLContext:
    return ssl.create_default_context()


def _encrypting() -> ssl.SSLContext:
    """TLS with whoever is there: against listeners it is better than none, and no password is sent (RFC 7435)."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _own_name() -> str:
    """Our name in EHLO: the machine's own, without asking the name system for more."""
    name = socket.gethostname()
    return name if re.fullmatch(r"[A-Za-z0-9.-]{1,200}", name) else "localhost"
