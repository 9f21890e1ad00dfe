"""A candidate in the shadow: asked about every live suggestion, shown to nobody, harming nothing."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from models import tables
from models.store import transaction
from models.terms import Channel, Fact, Interaction
from triage import policy, training
from triage.classifier import Ranked
from triage.desk import registry, shadow
from triage.desk.decision import decide, undo
from triage.desk.knowledge import state_fact
from triage.desk.reception import Reception, receive
from triage.desk.suggesting import suggest_again
from triage.suggest import suggest

PACKS = policy.load_packs()
SECRET = "only-for-this-test-only-for-this-test"


class Says:
    """A classifier that always ranks the same way, or fails."""

    def __init__(self, name, type_, level, sure=0.9, error=None):
        """`type_` and `level` are what it says."""
        self.id, self.type, self.level, self.sure, self.error = name, type_, level, sure, error
        self.asked = []

    def rank(self, policy_id, subject, body, facts):  # noqa: ARG002 - the protocol's
        """What it always says."""
        self.asked.append((subject, body, {fact.name: fact.value for fact in facts}))
        if self.error:
            raise self.error
        kinds = {"incident": 0.1, "query": 0.1} | {self.type: self.sure}
        levels = {"P1": 0.1, "P4": 0.1} | {self.level: self.sure}
        return Ranked(
            type={name: share / sum(kinds.values()) for name, share in kinds.items()},
            priority={name: share / sum(levels.values()) for name, share in levels.items()},
            words=(),
        )


class House:
    """A desk with an artefact in force and a candidate, both of few words."""

    def __init__(self, engine, trained, other, now):
        """The candidate is enrolled a minute after the one in force."""
        self.engine, self.now = engine, now
        self.shown, self.candidate = Says(trained.id, "query", "P4"), Says(other.id, "incident", "P1")
        with transaction(engine) as session:
            registry.enrol(session, trained, dict(trained.metrics), secret=SECRET, now=now)
            registry.promote(session, trained.id, now)
            registry.enrol(session, other, dict(other.metrics), secret=SECRET, now=now + timedelta(minutes=1))
        self.shadow = shadow.Shadow(engine, SECRET, PACKS)
        self.desk = Reception(policies=PACKS, default_policy="wso2", suggest=self.suggest)

    def suggest(self, *, policy, **said):
        """What is shown."""
        return suggest(PACKS[policy], self.shown, **said)

    def write(self, text="Could somebody look into the report?", *, minutes=5, request=None, **more):
        """Take a mail in; gives the request's id."""
        at = self.now + timedelta(minutes=minutes)
        said = Interaction(
            source=f"mail:{uuid4()}",
            channel=Channel.EMAIL,
            received_at=at,
            subject="A report",
            new_text=text,
            language="en",
            request=request,
            **more,
        )
        with transaction(self.engine) as session:
            return receive(session, said, at, reception=self.desk).request

    def decide(self, request, kind, level, *, version=1):
        """Decide as an engineer."""
        with transaction(self.engine) as session:
            decide(
                session,
                request,
                version=version,
                type=kind,
                priority=level,
                reason="",
                engineer="mara",
                policy=PACKS["wso2"],
                now=self.now + timedelta(hours=1),
            )

    def catch_up(self, seconds=30.0):
        """Let a worker score what the candidate has not seen."""
        return self.shadow.catch_up(self.now + timedelta(hours=1), seconds=seconds)

    def scores(self):
        """Everything that was scored."""
        with transaction(self.engine) as session:
            return list(session.scalars(select(tables.lessons.ShadowScore).order_by(tables.lessons.ShadowScore.id)))

    def beside(self):
        """The candidate beside the one in force."""
        with transaction(self.engine) as session:
            return shadow.beside(session, self.candidate.id, PACKS)


@pytest.fixture(scope="session")
def other(examples):
    """Another artefact of the small corpus."""
    return training.train(examples[:24], {"wso2": PACKS["wso2"]})


@pytest.fixture
def house(engine, trained, other, now, monkeypatch):
    """A house whose artefacts say what the test has them say."""
    made = House(engine, trained, other, now)
    monkeypatch.setattr(registry, "load", lambda _, artefact, **__: by_id(made, artefact.id))
    return made


def by_id(house, artefact):
    """The classifier behind an artefact."""
    return registry.Guarded({one.id: one for one in (house.shown, house.candidate)}[artefact], PACKS)


def test_every_live_suggestion_is_scored_once(house):
    """By the candidate, with its probabilities; the suggestion shown stays what it was."""
    request = house.write()
    house.write("The gateway is slow, can you help?")
    assert house.catch_up() == 2
    assert house.catch_up() == 0
    scores = house.scores()
    assert [(row.artefact, row.type, row.priority) for row in scores] == [(house.candidate.id, "incident", "P1")] * 2
    assert scores[0].priorities["P1"] > 0.7
    assert sum(scores[0].types.values()) == pytest.approx(1, abs=0.001)
    assert scores[0].milliseconds > 0
    with transaction(house.engine) as session:
        (made,) = session.scalars(
            select(tables.requests.Suggestion).where(tables.requests.Suggestion.request_id == request)
        )
    assert (made.artefact, made.priority) == (house.shown.id, "P4")


def test_two_workers_score_each_suggestion_once(house):
    """Whoever takes it first has it."""
    for _ in range(30):
        house.write()
    again = shadow.Shadow(house.engine, SECRET, PACKS)
    with transaction(house.engine) as session:
        taken = list(shadow._take(session, house.candidate.id, PACKS, house.now))
        assert len(taken) == shadow.BATCH
        assert again.catch_up(house.now, seconds=0) == 0
    assert again.catch_up(house.now, seconds=30) == 10
    assert len(house.scores()) == 30


def test_the_candidate_hears_what_the_one_in_force_heard(house):
    """Text and facts of that moment: nothing of what was written or stated afterwards."""
    request = house.write("The report fails.")
    house.shown.asked.clear()
    house.write("It is our production system, and there is no workaround.", minutes=6, request=request)
    later = house.shown.asked[:]
    house.catch_up()
    heard = house.candidate.asked
    assert heard[0][:2] == ("A report", "The report fails.")
    assert "environment" not in heard[0][2]
    assert heard[1:] == later
    assert heard[1][2]["environment"] == "production"


def test_who_hears_the_same_says_the_same(house):
    """Facts stated by callers and engineers, several mails, a fact that was taken back: the same figures come out."""
    house.candidate.type, house.candidate.level = house.shown.type, house.shown.level
    pressed = Fact(name="environment", value="production", source="caller", evidence="pressed 1")
    request = house.write("Everything is down, for all of our customers.", facts=(pressed,))
    house.write("There is a workaround now.", minutes=6, request=request)
    with transaction(house.engine) as session:
        state_fact(session, request, "workaround", "unknown", version=1, engineer="mara", now=house.now)
        again = house.now + timedelta(minutes=9)
        suggest_again(session, request, "facts", again, policies=PACKS, suggest=house.suggest)
    assert house.catch_up() == 3
    with transaction(house.engine) as session:
        made = {row.id: row.content for row in session.scalars(select(tables.requests.Suggestion))}
    for row in house.scores():
        shown = made[row.suggestion_id]
        assert (row.types, row.priorities) == (shown["type"]["all"], shown["priority"]["all"])
    assert "workaround" not in made[max(made)]["facts"]
    assert house.beside().agreement == {"type": 1.0, "priority": 1.0}


def test_a_failing_candidate_harms_nobody(house):
    """It is noted, and not asked again about the same."""
    house.candidate.error = ValueError("singular")
    house.write()
    assert house.catch_up() == 1
    house.candidate.error = None
    assert house.catch_up() == 0
    (score,) = house.scores()
    assert (score.type, score.priority) == (None, None)


def test_a_candidate_whose_suggesting_fails_is_noted(house, monkeypatch):
    """Whatever it is, it ends in the row, without its text."""
    house.write()

    def fail(*_, **__):
        raise RuntimeError("no such fact")

    monkeypatch.setattr(shadow, "suggest", fail)
    assert house.catch_up() == 1
    (score,) = house.scores()
    assert (score.error, score.scored_at) == ("RuntimeError: no such fact", None)
    assert house.beside().failed == 1


def test_a_candidate_that_cannot_be_loaded_is_refused_once(engine, trained, other, now):
    """It is marked, leaves the shadow, and the artefact in force suggests on."""
    house = House(engine, trained, other, now)
    with transaction(engine) as session:
        session.get_one(tables.artefacts.Artefact, other.id).signature = "not ours"
    house.write()
    assert house.catch_up() == 0
    with transaction(engine) as session:
        assert "signature" in session.get_one(tables.artefacts.Artefact, other.id).refusal
        assert shadow.candidate(session) is None


def test_a_slow_candidate_is_asked_no_longer_than_its_time(house):
    """What is left over waits for the next round."""
    for _ in range(3):
        house.write()
    assert house.catch_up(seconds=0) == 0
    assert house.scores() == []


def test_a_slow_candidate_gives_back_what_it_had_no_time_for(house, monkeypatch):
    """One suggestion a round at least; the others are left to the next round, or another worker."""
    for _ in range(3):
        house.write()
    clock = iter([0.0, 0.0, 10.0, 10.0, 10.0])
    monkeypatch.setattr(shadow, "monotonic", lambda: next(clock))
    assert house.catch_up(seconds=1) == 1
    assert len(house.scores()) == 1
    monkeypatch.undo()
    monkeypatch.setattr(registry, "load", lambda _, artefact, **__: by_id(house, artefact.id))
    assert house.catch_up() == 2


def test_a_candidate_that_never_ends_leaves_the_shadow(house):
    """Each time its process was killed; it is refused, told, and costs no more."""
    for _ in range(3):
        for _ in range(shadow.BATCH):
            house.write()
        with transaction(house.engine) as session:
            assert len(list(shadow._take(session, house.candidate.id, PACKS, house.now))) == shadow.BATCH
    assert house.catch_up() == 0
    with transaction(house.engine) as session:
        assert session.get_one(tables.artefacts.Artefact, house.candidate.id).refusal == shadow.ENDLESS
        assert shadow.candidate(session) is None


def test_what_was_suggested_before_the_candidate_was_made_is_not_scored(house):
    """It may have learnt from it."""
    house.write(minutes=0)
    assert house.catch_up() == 0


def test_only_the_newest_candidate_since_the_one_in_force_is_tried(house, examples):
    """Older ones were passed over; promoted, it is beside nobody."""
    with transaction(house.engine) as session:
        assert shadow.candidate(session).id == house.candidate.id
        registry.promote(session, house.candidate.id, house.now)
        assert shadow.candidate(session) is None


def test_a_policy_that_changed_since_is_not_scored(house, monkeypatch):
    """Its levels may be others."""
    house.write()
    with transaction(house.engine) as session:
        session.scalars(select(tables.requests.Suggestion)).one().policy_digest = "another"
    assert house.catch_up() == 0
    assert "policy" in house.scores()[0].error


def test_decisions_say_who_was_right(house):
    """Agreement of both, and the figures of both on the same decisions."""
    for place in range(4):
        request = house.write(f"Report {place} is odd.")
        house.decide(request, "incident" if place < 3 else "query", "P1" if place < 3 else "P4")
    house.write("Not decided yet.")
    house.catch_up()
    found = house.beside()
    assert (found.scored, found.decided, found.is_enough) == (5, 4, False)
    assert found.agreement == {"type": 0, "priority": 0}
    assert (found.of_candidate["accuracy"], found.of_running["accuracy"]) == (0.75, 0.25)
    candidate, running = (one["policies"]["wso2"]["priority"] for one in (found.of_candidate, found.of_running))
    assert (candidate["top_n"], candidate["top_recall"], running["top_recall"]) == (3, 1.0, 0.0)
    sure = house.scores()[0].priorities["P1"]
    assert candidate["ece"] == pytest.approx(sure - 0.75, abs=0.001)
    assert running["ece"] > 0.5


def test_a_decision_counts_for_the_suggestion_it_answered(house):
    """Not for later ones, and not once it was taken back."""
    request = house.write()
    house.decide(request, "incident", "P1")
    house.write("Thank you, it works.", minutes=90, request=request)
    house.catch_up()
    assert (house.beside().scored, house.beside().decided) == (2, 1)
    with transaction(house.engine) as session:
        undo(session, request, version=2, engineer="mara", now=house.now + timedelta(hours=3))
    assert house.beside().decided == 0


def test_erasing_a_request_takes_its_scores_along(house):
    """They hang on it."""
    request = house.write()
    house.catch_up()
    with transaction(house.engine) as session:
        for table in ("suggestions", "interactions", "clock_events"):
            session.connection().exec_driver_sql(f"delete from {table} where request_id = '{request}'")  # noqa: S608
        session.connection().exec_driver_sql(f"delete from requests where id = '{request}'")  # noqa: S608
    assert house.scores() == []
