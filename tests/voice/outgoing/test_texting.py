"""A caller gets the reference as a text: once, to a telephone that takes texts, and with nothing else about them."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, select

from models import tables
from models.errors import Unavailable
from models.store import transaction
from models.tables.reaching import CallReceipt
from models.terms import OutgoingState
from voice import dialling, texting
from voice.outgoing import Named

ACCOUNT, PUBLIC = "AC" + "a" * 32, "https://support.example.com"
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
MOBILE = "+4915155501234"
SM, OTHER = "SM" + "3" * 32, "SM" + "4" * 32
RECEIPT = UUID("01930000-0000-7000-8000-000000000003")


@pytest.fixture
def make(engine: Engine, request_id, now) -> Callable[..., UUID]:
    """Make a receipt that is to be sent."""

    def run(*, language: str = "de", **columns: object) -> UUID:
        given = {
            "id": RECEIPT, "request_id": request_id, "channel": "sms", "recipient": MOBILE,
            "state": OutgoingState.PENDING, "created_at": now,
        }  # fmt: skip
        with transaction(engine) as session:
            call = tables.calls.Call(
                call_sid=f"CA{uuid4().hex}", account_sid=ACCOUNT, from_number=MOBILE, to_number="+493055500100",
                status="completed", step="receipt", answers={"language": language, "caller": MOBILE}, started_at=now,
            )  # fmt: skip
            session.add(call)
            session.flush()
            row = CallReceipt(**{**given, "call_id": call.id, **columns})
            session.add(row)
            session.flush()
            return row.id

    return run


@pytest.fixture
def send(engine: Engine, trunk, clock) -> Callable[..., None]:
    """Let a worker take its job."""

    def run(receipt: UUID, **changed: object) -> None:
        using = replace(trunk, **changed) if changed else trunk
        naming = lambda _request: Named(level="", support="WSO2")  # noqa: E731 - the port in one line
        texting.send(engine, receipt, trunk=using, naming=naming, clock=lambda: clock.now)

    return run


@pytest.fixture
def the(engine: Engine) -> Callable[[], CallReceipt]:
    """The receipt as it stands."""

    def read() -> CallReceipt:
        with transaction(engine) as session:
            return session.get_one(CallReceipt, RECEIPT)

    return read


@pytest.fixture
def tells(door) -> Callable[..., None]:
    """Let Twilio tell what became of a message: it names the message, and no call."""

    def run(status: str, sid: str = SM, **told: str) -> None:
        form = {"MessageSid": sid, "MessageStatus": status, **told}
        answer = door.post(f"/voice/receipt/{RECEIPT}/status", sid="", **form)
        assert (answer.status_code, answer.text) == (204, "")

    return run


def test_a_receipt_is_texted_once_in_the_language_of_the_call(make, send, twilio, the, engine, request_id):
    """Reference and whose support it is; nothing of the caller, no link, one message."""
    twilio.expect(body={"sid": SM, "status": "queued"})
    send(make())
    send(RECEIPT)
    (asked,) = twilio.asked
    with transaction(engine) as session:
        reference = session.get_one(tables.requests.Request, request_id).reference
    assert (asked.method, asked.path) == ("POST", MESSAGES)
    assert asked.authorization == "Basic " + b64encode(f"{ACCOUNT}:sample-token".encode()).decode()
    said = (
        f"WSO2 Support: Ihr Anruf ist als {reference} erfasst. Bitte nennen Sie das beim nächsten Anruf. "
        "SMS an diese Nummer lesen wir nicht."
    )
    assert asked.form == {
        "To": [MOBILE],
        "From": ["+493055500100"],
        "Body": [said],
        "StatusCallback": [f"{PUBLIC}/voice/receipt/{RECEIPT}/status#rc=2&rp=ct,rt,5xx"],
    }
    assert (the().state, the().message_sid, the().told_at) == (OutgoingState.SENT, SM, None)


@pytest.mark.parametrize(
    "support", ["", "WSO2", "Nordhandel Groß – Łódź 日本 {Operations} & Infrastructure €urope " * 3]
)
@pytest.mark.parametrize("language", [*texting.TEXTS, "it", None])
def test_a_text_fits_one_message_whatever_the_name(support: str, language: str | None):
    """160 letters of the GSM alphabet, with the whole reference; English where we have no words."""
    text = texting.written(support, "SB-1234567", language)
    assert len(text) <= 160
    assert set(text) <= texting.GSM
    assert "SB-1234567" in text
    assert "$" not in text


@pytest.mark.parametrize("number", ["+493055500188", "+498001234567", "+499001123456", "+266696687", "anonymous", ""])
def test_what_takes_no_texts_gets_none(make, send, twilio, the, number: str):
    """A landline, a free or premium number, a withheld one: nothing is asked of Twilio."""
    send(make(recipient=number))
    assert (the().state, the().error) == (OutgoingState.DROPPED, "the caller left no number that takes texts")
    assert twilio.asked == []


def test_the_intent_stands_before_twilio_is_asked(make, send, twilio, the):
    """Whatever happens then, it may have gone out."""
    seen: list[OutgoingState] = []
    make()
    twilio.expect(body={"sid": SM}, meanwhile=lambda: seen.append(the().state))
    send(RECEIPT)
    assert seen == [OutgoingState.SENDING]


def test_one_that_was_interrupted_is_uncertain(make, send, twilio, the):
    """It is shown, and never sent again by itself."""
    send(make(state=OutgoingState.SENDING))
    assert the().state is OutgoingState.UNCERTAIN
    assert twilio.asked == []


@pytest.mark.parametrize(
    ("code", "said"), [(21610, "does not want texts from our number (STOP)"), (21211, "error 21211")]
)
def test_a_refusal_is_final_and_a_stop_is_told_as_such(make, send, twilio, the, code: int, said: str):
    """4xx: nothing was sent, and nothing will be."""
    twilio.expect(400, {"code": code, "message": "no", "status": 400})
    send(make())
    send(RECEIPT)
    assert the().state is OutgoingState.FAILED
    assert said in the().error


@pytest.mark.parametrize("how", [{"status": 500}, {"status": 503, "body": "x"}, {"after": 1.0}, {"body": {"sid": "x"}}])
def test_an_unclear_end_is_uncertain(make, send, twilio, the, monkeypatch: pytest.MonkeyPatch, how: dict[str, object]):
    """It may have arrived: a second text would be one too many."""
    monkeypatch.setattr(dialling, "TIMEOUT", 0.3)
    twilio.expect(**how)
    send(make())
    send(RECEIPT)
    assert (the().state, bool(the().error)) == (OutgoingState.UNCERTAIN, True)


def test_what_was_certainly_not_sent_is_tried_again(make, send, twilio, the):
    """Twilio is asked too often: the next try sends it."""
    twilio.expect(429, {"code": 20429, "message": "Too many requests"})
    with pytest.raises(Unavailable):
        send(make())
    assert the().state is OutgoingState.PENDING
    twilio.expect(body={"sid": SM})
    send(RECEIPT)
    assert (the().state, the().error) == (OutgoingState.SENT, None)


def test_without_a_line_out_the_setting_is_named(make, send, the):
    """An operator can see what is missing."""
    send(make(), from_number="")
    assert (the().state, the().error) == (OutgoingState.FAILED, "SWITCHBOARD_TWILIO_FROM is not set")


def test_a_reference_of_yesterday_is_not_texted(make, send, the, clock, now):
    """Nobody knows any more what it is about."""
    clock.now = now + timedelta(days=1, seconds=1)
    send(make())
    assert (the().state, the().error) == (OutgoingState.DROPPED, "too old to be of use")


def test_nobody_is_flooded_at_our_expense(make, send, twilio, the, now):
    """Whoever keys in somebody else's number gets so many texts there a day, and no more."""
    for _ in range(texting.MOST_A_DAY):
        make(id=uuid4(), state=OutgoingState.SENT)
    make(id=uuid4(), state=OutgoingState.SENT, recipient="+4915155501235")
    send(make())
    assert (the().state, the().error) == (OutgoingState.DROPPED, "5 texts went to this number today")
    assert twilio.asked == []


def test_a_receipt_by_mail_is_not_texted(make, send, the):
    """Its job is the intake's."""
    send(make(channel="mail"))
    send(uuid4())
    assert the().state is OutgoingState.PENDING


@pytest.mark.parametrize(
    ("told", "state", "error"),
    [
        (["sent", "delivered"], OutgoingState.SENT, None),
        (["delivered", "sent"], OutgoingState.SENT, None),
        (["undelivered"], OutgoingState.FAILED, "undelivered, error 30005"),
        (["failed", "sent"], OutgoingState.FAILED, "failed, error 30005"),
        (["undelivered", "delivered"], OutgoingState.SENT, None),
        (["delivered", "undelivered"], OutgoingState.SENT, None),
    ],
)
def test_what_became_of_a_text_is_kept_in_whatever_order_it_is_told(
    make, tells, the, clock, told: list[str], state: OutgoingState, error: str | None
):
    """Each status twice; an arrival is never taken back."""
    make(state=OutgoingState.SENT, message_sid=SM)
    for each in told:
        for _ in range(2):
            tells(each, ErrorCode="30005")
    assert (the().state, the().error) == (state, error)
    assert the().told_at == (clock.now if "delivered" in told else None)


def test_a_status_faster_than_twilios_answer_keeps_the_message(make, send, twilio, the, tells):
    """What it says stands; the answer changes nothing."""
    twilio.expect(body={"sid": SM}, meanwhile=lambda: tells("delivered"))
    send(make())
    assert (the().state, the().message_sid) == (OutgoingState.SENT, SM)
    assert the().told_at is not None


def test_an_uncertain_text_that_arrives_after_all_was_sent(make, tells, the):
    """Its own webhook says so."""
    make(state=OutgoingState.UNCERTAIN, error="no answer from Twilio")
    tells("sent")
    assert (the().state, the().message_sid, the().error) == (OutgoingState.SENT, SM, None)


def test_another_message_changes_nothing(make, tells, the, engine):
    """Nor does one for a receipt that nobody asked for, or that is another's."""
    make(state=OutgoingState.SENT, message_sid=SM)
    tells("failed", sid=OTHER)
    assert the().state is OutgoingState.SENT
    with transaction(engine) as session:
        session.execute(CallReceipt.__table__.delete())
    make(id=uuid4(), state=OutgoingState.SENT, message_sid=SM)
    make(state=OutgoingState.SENDING)
    tells("delivered")
    make_pending = the()
    assert (make_pending.state, make_pending.message_sid) == (OutgoingState.SENDING, None)


@pytest.mark.parametrize(
    ("token", "account", "form", "code"),
    [
        ("another", ACCOUNT, {"MessageSid": SM}, 403),
        ("sample-token", "AC" + "b" * 32, {"MessageSid": SM}, 403),
        ("sample-token", ACCOUNT, {}, 422),
        ("sample-token", ACCOUNT, {"MessageSid": "../Messages"}, 422),
    ],
)
def test_only_twilio_tells_what_became_of_a_text(door, make, the, token, account, form, code):
    """Signed, of our account, and about a message."""
    make(state=OutgoingState.SENT, message_sid=SM)
    path = f"/voice/receipt/{RECEIPT}/status"
    answer = door.post(path, token=token, account=account, sid="", MessageStatus="failed", **form)
    assert answer.status_code == code
    assert the().state is OutgoingState.SENT


def test_texts_to_our_number_come_nowhere(door, engine: Engine):
    """Twilio answers STOP and HELP by itself: whoever points messages here is refused, and nobody is answered twice."""
    text = {"MessageSid": SM, "SmsSid": SM, "Body": "STOP", "SmsStatus": "received"}
    for path, code in (
        ("/voice/inbound", 422), ("/voice/turn?step=problem", 422), ("/voice/status", 422), ("/voice/sms", 404),
        (f"/voice/receipt/{RECEIPT}", 404), (f"/voice/page/{RECEIPT}", 422),
    ):  # fmt: skip
        answer = door.post(path, sid="", **text)
        assert answer.status_code == code, (path, answer.text)
        assert "<" not in answer.text
    with transaction(engine) as session:
        assert session.scalars(select(tables.calls.Call)).all() == []


def test_nothing_that_a_stranger_may_not_read_is_logged(make, send, twilio, capsys: pytest.CaptureFixture[str]):
    """No number, no words."""
    twilio.expect(body={"sid": SM})
    send(make())
    said = "".join(capsys.readouterr())
    assert "receipt.sent" in said
    assert not [each for each in (MOBILE, "1515550", "WSO2", "erfasst") if each in said]
