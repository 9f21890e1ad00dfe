"""Only whoever presses 1 has taken a call; whatever the webhooks and their order."""

from uuid import UUID

import pytest

from models import tables
from models.store import transaction
from voice.connecting import Reached

NOWHERE = UUID("01930000-0000-7000-8000-00000000000f")


@pytest.fixture
def caller(on_the_line) -> None:
    """A caller is on the line."""
    on_the_line()


def test_the_whisper_names_the_request_and_nothing_the_customer_said(caller, rings, golden):
    """Its reference and level, and the two keys."""
    (mara,) = rings()
    golden(mara.picks_up().document, "whisper")


def test_a_request_without_a_level_is_told_all_the_same(caller, rings, golden, level):
    """Nobody has decided it yet."""
    level.append("")
    (mara,) = rings()
    golden(mara.picks_up().document, "whisper_plain")


def test_who_joined_an_open_request_is_connected_about_that_one(
    on_the_line, make_request, rings, golden, legs, desk, ends, request_id
):
    """The engineer hears its reference, and takes that one on."""
    joined = make_request()
    on_the_line(joined=str(joined))
    (mara,) = rings()
    golden(mara.picks_up().document, "whisper_joined")
    mara.presses("1")
    assert (legs()[0].request_id, desk.taken) == (joined, [(joined, "mara")])
    assert desk.asked[0][0] == joined != request_id


def test_key_1_takes_the_call_and_lets_twilio_connect(caller, rings, states, legs, desk, request_id, clock):
    """The document ends without hanging up; the desk hears of it once."""
    (mara,) = rings(times=2)
    assert mara.picks_up().presses("1").hears("Connecting").is_connected
    assert (states(), desk.taken) == ([("mara", 1, "taken")], [(request_id, "mara")])
    (leg,) = legs()
    assert (leg.taken_at, leg.answered_at, leg.key_pressed, leg.dial_call_sid) == (clock.now, clock.now, "1", mara.sid)


def test_key_2_passes_it_on(caller, rings, states, desk):
    """And hangs up: the caller is not connected."""
    (mara,) = rings(times=2)
    assert not mara.picks_up().presses("2").hears("next engineer").is_connected
    assert (states(), desk.taken) == ([("mara", 1, "passed")], [])


@pytest.mark.parametrize(("first", "then"), [("", "1"), ("7", "1"), ("*", "1")])
def test_any_other_key_or_none_is_asked_once_more(caller, rings, golden, states, first, then):
    """And 1 still counts then."""
    (mara,) = rings()
    golden(mara.picks_up().presses(first).document, "whisper_again")
    assert mara.presses(then, tried=1).is_connected
    assert states() == [("mara", 1, "taken")]


@pytest.mark.parametrize(("keys", "kept"), [(("", ""), ""), (("7", "*"), "*"), (("0", "11"), "1")])
def test_after_the_second_time_it_hangs_up(caller, rings, golden, legs, desk, keys, kept):
    """A voicemail must not be connected to the caller."""
    (mara,) = rings()
    golden(mara.picks_up().presses(keys[0]).presses(keys[1], tried=1).document, "goodbye")
    assert (legs()[0].state, legs()[0].key_pressed, desk.taken) == ("silent", kept, [])


@pytest.mark.parametrize("by", ["machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other", "fax"])
def test_behaviour_20_a_machine_or_fax_is_no_person(caller, rings, golden, states, desk, by):
    """It is told nothing, and a tone that sounds like key 1 takes nothing."""
    (mara,) = rings()
    golden(mara.picks_up(AnsweredBy=by).document, "hang_up")
    golden(mara.presses("1", AnsweredBy=by).document, "hang_up")
    assert not mara.presses("1").is_connected
    assert (states(), desk.taken) == ([("mara", 1, "silent")], [])


@pytest.mark.parametrize("by", ["machine_start", "fax"])
def test_a_machine_that_only_the_status_names_is_no_person_either(caller, rings, states, by):
    """Whichever webhook says so."""
    (mara,) = rings()
    mara.tells("in-progress", AnsweredBy=by)
    assert states() == [("mara", 1, "silent")]


@pytest.mark.parametrize("by", ["human", "unknown", ""])
def test_behaviour_20_a_key_is_a_person(caller, rings, states, by):
    """Where Twilio does not know who answered, the key tells."""
    (mara,) = rings()
    told = {"AnsweredBy": by} if by else {}
    assert mara.picks_up(**told).presses("1", **told).is_connected
    assert states() == [("mara", 1, "taken")]


def test_of_two_who_press_1_the_first_has_the_call(caller, together, rings, states, desk, request_id):
    """Twilio hangs up on the others by itself; should a key of theirs come all the same, they hear who was faster."""
    mara, priya, _ = rings()
    mara.picks_up()
    priya.picks_up()
    assert mara.presses("1").is_connected
    assert not priya.presses("1").hears("Somebody else has taken the call").is_connected
    assert states()[:2] == [("mara", 1, "taken"), ("priya", 1, "canceled")]
    assert desk.taken == [(request_id, "mara")]


def test_the_call_of_somebody_else_learns_nothing(caller, together, rings, states, golden):
    """A telephone's address answers its own call only: the first that came, of this caller, and of no other leg."""
    mara, priya, _ = rings()
    golden(mara.picks_up(ParentCallSid="CA" + "9" * 32).document, "not_needed")
    mara.picks_up()
    assert "S B 1" in mara.heard
    own, mara.sid = mara.sid, "CA" + "8" * 32
    golden(mara.picks_up().document, "not_needed")
    golden(mara.presses("1").document, "not_needed")
    mara.tells("busy").sid = own
    priya.sid = own
    golden(priya.presses("1").document, "not_needed")
    assert states()[:2] == [("mara", 1, "answered"), ("priya", 1, "ringing")]


@pytest.mark.parametrize("sid", ["CA" + "c" * 32, "CA" + "d" * 32])
def test_a_callers_own_call_is_no_telephone_of_ours(caller, rings, golden, legs, desk, engine, now, sid):
    """Neither this caller's nor another one's: they would take their call themselves, and learn of the other's."""
    with transaction(engine) as session:
        session.add(
            tables.calls.Call(
                call_sid="CA" + "d" * 32, account_sid="AC" + "a" * 32, from_number="", to_number="",
                status="in-progress", step="problem", answers={}, started_at=now,
            )
        )  # fmt: skip
    (mara,) = rings()
    own, mara.sid = mara.sid, sid
    golden(mara.picks_up().document, "not_needed")
    golden(mara.presses("1").document, "not_needed")
    mara.tells("completed")
    assert ([(leg.state, leg.dial_call_sid) for leg in legs()], desk.taken) == ([("ringing", None)], [])
    mara.sid = own
    assert mara.picks_up().presses("1").is_connected
    mara.sid = sid
    golden(mara.presses("1").document, "not_needed")


def test_the_end_of_a_round_that_names_the_callers_own_call_names_no_telephone(caller, rings, ends, legs, reached):
    """What a switch says so is not believed; the key tells who was connected."""
    (mara,) = rings()
    assert mara.picks_up().presses("1").is_connected
    ends(DialCallSid="CA" + "c" * 32, DialBridged="true")
    assert ([leg.dial_call_sid for leg in legs()], reached) == ([mara.sid], [Reached.YES])


@pytest.mark.parametrize("path", [f"/voice/leg/{NOWHERE}", "/voice/leg/nothing"])
def test_an_unknown_telephone_is_hung_up_on(caller, rings, golden, path):
    """And none of its webhooks fails."""
    (mara,) = rings()
    mara.path = path
    golden(mara.picks_up().document, "not_needed")
    golden(mara.presses("1").document, "not_needed")
    mara.tells("completed")


def test_nothing_is_answered_without_twilios_signature(caller, rings, states):
    """Whoever knew the address of a leg could take the call."""
    (mara,) = rings()
    for path in (mara.path, f"{mara.path}/key?try=0", f"{mara.path}/status", "/voice/connect?round=1"):
        form = {"AccountSid": "AC" + "a" * 32, "CallSid": mara.sid, "Digits": "1"}
        answer = mara.door.client.post(path, data=form, headers={"X-Twilio-Signature": "wrong"})
        assert answer.status_code == 403
        assert mara.door.client.get(path).status_code == 405
    assert states() == [("mara", 1, "ringing")]


def test_the_end_of_a_round_of_another_line_is_refused(caller, rings, doors, monkeypatch, line, states):
    """Whoever dialled a number that is not ours was not rung for by us."""
    (mara,) = rings()
    monkeypatch.setitem(line.numbers, "+493055500100", ("en",))
    told = {"DialCallStatus": "completed", "DialBridged": "false"}
    answer = doors().post("/voice/connect?round=1", "CA" + "c" * 32, To="+493055500199", **told)
    assert (answer.status_code, states()) == (403, [("mara", 1, "ringing")])
    assert mara.picks_up(To="+493055500171").heard


def test_who_was_asked_for_a_moment_hears_what_was_stored_meanwhile(caller, rings, golden, states):
    """The webhook that comes back brings no key: that is no silence."""
    (mara,) = rings()
    golden(mara.picks_up().comes_back().document, "whisper")
    golden(mara.comes_back(tried=1).document, "whisper_again")
    assert states() == [("mara", 1, "answered")]
    mara.presses("1")
    assert mara.comes_back().is_connected


def test_who_passed_it_on_and_was_asked_for_a_moment_has_passed_it_on(caller, rings, golden):
    """It is said once more, and nothing is asked."""
    (mara,) = rings()
    mara.picks_up().presses("2")
    golden(mara.comes_back().document, "passed")
