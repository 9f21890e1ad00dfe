"""An answer in time: a caller is never left in silence because we are slow.

Twilio waits fifteen seconds for a webhook and then drops it. What takes longer than five goes on by itself, and
commits; the caller is asked for a moment, and Twilio comes back to the same address for what was answered meanwhile.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import structlog
from twilio.twiml.voice_response import VoiceResponse

from models.errors import SwitchboardError, Unavailable
from voice import outgoing
from voice.prompts import Prompts
from voice.twiml import RETRIES, speak

SECONDS = 5.0
"""How long Twilio waits for us before the caller is asked for a moment."""
PAUSE = 2
"""Seconds of silence between "one moment" and the next try."""
MOST = 3
"""How often a caller is asked for a moment; then Twilio goes to the fallback. An engineer who is rung is hung up on."""
THREADS = 12
"""Webhooks worked on at once."""
STATEMENT_MS, LOCK_MS = 3000, 2500
"""When PostgreSQL gives up a statement, or waiting for a lock, of a webhook: a caller is on the line, and Twilio goes
to the fallback after fifteen seconds."""
SLOW = frozenset({"55P03", "57014", "40P01"})
"""SQLSTATE of a lock or a statement that was given up, also for a deadlock: PostgreSQL is there, and slow."""

Result = TypeVar("Result")

log = structlog.get_logger()


class Deadline:
    """Runs flows in threads of its own; whoever waits for one waits so long and no longer."""

    def __init__(self, seconds: float = SECONDS, threads: int = THREADS) -> None:
        self.seconds = seconds
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="webhook")
        self._going: dict[str, Future[Any]] = {}

    async def wait(self, flow: Callable[[], Result], *, known_as: str = "", joins: bool = False) -> Result:
        """What a flow gives; with `joins`, what one gives that goes on here under the same name, if there is one.

        Raises:
            TimeoutError: it is not done yet; it goes on, and commits.

        """
        going = self._going.get(known_as) if joins else None
        if going is None:
            going = self._threads.submit(flow)
            if known_as:
                self._going[known_as] = going
                going.add_done_callback(lambda done: self._forget(known_as, done))
        begun = asyncio.wrap_future(going)
        begun.add_done_callback(_note)
        return await asyncio.wait_for(asyncio.shield(begun), self.seconds)

    def _forget(self, known_as: str, done: "Future[Any]") -> None:
        if self._going.get(known_as) is done:
            self._going.pop(known_as, None)

    def insist(self, flow: Callable[[], Result]) -> Result:
        """What a flow gives, tried again while PostgreSQL is slow: what a caller has said is said once.

        Raises:
            Unavailable: PostgreSQL is away, or slow for as long as two waits take.

        """
        end = time.monotonic() + 2 * self.seconds
        while True:
            try:
                return flow()
            except Unavailable as error:
                if not is_slow(error) or time.monotonic() > end:
                    raise


def is_slow(error: Unavailable) -> bool:
    """Whether PostgreSQL answers, but gave a lock or a statement up."""
    return getattr(getattr(error.__cause__, "orig", None), "sqlstate", None) in SLOW


def asked_before(text: str) -> int:
    """How often this caller was asked for a moment already, as the address says."""
    return int(text) if text in {"1", "2", "3"} else 0


def one_moment(words: Prompts, address: str, again: int) -> str:
    """TwiML that asks for a moment, and comes back to the same address.

    Raises:
        Unavailable: the caller was asked often enough.

    """
    if again >= MOST:
        raise Unavailable("a webhook took too long, four times")
    response = VoiceResponse()
    speak(response, words, words.say("moment"))
    response.pause(length=PAUSE)
    response.redirect(_once_more(address, again) + RETRIES, method="POST")
    return str(response)


def whispered_moment(words: Prompts, address: str, again: int) -> str:
    """TwiML that asks whoever is rung for a caller for a moment, and comes back to the same address by itself.

    A key that is pressed meanwhile comes with it. It hangs up on whoever was asked often enough: nothing here may
    connect the two (https://www.twilio.com/docs/voice/twiml/number#url).
    """
    if again >= MOST:
        return outgoing.hang_up()
    return outgoing.ask(words, _once_more(address, again), words.say("moment"), seconds=PAUSE)


def _once_more(address: str, again: int) -> str:
    return f"{address}{'&' if '?' in address else '?'}again={again + 1}"


def _note(done: "asyncio.Future[Result]") -> None:
    """Look at how a flow ended that nobody waits for any more, so that its error is not lost."""
    if not done.cancelled() and (error := done.exception()) is not None and not isinstance(error, SwitchboardError):
        log.warning("webhook.failed", error=type(error).__name__)
