"""One decision whether to answer, what only we can know, and limits that hold whatever comes back."""

import dataclasses
import email
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from intake import door
from intake.replies import answering, limits, restored
from intake.replies.answering import ReplyTerms
from intake.replies.authentication import Verdict
from intake.replies.limits import Caps, sender_key
from intake.replies.screening import CHECKS, REASONS
from models import tables
from models.store import connect, transaction
from models.terms import Autoreply, Interaction, Receipt

DAY = timedelta(days=1)
KEY = b"k" * 32


def take(session: Session, said: Interaction, now: datetime) -> Receipt:
    """A desk that opens a request for everything, or appends to the one that is named."""
    known = session.scalar(select(tables.requests.Request.id).where(tables.requests.Request.subject == said.source))
    opened = said.request is None and known is None
    request = said.request or known
    if opened:
        row = tables.requests.Request(
            channel=said.channel, subject=said.source, policy="wso2", state="to_confirm", received_at=now
        )
        session.add(row)
        session.flush()
        request = row.id
    return Receipt(
        request=request,
        reference="SB-1042",
        opened=opened,
        policy="wso2",
        policy_name="WSO2",
        sla_channels=("portal", "phone"),
        support_phone="+49 30 5550 100",
        looks_urgent="down" in said.text,
    )


@pytest.fixture
def terms() -> ReplyTerms:
    """Replies are on, one a day."""
    return ReplyTerms(
        reply_from="",
        window=DAY,
        max_age=timedelta(hours=12),
        mode="on",
        own_addresses=frozenset({"support@example.com"}),
        support_phone="",
        portal_link=lambda receipt, _subject, _address: f"https://support.example.com/portal/claim/{receipt.request}",
        thread_key=KEY,
    )


@pytest.fixture
def process(session: Session, envelope, mail, now: datetime, terms: ReplyTerms) -> Callable[..., tables.mail.Mail]:
    """Take a mail in and process it."""
    numbers = itertools.count()

    def run(
        sender: str = "marta@nordhandel.example", body: str = "", *, at: datetime = now, **more
    ) -> tables.mail.Mail:
        headers = {"Message_ID": f"<{next(numbers)}@nordhandel.example>", "From": f"X <{sender}>"} | more.pop(
            "headers", {}
        )
        accepted = door.accept(session, envelope(sender), mail(body or "Hello", **headers), now)
        options = {"terms": terms} | more
        door.process(session, accepted, receive=take, now=at, thread_key=KEY, **options)
        return tables.mail.fetch(session, accepted)

    return run


@pytest.fixture
def replies(session: Session) -> Callable[[], int]:
    """How many replies were written."""
    return lambda: session.scalar(select(func.count()).select_from(tables.mail.OutgoingMail))


def reply_of(session: Session, row: tables.mail.Mail):
    """The reply to a mail as a mail client reads it."""
    return email.message_from_bytes(tables.mail.reply_to(session, row.id).content, policy=email.policy.default)


def test_the_whole_order_is_two_tables():
    """What the mail says, then what only we know; each check by name, once, and every reason told."""
    names = [check.__name__ for check in (*CHECKS, *answering.CHECKS)]
    assert len(names) == len(set(names))
    assert names[0] == "null_sender"
    assert names[-1] == "limited"
    assert {"off", "dry-run", "too-old", "restored", "dead-address", "window", "domain-cap", "cap"} <= set(REASONS)


def test_a_reply_carries_our_marks(session, process):
    """A signed Message-ID and reply address, by which the next mail finds its request."""
    sent = reply_of(session, process())
    assert door.conversation.verified(sent["Message-ID"], KEY) is not None
    assert door.conversation.verified_address(sent["Reply-To"], KEY) is not None
    assert sent["From"] == "support@example.com"


def test_the_reply_goes_to_the_envelope_sender_and_nobody_else(session, process):
    """Whatever Reply-To, From, Sender and receipts say (C11)."""
    others = dict.fromkeys(
        ("From", "Reply-To", "Cc", "Disposition-Notification-To", "Errors-To"), "third@other.example"
    )
    row = process(headers=others)
    outgoing = tables.mail.reply_to(session, row.id)
    assert outgoing.recipient == "marta@nordhandel.example"
    assert b"third@other.example" not in outgoing.content


def test_a_subject_that_hides_a_line_break_adds_nothing(session, process):
    """Decoded, it holds CR LF and a Bcc (B7)."""
    row = process(headers={"Subject": "=?utf-8?q?x=0D=0ABcc=3A_victim=40other.example?="})
    assert reply_of(session, row)["Bcc"] is None
    assert row.parsed["subject"] == "x Bcc: victim@other.example"


@pytest.mark.parametrize(
    "author",
    [
        "marta@nordhandel.example <evil@other.example>",
        '"support@example.com" <evil@other.example>',
        "a@x.example, b@y.example",
        "G: a@x.example;",
    ],
)
def test_an_ambiguous_author_changes_nothing_about_who_is_answered(session, process, author):
    """From is shown, and never decides whom we trust or write to (B8, CVE-2023-27043)."""
    row = process(headers={"From": author})
    outgoing = tables.mail.reply_to(session, row.id)
    assert outgoing is None or outgoing.recipient == "marta@nordhandel.example"


def test_an_answer_from_our_own_reply_address_is_silence(process, terms):
    """Also the address that only replies come from (C10)."""
    other = dataclasses.replace(terms, reply_from="Helpdesk <helpdesk@example.net>")
    assert process("Helpdesk+x@Example.net", terms=other).suppression == "own-address"


def test_fifty_absence_notices_get_one_reply(process, replies):
    """No header, no words that tell: the window stops them (C13)."""
    rows = [process(headers={"Subject": f"I am away {number}"}) for number in range(50)]
    assert replies() == 1
    assert [row.suppression for row in rows] == [None] + ["window"] * 49


def test_each_reply_fed_back_as_a_new_mail_ends_at_once(process, replies):
    """Another desk answers every answer with another tag, subject and id: one sender, one reply (C14)."""
    for number in range(40):
        process(f"Desk+{number}@Desk.example", headers={"Subject": f"Case {number}"})
    assert replies() == 1


def test_desks_that_change_their_names_end_at_the_domains_cap(session, process, replies, terms):
    """Every mail has another mailbox; the domain's hour ends, and others are answered still (C14)."""
    tight = dataclasses.replace(terms, caps=Caps(domain=5, everybody=1_000))
    rows = [process(f"case-{number}@desk.example", terms=tight) for number in range(20)]
    hours = session.scalar(select(func.count()).where(tables.mail.ReplyCount.domain == "desk.example"))
    assert replies() <= 5 * hours
    assert rows[-1].suppression == "domain-cap"
    assert "desk.example" in rows[-1].suppression_evidence
    assert process("marta@nordhandel.example", terms=tight).suppression is None


def test_a_loop_over_many_domains_ends_at_the_cap_of_all(session, process, replies, terms):
    """The last fuse (C14)."""
    tight = dataclasses.replace(terms, caps=Caps(domain=5, everybody=7))
    rows = [process(f"a@desk{number}.example", terms=tight) for number in range(20)]
    hours = session.scalar(select(func.count()).where(tables.mail.ReplyCount.domain == "*"))
    assert replies() <= 7 * hours
    assert rows[-1].suppression == "cap"


def test_a_mail_provider_may_have_ten_times_as_many(session, process, replies, terms):
    """Thousands of strangers share its domain."""
    tight = dataclasses.replace(terms, caps=Caps(domain=1, is_provider="mail.example".__eq__))
    for number in range(15):
        process(f"a{number}@mail.example", terms=tight)
        process(f"a{number}@desk.example", terms=tight)
    hours = session.scalar(select(func.count()).where(tables.mail.ReplyCount.domain == "mail.example"))
    assert 11 <= replies() <= 11 * hours


def test_a_full_hour_costs_nobody_his_window(session, process, terms):
    """Who was not answered for a cap is answered in the next hour."""
    tight = dataclasses.replace(terms, caps=Caps(domain=1))
    process("a@desk.example", terms=tight)
    assert process("b@desk.example", terms=tight).suppression == "domain-cap"
    session.execute(text("update reply_counts set hour = hour - interval '1 hour'"))
    assert process("b@desk.example", terms=tight).suppression is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("Marta+7@Nordhandel.example", "marta@nordhandel.example"),
        ("prvs=4301a2b3c4=marta@nordhandel.example", "marta@nordhandel.example"),
        ("SRS0=HHH=TT=nordhandel.example=marta+x@relay.example", "marta@nordhandel.example"),
        ("marta@bücher.example", "marta@xn--bcher-kva.example"),
        ("", "@"),
    ],
)
def test_one_sender_has_one_key(address, expected):
    """Tags, letter case, signed and forwarded return paths are the same person (C14)."""
    assert sender_key(address) == expected


def test_twenty_mails_of_one_sender_on_two_engines_get_one_reply(database_url, envelope, mail, now, terms):
    """Two workers' hosts race, one insert wins, and nobody waits for ever (C15)."""
    engines: list[Engine] = [connect(database_url), connect(database_url)]
    with transaction(engines[0]) as session:
        mails = [door.accept(session, envelope(f"marta+{n}@nordhandel.example"), mail(f"{n}"), now) for n in range(20)]

    def work(one: tuple[int, UUID]) -> None:
        with transaction(engines[one[0] % 2]) as session:
            door.process(session, one[1], receive=take, terms=terms, now=now, thread_key=KEY)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, enumerate(mails)))
    with transaction(engines[0]) as session:
        assert session.scalar(select(func.count()).select_from(tables.mail.OutgoingMail)) == 1
        assert session.scalar(select(tables.mail.ReplyWindow.answers)) == 1
    for engine in engines:
        engine.dispose()


def test_a_cap_holds_between_workers(database_url, now):
    """Counted in one statement, by the database (C14)."""
    engines: list[Engine] = [connect(database_url), connect(database_url)]

    def count(number: int) -> bool:
        with transaction(engines[number % 2]) as session:
            return tables.mail.count_reply(session, "desk.example", 7)

    with ThreadPoolExecutor(8) as pool:
        given = sum(pool.map(count, range(40)))
    with transaction(engines[0]) as session:
        hours = session.scalar(select(func.count()).select_from(tables.mail.ReplyCount))
    assert 7 <= given <= 7 * hours
    for engine in engines:
        engine.dispose()


def test_old_counts_are_forgotten(session):
    """The table does not grow for ever."""
    session.execute(text("insert into reply_counts values ('old.example', now() - interval '9 days', 3)"))
    assert tables.mail.count_reply(session, "desk.example", 7)
    assert session.scalar(select(func.count()).where(tables.mail.ReplyCount.domain == "old.example")) == 0


@pytest.mark.parametrize(
    ("moved", "answered"),
    [("-23 hours", False), ("-25 hours", True), ("+1 day", False), ("+47 hours", False), ("+10 days", True)],
)
def test_a_clock_that_jumps_neither_opens_nor_closes_a_window_for_ever(session, process, moved, answered):
    """One day back: still closed; ten days ahead and back again: not closed for ten days (C23)."""
    process()
    session.execute(text("update reply_windows set opened_at = now() + cast(:moved as interval)"), {"moved": moved})
    assert (process().suppression is None) == answered


def test_a_workers_clock_has_no_say_in_the_window(process, now):
    """It counts by the database's time (C23)."""
    process()
    for jump in (timedelta(days=-1), timedelta(hours=11)):
        assert process(at=now + jump).suppression == "window"


def test_after_the_window_the_answer_is_shorter(session, process):
    """Who knows us reads less."""
    first = reply_of(session, process()).get_body(("plain",)).get_content()
    session.execute(text("update reply_windows set opened_at = opened_at - interval '2 days'"))
    again = reply_of(session, process()).get_body(("plain",)).get_content()
    assert len(again) < len(first)
    assert "As before" in again


def test_an_urgent_mail_hears_of_the_phone_first(session, process):
    """Looks like production down."""
    said = reply_of(session, process(body="Production is down")).get_body(("plain",)).get_content()
    assert said.index("+49 30 5550100") < said.index("https://")


@pytest.mark.parametrize("value", [Autoreply.OFF, Autoreply.DRY_RUN])
def test_the_switch_holds_from_the_next_mail_on(session, process, now, value):
    """Whatever is configured; who was not answered for it has his window still (C22)."""
    tables.mail.set_switch(session, "autoreply", value.value, "mara", now)
    row = process()
    assert (row.suppression, row.suppression_evidence) == (value.value, f"switched to {value.value} while running")
    tables.mail.set_switch(session, "autoreply", "on", "mara", now)
    assert process().suppression is None


@pytest.mark.parametrize(
    ("configured", "switched", "expected"),
    [
        ("on", None, "on"), ("on", "off", "off"), ("on", "dry-run", "dry-run"), ("off", "on", "off"),
        ("dry-run", "on", "dry-run"), ("dry-run", "off", "off"), ("on", "nonsense", "off"),
    ],
)  # fmt: skip
def test_the_switch_only_ever_restrains(session, now, configured, switched, expected):
    """What nobody understands is off (C22)."""
    if switched:
        tables.mail.set_switch(session, "autoreply", switched, "mara", now)
    assert answering.mode(session, configured).value == expected


def test_an_address_that_refused_us_is_left_in_peace(session, process, now):
    """For thirty days (C17)."""
    tables.mail.kill_address(session, "marta@nordhandel.example", "550 5.1.1 no such user", now)
    row = process("Marta+x@nordhandel.example")
    assert (row.suppression, row.suppression_evidence) == ("dead-address", "550 5.1.1 no such user")
    tables.mail.kill_address(session, "marta@nordhandel.example", "550", now - timedelta(days=31))
    assert process().suppression is None


def test_a_mail_from_before_a_restore_is_not_answered(session, process, now):
    """It may have been answered after the dump was made; what comes later is (G24)."""
    assert process().suppression is None
    assert restored.restored_at(session, now) is None
    tables.mail.set_switch(session, restored.NAME, "what the dump says", restored.INSTALLED, now)
    row = process("jon@nordhandel.example", at=now + timedelta(minutes=1))
    assert (row.suppression, "restored" in row.suppression_evidence) == ("restored", True)
    tables.mail.set_switch(session, restored.NAME, tables.mail.identity(session), restored.RESTORED, now - DAY)
    assert process("ida@nordhandel.example").suppression is None


def test_a_restored_copy_has_another_identity(database_url, session):
    """The same rows in another database are known for what they are (G24)."""
    engine = connect(database_url)
    with transaction(engine) as other:
        assert tables.mail.identity(other) != tables.mail.identity(session)
        before = tables.mail.identity(other)
        other.execute(text("create table copied (like outgoing_mails)"))
        other.execute(text("alter table outgoing_mails rename to gone"))
        other.execute(text("alter table copied rename to outgoing_mails"))
        assert tables.mail.identity(other) != before
    engine.dispose()


@pytest.mark.parametrize(("result", "expected"), [("fail", "forged"), ("none", "unauthenticated"), ("pass", None)])
def test_our_own_verdict_reaches_the_decision(process, terms, result, expected):
    """What was found out before the transaction (C12)."""
    careful = dataclasses.replace(terms, answer_unauthenticated=False)
    assert process(terms=careful, verdict=Verdict(result=result, evidence="spf")).suppression == expected


def test_every_reason_is_stored_with_evidence_and_clause(process, terms, now):
    """Whoever asks why a mail was not answered finds it there."""
    off = dataclasses.replace(terms, mode="off")
    for row in (process(terms=off), process(at=now + DAY), process(headers={"Precedence": "bulk"})):
        assert row.suppression in REASONS
        assert row.suppression_evidence
        assert row.suppression_clause


def test_limits_ask_in_order(session, terms):
    """The window first, so that a loop uses up nobody's hour."""
    assert limits.refused(session, "wso2", "a@desk.example", DAY, terms.caps) is None
    assert limits.refused(session, "wso2", "a+1@desk.example", DAY, Caps(domain=1, everybody=1))[0] == "window"
    assert session.scalar(select(tables.mail.ReplyCount.replies).where(tables.mail.ReplyCount.domain == "*")) == 1
