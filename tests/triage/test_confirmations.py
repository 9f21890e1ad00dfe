"""Decisions learnt at once: each once, in order, taken back with them; the artefact stays what it is."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import event, select, text, update
from sqlalchemy.orm import Session

from models import tables
from models.store import transaction
from models.terms import Channel
from triage import classifier, facts, training
from triage.classifier import PRIORITY, TYPE
from triage.desk import confirmations, reception, registry, shadow
from triage.desk.decision import decide, undo
from triage.policy import load_packs
from triage.suggest import suggest

SECRET = "only-for-this-test-only-for-this-test"
PACKS = load_packs()
SORTING = "In production the list of partners is sorted wrongly, but all of our users can go on."
KEYS = "How do we rotate the signing keys of the gateway without an interruption?"
BUILD = "The build of our connector fails in the development environment since the update."


class Desk:
    """A database with an artefact in force since the day before, its engineers, and workers who suggest."""

    def __init__(self, house, trained, other):
        """Two artefacts of few words are at hand."""
        self.house, self.trained, self.other = house, trained, other
        self.enrol(trained)
        house.now += timedelta(days=1)

    def enrol(self, artefact, *, promote=True):
        """Add an artefact made now, in force or to be tried."""
        with transaction(self.house.engine) as session:
            made = registry.enrol(session, artefact, dict(artefact.metrics), secret=SECRET, now=self.house.now)
            if promote:
                registry.promote(session, made.id, self.house.now)

    def worker(self, **more):
        """The classifier in force as another process holds it."""
        return registry.Running(self.house.engine, SECRET, PACKS, **more)

    def decide(self, said=SORTING, level="P1", kind="incident", by="mara"):
        """Write a request and decide it a minute after the one before."""
        self.house.now += timedelta(minutes=1)
        return self.house.decide(said, kind=kind, level=level, by=by)

    def again(self, request, level, *, kind="incident"):
        """Decide a request once more, to something else."""
        self.house.now += timedelta(minutes=1)
        with transaction(self.house.engine) as session:
            version = tables.requests.fetch(session, request).version
            decide(session, request, version=version, type=kind, priority=level, reason="", engineer="mara",
                   policy=PACKS["wso2"], now=self.house.now)  # fmt: skip

    def undo(self, request):
        """Take the last decision on a request back."""
        with transaction(self.house.engine) as session:
            version = tables.requests.fetch(session, request).version
            undo(session, request, version=version, engineer="mara", now=self.house.now)

    def change(self, statement):
        """What an operator does in the database itself."""
        with transaction(self.house.engine) as session:
            session.execute(statement)


@pytest.fixture(scope="session")
def other(examples):
    """Another artefact of the small corpus."""
    return training.train(examples[:24], {"wso2": PACKS["wso2"]})


@pytest.fixture
def desk(untaught, trained, other):
    """A desk at which nothing was decided yet."""
    return Desk(untaught, trained, other)


def ranked(running, said=SORTING):
    """Types and levels of a text by the classifier in force."""
    found = running.get().rank("wso2", "Help", said, facts.read("Help", said))
    return found.type, found.priority


def plain(artefact, said=SORTING):
    """The same by an artefact that has learnt nothing since."""
    loaded = registry.Guarded(classifier.load(artefact.content, artefact.digest), PACKS)
    return ranked(SimpleNamespace(get=lambda: loaded), said)


def teach(loaded, given):
    """Have a classifier learn what was decided on a text."""
    loaded.learn("wso2", "Help", SORTING, facts.read("Help", SORTING), given=given)


def test_a_correction_counts_with_the_next_suggestion_and_a_second_persons_counts_more(desk):
    """On the very same text; and what is stored with it is the artefact's id."""
    worker = desk.worker()
    before = ranked(worker)
    desk.decide(level="P1", by="mara")
    once = ranked(worker)
    desk.decide(level="P1", by="jon")
    twice = ranked(worker)
    assert before == plain(desk.trained)
    assert 5 * before[1]["P1"] < once[1]["P1"]
    assert 2 * once[1]["P1"] < twice[1]["P1"]
    assert sum(twice[1].values()) == pytest.approx(1)
    made = suggest(PACKS["wso2"], worker.get(), channel=Channel.EMAIL, subject="Help", body=SORTING, language="en")
    assert made.model == desk.trained.id


def test_what_is_undone_is_taken_back_exactly(desk):
    """Not nearly: the artefact is loaded anew, and the decisions that stand are learnt again."""
    worker = desk.worker()
    desk.decide(KEYS, "P2", "query")
    stands = ranked(worker)
    request = desk.decide()
    assert ranked(worker) != stands
    desk.undo(request)
    assert ranked(worker) == stands


def test_of_a_request_decided_twice_the_decision_in_force_is_known(desk):
    """As if the first one had never been."""
    worker = desk.worker()
    request = desk.decide(level="P1")
    first = ranked(worker)
    desk.again(request, "P4")
    changed = ranked(worker)
    assert changed == ranked(desk.worker())
    assert changed[1]["P4"] > plain(desk.trained)[1]["P4"]
    assert changed[1]["P1"] < first[1]["P1"]
    desk.undo(request)
    assert ranked(worker) == first


def test_two_workers_that_have_seen_the_same_decisions_rank_alike(desk):
    """One that learnt them one by one, with a detour, and one that was started afterwards."""
    old = desk.worker()
    for place, (said, level, kind) in enumerate(((SORTING, "P1", "incident"), (KEYS, "P3", "query")) * 2):
        desk.decide(said, level, kind, by=f"engineer-{place}")
        ranked(old)
    request = desk.decide(BUILD, "P2")
    ranked(old)
    desk.undo(request)
    new = desk.worker()
    for said in (SORTING, KEYS, BUILD):
        assert ranked(old, said) == ranked(new, said)
    assert ranked(new) != plain(desk.trained)


@pytest.mark.parametrize("number", [4, 5, 6, 7])
def test_of_many_decisions_the_newest_are_known_whenever_a_worker_was_started(desk, monkeypatch, number):
    """The oldest are left out two at a time here: it is the number of decisions that says which."""
    monkeypatch.setattr(confirmations, "MOST", 4)
    monkeypatch.setattr(confirmations, "STRIDE", 2)
    old = desk.worker()
    for place in range(number):
        desk.decide((SORTING, KEYS, BUILD)[place % 3], f"P{1 + place % 4}", by=f"engineer-{place}")
        ranked(old)
    with transaction(desk.house.engine) as session:
        known = list(confirmations.standing(session, desk.house.now - timedelta(hours=12), PACKS))
    assert [one.person for one in known] == [f"engineer-{place}" for place in range(number)][
        -{4: 4, 5: 3, 6: 4, 7: 3}[number] :
    ]
    assert ranked(old) == ranked(desk.worker())


def test_what_one_person_says_again_of_the_same_text_teaches_once(desk):
    """Other numbers or a greeting make it no other text; another person or another label does (hardening F9)."""
    worker = desk.worker()
    said = "Since {} o'clock the list of our partners in production is sorted wrongly, and users work on as before."
    desk.decide(said.format(7), by="mallory")
    once = ranked(worker)
    for hour in range(8, 12):
        desk.decide(said.format(hour), by="mallory")
    desk.decide(f"Hello! {said.format(12)}", by="mallory")
    assert ranked(worker) == once
    desk.decide(said.format(13), by="mara")
    assert ranked(worker)[1]["P1"] > once[1]["P1"]


def test_what_is_forgotten_or_erased_leaves_no_trace(desk):
    """A request named to `forget` at once; a text deleted behind our back with the next decision."""
    worker = desk.worker()
    clean = ranked(worker)
    forgotten, erased = desk.decide(SORTING), desk.decide(KEYS, "P2", "query")
    assert ranked(worker) != clean
    with transaction(desk.house.engine) as session:
        tables.lessons.forget(session, forgotten, "mara", "asked to", desk.house.now)
    only = ranked(worker)
    said, request = tables.requests.Interaction, tables.requests.Request
    desk.change(update(said).where(said.request_id == erased).values(new_text=""))
    desk.change(update(request).where(request.id == erased).values(subject=""))
    desk.undo(desk.decide(BUILD))
    assert ranked(worker) == clean != only


def test_with_the_setting_off_nothing_is_learnt(desk):
    """A decision is then known to the next training only."""
    worker = desk.worker(at_once=False)
    before = ranked(worker)
    desk.decide()
    assert ranked(worker) == before == plain(desk.trained)


def test_another_artefact_begins_with_what_was_decided_since_it_was_made(desk):
    """What came before was there to be learnt when it was trained; going back to the first brings all of it back."""
    worker = desk.worker()
    desk.decide()
    first = ranked(worker)
    desk.enrol(desk.other)
    assert ranked(worker) == plain(desk.other)
    with transaction(desk.house.engine) as session:
        registry.rollback(session, desk.house.now)
    assert ranked(worker) == first


def test_what_was_decided_while_an_artefact_was_trained_is_new_to_it(desk):
    """Its lessons were collected before: from then on counts."""
    began = desk.house.now
    desk.decide()
    desk.house.now += timedelta(minutes=5)
    desk.enrol(desk.other)
    row_ = tables.lessons.Retraining(started_at=began, made_by="beat", artefact=desk.other.id)
    with transaction(desk.house.engine) as session:
        session.add(row_)
    assert ranked(desk.worker())[1]["P1"] > plain(desk.other)[1]["P1"]


def test_a_decision_that_was_begun_first_and_stored_last_is_learnt_in_its_order(desk):
    """A worker that has learnt the later one already begins again."""
    worker = desk.worker()
    first, late = desk.decide(KEYS, "P1"), desk.house.now
    desk.undo(first)
    with Session(desk.house.engine) as slow:
        version = tables.requests.fetch(slow, first).version
        decide(slow, first, version=version, type="query", priority="P2", reason="", engineer="jon",
               policy=PACKS["wso2"], now=late)  # fmt: skip
        desk.decide(SORTING)
        ranked(worker)
        slow.commit()
    assert ranked(worker, KEYS) == ranked(desk.worker(), KEYS)
    assert ranked(worker, KEYS)[1]["P2"] > plain(desk.trained, KEYS)[1]["P2"]


def test_labels_and_policies_that_are_not_known_teach_nothing(desk):
    """After a pack was changed or taken away, say."""
    request, made = desk.decide(), tables.requests.Request
    desk.change(update(made).where(made.id == request).values(decided_type="wish", decided_priority="P9"))
    assert ranked(desk.worker()) == plain(desk.trained)
    desk.change(update(made).where(made.id == request).values(policy="gone", decided_priority="P1"))
    desk.change(update(tables.requests.Decision).values(policy="gone@1"))
    assert ranked(desk.worker()) == plain(desk.trained)


def test_a_failure_to_learn_harms_no_suggestion(desk, monkeypatch):
    """Neither one of the classifier nor one of reading what was decided."""
    worker = desk.worker()
    before = ranked(worker)

    def fail(*_, **__):
        raise RuntimeError("no")

    with monkeypatch.context() as patch:
        patch.setattr(registry.Guarded, "learn", fail)
        desk.decide()
        assert ranked(worker) == before
    with monkeypatch.context() as patch:
        patch.setattr(confirmations, "standing", fail)
        desk.decide(by="jon")
        assert ranked(worker) == before
    desk.decide(KEYS, "P2", "query")
    assert ranked(desk.worker())[1]["P1"] > before[1]["P1"]


def test_no_job_waits_until_very_much_is_learnt(desk, monkeypatch):
    """What is left comes before the next jobs; then it is known as by whoever learnt it in one go."""
    old = desk.worker()
    for place, said in enumerate((SORTING, KEYS, BUILD)):
        desk.decide(said, f"P{place + 1}")
    slow, learnt = desk.worker(), []
    with monkeypatch.context() as patch:
        patch.setattr(confirmations, "SECONDS", 0.0)
        learnt += [ranked(slow) for _ in range(4)]
    assert learnt[0] != learnt[1] != learnt[2] == learnt[3] == ranked(old)


def test_a_job_that_ends_while_it_learns_leaves_nothing_half_learnt(desk, monkeypatch):
    """Its time was up: the next job begins with the artefact again."""
    worker = desk.worker()
    ranked(worker)
    desk.decide(SORTING, by="mara")
    desk.decide(KEYS, "P2", "query", by="jon")
    learn, calls = registry.Guarded.learn, []

    def slow(self, *said, **more):
        learn(self, *said, **more)
        calls.append(said)
        if len(calls) == 2:
            raise TimeoutError

    monkeypatch.setattr(registry.Guarded, "learn", slow)
    with pytest.raises(TimeoutError):
        worker.get()
    assert ranked(worker) == ranked(desk.worker()) != plain(desk.trained)


def statements(engine, work):
    """The statements that a piece of work takes, with what is filled in."""
    seen = []

    def note(_connection, _cursor, statement, filled, *_):
        seen.append((statement, filled))

    event.listen(engine, "before_cursor_execute", note)
    work()
    event.remove(engine, "before_cursor_execute", note)
    return seen


def test_nothing_new_costs_one_statement_that_reads_no_table_as_a_whole(desk):
    """And one confirmation five more, however many there were before."""
    worker, engine = desk.worker(), desk.house.engine
    worker.get()
    ((asked, filled),) = statements(engine, worker.get)
    with engine.begin() as connection:
        connection.execute(text("set local enable_seqscan = off"))
        plan = "\n".join(connection.exec_driver_sql(f"explain {asked}", filled).scalars())
    assert "Seq Scan on" not in plan
    desk.decide()
    assert len(statements(engine, worker.get)) <= 6


def test_the_candidate_knows_what_the_one_in_force_knew_and_not_what_was_decided_on_its_suggestion(desk):
    """Else it would be asked what it was told: its figures would be worth nothing."""
    desk.enrol(desk.other, promote=False)
    for by in ("mara", "ada", "ben"):
        desk.decide(SORTING, kind="query", by=by)
    worker, house = desk.worker(), desk.house

    def answer(*, policy, **said):
        return suggest(PACKS[policy], worker.get(), **said)

    house.desk = reception.Reception(policies=PACKS, default_policy="wso2", suggest=answer)
    desk.decide(SORTING, kind="incident", by="jon")
    for at_once in (True, False):
        desk.change(text("delete from shadow_scores"))
        shadow.Shadow(house.engine, SECRET, PACKS, at_once=at_once).catch_up(house.now, seconds=60)
        with transaction(house.engine) as session:
            (found,) = session.scalars(select(tables.lessons.ShadowScore.types))
        loaded = classifier.load(desk.other.content, desk.other.digest)
        for _ in range(3 * at_once):
            teach(loaded, {TYPE: "query", PRIORITY: "P1"})
        made = suggest(PACKS["wso2"], loaded, channel=Channel.EMAIL, subject="Help", body=SORTING, language=None)
        assert found == pytest.approx(made.type.all, abs=1e-4)


def test_the_artefact_stays_what_it_is_whatever_was_learnt_from_it(trained):
    """Its bytes loaded again rank as they did."""
    before, loaded = plain(trained), classifier.load(trained.content, trained.digest)
    for _ in range(20):
        teach(loaded, {TYPE: "query", PRIORITY: "P1"})
    assert loaded.rank("wso2", "Help", SORTING, facts.read("Help", SORTING)).priority != before[1]
    assert plain(trained) == before
