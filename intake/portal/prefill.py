"""What a form can be filled with from a mail, for its sender to check. Pure, linear."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import phonenumbers

from intake.portal.asked import Policy
from intake.portal.forms import LONGEST, tidy

READ = 20_000
"""Characters of a text that are looked at."""
MOST_VERSIONS = 3
MOST_NUMBERS = 300
TRIES = 50
REPLIED = re.compile(r"^(?:\s*(?:re|aw|sv|vs|antw|rif|res|fwd?|wg|tr|rv|enc)\s*(?:\[\d+\])?\s*:)+\s*", re.IGNORECASE)
VERSION = re.compile(r"(?<![\w.,:/@-])[vV]?\d{1,4}(?:\.\d{1,5}){1,3}(?:-[A-Za-z0-9.]{1,20})?(?![\w@/:%-]|\.\d)")
DATE = re.compile(r"\d{1,2}\.\d{1,2}\.(?:19|20)\d\d")
SAID = re.compile(r"\b(?:version|release|rel\.|ver\.|versión|versione|versão)[:\s]{1,3}$", re.IGNORECASE)
NAMED = re.compile(r"(?:(?<![\w.])(?:[A-Z][\w+#-]{1,30}) ){1,4}$")
NO_PRODUCT = frozenset(
    """
    since from about after before total around until on at the approximately section chapter port error code version
    release eur euro usd gbp chf seit am um von ab bis der die das kapitel depuis le la les desde el il dal dalle
    """.split()  # noqa: SIM905 - a paragraph of words is easier to read than a list of them
)
"""Capitalised words before a number that is no version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the mails of a request said; `facts` are those read in their text, by name."""

    subject: str = ""
    text: str = ""
    signature: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


def filled(policy: Policy, told: Told) -> dict[str, str]:
    """The answers a form begins with, by field name; what cannot be told is left out."""
    found = {"summary": tidy(REPLIED.sub("", told.subject))[: LONGEST["text"]], "description": described(told.text)}
    for each in policy.fields:
        if each.kind == "choice" and told.facts.get(each.fact) in {option.value for option in each.options}:
            found[each.name] = told.facts[each.fact]
        elif each.kind == "version":
            found[each.name] = ", ".join(versions(f"{told.subject}\n{told.text}"))[: LONGEST["version"]]
        elif each.kind == "phone":
            found[each.name] = number_in(f"{told.text[:READ]}\n{told.signature[:READ]}")
    return {name: value for name, value in found.items() if value}


def described(text: str) -> str:
    """As much of a text as the form takes; the mail keeps the rest."""
    return tidy(text, lines=True)[: LONGEST["longtext"]].rstrip()


def number_in(text: str) -> str:
    """The first telephone number written with its country code, as it is dialled from anywhere; empty if none."""
    for match in phonenumbers.PhoneNumberMatcher(text, None, max_tries=TRIES):
        return phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return ""


def versions(text: str) -> list[str]:
    """The first versions a text names, each with its product where that stands before it."""
    found: list[str] = []
    for count, match in enumerate(VERSION.finditer(text[:READ])):
        named = _named(text, match)
        if named and named not in found:
            found.append(named)
        if len(found) == MOST_VERSIONS or count == MOST_NUMBERS:
            break
    return found


def _named(text: str, match: re.Match[str]) -> str:
    """A number with its product, if it is a version: a product, "v" or the word "version" stands before it."""
    number = match[0]
    if DATE.fullmatch(number):
        return ""
    before = text[max(0, match.start() - 80) : match.start()].rpartition("\n")[2]
    said = SAID.search(before)
    rest = before[: said.start()] if said else before
    words = NAMED.search(rest)
    product = words[0].split() if words else []
    while product and product[0].lower() in NO_PRODUCT:
        product.pop(0)
    if product and product[-1].lower() in NO_PRODUCT:
        product = []
    address = number.count(".") == 3 and number[0].isdigit()  # noqa: PLR2004 - four numbers are an address
    if not (said or (product and not address) or number[0] in "vV"):
        return ""
    return " ".join((*product, number))
