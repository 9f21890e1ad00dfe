"""Bounces and other reports: whom they speak of, and whether it is for good. Pure (RFC 3464, RFC 5965, RFC 8098)."""

import re
from dataclasses import dataclass

STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
FIELD = re.compile(r"^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
ADDRESS = re.compile(r"[^\s<>;,\"']+@[^\s<>;,\"']+")
MOST_RECIPIENTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """One recipient a bounce speaks of; `status` is an enhanced status code (RFC 3463) or ""."""

    address: str
    status: str
    temporary: bool


def undelivered(report: str) -> tuple[Undelivered, ...]:
    """The recipients of a delivery status notification that were not reached."""
    found = []
    for block in re.split(r"\n\s*\n", report.replace("\r\n", "\n"))[:MOST_RECIPIENTS]:
        fields = {name.lower(): value.strip() for name, value in FIELD.findall(block)}
        recipient = fields.get("final-recipient") or fields.get("original-recipient") or ""
        address = ADDRESS.search(recipient.partition(";")[2] or recipient)
        action = fields.get("action", "failed").lower()
        if address is None or action in ("delivered", "relayed", "expanded"):
            continue
        status = STATUS.search(fields.get("status", "")) or STATUS.search(fields.get("diagnostic-code", ""))
        code = status[1] if status else ""
        temporary = action == "delayed" or code.startswith("4")
        found.append(Undelivered(address=address[0], status=code, temporary=temporary))
    return tuple(found)
