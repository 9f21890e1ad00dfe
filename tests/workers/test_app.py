"""Celery carries a wake-up only: it may be lost, and Redis may be away."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from models.errors import Unavailable
from switchboard import embedded
from workers import app as celery_app


@pytest.fixture
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Instance]:
    """A real Redis on a Unix socket."""
    instance = embedded.Instance(directory=tmp_path_factory.mktemp("r"))
    instance.sockets.mkdir()
    server = subprocess.Popen(embedded.redis_command(instance), stdout=subprocess.DEVNULL)
    embedded.wait_for_redis(instance)
    yield instance
    server.kill()
    server.wait()


def build(url: str, **values):
    """An application whose drain does nothing."""
    return celery_app.build(url, drain=lambda: 0, sweep_seconds=5, processes=1, **values)


def waiting(instance: embedded.Instance) -> int:
    """How many messages lie in the queue."""
    client = redis.Redis(unix_socket_path=str(instance.redis_socket))
    try:
        return int(client.llen(celery_app.QUEUE))
    finally:
        client.close()


def test_a_wake_up_reaches_the_queue(redis_server: embedded.Instance):
    """One message tells a worker that there are jobs."""
    wake = celery_app.Waker(build(redis_server.redis_url))
    wake()
    deadline = time.monotonic() + 10
    while not waiting(redis_server) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert waiting(redis_server) == 1


def test_waking_without_redis_neither_blocks_nor_raises(tmp_path: Path):
    """A gateway accepts mail while Redis is away."""
    wake = celery_app.Waker(build(f"unix://{tmp_path}/nobody.sock"))
    started = time.monotonic()
    for _ in range(100):
        wake()
    assert time.monotonic() - started < 60
    assert any(thread.name == "waker" and thread.daemon for thread in threading.enumerate())


def test_no_worker_no_answer(tmp_path: Path):
    """Health says no, not an error, where Redis is away."""
    assert celery_app.answers(build(f"unix://{tmp_path}/nobody.sock")) is False


@pytest.mark.parametrize(
    ("ours", "celerys"),
    [
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock"),
        ("redis://cache:6379/0", "redis://cache:6379/0"),
    ],
)
def test_the_broker_url_is_spelt_celerys_way(ours: str, celerys: str):
    """Unix sockets have another scheme there."""
    assert celery_app.broker_url(ours) == celerys


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count this limit differently")
def test_a_job_that_wants_too_much_memory_fails_alone():
    """It gets a MemoryError that can be recorded; the process lives on."""
    code = """
from workers.app import confine_memory
confine_memory(64 << 20)
try:
    bytearray(256 << 20)
except MemoryError:
    print("refused, and still here")
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "refused, and still here\n"


def test_beat_asks_to_learn_every_minute():
    """A round that no worker took until the next one is forgotten: learning never piles up before mails."""
    app = build("redis://nobody", chores={"learn": lambda: 3})
    assert app.conf.beat_schedule["learn"] == {
        "task": celery_app.CHORE.format("learn"),
        "schedule": 60.0,
        "options": {"expires": 60.0},
    }
    assert app.tasks[celery_app.CHORE.format("learn")]() == 3


def test_beat_asks_to_drain_and_to_watch():
    """Each at its own pace; what no worker took until the next time expires, so that nothing piles up."""
    schedule = build("redis://nobody", watch=lambda: 7, watch_seconds=2.0).conf.beat_schedule
    assert schedule == {
        "sweep": {"task": celery_app.DRAIN, "schedule": 5, "options": {"expires": 5}},
        "watch": {"task": celery_app.WATCH, "schedule": 2.0, "options": {"expires": 2.0}},
    }
    assert build("redis://nobody", watch=lambda: 7).conf.beat_schedule["watch"]["schedule"] == 5
    assert set(build("redis://nobody").conf.beat_schedule) == {"sweep"}


def test_a_watch_says_how_many_it_looked_at_and_waits_while_postgresql_is_away():
    """An outage is no failed task: the next beat asks again."""
    assert build("redis://nobody", watch=lambda: 7).tasks[celery_app.WATCH]() == 7

    def away() -> int:
        raise Unavailable("no connection")

    app = celery_app.build("redis://nobody", drain=away, sweep_seconds=5, processes=1, watch=away)
    assert (app.tasks[celery_app.WATCH](), app.tasks[celery_app.DRAIN]()) == (0, 0)


@pytest.mark.parametrize(
    ("cause", "named"), [(OperationalError("select 1", {}, Exception()), "OperationalError"), (None, "Unavailable")]
)
def test_work_that_is_put_off_says_what_did_not_answer(cause, named):
    """It need not be PostgreSQL; no words of the error, which may hold a number, stand in the log."""

    def work() -> int:
        raise Unavailable("no answer about +493055500137") from cause

    app = build("redis://127.0.0.1:1/0", chores={"sample": work})
    with capture_logs() as told:
        assert app.tasks[celery_app.CHORE.format("sample")]() == 0
    assert told == [
        {"event": "task.postponed", "log_level": "warning", "task": "switchboard.chore.sample", "reason": named}
    ]
