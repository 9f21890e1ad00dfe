"""A call as an engineer reads it: who called, what was answered at which step, who was rung and what came of it. Pure.

Rows of calls, legs and owed calls become sentences; numbers stay numbers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from console import wording
from models.calling import LegState, Recognition
from models.tables.calls import Call, CallEvent, Recording
from models.tables.reaching import CallReceipt, Leg
from models.terms import OutgoingState
from triage.desk.suggesting import LEAST_CONFIDENCE

LONGEST = timedelta(hours=4)
"""How long a call whose end nobody told may be on the line; `<Dial>` ends one by itself after that long
(https://www.twilio.com/docs/voice/twiml/dial#timelimit)."""
TOLD = "receipt"
"""The step at which a caller has told us everything and heard the reference (`voice.menu`)."""
CODED = frozenset({"account", "account_check"})
"""Steps at which a PIN may be keyed: what was keyed there is shown by its end only."""
EVENTS = {"inbound": "the call came in", "ring": "telephones of ours begin to ring"}
"""What some webhooks mean, by their kind."""
MAYBE = "maybe known: "
"""How the note begins that somebody of an account has mentioned the caller's number."""

LEGS = {
    LegState.RINGING: "is ringing",
    LegState.ANSWERED: "picked up, hears what it is about",
    LegState.TAKEN: "took the call",
    LegState.PASSED: "passed it on",
    LegState.SILENT: "picked up, no key pressed",
    LegState.NO_ANSWER: "nobody answered",
    LegState.BUSY: "was busy",
    LegState.FAILED: "could not be rung",
    LegState.CANCELED: "stopped ringing",
}
"""What became of a telephone of ours, as its line says it."""
LEG_TONES = {LegState.TAKEN: "good", LegState.RINGING: "warn", LegState.ANSWERED: "warn", LegState.FAILED: "bad"}
SIP = {
    404: "no such number",
    408: "timed out",
    480: "switched off or out of reach",
    484: "number incomplete",
    486: "busy",
    487: "hung up before it was answered",
    503: "network not available",
    600: "busy everywhere",
    603: "declined",
}
"""SIP codes as people say them (RFC 3261 §21; 603: RFC 8197 §1)."""
RECEIPTS = {"sms": "SMS", "mail": "Mail"}
SENT = {
    OutgoingState.PENDING: "waits to be sent",
    OutgoingState.SENDING: "is being sent",
    OutgoingState.SENT: "sent",
    OutgoingState.CAPTURED: "captured here, not sent",
    OutgoingState.FAILED: "could not be sent",
    OutgoingState.UNCERTAIN: "uncertain: may have been sent, is not sent again",
    OutgoingState.DROPPED: "dropped before it was sent",
    OutgoingState.BOUNCED: "came back",
}
OUTCOME_TONES = {OutgoingState.SENT: "good", OutgoingState.FAILED: "bad", OutgoingState.BOUNCED: "bad"}
SETTLED = (
    ("spoken", "spoke to them"),
    ("called-in", "they called again themselves"),
    ("not-needed", "not needed any more"),
    ("otherwise", "not reached by telephone, told another way"),
)
"""How a call that was owed is done with: what is kept, and what people read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """How well the caller was recognised: `tone` colours the tag, `words` stand in it, `hint` says how it is known."""

    tone: str
    words: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactPhone:
    """The number to call back at, as the call left it; `is_warning` where there is none to rely on."""

    number: str
    words: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing that happened in a call: seconds since it came in, at which step, and what the caller did there."""

    at: datetime
    after: int
    step: str
    words: str
    quote: str = ""
    confidence: float | None = None


def seconds_to_human(started: datetime, legs: Iterable[Leg]) -> int | None:
    """Seconds from the first ring until somebody had pressed the key and was connected; None where nobody was.

    A key without a bridge is no conversation, and neither is a machine that picked up.
    """
    taken = [leg.taken_at for leg in legs if leg.taken_at is not None and leg.bridged]
    return max(0, int((min(taken) - started).total_seconds())) if taken else None


def is_live(call: Any, now: datetime) -> bool:
    """Whether a caller is on the line now; one whose end was never told counts for `LONGEST` only."""
    return call.ended_at is None and now - call.started_at < LONGEST


def on_the_line(legs: Iterable[Leg]) -> list[Leg]:
    """The telephones of ours that ring now, or are held by somebody who decides."""
    return [leg for leg in legs if leg.state in {LegState.RINGING, LegState.ANSWERED}]


def rang(leg: Leg) -> int | None:
    """For how many seconds a telephone rang: until it was picked up, else until it stopped; None while it rings."""
    until = leg.answered_at or leg.ended_at
    return max(0, int((until - leg.rung_at).total_seconds())) if until else None


def ended(leg: Leg) -> str:
    """How it ended on the network, in words: `SIP 480, switched off or out of reach`; empty where nothing is known."""
    if leg.sip_code is None:
        return ""
    known = SIP.get(leg.sip_code)
    return f"SIP {leg.sip_code}, {known}" if known else f"SIP {leg.sip_code}"


def bridged(leg: Leg) -> str:
    """Whether the two spoke: `connected`, `not connected`, or nothing where no key was pressed."""
    if leg.taken_at is None:
        return ""
    return {True: "connected", False: "not connected: the caller had gone", None: "being connected"}[leg.bridged]


def step(name: str) -> str:
    """A step of the menu as people say it."""
    return wording.plain(wording.cut(name)).lower()


def left(name: str) -> str:
    """How a call that reached nobody ended, by the step it stood at: at a receipt the caller has heard everything."""
    return "nobody was reached" if name == TOLD else f"left at “{step(name)}”"


def caller(call: Call, *, mentioned: str, contact: str, account: str) -> Caller:
    """How the caller was recognised: by a number or PIN of their own, by hearsay (`mentioned` says whose), or not."""
    answers = call.answers
    who = ", ".join(filter(None, (contact, account)))
    if answers.get("pin_ok") == "yes":
        return Caller(tone="good", words=f"known: {account or who}", hint="by the PIN of the account")
    if answers.get("account_confirmed") == "yes" and account:
        return Caller(tone="good", words=f"known: {account}", hint="by the account number they keyed and confirmed")
    if answers.get("known") == "yes":
        return Caller(tone="good", words=f"known: {who}" if who else "known", hint="by the number they called from")
    if mentioned:
        return Caller(tone="warn", words="maybe known", hint=mentioned.removeprefix(MAYBE))
    return Caller(tone="warn", words="unknown caller", hint="nobody has this number, and no account was confirmed")


def recognition(call: Call, mentioned: str) -> Recognition:
    """How well the caller is known: by something of their own, by hearsay, or not at all."""
    if call.answers.get("known") == "yes":
        return Recognition.KNOWN
    return Recognition.MAYBE if mentioned else Recognition.UNKNOWN


def contact_phone(call: Call) -> ContactPhone:
    """The number a caller can be called back at, with how it was confirmed; a withheld one is no number."""
    number = str(call.answers.get("phone") or "")
    how = call.answers.get("phone_confirmed")
    withheld = not call.answers.get("caller")
    if number and how == "yes":
        own = number == call.answers.get("caller")
        return ContactPhone(number=number, words="their own number, confirmed by key" if own else "keyed and confirmed")
    if number and how == "keyed":
        return ContactPhone(number=number, words="keyed, not confirmed")
    if number:
        return ContactPhone(number=number, words="not confirmed", is_warning=True)
    if withheld:
        return ContactPhone(number="", words="number withheld, none left: nobody can call them back", is_warning=True)
    caller_ = str(call.answers["caller"])
    return ContactPhone(
        number="",
        words=f"none left; they called from {wording.cut(caller_)}, which they did not confirm",
        is_warning=True,
    )


def consent(call: Call) -> str:
    """Whether a recording was agreed to: empty where it was never asked."""
    said = str(call.answers.get("consent") or "")
    return {"yes": "agreed", "no": "refused: nothing is recorded"}.get(
        said, wording.plain(said).lower() if said else ""
    )


def story(call: Call, events: Iterable[CallEvent]) -> tuple[Said, ...]:
    """What happened in a call, in the order it came in: each answer at its step, and what the network told."""
    # What an answer set off is noted with it, at the same moment.
    ordered = sorted(events, key=lambda event: (event.received_at, event.kind == "ring"))
    return tuple(_said(call, event) for event in ordered)


def heard_badly(confidence: float | None) -> bool:
    """Whether speech recognition was so unsure that the words lower no priority."""
    return confidence is not None and confidence < LEAST_CONFIDENCE


def kept(recording: Recording) -> str:
    """Where a recording is: here, gone here, gone at Twilio as well, or not fetched yet."""
    if recording.erased_at and recording.removed_at:
        return "The sound was erased here and at Twilio, as the operator keeps recordings only for a time."
    if recording.erased_at:
        return "The sound was erased here, as the operator keeps recordings only for a time."
    if recording.removed_at:
        return "Kept here only: deleted at Twilio."
    return ""


def receipt(row: CallReceipt) -> str:
    """What became of a reference sent in writing."""
    return SENT[row.state]


def place(seconds: int) -> str:
    """A moment in a call: `0:04`, `12:30`."""
    return f"{seconds // 60}:{seconds % 60:02}"


def shown_answers(answers: Mapping[str, Any]) -> dict[str, Any]:
    """What the caller told the menu; what may be a PIN, by its end only."""
    code = str(answers.get("account") or "")
    return {**answers, "account": _end(code)} if code and not is_number(answers) else dict(answers)


def is_number(answers: Mapping[str, Any]) -> bool:
    """Whether what was keyed for the account is its number, which is no secret, as a PIN is."""
    return answers.get("account_confirmed") == "yes" and answers.get("pin_ok") != "yes"


def _end(code: str) -> str:
    """How digits end that may be a PIN; what the call has shortened already stays as it is."""
    return f"ending in {code[-2:]}" if code.isdecimal() else code


def _said(call: Call, event: CallEvent) -> Said:
    after = max(0, int((event.received_at - call.started_at).total_seconds()))
    told = event.params
    if event.kind != "turn":
        return Said(at=event.received_at, after=after, step=wording.plain(event.kind).lower(), words=_network(event))
    name = _step_of(event.key)
    words, quote = _did(name, told)
    return Said(
        at=event.received_at,
        after=after,
        step=step(name),
        words=words,
        quote=quote,
        confidence=_share(told.get("Confidence")) if quote else None,
    )


def _step_of(key: str) -> str:
    """The step a turn answered: its key is `CallSid:turn:step:attempt`."""
    parts = key.split(":")
    return parts[2] if len(parts) > 2 else ""  # noqa: PLR2004 - the third part


def _did(name: str, told: Mapping[str, Any]) -> tuple[str, str]:
    """What the caller did at a step, and what they said there."""
    digits, speech = str(told.get("Digits") or ""), str(told.get("SpeechResult") or "").strip()
    if digits == "hangup":
        return "hung up", ""
    if name in CODED and len(digits or speech) > 1:
        return f"gave a number {_end(digits or speech)}", ""
    if digits:
        return f"pressed {wording.cut(digits)}", ""
    if speech:
        return "said", speech
    if "Digits" in told and told.get("FinishedOnKey"):
        return "pressed the hash key alone", ""
    return ("left a recording", "") if told.get("RecordingSid") or told.get("RecordingUrl") else ("said nothing", "")


def _network(event: CallEvent) -> str:
    told = event.params
    if event.kind in EVENTS:
        return EVENTS[event.kind]
    for name in ("CallStatus", "RecordingStatus", "TranscriptionStatus", "DialCallStatus"):
        if event.kind in name.lower() and told.get(name):
            return wording.plain(wording.cut(told[name])).lower()
    return wording.plain(wording.cut(told.get("CallStatus") or "")).lower()


def _share(told: Any) -> float | None:
    try:
        share = float(told)
    except (TypeError, ValueError):
        return None
    return share if 0 <= share <= 1 else None
