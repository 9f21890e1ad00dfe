"""Witboost's table of impact and urgency, as it moves a suggestion."""

from models.terms import Fact
from triage.downgrade import Judged, top
from triage.policy import load_packs
from triage.tabled import ID, by_table

PACKS = load_packs()
WITBOOST = PACKS["witboost"]
EVEN = Judged(probabilities={"P1": 0.5, "P2": 0.3, "P3": 0.2}, results=(), rule=None, settled=False)


def given(**answers: str) -> tuple[Fact, ...]:
    """What the customer wrote in the form."""
    return tuple(Fact(name=name, value=value, source="caller") for name, value in answers.items())


def test_impact_and_urgency_give_the_level_and_its_clause():
    """Minor and low is P3, whatever a classifier says; the table is cited, as assumed data of the pack."""
    found = by_table(WITBOOST, given(impact="minor", urgency="low", down="no"), "incident", EVEN)
    assert top(found.probabilities) == "P3"
    assert found.probabilities["P3"] == 1.0
    assert (found.rule, found.settled) == (ID, True)
    assert (found.results[0].verdict, found.results[0].effect) == ("applied", "P1→P3")
    assert "B8" in found.results[0].clause


def test_what_is_not_given_lowers_nothing():
    """An impact without urgency leaves every level that is still possible; nothing given leaves all as it was."""
    assert by_table(WITBOOST, (), "incident", EVEN).probabilities == EVEN.probabilities
    found = by_table(WITBOOST, given(impact="extensive"), "incident", EVEN)
    assert found.probabilities["P1"] >= EVEN.probabilities["P1"]
    assert found.probabilities["P3"] == 0.0 or "urgency" in (found.results[0].needs or "")
    assert top(found.probabilities) == "P1"
    assert "urgency" in (by_table(WITBOOST, (), "incident", EVEN).results[0].needs or "")


def test_a_blocking_failure_is_p1_whatever_was_ticked():
    """The reporter's own assessment never hides an outage."""
    told = given(impact="minor", urgency="low", down="full", environment="production", workaround="no")
    assert top(by_table(WITBOOST, told, "incident", EVEN).probabilities) == "P1"


def test_no_table_changes_nothing():
    """Policies without one, and types it is not for."""
    assert by_table(PACKS["wso2"], given(impact="minor"), "incident", EVEN) is EVEN
    assert by_table(WITBOOST, given(impact="minor", urgency="low"), "it-help", EVEN) is EVEN
