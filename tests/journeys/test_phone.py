"""The phone door from outside: callers, engineers' telephones and Twilio around one running house."""

import importlib.util
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

SPEC = importlib.util.spec_from_file_location("telephony", Path(__file__).with_name("_telephony.py"))
assert SPEC is not None
assert SPEC.loader is not None
telephony = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(telephony)

PROBLEM = "orders fail at every counter and there is no workaround"
MARA, JON = "+493055500201", "+493055500202"


def rota() -> str:
    """A rota on which it is night now, wherever the test runs: by day others would ring."""
    begins, ends = ((datetime.now(UTC).hour + hours) % 24 for hours in (4, 10))
    day, night = f"{begins:02}:00-{ends or 24:02}:00", f"{ends:02}:00-{begins or 24:02}:00"
    return f"""
rota: 1
time_zone: UTC
people:
  mara: {{name: Mara Sample, numbers: ["{MARA}"]}}
  jon: {{name: Jon Sample, numbers: ["{JON}"]}}
  dana: {{name: Dana Sample, numbers: ["+493055500203"]}}
tiers:
  - {{id: day, label: By day, hours: "{day}", people: [dana]}}
  - {{id: night, label: By night, hours: "{night}", takes: urgent, ring: in-order, people: [mara, jon]}}
"""


@pytest.fixture(scope="module")
def phones(tmp_path_factory: pytest.TempPathFactory, furnished: Any) -> Iterator[Any]:
    """One house with a telephone line, two engineers on duty at night, and Twilio's API beside it."""
    folder = tmp_path_factory.mktemp("phone")
    (folder / "rota.yaml").write_text(rota())
    with telephony.twilio_api() as api:
        house = type(furnished)(
            folder,
            like=furnished,
            SWITCHBOARD_TWILIO_API_BASE=api.url,
            SWITCHBOARD_TWILIO_FROM="+493055500100",
            SWITCHBOARD_DEFAULT_REGION="DE",
            SWITCHBOARD_ROTA=str(folder / "rota.yaml"),
            SWITCHBOARD_VOICE_NUMBERS="+493055500100=en,de; +493055500101=de",
            SWITCHBOARD_RECONCILE_MINUTES="0",
        )
        try:
            house.start()
            yield SimpleNamespace(house=house, api=api)
        finally:
            house.stop()
    assert api.surprises == []


@pytest.fixture
def mara():
    """The first engineer's telephone."""
    return telephony.Telephone(MARA, key="1")


@pytest.fixture
def jon():
    """The second engineer's telephone."""
    return telephony.Telephone(JON, key="1")


@pytest.fixture
def exchange(phones, mara, jon):
    """Every telephone around the house."""
    return telephony.Exchange(phones.house, mara, jon)


def record(house: Any, caller: Any) -> dict[str, Any]:
    """What the API tells of the one request of a call."""
    (request,) = house.requests(call_sid=caller.sid)
    return house.api("GET", f"/requests/{request['reference']}").json()


def told(caller: Any) -> Any:
    """A caller in English who says what is wrong, and that production is down."""
    caller.dials().hears("For English, press 1").presses("1").hears("record").presses("1")
    caller.hears("account number").presses("#").hears("what does not work").says(PROBLEM)
    return caller.hears("down right now").presses("1")


def test_a_night_call_reaches_the_second_engineer(exchange, phones, mara, jon):
    """The first one's machine picks up and presses nothing: nobody has taken the call; the second one does."""
    mara.key = ""
    caller = told(exchange.caller()).hears("call you back on").presses("1#")
    caller.hears("trying the next engineer").hears("Goodbye")
    assert caller.talked_to == [jon]
    assert "Press 1" in mara.heard
    found = record(phones.house, caller)
    assert [(leg["name"], leg["state"], leg["bridged"]) for leg in found["call"]["legs"]] == [
        ("Mara Sample", "silent", False),
        ("Jon Sample", "taken", True),
    ]
    seconds = found["call"]["seconds_to_human"]
    assert 0 <= seconds < 60
    (entry,) = [entry for entry in found["log"] if entry["event"] == "connected"]
    assert (entry["value"], entry["detail"]["seconds"]) == ("Jon Sample", pytest.approx(seconds, abs=1))
    assert found["clock_started_at"] == found["call"]["started_at"]


def test_a_withheld_caller_gives_a_number(exchange, phones, mara):
    """Nobody is asked to confirm a number Twilio invents: the caller keys one, and hears it read back."""
    caller = told(exchange.caller(telephony.WITHHELD)).hears("key in the number")
    caller.presses("03055500188#").hears("4 9, 3 0, 5 5 5 0, 0 1 8 8").presses("1#")
    assert caller.talked_to == [mara]
    found = record(phones.house, caller)
    assert found["call"]["answers"]["phone"] == "+493055500188"
    assert found["party"] is None
    assert (found["account"], found["contact"]) == (None, None)


def test_a_german_caller_is_heard_in_german(exchange, phones, mara):
    """The number they call speaks German from the first word to the last, and understands it."""
    caller = exchange.caller(to="+493055500101").dials().hears("Willkommen")
    caller.says("ja").presses("#").says("Seit neun Uhr scheitern alle Bestellungen an jeder Kasse")
    caller.says("ja").presses("1#")
    caller.hears("Auf Wiederhören")
    assert caller.talked_to == [mara]
    assert "Welcome" not in caller.heard_in_all
    found = record(phones.house, caller)
    assert found["language"] == "de"
    assert found["call"]["answers"]["down"] == "yes"


def test_a_caller_who_hangs_up_while_recording_is_owed_a_call(exchange, phones, mara, jon, eventually):
    """The incident is there, what was recorded is fetched, and somebody has to call back."""
    caller = exchange.caller("+493055500139").dials().presses("1").presses("1").presses("#").presses("1")
    recording = caller.hears("after the tone").hangs_up_while_recording()
    found = record(phones.house, caller)
    assert found["call"]["recordings"][0]["recording_sid"] == recording
    (owed,) = found["owed_calls"]
    assert (owed["number"], owed["automatic"], owed["done_at"]) == ("+493055500139", False, None)
    assert found["reference"] in [each["reference"] for each in phones.house.api("GET", "/calls/owed").json()["items"]]
    phones.api.recordings.add(recording)
    eventually(lambda: record(phones.house, caller)["call"]["recordings"][0]["fetched_at"], 60)
    assert mara.rang == jon.rang == 0


def test_two_outages_at_once_reach_one_engineer_each(exchange, phones, mara, jon, eventually):
    """Nobody is connected to the wrong caller; then the two are folded into one, and each call is kept."""
    callers = exchange.caller("+493055500141"), exchange.caller("+493055500142")
    for engineer in (mara, jon):
        engineer.may_hang_up.clear()
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(lambda each=each: told(each).presses("1#")) for each in callers]
        eventually(lambda: mara.talks_to and jon.talks_to, 60)
        assert {mara.talks_to, jon.talks_to} == set(callers)
        for engineer in (mara, jon):
            engineer.may_hang_up.set()
        assert [call.result() for call in calls] == list(callers)
    names = {mara: "Mara Sample", jon: "Jon Sample"}
    found = [record(phones.house, caller) for caller in callers]
    for one, caller in zip(found, callers, strict=True):
        (taken,) = [leg for leg in one["call"]["legs"] if leg["state"] == "taken"]
        assert taken["name"] == names[caller.talked_to[0]]
    fold(phones.house, found)
    first, second = (record(phones.house, caller) for caller in callers)
    assert second["folded_into"] == first["reference"]
    assert second["call"]["call_sid"] == callers[1].sid
    assert [each["clock_started_at"] for each in (first, second)] == [each["clock_started_at"] for each in found]


def fold(house: Any, found: list[dict[str, Any]]) -> None:
    """Have the second request worked on under the first."""
    path, into = f"/requests/{found[1]['reference']}", found[0]["reference"]
    version = house.api("GET", path).json()["version"]
    done = house.api("POST", f"{path}/fold", json={"into": into}, headers={"If-Match": str(version)})
    assert done.status_code == 200, done.text


def test_a_call_outlives_the_process_that_answers_it(exchange, phones, mara, eventually):
    """The web is killed while the caller listens: their next key is refused by nobody, and finds the call as it was."""
    house = phones.house
    caller = exchange.caller("+493055500143").dials().presses("1").presses("1").presses("#")
    before = house.pid_of("web")
    os.kill(before, signal.SIGKILL)
    caller.says(PROBLEM).hears("down right now").presses("1").presses("1#")
    assert (house.pid_of("web") != before, exchange.refused) == (True, 0)
    assert caller.talked_to == [mara]
    found = record(house, caller)
    assert found["call"]["answers"]["problem"] == PROBLEM
    assert found["call"]["status"] == "completed"


def test_a_rehearsal_rings_nobody(phones):
    """Beside the running house it tells who would ring and what is wrong, and no request comes of it."""
    before = [each["reference"] for each in phones.house.requests()]
    done = phones.house.command("rehearse", "--language", "de")
    assert done.returncode == 1, done.stderr
    assert f"1. Mara Sample  {MARA}" in done.stdout
    assert f"2. Jon Sample  {JON}" in done.stdout
    assert "Auf Wiederhören" in done.stdout
    wrong = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("MEND")]
    assert [word for word in wrong if word != "Slow"] == ["SWITCHBOARD_PUBLIC_URL"]  # a busy machine answers slowly
    assert [each["reference"] for each in phones.house.requests()] == before
