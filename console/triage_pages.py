"""The triage page: queue, request and suggestion side by side, and the decision."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session

from console import queries, record, wording
from console.deps import Decider, Desk, DeskHere, Reader, Viewer
from console.queries import Brief
from console.record import Record
from console.rendering import render
from console.shown import Shown, shown
from console.wording import Group
from models.errors import Conflict, Invalid, NotFound
from models.store import transaction
from models.terms import Channel, TriageState
from triage.desk import decision
from triage.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the triage page and the request page show of one request."""

    record: Record
    policy: Policy | None
    suggestion: Shown | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Toast:
    """What was just done; `undo` is the version to undo at, None where there is nothing to undo."""

    reference: str
    words: str
    undo: int | None


def triage(
    request: Request, reader: Viewer, desk: DeskHere, channel: Channel | None = None, done: str = ""
) -> HTMLResponse:
    """The queue with its first request open."""
    return _page(request, reader, desk, None, channel, done)


def triage_one(
    request: Request, reader: Viewer, desk: DeskHere, name: str, channel: Channel | None = None, done: str = ""
) -> HTMLResponse:
    """The queue with this request open."""
    return _page(request, reader, desk, name, channel, done)


def queue(
    request: Request, reader: Viewer, desk: DeskHere, current: str = "", channel: Channel | None = None
) -> HTMLResponse:
    """The queue alone, for pages that keep it live."""
    with transaction(desk.engine) as session:
        groups = wording.grouped(queries.queue(session, channel), desk.policies)
        counts = queries.waiting(session)
    return render(
        request,
        "queue.html",
        reader=reader,
        groups=groups,
        counts=counts,
        channel=channel,
        current=current,
        now=desk.clock(),
        policies=desk.policies,
    )


def one(request: Request, reader: Viewer, desk: DeskHere, name: str, done: str = "") -> HTMLResponse:
    """Everything about one request on a page of its own."""
    with transaction(desk.engine) as session:
        work = _work(session, desk, _found(session, name))
        toast = _toast(session, desk, reader, done)
    return render(
        request,
        "request.html",
        reader=reader,
        section="requests",
        work=work,
        now=desk.clock(),
        toast=toast,
        conflict="",
        back="request",
        channel=None,
    )


def decide(
    request: Request,
    reader: Decider,
    desk: DeskHere,
    name: str,
    version: Annotated[int, Form()],
    type: Annotated[str, Form(max_length=100)],  # noqa: A002 - the word of the trade
    priority: Annotated[str, Form(max_length=100)],
    reason: Annotated[str, Form(max_length=2000)] = "",
    back: Annotated[str, Form()] = "triage",
    channel: Annotated[Channel | None, Form()] = None,
) -> Response:
    """Confirm or correct, then go on to the next request; 409 with the current state if somebody was first."""
    try:
        with transaction(desk.engine) as session:
            found = _found(session, name)
            after = _next(session, desk, found, channel) if back == "triage" else None
            decision.decide(
                session,
                found,
                version=version,
                type=type,
                priority=priority,
                reason=reason.strip(),
                engineer=reader.login,
                policy=_policy(session, desk, found),
                now=desk.clock(),
            )
            reference = _reference(session, found)
    except Conflict:
        return _conflict(request, reader, desk, name, back, channel)
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
            found = _found(session, name)
            decision.undo(session, found, version=version, engineer=reader.login, now=desk.clock())
            reference = _reference(session, found)
    except Conflict:
        return _conflict(request, reader, desk, name, back, channel)
    return _shown_again(back, reference, reference, channel)


def _shown_again(back: str, done: str, following: str | None, channel: Channel | None) -> Response:
    """Lead back to where the button was: the request's own page, or the queue with what follows open."""
    if back == "request":
        return RedirectResponse(f"/requests/{done}?done={done}", 303)
    return RedirectResponse(_triage_path(following, channel, done=done), 303)


def _page(
    request: Request,
    reader: Reader,
    desk: Desk,
    name: str | None,
    channel: Channel | None,
    done: str = "",
    conflict: str = "",
) -> HTMLResponse:
    with transaction(desk.engine) as session:
        groups = wording.grouped(queries.queue(session, channel), desk.policies)
        counts = queries.waiting(session)
        first = groups[0].briefs[0].id if groups else None
        opened = _found(session, name) if name else first
        work = _work(session, desk, opened) if opened else None
        toast = _toast(session, desk, reader, done)
    return render(
        request,
        "triage.html",
        status=409 if conflict else 200,
        reader=reader,
        section="triage",
        groups=groups,
        counts=counts,
        channel=channel,
        work=work,
        chosen=name is not None,
        current=work.record.request.reference if work else "",
        now=desk.clock(),
        policies=desk.policies,
        toast=toast,
        conflict=conflict,
        back="triage",
    )


def _conflict(
    request: Request, reader: Reader, desk: Desk, name: str, back: str, channel: Channel | None
) -> HTMLResponse:
    """The current state, and who made it so, in place of what was tried; nothing was changed."""
    with transaction(desk.engine) as session:
        found = record.read(session, _found(session, name))
    if found is None:
        raise NotFound
    page = _page(request, reader, desk, name, channel, conflict=conflict_words(found, desk))
    path = f"/requests/{found.request.reference}" if back == "request" else f"/triage/{found.request.reference}"
    page.headers["HX-Push-Url"] = path
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


def _work(session: Session, desk: Desk, request: UUID) -> Work:
    found = record.read(session, request)
    if found is None:
        raise NotFound(f"request {request}")
    policy = desk.policies.get(found.request.policy)
    content = found.suggestion.content if found.suggestion else None
    return Work(record=found, policy=policy, suggestion=shown(content, policy) if content else None)


def _found(session: Session, name: str) -> UUID:
    found = queries.find(session, name)
    if found is None:
        raise NotFound(public=f"There is no request {name}.")
    return found


def _policy(session: Session, desk: Desk, request: UUID) -> Policy:
    policy = desk.policies.get(queries.policy_of(session, request) or "")
    if policy is None:
        raise Invalid(public="The policy of this request is not installed, so there is nothing to choose from.")
    return policy


def _reference(session: Session, request: UUID) -> str:
    line = queries.brief(session, request)
    if line is None:
        raise NotFound(f"request {request}")
    return line.reference


def _next(session: Session, desk: Desk, request: UUID, channel: Channel | None) -> str | None:
    """The reference below this one in the queue as the engineer sees it, else the one above, else None."""
    order = flat(wording.grouped(queries.queue(session, channel), desk.policies))
    place = next((index for index, line in enumerate(order) if line.id == request), None)
    if place is None:
        return order[0].reference if order else None
    rest = order[place + 1 :] or order[:place][-1:]
    return rest[0].reference if rest else None


def flat(groups: list[Group]) -> list[Brief]:
    """The lines of the queue from top to bottom."""
    return [brief for group in groups for brief in group.briefs]


def _triage_path(reference: str | None, channel: Channel | None, *, done: str) -> str:
    query = urlencode({"done": done} | ({"channel": channel.value} if channel else {}))
    return f"/triage/{reference}?{query}" if reference else f"/triage?{query}"


def _toast(session: Session, desk: Desk, reader: Reader, done: str) -> Toast | None:
    """What this engineer did last to the request named in the address; nothing for anybody else's doing."""
    found = queries.find(session, done) if done else None
    last = record.read(session, found) if found else None
    if last is None or not last.decisions or last.decisions[-1].decided_by != reader.login:
        return None
    row, made = last.request, last.decisions[-1]
    if row.state is not TriageState.DECIDED or made.type is None or made.priority is None:
        return Toast(reference=row.reference, words="is to be confirmed again", undo=None)
    policy = desk.policies.get(row.policy)
    kind = policy.type_label(made.type) if policy else made.type
    level = policy.level_label(made.priority) if policy else made.priority
    return Toast(reference=row.reference, words=f"{wording.VERDICTS[made.verdict]}: {kind} · {level}", undo=row.version)
