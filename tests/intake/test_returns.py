"""Bounces of our own replies are swallowed and counted; everybody else's stay what they are."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import func, select

from intake import conversation, door
from intake.replies.answering import ReplyTerms
from models import tables
from models.terms import MailState, OutgoingState
from triage import policy
from triage.desk.reception import Reception, receive

KEY = conversation.thread_key("a secret of thirty-two characters")
RECEIVE = partial(receive, reception=Reception(policies=policy.load_packs(), default_policy="wso2"))
NOTICE = """--b
Content-Type: text/plain

Your mail could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.nordhandel.example

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}

--b
Content-Type: text/rfc822-headers

From: support@example.com
To: {recipient}
Subject: Auto: Orders fail [{reference}]
Message-ID: <{message_id}>

--b--
"""


@pytest.fixture
def terms() -> ReplyTerms:
    """Replies are off; the tests write their own."""
    return ReplyTerms(
        reply_from="",
        window=timedelta(days=1),
        max_age=timedelta(hours=12),
        mode="off",
        own_addresses=frozenset({"support@example.com"}),
        support_phone="",
        portal_link=lambda receipt, _subject, _address: str(receipt.request),
    )


@pytest.fixture
def take_in(session, envelope, now, terms):
    """Accept and process one mail; its row."""

    def make(raw: bytes, sender: str = "marta@nordhandel.example") -> tables.mail.Mail:
        accepted = door.accept(session, envelope(sender), raw, now)
        for _ in range(2):
            door.process(session, accepted, receive=RECEIVE, terms=terms, now=now, thread_key=KEY)
        return tables.mail.fetch(session, accepted)

    return make


@pytest.fixture
def reply(session, take_in, mail, now):
    """A reply that was sent to Marta."""
    first = take_in(mail())
    sent = tables.mail.OutgoingMail(
        mail_id=first.id,
        request_id=first.request_id,
        recipient="Marta+desk@nordhandel.example",
        message_id=f"{conversation.signed_id(first.id, KEY)}@example.com",
        content=b"",
        state=OutgoingState.SENT,
        created_at=now,
    )
    session.add(sent)
    session.flush()
    return sent


@pytest.fixture
def notice(session, reply, mail):
    """A delivery status notification for it."""

    def make(**said: str) -> bytes:
        told = {"recipient": reply.recipient, "action": "failed", "status": "5.1.1", "message_id": reply.message_id}
        told["reference"] = tables.requests.fetch(session, reply.request_id).reference
        kind = 'multipart/report; report-type=delivery-status; boundary="b"'
        return mail(
            NOTICE.format(**told | said),
            From="MAILER-DAEMON@mx.nordhandel.example",
            Subject="Undelivered Mail Returned to Sender",
            Message_ID="<d1@mx.nordhandel.example>",
            MIME_Version="1.0",
            Content_Type=kind,
        )

    return make


def requests_of(session) -> tuple[int, int]:
    """How many requests and interactions there are."""
    tables_of = (tables.requests.Request, tables.requests.Interaction)
    return tuple(session.scalar(select(func.count()).select_from(each)) for each in tables_of)


def test_a_bounce_of_our_reply_is_swallowed_and_counted(session, take_in, reply, notice, now):
    """No request, no interaction, no answer; the reply is marked, and nobody writes to that address again (C20)."""
    row = take_in(notice(), sender="")
    session.refresh(reply)
    assert (row.state, row.request_id, row.suppression) == (MailState.SWALLOWED, reply.request_id, "null-sender")
    assert (reply.state, reply.bounced_at, reply.error) == (OutgoingState.BOUNCED, now, "bounced: 5.1.1")
    assert requests_of(session) == (1, 1)
    dead = session.get(tables.mail.DeadAddress, "marta@nordhandel.example")
    assert dead is not None
    assert "5.1.1" in dead.evidence


def test_a_bounce_to_a_visible_sender_is_swallowed_too(session, take_in, reply, notice):
    """Servers that ignore the null return path write from an address of their own."""
    row = take_in(notice(), sender="postmaster@mx.nordhandel.example")
    assert row.state is MailState.SWALLOWED
    assert row.suppression is not None
    assert requests_of(session) == (1, 1)


def test_a_delay_is_swallowed_and_changes_nothing(session, take_in, reply, notice):
    """The reply may still arrive."""
    row = take_in(notice(action="delayed", status="4.4.1"), sender="")
    session.refresh(reply)
    assert row.state is MailState.SWALLOWED
    assert (reply.state, reply.bounced_at) == (OutgoingState.SENT, None)
    assert session.get(tables.mail.DeadAddress, "marta@nordhandel.example") is None


def test_a_bounce_that_names_recipient_and_reference_is_swallowed_but_kills_no_address(session, take_in, reply, notice):
    """Both can be guessed: enough not to open a request, too little to silence us towards a customer."""
    row = take_in(notice(message_id="rewritten@relay.example"), sender="")
    session.refresh(reply)
    assert (row.state, reply.state) == (MailState.SWALLOWED, OutgoingState.BOUNCED)
    assert session.get(tables.mail.DeadAddress, "marta@nordhandel.example") is None


@pytest.mark.parametrize(
    "said",
    [
        {"message_id": "other@example.com", "recipient": "someone@else.example"},
        {"message_id": "other@example.com", "reference": "SB-1"},
    ],
)
def test_a_bounce_of_something_else_stays_a_request(session, take_in, reply, notice, said):
    """What we did not send we do not hide."""
    row = take_in(notice(**said), sender="")
    session.refresh(reply)
    assert row.state is MailState.PROCESSED
    assert reply.state is OutgoingState.SENT


def test_a_person_who_quotes_our_reply_is_no_bounce(session, take_in, reply, mail):
    """Our Message-ID in the text of a human mail swallows nothing."""
    row = take_in(mail(f"Your mail <{reply.message_id}> could not be delivered.", Message_ID="<m2@x.example>"))
    session.refresh(reply)
    assert row.state is MailState.PROCESSED
    assert reply.state is OutgoingState.SENT


def test_an_older_reply_without_a_seal_is_known_by_its_row(session, take_in, reply, notice):
    """Replies sent before ids were signed have ids that nobody can guess either."""
    reply.message_id = f"reply.{reply.mail_id}@Example.com"
    session.flush()
    take_in(notice(message_id=reply.message_id), sender="")
    session.refresh(reply)
    assert reply.state is OutgoingState.BOUNCED
