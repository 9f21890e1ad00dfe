"""The other pages: requests, what is left behind, policies."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from console import queries, timing, wording
from console.deps import Desk, DeskHere, Reader, Viewer
from console.queries import Filters
from console.rendering import render
from models.errors import NotFound
from models.store import transaction
from models.terms import Channel, TriageState
from triage.desk import nudging
from triage.desk.nudging import LeftBehind

PAGE = 50


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


def left(request: Request, reader: Viewer, desk: DeskHere, mine: bool = False) -> HTMLResponse:
    """Nothing left behind: every request under way that somebody should look at, the most urgent first (R1, R3)."""
    with transaction(desk.engine) as session:
        lines = left_lines(session, desk, reader.login if mine else None)
        unserved = nudging.unserved(session, desk.policies)
    return _left_page(request, reader, desk, "left.html", lines=lines, mine=mine, unserved=unserved)


def left_lines(session: Session, desk: Desk, owner: str | None) -> list[LeftBehind]:
    """The requests under way that somebody should look at; what is folded is looked at where it is worked on."""
    lines = nudging.left_behind(session, desk.policies, desk.clock(), owner)
    away = queries.folded_away(session, [line.request for line in lines])
    return [line for line in lines if line.request not in away]


def clocks(request: Request, reader: Viewer, desk: DeskHere, mine: bool = False) -> HTMLResponse:
    """Every decided request under way by its next target, whatever its channel."""
    with transaction(desk.engine) as session:
        briefs = queries.under_way(session, desk.policies, reader.login if mine else None)
        nexts = timing.nexts(session, briefs, desk.policies, desk.clock())
    groups = wording.grouped(briefs, desk.policies, nexts, desk.clock())
    return _left_page(request, reader, desk, "running.html", groups=groups, nexts=nexts, mine=mine)


def _left_page(request: Request, reader: Reader, desk: Desk, template: str, **values: Any) -> HTMLResponse:
    shown = {"section": "left", "policies": desk.policies, "now": desk.clock(), **values}
    return render(request, template, reader=reader, **shown)


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
