"""Twilio's webhooks: signed, POST only, committed before they are answered."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from twilio.request_validator import HMAC_SHA1

from models.calling import Consent
from models.errors import Forbidden, Invalid, SwitchboardError, Unavailable
from models.ports import Clock, Receive, Wake
from models.store import transaction
from models.terms import Party
from voice import calls, prompts
from voice.deadline import Deadline, asked_before, is_slow, one_moment
from voice.prompts import Prompts
from voice.signature import CALL_SID, FORM, LARGEST_BODY, MESSAGE_SID, is_genuine, parameters_of
from voice.switch import Desk, Switch

Result = TypeVar("Result")

LONGEST_WAIT = timedelta(minutes=2)
"""Within which a caller comes back who was asked for a moment, four times at most."""

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

    Where Twilio signs with keys of our own instead, they stand there, and `algorithm` is theirs. `language` greets;
    where `languages` names more than one, the caller chooses among them by key. The fields from `desk` on are those
    of `Switch`; calls to other numbers than `numbers` are refused, if there are any.
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
    algorithm: str = HMAC_SHA1
    deadline: Deadline = field(default_factory=Deadline)
    desk: Desk = field(default_factory=Desk)
    wording: Callable[[str], Prompts] = prompts.load
    from_number: str = ""
    numbers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    consent: Mapping[str, Consent] = field(default_factory=dict)
    callback_after: timedelta = timedelta(minutes=10)
    callback_automatic: bool = False

    @property
    def switch(self) -> Switch:
        """What the flows need of it."""
        others = tuple(each for each in self.languages if each != self.language)
        return Switch(
            receive=self.receive,
            identify=self.identify,
            public_url=self.public_url,
            languages=(self.language, *others),
            desk=self.desk,
            wording=self.wording,
            from_number=self.from_number,
            numbers=self.numbers,
            consent=self.consent,
            callback_after=self.callback_after,
            callback_automatic=self.callback_automatic,
        )


def router(line: Line) -> APIRouter:
    """The webhooks of one line: plain routes, for there is nothing that FastAPI would check of a signed form."""
    routes = APIRouter()
    switch = line.switch

    async def inbound(request: Request) -> Response:
        params = await signed(request, line)
        at = rang_at(request, line.clock())

        def answer(session: Session) -> str:
            return calls.first_ring(session, params, at, switch=switch)

        return await said(line, request, params, answer, since=at)

    async def turn(request: Request) -> Response:
        params = await signed(request, line)
        asked = request.query_params
        step, attempt = (asked.get(name, other).replace("\x00", "") for name, other in (("step", ""), ("try", "0")))
        again, at = is_again(request), line.clock()

        def answer(session: Session) -> str:
            return calls.turn(session, step, attempt, params, at, switch=switch, again=again)

        return await said(line, request, params, answer)

    def callback(flow: Callable[..., None]) -> Callable[[Request], Awaitable[Response]]:
        async def told(request: Request) -> Response:
            params, at = await signed(request, line), line.clock()
            return await noted(line, lambda session: flow(session, params, at, switch=switch))

        return told

    for name, endpoint in (
        ("turn", turn),
        ("inbound", inbound),
        ("status", callback(calls.status)),
        ("recording", callback(calls.recording)),
        ("transcript", callback(calls.transcript)),
    ):
        routes.add_route(f"/voice/{name}", endpoint, methods=["POST"])
    return routes


async def signed(request: Request, line: Line) -> Mapping[str, str]:
    """The parameters of a genuine webhook about a call to us; raises what `body_of`, `verified` and `to_us` do."""
    return to_us(verified(request, await body_of(request), line), line)


async def said(
    line: Line,
    request: Request,
    params: Mapping[str, str],
    flow: Callable[[Session], str],
    since: datetime | None = None,
    moment: Callable[[Prompts, str, int], str] = one_moment,
) -> Response:
    """The TwiML that a flow gives; where it takes too long, "one moment", and a way back to the same address.

    The flow goes on in its thread and commits. What comes back then says so in its query (`again`), and brings
    nothing of what the caller did before: it must find the flow's answer, for which it waits if the flow still goes on
    here, or ask the present question once more. A key pressed since is a flow of its own. `since` is when a call rang
    first: it comes back too, for nothing may be stored yet. `moment` is the TwiML that asks for one.

    Raises:
        Unavailable: PostgreSQL is away, or slow for too long; Twilio goes to the fallback.

    """
    known_as = f"{params['CallSid']} {address_of(request, line, without=('again=', 'since='))}"
    try:
        answer = await line.deadline.wait(
            lambda: line.deadline.insist(lambda: run(line, flow)),
            known_as=known_as,
            joins=is_again(request) and not params.get("Digits"),
        )
        return xml(answer)
    except Unavailable as error:
        if not is_slow(error):
            raise
    except TimeoutError:
        pass
    log.warning("webhook.slow", path=request.url.path)
    language = next(iter(line.numbers.get(params.get("To", ""), ())), line.language)
    again = asked_before(request.query_params.get("again", ""))
    address = address_of(request, line, without="again=")
    if since is not None and "since=" not in address:
        address = f"{address}?since={int(since.timestamp())}"
    return xml(moment(line.wording(language), address, again))


async def noted(line: Line, flow: Callable[[Session], None]) -> Response:
    """204 once a flow is committed.

    Raises:
        Unavailable: it is not, or not yet; Twilio tries again.

    """
    try:
        await line.deadline.wait(lambda: run(line, flow))
    except TimeoutError as error:
        raise Unavailable("a callback took too long") from error
    return Response(status_code=204)


def rang_at(request: Request, now: datetime) -> datetime:
    """When a call rang: `now`, or before the moments that its caller was asked for, as the signed address says."""
    told = request.query_params.get("since", "")[:12]
    since = datetime.fromtimestamp(int(told), UTC) if told.isascii() and told.isdecimal() else now
    return since if now - LONGEST_WAIT <= since <= now else now


def is_again(request: Request) -> bool:
    """Whether a caller who was asked for a moment is back: the webhook says nothing of what they did before."""
    return asked_before(request.query_params.get("again", "")) > 0


def run(line: Line, flow: Callable[[Session], Result]) -> Result:
    """Run a flow in its transaction, then wake a worker.

    Raises:
        Unavailable: PostgreSQL is away or slow; Twilio tries again, or goes to the fallback.

    """
    with transaction(line.engine) as session:
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


def verified(request: Request, body: bytes, line: Line, *, needs_call: bool = True) -> Mapping[str, str]:
    """The parameters of a genuine webhook of our own account, about a call (or else a message).

    Raises:
        Forbidden: not signed by Twilio for this address, or another account's.
        Invalid: signed, but no call or message is named.
        TooLarge: too many fields.

    """
    if b"%" in request.scope.get("raw_path", b""):
        raise Forbidden(public="Our addresses have no other spelling.")
    try:
        parameters = parameters_of(body)
    except ValueError as error:
        raise TooLarge from error
    url, signature = address_of(request, line), request.headers.get("x-twilio-signature", "")
    if not is_genuine(url, parameters, signature, line.auth_tokens, line.algorithm):
        log.warning("webhook.refused", path=request.url.path)
        raise Forbidden(public="The signature does not match.")
    params = {name.replace("\x00", ""): value.replace("\x00", "") for name, value in parameters.items()}
    if params.get("AccountSid") != line.account_sid:
        raise Forbidden(public="Another account.")
    name, shape = ("CallSid", CALL_SID) if needs_call else ("MessageSid", MESSAGE_SID)
    if not shape.fullmatch(params.get(name, "")):
        raise Invalid(public=f"{name} is missing or malformed.")
    return params


def to_us(params: Mapping[str, str], line: Line) -> Mapping[str, str]:
    """The parameters, of a call to one of our numbers.

    Raises:
        Forbidden: it was dialled to another one: whoever configured that knows our address, not our line.

    """
    if line.numbers and params.get("To", "") and params["To"] not in line.numbers:
        raise Forbidden(public="Not our number.")
    return params


def address_of(request: Request, line: Line, *, without: str | tuple[str, ...] = ()) -> str:
    """The address as Twilio knows it: our public one, with path and query as they came on the wire.

    Host and forwarding headers play no part. `without` leaves out what in the query begins so.
    """
    query = request.scope.get("query_string", b"").decode("ascii", "replace")
    if without:
        query = "&".join(each for each in query.split("&") if not each.startswith(without))
    path = request.scope.get("raw_path", b"").decode("ascii", "replace").partition("?")[0]
    return f"{line.public_url}{path}{'?' + query if query else ''}"
