"""The ledger of attempts to reach a customer by telephone: each is a row that is never changed once it has ended."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from models import tables
from models.calling import OnDuty
from models.errors import Invalid, NotFound
from models.tables.calls import Call
from models.terms import CallbackOutcome, JobKind
from triage import identity
from triage.desk import call_terms, knowledge
from triage.desk.moves import Act, locked, wrote_again
from triage.escalation import ASKED, UNREACHED
from triage.policy import Policy

BY_HAND = tuple(outcome for outcome in CallbackOutcome if outcome is not CallbackOutcome.PLACED)
"""How an attempt that somebody made on their own telephone can have ended."""
LATEST_CALLS = 3_000
"""How many calls say which numbers are ours: an engineer is waiting."""
RING_SECONDS = 25
"""How long an engineer is rung for a customer who was reached and waits."""


def attempt(
    session: Session,
    request_id: UUID,
    *,
    outcome: CallbackOutcome,
    engineer: str,
    now: datetime,
    number: str = "",
    note: str = "",
    region: str = "US",
) -> tables.progress.Callback:
    """Write down a call an engineer made on their own telephone; one that was answered is a response (A12).

    It is also the call that was owed, if one was.
    A request that was decided by a rule for roles comes back to triage when somebody answers after all. `region` is
    the ISO 3166 country of numbers without a country code.

    Raises:
        NotFound: there is no such request.
        Invalid: there is no number, neither given nor on file, or it is none.

    """
    request = locked(session, request_id)
    row = _row(session, request, outcome, engineer, now, _called(session, request, number, region), note)
    answered = outcome is CallbackOutcome.ANSWERED
    for event in ("callback", "acted", *(["responded"] if answered else [])):
        value = {"callback": outcome.value, "acted": engineer}.get(event, "")
        tables.requests.record_clock(
            session, request_id, event, f"callback:{row.id}", now, value=value, note=note, made_by=engineer
        )
    if answered:
        _settle(session, request_id, engineer, now)
    if answered and _is_eased(session, request):
        wrote_again(request, now)
        session.flush()
    tables.requests.wants_attention(session, request_id, now)
    return row


def call_back(
    session: Session, request_id: UUID, *, engineer: str, now: datetime, region: str = "US", number: str = ""
) -> tables.progress.Callback:
    """Have the house call the customer: the attempt stands at once, a job places it. Without a number, the one on file.

    Raises:
        NotFound: there is no such request.
        Invalid: there is no number on file, it is none or one of ours, or a call is under way.

    """
    request = locked(session, request_id)
    if any(row.outcome is CallbackOutcome.PLACED for row in tables.progress.callbacks(session, request_id)):
        raise Invalid(public="A call to this customer is under way; wait for its end.")
    called = _called(session, request, number, region)
    if _is_ours(session, called):
        raise Invalid(public=f"{called} is a number of ours: the house would ring itself. Write the customer's own.")
    row = _row(session, request, CallbackOutcome.PLACED, engineer, now, called, "")
    tables.jobs.schedule(session, JobKind.CALLBACK_PLACE, row.id, now)
    return row


def who_asked(session: Session, login: str) -> OnDuty | None:
    """The telephone of the engineer who had a customer called; None where they have none, or are gone."""
    found = tables.directory.engineer_by_login(session, login)
    if found is None or found.disabled_at is not None or not found.number:
        return None
    return OnDuty(name=found.login, number=found.number, ring_seconds=RING_SECONDS, round=1)


def nobody_took(
    session: Session, attempt: tables.progress.Callback, now: datetime, *, policies: Mapping[str, Policy]
) -> None:
    """A customer answered a call that the house placed by itself, and nobody of us took it; once for each attempt."""
    remind(session, attempt.request_id, f"callback:{attempt.id}", "they answered, and nobody took it", now, policies)


def remind(
    session: Session, request_id: UUID, source: str, why: str, now: datetime, policies: Mapping[str, Policy]
) -> None:
    """Begin the policy's ladder for a customer who waits for somebody of us to call; once for each `source`.

    For a request that burns, its telephones ring until somebody takes it on; for any other those are told who may be
    asked. Of a request that is worked on under another one, that one's.

    Raises:
        NotFound: there is no such request.

    """
    request = tables.requests.fetch(session, request_id)
    if request is None:
        raise NotFound(f"request {request_id}")
    main = tables.requests.fetch(session, request.folded_into) if request.folded_into else None
    both = (request, *([main] if main else []))
    burns = any(call_terms.terms(session, one.id, now, policies=policies).looks_urgent for one in both)
    doing = Act(session=session, request=both[-1], source=source, by="", at=now)
    doing.record(UNREACHED if burns else ASKED, note=why)
    doing.noticed()


def _called(session: Session, request: tables.requests.Request, number: str, region: str) -> str:
    """The number that was called, or is to be, in E.164: the one given, else the one on file.

    Raises:
        Invalid: there is none, or it is none.

    """
    on_file = knowledge.contact_number(session, request)
    written = number.strip() or (on_file.value if on_file else "")
    if not written:
        raise Invalid(public="There is no telephone number on file for this request; write the number you called.")
    party = identity.number_party(written, region)
    if party is None:
        where = "" if number.strip() or on_file is None else f" (from {on_file.source})"
        raise Invalid(public=f"{written!r}{where} is no telephone number: write it like +49 30 5550123.")
    return party.value


def _is_ours(session: Session, number: str) -> bool:
    """Whether it is a number at which callers have reached us."""
    latest = select(Call.to_number).order_by(Call.id.desc()).limit(LATEST_CALLS).subquery().c
    return bool(session.scalar(select(exists().where(latest.to_number == number))))


def _settle(session: Session, request_id: UUID, engineer: str, now: datetime) -> None:
    """Close the call that was owed: they were spoken to."""
    if owed := tables.reaching.owed_to(session, request_id):
        owed.done_at, owed.done_by, owed.outcome = now, engineer, CallbackOutcome.ANSWERED.value
        session.flush()


def _is_eased(session: Session, request: tables.requests.Request) -> bool:
    """Whether the decision in force applied a rule that only certain roles may apply."""
    made = tables.requests.decisions(session, request.id)
    return any(one.rule for one in made if one.decided_at == request.decided_at)


def _row(
    session: Session,
    request: tables.requests.Request,
    outcome: CallbackOutcome,
    engineer: str,
    now: datetime,
    number: str,
    note: str,
) -> tables.progress.Callback:
    placed = outcome is CallbackOutcome.PLACED
    row = tables.progress.Callback(
        request_id=request.id,
        number=number,
        placed_by=engineer,
        placed_at=now,
        outcome=outcome,
        ended_at=None if placed else now,
        note=note,
    )
    session.add(row)
    session.flush()
    return row
