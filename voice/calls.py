"""Webhooks to one call and one incident, however often, in whatever order they come. Never commits."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models import tables
from models.errors import Invalid
from models.terms import JobKind
from voice import asking, beginning, connecting, ending, filing, menu, outgoing, twiml
from voice.connecting import Reached
from voice.hearing import HANGUP, hear, recording_of
from voice.menu import CONNECT, LAST, MOMENT, Turn
from voice.prompts import Prompts
from voice.switch import Switch

ORDER = ("queued", "initiated", "ringing", "answered", "in-progress")
TERMINAL = ("completed", "busy", "no-answer", "failed", "canceled")
"""CallStatus values that end a call (https://www.twilio.com/docs/voice/api/call-resource#call-status-values)."""
SECRET_STEPS = frozenset({"account", "account_check"})
"""Steps at which a PIN may be keyed: it is not stored."""
UNSTORED = "account_check"
"""The step at which a possible PIN is read back."""
OPENING = "opens_with"
"""Stands among the answers at a step whose TwiML is not stored, so that it is the same when it is made anew."""
RECORDED = {"record": "recording", "record_number": "number_recording", "note": "note_recording"}
"""Where the answers hold what was recorded at a step."""

log = structlog.get_logger()


def call_of(session: Session, params: Mapping[str, str], now: datetime, *, switch: Switch) -> tables.calls.Call:
    """The call of a webhook, held until the transaction ends; its incident exists when this returns.

    The first webhook of a call, whichever it is, makes both; its time starts the SLA clock, at any hour.
    """
    sid = params["CallSid"]
    call = tables.calls.hold(session, sid) or _new(session, params, now, switch) or _other(session, sid)
    if beginning.note_numbers(session, call, params, now, switch):
        tables.calls.keep(session, call)
    return call


def _new(session: Session, params: Mapping[str, str], now: datetime, switch: Switch) -> tables.calls.Call | None:
    """A call nobody has told us of; None if it is there, or another webhook tells us of it at this moment."""
    return tables.calls.add(
        session,
        call_sid=params["CallSid"],
        account_sid=params["AccountSid"],
        from_number="",
        to_number="",
        status=params.get("CallStatus", "queued"),
        step="consent",
        answers=beginning.languages(switch.languages),
        started_at=now,
    )


def _other(session: Session, sid: str) -> tables.calls.Call:
    """The call that another webhook has just made."""
    call = tables.calls.hold(session, sid)
    if call is None:
        raise LookupError(sid)
    return call


def first_ring(session: Session, params: Mapping[str, str], now: datetime, *, switch: Switch) -> str:
    """The TwiML for a call that comes in; the same again for the same webhook.

    A telephone that we rang is no caller: it hears goodbye, and nothing is logged but that it came here.
    """
    if beginning.is_ours(session, params):
        log.warning("call.misdirected", call=params["CallSid"])
        return outgoing.tell(switch.wording(switch.languages[0]), "not_needed")
    key = f"{params['CallSid']}:inbound"
    made = _new(session, params, now, switch)
    call = made or _other(session, params["CallSid"])
    beginning.note_numbers(session, call, params, now, switch)
    given = tables.calls.answer_given(session, key) if made is None else None
    if given:
        return given
    said = _say(session, _turn(call), call, switch, first=True)
    tables.calls.record_answer(session, call, key, "inbound", dict(params), now, said)
    return said


def turn(
    session: Session,
    step: str,
    attempt: str,
    params: Mapping[str, str],
    now: datetime,
    *,
    switch: Switch,
    again: bool = False,
) -> str:
    """The TwiML after an answer; the same again for the same turn, the present step for one that is over.

    `again`: the caller was asked for a moment and brings no answer; what they were to hear is said, else the question.
    """
    call = call_of(session, params, now, switch=switch)
    key = f"{call.call_sid}:turn:{step}:{attempt}"
    here = _turn(call)
    given = tables.calls.answer_given(session, key)
    if given:
        return given
    if given is not None or (step, attempt) != (here.step, str(here.attempt)) or step == CONNECT or again:
        return _say(session, here, call, switch)
    if is_later(params.get("CallStatus", ""), call.status) and not has_left(params):
        call.status = params["CallStatus"]
    flow = _hung_up if has_left(params) else _advance
    kept = _without_secret(params) if step in SECRET_STEPS else params
    said = flow(session, call, params, now, switch)
    tables.calls.record_answer(session, call, key, "turn", dict(kept), now, _kept(call, said))
    return said


def connected(
    session: Session,
    round: int,  # noqa: A002 - what it is called in the address
    params: Mapping[str, str],
    now: datetime,
    *,
    switch: Switch,
) -> str:
    """The TwiML after telephones of ours were rung for the caller: the next ones, or on with the conversation."""
    call = call_of(session, params, now, switch=switch)
    key = f"{call.call_sid}:connect:{round}"
    given = tables.calls.answer_given(session, key)
    if given:
        return given
    if given is not None or call.step != CONNECT or not connecting.is_round(session, call, round):
        return _say(session, _turn(call), call, switch)
    said = _rung(session, call, round, params, now, switch)
    tables.calls.record_answer(session, call, key, "connect", dict(params), now, _kept(call, said))
    return said


def _rung(
    session: Session,
    call: tables.calls.Call,
    round: int,  # noqa: A002 - what it is called in the address
    params: Mapping[str, str],
    now: datetime,
    switch: Switch,
) -> str:
    words = _words(call, switch)
    came = connecting.close_round(session, call, round, params, now, switch=switch, words=words)
    if not isinstance(came, Reached):
        return came
    if came is Reached.LEFT:
        ending.left(session, call, params.get("CallStatus", TERMINAL[0]), now, switch)
        return outgoing.hang_up()
    if came is Reached.NOBODY:
        ending.nobody(session, call, now, switch)
    else:
        ending.reached(session, call, now)
    return _arrive(session, call, menu.went_on(_turn(call), came.value), now, switch)


def has_left(params: Mapping[str, str]) -> bool:
    """Whether the caller is not on the line any more: Twilio still brings what there is of a recording."""
    return params.get("CallStatus") in TERMINAL or params.get("Digits") == HANGUP


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
        connecting.caller_left(session, call, now)
        ending.left(session, call, told, now, switch)
    tables.calls.keep(session, call)


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
    """The recording of a call; Invalid where it is known as another call's."""
    fresh = insert(tables.calls.Recording).values(
        call_id=call.id, recording_sid=sid, status="in-progress", created_at=now
    )
    session.execute(fresh.on_conflict_do_nothing(index_elements=["recording_sid"]))
    row = tables.calls.recording_by_sid(session, sid)
    if row is None:
        raise LookupError(sid)
    if row.call_id != call.id:
        raise Invalid(public="RecordingSid is that of another call.")
    return row


def _keep_recording(session: Session, call: tables.calls.Call, params: Mapping[str, str], now: datetime) -> None:
    """Attach the recording an answer brings, and fetch it even if the callback that announces it is lost."""
    if sid := recording_of(params):
        row = _attached(session, call, sid, now)
        tables.jobs.schedule(session, JobKind.RECORDING_FETCH, row.id, now)


def _advance(
    session: Session, call: tables.calls.Call, params: Mapping[str, str], now: datetime, switch: Switch
) -> str:
    if call.step == MOMENT:
        asking.wait(session, call)
    heard = hear(params, _words(call, switch), switch.identify, partial(beginning.may_ring, call, switch))
    _keep_recording(session, call, params, now)
    tell = partial(asking.learn, session, call, now=now, switch=switch)
    is_somebody_there = partial(asking.is_somebody_there, session, call, now, switch)
    return _arrive(session, call, menu.advance(_turn(call), heard, tell, is_somebody_there), now, switch)


def _arrive(session: Session, call: tables.calls.Call, after: Turn, now: datetime, switch: Switch) -> str:
    """The TwiML of a turn that the call has come to."""
    kept = {name: value for name, value in after.answers.items() if name != OPENING}
    opening = {OPENING: after.opens_with} if after.step == UNSTORED and after.opens_with else {}
    call.step, call.misses, call.answers = after.step, after.misses, kept | opening
    if after.step == CONNECT:
        return _connect(session, call, after, now, switch)
    if after.step == LAST:
        ending.receipts(session, call, now, switch)
        after = Turn(step=LAST, answers=call.answers, opens_with=after.opens_with)
    return _say(session, after, call, switch)


def _connect(session: Session, call: tables.calls.Call, here: Turn, now: datetime, switch: Switch) -> str:
    """Ring whoever is on duty; the conversation goes on where nobody is, or where nobody is rung at all."""
    if call.ended_at is not None:
        return outgoing.hang_up()
    words = _words(call, switch)
    is_logged = "resume" not in here.answers and "down" in here.answers
    intro = words.say("logged", reference=twiml.spoken(here.answers["reference"])) if is_logged else ""
    urgent = asking.is_burning(session, call, now, switch)
    ring = connecting.begin(session, call, now, switch=switch, urgent=urgent, words=words, intro=intro)
    if ring is not None:
        return ring
    if "resume" in here.answers:
        call.answers = {**call.answers, "unserved": "yes"}
    was_wanted = is_logged or ("resume" not in here.answers and "joined" in here.answers)
    if was_wanted:
        ending.nobody(session, call, now, switch)
    return _arrive(session, call, menu.went_on(_turn(call), Reached.NOBODY.value if was_wanted else ""), now, switch)


def _hung_up(
    session: Session, call: tables.calls.Call, params: Mapping[str, str], now: datetime, switch: Switch
) -> str:
    """The caller left while being asked, or while recording: nobody hears the answer."""
    _keep_recording(session, call, params, now)
    if (sid := recording_of(params)) and call.step in RECORDED:
        call.answers = {**call.answers, RECORDED[call.step]: sid}
        if call.step == "note":
            filing.note(session, call, now, switch.receive)
    ending.left(session, call, params.get("CallStatus", TERMINAL[0]), now, switch)
    return outgoing.hang_up()


def _turn(call: tables.calls.Call) -> Turn:
    opens_with = call.answers.get(OPENING, "")
    return Turn(step=call.step, misses=call.misses, answers=call.answers, opens_with=opens_with)


def _words(call: tables.calls.Call, switch: Switch) -> Prompts:
    return switch.wording(call.answers["language"])


def _say(session: Session, here: Turn, call: tables.calls.Call, switch: Switch, *, first: bool = False) -> str:
    if here.step == CONNECT:
        answers = [event.answer for event in tables.calls.events(session, call.id) if event.answer]
        return answers[-1] if answers else outgoing.hang_up()
    return twiml.say(
        here,
        _words(call, switch),
        public_url=switch.public_url,
        reference=call.answers["reference"],
        first=first,
        offered=tuple(switch.wording(each) for each in call.answers["languages"].split(",")),
    )


def _kept(call: tables.calls.Call, said: str) -> str:
    """An answer as it is stored; one that reads a possible PIN back is not, and is made anew where it is asked for."""
    return "" if call.step == UNSTORED else said


def _without_secret(params: Mapping[str, str]) -> Mapping[str, str]:
    """A webhook as it is stored: what may have been a PIN is not."""
    hidden = {name: filing.HIDDEN for name in ("Digits", "SpeechResult") if len(params.get(name, "")) > 1}
    return {**params, **hidden}
