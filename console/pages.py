"""Every page of the console as a table: who may see it is said by the handler's first argument."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

from console import (
    acts,
    call_pages,
    classifier_pages,
    downloads,
    duty_pages,
    entrance,
    facts_pages,
    fold_pages,
    lists,
    media,
    outbox,
    progress_pages,
    triage_pages,
)
from console.deps import Desk
from console.entrance import Entrance
from console.events import Pulse
from console.guards import page_route

ACTS = {**progress_pages.ACTS, **call_pages.ACTS, **fold_pages.ACTS}
"""What an engineer does to a request, by the last part of its address, which is its form's name as well."""
Page = tuple[str, str, Callable[..., Any]]


def router(desk: Desk) -> APIRouter:
    """The console's pages for this desk."""
    routes = APIRouter(route_class=page_route(desk), include_in_schema=False)
    for method, path, handler in _pages(desk):
        routes.add_api_route(path, handler, methods=[method], response_model=None)
    return routes


def _pages(desk: Desk) -> tuple[Page, ...]:
    door, pulse = Entrance(desk), Pulse(desk)
    return (
        ("GET", "/sign-in", door.form),
        ("POST", "/sign-in", door.sign_in),
        ("POST", "/sign-out", door.sign_out),
        ("POST", "/theme", entrance.theme),
        ("GET", "/", entrance.home),
        ("GET", "/triage", triage_pages.triage),
        ("GET", "/triage/queue", triage_pages.queue),
        ("GET", "/triage/{name}", triage_pages.triage_one),
        ("GET", "/requests", lists.requests),
        ("GET", "/requests/{name}", triage_pages.one),
        ("GET", "/requests/{name}/alike", fold_pages.alike),
        ("POST", "/requests/{name}/decision", triage_pages.decide),
        ("POST", "/requests/{name}/undo", triage_pages.undo),
        ("POST", "/requests/{name}/facts", facts_pages.state_one),
        ("POST", "/requests/{name}/facts/{fact}", facts_pages.state),
        ("POST", "/requests/{name}/ease", acts.page("ease", facts_pages.ease)),
        *(("POST", f"/requests/{{name}}/{form}", acts.page(form, act)) for form, act in ACTS.items()),
        ("GET", "/left", lists.left),
        ("GET", "/left/clocks", lists.clocks),
        ("GET", "/calls", call_pages.calls),
        ("GET", "/calls/owed", call_pages.owed),
        ("GET", "/on-call", duty_pages.on_call),
        ("POST", "/on-call/covers", duty_pages.stand_in),
        ("POST", "/on-call/covers/{cover}/withdraw", duty_pages.withdraw),
        ("POST", "/on-call/rehearsal", duty_pages.rehearse),
        ("GET", "/recordings/{recording}", media.recording),
        ("GET", "/mails/{mail}", downloads.raw_mail),
        ("GET", "/uploads/{upload}", downloads.upload),
        ("GET", "/policies", lists.policies),
        ("GET", "/policies/{name}", lists.one_policy),
        ("GET", "/classifier", classifier_pages.classifier),
        ("POST", "/classifier/promote", classifier_pages.promote),
        ("POST", "/classifier/rollback", classifier_pages.rollback),
        ("GET", "/outbox", outbox.outbox),
        ("POST", "/outbox/autoreply", outbox.switch),
        ("GET", "/outbox/{outgoing}", outbox.reply),
        ("GET", "/events", pulse.events),
    )
