"""The webhooks of calls and texts that go out: signed, POST only, committed before they are answered."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from voice import callbacks, handover, pages, texting
from voice.deadline import whispered_moment
from voice.outgoing import Handover, Naming, Settle, Speech
from voice.webhooks import Line, body_of, is_again, noted, said, verified

LONGEST_TURN = 2
"""Digits of the number of telephones that were rung: nobody holds the line for a hundred."""


def router(line: Line, *, naming: Naming, settle: Settle, person: Handover | None = None) -> APIRouter:
    """The webhooks of pages, of calls to customers and of texts, on the line whose account places them.

    `person` is how a customer who is called back comes to one of us; without it nobody is rung for them.
    What is written to our number comes nowhere: a text has no address here but that of a receipt's status.
    """
    routes = APIRouter(prefix="/voice", include_in_schema=False)
    speech = Speech(
        public_url=line.public_url,
        language=line.language,
        naming=naming,
        settle=settle,
        wording=line.wording,
        handover=person or Handover(),
        from_number=line.from_number,
    )

    async def signed(request: Request) -> Mapping[str, str]:
        return verified(request, await body_of(request), line)

    webhook = Depends(signed)
    _add_pages(routes, line, speech, webhook)
    _add_callbacks(routes, line, speech, webhook)
    _add_engineers(routes, line, speech, webhook)
    _add_receipts(routes, line)
    return routes


def _add_pages(routes: APIRouter, line: Line, speech: Speech, webhook: object) -> None:
    """Somebody of ours who is told of a step of a ladder."""
    Webhook = Annotated[Mapping[str, str], webhook]  # noqa: N806 - a type

    @routes.post("/page/{notice}")
    async def page(params: Webhook, notice: str, request: Request) -> Response:
        about = known(notice)
        return await said(line, request, params, lambda it: pages.ring(it, about, params, line.clock(), speech=speech))

    @routes.post("/page/{notice}/key")
    async def page_key(params: Webhook, notice: str, request: Request) -> Response:
        about, tried = known(notice), tried_of(request)
        return await said(
            line, request, params, lambda it: pages.key(it, about, tried, params, line.clock(), speech=speech)
        )

    @routes.post("/page/{notice}/status")
    async def page_status(params: Webhook, notice: str) -> Response:
        about = known(notice)
        return await noted(line, lambda it: pages.status(it, about, params, line.clock(), speech=speech))


def _add_callbacks(routes: APIRouter, line: Line, speech: Speech, webhook: object) -> None:
    """A customer who is called back."""
    Webhook = Annotated[Mapping[str, str], webhook]  # noqa: N806 - a type

    @routes.post("/callback/{attempt}")
    async def callback(params: Webhook, attempt: str, request: Request) -> Response:
        about = known(attempt)
        return await said(line, request, params, lambda it: callbacks.ring(it, about, params, speech=speech))

    @routes.post("/callback/{attempt}/key")
    async def callback_key(params: Webhook, attempt: str, request: Request) -> Response:
        about, tried = known(attempt), tried_of(request)
        return await said(
            line, request, params, lambda it: handover.key(it, about, tried, params, line.clock(), speech=speech)
        )

    @routes.post("/callback/{attempt}/status")
    async def callback_status(params: Webhook, attempt: str) -> Response:
        about = known(attempt)
        return await noted(line, lambda it: callbacks.status(it, about, params, line.clock()))


def _add_engineers(routes: APIRouter, line: Line, speech: Speech, webhook: object) -> None:
    """The engineer who is rung for a customer who is there, and what came of it."""
    Webhook = Annotated[Mapping[str, str], webhook]  # noqa: N806 - a type

    @routes.post("/callback/{attempt}/engineer")
    async def engineer(params: Webhook, attempt: str, request: Request) -> Response:
        about, turn, tried = known(attempt), turn_of(request), tried_of(request)
        return await said(
            line,
            request,
            params,
            lambda it: handover.engineer(it, about, turn, tried, params, line.clock(), speech=speech),
            moment=whispered_moment,
        )

    @routes.post("/callback/{attempt}/connected")
    async def connected(params: Webhook, attempt: str, request: Request) -> Response:
        about, turn = known(attempt), turn_of(request)
        return await said(
            line, request, params, lambda it: handover.connected(it, about, turn, params, line.clock(), speech=speech)
        )


def _add_receipts(routes: APIRouter, line: Line) -> None:
    """What becomes of a text: its webhooks name a message, and no call."""

    async def signed(request: Request) -> Mapping[str, str]:
        return verified(request, await body_of(request), line, needs_call=False)

    @routes.post("/receipt/{receipt}/status")
    async def status(params: Annotated[Mapping[str, str], Depends(signed)], receipt: str) -> Response:
        about = known(receipt)
        return await noted(line, lambda it: texting.status(it, about, params, line.clock()))


def turn_of(request: Request) -> int:
    """Which telephone of ours rings for a customer, counted from 1, as the address says; 0 where it says none.

    The address is ours, and signed: it is long if somebody else has made it.
    """
    written = request.query_params.get("turn", "")
    return int(written) if written.isdecimal() and len(written) <= LONGEST_TURN else 0


def tried_of(request: Request) -> str:
    """Which time a key was asked for ("0", then "1"), as the address says; empty before.

    Whoever was asked for a moment brings no key from before: where theirs was not stored it is asked for once more.
    """
    tried = request.query_params.get("try", "")
    return "0" if tried and is_again(request) else tried


def known(text: str) -> UUID | None:
    """The id in a path; None for what is none, which is as little known as one that was never given out."""
    try:
        return UUID(text)
    except ValueError:
        return None
