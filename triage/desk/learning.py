"""What the next artefact is taught: engineers' decisions first, then the seed corpus, then imported history."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from uuid import UUID

from sqlalchemy import exists, func, or_, select, true
from sqlalchemy.orm import Session

from models import tables
from models.terms import Channel, LabelledRequest, TriageState
from triage import training
from triage.desk import decision
from triage.desk.reception import AUTOMATIC
from triage.desk.repeats import EQUAL, groups
from triage.policy import Policy

DECISION_WEIGHT, IMPORT_WEIGHT = 3.0, 0.5
"""A decision of this house counts as much as three of the seed corpus, an imported request half as much as one."""
DECISIONS, SEED, IMPORTS = "decisions", "seed", "imports"
RANK = (DECISIONS, SEED, IMPORTS)
"""Where examples come from; of those that say the same, only the first of these sources is heard."""
IMPORT_TEXT = 100_000
"""Characters of an imported subject or body that are kept."""
BLANK = r"^\s*$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced:
    """An example and where it is from: who gave the labels, when, and the row's id (None: the seed corpus)."""

    example: LabelledRequest
    source: str
    row: UUID | None = None
    person: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """What an artefact is taught.

    `counts` has a number for each source, and `repeated`: examples that said again what another one says. `taught` are
    the ids of the requests among them, `decided` the places and ids of those that were decided here. `basis` is a
    digest of everything an artefact depends on: the same basis gives the same artefact.
    """

    examples: tuple[LabelledRequest, ...]
    counts: dict[str, int]
    taught: tuple[UUID, ...]
    decided: tuple[tuple[int, UUID], ...]
    basis: str


def collect(session: Session, policies: Mapping[str, Policy]) -> Lessons:
    """Everything there is to learn from now, each text once (hardening F9).

    Of decisions on texts that say the same, each labels count once, so that nobody multiplies by repeating. Where they
    are the same but for trifles, each person's last one is one vote, and the newest decision with the labels that won
    is the one example. A text somebody decided on is not taken from the seed corpus or an import as well.
    """
    every = [*decided(session), *seed(), *imported(session)]
    by_policy: dict[str, list[Sourced]] = defaultdict(list)
    for one in every:
        if one.example.policy in policies:
            by_policy[one.example.policy].append(one)
    heard = [one for policy in sorted(by_policy) for one in _each_once(by_policy[policy])]
    counted = Counter(one.source for one in heard)
    known = sum(len(one) for one in by_policy.values())
    examples = tuple(one.example for one in heard)
    return Lessons(
        examples=examples,
        counts={source: counted[source] for source in RANK} | {"repeated": known - len(heard)},
        taught=tuple(sorted(one.row for one in heard if one.row is not None)),
        decided=tuple((place, one.row) for place, one in enumerate(heard) if one.source == DECISIONS and one.row),
        basis=basis(examples, policies),
    )


def of_seed(policies: Mapping[str, Policy]) -> Lessons:
    """What an artefact is taught before there is any decision or import."""
    examples = tuple(one.example for one in seed() if one.example.policy in policies)
    counts = {DECISIONS: 0, SEED: len(examples), IMPORTS: 0, "repeated": 0}
    return Lessons(examples=examples, counts=counts, taught=(), decided=(), basis=basis(examples, policies))


def decided_requests(session: Session) -> list[LabelledRequest]:
    """Every decided request with the labels in force; undone and forgotten ones are not among them."""
    return [one.example for one in decided(session)]


def decided(session: Session, since: datetime | None = None) -> Iterator[Sourced]:
    """Every decided request as an example: what was written until the decision, with the labels in force.

    With `since` only those whose decision was taken after that moment. Left out are forgotten requests, those without
    text, and those decided under another policy than they now have.
    """
    request, said, ruled = tables.requests.Request, tables.requests.Interaction, tables.requests.Decision
    forgotten = exists().where(tables.lessons.Forgotten.request_id == request.id)
    wanted = select(request).where(request.state == TriageState.DECIDED, ~forgotten).order_by(request.id)
    if since is not None:
        wanted = wanted.where(request.decided_at > since)
    ids = wanted.with_only_columns(request.id).order_by(None)
    rulings: dict[UUID, list[tables.requests.Decision]] = defaultdict(list)
    for ruling in session.scalars(select(ruled).where(ruled.request_id.in_(ids)).order_by(ruled.id)):
        rulings[ruling.request_id].append(ruling)
    texts: dict[UUID, list[tuple[datetime, str]]] = defaultdict(list)
    columns = select(said.request_id, said.received_at, said.new_text).where(said.request_id.in_(ids))
    spoken = columns.where(~said.note.startswith(AUTOMATIC)).order_by(said.received_at, said.id)
    for owner, at, text in session.execute(spoken):
        texts[owner].append((at, text))
    for row in session.scalars(wanted):
        standing = decision.in_force(rulings[row.id])
        found = _labelled(row, standing[-1] if standing else None, texts[row.id])
        if found is not None:
            yield found


def _labelled(
    request: tables.requests.Request, ruling: tables.requests.Decision | None, texts: Sequence[tuple[datetime, str]]
) -> Sourced | None:
    if ruling is None or (ruling.policy and ruling.policy.split("@")[0] != request.policy):
        return None
    body = "\n\n".join(text for at, text in texts if at <= ruling.decided_at and text.strip())
    if not body and not request.subject.strip():
        return None
    example = LabelledRequest(
        id=request.reference,
        policy=request.policy,
        channel=request.channel,
        subject=request.subject,
        body=body,
        type=request.decided_type,
        priority=request.decided_priority,
        weight=DECISION_WEIGHT,
    )
    return Sourced(example=example, source=DECISIONS, row=request.id, person=ruling.decided_by, at=ruling.decided_at)


def seed() -> Iterator[Sourced]:
    """The seed corpus."""
    for example in training.seed_corpus():
        yield Sourced(example=example, source=SEED)


def imported(session: Session) -> Iterator[Sourced]:
    """Every imported request."""
    for row in tables.lessons.imported(session):
        example = LabelledRequest(
            id=f"import:{row.key}",
            policy=row.policy,
            channel=Channel.EMAIL,
            subject=row.subject,
            body=row.body,
            type=row.type,
            priority=row.priority,
            weight=IMPORT_WEIGHT,
        )
        yield Sourced(example=example, source=IMPORTS, row=row.id, at=row.imported_at)


def _each_once(found: Sequence[Sourced]) -> Iterator[Sourced]:
    for places in groups(map(wording, found)):
        alike = [found[place] for place in places]
        best = min((one.source for one in alike), key=RANK.index)
        heard = [one for one in alike if one.source == best]
        # The seed corpus was written and reviewed as a whole: its near-identical texts are meant.
        yield from heard if best == SEED else _settled(heard)


def _settled(alike: Sequence[Sourced]) -> Iterable[Sourced]:
    """One example for each labels that were given, of which none was outvoted on the very same text.

    An alarm that says "critical" and one that says "warning" are alike in all but a word, and are both right.
    """
    equal = groups(map(wording, alike), EQUAL)
    winners = [_outvoting([alike[place] for place in places]) for places in equal]
    return {_labels(one): one for one in sorted(winners, key=_age)}.values()


def wording(one: Sourced) -> str:
    """What tells whether an example says the same as another one."""
    return f"{one.example.subject}\n{one.example.body}"


def _age(one: Sourced) -> tuple[bool, datetime | None, UUID | None]:
    return one.at is not None, one.at, one.row


def _outvoting(alike: Iterable[Sourced]) -> Sourced:
    """The newest example with the labels most people gave last; of equally many, with those given last."""
    ordered = sorted(alike, key=_age)
    last = {one.person: one for one in ordered}
    votes = Counter(_labels(one) for one in last.values())
    return max(reversed(ordered), key=lambda one: (votes[_labels(one)], one.at))


def _labels(one: Sourced) -> tuple[str | None, str | None]:
    return one.example.type, one.example.priority


def basis(examples: Iterable[LabelledRequest], policies: Mapping[str, Policy]) -> str:
    """SHA-256 over the examples whatever their order, the policies' digests and scikit-learn's version."""
    lines = sorted(json.dumps(asdict(one), sort_keys=True) for one in examples)
    packs = [f"{name} {policies[name].digest}" for name in sorted(policies)]
    told = "\n".join([version("scikit-learn"), *packs, *lines])
    return sha256(told.encode()).hexdigest()


def gone(session: Session, only: str | None = None) -> dict[str, int]:
    """For each artefact (or this one) that was taught requests since erased, forgotten or removed: how many."""
    artefact, request = tables.artefacts.Artefact, tables.requests.Request
    said, forgotten, foreign = tables.requests.Interaction, tables.lessons.Forgotten, tables.lessons.ImportedRequest
    wanted = true() if only is None else artefact.id == only
    rows = select(artefact.id, func.unnest(artefact.taught).label("row")).where(wanted).subquery()
    each = rows.c.row
    blank = ~exists().where(said.request_id == request.id, ~said.new_text.regexp_match(BLANK))
    erased = exists().where(request.id == each, request.subject.regexp_match(BLANK), blank)
    missing = ~exists().where(request.id == each) & ~exists().where(foreign.id == each)
    lost = or_(missing, erased, exists().where(forgotten.request_id == each))
    counted = select(rows.c.id, func.count().label("number")).where(lost).group_by(rows.c.id)
    return {row.id: row.number for row in session.execute(counted)}
