"""The language a text is written in, for the reply and the classifier."""

import re
from functools import cache
from typing import Any

KNOWN = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "ja", "zh", "da", "no", "fi", "cs", "ru", "tr", "ko")
SHORTEST = 12
"""Letters below which no guess is honest."""
UNSURE = 0.3
"""A probability below which a guess among so many languages says nothing."""
LONGEST = 240
"""Characters are enough: more change no guess, and cost in proportion."""
LETTER = re.compile(r"[^\W\d_]")
WIDE = re.compile("[\u3040-\u9fff\uac00-\ud7af]")
"""Signs that stand for a word or a syllable."""
CODE = re.compile(r"^[!-~]*[/@\\{}<>=_|0-9]|^[!-~]+[.:][!-~]")
"""Words that are addresses, paths, log lines or numbers: in no language."""


def detect(text: str) -> tuple[str | None, float]:
    """The language (ISO 639-1) and its probability; (None, 0.0) for a text too short or too odd to tell."""
    sample = " ".join(word for word in text[:LONGEST].split() if not CODE.search(word))
    letters = len(LETTER.findall(sample))
    if letters < SHORTEST and letters + 3 * len(WIDE.findall(sample)) < SHORTEST:
        return None, 0.0
    language, probability = _identifier().classify(sample)
    return (str(language), round(float(probability), 4)) if probability >= UNSURE else (None, 0.0)


@cache
def _identifier() -> Any:
    from numpy import ascontiguousarray  # noqa: PLC0415 - 4 MB with what follows, loaded when first needed
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(KNOWN))
    # Restricting leaves the weights by language; by feature, what a text needs lies together in memory.
    identifier.nb_ptc = ascontiguousarray(identifier.nb_ptc)
    return identifier
