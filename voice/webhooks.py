"""Twilio's webhooks: signed, POST only, committed before they are answered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, TypeVar

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from models.errors import Forbidden, Invalid, SwitchboardError
from models.ports import Clock, Receive, Wake
from models.store import transaction
from models.terms import Party
from voice import calls
from voice.calls import Switch
from voice.signature import CALL_SID, FORM, LARGEST_BODY, is_genuine, parameters_of

Result = TypeVar("Result")

PATIENCE = text("select set_config('lock_timeout', '2500', true), set_config('statement_timeout', '3000', true)")
"""Milliseconds: a caller is on the line, and Twilio goes to the fallback after fifteen seconds."""

log = structlog.get_logger()


class TooLarge(SwitchboardError):
    """A webhook larger than any Twilio sends."""

    code = "too-large"
    temporary = False
    public = "The body is too large."


class WrongType(SwitchboardError):
    """A webhook that is no form."""

    code = "unsupported-media-type"
    temporary = False
    public = f"Webhooks are {FORM}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What the phone door needs; `auth_tokens` are the primary and, during rotation, the secondary one.

    `language` greets; where `languages` names more than one, the caller chooses among them by key.
    """

    engine: Engine
    receive: Receive
    identify: Callable[[str], Party | None]
    public_url: str
    account_sid: str
    auth_tokens: tuple[str, ...]
    language: str
    wake: Wake
    clock: Clock
    languages: tuple[str, ...] = ()

    @property
    def switch(self) -> Switch:
        """What the flows need of it."""
        others = tuple(each for each in self.languages if each != self.language)
        return Switch(
            receive=self.receive,
            identify=self.identify,
            public_url=self.public_url,
            languages=(self.language, *others),
        )


def router(line: Line) -> APIRouter:
    """The webhooks of one line."""
    routes = APIRouter(prefix="/voice", include_in_schema=False)

    async def signed(request: Request) -> Mapping[str, str]:
        return verified(request, await body_of(request), line)

    Webhook = Annotated[Mapping[str, str], Depends(signed)]  # noqa: N806 - a type

    @routes.post("/inbound")
    def inbound(params: Webhook) -> Response:
        return xml(run(line, lambda session: calls.first_ring(session, params, line.clock(), switch=line.switch)))

    @routes.post("/turn")
    def turn(params: Webhook, step: str, request: Request) -> Response:
        attempt = request.query_params.get("try", "0")

        def answer(session: Session) -> str:
            return calls.turn(session, step, attempt, params, line.clock(), switch=line.switch)

        return xml(run(line, answer))

    for name, flow in (("status", calls.status), ("recording", calls.recording), ("transcript", calls.transcript)):
        routes.add_api_route(f"/{name}", _callback(line, Webhook, flow), methods=["POST"])
    return routes


def _callback(line: Line, webhook: object, flow: Callable[..., None]) -> Callable[..., Response]:
    def callback(params: Mapping[str, str]) -> Response:
        run(line, lambda session: flow(session, params, line.clock(), switch=line.switch))
        return Response(status_code=204)

    callback.__annotations__["params"] = webhook
    return callback


def run(line: Line, flow: Callable[[Session], Result]) -> Result:
    """Run a flow in its transaction, then wake a worker.

    Raises:
        Unavailable: PostgreSQL is away or slow; Twilio tries again, or goes to the fallback.

    """
    with transaction(line.engine) as session:
        session.execute(PATIENCE)
        result = flow(session)
    line.wake()
    return result


def xml(document: str) -> Response:
    """TwiML as Twilio reads it."""
    return Response(document, media_type="text/xml")


async def body_of(request: Request) -> bytes:
    """The raw body, within the limit.

    Raises:
        WrongType: it is no form.
        TooLarge: Twilio sends no such body.

    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise WrongType
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise TooLarge
    return body


def verified(request: Request, body: bytes, line: Line) -> Mapping[str, str]:
    """The parameters of a genuine webhook of our own account.

    Raises:
        Forbidden: not signed by Twilio for this address, or another account's.
        Invalid: signed, but no call is named.
        TooLarge: too many fields.

    """
    try:
        parameters = parameters_of(body)
    except ValueError as error:
        raise TooLarge from error
    query = request.scope.get("query_string", b"").decode("ascii", "replace")
    path = request.scope.get("raw_path", b"").decode("ascii", "replace").partition("?")[0]
    url = f"{line.public_url}{path}{'?' + query if query else ''}"
    if not is_genuine(url, parameters, request.headers.get("x-twilio-signature", ""), line.auth_tokens):
        log.warning("webhook.refused", path=path)
        raise Forbidden(public="The signature does not match.")
    params = {name.replace("\x00", ""): value.replace("\x00", "") for name, value in parameters.items()}
    if params.get("AccountSid") != line.account_sid:
        raise Forbidden(public="Another account.")
    if not CALL_SID.fullmatch(params.get("CallSid", "")):
        raise Invalid(public="CallSid is missing or malformed.")
    return params
