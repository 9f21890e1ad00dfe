"""What a call of ours says, and what becomes of what its webhooks tell: pages and calls to customers. Never commits.

Only a pressed key counts. An answering machine is told nothing, and has neither taken a request on nor reached anybody.
Webhooks may come twice, late and in any order: the rows end the same.
https://www.twilio.com/docs/voice/answering-machine-detection
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from twilio.twiml.voice_response import Gather, VoiceResponse

from models import tables
from models.terms import CallbackOutcome, OutgoingState
from voice import prompts
from voice.calls import TERMINAL, seconds
from voice.prompts import Prompts
from voice.twiml import ANSWER_SECONDS, RETRIES, spoken

EVENT = "callback"
"""The kind of event under which the log of a request keeps what became of calls to the customer."""
YES = "1"
UNAVAILABLE = 480
"""SIP: the telephone is switched off or out of reach (RFC 3261 §21.4.18)."""
LONGEST_RING = 3600
PAGE_ENDS = {"busy": "busy", "no-answer": "no answer", "failed": "the call failed", "canceled": "the call was canceled"}
OUTCOMES = {"busy": CallbackOutcome.BUSY, "no-answer": CallbackOutcome.NO_ANSWER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """How a request's policy names things: its level (empty where none is decided), and whose support it is."""

    level: str
    support: str


Naming = Callable[[tables.requests.Request], Named]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """What the flows need besides the session; `language` is spoken where a request's own is not known."""

    public_url: str
    language: str
    naming: Naming


def page(session: Session, notice: UUID | None, params: Mapping[str, str], now: datetime, *, speech: Speech) -> str:
    """The TwiML for somebody of ours who answers a page; a machine hears nothing."""
    row = notice_of(session, notice, params, now)
    if row is None:
        return not_needed(speech)
    if is_machine(params.get("AnsweredBy")):
        _end_page(row, "answering machine")
        return hang_up()
    return _page(session, row, speech, again=False)


def page_key(
    session: Session, notice: UUID | None, attempt: str, params: Mapping[str, str], now: datetime, *, speech: Speech
) -> str:
    """The TwiML after a key: 1 takes the request on; anything else is told once more, then goodbye."""
    row = notice_of(session, notice, params, now)
    if row is None:
        return not_needed(speech)
    if is_machine(params.get("AnsweredBy")):
        return hang_up()
    words = prompts.load(prompts.FALLBACK)
    if params.get("Digits") == YES:
        _acknowledge(session, row, now)
        return tell(words, words.say("page_taken"))
    return _page(session, row, speech, again=True) if attempt == "0" else tell(words, words.say("goodbye"))


def page_status(session: Session, notice: UUID | None, params: Mapping[str, str], now: datetime) -> None:
    """Note that nobody took a page on; the ladder goes on by time, so nothing else follows."""
    row = notice_of(session, notice, params, now)
    status = params.get("CallStatus", "")
    if row is None or status not in TERMINAL:
        return
    unheard = "answering machine" if is_machine(params.get("AnsweredBy")) else "no key was pressed"
    _end_page(row, PAGE_ENDS.get(status, unheard))


def notice_of(
    session: Session, notice: UUID | None, params: Mapping[str, str], now: datetime
) -> tables.progress.Notice | None:
    """The notice that a call is about, held until the transaction ends; None if the call is not its own.

    A webhook may be faster than Twilio's answer to us, or come although there was none: then the call was placed.
    """
    row = session.get(tables.progress.Notice, notice, with_for_update=True) if notice else None
    if row is None or row.call_sid == params["CallSid"]:
        return row
    is_open = row.call_sid is None and row.state in (OutgoingState.SENDING, OutgoingState.UNCERTAIN)
    if not is_open or tables.progress.notice_by_sid(session, params["CallSid"]) is not None:
        return None
    row.call_sid, row.state, row.error, row.told_at = params["CallSid"], OutgoingState.SENT, None, now
    return row


def _acknowledge(session: Session, row: tables.progress.Notice, now: datetime) -> None:
    if row.acknowledged_at is None:
        row.acknowledged_at, row.error = now, None
        tables.requests.record_clock(session, row.request_id, "acknowledged", f"notice:{row.id}", now, made_by=row.name)


def _end_page(row: tables.progress.Notice, why: str) -> None:
    if row.acknowledged_at is None and row.error is None:
        row.error = why


def _page(session: Session, row: tables.progress.Notice, speech: Speech, *, again: bool) -> str:
    """Who needs what, in English, as the names of levels and steps are; never a customer's words."""
    request = tables.requests.fetch(session, row.request_id)
    step = session.get(tables.progress.EscalationStep, row.step_id)
    if request is None or step is None:
        return not_needed(speech)
    words, level = prompts.load(prompts.FALLBACK), speech.naming(request).level
    what = words.say(
        "page" if level else "page_plain", level=level, reference=spoken(request.reference), step=step.label
    )
    here = f"{speech.public_url}/voice/page/{row.id}/key?try={int(again)}"
    return ask(words, here, what, words.say("page_keys"))


def callback(session: Session, attempt: UUID | None, params: Mapping[str, str], *, speech: Speech) -> str:
    """The TwiML for a customer's telephone that answers: who calls and about what; a machine hears nothing."""
    row = callback_of(session, attempt, params)
    if row is None:
        return not_needed(speech)
    _note_who(row, params)
    if is_machine(row.answered_by):
        return hang_up()
    return _callback(session, row, speech, again=False)


def callback_key(
    session: Session, attempt: UUID | None, tries: str, params: Mapping[str, str], now: datetime, *, speech: Speech
) -> str:
    """The TwiML after a key: 1 proves that somebody is there; anything else is asked once more, then goodbye.

    It is no response: nobody of ours has talked to the customer yet.
    """
    row = callback_of(session, attempt, params)
    if row is None:
        return not_needed(speech)
    _note_who(row, params)
    if is_machine(row.answered_by):
        return hang_up()
    words = _words(session, row, speech)
    if params.get("Digits") == YES:
        _reached(session, row, now)
        return tell(words, words.say("callback_thanks"))
    return _callback(session, row, speech, again=True) if tries == "0" else tell(words, words.say("goodbye"))


def callback_status(session: Session, attempt: UUID | None, params: Mapping[str, str], now: datetime) -> None:
    """Keep when it rang, and how it ended; after its end an attempt stays as it is."""
    row = callback_of(session, attempt, params)
    if row is None or row.ended_at is not None:
        return
    status, at = params.get("CallStatus", ""), moment(params.get("Timestamp", ""), now)
    if status == "ringing":
        source = source_of(row.id, "ringing")
        tables.requests.record_clock(session, row.request_id, EVENT, source, at, value=status, made_by=row.placed_by)
    if status not in TERMINAL:
        return
    _note_who(row, params)
    row.sip_code = seconds(params.get("SipResponseCode", ""))
    rang = logged(session, row.request_id, source_of(row.id, "ringing"))
    if rang is not None:
        rung = (at - rang.at).total_seconds() - (seconds(params.get("CallDuration", "")) or 0)
        row.ring_seconds = min(max(round(rung), 0), LONGEST_RING)
    end(session, row, _outcome(row, status), at)


def callback_of(session: Session, attempt: UUID | None, params: Mapping[str, str]) -> tables.progress.Callback | None:
    """The attempt that a call is, held until the transaction ends; None if the call is not its own."""
    row = session.get(tables.progress.Callback, attempt, with_for_update=True) if attempt else None
    if row is None or row.call_sid == params["CallSid"]:
        return row
    is_open = row.call_sid is None and row.ended_at is None and row.outcome is CallbackOutcome.PLACED
    if not is_open or tables.progress.callback_by_sid(session, params["CallSid"]) is not None:
        return None
    row.call_sid = params["CallSid"]
    return row


def _note_who(row: tables.progress.Callback, params: Mapping[str, str]) -> None:
    if row.ended_at is None:
        row.answered_by = params.get("AnsweredBy") or row.answered_by


def _reached(session: Session, row: tables.progress.Callback, now: datetime) -> None:
    """A person was there. The one thing that is learnt after the end: a key whose webhook was overtaken by it."""
    if row.key_pressed is not None:
        return
    row.key_pressed, row.outcome = YES, CallbackOutcome.ANSWERED
    if row.ended_at is not None:
        _log(session, row, source_of(row.id, "key"), now)


def _outcome(row: tables.progress.Callback, status: str) -> CallbackOutcome:
    """Reached is who pressed the key; whoever answered and did not is no contact, and stays in `answered_by`."""
    if row.key_pressed is not None:
        return CallbackOutcome.ANSWERED
    if status == "completed":
        return CallbackOutcome.MACHINE if is_machine(row.answered_by) else CallbackOutcome.NO_ANSWER
    if status == "failed" and row.sip_code == UNAVAILABLE:
        return CallbackOutcome.NO_ANSWER
    return OUTCOMES.get(status, CallbackOutcome.FAILED)


def end(session: Session, row: tables.progress.Callback, outcome: CallbackOutcome, at: datetime) -> None:
    """End an attempt, and write how into the log of its request."""
    row.outcome, row.ended_at = outcome, at
    _log(session, row, source_of(row.id), at)


def _log(session: Session, row: tables.progress.Callback, source: str, at: datetime) -> None:
    tables.requests.record_clock(
        session, row.request_id, EVENT, source, at, value=row.outcome.value, made_by=row.placed_by
    )


def source_of(attempt: UUID, part: str = "") -> str:
    """What an event of an attempt is known by in the log; without a part, its end."""
    return f"callback:{attempt}:{part}" if part else f"callback:{attempt}"


def logged(session: Session, request: UUID, source: str) -> tables.requests.ClockEvent | None:
    """The event of a call to the customer that the log of a request has under this source, or None."""
    event = tables.requests.ClockEvent
    found = select(event).where(event.request_id == request, event.event == EVENT, event.source == source)
    return session.scalar(found)


def _callback(session: Session, row: tables.progress.Callback, speech: Speech, *, again: bool) -> str:
    request = tables.requests.fetch(session, row.request_id)
    if request is None:
        return not_needed(speech)
    words, support = _words(session, row, speech), speech.naming(request).support
    what = words.say("callback", support=support, reference=spoken(request.reference))
    here = f"{speech.public_url}/voice/callback/{row.id}/key?try={int(again)}"
    return ask(words, here, what, words.say("callback_key"))


def _words(session: Session, row: tables.progress.Callback, speech: Speech) -> Prompts:
    request = tables.requests.fetch(session, row.request_id)
    language = request.language if request is not None else None
    return prompts.load(language if language in prompts.languages() else speech.language)


def ask(words: Prompts, here: str, *sentences: str) -> str:
    """TwiML that asks for one key; it goes to `here`, and so does silence."""
    response = VoiceResponse()
    gather = Gather(input="dtmf", action=here + RETRIES, method="POST", timeout=ANSWER_SECONDS, num_digits=1)
    for sentence in sentences:
        gather.say(sentence, language=words.tag)
    response.append(gather)
    response.redirect(here + RETRIES, method="POST")
    return str(response)


def tell(words: Prompts, sentence: str) -> str:
    """TwiML that says something and hangs up."""
    response = VoiceResponse()
    response.say(sentence, language=words.tag)
    response.hangup()
    return str(response)


def hang_up() -> str:
    """TwiML that says nothing at all."""
    response = VoiceResponse()
    response.hangup()
    return str(response)


def not_needed(speech: Speech) -> str:
    """TwiML for a call we know nothing of."""
    words = prompts.load(speech.language)
    return tell(words, words.say("not_needed"))


def is_machine(answered_by: str | None) -> bool:
    """Whether an answering machine or a fax took the call; where Twilio does not know, the key will tell."""
    return answered_by is not None and (answered_by.startswith("machine") or answered_by == "fax")


def moment(told: str, now: datetime) -> datetime:
    """When something happened, as Twilio tells it (RFC 2822); `now` where it tells nothing we can read."""
    try:
        at = parsedate_to_datetime(told)
    except ValueError:
        return now
    return min(at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC), now)
