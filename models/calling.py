"""The words of the telephone as frozen values: callers, who is rung for them, rehearsals. Pure, as `models.terms`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class LegState(StrEnum):
    """What became of a telephone of ours that was rung for a caller; only a pressed key takes a call."""

    RINGING = "ringing"
    ANSWERED = "answered"
    """Somebody or something picked up and hears what it is about."""
    TAKEN = "taken"
    PASSED = "passed"
    SILENT = "silent"
    """It was picked up and no key was pressed: a machine, or nobody who could."""
    NO_ANSWER = "no-answer"
    BUSY = "busy"
    FAILED = "failed"
    CANCELED = "canceled"
    """It stopped ringing because somebody else picked up, or the caller hung up."""


class Recognition(StrEnum):
    """How well a caller is known: by number or PIN, by a number mentioned somewhere, or not at all."""

    KNOWN = "known"
    MAYBE = "maybe"
    UNKNOWN = "unknown"


class Consent(StrEnum):
    """How a caller's consent to a recording is come by: asked for, announced, or nothing is ever recorded."""

    ASK = "ask"
    ANNOUNCE = "announce"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerId:
    """Whose number calls: known, maybe (mentioned by somebody of `account`), or unknown; `name` where there is one."""

    recognition: Recognition
    name: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRequest:
    """A top-priority request of the caller's account that is under way; `update` is the last the customer was told."""

    request: UUID
    reference: str
    level: str
    update: str = ""
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTerms:
    """What policy and suggestion say of a caller's request by now.

    `looks_urgent`: the level decided, else suggested, is one of the policy's top ones that burn. `needs_phone`: its
    policy requires a contact phone for it. `response_due` is when a person must answer at the latest, None where
    nothing is promised.
    """

    looks_urgent: bool
    needs_phone: bool
    response_due: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDuty:
    """A telephone to ring for a caller: those of one `round` ring at once, the rounds one after the other."""

    name: str
    number: str
    ring_seconds: int
    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """One turn of a rehearsed call: what the caller hears, and the keys they press then."""

    step: str
    heard: tuple[str, ...]
    pressed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: whether it is in order, what it is, and what to do about it."""

    is_fine: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """A top-priority call played against the live configuration without ringing anybody."""

    at: datetime
    turns: tuple[Rehearsed, ...]
    rings: tuple[OnDuty, ...]
    findings: tuple[Finding, ...]
