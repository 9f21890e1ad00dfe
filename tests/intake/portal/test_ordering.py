"""What a form asks beyond its fields: services, their inputs and notice, the table of impact and urgency."""

from datetime import date, timedelta

import pytest

from intake.portal import forms, matrix, ordering
from intake.portal.wording import words
from triage.policy import load_packs

W = words("en")
POLICIES = load_packs()
OWN = {"policy": "oro", "company": "Nordhandel", "license_key": "OL-0000-1234-ABCD", "level": ""}


def ordered(customer, service, **more):
    """Order a service on the form."""
    return customer.post_new(**OWN, service=service, **more)


def test_services_are_chosen_first_and_then_show_what_they_need(customer):
    """O17: its questions, its estimate in working days, and how to do it without us; no script needed."""
    page = customer.browser.get("/portal/new?policy=oro").text
    assert '<option value="ssh-access"' in page
    assert 'name="service."' not in page
    page = customer.browser.get("/portal/new?policy=oro&service=sftp").text
    assert 'name="service.logins"' in page
    assert "Which logins do you prefer?" in page
    assert W("service_days", first="1", last="2") in page
    assert "orocloud.yaml" in customer.browser.get("/portal/new?policy=oro&service=dns").text
    assert W("service_looked_into") in customer.browser.get("/portal/new?policy=oro&service=other-software").text
    assert W("service_day", count="1") in customer.browser.get("/portal/new?policy=oro&service=availability-check").text
    assert W("service_title") not in customer.browser.get("/portal/new?policy=wso2&service=sftp").text


def test_a_service_is_raised_by_its_own_types(customer):
    """The type is chosen already where it has only one, and another one is a mistake."""
    page = customer.browser.get("/portal/new?policy=oro&service=sftp").text
    assert page.count('name="type"') == 1
    assert " checked" in page
    assert ordered(customer, "sftp", type="bug").status_code == 422
    assert customer.requests() == []


def test_what_the_form_asks_anyway_is_not_asked_twice():
    """A new environment's inputs are all fields of its type; access needs what its own type does not ask."""
    oro = POLICIES["oro"]
    for service, extra in (("environment", []), ("sftp", ["service.logins"])):
        chosen = ordering.chosen(oro, service)
        form = ordering.offering(oro, chosen)
        assert [each.name for each in form.fields if each.name.startswith(ordering.PREFIX)] == extra, service


@pytest.mark.parametrize("service", [each.id for each in POLICIES["oro"].catalogue.services])
def test_every_input_of_every_service_can_be_told(service):
    """By a question of its own, or by a field that the form asks for each of its types; choices stay choices."""
    oro = POLICIES["oro"]
    chosen = ordering.chosen(oro, service)
    form = ordering.offering(oro, chosen)
    for kind in [each.value for each in form.types if each.inbound]:
        asked = {each.name: each for each in form.fields if forms.is_asked(form, each, kind)}
        for one in chosen.asks:
            field = asked.get(ordering.PREFIX + one.name) or asked[one.name]
            values = {each.value for each in field.options}
            assert not one.options or values == {each.value for each in one.options}, (kind, one.name)


def test_questions_of_other_types_are_not_shown_with_a_service(customer):
    """A launch is no access request: nobody is asked for a user."""
    page = customer.browser.get("/portal/new?policy=oro&service=go-live").text
    assert "user_name" not in page
    assert "Company name" in page


def test_an_order_is_kept_under_its_own_names(customer, now):
    """The desk reads which service it is, and its inputs, from the interaction's fields."""
    given = {"service.logins": "nord1, nord2", "user_name": "Jon Sample", "user_email": "jon@example.org"}
    page = ordered(customer, "sftp", type="access-request", **given)
    assert page.status_code == 200
    (row,) = customer.requests()
    fields = customer.said(row.id)[0].fields
    assert (fields["service"], fields["logins"]) == ("sftp", "nord1, nord2")
    assert not [name for name in fields if name.startswith("service.")]
    assert "nord1, nord2" in page.text
    assert "SFTP" in page.text


def test_when_it_may_be_expected_is_shown(customer):
    """An estimate in words, once everything has been told."""
    given = {"service.logins": "nord1", "user_name": "Jon Sample", "user_email": "jon@example.org"}
    ordered(customer, "sftp", type="access-request", **given)
    (row,) = customer.requests()
    customer.stands(row.id, "", policy="oro")
    page = customer.get_page(row.id).text
    assert "(estimate)" in page
    customer.stands(row.id, "resolved", policy="oro")
    assert "(estimate)" not in customer.get_page(row.id).text


def test_nothing_that_a_service_needs_is_required(customer):
    """The work waits for it, the request does not."""
    given = {"user_name": "Jon Sample", "user_email": "jon@example.org"}
    assert ordered(customer, "sftp", type="access-request", **given).status_code == 200


@pytest.mark.parametrize("service", ["nonsense", "<script>", "ssh-access' OR 1=1"])
def test_a_service_that_is_not_there_is_none(customer, service):
    """The form is the plain one, and nothing of what was sent is kept."""
    page = customer.browser.get("/portal/new", params={"policy": "oro", "service": service})
    assert page.status_code == 200
    assert "<script>" not in page.text
    assert ordered(customer, service, type="bug").status_code == 200
    (row,) = customer.requests()
    assert "service" not in customer.said(row.id)[0].fields


def test_a_launch_is_told_two_weeks_ahead(customer, now):
    """O18: the form says from which day on; a nearer one is taken all the same, and the page says so."""
    first = now.date() + timedelta(days=14)
    page = customer.browser.get("/portal/new?policy=oro&service=go-live").text
    assert W("service_notice", count="14", day=W.day(first)) in page
    assert 'name="service.launch"' in page
    assert 'type="date"' in page
    for days, late in ((14, False), (13, True)):
        wanted = (now.date() + timedelta(days=days)).isoformat()
        page = ordered(customer, "go-live", type="consulting", key=f"{days:032x}", **{"service.launch": wanted})
        row = customer.requests()[-1]
        customer.stands(row.id, "", policy="oro")
        told = W("service_late", count="14", day=W.day(first))
        assert (told in customer.get_page(row.id).text) is late, days


@pytest.mark.parametrize("written", ["soon", "2026-13-01", "31.12.2026", "20261231", "2026-W01-1"])
def test_a_launch_is_a_date(customer, written):
    """As a browser sends it; anything else is told."""
    page = ordered(customer, "go-live", type="consulting", **{"service.launch": written})
    assert page.status_code == 422
    assert "write a date" in page.text


def test_no_date_is_never_late():
    """What was not told, or is no date, is not measured."""
    launch = ordering.chosen(POLICIES["oro"], "go-live")
    today = date(2026, 11, 21)
    assert ordering.late(launch, {}, today) is None
    assert ordering.late(launch, {"launch": "soon"}, today) is None
    assert ordering.late(None, {"launch": "2026-11-22"}, today) is None
    assert ordering.late(launch, {"launch": "2026-11-22"}, today).first == date(2026, 12, 5)


def test_the_table_reads_the_customers_answers_and_an_engineer_confirms(customer):
    """B8: the receipt says what impact and urgency give; the table can be looked at on form and page."""
    page = customer.browser.get("/portal/new?policy=witboost").text
    assert W("matrix") in page
    given = {"impact": "significant", "urgency": "medium", "components": "Home page"}
    page = customer.post_new(policy="witboost", type="incident", **given)
    (row,) = customer.requests()
    customer.stands(row.id, "", policy="witboost")
    page = customer.get_page(row.id).text
    assert W("matrix_read", level="P2 - Serious") in page
    assert '<th scope="row">Significant</th><td>P1</td><td>P2</td><td>P2</td>' in page


@pytest.mark.parametrize(
    ("answers", "level"),
    [
        ({"type": "incident", "impact": "extensive", "urgency": "low"}, "P2"),
        ({"type": "it-help", "impact": "extensive", "urgency": "high"}, ""),
        ({"type": "incident", "impact": "extensive"}, ""),
        ({"type": "incident", "impact": "huge", "urgency": "high"}, ""),
        ({}, ""),
    ],
)
def test_the_table_gives_nothing_where_an_answer_is_missing(answers, level):
    """Nor for types it does not hold for; an unknown word is no answer."""
    assert matrix.read_as(POLICIES["witboost"], answers).startswith(level)
    assert bool(matrix.read_as(POLICIES["witboost"], answers)) is bool(level)
    assert matrix.read_as(POLICIES["wso2"], answers) == ""
