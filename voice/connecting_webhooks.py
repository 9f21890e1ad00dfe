"""The webhooks of engineers rung for a caller: signed, POST only, committed before they are answered."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from voice import calls, whisper
from voice.deadline import whispered_moment
from voice.outgoing import Naming
from voice.switch import Switch
from voice.webhooks import Line, body_of, is_again, noted, said, to_us, verified


def router(line: Line, switch: Switch, *, naming: Naming = whisper.unnamed) -> APIRouter:
    """The end of a round on the caller's call, and each engineer's telephone; `naming` names the levels they hear."""
    routes = APIRouter(prefix="/voice", include_in_schema=False)

    async def signed(request: Request) -> Mapping[str, str]:
        return verified(request, await body_of(request), line)

    Webhook = Annotated[Mapping[str, str], Depends(signed)]  # noqa: N806 - a type

    @routes.post("/connect")
    async def connect(params: Webhook, request: Request) -> Response:
        ours, number = to_us(params, line), _round(request.query_params.get("round", ""))

        def flow(session: Session) -> str:
            return calls.connected(session, number, ours, line.clock(), switch=switch)

        return await said(line, request, ours, flow)

    @routes.post("/leg/{leg}")
    async def leg(params: Webhook, leg: str, request: Request) -> Response:
        def flow(session: Session) -> str:
            return whisper.ring(session, _known(leg), params, line.clock(), switch=switch, naming=naming)

        return await said(line, request, params, flow, moment=whispered_moment)

    @routes.post("/leg/{leg}/key")
    async def leg_key(params: Webhook, leg: str, request: Request) -> Response:
        tried = whisper.Tried(number=request.query_params.get("try", ""), again=is_again(request))

        def flow(session: Session) -> str:
            return whisper.key(session, _known(leg), tried, params, line.clock(), switch=switch, naming=naming)

        return await said(line, request, params, flow, moment=whispered_moment)

    @routes.post("/leg/{leg}/status")
    async def leg_status(params: Webhook, leg: str) -> Response:
        return await noted(line, lambda session: whisper.status(session, _known(leg), params, line.clock()))

    return routes


def _round(text: str) -> int:
    """The round in an address; 0, which there never is, for what is no number."""
    return int(text[:6]) if text.isascii() and text.isdecimal() else 0


def _known(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
