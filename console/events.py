"""Server-sent events: signed-in pages learn that the queue has changed."""

import asyncio
from collections.abc import AsyncIterator
from threading import Lock
from time import monotonic

from fastapi import Response
from fastapi.responses import StreamingResponse

from console import queries
from console.deps import Desk, Viewer
from models.errors import Unavailable
from models.store import transaction

LOOK_SECONDS = 2.0
"""How often one process asks PostgreSQL whether the queue has changed, whatever the number of pages."""
LIFE_SECONDS = 300
"""Streams end after this; the browser comes back by itself and proves its sign-in again."""
SILENCE_SECONDS = 15
"""A comment is sent after this long without an event, so that proxies keep the stream."""


class Pulse:
    """The mark of the queue, read at most every `LOOK_SECONDS` for all streams of this process together."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._lock = Lock()
        self._mark = ""
        self._looked = float("-inf")

    def mark(self) -> str:
        """The mark in force; while PostgreSQL is away, the last one known."""
        with self._lock:
            if monotonic() - self._looked >= LOOK_SECONDS:
                self._looked = monotonic()
                try:
                    with transaction(self.desk.engine) as session:
                        self._mark = queries.pulse(session)
                except Unavailable:
                    pass
            return self._mark

    async def events(self, reader: Viewer) -> Response:
        """The stream of a page; an event says that the queue is worth fetching again, not what is in it."""
        del reader
        return StreamingResponse(self.stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def stream(self) -> AsyncIterator[str]:
        """Lines of the stream; the database is asked in a thread, so that the loop never waits for it."""
        seen = await asyncio.to_thread(self.mark)
        yield f"retry: 2000\nid: {seen}\n\n"
        spoke = started = monotonic()
        while monotonic() - started < LIFE_SECONDS:
            await asyncio.sleep(LOOK_SECONDS)
            mark = await asyncio.to_thread(self.mark)
            if mark != seen:
                seen, spoke = mark, monotonic()
                yield f"event: queue\nid: {mark}\ndata: changed\n\n"
            elif monotonic() - spoke >= SILENCE_SECONDS:
                spoke = monotonic()
                yield ": still here\n\n"
