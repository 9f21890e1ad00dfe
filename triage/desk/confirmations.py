"""Decisions taken since an artefact was made, learnt at once: in memory, in the order they were taken.

What a classifier then ranks depends on nothing but the artefact's bytes and the decisions that stand, so whoever knows
the same decisions ranks alike. A decision that was undone, changed, forgotten or erased leaves no trace: the artefact
is loaded anew, and those that stand are learnt again.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from time import monotonic

import structlog
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from models import tables
from models.store import transaction
from models.terms import TriageState
from triage import facts
from triage.classifier import PRIORITY, TYPE, Classifier
from triage.desk import learning
from triage.desk.learning import Sourced
from triage.desk.repeats import groups
from triage.policy import Policy

MOST, STRIDE = 500, 250
"""Decisions that are learnt at most. Of more, the oldest are left out so many at a time, so that what is learnt depends
on how many there are and not on when a process was started."""
SECONDS = 3.0
"""How long a job may wait for decisions to be learnt; what is left is learnt before the next one."""

Load = Callable[[Session, tables.artefacts.Artefact], Classifier]

log = structlog.get_logger()


class Confirmed:
    """A classifier with the decisions taken since its artefact was made. A failure to learn is logged and harms nobody.

    `is_behind` while it does not know all of them yet. For one thread at a time; `classifier` may be asked by others.
    """

    def __init__(
        self,
        engine: Engine,
        policies: Mapping[str, Policy],
        load: Load,
        session: Session,
        artefact: tables.artefacts.Artefact,
    ) -> None:
        """Load an artefact; it has learnt nothing yet.

        Raises:
            ArtefactRefused: it cannot be loaded.

        """
        self.id = artefact.id
        self.classifier = load(session, artefact)
        self._engine = engine
        self._policies = policies
        self._load = load
        self._standing: list[Sourced] = []
        self._learnt: list[int] | None = []
        self.is_behind = False

    def refresh(self) -> None:
        """Read which decisions stand; what was read before stays if that fails."""
        try:
            with transaction(self._engine) as session:
                self._standing = list(standing(session, _made_at(session, self.id), self._policies))
        except TimeoutError:
            raise  # the job's own limit
        except Exception as error:
            log.exception("confirmations.failed", artefact=self.id, error=type(error).__name__)

    def know(self, before: datetime | None = None) -> Classifier:
        """The classifier that knows the decisions that stand (taken before a moment), or the first of them."""
        wanted = [one for one in self._standing if before is None or one.at is None or one.at < before]
        try:
            self._learn(wanted)
        except TimeoutError:
            raise
        except Exception as error:
            log.exception("confirmations.failed", artefact=self.id, error=type(error).__name__)
        return self.classifier

    def _learn(self, wanted: list[Sourced]) -> None:
        """Learn what is new if what is known comes first; else begin again."""
        digests = [hash(repr(one)) for one in wanted]
        learnt, self._learnt = self._learnt, None  # if it is cut short, nobody can say what is known
        if learnt is None or digests[: len(learnt)] != learnt:
            with transaction(self._engine) as session:
                self.classifier = self._load(session, session.get_one(tables.artefacts.Artefact, self.id))
            learnt = []
        end = monotonic() + SECONDS
        for one, digest in zip(wanted[len(learnt) :], digests[len(learnt) :], strict=True):
            self._teach(one)
            learnt.append(digest)
            if monotonic() >= end:
                break
        self._learnt, self.is_behind = learnt, len(learnt) < len(wanted)

    def _teach(self, one: Sourced) -> None:
        said, policy = one.example, self._policies[one.example.policy]
        levels, types = {level.value for level in policy.levels}, {kind.value for kind in policy.types}
        given = {
            TYPE: said.type if said.type in types else None,
            PRIORITY: said.priority if said.priority in levels else None,
        }
        read = facts.read(said.subject, said.body)  # as in training
        try:
            self.classifier.learn(said.policy, said.subject, said.body, read, given=given)
        except TimeoutError:
            raise
        except Exception as error:
            log.exception("confirmation.failed", artefact=self.id, policy=said.policy, error=type(error).__name__)


def standing(session: Session, since: datetime, policies: Mapping[str, Policy]) -> Iterator[Sourced]:
    """The decisions in force taken after a moment, in that order.

    What one person decided alike on texts that say the same is heard once, the first time (hardening F9).
    """
    found = sorted(learning.decided(session, _start(session, since)), key=lambda one: (one.at, one.row))
    known = [one for one in found if one.example.policy in policies]
    group = {place: number for number, alike in enumerate(groups(map(learning.wording, known))) for place in alike}
    heard = set()
    for place, one in enumerate(known):
        said = (group[place], one.person, one.example.policy, one.example.type, one.example.priority)
        if said not in heard:
            heard.add(said)
            yield one


def _start(session: Session, since: datetime) -> datetime:
    """The moment after which the decisions were taken that are learnt."""
    request = tables.requests.Request
    mine = request.state == TriageState.DECIDED, request.decided_at > since
    number = session.scalar(select(func.count()).where(*mine)) or 0
    left_out = -(-max(number - MOST, 0) // STRIDE) * STRIDE
    if not left_out:
        return since
    oldest = select(request.decided_at).where(*mine).order_by(request.decided_at, request.id)
    return session.execute(oldest.offset(left_out - 1).limit(1)).scalar_one() or since


def _made_at(session: Session, artefact: str) -> datetime:
    """When what an artefact is taught was collected: what was decided while it was trained is new to it."""
    made, trained = tables.artefacts.Artefact, tables.lessons.Retraining
    begun = select(func.min(trained.started_at)).where(trained.artefact == artefact).scalar_subquery()
    return session.execute(select(func.coalesce(begun, made.created_at)).where(made.id == artefact)).scalar_one()
