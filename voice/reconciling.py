"""Twilio's list of calls and recordings compared with ours: an outage of ours loses no call.

What we were not told is taken in by the same flows as its webhooks would have been, at Twilio's times, each call in
a transaction of its own. Doing it again, or a webhook that comes late, changes nothing. So are the ends of telephones
that were rung for a caller.

https://www.twilio.com/docs/voice/api/call-resource and https://www.twilio.com/docs/voice/api/recording
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from models import tables
from models.calling import LegState
from models.errors import Unavailable
from models.ports import Clock
from models.store import transaction
from voice import calls, connecting, menu, whisper
from voice.connecting import OPEN
from voice.dialling import Restored, look_up
from voice.hearing import RECORDING_SID
from voice.number import asking
from voice.outgoing import LONGEST_TALK, moment
from voice.phone import LOST, OVERDUE
from voice.recordings import TwilioAccount
from voice.signature import CALL_SID
from voice.switch import Switch

WHY = "they called while we were away"
BEFORE_RESTORE = "they called before the database was restored, and may have been served then"
LATE = timedelta(hours=1)
"""Who called longer ago is not rung by the house: a person decides whether they still wait, and whether it is night."""
LONGEST_CALL = timedelta(seconds=LONGEST_TALK)
"""Twilio ends a talk after that, so that a call of which it knows nothing is over so long after somebody was rung."""
FORGOTTEN = timedelta(days=3)
"""How long after it was rung a telephone is asked for whose end nobody told."""
CONNECTING = timedelta(seconds=5)
"""Who hangs up sooner after the key has heard no more than that they are being connected."""
PAGE = 200
KEPT = ("completed", "absent")
"""States of a recording that last; others are asked for next time."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What Twilio knew and we did not: calls, ends of calls we had, recordings."""

    calls: int
    ends: int
    recordings: int


def reconcile(
    engine: Engine,
    *,
    switch: Switch,
    account: TwilioAccount,
    clock: Clock,
    since: datetime,
    restored: Restored = lambda *_: None,
) -> Found:
    """Take in what Twilio has of calls to our numbers since a moment and we have not; what that was. For beat.

    A call that we did not have opens its incident, whose clock starts when Twilio says it began; its caller is owed
    a call, by a person where it is `LATE`, or where the database was `restored` since and does not know any more how
    they were served. Calls that are still going on are left for the next time, and so is one that cannot be read.

    Raises:
        Unavailable: Twilio or PostgreSQL does not answer; what was taken in stays.

    """
    with transaction(engine) as session:
        back = restored(session, clock())
    fresh = ends = kept = 0
    for batch in _batches(_calls(account, switch, since, clock())):
        for row in _unknown(engine, batch):
            with _passing_over(row.sid), transaction(engine) as session:
                now = clock()
                line = _reach_of(_began(row, now), _ended(row, now), switch, now, back)
                is_new = _take_call(session, row, now, line, back)
                fresh, ends = fresh + is_new, ends + (not is_new)
    for batch in _batches(_recordings(account, since)):
        for row in _missing(engine, batch):
            with _passing_over(row.sid), transaction(engine) as session:
                calls.recording(session, _told_of(row, account), clock(), switch=switch)
                kept += 1
    ends += end_rounds(engine, switch=switch, account=account, clock=clock, restored=restored)
    if fresh or ends or kept:
        log.info("calls.reconciled", calls=fresh, ends=ends, recordings=kept)
    return Found(calls=fresh, ends=ends, recordings=kept)


def end_rounds(
    engine: Engine,
    *,
    switch: Switch,
    account: TwilioAccount,
    clock: Clock,
    restored: Restored = lambda *_: None,
    batch: int = 5,
) -> int:
    """End the rounds of telephones rung for a caller whose end no webhook told, by asking Twilio; how many. For beat.

    A telephone is asked for after `OVERDUE`, one that was taken only once its caller has gone: they may talk for hours.
    Then all is as if it had been told in time: a talk that there was is written down, whoever was not reached is owed
    a call, and the ladder runs. Where Twilio tells nothing for an hour after the call's end, nobody has talked, as far
    as is known. What was rung longer ago than `FORGOTTEN` is for people to find.

    Raises:
        Unavailable: PostgreSQL is away.

    """
    now = clock()
    with transaction(engine) as session:
        late = tables.reaching.rounds_untold(session, now - FORGOTTEN, now - OVERDUE, batch)
        back = restored(session, now)
    ended = 0
    for call, number in late:
        with _passing_over(str(call)):
            ended += _end_round(engine, call, number, now, switch=switch, account=account, back=back)
    return ended


def _end_round(
    engine: Engine,
    call_id: UUID,
    number: int,
    now: datetime,
    *,
    switch: Switch,
    account: TwilioAccount,
    back: datetime | None,
) -> bool:
    """Take in what Twilio says of one round, its call and its telephones; whether it is ended now."""
    with transaction(engine) as session:
        call = session.get_one(tables.calls.Call, call_id)
        legs = [leg for leg in tables.reaching.legs(session, call_id) if leg.round == number]
    parent = {} if call.ended_at is not None else look_up(account, call.call_sid)
    over = _over(call, legs, parent, now)
    if over is None and not parent:  # Twilio does not answer: its other answers would only be waited for
        return False
    told = {
        leg.id: look_up(account, leg.dial_call_sid)
        for leg in legs
        if leg.dial_call_sid and (over is not None or leg.state in OPEN)
    }
    with transaction(engine) as session:
        for leg, params in told.items():
            if params.get("CallStatus") in calls.TERMINAL:
                whisper.status(session, leg, params, now)
        if over is None:
            return False
        at = min(over.at, now)
        line = _reach_of(call.started_at, at, switch, now, back)
        if call.ended_at is None:
            calls.status(session, over.params, at, switch=line)
        missing = [leg for leg in legs if leg.dial_call_sid and told[leg.id].get("CallStatus") not in calls.TERMINAL]
        if now - at < OVERDUE or (missing and now - at < LOST):
            return False
        _close_round(session, call, number, told, over, line)
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Over:
    """When a caller's call ended, and how, under the names of Twilio's status webhook."""

    at: datetime
    params: Mapping[str, str]


def _over(
    call: tables.calls.Call, legs: Sequence[tables.reaching.Leg], told: Mapping[str, str], now: datetime
) -> _Over | None:
    """How a caller's call ended, as we know it or Twilio has `told`; None while it goes on, or nobody knows."""
    about = {"CallSid": call.call_sid, "AccountSid": call.account_sid}
    if call.ended_at is not None:
        return _Over(at=call.ended_at, params={**about, "CallStatus": call.status})
    if told.get("CallStatus") in calls.TERMINAL:
        return _Over(at=moment(told["Timestamp"], now), params={**about, **told})
    if not told and now - legs[0].rung_at > LONGEST_CALL:
        return _Over(at=legs[0].rung_at + LONGEST_CALL, params={**about, "CallStatus": "failed"})
    return None


def _close_round(
    session: Session,
    call: tables.calls.Call,
    number: int,
    told: Mapping[UUID, Mapping[str, str]],
    over: _Over,
    line: Switch,
) -> None:
    """Do what the webhook of a round's end would have done for a caller who has gone.

    Where nobody took the call, its end has said so already: then only the telephones are left to be closed.
    """
    held = tables.calls.hold(session, call.call_sid)
    legs = tables.reaching.legs(session, call.id)
    taken = next((leg for leg in legs if leg.round == number and leg.state is LegState.TAKEN), None)
    params = {**over.params, "DialBridged": "false"}
    if taken is None and held is not None:
        words = line.wording(held.answers["language"])
        connecting.close_round(session, held, number, params, over.at, switch=line, words=words)
    elif taken is not None:
        talked = _talked(taken, told.get(taken.id, {}), over.at)
        more = {"DialCallSid": taken.dial_call_sid or "", "DialBridged": "true" if talked else "false"}
        calls.connected(session, number, {**params, **more}, over.at, switch=line)


def _talked(leg: tables.reaching.Leg, told: Mapping[str, str], now: datetime) -> bool:
    """Whether whoever pressed 1 talked to the caller, by how long their own call went on after the key."""
    if leg.taken_at is None or told.get("CallStatus") != "completed":
        return False
    return moment(told["Timestamp"], now) - leg.taken_at >= CONNECTING


@contextmanager
def _passing_over(known_as: str) -> Iterator[None]:
    """Let what nobody can take in hold nothing else up; its id is in the log, again each time."""
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it
        log.warning("call.unreadable", twilio=known_as, error=type(error).__name__)


def _calls(account: TwilioAccount, switch: Switch, since: datetime, now: datetime) -> Iterator[Any]:
    """Calls to our numbers that have ended; Twilio's own filter goes by the day."""
    with asking(account) as client:
        for number in tuple(switch.numbers) or (None,):
            whose = {"to": number} if number else {}
            for row in client.calls.stream(**whose, start_time_after=_midnight(since), page_size=PAGE):
                is_ours = row.direction == "inbound" and CALL_SID.fullmatch(row.sid or "")
                if is_ours and row.status in calls.TERMINAL and _began(row, now) >= since:
                    yield row


def _recordings(account: TwilioAccount, since: datetime) -> Iterator[Any]:
    with asking(account) as client:
        for row in client.recordings.stream(date_created_after=_midnight(since), page_size=PAGE):
            if row.status in KEPT and RECORDING_SID.fullmatch(row.sid or ""):
                yield row


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _batches(rows: Iterator[Any]) -> Iterator[list[Any]]:
    """Rows as they come, a page at a time: Twilio is asked for the next one between transactions."""
    while batch := list(islice(rows, PAGE)):
        yield batch


def _began(row: Any, now: datetime) -> datetime:
    """When a call first rang: the earliest moment that Twilio names, so that no clock starts late; at the latest now.

    A moment that cannot be read is a word in Twilio's library, and none at all where it was left out.
    """
    named = (row.date_created, row.start_time, row.end_time)
    return min([now, *(at for at in named if isinstance(at, datetime))])


def _ended(row: Any, now: datetime) -> datetime:
    """When a call ended: between its beginning and now, whatever Twilio's clock says."""
    told = row.end_time if isinstance(row.end_time, datetime) else now
    return max(_began(row, now), min(told, now))


def _reach_of(began: datetime, ended: datetime, switch: Switch, now: datetime, back: datetime | None) -> Switch:
    """The line as it treats the caller of a call: only who called a moment ago is rung by the house itself."""
    is_late = now - ended > LATE or (back is not None and began <= back)
    return replace(switch, callback_automatic=False) if is_late else switch


def _unknown(engine: Engine, batch: list[Any]) -> list[Any]:
    """The calls of which we have not both the beginning and the end."""
    ours = tables.calls.Call
    with transaction(engine) as session:
        whole = select(ours.call_sid).where(
            ours.call_sid.in_([row.sid for row in batch]), ours.request_id.is_not(None), ours.ended_at.is_not(None)
        )
        known = set(session.scalars(whole))
    return [row for row in batch if row.sid not in known]


def _missing(engine: Engine, batch: list[Any]) -> list[Any]:
    """The recordings of calls of ours that we do not know, or do not know to be complete."""
    call, recording = tables.calls.Call, tables.calls.Recording
    with transaction(engine) as session:
        ours = set(session.scalars(select(call.call_sid).where(call.call_sid.in_([row.call_sid for row in batch]))))
        known = select(recording.recording_sid).where(
            recording.recording_sid.in_([row.sid for row in batch]), recording.status != "in-progress"
        )
        there = set(session.scalars(known))
    return [row for row in batch if row.call_sid in ours and row.sid not in there]


def _take_call(session: Session, row: Any, now: datetime, switch: Switch, back: datetime | None = None) -> bool:
    """Do what the webhooks of a call would have done; whether it is new to us.

    A webhook may be faster, since its row is there and nobody sees it: then its first event is there, too, once the
    call is held.
    """
    began, was_there = _began(row, now), tables.calls.by_sid(session, row.sid) is not None
    params = {
        "CallSid": row.sid,
        "AccountSid": row.account_sid,
        "From": row._from or "",  # noqa: SLF001 - the library's name for a word that Python keeps
        "To": row.to or "",
        "CallStatus": row.status,
        "CallDuration": row.duration or "",
    }
    call = calls.call_of(session, params, began, switch=switch)
    is_new = not was_there and not tables.calls.events(session, call.id)
    if is_new:
        call.recovered_at = now
        tables.calls.keep(session, call)
        _owe(session, call, now, switch, WHY if back is None or began > back else BEFORE_RESTORE)
    calls.status(session, params, _ended(row, now), switch=switch)
    return is_new


def _owe(session: Session, call: tables.calls.Call, now: datetime, switch: Switch, why: str) -> None:
    tables.reaching.owe_call(
        session,
        request_id=call.request_id,
        call_id=call.id,
        number=menu.own_number(call.answers) or None,
        why=why,
        automatic=switch.callback_automatic,
        due_at=call.started_at + switch.callback_after,
        made_at=now,
    )


def _told_of(row: Any, account: TwilioAccount) -> dict[str, str]:
    """A recording as its webhook would have told it."""
    return {
        "CallSid": row.call_sid,
        "AccountSid": account.account_sid,
        "RecordingSid": row.sid,
        "RecordingStatus": row.status,
        "RecordingDuration": row.duration or "",
    }
