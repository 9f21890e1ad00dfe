"""What an edited pack makes of a stored request, beside what another pack makes of it: a comparison of frozen values.

Both sides are judged with the same classifier, the same facts and the same moment, so that every difference comes from
the packs. An engineer's decision stands whatever the rules say: a decided request keeps its level on both sides, and
where the rules would now take that level is told beside it. An undecided one is clocked by the level suggested.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from models.terms import Channel, Fact, Suggestion
from triage import downgrade
from triage.clock import Clock, State, clocks
from triage.desk import ledger
from triage.explain import duration_words
from triage.policy import Policy
from triage.tabled import by_table
from triage.targets import EventKind, Kind, Measure, Promise, Target
from triage.timeline import Event

NO_CLOCK = frozenset({State.NONE, State.NOT_APPLICABLE})
LABELS = frozenset({EventKind.TYPE, EventKind.LEVEL})


class Propose(Protocol):
    """`triage.suggest.suggest` with the classifier in force."""

    def __call__(
        self,
        policy: Policy,
        /,
        *,
        channel: Channel,
        subject: str,
        body: str,
        language: str | None,
        facts: tuple[Fact, ...],
    ) -> Suggestion:
        """Suggest type and priority under a pack that need not be installed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One clock under one pack: its target in words, when it falls due, and how many of its deadlines were missed."""

    level: str | None
    target: str
    due: datetime | None
    state: State
    missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one pack makes of a request.

    `withheld` is why the suggestion abstains. `rule` is the rule that moved the level, `applied` are all that applied.
    `ruled` is where the rules take the decided level, and `ruled_by` the rule that does.
    """

    type: str | None
    level: str | None
    withheld: str | None = None
    rule: str | None = None
    applied: tuple[str, ...] = ()
    ruled: str | None = None
    ruled_by: str | None = None
    clocks: Mapping[tuple[Kind, Promise], Standing] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A request as it is kept: what was said, what happened, what was decided (type and level) and last suggested.

    `facts` are those stated beside the text, by the digest of the pack that asks: each reads a call log its own way.
    """

    reference: str
    received_at: datetime
    channel: Channel
    subject: str
    body: str
    language: str | None
    facts: Mapping[str, tuple[Fact, ...]]
    log: tuple[Event, ...] = ()
    status: str = ""
    decided: tuple[str | None, str | None] | None = None
    suggested: Outcome | None = None

    @property
    def has_clock(self) -> bool:
        """Whether the request has reached a channel the SLA covers."""
        return any(event.kind == EventKind.STARTED for event in self.log)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A clock that stands otherwise; None where a pack has no such target."""

    kind: Kind
    promise: Promise
    before: Standing | None
    after: Standing | None

    @property
    def more_missed(self) -> int:
        """How many deadlines more are missed; negative for fewer."""
        return (self.after.missed if self.after else 0) - (self.before.missed if self.before else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A request of which the packs make different things; `reason` is the rule and its clause, where one is to blame.

    `lost` names what the request holds and only the edited pack does not have.
    """

    reference: str
    decided: tuple[str | None, str | None] | None
    before: Outcome
    after: Outcome
    moved: tuple[Moved, ...]
    lost: tuple[str, ...]
    reason: str = ""

    @property
    def suggests_otherwise(self) -> bool:
        """Whether another type or level is suggested, or a suggestion withheld that was not, or the other way."""
        return _suggested(self.before) != _suggested(self.after)

    @property
    def rules_otherwise(self) -> bool:
        """Whether the rules take the decided level elsewhere."""
        return self.before.ruled != self.after.ruled


def compare(stored: Stored, before: Policy | None, after: Policy, propose: Propose, now: datetime) -> Change | None:
    """What changes for a request, or None; without a pack `before`, against the suggestion that was stored."""
    new = _outcome(stored, after, propose, now)
    old = _outcome(stored, before, propose, now) if before else _remembered(stored, new)
    had = _lacking(stored, before) if before else ()
    found = Change(
        reference=stored.reference,
        decided=stored.decided,
        before=old,
        after=new,
        moved=tuple(_moved(old, new)) if before else (),
        lost=tuple(held for held in _lacking(stored, after) if held not in had),
    )
    if found.suggests_otherwise or found.rules_otherwise:
        return replace(found, reason=_reason(old, new, before, after))
    return found if found.moved or found.lost else None


def _outcome(stored: Stored, policy: Policy, propose: Propose, now: datetime) -> Outcome:
    made = propose(
        policy,
        channel=stored.channel,
        subject=stored.subject,
        body=stored.body,
        language=stored.language,
        facts=stored.facts[policy.digest],
    )
    kind, level = made.type.value if made.type else None, made.priority.value if made.priority else None
    ruled, ruled_by = _ruled(stored, policy, made.facts)
    log = _classified(stored, kind, level)
    return Outcome(
        type=kind,
        level=level,
        withheld=made.abstained_because,
        rule=made.priority_rule,
        applied=tuple(rule.id for rule in made.rules if rule.verdict == downgrade.APPLIED),
        ruled=ruled,
        ruled_by=ruled_by,
        clocks={
            (clock.kind, clock.promise): _standing(clock)
            for clock in clocks(policy.commitments, log, now)
            if clock.state not in NO_CLOCK
        },
    )


def _remembered(stored: Stored, new: Outcome) -> Outcome:
    """The suggestion that was stored, if any was, and the decided level untouched; deadlines are not stored."""
    last = stored.suggested or replace(new, rule=None, applied=())
    return replace(last, ruled=stored.decided[1] if stored.decided and new.ruled else None, ruled_by=None, clocks={})


def _ruled(stored: Stored, policy: Policy, facts: tuple[Fact, ...]) -> tuple[str | None, str | None]:
    """Where the rules take a decided level, and the rule that does; nowhere if the pack has no such level."""
    if stored.decided is None:
        return None, None
    kind, level = stored.decided
    shares = {one.value: float(one.value == level) for one in policy.levels}
    if not any(shares.values()):
        return None, None
    judged = by_table(policy, facts, kind, downgrade.judge_level(policy, facts, kind, shares))
    return downgrade.top(judged.probabilities), judged.rule


def _classified(stored: Stored, kind: str | None, level: str | None) -> tuple[Event, ...]:
    """The log with a type and level in force: those decided, or those suggested as if they had been there at once."""
    if stored.decided is not None:
        if any(event.kind == EventKind.LEVEL for event in stored.log):
            return stored.log
        kind, level = stored.decided
    # Labels in the log of an undecided request are those of a decision that was taken back.
    log = tuple(event for event in stored.log if event.kind not in LABELS)
    return ledger.supposed(log, kind, level, stored.received_at)


def _standing(clock: Clock) -> Standing:
    return Standing(
        level=clock.level,
        target=_target(clock.target) if clock.target else clock.reason,
        due=clock.due,
        state=clock.state,
        missed=sum(entry.breached_at is not None for entry in clock.ledger),
    )


def _target(target: Target) -> str:
    if target.within is not None:
        return duration_words(target.within)
    if target.measure is Measure.ESTIMATE:
        return "by estimate"
    return f"end of working day{f' + {target.days}' if target.days else ''}"


def _moved(before: Outcome, after: Outcome) -> Iterator[Moved]:
    for key in dict.fromkeys((*before.clocks, *after.clocks)):
        old, new = before.clocks.get(key), after.clocks.get(key)
        if old is None or new is None or _shown(old) != _shown(new):
            yield Moved(kind=key[0], promise=key[1], before=old, after=new)


def _shown(standing: Standing) -> tuple[object, ...]:
    return standing.target, standing.due, standing.state, standing.missed


def _suggested(outcome: Outcome) -> tuple[str | None, str | None, bool]:
    return outcome.type, outcome.level, outcome.withheld is not None


def _reason(before: Outcome, after: Outcome, old: Policy | None, new: Policy) -> str:
    """The rule that moves a level now or no more, else one that applies on one side only; empty where none does."""
    decisive = [rule for rule in (after.ruled_by, after.rule) if rule]
    former = [rule for rule in (before.ruled_by, before.rule) if rule]
    begins = [rule for rule in decisive if rule not in former]
    ends = [rule for rule in former if rule not in decisive]
    begins = begins or ([] if ends else [rule for rule in after.applied if rule not in before.applied])
    ends = ends or [rule for rule in before.applied if rule not in after.applied]
    if begins or (decisive and not ends):
        return _cited([*begins, *decisive][0], new)
    return f"without {_cited(ends[0], old)}" if ends else ""


def _cited(rule: str, policy: Policy | None) -> str:
    clause = next((one.clause for one in policy.rules if one.id == rule), "") if policy else ""
    return f"{rule}, {clause}" if clause else rule


def _lacking(stored: Stored, policy: Policy) -> tuple[str, ...]:
    """What the request holds and the pack does not have."""
    kind, level = stored.decided or (None, None)
    held = (
        ("type", kind, [one.value for one in policy.types]),
        ("level", level, [one.value for one in policy.levels]),
        ("status", stored.status, [one.value for one in policy.workflow.statuses]),
    )
    return tuple(f"{word} {value}" for word, value, known in held if value and value not in known)
