"""Twilio from the other side: a REST server that knows which requests to expect, and telephones that answer."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from twilio.request_validator import RequestValidator

from models import tables
from models.calling import OnDuty
from models.errors import SwitchboardError
from models.store import transaction
from models.terms import CallbackOutcome, Channel, OutgoingState, StepState, TriageState
from voice import outgoing_webhooks, webhooks
from voice.dialling import Trunk
from voice.outgoing import Handover, Named
from voice.recordings import TwilioAccount

ACCOUNT = "AC" + "a" * 32
TOKEN = "sample-token"
PUBLIC = "https://support.example.com"
NOTICE = UUID("01930000-0000-7000-8000-000000000001")
ATTEMPT = UUID("01930000-0000-7000-8000-000000000002")
SID = "CA" + "1" * 32
GOLDEN = Path(__file__).parent / "golden"
STATUS = {"forbidden": 403, "invalid": 422, "too-large": 413, "unsupported-media-type": 415}


class Rest:
    """Twilio's REST server: every request must be expected, every expected one must come."""

    def __init__(self) -> None:
        self.expected: list[SimpleNamespace] = []
        self.unexpected: list[str] = []
        self.asked: list[SimpleNamespace] = []

    def expect(
        self,
        status: int = 201,
        body: Any = None,
        *,
        after: float = 0,
        meanwhile: Callable[[], object] = lambda: None,
        breaks: bool = False,
        kind: str = "application/json",
    ) -> None:
        """Answer the next request like this, and do something before; `breaks` hangs up instead."""
        content = json.dumps({"sid": SID, "status": "queued"} if body is None else body)
        raw = content if not isinstance(body, str) else body
        self.expected.append(
            SimpleNamespace(
                status=status, body=raw.encode(), after=after, meanwhile=meanwhile, breaks=breaks, kind=kind
            )
        )

    def answer(self, handler: http.server.BaseHTTPRequestHandler, form: dict[str, list[str]]) -> None:
        """Answer a request."""
        authorization = handler.headers.get("Authorization", "")
        asked = SimpleNamespace(method=handler.command, path=handler.path, form=form, authorization=authorization)
        self.asked.append(asked)
        if not self.expected:
            self.unexpected.append(f"{handler.command} {handler.path}")
            handler.send_error(500)
            return
        answer = self.expected.pop(0)
        answer.meanwhile()
        time.sleep(answer.after)
        if answer.breaks:
            handler.close_connection = True
            return
        handler.send_response(answer.status)
        handler.send_header("Content-Type", answer.kind)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body)


@pytest.fixture
def twilio() -> Iterator[Rest]:
    """Twilio's REST server."""
    rest = Rest()

    class Api(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers.get("Content-Length", "0"))
            rest.answer(self, parse_qs(self.rfile.read(length).decode(), keep_blank_values=True))

        def do_GET(self):
            rest.answer(self, {})

        def do_DELETE(self):
            rest.answer(self, {})

        def log_message(self, *_arguments):
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    rest.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield rest
    server.shutdown()
    server.server_close()
    assert not rest.unexpected
    assert not rest.expected, "a request that was to come did not"


@pytest.fixture
def trunk(twilio: Rest) -> Trunk:
    """The line out to it."""
    account = TwilioAccount(account_sid=ACCOUNT, auth_token=TOKEN, api_base=twilio.url)
    return Trunk(account=account, from_number="+493055500100", public_url=PUBLIC)


@pytest.fixture
def settled() -> list[UUID]:
    """The steps whose state was asked to follow their notices."""
    return []


@pytest.fixture
def levels() -> list[str]:
    """The level the request has, as its policy names it; none where empty."""
    return ["Critical P1"]


@pytest.fixture
def request_id(engine: Engine, now: datetime) -> UUID:
    """A request, whose words must never be spoken."""
    with transaction(engine) as session:
        row = tables.requests.Request(
            channel=Channel.PHONE, subject="secret words", policy="wso2", state=TriageState.DECIDED, received_at=now,
            language="de", clock_started_at=now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


@pytest.fixture
def step_id(engine: Engine, request_id: UUID, now: datetime) -> UUID:
    """A step of an escalation of the request."""
    with transaction(engine) as session:
        step = tables.progress.add_step(
            session, request_id=request_id, key="late:lead:1", ladder="late", rung="lead",
            label="Response missed — Team lead", channel="phone", to_role="lead", to_name="", cause="breached:response",
            cause_at=now, clause="W1", assumed=False, policy="wso2@1", policy_digest="0", due_at=now,
            state=StepState.WAITING, created_at=now,
        )  # fmt: skip
        assert step is not None
        return step


@pytest.fixture
def make_notice(engine: Engine, request_id: UUID, step_id: UUID, now: datetime):
    """Make the notice that Mara is to be called about the step."""

    def make(**columns: Any) -> UUID:
        given = {
            "id": NOTICE, "step_id": step_id, "request_id": request_id, "channel": "phone", "name": "mara",
            "recipient": "+493055500177", "state": OutgoingState.PENDING, "created_at": now,
        }  # fmt: skip
        with transaction(engine) as session:
            session.add(tables.progress.Notice(**{**given, **columns}))
        return given["id"]

    return make


@pytest.fixture
def make_attempt(engine: Engine, request_id: UUID, now: datetime):
    """Make the attempt to call the customer that Ida has asked for."""

    def make(**columns: Any) -> UUID:
        given = {
            "id": ATTEMPT, "request_id": request_id, "number": "+493055500188", "placed_by": "ida", "placed_at": now,
            "outcome": CallbackOutcome.PLACED, "note": "",
        }  # fmt: skip
        with transaction(engine) as session:
            session.add(tables.progress.Callback(**{**given, **columns}))
        return given["id"]

    return make


@pytest.fixture
def the_notice(engine: Engine) -> Callable[[], tables.progress.Notice]:
    """The notice as it stands."""
    return lambda: _one(engine, tables.progress.Notice, NOTICE)


@pytest.fixture
def the_attempt(engine: Engine) -> Callable[[], tables.progress.Callback]:
    """The attempt as it stands."""
    return lambda: _one(engine, tables.progress.Callback, ATTEMPT)


def _one(engine: Engine, kind: Any, key: UUID) -> Any:
    with transaction(engine) as session:
        return session.get_one(kind, key)


@pytest.fixture
def log(engine: Engine, request_id: UUID):
    """The log of the request: kind, source without ids, value, by whom."""

    def read() -> list[tuple[str, str, str, str]]:
        with transaction(engine) as session:
            rows = tables.requests.clock_events(session, request_id)
        plain = [row.source.replace(str(NOTICE), "…").replace(str(ATTEMPT), "…") for row in rows]
        return [(row.event, source, row.value, row.made_by) for row, source in zip(rows, plain, strict=True)]

    return read


class Door:
    """Our webhooks, as Twilio posts to them."""

    def __init__(self, app: FastAPI) -> None:
        self.client = TestClient(app, base_url=PUBLIC)

    def post(self, path: str, *, token: str = TOKEN, sid: str = SID, account: str = ACCOUNT, **form: str) -> Any:
        """Post a signed webhook."""
        known = {"CallSid": sid} if sid else {}
        form = {"AccountSid": account, **known, "From": "+493055500100", "To": "+493055500188", **form}
        signature = RequestValidator(token).compute_signature(PUBLIC + path, form)
        return self.client.post(path, data=form, headers={"X-Twilio-Signature": signature})


@pytest.fixture
def clock(now: datetime) -> SimpleNamespace:
    """The clock of the edges: a minute past, until it is set."""
    return SimpleNamespace(now=now + timedelta(minutes=1))


@pytest.fixture
def at_hand() -> list[OnDuty]:
    """Whom customers who are reached are connected to; nobody where empty."""
    return []


@pytest.fixture
def missed() -> list[UUID]:
    """The attempts of which the desk was told that nobody took the call."""
    return []


@pytest.fixture
def handover(at_hand: list[OnDuty], missed: list[UUID]) -> Handover:
    """How a customer who is reached comes to those at hand."""
    return Handover(people=lambda *_: tuple(at_hand), missed=lambda _session, row, _now: missed.append(row.id))


@pytest.fixture
def door(
    engine: Engine, settled: list[UUID], levels: list[str], clock: SimpleNamespace, handover: Handover, patient
) -> Door:
    """Our webhooks; the line greets in French, to see who takes its language from where."""
    app = FastAPI()
    line = webhooks.Line(
        engine=engine, receive=lambda *_: pytest.fail("no call of ours opens a request"), identify=lambda _: None,
        public_url=PUBLIC, account_sid=ACCOUNT, auth_tokens=(TOKEN,), language="fr", wake=lambda: None,
        clock=lambda: clock.now, from_number="+493055500100", deadline=patient,
    )  # fmt: skip
    app.include_router(webhooks.router(line))
    app.include_router(
        outgoing_webhooks.router(
            line,
            naming=lambda _request: Named(level=levels[-1], support="WSO2"),
            settle=lambda _session, step: settled.append(step),
            person=handover,
        )
    )

    @app.exception_handler(SwitchboardError)
    def known(_request, error: SwitchboardError) -> PlainTextResponse:
        return PlainTextResponse(error.public, 503 if error.temporary else STATUS[error.code])

    return Door(app)


class Telephone:
    """A telephone that rings: answered, pressed, hung up; every webhook is sent `times` times."""

    def __init__(self, door: Door, path: str, obeyed: Callable[[str], Any], *, times: int = 1, sid: str = SID) -> None:
        self.door, self.path, self.obeyed, self.times, self.sid = door, path, obeyed, times, sid
        self.heard = ""
        self.document = ""
        self.next = ""

    def is_answered(self, by: str = "human") -> "Telephone":
        """Somebody or something answers."""
        return self._listen(self.path, CallStatus="in-progress", **({"AnsweredBy": by} if by else {}))

    def presses(self, digit: str, **told: str) -> "Telephone":
        """Press a key, or none: then an empty one goes the same way."""
        return self._listen(self.next or f"{self.path}/key?try=0", CallStatus="in-progress", Digits=digit, **told)

    def tells(self, status: str, **told: str) -> "Telephone":
        """Let Twilio tell a status."""
        for _ in range(self.times):
            answer = self.door.post(f"{self.path}/status", sid=self.sid, CallStatus=status, **told)
            assert (answer.status_code, answer.text) == (204, "")
        return self

    def hears(self, words: str) -> "Telephone":
        """Check what was said last."""
        assert words in self.heard, self.heard
        return self

    def _listen(self, path: str, **form: str) -> "Telephone":
        answers = [self.door.post(path, sid=self.sid, **form) for _ in range(self.times)]
        assert {each.status_code for each in answers} == {200}, answers[0].text
        assert {each.headers["content-type"].partition(";")[0] for each in answers} == {"text/xml"}
        (self.document,) = {each.text for each in answers}
        root = self.obeyed(self.document)
        assert "secret words" not in self.document
        self.heard = " ".join(each.text or "" for each in root.iter("Say"))
        gather = root.find("Gather")
        if gather is not None:
            assert gather.get("actionOnEmptyResult") == "true"
        self.next = gather.get("action").partition("#")[0].removeprefix(PUBLIC) if gather is not None else ""
        return self


@pytest.fixture
def telephone(door: Door, obeyed):
    """Make the telephone that a call of ours rings: Mara's ("page"), or the customer's ("callback")."""

    def make(kind: str, *, times: int = 1, sid: str = SID, about: UUID | None = None) -> Telephone:
        about = about or {"page": NOTICE, "callback": ATTEMPT}[kind]
        return Telephone(door, f"/voice/{kind}/{about}", obeyed, times=times, sid=sid)

    return make


@pytest.fixture
def notice(make_notice, now) -> UUID:
    """A page that was placed."""
    return make_notice(state=OutgoingState.SENT, call_sid=SID, told_at=now)


@pytest.fixture
def attempt(make_attempt) -> UUID:
    """A call to the customer that was placed."""
    return make_attempt(call_sid=SID)


@pytest.fixture
def mara(notice, telephone):
    """Mara's telephone, which rings."""
    return telephone("page")


@pytest.fixture
def customer(attempt, telephone):
    """The customer's telephone, which rings."""
    return telephone("callback")


@pytest.fixture
def golden():
    """Compare a document with the one that is kept."""

    def same(document: str, name: str) -> None:
        assert document == (GOLDEN / f"{name}.xml").read_text(encoding="utf-8").strip()

    return same


@pytest.fixture
def speaks(engine: Engine, request_id):
    """Let the customer write in a language."""

    def speak(language: str | None) -> None:
        with transaction(engine) as session:
            session.get_one(tables.requests.Request, request_id).language = language

    return speak
