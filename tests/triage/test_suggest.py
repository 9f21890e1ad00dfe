"""Suggestions: classifier and rules together, honest about what they do not know."""

import json
from collections.abc import Iterable
from dataclasses import replace

import pytest

from models.terms import Channel, Fact, Suggestion
from triage.classifier import Ranked
from triage.policy import load_packs
from triage.suggest import as_json, suggest

PACKS = load_packs()


class Sure:
    """A classifier that always ranks the same."""

    id = "sb-sure"

    def __init__(self, kind: dict[str, float], level: dict[str, float]):
        """The probabilities it gives."""
        self.ranked = Ranked(type=kind, priority=level, words=(("down", 1.2),))

    def rank(self, policy_id: str, subject: str, body: str, facts: Iterable[Fact]) -> Ranked:  # noqa: ARG002 - a fake
        """The same ranking for everything."""
        return self.ranked


INCIDENT = Sure({"incident": 0.9, "query": 0.1}, {"P1": 0.7, "P2": 0.2, "P3": 0.1, "P4": 0.0})


SOMETHING = "Something about the gateway seems odd."
"""A text that states no fact."""


def replaced(classifier: Sure = INCIDENT, **more: object) -> Sure:
    """A classifier that ranks as another does, and says more about it."""
    other = Sure({}, {})
    other.ranked = replace(classifier.ranked, **more)
    return other


def suggested(
    body: str, classifier: Sure | None = INCIDENT, language: str | None = "en", facts: tuple[Fact, ...] = ()
) -> Suggestion:
    """A suggestion under WSO2's policy."""
    return suggest(
        PACKS["wso2"], classifier, channel=Channel.EMAIL, subject="Gateway", body=body, language=language, facts=facts
    )


def test_a_workaround_eases_and_the_classifiers_own_view_stays_visible():
    """WSO2: with a workaround P1 becomes P2; what the classifier alone said is kept beside it."""
    found = suggested("Production is slow. We have a workaround: restart it every hour.")
    assert found.priority is not None
    assert (found.priority.value, found.priority_model, found.priority_rule) == ("P2", "P1", "workaround-available")
    assert found.priority.probability == pytest.approx(found.priority.all["P2"])
    assert sum(found.priority.all.values()) == pytest.approx(1, abs=0.001)
    assert not found.abstained
    assert next(rule for rule in found.rules if rule.id == "workaround-available").effect == "P1→P2"


def test_an_engineers_word_outranks_the_text():
    """A fact an engineer stated replaces what was read, and the suggestion follows."""
    word = (Fact(name="workaround", value="no", source="engineer"),)
    found = suggested("Production is slow. We have a workaround: restart it every hour.", facts=word)
    assert found.priority is not None
    assert found.priority.value == "P1"
    assert [one.source for one in found.facts if one.name == "workaround"] == ["engineer"]


def test_a_caller_outranks_the_text_but_not_an_engineer():
    """The key pressed on the phone counts more than words, an engineer's word counts most."""
    caller = Fact(name="environment", value="production", source="caller")
    engineer = Fact(name="environment", value="staging", source="engineer")
    found = suggested("It fails on our test server.", facts=(engineer, caller))
    assert [(one.value, one.source) for one in found.facts if one.name == "environment"] == [("staging", "engineer")]


def test_what_would_change_it_is_told():
    """Each single fact that would give another priority is listed with that priority."""
    found = suggested("Our production gateway is slow.")
    assert {"fact": "workaround", "value": "yes", "priority": "P2"} in found.would_change


def test_doubt_about_the_type_is_doubt_about_the_priority():
    """WSO2: a query is a P4 whatever the text says of the level, and counts by how much the text agrees with that."""
    found = suggested(SOMETHING, Sure({"incident": 0.6, "query": 0.4}, {"P1": 0.5, "P4": 0.5}))
    incident, query = 0.6 * 1.0, 0.4 * 0.5
    assert found.priority is not None
    assert found.priority.all["P4"] == pytest.approx((incident * 0.5 + query) / (incident + query), abs=0.001)


def test_a_report_of_an_outage_is_hardly_a_question():
    """Where the text speaks for P1, a type whose rules would make it P4 counts little, though it is likelier."""
    found = suggested(SOMETHING, Sure({"incident": 0.4, "query": 0.6}, {"P1": 0.9, "P2": 0.0, "P3": 0.0, "P4": 0.1}))
    assert found.type is not None
    assert found.priority is not None
    assert (found.type.value, found.priority.value) == ("query", "P1")
    assert found.priority.all["P4"] < 0.25


def test_what_is_suggested_costs_least_and_need_not_be_likeliest():
    """Even a P2 that is less likely than a P3 is suggested where being too late is dear; both views are by cost."""
    found = suggested(SOMETHING, Sure({"incident": 1.0}, {"P1": 0.05, "P2": 0.4, "P3": 0.5, "P4": 0.05}))
    assert found.priority is not None
    assert (found.priority.value, found.priority_model, found.priority_rule) == ("P2", "P2", None)
    assert found.priority.probability == found.priority.all["P2"] == 0.4


@pytest.mark.parametrize(
    ("body", "classifier", "language", "because"),
    [
        ("Production is down.", None, "en", "no classifier"),
        ("Ohjelma ei toimi.", INCIDENT, "fi", "language fi is not read"),
        ("Hm.", INCIDENT, "en", "too short to judge by"),
        (SOMETHING, replaced(known=0.39), "en", "only 39% of its words are known to the classifier"),
        (
            SOMETHING,
            replaced(declines=("type: right in 40%", "priority: right in 30%")),
            "en",
            "the classifier knows too little of this policy (type: right in 40%; priority: right in 30%)",
        ),
        (SOMETHING, Sure({"incident": 1.0}, {"P1": 0.3, "P2": 0.3, "P3": 0.2, "P4": 0.2}), "en", "priority below 0.4"),
        (
            SOMETHING,
            Sure({"incident": 0.3, "query": 0.3, "bug": 0.2, "task": 0.2}, {"P1": 0.7, "P4": 0.3}),
            "en",
            "type below 0.4",
        ),
    ],
)
def test_it_abstains_and_says_why(body: str, classifier: Sure | None, language: str, because: str):
    """Where the answer is not worth showing as one, the suggestion abstains with its reason."""
    found = suggested(body, classifier, language)
    assert (found.abstained, found.abstained_because) == (True, because)


@pytest.mark.parametrize(
    ("subject", "body", "because"),
    [
        ("Gateway", "gone.", "too short to judge by"),
        ("Gateway", "gone again.", None),
        ("", "gateway gone again", None),
        ("gateway gone again", "", None),
    ],
)
def test_three_words_are_enough_wherever_they_stand(subject: str, body: str, because: str | None):
    """Title and text are counted together, and are not run into one another."""
    found = suggest(PACKS["wso2"], INCIDENT, channel=Channel.EMAIL, subject=subject, body=body, language="en")
    assert found.abstained_because == because


def test_words_known_well_enough_are_no_reason():
    """At the threshold itself the suggestion stands."""
    assert not suggested(SOMETHING, replaced(known=0.4)).abstained


def test_an_abstention_still_shows_what_was_thought():
    """The ranking, its set and its reasons are there; only the claim is withheld."""
    found = suggested(SOMETHING, replaced(known=0.1))
    plain = suggested(SOMETHING)
    assert found.abstained
    assert not plain.abstained
    assert (found.type, found.priority, found.set90, found.rules) == (
        plain.type,
        plain.priority,
        plain.set90,
        plain.rules,
    )


@pytest.mark.parametrize(("weight", "abstains"), [(0.26, True), (0.24, False)])
def test_the_lowest_level_is_not_suggested_where_a_severe_one_is_possible(weight: float, abstains: bool):
    """A quarter of the probability on the more severe half is too much to leave at the end of the queue."""
    shares = {"1": 0.0, "2": weight, "3": 0.0, "4": 1 - weight}
    found = suggest(
        PACKS["parallels"],
        Sure({"incident": 1.0}, shares),
        channel=Channel.EMAIL,
        subject="Gateway",
        body=SOMETHING,
        language="en",
    )
    assert found.priority is not None
    assert found.priority.value == "4"
    assert (found.abstained_because == "the lowest level is likeliest, and a severe one is possible") is abstains


def test_nothing_said_is_nothing_suggested():
    """An empty mail is no request to guess about."""
    found = suggest(PACKS["wso2"], INCIDENT, channel=Channel.EMAIL, subject="", body=" \n", language=None)
    assert found.abstained_because == "no text"


def test_rules_alone_speak_without_a_classifier():
    """A total outage of production without a workaround is P1 by the policy's own words."""
    facts = (Fact(name="environment", value="production", source="caller"),)
    found = suggest(
        PACKS["oro"],
        None,
        channel=Channel.PHONE,
        subject="",
        body="Nobody can log in. No workaround.",
        language="en",
        facts=facts,
    )
    assert found.abstained
    assert found.type is None
    assert found.priority is not None
    assert (found.priority.value, found.priority_model, found.model) == ("P1", None, None)


KEYS = [
    "id",
    "policy",
    "abstained",
    "abstained_because",
    "type",
    "priority",
    "facts",
    "rules",
    "words",
    "would_change",
    "model",
    "language",
]


@pytest.mark.parametrize("classifier", [None, INCIDENT])
def test_the_object_has_every_key_of_the_contract(classifier: Sure | None):
    """What is absent is null or empty, never missing, and all of it is JSON."""
    found = as_json(suggested("We have a workaround.", classifier, None), "r-1")
    assert list(found) == KEYS
    assert list(found["type"]) == ["value", "label", "probability", "all"]
    assert list(found["priority"]) == ["value", "label", "probability", "all", "set90", "model", "rule"]
    assert all(set(fact) == {"value", "source", "evidence", "span"} for fact in found["facts"].values())
    assert all(set(rule) == {"id", "clause", "verdict", "effect", "needs"} for rule in found["rules"])
    assert json.loads(json.dumps(found)) == found


def test_the_set_is_right_nine_times_in_ten():
    """Without a floor the set holds the fewest levels that reach nine tenths, the most severe first."""
    found = suggested(SOMETHING, Sure({"incident": 1.0}, {"P1": 0.25, "P2": 0.1, "P3": 0.05, "P4": 0.6}))
    assert found.set90 == ("P1", "P2", "P4")


@pytest.mark.parametrize(
    ("floor", "levels"),
    [
        (0.04, ("P1", "P2", "P3", "P4")),
        (0.05, ("P1", "P2", "P3", "P4")),
        (0.06, ("P1", "P2", "P4")),
        (0.2, ("P1", "P4")),
        (0.7, ("P1",)),
    ],
)
def test_with_a_floor_the_set_holds_every_level_that_reaches_it(floor: float, levels: tuple[str, ...]):
    """What is suggested is in it too, also where it is not likely enough by itself."""
    shares = {"P1": 0.25, "P2": 0.1, "P3": 0.05, "P4": 0.6}
    found = suggested(SOMETHING, replaced(Sure({"incident": 1.0}, shares), floor=floor))
    assert found.priority is not None
    assert found.priority.value == "P1"
    assert found.set90 == levels


def test_the_lowest_level_is_not_suggested_against_a_stated_outage():
    """Production is down for all, an engineer says: a classifier that finds a question there abstains."""
    stated = (
        Fact(name="environment", value="production", source="engineer"),
        Fact(name="scope", value="all", source="engineer"),
    )
    sure = Sure({"incident": 1.0}, {"P1": 0.0, "P2": 0.0, "P3": 0.0, "P4": 1.0})
    found = suggest(
        load_packs()["wso2"],
        sure,
        channel=Channel.EMAIL,
        subject="About it",
        body="as said before",
        language="en",
        facts=stated,
    )
    assert found.priority is not None
    assert (found.priority.value, found.abstained_because) == (
        "P4",
        "the lowest level is likeliest, and an outage is stated",
    )


@pytest.mark.parametrize("policy", ["wso2", "witboost", "oro", "parallels"])
@pytest.mark.parametrize(("name", "value"), [("environment", "Production"), ("workaround", "No"), ("down", "FULL")])
def test_a_value_nobody_knows_says_nothing(policy: str, name: str, value: str):
    """It must not stand in the way of what the text says, or it would lower a level."""
    pack = load_packs()[policy]
    text = "Production is completely down for all users. There is no workaround."
    without = suggest(pack, None, channel=Channel.API, subject="Down", body=text, language="en")
    stated = (Fact(name=name, value=value, source="caller"),)
    assert suggest(pack, None, channel=Channel.API, subject="Down", body=text, language="en", facts=stated) == without
