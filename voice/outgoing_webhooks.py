"""The webhooks of calls and texts that go out: signed, POST only, committed before they are answered."""

from collections.abc import Callable, Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from voice import callbacks, pages, texting
from voice.outgoing import Naming, Person, Settle, Speech
from voice.webhooks import Line, body_of, run, verified, xml


def router(line: Line, *, naming: Naming, settle: Settle, person: Person = lambda *_: None) -> APIRouter:
    """The webhooks of pages, of calls to customers and of texts, on the line whose account places them.

    What is written to our number comes nowhere: a text has no address here but that of a receipt's status.
    """
    routes = APIRouter(prefix="/voice", include_in_schema=False)
    speech = Speech(
        public_url=line.public_url,
        language=line.language,
        naming=naming,
        settle=settle,
        wording=line.wording,
        person=person,
        from_number=line.from_number,
    )

    async def signed(request: Request) -> Mapping[str, str]:
        return verified(request, await body_of(request), line)

    Webhook = Annotated[Mapping[str, str], Depends(signed)]  # noqa: N806 - a type

    def said(flow: Callable[[Session], str]) -> Response:
        return xml(run(line, flow))

    def noted(flow: Callable[[Session], None]) -> Response:
        run(line, flow)
        return Response(status_code=204)

    @routes.post("/page/{notice}")
    def page(params: Webhook, notice: str) -> Response:
        return said(lambda session: pages.ring(session, known(notice), params, line.clock(), speech=speech))

    @routes.post("/page/{notice}/key")
    def page_key(params: Webhook, notice: str, request: Request) -> Response:
        tried = request.query_params.get("try", "")
        return said(lambda session: pages.key(session, known(notice), tried, params, line.clock(), speech=speech))

    @routes.post("/page/{notice}/status")
    def page_status(params: Webhook, notice: str) -> Response:
        return noted(lambda session: pages.status(session, known(notice), params, line.clock(), speech=speech))

    @routes.post("/callback/{attempt}")
    def callback(params: Webhook, attempt: str) -> Response:
        return said(lambda session: callbacks.ring(session, known(attempt), params, speech=speech))

    @routes.post("/callback/{attempt}/key")
    def callback_key(params: Webhook, attempt: str, request: Request) -> Response:
        tried = request.query_params.get("try", "")
        return said(lambda session: callbacks.key(session, known(attempt), tried, params, line.clock(), speech=speech))

    @routes.post("/callback/{attempt}/status")
    def callback_status(params: Webhook, attempt: str) -> Response:
        return noted(lambda session: callbacks.status(session, known(attempt), params, line.clock()))

    _add_engineers(routes, line, speech)
    _add_receipts(routes, line)
    return routes


def _add_engineers(routes: APIRouter, line: Line, speech: Speech) -> None:
    """The engineer who is rung for a customer who is there, and what came of it."""

    async def signed(request: Request) -> Mapping[str, str]:
        return verified(request, await body_of(request), line)

    Webhook = Annotated[Mapping[str, str], Depends(signed)]  # noqa: N806 - a type

    @routes.post("/callback/{attempt}/engineer")
    def engineer(params: Webhook, attempt: str, request: Request) -> Response:
        tried = request.query_params.get("try", "")

        def flow(session: Session) -> str:
            return callbacks.engineer(session, known(attempt), tried, params, line.clock(), speech=speech)

        return xml(run(line, flow))

    @routes.post("/callback/{attempt}/connected")
    def connected(params: Webhook, attempt: str) -> Response:
        def flow(session: Session) -> str:
            return callbacks.connected(session, known(attempt), params, line.clock(), speech=speech)

        return xml(run(line, flow))


def _add_receipts(routes: APIRouter, line: Line) -> None:
    """What becomes of a text: its webhooks name a message, and no call."""

    async def signed(request: Request) -> Mapping[str, str]:
        return verified(request, await body_of(request), line, needs_call=False)

    @routes.post("/receipt/{receipt}/status")
    def status(params: Annotated[Mapping[str, str], Depends(signed)], receipt: str) -> Response:
        run(line, lambda session: texting.status(session, known(receipt), params, line.clock()))
        return Response(status_code=204)


def known(text: str) -> UUID | None:
    """The id in a path; None for what is none, which is as little known as one that was never given out."""
    try:
        return UUID(text)
    except ValueError:
        return None
