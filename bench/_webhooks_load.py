"""Callers in one process: `python bench/_webhooks_load.py PORT CALLS SECONDS PACE TURNS`, signed as Twilio signs.

Each of so many parallel calls is one connection: it rings, follows the TwiML by pressing keys and saying one sentence
until it is told to hang up (or for TURNS turns, 0: to the end), tells that the call has ended, and the next call
begins. Asked for a moment, it waits as long as the TwiML says, and comes back; a call that is answered 503 is lost,
as Twilio goes to the fallback. With a pace each caller listens for PACE seconds, half of it more or less, before every
answer; without one (0) they answer at once. Prints one JSON line: webhooks and whole conversations a second, and for
each kind of webhook the median and the 99th percentile of its answer in milliseconds.
"""

import asyncio
import base64
import hashlib
import hmac
import html
import itertools
import json
import os
import random
import re
import statistics
import sys
import time
from urllib.parse import urlencode

import uvloop

ACCOUNT = "AC" + "b" * 32
TOKEN = "sample-token-of-the-benchmark"  # noqa: S105 - a sample
FORM = "application/x-www-form-urlencoded"
NEXT = re.compile(r'<(?:Gather|Record|Dial)\b[^>]*?\baction="([^"]+)"|<Redirect[^>]*>([^<]+)<')
STEP = re.compile(r"[?&]step=(\w+)")
PAUSE = re.compile(r'<Pause length="(\d+)"')
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
SENTENCE = "orders fail at every counter since nine and there is no workaround"
MOST_TURNS = 40
"""A conversation of more turns than this goes in a circle."""
LONGEST_WAIT = 30.0
"""Seconds that a load goes on beyond its time until a call has come to its end."""
NUMBERS = itertools.count()
RANDOM = random.Random(7)  # noqa: S311 - how long people listen


def answer(document: str, step: str) -> dict[str, str]:
    """What the caller does with a document: a sentence where one is asked for, a key elsewhere."""
    if "<Record" in document:
        return {"RecordingSid": f"RE{os.urandom(16).hex()}", "RecordingDuration": "7", "Digits": "#"}
    if "<Dial" in document:
        return {"DialCallStatus": "no-answer"}
    if "speech" in document and step == "problem":
        return {"SpeechResult": SENTENCE, "Confidence": "0.91"}
    if step == "account":
        return {"Digits": "", "FinishedOnKey": "#"}
    return {"Digits": "1"}


def target(document: str) -> str:
    """Where the answer goes, as path and query; empty where the call is over."""
    found = NEXT.search(document)
    if found is None:
        return ""
    url = html.unescape(found.group(1) or found.group(2)).partition("#")[0]
    return "/" + url.split("/", 3)[3]


class Lost(Exception):
    """A call that the server cannot serve now."""


class Line(asyncio.Protocol):
    """One connection that posts a form and waits for its answer."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.received = b""
        self.waiting: asyncio.Future[str] | None = None

    def connection_made(self, transport) -> None:
        """Keep the way out."""
        self.transport = transport

    def connection_lost(self, _error) -> None:
        """Tell whoever waits."""
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """Give the body once all of it is here."""
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not end or (length and len(body) < int(length.group(1))):
            return
        self.received = b""
        status = head[9:12]
        if status == b"503":
            self.waiting.set_exception(Lost())
        elif status not in {b"200", b"204"}:
            self.waiting.set_exception(SystemExit(f"answered {status.decode()}: {body[:200]!r}"))
        else:
            self.waiting.set_result(body.decode())

    async def post(self, path: str, form: dict[str, str]) -> str:
        """Post a signed form; the answer's body."""
        signed = self.origin + path + "".join(name + form[name] for name in sorted(form))
        mac = base64.b64encode(hmac.new(TOKEN.encode(), signed.encode(), hashlib.sha1).digest()).decode()
        body = urlencode(form)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {FORM}\r\n"
            f"Content-Length: {len(body)}\r\nX-Twilio-Signature: {mac}\r\n\r\n"
        )
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write((head + body).encode())
        return await self.waiting


class Load:
    """What the callers share: how they behave, and what was measured."""

    def __init__(self, port: int, pace: float, turns: int) -> None:
        self.port, self.pace, self.turns = port, pace, turns
        self.finished: list[tuple[float, str, float]] = []
        self.moments = self.lost = 0
        self.over = False

    def has_ended_since(self, moment: float) -> bool:
        """Whether a call has come to its end since."""
        return any(kind == "status" and at >= moment for at, kind, _ in reversed(self.finished[-1000:]))

    async def caller(self) -> None:
        """One call after the other."""
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(lambda: Line(self.port), "127.0.0.1", self.port)
        if self.pace:
            await asyncio.sleep(RANDOM.uniform(0, self.pace * 8))  # else all would ring in the same moment
        while not self.over:
            try:
                await self.call(line)
            except Lost:
                self.lost += 1
        line.transport.close()

    async def call(self, line: Line) -> None:
        """One conversation from the first ring to its end."""
        number = next(NUMBERS)
        call = {
            "AccountSid": ACCOUNT,
            "CallSid": f"CA{os.urandom(16).hex()}",
            "From": f"+49305551{number % 10000:04}",
            "To": "+493055500100",
            "Direction": "inbound",
            "ApiVersion": "2010-04-01",
        }
        document = await self.timed("inbound", line, "/voice/inbound", call | {"CallStatus": "ringing"})
        for _ in range(min(self.turns or MOST_TURNS, MOST_TURNS)):
            path = target(document)
            if not path or self.over:
                break
            said = answer(document, "".join(STEP.findall(path)))
            if "&again=" in path:
                self.moments += 1
                await asyncio.sleep(sum(map(int, PAUSE.findall(document))))
                said = {}
            document = await self.timed("turn", line, path, call | {"CallStatus": "in-progress"} | said)
        else:
            if self.turns == 0:
                raise SystemExit(f"no end after {MOST_TURNS} turns: {document}")
        ended = call | {"CallStatus": "completed", "CallDuration": "40", "SequenceNumber": "3"}
        await self.timed("status", line, "/voice/status", ended)

    async def timed(self, kind: str, line: Line, path: str, form: dict[str, str]) -> str:
        """Post, after having listened, and note how long the answer took."""
        if self.pace:
            await asyncio.sleep(RANDOM.uniform(self.pace / 2, self.pace * 1.5))
        began = time.perf_counter()
        document = await line.post(path, form)
        now = time.perf_counter()
        self.finished.append((now, kind, (now - began) * 1000))
        return document


async def main(port: int, calls: int, seconds: float, pace: float, turns: int) -> dict[str, object]:
    """Run the load; what is measured before all callers are in the middle of a call does not count."""
    load = Load(port, pace, turns)
    callers = [asyncio.create_task(load.caller()) for _ in range(calls)]
    warm = time.perf_counter() + max(seconds / 4, pace * 8)
    await asyncio.wait(callers, timeout=warm + seconds - time.perf_counter(), return_when=asyncio.FIRST_EXCEPTION)
    last = warm + seconds + LONGEST_WAIT
    while not load.has_ended_since(warm) and time.perf_counter() < last and not any(each.done() for each in callers):
        await asyncio.wait(callers, timeout=0.1, return_when=asyncio.FIRST_EXCEPTION)  # a slow machine
    load.over = True
    until = time.perf_counter()
    await asyncio.gather(*callers)
    counted = [(kind, took) for at, kind, took in load.finished if warm <= at <= until]
    kinds = {kind: sorted(took for each, took in counted if each == kind) for kind in ("inbound", "turn", "status")}
    kinds["all"] = sorted(took for _, took in counted)
    return {
        "webhooks": len(load.finished),
        "rate": len(counted) / (until - warm),
        "conversations": len(kinds["status"]) / (until - warm),
        "turns": len(kinds["turn"]) / max(1, len(kinds["status"])),
        "moments": load.moments,
        "lost": load.lost,
        "ms": {
            kind: {"p50": statistics.median(took), "p99": took[len(took) * 99 // 100], "most": took[-1]}
            for kind, took in kinds.items()
            if took
        },
    }


if __name__ == "__main__":
    port, calls, seconds, pace, turns = sys.argv[1:]
    print(json.dumps(uvloop.run(main(int(port), int(calls), float(seconds), float(pace), int(turns)))))
