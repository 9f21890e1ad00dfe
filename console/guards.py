"""What every console answer carries and every console POST must prove; errors as their readers read them."""

import re
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.routing import APIRoute

from console.deps import Desk, SignInNeeded, TokenNeeded
from console.rendering import render
from models.errors import Conflict, Forbidden, Invalid, NotFound, SwitchboardError

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; media-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
MAX_FORM_BYTES = 65_536
MAX_JSON_BYTES = 1_048_576
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
STATUS_OF: dict[type[SwitchboardError], int] = {
    TokenNeeded: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Invalid: 422,
}
RETRY_SECONDS = "5"
NUL = re.compile(rb"\x00|%00")
"""U+0000 as queries and forms write it; PostgreSQL stores none, and no words hold one."""
JSON_NUL = re.compile(rb"\x00|(?<!\\)(?:\\\\)*\\u0000")
"""The same in JSON: an escape whose backslash is no escaped one."""


class PreconditionNeeded(SwitchboardError):
    """A write that does not say which version it saw (RFC 6585 §3)."""

    code = "precondition-required"
    temporary = False
    public = "Send If-Match with the version you saw (the ETag of the request)."


STATUS_OF[PreconditionNeeded] = 428


class Refused(SwitchboardError):
    """A request that is refused before it is read."""

    temporary = False

    def __init__(self, status: int, code: str, public: str) -> None:
        super().__init__(public=public)
        self.status = status
        self.code = code


def check_same_site(request: Request, public_url: str) -> None:
    """Let a state-changing request pass only if a page of ours sent it.

    Browsers say where a request comes from in Sec-Fetch-Site (Fetch Metadata), older ones and plain
    http only in Origin. A POST that says neither was not sent by a browser and has no business here.

    Raises:
        Refused: 403, it comes from elsewhere or does not say.

    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    ours = {_origin(public_url), f"{request.url.scheme}://{request.headers.get('host', '')}"}
    foreign = (site is not None and site != "same-origin") or (origin is not None and origin not in ours)
    if foreign or (site is None and origin is None):
        raise Refused(403, "cross-site", "This was not sent by a page of this console. Go back, reload and try again.")


def check_size(request: Request, limit: int) -> None:
    """Refuse a body that is too large, or does not say how large it is, before a byte of it is read.

    Raises:
        Refused: 411 or 413.

    """
    if request.method in SAFE_METHODS:
        return
    length = request.headers.get("content-length")
    if length is None and "transfer-encoding" in request.headers:
        raise Refused(411, "length-required", "Send a Content-Length.")
    if length is not None and (not length.isdigit() or int(length) > limit):
        raise Refused(413, "too-large", f"At most {limit} bytes are taken.")


async def check_text(request: Request, nul: re.Pattern[bytes]) -> None:
    """Refuse text that cannot be stored, wherever it stands, before anybody reads it.

    Raises:
        Refused: 422.

    """
    address = request.scope.get("raw_path", b"") + b"?" + request.scope.get("query_string", b"")
    body = b"" if request.method in SAFE_METHODS else await request.body()
    if NUL.search(address) or nul.search(body):
        raise Refused(422, "invalid", "What you sent holds the character U+0000, which no text has; leave it out.")


def page_route(desk: Desk) -> type[APIRoute]:
    """A route class for pages: guards first, house headers always, errors as a page."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                request.state.desk = desk
                try:
                    check_size(request, MAX_FORM_BYTES)
                    check_same_site(request, desk.public_url)
                    await check_text(request, NUL)
                    response = await handle(request)
                except SignInNeeded as error:
                    response = _to_sign_in(request, error)
                except (SwitchboardError, RequestValidationError, HTTPException) as error:
                    response = _error_page(request, error)
                for name, value in HEADERS.items():
                    response.headers.setdefault(name, value)
                return response

            return guarded

    return PageRoute


def json_route(desk: Desk) -> type[APIRoute]:
    """A route class for the API: every error has the one JSON shape `{"error": {"code", "message"}}`."""

    class JsonRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                request.state.desk = desk
                try:
                    check_size(request, MAX_JSON_BYTES)
                    await check_text(request, JSON_NUL)
                    response = await handle(request)
                except (SwitchboardError, RequestValidationError, HTTPException) as error:
                    status, code, message = explained(error)
                    response = JSONResponse({"error": {"code": code, "message": message}}, status)
                    _add_error_headers(response, status)
                response.headers["X-Content-Type-Options"] = "nosniff"
                response.headers["Cache-Control"] = "no-store"
                return response

            return guarded

    return JsonRoute


def explained(error: Exception) -> tuple[int, str, str]:
    """An error as status, stable code and the sentence its reader may read."""
    if isinstance(error, RequestValidationError):
        return 422, "invalid", "; ".join(_finding(found) for found in error.errors())
    if isinstance(error, HTTPException):
        return error.status_code, "invalid", str(error.detail)
    if isinstance(error, Refused):
        return error.status, error.code, error.public
    if isinstance(error, SwitchboardError):
        status = next((each for kind, each in STATUS_OF.items() if isinstance(error, kind)), None)
        return status or (503 if error.temporary else 400), error.code, error.public
    raise error


def _finding(found: dict[str, object]) -> str:
    place = found["loc"]
    name = str(place[-1]) if isinstance(place, tuple) and len(place) > 1 else "body"
    return f"{name}: {str(found['msg']).removeprefix('Value error, ')}"


def _add_error_headers(response: Response, status: int) -> None:
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="switchboard"'
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = RETRY_SECONDS


def _error_page(request: Request, error: Exception) -> HTMLResponse:
    status, _, message = explained(error)
    response = render(request, "error.html", status=status, title=HTTPStatus(status).phrase, message=message)
    _add_error_headers(response, status)
    return response


def _to_sign_in(request: Request, error: SignInNeeded) -> Response:
    """To the sign-in page; a fragment request is told to move the whole page there."""
    target = f"/sign-in?next={error.then}"
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": target})
    return RedirectResponse(target, 303)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
