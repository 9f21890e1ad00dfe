"""Passwords, sessions, throttling: who gets in, and for how long."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from console import sign_in
from console.deps import Desk
from console.entrance import own_path
from models import tables
from models.store import transaction
from models.terms import Role

PASSWORD = "correct horse battery"


def test_a_password_is_kept_as_argon2id():
    """The stored hash is argon2id, verifies the password and nothing else."""
    hashed = sign_in.hash_password(PASSWORD)
    assert hashed.startswith("$argon2id$")
    assert sign_in.verify_password(PASSWORD, hashed)
    assert not sign_in.verify_password("wrong", hashed)


def test_nobody_has_no_password():
    """For an unknown login a hash is computed all the same, and no password is right."""
    assert not sign_in.verify_password(PASSWORD, None)
    assert sign_in._nobodys_hash().split("$")[3] == sign_in.hash_password("x").split("$")[3]


def test_tokens_are_long_random_and_kept_as_digests():
    """Two tokens differ, hold 256 bits, and their digest does not show them."""
    first, second = sign_in.new_token(), sign_in.new_token()
    assert first != second
    assert len(first) >= 43
    assert first not in sign_in.token_digest(first)


def test_pages_ask_for_a_sign_in_and_come_back(house):
    """A page opened without a session leads to the sign-in page and from there back to itself."""
    reference = house.request()
    client = house.client()
    answer = client.get(f"/triage/{reference}?channel=email")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/sign-in?next=/triage/{reference}%3Fchannel%3Demail"
    form = client.get(answer.headers["location"])
    assert f'value="/triage/{reference}?channel=email"' in form.text
    done = client.post(
        "/sign-in",
        data={"login": "IDA", "password": PASSWORD, "next": f"/triage/{reference}?channel=email"},
    )
    assert done.headers["location"] == f"/triage/{reference}?channel=email"


def test_a_fragment_moves_the_whole_page_to_the_sign_in(house):
    """A request of htmx is answered with HX-Redirect, so that no sign-in form lands in a pane."""
    answer = house.client().get("/triage/queue", headers={"hx-request": "true"})
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"].startswith("/sign-in?next=/triage/queue")


@pytest.mark.parametrize(
    ("login", "password"), [("ida", "wrong"), ("nobody", PASSWORD), ("gone", PASSWORD), ("ida", "")]
)
def test_wrong_sign_ins_look_alike(house, login, password):
    """Wrong password, unknown login and disabled login get the same status and words, and no cookie."""
    house.engineer("gone", disabled=True)
    answer = house.client().post("/sign-in", data={"login": login, "password": password})
    assert "set-cookie" not in answer.headers
    if password:
        assert answer.status_code == 401
        assert "Login or password is wrong." in answer.text
    else:
        assert answer.status_code == 422


def test_the_cookie_is_out_of_reach_of_scripts(house):
    """Over plain http the cookie is HttpOnly and SameSite=Lax."""
    answer = house.client().post("/sign-in", data={"login": "ida", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("switchboard=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


def test_over_https_the_cookie_belongs_to_this_host(house):
    """With an https address the cookie is Secure and carries the __Host- prefix, without a Domain."""
    values = {name: getattr(house.desk, name) for name in Desk.__dataclass_fields__}
    desk = Desk(**{**values, "public_url": "https://desk.example.com"})
    assert desk.secure
    assert desk.cookie == "__Host-switchboard"


def test_signing_in_makes_a_new_session_and_ends_the_old(house, ida):
    """The session id changes at sign-in, so one planted before is worth nothing (session fixation)."""
    planted = ida.cookies["switchboard"]
    ida.post("/sign-in", data={"login": "ida", "password": PASSWORD})
    assert ida.cookies["switchboard"] != planted
    stale = house.client(cookies={"switchboard": planted})
    assert stale.get("/triage").status_code == 303


def test_signing_out_ends_the_session_on_the_server(house, ida):
    """After signing out the old cookie is dead, whoever still has it."""
    cookie = ida.cookies["switchboard"]
    assert ida.post("/sign-out").headers["location"] == "/sign-in"
    assert house.client(cookies={"switchboard": cookie}).get("/triage").status_code == 303


def test_sessions_end_and_are_swept(house, ida):
    """A session ends after its hours, and the next sign-in sweeps its row away."""
    house.now += timedelta(hours=12, seconds=1)
    assert ida.get("/triage").status_code == 303
    house.signed_in()
    with transaction(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(tables.directory.SignIn)) == 1


def test_disabling_an_engineer_ends_their_session(house, ida):
    """A disabled engineer's next click leads to the sign-in page."""
    with transaction(house.engine) as session:
        session.execute(update(tables.directory.Engineer).values(disabled_at=house.now))
    assert ida.get("/triage").status_code == 303


def test_ten_failures_a_minute_ask_to_wait(house):
    """The eleventh attempt on one login from one address gets 429 with Retry-After; another login goes on."""
    client = house.client()
    for _ in range(10):
        assert client.post("/sign-in", data={"login": "nobody", "password": "x"}).status_code == 401
    refused = client.post("/sign-in", data={"login": "Nobody", "password": "x"})
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert client.post("/sign-in", data={"login": "ida", "password": PASSWORD}).status_code == 303


def test_a_right_password_clears_the_failures():
    """Failures before a right password are not held against the next typing mistakes."""
    attempts = sign_in.Attempts()
    for _ in range(10):
        assert attempts.wait("ida", "192.0.2.1") == 0
    attempts.forget("IDA", "192.0.2.1")
    assert attempts.wait("ida", "192.0.2.1") == 0


def test_without_redis_failures_are_counted_here():
    """A Redis that does not answer neither opens the door to guessing nor closes it to engineers."""
    attempts = sign_in.Attempts("redis://127.0.0.1:1/0")
    assert [attempts.wait("ida", "192.0.2.1") for _ in range(10)] == [0] * 10
    assert attempts.wait("ida", "192.0.2.1") > 0
    attempts.forget("ida", "192.0.2.1")


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\nb", "javascript:x"]
)
def test_after_signing_in_nobody_is_led_elsewhere(path):
    """Only a path of ours is followed after signing in (open redirect)."""
    assert own_path(path) == "/triage"


def test_a_megabyte_password_is_not_hashed(house):
    """A huge form is refused before it is read."""
    answer = house.client().post("/sign-in", data={"login": "ida", "password": "x" * 1_000_000})
    assert answer.status_code == 413


def test_a_viewer_may_look_and_not_decide(house, suggested):
    """A viewer sees the suggestion without its buttons, and the server refuses the decision too."""
    house.engineer("vic", Role.VIEWER)
    reference = house.request(content=suggested())
    client = house.signed_in("vic")
    page = client.get(f"/triage/{reference}")
    assert "Your role may look, not decide." in page.text
    assert 'name="priority"' not in page.text
    refused = client.post(f"/requests/{reference}/decision", data={"version": 1, "type": "incident", "priority": "P2"})
    assert refused.status_code == 403
