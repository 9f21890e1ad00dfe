"""A call on its request's page, and the list of calls: who is on the line, who was rung, who was missed."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from console import calling
from models import tables
from models.calling import LegState
from models.store import transaction
from models.terms import Channel, OutgoingState


@pytest.fixture
def request_with_call(house, lines, suggested):
    """A request by phone and the call that opened it."""
    reference = house.request(channel=Channel.PHONE, content=suggested())
    return reference, lines.add_call(house, reference)


def test_a_night_call_tells_the_seconds_to_a_human(house, ida, lines, request_with_call):
    """Who was rung in which round, how each ended, who pressed what; only key and bridge make it a human."""
    reference, call = request_with_call
    lines.nights(house, call)
    page = ida.get(f"/requests/{reference}").text
    assert "<strong>1 min 11 s</strong> <span>to a human: Priya Sample took the call</span>" in page
    for words in (
        "picked up, no key pressed",
        "was busy",
        "SIP 486, busy",
        "passed it on",
        "took the call",
        "connected",
    ):
        assert words in page, words
    assert page.count("of 20 s</span>") == 4
    assert "+4930555" in page


def test_numbers_of_colleagues_are_not_for_viewers(desk, lines, stands, suggested):
    """A viewer reads who was rung, not at which number, nor where a receipt went."""
    reference = stands.raise_one(desk, suggested)
    call = lines.add_call(desk, reference)
    lines.rang(desk, call, "Priya Sample", LegState.NO_ANSWER, number="+4930555777", ended=20)
    lines.receipt(desk, call)
    with desk.signed_in("vera") as vera:
        page = vera.get(f"/requests/{reference}").text
    assert "Priya Sample" in page
    assert "+4930555777" not in page
    assert "reference to the caller" in page


@pytest.mark.parametrize(
    ("bridged", "words"), [(False, "not connected: the caller had gone"), (None, "being connected")]
)
def test_a_key_without_a_bridge_is_no_human(house, ida, lines, request_with_call, bridged, words):
    """Somebody pressed 1 and the two were not connected: the page does not say that the caller spoke to anybody."""
    reference, call = request_with_call
    lines.rang(house, call, "Ben", LegState.TAKEN, answered=5, taken=8, key_pressed="1", bridged=bridged)
    page = ida.get(f"/requests/{reference}").text
    assert words in page
    assert "to a human" not in page
    assert "of us spoke to the caller" in page


def test_a_live_call_keeps_itself_current(house, ida, lines, suggested):
    """While the caller is on the line the block of who is rung asks for itself again; afterwards it does not."""
    reference = house.request(channel=Channel.PHONE, content=suggested())
    call = lines.add_call(house, reference, live=True, seconds_ago=60, step="connect")
    lines.rang(house, call, "Priya Sample", LegState.RINGING, round=2)
    page = ida.get(f"/requests/{reference}").text
    assert "<strong>Ringing</strong> <span>Priya Sample, round 2</span>" in page
    assert f'hx-get="/requests/{reference}" hx-select="#rung-1"' in page
    with transaction(house.engine) as session:
        session.execute(update(tables.calls.Call).values(ended_at=house.now, status="completed"))
    assert 'hx-select="#rung-1"' not in ida.get(f"/requests/{reference}").text


def test_words_heard_badly_are_marked(house, ida, lines, suggested):
    """A low confidence of speech recognition says that it never lowers a priority; a high one only what it is."""
    reference = house.request(channel=Channel.PHONE, content=suggested())
    lines.add_call(house, reference, said={"orders fail everywhere since six": 0.42})
    page = ida.get(f"/requests/{reference}").text
    assert "speech recognition 42 % sure" in page
    assert page.count("heard badly: never lowers a priority") == 1
    second = house.request("clear", channel=Channel.PHONE, content=suggested())
    lines.add_call(house, second, said={"orders fail everywhere since six": 0.93})
    page = ida.get(f"/requests/{second}").text
    assert "93 % sure" in page
    assert "heard badly" not in page


def test_what_was_answered_at_which_step(house, ida, lines, request_with_call):
    """Each answer stands at its step and second; what may be a PIN is shown by its end only."""
    reference, call = request_with_call
    lines.turned(house, call, "consent", 4, Digits="1")
    lines.turned(house, call, "account", 12, Digits="48151634")
    lines.turned(house, call, "problem", 21, SpeechResult="orders <fail>", Confidence="0.41")
    lines.turned(house, call, "record", 40, Digits="hangup", RecordingSid="RE1")
    page = ida.get(f"/requests/{reference}").text
    assert '>0:04</time> <span class="step">consent</span> <span>pressed 1' in page
    assert "gave a number ending in 34" in page
    assert "48151634" not in page
    assert "said “orders &lt;fail&gt;”" in page
    assert '<span class="warn">41 % sure</span>' in page
    assert '<span class="step">record</span> <span>hung up' in page


def test_a_withheld_number_is_nobodys(house, ida, lines, request_with_call):
    """Twilio's placeholder reads like a number somebody could dial."""
    reference, _ = request_with_call
    lines.add_call(house, reference, from_number="+266696687")
    for page in (f"/requests/{reference}", "/calls"):
        assert "+266696687" not in ida.get(page).text


def test_what_an_answer_set_off_stands_after_it(house, lines, request_with_call):
    """Telephones ring because of the key: both are noted at the same moment. Hash alone is a key, too."""
    _, call = request_with_call
    lines.turned(house, call, "connect", 21, Digits="")
    lines.turned(house, call, "account", 12, Digits="", FinishedOnKey="#")
    with transaction(house.engine) as session:
        row = session.get_one(tables.calls.Call, call)
        rang, *_ = events = tables.calls.events(session, call)
        rang.kind, rang.received_at = "ring", events[-1].received_at
        told = calling.story(row, events)
    assert (told[0].step, told[0].words) == ("account", "pressed the hash key alone")


def test_recordings_that_are_gone_are_told_as_such(house, ida, lines, request_with_call):
    """An erased recording has no player; one deleted at Twilio is still played, and says where it is."""
    reference, call = request_with_call
    lines.recorded(house, call, removed_at=house.now)
    page = ida.get(f"/requests/{reference}").text
    assert "<audio controls" in page
    assert "Kept here only: deleted at Twilio." in page
    with transaction(house.engine) as session:
        session.execute(update(tables.calls.Recording).values(erased_at=house.now, media=None))
    page = ida.get(f"/requests/{reference}").text
    assert "<audio controls" not in page
    assert "The sound was erased here and at Twilio" in page


def test_receipts_tell_what_became_of_them(house, ida, lines, request_with_call):
    """A reference sent in writing shows its way, where it went and why not, if it did not."""
    reference, call = request_with_call
    lines.receipt(house, call)
    lines.receipt(house, call, "sms", OutgoingState.FAILED, error="30006 landline")
    page = ida.get(f"/requests/{reference}").text
    assert "reference to marta@example.org" in page
    assert ">sent</span>" in page
    assert "could not be sent" in page
    assert "30006 landline" in page


@pytest.mark.parametrize(
    ("answers", "told", "words"),
    [
        ({"known": "yes"}, "", ["known", "by the number they called from"]),
        ({"pin_ok": "yes", "known": "yes"}, "", ["by the PIN of the account"]),
        (
            {"known": "no"},
            "maybe known: the number was mentioned by Acme",
            ["maybe known", ">the number was mentioned by Acme<"],
        ),
        ({"known": "no"}, "", ["unknown caller"]),
        ({"phone": "+49301", "phone_confirmed": "keyed", "caller": "+49302"}, "", ["keyed, not confirmed"]),
        ({"caller": "+49302"}, "", ["none left; they called from +49302"]),
        ({}, "", ["number withheld, none left: nobody can call them back"]),
        ({"consent": "no"}, "", ["refused: nothing is recorded"]),
    ],
)
def test_who_called_and_at_which_number(house, ida, lines, suggested, answers, told, words):
    """Known, maybe or unknown, and how; the contact phone with how it was confirmed; a withheld one is a warning."""
    reference = house.request(channel=Channel.PHONE, content=suggested())
    call = lines.add_call(house, reference, answers=answers)
    if told:
        lines.note(house, call, "mentioned", told)
    page = ida.get(f"/requests/{reference}").text
    for each in words:
        assert each in page, each


def test_calls_show_who_waits_on_top(house, ida, lines, suggested):
    """Who is on the line stands above all, with what rings; a call without an end is not live for ever."""
    reference = house.request("Node six is down", channel=Channel.PHONE, content=suggested())
    call = lines.add_call(house, reference, live=True, seconds_ago=95, step="connect")
    lines.rang(house, call, "Priya Sample", LegState.RINGING, round=2)
    lines.add_call(house, live=True, seconds_ago=5 * 3600)
    page = ida.get("/calls").text
    top = page[page.index('id="on-the-line"') : page.index("</section>")]
    assert "ringing Priya Sample, round 2" in top
    assert "Node six is down" in top
    assert "On the line now <span>1</span>" in top
    assert "its end was never told" in page


def test_calls_are_narrowed_to_missed_and_recovered_ones(house, ida, lines, suggested):
    """Missed: ended before the caller had told everything or spoken to anybody; recovered: no webhook came."""
    reference = house.request("whatever", channel=Channel.PHONE, content=suggested())
    lines.add_call(house, reference, from_number="+49301111111")
    lines.add_call(house, reference, from_number="+49302222222", step="problem")
    in_vain = house.request("in vain", channel=Channel.PHONE)
    lines.owed(house, in_vain, call_id=lines.add_call(house, in_vain, from_number="+49305555555"))
    lines.add_call(house, reference, from_number="+49303333333", status="no-answer", recovered_at=house.now)
    spoken = lines.add_call(house, reference, from_number="+49304444444", step="connect")
    lines.nights(house, spoken)
    missed = ida.get("/calls?only=missed").text
    assert [f"+4930{digit * 7}" in missed for digit in "1234"] == [False, True, True, False]
    assert "left at “problem”" in missed
    assert ("+49305555555" in missed, "nobody was reached" in missed) == (True, True)
    recovered = ida.get("/calls?only=recovered").text
    assert [f"+4930{digit * 7}" in recovered for digit in "1234"] == [False, False, True, False]
    assert "from Twilio’s list" in recovered
    assert "Nobody is on the line" in ida.get("/calls?only=live").text
    assert ida.get("/calls?only=other").status_code == 422


def test_calls_are_listed_by_when_they_began(house, lines):
    """A call of an outage, learnt of afterwards, stands where it belongs, page after page, each call once."""
    began = {100: None, 900: None, 500: house.now, 300: None, 501: house.now}
    for seconds, recovered in began.items():
        lines.add_call(house, seconds_ago=seconds, recovered_at=recovered)
    found, cursor = [], ""
    with house.api() as program:
        for _ in range(3):
            page = program.get(f"/api/v1/calls?limit=2{cursor}").json()
            found += [datetime.fromisoformat(call["started_at"]) for call in page["items"]]
            cursor = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert found == [house.now - timedelta(seconds=seconds) for seconds in sorted(began)]


def test_a_call_for_another_request_shows_who_was_rung_about_this_one(house, ida, lines, suggested):
    """A caller who joined a request that was under way rings its people: that stands on this one's page as well."""
    main = house.request("the outage", channel=Channel.PHONE, content=suggested())
    call = lines.add_call(house, house.request("a second caller", channel=Channel.PHONE))
    with transaction(house.engine) as session:
        session.add(
            tables.reaching.Leg(
                call_id=call,
                request_id=tables.requests.by_number(session, int(main[3:])).id,
                round=1,
                name="Priya Sample",
                number="+49305550123",
                ring_seconds=20,
                state=LegState.PASSED,
                rung_at=house.now,
                ended_at=house.now + timedelta(seconds=4),
            )
        )
    page = ida.get(f"/requests/{main}").text
    assert "Rung for other callers about this" in page
    assert "passed it on" in page
