"""What comes back to a notice for our own people opens no request and is no word of the customer."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import func, select

from intake import conversation, door
from intake.replies.answering import ReplyTerms
from models import tables
from models.terms import Channel, MailState, OutgoingState, StepState, TriageState
from triage import policy
from triage.desk.reception import Reception, receive

KEY = conversation.thread_key("a secret of thirty-two characters")
RECEIVE = partial(receive, reception=Reception(policies=policy.load_packs(), default_policy="wso2"))
BOUNCE = """--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; lea@example.com
Action: {action}
Status: {status}

--b
Content-Type: text/rfc822-headers

Message-ID: <{message_id}>

--b--
"""


@pytest.fixture
def take_in(session, envelope, now):
    """Accept and process one mail; its row."""
    terms = ReplyTerms(
        reply_from="", window=timedelta(days=1), max_age=timedelta(hours=12), mode="off",
        own_addresses=frozenset({"support@example.com"}), support_phone="", portal_link=lambda *_: "",
    )  # fmt: skip

    def make(raw: bytes, sender: str = "lea@example.com") -> tables.mail.Mail:
        accepted = door.accept(session, envelope(sender), raw, now)
        door.process(session, accepted, receive=RECEIVE, terms=terms, now=now, thread_key=KEY)
        return tables.mail.fetch(session, accepted)

    return make


@pytest.fixture
def notice(session, now):
    """A notice that went out, about a decided request."""
    request = tables.requests.Request(
        channel=Channel.PHONE, subject="x", policy="wso2", state=TriageState.DECIDED, received_at=now
    )
    session.add(request)
    session.flush()
    step = tables.progress.add_step(
        session, request_id=request.id, key="k", ladder="critical", rung="r", channel="mail", label="l", to_role="lead",
        to_name="", cause="asked", cause_at=now, clause="c", assumed=False, policy="wso2@2", policy_digest="d",
        due_at=now, state=StepState.TOLD, created_at=now,
    )  # fmt: skip
    row = tables.progress.Notice(
        step_id=step, request_id=request.id, channel="mail", name="Lea", recipient="lea@example.com",
        state=OutgoingState.SENT, created_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def requests(session) -> int:
    """How many requests there are."""
    return session.scalar(select(func.count()).select_from(tables.requests.Request))


@pytest.mark.parametrize("head", ["", "Auto-Submitted: auto-replied\n"])
def test_an_answer_to_a_notice_is_kept_with_its_request(session, take_in, notice, head, mail):
    """A colleague's word or absence notice: no request of its own, and nobody has written again."""
    raw = "From: Lea <lea@example.com>\nTo: support@example.com\nSubject: Re: x\n"
    raw += "Date: Sat, 21 Nov 2026 09:00:00 +0000\nMessage-ID: <a@example.com>\n"
    raw += f"In-Reply-To: <notice.{notice.id}@example.com>\n{head}\nI am on it.\n"
    row = take_in(raw.replace("\n", "\r\n").encode())
    assert (requests(session), row.request_id) == (1, notice.request_id)
    assert tables.requests.fetch(session, notice.request_id).follow_up_at is None


@pytest.mark.parametrize(
    ("action", "status", "state"),
    [("failed", "5.1.1", OutgoingState.BOUNCED), ("delayed", "4.4.1", OutgoingState.SENT)],
)
def test_a_bounce_of_a_notice_is_swallowed(session, take_in, notice, action, status, state):
    """It stands at the notice; no request is opened."""
    raw = "From: MAILER-DAEMON@mx.example.com\nTo: support@example.com\nSubject: Undelivered\n"
    raw += "Date: Sat, 21 Nov 2026 09:00:00 +0000\nMessage-ID: <b@example.com>\n"
    raw += 'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
    raw += BOUNCE.format(action=action, status=status, message_id=f"notice.{notice.id}@example.com")
    row = take_in(raw.replace("\n", "\r\n").encode(), "")
    assert (requests(session), row.state, notice.state) == (1, MailState.SWALLOWED, state)
