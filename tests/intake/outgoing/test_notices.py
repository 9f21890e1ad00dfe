"""Engineers are told of a step by mail: once, plainly, and not when it is settled."""

import email
import email.policy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import Engine

from intake import conversation
from intake.replies import mailer, notices
from intake.replies.mailer import Capture, Outcome
from intake.replies.notices import Facts, NoticeTerms, compose, in_words
from models import tables
from models.errors import Unavailable
from models.store import transaction
from models.terms import Channel, OutgoingState, StepState, TriageState

KEY = conversation.thread_key("a secret that is long enough for everybody")
FACTS = Facts(
    notice=UUID("0198c0de-0000-7000-8000-000000000001"),
    request=UUID("0198c0de-0000-7000-8000-000000000002"),
    reference="SB-1042",
    subject="Gateway down",
    label="Critical request: Support lead",
    cause="breached:response",
    cause_at=datetime(2026, 11, 18, 3, 0, tzinfo=UTC),
    due_at=datetime(2026, 11, 18, 3, 15, tzinfo=UTC),
    clause="R17 Protocol: the path of escalation",
    assumed=True,
    name="Lea",
    recipient="lead@example.com",
    date=datetime(2026, 11, 18, 3, 16, tzinfo=UTC),
)


def composed(**values) -> email.message.EmailMessage:
    """The notice as a mail program reads it."""
    content = compose(
        replace(FACTS, **values),
        sender="Support <support@example.com>",
        own_address="support@example.com",
        public_url="https://desk.example.com",
        thread_key=KEY,
    )
    assert content.isascii()
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    return email.message_from_bytes(content, policy=email.policy.default)


def test_a_notice_says_which_request_what_happened_and_where_to_look():
    """Reference, cause, step, clause with its mark, and a link; in text and in HTML."""
    mail = composed()
    assert mail["Subject"] == "[SB-1042] Response missed (Critical request: Support lead)"
    assert mail["To"] == "lead@example.com"
    assert mail["Message-ID"] == "<notice.0198c0de-0000-7000-8000-000000000001@example.com>"
    for kind in ("plain", "html"):
        text = mail.get_body((kind,)).get_content()
        assert "https://desk.example.com/requests/SB-1042" in text
        assert "R17 Protocol: the path of escalation (an assumption of the house)" in text
        assert "Gateway down" in text
        assert "2026-11-18 03:15 UTC" in text


def test_no_machine_answers_a_notice():
    """RFC 3834 §5: it says that a machine wrote it, and Exchange is told to stay silent."""
    mail = composed()
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"


def test_an_answer_to_a_notice_finds_its_request():
    """Whoever answers all the same writes to the signed address: no request of its own is opened."""
    answered = composed()["Reply-To"]
    assert conversation.verified_address(answered, KEY) == FACTS.request


@pytest.mark.parametrize("value", ["x\r\nBcc: all@example.com", "x\nBcc: all@example.com", "x\x00y\u2028Bcc: a@b"])
@pytest.mark.parametrize("name", ["subject", "label", "clause", "name", "cause"])
def test_no_text_makes_a_header_of_its_own(name, value):
    """Line breaks and control signs are gone, wherever they stood."""
    mail = composed(**{name: value})
    assert mail["Bcc"] is None
    assert not mail.defects


@given(some.text(max_size=200), some.text(max_size=200), some.text(max_size=60))
def test_whatever_is_written_a_notice_has_the_same_fields(subject, label, name):
    """No text adds, removes or breaks a field, and the whole stays 7-bit."""
    mail = composed(subject=subject, label=label, name=name)
    assert mail.keys() == composed().keys()
    assert not mail.defects
    assert mail["Subject"].startswith("[SB-1042] Response missed")


def test_html_of_the_customer_stays_text():
    """A subject is shown as it was written."""
    assert "<script>" not in composed(subject="<script>x</script>").get_body(("html",)).get_content()


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("breached:update", "Update missed"),
        ("warned-75:response", "Response: 75 % of its time used up"),
        ("stagnant", "Nothing has happened for long"),
        ("asked", "Somebody asks for help"),
        ("something-new", "something-new"),
    ],
)
def test_causes_are_told_in_words(cause, words):
    """Nobody has to know the names of events."""
    assert in_words(cause) == words


@dataclass
class Wire:
    """A way out that ends as a test wants."""

    outcome: Outcome | Exception = field(default_factory=lambda: Outcome(state=OutgoingState.SENT))
    repeatable: bool = False
    closed: str = ""
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    def away(self) -> str:
        """Why it is closed."""
        return self.closed

    def deliver(self, outgoing: UUID, recipient: str, content: bytes) -> Outcome:  # noqa: ARG002 - it is in the content
        """Take it."""
        self.sent.append((recipient, content))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Told:
    """A notice that waits, how to send it, and how it stands."""

    def __init__(self, engine: Engine, now: datetime) -> None:
        self.engine, self.now = engine, now
        self.ended = ""
        self.settled: list[UUID] = []
        with transaction(engine) as session:
            request = tables.requests.Request(
                channel=Channel.PHONE, subject="Gateway down", policy="wso2", state=TriageState.DECIDED, received_at=now
            )
            session.add(request)
            session.flush()
            self.step = tables.progress.add_step(
                session, request_id=request.id, key="k", ladder="critical", rung="support-lead", channel="mail",
                label="Critical request: Support lead", to_role="lead", to_name="", cause="breached:response",
                cause_at=now, clause="R17", assumed=False, policy="wso2@2", policy_digest="d", due_at=now,
                state=StepState.WAITING, created_at=now,
            )  # fmt: skip
            notice = tables.progress.Notice(
                step_id=self.step, request_id=request.id, channel="mail", name="Lea", recipient="lead@example.com",
                state=OutgoingState.PENDING, created_at=now,
            )  # fmt: skip
            session.add(notice)
            session.flush()
            self.id = notice.id

    def send(self, transport: mailer.Transport, notice: UUID | None = None) -> OutgoingState:
        """Send it once."""
        terms = NoticeTerms(
            sender="support@example.com",
            own_address="support@example.com",
            public_url="https://desk.example.com",
            thread_key=KEY,
            ended=lambda _session, _step: self.ended,
            settle=lambda _session, step: self.settled.append(step),
        )
        notices.send(self.engine, notice or self.id, transport, terms=terms, clock=lambda: self.now)
        return self.row.state

    @property
    def row(self) -> tables.progress.Notice:
        """How it stands."""
        with transaction(self.engine) as session:
            return session.get_one(tables.progress.Notice, self.id)


@pytest.fixture
def notice(engine: Engine, now: datetime) -> Told:
    """A notice that waits to be sent."""
    return Told(engine, now)


def test_a_notice_goes_out_once(notice):
    """Intent, delivery, outcome; asked again, nothing more is sent, and the step is settled."""
    wire = Wire()
    assert notice.send(wire) is OutgoingState.SENT
    assert notice.send(wire) is OutgoingState.SENT
    assert [recipient for recipient, _ in wire.sent] == ["lead@example.com"]
    assert (notice.row.attempts, notice.row.told_at, notice.settled) == (1, notice.now, [notice.step])


def test_a_captured_notice_is_told(notice, tmp_path):
    """Without a smarthost it lies in the outbox, like a reply."""
    assert notice.send(Capture(tmp_path / "outbox")) is OutgoingState.CAPTURED
    (found,) = (tmp_path / "outbox" / "new").iterdir()
    assert b"[SB-" in found.read_bytes()


def test_an_unclear_end_is_never_repeated(notice):
    """The line broke after the dot: only the server knows (RFC 1047)."""
    wire = Wire(Outcome(state=OutgoingState.UNCERTAIN, error="broke after the dot"))
    assert notice.send(wire) is OutgoingState.UNCERTAIN
    assert notice.send(wire) is OutgoingState.UNCERTAIN
    assert len(wire.sent) == 1


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_worker_that_dies_while_it_delivers(notice, repeatable):
    """A way out that takes a second delivery for the first gets one; any other ends uncertain."""
    wire = Wire(KeyError("killed"), repeatable=repeatable)
    with pytest.raises(KeyError):
        notice.send(wire)
    assert notice.row.state is OutgoingState.SENDING
    wire.outcome = Outcome(state=OutgoingState.SENT)
    assert notice.send(wire) is (OutgoingState.SENT if repeatable else OutgoingState.UNCERTAIN)
    assert len(wire.sent) == (2 if repeatable else 1)
    assert len({content for _, content in wire.sent}) == 1
    assert notice.settled == [notice.step]


def test_a_smarthost_that_says_later_is_asked_again_with_the_same_bytes(notice):
    """Date and Message-ID are those of the notice, whenever it goes."""
    wire = Wire(Outcome(state=None, error="450 later"))
    with pytest.raises(Unavailable):
        notice.send(wire)
    assert (notice.row.state, notice.row.error) == (OutgoingState.PENDING, "450 later")
    wire.outcome = Outcome(state=OutgoingState.SENT)
    assert notice.send(wire) is OutgoingState.SENT
    assert len({content for _, content in wire.sent}) == 1
    assert notice.row.error is None


def test_a_way_out_that_is_closed_is_tried_later(notice):
    """The reason is there to read; nothing was handed over."""
    with pytest.raises(Unavailable):
        notice.send(Wire(closed="left alone for 60 s more"))
    assert (notice.row.state, notice.row.error, notice.row.attempts) == (
        OutgoingState.PENDING,
        "left alone for 60 s more",
        0,
    )


def test_a_refusal_for_good_fails(notice):
    """The step is settled, so that the console shows that nobody was told."""
    assert notice.send(Wire(Outcome(state=OutgoingState.FAILED, error="550 no such user"))) is OutgoingState.FAILED
    assert notice.settled == [notice.step]


def test_a_notice_of_a_ladder_that_was_stopped_is_dropped(notice):
    """Acknowledged while it waited: the reason is kept, nothing is sent."""
    notice.ended = "acknowledged at 2026-11-18 02:50 UTC, before it could be told"
    wire = Wire()
    assert notice.send(wire) is OutgoingState.DROPPED
    assert (notice.row.error, wire.sent, notice.settled) == (notice.ended, [], [notice.step])


def test_silence_towards_customers_silences_no_notice(notice):
    """The switch `autoreply` is about customers."""
    with transaction(notice.engine) as session:
        tables.mail.set_switch(session, "autoreply", "off", "mara", notice.now)
    assert notice.send(Wire()) is OutgoingState.SENT


def test_notices_in_a_restored_database_are_in_doubt(notice):
    """They may have gone out after the dump was made."""
    with transaction(notice.engine) as session:
        tables.mail.set_switch(session, "database", "another", "installed", notice.now)
    assert notice.send(Wire()) is OutgoingState.UNCERTAIN


def test_a_notice_by_telephone_is_not_mailed(notice):
    """It is the voice's to tell."""
    with transaction(notice.engine) as session:
        session.get_one(tables.progress.Notice, notice.id).channel = "phone"
    assert notice.send(Wire()) is OutgoingState.PENDING


def test_a_notice_that_is_gone_is_no_error(notice):
    """Its request was removed: nothing is sent, and the job is done."""
    wire = Wire()
    notice.send(wire, uuid4())
    assert (wire.sent, notice.row.state) == ([], OutgoingState.PENDING)


def test_a_subject_beyond_ascii_is_encoded_and_folded():
    """RFC 2047: encoded words of at most 75 signs, read back whole."""
    label = "Größte Störung – " + "ä" * 60
    mail = composed(label=label)
    assert label in mail["Subject"]
