"""Tables of labelled requests, and how they are parted into rows that teach and rows that are asked."""

import csv
import gzip
import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

Row = dict[str, str]

SETS = ("nlbse24", "it_topics", "pits", "mozilla_severity", "bueck_tickets", "ohira_jira")
LONGEST_FIELD = 10_000_000
SEED = 5


class Parted(NamedTuple):
    """Rows a classifier learns from, and rows it is asked about."""

    taught: list[Row]
    asked: list[Row]


def path(folder: Path, name: str) -> Path:
    """Where a set is kept."""
    return folder / f"{name}.train.csv.gz"


def absent(folder: Path) -> list[str]:
    """The sets that are not in a folder."""
    return [name for name in SETS if not path(folder, name).is_file()]


def read(folder: Path, name: str) -> list[Row]:
    """Every row of a set, in the file's order."""
    csv.field_size_limit(LONGEST_FIELD)
    with gzip.open(path(folder, name), "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def text(row: Row) -> str:
    """What a baseline sees of a row."""
    return f"{row.get('subject') or ''}\n{row.get('body') or ''}"


def dealt(keys: Sequence[Hashable], hands: int) -> list[int]:
    """A hand for each place, such that the places of one key are spread evenly; the same in every run."""
    places: dict[Hashable, list[int]] = {key: [] for key in keys}
    order = list(range(len(keys)))
    random.Random(SEED).shuffle(order)  # noqa: S311 - the same deal in every run
    for place in order:
        places[keys[place]].append(place)
    # Key after key, like cards: the next key goes on where the last one stopped, so that hands stay equally large.
    turns = [place for each in places.values() for place in each]
    hand = {place: turn % hands for turn, place in enumerate(turns)}
    return [hand[place] for place in range(len(keys))]


def folds(rows: Sequence[Row], label: str, number: int, within: str = "") -> Iterator[Parted]:
    """Stratified cross-validation: each row is asked once; with `within`, strata of that column too."""
    hands = dealt([(row.get(within), row[label]) for row in rows], number)
    for hand in range(number):
        yield _parted(rows, [each == hand for each in hands])


def held_out(rows: Sequence[Row], label: str, one_in: int) -> Parted:
    """A stratified hold-out: one row in so many is asked."""
    return _parted(rows, [hand == 0 for hand in dealt([row[label] for row in rows], one_in)])


def newest(rows: Sequence[Row], within: str, dated: str, one_in: int) -> Parted:
    """The newest rows of each project are asked, one in so many; a row without a date counts as old.

    Both parts come in the order of time, so that whoever learns while being asked learns from the past.
    """
    projects: dict[str, list[int]] = defaultdict(list)
    for place in sorted(range(len(rows)), key=lambda place: (rows[place][dated], place)):
        projects[rows[place][within]].append(place)
    late = {place for places in projects.values() for place in places[len(places) - len(places) // one_in :]}
    ordered = [rows[place] for place in sorted(range(len(rows)), key=lambda place: (rows[place][dated], place))]
    asked = {id(rows[place]) for place in late}
    return _parted(ordered, [id(row) in asked for row in ordered])


def stream(rows: Sequence[Row], dated: str, one_in: int) -> Parted:
    """The oldest rows teach, one in so many; all others are asked, in the order of time."""
    ordered = sorted(rows, key=lambda row: row[dated])
    return Parted(ordered[: len(rows) // one_in], ordered[len(rows) // one_in :])


def sampled(rows: list[Row], label: str, size: int | None) -> list[Row]:
    """About so many rows, each label with its share, in the order given; all of them where there is no size."""
    if not size or size >= len(rows):
        return rows
    places = list(range(len(rows)))
    random.Random(SEED).shuffle(places)  # noqa: S311 - the same sample in every run
    whole, seen, kept = Counter(row[label] for row in rows), Counter[str](), set()
    for place in places:
        name = rows[place][label]
        if seen[name] < whole[name] * size / len(rows):
            kept.add(place)
        seen[name] += 1
    return [row for place, row in enumerate(rows) if place in kept]


def drawn(rows: list[Row], size: int, draw: int) -> Parted:
    """So many rows drawn at random teach, all others are asked; another draw draws others."""
    order = list(range(len(rows)))
    random.Random(f"{SEED} {draw}").shuffle(order)  # noqa: S311 - the same draws in every run
    chosen = set(order[:size])
    return _parted(rows, [place not in chosen for place in range(len(rows))])


def _parted(rows: Sequence[Row], asked: Sequence[bool]) -> Parted:
    pairs = list(zip(rows, asked, strict=True))
    return Parted([row for row, yes in pairs if not yes], [row for row, yes in pairs if yes])
