"""One label of a table: what the commands `classifier train` and `classifier evaluate` stand on."""

import json
import random

import pytest

from models.errors import Invalid
from triage import classifier, figures, training

ROWS = [
    {"id": f"{kind}-{number}", "subject": f"{word} {number}", "body": f"It is about {word} again.", "type": kind}
    for number in range(8)
    for kind, word in (("hardware", "printer"), ("access", "password"), ("storage", "disk"))
]


@pytest.fixture(scope="module")
def learnt():
    """An artefact of the label `type` of the small table."""
    return training.train_label(ROWS, "type")


def test_a_label_is_learnt_and_ranked(learnt):
    """A trained label ranks new texts with probabilities under no policy."""
    ranked = classifier.load(learnt.content, learnt.digest).rank(
        training.ANY_POLICY, "Printer", "The printer again", ()
    )
    assert ranked.type is not None
    assert max(ranked.type, key=lambda name: ranked.type[name]) == "hardware"
    assert ranked.priority is None


def test_the_same_table_gives_the_same_artefact(learnt):
    """Training twice on the same rows gives the same digest."""
    assert training.train_label(ROWS, "type").digest == learnt.digest


def test_rows_without_the_label_are_left_out(learnt):
    """An empty label teaches nothing and changes nothing."""
    assert training.train_label([*ROWS, {"subject": "x", "body": "y", "type": ""}], "type").digest == learnt.digest


def test_evaluating_gives_every_figure(learnt):
    """The figures of the contract are all there, and are JSON."""
    found = training.evaluate_label(classifier.load(learnt.content, learnt.digest), ROWS, "type")
    assert set(found) == {
        "n",
        "accuracy",
        "macro_f1",
        "per_class",
        "quadratic_weighted_kappa",
        "expected_calibration_error",
        "coverage_at_accuracy",
        "top_priority",
        "top_priority_recall_at_precision",
        "conformal",
        "declines",
        "items_per_second",
    }
    assert found["accuracy"] == 1
    assert found["quadratic_weighted_kappa"] is None
    assert found["declines"] is None
    assert found["conformal"]["coverage"] >= 0.9
    assert 1 <= found["conformal"]["size"] <= 3
    assert json.loads(json.dumps(found)) == found


def test_a_label_that_was_not_learnt_is_told(learnt):
    """Asking for another label than the learnt one is a clear refusal."""
    rows = [{"subject": "a", "body": "b", "priority": "high"}]
    with pytest.raises(Invalid, match="priority"):
        training.evaluate_label(classifier.load(learnt.content, learnt.digest), rows, "priority")


def test_a_table_nothing_can_be_learnt_from_is_declined():
    """Labels drawn by lot: the figures say why nobody should trust this classifier."""
    lot = random.Random(1)  # noqa: S311 - a fixed one
    rows = [{**row, "subject": "", "type": lot.choice(["hardware", "hardware", "access"])} for row in ROWS * 10]
    drawn = training.train_label(rows, "type")
    found = training.evaluate_label(classifier.load(drawn.content, drawn.digest), rows, "type")
    assert "always saying 'hardware'" in found["declines"]


def test_severities_have_an_order():
    """Known severities are ordered whatever their case; other classes have no order."""
    assert figures.severities({"minor", "Blocker", "major"}) == ["Blocker", "major", "minor"]
    assert figures.severities({"S4", "S2"}) == ["S2", "S4"]
    assert figures.severities({"hardware", "access"}) == []


@pytest.mark.parametrize(
    ("classes", "guess", "top"),
    [(("P1", "P2", "P3"), "P2", "P1"), (("major", "minor", "trivial"), "minor", "major"), (("a", "b", "c"), "c", None)],
)
def test_a_guess_is_the_fewest_levels_off_where_classes_are_severities(classes, guess: str, top: str | None):
    """Between the most severe and the mildest lies the cheapest; others are guessed by the likeliest."""
    shares = dict(zip(classes, (0.35, 0.25, 0.4), strict=True))
    found = training.report([guess, guess], [shares, shares])
    assert (found["accuracy"], found["top_priority"]) == (1.0, top)


TRUTH = ["a", "a", "b", "b"]
SHARES = [{"a": 0.9, "b": 0.1}, {"a": 0.4, "b": 0.6}, {"a": 0.3, "b": 0.7}, {"a": 0.2, "b": 0.8}]


def test_figures_by_hand():
    """Each figure is what one gets with pencil and paper."""
    guessed = ["a", "b", "b", "b"]
    assert figures.accuracy(TRUTH, guessed) == 0.75
    assert figures.by_class(TRUTH, guessed)["b"] == {
        "precision": pytest.approx(2 / 3),
        "recall": 1,
        "f1": pytest.approx(0.8),
        "n": 2,
    }
    assert figures.macro_f1(TRUTH, guessed) == pytest.approx((2 / 3 + 0.8) / 2)
    assert figures.kappa(TRUTH, guessed, ["a", "b"]) == pytest.approx(0.5)
    assert figures.calibration_error(TRUTH, SHARES) == pytest.approx((0.1 + 0.6 + 0.3 + 0.2) / 4)
    assert figures.coverage(TRUTH, SHARES, 0.75) == 1
    assert figures.coverage(TRUTH, SHARES, 0.9) == 0.75
    assert figures.recall_at(TRUTH, SHARES, "a", 0.5) == 1
    assert figures.recall_at(["b", "b"], [{"a": 1.0}, {"a": 1.0}], "a", 0.5) == 0


def test_figures_of_nothing_are_zero():
    """Nothing to judge is no division by zero."""
    assert figures.accuracy([], []) == figures.macro_f1([], []) == figures.calibration_error([], []) == 0
    assert figures.kappa([], [], []) == figures.coverage([], [], 0.9) == 0
