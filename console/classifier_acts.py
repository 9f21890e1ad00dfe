"""Putting an artefact in force, and the one before back, for pages and programs alike."""

from collections.abc import Callable

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from console.deps import Desk, Reader
from models import tables
from models.errors import Conflict, Invalid
from models.store import transaction
from triage.desk import promotion

log = structlog.get_logger()


class Outrun(Conflict):
    """Another artefact is in force than the one that was seen."""


def promote(desk: Desk, reader: Reader, artefact: str, *, seen: str, force: bool, reason: str) -> str:
    """Put an artefact in force, if the one that was seen in force (empty: none) still is; its id.

    Raises:
        NotFound: the registry has no such artefact.
        ArtefactRefused: it cannot be loaded; this is not to be forced.
        Invalid: it is forced without a reason.
        Outrun: somebody else was first.
        Conflict: it is worse than the one in force, and `force` is not given.

    """
    if force and not reason:
        raise Invalid(public="Write why it shall be in force although it is worse.")

    def act(session: Session) -> str:
        promotion.promote(session, artefact, desk.clock(), policies=desk.policies, secret=desk.secret, force=force)
        return artefact

    made = _at(desk, seen, act)
    log.info("artefact.promoted", artefact=made, before=seen, by=reader.login, forced=force, reason=reason)
    return made


def rollback(desk: Desk, reader: Reader, *, seen: str) -> str:
    """Put the artefact that was in force before back, if the one that was seen still is in force; its id.

    Raises:
        NotFound: there was none before.
        Outrun: somebody else was first.
        Conflict: it cannot be loaded.

    """

    def act(session: Session) -> str:
        return promotion.rollback(session, desk.clock(), policies=desk.policies, secret=desk.secret).id

    made = _at(desk, seen, act)
    log.info("artefact.restored", artefact=made, before=seen, by=reader.login)
    return made


def _at(desk: Desk, seen: str, act: Callable[[Session], str]) -> str:
    try:
        with transaction(desk.engine) as session:
            if (running := tables.artefacts.running_id(session) or "") != seen:
                raise _outrun(running)
            return act(session)
    except IntegrityError as error:
        # One artefact is in force at most: of two that are promoted at the same moment the second waits, and ends here.
        raise _outrun("") from error


def _outrun(running: str) -> Outrun:
    now = f"{running} is in force now" if running else "another artefact is in force now"
    return Outrun(public=f"Somebody was first: {now}. Look at how it stands and decide again.")
