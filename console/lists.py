"""The other pages: requests, calls, policies, replies."""

from email import message_from_bytes, policy
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from console import queries, record
from console.deps import DeskHere, Viewer
from console.queries import Filters
from console.rendering import render
from models.errors import NotFound
from models.store import transaction
from models.terms import Channel, TriageState

PAGE = 50
SHOWN_HEADERS = ("From", "To", "Subject", "Date", "Auto-Submitted", "In-Reply-To", "Message-ID")


def requests(
    request: Request,
    reader: Viewer,
    desk: DeskHere,
    q: Annotated[str, Query(max_length=200)] = "",
    state: TriageState | None = None,
    channel: Channel | None = None,
    before: UUID | None = None,
) -> HTMLResponse:
    """Every request, newest first, searchable."""
    filters = Filters(state=state, channel=channel, q=q, before=before)
    with transaction(desk.engine) as session:
        lines, following = queries.page(session, filters, PAGE)
    return render(
        request,
        "requests.html",
        reader=reader,
        section="requests",
        lines=lines,
        following=following,
        filters=filters,
        policies=desk.policies,
        now=desk.clock(),
    )


def calls(request: Request, reader: Viewer, desk: DeskHere, before: UUID | None = None) -> HTMLResponse:
    """Every call, newest first, live ones marked."""
    with transaction(desk.engine) as session:
        lines, following = queries.call_page(session, before, PAGE)
    return render(request, "calls.html", reader=reader, section="calls", lines=lines, following=following)


def policies(request: Request, reader: Viewer, desk: DeskHere) -> HTMLResponse:
    """The policies in force."""
    packs = sorted(desk.policies.values(), key=lambda pack: pack.name)
    return render(request, "policies.html", reader=reader, section="policies", packs=packs)


def one_policy(request: Request, reader: Viewer, desk: DeskHere, name: str) -> HTMLResponse:
    """A policy with its types, levels and rules, each with its clause."""
    pack = desk.policies.get(name)
    if pack is None:
        raise NotFound(public=f"There is no policy {name}.")
    return render(request, "policy.html", reader=reader, section="policies", pack=pack)


def outbox(request: Request, reader: Viewer, desk: DeskHere, before: UUID | None = None) -> HTMLResponse:
    """What became of every mail's answer, and the work that waits for a person."""
    with transaction(desk.engine) as session:
        lines, following = queries.reply_page(session, before, PAGE)
        parked = queries.parked_jobs(session) if before is None else []
    return render(
        request,
        "outbox.html",
        reader=reader,
        section="outbox",
        lines=lines,
        following=following,
        parked=parked,
        captured_in=str(desk.outbox) if desk.outbox else "",
    )


def reply(request: Request, reader: Viewer, desk: DeskHere, outgoing: UUID) -> HTMLResponse:
    """One answer as it was written: its headers and its text."""
    with transaction(desk.engine) as session:
        found = record.reply_content(session, outgoing)
    if found is None:
        raise NotFound(public="There is no such reply.")
    row, number = found
    headers, text = as_read(row.content)
    return render(
        request, "reply.html", reader=reader, section="outbox", row=row, number=number, headers=headers, text=text
    )


def as_read(content: bytes) -> tuple[list[tuple[str, str]], str]:
    """The headers worth showing and the plain text of a mail we wrote."""
    message = message_from_bytes(content, policy=policy.default)
    body = message.get_body(("plain", "html"))
    headers = [(name, str(message[name])) for name in SHOWN_HEADERS if message[name]]
    return headers, str(body.get_content()) if body is not None else ""
