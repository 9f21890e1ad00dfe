"""Training anew: once at a time, when it is due, from everything there is and nothing that is gone."""

import threading
from datetime import timedelta

import pytest

from models import tables
from models.errors import Conflict, NotFound
from models.store import transaction
from models.terms import ArtefactState
from triage import policy, training
from triage.desk import learning, registry, retraining, shadow
from triage.desk.decision import undo

PACKS = policy.load_packs()
POLICIES = {"wso2": PACKS["wso2"]}
SECRET = "only-for-this-test-only-for-this-test"
WEEK = timedelta(days=7)
TEXT = "The live cluster lost its token store, nobody at all can work and nothing helps."


def test_the_first_artefact_is_in_force_at_once(house):
    """There is none that it could be worse than; its sources, maker and words are kept with it."""
    row = house.read(tables.artefacts.running)
    assert (row.state, row.made_by) == (ArtefactState.RUNNING, "mara")
    assert row.counts == {"decisions": 0, "seed": 30, "imports": 0, "repeated": 0}
    assert house.read(lambda session: session.get_one(tables.artefacts.Artefact, row.id).profile["words"])


def test_without_anything_new_there_is_nothing_to_do(house):
    """No artefact is made, and the log says why (F10: the same data would give the same one)."""
    outcome = house.retrain()
    assert outcome.artefact is None
    assert "no new decisions or imports" in outcome.told
    assert house.log()[-1] == ("mara", False, outcome.told)
    assert len(house.read(tables.artefacts.every)) == 1


def test_a_new_decision_makes_a_candidate_that_waits_for_a_person(house):
    """It goes into the shadow; the one in force stays."""
    before = house.running()
    house.decide(TEXT)
    outcome = house.retrain()
    assert (house.running(), outcome.promoted) == (before, False)
    assert house.read(shadow.candidate).id == outcome.artefact
    assert outcome.lessons.counts["decisions"] == 1
    assert "waits in the shadow" in outcome.told


def test_the_same_data_trained_twice_give_the_same_artefact(house):
    """Digest, id and fingerprint; another house that knows the same has the same (F10)."""
    house.decide(TEXT)
    first = house.retrain()
    lessons = house.read(lambda session: learning.collect(session, POLICIES))
    again = training.train(lessons.examples, POLICIES)
    row = house.read(lambda session: session.get_one(tables.artefacts.Artefact, first.artefact))
    assert (again.id, again.digest, again.fingerprint) == (row.id, row.digest, row.fingerprint)


def test_an_undone_decision_is_unlearnt(house):
    """Training goes back to what it was: the artefact in force has learnt just that."""
    request = house.decide(TEXT)
    house.retrain()
    with transaction(house.engine) as session:
        undo(session, request, version=2, engineer="mara", now=house.now)
    assert f"since {house.running()}" in house.retrain().told


def test_an_artefact_that_holds_erased_requests_is_replaced_by_the_next_retrain(house):
    """Without asking anybody; neither fingerprint nor words of the new one hold them, and the old bytes are deleted."""
    request = house.decide("Xyzzyplugh stands still on the live cluster, Xyzzyplugh is dead, nobody can log in.")
    holding = house.retrain(promotes=True)
    assert holding.promoted
    with transaction(house.engine) as session:
        tables.lessons.forget(session, request, "mara", "erased", house.now)
        assert learning.gone(session) == {holding.artefact: 1}
    clean = house.retrain()
    assert (clean.promoted, house.running()) == (True, clean.artefact)
    assert "1 requests that are gone" in clean.told
    assert house.read(learning.gone) == {}
    assert holding.artefact not in {row.id for row in house.read(tables.artefacts.every)}
    row = house.read(tables.artefacts.running)
    assert row.fingerprint == training.fingerprint(training.seed_corpus())


def test_it_is_due_after_its_days_and_not_before(house):
    """Counted from the last one that ended well, whoever asked for it."""
    assert house.retrain(every=WEEK, made_by="beat") is None
    house.now += timedelta(days=6)
    assert house.retrain(every=WEEK, made_by="beat") is not None
    assert house.retrain(every=WEEK, made_by="beat") is None
    assert [who for who, _, _ in house.log()] == ["mara", "beat"]


def test_a_failed_training_is_told_and_tried_again_an_hour_later(house, monkeypatch):
    """Not at once, so that nothing turns in circles; what was in force stays."""
    house.now += WEEK
    house.decide(TEXT)
    with monkeypatch.context() as patch:
        patch.setattr(training, "train", lambda *_, **__: (_ for _ in ()).throw(MemoryError("too much")))
        with pytest.raises(MemoryError):
            house.retrain(every=WEEK)
    assert house.log()[-1] == ("mara", True, "MemoryError: too much")
    assert house.retrain(every=WEEK) is None
    house.now += timedelta(hours=1, minutes=1)
    assert house.retrain(every=WEEK).artefact


def test_a_training_that_was_killed_is_tried_again_an_hour_later(house):
    """Its row says that it is under way, and its lock went with its connection."""
    house.now += WEEK
    with transaction(house.engine) as session:
        session.add(tables.lessons.Retraining(started_at=house.now, made_by="beat", failed=True, outcome="under way"))
    assert house.retrain(every=WEEK) is None
    house.now += timedelta(hours=1, minutes=1)
    assert house.retrain(every=WEEK) is not None


def test_two_beats_train_once(house, monkeypatch):
    """Whoever comes second while the first trains is told so, and afterwards it is not due (G3)."""
    house.now += WEEK
    house.decide(TEXT)
    inside, leave = threading.Event(), threading.Event()
    train = training.train

    def slow(*given, **more):
        inside.set()
        assert leave.wait(30)
        return train(*given, **more)

    monkeypatch.setattr(training, "train", slow)
    made = []
    first = threading.Thread(target=lambda: made.append(house.retrain(every=WEEK, made_by="beat")))
    first.start()
    try:
        assert inside.wait(30)
        with pytest.raises(Conflict, match="under way"):
            house.retrain(every=WEEK, made_by="beat")
    finally:
        leave.set()
        first.join()
    assert made[0].artefact
    assert house.retrain(every=WEEK, made_by="beat") is None
    assert [who for who, _, _ in house.log()] == ["mara", "beat"]


def test_with_another_secret_the_same_data_are_signed_anew(house):
    """What every worker refuses is no reason to do nothing."""
    name = house.running()
    assert "in force already" in house.retrain(secret="another-secret-another-secret-another").told
    assert "nothing to do" in house.retrain(secret="another-secret-another-secret-another").told
    assert house.running() == name


def test_an_artefact_that_workers_refuse_is_replaced_at_once(house):
    """After an upgrade of scikit-learn, say: due before its week, and in force without asking anybody."""
    with transaction(house.engine) as session:
        row = tables.artefacts.running(session)
        row.content, refused = b"of another version", row.id
        tables.artefacts.refuse(session, refused, "another version")
    house.decide(TEXT)
    outcome = house.retrain(every=WEEK, made_by="beat")
    assert (outcome.promoted, house.running()) == (True, outcome.artefact)
    with transaction(house.engine) as session, pytest.raises(NotFound):
        registry.rollback(session, house.now)


def test_one_that_is_refused_again_is_not_trained_again_each_minute(house):
    """The worker's version is another one than the trainer's: an hour must pass."""
    house.now += timedelta(hours=2)
    for passed, trains in ((0, True), (1, False), (61, True)):
        house.now += timedelta(minutes=passed)
        with transaction(house.engine) as session:
            tables.artefacts.refuse(session, tables.artefacts.running_id(session), "another version")
        assert (house.retrain(every=WEEK, made_by="beat") is not None) == trains


def test_progress_is_told_over_all_trainings(house):
    """From the first step to the last, however many trainings it takes to compare."""
    seen = []
    house.decide(TEXT)
    house.retrain(progress=lambda done, whole: seen.append((done, whole)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
    told = []
    steps = retraining.Steps(3, lambda *given: told.append(given))
    for _ in range(3):
        tell = steps.next()
        tell(1, 2)
        tell(2, 2)
    assert told == [(place, 6) for place in range(1, 7)]


def test_a_house_without_an_artefact_trains_as_soon_as_it_can(untaught):
    """Nothing in force: nothing to wait for."""
    assert untaught.retrain(every=WEEK, made_by="beat").promoted
