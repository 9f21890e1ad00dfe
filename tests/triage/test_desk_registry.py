"""The registry: signed bytes or none, swapped between two jobs, refused without harm."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from uuid import uuid4

import joblib
import pytest
import sklearn
from sqlalchemy import Engine, select, update

from models import tables
from models.errors import ArtefactRefused, NotFound
from models.store import transaction
from models.terms import ArtefactState, Channel, Interaction, JobKind
from triage import policy, training
from triage.desk import learning, registry
from triage.desk.reception import Reception, receive, suggest_for
from triage.suggest import suggest
from triage.training import Trained

PACKS = policy.load_packs()
SECRET = "only-for-this-test-only-for-this-test"


@pytest.fixture(scope="session")
def other(examples) -> Trained:
    """Another artefact of the small corpus."""
    return training.train(examples[:24], {"wso2": PACKS["wso2"]})


def enrol(engine: Engine, trained: Trained, now, *, promote=False, **more) -> str:
    """Add an artefact to the registry of a database, perhaps in force."""
    with transaction(engine) as session:
        row = registry.enrol(session, trained, dict(trained.metrics), secret=SECRET, now=now, **more)
        if promote:
            registry.promote(session, row.id, now)
        return row.id


def tamper(engine: Engine, artefact: str, **values) -> None:
    """Change an artefact's row behind the registry's back."""
    table = tables.artefacts.Artefact
    with transaction(engine) as session:
        session.execute(update(table).where(table.id == artefact).values(**values))


def refusal(engine: Engine, artefact: str) -> str | None:
    """Why workers refuse an artefact, as the registry has it."""
    with transaction(engine) as session:
        return session.get_one(tables.artefacts.Artefact, artefact).refusal


def write(engine: Engine, now, text="Production is down and nobody can log in.") -> None:
    """Leave a request for a worker to suggest for."""
    desk = Reception(policies=PACKS, default_policy="wso2")
    with transaction(engine) as session:
        said = Interaction(
            source=f"mail:{uuid4()}",
            channel=Channel.EMAIL,
            received_at=now,
            subject="Help",
            new_text=text,
            language="en",
        )
        receive(session, said, now, reception=desk)


class Worker:
    """What a worker does with the suggestions that are waiting."""

    def __init__(self, engine: Engine, now) -> None:
        """A worker of its own, with an artefact of its own in memory."""
        self.engine, self.now = engine, now
        self.running = registry.Running(engine, SECRET, PACKS)
        self.desk = Reception(policies=PACKS, default_policy="wso2", suggest=self.suggest)

    def suggest(self, *, policy, **said):
        """Suggest with the artefact in force."""
        return suggest(PACKS[policy], self.running.get(), **said)

    def work(self) -> int:
        """Do every job that nobody else does; how many."""
        done = 0
        while True:
            with transaction(self.engine) as session:
                job = tables.jobs.claim(session, timedelta(seconds=30))
            if job is None:
                return done
            assert job.kind is JobKind.REQUEST_SUGGEST
            with transaction(self.engine) as session:
                suggest_for(session, job.subject, self.now, reception=self.desk)
                tables.jobs.finish(session, job.id, job.attempts)
            done += 1


def suggested_by(engine: Engine) -> list[str | None]:
    """The artefacts of all suggestions, oldest first."""
    with transaction(engine) as session:
        made = tables.requests.Suggestion
        return list(session.scalars(select(made.artefact).order_by(made.id)))


class Malicious:
    """Makes a directory when unpickled."""

    def __init__(self, path) -> None:
        """`path` is what it makes."""
        self.path = path

    def __reduce__(self):
        """What a pickle would run."""
        return (os.mkdir, (str(self.path),))


def pickled(thing) -> bytes:
    """The bytes of an artefact file with this in it."""
    buffer = BytesIO()
    joblib.dump(thing, buffer)
    return buffer.getvalue()


def test_a_malicious_artefact_is_not_opened_and_the_one_before_works_on(engine, trained, now, tmp_path):
    """Whoever can write rows but has not the secret runs no code; the worker keeps what it has, and says so (F1)."""
    good = enrol(engine, trained, now, promote=True)
    running = registry.Running(engine, SECRET, PACKS)
    assert running.get().id == good
    evil = pickled(Malicious(tmp_path / "pwned"))
    with transaction(engine) as session:
        digest = sha256(evil).hexdigest()
        row = tables.artefacts.Artefact(
            id="sb-evil",
            digest=digest,
            signature=registry.sign(digest, "another-secret-another-secret-another"),
            content=evil,
            sklearn_version=sklearn.__version__,
            fingerprint="",
            metrics={},
            state=ArtefactState.CANDIDATE,
            created_at=now,
        )
        session.add(row)
        session.flush()
        tables.artefacts.promote(session, row, now)
    assert running.get().id == good
    assert registry.Running(engine, SECRET, PACKS).get() is None
    assert not (tmp_path / "pwned").exists()
    assert "signature" in refusal(engine, "sb-evil")


def test_bytes_swapped_after_signing_are_not_opened(engine, trained, now, tmp_path):
    """The bytes that are hashed are those that are loaded: signed or not, others are refused (F1, F2)."""
    name = enrol(engine, trained, now, promote=True)
    tamper(engine, name, content=pickled(Malicious(tmp_path / "pwned")))
    assert registry.Running(engine, SECRET, PACKS).get() is None
    assert not (tmp_path / "pwned").exists()
    assert "digest" in refusal(engine, name)


def test_the_bytes_are_read_once(engine, trained, now, monkeypatch):
    """What is verified and what is loaded come from one read, so that nothing changes in between (F2)."""
    name = enrol(engine, trained, now, promote=True)
    reads = []
    read = tables.artefacts.content
    monkeypatch.setattr(tables.artefacts, "content", lambda *given: reads.append(given[1]) or read(*given))
    assert registry.Running(engine, SECRET, PACKS).get().id == name
    assert reads == [name]


@pytest.mark.parametrize("share", [0, 0.5, 0.999])
def test_a_half_written_artefact_leaves_the_one_before_at_work(engine, trained, other, now, share):
    """Empty or truncated bytes are refused, and the registry says so (F3)."""
    enrol(engine, trained, now, promote=True)
    running = registry.Running(engine, SECRET, PACKS)
    running.get()
    name = enrol(engine, other, now, promote=True)
    tamper(engine, name, content=other.content[: int(len(other.content) * share)])
    assert running.get().id == trained.id
    assert refusal(engine, name)


def test_a_promotion_that_is_not_committed_is_not_seen(engine, trained, other, now):
    """The swap is one transaction: nobody sees half of it (F3)."""
    enrol(engine, trained, now, promote=True)
    enrol(engine, other, now)
    running = registry.Running(engine, SECRET, PACKS)
    with transaction(engine) as session:
        registry.promote(session, other.id, now)
        assert running.get().id == trained.id
    assert running.get().id == other.id


def test_another_scikit_learn_refuses_and_the_right_one_takes_it_back(engine, trained, now, monkeypatch):
    """An artefact of another version is refused and marked; the right one loads it and clears that (F4)."""
    name = enrol(engine, trained, now, promote=True)
    with monkeypatch.context() as patch:
        patch.setattr(sklearn, "__version__", "0.0.1")
        patch.setattr(sklearn.base, "__version__", "0.0.1")
        assert registry.Running(engine, SECRET, PACKS).get() is None
    assert "version" in refusal(engine, name)
    assert registry.Running(engine, SECRET, PACKS).get().id == name
    assert refusal(engine, name) is None


def test_without_an_artefact_requests_are_taken_in_and_stay_unclassified(engine, now):
    """No classifier: the suggestion abstains, the request is there to be decided (F5)."""
    write(engine, now)
    assert Worker(engine, now).work() == 1
    with transaction(engine) as session:
        made = session.scalars(select(tables.requests.Suggestion)).one()
    assert (made.artefact, made.content["abstained"]) == (None, True)
    assert made.content["abstained_because"]


def promoted_under_load(engine, now, first, second) -> str:
    """Write a hundred requests while artefacts are promoted, one of them broken; gives its id."""
    broken = ""
    for place in range(100):
        write(engine, now)
        if place % 20 == 10:
            with transaction(engine) as session:
                registry.promote(session, second if place % 40 == 10 else first, now)
        if place == 60:
            broken = enrol(engine, broken_artefact(now), now, promote=True)
    with transaction(engine) as session:
        registry.promote(session, second, now)
    return broken


def test_promoting_under_load_drops_no_job_and_later_ones_carry_the_new_artefact(engine, trained, other, now):
    """Two workers suggest for a hundred requests while artefacts are promoted, one of them broken (G5)."""
    first, second = enrol(engine, trained, now, promote=True), enrol(engine, other, now)
    workers = [Worker(engine, now), Worker(engine, now)]
    stop = threading.Event()

    def run(worker: Worker) -> int:
        done = 0
        while not stop.is_set():
            done += worker.work()
        return done + worker.work()

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(run, worker) for worker in workers]
        try:
            broken = promoted_under_load(engine, now, first, second)
        finally:
            stop.set()
        done = [one.result() for one in running]
    made = suggested_by(engine)
    assert (sum(done), len(made)) == (100, 100)
    assert set(made) == {first, second}
    assert broken not in made
    write(engine, now)
    assert [worker.work() for worker in workers] == [1, 0]
    assert suggested_by(engine)[-1] == second


def broken_artefact(now) -> Trained:
    """Bytes that are no artefact, rightly signed."""
    content = f"no artefact {now}".encode()
    digest = sha256(content).hexdigest()
    return Trained(id="sb-broken", content=content, digest=digest, sklearn_version="", fingerprint="", metrics={})


def test_two_workers_take_a_promotion_each_before_its_next_job(engine, trained, other, now):
    """Neither has to be restarted, and neither waits for the other."""
    enrol(engine, trained, now, promote=True)
    workers = [registry.Running(engine, SECRET, PACKS), registry.Running(engine, SECRET, PACKS)]
    assert [one.get().id for one in workers] == [trained.id] * 2
    enrol(engine, other, now, promote=True)
    assert [one.get().id for one in workers] == [other.id] * 2
    with transaction(engine) as session:
        assert registry.rollback(session, now).id == trained.id
    assert [one.get().id for one in workers] == [trained.id] * 2


def test_an_artefact_is_loaded_once_however_often_it_is_asked_for(engine, trained, now, monkeypatch):
    """A refused one too: nothing is tried again before each job."""
    name = enrol(engine, trained, now, promote=True)
    tamper(engine, name, signature="not ours")
    loads = []
    load = registry.load
    monkeypatch.setattr(registry, "load", lambda *given, **more: loads.append(1) or load(*given, **more))
    running = registry.Running(engine, SECRET, PACKS)
    assert [running.get() for _ in range(5)] == [None] * 5
    assert len(loads) == 1


def test_an_artefact_that_is_signed_anew_is_taken_up_by_workers_that_refused_it(engine, trained, now):
    """After the installation's secret changed and somebody retrained: without a restart."""
    with transaction(engine) as session:
        registry.enrol(session, trained, dict(trained.metrics), secret="the former secret", now=now)
        registry.promote(session, trained.id, now)
    running = registry.Running(engine, SECRET, PACKS)
    assert running.get() is None
    enrol(engine, trained, now)
    assert running.get().id == trained.id


def test_an_artefact_says_what_it_was_made_from(session, trained, now):
    """Sources, who, a profile; enrolling the same again signs it with the secret of now and keeps its state."""
    lessons = learning.of_seed(PACKS)
    made = registry.enrol(
        session, trained, {"n": 1}, secret="old", now=now, lessons=lessons, profile={"words": {}}, made_by="mara"
    )
    registry.promote(session, made.id, now)
    again = registry.enrol(session, trained, {"n": 2}, secret=SECRET, now=now + timedelta(days=1))
    assert (again.made_by, again.counts, again.basis) == ("mara", lessons.counts, lessons.basis)
    assert (again.state, again.created_at, again.metrics) == (ArtefactState.RUNNING, now, {"n": 1})
    assert registry.load(session, again, secret=SECRET, policies=PACKS).id == trained.id


def test_what_is_unknown_cannot_be_promoted_nor_rolled_back_to(session, now):
    """With a line that says where to look."""
    with pytest.raises(NotFound, match="classifier list"):
        registry.promote(session, "sb-nosuch", now)
    with pytest.raises(NotFound, match="no earlier"):
        registry.rollback(session, now)


def bare(session, name: str, now) -> None:
    """Put an artefact without content in force."""
    row = tables.artefacts.Artefact(
        id=name,
        digest="",
        signature="",
        content=b"x",
        sklearn_version="",
        fingerprint="",
        metrics={},
        state=ArtefactState.CANDIDATE,
        created_at=now,
    )
    session.add(row)
    session.flush()
    tables.artefacts.promote(session, row, now)


def test_going_back_twice_goes_further_back(session, now):
    """Not to what the first time took away, unless somebody promotes that again."""
    for place, name in enumerate(("sb-a", "sb-b", "sb-c")):
        bare(session, name, now + timedelta(days=place))
    later = now + timedelta(days=9)
    assert [registry.rollback(session, later).id for _ in range(2)] == ["sb-b", "sb-a"]
    with pytest.raises(NotFound, match="no earlier"):
        registry.rollback(session, later)
    assert tables.artefacts.running_id(session) == "sb-a"
    registry.promote(session, "sb-c", later)
    assert registry.rollback(session, later).id == "sb-a"


def test_nothing_goes_back_to_what_is_refused_or_holds_erased_requests(session, now):
    """The one before those is put back."""
    for place, name in enumerate(("sb-a", "sb-erased", "sb-refused", "sb-now")):
        bare(session, name, now + timedelta(days=place))
    session.get_one(tables.artefacts.Artefact, "sb-erased").taught = [uuid4()]
    tables.artefacts.refuse(session, "sb-refused", "another version")
    session.flush()
    assert registry.rollback(session, now + timedelta(days=9)).id == "sb-a"


def test_pruning_keeps_what_may_be_wanted_and_nothing_that_was_taught_what_is_gone(session, now):
    """The one in force, five before it, three candidates; those taught erased requests go with their bytes."""
    for place in range(14):
        state = ArtefactState.RETIRED if place < 8 else ArtefactState.CANDIDATE
        session.add(
            tables.artefacts.Artefact(
                id=f"sb-{place:02}",
                digest="",
                signature="",
                content=b"x",
                sklearn_version="",
                fingerprint="",
                metrics={},
                state=ArtefactState.RUNNING if place == 13 else state,
                created_at=now + timedelta(days=place),
                promoted_at=now + timedelta(days=place) if place < 8 else None,
            )
        )
    session.flush()
    gone = registry.prune(session, ["sb-07", "sb-12", "sb-13"])
    assert sorted(gone) == ["sb-00", "sb-01", "sb-07", "sb-08", "sb-12"]
    left = {row.id for row in tables.artefacts.every(session)}
    assert left == {f"sb-{place:02}" for place in (2, 3, 4, 5, 6, 9, 10, 11, 13)}


def test_loading_by_hand_says_what_is_wrong(session, trained, now):
    """The reason is in the error, for whoever promotes."""
    row = registry.enrol(session, trained, {}, secret="another", now=now)
    with pytest.raises(ArtefactRefused, match="signature"):
        registry.load(session, row, secret=SECRET, policies=PACKS)
