"""How the classifier's figures are laid out for readers: by policy, side by side, week by week. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from triage.classifier import PRIORITY, TYPE
from triage.desk.drift import ENOUGH_DECISIONS, highest
from triage.desk.scoring import MEANS
from triage.policy import Policy

WEEK, WEEKS = timedelta(days=7), 12
"""What agreement is counted in, and how far it is looked back: the last of the weeks ends now."""
STEP, HEIGHT, EDGE = 20.0, 100.0, 5.0
"""The drawing's units: a week's width, the whole height, and how far a band reaches beyond its outermost weeks."""
FIGURES = {"accuracy": "Accuracy", "macro_f1": "Macro-F1", "ece": "Calibration error"}
MEASURES = {
    "input_words": "Words",
    "unknown_words": "Unknown words",
    "types": "Types",
    "priorities": "Priorities",
    "labels": "Types and priorities",
    "languages": "Languages",
    "agreement_7_days": "Agreement, 7 days",
    "agreement_28_days": "Agreement, 28 days",
}
SOURCES = {"decisions": "decisions", "seed": "seed examples", "imports": "imports"}
SAME = 5e-4
"""Two figures closer than this read the same."""

Measurement = Mapping[str, Any]
"""Figures as `triage.desk.scoring.measured` shapes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A policy's figures: shares from 0 to 1, None where nothing was measured; `top` of its `top_n` top priorities."""

    policy: str
    n: int
    type: float | None
    priority: float | None
    top: float | None
    top_n: int
    ece: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One figure of the artefact in force and of a candidate; `gain` is above 0 where the candidate is better."""

    name: str
    running: float
    candidate: float
    gain: float
    of: int | None = None

    @property
    def verdict(self) -> str:
        """`better`, `worse` or `same`."""
        return "same" if abs(self.gain) < SAME else "better" if self.gain > 0 else "worse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """Seven days from `since`: how many suggestions were decided on, and how many of them confirmed."""

    since: datetime
    confirmed: int
    of: int

    @property
    def share(self) -> float | None:
        """The share that was confirmed; None where nothing was decided."""
        return self.confirmed / self.of if self.of else None

    @property
    def low(self) -> float:
        """The lowest share that still fits, at 95 % (Wilson 1927); 0 where nothing was decided."""
        return 1 - highest(self.of - self.confirmed, self.of) if self.of else 0.0

    @property
    def high(self) -> float:
        """The highest one; 1 where nothing was decided."""
        return highest(self.confirmed, self.of) if self.of else 1.0

    @property
    def is_enough(self) -> bool:
        """Whether there is enough to say something of this week."""
        return self.of >= ENOUGH_DECISIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """SVG paths in a box of `width` by 100: bands and lines of weeks in a row, dots, and where artefacts changed."""

    width: float
    bands: tuple[str, ...]
    lines: tuple[str, ...]
    sure: str
    unsure: str
    changes: str


def by_policy(figures: Measurement | None, policies: Mapping[str, Policy]) -> list[Line]:
    """Every policy's figures, in the order of the policies; those that nothing was measured for are not among them."""
    found = (figures or {}).get("policies") or {}
    return [_line(policy.name, found[name]) for name, policy in policies.items() if found.get(name)]


def _line(policy: str, labels: Measurement) -> Line:
    parts = [labels[name] for name in (TYPE, PRIORITY) if labels.get(name)]
    top = labels.get(PRIORITY) or {}
    return Line(
        policy=policy,
        n=max((one["n"] for one in parts), default=0),
        type=(labels.get(TYPE) or {}).get("accuracy"),
        priority=top.get("accuracy"),
        top=top.get("top_recall"),
        top_n=top.get("top_n") or 0,
        ece=_mean((one["ece"], one["n"]) for one in parts),
    )


def whole(lines: Iterable[Line], name: str) -> tuple[float | None, int]:
    """One figure over every policy, weighted by how many it was measured on; and how many those are."""
    number = "top_n" if name == "top" else "n"
    pairs = [(getattr(one, name), getattr(one, number)) for one in lines if getattr(one, name) is not None]
    return _mean(pairs), sum(n for _, n in pairs)


def _mean(pairs: Iterable[tuple[float, int]]) -> float | None:
    known = list(pairs)
    number = sum(n for _, n in known)
    return sum(value * n for value, n in known) / number if number else None


def side_by_side(running: Measurement, candidate: Measurement, policies: Mapping[str, Policy]) -> list[Pair]:
    """The means of two measurements on the same requests, then each policy's share of top priorities seen as such."""
    found = [_pair(FIGURES[name], running[name], candidate[name], lower=name == "ece") for name in MEANS]
    after = {one.policy: one.top for one in by_policy(candidate, policies)}
    for one in by_policy(running, policies):
        top = after.get(one.policy)
        if one.top is not None and top is not None:
            found.append(_pair(f"Top priority seen, {one.policy}", one.top, top, of=one.top_n))
    return found


def _pair(name: str, running: float, candidate: float, *, lower: bool = False, of: int | None = None) -> Pair:
    gain = running - candidate if lower else candidate - running
    return Pair(name=name, running=running, candidate=candidate, gain=gain, of=of)


def drawn(weeks: Sequence[Week], changed: Iterable[datetime]) -> Drawing:
    """The weeks as a picture; a week without decisions is a gap."""
    spots = [(place, week) for place, week in enumerate(weeks) if week.of]
    runs = [[week for _, week in some] for _, some in groupby(enumerate(spots), key=lambda pair: pair[1][0] - pair[0])]
    dots = [(f"M{_x(place)} {_y(week.share or 0)}h.01", week.is_enough) for place, week in spots]
    return Drawing(
        width=STEP * len(weeks),
        bands=tuple(_band(run) for run in runs),
        lines=tuple("M" + " ".join(f"{_x(at)} {_y(one.share or 0)}" for at, one in run) for run in runs if run[1:]),
        sure="".join(path for path, enough in dots if enough),
        unsure="".join(path for path, enough in dots if not enough),
        changes="".join(_changes(weeks, changed)),
    )


def _band(run: Sequence[tuple[int, Week]]) -> str:
    upper = [(_x(place), _y(week.high)) for place, week in run]
    lower = [(_x(place), _y(week.low)) for place, week in reversed(run)]
    ends = [(upper[-1][0] + EDGE, y) for y in (upper[-1][1], lower[0][1])]
    begins = [(upper[0][0] - EDGE, y) for y in (lower[-1][1], upper[0][1])]
    return "M" + " ".join(f"{x:g} {y:g}" for x, y in (*upper, *ends, *lower, *begins)) + "z"


def _changes(weeks: Sequence[Week], changed: Iterable[datetime]) -> Iterator[str]:
    for at in sorted(changed):
        place = (at - weeks[0].since) / WEEK if weeks else -1.0
        if 0 <= place <= len(weeks):
            yield f"M{place * STEP:g} 0v{HEIGHT:g}"


def _x(place: int) -> float:
    return (place + 0.5) * STEP


def _y(share: float) -> float:
    return round(HEIGHT * (1 - share), 2)


def measure_name(name: str, policies: Mapping[str, Policy]) -> str:
    """What a measure of drift is about: `types:wso2` is `Types, WSO2 …`."""
    kind, _, policy = name.partition(":")
    said = MEASURES.get(kind, kind.replace("_", " ").capitalize())
    return f"{said}, {policies[policy].name if policy in policies else policy}" if policy else said


def measure_state(measure: Mapping[str, Any]) -> tuple[str, str, str]:
    """Sign, words and class of a measure of drift."""
    if measure["drifted"] is None:
        return ("?", "nothing to compare with" if measure["value"] is not None else "too few to say", "unknown")
    return ("!", "worth a look", "look") if measure["drifted"] else ("✓", "as before", "applied")


def taught(counts: Mapping[str, Any]) -> str:
    """What an artefact was taught: `214 decisions, 612 seed examples, 0 imports`; empty where nobody wrote it down."""
    return ", ".join(f"{counts[name]} {said}" for name, said in SOURCES.items() if name in counts)


def points(share: float | None) -> str:
    """A share with one decimal, since a point decides here: `87.3 %`."""
    return "–" if share is None else f"{share * 100:.1f} %"


def looked_at(measures: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Measures of drift, those worth a look first, those with too little to say last."""
    return sorted(measures, key=lambda one: (one["drifted"] is None, not one["drifted"]))


def day(at: datetime) -> str:
    """A day as an axis has room for: `14 Nov`."""
    return f"{at:%-d %b}"


def days(span: timedelta) -> str:
    """A span in days: `7 days`, `0.5 days`; one is `day`, after *every*."""
    number = span / timedelta(days=1)
    return "day" if number == 1 else f"{number:g} days"
