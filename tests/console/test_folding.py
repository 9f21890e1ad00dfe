"""The same outage reported by many: folded by hand, shown where it is worked on, taken out again."""

import pytest
from sqlalchemy import select

from console import queries
from models import tables
from models.store import transaction


def send(client, reference, form, **fields):
    """A form of the request's page."""
    return client.post(f"/requests/{reference}/{form}", data={"back": "request", **fields})


@pytest.fixture
def outage(desk, lines, suggested):
    """Three callers with the same outage; the first one's request is what they are folded into."""
    return lines.outage(desk, 3, content=suggested("P1"))


def test_a_report_is_folded_by_its_reference(desk, ida, outage):
    """The parent counts its reports and links each; the child says where it is worked on; both histories tell it."""
    main, second, third = outage
    answer = send(ida, second, "fold", into=main.lower())
    assert answer.headers["location"] == f"/requests/{second}?done={second}&did=fold"
    assert "is worked on under another request" in ida.get(answer.headers["location"]).text
    send(ida, third, "fold", into=main)
    page = ida.get(f"/requests/{main}").text
    assert "Reported by 3 callers" in page
    assert f'<a href="/requests/{second}">{second}</a>' in page
    assert f"{second} reports the same: worked on here" in page
    page = ida.get(f"/requests/{second}").text
    assert f'worked on under <a href="/requests/{main}">{main}</a>' in page
    assert "by Ida" in page
    assert f"the same as {main}: worked on there" in page
    assert "Same outage?" not in page


def test_folded_requests_leave_queue_counts_and_what_is_left(desk, ida, lines, outage):
    """They are in no queue and no count, and are marked in the lists; the parent shows how many there are."""
    main, second, third = outage
    for one in (second, third):
        lines.fold(desk, one, main)
    page = ida.get("/triage").text
    queue = page[page.index('id="queue"') : page.index('id="work"')]
    assert 'id="row-' + main[3:] in queue
    assert 'id="row-' + second[3:] not in queue
    assert "To confirm <span>1</span>" in queue
    assert "×3<" in queue
    with transaction(desk.engine) as session:
        assert sum(queries.waiting(session).values()) == 1
    listed = ida.get("/requests").text
    assert listed.count(f'in <a href="/requests/{main}">{main}</a>') == 2
    left = ida.get("/left").text
    assert second not in left
    assert second not in ida.get("/left/clocks").text


def test_the_live_mark_changes_when_something_is_folded(desk, lines, outage):
    """Open queues hear that a line has gone."""
    with transaction(desk.engine) as session:
        before = queries.pulse(session)
    lines.fold(desk, outage[1], outage[0])
    with transaction(desk.engine) as session:
        assert queries.pulse(session) != before


def test_a_report_is_taken_out_again(desk, ida, lines, outage):
    """From its own page, or from the parent's, which stays open; it is in the queue again."""
    main, second, third = outage
    for one in (second, third):
        lines.fold(desk, one, main)
    assert send(ida, second, "unfold").headers["location"].startswith(f"/requests/{second}?")
    answer = send(ida, third, "unfold", **{"from": main})
    assert answer.headers["location"].startswith(f"/requests/{main}?")
    page = ida.get(f"/requests/{main}").text
    assert "Reported by" not in page
    assert f"{third} stands for itself again" in page
    assert 'id="row-' + third[3:] in ida.get("/triage/queue").text
    again = send(ida, third, "unfold")
    assert (again.status_code, "is folded into no other request" in again.text) == (422, True)


def test_where_a_form_leads_is_never_elsewhere(ida, lines, desk, outage):
    """What is no reference is not followed."""
    lines.fold(desk, outage[1], outage[0])
    answer = send(ida, outage[1], "unfold", **{"from": "//example.com"})
    assert answer.headers["location"].startswith(f"/requests/{outage[1]}?")


@pytest.mark.parametrize(
    ("into", "status", "words"),
    [("", 422, "Name the request"), ("SB-1", 404, "There is no request SB-1"), ("itself", 422, "into itself")],
)
def test_what_cannot_be_folded_is_refused(ida, outage, into, status, words):
    """No reference, none there, or itself: nothing changes, and the page says why."""
    answer = send(ida, outage[1], "fold", into=outage[1] if into == "itself" else into)
    assert answer.status_code == status
    assert words in answer.text


def test_what_is_over_is_not_folded_into(desk, ida, outage):
    """A resolved request takes no report: the refusal says to re-open it, and not that somebody was first."""
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(outage[0][3:]))
        tables.requests.record_clock(session, row.id, "resolved", "test:1", desk.now)
    answer = send(ida, outage[1], "fold", into=outage[0])
    assert answer.status_code == 422
    assert "re-open it before anything is folded" in answer.text
    assert "Somebody was first" not in answer.text


def test_others_like_it_are_offered(desk, ida, lines, outage):
    """The page asks for those like it once it is shown; without scripts they are a page. Later ones fold in here."""
    main, second, _ = outage
    assert f'hx-get="/requests/{second}/alike?back=request" hx-trigger="load"' in ida.get(f"/requests/{second}").text
    page = ida.get(f"/requests/{second}/alike").text
    assert f'aria-label="Fold into {main}"' in page
    assert f'aria-label="Fold {outage[2]} in here"' in page
    assert "hx-post" not in page
    assert "hx-post" in ida.get(f"/requests/{second}/alike?back=triage").text
    lines.fold(desk, outage[2], main)
    assert "×2<" in ida.get(f"/requests/{second}/alike").text


def test_nothing_is_like_a_request_that_stands_alone(desk, ida):
    """The page says so."""
    lonely = desk.request("Something else entirely")
    assert "No other one of the last day seems to be about the same" in ida.get(f"/requests/{lonely}/alike").text


def test_a_viewer_folds_nothing(desk, outage):
    """Viewers see what is folded and neither fold nor look for others."""
    with desk.signed_in("vera") as vera:
        assert "Same outage?" not in vera.get(f"/requests/{outage[1]}").text
        assert vera.get(f"/requests/{outage[1]}/alike").status_code == 403
        assert send(vera, outage[1], "fold", into=outage[0]).status_code == 403
    with transaction(desk.engine) as session:
        assert set(session.scalars(select(tables.requests.Request.folded_into))) == {None}


def test_a_caller_who_joined_is_told_of(desk, ida, lines, outage):
    """Where the caller said on the telephone that it is the same outage, the page says it was they."""
    lines.fold(desk, outage[1], outage[0], by="caller")
    assert "by The caller" in ida.get(f"/requests/{outage[1]}").text
