"""How well and how fast facts are read from texts, on labelled requests (default: the seed corpus; or ARGS: files).

A line is an object with `subject`, `body`, `language` and `facts`, the facts that its author says the text states. For
each fact: how many texts state it, the share of readings that agree (precision; where the author names no value the
reading counts against it), the share of statements read with the right value (recall), and recall by language.

False easings are what leaves a customer waiting in the wrong queue: a workaround read where the author says there is
none or says nothing, a place other than production read where the author says production or says nothing.

Speed: CPU time of one thread for a text of 620 characters, p50 and p99 over texts of 300 to 1,200 characters, each the
best of three runs, beside two baselines of the same run on the same texts: scikit-learn's word and bigram counter
(`CountVectorizer`), and one scan for every phrase in turn. Then two hostile texts. Exits 1 above the goal.
"""

import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sklearn.feature_extraction.text import CountVectorizer

from triage import facts, prose
from triage.lexicon import lexicon

CORPUS = Path(facts.__file__).with_name("corpus")
EASED = frozenset({"yes", "easy", "stable"})
ELSEWHERE = frozenset({"staging", "development", "test"})
CHARACTERS, SHORTEST, LONGEST = 620, 300, 1200
GOAL_P50 = 0.001
HOSTILE = {"one word of 900 kB": "a" * 900_000, "a body of 10 MB": "no way around it. is there one? " * 320_000}
Row = dict[str, Any]
Judged = list[tuple[Row, dict[str, str]]]
"""Each request with the facts read from its text."""


def main(files: Iterable[Path]) -> int:
    """Read, count, time."""
    rows = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines() if line]
    judged = [(row, {one.name: one.value for one in facts.read(row["subject"], row["body"])}) for row in rows]
    print(f"{len(rows)} requests, {sum(len(row['facts']) for row in rows)} facts stated")
    accuracy(judged)
    easings(judged)
    return speed([(row["subject"], row["body"]) for row in rows])


def accuracy(judged: Judged) -> None:
    """Print a line for each fact that anybody states or that was read."""
    languages = sorted({str(row["language"]) for row, _ in judged})
    print(f"{'fact':<24}{'n':>5}{'precision':>11}{'recall':>8}  " + "".join(f"{name:>6}" for name in languages))
    for name in (*facts.VOCABULARY, "all"):
        names = tuple(facts.VOCABULARY) if name == "all" else (name,)
        stated, read, right = Counter[str](), 0, Counter[str]()
        for row, found in judged:
            for one in names:
                value, language = row["facts"].get(one), str(row["language"])
                stated[language] += value is not None
                read += one in found
                right[language] += value is not None and found.get(one) == value
        total = stated.total()
        if total or read:
            by_language = "".join(f"{share(right[one], stated[one]):>6}" for one in languages)
            shares = f"{share(right.total(), read):>11}{share(right.total(), total):>8}"
            print(f"{name:<24}{total:>5}{shares}  {by_language}")


def share(part: int, whole: int) -> str:
    """A share of 1, or a dash of nothing."""
    return f"{part / whole:.2f}" if whole else "-"


def easings(judged: Judged) -> None:
    """Print how often a request would wrongly have been taken for one that can wait, and which."""
    wrong = defaultdict(list)
    for row, found in judged:
        if found.get("workaround") in EASED and row["facts"].get("workaround") not in EASED:
            wrong["workaround", row["facts"].get("workaround", "nothing")].append(str(row["id"]))
        if found.get("environment") in ELSEWHERE and row["facts"].get("environment") not in ELSEWHERE:
            wrong["environment", row["facts"].get("environment", "nothing")].append(str(row["id"]))
    for fact, said in (("workaround", "no"), ("workaround", "nothing"),
                       ("environment", "production"), ("environment", "nothing")):  # fmt: skip
        ids = wrong[fact, said]
        print(f"false easing: {fact} read where the author says {said}: {len(ids)} {' '.join(ids)}")


def speed(texts: list[tuple[str, str]]) -> int:
    """Print times and their ratios with the baselines; 1 where the goal is missed."""
    timed = [(subject, body) for subject, body in texts if SHORTEST <= len(subject) + len(body) <= LONGEST]
    counter = CountVectorizer(ngram_range=(1, 2)).build_analyzer()
    patterns = [phrase.pattern for phrase in lexicon().phrases]
    sides: dict[str, Callable[[str, str], object]] = {
        "facts.read": facts.read,
        "CountVectorizer": lambda subject, body: Counter(counter(f"{subject}\n{body}")),
        "every phrase in turn": lambda subject, body: [one.search(f"{subject}\n{body}") for one in patterns],
    }
    spent = {name: percentiles(side, timed) for name, side in sides.items()}
    ours = spent["facts.read"]
    print(f"{len(timed)} texts, CPU time scaled to {CHARACTERS} characters")
    for name, (median, worst) in spent.items():
        ratio = f"x{median / ours[0]:.2f}"
        print(f"{name:<22} p50 {median * 1e3:6.3f} ms   p99 {worst * 1e3:6.3f} ms   {ratio:>7}")
    for name, text in HOSTILE.items():
        print(f"{name:<22} {cost(facts.read, '', text) * 1e3:10.1f} ms ({prose.MAX_CHARACTERS} characters are read)")
    return int(ours[0] > GOAL_P50)


def percentiles(side: Callable[[str, str], object], texts: list[tuple[str, str]]) -> tuple[float, float]:
    """Median and 99th percentile of seconds for a text of 620 characters."""
    costs = sorted(
        min(cost(side, subject, body) for _ in range(3)) * CHARACTERS / (len(subject) + len(body) + 2)
        for subject, body in texts
    )
    return costs[len(costs) // 2], costs[int(len(costs) * 0.99)]


def cost(side: Callable[[str, str], object], subject: str, body: str) -> float:
    """Seconds of CPU for one text."""
    started = time.process_time()
    side(subject, body)
    return time.process_time() - started


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]] or sorted(CORPUS.glob("*.jsonl"))))
