"""The webhooks of calls we place: signed, POST only, committed before they are answered."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from voice import outgoing
from voice.outgoing import Naming, Speech
from voice.webhooks import Line, body_of, run, verified, xml


def router(line: Line, naming: Naming) -> APIRouter:
    """The webhooks of pages and of calls to customers, on the line whose account places them."""
    routes = APIRouter(prefix="/voice", include_in_schema=False)
    speech = Speech(public_url=line.public_url, language=line.language, naming=naming)

    async def signed(request: Request) -> Mapping[str, str]:
        return verified(request, await body_of(request), line)

    Webhook = Annotated[Mapping[str, str], Depends(signed)]  # noqa: N806 - a type

    @routes.post("/page/{notice}")
    def page(params: Webhook, notice: str) -> Response:
        return xml(run(line, lambda at: outgoing.page(at, known(notice), params, line.clock(), speech=speech)))

    @routes.post("/page/{notice}/key")
    def page_key(params: Webhook, notice: str, request: Request) -> Response:
        tries = request.query_params.get("try", "")

        def answer(session: Session) -> str:
            return outgoing.page_key(session, known(notice), tries, params, line.clock(), speech=speech)

        return xml(run(line, answer))

    @routes.post("/callback/{attempt}")
    def callback(params: Webhook, attempt: str) -> Response:
        return xml(run(line, lambda at: outgoing.callback(at, known(attempt), params, speech=speech)))

    @routes.post("/callback/{attempt}/key")
    def callback_key(params: Webhook, attempt: str, request: Request) -> Response:
        tries = request.query_params.get("try", "")

        def answer(session: Session) -> str:
            return outgoing.callback_key(session, known(attempt), tries, params, line.clock(), speech=speech)

        return xml(run(line, answer))

    for name, flow in (("page", outgoing.page_status), ("callback", outgoing.callback_status)):
        routes.add_api_route(f"/{name}/{{about}}/status", _status(line, Webhook, flow), methods=["POST"])
    return routes


def _status(
    line: Line, webhook: object, flow: Callable[[Session, UUID | None, Mapping[str, str], datetime], None]
) -> Callable[..., Response]:
    def status(params: Mapping[str, str], about: str) -> Response:
        run(line, lambda session: flow(session, known(about), params, line.clock()))
        return Response(status_code=204)

    status.__annotations__["params"] = webhook
    return status


def known(text: str) -> UUID | None:
    """The id in a path; None for what is none, which is then as little known as one that was never given out."""
    try:
        return UUID(text)
    except ValueError:
        return None
