"""The registry of trained classifiers: bytes, digest, where they came from, how good they are."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, Uuid, delete, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from models import terms
from models.tables import lessons
from models.tables.base import At, Base, Json, one_of


class Artefact(Base):
    """A classifier file. `signature` is an HMAC over `digest` with the installation's secret.

    `basis` is a digest of everything it was made from; `counts` is how many examples of each source; `taught` are the
    ids of the decided and imported requests among them. `profile` is the mix of words it was taught, against
    which drift is measured. `refusal` is why a worker would not load it. `promoted_at` is when it was last put in
    force; one that was taken back (`withdraw`) has none.
    """

    __tablename__ = "artefacts"
    __table_args__ = (Index("uq_artefacts_running", "state", unique=True, postgresql_where=text("state = 'running'")),)

    id: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    signature: Mapped[str]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    sklearn_version: Mapped[str]
    fingerprint: Mapped[str]
    metrics: Mapped[Json]
    state: Mapped[terms.ArtefactState] = mapped_column(one_of(terms.ArtefactState))
    created_at: Mapped[At]
    promoted_at: Mapped[datetime | None]
    basis: Mapped[str] = mapped_column(server_default="", default="")
    counts: Mapped[Json] = mapped_column(server_default="{}", default=dict)
    taught: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default="{}", default=list, deferred=True)
    profile: Mapped[Json] = mapped_column(JSONB, server_default="{}", default=dict, deferred=True)
    made_by: Mapped[str] = mapped_column(server_default="", default="")
    refusal: Mapped[str | None]


def running(session: Session) -> Artefact | None:
    """The artefact in force, without its bytes, or None."""
    return session.scalar(select(Artefact).where(Artefact.state == terms.ArtefactState.RUNNING))


def running_id(session: Session) -> str | None:
    """The id of the artefact in force: cheap enough to ask before every job."""
    return session.scalar(select(Artefact.id).where(Artefact.state == terms.ArtefactState.RUNNING))


def in_force(session: Session) -> tuple[str | None, str | None, str]:
    """The id of the artefact in force, why a worker refused it (None where there is nothing), what was decided so far.

    The last is `tables.lessons.decided_so_far`: cheap enough to ask all three before every job.
    """
    decided = lessons.decided_so_far().label("decided")
    running = select(Artefact.id, Artefact.refusal, decided).where(Artefact.state == terms.ArtefactState.RUNNING)
    row = session.execute(running).one_or_none()
    return (row.id, row.refusal, row.decided) if row else (None, None, "")


def every(session: Session) -> list[Artefact]:
    """Every artefact, newest first."""
    return list(session.scalars(select(Artefact).order_by(Artefact.created_at.desc())))


def promote(session: Session, artefact: Artefact, now: datetime) -> None:
    """Put an artefact in force and retire the one before."""
    session.execute(
        update(Artefact).where(Artefact.state == terms.ArtefactState.RUNNING).values(state=terms.ArtefactState.RETIRED)
    )
    artefact.state = terms.ArtefactState.RUNNING
    artefact.promoted_at = now
    session.flush()


def previous(session: Session, unwanted: Collection[str] = ()) -> Artefact | None:
    """The artefact that was in force before the running one, or None.

    It is none that workers refused, none that was taken back since (`withdraw`), and none of the `unwanted`.
    """
    before = select(Artefact).where(
        Artefact.state == terms.ArtefactState.RETIRED,
        Artefact.refusal.is_(None),
        Artefact.promoted_at.is_not(None),
        Artefact.id.not_in(unwanted),
    )
    return session.scalar(before.order_by(Artefact.promoted_at.desc()).limit(1))


def withdraw(session: Session) -> None:
    """Note of the artefact in force that it is being taken back: nothing goes back to it by itself."""
    session.execute(update(Artefact).where(Artefact.state == terms.ArtefactState.RUNNING).values(promoted_at=None))


def content(session: Session, artefact: str) -> bytes:
    """An artefact's bytes, read once: verify and load these, not the row twice."""
    return session.execute(select(Artefact.content).where(Artefact.id == artefact)).scalar_one()


def taught(session: Session, artefact: str) -> list[UUID]:
    """The ids of the decided and imported requests an artefact was taught."""
    return list(session.execute(select(Artefact.taught).where(Artefact.id == artefact)).scalar_one())


def newest_candidate(session: Session, since: datetime) -> Artefact | None:
    """The newest artefact that waits to be promoted and was made at `since` or later, or None."""
    waiting = select(Artefact).where(Artefact.state == terms.ArtefactState.CANDIDATE, Artefact.created_at >= since)
    return session.scalar(waiting.order_by(Artefact.created_at.desc(), Artefact.id).limit(1))


def refuse(session: Session, artefact: str, reason: str | None) -> None:
    """Note why a worker would not load an artefact, or (None) that it could."""
    session.execute(
        update(Artefact)
        .where(Artefact.id == artefact, Artefact.refusal.is_distinct_from(reason))
        .values(refusal=reason)
        .execution_options(synchronize_session=False)
    )


def drop(session: Session, artefacts: Sequence[str]) -> None:
    """Delete artefacts with their bytes; the one in force is never among them."""
    kept = Artefact.state != terms.ArtefactState.RUNNING
    session.execute(delete(Artefact).where(Artefact.id.in_(artefacts), kept))
