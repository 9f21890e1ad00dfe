"""Everything about one request, read for its page and its JSON: who said what, suggested, decided, answered."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import tables
from models.tables import calls, directory, mail, requests
from models.terms import OutgoingState
from triage.desk.decision import in_force


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that was written, without its bytes."""

    id: UUID
    mail_id: UUID
    recipient: str
    message_id: str
    state: OutgoingState
    attempts: int
    error: str | None
    created_at: datetime
    sent_at: datetime | None
    policy: str
    policy_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """A call with what was recorded (without the sound) and the webhooks that told us."""

    call: calls.Call
    recordings: list[calls.Recording]
    events: list[calls.CallEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One request with its histories, oldest first; `people` maps a login to the name people know."""

    request: requests.Request
    account: directory.Account | None
    contact: directory.Contact | None
    interactions: list[requests.Interaction]
    mails: list[mail.Mail]
    replies: list[Reply]
    uploads: list[requests.Upload]
    calls: list[CallRecord]
    suggestion: requests.Suggestion | None
    decisions: list[requests.Decision]
    clocks: list[requests.ClockEvent]
    people: dict[str, str]

    @property
    def decided(self) -> requests.Decision | None:
        """The decision in force, or None."""
        standing = in_force(self.decisions)
        return standing[-1] if standing else None


def read(session: Session, request: UUID) -> Record | None:
    """The record of a request, or None. Nine indexed reads, whatever the number of requests."""
    row = tables.requests.fetch(session, request)
    if row is None:
        return None
    decisions = tables.requests.decisions(session, request)
    return Record(
        request=row,
        account=session.get(directory.Account, row.account_id) if row.account_id else None,
        contact=session.get(directory.Contact, row.contact_id) if row.contact_id else None,
        interactions=tables.requests.interactions(session, request),
        mails=list(session.scalars(select(mail.Mail).where(mail.Mail.request_id == request).order_by(mail.Mail.id))),
        replies=_replies(session, request),
        uploads=tables.requests.uploads(session, request),
        calls=[_call(session, call) for call in tables.calls.by_request(session, request)],
        suggestion=tables.requests.latest_suggestion(session, request),
        decisions=decisions,
        clocks=tables.requests.clock_events(session, request),
        people=_people(session, {decision.decided_by for decision in decisions}),
    )


def reply_content(session: Session, outgoing: UUID) -> tuple[mail.OutgoingMail, int] | None:
    """A written answer with its bytes and the number of its request, or None."""
    found = (
        select(mail.OutgoingMail, requests.Request.number)
        .join(requests.Request, requests.Request.id == mail.OutgoingMail.request_id)
        .where(mail.OutgoingMail.id == outgoing)
    )
    row = session.execute(found).first()
    return (row[0], row[1]) if row else None


def _replies(session: Session, request: UUID) -> list[Reply]:
    names = list(Reply.__dataclass_fields__)
    columns = [getattr(mail.OutgoingMail, name) for name in names]
    found = select(*columns).where(mail.OutgoingMail.request_id == request).order_by(mail.OutgoingMail.id)
    return [Reply(**row._mapping) for row in session.execute(found)]  # noqa: SLF001 - a row's public name


def _call(session: Session, call: calls.Call) -> CallRecord:
    return CallRecord(
        call=call,
        recordings=tables.calls.recordings(session, call.id),
        events=tables.calls.events(session, call.id),
    )


def _people(session: Session, logins: set[str]) -> dict[str, str]:
    found = select(directory.Engineer.login, directory.Engineer.name).where(directory.Engineer.login.in_(logins))
    return {login: name or login for login, name in session.execute(found)}
