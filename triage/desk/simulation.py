"""What an edited pack would change for the requests that are stored. Reads only; nothing is written."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import tables
from models.terms import TriageState
from triage.desk import knowledge, ledger
from triage.desk.revision import Change, Moved, Outcome, Propose, Standing, Stored, compare
from triage.desk.suggesting import language_of, said
from triage.policy import Policy

LIMIT = 1000
"""How many requests are replayed unless more are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retargeted:
    """Clocks of several requests that moved alike: the same kind, level and target on either side."""

    moved: tuple[Moved, ...]

    @property
    def like(self) -> Moved:
        """One of them."""
        return self.moved[0]

    @property
    def earlier(self) -> int:
        """How many fall due sooner."""
        return sum(after < before for before, after in self._dues())

    @property
    def later(self) -> int:
        """How many fall due later."""
        return sum(after > before for before, after in self._dues())

    @property
    def more_missed(self) -> int:
        """How many deadlines are missed only after the change."""
        return sum(max(0, one.more_missed) for one in self.moved)

    @property
    def fewer_missed(self) -> int:
        """How many deadlines were missed only before it."""
        return sum(max(0, -one.more_missed) for one in self.moved)

    def _dues(self) -> Iterator[tuple[datetime, datetime]]:
        for one in self.moved:
            if one.before and one.after and one.before.due and one.after.due:
                yield one.before.due, one.after.due


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What replaying stored requests under an edited pack came to.

    `installed` is the pack it was compared with, such as `wso2@2`; None: with what was stored. `stored` is how many
    requests there are, `replayed` how many of them were looked at, the newest; `without_clock` of these have none.
    """

    edited: str
    installed: str | None
    same_file: bool
    stored: int
    replayed: int
    without_clock: int
    changes: tuple[Change, ...]

    @property
    def targets(self) -> tuple[Retargeted, ...]:
        """The clocks that moved, put together by level and target, those that moved most often first."""
        alike: dict[tuple[object, ...], list[Moved]] = {}
        for moved in (one for change in self.changes for one in change.moved):
            key = (moved.kind, moved.promise, _promise(moved.before), _promise(moved.after))
            alike.setdefault(key, []).append(moved)
        found = [Retargeted(moved=tuple(moved)) for moved in alike.values()]
        return tuple(sorted(found, key=lambda one: -len(one.moved)))

    @property
    def more_missed(self) -> int:
        """How many deadlines are missed only under the edited pack."""
        return sum(one.more_missed for one in self.targets)

    @property
    def fewer_missed(self) -> int:
        """How many deadlines are missed only under the pack before."""
        return sum(one.fewer_missed for one in self.targets)


def simulate(
    session: Session,
    edited: Policy,
    installed: Policy | None,
    *,
    propose: Propose,
    now: datetime,
    since: datetime | None = None,
    limit: int = LIMIT,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Simulation:
    """Replay the requests of a pack's policy received since then, the newest first, under both packs.

    `progress` is told how many are done, and of how many, after each request.
    """
    row = tables.requests.Request
    mine = select(row.id).where(row.policy == edited.id)
    if since is not None:
        mine = mine.where(row.received_at >= since)
    stored = session.scalar(select(func.count()).select_from(mine.subquery())) or 0
    ids = session.scalars(mine.order_by(row.received_at.desc(), row.id.desc()).limit(limit)).all()
    changes, without_clock = [], 0
    for done, each in enumerate(_read(session, ids, [pack for pack in (installed, edited) if pack]), 1):
        change = compare(each, installed, edited, propose, now)
        changes += [change] if change else []
        without_clock += not each.has_clock
        progress(done, len(ids))
    return Simulation(
        edited=edited.ref,
        installed=installed.ref if installed else None,
        same_file=installed is not None and installed.digest == edited.digest,
        stored=stored,
        replayed=len(ids),
        without_clock=without_clock,
        changes=tuple(changes),
    )


def _read(session: Session, ids: Sequence[UUID], packs: list[Policy]) -> Iterator[Stored]:
    for number in ids:
        request = session.get_one(tables.requests.Request, number)
        rows = tables.requests.interactions(session, number)
        body, stated = said(request.subject, rows)
        decided = request.state is TriageState.DECIDED
        yield Stored(
            reference=request.reference,
            received_at=request.received_at,
            channel=request.channel,
            subject=request.subject,
            body=body,
            language=language_of(rows, request.language),
            facts={pack.digest: (*stated, *knowledge.facts_of(session, request, policy=pack)) for pack in packs},
            log=ledger.events(session, number),
            status=request.status,
            decided=(request.decided_type, request.decided_priority) if decided else None,
            suggested=_suggested(session, number),
        )


def _suggested(session: Session, request: UUID) -> Outcome | None:
    last = tables.requests.latest_suggestion(session, request)
    if last is None:
        return None
    return Outcome(type=last.type, level=last.priority, withheld=last.content.get("abstained_because"))


def _promise(standing: Standing | None) -> tuple[str | None, str] | None:
    return (standing.level, standing.target) if standing else None
