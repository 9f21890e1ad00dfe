"""How the console says things: percentages, durations, marked and folded text."""

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from console import history, timing, wording
from console.shown import shown
from models.tables.requests import ClockEvent
from triage.clock import Clock, State
from triage.policy import load_packs
from triage.suggest import UNKNOWN
from triage.targets import Kind, Promise

TEXTS = st.text(max_size=200)


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "0 %"), (0.001, "< 1 %"), (0.126, "13 %"), (0.83, "83 %"), (0.999, "> 99 %"), (1.0, "100 %"), (None, "–")],
)
def test_percentages_claim_no_certainty(share, words):
    """What is merely close to 0 or 1 is not written as 0 % or 100 %."""
    assert wording.percent(share) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 min"), (59, "0 min"), (3599, "59 min"), (3600, "1 h 00"), (11_100, "3 h 05"), (187_200, "2 d 4 h")],
)
def test_waiting_times(now, seconds, words):
    """Minutes, then hours with minutes, then days with hours."""
    assert wording.elapsed(now - timedelta(seconds=seconds), now) == words


def test_a_clock_ahead_of_ours_shows_no_negative_wait(now):
    """A start a little in the future reads as just now."""
    assert wording.elapsed(now + timedelta(seconds=30), now) == "0 min"


@given(TEXTS, st.lists(st.tuples(TEXTS, st.floats(-2, 2))), st.lists(TEXTS))
def test_marking_loses_no_character(text, words, evidence):
    """Whatever is marked, the pieces put together are the text."""
    content = {
        "words": [{"text": word, "weight": weight} for word, weight in words],
        "facts": {str(index): {"evidence": found} for index, found in enumerate(evidence)},
    }
    assert "".join(piece.text for piece in wording.marked(text, content)) == text


def test_marking_prefers_the_longer_words_and_whole_words():
    """“does not start” is one mark, and “art” does not light up inside “start”."""
    content = {
        "words": [{"text": "does not start", "weight": 1}, {"text": "start", "weight": 1}, {"text": "art", "weight": 1}]
    }
    pieces = wording.marked("It Does not start; restart", content)
    assert [(piece.text, piece.kind) for piece in pieces] == [
        ("It ", ""),
        ("Does not start", "for"),
        ("; restart", ""),
    ]


@given(TEXTS, TEXTS, TEXTS)
@example(before="00", new="0", after="")
def test_folding_loses_no_word(before, new, after):
    """Every word of the whole text is in the new text or under the fold."""
    text = f"{before}\n{new}\n{after}"
    kept = set(new.split()) | set(wording.folded(text, new).split())
    assert set(text.split()) <= kept


@pytest.mark.parametrize(
    ("text", "new", "rest"),
    [
        ("Hello\n\n> old", "Hello", "> old"),
        ("Hello", "Hello", ""),
        ("Hello  there", "Hello there", ""),
        ("> old", "", "> old"),
        ("", "", ""),
        ("quite different", "Hello", "quite different"),
    ],
)
def test_folding(text, new, rest):
    """What was newly written is shown, everything else folded, nothing twice."""
    assert wording.folded(text, new) == rest


def test_a_suggestion_of_rules_alone_says_so(suggested):
    """Without a classifier the page does not claim that one agreed."""
    content = suggested()
    content["priority"]["model"] = None
    assert "rules alone" in shown(content, None).agreement


def test_a_level_that_is_not_the_likeliest_says_why(suggested):
    """Of close levels the more severe one is suggested, and the page says so; where it is the likeliest it does not."""
    content = suggested("P2")
    likeliest = {"P1": 0.1, "P2": 0.4, "P3": 0.45, "P4": 0.05}
    content["priority"] |= {"value": "P2", "model": "P2", "all": likeliest}
    assert "is likelier, but too low costs more" in shown(content, None).agreement
    content["priority"]["all"] = {"P1": 0.1, "P2": 0.8, "P3": 0.1}
    assert "likelier" not in shown(content, None).agreement


def test_a_suggestion_under_an_unknown_policy_is_still_shown(suggested):
    """Labels fall back to the stored ones where the policy is gone."""
    made = shown(suggested(), None)
    assert made.priority_label == "P2 High"
    assert made.severity is None
    assert [bar.label for bar in made.level_bars] == ["P2", "P1", "P3"]


def test_what_would_change_it_is_one_line_for_one_outcome(suggested):
    """Three values of a fact that lead to the same level are one line, and an unknown fact among them is a chip."""
    content = suggested()
    content["would_change"] = [{"fact": "scope", "value": value, "priority": "P3"} for value in ("few", "one", "some")]
    made = shown(content, None)
    assert made.changes == (("Scope", "few, one or some", "P3"),)
    assert [(chip.label, chip.value) for chip in made.chips][-1] == ("Scope", None)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "1 min"),
        (61, "2 min"),
        (3600, "1 h"),
        (11_100, "3 h 05"),
        (-720, "12 min"),
        (360_000, "4 d 4 h"),
        (432_000, "5 d"),
    ],
)
def test_amounts_of_time_round_up_to_a_minute(seconds, words):
    """What is left of a minute still counts as one, and an amount has no sign."""
    assert timing.amount(timedelta(seconds=seconds)) == words


def clock(state, now, minutes, **values):
    """A response clock due in so many minutes, of an hour."""
    left = timedelta(minutes=minutes)
    given = {"due": now + left, "remaining": left, "fraction": 1 - minutes / 60, **values}
    return Clock(kind=Kind.RESPONSE, promise=Promise.GUARANTEED, state=state, **given)


@pytest.mark.parametrize(
    ("state", "minutes", "more", "words", "tone"),
    [
        (State.RUNNING, 42, {}, "42 min left", "soon"),
        (State.RUNNING, 300, {}, "5 h left", "calm"),
        (State.BREACHED, -12, {}, "12 min late", "late"),
        (State.PAUSED, 30, {"due": None}, "paused, 30 min left", "still"),
        (State.NOT_APPLICABLE, 0, {"due": None, "remaining": None}, "no target", "still"),
    ],
)
def test_a_clock_is_told_in_words_and_colour(now, state, minutes, more, words, tone):
    """What the colour says the words say as well."""
    found = clock(state, now, minutes, **more)
    assert (timing.left(found, now), timing.tone(found, now)) == (words, tone)


def test_a_line_waits_for_the_clock_that_is_due_first(now):
    """Of several running clocks the first one counts; without one the reason is told."""
    found = [clock(State.RUNNING, now, 300), clock(State.RUNNING, now, 20)]
    assert timing.soonest(found, now, started=True).words == "20 min left"
    assert timing.soonest([], now, started=True).words == "no target"
    assert timing.soonest([], now, started=False).words == "no SLA"
    assert timing.soonest([clock(State.PAUSED, now, 5, due=None)], now, started=True).words == "paused"
    met = clock(State.MET, now, 5, met_at=now)
    assert timing.soonest([met], now, started=True).words == "met"


def test_calendars_are_told_as_people_write_hours():
    """Days with the same hours are told together; a lunch break stays."""
    calendars = load_packs()["witboost"].calendars
    assert any(timing.hours(one) == "Mon–Fri 09:00–13:00 and 14:00–18:00" for one in calendars.values())


def test_one_act_is_one_line_of_the_history(now):
    """Entries of one source are one moment; what only clocks need is left out."""
    shared = {"source": "step:1", "at": now, "until": None, "note": "", "made_by": "ida", "is_public": False}
    rows = [
        ClockEvent(event="status", value="in-progress", detail={"clause": "W33", "given": {"reason": "x"}}, **shared),
        ClockEvent(event="taken", value="", detail={}, **shared),
        ClockEvent(event="acted", value="ida", detail={}, **shared),
    ]
    (found,) = history.moments(rows, load_packs()["wso2"], {"ida": "Ida"})
    assert (found.who, found.words, found.clause) == ("Ida", "status In Progress · taken charge of", "W33")
    assert found.answers == (("Reason", "x"),)


@pytest.mark.parametrize(
    ("event", "values", "words"),
    [
        ("connected", {"detail": {"seconds": 71}}, "connected with the caller, 1 min 11 s after the call came in"),
        ("connected", {}, "connected with the caller"),
        (
            "caller-left",
            {"note": "took the call, but the caller had hung up"},
            "took the call, but the caller had hung up",
        ),
        ("unreached", {"note": "nobody could be reached"}, "for the caller nobody could be reached"),
        ("unreached", {}, "nobody of us could be reached for the caller"),
        ("acknowledged", {"source": "call:CA1:Priya"}, "took it on, in the call"),
        ("acknowledged", {}, "took the escalation on"),
        ("folded", {"value": "SB-7", "detail": {"child": "SB-7"}}, "SB-7 reports the same: worked on here"),
        ("folded", {"value": "SB-7", "detail": {"parent": "SB-7"}}, "the same as SB-7: worked on there"),
        ("unfolded", {"value": "SB-7", "detail": {"child": "SB-7"}}, "SB-7 stands for itself again"),
        ("unfolded", {"value": "SB-7"}, "taken out of SB-7: stands for itself again"),
        ("acted", {"source": "owed:1", "note": "a call is owed: restart"}, "a call is owed: restart"),
        ("moon-rose", {"note": "whatever"}, "moon rose"),
    ],
)
def test_what_happens_on_the_telephone_is_told_in_words(now, event, values, words):
    """Each kind of entry has its sentence, its remark told once; an unknown kind is named and harmless."""
    plain = {"source": "x:1", "value": "", "until": None, "note": "", "made_by": "", "is_public": False, "detail": {}}
    rows = [ClockEvent(event=event, at=now, **{**plain, **values})]
    (found,) = history.moments(rows, load_packs()["wso2"], {})
    assert found.words == words
    assert found.text == ("whatever" if event == "moon-rose" else "")


def test_a_chip_goes_through_every_value_and_back_to_not_known(suggested):
    """From each value of a fact the next one leads on, and the last one takes the fact back."""
    content = suggested()
    seen = []
    value = "no"
    while value != UNKNOWN:
        content["facts"]["workaround"]["value"] = value
        (chip,) = [each for each in shown(content, None).chips if each.name == "workaround"]
        seen.append(value)
        value = chip.following
    assert seen == ["no", "yes", "easy", "stable"]


def test_at_most_six_chips_have_a_number(suggested):
    """Number keys are given in the order of the chips; what the ledger alone states has none."""
    content = suggested()
    names = ["unreachable", "down", "scope", "security", "cosmetic", "question", "data_loss"]
    content["facts"] |= {name: {"value": "no", "source": "text", "evidence": None} for name in names}
    chips = shown(content, None).chips
    assert [chip.key for chip in chips if chip.key] == [1, 2, 3, 4, 5, 6]
    assert [(chip.key, chip.following) for chip in chips if chip.name == "unreachable"] == [(None, "")]


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("breached:response", "the response target was missed"),
        ("warned-75:update", "75 % of the time for update was used up"),
        ("asked", "an engineer asked for help"),
        ("moon-full", "moon full"),
    ],
)
def test_causes_of_an_escalation(cause, words):
    """Why somebody is told, in words; a cause nobody has words for is named as it is."""
    assert wording.cause(cause) == words


@pytest.mark.parametrize(
    ("text", "told"),
    [("", ""), ("+49305550137", "+49305550137"), ("4" * 40, "4" * 40), ("4" * 41, "4" * 39 + "…"), (7, "7")],
)
def test_what_is_no_number_any_more_is_cut(text, told):
    """Whatever a page has room for stands there whole."""
    assert wording.cut(text) == told
