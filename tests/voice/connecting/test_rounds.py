"""A caller is connected to whoever takes the call; the others are rung one after the other, or at once."""

from datetime import timedelta

import pytest

from console import calling
from voice.connecting import Reached


@pytest.fixture(autouse=True)
def caller(on_the_line) -> None:
    """A caller is on the line."""
    on_the_line(down="yes")


def test_the_first_engineer_takes_the_call(twilio, begin, mara, golden, states, reached, log, desk, request_id):
    """They hear what it is about, press 1, and the two are connected; the timeline says how soon."""
    mara.answers("1", after=4)
    document = begin(intro="Your reference is S B 1.")
    golden(document, "ring")
    twilio.obeys(document)
    golden(twilio.whispers[0], "whisper_down")
    golden(twilio.whispers[1], "taken")
    assert (states(), reached) == ([("mara", 1, "taken")], [Reached.YES])
    assert (desk.asked, desk.taken) == ([(request_id, True)], [(request_id, "mara")])
    assert log() == [("connected", "mara", "64 seconds after the call came in")]


def test_the_log_counts_the_seconds_as_the_list_of_calls_does(rings, ends, clock, legs, log, now):
    """From the call's first ring to the key, in whole seconds."""
    (mara,) = rings()
    clock.now += timedelta(milliseconds=4700)
    mara.picks_up().presses("1")
    ends(DialCallSid=mara.sid, DialBridged="true")
    assert calling.seconds_to_human(now, legs()) == 64
    assert log() == [("connected", "mara", "64 seconds after the call came in")]


def test_behaviour_19_a_call_is_accepted_by_key_and_bridge_not_by_its_completion(
    twilio, begin, mara, priya, states, reached, legs, log
):
    """A night call reaches the second engineer after the first one's machine, whose call was `completed` as well."""
    mara.is_a_machine()
    priya.answers("1")
    twilio.obeys(begin())
    assert twilio.heard[1].startswith("Nobody has taken your call yet. We are trying the next engineer.")
    assert (states(), reached) == ([("mara", 1, "silent"), ("priya", 2, "taken")], [Reached.YES])
    assert [leg.bridged for leg in legs()] == [False, True]
    assert [who for _, who, _ in log()] == ["priya"]


def test_everybody_passes_it_on_and_nobody_is_reached(twilio, begin, mara, priya, tom, golden, states, reached, desk):
    """Each refusal leads to the next person, and nobody is rung twice."""
    for telephone in (mara, priya, tom):
        telephone.answers("2")
    twilio.obeys(begin(urgent=False))
    golden(twilio.whispers[1], "passed")
    assert states() == [("mara", 1, "passed"), ("priya", 2, "passed"), ("tom", 3, "passed")]
    assert (reached, desk.taken, {urgent for _, urgent in desk.asked}) == ([Reached.NOBODY], [], {False})


def test_the_third_round_reaches_somebody(twilio, begin, tom, mara, priya, states, reached, golden):
    """The first does not answer, the second is busy."""
    mara.does_not("no-answer")
    priya.does_not("busy", sip="486")
    tom.answers("1")
    twilio.obeys(begin())
    golden(twilio.documents[1], "ring_next")
    assert states() == [("mara", 1, "no-answer"), ("priya", 2, "busy"), ("tom", 3, "taken")]
    assert reached == [Reached.YES]


def test_of_those_rung_at_once_the_one_who_takes_it_is_connected(twilio, begin, together, priya, tom, golden, states):
    """The others stop ringing: that is no refusal of theirs."""
    priya.answers("1", after=5)
    tom.answers("1", after=9)
    document = begin()
    golden(document, "ring_at_once")
    twilio.obeys(document)
    assert states() == [("mara", 1, "canceled"), ("priya", 1, "taken"), ("tom", 1, "canceled")]


@pytest.mark.parametrize("cut_off", ["canceled", "no-answer"])
@pytest.mark.parametrize("late", [False, True])
def test_those_whom_a_voicemail_cut_off_are_rung_once_more(
    twilio, begin, together, mara, priya, tom, states, reached, cut_off, late
):
    """Twilio connects whoever picks up first: a quick voicemail must not keep the others from answering."""
    twilio.cut_off, twilio.late = cut_off, late
    mara.is_a_machine()
    priya.does_not("busy")
    tom.answers("1", after=8)
    twilio.obeys(begin())
    assert [len(each) for each in twilio.rounds] == [3, 1, 1]
    assert reached == [Reached.YES]
    assert [state for _, number, state in states() if number > 1] == ["busy", "taken"]


def test_whoever_did_not_answer_at_once_with_others_is_not_rung_again(twilio, begin, together, states, reached):
    """They rang for as long as they were to ring: nobody cut them off."""
    twilio.obeys(begin())
    assert ([len(each) for each in twilio.rounds], reached) == ([3], [Reached.NOBODY])
    assert {state for _, _, state in states()} == {"no-answer"}


def test_who_had_rung_out_before_a_voicemail_picked_up_was_not_cut_off(together, rings, ends, clock, states):
    """Their network gave up by itself; only whoever still rang is rung once more."""
    mara, priya, _ = rings()
    clock.now += timedelta(seconds=25)
    mara.tells("no-answer")
    priya.picks_up()
    ends(DialCallSid=priya.sid, DialBridged="false")
    assert states()[3:] == [("tom", 2, "ringing")]
    ends(2, "no-answer")
    assert len(states()) == 4


def test_being_rung_once_more_ends(twilio, begin, together, mara, priya, tom, states, reached):
    """Every telephone rings twice at most, whatever voicemails do."""
    for telephone in (mara, priya, tom):
        telephone.is_a_machine()
    twilio.obeys(begin())
    assert reached == [Reached.NOBODY]
    assert max(len([one for one in states() if one[0] == name]) for name in ("mara", "priya", "tom")) == 2
    assert len(twilio.rounds) == 3


@pytest.mark.parametrize("end", ["busy", "no-answer", "failed", "canceled"])
@pytest.mark.parametrize("late", [False, True])
def test_behaviour_21_the_ends_of_telephones_are_kept_apart(twilio, begin, rota, mara, legs, end, late):
    """With the SIP code: it is the evidence of who could be reached."""
    del rota[1:]
    twilio.late = late
    mara.does_not(end, sip="480")
    twilio.obeys(begin())
    (leg,) = legs()
    assert (leg.state.value, leg.sip_code, leg.bridged, leg.answered_at) == (end, 480, False, None)
    assert leg.ended_at is not None


@pytest.mark.parametrize("late", [False, True])
def test_of_several_telephones_each_end_is_its_own(twilio, begin, together, mara, priya, tom, states, late):
    """Whether or not the end of the round comes first."""
    twilio.late = late
    mara.does_not("busy", sip="486")
    priya.does_not("failed", sip="404")
    tom.does_not("no-answer")
    twilio.obeys(begin())
    assert [state for _, _, state in states()] == ["busy", "failed", "no-answer"]


@pytest.mark.parametrize("word", ["canceled", "no-answer"])
@pytest.mark.parametrize("late", [False, True])
def test_the_caller_hangs_up_while_it_rings(twilio, begin, states, reached, log, word, late):
    """Whoever rings stops, and has left no call unanswered; nobody else is rung."""
    twilio.leaves_after, twilio.left_word, twilio.late = 6, word, late
    twilio.obeys(begin())
    assert (states(), reached, log()) == ([("mara", 1, "canceled")], [Reached.LEFT], [])


def test_the_caller_hangs_up_while_the_engineer_listens(twilio, begin, mara, states, reached, leaves):
    """Whichever webhook says so first."""
    mara.answers("1")
    twilio.in_whisper = True
    document = begin()
    leaves()
    twilio.obeys(document)
    assert (states(), reached) == ([("mara", 1, "canceled")], [Reached.LEFT])


def test_everything_survives_a_restart_between_rounds(twilio, begin, mara, tom, states, reached):
    """Each round finds another process of ours, which knows only what is stored."""
    twilio.restarts = True
    mara.is_a_machine()
    tom.answers("1")
    twilio.obeys(begin())
    assert [state for _, _, state in states()] == ["silent", "no-answer", "taken"]
    assert reached == [Reached.YES]


@pytest.mark.parametrize("known", [("DialCallStatus",), ()])
def test_without_word_of_a_bridge_a_key_and_a_completed_call_count(twilio, begin, mara, reached, legs, known):
    """Twilio has not always told it; and a caller who was asked for a moment comes back without any word of the end."""
    twilio.without = tuple({"DialBridged", "DialCallSid", "DialCallStatus"} - set(known))
    mara.answers("1")
    twilio.obeys(begin())
    assert (reached, legs()[0].bridged) == ([Reached.YES], True)


def test_without_word_of_a_bridge_a_completed_call_alone_does_not_count(twilio, begin, rota, mara, reached, legs):
    """A voicemail completes every call."""
    del rota[1:]
    twilio.without = ("DialBridged", "DialCallSid")
    mara.is_a_machine()
    twilio.obeys(begin())
    assert (reached, legs()[0].bridged, legs()[0].state) == ([Reached.NOBODY], False, "silent")


def test_the_rota_is_asked_anew_after_each_round(twilio, begin, rota, mara, priya, tom, states):
    """Somebody may have come on duty while another telephone rang."""
    (later,) = rota[2:]
    del rota[1:]
    tom.answers("1")
    document = begin()
    rota.append(later)
    twilio.obeys(document)
    assert states() == [("mara", 1, "no-answer"), ("tom", 2, "taken")]
