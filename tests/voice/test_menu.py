"""The menu is a table: every step is reachable, and every conversation ends."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice import menu, twiml
from voice.menu import (
    CONNECT,
    LAST,
    MOMENT,
    MOST_ASIDES,
    MOST_ASIDES_IN_ALL,
    MOST_MISSES,
    MOST_RENEWED,
    STEPS,
    Heard,
    Turn,
    advance,
    went_on,
)

NUMBER = "+493055500200"
HEARD = st.builds(
    Heard,
    key=st.sampled_from(["", "0", "1", "2", "3", "9", "*", "4711"]),
    digits=st.sampled_from([None, "", "1", "2", "3", "4711", "0" * 30]),
    number=st.sampled_from(["", NUMBER]),
    speech=st.sampled_from(["", "orders fail"]),
    meant=st.sampled_from(["", "yes", "no", "unsure", "record", "lacking"]),
    outage=st.sampled_from(["", "yes", "no", "unsure"]),
    is_unclear=st.booleans(),
    recording=st.sampled_from(["", "RE" + "0" * 32]),
)
BEGINNINGS = st.builds(
    lambda known, caller, languages, mode: {
        "known": known,
        "languages": languages,
        "mode": mode,
        **({"consent": "no"} if mode == "never" else {}),
        **({"caller": NUMBER} if caller else {}),
    },
    st.sampled_from(["yes", "no"]),
    st.booleans(),
    st.sampled_from(["en", "en,de,fr,es"]),
    st.sampled_from(["ask", "announce", "never"]),
)
DESKS = st.fixed_dictionaries(
    {}, optional={"duty": st.sampled_from(["yes", "no"]), "open": st.just("a request"), "awaits": st.just("yes")}
)
"""What the desk says to every step."""
ENOUGH = [Heard()] * (len(STEPS) * (MOST_MISSES + 1))


def opening(answers) -> Turn:
    """Where a call begins."""
    return Turn(step=menu.opening(answers), answers=answers)


def after(turn: Turn, heard: Heard, says) -> Turn:
    """The next turn at a desk that says the same to every step; whoever rings in vain goes on."""
    if turn.step == CONNECT:
        return went_on(turn, "nobody")

    def tell(step, answers):
        joined = {"joined": "a request"} if step == "open" and answers.get("wants") in {"people", "note"} else {}
        return {**answers, **says, **joined}

    return advance(turn, heard, tell)


def walk(turn: Turn, *heard: Heard) -> list[str]:
    """The steps asked."""
    steps = [turn.step]
    for each in heard:
        turn = advance(turn, each)
        steps.append(turn.step)
    return steps


@given(BEGINNINGS, DESKS, st.lists(HEARD, max_size=60))
def test_every_conversation_ends_and_asks_nothing_twice(answers, says, heard):
    """Whatever the caller does, there is an end, and a step with its try comes once: it names the turn."""
    turn, seen = opening(answers), set()
    for each in [*heard, *ENOUGH]:
        if turn.step == LAST:
            break
        assert turn.step in STEPS
        assert turn.misses < MOST_MISSES
        assert turn.step == CONNECT or (turn.step, turn.attempt) not in seen
        seen.add((turn.step, turn.attempt))
        turn = after(turn, each, says)
    assert turn.step == LAST


@given(BEGINNINGS, DESKS, st.lists(HEARD, max_size=60))
def test_nothing_is_recorded_without_consent(answers, says, heard):
    """Only a caller who agreed ever reaches a recording."""
    turn = opening(answers)
    for each in heard:
        turn = after(turn, each, says)
        assert not twiml.is_recorded(turn) or turn.answers["consent"] == "yes"
        assert turn.step not in {"record", "record_number"} or twiml.is_recorded(turn)
        assert answers["mode"] != "never" or not twiml.is_recorded(turn)


@given(BEGINNINGS, DESKS, st.lists(HEARD, max_size=60))
def test_a_confirmed_number_was_said_or_is_the_callers(answers, says, heard):
    """Nobody confirms a number that there is none of."""
    turn = opening(answers)
    for each in heard:
        turn = after(turn, each, says)
        if turn.answers.get("phone_confirmed") == "yes":
            assert turn.answers["phone"] == NUMBER


@pytest.mark.parametrize("step", sorted(STEPS.keys() - {CONNECT}))
def test_zero_asks_for_a_person_and_star_repeats_at_every_step(step: str):
    """Neither is a miss; without a person the conversation goes on where it was, as another turn."""
    turn = Turn(step=step, misses=1, answers={"consent": "yes", "languages": "en,de"})
    for heard in (Heard(key="0", digits="0"), Heard(key="0", digits="0", speech="zero")):
        asked = advance(turn, heard)
        assert (asked.step, asked.misses, asked.answers["resume"]) == (CONNECT, 1, step)
        back = went_on(asked, "")
        assert (back.step, back.misses, back.opens_with) == (step, 1, "nobody_now")
        assert back.attempt == turn.attempt + 1
        assert "resume" not in back.answers
        assert went_on(asked, "yes").step == LAST
    repeated = advance(turn, Heard(key="*"))
    assert (repeated.step, repeated.misses, repeated.opens_with) == (step, 1, "")
    assert repeated.attempt == turn.attempt + 1


def test_what_was_recorded_before_zero_is_kept():
    """The step is answered: without a person the conversation goes on after it."""
    turn = Turn(step="record", answers={"consent": "yes"})
    asked = advance(turn, Heard(key="0", digits="0", recording="RE" + "0" * 32))
    assert (asked.step, asked.answers["recording"]) == (CONNECT, "RE" + "0" * 32)
    assert went_on(asked, "nobody").step == "down"


@pytest.mark.parametrize("key", ["*", "0"])
def test_asking_for_a_person_for_ever_is_missing_the_question(key: str):
    """There are three asides at a step; then zero and star are answers that were not understood."""
    turn, attempts = Turn(step="down", misses=1, answers={}), set()
    for _ in range(MOST_ASIDES):
        attempts.add(turn.attempt)
        turn = advance(turn, Heard(key=key))
        turn = went_on(turn, "") if turn.step == CONNECT else turn
        assert (turn.step, turn.misses) == ("down", 1)
    assert advance(turn, Heard(key=key)).misses == MOST_MISSES - 1
    left = advance(advance(turn, Heard(key=key)), Heard())
    assert (left.step, left.answers["down"]) == ("phone", "unknown")
    assert advance(left, Heard(key="*")).misses == 0
    assert turn.attempt not in attempts


def test_zero_everywhere_comes_to_the_reference_soon():
    """Six asides in a whole call; then zero and star are not understood, not even as the number of an account."""
    turn, asked = Turn(step="consent", answers={"mode": "ask"}), 0
    steps = []
    while turn.step != LAST:
        turn = advance(turn, Heard(key="0", digits="0", speech=""))
        turn = went_on(turn, "") if turn.step == CONNECT else turn
        steps.append(turn.step)
        asked += 1
    assert asked == MOST_ASIDES_IN_ALL + MOST_MISSES * 5
    assert "account_check" not in steps
    spent = Turn(step="account", answers={"asides_in_all": str(MOST_ASIDES_IN_ALL)})
    for key in ("0", "*"):
        assert advance(spent, Heard(key=key, digits="0")).misses == 1


def test_zero_rings_whoever_is_there_however_often_it_was_pressed():
    """As long as they were not rung before; star is no reason to ring."""
    spent = Turn(step="down", answers={"asides_in_all": str(MOST_ASIDES_IN_ALL)})
    assert advance(spent, Heard(key="0"), is_somebody_there=lambda: True).step == CONNECT
    assert advance(spent, Heard(key="*"), is_somebody_there=lambda: True).misses == 1
    recorded = advance(replace(spent, step="record"), Heard(key="0", recording="RE" + "0" * 32))
    assert (recorded.step, recorded.answers["recording"]) == ("down", "RE" + "0" * 32)


def test_a_number_that_may_not_be_rung_is_a_miss_that_says_so():
    """At the steps that ask for one; elsewhere the same digits are something else."""
    barred = Heard(key="09001123456", digits="09001123456", is_barred=True)
    for step in ("phone", "phone_check"):
        missed = advance(Turn(step=step, answers={"phone": NUMBER, "phone_confirmed": "keyed"}), barred)
        assert (missed.step, missed.misses, missed.opens_with) == (step, 1, "barred")
    assert advance(Turn(step="account", answers={}), barred).step == "account_check"
    own = Turn(step="phone", answers={"caller": NUMBER, "barred": "yes"})
    assert advance(own, Heard(key="1", digits="1")).misses == 1


def test_whoever_says_nothing_against_an_announced_recording_agrees():
    """Silence agrees, 2 refuses; where it is asked for, silence is no answer."""
    announced = Turn(step="consent", answers={"mode": "announce", "known": "yes"})
    assert advance(announced, Heard()).answers["consent"] == "yes"
    assert advance(announced, Heard(digits="")).answers["consent"] == "yes"
    assert advance(announced, Heard(key="2", digits="2")).answers["consent"] == "no"
    assert advance(announced, Heard(speech="what?")).misses == 1
    assert advance(announced, Heard(key="1", speech="yes", is_unclear=True)).misses == 1
    assert advance(replace(announced, answers={"mode": "ask"}), Heard()).misses == 1


def test_words_heard_badly_keep_nobody_from_help():
    """A no stops the ringing only if it is clear, a yes to a recording counts only if it is; after three, unknown."""
    no = Heard(key="2", speech="no", meant="no", outage="no", is_unclear=True)
    turn = Turn(step="down", answers={})
    for misses in range(1, MOST_MISSES):
        turn = advance(turn, no)
        assert (turn.step, turn.misses, turn.opens_with) == ("down", misses, "missed")
    assert advance(turn, no).answers["down"] == "unknown"
    assert advance(turn, replace(no, is_unclear=False)).answers["down"] == "no"
    assert advance(turn, replace(no, key="1", outage="yes")).answers["down"] == "yes"
    consent = Turn(step="consent", answers={"mode": "ask"})
    assert advance(consent, no).answers["consent"] == "no"
    assert advance(consent, replace(no, key="1")).misses == 1


def test_not_to_know_whether_production_is_down_is_an_answer():
    """The conversation goes on at once; what was suggested decides then."""
    after = advance(Turn(step="down", answers={}), Heard(speech="no idea", meant="unsure", outage="unsure"))
    assert (after.step, after.answers["down"]) == ("phone", "unknown")


def test_a_recording_may_be_asked_for_in_words():
    """Like the key; where none is allowed the question is asked again, and the words are no problem."""
    asked = Heard(speech="leave a recording", meant="record")
    assert advance(Turn(step="problem", answers={"consent": "yes"}), asked).step == "record"
    refused = advance(Turn(step="problem", answers={"consent": "no"}), asked)
    assert (refused.step, refused.misses) == ("problem", 1)
    assert "problem" not in refused.answers
    for nothing in (asked, Heard(speech="no", key="2", meant="no", is_nothing=True)):
        left = advance(Turn(step="note", answers={"consent": "no"}), nothing)
        assert (left.step, "note" in left.answers) == (LAST, False)


def test_somebody_is_rung_once_a_problem_cannot_be_understood():
    """Three misses without consent lead to a person on duty, and on to the next question where there is none."""
    for duty, step in (("yes", CONNECT), ("no", "down")):
        turn = Turn(step="problem", answers={"consent": "no"})
        for _ in range(MOST_MISSES):
            turn = advance(turn, Heard(), lambda _step, answers, duty=duty: {**answers, "duty": duty})
        assert turn.step == step
    for reached in ("nobody", ""):
        back = went_on(Turn(step=CONNECT, answers={"duty": "yes"}), reached)
        assert (back.step, back.opens_with) == ("down", "nobody_now")
    assert not went_on(Turn(step=CONNECT, answers={"down": "yes"}), "nobody").opens_with


def test_every_step_is_reachable():
    """No question is dead."""
    turn = opening({"languages": "en,de", "known": "no"})
    yes, silence, two = Heard(key="1", digits="1"), Heard(), Heard(key="2", digits="2")
    keyed = Heard(key="4711", digits="4711", number=NUMBER)
    seen = set(walk(turn, yes, yes, keyed, yes, silence, silence, yes, keyed, yes))
    seen |= set(walk(Turn(step="phone", answers={"consent": "yes"}), silence, silence, silence, silence))
    awaited = {"phone": NUMBER, "phone_confirmed": "keyed", "awaits": "yes"}
    seen |= set(walk(Turn(step="phone_check", answers=awaited), yes, silence, silence, silence))
    seen |= set(walk(Turn(step="account", answers={"open": "a request"}), silence, silence, silence, two, silence))
    assert seen | {advance(turn, Heard(key="0")).step} == {*STEPS, LAST}


def test_whoever_wants_the_people_of_a_request_and_gets_none_may_leave_a_note():
    """They hear why; who only wanted to leave one has done so, and whoever talked to somebody needs none."""
    joined = {"joined": "a request", "wants": "people", "languages": "en"}
    for reached in ("nobody", ""):
        back = went_on(Turn(step=CONNECT, answers=joined), reached)
        assert (back.step, back.opens_with) == ("note", "nobody_now")
        assert advance(back, Heard(speech="Madrid as well")).step == LAST
    assert went_on(Turn(step=CONNECT, answers=joined), "yes").step == LAST
    assert went_on(Turn(step=CONNECT, answers={**joined, "wants": "note"}), "nobody").step == LAST


def test_a_known_caller_is_not_asked_for_the_account():
    """The number they call from says enough."""
    turn = opening({"languages": "en", "known": "yes"})
    assert walk(turn, Heard(key="2")) == ["consent", "problem"]


@pytest.mark.parametrize(("step", "after"), [("account", "problem"), ("phone", LAST)])
def test_another_number_is_read_back_whenever_it_comes(step: str, after: str):
    """At the third try as at the first, three times; more of them count as misses."""
    turn = Turn(step=step, answers={"consent": "no"})
    turn = advance(turn, keyed_number(0))
    for number in range(1, MOST_RENEWED + 1):
        for _ in range(MOST_MISSES - 1):
            turn = advance(turn, Heard(key="9", speech="pardon"))
        assert turn.misses == MOST_MISSES - 1
        turn = advance(turn, keyed_number(number))
        assert (turn.step, turn.misses, turn.opens_with) == (f"{step}_check", 0, "")
        assert turn.answers[step] == (NUMBERS[number] if step == "phone" else str(100 + number))
    right = advance(turn, Heard(key="1", digits="1"))
    assert (right.step, right.answers[f"{step}_confirmed"]) == (after, "yes")
    for number in range(MOST_MISSES):
        turn = advance(turn, keyed_number(number))
    assert (turn.step, turn.answers[f"{step}_confirmed"]) == (after, "no")
    assert not turn.answers.keys() & {"asides", "renewed", "silent"}


NUMBERS = [f"+4930555002{number:02d}" for number in range(MOST_RENEWED + 1)]


def keyed_number(number: int) -> Heard:
    """A number of an account, and one of a telephone."""
    return Heard(key=str(100 + number), digits=str(100 + number), number=NUMBERS[number])


@pytest.mark.parametrize("step", ["account_check", "phone_check"])
def test_a_number_that_is_wrong_is_asked_for_again(step: str):
    """It was understood, so nobody is told that it was not; and it counts, so that it ends."""
    answers = {"account": "4711"} if step == "account_check" else {"phone": NUMBER, "phone_confirmed": "keyed"}
    turn = advance(Turn(step=step, answers=answers), Heard(key="2", meant="no", speech="that's wrong"))
    assert (turn.step, turn.misses, turn.opens_with) == (step, 1, "")


@pytest.mark.parametrize("heard", [Heard(), Heard(speech="")])
def test_silence_twice_in_a_row_says_that_no_account_number_is_at_hand(heard: Heard):
    """Some telephones send nothing for the hash key alone; words between, or a repetition, begin it anew."""
    first = advance(Turn(step="account", answers={}), heard)
    assert (first.step, first.opens_with) == ("account", "missed")
    assert advance(first, heard).step == "problem"
    repeated = advance(first, Heard(key="*"))
    assert (advance(repeated, heard).step, advance(repeated, heard).misses) == ("account", 2)
    assert "silent" not in advance(first, Heard(speech="hello?")).answers


@pytest.mark.parametrize(
    "heard", [Heard(digits=""), Heard(key="2", speech="no"), Heard(meant="lacking"), Heard(meant="unsure")]
)
def test_an_account_number_that_is_not_at_hand_is_left_out(heard: Heard):
    """The hash key alone, or a spoken no."""
    assert advance(Turn(step="account", answers={}), heard).step == "problem"


def test_a_number_that_was_never_understood_may_be_spoken():
    """Three misses lead to a recording where one is allowed, and to the reference where not."""
    for answers, end in (
        ({"consent": "yes"}, "record_number"),
        ({"consent": "yes", "recording": "RE" + "0" * 32}, "record_number"),
        ({"consent": "no"}, LAST),
        ({"consent": "no", "duty": "yes"}, CONNECT),
    ):
        turn = Turn(step="phone", answers={"down": "yes", **answers})
        assert walk(turn, Heard(), Heard(key="1"), Heard())[-1] == end


def test_a_suggestion_is_waited_for_and_not_for_ever():
    """Until it is there, three times at most; then whatever is known decides, and nobody is told of a mistake."""
    for duty, end in (("yes", CONNECT), ("no", LAST)):
        turn = advance(Turn(step="phone", answers={"caller": NUMBER, "awaits": "yes", "duty": duty}), Heard(key="1"))
        assert (turn.step, turn.misses) == (MOMENT, 0)
        there = replace(turn, answers={name: each for name, each in turn.answers.items() if name != "awaits"})
        assert advance(there, Heard()).step == end
        assert walk(turn, *[Heard()] * MOST_MISSES) == [*[MOMENT] * MOST_MISSES, end]


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
