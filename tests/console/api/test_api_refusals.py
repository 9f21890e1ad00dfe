"""The JSON API: what it refuses with a sentence, and what a viewer does not read."""

import json
from datetime import timedelta

import pytest

from models import tables
from models.store import transaction
from models.terms import OutgoingState, Role, StepState

NUL = "\x00"
LISTS = [
    "requests?q=a%00", "requests?account=%00", "requests?message_id=%00", "requests?call_sid=%00",
    "left-behind?owner=%00", "requests/SB-%00", "policies/%00", "calls?x=%00",
]  # fmt: skip
TEXTS = [
    ("decision", {"type": "incident", "priority": "P2", "reason": f"a{NUL}b"}),
    ("decision", {"type": NUL, "priority": "P2"}),
    ("messages", {"text": f"x{NUL}"}),
    ("messages", {"text": "x", "given": {NUL: "x"}}),
    ("notes", {"text": f"\\{NUL}"}),
    ("facts", {"name": NUL, "value": "yes"}),
    ("take", {"engineer": NUL}),
]


@pytest.mark.parametrize("path", LISTS)
def test_a_query_with_a_nul_is_refused(program, path):
    """PostgreSQL stores none, and its driver's error is nobody's to read."""
    answer = program.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert "U+0000" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("path", "body"), TEXTS)
def test_a_nul_anywhere_in_a_body_is_refused(raised, path, body):
    """Whichever field holds it; nothing is written."""
    made = raised("wso2", ("incident", "P1"))
    before = made.get()
    assert made.post(path, body, expect=422)["error"]["code"] == "invalid"
    assert made.get() == before


@pytest.mark.parametrize("field", ["subject", "text", "name", "address", "number", "account", "language", "facts"])
def test_a_new_request_with_a_nul_is_refused(program, field):
    """Every field of it."""
    body = {"text": "Help"} | {field: {"mood": NUL} if field == "facts" else f"+4930555{NUL}"}
    answer = program.post("/api/v1/requests", json=body, headers={"Idempotency-Key": "1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert program.get("/api/v1/requests").json()["items"] == []


def test_an_escaped_backslash_before_u0000_is_text(raised):
    """Somebody who writes about the escape itself is heard."""
    made = raised("wso2", ("incident", "P1"))
    content = '{"text": "we see \\\\u0000 in the log"}'
    assert json.loads(content)["text"] == r"we see \u0000 in the log"
    headers = {"Content-Type": "application/json"}
    assert made.client.post(f"{made.path}/notes", content=content, headers=headers).status_code == 200
    content = content.replace("\\\\", "\\\\\\")
    assert json.loads(content)["text"].endswith("\x00 in the log")
    assert made.client.post(f"{made.path}/notes", content=content, headers=headers).status_code == 422


@pytest.mark.parametrize(
    "until",
    ["9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z", "2199-12-31T23:59:59-12:00", "2200-01-01T00:00:00Z",
     "0001-01-01T00:00:00+14:00"],
)  # fmt: skip
def test_a_time_beyond_the_calendars_is_not_agreed(raised, until):
    """It would be a target that nothing can count to; the request can be read all the same."""
    made = raised("wso2", ("incident", "P1"))
    message = made.post("messages", {"text": "Later.", "until": until}, expect=422)["error"]["message"]
    assert message.startswith("until: write a time between")
    assert "2198" in message
    assert made.get()["version"] == 2
    made.post("messages", {"text": "Later.", "until": "2198-12-31T23:59:59-12:00"})
    assert made.clock("update", "objective")["estimate"] == "2199-01-01T11:59:59Z"


def test_a_viewer_reads_no_remark_that_may_hold_a_number(raised, house):
    """Numbers and addresses are for whoever works on requests, wherever somebody wrote them."""
    made = raised("wso2", ("incident", "P1"))
    note = "call +49 30 5550 137, or ida@example.com"
    made.post("callbacks", {"outcome": "no-answer", "number": "+49 30 5550 137", "note": note})
    made.post("notes", {"text": note})
    made.post("notes", {"text": "Restarted for you.", "public": True})
    made.post("questions", {"questions": [{"ask": "Which version?", "why": "They differ."}]})
    made.post("work", {"minutes": 5, "text": note})
    made.post("transition", {"step": "start-progress", "engineer": "ida", "given": {"reason": note}})
    with transaction(house.engine) as session:
        row = tables.requests.by_number(session, int(made.path.rpartition("-")[2]))
        step = tables.progress.add_step(
            session, request_id=row.id, key="k", ladder="l", rung="r", label="L", channel="mail", to_role="lead",
            to_name="", cause="asked", cause_at=house.now, clause="c", assumed=False, policy="p", policy_digest="d",
            due_at=house.now, state=StepState.FAILED, created_at=house.now,
        )  # fmt: skip
        session.add(
            tables.progress.Notice(
                step_id=step, request_id=row.id, channel="mail", name="Lea", recipient="lea@example.com",
                state=OutgoingState.FAILED, error="550 lea@example.com unknown, +49 30 5550 101", created_at=house.now,
            )
        )  # fmt: skip
    works, views = made.get(), made.by(house.api(Role.VIEWER)).get()
    assert works["callbacks"][0]["note"] == note
    assert works["escalation"]["notices"][0]["error"].startswith("550")
    assert note in [one["note"] for one in works["log"]]
    assert views["callbacks"][0]["note"] is None
    assert views["escalation"]["notices"][0]["error"] is None
    for word in ("5550", "ida@example.com", "lea@example.com"):
        assert word not in json.dumps(views), word
    notes = {one["event"]: one["note"] for one in views["log"] if one["is_public"]}
    assert notes["noted"] == "Restarted for you."
    assert "Which version?" in notes["asked-client"]
    assert {one["event"] for one in views["log"]} == {one["event"] for one in works["log"]}


def test_a_level_that_lacks_something_needs_a_person_who_has_seen_it(raised):
    """Parallels' contact phone, for severities 1 and 2: 422 names it, its clause and how to go on."""
    made = raised("parallels")
    assert set(made.get()["gates"]) == {"1", "2"}
    for level in ("1", "2"):
        message = made.post("decision", {"type": "incident", "priority": level}, expect=422)["error"]["message"]
        assert "missing (" in message
        assert made.get()["gates"][level][0]["clause"] in message
        assert '"seen": true' in message
    assert made.get()["decided"] is None
    assert made.post("decision", {"type": "incident", "priority": "1", "seen": True})["decided"]["priority"] == "1"
    assert made.post("decision", {"type": "incident", "priority": "3"})["decided"]["priority"] == "3"


def test_a_level_that_lacks_nothing_asks_nobody(raised):
    """Other systems decide as they did: what is merely wanted stops nothing."""
    made = raised("wso2")
    body = made.get()
    assert body["completeness"]["missing"]
    assert made.post("decision", {"type": "incident", "priority": "P1"})["decided"]["priority"] == "P1"


@pytest.mark.parametrize(("path", "body"), [("take", {}), ("transition", {"step": "start-progress"})])
def test_a_token_owns_nothing(raised, house, path, body):
    """No ladder reaches it; the engineer it names becomes the owner, and the log says who did it."""
    made = raised("wso2", ("incident", "P1"))
    message = made.post(path, body, expect=422)["error"]["message"]
    assert '"engineer"' in message
    assert "/owner" in message
    assert made.post(path, body | {"engineer": "nobody"}, expect=404)["error"]["code"] == "not-found"
    house.engineer("vera", Role.VIEWER)
    assert made.post(path, body | {"engineer": "vera"}, expect=404)["error"]["code"] == "not-found"
    told = made.post(path, body | {"engineer": "IDA"})
    assert (told["owner"], told["status"]["value"]) == ("ida", "in-progress")
    (owned,) = [one for one in told["log"] if one["event"] == "owned"]
    assert (owned["value"], owned["made_by"]) == ("ida", "token:reports-engineer")


def test_a_step_that_takes_nothing_names_nobody(raised, house):
    """Only taking needs an owner; taken once more for somebody else, it needs the reason as ever."""
    made = raised("wso2", ("incident", "P1"))
    made.post("take", {"engineer": "ida"})
    house.now += timedelta(minutes=1)
    (step,) = [one for one in made.get()["transitions"] if one["step"] == "ask-client"]
    given = {one["name"]: "Told." for one in step["asks"]}
    assert made.post("transition", {"step": "ask-client", "given": given})["owner"] == "ida"
