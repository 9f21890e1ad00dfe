"""The outbox: every mail's answer, the switch that stops them, and how redirection goes."""

from email import message_from_bytes, policy
from typing import Annotated, Literal
from uuid import UUID

import structlog
from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from console import record, replies
from console.deps import DeskHere, Lead, Viewer
from console.rendering import render
from models import tables
from models.errors import NotFound
from models.store import transaction
from models.terms import Autoreply

PAGE = 50
SHOWN_HEADERS = ("From", "To", "Reply-To", "Subject", "Date", "Auto-Submitted", "In-Reply-To", "Message-ID")

log = structlog.get_logger()


def outbox(
    request: Request,
    reader: Viewer,
    desk: DeskHere,
    before: UUID | None = None,
    only: Literal["", "silent", "look"] = "",
) -> HTMLResponse:
    """What became of every mail's answer, and the work that waits for a person."""
    with transaction(desk.engine) as session:
        lines, following = replies.page(session, before, PAGE, only)
        return render(
            request,
            "outbox.html",
            reader=reader,
            section="outbox",
            lines=lines,
            following=following,
            only=only,
            parked=replies.parked_jobs(session) if before is None else [],
            funnel=tables.redirections.funnel(session) if before is None else [],
            policies=desk.policies,
            switched=tables.mail.switch(session, "autoreply"),
            configured=desk.autoreply,
            captured_in=str(desk.outbox) if desk.outbox else "",
        )


def switch(reader: Lead, desk: DeskHere, value: Annotated[Autoreply, Form()]) -> RedirectResponse:
    """Stop or allow automatic replies, for every process at once; never beyond what is configured."""
    with transaction(desk.engine) as session:
        tables.mail.set_switch(session, "autoreply", value.value, reader.login, desk.clock())
    log.info("autoreply.switched", value=value.value, by=reader.login)
    return RedirectResponse("/outbox", 303)


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
