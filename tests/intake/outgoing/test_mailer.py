"""Replies leave once: captured, or handed to a smarthost; what is not known is never sent again."""

import email
import mailbox
from datetime import timedelta
from uuid import uuid4

import pytest

from intake.replies import mailer, relay
from intake.replies.mailer import Capture, Smarthost
from models import tables
from models.errors import Unavailable
from models.store import transaction
from models.terms import OutgoingState

RECIPIENT = "marta@nordhandel.example"
CONTENT = b"From: support@example.com\r\nTo: marta@nordhandel.example\r\nSubject: Auto: x\r\n\r\n.dot\r\nGood day\r\n"
DAY = timedelta(days=1)
SILENCE, RESET = "silence", "reset"


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


def test_a_smarthost_gets_the_reply_with_a_null_return_path(send, server, smarthost):
    """One recipient, dots stuffed, bytes as stored (RFC 3834 §3.3, RFC 5321 §4.5.2, C20)."""
    assert send(smarthost()) is OutgoingState.SENT
    assert server.told("MAIL") == ["MAIL FROM:<>"]
    assert server.told("RCPT") == [f"RCPT TO:<{RECIPIENT}>"]
    assert server.mails == [CONTENT.decode().replace("\r\n.dot", "\r\n..dot")]
    assert email.message_from_string(server.mails[0])["To"] == RECIPIENT
    assert send.row.sent_at is not None


@pytest.mark.parametrize("step", ["connect", "MAIL", "RCPT", "DATA", "dot"])
def test_a_temporary_refusal_is_tried_again_with_the_same_mail(send, server, smarthost, step):
    """4yz at any step; Message-ID, date and body are the stored ones (C17, C18)."""
    transport = smarthost()
    server.answers[step] = "450 4.7.1 later"
    with pytest.raises(Unavailable):
        send(transport)
    assert send.row.state is OutgoingState.PENDING
    assert "450" in (send.row.error or "")
    server.answers.clear()
    assert send(transport) is OutgoingState.SENT
    assert send.row.attempts == 2
    assert set(server.mails) == {CONTENT.decode().replace("\r\n.dot", "\r\n..dot")}


@pytest.mark.parametrize("step", ["RCPT", "DATA", "dot"])
def test_a_permanent_refusal_ends_it(send, server, smarthost, step):
    """5yz is not asked again (C17)."""
    transport = smarthost()
    server.answers[step] = "550 5.1.1 no such user"
    assert send(transport) is OutgoingState.FAILED
    assert send(transport) is OutgoingState.FAILED
    assert len(server.told("MAIL")) == 1


@pytest.mark.parametrize("how", [None, RESET, "hello?", "354 go on", SILENCE])
def test_a_line_that_breaks_after_the_dot_is_uncertain_and_never_resent(send, server, smarthost, monkeypatch, how):
    """Only the server knows whether it has the mail (RFC 1047, P4, C17)."""
    monkeypatch.setattr(relay, "DELIVERY_SECONDS", 1.0)
    server.answers["dot"] = how
    assert send(smarthost()) is OutgoingState.UNCERTAIN
    assert send.row.error
    server.done.set()
    server.answers.clear()
    assert send(smarthost()) is OutgoingState.UNCERTAIN
    assert len(server.mails) == 1


def test_a_smarthost_that_is_away_is_tried_again(send, server, smarthost):
    """Connection refused (G18)."""
    transport = smarthost()
    server.close()
    with pytest.raises(Unavailable, match="SWITCHBOARD_SMARTHOST"):
        send(transport)
    assert send.row.state is OutgoingState.PENDING


@pytest.mark.parametrize(("repeatable", "expected"), [(True, OutgoingState.CAPTURED), (False, OutgoingState.UNCERTAIN)])
def test_a_worker_that_died_while_sending(engine, send, outgoing, server, smarthost, tmp_path, repeatable, expected):
    """A capture is written again, the same; a smarthost is not asked twice (C16)."""
    with transaction(engine) as session:
        tables.mail.fetch_outgoing(session, outgoing).state = OutgoingState.SENDING
    assert send(Capture(tmp_path) if repeatable else smarthost()) is expected
    assert server.mails == []


def test_a_worker_that_died_after_the_smarthost_took_it(send, server, smarthost):
    """The record is missing, the mail is not sent again (C16)."""

    class Dying(Smarthost):
        def deliver(self, *words):
            assert super().deliver(*words).state is OutgoingState.SENT
            raise SystemExit

    dying = Dying(server.url)
    with pytest.raises(SystemExit):
        send(dying)
    dying.close()
    assert send(smarthost()) is OutgoingState.UNCERTAIN
    assert len(server.mails) == 1


def test_a_reply_that_waited_too_long_is_dropped(send, now, tmp_path):
    """Nobody wants yesterday's acknowledgement (C22)."""
    assert send(Capture(tmp_path), now + timedelta(days=2)) is OutgoingState.DROPPED
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("value", ["off", "dry-run"])
def test_the_switch_drops_what_waits(engine, send, now, tmp_path, value):
    """Read at each delivery, so it holds for a backlog of any length from the next reply on (C22)."""
    with transaction(engine) as session:
        tables.mail.set_switch(session, "autoreply", value, "mara", now)
    assert send(Capture(tmp_path)) is OutgoingState.DROPPED
    assert value in send.row.error
    assert not (tmp_path / "new").exists()


def test_the_switch_only_restrains(engine, send, now, tmp_path):
    """Switched on, what is configured off stays off (C22)."""
    with transaction(engine) as session:
        tables.mail.set_switch(session, "autoreply", "on", "mara", now)
    assert send(Capture(tmp_path), mode="off") is OutgoingState.DROPPED


def test_a_restored_database_resends_nothing(engine, send, outgoing, now, smarthost, server):
    """What waited in the dump may have gone out since: it becomes uncertain, by the database's own identity (G24)."""
    mailer.send(engine, uuid4(), smarthost(), max_age=DAY, clock=lambda: now)
    with transaction(engine) as session:
        tables.mail.set_switch(session, "database", "the server/the history/the tables of the dump", "installed", now)
    assert send(smarthost()) is OutgoingState.UNCERTAIN
    assert "restored" in send.row.error
    assert server.mails == []
    with transaction(engine) as session:
        assert tables.mail.switched(session, "database")[1] == "restored"
        tables.mail.fetch_outgoing(session, outgoing).state = OutgoingState.PENDING
    assert send(smarthost()) is OutgoingState.SENT


def test_a_reply_that_is_gone_is_no_error(engine, now, tmp_path):
    """A job may outlive its mail (erasure)."""
    mailer.send(engine, uuid4(), Capture(tmp_path), max_age=DAY, clock=lambda: now)
    assert not (tmp_path / "new").exists()
