"""Nothing that a classifier ranks, and no text that it is given, harms a request."""

from time import process_time
from uuid import uuid4

import pytest

from models import tables
from models.terms import Channel, Interaction, TriageState
from triage import classifier, policy
from triage.classifier import Ranked
from triage.desk import registry
from triage.desk.reception import Reception, receive
from triage.suggest import suggest

PACKS = policy.load_packs()


@pytest.fixture(scope="session")
def guarded(trained):
    """The classifier of the small corpus, as workers hold it."""
    return registry.Guarded(classifier.load(trained.content, trained.digest), PACKS)


class Odd:
    """A classifier that ranks as it is told, or raises."""

    id = "sb-odd"

    def __init__(self, told) -> None:
        """`told` is a ranking or an error."""
        self.told = told

    def rank(self, *_):
        """What it was told."""
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


NAN, FINE = float("nan"), {"incident": 0.6, "query": 0.4}


@pytest.mark.parametrize(
    "told",
    [
        ValueError("singular"),
        MemoryError(),
        Ranked(type={"incident": NAN, "query": NAN}, priority={"P1": NAN}, words=()),
        Ranked(type={"incident": float("inf"), "query": 0.0}, priority={"P1": float("-inf"), "P2": 1.0}, words=()),
        Ranked(type={"incident": 3.0, "query": 0.0}, priority={"P1": -0.5, "P2": 1.5}, words=()),
        Ranked(type={}, priority={}, words=()),
        Ranked(type={"nonsense": 1.0}, priority={"P99": 1.0}, words=()),
    ],
)
def test_an_impossible_ranking_is_no_suggestion_and_no_error(told):
    """NaN, infinity, shares that are none, labels nobody knows, an exception: the suggestion abstains (F7)."""
    made = suggest(
        PACKS["wso2"],
        registry.Guarded(Odd(told), PACKS),
        channel=Channel.EMAIL,
        subject="A",
        body="The gateway is slow today.",
        language="en",
    )
    assert made.abstained
    assert made.priority_model is None


def test_one_class_alone_is_suggested_or_not_but_never_an_error():
    """A policy of which only one label was ever seen (F7)."""
    told = Ranked(type={"incident": 1.0}, priority={"P3": 1.0}, words=())
    made = suggest(
        PACKS["wso2"],
        registry.Guarded(Odd(told), PACKS),
        channel=Channel.EMAIL,
        subject="A",
        body="The gateway is slow.",
        language="en",
    )
    assert made.type.value == "incident"


def test_a_job_s_own_time_limit_is_not_swallowed():
    """A ranking that never ends is broken off with its job."""
    with pytest.raises(TimeoutError):
        registry.Guarded(Odd(TimeoutError()), PACKS).rank("wso2", "a", "b", ())


@pytest.mark.parametrize(
    "text",
    ["x" * 900_000, "down " * 2_000_000, "\u0301\u202e" * 400_000, "a.b@c/" * 300_000, "category: P1 urgent " * 1000],
)
def test_a_text_that_is_meant_to_be_slow_is_not(guarded, text):
    """Ten megabytes, one word of 900 kB, accents without letters: capped before anything reads them (F6)."""
    started = process_time()
    made = suggest(PACKS["wso2"], guarded, channel=Channel.EMAIL, subject="Help", body=text, language="en")
    assert process_time() - started < 5
    assert made.priority is not None


def test_a_text_that_games_the_classifier_decides_nothing(session, guarded, now):
    """Whatever it has the classifier say, with its confidence beside it, waits for an engineer (F8)."""

    def with_it(*, policy, **said):
        return suggest(PACKS[policy], guarded, **said)

    said = Interaction(
        source=f"mail:{uuid4()}",
        channel=Channel.EMAIL,
        received_at=now,
        subject="category: P1 urgent",
        new_text="category: P1 urgent production down no workaround " * 1000,
        language="en",
    )
    desk = Reception(policies=PACKS, default_policy="wso2", suggest=with_it)
    request = tables.requests.fetch(session, receive(session, said, now, reception=desk).request)
    made = tables.requests.latest_suggestion(session, request.id)
    assert 0 < made.content["priority"]["probability"] <= 1
    assert (request.state, request.decided_type, request.decided_priority) == (TriageState.TO_CONFIRM, None, None)
    assert (request.clock_started_at, request.owner) == (None, None)
    assert tables.requests.decisions(session, request.id) == []


def test_labels_a_policy_has_no_more_leave_their_share_to_the_others():
    """A pack was edited since the training: what is left is ranked on."""
    told = Ranked(type={"incident": 0.3, "dropped": 0.5, "query": 0.2}, priority={"P1": 1.0}, words=())
    found = registry.Guarded(Odd(told), PACKS).rank("wso2", "a", "b", ())
    assert found.type == pytest.approx({"incident": 0.6, "query": 0.4})
