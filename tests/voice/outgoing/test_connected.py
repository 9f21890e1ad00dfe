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
    mine = rf"callback/{rules['ID']}/(engineer\?turn=\d(&try=[01])?|connected\?turn=\d)"
    monkeypatch.setitem(rules, "OUTGOING", f"{rules['OUTGOING']}|{mine}")

    def parse(document: str, *, whisper: bool = False) -> Any:
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

    def hears(path: str = "/engineer?turn=1", *, times: int = 2, **told: str) -> str:
        form = {"CallStatus": "in-progress", "ParentCallSid": SID, **told}
        (document,) = {door.post(HERE + path, sid=CHILD, **form).text for _ in range(times)}
        obeyed(document, whisper=True)
        return document

    return hears


def rang(door, bridged: str, told: str = "completed", turn: int = 1) -> str:
    """What the customer hears after her telephone was rung; twice the same."""
    form = {"DialCallStatus": told, "DialBridged": bridged, "DialCallSid": CHILD}
    (document,) = {door.post(f"{HERE}/connected?turn={turn}", CallStatus="in-progress", **form).text for _ in range(2)}
    return document


def test_a_customer_who_is_there_is_connected_to_whoever_asked(
    customer, door, her, log, owed, clock, golden, the_attempt
):
    """They hear that somebody is rung; she hears which request, presses 1, and they talk: that is the response."""
    golden(customer.is_answered().presses("1").document, "connect_de")
    golden(her(), "engineer")
    golden(her("/engineer?turn=1&try=0", Digits="1"), "engineer_taken")
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
    golden(her("/engineer?turn=1&try=0", Digits=keys[0]), "engineer_again")
    golden(her("/engineer?turn=1&try=1", Digits=keys[1]), "goodbye")
    assert "so bald wie möglich" in rang(door, "false")
    assert "responded" not in {event for event, *_ in log()}


def test_an_engineer_who_presses_2_is_not_asked_again(customer, door, her, golden):
    """Somebody calls the customer in a moment."""
    customer.is_answered().presses("1")
    golden(her("/engineer?turn=1&try=0", Digits="2"), "goodbye")
    assert "so bald wie möglich" in rang(door, "false")


@pytest.mark.parametrize("by", ["machine_start", "fax"])
def test_an_engineers_machine_takes_nothing(customer, door, her, log, golden, by: str):
    """Not even where it sounds like a key."""
    customer.is_answered().presses("1")
    golden(her("/engineer?turn=1&try=0", Digits="1", AnsweredBy=by), "hang_up")
    rang(door, "true")
    assert "responded" not in {event for event, *_ in log()}


@pytest.mark.parametrize("told", ["no-answer", "busy", "failed", "canceled"])
def test_where_she_cannot_be_reached_the_customer_is_told_that_somebody_calls(customer, door, log, told: str):
    """As before there was anybody to connect them to."""
    customer.is_answered().presses("1")
    assert "so bald wie möglich" in rang(door, "false", told)
    assert "responded" not in {event for event, *_ in log()}


def test_a_key_without_a_bridge_is_no_talk(customer, door, her, log):
    """She pressed 1, and the customer had hung up."""
    customer.is_answered().presses("1")
    her("/engineer?turn=1&try=0", Digits="1")
    rang(door, "false")
    assert "responded" not in {event for event, *_ in log()}


def test_what_the_house_owed_is_a_persons_until_they_have_talked(make_attempt, telephone, door, her, owed):
    """The key alone leaves it owed; the talk ends it."""
    make_attempt(call_sid=SID, placed_by="switchboard")
    telephone("callback").is_answered().presses("1")
    assert (owed().done_at, owed().automatic) == (None, False)
    her("/engineer?turn=1&try=0", Digits="1")
    rang(door, "true")
    assert (owed().done_by, owed().outcome) == ("ida", "answered")


def test_nobody_takes_a_call_of_a_customer_who_is_not_there(attempt, her, golden, log):
    """Nor one that belongs to another call: her document is for the call of this attempt only."""
    golden(her("/engineer?turn=1&try=0", Digits="1"), "not_needed")
    assert log() == []


def test_another_calls_engineer_hears_nothing(customer, her, golden):
    """Twilio says which call rang her."""
    customer.is_answered().presses("1")
    golden(her("/engineer?turn=1&try=0", Digits="1", ParentCallSid="CA" + "9" * 32), "not_needed")


def test_the_customers_own_call_is_no_telephone_of_ours(customer, her, door, golden, log):
    """Whoever posts under it would take their own call."""
    customer.presses("1")
    for told in ({"ParentCallSid": SID}, {}):
        answer = door.post(f"{HERE}/engineer?turn=1&try=0", Digits="1", CallStatus="in-progress", **told)
        golden(answer.text, "not_needed")
    assert [value for _, _, value, _ in log()].count("taken") == 0
    golden(her("/engineer?turn=1&try=0", Digits="1"), "engineer_taken")


def test_an_engineer_who_is_asked_for_a_moment_is_connected_by_no_other_key(
    customer, her, golden, log, patient, monkeypatch
):
    """The document comes back by itself; a key counts once it was asked for, and hangs up after three moments."""
    customer.is_answered().presses("1")
    with monkeypatch.context() as hurried:
        hurried.setattr(patient, "seconds", 0)
        asked = her()
        golden(her("/engineer?turn=1&again=3"), "hang_up")
    assert f'action="{PUBLIC}{HERE}/engineer?turn=1&amp;again=1#' in asked
    golden(her("/engineer?turn=1&again=1", Digits="1"), "engineer")
    golden(her("/engineer?turn=1&try=1&again=1", Digits=""), "engineer_again")
    assert [value for _, _, value, _ in log()].count("taken") == 0
    golden(her("/engineer?turn=1&try=1&again=1", Digits="1"), "engineer_taken")
    golden(her("/engineer?turn=1&try=1&again=2", Digits="2"), "engineer_taken")


def test_a_key_that_comes_while_the_next_one_is_rung_takes_nothing(
    make_attempt, telephone, door, her, at_hand, golden, log
):
    """Her own call is over, and the customer is on the way to somebody else; one that came in time stays what it is."""
    at_hand.append(OnDuty(name="mara", number="+493055500178", ring_seconds=20, round=2))
    make_attempt(call_sid=SID)
    telephone("callback").presses("1")
    assert "+493055500178" in rang(door, "false")
    golden(her("/engineer?turn=1&try=0", Digits="1"), "not_needed")
    assert [value for _, _, value, _ in log()].count("taken") == 0
    golden(her("/engineer?turn=2&try=0", Digits="1"), "engineer_taken")
    rang(door, "false", turn=2)
    golden(her("/engineer?turn=2&try=0", Digits="1"), "engineer_taken")


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


JON = OnDuty(name="jon", number="+493055500202", ring_seconds=20, round=2)
HOUSE = {"call_sid": SID, "placed_by": "switchboard"}


def dialled(document: str) -> str:
    """The number that a document rings; none where it rings nobody."""
    return document.partition("</Number>")[0].rpartition(">")[2] if "<Dial" in document else ""


def test_a_customer_whom_the_house_called_comes_to_the_next_telephone_and_the_next(
    make_attempt, telephone, door, her, at_hand, obeyed, log, owed
):
    """Hers, then his: each once, in their order, the same again for the same webhook; he takes it, and they talk."""
    make_attempt(**HOUSE)
    at_hand.insert(0, JON)
    they = telephone("callback", times=2).is_answered().presses("1")
    assert dialled(they.document) == IDA.number
    her("/engineer?turn=1&try=0", Digits="2")
    following = rang(door, "false")
    obeyed(following)
    assert dialled(following) == JON.number
    assert "nächsten Person" in following
    her("/engineer?turn=2&try=0", Digits="1")
    assert "<Hangup" in rang(door, "true", turn=2)
    assert ("responded", "callback:…", "", "jon") in log()
    assert (owed().done_by, owed().outcome) == ("jon", "answered")


@pytest.mark.parametrize("are_there", [True, False])
def test_where_nobody_of_us_takes_a_call_of_the_house_the_desk_is_told_and_the_customer_hears_the_truth(
    make_attempt, telephone, door, at_hand, missed, owed, clock, obeyed, are_there: bool
):
    """Not "in a moment": no engineer knows. The ladder pages, and a person owes them a call at once."""
    make_attempt(**HOUSE)
    if not are_there:
        at_hand.clear()
    heard = telephone("callback").is_answered().presses("1").document
    heard = rang(door, "false", "no-answer") if are_there else heard
    obeyed(heard)
    assert "so bald wie möglich" in heard
    assert "Gleich" not in heard
    assert set(missed) == {ATTEMPT}
    assert (owed().done_at, owed().automatic, owed().due_at) == (None, False, clock.now)


def test_where_an_engineer_asked_for_the_call_nobody_else_is_paged(customer, door, missed):
    """They know that the customer is there, and that nobody has talked to them."""
    customer.is_answered().presses("1")
    rang(door, "false")
    assert missed == []


def test_a_key_of_one_telephone_is_none_of_the_next(make_attempt, telephone, door, her, at_hand, log):
    """She pressed 1 and was cut off before the two were connected: he is asked for himself."""
    make_attempt(**HOUSE)
    at_hand.append(JON)
    telephone("callback").is_answered().presses("1")
    her("/engineer?turn=1&try=0", Digits="1")
    assert dialled(rang(door, "false")) == JON.number
    assert "Press 1" in her("/engineer?turn=2")
    rang(door, "true", turn=2)
    assert "responded" not in {event for event, *_ in log()}


def test_a_customer_who_hangs_up_while_we_ring_is_still_owed_a_call(
    make_attempt, telephone, door, at_hand, missed, owed
):
    """Nobody else is rung for a line that is dead."""
    make_attempt(**HOUSE)
    at_hand.append(JON)
    telephone("callback").is_answered().presses("1")
    form = {"CallStatus": "completed", "DialCallStatus": "no-answer", "DialBridged": "false"}
    assert dialled(door.post(f"{HERE}/connected?turn=1", **form).text) == ""
    assert (missed, owed().done_at, owed().automatic) == ([], None, False)


def test_nobody_is_rung_twice_nor_the_customer_nor_ourselves_nor_at_our_expense(make_attempt, telephone, door, at_hand):
    """One telephone may stand in a rota under two names."""
    make_attempt(**HOUSE)
    for number in ("+493055500177", "+493055500188", "+493055500100", "+19005550100", "nonsense"):
        at_hand.append(OnDuty(name="kim", number=number, ring_seconds=20, round=3))
    assert dialled(telephone("callback").is_answered().presses("1").document) == IDA.number
    assert dialled(rang(door, "false")) == ""


@pytest.mark.parametrize("turn", ["", "0", "x", "100", "-1"])
def test_an_address_that_is_none_of_ours_rings_nobody(customer, door, log, turn: str):
    """Only a telephone that was rung can be taken, or come to its end."""
    customer.is_answered().presses("1")
    before = log()
    for path in ("engineer", "connected"):
        answer = door.post(f"{HERE}/{path}?turn={turn}", Digits="1", DialBridged="true")
        assert "plus nécessaire" in answer.text
    assert log() == before


def test_a_customer_asked_for_a_moment_after_the_talk_has_talked(make_attempt, telephone, door, her, log):
    """Our answer was slow: what comes back tells nothing of the talk, and the key must."""
    make_attempt(**HOUSE)
    telephone("callback").is_answered().presses("1")
    her("/engineer?turn=1&try=0", Digits="1")
    assert "<Hangup" in door.post(f"{HERE}/connected?turn=1&again=1", CallStatus="in-progress").text
    assert ("responded", "callback:…", "", "ida") in log()
