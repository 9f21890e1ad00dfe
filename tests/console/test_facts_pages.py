"""Facts that engineers state, rules of a role, and what a level depends on, under the policies that have them."""

from datetime import timedelta

from sqlalchemy import select

from models import tables
from models.store import transaction


def test_a_fact_changes_the_suggestion_at_once(stands, desk, ida, suggested):
    """A workaround makes it P2 with the clause; the toast takes it back by stating what was said before."""
    reference = stands.raise_one(desk, suggested)
    page = ida.get(f"/requests/{reference}").text
    assert "Confirm Incident · Critical P1" in page
    answer = stands.send(ida, desk, reference, "facts/workaround", value="yes")
    assert answer.headers["location"].endswith("&did=fact.workaround.no")
    page = ida.get(answer.headers["location"]).text
    assert "Workaround: yes" in page
    assert "stated by an engineer" in page
    assert "a temporary workaround is available" in page
    assert f'action="/requests/{reference}/facts/workaround"' in page.split('class="toast"')[1]
    assert '<input type="hidden" name="value" value="no">' in page.split('class="toast"')[1]
    version = stands.row_of(desk, reference).version
    ida.post(f"/requests/{reference}/facts/workaround", data={"version": version, "value": "no"})
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        stated = tables.progress.stated(session, row.id)
        assert [(one.name, one.value, one.stated_by) for one in stated] == [
            ("workaround", "yes", "ida"),
            ("workaround", "no", "ida"),
        ]


def test_a_fact_nobody_may_state_is_refused(stands, desk, ida, suggested):
    """What follows from the log of calls is not stated by hand; neither is a fact or value there is not."""
    reference = stands.raise_one(desk, suggested)
    for name, value in (("unreachable", "yes"), ("moon", "full"), ("workaround", "perhaps")):
        assert stands.send(ida, desk, reference, f"facts/{name}", value=value).status_code == 422
    assert stands.send(ida, desk, reference, "facts", fact="environment=staging").status_code == 303
    with transaction(desk.engine) as session:
        assert [one.name for one in session.scalars(select(tables.progress.StatedFact))] == ["environment"]


def test_a_fact_twice_at_once_is_a_conflict(stands, desk, ida, suggested):
    """Two who state a fact on the same version: the second is told, and nothing is stated twice."""
    reference = stands.raise_one(desk, suggested)
    version = stands.row_of(desk, reference).version
    assert stands.send(ida, desk, reference, "facts/workaround", version=version, value="yes").status_code == 303
    assert stands.send(ida, desk, reference, "facts/workaround", version=version, value="easy").status_code == 409


def test_an_unreachable_customer_is_eased_by_a_lead_only(stands, desk, ida, lea, suggested):
    """Parallels Note #2: the button needs the ledger and the role; the decision cites the clause, and is undone."""
    reference = stands.raise_one(desk, suggested, "parallels")
    page = lea.get(f"/requests/{reference}").text
    assert "Reduce to Severity 3 (Normal)" in page
    assert "No attempt to call is written down." in page
    assert stands.button(page, "Reduce to").count("disabled") == 1
    stands.leaves_number(desk, reference)
    for minutes in (40, 20, 1):
        stands.attempt_at(desk, reference, minutes)
    mine, theirs = ida.get(f"/requests/{reference}").text, lea.get(f"/requests/{reference}").text
    assert "For lead only; you are engineer." in mine
    assert "disabled" in stands.button(mine, "Reduce to")
    assert "disabled" not in stands.button(theirs, "Reduce to")
    assert stands.send(ida, desk, reference, "ease", rule="unreachable-contact").status_code == 403
    answer = stands.send(lea, desk, reference, "ease", rule="unreachable-contact")
    assert answer.status_code == 303
    assert stands.row_of(desk, reference).decided_priority == "3"
    page = lea.get(answer.headers["location"]).text
    assert "corrected by the rule of your role: Incident · Severity 3 (Normal)" in page
    assert "by a rule of their role" in page
    lea.post(f"/requests/{reference}/undo", data={"version": stands.row_of(desk, reference).version})
    assert stands.row_of(desk, reference).decided_priority is None


def test_a_severity_that_needs_a_phone_is_confirmed_with_open_eyes(stands, desk, ida, suggested):
    """Parallels Note #2: severity 1 without a contact phone needs a second look, on the page and at the server."""
    reference = stands.raise_one(desk, suggested, "parallels")
    page = ida.get(f"/requests/{reference}").text
    assert "contact phone missing" in page
    form = {"type": "incident", "priority": "1"}
    refused = stands.send(ida, desk, reference, "decision", **form)
    assert refused.status_code == 422
    assert "Contact phone missing" in refused.text
    assert stands.row_of(desk, reference).decided_priority is None
    assert stands.send(ida, desk, reference, "decision", **form, seen="yes").status_code == 303
    other = stands.raise_one(desk, suggested, "parallels", level="3")
    assert stands.send(ida, desk, other, "decision", type="incident", priority="3").status_code == 303


def test_a_level_changed_targets_from_the_start(stands, desk, ida, suggested):
    """Confirmed as P1 and changed to P2, the page tells both targets, counted from the original start."""
    reference = stands.raise_one(desk, suggested, minutes_ago=30)
    stands.send(ida, desk, reference, "decision", type="incident", priority="P1")
    assert ">30 min left</strong>" in ida.get(f"/requests/{reference}").text
    desk.now += timedelta(minutes=5)
    stands.send(ida, desk, reference, "facts/workaround", value="yes")
    page = ida.get(f"/requests/{reference}").text
    assert "Suggested now" in page
    assert "Confirm Incident · High P2" in page
    assert stands.send(ida, desk, reference, "decision", type="incident", priority="P2").status_code == 303
    page = ida.get(f"/requests/{reference}").text
    assert ">3 h 25 left</strong>" in page
    assert "incident level P1 became incident level P2" in page
    assert "counted again from the start" in page


def test_impact_and_urgency_are_read_off_the_table(stands, desk, ida, suggested):
    """Witboost: the page says which levels the table leaves open, and that it is assumed."""
    page = ida.get(f"/requests/{stands.raise_one(desk, suggested, 'witboost')}").text
    assert "Impact and urgency" in page


def test_coverage_is_told_with_its_reason(stands, desk, ida, suggested):
    """What a contract does not cover is said in the header, whatever else is done with the request."""
    with transaction(desk.engine) as session:
        account = tables.directory.Account(name="Acme", number="A1", policy="witboost")
        session.add(account)
        session.flush()
        known = account.id
    reference = stands.raise_one(desk, suggested, "witboost", account_id=known)
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        tables.requests.interactions(session, row.id)[0].fields = {"components": "the template of our lake"}
    page = ida.get(f"/requests/{reference}").text
    assert "not covered: " in page
    assert "contracts are not known" in page
