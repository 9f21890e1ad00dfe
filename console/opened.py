"""One request opened for a reader: its record, its suggestion, where it stands, and what was just done to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from console import folds, history, queries, record, shown, standing, wording
from console.deps import Desk, Reader
from console.folds import Folds
from console.history import Assumption, Moment
from console.record import Record
from console.shown import Shown
from console.standing import Standing
from models import tables
from models.errors import Invalid, NotFound
from models.terms import Role, TriageState
from triage.completeness import Found
from triage.desk import decision, folding, owed
from triage.desk.client import PROPOSED
from triage.facts import VOCABULARY
from triage.policy import Policy
from triage.suggest import UNKNOWN
from triage.workflow import Offer

DID = {
    "step": "status changed",
    "take": "is yours",
    "owner": "has changed hands",
    "tell": "the client was told",
    "ask": "the client was asked",
    "note": "noted",
    "assume": "assumption written down",
    "settle": "assumption settled",
    "work": "time reported",
    "escalate": "help is called for",
    "acknowledge": "escalation taken on",
    "callback": "attempt written down",
    "call": "the customer is being called",
    "visibility": "visibility changed",
    "owe": "a call is promised",
    "paid": "the call that was owed is done",
    "fold": "is worked on under another request",
    "unfold": "stands for itself again",
}
"""What was done, as its toast says it."""
NOBODY = {folding.CALLER: "The caller", owed.HOUSE: "The house"}
"""Who does something and is no engineer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What was sent and not done: which form, why not, and what was written in it, so that nothing is typed twice."""

    form: str
    words: str
    given: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the triage page and the request page show of one request. `standing` is None where its policy is gone."""

    record: Record
    policy: Policy | None
    suggestion: Shown | None
    folds: Folds = field(default_factory=Folds)
    standing: Standing | None = None
    moments: tuple[Moment, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    minutes: int = 0
    people: Mapping[str, str] = field(default_factory=dict)
    workers: tuple[tuple[str, str], ...] = ()
    gates: Mapping[str, tuple[Found, ...]] = field(default_factory=dict)

    @property
    def decided(self) -> tables.requests.Decision | None:
        """The decision in force, or None; one that was taken back brings the one before."""
        found = decision.in_force(self.record.decisions)
        return found[-1] if found and self.record.request.state is TriageState.DECIDED else None

    @property
    def news(self) -> bool:
        """Whether the suggestion was made anew after the decision, and says something else."""
        made, held, row = self.suggestion, self.decided, self.record.suggestion
        if made is None or held is None or row is None or not made.complete:
            return False
        return row.created_at > held.decided_at and (made.type, made.priority) != (held.type, held.priority)

    @property
    def proposed(self) -> tuple[Offer, datetime] | None:
        """The step a message of the client may mean, and when they wrote, while nobody has moved the request since."""
        if self.standing is None:
            return None
        since = self.record.request.status_since
        wrote = [row for row in self.standing.rows if row.event == PROPOSED and (since is None or row.at > since)]
        offers = [one for one in self.standing.offers if wrote and one.step.id == wrote[-1].value]
        plain = [one for one in offers if not one.asks and not one.resolutions]
        return (plain[0], wrote[-1].at) if plain else None

    def name(self, login: str | None) -> str:
        """What people call a login."""
        return self.people.get(login or "", login or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Toast:
    """What was just done; `undo` is the version to undo a decision at; `fact` and `was` take a fact back."""

    reference: str
    words: str
    undo: int | None = None
    fact: str = ""
    was: str = ""


def work(session: Session, desk: Desk, reader: Reader, request: UUID) -> Work:
    """Everything about a request, as this reader may see and do it.

    Raises:
        NotFound: there is no such request.

    """
    found = record.read(session, request)
    if found is None:
        raise NotFound(f"request {request}")
    policy = desk.policies.get(found.request.policy)
    content = found.suggestion.content if found.suggestion else None
    if policy is None:
        made = shown.shown(content, None) if content else None
        mine = folds.read(session, found.request, found.clocks)
        return Work(
            record=found, policy=None, suggestion=made, folds=mine, moments=history.story(found, (), made, None)
        )
    stands = standing.read(session, found.request, policy, reader.role, desk.clock())
    stated = {row.name for row in tables.progress.stated(session, request)}
    workers = _workers(session)
    people = _people(session) | found.people
    made = shown.shown(content, policy, stands.facts, stated) if content else None
    return Work(
        record=found,
        policy=policy,
        suggestion=made,
        folds=folds.read(session, found.request, found.clocks),
        standing=stands,
        moments=history.story(found, history.moments(stands.rows, policy, people), made, policy),
        assumptions=history.assumptions(stands.rows, people),
        minutes=history.minutes(stands.rows),
        people=people,
        workers=workers,
        gates=standing.gates(session, found.request, policy),
    )


def found(session: Session, name: str) -> UUID:
    """The request that a name in an address means.

    Raises:
        NotFound: there is none.

    """
    known = queries.find(session, name)
    if known is None:
        raise NotFound(public=f"There is no request {name}.")
    return known


def policy_of(session: Session, desk: Desk, request: UUID) -> Policy:
    """The policy a request is served under.

    Raises:
        Invalid: it is not installed.

    """
    policy = desk.policies.get(queries.policy_of(session, request) or "")
    if policy is None:
        raise Invalid(public="The policy of this request is not installed, so there is nothing to choose from.")
    return policy


def reference(session: Session, request: UUID) -> str:
    """The number people say for a request."""
    line = queries.brief(session, request)
    if line is None:
        raise NotFound(f"request {request}")
    return line.reference


def toast(session: Session, desk: Desk, reader: Reader, done: str, did: str = "") -> Toast | None:
    """What this engineer did last to the request named in the address; nothing for anybody else's doing.

    `did` names an act (`DID`), or a fact with its former value (`fact.workaround.no`).
    """
    known = queries.find(session, done) if done else None
    last = record.read(session, known) if known else None
    if last is None:
        return None
    row = last.request
    if did:
        return _act_toast(session, row, reader, did)
    if not last.decisions or last.decisions[-1].decided_by != reader.login:
        return None
    made = last.decisions[-1]
    if row.state is not TriageState.DECIDED or made.type is None or made.priority is None:
        words = "decision taken back" if row.state is TriageState.DECIDED else "is to be confirmed again"
        return Toast(reference=row.reference, words=words)
    policy = desk.policies.get(row.policy)
    kind = policy.type_label(made.type) if policy else made.type
    level = policy.level_label(made.priority) if policy else made.priority
    eased = " by the rule of your role" if made.rule else ""
    words = f"{wording.VERDICTS[made.verdict]}{eased}: {kind} · {level}"
    return Toast(reference=row.reference, words=words, undo=row.version)


def _act_toast(session: Session, row: tables.requests.Request, reader: Reader, did: str) -> Toast | None:
    """The toast of an act, if it was this reader who did the last one."""
    if did == "call":  # nothing is in the log until somebody answers
        made = [one.placed_by for one in tables.progress.callbacks(session, row.id)]
    else:
        made = [one.made_by for one in tables.requests.clock_events(session, row.id) if one.made_by]
    if not made or made[-1] != reader.login:
        return None
    if did in DID:
        return Toast(reference=row.reference, words=DID[did])
    kind, _, rest = did.partition(".")
    name, _, was = rest.partition(".")
    if kind != "fact" or was not in VOCABULARY.get(name, frozenset()) | {UNKNOWN}:
        return None
    stated = [one.value for one in tables.progress.stated(session, row.id) if one.name == name]
    if not stated or stated[-1] == was:
        return None
    value = "not known" if stated[-1] == UNKNOWN else wording.plain(stated[-1]).lower()
    return Toast(reference=row.reference, words=f"{wording.plain(name)}: {value}", undo=row.version, fact=name, was=was)


def _people(session: Session) -> dict[str, str]:
    row = tables.directory.Engineer
    return NOBODY | {login: name or login for login, name in session.execute(select(row.login, row.name))}


def _workers(session: Session) -> tuple[tuple[str, str], ...]:
    """Login and name of everybody who may own a request."""
    row = tables.directory.Engineer
    roles = [role for role in Role if role.includes(Role.ENGINEER)]
    found_ = select(row.login, row.name).where(row.disabled_at.is_(None), row.role.in_(roles)).order_by(row.login)
    return tuple((login, name or login) for login, name in session.execute(found_))
