"""How a call begins: who calls whom, in which languages, and whether it is a caller's call at all. Never commits."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from models import tables
from voice import asking, filing, menu
from voice.dialling import dialable
from voice.hearing import attestation_of
from voice.switch import Switch

ASKED = frozenset({"inbound", "turn"})
"""Webhooks that the caller hears an answer to."""
FAILED = "TN-Validation-Failed"
"""How a network says that a number is not the caller's (`StirVerstat`)."""
INBOUND, DIALLED = "inbound", "outbound-dial"
"""How Twilio says that somebody calls us, or that a call is the other leg of one that is there (`Direction`).

https://www.twilio.com/docs/voice/twiml#twilios-request-to-your-application
"""


def is_ours(session: Session, params: Mapping[str, str]) -> bool:
    """Whether it is certain that nobody calls us here: it is a telephone that we rang.

    Twilio says that it was dialled, or its CallSid is that of a telephone of ours, or it does not say that it is
    inbound, and its parent is a call of ours. Whatever is only likely is a caller: no call is lost.
    """
    told, sid, parent = (params.get(name, "") for name in ("Direction", "CallSid", "ParentCallSid"))
    if told == DIALLED:
        return True
    if told == INBOUND and not parent:
        return False  # as every caller's call is: nothing is looked up
    leg, attempt, notice = tables.reaching.Leg, tables.progress.Callback, tables.progress.Notice
    placed = [leg.dial_call_sid == sid, attempt.call_sid == sid, notice.call_sid == sid]
    if told != INBOUND and parent:
        placed.append(tables.calls.Call.call_sid == parent)
    return bool(session.scalar(select(or_(*(exists().where(each) for each in placed)))))


def languages(spoken: tuple[str, ...]) -> dict[str, str]:
    """The first of the answers: the language that greets, and those to choose from."""
    return {"language": spoken[0], "languages": ",".join(spoken)}


def may_ring(call: tables.calls.Call, switch: Switch, number: str) -> bool:
    """Whether a number can be a caller's contact phone: one that is dialled, and none of ours.

    On our own number the house would ring itself: whoever keys it in wants us, not to be called.
    """
    ours = {dialable(each) for each in (call.to_number, switch.from_number, *switch.numbers)}
    return dialable(number) not in ours | {None}


def note_numbers(
    session: Session, call: tables.calls.Call, params: Mapping[str, str], now: datetime, switch: Switch
) -> bool:
    """Note who calls whom from the first webhook that says so, and open the incident at the first of all.

    Whether there was anything new.
    """
    is_new = call.request_id is None
    told_to = not call.to_number and bool(params.get("To"))
    told_from = not call.from_number and bool(params.get("From"))
    if not (is_new or told_to or told_from):
        return False
    is_asked = not is_new and any(event.kind in ASKED for event in tables.calls.events(session, call.id))
    if told_to:
        call.to_number = params["To"]
        if not is_asked:
            call.answers = {**call.answers, **languages(switch.numbers.get(call.to_number) or switch.languages)}
    party = None
    if told_from:
        call.from_number = params["From"]
        party = switch.identify(call.from_number)
        call.answers = {**call.answers, **({"caller": party.value} if party else {})}
    vouched = attestation_of(params)
    call.answers = {**call.answers, **_held_against(call, switch, vouched)}
    if is_new:
        filing.open_incident(session, call, party, now, switch.receive, vouched=vouched)
    elif party is not None:
        filing.caller(session, call, party, now, switch.receive, vouched=vouched)
    if party is not None:
        asking.who(session, call, party, now, switch)
    if not is_asked:
        asking.begin(call, switch)
        asking.offer(session, call, now, switch)
        call.step = menu.opening(call.answers)
    return True


def _held_against(call: tables.calls.Call, switch: Switch, vouched: str) -> dict[str, str]:
    """What is to be noted against the caller's number: that it may not be theirs, that nobody can be rung on it."""
    caller = call.answers.get("caller", "")
    doubtful = {"doubtful": "yes"} if FAILED in vouched else {}
    return doubtful | ({menu.BARRED: "yes"} if caller and not may_ring(call, switch, caller) else {})
