"""How a step stands follows the notices of it; and when nobody need be told any more."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import text

from models import tables
from models.errors import Unavailable
from models.store import transaction
from models.terms import Channel, OutgoingState, Recipient, StepState, TriageState
from triage import clock, escalation, policy
from triage.desk import ledger, watch

PACKS = policy.load_packs()
SENT, CAPTURED, FAILED = OutgoingState.SENT, OutgoingState.CAPTURED, OutgoingState.FAILED
PENDING, DROPPED, UNCERTAIN = OutgoingState.PENDING, OutgoingState.DROPPED, OutgoingState.UNCERTAIN
MINUTE = timedelta(minutes=1)


def stepped(session, now, *states: OutgoingState, ladder: str = "critical", **values):
    """A step with a notice in each of these states."""
    given = {"policy": "wso2", **values}
    request = tables.requests.Request(
        channel=Channel.PHONE, subject="x", state=TriageState.DECIDED, received_at=now, **given
    )
    session.add(request)
    session.flush()
    step = tables.progress.add_step(
        session, request_id=request.id, key="k", ladder=ladder, rung="r", channel="mail", label="l", to_role="lead",
        to_name="", cause="asked", cause_at=now, clause="c", assumed=False, policy="wso2@2", policy_digest="d",
        due_at=now, state=StepState.WAITING if states else StepState.NOBODY, created_at=now,
    )  # fmt: skip
    for number, state in enumerate(states):
        session.add(
            tables.progress.Notice(
                step_id=step,
                request_id=request.id,
                channel="mail",
                name="n",
                recipient=f"{number}@example.com",
                state=state,
                created_at=now,
            )
        )
    session.flush()
    return session.get_one(tables.progress.EscalationStep, step)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([PENDING, FAILED], StepState.WAITING),
        ([SENT, PENDING], StepState.TOLD),
        ([CAPTURED], StepState.TOLD),
        ([FAILED, SENT], StepState.TOLD),
        ([FAILED, FAILED], StepState.FAILED),
        ([FAILED, UNCERTAIN], StepState.FAILED),
        ([FAILED, DROPPED], StepState.FAILED),
        ([DROPPED, DROPPED], StepState.WAITING),
        ([], StepState.NOBODY),
    ],
)
def test_a_step_follows_its_notices(session, now, states, expected):
    """Told when one person was; failed when it is sure of nobody; dropped ones tell nothing."""
    step = stepped(session, now, *states)
    watch.settle_step(session, step.id)
    assert step.state is expected


def test_two_notices_that_fail_at_once_settle_their_step(engine, now):
    """Each waits for the other's end, so that the later one sees that all have failed."""
    with transaction(engine) as session:
        step = stepped(session, now, PENDING, PENDING).id
        ids = [notice.id for notice in session.query(tables.progress.Notice)]
    start = Barrier(2)

    def fail(notice) -> None:
        with transaction(engine) as session:
            session.get_one(tables.progress.Notice, notice).state = FAILED
            session.flush()
            start.wait()
            watch.settle_step(session, step)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fail, ids))
    with transaction(engine) as session:
        assert session.get_one(tables.progress.EscalationStep, step).state is StepState.FAILED


def happened(session, step, kind, at):
    """Write something into the log of a step's request."""
    tables.requests.record_clock(session, step.request_id, kind, "test", at)


def test_somebody_must_be_told_while_nothing_stopped_the_ladder(session, now):
    """What came before the step's moment was judged when it fell due; a word that stops no ladder stops none."""
    step = stepped(session, now, PENDING)
    happened(session, step, "responded", now - MINUTE)
    happened(session, step, "noted", now + MINUTE)
    assert watch.ended(session, step, policies=PACKS) == ""


@pytest.mark.parametrize(("ladder", "kind"), [("critical", "responded"), ("stuck", "paused"), ("gone", "acknowledged")])
def test_what_stops_a_ladder_ends_its_steps(session, now, ladder, kind):
    """By the ladder's own words; of one that the policy does not have any more, by taking it on or resolving."""
    step = stepped(session, now, PENDING, ladder=ladder)
    happened(session, step, kind, now + MINUTE)
    assert watch.ended(session, step, policies=PACKS).startswith(f"{kind} at 2026-11-21 09:31 UTC")


def test_another_ladder_s_stop_is_none_of_this_one(session, now):
    """An answer does not end a request that is stuck."""
    step = stepped(session, now, PENDING, ladder="stuck")
    happened(session, step, "responded", now + MINUTE)
    assert watch.ended(session, step, policies=PACKS) == ""


def test_nobody_is_told_of_a_request_that_is_over(session, now):
    """Whatever the log says of it."""
    step = stepped(session, now, PENDING, status="closed")
    assert watch.ended(session, step, policies=PACKS) == "the request is over"


def test_a_policy_that_is_gone_ends_nothing(session, now):
    """Better told than not."""
    assert watch.ended(session, stepped(session, now, PENDING, policy="gone"), policies=PACKS) == ""


def raised(session, now, **values):
    """A P1 that came by telephone."""
    given = {"policy": "wso2", **values}
    request = tables.requests.Request(
        channel=Channel.PHONE, subject="x", state=TriageState.DECIDED, received_at=now, decided_at=now,
        decided_priority="P1", attention_at=now, **given,
    )  # fmt: skip
    session.add(request)
    session.flush()
    for kind, value in (("started", "phone"), ("level", "P1"), ("type", "incident")):
        tables.requests.record_clock(session, request.id, kind, "first", now, value=value)
    return request


def somebody(_session, _request, _to, _channel):
    """One person, whoever is asked for."""
    return (Recipient(name="n", value="n@example.com"),)


def test_two_people_with_one_address_get_one_notice(session, now):
    """A shared mailbox is told once of a step."""
    request = raised(session, now)

    def find(session, request, to, channel):
        return (*somebody(session, request, to, channel), Recipient(name="m", value="n@example.com"))

    watch.look(session, now + 46 * MINUTE, policies=PACKS, recipients=find)
    assert [notice.recipient for notice in tables.progress.notices(session, request.id)] == ["n@example.com"]


def test_a_warning_that_quiet_hours_hold_back_begins_no_ladder_yet(session):
    """Whoever looks at night, for whatever reason, wakes nobody: only the miss itself does."""
    content = files("triage").joinpath("policies", "wso2.yaml").read_text()
    plain = "{level: P1, kind: response, within: 1 h, calendar: always,"
    assert plain in content
    quiet, mistakes = policy.parse(content.replace(plain, f"{plain} notices: office,").encode(), "quiet.yaml")
    assert mistakes == []
    night = datetime(2026, 11, 18, 0, 0, tzinfo=UTC)
    request = raised(session, night)
    watch.look(session, night + 50 * MINUTE, policies={"wso2": quiet}, recipients=somebody)
    assert tables.progress.steps(session, request.id) == []
    assert request.attention_at == night + 60 * MINUTE
    watch.look(session, night + 61 * MINUTE, policies={"wso2": quiet}, recipients=somebody)
    assert [step.cause for step in tables.progress.steps(session, request.id)] == ["breached:response"]


def test_a_database_that_goes_away_while_one_looks_is_an_outage(engine, now):
    """No request is to blame: nothing is kept of the whole look, and it is done again."""
    with transaction(engine) as session:
        first, second = raised(session, now).id, raised(session, now).id

    def dies(session, request, to, channel):
        session.execute(text("select pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(Unavailable), transaction(engine) as session:
        watch.look(session, now + 46 * MINUTE, policies=PACKS, recipients=dies)
    with transaction(engine) as session:
        for request in (first, second):
            assert session.get_one(tables.requests.Request, request).attention_at == now
            assert tables.progress.steps(session, request) == []


STOPS = some.sampled_from(["acknowledged", "responded", "taken", "noted", "asked", "paused", "resumed"])


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(some.lists(some.integers(1, 600), min_size=1, max_size=6), some.lists(some.tuples(some.integers(1, 500), STOPS)))
def test_however_often_one_looks_each_step_is_told_once(session, now, looks, happens):
    """Late or often, at whatever moments: no key twice, no one told of what was stopped, nothing left for the end."""
    request = raised(session, now)
    for minutes, kind in happens:
        tables.requests.record_clock(session, request.id, kind, f"{minutes}", now + minutes * MINUTE)
    for minutes in [*sorted(looks), 601]:
        watch.look(session, now + minutes * MINUTE, policies=PACKS, recipients=somebody)
        assert request.attention_at is None or request.attention_at > now + minutes * MINUTE
    steps = {step.id: step for step in tables.progress.steps(session, request.id)}
    log = ledger.events(session, request.id)
    assert len({step.key for step in steps.values()}) == len(steps)
    for notice in tables.progress.notices(session, request.id):
        step = steps[notice.step_id]
        stops = next(ladder.stops for ladder in PACKS["wso2"].escalation if ladder.id == step.ladder)
        seen = [event for event in log if event.kind in stops and step.cause_at < event.at <= notice.created_at]
        assert (notice.state is DROPPED) == bool(seen)
    due = escalation.due(PACKS["wso2"].escalation, causes_of(log, now + 601 * MINUTE), now + 601 * MINUTE)
    assert {one.key for one in due} <= {step.key for step in steps.values()}


def causes_of(log, at):
    """The log with what its clocks begin."""
    return (*log, *escalation.causes(clock.clocks(PACKS["wso2"].commitments, log, at), at))
