"""Figures of suggestions, and in what one classifier is worse than another."""

import pytest

from triage import policy
from triage.classifier import PRIORITY, TYPE
from triage.desk.scoring import measured, scored, told, worse

PACKS = policy.load_packs()


def request(name, truth, guess, sure=0.8):
    """One decided priority of a policy, and what was suggested for it."""
    shares = {guess: sure, "other": 1 - sure}
    return scored(
        name, {TYPE: None, PRIORITY: truth}, {TYPE: ("incident", {"incident": 1.0}), PRIORITY: (guess, shares)}
    )


def figures(*requests):
    """The figures of all of them."""
    return measured([one for each in requests for one in each], PACKS)


def test_only_what_was_decided_and_suggested_is_measured():
    """An undecided label, and one for which nothing was suggested, say nothing."""
    assert scored("wso2", {TYPE: "query", PRIORITY: None}, {TYPE: (None, None), PRIORITY: ("P1", {"P1": 1.0})}) == []
    assert len(request("wso2", "P1", "P1")) == 1


def test_each_policy_s_top_level_is_its_own():
    """P1 of WSO2 and 1 of Parallels: recall is told for each, and for nobody who had none."""
    found = figures(
        request("wso2", "P1", "P1"),
        request("wso2", "P1", "P3"),
        request("parallels", "1", "1"),
        request("oro", PACKS["oro"].levels[1].value, PACKS["oro"].levels[1].value),
    )["policies"]
    assert (found["wso2"]["priority"]["top_n"], found["wso2"]["priority"]["top_recall"]) == (2, 0.5)
    assert found["parallels"]["priority"]["top_recall"] == 1
    assert (found["oro"]["priority"]["top_n"], found["oro"]["priority"]["top_recall"]) == (0, None)


def test_what_was_suggested_counts_not_what_was_likeliest():
    """A level that costs least to be wrong with may be suggested with the smaller share."""
    (one,) = scored(
        "wso2", {TYPE: None, PRIORITY: "P1"}, {TYPE: (None, None), PRIORITY: ("P1", {"P1": 0.4, "P2": 0.6})}
    )
    assert measured([one], PACKS)["accuracy"] == 1


def test_means_are_weighted_by_how_many_there_are():
    """Three of one policy and one of another."""
    found = figures(*(request("wso2", "P1", "P1") for _ in range(3)), request("parallels", "1", "2"))
    assert (found["n"], found["accuracy"]) == (4, 0.75)
    assert "accuracy 0.750" in told(found)
    assert measured([], PACKS)["n"] == 0


def test_losing_one_outage_is_worse_however_much_else_is_won():
    """Accuracy rises, and a top priority is missed."""
    before = figures(*(request("wso2", "P3", "P2") for _ in range(8)), *(request("wso2", "P1", "P1") for _ in range(3)))
    after = figures(
        *(request("wso2", "P3", "P3") for _ in range(8)),
        *(request("wso2", "P1", "P1") for _ in range(2)),
        request("wso2", "P1", "P3"),
    )
    assert after["accuracy"] > before["accuracy"]
    assert [reason for reason in worse(after, before) if "top-priority recall 0.667" in reason]
    assert not [reason for reason in worse(before, after) if "top-priority" in reason]


def test_on_other_requests_a_standard_error_of_recall_is_let_pass():
    """Of measurements that were made on different requests; where the number is not known, nothing is."""
    before, after = ({"priority": {"top_n": 12, "top_recall": recall}} for recall in (0.9, 0.82))
    means = {"accuracy": 0.8, "macro_f1": 0.8, "ece": 0.1}
    running, candidate = means | {"policies": {"wso2": before}}, means | {"policies": {"wso2": after}}
    assert worse(candidate, running, same=False) == []
    assert len(worse(candidate, running)) == 1
    before["priority"]["top_n"] = 0
    assert len(worse(candidate, running, same=False)) == 1


def test_overconfidence_is_worse():
    """The same guesses, surer than they are right."""
    honest = figures(*(request("wso2", "P3", "P3", 0.75) for _ in range(3)), request("wso2", "P2", "P3", 0.75))
    boastful = figures(*(request("wso2", "P3", "P3", 0.99) for _ in range(3)), request("wso2", "P2", "P3", 0.99))
    assert honest["ece"] == pytest.approx(0, abs=1e-9)
    (reason,) = worse(boastful, honest)
    assert reason.startswith("calibration error 0.240")
    assert worse(honest, boastful) == []


def test_figures_without_a_recall_are_compared_in_what_they_have():
    """Cross-validated ones of an earlier version know no top priority."""
    bare = {"accuracy": 0.8, "macro_f1": 0.8, "ece": 0.1, "policies": {"wso2": {"priority": {"n": 3}}}}
    assert worse(bare, bare) == []
