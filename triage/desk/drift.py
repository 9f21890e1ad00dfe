"""Whether what comes in now is still what the classifier was taught, and whether engineers still agree with it.

Each measure says in words what it means and what to do, or that there is too little to say. Nothing is done by itself.
"""

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import tables
from models.terms import LabelledRequest, TriageState, Verdict
from triage.desk.reception import AUTOMATIC
from triage.desk.repeats import LONGEST, WORD

RECENT, LATELY, BEFORE = timedelta(days=28), timedelta(days=7), timedelta(days=180)
"""What is compared: the last four weeks, the last week, and the half year before the four weeks."""
ENOUGH_TEXTS, ENOUGH_LABELS, ENOUGH_DECISIONS = 50, 40, 20
"""Requests below which nothing is said of words and languages, of labels, and of agreement."""
FAR_WORDS, MANY_UNKNOWN, FAR_MIX = 0.15, 0.15, 0.15
"""Distances from which on it is worth a look, beyond what chance alone would give."""
SURE = 1.96
"""Standard errors of a 95 % interval."""
SAMPLES = 200
SHOWN = 8
"""Words that are shown as examples."""
PLURAL = {"type": "types", "priority": "priorities"}
PLENTY = 2000
"""Requests on both sides from which on chance is far below every limit."""
COMMON, FREQUENT = 3, 3000
"""A word is part of a profile if so many examples have it, and it is among so many most frequent ones."""
OTHER = ""
"""The word that stands for all words no profile has."""
MOST_TEXTS = 2000
"""Requests whose words are read for one measurement, the newest."""

Counts = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One figure and its limit; `drifted` is None where there are too few requests to say."""

    name: str
    value: float | None
    limit: float | None
    drifted: bool | None
    requests: int
    means: str
    advice: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


def profile(examples: Sequence[LabelledRequest]) -> dict[str, Any]:
    """The mix of words of examples: how many there were, and shares by word.

    Rare words are left to one share of all others, so that no person's name is kept.
    """
    counted, spread = Counter[str](), Counter[str]()
    for one in examples:
        mine = words(f"{one.subject}\n{one.body}")
        counted.update(mine)
        spread.update(set(mine))
    whole = max(counted.total(), 1)
    common = [word for word in sorted(counted, key=lambda one: (-counted[one], one)) if spread[word] >= COMMON]
    kept = {word: round(counted[word] / whole, 7) for word in common[:FREQUENT]}
    return {"examples": len(examples), "words": kept}


def words(text: str) -> list[str]:
    """The words of a text as profiles count them: folded, without numbers."""
    return [word for word in WORD.findall(text[:LONGEST].casefold()) if not word[0].isdigit()]


def measure(session: Session, now: datetime) -> list[Measure]:
    """Every measure there is, on what came in until `now`."""
    running = tables.artefacts.running(session)
    taught = running.profile if running else {}
    return [*_input(session, taught, now), *_labels(session, now), _languages(session, now), *_agreement(session, now)]


def _input(session: Session, taught: Mapping[str, Any], now: datetime) -> list[Measure]:
    request, said = tables.requests.Request, tables.requests.Interaction
    newest = select(request.id).where(request.received_at > now - RECENT, request.received_at <= now)
    ids = newest.order_by(request.received_at.desc()).limit(MOST_TEXTS).subquery()
    own = ~said.note.startswith(AUTOMATIC)
    texts = select(said.request_id, said.subject, said.new_text).join(ids, ids.c.id == said.request_id).where(own)
    by_request: dict[Any, list[str]] = {}
    for owner, subject, text in session.execute(texts):
        by_request.setdefault(owner, []).extend(words(f"{subject}\n{text}"))
    found = Counter(word for one in by_request.values() for word in one)
    number = sum(bool(one) for one in by_request.values())
    known: dict[str, float] = dict(taught.get("words") or {})
    if not known:
        why = "No artefact with a record of its words is in force: run switchboard classifier retrain."
        return [_unsaid(name, number, why) for name in ("input_words", "unknown_words")]
    if number < ENOUGH_TEXTS:
        return [_too_few(name, number, ENOUGH_TEXTS) for name in ("input_words", "unknown_words")]
    return [_word_mix(found, known, number), _unknown(found, known, number)]


def _word_mix(found: Counter[str], known: Mapping[str, float], number: int) -> Measure:
    whole = found.total()
    now_ = {word: found[word] / whole for word in known} | {OTHER: 0.0}
    now_[OTHER] = max(1 - sum(now_.values()), 0.0)
    then = {**known, OTHER: max(1 - sum(known.values()), 0.0)}
    distance, chance = divergence(now_, then), _chance_of(then, whole)
    drifted = distance - chance > FAR_WORDS
    means = (
        f"Words are used {distance:.2f} apart from the training texts (0: alike, 1: nothing in common); "
        f"{chance:.2f} would be chance for as many words."
    )
    most = [word for word in sorted(now_, key=lambda one: (then[one] - now_[one], one)) if word != OTHER][:SHOWN]
    if drifted:
        means += f" More often than taught: {', '.join(most)}."
    return Measure(
        name="input_words",
        value=round(distance, 4),
        limit=round(chance + FAR_WORDS, 4),
        drifted=drifted,
        requests=number,
        means=means,
        advice="Decide more of these requests, import history of this kind, and retrain." if drifted else "",
        detail={"more_often_than_taught": most},
    )


def _unknown(found: Counter[str], known: Mapping[str, float], number: int) -> Measure:
    share = sum(count for word, count in found.items() if word not in known) / max(found.total(), 1)
    usual = max(1 - sum(known.values()), 0.0)
    drifted = share - usual > MANY_UNKNOWN
    return Measure(
        name="unknown_words",
        value=round(share, 4),
        limit=round(usual + MANY_UNKNOWN, 4),
        drifted=drifted,
        requests=number,
        means=f"{share:.0%} of the words are none the classifier knows well; in its training texts it was {usual:.0%}.",
        advice="A new product, customer or language? Decide such requests first, then retrain." if drifted else "",
    )


def _labels(session: Session, now: datetime) -> list[Measure]:
    """For each policy and label: the mix of decisions in the last four weeks against the half year before."""
    row = tables.requests.Request
    decided = select(row.policy, row.decided_type, row.decided_priority, row.decided_at)
    wanted = decided.where(row.state == TriageState.DECIDED, row.decided_at > now - BEFORE - RECENT)
    mixes: dict[tuple[str, str], tuple[Counter[str], Counter[str]]] = {}
    for policy, kind, level, at in session.execute(wanted.where(row.decided_at <= now)):
        for name, value in (("type", kind), ("priority", level)):
            if value and at:
                lately, before = mixes.setdefault((policy, name), (Counter(), Counter()))
                (lately if at > now - RECENT else before)[value] += 1
    found = [
        _mixed(f"{PLURAL[label]}:{policy}", f"{label} mix of {policy}", lately, before, ENOUGH_LABELS)
        for (policy, label), (lately, before) in sorted(mixes.items())
    ]
    return found or [_too_few("labels", 0, ENOUGH_LABELS)]


def _languages(session: Session, now: datetime) -> Measure:
    row = tables.requests.Request
    is_recent = row.received_at > now - RECENT
    wanted = select(row.language, is_recent, func.count()).where(row.language.is_not(None), row.received_at <= now)
    lately, before = Counter[str](), Counter[str]()
    since = wanted.where(row.received_at > now - BEFORE - RECENT)
    for language, recent, number in session.execute(since.group_by(row.language, is_recent)):
        (lately if recent else before)[language or OTHER] += number
    return _mixed("languages", "mix of languages", lately, before, ENOUGH_TEXTS)


def _mixed(name: str, what: str, lately: Counter[str], before: Counter[str], enough: int) -> Measure:
    if min(lately.total(), before.total()) < enough:
        return _too_few(name, min(lately.total(), before.total()), enough)
    apart, chance = variation(lately, before), _by_chance(lately, before)
    drifted = apart > max(chance, FAR_MIX)
    moved = max(sorted({*lately, *before}), key=lambda one: abs(_share(lately, one) - _share(before, one)))
    means = (
        f"The {what} of the last {RECENT.days} days differs by {apart:.0%} from the half year before; "
        f"up to {chance:.0%} is chance. "
        f"Most moved {moved}: from {_share(before, moved):.0%} to {_share(lately, moved):.0%}."
    )
    return Measure(
        name=name,
        value=round(apart, 4),
        limit=round(max(chance, FAR_MIX), 4),
        drifted=drifted,
        requests=lately.total(),
        means=means,
        advice="Ask what changed (a release, a customer, a habit of deciding); then retrain." if drifted else "",
    )


def _agreement(session: Session, now: datetime) -> list[Measure]:
    """How often engineers confirmed what was suggested: the last 7 and 28 days against the half year before."""
    row = tables.requests.Decision
    ages = select(row.decided_at, row.verdict).where(row.verdict != Verdict.UNDONE, row.suggestion_id.is_not(None))
    rows = session.execute(ages.where(row.decided_at > now - BEFORE - RECENT, row.decided_at <= now)).all()
    before = [verdict is Verdict.CONFIRMED for at, verdict in rows if at <= now - RECENT]
    found = []
    for span in (LATELY, RECENT):
        lately = [verdict is Verdict.CONFIRMED for at, verdict in rows if at > now - span]
        found.append(_agreed(f"agreement_{span.days}_days", lately, before, span))
    return found


def _agreed(name: str, lately: list[bool], before: list[bool], span: timedelta) -> Measure:
    if len(lately) < ENOUGH_DECISIONS:
        return _too_few(name, len(lately), ENOUGH_DECISIONS, "decisions")
    share = sum(lately) / len(lately)
    told = f"Engineers confirmed {share:.0%} of {len(lately)} suggestions in the last {span.days} days"
    if len(before) < ENOUGH_DECISIONS:
        means = f"{told}; there are too few decisions before ({len(before)} of {ENOUGH_DECISIONS}) to compare with."
        return Measure(name=name, value=round(share, 4), limit=None, drifted=None, requests=len(lately), means=means)
    usual = sum(before) / len(before)
    drifted = highest(sum(lately), len(lately)) < usual
    return Measure(
        name=name,
        value=round(share, 4),
        limit=round(usual, 4),
        drifted=drifted,
        requests=len(lately),
        means=f"{told}, {usual:.0%} in the half year before.",
        advice="Read corrected requests together; if the classifier is wrong, retrain or roll back." if drifted else "",
    )


def divergence(one: Counts, other: Counts) -> float:
    """Jensen-Shannon distance of two mixes of shares, from 0 to 1 (root of the divergence in bits; Lin 1991)."""
    total = 0.0
    for name in {*one, *other}:
        mine, yours = one.get(name, 0.0), other.get(name, 0.0)
        middle = (mine + yours) / 2
        total += sum(share * math.log2(share / middle) / 2 for share in (mine, yours) if share > 0)
    return math.sqrt(max(total, 0.0))


def variation(one: Counter[str], other: Counter[str]) -> float:
    """Share of requests that would have to have another label to make two mixes equal (total variation), 0 to 1."""
    return sum(abs(_share(one, name) - _share(other, name)) for name in {*one, *other}) / 2


def highest(hits: int, number: int) -> float:
    """The highest share that so many hits of so many still fit, at 95 % (Wilson 1927)."""
    share, square = hits / number, SURE**2
    middle = share + square / (2 * number)
    return (middle + SURE * math.sqrt(share * (1 - share) / number + square / (4 * number**2))) / (1 + square / number)


def _chance_of(shares: Counts, number: int) -> float:
    """The distance of a sample of so many words from the mix it was drawn from."""
    dice = random.Random(0)  # noqa: S311 - the same figures every time, no secrecy
    drawn = Counter(dice.choices(list(shares), list(shares.values()), k=number))
    return divergence({name: count / number for name, count in drawn.items()}, shares)


def _by_chance(one: Counter[str], other: Counter[str]) -> float:
    """The variation that 95 of 100 random divisions of the same requests stay below."""
    if min(one.total(), other.total()) > PLENTY:
        return 0.0
    dice = random.Random(0)  # noqa: S311 - the same
    pooled = sorted([*one.elements(), *other.elements()])
    found = []
    for _ in range(SAMPLES):
        dice.shuffle(pooled)
        found.append(variation(Counter(pooled[: one.total()]), Counter(pooled[one.total() :])))
    return sorted(found)[int(SAMPLES * 0.95)]


def _share(counts: Counter[str], name: str) -> float:
    return counts[name] / max(counts.total(), 1)


def _too_few(name: str, number: int, needed: int, what: str = "requests") -> Measure:
    return _unsaid(name, number, f"Too few {what} to say: {number}, and {needed} are needed.")


def _unsaid(name: str, number: int, why: str) -> Measure:
    return Measure(name=name, value=None, limit=None, drifted=None, requests=number, means=why)


def drifted(measures: Iterable[Measure]) -> list[Measure]:
    """Those beyond their limit."""
    return [one for one in measures if one.drifted]
