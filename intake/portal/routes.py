"""The portal a redirected customer is led to: what they wrote is there; sending it starts the SLA clock."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from intake.portal import claiming, following, links, opening, pages, uploads
from intake.portal.building import Portal, check_machine, check_origin, check_turn, is_reader, visited, wanted
from intake.portal.pages import Refusal
from intake.portal.status import Told
from intake.portal.uploads import Posted

STYLE = Path(__file__).parents[1] / "templates" / "portal" / "portal.css"
ALREADY = {
    "same": "already",
    "other": "already_other",
    "comment": "comment_done",
    "said": "comment_already",
    "other-words": "comment_other",
    "step": "step_done",
}
"""What a page says first, by what its address tells that was done."""


class Before:
    """What is done before a page is made: who may send a form is found out before a byte of it is read."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal

    async def signed(self, token: str) -> None:
        """Let pass who holds a link."""
        wanted(self.portal, token, links.CLAIM)

    async def following(self, token: str) -> None:
        """Let pass who holds a link to the page of a request, and did not write there too often."""
        check_turn(self.portal, "request", str(visited(self.portal, token).request))

    async def in_turn(self, request: Request) -> None:
        """Let pass who did not come too often."""
        check_machine(self.portal, request)

    async def form(self, request: Request) -> AsyncIterator[Posted]:
        """The posted form; its files are let go of afterwards."""
        posted = await uploads.posted(request, self.portal.limits)
        try:
            yield posted
        finally:
            posted.close()


def router(portal: Portal) -> APIRouter:
    """The portal's pages. GET changes nothing but that a link was opened; POST may be repeated."""
    routes = APIRouter(prefix="/portal", include_in_schema=False, route_class=pages.Route)
    read, before = ["GET", "HEAD"], Before(portal)  # programs that check links ask with HEAD

    @routes.api_route("/assets/portal.css", methods=read)
    def style() -> Response:
        return Response(STYLE.read_bytes(), media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})

    @routes.api_route("/new", methods=read)
    def blank(request: Request, policy: str = "", service: str = "") -> Response:
        return opening.blank_page(portal, pages.spoken(request), policy, service)

    @routes.post("/new", dependencies=[Depends(check_origin), Depends(before.in_turn)])
    def open_new(request: Request, posted: Annotated[Posted, Depends(before.form)]) -> Response:
        return opening.opened(portal, pages.spoken(request), posted)

    @routes.api_route("/claim/{token}", methods=read)
    def show(request: Request, token: str) -> Response:
        return claiming.claim_page(portal, wanted(portal, token, links.CLAIM), counts=is_reader(request))

    @routes.post("/claim/{token}", dependencies=[Depends(check_origin), Depends(before.signed)])
    def claim(token: str, posted: Annotated[Posted, Depends(before.form)]) -> Response:
        return claiming.claimed(portal, wanted(portal, token, links.CLAIM), posted)

    @routes.api_route("/requests/{token}", methods=read)
    def status(token: str, already: str = "") -> Response:
        return following.status_page(portal, visited(portal, token), Told(key=ALREADY.get(already, "")))

    mine = [Depends(check_origin), Depends(before.following)]

    @routes.post("/requests/{token}/comment", dependencies=mine)
    def comment(token: str, posted: Annotated[Posted, Depends(before.form)]) -> Response:
        return following.commented(portal, visited(portal, token), posted)

    @routes.post("/requests/{token}/step", dependencies=mine)
    def step(token: str, posted: Annotated[Posted, Depends(before.form)]) -> Response:
        return following.stepped(portal, visited(portal, token), posted)

    @routes.api_route("/{rest:path}", methods=read)
    def nowhere() -> Response:
        raise Refusal(404, "gone_title", "gone_text")  # a link that a mail program broke in two

    return routes
