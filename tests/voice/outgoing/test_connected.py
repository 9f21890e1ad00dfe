"""A customer who is reached talks to an engineer at once, where one can be rung; it is a response if they did talk."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from models import tables
from models.calling import OnDuty
from models.store import transaction
from models.terms import CallbackOutcome

ATTEMPT = UUID("01930000-0000-7000-8000-000000000002")
SID, CHILD = "CA" + "1" * 32, "CA" + "5" * 32
PUBLIC = "https://support.example.com"
HERE = f"/voice/callback/{ATTEMPT}"
IDA = OnDuty(name="ida", number="+493055500177", ring_seconds=25, round=1)


@pytest.fixture
def obeyed(broken_rules, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Twilio's rules, with the addresses of this part; how the ringing ended comes with the end of Dial itself."""
    rules = broken_rules.__globals__
    mine = rf"callback/{rules['ID']}/(engineer(\?try=[01])?|connected)"
    monkeypatch.setitem(rules, "OUTGOING", f"{rules['OUTGOING']}|{mine}")

    def parse(document: str) -> Any:
        whisper = document.endswith("</Say></Response>")
        root, broken = broken_rules(document, PUBLIC, whisper=whisper)
        dial = root.find("Dial")
        if dial is not None:
            assert "statusCallback" not in dial[0].attrib
            broken.remove("whoever picks up must hear what it is about, and we how it ended")
        assert not broken, (broken, document)
        return root

    return parse


@pytest.fixture(autouse=True)
def ida(at_hand: list[OnDuty]) -> None:
    """Ida, who asked for the call, can be rung."""
    at_hand.append(IDA)


@pytest.fixture
def owed(engine: Engine, request_id: UUID, now) -> Callable[[], tables.reaching.OwedCall]:
    """What the customer is owed, from a minute ago on."""
    given = {"number": None, "why": "hung up", "automatic": True, "due_at": now, "made_at": now, "attempts": 1}
    with transaction(engine) as session:
        tables.reaching.owe_call(session, request_id=request_id, made_by="", **given)

    def read() -> tables.reaching.OwedCall:
        with transaction(engine) as session:
            (row,) = tables.reaching.owed_of_request(session, request_id)
            return row

    return read


@pytest.fixture
def her(door, obeyed) -> Callable[..., str]:
    """Ida's telephone: what it hears after a key, or when it is picked up."""

    def hears(path: str = "/engineer", *, times: int = 2, **told: str) -> str:
        form = {"CallStatus": "in-progress", "ParentCallSid": SID, **told}
        (document,) = {door.post(HERE + path, sid=CHILD, **form).text for _ in range(times)}
        obeyed(document)
        return document

    return hears


def rang(door, bridged: str, told: str = "completed") -> str:
    """What the customer hears after her telephone was rung; twice the same."""
    form = {"DialCallStatus": told, "DialBridged": bridged, "DialCallSid": CHILD}
    (document,) = {door.post(f"{HERE}/connected", CallStatus="in-progress", **form).text for _ in range(2)}
    return document


def test_a_customer_who_is_there_is_connected_to_whoever_asked(
    customer, door, her, log, owed, clock, golden, the_attempt
):
    """They hear that somebody is rung; she hears which request, presses 1, and they talk: that is the response."""
    golden(customer.is_answered().presses("1").document, "connect_de")
    golden(her(), "engineer")
    golden(her("/engineer?try=0", Digits="1"), "engineer_taken")
    golden(rang(door, "true"), "hang_up")
    customer.tells("completed")
    assert the_attempt().outcome is CallbackOutcome.ANSWERED
    assert ("responded", "callback:…", "", "ida") in log()
    assert ("acted", "callback:…", "ida", "ida") in log()
    assert (owed().done_at, owed().done_by) == (clock.now, "ida")


@pytest.mark.parametrize("keys", [("", ""), ("5", "2"), ("", "7")])
def test_an_engineer_who_does_not_press_1_has_not_talked(customer, door, her, log, golden, keys):
    """Asked twice, then hung up on: the customer hears that somebody calls, and it is no response."""
    customer.is_answered().presses("1")
    her()
    golden(her("/engineer?try=0", **({"Digits": keys[0]} if keys[0] else {})), "engineer_again")
    golden(her("/engineer?try=1", **({"Digits": keys[1]} if keys[1] else {})), "goodbye")
    assert "Gleich ruft Sie" in rang(door, "false")
    assert "responded" not in {event for event, *_ in log()}


def test_an_engineer_who_presses_2_is_not_asked_again(customer, door, her, golden):
    """Somebody calls the customer in a moment."""
    customer.is_answered().presses("1")
    golden(her("/engineer?try=0", Digits="2"), "goodbye")
    assert "Gleich ruft Sie" in rang(door, "false")


@pytest.mark.parametrize("by", ["machine_start", "fax"])
def test_an_engineers_machine_takes_nothing(customer, door, her, log, golden, by: str):
    """Not even where it sounds like a key."""
    customer.is_answered().presses("1")
    golden(her("/engineer?try=0", Digits="1", AnsweredBy=by), "hang_up")
    rang(door, "true")
    assert "responded" not in {event for event, *_ in log()}


@pytest.mark.parametrize("told", ["no-answer", "busy", "failed", "canceled"])
def test_where_she_cannot_be_reached_the_customer_is_told_that_somebody_calls(customer, door, log, told: str):
    """As before there was anybody to connect them to."""
    customer.is_answered().presses("1")
    assert "Gleich ruft Sie" in rang(door, "false", told)
    assert "responded" not in {event for event, *_ in log()}


def test_a_key_without_a_bridge_is_no_talk(customer, door, her, log):
    """She pressed 1, and the customer had hung up."""
    customer.is_answered().presses("1")
    her("/engineer?try=0", Digits="1")
    rang(door, "false")
    assert "responded" not in {event for event, *_ in log()}


def test_what_the_house_owed_is_a_persons_until_they_have_talked(make_attempt, telephone, door, her, owed):
    """The key alone leaves it owed; the talk ends it."""
    make_attempt(call_sid=SID, placed_by="switchboard")
    telephone("callback").is_answered().presses("1")
    assert (owed().done_at, owed().automatic) == (None, False)
    her("/engineer?try=0", Digits="1")
    rang(door, "true")
    assert (owed().done_by, owed().outcome) == ("ida", "answered")


def test_nobody_takes_a_call_of_a_customer_who_is_not_there(attempt, her, golden, log):
    """Nor one that belongs to another call: her document is for the call of this attempt only."""
    golden(her("/engineer?try=0", Digits="1"), "not_needed")
    assert log() == []


def test_another_calls_engineer_hears_nothing(customer, her, golden):
    """Twilio says which call rang her."""
    customer.is_answered().presses("1")
    golden(her("/engineer?try=0", Digits="1", ParentCallSid="CA" + "9" * 32), "not_needed")


def test_no_word_of_the_customer_reaches_her(customer, her):
    """Only the reference."""
    customer.is_answered().presses("1")
    assert "secret words" not in her()
    assert "+493055500188" not in her()


@pytest.mark.parametrize("path", ["/engineer", "/connected"])
def test_only_twilio_says_that_somebody_took_a_call(customer, door, log, path: str):
    """Signed, of our account; about an attempt that we know."""
    customer.is_answered().presses("1")
    before = log()
    form = {"Digits": "1", "DialBridged": "true"}
    assert door.post(HERE + path, token="another", **form).status_code == 403
    assert door.post(HERE + path, account="AC" + "b" * 32, **form).status_code == 403
    for nobody in ("x", "01930000-0000-7000-8000-00000000000f"):
        answer = door.post(f"/voice/callback/{nobody}{path}", **form)
        assert "plus nécessaire" in answer.text
    assert log() == before
