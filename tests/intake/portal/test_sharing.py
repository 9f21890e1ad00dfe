"""Who sees which request (O7, O8): a list for whom a mailed link proves, shared requests, and never a private one."""

import re
from email.message import EmailMessage
from uuid import uuid4

import pytest

from intake import addresses
from intake.portal import links
from intake.portal.wording import words
from models import tables
from models.store import transaction
from models.terms import Channel, MailState, OutgoingState, PartyKind, Visibility

W = words("en")
MARTA, JON = "marta@nordhandel.example", "jon@nordhandel.example"


@pytest.fixture
def known(customer):
    """An account with two people in it."""
    with transaction(customer.engine) as session:
        account = tables.directory.Account(name="Nordhandel", policy="oro")
        session.add(account)
        session.flush()
        for address in (MARTA, JON):
            person = tables.directory.Contact(name=address.partition("@")[0], account_id=account.id)
            session.add(person)
            session.flush()
            key = addresses.key(address)
            session.add(tables.directory.ContactKey(kind=PartyKind.ADDRESS, value=key, contact_id=person.id))
    return account.id


def raised_by(customer, address, subject, visibility="private"):
    """A request that somebody raised on the portal."""
    customer.post_new(
        policy="oro",
        type="bug",
        company="Nordhandel",
        license_key="OL-0000-1234-ABCD",
        email=address,
        summary=subject,
        visibility=visibility,
        key=uuid4().hex,
    )
    return next(each.id for each in customer.requests() if each.subject == subject)


def mailed_to(customer, *recipients):
    """Marta's mailed request, about which we wrote to these addresses."""
    request = customer.mailed(subject="mailed by Marta")
    for address in recipients:
        with transaction(customer.engine) as session:
            mail = tables.mail.Mail(
                digest=uuid4().hex,
                mail_from=MARTA,
                rcpt_to=["support@example.com"],
                peer="192.0.2.1",
                helo="mail.example",
                size=1,
                raw=b"\r\n",
                received_at=customer.now,
                state=MailState.PROCESSED,
                request_id=request,
                parsed={},
            )
            session.add(mail)
            session.flush()
            reply = EmailMessage()
            reply["To"] = address
            sent = tables.mail.OutgoingMail(
                mail_id=mail.id,
                request_id=request,
                recipient=address,
                message_id=f"<{uuid4()}@example.com>",
                content=bytes(reply),
                state=OutgoingState.SENT,
                created_at=customer.now,
            )
            session.add(sent)
    return request


def listed(customer, request):
    """The subjects of the list on the page of a request, with their links."""
    page = customer.get_page(request).text
    return dict(reversed(each) for each in re.findall(r'<li><a href="([^"]+)"><b>SB-\d+</b> <bdi>([^<]*)</bdi>', page))


def test_a_form_asks_who_may_see_it_where_the_policy_shares(customer):
    """O8: the policy's default is chosen already; a policy without groups asks nothing."""
    page = customer.browser.get("/portal/new?policy=oro").text
    assert '<option value="private" selected>Only me' in page
    assert "My group" not in customer.browser.get("/portal/new?policy=wso2").text


@pytest.mark.parametrize(("said", "kept"), [("group", "group"), ("private", "private"), ("", "private")])
def test_what_was_chosen_is_kept_with_the_request(customer, known, said, kept):
    """Private unless the customer says otherwise; the page tells what was chosen."""
    request = raised_by(customer, MARTA, "s", said)
    assert customer.row(request).visibility == kept
    assert customer.said(request)[0].fields.get("visibility", "") == said


def test_somebody_elses_word_is_no_choice(customer):
    """What a form of one's own making sends is told as a mistake."""
    page = customer.post_new(policy="oro", type="bug", company="x", license_key="y", visibility="everybody")
    assert page.status_code == 422
    assert customer.requests() == []


def test_a_mailed_request_is_shared_when_it_is_raised(customer, known):
    """The form behind our link asks as well."""
    request = customer.mailed()
    assert "My group" in customer.get_claim(request).text
    customer.post_claim(request, type="bug", company="x", license_key="y", visibility="group")
    assert customer.row(request).visibility is Visibility.GROUP


def test_the_page_lists_own_requests_and_those_shared_with_the_group(customer, known):
    """O7: reference, subject, status and when; a private request of somebody else never appears."""
    raised_by(customer, MARTA, "own private")
    raised_by(customer, JON, "shared by Jon", "group")
    raised_by(customer, JON, "private to Jon")
    raised_by(customer, "eve@elsewhere.example", "of a stranger", "group")
    request = mailed_to(customer, MARTA)
    found = listed(customer, request)
    assert sorted(found) == ["own private", "shared by Jon"]
    page = customer.get_page(request).text
    assert W("others_own") in page
    assert W("others_group") in page
    assert "Waiting for triage" in page.partition('id="others"')[2]
    for subject, address in found.items():
        assert subject in customer.browser.get(address).text


def test_at_most_fifty_are_listed(customer, known):
    """The latest ones."""
    request = mailed_to(customer, MARTA)
    row = customer.row(request)
    with transaction(customer.engine) as session:
        for number in range(60):
            session.add(
                tables.requests.Request(
                    channel=Channel.PORTAL,
                    subject=f"number {number}",
                    policy="oro",
                    state=row.state,
                    contact_id=row.contact_id,
                    account_id=row.account_id,
                    received_at=customer.now,
                )
            )
    assert len(listed(customer, request)) == 50


def test_a_form_with_somebody_elses_address_lists_nothing_of_theirs(customer, known):
    """Anybody can write anybody's address on the form: it proves nothing, whoever that address belongs to."""
    mailed_to(customer, MARTA)
    request = raised_by(customer, MARTA, "raised by Eve in Marta's name")
    assert customer.row(request).contact_id is not None
    assert W("others") not in customer.get_page(request).text


@pytest.mark.parametrize("recipients", [(), ("eve@elsewhere.example",), (MARTA, "eve@elsewhere.example"), (JON,)])
def test_a_link_that_went_elsewhere_lists_nothing(customer, known, recipients):
    """A forged sender whose answer went to another mailbox; a mail we have not answered."""
    raised_by(customer, MARTA, "own private")
    assert W("others") not in customer.get_page(mailed_to(customer, *recipients)).text


def test_a_request_of_somebody_unknown_lists_nothing(customer):
    """Without a contact and an account there is no organisation."""
    raised_by(customer, MARTA, "own private")
    assert W("others") not in customer.get_page(mailed_to(customer, MARTA)).text


def test_a_colleague_reads_and_writes_and_takes_no_step(customer, known):
    """A shared request's link shows no list, so that nobody comes from there to its reporter's private ones."""
    shared = raised_by(customer, JON, "shared by Jon", "group")
    raised_by(customer, JON, "private to Jon")
    address = listed(customer, mailed_to(customer, MARTA))["shared by Jon"]
    page = customer.browser.get(address).text
    assert W("shared_with_you") in page
    assert "private to Jon" not in page
    assert 'name="step"' not in page
    assert 'name="step"' in customer.get_page(shared).text
    given = {"step": "resolve", "from": "waiting-for-triage"}
    assert customer.browser.post(f"{address}/step", data=given).status_code == 403
    answer = customer.browser.post(f"{address}/comment", data={"comment": "Us too.", "key": "b" * 32})
    assert answer.status_code == 200
    assert customer.said(shared)[-1].new_text == "Us too."


def test_a_request_that_is_private_again_is_closed_to_colleagues(customer, known):
    """It is asked when the page is opened, not when the link was made."""
    shared = raised_by(customer, JON, "shared by Jon", "group")
    address = f"/portal/requests/{links.shared_token(customer.signer, shared)}"
    assert customer.browser.get(address).status_code == 200
    customer.stands(shared, "", visibility=Visibility.PRIVATE)
    answers = [
        customer.browser.get(address),
        customer.browser.post(f"{address}/comment", data={"comment": "x", "key": "b" * 32}),
    ]
    assert [each.status_code for each in answers] == [404, 404]
    assert answers[0].text == customer.browser.get("/portal/requests/nonsense").text
    assert len(customer.said(shared)) == 1
