"""The registry of trained classifiers: bytes, digest, where they came from, how good they are."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from models import terms
from models.tables.base import At, Base, Json, one_of


class Artefact(Base):
    """A classifier file. `signature` is an HMAC over `digest` with the installation's secret."""

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


def running(session: Session) -> Artefact | None:
    """The artefact in force, without its bytes, or None."""
    return session.scalar(select(Artefact).where(Artefact.state == terms.ArtefactState.RUNNING))


def running_id(session: Session) -> str | None:
    """The id of the artefact in force: cheap enough to ask before every job."""
    return session.scalar(select(Artefact.id).where(Artefact.state == terms.ArtefactState.RUNNING))


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


def previous(session: Session) -> Artefact | None:
    """The artefact that was in force before the running one, or None."""
    before = select(Artefact).where(Artefact.state == terms.ArtefactState.RETIRED)
    return session.scalar(before.order_by(Artefact.promoted_at.desc()).limit(1))


def content(session: Session, artefact: str) -> bytes:
    """An artefact's bytes, read once: verify and load these, not the row twice."""
    return session.execute(select(Artefact.content).where(Artefact.id == artefact)).scalar_one()
