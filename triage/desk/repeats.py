"""Which texts say the same, so that saying it often teaches no more than saying it once. Pure."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from zlib import crc32

SAME, EQUAL = 0.8, 0.97
"""Shares of common three-word runs (Jaccard) from which on two texts say the same, and are the same but for trifles."""
LONGEST = 20_000
"""Characters of a text that are compared."""
RUN = 3
BANDS = tuple((place * 0x9E3779B1 & 0xFFFFFFFF, place * 0x85EBCA6B & 0xFFFFFFFF) for place in range(1, 9))
MOST_COMPARED = 64
"""Groups one text is compared with at most, so that a letterhead shared by all does not cost a comparison of all."""

WORD = re.compile(r"[^\W\d_]+|\d+")

Runs = frozenset[int]


def groups(texts: Iterable[str], same: float = SAME) -> list[list[int]]:
    """The places of texts that are so much alike, together; in the order in which their first ones came.

    Letter case, punctuation, line breaks and which number it was make no difference, nor do a few words more or less.
    """
    found: list[list[int]] = []
    firsts: list[Runs] = []
    seen: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for place, text in enumerate(texts):
        mine = runs(text)
        bands = list(_bands(mine))
        near = dict.fromkeys(group for band in bands for group in seen[band][-MOST_COMPARED:])
        alike = next((group for group in near if likeness(mine, firsts[group]) >= same), None)
        if alike is not None:
            found[alike].append(place)
            continue
        for band in bands:
            seen[band].append(len(found))
        found.append([place])
        firsts.append(mine)
    return found


def runs(text: str) -> Runs:
    """Hashes of every three words in a row, numbers all alike; of a shorter text, of the whole."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST]).casefold()
    words = ["0" if word[0].isdigit() else word for word in WORD.findall(plain)]
    starts = range(max(len(words) - RUN + 1, 1))
    return frozenset(crc32(" ".join(words[start : start + RUN]).encode("utf-8", "surrogatepass")) for start in starts)


def likeness(one: Runs, other: Runs) -> float:
    """Share of what either has that both have, from 0 to 1 (Jaccard 1901)."""
    return len(one & other) / len(one | other)


def _bands(mine: Runs) -> Iterator[tuple[int, int, int]]:
    """Keys that similar texts share: pairs of smallest hashes under different orders (Broder 1997)."""
    for place, (first, second) in enumerate(BANDS):
        yield place, min(run ^ first for run in mine), min(run ^ second for run in mine)
