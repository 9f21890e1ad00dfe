r"""The IMAP fetcher: mail from a mailbox that lives elsewhere, marked as seen only after it was stored.

The mailbox is the queue. What is unseen is fetched without changing it, stored and committed, and
only then gets its \Seen flag: a crash in between brings the mail a second time, and its digest makes
both one item. IMAPClient speaks the protocol; waiting for news (IDLE) is our own, see `line.Line.listen`.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from imapclient import SEEN
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from intake.imap import delivered
from intake.imap.line import TICK, Line, Mailbox, connect, reason
from models.errors import Misconfigured, SwitchboardError
from models.terms import Envelope

IDLE_SECONDS = 180.0
"""IDLE is issued again after this. RFC 2177 §3 asks for less than 29 minutes; routers forget a silent
connection far sooner, and a dead one is noticed only when something is said."""
POLL_SECONDS = 30.0
"""How often a server without IDLE is asked."""
BATCH = 100
"""How many mails are taken between two looks at what is unseen."""
WINDOW = 50_000
"""How many mails one SEARCH looks at, so that its answer stays within one line of a million bytes."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds before trying again after the line, the sign-in, the folder or our own store failed."""
LATER = 3_600.0
"""Longest pause, in seconds, before a single mail that could not be fetched or stored is tried again."""
MUCH_LATER = 86_400.0
"""The same for a mail that is too large or was refused for good."""
FLAGGED = rb"\Flagged"

log = structlog.get_logger()


@dataclass(kw_only=True)
class Fetcher:
    """What is remembered between connections: mails that are not to be tried again before a moment."""

    mailbox: Mailbox
    accept: Callable[[Envelope, bytes], None]
    own_addresses: tuple[str, ...]
    max_bytes: int
    stop: threading.Event
    validity: int = 0
    not_before: dict[int, float] = field(default_factory=dict)
    tries: Counter[int] = field(default_factory=Counter)
    pause: float = 0.0

    def serve(self, line: Line) -> None:
        """Bring everything in that is unseen, wait for more, and so on until told to stop.

        Raises:
            IMAPClientError, OSError: the connection is lost or the folder cannot be used.
            SwitchboardError: our own store does not take mail now.

        """
        idles = line.has_capability("IDLE")
        while not self.stop.is_set():
            unseen = self.unseen(line)
            for uid, facts in self._sizes(line, unseen).items():
                if self.stop.is_set():
                    return
                self._take(line, uid, facts)
            self.pause = 0.0
            if unseen or line.has_news():
                continue
            if idles:
                line.listen(self._patience(IDLE_SECONDS), self.stop)
            else:
                self.stop.wait(self._patience(POLL_SECONDS))

    def unseen(self, line: Line) -> list[int]:
        """UIDs of the next unseen mails, a batch at most; those to be tried later are left out.

        Raises:
            Misconfigured: the folder is missing, or may only be read.

        """
        try:
            opened = line.select_folder(self.mailbox.folder)
        except IMAPClientAbortError:
            raise
        except IMAPClientError as error:
            raise Misconfigured(f"folder {self.mailbox.folder!r} cannot be opened for writing: {error}") from error
        if opened.get(b"UIDVALIDITY", 0) != self.validity:  # the UIDs name other mails now (RFC 3501 §2.3.1.1)
            self.validity = opened.get(b"UIDVALIDITY", 0)
            self.not_before.clear()
            self.tries.clear()
        found: list[int] = []
        for first in range(1, opened[b"EXISTS"] + 1, WINDOW):
            last = first + WINDOW - 1
            window = f"{first}:{last if last < opened[b'EXISTS'] else '*'}"
            found += line.search(f"{window} UNSEEN UNDELETED")
            due = [uid for uid in found if self.not_before.get(uid, 0.0) <= time.monotonic()]
            if len(due) >= BATCH:
                return sorted(due)[:BATCH]
        self.not_before = {uid: moment for uid, moment in self.not_before.items() if uid in set(found)}
        return sorted(uid for uid in found if self.not_before.get(uid, 0.0) <= time.monotonic())

    def _sizes(self, line: Line, uids: list[int]) -> dict[int, dict[bytes, Any]]:
        found: dict[int, dict[bytes, Any]] = line.fetch(uids, ["RFC822.SIZE", "INTERNALDATE"])
        return found

    def _patience(self, longest: float) -> float:
        """Seconds until the next mail is to be tried again, if that is sooner."""
        now = time.monotonic()
        return min([longest, *(max(moment - now, TICK) for moment in self.not_before.values())])

    def _take(self, line: Line, uid: int, facts: dict[bytes, Any]) -> None:
        """Bring one mail in; one that cannot be is left unseen, and the others are not held up by it."""
        try:
            if facts.get(b"RFC822.SIZE", 0) > self.max_bytes:
                self._leave(line, uid, "too-large")
                return
            answer = line.fetch([uid], [f"BODY.PEEK[]<0.{self.max_bytes + 1}>"]).get(uid, {})
            content = next((value for key, value in answer.items() if key.startswith(b"BODY[")), None)
            if content is None:  # somebody else has moved it
                return
            if len(content) > self.max_bytes:  # some servers only estimate RFC822.SIZE
                self._leave(line, uid, "too-large")
                return
            self._store(content, facts.get(b"INTERNALDATE"))
            line.add_flags([uid], [SEEN], silent=True)
        except (IMAPClientAbortError, OSError):
            self._put_off(uid)
            raise
        except SwitchboardError as error:
            if error.temporary:
                raise
            self._leave(line, uid, error.code)
        except Exception as error:  # a fault in one mail must not hold up the others
            self._put_off(uid)
            log.warning("imap.failed", uid=uid, error=type(error).__name__, tries=self.tries[uid], exc_info=error)

    def _store(self, content: bytes, arrived: datetime | None) -> None:
        now = datetime.now(UTC)
        moment = min(arrived.astimezone(UTC), now) if arrived is not None else now
        envelope = delivered.envelope(content, own_addresses=self.own_addresses, received_at=moment)
        self.accept(envelope, content)
        log.info("mail.accepted", size=len(content), recipients=len(envelope.rcpt_to), door="imap")

    def _leave(self, line: Line, uid: int, reason: str) -> None:
        """Leave a mail in the mailbox for a person: unseen, with the flag that mail programs show."""
        self.not_before[uid] = time.monotonic() + MUCH_LATER
        log.warning("imap.left", uid=uid, reason=reason)
        with suppress(IMAPClientError):
            line.add_flags([uid], [FLAGGED], silent=True)

    def _put_off(self, uid: int) -> None:
        self.tries[uid] += 1
        self.not_before[uid] = time.monotonic() + min(2.0 ** self.tries[uid], LATER)


def run(
    mailbox: Mailbox,
    *,
    accept: Callable[[Envelope, bytes], None],
    own_addresses: tuple[str, ...],
    max_bytes: int,
    stop: threading.Event,
) -> None:
    """Fetch until `stop` is set; whatever goes wrong is logged and tried again, at most a minute later.

    `accept` blocks, stores and commits, or raises SwitchboardError. The first own address is taken for
    the recipient of mails that do not tell theirs.
    """
    logging.getLogger("imapclient").setLevel(logging.WARNING)  # what it says below that are the mails
    fetcher = Fetcher(mailbox=mailbox, accept=accept, own_addresses=own_addresses, max_bytes=max_bytes, stop=stop)
    while not stop.is_set():
        try:
            with connect(mailbox) as line:
                log.info("imap.connected", idle=line.has_capability("IDLE"))
                fetcher.serve(line)
        except Exception as error:  # noqa: BLE001 - whatever it is, the mailbox is looked at again
            fetcher.pause = min(max(2 * fetcher.pause, FIRST_PAUSE), LONGEST_PAUSE)
            log.error("imap.interrupted", reason=reason(error, mailbox), retry_seconds=fetcher.pause)  # noqa: TRY400 - the reason says it
            stop.wait(fetcher.pause)
