"""A real web application with the phone door and the real desk, and a caller to talk to it.

The caller does what Twilio does with TwiML: presses only where keys are taken, follows actions and redirects,
and refuses a document that breaks Twilio's rules.
"""

import runpy
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from free_ports import free_port
from sqlalchemy import Engine, func, select
from twilio.request_validator import RequestValidator

from models import tables
from models.errors import SwitchboardError
from models.store import connect, transaction
from switchboard.ports import KEEP_ALIVE_SECONDS
from triage import policy
from triage.desk import directory, reception
from triage.identity import number_party
from voice import connecting_webhooks, webhooks
from voice.deadline import LOCK_MS, STATEMENT_MS, THREADS, Deadline

ACCOUNT = "AC" + "a" * 32
TOKEN = "primary-sample-token"
SECOND_TOKEN = "secondary-sample-token"
PUBLIC = "https://support.example.com"
PATIENT = Deadline(seconds=60)
"""On a busy machine nobody is asked for a moment, but where a test is about that."""
PIN_KEY = directory.pin_key("a sample secret")
STATUS = {"forbidden": 403, "invalid": 422, "too-large": 413, "unsupported-media-type": 415}


class Line:
    """The running phone door: what Twilio would send, signed for the public address, over a real socket."""

    def __init__(self, port: int) -> None:
        self.local = f"http://127.0.0.1:{port}"
        self.client = httpx2.Client(timeout=60, limits=httpx2.Limits(max_connections=64))

    def post(self, path: str, *, token: str = TOKEN, headers: dict[str, str] | None = None, **form: str) -> Any:
        """Post a signed webhook."""
        form = {"AccountSid": ACCOUNT, "From": "+493055500137", "To": "+493055500100", **form}
        signature = RequestValidator(token).compute_signature(PUBLIC + path, form)
        sent = {"X-Twilio-Signature": signature, **(headers or {})}
        return self.client.post(self.local + path, data=form, headers=sent)


class Caller:
    """One call, as the caller lives it; every webhook is sent `times` times, at once if `together`."""

    def __init__(self, line: Line, sid: str, obeyed: Callable[[str], Any], params: dict[str, str]) -> None:
        self.line, self.sid, self.obeyed, self.params = line, sid, obeyed, params
        self.times, self.together = 1, False
        self.heard = ""
        self.says_with: list[Any] = []
        self.verbs: dict[str, Any] = {}

    def repeating(self, times: int, *, together: bool = False) -> "Caller":
        """Let every webhook come more than once from now on."""
        self.times, self.together = times, together
        return self

    def dials(self) -> "Caller":
        """Ring."""
        return self._listen("/voice/inbound", CallStatus="ringing")

    def presses(self, digits: str) -> "Caller":
        """Press keys; an empty string is the hash key alone."""
        gather = self.verbs["Gather"]
        assert "dtmf" in gather.get("input").split()
        ended = {} if gather.get("numDigits") else {"FinishedOnKey": "#"}
        return self._listen(path_of(gather.get("action")), Digits=digits, **ended)

    def says(self, words: str, confidence: str = "0.91") -> "Caller":
        """Speak."""
        gather = self.verbs["Gather"]
        assert "speech" in gather.get("input").split()
        return self._listen(path_of(gather.get("action")), SpeechResult=words, Confidence=confidence)

    def stays_silent(self, times: int = 1) -> "Caller":
        """Give no answer: an empty one is sent where asked for, else the redirect is followed."""
        for _ in range(times):
            gather = self.verbs.get("Gather")
            if gather is not None and gather.get("actionOnEmptyResult") == "true":
                self._listen(path_of(gather.get("action")), Digits="", FinishedOnKey="")
            else:
                self._listen(path_of(self.verbs["Redirect"].text))
        return self

    def records(self, recording: str, ended: str = "#", *, lasted: str = "11") -> "Caller":
        """Leave a recording, and end it with a key, or with silence where that is empty."""
        assert ended in self.verbs["Record"].get("finishOnKey")
        where = path_of(self.verbs["Record"].get("action"))
        return self._listen(where, RecordingSid=recording, RecordingDuration=lasted, Digits=ended)

    def waits_for(self) -> list[str]:
        """The telephones of ours that ring."""
        return [number.text for number in self.verbs["Dial"]]

    def nobody_answers(self, status: str = "no-answer") -> "Caller":
        """Let the telephones ring in vain."""
        return self._listen(path_of(self.verbs["Dial"].get("action")), DialCallStatus=status)

    def somebody_takes_it(self) -> "Caller":
        """Let the first telephone be picked up and its owner press 1; the two then talk."""
        whisper, leg = path_of(self.verbs["Dial"][0].get("url")), f"CA{'e' * 24}{self.sid[-8:]}"
        child = {"CallSid": leg, "ParentCallSid": self.sid, "CallStatus": "in-progress"}
        asked = self.obeyed(self.line.post(whisper, **child).text, whisper=True)
        taken = self.line.post(path_of(asked.find("Gather").get("action")), **child, Digits="1").text
        assert self.obeyed(taken, whisper=True).find("Hangup") is None
        return self

    def finishes_talking(self, **told: str) -> "Caller":
        """Let the engineer hang up first."""
        done = {"DialCallStatus": "completed", "DialBridged": "true", "DialCallSid": f"CA{'e' * 24}{self.sid[-8:]}"}
        return self._listen(path_of(self.verbs["Dial"].get("action")), **done, **told)

    def hangs_up(self, status: str = "completed") -> "Caller":
        """End the call."""
        return self._tell("/voice/status", CallStatus=status, CallDuration="30")

    def hangs_up_while_recording(self, recording: str) -> "Caller":
        """End the call in the middle of a recording: Twilio still brings what there is of it."""
        where = path_of(self.verbs["Record"].get("action"))
        self._send(where, CallStatus="completed", Digits="hangup", RecordingSid=recording, RecordingDuration="4")
        return self.hangs_up()

    def recording(self, recording: str, status: str = "completed") -> "Caller":
        """Let Twilio tell what became of a recording."""
        return self._tell("/voice/recording", RecordingSid=recording, RecordingStatus=status, RecordingDuration="11")

    def transcript(self, recording: str, words: str, status: str = "completed") -> "Caller":
        """Let Twilio bring a transcript."""
        told = {"RecordingSid": recording, "TranscriptionStatus": status, "TranscriptionText": words}
        return self._tell("/voice/transcript", **told)

    def hears(self, words: str) -> "Caller":
        """Check what was said last."""
        assert words.lower() in self.heard.lower(), self.heard
        return self

    def hears_not(self, words: str) -> "Caller":
        """Check that something was not said."""
        assert words.lower() not in self.heard.lower(), self.heard
        return self

    def _tell(self, path: str, **told: str) -> "Caller":
        assert {answer.status_code for answer in self._send(path, **told)} == {204}
        return self

    def _listen(self, path: str, **answer: str) -> "Caller":
        answers = self._send(path, **{"CallStatus": "in-progress", **answer})
        assert {each.status_code for each in answers} == {200}, answers[0].text
        assert {each.headers["content-type"].partition(";")[0] for each in answers} == {"text/xml"}
        (document,) = {each.text for each in answers}  # the same webhook gets the same answer
        root = self.obeyed(document)
        self.says_with = list(root.iter("Say"))
        self.heard = " ".join(each.text or "" for each in self.says_with)
        self.verbs = {each.tag: each for each in root}
        return self

    def _send(self, path: str, **form: str) -> list[Any]:
        def once(_number: int) -> Any:
            return self.line.post(path, CallSid=self.sid, **{"Direction": "inbound", **self.params, **form})

        if not self.together:
            return [once(number) for number in range(self.times)]
        with ThreadPoolExecutor(self.times) as pool:
            return list(pool.map(once, range(self.times)))


def path_of(url: str) -> str:
    """The path and query of an address we handed out."""
    return url.partition("#")[0].removeprefix(PUBLIC)


@pytest.fixture(scope="session")
def policies():
    """The built-in packs."""
    return policy.load_packs()


@pytest.fixture
def first_seen() -> list[datetime]:
    """Times the door's clock gave, in order."""
    return []


class Server:
    """A server on a free port; what it serves is changed from test to test, since starting one takes a while."""

    def __init__(self) -> None:
        self.app: Any = None
        self.port = free_port()
        config = uvicorn.Config(
            self.serve,
            port=self.port,
            log_level="error",
            lifespan="off",
            interface="asgi3",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        self.server = uvicorn.Server(config)
        threading.Thread(target=self.server.run, daemon=True).start()
        deadline = time.monotonic() + 10
        while not self.server.started and time.monotonic() < deadline:
            time.sleep(0.02)

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        """Have the application of the moment answer."""
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def idle_servers() -> Iterator[list[Server]]:
    """Servers that nobody uses at the moment."""
    idle: list[Server] = []
    yield idle
    for each in idle:
        each.server.should_exit = True


@pytest.fixture
def served(idle_servers: list[Server]):
    """Put an application behind a port."""

    @contextmanager
    def serve(app: FastAPI) -> Iterator[int]:
        server = idle_servers.pop() if idle_servers else Server()
        server.app = app
        try:
            yield server.port
        finally:
            idle_servers.append(server)

    return serve


@pytest.fixture(scope="session")
def patient() -> Deadline:
    """Time for every answer."""
    return PATIENT


@pytest.fixture
def soon_given_up(engine: Engine) -> Iterator[Engine]:
    """An engine of the line's: nothing is waited for until Twilio gives up."""
    url = engine.url.render_as_string(hide_password=False)
    made = connect(url, pool=THREADS, more=0, statement_ms=STATEMENT_MS, lock_ms=LOCK_MS)
    yield made
    made.dispose()


@pytest.fixture
def run_line(engine: Engine, policies, first_seen: list[datetime], served):
    """Start a phone door on a free port, at a real desk that leaves suggesting to a worker.

    Further fields of the line come by name, such as `desk`; `at` stops its clock.
    """

    @contextmanager
    def run(*languages: str, at: datetime | None = None, **fields: Any) -> Iterator[Line]:
        def clock() -> datetime:
            first_seen.append(at or datetime.now(UTC))
            return first_seen[-1]

        desk = reception.Reception(policies=policies, default_policy="wso2", pin_key=PIN_KEY)
        door = webhooks.Line(
            receive=partial(reception.receive, reception=desk),
            identify=partial(number_party, region="DE"),
            public_url=PUBLIC,
            account_sid=ACCOUNT,
            auth_tokens=(TOKEN, SECOND_TOKEN),
            language=languages[0],
            languages=languages,
            wake=lambda: None,
            clock=clock,
            **{"engine": engine, "deadline": PATIENT, **fields},
        )
        app = FastAPI()
        app.include_router(webhooks.router(door))
        app.include_router(connecting_webhooks.router(door, door.switch))

        @app.exception_handler(SwitchboardError)
        def known(_request, error: SwitchboardError) -> PlainTextResponse:
            return PlainTextResponse(error.public, 503 if error.temporary else STATUS[error.code])

        with served(app) as port:
            line = Line(port)
            try:
                yield line
            finally:
                line.client.close()

    return run


@pytest.fixture
def line(run_line) -> Iterator[Line]:
    """The phone door in English."""
    with run_line("en") as line:
        yield line


@pytest.fixture
def hurried(run_line, soon_given_up: Engine) -> Iterator[Line]:
    """A phone door with an engine of its own, and the limits of production."""
    with run_line("en", engine=soon_given_up) as line:
        yield line


@pytest.fixture
def phone(obeyed):
    """Make a caller on a line, with a call of their own."""

    def make(line: Line, number: int = 1, **params: str) -> Caller:
        return Caller(line, f"CA{number:032x}", obeyed, params)

    return make


@pytest.fixture
def caller(line: Line, phone):
    """Make a caller on the English line."""
    return partial(phone, line)


@pytest.fixture
def pin(engine: Engine) -> str:
    """The PIN of an account."""
    with transaction(engine) as session:
        directory.add_account(session, "Halcyon Hosting", number="4711")
        return directory.set_pin(session, "4711", key=PIN_KEY)


@pytest.fixture
def only_call(engine: Engine) -> Callable[[], tables.calls.Call]:
    """The one call there is, with exactly one incident."""

    def find() -> tables.calls.Call:
        with transaction(engine) as session:
            (call,) = session.scalars(select(tables.calls.Call)).all()
            assert session.scalar(select(func.count()).select_from(tables.requests.Request)) == 1
            assert call.request_id is not None
            return call

    return find


@pytest.fixture
def told(engine: Engine) -> Callable[[], dict[str, tables.requests.Interaction]]:
    """What the desk was told, by the part of the call it came from."""

    def find() -> dict[str, tables.requests.Interaction]:
        with transaction(engine) as session:
            rows = session.scalars(select(tables.requests.Interaction)).all()
            return {row.source.partition(":")[2].partition(":")[2]: row for row in rows}

    return find


@pytest.fixture(scope="session")
def broken_rules() -> Callable[[str, str], Any]:
    """The rules of Twilio that a document breaks."""
    return runpy.run_path(str(Path(__file__).parent / "twilio_rules.py"))["broken_rules"]


@pytest.fixture(scope="session")
def obeyed(broken_rules) -> Callable[[str], Any]:
    """Parse TwiML, refusing any that breaks Twilio's rules; a `whisper` is heard before two calls are connected."""

    def parse(document: str, *, whisper: bool = False) -> Any:
        root, broken = broken_rules(document, PUBLIC, whisper=whisper)
        assert not broken, (broken, document)
        return root

    return parse
