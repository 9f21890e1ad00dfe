"""Where a request of each policy stands, as pages show it: steps by role, clocks, the queue by the next target."""

from datetime import timedelta

import pytest
from sqlalchemy import event

from models import tables
from models.store import transaction
from triage.desk.decision import decide

PACKS = ("wso2", "witboost", "oro", "parallels")


@pytest.mark.parametrize("pack", PACKS)
def test_a_page_shows_where_a_request_stands(stands, desk, ida, suggested, pack):
    """Status, clocks or why there are none, facts, and history are on the page of a request of each policy."""
    reference = stands.raise_one(desk, suggested, pack)
    page = ida.get(f"/requests/{reference}").text
    flow = desk.policies[pack].workflow
    assert f">{flow.status_label(flow.start)}</span>" in page
    assert "nobody owns it" in page
    assert 'id="fact-workaround"' in page
    assert "clock started (phone)" in page
    if pack == "parallels":
        assert "No target:" in page
        assert "names no time" in page
    else:
        assert "If confirmed as suggested" in page
        assert "How was this worked out?" in page
        assert "Counted from" in page


@pytest.mark.parametrize("pack", PACKS)
def test_a_page_offers_only_the_steps_of_its_reader(stands, desk, suggested, pack):
    """Of each policy's workflow the steps from here that the role may take are shown; to a viewer none."""
    reference = stands.raise_one(desk, suggested, pack)
    flow = desk.policies[pack].workflow
    with desk.signed_in() as ida, desk.signed_in("vera") as vera:
        shown, looked_at = ida.get(f"/requests/{reference}").text, vera.get(f"/requests/{reference}").text
    for step in flow.steps:
        here = flow.start in step.sources and (step.open_to("engineer") or "client" in step.by)
        assert (f'name="step" value="{step.id}"' in shown) is here, step.id
        assert f'name="step" value="{step.id}"' not in looked_at
    assert "Your role may look, not decide." in looked_at
    assert "<form" not in looked_at.split('id="work"')[1].split("</main>")[0]


def test_what_is_left_behind_is_a_page(stands, desk, ida, suggested):
    """A request that waits for us is listed with why and by when; mine are those I own."""
    reference = stands.raise_one(desk, suggested, minutes_ago=60 * 24 * 5)
    page = ida.get("/left").text
    assert reference in page
    assert "nobody works on it" in page
    assert "overdue" in page
    assert reference not in ida.get("/left?mine=true").text
    stands.send(ida, desk, reference, "take")
    assert reference not in ida.get("/left").text
    desk.now += timedelta(days=3)
    with desk.signed_in() as later:
        assert reference in later.get("/left?mine=true").text


def test_the_queue_is_sorted_by_the_next_target(stands, desk, ida, suggested):
    """Late first, then what is due within the hour, then later; what has no clock is at the end, the severe one not."""
    later = stands.raise_one(desk, suggested, level="P2", minutes_ago=5)
    soon = stands.raise_one(desk, suggested, minutes_ago=20)
    late = stands.raise_one(desk, suggested, minutes_ago=72)
    severe = stands.raise_one(desk, suggested, "parallels")
    still = stands.raise_one(desk, suggested, "parallels", level="3")
    page = ida.get("/triage").text
    order = [page.index(f'id="row-{reference[3:]}"') for reference in (late, soon, severe, later, still)]
    assert order == sorted(order)
    headings = [
        page.index(f">{words} <span>")
        for words in ("Late", "Due within the hour", "Looks most severe, no target", "Later", "No target yet")
    ]
    assert headings == sorted(headings)
    assert ">12 min late</span>" in page
    assert ">40 min left</span>" in page


def test_what_runs_on_after_the_decision_is_listed_by_its_next_target(stands, desk, ida, suggested):
    """A decided request leaves the queue; its clock is watched under the heading that it belongs to, mine apart."""
    reference = stands.raise_one(desk, suggested, minutes_ago=72)
    stands.send(ida, desk, reference, "decision", type="incident", priority="P1")
    assert f'id="row-{reference[3:]}"' not in ida.get("/triage").text
    page = ida.get("/left/clocks").text
    assert "Late <span>1</span>" in page
    assert "12 min late" in page
    assert reference not in ida.get("/left/clocks?mine=true").text


def test_the_queue_costs_the_same_for_many(stands, desk, ida, suggested):
    """The clocks of all lines are read in one statement, however many lines there are."""
    for _ in range(12):
        stands.raise_one(desk, suggested)
    said = []
    event.listen(desk.engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    ida.get("/triage/queue")
    assert sum("FROM clock_events" in statement for statement in said) == 1


def test_what_is_written_is_escaped_everywhere(stands, desk, ida, suggested):
    """Markup in notes, reasons, numbers and answers stays text."""
    reference = stands.raise_one(desk, suggested)
    evil = "<script>alert(1)</script>"
    stands.send(ida, desk, reference, "note", text=evil, kind="assumption")
    stands.send(ida, desk, reference, "note", text=evil)
    stands.send(ida, desk, reference, "tell", text=evil)
    stands.send(ida, desk, reference, "callback", outcome="busy", number="+49305550137", note=evil)
    stands.send(ida, desk, reference, "escalate", reason=evil)
    refused = stands.send(ida, desk, reference, "tell", text=evil, until="nonsense")
    assert refused.status_code == 422
    for page in (refused.text, ida.get(f"/requests/{reference}").text):
        assert evil not in page
        assert "&lt;script&gt;alert(1)" in page


def test_an_escalation_shows_whom_it_reached(stands, desk, ida, suggested):
    """Steps tell whom they told and whom they could not; whoever takes it on is in the log."""
    reference = stands.raise_one(desk, suggested)
    assert stands.send(ida, desk, reference, "escalate", reason=" ").status_code == 422
    assert stands.send(ida, desk, reference, "escalate", reason="need a database expert").status_code == 303
    stands.add_steps(desk, reference)
    page = ida.get(f"/requests/{reference}").text
    assert "need a database expert" in page
    assert "nobody is known for this step" in page
    assert "an engineer asked for help" in page
    assert "lead@example.com: sent" in page
    assert stands.send(ida, desk, reference, "acknowledge").status_code == 303
    assert "took the escalation on" in ida.get(f"/requests/{reference}").text


def test_a_decision_of_another_policy_is_to_be_made_again(stands, desk, ida, suggested):
    """The page says under what it was decided, and shows the clocks of the suggestion; the queue counts the same."""
    reference = stands.raise_one(desk, suggested, "wso2", minutes_ago=90)
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        decide(session, row.id, version=row.version, type="incident", priority="1", reason="", engineer="ida",
               policy=desk.policies["parallels"], now=desk.now)  # fmt: skip
        row.follow_up_at = desk.now
    page = ida.get(f"/requests/{reference}").text
    assert f"Decided under {desk.policies['parallels'].ref}: decide again." in page
    assert "If confirmed as suggested" in page
    assert "30 min late" in page
    assert "30 min late" in ida.get("/triage").text
