"""A caller is told of a text message only where one may come; where none can, the mail goes, and the desk sees why."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, select

from models import tables
from models.calling import Consent
from models.store import transaction
from models.tables.reaching import CallReceipt
from models.terms import OutgoingState
from voice import texting
from voice.switch import Desk, Rules

OURS, MOBILE, ANOTHER = "+493055500111", "+4915155501234", "+4915155501235"
WRITTEN = Desk(rules=lambda _: Rules(consent=Consent.NEVER, receipts=("mail", "sms")))
STOP = "the recipient does not want texts from our number (STOP): Twilio answers 400, error 21610: no"
PROMISE = "text message"
SENT, FAILED = OutgoingState.SENT, OutgoingState.FAILED


@pytest.fixture
def texted(engine: Engine) -> Callable[..., None]:
    """Let a text have gone out to a number, hours ago."""

    def run(number: str = MOBILE, *, hours: float = 1, **columns: object) -> None:
        at = datetime.now(UTC) - timedelta(hours=hours)
        with transaction(engine) as session:
            request = tables.requests.Request(
                channel="phone", subject="", policy="wso2", state="decided", received_at=at
            )  # fmt: skip
            call = tables.calls.Call(
                call_sid=f"CA{uuid4().hex}", account_sid="AC1", from_number=number, to_number=OURS,
                status="completed", step="receipt", answers={}, started_at=at,
            )  # fmt: skip
            session.add_all([request, call])
            session.flush()
            given = {"channel": "sms", "recipient": number, "state": SENT, "created_at": at, **columns}
            session.add(CallReceipt(call_id=call.id, request_id=request.id, **given))

    return run


@pytest.fixture
def tells_a_problem(run_line, phone):
    """A caller from a mobile number who confirms it, up to the end of the call."""

    def run(*, from_number: str = OURS, times: int = 1):
        with run_line("en", desk=WRITTEN, from_number=from_number) as line:
            guest = phone(line, From=MOBILE).dials().presses("").says("orders fail").presses("2")
            return guest.repeating(times).presses("1").hears("reference")

    return run


@pytest.fixture
def written(engine: Engine) -> Callable[[], dict[str, OutgoingState]]:
    """What is to be sent about the last call, by its channel."""

    def read() -> dict[str, OutgoingState]:
        with transaction(engine) as session:
            call = session.scalars(select(tables.calls.Call).order_by(tables.calls.Call.started_at.desc())).first()
            return {row.channel: row.state for row in tables.reaching.receipts(session, call.request_id)}

    return read


def test_a_text_that_may_go_is_promised(tells_a_problem, written):
    """Also where the webhook comes again: the receipt it made itself counts for nothing."""
    tells_a_problem(times=3).hears(PROMISE)
    assert written() == {"sms": OutgoingState.PENDING, "mail": OutgoingState.PENDING}


def test_without_a_number_to_send_from_no_text_is_promised(tells_a_problem, written):
    """The line out is not set; the mail goes all the same."""
    tells_a_problem(from_number="").hears_not(PROMISE)
    assert written()["mail"] is OutgoingState.PENDING


@pytest.mark.parametrize("state", [SENT, OutgoingState.UNCERTAIN, OutgoingState.PENDING])
def test_after_the_texts_of_the_day_none_is_promised(tells_a_problem, texted, written, state: OutgoingState):
    """Those that will go before this one count as those that went."""
    for _ in range(texting.MOST_A_DAY):
        texted(state=state)
    tells_a_problem().hears_not(PROMISE)
    assert written()["mail"] is OutgoingState.PENDING


def test_texts_of_yesterday_or_to_others_or_never_sent_or_mails_do_not_count(tells_a_problem, texted):
    """One more may go to this number."""
    for _ in range(texting.MOST_A_DAY):
        texted(hours=25)
        texted(ANOTHER)
        texted(state=OutgoingState.DROPPED, error="too old to be of use")
        texted(channel="mail")
    for _ in range(texting.MOST_A_DAY - 1):
        texted()
    tells_a_problem().hears(PROMISE)


@pytest.mark.parametrize("error", [STOP, "failed, error 21610"])
def test_no_text_is_promised_after_a_stop(tells_a_problem, texted, written, error: str):
    """However long ago, and whether Twilio said so at once or later; it is sent unpromised, so that START is seen."""
    texted(hours=2000, state=FAILED, error=error)
    texted(ANOTHER)
    tells_a_problem().hears_not(PROMISE)
    assert written() == {"sms": OutgoingState.PENDING, "mail": OutgoingState.PENDING}


def test_a_stop_counts_for_its_own_number_and_until_the_next_text_goes(tells_a_problem, texted):
    """Somebody else's does not, nor one that START took back."""
    texted(hours=3, state=FAILED, error=STOP)
    texted(hours=2)
    texted(ANOTHER, hours=1, state=FAILED, error=STOP)
    tells_a_problem().hears(PROMISE)


@pytest.mark.parametrize("code", texting.UNABLE)
def test_no_text_is_promised_while_our_number_can_send_none(tells_a_problem, texted, code: int):
    """Twilio refused it for the last text to anybody."""
    texted(ANOTHER, hours=2)
    texted(ANOTHER, state=FAILED, error=f"Twilio answers 400, error {code}: no")
    tells_a_problem().hears_not(PROMISE)


def test_texts_are_promised_again_once_one_was_taken(tells_a_problem, texted):
    """Another number to send from was set; other errors are the recipients' own."""
    texted(ANOTHER, hours=3, state=FAILED, error="Twilio answers 400, error 21661: no")
    texted(ANOTHER, hours=2)
    texted(ANOTHER, hours=1, state=FAILED, error="undelivered, error 30005")
    tells_a_problem().hears(PROMISE)
