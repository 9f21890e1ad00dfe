"""The classifier's page: what is in force, how it does, what waits; a lead promotes and rolls back."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from console import classifier_acts, classifier_record
from console.deps import Desk, DeskHere, Lead, Reader, Viewer
from console.opened import Toast
from console.rendering import render
from models.errors import ArtefactRefused, Conflict, Invalid, NotFound
from models.store import transaction

DID = {
    "promoted": "is in force. Workers take it before their next job.",
    "rolled-back": "is in force again. Workers take it before their next job.",
}

Named = Annotated[str, Form(max_length=100)]


def classifier(request: Request, reader: Viewer, desk: DeskHere, done: str = "", did: str = "") -> HTMLResponse:
    """The classifier as it stands; after an act, with what was just done."""
    return _page(request, reader, desk, toast=Toast(reference=done, words=DID[did]) if done and did in DID else None)


def promote(
    request: Request,
    reader: Lead,
    desk: DeskHere,
    artefact: Named,
    in_force: Named = "",
    force: Annotated[bool, Form()] = False,
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Put an artefact in force. One that is worse is refused with the reasons, and may be forced with one."""
    try:
        classifier_acts.promote(desk, reader, artefact, seen=in_force, force=force, reason=reason.strip())
    except classifier_acts.Outrun as error:
        return _page(request, reader, desk, status=409, notice=error.public)
    except Conflict:
        return _page(request, reader, desk, status=409, refused=artefact)
    except ArtefactRefused as error:
        return _page(request, reader, desk, status=409, notice=f"It cannot be loaded, which no force helps: {error}")
    except Invalid as error:
        return _page(request, reader, desk, status=422, refused=artefact, missing=error.public)
    return _shown(artefact, "promoted")


def rollback(request: Request, reader: Lead, desk: DeskHere, in_force: Named = "") -> Response:
    """Put the artefact that was in force before back."""
    try:
        made = classifier_acts.rollback(desk, reader, seen=in_force)
    except (Conflict, NotFound) as error:
        return _page(request, reader, desk, status=409, notice=error.public)
    return _shown(made, "rolled-back")


def _shown(artefact: str, did: str) -> RedirectResponse:
    return RedirectResponse(f"/classifier?{urlencode({'done': artefact, 'did': did})}", 303)


def _page(
    request: Request,
    reader: Reader,
    desk: Desk,
    *,
    status: int = 200,
    notice: str = "",
    refused: str = "",
    missing: str = "",
    toast: Toast | None = None,
) -> HTMLResponse:
    """The page. `notice` says why nothing was done; `refused` is an artefact that only force puts in force."""
    now = desk.clock()
    with transaction(desk.engine) as session:
        state = classifier_record.read(session, desk, now)
        in_force = toast is not None and toast.reference == state.in_force
        return render(
            request,
            "classifier.html",
            status=status,
            reader=reader,
            section="classifier",
            state=state,
            policies=desk.policies,
            now=now,
            notice=notice,
            refused=state.version(refused) if refused else None,
            missing=missing,
            toast=toast if in_force else None,
        )
