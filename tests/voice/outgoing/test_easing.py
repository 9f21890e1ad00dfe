"""What a call to a customer proves reaches whoever decides on their request: before a decision, and after it."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from models import tables
from models.store import transaction
from models.terms import TriageState, Verdict
from voice import callbacks


@pytest.fixture
def decided(engine, request_id, now):
    """Decide the request, by a rule or without one."""

    def decide(rule: str | None, *, state: TriageState = TriageState.DECIDED) -> None:
        with transaction(engine) as session:
            request = session.get_one(tables.requests.Request, request_id)
            request.state, request.decided_at = state, now if state is TriageState.DECIDED else None
            session.add(
                tables.requests.Decision(
                    request_id=request_id, version=1, verdict=Verdict.CORRECTED, type="incident", priority="3",
                    decided_by="lena", decided_at=now, rule=rule,
                )
            )  # fmt: skip

    return decide


@pytest.fixture
def came_back(engine, request_id):
    """When the request came back to triage."""

    def read():
        with transaction(engine) as session:
            return session.get_one(tables.requests.Request, request_id).follow_up_at

    return read


def test_whoever_decides_waits_for_what_a_webhook_learns(engine, attempt, request_id):
    """The request is held before the attempt, so that nobody eases while the customer presses the key."""
    asked = select(tables.requests.Request.id).where(tables.requests.Request.id == request_id)
    with transaction(engine) as session, engine.connect() as lead:
        assert callbacks.held(session, attempt) is not None
        with pytest.raises(OperationalError, match="could not obtain lock"):
            lead.execute(asked.with_for_update(nowait=True))


def test_a_webhook_waits_for_whoever_decides(engine, attempt, request_id):
    """The same order of locks the other way round: nothing of the attempt is held meanwhile, so nobody is stuck."""
    ours = select(tables.progress.Callback.id).where(tables.progress.Callback.id == attempt)
    with transaction(engine) as lead:
        tables.requests.fetch_locked(lead, request_id)
        with engine.connect() as webhook, engine.connect() as other:
            webhook.exec_driver_sql("SET LOCAL lock_timeout = '100ms'")
            with pytest.raises(OperationalError, match="lock timeout"):
                callbacks.held(Session(bind=webhook), attempt)
            assert other.execute(ours.with_for_update(nowait=True)).one() == (attempt,)


@pytest.mark.parametrize("acts", [("key", "end"), ("end", "key")])
def test_an_answer_after_an_easing_brings_the_request_back(customer, decided, came_back, clock, acts):
    """What the easing rests on is not true any more; the key may be overtaken by the end."""
    decided("unreachable-contact")
    for act in acts:
        assert came_back() is None or act == "end"
        if act == "key":
            customer.is_answered().presses("1")
            seen, clock.now = clock.now, clock.now + timedelta(minutes=1)
        else:
            customer.tells("completed", AnsweredBy="human")
    assert came_back() == seen


@pytest.mark.parametrize("outcome", ["no-answer", "busy", "completed"])
def test_an_attempt_in_vain_brings_nothing_back(customer, decided, came_back, outcome):
    """It says what the easing said."""
    decided("unreachable-contact")
    customer.tells(outcome)
    assert came_back() is None


def test_an_answer_brings_back_only_what_was_eased(customer, decided, came_back):
    """A decision without a rule rests on nobody's telephone."""
    decided(None)
    customer.is_answered().presses("1").tells("completed")
    assert came_back() is None


def test_an_easing_that_was_taken_back_brings_nothing_back(customer, decided, came_back):
    """The request waits for a decision anyway."""
    decided("unreachable-contact", state=TriageState.TO_CONFIRM)
    customer.is_answered().presses("1").tells("completed")
    assert came_back() is None
