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
    nothing is promised. `receipts` are the ways a written receipt may go ("sms", "mail").
    """

    looks_urgent: bool
    needs_phone: bool
    consent: Consent
    receipts: tuple[str, ...]
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
