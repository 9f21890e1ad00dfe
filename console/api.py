"""The JSON API under /api/v1: bearer tokens, keyset pages, versions in If-Match."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import AwareDatetime, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from console import api_calls, api_classifier, api_progress, queries
from console.api_answers import (
    ERRORS,
    Body,
    IfMatch,
    Limit,
    Who,
    answer,
    check_gate,
    conflict,
    found,
    guarded,
    listed,
    policy_named,
    standing_of,
    version,
)
from console.api_shapes import at as instant
from console.api_shapes import brief_json
from console.deps import Desk, DeskHere, TokenDecider, TokenViewer
from console.guards import json_route
from console.lists import left_lines
from console.policy_shapes import policy_json
from console.queries import Filters
from console.standing_shapes import clock_json, left_behind_json, status_json
from models import tables
from models.errors import Conflict, Invalid, NotFound
from models.store import transaction
from models.terms import Channel, Fact, Interaction, Party, TriageState
from triage import identity
from triage.calendars import YEARS
from triage.desk import decision, ledger
from triage.facts import VOCABULARY
from triage.suggest import as_json
from triage.targets import Kind, Promise

BEARER = HTTPBearer(auto_error=False, description="A token made by `switchboard token add NAME --role engineer`.")
"""Only describes the tokens, so that the documentation page can send one; `console.deps` checks them."""


class DecisionBody(Body):
    """What an engineer decides."""

    type: str = Field(max_length=100)
    priority: str = Field(max_length=100)
    reason: str = Field("", max_length=2000)
    seen: bool = Field(
        default=False, description="A person has seen what `gates` names for this level, and it holds all the same."
    )


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
    routes = APIRouter(
        prefix="/api/v1", route_class=json_route(desk), tags=["v1"], responses=ERRORS, dependencies=[Depends(BEARER)]
    )
    for method, path, handler in (
        ("GET", "/requests", list_requests),
        ("POST", "/requests", create_request),
        ("GET", "/requests/{name}", get_request),
        ("POST", "/requests/{name}/decision", decide),
        ("POST", "/requests/{name}/undo", undo),
        ("GET", "/calls", api_calls.list_calls),
        ("GET", "/calls/owed", api_calls.list_owed),
        ("GET", "/on-call", api_calls.on_call),
        ("GET", "/requests/{name}/explain", explain),
        ("GET", "/policies", list_policies),
        ("GET", "/policies/{policy}", get_policy),
        ("GET", "/left-behind", left_behind),
        ("POST", "/suggest", suggest),
        ("GET", "/classifier", api_classifier.classifier),
        ("POST", "/classifier/promote", api_classifier.promote),
        ("POST", "/classifier/rollback", api_classifier.rollback),
    ):
        routes.add_api_route(path, handler, methods=[method], response_model=None)
    for path, write in (*api_progress.ROUTES, *api_calls.ROUTES):
        routes.add_api_route(f"/requests/{{name}}/{path}", write, methods=["POST"], response_model=None)
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
        stands = _stands(session, desk, briefs)
    return listed([brief_json(brief) | stands[brief.id] for brief in briefs], following)


def get_request(reader: TokenViewer, desk: DeskHere, name: str) -> JSONResponse:
    """One request by UUID or SB-number: what was said, suggested and decided, and where it stands under its policy.

    `clocks` are its SLA clocks, each with the lines that `explain` it; `transitions` only those this token may take.
    """
    with transaction(desk.engine) as session:
        return answer(session, desk, reader, found(session, name))


def explain(
    reader: TokenViewer,
    desk: DeskHere,
    name: str,
    kind: Kind,
    promise: Promise = Promise.GUARANTEED,
    at: Annotated[AwareDatetime | None, Query(description="The moment to look back, or ahead, to.")] = None,
) -> dict[str, Any]:
    """One clock as it stood at a moment (now, if none is given): every interval, pause, holiday and change."""
    moment = at or desk.clock()
    if moment.year not in YEARS:
        raise Invalid(public=f"at: the calendars answer for the years {YEARS[0]} to {YEARS[-1]}")
    with transaction(desk.engine) as session:
        request = found(session, name)
        stands = standing_of(session, desk, reader, request, moment)
        if stands is None:
            raise Invalid(public="The policy of this request is not installed, so nothing counts its clocks.")
        for shown in stands.clocks:
            if (shown.clock.kind, shown.clock.promise) == (kind, promise):
                return {"id": str(request), "at": instant(moment), **clock_json(shown, stands)}
    known = ", ".join(f"{shown.clock.kind} {shown.clock.promise}" for shown in stands.clocks) or "none"
    raise NotFound(public=f"{stands.policy.name} has no such clock; it has {known}")


def decide(reader: TokenDecider, desk: DeskHere, name: str, body: DecisionBody, if_match: IfMatch = None) -> Response:
    """Confirm or correct the version of the request named in If-Match; 409 with the current state if it moved.

    A level that depends on something that is missing (`gates` of the request) needs `seen` as well, else 422.
    """

    def do(session: Session, request: UUID, who: Who) -> None:
        del who["role"]
        made = decision.decide(
            session, request, type=body.type, priority=body.priority, reason=body.reason.strip(), **who
        )
        if not body.seen:
            check_gate(session, request, who["policy"], made)

    return guarded(desk, reader, name, if_match, do)


def undo(reader: TokenDecider, desk: DeskHere, name: str, if_match: IfMatch = None) -> Response:
    """Take the last decision back, at the version named in If-Match."""
    seen = version(if_match)
    try:
        with transaction(desk.engine) as session:
            request = found(session, name)
            decision.undo(session, request, version=seen, engineer=reader.login, now=desk.clock())
            return answer(session, desk, reader, request)
    except Conflict as error:
        return conflict(desk, reader, name, error)


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
        party=_party(body, desk.region),
        name=body.name,
        account_hint=body.account,
        facts=_facts(body.facts, desk),
        clock_started_at=now,
    )
    with transaction(desk.engine) as session:
        known = tables.requests.interaction_by_source(session, source)
        if known is not None and (known.subject, known.text) != (body.subject, body.text):
            raise Invalid(public="Idempotency-Key: was used for another request; use a new one")
        receipt = desk.receive(session, interaction, now)
        made = answer(session, desk, reader, receipt.request, status=200 if known is not None else 201)
    desk.wake()
    made.headers["Location"] = f"/api/v1/requests/{receipt.reference}"
    return made


def list_policies(reader: TokenViewer, desk: DeskHere) -> dict[str, Any]:
    """The policies in force, with everything they say and the clause each of it rests on."""
    del reader
    return listed([policy_json(policy) for policy in desk.policies.values()], None)


def get_policy(reader: TokenViewer, desk: DeskHere, policy: str) -> dict[str, Any]:
    """One policy in force, by its id."""
    del reader
    if policy not in desk.policies:
        raise NotFound(public=f"There is no policy {policy!r}; there are {', '.join(sorted(desk.policies))}")
    return policy_json(desk.policies[policy])


def left_behind(
    reader: TokenViewer, desk: DeskHere, owner: Annotated[str | None, Query(max_length=200)] = None
) -> dict[str, Any]:
    """The requests under way that somebody should look at, the most urgent first, each with the reasons."""
    del reader
    with transaction(desk.engine) as session:
        lines = left_lines(session, desk, owner)
    return listed([left_behind_json(line) for line in lines], None)


def suggest(reader: TokenViewer, desk: DeskHere, body: SuggestBody) -> dict[str, Any]:
    """Suggest for a text without storing anything: the same object as `switchboard suggest`."""
    del reader
    made = desk.suggest(
        policy=policy_named(desk, body.policy).id,
        channel=body.channel,
        subject=body.subject,
        body=body.body,
        language=body.language,
        facts=_facts(body.facts, desk),
    )
    return as_json(made, "")


def _stands(session: Session, desk: Desk, briefs: list[queries.Brief]) -> dict[UUID, dict[str, Any]]:
    """Status and owner of each line of a list, in one statement."""
    found = {}
    chosen = select(tables.requests.Request).where(tables.requests.Request.id.in_([brief.id for brief in briefs]))
    for row in session.scalars(chosen):
        policy = desk.policies.get(row.policy)
        status = status_json(ledger.status_of(row, policy) if policy else row.status, policy)
        since = {"since": instant(row.status_since or row.received_at)}
        found[row.id] = {"status": status | since, "owner": row.owner}
    return found


def _party(body: NewRequest, region: str) -> Party | None:
    """Who asks: the address if there is one, else the number.

    Raises:
        Invalid: neither is one.

    """
    if body.address:
        party = identity.address_party(body.address)
    elif body.number:
        party = identity.number_party(body.number, region)
    else:
        return None
    if party is None:
        raise Invalid(public="address or number: is none")
    return party


def _facts(stated: dict[str, str], desk: Desk) -> tuple[Fact, ...]:
    """What a caller stated; a value nobody knows would say nothing, and its sender should hear of it.

    Raises:
        Invalid: naming every fact and value that does not exist.

    """
    tables_of = [policy.matrix for policy in desk.policies.values() if policy.matrix]
    answers = {name for table in tables_of for name in (table.impact, table.urgency)}
    mistakes = [f"{name}: there is no such fact" for name in stated if name not in answers | VOCABULARY.keys()]
    mistakes += [
        f"{name} cannot be {value!r}; it is one of {', '.join(sorted(VOCABULARY[name]))}"
        for name, value in stated.items()
        if name in VOCABULARY and value not in VOCABULARY[name]
    ]
    if mistakes:
        raise Invalid(public=f"facts: {'; '.join(mistakes)}")
    return tuple(Fact(name=name, value=value, source="caller") for name, value in stated.items())
