"""What the console is given, and who is asking: the desk, the signed-in engineer, the API token."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, cast
from urllib.parse import quote

from fastapi import Depends, Request
from sqlalchemy import Engine

from console.sign_in import token_digest
from models import tables
from models.calling import Rehearsal
from models.errors import Forbidden, SwitchboardError
from models.ports import Clock, Receive, Suggest, Wake
from models.store import transaction
from models.terms import Autoreply, Role
from triage.policy import Policy
from triage.rota import Rota


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything the console needs from the house.

    `public_url` is how browsers reach us: over https the cookie is Secure and carries the `__Host-`
    prefix. `outbox` is where replies are captured, None where a smarthost sends them. With
    `redis_url` failed sign-ins are counted across processes, else in each. `region` is the ISO 3166
    country of telephone numbers without a country code. `secret` is what artefacts are signed with;
    every `retrain_every` (0: never) the classifier is trained anew by itself, and put in force unless it
    is worse where `retrain_promotes`. `rota` is who is on call when, None where no file says it; `rehearse` plays a
    call in one of the line's `languages` (None: the first of them), None where there is no telephone line.
    """

    engine: Engine
    policies: Mapping[str, Policy]
    receive: Receive
    suggest: Suggest
    wake: Wake
    clock: Clock
    session_hours: int
    public_url: str
    outbox: Path | None = None
    autoreply: Autoreply = Autoreply.ON
    redis_url: str | None = None
    region: str = "US"
    secret: str = field(default="", repr=False)
    retrain_every: timedelta = timedelta(days=7)
    retrain_promotes: bool = False
    rota: Rota | None = None
    rehearse: Callable[[str | None], Rehearsal] | None = None
    languages: tuple[str, ...] = ()

    @property
    def secure(self) -> bool:
        """Whether browsers reach us over https."""
        return self.public_url.startswith("https://")

    @property
    def cookie(self) -> str:
        """The name of the session cookie; `__Host-` binds it to this host and to https (RFC 6265bis §4.1.3.2)."""
        return "__Host-switchboard" if self.secure else "switchboard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who is asking: `login` is what decisions are signed with ("ida", or "token:reports")."""

    login: str
    name: str
    role: Role


class SignInNeeded(SwitchboardError):
    """Nobody is signed in, or the sign-in has ended; `then` is where to go afterwards."""

    code = "sign-in-needed"
    temporary = False
    public = "Please sign in."

    def __init__(self, then: str = "/") -> None:
        super().__init__()
        self.then = then


class TokenNeeded(SwitchboardError):
    """The API call carries no bearer token that is in force (RFC 6750 §3.1)."""

    code = "unauthorized"
    temporary = False
    public = "Send a valid token: Authorization: Bearer …"


def the_desk(request: Request) -> Desk:
    """The desk this router was built for."""
    return cast("Desk", request.state.desk)


DeskHere = Annotated[Desk, Depends(the_desk)]


def signed_in(request: Request, desk: DeskHere) -> Reader:
    """The engineer behind the session cookie.

    Raises:
        SignInNeeded: there is none; a GET comes back to the same page after signing in.

    """
    then = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    needed = SignInNeeded(quote(then) if request.method == "GET" else "/triage")
    cookie = request.cookies.get(desk.cookie)
    if not cookie:
        raise needed
    with transaction(desk.engine) as session:
        engineer = tables.directory.engineer_by_sign_in(session, token_digest(cookie), desk.clock())
    if engineer is None:
        raise needed
    return Reader(login=engineer.login, name=engineer.name or engineer.login, role=engineer.role)


def by_token(request: Request, desk: DeskHere) -> Reader:
    """The API token behind the Authorization header; it is looked up by digest, so timing tells nothing.

    Raises:
        TokenNeeded: there is none, or it is unknown or revoked.

    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenNeeded
    with transaction(desk.engine) as session:
        row = tables.directory.token_by_digest(session, token_digest(token.strip()))
    if row is None:
        raise TokenNeeded
    return Reader(login=f"token:{row.name}", name=row.name, role=row.role)


def allowed(identify: Callable[..., Reader], role: Role) -> Callable[..., Reader]:
    """A dependency that gives the reader if their role includes this one, and raises Forbidden if not."""

    def check(reader: Annotated[Reader, Depends(identify)]) -> Reader:
        if not reader.role.includes(role):
            raise Forbidden(public=f"This needs the role {role.value}; you have {reader.role.value}.")
        return reader

    return check


Viewer = Annotated[Reader, Depends(allowed(signed_in, Role.VIEWER))]
Decider = Annotated[Reader, Depends(allowed(signed_in, Role.ENGINEER))]
Lead = Annotated[Reader, Depends(allowed(signed_in, Role.LEAD))]
TokenViewer = Annotated[Reader, Depends(allowed(by_token, Role.VIEWER))]
TokenDecider = Annotated[Reader, Depends(allowed(by_token, Role.ENGINEER))]
TokenLead = Annotated[Reader, Depends(allowed(by_token, Role.LEAD))]
