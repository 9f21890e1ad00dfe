"""The triage page: queue, request and suggestion side by side, and the decision."""

from typing import Annotated
from urllib.parse import quote, urlencode
from uuid import UUID

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session

from console import opened, queries, record, standing, timing, wording
from console.deps import Decider, Desk, DeskHere, Reader, Viewer
from console.opened import Refusal
from console.queries import Brief
from console.record import Record
from console.rendering import render
from console.timing import Next
from console.wording import Group
from models import tables
from models.errors import Conflict, Invalid, NotFound
from models.store import transaction
from models.terms import Channel
from triage.desk import decision
from triage.policy import Policy


def triage(
    request: Request, reader: Viewer, desk: DeskHere, channel: Channel | None = None, done: str = "", did: str = ""
) -> HTMLResponse:
    """The queue with its first request open."""
    return _page(request, reader, desk, None, channel, done=done, did=did)


def triage_one(
    request: Request,
    reader: Viewer,
    desk: DeskHere,
    name: str,
    channel: Channel | None = None,
    done: str = "",
    did: str = "",
) -> HTMLResponse:
    """The queue with this request open."""
    return _page(request, reader, desk, name, channel, done=done, did=did)


def queue(
    request: Request, reader: Viewer, desk: DeskHere, current: str = "", channel: Channel | None = None
) -> HTMLResponse:
    """The queue alone, for pages that keep it live."""
    with transaction(desk.engine) as session:
        groups, nexts = _queue(session, desk, channel)
        counts = queries.waiting(session)
    return render(
        request,
        "queue.html",
        reader=reader,
        groups=groups,
        nexts=nexts,
        counts=counts,
        channel=channel,
        current=current,
        now=desk.clock(),
        policies=desk.policies,
    )


def one(request: Request, reader: Viewer, desk: DeskHere, name: str, done: str = "", did: str = "") -> HTMLResponse:
    """Everything about one request on a page of its own."""
    return _own_page(request, reader, desk, name, done=done, did=did)


def decide(
    request: Request,
    reader: Decider,
    desk: DeskHere,
    name: str,
    version: Annotated[int, Form()],
    type: Annotated[str, Form(max_length=100)],  # noqa: A002 - the word of the trade
    priority: Annotated[str, Form(max_length=100)],
    reason: Annotated[str, Form(max_length=2000)] = "",
    seen: Annotated[bool, Form()] = False,
    back: Annotated[str, Form()] = "triage",
    channel: Annotated[Channel | None, Form()] = None,
) -> Response:
    """Confirm or correct, then go on to the next request; 409 with the current state if somebody was first.

    A level that depends on something that is missing (Parallels: the contact phone) needs `seen` as well.
    """
    try:
        with transaction(desk.engine) as session:
            found = opened.found(session, name)
            after = _next(session, desk, found, channel) if back == "triage" else None
            policy = opened.policy_of(session, desk, found)
            made = decision.decide(
                session,
                found,
                version=version,
                type=type,
                priority=priority,
                reason=reason.strip(),
                engineer=reader.login,
                policy=policy,
                now=desk.clock(),
            )
            _check_gate(session, made, policy, seen=seen)
            reference = opened.reference(session, found)
    except Conflict:
        return conflict(request, reader, desk, name, back, channel)
    except Invalid as error:
        given = {"type": type, "priority": priority, "reason": reason}
        refusal = Refusal(form="decision", words=error.public, given=given)
        return refused(request, reader, desk, name, back, channel, refusal)
    return _shown_again(back, reference, after, channel)


def undo(
    request: Request,
    reader: Decider,
    desk: DeskHere,
    name: str,
    version: Annotated[int, Form()],
    back: Annotated[str, Form()] = "triage",
    channel: Annotated[Channel | None, Form()] = None,
) -> Response:
    """Take the last decision back and show the request again."""
    try:
        with transaction(desk.engine) as session:
            found = opened.found(session, name)
            decision.undo(session, found, version=version, engineer=reader.login, now=desk.clock())
            reference = opened.reference(session, found)
    except Conflict:
        return conflict(request, reader, desk, name, back, channel)
    return _shown_again(back, reference, reference, channel)


def conflict(
    request: Request, reader: Reader, desk: Desk, name: str, back: str, channel: Channel | None, words: str = ""
) -> HTMLResponse:
    """The current state, and who made it so, in place of what was tried; nothing was changed."""
    with transaction(desk.engine) as session:
        found = record.read(session, opened.found(session, name))
    if found is None:
        raise NotFound
    page = _page(request, reader, desk, name, channel, notice=words or conflict_words(found, desk), status=409)
    path = f"/requests/{found.request.reference}" if back == "request" else f"/triage/{found.request.reference}"
    page.headers["HX-Push-Url"] = path
    return page


def refused(
    request: Request,
    reader: Reader,
    desk: Desk,
    name: str,
    back: str,
    channel: Channel | None,
    refusal: Refusal,
    status: int = 422,
) -> HTMLResponse:
    """The request again, with why something was not done and what was written; nothing was changed."""
    if back == "request":
        page = _own_page(request, reader, desk, name, refusal=refusal, status=status)
    else:
        page = _page(request, reader, desk, name, channel, refusal=refusal, status=status)
    page.headers["HX-Push-Url"] = f"/{'requests' if back == 'request' else 'triage'}/{quote(name)}"
    return page


def conflict_words(found: Record, desk: Desk) -> str:
    """Who was first, and what they set, in one sentence."""
    last = found.decisions[-1] if found.decisions else None
    if last is None:
        return "The request has changed since you opened it. Nothing was saved; here is how it stands now."
    who = found.people.get(last.decided_by, last.decided_by)
    if last.type is None or last.priority is None:
        return f"{who} took the decision back. Nothing of yours was saved; here is how it stands now."
    policy = desk.policies.get(found.request.policy)
    kind = policy.type_label(last.type) if policy else last.type
    level = policy.level_label(last.priority) if policy else last.priority
    return (
        f"{who} set {kind} · {level} before you. Nothing of yours was saved; keep theirs, or undo it and decide anew."
    )


def flat(groups: list[Group]) -> list[Brief]:
    """The lines of the queue from top to bottom."""
    return [brief for group in groups for brief in group.briefs]


def _check_gate(session: Session, made: tables.requests.Decision, policy: Policy, *, seen: bool) -> None:
    """Refuse a level that depends on something missing, unless somebody has seen that.

    Raises:
        Invalid: it names what is missing, and the clause.

    """
    row = session.get_one(tables.requests.Request, made.request_id)
    missing = () if seen else standing.gates(session, row, policy, made.type).get(made.priority or "", ())
    if missing:
        words = " ".join(f"{one.wanted.label} missing ({one.wanted.clause})." for one in missing)
        raise Invalid(public=f"{words} Tick that you have seen it, or ask for it first.")


def _shown_again(back: str, done: str, following: str | None, channel: Channel | None) -> Response:
    """Lead back to where the button was: the request's own page, or the queue with what follows open."""
    if back == "request":
        return RedirectResponse(f"/requests/{done}?done={done}", 303)
    return RedirectResponse(_triage_path(following, channel, done=done), 303)


def _own_page(
    request: Request,
    reader: Reader,
    desk: Desk,
    name: str,
    *,
    done: str = "",
    did: str = "",
    refusal: Refusal | None = None,
    status: int = 200,
) -> HTMLResponse:
    with transaction(desk.engine) as session:
        work = opened.work(session, desk, reader, opened.found(session, name))
        toast = opened.toast(session, desk, reader, done, did)
        return render(
            request,
            "request.html",
            status=status,
            reader=reader,
            section="requests",
            work=work,
            now=desk.clock(),
            toast=toast,
            notice="",
            refusal=refusal,
            back="request",
            channel=None,
        )


def _page(
    request: Request,
    reader: Reader,
    desk: Desk,
    name: str | None,
    channel: Channel | None,
    *,
    done: str = "",
    did: str = "",
    notice: str = "",
    refusal: Refusal | None = None,
    status: int = 200,
) -> HTMLResponse:
    with transaction(desk.engine) as session:
        groups, nexts = _queue(session, desk, channel)
        counts = queries.waiting(session)
        chosen = opened.found(session, name) if name else groups[0].briefs[0].id if groups else None
        work = opened.work(session, desk, reader, chosen) if chosen else None
        toast = opened.toast(session, desk, reader, done, did)
    return render(
        request,
        "triage.html",
        status=status,
        reader=reader,
        section="triage",
        groups=groups,
        nexts=nexts,
        counts=counts,
        channel=channel,
        work=work,
        chosen=name is not None,
        current=work.record.request.reference if work else "",
        now=desk.clock(),
        policies=desk.policies,
        toast=toast,
        notice=notice,
        refusal=refusal,
        back="triage",
    )


def _queue(session: Session, desk: Desk, channel: Channel | None) -> tuple[list[Group], dict[UUID, Next]]:
    """The queue under its headings, with what each line waits for; two statements."""
    briefs = queries.queue(session, channel)
    now = desk.clock()
    nexts = timing.nexts(session, briefs, desk.policies, now)
    return wording.grouped(briefs, desk.policies, nexts, now), nexts


def _next(session: Session, desk: Desk, request: UUID, channel: Channel | None) -> str | None:
    """The reference below this one in the queue as the engineer sees it, else the one above, else None."""
    order = flat(_queue(session, desk, channel)[0])
    place = next((index for index, line in enumerate(order) if line.id == request), None)
    if place is None:
        return order[0].reference if order else None
    rest = order[place + 1 :] or order[:place][-1:]
    return rest[0].reference if rest else None


def _triage_path(reference: str | None, channel: Channel | None, *, done: str) -> str:
    query = urlencode({"done": done} | ({"channel": channel.value} if channel else {}))
    return f"/triage/{reference}?{query}" if reference else f"/triage?{query}"
