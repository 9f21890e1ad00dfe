"""Replies leave once: captured, or handed to a smarthost that may say anything or nothing."""

import contextlib
import email
import mailbox
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine

from intake import door, mailer
from intake.mailer import Capture, Smarthost
from models import tables
from models.errors import Misconfigured, Unavailable
from models.store import transaction
from models.terms import Channel, MailState, OutgoingState, TriageState

RECIPIENT = "marta@nordhandel.example"
CONTENT = b"From: support@example.com\r\nTo: marta@nordhandel.example\r\nSubject: Auto: x\r\n\r\n.dot\r\nGood day\r\n"
DAY = timedelta(days=1)


class Server:
    """A smarthost that answers as a test wants, and remembers what it was told."""

    def __init__(self) -> None:
        self.answers: dict[str, str | None] = {}
        self.said: list[str] = []
        self.mails: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        """Where it listens, in clear."""
        return f"smtp://127.0.0.1:{self.listener.getsockname()[1]}?starttls=never"

    def close(self) -> None:
        """Stop."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes the accept that waits
        self.listener.close()
        self.thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            with line, line.makefile("rwb") as file:
                self._converse(file)

    def _converse(self, file) -> None:
        if not self._answer(file, "connect", "220 ready"):
            return
        while words := file.readline().decode().strip():
            self.said.append(words)
            verb = words.split(" ")[0].upper()
            usual = {"EHLO": "250 mx.example.net", "DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 ok")
            if not self._answer(file, verb, usual):
                return
            if verb == "DATA" and self.answers.get("DATA", "354").startswith("354"):
                lines = iter(file.readline, b".\r\n")
                self.mails.append(b"".join(lines).decode())
                if not self._answer(file, "dot", "250 queued"):
                    return

    def _answer(self, file, step: str, usual: str) -> bool:
        answer = self.answers.get(step, usual)
        if answer is None:
            return False
        file.write(answer.encode() + b"\r\n")
        file.flush()
        return True


@pytest.fixture
def server() -> Iterator[Server]:
    """A smarthost on a free port."""
    made = Server()
    yield made
    made.close()


@pytest.fixture
def outgoing(engine: Engine, envelope, mail, now: datetime) -> UUID:
    """A reply that waits to be sent."""
    with transaction(engine) as session:
        accepted = door.accept(session, envelope(), mail(), now)
        request = tables.requests.Request(
            channel=Channel.EMAIL, subject="x", policy="wso2", state=TriageState.TO_CONFIRM, received_at=now
        )
        session.add(request)
        session.flush()
        row = tables.mail.OutgoingMail(
            mail_id=accepted,
            request_id=request.id,
            recipient=RECIPIENT,
            message_id="reply.1@example.com",
            content=CONTENT,
            state=OutgoingState.PENDING,
            created_at=now,
        )
        session.add(row)
        session.flush()
        tables.mail.fetch(session, accepted).state = MailState.PROCESSED
        return row.id


@pytest.fixture
def send(engine: Engine, outgoing: UUID, now: datetime) -> Callable[..., OutgoingState]:
    """Send the waiting reply, and say how it stands."""

    def run(transport: mailer.Transport, at: datetime = now) -> OutgoingState:
        try:
            mailer.send(engine, outgoing, transport, max_age=DAY, clock=lambda: at)
        finally:
            with transaction(engine) as session:
                run.row = tables.mail.fetch_outgoing(session, outgoing)
        return run.row.state

    return run


def test_a_captured_reply_is_a_mail_in_a_maildir(send, outgoing, tmp_path):
    """Any mail program can open it; delivered twice it is one."""
    capture = Capture(tmp_path / "outbox")
    assert send(capture) is OutgoingState.CAPTURED
    assert capture.deliver(outgoing, RECIPIENT, CONTENT).state is OutgoingState.CAPTURED
    (found,) = mailbox.Maildir(tmp_path / "outbox", create=False)
    assert found["Subject"] == "Auto: x"
    assert str(outgoing) in next(iter(mailbox.Maildir(tmp_path / "outbox").keys()))


def test_a_read_only_outbox_is_tried_again(send, tmp_path):
    """Nothing is lost when the disk says no."""
    (tmp_path / "outbox").write_text("a file where a directory should be")
    with pytest.raises(Unavailable):
        send(Capture(tmp_path / "outbox"))
    assert send.row.state is OutgoingState.PENDING


def test_a_smarthost_gets_the_reply_with_a_null_return_path(send, server):
    """One recipient, dots stuffed, bytes as stored (RFC 3834 §3.3, RFC 5321 §4.5.2)."""
    assert send(Smarthost(server.url)) is OutgoingState.SENT
    assert [line.upper() for line in server.said if line.upper().startswith(("MAIL", "RCPT"))] == [
        "MAIL FROM:<>",
        f"RCPT TO:<{RECIPIENT.upper()}>",
    ]
    assert server.mails == [CONTENT.decode().replace("\r\n.dot", "\r\n..dot")]
    assert email.message_from_string(server.mails[0])["To"] == RECIPIENT
    assert send.row.sent_at is not None


@pytest.mark.parametrize("step", ["connect", "MAIL", "RCPT", "DATA", "dot"])
def test_a_temporary_refusal_is_tried_again_with_the_same_mail(send, server, step):
    """4yz at any step (C17, C18)."""
    server.answers[step] = "450 4.7.1 later"
    with pytest.raises(Unavailable):
        send(Smarthost(server.url))
    assert send.row.state is OutgoingState.PENDING
    assert "450" in (send.row.error or "")
    server.answers.clear()
    assert send(Smarthost(server.url)) is OutgoingState.SENT
    assert send.row.attempts == 2


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "dot"])
def test_a_permanent_refusal_ends_it(send, server, step):
    """5yz is not asked again (C17)."""
    server.answers[step] = "550 5.1.1 no such user"
    assert send(Smarthost(server.url)) is OutgoingState.FAILED
    assert send(Smarthost(server.url)) is OutgoingState.FAILED
    assert len([line for line in server.said if line.upper().startswith("MAIL")]) == 1


@pytest.mark.parametrize("step", ["connect", "EHLO", "MAIL", "RCPT"])
def test_a_line_that_breaks_before_the_mail_is_tried_again(send, server, step):
    """Nothing was handed over yet (G18)."""
    server.answers[step] = None
    with pytest.raises(Unavailable):
        send(Smarthost(server.url))
    assert send.row.state is OutgoingState.PENDING


def test_a_line_that_breaks_after_the_dot_is_uncertain_and_never_resent(send, server):
    """Only the server knows whether it has the mail (RFC 1047, P4)."""
    server.answers["dot"] = None
    assert send(Smarthost(server.url)) is OutgoingState.UNCERTAIN
    server.answers.clear()
    assert send(Smarthost(server.url)) is OutgoingState.UNCERTAIN
    assert len(server.mails) == 1


def test_a_smarthost_that_is_away_is_tried_again(send, server):
    """Connection refused (G18)."""
    url = server.url
    server.close()
    with pytest.raises(Unavailable):
        send(Smarthost(url))
    assert send.row.state is OutgoingState.PENDING


@pytest.mark.parametrize(("repeatable", "expected"), [(True, OutgoingState.CAPTURED), (False, OutgoingState.UNCERTAIN)])
def test_a_worker_that_died_while_sending(engine, send, outgoing, server, tmp_path, repeatable, expected):
    """A capture is written again, the same; a smarthost is not asked twice (C16)."""
    with transaction(engine) as session:
        tables.mail.fetch_outgoing(session, outgoing).state = OutgoingState.SENDING
    assert send(Capture(tmp_path) if repeatable else Smarthost(server.url)) is expected
    assert server.mails == []


def test_a_reply_that_waited_too_long_is_dropped(send, now, tmp_path):
    """Nobody wants yesterday's acknowledgement (C22)."""
    assert send(Capture(tmp_path), now + timedelta(days=2)) is OutgoingState.DROPPED
    assert not (tmp_path / "new").exists()


def test_a_reply_that_is_gone_is_no_error(engine, now, tmp_path):
    """A job may outlive its mail (erasure)."""
    mailer.send(engine, uuid4(), Capture(tmp_path), max_age=DAY, clock=lambda: now)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("settings", ["?starttls=require", ""])
def test_nothing_goes_out_in_clear_where_that_is_forbidden(send, server, settings):
    """STARTTLS stripped by somebody in between: no mail, no password (G18)."""
    address = server.url.removeprefix("smtp://").partition("?")[0]
    url = f"smtp://{'' if settings else 'user:secret@'}{address}{settings}"
    with pytest.raises(Unavailable):
        send(Smarthost(url))
    assert server.mails == []
    assert not [line for line in server.said if line.upper().startswith(("AUTH", "MAIL"))]
    assert "secret" not in (send.row.error or "")


@pytest.mark.parametrize("url", ["http://mx", "smtp://", "mx.example.net", "smtp://mx?starttls=maybe"])
def test_a_smarthost_url_that_says_nothing_is_a_clear_line(url):
    """The setting's name and its form."""
    with pytest.raises(Misconfigured, match="SWITCHBOARD_SMARTHOST"):
        Smarthost(url)
