"""A parsed mail in the shape that scripts read: one JSON object with every key present. Pure."""

from typing import Any

from intake.addresses import Mailbox, deliverable
from intake.reading.message import ParsedMessage
from intake.replies.screening import CHECKS, Case, Suppression, verdict

SENT_BY_MACHINE = {
    "auto-submitted": "auto-reply",
    "null-sender": "other",
    "list": "list",
    "bulk": "list",
    "out-of-office": "auto-reply",
    "machine-sender": "other",
    "calendar": "calendar",
    "loop": "other",
    "asked-not-to": "other",
    "report": "other",
}


def as_json(message: ParsedMessage, file: str, *, case: Case, silence: Suppression | None) -> dict[str, Any]:
    """The contract's `parse` line; `silence` is what screening said of the mail."""
    kind = automatic_kind(case)
    to = None if silence else deliverable(case.envelope.mail_from)
    sending = silence is None and to is not None
    return {
        "file": file,
        "subject": message.subject,
        "from": _box(message.sender),
        "sender_of_record": to,
        "to": [box.address for box in message.to],
        "cc": [box.address for box in message.cc],
        "reply_to": [box.address for box in message.reply_to],
        "message_id": message.message_id or None,
        "in_reply_to": message.in_reply_to or None,
        "references": list(message.references),
        "date": message.date.isoformat() if message.date else None,
        "text": message.text,
        "html_text": message.html_text,
        "new_text": message.new_text,
        "signature": message.signature,
        "attachments": [
            {"name": each.name, "content_type": each.content_type, "size": each.size, "inline": each.inline}
            for each in message.attachments
        ],
        "language": message.language,
        "language_probability": message.language_probability,
        "automatic": kind is not None,
        "automatic_kind": kind,
        "spam": message.spam,
        "authentication": verdict(case).result,
        "bounce": _bounce(message),
        "forward": _forward(message),
        "tnef": [{"name": each.name, "size": each.size} for each in message.tnef],
        "crypto": message.crypto,
        "reply": {
            "send": sending,
            "to": to if sending else None,
            "reason": silence.reason if silence else None,
            "evidence": silence.evidence if silence else None,
            "clause": silence.clause if silence else None,
        },
        "repairs": [
            {"what": each.what, "declared": each.declared, "used": each.used, "bytes_lost": each.bytes_lost}
            for each in message.repairs
        ],
        "defects": list(message.defects),
    }


def automatic_kind(case: Case) -> str | None:
    """What kind of machine wrote this mail; None for a person."""
    kinds = set(case.message.types)
    if "message/feedback-report" in kinds:
        return "feedback-report"
    if "message/disposition-notification" in kinds:
        return "receipt"
    if case.message.bounced:
        return "bounce"
    for check in CHECKS:
        found = check(case)
        if found is not None and found.reason in SENT_BY_MACHINE:
            return SENT_BY_MACHINE[found.reason]
    return None


def _box(box: Mailbox | None) -> dict[str, str] | None:
    return {"name": box.name, "address": box.address} if box else None


def _bounce(message: ParsedMessage) -> dict[str, Any] | None:
    if not message.bounce:
        return None
    return {
        "recipients": [
            {"address": each.address, "status": each.status, "temporary": each.temporary} for each in message.bounce
        ]
    }


def _forward(message: ParsedMessage) -> dict[str, Any] | None:
    inner = message.forwarded
    if inner is None:
        return None
    return {"from": _box(inner.sender), "subject": inner.subject, "text": inner.text, "comment": inner.comment}
