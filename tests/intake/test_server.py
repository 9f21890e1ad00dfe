"""What we say on the wire: durable before 250, 451 for our faults, 5xx for what is not ours, no tricks."""

import smtplib
import socket
import time

import pytest
from aiosmtpd.smtp import SMTP

from intake.smtp import wire
from models.errors import Unavailable

OWN = "support@example.com"


def test_a_mail_is_stored_with_its_envelope_before_250(gateway):
    """Bytes as they came, return path and recipients beside them."""
    answer = gateway.data(gateway.greeted(), b"Subject: hi\r\n\r\nHello")
    assert answer.startswith("250")
    ((envelope, content),) = gateway.stored
    assert (envelope.mail_from, envelope.rcpt_to) == ("a@example.org", (OWN,))
    assert content == b"Subject: hi\r\n\r\nHello\r\n"


def test_what_we_replace_in_aiosmtpd_exists_there():
    """A misspelt override would be ignored, and a client left to aiosmtpd's own ways."""
    replaced = (
        "_handle_client",
        "_reset_timeout",
        "eof_received",
        "data_received",
        "connection_made",
        "connection_lost",
    )
    assert all(hasattr(SMTP, name) and name in vars(wire.Conversation) for name in replaced)
    assert hasattr(SMTP, "line_length_limit")


@pytest.mark.parametrize("fault", [Unavailable("db"), RuntimeError("bug"), OSError("disk full")])
def test_our_own_fault_is_temporary_and_says_nothing(gateway, fault):
    """451 with fixed words (hardening A2); the next mail goes through."""
    gateway.fails = fault
    wire = gateway.greeted()
    answer = gateway.data(wire, b"x")
    assert answer == "451 4.3.0 Temporarily unavailable, please try again later"
    gateway.fails = None
    assert wire.say("MAIL FROM:<a@example.org>").startswith("250")
    assert wire.say(f"RCPT TO:<{OWN}>").startswith("250")
    assert gateway.data(wire, b"y").startswith("250")


@pytest.mark.parametrize(
    "recipient",
    [
        "<stranger@example.com>",
        "<support@example.com.foreign.example>",
        "<support%example.com@relay.example>",
        "<@relay.example:support@example.com>",
        "<relay.example!support@example.com>",
        '<"support@foreign.example"@example.com>',
        "<support@example.com >",
        "<=?utf-8?q?support?=@example.com>",
        "<support@[127.0.0.1]>",
    ],
)
def test_a_recipient_that_is_not_ours_is_refused_at_rcpt(gateway, recipient):
    """No relay, no bounce later (A15, A16, A1)."""
    wire = gateway.wire()
    wire.say("EHLO x")
    wire.say("MAIL FROM:<a@example.org>")
    assert wire.say(f"RCPT TO:{recipient}")[:3] in ("550", "553")


@pytest.mark.parametrize(
    "recipient", [f"<{OWN}>", "<Support@EXAMPLE.com>", "<support+vip@example.com>", "<postmaster>"]
)
def test_our_own_recipients_are_taken(gateway, recipient):
    """Any letter case, any tag, and postmaster (RFC 5321 §4.5.1)."""
    assert gateway.data(gateway.greeted(recipient=recipient), b"x").startswith("250")


def test_the_null_sender_is_stored(gateway):
    """Bounces are mail, too (A17)."""
    assert gateway.data(gateway.greeted(sender="<>"), b"x").startswith("250")
    assert gateway.stored[0][0].mail_from == ""


@pytest.mark.parametrize(
    "path",
    [
        "<",
        "<a@[1.2.3.4>",
        "<a b@example.org>",
        "<a\x00@example.org>",
        "<a@b@c>",
        "<=?utf-8?q?a=0d=0aDATA?=@b>",
        "<>>",
        "<a>",
    ],
)
def test_a_malformed_sender_is_refused_and_the_line_goes_on(gateway, path):
    """501 or 553, never a crash (A13, A14, A1)."""
    wire = gateway.wire()
    wire.say("EHLO x")
    assert wire.say(f"MAIL FROM:{path}")[:3] in ("501", "553", "555")
    assert wire.say("NOOP").startswith("250")


def test_a_half_closed_line_is_answered(gateway):
    """The client sends the dot and shuts its side: stored, and told so (A3)."""
    wire = gateway.greeted()
    wire.say("DATA")
    wire.send(b"Subject: half\r\n\r\nx\r\n.\r\n")
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.answer().startswith("250")
    assert len(gateway.stored) == 1


def test_lines_may_be_long(gateway):
    """Newsletters and log pastes have them (A12)."""
    line = b"x" * 50_000
    assert gateway.data(gateway.greeted(), line).startswith("250")
    assert line in gateway.stored[0][1]


def test_too_large_is_552_and_the_line_stays_in_step(gateway):
    """The mail is read to its end, then refused; the next command is understood (A11)."""
    wire = gateway.greeted()
    assert gateway.data(wire, b"x" * 60 + b"\r\n" + b"y" * 150_000).startswith("552 5.3.4")
    assert wire.say("NOOP").startswith("250")
    assert gateway.stored == []


def pour(wire) -> None:
    """Send without end."""
    for _ in range(400):
        wire.send(b"z" * 10_000)
        time.sleep(0.001)


def test_an_endless_line_is_cut(gateway):
    """Memory does not grow past the limit (A10)."""
    wire = gateway.greeted()
    wire.say("DATA")
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        pour(wire)
    assert gateway.stored == []


def test_a_declared_size_too_large_is_refused_at_mail(gateway):
    """SIZE is believed when it refuses (RFC 1870)."""
    wire = gateway.wire()
    wire.say("EHLO x")
    assert wire.say("MAIL FROM:<a@example.org> SIZE=200000").startswith("552")


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r", b"\r\n\x00.\r\n", b"\r\r\n.\r\r\n", b"\r.\r\n"]
)
def test_only_crlf_dot_crlf_ends_a_mail(gateway, end):
    """A smuggled second transaction stays text (A7, CVE-2024-27305)."""
    wire = gateway.greeted()
    smuggled = b"one" + end + b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<support@example.com>\r\nDATA\r\ntwo"
    assert gateway.data(wire, smuggled).startswith("250")
    ((_, content),) = gateway.stored
    assert b"evil@example.org" in content


def test_dots_are_unstuffed_and_an_empty_mail_is_a_mail(gateway):
    """RFC 5321 §4.5.2."""
    wire = gateway.greeted()
    assert gateway.data(wire, b"..a\r\n...b\r\nc").startswith("250")
    assert gateway.stored[0][1] == b".a\r\n..b\r\nc\r\n"
    wire = gateway.greeted()
    wire.say("DATA")
    wire.send(b".\r\n")
    assert wire.answer().startswith("250")


def test_pipelined_mails_are_each_stored(gateway):
    """Commands behind the end of data are not lost (RFC 2920)."""
    wire = gateway.wire()
    wire.say("EHLO x")
    one = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<support@example.com>\r\nDATA\r\n"
    wire.send(one + b"first\r\n.\r\n" + one + b"second\r\n.\r\nQUIT\r\n")
    answers = [wire.answer()[:3] for _ in range(9)]
    assert answers == ["250", "250", "354", "250", "250", "250", "354", "250", "221"]
    assert [content for _, content in gateway.stored] == [b"first\r\n", b"second\r\n"]


def test_a_mail_that_goes_round_in_circles_is_refused(gateway):
    """More than a hundred hosts in its trace, however they are spelt (A30, RFC 5321 §6.3)."""
    wire = gateway.greeted()
    trace = b"Received: from a\r\n\tby b\r\nRECEIVED: from b\r\n" * 50
    assert gateway.data(wire, trace + b"Subject: x\r\n\r\nReceived: in the text").startswith("250")
    wire.say("MAIL FROM:<a@example.org>")
    wire.say(f"RCPT TO:<{OWN}>")
    assert gateway.data(wire, b"received: from c\r\n" + trace + b"\r\nx").startswith("554 5.4.6")
    assert len(gateway.stored) == 1


def test_questions_have_fixed_answers(gateway):
    """Nobody learns an address by VRFY or EXPN, nothing said comes back (A26)."""
    wire = gateway.wire()
    assert wire.say("VRFY support@example.com") == wire.say("VRFY nobody@example.com") == wire.say("VRFY \x1b[2J")
    assert wire.say("EXPN support") == "502 5.5.1 Command not implemented"
    assert wire.say("HELP MAIL").startswith("214 2.0.0")
    wire.send(b"HELO \xff\x1b]0;evil\x07\r\n")
    assert wire.answer() == "250 mx.example.com"
    wire.say("MAIL FROM:<a@example.org>")
    wire.say(f"RCPT TO:<{OWN}>")
    assert gateway.data(wire, b"x").startswith("250")
    assert gateway.stored[0][0].helo == "??]0;evil?"


def test_a_command_that_never_ends_is_refused_and_then_cut(gateway):
    """500 and on with the next line; a line beyond all measure ends the connection."""
    wire = gateway.wire()
    assert wire.say("NOOP " + "x" * 20_000) == "500 5.5.2 Line too long"
    assert wire.say("NOOP").startswith("250")
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        pour(wire)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ("SIZE=1000 BODY=8BITMIME SMTPUTF8", "250"),
        ("body=7bit", "250"),
        ("SIZE=x", "555"),
        ("SIZE=" + "9" * 30, "555"),
        ("BODY=BINARYMIME", "555"),
        ("RET=HDRS", "555"),
        ("AUTH=<>", "555"),
    ],
)
def test_parameters_of_mail_are_known_or_refused(gateway, parameters, code):
    """What we offer is taken, everything else is 555 (RFC 5321 §4.1.1.11)."""
    wire = gateway.wire()
    wire.say("EHLO x")
    assert wire.say(f"MAIL FROM:<a@example.org> {parameters}")[:3] == code
    assert wire.say("RSET").startswith("250")
    wire.say("MAIL FROM:<a@example.org>")
    assert wire.say(f"RCPT TO:<{OWN}> NOTIFY=NEVER").startswith("555")


def test_the_hundred_and_first_recipient_waits(gateway):
    """452: the client sends the rest in another transaction (A19)."""
    wire = gateway.wire()
    wire.say("EHLO x")
    wire.say("MAIL FROM:<a@example.org>")
    for number in range(100):
        assert wire.say(f"RCPT TO:<support+{number}@example.com>").startswith("250")
    assert wire.say("RCPT TO:<support+x@example.com>").startswith("452 4.5.3")


def test_harvesting_is_cut(gateway):
    """After twenty refused recipients the line ends (A20)."""
    wire = gateway.wire()
    wire.say("EHLO x")
    wire.say("MAIL FROM:<a@example.org>")
    answers = [wire.say(f"RCPT TO:<guess{number}@example.com>")[:3] for number in range(21)]
    assert answers == ["550"] * 20 + ["421"]


def test_junk_commands_are_cut_and_never_echoed(gateway):
    """Fixed words, and an end (A20, A26)."""
    wire = gateway.wire()
    wire.say("EHLO x")
    assert wire.say(b"\x1b[31mHACK") == "500 5.5.2 Command not recognized"
    answers = [wire.say("BOGUS\x1b[31m") for _ in range(20)]
    assert answers == ["500 5.5.2 Command not recognized"] * 19 + ["421 4.7.0 Too many errors"]
    assert wire.file.readline() == b""


@pytest.mark.parametrize("verb", ["GET / HTTP/1.1", "POST / HTTP/1.1", "CONNECT x:25 HTTP/1.1"])
def test_browsers_are_turned_away(gateway, verb):
    """A page must not make a browser send mail (A24)."""
    wire = gateway.wire()
    assert wire.say(verb).startswith("554")
    assert wire.file.readline() == b""


def test_the_fifty_first_connection_of_a_peer_waits(gateway):
    """Others still get in (A23)."""
    gateway.config.connections_per_peer = 3
    kept = [gateway.wire() for _ in range(3)]
    assert all(wire.greeting.startswith("220") for wire in kept)
    assert gateway.wire().greeting.startswith("421 4.7.0")
    kept[0].close()
    time.sleep(0.2)
    assert gateway.wire().greeting.startswith("220")


def test_one_connections_limits_are_its_own(gateway):
    """Aiosmtpd keeps command sizes on the class (A28)."""
    first, second = gateway.wire(), gateway.wire()
    first.say("EHLO x")
    second.say("HELO y")
    assert second.say("MAIL FROM:<" + "a" * 3000 + "@example.org>").startswith("500")
    assert first.say("MAIL FROM:<a@example.org> SIZE=10").startswith("250")


def test_lmtp_answers_for_each_recipient(gateway):
    """RFC 2033 §4.2 (A6)."""
    wire = gateway.wire(lmtp=True)
    assert wire.say("EHLO x").startswith("500")
    assert wire.say("LHLO x").startswith("250")
    wire.say("MAIL FROM:<a@example.org>")
    wire.say("RCPT TO:<support@example.com>")
    wire.say("RCPT TO:<support+two@example.com>")
    assert gateway.data(wire, b"x").startswith("250")
    assert wire.answer().startswith("250")
    assert len(gateway.stored) == 1


def test_shutting_down_tells_the_idle(gateway):
    """421 4.3.2 (A29)."""
    wire = gateway.wire()
    gateway.config.closing = True
    assert gateway.wire().greeting.startswith("421 4.3.2")
    assert wire.say("EHLO x").startswith("250")


def test_smtplib_gets_through(gateway):
    """An ordinary client."""
    with smtplib.SMTP("127.0.0.1", gateway.port, timeout=60) as client:
        refused = client.sendmail("a@example.org", [OWN, "nobody@example.com"], b"Subject: x\r\n\r\n\xe4")
    assert list(refused) == ["nobody@example.com"]
    assert b"\xe4" in gateway.stored[0][1]
