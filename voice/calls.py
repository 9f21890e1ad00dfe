"""Webhooks to one call and one incident, however often, in whatever order they come. Never commits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models import tables
from models.ports import Receive
from models.terms import Channel, Fact, Interaction, JobKind, Party
from voice import menu, prompts, twiml
from voice.menu import Turn

Identify = Callable[[str], Party | None]
"""A caller's number to a comparable party; None for withheld and malformed ones."""

ORDER = ("queued", "initiated", "ringing", "answered", "in-progress")
TERMINAL = ("completed", "busy", "no-answer", "failed", "canceled")
"""CallStatus values that end a call (https://www.twilio.com/docs/voice/api/call-resource#call-status-values)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """What the flows need besides the session."""

    receive: Receive
    identify: Identify
    public_url: str
    language: str


def call_of(session: Session, params: Mapping[str, str], now: datetime, *, switch: Switch) -> tables.calls.Call:
    """The call of a webhook, held until the transaction ends; its incident exists when this returns.

    The first webhook of a call, whichever it is, makes both; its time starts the SLA clock.
    """
    sid = params["CallSid"]
    party = switch.identify(params.get("From", ""))
    answers = {"caller": party.value} if party else {}
    fresh = insert(tables.calls.Call).values(
        call_sid=sid,
        account_sid=params["AccountSid"],
        from_number=params.get("From", ""),
        to_number=params.get("To", ""),
        status=params.get("CallStatus", "queued"),
        step=menu.FIRST,
        answers=answers,
        started_at=now,
    )
    session.execute(fresh.on_conflict_do_nothing(index_elements=["call_sid"]))
    call = tables.calls.by_sid_locked(session, sid)
    if call is None:
        raise LookupError(sid)
    if call.request_id is None:
        _open_incident(session, call, party, now, switch)
    return call


def _open_incident(
    session: Session, call: tables.calls.Call, party: Party | None, now: datetime, switch: Switch
) -> None:
    receipt = switch.receive(
        session,
        Interaction(
            source=f"call:{call.call_sid}",
            channel=Channel.PHONE,
            received_at=call.started_at,
            party=party,
            clock_started_at=call.started_at,
        ),
        now,
    )
    call.request_id = receipt.request
    call.answers = {**call.answers, "reference": receipt.reference, "known": "yes" if receipt.party_known else "no"}
    session.flush()


def ring(session: Session, params: Mapping[str, str], now: datetime, *, switch: Switch) -> str:
    """The TwiML for a call that comes in; the same again for the same webhook."""
    call = call_of(session, params, now, switch=switch)
    key = f"{call.call_sid}:inbound"
    return _once(session, call, key, "inbound", params, now, lambda: _say(call, switch, first=True))


def turn(session: Session, step: str, attempt: str, params: Mapping[str, str], now: datetime, *, switch: Switch) -> str:
    """The TwiML after an answer; the same again for the same turn, the present step for one that is over."""
    call = call_of(session, params, now, switch=switch)
    key = f"{call.call_sid}:turn:{step}:{attempt}"

    def answer() -> str:
        if params.get("CallStatus") in TERMINAL:
            _hung_up(session, call, now, switch)
        elif (step, attempt) == (call.step, str(call.misses)):
            _advance(session, call, params, now, switch)
        return _say(call, switch)

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
        duration = params.get("CallDuration", "")
        call.duration_seconds = int(duration[:9]) if duration.isdecimal() else None
        _hung_up(session, call, now, switch)
    session.flush()


def is_later(told: str, known: str) -> bool:
    """Whether a status comes after another; an end is never taken back."""
    if known in TERMINAL:
        return False
    if told in TERMINAL:
        return True
    return told in ORDER and (known not in ORDER or ORDER.index(told) > ORDER.index(known))


def recording(session: Session, params: Mapping[str, str], now: datetime, *, switch: Switch) -> None:
    """Attach a recording; its media are fetched by a job once it is complete."""
    call = call_of(session, params, now, switch=switch)
    sid, told = params["RecordingSid"], params.get("RecordingStatus", "completed")
    if not tables.calls.record_event(session, call.id, f"{sid}:{told}", "recording", dict(params), now):
        return
    row = _recording(session, call, sid, now)
    if row.status != "completed":
        row.status = told
    length = params.get("RecordingDuration", "")
    row.duration_seconds = int(length[:9]) if length.isdecimal() else row.duration_seconds
    if told == "completed":
        tables.jobs.schedule(session, JobKind.RECORDING_FETCH, row.id, now)
    session.flush()


def transcript(session: Session, params: Mapping[str, str], now: datetime, *, switch: Switch) -> None:
    """Attach a transcript, and let the desk suggest from it; a failed one changes nothing."""
    call = call_of(session, params, now, switch=switch)
    sid, told = params["RecordingSid"], params.get("TranscriptionStatus", "")
    if not tables.calls.record_event(session, call.id, f"{sid}:transcript:{told}", "transcript", dict(params), now):
        return
    row = _recording(session, call, sid, now)
    row.transcript_status = told
    text = params.get("TranscriptionText", "").strip()
    if told == "completed" and text:
        row.transcript = text
        _tell_desk(session, call, f"transcript:{sid}", text, now, switch, note="transcript of the recording")
    session.flush()


def _recording(session: Session, call: tables.calls.Call, sid: str, now: datetime) -> tables.calls.Recording:
    fresh = insert(tables.calls.Recording).values(
        call_id=call.id, recording_sid=sid, status="in-progress", created_at=now
    )
    session.execute(fresh.on_conflict_do_nothing(index_elements=["recording_sid"]))
    row = tables.calls.recording_by_sid(session, sid)
    if row is None:
        raise LookupError(sid)
    return row


def _advance(
    session: Session, call: tables.calls.Call, params: Mapping[str, str], now: datetime, switch: Switch
) -> None:
    before = Turn(step=call.step, misses=call.misses, answers=call.answers)
    after = menu.advance(before, params)
    call.step, call.misses, call.answers = after.step, after.misses, dict(after.answers)
    if after.answers.get("account") and before.step == "account":
        _tell_desk(session, call, "account", "", now, switch, account=after.answers["account"])
    if params.get("RecordingSid"):
        _recording(session, call, params["RecordingSid"], now)
    if before.step == "down" and after.step != "down":
        _file_problem(session, call, now, switch)
    session.flush()


def _file_problem(session: Session, call: tables.calls.Call, now: datetime, switch: Switch) -> None:
    """Hand what the caller said and pressed to the desk, once; a key pressed outranks every guess."""
    facts: tuple[Fact, ...] = ()
    if call.answers.get("down") == "yes":
        facts = (
            Fact(name="down", value="full", source="caller", evidence="pressed 1: production is down"),
            Fact(name="environment", value="production", source="caller", evidence="pressed 1: production is down"),
        )
    elif call.answers.get("down") == "no":
        facts = (Fact(name="down", value="no", source="caller", evidence="pressed 2: production is not down"),)
    _tell_desk(session, call, "problem", call.answers.get("problem", ""), now, switch, facts=facts)


def _hung_up(session: Session, call: tables.calls.Call, now: datetime, switch: Switch) -> None:
    """The caller has gone: file what they said so far; where they left is kept with it."""
    if call.answers.get("problem"):
        _file_problem(session, call, now, switch)
    if call.step != menu.LAST:
        _tell_desk(session, call, "hangup", "", now, switch, note=f"the caller hung up at step {call.step}; call back")


def _tell_desk(
    session: Session,
    call: tables.calls.Call,
    part: str,
    text: str,
    now: datetime,
    switch: Switch,
    *,
    facts: tuple[Fact, ...] = (),
    account: str = "",
    note: str = "",
) -> None:
    switch.receive(
        session,
        Interaction(
            source=f"call:{call.call_sid}:{part}",
            channel=Channel.PHONE,
            received_at=now,
            subject=text[:120],
            text=text,
            new_text=text,
            language=switch.language,
            facts=facts,
            account_hint=account,
            request=call.request_id,
            note=note,
        ),
        now,
    )


def _say(call: tables.calls.Call, switch: Switch, *, first: bool = False) -> str:
    here = Turn(step=call.step, misses=call.misses, answers=call.answers)
    return twiml.say(
        here,
        prompts.load(switch.language),
        public_url=switch.public_url,
        reference=call.answers.get("reference", ""),
        first=first,
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
    before = tables.calls.event_by_key(session, key)
    if before is not None and before.answer is not None:
        return before.answer
    tables.calls.record_event(session, call.id, key, kind, dict(params), now)
    said = answer()
    stored = tables.calls.event_by_key(session, key)
    if stored is not None:
        stored.answer = said
    session.flush()
    return said
