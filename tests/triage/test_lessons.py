"""Which examples teach a policy: its own ones, and those of others that nobody judged by it."""

import pytest

from models.terms import Channel, LabelledRequest
from triage.lessons import BORROWED, lesson
from triage.policy import load_packs

PACKS = load_packs()


def said(
    policy: str, kind: str | None, level: str | None, body: str = "It is down.", weight: float = 1.0
) -> LabelledRequest:
    """A request of a policy."""
    name = f"{policy}-{kind}-{level}"
    return LabelledRequest(
        id=name, policy=policy, channel=Channel.EMAIL, subject="", body=body, type=kind, priority=level, weight=weight
    )


def test_what_another_policy_calls_the_same_is_borrowed_at_less_weight():
    """Parallels borrows WSO2's P1 as its Severity 1, after its own examples."""
    examples = [said("wso2", "incident", "P1", "theirs"), said("parallels", "incident", "1", "ours", weight=2.0)]
    found = lesson(examples, PACKS["parallels"], "priority")
    assert (found.places, found.labels, found.own) == ([1, 0], ["1", "1"], 1)
    assert found.weights == [2.0, BORROWED]
    assert lesson(examples, PACKS["parallels"], "type").labels == ["incident", "incident"]


@pytest.mark.parametrize("level", ["3", None])
def test_a_text_judged_by_the_policy_itself_is_not_borrowed_as_well(level: str | None):
    """Nor where that left the level open: others' rules do not fill what its own left out."""
    examples = [said("wso2", "incident", "P1"), said("parallels", "incident", level)]
    found = lesson(examples, PACKS["parallels"], "priority")
    assert 0 not in found.places
    assert found.labels == ([] if level is None else ["3"])


def test_another_text_of_the_same_request_is_borrowed():
    """Title and text together are what was judged."""
    examples = [said("wso2", "incident", "P1"), said("parallels", "incident", "3", body="It is slow.")]
    assert lesson(examples, PACKS["parallels"], "priority").places == [1, 0]


def test_a_label_left_open_teaches_its_policy_nothing_and_another_one_by_the_other_label():
    """WSO2's P1 of no type teaches no type; Parallels may still borrow its level."""
    examples = [said("wso2", None, "P1")]
    assert lesson(examples, PACKS["wso2"], "type").places == []
    assert lesson(examples, PACKS["wso2"], "priority").labels == ["P1"]
    assert lesson(examples, PACKS["parallels"], "priority").labels == ["1"]


def test_words_the_policy_does_not_have_teach_nothing():
    """An example with another policy's labels is left out."""
    assert lesson([said("wso2", "nonsense", "S9")], PACKS["wso2"], "type").places == []
    assert lesson([said("wso2", "nonsense", "S9")], PACKS["wso2"], "priority").places == []
    assert lesson([said("elsewhere", "incident", "P1")], PACKS["wso2"], "priority").places == []


def test_a_policy_that_judges_a_text_lends_it_to_those_that_do_not():
    """Two policies judged it; a third borrows from both."""
    examples = [said("wso2", "incident", "P1"), said("oro", "bug", "P1")]
    found = lesson(examples, PACKS["parallels"], "priority")
    assert (found.places, found.labels, found.own) == ([0, 1], ["1", "1"], 0)
    assert found.weights == [BORROWED, BORROWED]
