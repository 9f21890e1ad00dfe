"""Standard reports: whom they speak of, and whether it is for good. Pure (RFC 3464, RFC 3463)."""

import re
from dataclasses import dataclass

STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
"""An enhanced status code that is no part of an IP address or a version."""
REPLIED = re.compile(r"\b[45]\d\d[ -]{1,3}['\"(#]{0,3}([45]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
"""A status behind an SMTP reply code: the other server's own words, which say more than a summary before them."""
FIELD = re.compile(r"^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
ADDRESS = re.compile(r"[^\s<>;,\"'()]+@[^\s<>;,\"'()]+")
MOST_RECIPIENTS = 200
REACHED = ("delivered", "relayed", "expanded", "deliverable")
"""Actions that tell of no failure; what is neither these nor standard ("expired", "error") is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """One recipient a bounce speaks of; `status` is an enhanced status code (RFC 3463) or ""."""

    address: str
    status: str
    temporary: bool


def undelivered(report: str) -> tuple[Undelivered, ...]:
    """The recipients of a delivery status notification that were not reached."""
    found: dict[str, Undelivered] = {}
    for block in re.split(r"\n\s*\n", report.replace("\r\n", "\n"))[: MOST_RECIPIENTS + 1]:
        fields = {name.lower(): value.strip() for name, value in FIELD.findall(block)}
        action = fields.get("action", "failed").lower().split(" ")[0]
        address = _recipient(fields)
        if not address or action in REACHED:
            continue
        said = fields.get("diagnostic-code", "")
        code = better(*STATUS.findall(fields.get("status", "")), *REPLIED.findall(said), *STATUS.findall(said))
        temporary = action == "delayed" or code.startswith("4")
        found.setdefault(address.lower(), Undelivered(address=address, status=code, temporary=temporary))
    return tuple(found.values())


def tells(report: str) -> bool:
    """Whether a report names recipients at all, delivered to or not."""
    return "final-recipient:" in report.lower()


def better(*codes: str) -> str:
    """The code that says most: the first failure that is not just "other" (x.0.0, x.5.0); "" if there is none."""
    failures = [code for code in codes if code[0] in "45"]
    specific = [code for code in failures if not code.endswith(".0.0")]
    return next(iter(specific or failures), "")


def _recipient(fields: dict[str, str]) -> str:
    """The address we wrote to, where the report tells it, else the one that failed (RFC 3464 §2.3.1)."""
    for name in ("original-recipient", "final-recipient", "x-actual-recipient"):
        value = fields.get(name, "")
        match = ADDRESS.search(value.partition(";")[2] or value)
        if match:
            return match[0].removeprefix("RFC822:").strip(".")
    return ""
