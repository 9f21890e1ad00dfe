"""The client's side of a request: what they are told, the steps that are theirs, and what their messages do."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from models import tables
from models.errors import Conflict, NotFound
from models.terms import Asked, ClientStep, ClientView
from triage import catalogue
from triage.desk import ledger
from triage.desk.moves import Act, act, carry_out, locked, wrote_again
from triage.policy import Policy
from triage.targets import EventKind
from triage.workflow import CLIENT, OVER, OnMessage, Stage, allowed, on_message

PROPOSED = "proposed"
"""The log's entry of a message that may mean a step; its value is the step, which a person takes or does not."""
SERVICE = "service"
"""The form's field that names a service of the catalogue."""
UNSERVED = ClientView(
    status="received",
    label="Received",
    definition="We have your request.",
    stage=Stage.WAITING.value,
    over=False,
)
"""What is told of a request whose policy is not installed: nothing of where it stands is known."""


def client_view(
    session: Session,
    request_id: UUID,
    *,
    policies: Mapping[str, Policy],
    now: datetime,
) -> ClientView:
    """Where a request stands, in the client's words, and the steps they may take.

    One that is folded into another stands where that one does; its steps are not this client's to take.

    Raises:
        NotFound: there is no such request.
    """
    request = tables.requests.fetch(session, request_id)
    if request is None:
        raise NotFound(f"request {request_id}")
    if request.folded_into is not None:
        together = client_view(session, request.folded_into, policies=policies, now=now)
        return replace(together, steps=())
    policy = policies.get(request.policy)
    if policy is None:
        return UNSERVED
    flow, value = policy.workflow, ledger.status_of(request, policy)
    status = next(one for one in flow.statuses if one.value == value)
    over = status.stage in OVER
    return ClientView(
        status=value,
        label=status.label,
        definition=status.definition,
        stage=status.stage.value,
        over=over,
        steps=tuple(
            ClientStep(
                id=offer.step.id,
                label=offer.step.label,
                to=flow.status_label(offer.step.to),
                asks=tuple(Asked(name=one.name, ask=one.ask, why=one.why) for one in offer.asks),
            )
            for offer in allowed(flow, value, CLIENT)
        ),
        expected="" if over else _expected(session, request, policy),
    )


def client_step(
    session: Session,
    request_id: UUID,
    step: str,
    given: Mapping[str, str],
    *,
    policies: Mapping[str, Policy],
    now: datetime,
    party: str,
) -> None:
    """Take a step that is the client's own; one that re-opens a decided request brings it back to triage.

    Raises:
        NotFound: there is no such request.
        Conflict: no such step leads out of where the request stands, its policy is not installed, or it is worked on
            under another one.
        Forbidden: the step is not the client's.
        Invalid: an answer is missing; all of them are named at once.
    """
    request = locked(session, request_id)
    if request.folded_into is not None:
        raise Conflict(public="This request is worked on together with others of the same kind; please write to us.")
    policy = policies.get(request.policy)
    if policy is None:
        raise Conflict(public="This request cannot be changed here at the moment; please write to us.")
    doing = act(session, request, "client", by=party, now=now)
    made = carry_out(doing, policy, step, given, actor=CLIENT)
    if any(kind == EventKind.REOPENED for kind, _ in made.signals):
        wrote_again(request, now)
    session.flush()


def client_wrote(
    session: Session,
    request: tables.requests.Request,
    *,
    source: str,
    by: str,
    at: datetime,
    paused_at: datetime | None,
    policy: Policy | None,
    now: datetime,
) -> None:
    """Do what a client's message does, whatever channel it came by: their step at once, or a proposal of it (A6).

    `source`, `by` and `at` are those of the interaction. A clock that is paused (`paused_at`) runs on, also where the
    policy is not installed (`policy` is None); none is ever started here. What was written before the request came to
    where it stands answers nothing. Safe to call twice for one interaction.
    """
    if request.status_since is not None and at <= request.status_since:
        return
    doing = Act(session=session, request=request, source=source, by=by, at=at)
    step = on_message(policy.workflow, ledger.status_of(request, policy)) if policy else None
    if step is not None and step.on_message is OnMessage.PROPOSED:
        doing.record(PROPOSED, value=step.id)
    elif policy and step is not None and not step.asks:
        carry_out(doing, policy, step.id, {}, actor=CLIENT)
    elif paused_at is not None and paused_at < at:
        doing.record(EventKind.RESUMED)
    else:
        return
    session.flush()
    tables.requests.wants_attention(session, request.id, now)


def _expected(session: Session, request: tables.requests.Request, policy: Policy) -> str:
    """When the one service that was ordered may be expected; an estimate needs everything the service asks (O17)."""
    if policy.catalogue is None:
        return ""
    text, told = request.subject, dict[str, str]()
    ordered, complete_at = None, None
    for row in sorted(tables.requests.interactions(session, request.id), key=lambda each: (each.received_at, each.id)):
        text = f"{text}\n{row.new_text}"
        told |= {name: str(value) for name, value in row.fields.items() if value}
        found = _ordered(policy.catalogue, told, text, request.decided_type)
        if found is None or found != ordered:
            ordered, complete_at = found, None
        if ordered is not None and complete_at is None and not catalogue.lacking(ordered, told):
            complete_at = row.received_at
    if ordered is None or catalogue.offered(ordered, told.get("environment")) is False:
        return ""
    estimate = catalogue.delivery(policy.catalogue, ordered, complete_at)
    if estimate is None:
        return ""
    first, last = (policy.catalogue.calendar.local(at).date() for at in (estimate.earliest, estimate.latest))
    when = f"on {_day(first)}" if first == last else f"between {_day(first)} and {_day(last)}"
    return f"{when} (estimate)"


def _ordered(
    offers: catalogue.Catalogue, told: Mapping[str, str], text: str, type_: str | None
) -> catalogue.Service | None:
    """The service the form names, else the only one the text names."""
    if told.get(SERVICE):
        return offers.find(told[SERVICE])
    found = catalogue.named(offers, text, type_)
    return found[0] if len(found) == 1 else None


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
