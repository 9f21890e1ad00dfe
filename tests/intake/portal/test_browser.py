"""The portal in a real Chromium as a customer has it: a phone, no JavaScript, the dark, the keyboard."""

import os
import shutil
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PHONE = {"width": 390, "height": 844}
MAIL = """Hello,

our production gateway answers 503 to every partner since 06:42 UTC.
We run API Manager 4.2.0. A restart did not help.

Marta Sample
"""
BERLIN = b"Date: Sat, 21 Nov 2026 10:28:00 +0100"
PARSED = {
    "signature": "Marta Sample\nNordhandel GmbH\n+49 30 5550 100",
    "attachments": [
        {"name": "gateway.log", "content_type": "text/plain", "size": 48_211, "inline": False},
        {"name": "logo.png", "content_type": "image/png", "size": 3_120, "inline": True},
    ],
}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None and not os.environ.get("CI"), reason="NO CHROMIUM HERE: the portal was not tried in a browser"
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
def address(visitor) -> Iterator[str]:
    """The address of a real server with this portal."""
    yield from served(visitor)


@pytest.fixture
def follower(customer) -> Iterator[str]:
    """The same for a portal that knows workflows."""
    yield from served(customer)


def served(visitor) -> Iterator[str]:
    """A real server for as long as its address is needed."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # so that a browser which is early waits instead of being refused
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(visitor.app, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def phone(browser) -> Iterator[Page]:
    """A phone without JavaScript; whatever the page complains about fails the test."""
    complaints: list[str] = []
    with browser.new_context(java_script_enabled=False, viewport=PHONE, has_touch=True) as context:
        page = context.new_page()
        page.on("console", lambda said: None if "status of 422" in said.text else complaints.append(said.text))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.set_default_timeout(60_000)
        yield page
    assert not complaints


def snap(page: Page, name: str) -> None:
    """Keep a picture where `PORTAL_PICTURES` says, for people to judge."""
    if folder := os.environ.get("PORTAL_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def width(page: Page) -> int:
    """How wide the page is, scripts off: the right edge of what is farthest right."""
    boxes = [each.bounding_box() for each in page.locator("main *").all()]
    return round(max(box["x"] + box["width"] for box in boxes if box))


def test_a_customer_raises_a_mailed_request_on_a_phone(visitor, address, phone, tmp_path):
    """The link, the filled form, a mistake told, a file, the status page: by thumb, without a script."""
    request = visitor.mailed(
        MAIL, subject="Re: Orders fail", parsed=PARSED, head=b"Date: Sat, 21 Nov 2026 10:28:00 +0100"
    )
    visitor.suggested(request, environment="production")
    phone.goto(address + visitor.claim_address(request))
    snap(phone, "claim")
    expect(phone.get_by_label("Summary")).to_have_value("Orders fail")
    expect(phone.get_by_label("Description")).to_have_value(MAIL.strip())
    expect(phone.get_by_label("Software and version")).to_have_value("API Manager 4.2.0")
    expect(phone.get_by_label("Environment")).to_have_value("production")
    expect(phone.get_by_label("Contact phone")).to_have_value("+49 30 5550100")
    expect(phone.get_by_label("Your name")).to_have_value("Marta Sample")
    expect(phone.get_by_text("gateway.log")).to_be_visible()
    expect(phone.get_by_text("logo.png")).to_have_count(0)
    expect(phone.get_by_role("group", name="Priority level")).to_be_hidden()
    phone.get_by_text("Hosting Incident", exact=True).tap()
    phone.get_by_text("Critical P1", exact=True).tap()
    phone.get_by_label("Project").fill("Nordhandel production")
    phone.get_by_label("Contact phone").fill("call my colleague")
    (tmp_path / "thread dump.txt").write_text("waiting on lock")
    phone.get_by_label("Add files").set_input_files(tmp_path / "thread dump.txt")
    phone.get_by_role("button", name="Send and start the clock").tap()
    expect(phone.get_by_role("alert")).to_contain_text("this is not a telephone number")
    expect(phone.get_by_role("alert")).to_be_focused()
    expect(phone).to_have_title("Error: Send your request and start the clock – " + visitor.requests()[0].reference)
    expect(phone.get_by_text("thread dump.txt")).to_be_visible()
    expect(phone.get_by_label("Hosting Incident")).to_be_checked()
    snap(phone, "claim-wrong")
    assert width(phone) <= PHONE["width"]
    link = phone.get_by_role("alert").get_by_role("link")
    assert link.bounding_box()["height"] >= 44
    link.tap()
    expect(phone.get_by_label("Contact phone")).to_be_in_viewport()
    phone.get_by_label("Contact phone").fill("030 5550 100")
    phone.get_by_role("button", name="Send and start the clock").tap()
    expect(phone.get_by_role("heading", name="We have your request")).to_be_visible()
    expect(phone.get_by_text("21 November 2026, 10:30 (UTC+1)").first).to_be_visible()
    expect(phone.get_by_text("21 November 2026, 09:30 (UTC)")).to_be_visible()
    expect(phone.locator("[aria-current=step]")).to_contain_text("Received")
    snap(phone, "status")
    assert width(phone) <= PHONE["width"]
    assert visitor.uploads(request) == [("thread dump.txt", "text/plain", b"waiting on lock")]


def test_everything_to_touch_is_large_enough(visitor, address, phone):
    """44 pixels in each direction, and text of 16 pixels, so that no phone zooms into a field."""
    phone.goto(address + "/portal/new?policy=oro")
    phone.get_by_text("New Environment Request", exact=True).tap()
    snap(phone, "new-oro")
    small = []
    targets = (
        "main .pick label, main button, main select, main textarea, main input:not([type=radio]):not([type=hidden])"
    )
    for each in phone.locator(targets).all():
        box = each.bounding_box()
        if box and min(box["height"], box["width"]) < 44:
            small.append((each.get_attribute("id") or each.inner_text(), box))
    assert not small
    expect(phone.get_by_label("Tag or branch")).to_be_visible()
    expect(phone.get_by_label("First and last name of the user")).to_be_hidden()
    assert width(phone) <= PHONE["width"]


def test_the_keyboard_alone_suffices(visitor, address, browser):
    """Tab and space choose and send; the order is that of the page."""
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address + "/portal/new?policy=witboost")
        keys = page.keyboard
        keys.press("Tab")
        keys.press("Space")
        expect(page.get_by_label("Incident")).to_be_checked()
        for text in ("Home page shows nothing", "Since this morning, for everybody."):
            keys.press("Tab")
            keys.type(text)
        for key in ("E", "H", "P"):
            keys.press("Tab")
            keys.press(key)
        for text in ("2.3", "Home page"):
            keys.press("Tab")
            keys.type(text)
        keys.press("Tab")
        keys.press("Space")
        expect(page.get_by_role("table")).to_be_visible()
        for text in ("Marta", "marta@example.org"):
            keys.press("Tab")
            keys.type(text)
        snap(page, "new-witboost-wide")
        keys.press("Enter")
        expect(page.get_by_role("heading", name="We have your request")).to_be_visible()
        snap(page, "status-wide")
    (row,) = visitor.requests()
    assert visitor.said(row.id)[0].fields["impact"] == "extensive"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(visitor, address, browser, scheme):
    """WCAG AA, 1.4.3: 4.5 to 1 for text, in both colour schemes, mistakes and all."""
    request = visitor.mailed(MAIL, parsed=PARSED)
    with browser.new_context(color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(address + visitor.claim_address(request))
        page.get_by_text("A problem caused by").click()
        page.locator("form").evaluate("form => form.noValidate = true")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("alert")).to_be_visible()
        snap(page, f"wrong-{scheme}")
        assert page.evaluate(CONTRAST) == []
        visitor.post_claim(request)
        page.goto(address + visitor.claim_address(request))
        page.get_by_text("How the priorities are defined").click()
        snap(page, f"status-{scheme}")
        assert page.evaluate(CONTRAST) == []


CONTRAST = """() => {
  const channel = value => { value /= 255; return value <= .03928 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4; };
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
  const ground = each => {
    for (; each; each = each.parentElement) {
      const colour = rgb(getComputedStyle(each).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const each of document.querySelectorAll("body *")) {
    const own = [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!own || !each.checkVisibility()) continue;
    const [a, b] = [light(rgb(getComputedStyle(each).color)), light(ground(each))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) poor.push(`${each.tagName}.${each.className}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


def test_no_page_needs_or_runs_a_script(visitor, address, browser):
    """With scripts allowed, what strangers wrote still runs none: it stays text, and the policy would stop it."""
    evil = '<script>document.title="owned"</script><img src=x onerror="document.title=\'owned\'">'
    request = visitor.mailed(
        f"{evil}\n</textarea>{evil}", subject=evil, parsed={"attachments": [{"name": evil, "size": 1}]}
    )
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(address + visitor.claim_address(request))
        assert "owned" not in page.title()
        expect(page.get_by_label("Description")).to_have_value(f"{evil}\n</textarea>{evil}")
        visitor.post_claim(request, name=evil, project=evil, version=evil, description=evil, summary=evil)
        page.goto(address + visitor.claim_address(request))
        expect(page.get_by_role("heading", name="We have your request")).to_be_visible()
        assert page.locator("main script, main img").count() == 0
        assert "owned" not in page.title().partition("<")[0]


def test_a_browser_is_answered_when_files_are_too_large(visitor, address, phone, tmp_path):
    """It hears words instead of a broken line, and the text is still there."""
    request = visitor.mailed(MAIL)
    phone.goto(address + visitor.claim_address(request))
    phone.get_by_text("Query", exact=True).tap()
    phone.get_by_label("Project").fill("Nordhandel")
    phone.get_by_label("Description").fill("An hour's work.")
    (tmp_path / "core.dump").write_bytes(b"x" * 1_500_000)
    phone.get_by_label("Add files").set_input_files(tmp_path / "core.dump")
    phone.get_by_role("button", name="Send and start the clock").tap()
    expect(phone.get_by_role("alert")).to_contain_text("at most")
    expect(phone.get_by_label("Description")).to_have_value("An hour's work.")
    assert visitor.uploads(request) == []


def test_the_page_is_in_the_language_of_the_mail(visitor, address, phone):
    """Fixed words, labels and dates; the policy's own names are marked as English."""
    request = visitor.mailed(
        "Bestellungen schlagen fehl.", language="de", head=b"Date: Sat, 21 Nov 2026 10:28:00 +0100"
    )
    phone.goto(address + visitor.claim_address(request))
    snap(phone, "claim-de")
    expect(phone.locator("html")).to_have_attribute("lang", "de")
    expect(phone.get_by_label("Beschreibung")).to_have_value("Bestellungen schlagen fehl.")
    expect(phone.get_by_text("21. November 2026, 10:30")).to_be_visible()


def test_a_customer_follows_their_request_on_a_phone(customer, follower, phone, tmp_path):
    """Read the status and our questions, answer with a file, close it: by thumb, without a script."""
    request = customer.mailed(MAIL, head=BERLIN)
    customer.post_claim(request)
    customer.stands(request, "waiting-on-client")
    asked = [{"ask": "Which of the three nodes answers 503?", "why": "Each has its own log."}]
    customer.logged(request, "responded", note="We are looking at the gateway.", is_public=True)
    customer.logged(request, "asked-client", detail={"questions": asked}, is_public=True)
    phone.goto(follower + customer.page_address(request))
    snap(phone, "following")
    expect(phone.get_by_text("Waiting on Client", exact=True)).to_be_visible()
    expect(phone.get_by_text("Which of the three nodes answers 503?")).to_be_visible()
    assert width(phone) <= PHONE["width"]
    small = []
    for each in phone.locator("main button, main textarea, main input:not([type=hidden]), main summary").all():
        box = each.bounding_box()
        if box and min(box["height"], box["width"]) < 44:
            small.append(each.get_attribute("id") or each.inner_text())
    assert not small
    (tmp_path / "node 2.log").write_text("503")
    phone.get_by_label("Your message").fill("It is node 2.\nThe others are well.")
    phone.get_by_label("Add files").set_input_files(tmp_path / "node 2.log")
    phone.get_by_role("button", name="Send the message").tap()
    expect(phone.get_by_role("status")).to_contain_text("We have your message.")
    expect(phone.get_by_text("Waiting on WSO2", exact=True)).to_be_visible()
    expect(phone.get_by_text("The others are well.")).to_be_visible()
    customer.stands(request, "resolved")
    phone.reload()
    phone.get_by_role("button", name="Close the request").tap()
    expect(phone.get_by_role("status")).to_contain_text("Done.")
    expect(phone.get_by_text("Closed", exact=True)).to_be_visible()
    snap(phone, "following-closed")
    assert customer.row(request).status == "closed"
    assert customer.uploads(request) == [("node 2.log", customer.uploads(request)[0][1], b"503")]


def test_a_service_is_ordered_on_a_phone(customer, follower, phone):
    """Choose it, see what it needs and when to expect it, fill it in and send it."""
    phone.goto(follower + "/portal/new?policy=oro")
    phone.get_by_label("Choose one to see").select_option("go-live")
    phone.get_by_role("button", name="Show what it needs").tap()
    expect(phone.get_by_text("It is to be told at least 14 days ahead")).to_be_visible()
    snap(phone, "new-oro-service")
    assert width(phone) <= PHONE["width"]
    phone.get_by_text("Consulting Business Request", exact=True).tap()
    for label, text in (
        ("Summary", "Going live"),
        ("Description", "We want to launch."),
        ("Company name", "Nordhandel"),
        ("License key", "OL-0000-1234-ABCD"),
        ("On which day do you want to go live?", "2026-11-25"),
        ("How many websites?", "3"),
        ("Your e-mail address", "marta@nordhandel.example"),
    ):
        phone.get_by_label(label).fill(text)
    phone.get_by_role("button", name="Send and start the clock").tap()
    expect(phone.get_by_role("heading", name="We have your request")).to_be_visible()
    (row,) = customer.requests()
    assert customer.said(row.id)[0].fields["launch"] == "2026-11-25"
    customer.stands(row.id, "", policy="oro")
    phone.reload()
    expect(phone.get_by_text("less than 14 days ahead")).to_be_visible()
    snap(phone, "status-oro-service")
    assert width(phone) <= PHONE["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_conversation_stands_out_from_its_ground(customer, follower, browser, scheme):
    """WCAG AA, 1.4.3, with what support wrote, the steps, a refusal, and the table of priorities unfolded."""
    customer.post_new(policy="witboost", type="incident", impact="extensive", urgency="high", components="Home page")
    (row,) = customer.requests()
    customer.stands(row.id, "resolved", policy="witboost")
    customer.logged(row.id, "responded", note="It is mended.", is_public=True)
    customer.logged(
        row.id, "asked-client", detail={"questions": [{"ask": "Is it?", "why": "To be sure."}]}, is_public=True
    )
    with browser.new_context(color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(follower + customer.page_address(row.id))
        page.get_by_text("How impact and urgency").click()
        page.get_by_text("Close the request").first.click()
        assert page.evaluate(CONTRAST) == []
        page.locator("form:has(textarea.short)").evaluate("form => form.noValidate = true")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("This could not be done")
        snap(page, f"following-refused-{scheme}")
        assert page.evaluate(CONTRAST) == []
