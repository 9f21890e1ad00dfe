"""Every address of the telephone, as the application really has them: nobody but Twilio gets in anywhere."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from twilio.request_validator import RequestValidator

from models import tables
from models.store import transaction
from switchboard import web
from switchboard.lines import Sites, Switchboard
from switchboard.settings import load

ACCOUNT, TOKEN = "AC" + "a" * 32, "sample-token"
PUBLIC = "https://support.example.com"
FORM = {"AccountSid": ACCOUNT, "CallSid": "CA" + "1" * 32, "MessageSid": "SM" + "1" * 32, "CallStatus": "in-progress"}
SOME = "01930000-0000-7000-8000-000000000001"
KNOWN = {
    "/voice/inbound", "/voice/turn", "/voice/status", "/voice/recording", "/voice/transcript", "/voice/page/{}",
    "/voice/page/{}/key", "/voice/page/{}/status", "/voice/callback/{}", "/voice/callback/{}/key",
    "/voice/callback/{}/status", "/voice/receipt/{}/status",
}  # fmt: skip
"""Some that must be among those that are found: else the search found nothing."""


@pytest.fixture
def app(database_url, engine, tmp_path, monkeypatch):
    """The whole application, with a telephone."""
    monkeypatch.chdir(tmp_path)
    settings = load(
        public_url=PUBLIC, twilio_account_sid=ACCOUNT, twilio_auth_token=TOKEN, twilio_from="+493055500100"
    )  # fmt: skip
    house = Switchboard(settings, Sites(database_url=database_url, redis_url="redis://127.0.0.1:1/0", secret="s" * 32))
    house.__dict__["engine"] = engine
    house.__dict__["wake"] = lambda: None
    yield web.build(house)
    house.telephony.engine.dispose()


def routes(router: Any) -> Iterator[tuple[str, set[str]]]:
    """Every address and its methods, also of routers within routers."""
    for each in router.routes:
        inner = getattr(each, "original_router", None) or getattr(each, "app", None)
        if getattr(inner, "routes", None):
            yield from routes(inner)
        elif getattr(each, "path", ""):
            yield each.path, set(getattr(each, "methods", None) or ())


def voice(app: Any) -> list[tuple[str, set[str]]]:
    """Every address of the telephone."""
    return sorted((path, methods) for path, methods in routes(app) if path.startswith("/voice"))


def at(path: str) -> str:
    """An address with something in its places."""
    return re.sub(r"\{[^}]*\}", SOME, path)


def signed(path: str, form: dict[str, str], *, token: str = TOKEN) -> dict[str, str]:
    """The header Twilio sends with a form."""
    return {"X-Twilio-Signature": RequestValidator(token).compute_signature(PUBLIC + path, form)}


def test_every_address_of_the_telephone_is_found(app):
    """As they are served: what the other tests here try is everything."""
    found = {re.sub(r"\{[^}]*\}", "{}", path) for path, _ in voice(app)}
    assert found >= KNOWN
    assert all(methods == {"POST"} for _, methods in voice(app))


def test_nobody_without_twilios_signature_gets_in_anywhere(app, engine):
    """None, an empty one, one of another token, one of another form, one of another address: 403, and no row."""
    client = TestClient(app, base_url=PUBLIC)
    for path, _ in voice(app):
        here = at(path)
        wrong = (
            {},
            {"X-Twilio-Signature": ""},
            {"X-Twilio-Signature": "A" * 28},
            signed(here, FORM, token="other-token"),
            signed(here, {**FORM, "CallStatus": "completed"}),
            signed(f"{here}/", FORM),
            signed(f"{here}?x=1", FORM),
        )
        for headers in wrong:
            assert client.post(here, data=FORM, headers=headers).status_code == 403, (here, headers)
        other = {**FORM, "AccountSid": "AC" + "b" * 32}
        assert client.post(here, data=other, headers=signed(here, other)).status_code == 403, here
    with transaction(engine) as session:
        for kind in (tables.calls.Call, tables.calls.CallEvent, tables.requests.Request):
            assert session.scalar(select(func.count()).select_from(kind)) == 0


def test_twilio_gets_in_everywhere(app):
    """Else the test before would say nothing: with its signature, none of them answers 403."""
    client = TestClient(app, base_url=PUBLIC)
    for path, _ in voice(app):
        here = at(path)
        assert client.post(here, data=FORM, headers=signed(here, FORM)).status_code != 403, here


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_but_a_post_is_taken_anywhere(app, method):
    """405, however it is signed: what stands in an address stands in logs."""
    client = TestClient(app, base_url=PUBLIC)
    for path, _ in voice(app):
        here = at(path)
        assert client.request(method, here, headers=signed(here, {})).status_code == 405, here
