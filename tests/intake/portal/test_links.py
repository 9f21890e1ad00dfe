"""The portal's doors: a signed link shows what was mailed, sending it starts the clock, and nothing is sent twice."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine

from intake.portal import links
from intake.portal.wording import words
from models import tables
from models.store import transaction
from models.terms import Channel

W = words("en")


def test_a_link_shows_what_was_written_and_raises_nothing(visitor):
    """Mail scanners open links: a GET changes nothing but that it was opened."""
    request = visitor.mailed()
    page = visitor.get_claim(request)
    assert page.status_code == 200
    assert "Orders fail since 06:42." in page.text
    (row,) = visitor.requests()
    assert row.clock_started_at is None
    assert len(visitor.said(request)) == 1


def test_sending_starts_the_clock_on_the_same_request(visitor, now):
    """The portal channel joins the mail: one request, two interactions, the clock from the moment of sending."""
    request = visitor.mailed()
    visitor.now = now + timedelta(minutes=5)
    page = visitor.post_claim(request)
    assert page.status_code == 200
    assert W("clock_since") in page.text
    (row,) = visitor.requests()
    assert row.clock_started_at == visitor.now
    mailed, raised = visitor.said(request)
    assert (mailed.channel, raised.channel) == (Channel.EMAIL, Channel.PORTAL)
    assert mailed.new_text == "Orders fail since 06:42."
    assert visitor.woken == 1


def test_what_the_customer_adds_is_the_new_text(visitor):
    """The mail's own words are not repeated, whatever line ends a browser makes of them."""
    request = visitor.mailed("First line.\nSecond line.")
    visitor.post_claim(request, description="First line.\r\nSecond line.\r\n\r\nIt is production.")
    raised = visitor.said(request)[1]
    assert raised.new_text == "It is production."
    assert raised.text == "First line.\nSecond line.\n\nIt is production."


def test_an_unchanged_description_adds_no_text(visitor):
    """The mail has it; the answers are kept beside it, the number as it is dialled from anywhere."""
    request = visitor.mailed()
    visitor.post_claim(request, phone="030 5550 100", name="Marta Sample")
    raised = visitor.said(request)[1]
    assert (raised.text, raised.new_text) == ("", "")
    assert raised.fields["phone"] == "+49 30 5550100"
    assert raised.fields["name"] == "Marta Sample"
    assert raised.fields["type"] == "incident"
    assert raised.subject == "Orders fail"


def test_an_answer_is_a_fact_for_the_rules(visitor):
    """An environment the customer chose reaches the policy's rules, as said by the one who approached us."""
    request = visitor.mailed()
    visitor.post_claim(request, environment="production")
    (fact,) = visitor.said(request)[1].facts
    assert (fact["name"], fact["value"], fact["source"]) == ("environment", "production", "caller")


def test_sent_twice_is_raised_once(visitor, now):
    """A double click, the back button: one interaction, the clock where it was, and the customer is told."""
    request = visitor.mailed()
    visitor.post_claim(request)
    visitor.now = now + timedelta(minutes=5)
    page = visitor.post_claim(request)
    assert W("already") in page.text
    assert len(visitor.said(request)) == 2
    assert visitor.requests()[0].clock_started_at == now
    assert visitor.woken == 1


def test_a_second_tab_with_other_words_is_told_that_they_were_not_added(visitor):
    """Nothing is lost in silence."""
    request = visitor.mailed()
    visitor.post_claim(request)
    page = visitor.post_claim(request, description="Something quite different.")
    reference = visitor.requests()[0].reference
    assert W("already_other", reference=reference) in page.text
    assert "quite different" not in page.text


def test_once_raised_the_link_leads_to_the_status_page(visitor):
    """No second form is offered."""
    request = visitor.mailed()
    visitor.post_claim(request)
    page = visitor.get_claim(request)
    assert page.url.path.startswith("/portal/requests/")
    assert 'name="summary"' not in page.text


def test_a_form_still_counts_when_the_request_was_raised_by_phone_meanwhile(visitor, now):
    """What was typed is kept, the clock stays where the call started it."""
    request = visitor.mailed()
    visitor.called(request, now)
    visitor.now = now + timedelta(minutes=5)
    visitor.post_claim(request, description="Orders fail since 06:42.\n\nRestarted twice.")
    assert visitor.said(request)[-1].new_text == "Restarted twice."
    assert visitor.requests()[0].clock_started_at == now


def test_a_new_request_starts_its_clock_and_is_opened_once(visitor, now):
    """A double click is one request."""
    for _ in range(2):
        page = visitor.post_new()
        assert page.status_code == 200
        assert "Since 06:42 UTC" in page.text
    (row,) = visitor.requests()
    assert (row.channel, row.subject, row.clock_started_at) == (Channel.PORTAL, "Orders fail", now)
    assert (row.party, row.party_name) == ("marta@nordhandel.example", "Marta Sample")
    assert W("already") in page.text


def test_a_form_cannot_name_somebody_elses_request(visitor):
    """Only the form's own random number makes two forms one: no request is opened by guessing."""
    request = visitor.mailed()
    visitor.post_claim(request, description="a secret")
    page = visitor.post_new(key=f"claim:{request}")
    assert "a secret" not in page.text
    assert len(visitor.requests()) == 2


def test_the_new_form_asks_what_the_named_policy_asks(visitor):
    """An unknown policy is the default one; no policy is told apart from an unknown one."""
    default = visitor.browser.get("/portal/new").text
    oro = visitor.browser.get("/portal/new?policy=oro").text
    unknown = visitor.browser.get("/portal/new?policy=../../etc").text
    assert "License key" in oro
    assert "License key" not in default
    hidden = re.compile(r'name="key" value="\w+"')
    assert hidden.sub("", unknown) == hidden.sub("", default)


@pytest.mark.parametrize(
    ("fields", "field", "key"),
    [
        ({"email": ""}, "email", "missing"),
        ({"email": "not an address"}, "email", "email_wrong"),
        ({"summary": " "}, "summary", "missing"),
        ({"description": ""}, "description", "missing"),
        ({"type": ""}, "type-0", "choose"),
        ({"type": "announcement"}, "type-0", "choose"),
        ({"phone": "ask my colleague"}, "phone", "phone_wrong"),
        ({"description": "x" * 20_001}, "description", "too_long"),
    ],
)
def test_what_is_wrong_is_told_and_what_was_typed_is_kept(visitor, fields, field, key):
    """A summary of the mistakes links to each field; nobody types a description twice."""
    page = visitor.post_new(**fields)
    assert page.status_code == 422
    told = page.text.partition('role="alert"')[2].partition("</section>")[0]
    assert f'href="#f-{field}"' in told
    assert f'id="f-{field}"' in page.text
    assert W(key, label="", about="20000").strip(": .").partition("$")[0] in told
    assert 'value="Marta Sample"' in page.text
    assert visitor.requests() == []


def test_the_most_severe_levels_need_a_number(visitor):
    """Parallels, Severity 1 Note #2: for Severity 1 and 2 a contact phone number is required."""
    for level, wanted in (("1", 422), ("2", 422), ("3", 200)):
        page = visitor.post_new(policy="parallels", level=level, phone="", key=uuid4().hex)
        assert page.status_code == wanted, level
    page = visitor.post_new(policy="parallels", level="1", phone="")
    assert W("phone_needed", label="Contact phone", about="Severity 1 (Urgent)") in page.text
    assert visitor.post_new(policy="parallels", level="1", phone="+49 30 5550 100").status_code == 200


def test_a_type_is_asked_for_what_it_needs(visitor):
    """Oro: a new environment needs what it is made of, an access request a user, a bug neither."""
    license_of = {"policy": "oro", "company": "Nordhandel", "license_key": "OL-0000-1234-ABCD"}
    assert visitor.post_new(**license_of, type="bug").status_code == 200
    page = visitor.post_new(**license_of, type="new-environment", key=uuid4().hex)
    told = page.text.partition('role="alert"')[2].partition("</section>")[0]
    assert told.count("<li>") == 6
    assert "Tag or branch" in told
    assert "user_name" not in told
    assert visitor.post_new(**license_of, type="access-request", key=uuid4().hex).status_code == 422


def test_a_secret_is_not_shown_again(visitor):
    """The status page is opened by a link: a licence key is recognisable there, and no more."""
    page = visitor.post_new(policy="oro", type="bug", company="Nordhandel", license_key="OL-0000-1234-ABCD")
    assert "OL-0000-1234-ABCD" not in page.text
    assert "••••ABCD" in page.text
    (row,) = visitor.requests()
    assert visitor.said(row.id)[0].fields["license_key"] == "OL-0000-1234-ABCD"


def test_a_priority_is_asked_for_types_that_have_one(visitor):
    """WSO2: incident priority can be set only for incidents; what a browser sends for others is dropped."""
    visitor.post_new(type="query", level="P1", phone="")
    (row,) = visitor.requests()
    fields = visitor.said(row.id)[0].fields
    assert (fields["type"], fields.get("level")) == ("query", None)


def test_a_request_whose_policy_is_gone_can_still_be_raised(visitor):
    """The plain form takes over."""
    request = visitor.mailed()
    with transaction(visitor.engine) as session:
        session.get_one(tables.requests.Request, request).policy = "gone"
    assert visitor.get_claim(request).status_code == 200
    assert "Issue type" not in visitor.get_claim(request).text


@pytest.mark.parametrize("path", ["claim", "requests"])
@pytest.mark.parametrize(
    "kind", ["nonsense", "unsigned", "other purpose", "no uuid", "number", "long", "cut", "salted"]
)
def test_a_link_that_is_not_ours_is_one_page(visitor, path, kind):
    """Garbled, cut, made for another page, signed for something else: same status, same page, nothing looked up."""
    request = visitor.mailed()
    mine = {"claim": links.claim_token, "requests": links.status_token}
    other = {"claim": links.status_token, "requests": links.claim_token}
    good = mine[path](visitor.signer, request)
    salt = {"claim": links.CLAIM, "requests": links.STATUS}[path]
    token = {
        "nonsense": "nonsense",
        "unsigned": good.rpartition(".")[0],
        "other purpose": other[path](visitor.signer, request),
        "no uuid": visitor.signer.dumps("not a request", salt=salt),
        "number": visitor.signer.dumps(7, salt=salt),
        "long": "x" * 5000,
        "cut": good[:-1],
        "salted": visitor.signer.dumps(str(request), salt="voice"),
    }[kind]
    reference = visitor.browser.get(f"/portal/{path}/nonsense")
    page = visitor.browser.get(f"/portal/{path}/{token}")
    assert (page.status_code, page.text) == (404, reference.text)
    assert "/portal/new" in page.text
    if path == "claim":
        page = visitor.browser.post(f"/portal/claim/{token}", data={"summary": "x"})
        assert (page.status_code, page.text) == (404, reference.text)


@pytest.mark.parametrize("path", ["", "/", "/claim", "/claim/", "/claim/one/two", "/requests/"])
def test_a_link_that_was_broken_in_two_is_the_same_page(visitor, path):
    """A mail program that wraps a link sends its reader to half of it."""
    page = visitor.browser.get(f"/portal{path}")
    assert (page.status_code, page.text) == (404, visitor.browser.get("/portal/claim/nonsense").text)


def test_every_changed_sign_of_a_token_breaks_it(visitor):
    """A signature that is nearly right is wrong."""
    token = links.claim_token(visitor.signer, visitor.mailed())
    for place in range(0, len(token), 7):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert links.request_of(visitor.signer, changed, links.CLAIM) is None, place


def test_an_old_link_says_that_it_is_old(visitor, now):
    """Ninety days; only who holds a link that once worked is told so, with the same status as any other."""
    with time_machine.travel(now - timedelta(days=91), tick=False):
        token = links.claim_token(visitor.signer, visitor.mailed())
    with time_machine.travel(now, tick=False):
        page = visitor.browser.get(f"/portal/claim/{token}")
        broken = visitor.browser.get(f"/portal/claim/{token[:-1]}")
    assert page.status_code == broken.status_code == 404
    assert W("old_text") in page.text
    assert W("old_text") not in broken.text


def test_a_link_to_an_erased_request_says_so(visitor):
    """The signature was ours, so its holder may know that it is gone."""
    page = visitor.get_claim(uuid4())
    assert page.status_code == 404
    assert W("erased_text") in page.text


def test_a_link_of_before_still_opens_its_form(visitor):
    """Links that were mailed with the first signature keep working."""
    page = visitor.browser.get(f"/portal/claim/{visitor.signer.dumps(str(visitor.mailed()))}")
    assert page.status_code == 200


def test_the_opened_link_is_counted_once_and_only_for_readers(visitor, now):
    """A prefetch, a preview and a HEAD are no reader; the first reader's time stays."""
    request = visitor.mailed()
    token = links.claim_token(visitor.signer, request)
    for headers in ({"Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}, {"X-Purpose": "preview"}):
        assert visitor.browser.get(f"/portal/claim/{token}", headers=headers).status_code == 200
    assert visitor.browser.head(f"/portal/claim/{token}").status_code == 200
    assert visitor.funnel(request) is None
    visitor.get_claim(request)
    visitor.now = now + timedelta(hours=1)
    visitor.get_claim(request)
    assert visitor.funnel(request).opened_at == now


def test_raising_is_noted_in_the_funnel(visitor, now):
    """Told, opened, raised: the portal notes the last two."""
    request = visitor.mailed()
    visitor.get_claim(request)
    visitor.post_claim(request)
    row = visitor.funnel(request)
    assert (row.opened_at, row.raised_at, row.raised_on) == (now, now, Channel.PORTAL)
    visitor.post_new()
    assert visitor.funnel(visitor.requests()[1].id) is None
