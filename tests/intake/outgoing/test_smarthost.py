"""A smarthost that refuses, breaks off, stays silent, talks garbage, or is not who it says."""

import contextlib
import os
import re
import socket
import threading
import time
from datetime import timedelta
from uuid import uuid4

import pytest

from intake.replies import mailer, names, relay
from intake.replies.mailer import Breaker, Smarthost
from models import tables
from models.errors import Misconfigured, Unavailable
from models.store import transaction
from models.terms import OutgoingState

RECIPIENT = "marta@nordhandel.example"
CONTENT = b"From: support@example.com\r\nTo: marta@nordhandel.example\r\nSubject: Auto: x\r\n\r\n.dot\r\nGood day\r\n"
DAY = timedelta(days=1)
SILENCE, RESET = "silence", "reset"


@pytest.mark.parametrize("bare", [b"a\n.\nMAIL FROM:<x>\r\n", b"a\r.\rb", b"a\r\n.\r\nb", b".", b"", b"a\n\r.\r\r\n"])
def test_only_whole_line_ends_go_out(bare):
    """A bare CR or LF in what we send ends no mail, for no server (A8)."""
    sent = relay.stuffed(bare)
    assert sent.endswith(b"\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", sent)
    assert not re.search(rb"(?m)^\.(?!\.)", sent)


@pytest.mark.parametrize(
    ("step", "answer", "dead"),
    [
        ("RCPT", "550 5.1.1 no such user", True),
        ("RCPT", "550 unknown", True),
        ("RCPT", "553 5.1.3 bad address", True),
        ("RCPT", "552 5.2.2 mailbox full", False),
        ("DATA", "554 5.5.1 no valid recipients", False),
        ("dot", "554 5.7.1 looks like spam", False),
    ],
)
def test_an_address_is_dead_only_if_the_recipient_was_refused(send, engine, now, server, smarthost, step, answer, dead):
    """What a filter or a full mailbox says is no word on the address (C17)."""
    server.answers[step] = answer
    assert send(smarthost()) is OutgoingState.FAILED
    with transaction(engine) as session:
        evidence = tables.mail.dead(session, {RECIPIENT}, now - DAY)
    assert (evidence is not None) == dead
    assert evidence is None or answer in evidence


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("connect", "554 5.7.1 go away"),
        ("MAIL", "550 5.7.1 no null sender here"),
        ("RCPT", "554 5.7.1 Relay access denied"),
        ("RCPT", "530 5.7.0 authentication required"),
        ("RCPT", "503 5.5.1 bad sequence"),
    ],
)
def test_a_refusal_that_is_about_us_blames_no_recipient(send, engine, now, server, smarthost, step, answer):
    """The smarthost's policy is the operator's to mend: the reply waits, the setting is named (C17)."""
    server.answers[step] = answer
    with pytest.raises(Unavailable, match="SWITCHBOARD_SMARTHOST"):
        send(smarthost())
    assert send.row.state is OutgoingState.PENDING
    assert answer in (send.row.error or "")
    with transaction(engine) as session:
        assert tables.mail.dead(session, {RECIPIENT}, now - DAY) is None


@pytest.mark.parametrize("how", [None, RESET, "hello?", "250-" + "x\r\n250-" * 300, "\xff" * 50, "999 what"])
@pytest.mark.parametrize("step", ["connect", "EHLO", "MAIL", "RCPT", "DATA"])
def test_a_line_that_breaks_before_the_mail_is_tried_again(server, smarthost, step, how):
    """Closed, reset, or garbage: nothing was handed over yet (G18)."""
    server.answers[step] = how
    server.answers["HELO"] = None
    outcome = smarthost().deliver(uuid4(), RECIPIENT, CONTENT)
    assert outcome.state is None
    assert outcome.error
    assert server.mails == []


@pytest.mark.parametrize("step", ["connect", "EHLO", "MAIL", "RCPT", "DATA"])
def test_silence_at_any_step_ends_in_time(server, smarthost, monkeypatch, step):
    """All steps together end before the worker's limit for a job, so that the end is always known (G18)."""
    assert relay.DELIVERY_SECONDS + relay.CONNECT_SECONDS < 20
    monkeypatch.setattr(relay, "DELIVERY_SECONDS", 0.6)
    server.answers[step] = SILENCE
    before = time.monotonic()
    outcome = smarthost().deliver(uuid4(), RECIPIENT, CONTENT)
    assert time.monotonic() - before < 60
    assert outcome.state is None
    assert "silence" in outcome.error


def test_a_smarthost_that_keeps_failing_is_left_alone(send, server, smarthost):
    """Five failures, then not a word for a minute, then longer; replies wait without an attempt (C17)."""
    times = [0.0]
    transport = smarthost(clock=lambda: times[0])
    server.answers["connect"] = "421 4.3.2 shutting down"
    for _ in range(6):
        with pytest.raises(Unavailable):
            send(transport)
    assert (server.lines, send.row.attempts) == (5, 5)
    assert "left alone for 60 s" in (send.row.error or "")
    times[0] = 61.0
    with pytest.raises(Unavailable, match="421"):
        send(transport)
    assert "left alone for 120 s" in transport.away()
    server.answers.clear()
    times[0] = 200.0
    assert send(transport) is OutgoingState.SENT
    assert transport.away() == ""


def test_the_pause_has_an_end():
    """Ten minutes at most, and one success forgets it all."""
    breaker = Breaker(clock=lambda: 0.0)
    for _ in range(30):
        breaker.failed("421")
    assert "600 s" in breaker.open()
    breaker.worked()
    breaker.failed("421")
    assert breaker.open() == ""


def test_one_connection_takes_many_mails(server, smarthost):
    """A refused one in between does not end it; a server that hung up gets a new one."""
    transport = smarthost()
    for refused in (False, True, False):
        server.answers = {"RCPT": "550 5.1.1 no"} if refused else {}
        transport.deliver(uuid4(), RECIPIENT, CONTENT)
    assert (server.lines, len(server.mails)) == (1, 2)


def test_a_connection_that_rested_is_asked_before_it_is_used(server, smarthost, monkeypatch):
    """A mail is never begun on a line that has ended meanwhile."""
    monkeypatch.setattr(relay, "CHECK_AFTER", 0.0)
    transport = smarthost()
    transport.deliver(uuid4(), RECIPIENT, CONTENT)
    server.answers["RSET"] = None
    assert transport.deliver(uuid4(), RECIPIENT, CONTENT).state is OutgoingState.SENT
    assert (server.lines, len(server.mails)) == (2, 2)


@pytest.mark.parametrize(("name", "value"), [("MOST_MAILS", 1), ("MOST_REST", 0.0)])
def test_a_connection_is_not_kept_for_ever(server, smarthost, monkeypatch, name, value):
    """So many mails, so long a rest, then a new one."""
    monkeypatch.setattr(mailer, name, value)
    transport = smarthost()
    for _ in range(2):
        transport.deliver(uuid4(), RECIPIENT, CONTENT)
    assert server.lines == 2


def test_a_forked_worker_never_speaks_over_its_parents_connection(server, smarthost, monkeypatch):
    """Two voices on one line would mix two mails."""
    transport = smarthost()
    transport.deliver(uuid4(), RECIPIENT, CONTENT)
    parents = transport._line
    mine = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: mine + 1)
    server.answers["connect"] = None  # the server speaks to one at a time: this is the child being refused
    with contextlib.closing(socket.create_connection(("127.0.0.1", server.port))):
        threading.Timer(0.2, parents.close).start()
        transport.deliver(uuid4(), RECIPIENT, CONTENT)
    assert transport._line is not parents
    assert len(server.told("MAIL")) == 1


def test_a_reply_is_sent_encrypted_where_that_is_offered(send, secure, smarthost):
    """STARTTLS, the certificate checked, the password sent inside only."""
    assert send(smarthost(f"smtp://user:secret@localhost:{secure.port}?starttls=require")) is OutgoingState.SENT
    order = [line.split(" ")[0].upper() for line in secure.said]
    assert order[:4] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]
    assert len(secure.mails) == 1


@pytest.mark.parametrize("user", ["", "user:secret@"])
@pytest.mark.parametrize("policy", ["require", "opportunistic"])
def test_a_wrong_certificate(send, secure, smarthost, monkeypatch, user, policy):
    """Refused with a line that names the setting; only without policy and password any encryption will do (G18)."""
    monkeypatch.delenv("SSL_CERT_FILE")
    transport = smarthost(f"smtp://{user}localhost:{secure.port}?starttls={policy}")
    if policy == "opportunistic" and not user:
        assert send(transport) is OutgoingState.SENT
        return
    with pytest.raises(Unavailable, match=r"SWITCHBOARD_SMARTHOST: .*certificate is not trusted"):
        send(transport)
    assert secure.mails == []
    assert not secure.told("AUTH")


@pytest.mark.parametrize("settings", ["?starttls=require", ""])
def test_nothing_goes_out_in_clear_where_that_is_forbidden(send, server, smarthost, settings):
    """STARTTLS stripped by somebody in between: no mail, no password (G18)."""
    user = "" if settings else "user:secret@"
    with pytest.raises(Unavailable, match="SWITCHBOARD_SMARTHOST"):
        send(smarthost(f"smtp://{user}127.0.0.1:{server.port}{settings}"))
    assert server.mails == []
    assert not server.told("AUTH")
    assert not server.told("MAIL")
    assert "secret" not in (send.row.error or "")


def test_a_refused_password_is_the_operators_to_mend(send, secure, smarthost):
    """The reply waits; the password is not repeated."""
    secure.answers["AUTH"] = "535 5.7.8 no"
    with pytest.raises(Unavailable, match=r"SWITCHBOARD_SMARTHOST: .*refused user or password"):
        send(smarthost(f"smtp://user:secret@localhost:{secure.port}"))
    assert "secret" not in (send.row.error or "")


@pytest.mark.parametrize(
    "url", ["http://mx", "smtp://", "mx.example.net", "smtp://mx?starttls=maybe", "smtp://u:p@mx:port"]
)
def test_a_smarthost_url_that_says_nothing_is_a_clear_line(url):
    """The setting's name and its form."""
    with pytest.raises(Misconfigured, match="SWITCHBOARD_SMARTHOST"):
        Smarthost(url)


@pytest.mark.parametrize("trusted", [True, False])
def test_tls_from_the_first_byte(secure, smarthost, monkeypatch, trusted):
    """The certificate is checked there too (RFC 8314 §3.3, G18)."""
    secure.tls_first = True
    if not trusted:
        monkeypatch.delenv("SSL_CERT_FILE")
    outcome = smarthost(f"smtps://user:secret@localhost:{secure.port}").deliver(uuid4(), RECIPIENT, CONTENT)
    assert (outcome.state is OutgoingState.SENT) == trusted
    assert trusted or "certificate is not trusted" in outcome.error
    assert len(secure.mails) == len(secure.told("AUTH")) == int(trusted)


def test_a_dead_name_server_holds_nobody_up(smarthost, monkeypatch):
    """The job ends in time, and however often it is tried, one thread waits (G19)."""
    dead = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: dead.wait(60) and [])
    monkeypatch.setattr(relay, "CONNECT_SECONDS", 0.3)
    before = threading.active_count()
    for expected in ("could not be looked up in time", "still being looked up"):
        outcome = smarthost("smtp://mx.example.net?starttls=never").deliver(uuid4(), RECIPIENT, CONTENT)
        assert outcome.state is None
        assert expected in outcome.error
    assert threading.active_count() == before + 1
    dead.set()
    names._asking[os.getpid()].join(60)


def test_a_name_that_is_none_is_tried_again(smarthost, monkeypatch):
    """The name server says that there is no such host, for now."""

    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    outcome = smarthost("smtp://mx.example.net?starttls=never").deliver(uuid4(), RECIPIENT, CONTENT)
    assert outcome.state is None
    assert "Name or service not known" in outcome.error
