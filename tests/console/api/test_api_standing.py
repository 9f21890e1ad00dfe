"""The JSON API: where a request stands under each policy, and what the policies say."""

from datetime import timedelta
from unittest.mock import ANY

import pytest

from models import tables
from models.store import transaction
from models.terms import Role

POLICIES = [
    # policy, type and level, a rule, its clause, the clocks with their seconds, the steps for an engineer
    ("wso2", ("incident", "P2"), "workaround-available", "WSO2 §3.1 P2", {"response": 14400.0, "update": None},
     ["start-progress"]),
    ("witboost", ("incident", "P1"), "unusable-is-incident", "Witboost, Categorization",
     {"response": 3600.0, "update": None, "resolution": None}, ["take-charge"]),
    ("oro", ("bug", "P2"), None, "Oro", {"response": None}, ["acknowledge", "start", "resolve"]),
    ("parallels", ("incident", "1"), "unreachable-contact", "Parallels", {}, ["start"]),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "decided", "rule", "clause", "clocks", "steps"), POLICIES)
def test_a_request_of_each_policy_tells_its_rules_clocks_and_steps(
    raised, house, policy, decided, rule, clause, clocks, steps
):
    """Rules come with clauses, clocks with lines that explain them, steps only where the role may take them."""
    made = raised(policy, decided)
    body = made.get()
    pack = house.policies[policy]
    assert (body["policy_ref"], body["policy_digest"]) == (pack.ref, pack.digest)
    assert body["decisions"][0]["policy_digest"] == pack.digest
    rules = {one["id"]: one for one in body["rules"]}
    assert set(rules) - {"matrix"} == {one.id for one in pack.rules}
    assert all(one["clause"] and one["verdict"] in {"applied", "not met", "unknown"} for one in rules.values())
    assert rule is None or clause in rules[rule]["clause"]
    assert {one["kind"] for one in body["clocks"]} == set(clocks)
    for one in body["clocks"]:
        assert one["explain"], one["kind"]
        assert (one["policy"], one["policy_digest"]) == (pack.ref, pack.digest)
        if one["state"] == "running":
            assert one["clause"]
            counted = sum(line["counted_seconds"] for line in one["explain"])
            assert counted == one["elapsed_seconds"] + one["remaining_seconds"]
            assert clocks[one["kind"]] in {None, counted}
    assert bool(body["unclocked"]) == (policy in {"oro", "parallels"})
    assert all(one["clause"] for one in body["unclocked"])
    assert [one["step"] for one in body["transitions"]] == steps
    assert all(one["clause"] for one in body["transitions"])
    assert made.by(house.api(Role.VIEWER)).get()["transitions"] == []
    assert body["status"]["clause"]
    assert body["status"]["value"] == pack.workflow.start


def test_a_clock_follows_the_level_from_its_start_and_explains_it(raised, house):
    """P1 becomes P2: counted again from the start, and `explain` tells of it, also as of a moment before."""
    made = raised("wso2", ("incident", "P1"))
    first = made.clock("response")
    house.now += timedelta(minutes=20)
    made.post("decision", {"type": "incident", "priority": "P2"})
    second = made.clock("response")
    assert (first["within_seconds"], second["within_seconds"]) == (3600.0, 14400.0)
    assert first["since"] == second["since"] == "2026-11-21T09:20:00Z"
    assert any(line["about"] == "changed" and "P1" in line["text"] for line in second["explain"])
    assert [entry["level"] for entry in second["ledger"] if entry["deadline"]][-1] == "P2"
    now = made.get("/explain", kind="response")
    assert (now["level"], now["due"], now["at"]) == ("P2", second["due"], "2026-11-21T09:51:00Z")
    then = made.get("/explain", kind="response", at="2026-11-21T10:35:00+01:00")
    assert (then["level"], then["due"], then["explain"]) == ("P1", first["due"], ANY)
    assert then["elapsed_seconds"] == 900.0
    for query, status in (
        ({"kind": "resolution"}, 404),
        ({"kind": "response", "promise": "objective"}, 404),
        ({"kind": "lunch"}, 422),
        ({}, 422),
        ({"kind": "response", "at": "2026-11-21T10:35:00"}, 422),
        ({"kind": "response", "at": "9999-12-31T23:59:59-12:00"}, 422),
        ({"kind": "response", "at": "2199-12-31T23:59:59Z"}, 422),
    ):
        answer = made.client.get(f"{made.path}/explain", params=query)
        assert answer.status_code == status, (query, answer.text)


def test_a_secret_is_told_to_be_there_and_never_shown(raised, house):
    """A licence key counts for completeness; its signs are nowhere in the request."""
    made = raised("oro", ("bug", "P2"))
    with transaction(house.engine) as session:
        row = tables.requests.by_number(session, int(made.path.rpartition("-")[2]))
        for said in tables.requests.interactions(session, row.id):
            said.fields = {"license_key": "KEY-4711-XYZZY"}
    body = made.get()
    (found,) = [one for one in body["completeness"]["found"] if one["name"] == "license"]
    assert (found["standing"], found["evidence"]) == ("present", None)
    assert "XYZZY" not in str(body)


def test_a_request_whose_policy_is_gone_still_answers(raised, house):
    """What can be told without the policy is told; what needs it is refused, naming those there are."""
    made = raised("oro", ("bug", "P2"))
    whole = made.get()
    del house.policies["oro"]
    body = made.get()
    assert set(body) == set(whole)
    assert (body["policy_ref"], body["clocks"], body["transitions"]) == (None, [], [])
    assert body["status"]["since"] == whole["status"]["since"]
    assert "acme" in made.post("notes", {"text": "x"}, expect=422)["error"]["message"]
    assert made.client.get(f"{made.path}/explain", params={"kind": "response"}).status_code == 422
    assert made.post("undo")["decided"] is None


def test_what_is_left_behind_is_listed_with_reasons(raised, house):
    """A request nobody works on is on the list with its clause; `owner` narrows it."""
    made = raised("wso2", ("incident", "P2"))
    (line,) = made.client.get("/api/v1/left-behind").json()["items"]
    assert (line["reference"], line["owner"]) == (made.path.rpartition("/")[2], None)
    assert [(one["habit"], one["clause"][:2]) for one in line["nudges"]] == [("left-behind", "R3")]
    assert made.client.get("/api/v1/left-behind", params={"owner": "ida"}).json()["items"] == []


def test_policies_tell_everything_they_say(house, program):
    """One policy by its id, all of them in a list; whatever rests on a source names its clause."""
    listed = {one["id"]: one for one in program.get("/api/v1/policies").json()["items"]}
    assert {"wso2", "witboost", "oro", "parallels"} <= set(listed)
    for name, pack in listed.items():
        assert program.get(f"/api/v1/policies/{name}").json() == pack
        held = house.policies[name]
        assert len(pack["clocks"]["targets"]) == sum(len(each) for each in held.commitments.levels.values())
        assert [one["id"] for one in pack["workflow"]["steps"]] == [one.id for one in held.workflow.steps]
        if name != "acme":
            parts = [pack[key] for key in ("rules", "types", "levels", "escalation", "completeness", "nudges")]
            parts += [pack["clocks"]["targets"], pack["workflow"]["statuses"], pack["workflow"]["steps"]]
            assert all(one["clause"] for part in parts for one in part), name
    (rule,) = [one for one in listed["parallels"]["rules"] if one["by"]]
    assert rule["when"] == {"unreachable": ["yes"]}
    assert rule["when_words"] == "unreachable is yes"
    assert rule["then"] == {"move": "cap", "to": ["3"], "from": []}
    (office,) = [one for one in listed["witboost"]["calendars"] if one["id"] == "office"]
    assert office["week"]["sat"] == []
    assert office["assumed"]
    assert listed["witboost"]["matrix"]["rows"]["extensive"] == ["P1", "P1", "P2"]
    assert listed["oro"]["catalogue"]["services"]
    assert program.get("/api/v1/policies/none").status_code == 404
