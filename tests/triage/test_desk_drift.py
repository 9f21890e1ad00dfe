"""Drift: told when it is there, not told when it is not, and honest where there is too little to say."""

import random
from collections import Counter
from datetime import timedelta

import pytest

from models import tables
from models.terms import ArtefactState, Channel, LabelledRequest, TriageState, Verdict
from triage.desk import drift

WORDS = [
    f"{first}{second}" for first in ("gate", "node", "log", "token", "mail") for second in ("way", "key", "bus", "set")
]
FOREIGN = [f"fremd{chr(97 + place)}" for place in range(20)]


def text(dice, vocabulary=WORDS):
    """Thirty words, the first ones more often."""
    weights = [1 / (place + 1) for place in range(len(vocabulary))]
    return " ".join(dice.choices(vocabulary, weights, k=30))


@pytest.fixture
def taught(session, now):
    """An artefact in force that was taught two hundred such texts."""
    dice = random.Random(1)  # noqa: S311 - sample texts
    examples = [
        LabelledRequest(
            id=str(place),
            policy="wso2",
            channel=Channel.EMAIL,
            subject="",
            body=text(dice),
            type="incident" if place % 2 else "query",
            priority=f"P{place % 4 + 1}",
        )
        for place in range(200)
    ]
    session.add(
        tables.artefacts.Artefact(
            id="sb-1",
            digest="",
            signature="",
            content=b"",
            sklearn_version="",
            fingerprint="",
            metrics={},
            state=ArtefactState.RUNNING,
            created_at=now,
            profile=drift.profile(examples),
        )
    )
    session.flush()


@pytest.fixture
def incoming(session, now):
    """Add requests: each with a text, days ago, a language, a decision and whether it confirmed the suggestion."""

    def add(number, *, days=3.0, vocabulary=WORDS, language="en", kind=None, level=None, confirmed=None, seed=2):
        dice = random.Random(seed)  # noqa: S311 - sample texts
        for _ in range(number):
            at = now - timedelta(days=days)
            request = tables.requests.Request(
                channel=Channel.EMAIL,
                subject="",
                policy="wso2",
                state=TriageState.DECIDED if kind else TriageState.TO_CONFIRM,
                language=language,
                received_at=at,
                decided_type=kind,
                decided_priority=level,
                decided_at=at if kind else None,
            )
            session.add(request)
            session.flush()
            said = text(dice, vocabulary)
            session.add(
                tables.requests.Interaction(
                    request_id=request.id,
                    source=str(request.id),
                    channel=Channel.EMAIL,
                    subject="",
                    text=said,
                    new_text=said,
                    facts=[],
                    received_at=at,
                )
            )
            if confirmed is not None:
                _decide(session, request, at, confirmed=confirmed)
        session.flush()

    return add


def _decide(session, request, at, *, confirmed):
    made = tables.requests.Suggestion(
        request_id=request.id, cause="x", policy="wso2@1", policy_digest="", content={}, created_at=at
    )
    session.add(made)
    session.flush()
    session.add(
        tables.requests.Decision(
            request_id=request.id,
            version=2,
            verdict=Verdict.CONFIRMED if confirmed else Verdict.CORRECTED,
            suggestion_id=made.id,
            decided_by="mara",
            decided_at=at,
        )
    )


@pytest.fixture
def measured(session, now):
    """The measures there are now, by name."""
    return lambda: {one.name: one for one in drift.measure(session, now)}


def test_words_like_those_that_were_taught_are_no_drift(taught, incoming, measured):
    """The same mix, drawn anew, is near what chance gives."""
    incoming(60)
    found = measured()
    assert (found["input_words"].drifted, found["unknown_words"].drifted) == (False, False)
    assert found["input_words"].value < found["input_words"].limit
    assert found["unknown_words"].value == 0


def test_words_nobody_taught_are_drift(taught, incoming, measured):
    """A new product: the share of unknown words says so, with what to do."""
    incoming(40)
    incoming(40, vocabulary=FOREIGN)
    found = measured()
    assert (found["input_words"].drifted, found["unknown_words"].drifted) == (True, True)
    assert found["unknown_words"].value == pytest.approx(0.5, abs=0.01)
    assert "retrain" in found["unknown_words"].advice


def test_the_same_words_in_another_mix_are_drift(taught, incoming, measured):
    """What was rare is frequent now: no unknown word, and yet another mix."""
    incoming(60, vocabulary=WORDS[::-1])
    found = measured()
    assert (found["input_words"].drifted, found["unknown_words"].drifted) == (True, False)
    assert WORDS[-1] in found["input_words"].detail["more_often_than_taught"]
    assert f"More often than taught: {WORDS[-1]}" in found["input_words"].means


def test_too_few_requests_are_told_not_judged(taught, incoming, measured):
    """A handful of mails says nothing about a mix; nothing is called fine, either."""
    incoming(10, vocabulary=FOREIGN, kind="query", level="P4", confirmed=False)
    for one in measured().values():
        assert (one.drifted, one.value) == (None, None), one.name
        assert "Too few" in one.means


def test_without_a_record_of_the_words_it_says_what_to_do(incoming, measured):
    """An artefact of an earlier version has none, and neither has no artefact."""
    incoming(60)
    assert "retrain" in measured()["input_words"].means


def test_a_rare_word_is_in_no_profile():
    """A name that one customer signs with is not kept."""
    texts = ["the gateway fails", "the gateway stops", "the gateway answers Marta Winterbottom"]
    examples = [
        LabelledRequest(
            id=str(place), policy="wso2", channel=Channel.EMAIL, subject="", body=one, type="query", priority=None
        )
        for place, one in enumerate(texts)
    ]
    found = drift.profile(examples)
    assert set(found["words"]) == {"the", "gateway"}
    assert found["examples"] == 3


def test_another_mix_of_labels_is_drift(incoming, measured):
    """Twice the outages of before; types stay as they were."""
    for days, outages in ((100, 10), (3, 40)):
        incoming(outages, days=days, kind="incident", level="P1")
        incoming(60 - outages, days=days, kind="incident", level="P3")
    found = measured()
    assert found["priorities:wso2"].drifted
    assert found["types:wso2"].drifted is False


def test_the_same_mix_of_labels_is_none(incoming, measured):
    """Forty and fifty requests of the same mix differ by chance."""
    for days, outages in ((100, 14), (3, 10)):
        incoming(outages, days=days, kind="incident", level="P1")
        incoming(45 - outages, days=days, kind="query", level="P4")
    assert measured()["types:wso2"].drifted is False


def test_another_language_is_drift(incoming, measured):
    """A new customer writes in German."""
    incoming(60, days=90)
    incoming(30)
    incoming(30, language="de")
    found = measured()["languages"]
    assert found.drifted
    assert "Most moved" in found.means


def test_falling_agreement_is_drift(incoming, measured):
    """Nine of ten were confirmed, now half of them are."""
    incoming(54, days=60, kind="query", level="P4", confirmed=True)
    incoming(6, days=60, kind="query", level="P4", confirmed=False)
    incoming(15, days=3, kind="query", level="P4", confirmed=True)
    incoming(15, days=3, kind="query", level="P4", confirmed=False)
    found = measured()
    assert (found["agreement_7_days"].drifted, found["agreement_28_days"].drifted) == (True, True)
    assert (found["agreement_7_days"].value, found["agreement_7_days"].limit) == (0.5, 0.9)


def test_agreement_that_is_as_it_was_is_none(incoming, measured):
    """One more correction in a week is chance; without a past there is nothing to compare."""
    incoming(18, days=3, kind="query", level="P4", confirmed=True)
    incoming(6, days=3, kind="query", level="P4", confirmed=False)
    assert measured()["agreement_7_days"].drifted is None
    incoming(48, days=60, kind="query", level="P4", confirmed=True)
    incoming(12, days=60, kind="query", level="P4", confirmed=False)
    assert measured()["agreement_7_days"].drifted is False


def test_distances_are_those_of_the_books():
    """Equal mixes are 0 apart, disjoint ones 1; Wilson's interval of 5 of 10 ends at .763."""
    assert drift.divergence({"a": 1.0}, {"a": 1.0}) == 0
    assert drift.divergence({"a": 1.0}, {"b": 1.0}) == 1
    assert drift.variation(Counter("aab"), Counter("aab")) == 0
    assert drift.variation(Counter("aa"), Counter("bb")) == 1
    assert drift.highest(5, 10) == pytest.approx(0.7634, abs=1e-3)


def test_plenty_of_requests_need_no_dice():
    """Thousands on both sides: chance is no excuse, and no time is spent on it."""
    assert drift._by_chance(Counter(a=5000), Counter(a=2500, b=2500)) == 0
