"""Calls: who is on the line, who was missed, who is owed a call."""

from uuid import UUID

from fastapi import Request
from fastapi.responses import HTMLResponse

from console import call_queries, calling, opened
from console.acts import Act, Doing
from console.call_queries import Only
from console.deps import DeskHere, Viewer
from console.rendering import render
from models.errors import Conflict, Invalid, NotFound
from models.store import transaction
from triage.desk import owed as owing

PAGE = 50


def calls(
    request: Request, reader: Viewer, desk: DeskHere, only: Only | None = None, before: UUID | None = None
) -> HTMLResponse:
    """Who is on the line now, with who is being rung for them, and every call, newest first."""
    now = desk.clock()
    with transaction(desk.engine) as session:
        live = call_queries.live(session, now)
        lines, following = call_queries.page(session, before, PAGE, only=only, now=now)
        awaited = call_queries.owed_count(session)
    return render(
        request,
        "calls.html",
        reader=reader,
        section="calls",
        live=live,
        lines=lines,
        following=following,
        only=only,
        awaited=awaited,
        now=now,
    )


def owed(request: Request, reader: Viewer, desk: DeskHere, done: str = "", did: str = "") -> HTMLResponse:
    """Everybody who is owed a call, the earliest due first."""
    with transaction(desk.engine) as session:
        lines = owing.listing(session, desk.clock())
        toast = opened.toast(session, desk, reader, done, did)
    return render(
        request,
        "calls_owed.html",
        reader=reader,
        section="calls",
        lines=lines,
        only=None,
        awaited=len(lines),
        toast=toast,
        now=desk.clock(),
    )


def owe(doing: Doing) -> None:
    """Promise the customer a call at a time: a person places it, or the house by itself."""
    sent = doing.sent
    due = sent.moment("due")
    if due is None:
        raise Invalid(public="Say when they shall be called.")
    owing.owe(
        doing.session,
        doing.request,
        number=sent.text("number"),
        due_at=due,
        why=sent.text("why"),
        automatic=bool(sent.text("automatic")),
        by=doing.reader.login,
        now=doing.now,
        region=doing.desk.region,
    )


def paid(doing: Doing) -> None:
    """Note how the call that was owed was done with."""
    sent = doing.sent
    how = dict(calling.SETTLED).get(sent.text("how"))
    if how is None:
        raise Invalid(public="Choose how it was done with.")
    try:
        owing.settle(doing.session, doing.request, by=doing.reader.login, how=how, now=doing.now)
    except NotFound as error:  # a colleague was first
        raise Conflict(public=error.public) from error


ACTS: dict[str, Act] = {"owe": owe, "paid": paid}
"""The acts about calls owed, by the last part of their address."""
