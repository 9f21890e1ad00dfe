"""What an engineer hears who is rung for a caller, and what becomes of it. Never commits.

Only key 1 takes the call: a machine, a fax or somebody who presses nothing has not. A document that ends without
hanging up connects the two (https://www.twilio.com/docs/voice/twiml/number#url). Webhooks may come twice, late and in
any order: an end is never taken back, and a key that its end overtook takes the call only where Twilio says that the
two were connected.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from models import tables
from models.calling import LegState
from models.tables.calls import Call
from models.tables.reaching import Leg
from voice import connecting, connecting_twiml, ending, prompts
from voice.connecting import ENDS, OPEN, TAKE
from voice.outgoing import Named, Naming, hang_up, is_machine, moment, tell
from voice.switch import Switch

NO = "2"
PICKED_UP = frozenset({"in-progress", "answered"})
VAGUE = frozenset({LegState.NO_ANSWER, LegState.CANCELED})
"""Ends that a round gives its telephones; what Twilio says of one telephone itself may be more exact."""
EXACT = frozenset({LegState.BUSY, LegState.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """Which time a key was asked for ("0", then "1"); `again`: we were slow.

    Then the webhook brings no key from before, but one that was pressed since, if there was one.
    """

    number: str
    again: bool = False


def unnamed(_request: tables.requests.Request) -> Named:
    """No names: the level is not said."""
    return Named(level="", support="")


def ring(
    session: Session,
    leg: UUID | None,
    params: Mapping[str, str],
    now: datetime,
    *,
    switch: Switch,
    naming: Naming = unnamed,
) -> str:
    """The TwiML for whoever or whatever picks up; a machine hears nothing."""
    held = _held(session, leg, params)
    if held is None:
        return _told(switch, "not_needed")
    row, call = held
    if is_machine(params.get("AnsweredBy")):
        return _machine(session, row, now)
    if row.ended_at is not None and row.state not in OPEN:
        return _told(switch, "not_needed")
    _pick_up(row, now)
    session.flush()
    return _say(session, row, call, switch, naming, again=False)


def key(
    session: Session,
    leg: UUID | None,
    tried: Tried,
    params: Mapping[str, str],
    now: datetime,
    *,
    switch: Switch,
    naming: Naming = unnamed,
) -> str:
    """The TwiML after a key: 1 takes the call, 2 passes it on, anything else is asked once more."""
    held = _held(session, leg, params)
    if held is None:
        return _told(switch, "not_needed")
    row, call = held
    if is_machine(params.get("AnsweredBy")):
        return _machine(session, row, now)
    pressed = params.get("Digits", "")
    if pressed == TAKE or (tried.again and row.state is LegState.TAKEN):
        return _take(session, row, call, now, switch)
    if pressed == NO or (tried.again and row.state is LegState.PASSED):
        _close(session, row, LegState.PASSED, now, NO)
        return _told(switch, "whisper_passed")
    if (tried.number == "0" or tried.again) and row.state in OPEN:
        _pick_up(row, now)
        session.flush()
        return _say(session, row, call, switch, naming, again=not tried.again or tried.number != "0")
    _close(session, row, LegState.SILENT, now, pressed[:1])
    return _told(switch, "goodbye")


def status(session: Session, leg: UUID | None, params: Mapping[str, str], now: datetime) -> None:
    """Note how a telephone's own call goes, and how it ended."""
    held = _held(session, leg, params)
    if held is None:
        return
    row, told, at = held[0], params.get("CallStatus", ""), moment(params.get("Timestamp", ""), now)
    if is_machine(params.get("AnsweredBy")) and row.state in OPEN:
        _machine(session, row, at)
    elif told in PICKED_UP and row.state not in VAGUE | EXACT:
        _pick_up(row, at)
    elif told in ENDS:
        _hung_up(row, told, at)
        row.sip_code = row.sip_code or _number(params.get("SipResponseCode", ""))
    session.flush()


def _held(session: Session, leg: UUID | None, params: Mapping[str, str]) -> tuple[Leg, Call] | None:
    """The leg whose telephone's call this is, and its caller's, both held; None if it is another call.

    A telephone's call is a child of the caller's, never that one itself, and the same one always.
    """
    found = session.get(Leg, leg) if leg else None
    if found is None:
        return None
    call = session.get_one(Call, found.call_id, with_for_update=True, populate_existing=True)
    row = tables.reaching.leg_held(session, found.id)
    parent, sid = params.get("ParentCallSid", call.call_sid), params["CallSid"]
    if row is None or parent != call.call_sid:
        return None
    return (row, call) if connecting.bind(session, row, sid) else None


def _take(session: Session, row: Leg, call: Call, now: datetime, switch: Switch) -> str:
    """Give a call to whoever pressed 1, unless somebody else has it; a key that came too late is evidence only."""
    words = switch.wording(prompts.FALLBACK)
    if row.state is LegState.TAKEN:
        return connecting_twiml.bridge(words)
    legs = tables.reaching.legs(session, call.id)
    if any(other.state is LegState.TAKEN and other.bridged is not False for other in legs):
        _close(session, row, LegState.CANCELED, now, TAKE)
        return tell(words, "whisper_other")
    if _is_too_late(row):
        was_asked = row.state is LegState.SILENT and row.key_pressed is not None
        row.key_pressed = row.key_pressed if was_asked else row.key_pressed or TAKE
        return tell(words, "not_needed")
    gone = row.state is LegState.CANCELED or connecting.has_left(call)
    _pick_up(row, now)
    row.state, row.key_pressed, row.taken_at = LegState.TAKEN, TAKE, now
    session.flush()
    if row.bridged:
        connecting.note_connected(session, call, row)
        ending.reached(session, call, now)
    switch.desk.taken(session, row.request_id, row.name, now)
    if gone and not row.bridged:
        connecting.note_left(session, row, now)
        return tell(words, "whisper_left")
    return connecting_twiml.bridge(words)


def _is_too_late(row: Leg) -> bool:
    """Whether a key counts no more: another one was pressed before, or the end of its call or of its round was told.

    One that only the caller's leaving overtook is not, and neither is that of somebody whom Twilio has connected.
    """
    if row.state in OPEN:
        return False
    only_caller_left = row.state is LegState.CANCELED and row.answered_at is not None and row.bridged is None
    return row.key_pressed is not None or not (row.bridged or only_caller_left)


def _pick_up(row: Leg, at: datetime) -> None:
    row.answered_at = row.answered_at or at
    if row.state is LegState.RINGING:
        row.state = LegState.ANSWERED


def _close(session: Session, row: Leg, state: LegState, now: datetime, pressed: str) -> None:
    """End a leg that still rings or listens; the key is kept, empty where none was pressed when it was asked for."""
    if row.state in OPEN:
        row.state, row.ended_at, row.key_pressed = state, row.ended_at or now, pressed
        row.answered_at = row.answered_at or now
    session.flush()


def _machine(session: Session, row: Leg, now: datetime) -> str:
    _close(session, row, LegState.SILENT, now, "")
    return hang_up()


def _hung_up(row: Leg, told: str, at: datetime) -> None:
    end = ENDS[told]
    if row.answered_at is not None and end is not LegState.CANCELED:
        end = LegState.SILENT  # it was picked up, whatever its network calls the end
    is_refined = row.state in VAGUE and row.answered_at is None and end in EXACT
    if row.state in OPEN or is_refined:
        row.state = end
    row.ended_at = row.ended_at or at
    if row.state is LegState.CANCELED and row.answered_at is not None:
        row.key_pressed = row.key_pressed or ""  # their own call is over: no key can come in time any more


def _number(told: str) -> int | None:
    return int(told[:3]) if told.isdecimal() else None


def _told(switch: Switch, name: str) -> str:
    return tell(switch.wording(prompts.FALLBACK), name)


def _say(session: Session, row: Leg, call: Call, switch: Switch, naming: Naming, *, again: bool) -> str:
    """Which request the caller is on the line for, in English, as the names of levels are."""
    request = session.get_one(tables.requests.Request, row.request_id)
    return connecting_twiml.whisper(
        switch.wording(prompts.FALLBACK),
        public_url=switch.public_url,
        leg=row.id,
        again=again,
        reference=request.reference,
        level=naming(request).level,
        down=call.answers.get("down") == "yes",
        joined=row.request_id != call.request_id,
    )
