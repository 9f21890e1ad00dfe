"""How the console says things: percentages, durations, marked and folded text."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import wording
from console.shown import shown

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
