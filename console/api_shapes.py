"""Rows to the JSON of the API: one shape for a request wherever it appears. Pure."""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from console.queries import Brief, Suggested
from console.record import Record, Reply
from console.rendering import iso
from models.tables import mail, requests

Json = dict[str, Any]
WORDS = frozenset({"given", "text", "fields", "questions"})
"""The parts of a log entry's detail that hold what somebody wrote."""


def at(moment: datetime | None) -> str | None:
    """An instant in ISO 8601, UTC, or null."""
    return iso(moment) if moment else None


def picked(thing: object, *names: str) -> Json:
    """These attributes under their own names, as JSON writes them: instants in UTC, enums as their values."""
    return {name: _plain(getattr(thing, name)) for name in names}


def _plain(value: object) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Iterable) and not isinstance(value, str | dict):
        return [_plain(each) for each in value]
    return value


def brief_json(brief: Brief) -> Json:
    """A request in a list."""
    return {
        "id": str(brief.id),
        "reference": brief.reference,
        "channel": brief.channel.value,
        "subject": brief.subject,
        "policy": brief.policy,
        "state": brief.state.value,
        "version": brief.version,
        "account": brief.account,
        "contact": brief.contact,
        "party": brief.party,
        "party_name": brief.party_name,
        "language": brief.language,
        "folded_into": brief.folded_into,
        "reports": brief.reports,
        "received_at": at(brief.received_at),
        "clock_started_at": at(brief.clock_started_at),
        "suggestion": _suggested_json(brief.suggestion),
        "decided": _decided(brief.decided_type, brief.decided_priority, brief.decided_at),
    }


def record_json(record: Record, brief: Brief, *, works: bool) -> Json:
    """A request with everything that hangs off it: the list's keys and the histories, oldest first.

    What engineers write for each other may hold numbers and addresses: it is for whoever `works` on requests.
    """
    suggestion = record.suggestion
    return brief_json(brief) | {
        "suggestion": suggestion.content | {"made_at": at(suggestion.created_at)} if suggestion else None,
        "interactions": [_interaction_json(row) for row in record.interactions],
        "messages": [_mail_json(row) for row in record.mails],
        "decisions": [_decision_json(row) for row in record.decisions],
        "log": [_log_json(row, works=works) for row in record.clocks],
        "replies": [_reply_json(row) for row in record.replies],
    }


def _suggested_json(suggestion: Suggested | None) -> Json | None:
    if suggestion is None:
        return None
    return {
        "policy": suggestion.policy,
        "abstained": suggestion.abstained,
        "type": suggestion.type,
        "priority": suggestion.priority,
        "model": suggestion.model,
        "made_at": at(suggestion.at),
    }


def _decided(kind: str | None, priority: str | None, moment: datetime | None) -> Json | None:
    return {"type": kind, "priority": priority, "at": at(moment)} if moment else None


def _interaction_json(row: requests.Interaction) -> Json:
    return {
        "id": str(row.id),
        "source": row.source,
        "channel": row.channel.value,
        "party": row.party,
        "subject": row.subject,
        "text": row.text,
        "new_text": row.new_text,
        "language": row.language,
        "note": row.note,
        "facts": row.facts,
        "confidence": row.confidence,
        "received_at": at(row.received_at),
    }


def _mail_json(row: mail.Mail) -> Json:
    reason = {"reason": row.suppression, "evidence": row.suppression_evidence, "clause": row.suppression_clause}
    return {
        "id": str(row.id),
        "message_id": row.message_id,
        "mail_from": row.mail_from,
        "rcpt_to": row.rcpt_to,
        "size": row.size,
        "state": row.state.value,
        "received_at": at(row.received_at),
        "suppression": reason if row.suppression else None,
    }


def _decision_json(row: requests.Decision) -> Json:
    return {
        "verdict": row.verdict.value,
        "type": row.type,
        "priority": row.priority,
        "reason": row.reason,
        "by": row.decided_by,
        "at": at(row.decided_at),
        "version": row.version,
        "policy": row.policy or None,
        "policy_digest": row.policy_digest or None,
        "rule": row.rule,
    }


def _log_json(row: requests.ClockEvent, *, works: bool) -> Json:
    """One entry of the log, of which clocks, ladders and nudges are computed."""
    told = picked(row, "event", "source", "at", "value", "until", "note", "made_by", "detail", "is_public")
    if works or row.is_public or not row.made_by:
        return told
    return told | {"note": None, "detail": {name: each for name, each in row.detail.items() if name not in WORDS}}


def _reply_json(row: Reply) -> Json:
    return {
        "id": str(row.id),
        "to": row.recipient,
        "message_id": row.message_id,
        "state": row.state.value,
        "attempts": row.attempts,
        "error": row.error,
        "created_at": at(row.created_at),
        "sent_at": at(row.sent_at),
        "policy": row.policy or None,
        "policy_digest": row.policy_digest or None,
    }
