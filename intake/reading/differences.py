"""What a newer reader makes of a mail that an older one has read. Pure."""

from dataclasses import dataclass
from typing import Any

LONGEST = 120
"""Characters of a value that are shown."""
CONTEXT = 30
"""Characters shown before the place where two texts part."""
NOT_COMPARED = ("file",)
"""Where the mail was read from says nothing about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field of the `parse` line ("bounce.recipients[0].status") that is read otherwise, both values shortened."""

    field: str
    before: str
    after: str


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    """Every field in which two `parse` lines of a mail differ, in the order of the line; a missing key is null."""
    found: list[Difference] = []
    for name in dict.fromkeys([*before, *after]):
        if name not in NOT_COMPARED:
            _compare(name, before.get(name), after.get(name), found)
    return found


def _compare(name: str, before: Any, after: Any, found: list[Difference]) -> None:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            _compare(f"{name}.{key}", before.get(key), after.get(key), found)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            _compare(f"{name}[{number}]", old, new, found)
    elif isinstance(before, str) and isinstance(after, str):
        start = max(_parting(before, after) - CONTEXT, 0) if max(len(before), len(after)) > LONGEST else 0
        found.append(Difference(field=name, before=_shown(before, start), after=_shown(after, start)))
    else:
        found.append(Difference(field=name, before=_shown(_written(before)), after=_shown(_written(after))))


def _parting(before: str, after: str) -> int:
    """Where two texts begin to differ."""
    pairs = zip(before, after, strict=False)
    return next((place for place, (old, new) in enumerate(pairs) if old != new), min(len(before), len(after)))


def _written(value: Any) -> str:
    """A value as one line; a list or an object by what it holds."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_written(each)}" for key, each in value.items()) + "}"
    return str(value)


def _shown(text: str, start: int = 0) -> str:
    """A piece of a text on one line, with dots where something is left out."""
    piece = text[start : start + LONGEST]
    line = " ".join(piece.split())
    return ("…" if start else "") + line + ("…" if start + LONGEST < len(text) else "")
