"""The features of one request by dictionary lookups: those of the fitted scikit-learn parts, in a tenth of the time.

scikit-learn's vectorisers are made for tables: for a single text their bookkeeping costs more than the text. Imports
numpy: reached only through a loaded artefact or by training.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from triage.features import Row

TOKEN = r"\w+|[^\w\s]"  # noqa: S105 - a pattern, no password
"""Words and single marks: a question mark or a backtick says much about a request."""
SHORTEST, LONGEST = 3, 5
"""Characters in a row that are seen inside a word."""
REMEMBERED = 50_000
"""Words whose characters are looked up once; beyond that many the memory starts anew."""
TEXT, TITLE, OPENING, MARK, CHARACTERS = "text", "title", "opening", "mark", "characters"
GRAMS = (TEXT, TITLE, OPENING)

_token = re.compile(TOKEN).findall


@dataclass(frozen=True, slots=True)
class Seen:
    """The features of one request: columns in rising order, their values, and the share of its words that are known."""

    columns: Any
    values: Any
    known: float


class Gather:
    """Looks up what a fitted `ColumnTransformer` of `triage.fitting.featured` would compute.

    `names` are the words that columns stand for, shape `(size,)`; marks, characters and mere signs have none.
    """

    def __init__(self, features: Any) -> None:
        parts = [each for each in features.transformers_ if each[1] != "drop"]
        given = {
            name: features.transformer_weights[name] for name, _, _ in parts if name in features.transformer_weights
        }
        self._order = [name for name, _, _ in parts]
        self._weights = [given.get(name, 1.0) for name in self._order]
        self._scales = np.concatenate([getattr(part, "idf_", np.ones(len(part.vocabulary_))) for _, part, _ in parts])
        self._ends = np.cumsum([len(part.vocabulary_) for _, part, _ in parts])
        self.size = len(self._scales)
        columns = {
            name: {gram: int(column) + start for gram, column in part.vocabulary_.items()}
            for (name, part, _), start in zip(parts, [0, *self._ends.tolist()], strict=False)
        }
        self._grams = _merged([columns.get(name, {}) for name in GRAMS])
        self._marks = columns.get(MARK, {})
        self._characters = columns.get(CHARACTERS, {})
        self._remembered: dict[str, Any] = {}
        self.sees_marks = bool(self._marks)
        self.names = np.full(self.size, "", dtype=object)
        for gram, each in self._grams.items():
            if any(character.isalnum() for character in gram):
                self.names[[column for column in each if column >= 0]] = gram

    def see(self, row: Row) -> Seen:
        """The features of a request."""
        found: list[int] = []
        opened = _token(row.opening.lower())
        tokens = opened + _token(row.text.removeprefix(row.opening).lower())
        known = self._look_up(tokens, (0, len(tokens)), (2, len(opened)), found)
        title = _token(row.title.lower())
        self._look_up(title, (1, len(title)), None, found)
        found += [self._marks[mark] for mark in row.marks.split() if mark in self._marks]
        held = self._remembered
        pieces = [held[word] if word in held else self._inside(word) for word in row.text.lower().split()]
        columns, counts = np.unique(np.concatenate([np.array(found, dtype=np.int32), *pieces]), return_counts=True)
        return Seen(columns, self._weighed(columns, counts), known / max(len(tokens), 1))

    def _weighed(self, columns: Any, counts: Any) -> Any:
        """Sublinear counts times rarity, each part of length 1 and then of its weight; marks count one each."""
        values = (1.0 + np.log(counts)) * self._scales[columns]
        ends = np.searchsorted(columns, self._ends).tolist()
        for name, weight, (start, end) in zip(self._order, self._weights, pairwise([0, *ends]), strict=True):
            part = values[start:end]
            if name == MARK:
                part[:] = weight
            elif end > start:
                part *= weight / np.sqrt(part @ part)
        return values

    def _look_up(
        self, tokens: list[str], whole: tuple[int, int], begun: tuple[int, int] | None, found: list[int]
    ) -> int:
        """Add the columns of known tokens and of pairs of them; how many tokens are known.

        A part is its place in `GRAMS` and how many of the tokens it holds; `begun` is one that ends earlier. A pair
        occurs at most as often as each of its tokens, so a known pair has known tokens.
        """
        alone = [self._grams.get(token) for token in tokens]
        for place, length in (whole, begun) if begun else (whole,):
            found += [column for each in alone[:length] if each and (column := each[place]) >= 0]
        for at, (one, other) in enumerate(pairwise(alone)):
            if one and other and (pair := self._grams.get(f"{tokens[at]} {tokens[at + 1]}")):
                if (column := pair[whole[0]]) >= 0:
                    found.append(column)
                if begun and at + 1 < begun[1] and (column := pair[begun[0]]) >= 0:
                    found.append(column)
        return sum(each is not None for each in alone)

    def _inside(self, word: str) -> Any:
        """The columns of the characters in one word, remembered from now on."""
        if len(self._remembered) >= REMEMBERED:
            self._remembered.clear()
        columns = [column for piece in _pieces(word) if (column := self._characters.get(piece)) is not None]
        held = self._remembered[word] = np.array(columns, dtype=np.int32)
        return held


def _merged(several: list[dict[str, int]]) -> dict[str, tuple[int, ...]]:
    """Each word or pair with its column in each part, -1 where a part does not know it."""
    known = dict.fromkeys(gram for each in several for gram in each)
    return {gram: tuple(each.get(gram, -1) for each in several) for gram in known}


def _pieces(word: str) -> list[str]:
    """Characters in a row inside a word and its ends, as scikit-learn's `char_wb` cuts them; a short word once."""
    padded = f" {word} "
    pieces = []
    for length in range(SHORTEST, LONGEST + 1):
        pieces += [padded[start : start + length] for start in range(max(len(padded) - length, 0) + 1)]
        if len(padded) <= length:
            break
    return pieces
