"""Twilio's REST server, which knows what it will be asked, and the phone door as it stands behind a slow database."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from twilio.request_validator import RequestValidator

from models.errors import SwitchboardError
from triage.desk import reception
from triage.identity import number_party
from voice import webhooks
from voice.deadline import Deadline
from voice.recordings import TwilioAccount
from voice.switch import Switch

ACCOUNT = "AC" + "a" * 32
TOKEN = "sample-token"
PUBLIC = "https://support.example.com"
OURS = "+493055500100"
STATUS = {"forbidden": 403, "invalid": 422, "too-large": 413, "unsupported-media-type": 415}
HERE = f"/2010-04-01/Accounts/{ACCOUNT}"


@dataclass
class Asked:
    """A request that will come, and what is answered; `seen` are its query, form and credentials once it has."""

    method: str
    path: str
    status: int
    body: Any
    seen: dict[str, Any] = field(default_factory=dict)


class Rest:
    """Twilio's REST server: requests come in the order they are expected in, and no others."""

    def __init__(self) -> None:
        self.expected: list[Asked] = []
        self.unexpected: list[str] = []
        self.url = ""

    def expect(self, method: str, path: str, body: Any, status: int = 200) -> Asked:
        """Answer the next request, which is this one, with a body."""
        asked = Asked(method, HERE + path, status, body)
        self.expected.append(asked)
        return asked

    def knows(self, kind: str, rows: list[dict[str, Any]], more: str | None = None) -> Asked:
        """Expect a question for a page of a list; `more` is where the next one is."""
        return self.expect("GET", f"/{kind.title().replace('_', '')}.json", {kind: rows, "next_page_uri": more})

    def answer(self, handler: http.server.BaseHTTPRequestHandler, form: str) -> None:
        """Answer a request."""
        url = urlsplit(handler.path)
        if not self.expected or (handler.command, url.path) != (self.expected[0].method, self.expected[0].path):
            self.unexpected.append(f"{handler.command} {handler.path}")
            handler.send_error(500)
            return
        asked = self.expected.pop(0)
        asked.seen = {
            "query": {name: value for name, (value,) in parse_qs(url.query).items()},
            "form": {name: value for name, (value,) in parse_qs(form, keep_blank_values=True).items()},
            "authorization": handler.headers.get("Authorization", ""),
        }
        body = json.dumps(asked.body).encode()
        handler.send_response(asked.status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture
def twilio() -> Iterator[Rest]:
    """Twilio's REST server; a request nobody expects fails the test, and so does one that does not come."""
    rest = Rest()

    class Api(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            rest.answer(self, self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode())

        def do_GET(self):
            rest.answer(self, "")

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
def account(twilio: Rest) -> TwilioAccount:
    """Who we are there."""
    return TwilioAccount(account_sid=ACCOUNT, auth_token=TOKEN, api_base=twilio.url)


@pytest.fixture
def make_number():
    """Make a number as Twilio has it, set right but for what is given."""

    def make(number: str = OURS, **columns: Any) -> dict[str, Any]:
        return {
            "sid": "PN" + number[-2:] * 16,
            "phone_number": number,
            "capabilities": {"voice": True, "SMS": True},
            "voice_url": f"{PUBLIC}/voice/inbound#rc=2&rp=ct,rt,5xx",
            "voice_method": "POST",
            "voice_fallback_url": "https://fallback.example.net/away.xml",
            "voice_fallback_method": "POST",
            "status_callback": f"{PUBLIC}/voice/status#rc=2&rp=ct,rt,5xx",
            "status_callback_method": "POST",
            "sms_url": "https://texts.example.net/",
            "voice_application_sid": None,
            "trunk_sid": None,
            "voice_receive_mode": "voice",
            **columns,
        }

    return make


@pytest.fixture(scope="session")
def desk(policies) -> Callable[..., Any]:
    """The real desk, which leaves suggesting to a worker."""
    return partial(reception.receive, reception=reception.Reception(policies=policies, default_policy="wso2"))


@pytest.fixture
def switch(desk) -> Switch:
    """The line of one German number."""
    return Switch(
        receive=desk,
        identify=partial(number_party, region="DE"),
        public_url=PUBLIC,
        languages=("en",),
        numbers={OURS: ("de",)},
    )


class Door:
    """Our webhooks, as Twilio posts to them."""

    def __init__(self, app: FastAPI) -> None:
        self.client = TestClient(app, base_url=PUBLIC)

    def post(
        self, path: str, *, token: str = TOKEN, algorithm: str = "HMAC_SHA1", headers: Any = (), **form: str
    ) -> Any:
        """Post a signed webhook."""
        form = {"AccountSid": ACCOUNT, "CallSid": "CA" + "1" * 32, "From": "+493055500137", "To": OURS, **form}
        form = {name: value for name, value in form.items() if value is not None}
        made = RequestValidator(token).compute_signature(PUBLIC + path, form, algorithm)
        return self.client.post(path, data=form, headers={"X-Twilio-Signature": made, **dict(headers)})


@pytest.fixture
def make_door(engine: Engine, desk, now):
    """Make the phone door, with what is to be different of it; every flow is done when the test is."""
    made: list[Deadline] = []

    def make(*, seconds: float = 60, **fields: Any) -> Door:
        made.append(Deadline(seconds))
        given = {
            "engine": engine,
            "receive": desk,
            "identify": partial(number_party, region="DE"),
            "public_url": PUBLIC,
            "account_sid": ACCOUNT,
            "auth_tokens": (TOKEN,),
            "language": "en",
            "wake": lambda: None,
            "clock": lambda: now,
            "deadline": made[-1],
        }
        app = FastAPI()
        app.include_router(webhooks.router(webhooks.Line(**{**given, **fields})))

        @app.exception_handler(SwitchboardError)
        def known(_request, error: SwitchboardError) -> PlainTextResponse:
            return PlainTextResponse(error.public, 503 if error.temporary else STATUS[error.code])

        return Door(app)

    yield make
    for each in made:
        each._threads.shutdown()


@pytest.fixture
def door(make_door) -> Door:
    """The phone door."""
    return make_door()
