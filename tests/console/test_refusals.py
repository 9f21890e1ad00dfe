"""Pages refuse with a sentence what cannot be stored or counted; nobody reads a database's error."""

import pytest

NUL = "\x00"


@pytest.mark.parametrize("path", ["/requests?q=%00", "/triage/SB-%00", "/policies/%00", "/sign-in?next=%00"])
def test_an_address_with_a_nul_is_refused(ida, path):
    """Search and names alike, as a page for people."""
    answer = ida.get(path)
    assert answer.status_code == 422
    assert "U+0000" in answer.text


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("decision", {"type": "incident", "priority": "P2", "version": "1", "reason": f"a{NUL}b"}),
        ("note", {"kind": "note", "text": NUL}),
        ("step", {"step": NUL, "version": "1"}),
        ("callback", {"outcome": "busy", "number": f"+49305550137{NUL}"}),
        ("note", {"kind": "note", NUL: "x"}),
    ],
)
def test_a_form_with_a_nul_is_refused(house, ida, suggested, path, form):
    """Whichever field holds it; nothing is written."""
    reference = house.request(content=suggested())
    answer = ida.post(f"/requests/{reference}/{path}", data=form)
    assert answer.status_code == 422
    assert "U+0000" in answer.text
    assert "Confirm Incident" in ida.get(f"/triage/{reference}").text


def test_a_form_in_parts_with_a_nul_is_refused(house, ida, suggested):
    """The other way browsers send forms."""
    reference = house.request(content=suggested())
    files = {"kind": (None, "note"), "text": (None, f"a{NUL}b")}
    assert ida.post(f"/requests/{reference}/note", files=files).status_code == 422


def test_nobody_signs_in_with_a_nul(house):
    """Before the name is looked up."""
    assert house.client().post("/sign-in", data={"login": f"ida{NUL}", "password": "x"}).status_code == 422


def test_percent_signs_are_text(house, ida, suggested):
    """Whoever writes 100%00 sends no NUL: browsers write the percent sign as %25."""
    reference = house.request(content=suggested(), subject="Load is 100%00")
    assert reference in ida.get("/requests", params={"q": "100%00"}).text
    assert ida.post(f"/requests/{reference}/note", data={"kind": "note", "text": "100%00"}).status_code == 303


@pytest.mark.parametrize("until", ["9999-12-31T23:59", "2199-01-01T00:00", "0001-01-01T00:00"])
@pytest.mark.parametrize("zone", ["Etc/GMT+12", "Pacific/Kiritimati", ""])
def test_a_time_beyond_the_calendars_is_not_agreed(stands, desk, ida, suggested, until, zone):
    """The form comes back with what was written, and says which years there are."""
    reference = stands.raise_one(desk, suggested)
    form = {"text": "Later.", "until": until, "until-zone": zone}
    answer = ida.post(f"/requests/{reference}/tell", data=form)
    assert answer.status_code == 422
    assert "2198" in answer.text
