"""Telephones that we rang are no callers, wherever Twilio is told to ask about them; and no caller is taken for one."""

from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from models import tables
from models.calling import LegState
from models.store import transaction
from models.terms import CallbackOutcome, OutgoingState, StepState

OTHER = "CA" + "7" * 32
CALLER = f"CA{1:032x}"


@pytest.fixture
def call(caller, only_call) -> tables.calls.Call:
    """A caller on the line."""
    caller().dials()
    return only_call()


@pytest.fixture
def requests(engine: Engine):
    """How many requests there are."""

    def count() -> int:
        with transaction(engine) as session:
            return session.scalar(select(func.count()).select_from(tables.requests.Request)) or 0

    return count


@pytest.fixture
def ours(engine: Engine, call, now: datetime):
    """Make a call of ours with a CallSid: a telephone rung for the caller, a call back, or a page."""

    def make(kind: str, sid: str) -> None:
        about = {"request_id": call.request_id}
        with transaction(engine) as session:
            if kind == "leg":
                row: object = tables.reaching.Leg(
                    call_id=call.id, round=1, name="mara", number="+493055500901", ring_seconds=20,
                    state=LegState.RINGING, dial_call_sid=sid, rung_at=now, **about,
                )  # fmt: skip
            elif kind == "callback":
                row = callback(call.request_id, sid, now)
            else:
                row = notice(session, call.request_id, sid, now)
            session.add(row)

    return make


def callback(request: UUID, sid: str, now: datetime) -> tables.progress.Callback:
    """An attempt to call a customer back."""
    return tables.progress.Callback(
        request_id=request, placed_by="mara", number="+493055500137", placed_at=now,
        outcome=CallbackOutcome.NO_ANSWER, call_sid=sid,
    )  # fmt: skip


def notice(session: Session, request: UUID, sid: str, now: datetime) -> tables.progress.Notice:
    """A page to an engineer."""
    step = tables.progress.EscalationStep(
        request_id=request, key="k", ladder="l", rung="r", label="Response missed", channel="call", to_role="on-call",
        to_name="", cause="response", cause_at=now, clause="", assumed=False, policy="wso2", policy_digest="d",
        due_at=now, state=StepState.TOLD, created_at=now,
    )  # fmt: skip
    session.add(step)
    session.flush()
    return tables.progress.Notice(
        step_id=step.id, request_id=request, channel="call", name="mara", recipient="+493055500901",
        state=OutgoingState.SENT, call_sid=sid, created_at=now,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["leg", "callback", "page"])
@pytest.mark.parametrize("told", [{}, {"Direction": "outbound-api"}, {"Direction": "inbound", "ParentCallSid": CALLER}])
def test_a_call_of_ours_opens_no_incident(line, requests, ours, obeyed, kind: str, told: dict[str, str]):
    """Its CallSid says so; it hears goodbye, each time, and the log has its CallSid."""
    ours(kind, OTHER)
    with capture_logs() as logs:
        answers = {line.post("/voice/inbound", CallSid=OTHER, CallStatus="ringing", **told).text for _ in range(2)}
    (document,) = answers
    assert "not needed any more" in document
    assert [each.tag for each in obeyed(document)] == ["Say", "Hangup"]
    assert requests() == 1
    assert [(each["event"], each["log_level"], each["call"]) for each in logs] == [
        ("call.misdirected", "warning", OTHER)
    ] * 2


@pytest.mark.parametrize(
    "told",
    [{"Direction": "outbound-dial"}, {"Direction": "outbound-dial", "ParentCallSid": CALLER},
     {"ParentCallSid": CALLER}, {"Direction": "outbound-api", "ParentCallSid": CALLER}],
)  # fmt: skip
def test_the_other_leg_of_a_call_opens_no_incident(line, call, requests, told: dict[str, str]):
    """Twilio says that it was dialled, or whose leg it is, before we know its CallSid."""
    assert "not needed" in line.post("/voice/inbound", CallSid=OTHER, CallStatus="ringing", **told).text
    assert requests() == 1


@pytest.mark.parametrize(
    "told",
    [{}, {"Direction": "inbound"}, {"Direction": "outbound-api"}, {"ParentCallSid": "CA" + "8" * 32},
     {"Direction": "inbound", "ParentCallSid": CALLER}],
)  # fmt: skip
def test_no_caller_is_taken_for_a_telephone_of_ours(line, call, requests, told: dict[str, str]):
    """Whatever is only likely is a call: one that was forwarded to us may name its parent."""
    answer = line.post("/voice/inbound", CallSid=OTHER, CallStatus="ringing", **told)
    assert "Welcome" in answer.text
    assert requests() == 2
