"""The menu is a table: every step is reachable, and every conversation ends."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice import menu
from voice.menu import LAST, MOST_MISSES, STEPS, Heard, Turn, advance

NUMBER = "+493055500200"
HEARD = st.builds(
    Heard,
    key=st.sampled_from(["", "1", "2", "3", "9", "*", "4711"]),
    digits=st.sampled_from([None, "", "1", "2", "4711", "0" * 30]),
    number=st.sampled_from(["", NUMBER]),
    speech=st.sampled_from(["", "orders fail"]),
    recording=st.sampled_from(["", "RE" + "0" * 32]),
)
BEGINNINGS = st.builds(
    lambda known, caller, languages: {
        "known": known, "languages": languages, **({"caller": NUMBER} if caller else {})
    },
    st.sampled_from(["yes", "no"]), st.booleans(), st.sampled_from(["en", "en,de,fr,es"]),
)  # fmt: skip


def opening(answers) -> Turn:
    """Where a call begins."""
    return Turn(step=menu.opening(tuple(answers["languages"].split(","))), answers=answers)


def walk(turn: Turn, *heard: Heard) -> list[str]:
    """The steps asked."""
    steps = [turn.step]
    for each in heard:
        turn = advance(turn, each)
        steps.append(turn.step)
    return steps


@given(BEGINNINGS, st.lists(HEARD, max_size=40))
def test_every_conversation_ends_and_asks_nothing_twice(answers, heard):
    """Whatever the caller does, thirty answers are enough, and a step with its try comes once."""
    turn, seen = opening(answers), set()
    for each in [*heard, *[Heard()] * (len(STEPS) * MOST_MISSES)]:
        if turn.step == LAST:
            break
        assert turn.step in STEPS
        assert turn.misses < MOST_MISSES
        assert (turn.step, turn.misses) not in seen
        seen.add((turn.step, turn.misses))
        turn = advance(turn, each)
    assert turn.step == LAST


@given(BEGINNINGS, st.lists(HEARD, max_size=40))
def test_nothing_is_recorded_without_consent(answers, heard):
    """Only a caller who agreed ever reaches the recording."""
    turn = opening(answers)
    for each in heard:
        turn = advance(turn, each)
        assert turn.step != "record" or turn.answers["consent"] == "yes"


@given(BEGINNINGS, st.lists(HEARD, max_size=40))
def test_a_confirmed_number_was_said_or_is_the_callers(answers, heard):
    """Nobody confirms a number that there is none of."""
    turn = opening(answers)
    for each in heard:
        turn = advance(turn, each)
        if turn.answers.get("phone_confirmed") == "yes":
            assert turn.answers["phone"] == NUMBER


def test_every_step_is_reachable():
    """No question is dead."""
    turn = opening({"languages": "en,de", "known": "no"})
    yes, silence = Heard(key="1", digits="1"), Heard()
    keyed = Heard(key="4711", digits="4711", number=NUMBER)
    assert set(walk(turn, yes, yes, keyed, yes, silence, silence, yes, keyed, yes)) == {*STEPS, LAST}


def test_a_known_caller_is_not_asked_for_the_account():
    """The number they call from says enough."""
    turn = opening({"languages": "en", "known": "yes"})
    assert walk(turn, Heard(key="2")) == ["consent", "problem"]


def test_an_account_number_is_read_back_until_it_is_right():
    """Keyed again, it is read back again; the third time it is kept unconfirmed."""
    turn = Turn(step="account", answers={})
    for number in ("11", "22", "33"):
        turn = advance(turn, Heard(key=number, digits=number))
        assert (turn.step, turn.answers["account"], turn.understood) == ("account_check", number, True)
    right = advance(turn, Heard(key="1", digits="1"))
    assert (right.step, right.answers["account_confirmed"]) == ("problem", "yes")
    other = advance(turn, Heard(key="44", digits="44"))
    assert (other.step, other.answers["account"], other.answers["account_confirmed"]) == ("problem", "44", "no")


@pytest.mark.parametrize("heard", [Heard(digits=""), Heard(key="2", speech="no")])
def test_an_account_number_that_is_not_at_hand_is_left_out(heard: Heard):
    """The hash key alone, or a spoken no."""
    assert advance(Turn(step="account", answers={}), heard).step == "problem"


def test_a_number_that_was_never_understood_may_be_spoken():
    """Three misses lead to a recording where one is allowed, and to the reference where not."""
    for consent, end in (("yes", "record"), ("no", LAST)):
        turn = Turn(step="phone", answers={"consent": consent, "down": "yes"})
        assert walk(turn, Heard(), Heard(key="1"), Heard())[-1] == end
    recorded = {"consent": "yes", "down": "no", "recording": "RE" + "0" * 32}
    assert walk(Turn(step="phone", answers=recorded), Heard(), Heard(), Heard())[-1] == LAST


def test_silence_about_the_problem_is_recorded_only_with_consent():
    """Without it the question is asked again, and then left."""
    asked = walk(Turn(step="problem", answers={"consent": "no"}), Heard(), Heard(), Heard())
    assert asked == ["problem", "problem", "problem", "down"]
    assert walk(Turn(step="problem", answers={"consent": "yes"}), Heard()) == ["problem", "record"]


def test_an_answer_to_a_finished_call_changes_nothing():
    """The reference is the end."""
    end = Turn(step=LAST, answers={"phone": NUMBER})
    assert advance(end, Heard(key="1", digits="1")) == end


def test_steps_are_named_as_addresses_and_events_can_hold_them():
    """A step's name stands in a URL."""
    assert all(re.fullmatch(r"[a-z_]+", step) for step in (*STEPS, LAST))
