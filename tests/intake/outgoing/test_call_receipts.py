"""A caller gets the reference by mail: once, to the address on file and no other, as a machine's mail."""

import email
import email.policy
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from string import Template
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine

from intake import conversation
from intake.reading.message import parse
from intake.replies import answering, call_receipts, mailer
from intake.replies.call_receipts import CallReceiptTerms, Facts, compose
from intake.replies.mailer import Capture, Outcome
from models import tables
from models.errors import Unavailable
from models.store import transaction
from models.tables.reaching import CallReceipt
from models.terms import Channel, Envelope, Joined, OutgoingState, PartyKind, TriageState

KEY = conversation.thread_key("a secret that is long enough for everybody")
OWN = "support@example.com"
THEIRS = "marta@nordhandel.example"
PORTAL, PHONE = "https://portal.example.com", "+493055500100"
FACTS = Facts(
    receipt=UUID("0198c0de-0000-7000-8000-000000000001"),
    request=UUID("0198c0de-0000-7000-8000-000000000002"),
    reference="SB-1042",
    policy="WSO2 Support",
    language="en",
    called_at=datetime(2026, 11, 18, 3, 0, tzinfo=UTC),
    recipient=THEIRS,
    date=datetime(2026, 11, 18, 3, 5, tzinfo=UTC),
)
TERMS = CallReceiptTerms(
    sender="Support <support@example.com>", own_address=OWN, thread_key=KEY, portal=PORTAL, phone=PHONE,
    naming=lambda _request: "WSO2 Support",
)  # fmt: skip
LANGUAGES = ("de", "en", "es", "fr")


def composed(terms: CallReceiptTerms = TERMS, **values) -> email.message.EmailMessage:
    """The receipt as a mail program reads it."""
    content = compose(replace(FACTS, **values), terms)
    assert content.isascii()
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    assert compose(replace(FACTS, **values), terms) == content
    return email.message_from_bytes(content, policy=email.policy.default)


def test_a_receipt_says_when_what_and_where_the_clock_can_be_used():
    """Reference in the subject; portal and telephone, for those are covered, and mail is not."""
    mail = composed()
    assert mail["Subject"] == "[SB-1042] Your call is logged"
    assert (mail["To"], mail["From"]) == (THEIRS, "Support <support@example.com>")
    text = mail.get_content()
    for said in ("2026-11-18 03:00 UTC", "SB-1042", PORTAL, "+49 30 55500100", "not covered", "WSO2 Support"):
        assert said in text, said


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("portal", "phone"), [(PORTAL, PHONE), (PORTAL, ""), ("", PHONE), ("", "")])
def test_only_the_ways_that_there_are_are_named(language: str, portal: str, phone: str):
    """In every language of the telephone; no placeholder is left over."""
    mail = composed(replace(TERMS, portal=portal, phone=phone), language=language)
    text = mail.get_content()
    assert (PORTAL in text, "55500100" in text) == (bool(portal), bool(phone))
    assert "$" not in text
    assert (mail["Content-Language"], "SB-1042" in mail["Subject"]) == (language, True)


def test_whoever_called_in_another_language_is_written_to_in_english():
    """There is no fifth wording."""
    assert composed(language="it")["Content-Language"] == "en"


def test_every_wording_has_the_same_sentences():
    """A language that lacks one, or a placeholder, would fail when it is sent."""
    folder = resources.files("intake") / "templates" / "receipt"
    files = {each.name.removesuffix(".toml"): each for each in folder.iterdir()}
    assert set(files) == set(LANGUAGES)
    read = {name: tomllib.loads(file.read_text(encoding="utf-8")) for name, file in files.items()}
    for words in read.values():
        found = {name: set(Template(text).get_identifiers()) for name, text in words.items()}
        assert found == {name: set(Template(text).get_identifiers()) for name, text in read["en"].items()}


def test_no_machine_answers_a_receipt():
    """RFC 3834 §5: it says that a machine wrote it, and Exchange is told to stay silent."""
    mail = composed()
    assert (mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"]) == ("auto-generated", "All")


@pytest.mark.parametrize(
    "value", ["x\r\nBcc: all@example.com", "x\nBcc: all@example.com", "x\x00y\u2028Bcc: a@b", "$x"]
)
def test_no_name_makes_a_header_or_a_placeholder(value: str):
    """Whatever a policy is called."""
    mail = composed(policy=value)
    assert mail["Bcc"] is None
    assert not mail.defects


@dataclass
class Wire:
    """A way out that ends as a test wants."""

    outcome: Outcome = field(default_factory=lambda: Outcome(state=OutgoingState.SENT))
    repeatable: bool = False
    closed: str = ""
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    def away(self) -> str:
        """Why it is closed."""
        return self.closed

    def deliver(self, outgoing: UUID, recipient: str, content: bytes) -> Outcome:  # noqa: ARG002 - it is in the content
        """Take it."""
        self.sent.append((recipient, content))
        return self.outcome


class Called:
    """A caller with a contact, the receipt that waits, how to send it, and how it stands."""

    def __init__(self, engine: Engine, now: datetime) -> None:
        self.engine, self.now, self.terms = engine, now, TERMS
        with transaction(engine) as session:
            contact = tables.directory.Contact(name="Marta")
            session.add(contact)
            session.flush()
            self.contact = contact.id
            for kind, value in ((PartyKind.NUMBER, "+493055500188"), (PartyKind.ADDRESS, THEIRS)):
                session.add(tables.directory.ContactKey(kind=kind, value=value, contact_id=contact.id))
            request = tables.requests.Request(
                channel=Channel.PHONE, subject="secret words", policy="wso2", state=TriageState.TO_CONFIRM,
                received_at=now, clock_started_at=now, contact_id=contact.id,
            )  # fmt: skip
            session.add(request)
            session.flush()
            self.request, self.reference = request.id, request.reference
        self.id = self.make()

    def make(self, **columns: object) -> UUID:
        """Make a receipt more, of a call more."""
        given = {"channel": "mail", "recipient": "", "state": OutgoingState.PENDING, "created_at": self.now}
        with transaction(self.engine) as session:
            call = tables.calls.Call(
                call_sid=f"CA{uuid4().hex}", account_sid="AC" + "0" * 32, from_number="+493055500188", to_number="",
                status="completed", step="receipt", answers={"language": "de"}, started_at=self.now,
                request_id=self.request,
            )  # fmt: skip
            session.add(call)
            session.flush()
            row = CallReceipt(**{**given, "call_id": call.id, "request_id": self.request, **columns})
            session.add(row)
            session.flush()
            return row.id

    def send(self, transport: mailer.Transport, *, after: timedelta = timedelta(0)) -> OutgoingState:
        """Send it once."""
        call_receipts.send(self.engine, self.id, transport, terms=self.terms, clock=lambda: self.now + after)
        return self.row.state

    @property
    def row(self) -> CallReceipt:
        """How it stands."""
        with transaction(self.engine) as session:
            return session.get_one(CallReceipt, self.id)

    def change(self, act: Callable[..., object]) -> None:
        """Change something in the database."""
        with transaction(self.engine) as session:
            act(session)


@pytest.fixture
def called(engine: Engine, now: datetime) -> Called:
    """A receipt that waits to be sent."""
    return Called(engine, now)


def test_a_receipt_goes_once_to_the_address_on_file(called):
    """In the language of the call; asked again, nothing more is sent. No word of the request is in it."""
    wire = Wire()
    assert called.send(wire) is OutgoingState.SENT
    assert called.send(wire) is OutgoingState.SENT
    ((recipient, content),) = wire.sent
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert (recipient, mail["To"], called.row.recipient) == (THEIRS, THEIRS, THEIRS)
    assert mail["Subject"] == f"[{called.reference}] Ihr Anruf ist erfasst"
    assert "secret words" not in mail.get_content()
    assert (called.row.told_at, called.row.error) == (called.now, None)


def test_an_answer_by_mail_lands_at_the_request(called):
    """The signed address tells, whoever of theirs answers."""
    wire = Wire()
    called.send(wire)
    mail = email.message_from_bytes(wire.sent[0][1], policy=email.policy.default)
    raw = f"From: boss@nordhandel.example\r\nTo: {mail['Reply-To']}\r\nSubject: Re: x\r\n\r\nMore.\r\n".encode()
    envelope = Envelope(
        mail_from="boss@nordhandel.example", rcpt_to=(mail["Reply-To"],), peer="", helo="", received_at=called.now
    )
    with transaction(called.engine) as live:
        found = conversation.find(live, parse(raw), envelope, thread_key=KEY, own_addresses=frozenset({OWN}))
    assert (found.request, found.by) == (called.request, Joined.REPLY_ADDRESS)


def test_without_a_smarthost_it_is_captured(called, tmp_path: Path):
    """A file in the Maildir, as every mail of the house; a second run replaces it."""
    assert called.send(Capture(tmp_path)) is OutgoingState.CAPTURED
    (file,) = (tmp_path / "new").iterdir()
    assert THEIRS.encode() in file.read_bytes()


def test_without_an_address_on_file_nobody_is_written_to(called):
    """No address that was merely said on the telephone."""
    called.change(lambda session: session.execute(tables.directory.ContactKey.__table__.delete()))
    wire = Wire()
    assert called.send(wire) is OutgoingState.DROPPED
    assert (called.row.error, wire.sent) == ("there is no address on file for this caller", [])


def test_an_unknown_caller_gets_no_mail(called):
    """There is no contact."""
    called.change(lambda session: setattr(session.get_one(tables.requests.Request, called.request), "contact_id", None))
    assert called.send(Wire()) is OutgoingState.DROPPED


@pytest.mark.parametrize("switched", ["off", "dry-run"])
@pytest.mark.parametrize("how", ["setting", "switch"])
def test_who_switches_automatic_replies_off_silences_receipts_too(called, switched: str, how: str):
    """Customers get nothing automatic then."""
    if how == "setting":
        called.terms = replace(TERMS, mode=switched)
    else:
        by = {"by": "mara", "now": called.now}
        called.change(lambda session: tables.mail.set_switch(session, answering.SWITCH, switched, **by))
    wire = Wire()
    assert called.send(wire) is OutgoingState.DROPPED
    assert (called.row.error, wire.sent) == (f"automatic replies are switched to {switched}", [])


def test_an_address_that_refused_for_good_is_left_alone(called):
    """Whoever it was that wrote there before; and what is refused now is remembered."""
    assert called.send(Wire(Outcome(state=OutgoingState.FAILED, error="550 5.1.1", dead=True))) is OutgoingState.FAILED
    called.id = called.make()
    wire = Wire()
    assert called.send(wire) is OutgoingState.DROPPED
    assert (called.row.error, wire.sent) == ("the address refused a mail for good: 550 5.1.1", [])


def test_a_reference_of_yesterday_is_not_sent(called):
    """Nobody knows any more what it is about."""
    assert called.send(Wire(), after=timedelta(days=1, seconds=1)) is OutgoingState.DROPPED


def test_nobody_is_flooded_by_whoever_pretends_to_be_them(called):
    """A number that calls is easily made up."""
    for _ in range(call_receipts.MOST_A_DAY):
        called.make(recipient=THEIRS, state=OutgoingState.SENT)
    called.make(recipient="other@nordhandel.example", state=OutgoingState.SENT)
    assert called.send(Wire()) is OutgoingState.DROPPED
    assert called.row.error == "5 receipts went to this address today"


def test_what_may_have_gone_out_is_not_sent_again(called):
    """A worker died while it was handed over; into a Maildir it can be written again."""
    called.id = called.make(state=OutgoingState.SENDING)
    wire = Wire()
    assert called.send(wire) is OutgoingState.UNCERTAIN
    assert wire.sent == []
    called.id = called.make(state=OutgoingState.SENDING)
    assert called.send(Wire(repeatable=True)) is OutgoingState.SENT


def test_the_intent_stands_before_it_is_handed_over(called):
    """Whatever happens then, somebody can see that it may have gone out."""
    seen: list[OutgoingState] = []
    wire = Wire()
    wire.deliver = lambda *_: (seen.append(called.row.state), wire.outcome)[1]
    called.send(wire)
    assert seen == [OutgoingState.SENDING]


def test_what_is_refused_for_now_is_tried_again(called):
    """A closed way out, and a temporary refusal."""
    with pytest.raises(Unavailable):
        called.send(Wire(closed="left alone"))
    assert (called.row.state, called.row.error) == (OutgoingState.PENDING, "left alone")
    with pytest.raises(Unavailable):
        called.send(Wire(Outcome(state=None, error="451 later")))
    assert called.send(Wire()) is OutgoingState.SENT


def test_a_text_is_not_mailed(called):
    """Its job is the voice's."""
    called.id = called.make(channel="sms", recipient="+4915155501234")
    wire = Wire()
    assert called.send(wire) is OutgoingState.PENDING
    assert wire.sent == []


def test_nothing_that_a_stranger_may_not_read_is_logged(called, capsys: pytest.CaptureFixture[str]):
    """No address, no words."""
    called.send(Wire())
    said = "".join(capsys.readouterr())
    assert "receipt.sent" in said
    assert not [each for each in (THEIRS, "nordhandel", "Anruf") if each in said]
