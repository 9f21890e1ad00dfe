"""Twilio's list of calls and recordings compared with ours: an outage of ours loses no call.

What we were not told is taken in by the same flows as its webhooks would have been, at Twilio's times, each call in
a transaction of its own. Doing it again, or a webhook that comes late, changes nothing.

https://www.twilio.com/docs/voice/api/call-resource and https://www.twilio.com/docs/voice/api/recording
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import structlog
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from models import tables
from models.ports import Clock
from models.store import transaction
from voice import calls
from voice.hearing import RECORDING_SID
from voice.number import asking
from voice.recordings import TwilioAccount
from voice.signature import CALL_SID
from voice.switch import Switch

WHY = "they called while we were away"
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


def reconcile(engine: Engine, *, switch: Switch, account: TwilioAccount, clock: Clock, since: datetime) -> Found:
    """Take in what Twilio has of calls to our numbers since a moment and we have not; what that was. For beat.

    A call that we did not have opens its incident, whose clock starts when Twilio says it began; its caller is owed
    a call. Calls that are still going on are left for the next time.

    Raises:
        Unavailable: Twilio or PostgreSQL does not answer; what was taken in stays.

    """
    fresh = ends = kept = 0
    for batch in _batches(_calls(account, switch, since)):
        for row in _unknown(engine, batch):
            with transaction(engine) as session:
                is_new = _take_call(session, row, clock(), switch)
            fresh, ends = fresh + is_new, ends + (not is_new)
    for batch in _batches(_recordings(account, since)):
        for row in _missing(engine, batch):
            with transaction(engine) as session:
                calls.recording(session, _told_of(row, account), clock(), switch=switch)
            kept += 1
    if fresh or ends or kept:
        log.info("calls.reconciled", calls=fresh, ends=ends, recordings=kept)
    return Found(calls=fresh, ends=ends, recordings=kept)


def _calls(account: TwilioAccount, switch: Switch, since: datetime) -> Iterator[Any]:
    """Calls to our numbers that have ended; Twilio's own filter goes by the day."""
    with asking(account) as client:
        for number in tuple(switch.numbers) or (None,):
            whose = {"to": number} if number else {}
            for row in client.calls.stream(**whose, start_time_after=_midnight(since), page_size=PAGE):
                is_ours = row.direction == "inbound" and CALL_SID.fullmatch(row.sid or "")
                if is_ours and row.status in calls.TERMINAL and _began(row) >= since:
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


def _began(row: Any) -> datetime:
    """When a call first rang: the earliest moment that Twilio names, so that no clock starts late."""
    named: list[datetime] = [at for at in (row.date_created, row.start_time) if at is not None]
    return min(named)


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


def _take_call(session: Session, row: Any, now: datetime, switch: Switch) -> bool:
    """Do what the webhooks of a call would have done; whether it is new to us."""
    is_new = tables.calls.by_sid(session, row.sid) is None
    began = min(_began(row), now)
    params = {
        "CallSid": row.sid,
        "AccountSid": row.account_sid,
        "From": row._from or "",  # noqa: SLF001 - the library's name for a word that Python keeps
        "To": row.to or "",
        "CallStatus": row.status,
        "CallDuration": row.duration or "",
    }
    call = calls.call_of(session, params, began, switch=switch)
    if is_new:
        call.recovered_at = now
        _owe(session, call, now, switch)
    calls.status(session, params, max(began, min(row.end_time or now, now)), switch=switch)
    return is_new


def _owe(session: Session, call: tables.calls.Call, now: datetime, switch: Switch) -> None:
    tables.reaching.owe_call(
        session,
        request_id=call.request_id,
        call_id=call.id,
        number=call.answers.get("caller"),
        why=WHY,
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
