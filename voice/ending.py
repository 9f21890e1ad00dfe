"""How a conversation ends: with a receipt, with a person who could not be reached, or with a hang-up. Never commits."""

from datetime import datetime
from math import ceil
from typing import Any

from sqlalchemy.orm import Session

from models import tables
from models.calling import LegState
from models.terms import JobKind, OutgoingState
from voice import asking, filing, texting
from voice.connecting import Reached
from voice.dialling import textable
from voice.menu import CONNECT, LAST, own_number
from voice.switch import Switch

UNREACHED = "nobody could be reached"
UNSERVED = "the caller asked for a person, and nobody was there"
NOBODY = Reached.NOBODY.value
REACHED = "reached"
"""How a call that was owed is done with: they were spoken to."""
SMS, MAIL = "sms", "mail"


def receipts(session: Session, call: tables.calls.Call, now: datetime, switch: Switch) -> None:
    """The conversation came to its end; send the reference in writing where the policy allows it, once for each way.

    A text message goes only to a number the caller confirmed; whose address a mail goes to is found when it is sent.
    They are about the call's own request, also where it was made part of another: that one may be somebody else's.
    The caller is told of a text only where nothing known stands against it. One that is bound to fail is noted all the
    same: an engineer sees at the receipt why none came.
    """
    request, phone = call.request_id, _confirmed(call)
    if request is None:
        return
    if call.answers.get("reached") != NOBODY:
        switch.desk.got_through(session, call, now)
    if call.answers.get("unserved") == "yes" and "reached" not in call.answers:
        _owe(session, call, UNSERVED, now, switch)
    recipients = {SMS: phone if phone and textable(phone, "") else None, MAIL: ""}
    for channel in switch.desk.rules(call.answers.get("policy", "")).receipts:
        recipient = recipients.get(channel)
        if recipient is None:
            continue
        made = tables.reaching.add_receipt(
            session,
            call_id=call.id,
            request_id=request,
            channel=channel,
            recipient=recipient,
            state=OutgoingState.PENDING,
            created_at=now,
        )
        if made is not None:
            tables.jobs.schedule(session, JobKind.RECEIPT_SEND, made, now)
        if channel == SMS and switch.from_number and texting.may_be_promised(session, call.id, recipient, now):
            call.answers = {**call.answers, "sms": "yes"}
    owed = tables.reaching.owed_to(session, request) if phone else None
    if owed is not None and owed.call_id == call.id:
        owed.number = phone
    session.flush()


def nobody(session: Session, call: tables.calls.Call, now: datetime, switch: Switch) -> None:
    """Nobody could be reached: a call is owed, the desk begins its ladder, and the caller hears when to expect a call.

    The desk is told of the call's own request, by which it knows the call, whichever that was made part of.
    """
    if call.request_id is not None:
        switch.desk.unreached(session, call.request_id, UNREACHED, now)
    due = switch.desk.terms(session, filing.request_of(call), now).response_due
    if due is not None:
        minutes = max(0, ceil((due - now).total_seconds() / 60))
        call.answers = {**call.answers, "due_minutes": str(minutes)}
    _owe(session, call, UNREACHED, now, switch)


def reached(session: Session, call: tables.calls.Call, now: datetime) -> None:
    """Somebody talked to the caller: a call they were owed for this one is not owed any more."""
    owed = tables.reaching.owed_to(session, call.request_id) if call.request_id else None
    if owed is not None and owed.call_id == call.id:
        names = [leg.name for leg in tables.reaching.legs(session, call.id) if leg.bridged]
        owed.done_at, owed.done_by, owed.outcome = now, names[-1] if names else "", REACHED
        session.flush()


def left(session: Session, call: tables.calls.Call, told: str, now: datetime, switch: Switch) -> None:
    """The caller has gone: what they said is filed, and whoever was not served to the end is owed a call.

    Whoever presses 1 while the caller hangs up keeps the request; the end of that round tells whether they talked.
    What is told once more, perhaps much later, owes nothing that somebody has seen to meanwhile.
    """
    if call.step == CONNECT and _is_taken(session, call):
        filing.problem(session, call, now, switch.receive)
        return
    if call.answers.get("account") and "account_confirmed" not in call.answers:
        call.answers = {**call.answers, "account_confirmed": "no"}
        filing.account(session, call, now, switch.receive)
    if call.step != LAST and not filing.has_hung_up(session, call):
        filing.hang_up(session, call, told, now, switch.receive)
        _owe(session, call, filing.how_it_ended(call, told), now, switch)
        _go_on_paging(session, call, now, switch)


def _go_on_paging(session: Session, call: tables.calls.Call, now: datetime, switch: Switch) -> None:
    """Whoever hangs up while it burns was not reached either: the policy's ladder begins."""
    has_said = "down" in call.answers or "problem" in call.answers
    if call.request_id is not None and has_said and asking.is_burning(session, call, now, switch):
        switch.desk.unreached(session, call.request_id, UNREACHED, now)


def _owe(session: Session, call: tables.calls.Call, why: str, now: datetime, switch: Switch) -> None:
    """Owe a call for the call's own request: each of many who joined the same one is owed theirs."""
    columns: dict[str, Any] = {
        "request_id": call.request_id,
        "call_id": call.id,
        "number": _confirmed(call) or own_number(call.answers) or None,
        "why": why,
        "automatic": switch.callback_automatic,
        "due_at": now + switch.callback_after,
        "made_at": now,
        "made_by": "",
        "attempts": 0,
    }
    tables.reaching.owe_call(session, **columns)


def _confirmed(call: tables.calls.Call) -> str | None:
    """The contact phone that the caller confirmed; a withheld number never is one."""
    return call.answers.get("phone") if call.answers.get("phone_confirmed") == "yes" else None


def _is_taken(session: Session, call: tables.calls.Call) -> bool:
    legs = tables.reaching.legs(session, call.id)
    return any(leg.state is LegState.TAKEN and leg.bridged is not False for leg in legs)
