"""May a machine answer? Each check by itself, and people by their right to an answer."""

import pytest

from intake.message import parse
from intake.screening import CHECKS, REASONS, Case, suppression

OWN = frozenset({"support@example.com"})


def case(envelope, raw: bytes, mail_from: str = "marta@nordhandel.example", authserv: str = "mx.example.com") -> Case:
    """All a check may see of a mail."""
    return Case(envelope=envelope(mail_from), message=parse(raw), own_addresses=OWN, trusted_authserv_id=authserv)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Auto-Submitted": "auto-replied"}, "auto-submitted"),
        ({"auto-submitted": "AUTO-GENERATED (vacation)"}, "auto-submitted"),
        ({"Auto-Submitted": "(a comment) auto-notified; owner=x"}, "auto-submitted"),
        ({"Auto-Submitted": "\r\n auto-replied"}, "auto-submitted"),
        ({"Precedence": "Bulk"}, "bulk"),
        ({"Precedence": "list"}, "bulk"),
        ({"X-Precedence": "auto_reply"}, "bulk"),
        ({"List-Id": "<news.example.org>"}, "list"),
        ({"List-Unsubscribe": "<mailto:x@example.org>"}, "list"),
        ({"X-Auto-Response-Suppress": "DR, OOF, AutoReply"}, "asked-not-to"),
        ({"X-Auto-Response-Suppress": "All"}, "asked-not-to"),
        ({"X-Autoreply": "yes"}, "auto-submitted"),
        ({"X-Loop": "help@desk.example"}, "loop"),
        ({"From": "MAILER-DAEMON@example.org"}, "machine-sender"),
        ({"From": "No-Reply <no-reply+12@example.org>"}, "machine-sender"),
        ({"From": "donotreply@example.org"}, "machine-sender"),
        ({"From": "list-bounces+marta=nordhandel.example@example.org"}, "machine-sender"),
        ({"From": "owner-list@example.org"}, "machine-sender"),
        ({"From": "Support <SUPPORT+x@Example.com>"}, "own-address"),
        ({"Reply-To": "support@example.com"}, "own-address"),
        ({"Content-Type": "multipart/report; report-type=delivery-status; boundary=b"}, "report"),
        ({"Content-Type": "text/calendar; method=REPLY"}, "calendar"),
        ({"Subject": "Automatic reply: Orders fail"}, "out-of-office"),
        ({"Subject": "=?utf-8?q?Abwesenheitsnotiz=3A_Bestellung?="}, "out-of-office"),
        ({"X-Spam-Flag": "YES"}, "spam"),
        ({"Authentication-Results": "mx.example.com; dmarc=fail header.from=nordhandel.example"}, "forged"),
    ],
)
def test_automatic_mail_is_never_answered(envelope, mail, headers, reason):
    """The reason, the evidence and the clause are kept."""
    found = suppression(case(envelope, mail(**headers)))
    assert found is not None
    assert found.reason == reason
    assert found.evidence
    assert "RFC" in found.clause or "MS-" in found.clause


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Auto-Submitted": "no"},
        {"Auto-Submitted": "No (a person)"},
        {"Precedence": "first-class"},
        {"X-Auto-Response-Suppress": "DR"},
        {"From": "Bonnie Reply <reply.bonnie@example.org>"},
        {"From": "Nora <nora@example.org>"},
        {"X-Spam-Flag": "NO"},
        {"Subject": "Out of stock in the office shop"},
        {"Authentication-Results": "evil.example; dmarc=fail"},
        {"Disposition-Notification-To": "third@example.org"},
    ],
)
def test_people_are_answered(envelope, mail, headers):
    """`Auto-Submitted: no` is a person; only our own relay's verdict counts (C2, C12)."""
    assert suppression(case(envelope, mail(**headers))) is None


def test_a_mail_that_goes_in_circles_is_not_answered(envelope, mail):
    """A hundred servers have seen it (A30)."""
    found = suppression(case(envelope, b"Received: from a by b; now\r\n" * 101 + mail()))
    assert found is not None
    assert found.reason == "loop"
    assert suppression(case(envelope, b"Received: from a by b; now\r\n" * 9 + mail())) is None


def test_a_mail_servers_prose_is_not_answered(envelope, mail):
    """A bounce without a report, with a return path (C9)."""
    raw = mail(
        "<gone@example.org>: user unknown", From="Mail Delivery System <robot@mx.example>", Subject="failure notice"
    )
    found = suppression(case(envelope, raw, mail_from="robot@mx.example"))
    assert found is not None
    assert found.reason == "report"


def test_the_null_sender_is_never_answered_whoever_it_claims_to_be(envelope, mail):
    """RFC 5321 §4.5.5 (C3, C4)."""
    found = suppression(case(envelope, mail(), mail_from=""))
    assert found is not None
    assert found.reason == "null-sender"


def test_every_check_is_one_function_with_a_reason():
    """The table is the policy."""
    assert len(CHECKS) == len({check.__name__ for check in CHECKS})
    assert len(REASONS) == len(set(REASONS))
