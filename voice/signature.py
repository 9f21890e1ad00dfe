"""Is this webhook Twilio's? The signature covers the URL as Twilio saw it and every parameter.

https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

import hmac
import re
from urllib.parse import parse_qsl

from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import RequestValidator

LARGEST_BODY = 65_536
MOST_FIELDS = 200
CALL_SID = re.compile(r"CA[0-9a-f]{32}")
FORM = "application/x-www-form-urlencoded"


def parameters_of(body: bytes) -> ImmutableMultiDict[str, str]:
    """A form's parameters, blanks and repeated names kept: the same pairs are signed and stored.

    Raises:
        ValueError: more fields than any webhook has.

    """
    text = body.decode("utf-8", "replace")
    return ImmutableMultiDict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))


def is_genuine(url: str, parameters: ImmutableMultiDict[str, str], signature: str, tokens: tuple[str, ...]) -> bool:
    """Whether one of our auth tokens (primary, or secondary during rotation) made this signature.

    `url` is the configured public address with the raw path and query; forwarding headers play no
    part. A missing or non-ASCII signature is simply not genuine, and neither is one of a JSON body.
    """
    if not signature or not signature.isascii() or "bodySHA256" in url:
        return False
    made = [
        RequestValidator(token).compute_signature(each, parameters)
        for token in tokens
        if token
        for each in spellings(url)
    ]
    # Twilio's own comparison answers at once where the length differs; this one does not tell how much was right.
    return any(hmac.compare_digest(each, signature) for each in made)


def spellings(url: str) -> tuple[str, str]:
    """The URL without and with its port: Twilio leaves it out for voice over https and keeps it over http.

    A user and password, and what follows a hash sign, are never signed.
    """
    scheme, _, rest = url.partition("#")[0].partition("://")
    netloc, slash, tail = rest.partition("/")
    host = netloc.rpartition("@")[2]
    bare = re.sub(r":\d+$", "", host)
    port = host if host != bare else f"{bare}:{443 if scheme == 'https' else 80}"
    return f"{scheme}://{bare}{slash}{tail}", f"{scheme}://{port}{slash}{tail}"
