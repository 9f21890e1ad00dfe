"""What an engineer does to a request on its page, under each of the four policies, without JavaScript."""

from datetime import timedelta

import pytest
from sqlalchemy import event, select

from models import tables
from models.store import transaction
from models.terms import CallbackOutcome, Channel, JobKind, OutgoingState, Role, StepState, Visibility
from triage.classifier import Ranked
from triage.policy import load_packs
from triage.suggest import suggest

PACKS = ("wso2", "witboost", "oro", "parallels")
TEXTS = {
    "wso2": "Our production gateway is down for everybody. There is no workaround.",
    "witboost": "Since this morning nobody can deploy to production, all users are affected.",
    "oro": "Production shop is down for all customers, there is no workaround.",
    "parallels": "Our production server is completely down for all users, and there is no workaround.",
}
TOP = {"wso2": "P1", "witboost": "P1", "oro": "P1", "parallels": "1"}
TYPE = {"wso2": "incident", "witboost": "incident", "oro": "bug", "parallels": "incident"}


class Alarmist:
    """A classifier that thinks of everything as the worst that can happen."""

    id = "alarmist"

    def rank(self, policy_id, subject, body, facts):
        """The most severe level of the commonest type."""
        del subject, body, facts
        levels = {level.value: 0.02 for level in load_packs()[policy_id].levels}
        return Ranked(type={TYPE[policy_id]: 1.0}, priority=levels | {TOP[policy_id]: 0.9}, words=())


@pytest.fixture
def desk(house):
    """A console with the four policies and a classifier that is easily alarmed, and a lead called Lea."""
    packs = load_packs()
    house.policies.update(packs)

    def by_rules(*, policy, **asked):
        return suggest(packs[policy], Alarmist(), **asked)

    object.__setattr__(house.desk, "suggest", by_rules)
    house.engineer("lea", Role.LEAD)
    house.engineer("vera", Role.VIEWER)
    return house


@pytest.fixture
def lea(desk):
    """The browser of a lead, signed in."""
    with desk.signed_in("lea") as client:
        yield client


def raise_one(desk, suggested, pack="wso2", *, minutes_ago=10, level=None, facts=None, **values):
    """A request by phone under a policy, with its clock started and a suggestion; its reference."""
    content = suggested("P1")
    policy = desk.policies[pack]
    level = level or TOP[pack]
    content["policy"] = policy.ref
    content["type"] |= {"value": TYPE[pack], "label": policy.type_label(TYPE[pack]), "all": {TYPE[pack]: 1.0}}
    content["priority"] |= {"value": level, "label": policy.level_label(level), "model": level, "all": {level: 1.0}}
    content["facts"] = {
        name: {"value": value, "source": "text", "evidence": None, "span": None}
        for name, value in (facts or {"environment": "production", "down": "full", "workaround": "no"}).items()
    }
    content["rules"], content["would_change"] = [], []
    reference = desk.request(
        TEXTS[pack], channel=Channel.PHONE, content=content, minutes_ago=minutes_ago, policy=pack, **values
    )
    at = desk.now - timedelta(minutes=minutes_ago)
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        tables.requests.record_clock(session, row.id, "started", "call:test", at, value="phone")
    return reference


def row_of(desk, reference):
    """The request's row as it stands."""
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        session.expunge(row)
        return row


def log_of(desk, reference):
    """Kind and value of everything in the log, in the order it happened."""
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        return [(one.event, one.value) for one in tables.requests.clock_events(session, row.id)]


def send(client, desk, reference, form, **fields):
    """Send a form of the page, made for the version in force."""
    given = {"version": row_of(desk, reference).version, "back": "request", **fields}
    return client.post(f"/requests/{reference}/{form}", data=given)


@pytest.mark.parametrize("pack", PACKS)
def test_a_page_shows_where_a_request_stands(desk, ida, suggested, pack):
    """Status, clocks or why there are none, facts, and history are on the page of a request of each policy."""
    reference = raise_one(desk, suggested, pack)
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
def test_a_page_offers_only_the_steps_of_its_reader(desk, suggested, pack):
    """Of each policy's workflow the steps from here that the role may take are shown; to a viewer none."""
    reference = raise_one(desk, suggested, pack)
    flow = desk.policies[pack].workflow
    with desk.signed_in() as ida, desk.signed_in("vera") as vera:
        shown, looked_at = ida.get(f"/requests/{reference}").text, vera.get(f"/requests/{reference}").text
    for step in flow.steps:
        here = flow.start in step.sources and (step.open_to("engineer") or "client" in step.by)
        assert (f'name="step" value="{step.id}"' in shown) is here, step.id
        assert f'name="step" value="{step.id}"' not in looked_at
    assert "Your role may look, not decide." in looked_at
    assert "<form" not in looked_at.split('id="work"')[1].split("</main>")[0]


@pytest.mark.parametrize(
    "form", ["step", "take", "owner", "tell", "ask", "note", "escalate", "facts/workaround", "ease"]
)
def test_a_viewer_does_nothing(desk, suggested, form):
    """Every act needs the role of an engineer."""
    reference = raise_one(desk, suggested)
    with desk.signed_in("vera") as vera:
        assert send(vera, desk, reference, form, step="start-progress", value="yes", text="x").status_code == 403


def test_a_step_moves_the_request(desk, ida, suggested):
    """Start progress takes the request: status, owner and log say so, and the page offers what comes next."""
    reference = raise_one(desk, suggested)
    answer = send(ida, desk, reference, "step", step="start-progress")
    assert answer.headers["location"] == f"/requests/{reference}?done={reference}&did=step"
    row = row_of(desk, reference)
    assert (row.status, row.owner) == ("in-progress", "ida")
    assert ("taken", "") in log_of(desk, reference)
    page = ida.get(answer.headers["location"]).text
    assert f"<strong>{reference}</strong> status changed" in page
    assert ">In Progress</span>" in page
    assert "owned by <strong>Ida</strong>" in page
    assert "status In Progress" in page
    assert desk.woken == 1


def test_a_step_that_is_not_there_changes_nothing(desk, ida, suggested):
    """A step that does not lead out of the status is a conflict, with a sentence that says so."""
    reference = raise_one(desk, suggested)
    answer = send(ida, desk, reference, "step", step="resolve")
    assert answer.status_code == 409
    assert "There is no step" in answer.text
    assert row_of(desk, reference).status == ""


def test_a_resolution_of_a_lead_is_not_an_engineers(desk, ida, lea, suggested):
    """“Cannot be reproduced” is for leads, who must answer four questions; an engineer is not shown it."""
    reference = raise_one(desk, suggested)
    send(ida, desk, reference, "step", step="start-progress")
    assert "Cannot be reproduced" not in ida.get(f"/requests/{reference}").text
    assert "Cannot be reproduced" in lea.get(f"/requests/{reference}").text
    fields = {"step": "resolve", "given.resolution": "cannot-reproduce", "given.setup": "the same"}
    answer = send(lea, desk, reference, "step", **fields)
    assert answer.status_code == 422
    assert "Which sample did you implement to show it?" in answer.text
    assert ">the same</textarea>" in answer.text
    more = {"given.patches": "all", "given.topology": "both", "given.sample": "ours"}
    assert send(lea, desk, reference, "step", **fields, **more).status_code == 303
    assert row_of(desk, reference).resolution == "cannot-reproduce"


def test_what_is_sent_for_an_old_version_is_refused(desk, ida, suggested):
    """Of two who move the same version the second is told, and nothing of theirs is kept."""
    reference = raise_one(desk, suggested)
    version = row_of(desk, reference).version
    send(ida, desk, reference, "step", step="start-progress")
    answer = send(ida, desk, reference, "take", version=version)
    assert answer.status_code == 409
    assert "Somebody was first." in answer.text


def test_a_form_without_a_version_is_refused(desk, ida, suggested):
    """A step that does not say which version it was made for is not taken."""
    reference = raise_one(desk, suggested)
    answer = ida.post(f"/requests/{reference}/step", data={"step": "start-progress"})
    assert answer.status_code == 422
    assert "Reload the page" in answer.text


def test_taking_over_needs_a_reason(desk, ida, lea, suggested):
    """Somebody else's request is taken with a reason only, which stands in the history."""
    reference = raise_one(desk, suggested)
    send(ida, desk, reference, "take")
    assert send(lea, desk, reference, "take").status_code == 422
    assert send(lea, desk, reference, "take", reason="Ida is on leave").status_code == 303
    page = lea.get(f"/requests/{reference}").text
    assert "owned by <strong>Lea</strong>" in page
    assert "Ida is on leave" in page
    send(lea, desk, reference, "owner", to="ida", reason="she is back")
    assert row_of(desk, reference).owner == "ida"


def test_a_message_to_the_client_meets_the_response(desk, ida, suggested):
    """What is told with a time agreed and a workaround is in the log and public; the clock of the response is met."""
    reference = raise_one(desk, suggested)
    ida.post(f"/requests/{reference}/decision", data={"version": 1, "type": "incident", "priority": "P1"})
    desk.now += timedelta(minutes=1)
    fields = {"text": "We are <on> it.", "given.next": "Restart node 2", "until": "2026-11-21T14:30"}
    answer = send(ida, desk, reference, "tell", workaround="yes", **fields, **{"until-zone": "Europe/Berlin"})
    assert answer.status_code == 303
    kinds = [kind for kind, _ in log_of(desk, reference)]
    assert {"workaround", "estimated"} <= set(kinds)
    page = ida.get(f"/requests/{reference}").text
    assert "We are &lt;on&gt; it." in page
    assert "Restart node 2" in page
    assert "the client reads this" in page
    assert "agreed a time: Sat 21 Nov 2026, 13:30 UTC" in page
    assert "<strong>met</strong>" in page


def test_a_time_in_no_zone_is_refused_and_the_words_are_kept(desk, ida, suggested):
    """A zone nobody knows is named as wrong; the message that was written stands in its form still."""
    reference = raise_one(desk, suggested)
    fields = {"text": "Long message", "until": "2026-11-21T14:30", "until-zone": "../etc/passwd"}
    answer = send(ida, desk, reference, "tell", **fields)
    assert answer.status_code == 422
    assert "Long message</textarea>" in answer.text
    assert log_of(desk, reference) == [("started", "phone")]


def test_everything_is_asked_in_one_go(desk, ida, suggested):
    """The form holds what is missing with its reasons and lists what is known; each question needs a why."""
    reference = raise_one(desk, suggested)
    send(ida, desk, reference, "step", step="start-progress")
    page = ida.get(f"/requests/{reference}").text
    assert "What we know already" in page
    assert "Which service pack, update level or patches are installed?" in page
    asked = {"question-1": "Which patches?", "move": "yes"}
    assert send(ida, desk, reference, "ask", **asked).status_code == 422
    assert send(ida, desk, reference, "ask", **asked, **{"why-1": "To see whether it is mended"}).status_code == 303
    assert row_of(desk, reference).status == "waiting-on-client"
    page = ida.get(f"/requests/{reference}").text
    assert "They were asked once already" in page
    assert "asked the client 1 question" in page
    assert "for the client</em>" in page


def test_notes_and_assumptions(desk, ida, suggested):
    """A note is for colleagues unless said otherwise; an assumption stays in sight until it is settled."""
    reference = raise_one(desk, suggested)
    send(ida, desk, reference, "note", text="Looks like node 2", kind="note")
    send(ida, desk, reference, "note", text="Same set-up as ours", kind="assumption")
    page = ida.get(f"/requests/{reference}").text
    assert "Looks like node 2" in page
    assert "<strong>Assumed:</strong> Same set-up as ours" in page
    source = page.split('name="assumption" value="')[1].split('"')[0]
    send(ida, desk, reference, "settle", assumption=source, holds="no")
    page = ida.get(f"/requests/{reference}").text
    assert "<strong>Assumed:</strong>" not in page
    assert "turned out false: Same set-up as ours" in page


def test_time_is_reported_in_minutes(desk, ida, suggested):
    """Minutes add up in the header; what is no number is refused."""
    reference = raise_one(desk, suggested)
    assert send(ida, desk, reference, "work", minutes="ten").status_code == 422
    send(ida, desk, reference, "work", minutes="25", text="logs")
    send(ida, desk, reference, "work", minutes="20")
    assert "45 min reported" in ida.get(f"/requests/{reference}").text


def test_a_fact_changes_the_suggestion_at_once(desk, ida, suggested):
    """A workaround makes it P2 with the clause; the toast takes it back by stating what was said before."""
    reference = raise_one(desk, suggested)
    page = ida.get(f"/requests/{reference}").text
    assert "Confirm Incident · Critical P1" in page
    answer = send(ida, desk, reference, "facts/workaround", value="yes")
    assert answer.headers["location"].endswith("&did=fact.workaround.no")
    page = ida.get(answer.headers["location"]).text
    assert "Workaround: yes" in page
    assert "stated by an engineer" in page
    assert "a temporary workaround is available" in page
    assert f'action="/requests/{reference}/facts/workaround"' in page.split('class="toast"')[1]
    assert '<input type="hidden" name="value" value="no">' in page.split('class="toast"')[1]
    version = row_of(desk, reference).version
    ida.post(f"/requests/{reference}/facts/workaround", data={"version": version, "value": "no"})
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        stated = tables.progress.stated(session, row.id)
        assert [(one.name, one.value, one.stated_by) for one in stated] == [
            ("workaround", "yes", "ida"),
            ("workaround", "no", "ida"),
        ]


def test_a_fact_nobody_may_state_is_refused(desk, ida, suggested):
    """What follows from the log of calls is not stated by hand; neither is a fact or value there is not."""
    reference = raise_one(desk, suggested)
    for name, value in (("unreachable", "yes"), ("moon", "full"), ("workaround", "perhaps")):
        assert send(ida, desk, reference, f"facts/{name}", value=value).status_code == 422
    assert send(ida, desk, reference, "facts", fact="environment=staging").status_code == 303
    with transaction(desk.engine) as session:
        assert [one.name for one in session.scalars(select(tables.progress.StatedFact))] == ["environment"]


def test_a_fact_twice_at_once_is_a_conflict(desk, ida, suggested):
    """Two who state a fact on the same version: the second is told, and nothing is stated twice."""
    reference = raise_one(desk, suggested)
    version = row_of(desk, reference).version
    assert send(ida, desk, reference, "facts/workaround", version=version, value="yes").status_code == 303
    assert send(ida, desk, reference, "facts/workaround", version=version, value="easy").status_code == 409


def test_an_unreachable_customer_is_eased_by_a_lead_only(desk, ida, lea, suggested):
    """Parallels Note #2: the button needs the ledger and the role; the decision cites the clause, and is undone."""
    reference = raise_one(desk, suggested, "parallels")
    page = lea.get(f"/requests/{reference}").text
    assert "Reduce to Severity 3 (Normal)" in page
    assert "No attempt to call is written down." in page
    assert button(page, "Reduce to").count("disabled") == 1
    for minutes in (40, 20, 1):
        attempt_at(desk, reference, minutes)
    mine, theirs = ida.get(f"/requests/{reference}").text, lea.get(f"/requests/{reference}").text
    assert "For lead only; you are engineer." in mine
    assert "disabled" in button(mine, "Reduce to")
    assert "disabled" not in button(theirs, "Reduce to")
    assert send(ida, desk, reference, "ease", rule="unreachable-contact").status_code == 403
    answer = send(lea, desk, reference, "ease", rule="unreachable-contact")
    assert answer.status_code == 303
    assert row_of(desk, reference).decided_priority == "3"
    page = lea.get(answer.headers["location"]).text
    assert "corrected by the rule of your role: Incident · Severity 3 (Normal)" in page
    assert "by a rule of their role" in page
    lea.post(f"/requests/{reference}/undo", data={"version": row_of(desk, reference).version})
    assert row_of(desk, reference).decided_priority is None


def test_a_severity_that_needs_a_phone_is_confirmed_with_open_eyes(desk, ida, suggested):
    """Parallels Note #2: severity 1 without a contact phone needs a second look, on the page and at the server."""
    reference = raise_one(desk, suggested, "parallels")
    page = ida.get(f"/requests/{reference}").text
    assert "contact phone missing" in page
    form = {"type": "incident", "priority": "1"}
    refused = send(ida, desk, reference, "decision", **form)
    assert refused.status_code == 422
    assert "Contact phone missing" in refused.text
    assert row_of(desk, reference).decided_priority is None
    assert send(ida, desk, reference, "decision", **form, seen="yes").status_code == 303
    other = raise_one(desk, suggested, "parallels", level="3")
    assert send(ida, desk, other, "decision", type="incident", priority="3").status_code == 303


def test_attempts_to_call_are_a_ledger(desk, ida, suggested):
    """A call made by hand needs a number and how it ended; one placed by the house is a job, one at a time."""
    reference = raise_one(desk, suggested, "parallels")
    assert send(ida, desk, reference, "callback", outcome="no-answer").status_code == 422
    assert send(ida, desk, reference, "callback", outcome="placed", number="+493055501").status_code == 422
    fields = {"outcome": "no-answer", "number": "+49305550137", "note": "rang out"}
    assert send(ida, desk, reference, "callback", **fields).status_code == 303
    page = ida.get(f"/requests/{reference}").text
    assert "<strong>nobody answered</strong> +49305550137, called by Ida: “rang out”" in page
    with transaction(desk.engine) as session:
        assert [one.outcome for one in session.scalars(select(tables.progress.Callback))] == [CallbackOutcome.NO_ANSWER]


def test_the_house_calls_the_number_on_file(desk, ida, suggested):
    """Call back now schedules a call to the number of the form, once."""
    reference = raise_one(desk, suggested, "parallels")
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        tables.requests.interactions(session, row.id)[0].fields = {"phone": "+49305550137"}
    assert "Call back now" in ida.get(f"/requests/{reference}").text
    assert send(ida, desk, reference, "call").status_code == 303
    assert send(ida, desk, reference, "call").status_code == 422
    with transaction(desk.engine) as session:
        kinds = [job.kind for job in session.scalars(select(tables.jobs.Job))]
    assert kinds == [JobKind.CALLBACK_PLACE]


def test_an_escalation_shows_whom_it_reached(desk, ida, suggested):
    """Steps tell whom they told and whom they could not; whoever takes it on is in the log."""
    reference = raise_one(desk, suggested)
    assert send(ida, desk, reference, "escalate", reason=" ").status_code == 422
    assert send(ida, desk, reference, "escalate", reason="need a database expert").status_code == 303
    add_steps(desk, reference)
    page = ida.get(f"/requests/{reference}").text
    assert "need a database expert" in page
    assert "nobody is known for this step" in page
    assert "an engineer asked for help" in page
    assert "lead@example.com: sent" in page
    assert send(ida, desk, reference, "acknowledge").status_code == 303
    assert "took the escalation on" in ida.get(f"/requests/{reference}").text


def test_who_may_see_a_request_is_chosen_where_the_policy_knows_groups(desk, ida, suggested):
    """OroCloud: private or shared with the group; what is neither is refused."""
    reference = raise_one(desk, suggested, "oro")
    assert "private: whoever raised it" in ida.get(f"/requests/{reference}").text
    assert send(ida, desk, reference, "visibility", visibility="public").status_code == 422
    assert send(ida, desk, reference, "visibility", visibility="group").status_code == 303
    assert row_of(desk, reference).visibility is Visibility.GROUP
    assert 'value="private"' not in ida.get(f"/requests/{raise_one(desk, suggested)}").text


def test_what_a_client_wrote_may_mean_a_step(desk, ida, suggested):
    """A message after the resolution re-opens nothing by itself: the page proposes it, and a person decides."""
    reference = raise_one(desk, suggested, "parallels")
    for step in ("start", "resolve"):
        send(ida, desk, reference, "step", step=step)
    assert "re-open?" not in ida.get(f"/requests/{reference}").text
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        at = desk.now + timedelta(minutes=1)
        tables.requests.record_clock(session, row.id, "proposed", "mail:1", at, value="reopen")
    assert "<strong>re-open?</strong>" in ida.get(f"/requests/{reference}").text
    send(ida, desk, reference, "step", step="reopen")
    desk.now += timedelta(minutes=2)
    assert row_of(desk, reference).status == "new"


def test_coverage_is_told_with_its_reason(desk, ida, suggested):
    """What a contract does not cover is said in the header, whatever else is done with the request."""
    with transaction(desk.engine) as session:
        account = tables.directory.Account(name="Acme", number="A1", policy="witboost")
        session.add(account)
        session.flush()
        known = account.id
    reference = raise_one(desk, suggested, "witboost", account_id=known)
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        tables.requests.interactions(session, row.id)[0].fields = {"components": "the template of our lake"}
    page = ida.get(f"/requests/{reference}").text
    assert "not covered: " in page
    assert "contracts are not known" in page


def test_what_is_written_is_escaped_everywhere(desk, ida, suggested):
    """Markup in notes, reasons, numbers and answers stays text."""
    reference = raise_one(desk, suggested)
    evil = "<script>alert(1)</script>"
    send(ida, desk, reference, "note", text=evil, kind="assumption")
    send(ida, desk, reference, "note", text=evil)
    send(ida, desk, reference, "tell", text=evil)
    send(ida, desk, reference, "callback", outcome="busy", number="+49305550137", note=evil)
    send(ida, desk, reference, "escalate", reason=evil)
    refused = send(ida, desk, reference, "tell", text=evil, until="nonsense")
    assert refused.status_code == 422
    for page in (refused.text, ida.get(f"/requests/{reference}").text):
        assert evil not in page
        assert "&lt;script&gt;alert(1)" in page


def test_impact_and_urgency_are_read_off_the_table(desk, ida, suggested):
    """Witboost: the page says which levels the table leaves open, and that it is assumed."""
    page = ida.get(f"/requests/{raise_one(desk, suggested, 'witboost')}").text
    assert "Impact and urgency" in page


def test_what_is_left_behind_is_a_page(desk, ida, suggested):
    """A request that waits for us is listed with why and by when; mine are those I own."""
    reference = raise_one(desk, suggested, minutes_ago=60 * 24 * 5)
    page = ida.get("/left").text
    assert reference in page
    assert "nobody works on it" in page
    assert "overdue" in page
    assert reference not in ida.get("/left?mine=true").text
    send(ida, desk, reference, "take")
    assert reference not in ida.get("/left").text
    desk.now += timedelta(days=3)
    with desk.signed_in() as later:
        assert reference in later.get("/left?mine=true").text


def test_the_queue_is_sorted_by_the_next_target(desk, ida, suggested):
    """Late first, then what is due within the hour, then later; what has no clock is at the end, the severe one not."""
    later = raise_one(desk, suggested, level="P2", minutes_ago=5)
    soon = raise_one(desk, suggested, minutes_ago=20)
    late = raise_one(desk, suggested, minutes_ago=72)
    severe = raise_one(desk, suggested, "parallels")
    still = raise_one(desk, suggested, "parallels", level="3")
    page = ida.get("/triage").text
    order = [page.index(f'id="row-{reference[3:]}"') for reference in (late, soon, severe, later, still)]
    assert order == sorted(order)
    headings = [
        page.index(f">{words} <span>")
        for words in ("Late", "Due within the hour", "Looks most severe, no target", "Later", "Clock not running")
    ]
    assert headings == sorted(headings)
    assert ">12 min late</span>" in page
    assert ">40 min left</span>" in page


def test_what_runs_on_after_the_decision_is_listed_by_its_next_target(desk, ida, suggested):
    """A decided request leaves the queue; its clock is watched under the heading that it belongs to, mine apart."""
    reference = raise_one(desk, suggested, minutes_ago=72)
    send(ida, desk, reference, "decision", type="incident", priority="P1")
    assert f'id="row-{reference[3:]}"' not in ida.get("/triage").text
    page = ida.get("/left/clocks").text
    assert "Late <span>1</span>" in page
    assert "12 min late" in page
    assert reference not in ida.get("/left/clocks?mine=true").text


def test_the_queue_costs_the_same_for_many(desk, ida, suggested):
    """The clocks of all lines are read in one statement, however many lines there are."""
    for _ in range(12):
        raise_one(desk, suggested)
    said = []
    event.listen(desk.engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    ida.get("/triage/queue")
    assert sum("FROM clock_events" in statement for statement in said) == 1


def test_a_level_changed_targets_from_the_start(desk, ida, suggested):
    """Confirmed as P1 and changed to P2, the page tells both targets, counted from the original start."""
    reference = raise_one(desk, suggested, minutes_ago=30)
    send(ida, desk, reference, "decision", type="incident", priority="P1")
    assert ">30 min left</strong>" in ida.get(f"/requests/{reference}").text
    desk.now += timedelta(minutes=5)
    send(ida, desk, reference, "facts/workaround", value="yes")
    page = ida.get(f"/requests/{reference}").text
    assert "Suggested now" in page
    assert "Confirm Incident · High P2" in page
    assert send(ida, desk, reference, "decision", type="incident", priority="P2").status_code == 303
    page = ida.get(f"/requests/{reference}").text
    assert ">3 h 25 left</strong>" in page
    assert "incident level P1 became incident level P2" in page
    assert "counted again from the start" in page


def button(page, words):
    """The tag of the button with these words."""
    return page[: page.index(f">{words}")].rsplit("<button", 1)[1]


def attempt_at(desk, reference, minutes_ago):
    """A call that nobody answered."""
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        at = desk.now - timedelta(minutes=minutes_ago)
        session.add(
            tables.progress.Callback(
                request_id=row.id,
                number="+49305550137",
                placed_by="ida",
                placed_at=at,
                ended_at=at,
                outcome=CallbackOutcome.NO_ANSWER,
            )
        )


def add_steps(desk, reference):
    """A step that told a lead, and one that found nobody."""
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        shared = {
            "request_id": row.id,
            "ladder": "stuck",
            "channel": "mail",
            "cause": "asked",
            "cause_at": desk.now,
            "clause": "R17 Protocol",
            "assumed": True,
            "policy": "wso2@2",
            "policy_digest": "d",
            "due_at": desk.now,
            "created_at": desk.now,
        }
        told = tables.progress.EscalationStep(
            key="a", rung="lead", label="Support lead", to_role="lead", to_name="", state=StepState.TOLD, **shared
        )
        nobody = tables.progress.EscalationStep(
            key="b",
            rung="chat",
            label="Support chat",
            to_role="",
            to_name="support-chat",
            state=StepState.NOBODY,
            **shared,
        )
        session.add_all([told, nobody])
        session.flush()
        session.add(
            tables.progress.Notice(
                step_id=told.id,
                request_id=row.id,
                channel="mail",
                name="",
                recipient="lead@example.com",
                state=OutgoingState.SENT,
                created_at=desk.now,
                told_at=desk.now,
            )
        )
