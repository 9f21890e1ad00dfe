"""The whole way: a mail, a suggestion, an engineer's confirmation in a real browser, and what is learnt from it."""

import json
import os
import re
import shutil

import pytest
from playwright.sync_api import Page, expect, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture
def page():
    """A page in Debian's Chromium; there is always one in CI."""
    chromium = shutil.which("chromium")
    if chromium is None and not os.environ.get("CI"):
        pytest.skip("NO CHROMIUM ON PATH: the browser journey is not run")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser.new_page(viewport={"width": 1440, "height": 900})
        browser.close()


def sign_in(page: Page, house) -> None:
    """Sign in with the password that `up` printed."""
    page.goto(house.url)
    page.get_by_label("Login").fill("admin")
    page.get_by_label("Password").fill(house.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Triage")).to_be_visible()


@pytest.mark.browser
def test_a_mail_is_confirmed_in_the_browser_and_learnt_from(house, page: Page, eventually):
    """Confirming moves the request to decided; the decision trains the next artefact, which can be promoted."""
    text = "Our production gateway is down for all partners since 06:42. Restart did not help, no workaround."
    identity = house.mail("Orders fail in the browser journey", text, sender="eva@browser.example")
    (request,) = eventually(lambda: [each for each in house.requests(message_id=identity) if each.get("suggestion")])
    sign_in(page, house)
    page.goto(f"{house.url}/requests/{request['reference']}")
    expect(page.get_by_role("heading", name="Orders fail in the browser journey")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Confirm ")).click()

    def decided():
        found = house.api("GET", f"/requests/{request['reference']}").json()
        return found if found["state"] == "decided" else None

    detail = eventually(decided)
    (decision,) = detail["decisions"]
    assert (decision["verdict"], decision["by"]) == ("confirmed", "admin")

    trained = house.command("classifier", "train", "--from-decisions")
    assert trained.returncode == 0, trained.stderr
    candidate = json.loads(trained.stdout)
    assert candidate["decisions"] >= 1
    assert {"accuracy", "macro_f1", "ece"} <= set(candidate)
    promoted = house.command("classifier", "promote", candidate["id"], "--force")
    assert promoted.returncode == 0, promoted.stderr
    again = house.mail("After the promotion", text, sender="eva@promoted.example")
    (later,) = eventually(lambda: [each for each in house.requests(message_id=again) if each.get("suggestion")])
    assert house.api("GET", f"/requests/{later['reference']}").json()["suggestion"]["model"] == candidate["id"]


def test_the_second_engineer_gets_409_and_the_current_state(house, eventually):
    """Two read version 1; one decides."""
    identity = house.mail("Decided twice", "How do I rotate keys?", sender="kim@twice.example")
    (request,) = eventually(lambda: house.requests(message_id=identity))
    path, body = f"/requests/{request['reference']}/decision", {"type": "query", "priority": "P4"}
    version = {"If-Match": str(request["version"])}
    assert house.api("POST", path, json=body, headers=version).status_code in (200, 201)
    second = house.api("POST", path, json=body, headers=version)
    assert second.status_code == 409
    assert second.json()["request"]["state"] == "decided"
