"""Comparable keys for addresses and telephone numbers. Pure."""

import re
import unicodedata

import phonenumbers

from models.terms import Party, PartyKind

MAX_ADDRESS = 254
"""Octets an address may have (RFC 5321 §4.5.3.1, erratum 1690)."""
MAX_NUMBER = 64
"""Characters of a spoken or written number worth reading."""

ADDRESS = re.compile(
    r"(?P<local>[^\s@<>,;:()\[\]\\\"\x00-\x1f\x7f]+|\"[^\"\\\x00-\x1f\x7f]+\")@(?P<domain>[^\s@<>,;:()\[\]\\\"]+)"
)

WITHHELD_NUMBERS = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"})
"""Twilio's keypad spellings of ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and UNAVAILABLE as caller id
(Twilio help: "Why am I getting calls from these strange numbers?")."""

FREE_MAIL = frozenset(
    [
        "gmail.com",
        "googlemail.com",
        "outlook.com",
        "outlook.de",
        "hotmail.com",
        "hotmail.de",
        "hotmail.fr",
        "hotmail.co.uk",
        "live.com",
        "msn.com",
        "yahoo.com",
        "yahoo.de",
        "yahoo.fr",
        "yahoo.es",
        "yahoo.it",
        "yahoo.co.uk",
        "yahoo.co.in",
        "ymail.com",
        "icloud.com",
        "me.com",
        "mac.com",
        "aol.com",
        "gmx.de",
        "gmx.net",
        "gmx.at",
        "gmx.ch",
        "gmx.com",
        "web.de",
        "t-online.de",
        "freenet.de",
        "mail.de",
        "posteo.de",
        "mailbox.org",
        "proton.me",
        "protonmail.com",
        "pm.me",
        "fastmail.com",
        "zoho.com",
        "mail.com",
        "mail.ru",
        "yandex.ru",
        "yandex.com",
        "qq.com",
        "163.com",
        "126.com",
        "sina.com",
        "orange.fr",
        "wanadoo.fr",
        "free.fr",
        "laposte.net",
        "sfr.fr",
        "libero.it",
        "virgilio.it",
        "tiscali.it",
        "alice.it",
        "telefonica.net",
        "comcast.net",
        "verizon.net",
        "att.net",
        "sbcglobal.net",
        "btinternet.com",
        "sky.com",
        "bluewin.ch",
        "hushmail.com",
        "tutanota.com",
        "tuta.com",
    ]
)
"""Domains in which anybody can have an address: sharing one says nothing about the employer."""


def address_party(raw: str) -> Party | None:
    """The party behind a mail address, or None where there is no usable address.

    `raw` is a bare address or `Name <address>`. The key is lower case, its domain in IDNA form
    (RFC 5891), without a plus-tag (RFC 5233); giving the key back in returns the same key.
    """
    shown = bare(raw)
    found = ADDRESS.fullmatch(shown)
    if found is None or len(shown.encode("utf-8", "replace")) > MAX_ADDRESS:
        return None
    domain = idna(found["domain"])
    if domain is None:
        return None
    local = unicodedata.normalize("NFC", unicodedata.normalize("NFC", found["local"]).lower())
    if not local.startswith('"'):
        local = local.partition("+")[0] or local
    return Party(kind=PartyKind.ADDRESS, value=f"{local}@{domain}", shown=shown)


def bare(raw: str) -> str:
    """The address itself, out of `Name <address>` or `<address>`."""
    if raw.rstrip().endswith(">") and "<" in raw:
        raw = raw.rstrip()[:-1].rpartition("<")[2]
    return raw.strip()


def idna(domain: str) -> str | None:
    """The domain as the name system spells it (`xn--…`), or None where it is no domain."""
    try:
        ascii_form = domain.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    return ascii_form if re.fullmatch(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", ascii_form) else None


def number_party(raw: str, region: str) -> Party | None:
    """The party behind a telephone number, keyed in E.164, or None where the number is withheld or none.

    `region` is the ISO 3166 country of numbers written without a country code. An extension is not
    part of the key: a company's callers share the line they call from.
    """
    shown = raw.strip()
    if shown in WITHHELD_NUMBERS or not re.match(r"[+(\d]", shown) or len(shown) > MAX_NUMBER:
        return None
    try:
        number = phonenumbers.parse(shown, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    key = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None if key in WITHHELD_NUMBERS else Party(kind=PartyKind.NUMBER, value=key, shown=shown)


def domain_of(party: Party) -> str | None:
    """The domain that stands for an organisation, or None for numbers and free-mail addresses."""
    if party.kind is not PartyKind.ADDRESS:
        return None
    domain = party.value.rpartition("@")[2]
    return None if domain in FREE_MAIL else domain
