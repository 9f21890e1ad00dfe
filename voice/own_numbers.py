"""Our own numbers and the languages spoken there, as the operator writes them."""

import re
from collections.abc import Mapping

GAPS = re.compile(r"[\s()./-]+")
"""What people write between digits."""
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
LANGUAGE = re.compile(r"[a-z]{2,3}")


def parse(text: str) -> Mapping[str, tuple[str, ...]]:
    """Numbers (E.164) and their languages, the first greets: `+49 30 555001=de; +442055500100=en,fr; +1…`.

    A number without languages speaks those of the line.

    Raises:
        ValueError: naming every mistake at once, with what to write instead.

    """
    found: dict[str, tuple[str, ...]] = {}
    mistakes: list[str] = []
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        written, _, rest = (part.strip() for part in entry.partition("="))
        number = GAPS.sub("", written)
        languages = tuple(dict.fromkeys(part.strip().lower() for part in rest.split(",") if part.strip()))
        if not NUMBER.fullmatch(number):
            mistakes.append(f"{written!r} is no number like +493055500100")
        elif number in found:
            mistakes.append(f"{number} is there twice: write its languages in one entry, with commas")
        mistakes += [f"{each!r} is no language like de" for each in languages if not LANGUAGE.fullmatch(each)]
        found[number] = languages
    if mistakes:
        raise ValueError("; ".join(mistakes))
    return found
