"""The JSON API: what a token may do to a request under way, and what its role keeps it from."""

from datetime import timedelta

from console import api_progress
from models import tables
from models.store import transaction
from models.terms import Role

WRITES = [
    ("facts", {"name": "workaround", "value": "yes"}),
    ("transition", {"step": "start-progress", "engineer": "ida"}),
    ("take", {"engineer": "ida"}),
    ("owner", {"to": "ida", "reason": "She knows it."}),
    ("messages", {"text": "We are on it."}),
    ("questions", {"questions": [{"ask": "Which version?", "why": "They differ."}]}),
    ("notes", {"text": "Seen before."}),
    ("work", {"minutes": 5}),
    ("assumptions", {"text": "It is the proxy."}),
    ("escalate", {"reason": "A second pair of eyes."}),
    ("acknowledge", None),
    ("callbacks", {"outcome": "no-answer", "number": "+49 30 5550 137"}),
    ("ease", {"rule": "unreachable-contact"}),
    ("visibility", {"visibility": "group"}),
]


def test_a_viewers_token_changes_nothing(raised, house):
    """Every write is 403 for a viewer and 401 for nobody; an engineer's token is let in by every other test here."""
    made = raised("wso2", ("incident", "P2"))
    before = made.get()
    viewer = made.by(house.api(Role.VIEWER))
    for path, body in WRITES:
        assert viewer.post(path, body, expect=403)["error"]["code"] == "forbidden", path
        assert viewer.post(path, body, expect=401, Authorization="Bearer wrong")["error"]["code"] == "unauthorized"
    assert made.get() == before
    assert {path for path, _ in WRITES} == {path for path, _ in api_progress.ROUTES}


def test_what_changes_where_a_request_stands_needs_the_version_seen(raised, house):
    """Without If-Match 428; with a stale one 409 and the request as it stands, and nothing is written."""
    made = raised("wso2", ("incident", "P2"))
    before = made.get()
    for path, body in WRITES:
        answer = made.client.post(f"{made.path}/{path}", json=body, headers={"If-Match": '"1"'})
        assert (answer.status_code, answer.json()["request"]["version"]) == (409, 2), path
        if path in {"facts", "transition", "take", "owner", "questions", "ease"}:
            assert made.client.post(f"{made.path}/{path}", json=body).status_code == 428, path
    assert made.get() == before


def test_only_a_lead_is_offered_what_only_a_lead_may_say(raised, house):
    """A resolution for leads is not offered to an engineer, who is told so; a lead is asked for everything it needs."""
    made = raised("wso2", ("incident", "P2"))
    made.post("take", {"engineer": "ida"})
    lead = made.by(house.api(Role.LEAD))

    def codes(body):
        (resolve,) = [one for one in body["transitions"] if one["step"] == "resolve"]
        return [one["value"] for one in resolve["resolutions"]]

    assert codes(made.get()) == ["solved", "answered"]
    assert codes(lead.get()) == ["solved", "answered", "cannot-reproduce"]
    step = {"step": "resolve", "given": {"resolution": "cannot-reproduce"}}
    assert "not for engineer" in made.post("transition", step, expect=422)["error"]["message"]
    (offered,) = [one for one in lead.get()["transitions"] if one["step"] == "resolve"]
    asked = next(one for one in offered["resolutions"] if one["value"] == "cannot-reproduce")["asks"]
    missing = lead.post("transition", step, expect=422)["error"]["message"]
    assert len(asked) == 4
    assert all(one["ask"] in missing for one in asked)
    step["given"] |= {one["name"]: "Told." for one in asked}
    body = lead.post("transition", step)
    assert body["moved"]["to"] == body["status"]["value"] == "resolved"
    assert body["resolution"] == "cannot-reproduce"
    assert lead.clock("response")["state"] == "met"
    assert lead.post("transition", step, expect=409)["request"]["status"]["value"] == "resolved"


def test_a_step_nobody_offers_is_refused(raised):
    """A step that leads nowhere from here is 409, and the request does not move."""
    made = raised("witboost", ("incident", "P1"))
    assert "no step" in made.post("transition", {"step": "fly"}, expect=409)["error"]["message"]
    body = made.post("transition", {"step": "take-charge", "engineer": "ida"})
    assert (body["owner"], body["status"]["label"]) == ("ida", "Taken in charge")
    lacking = made.post("transition", {"step": "escalate"}, expect=422)["error"]["message"]
    (escalate,) = [one for one in body["transitions"] if one["step"] == "escalate"]
    assert [one["ask"] in lacking for one in escalate["asks"]] == [True, True]


def test_facts_are_stated_together_and_the_suggestion_follows(raised):
    """Facts make the suggestion anew at once, with the clause; one more changes it; unknown takes it back."""
    made = raised("wso2")
    body = made.post("facts", {"facts": {"down": "full", "workaround": "no"}})
    assert (body["suggestion"]["priority"]["value"], body["version"]) == ("P1", 3)
    assert body["facts"]["workaround"] == {
        "value": "no",
        "source": "engineer",
        "evidence": "stated by token:reports-engineer",
    }
    assert body["clocks"][0]["supposed"] is True
    body = made.post("facts", {"name": "workaround", "value": "yes"})
    (rule,) = [one for one in body["rules"] if one["id"] == "workaround-available"]
    assert (rule["verdict"], rule["effect"]) == ("applied", "P1→P2")
    assert "WSO2 §3.1 P2" in rule["clause"]
    assert body["suggestion"]["priority"]["value"] == "P2"
    assert "workaround" not in made.post("facts", {"name": "workaround", "value": "unknown"})["facts"]


def test_facts_that_cannot_be_are_all_named_and_none_is_stated(raised):
    """Every unknown name and value is in one answer; the right ones beside them are not stated either."""
    made = raised("wso2")
    before = made.get()
    message = made.post("facts", {"facts": {"mood": "bad", "down": "full", "scope": "world"}}, expect=422)["error"]
    assert "'mood'" in message["message"]
    assert "'world'" in message["message"]
    for body in ({}, {"name": "down"}, {"name": "down", "value": "full", "facts": {"scope": "all"}}, {"facts": {}}):
        assert made.post("facts", body, expect=422)["error"]["code"] == "invalid"
    assert made.get() == before


def test_telling_the_client_meets_the_response_and_agrees_a_time(raised, house):
    """The first message is the response, the next an update; what an update lacks comes back."""
    made = raised("wso2", ("incident", "P2"))
    body = made.post("messages", {"text": "We have begun.", "given": {"done": "Read the logs."}})
    assert [one["name"] for one in body["untold"]] == ["outcome", "next", "eta"]
    assert made.clock("response")["met_at"] == "2026-11-21T09:31:00Z"
    made.post("messages", {"text": "Until noon.", "until": "2026-11-21T12:00:00Z"})
    assert made.clock("update", "objective")["estimate"] == "2026-11-21T12:00:00Z"
    assert (
        "ahead" in made.post("messages", {"text": "x", "until": "2026-11-20T12:00:00Z"}, expect=422)["error"]["message"]
    )
    made.post("messages", {"text": "x", "until": "2026-11-21T12:00:00"}, expect=422)
    made.post("messages", {"text": "x\u0000"}, expect=422)
    kinds = [row["event"] for row in made.get()["log"] if row["is_public"]]
    assert kinds == ["responded", "estimated"]


def test_questions_go_out_once_with_reasons_and_the_clock_waits(raised):
    """A question without its reason is refused; asked, the request waits for the client and its clock is paused."""
    made = raised("wso2", ("incident", "P2"))
    made.post("take", {"engineer": "ida"})
    bare = {"questions": [{"ask": "Which version?", "why": ""}], "move": True}
    assert "Which version?" in made.post("questions", bare, expect=422)["error"]["message"]
    asked = {"questions": [{"ask": "Which version?", "why": "They differ."}], "move": True}
    body = made.post("questions", asked)
    assert (body["status"]["value"], body["considered"]) == ("waiting-on-client", [])
    assert made.clock("update", "objective")["state"] == "paused"
    assert made.post("questions", asked)["considered"][0]["habit"] == "ask-once"


def test_what_is_written_down_stands_in_the_log(raised, house):
    """Notes, work, assumptions, an escalation and who took it on: each is an entry with its maker."""
    made = raised("wso2", ("incident", "P2"))
    made.post("notes", {"text": "Seen before."})
    made.post("work", {"minutes": 25, "text": "Logs"})
    named = made.post("assumptions", {"text": "It is the proxy."})["assumption"]
    made.post("assumptions", {"assumption": named, "holds": False})
    made.post("assumptions", {"assumption": named, "holds": True}, expect=409)
    made.post("escalate", {"reason": "A second pair of eyes."})
    made.post("acknowledge")
    assert made.post("visibility", {"visibility": "group"})["visibility"] == "group"
    log = {row["event"]: row for row in made.get()["log"] if row["event"] != "acted"}
    assert log["worked"]["detail"] == {"minutes": 25}
    assert log["settled"]["detail"]["holds"] is False
    assert log["asked"]["note"] == "A second pair of eyes."
    assert {row["made_by"] for event, row in log.items() if event != "started"} == {"token:reports-engineer"}
    assert {"noted", "assumed", "acknowledged"} <= set(log)
    for path, body in (("notes", {"text": " "}), ("work", {"minutes": 0}), ("escalate", {"reason": ""}),
                       ("assumptions", {}), ("assumptions", {"text": "x", "holds": True}),
                       ("visibility", {"visibility": "all"}), ("notes", {"text": "x", "y": 1})):  # fmt: skip
        assert made.post(path, body, expect=422)["error"]["code"] == "invalid", (path, body)


def test_a_request_changes_hands_with_a_reason(raised, house):
    """Handed over, taken back with a reason, given up; nobody becomes an owner who is no engineer."""
    made = raised("wso2", ("incident", "P2"))
    house.engineer("jon")
    assert made.post("owner", {"to": "ida", "reason": "On duty."})["owner"] == "ida"
    assert "ida owns" in made.post("take", {"engineer": "jon"}, expect=422)["error"]["message"]
    body = made.post("take", {"reason": "She left.", "engineer": "jon"})
    assert (body["owner"], body["status"]["value"]) == ("jon", "in-progress")
    (line,) = made.client.get("/api/v1/requests").json()["items"]
    assert (line["owner"], line["status"]) == (body["owner"], body["status"])
    assert made.post("owner", {"to": "nobody", "reason": "x"}, expect=404)["error"]["code"] == "not-found"
    assert made.post("owner", {"to": "", "reason": "Shift ends."})["owner"] is None


def test_a_lead_eases_whom_nobody_could_reach(raised, house):
    """Two attempts in vain enable the rule; an engineer may not apply it, a lead may, once, and it is cited."""
    made = raised("parallels", ("incident", "1"))
    rule = {"rule": "unreachable-contact"}
    lead = made.by(house.api(Role.LEAD))
    assert lead.post("ease", rule, expect=409)["error"]["code"] == "conflict"
    gates = made.get()["gates"]
    assert set(gates) == {"1", "2"}
    assert "contact phone number" in gates["1"][0]["clause"]
    assert "number" in made.post("callbacks", {"outcome": "no-answer"}, expect=422)["error"]["message"]
    with transaction(house.engine) as session:
        row = tables.requests.by_number(session, int(made.get()["reference"][3:]))
        tables.requests.interactions(session, row.id)[0].fields = {"phone": "030 5550137"}
    for _ in range(2):
        body = made.post("callbacks", {"outcome": "no-answer", "number": "+49 30 5550 137", "note": "rang out"})
        house.now += timedelta(minutes=15)

    def found(body):
        return next(one for one in body["rules"] if one["id"] == "unreachable-contact")

    told = found(body)
    assert (told["holds"], told["enabled"], told["may"], told["by"]) == (True, True, False, ["lead"])
    assert (told["from"], told["to"]) == ("1", "3")
    assert found(lead.get())["may"] is True
    assert "lead" in made.post("ease", rule, expect=403)["error"]["message"]
    assert lead.post("ease", {"rule": "none"}, expect=404)["error"]["code"] == "not-found"
    body = lead.post("ease", rule)
    assert body["decided"]["priority"] == "3"
    assert (body["decisions"][-1]["rule"], body["decisions"][-1]["reason"]) == ("unreachable-contact", told["clause"])
    assert found(body)["enabled"] is False
    assert [one["number"] for one in body["callbacks"]] == ["+49305550137"] * 2
    viewer = made.by(house.api(Role.VIEWER)).get()
    assert [one["number"] for one in viewer["callbacks"]] == [None, None]


def test_the_house_calls_the_number_on_file(raised, house):
    """`call` places one call at a time, to the number the customer told; a call by hand has ended."""
    made = raised("parallels", ("incident", "1"))
    with transaction(house.engine) as session:
        row = tables.requests.by_number(session, int(made.path.rpartition("-")[2]))
        for said in tables.requests.interactions(session, row.id):
            said.fields = {"phone": "+49 30 5550 137"}
    woken = house.woken
    assert made.get()["gates"] == {}
    body = made.post("callbacks", {"call": True})
    assert house.woken == woken + 1
    assert body["contact_number"]["value"] == "+49 30 5550 137"
    assert body["callbacks"][0]["outcome"] == "placed"
    assert body["callback"] == body["callbacks"][0]["id"]
    made.post("callbacks", {"call": True}, expect=422)
    viewer = made.by(house.api(Role.VIEWER)).get()
    assert viewer["contact_number"] == {"value": None, "source": body["contact_number"]["source"]}
    assert "5550" not in str(viewer["completeness"])
    for wrong in ({}, {"outcome": "placed"}, {"call": True, "outcome": "busy"}, {"outcome": "rang"}):
        assert made.post("callbacks", wrong, expect=422)["error"]["code"] == "invalid", wrong


def test_the_openapi_document_describes_bodies_and_errors(house):
    """Every write names the shape of its body, and every route the one shape of errors."""
    document = house.app.openapi()
    for path, body in WRITES:
        route = document["paths"][f"/api/v1/requests/{{name}}/{path}"]["post"]
        assert ("requestBody" in route) == (body is not None), path
        assert route["description"], path
        assert route["security"] == [{"HTTPBearer": []}]
    bodies = document["components"]["schemas"]
    assert bodies["CallbackBody"]["properties"]["outcome"]["anyOf"][0] == {
        "$ref": "#/components/schemas/CallbackOutcome"
    }
    answers = document["paths"]["/api/v1/requests/{name}/decision"]["post"]["responses"]
    assert {"401", "403", "404", "409", "422", "428", "503"} <= set(answers)
    assert answers["422"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}
