"""The whole conversation, from the first ring to an engineer and back, with the real menu and the real desk's door."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from models import tables
from models.store import transaction
from triage.desk import reception
from triage.identity import number_party
from voice import connecting_webhooks, webhooks

PUBLIC = "https://support.example.com"
CALLER = "CA" + "c" * 32
PRESSED = {"consent": "2", "account": "", "down": "1", "phone": "1"}


@pytest.fixture
def twilio(exchange, line, policies, obeyed, whispered, clock, telephones):
    """Twilio, at a line whose conversation is the real one."""
    desk = reception.Reception(policies=policies, default_policy="wso2")
    ours = replace(
        line,
        receive=partial(reception.receive, reception=desk),
        identify=partial(number_party, region="DE"),
        language="en",
    )
    app = FastAPI()
    app.include_router(webhooks.router(ours))
    app.include_router(connecting_webhooks.router(ours, ours.switch))

    def doors() -> Any:
        return exchange.Door(TestClient(app, base_url=PUBLIC))

    return exchange.Twilio(doors=doors, obeyed=obeyed, whispered=whispered, clock=clock, telephones=telephones)


@pytest.fixture
def says(twilio, obeyed):
    """Let the caller dial, and answer each question until we ring for them; the TwiML then."""

    def answer(path: str, **told: str) -> str:
        form = {"From": "+493055500137", "To": "+493055500100", "CallStatus": "in-progress", **told}
        given = twilio.door.post(path, CALLER, **form)
        assert given.status_code == 200, given.text
        return given.text

    def walk(*, presses_zero_at: str = "") -> str:
        document = answer("/voice/inbound")
        for _ in range(10):
            gather = obeyed(document).find("Gather")
            if gather is None:
                break
            path = gather.get("action").partition("#")[0].removeprefix(PUBLIC)
            step = path.partition("step=")[2].partition("&")[0]
            told = {"SpeechResult": "orders fail"} if step == "problem" else {"Digits": PRESSED.get(step, "")}
            document = answer(path, **({"Digits": "0"} if step == presses_zero_at else told))
        return document

    return walk


@pytest.fixture
def stored(engine):
    """The call as it stands, with the log of its request."""

    def read() -> tuple[Any, list[str]]:
        with transaction(engine) as session:
            call = session.scalars(select(tables.calls.Call)).one()
            return call, [row.event for row in tables.requests.clock_events(session, call.request_id)]

    return read


@pytest.mark.parametrize("late", [False, True])
def test_a_night_call_reaches_the_second_engineer_after_the_first_ones_machine(
    twilio, says, mara, priya, states, stored, late
):
    """And hears its reference in the end; the timeline says who talked to them."""
    twilio.late, twilio.times = late, 2
    mara.is_a_machine()
    priya.answers("1")
    twilio.obeys(says())
    assert states() == [("mara", 1, "silent"), ("priya", 2, "taken")]
    call, log = stored()
    assert (call.step, call.answers["reached"], log.count("connected")) == ("receipt", "yes", 1)


def test_where_nobody_can_be_reached_the_conversation_goes_on(twilio, says, states, stored):
    """Everybody was rung once, and the caller hears what comes next."""
    twilio.obeys(says())
    assert [state for _, _, state in states()] == ["no-answer"] * 3
    call, log = stored()
    assert (call.step, call.answers["reached"], "connected" in log) == ("receipt", "nobody", False)
    assert twilio.heard[-1]


def test_a_caller_who_presses_zero_and_hangs_up_rings_nobody_else(twilio, says, states, stored):
    """Whoever rings stops."""
    twilio.leaves_after = 5
    twilio.obeys(says(presses_zero_at="account"))
    form = {"CallStatus": "completed", "CallDuration": "40"}
    assert twilio.door.post("/voice/status", CALLER, **form).status_code == 204
    assert states() == [("mara", 1, "canceled")]
    assert stored()[0].ended_at is not None
