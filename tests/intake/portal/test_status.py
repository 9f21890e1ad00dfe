"""The status page: what was received, where it stands, since when the clock runs; never what a machine thinks."""

import threading
from datetime import timedelta

import pytest

from intake.portal import links
from intake.portal.wording import words
from models import tables
from models.store import transaction
from models.terms import TriageState

W = words("en")


@pytest.fixture
def raised(visitor):
    """A request that came by mail and was raised on the portal."""
    request = visitor.mailed(head=b"Date: Sat, 21 Nov 2026 10:28:00 +0100")
    visitor.post_claim(request)
    return request


def page_of(visitor, request) -> str:
    """The status page."""
    return visitor.browser.get(f"/portal/requests/{links.status_token(visitor.signer, request)}").text


def test_it_tells_what_was_received_and_since_when_the_clock_runs(visitor, raised):
    """Reference, words, answers in the order of the form, the moment in the reader's zone and in UTC."""
    page = page_of(visitor, raised)
    reference = visitor.requests()[0].reference
    assert reference in page
    assert "21 November 2026, 10:30 (UTC+1)" in page
    assert "21 November 2026, 09:30 (UTC)" in page
    assert "Orders fail since 06:42." in page
    shown = ["Issue type", "Incident", "Priority level", "High P2", "Environment", "Staging", "+49 30 5550100"]
    places = [page.index(text, page.index(W("by_portal"))) for text in shown]
    assert places == sorted(places)
    assert W("next_engineer", policy="WSO2 Managed Cloud") in page
    assert "Production systems down or severely impacted" in page


def test_a_suggestion_touches_no_customer(visitor, raised):
    """Neither what a machine suggested, nor notes, nor what it heard on the phone, nor who else is on it."""
    visitor.suggested(raised, environment="production")
    visitor.called(raised, visitor.now)
    with transaction(visitor.engine) as session:
        for row in tables.requests.interactions(session, raised):
            row.note = "first mail of this sender"
    page = page_of(visitor, raised)
    assert W("by_phone") in page
    for secret in ("what a machine heard", "first mail of this sender", "uggest", "probab", "classif"):
        assert secret not in page
    levels = page.partition("<details>")[2].partition("</details>")[0]
    assert "Critical P1" not in page.replace(levels, "")


def test_what_an_engineer_stated_fills_no_form(visitor):
    """Only what was read in the customer's own words comes back to them."""
    request = visitor.mailed()
    visitor.suggested(request, source="engineer", environment="production")
    assert "selected" not in visitor.get_claim(request).text
    other = visitor.mailed()
    visitor.suggested(other, environment="production")
    assert '<option value="production" selected>' in visitor.get_claim(other).text


def test_the_state_is_told_in_words(visitor, raised, now):
    """Received; decided; being looked at again when the decision was undone or somebody wrote again."""

    def here() -> str:
        return page_of(visitor, raised).partition('aria-current="step"')[2].partition("</li>")[0]

    def put(**values: object) -> None:
        with transaction(visitor.engine) as session:
            row = session.get_one(tables.requests.Request, raised)
            for name, value in values.items():
                setattr(row, name, value)

    assert W("state_received") in here()
    with transaction(visitor.engine) as session:
        decided = {"request_id": raised, "version": 1, "verdict": "confirmed", "decided_by": "ida", "decided_at": now}
        session.add(tables.requests.Decision(**decided))
    put(state=TriageState.DECIDED)
    assert W("state_decided") in here()
    put(follow_up_at=now)
    assert W("state_seen") in here()
    put(state=TriageState.TO_CONFIRM, follow_up_at=None)
    assert W("state_seen") in here()


def test_a_request_that_was_not_raised_says_that_no_clock_runs(visitor):
    """And gives no link to raise it: a status link opens this page only."""
    page = page_of(visitor, visitor.mailed())
    assert W("clock_not") in page
    assert "/portal/claim/" not in page


def test_two_tabs_at_the_same_moment_raise_it_once(visitor):
    """Both hold the form, both send it: one interaction, one clock, two status pages."""
    request = visitor.mailed()
    answers: list[int] = []
    barrier = threading.Barrier(4)

    def send() -> None:
        barrier.wait()
        answers.append(visitor.post_claim(request).status_code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 4
    assert len(visitor.said(request)) == 2


def test_two_clicks_at_the_same_moment_open_one_request(visitor):
    """The form's random number makes them one, even if both are there before either is stored."""
    answers: list[int] = []
    barrier = threading.Barrier(4)

    def send() -> None:
        barrier.wait()
        answers.append(visitor.post_new().status_code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 4
    assert len(visitor.requests()) == 1


def test_a_mail_that_could_not_be_read_is_asked_for_again(visitor):
    """The form says so and is empty."""
    page = visitor.get_claim(visitor.mailed("", subject=""))
    assert W("unreadable") in page.text


def test_several_mails_fill_one_form(visitor, now):
    """What was written later is below, and nothing of it is new text when it is sent as it is."""
    request = visitor.mailed("First.")
    visitor.wrote_again(request, "Second.")
    page = visitor.get_claim(request)
    assert "First.\n\nSecond.</textarea>" in page.text
    visitor.now = now + timedelta(minutes=1)
    visitor.post_claim(request, description="First.\n\nSecond.")
    assert visitor.said(request)[-1].new_text == ""
