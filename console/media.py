"""Recordings for whoever is signed in, in ranges, as players ask for them (RFC 9110 §14)."""

import re
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy import func, select

from console.deps import DeskHere, Viewer
from models.errors import NotFound
from models.store import transaction
from models.tables.calls import Recording

RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
PLAYABLE = {"audio/wav", "audio/x-wav", "audio/mpeg", "audio/ogg", "audio/mp4"}


def recording(request: Request, reader: Viewer, desk: DeskHere, recording: UUID) -> Response:
    """The sound of a recording, whole or the asked-for range; anything but sound is only downloaded."""
    del reader
    with transaction(desk.engine) as session:
        known = select(func.octet_length(Recording.media), Recording.media_type).where(Recording.id == recording)
        row = session.execute(known).first()
        if row is None or row[0] is None:
            raise NotFound(public="There is no such recording, or it has not been fetched yet.")
        size, kind = row
        asked = wanted(request.headers.get("range", ""), size)
        if asked is None:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
        first, last = asked
        piece = func.substring(Recording.media, first + 1, last - first + 1)
        content = session.scalar(select(piece).where(Recording.id == recording))
    whole = (first, last) == (0, size - 1) and "range" not in request.headers
    headers = {"Accept-Ranges": "bytes"} | ({} if whole else {"Content-Range": f"bytes {first}-{last}/{size}"})
    if kind not in PLAYABLE:
        kind, headers["Content-Disposition"] = "application/octet-stream", "attachment"
    return Response(content, 200 if whole else 206, headers, kind)


def wanted(asked: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a Range header, the whole where none is understood; None if it cannot be satisfied."""
    match = RANGE.fullmatch(asked)
    if match is None or match[0] == "bytes=-":
        return 0, size - 1
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) else None
    if int(first) >= size or (last and int(last) < int(first)):
        return None
    return int(first), min(int(last), size - 1) if last else size - 1
