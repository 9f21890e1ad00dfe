"""How good probabilities are, in plain numbers. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

BINS = 10

SEVERITIES = (
    {"blocker", "p0", "s1", "p1", "1", "sev1", "urgent", "highest"},
    {"critical", "s2", "p2", "2", "sev2"},
    {"major", "high", "s3", "p3", "3", "sev3"},
    {"normal", "medium", "s4", "p4", "4", "sev4"},
    {"minor", "low", "s5", "p5", "5", "sev5"},
    {"trivial", "lowest", "er", "enhancement"},
)
"""Common names of severities, the worst first."""

Shares = Mapping[str, float]


def severities(classes: set[str]) -> list[str]:
    """The classes from the most severe down, or nothing where one of them is no known severity."""
    place = {name: index for index, names in enumerate(SEVERITIES) for name in names}
    if not all(name.lower() in place for name in classes):
        return []
    return sorted(classes, key=lambda name: (place[name.lower()], name))


def cheapest(shares: Shares, order: Sequence[str], missed: float = 1.0, least: float = 0.0) -> str:
    """The class that costs least to be wrong with, `order` from the most severe down; of equals the more severe.

    Only the likeliest class and those whose share is at least `least` are in question.

    A mistake costs the number of levels it is off, and `missed` times that where the truth is more severe.
    """
    costs = dict.fromkeys(order, 0.0)
    for place, said in enumerate(order):
        for true, name in enumerate(order):
            costs[said] += shares.get(name, 0.0) * abs(place - true) * (missed if place > true else 1.0)
    likeliest = max(shares.get(name, 0.0) for name in order)
    believed = [name for name in order if shares.get(name, 0.0) >= min(least, likeliest)]
    return min(believed, key=lambda name: costs[name])


def accuracy(truth: Sequence[str], guessed: Sequence[str]) -> float:
    """Share of right guesses, from 0 to 1; 0 where there is nothing to guess."""
    return _share(sum(right == guess for right, guess in zip(truth, guessed, strict=True)), len(truth))


def by_class(truth: Sequence[str], guessed: Sequence[str]) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and number of each class that occurs in the truth or the guesses."""
    pairs = list(zip(truth, guessed, strict=True))
    found = {}
    for name in sorted({*truth, *guessed}):
        hits = sum(right == guess == name for right, guess in pairs)
        precision, recall = _share(hits, guessed.count(name)), _share(hits, truth.count(name))
        f1 = _share(2 * precision * recall, precision + recall)
        found[name] = {"precision": precision, "recall": recall, "f1": f1, "n": truth.count(name)}
    return found


def macro_f1(truth: Sequence[str], guessed: Sequence[str]) -> float:
    """Mean F1 over the classes that occur."""
    classes = by_class(truth, guessed)
    return _share(sum(one["f1"] for one in classes.values()), len(classes))


def calibration_error(truth: Sequence[str], shares: Sequence[Shares]) -> float:
    """Expected calibration error of the top guess: mean gap of confidence and accuracy over ten bins."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for right, row in zip(truth, shares, strict=True):
        guess = max(row, key=lambda name: row[name])
        bins[min(int(row[guess] * BINS), BINS - 1)].append((row[guess], guess == right))
    gaps = [abs(sum(share for share, _ in one) - sum(hit for _, hit in one)) for one in bins if one]
    return _share(sum(gaps), len(truth))


def kappa(truth: Sequence[str], guessed: Sequence[str], order: Sequence[str]) -> float:
    """Quadratic weighted kappa over ordered classes (Cohen 1968); 0 is chance, 1 is perfect."""
    place = {name: index for index, name in enumerate(order)}
    pairs = [(place[right], place[guess]) for right, guess in zip(truth, guessed, strict=True)]
    seen = sum((right - guess) ** 2 for right, guess in pairs)
    rights, guesses = Counter(right for right, _ in pairs), Counter(guess for _, guess in pairs)
    expected = sum(
        times * others * (right - guess) ** 2 for right, times in rights.items() for guess, others in guesses.items()
    )
    return 1 - _share(seen * len(pairs), expected) if expected else 0.0


def coverage(truth: Sequence[str], shares: Sequence[Shares], wanted: float) -> float:
    """Largest share of requests, the surest first, of which at least `wanted` are guessed right."""
    sure = sorted(
        (
            (max(row.values()), max(row, key=lambda name: row[name]) == right)
            for right, row in zip(truth, shares, strict=True)
        ),
        key=lambda pair: -pair[0],
    )
    best = max((count for count, hits in _thresholds(sure) if hits >= wanted * count), default=0)
    return _share(best, len(sure))


def conformal(truth: Sequence[str], shares: Sequence[Shares], floor: float) -> dict[str, float]:
    """How often the set of classes whose share is at least `floor` holds the right one, and how many it holds."""
    sets = [{name for name, share in row.items() if share >= floor} for row in shares]
    hits = sum(right in one for right, one in zip(truth, sets, strict=True))
    return {"coverage": _share(hits, len(sets)), "size": _share(sum(map(len, sets)), len(sets))}


def recall_at(truth: Sequence[str], shares: Sequence[Shares], name: str, precision: float) -> float:
    """Best recall of a class at a threshold that keeps this precision; 0 where none does."""
    ranked = sorted(
        ((row.get(name, 0.0), right == name) for row, right in zip(shares, truth, strict=True)),
        key=lambda pair: -pair[0],
    )
    best = max((hits for count, hits in _thresholds(ranked) if hits >= precision * count), default=0)
    return _share(best, list(truth).count(name))


def _thresholds(ranked: Sequence[tuple[float, bool]]) -> Iterator[tuple[int, int]]:
    """For each threshold of descending scores: how many reach it, and how many of those are hits."""
    hits = 0
    for count, (score, hit) in enumerate(ranked, start=1):
        hits += hit
        if count == len(ranked) or ranked[count][0] < score:
            yield count, hits


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
