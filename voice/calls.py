"""Webhooks to one call and one incident, however often, in whatever order they come. Never commits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models import tables
from models.errors import Invalid
from models.ports import Receive
from models.terms import JobKind
from voice import filing, menu, prompts, twiml
from voice.hearing import Identify, hear, recording_of
from voice.menu import Turn

ORDER = ("queued", "initiated", "ringing", "answered", "in-progress")
TERMINAL = ("completed", "busy", "no-answer", "failed", "canceled")
"""CallStatus values that end a call (https://www.twilio.com/docs/voice/api/call-resource#call-status-values)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """What the flows need besides the session; the first of `languages` greets, the others are offered."""

    receive: Receive
    identify: Identify
    public_url: str
    languages: tuple[str, ...]


def call_of(session: Session, params: Mapping[str, str], now: datetime, *, switch: Switch) -> tables.calls.Call:
    """The call of a webhook, held until the transaction ends; its incident exists when this returns.

    The first webhook of a call, whichever it is, makes both; its time starts the SLA clock.
    """
    sid = params["CallSid"]
    fresh = insert(tables.calls.Call).values(
        call_sid=sid,
        account_sid=params["AccountSid"],
        from_number="",
        to_number="",
        status=params.get("CallStatus", "queued"),
        step=menu.opening(switch.languages),
        answers={"language": switch.languages[0], "languages": ",".join(switch.languages)},
        started_at=now,
    )
    session.execute(fresh.on_conflict_do_nothing(index_elements=["call_sid"]))
    call = tables.calls.by_sid_locked(session, sid)
    if call is None:
        raise LookupError(sid)
    _note_numbers(session, call, params, now, switch)
    return call


def _note_numbers(
    session: Session, call: tables.calls.Call, params: Mapping[str, str], now: datetime, switch: Switch
) -> None:
    """Keep who calls whom from the first webhook that says so, and open the incident at the first of all."""
    party = None
    if not call.from_number and params.get("From"):
        call.from_number, call.to_number = params["From"], params.get("To", "")
        party = switch.identify(params["From"])
        call.answers = {**call.answers, **({"caller": party.value} if party else {})}
    if call.request_id is None:
        filing.open_incident(session, call, party, now, switch.receive)
    elif party is not None:
        filing.caller(session, call, party, now, switch.receive)


def first_ring(session: Session, params: Mapping[str, str], now: datetime, *, switch: Switch) -> str:
    """The TwiML for a call that comes in; the same again for the same webhook."""
    call = call_of(session, params, now, switch=switch)
    key = f"{call.call_sid}:inbound"
    return _once(session, call, key, "inbound", params, now, lambda: _say(_turn(call), call, switch, first=True))


def turn(session: Session, step: str, attempt: str, params: Mapping[str, str], now: datetime, *, switch: Switch) -> str:
    """The TwiML after an answer; the same again for the same turn, the present step for one that is over."""
    call = call_of(session, params, now, switch=switch)
    key = f"{call.call_sid}:turn:{step}:{attempt}"
    is_current = (step, attempt) == (call.step, str(call.misses))
    if not is_current and tables.calls.event_by_key(session, key) is None:
        return _say(_turn(call), call, switch)

    def answer() -> str:
        if params.get("CallStatus") in TERMINAL:
            return _hung_up(session, call, params, now, switch)
        return _say(_advance(session, call, params, now, switch), call, switch)

    return _once(session, call, key, "turn", params, now, answer)


def status(session: Session, params: Mapping[str, str], now: datetime, *, switch: Switch) -> None:
    """Note a call's status; it only moves forward, and the end files what was said until then."""
    call = call_of(session, params, now, switch=switch)
    told = params.get("CallStatus", "")
    if not tables.calls.record_event(session, call.id, f"{call.call_sid}:status:{told}", "status", dict(params), now):
        return
    if is_later(told, call.status):
        call.status = told
    if told in TERMINAL and call.ended_at is None:
        call.ended_at = now
        call.duration_seconds = seconds(params.get("CallDuration", ""))
        filing.hang_up(session, call, told, now, switch.receive)
    session.flush()


def is_later(told: str, known: str) -> bool:
    """Whether a status comes after another; an end is never taken back."""
    if known in TERMINAL:
        return False
    if told in TERMINAL:
        return True
    return told in ORDER and (known not in ORDER or ORDER.index(told) > ORDER.index(known))


def recording(session: Session, params: Mapping[str, str], now: datetime, *, switch: Switch) -> None:
    """Attach a recording; its media are fetched by a job once it is complete.

    Raises:
        Invalid: no recording is named.

    """
    sid = _recording_sid(params)
    call = call_of(session, params, now, switch=switch)
    told = params.get("RecordingStatus", "completed")
    if not tables.calls.record_event(session, call.id, f"{sid}:{told}", "recording", dict(params), now):
        return
    row = _attached(session, call, sid, now)
    if row.status != "completed":
        row.status = told
    row.duration_seconds = seconds(params.get("RecordingDuration", "")) or row.duration_seconds
    if told == "completed":
        tables.jobs.schedule(session, JobKind.RECORDING_FETCH, row.id, now)
    session.flush()


def transcript(session: Session, params: Mapping[str, str], now: datetime, *, switch: Switch) -> None:
    """Attach a transcript, and let the desk suggest from it; a failed one changes nothing.

    Raises:
        Invalid: no recording is named.

    """
    sid = _recording_sid(params)
    call = call_of(session, params, now, switch=switch)
    told = params.get("TranscriptionStatus", "")
    if not tables.calls.record_event(session, call.id, f"{sid}:transcript:{told}", "transcript", dict(params), now):
        return
    row = _attached(session, call, sid, now)
    if row.transcript_status != "completed":
        row.transcript_status = told
    text = params.get("TranscriptionText", "").strip()
    if told == "completed" and text:
        row.transcript = text
        filing.transcript(session, call, sid, text, now, switch.receive)
    session.flush()


def seconds(told: str) -> int | None:
    """A duration as Twilio tells it, in whole seconds; None where it tells none."""
    return int(told[:9]) if told.isdecimal() else None


def _recording_sid(params: Mapping[str, str]) -> str:
    sid = recording_of(params)
    if not sid:
        raise Invalid(public="RecordingSid is missing or malformed.")
    return sid


def _attached(session: Session, call: tables.calls.Call, sid: str, now: datetime) -> tables.calls.Recording:
    fresh = insert(tables.calls.Recording).values(
        call_id=call.id, recording_sid=sid, status="in-progress", created_at=now
    )
    session.execute(fresh.on_conflict_do_nothing(index_elements=["recording_sid"]))
    row = tables.calls.recording_by_sid(session, sid)
    if row is None:
        raise LookupError(sid)
    return row


def _keep_recording(session: Session, call: tables.calls.Call, params: Mapping[str, str], now: datetime) -> None:
    """Attach the recording an answer brings, and fetch it even if the callback that announces it is lost."""
    if sid := recording_of(params):
        row = _attached(session, call, sid, now)
        tables.jobs.schedule(session, JobKind.RECORDING_FETCH, row.id, now)


def _advance(
    session: Session, call: tables.calls.Call, params: Mapping[str, str], now: datetime, switch: Switch
) -> Turn:
    before = call.step
    after = menu.advance(_turn(call), hear(params, prompts.load(call.answers["language"]), switch.identify))
    call.step, call.misses, call.answers = after.step, after.misses, dict(after.answers)
    _keep_recording(session, call, params, now)
    if before == "account_check" and after.step != before:
        filing.account(session, call, now, switch.receive)
    if before == "down" and after.step != before:
        filing.problem(session, call, now, switch.receive)
    session.flush()
    return after


def _hung_up(
    session: Session, call: tables.calls.Call, params: Mapping[str, str], now: datetime, switch: Switch
) -> str:
    """The caller left while being asked, or while recording: nobody hears the answer."""
    _keep_recording(session, call, params, now)
    if recording_of(params):
        call.answers = {**call.answers, "recording": recording_of(params)}
    filing.hang_up(session, call, params["CallStatus"], now, switch.receive)
    return _say(_turn(call), call, switch)


def _turn(call: tables.calls.Call) -> Turn:
    return Turn(step=call.step, misses=call.misses, answers=call.answers)


def _say(here: Turn, call: tables.calls.Call, switch: Switch, *, first: bool = False) -> str:
    return twiml.say(
        here,
        prompts.load(call.answers["language"]),
        public_url=switch.public_url,
        reference=call.answers["reference"],
        first=first,
        offered=tuple(prompts.load(each) for each in call.answers["languages"].split(",")),
    )


def _once(
    session: Session,
    call: tables.calls.Call,
    key: str,
    kind: str,
    params: Mapping[str, str],
    now: datetime,
    answer: Callable[[], str],
) -> str:
    """Answer a webhook, or repeat the answer it was given before; the call's row is held meanwhile."""
    tables.calls.record_event(session, call.id, key, kind, dict(params), now)
    event = tables.calls.event_by_key(session, key)
    if event is None:
        raise LookupError(key)
    if event.answer is None:
        event.answer = answer()
        session.flush()
    return event.answer
