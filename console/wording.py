"""How the console says things: groups, bars, marked text, folded quotes. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from console.queries import Brief
from console.timing import SOON, Next
from models.terms import (
    Autoreply,
    CallbackOutcome,
    Channel,
    Joined,
    OutgoingState,
    StepState,
    TriageState,
    Verdict,
    Visibility,
)
from triage.identity import WITHHELD_NUMBERS
from triage.policy import Effect, Policy

LONGEST_WORD = 40
CHANNELS = {Channel.EMAIL: "E-mail", Channel.PHONE: "Phone", Channel.PORTAL: "Portal", Channel.API: "API"}
STATES = {TriageState.TO_CONFIRM: "to confirm", TriageState.DECIDED: "decided"}
VERDICTS = {Verdict.CONFIRMED: "confirmed", Verdict.CORRECTED: "corrected", Verdict.UNDONE: "took back the decision"}
REPLIES = {
    OutgoingState.PENDING: "waiting to be sent",
    OutgoingState.SENDING: "being sent",
    OutgoingState.SENT: "sent",
    OutgoingState.CAPTURED: "captured here, not sent",
    OutgoingState.FAILED: "refused by the mail server",
    OutgoingState.UNCERTAIN: "uncertain: may have been sent, is not sent again",
    OutgoingState.DROPPED: "dropped before it was sent",
    OutgoingState.BOUNCED: "came back: it could not be delivered",
}
JOINED = {
    Joined.REPLY_ID: "answers our reply",
    Joined.REPLY_ADDRESS: "was sent to our reply address",
    Joined.THREAD: "answers a mail of this request",
    Joined.SUBJECT: "names the reference in its subject",
}
AUTOREPLY = {
    Autoreply.ON: "Senders are answered",
    Autoreply.DRY_RUN: "Dry run: replies are decided and recorded, none is sent",
    Autoreply.OFF: "Nobody is answered",
}
ANSWERS = {
    "problem": "Problem",
    "down": "Production down",
    "account": "Account number",
}
"""What the caller told the menu and an engineer wants to read, in this order."""
VERDICT_SIGNS = {"applied": ("✓", "applied"), "not met": ("–", "not met"), "unknown": ("?", "not known")}
SPEAKERS = {"text": "text", "caller": "phone", "call log": "phone", "account": "account", "engineer": "person"}
"""Who states a fact, to its picture."""
OUTCOMES = {
    CallbackOutcome.PLACED: "being called",
    CallbackOutcome.ANSWERED: "answered",
    CallbackOutcome.NO_ANSWER: "nobody answered",
    CallbackOutcome.BUSY: "busy",
    CallbackOutcome.MACHINE: "a machine answered",
    CallbackOutcome.FAILED: "the call failed",
}
STEPS = {
    StepState.WAITING: "being told",
    StepState.TOLD: "told",
    StepState.NOBODY: "nobody is known for this step",
    StepState.FAILED: "could not be told",
}
VISIBLE = {Visibility.PRIVATE: "private: whoever raised it", Visibility.GROUP: "shared with the group"}
SEVERITIES = 4
MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A heading of the queue and its lines, oldest first."""

    name: str
    briefs: tuple[Brief, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One label with its probability (0 to 1); `severity` colours a level, 0 being the most severe."""

    value: str
    label: str
    probability: float
    severity: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A run of text; `kind` is "evidence", "for", "against" or empty."""

    text: str
    kind: str = ""


GROUPS = (
    "Late",
    "Due within the hour",
    "Looks most severe, no target",
    "Later",
    "No target yet",
    "Wrote again after the decision",
)
"""The headings of the queue. What looks most severe is never at the bottom, even where no target is set for it."""


def grouped(
    briefs: Iterable[Brief], policies: Mapping[str, Policy], nexts: Mapping[UUID, Next], now: datetime
) -> list[Group]:
    """The queue under its headings, the next target first; where there is none, the longest wait first."""
    found: dict[str, list[Brief]] = {name: [] for name in GROUPS}
    for brief in briefs:
        found[_group(brief, policies, nexts.get(brief.id), now)].append(brief)

    def order(brief: Brief) -> tuple[int, datetime]:
        after = nexts.get(brief.id)
        started = brief.clock_started_at or brief.received_at
        if after and after.due:
            return 0, after.due
        return (1 if brief.clock_started_at else 2), started

    return [Group(name=name, briefs=tuple(sorted(rows, key=order))) for name, rows in found.items() if rows]


def _group(brief: Brief, policies: Mapping[str, Policy], after: Next | None, now: datetime) -> str:
    late, soon, severe, later, still, again = GROUPS
    if after is not None and after.due is not None:
        if after.tone == "late" or after.due <= now:
            return late
        if after.due - now <= SOON:
            return soon
        return again if brief.follow_up_at else later
    if brief.follow_up_at:
        return again
    return severe if severity(policies.get(brief.policy), suggested_level(brief)) == 0 else still


def suggested_level(brief: Brief) -> str | None:
    """The suggested level, None while there is none or the suggestion abstained from one."""
    return brief.suggestion.priority["value"] if brief.suggestion and brief.suggestion.priority else None


def severity(policy: Policy | None, level: str | None) -> int | None:
    """The level's place in its policy, 0 the most severe, capped for colours; None where it is not known."""
    values = [each.value for each in policy.levels] if policy else []
    return min(values.index(level), SEVERITIES - 1) if level in values else None


def bars(ranking: Mapping[str, Any] | None, labels: Mapping[str, str], policy: Policy | None) -> list[Bar]:
    """Every label with its probability: levels in the policy's order, types by probability."""
    if not ranking or not ranking.get("value"):
        return []
    everything = ranking.get("all") or {ranking["value"]: ranking["probability"]}
    found = [
        Bar(value=value, label=labels.get(value, value), probability=float(share), severity=severity(policy, value))
        for value, share in everything.items()
    ]
    order = list(labels)
    if policy is not None:
        return sorted(found, key=lambda bar: order.index(bar.value) if bar.value in order else len(order))
    return sorted(found, key=lambda bar: -bar.probability)


def level_labels(policy: Policy | None) -> dict[str, str]:
    """Level to the words people read for it, most severe first."""
    return {each.value: each.label for each in policy.levels} if policy else {}


def type_labels(policy: Policy | None) -> dict[str, str]:
    """Type to the words people read for it."""
    return {each.value: each.label for each in policy.types} if policy else {}


def marked(text: str, content: Mapping[str, Any] | None) -> list[Piece]:
    """The text in runs: what a fact was read from, and the words that spoke for or against the suggestion."""
    kinds = _kinds(content or {})
    if not kinds:
        return [Piece(text=text)]
    longest_first = sorted(kinds, key=len, reverse=True)
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in longest_first), re.IGNORECASE)
    pieces, end = [], 0
    for match in pattern.finditer(text):
        if match.start() > end:
            pieces.append(Piece(text=text[end : match.start()]))
        pieces.append(Piece(text=match[0], kind=kinds[match[0].lower()]))
        end = match.end()
    return [*pieces, Piece(text=text[end:])] if end < len(text) else pieces


def _kinds(content: Mapping[str, Any]) -> dict[str, str]:
    kinds = {}
    for word in content.get("words") or []:
        kinds[str(word["text"]).lower()] = "for" if word["weight"] > 0 else "against"
    for fact in (content.get("facts") or {}).values():
        if evidence := (fact.get("evidence") or "").strip():
            kinds[evidence.lower()] = "evidence"
    return {word: kind for word, kind in kinds.items() if word.strip()}


def folded(text: str, new_text: str) -> str:
    """What is folded away under the newly written text: quoted history and signature; never cut, only folded."""
    new = new_text.strip()
    if not new or not text.strip():
        return text.strip() if not new else ""
    if found := re.search(rf"(?<!\S){re.escape(new)}(?!\S)", text):  # whole words: none is cut in two
        before, after = text[: found.start()], text[found.end() :]
        return "\n\n".join(part.strip() for part in (before, after) if part.strip())
    return "" if text.split() == new.split() else text.strip()


def lines(text: str) -> str:
    """How long a folded text is: `1 line`, `34 lines`."""
    count = len(text.splitlines())
    return "1 line" if count == 1 else f"{count} lines"


def caller(number: str) -> str:
    """Who calls, by number; nothing where it is withheld: what Twilio shows then is nobody's number."""
    return "" if number in WITHHELD_NUMBERS else cut(number)


def cut(text: object, most: int = LONGEST_WORD) -> str:
    """What somebody sent as one word, such as a number, as far as a page has room for it; what is cut ends in `…`."""
    whole = str(text)
    return whole if len(whole) <= most else f"{whole[: most - 1]}…"


def plain(slug: str) -> str:
    """A slug as words: `workaround-available` → `Workaround available`."""
    words = re.sub(r"[-_.]+", " ", slug).strip()
    return words[:1].upper() + words[1:]


def either(values: list[str]) -> str:
    """Alternatives as people list them: `a, b or c`."""
    return " or ".join([", ".join(values[:-1]), values[-1]] if len(values) > 1 else values)


def percent(share: float | None) -> str:
    """A probability as people read it: `83 %`; never 100 % or 0 % for what is merely close."""
    if share is None:
        return "–"
    if 0 < share < 0.01:  # noqa: PLR2004 - one per cent
        return "< 1 %"
    if 0.99 < share < 1:  # noqa: PLR2004 - ninety-nine per cent
        return "> 99 %"
    return f"{round(share * 100)} %"


def width(share: float) -> str:
    """A probability as a length out of 100, at least visible."""
    return f"{max(0.8, share * 100):.1f}"


def elapsed(since: datetime, now: datetime) -> str:
    """How long ago, as people say it: `12 min`, `3 h 05`, `2 d 4 h`."""
    seconds = max(0, int((now - since).total_seconds()))
    if seconds < HOUR:
        return f"{seconds // MINUTE} min"
    if seconds < DAY:
        return f"{seconds // HOUR} h {seconds % HOUR // MINUTE:02}"
    return f"{seconds // DAY} d {seconds % DAY // HOUR} h"


def duration(seconds: int | None) -> str:
    """A length of time: `1 min 48 s`."""
    if seconds is None:
        return "–"
    return f"{seconds // MINUTE} min {seconds % MINUTE:02} s" if seconds >= MINUTE else f"{seconds} s"


def whose(brief: Brief) -> str:
    """Whom a line belongs to: account, else contact, else what we know of the party."""
    return brief.account or brief.contact or brief.party_name or brief.party or "unknown"


def title(brief: Brief) -> str:
    """The subject, or what stands in for one."""
    return brief.subject.strip() or f"{CHANNELS[brief.channel]} from {whose(brief)}"


def effect(done: Effect, policy: Policy) -> str:
    """What a rule does, in words: `at most P2`, `is no bug`."""
    name = policy.type_label if done.on_type else policy.level_label
    to = " or ".join(name(value) for value in done.to)
    words = {"cap": "at most", "raise": "at least", "set": "exactly", "type": "is", "not_type": "is not"}[done.move]
    only = f", from {' or '.join(done.only)}" if done.only else ""
    return f"{words} {to}{only}"


def cause(kind: str) -> str:
    """What began an escalation, in words: `breached:response`, `warned-75:response`, `stagnant`, `asked`."""
    name, _, clock = kind.partition(":")
    if name.startswith("warned-"):
        return f"{name.removeprefix('warned-')} % of the time for {clock or 'a clock'} was used up"
    known = {
        "breached": f"the {clock} target was missed" if clock else "a target was missed",
        "stagnant": "nothing had happened for long",
        "asked": "an engineer asked for help",
    }
    return known.get(name, plain(name).lower())
