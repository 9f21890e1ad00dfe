"""Twilio asked for a call: whom we call at all, and what each kind of answer means.

https://www.twilio.com/docs/voice/api/call-resource
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx2
import phonenumbers
from twilio.base.exceptions import TwilioException
from twilio.http.response import Response
from twilio.rest import Client

from models.terms import OutgoingState
from voice.recordings import TwilioAccount
from voice.signature import CALL_SID
from voice.twiml import RETRIES

TIMEOUT = 10.0
"""Seconds Twilio has for each step of an answer."""
RING_SECONDS = 30
"""How long a telephone rings."""
E164 = re.compile(r"\+[1-9]\d{6,14}")
PLACEHOLDERS = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"})
"""What Twilio shows for callers without a number: nobody is there."""
TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """The line out: whose account pays, which number is shown (E.164), where Twilio finds us.

    `region` is the ISO 3166 country of numbers that were written without a country code.
    """

    account: TwilioAccount
    from_number: str
    public_url: str
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How placing a call ended; `state` is None where it is certain that none was made."""

    state: OutgoingState | None
    call_sid: str | None = None
    error: str = ""


class Interrupted(Exception):
    """A request to Twilio without an answer; `is_certain` says that it never arrived, or was turned away."""

    def __init__(self, why: str, *, is_certain: bool) -> None:
        super().__init__(why)
        self.is_certain = is_certain


class Wire:
    """Carries the requests of Twilio's library: no second try, no redirect, no number in a log."""

    def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str | Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Twilio's answer.

        Raises:
            Interrupted: there is none, or it is "not now".

        """
        try:
            answer = httpx2.request(
                method, url, params=params, data=data, headers=headers, auth=auth, timeout=timeout or TIMEOUT,
                follow_redirects=allow_redirects,
            )  # fmt: skip
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol) as error:
            raise Interrupted(f"Twilio cannot be reached: {type(error).__name__}", is_certain=True) from error
        except httpx2.HTTPError as error:
            raise Interrupted(f"no answer from Twilio: {type(error).__name__}", is_certain=False) from error
        if answer.status_code == TOO_MANY_REQUESTS:
            raise Interrupted("Twilio answers 429", is_certain=True)
        return Response(answer.status_code, answer.text, answer.headers)


def dial(trunk: Trunk, *, to: str, path: str, events: Sequence[str] = ()) -> Outcome:
    """Have Twilio place one call, whose TwiML is at `path` and whose status goes to `path`/status; never raises.

    `events` are what Twilio tells besides the end. A call is certainly not made where Twilio cannot be reached or
    refuses (4xx); after a timeout, or an answer nobody can read, it may ring.
    """
    here = f"{trunk.public_url}{path}"
    told = {"status_callback_event": [*events, "completed"]} if events else {}
    try:
        call = _client(trunk.account).calls.create(
            to=to,
            from_=trunk.from_number,
            url=f"{here}{RETRIES}",
            method="POST",
            status_callback=f"{here}/status{RETRIES}",
            status_callback_method="POST",
            timeout=RING_SECONDS,
            machine_detection="Enable",
            **told,
        )
    except Interrupted as error:
        return Outcome(state=None if error.is_certain else OutgoingState.UNCERTAIN, error=str(error))
    except TwilioException as error:
        return _refused(error, trunk.account)
    except (ValueError, TypeError, AttributeError):
        return Outcome(state=OutgoingState.UNCERTAIN, error="Twilio answers something that is no call")
    if not CALL_SID.fullmatch(str(call.sid)):
        return Outcome(state=OutgoingState.UNCERTAIN, error="Twilio answers without a CallSid")
    return Outcome(state=OutgoingState.SENT, call_sid=call.sid)


def look_up(trunk: Trunk, call_sid: str) -> dict[str, str]:
    """How a call stands, under the names Twilio's status webhook has; empty where Twilio does not tell.

    A call's SIP code is told by webhook only.
    """
    try:
        call = _client(trunk.account).calls(call_sid).fetch()
        told = {"CallStatus": call.status, "CallDuration": call.duration, "AnsweredBy": call.answered_by}
        ended = f"{call.end_time:%a, %d %b %Y %H:%M:%S +0000}" if call.end_time else ""
    except (Interrupted, TwilioException, ValueError, TypeError, AttributeError):
        return {}
    return {"CallSid": call_sid, "Timestamp": ended, **{name: str(value) for name, value in told.items() if value}}


def _client(account: TwilioAccount) -> Client:
    # With an environment of its own: the library would look for a region in ours.
    client = Client(account.account_sid, account.auth_token, http_client=Wire(), environment={"TWILIO_REGION": ""})
    client.api.base_url = account.api_base
    return client


def _refused(error: TwilioException, account: TwilioAccount) -> Outcome:
    """What an error means: 4xx made no call; after anything else nobody knows."""
    status = getattr(error, "status", 0)
    said = getattr(error, "msg", "") or getattr(error, "title", "")
    told = f"Twilio answers {status}, error {getattr(error, 'code', 0)}: {said}".replace(account.auth_token, "…")
    is_refusal = 400 <= status < 500  # noqa: PLR2004 - RFC 9110 §15.5
    return Outcome(state=OutgoingState.FAILED if is_refusal else OutgoingState.UNCERTAIN, error=told[:500])


def obstacle(trunk: Trunk) -> str:
    """Why this line out cannot place calls at all; empty if it can."""
    given = {
        "ACCOUNT_SID": trunk.account.account_sid,
        "AUTH_TOKEN": trunk.account.auth_token,
        "FROM": trunk.from_number,
    }
    unset = next((name for name, value in given.items() if not value), "")
    if unset:
        return f"SWITCHBOARD_TWILIO_{unset} is not set"
    if not E164.fullmatch(trunk.from_number):
        return "SWITCHBOARD_TWILIO_FROM is no number in E.164, such as +493055500100"
    return ""


def dialable(written: str, region: str = "") -> str | None:
    """A number as Twilio dials it (E.164), or None where there can be no such number, or it costs by the minute.

    A customer's number is what somebody wrote into a form: premium rates would be fraud at our expense.
    """
    try:
        number = phonenumbers.parse(written, region or None)
    except phonenumbers.NumberParseException:
        return None
    is_dear = phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.PREMIUM_RATE
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if is_dear or not phonenumbers.is_possible_number(number) or not E164.fullmatch(e164) or e164 in PLACEHOLDERS:
        return None
    return e164
