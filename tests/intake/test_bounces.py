"""Failed deliveries are known, with whom they concern, by standard report or in prose."""

import pytest

from intake.reading.message import parse

OURS = "support@example.com"


def dsn(*blocks: str, text: str = "Delivery failed.") -> bytes:
    """A delivery status notification."""
    status = "\n\n".join(("Reporting-MTA: dns; mx.example.org", *blocks))
    return (
        f"From: MAILER-DAEMON@mx.example.org\nTo: {OURS}\nSubject: Delivery Status Notification\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        f"--b\nContent-Type: text/plain\n\n{text}\n--b\nContent-Type: message/delivery-status\n\n{status}\n"
        "--b\nContent-Type: message/rfc822\n\nFrom: support@example.com\nTo: gone@example.org\n\nHello\n--b--\n"
    ).encode()


def prose(
    text: str, *, sender: str = "Mail Delivery System <MAILER-DAEMON@mx.example.org>", subject: str = ""
) -> bytes:
    """A mail server's own words."""
    return f"From: {sender}\nTo: {OURS}\nSubject: {subject or 'failure notice'}\n\n{text}\n".encode()


def found(raw: bytes) -> list[tuple[str, str, bool]]:
    """Who was not reached."""
    return [(each.address, each.status, each.temporary) for each in parse(raw).bounce]


def test_a_standard_report():
    """Recipient, status, permanence (RFC 3464)."""
    failed = (
        "Final-Recipient: rfc822; gone@example.org\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 5.1.1 no"
    )
    late = "Final-Recipient: rfc822; late@example.org\nAction: delayed\nStatus: 4.4.1"
    fine = "Final-Recipient: rfc822; fine@example.org\nAction: delivered\nStatus: 2.0.0"
    assert found(dsn(failed, late, fine)) == [("gone@example.org", "5.1.1", False), ("late@example.org", "4.4.1", True)]


def test_a_report_of_success_is_no_bounce():
    """A receipt from a mail server."""
    message = parse(dsn("Final-Recipient: rfc822; fine@example.org\nAction: relayed\nStatus: 2.1.5"))
    assert (message.bounced, message.bounce) == (False, ())


def test_the_address_we_wrote_to_is_told():
    """Not the one an alias led to (RFC 3464 §2.3.1)."""
    block = (
        "Original-Recipient: rfc822;sales@example.org\nFinal-Recipient: rfc822;u4711@inner.example.org\nAction: failed"
    )
    assert found(dsn(block))[0][0] == "sales@example.org"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            (
                "I could not deliver your message.\n\n<gone@example.org>:\nNo mailbox here by that name. (#5.1.1)\n\n"
                "--- Below this line is a copy of the message.\n\nTo: other@example.org"
            ),
            [("gone@example.org", "5.1.1", False)],
        ),
        (
            (
                "A message could not be delivered. The following addresses failed:\n\n"
                "  gone@example.org\n    550 user unknown\n  full@example.net\n    552 5.2.2 mailbox full\n\n"
                "------ This is a copy of the message ------\nFrom: x@y.example"
            ),
            [("gone@example.org", "", False), ("full@example.net", "5.2.2", False)],
        ),
        (
            (
                "Your message has not yet been delivered after 24 hours.\n\nlate@example.org\n\n"
                "Delivery attempts will continue."
            ),
            [("late@example.org", "", True)],
        ),
        (
            "Undeliverable Address: gone@example.org\nReason: over quota\nContact: postmaster@mx.example.org",
            [("gone@example.org", "", False)],
        ),
        (f"Your mail from {OURS} was rejected: unknown user gone@example.org", [("gone@example.org", "", False)]),
    ],
)
def test_a_bounce_in_prose(text, expected):
    """By the layout that servers share; the returned mail and our own address do not count."""
    assert found(prose(text)) == expected


def test_failed_recipients_in_a_header():
    """As Exim and Gmail say it."""
    raw = b"X-Failed-Recipients: gone@example.org\n" + prose("550-5.1.1 The account does not exist.")
    assert found(raw) == [("gone@example.org", "5.1.1", False)]


def test_a_report_that_lost_its_structure():
    """The fields stand in the text."""
    text = "Delivery failed\n\nFinal-Recipient: rfc822; gone@example.org\nAction: failed\nStatus: 5.1.1\n"
    assert found(prose(text)) == [("gone@example.org", "5.1.1", False)]


@pytest.mark.parametrize(
    "sender",
    [
        "Marta <marta@nordhandel.example>",
        "Mail server team <mail@nordhandel.example>",
        "Exim Bank <it@eximbank.example>",
    ],
)
def test_a_person_who_pastes_a_bounce_is_a_person(sender):
    """A support desk reads about mail that fails."""
    text = "Our mails come back:\n\n<gone@example.org>: 550 5.1.1 User unknown\n\nPlease help."
    message = parse(prose(text, sender=sender, subject="Mail delivery failed"))
    assert (message.bounced, message.bounce) == (False, ())
