"""Is this webhook Twilio's? The signature covers the URL as Twilio saw it and every parameter.

https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

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

    `url` is the configured public address with the raw path and query; fragment and forwarding
    headers play no part. A missing or non-ASCII signature is simply not genuine.
    """
    if not signature or not signature.isascii() or "bodySHA256" in url:
        return False
    return any(RequestValidator(token).validate(url, parameters, signature) for token in tokens if token)
