"""On call: who is on duty, who comes next, who stands in for whom, and a rehearsal of a call that burns."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session

from console.acts import Sent, SentHere
from console.deps import Decider, Desk, DeskHere, Lead, Reader, Viewer
from console.duty import days_of
from console.rendering import render
from models.errors import Invalid, Misconfigured, NotFound
from models.store import transaction
from triage.desk import oncall
from triage.rota import Rota

DAYS = 14
LANGUAGES = {"en": "English", "de": "German", "fr": "French", "es": "Spanish"}
DID = {"stands-in": "Somebody stands in.", "withdrawn": "Taken back: the rota counts again."}


def on_call(request: Request, reader: Viewer, desk: DeskHere, did: str = "") -> HTMLResponse:
    """Who is on duty now, what comes next, what was arranged, and what is wrong with it."""
    return _page(request, reader, desk, did=did)


def stand_in(request: Request, reader: Decider, desk: DeskHere, sent: SentHere) -> Response:
    """Have somebody stand in on a tier for a time; any engineer may arrange that, and the row says who did."""

    def arrange(session: Session, rota: Rota) -> None:
        starts, ends = sent.moment("from"), sent.moment("until")
        if ends is None:
            raise Invalid(public="Say until when they stand in.")
        oncall.override(
            session,
            rota,
            tier=sent.text("tier"),
            person=sent.text("person"),
            starts=starts or desk.clock(),
            ends=ends,
            by=reader.login,
            now=desk.clock(),
            note=sent.text("note"),
        )

    return _changed(request, reader, desk, sent, "stands-in", arrange)


def withdraw(request: Request, reader: Decider, desk: DeskHere, sent: SentHere, cover: UUID) -> Response:
    """Take back that somebody stands in."""

    def take_back(session: Session, rota: Rota) -> None:
        del rota
        oncall.withdraw(session, cover, reader.login, desk.clock())

    return _changed(request, reader, desk, sent, "withdrawn", take_back)


def rehearse(
    request: Request, reader: Lead, desk: DeskHere, language: Annotated[str, Form(max_length=12)] = ""
) -> HTMLResponse:
    """A call that burns, played against what is set up here: what the caller hears, who would ring. Nobody is rung."""
    if desk.rehearse is None:
        return _page(request, reader, desk, refused="There is no telephone line here to rehearse.", status=422)
    if language and language not in desk.languages:
        return _page(request, reader, desk, refused=f"Callers are not spoken to in {language!r} here.", status=422)
    try:
        played = desk.rehearse(language or None)
    except (Invalid, Misconfigured) as error:
        return _page(request, reader, desk, refused=error.public, status=422)
    return render(
        request,
        "rehearsal.html",
        reader=reader,
        section="on-call",
        played=played,
        language=language,
        languages=_languages(desk),
        now=desk.clock(),
    )


def _changed(
    request: Request, reader: Reader, desk: Desk, sent: Sent, did: str, change: Callable[[Session, Rota], None]
) -> Response:
    """Change what is arranged in one transaction; what is refused shows the page with why, and what was written."""
    if desk.rota is None:
        raise NotFound(public="There is no rota here: set SWITCHBOARD_ROTA.")
    try:
        with transaction(desk.engine) as session:
            change(session, desk.rota)
    except Invalid as error:
        return _page(request, reader, desk, refused=error.public, given=dict(sent.given), status=422)
    return RedirectResponse(f"/on-call?did={did}", 303)


def _page(
    request: Request,
    reader: Reader,
    desk: Desk,
    *,
    did: str = "",
    refused: str = "",
    given: dict[str, str] | None = None,
    status: int = 200,
) -> HTMLResponse:
    now = desk.clock()
    duty, days = None, []
    if desk.rota is not None:
        with transaction(desk.engine) as session:
            duty = oncall.duty(session, desk.rota, now)
            days = days_of(oncall.upcoming(session, desk.rota, now, DAYS), desk.rota.zone, now, DAYS)
    return render(
        request,
        "on_call.html",
        status=status,
        reader=reader,
        section="on-call",
        duty=duty,
        days=days,
        people=sorted(duty.people, key=lambda one: one.name.lower()) if duty else [],
        done=DID.get(did, ""),
        refused=refused,
        given=given or {},
        rehearses=desk.rehearse is not None,
        languages=_languages(desk),
        now=now,
    )


def _languages(desk: Desk) -> list[tuple[str, str]]:
    """The languages of the line with what people call them."""
    return [(code, LANGUAGES.get(code, code)) for code in desk.languages]
