"""Policies that run, from the customer's first word to the clock's explanation; only time and Twilio are played."""

import html
import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from fastapi.testclient import TestClient
from twilio.request_validator import RequestValidator

from models.store import transaction
from models.terms import Envelope, Role
from switchboard import lines, web
from switchboard.lines import Sites, Switchboard
from switchboard.people import add_engineer, add_token
from switchboard.settings import Settings
from triage import identity, training
from triage.desk import directory, registry
from triage.policy import load_packs

ACCOUNT_SID, AUTH_TOKEN = "AC" + "0" * 32, "sample-token-of-the-journeys"
PASSWORD = "correct horse battery"
URL = "http://testserver"
CALLER = "+493055500137"
SENDER = "marta@nordhandel.example"


class Clock:
    """The time of the whole house; it stands until a journey moves it. It lies in the past, so that jobs are due."""

    def __init__(self) -> None:
        self.at = (datetime.now(UTC) - timedelta(days=9)).replace(hour=9, minute=0, second=0, microsecond=0)

    def __call__(self) -> datetime:
        """The time it is."""
        return self.at

    def move(self, **amount: float) -> None:
        """Let time pass."""
        self.at += timedelta(**amount)


class Office:
    """Everything in one process over real stores, and what customers, Twilio and engineers do to it."""

    def __init__(self, house: Switchboard, clock: Clock) -> None:
        self.house, self.clock = house, clock
        self.app = TestClient(web.build(house), base_url=URL, follow_redirects=False)
        self._sids = itertools.count(1)
        self._tokens: dict[str, str] = {}

    def customer(self, policy: str) -> None:
        """A contact with a number and an address, of an account under this policy."""
        with transaction(self.house.engine) as session:
            account = directory.add_account(session, "Nordhandel", number="4711", policy=policy)
            parties = [identity.number_party(CALLER, "DE"), identity.address_party(SENDER)]
            directory.add_contact(session, "Marta Sample", [each for each in parties if each], account=account)

    def work(self) -> None:
        """Let the worker do what is due."""
        while self.house.drain():
            pass

    def calls(self, said: str, *, down: str = "1") -> dict[str, Any]:
        """A known customer calls, describes the problem, and confirms the number to be called back at."""
        sid = f"CA{next(self._sids):032d}"
        heard = self.twilio("/voice/inbound", CallSid=sid, CallStatus="ringing")
        answers = {"consent": {"Digits": "2"}, "problem": {"SpeechResult": said, "Confidence": "0.93"}}
        answers |= {"down": {"Digits": down}, "phone": {"Digits": "1"}, "language": {"Digits": "1"}}
        while "<Hangup" not in heard:
            where = ET.fromstring(heard).find(".//*[@action]").attrib["action"]  # noqa: S314 - our own
            step = next(name for name in answers if f"/{name}" in where or f"={name}" in where)
            heard = self.twilio(where.partition("#")[0], CallSid=sid, CallStatus="in-progress", **answers[step])
        self.twilio("/voice/status", CallSid=sid, CallStatus="completed", CallDuration="40")
        self.work()
        return self.api("GET", "/requests", params={"call_sid": sid})["items"][0]

    def rings(self) -> None:
        """The customer calls and hangs up at once."""
        sid = f"CA{next(self._sids):032d}"
        self.twilio("/voice/inbound", CallSid=sid, CallStatus="ringing")
        self.twilio("/voice/status", CallSid=sid, CallStatus="completed", CallDuration="3")

    def twilio(self, path: str, **params: str) -> str:
        """Post a signed webhook; the TwiML that comes back."""
        url = path if path.startswith("http") else URL + path
        form = {"AccountSid": ACCOUNT_SID, "From": CALLER, "To": "+493055500100", **params}
        signature = RequestValidator(AUTH_TOKEN).compute_signature(url, form)
        answer = self.app.post(url, data=form, headers={"X-Twilio-Signature": signature})
        assert answer.status_code in {200, 204}, answer.text
        return answer.text

    def mails(self, subject: str, body: str) -> None:
        """The same customer writes a mail."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = SENDER, "support@localhost", subject
        message["Message-ID"] = f"<{next(self._sids)}@nordhandel.example>"
        message.set_content(body)
        envelope = Envelope(
            mail_from=SENDER, rcpt_to=("support@localhost",), peer="192.0.2.1", helo="x", received_at=self.clock()
        )
        self.house.accept(envelope, message.as_bytes())
        self.work()

    def api(self, method: str, path: str, *, role: Role = Role.ENGINEER, **more: Any) -> dict[str, Any]:
        """What the API answers somebody of this role; writes carry the version that is in force."""
        if role not in self._tokens:
            with transaction(self.house.engine) as session:
                self._tokens[role] = add_token(session, f"journey-{role}", role)
        headers = {"Authorization": f"Bearer {self._tokens[role]}"}
        if method == "POST":
            request = path.split("/")[2]
            headers["If-Match"] = str(self.api("GET", f"/requests/{request}")["version"])
        answer = self.app.request(method, f"/api/v1{path}", headers=headers, **more)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def page(self, login: str, path: str) -> str:
        """A page as somebody signed in sees it, in plain text with single spaces."""
        with TestClient(self.app.app, base_url=URL, follow_redirects=False) as browser:
            form = {"login": login, "password": PASSWORD, "next": "/"}
            signed = browser.post("/sign-in", data=form, headers={"Origin": URL})
            assert signed.status_code == 303, signed.text
            return " ".join(html.unescape(browser.get(path).text).split())

    def presses(self, login: str, path: str, **form: str) -> int:
        """Send one of the page's forms; the status that comes back."""
        with TestClient(self.app.app, base_url=URL, follow_redirects=False) as browser:
            start = {"login": login, "password": PASSWORD, "next": "/"}
            browser.post("/sign-in", data=start, headers={"Origin": URL})
            return browser.post(path, data=form, headers={"Origin": URL}).status_code


@pytest.fixture(scope="module")
def trained() -> training.Trained:
    """The classifier of the seed corpus."""
    return training.train(training.seed_corpus(), load_packs())


@pytest.fixture
def office(database_url, redis_url, trained, tmp_path, monkeypatch) -> Iterator[Office]:
    """An office with an engineer, a lead, and the classifier of the seed corpus."""
    clock = Clock()
    monkeypatch.setattr(lines, "now", clock)
    monkeypatch.setattr(web, "now", clock)
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path,
        public_url=URL,
        twilio_account_sid=ACCOUNT_SID,
        twilio_auth_token=AUTH_TOKEN,
    )
    secret = "sample-secret-of-the-journeys-0123456789"
    sites = Sites(database_url=database_url, redis_url=redis_url, secret=secret)
    house = Switchboard(settings, sites)
    house.__dict__["wake"] = lambda: None
    with transaction(house.engine) as session:
        made = registry.enrol(session, trained, dict(trained.metrics), secret=secret, now=clock())
        registry.promote(session, made.id, clock())
        add_engineer(session, "mara", PASSWORD, Role.ENGINEER)
        add_engineer(session, "lena", PASSWORD, Role.LEAD)
    yield Office(house, clock)
    house.engine.dispose()


def test_parallels_an_unreachable_customer_is_eased_by_the_lead_alone(office: Office):
    """Severity 1 by phone; two calls back in vain; the lead's button; Severity 3, cited; a later one calls in."""
    office.customer("parallels")
    said = "Our production virtualization server is down, it affects all of our users and there is no workaround."
    request = office.calls(said)
    path, page = f"/requests/{request['reference']}", f"/requests/{request['reference']}"
    assert request["suggestion"]["priority"]["value"] == "1"
    office.api("POST", f"{path}/decision", json={"type": "incident", "priority": "1"})
    assert "disabled" in ease_button(office.page("lena", page))
    attempt(office, path)
    office.clock.move(minutes=15)
    attempt(office, path)
    assert "disabled" in ease_button(office.page("mara", page))
    shown = office.page("lena", page)
    assert "disabled" not in ease_button(shown)
    assert shown.count("nobody answered") >= 2
    assert "unreachable over the phone" in shown
    rule = next(one for one in office.api("GET", path, role=Role.LEAD)["rules"] if one["id"] == "unreachable-contact")
    assert (rule["holds"], rule["may"], rule["to"]) == (True, True, "3")
    version = str(office.api("GET", path)["version"])
    assert office.presses("mara", f"{page}/ease", rule="unreachable-contact", version=version) == 403
    assert office.presses("lena", f"{page}/ease", rule="unreachable-contact", version=version, back="request") == 303
    eased = office.api("GET", path)
    assert eased["decided"]["priority"] == "3"
    assert "Note #2" in eased["decisions"][-1]["reason"]
    assert eased["decisions"][-1]["rule"] == "unreachable-contact"


def test_parallels_the_offer_vanishes_when_the_customer_calls_in(office: Office):
    """The same ledger, but the customer rings before the lead looks, and the call joins the request."""
    office.customer("parallels")
    said = "Our production virtualization server is down, it affects all of our users and there is no workaround."
    request = office.calls(said)
    path = f"/requests/{request['reference']}"
    office.api("POST", f"{path}/decision", json={"type": "incident", "priority": "1"})
    attempt(office, path)
    office.clock.move(minutes=15)
    attempt(office, path)
    assert "disabled" not in ease_button(office.page("lena", path))
    office.clock.move(minutes=5)
    office.rings()
    assert "disabled" in ease_button(office.page("lena", path))
    rule = next(one for one in office.api("GET", path, role=Role.LEAD)["rules"] if one["id"] == "unreachable-contact")
    assert rule["holds"] is False


def test_wso2_a_workaround_turns_p1_into_p2_and_the_clock_counts_from_the_original_start(office: Office):
    """P1 by phone; a mail with a workaround; the suggestion cites the clause; confirmed; explained."""
    office.customer("wso2")
    request = office.calls("Our production gateway is down for all users and there is no workaround.")
    path = f"/requests/{request['reference']}"
    started = datetime.fromisoformat(request["clock_started_at"])
    assert request["suggestion"]["priority"]["value"] == "P1"
    office.clock.move(minutes=10)
    office.api("POST", f"{path}/decision", json={"type": request["suggestion"]["type"]["value"], "priority": "P1"})
    assert due(office.api("GET", path)) == started + timedelta(hours=1)
    office.clock.move(minutes=20)
    office.mails(
        f"Re: [{request['reference']}] gateway",
        "We have found a temporary workaround, traffic goes through the other node now.",
    )
    after = office.api("GET", path)
    assert after["suggestion"]["priority"]["value"] == "P2"
    applied = [rule for rule in after["rules"] if rule["verdict"] == "applied"]
    assert any("workaround" in rule["clause"] for rule in applied)
    assert after["decided"]["priority"] == "P1"
    office.clock.move(minutes=5)
    office.api("POST", f"{path}/decision", json={"type": after["decided"]["type"], "priority": "P2"})
    eased = office.api("GET", path)
    assert due(eased) == started + timedelta(hours=4)
    told = " ".join(line["text"] for line in response(eased)["explain"])
    assert "level P1 became" in told
    assert "level P2" in told
    assert "counted again from the start" in told
    assert all(clock["policy"].startswith("wso2@") and clock["policy_digest"] for clock in eased["clocks"])
    assert "counted again from the start" in office.page("mara", f"/requests/{request['reference']}")


@pytest.mark.parametrize("policy", ["wso2", "witboost", "oro", "parallels"])
def test_each_policy_shows_its_rules_clocks_and_only_the_steps_of_the_role(office: Office, policy: str):
    """API and console agree; a viewer is offered nothing."""
    office.customer(policy)
    request = office.calls("Our production system is down for all users and there is no workaround.")
    path = f"/requests/{request['reference']}"
    first = office.house.policies[policy].levels[0].value
    types = [kind.value for kind in office.house.policies[policy].types if kind.inbound]
    office.api("POST", f"{path}/decision", json={"type": types[0], "priority": first})
    found = office.api("GET", path)
    assert found["rules"]
    assert all(rule["clause"] for rule in found["rules"])
    assert all(clock["explain"] for clock in found["clocks"])
    assert {step["step"] for step in found["transitions"]} == steps(office, policy, Role.ENGINEER)
    assert office.api("GET", path, role=Role.VIEWER)["transitions"] == []
    shown = office.page("mara", path)
    for step in found["transitions"]:
        assert step["label"] in shown
    assert [rule["clause"] for rule in found["rules"] if rule["clause"] in shown]


def steps(office: Office, policy: str, role: Role) -> set[str]:
    """The steps a role may take from the start of a policy's workflow, as its pack says."""
    flow = office.house.policies[policy].workflow
    open_ones = {step.id for step in flow.steps if flow.start in step.sources and step.open_to(role.value)}
    behalf = {step.id for step in flow.steps if flow.start in step.sources and "client" in step.by}
    return open_ones | (behalf if flow.on_behalf else set())


def attempt(office: Office, path: str) -> None:
    """An engineer calls back in vain."""
    office.api("POST", f"{path}/callbacks", json={"outcome": "no-answer"})


def ease_button(page: str) -> str:
    """The button that reduces the level, as it stands in the page."""
    found = re.search(r"<button[^>]*>\s*Reduce to[^<]*", page)
    assert found, "no such button"
    return found.group()


def response(request: dict[str, Any]) -> dict[str, Any]:
    """The guaranteed response clock."""
    return next(one for one in request["clocks"] if (one["kind"], one["promise"]) == ("response", "guaranteed"))


def due(request: dict[str, Any]) -> datetime:
    """When the first response is due."""
    return datetime.fromisoformat(response(request)["due"])
