"""A customer of ours who answers a call comes to one of us: telephone after telephone, until somebody takes it.

Only a key and a bridge are a talk; until there was one the customer is owed a call by a person. Never commits.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session
from twilio.twiml.voice_response import Dial, VoiceResponse

from models import tables
from models.calling import OnDuty
from models.terms import CallbackOutcome, TriageState
from voice import outgoing, prompts
from voice.callbacks import HOUSE, attempt_of, held, note_who, owe, say, source_of, words_of, write, written
from voice.calls import TERMINAL
from voice.dialling import dialable
from voice.outgoing import YES, Speech, hang_up, is_machine, not_needed, tell
from voice.prompts import Prompts
from voice.twiml import RETRIES, spoken

ENGINEER, TAKEN, KEY = "engineer", "taken", "key"
NO = "2"
"""The key by which an engineer does not take a call."""
WAITS = "they answered and wait for a person"
"""Why a person must call somebody whom a call of ours has reached."""


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
    note_who(row, params)
    if is_machine(row.answered_by):
        return hang_up()
    if YES in (params.get("Digits"), row.key_pressed):
        _reached(session, row, now)
        return _ring(session, row, 1, now, speech)
    words = words_of(session.get_one(tables.requests.Request, row.request_id), speech)
    return say(session, row, speech, again=True) if tried == "0" else tell(words, "goodbye")


def engineer(
    session: Session,
    attempt: UUID | None,
    turn: int,
    tried: str,
    params: Mapping[str, str],
    now: datetime,
    *,
    speech: Speech,
) -> str:
    """The TwiML for the engineer who is rung for a customer who is there: 1 takes the call; a machine never does.

    `turn` counts the telephones that were rung for them, from 1. A document that ends without hanging up connects the
    two (https://www.twilio.com/docs/voice/twiml/number#url). A key that comes once the next telephone is rung takes
    nothing: the customer is on the way to somebody else. Nor does one that comes before it was asked for.
    """
    row = held(session, attempt) if attempt else None
    if row is None or row.key_pressed is None or not _is_child(row, params):
        return not_needed(speech)
    is_taken = written(session, row, _nth(TAKEN, turn)) is not None
    is_next_rung = written(session, row, _nth(ENGINEER, turn + 1)) is not None
    if written(session, row, _nth(ENGINEER, turn)) is None or (is_next_rung and not is_taken):
        return not_needed(speech)
    words = speech.wording(prompts.FALLBACK)
    if is_machine(params.get("AnsweredBy")):
        return hang_up()
    pressed = params.get("Digits", "") if tried else ""
    if pressed == YES or is_taken:
        write(session, row, now, _nth(TAKEN, turn), value=TAKEN)
        response = VoiceResponse()
        response.say(words.say("whisper_taken"), language=words.tag, voice=words.voice or None)
        return str(response)
    if tried not in ("", "0") or pressed == NO:
        return tell(words, "goodbye")
    reference = spoken(session.get_one(tables.requests.Request, row.request_id).reference)
    here = f"{_address(speech, row)}/engineer?turn={turn}&try={0 if not tried else 1}"
    return outgoing.ask(words, here, words.say("whisper_plain", reference=reference), words.say("whisper_keys"))


def connected(
    session: Session, attempt: UUID | None, turn: int, params: Mapping[str, str], now: datetime, *, speech: Speech
) -> str:
    """The TwiML after a telephone of ours was rung: nothing more if the two have talked, else the next is rung.

    They have talked where the engineer pressed 1 and Twilio connected them: that is a response (A12). Where Twilio
    does not say it (a customer asked for a moment comes back without it), the key alone must tell.
    """
    row = attempt_of(session, attempt, params)
    if row is None or row.key_pressed is None or turn < 1:
        return not_needed(speech)
    told, ended = params.get("DialBridged", "").lower(), params.get("DialCallStatus", "completed")
    bridged = told == "true" if told else ended == "completed"
    if bridged and written(session, row, _nth(TAKEN, turn)) is not None:
        _talked(session, row, turn, now)
        return hang_up()
    if params.get("CallStatus") in TERMINAL:
        return hang_up()
    return _ring(session, row, turn + 1, now, speech)


def _is_child(row: tables.progress.Callback, params: Mapping[str, str]) -> bool:
    """Whether a call is one that Twilio made out of the customer's, and not that one itself: it takes no call."""
    return params.get("ParentCallSid", row.call_sid) == row.call_sid != params["CallSid"]


def _ring(session: Session, row: tables.progress.Callback, turn: int, now: datetime, speech: Speech) -> str:
    """TwiML that rings a telephone for a customer who is there, each once; that somebody calls where none is left.

    The same again for the same turn, as long as that telephone is still one of those to ring.
    """
    words = words_of(session.get_one(tables.requests.Request, row.request_id), speech)
    event = written(session, row, _nth(ENGINEER, turn))
    if event is not None:
        mine = _name(event)
        person = next((one for name, one in _people(session, row, now, speech) if name == mine), None)
        return _dial(row, turn, person, words, speech) if person else _nobody(session, row, turn, words, now, speech)
    before = (written(session, row, _nth(ENGINEER, each)) for each in range(1, turn))
    rung = {_name(each) for each in before if each is not None}
    for (name, telephone), person in _people(session, row, now, speech):
        if (name, telephone) not in rung:
            detail: dict[str, object] = {"telephone": telephone}
            write(session, row, now, _nth(ENGINEER, turn), value=ENGINEER, note=name, detail=detail)
            return _dial(row, turn, person, words, speech)
    return _nobody(session, row, turn, words, now, speech)


def _people(
    session: Session, row: tables.progress.Callback, now: datetime, speech: Speech
) -> Iterator[tuple[tuple[str, int], OnDuty]]:
    """Whom to ring, by name and which of their telephones it is: more people see the log than may see numbers.

    Real numbers, each once, never the customer's own, nor ours, on which we would ring ourselves.
    """
    if not speech.from_number:
        return
    seen = {row.number, speech.from_number}
    counted: Counter[str] = Counter()
    for one in sorted(speech.handover.people(session, row, now), key=lambda each: each.round):
        number = dialable(one.number)
        if number is not None and number not in seen:
            seen.add(number)
            counted[one.name] += 1
            yield (one.name, counted[one.name]), replace(one, number=number)


def _dial(row: tables.progress.Callback, turn: int, person: OnDuty, words: Prompts, speech: Speech) -> str:
    """The customer hears it ring until the two are connected, also while the engineer listens."""
    here = _address(speech, row)
    response = VoiceResponse()
    sentence = words.say("connect_wait" if turn == 1 else "connect_next")
    response.say(sentence, language=words.tag, voice=words.voice or None)
    dial = Dial(
        action=f"{here}/connected?turn={turn}{RETRIES}",
        method="POST",
        timeout=person.ring_seconds,
        caller_id=speech.from_number,
        answer_on_bridge=True,
        time_limit=outgoing.LONGEST_TALK,
    )
    dial.number(person.number, url=f"{here}/engineer?turn={turn}{RETRIES}", method="POST")
    response.append(dial)
    return str(response)


def _nobody(
    session: Session, row: tables.progress.Callback, turn: int, words: Prompts, now: datetime, speech: Speech
) -> str:
    """TwiML that somebody calls: in a moment only where it is whoever asked for this call, and has no telephone here.

    Of a call that the house placed by itself nobody of us knows: the desk is told.
    """
    if row.placed_by == HOUSE:
        speech.handover.missed(session, row, now)
    elif turn == 1:
        return tell(words, "callback_thanks")
    response = VoiceResponse()
    for name in ("expect_soon", "goodbye"):
        response.say(words.say(name), language=words.tag, voice=words.voice or None)
    response.hangup()
    return str(response)


def _reached(session: Session, row: tables.progress.Callback, now: datetime) -> None:
    if row.key_pressed is not None:  # told once more: our answer was lost
        return
    row.key_pressed, row.outcome = YES, CallbackOutcome.ANSWERED
    _await_person(session, row, now)
    _bring_back(session, row.request_id, now)
    if row.ended_at is not None:
        write(session, row, now, KEY, value=row.outcome.value)
        tables.requests.wants_attention(session, row.request_id, now)


def _await_person(session: Session, row: tables.progress.Callback, now: datetime) -> None:
    """They are there, and nobody has talked to them yet: a person owes them a call now; what was promised since stands.

    Whoever placed this call: a key is no talk.
    """
    owed = tables.reaching.owed_to(session, row.request_id)
    if owed is None:
        owe(session, row, WAITS, now)
    elif owed.made_at <= row.placed_at:
        owed.automatic, owed.due_at, owed.outcome = False, now, WAITS
    session.flush()


def _talked(session: Session, row: tables.progress.Callback, turn: int, now: datetime) -> None:
    """An engineer spoke with the customer: the response, and the call that was owed."""
    rung = written(session, row, _nth(ENGINEER, turn))
    who = rung.note if rung else row.placed_by
    for event, value in (("responded", ""), ("acted", who)):
        tables.requests.record_clock(session, row.request_id, event, source_of(row), now, value=value, made_by=who)
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


def _name(event: tables.requests.ClockEvent) -> tuple[str, int]:
    return event.note, int(event.detail.get("telephone", 1))


def _nth(part: str, turn: int) -> str:
    return f"{part}-{turn}"


def _address(speech: Speech, row: tables.progress.Callback) -> str:
    return f"{speech.public_url}/voice/callback/{row.id}"
