"""What a worker does beside the jobs so that the classifier gets better: shadow, drift, and the weekly training."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine

from models import tables
from models.errors import Conflict
from models.store import transaction
from switchboard.settings import Settings
from triage.desk import drift, retraining
from triage.desk.retraining import Outcome, Progress
from triage.desk.shadow import Shadow
from triage.policy import Policy
from workers.app import die_with_parent

SHADOW_SECONDS = 2.0
"""How long one round may score in the shadow."""
DRIFT_EVERY = timedelta(hours=6)
TRAINING_SECONDS = 3600
"""A scheduled training that takes longer is ended; the next one is tried an hour later."""
LOW = 15
"""Niceness of a scheduled training: mails go first."""
COMMAND = (sys.executable, "-m", "switchboard.cli", "classifier", "retrain", "--scheduled")

log = structlog.get_logger()


class Learning:
    """The rounds beat asks for; each does a little and returns."""

    def __init__(self, engine: Engine, secret: str, policies: Mapping[str, Policy], settings: Settings) -> None:
        self._engine = engine
        self._secret = secret
        self._policies = policies
        self._settings = settings
        self._shadow = Shadow(engine, secret, policies, at_once=settings.learn_at_once)
        self._training: subprocess.Popen[bytes] | None = None

    @property
    def every(self) -> timedelta:
        """How often the classifier is trained anew by itself; 0: never."""
        return timedelta(days=self._settings.retrain_days)

    def tick(self) -> int:
        """Measure drift, start a training if one is due, score in the shadow; how many suggestions were scored.

        Raises:
            Unavailable: PostgreSQL is away.

        """
        now = datetime.now(UTC)
        with transaction(self._engine) as session:
            last = tables.lessons.last_drift(session)
            if last is None or now >= last.at + DRIFT_EVERY:
                tables.lessons.report_drift(session, as_json(drift.measure(session, now)), now)
            due = bool(self.every) and retraining.is_due(session, now, self.every)
        if due:
            self._start_training()
        return self._shadow.catch_up(now, seconds=SHADOW_SECONDS)

    def _start_training(self) -> None:
        """Train in a process of its own: it takes longer than a job may, and must not hold a worker's child."""
        if self._training is not None and self._training.poll() is None:
            return
        log.info("training.started", every_days=self._settings.retrain_days)
        self._training = subprocess.Popen(COMMAND, stdin=subprocess.DEVNULL)

    def train_scheduled(self) -> Outcome | None:
        """The weekly training; None if it is not due or under way elsewhere. For a process that does nothing else."""
        stand_back()
        try:
            return self.train(made_by=retraining.BEAT, every=self.every, promotes=self._settings.retrain_promote)
        except Conflict:
            return None

    def train(
        self,
        *,
        made_by: str,
        every: timedelta | None = None,
        promotes: bool = False,
        progress: Progress | None = None,
    ) -> Outcome | None:
        """Train a candidate now.

        Raises:
            Conflict: another retraining is under way.

        """
        return retraining.retrain(
            self._engine,
            self._policies,
            secret=self._secret,
            made_by=made_by,
            clock=lambda: datetime.now(UTC),
            every=every,
            promotes=promotes,
            progress=progress,
        )


def stand_back() -> None:
    """Let this process go last, end with its parent and after an hour, and have the memory a training needs."""
    os.nice(LOW)
    die_with_parent()
    signal.alarm(TRAINING_SECONDS)
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def as_json(measures: list[drift.Measure]) -> dict[str, Any]:
    """Measures as they are stored and printed."""
    return {"measures": [asdict(one) for one in measures]}
