"""One line of the table: our figure, its goal, and what others reach on the same rows in the same run."""

import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

STARTED = time.monotonic()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A measured figure. Without a goal it only informs; `most` turns the goal into a limit."""

    part: str
    figure: str
    ours: float | None
    goal: float | None = None
    most: bool = False
    unit: str = ""
    rivals: Mapping[str, float | None] = field(default_factory=dict)
    note: str = ""

    @property
    def verdict(self) -> str:
        """Met, MISSED, "not there" where there is nothing to measure yet, or nothing where there is no goal."""
        if self.ours is None:
            return "not there"
        if self.goal is None:
            return ""
        return "met" if (self.ours <= self.goal if self.most else self.ours >= self.goal) else "MISSED"

    def as_json(self) -> dict[str, Any]:
        """For the file from which the pictures and the model card are made."""
        return asdict(self) | {"verdict": self.verdict}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a run is to measure: where the sets are, and whether a small part of everything will do."""

    folder: Path
    quick: bool = False

    def size(self, rows: int) -> int | None:
        """How many rows of a set are used: all, or so many in a quick run."""
        return rows if self.quick else None


def say(words: str) -> None:
    """A line on standard error, with the seconds since the start: long parts must not look stuck."""
    print(f"[{time.monotonic() - STARTED:6.0f} s] {words}", file=sys.stderr, flush=True)


def shown(value: float | None, unit: str = "") -> str:
    """A figure with as many places as it deserves."""
    if value is None:
        return "–"
    if unit == "count":
        return f"{value:.0f}"
    if unit == "%":
        return f"{value:.1%}"
    places = 3 if unit in {"", "×"} else 1 if abs(value) < 100 else 0
    return f"{value:,.{places}f} {unit}".rstrip()


def table(lines: list[Line]) -> str:
    """The lines as people read them, set by set."""
    width = max((len(line.figure) for line in lines), default=0)
    told, part = [], ""
    for line in lines:
        if line.part != part:
            part = line.part
            told.append(f"\n{part}")
        sign = "≤" if line.most else "≥"
        goal = "" if line.goal is None else f"{sign} {shown(line.goal, line.unit)}"
        rivals = " · ".join(f"{name} {shown(value, line.unit)}" for name, value in line.rivals.items())
        after = "   ".join(each for each in (rivals, line.note) if each)
        said = f"  {line.figure:{width}} {shown(line.ours, line.unit):>10} {goal:>12} {line.verdict:9} {after}"
        told.append(said.rstrip())
    return "\n".join(told)
