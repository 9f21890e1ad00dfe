"""The portal's words in the reader's language: a TOML file for each beside the templates, English where none is."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from string import Template
from typing import Any

from babel.dates import format_date
from babel.numbers import format_decimal

FALLBACK = "en"
MOST_LANGUAGES = 20
KILO = 1024
LOCALES = {"en": "en_GB"}
"""Whose way of writing dates a language stands for: readers of English are all over the world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of one language: `fixed` by key, `fields` for labels of policy packs by their English form."""

    language: str
    fixed: Mapping[str, str]
    fields: Mapping[str, str]

    def __call__(self, key: str, **values: str) -> str:
        """The words under a key, with values put in (as text: the page escapes them)."""
        return Template(self.fixed[key]).safe_substitute(values)

    def of(self, english: str) -> str:
        """A label of a policy pack in this language, or as it is where nobody translated it."""
        return self.fields.get(english, english)

    def when(self, at: datetime, zone: tzinfo) -> str:
        """A moment in words, in this zone, with its difference from UTC."""
        there = at.astimezone(zone)
        return f"{self.day(there)}, {there:%H:%M} ({offset(at, zone)})"

    def day(self, at: date) -> str:
        """A date in words."""
        return format_date(at, "long", LOCALES.get(self.language, self.language))

    def size(self, count: int) -> str:
        """A file's size as people read it."""
        number, unit = float(count), "B"
        for larger in ("KB", "MB", "GB"):
            if number < KILO:
                break
            number, unit = number / KILO, larger
        return f"{format_decimal(number, '0' if number >= 10 or unit == 'B' else '0.#', self.language)} {unit}"  # noqa: PLR2004


def offset(at: datetime, zone: tzinfo) -> str:
    """A zone's difference from UTC at a moment: UTC, UTC+1, UTC+5:30."""
    minutes = round((at.astimezone(zone).utcoffset() or at - at).total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    sign = "-" if minutes < 0 else "+"
    return "UTC" if not minutes else f"UTC{sign}{hours}{f':{rest:02}' if rest else ''}"


def words(language: str | None) -> Words:
    """The words of a language (`de`, `de-AT`), or English."""
    tag = (language or FALLBACK).lower().partition("-")[0]
    return _words(tag if tag in languages() else FALLBACK)


@cache
def _words(language: str) -> Words:
    english, mine = _file(FALLBACK), _file(language)
    fixed = {key: text for key, text in (english | mine).items() if key != "fields"}
    return Words(language=language, fixed=fixed, fields=mine.get("fields", {}))


def _file(language: str) -> dict[str, Any]:
    return tomllib.loads((_folder() / f"{language}.toml").read_text(encoding="utf-8"))


def _folder() -> Traversable:
    return resources.files("intake") / "templates" / "portal"


@cache
def languages() -> tuple[str, ...]:
    """The languages the portal speaks."""
    names = (each.name for each in _folder().iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def preferred(accepted: str) -> str:
    """The first language of an Accept-Language header that we speak (RFC 9110 §12.5.4), else English."""
    ranked = []
    for place, part in enumerate(accepted.split(",")[:MOST_LANGUAGES]):
        tag, _, quality = part.partition(";")
        try:
            weight = float(quality.partition("=")[2] or 1)
        except ValueError:
            continue
        ranked.append((-weight, place, tag.strip().lower().partition("-")[0]))
    return next((tag for weight, _, tag in sorted(ranked) if weight < 0 and tag in languages()), FALLBACK)
