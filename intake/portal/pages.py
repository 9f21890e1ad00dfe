"""What every portal answer carries, and every page of it: forms, the status page, and why there is nothing."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import ClientDisconnect

from intake.portal.asked import Field, Policy
from intake.portal.claims import Carried
from intake.portal.forms import LONGEST, SIGNS, Answers, Problem, masked, questions
from intake.portal.uploads import Limits, megabytes
from intake.portal.wording import Words, offset, preferred, words
from models import tables
from models.errors import Invalid, Unavailable
from models.terms import Channel, TriageState

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
    """What a form shows beside the policy's questions; `request` is the mailed one, None for a new one."""

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


def form(shown: Shown, w: Words, status: int = 200) -> HTMLResponse:
    """The form, with what is known and what is wrong."""
    limits = shown.limits
    return rendered(
        "form.html",
        w,
        status,
        questions=questions(shown.policy, shown.answers),
        unreadable=shown.told_length == 0,
        cut=(shown.told_length or 0) > LONGEST["longtext"],
        **{name: getattr(shown, name) for name in Shown.__slots__ if name not in {"answers", "limits", "told_length"}},
        limits={
            "files": limits.files,
            "each": megabytes(limits.file_bytes),
            "all": megabytes(limits.all_bytes),
        },
    )


def status(
    request: tables.requests.Request,
    said: Sequence[tables.requests.Interaction],
    *,
    policy: Policy,
    fields: Mapping[str, Field],
    decided_before: bool,
    carried: Sequence[Carried],
    kept: Sequence[tables.requests.Upload],
    zone: tzinfo,
    support_phone: str,
    already: str,
) -> HTMLResponse:
    """Where a request stands and what came of it; never what a machine suggested or an engineer noted."""
    w = words(request.language)
    phones = [name for name, field in fields.items() if field.kind == "phone"]
    numbers = [each.fields.get(name) for each in said for name in phones]
    return rendered(
        "status.html",
        w,
        request=request,
        said=[entry for each in said if (entry := _entry(each, policy, fields, w))],
        policy=policy,
        place=_place(request, decided_before=decided_before),
        phone=next((number for number in reversed(numbers) if number), ""),
        support_phone=support_phone,
        carried=[*carried],
        kept=[*kept],
        zone=zone,
        utc=None if offset(request.received_at, zone) == "UTC" else UTC,
        summary=next((each.subject for each in reversed(said) if each.channel is Channel.PORTAL), request.subject),
        already=already,
    )


def _place(request: tables.requests.Request, *, decided_before: bool) -> int:
    """How far a request is: 0 received, 1 being looked at (again), 2 decided."""
    if request.state is TriageState.DECIDED and request.follow_up_at is None:
        return 2
    return 1 if decided_before else 0


def _entry(
    row: tables.requests.Interaction, policy: Policy, fields: Mapping[str, Field], w: Words
) -> dict[str, Any] | None:
    """What a customer said at once; of a call no more than that it was, and nothing where there is nothing to show."""
    text = "" if row.channel is Channel.PHONE else row.new_text.strip()
    answers = _answers(row, policy, fields, w) if row.channel is Channel.PORTAL else []
    if not text and not answers and row.channel is not Channel.PHONE:
        return None
    return {"channel": row.channel, "received_at": row.received_at, "text": text, "answers": answers}


def _answers(
    row: tables.requests.Interaction, policy: Policy, fields: Mapping[str, Field], w: Words
) -> list[tuple[str, str]]:
    labels = {
        "type": {each.value: each.label for each in policy.types},
        "level": {each.value: each.label for each in policy.levels},
    }
    found = [(w("your_name"), str(row.fields["name"]))] if row.fields.get("name") else []
    for name, field in fields.items():
        value = row.fields.get(name)
        if not value:
            continue
        options = labels.get(field.kind) or {each.value: w.of(each.label) for each in field.options}
        text = masked(str(value)) if field.kind == "secret" else options.get(value, str(value))
        found.append((w.of(field.label), text))
    return found
