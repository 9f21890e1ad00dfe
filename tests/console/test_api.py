"""The JSON API: tokens, pages, versions, one shape for errors."""

from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from models import tables
from models.store import connect, transaction
from models.terms import Channel, MailState, Role

DECISION = {"type": "incident", "priority": "P2"}
ROUTES = [
    ("GET", "/requests", Role.VIEWER, None),
    ("GET", "/requests/SB-1001", Role.VIEWER, None),
    ("GET", "/calls", Role.VIEWER, None),
    ("GET", "/calls/owed", Role.VIEWER, None),
    ("GET", "/policies", Role.VIEWER, None),
    ("POST", "/suggest", Role.VIEWER, {"policy": "acme", "body": "503"}),
    ("POST", "/requests", Role.ENGINEER, {"text": "The shop is down"}),
    ("POST", "/requests/SB-1001/decision", Role.ENGINEER, DECISION),
    ("POST", "/requests/SB-1001/undo", Role.ENGINEER, None),
]


@pytest.fixture
def program(house):
    """A program with an engineer's token."""
    with house.api() as client:
        yield client


@pytest.mark.parametrize("role", list(Role))
def test_every_role_against_every_route(house, role):
    """A role that includes the needed one is let in, a lesser one gets 403 in the one error shape."""
    house.request()
    client = house.api(role)
    headers = {"If-Match": '"1"', "Idempotency-Key": "k"}
    for method, path, needed, body in ROUTES:
        answer = client.request(method, f"/api/v1{path}", json=body, headers=headers)
        if role.includes(needed):
            # The undo comes after the decision has moved the version on: let in, and told so.
            assert answer.status_code in ({409} if path.endswith("/undo") else {200, 201}), path
        else:
            assert answer.status_code == 403, path
            assert answer.json()["error"]["code"] == "forbidden"


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer ", "Bearer wrong", "Basic aWRhOng=", "bearer\twrong"])
def test_without_a_token_everything_is_401(house, header):
    """No, a malformed or an unknown token is 401 with WWW-Authenticate (RFC 6750), in the one error shape."""
    client = TestClient(house.app, headers={"Authorization": header} if header else {})
    headers = {"If-Match": '"1"', "Idempotency-Key": "k"}
    for method, path, _, body in ROUTES:
        answer = client.request(method, f"/api/v1{path}", json=body, headers=headers)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert set(answer.json()["error"]) == {"code", "message"}


def test_a_session_cookie_is_no_token(ida):
    """The API does not know cookies, so a page elsewhere cannot use one (CSRF)."""
    assert ida.get("/api/v1/requests").status_code == 401


def test_a_revoked_token_is_unknown(house, program):
    """Revoking works at once."""
    assert program.get("/api/v1/requests").status_code == 200
    with transaction(house.engine) as session:
        session.execute(update(tables.directory.ApiToken).values(revoked_at=house.now))
    assert program.get("/api/v1/requests").status_code == 401


def test_a_list_shows_each_request_with_its_suggestion(house, program, suggested):
    """A line holds who, what and the suggested type and priority; heavy texts are left out."""
    reference = house.request(content=suggested())
    (item,) = program.get("/api/v1/requests").json()["items"]
    assert item["reference"] == reference
    assert item["state"] == "to_confirm"
    assert item["suggestion"]["priority"]["value"] == "P2"
    assert item["suggestion"]["type"]["probability"] == 0.91
    assert item["suggestion"]["abstained"] is False
    assert item["decided"] is None
    assert item["received_at"] == "2026-11-21T09:20:00Z"
    assert "interactions" not in item


def test_pages_go_on_where_the_last_one_ended(house, program):
    """Keyset pages give every request once, newest first, and end with null."""
    made = [house.request(f"number {n}") for n in range(5)]
    seen, cursor = [], None
    while True:
        page = program.get("/api/v1/requests", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [item["reference"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        house.request("one that came meanwhile")
    assert seen == made[::-1]


def test_a_bad_query_is_422(program):
    """Limits, cursors and filters outside their range are refused, naming the parameter."""
    for query in ("limit=0", "limit=201", "limit=1e9", "cursor=x", "state=open", "channel=fax"):
        answer = program.get(f"/api/v1/requests?{query}")
        assert answer.status_code == 422, query
        assert answer.json()["error"]["message"].startswith(query.partition("=")[0])


def test_filters_narrow_the_list(house, program, suggested):
    """State, channel, account, Message-ID, CallSid and words each find their request and nothing else."""
    with transaction(house.engine) as session:
        account = tables.directory.Account(name="Halcyon Hosting", number="A-7")
        session.add(account)
        session.flush()
    mail = house.request("Invoice 100% wrong", account_id=account.id)
    call = house.request("Node six is down", channel=Channel.PHONE)
    with transaction(house.engine) as session:
        session.add(_mail(_id(session, mail), house.now))
        session.add(_call(_id(session, call), house.now))
    program.post(f"/api/v1/requests/{call}/decision", json=DECISION, headers={"If-Match": "1"})
    for query, expected in (
        ({"state": "decided"}, call),
        ({"state": "to_confirm"}, mail),
        ({"channel": "phone"}, call),
        ({"account": "halcyon hosting"}, mail),
        ({"account": "A-7"}, mail),
        ({"message_id": "<one@example.org>"}, mail),
        ({"call_sid": "CA1"}, call),
        ({"q": "six NODE"}, call),
        ({"q": "100%"}, mail),
        ({"q": call}, call),
        ({"q": "halcyon"}, mail),
    ):
        found = [item["reference"] for item in program.get("/api/v1/requests", params=query).json()["items"]]
        assert found == [expected], query
    for words in ("%", "_", "\\", "six nowhere"):
        found = [item["reference"] for item in program.get("/api/v1/requests", params={"q": words}).json()["items"]]
        assert found == ([mail] if words == "%" else []), words


def test_one_request_shows_everything(house, program, suggested):
    """UUID and SB-number find the same request, with its histories and the version as ETag."""
    reference = house.request(channel=Channel.PHONE, content=suggested())
    with transaction(house.engine) as session:
        request = _id(session, reference)
        session.add_all([_call(request, house.now), _mail(request, house.now)])
        tables.requests.record_clock(session, request, "started", "call:CA1", house.now)
    answer = program.get(f"/api/v1/requests/{reference}")
    assert answer.headers["etag"] == '"1"'
    body = answer.json()
    assert body == program.get(f"/api/v1/requests/{body['id']}").json()
    assert body["suggestion"]["would_change"] == [{"fact": "workaround", "value": "no", "priority": "P1"}]
    assert body["interactions"][0]["new_text"].startswith("Hello")
    assert body["messages"][0]["message_id"] == "one@example.org"
    assert body["call"]["call_sid"] == "CA1"
    (entry,) = body["log"]
    assert (entry["event"], entry["source"], entry["at"]) == ("started", "call:CA1", "2026-11-21T09:30:00Z")
    assert (entry["value"], entry["detail"], entry["is_public"]) == ("", {}, False)
    assert body["decisions"] == body["replies"] == []
    assert body["clock_started_at"] == "2026-11-21T09:20:00Z"


def test_an_unknown_request_is_404(house, program):
    """Whatever does not name a request is not found, in the one error shape."""
    for name in ("SB-999", "999", "nonsense", str(uuid4()), "SB-" + "9" * 30, "-1"):
        answer = program.get(f"/api/v1/requests/{name}")
        assert answer.status_code == 404, name
        assert answer.json()["error"]["code"] == "not-found"


def test_deciding_needs_the_version_seen(house, program, suggested):
    """Without If-Match 428, with nonsense 422, with the ETag the decision is taken and the ETag moves on."""
    reference = house.request(content=suggested())
    path = f"/api/v1/requests/{reference}/decision"
    assert program.post(path, json=DECISION).status_code == 428
    assert program.post(path, json=DECISION, headers={"If-Match": "*"}).status_code == 422
    etag = program.get(f"/api/v1/requests/{reference}").headers["etag"]
    answer = program.post(path, json=DECISION, headers={"If-Match": etag})
    assert answer.status_code == 200
    assert answer.headers["etag"] == '"2"'
    body = answer.json()
    assert body["state"] == "decided"
    assert body["decided"] == {"type": "incident", "priority": "P2", "at": "2026-11-21T09:30:00Z"}
    assert body["decisions"][0]["verdict"] == "confirmed"
    assert body["decisions"][0]["by"] == "token:reports-engineer"


def test_a_decision_that_comes_second_gets_the_current_state(house, program, suggested):
    """The same version decided twice: 200, then 409 with the request as it stands."""
    path = f"/api/v1/requests/{house.request(content=suggested())}/decision"
    program.post(path, json=DECISION, headers={"If-Match": "1"})
    answer = program.post(path, json={"type": "question", "priority": "P3"}, headers={"If-Match": "1"})
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "conflict"
    assert answer.json()["request"]["decided"]["priority"] == "P2"
    assert answer.headers["etag"] == '"2"'


def test_a_decision_outside_the_policy_is_422(house, program):
    """Unknown labels, missing and unknown keys are refused, and nothing is decided."""
    reference = house.request()
    for body in (
        {"type": "incident", "priority": "S1"},
        {"type": "wish", "priority": "P1"},
        {"type": "incident"},
        {**DECISION, "x": 1},
        [],
        "text",
    ):
        answer = program.post(f"/api/v1/requests/{reference}/decision", json=body, headers={"If-Match": "1"})
        assert answer.status_code == 422, body
    assert program.get(f"/api/v1/requests/{reference}").json()["state"] == "to_confirm"


def test_undo_over_the_api(house, program, suggested):
    """Undo at the current version puts the request back; again is a conflict."""
    reference = house.request(content=suggested())
    program.post(f"/api/v1/requests/{reference}/decision", json=DECISION, headers={"If-Match": "1"})
    path = f"/api/v1/requests/{reference}/undo"
    assert program.post(path).status_code == 428
    answer = program.post(path, headers={"If-Match": '"2"'})
    assert answer.json()["state"] == "to_confirm"
    assert [made["verdict"] for made in answer.json()["decisions"]] == ["confirmed", "undone"]
    assert program.post(path, headers={"If-Match": '"3"'}).status_code == 409


def test_the_same_key_opens_one_request(house, program):
    """Sent twice with one Idempotency-Key: 201, then 200 with the same request, and the worker is woken."""
    body = {"subject": "Shop down", "text": "Orders fail", "address": "marta@example.org"}
    first = program.post("/api/v1/requests", json=body, headers={"Idempotency-Key": "k1"})
    again = program.post("/api/v1/requests", json=body, headers={"Idempotency-Key": "k1"})
    other = program.post("/api/v1/requests", json=body, headers={"Idempotency-Key": "k2"})
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 201)
    assert first.json()["id"] == again.json()["id"] != other.json()["id"]
    assert first.headers["location"] == f"/api/v1/requests/{first.json()['reference']}"
    assert house.woken == 3


def test_a_key_is_not_used_for_another_request(program):
    """The same key with another text is refused: somebody mixed up their keys."""
    headers = {"Idempotency-Key": "k1"}
    program.post("/api/v1/requests", json={"text": "one"}, headers=headers)
    assert program.post("/api/v1/requests", json={"text": "two"}, headers=headers).status_code == 422


def test_a_request_that_cannot_be_is_422(program):
    """Other channels have their own doors; a party must be one; a request says something."""
    for body in (
        {"text": "x", "channel": "email"},
        {"text": "x", "channel": "phone"},
        {"text": ""},
        {"text": "x", "address": "no address"},
        {"text": "x", "number": "withheld"},
    ):
        answer = program.post("/api/v1/requests", json=body, headers={"Idempotency-Key": "k"})
        assert answer.status_code == 422, body


def test_a_request_needs_a_key(program):
    """Without Idempotency-Key a retry could open a second request, so none is opened."""
    answer = program.post("/api/v1/requests", json={"text": "x"})
    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["error"]["message"]


def test_suggest_answers_the_contracts_object(program):
    """POST /suggest stores nothing and answers every key of the contract."""
    answer = program.post("/api/v1/suggest", json={"policy": "acme", "body": "503", "facts": {"workaround": "yes"}})
    assert answer.status_code == 200
    assert answer.json()["abstained"] is True
    assert answer.json()["facts"]["workaround"]["value"] == "yes"
    assert {"type", "priority", "rules", "words", "would_change", "model", "language"} <= set(answer.json())
    assert program.post("/api/v1/suggest", json={"policy": "none", "body": "x"}).status_code == 422


def test_calls_and_policies_are_listed(house, program):
    """Calls come in pages with their request's number; policies with their clauses."""
    reference = house.request(channel=Channel.PHONE)
    with transaction(house.engine) as session:
        session.add(_call(_id(session, reference), house.now))
    (call,) = program.get("/api/v1/calls").json()["items"]
    assert (call["call_sid"], call["request"], call["recordings"]) == ("CA1", reference, 0)
    (policy,) = program.get("/api/v1/policies").json()["items"]
    assert policy["ref"] == "acme@3"
    assert [level["value"] for level in policy["levels"]] == ["P1", "P2", "P3"]


def test_a_body_that_is_too_large_or_no_json_is_refused(program):
    """Two megabytes are 413 unread; broken JSON is 422 in the one error shape."""
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    assert program.post("/api/v1/requests", content=b"x" * 2_000_000, headers=headers).status_code == 413
    broken = program.post("/api/v1/requests", content=b"{", headers=headers)
    assert broken.status_code == 422
    assert broken.json()["error"]["code"] == "invalid"


def test_without_postgresql_the_api_says_come_back(house, program):
    """While PostgreSQL is away every route is 503 with Retry-After."""
    away = connect("postgresql://nobody@127.0.0.1:1/none")
    object.__setattr__(house.desk, "engine", away)
    answer = program.get("/api/v1/requests")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "5"
    away.dispose()


def test_the_routes_are_in_the_openapi_document(house):
    """The API's own description names its routes; pages are not part of it."""
    paths = house.app.openapi()["paths"]
    assert "/api/v1/requests/{name}/decision" in paths
    assert "/triage" not in paths


def _id(session, reference) -> UUID:
    return session.scalar(
        select(tables.requests.Request.id).where(tables.requests.Request.number == int(reference[3:]))
    )


def _mail(request, now):
    return tables.mail.Mail(
        digest="1",
        mail_from="marta@example.org",
        rcpt_to=["support@example.com"],
        peer="",
        helo="",
        size=1,
        raw=b"x",
        received_at=now,
        state=MailState.PROCESSED,
        message_id="one@example.org",
        parsed={},
        request_id=request,
    )


def _call(request, now):
    return tables.calls.Call(
        call_sid="CA1",
        account_sid="AC1",
        from_number="+49305550137",
        to_number="+49305550100",
        status="completed",
        step="bye",
        answers={},
        request_id=request,
        started_at=now,
    )
