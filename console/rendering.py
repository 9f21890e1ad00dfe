"""Templates to pages. Everything is escaped; an unknown name in a template is an error, not an empty place."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from console import calling, classifier_figures, duty, shown, timing, wording
from console.assets import asset_url
from models.terms import Autoreply, Role

THEME_COOKIE = "theme"
THEMES = ("auto", "light", "dark")


@cache
def environment() -> Environment:
    """The templates of the console."""
    found = Environment(
        loader=PackageLoader("console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals.update(
        asset=asset_url,
        Autoreply=Autoreply,
        Role=Role,
        words=wording,
        timing=timing,
        facts=shown,
        figures=classifier_figures,
        calling=calling,
        duties=duty,
    )
    found.filters.update(when=utc, clock=of_day, iso=iso, percent=wording.percent)
    return found


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page, with the reader's theme; `reader` is None where nobody needs to be signed in."""
    theme = request.cookies.get(THEME_COOKIE, "auto")
    shared = {
        "reader": None,
        "theme": theme if theme in THEMES else "auto",
        "path": request.url.path,
        "query": request.url.query,
        "toast": None,
        "section": "",
    }
    page = environment().get_template(template).render({**shared, **values})
    return HTMLResponse(page, status)


def utc(at: datetime) -> str:
    """An instant as text for readers without JavaScript: `Sat 21 Nov 2026, 09:02 UTC`."""
    return f"{at.astimezone(UTC):%a %-d %b %Y, %H:%M} UTC"


def of_day(at: datetime) -> str:
    """The time of day for readers without JavaScript, to the second: `09:02:41 UTC`."""
    return f"{at.astimezone(UTC):%H:%M:%S} UTC"


def iso(at: datetime) -> str:
    """An instant for `<time datetime>` and JSON: ISO 8601 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
