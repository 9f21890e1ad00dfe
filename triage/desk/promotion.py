"""A candidate against the artefact in force, on the best there is to go by; what may take its place."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from models import tables
from models.errors import ArtefactRefused, Conflict
from models.terms import ArtefactState, LabelledRequest
from triage import classifier, training
from triage.classifier import PRIORITY, TYPE, Classifier
from triage.desk import registry, shadow
from triage.desk.scoring import Scored, measured, scored, told, worse
from triage.policy import Policy
from triage.suggest import suggest

FOLDS = 3
"""Parts that held-out decisions are dealt into."""
FIGURES = {"accuracy", "macro_f1", "ece", "policies"}

Train = Callable[[list[LabelledRequest]], training.Trained]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A candidate against the artefact in force. `on` says in words on what; `reasons` in what it is worse."""

    on: str
    candidate: Mapping[str, Any]
    running: Mapping[str, Any]
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        """Both figures in a line."""
        return f"{self.on}: candidate {told(self.candidate)}; in force {told(self.running)}"


def held_out(
    examples: Iterable[LabelledRequest],
    fresh: list[LabelledRequest],
    running: Classifier,
    policies: Mapping[str, Policy],
    train: Train,
) -> dict[str, Any]:
    """Figures of a candidate and of the artefact in force on decisions neither was taught: `candidate`, `running`.

    For the candidate those are dealt into three parts, and each part is suggested for by one trained on all the rest.
    """
    every, mine = list(examples), list[Scored]()
    for fold in range(FOLDS):
        part = {one.id for place, one in enumerate(fresh) if place % FOLDS == fold}
        trained = train([one for one in every if one.id not in part])
        loaded = registry.Guarded(classifier.load(trained.content, trained.digest), policies)
        mine += _scored(loaded, [one for one in fresh if one.id in part], policies)
    theirs = _scored(running, fresh, policies)
    return {"n": len(fresh), "candidate": measured(mine, policies), "running": measured(theirs, policies)}


def _scored(loaded: Classifier, examples: Iterable[LabelledRequest], policies: Mapping[str, Policy]) -> list[Scored]:
    found = list[Scored]()
    for one in examples:
        policy = policies[one.policy]
        made = suggest(policy, loaded, channel=one.channel, subject=one.subject, body=one.body, language=None)
        ranked = ((TYPE, made.type), (PRIORITY, made.priority))
        given = {label: (one.value, one.all) if one else (None, None) for label, one in ranked}
        found += scored(one.policy, {TYPE: one.type, PRIORITY: one.priority}, given)
    return found


def compare(
    session: Session, candidate: tables.artefacts.Artefact, policies: Mapping[str, Policy]
) -> Comparison | None:
    """A candidate against the artefact in force, on the best there is; None if there is nothing to compare with.

    First choice are live decisions on which both have suggested, if there are enough; then decisions held out from
    both when the candidate was trained; then the cross-validated figures of each, on what each was taught.
    """
    running = tables.artefacts.running(session)
    if running is None or running.id == candidate.id or running.refusal is not None:
        return None
    live = shadow.beside(session, candidate.id, policies)
    if live is not None and live.is_enough and live.of_candidate and live.of_running:
        return _compared(f"on {live.decided} live decisions", live.of_candidate, live.of_running)
    kept = candidate.metrics.get("held_out")
    if kept and kept["against"] == running.id:
        return _compared(f"on {kept['n']} decisions held out from both", kept["candidate"], kept["running"])
    figures = [one.metrics for one in (candidate, running)]
    if not all(set(one) >= FIGURES for one in figures):
        return None
    return _compared("cross-validated, each on what it was taught", *figures, same=False)


def _compared(on: str, mine: Mapping[str, Any], theirs: Mapping[str, Any], *, same: bool = True) -> Comparison:
    return Comparison(on=on, candidate=mine, running=theirs, reasons=tuple(worse(mine, theirs, same=same)))


def promote(
    session: Session,
    artefact: str,
    now: datetime,
    *,
    policies: Mapping[str, Policy],
    secret: str,
    force: bool = False,
) -> Comparison | None:
    """Put a candidate in force; the comparison that spoke for it, if there was anything to compare with.

    The one that is in force already stays so, since when it was.

    Raises:
        NotFound: the registry has no such artefact.
        ArtefactRefused: it cannot be loaded; this is not to be forced.
        Conflict: it is worse than the one in force, and `force` is not given.

    """
    row = registry.fetch(session, artefact)
    try:
        registry.load(session, row, secret=secret, policies=policies)
    except ArtefactRefused as error:
        raise ArtefactRefused(str(error), public=f"{artefact} is not promoted: {error}") from error
    if row.state is ArtefactState.RUNNING:
        return None
    compared = compare(session, row, policies)
    if compared is not None and compared.reasons and not force:
        reasons = "; ".join(compared.reasons)
        raise Conflict(
            public=f"{artefact} is not promoted: {reasons} ({compared}). Let it learn from more decisions and retrain, "
            "or put it in force all the same with --force"
        )
    registry.promote(session, artefact, now)
    return compared


def rollback(
    session: Session, now: datetime, *, policies: Mapping[str, Policy], secret: str
) -> tables.artefacts.Artefact:
    """Put the artefact that was in force before back, if it can be loaded.

    Raises:
        NotFound: there was none before.
        Conflict: it cannot be loaded; the line says why.

    """
    before = registry.earlier(session)
    try:
        registry.load(session, before, secret=secret, policies=policies)
    except ArtefactRefused as error:
        raise Conflict(
            public=f"{before.id} is not put back: {error}. Promote another one (switchboard classifier list) or retrain"
        ) from error
    return registry.rollback(session, now)
