"""Headers on every page, and what a POST must prove before it is believed."""

import pytest

from console.guards import CSP, HEADERS
from models.store import connect

FOREIGN = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": ""},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "cross-site", "origin": "http://testserver"},
    {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
]


def test_every_page_answer_carries_the_house_headers(house):
    """Pages, redirects and refusals alike carry the strict CSP and its companions."""
    for path in ("/sign-in", "/triage", "/requests/SB-1", "/recordings/x", "/triage/queue"):
        answer = house.client().get(path)
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, path


def test_the_policy_allows_nothing_inline():
    """The CSP starts from nothing and never says unsafe."""
    assert CSP.startswith("default-src 'none'")
    assert "unsafe" not in CSP


def test_pages_hold_no_inline_script_or_style(house, ida, suggested):
    """No page needs what the CSP forbids: style attributes, inline scripts, event handlers."""
    reference = house.request(content=suggested())
    for path in ("/triage", f"/requests/{reference}", "/requests", "/calls", "/policies", "/policies/acme", "/outbox"):
        text = ida.get(path).text
        assert " style=" not in text
        assert "<style" not in text
        assert "<script>" not in text
        assert " onclick=" not in text


def test_a_post_from_elsewhere_changes_nothing(house, ida, suggested):
    """A form on another site, or one that does not say where it is, cannot decide for Ida."""
    reference = house.request(content=suggested())
    ida.headers.pop("origin")
    form = {"version": 1, "type": "incident", "priority": "P2"}
    for headers in FOREIGN:
        answer = ida.post(f"/requests/{reference}/decision", data=form, headers=headers)
        assert answer.status_code == 403, headers
    assert "Confirm Incident" in ida.get(f"/triage/{reference}").text


@pytest.mark.parametrize("headers", [{"origin": "http://testserver"}, {"sec-fetch-site": "same-origin"}])
def test_a_post_from_our_own_page_counts(house, ida, suggested, headers):
    """Either header of a page of ours is enough: plain http has no fetch metadata."""
    reference = house.request(content=suggested())
    ida.headers.pop("origin")
    form = {"version": 1, "type": "incident", "priority": "P2"}
    assert ida.post(f"/requests/{reference}/decision", data=form, headers=headers).status_code == 303


def test_a_body_of_unknown_length_is_not_read(ida):
    """A chunked form is refused with 411: nobody knows where it ends."""
    answer = ida.post("/theme", content=iter([b"value=dark"]))
    assert answer.status_code == 411


def test_mistakes_are_pages_for_people(house, ida):
    """An unknown request and a bad form are answered in the house's own page, without internals."""
    missing = ida.get("/triage/SB-999")
    assert missing.status_code == 404
    assert "There is no request SB-999." in missing.text
    reference = house.request()
    wrong = ida.post(f"/requests/{reference}/decision", data={"version": "x", "type": "a", "priority": "b"})
    assert wrong.status_code == 422
    assert "version:" in wrong.text


def test_markup_in_a_message_stays_text(house, ida, suggested):
    """What a stranger writes is shown, never run."""
    content = suggested()
    content["words"].append({"text": "<img src=x onerror=alert(1)>", "weight": 1.0})
    content["facts"]["environment"]["evidence"] = "<script>alert(2)</script>"
    reference = house.request("<script>alert(3)</script>", content=content, party_name='"><script>alert(4)</script>')
    for path in (f"/triage/{reference}", f"/requests/{reference}", "/requests?q=%3Cscript%3Ealert(3)%3C/script%3E"):
        page = ida.get(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert "&lt;script&gt;alert(3)" in ida.get(f"/triage/{reference}").text


def test_without_postgresql_pages_say_come_back(house):
    """While PostgreSQL is away a page is 503 with Retry-After, quickly and without internals."""
    house.desk.engine.dispose()
    away = connect("postgresql://nobody@127.0.0.1:1/none")
    object.__setattr__(house.desk, "engine", away)
    answer = house.client(cookies={"switchboard": "x"}).get("/triage")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "psycopg" not in answer.text
    away.dispose()
