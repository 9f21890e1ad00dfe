"""Mail addresses from hostile text. Pure, linear, never raises (RFC 5322 §3.4, RFC 5321 §4.1.2)."""

import re
import unicodedata
from dataclasses import dataclass

MOST_ADDRESSES = 500
"""How many addresses of one header are read."""
LONGEST_PATH = 256
"""Octets of a path including the angle brackets (RFC 5321 §4.5.3.1.3)."""
LONGEST_LOCAL = 64
MOST_SIGNS = 50
"""How many @ of one text are looked at for an address."""
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\uffff-]+"
LABEL = r"[A-Za-z0-9\u0080-\uffff](?:[A-Za-z0-9\u0080-\uffff-]{0,61}[A-Za-z0-9\u0080-\uffff])?"
PATH = re.compile(rf"({ATOM}(?:\.{ATOM})*)@({LABEL}(?:\.{LABEL})*)")
ADDRESS = re.compile(rf"{ATOM}(?:\.{ATOM})*\.?@{LABEL}(?:\.{LABEL})*")
LONGEST_DOMAIN = 255
DOTS = re.compile("[.\u3002\uff0e\uff61]")
"""Every sign that separates labels (RFC 3490 §3.1)."""
DEVIATIONS = frozenset("ßς\u200c\u200d")
"""Letters that IDNA 2003, which the standard library speaks, maps to others: today they are domains of
their own (RFC 5894 §7.2), and a reply to one of them must not go to the other's owner."""
A_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|<[^<>]*>?|[,;:]|\((?:[^()\\]|\\.)*\)?|[^",;:<(]+|.', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """A display name and an address, as written; the address may be empty."""

    name: str
    address: str


def path(text: str) -> str | None:
    """The address of an SMTP path (without its brackets); None if it is not one we can answer.

    Plain dot-atoms only: quoted local parts, source routes, bang paths, percent hacks, address
    literals and control characters are refused, because they exist to mean something else elsewhere.
    """
    if len(text.encode("utf-8", "replace")) > LONGEST_PATH or not text.isprintable():
        return None
    found = PATH.fullmatch(text)
    if found is None or len(found[1]) > LONGEST_LOCAL or re.search(r"[%!]|=\?", found[1]):
        return None
    return text


def deliverable(text: str) -> str | None:
    """The address as any mail server takes it: ASCII, the domain in its IDNA form; None if it has no such form."""
    local, _, domain = (path(text) or "").rpartition("@")
    if not local.isascii() or not domain:
        return None  # an address beyond ASCII needs SMTPUTF8 on the whole way (RFC 6531)
    ascii_form = a_labels(domain)
    return f"{local}@{domain if domain.isascii() else ascii_form}" if ascii_form else None


def a_labels(domain: str) -> str | None:
    """The domain as the name system spells it: lower case, `xn--…`, no final dot (RFC 5890); None if it is none."""
    if len(domain) > LONGEST_DOMAIN:
        return None
    try:
        labels = [_a_label(each) for each in DOTS.split(domain.lower().rstrip("."))]
    except UnicodeError:
        return None
    return ".".join(labels) if all(A_LABEL.fullmatch(each) for each in labels) else None


def _a_label(label: str) -> str:
    if label.isascii():
        return label
    if DEVIATIONS & set(label):
        return "xn--" + unicodedata.normalize("NFC", label).encode("punycode").decode("ascii")
    return label.encode("idna").decode("ascii")


def key(address: str) -> str:
    """The form in which two spellings of one mailbox are equal: lower case, no plus-tag, the domain in A-labels."""
    local, _, domain = address.rpartition("@")
    local = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())
    return f"{local.partition('+')[0] or local}@{a_labels(domain) or domain.lower()}"


def domains(address: str) -> tuple[str, ...]:
    """The domain of an address and every domain above it but the top one, in A-labels, the longest first."""
    labels = key(address).rpartition("@")[2].split(".")
    return tuple(".".join(labels[start:]) for start in range(len(labels) - 1))


def mailboxes(header: str) -> tuple[Mailbox, ...]:
    """Every mailbox of an address header, groups dissolved; what has no address is left out."""
    found: list[Mailbox] = []
    words: list[str] = []
    angle = ""
    for token in TOKEN.finditer(header):
        text = token[0]
        if text in ",;":
            _finish(found, words, angle)
            words, angle = [], ""
        elif text == ":":
            words = []  # a group's name ends here
        elif text.startswith("<"):
            angle = angle or text.strip("<> \t")
        elif not text.startswith("("):
            words.append(text)
        if len(found) >= MOST_ADDRESSES:
            return tuple(found)
    _finish(found, words, angle)
    return tuple(found)


def _finish(found: list[Mailbox], words: list[str], angle: str) -> None:
    written = " ".join(part for word in words if (part := _unquoted(word.strip())))
    candidate = angle.rpartition(":")[2] if angle.startswith("@") else angle
    address = _address_in(candidate) or ("" if angle else _address_in("".join(words)))
    if not address:
        return
    name = "" if not angle else written.strip()
    found.append(Mailbox(name=name, address=address))


def _address_in(text: str) -> str:
    """The first address, looked for around each @ only: text without any would cost the square of its length."""
    plain = text.replace(" ", "")
    at = plain.find("@")
    for _ in range(MOST_SIGNS):
        if at < 0:
            break
        start = max(0, at - LONGEST_PATH)
        match = ADDRESS.search(plain, start, at + LONGEST_PATH)
        if match and (match.start() > start or start == 0):
            return match[0]
        at = plain.find("@", at + 1)
    return ""


def _unquoted(word: str) -> str:
    if len(word) > 1 and word[0] == word[-1] == '"':
        return re.sub(r"\\(.)", r"\1", word[1:-1])
    return word
