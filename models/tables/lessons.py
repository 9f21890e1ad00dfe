"""What the classifier learns from beside decisions, what a candidate would have suggested, and when it was done."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ForeignKey,
    Index,
    ScalarSelect,
    Text,
    UniqueConstraint,
    case,
    cast,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.tables.base import At, Base, Id, Json
from models.tables.requests import Decision

NEWEST = 64
"""Decisions by which it is noticed that one was taken."""


class ImportedRequest(Base):
    """A labelled request of another system; `key` is its id there. With a changed text it gets a new `id`."""

    __tablename__ = "imported_requests"
    __table_args__ = (UniqueConstraint("policy", "key"),)

    id: Mapped[Id]
    policy: Mapped[str]
    key: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    type: Mapped[str | None]
    priority: Mapped[str | None]
    imported_at: Mapped[At]


class Forgotten(Base):
    """A request that teaches nothing, whatever is decided about it: erased, or taken out by a person."""

    __tablename__ = "forgotten_requests"
    __table_args__ = (Index("ix_forgotten_requests_forgotten_at", "forgotten_at"),)

    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True)
    forgotten_at: Mapped[At]
    forgotten_by: Mapped[str]
    reason: Mapped[str]


class ShadowScore(Base):
    """What a candidate would have suggested where the artefact in force made a suggestion; nobody was shown it.

    The row is there before the candidate is asked: one without `scored_at` was begun and never finished.
    """

    __tablename__ = "shadow_scores"
    __table_args__ = (
        UniqueConstraint("suggestion_id", "artefact"),
        Index("ix_shadow_scores_artefact", "artefact"),
        Index("ix_shadow_scores_request_id", "request_id"),
    )

    id: Mapped[Id]
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id", ondelete="CASCADE"))
    suggestion_id: Mapped[UUID] = mapped_column(ForeignKey("suggestions.id", ondelete="CASCADE"))
    artefact: Mapped[str] = mapped_column(ForeignKey("artefacts.id", ondelete="CASCADE"))
    type: Mapped[str | None]
    priority: Mapped[str | None]
    types: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    priorities: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    milliseconds: Mapped[float | None]
    error: Mapped[str | None]
    begun_at: Mapped[At]
    scored_at: Mapped[datetime | None]


class Retraining(Base):
    """One time the classifier was, or was to be, trained anew; `outcome` says in words what came of it."""

    __tablename__ = "retrainings"

    id: Mapped[Id]
    started_at: Mapped[At]
    ended_at: Mapped[datetime | None]
    made_by: Mapped[str]
    artefact: Mapped[str | None]
    failed: Mapped[bool] = mapped_column(server_default="false", default=False)
    outcome: Mapped[str] = mapped_column(server_default="", default="")


class DriftReport(Base):
    """What `triage.desk.drift` measured at a moment."""

    __tablename__ = "drift_reports"

    at: Mapped[At] = mapped_column(primary_key=True)
    content: Mapped[Json]


def imported(session: Session) -> list[ImportedRequest]:
    """Every imported request, by policy and key."""
    return list(session.scalars(select(ImportedRequest).order_by(ImportedRequest.policy, ImportedRequest.key)))


def take_in(session: Session, policy: str, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Store rows (`key`, `subject`, `body`, `type`, `priority`), each key once; a known key is replaced."""
    if not rows:
        return
    text, labels = ("subject", "body"), ("type", "priority")
    given = insert(ImportedRequest).values([{**row, "policy": policy, "imported_at": now} for row in rows])
    new = given.excluded
    differs = {name: getattr(ImportedRequest, name).is_distinct_from(new[name]) for name in text + labels}
    changed, rewritten = or_(*differs.values()), or_(*(differs[name] for name in text))
    # Who was taught the former text was taught what is gone.
    identity = case((rewritten, func.uuidv7()), else_=ImportedRequest.id)
    replaced = {name: new[name] for name in text + labels} | {"id": identity, "imported_at": now}
    session.execute(
        given.on_conflict_do_update(index_elements=["policy", "key"], set_=replaced, where=changed),
        execution_options={"synchronize_session": False},
    )


def remove_imported(session: Session, policy: str, keys: Collection[str]) -> int:
    """Delete the imported requests of a policy with these keys; how many there were."""
    gone = delete(ImportedRequest).where(ImportedRequest.policy == policy, ImportedRequest.key.in_(keys))
    return len(session.execute(gone.returning(ImportedRequest.id)).all())


def forget(session: Session, request: UUID, by: str, reason: str, now: datetime) -> None:
    """Keep a request from teaching anything; said twice, the first reason stays."""
    row = insert(Forgotten).values(request_id=request, forgotten_at=now, forgotten_by=by, reason=reason)
    session.execute(row.on_conflict_do_nothing())


def forgotten(session: Session) -> frozenset[UUID]:
    """The requests that teach nothing."""
    return frozenset(session.scalars(select(Forgotten.request_id)))


def decided_so_far() -> ScalarSelect[str]:
    """A digest that is another one as soon as somebody decides, undoes, erases a decision or has a request forgotten.

    It is read from the ends of two indexes. It goes by the newest decisions instead of the newest alone, because one
    that was begun first may be committed last.
    """
    newest = select(Decision.id).order_by(Decision.id.desc()).limit(NEWEST).subquery()
    listed = func.string_agg(cast(newest.c.id, Text), ",")
    forgotten = select(cast(func.max(Forgotten.forgotten_at), Text)).scalar_subquery()
    return select(func.md5(func.concat(listed, " ", forgotten))).scalar_subquery()


def begin_shadow(session: Session, artefact: str, wanted: Iterable[tuple[UUID, UUID]], now: datetime) -> list[UUID]:
    """Take suggestions (pairs of request and suggestion) to be scored by a candidate; those that nobody has taken."""
    rows = [
        {"request_id": request, "suggestion_id": suggestion, "artefact": artefact, "begun_at": now}
        for request, suggestion in wanted
    ]
    if not rows:
        return []
    taken = insert(ShadowScore).values(rows).on_conflict_do_nothing(index_elements=["suggestion_id", "artefact"])
    return list(session.scalars(taken.returning(ShadowScore.suggestion_id)))


def end_shadow(session: Session, artefact: str, suggestion: UUID, **values: Any) -> None:
    """Note what a candidate would have suggested, or the error it ended with."""
    mine = update(ShadowScore).where(ShadowScore.artefact == artefact, ShadowScore.suggestion_id == suggestion)
    session.execute(mine.values(**values).execution_options(synchronize_session=False))


def release_shadow(session: Session, artefact: str, suggestions: Collection[UUID]) -> None:
    """Leave suggestions that were taken, and not scored, to whoever comes next."""
    taken = delete(ShadowScore).where(ShadowScore.artefact == artefact, ShadowScore.suggestion_id.in_(suggestions))
    session.execute(taken.where(ShadowScore.scored_at.is_(None)), execution_options={"synchronize_session": False})


def unfinished_shadow(session: Session, artefact: str, before: datetime) -> int:
    """How many suggestions a candidate was asked about before a moment and never came to an end with."""
    open_ends = select(func.count()).where(ShadowScore.artefact == artefact, ShadowScore.begun_at < before)
    return session.scalar(open_ends.where(ShadowScore.scored_at.is_(None), ShadowScore.error.is_(None))) or 0


def last_retraining(session: Session, *, failed: bool | None = None) -> Retraining | None:
    """The last time the classifier was trained anew (`failed`: of those that did, or did not), or None."""
    found = select(Retraining).order_by(Retraining.started_at.desc(), Retraining.id.desc()).limit(1)
    return session.scalar(found if failed is None else found.where(Retraining.failed == failed))


def report_drift(session: Session, content: dict[str, Any], now: datetime) -> None:
    """Keep a measurement; of the same moment the first one stays."""
    session.execute(insert(DriftReport).values(at=now, content=content).on_conflict_do_nothing())


def last_drift(session: Session) -> DriftReport | None:
    """The newest measurement, or None."""
    return session.scalar(select(DriftReport).order_by(DriftReport.at.desc()).limit(1))
