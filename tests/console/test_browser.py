"""The console in a real Chromium, against a real server: mouse, keys, live queue, two engineers, no JavaScript."""

import os
import shutil
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from models.calling import LegState
from models.terms import Channel

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PASSWORD = "correct horse battery"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None and not os.environ.get("CI"), reason="NO CHROMIUM HERE: the console was not tried in a browser"
    ),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    assert CHROMIUM is not None, "CI needs chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def address(house) -> Iterator[str]:
    """The address of a real server with this house."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        object.__setattr__(house.desk, "public_url", f"http://127.0.0.1:{port}")
        server = uvicorn.Server(uvicorn.Config(house.app, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def problems() -> Iterator[list[str]]:
    """What the browser complained about; nothing may be left at the end."""
    found: list[str] = []
    yield found
    assert found == []


def sign_in(context: BrowserContext, address: str, problems: list[str], login: str = "ida") -> Page:
    """A signed-in page that reports script errors and CSP violations."""
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(f"{address}/triage")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    page.wait_for_load_state("load")
    return page


def test_an_engineer_works_the_queue_by_keys(house, suggested, browser, address, problems):
    """J moves, Enter confirms and goes on, U undoes, E changes with a reason, / searches, ? helps; no page error."""
    first = house.request("First request", content=suggested(), minutes_ago=30)
    second = house.request("Second request", channel=Channel.PORTAL, content=suggested("P1"), minutes_ago=20)
    third = house.request("Third request", content=suggested("P3"), minutes_ago=10)
    with browser.new_context(timezone_id="Europe/Berlin") as context:
        page = sign_in(context, address, problems)
        expect(page.get_by_role("heading", name="Second request", level=1)).to_be_visible()
        expect(page.locator(".raised time")).to_have_text("Sat, 21 Nov 2026, 10:10 CET")
        page.keyboard.press("j")
        expect(page.get_by_role("heading", name="First request", level=1)).to_be_visible()
        expect(page.locator("[data-row][aria-current]")).to_contain_text(first)
        page.keyboard.press("Enter")
        expect(page.locator(".toast")).to_contain_text(f"{first} confirmed: Incident · P2 High")
        expect(page.get_by_role("heading", name="Third request", level=1)).to_be_visible()
        page.keyboard.press("u")
        expect(page.get_by_role("heading", name="First request", level=1)).to_be_visible()
        expect(page.locator(".queue").get_by_text(first)).to_be_visible()
        page.keyboard.press("e")
        expect(page.get_by_role("combobox", name="Priority")).to_be_focused()
        page.get_by_role("combobox", name="Priority").select_option("P1")
        page.get_by_label("Reason").fill("je kj the shop is down u")
        page.get_by_role("button", name="Save the decision").click()
        expect(page.locator(".toast")).to_contain_text(f"{first} corrected: Incident · P1 Critical")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
        page.keyboard.press("/")
        expect(page.get_by_role("searchbox")).to_be_focused()
        page.keyboard.type("third")
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{address}/requests?q=third")
        expect(page.get_by_role("link", name=third)).to_be_visible()
        expect(page.get_by_role("link", name=second)).to_have_count(0)


def test_a_new_request_appears_by_itself(house, suggested, browser, address, problems):
    """The queue grows without a reload; what the engineer is reading and writing stays where it is."""
    house.request("Being read", content=suggested(), minutes_ago=500)
    for number in range(20):
        house.request(f"Number {number}", content=suggested("P3"))
    with browser.new_context() as context:
        page = sign_in(context, address, problems)
        expect(page.locator("#live")).to_be_visible()
        page.locator(".change summary").click()
        page.get_by_label("Reason").fill("half a sentence")
        # In one step: a locator finds the list first and asks it second, and a refresh may come in between.
        page.evaluate("document.getElementById('queue-scroll').scrollTop = 200")
        house.request("Just came in", content=suggested("P1"))
        expect(page.locator(".queue").get_by_text("Just came in")).to_be_attached()
        assert page.evaluate("document.getElementById('queue-scroll').scrollTop") == 200
        expect(page.locator("[data-row][aria-current]")).to_contain_text("Being read")
        expect(page.get_by_label("Reason")).to_have_value("half a sentence")


def test_a_suggestion_that_arrives_late_appears_by_itself(house, suggested, browser, address, problems):
    """A request opened before its suggestion was made gets its Confirm button without a reload."""
    reference = house.request("Quick reader")
    with browser.new_context() as context:
        page = sign_in(context, address, problems)
        expect(page.get_by_text("Being worked out")).to_be_visible()
        house.suggest_later(reference, suggested())
        expect(page.get_by_role("button", name="Confirm Incident")).to_be_visible()


def test_of_two_engineers_the_second_is_told(house, suggested, browser, address, problems):
    """Both have the request open; who confirms second stays on it and reads who set what."""
    house.engineer("jana")
    reference = house.request("Contested", content=suggested())
    with browser.new_context() as hers, browser.new_context() as ours:
        jana, ida = sign_in(hers, address, problems, "jana"), sign_in(ours, address, problems)
        expect(ida.get_by_role("button", name="Confirm")).to_be_visible()
        # Ida's page must not hear of Jana's decision before she presses.
        jana.get_by_role("button", name="Confirm").click()
        expect(jana.locator(".toast")).to_contain_text(reference)
        ida.get_by_role("button", name="Confirm").click()
        expect(ida.get_by_role("alert")).to_contain_text("Jana set Incident · P2 High before you")
        expect(ida).to_have_url(f"{address}/triage/{reference}")


def test_everything_works_without_javascript(house, suggested, browser, address, problems):
    """With scripts off the same buttons confirm, correct and undo, by plain forms."""
    first = house.request("First request", content=suggested(), minutes_ago=20)
    house.request("Second request", content=suggested("P3"), minutes_ago=10)
    with browser.new_context(java_script_enabled=False) as context:
        page = sign_in(context, address, problems)
        page.get_by_role("button", name="Confirm").click()
        expect(page.locator(".toast")).to_contain_text(f"{first} confirmed")
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("heading", name="First request", level=1)).to_be_visible()
        page.locator(".change summary").click()
        page.get_by_role("combobox", name="Priority").select_option("P3")
        page.get_by_role("button", name="Save the decision").click()
        expect(page.locator(".toast")).to_contain_text("corrected: Incident · P3 Normal")


def test_a_small_screen_shows_one_thing_at_a_time(house, suggested, browser, address, problems):
    """At 390 pixels the queue and the request take turns, nothing runs off the side, Confirm stays in reach."""
    house.request("On the road " + "x" * 80, content=suggested())
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        page = sign_in(context, address, problems)
        expect(page.locator("#work")).to_be_hidden()
        page.locator("[data-row]").click()
        expect(page.locator("#queue")).to_be_hidden()
        expect(page.get_by_role("button", name="Confirm")).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.get_by_role("link", name="Queue").click()
        expect(page.locator("#queue")).to_be_visible()


def test_keys_rest_where_they_are_switched_off(house, suggested, browser, address, problems):
    """Single keys can be switched off (WCAG 2.1.4), and with a modifier they are the browser's."""
    house.request("First request", content=suggested("P1"))
    house.request("Second request", content=suggested("P3"))
    with browser.new_context() as context:
        page = sign_in(context, address, problems)
        page.keyboard.press("Alt+j")
        page.keyboard.press("?")
        page.get_by_label("Single keys are on in this browser").uncheck()
        page.get_by_role("button", name="Close").click()
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="First request", level=1)).to_be_visible()
        expect(page.locator(".toast")).to_have_count(0)


def test_colours_follow_the_system_and_the_toggle(house, browser, address, problems):
    """Dark when the system is dark, also at the next page the one chosen by hand."""
    with browser.new_context(color_scheme="dark") as context:
        page = sign_in(context, address, problems)
        ground = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(ground) == "rgb(16, 21, 31)"
        page.get_by_role("button", name="Colours: auto").click()
        page.get_by_role("button", name="Colours: dark").click()
        assert page.evaluate(ground) == "rgb(246, 248, 251)"
        page.goto(f"{address}/calls")
        assert page.evaluate(ground) == "rgb(246, 248, 251)"


def test_facts_and_tools_by_keys(house, suggested, browser, address, problems):
    """A number changes a fact and U takes it back; W, N and A do what they say, Escape leaves a form."""
    house.request("Gateway down", channel=Channel.PORTAL, content=suggested())
    with browser.new_context() as context:
        page = sign_in(context, address, problems)
        chip = page.locator("#fact-workaround")
        number = chip.get_attribute("data-key")
        expect(chip).to_contain_text("yes")
        page.keyboard.press(number)
        expect(chip).to_contain_text("easy")
        expect(page.locator(".toast")).to_contain_text("Workaround: easy")
        page.keyboard.press("u")
        expect(chip).to_contain_text("yes")
        page.keyboard.press("w")
        expect(page.get_by_label("Question 1", exact=True)).to_be_focused()
        expect(page.get_by_role("button", name="Confirm")).to_be_hidden()
        page.keyboard.press("Escape")
        page.keyboard.press("n")
        page.locator("#note textarea").fill("jk3u looks like node 2")
        page.locator("#note form button").click()
        expect(page.locator(".toast")).to_contain_text("noted")
        expect(page.locator(".timeline")).to_contain_text("jk3u looks like node 2")
        page.keyboard.press("a")
        expect(page.locator(".state-line")).to_contain_text("owned by Ida")
        page.keyboard.press("g")
        page.keyboard.press("l")
        expect(page).to_have_url(f"{address}/left")


def test_a_time_agreed_counts_in_the_readers_zone(house, suggested, browser, address, problems):
    """The form names the zone of the browser, and what is written there is stored as that moment."""
    house.request("Gateway down", channel=Channel.PORTAL, content=suggested())
    with browser.new_context(timezone_id="Asia/Tokyo", locale="en-GB") as context:
        page = sign_in(context, address, problems)
        page.keyboard.press("t")
        expect(page.locator("#tell")).to_contain_text("Asia/Tokyo")
        page.get_by_label("Message to the client").fill("Tomorrow")
        page.locator("[name=until]").fill("2026-11-22T09:00")
        page.get_by_role("button", name="Tell the client").click()
        expect(page.locator(".timeline")).to_contain_text("agreed a time: Sun 22 Nov 2026, 00:00 UTC")


def test_tools_work_without_javascript_and_on_a_small_screen(house, suggested, browser, address, problems):
    """With scripts off and at 390 pixels a fact is changed, the request taken and a note written; nothing runs off."""
    reference = house.request("Gateway down", channel=Channel.PORTAL, content=suggested())
    size = {"width": 390, "height": 844}
    with browser.new_context(java_script_enabled=False, viewport=size) as context:
        page = sign_in(context, address, problems)
        page.goto(f"{address}/requests/{reference}")
        page.locator("#fact-workaround").click()
        expect(page.locator("#fact-workaround")).to_contain_text("easy")
        page.get_by_role("button", name="Take").click()
        expect(page.locator(".state-line")).to_contain_text("owned by Ida")
        page.locator("#note > summary").click()
        page.locator("#note textarea").fill("on the road")
        page.locator("#note form button").click()
        expect(page.locator(".timeline")).to_contain_text("on the road")
    with browser.new_context(viewport=size) as context:
        page = sign_in(context, address, problems)
        page.goto(f"{address}/triage/{reference}")
        for panel in ("ask", "tell", "note", "escalate", "more"):
            page.locator(f"#{panel} > summary").click()
            assert page.evaluate("document.documentElement.scrollWidth") == 390, panel


def test_the_classifier_by_lead_in_both_colours(desk, artefacts, browser, address, problems, tmp_path):
    """G M opens it, Promote is told in a toast, it can be rolled back; both colours, a telephone, no JavaScript."""
    running, candidate = artefacts.busy(desk)
    pictures = []
    for colours in ("light", "dark"):
        with browser.new_context(color_scheme=colours, viewport={"width": 1440, "height": 900}) as context:
            page = sign_in(context, address, problems, "lea")
            page.keyboard.press("g")
            page.keyboard.press("m")
            expect(page.locator("#in-force")).to_contain_text(running)
            page.wait_for_load_state("load")
            pictures.append(page.screenshot(full_page=True, path=tmp_path / f"classifier-{colours}.png"))
            page.locator(".versions").get_by_role("button", name="Promote").nth(1).click()
            expect(page.get_by_label("Why all the same")).to_be_visible()
            page.screenshot(path=tmp_path / f"classifier-refused-{colours}.png")
    assert pictures[0] != pictures[1]
    with browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}) as context:
        page = sign_in(context, address, problems, "lea")
        page.goto(f"{address}/classifier")
        page.screenshot(full_page=True, path=tmp_path / "classifier-phone.png")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.locator(".versions").get_by_role("button", name="Promote").nth(1).click()
        expect(page.locator(".refused")).to_contain_text("accuracy 0.790 is below")
        page.screenshot(path=tmp_path / "classifier-refused-phone.png")
        page.get_by_role("link", name="Leave it").click()
        page.locator(".shadow").get_by_role("button", name=f"Promote {candidate}").click()
        expect(page.locator(".toast")).to_contain_text(f"{candidate} is in force")
        page.get_by_role("button", name=f"Roll back to {running}").click()
        expect(page.locator(".toast")).to_contain_text(f"{running} is in force again")
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        page = sign_in(context, address, problems)
        page.goto(f"{address}/classifier")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        expect(page.get_by_role("button", name="Promote")).to_have_count(0)


def test_a_live_call_is_followed_without_a_reload(desk, lines, suggested, browser, address, problems):
    """While the caller waits, page and list show whose telephone rings; once somebody is on the line, how fast."""
    reference = desk.request("Checkout is down", channel=Channel.PHONE, content=suggested())
    call = lines.add_call(desk, reference, live=True, seconds_ago=60, step="connect")
    lines.rang(desk, call, "Ben Muster", LegState.RINGING)
    with browser.new_context() as context:
        page, listed = sign_in(context, address, problems), context.new_page()
        page.goto(f"{address}/requests/{reference}")
        listed.goto(f"{address}/calls")
        expect(page.locator(".human")).to_contain_text("Ringing")
        expect(listed.locator("#on-the-line")).to_contain_text("ringing Ben Muster, round 1")
        lines.rang(
            desk, call, "Priya Sample", LegState.TAKEN, after=50, round=2, taken=6, key_pressed="1", bridged=True
        )
        expect(page.locator(".human")).to_contain_text("56 s to a human: Priya Sample")
        expect(listed.locator("#on-the-line")).to_contain_text("with a human after 56 s")


def test_the_same_outage_is_folded_by_key(desk, lines, suggested, browser, address, problems):
    """F opens the form, those like it come by themselves; folded, it leaves the queue and can be taken out again."""
    main, second = lines.outage(desk, 2, content=suggested("P1"))
    with browser.new_context() as context:
        page = sign_in(context, address, problems)
        page.goto(f"{address}/triage/{second}")
        expect(page.get_by_role("button", name=f"Fold into {main}")).to_be_visible()
        page.keyboard.press("f")
        expect(page.get_by_label("Worked on under")).to_be_focused()
        page.keyboard.type(main)
        page.keyboard.press("Enter")
        expect(page.locator(".toast")).to_contain_text(f"{second} is worked on under another request")
        expect(page.locator(f"#row-{second[3:]}")).to_have_count(0)
        expect(page.locator(f"#row-{main[3:]}")).to_contain_text("×2")
        page.get_by_role("link", name=main, exact=True).first.click()
        page.get_by_role("button", name=f"Take {second} out again").click()
        expect(page.locator(".toast")).to_contain_text(f"{second} stands for itself again")
        page.goto(f"{address}/triage")
        expect(page.locator(f"#row-{second[3:]}")).to_be_visible()


def test_calls_and_rota_on_a_small_screen_and_without_javascript(
    desk, lines, stands, suggested, browser, address, problems, tmp_path
):
    """Nothing runs off the side, at 390 pixels in the dark, whatever a webhook told; a lead stands in and rehearses."""
    lines.on_duty(desk)
    object.__setattr__(desk.desk, "rehearse", lambda _: lines.played(desk, "en"))
    reference = stands.raise_one(desk, suggested)
    lines.nights(desk, lines.add_call(desk, reference))
    live = lines.add_call(desk, reference, live=True, seconds_ago=60, from_number="4" * 4000, status="s" * 4000)
    lines.rang(desk, live, "Johanna Sample-Muster-Example-Instance", LegState.RINGING, number="+4930555001")
    lines.rang(desk, live, "Priya Sample", LegState.RINGING, number="+4930555002")
    lines.owed(desk, reference, minutes=-12, why="w" * 180)
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = sign_in(context, address, problems, "lea")
        for place in ("calls", "calls/owed", "on-call"):
            page.goto(f"{address}/{place}")
            tables = "[...document.querySelectorAll('.table')].filter(e => e.scrollWidth > e.clientWidth).length"
            assert page.evaluate(tables) == 0, place
    small = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
    with browser.new_context(**small, java_script_enabled=False) as context:
        page = sign_in(context, address, problems, "lea")
        for place in (f"requests/{reference}", "calls", "calls/owed", "on-call"):
            page.goto(f"{address}/{place}")
            page.screenshot(full_page=True, path=tmp_path / f"{place.replace('/', '-')}.png")
            assert page.evaluate("document.documentElement.scrollWidth") == 390, place
        page.get_by_label("Who stands in").select_option(label="Priya Sample")
        page.get_by_label("Until").fill("2026-11-22T09:00")
        page.get_by_role("button", name="Stand in").click()
        expect(page.locator(".duty")).to_contain_text("standing in for Ben Muster")
        page.get_by_role("button", name="Rehearse a call").click()
        expect(page.get_by_role("status").first).to_contain_text("Nobody was rung")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
