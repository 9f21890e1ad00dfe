"""A caller on the line, engineers on duty, and what became of both."""

import re
import runpy
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from twilio.twiml.voice_response import VoiceResponse

from models import tables
from models.calling import OnDuty
from models.errors import SwitchboardError
from models.store import transaction
from models.terms import Channel, TriageState
from voice import calls, connecting, connecting_webhooks, prompts, webhooks
from voice.outgoing import Named
from voice.switch import Desk

ACCOUNT = "AC" + "a" * 32
TOKEN = "sample-token"
PUBLIC = "https://support.example.com"
CALLER = "CA" + "c" * 32
MARA, PRIYA, TOM = "+493055500171", "+493055500172", "+493055500173"
GOLDEN = Path(__file__).parent / "golden"
STATUS = {"forbidden": 403, "invalid": 422, "too-large": 413, "unsupported-media-type": 415}


@pytest.fixture(scope="session")
def exchange() -> SimpleNamespace:
    """Twilio, telephones, and what they are made of."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "telephones.py")))


@pytest.fixture
def clock(now: datetime) -> SimpleNamespace:
    """The clock of the edges: a minute after the call came in."""
    return SimpleNamespace(now=now + timedelta(minutes=1))


@pytest.fixture
def rota() -> list[OnDuty]:
    """Who is on duty: Mara, then Priya, then Tom, one after the other."""
    names = {"mara": MARA, "priya": PRIYA, "tom": TOM}
    return [
        OnDuty(name=name, number=number, ring_seconds=20, round=place)
        for place, (name, number) in enumerate(names.items(), 1)
    ]


@pytest.fixture
def together(rota: list[OnDuty]) -> None:
    """Everybody on duty is rung at once."""
    rota[:] = [replace(one, round=1) for one in rota]


@pytest.fixture
def desk(rota: list[OnDuty]) -> SimpleNamespace:
    """What the desk was asked and told: `asked` (request, whether it burns), `taken` (request, by whom)."""
    seen = SimpleNamespace(asked=[], taken=[])

    def on_call(_session, request: UUID, urgent: bool, _now: datetime) -> tuple[OnDuty, ...]:
        seen.asked.append((request, urgent))
        return tuple(rota)

    seen.port = Desk(on_call=on_call, taken=lambda _session, request, name, _now: seen.taken.append((request, name)))
    return seen


@pytest.fixture
def level() -> list[str]:
    """What the policy calls the request's level."""
    return ["Critical P1"]


@pytest.fixture
def make_request(engine: Engine, now: datetime):
    """Make a request, whose words must never be spoken."""

    def make() -> UUID:
        with transaction(engine) as session:
            row = tables.requests.Request(
                channel=Channel.PHONE, subject="secret words", policy="wso2", state=TriageState.DECIDED,
                received_at=now, language="de", clock_started_at=now,
            )  # fmt: skip
            session.add(row)
            session.flush()
            return row.id

    return make


@pytest.fixture
def request_id(make_request) -> UUID:
    """The request of the call."""
    return make_request()


@pytest.fixture
def on_the_line(engine: Engine, request_id: UUID, now: datetime):
    """Put a caller on the line."""

    def put(**answers: str) -> None:
        with transaction(engine) as session:
            session.add(
                tables.calls.Call(
                    call_sid=CALLER, account_sid=ACCOUNT, from_number="+493055500137", to_number="+493055500100",
                    status="in-progress", step="ringing", answers={"language": "en", **answers},
                    request_id=request_id, started_at=now,
                )
            )  # fmt: skip

    return put


@pytest.fixture
def line(engine: Engine, desk: SimpleNamespace, clock: SimpleNamespace, patient) -> webhooks.Line:
    """The phone line."""
    return webhooks.Line(
        engine=engine, receive=lambda *_: pytest.fail("an engineer opens no request"), identify=lambda _: None,
        public_url=PUBLIC, account_sid=ACCOUNT, auth_tokens=(TOKEN,), language="de", wake=lambda: None,
        clock=lambda: clock.now, desk=desk.port, from_number="+493055500100", deadline=patient,
    )  # fmt: skip


@pytest.fixture
def reached() -> list[connecting.Reached]:
    """How rounds ended, other than with the next one."""
    return []


@pytest.fixture
def doors(exchange, line: webhooks.Line, level: list[str], reached, monkeypatch) -> Callable[[], Any]:
    """Start a process of ours, whose conversation says only how it ended."""

    def connected(session, number, params, now, *, switch):
        call = tables.calls.by_sid_locked(session, params["CallSid"])
        words = prompts.load(call.answers["language"])
        told = connecting.close_round(session, call, number, params, now, switch=switch, words=words)
        if isinstance(told, str):
            return told
        reached.append(told)
        response = VoiceResponse()
        response.say(f"reached: {told.value}")
        response.hangup()
        return str(response)

    monkeypatch.setattr(calls, "connected", connected, raising=False)

    def start() -> Any:
        app = FastAPI()
        naming = lambda _request: Named(level=level[-1], support="WSO2")  # noqa: E731 - one word
        app.include_router(connecting_webhooks.router(line, line.switch, naming=naming))

        @app.exception_handler(SwitchboardError)
        def known(_request, error: SwitchboardError) -> PlainTextResponse:
            return PlainTextResponse(error.public, 503 if error.temporary else STATUS[error.code])

        return exchange.Door(TestClient(app, base_url=PUBLIC))

    return start


@pytest.fixture
def mara(exchange):
    """Mara's telephone, which nobody picks up."""
    return exchange.Telephone()


@pytest.fixture
def priya(exchange):
    """Priya's."""
    return exchange.Telephone()


@pytest.fixture
def tom(exchange):
    """Tom's."""
    return exchange.Telephone()


@pytest.fixture
def telephones(mara, priya, tom) -> dict[str, Any]:
    """Every telephone there is, by its number."""
    return {MARA: mara, PRIYA: priya, TOM: tom}


@pytest.fixture
def whispered(broken_rules) -> Callable[[str], Any]:
    """Parse what an engineer hears, refusing what breaks Twilio's rules for it."""

    def parse(document: str) -> Any:
        root, broken = broken_rules(document, PUBLIC, whisper=True)
        assert not broken, (broken, document)
        return root

    return parse


@pytest.fixture
def twilio(exchange, doors, obeyed, whispered, clock, telephones) -> Any:
    """Twilio."""
    return exchange.Twilio(doors=doors, obeyed=obeyed, whispered=whispered, clock=clock, telephones=telephones)


@pytest.fixture
def begin(engine: Engine, line: webhooks.Line, clock):
    """Begin to connect the caller; the TwiML, or None."""

    def start(*, urgent: bool = True, intro: str = "", language: str = "en", **changed: Any) -> str | None:
        with transaction(engine) as session:
            call = tables.calls.by_sid_locked(session, CALLER)
            words = prompts.load(language)
            switch = replace(line.switch, **changed)
            return connecting.begin(session, call, clock.now, switch=switch, urgent=urgent, words=words, intro=intro)

    return start


@pytest.fixture
def rings(begin, exchange, doors, whispered) -> Callable[..., Any]:
    """Ring for the caller; the telephones, whose webhooks are sent by hand."""

    def start(*, times: int = 1, document: str | None = None) -> list[Any]:
        door, found = doors(), re.findall(r' url="([^"#]*)', document or begin() or "")
        handsets = [
            exchange.Handset(door, whispered, each.removeprefix(PUBLIC), number) for number, each in enumerate(found, 1)
        ]
        for each in handsets:
            each.times = times
        return handsets

    return start


@pytest.fixture
def ends(doors) -> Callable[..., str]:
    """Let Twilio tell the end of a round."""
    door = doors()

    def tell(number: int = 1, status: str = "completed", **told: str) -> str:
        form = {"CallStatus": "in-progress", "DialCallStatus": status, **told}
        answer = door.post(f"/voice/connect?round={number}", CALLER, **form)
        assert answer.status_code == 200, answer.text
        return answer.text

    return tell


@pytest.fixture
def leaves(engine: Engine, clock):
    """Let the caller's own call end."""

    def leave() -> None:
        with transaction(engine) as session:
            call = tables.calls.by_sid_locked(session, CALLER)
            call.status, call.ended_at = "completed", clock.now
            connecting.caller_left(session, call, clock.now)

    return leave


@pytest.fixture
def legs(engine: Engine) -> Callable[[], list[tables.reaching.Leg]]:
    """Everybody rung for the caller, in that order."""

    def read() -> list[tables.reaching.Leg]:
        with transaction(engine) as session:
            call = tables.calls.by_sid(session, CALLER)
            return tables.reaching.legs(session, call.id)

    return read


@pytest.fixture
def states(legs) -> Callable[[], list[tuple[str, int, str]]]:
    """Everybody rung: who, in which round, and what came of it."""
    return lambda: [(leg.name, leg.round, leg.state.value) for leg in legs()]


@pytest.fixture
def log(engine: Engine, request_id: UUID):
    """The log of the request: kind, by whom, note; without the two entries that a talk is a response and an act."""

    def read() -> list[tuple[str, str, str]]:
        with transaction(engine) as session:
            rows = tables.requests.clock_events(session, request_id)
        beside = sum(row.event in {"responded", "acted"} for row in rows)
        assert beside == 2 * sum(row.event == "connected" for row in rows)
        return [(row.event, row.made_by, row.note) for row in rows if row.event not in {"responded", "acted"}]

    return read


@pytest.fixture
def golden():
    """Compare a document with the one that is kept; ids of legs are numbered."""

    def same(document: str, name: str) -> None:
        ids = dict.fromkeys(re.findall(r"leg/([0-9a-f-]{36})", document))
        for number, each in enumerate(ids, 1):
            document = document.replace(each, f"LEG-{number}")
        kept = GOLDEN / f"{name}.xml"
        assert document == kept.read_text(encoding="utf-8").strip()

    return same
