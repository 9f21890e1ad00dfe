"""Calls learnt afterwards: whom the house rings by itself, what it passes over, and webhooks that come meanwhile."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text
from structlog.testing import capture_logs

from models import tables
from models.store import transaction
from voice import reconciling
from voice.reconciling import BEFORE_RESTORE, LATE, WHY, Found

SID, SECOND = "CA" + "1" * 32, "CA" + "2" * 32
ACCOUNT = "AC" + "a" * 32
OURS = "+493055500100"


@pytest.fixture
def make_call(now):
    """Make a call of two minutes as Twilio lists it, that ended so long ago."""

    def make(sid: str = SID, *, ago: timedelta = timedelta(minutes=5), **columns: Any) -> dict[str, Any]:
        ended = now - ago
        began = f"{ended - timedelta(minutes=2):%a, %d %b %Y %H:%M:%S +0000}"
        return {
            "sid": sid, "account_sid": ACCOUNT, "from": "+493055500137", "to": OURS, "direction": "inbound",
            "status": "completed", "duration": "120", "date_created": began, "start_time": began,
            "end_time": f"{ended:%a, %d %b %Y %H:%M:%S +0000}", **columns,
        }  # fmt: skip

    return make


@pytest.fixture
def reconcile(engine, switch, account, now, twilio) -> Callable[..., Found]:
    """Compare with what Twilio has, in a house that rings whom it owes a call."""

    def run(*calls: dict[str, Any], **more: Any) -> Found:
        twilio.knows("calls", list(calls))
        twilio.knows("recordings", [])
        return reconciling.reconcile(
            engine,
            switch=replace(switch, callback_automatic=True),
            account=account,
            clock=lambda: now,
            since=now - timedelta(days=3),
            **more,
        )

    return run


def owed(engine: Engine) -> list[tuple[bool, str]]:
    """Whether the house rings by itself, and why, for each call that is owed."""
    with transaction(engine) as session:
        return [(row.automatic, row.why) for row in tables.reaching.owed(session)]


def the_calls(engine: Engine) -> list[tables.calls.Call]:
    """Every call there is."""
    with transaction(engine) as session:
        return list(session.scalars(select(tables.calls.Call).order_by(tables.calls.Call.call_sid)))


@pytest.mark.parametrize(("over", "rings"), [(timedelta(0), True), (timedelta(seconds=1), False)])
def test_only_who_called_a_moment_ago_is_rung_by_the_house(reconcile, engine, make_call, over, rings):
    """After a longer outage nobody waits at the telephone, and it may be night: a person decides."""
    reconcile(make_call(ago=LATE + over))
    assert owed(engine) == [(rings, WHY)]


def test_the_end_of_a_call_we_had_long_ago_rings_nobody_either(reconcile, engine, make_call, make_door, now):
    """We went away in the middle of it, and for long."""
    make_door(clock=lambda: now - timedelta(hours=5)).post("/voice/inbound", CallSid=SID, CallStatus="ringing")
    assert reconcile(make_call(ago=timedelta(hours=4))).ends == 1
    assert [automatic for automatic, _ in owed(engine)] == [False]


def test_calls_served_before_a_restore_are_taken_in_and_left_to_people(reconcile, engine, make_call, now):
    """The database does not know any more how they went: they are not lost, and nobody is rung for them by itself."""
    old, young = make_call(), make_call(SECOND, ago=timedelta(seconds=1))
    found = reconcile(old, young, restored=lambda _session, _now: now - timedelta(minutes=3))
    assert found.calls == 2
    assert owed(engine) == [(False, BEFORE_RESTORE), (True, WHY)]


@pytest.mark.parametrize("nothing", [None, "yesterday or so"])
def test_a_call_without_dates_is_taken_in_and_holds_nobody_up(reconcile, engine, make_call, now, nothing):
    """Its clock starts when we learn of it; the others are taken in as ever."""
    bare = make_call(date_created=nothing, start_time=nothing, end_time=nothing)
    assert reconcile(bare, make_call(SECOND)).calls == 2
    first, second = the_calls(engine)
    assert (first.started_at, first.ended_at) == (now, now)
    assert second.started_at == now - timedelta(minutes=7)


def test_a_call_that_nobody_can_take_in_is_passed_over(reconcile, engine, make_call):
    """PostgreSQL takes no NUL: the log names the call by its id, and what comes after it is taken in."""
    with capture_logs() as told:
        assert reconcile(make_call(**{"from": "+49\x0030"}), make_call(SECOND)).calls == 1
    assert [call.call_sid for call in the_calls(engine)] == [SECOND]
    (line,) = [each for each in told if each["event"] == "call.unreadable"]
    assert line["twilio"] == SID
    assert "+49" not in repr(line)


def test_a_clock_of_twilios_that_is_ahead_starts_none_of_ours_later(reconcile, engine, make_call, now):
    """A call cannot have rung later than we learn of it."""
    reconcile(make_call(ago=timedelta(minutes=-9)))
    (call,) = the_calls(engine)
    assert (call.started_at, call.ended_at) == (now, now)
    with transaction(engine) as session:
        assert session.get_one(tables.requests.Request, call.request_id).clock_started_at == now


def test_a_webhook_that_comes_at_the_same_moment_is_not_taken_for_a_missed_call(
    reconcile, engine, make_call, make_door, now
):
    """Its row is there before anybody else can see it; whoever reconciles waits for it, and finds its event."""
    inside, on = threading.Event(), threading.Event()

    def clock() -> datetime:
        inside.set()
        return now

    door = make_door(clock=clock, wake=on.set)
    asker = threading.Thread(
        target=door.post, args=("/voice/inbound",), kwargs={"CallSid": SID, "CallStatus": "ringing"}
    )
    with engine.connect() as lock:  # the webhook has made its row when it comes to its event
        lock.execute(text("lock table call_events in exclusive mode"))
        asker.start()
        assert inside.wait(60)
        _wait_for_a_waiting_one(engine)
        taken: list[Found] = []
        other = threading.Thread(target=lambda: taken.append(reconcile(make_call(ago=timedelta(seconds=1)))))
        other.start()
        _wait_for_a_waiting_one(engine, count=2)
        lock.rollback()
    asker.join(60)
    other.join(60)
    (call,) = the_calls(engine)
    assert (call.recovered_at, taken) == (None, [Found(calls=0, ends=1, recordings=0)])
    with transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(tables.requests.Request)) == 1
        assert WHY not in [row.why for row in tables.reaching.owed(session)]


def _wait_for_a_waiting_one(engine: Engine, count: int = 1) -> None:
    """Wait until so many transactions wait for a lock."""
    waiting = text(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    )
    for _ in range(3000):
        with engine.connect() as session:
            if session.scalar(waiting) >= count:
                return
        threading.Event().wait(0.02)
    pytest.fail("nobody waits")
