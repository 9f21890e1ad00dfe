"""What an engineer does to a request on its way: its steps, its owner, its escalation, who may see it."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import tables
from models.errors import Invalid, NotFound
from models.terms import Role, Visibility
from triage import nudges
from triage.desk import ledger
from triage.desk.held import held
from triage.desk.moves import act, carry_out, locked, own, require
from triage.escalation import ACKNOWLEDGED, ASKED
from triage.nudges import Did
from triage.policy import Policy
from triage.workflow import Move, Stage, Workflow, taking


def transition(
    session: Session,
    request_id: UUID,
    *,
    step: str,
    given: Mapping[str, str],
    version: int,
    engineer: str,
    role: Role,
    policy: Policy,
    now: datetime,
    owner: str = "",
) -> Move:
    """Take a step of the policy's workflow, with the answers to what it asks.

    A step that takes the request makes the engineer its owner, or `owner` where that is somebody else; from another
    owner `given["reason"]` says why. A re-opened request goes back to its last owner.

    Raises:
        NotFound: there is no such request, or no such engineer.
        Conflict: somebody changed it since `version`, or no such step leads out of where it stands.
        Forbidden: the step is not this role's to take.
        Invalid: an answer is missing or will not do; all of them are named at once.
    """
    request = held(session, request_id, version)
    doing = act(session, request, "step", by=engineer, now=now)
    made = carry_out(
        doing, policy, step, given, actor=role.value, taken_by=_worker(session, owner).login if owner else engineer
    )
    doing.acted()
    return made


def take(
    session: Session,
    request_id: UUID,
    *,
    version: int,
    engineer: str,
    role: Role,
    policy: Policy,
    now: datetime,
    reason: str = "",
    owner: str = "",
) -> nudges.Nudge | None:
    """Make the engineer the owner, and do the step that taking means where the request stands, if there is one.

    `owner` becomes the owner where the engineer only acts for them, as a token does: nobody reaches a token.

    What comes back is what to consider before taking one more (R2); nobody is stopped. A request that they own
    already, and that no step takes, stays as it is.

    Raises:
        NotFound: there is no such request, or no such engineer.
        Conflict: somebody changed it since `version`.
        Forbidden: the role may only look.
        Invalid: somebody else owns it, and `reason` is empty (R15).
    """
    require(role)
    request = held(session, request_id, version)
    login = _worker(session, owner).login if owner else engineer
    considered = nudges.taking(policy.nudges, _active(session, login, policy, request.id), now)
    step = taking(policy.workflow, ledger.status_of(request, policy))
    doing = act(session, request, "step", by=engineer, now=now)
    if step is not None:
        carry_out(doing, policy, step.id, {"reason": reason}, actor=role.value, taken_by=login)
        doing.acted()
    elif request.owner != login:
        own(doing, login, reason)
        request.version += 1
        doing.noticed()
    return considered


def hand_over(
    session: Session,
    request_id: UUID,
    *,
    to: str,
    reason: str,
    version: int,
    engineer: str,
    role: Role,
    policy: Policy,  # noqa: ARG001 - every act is called alike
    now: datetime,
) -> None:
    """Give a request to somebody else, or (`to` empty) to nobody; a hand-over needs a reason (R15).

    Raises:
        NotFound: there is no such request.
        Conflict: somebody changed it since `version`.
        Forbidden: the role may only look.
        Invalid: nobody of that name may work on it, they own it already, or the reason is missing.
    """
    require(role)
    request = held(session, request_id, version)
    login = _worker(session, to).login if to else ""
    if login == (request.owner or ""):
        whose = f"{login} owns this request already" if login else "Nobody owns this request"
        raise Invalid(public=f"{whose}: write in `to` who shall own it.")
    own(act(session, request, "owner", by=engineer, now=now), login, reason)
    request.version += 1
    session.flush()


def escalate(
    session: Session,
    request_id: UUID,
    *,
    reason: str,
    engineer: str,
    role: Role,
    policy: Policy,
    now: datetime,
) -> None:
    """Ask for help up the policy's ladder (R17); the reason is what those who are told will read.

    Raises:
        NotFound: there is no such request.
        Forbidden: the role may only look.
        Invalid: the reason is missing, or the policy has no ladder that begins so.
    """
    require(role)
    request = locked(session, request_id)
    if not reason.strip():
        raise Invalid(public="Write in `reason` what you need, and from whom.")
    if not any(ASKED in ladder.on for ladder in policy.escalation):
        raise Invalid(public=f"{policy.name} has no ladder that an engineer's asking begins.")
    doing = act(session, request, "escalation", by=engineer, now=now)
    doing.record(ASKED, note=reason.strip())
    doing.acted()


def acknowledge(
    session: Session,
    request_id: UUID,
    *,
    engineer: str,
    role: Role,
    policy: Policy,  # noqa: ARG001 - every act is called alike
    now: datetime,
) -> None:
    """Take an escalation on: the ladders that acknowledging stops tell nobody further.

    Raises:
        NotFound: there is no such request.
        Forbidden: the role may only look.
    """
    require(role)
    doing = act(session, locked(session, request_id), "escalation", by=engineer, now=now)
    doing.record(ACKNOWLEDGED, value=engineer)
    doing.acted()


def set_visibility(
    session: Session,
    request_id: UUID,
    *,
    visibility: Visibility,
    engineer: str,
    role: Role,
    policy: Policy,  # noqa: ARG001 - every act is called alike
    now: datetime,
) -> None:
    """Show a request to whoever raised it only, or to their whole group (Oro, Share Support Requests).

    Raises:
        NotFound: there is no such request.
        Forbidden: the role may only look.
    """
    require(role)
    request = locked(session, request_id)
    if request.visibility is visibility:
        return
    request.visibility = visibility
    words = {Visibility.PRIVATE: "Shown to whoever raised it only.", Visibility.GROUP: "Shown to the whole group."}
    doing = act(session, request, "visibility", by=engineer, now=now)
    doing.record(Did.NOTED, value=visibility.value, note=words[visibility])
    session.flush()


def _worker(session: Session, login: str) -> tables.directory.Engineer:
    """Somebody who may work on requests."""
    found = tables.directory.engineer_by_login(session, login)
    if found is None or found.disabled_at is not None or not found.role.includes(Role.ENGINEER):
        raise NotFound(public=f"There is no engineer {login!r} who may work on requests.")
    return found


def _active(session: Session, engineer: str, policy: Policy, apart_from: UUID) -> int:
    """How many other requests of a policy an engineer works on now."""
    row = tables.requests.Request
    mine = select(func.count()).where(
        row.owner == engineer,
        row.policy == policy.id,
        row.status.in_(_working(policy.workflow)),
        row.id != apart_from,
    )
    return session.scalar(mine) or 0


def _working(flow: Workflow) -> list[str]:
    """The statuses in which somebody works; a request that has had no step stands at the start."""
    found = [one.value for one in flow.statuses if one.stage is Stage.WORKING]
    return [*found, ""] if flow.start in found else found
