"""Webhooks twice, late, reversed and after the end: the same telephones, and the same end."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from models import tables
from models.store import transaction
from voice.connecting import Reached


@pytest.fixture(autouse=True)
def caller(on_the_line) -> None:
    """A caller is on the line."""
    on_the_line()


@pytest.mark.parametrize("late", [False, True])
def test_every_webhook_twice_rings_nobody_twice(twilio, begin, mara, priya, states, desk, log, late, request_id):
    """And each gets the same answer again."""
    twilio.times, twilio.late = 2, late
    mara.is_a_machine()
    priya.answers("", "1")
    twilio.obeys(begin())
    assert states() == [("mara", 1, "silent"), ("priya", 2, "taken")]
    assert (desk.taken, [event for event, _, _ in log()]) == ([(request_id, "priya")], ["connected"])


def test_the_end_of_a_round_long_past_is_answered_as_before(twilio, begin, mara, ends, states, reached):
    """Nobody is rung anew."""
    mara.is_a_machine()
    twilio.obeys(begin())
    before = states()
    assert [ends(1), ends(2, "no-answer")] == twilio.documents[1:3]
    assert "reached: nobody" in ends(3, "no-answer")
    assert (states(), reached) == (before, [Reached.NOBODY] * 2)


@pytest.mark.parametrize("number", [0, 7])
def test_a_round_there_was_not_rings_nobody(begin, ends, reached, states, number):
    """Its address was never given out."""
    begin()
    ends(number)
    assert (reached, states()) == ([Reached.NOBODY], [("mara", 1, "ringing")])


@pytest.mark.parametrize("order", list(itertools.permutations(["in-progress", "completed", "ringing"])))
def test_the_status_of_a_telephone_only_moves_forward(rings, states, order):
    """An end is never taken back."""
    (mara,) = rings()
    for status in order:
        mara.tells(status)
    assert states() == [("mara", 1, "silent")]


@pytest.mark.parametrize("end", ["no-answer", "busy", "failed", "canceled"])
def test_an_end_is_never_reopened(rings, states, end):
    """Whatever comes after it."""
    (mara,) = rings()
    mara.tells(end).tells("initiated").tells("ringing").tells("in-progress").tells("completed")
    assert not mara.presses("1").is_connected
    assert not mara.picks_up().is_connected
    assert states() == [("mara", 1, end)]


@pytest.mark.parametrize("order", list(itertools.permutations(["answered", "key", "over", "round"])))
def test_a_call_that_was_taken_comes_to_the_same_in_whatever_order(
    rings, ends, states, legs, reached, log, desk, request_id, order
):
    """The key counts once the two were bridged, even if everything else overtook it."""
    (mara,) = rings()
    acts = {
        "answered": lambda: mara.tells("in-progress"),
        "key": lambda: mara.presses("1"),
        "over": lambda: mara.tells("completed"),
        "round": lambda: ends(DialCallSid=mara.sid, DialBridged="true"),
    }
    for each in order:
        acts[each]()
    (leg,) = [leg for leg in legs() if leg.round == 1]
    assert (leg.state, leg.bridged, leg.key_pressed) == ("taken", True, "1")
    assert leg.ended_at is not None
    assert desk.taken == [(request_id, "mara")]
    assert [(event, who) for event, who, _ in log()] == [("connected", "mara")]
    if order.index("key") < order.index("round"):
        assert (reached, len(states())) == ([Reached.YES], 1)


def test_bridged_without_a_key_is_nobodys_taking(rings, ends, reached, states):
    """Something went wrong between: the next one is rung, for a voicemail may have been bridged."""
    (mara,) = rings()
    mara.picks_up()
    assert "+493055500172" in ends(DialCallSid=mara.sid, DialBridged="true")
    assert (reached, states()) == ([], [("mara", 1, "silent"), ("priya", 2, "ringing")])


def test_a_key_without_a_bridge_goes_on_with_the_next_while_the_caller_waits(rings, ends, states, legs, log):
    """The engineer hung up before the two were connected."""
    (mara,) = rings()
    mara.picks_up().presses("1")
    document = ends(DialCallSid=mara.sid, DialBridged="false")
    (priya,) = rings(document=document)
    priya.sid = "CA" + "5" * 32
    assert priya.picks_up().presses("1").is_connected
    assert states() == [("mara", 1, "taken"), ("priya", 2, "taken")]
    assert (legs()[0].bridged, log()) == (False, [])


@pytest.mark.parametrize("first", ["key", "caller"])
def test_whoever_pressed_1_as_the_caller_left_keeps_the_request(
    rings, ends, leaves, states, reached, log, desk, request_id, first
):
    """Whichever came first; the log says to call back, and nobody else is rung."""
    (mara,) = rings()
    mara.picks_up()
    if first == "key":
        mara.presses("1")
    leaves()
    if first == "caller":
        assert not mara.presses("1").hears("The caller has hung up").is_connected
    mara.tells("completed")
    ends(CallStatus="completed", DialCallSid=mara.sid, DialBridged="false")
    assert (states(), reached) == ([("mara", 1, "taken")], [Reached.LEFT])
    assert desk.taken == [(request_id, "mara")]
    assert log() == [("caller-left", "mara", "took the call, but the caller had hung up: call back")]


@pytest.mark.parametrize("told", list(itertools.permutations(["caller", "telephone", "round"], 2)))
def test_a_key_after_the_end_of_its_call_or_of_the_round_takes_nothing(
    rings, ends, leaves, states, legs, log, desk, told
):
    """Whoever pressed it heard nothing of it: they would be thought to see to a caller whom nobody calls back."""
    (mara,) = rings()
    mara.picks_up()
    over = {
        "caller": leaves,
        "telephone": lambda: mara.tells("completed"),
        "round": lambda: ends(CallStatus="completed", DialCallSid=mara.sid, DialBridged="false"),
    }
    for each in told:
        over[each]()
    assert not mara.presses("1").hears("not needed").is_connected
    for tell in over.values():
        tell()
    assert (states()[0][2] != "taken", legs()[0].key_pressed) == (True, "1")
    assert (desk.taken, log()) == ([], [])


@pytest.mark.parametrize("end", ["completed", "canceled"])
def test_a_key_that_came_after_its_end_counts_where_twilio_connected_the_two(
    rings, ends, legs, log, desk, reached, request_id, end
):
    """Its webhook was overtaken by that of the end, and what Twilio says of the bridge decides."""
    (mara,) = rings()
    mara.picks_up().tells(end)
    assert not mara.presses("1").hears("not needed").is_connected
    assert desk.taken == []
    ends(DialCallSid=mara.sid, DialBridged="true")
    (leg,) = legs()
    assert (leg.state, leg.taken_at, reached) == ("taken", leg.answered_at, [Reached.YES])
    assert (desk.taken, [event for event, _, _ in log()]) == ([(request_id, "mara")], ["connected"])


def test_a_key_that_came_after_all_else_settles_what_the_caller_was_owed(rings, ends, engine, request_id, now):
    """Twilio said that the two were connected, and the end of the round owed the caller a call."""
    (mara,) = rings()
    mara.picks_up()
    ends(CallStatus="completed", DialCallSid=mara.sid, DialBridged="true")
    with transaction(engine) as session:
        call = tables.calls.by_sid(session, "CA" + "c" * 32)
        owed = {"why": "left", "automatic": False, "due_at": now, "made_at": now}
        tables.reaching.owe_call(session, request_id=request_id, call_id=call.id, **owed)
    mara.presses("1")
    with transaction(engine) as session:
        (row,) = tables.reaching.owed_of_request(session, request_id)
    assert (row.done_by, row.outcome) == ("mara", "reached")


@pytest.mark.parametrize("keys", [("2",), ("", "")])
def test_a_key_after_another_answer_counts_for_nothing_even_if_twilio_says_bridged(rings, ends, legs, desk, keys):
    """Whoever passed it on, and what pressed nothing when it was asked twice, has not taken the call."""
    (mara,) = rings()
    mara.picks_up()
    for tried, digits in enumerate(keys):
        mara.presses(digits, tried=tried)
    assert not mara.presses("1").is_connected
    ends(DialCallSid=mara.sid, DialBridged="true")
    assert not mara.presses("1").is_connected
    assert (legs()[0].key_pressed, desk.taken) == (keys[-1], [])


def test_the_callers_end_ends_what_rings_and_not_what_was_taken(together, rings, leaves, states, legs):
    """Nobody is left ringing."""
    mara, priya, _ = rings()
    mara.picks_up().presses("1")
    priya.picks_up()
    leaves()
    assert [state for _, _, state in states()] == ["taken", "canceled", "canceled"]
    assert [leg.ended_at is None for leg in legs()] == [True, False, False]


def test_the_callers_end_changes_nothing_of_the_rounds_before(rings, ends, leaves, states):
    """A telephone whose network gave up early has not answered, whatever the caller does later."""
    (mara,) = rings()
    mara.tells("no-answer")
    ends(1, "no-answer")
    leaves()
    ends(1, "no-answer")
    assert states() == [("mara", 1, "no-answer"), ("priya", 2, "canceled")]


def test_a_connected_call_that_ends_is_no_lost_call(rings, ends, leaves, reached, states, log):
    """The caller hangs up at last, and Twilio says so before it says how the round ended."""
    (mara,) = rings()
    mara.picks_up().presses("1")
    leaves()
    ends(CallStatus="completed", DialCallSid=mara.sid, DialBridged="true")
    assert (reached, [event for event, _, _ in log()]) == ([Reached.YES], ["connected"])


def test_a_key_while_others_are_rung_is_evidence_only(rings, ends, states, legs, desk):
    """Their own call is over, and the caller is on the way to somebody else."""
    (mara,) = rings()
    mara.picks_up()
    ends(DialCallSid=mara.sid, DialBridged="false")
    assert not mara.presses("1").hears("not needed").is_connected
    assert (states()[0], legs()[0].key_pressed, desk.taken) == (("mara", 1, "silent"), "1", [])


def test_the_time_of_a_status_is_twilios(rings, legs, clock):
    """It may come late; one that lies ahead of us does not count."""
    (mara,) = rings()
    answered = clock.now + timedelta(seconds=4)
    clock.now += timedelta(minutes=2)
    mara.tells("in-progress", Timestamp=f"{answered:%a, %d %b %Y %H:%M:%S +0000}")
    mara.tells("completed", Timestamp="Fri, 01 Jan 2100 00:00:00 +0000")
    (leg,) = legs()
    assert (leg.answered_at, leg.ended_at) == (answered, clock.now)


def test_a_telephone_is_a_row_before_twilio_is_asked_to_ring_it(begin, legs, engine):
    """Whatever happens to our answer, nobody rings unknown to us; how the desk was asked stands there as well."""
    document = begin(urgent=True)
    (leg,) = legs()
    assert str(leg.id) in document
    with transaction(engine) as session:
        (event,) = tables.calls.events(session, leg.call_id)
    assert (event.kind, event.params) == ("ring", {"urgent": "yes"})


@pytest.mark.parametrize("end", ["busy", "no-answer", "failed", "completed"])
def test_whoever_picked_up_was_not_busy_whatever_the_network_says(rings, ends, states, end):
    """Nobody pressed a key: that is what is known."""
    (mara,) = rings()
    mara.picks_up().tells(end)
    ends(1, end)
    assert states()[0] == ("mara", 1, "silent")


@pytest.fixture
def at_once():
    """Let several act in the same moment, each in a thread; what they come to."""

    def run(*acts: Callable[[], Any]) -> list[Any]:
        together = Barrier(len(acts))

        def one(act: Callable[[], Any]) -> Any:
            together.wait()
            return act()

        with ThreadPoolExecutor(len(acts)) as pool:
            return list(pool.map(one, acts))

    return run


@pytest.mark.parametrize("over", [False, True])
def test_a_key_in_the_moment_in_which_the_caller_hangs_up(
    rings, ends, leaves, legs, reached, log, desk, request_id, at_once, over
):
    """Either way it is told once: the engineer keeps the request, or has never had it, and nobody else is rung."""
    (mara,) = rings()
    mara.picks_up()
    others = [leaves, *([lambda: mara.tells("completed")] if over else [])]
    at_once(lambda: mara.presses("1"), *others)
    ends(CallStatus="completed", DialCallSid=mara.sid, DialBridged="false")
    (leg,) = legs()
    is_taken = leg.state == "taken"
    assert is_taken or (over and "not needed" in mara.heard)
    assert desk.taken == [(request_id, "mara")] * is_taken
    assert ([event for event, _, _ in log()], reached) == (["caller-left"] * is_taken, [Reached.LEFT])
    assert (leg.key_pressed, leg.bridged, leg.ended_at is None) == ("1", False, False)


def test_a_key_in_the_moment_in_which_its_round_ends(rings, ends, states, legs, desk, at_once):
    """Whoever is not connected has not taken the call, and the next one is rung once."""
    (mara,) = rings()
    mara.picks_up()
    at_once(lambda: mara.presses("1"), lambda: ends(1, DialCallSid=mara.sid, DialBridged="false"))
    assert [(name, number) for name, number, _ in states()] == [("mara", 1), ("priya", 2)]
    assert (len(desk.taken) == 1) == mara.is_connected == (legs()[0].state == "taken")
    assert (legs()[0].key_pressed, legs()[0].bridged) == ("1", False)


def test_of_those_who_press_1_in_the_same_moment_one_has_the_call(together, rings, states, desk, at_once):
    """Each at a process of ours; the others hear that somebody was faster."""
    handsets = [each.picks_up() for each in rings()]
    at_once(*(partial(each.presses, "1") for each in handsets))
    heard = [each.is_connected for each in handsets]
    assert (sorted(heard), len(desk.taken)) == ([False, False, True], 1)
    assert sorted(state for _, _, state in states()) == ["canceled", "canceled", "taken"]


def test_the_end_of_a_round_that_comes_often_at_once_rings_the_next_one_once(rings, ends, states):
    """Twilio tries again where an answer of ours is lost."""
    rings()
    with ThreadPoolExecutor(6) as pool:
        documents = set(pool.map(lambda _: ends(1, "no-answer"), range(12)))
    assert (len(documents), states()) == (1, [("mara", 1, "no-answer"), ("priya", 2, "ringing")])
