"""The web application: every router under one roof, and what each error becomes."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.orm import Session
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console import api, assets, pages
from console.deps import Desk
from intake.portal import routes
from intake.portal.building import Portal
from intake.portal.throttle import Throttle
from models import schema
from models.calling import Rehearsal
from models.errors import SwitchboardError, Unavailable
from models.store import is_reachable
from models.terms import ClientView
from switchboard import rehearsal
from switchboard.lines import Switchboard, now
from switchboard.metrics import exposition
from triage.desk import client, telling
from voice import connecting_webhooks, outgoing_webhooks, webhooks

RETRY_SECONDS = 5
STATUS_OF = {
    "not-found": 404,
    "forbidden": 403,
    "conflict": 409,
    "invalid": 422,
    "too-large": 413,
    "unsupported-media-type": 415,
}

log = structlog.get_logger()


def build(house: Switchboard) -> FastAPI:
    """The application; nothing is connected until the first request."""
    app: FastAPI = FastAPIOffline(
        title="Switchboard",
        summary="Requests from mail, phone and portal, with suggestions an engineer confirms",
        openapi_url="/api/v1/openapi.json",
        docs_url="/api/docs",
        redoc_url=None,
        static_url="/api/static",
    )
    _ = house.telephony.rota  # mistakes in its file are told now, not to a caller
    desk = _desk(house)
    if house.settings.twilio_account_sid:  # first: routes are tried in order, and a caller waits
        line, naming = house.telephony.line, house.telephony.named
        app.include_router(webhooks.router(line))
        app.include_router(connecting_webhooks.router(line, line.switch, naming=house.telephony.announced))
        app.include_router(
            outgoing_webhooks.router(line, naming=naming, settle=house.settle, person=house.telephony.person)
        )
    assets.mount(app)
    app.include_router(pages.router(desk))
    app.include_router(api.router(desk))
    app.include_router(_portal(house))
    _add_health(app, house)
    _add_errors(app)
    return app


def _desk(house: Switchboard) -> Desk:
    settings = house.settings
    return Desk(
        engine=house.engine,
        policies=house.policies,
        receive=house.receive,
        suggest=house.suggest,
        wake=house.wake,
        clock=now,
        redis_url=house.sites.redis_url,
        session_hours=settings.session_hours,
        public_url=settings.public_url,
        outbox=house.outbox,
        autoreply=settings.autoreply,
        region=settings.default_region,
        secret=house.sites.secret,
        retrain_every=house.learning.every,
        retrain_promotes=settings.retrain_promote,
        rota=house.telephony.rota,
        rehearse=partial(_rehearsed, house) if settings.twilio_account_sid else None,
        languages=house.telephony.line.switch.spoken,
    )


def _rehearsed(house: Switchboard, language: str | None) -> Rehearsal:
    return rehearsal.rehearse(house, language=language)


def _portal(house: Switchboard) -> APIRouter:
    settings = house.settings
    return routes.router(
        Portal(
            engine=house.engine,
            receive=house.receive,
            serializer=house.serializer,
            clock=now,
            wake=house.wake,
            policies=house.policies,
            default_policy=settings.policy,
            region=settings.default_region,
            support_phone=settings.support_phone,
            throttle=Throttle(house.sites.redis_url),
            standing=partial(_client_view, house),
            step=partial(_client_step, house),
            missing=partial(telling.missing, policies=house.policies),
        )
    )


def _client_view(house: Switchboard, session: Session, request: UUID, at: datetime) -> ClientView:
    return client.client_view(session, request, policies=house.policies, now=at)


def _client_step(
    house: Switchboard, session: Session, request: UUID, step: str, given: Mapping[str, str], at: datetime
) -> None:
    client.client_step(session, request, step, given, policies=house.policies, now=at, party="portal")


def _add_health(app: FastAPI, house: Switchboard) -> None:
    @app.get("/healthz", include_in_schema=False)
    def alive() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.get("/readyz", include_in_schema=False)
    def ready() -> PlainTextResponse:
        if not is_reachable(house.engine):
            return PlainTextResponse("PostgreSQL does not answer\n", 503)
        if not schema.is_current(house.engine):
            return PlainTextResponse("the database needs: switchboard migrate\n", 503)
        return PlainTextResponse("ok\n")

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        return Response(exposition(house.engine), media_type=CONTENT_TYPE_LATEST)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(SwitchboardError)
    def known(request: Request, error: SwitchboardError) -> Response:
        status = 503 if error.temporary else STATUS_OF.get(error.code, 400)
        return answer(request, status, error.code, error.public)

    app.add_middleware(Unknown)


class Unknown:
    """Makes an answer that is temporary of an error that nobody knows.

    Plain ASGI: Starlette's middleware of functions costs a task and two streams for each request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, and answer it if that fails before anything was sent."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except Exception as error:
            if scope["type"] != "http" or begun:
                raise
            request = Request(scope)
            told = error if isinstance(error, Unavailable) else SwitchboardError()
            if told is not error:
                log.exception("request.failed", path=request.url.path, error=type(error).__name__)
            await answer(request, 503, told.code, told.public)(scope, receive, send)


def answer(request: Request, status: int, code: str, public: str) -> Response:
    """An error as its reader reads it: JSON for programs, a sentence for people; 503 says when to come back."""
    headers = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else {}  # noqa: PLR2004
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": {"code": code, "message": public}}, status, headers)
    return PlainTextResponse(public + "\n", status, headers)
