"""A mail is accepted once, processed once, answered once; every silence has a reason."""

import dataclasses
import email
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from intake import conversation, door
from intake.replies.answering import ReplyTerms
from models import tables
from models.errors import NotFound
from models.store import transaction
from models.terms import Channel, Envelope, JobKind, MailState
from triage import policy
from triage.desk.reception import Reception, receive

RECEIVE = partial(
    receive, reception=Reception(policies=policy.load_packs(), default_policy="wso2", support_phone="+49 30 5550 100")
)


@pytest.fixture
def terms() -> ReplyTerms:
    """Replies are on, one a day."""
    return ReplyTerms(
        reply_from="",
        window=timedelta(days=1),
        max_age=timedelta(hours=12),
        mode="on",
        own_addresses=frozenset({"support@example.com"}),
        support_phone="+49 30 5550 100",
        portal_link=lambda receipt, _subject, _address: f"https://support.example.com/portal/claim/{receipt.request}",
    )


def arrive(session, envelope, content, now):
    """Accept a mail and give its row id."""
    found = door.accept(session, envelope, content, now)
    assert found is not None
    return found


def test_accepting_schedules_processing_in_the_same_transaction(session, envelope, mail, now):
    """No mail without its job."""
    accepted = arrive(session, envelope(), mail(), now)
    (job,) = session.scalars(select(tables.jobs.Job)).all()
    assert (job.kind, job.subject) == (JobKind.MAIL_PROCESS, accepted)
    assert tables.mail.raw(session, accepted) == mail()


def test_the_same_mail_by_another_way_is_the_same(session, envelope, mail, now):
    """A retry, a second gateway, a second recipient: one mail (P3)."""
    arrive(session, envelope(), mail(), now)
    traced = b"Received: from mx2\r\n\tby mx1; now\r\nDelivered-To: x\r\n" + mail()
    assert door.accept(session, envelope(rcpt="support+b@example.com"), traced, now) is None


def test_a_retry_after_a_lost_250_is_the_same(session, envelope, mail, now):
    """The client sends the same bytes again, with or without a Message-ID: one mail (A4)."""
    for raw in (mail(), mail(Message_ID="")):
        arrive(session, envelope(), raw, now)
        assert door.accept(session, envelope(), raw, now) is None


def test_gateways_that_race_store_one_mail_and_one_job(engine: Engine, envelope, mail, now):
    """Eight gateways are given the same mail at once, each by its own way (G25)."""

    def take(number: int) -> bool:
        with transaction(engine) as session:
            traced = f"Received: by mx{number}.example.com\r\n".encode() + mail()
            return door.accept(session, envelope(), traced, now) is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(8))) == 1
    with transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(tables.mail.Mail)) == 1
        assert session.scalar(select(func.count()).select_from(tables.jobs.Job)) == 1


LISTS = (
    b"List-Id: <ops.lists.example>\r\nSender: ops-bounces@lists.example\r\nPrecedence: list\r\n",
    b"List-Id: <all.lists.example>\r\nX-BeenThere: all@lists.example\r\nErrors-To: all-owner@lists.example\r\n",
)


def test_the_same_mail_by_two_lists_is_the_same(session, envelope, mail, now):
    """Every list has its return path, a different one for each recipient, its fields and its tag (P3)."""
    by_ops = LISTS[0] + mail(Subject="[ops] Orders fail")
    by_all = LISTS[1] + mail(Subject="=?utf-8?q?=5Ball=5D_Orders_fail?=", To="all@lists.example")
    arrive(session, envelope("ops-bounces+support=example.com@lists.example"), by_ops, now)
    assert door.accept(session, envelope("all-bounces+billing=example.com@lists.example"), by_all, now) is None


def test_the_same_mail_with_folded_fields_is_the_same(session, envelope, mail, now):
    """Gateways fold fields anew; what they say does not change."""
    arrive(session, envelope(), mail(Subject="Orders fail", Date="Sat, 21 Nov 2026 09:30:00 +0000"), now)
    folded = mail(Subject="Orders\r\n fail", Date="Sat, 21 Nov 2026\r\n\t09:30:00 +0000", X_Hop="2")
    assert door.accept(session, envelope("srs0=x=marta@relay.example"), folded, now) is None


@pytest.mark.parametrize(
    "other",
    [
        {"body": "two"},
        {"Subject": "[B] Disk full"},
        {"From": "jon@nordhandel.example"},
        {"Date": "Sat, 21 Nov 2026 09:30:01 +0000"},
        {"Message_ID": "<m2@nordhandel.example>"},
        {"Message_ID": ""},
    ],
)
def test_a_message_id_used_again_is_another_mail(session, envelope, mail, now, other):
    """Another body, subject, author or date is another mail, whatever its Message-ID says (P3)."""
    said = {"body": "one", "Subject": "[A] Disk full"}
    arrive(session, envelope(), mail(**said), now)
    arrive(session, envelope(), mail(**said | other), now)


def test_mails_without_message_id_differ_by_any_byte(session, envelope, mail, now):
    """Alarms of one machine, alike but for their way: losing one is worse than showing one twice."""
    for hop in (b"Received: from a; 09:30\r\n", b"Received: from a; 09:31\r\n"):
        arrive(session, envelope(), hop + mail(Message_ID=""), now)


@given(st.binary(max_size=300), st.sampled_from([b"", b"\r\n\r\n", b"Message-ID: <a@b>\r\n\r\n"]))
def test_any_bytes_have_a_digest_that_stays(head, rest):
    """Hostile bytes are told apart like others, and the same ones never change."""
    at = datetime(2026, 11, 21, tzinfo=UTC)
    said = Envelope(mail_from="a@example.org", rcpt_to=(), peer="", helo="", received_at=at)
    assert door.digest(said, head + rest) == door.digest(said, head + rest)
    assert door.digest(said, head + rest) != door.digest(said, head + rest + b"x")


@pytest.mark.parametrize("list_first", [True, False])
def test_a_mail_by_a_list_and_straight_is_one_request_and_answered(session, envelope, mail, now, terms, list_first):
    """The list's copy may not be answered; that it came first must not silence us towards its author."""
    both = [(envelope("ops-bounces@lists.example"), LISTS[0] + mail()), (envelope(), mail())]
    rows = []
    for said, raw in both if list_first else reversed(both):
        accepted = arrive(session, said, raw, now)
        door.process(session, accepted, receive=RECEIVE, terms=terms, now=now)
        rows.append(tables.mail.fetch(session, accepted))
    assert rows[0].request_id == rows[1].request_id
    assert len(tables.requests.interactions(session, rows[0].request_id)) == 1
    assert session.scalar(select(func.count()).select_from(tables.mail.OutgoingMail)) == 1
    assert {row.suppression for row in rows} == {"list", None}


def test_processing_makes_a_request_and_one_reply(session, envelope, mail, now, terms):
    """Twice run, once done."""
    accepted = arrive(session, envelope(), mail("It is down"), now)
    for _ in range(2):
        door.process(session, accepted, receive=RECEIVE, terms=terms, now=now)
    row = tables.mail.fetch(session, accepted)
    request = tables.requests.fetch(session, row.request_id)
    assert (row.state, row.message_id) == (MailState.PROCESSED, "m1@nordhandel.example")
    assert (request.channel, request.subject, request.clock_started_at) == (Channel.EMAIL, "Orders fail", None)
    assert session.scalar(select(func.count()).select_from(tables.mail.OutgoingMail)) == 1
    sent = email.message_from_bytes(tables.mail.reply_to(session, accepted).content)
    assert sent["To"] == "marta@nordhandel.example"
    assert request.reference in sent["Subject"]


def test_a_second_mail_in_the_window_is_silent_with_its_reason(session, envelope, mail, now, terms):
    """Tags and letter case do not open the window again (C14)."""
    for number, sender in enumerate(("marta@nordhandel.example", "Marta+2@Nordhandel.example")):
        accepted = arrive(session, envelope(sender), mail(f"mail {number}"), now)
        door.process(session, accepted, receive=RECEIVE, terms=terms, now=now)
    row = tables.mail.fetch(session, accepted)
    assert row.suppression == "window"
    assert "RFC 3834" in row.suppression_clause


def test_twenty_mails_of_one_sender_at_once_get_one_reply(engine: Engine, envelope, mail, now, terms):
    """Many workers, one insert wins (C15)."""
    with transaction(engine) as session:
        arrived = [arrive(session, envelope(), mail(f"mail {number}"), now) for number in range(20)]

    def work(one) -> None:
        with transaction(engine) as session:
            door.process(session, one, receive=RECEIVE, terms=terms, now=now)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, arrived))
    with transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(tables.mail.OutgoingMail)) == 1
        reasons = session.scalars(select(tables.mail.Mail.suppression)).all()
        assert sorted(filter(None, reasons)) == ["window"] * 19


@pytest.mark.parametrize("mode", ["off", "dry-run"])
def test_the_operators_switch_silences(session, envelope, mail, now, terms, mode):
    """The setting is the reason kept (C22)."""
    accepted = arrive(session, envelope(), mail(), now)
    switched = dataclasses.replace(terms, mode=mode)
    door.process(session, accepted, receive=RECEIVE, terms=switched, now=now)
    assert tables.mail.fetch(session, accepted).suppression == mode


FORWARDED = """Please take this over.

---------- Forwarded message ---------
From: Ida Muster <ida@kunde.example>
Date: Sat, Nov 21, 2026 at 9:30 AM
Subject: Checkout fails
To: sales@example.com

Nobody can pay since noon."""


@pytest.mark.parametrize(
    ("sender", "party"),
    [("jon@example.com", "ida@kunde.example"), ("marta@nordhandel.example", "marta@nordhandel.example")],
)
def test_what_a_colleague_forwards_is_the_authors_request(session, envelope, mail, now, terms, sender, party):
    """A customer who forwards an alert stays its sender; the whole text is read either way."""
    raw = mail(FORWARDED, From=f"Jon <{sender}>", Subject="Fwd: Checkout fails")
    accepted = arrive(session, envelope(sender), raw, now)
    door.process(session, accepted, receive=RECEIVE, terms=terms, now=now)
    request = tables.requests.fetch(session, tables.mail.fetch(session, accepted).request_id)
    (said,) = tables.requests.interactions(session, request.id)
    assert request.party == party
    assert said.new_text == "Please take this over.\n\nNobody can pay since noon."
    assert tables.mail.fetch(session, accepted).parsed["forward"]["comment"] == "Please take this over."


def test_a_return_path_that_is_no_address_is_not_answered(session, envelope, mail, now, terms):
    """Whoever put it in (a pipe transport checks nothing), the answer might go elsewhere (C11)."""
    accepted = arrive(session, envelope("marta%other.example@nordhandel.example"), mail(), now)
    door.process(session, accepted, receive=RECEIVE, terms=terms, now=now)
    assert tables.mail.fetch(session, accepted).suppression == "no-recipient"
    assert tables.mail.reply_to(session, accepted) is None


@pytest.mark.parametrize(
    ("sender", "recipient"),
    [("info@bücher.example", "info@xn--bcher-kva.example"), ("jürgen@nordhandel.example", None)],
)
def test_addresses_beyond_ascii(session, envelope, mail, now, terms, sender, recipient):
    """A domain has an ASCII form; a mailbox has none, and our smarthost may not take it (RFC 6531)."""
    accepted = arrive(session, envelope(sender), mail(), now)
    door.process(session, accepted, receive=RECEIVE, terms=terms, now=now)
    outgoing = tables.mail.reply_to(session, accepted)
    assert (outgoing.recipient if outgoing else None) == recipient
    assert (tables.mail.fetch(session, accepted).suppression == "no-recipient") == (recipient is None)


def test_an_old_backlog_is_not_answered(session, envelope, mail, now, terms):
    """Nobody wants an acknowledgement two days late (C22)."""
    accepted = arrive(session, envelope(), mail(), now)
    door.process(session, accepted, receive=RECEIVE, terms=terms, now=now + timedelta(hours=13))
    assert tables.mail.fetch(session, accepted).suppression == "too-old"


def test_a_mail_that_cannot_be_processed_is_still_a_request(session, envelope, mail, now):
    """Unparsed, visible, silent; the bytes are kept (B20)."""
    raw = b"Subject: =?utf-8?q?K=C3=B6ln?= is down\r\n\r\n" + b"\x00" * 100
    accepted = arrive(session, envelope(), raw, now)
    for _ in range(2):
        door.mark_unparsed(session, accepted, receive=RECEIVE, now=now)
    row = tables.mail.fetch(session, accepted)
    assert (row.state, row.suppression) == (MailState.UNPARSED, "unparsed")
    subject = tables.requests.fetch(session, row.request_id).subject
    assert subject == "Mail that could not be read: Köln is down"


def test_the_reason_why_a_mail_was_not_read_is_kept(session, envelope, mail, now):
    """Engineers see what the last try failed with."""
    accepted = arrive(session, envelope(), mail(), now)
    door.mark_unparsed(session, accepted, receive=RECEIVE, now=now, because="TimeoutError: broken off after 20 s")
    assert tables.mail.fetch(session, accepted).unread_because == "TimeoutError: broken off after 20 s"


def test_an_unparsed_mail_that_is_read_at_last_shows_its_text(session, envelope, mail, now, terms):
    """After a replay the same request has the real subject, text, sender and an answer."""
    accepted = arrive(session, envelope("x@nordhandel.example"), mail("Production is down"), now)
    door.mark_unparsed(session, accepted, receive=RECEIVE, now=now, because="MemoryError")
    row = tables.mail.fetch(session, accepted)
    before = row.request_id
    for _ in range(2):
        door.process(session, accepted, receive=RECEIVE, terms=terms, now=now)
    assert (row.state, row.request_id) == (MailState.PROCESSED, before)
    assert (row.unread_because, row.suppression) == (None, None)
    request = tables.requests.fetch(session, before)
    (said,) = tables.requests.interactions(session, before)
    assert (request.subject, request.party) == ("Orders fail", "marta@nordhandel.example")
    assert (said.subject, said.text, said.note) == ("Orders fail", "Production is down", "")
    assert tables.mail.reply_to(session, accepted) is not None


def test_an_unparsed_mail_is_part_of_its_thread(session, envelope, mail, now, terms):
    """A follow-up that cannot be read joins by our marks, and answers to an unread mail find its request."""
    key = conversation.thread_key("a secret of thirty-two characters")
    first = arrive(session, envelope(), mail(), now)
    door.mark_unparsed(session, first, receive=RECEIVE, now=now)
    request = tables.mail.fetch(session, first).request_id
    by_id = mail("x", References=f"<{conversation.signed_id(first, key)}@example.com>", Message_ID="<m2@x.example>")
    address = conversation.reply_address("support@example.com", request, key)
    others = [
        arrive(session, envelope(), by_id, now),
        arrive(session, envelope(rcpt=address), mail("y", Message_ID="<m3@x.example>"), now),
    ]
    for each in others:
        door.mark_unparsed(session, each, receive=RECEIVE, now=now, thread_key=key)
        assert tables.mail.fetch(session, each).request_id == request
    answer = arrive(
        session, envelope(), mail("z", In_Reply_To="<m1@nordhandel.example>", Message_ID="<m4@x.example>"), now
    )
    door.process(session, answer, receive=RECEIVE, terms=terms, now=now)
    assert tables.mail.fetch(session, answer).request_id == request


def test_a_follow_up_read_at_last_stays_with_the_request_it_had(session, envelope, mail, now, terms):
    """Engineers work on it there already; what it answers is told."""
    first = arrive(session, envelope(), mail(), now)
    door.process(session, first, receive=RECEIVE, terms=terms, now=now)
    raw = mail("more", In_Reply_To="<m1@nordhandel.example>", Message_ID="<m2@x.example>")
    second = arrive(session, envelope(), raw, now)
    door.mark_unparsed(session, second, receive=RECEIVE, now=now)
    own = tables.mail.fetch(session, second).request_id
    door.process(session, second, receive=RECEIVE, terms=terms, now=now)
    row = tables.mail.fetch(session, second)
    assert (row.request_id, row.joined) == (own, None)
    assert "before it could be read" in row.joined_evidence


def test_reading_again_changes_what_was_read_and_nothing_else(session, envelope, mail, now, terms):
    """A replay of a processed mail shows what the new parser reads differently; nobody is answered again."""
    accepted = arrive(session, envelope(), mail("It is down"), now)
    door.process(session, accepted, receive=RECEIVE, terms=terms, now=now)
    row = tables.mail.fetch(session, accepted)
    row.parsed = row.parsed | {"subject": "as an older parser read it"}
    session.flush()
    before, after = door.reread(session, accepted, terms=terms)
    assert [name for name in after if before[name] != after[name]] == ["subject"]
    assert row.parsed["subject"] == "Orders fail"
    assert len(tables.requests.interactions(session, row.request_id)) == 1
    assert session.scalar(select(func.count()).select_from(tables.mail.OutgoingMail)) == 1
    with pytest.raises(NotFound):
        door.reread(session, uuid4(), terms=terms)


def test_a_mail_that_is_gone_is_no_error(session, now, terms):
    """A job may outlive its mail (erasure)."""
    door.process(session, uuid4(), receive=RECEIVE, terms=terms, now=now)


def test_nul_and_surrogates_reach_postgresql_harmlessly(session, envelope, now, terms):
    """Text columns refuse both; the raw bytes keep them (B5)."""
    raw = b"From: a@example.org\r\nSubject: a\x00b\r\n\r\nx\x00y =?utf-8?q?=ED=A0=80?= \xed\xa0\x80"
    accepted = arrive(session, envelope(), raw, now)
    door.process(session, accepted, receive=RECEIVE, terms=terms, now=now)
    assert tables.mail.fetch(session, accepted).state is MailState.PROCESSED
