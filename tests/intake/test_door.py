"""A mail is accepted once, processed once, answered once; every silence has a reason."""

import dataclasses
import email
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import Engine, func, select

from intake import door
from intake.answering import ReplyTerms
from models import tables
from models.store import transaction
from models.terms import Channel, JobKind, MailState
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
        portal_link=lambda request: f"https://support.example.com/portal/claim/{request}",
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


def test_a_message_id_used_again_is_another_mail(session, envelope, mail, now):
    """Other bytes are another mail (P3)."""
    arrive(session, envelope(), mail("one"), now)
    arrive(session, envelope(), mail("two"), now)


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


def test_a_mail_that_is_gone_is_no_error(session, now, terms):
    """A job may outlive its mail (erasure)."""
    door.process(session, uuid4(), receive=RECEIVE, terms=terms, now=now)


def test_nul_and_surrogates_reach_postgresql_harmlessly(session, envelope, now, terms):
    """Text columns refuse both; the raw bytes keep them (B5)."""
    raw = b"From: a@example.org\r\nSubject: a\x00b\r\n\r\nx\x00y =?utf-8?q?=ED=A0=80?= \xed\xa0\x80"
    accepted = arrive(session, envelope(), raw, now)
    door.process(session, accepted, receive=RECEIVE, terms=terms, now=now)
    assert tables.mail.fetch(session, accepted).state is MailState.PROCESSED
