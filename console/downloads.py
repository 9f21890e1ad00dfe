"""What was sent to us, byte for byte, for signed-in engineers: only ever downloaded, never shown from our origin."""

from urllib.parse import quote
from uuid import UUID

from fastapi import Response

from console.deps import DeskHere, Viewer
from models import tables
from models.errors import NotFound
from models.store import transaction


def raw_mail(reader: Viewer, desk: DeskHere, mail: UUID) -> Response:
    """A mail as it came, as an .eml file."""
    del reader
    with transaction(desk.engine) as session:
        if tables.mail.fetch(session, mail) is None:
            raise NotFound(public="There is no such mail.")
        return attachment(tables.mail.raw(session, mail), f"{mail}.eml")


def upload(reader: Viewer, desk: DeskHere, upload: UUID) -> Response:
    """A file a customer added on the portal."""
    del reader
    with transaction(desk.engine) as session:
        row = session.get(tables.requests.Upload, upload)
        if row is None:
            raise NotFound(public="There is no such file.")
        return attachment(row.content, row.name)


def attachment(content: bytes, name: str) -> Response:
    """Bytes that a browser saves and never opens here (RFC 6266 §4.3)."""
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return Response(content, headers=headers, media_type="application/octet-stream")
