"""Golden examples of a pack: read with every mistake named, tried, and their differences told."""

import pytest

from triage.golden import differences, parse
from triage.policy import load_packs

WITBOOST = load_packs()["witboost"]
LATE = """\
requests:
  - {id: wish, clause: "§1", facts: {enhancement: "yes"}, type: incident, then: {type: it-help}}
deadlines:
  - id: over-lunch
    clause: "§2"
    calendar: office
    log:
      - {at: "2026-11-19 12:30", kind: started, value: portal}
      - {at: "2026-11-19 12:30", kind: type, value: incident}
      - {at: "2026-11-19 12:30", kind: level, value: P1}
    clock: response
    then: {state: running, due: "2026-11-19 14:30"}
"""


def tried(text: str) -> list[str]:
    """What comes out otherwise than the text says."""
    found, mistakes = parse(text.encode(), "mine.yaml", WITBOOST)
    assert mistakes == []
    return [line for one in found for line in differences(WITBOOST, one)]


def test_what_holds_says_nothing():
    """A request and a deadline as the policy has them."""
    assert tried(LATE) == []


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("then: {type: it-help}", "then: {type: incident}", "wish: type: expected incident, found it-help"),
        (
            "then: {type: it-help}",
            "then: {not_met: [help-is-question-or-wish]}",
            "wish: rule help-is-question-or-wish: expected not met, found applied",
        ),
        (
            'clause: "§1"',
            "clause: \"§1\", text: 'All is well', reads: {down: full}",
            "wish: fact down: expected full, found unknown",
        ),
        (
            '19 14:30"}',
            '19 13:30"}',
            "over-lunch: guaranteed response, due: expected 2026-11-19 12:30+00:00, found 2026-11-19 13:30+00:00",
        ),
        ("state: running", "state: met", "over-lunch: guaranteed response, state: expected met, found running"),
    ],
)
def test_what_comes_out_otherwise_is_told(good: str, bad: str, told: str):
    """By the example's id: what was expected and what was found."""
    assert good in LATE
    assert told in tried(LATE.replace(good, bad))


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("type: it-help", "type: help", "mine.yaml:2:88: type: 'help' is no type"),
        ("enhancement:", "enhancment:", "enhancment: unknown key; did you mean 'enhancement'?"),
        ("calendar: office", "calendar: ofice", "did you mean 'office'?"),
        ("kind: started", "kind: begun", "'begun' is no kind"),
        ("19 14:30", "19, half past two", "is no moment: write it as"),
        ("id: over-lunch", "id: wish", "'wish' is there twice"),
        ("requests:", "request:", "did you mean 'requests'?"),
    ],
)
def test_a_mistake_in_an_example_is_told_with_its_place(good: str, bad: str, told: str):
    """As for packs: file, line, column, and what to write instead."""
    assert good in LATE
    mistakes = parse(LATE.replace(good, bad).encode(), "mine.yaml", WITBOOST)[1]
    assert any(told in mistake for mistake in mistakes), mistakes


def test_what_is_no_text_is_refused():
    """Bytes of quite another kind are one mistake, never an exception."""
    assert parse(b"\xff", "mine.yaml", WITBOOST)[1] == ["mine.yaml:1:1: file: not UTF-8 at byte 0"]
