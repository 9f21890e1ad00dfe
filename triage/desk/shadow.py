"""A candidate beside the artefact in force: what it would have suggested, and which of them the decisions bear out.

Nobody is shown what a candidate says. It is asked after the suggestion was stored and committed, in a task of its own,
so that no failure or slowness of it reaches a job.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from time import monotonic, perf_counter
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Engine, exists, select
from sqlalchemy.orm import Session

from models import tables
from models.errors import ArtefactRefused
from models.store import transaction
from models.terms import Fact, Ranking, Suggestion, TriageState
from triage import facts
from triage.classifier import PRIORITY, TYPE, Classifier
from triage.desk import decision, registry, suggesting
from triage.desk.confirmations import Confirmed
from triage.desk.scoring import Scored, measured, scored
from triage.policy import Policy
from triage.suggest import SPEAKERS, UNKNOWN, suggest

BATCH = 20
"""Suggestions taken at once: what is lost if the process dies while it scores them."""
PATIENCE, HOPELESS = timedelta(minutes=5), 60
"""A candidate that has not come to an end with so many suggestions, each for so long, leaves the shadow."""
ENDLESS = "it does not come to an end with suggestions"
ENOUGH = 50
"""Decided requests from which on shadow figures decide whether a candidate is promoted."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the artefact in force was given for one suggestion."""

    suggestion: UUID
    at: datetime
    request: tables.requests.Request
    body: str
    language: str | None
    facts: tuple[Fact, ...]


def candidate(session: Session) -> tables.artefacts.Artefact | None:
    """The artefact to be tried in the shadow: the newest candidate since the one in force was made; None if refused."""
    running = tables.artefacts.running(session)
    found = tables.artefacts.newest_candidate(session, running.created_at) if running else None
    return found if found is not None and found.refusal is None else None


class Shadow:
    """Scores live suggestions with the newest candidate; holds it loaded. For one process's main thread.

    With `at_once` the candidate has learnt, as the artefact in force had, what was decided until the suggestion: the
    decision that followed on it is not known to either.
    """

    def __init__(self, engine: Engine, secret: str, policies: Mapping[str, Policy], *, at_once: bool = True) -> None:
        self._engine = engine
        self._secret = secret
        self._policies = policies
        self._at_once = at_once
        self._confirmed: Confirmed | None = None

    def catch_up(self, now: datetime, *, seconds: float) -> int:
        """Score suggestions that the candidate has not seen yet, for so long at most; how many were scored.

        Raises:
            Unavailable: PostgreSQL is away.

        """
        end, done = monotonic() + seconds, 0
        while monotonic() < end:
            with transaction(self._engine) as session:
                loaded = self._loaded(session, now)
                heard = list(_take(session, loaded.id, self._policies, now)) if loaded else []
            if loaded is None or not heard:
                break
            if self._at_once:
                loaded.refresh()
            while heard and (not done or monotonic() < end):
                one = heard.pop(0)
                knowing = loaded.know(before=one.at) if self._at_once else loaded.classifier
                values = self._scored(knowing, one, now)
                with transaction(self._engine) as session:
                    tables.lessons.end_shadow(session, loaded.id, one.suggestion, **values)
                done += 1
            with transaction(self._engine) as session:
                tables.lessons.release_shadow(session, loaded.id, [one.suggestion for one in heard])
        return done

    def _loaded(self, session: Session, now: datetime) -> Confirmed | None:
        wanted = candidate(session)
        if wanted is not None and tables.lessons.unfinished_shadow(session, wanted.id, now - PATIENCE) >= HOPELESS:
            log.error("candidate.refused", artefact=wanted.id, reason=ENDLESS)
            tables.artefacts.refuse(session, wanted.id, ENDLESS)
            wanted = None
        if wanted is None:
            self._confirmed = None
        elif self._confirmed is None or self._confirmed.id != wanted.id:
            self._confirmed = None
            try:
                self._confirmed = Confirmed(self._engine, self._policies, self._load, session, wanted)
            except ArtefactRefused as refusal:
                log.exception("candidate.refused", artefact=wanted.id, reason=str(refusal))
                tables.artefacts.refuse(session, wanted.id, str(refusal))
        return self._confirmed

    def _load(self, session: Session, artefact: tables.artefacts.Artefact) -> Classifier:
        return registry.load(session, artefact, secret=self._secret, policies=self._policies)

    def _scored(self, loaded: Classifier, heard: Heard, now: datetime) -> dict[str, Any]:
        started = perf_counter()
        try:
            made = _suggested(self._policies, loaded, heard)
        except Exception as error:  # noqa: BLE001 - whatever a candidate does, it does it in the shadow
            log.warning("candidate.failed", artefact=loaded.id, error=type(error).__name__)
            return {"error": f"{type(error).__name__}: {error}"[:500]}
        return {
            "type": made.type.value if made.type else None,
            "priority": made.priority.value if made.priority else None,
            "types": _shares(made.type),
            "priorities": _shares(made.priority),
            "milliseconds": round((perf_counter() - started) * 1000, 3),
            "scored_at": now,
        }


def _suggested(policies: Mapping[str, Policy], loaded: Classifier, heard: Heard) -> Suggestion:
    return suggest(
        policies[heard.request.policy],
        loaded,
        channel=heard.request.channel,
        subject=heard.request.subject,
        body=heard.body,
        language=heard.language,
        facts=heard.facts,
    )


def _shares(ranking: Ranking | None) -> dict[str, float] | None:
    return ranking.all if ranking else None


def _take(session: Session, artefact: str, policies: Mapping[str, Policy], now: datetime) -> Iterator[Heard]:
    """Suggestions of the artefact in force since the candidate was made, with what they were made from."""
    made, score, row = tables.requests.Suggestion, tables.lessons.ShadowScore, session.get_one
    since = row(tables.artefacts.Artefact, artefact).created_at
    seen = exists().where(score.suggestion_id == made.id, score.artefact == artefact)
    live = select(made).where(made.created_at >= since, made.artefact == tables.artefacts.running_id(session), ~seen)
    found = {each.id: each for each in session.scalars(live.order_by(made.id).limit(BATCH))}
    pairs = [(each.request_id, each.id) for each in found.values()]
    for taken in tables.lessons.begin_shadow(session, artefact, pairs, now):
        suggestion = found[taken]
        request = row(tables.requests.Request, suggestion.request_id)
        policy = policies.get(request.policy)
        if policy is None or suggestion.policy_digest != policy.digest:
            tables.lessons.end_shadow(session, artefact, taken, error="its policy has changed since")
            continue
        yield _heard(session, request, suggestion)


def _heard(session: Session, request: tables.requests.Request, suggestion: tables.requests.Suggestion) -> Heard:
    # Ids are time-ordered: what was written after the suggestion has a later one.
    rows = [one for one in tables.requests.interactions(session, request.id) if one.id < suggestion.id]
    body, _ = suggesting.said(request.subject, rows)
    known = suggestion.content["facts"]
    stated = [Fact(name=name, value=one["value"], source=one["source"]) for name, one in known.items()]
    # What the text says and the suggestion did not take up, an engineer had called unknown.
    read = {fact.name for fact in facts.read(request.subject, body)}
    unknown = [Fact(name=name, value=UNKNOWN, source=SPEAKERS[-1]) for name in sorted(read - set(known))]
    return Heard(
        suggestion=suggestion.id,
        at=suggestion.created_at,
        request=request,
        body=body,
        language=suggestion.content["language"],
        facts=(*stated, *unknown),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A candidate beside the artefact in force on live requests.

    `agreement` are shares, by label, of suggestions that were the same, of all that were `scored`. The figures are on
    those `decided` since, the same for both; None while there are none. `milliseconds` is what one suggestion took the
    candidate, at the median and at the worst.
    """

    candidate: str
    running: str
    scored: int
    failed: int
    agreement: dict[str, float]
    decided: int
    of_candidate: dict[str, Any] | None
    of_running: dict[str, Any] | None
    milliseconds: tuple[float, float] | None

    @property
    def is_enough(self) -> bool:
        """Whether there are enough decisions to go by."""
        return self.decided >= ENOUGH


def beside(session: Session, artefact: str, policies: Mapping[str, Policy]) -> Beside | None:
    """How a candidate does beside the artefact in force; None while none is in force."""
    running = tables.artefacts.running_id(session)
    if running is None:
        return None
    rows = _rows(session, artefact, running)
    whole = [row for row in rows if row.scored_at is not None]
    mine, theirs, decided = list[Scored](), list[Scored](), 0
    truths = _decided(session, artefact)
    for row in whole:
        policy, truth = row.policy.split("@")[0], truths.get(row.id)
        if truth is not None and policy in policies:
            here, there = _pair(policy, truth, row)
            mine += here
            theirs += there
            decided += bool(here)
    times = [row.milliseconds for row in whole]
    return Beside(
        candidate=artefact,
        running=running,
        scored=len(whole),
        failed=len(rows) - len(whole),
        agreement=_agreement(whole),
        decided=decided,
        of_candidate=measured(mine, policies) if mine else None,
        of_running=measured(theirs, policies) if theirs else None,
        milliseconds=(round(median(times), 3), max(times)) if times else None,
    )


def _rows(session: Session, artefact: str, running: str) -> Sequence[Any]:
    """What a candidate and the artefact in force said of the same requests."""
    score, made = tables.lessons.ShadowScore, tables.requests.Suggestion
    columns = (
        made.id,
        made.policy,
        made.type.label("shown_type"),
        made.priority.label("shown_priority"),
        made.content["type", "all"].label("shown_types"),
        made.content["priority", "all"].label("shown_priorities"),
        score.type,
        score.priority,
        score.types,
        score.priorities,
        score.milliseconds,
        score.scored_at,
    )
    both = select(*columns).join(made, made.id == score.suggestion_id)
    return session.execute(both.where(score.artefact == artefact, made.artefact == running)).all()


def _agreement(rows: Sequence[Any]) -> dict[str, float]:
    if not rows:
        return {}
    same = {TYPE: sum(row.type == row.shown_type for row in rows)}
    same[PRIORITY] = sum(row.priority == row.shown_priority for row in rows)
    return {label: round(number / len(rows), 4) for label, number in same.items()}


def _pair(policy: str, truth: Mapping[str, str | None], row: Any) -> tuple[list[Scored], list[Scored]]:
    """The labels of one request that were decided and that both have suggested."""
    ours = {TYPE: (row.type, row.types), PRIORITY: (row.priority, row.priorities)}
    theirs = {TYPE: (row.shown_type, row.shown_types), PRIORITY: (row.shown_priority, row.shown_priorities)}
    common = {label: right if ours[label][0] and theirs[label][0] else None for label, right in truth.items()}
    return scored(policy, common, ours), scored(policy, common, theirs)


def _decided(session: Session, artefact: str) -> dict[UUID, dict[str, str | None]]:
    """The labels in force of decided requests, by the suggestion that was shown when they were decided."""
    score, ruled, request = tables.lessons.ShadowScore, tables.requests.Decision, tables.requests.Request
    mine = select(score.request_id).where(score.artefact == artefact)
    wanted = select(ruled).join(request, request.id == ruled.request_id)
    ruled_on: dict[UUID, list[tables.requests.Decision]] = defaultdict(list)
    decided = wanted.where(request.state == TriageState.DECIDED, ruled.request_id.in_(mine)).order_by(ruled.id)
    for row in session.scalars(decided):
        ruled_on[row.request_id].append(row)
    last = [decision.in_force(rows)[-1:] for rows in ruled_on.values()]
    return {
        row.suggestion_id: {TYPE: row.type, PRIORITY: row.priority}
        for rows in last
        for row in rows
        if row.suggestion_id
    }
