"""What every portal answer carries, and every page of it: forms, the status page, and why there is nothing."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Any

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import ClientDisconnect

from intake.portal import matrix
from intake.portal.asked import Policy, Service
from intake.portal.claims import Carried
from intake.portal.forms import LONGEST, SIGNS, Answers, Problem, questions
from intake.portal.ordering import PREFIX
from intake.portal.uploads import Limits, megabytes
from intake.portal.wording import Words, preferred, words
from models import tables
from models.errors import Invalid, Unavailable

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
RETRY_SECONDS = 60
ENVIRONMENT = Environment(
    loader=PackageLoader("intake", "templates/portal"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters["plain"] = lambda text: SIGNS.sub("", text)

log = structlog.get_logger()


class Refusal(Exception):
    """A page that tells why there is nothing: keys of the wording, and the status it is sent with."""

    def __init__(self, status: int, heading: str, text: str, *, about: str = "", retry: int = 0) -> None:
        super().__init__(heading)
        self.status, self.heading, self.text, self.about, self.retry = status, heading, text, about, retry


class Route(APIRoute):
    """A route whose every answer carries the house headers, and whose every refusal is a page in words."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, guarded."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                response = await handle(request)
            except (Refusal, Invalid, Unavailable, RequestValidationError) as error:
                response = _message(request, error)
            except ClientDisconnect:
                response = Response(status_code=400)
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return guarded


def _message(request: Request, error: Exception) -> HTMLResponse:
    if isinstance(error, Unavailable):
        log.warning("portal.unavailable", error=type(error).__name__)
        error = Refusal(503, "down_title", "down_text", retry=RETRY_SECONDS)
    if not isinstance(error, Refusal):
        error = Refusal(422, "refused_title", "refused_text")
    page = rendered(
        "message.html",
        spoken(request),
        error.status,
        policy=None,
        heading=error.heading,
        text=error.text,
        about=error.about,
        way_on=error.status in {403, 404},
    )
    if error.retry:
        page.headers["Retry-After"] = str(error.retry)
    return page


def spoken(request: Request) -> Words:
    """The words of the language the reader's browser asks for."""
    return words(preferred(request.headers.get("accept-language", "")))


def rendered(template: str, w: Words, status: int = 200, **values: Any) -> HTMLResponse:
    """A page in a language."""
    text = ENVIRONMENT.get_template(template).render(w=w, **values)
    return HTMLResponse(text, status, {"Content-Language": w.language})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a form shows beside the policy's questions; `request` is the mailed one, None for a new one.

    `services` can be ordered, `ordered` is the one that was chosen, `first_day` the earliest date its notice allows.
    """

    policy: Policy
    answers: Answers
    limits: Limits
    zone: tzinfo
    request: tables.requests.Request | None = None
    person: str = ""
    carried: Sequence[Carried] = ()
    kept: Sequence[tables.requests.Upload] = ()
    told_length: int | None = None
    problem: Problem | None = None
    email: str = ""
    email_problem: str = ""
    key: str = ""
    policy_id: str = ""
    files_again: bool = False
    services: Sequence[Service] = ()
    ordered: Service | None = None
    first_day: date | None = None


def form(shown: Shown, w: Words, status: int = 200) -> HTMLResponse:
    """The form, with what is known and what is wrong."""
    return rendered(
        "form.html",
        w,
        status,
        questions=questions(shown.policy, shown.answers),
        prefix=PREFIX,
        matrix=matrix.table(shown.policy),
        unreadable=shown.told_length == 0,
        cut=(shown.told_length or 0) > LONGEST["longtext"],
        **{name: getattr(shown, name) for name in Shown.__slots__ if name not in {"answers", "limits", "told_length"}},
        limits=told_limits(shown.limits),
    )


def told_limits(limits: Limits) -> dict[str, str]:
    """How many files are taken and how large, as people read it."""
    return {
        "count": str(limits.files),
        "each": megabytes(limits.file_bytes),
        "all": megabytes(limits.all_bytes),
    }
