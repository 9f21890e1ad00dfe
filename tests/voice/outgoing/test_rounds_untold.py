"""A round of telephones rung for a caller always ends, even if nobody is told how."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from models import tables
from models.calling import LegState
from models.store import transaction
from triage.desk import call_terms
from triage.desk.reception import Reception, receive
from triage.escalation import UNREACHED
from voice import reconciling
from voice.switch import Desk, Switch

ACCOUNT = "AC" + "a" * 32
CALLER, MARA, PRIYA = "CA" + "c" * 32, "CA" + "1" * 32, "CA" + "2" * 32
CALLS = f"/2010-04-01/Accounts/{ACCOUNT}/Calls"


@pytest.fixture
def on_the_line(engine: Engine, request_id: UUID, now: datetime) -> UUID:
    """A caller says that production is down, and engineers are rung for them; the call."""
    answers = {"language": "en", "languages": "en", "down": "yes", "reference": "SB-1", "caller": "+493055500137",
               "phone": "+493055500138", "phone_confirmed": "yes", "filed": "yes"}  # fmt: skip
    with transaction(engine) as session:
        call = tables.calls.Call(
            call_sid=CALLER, account_sid=ACCOUNT, from_number="+493055500137", to_number="+493055500100",
            status="in-progress", step="connect", answers=answers, request_id=request_id, started_at=now,
        )  # fmt: skip
        session.add(call)
        request = session.get_one(tables.requests.Request, request_id)
        request.decided_type, request.decided_priority = "incident", "P1"
        session.flush()
        return call.id


@pytest.fixture
def rung(engine: Engine, request_id: UUID, on_the_line: UUID, now: datetime) -> Callable[..., UUID]:
    """Ring a telephone for the caller, of which nothing more was told than what is given."""

    def ring(name: str = "mara", sid: str | None = MARA, *, number: int = 1, **columns: Any) -> UUID:
        with transaction(engine) as session:
            leg = tables.reaching.Leg(
                **{
                    "call_id": on_the_line, "request_id": request_id, "round": number, "name": name,
                    "number": f"+49305550017{len(name)}", "ring_seconds": 20, "state": LegState.RINGING,
                    "dial_call_sid": sid, "rung_at": now, **columns,
                }
            )  # fmt: skip
            session.add(leg)
            session.flush()
            return leg.id

    return ring


@pytest.fixture
def taken(rung, now: datetime) -> UUID:
    """Mara has pressed 1 half a minute after it rang; nothing was told since."""
    at = now + timedelta(seconds=30)
    return rung(state=LegState.TAKEN, answered_at=now + timedelta(seconds=9), key_pressed="1", taken_at=at)


@pytest.fixture
def says(twilio, now: datetime) -> Callable[..., None]:
    """Let Twilio say how a call stands, and when it ended, in seconds after the caller called."""

    def say(status: str, after: int | None = None, *, sid: str = CALLER) -> None:
        ended = now + timedelta(seconds=after or 0)
        end_time = f"{ended:%a, %d %b %Y %H:%M:%S} +0000" if after is not None else None
        twilio.expect(200, {"sid": sid, "status": status, "end_time": end_time})

    return say


@pytest.fixture
def catch_up(engine: Engine, trunk, policies, now: datetime) -> Callable[..., int]:
    """Ask Twilio for the rounds whose end nobody told, so many minutes after it rang."""
    reception = Reception(policies=policies, default_policy="wso2")
    switch = Switch(
        receive=partial(receive, reception=reception), identify=lambda _: None, public_url=trunk.public_url,
        languages=("en",), from_number=trunk.from_number,
        desk=Desk(taken=call_terms.taken, unreached=partial(call_terms.unreached, policies=policies)),
        callback_automatic=True,
    )  # fmt: skip

    def run(minutes: float, by: Callable[..., Any] = reconciling.end_rounds, **more: Any) -> Any:
        at = now + timedelta(minutes=minutes)
        return by(engine, switch=switch, account=trunk.account, clock=lambda: at, **more)

    return run


@pytest.fixture
def read(engine: Engine, request_id: UUID, on_the_line: UUID):
    """The legs, the log of the request but for what is told with each talk, and what is owed."""

    def read() -> tuple[list[tables.reaching.Leg], list[str], list[tables.reaching.OwedCall]]:
        with transaction(engine) as session:
            log = [row.event for row in tables.requests.clock_events(session, request_id)]
            owed = tables.reaching.owed_of_request(session, request_id)
            return tables.reaching.legs(session, on_the_line), log, owed

    return read


def test_telephones_whose_end_was_lost_with_the_caller_end_as_twilio_says(
    catch_up, rung, says, twilio, read, now, on_the_line, engine
):
    """The web was killed while it rang: the caller is owed a call and the ladder runs, as from the end of the call."""
    rung()
    rung("priya", PRIYA)
    rung("tom", None)
    assert catch_up(4) == 0
    says("completed", 21)
    says("busy", 3, sid=MARA)
    says("no-answer", 20, sid=PRIYA)
    assert catch_up(6) == 1
    assert [each.path for each in twilio.asked] == [f"{CALLS}/{sid}.json" for sid in (CALLER, MARA, PRIYA)]
    legs, log, (owed,) = read()
    assert [(leg.name, leg.state, leg.bridged) for leg in legs] == [
        ("mara", "busy", False), ("priya", "no-answer", False), ("tom", "canceled", False),
    ]  # fmt: skip
    ended = now + timedelta(seconds=21)
    assert [leg.ended_at for leg in legs] == [now + timedelta(seconds=3), now + timedelta(seconds=20), ended]
    assert (owed.call_id, owed.made_at, owed.number, owed.automatic) == (on_the_line, ended, "+493055500138", True)
    assert UNREACHED in log
    with transaction(engine) as session:
        assert tables.calls.by_sid(session, CALLER).ended_at == ended
    assert catch_up(7) == 0


def test_a_talk_whose_end_was_lost_is_written_down(catch_up, taken, says, read, now):
    """Mara pressed 1 and her call went on: they have talked, nothing is owed and nobody is paged."""
    says("completed", 250)
    says("completed", 251, sid=MARA)
    assert catch_up(10) == 1
    (leg,), log, owed = read()
    assert (leg.state, leg.bridged, leg.ended_at) == ("taken", True, now + timedelta(seconds=251))
    assert ("connected" in log, "responded" in log, UNREACHED in log, owed) == (True, True, False, [])


@pytest.mark.parametrize(("caller", "mara"), [(31, 32), (250, 34), (30, 90)])
def test_who_was_gone_before_they_could_talk_is_owed_a_call(catch_up, taken, says, read, caller, mara):
    """Mara pressed 1 as the caller, or she herself, hung up: she keeps the request, the caller is called."""
    says("completed", caller)
    says("completed", mara, sid=MARA)
    assert catch_up(10) == 1
    (leg,), log, owed = read()
    assert (leg.state, leg.bridged, len(owed)) == ("taken", False, 1)
    assert ("caller-left" in log, "connected" in log) == (True, False)


def test_who_still_talks_is_left_alone(catch_up, taken, says, twilio, read):
    """Twilio is asked for the caller's call only, and tells the end itself when it comes."""
    says("in-progress")
    assert catch_up(50) == 0
    assert [each.path for each in twilio.asked] == [f"{CALLS}/{CALLER}.json"]
    (leg,), log, owed = read()
    assert (leg.state, leg.bridged, leg.ended_at, log, owed) == ("taken", None, None, [], [])


def test_a_telephone_that_stopped_while_the_caller_is_on_the_line_is_closed(catch_up, rung, says, read, now):
    """Twilio told nobody, and went to the fallback: who is on the line there is not rung for any more."""
    rung()
    says("in-progress")
    says("no-answer", 20, sid=MARA)
    assert catch_up(6) == 0
    (leg,), _, owed = read()
    assert (leg.state, leg.ended_at, leg.bridged, owed) == ("no-answer", now + timedelta(seconds=20), None, [])


@pytest.mark.parametrize("answer", [{"status": 404}, {"status": 200, "body": {"sid": MARA, "status": "in-progress"}}])
def test_what_twilio_does_not_tell_is_closed_an_hour_after_the_call(catch_up, taken, says, twilio, read, answer):
    """Nobody knows whether they talked: the caller is owed a call."""
    says("completed", 250)
    twilio.expect(**answer)
    assert catch_up(10) == 0
    assert read()[0][0].bridged is None
    twilio.expect(**answer)
    assert catch_up(66) == 1
    (leg,), _, owed = read()
    assert (leg.bridged, leg.ended_at is None, len(owed)) == (False, False, 1)


def test_an_end_that_is_not_five_minutes_old_may_still_be_told(catch_up, taken, says, read):
    """Twilio tells the end of the round after that of the call."""
    says("completed", 500)
    says("completed", 500, sid=MARA)
    assert catch_up(10) == 0
    assert read()[0][0].bridged is None


def test_a_call_that_twilio_does_not_know_is_over_after_a_day(catch_up, rung, twilio, read):
    """No call lasts longer: whoever it was is owed one, by a person."""
    rung(sid=None)
    twilio.expect(404)
    assert catch_up(23 * 60) == 0
    twilio.expect(404)
    assert catch_up(25 * 60 + 10) == 1
    (leg,), log, (owed,) = read()
    assert (leg.state, leg.bridged, owed.automatic, UNREACHED in log) == ("canceled", False, False, True)


def test_what_a_person_settled_meanwhile_is_not_owed_anew(catch_up, rung, says, read, engine, now, request_id):
    """The end of the call was told and somebody has called back; only the telephones are left to be closed."""
    rung()
    with transaction(engine) as session:
        call = tables.calls.by_sid(session, CALLER)
        call.status, call.ended_at = "completed", now + timedelta(seconds=21)
        tables.reaching.owe_call(
            session, request_id=request_id, call_id=call.id, why="left", automatic=False, due_at=now, made_at=now
        )
        tables.reaching.owed_to(session, request_id).done_at = now + timedelta(minutes=2)
    says("no-answer", 20, sid=MARA)
    assert catch_up(6) == 1
    (leg,), _, (owed,) = read()
    assert (leg.state, leg.bridged, owed.done_at) == ("no-answer", False, now + timedelta(minutes=2))


def test_twilio_that_does_not_answer_is_asked_once_for_a_round_and_again_later(catch_up, rung, twilio, read):
    """Its other answers would only be waited for."""
    rung()
    twilio.expect(500)
    assert catch_up(10) == 0
    assert (len(twilio.asked), read()[0][0].state) == (1, "ringing")


def test_what_was_rung_days_ago_is_for_people_to_find(catch_up, rung, twilio):
    """Nobody is paged for a call of last week; here Twilio is not even asked."""
    rung()
    assert catch_up(3 * 24 * 60 + 1) == 0
    assert twilio.asked == []


def test_a_round_that_cannot_be_ended_holds_no_other_up(catch_up, taken, says, monkeypatch, read):
    """It is told in the log, and tried again."""
    monkeypatch.setattr(reconciling.whisper, "status", lambda *_: 1 / 0)
    says("completed", 250)
    says("completed", 251, sid=MARA)
    assert catch_up(10) == 0
    monkeypatch.undo()
    says("completed", 250)
    says("completed", 251, sid=MARA)
    assert (catch_up(11), read()[0][0].bridged) == (1, True)


def test_comparing_twilios_list_with_ours_ends_them_as_well(catch_up, taken, twilio, says, now):
    """By hand, or every quarter of an hour."""
    for kind in ("calls", "recordings"):
        twilio.expect(200, {kind: [], "next_page_uri": None})
    says("completed", 250)
    says("completed", 251, sid=MARA)
    assert catch_up(10, reconciling.reconcile, since=now).ends == 1


def test_after_a_restore_the_house_rings_nobody_by_itself(catch_up, rung, says, read, now):
    """Nobody knows whether they were served before the database went back."""
    rung()
    says("completed", 21)
    says("no-answer", 20, sid=MARA)
    assert catch_up(6, restored=lambda *_: now + timedelta(minutes=1)) == 1
    assert [one.automatic for one in read()[2]] == [False]


def test_two_workers_who_ask_at_once_end_it_once(catch_up, taken, twilio, read, says):
    """One call is owed, and each entry stands in the log once."""
    together = Barrier(2)
    told = {"sid": CALLER, "status": "completed", "end_time": "Sat, 21 Nov 2026 09:30:31 +0000"}
    for meanwhile in (together.wait, together.wait, int, int):
        twilio.expect(200, told, meanwhile=meanwhile)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(catch_up, [10, 10])) == [1, 1]
    (leg,), log, owed = read()
    assert (leg.bridged, len(owed), len(log), len(set(log))) == (False, 1, 2, 2)
