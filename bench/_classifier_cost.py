"""What a suggestion and a training cost, beside scikit-learn's own pipeline on the same texts; and a new customer."""

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import cycle, product
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any

import _classifier_rivals as rivals
from _classifier_requests import corpus, first, learnt
from _classifier_rivals import complete
from _classifier_rows import Asked, Line, say
from _classifier_tables import drawn, read, sampled, text

from models.terms import Channel
from triage import classifier, facts, training
from triage.policy import load_packs
from triage.suggest import suggest

TYPE = "type"
CHARACTERS = 620
BATCH = 50
CHILD = Path(__file__).with_name("_classifier_child.py")
POLICY = "wso2"


def texts(number: int) -> list[str]:
    """Different texts of 620 characters, sentences of the seed corpus in any order; the same in every run."""
    sentences = [
        sentence.strip()
        for body in dict.fromkeys(one.body for one in training.seed_corpus())
        for sentence in re.split(r"(?<=[.!?])\s+|\n+", body)
        if len(sentence.strip()) > 20
    ]
    chosen = random.Random(CHARACTERS)  # noqa: S311 - the same texts in every run
    found = []
    for _ in range(number):
        made = ""
        while len(made) < CHARACTERS:
            made = f"{made} {chosen.choice(sentences)}".lstrip()
        found.append(made[:CHARACTERS])
    return found


def microseconds(work: Callable[[str], Any], given: Sequence[str]) -> list[float]:
    """CPU time of each call; the first few calls, which fill caches of patterns and tables, do not count."""
    for one in given[:5]:
        work(one)
    times = []
    for one in given:
        started = time.process_time_ns()
        work(one)
        times.append((time.process_time_ns() - started) / 1000)
    return times


def percentile(times: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    return sorted(times)[min(int(len(times) * share), len(times) - 1)]


def speed(asked: Asked) -> list[Line]:
    """One item of 620 characters, CPU time; everybody in turn on other texts in each round."""
    rounds, number = (3, 40) if asked.quick else (7, 300)
    packs, examples = load_packs(), corpus(quick=asked.quick)
    rows = sampled(read(asked.folder, "nlbse24"), TYPE, asked.size(300))
    say(f"speed: training what is timed; {rounds} rounds of {number} texts")
    typed = training.train_label(rows, TYPE)
    whole, single = first(quick=asked.quick), classifier.load(typed.content, typed.digest)
    policy = packs[POLICY]
    own = [one for one in examples if one.policy == POLICY and one.priority]
    small = complete().fit([one.body for one in own], [one.priority for one in own])
    large = complete().fit([text(row) for row in rows], [row[TYPE] for row in rows])
    read_before = {one: facts.read("", one) for one in texts(rounds * number)}
    work: dict[str, Callable[[str], Any]] = {
        "scikit-learn, seed corpus": lambda one: small.predict_proba([one]),
        "scikit-learn, nlbse24": lambda one: large.predict_proba([one]),
        "type model": lambda one: single.rank(training.ANY_POLICY, "", one, ()),
        "both heads of a policy": lambda one: whole.rank(POLICY, "", one, read_before[one]),
        "facts": lambda one: facts.read("", one),
        "suggest, everything": lambda one: suggest(
            policy, whole, channel=Channel.EMAIL, subject="", body=one, language="en"
        ),
    }
    given = list(read_before)
    batches = _batches(work["suggest, everything"], small, given, rounds)
    times: dict[str, list[list[float]]] = {name: [] for name in work}
    for at in range(rounds):
        for name, each in work.items():
            times[name].append(microseconds(each, given[at * number : (at + 1) * number]))
    return [*_speeds(times), batches]


def _batches(one: Callable[[str], Any], small: Any, given: Sequence[str], rounds: int) -> Line:
    """Fifty at once: ours has nothing to gain from it, scikit-learn's bookkeeping is shared."""
    ratios = []
    for at in range(rounds):
        some = given[at * BATCH : (at + 1) * BATCH]
        started = time.process_time_ns()
        for each in some:
            one(each)
        middle = time.process_time_ns()
        small.predict_proba(some)
        ratios.append((middle - started) / (time.process_time_ns() - middle))
    return Line(
        part="speed", figure=f"suggest, everything / predict_proba, batches of {BATCH}", ours=median(ratios), goal=1.0,
        most=True, unit="×", note=f"rounds {min(ratios):.2f} to {max(ratios):.2f}",
    )  # fmt: skip


def _speeds(times: dict[str, list[list[float]]]) -> list[Line]:
    small, large = times["scikit-learn, seed corpus"], times["scikit-learn, nlbse24"]
    told = [
        *_percentiles("type model", times["type model"], large, 250, 1000),
        *_percentiles("both heads of a policy", times["both heads of a policy"], small, None, None),
        *_percentiles("facts", times["facts"], small, 1000, None),
        *_percentiles("suggest, everything", times["suggest, everything"], small, None, None),
    ]
    ratios = [median(ours) / median(theirs) for ours, theirs in zip(times["suggest, everything"], small, strict=True)]
    told.append(
        Line(part="speed", figure="suggest, everything / scikit-learn's predict_proba", ours=median(ratios), goal=2.0,
             most=True, unit="×", note=f"rounds {min(ratios):.2f} to {max(ratios):.2f}")
    )  # fmt: skip
    return told


def _percentiles(
    name: str, ours: list[list[float]], theirs: list[list[float]], p50: float | None, p99: float | None
) -> list[Line]:
    told = []
    for share, goal in ((0.5, p50), (0.99, p99)):
        mine, base = ([percentile(one, share) for one in each] for each in (ours, theirs))
        told.append(
            Line(
                part="speed",
                figure=f"{name}, p{share * 100:.0f}",
                ours=median(mine),
                goal=goal,
                most=True,
                unit="µs",
                rivals={"scikit-learn": median(base)},
                note=f"ratio {median(mine) / median(base):.2f}, rounds {min(mine):,.0f} to {max(mine):,.0f} µs",
            )
        )
    return told


def learning(asked: Asked) -> list[Line]:
    """A full refit of 10,000 in processes of its own, its memory, its digest; one confirmation learnt."""
    number, turns = (800, 1) if asked.quick else (10_000, 3)
    found: dict[str, list[dict[str, Any]]] = {"ours": [], "plain": [], "seed": []}
    with TemporaryDirectory() as folder:
        table = Path(folder) / "rows.json"
        table.write_text(json.dumps(sampled(read(asked.folder, "it_topics"), TYPE, number)), encoding="utf-8")
        for turn in range(turns):
            for who in ("ours", "plain"):
                say(f"learning: {who}, {number} rows, turn {turn + 1} of {turns}")
                found[who].append(_child(turn, who, str(table), TYPE))
        if turns == 1:
            found["ours"].append(_child(2, "ours", str(table), TYPE))
    for turn in range(0 if asked.quick else 2):
        say(f"learning: the seed corpus, turn {turn + 1} of 2")
        found["seed"].append(_child(turn, "seed"))
    seconds = {who: median(one["seconds"] for one in each) for who, each in found.items() if each}
    ratio = seconds["ours"] / seconds["plain"]
    digests = {who: float(len({one["digest"] for one in each})) for who, each in found.items() if each}
    return [
        Line(part="learning", figure=f"full refit of {number:,}, clock", ours=seconds["ours"], goal=60.0, most=True,
             unit="s", rivals={"TF-IDF + LR": seconds["plain"]}, note=f"ratio {ratio:.1f}"),
        Line(part="learning", figure="first artefact from the seed corpus, clock", ours=seconds.get("seed"), unit="s"),
        Line(part="learning", figure="highest memory of the refit", ours=max(one["peak_mb"] for one in found["ours"]),
             goal=2048.0, most=True, unit="MB", rivals={"TF-IDF + LR": max(one["peak_mb"] for one in found["plain"])}),
        *[Line(part="learning", figure=f"different digests of {what}", ours=digests.get(who), goal=1.0, most=True,
               unit="count", note=f"{len(found[who])} processes, other hash seeds")
          for what, who in (("one table", "ours"), ("the corpus", "seed"))],
        one_confirmation(asked),
    ]  # fmt: skip


def _child(turn: int, *words: str) -> dict[str, Any]:
    """One training elsewhere, with a hash seed of its own."""
    surroundings = os.environ | {"PYTHONHASHSEED": str(turn + 1)}
    argv = [sys.executable, str(CHILD), *words]
    done = subprocess.run(argv, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def one_confirmation(asked: Asked) -> Line:
    """CPU time until one decision is learnt: its facts read, both heads of the policy moved."""
    # Its own classifier: the one of other parts must stay as it was trained.
    whole = learnt(load_packs(), corpus(quick=asked.quick))
    policy = load_packs()[POLICY]
    labels = cycle(product([one.value for one in policy.types], [one.value for one in policy.levels]))

    def confirm(said: str) -> None:
        kind, level = next(labels)
        given = {classifier.TYPE: kind, classifier.PRIORITY: level}
        whole.learn(POLICY, "", said, facts.read("", said), given=given)

    times = [one / 1000 for one in microseconds(confirm, texts(asked.size(40) or 300))]
    note = f"99 of 100 within {percentile(times, 0.99):.1f} ms; no refit"
    return Line(
        part="learning", figure="one confirmation", ours=median(times), goal=10.0, most=True, unit="ms", note=note
    )


def customer(asked: Asked) -> tuple[list[Line], dict[str, Any]]:
    """A new customer's first labelled examples: points of accuracy over the majority, mean of the draws."""
    draws, most = (1, 400) if asked.quick else (5, 1_500)
    sizes = (50,) if asked.quick else (25, 50, 100, 200, 300)
    told, curves = [], {}
    for name in ("nlbse24", "it_topics"):
        rows = sampled(read(asked.folder, name), TYPE, most)
        points = []
        for size in sizes:
            say(f"customer: {name}, {size} examples, {draws} draws")
            points.append({"examples": size} | _gains(rows, size, draws))
        curves[name] = points
        fifty = next(point for point in points if point["examples"] == 50)
        told.append(
            Line(part="customer", figure=f"{name}: 50 examples, points over the majority", ours=fifty["ours"] * 100,
                 goal=20.0, rivals={who: fifty[who] * 100 for who in fifty if who not in {"examples", "ours"}},
                 unit="points", note=" · ".join(f"{point['examples']}: {point['ours'] * 100:.1f}" for point in points))
        )  # fmt: skip
    return told, {"customer": curves}


def _gains(rows: list[dict[str, str]], size: int, draws: int) -> dict[str, float]:
    """Accuracy above that of always saying the commonest label of those asked about."""
    sides = {"ours": rivals.ours} | {name: rival for name, rival in rivals.RIVALS.items() if name != "majority"}
    gains: dict[str, list[float]] = {name: [] for name in sides}
    for draw in range(draws):
        parted = drawn(rows, size, draw)
        truth = [row[TYPE] for row in parted.asked]
        floor = max(truth.count(name) for name in set(truth)) / len(truth)
        for name, side in sides.items():
            gains[name].append(rivals.accuracy(side(parted, TYPE)) - floor)
    return {name: round(mean(each), 4) for name, each in gains.items()}
