"""The way out: a Maildir, or a smarthost. Sent once; an unclear end is *uncertain*, never resent by itself."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy import Engine

from intake.replies import answering, limits, relay, restored
from intake.replies.relay import NotNow, Said, Unclear
from models import tables
from models.errors import Unavailable
from models.store import transaction
from models.terms import Autoreply, OutgoingState

MOST_MAILS = 100
"""Mails over one connection; some servers take no more."""
MOST_REST = 30.0
"""Seconds a connection is kept without a mail."""
FAILURES = 5
"""Connections in a row that fail before the smarthost is left alone."""
FIRST_PAUSE, LONGEST_PAUSE = 60.0, 600.0
"""Seconds the smarthost is left alone: doubled each time it still does not answer."""
OUR_FAULT = re.compile(r"\b5\.7\.\d{1,3}\b|relay", re.IGNORECASE)
"""Refusals at RCPT that are about us, not the recipient: we may not relay there (RFC 3463 §3.8)."""
PROTOCOL_CODES = frozenset({500, 502, 503, 504, 530, 535, 555})
FULL = re.compile(r"\b5\.2\.[23]\b")
"""The mailbox is there, and full, or takes no mail of this size (RFC 3463 §3.3)."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a delivery ended; `state` is None where it may be tried again. `dead`: there is no such recipient."""

    state: OutgoingState | None
    error: str = ""
    dead: bool = False


class Transport(Protocol):
    """A way out."""

    repeatable: bool
    """Whether delivering twice leaves one mail, so that an interrupted delivery may be done again."""

    def away(self) -> str:
        """Why nothing can be handed over now; empty if it can be tried."""
        ...

    def deliver(self, outgoing: UUID, recipient: str, content: bytes) -> Outcome:
        """Hand one mail over; never raises."""
        ...


class Capture:
    """Keeps replies in a Maildir on this machine; nothing leaves it."""

    repeatable = True

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def away(self) -> str:
        """A directory is always there to be tried."""
        return ""

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


class Breaker:
    """Leaves a server alone that fails time after time, longer each time; one success and all is forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.worked()

    def worked(self) -> None:
        """The server answered as it should."""
        self._failures, self._pause, self._until, self._why = 0, FIRST_PAUSE, float("-inf"), ""

    def failed(self, why: str) -> None:
        """The server did not answer, or does not want us."""
        self._failures += 1
        self._why = why
        if self._failures >= FAILURES:
            self._until = self._clock() + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def open(self) -> str:
        """Why the server is left alone now; empty if it may be asked."""
        left = self._until - self._clock()
        return f"left alone for {left:.0f} s more after {self._failures} failures: {self._why}" if left > 0 else ""


class Smarthost:
    """Hands replies to the operator's mail server over one kept connection (RFC 3834 §3.3: with a null return path)."""

    repeatable = False

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._where = relay.address(url)
        self._breaker = Breaker(clock)
        self._line: relay.Line | None = None
        self._owner = 0

    def away(self) -> str:
        """Why the smarthost is left alone; empty if it may be asked."""
        return self._breaker.open()

    def deliver(self, outgoing: UUID, recipient: str, content: bytes) -> Outcome:  # noqa: ARG002 - the log names it
        """Deliver once: a temporary refusal may be tried again, a line that broke after the dot may not."""
        end = time.monotonic() + relay.DELIVERY_SECONDS
        try:
            line = self._open_line(end)
            step, said = line.deliver(recipient, content, end)
        except NotNow as error:
            self._hang_up()
            if error.away:
                self._breaker.failed(str(error))
            return Outcome(state=None, error=str(error))
        except Unclear as error:
            self._hang_up()
            return Outcome(state=OutgoingState.UNCERTAIN, error=str(error))
        return self._judged(line, step, said, end)

    def close(self) -> None:
        """Hang up, if a connection is kept."""
        self._hang_up()

    def _open_line(self, end: float) -> relay.Line:
        """The kept connection if it holds, else a new one; a forked child never speaks over its parent's."""
        line = self._line if self._owner == os.getpid() else None
        if line is not None and (line.mails >= MOST_MAILS or line.rested() > MOST_REST or not line.holds(end)):
            self._hang_up()
            line = None
        if line is None:
            line = relay.Line(self._where, end)
            self._line, self._owner = line, os.getpid()
        return line

    def _hang_up(self) -> None:
        if self._line is not None and self._owner == os.getpid():
            self._line.close()
        self._line = None

    def _judged(self, line: relay.Line, step: str, said: Said, end: float) -> Outcome:
        """What a reply means for the mail, the recipient and the server (RFC 5321 §4.2.1, RFC 3463)."""
        if step == "dot" and not said.permanent and not said.temporary:
            if said.good:
                self._breaker.worked()
                return Outcome(state=OutgoingState.SENT)
            self._hang_up()
            return Outcome(state=OutgoingState.UNCERTAIN, error=str(said))
        if said.closing or (step == "MAIL" and said.permanent):
            self._hang_up()
            told = f"{relay.SETTING}: {self._where.host} said {said} at {step}"
            self._breaker.failed(told)
            return Outcome(state=None, error=told)
        self._breaker.worked()
        if not line.holds(end, refused=True):
            self._hang_up()
        return _refused(step, said)


def _refused(step: str, said: Said) -> Outcome:
    """How a mail ends that one step refused: again later, for good, or for good and for every other mail."""
    told = f"{said} at {step}"
    if not said.permanent:
        return Outcome(state=None, error=told)
    if step != "RCPT":
        return Outcome(state=OutgoingState.FAILED, error=told)
    if said.code in PROTOCOL_CODES or OUR_FAULT.search(said.text):
        return Outcome(state=None, error=f"{relay.SETTING}: it does not relay for us: {told}")
    full = said.code == 552 or FULL.search(said.text)  # noqa: PLR2004 - RFC 5321 §4.2.3
    return Outcome(state=OutgoingState.FAILED, error=told, dead=not full)


def send(
    engine: Engine,
    outgoing: UUID,
    transport: Transport,
    *,
    max_age: timedelta,
    clock: Callable[[], datetime],
    mode: str = "on",
) -> None:
    """Deliver a stored reply: intent recorded, handed over, outcome recorded. `mode` is what is configured.

    Raises:
        Unavailable: not now; the job is tried again later, with the same bytes and Message-ID.

    """
    task = _begin(engine, outgoing, transport, max_age=max_age, now=clock(), mode=mode)
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
            request = tables.requests.fetch(session, row.request_id)
            if request is not None:
                tables.redirections.note_told(session, request.id, request.policy, row.sent_at)
        if outcome.dead:
            tables.mail.kill_address(session, limits.sender_key(recipient), outcome.error, clock())
    log.info("reply.delivered", outgoing=str(outgoing), state=row.state)
    if outcome.state is None:
        raise Unavailable(outcome.error)


def _begin(
    engine: Engine, outgoing: UUID, transport: Transport, *, max_age: timedelta, now: datetime, mode: str
) -> tuple[str, bytes] | None:
    """Record the intent; None if there is nothing to send (any more).

    Raises:
        Unavailable: the way out is closed for now; nothing was recorded but the reason.

    """
    away = transport.away()
    with transaction(engine) as session:
        restored.restored_at(session, now)
        row = tables.mail.fetch_outgoing(session, outgoing)
        if row is None or row.state not in (OutgoingState.PENDING, OutgoingState.SENDING):
            return None
        if row.state is OutgoingState.SENDING and not transport.repeatable:
            row.state, row.error = OutgoingState.UNCERTAIN, "interrupted while it was being handed over"
            return None
        holds = answering.mode(session, mode)
        if holds is not Autoreply.ON:
            row.state, row.error = OutgoingState.DROPPED, f"automatic replies were switched to {holds.value}"
            return None
        if now - row.created_at > max_age:
            row.state, row.error = OutgoingState.DROPPED, "too old to be of use"
            return None
        if away:
            row.error = away
        else:
            row.state = OutgoingState.SENDING
            row.attempts += 1
        found = row.recipient, row.content
    if away:
        raise Unavailable(away)
    return found
