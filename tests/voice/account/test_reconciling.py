"""An outage of ours loses no call: what Twilio has and we have not is taken in, once, at Twilio's times."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from models import tables
from models.errors import Unavailable
from models.store import transaction
from models.terms import JobKind
from voice import reconciling
from voice.reconciling import WHY, Found

SID, SECOND = "CA" + "1" * 32, "CA" + "2" * 32
RECORDING = "RE" + "7" * 32
ACCOUNT = "AC" + "a" * 32
OURS = "+493055500100"
NOTHING = Found(calls=0, ends=0, recordings=0)


def rfc2822(at: datetime | None) -> str | None:
    """A moment as Twilio writes it."""
    return f"{at:%a, %d %b %Y %H:%M:%S +0000}" if at else None


@pytest.fixture
def rang(now) -> datetime:
    """When the call came that we missed."""
    return now - timedelta(hours=3)


@pytest.fixture
def make_call(rang):
    """Make a call as Twilio lists it."""

    def make(sid: str = SID, *, after: int = 1, **columns: Any) -> dict[str, Any]:
        return {
            "sid": sid, "account_sid": ACCOUNT, "from": "+493055500137", "to": OURS, "direction": "inbound",
            "status": "completed", "duration": "41", "date_created": rfc2822(rang),
            "start_time": rfc2822(rang + timedelta(seconds=after)), "end_time": rfc2822(rang + timedelta(seconds=42)),
            **columns,
        }  # fmt: skip

    return make


@pytest.fixture
def make_recording(rang):
    """Make a recording as Twilio lists it."""

    def make(sid: str = RECORDING, call: str = SID, **columns: Any) -> dict[str, Any]:
        made = rfc2822(rang)
        return {"sid": sid, "call_sid": call, "status": "completed", "duration": "9", "date_created": made, **columns}

    return make


@pytest.fixture
def reconcile(engine, switch, account, now, twilio) -> Callable[..., Found]:
    """Compare with what Twilio has."""

    def run(calls: list[Any], recordings: list[Any] = (), *, days: int = 3, **more: Any) -> Found:
        twilio.knows("calls", calls)
        twilio.knows("recordings", list(recordings))
        return ask(since=now - timedelta(days=days), **more)

    ask = partial(reconciling.reconcile, engine, switch=switch, account=account, clock=lambda: now)
    return run


@pytest.fixture
def the_call(engine: Engine) -> Callable[[], tables.calls.Call]:
    """The one call there is."""

    def find() -> tables.calls.Call:
        with transaction(engine) as session:
            (call,) = session.scalars(select(tables.calls.Call)).all()
            return call

    return find


def test_a_call_we_missed_opens_its_incident_at_twilios_time(reconcile, the_call, engine, make_call, rang, now):
    """The clock starts when it first rang, never later; that it was learnt afterwards is kept."""
    assert reconcile([make_call()]) == Found(calls=1, ends=0, recordings=0)
    call = the_call()
    assert (call.started_at, call.recovered_at) == (rang, now)
    assert (call.ended_at, call.duration_seconds, call.status) == (rang + timedelta(seconds=42), 41, "completed")
    assert (call.from_number, call.to_number) == ("+493055500137", OURS)
    with transaction(engine) as session:
        request = session.get_one(tables.requests.Request, call.request_id)
        assert (request.clock_started_at, request.received_at) == (rang, rang)


def test_whoever_called_while_we_were_away_is_owed_a_call(reconcile, the_call, engine, make_call, rang, now):
    """It was due ten minutes after they rang."""
    reconcile([make_call()])
    with transaction(engine) as session:
        (owed,) = tables.reaching.owed(session)
    assert (owed.request_id, owed.call_id) == (the_call().request_id, the_call().id)
    assert (owed.number, owed.why, owed.automatic) == ("+493055500137", WHY, False)
    assert (owed.due_at, owed.made_at) == (rang + timedelta(minutes=10), now)


def test_doing_it_again_changes_nothing(reconcile, engine, make_call, make_recording):
    """One call, one incident, one call owed, one recording and one job, however often."""
    assert reconcile([make_call()], [make_recording()]) == Found(calls=1, ends=0, recordings=1)
    for _ in range(2):
        assert reconcile([make_call()], [make_recording()]) == NOTHING
    kinds = (tables.calls.Call, tables.requests.Request, tables.reaching.OwedCall, tables.calls.Recording)
    with transaction(engine) as session:
        assert [session.scalar(select(func.count()).select_from(kind)) for kind in kinds] == [1, 1, 1, 1]


def test_webhooks_that_come_late_change_nothing(reconcile, the_call, make_call, make_door, engine):
    """Twilio still tries to tell the end while we are asking for it."""
    reconcile([make_call()])
    before = the_call()
    assert make_door().post("/voice/status", CallSid=SID, CallStatus="completed", CallDuration="41").status_code == 204
    after = the_call()
    assert (after.ended_at, after.request_id, after.status) == (before.ended_at, before.request_id, "completed")
    with transaction(engine) as session:
        assert len(tables.calls.events(session, after.id)) == 1


def test_a_recording_made_by_the_fallback_is_attached_and_fetched(
    reconcile, the_call, engine, make_call, make_recording
):
    """It belongs to the call that was recovered just before."""
    reconcile([make_call()], [make_recording(), make_recording("RE" + "8" * 32, call=SECOND)])
    with transaction(engine) as session:
        (row,) = tables.calls.recordings(session, the_call().id)
        jobs = session.execute(select(tables.jobs.Job.kind, tables.jobs.Job.subject)).all()
    assert (row.recording_sid, row.duration_seconds) == (RECORDING, 9)
    answers = the_call().answers  # by which it is marked once it is fetched: nobody asked this caller
    assert (answers["mode"], "consent" in answers) == ("ask", False)
    assert (JobKind.RECORDING_FETCH, row.id) in [tuple(each) for each in jobs]


def test_the_end_of_a_call_we_had_is_learnt(reconcile, the_call, make_door, make_call, make_recording, rang, now):
    """We went away in the middle of it: its beginning stays ours, its end and recording are Twilio's."""
    make_door(clock=lambda: rang).post("/voice/inbound", CallSid=SID, CallStatus="ringing")
    assert reconcile([make_call()], [make_recording()]) == Found(calls=0, ends=1, recordings=1)
    call = the_call()
    assert (call.started_at, call.recovered_at) == (rang, None)
    assert (call.status, call.ended_at, call.duration_seconds) == ("completed", rang + timedelta(seconds=42), 41)


def test_a_call_that_ended_here_is_left_alone(reconcile, the_call, make_door, make_call, now):
    """Nothing is learnt of it."""
    door = make_door()
    door.post("/voice/inbound", CallSid=SID, CallStatus="ringing")
    door.post("/voice/status", CallSid=SID, CallStatus="completed", CallDuration="5")
    assert reconcile([make_call()]) == NOTHING
    assert (the_call().ended_at, the_call().duration_seconds) == (now, 5)


@pytest.mark.parametrize(
    "columns",
    [
        {"direction": "outbound-api"},
        {"direction": "outbound-dial"},
        {"status": "in-progress"},
        {"status": "ringing"},
        {"sid": "nonsense"},
        {
            "date_created": rfc2822(datetime(2026, 11, 1, tzinfo=UTC)),
            "start_time": rfc2822(datetime(2026, 11, 1, tzinfo=UTC)),
        },
    ],
)
def test_calls_that_are_none_of_ours_or_go_on_are_left(reconcile, engine, make_call, columns):
    """Calls we placed, calls that still go on, calls from before."""
    assert reconcile([make_call(**columns)]) == NOTHING
    with transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(tables.calls.Call)) == 0


@pytest.mark.parametrize(
    ("created", "started"), [(0, 5), (5, 0), (0, None)], ids=["created first", "started first", "never started"]
)
def test_the_clock_never_starts_later_than_twilio_says(reconcile, the_call, make_call, rang, created, started):
    """The earliest moment that Twilio names counts, also of a call that nobody answered."""
    start = None if started is None else rfc2822(rang + timedelta(seconds=started))
    row = make_call(date_created=rfc2822(rang + timedelta(seconds=created)), start_time=start, status="no-answer")
    reconcile([row])
    assert (the_call().started_at, the_call().status) == (rang, "no-answer")


def test_every_page_is_read_for_every_number(engine, switch, account, now, twilio, make_call):
    """Twilio is asked for each of our numbers, by the day, and for what it left for the next page."""
    more = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json?Page=1"
    first = twilio.knows("calls", [make_call()], more)
    twilio.knows("calls", [make_call(SECOND)])
    twilio.knows("recordings", [])
    found = reconciling.reconcile(
        engine, switch=switch, account=account, clock=lambda: now, since=now - timedelta(days=3)
    )
    assert found.calls == 2
    assert first.seen["query"] == {"To": OURS, "StartTime>": "2026-11-18T00:00:00Z", "PageSize": "200"}


def test_an_error_of_twilios_keeps_what_was_taken_in(engine, switch, account, now, twilio, make_call):
    """The rest is for next time, and the error tells no token."""
    twilio.knows("calls", [make_call()])
    twilio.expect("GET", "/Recordings.json", {"message": "sample-token"}, 500)
    with pytest.raises(Unavailable, match="500"):
        reconciling.reconcile(engine, switch=switch, account=account, clock=lambda: now, since=now - timedelta(days=3))
    with transaction(engine) as session:
        assert tables.calls.by_sid(session, SID) is not None


def test_a_withheld_caller_is_owed_a_call_without_a_number(reconcile, engine, make_call):
    """A placeholder is nobody's number."""
    reconcile([make_call(**{"from": "+266696687"})])
    with transaction(engine) as session:
        (owed,) = tables.reaching.owed(session)
    assert owed.number is None
