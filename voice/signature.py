"""Is this webhook Twilio's? The signature covers the URL as Twilio saw it and every parameter.

https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

import hmac
import re
from urllib.parse import parse_qsl

from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import HMAC_SHA1, RequestValidator

LARGEST_BODY = 65_536
MOST_FIELDS = 200
CALL_SID = re.compile(r"CA[0-9a-f]{32}")
MESSAGE_SID = re.compile(r"[SM]M[0-9a-f]{32}")
NAME = re.compile(r"[A-Za-z]")
"""How the names of parameters begin. Others are the tail of an address that was moved into the form: the signature
covers address and parameters without a sign between them."""
FORM = "application/x-www-form-urlencoded"


def parameters_of(body: bytes) -> ImmutableMultiDict[str, str]:
    """A form's parameters, blanks and repeated names kept: the same pairs are signed and stored.

    Raises:
        ValueError: more fields than any webhook has.

    """
    text = body.decode("utf-8", "replace")
    return ImmutableMultiDict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))


def is_genuine(
    url: str,
    parameters: ImmutableMultiDict[str, str],
    signature: str,
    tokens: tuple[str, ...],
    algorithm: str = HMAC_SHA1,
) -> bool:
    """Whether one of our secrets (the primary one, or the secondary during rotation) made this signature.

    `url` is the configured public address with the raw path and query; forwarding headers play no
    part. A missing or non-ASCII signature is simply not genuine, and neither is one of a JSON body.
    `algorithm` is ours to choose: a header that names another one is not believed.
    https://www.twilio.com/docs/usage/webhooks/webhook-shared-keys
    """
    if not signature or not signature.isascii() or "bodySHA256" in url:
        return False
    if not all(NAME.match(name) for name in parameters):
        return False
    made = (
        RequestValidator(token).compute_signature(each, parameters, algorithm)
        for token in tokens
        if token
        for each in spellings(url)
    )
    # Twilio's own comparison answers at once where the length differs; this one does not tell how much was right.
    return any(hmac.compare_digest(each, signature) for each in made)


def spellings(url: str) -> tuple[str, str]:
    """The URL without and with its port, likelier first: Twilio leaves it out for voice over https, not over http.

    A user and password, and what follows a hash sign, are never signed.
    """
    scheme, _, rest = url.partition("#")[0].partition("://")
    netloc, slash, tail = rest.partition("/")
    host = netloc.rpartition("@")[2]
    bare = re.sub(r":\d+$", "", host)
    port = host if host != bare else f"{bare}:{443 if scheme == 'https' else 80}"
    without, with_it = (f"{scheme}://{each}{slash}{tail}" for each in (bare, port))
    return (with_it, without) if scheme == "http" else (without, with_it)
