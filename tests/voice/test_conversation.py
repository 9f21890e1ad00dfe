"""Conversations over HTTP: one call and one incident, whatever the number and order of webhooks."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, func, select

from models import tables
from models.store import transaction
from models.terms import Channel, JobKind


def only_call(engine: Engine) -> tables.calls.Call:
    """The one call there is, with exactly one incident."""
    with transaction(engine) as session:
        (call,) = session.scalars(select(tables.calls.Call)).all()
        assert session.scalar(select(func.count()).select_from(tables.requests.Request)) == 1
        assert call.request_id is not None
        return call


def interactions(engine: Engine) -> dict[str, tables.requests.Interaction]:
    """What the desk was told, by the part of the call it came from."""
    with transaction(engine) as session:
        rows = session.scalars(select(tables.requests.Interaction)).all()
        return {row.source.partition(":")[2].partition(":")[2]: row for row in rows}


def test_a_whole_conversation(caller, engine: Engine, first_seen):
    """Greeting, consent, account, problem, production, number, reference: and the clock is the first second."""
    guest = caller().dials().hears("welcome").hears("record")
    guest.presses("1").hears("account number").presses("").hears("does not work")
    guest.says("the gateway answers 503").hears("production system down").presses("1").hears("+ 4 9 3 0")
    guest.presses("1").hears("reference is S B 1 0 0 1").hangs_up()
    call = only_call(engine)
    assert (call.status, call.step, call.duration_seconds) == ("completed", "receipt", 30)
    assert call.answers["phone"] == "+493055500137"
    with transaction(engine) as session:
        request = tables.requests.fetch(session, call.request_id)
    assert request.channel is Channel.PHONE
    assert request.clock_started_at == call.started_at == first_seen[0]
    problem = interactions(engine)["problem"]
    assert problem.new_text == "the gateway answers 503"
    assert {(fact["name"], fact["value"], fact["source"]) for fact in problem.facts} == {
        ("down", "full", "caller"),
        ("environment", "production", "caller"),
    }


def test_the_incident_exists_from_the_first_webhook(caller, engine: Engine):
    """Hanging up at once leaves an incident that says where."""
    caller().dials().hangs_up()
    assert only_call(engine).ended_at is not None
    assert "step consent" in interactions(engine)["hangup"].note


def test_every_webhook_twice_changes_nothing(caller, engine: Engine):
    """Twilio repeats what it got no answer for; the answers are the same."""
    guest = caller().dials(times=3).presses("2", times=2).presses("", times=3)
    guest.says("orders fail", times=2).presses("1", times=2).presses("1", times=2).hears("reference")
    guest.hangs_up().hangs_up()
    only_call(engine)
    assert sorted(interactions(engine)) == ["", "problem"]


def test_the_same_first_webhook_in_parallel(line, engine: Engine):
    """Twenty at once make one call, one incident, one event."""

    def ring(_number: int) -> str:
        return line.post("/voice/inbound", CallSid="CA" + "5" * 32, CallStatus="ringing").text

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(ring, range(20)))
    assert len(answers) == 1
    call = only_call(engine)
    with transaction(engine) as session:
        assert len(tables.calls.events(session, call.id)) == 1


def test_completed_before_ringing_stays_completed(line, engine: Engine):
    """Statuses may come in any order, even for a call we have not heard of."""
    sid = "CA" + "6" * 32
    for status in ("completed", "ringing", "in-progress"):
        assert line.post("/voice/status", CallSid=sid, CallStatus=status).status_code == 204
    assert only_call(engine).status == "completed"


def test_a_recording_before_its_call_is_kept(line, caller, engine: Engine):
    """Callbacks overtake the conversation; nothing is lost."""
    sid, recording = f"CA{1:032x}", "RE" + "7" * 32
    line.post("/voice/recording", CallSid=sid, RecordingSid=recording, RecordingStatus="completed")
    caller().dials()
    call = only_call(engine)
    with transaction(engine) as session:
        (row,) = tables.calls.recordings(session, call.id)
        jobs = session.scalars(select(tables.jobs.Job.kind)).all()
    assert row.status == "completed"
    assert jobs == [JobKind.RECORDING_FETCH]


def test_a_transcript_is_told_to_the_desk_and_a_failed_one_is_not(line, caller, engine: Engine):
    """A missing transcript changes nothing."""
    caller().dials()
    sid, recording = f"CA{1:032x}", "RE" + "8" * 32
    line.post("/voice/transcript", CallSid=sid, RecordingSid=recording, TranscriptionStatus="failed")
    assert sorted(interactions(engine)) == [""]
    for _ in range(2):
        line.post(
            "/voice/transcript",
            CallSid=sid,
            RecordingSid=recording,
            TranscriptionStatus="completed",
            TranscriptionText="mail is down",
        )
    assert interactions(engine)[f"transcript:{recording}"].new_text == "mail is down"


def test_three_misses_go_on_instead_of_ending_in_silence(caller):
    """Consent is taken as refused, and the caller still gets a reference."""
    guest = caller().dials()
    for _ in range(3):
        guest.hears("press 1 to agree").stays_silent()
    guest.hears("account number").presses("").stays_silent().hears("production system")
    for _ in range(3):
        guest.stays_silent()
    for _ in range(3):
        guest.hears("call you back").stays_silent()
    guest.hears("reference")


def test_without_consent_nothing_is_recorded(caller):
    """A caller who says nothing and refused a recording is asked the next question."""
    caller().dials().presses("2").presses("").stays_silent().hears("production system down")


def test_silence_with_consent_leads_to_a_recording(caller):
    """Speech that was not understood becomes a recording."""
    caller().dials().presses("1").presses("").stays_silent().hears("after the tone").records("RE" + "1" * 32).hears(
        "production system down"
    )


@pytest.mark.parametrize("withheld", ["anonymous", "+266696687", "sip:desk@example.com", ""])
def test_a_withheld_number_is_never_read_back(caller, engine: Engine, withheld: str):
    """Placeholders identify nobody; another number is asked for."""
    guest = caller(From=withheld).dials().presses("2").presses("").says("help").presses("2")
    guest.hears("key in the number").presses("1").hears("key in the number").presses("03055500200").hears("reference")
    with transaction(engine) as session:
        assert session.scalars(select(tables.requests.Request)).one().party is None


def test_a_keyed_account_number_finds_the_account(caller, engine: Engine):
    """The incident is served under that account's policy."""
    with transaction(engine) as session:
        session.add(tables.directory.Account(name="Halcyon Hosting", number="4711", policy="parallels"))
    caller().dials().presses("1").presses("4711").hears("does not work")
    with transaction(engine) as session:
        assert session.scalars(select(tables.requests.Request)).one().policy == "parallels"


def test_what_was_said_before_a_hang_up_is_filed(caller, engine: Engine):
    """The problem is not lost with the line."""
    caller().dials().presses("1").presses("").says("checkout hangs").hangs_up()
    filed = interactions(engine)
    assert filed["problem"].new_text == "checkout hangs"
    assert "step down" in filed["hangup"].note


def test_words_of_a_caller_are_never_markup(caller, engine: Engine):
    """Speech with TwiML in it stays speech."""
    said = "</Say><Dial>+19005550100</Dial>"
    caller().dials().presses("1").presses("").says(said).hears("production")
    assert only_call(engine).answers["problem"] == said
