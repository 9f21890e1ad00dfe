"""A caller connected to an engineer: telephones rung, round after round, until somebody takes the call. Never commits.

Only a key in the whisper takes a call, and only once the two were bridged is the caller connected: `completed` is said
of an answering machine as well. The end of a round is a webhook, answered with the next round; webhooks may come
twice, late and in any order. Everybody who changes a leg holds its call first.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from functools import partial

from sqlalchemy import select, union_all
from sqlalchemy.orm import Session

from models import tables
from models.calling import LegState, OnDuty
from models.tables.calls import Call
from models.tables.reaching import Leg
from voice import connecting_twiml, filing
from voice.dialling import E164, dialable
from voice.prompts import Prompts
from voice.signature import CALL_SID
from voice.switch import Switch


class Reached(Enum):
    """How ringing for a caller ended."""

    YES = "yes"
    NOBODY = "nobody"
    LEFT = "left"
    """The caller hung up."""


TAKE = "1"
"""The key that takes a call."""
OPEN = frozenset({LegState.RINGING, LegState.ANSWERED})
ENDS: Mapping[str, LegState] = {
    "completed": LegState.SILENT,
    "answered": LegState.SILENT,
    "busy": LegState.BUSY,
    "no-answer": LegState.NO_ANSWER,
    "failed": LegState.FAILED,
    "canceled": LegState.CANCELED,
}
"""What the end of a telephone's call means where no key was pressed (DialCallStatus, CallStatus)."""
OVER = frozenset(ENDS) - {"answered"}
"""CallStatus values of a call that has ended."""


def begin(
    session: Session, call: Call, now: datetime, *, switch: Switch, urgent: bool, words: Prompts, intro: str = ""
) -> str | None:
    """TwiML that asks the caller to wait and rings the first who are on duty; None if there is nobody to ring.

    Nobody who was rung for this call before is rung again. The telephones are rows before Twilio is asked to ring
    them. `intro` is said first. The call is held.
    """
    sentences = [each for each in (intro, words.say("connect_wait")) if each]
    return _ring(session, call, now, switch=switch, urgent=urgent, words=words, sentences=sentences)


def close_round(
    session: Session,
    call: Call,
    round: int,  # noqa: A002 - what it is called in the address
    params: Mapping[str, str],
    now: datetime,
    *,
    switch: Switch,
    words: Prompts,
) -> str | Reached:
    """What follows a round: TwiML that rings the next ones, or how it all ended; the same again for the same round.

    Connected is who pressed 1 and was bridged (DialBridged). Where the caller has gone before that, whoever pressed 1
    keeps the request. The call is held.
    """
    legs = tables.reaching.legs(session, call.id)
    ours = [leg for leg in legs if leg.round == round]
    if not ours:
        return Reached.NOBODY
    left = has_left(call) or params.get("CallStatus") in OVER
    if left:
        _stop(ours, now)
    _bridge(session, ours, params)
    overtaken = _overtaken(ours, params)
    if overtaken is not None:
        overtaken.state, overtaken.taken_at = LegState.TAKEN, overtaken.answered_at or now
    for leg in ours:
        _end(leg, ours, params, now)
    session.flush()
    if taken := next((leg for leg in ours if leg.state is LegState.TAKEN and leg.bridged), None):
        note_connected(session, call, taken)
        if overtaken is taken:
            switch.desk.taken(session, taken.request_id, taken.name, now)
        return Reached.YES
    if left:
        for leg in ours:
            note_left(session, leg, now)
        return Reached.LEFT
    return _next_round(session, call, legs, round, now, switch, words) or Reached.NOBODY


def is_round(session: Session, call: Call, number: int) -> bool:
    """Whether telephones were rung for this caller in a round of this number."""
    return any(leg.round == number for leg in tables.reaching.legs(session, call.id))


def caller_left(session: Session, call: Call, now: datetime) -> None:
    """End whatever still rings for a caller who hung up; whoever has taken the call keeps it. The call is held."""
    _stop(tables.reaching.legs(session, call.id), now)
    session.flush()


def has_left(call: Call) -> bool:
    """Whether the caller's own call is known to be over."""
    return call.ended_at is not None or call.status in OVER


def bind(session: Session, leg: Leg, call_sid: str) -> bool:
    """Whether a telephone's call is this one: the first that Twilio names is, if it is no other's nor a caller's."""
    if leg.dial_call_sid is not None or not CALL_SID.fullmatch(call_sid):
        return leg.dial_call_sid == call_sid
    known = union_all(
        select(Leg.id).where(Leg.dial_call_sid == call_sid), select(Call.id).where(Call.call_sid == call_sid)
    )
    if session.scalar(known) is not None:
        return False
    leg.dial_call_sid = call_sid
    session.flush()
    return True


def note_connected(session: Session, call: Call, leg: Leg) -> None:
    """Write down, once, who talked to the caller, and how long that took since the call came in."""
    at = leg.taken_at
    if at is None:
        raise LookupError(leg.id)
    seconds = max(0, int((at - call.started_at).total_seconds()))
    source = f"leg:{leg.id}"
    log = partial(tables.requests.record_clock, session, leg.request_id, made_by=leg.name)
    note = f"{seconds} seconds after the call came in"
    log("connected", source, at, value=leg.name, note=note, detail={"seconds": seconds})
    for event, value in (("responded", ""), ("acted", leg.name)):
        log(event, source, at, value=value)
    tables.requests.wants_attention(session, leg.request_id, at)


def note_left(session: Session, leg: Leg, now: datetime) -> None:
    """Write down, once, that the caller had gone when somebody took the call; they keep the request."""
    if leg.state is not LegState.TAKEN or leg.bridged:
        return
    why = "took the call, but the caller had hung up: call back"
    source = f"leg:{leg.id}"
    tables.requests.record_clock(
        session, leg.request_id, "caller-left", source, now, value=leg.name, note=why, made_by=leg.name
    )


def _bridge(session: Session, legs: Sequence[Leg], params: Mapping[str, str]) -> None:
    """Note on each leg of a round whether it was bridged; Twilio says so of one at most."""
    sid = params.get("DialCallSid", "")
    taken = next((leg for leg in legs if leg.state is LegState.TAKEN), None)
    if len(legs) == 1 and sid:
        bind(session, legs[0], sid)
    only = legs[0] if len(legs) == 1 else None
    about = next((leg for leg in legs if sid and leg.dial_call_sid == sid), taken or only)
    told, ended = params.get("DialBridged", "").lower(), params.get("DialCallStatus", "")
    # Where Twilio does not say it (a caller asked for a moment comes back with neither), the key alone must tell.
    was_connected = taken is not None and (not ended or ENDS.get(ended) is LegState.SILENT)
    bridged = told == "true" if told else was_connected
    for leg in legs:
        if leg.bridged is None:
            leg.bridged = bridged and leg is about


def _overtaken(legs: Iterable[Leg], params: Mapping[str, str]) -> Leg | None:
    """Whose key counted no more, since their call's end had been told, and whom Twilio says it connected all the same.

    A document of ours must have let it: the key was pressed in time, and only our knowledge of it came late.
    """
    if params.get("DialBridged", "").lower() != "true":
        return None
    return next((leg for leg in legs if leg.bridged and leg.key_pressed == TAKE and leg.taken_at is None), None)


def _stop(legs: Iterable[Leg], now: datetime) -> None:
    """End the legs of a round that is not over when the caller leaves.

    That a telephone stopped ringing then is no unanswered call, even where its network says so.
    """
    for leg in legs:
        was_ringing = leg.state is LegState.NO_ANSWER and not _rang_out(leg)
        if leg.bridged is None and (leg.state in OPEN or was_ringing):
            leg.state, leg.ended_at = LegState.CANCELED, leg.ended_at or now


def _rang_out(leg: Leg) -> bool:
    """Whether a telephone rang for as long as it was to ring."""
    return leg.ended_at is not None and leg.ended_at - leg.rung_at >= timedelta(seconds=leg.ring_seconds)


def _end(leg: Leg, legs: Sequence[Leg], params: Mapping[str, str], now: datetime) -> None:
    """End a leg with its round, where its own webhooks have not done so before."""
    if leg.state in OPEN:
        leg.state = _ended(leg, legs, params)
    leg.ended_at = leg.ended_at or now


def _ended(leg: Leg, legs: Sequence[Leg], params: Mapping[str, str]) -> LegState:
    told = ENDS.get(params.get("DialCallStatus", ""), LegState.NO_ANSWER)
    if leg.state is LegState.ANSWERED:
        return LegState.SILENT
    if len(legs) == 1:
        return told
    # Of several telephones it is the status of one: `completed` if somebody picked that up, which cut off the others.
    if told is LegState.SILENT and leg.dial_call_sid and leg.dial_call_sid == params.get("DialCallSid"):
        return told
    picked_up = told is LegState.SILENT or any(other.answered_at for other in legs)
    return LegState.CANCELED if picked_up or told is LegState.CANCELED else LegState.NO_ANSWER


def _next_round(
    session: Session, call: Call, legs: Sequence[Leg], done: int, now: datetime, switch: Switch, words: Prompts
) -> str | None:
    sentences = [words.say("connect_next")]
    if following := [leg for leg in legs if leg.round == done + 1]:
        return _document(following, switch, words, sentences)
    event = tables.calls.event_by_key(session, _key(call, done))
    urgent = event is not None and event.params.get("urgent") == "yes"
    return _ring(session, call, now, switch=switch, urgent=urgent, words=words, sentences=sentences)


def _ring(
    session: Session,
    call: Call,
    now: datetime,
    *,
    switch: Switch,
    urgent: bool,
    words: Prompts,
    sentences: Sequence[str],
) -> str | None:
    if not E164.fullmatch(switch.from_number):
        return None
    request, legs = filing.request_of(call), tables.reaching.legs(session, call.id)
    plan = _callable(switch.desk.on_call(session, request, urgent, now), call, switch)
    number = max((leg.round for leg in legs), default=0) + 1
    rows = [
        Leg(
            call_id=call.id,
            request_id=request,
            round=number,
            name=one.name,
            number=one.number,
            ring_seconds=one.ring_seconds,
            state=LegState.RINGING,
            rung_at=now,
        )
        for one in _following(plan, _counted(session, call, legs, urgent=urgent))
    ]
    if not rows:
        return None
    session.add_all(rows)
    session.flush()
    # The desk is asked anew after each round, for somebody may have come on duty; how it was asked stands here.
    asked = {"urgent": "yes" if urgent else "no"}
    tables.calls.record_event(session, call.id, _key(call, number), "ring", asked, now)
    return _document(rows, switch, words, sentences)


def _key(call: Call, number: int) -> str:
    return f"{call.call_sid}:ring:{number}"


def _document(legs: Sequence[Leg], switch: Switch, words: Prompts, sentences: Sequence[str]) -> str:
    return connecting_twiml.ring(
        words,
        sentences,
        public_url=switch.public_url,
        from_number=switch.from_number,
        round_number=legs[0].round,
        seconds=max(leg.ring_seconds for leg in legs),
        telephones=[(leg.id, leg.number) for leg in legs],
    )


def _callable(duty: Iterable[OnDuty], call: Call, switch: Switch) -> list[OnDuty]:
    """Who can be rung: real numbers, each once, never the caller's own, nor ours, on which we would ring ourselves."""
    own = {call.from_number, call.to_number, call.answers.get("caller", ""), switch.from_number, *switch.numbers}
    seen = {dialable(number) for number in own} | {None}
    found = []
    for one in sorted(duty, key=lambda each: each.round):
        number = dialable(one.number)
        if number is not None and number not in seen:
            seen.add(number)
            found.append(OnDuty(name=one.name, number=number, ring_seconds=one.ring_seconds, round=one.round))
    return found


def _counted(session: Session, call: Call, legs: Sequence[Leg], *, urgent: bool) -> list[Leg]:
    """The telephones rung that need not be rung again; those of a caller who only asked for a person do not count.

    Once it burns, whoever did not answer then is rung anew.
    """
    if not urgent or not legs:
        return list(legs)
    events = tables.calls.events(session, call.id)
    burnt = {event.key for event in events if event.kind == "ring" and event.params.get("urgent") == "yes"}
    return [leg for leg in legs if _key(call, leg.round) in burnt]


def _following(plan: Sequence[OnDuty], legs: Collection[Leg]) -> list[OnDuty]:
    """Who is rung next: one of those who were cut off, else everybody of the first round that was not rung yet."""
    rung = [leg.number for leg in legs]
    again = {leg.number for leg in legs if was_cut_off(leg, legs) and rung.count(leg.number) == 1}
    if once_more := [one for one in plan if one.number in again]:
        return once_more[:1]
    fresh = [one for one in plan if one.number not in rung]
    together = [one for one in fresh if one.round == fresh[0].round]
    return together[: connecting_twiml.MOST_AT_ONCE]


def was_cut_off(leg: Leg, legs: Iterable[Leg]) -> bool:
    """Whether a telephone stopped ringing because somebody, or a voicemail, picked up another of its round.

    Networks also call that `no-answer`; then it ended before it had rung for as long as it was to ring.
    """
    others = [other for other in legs if other.round == leg.round and other is not leg]
    if leg.state is LegState.NO_ANSWER:
        return not _rang_out(leg) and any(other.answered_at for other in others)
    return leg.state is LegState.CANCELED and bool(others)
