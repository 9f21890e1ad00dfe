"""What a call to a customer says, and what is kept of it: the evidence of whether they could be reached. Never commits.

Webhooks may come twice, late and in any order: the attempt ends the same. Once ended it is never changed, but for a
key whose webhook was overtaken by the end: that somebody was there must not be lost. The log keeps both.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from twilio.twiml.voice_response import Dial, VoiceResponse

from models import tables
from models.terms import CallbackOutcome, TriageState
from voice import outgoing, prompts
from voice.calls import TERMINAL, seconds
from voice.outgoing import YES, Speech, hang_up, is_machine, moment, not_needed, tell
from voice.prompts import Prompts
from voice.twiml import RETRIES, spoken

EVENT = "callback"
"""The kind under which the log of a request keeps what became of an attempt, and when it was dialled and rang."""
DIALLED, AWAY, RINGING, KEY = "dialled", "turned-away", "ringing", "key"
ENGINEER, TAKEN = "engineer", "taken"
NO = "2"
"""The key by which an engineer does not take a call."""
HOUSE = "switchboard"
"""Who places the attempts that nobody of us asked for."""
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
    _note_who(row, params)
    return hang_up() if is_machine(row.answered_by) else _say(session, row, speech, again=False)


def key(
    session: Session, attempt: UUID | None, tried: str, params: Mapping[str, str], now: datetime, *, speech: Speech
) -> str:
    """The TwiML after a key: 1 proves that somebody is there; anything else is asked once more, then goodbye.

    It is no response to the request: none of our engineers has talked to the customer yet. Where one can be rung for
    them, they are connected; else they are told that somebody calls.
    """
    row = attempt_of(session, attempt, params)
    if row is None:
        return not_needed(speech)
    _note_who(row, params)
    if is_machine(row.answered_by):
        return hang_up()
    words = _words(session.get_one(tables.requests.Request, row.request_id), speech)
    if YES in (params.get("Digits"), row.key_pressed):
        _reached(session, row, now)
        return _connect(session, row, words, now, speech) or tell(words, "callback_thanks")
    return _say(session, row, speech, again=True) if tried == "0" else tell(words, "goodbye")


def engineer(
    session: Session, attempt: UUID | None, tried: str, params: Mapping[str, str], now: datetime, *, speech: Speech
) -> str:
    """The TwiML for the engineer who is rung for a customer who is there: 1 takes the call; a machine never does.

    A document that ends without hanging up connects the two (https://www.twilio.com/docs/voice/twiml/number#url).
    """
    row = held(session, attempt) if attempt else None
    if row is None or row.key_pressed is None or params.get("ParentCallSid", row.call_sid) != row.call_sid:
        return not_needed(speech)
    words = speech.wording(prompts.FALLBACK)
    if is_machine(params.get("AnsweredBy")):
        return hang_up()
    if params.get("Digits") == YES or _logged(session, row, TAKEN) is not None:
        _log(session, row, now, TAKEN, value=TAKEN)
        response = VoiceResponse()
        response.say(words.say("whisper_taken"), language=words.tag, voice=words.voice or None)
        return str(response)
    if tried not in ("", "0") or params.get("Digits") == NO:
        return tell(words, "goodbye")
    reference = spoken(session.get_one(tables.requests.Request, row.request_id).reference)
    here = f"{speech.public_url}/voice/callback/{row.id}/engineer?try={0 if not tried else 1}"
    return outgoing.ask(words, here, words.say("whisper_plain", reference=reference), words.say("whisper_keys"))


def connected(
    session: Session, attempt: UUID | None, params: Mapping[str, str], now: datetime, *, speech: Speech
) -> str:
    """The TwiML after an engineer was rung: nothing more if the two have talked, else that somebody calls.

    They have talked where the engineer pressed 1 and Twilio connected them: that is a response (A12).
    """
    row = attempt_of(session, attempt, params)
    if row is None:
        return not_needed(speech)
    if params.get("DialBridged") == "true" and _logged(session, row, TAKEN) is not None:
        _talked(session, row, now)
        return hang_up()
    words = _words(session.get_one(tables.requests.Request, row.request_id), speech)
    return tell(words, "callback_thanks")


def status(session: Session, attempt: UUID | None, params: Mapping[str, str], now: datetime) -> None:
    """Keep when it rang and how it ended."""
    row = attempt_of(session, attempt, params)
    if row is None or row.ended_at is not None:
        return
    told, at = params.get("CallStatus", ""), moment(params.get("Timestamp", ""), now)
    if told == RINGING:
        _log(session, row, at, RINGING, value=RINGING)
    if told in TERMINAL:
        _note_who(row, params)
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
    return _logged(session, row, _nth(DIALLED, _turned_away(session, row))) is not None


def note_dialled(session: Session, row: tables.progress.Callback, now: datetime) -> None:
    """Write down that Twilio is about to be asked for the call of an attempt."""
    _log(session, row, now, _nth(DIALLED, _turned_away(session, row)), value=DIALLED)


def note_turned_away(session: Session, row: tables.progress.Callback, now: datetime, why: str) -> None:
    """Write down that Twilio certainly placed no call when it was asked last: it may be asked again."""
    _log(session, row, now, _nth(AWAY, _turned_away(session, row)), value=AWAY, note=why)


def fail(session: Session, row: tables.progress.Callback, why: str, now: datetime) -> None:
    """End an attempt that did not ring, as far as we know, and say why."""
    row.note = "; ".join(each for each in (row.note, why) if each)
    end(session, row, CallbackOutcome.FAILED, now)


def end(session: Session, row: tables.progress.Callback, outcome: CallbackOutcome, at: datetime) -> None:
    """End an attempt, and write how into the log of its request."""
    row.outcome, row.ended_at = outcome, at
    _log(session, row, at, value=outcome.value)
    tables.requests.wants_attention(session, row.request_id, at)


def _note_who(row: tables.progress.Callback, params: Mapping[str, str]) -> None:
    if row.ended_at is None:
        row.answered_by = params.get("AnsweredBy") or row.answered_by


def _reached(session: Session, row: tables.progress.Callback, now: datetime) -> None:
    if row.key_pressed is not None:  # told once more: our answer was lost
        return
    row.key_pressed, row.outcome = YES, CallbackOutcome.ANSWERED
    _settle(session, row, now)
    _bring_back(session, row.request_id, now)
    if row.ended_at is not None:
        _log(session, row, now, KEY, value=row.outcome.value)
        tables.requests.wants_attention(session, row.request_id, now)


def _settle(session: Session, row: tables.progress.Callback, now: datetime) -> None:
    """Close the call that was owed; one that the house placed by itself is owed by a person now, at once."""
    owed = tables.reaching.owed_to(session, row.request_id)
    if owed is None or owed.made_at > row.placed_at:
        return
    if row.placed_by == HOUSE:
        owed.automatic, owed.due_at, owed.outcome = False, now, "they answered and wait for a person"
    else:
        owed.done_at, owed.done_by, owed.outcome = now, row.placed_by, CallbackOutcome.ANSWERED.value
    session.flush()


def _connect(session: Session, row: tables.progress.Callback, words: Prompts, now: datetime, speech: Speech) -> str:
    """TwiML that rings an engineer for a customer who is there; empty where there is none to ring."""
    person = speech.person(session, row) if speech.from_number else None
    if person is None:
        return ""
    _log(session, row, now, ENGINEER, value=ENGINEER, note=person.name)
    here = f"{speech.public_url}/voice/callback/{row.id}"
    response = VoiceResponse()
    response.say(words.say("connect_wait"), language=words.tag, voice=words.voice or None)
    dial = Dial(
        action=f"{here}/connected{RETRIES}", method="POST", timeout=person.ring_seconds, caller_id=speech.from_number
    )
    dial.number(person.number, url=f"{here}/engineer{RETRIES}", method="POST")
    response.append(dial)
    return str(response)


def _talked(session: Session, row: tables.progress.Callback, now: datetime) -> None:
    """An engineer spoke with the customer: the response, and the call that was owed."""
    rung = _logged(session, row, ENGINEER)
    who = rung.note if rung else row.placed_by
    for event, value in (("responded", ""), ("acted", who)):
        tables.requests.record_clock(session, row.request_id, event, _source(row, ""), now, value=value, made_by=who)
    if owed := tables.reaching.owed_to(session, row.request_id):
        owed.done_at, owed.done_by, owed.outcome = now, who, CallbackOutcome.ANSWERED.value
    session.flush()
    tables.requests.wants_attention(session, row.request_id, now)


def _bring_back(session: Session, request_id: UUID, now: datetime) -> None:
    """Have triage see a request again that was eased because nobody could reach its customer; nothing is undone."""
    request = session.get_one(tables.requests.Request, request_id)
    made = tables.requests.decisions(session, request_id)
    if request.state is TriageState.DECIDED and any(one.rule for one in made if one.decided_at == request.decided_at):
        request.follow_up_at = now


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
    began = _logged(session, row, RINGING)
    if began is None:
        return None
    return min(max(round((at - began.at).total_seconds()) - talked, 0), LONGEST_RING)


def _log(
    session: Session, row: tables.progress.Callback, at: datetime, part: str = "", *, value: str, note: str = ""
) -> None:
    tables.requests.record_clock(
        session, row.request_id, EVENT, _source(row, part), at, value=value, note=note, made_by=row.placed_by
    )


def _turned_away(session: Session, row: tables.progress.Callback) -> int:
    """How often Twilio was asked for the call of an attempt and certainly placed none."""
    event = tables.requests.ClockEvent
    ours = select(func.count()).where(event.request_id == row.request_id, event.event == EVENT, event.value == AWAY)
    return session.scalar(ours.where(event.source.startswith(_source(row, AWAY), autoescape=True))) or 0


def _nth(part: str, before: int) -> str:
    return f"{part}-{before}" if before else part


def _logged(session: Session, row: tables.progress.Callback, part: str) -> tables.requests.ClockEvent | None:
    event = tables.requests.ClockEvent
    ours = select(event).where(event.request_id == row.request_id, event.event == EVENT)
    return session.scalar(ours.where(event.source == _source(row, part)))


def _source(row: tables.progress.Callback, part: str) -> str:
    return f"callback:{row.id}:{part}" if part else f"callback:{row.id}"


def _say(session: Session, row: tables.progress.Callback, speech: Speech, *, again: bool) -> str:
    request = session.get_one(tables.requests.Request, row.request_id)
    words, support = _words(request, speech), speech.naming(request).support
    what = words.say("callback", support=support, reference=spoken(request.reference))
    here = f"{speech.public_url}/voice/callback/{row.id}/key?try={int(again)}"
    return outgoing.ask(words, here, what, words.say("callback_key"))


def _words(request: tables.requests.Request, speech: Speech) -> Prompts:
    """The customer's language if we speak it, else our own."""
    known = request.language if request.language in prompts.languages() else None
    return speech.wording(known or speech.language)
