"""A load of SMTP clients in one process: `python bench/_load.py PORT SESSIONS BYTES SECONDS [reconnect] [RATE]`.

Closed loop: every session sends its next mail when the last is answered. With a rate (mails a
second) the loop is open: a mail is due at its moment, whatever became of those before it, and its
latency counts from then, so that a server that stalls cannot hide it. Prints one JSON line: mails a
second, and the latencies in milliseconds from the end of the data (or from when it was due) to 250.
Each mail has other bytes.
"""

import asyncio
import itertools
import json
import os
import sys
import time
from collections import deque

import uvloop

START = b"MAIL FROM:<sender@example.org>\r\n"
RECIPIENT = b"RCPT TO:<support@example.com>\r\n"
NUMBERS = itertools.count()


class Load:
    """What the sessions share."""

    def __init__(self, size: int, *, reconnect: bool) -> None:
        self.reconnect = reconnect
        self.body = b"".join(b"%076d\r\n" % number for number in range(size // 78)) + b".\r\n"
        self.run = os.urandom(6).hex().encode()
        self.finished: list[tuple[float, float, float]] = []
        self.over = False
        self.due: deque[float] | None = None
        self.idle: deque[Session] = deque()

    def head(self) -> bytes:
        """A header no other mail has."""
        mark = b"%s-%012d" % (self.run, next(NUMBERS))
        return b"Message-ID: <%s@example.org>\r\nFrom: sender@example.org\r\nSubject: Load %s\r\n\r\n" % (mark, mark)


class Session(asyncio.Protocol):
    """One client; it says its next line when the last is answered."""

    def __init__(self, load: Load, ended: asyncio.Future[None]) -> None:
        self.load = load
        self.ended = ended
        self.due = self.sent = 0.0

    def connection_made(self, transport) -> None:
        """Wait for the greeting."""
        self.transport = transport
        self.step = self.greeted

    def data_received(self, data: bytes) -> None:
        """Answers are short and come one by one: nothing is pipelined."""
        if data[:1] not in b"23":
            raise SystemExit(f"refused: {data!r}")
        self.step()

    def connection_lost(self, _error) -> None:
        """End, or begin anew if this connection was for one mail."""
        if not self.ended.done():
            self.ended.set_result(None)

    def greeted(self) -> None:
        self.say(b"HELO client.example.org\r\n", self.next)

    def say(self, line: bytes, then) -> None:
        self.step = then
        self.transport.write(line)

    def next(self) -> None:
        """Begin a mail now, or when one is due."""
        if self.load.over:
            self.transport.close()
        elif self.load.due is None:
            self.begin(0.0)
        elif self.load.due:
            self.begin(self.load.due.popleft())
        else:
            self.load.idle.append(self)

    def begin(self, due: float) -> None:
        self.due = due
        self.say(START, self.recipient)

    def recipient(self) -> None:
        self.say(RECIPIENT, self.data)

    def data(self) -> None:
        self.say(b"DATA\r\n", self.content)

    def content(self) -> None:
        self.sent = time.perf_counter()
        self.step = self.finished
        self.transport.writelines([self.load.head(), self.load.body])

    def finished(self) -> None:
        now = time.perf_counter()
        self.load.finished.append((now, now - self.sent, now - self.due))
        if self.load.reconnect:
            self.say(b"QUIT\r\n", lambda: None)
        else:
            self.next()


async def session(load: Load, port: int) -> None:
    """One client, over one connection or as many as it takes."""
    loop = asyncio.get_running_loop()
    while not load.over:
        ended = loop.create_future()
        await loop.create_connection(lambda ended=ended: Session(load, ended), "127.0.0.1", port)
        await ended


async def pace(load: Load, rate: float, until: float) -> None:
    """Make mails due at their moments."""
    load.due = deque()
    moment = time.perf_counter()
    while moment < until:
        await asyncio.sleep(max(0.0, moment - time.perf_counter()))
        if load.idle:
            load.idle.popleft().begin(moment)
        else:
            load.due.append(moment)
        moment += 1 / rate


async def main(port: int, sessions: int, size: int, seconds: float, *, reconnect: bool, rate: float) -> dict:
    """Run the load; the first fifth of it is warming up and does not count."""
    load = Load(size, reconnect=reconnect)
    warm = time.perf_counter() + seconds / 5
    until = warm + seconds
    if rate:
        load.due = deque()
    clients = [asyncio.create_task(session(load, port)) for _ in range(sessions)]
    await (pace(load, rate, until) if rate else asyncio.sleep(until - time.perf_counter()))
    load.over = True
    counted = [times for at, *times in load.finished if warm <= at <= until]
    for each in list(load.idle):
        each.transport.close()
    await asyncio.wait(clients, timeout=30)
    answered, done = (sorted(times) for times in zip(*counted, strict=True))
    last = len(counted) * 99 // 100
    figures = {"rate": len(counted) / seconds, "p50": answered[len(counted) // 2] * 1000, "p99": answered[last] * 1000}
    return figures | ({"due_p99": done[last] * 1000} if rate else {})


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "reconnect"]
    port, sessions, size = (int(word) for word in words[:3])
    result = uvloop.run(
        main(
            port,
            sessions,
            size,
            float(words[3]),
            reconnect="reconnect" in sys.argv,
            rate=float(words[4]) if len(words) > 4 else 0.0,
        )
    )
    print(json.dumps(result))
