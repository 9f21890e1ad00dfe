"""Whether the same request gets the same suggestion however it is written, and whoever signs it.

Asked of the requests nobody has seen, which the artefact of a new installation has not learnt. A change is counted
where the suggested priority differs from that of the request as it stands: upwards (more severe) and downwards apart.
"""

import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import _classifier_requests as requests
from _classifier_rows import Asked, Line, say

from triage.policy import load_packs

Text = tuple[str, str]
"""Subject and body."""

SIGNED = (
    "Ngozi Okonkwo", "Nguyễn Thị Lan", "Fatima Haddad", "Giulia Ferri", "John Miller", "Miroslav Kovář",
    "Lakshmi Raghunathan", "Sørine Aagaard",
)  # fmt: skip
"""Invented people; none of them changes what is wrong."""
SWAPPED = 0.06
"""Share of words in which two neighbouring letters change places."""


def urgent(text: Text) -> Text:
    """Shouted at, without a fact more."""
    return f"URGENT!!! {text[0]}", f"{text[1]}\n\nThis is very urgent, ASAP please!!!"


def polite(text: Text) -> Text:
    """Asked for as a favour, without a fact less."""
    return text[0], f"Dear team, I hope you are all well.\n\n{text[1]}\n\nThank you so much for your kind help!"


def capitals(text: Text) -> Text:
    """Written in capitals."""
    return text[0].upper(), text[1].upper()


def careless(text: Text) -> Text:
    """Small letters, no marks but full stops and question marks, as on a telephone."""
    first, second = (re.sub(r"[,;:!'\"()]", "", one.lower()) for one in text)
    return first, second


def mistyped(text: Text) -> Text:
    """Letters that changed places in some longer words; the same ones in every run."""
    chosen = random.Random(text[1])  # noqa: S311 - the same mistakes in every run

    def slip(found: re.Match[str]) -> str:
        word = found[0]
        if chosen.random() >= SWAPPED:
            return word
        at = chosen.randrange(1, len(word) - 2)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]

    first, second = (re.sub(r"[^\W\d_]{5,}", slip, one) for one in text)
    return first, second


def signed(name: str) -> Callable[[Text], Text]:
    """Signed by somebody."""
    return lambda text: (text[0], f"{text[1]}\n\n{name}")


WAYS: dict[str, Callable[[Text], Text]] = {
    "shouted (URGENT!!!, ASAP)": urgent,
    "politely framed": polite,
    "in capitals": capitals,
    "in small letters, without marks": careless,
    f"mistyped (every {1 / SWAPPED:.0f}th long word)": mistyped,
}


def tone(asked: Asked) -> list[Line]:
    """One line for each way of writing, and one for all signatures."""
    packs = load_packs()
    loaded = requests.first(quick=asked.quick)
    say("tone: asking again")
    rows = [one for _, one in requests.unseen()][:: 4 if asked.quick else 1]

    def levels(way: Callable[[Text], Text]) -> list[str]:
        told = []
        for one in rows:
            said = requests.written(packs[one.policy], loaded, one, way((one.subject, one.body)))
            told.append(said.priority.value if said.priority else "")
        return told

    plain = levels(lambda text: text)
    told = []
    for name, way in WAYS.items():
        told.append(_changed(name, [_way(packs[one.policy], before, after) for one, before, after in
                                    zip(rows, plain, levels(way), strict=True)]))  # fmt: skip
    names = [levels(signed(name)) for name in SIGNED]
    differing = sum(len(set(each)) > 1 for each in zip(*names, strict=True))
    told.append(
        Line(part="tone", figure="signed by other people", ours=differing / len(rows), unit="%", most=True,
             note=f"{differing} of {len(rows)} depend on which of {len(SIGNED)} names stands below")
    )  # fmt: skip
    return told


def _way(policy: Any, before: str, after: str) -> str:
    if before == after or not before or not after:
        return "same"
    return "up" if policy.severity(after) < policy.severity(before) else "down"


def _changed(name: str, ways: list[str]) -> Line:
    counted = Counter(ways)
    changed = counted["up"] + counted["down"]
    note = f"{counted['up']} more severe, {counted['down']} milder, of {len(ways)}"
    return Line(part="tone", figure=name, ours=changed / len(ways), unit="%", most=True, note=note)
