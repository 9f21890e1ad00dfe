"""Where a request stands under its policy, read once for its page and its JSON: clocks, steps, nudges, who was told."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from models import tables
from models.tables import progress
from models.terms import Fact, Role
from triage import completeness, matrix
from triage.clock import Clock, clocks
from triage.completeness import Meter, Told
from triage.desk import knowledge, ledger, nudging, telling
from triage.desk.knowledge import Number, RoleRule
from triage.entitlement import Coverage
from triage.explain import Line, explain
from triage.nudges import Nudge, bounces
from triage.policy import Policy
from triage.timeline import Event
from triage.workflow import Offer, Proposal, Stage, allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One clock with the lines that explain it."""

    clock: Clock
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a request stands at a moment, for a reader of one role.

    `supposed`: nothing that holds is decided, so the clocks are those of the suggestion (`ledger.counting`). `log` is
    everything that happened, oldest first. `offers` are the steps the role may take now, `role_rules` the rules that
    only certain roles may apply. `claimed` is the customer's own priority (W15), as a level of the policy. `meter` is
    None where the policy wants nothing in particular, `matrix_reading` where it has no matrix.
    """

    policy: Policy
    status: str
    stage: Stage | None
    supposed: bool
    clocks: tuple[Shown, ...]
    log: tuple[Event, ...]
    rows: tuple[tables.requests.ClockEvent, ...]
    offers: tuple[Offer, ...]
    proposal: Proposal | None
    role_rules: tuple[RoleRule, ...]
    facts: tuple[Fact, ...]
    nudges: tuple[Nudge, ...]
    bounces: int
    claimed: str | None
    meter: Meter | None
    matrix_reading: matrix.Reading | None
    coverage: tuple[Coverage, Coverage] | None
    number: Number | None
    callbacks: tuple[progress.Callback, ...]
    steps: tuple[progress.EscalationStep, ...]
    notices: tuple[progress.Notice, ...]

    @property
    def status_label(self) -> str:
        """What a person reads for the status."""
        return self.policy.workflow.status_label(self.status)


def read(session: Session, request: tables.requests.Request, policy: Policy, role: Role, now: datetime) -> Standing:
    """Where a request stands at `now`, with what a reader of this role may do."""
    rows = tuple(tables.requests.clock_events(session, request.id))
    log = tuple(ledger.as_event(row) for row in rows)
    counting = ledger.counted(session, request, policy)
    status = ledger.status_of(request, policy)
    facts = knowledge.known(session, request, policy=policy)
    told = telling.told(session, request, facts, counting.type, counting.level)
    halts = [one.value for one in policy.workflow.statuses if one.stage is Stage.CLIENT]
    return Standing(
        policy=policy,
        status=status,
        stage=policy.workflow.stage(status),
        supposed=counting.supposed,
        clocks=_shown(policy, counting.events, now),
        log=log,
        rows=rows,
        offers=allowed(policy.workflow, status, role.value) if role.includes(Role.ENGINEER) else (),
        proposal=nudging.proposal_of(session, request, policy, now),
        role_rules=knowledge.role_rules(session, request, policy=policy),
        facts=facts,
        nudges=nudging.nudges_of(session, request, policy, now),
        bounces=bounces(log, halts),
        claimed=telling.claimed_level(policy, told),
        meter=completeness.meter(policy.completeness, told) if policy.completeness else None,
        matrix_reading=_matrix(policy, told),
        coverage=knowledge.coverage(session, request, policy=policy),
        number=knowledge.contact_number(session, request),
        callbacks=tuple(progress.callbacks(session, request.id)),
        steps=tuple(progress.steps(session, request.id)),
        notices=tuple(progress.notices(session, request.id)),
    )


def gates(
    session: Session, request: tables.requests.Request, policy: Policy, kind: str | None = None
) -> dict[str, tuple[completeness.Found, ...]]:
    """What is missing that a level depends on, by level: it is confirmed only by somebody who has seen that.

    `kind` is the type it is confirmed as. A level without an entry may be confirmed as it is.
    """
    if not any(one.weight is completeness.Weight.GATE for one in policy.completeness):
        return {}
    stated = telling.told(session, request, knowledge.known(session, request, policy=policy), kind, None)
    found = {
        level.value: completeness.meter(policy.completeness, replace(stated, level=level.value)).gates
        for level in policy.levels
    }
    return {level: missing for level, missing in found.items() if missing}


def _matrix(policy: Policy, told: Told) -> matrix.Reading | None:
    if policy.matrix is None or not policy.matrix.covers(told.type):
        return None
    return matrix.read_off(policy.matrix, told.fields, {fact.name: fact.value for fact in told.facts})


def _shown(policy: Policy, log: tuple[Event, ...], now: datetime) -> tuple[Shown, ...]:
    return tuple(
        Shown(clock=clock, lines=explain(policy.commitments, log, now, clock.kind, clock.promise))
        for clock in clocks(policy.commitments, log, now)
    )
