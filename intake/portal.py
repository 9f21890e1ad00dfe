"""The portal a redirected customer is led to: what they wrote is there; filing it starts the SLA clock."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from intake import addresses
from models import tables
from models.errors import Invalid, NotFound
from models.ports import Clock, Receive, Wake
from models.store import transaction
from models.terms import Channel, Interaction, Party, PartyKind

LINK_SECONDS = 90 * 24 * 3600
"""A link in an acknowledgement works for ninety days."""
KEY = re.compile(r"[0-9a-f]{32}")
LONGEST_FORM = 200_000
STATIC = Path(__file__).parent / "templates" / "portal"
POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
ENVIRONMENT = Environment(
    loader=PackageLoader("intake", "templates/portal"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """What the portal needs: a database, the desk, who signs links, the time, and who wakes the worker."""

    engine: Engine
    receive: Receive
    serializer: URLSafeTimedSerializer
    clock: Clock
    wake: Wake
    zone: str = "UTC"


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a posted form, the last of each name.

    Raises:
        Invalid: it is larger than any description we ask for.

    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            raise Invalid(public="The form is too large. Shorten the description; files can be sent afterwards.")
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50)
    return {name: value.replace("\x00", "").strip() for name, value in pairs}


Form = Annotated[dict[str, str], Depends(form_of)]


def router(portal: Portal) -> APIRouter:
    """The portal's pages. GET changes nothing; POST may be repeated without filing twice."""
    routes = APIRouter(prefix="/portal", include_in_schema=False)

    @routes.get("/assets/portal.css")
    def style() -> Response:
        return Response((STATIC / "portal.css").read_bytes(), media_type="text/css")

    @routes.get("/new")
    def blank() -> Response:
        return page("new.html", key=uuid4().hex, given={}, missing=())

    @routes.post("/new")
    def file_new(form: Form) -> Response:
        missing = [name for name in ("email", "subject", "description") if not form.get(name)]
        address = addresses.path(form.get("email", ""))
        if missing or address is None:
            return page("new.html", 422, key=form.get("key", uuid4().hex), given=form, missing=missing or ["email"])
        return filed(portal, _new(form, address, portal.clock()))

    @routes.get("/claim/{token}")
    def show(token: str) -> Response:
        return linked(portal, token, "claim.html")

    @routes.post("/claim/{token}")
    def claim(token: str, form: Form) -> Response:
        return claimed(portal, token, form)

    @routes.get("/requests/{token}")
    def status(token: str) -> Response:
        return linked(portal, token, "status.html")

    return routes


def linked(portal: Portal, token: str, name: str) -> HTMLResponse:
    """A page about the request a signed link names, or one that says why there is none."""
    try:
        with transaction(portal.engine) as session:
            request, said = wanted(session, portal, token)
            return page(name, token=token, request=request, said=said)
    except NotFound as error:
        return page("gone.html", 404, says=error.public)


def claimed(portal: Portal, token: str, form: dict[str, str]) -> Response:
    """File what was mailed on the portal channel: its SLA clock starts now, once however often this is sent."""
    try:
        with transaction(portal.engine) as session:
            request, said = wanted(session, portal, token)
            at = portal.clock()
            portal.receive(session, _claim(request, said, form, at), at)
    except NotFound as error:
        return page("gone.html", 404, says=error.public)
    portal.wake()
    return RedirectResponse(f"/portal/requests/{token}", 303)


def page(name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A rendered page under the portal's strict policy."""
    return HTMLResponse(ENVIRONMENT.get_template(name).render(**values), status, HEADERS)


def wanted(
    session: Session, portal: Portal, token: str
) -> tuple[tables.requests.Request, list[tables.requests.Interaction]]:
    """The request a signed link names, with what was said so far.

    Raises:
        NotFound: the link is not ours, was changed, is too old, or its request is gone.

    """
    try:
        request = tables.requests.fetch(session, UUID(str(portal.serializer.loads(token, max_age=LINK_SECONDS))))
    except SignatureExpired as error:
        raise NotFound(public="This link is too old. Please write to us again or open a new request.") from error
    except (BadSignature, ValueError, TypeError) as error:
        raise NotFound(public="This link is not complete. Copy it whole from our answer.") from error
    if request is None:
        raise NotFound(public="This request is no longer here.")
    return request, tables.requests.interactions(session, request.id)


def filed(portal: Portal, interaction: Interaction) -> RedirectResponse:
    """File an interaction and lead to its status page."""
    with transaction(portal.engine) as session:
        receipt = portal.receive(session, interaction, interaction.received_at)
    portal.wake()
    token = portal.serializer.dumps(str(receipt.request))
    return RedirectResponse(f"/portal/requests/{token}", 303)


def _new(form: dict[str, str], address: str, at: datetime) -> Interaction:
    description = form["description"]
    phone = form.get("phone", "")
    return Interaction(
        source=f"portal:new:{_key(form)}",
        channel=Channel.PORTAL,
        received_at=at,
        subject=form["subject"][:500],
        text=description,
        new_text=description,
        party=Party(kind=PartyKind.ADDRESS, value=addresses.key(address), shown=address),
        name=form.get("name", "")[:200],
        clock_started_at=at,
        note=f"contact phone {phone}"[:80] if phone else "",
    )


def _key(form: dict[str, str]) -> str:
    """What makes a form sent twice one request: the form's own random number, nothing else a client may choose."""
    given = form.get("key", "")
    return given if KEY.fullmatch(given) else uuid4().hex


def _claim(
    request: tables.requests.Request, said: list[tables.requests.Interaction], form: dict[str, str], at: datetime
) -> Interaction:
    addition = form.get("addition", "")
    phone = form.get("phone", "")
    return Interaction(
        source=f"portal:claim:{request.id}",
        channel=Channel.PORTAL,
        received_at=at,
        subject=request.subject,
        text=addition,
        new_text=addition,
        language=said[0].language if said else None,
        request=request.id,
        clock_started_at=at,
        note=f"filed in the portal{f'; contact phone {phone}' if phone else ''}"[:120],
    )
