"""The way out by telephone: pages to our own people and calls to customers, placed at Twilio once.

Twilio has no idempotency key for calls (https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource),
so the intent is committed before the request goes out, and a call that may have been placed is never placed again by
itself: it is shown as uncertain, until a webhook of its own says that it rings.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import httpx2
import phonenumbers
import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from twilio.base.exceptions import TwilioException
from twilio.http.response import Response
from twilio.rest import Client

from models import tables
from models.errors import Unavailable
from models.ports import Clock
from models.store import transaction
from models.terms import CallbackOutcome, OutgoingState
from voice import outgoing
from voice.recordings import TwilioAccount
from voice.signature import CALL_SID
from voice.twiml import RETRIES

TIMEOUT = 10.0
"""Seconds Twilio has for each step of an answer."""
RING_SECONDS = 30
"""How long a telephone rings."""
FRESH = timedelta(minutes=15)
"""How old an errand may be: a call about what was urgent long ago wakes people for nothing."""
EVENTS = ("ringing", "completed")
"""What Twilio tells of a call to a customer; every end, whatever it is, comes as "completed"."""
E164 = re.compile(r"\+[1-9]\d{6,14}")
PLACEHOLDERS = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"})
"""What Twilio shows for callers without a number: nobody is there."""
TOO_MANY_REQUESTS = 429

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How placing a call ended; `state` is None where it is certain that none was made."""

    state: OutgoingState | None
    call_sid: str | None = None
    error: str = ""


class Interrupted(Exception):
    """A request to Twilio that got no answer; `is_certain` says that it never reached Twilio, or was turned away."""

    def __init__(self, why: str, *, is_certain: bool) -> None:
        super().__init__(why)
        self.is_certain = is_certain


class Wire:
    """Carries the requests of Twilio's library: no second try, no redirect, nothing in a log."""

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


def page(
    engine: Engine, notice: UUID, *, account: TwilioAccount, from_number: str, public_url: str, clock: Clock
) -> None:
    """Call whom a notice names about its step of escalation; intent recorded, placed, outcome recorded.

    Raises:
        Unavailable: certainly no call was made; the job is tried again later.

    """
    number = _begin_page(engine, notice, account, from_number, clock())
    if number is None:
        return
    here = f"{public_url}/voice/page/{notice}"
    outcome = dial(account, to=number, from_number=from_number, here=here, events=None)
    with transaction(engine) as session:
        row = _notice(session, notice)
        if row is None or row.call_sid is not None:  # a webhook of this call was faster, and told us the same
            return
        row.state, row.call_sid = outcome.state or OutgoingState.PENDING, outcome.call_sid
        row.error = outcome.error or None
        row.told_at = clock() if outcome.call_sid else None
    log.info("page.placed", notice=str(notice), state=row.state)
    if outcome.state is None:
        raise Unavailable(outcome.error)


def _begin_page(engine: Engine, notice: UUID, account: TwilioAccount, from_number: str, now: datetime) -> str | None:
    """Record the intent; None if there is nothing to do (any more)."""
    with transaction(engine) as session:
        row = _notice(session, notice)
        if row is None or row.state not in (OutgoingState.PENDING, OutgoingState.SENDING):
            return None
        if row.state is OutgoingState.SENDING:
            row.state, row.error = OutgoingState.UNCERTAIN, "interrupted while the call was being placed"
            return None
        if now - row.created_at > FRESH:
            row.state, row.error = OutgoingState.DROPPED, "too old to be of use"
            return None
        if problem := obstacle(account, from_number, row.recipient):
            row.state, row.error = OutgoingState.FAILED, problem
            return None
        row.state, row.error = OutgoingState.SENDING, None
        row.attempts += 1
        return row.recipient


def place_callback(
    engine: Engine, callback: UUID, *, account: TwilioAccount, from_number: str, public_url: str, clock: Clock
) -> None:
    """Ring the customer for one attempt in the ledger; it is placed once at most, whatever comes of it.

    Somebody asked for it and waits: an attempt that could not be placed ends as failed, and they may ask again.
    """
    number = _begin_callback(engine, callback, account, from_number, clock())
    if number is None:
        return
    here = f"{public_url}/voice/callback/{callback}"
    outcome = dial(account, to=number, from_number=from_number, here=here, events=EVENTS)
    with transaction(engine) as session:
        row = _callback(session, callback)
        if row is None or row.call_sid is not None:
            return
        row.call_sid = outcome.call_sid
        if outcome.state is OutgoingState.UNCERTAIN:
            _note(row, f"it is not certain whether the call was placed: {outcome.error}")
        elif row.call_sid is None:
            _fail(session, row, outcome.error, clock())
    log.info("callback.placed", callback=str(callback), outcome=row.outcome, is_placed=row.call_sid is not None)


def _begin_callback(
    engine: Engine, callback: UUID, account: TwilioAccount, from_number: str, now: datetime
) -> str | None:
    """Record the intent in the log of the request; None if there is nothing to do (any more)."""
    with transaction(engine) as session:
        row = _callback(session, callback)
        if row is None or row.outcome is not CallbackOutcome.PLACED or row.call_sid or row.ended_at:
            return None
        source = outgoing.source_of(callback, "dialled")
        if outgoing.logged(session, row.request_id, source) is not None:
            _note(row, "it is not certain whether the call was placed: interrupted")
            return None
        if now - row.placed_at > FRESH:
            _fail(session, row, "too old to be of use", now)
            return None
        if problem := obstacle(account, from_number, row.number):
            _fail(session, row, problem, now)
            return None
        tables.requests.record_clock(
            session, row.request_id, outgoing.EVENT, source, now, value="dialled", made_by=row.placed_by
        )
        return row.number


def dial(account: TwilioAccount, *, to: str, from_number: str, here: str, events: Sequence[str] | None) -> Outcome:
    """Have Twilio place one call, whose TwiML is at `here` and whose status goes to `here`/status; never raises."""
    # An environment of its own: the library would look for a region in ours.
    client = Client(account.account_sid, account.auth_token, http_client=Wire(), environment={"TWILIO_REGION": ""})
    client.api.base_url = account.api_base
    told = {"status_callback_event": list(events)} if events else {}
    try:
        call = client.calls.create(
            to=to,
            from_=from_number,
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
        return _refused(error, account)
    except ValueError:
        return Outcome(state=OutgoingState.UNCERTAIN, error="Twilio answers something that is no JSON")
    if not CALL_SID.fullmatch(str(call.sid)):
        return Outcome(state=OutgoingState.UNCERTAIN, error="Twilio answers without a CallSid")
    return Outcome(state=OutgoingState.SENT, call_sid=call.sid)


def _refused(error: TwilioException, account: TwilioAccount) -> Outcome:
    """What an error means: 4xx made no call; after anything else nobody knows."""
    status = getattr(error, "status", 0)
    said = getattr(error, "msg", "") or getattr(error, "title", "")
    told = f"Twilio answers {status}, error {getattr(error, 'code', 0)}: {said}".replace(account.auth_token, "…")
    is_ours = 400 <= status < 500  # noqa: PLR2004 - RFC 9110 §15.5
    return Outcome(state=OutgoingState.FAILED if is_ours else OutgoingState.UNCERTAIN, error=told[:500])


def obstacle(account: TwilioAccount, from_number: str, to: str) -> str:
    """Why no call can be placed to a number at all; empty if it can be tried."""
    given = {"ACCOUNT_SID": account.account_sid, "AUTH_TOKEN": account.auth_token, "FROM": from_number}
    unset = next((name for name, value in given.items() if not value), "")
    if unset:
        return f"SWITCHBOARD_TWILIO_{unset} is not set"
    if not E164.fullmatch(from_number):
        return "SWITCHBOARD_TWILIO_FROM is no number in E.164, such as +493055500100"
    if not E164.fullmatch(to) or to in PLACEHOLDERS:
        return "the number to call is none in E.164"
    number = phonenumbers.parse(to)
    if not phonenumbers.is_possible_number(number):
        return "the number to call cannot exist"
    # A customer's number is what somebody wrote in a form: it must not cost us by the minute.
    if phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.PREMIUM_RATE:
        return "the number to call is a premium-rate one"
    return ""


def _notice(session: Session, notice: UUID) -> tables.progress.Notice | None:
    return session.get(tables.progress.Notice, notice, with_for_update=True)


def _callback(session: Session, callback: UUID) -> tables.progress.Callback | None:
    return session.get(tables.progress.Callback, callback, with_for_update=True)


def _note(row: tables.progress.Callback, text: str) -> None:
    if text not in row.note:
        row.note = "; ".join(each for each in (row.note, text) if each)


def _fail(session: Session, row: tables.progress.Callback, why: str, now: datetime) -> None:
    _note(row, why)
    outgoing.end(session, row, CallbackOutcome.FAILED, now)
