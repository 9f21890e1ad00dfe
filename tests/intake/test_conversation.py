"""A mail goes to the request it belongs to: by what we signed, or by who took part; a hijacked thread is not obeyed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from intake import addresses, conversation, door
from intake.replies.answering import ReplyTerms
from models import tables
from models.errors import Unavailable
from models.store import transaction
from models.terms import Joined, MailState, TriageState
from triage import identity, policy
from triage.desk import directory
from triage.desk.reception import Reception, receive

KEY = conversation.thread_key("a secret of thirty-two characters")
OWN = "support@example.com"
RECEIVE = partial(receive, reception=Reception(policies=policy.load_packs(), default_policy="wso2"))
FIRST = "<m1@nordhandel.example>"


@pytest.fixture
def terms() -> ReplyTerms:
    """Replies are switched off: this is not about answering."""
    return ReplyTerms(
        reply_from="",
        window=timedelta(days=1),
        max_age=timedelta(hours=12),
        mode="off",
        own_addresses=frozenset({OWN}),
        support_phone="",
        portal_link=lambda receipt, _subject, _address: str(receipt.request),
        trusted_authserv_id="mx.example.com",
    )


@pytest.fixture
def take_in(session, envelope, now, terms):
    """Accept and process one mail; its row."""

    def make(raw: bytes, sender: str = "marta@nordhandel.example", rcpt: str = OWN) -> tables.mail.Mail:
        accepted = door.accept(session, envelope(sender, rcpt), raw, now)
        assert accepted is not None
        door.process(session, accepted, receive=RECEIVE, terms=terms, now=now, thread_key=KEY)
        row = tables.mail.fetch(session, accepted)
        assert row is not None
        return row

    return make


def answer_to(row: tables.mail.Mail) -> str:
    """In-Reply-To of an answer to our reply to this mail."""
    return f"<{conversation.signed_id(row.id, KEY)}@example.com>"


def reference_of(session, row: tables.mail.Mail) -> str:
    """The number people say."""
    return tables.requests.fetch(session, row.request_id).reference


@given(st.uuids(), st.sampled_from([str, str.upper, str.lower, lambda text: f"<{text}>"]))
def test_our_ids_and_addresses_are_known_again_in_any_letter_case(it, spelt):
    """What we sign we verify, also after a server changed its letters."""
    assert conversation.verified(spelt(f"{conversation.signed_id(it, KEY)}@example.com"), KEY) == it
    assert conversation.verified_address(spelt(conversation.reply_address(OWN, it, KEY)), KEY) == it


@given(st.uuids(), st.integers(0, 66), st.sampled_from("abcdefghij234567-.+@"))
def test_a_changed_mark_names_nothing(it, place, sign):
    """One changed character of what we signed, and it is nobody's."""
    mark = conversation.signed_id(it, KEY)
    assert (conversation.verified(mark[:place] + sign + mark[place + 1 :], KEY) == it) is (mark[place] == sign)
    address = conversation.reply_address(OWN, it, KEY)
    at = len("support+r.") + place % 41  # the last of 42 characters has two bits to spare
    changed = address[:at] + sign + address[at + 1 :]
    assert (conversation.verified_address(changed, KEY) == it) is (changed == address)


@given(st.text())
def test_any_text_is_a_mark_or_none(text):
    """Hostile ids and addresses are read without an error."""
    assert conversation.verified(text, KEY) is None
    assert conversation.verified_address(text, KEY) is None


def test_marks_of_another_key_purpose_or_no_key_are_not_ours():
    """A seal for a mail is none for a request, another installation's is none here, and no key opens nothing."""
    it, other = uuid4(), conversation.thread_key("another secret of thirty-two chars")
    assert conversation.verified(conversation.signed_id(it, other), KEY) is None
    assert conversation.verified(conversation.signed_id(it, b""), b"") is None
    assert conversation.verified_address(conversation.reply_address(OWN, it, b""), b"") is None
    assert conversation.signed_id(it, KEY)[-16:] not in conversation.reply_address(OWN, it, KEY)


def test_a_reply_address_fits_and_is_ours():
    """At most 64 octets before the @ (RFC 5321 §4.5.3.1.1); the tag of our address is still our address (C10)."""
    made = conversation.reply_address("Support+b@Example.com", uuid4(), KEY)
    assert addresses.path(made) == made
    assert addresses.key(made) == OWN
    long = "the-whole-production-support-team@example.com"
    assert conversation.reply_address(long, uuid4(), KEY) == long


def test_an_answer_to_our_reply_goes_to_its_request(session, take_in, mail):
    """The Message-ID that we signed is enough, and no request is opened."""
    first = take_in(mail())
    second = take_in(mail("It is back.", In_Reply_To=answer_to(first), Message_ID="<m2@x.example>"))
    assert second.request_id == first.request_id
    assert (second.joined, first.joined) == (Joined.REPLY_ID, None)
    assert len(tables.requests.interactions(session, first.request_id)) == 2


def test_our_reply_address_joins_a_mail_without_thread_headers(take_in, mail):
    """Programs that write no In-Reply-To still write to the address."""
    first = take_in(mail())
    address = conversation.reply_address(OWN, first.request_id, KEY).upper()
    second = take_in(mail("More.", Message_ID="<m2@x.example>"), rcpt=address)
    third = take_in(mail("More.", Message_ID="<m3@x.example>", To=address))
    assert [row.request_id for row in (second, third)] == [first.request_id] * 2
    assert {second.joined, third.joined} == {Joined.REPLY_ADDRESS}


def test_who_was_handed_our_reply_joins_and_is_shown_as_new(session, take_in, mail):
    """A forward to a colleague who answers is no hijack: he holds what we signed; engineers see that he is new."""
    first = take_in(mail())
    raw = mail("I take over.", From="Ole <ole@else.example>", References=answer_to(first), Message_ID="<m2@x.example>")
    second = take_in(raw, "ole@else.example")
    assert second.request_id == first.request_id
    said = tables.requests.interactions(session, first.request_id)
    assert [row.note for row in said] == ["", "first mail of this sender in this request"]


def test_a_participant_joins_by_the_thread(take_in, mail):
    """Answers to one's own mail, in In-Reply-To or further back in References."""
    first = take_in(mail())
    second = take_in(mail("More.", In_Reply_To=FIRST, Message_ID="<m2@x.example>"))
    third = take_in(mail("More.", References=f"{FIRST} <unknown@x.example>", Message_ID="<m3@x.example>"))
    assert [row.request_id for row in (second, third)] == [first.request_id] * 2
    assert (second.joined, second.joined_evidence) == (Joined.THREAD, "answers <m1@nordhandel.example>")


def test_a_hijacked_thread_is_not_obeyed(session, take_in, mail):
    """A stranger who knows a Message-ID gets a request of his own, and engineers see what he named."""
    first = take_in(mail())
    raw = mail("Send me all.", From="Eve <eve@else.example>", In_Reply_To=FIRST, Message_ID="<e@else.example>")
    second = take_in(raw, "eve@else.example")
    assert second.request_id != first.request_id
    assert second.joined is None
    expected = f"names {reference_of(session, first)}, but the sender took no part in it"
    assert second.joined_evidence == expected


def test_a_forged_participant_is_not_obeyed(take_in, mail):
    """Our relay says that the author is forged: only what we signed counts then."""
    first = take_in(mail())
    verdict = "mx.example.com; dmarc=fail header.from=nordhandel.example"
    raw = mail("Close it.", In_Reply_To=FIRST, Message_ID="<m2@x.example>", Authentication_Results=verdict)
    second = take_in(raw)
    assert second.request_id != first.request_id
    assert "forged" in second.joined_evidence


def test_a_reference_in_the_subject_joins_participants_only(session, take_in, mail):
    """SB-1042 is easily guessed: from a stranger it counts for nothing."""
    first = take_in(mail())
    subject = f"again: [{reference_of(session, first).lower()}] orders"
    second = take_in(mail("More.", Subject=subject, Message_ID="<m2@x.example>"))
    raw = mail("More.", Subject=subject, From="eve@else.example", Message_ID="<e@x.example>")
    stranger = take_in(raw, "eve@else.example")
    assert (second.request_id, second.joined) == (first.request_id, Joined.SUBJECT)
    assert stranger.request_id != first.request_id


@pytest.mark.parametrize("subject", ["Orders", "XSB-{number}", "SB-{number}-7", "SB-99999999999999999999", "SB-0"])
def test_what_is_no_reference_or_stands_in_the_body_joins_nothing(session, take_in, mail, subject):
    """References in quoted text, parts of words and numbers nobody has are no thread."""
    first = take_in(mail())
    number = reference_of(session, first)
    said = subject.replace("SB-{number}", number)
    second = take_in(mail(f"New.\n\n> {number}\n{number}", Subject=said, Message_ID="<m2@x.example>"))
    assert second.request_id != first.request_id


def test_who_was_written_to_took_part(take_in, mail):
    """A colleague in Cc of the first mail answers it; our own address in To makes nobody a participant."""
    first = take_in(mail(Cc="Jon <jon@else.example>"))
    raw = mail("Me too.", From="Jon+x@Else.example", In_Reply_To=FIRST, Message_ID="<m2@x.example>")
    second = take_in(raw, "jon@else.example")
    ours = mail("Hm.", From=OWN, In_Reply_To=FIRST, Message_ID="<m3@x.example>")
    third = take_in(ours, "eve@else.example")
    assert second.request_id == first.request_id
    assert third.request_id != first.request_id


@pytest.mark.parametrize(
    ("sender", "joins"),
    [("boss@eu.nordhandel.example", True), ("marta.privat@gmail.com", True), ("eve@gmail.com", False)],
)
def test_another_address_of_the_same_account_took_part(session, take_in, mail, sender, joins):
    """The account's domain, one below it, or a contact's private address; sharing a mail provider is nothing."""
    account = directory.add_account(session, "Nordhandel", domains=["nordhandel.example"])
    directory.add_contact(session, "Marta", [identity.address_party("marta.privat@gmail.com")], account=account)
    first = take_in(mail())
    raw = mail("More.", From=sender, In_Reply_To=FIRST, Message_ID="<m2@x.example>")
    assert (take_in(raw, sender).request_id == first.request_id) is joins


def test_a_follow_up_to_an_unanswered_mail_joins(take_in, mail):
    """Nothing of ours was ever sent, and the thread holds (the replies of this test are off)."""
    first = take_in(mail())
    assert first.suppression == "off"
    second = take_in(mail("Hello?", In_Reply_To=FIRST, Message_ID="<m2@x.example>"))
    assert second.request_id == first.request_id


def test_a_mark_of_a_request_that_is_gone_opens_a_new_one(take_in, mail):
    """Erased requests and unknown mails are not followed."""
    gone = f"<{conversation.signed_id(uuid4(), KEY)}@example.com>"
    address = conversation.reply_address(OWN, uuid4(), KEY)
    row = take_in(mail(In_Reply_To=gone), rcpt=address)
    assert (row.state, row.joined, row.joined_evidence) == (MailState.PROCESSED, None, None)


def test_an_out_of_office_answer_joins_and_says_nothing(session, take_in, mail, now):
    """It is kept with its request: no request, no facts, no clock and no mark that somebody wrote again."""
    first = take_in(mail())
    request = tables.requests.fetch(session, first.request_id)
    request.state = TriageState.DECIDED
    tables.requests.record_clock(session, request.id, "paused", "engineer", now - timedelta(hours=1))
    absent = {"Auto_Submitted": "auto-replied", "Message_ID": "<o@x.example>"}
    row = take_in(mail("I am away, production is down.", In_Reply_To=answer_to(first), **absent))
    said = tables.requests.interactions(session, request.id)[-1]
    assert row.request_id == request.id
    assert (said.new_text, said.note) == ("", "automatic")
    assert "away" in said.text
    assert request.follow_up_at is None
    assert [event.event for event in tables.requests.clock_events(session, request.id)] == ["paused"]


def test_a_follow_up_is_counted_in_the_funnel_once(session, take_in, mail, now):
    """Who was told of the portal and wrote again is counted at the first time; automatic mail is nobody."""
    first = take_in(mail())
    session.add(tables.redirections.Redirection(request_id=first.request_id, policy="wso2", told_at=now))
    session.flush()
    take_in(mail("away", In_Reply_To=FIRST, Message_ID="<o@x.example>", Auto_Submitted="auto-replied"))
    funnel = session.get(tables.redirections.Redirection, first.request_id, populate_existing=True)
    assert funnel.wrote_again_at is None
    take_in(mail("more", In_Reply_To=FIRST, Message_ID="<m2@x.example>"))
    session.refresh(funnel)
    assert funnel.wrote_again_at == now


def both(engine: Engine, envelope, mails: list[bytes], now) -> list[UUID]:
    """Accept mails of Marta's; their ids in the order of arrival."""
    with transaction(engine) as session:
        return [door.accept(session, envelope(), raw, now) for raw in mails]


def work(engine: Engine, mail: UUID, terms: ReplyTerms, now) -> None:
    """What a worker does."""
    with transaction(engine) as session:
        door.process(session, mail, receive=RECEIVE, terms=terms, now=now, thread_key=KEY)


def test_follow_ups_of_many_workers_at_once_all_join(engine: Engine, envelope, mail, now, terms):
    """Ten at the same time append to one request, and none is lost (G25)."""
    raws = [mail()] + [mail(f"more {n}", In_Reply_To=FIRST, Message_ID=f"<n{n}@x.example>") for n in range(10)]
    first, *others = both(engine, envelope, raws, now)
    work(engine, first, terms, now)
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda one: work(engine, one, terms, now), others))
    with transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(tables.requests.Request)) == 1
        assert session.scalar(select(func.count()).select_from(tables.requests.Interaction)) == 11


def test_one_mail_in_the_hands_of_two_workers_is_taken_in_once(engine: Engine, envelope, mail, now, terms):
    """A lease that ran out lets a second worker begin: it waits, and finds the work done (G25)."""
    (only,) = both(engine, envelope, [mail()], now)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: work(engine, only, terms, now), range(4)))
    with transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(tables.requests.Interaction)) == 1


def test_two_ways_of_one_mail_at_once_are_one_request(engine: Engine, envelope, mail, now, terms):
    """The list's copy and the author's own, in the hands of two workers (G25)."""
    copies = [("ops-bounces@lists.example", b"List-Id: <ops.lists.example>\r\n" + mail()), ("m@x.example", mail())]
    with transaction(engine) as session:
        both_ways = [door.accept(session, envelope(sender), raw, now) for sender, raw in copies]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda one: work(engine, one, terms, now), both_ways))
    with transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(tables.requests.Interaction)) == 1


def test_a_follow_up_waits_for_the_mail_it_answers(engine: Engine, envelope, mail, now, terms):
    """Processed first, it is tried again a few times; then it goes on without, so that nothing waits for ever."""
    first, second = both(engine, envelope, [mail(), mail("more", In_Reply_To=FIRST, Message_ID="<m2@x>")], now)

    def try_number(attempts: int) -> None:
        with transaction(engine) as session:
            jobs = select(tables.jobs.Job).where(tables.jobs.Job.subject == second)
            session.scalars(jobs).one().attempts = attempts

    for attempt in (1, 2, 3):
        try_number(attempt)
        with pytest.raises(Unavailable):
            work(engine, second, terms, now)
    work(engine, first, terms, now)
    work(engine, second, terms, now)
    with transaction(engine) as session:
        rows = [tables.mail.fetch(session, each) for each in (first, second)]
        assert rows[0].request_id == rows[1].request_id


def test_a_follow_up_does_not_wait_for_ever(engine: Engine, envelope, mail, now, terms):
    """After three tries it gets a request of its own: late is better than lost."""
    _, second = both(engine, envelope, [mail(), mail("more", In_Reply_To=FIRST, Message_ID="<m2@x>")], now)
    with transaction(engine) as session:
        session.scalars(select(tables.jobs.Job).where(tables.jobs.Job.subject == second)).one().attempts = 4
    work(engine, second, terms, now)
    with transaction(engine) as session:
        assert tables.mail.fetch(session, second).state is MailState.PROCESSED


def test_a_follow_up_waits_while_another_worker_holds_the_first(engine: Engine, envelope, mail, now, terms):
    """The first mail is in the middle of being processed: its follow-up joins as soon as that is committed."""
    first, second = both(engine, envelope, [mail(), mail("more", In_Reply_To=FIRST, Message_ID="<m2@x>")], now)
    with ThreadPoolExecutor(1) as pool:
        with transaction(engine) as session:
            door.process(session, first, receive=RECEIVE, terms=terms, now=now, thread_key=KEY)
            later = pool.submit(work, engine, second, terms, now)
            with pytest.raises(TimeoutError):
                later.result(0.5)
        later.result(60)
    with transaction(engine) as session:
        assert tables.mail.fetch(session, second).joined is Joined.THREAD
