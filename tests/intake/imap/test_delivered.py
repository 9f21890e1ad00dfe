"""The mailbox's URL, and the envelope that a delivered mail still tells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.imap import delivered
from intake.imap.line import Mailbox, reason, token
from models.errors import Misconfigured

OWN = ("support@example.com", "help@example.com")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("imaps://desk:secret@mail.example.com", ("mail.example.com", 993, "tls", "desk", "secret", "INBOX")),
        ("imaps://desk:secret@mail.example.com:1993/", ("mail.example.com", 1993, "tls", "desk", "secret", "INBOX")),
        ("imap://desk:secret@mail.example.com/Help", ("mail.example.com", 143, "starttls", "desk", "secret", "Help")),
        ("imap://a:b@localhost?starttls=never", ("localhost", 143, "none", "a", "b", "INBOX")),
        (
            "imaps://support%40example.com:p%2Fw%3F%23%40%3A@[::1]:9/Support%2FIn%20here",
            ("::1", 9, "tls", "support@example.com", "p/w?#@:", "Support/In here"),
        ),
        (
            "imaps://support@example.com:pw@imap.example.com",
            ("imap.example.com", 993, "tls", "support@example.com", "pw", "INBOX"),
        ),
    ],
)
def test_a_url_names_the_mailbox(url: str, told: tuple[object, ...]):
    """Host, port, TLS, user, password and folder, percent-encoding undone."""
    made = Mailbox.from_url(url)
    assert (made.host, made.port, made.tls, made.user, made.password, made.folder) == told


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://desk:topsecret@mail.example.com", "must start with imaps://"),
        ("imaps://mail.example.com", "user or the host is missing"),
        ("imaps://desk:topsecret@", "user or the host is missing"),
        ("imaps://desk@mail.example.com", "password is missing"),
        ("imaps://desk:topsecret@mail.example.com:many", "host or port cannot be read"),
        ("imaps://desk:topsecret@[mail.example.com", "host or port cannot be read"),
        ("imaps://desk:topsecret@mail.example.com:99999", "host or port cannot be read"),
        ("imap://desk:topsecret@mail.example.com?starttls=maybe", "only ?starttls=require"),
        ("imaps://desk:top#secret@mail.example.com", ""),
        ("imaps://desk:top/topsecret@mail.example.com", ""),
    ],
)
def test_an_unusable_url_is_told_without_the_password(url: str, why: str):
    """One line says what is wrong and how it reads; nothing of the password is in it."""
    with pytest.raises(Misconfigured) as refused:
        Mailbox.from_url(url)
    assert why in refused.value.public
    assert "topsecret" not in refused.value.public + str(refused.value)
    assert refused.value.__cause__ is None


def test_the_password_is_not_shown_with_the_mailbox():
    """A mailbox may be printed."""
    assert "secret" not in repr(Mailbox.from_url("imaps://desk:secret@mail.example.com"))


@pytest.mark.parametrize(
    ("head", "sender"),
    [
        ("Return-Path: <a@one.example>\r\nReturn-Path: <b@two.example>\r\nFrom: c@three.example", "a@one.example"),
        ("Return-Path: <>\r\nFrom: c@three.example", ""),
        ("Return-Path: MAILER-DAEMON\r\nFrom: c@three.example", ""),
        ("return-path:\r\n <a@one.example>\r\nFrom: c@three.example", "a@one.example"),
        ("Received: by mx\r\nFrom: Marta <c@three.example>\r\nSender: d@four.example", "d@four.example"),
        ("From: Marta <c@three.example>, e@five.example", "c@three.example"),
        ("From: nobody at all", ""),
        ("Subject: Hello", ""),
        ("Subject: Hello\r\n\r\nReturn-Path: <a@one.example>", ""),
    ],
)
def test_the_sender_is_the_topmost_return_path(head: str, sender: str):
    """Final delivery writes it (RFC 5321 §4.4); empty means null; without any, it is Sender, then From."""
    assert envelope(f"{head}\r\n\r\nHello").mail_from == sender


@pytest.mark.parametrize(
    ("head", "recipients"),
    [
        ("Delivered-To: help@example.com", ("help@example.com",)),
        ("X-Original-To: Help+vip@Example.com\r\nDelivered-To: desk@provider.example", ("Help+vip@Example.com",)),
        (
            "Envelope-To: help@example.com\r\nDelivered-To: support@example.com",
            ("help@example.com", "support@example.com"),
        ),
        ("Delivered-To: mallory@elsewhere.example", ("support@example.com",)),
        ("To: help@example.com", ("support@example.com",)),
    ],
)
def test_recipients_are_our_own_addresses_as_delivered(head: str, recipients: tuple[str, ...]):
    """What mail servers wrote about the delivery counts, not what the author wrote into To."""
    assert envelope(f"{head}\r\n\r\nHello").rcpt_to == recipients


@given(st.binary(max_size=400))
def test_any_bytes_have_an_envelope(content: bytes):
    """Nothing in a mail makes reading its envelope fail, and the recipient is always ours."""
    made = delivered.envelope(b"Delivered-To: " + content, own_addresses=OWN, received_at=None)
    assert {each.lower().replace("+", "") for each in made.rcpt_to}


def test_the_token_is_what_the_command_prints():
    """It is run without a shell; white space around the token does not count."""
    assert token("printf '%s\\n' 'a b; $HOME'") == "a b; $HOME"


@pytest.mark.parametrize("command", ["false", "true", "no-such-command-here", "printf 'unclosed"])
def test_a_token_command_that_fails_is_told(command: str):
    """Whatever goes wrong with it is one clear line."""
    with pytest.raises(Misconfigured, match="the token command"):
        token(command)


def test_what_a_server_says_is_logged_without_password_and_addresses():
    """Some servers repeat the command they refuse."""
    box = Mailbox.from_url("imaps://desk%40example.com:topsecret@mail.example.com")
    said = reason(OSError('BAD in LOGIN "desk@example.com"\r\n "topsecret"'), box)
    assert said == 'No connection: BAD in LOGIN "…@…" "…"'


def envelope(text: str):
    """The envelope of a mail."""
    return delivered.envelope(text.encode(), own_addresses=OWN, received_at=None)
