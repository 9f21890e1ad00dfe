"""The way out: a Maildir, or a smarthost. Sent once; an unclear end is *uncertain*, never resent by itself."""

import os
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

import structlog
from sqlalchemy import Engine

from models import tables
from models.errors import Misconfigured, Unavailable
from models.store import transaction
from models.terms import OutgoingState

TIMEOUT = 30.0
STARTTLS = ("require", "opportunistic", "never")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a delivery ended; `state` is None where it may be tried again."""

    state: OutgoingState | None
    error: str = ""


class Transport(Protocol):
    """A way out."""

    repeatable: bool
    """Whether delivering twice leaves one mail, so that an interrupted delivery may be done again."""

    def deliver(self, outgoing: UUID, recipient: str, content: bytes) -> Outcome:
        """Hand one mail over; never raises."""
        ...


class Capture:
    """Keeps replies in a Maildir on this machine; nothing leaves it."""

    repeatable = True

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def deliver(self, outgoing: UUID, recipient: str, content: bytes) -> Outcome:  # noqa: ARG002 - it is in the content
        """Write the mail durably under a name of its own, so that a second delivery replaces the first."""
        try:
            for folder in ("tmp", "new", "cur"):
                (self._directory / folder).mkdir(parents=True, exist_ok=True)
            final = self._directory / "new" / f"{outgoing}.switchboard"
            if (self._directory / "cur" / f"{final.name}:2,S").exists():
                return Outcome(state=OutgoingState.CAPTURED)
            draft = self._directory / "tmp" / f"{final.name}.{os.getpid()}"
            with draft.open("wb") as file:
                file.write(content.replace(b"\r\n", b"\n"))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(final)
        except OSError as error:
            return Outcome(state=None, error=f"{self._directory}: {error.strerror}")
        return Outcome(state=OutgoingState.CAPTURED)


class Smarthost:
    """Hands replies to the operator's mail server, with the null return path (RFC 3834 §3.3)."""

    repeatable = False

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        policy = parse_qs(parts.query).get("starttls", ["opportunistic"])[0]
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or policy not in STARTTLS:
            raise Misconfigured(
                public="SWITCHBOARD_SMARTHOST must be smtps://[user:password@]host:port or "
                "smtp://[user:password@]host:port?starttls=require|opportunistic|never"
            )
        self._tls_from_start = parts.scheme == "smtps"
        self._host = parts.hostname
        self._port = parts.port or (465 if self._tls_from_start else 25)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._starttls = policy

    def deliver(self, outgoing: UUID, recipient: str, content: bytes) -> Outcome:  # noqa: ARG002 - the log names it
        """Deliver once: a temporary refusal may be tried again, a line that broke after the dot may not."""
        try:
            client = self._connect()
        except (OSError, smtplib.SMTPException) as error:
            return Outcome(state=None, error=_shown(error))
        try:
            return self._hand_over(client, recipient, content)
        finally:
            client.close()

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._tls_from_start:
            client: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT, context=context)
        else:
            client = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT)
        client.ehlo_or_helo_if_needed()
        if not self._tls_from_start and self._starttls != "never":
            self._secure(client, context)
        if self._user:
            client.login(self._user, self._password)
        return client

    def _secure(self, client: smtplib.SMTP, context: ssl.SSLContext) -> None:
        """Start TLS; never go on in clear where it is required or a password would be sent."""
        if client.has_extn("starttls"):
            client.starttls(context=context)
            client.ehlo()
        elif self._starttls == "require" or self._user:
            client.close()
            raise smtplib.SMTPNotSupportedError("the smarthost offers no STARTTLS and the setting requires it")

    def _hand_over(self, client: smtplib.SMTP, recipient: str, content: bytes) -> Outcome:
        try:
            code, text = client.mail("")
            if code == 250:  # noqa: PLR2004 - RFC 5321 §4.2.3
                code, text = client.rcpt(recipient)
            if code not in (250, 251):
                return _refused(code, text)
            code, text = client.docmd("DATA")
            if code != 354:  # noqa: PLR2004 - RFC 5321 §4.2.3
                return _refused(code, text)
        except (OSError, smtplib.SMTPException) as error:
            return Outcome(state=None, error=_shown(error))
        return self._finish(client, content)

    def _finish(self, client: smtplib.SMTP, content: bytes) -> Outcome:
        """After the first byte of data only the server knows whether it has the mail (RFC 1047)."""
        try:
            client.send(smtplib._quote_periods(content) + b".\r\n")  # type: ignore[attr-defined]  # noqa: SLF001 - dots (RFC 5321 §4.5.2)
            code, text = client.getreply()
        except (OSError, smtplib.SMTPException) as error:
            return Outcome(state=OutgoingState.UNCERTAIN, error=_shown(error))
        if code != 250:  # noqa: PLR2004 - RFC 5321 §4.2.3
            return _refused(code, text)
        return Outcome(state=OutgoingState.SENT)


def _refused(code: int, text: bytes) -> Outcome:
    told = f"{code} {text.decode('ascii', 'replace')}"[:500]
    permanent = code >= 500  # noqa: PLR2004 - RFC 5321 §4.2.1: 5yz is permanent
    return Outcome(state=OutgoingState.FAILED if permanent else None, error=told)


def _shown(error: Exception) -> str:
    kind = "timeout" if isinstance(error, socket.timeout) else type(error).__name__
    return f"{kind}: {error}"[:500]


def send(
    engine: Engine, outgoing: UUID, transport: Transport, *, max_age: timedelta, clock: Callable[[], datetime]
) -> None:
    """Deliver a stored reply: intent recorded, handed over, outcome recorded.

    Raises:
        Unavailable: not now; the job is tried again later, with the same bytes and Message-ID.

    """
    task = _begin(engine, outgoing, transport, max_age=max_age, now=clock())
    if task is None:
        return
    recipient, content = task
    outcome = transport.deliver(outgoing, recipient, content)
    with transaction(engine) as session:
        row = tables.mail.fetch_outgoing(session, outgoing)
        if row is None:
            return
        row.error = outcome.error or None
        row.state = outcome.state or OutgoingState.PENDING
        if outcome.state in (OutgoingState.SENT, OutgoingState.CAPTURED):
            row.sent_at = clock()
    log.info("reply.delivered", outgoing=str(outgoing), state=row.state)
    if outcome.state is None:
        raise Unavailable(outcome.error)


def _begin(
    engine: Engine, outgoing: UUID, transport: Transport, *, max_age: timedelta, now: datetime
) -> tuple[str, bytes] | None:
    """Record the intent; None if there is nothing to send (any more)."""
    with transaction(engine) as session:
        row = tables.mail.fetch_outgoing(session, outgoing)
        if row is None or row.state not in (OutgoingState.PENDING, OutgoingState.SENDING):
            return None
        if row.state is OutgoingState.SENDING and not transport.repeatable:
            row.state, row.error = OutgoingState.UNCERTAIN, "interrupted while it was being handed over"
            return None
        if now - row.created_at > max_age:
            row.state, row.error = OutgoingState.DROPPED, "too old to be of use"
            return None
        row.state = OutgoingState.SENDING
        row.attempts += 1
        return row.recipient, row.content
