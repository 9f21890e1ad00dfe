"""What a worker does beside its jobs: it scores in the shadow, measures drift, and has the classifier trained."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from models import tables
from models.errors import Conflict
from models.store import transaction
from models.terms import ArtefactState, Channel, Interaction
from switchboard import learning
from switchboard.lines import Sites, Switchboard
from switchboard.metrics import exposition
from switchboard.settings import Settings
from triage import training
from triage.desk import learning as lessons
from triage.desk import registry, retraining

SECRET = "only-for-this-test-only-for-this-test"
OLD = timedelta(days=30)


@pytest.fixture
def house(database_url, tmp_path):
    """A house that has never trained anything."""
    settings = Settings(_env_file=None, data_dir=tmp_path)
    made = Switchboard(settings, Sites(database_url=database_url, redis_url="redis://127.0.0.1:1/0", secret=SECRET))
    yield made
    made.engine.dispose()


@pytest.fixture
def started(monkeypatch):
    """The processes that were started, and whether they still run."""
    found = []

    class Process:
        running = True

        def __init__(self, command, **_):
            found.append(command)

        def poll(self):
            return None if self.running else 0

    monkeypatch.setattr(subprocess, "Popen", Process)
    found.append(Process)
    return found


def enrol(house, **more):
    """An artefact in force that is a month old."""
    given = {"refusal": None, **more}
    with transaction(house.engine) as session:
        row = tables.artefacts.Artefact(
            id="sb-1",
            digest="",
            signature="",
            content=b"",
            sklearn_version="",
            fingerprint="",
            metrics={},
            state=ArtefactState.RUNNING,
            created_at=datetime.now(UTC) - OLD,
            **given,
        )
        session.add(row)


def test_a_round_measures_drift_a_few_times_a_day_and_not_each_minute(house, started):
    """The measurement is kept for the metrics."""
    enrol(house)
    assert [house.learn() for _ in range(3)] == [0, 0, 0]
    with transaction(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(tables.lessons.DriftReport)) == 1
        last = tables.lessons.last_drift(session)
    assert {"input_words", "languages"} <= {one["name"] for one in last.content["measures"]}


def test_an_overdue_training_is_started_once_while_it_runs(house, started):
    """In a process of its own; when that has ended and it is still due, another."""
    enrol(house)
    process = started.pop()
    house.learn()
    house.learn()
    assert started == [learning.COMMAND]
    process.running = False
    house.learn()
    assert started == [learning.COMMAND] * 2


def test_training_by_itself_can_be_switched_off(house, started, tmp_path):
    """Zero days: only a person's command trains."""
    enrol(house)
    process = started.pop()
    quiet = learning.Learning(house.engine, SECRET, house.policies, Settings(_env_file=None, retrain_days=0))
    quiet.tick()
    assert started == []
    assert process.running


def test_a_young_artefact_is_left_alone(house, started):
    """Nothing is due in the first week."""
    started.pop()
    enrol(house)
    with transaction(house.engine) as session:
        tables.artefacts.running(session).created_at = datetime.now(UTC) - timedelta(days=6)
    house.learn()
    assert started == []


def test_a_second_scheduled_training_leaves_it_to_the_first(house, monkeypatch):
    """Two beats, two workers: whoever has not the lock ends in peace."""
    monkeypatch.setattr(learning, "stand_back", lambda: None)

    def busy(*_, **__):
        raise Conflict(public="Another retraining is under way")

    monkeypatch.setattr(retraining, "retrain", busy)
    assert house.learning.train_scheduled() is None


@pytest.mark.skipif(sys.platform != "linux", reason="other systems know no such limits")
def test_a_scheduled_training_stands_back():
    """It goes last, ends after an hour at the latest, and may have the memory that a job may not."""
    program = (
        "import os, resource, signal\n"
        "from switchboard.learning import stand_back\n"
        "from workers.app import confine_memory\n"
        "confine_memory(64 << 20)\n"
        "stand_back()\n"
        "print(os.nice(0), 0 < signal.alarm(0) <= 3600)\n"
        "bytearray(256 << 20)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == f"{min(os.nice(0) + learning.LOW, 19)} True\n"


def test_the_process_that_is_started_trains_what_is_due(house, database_url, monkeypatch, tmp_path):
    """The command line as beat has it run, on this database: here it finds nothing new, and says so."""
    small = training.train(lessons.of_seed(house.policies).examples[:20], house.policies)
    with transaction(house.engine) as session:
        known = lessons.of_seed(house.policies)
        made = registry.enrol(session, small, {}, secret=SECRET, now=datetime.now(UTC) - OLD, lessons=known)
        registry.promote(session, made.id, datetime.now(UTC))
    for name, value in (
        ("DATABASE_URL", database_url),
        ("REDIS_URL", "redis://127.0.0.1:1/0"),
        ("SECRET_KEY", SECRET),
        ("DATA_DIR", str(tmp_path)),
    ):
        monkeypatch.setenv(f"SWITCHBOARD_{name}", value)
    house.learn()
    deadline = time.monotonic() + 90
    while house.learning._training.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert house.learning._training.returncode == 0
    with transaction(house.engine) as session:
        last = tables.lessons.last_retraining(session)
    assert (last.made_by, last.failed) == (retraining.BEAT, False)
    assert "nothing to do" in last.outcome


def write(house, place=0) -> None:
    """Take in a mail for which a worker is to suggest."""
    at = datetime.now(UTC)
    said = Interaction(
        source=f"mail:{uuid4()}",
        channel=Channel.EMAIL,
        received_at=at,
        subject="Help",
        new_text=f"In production the export of report {place} fails for some of us.",
        language="en",
    )
    with transaction(house.engine) as session:
        house.receive(session, said, at)


def suggested_by(house) -> list[str | None]:
    """The artefacts of all suggestions, oldest first."""
    with transaction(house.engine) as session:
        made = tables.requests.Suggestion
        return list(session.scalars(select(made.artefact).order_by(made.id)))


def test_a_worker_suggests_with_one_scores_with_the_other_and_swaps(house, started):
    """The whole way: a job, the candidate in the shadow, a promotion before the next job, a broken one after it."""
    corpus = [one for one in lessons.of_seed(house.policies).examples if one.policy == "wso2"]
    small, other = (training.train(corpus[:size], house.policies) for size in (24, 30))
    with transaction(house.engine) as session:
        for trained in (small, other):
            registry.enrol(session, trained, {}, secret=SECRET, now=datetime.now(UTC))
        registry.promote(session, small.id, datetime.now(UTC))
    write(house)
    assert (house.drain(), house.learn()) == (1, 1)
    with transaction(house.engine) as session:
        (score,) = session.scalars(select(tables.lessons.ShadowScore))
        assert (score.artefact, score.error) == (other.id, None)
        assert score.priorities
        registry.promote(session, other.id, datetime.now(UTC))
    write(house)
    house.drain()
    with transaction(house.engine) as session:
        row = registry.promote(session, small.id, datetime.now(UTC))
        row.content = b"half of it"
    write(house)
    house.drain()
    assert suggested_by(house) == [small.id, other.id, other.id]
    assert b"switchboard_classifier_refused 1.0" in exposition(house.engine)


def test_prometheus_reads_drift_and_refusal(house, started):
    """What could not be said is absent, not zero; no artefact counts as refused."""
    assert b"switchboard_classifier_refused 1.0" in exposition(house.engine)
    enrol(house)
    assert b"switchboard_classifier_refused 0.0" in exposition(house.engine)
    measures = [
        {"name": "languages", "value": 0.5, "limit": 0.2, "drifted": True},
        {"name": "input_words", "value": None, "limit": None, "drifted": None},
    ]
    with transaction(house.engine) as session:
        tables.lessons.report_drift(session, {"measures": measures}, datetime.now(UTC))
        tables.artefacts.refuse(session, "sb-1", "half a file")
    said = exposition(house.engine)
    for line in (
        b'switchboard_classifier_drift{measure="languages"} 0.5',
        b'switchboard_classifier_drift_limit{measure="languages"} 0.2',
        b'switchboard_classifier_drifted{measure="languages"} 1.0',
        b"switchboard_classifier_refused 1.0",
        b"switchboard_classifier_gone_requests 0.0",
    ):
        assert line in said
    assert b"input_words" not in said
