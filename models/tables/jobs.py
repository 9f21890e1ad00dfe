"""Work for later, as rows written in the transaction that asked for it."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models import terms
from models.tables.base import At, Base, Id, one_of

AHEAD = timedelta(minutes=10)
"""How much earlier than it is asked for work is due that somebody at a telephone waits for: it goes before a heap of
mails, and no mail waits longer than this for it."""


class Job(Base):
    """One piece of work on one subject.

    `attempts` counts claims and is the fencing token of whoever runs it; `excused` counts the
    attempts that failed because something we stand on was away, which is not the job's fault.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("kind", "subject"),
        Index("ix_jobs_waiting", "run_at", postgresql_where=text("state = 'waiting'")),
    )

    id: Mapped[Id]
    kind: Mapped[terms.JobKind] = mapped_column(one_of(terms.JobKind))
    subject: Mapped[UUID]
    state: Mapped[terms.JobState] = mapped_column(one_of(terms.JobState))
    run_at: Mapped[At]
    attempts: Mapped[int] = mapped_column(default=0)
    excused: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[datetime | None]
    error: Mapped[str | None]
    created_at: Mapped[At] = mapped_column(server_default=func.now())


# Callers wait while work is asked for: a statement on the table, made once, costs half of one on the mapped class.
_ADD = insert(Base.metadata.tables[Job.__tablename__])
_ASK = _ADD.on_conflict_do_nothing()
_ASK_AGAIN = _ADD.on_conflict_do_update(
    index_elements=["kind", "subject"],
    set_={"state": terms.JobState.WAITING, "attempts": 0, "excused": 0, "run_at": _ADD.excluded.run_at,
          "leased_until": None, "error": None},
    where=_ADD.table.c.state != terms.JobState.WAITING,
)  # fmt: skip


def schedule(session: Session, kind: terms.JobKind, subject: UUID, run_at: datetime) -> None:
    """Ask for work; asking again for the same subject while it waits or is done changes nothing."""
    session.execute(_ASK, {"kind": kind, "subject": subject, "state": terms.JobState.WAITING, "run_at": run_at})


def schedule_anew(session: Session, kind: terms.JobKind, subject: UUID, run_at: datetime) -> None:
    """Ask for work, also where it was done or given up before; asking again while it waits changes nothing."""
    session.execute(_ASK_AGAIN, {"kind": kind, "subject": subject, "state": terms.JobState.WAITING, "run_at": run_at})


def claim(session: Session, lease: timedelta, only: UUID | None = None) -> Job | None:
    """Take the job that has waited longest and whose lease is free, and lease it; None if none is due.

    `only` asks for this job and no other.
    """
    due = (
        select(Job.id)
        .where(Job.state == terms.JobState.WAITING, Job.run_at <= func.now())
        .where(or_(Job.leased_until.is_(None), Job.leased_until < func.now()))
        .order_by(Job.run_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    wanted = due if only is None else due.where(Job.id == only)
    taken = (
        update(Job)
        .where(Job.id == wanted.scalar_subquery())
        .values(attempts=Job.attempts + 1, leased_until=func.now() + lease)
        .returning(Job)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return session.scalar(taken)


def finish(session: Session, job: UUID, attempt: int) -> bool:
    """Mark a job done; False if somebody else has taken it over since (the lease ran out)."""
    return _close(session, job, attempt, state=terms.JobState.DONE, error=None, leased_until=None)


def retry(session: Session, job: UUID, attempt: int, delay: timedelta, error: str, *, excused: bool) -> bool:
    """Put a job back for later, with the reason; an excused failure does not count against it."""
    later = {"run_at": func.now() + delay, "excused": Job.excused + int(excused)}
    return _close(session, job, attempt, **later, error=error, leased_until=None)


def park(session: Session, job: UUID, attempt: int, error: str) -> bool:
    """Stop trying; the job stays, visible with its error, until a person replays it."""
    return _close(session, job, attempt, state=terms.JobState.PARKED, error=error, leased_until=None)


def _close(session: Session, job: UUID, attempt: int, **values: object) -> bool:
    mine = update(Job).where(Job.id == job, Job.attempts == attempt, Job.state == terms.JobState.WAITING)
    return session.execute(mine.values(**values).returning(Job.id)).first() is not None


def error_of(session: Session, kind: terms.JobKind, subject: UUID) -> str | None:
    """What a job last failed with, or None."""
    return session.scalar(select(Job.error).where(Job.kind == kind, Job.subject == subject))


def parked(session: Session) -> list[Job]:
    """Every job that waits for a person."""
    return list(session.scalars(select(Job).where(Job.state == terms.JobState.PARKED).order_by(Job.id)))


def reopen(job: Job, now: datetime) -> None:
    """Let a parked or finished job run again from its first attempt."""
    job.state = terms.JobState.WAITING
    job.attempts = 0
    job.excused = 0
    job.run_at = now
    job.leased_until = None
    job.error = None


def waiting(session: Session) -> int:
    """How many jobs are due and not done."""
    due = select(func.count()).select_from(Job).where(Job.state == terms.JobState.WAITING, Job.run_at <= func.now())
    return session.scalar(due) or 0
