"""What an engineer does to a request on its page, without JavaScript."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from models import tables
from models.store import transaction
from models.terms import CallbackOutcome, JobKind, Visibility


@pytest.mark.parametrize(
    "form", ["step", "take", "owner", "tell", "ask", "note", "escalate", "facts/workaround", "ease"]
)
def test_a_viewer_does_nothing(stands, desk, suggested, form):
    """Every act needs the role of an engineer."""
    reference = stands.raise_one(desk, suggested)
    with desk.signed_in("vera") as vera:
        assert stands.send(vera, desk, reference, form, step="start-progress", value="yes", text="x").status_code == 403


def test_a_step_moves_the_request(stands, desk, ida, suggested):
    """Start progress takes the request: status, owner and log say so, and the page offers what comes next."""
    reference = stands.raise_one(desk, suggested)
    answer = stands.send(ida, desk, reference, "step", step="start-progress")
    assert answer.headers["location"] == f"/requests/{reference}?done={reference}&did=step"
    row = stands.row_of(desk, reference)
    assert (row.status, row.owner) == ("in-progress", "ida")
    assert ("taken", "") in stands.log_of(desk, reference)
    page = ida.get(answer.headers["location"]).text
    assert f"<strong>{reference}</strong> status changed" in page
    assert ">In Progress</span>" in page
    assert "owned by <strong>Ida</strong>" in page
    assert "status In Progress" in page
    assert desk.woken == 1


def test_a_step_that_is_not_there_changes_nothing(stands, desk, ida, suggested):
    """A step that does not lead out of the status is a conflict, with a sentence that says so."""
    reference = stands.raise_one(desk, suggested)
    answer = stands.send(ida, desk, reference, "step", step="resolve")
    assert answer.status_code == 409
    assert "There is no step" in answer.text
    assert stands.row_of(desk, reference).status == ""


def test_a_resolution_of_a_lead_is_not_an_engineers(stands, desk, ida, lea, suggested):
    """“Cannot be reproduced” is for leads, who must answer four questions; an engineer is not shown it."""
    reference = stands.raise_one(desk, suggested)
    stands.send(ida, desk, reference, "step", step="start-progress")
    assert "Cannot be reproduced" not in ida.get(f"/requests/{reference}").text
    assert "Cannot be reproduced" in lea.get(f"/requests/{reference}").text
    fields = {"step": "resolve", "given.resolution": "cannot-reproduce", "given.setup": "the same"}
    answer = stands.send(lea, desk, reference, "step", **fields)
    assert answer.status_code == 422
    assert "Which sample did you implement to show it?" in answer.text
    assert ">the same</textarea>" in answer.text
    more = {"given.patches": "all", "given.topology": "both", "given.sample": "ours"}
    assert stands.send(lea, desk, reference, "step", **fields, **more).status_code == 303
    assert stands.row_of(desk, reference).resolution == "cannot-reproduce"


def test_what_is_sent_for_an_old_version_is_refused(stands, desk, ida, suggested):
    """Of two who move the same version the second is told, and nothing of theirs is kept."""
    reference = stands.raise_one(desk, suggested)
    version = stands.row_of(desk, reference).version
    stands.send(ida, desk, reference, "step", step="start-progress")
    answer = stands.send(ida, desk, reference, "take", version=version)
    assert answer.status_code == 409
    assert "Somebody was first." in answer.text


def test_a_form_without_a_version_is_refused(stands, desk, ida, suggested):
    """A step that does not say which version it was made for is not taken."""
    reference = stands.raise_one(desk, suggested)
    answer = ida.post(f"/requests/{reference}/step", data={"step": "start-progress"})
    assert answer.status_code == 422
    assert "Reload the page" in answer.text


def test_taking_over_needs_a_reason(stands, desk, ida, lea, suggested):
    """Somebody else's request is taken with a reason only, which stands in the history."""
    reference = stands.raise_one(desk, suggested)
    stands.send(ida, desk, reference, "take")
    assert stands.send(lea, desk, reference, "take").status_code == 422
    assert stands.send(lea, desk, reference, "take", reason="Ida is on leave").status_code == 303
    page = lea.get(f"/requests/{reference}").text
    assert "owned by <strong>Lea</strong>" in page
    assert "Ida is on leave" in page
    stands.send(lea, desk, reference, "owner", to="ida", reason="she is back")
    assert stands.row_of(desk, reference).owner == "ida"


def test_a_message_to_the_client_meets_the_response(stands, desk, ida, suggested):
    """What is told with a time agreed and a workaround is in the log and public; the clock of the response is met."""
    reference = stands.raise_one(desk, suggested)
    ida.post(f"/requests/{reference}/decision", data={"version": 1, "type": "incident", "priority": "P1"})
    desk.now += timedelta(minutes=1)
    fields = {"text": "We are <on> it.", "given.next": "Restart node 2", "until": "2026-11-21T14:30"}
    answer = stands.send(ida, desk, reference, "tell", workaround="yes", **fields, **{"until-zone": "Europe/Berlin"})
    assert answer.status_code == 303
    kinds = [kind for kind, _ in stands.log_of(desk, reference)]
    assert {"workaround", "estimated"} <= set(kinds)
    page = ida.get(f"/requests/{reference}").text
    assert "We are &lt;on&gt; it." in page
    assert "Restart node 2" in page
    assert "the client reads this" in page
    assert "agreed a time: Sat 21 Nov 2026, 13:30 UTC" in page
    assert "<strong>met</strong>" in page


def test_a_time_in_no_zone_is_refused_and_the_words_are_kept(stands, desk, ida, suggested):
    """A zone nobody knows is named as wrong; the message that was written stands in its form still."""
    reference = stands.raise_one(desk, suggested)
    fields = {"text": "Long message", "until": "2026-11-21T14:30", "until-zone": "../etc/passwd"}
    answer = stands.send(ida, desk, reference, "tell", **fields)
    assert answer.status_code == 422
    assert "Long message</textarea>" in answer.text
    assert stands.log_of(desk, reference) == [("started", "phone")]


def test_everything_is_asked_in_one_go(stands, desk, ida, suggested):
    """The form holds what is missing with its reasons and lists what is known; each question needs a why."""
    reference = stands.raise_one(desk, suggested)
    stands.send(ida, desk, reference, "step", step="start-progress")
    page = ida.get(f"/requests/{reference}").text
    assert "What we know already" in page
    assert "Which service pack, update level or patches are installed?" in page
    asked = {"question-1": "Which patches?", "move": "yes"}
    assert stands.send(ida, desk, reference, "ask", **asked).status_code == 422
    assert (
        stands.send(ida, desk, reference, "ask", **asked, **{"why-1": "To see whether it is mended"}).status_code == 303
    )
    assert stands.row_of(desk, reference).status == "waiting-on-client"
    page = ida.get(f"/requests/{reference}").text
    assert "They were asked once already" in page
    assert "asked the client 1 question" in page
    assert "for the client</em>" in page


def test_notes_and_assumptions(stands, desk, ida, suggested):
    """A note is for colleagues unless said otherwise; an assumption stays in sight until it is settled."""
    reference = stands.raise_one(desk, suggested)
    stands.send(ida, desk, reference, "note", text="Looks like node 2", kind="note")
    stands.send(ida, desk, reference, "note", text="Same set-up as ours", kind="assumption")
    page = ida.get(f"/requests/{reference}").text
    assert "Looks like node 2" in page
    assert "<strong>Assumed:</strong> Same set-up as ours" in page
    source = page.split('name="assumption" value="')[1].split('"')[0]
    stands.send(ida, desk, reference, "settle", assumption=source, holds="no")
    page = ida.get(f"/requests/{reference}").text
    assert "<strong>Assumed:</strong>" not in page
    assert "turned out false: Same set-up as ours" in page


def test_time_is_reported_in_minutes(stands, desk, ida, suggested):
    """Minutes add up in the header; what is no number is refused."""
    reference = stands.raise_one(desk, suggested)
    assert stands.send(ida, desk, reference, "work", minutes="ten").status_code == 422
    stands.send(ida, desk, reference, "work", minutes="25", text="logs")
    stands.send(ida, desk, reference, "work", minutes="20")
    assert "45 min reported" in ida.get(f"/requests/{reference}").text


def test_attempts_to_call_are_a_ledger(stands, desk, ida, suggested):
    """A call made by hand needs a number and how it ended; one placed by the house is a job, one at a time."""
    reference = stands.raise_one(desk, suggested, "parallels")
    assert stands.send(ida, desk, reference, "callback", outcome="no-answer").status_code == 422
    assert stands.send(ida, desk, reference, "callback", outcome="placed", number="+493055501").status_code == 422
    fields = {"outcome": "no-answer", "number": "+49305550137", "note": "rang out"}
    assert stands.send(ida, desk, reference, "callback", **fields).status_code == 303
    page = ida.get(f"/requests/{reference}").text
    assert "<strong>nobody answered</strong> +49305550137, called by Ida: “rang out”" in page
    with transaction(desk.engine) as session:
        assert [one.outcome for one in session.scalars(select(tables.progress.Callback))] == [CallbackOutcome.NO_ANSWER]


def test_the_house_calls_the_number_on_file(stands, desk, ida, suggested):
    """Call back now schedules a call to the number of the form, once."""
    reference = stands.raise_one(desk, suggested, "parallels")
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        tables.requests.interactions(session, row.id)[0].fields = {"phone": "+49305550137"}
    assert "Call back now" in ida.get(f"/requests/{reference}").text
    assert stands.send(ida, desk, reference, "call").status_code == 303
    assert stands.send(ida, desk, reference, "call").status_code == 422
    with transaction(desk.engine) as session:
        kinds = [job.kind for job in session.scalars(select(tables.jobs.Job))]
    assert kinds == [JobKind.CALLBACK_PLACE]


def test_who_may_see_a_request_is_chosen_where_the_policy_knows_groups(stands, desk, ida, suggested):
    """OroCloud: private or shared with the group; what is neither is refused."""
    reference = stands.raise_one(desk, suggested, "oro")
    assert "private: whoever raised it" in ida.get(f"/requests/{reference}").text
    assert stands.send(ida, desk, reference, "visibility", visibility="public").status_code == 422
    assert stands.send(ida, desk, reference, "visibility", visibility="group").status_code == 303
    assert stands.row_of(desk, reference).visibility is Visibility.GROUP
    assert 'value="private"' not in ida.get(f"/requests/{stands.raise_one(desk, suggested)}").text


def test_what_a_client_wrote_may_mean_a_step(stands, desk, ida, suggested):
    """A message after the resolution re-opens nothing by itself: the page proposes it, and a person decides."""
    reference = stands.raise_one(desk, suggested, "parallels")
    for step in ("start", "resolve"):
        stands.send(ida, desk, reference, "step", step=step)
    assert "re-open?" not in ida.get(f"/requests/{reference}").text
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        at = desk.now + timedelta(minutes=1)
        tables.requests.record_clock(session, row.id, "proposed", "mail:1", at, value="reopen")
    assert "<strong>re-open?</strong>" in ida.get(f"/requests/{reference}").text
    stands.send(ida, desk, reference, "step", step="reopen")
    desk.now += timedelta(minutes=2)
    assert stands.row_of(desk, reference).status == "new"
