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
UNAUTHORIZED = 401
PRIMARY = "SWITCHBOARD_TWILIO_AUTH_TOKEN"
SECONDARY = "SWITCHBOARD_TWILIO_AUTH_TOKEN_SECONDARY"
PROMOTED = (
    f"Twilio refuses {PRIMARY}; {SECONDARY} is the good one: move it to {PRIMARY}, "
    "unset the secondary, restart web and workers; until then nobody is called and no recording is fetched"
)


class Refused(Unavailable):
    """Twilio does not take account and token (https://www.twilio.com/docs/api/errors/20003)."""


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
        Refused: it does not take our token; the public words name both settings.
        Unavailable: Twilio cannot be reached, refuses, or answers what nobody can read; its public words say which.

    """
    try:
        yield client_of(account)
    except Interrupted as error:
        raise Unavailable(str(error), public=str(error)) from error
    except TwilioException as error:
        page = next((each for each in error.args if isinstance(each, Response)), None)
        # Of what is answered instead of a page of a list, Twilio's library keeps the answer alone.
        said = f"Twilio answers {page.status_code} instead of a list" if page else told(error, account)
        if (page.status_code if page else getattr(error, "status", 0)) == UNAUTHORIZED:
            both = f"SWITCHBOARD_TWILIO_ACCOUNT_SID and {PRIMARY}"
            raise Refused(said, public=f"{said}: copy {both} from Twilio's console, restart web and workers") from error
        raise Unavailable(said, public=said) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        said = "Twilio answers something that nobody can read"
        raise Unavailable(said, public=said) from error


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
        Unavailable: Twilio does not do it. It stops there, and the public words name that number, those that were set
            before it, and those that were not tried.

    """
    to_set = [each for each in numbers if not all(one.is_right for one in each.settings)]
    for at, each in enumerate(to_set):
        try:
            with asking(account) as client:
                fields = {one.name: one.wanted for one in each.settings if not one.is_right}
                client.incoming_phone_numbers(each.sid).update(**fields)
        except Unavailable as error:
            before, after = (", ".join(one.number for one in some) for some in (to_set[:at], to_set[at + 1 :]))
            said = f"stopped at {each.number}: {error.public}; set before: {before or 'none'}; not tried: "
            said += f"{after or 'none'}. Run it again: what is set stays"
            raise Unavailable(said, public=said) from error
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
    if not (row.capabilities or {}).get("voice"):
        yield Finding(is_fine=False, text="it can take no calls (Twilio: no capability `voice`): use another number")
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


def findings(
    account: TwilioAccount, plan: Plan, *, secondary: str = "", from_number: str = "", texts: bool = False
) -> Iterator[Finding]:
    """Everything about the account and its numbers, right or wrong, each with what to do; never raises.

    `secondary` is the second auth token, during rotation; `from_number` is the one that calls out, and with `texts`
    sends texts, too. Where Twilio refuses the first token and takes the second, everything is asked with that one.
    """
    try:
        try:
            status = _status(account)
        except Refused as error:
            if not secondary:
                raise
            account, secondary = replace(account, auth_token=secondary), ""
            status = _promoted(account, error)
            yield Finding(is_fine=False, text=PROMOTED)
        yield Finding(is_fine=status == "active", text=f"the Twilio account is {status}")
        yield from _numbers(look(account, plan))
    except Unavailable as error:
        yield Finding(is_fine=False, text=f"Twilio account: {error.public}")
        return
    if secondary:
        yield _secondary(account, secondary)
    if from_number:
        yield sender(account, from_number, texts=texts)


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


def _status(account: TwilioAccount) -> str:
    with asking(account) as client:
        return str(client.api.accounts(account.account_sid).fetch().status)


def _promoted(account: TwilioAccount, first: Refused) -> str:
    """The status of an account whose primary token was refused, by its secondary one."""
    try:
        return _status(account)
    except Refused as error:
        raise Refused(str(error), public=f"{first.public}; {SECONDARY} is refused, too") from error


def _secondary(account: TwilioAccount, token: str) -> Finding:
    name = SECONDARY
    if token == account.auth_token:
        return Finding(is_fine=False, text=f"{name} is the primary token: unset it")
    try:
        _status(replace(account, auth_token=token))
    except Unavailable as error:
        return Finding(is_fine=False, text=f"{name} is no token of the account (unset it after a rotation): {error}")
    return Finding(is_fine=True, text=f"{name} is good: promote it in Twilio, then make it the primary one here")


def sender(account: TwilioAccount, number: str, *, texts: bool) -> Finding:
    """Whether calls may go out under a number, and `texts` if wanted; never raises.

    Calls may under the account's own numbers, and those it has verified; texts only under its own that can send them
    (https://www.twilio.com/docs/api/errors/21601 and its neighbour 21661).
    """
    try:
        with asking(account) as client:
            own = client.incoming_phone_numbers.list(phone_number=number)
            other = [] if own else client.outgoing_caller_ids.list(phone_number=number)
    except Unavailable as error:
        return Finding(is_fine=False, text=f"SWITCHBOARD_TWILIO_FROM cannot be checked: {error.public}")
    ours = [row for row in own if row.phone_number == number]
    if not ours and not any(row.phone_number == number for row in other):
        wrong = "is no number of the account: calls out will be refused"
    elif texts and not any(_can_text(row) for row in ours):
        kind = "can send no texts" if ours else "is only a verified caller id, which can send no texts"
        wrong = f"{kind}: set SWITCHBOARD_VOICE_RECEIPT to mail, or name a number of the account that can"
    else:
        wrong = ""
    return Finding(is_fine=not wrong, text=f"SWITCHBOARD_TWILIO_FROM {wrong or 'belongs to the account'}")


def _can_text(row: Any) -> bool:
    """Whether a number is able to send texts; Twilio writes the name of it in small letters or in capitals."""
    return any(name.lower() == "sms" and is_able for name, is_able in (row.capabilities or {}).items())
