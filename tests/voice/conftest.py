"""A real web application with the phone door and the real desk, and a caller to talk to it."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from xml.etree import ElementTree as ET

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from sqlalchemy import Engine
from twilio.request_validator import RequestValidator

from models.errors import SwitchboardError
from triage import policy
from triage.desk import reception
from triage.identity import number_party
from voice import webhooks

ACCOUNT = "AC" + "a" * 32
TOKEN = "primary-sample-token"
SECOND_TOKEN = "secondary-sample-token"
PUBLIC = "https://support.example.com"
STATUS = {"forbidden": 403, "invalid": 422, "too-large": 413, "unsupported-media-type": 415}


class Line:
    """The running phone door: what Twilio would send, signed for the public address, over a real socket."""

    def __init__(self, port: int) -> None:
        self.local = f"http://127.0.0.1:{port}"

    def post(self, path: str, *, token: str = TOKEN, headers: dict[str, str] | None = None, **form: str) -> Any:
        """Post a signed webhook."""
        form = {"AccountSid": ACCOUNT, "From": "+493055500137", "To": "+493055500100", **form}
        signature = RequestValidator(token).compute_signature(PUBLIC + path, form)
        sent = {"X-Twilio-Signature": signature, **(headers or {})}
        return httpx2.post(self.local + path, data=form, headers=sent, timeout=20)


class Caller:
    """One call, as the caller lives it."""

    def __init__(self, line: Line, sid: str, **params: str) -> None:
        self.line, self.sid, self.params = line, sid, params
        self.heard = ""
        self._next = ""

    def dials(self, *, times: int = 1) -> "Caller":
        """Ring; Twilio may send the first webhook more than once."""
        for _ in range(times):
            self._listen(self.line.post("/voice/inbound", CallSid=self.sid, CallStatus="ringing", **self.params))
        return self

    def presses(self, digits: str, *, times: int = 1) -> "Caller":
        """Press keys; an empty string is the hash key alone."""
        return self._answer(times, Digits=digits)

    def says(self, words: str, *, times: int = 1) -> "Caller":
        """Speak."""
        return self._answer(times, SpeechResult=words, Confidence="0.91")

    def stays_silent(self) -> "Caller":
        """Give no answer: the redirect after the question is followed."""
        return self._answer(1)

    def records(self, recording: str) -> "Caller":
        """Leave a recording."""
        return self._answer(1, RecordingSid=recording, RecordingDuration="11")

    def hangs_up(self, status: str = "completed") -> "Caller":
        """End the call."""
        self.line.post("/voice/status", CallSid=self.sid, CallStatus=status, CallDuration="30", **self.params)
        return self

    def hears(self, words: str) -> "Caller":
        """Check what was said last."""
        assert words.lower() in self.heard.lower(), self.heard
        return self

    def _answer(self, times: int, **answer: str) -> "Caller":
        where = self._next
        for _ in range(times):
            self._listen(self.line.post(where, CallSid=self.sid, CallStatus="in-progress", **answer, **self.params))
        return self

    def _listen(self, answer: Any) -> None:
        assert answer.status_code == 200, answer.text
        document = ET.fromstring(answer.content)  # noqa: S314 - our own
        self.heard = " ".join(each.text or "" for each in document.iter("Say"))
        action = document.find(".//*[@action]")
        self._next = "" if action is None else re.sub(r"#.*", "", action.attrib["action"]).removeprefix(PUBLIC)


@pytest.fixture(scope="session")
def policies():
    """The built-in packs."""
    return policy.load_packs()


@pytest.fixture
def first_seen() -> list[datetime]:
    """Times the door's clock gave, in order."""
    return []


@pytest.fixture
def line(engine: Engine, policies, first_seen: list[datetime]) -> Iterator[Line]:
    """The phone door on a free port, at a real desk that leaves suggesting to a worker."""

    def clock() -> datetime:
        first_seen.append(datetime.now(UTC))
        return first_seen[-1]

    desk = reception.Reception(policies=policies, default_policy="wso2")
    app = FastAPI()
    app.include_router(
        webhooks.router(
            webhooks.Line(
                engine=engine,
                receive=partial(reception.receive, reception=desk),
                identify=partial(number_party, region="DE"),
                public_url=PUBLIC,
                account_sid=ACCOUNT,
                auth_tokens=(TOKEN, SECOND_TOKEN),
                language="en",
                wake=lambda: None,
                clock=clock,
            )
        )
    )

    @app.exception_handler(SwitchboardError)
    def known(_request, error: SwitchboardError) -> PlainTextResponse:
        return PlainTextResponse(error.public, 503 if error.temporary else STATUS[error.code])

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    yield Line(port)
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture
def caller(line: Line):
    """Make a caller with a number of their own."""

    def make(number: int = 1, **params: str) -> Caller:
        return Caller(line, f"CA{number:032x}", **params)

    return make
