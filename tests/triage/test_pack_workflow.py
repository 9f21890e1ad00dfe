"""The four packs' ways of working: golden cases from each policy's own text and examples."""

from datetime import UTC, date, datetime, timedelta

import pytest

from triage.catalogue import delivery, lacking, notice, offered
from triage.completeness import Told, meter
from triage.entitlement import in_scope
from triage.escalation import due
from triage.matrix import read_off
from triage.nudges import Habit
from triage.policy import Policy, load_packs
from triage.timeline import Event
from triage.workflow import CLIENT, HALTED, allowed, on_message

ENGINEER, LEAD = "engineer", "lead"
NOON = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
"""A Monday on which every office of the four policies is open."""


def pack(name: str) -> Policy:
    """A pack as it ships."""
    return load_packs()[name]


def test_wso2_has_fourteen_transitions_each_with_its_actors():
    """WSO2 appendix A, row by row: from, to, who."""
    vendor, client, both = (ENGINEER,), (CLIENT,), (CLIENT, ENGINEER)
    assert pack("wso2").workflow.edges == {
        ("open", "in-progress", vendor),
        ("in-progress", "waiting-on-client", vendor),
        ("in-progress", "resolved", vendor),
        ("waiting-on-client", "waiting-on-wso2", client),
        ("waiting-on-client", "closed", client),
        ("waiting-on-wso2", "in-progress", vendor),
        ("waiting-on-wso2", "waiting-on-client", vendor),
        ("waiting-on-wso2", "resolved", vendor),
        ("waiting-on-wso2", "deferred", vendor),
        ("resolved", "closed", client),
        ("resolved", "reopened", both),
        ("closed", "reopened", both),
        ("reopened", "in-progress", vendor),
        ("deferred", "reopened", both),
    }


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("wso2", "open in-progress waiting-on-client waiting-on-wso2 resolved closed reopened deferred"),
        ("witboost", "to-do taken-in-charge waiting-for-customer escalated resolved closed"),
        ("oro", "waiting-for-triage acknowledged in-progress waiting-for-customer resolved reopened"),
        ("parallels", "new in-progress waiting-for-customer resolved closed"),
    ],
)
def test_each_pack_has_its_statuses(name: str, statuses: str):
    """As the source names them, or, where it names none, assumed."""
    flow = pack(name).workflow
    assert [status.value for status in flow.statuses] == statuses.split()
    assert all(status.clause and step.clause for status in flow.statuses for step in flow.steps)
    if name in {"witboost", "parallels"}:
        assert all(status.assumed for status in flow.statuses)


@pytest.mark.parametrize("name", ["wso2", "witboost", "oro", "parallels"])
def test_a_client_s_message_ends_every_wait_for_them_at_once(name: str):
    """And re-opens nothing without a person."""
    flow = pack(name).workflow
    for status in flow.statuses:
        step = on_message(flow, status.value)
        assert (step is not None and step.on_message == "at-once") == (status.stage in HALTED)


def test_wso2_deferring_needs_the_agreement_and_cannot_reproduce_a_lead():
    """WSO2 appendix A (Defer Issue), and the team's protocol."""
    offers = {offer.step.id: offer for offer in allowed(pack("wso2").workflow, "waiting-on-wso2", ENGINEER)}
    assert [question.name for question in offers["defer"].asks] == ["agreement"]
    assert "cannot-reproduce" not in [one.value for one in offers["resolve"].resolutions]
    leads = {offer.step.id: offer for offer in allowed(pack("wso2").workflow, "in-progress", LEAD)}
    hard = next(one for one in leads["resolve"].resolutions if one.value == "cannot-reproduce")
    assert [question.name for question in hard.asks] == ["setup", "patches", "topology", "sample"]


def test_witboost_tells_how_the_resolution_is_delivered():
    """Witboost, Resolution & Recovery: configuration change or patched version, and a message."""
    offers = {offer.step.id: offer for offer in allowed(pack("witboost").workflow, "taken-in-charge", ENGINEER)}
    assert [question.name for question in offers["resolve"].asks] == ["message"]
    assert {"configuration-change", "patched-version"} <= {one.value for one in offers["resolve"].resolutions}


def test_oro_customers_mark_as_resolved_and_silence_is_only_a_proposal():
    """OroCloud, Mark the Ticket as Resolved; three follow-ups, three working days apart."""
    flow = pack("oro").workflow
    assert "resolve" in [offer.step.id for offer in allowed(flow, "in-progress", CLIENT)]
    assert flow.silence is not None
    assert (flow.silence.follow_ups, flow.silence.days, flow.silence.assumed) == (3, 3, True)


def test_the_protocol_s_path_of_escalation_is_in_its_order():
    """Support lead, chat, mailing list, leadership, product leads."""
    asked = Event(id="a", at=NOON, kind="asked")
    calm = Event(id="l", at=NOON - timedelta(hours=1), kind="level", value="P3")
    steps = due(pack("wso2").escalation, [asked, calm], NOON + timedelta(days=9))
    assert [one.rung.id for one in steps] == [
        "support-lead", "support-chat", "support-dev", "support-leadership", "product-leads",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("impact", "levels"),
    [
        ("extensive", "P1 P1 P2"),
        ("significant", "P1 P2 P2"),
        ("moderate", "P2 P2 P3"),
        ("minor", "P3 P3 P3"),
    ],
)
def test_witboost_impact_and_urgency(impact: str, levels: str):
    """The assumed table, cell by cell; a blocking fact forces P1."""
    table = pack("witboost").matrix
    assert table is not None
    assert table.assumed
    for urgency, level in zip(("high", "medium", "low"), levels.split(), strict=True):
        fields = {"impact": impact, "urgency": urgency}
        assert read_off(table, fields, {"down": "no"}).level == level
        assert read_off(table, fields, {"down": "full", "workaround": "no"}).level == "P1"


def test_witboost_templates_and_plug_ins_are_out_of_scope():
    """Witboost SLA: the perimeter of the services."""
    found = in_scope(pack("witboost").entitlement, None, "Templates")
    assert found.answer is False
    assert "B16" in found.clause


@pytest.mark.parametrize(
    ("service", "inputs", "days"),
    [
        ("environment", 10, (2, 3)),
        ("basic-authentication", 0, (1, 2)),
        ("sub-domains", 1, (1, 2)),
        ("ssh-access", 3, (1, 2)),
        ("sftp", 1, (1, 2)),
        ("back-office-url", 1, (1, 2)),
        ("database-migration", 1, (1, 2)),
        ("other-software", 1, None),
        ("mail-domains", 1, (1, 2)),
        ("certificate", 1, (2, 3)),
        ("dns", 0, (2, 3)),
        ("application-logs", 3, (1, 2)),
        ("message-queue", 1, (1, 2)),
        ("resources", 3, None),
        ("availability-check", 0, (1, 1)),
    ],
)
def test_oro_s_catalogue_row_by_row(service: str, inputs: int, days: tuple[int, int] | None):
    """OroCloud, Application Deployment and Configuration: what each needs and how many working days it takes."""
    catalogue = pack("oro").catalogue
    assert catalogue is not None
    found = catalogue.find(service)
    assert found is not None
    assert (len(lacking(found, {})), found.days) == (inputs, days)
    assert (delivery(catalogue, found, NOON) is None) == (days is None)


def test_oro_three_services_need_no_support_and_one_is_for_staging():
    """Those that can be set in orocloud.yaml say so."""
    catalogue = pack("oro").catalogue
    assert catalogue is not None
    assert [one.id for one in catalogue.services if one.hint] == ["basic-authentication", "back-office-url", "dns"]
    domains = catalogue.find("mail-domains")
    assert domains is not None
    assert [offered(domains, place) for place in ("staging", "production")] == [True, False]


def test_oro_wants_two_weeks_notice_and_ten_figures_before_a_launch():
    """OroCloud, Contacting Support Before Launch."""
    catalogue = pack("oro").catalogue
    assert catalogue is not None
    launch = catalogue.find("go-live")
    assert launch is not None
    assert len(lacking(launch, {})) == 10
    assert notice(launch, date(2026, 5, 18), date(2026, 6, 1)).enough
    assert not notice(launch, date(2026, 5, 19), date(2026, 6, 1)).enough


def test_wso2_asks_for_everything_its_form_asks_for():
    """WSO2 §4.1: priority, environment, description, name, address, number; a P1 needs somebody round the clock."""
    found = meter(pack("wso2").completeness, Told(fields={}, known={}, type="incident", level="P1"))
    assert [one.wanted.name for one in found.missing] == [
        "level", "software", "patches", "environment", "description", "contact", "email", "phone", "round-the-clock",
    ]  # fmt: skip
    text = "P1: API Manager 4.2.0, no patches, expected 200. Name: Ada. ada@example.org, +49 30 55501234, 24x7."
    told = Told(text=text, fields={"environment": "production"}, known={}, type="incident", level="P1")
    assert meter(pack("wso2").completeness, told).questions() == ()


def test_parallels_severity_1_and_2_need_a_contact_phone():
    """Note #2: a gate for both, and for a severity that is not known yet; none for 3 and 4."""
    gates = {
        level: [one.wanted.name for one in meter(pack("parallels").completeness, told(level)).gates]
        for level in ("1", "2", None, "3", "4")
    }
    assert gates == {"1": ["phone"], "2": ["phone"], None: ["phone"], "3": [], "4": []}


def told(level: str | None) -> Told:
    """An incident of that severity of which nothing else is known."""
    return Told(fields={}, known={}, type="incident", level=level)


def test_the_protocol_s_habits_are_wso2_s_own():
    """Every one of them, with its clause; other policies have no end-of-day update from there."""
    assert {rule.habit for rule in pack("wso2").nudges} == set(Habit) - {Habit.FOLLOW_UP}
    for name in ("witboost", "oro", "parallels"):
        assert Habit.UPDATE not in {rule.habit for rule in pack(name).nudges}
        assert all(rule.assumed for rule in pack(name).nudges)
