"""Twilio asked for something: whom we call at all, and what each kind of answer means.

https://www.twilio.com/docs/voice/api/call-resource
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx2
import phonenumbers
from sqlalchemy.orm import Session
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
GREETING_MS = 4000
"""Who speaks longer when they pick up is a machine: Twilio's own 2400 would take a company's front desk for one.

A machine that is taken for a person harms less: it presses no key.

https://www.twilio.com/docs/voice/answering-machine-detection#optional-api-tuning-parameters
"""
E164 = re.compile(r"\+[1-9]\d{6,14}")
PLACEHOLDERS = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"})
"""What Twilio shows for callers without a number: nobody is there."""
TEXTABLE = frozenset(
    {
        phonenumbers.PhoneNumberType.MOBILE,
        phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
        phonenumbers.PhoneNumberType.UNKNOWN,
    }
)
"""Kinds of numbers that may take a text."""
ZEROS = frozenset({39, 225, 241, 242, 378, 379})
"""Codes of countries whose national numbers may begin with zero: Italy, and those that number like it."""
AMERICAN = re.compile(r"[2-9]\d\d[2-9]\d{6}")
"""What follows the code 1: an area code and an exchange, neither of which begins with zero or one."""
TOO_MANY_REQUESTS = 429
UNAUTHORIZED = (401, 403)
COSTLY = frozenset(
    {
        phonenumbers.PhoneNumberType.PREMIUM_RATE,
        phonenumbers.PhoneNumberType.SHARED_COST,
        phonenumbers.PhoneNumberType.PERSONAL_NUMBER,
    }
)
"""Kinds of numbers whose owner may earn by our calls. Those of companies (UAN: Swiss 058) and of VoIP cost no more than
others; toll-free ones are free."""
NOWHERE = "001"
"""What the numbering plan calls a code that is no country's (UN M.49: the world)."""
RESTORED = "the database was restored while this waited: it may have gone out before"

Restored = Callable[[Session, datetime], datetime | None]
"""When the database was first seen after a restore, None if it never was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """The line out: whose account pays, which number is shown (E.164), where Twilio finds us.

    `region` is the ISO 3166 country of numbers that were written without a country code. `numbers` are those at which
    we are called (E.164), besides the one that is shown. What is older than `restored` says goes out no more by itself:
    its row may be a copy of one that went out.
    """

    account: TwilioAccount
    from_number: str
    public_url: str
    region: str = ""
    numbers: Collection[str] = ()
    restored: Restored = lambda *_: None

    def doubts(self, session: Session, since: datetime, now: datetime) -> bool:
        """Whether something that was to go out since then may have gone out before the database was restored."""
        at = self.restored(session, now)
        return at is not None and since <= at


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How asking Twilio ended; `state` is None where it is certain that nothing was made, and asking again may help.

    `code` is Twilio's own number of an error (https://www.twilio.com/docs/api/errors), 0 where it told none.
    """

    state: OutgoingState | None
    sid: str | None = None
    error: str = ""
    code: int = 0


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

    `events` are what Twilio tells besides the end.
    """
    here = f"{trunk.public_url}{path}"
    more = {"status_callback_event": [*events, "completed"]} if events else {}
    return made(
        trunk.account,
        CALL_SID,
        lambda client: client.calls.create(
            to=to,
            from_=trunk.from_number,
            url=f"{here}{RETRIES}",
            method="POST",
            status_callback=f"{here}/status{RETRIES}",
            status_callback_method="POST",
            timeout=RING_SECONDS,
            machine_detection="Enable",
            machine_detection_speech_threshold=GREETING_MS,
            **more,
        ),
    )


def made(account: TwilioAccount, sid: re.Pattern[str], ask: Callable[[Client], Any]) -> Outcome:
    """Have Twilio make one thing, once, whose id looks like `sid`; never raises.

    It is certainly not made where Twilio cannot be reached or refuses (4xx); after a timeout, or an answer nobody can
    read, it may have been.
    """
    try:
        thing = ask(client_of(account))
    except Interrupted as error:
        return Outcome(state=None if error.is_certain else OutgoingState.UNCERTAIN, error=str(error))
    except TwilioException as error:
        return _refused(error, account)
    except (ValueError, TypeError, AttributeError):
        return Outcome(state=OutgoingState.UNCERTAIN, error="Twilio answers something that nobody can read")
    if not sid.fullmatch(str(thing.sid)):
        return Outcome(state=OutgoingState.UNCERTAIN, error="Twilio answers without an id")
    return Outcome(state=OutgoingState.SENT, sid=thing.sid)


def look_up(account: TwilioAccount, call_sid: str) -> dict[str, str]:
    """How a call stands, under the names Twilio's status webhook has; empty where Twilio does not tell.

    A call's SIP code is told by webhook only.
    """
    try:
        call = client_of(account).calls(call_sid).fetch()
        known = {"CallStatus": call.status, "CallDuration": call.duration, "AnsweredBy": call.answered_by}
        ended = f"{call.end_time:%a, %d %b %Y %H:%M:%S +0000}" if call.end_time else ""
    except (Interrupted, TwilioException, ValueError, TypeError, AttributeError):
        return {}
    return {"CallSid": call_sid, "Timestamp": ended, **{name: str(value) for name, value in known.items() if value}}


def client_of(account: TwilioAccount) -> Client:
    """Twilio's own library on our wire, at the account's address."""
    # With an environment of its own: the library would look for a region in ours.
    client = Client(account.account_sid, account.auth_token, http_client=Wire(), environment={"TWILIO_REGION": ""})
    client.api.base_url = account.api_base
    return client


def _refused(error: TwilioException, account: TwilioAccount) -> Outcome:
    """What an error means: 4xx made nothing; after anything else nobody knows.

    That our token is refused says nothing about what was asked: with the next one, or once the account is open again,
    it may be done (https://www.twilio.com/docs/api/errors/20003).
    """
    state: OutgoingState | None = OutgoingState.FAILED if is_refusal(error) else OutgoingState.UNCERTAIN
    if getattr(error, "status", 0) in UNAUTHORIZED:
        state = None
    code = getattr(error, "code", 0)
    return Outcome(state=state, error=told(error, account), code=code if isinstance(code, int) else 0)


def is_refusal(error: TwilioException) -> bool:
    """Whether Twilio turned a request away for what it asks (RFC 9110 §15.5)."""
    return 400 <= getattr(error, "status", 0) < 500  # noqa: PLR2004 - the class of such answers


def told(error: TwilioException, account: TwilioAccount) -> str:
    """What Twilio answered, without our secret, should it be repeated there."""
    said = getattr(error, "msg", "") or getattr(error, "title", "")
    whole = f"Twilio answers {getattr(error, 'status', 0)}, error {getattr(error, 'code', 0)}: {said}"
    return (whole.replace(account.auth_token, "…") if account.auth_token else whole)[:500]


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
    """A number as Twilio dials it (E.164), or None where there can be no such number, or calling it is costly.

    No national number begins with zero after its country code but those of a few countries (Italy), and none in North
    America has an area code or an exchange that begins with zero or one (ITU-T E.164, NANP): such callers' numbers were
    made up. Any other that nobody is known to have given out may be new, and is dialled.

    A customer's number is what somebody wrote into a form, or came from: calls to premium and shared-cost numbers,
    and to personal ones (+44 70), would be fraud at our expense, also with digits appended, which networks ignore
    (https://www.twilio.com/learn/voice-and-video/toll-fraud). So would those to the codes that no country has: Inmarsat
    (+870), personal numbers (+878), satellites (+881), international networks (+882, +883) and premium rate (+979), by
    the list of codes assigned under ITU-T E.164. Countries are barred in Twilio's own console
    (https://www.twilio.com/docs/sip-trunking/voice-dialing-geographic-permissions).
    """
    e164, kind = _read(written, region)
    return None if e164 is None or kind in COSTLY or _is_of_no_country(e164) else e164


def unringable(written: str, trunk: Trunk) -> str:
    """Why none of our people is ever rung at a number, said of it; empty if they are.

    On our own numbers the house would ring itself; of others see `dialable`.
    """
    e164, kind = _read(written, trunk.region)
    if e164 is None:
        return "is no telephone number"
    if kind in COSTLY:
        return "is a premium-rate, shared-cost or personal number"
    if _is_of_no_country(e164):
        return "is a satellite telephone's, or of another network that belongs to no country"
    ours = {dialable(each, trunk.region) for each in (trunk.from_number, *trunk.numbers)}
    return "is one of our own numbers" if e164 in ours else ""


def textable(written: str, region: str = "") -> str | None:
    """A number as Twilio texts it (E.164), or None where it is no mobile one, or may not be dialled either.

    One of no known kind is texted: countries give out ranges before anybody lists them.
    """
    e164, kind = dialable(written, region), _read(written, region)[1]
    return e164 if kind in TEXTABLE else None


def _is_of_no_country(e164: str) -> bool:
    code = phonenumbers.parse(e164).country_code or 0
    return phonenumbers.region_code_for_country_code(code) == NOWHERE


def _read(written: str, region: str) -> tuple[str | None, int]:
    """A number in E.164, None where there can be no such number, and what kind it is of."""
    try:
        number = phonenumbers.parse(written, region or None)
    except phonenumbers.NumberParseException:
        return None, phonenumbers.PhoneNumberType.UNKNOWN
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    is_one = phonenumbers.is_possible_number(number) and E164.fullmatch(e164) and e164 not in PLACEHOLDERS
    phonenumbers.truncate_too_long_number(number)
    return e164 if is_one and not _is_made_up(number) else None, phonenumbers.number_type(number)


def _is_made_up(number: phonenumbers.PhoneNumber) -> bool:
    """Whether a number can be none in any country's plan, though it is as long as one."""
    national = phonenumbers.national_significant_number(number)
    if number.country_code == 1:
        return AMERICAN.fullmatch(national) is None
    return national.startswith("0") and number.country_code not in ZEROS
