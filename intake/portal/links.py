"""The signed links a customer holds, and the link to another portal. One kind of token never opens another page."""

import re
from string import Formatter
from urllib.parse import quote, urlsplit
from uuid import UUID

from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

LINK_SECONDS = 90 * 24 * 3600
"""A link works for ninety days."""
CLAIM, STATUS, SHARED = "portal", "portal-status", "portal-shared"
"""What a token is for, as the salt it is signed with. The first one must not change: links with it were mailed."""
LONGEST_TOKEN = 300
PLACEHOLDERS = frozenset({"token", "reference", "subject", "email"})
LONGEST_SUBJECT = 120
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


class TooOld(Exception):
    """A link of ours, older than ninety days: only its holder can know that it ever worked."""


def claim_token(serializer: URLSafeTimedSerializer, request: UUID) -> str:
    """What opens the form that carries over a mailed request, and nothing else."""
    return str(serializer.dumps(str(request), salt=CLAIM))


def status_token(serializer: URLSafeTimedSerializer, request: UUID) -> str:
    """What opens the page that tells where a request stands, and nothing else."""
    return str(serializer.dumps(str(request), salt=STATUS))


def shared_token(serializer: URLSafeTimedSerializer, request: UUID) -> str:
    """What opens the same page for a colleague: they read and write there, and take no step of its reporter's."""
    return str(serializer.dumps(str(request), salt=SHARED))


def request_of(serializer: URLSafeTimedSerializer, token: str, purpose: str) -> UUID | None:
    """The request a token of this purpose (`CLAIM`, `STATUS`, `SHARED`) was made for; None for whatever is not ours.

    The signature is compared in constant time, and nothing is looked up for a token without one.

    Raises:
        TooOld: it is ours, and expired.

    """
    if len(token) > LONGEST_TOKEN:
        return None
    try:
        return UUID(str(serializer.loads(token, max_age=LINK_SECONDS, salt=purpose)))
    except SignatureExpired as error:
        raise TooOld from error
    except (BadData, ValueError):
        return None


def external_link(template: str, *, token: str, reference: str, subject: str, email: str) -> str:
    """The link to the operator's own portal: every value URL-encoded, the subject cleaned and cut.

    The template must have passed `template_mistake`.
    """
    values = {
        "token": token,
        "reference": reference,
        "subject": " ".join(CONTROLS.sub(" ", subject).split())[:LONGEST_SUBJECT].strip(),
        "email": CONTROLS.sub("", email),
    }
    return template.format_map({name: quote(value, safe="") for name, value in values.items()})


def template_mistake(template: str) -> str | None:
    """What is wrong with the template of an external link, as a sentence for the operator; None if it is sound."""
    known = ", ".join(f"{{{name}}}" for name in sorted(PLACEHOLDERS))
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        return f"{error}; a brace belongs to a placeholder, known are {known}"
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if name not in PLACEHOLDERS or form or conversion:
            written = f"{name}{'!' + conversion if conversion else ''}{':' + form if form else ''}"
            return f"unknown placeholder {{{written}}}; known are {known}"
    if not re.match(r"https?://[^/?#{}]+(?:[/?#]|$)", template) or CONTROLS.search(template) or " " in template:
        return "must start with http:// or https:// and a host without placeholders, and hold no spaces"
    try:
        return None if urlsplit(template).hostname else "names no host"
    except ValueError as error:
        return str(error)
