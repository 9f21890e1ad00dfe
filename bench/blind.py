"""A cold start on requests nobody looked at while writing rules, phrases or the seed corpus (`bench/blind.jsonl`).

The artefact is the one every new installation trains from the seed corpus. Prints accuracy of type and priority by
policy, beside the share of the commonest label; recall and precision of the most severe level; and how often a
workaround, or a place other than production, was read that the author's own facts deny. Whoever changes rules, phrases
or the corpus must not read the file: a set that was looked at measures nothing any more. Exits 0.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from models.terms import Channel, Suggestion
from triage import classifier, training
from triage.policy import Policy, load_packs
from triage.suggest import suggest

FILE = Path(__file__).with_name("blind.jsonl")
EASED = frozenset({"yes", "easy", "stable"})
"""Values of the fact workaround by which a level may be lowered."""
Judged = tuple[dict[str, Any], Suggestion]


def main() -> None:
    """Train, suggest, count."""
    packs = load_packs()
    trained = training.train(training.seed_corpus(), packs)
    loaded = classifier.load(trained.content, trained.digest)
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    judged = [(row, made(packs[row["policy"]], loaded, row)) for row in rows]
    print(f"{len(rows)} requests, artefact {trained.id}")
    print("policy        n   type   most  priority   most  top recall  precision")
    for policy in sorted(packs):
        print(line(packs[policy], [one for one in judged if one[0]["policy"] == policy]))
    print(f"workaround read where there is none: {false(judged, 'workaround', 'no', EASED)}")
    elsewhere = frozenset({"staging", "development", "test"})
    print(f"production read as another place: {false(judged, 'environment', 'production', elsewhere)}")
    print(f"abstained: {sum(one.abstained for _, one in judged)}")


def made(policy: Policy, loaded: classifier.Classifier, row: dict[str, Any]) -> Suggestion:
    """What is suggested for one request, by its text alone."""
    return suggest(
        policy,
        loaded,
        channel=Channel(row["channel"]),
        subject=row["subject"],
        body=row["body"],
        language=row["language"],
    )


def line(policy: Policy, judged: list[Judged]) -> str:
    """One policy's figures."""
    kinds = [(row["type"], one.type.value if one.type else None) for row, one in judged]
    levels = [(row["priority"], one.priority.value if one.priority else None) for row, one in judged]
    top = policy.levels[0].value
    hits = sum(pair == (top, top) for pair in levels)
    recall = ratio(hits, sum(true == top for true, _ in levels))
    precision = ratio(hits, sum(said == top for _, said in levels))
    return (
        f"{policy.id:10} {len(judged):4} {share(kinds):6.3f} {commonest(kinds):6.3f} {share(levels):9.3f} "
        f"{commonest(levels):6.3f} {recall:11.2f} {precision:10.2f}"
    )


def share(pairs: list[tuple[str, str | None]]) -> float:
    """How many are right."""
    return ratio(sum(true == said for true, said in pairs), len(pairs))


def commonest(pairs: Iterable[tuple[str, str | None]]) -> float:
    """How many would be right by always saying the commonest label: the baseline."""
    counted = Counter(true for true, _ in pairs)
    return ratio(max(counted.values(), default=0), sum(counted.values()))


def false(judged: Iterable[Judged], name: str, truth: str, wrong: frozenset[str]) -> int:
    """How often a fact was read that the author's own facts deny."""
    found = [(row["facts"].get(name), {fact.name: fact.value for fact in one.facts}.get(name)) for row, one in judged]
    return sum(true == truth and said in wrong for true, said in found)


def ratio(part: int, whole: int) -> float:
    """A share; zero of nothing."""
    return part / whole if whole else 0.0


if __name__ == "__main__":
    main()
