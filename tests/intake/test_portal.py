"""The portal: a signed link shows what was written, filing it starts the clock, and nothing is filed twice."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from fastapi import FastAPI
from fastapi.testclient import TestClient
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import Engine, select

from intake import portal
from models import tables
from models.store import transaction
from models.terms import Channel, Interaction, Party, PartyKind
from triage import policy
from triage.desk.reception import Reception, receive

RECEIVE = partial(receive, reception=Reception(policies=policy.load_packs(), default_policy="wso2"))
SIGNER = URLSafeTimedSerializer("a secret of at least thirty-two characters", salt="portal")
EVIL = "<script>alert(1)</script>"


class Visitor:
    """A customer's browser, and what the house knows afterwards."""

    def __init__(self, engine: Engine, now: datetime) -> None:
        self.engine = engine
        self.now = now
        self.woken = 0
        app = FastAPI()
        parts = portal.Portal(
            engine=engine, receive=RECEIVE, serializer=SIGNER, clock=lambda: self.now, wake=self._wake
        )
        app.include_router(portal.router(parts))
        self.browser = TestClient(app)

    def _wake(self) -> None:
        self.woken += 1

    def mailed(self, text: str = "Orders fail since 06:42.") -> UUID:
        """A request that came by mail."""
        interaction = Interaction(
            source=f"mail:{uuid4()}",
            channel=Channel.EMAIL,
            received_at=self.now,
            subject=f"Orders fail {EVIL}",
            text=text,
            new_text=text,
            party=Party(kind=PartyKind.ADDRESS, value="marta@nordhandel.example", shown="marta@nordhandel.example"),
        )
        with transaction(self.engine) as session:
            return RECEIVE(session, interaction, self.now).request

    def requests(self) -> list[tables.requests.Request]:
        """Every request there is."""
        with transaction(self.engine) as session:
            return list(session.scalars(select(tables.requests.Request).order_by(tables.requests.Request.number)))

    def said(self, request: UUID) -> list[tables.requests.Interaction]:
        """Everything said on a request."""
        with transaction(self.engine) as session:
            return tables.requests.interactions(session, request)


@pytest.fixture
def visitor(engine: Engine, now: datetime) -> Visitor:
    """Somebody with a browser."""
    return Visitor(engine, now)


def form(**fields: Any) -> dict[str, Any]:
    """The form of a new request, filled in."""
    return {
        "key": "0" * 32,
        "name": "Marta",
        "email": "marta@nordhandel.example",
        "subject": "Orders fail",
        "description": "Since 06:42 UTC",
        "phone": "+49 30 5550 100",
    } | fields


def test_a_link_shows_what_was_written_and_files_nothing(visitor):
    """Mail scanners open links: a GET changes nothing."""
    request = visitor.mailed()
    page = visitor.browser.get(f"/portal/claim/{SIGNER.dumps(str(request))}")
    assert page.status_code == 200
    assert "Orders fail since 06:42." in page.text
    (row,) = visitor.requests()
    assert row.clock_started_at is None
    assert len(visitor.said(request)) == 1


def test_filing_starts_the_clock_on_the_same_request_once(visitor, now):
    """The portal channel joins the mail; sent again, nothing moves."""
    request = visitor.mailed()
    address = f"/portal/claim/{SIGNER.dumps(str(request))}"
    fields = {"addition": "It is production.", "phone": "+49 30 5550 100"}
    for minutes in (0, 5):
        visitor.now = now + timedelta(minutes=minutes)
        page = visitor.browser.post(address, data=fields)
        assert page.status_code == 200
        assert "running since" in page.text
    (row,) = visitor.requests()
    assert row.clock_started_at == now
    mailed, filed = visitor.said(request)
    assert (mailed.channel, filed.channel, filed.new_text) == (Channel.EMAIL, Channel.PORTAL, "It is production.")
    assert "5550" in filed.note
    assert visitor.woken == 2


def test_a_filed_request_offers_no_second_filing(visitor):
    """The page says that the clock runs."""
    token = SIGNER.dumps(str(visitor.mailed()))
    visitor.browser.post(f"/portal/claim/{token}")
    page = visitor.browser.get(f"/portal/claim/{token}")
    assert "<form" not in page.text
    assert f"/portal/requests/{token}" in page.text


def test_a_new_request_starts_its_clock_and_is_filed_once(visitor, now):
    """A double click is one request."""
    for _ in range(2):
        page = visitor.browser.post("/portal/new", data=form())
        assert page.status_code == 200
        assert "Since 06:42 UTC" in page.text
    (row,) = visitor.requests()
    assert (row.channel, row.subject, row.clock_started_at) == (Channel.PORTAL, "Orders fail", now)
    assert row.party == "marta@nordhandel.example"


def test_a_form_cannot_name_somebody_elses_request(visitor):
    """Only the form's own random number makes two forms one (no request is opened by guessing)."""
    request = visitor.mailed()
    visitor.browser.post(f"/portal/claim/{SIGNER.dumps(str(request))}", data={"addition": "a secret"})
    page = visitor.browser.post("/portal/new", data=form(key=f"claim:{request}"))
    assert "a secret" not in page.text
    assert len(visitor.requests()) == 2


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"email": ""}, "email"),
        ({"email": "not an address"}, "email"),
        ({"subject": " "}, "subject"),
        ({"description": ""}, "descr"),
    ],
)
def test_what_is_missing_is_said_and_what_was_typed_is_kept(visitor, fields, named):
    """Nobody types a description twice."""
    page = visitor.browser.post("/portal/new", data=form(**fields))
    assert page.status_code == 422
    assert named in page.text.partition('role="alert"')[2].partition("</p>")[0]
    assert 'value="Marta"' in page.text
    assert visitor.requests() == []


@pytest.mark.parametrize("path", ["claim", "requests"])
@pytest.mark.parametrize(
    "token", ["nonsense", SIGNER.dumps(str(uuid4())), SIGNER.dumps("not a request"), SIGNER.dumps(7)]
)
def test_a_link_that_is_not_ours_is_a_clear_page(visitor, path, token):
    """It reveals nothing, and shows the way on."""
    page = visitor.browser.get(f"/portal/{path}/{token}")
    assert page.status_code == 404
    assert "/portal/new" in page.text
    assert visitor.browser.post(f"/portal/claim/{token}").status_code == 404


def test_an_old_link_says_that_it_is_old(visitor, now):
    """Ninety days."""
    with time_machine.travel(now - timedelta(days=91), tick=False):
        token = SIGNER.dumps(str(visitor.mailed()))
    with time_machine.travel(now, tick=False):
        page = visitor.browser.get(f"/portal/claim/{token}")
    assert page.status_code == 404
    assert "too old" in page.text


@pytest.mark.parametrize("page", ["claim", "requests"])
def test_text_of_strangers_stays_text(visitor, page):
    """Escaped, under a policy that runs no script (B12)."""
    token = SIGNER.dumps(str(visitor.mailed(EVIL)))
    answer = visitor.browser.get(f"/portal/{page}/{token}")
    assert EVIL not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_pages_carry_their_own_style_only(visitor):
    """No inline style, nothing from elsewhere; the sheet knows the dark."""
    page = visitor.browser.get("/portal/new").text
    assert "style=" not in page
    assert "<script" not in page
    assert "prefers-color-scheme: dark" in visitor.browser.get("/portal/assets/portal.css").text
    assert page.count("<label") == 5
