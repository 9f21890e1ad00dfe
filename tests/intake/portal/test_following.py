"""A customer follows their request: what it says, a message to us, and the steps that are theirs."""

import threading
from datetime import timedelta

import pytest

from intake.portal import links
from intake.portal.wording import words
from models.terms import Channel, TriageState

W = words("en")
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture
def raised(customer):
    """A request that came by mail and was raised on the portal."""
    request = customer.mailed()
    customer.post_claim(request)
    return request


def test_the_page_names_the_status_in_the_policys_words_and_since_when(customer, raised, now):
    """W32: before the first step the workflow's start holds; after one, its moment."""
    page = customer.get_page(raised).text
    assert "Raised by the customer; nobody has begun." in page
    customer.now = now + timedelta(hours=1)
    customer.stands(raised, "waiting-on-client")
    page = customer.get_page(raised).text
    assert "We need information or feedback from the client." in page
    assert W("waits_for_you") in page
    assert "nobody has begun" not in page
    assert f'<time datetime="{customer.now.isoformat()}">' in page


def test_what_engineers_wrote_for_the_customer_is_read_as_support(customer, raised):
    """Public entries only, questions as a list, never a login, never what engineers note for each other."""
    customer.logged(raised, "responded", note="We look at the gateway.", is_public=True)
    customer.logged(raised, "noted", note="customer is confused")
    questions = {"questions": [{"ask": "Which node?", "why": "There are three."}]}
    customer.logged(raised, "asked-client", note="1. Which node?", detail=questions, is_public=True)
    page = customer.get_page(raised).text
    assert page.index("We look at the gateway.") < page.index('<li dir="auto">Which node?')
    assert "There are three." in page
    assert page.count("Which node?") == 1
    assert "confused" not in page
    assert "ida" not in page
    assert W("by_support") in page


def test_a_message_joins_the_request_once(customer, raised, now):
    """The portal is a channel; the same form sent twice counts once, and the running clock is left alone (W2)."""
    customer.now = now + timedelta(minutes=5)
    assert W("comment_done") in customer.write(raised, "It is node 2.").text
    page = customer.write(raised, "It is node 2.")
    assert W("comment_already") in page.text
    assert W("comment_other") in customer.write(raised, "It is node 3.").text
    last = customer.said(raised)[-1]
    assert (last.channel, last.new_text, len(customer.said(raised))) == (Channel.PORTAL, "It is node 2.", 3)
    assert "It is node 2." in page.text
    assert customer.row(raised).clock_started_at == now
    assert [each.at for each in customer.log(raised) if each.event == "started"] == [now]
    assert customer.woken == 2


def test_a_message_about_a_mailed_request_starts_its_clock(customer, now):
    """W2: it has reached an SLA channel by it, and the funnel notes so."""
    request = customer.mailed()
    customer.now = now + timedelta(minutes=5)
    customer.write(request, "It is production.")
    assert customer.row(request).clock_started_at == customer.now
    assert customer.funnel(request).raised_on is Channel.PORTAL


def test_a_message_answers_what_we_asked(customer, raised, now):
    """A6: a request that waits for the client goes on, and its paused clock with it."""
    customer.stands(raised, "waiting-on-client")
    customer.logged(raised, "paused", value="waiting-on-client")
    customer.now = now + timedelta(minutes=5)
    page = customer.write(raised, "It is node 2.")
    assert customer.row(raised).status == "waiting-on-wso2"
    assert "resumed" in [each.event for each in customer.log(raised)]
    assert "The client waits for an answer" in page.text


def test_messages_at_the_same_moment_are_one(customer, raised):
    """Two clicks: both wait for the request, the second finds what the first did."""
    answers: list[int] = []
    barrier = threading.Barrier(3)

    def send() -> None:
        barrier.wait()
        answers.append(customer.write(raised, "Once.").status_code)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 3
    assert [each.new_text for each in customer.said(raised)].count("Once.") == 1


def test_a_file_alone_is_a_message_and_nothing_at_all_is_none(customer, raised):
    """Files keep to the limits of the request, and what was typed is still there when they do not."""
    assert W("comment_missing") in customer.write(raised, "  ").text
    page = customer.write(raised, "", key="b" * 32, files=[("files", ("node.log", b"x", "text/plain"))])
    assert page.status_code == 200
    assert customer.uploads(raised) == [("node.log", "text/plain", b"x")]
    many = [("files", (f"{number}.log", b"%d" % number, "text/plain")) for number in range(3)]
    page = customer.write(raised, "more of them", key="c" * 32, files=many)
    assert page.status_code == 422
    assert "more of them</textarea>" in page.text
    assert len(customer.uploads(raised)) == 1
    assert customer.write(raised, "x" * 20_001, key="d" * 32).status_code == 422
    assert len(customer.said(raised)) == 3


def test_only_the_customers_own_steps_are_offered(customer, raised):
    """W33: a client may close or re-open what is resolved; starting, resolving and deferring are not theirs."""
    assert 'name="step"' not in customer.get_page(raised).text
    customer.stands(raised, "resolved")
    page = customer.get_page(raised).text
    assert page.count('name="step"') == 2
    assert W("step_close") in page
    assert W("step_reopen") in page


def test_a_step_is_taken_and_the_page_shows_it(customer, raised, now):
    """W35: the client may re-open it; the number stays, triage sees it again."""
    customer.stands(raised, "resolved", state=TriageState.DECIDED)
    customer.now = now + timedelta(minutes=5)
    page = customer.take(raised, "reopen", seen="resolved")
    assert page.status_code == 200
    assert W("step_done") in page.text
    assert "The resolution was not enough." in page.text
    row = customer.row(raised)
    assert (row.status, row.follow_up_at) == ("reopened", customer.now)
    assert customer.woken == 2


def test_the_customer_marks_as_resolved(customer):
    """O9: Oro's customers do so themselves, from any status."""
    customer.post_new(policy="oro", type="bug", company="Nordhandel", license_key="OL-0000-1234-ABCD")
    (row,) = customer.requests()
    customer.stands(row.id, "in-progress", policy="oro")
    assert W("step_resolve") in customer.get_page(row.id).text
    assert customer.take(row.id, "resolve", seen="in-progress").status_code == 200
    assert customer.row(row.id).status == "resolved"


def test_a_stale_step_changes_nothing_and_shows_where_it_stands(customer, raised):
    """Sent twice, or after an engineer moved it: 409 with the present state and a sentence."""
    customer.stands(raised, "resolved")
    customer.take(raised, "close", seen="resolved")
    page = customer.take(raised, "close", seen="resolved")
    assert page.status_code == 409
    assert W("step_stale") in page.text
    assert "The client has accepted the resolution." in page.text
    customer.stands(raised, "waiting-on-client")
    assert customer.take(raised, "close", seen="resolved").status_code == 409
    assert customer.row(raised).status == "waiting-on-client"


@pytest.mark.parametrize("step", ["resolve", "start-progress", "defer", "nonsense", "", EVIL])
def test_a_step_that_is_not_the_customers_is_not_taken(customer, raised, step):
    """A form of one's own making takes an engineer's step as little as one that does not exist."""
    customer.stands(raised, "in-progress")
    page = customer.take(raised, step, seen="in-progress", agreement="yes")
    assert page.status_code == 409
    assert customer.row(raised).status == "in-progress"


def test_what_a_step_asks_must_be_told_and_what_was_typed_stays(customer, raised):
    """Witboost: closing asks how; without an answer the page says so, with the form open."""
    customer.stands(raised, "resolved", policy="witboost")
    page = customer.take(raised, "close", seen="resolved", confirmed=" ")
    assert page.status_code == 422
    assert W("step_refused") in page.text
    assert "<details open>" in page.text
    assert customer.row(raised).status == "resolved"
    assert customer.take(raised, "close", seen="resolved", confirmed="x" * 20_001).status_code == 422
    assert customer.take(raised, "close", seen="resolved", confirmed="It works.", other="no").status_code == 200
    moved = next(each for each in customer.log(raised) if each.event == "status")
    assert moved.detail["given"] == {"confirmed": "It works."}


def test_what_the_policy_would_like_to_know_is_listed_with_its_reasons(customer):
    """Kindly, after the form was sent; the message form takes it, and then it is gone."""
    customer.post_new()
    (row,) = customer.requests()
    page = customer.get_page(row.id).text
    assert "Which logs can you send?" in page
    assert "They may show the cause." in page
    customer.write(row.id, "Here they are.")
    customer.write(row.id, "And more.", key="b" * 32)
    assert W("wanted") not in customer.get_page(row.id).text


def test_a_request_whose_policy_is_gone_still_has_a_page(customer, raised):
    """It shows how far it is without a workflow."""
    customer.stands(raised, "anything", policy="gone")
    page = customer.get_page(raised)
    assert page.status_code == 200
    assert W("state_received") in page.text
    assert customer.take(raised, "close", seen="anything").status_code == 409


def test_without_its_functions_a_page_offers_no_steps(visitor):
    """A portal that was built without workflows refuses a step in words."""
    request = visitor.mailed()
    page = visitor.take(request, "close", seen="")
    assert page.status_code == 403
    assert W("step_not_yours") in page.text


def test_markup_in_a_conversation_stays_text(customer, raised):
    """Messages, answers, what engineers wrote and what they asked are escaped (B12)."""
    customer.logged(raised, "responded", note=EVIL, is_public=True)
    customer.logged(raised, "asked-client", detail={"questions": [{"ask": EVIL, "why": EVIL}]}, is_public=True)
    customer.stands(raised, "resolved", policy="witboost")
    pages = [
        customer.write(raised, EVIL),
        customer.take(raised, "close", seen="resolved", confirmed="x" * 20_001 + EVIL),
        customer.browser.get(customer.page_address(raised) + "?already=" + EVIL),
    ]
    assert [each.status_code for each in pages] == [200, 422, 200]
    for page in pages:
        assert "<script" not in page.text
        assert "<img" not in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert " style=" not in page.text


def test_control_signs_are_taken_out_of_a_message(customer, raised):
    """NUL, direction signs and broken text: stored clean (B5, B15)."""
    customer.write(raised, "a\0b\u202ec\r\nd")
    assert customer.said(raised)[-1].new_text == "abc\nd"


@pytest.mark.parametrize("form", ["comment", "step"])
def test_forms_of_strangers_are_refused_before_they_are_read(customer, raised, form):
    """Another website, no link, another kind of link: nothing changes."""
    address = f"{customer.page_address(raised)}/{form}"
    sent = {"comment": "x", "key": "e" * 32}
    page = customer.browser.post(address, data=sent, headers={"sec-fetch-site": "cross-site"})
    assert page.status_code == 403
    for token in ("nonsense", links.claim_token(customer.signer, raised)):
        assert customer.browser.post(f"/portal/requests/{token}/{form}", data=sent).status_code == 404
    assert customer.browser.post(address, json=sent).status_code == 422
    assert len(customer.said(raised)) == 2


def test_the_eleventh_message_in_a_minute_must_wait(customer, raised):
    """Ten for one request, whoever holds its link; another request goes on."""
    for number in range(10):
        assert customer.write(raised, "x", key=f"{number:032x}").status_code == 200
    page = customer.write(raised, "x", key="f" * 32)
    assert page.status_code == 429
    assert int(page.headers["Retry-After"]) >= 1
    assert customer.write(customer.mailed(), "x", key="f" * 32).status_code == 200
