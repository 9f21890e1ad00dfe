"""Calls, those who were rung and those who are owed a call, as the API tells them. Pure.

Telephone numbers of colleagues, and where a receipt went, are for whoever works on requests: a viewer reads that
there was one.
"""

from collections.abc import Iterable

from console import calling
from console.api_shapes import Json, at, picked
from console.call_queries import CallLine
from console.record import CallRecord, Record
from models.tables import calls, reaching
from triage.desk.oncall import Duty, Planned, TierNow
from triage.desk.owed import Owed

LONGEST_NUMBER = 256
"""Signs of a caller's number as the network told it: whatever is longer is none, not even a SIP address."""
LEG = (
    "id",
    "round",
    "name",
    "ring_seconds",
    "state",
    "rung_at",
    "answered_at",
    "key_pressed",
    "taken_at",
    "bridged",
    "ended_at",
    "sip_code",
)
OWED = ("id", "why", "automatic", "due_at", "made_at", "made_by", "attempts", "done_at", "done_by", "outcome")


def calls_json(record: Record, *, works: bool) -> Json:
    """The calls of a request with everything about them, and what is owed to its callers."""
    found = [_call_json(each, works=works) for each in record.calls]
    return {
        "call": found[0] if found else None,
        "calls": found,
        "rung_elsewhere": [_leg_json(leg, works=works) for leg in record.legs_elsewhere],
        "owed_calls": [_owed_json(row, works=works) for row in record.owed],
    }


def call_line_json(line: CallLine, *, works: bool) -> Json:
    """A call in a list."""
    return {
        "id": str(line.id),
        "call_sid": line.call_sid,
        "from": line.from_number[:LONGEST_NUMBER],
        "to": line.to_number[:LONGEST_NUMBER],
        "status": line.status,
        "step": line.step,
        "started_at": at(line.started_at),
        "ended_at": at(line.ended_at),
        "duration_seconds": line.duration_seconds,
        "recovered_at": at(line.recovered_at),
        "account": line.account,
        "request": line.reference,
        "recordings": line.recordings,
        "missed": line.is_missed,
        "owed": line.is_owed,
        "seconds_to_human": line.seconds_to_human,
        "legs": [_leg_json(leg, works=works) for leg in line.legs],
    }


def owed_line_json(line: Owed, *, works: bool) -> Json:
    """A call that is owed, in the list of them all; `last` is how the last attempt ended."""
    names = ("id", "reference", "subject", "account", "why", "due_at", "automatic", "made_by", "attempts", "last")
    number = {"number": line.number if works else None}
    return picked(line, *names, "outcome") | number | {"request": str(line.request), "overdue": line.is_due}


def duty_json(duty: Duty, shifts: Iterable[Planned], *, works: bool) -> Json:
    """Who is on duty, who comes next, who stands in, and what is wrong with it."""
    cover = ("id", "tier", "label", "person", "name", "starts_at", "ends_at", "note", "made_by", "is_void")
    return {
        "zone": duty.zone,
        "tiers": [_tier_json(tier, works=works) for tier in duty.tiers],
        "upcoming": [_shift_json(shift) for shift in shifts],
        "covers": [picked(one, *cover) for one in duty.covers],
        "findings": [picked(one, "is_fine", "text") for one in duty.findings],
    }


def _tier_json(tier: TierNow, *, works: bool) -> Json:
    """A tier at this moment; numbers of colleagues are for whoever works on requests."""
    names = ("tier", "label", "takes", "ring", "ring_seconds", "policies", "is_open", "stands_in", "until")
    people = [
        {
            "id": one.id,
            "name": one.name,
            "has_number": bool(one.numbers),
            "numbers": list(one.numbers) if works else None,
        }
        for one in tier.people
    ]
    return picked(tier, *names) | {"people": people, "next": _shift_json(tier.next) if tier.next else None}


def _shift_json(shift: Planned) -> Json:
    return picked(shift, "tier", "label", "people", "stands_in", "start", "end")


def _call_json(each: CallRecord, *, works: bool) -> Json:
    call = each.call
    names = ("id", "call_sid", "status", "step", "started_at", "ended_at", "duration_seconds", "recovered_at")
    return picked(call, *names) | {
        "from": call.from_number[:LONGEST_NUMBER],
        "to": call.to_number[:LONGEST_NUMBER],
        "answers": calling.shown_answers(call.answers),
        "recognition": calling.recognition(call, each.mentioned),
        "confidence": each.confidence,
        "heard_badly": calling.heard_badly(each.confidence),
        "seconds_to_human": calling.seconds_to_human(call.started_at, each.legs),
        "legs": [_leg_json(leg, works=works) for leg in each.legs],
        "receipts": [_receipt_json(row, works=works) for row in each.receipts],
        "recordings": [_recording_json(row) for row in each.recordings],
        "events": [{"kind": row.kind, "received_at": at(row.received_at)} for row in each.events],
    }


def _recording_json(row: calls.Recording) -> Json:
    names = ("id", "recording_sid", "status", "duration_seconds", "transcript", "transcript_status", "media_type")
    return picked(row, *names, "digest", "fetched_at", "erased_at", "removed_at")


def _leg_json(leg: reaching.Leg, *, works: bool) -> Json:
    return picked(leg, *LEG) | {"number": leg.number if works else None, "rang_seconds": calling.rang(leg)}


def _receipt_json(row: reaching.CallReceipt, *, works: bool) -> Json:
    told = picked(row, "channel", "state", "created_at", "told_at")
    return told | {"recipient": row.recipient if works else None, "error": row.error if works else None}


def _owed_json(row: reaching.OwedCall, *, works: bool) -> Json:
    return picked(row, *OWED) | {"number": row.number if works else None}
