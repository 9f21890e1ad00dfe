"""What takes the place of the artefact in force: compared fairly, put there by a person."""

from datetime import timedelta

import pytest

from models import tables
from models.errors import ArtefactRefused, Conflict
from models.store import transaction
from triage import policy, training
from triage.desk import learning, promotion, retraining, shadow

PACKS = policy.load_packs()
POLICIES = {"wso2": PACKS["wso2"]}
SECRET = "only-for-this-test-only-for-this-test"
TEXT = "The live cluster lost its token store, nobody at all can work and nothing helps."


def figures(accuracy=0.9, recall=0.9, ece=0.02, macro=0.9):
    """Figures of a classifier of one policy."""
    return {
        "n": 60,
        "accuracy": accuracy,
        "macro_f1": macro,
        "ece": ece,
        "policies": {"wso2": {"priority": {"n": 60, "top_n": 12, "top_recall": recall}}},
    }


@pytest.fixture
def candidate(house):
    """A candidate whose figures the test sets: held out, against those of the one in force."""
    house.decide(TEXT)
    made = house.retrain().artefact

    def give(of_candidate, of_running, *, against=None):
        with transaction(house.engine) as session:
            row = session.get_one(tables.artefacts.Artefact, made)
            held_out = {
                "against": against or tables.artefacts.running_id(session),
                "n": 60,
                "candidate": of_candidate,
                "running": of_running,
            }
            row.metrics = {**row.metrics, "held_out": held_out}
        return made

    return give


def promote(house, artefact, **more):
    """Promote as a person."""
    with transaction(house.engine) as session:
        return promotion.promote(session, artefact, house.now, policies=POLICIES, secret=SECRET, **more)


@pytest.mark.parametrize(
    ("worse", "told"),
    [
        ({"recall": 0.85}, "top-priority recall 0.850 is below the running artefact's 0.900"),
        ({"ece": 0.05}, "calibration error 0.050 is above the running artefact's 0.020"),
        ({"accuracy": 0.88}, "accuracy 0.880 is below"),
        ({"macro": 0.5}, "macro_f1 0.500 is below"),
    ],
)
def test_a_worse_candidate_is_refused_with_figures_and_what_to_do(house, candidate, worse, told):
    """Top-priority recall, calibration, accuracy, macro-F1; on what they were measured; and --force forces it."""
    artefact, before = candidate(figures(**worse), figures()), house.running()
    with pytest.raises(Conflict) as refused:
        promote(house, artefact)
    assert told in refused.value.public
    assert "60 decisions held out from both" in refused.value.public
    assert "--force" in refused.value.public
    assert house.running() == before
    promote(house, artefact, force=True)
    assert house.running() == artefact


def test_a_candidate_that_is_as_good_is_put_in_force(house, candidate):
    """And says on what it was compared."""
    artefact = candidate(figures(accuracy=0.895, ece=0.025), figures())
    assert "held out" in promote(house, artefact).on
    assert house.running() == artefact


def test_figures_against_another_artefact_do_not_count(house, candidate):
    """Something else is in force by now: the cross-validated ones are all there is, and the answer says so."""
    artefact = candidate(figures(recall=0.1), figures(), against="sb-elsewhere")
    compared = house.read(
        lambda session: promotion.compare(session, session.get_one(tables.artefacts.Artefact, artefact), POLICIES)
    )
    assert compared.on == "cross-validated, each on what it was taught"


def test_live_decisions_outrank_held_out_ones(house, candidate, monkeypatch):
    """What happened beside the one in force is the best there is to go by."""
    artefact = candidate(figures(), figures())
    live = shadow.Beside(
        candidate=artefact,
        running=house.running(),
        scored=80,
        failed=0,
        agreement={},
        decided=shadow.ENOUGH,
        of_candidate=figures(recall=0.5),
        of_running=figures(),
        milliseconds=None,
    )
    monkeypatch.setattr(shadow, "beside", lambda *_: live)
    with pytest.raises(Conflict, match="on 50 live decisions"):
        promote(house, artefact)


def test_an_artefact_that_cannot_be_loaded_is_never_put_in_force(house, candidate):
    """Not even by force: every worker would refuse it."""
    artefact, before = candidate(figures(), figures()), house.running()
    with transaction(house.engine) as session:
        session.get_one(tables.artefacts.Artefact, artefact).content = b"half"
    with pytest.raises(ArtefactRefused):
        promote(house, artefact, force=True)
    assert house.running() == before


def test_cross_validated_figures_may_lose_one_standard_error_of_recall(house, candidate):
    """Each is measured on what it was taught: sqrt(.9 * .1 / 12) of the top priorities is noise, more is not."""
    for recall, refused in ((0.82, False), (0.81, True)):
        artefact = candidate(figures(), figures(), against="sb-elsewhere")
        with transaction(house.engine) as session:
            row = session.get_one(tables.artefacts.Artefact, artefact)
            row.metrics = {**row.metrics, **figures(recall=recall)}
            tables.artefacts.running(session).metrics = figures()
            compared = promotion.compare(session, row, POLICIES)
        assert compared.on.startswith("cross-validated")
        assert bool(compared.reasons) == refused


def test_what_is_in_force_already_stays_so(house):
    """Nothing is compared, and since when it is in force is not changed."""
    name = house.running()
    since = house.read(lambda session: tables.artefacts.running(session).promoted_at)
    house.now += timedelta(days=1)
    assert promote(house, name) is None
    assert house.read(lambda session: tables.artefacts.running(session).promoted_at) == since


def test_an_artefact_that_cannot_be_loaded_is_not_put_back(house, candidate):
    """The line says why and what to do; what is in force stays, and can still be taken back."""
    before, artefact = house.running(), candidate(figures(), figures())
    promote(house, artefact)
    with transaction(house.engine) as session:
        row = session.get_one(tables.artefacts.Artefact, before)
        whole = row.content
        row.content = whole[:100]
    with transaction(house.engine) as session, pytest.raises(Conflict) as refused:
        promotion.rollback(session, house.now, policies=POLICIES, secret=SECRET)
    assert f"{before} is not put back: digest" in refused.value.public
    assert house.running() == artefact
    with transaction(house.engine) as session:
        session.get_one(tables.artefacts.Artefact, before).content = whole
        assert promotion.rollback(session, house.now, policies=POLICIES, secret=SECRET).id == before
    assert house.running() == before


def test_a_setting_promotes_what_is_not_worse_and_leaves_what_is(house, monkeypatch):
    """The outcome says which, and why."""
    reasons = ["top-priority recall fell"]
    monkeypatch.setattr(promotion, "worse", lambda *_, **__: reasons)
    house.decide(TEXT)
    kept = house.retrain(promotes=True)
    assert (kept.promoted, "top-priority recall fell" in kept.told) == (False, True)
    reasons.clear()
    house.decide("In production every second order is lost since noon and we cannot find out why.", level="P2")
    assert house.retrain(promotes=True).promoted


def test_a_candidate_that_waits_is_promoted_when_that_is_asked_for(house):
    """Nothing is trained again for it."""
    house.decide(TEXT)
    waiting = house.retrain().artefact
    again = house.retrain(promotes=True)
    assert (again.artefact, again.promoted, house.running()) == (waiting, True, waiting)


def test_decisions_since_the_one_in_force_are_held_out_from_both(house, monkeypatch):
    """Each is suggested for by a classifier that has not learnt it, and by the one in force, which has not either."""
    texts = [f"On our live {noun} every {thing} fails since the update" for noun, thing in product()]
    for text in texts:
        house.decide(text, kind="incident", level="P2")
    lessons = house.read(lambda session: learning.collect(session, POLICIES))
    assert lessons.counts["decisions"] == len(texts) >= retraining.ENOUGH
    taught = []
    train = training.train
    monkeypatch.setattr(
        training, "train", lambda given, *rest, **more: taught.append(given) or train(given, *rest, **more)
    )
    outcome = house.retrain()
    held = house.read(lambda session: session.get_one(tables.artefacts.Artefact, outcome.artefact)).metrics["held_out"]
    assert (held["n"], held["against"]) == (len(texts), house.running())
    assert held["candidate"]["policies"]["wso2"]["priority"]["n"] == len(texts)
    assert held["candidate"]["accuracy"] > held["running"]["accuracy"]
    assert len(taught) == 1 + promotion.FOLDS
    for given in taught[1:]:
        assert len(lessons.examples) - len(given) in {len(texts) // 3, len(texts) // 3 + 1}


def product():
    """Twenty-four different things that fail."""
    nouns = "gateway", "portal", "broker", "registry"
    things = "upload", "login", "payment", "search", "export", "callback"
    return [(noun, thing) for noun in nouns for thing in things]
