"""The log of a request as people read it: what was done, by whom, in one line for each act. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from console import wording
from console.record import Record
from console.shown import Shown
from models.tables.requests import ClockEvent, Decision
from models.terms import Channel
from triage.policy import Policy

QUIET = frozenset({"acted", "callback"})
"""Entries that say the same as another one beside them, or that have a ledger of their own."""
PROMISED = "owed:"
"""How the source of an entry begins that a call was promised, or made: nothing beside it says so."""
TOLD = frozenset({"acted", "caller-left", "connected", "unreached"})
"""Entries whose remark is in their words."""
DECIDED = frozenset({"type", "level"})
"""Entries a decision writes for the clocks; the decision itself is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One act: `words` say what was done and `reason` why; `text` is what was written with it.

    `public`: the customer reads the text.
    """

    at: datetime
    who: str
    words: str
    reason: str = ""
    text: str = ""
    clause: str = ""
    public: bool = False
    answers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """Something taken for granted until somebody verifies it; `holds` is None while it is open."""

    source: str
    text: str
    who: str
    at: datetime
    holds: bool | None


def moments(rows: Iterable[ClockEvent], policy: Policy, people: Mapping[str, str]) -> tuple[Moment, ...]:
    """The log, oldest first, the entries of one act as one moment."""
    acts: dict[tuple[str, datetime], list[ClockEvent]] = {}
    for row in rows:
        if (row.event in QUIET and not row.source.startswith(PROMISED)) or (
            row.event in DECIDED and row.source.startswith("decision:")
        ):
            continue
        acts.setdefault((row.source, row.at), []).append(row)
    return tuple(_moment(found, policy, people) for found in acts.values())


def story(record: Record, log: Sequence[Moment], made: Shown | None, policy: Policy | None) -> tuple[Moment, ...]:
    """Everything that happened to a request in the order of time: what came in, was suggested, decided and done."""
    row, said = record.request, record.suggestion
    found = [Moment(at=row.received_at, who="", words=f"came in by {_channel(row.channel)}")]
    found += [
        Moment(at=more.received_at, who="", words=f"more came by {_channel(more.channel)}")
        for more in record.interactions[1:]
    ]
    found += log
    if said is not None and made is not None:
        words = " · ".join(filter(None, [made.type_label, made.priority_label]))
        words = f"suggested {words}" if made.sure else f"no suggestion: {made.because}"
        by = f" by classifier {said.artefact}" if said.artefact else ""
        found.append(Moment(at=said.created_at, who="", words=words + by))
    found += [_decided(one, policy, record.people) for one in record.decisions]
    return tuple(sorted(found, key=lambda moment: moment.at))


def _channel(channel: Channel) -> str:
    words = wording.CHANNELS[channel]
    return words if words.isupper() else words.lower()


def _decided(made: Decision, policy: Policy | None, people: Mapping[str, str]) -> Moment:
    words = wording.VERDICTS[made.verdict]
    if made.type and made.priority:
        kind, level = wording.type_labels(policy), wording.level_labels(policy)
        words += f" {kind.get(made.type, made.type)} · {level.get(made.priority, made.priority)}"
    who = people.get(made.decided_by, made.decided_by)
    if made.rule:
        return Moment(at=made.decided_at, who=who, words=f"{words}, by a rule of their role", clause=made.reason)
    return Moment(at=made.decided_at, who=who, words=words, reason=made.reason)


def assumptions(rows: Iterable[ClockEvent], people: Mapping[str, str]) -> tuple[Assumption, ...]:
    """What was assumed, and what came of it."""
    rows = tuple(rows)
    came = {row.value: bool(row.detail.get("holds")) for row in rows if row.event == "settled"}
    return tuple(
        Assumption(
            source=row.source,
            text=row.value,
            who=people.get(row.made_by, row.made_by),
            at=row.at,
            holds=came.get(row.value),
        )
        for row in rows
        if row.event == "assumed"
    )


def minutes(rows: Iterable[ClockEvent]) -> int:
    """The support time reported, in minutes."""
    return sum(int(row.detail.get("minutes") or 0) for row in rows if row.event == "worked")


def _moment(rows: Sequence[ClockEvent], policy: Policy, people: Mapping[str, str]) -> Moment:
    said = [words for row in rows if (words := _words(row, policy, people))]
    answers = [pair for row in rows for pair in _answers(row, policy)]
    return Moment(
        at=rows[0].at,
        who=next((people.get(row.made_by, row.made_by) for row in rows if row.made_by), ""),
        words=" · ".join(dict.fromkeys(said)),
        text=next((row.note for row in rows if row.note and row.event not in TOLD), ""),
        clause=next((str(row.detail["clause"]) for row in rows if row.detail.get("clause")), ""),
        public=any(row.is_public for row in rows),
        answers=tuple(answers),
    )


def _answers(row: ClockEvent, policy: Policy) -> list[tuple[str, str]]:
    """What was answered with a step, each with its question."""
    given = row.detail.get("given") or {}
    flow = policy.workflow
    asked = [question for step in flow.steps for question in step.asks]
    asked += [question for one in flow.resolutions for question in one.asks]
    asked += flow.on_behalf.asks if flow.on_behalf else ()
    named = {question.name: question.ask for question in asked} | {"resolution": "Resolution"}
    return [(named.get(name, wording.plain(name)), str(answer)) for name, answer in given.items()]


def _words(row: ClockEvent, policy: Policy, people: Mapping[str, str]) -> str:
    """What one entry says; an entry nobody has words for is named as it is."""
    special: dict[str, Callable[[], str]] = {
        "started": lambda: f"clock started ({row.value})" if row.value else "clock started",
        "level": lambda: f"priority {policy.level_label(row.value)}" if row.value else "priority taken back",
        "type": lambda: f"type {policy.type_label(row.value)}" if row.value else "type taken back",
        "status": lambda: _status(row, policy),
        "paused": lambda: "clock paused",
        "owned": lambda: f"owner {people.get(row.value, row.value)}" if row.value else "nobody owns it any more",
        "asked-client": lambda: f"asked the client {row.value} question{'' if row.value == '1' else 's'}",
        "worked": lambda: f"{row.detail.get('minutes', 0)} min of support time",
        "assumed": lambda: f"assumed: {row.value}",
        "settled": lambda: f"{'verified' if row.detail.get('holds') else 'turned out false'}: {row.value}",
        "estimated": lambda: f"agreed a time: {row.until:%a %-d %b %Y, %H:%M} UTC" if row.until else "agreed a time",
        "acted": lambda: row.note,
        "acknowledged": lambda: "took it on, in the call" if row.source.startswith("call:") else PLAIN[row.event],
        "caller-left": lambda: row.note,
        "connected": lambda: _connected(row),
        "unreached": lambda: f"for the caller {row.note}" if row.note else PLAIN[row.event],
        "folded": lambda: _folded(row),
        "unfolded": lambda: _folded(row),
        "proposed": lambda: "the client's message may mean a step; a person decides",
    }
    return special[row.event]() if row.event in special else PLAIN.get(row.event, wording.plain(row.event).lower())


def _connected(row: ClockEvent) -> str:
    """That somebody of us was on the line with the caller, and how long that took from the first ring."""
    seconds = row.detail.get("seconds")
    after = f", {wording.duration(seconds)} after the call came in" if isinstance(seconds, int) else ""
    return f"connected with the caller{after}"


def _folded(row: ClockEvent) -> str:
    """Which request is worked on under which; the log of both tells it, each from its own side."""
    other, is_out = row.value or "another request", row.event == "unfolded"
    if row.value == row.detail.get("child"):
        return f"{other} stands for itself again" if is_out else f"{other} reports the same: worked on here"
    return f"taken out of {other}: stands for itself again" if is_out else f"the same as {other}: worked on there"


def _status(row: ClockEvent, policy: Policy) -> str:
    by = " for the client" if row.detail.get("on_behalf") else ""
    return f"status {policy.workflow.status_label(row.value)}{by}"


PLAIN = {
    "resumed": "clock runs on",
    "taken": "taken charge of",
    "responded": "first response to the client",
    "updated": "update to the client",
    "workaround": "a workaround is available",
    "resolved": "resolved",
    "reopened": "re-opened: clocks anew",
    "noted": "note",
    "accepted": "the client accepts the resolution",
    "acknowledged": "took the escalation on",
    "asked": "escalated",
    "unreached": "nobody of us could be reached for the caller",
}
"""Entries that need nothing but a word."""
