"""Figures laid out for readers: by policy, side by side, week by week."""

from datetime import UTC, datetime, timedelta

import pytest

from console import classifier_figures as figures
from console.classifier_figures import WEEK, Week
from triage.policy import load_packs

PACKS = load_packs()
START = datetime(2026, 9, 1, tzinfo=UTC)


def measured(top=None, top_n=0, right=0.8, packs=("wso2", "oro")):
    """Figures of two policies, the second on fewer requests."""
    found = {}
    for place, pack in enumerate(packs):
        label = {"n": 40 - 30 * place, "accuracy": right + 0.1 * place, "macro_f1": 0.7, "ece": 0.04}
        found[pack] = {"type": label, "priority": label | {"top_recall": top, "top_n": top_n}}
    return {"n": 50, "accuracy": right, "macro_f1": 0.7, "ece": 0.04, "policies": found}


def weeks(*counts):
    """Weeks with so many confirmed of so many."""
    return [Week(since=START + place * WEEK, confirmed=hits, of=of) for place, (hits, of) in enumerate(counts)]


def test_policies_that_are_not_installed_are_left_out():
    """A policy's line bears its name; figures of one nobody knows any more are not shown."""
    lines = figures.by_policy(measured(packs=("gone", "wso2")), PACKS)
    assert [(one.policy, one.n, one.top) for one in lines] == [(PACKS["wso2"].name, 10, None)]
    assert figures.by_policy(None, PACKS) == figures.by_policy({}, PACKS) == []


def test_the_whole_is_weighted_by_what_it_was_measured_on():
    """Forty requests at 80 % and ten at 90 % are 82 %; top priorities count by how many there were."""
    lines = figures.by_policy(measured(top=0.5, top_n=4), PACKS)
    share, number = figures.whole(lines, "priority")
    assert (round(share, 6), number) == (0.82, 50)
    assert figures.whole(lines, "top") == (0.5, 8)
    assert figures.whole([], "type") == (None, 0)


def test_less_calibration_error_is_better():
    """Each figure says who is better, and a top priority only where both were measured."""
    before, after = measured(top=0.9, top_n=10), measured(top=0.8, top_n=10, right=0.85)
    after |= {"ece": 0.02, "macro_f1": 0.7001}
    pairs = {one.name: one.verdict for one in figures.side_by_side(before, after, PACKS)}
    assert pairs == {
        "Accuracy": "better",
        "Macro-F1": "same",
        "Calibration error": "better",
        f"Top priority seen, {PACKS['wso2'].name}": "worse",
        f"Top priority seen, {PACKS['oro'].name}": "worse",
    }
    assert len(figures.side_by_side(before, measured(), PACKS)) == 3


def test_a_week_says_what_chance_allows():
    """The interval holds the share, is narrower with more decisions, and is everything where there is none."""
    few, many, none = weeks((8, 10), (80, 100), (0, 0))
    for one in (few, many):
        assert 0 < one.low < one.share < one.high < 1
    assert many.high - many.low < few.high - few.low
    assert (none.share, none.low, none.high) == (None, 0.0, 1.0)
    assert [one.is_enough for one in (few, many, none)] == [False, True, False]


def test_a_week_without_decisions_is_a_gap():
    """Weeks in a row share a line and a band; a week alone has a band and no line; few decisions a dot of its own."""
    drawing = figures.drawn(weeks((20, 25), (24, 25), (0, 0), (3, 5)), [])
    assert drawing.width == 80
    assert len(drawing.bands) == 2
    assert drawing.lines == ("M10.0 20.0 30.0 4.0",)
    assert drawing.sure == "M10.0 20.0h.01M30.0 4.0h.01"
    assert drawing.unsure == "M70.0 40.0h.01"
    assert all(band.startswith("M") and band.endswith("z") for band in drawing.bands)


@pytest.mark.parametrize(("days", "path"), [(-1, ""), (0, "M0 0v100"), (7, "M20 0v100"), (29, "")])
def test_changes_outside_of_the_picture_are_left_out(days, path):
    """An artefact put in force before the first or after the last week has no line."""
    assert figures.drawn(weeks(*[(1, 2)] * 4), [START + timedelta(days=days)]).changes == path


def test_measures_are_named_for_people():
    """A measure of a policy names it; one that nobody named is made readable."""
    assert figures.measure_name("types:wso2", PACKS) == f"Types, {PACKS['wso2'].name}"
    assert figures.measure_name("types:gone", PACKS) == "Types, gone"
    assert figures.measure_name("input_words", PACKS) == "Words"
    assert figures.measure_name("something_new", PACKS) == "Something new"


def test_measures_worth_a_look_come_first():
    """Then those that are as before, then those with too little to say."""
    given = [
        {"name": name, "drifted": state, "value": None} for name, state in (("a", None), ("b", False), ("c", True))
    ]
    assert [one["name"] for one in figures.looked_at(given)] == ["c", "b", "a"]
    assert [figures.measure_state(one)[1] for one in given] == ["too few to say", "as before", "worth a look"]
    assert figures.measure_state({"drifted": None, "value": 0.8})[1] == "nothing to compare with"
