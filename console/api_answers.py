"""What every route of the API about one request shares: the request as it stands, the version seen, the conflict."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from console import queries, record, standing
from console.api_shapes import Json, record_json
from console.call_shapes import calls_json
from console.deps import Desk, Reader
from console.guards import PreconditionNeeded
from console.standing import Standing
from console.standing_shapes import gates_json, standing_json
from models import tables
from models.errors import Conflict, Invalid, NotFound
from models.store import transaction
from models.terms import Role
from triage.desk.held import held
from triage.policy import Policy

IfMatch = Annotated[str | None, Header(alias="If-Match", description="The version seen: the ETag of the request.")]
Limit = Annotated[int, Query(ge=1, le=200)]
VERSION = re.compile(r'(?:W/)?"?(\d{1,9})"?')

Who = dict[str, Any]
"""Who acts, as every function of the desk takes it: `engineer`, `role`, `policy`, `now`."""
Do = Callable[[Session, UUID, Who], Mapping[str, Any] | None]
"""What is done to a request; what it gives back stands beside the request in the answer."""


BY_TOKEN = "token:"  # noqa: S105 - no secret, the beginning of a name
"""How the login of whoever acts by a token begins (`console.deps`)."""


class Body(BaseModel):
    """A request body; unknown keys are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")


class ErrorWords(BaseModel):
    """`code` is for programs and stays; `message` is for people and may change."""

    code: str
    message: str


class Error(BaseModel):
    """What every error looks like; a conflict (409) also holds the `request` as it stands now."""

    error: ErrorWords


ERRORS: dict[int | str, Json] = {
    401: {"model": Error, "description": "No token that is in force"},
    403: {"model": Error, "description": "Not with this role"},
    404: {"model": Error, "description": "There is no such thing"},
    409: {"model": Error, "description": "Somebody was first; the request as it stands now is in `request`"},
    422: {"model": Error, "description": "What is wrong, all of it named"},
    428: {"model": Error, "description": "If-Match is missing"},
    503: {"model": Error, "description": "Try again, see Retry-After"},
}


def answer(
    session: Session,
    desk: Desk,
    reader: Reader,
    request: UUID,
    *,
    status: int = 200,
    more: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """A request with everything about it, its version as ETag."""
    content, version = _content(session, desk, reader, request)
    return JSONResponse(content | dict(more or {}), status, {"ETag": f'"{version}"'})


def listed(items: list[Json], following: UUID | None = None) -> Json:
    """A page of a list; `next_cursor` goes on from here, null at the end."""
    return {"items": items, "next_cursor": str(following) if following else None}


def guarded(desk: Desk, reader: Reader, name: str, if_match: str | None, do: Do) -> Response:
    """Do something to the version named in If-Match, which `do` is given as `version`; 409 with how it stands now.

    Raises:
        PreconditionNeeded: no version is named.

    """
    seen = version(if_match)
    return _done(desk, reader, name, lambda session, request, who: do(session, request, {**who, "version": seen}))


def appended(desk: Desk, reader: Reader, name: str, if_match: str | None, do: Do) -> Response:
    """Add something to a request at whatever version it is; one that is named must hold all the same."""
    seen = None if if_match is None else version(if_match)

    def checked(session: Session, request: UUID, who: Who) -> Mapping[str, Any] | None:
        if seen is not None:
            held(session, request, seen)
        return do(session, request, who)

    return _done(desk, reader, name, checked)


def conflict(desk: Desk, reader: Reader, name: str, error: Conflict) -> JSONResponse:
    """409 with the request as it stands now, so that the caller can decide again."""
    with transaction(desk.engine) as session:
        content, seen = _content(session, desk, reader, found(session, name))
    body = {"error": {"code": error.code, "message": error.public}, "request": content}
    return JSONResponse(body, 409, {"ETag": f'"{seen}"'})


def standing_of(
    session: Session, desk: Desk, reader: Reader, request: UUID, moment: datetime | None = None
) -> Standing | None:
    """Where a request stands for this reader, now or as of another moment; None where its policy is not installed.

    Raises:
        NotFound: there is no such request.

    """
    row = tables.requests.fetch(session, request)
    if row is None:
        raise NotFound(f"request {request}")
    policy = desk.policies.get(row.policy)
    return standing.read(session, row, policy, reader.role, moment or desk.clock()) if policy else None


def found(session: Session, name: str) -> UUID:
    """The id of the request with this UUID or reference.

    Raises:
        NotFound: there is none.

    """
    request = queries.find(session, name)
    if request is None:
        raise NotFound(f"request {name}")
    return request


def check_gate(session: Session, request: UUID, policy: Policy, made: tables.requests.Decision) -> None:
    """Refuse a level that depends on something missing, which nobody says they have seen (Parallels: contact phone).

    Raises:
        Invalid: it names what is missing, and the clause.

    """
    row = session.get_one(tables.requests.Request, request)
    if missing := standing.gates(session, row, policy, made.type).get(made.priority or ""):
        words = " ".join(f"{one.wanted.label} missing ({one.wanted.clause})." for one in missing)
        raise Invalid(public=f'{words} Ask for it first, or send "seen": true once a person has seen that.')


def owner_of(reader: Reader, named: str | None) -> str:
    """Who becomes the owner by what a token does: the engineer it names; empty where an engineer acts.

    Raises:
        Invalid: a token acts and names nobody. No ladder would reach its owner.

    """
    if not named and reader.login.startswith(BY_TOKEN):
        raise Invalid(public='A token owns nothing: name an engineer\'s login in "engineer", or use /owner.')
    return named or ""


def policy_named(desk: Desk, name: str) -> Policy:
    """The policy with this id.

    Raises:
        Invalid: it is not installed; those that are, are named.

    """
    policy = desk.policies.get(name)
    if policy is None:
        raise Invalid(public=f"There is no policy {name!r}; there are {', '.join(sorted(desk.policies))}")
    return policy


def version(if_match: str | None) -> int:
    """The version that If-Match names.

    Raises:
        PreconditionNeeded: there is no If-Match.
        Invalid: it names none.

    """
    if if_match is None:
        raise PreconditionNeeded
    match = VERSION.fullmatch(if_match.strip())
    if match is None:
        raise Invalid(public="If-Match: send the version of the request, as its ETag says it")
    return int(match[1])


def _done(desk: Desk, reader: Reader, name: str, do: Do) -> Response:
    try:
        with transaction(desk.engine) as session:
            request = found(session, name)
            policy = policy_named(desk, queries.policy_of(session, request) or "")
            who = {"engineer": reader.login, "role": reader.role, "policy": policy, "now": desk.clock()}
            made = answer(session, desk, reader, request, more=do(session, request, who))
    except Conflict as error:
        return conflict(desk, reader, name, error)
    desk.wake()
    return made


def _content(session: Session, desk: Desk, reader: Reader, request: UUID) -> tuple[Json, int]:
    state, brief = record.read(session, request), queries.brief(session, request)
    if state is None or brief is None:
        raise NotFound(f"request {request}")
    where = standing_of(session, desk, reader, request)
    stands = standing_json(state.request, state.suggestion, where, reader.role)
    gates = standing.gates(session, state.request, where.policy) if where else {}
    works = reader.role.includes(Role.ENGINEER)
    told = record_json(state, brief, works=works) | calls_json(state, works=works)
    return told | stands | {"gates": gates_json(gates)}, brief.version
