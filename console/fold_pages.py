"""Folding on a request's page: others like it, worked on under another request, and taken out again."""

from fastapi import Request
from fastapi.responses import HTMLResponse

from console import folds, opened, queries
from console.acts import PLACES, Act, Doing
from console.deps import Decider, DeskHere
from console.rendering import render
from models import tables
from models.errors import Conflict, Invalid, NotFound
from models.store import transaction
from models.terms import Channel
from triage.desk import folding


def alike(
    request: Request, reader: Decider, desk: DeskHere, name: str, back: str = "", channel: Channel | None = None
) -> HTMLResponse:
    """The requests that may be about the same outage; a page of its own, of which scripts take the list.

    `back` and `channel` say where the list is put; empty on the page of its own.
    """
    with transaction(desk.engine) as session:
        row = tables.requests.fetch(session, opened.found(session, name))
        brief = queries.brief(session, row.id) if row else None
        if row is None or brief is None:
            raise NotFound(f"request {name}")
        found = folds.alike(session, row, desk.clock()) if row.folded_into is None else []
    return render(
        request,
        "alike_found.html",
        reader=reader,
        section="requests",
        row=brief,
        alike=found,
        back=back if back in PLACES else "",
        channel=channel,
    )


def fold(doing: Doing) -> None:
    """Have a request worked on under another one, named by its reference."""
    into = doing.sent.text("into")
    if not into:
        raise Invalid(public="Name the request it is worked on under, such as SB-1042.")
    parent = opened.found(doing.session, into)
    try:
        folding.fold(doing.session, doing.request, parent, by=doing.reader.login, now=doing.now)
    except Conflict as refused:
        raise Invalid(public=refused.public) from refused


def unfold(doing: Doing) -> None:
    """Have a request worked on by itself again."""
    try:
        folding.unfold(doing.session, doing.request, by=doing.reader.login, now=doing.now)
    except Conflict as refused:
        raise Invalid(public=refused.public) from refused


ACTS: dict[str, Act] = {"fold": fold, "unfold": unfold}
"""The acts of folding, by the last part of their address."""
