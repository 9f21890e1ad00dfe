"""The JSON API under /api/v1: bearer tokens, keyset pages, versions in If-Match."""

import re
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from console import queries, record
from console.api_shapes import brief_json, call_line_json, policy_json, record_json
from console.deps import Desk, DeskHere, TokenDecider, TokenViewer
from console.guards import PreconditionNeeded, json_route
from console.queries import Filters
from models import tables
from models.errors import Conflict, Invalid, NotFound
from models.store import transaction
from models.terms import Channel, Fact, Interaction, Party, TriageState
from triage import identity
from triage.desk import decision
from triage.policy import Policy
from triage.suggest import as_json

Limit = Annotated[int, Query(ge=1, le=200)]
IfMatch = Annotated[str | None, Header(alias="If-Match", description="The version seen: the ETag of the request.")]
VERSION = re.compile(r'(?:W/)?"?(\d{1,9})"?')


class Body(BaseModel):
    """A request body; unknown keys are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")


class DecisionBody(Body):
    """What an engineer decides."""

    type: str = Field(max_length=100)
    priority: str = Field(max_length=100)
    reason: str = Field("", max_length=2000)


class NewRequest(Body):
    """A request from a portal or another system."""

    subject: str = Field("", max_length=500)
    text: str = Field(min_length=1, max_length=100_000)
    channel: Channel = Channel.API
    name: str = Field("", max_length=200)
    address: str | None = Field(None, max_length=320)
    number: str | None = Field(None, max_length=40)
    account: str = Field("", max_length=100, description="The account's contract number.")
    language: str | None = Field(None, max_length=12)
    facts: dict[str, str] = Field(default_factory=dict)


class SuggestBody(Body):
    """A text to suggest for; nothing is stored."""

    policy: str
    subject: str = Field("", max_length=2000)
    body: str = Field("", max_length=200_000)
    channel: Channel = Channel.API
    language: str | None = Field(None, max_length=12)
    facts: dict[str, str] = Field(default_factory=dict)


def router(desk: Desk) -> APIRouter:
    """The API for this desk."""
    routes = APIRouter(prefix="/api/v1", route_class=json_route(desk), tags=["v1"])
    for method, path, handler in (
        ("GET", "/requests", list_requests),
        ("POST", "/requests", create_request),
        ("GET", "/requests/{name}", get_request),
        ("POST", "/requests/{name}/decision", decide),
        ("POST", "/requests/{name}/undo", undo),
        ("GET", "/calls", list_calls),
        ("GET", "/policies", list_policies),
        ("POST", "/suggest", suggest),
    ):
        routes.add_api_route(path, handler, methods=[method], response_model=None)
    return routes


def list_requests(
    reader: TokenViewer,
    desk: DeskHere,
    state: TriageState | None = None,
    channel: Channel | None = None,
    account: Annotated[str | None, Query(max_length=200)] = None,
    message_id: Annotated[str | None, Query(max_length=1000)] = None,
    call_sid: Annotated[str | None, Query(max_length=100)] = None,
    q: Annotated[str | None, Query(max_length=200)] = None,
    cursor: UUID | None = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """Requests with their suggestion, newest first; `next_cursor` goes on from here, null at the end."""
    del reader
    filters = Filters(
        state=state, channel=channel, account=account, message_id=message_id, call_sid=call_sid, q=q, before=cursor
    )
    with transaction(desk.engine) as session:
        briefs, following = queries.page(session, filters, limit)
    return _list([brief_json(brief) for brief in briefs], following)


def get_request(reader: TokenViewer, desk: DeskHere, name: str) -> JSONResponse:
    """One request by UUID or SB-number, with messages, call, suggestion, decisions, clocks and replies."""
    del reader
    with transaction(desk.engine) as session:
        return _answer(session, _found(session, name))


def decide(reader: TokenDecider, desk: DeskHere, name: str, body: DecisionBody, if_match: IfMatch = None) -> Response:
    """Confirm or correct the version of the request named in If-Match; 409 with the current state if it moved."""
    version = _version(if_match)
    try:
        with transaction(desk.engine) as session:
            found = _found(session, name)
            decision.decide(
                session,
                found,
                version=version,
                type=body.type,
                priority=body.priority,
                reason=body.reason.strip(),
                engineer=reader.login,
                policy=_policy(desk, queries.policy_of(session, found) or ""),
                now=desk.clock(),
            )
            return _answer(session, found)
    except Conflict as error:
        return _conflict(desk, name, error)


def undo(reader: TokenDecider, desk: DeskHere, name: str, if_match: IfMatch = None) -> Response:
    """Take the last decision back, at the version named in If-Match."""
    version = _version(if_match)
    try:
        with transaction(desk.engine) as session:
            found = _found(session, name)
            decision.undo(session, found, version=version, engineer=reader.login, now=desk.clock())
            return _answer(session, found)
    except Conflict as error:
        return _conflict(desk, name, error)


def create_request(
    reader: TokenDecider,
    desk: DeskHere,
    body: NewRequest,
    key: Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=200)],
) -> JSONResponse:
    """Open a request; the same Idempotency-Key opens one request only, however often it is sent: 201, then 200."""
    if body.channel not in {Channel.API, Channel.PORTAL}:
        raise Invalid(public="channel: api or portal; mail and calls come in by their own doors")
    source, now = f"api:{reader.name}:{key}", desk.clock()
    interaction = Interaction(
        source=source,
        channel=body.channel,
        received_at=now,
        subject=body.subject,
        text=body.text,
        new_text=body.text,
        language=body.language,
        party=_party(body),
        name=body.name,
        account_hint=body.account,
        facts=_facts(body.facts),
        clock_started_at=now,
    )
    with transaction(desk.engine) as session:
        known = tables.requests.interaction_by_source(session, source)
        if known is not None and (known.subject, known.text) != (body.subject, body.text):
            raise Invalid(public="Idempotency-Key: was used for another request; use a new one")
        receipt = desk.receive(session, interaction, now)
        answer = _answer(session, receipt.request, status=200 if known is not None else 201)
    desk.wake()
    answer.headers["Location"] = f"/api/v1/requests/{receipt.reference}"
    return answer


def list_calls(reader: TokenViewer, desk: DeskHere, cursor: UUID | None = None, limit: Limit = 50) -> dict[str, Any]:
    """Calls, newest first."""
    del reader
    with transaction(desk.engine) as session:
        lines, following = queries.call_page(session, cursor, limit)
    return _list([call_line_json(line) for line in lines], following)


def list_policies(reader: TokenViewer, desk: DeskHere) -> dict[str, Any]:
    """The policies in force, with their types, levels and clauses."""
    del reader
    return {"items": [policy_json(policy) for policy in desk.policies.values()], "next_cursor": None}


def suggest(reader: TokenViewer, desk: DeskHere, body: SuggestBody) -> dict[str, Any]:
    """Suggest for a text without storing anything: the same object as `switchboard suggest`."""
    del reader
    made = desk.suggest(
        policy=_policy(desk, body.policy).id,
        channel=body.channel,
        subject=body.subject,
        body=body.body,
        language=body.language,
        facts=_facts(body.facts),
    )
    return as_json(made, "")


def _list(items: list[dict[str, Any]], following: UUID | None) -> dict[str, Any]:
    return {"items": items, "next_cursor": str(following) if following else None}


def _answer(session: Session, request: UUID, *, status: int = 200) -> JSONResponse:
    found, brief = record.read(session, request), queries.brief(session, request)
    if found is None or brief is None:
        raise NotFound(f"request {request}")
    return JSONResponse(record_json(found, brief), status, {"ETag": f'"{brief.version}"'})


def _conflict(desk: Desk, name: str, error: Conflict) -> JSONResponse:
    """409 with the request as it stands now, so that the caller can decide again."""
    with transaction(desk.engine) as session:
        found = _found(session, name)
        state, brief = record.read(session, found), queries.brief(session, found)
    if state is None or brief is None:
        raise NotFound(f"request {name}")
    body = {"error": {"code": error.code, "message": error.public}, "request": record_json(state, brief)}
    return JSONResponse(body, 409, {"ETag": f'"{brief.version}"'})


def _found(session: Session, name: str) -> UUID:
    found = queries.find(session, name)
    if found is None:
        raise NotFound(f"request {name}")
    return found


def _policy(desk: Desk, name: str) -> Policy:
    policy = desk.policies.get(name)
    if policy is None:
        raise Invalid(public=f"There is no policy {name!r}; there are {', '.join(sorted(desk.policies))}")
    return policy


def _version(if_match: str | None) -> int:
    if if_match is None:
        raise PreconditionNeeded
    match = VERSION.fullmatch(if_match.strip())
    if match is None:
        raise Invalid(public="If-Match: send the version of the request, as its ETag says it")
    return int(match[1])


def _party(body: NewRequest) -> Party | None:
    """Who asks: the address if there is one, else the number.

    Raises:
        Invalid: neither is one.

    """
    if body.address:
        party = identity.address_party(body.address)
    elif body.number:
        party = identity.number_party(body.number, "US")
    else:
        return None
    if party is None:
        raise Invalid(public="address or number: is none")
    return party


def _facts(stated: dict[str, str]) -> tuple[Fact, ...]:
    return tuple(Fact(name=name, value=value, source="caller") for name, value in stated.items())
