"""The words of the house as frozen values. Pure: no I/O, no clock, no framework."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Channel(StrEnum):
    """How a person approached us."""

    EMAIL = "email"
    PHONE = "phone"
    PORTAL = "portal"
    API = "api"


class TriageState(StrEnum):
    """Where a request stands on its way to a decision."""

    TO_CONFIRM = "to_confirm"
    DECIDED = "decided"


class Verdict(StrEnum):
    """What an engineer did with a suggestion."""

    CONFIRMED = "confirmed"
    CORRECTED = "corrected"
    UNDONE = "undone"


class Role(StrEnum):
    """What a signed-in person or an API token may do; each role includes the ones before it."""

    VIEWER = "viewer"
    ENGINEER = "engineer"
    LEAD = "lead"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether this role may do what the other may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class MailState(StrEnum):
    """What became of an accepted mail."""

    RECEIVED = "received"
    PROCESSED = "processed"
    UNPARSED = "unparsed"
    SWALLOWED = "swallowed"
    """A bounce of one of our replies: counted there, no request of its own."""


class OutgoingState(StrEnum):
    """What became of a reply; *uncertain* is shown and never resent by itself (RFC 1047)."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    CAPTURED = "captured"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    DROPPED = "dropped"
    BOUNCED = "bounced"


class Joined(StrEnum):
    """What told that a mail belongs to a request that was there before."""

    REPLY_ID = "reply-id"
    REPLY_ADDRESS = "reply-address"
    THREAD = "thread"
    SUBJECT = "subject"


class Autoreply(StrEnum):
    """Whether redirected senders are told: on, decided and recorded but not sent, or off."""

    ON = "on"
    DRY_RUN = "dry-run"
    OFF = "off"

    def at_most(self, other: "Autoreply") -> "Autoreply":
        """The more restrained of the two."""
        order = list(Autoreply)
        return max(self, other, key=order.index)


class JobState(StrEnum):
    """Where a piece of work for later stands; *parked* jobs wait for a person."""

    WAITING = "waiting"
    DONE = "done"
    PARKED = "parked"


class JobKind(StrEnum):
    """Every kind of work that is done outside the edge that asked for it."""

    MAIL_PROCESS = "mail.process"
    MAIL_SEND = "mail.send"
    REQUEST_SUGGEST = "request.suggest"
    RECORDING_FETCH = "recording.fetch"
    NOTICE_SEND = "notice.send"
    CALLBACK_PLACE = "callback.place"
    RECORDING_REMOVE = "recording.remove"
    RECEIPT_SEND = "receipt.send"


class PartyKind(StrEnum):
    """What kind of key identifies a party."""

    ADDRESS = "address"
    NUMBER = "number"


class Visibility(StrEnum):
    """Who of the customer's people may see a request: whoever raised it, or the whole account."""

    PRIVATE = "private"
    GROUP = "group"


class StepState(StrEnum):
    """What became of one step of an escalation."""

    WAITING = "waiting"
    TOLD = "told"
    NOBODY = "nobody"
    """The house has no address or number for whom the step names."""
    FAILED = "failed"


class CallbackOutcome(StrEnum):
    """How an attempt to reach a customer by telephone ended; a machine that answers is nobody."""

    PLACED = "placed"
    ANSWERED = "answered"
    NO_ANSWER = "no-answer"
    BUSY = "busy"
    MACHINE = "machine"
    FAILED = "failed"


class ArtefactState(StrEnum):
    """Where a trained classifier stands in the registry."""

    CANDIDATE = "candidate"
    RUNNING = "running"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """An address or number, known or not; `value` is the comparable key, `shown` what was written."""

    kind: PartyKind
    value: str
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What SMTP said about a mail (RFC 5321 §2.3.1); `mail_from` is empty for the null return path."""

    mail_from: str
    rcpt_to: tuple[str, ...]
    peer: str
    helo: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing a rule may ask. `value` is "yes", "no" or a named value ("production").

    An unknown fact is absent. `span` is the half-open character range of `evidence` in the text
    the fact was read from; `source` says who stated it ("text", "caller", "engineer", "account").
    """

    name: str
    value: str
    source: str
    evidence: str = ""
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """One approach by one person on one channel: the value in which both doors meet.

    `source` is unique per approach ("mail:<uuid>", "call:<CallSid>:problem"): received twice, it
    counts once. `clock_started_at` is the UTC second the SLA clock starts, or None where the
    channel starts none (redirected mail). `request` names a request this belongs to, if known.
    `fields` are the policy's form fields as the person filled them in, by field name. `confidence` is how sure
    speech recognition was of the text (0 to 1), None where nobody transcribed.
    """

    source: str
    channel: Channel
    received_at: datetime
    subject: str = ""
    text: str = ""
    new_text: str = ""
    language: str | None = None
    party: Party | None = None
    name: str = ""
    account_hint: str = ""
    facts: tuple[Fact, ...] = ()
    request: UUID | None = None
    clock_started_at: datetime | None = None
    note: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the desk answers a door: which request, and what the person may be told."""

    request: UUID
    reference: str
    opened: bool
    policy: str
    policy_name: str
    sla_channels: tuple[str, ...]
    support_phone: str
    looks_urgent: bool = False
    party_known: bool = False
    is_trusted: bool = False
    """Whether the party was recognised by something of their own: a number or address on file, or a PIN."""
    decided: bool = False
    policy_ref: str = ""
    policy_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question that must be answered with a step, and why it is asked."""

    name: str
    ask: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientStep:
    """A step of the workflow that the customer may take themselves, with what must be told."""

    id: str
    label: str
    to: str
    asks: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientView:
    """What a customer is told of where a request stands: status in words, and the steps that are theirs to take."""

    status: str
    label: str
    definition: str
    stage: str
    over: bool
    steps: tuple[ClientStep, ...] = ()
    expected: str = ""
    """When a service may be expected, in words; empty where nothing is estimated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody to be told of an escalation: `value` is an address or a number, as the channel needs."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """A label with its calibrated probability and everybody else's (each sums to 1)."""

    value: str
    label: str
    probability: float
    all: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """What one policy rule said: `verdict` is "applied", "not met" or "unknown"."""

    id: str
    clause: str
    verdict: str
    effect: str | None = None
    needs: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """The machine's proposal; it touches no customer and sets nothing."""

    policy: str
    policy_digest: str
    abstained: bool
    abstained_because: str | None
    type: Ranking | None
    priority: Ranking | None
    priority_model: str | None
    priority_rule: str | None
    set90: tuple[str, ...]
    facts: tuple[Fact, ...]
    rules: tuple[RuleResult, ...]
    words: tuple[tuple[str, float], ...]
    would_change: tuple[dict[str, str], ...]
    model: str | None
    language: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A slug and the words a person reads for it."""

    value: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledRequest:
    """A text with the labels an engineer or an author gave it: what training reads."""

    id: str
    policy: str
    channel: Channel
    subject: str
    body: str
    type: str | None
    priority: str | None
    facts: dict[str, str] = field(default_factory=dict)
    weight: float = 1.0
