"""What Twilio knows of our numbers: which addresses it asks, what overrules them, whose account it is.

https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from twilio.base.exceptions import TwilioException
from twilio.http.response import Response
from twilio.rest import Client

from models.calling import Finding
from models.errors import Unavailable
from voice.dialling import Interrupted, client_of, told
from voice.recordings import TwilioAccount
from voice.twiml import RETRIES

PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How our numbers should be set: at `public_url`, and at `fallback` on another host where we do not answer.

    Without `numbers` (E.164) it is about every number of the account that takes calls. An empty `fallback` leaves
    the one that is set. It is asked by POST, which every TwiML Bin takes; `fallback_get` is for hosts of static files
    that do not.
    """

    public_url: str
    numbers: tuple[str, ...] = ()
    fallback: str = ""
    fallback_get: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One field of a number, under Twilio's name: how it is set, and how it should be."""

    name: str
    stands: str
    wanted: str

    @property
    def is_right(self) -> bool:
        """Whether nothing is to be done."""
        return self.stands == self.wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One of our numbers (E.164), as Twilio has it; `findings` are what no setting of ours can put right."""

    sid: str
    number: str
    settings: tuple[Setting, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def is_right(self) -> bool:
        """Whether calls to it reach us, and something else while we are away."""
        return all(each.is_right for each in self.settings) and all(each.is_fine for each in self.findings)


@contextmanager
def asking(account: TwilioAccount) -> Iterator[Client]:
    """Twilio's library for a few questions.

    Raises:
        Unavailable: Twilio cannot be reached, refuses, or answers what nobody can read; its public words say which.

    """
    try:
        yield client_of(account)
    except Interrupted as error:
        raise Unavailable(str(error), public=str(error)) from error
    except TwilioException as error:
        said = _page_refused(error) or told(error, account)
        raise Unavailable(said, public=said) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        said = "Twilio answers something that nobody can read"
        raise Unavailable(said, public=said) from error


def _page_refused(error: TwilioException) -> str:
    """What Twilio answered instead of a page of a list, of which its library keeps the answer alone."""
    answers = [each for each in error.args if isinstance(each, Response)]
    return f"Twilio answers {answers[0].status_code} instead of a list" if answers else ""


def look(account: TwilioAccount, plan: Plan) -> tuple[Number, ...]:
    """How the numbers of a plan are set; nothing is changed.

    Raises:
        Unavailable: Twilio does not tell.

    """
    with asking(account) as client:
        found = {row.phone_number: row for row in client.incoming_phone_numbers.stream(page_size=PAGE)}
        if plan.numbers:
            return tuple(_read(found[each], plan) if each in found else _missing(each) for each in plan.numbers)
        return tuple(_read(row, plan) for _, row in sorted(found.items()) if (row.capabilities or {}).get("voice"))


def apply(account: TwilioAccount, plan: Plan, numbers: tuple[Number, ...]) -> tuple[Number, ...]:
    """Set what is not right, and how the numbers then are set, as Twilio tells it.

    Raises:
        Unavailable: Twilio does not do it.

    """
    with asking(account) as client:
        for each in numbers:
            if wrong := {one.name: one.wanted for one in each.settings if not one.is_right}:
                client.incoming_phone_numbers(each.sid).update(**wrong)
    read_again = look(account, replace(plan, numbers=tuple(each.number for each in numbers)))
    return read_again if numbers else ()


def _read(row: Any, plan: Plan) -> Number:
    wanted = {
        "voice_url": f"{plan.public_url}/voice/inbound{RETRIES}",
        "voice_method": "POST",
        "status_callback": f"{plan.public_url}/voice/status{RETRIES}",
        "status_callback_method": "POST",
    }
    if plan.fallback:
        method = "GET" if plan.fallback_get else "POST"
        wanted |= {"voice_fallback_url": plan.fallback, "voice_fallback_method": method}
    return Number(
        sid=row.sid,
        number=row.phone_number,
        settings=tuple(
            Setting(name=name, stands=getattr(row, name) or "", wanted=value) for name, value in wanted.items()
        ),
        findings=tuple(_overruled(row)) + tuple(_without_fallback(row, plan)),
    )


def _overruled(row: Any) -> Iterator[Finding]:
    """What makes Twilio ask somebody else than the addresses that are set."""
    by = "so Twilio does not ask the addresses set here; take it off in Twilio's console"
    if row.trunk_sid:
        yield Finding(is_fine=False, text=f"it belongs to the SIP trunk {row.trunk_sid}, {by}")
    if row.voice_application_sid:
        yield Finding(is_fine=False, text=f"the application {row.voice_application_sid} answers it, {by}")
    if row.voice_receive_mode == "fax":
        yield Finding(is_fine=False, text="it takes faxes instead of calls")


def _without_fallback(row: Any, plan: Plan) -> Iterator[Finding]:
    address = plan.fallback or row.voice_fallback_url or ""
    if not address:
        what = "while we are away, callers hear an error: host what `switchboard twilio fallback` prints elsewhere"
        yield Finding(is_fine=False, text=f"no fallback: {what}, and name it by `switchboard twilio setup --fallback`")
    elif mistake := fallback_mistake(address, plan.public_url):
        yield Finding(is_fine=False, text=mistake)
    if plan.fallback_get or (not plan.fallback and address and row.voice_fallback_method == "GET"):
        cost = "its host's log keeps who called whom, since by GET all of it stands in the address"
        yield Finding(is_fine=True, text=f"the fallback is asked by GET: {cost}; by POST it stands in no address")


def fallback_mistake(address: str, public_url: str) -> str:
    """Why an address is no use as a fallback; empty if it is."""
    given, own = urlsplit(address), urlsplit(public_url)
    if given.scheme not in {"http", "https"} or not given.hostname:
        return f"the fallback {address} is no web address"
    if given.hostname == own.hostname:
        return f"the fallback {address} is on our own host, which is away when it is needed"
    return ""


def _missing(number: str) -> Number:
    return Number(sid="", number=number, findings=(Finding(is_fine=False, text="it is no number of this account"),))


def findings(account: TwilioAccount, plan: Plan, *, secondary: str = "", from_number: str = "") -> Iterator[Finding]:
    """Everything about the account and its numbers, right or wrong, each with what to do; never raises.

    `secondary` is the second auth token, during rotation; `from_number` is the one that calls out.
    """
    try:
        with asking(account) as client:
            whose = client.api.accounts(account.account_sid).fetch()
            yield Finding(is_fine=whose.status == "active", text=f"the Twilio account is {whose.status}")
        yield from _numbers(look(account, plan))
    except Unavailable as error:
        yield Finding(is_fine=False, text=f"Twilio account: {error.public}")
        return
    if secondary:
        yield _secondary(account, secondary)
    if from_number:
        yield _sender(account, from_number)


def _numbers(seen: tuple[Number, ...]) -> Iterator[Finding]:
    if not seen:
        yield Finding(is_fine=False, text="the Twilio account has no number that takes calls")
    for each in seen:
        if each.is_right:
            yield Finding(is_fine=True, text=f"{each.number}: Twilio asks us, and has a fallback")
        for one in (one for one in each.settings if not one.is_right):
            what = f"{one.name} is {one.stands or 'empty'} and should be {one.wanted}"
            how = f"switchboard twilio setup --number {each.number} --apply"
            yield Finding(is_fine=False, text=f"{each.number}: {what}: {how}")
        yield from (Finding(is_fine=one.is_fine, text=f"{each.number}: {one.text}") for one in each.findings)


def _secondary(account: TwilioAccount, token: str) -> Finding:
    name = "SWITCHBOARD_TWILIO_AUTH_TOKEN_SECONDARY"
    if token == account.auth_token:
        return Finding(is_fine=False, text=f"{name} is the primary token: unset it")
    try:
        with asking(replace(account, auth_token=token)) as client:
            client.api.accounts(account.account_sid).fetch()
    except Unavailable as error:
        return Finding(is_fine=False, text=f"{name} is no token of the account (unset it after a rotation): {error}")
    return Finding(is_fine=True, text=f"{name} is good: promote it in Twilio, then make it the primary one here")


def _sender(account: TwilioAccount, number: str) -> Finding:
    """Whether calls may go out under a number: the account's own, or one that it has verified."""
    try:
        with asking(account) as client:
            own = client.incoming_phone_numbers.list(phone_number=number)
            other = [] if own else client.outgoing_caller_ids.list(phone_number=number)
    except Unavailable as error:
        return Finding(is_fine=False, text=f"SWITCHBOARD_TWILIO_FROM cannot be checked: {error.public}")
    is_ours = any(row.phone_number == number for row in (*own, *other))
    what = "belongs to the account" if is_ours else "is no number of the account: calls out will be refused"
    return Finding(is_fine=is_ours, text=f"SWITCHBOARD_TWILIO_FROM {what}")
