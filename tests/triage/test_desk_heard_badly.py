"""What a caller pressed outranks what a text says; a text that was hardly understood lowers nothing."""

from datetime import timedelta
from uuid import uuid4

import pytest

from models import tables
from models.terms import Channel, Fact, Interaction
from triage import policy
from triage.classifier import Ranked
from triage.desk.knowledge import state_fact
from triage.desk.reception import Reception, receive
from triage.desk.suggesting import HEARD_BADLY, suggest_again
from triage.suggest import suggest

PACKS = policy.load_packs()
PRESSED_YES = (
    Fact(name="down", value="full", source="caller", evidence="asked whether production is down: yes"),
    Fact(name="environment", value="production", source="caller", evidence="asked whether production is down: yes"),
)
PRESSED_NO = (Fact(name="down", value="no", source="caller", evidence="asked whether production is down: no"),)
DOWN = "Production is completely down and there is no workaround."


class Words:
    """A classifier that finds P1 in "outage", P4 in "question", else P3."""

    id = "words"

    def rank(self, _policy, subject, body, _facts):
        """The level by one word."""
        text = f"{subject} {body}".lower()
        level = "P1" if "outage" in text else "P4" if "question" in text else "P3"
        shares = dict.fromkeys(("P1", "P2", "P3", "P4"), 0.02) | {level: 0.94}
        return Ranked(type={"incident": 0.97, "query": 0.03}, priority=shares, words=(), known=1.0)


def speaking(classifier=None) -> Reception:
    """A desk that suggests at once."""

    def by(*, policy, **said):
        return suggest(PACKS[policy], classifier, **said)

    return Reception(policies=PACKS, default_policy="wso2", suggest=by)


def call(now, text="", part="problem", **more) -> Interaction:
    """What a caller said."""
    return Interaction(
        source=f"call:{uuid4()}:{part}",
        channel=Channel.PHONE,
        received_at=now,
        subject=text[:120],
        new_text=text,
        **more,
    )


def said(session, request) -> dict:
    """The suggestion in force."""
    return tables.requests.latest_suggestion(session, request).content


def heard(session, now, *interactions, classifier=None, policy="wso2"):
    """What is suggested after a call."""
    desk = speaking(classifier)
    first, *more = interactions
    request = receive(session, first, now, reception=desk).request
    tables.requests.fetch(session, request).policy = policy
    for one in more:
        told = {name: getattr(one, name) for name in one.__dataclass_fields__} | {"request": request}
        receive(session, Interaction(**told), now, reception=desk)
    suggest_again(session, request, "again", now, policies=PACKS, suggest=desk.suggest)
    return said(session, request)


def ruled(found: dict) -> dict | None:
    """What the suggestion tells of badly heard words."""
    return next((rule for rule in found["rules"] if rule["id"] == HEARD_BADLY), None)


@pytest.mark.parametrize("confidence", [None, 0.2, 0.9])
def test_no_pressed_outranks_words_that_say_down(session, now, confidence):
    """However well the words were heard."""
    found = heard(session, now, call(now, DOWN, facts=PRESSED_NO, confidence=confidence))
    assert (found["facts"]["down"]["value"], found["facts"]["down"]["source"]) == ("no", "caller")


@pytest.mark.parametrize("confidence", [None, 0.2, 0.9])
def test_yes_pressed_outranks_words_that_say_it_is_not_down(session, now, confidence):
    """The other way round; of a test system too."""
    text = "Our staging server is not down, there is no workaround."
    found = heard(session, now, call(now, text, facts=PRESSED_YES, confidence=confidence))
    assert (found["facts"]["down"]["value"], found["facts"]["down"]["source"]) == ("full", "caller")
    assert found["facts"]["environment"]["value"] == "production"


def test_what_is_pressed_outranks_a_transcript_that_comes_later(session, now):
    """Of equals the later counts; a text is no equal of a key."""
    later = call(now + timedelta(minutes=1), "Production is down.", part="transcript:RE1")
    found = heard(session, now, call(now, "Slow.", facts=PRESSED_NO), later)
    assert found["facts"]["down"]["value"] == "no"


@pytest.mark.parametrize(("confidence", "level"), [(0.9, "P2"), (0.31, "P1")])
def test_a_badly_heard_workaround_eases_nothing(session, now, confidence, level):
    """What was said before stands; the same words well heard count, as what came later does."""
    stated = call(now, "An outage since nine.", facts=PRESSED_YES, confidence=0.9)
    eased = call(now + timedelta(minutes=1), "Now there is a workaround.", confidence=confidence)
    assert heard(session, now, stated, eased, classifier=Words())["priority"]["value"] == level


def test_the_suggestion_tells_that_it_did_not_follow_badly_heard_words(session, now):
    """Among its rules, with what they would have changed; its shares are those of the level it gives."""
    stated = call(now, "An outage since nine.", facts=PRESSED_YES, confidence=0.9)
    eased = call(now + timedelta(minutes=1), "Now there is a workaround.", confidence=0.31)
    found = heard(session, now, stated, eased, classifier=Words())
    assert ruled(found) == {
        "id": "heard-badly",
        "clause": "Speech understood with a confidence of 0.31: it may raise a level, never lower it",
        "verdict": "applied",
        "effect": "P2→P1",
        "needs": None,
    }
    assert found["priority"]["all"]["P1"] == found["priority"]["probability"]
    assert "P1" in found["priority"]["set90"]


def test_badly_heard_words_ease_not_even_themselves(session, now):
    """One sentence that says both: the outage counts, the workaround does not."""
    text = "An outage. There is a workaround."
    assert heard(session, now, call(now, text, confidence=0.9), classifier=Words())["priority"]["value"] == "P2"
    badly = call(now, text, confidence=0.2)
    found = heard(session, now, badly, classifier=Words())
    assert (found["priority"]["value"], found["facts"]["workaround"]["value"]) == ("P1", "yes")


def test_badly_heard_words_may_raise(session, now):
    """Somebody may have said that everything is down: better once too often."""
    calm = call(now, "A list is sorted oddly.", confidence=0.9)
    outage = call(now + timedelta(minutes=1), "It is an outage now.", confidence=0.1)
    found = heard(session, now, calm, outage, classifier=Words())
    assert found["priority"]["value"] == "P1"
    assert ruled(found)["verdict"] == "not met"


def test_badly_heard_words_do_not_lower_what_was_pressed(session, now):
    """The classifier takes them for a question; the key outranks it, however they were heard."""
    found = heard(session, now, call(now, "I have a question.", facts=PRESSED_YES, confidence=0.4), classifier=Words())
    assert found["priority"]["value"] == "P1"
    assert ruled(found)["verdict"] == "not met"


def test_badly_heard_words_alone_are_taken_as_they_are(session, now):
    """Nothing else was said, no key was pressed: there is nothing to compare them with."""
    found = heard(session, now, call(now, "I have a question.", confidence=0.4), classifier=Words())
    assert found["priority"]["value"] == "P4"
    assert ruled(found)["verdict"] == "not met"


def test_an_engineer_outranks_words_however_they_were_heard(session, now):
    """What a person stated of a badly heard fact counts."""
    desk = speaking(Words())
    request = receive(session, call(now, "An outage.", confidence=0.2), now, reception=desk).request
    state_fact(session, request, "workaround", "yes", version=1, engineer="mara", now=now)
    suggest_again(session, request, "stated", now, policies=PACKS, suggest=desk.suggest)
    assert said(session, request)["priority"]["value"] == "P2"


@pytest.mark.parametrize("confidence", [0.5, 1.0, None])
def test_words_that_were_understood_are_not_doubted(session, now, confidence):
    """Half is enough; a text that nobody had to recognise is certain."""
    found = heard(session, now, call(now, DOWN, confidence=confidence))
    assert ruled(found) is None
