"""A request held against other writers, at the version somebody has seen."""

from uuid import UUID

from sqlalchemy.orm import Session

from models import tables
from models.errors import Conflict, NotFound


def held(session: Session, request_id: UUID, version: int) -> tables.requests.Request:
    """The request, locked until the transaction ends.

    Raises:
        NotFound: there is no such request.
        Conflict: somebody changed it since `version`.

    """
    request = tables.requests.fetch_locked(session, request_id)
    if request is None:
        raise NotFound(f"request {request_id}")
    if request.version != version:
        raise Conflict(f"{request.reference} is at version {request.version}, not {version}")
    return request
