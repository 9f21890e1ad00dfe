"""A call to a customer, and what is kept of it: the evidence of whether they could be reached. Never commits.

Webhooks may come twice, late and in any order: the attempt ends the same. Once ended it is never changed, but for a
key whose webhook was overtaken by the end: that somebody was there must not be lost. The log keeps both.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import tables
from models.terms import CallbackOutcome
from voice import outgoing, prompts
from voice.calls import TERMINAL, seconds
from voice.outgoing import Speech, hang_up, is_machine, moment, not_needed
from voice.prompts import Prompts
from voice.twiml import spoken

EVENT = "callback"
"""The kind under which the log of a request keeps what became of an attempt, and when it was dialled and rang."""
DIALLED, AWAY, RINGING = "dialled", "turned-away", "ringing"
HOUSE = "switchboard"
"""Who places the attempts that nobody of us asked for."""
NOT_PLACED = "a call to them could not be placed"
"""Why a customer is owed a call whom somebody meant to call, and could not."""
CANCELED = "canceled"
UNAVAILABLE = 480
"""SIP: the telephone is switched off or out of reach (RFC 3261 §21.4.18)."""
LONGEST_RING = 600
"""Seconds: Twilio lets no telephone ring longer."""
OUTCOMES = {"busy": CallbackOutcome.BUSY, "no-answer": CallbackOutcome.NO_ANSWER}


def ring(session: Session, attempt: UUID | None, params: Mapping[str, str], *, speech: Speech) -> str:
    """The TwiML for a telephone that answers: who calls and about what; a machine hears nothing."""
    row = attempt_of(session, attempt, params)
    if row is None:
        return not_needed(speech)
    note_who(row, params)
    return hang_up() if is_machine(row.answered_by) else say(session, row, speech, again=False)


def status(session: Session, attempt: UUID | None, params: Mapping[str, str], now: datetime) -> None:
    """Keep when it rang and how it ended."""
    row = attempt_of(session, attempt, params)
    if row is None or row.ended_at is not None:
        return
    told, at = params.get("CallStatus", ""), moment(params.get("Timestamp", ""), now)
    if told == RINGING:
        write(session, row, at, RINGING, value=RINGING)
    if told in TERMINAL:
        note_who(row, params)
        row.sip_code = seconds(params.get("SipResponseCode", ""))
        row.ring_seconds = _rung(session, row, at, seconds(params.get("CallDuration", "")) or 0)
        if told == CANCELED:  # nobody could have answered: kept apart from what failed
            row.note = "; ".join(each for each in (row.note, CANCELED) if each)
        end(session, row, _outcome(row, told), at)


def attempt_of(session: Session, attempt: UUID | None, params: Mapping[str, str]) -> tables.progress.Callback | None:
    """The attempt that a call is, held until the transaction ends; None if the call is not its own.

    A webhook may be faster than Twilio's answer to us, or come although there was none.
    """
    row = held(session, attempt) if attempt else None
    if row is None or row.call_sid == params["CallSid"]:
        return row
    is_open = row.call_sid is None and was_dialled(session, row)
    if not is_open or tables.progress.callback_by_sid(session, params["CallSid"]) is not None:
        return None
    row.call_sid = params["CallSid"]
    return row


def held(session: Session, attempt: UUID) -> tables.progress.Callback | None:
    """The attempt, held until the transaction ends, or None.

    Its request is held first: whoever decides on it (an easing rests on this ledger) waits for what is learnt here.
    Everybody who holds both takes them in this order.
    """
    row = tables.progress.Callback
    request = session.scalar(select(row.request_id).where(row.id == attempt))
    if request is None:
        return None
    tables.requests.fetch_locked(session, request)
    return session.get(row, attempt, with_for_update=True)


def was_dialled(session: Session, row: tables.progress.Callback) -> bool:
    """Whether Twilio was asked, or was about to be, for the call of an attempt, and may have placed it."""
    return written(session, row, _nth(DIALLED, _turned_away(session, row))) is not None


def note_dialled(session: Session, row: tables.progress.Callback, now: datetime) -> None:
    """Write down that Twilio is about to be asked for the call of an attempt."""
    write(session, row, now, _nth(DIALLED, _turned_away(session, row)), value=DIALLED)


def note_turned_away(session: Session, row: tables.progress.Callback, now: datetime, why: str) -> None:
    """Write down that Twilio certainly placed no call when it was asked last: it may be asked again."""
    write(session, row, now, _nth(AWAY, _turned_away(session, row)), value=AWAY, note=why)


def fail(session: Session, row: tables.progress.Callback, why: str, now: datetime) -> None:
    """End an attempt that did not ring, as far as we know, and say why; somebody meant to call, so a person must."""
    row.note = "; ".join(each for each in (row.note, why) if each)
    end(session, row, CallbackOutcome.FAILED, now)
    owe(session, row, NOT_PLACED, now)


def owe(session: Session, row: tables.progress.Callback, why: str, now: datetime) -> bool:
    """Owe the customer of an attempt a call by a person, now; False where one is owed already, which stays as it is."""
    made = tables.reaching.owe_call(
        session,
        request_id=row.request_id,
        number=row.number,
        why=why,
        automatic=False,
        due_at=now,
        made_at=now,
        made_by=HOUSE,
        attempts=0,
    )
    return made is not None


def end(session: Session, row: tables.progress.Callback, outcome: CallbackOutcome, at: datetime) -> None:
    """End an attempt, and write how into the log of its request."""
    row.outcome, row.ended_at = outcome, at
    write(session, row, at, value=outcome.value)
    tables.requests.wants_attention(session, row.request_id, at)


def note_who(row: tables.progress.Callback, params: Mapping[str, str]) -> None:
    """Keep who answered, as Twilio heard it, while the attempt is under way."""
    if row.ended_at is None:
        row.answered_by = params.get("AnsweredBy") or row.answered_by


def _outcome(row: tables.progress.Callback, told: str) -> CallbackOutcome:
    """Reached is who pressed the key; whoever answered and did not is no contact, and stays in `answered_by`."""
    if row.key_pressed is not None:
        return CallbackOutcome.ANSWERED
    if told == "completed":
        return CallbackOutcome.MACHINE if is_machine(row.answered_by) else CallbackOutcome.NO_ANSWER
    if told == "failed" and row.sip_code == UNAVAILABLE:
        return CallbackOutcome.NO_ANSWER
    return OUTCOMES.get(told, CallbackOutcome.FAILED)


def _rung(session: Session, row: tables.progress.Callback, at: datetime, talked: int) -> int | None:
    """How many seconds the telephone rang, from Twilio's own times; None where Twilio did not say when it began."""
    began = written(session, row, RINGING)
    if began is None:
        return None
    return min(max(round((at - began.at).total_seconds()) - talked, 0), LONGEST_RING)


def write(
    session: Session,
    row: tables.progress.Callback,
    at: datetime,
    part: str = "",
    *,
    value: str,
    note: str = "",
    detail: dict[str, object] | None = None,
) -> None:
    """Write down one part of an attempt, once; without a name it is its end."""
    tables.requests.record_clock(
        session,
        row.request_id,
        EVENT,
        source_of(row, part),
        at,
        value=value,
        note=note,
        made_by=row.placed_by,
        detail=detail,
    )


def _turned_away(session: Session, row: tables.progress.Callback) -> int:
    """How often Twilio was asked for the call of an attempt and certainly placed none."""
    event = tables.requests.ClockEvent
    ours = select(func.count()).where(event.request_id == row.request_id, event.event == EVENT, event.value == AWAY)
    return session.scalar(ours.where(event.source.startswith(source_of(row, AWAY), autoescape=True))) or 0


def _nth(part: str, before: int) -> str:
    return f"{part}-{before}" if before else part


def written(session: Session, row: tables.progress.Callback, part: str) -> tables.requests.ClockEvent | None:
    """What was written down about a part of an attempt, or None."""
    event = tables.requests.ClockEvent
    ours = select(event).where(event.request_id == row.request_id, event.event == EVENT)
    return session.scalar(ours.where(event.source == source_of(row, part)))


def source_of(row: tables.progress.Callback, part: str = "") -> str:
    """Under what the log of the request keeps a part of an attempt."""
    return f"callback:{row.id}:{part}" if part else f"callback:{row.id}"


def say(session: Session, row: tables.progress.Callback, speech: Speech, *, again: bool) -> str:
    """The TwiML that says who calls and about what, and asks for the key."""
    request = session.get_one(tables.requests.Request, row.request_id)
    words, support = words_of(request, speech), speech.naming(request).support
    what = words.say("callback", support=support, reference=spoken(request.reference))
    here = f"{speech.public_url}/voice/callback/{row.id}/key?try={int(again)}"
    return outgoing.ask(words, here, what, words.say("callback_key"))


def words_of(request: tables.requests.Request, speech: Speech) -> Prompts:
    """The customer's language if we speak it, else our own."""
    known = request.language if request.language in prompts.languages() else None
    return speech.wording(known or speech.language)
