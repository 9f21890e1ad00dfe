"""The public sets: how each is parted, what is measured on it, what others published."""

from collections.abc import Callable, Mapping, Sequence

import _classifier_rivals as rivals
from _classifier_rivals import RIVALS, Answers
from _classifier_rows import Asked, Line, say
from _classifier_tables import Parted, Row, folds, held_out, newest, read, sampled, stream

TYPE, PRIORITY = "type", "priority"
Figure = Callable[[Answers], float | None]
Sides = dict[str, Answers]
OURS = "ours"
SURE, OFTEN, SELDOM = 0.9, 0.05, 0.05
NOMINAL, CLOSE = 0.9, 0.025
"""A 90 % set may miss its share by two and a half points."""

SHIFT = "project A turns to S2 within the newest quarter: here some of that has been seen"
STREAM = "by date over all projects, the oldest quarter taught, each of the others told after it was asked"
ANCHORS = {
    "nlbse24": "published: fastText .718 · RoBERTa .792 · fine-tuned GPT-4o .807 · SetFit .827 (official test part)",
    "it_topics": "published: TF-IDF + LR .853 macro-F1 · DistilBERT .8725 accuracy",
    "pits": "majority .184 · LinearSVC .535",
    "mozilla_severity": "naive Bayes F1 .402",
    "bueck_tickets": "none published",
    "ohira_jira": "majority .42 macro-F1 of the type",
}
"""Others' figures on the same sets, from their own splits: an order of magnitude, no match."""


def sides(parts: Sequence[Parted], label: str, more: Mapping[str, Callable[[Parted, str], Answers]] = {}) -> Sides:
    """Our answers and everybody else's over the same folds."""
    everybody = {OURS: rivals.ours, **RIVALS, **more}
    return {name: rivals.joined([answer(part, label) for part in parts]) for name, answer in everybody.items()}


def line(
    part: str, name: str, found: Sides, figure: Figure, goal: float | None = None, *, most: bool = False, note: str = ""
) -> Line:
    """One figure of both sides; who cannot give it is left out."""
    theirs = {who: value for who, one in found.items() if who != OURS and (value := figure(one)) is not None}
    return Line(part=part, figure=name, ours=figure(found[OURS]), goal=goal, most=most, rivals=theirs, note=note)


def conformal(part: str, found: Sides, label: str) -> list[Line]:
    """How often our 90 % sets hold the truth, and how many labels they name."""
    told = found[OURS].conformal
    share = told.get("coverage")
    gap = None if share is None else abs(share - NOMINAL)
    note = "" if share is None else f"covered {share:.3f}, mean size {told.get('size', 0):.2f}"
    return [Line(part=part, figure=f"{label}: 90 % sets, gap to 90 %", ours=gap, goal=CLOSE, most=True, note=note)]


def nlbse24(asked: Asked) -> list[Line]:
    """Ten folds; macro-F1 of each repository, averaged. One classifier for each repository, and one for all.

    Both have the goal: the competition trains one for each, `classifier train` on the file makes one for all.
    """
    name, number = "nlbse24", 2 if asked.quick else 10
    rows = sampled(read(asked.folder, name), TYPE, asked.size(300))
    sources = sorted({row["source"] for row in rows})
    each = []
    for source in sources:
        say(f"{name}: {source}, {number} folds")
        each.append(sides(list(folds([row for row in rows if row["source"] == source], TYPE, number)), TYPE))
    alone = {who: [found[who] for found in each] for who in each[0]}
    say(f"{name}: all repositories together, {number} folds")
    parts = list(folds(rows, TYPE, number, within="source"))
    together = sides(parts, TYPE)
    order = [row["source"] for part in parts for row in part.asked]
    split = {who: [one.of([at for at, seen in enumerate(order) if seen == source]) for source in sources]
             for who, one in together.items()}  # fmt: skip
    spread = ", ".join(
        f"{source.split('/')[1]} {rivals.macro_f1(one):.3f}" for source, one in zip(sources, alone[OURS], strict=True)
    )
    return [
        _mean(name, "macro-F1, one classifier per repository", alone, 0.795, spread),
        _mean(name, "macro-F1, one classifier for all five", split, 0.795, "as `classifier train` makes of the file"),
        line(name, "calibration error, all five", together, rivals.calibration_error),
        *conformal(name, together, TYPE),
    ]


def _mean(part: str, figure: str, found: dict[str, list[Answers]], goal: float | None, note: str) -> Line:
    means = {who: sum(map(rivals.macro_f1, parts)) / len(parts) for who, parts in found.items()}
    return Line(part=part, figure=figure, ours=means.pop(OURS), goal=goal, rivals=means, note=note)


def it_topics(asked: Asked) -> list[Line]:
    """One row in five is asked."""
    name = "it_topics"
    rows = sampled(read(asked.folder, name), TYPE, asked.size(1500))
    say(f"{name}: {len(rows)} rows, one in five asked")
    found = sides([held_out(rows, TYPE, 5)], TYPE)
    return [
        line(name, "macro-F1", found, rivals.macro_f1, 0.86),
        line(name, "calibration error", found, rivals.calibration_error, 0.03, most=True),
        line(name, "coverage at 90 % accuracy", found, rivals.coverage(0.9), 0.91),
        line(name, "coverage at 95 % accuracy", found, rivals.coverage(0.95), 0.75),
        *conformal(name, found, TYPE),
    ]


def pits(asked: Asked) -> list[Line]:
    """The newest quarter of each project is asked, then the newest eighth; two rivals are told each answer.

    Within the newest quarter one project turns from S3 and S4 to S2, of which nobody trained before can know; what
    comes after such a turn is asked by the newest eighth.
    """
    name = "pits"
    rows = sampled(read(asked.folder, name), PRIORITY, asked.size(800))
    say(f"{name}: {len(rows)} rows, the newest quarter of each project asked")
    dated = {"last of project": rivals.last_of_project, "updated after each": rivals.updated}
    found = sides([newest(rows, "source", "created", 4)], PRIORITY, dated)
    later = sides([newest(rows, "source", "created", 8)], PRIORITY, dated)
    say(f"{name}: the oldest quarter taught, each of the others asked and then told")
    told = streamed(rows)
    return [
        line(name, "macro-F1", found, rivals.macro_f1, 0.52, note="with an encoder ≥ 0.55"),
        line(name, "quadratic weighted kappa", found, rivals.kappa, 0.51),
        line(name, "recall of S2 at precision ≥ 0.5", found, rivals.recall(frozenset({"S2"}), 0.5), 0.70),
        line(name, "accuracy", found, rivals.accuracy, note="trained once, against rivals told every answer"),
        *conformal(name, found, PRIORITY),
        line(name, "newest eighth: macro-F1", later, rivals.macro_f1, 0.52, note=SHIFT),
        line(name, "newest eighth: quadratic weighted kappa", later, rivals.kappa, 0.51),
        line(
            name, "newest eighth: recall of S2 at precision ≥ 0.5", later, rivals.recall(frozenset({"S2"}), 0.5), 0.70
        ),
        line(name, "newest eighth: accuracy", later, rivals.accuracy),
        line(name, "learnt at once: accuracy", told, rivals.accuracy, note=STREAM),
        line(name, "learnt at once: macro-F1", told, rivals.macro_f1),
        line(name, "learnt at once: calibration error", told, rivals.calibration_error),
    ]


def streamed(rows: Sequence[Row]) -> Sides:
    """Each row in the order of time is asked and then told: ours learning at once, and what else one may do."""
    parted = stream(rows, "created", 4)
    others = {
        "never told": rivals.ours,
        "refit every 100": rivals.refitted(100),
        "last of project": rivals.last_of_project,
        "updated after each": rivals.updated,
    }
    return {name: answer(parted, PRIORITY) for name, answer in {OURS: rivals.at_once, **others}.items()}


def mozilla_severity(asked: Asked) -> list[Line]:
    """One row in four is asked; there is a summary and no body."""
    name, worst = "mozilla_severity", frozenset({"blocker", "critical"})
    rows = sampled(read(asked.folder, name), PRIORITY, asked.size(1500))
    say(f"{name}: {len(rows)} rows, one in four asked")
    found = sides([held_out(rows, PRIORITY, 4)], PRIORITY)
    return [
        line(name, "quadratic weighted kappa", found, rivals.kappa, 0.60),
        line(name, "recall of blocker + critical at precision ≥ 0.7", found, rivals.recall(worst, 0.7), 0.77),
        line(name, "macro-F1", found, rivals.macro_f1),
        line(name, "calibration error", found, rivals.calibration_error),
        *conformal(name, found, PRIORITY),
    ]


def bueck_tickets(asked: Asked) -> list[Line]:
    """One row in four is asked; five languages."""
    name = "bueck_tickets"
    rows = sampled(read(asked.folder, name), TYPE, asked.size(700))
    say(f"{name}: {len(rows)} rows, one in four asked")
    parted = held_out(rows, TYPE, 4)
    found = sides([parted], TYPE)
    return [
        line(name, "macro-F1", found, rivals.macro_f1, 0.69, note=_by_language(parted.asked, found[OURS])),
        line(name, "calibration error", found, rivals.calibration_error),
        *conformal(name, found, TYPE),
    ]


def _by_language(asked: list[Row], answers: Answers) -> str:
    spoken = sorted({row["lang"] for row in asked})
    places = {one: [at for at, row in enumerate(asked) if row["lang"] == one] for one in spoken}
    return ", ".join(f"{one} {rivals.macro_f1(answers.of(at)):.3f}" for one, at in places.items())


def ohira_jira(asked: Asked) -> list[Line]:
    """Five folds. The priority cannot be told from these texts: a good classifier is sure of none of them."""
    name, number = "ohira_jira", 2 if asked.quick else 5
    rows = read(asked.folder, name)
    found = {}
    for label in (TYPE, PRIORITY):
        say(f"{name}: {label}, {number} folds")
        found[label] = sides(list(folds(sampled(rows, label, asked.size(400)), label, number)), label)
    asked_all, declined = len(found[PRIORITY][OURS].truth), found[PRIORITY][OURS].declined
    sure = sum(max(shares.values()) >= SURE for shares in found[PRIORITY][OURS].shares or ())
    return [
        line(name, "type: macro-F1", found[TYPE], rivals.macro_f1, 0.79),
        *conformal(name, found[TYPE], TYPE),
        line(name, "priority: coverage at 90 % accuracy", found[PRIORITY], rivals.coverage(0.9), OFTEN, most=True),
        Line(
            part=name,
            figure="priority: share it is 90 % sure of",
            ours=0.0 if declined == asked_all else sure / asked_all,
            goal=SELDOM,
            most=True,
            note=f"declined {declined} of {asked_all} by itself; {sure} given 90 % or more",
        ),
        line(name, "priority: macro-F1", found[PRIORITY], rivals.macro_f1),
        *conformal(name, found[PRIORITY], PRIORITY),
    ]
