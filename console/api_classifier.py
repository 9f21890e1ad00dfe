"""The classifier over the API: what is in force and how it does; a lead promotes and rolls back."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Header, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from console import classifier_acts, classifier_record
from console.api_answers import Body
from console.api_shapes import at
from console.classifier_record import State, Version
from console.deps import Desk, DeskHere, TokenLead, TokenViewer
from console.guards import PreconditionNeeded
from models import tables
from models.errors import Conflict
from models.store import transaction

InForce = Annotated[
    str | None, Header(alias="If-Match", description="The artefact seen to be in force: the ETag of the classifier.")
]


class PromoteBody(Body):
    """The artefact to put in force. One that is worse than the one in force needs `force`, and with it a `reason`."""

    artefact: str = Field(min_length=1, max_length=100)
    force: bool = False
    reason: str = Field("", max_length=2000)


def classifier(reader: TokenViewer, desk: DeskHere) -> Response:
    """What is in force, every version, the candidate in the shadow, drift, agreement by week, the next training."""
    del reader
    return _answer(desk)


def promote(reader: TokenLead, desk: DeskHere, body: PromoteBody, if_match: InForce = None) -> Response:
    """Put an artefact in force, if the one named in If-Match still is; 409 with the reasons where it is worse."""
    seen = _seen(if_match)
    return _done(
        desk,
        lambda: classifier_acts.promote(
            desk, reader, body.artefact, seen=seen, force=body.force, reason=body.reason.strip()
        ),
    )


def rollback(reader: TokenLead, desk: DeskHere, if_match: InForce = None) -> Response:
    """Put the artefact that was in force before back, if the one named in If-Match still is."""
    seen = _seen(if_match)
    return _done(desk, lambda: classifier_acts.rollback(desk, reader, seen=seen))


def _seen(if_match: str | None) -> str:
    if if_match is None:
        raise PreconditionNeeded(
            public="Send If-Match with the artefact you saw in force (the ETag of the classifier)."
        )
    return if_match.strip().removeprefix("W/").strip('"')


def _done(desk: Desk, act: Callable[[], str]) -> Response:
    try:
        act()
    except Conflict as error:
        return _answer(desk, status=409, error={"code": error.code, "message": error.public})
    return _answer(desk)


def _answer(desk: Desk, status: int = 200, error: dict[str, str] | None = None) -> JSONResponse:
    """The classifier as it stands now, what is in force as ETag; beside an error, if there is one."""
    with transaction(desk.engine) as session:
        state = classifier_record.read(session, desk, desk.clock())
        content = classifier_json(state)
    body = {"error": error, "classifier": content} if error else content
    return JSONResponse(body, status, {"ETag": f'"{state.in_force}"'})


def classifier_json(state: State) -> dict[str, Any]:
    """The same for programs."""
    beside, training = state.beside, state.training
    return {
        "in_force": state.in_force or None,
        "live": {"decided": state.live.decided, "enough": state.live.is_enough, "figures": state.live.figures},
        "versions": [_version_json(one) for one in state.versions],
        "shadow": None if beside is None else {**_plain(beside), "enough": beside.is_enough},
        "drift": None if state.drift is None else {"at": at(state.drift.at), **state.drift.content},
        "agreement": [
            {"since": at(one.since), "confirmed": one.confirmed, "of": one.of, "low": one.low, "high": one.high}
            for one in state.weeks
        ],
        "training": {
            "every_days": training.every / timedelta(days=1),
            "promotes": training.promotes,
            "is_due": training.is_due,
            "due": at(training.due),
            "under_way": training.is_under_way,
            "decided_since": training.fresh,
            "last": None if training.last is None else _last_json(training.last),
        },
    }


def _version_json(one: Version) -> dict[str, Any]:
    row, compared = one.row, one.compared
    return {
        "id": row.id,
        "state": row.state.value,
        "created_at": at(row.created_at),
        "promoted_at": at(row.promoted_at),
        "made_by": row.made_by,
        "counts": row.counts,
        "digest": row.digest,
        "fingerprint": row.fingerprint,
        "sklearn_version": row.sklearn_version,
        "metrics": row.metrics,
        "wrong": [words for _, words in one.wrong],
        "comparison": None if compared is None else _plain(compared),
    }


def _last_json(row: tables.lessons.Retraining) -> dict[str, Any]:
    return {
        "started_at": at(row.started_at),
        "ended_at": at(row.ended_at),
        "made_by": row.made_by,
        "artefact": row.artefact,
        "failed": row.failed,
        "outcome": row.outcome,
    }


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
