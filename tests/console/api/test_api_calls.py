"""Calls, those who are owed one, the rota and folding as programs read and write them."""

from datetime import timedelta

import pytest

from models.calling import LegState
from models.terms import Channel, Role


@pytest.fixture
def call(house, lines, suggested):
    """A night call about a request, and its reference."""
    reference = house.request(channel=Channel.PHONE, content=suggested())
    made = lines.add_call(house, reference, said={"orders fail everywhere since six": 0.42})
    lines.nights(house, made)
    lines.receipt(house, made)
    return reference


def test_a_call_tells_who_was_rung(house, program, lines, call):
    """In the list and with its request: legs in order, seconds to a human, confidence, receipts, recognition."""
    lines.owed(house, call)
    (line,) = program.get("/api/v1/calls").json()["items"]
    assert line["seconds_to_human"] == 71
    assert (line["missed"], line["owed"], line["recovered_at"]) == (False, True, None)
    assert [leg["state"] for leg in line["legs"]] == ["silent", "busy", "passed", "taken"]
    assert line["legs"][1] | {"number": None} == line["legs"][1] | {"number": None, "sip_code": 486, "rang_seconds": 2}
    request = program.get(f"/api/v1/requests/{call}").json()
    told = request["call"]
    assert (told["seconds_to_human"], told["confidence"], told["heard_badly"]) == (71, 0.42, True)
    assert told["recognition"] == "known"
    assert told["receipts"][0]["recipient"] == "marta@example.org"
    assert told["legs"][3]["key_pressed"] == "1"
    assert request["owed_calls"][0]["why"] == "the caller hung up"
    assert [said["confidence"] for said in request["interactions"]] == [None, 0.42]


def test_a_viewer_reads_no_number_of_a_colleague(house, lines, call):
    """Numbers of legs, of what is owed and where a receipt went are null for viewers."""
    lines.owed(house, call)
    lines.on_duty(house)
    with house.api(Role.VIEWER) as viewer:
        told = viewer.get(f"/api/v1/requests/{call}").json()
        assert {leg["number"] for leg in told["call"]["legs"]} == {None}
        assert told["call"]["receipts"][0]["recipient"] is None
        assert told["owed_calls"][0]["number"] is None
        assert viewer.get("/api/v1/calls/owed").json()["items"][0]["number"] is None
        people = viewer.get("/api/v1/on-call").json()["tiers"][0]["people"]
        assert people == [{"id": "ben", "name": "Ben Muster", "has_number": True, "numbers": None}]


def test_what_may_be_a_pin_is_told_by_its_end(house, program, lines, suggested):
    """An account number that was confirmed is told; what was not, or was a PIN, is not."""
    for answers, told in (
        ({"account": "48151634"}, "ending in 34"),
        ({"account": "48151634", "account_confirmed": "yes", "pin_ok": "yes"}, "ending in 34"),
        ({"account": "4711", "account_confirmed": "yes"}, "4711"),
    ):
        reference = house.request(channel=Channel.PHONE, content=suggested())
        lines.add_call(house, reference, answers=answers)
        assert program.get(f"/api/v1/requests/{reference}").json()["call"]["answers"]["account"] == told


def test_calls_are_narrowed(house, program, lines, call):
    """`only` gives the live, missed or recovered ones; pages go on where the last one ended."""
    lines.add_call(house, call, live=True, seconds_ago=5, step="connect")
    lines.add_call(house, call, status="no-answer", recovered_at=house.now)
    assert [one["status"] for one in program.get("/api/v1/calls?only=live").json()["items"]] == ["in-progress"]
    assert [one["missed"] for one in program.get("/api/v1/calls?only=missed").json()["items"]] == [True]
    (found,) = program.get("/api/v1/calls?only=recovered").json()["items"]
    assert found["recovered_at"] == "2026-11-21T09:30:00Z"
    first = program.get("/api/v1/calls?limit=1").json()
    assert first["next_cursor"] == first["items"][0]["id"]
    assert len(program.get("/api/v1/calls", params={"cursor": first["next_cursor"]}).json()["items"]) == 2


def test_a_call_is_owed_and_settled(house, program):
    """Owe, read it in the list, settle: then none is owed, and to settle again is 404."""
    reference = house.request()
    due = (house.now + timedelta(minutes=30)).isoformat()
    body = {"due_at": due, "number": "+49305550199", "why": "after the restart", "automatic": True}
    made = program.post(f"/api/v1/requests/{reference}/owe", json=body)
    assert made.status_code == 200
    (line,) = program.get("/api/v1/calls/owed").json()["items"]
    assert (line["id"], line["reference"], line["overdue"]) == (made.json()["owed"], reference, False)
    assert (line["number"], line["automatic"], line["made_by"]) == ("+49305550199", True, "token:reports-engineer")
    settled = program.post(f"/api/v1/requests/{reference}/settle", json={"how": "spoke to them"})
    assert settled.json()["owed_calls"][0]["outcome"] == "spoke to them"
    assert program.get("/api/v1/calls/owed").json()["items"] == []
    assert program.post(f"/api/v1/requests/{reference}/settle", json={"how": "twice"}).status_code == 404


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "due_at"),
        ({"due_at": "2026-11-20T00:00:00Z"}, "past"),
        ({"due_at": "2026-11-22T00:00:00"}, "timezone"),
        ({"due_at": "2026-11-22T00:00:00Z", "number": "x"}, "no telephone number"),
    ],
)
def test_a_promise_that_cannot_be_kept_is_422(house, program, body, words):
    """No moment, one that is past or in no zone, or a number that is none."""
    answer = program.post(f"/api/v1/requests/{house.request()}/owe", json=body)
    assert answer.status_code == 422
    assert words in answer.json()["error"]["message"]


def test_the_rota_is_read(house, program, lines):
    """Tiers with who is on duty and next, the shifts to come, findings; 404 where there is none."""
    assert program.get("/api/v1/on-call").status_code == 404
    lines.on_duty(house)
    told = program.get("/api/v1/on-call?days=2").json()
    first, second = told["tiers"]
    assert first["people"][0]["numbers"] == ["+49305550124"]
    assert first["next"]["people"] == ["Priya Sample"]
    assert first["until"] == "2026-11-21T12:00:00Z"
    assert [one["has_number"] for one in second["people"]] == [True, True, False]
    assert {one["tier"] for one in told["upcoming"]} == {"first", "everybody"}
    assert any(not one["is_fine"] for one in told["findings"])
    assert program.get("/api/v1/on-call?days=0").status_code == 422


def test_reports_are_folded_and_taken_out(house, program, lines):
    """Fold names the parent; both sides tell it in lists; unfold takes it out; twice is a conflict with the request."""
    main, second = lines.outage(house, 2)
    folded = program.post(f"/api/v1/requests/{second}/fold", json={"into": main})
    assert folded.json()["folded_into"] == main
    by_reference = {one["reference"]: one for one in program.get("/api/v1/requests").json()["items"]}
    assert (by_reference[main]["reports"], by_reference[second]["folded_into"]) == (1, main)
    assert by_reference[main]["folded_into"] is None
    assert program.post(f"/api/v1/requests/{second}/unfold").json()["folded_into"] is None
    again = program.post(f"/api/v1/requests/{second}/unfold")
    assert again.status_code == 409
    assert again.json()["request"]["reference"] == second
    assert program.post(f"/api/v1/requests/{second}/fold", json={"into": "SB-1"}).status_code == 404
    assert program.post(f"/api/v1/requests/{second}/fold", json={"into": second}).status_code == 422
    stale = program.post(f"/api/v1/requests/{second}/fold", json={"into": main}, headers={"If-Match": '"1"'})
    assert stale.status_code == 409


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("owe", {"due_at": "2026-11-22T00:00:00Z"}),
        ("settle", {"how": "done"}),
        ("fold", {"into": "SB-1001"}),
        ("unfold", None),
    ],
)
def test_a_viewer_writes_nothing(house, path, body):
    """Each write needs an engineer."""
    reference = house.request()
    with house.api(Role.VIEWER) as viewer:
        assert viewer.post(f"/api/v1/requests/{reference}/{path}", json=body).status_code == 403


def test_an_unanswered_leg_says_how_long_it_rang(house, program, lines, suggested):
    """Seconds of ringing are told beside how long it might have rung; none while it rings."""
    reference = house.request(channel=Channel.PHONE, content=suggested())
    call = lines.add_call(house, reference, live=True, seconds_ago=90)
    lines.rang(house, call, "Ben", LegState.NO_ANSWER, ended=20)
    lines.rang(house, call, "Priya", LegState.RINGING, after=60, round=2)
    legs = program.get("/api/v1/calls").json()["items"][0]["legs"]
    assert [(leg["rang_seconds"], leg["ring_seconds"]) for leg in legs] == [(20, 20), (None, 20)]
