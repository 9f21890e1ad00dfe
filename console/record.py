"""Everything about one request, read for its page and its JSON: who said what, suggested, decided, answered."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import tables
from models.tables import calls, directory, mail, reaching, requests
from models.terms import Channel, OutgoingState
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
    """A call with what was recorded (without the sound), the webhooks that told us, who was rung, what was sent.

    `notes` are what the desk was told of it without any words of the caller's. `confidence` is the least that speech
    recognition was sure of in it (0 to 1), None where nobody spoke.
    """

    call: calls.Call
    recordings: list[calls.Recording]
    events: list[calls.CallEvent]
    legs: list[reaching.Leg]
    receipts: list[reaching.CallReceipt]
    notes: list[requests.Interaction]
    confidence: float | None

    @property
    def mentioned(self) -> str:
        """By whom the caller's number was mentioned, as the desk was told it; empty where it was not."""
        return next((row.note for row in self.notes if row.source.endswith(":mentioned")), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One request with its histories, oldest first; `people` maps a login to the name people know.

    `legs_elsewhere` is who was rung about it for callers of another request; `owed` the calls its callers are or
    were owed.
    """

    request: requests.Request
    account: directory.Account | None
    contact: directory.Contact | None
    interactions: list[requests.Interaction]
    mails: list[mail.Mail]
    replies: list[Reply]
    uploads: list[requests.Upload]
    calls: list[CallRecord]
    legs_elsewhere: list[reaching.Leg]
    owed: list[reaching.OwedCall]
    suggestion: requests.Suggestion | None
    decisions: list[requests.Decision]
    clocks: list[requests.ClockEvent]
    people: dict[str, str]

    @property
    def approaches(self) -> list[requests.Interaction]:
        """What people said and wrote, but for what stands with its call: the caller's words, and notes without any."""
        told = {each.call.answers.get("problem") for each in self.calls}
        told |= {sound.transcript for each in self.calls for sound in each.recordings}
        noted = {row.id for each in self.calls for row in each.notes}
        return [
            row
            for row in self.interactions
            if row.channel is not Channel.PHONE
            or ((row.text or row.note) and row.text not in told and row.id not in noted)
        ]

    @property
    def decided(self) -> requests.Decision | None:
        """The decision in force, or None."""
        standing = in_force(self.decisions)
        return standing[-1] if standing else None


def read(session: Session, request: UUID) -> Record | None:
    """The record of a request, or None: a dozen indexed reads, whatever the number of requests."""
    row = tables.requests.fetch(session, request)
    if row is None:
        return None
    decisions = tables.requests.decisions(session, request)
    said = tables.requests.interactions(session, request)
    heard = _calls(session, request, said)
    mine = {each.call.id for each in heard}
    return Record(
        request=row,
        account=session.get(directory.Account, row.account_id) if row.account_id else None,
        contact=session.get(directory.Contact, row.contact_id) if row.contact_id else None,
        interactions=said,
        mails=list(session.scalars(select(mail.Mail).where(mail.Mail.request_id == request).order_by(mail.Mail.id))),
        replies=_replies(session, request),
        uploads=tables.requests.uploads(session, request),
        calls=heard,
        legs_elsewhere=[leg for leg in tables.reaching.legs_of_request(session, request) if leg.call_id not in mine],
        owed=tables.reaching.owed_of_request(session, request),
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


def _calls(session: Session, request: UUID, said: list[requests.Interaction]) -> list[CallRecord]:
    """The calls of a request, each with what belongs to it."""
    found = tables.calls.by_request(session, request)
    receipts = tables.reaching.receipts(session, request) if found else []
    made = []
    for call in found:
        told = [row for row in said if f"{row.source}:".startswith(f"call:{call.call_sid}:")]
        made.append(
            CallRecord(
                call=call,
                recordings=tables.calls.recordings(session, call.id),
                events=tables.calls.events(session, call.id),
                legs=tables.reaching.legs(session, call.id),
                receipts=[row for row in receipts if row.call_id == call.id],
                notes=[row for row in told if row.note and not row.text],
                confidence=min((row.confidence for row in told if row.confidence is not None), default=None),
            )
        )
    return made


def _people(session: Session, logins: set[str]) -> dict[str, str]:
    found = select(directory.Engineer.login, directory.Engineer.name).where(directory.Engineer.login.in_(logins))
    return {login: name or login for login, name in session.execute(found)}
