"""Twice, at once, late, out of order: always one call, one incident, one event each, and the same answers."""

import itertools
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, func, select

from models import tables
from models.store import transaction
from models.terms import JobKind

SID = f"CA{1:032x}"
RECORDING = "RE" + "7" * 32
EVENTS = {"inbound": 1, "turn": 6, "recording": 1, "transcript": 1, "status": 1}


def events(engine: Engine) -> Counter[str]:
    """How many webhooks of each kind are stored."""
    with transaction(engine) as session:
        return Counter(session.scalars(select(tables.calls.CallEvent.kind)))


def everything(guest) -> None:
    """A whole call, with a recording, its callbacks and its end."""
    guest.dials().presses("1").presses("").stays_silent().records(RECORDING).recording(RECORDING)
    guest.presses("1").transcript(RECORDING, "mail is down").presses("1").hears("reference").hangs_up()


@pytest.mark.parametrize(("times", "together"), [(5, False), (20, True)])
def test_every_webhook_many_times(caller, engine: Engine, only_call, told, times: int, together: bool):
    """Twilio repeats what it got no answer for, even before the first answer is out."""
    everything(caller().repeating(times, together=together))
    call = only_call()
    assert (call.status, call.step) == ("completed", "receipt")
    assert events(engine) == EVENTS
    assert sorted(told()) == ["", "problem", f"transcript:{RECORDING}"]
    with transaction(engine) as session:
        kinds = session.scalars(select(tables.jobs.Job.kind)).all()
        assert len(tables.calls.recordings(session, call.id)) == 1
    assert sorted(kinds) == [JobKind.RECORDING_FETCH, JobKind.REQUEST_SUGGEST]


def test_a_lost_answer_is_given_again(line, caller):
    """A turn that comes again after the call has gone on gets what it got then."""
    guest = caller().dials().presses("1")
    lost = guest.heard
    guest.presses("").says("orders fail")
    again = line.post("/voice/turn?step=consent&try=0", CallSid=SID, CallStatus="in-progress", Digits="1")
    assert lost in again.text


def test_an_answer_to_a_question_that_is_over_changes_nothing(line, caller, engine: Engine, only_call):
    """It gets the present question."""
    caller().dials().presses("1")
    for path in ("consent&try=2", "phone&try=0", "receipt&try=0", "nothing&try=-1"):
        answer = line.post(f"/voice/turn?step={path}", CallSid=SID, CallStatus="in-progress", Digits="2")
        assert "account number" in answer.text
    assert (only_call().step, only_call().answers["consent"]) == ("account", "yes")
    assert events(engine)["turn"] == 1


def test_completed_before_ringing_stays_completed(line, only_call, first_seen):
    """Statuses may come in any order, even for a call we have not heard of; its clock starts with the first."""
    for status in ("completed", "ringing", "in-progress", "busy"):
        assert line.post("/voice/status", CallSid=SID, CallStatus=status).status_code == 204
    assert only_call().status == "completed"
    assert only_call().started_at == only_call().ended_at == first_seen[0]


def test_an_answer_that_comes_after_the_end_is_kept(caller, engine: Engine, told):
    """The problem was filed at the hang-up; what was pressed follows, and is suggested for."""
    guest = caller().dials().presses("2").presses("").says("orders fail")
    guest.hangs_up().presses("1")
    assert told()["problem"].new_text == "orders fail"
    assert {fact["name"] for fact in told()["answers"].facts} == {"down", "environment"}
    with transaction(engine) as session:
        jobs = select(func.count()).select_from(tables.jobs.Job).where(tables.jobs.Job.kind == JobKind.REQUEST_SUGGEST)
        assert session.scalar(jobs) == 2


def test_a_recording_before_its_call_is_kept(line, caller, engine: Engine, only_call, told):
    """Callbacks overtake the conversation; who called is learnt when the call comes in."""
    line.post("/voice/recording", CallSid=SID, RecordingSid=RECORDING, RecordingStatus="completed", From="", To="")
    caller().dials().presses("2").presses("").says("help").presses("1").hears("+ 4 9, 3 0, 5 5 5 0, 0 1 3 7")
    call = only_call()
    assert (call.from_number, call.answers["caller"]) == ("+493055500137", "+493055500137")
    assert told()["caller"].party == "+493055500137"
    with transaction(engine) as session:
        (row,) = tables.calls.recordings(session, call.id)
    assert row.status == "completed"


def test_a_transcript_is_told_to_the_desk_and_a_failed_one_is_not(caller, engine: Engine, only_call, told):
    """A missing transcript changes nothing, and a failure that comes late takes nothing back."""
    guest, other = caller().dials().transcript(RECORDING, "", status="failed"), "RE" + "8" * 32
    assert sorted(told()) == [""]
    guest.transcript(RECORDING, "mail is down")
    guest.transcript(other, "so is the shop").transcript(other, "", status="failed")
    assert told()[f"transcript:{RECORDING}"].new_text == "mail is down"
    with transaction(engine) as session:
        rows = tables.calls.recordings(session, only_call().id)
    assert {(row.transcript, row.transcript_status) for row in rows} == {
        ("mail is down", "completed"),
        ("so is the shop", "completed"),
    }


@pytest.mark.parametrize("order", [("completed", "in-progress"), ("in-progress", "completed"), ("absent",)])
def test_a_recording_ends_as_it_ended(caller, engine: Engine, only_call, order: tuple[str, ...]):
    """One without sound is not fetched; one that is complete stays so."""
    guest = caller().dials()
    for status in order:
        guest.recording(RECORDING, status)
    with transaction(engine) as session:
        (row,) = tables.calls.recordings(session, only_call().id)
        jobs = session.scalars(select(tables.jobs.Job.kind)).all()
    assert row.status == ("completed" if "completed" in order else "absent")
    assert jobs == ([JobKind.RECORDING_FETCH] if "completed" in order else [])


@pytest.mark.parametrize("path", ["/voice/recording", "/voice/transcript"])
@pytest.mark.parametrize("sid", ["", "RE1", "../../Calls", "RE" + "G" * 32])
def test_a_callback_about_no_recording_is_refused(line, engine: Engine, path: str, sid: str):
    """It is no use trying again, and nothing is stored."""
    assert line.post(path, CallSid=SID, RecordingSid=sid, RecordingStatus="completed").status_code == 422
    with transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(tables.calls.Call)) == 0


def test_callbacks_in_any_order_end_alike(line, engine: Engine):
    """Every order of five webhooks, a call each: one incident each, with everything in it."""
    webhooks = (
        ("/voice/inbound", {"CallStatus": "ringing"}),
        ("/voice/turn?step=consent&try=0", {"CallStatus": "in-progress", "Digits": "1"}),
        ("/voice/recording", {"RecordingSid": "", "RecordingStatus": "completed"}),
        ("/voice/transcript", {"RecordingSid": "", "TranscriptionStatus": "completed", "TranscriptionText": "down"}),
        ("/voice/status", {"CallStatus": "completed", "CallDuration": "9"}),
    )
    orders = list(itertools.permutations(webhooks))
    for number, order in enumerate(orders):
        for path, form in order:
            sids = {
                "CallSid": f"CA{number:032x}",
                **({"RecordingSid": f"RE{number:032x}"} if "RecordingSid" in form else {}),
            }
            assert line.post(path, **{**form, **sids}).status_code in {200, 204}
    with transaction(engine) as session:
        calls = session.scalars(select(tables.calls.Call)).all()
        counts = Counter(session.scalars(select(tables.requests.Interaction.request_id)))
        recordings = session.scalars(select(tables.calls.Recording)).all()
        assert session.scalar(select(func.count()).select_from(tables.requests.Request)) == len(orders)
    ends = {(c.status, c.step, c.answers["consent"], c.answers["caller"], c.duration_seconds) for c in calls}
    assert (len(calls), ends) == (len(orders), {("completed", "account", "yes", "+493055500137", 9)})
    assert {(row.status, row.transcript) for row in recordings} == {("completed", "down")}
    assert set(counts.values()) == {3}  # the call, its transcript, its end


def test_many_calls_at_once_are_one_incident_each(line, engine: Engine):
    """Fifty callers, three webhooks each, in a jumble."""
    jumble = [(number, status) for number in range(50) for status in ("ringing", "in-progress", "completed")]
    random.Random(7).shuffle(jumble)  # noqa: S311 - an order

    def send(each: tuple[int, str]) -> int:
        return line.post("/voice/status", CallSid=f"CA{each[0]:032x}", CallStatus=each[1]).status_code

    with ThreadPoolExecutor(25) as pool:
        assert set(pool.map(send, jumble)) == {204}
    with transaction(engine) as session:
        calls = session.scalars(select(tables.calls.Call)).all()
        assert session.scalar(select(func.count()).select_from(tables.requests.Request)) == 50
    assert {call.status for call in calls} == {"completed"}
    assert len({call.request_id for call in calls}) == len(calls) == 50


def test_a_call_that_is_answered_says_so_while_it_lasts(caller, only_call):
    """Every answer of a caller tells that the call is in progress, whatever became of the status callbacks."""
    caller().dials().presses("1")
    assert only_call().status == "in-progress"
