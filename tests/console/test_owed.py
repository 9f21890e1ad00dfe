"""Calls that are owed: the list, the promise on a request's page, and how they are done with."""

import pytest
from sqlalchemy import select

from models import tables
from models.store import transaction
from models.terms import JobKind


def test_the_list_shows_what_is_overdue_first(house, ida, lines):
    """Why, number, when it is due; what is overdue comes first and says so; the number of them is told on /calls."""
    late, later = house.request("late"), house.request("later")
    lines.owed(house, later, minutes=25, number=None, why="nobody could be reached", automatic=True)
    lines.owed(house, late, minutes=-12)
    page = ida.get("/calls/owed").text
    assert page.index(late) < page.index(later)
    assert page.count("overdue") == 1
    assert "overdue 12 min" in page
    for words in ("The caller hung up", "Nobody could be reached", "the one on file", "rung by itself"):
        assert words in page, words
    assert "Owed a call <span>2</span>" in ida.get("/calls").text


def test_nobody_is_owed_a_call(ida):
    """An empty list says what would stand there."""
    assert "Nobody is owed a call" in ida.get("/calls/owed").text


def test_a_call_that_is_owed_is_placed_from_the_list(house, ida, lines):
    """Call back now has the house ring the number that was left, and leads back to the list."""
    reference = house.request()
    lines.owed(house, reference, number="+49305550199")
    answer = ida.post(f"/requests/{reference}/call", data={"back": "owed", "number": "+49305550199"})
    assert answer.headers["location"] == f"/calls/owed?done={reference}&did=call"
    with transaction(house.engine) as session:
        assert [job.kind for job in session.scalars(select(tables.jobs.Job))] == [JobKind.CALLBACK_PLACE]
        assert [row.number for row in session.scalars(select(tables.progress.Callback))] == ["+49305550199"]
    assert f"<strong>{reference}</strong> the customer is being called" in ida.get(answer.headers["location"]).text


def test_a_call_is_done_with_how(house, ida, lines):
    """Done needs to say how; then it is off the list and stands in the history of its request."""
    reference = house.request()
    lines.owed(house, reference)
    refused = ida.post(f"/requests/{reference}/paid", data={"back": "owed", "how": "whatever"})
    assert refused.status_code == 422
    assert "Choose how it was done with" in refused.text
    answer = ida.post(f"/requests/{reference}/paid", data={"back": "owed", "how": "spoken"})
    assert answer.headers["location"].startswith("/calls/owed?")
    (row,) = lines.owed_rows(house)
    assert (row.done_by, row.outcome) == ("ida", "spoke to them")
    assert "Nobody is owed a call" in ida.get("/calls/owed").text
    assert "the call that was owed: spoke to them" in ida.get(f"/requests/{reference}").text
    again = ida.post(f"/requests/{reference}/paid", data={"back": "owed", "how": "spoken"})
    assert again.status_code == 409
    assert "No call is owed there any more." in again.text
    assert "the call that was owed: spoke to them" in again.text


def test_a_call_is_promised_for_a_time(house, ida, lines):
    """Call back at: in the reader's zone, to another number, by the house; the page and the history say so."""
    reference = house.request()
    fields = {"back": "request", "due": "2026-11-21T12:00", "due-zone": "Europe/Berlin", "why": "after the restart"}
    more = {"number": "+49 30 5550199", "automatic": "yes"}
    assert ida.post(f"/requests/{reference}/owe", data=fields | more).status_code == 303
    (row,) = lines.owed_rows(house)
    assert (row.due_at.isoformat(), row.number, row.automatic) == ("2026-11-21T11:00:00+00:00", "+49305550199", True)
    page = ida.get(f"/requests/{reference}").text
    assert "<strong>Owed a call</strong>" in page
    assert "a call is owed: after the restart" in page
    assert "promised by Ida" in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Say when they shall be called"),
        ({"due": "2026-11-20T12:00"}, "That moment is past"),
        ({"due": "2026-11-22T12:00", "number": "twelve"}, "is no telephone number"),
    ],
)
def test_a_promise_that_cannot_be_kept_is_refused(house, ida, lines, fields, words):
    """No time, one that is past or a number that is none: nothing is promised, and what was written is kept."""
    reference = house.request()
    answer = ida.post(f"/requests/{reference}/owe", data={"back": "request", "why": "my reason", **fields})
    assert answer.status_code == 422
    assert words in answer.text
    assert 'value="my reason"' in answer.text
    assert lines.owed_rows(house) == []


def test_a_viewer_promises_nothing(desk, lines):
    """Viewers see who is owed a call, without the number, and can do nothing about it."""
    reference = desk.request()
    lines.owed(desk, reference)
    with desk.signed_in("vera") as vera:
        page = vera.get("/calls/owed").text
        assert "one is on file" in page
        assert "+49305550137" not in page
        assert "Call back now" not in page
        for form in ("owe", "paid", "call"):
            assert vera.post(f"/requests/{reference}/{form}", data={"how": "spoken"}).status_code == 403
