"""Everything the classifier's page and its JSON say: what is in force, what waits, and how they do."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.classifier_figures import WEEK, WEEKS, Measurement, Week
from console.deps import Desk
from models import tables
from models.terms import ArtefactState, TriageState, Verdict
from triage.classifier import PRIORITY, TYPE
from triage.desk import decision, learning, promotion, retraining, shadow
from triage.desk.drift import ENOUGH_DECISIONS
from triage.desk.promotion import Comparison
from triage.desk.scoring import Scored, measured, scored
from triage.desk.shadow import Beside
from triage.policy import Policy

MOST = 2000
"""Decisions that live figures are measured on at most, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """An artefact of the registry; `gone` is how many requests it was taught that were erased since."""

    row: tables.artefacts.Artefact
    gone: int
    compared: Comparison | None

    @property
    def other_library(self) -> str:
        """The scikit-learn it was made with, if another one is installed here; else empty."""
        return "" if self.row.sklearn_version == version("scikit-learn") else self.row.sklearn_version

    @property
    def is_promotable(self) -> bool:
        """Whether it may be asked to be put in force; what cannot be loaded never is."""
        return self.row.state is not ArtefactState.RUNNING and not self.row.refusal and not self.other_library

    @property
    def wrong(self) -> tuple[tuple[str, str], ...]:
        """What is wrong with it, each with how bad: `bad` keeps it from work, `warn` is for a person to weigh."""
        found = []
        if self.row.refusal:
            found.append(("bad", f"refused: {self.row.refusal}"))
        elif self.other_library:
            found.append(("bad", f"made with scikit-learn {self.other_library}, which is not the one installed"))
        if self.gone:
            whose = "1 request that is" if self.gone == 1 else f"{self.gone} requests that are"
            found.append(("warn", f"was taught {whose} gone; the next training replaces it"))
        worse = self.compared.reasons if self.compared and self.is_promotable else ()
        return (*found, *(("warn", f"worse: {reason}") for reason in worse))


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """How the artefact in force did on requests it was shown for: `figures` on so many `decided`, None without any."""

    decided: int
    figures: Measurement | None

    @property
    def is_enough(self) -> bool:
        """Whether there are enough decisions to go by."""
        return self.decided >= ENOUGH_DECISIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """When it was last trained anew, and when it will be: `due` is None while it is due now, or never by itself.

    `fresh` is how many requests were decided since the artefact in force was made.
    """

    every: timedelta
    promotes: bool
    is_due: bool
    due: datetime | None
    last: tables.lessons.Retraining | None
    is_under_way: bool
    fresh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The classifier as it stands. `versions` are the newest first, `weeks` the oldest first."""

    running: Version | None
    live: Live
    previous: str | None
    versions: tuple[Version, ...]
    candidate: Version | None
    beside: Beside | None
    drift: tables.lessons.DriftReport | None
    weeks: tuple[Week, ...]
    training: Training

    @property
    def needed(self) -> int:
        """Live decisions from which on a candidate is judged by them."""
        return shadow.ENOUGH

    @property
    def in_force(self) -> str:
        """The id of the artefact in force; empty where there is none."""
        return self.running.row.id if self.running else ""

    def version(self, artefact: str) -> Version | None:
        """The version with this id, if the registry has it."""
        return next((one for one in self.versions if one.row.id == artefact), None)

    @property
    def changes(self) -> list[datetime]:
        """When artefacts were put in force."""
        return [one.row.promoted_at for one in self.versions if one.row.promoted_at]


def read(session: Session, desk: Desk, now: datetime) -> State:
    """The classifier as it stands now."""
    gone = learning.gone(session)
    versions = tuple(
        Version(row=row, gone=gone.get(row.id, 0), compared=promotion.compare(session, row, desk.policies))
        for row in tables.artefacts.every(session)
    )
    running = next((one for one in versions if one.row.state is ArtefactState.RUNNING), None)
    tried, before = shadow.candidate(session), tables.artefacts.previous(session)
    return State(
        running=running,
        live=_live(session, running.row.id, desk.policies) if running else Live(decided=0, figures=None),
        previous=before.id if before else None,
        versions=versions,
        candidate=next((one for one in versions if tried is not None and one.row.id == tried.id), None),
        beside=shadow.beside(session, tried.id, desk.policies) if tried else None,
        drift=tables.lessons.last_drift(session),
        weeks=_weeks(session, now),
        training=_training(session, desk, running, now),
    )


def _live(session: Session, artefact: str, policies: Mapping[str, Policy]) -> Live:
    """What was suggested by an artefact against what engineers decided having seen it."""
    ruled, made = tables.requests.Decision, tables.requests.Suggestion
    ids = select(ruled.request_id).join(made, made.id == ruled.suggestion_id).where(made.artefact == artefact)
    newest = ids.order_by(ruled.id.desc()).limit(MOST)
    rulings: dict[UUID, list[tables.requests.Decision]] = defaultdict(list)
    for row in session.scalars(select(ruled).where(ruled.request_id.in_(newest)).order_by(ruled.id)):
        rulings[row.request_id].append(row)
    last = {one.suggestion_id: one for rows in rulings.values() for one in decision.in_force(rows)[-1:]}
    types, priorities = made.content["type", "all"], made.content["priority", "all"]
    columns = select(made.id, made.policy, made.type, made.priority, types.label("types"), priorities.label("levels"))
    shown = columns.where(made.id.in_([one for one in last if one]), made.artefact == artefact)
    found, decided = list[Scored](), 0
    for each in session.execute(shown):
        policy, truth = each.policy.split("@")[0], last[each.id]
        if policy in policies:
            given = {TYPE: (each.type, each.types), PRIORITY: (each.priority, each.levels)}
            here = scored(policy, {TYPE: truth.type, PRIORITY: truth.priority}, given)
            found += here
            decided += bool(here)
    return Live(decided=decided, figures=measured(found, policies) if found else None)


def _weeks(session: Session, now: datetime) -> tuple[Week, ...]:
    """The last weeks, the last one ending now; decisions taken back are not counted."""
    row = tables.requests.Decision
    age = func.floor(func.extract("epoch", now - row.decided_at) / WEEK.total_seconds())
    counts = select(age.label("age"), row.verdict, func.count().label("number"))
    given = counts.where(row.verdict != Verdict.UNDONE, row.suggestion_id.is_not(None), row.decided_at <= now)
    known: dict[tuple[int, Verdict], int] = {
        (int(one.age), one.verdict): one.number
        for one in session.execute(given.where(row.decided_at > now - WEEKS * WEEK).group_by(age, row.verdict))
    }
    return tuple(
        Week(
            since=now - (back + 1) * WEEK,
            confirmed=known.get((back, Verdict.CONFIRMED), 0),
            of=sum(number for (at, _), number in known.items() if at == back),
        )
        for back in reversed(range(WEEKS))
    )


def _training(session: Session, desk: Desk, running: Version | None, now: datetime) -> Training:
    every, last = desk.retrain_every, tables.lessons.last_retraining(session)
    request = tables.requests.Request
    decided = select(func.count()).where(request.state == TriageState.DECIDED)
    due_now = bool(every) and retraining.is_due(session, now, every)
    return Training(
        every=every,
        promotes=desk.retrain_promotes,
        is_due=due_now,
        due=_due(session, running, every, now) if every and not due_now else None,
        last=last,
        is_under_way=last is not None and last.ended_at is None and now < last.started_at + retraining.AGAIN,
        fresh=session.scalar(decided.where(request.decided_at > running.row.created_at)) or 0 if running else 0,
    )


def _due(session: Session, running: Version | None, every: timedelta, now: datetime) -> datetime | None:
    """The first moment at which it is due, of those at which it can become so."""
    last, well = (tables.lessons.last_retraining(session, failed=failed) for failed in (None, False))
    moments = [last.started_at + retraining.AGAIN] if last else []
    moments += [well.started_at + every] if well else []
    moments += [running.row.created_at + every] if running else []
    return next((at for at in sorted(moments) if at > now and retraining.is_due(session, at, every)), None)
