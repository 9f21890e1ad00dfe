"""How a caller's consent to a recording is come by: asked for, announced, or nothing is ever recorded. Pure.

Whose country it is decides what the law wants; the policy of the account may want more. The strictest counts.
"""

from collections.abc import Mapping

import phonenumbers

from models.calling import Consent

ELSEWHERE = ""
"""Stands for every country that is not named, and for callers who withhold their number."""
STRICTNESS = (Consent.ANNOUNCE, Consent.ASK, Consent.NEVER)
MODES = ", ".join(Consent)


def parse(text: str) -> Mapping[str, Consent]:
    """How consent is come by, by country (ISO 3166), "" for the others: `ask; US=announce; FR=never`.

    Raises:
        ValueError: naming every mistake at once, with what to write instead.

    """
    found: dict[str, Consent] = {}
    mistakes: list[str] = []
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        country, is_named, mode = (part.strip() for part in entry.rpartition("="))
        country = country.upper()
        if is_named and country not in phonenumbers.SUPPORTED_REGIONS:
            mistakes.append(f"{country!r} is no country like US")
        if mode.lower() not in set(Consent):
            mistakes.append(f"{mode!r} is none of {MODES}")
            continue
        if country in found:
            mistakes.append(f"{country or 'what holds elsewhere'} is there twice")
        found[country] = Consent(mode.lower())
    if mistakes:
        raise ValueError("; ".join(mistakes))
    return {ELSEWHERE: Consent.ASK, **found}


def mode(caller: str, by_country: Mapping[str, Consent], policy: Consent) -> Consent:
    """How consent is come by from a caller: the stricter of what their country and the policy want.

    `caller` is their number in E.164, empty where it is withheld.
    """
    here = by_country.get(country_of(caller), by_country.get(ELSEWHERE, Consent.ASK))
    return max(here, policy, key=STRICTNESS.index)


def country_of(number: str) -> str:
    """The country (ISO 3166) a number in E.164 belongs to, empty where it cannot be told."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ELSEWHERE
    except phonenumbers.NumberParseException:
        return ELSEWHERE


def holds(answers: Mapping[str, str], wanted: Consent) -> bool:
    """Whether a consent that was given is enough for what is wanted by now, as another policy turned out to hold."""
    if answers.get("consent") != "yes" or wanted is Consent.NEVER:
        return False
    return wanted is Consent.ANNOUNCE or "tacit" not in answers
