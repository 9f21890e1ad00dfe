"""Machines that report and do not sign as mail servers, and other mail that is no bounce."""

import pytest

from intake.reading.message import parse


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (
            "From: no-reply@isp.example\nSubject: Mail",
            "Could not be delivered to: <gone@example.org>\nMailbox is full.",
        ),
        ("From: x@isp.example\nReturn-Path: <>\nSubject: Mail", "Could not be delivered to: <gone@example.org>"),
        ("From: post_master@isp.example\nSubject: Re: Hi", "Error: Invalid user address\n\nRCPT TO: gone@example.org"),
    ],
)
def test_machines_that_do_not_sign_as_mail_servers(head, text):
    """They say what only mail servers say, and name an address."""
    message = parse(f"{head}\nTo: support@example.com\n\n{text}\n".encode())
    assert [each.address for each in message.bounce] == ["gone@example.org"]


@pytest.mark.parametrize(
    "head",
    [
        "From: Marta <marta@x.example>\nReturn-Path: <>\nSubject: Automatic reply: Hi",
        "From: Postmaster Team <postmaster@x.example>\nSubject: Question about your API",
        "From: no-reply@shop.example\nSubject: Your order",
        "From: Marta <marta@x.example>\nSubject: Delivery failed: parcel",
    ],
)
def test_other_mail_of_machines_and_people_is_no_bounce(head):
    """A null path, a box that nobody reads or a word is not enough."""
    message = parse(f"{head}\nTo: support@example.com\n\nIn my absence write to gone@example.org, please.\n".encode())
    assert (message.bounced, message.bounce) == (False, ())


def test_a_report_in_base64_is_read():
    """Forbidden, and met (RFC 3464 §2.1)."""
    raw = (
        b"From: MAILER-DAEMON@x.example\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n"
        b"RmluYWwtUmVjaXBpZW50OiByZmM4MjI7IGdvbmVAZXhhbXBsZS5vcmcKQWN0aW9uOiBmYWlsZWQKU3RhdHVzOiA1LjEuMQo="
    )
    assert [(each.address, each.status) for each in parse(raw).bounce] == [("gone@example.org", "5.1.1")]


def test_the_other_servers_words_count_before_a_summary():
    """A status behind an SMTP reply code is the reason, the one before it somebody's guess."""
    text = (
        "Final-Recipient: rfc822; gone@example.org\nAction: failed\nStatus: 5.0.0\n"
        "Diagnostic-Code: smtp; 5.1.0 - Unknown address error 550-'5.7.1 Access denied'\n"
    )
    raw = f"From: MAILER-DAEMON@x.example\nContent-Type: message/delivery-status\n\n{text}".encode()
    assert [each.status for each in parse(raw).bounce] == ["5.7.1"]
