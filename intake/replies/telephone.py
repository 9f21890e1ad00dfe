"""Our telephone number as the reader would dial it. Pure (RFC 3966; libphonenumber's formats)."""

import re
from dataclasses import dataclass

import phonenumbers

VANITY = frozenset(
    {"ai", "cc", "cd", "co", "fm", "gg", "im", "io", "is", "la", "ly", "me", "nu", "sh", "st", "to", "tv", "ws"}
)
"""Country-code domains that anybody takes for their sound: they say nothing about where the reader is."""
SPELLED = {"uk": "GB"}
ONE_COUNTRY = {"it": "IT", "ja": "JP", "pl": "PL", "sv": "SE"}
"""Languages whose readers nearly all live in one country, for addresses that name none.

A number written the international way works everywhere; one written the national way only at home, so
German (Austria, Switzerland), French, Spanish and the like stay international.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telephone:
    """A number as it is shown, and as a program dials it (`tel:…`); `uri` is empty where it cannot be told."""

    shown: str = ""
    uri: str = ""


def readable(number: str, *, address: str, language: str | None) -> Telephone:
    """The number in national form for a reader in its own country, else international; as it is if it is none."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return Telephone(shown=number)
    home = _region(address, language)
    at_home = bool(home) and phonenumbers.country_code_for_region(home) == parsed.country_code
    kind = phonenumbers.PhoneNumberFormat.NATIONAL if at_home else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return Telephone(
        shown=phonenumbers.format_number(parsed, kind),
        uri=phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.RFC3966),
    )


def _region(address: str, language: str | None) -> str:
    """Where the reader is, as far as the top-level domain or the language tells."""
    top = address.rpartition(".")[2].lower()
    if re.fullmatch("[a-z]{2}", top) and top not in VANITY:
        return SPELLED.get(top, top.upper())
    return ONE_COUNTRY.get(language or "", "")
