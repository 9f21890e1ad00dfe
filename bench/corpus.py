"""What the seed corpus repeats and what it lacks (`triage/corpus/*.jsonl`), for whoever writes the next texts.

Prints the pairs of texts that are most alike, by the share of three-word sequences they have in common, and the
sequences of five words that most texts begin or go on with: templates filled with synonyms teach the template. Then
the gaps: for each policy and label how many texts there are by language and channel, the cells without one, the texts
that few policies judge, and the facts that no text states. Exits 0; what must hold is held by the tests.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from triage.facts import VOCABULARY
from triage.policy import Policy, load_packs

ALIKE = 0.5
"""Share of common three-word sequences from which two texts count as one template filled twice."""
NEAR = 10
"""Pairs and sequences that are shown although they are no duplicates: the next ones to look at."""
SHINGLE, SEQUENCE = 3, 5
LANGUAGES, CHANNELS = ("en", "de", "fr", "es"), ("email", "phone", "portal")
CELLS = tuple(product(LANGUAGES, CHANNELS))
LABELS = ("type", "level")
OPEN = "(open)"
Text = Mapping[str, Any]


class Pair(NamedTuple):
    """Two texts by their places, and the share of their three-word sequences that is common to both."""

    share: float
    one: int
    other: int


def main() -> None:
    """Read, compare, count, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--alike", type=float, default=ALIKE, help="share from which a pair is a near-duplicate")
    asked = parser.parse_args()
    texts, packs = read(), load_packs()
    print(f"{len(texts)} texts, {sum(len(one['labels']) for one in texts)} judgements")
    show_alike(texts, asked.alike)
    for policy in sorted(packs):
        show_policy(texts, packs[policy])
    show_few(texts)
    show_facts(texts)


def read() -> list[Text]:
    """Every text of the corpus, as its file has it."""
    entries = sorted(files("triage").joinpath("corpus").iterdir(), key=lambda entry: entry.name)
    return [
        json.loads(line)
        for entry in entries
        if entry.name.endswith(".jsonl")
        for line in entry.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]


def sequences(text: Text, length: int) -> set[str]:
    """The words in a row that a text has, title and body together, in lower case."""
    words = re.findall(r"\w+", f"{text['subject']} {text['body']}".lower())
    return {" ".join(words[at : at + length]) for at in range(len(words) - length + 1)}


def alike(texts: Sequence[Text]) -> list[Pair]:
    """Every pair of texts with a three-word sequence in common, the most alike first.

    By a product of sparse matrices: three thousand texts take a second, where comparing each pair takes minutes.
    """
    known: dict[str, int] = {}
    columns: list[int] = []
    ends = [0]
    for text in texts:
        columns += [known.setdefault(each, len(known)) for each in sequences(text, SHINGLE)]
        ends.append(len(columns))
    has = csr_matrix((np.ones(len(columns), dtype=np.int32), columns, ends), shape=(len(texts), len(known)))
    common = (has @ has.T).tocoo()
    upper = common.row < common.col
    one, other, both = common.row[upper], common.col[upper], common.data[upper]
    sizes = np.diff(has.indptr)
    shares = both / (sizes[one] + sizes[other] - both)
    ranked = np.lexsort((other, one, -shares))
    return [Pair(float(shares[at]), int(one[at]), int(other[at])) for at in ranked]


def show_alike(texts: Sequence[Text], wanted: float) -> None:
    """Near-duplicates, the pairs next to them, and the commonest sequences of words."""
    pairs = alike(texts)
    found = [pair for pair in pairs if pair.share >= wanted]
    print(f"\nnear-duplicates (at least {wanted:.0%} of their sequences of {SHINGLE} words in common): {len(found)}")
    for pair in pairs[: max(len(found), NEAR)]:
        print(f"  {pair.share:.2f}  {texts[pair.one]['id']}  {texts[pair.other]['id']}")
    common = Counter(each for text in texts for each in sequences(text, SEQUENCE))
    print(f"\nsequences of {SEQUENCE} words that most texts have")
    for words, times in common.most_common(NEAR):
        print(f"  {times:3}  {words}")


def counted(texts: Iterable[Text], policy: Policy, label: int) -> dict[str, Counter[tuple[str, str]]]:
    """How many texts there are for each value of a label (0: type, 1: level), by language and channel."""
    found: dict[str, Counter[tuple[str, str]]] = {value: Counter() for value in [*values(policy, label), OPEN]}
    for text in texts:
        if policy.id in text["labels"]:
            found[text["labels"][policy.id][label] or OPEN][text["language"], text["channel"]] += 1
    return found


def values(policy: Policy, label: int) -> list[str]:
    """The types a customer may raise, or the levels."""
    return [level.value for level in policy.levels] if label else [kind.value for kind in policy.types if kind.inbound]


def show_policy(texts: Sequence[Text], policy: Policy) -> None:
    """Counts of a policy's labels, and its empty cells."""
    for place, label in enumerate(LABELS):
        found = counted(texts, policy, place)
        heads = "".join(f"{language}-{channel:<6} ".rjust(10) for language, channel in CELLS)
        print(f"\n{policy.id + ' ' + label:20}   all {heads}")
        for value, cells in found.items():
            row = "".join(f"{cells[cell] or '.':>9} " for cell in CELLS)
            print(f"{value:20} {cells.total():5} {row}")
        empty = [f"{value} {'-'.join(cell)}" for value, cell in gaps(found)]
        print(f"empty cells: {', '.join(empty) or 'none'}")


def gaps(found: Mapping[str, Counter[tuple[str, str]]]) -> list[tuple[str, tuple[str, str]]]:
    """The values of a label without a text in some language by some channel; a label left open has none to miss."""
    return [(value, cell) for value, cells in found.items() if value != OPEN for cell in CELLS if not cells[cell]]


def show_few(texts: Sequence[Text]) -> None:
    """Texts that teach nobody, and those that one policy alone judges."""
    said = [sum(any(pair) for pair in one["labels"].values()) for one in texts]
    for title, number in (("no label at all", 0), ("a label of one policy only", 1)):
        ids = [one["id"] for one, times in zip(texts, said, strict=True) if times == number]
        print(f"\n{title}: {len(ids)}{': ' + ' '.join(ids) if ids else ''}")


def show_facts(texts: Sequence[Text]) -> None:
    """How often each value of each fact is stated, and the values never."""
    stated = Counter((name, value) for one in texts for name, value in one["facts"].items())
    print("\nfacts")
    for name in sorted(VOCABULARY):
        print(f"  {name:24} " + "  ".join(f"{value} {stated[name, value]}" for value in sorted(VOCABULARY[name])))
    print("never stated: " + (", ".join(unused(texts)) or "none"))


def unused(texts: Iterable[Text]) -> list[str]:
    """The values of facts that no text states."""
    stated = {(name, value) for one in texts for name, value in one["facts"].items()}
    return [f"{name}={value}" for name in sorted(VOCABULARY) for value in sorted(VOCABULARY[name] - _of(name, stated))]


def _of(name: str, stated: Iterable[tuple[str, str]]) -> set[str]:
    return {value for fact, value in stated if fact == name}


if __name__ == "__main__":
    main()
