"""The language a text is written in, for the reply and the classifier."""

from functools import cache
from typing import Any

KNOWN = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "ja", "zh", "da", "no", "fi", "cs", "ru", "tr", "ko")
SHORTEST = 12
"""Letters below which no guess is honest."""
LONGEST = 3_000


def detect(text: str) -> tuple[str | None, float]:
    """The language (ISO 639-1) and its probability; (None, 0.0) for a text too short to tell."""
    sample = text[:LONGEST]
    letters = sum(sign.isalpha() for sign in sample)
    wide = sum("\u3040" <= sign <= "\u9fff" or "\uac00" <= sign <= "\ud7af" for sign in sample)
    if letters + 3 * wide < SHORTEST:
        return None, 0.0
    language, probability = _identifier().classify(sample)
    return str(language), round(float(probability), 4)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - 4 MB, loaded when first needed

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(KNOWN))
    return identifier
