"""Celery: tasks that drain the jobs, watch requests and do chores, beat for all, and a wake-up that may be lost."""

import ctypes
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import structlog
from celery import Celery
from celery.signals import after_task_publish, worker_init, worker_process_init

from models.errors import Unavailable

DRAIN = "switchboard.drain"
WATCH = "switchboard.watch"
CHORE = "switchboard.chore.{}"
CHORE_SECONDS = 60.0
"""How often beat asks for each chore."""
TASK_SECONDS = 90
"""A drain that hangs in C code longer than this is killed with its process; the sweep finds its job."""
QUEUE = "switchboard"
JOB_BYTES = 1 << 30
"""What one job may allocate: the worst mail known needs a third of it."""
WAKE_PAUSE = 0.1
"""Seconds between two messages: each costs as much as a small webhook, and one finds all jobs there are."""
PR_SET_PDEATHSIG = 1
"""prctl(2): the signal a process gets when its parent dies."""

log = structlog.get_logger()


def build(
    redis_url: str,
    *,
    drain: Callable[[], int],
    sweep_seconds: float,
    processes: int,
    watch: Callable[[], int] | None = None,
    watch_seconds: float | None = None,
    chores: Mapping[str, Callable[[], int]] = MappingProxyType({}),
    before_fork: Callable[[], None] | None = None,
    after_fork: Callable[[], None] | None = None,
) -> Celery:
    """The Celery application; nothing is connected until it is used.

    Beat asks for `drain` every `sweep_seconds`, for `watch` every `watch_seconds` (none: as often), and for each of
    the `chores` every minute.
    `before_fork` runs once in a worker's parent (load what children share), `after_fork` in each
    child (drop what must not be shared).
    """
    app = Celery("switchboard", broker=broker_url(redis_url), set_as_current=False)
    app.conf.update(
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={"socket_connect_timeout": 2, "socket_keepalive": True, "health_check_interval": 10},
        task_ignore_result=True,
        task_default_queue=QUEUE,
        task_time_limit=TASK_SECONDS,
        worker_concurrency=processes,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        timezone="UTC",
        beat_scheduler="celery.beat:Scheduler",
        beat_max_loop_interval=sweep_seconds,
    )
    _repeat(app, "sweep", DRAIN, drain, sweep_seconds)
    if watch is not None:
        _repeat(app, "watch", WATCH, watch, watch_seconds or sweep_seconds)
    for name, work in chores.items():
        _repeat(app, name, CHORE.format(name), work, CHORE_SECONDS)
    worker_process_init.connect(lambda **_: die_with_parent(), weak=False)
    worker_process_init.connect(lambda **_: confine_memory(JOB_BYTES), weak=False)
    if before_fork is not None:
        worker_init.connect(lambda **_: before_fork(), weak=False)
    if after_fork is not None:
        worker_process_init.connect(lambda **_: after_fork(), weak=False)
    return app


def _repeat(app: Celery, name: str, task: str, work: Callable[[], int], seconds: float) -> None:
    """Have beat ask for some work again and again; what no worker took until the next time is forgotten."""

    def run() -> int:
        try:
            return work()
        except Unavailable as error:
            log.warning("task.postponed", task=task, reason=type(error.__cause__ or error).__name__)
            return 0

    app.task(name=task, shared=False)(run)
    schedule = {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 1.0)}}
    app.conf.beat_schedule = {**app.conf.beat_schedule, name: schedule}


def die_with_parent() -> None:
    """Ask Linux to end this process when its parent dies, so that a killed worker leaves no orphans at work."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def confine_memory(room: int) -> None:
    """Let this process allocate so many bytes more than it has, and no further.

    A job that wants more fails with MemoryError and is parked in the end, instead of calling the
    kernel's OOM killer on whoever is near. Linux only: elsewhere the limit counts other things.
    """
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text()
        held = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData:"))
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (held + room, most))


def broker_url(redis_url: str) -> str:
    """Celery's spelling of a Redis URL (a Unix socket is `redis+socket://` there)."""
    if redis_url.startswith("unix://"):
        return "redis+socket://" + redis_url.removeprefix("unix://")
    return redis_url


class Waker:
    """Tells a worker that there are jobs: one message at a time and then a pause, never blocking, never raising.

    A lost message costs a sweep interval, no more: PostgreSQL holds the work.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._asked = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def __call__(self) -> None:
        """Ask for a drain."""
        self._asked.set()
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._publish, name="waker", daemon=True)
                    self._thread.start()

    def _publish(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            try:
                self._app.send_task(DRAIN, retry=False, expires=60)
            except Exception as error:  # noqa: BLE001 - Redis may be away in many ways; the sweep finds the jobs
                log.warning("worker.not_woken", error=type(error).__name__)
            time.sleep(WAKE_PAUSE)


def run_worker(app: Celery, *, processes: int, log_level: str) -> None:
    """Run a Celery worker until it is told to stop; it reconnects to Redis by itself."""
    app.worker_main(
        ["worker", f"--concurrency={processes}", f"--loglevel={log_level}", "--without-mingle", "--without-gossip"]
    )


def run_beat(app: Celery, *, log_level: str, pulse: Path) -> None:
    """Run Celery beat until it is told to stop; the file `pulse` is touched at each sweep."""
    after_task_publish.connect(lambda **_: pulse.touch(), weak=False)
    app.Beat(loglevel=log_level, schedule=None, pidfile=None).run()


def answers(app: Celery) -> bool:
    """Whether any worker answers a ping within two seconds."""
    try:
        return bool(app.control.ping(timeout=2.0))
    except Exception:  # noqa: BLE001 - no Redis, no answer
        return False
