"""The API's calls: who called, who was rung for them, who is owed a call."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import AwareDatetime, Field
from sqlalchemy.orm import Session

from console import call_queries
from console.api_answers import Body, IfMatch, Limit, Who, appended, found, listed
from console.call_queries import Only
from console.call_shapes import call_line_json, duty_json, owed_line_json
from console.deps import DeskHere, TokenDecider, TokenViewer
from models.errors import NotFound
from models.store import transaction
from models.terms import Role
from triage.desk import folding, oncall, owed

Days = Annotated[int, Query(ge=1, le=60)]
Short = Annotated[str, Field(max_length=200)]


class OweBody(Body):
    """A call that is promised: when, to which number (empty: the one on file), and whether the house places it."""

    due_at: AwareDatetime
    number: Annotated[str, Field(max_length=40)] = ""
    why: Short = ""
    automatic: bool = False


class SettleBody(Body):
    """How the call that was owed was done with."""

    how: Annotated[str, Field(min_length=1, max_length=200)]


class FoldBody(Body):
    """The request it is worked on under, by UUID or reference; one that is folded itself stands for its parent."""

    into: Annotated[str, Field(min_length=1, max_length=40)]


def list_calls(
    reader: TokenViewer, desk: DeskHere, only: Only | None = None, cursor: UUID | None = None, limit: Limit = 50
) -> dict[str, Any]:
    """Calls, newest first, each with who was rung for it; `only` narrows them to live, missed or recovered ones."""
    with transaction(desk.engine) as session:
        lines, following = call_queries.page(session, cursor, limit, only=only, now=desk.clock())
    works = reader.role.includes(Role.ENGINEER)
    return listed([call_line_json(line, works=works) for line in lines], following)


def list_owed(reader: TokenViewer, desk: DeskHere) -> dict[str, Any]:
    """Everybody who is owed a call, the earliest due first."""
    with transaction(desk.engine) as session:
        lines = owed.listing(session, desk.clock())
    works = reader.role.includes(Role.ENGINEER)
    return listed([owed_line_json(line, works=works) for line in lines])


def on_call(reader: TokenViewer, desk: DeskHere, days: Days = 14) -> dict[str, Any]:
    """Who is on duty now, tier by tier, every shift of the `days` to come, who stands in, and what is wrong with it.

    404 where no rota is set.
    """
    if desk.rota is None:
        raise NotFound(public="There is no rota here: set SWITCHBOARD_ROTA.")
    with transaction(desk.engine) as session:
        duty = oncall.duty(session, desk.rota, desk.clock())
        shifts = oncall.upcoming(session, desk.rota, desk.clock(), days)
    return duty_json(duty, shifts, works=reader.role.includes(Role.ENGINEER))


def owe(reader: TokenDecider, desk: DeskHere, name: str, body: OweBody, if_match: IfMatch = None) -> Response:
    """Promise the customer a call at a moment; what is owed already moves to it. `owed` names it."""

    def do(session: Session, request: UUID, who: Who) -> dict[str, Any]:
        row = owed.owe(
            session,
            request,
            due_at=body.due_at,
            number=body.number,
            why=body.why,
            automatic=body.automatic,
            by=who["engineer"],
            now=who["now"],
            region=desk.region,
        )
        session.flush()
        return {"owed": str(row.id)}

    return appended(desk, reader, name, if_match, do)


def settle(reader: TokenDecider, desk: DeskHere, name: str, body: SettleBody, if_match: IfMatch = None) -> Response:
    """Note that the call that was owed is done with, and how; 404 where none is owed."""

    def do(session: Session, request: UUID, who: Who) -> None:
        owed.settle(session, request, by=who["engineer"], how=body.how, now=who["now"])

    return appended(desk, reader, name, if_match, do)


def fold(reader: TokenDecider, desk: DeskHere, name: str, body: FoldBody, if_match: IfMatch = None) -> Response:
    """Have a request worked on under another one, the same outage; both are kept. 409 where one of them is over."""

    def do(session: Session, request: UUID, who: Who) -> dict[str, Any]:
        main = folding.fold(session, request, found(session, body.into), by=who["engineer"], now=who["now"])
        return {"folded_into": main.reference}

    return appended(desk, reader, name, if_match, do)


def unfold(reader: TokenDecider, desk: DeskHere, name: str, if_match: IfMatch = None) -> Response:
    """Have a folded request worked on by itself again; 409 where it is folded into nothing."""

    def do(session: Session, request: UUID, who: Who) -> None:
        folding.unfold(session, request, by=who["engineer"], now=who["now"])

    return appended(desk, reader, name, if_match, do)


ROUTES: tuple[tuple[str, Callable[..., Response]], ...] = (
    ("owe", owe),
    ("settle", settle),
    ("fold", fold),
    ("unfold", unfold),
)
