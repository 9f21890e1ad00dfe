"""A person on the line: at once where it burns, for zero at every step, and what becomes of a caller without one."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine, select, update

from models import tables
from models.calling import CallTerms, Consent, LegState, OnDuty
from models.store import transaction
from models.terms import JobState, OutgoingState
from voice.switch import Desk, Rules

OURS = "+493055500111"
MARA, PRIYA = "+493055500901", "+493055500902"
NIGHT = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
"""A Sunday."""
RECORDING = "RE" + "3" * 32


@pytest.fixture
def house(run_line, phone):
    """A line whose engineers are on duty, and the desk's ledger of what it was told."""
    told = SimpleNamespace(unreached=[], taken=[], asked=[])
    on_duty = [OnDuty(name="mara", number=MARA, ring_seconds=20, round=1)]

    @contextmanager
    def run(*, urgent: Collection[str] | bool = False, minutes: int | None = None, at: datetime | None = None,
            phone_wanted: bool = False, receipts: tuple[str, ...] = ()) -> Iterator:  # fmt: skip
        def terms(_session, _request, now) -> CallTerms:
            due = now + timedelta(minutes=minutes) if minutes is not None else None
            return CallTerms(looks_urgent=bool(urgent), needs_phone=phone_wanted, response_due=due)

        def on_call(_session, _request, burns: bool, _now) -> tuple[OnDuty, ...]:
            told.asked.append(burns)
            return tuple(on_duty)

        desk = Desk(
            terms=terms,
            rules=lambda _: Rules(consent=Consent.ANNOUNCE, receipts=receipts),
            on_call=on_call,
            taken=lambda _session, request, name, _now: told.taken.append((request, name)),
            unreached=lambda _session, request, why, _now: told.unreached.append((request, why)),
        )
        with run_line("en", desk=desk, from_number=OURS, at=at) as line:
            yield phone(line)

    return SimpleNamespace(run=run, told=told, on_duty=on_duty)


@pytest.fixture
def urgent_now() -> list[str]:
    """Why the desk finds by now that it burns; for nothing, at first."""
    return []


def suggested(engine: Engine) -> None:
    """Let a worker have suggested from everything that was said."""
    with transaction(engine) as session:
        session.execute(update(tables.jobs.Job).values(state=JobState.DONE))


@pytest.fixture
def owed(engine: Engine):
    """Every call that is owed."""

    def find() -> list[tables.reaching.OwedCall]:
        with transaction(engine) as session:
            return tables.reaching.owed(session)

    return find


def to_the_phone(guest):
    """A caller who says a problem and is asked for the number."""
    return guest.dials().presses("2").presses("").says("orders fail")


def waits_a_moment(guest, most: int = 3):
    """Stay on the line while the suggestion is waited for."""
    for _ in range(most):
        if "Pause" in guest.verbs:
            guest.stays_silent()
    return guest


def test_a_caller_whose_production_is_down_is_connected(house, only_call, owed):
    """They hear their reference first, in case the line drops; after the talk they are told it once more."""
    with house.run() as guest:
        to_the_phone(guest).presses("1").presses("1").hears("S B 1 0 0 1").hears("stay on the line")
        assert guest.waits_for() == [MARA]
        guest.somebody_takes_it().finishes_talking().hears("thank you for calling").hears("S B 1 0 0 1").hangs_up()
    call = only_call()
    assert (call.step, call.answers["reached"], house.told.asked) == ("receipt", "yes", [True])
    assert not owed()
    assert [name for _, name in house.told.taken] == ["mara"]


@pytest.mark.parametrize(("urgent", "pressed", "is_connected"), [
    (False, "1", True), (True, "2", False), (True, None, True), (False, None, False)
])  # fmt: skip
def test_the_key_outranks_what_is_suggested(house, urgent: bool, pressed: str | None, is_connected: bool):
    """Down or not, as pressed; only where nothing was pressed the suggestion decides."""
    with house.run(urgent=urgent) as guest:
        to_the_phone(guest)
        _ = guest.presses(pressed) if pressed else guest.stays_silent(3)
        waits_a_moment(guest.presses("1"))
        assert ("Dial" in guest.verbs) is is_connected


def test_the_suggestion_is_waited_for_where_it_decides(house, only_call, engine: Engine, urgent_now):
    """Neither pressed nor said: a moment, until a worker has suggested from what was said; then telephones ring."""
    with house.run(urgent=urgent_now) as guest:
        to_the_phone(guest).stays_silent(3).repeating(3).presses("1").hears("one moment")
        assert [guest.verbs["Pause"].get("length"), only_call().step] == ["2", "moment"]
        guest.stays_silent().hears_not("moment").hears_not("sorry")
        urgent_now.append("suggested")
        suggested(engine)
        guest.stays_silent().hears("stay on the line")
        assert guest.waits_for() == [MARA]
        guest.nobody_answers().hears("reference")


def test_a_suggestion_that_never_comes_is_waited_for_six_seconds(house, only_call):
    """Then whatever is known decides, and the caller hears the reference; nobody who pressed waits at all."""
    with house.run() as guest:
        to_the_phone(guest).stays_silent(3).presses("1").hears("one moment").stays_silent(2)
        assert "Pause" in guest.verbs
        guest.stays_silent().hears("S B 1 0 0 1").hangs_up()
    assert only_call().step == "receipt"


@pytest.mark.parametrize("pressed", ["1", "2"])
def test_whoever_pressed_waits_for_no_suggestion(house, pressed: str):
    """The key decides."""
    with house.run(urgent=True) as guest:
        assert "Pause" not in to_the_phone(guest).presses(pressed).presses("1").verbs


def test_who_hangs_up_while_a_suggestion_is_waited_for_is_owed_a_call(house, owed):
    """As anywhere else before the end."""
    with house.run() as guest:
        to_the_phone(guest).stays_silent(3).presses("1").hears("one moment").hangs_up()
    assert [one.why for one in owed()] == ["the caller hung up at step moment"]


def test_nobody_reached_is_told_when_to_expect_a_call(house, only_call, owed, engine: Engine):
    """The desk begins its ladder, a call is owed to the number that was confirmed, and the reference is heard."""
    with house.run(minutes=30) as guest:
        to_the_phone(guest).presses("1").presses("03055500200").presses("1").nobody_answers()
        guest.hears("nobody could take your call").hears("within 30 minutes").hears("S B 1 0 0 1").hangs_up()
    (row,) = owed()
    call = only_call()
    assert (row.number, row.why, row.call_id) == ("+493055500200", "nobody could be reached", call.id)
    assert house.told.unreached == [(call.request_id, "nobody could be reached")]
    with transaction(engine) as session:
        assert [leg.state for leg in tables.reaching.legs(session, call.id)] == [LegState.NO_ANSWER]


def test_an_empty_rota_is_nobody_reached(house, owed):
    """Where it burns and no telephone can be rung a call is owed at once."""
    house.on_duty.clear()
    with house.run(minutes=200) as guest:
        to_the_phone(guest).presses("1").presses("1").hears("nobody could take").hears("within 4 hours")
    assert len(owed()) == len(house.told.unreached) == 1


def test_nobody_promises_what_no_policy_does(house):
    """Without a target the caller is called back as soon as possible."""
    with house.run() as guest:
        to_the_phone(guest).presses("1").presses("1").nobody_answers("busy").hears("as soon as possible")


def test_a_line_without_a_number_of_its_own_connects_nobody(caller, owed):
    """The caller hears so, with their reference, and is owed a call."""
    guest = to_the_phone(caller()).presses("1").presses("1").hears("S B 1 0 0 1").hears("nobody could take your call")
    assert "Dial" not in guest.hangs_up().verbs
    assert [one.why for one in owed()] == ["nobody could be reached"]


def test_who_hangs_up_while_it_burns_was_not_reached(house, only_call):
    """The policy's ladder begins, as where nobody answered."""
    with house.run() as guest:
        to_the_phone(guest).presses("1").hears("call you back").hangs_up()
    assert house.told.unreached == [(only_call().request_id, "nobody could be reached")]


def test_who_hangs_up_while_nothing_burns_pages_nobody(house):
    """A call is owed, and that is all."""
    with house.run() as guest:
        to_the_phone(guest).presses("2").hangs_up()
    assert not house.told.unreached


def test_a_round_that_never_was_changes_nothing(house, only_call):
    """The caller hears what they were hearing; the round that is under way ends as ever."""
    with house.run() as guest:
        to_the_phone(guest).presses("1").presses("1").hears("stay on the line")
        for number in ("2", "7", "0", "-1", "abc", ""):
            answer = guest.line.post(f"/voice/connect?round={number}", CallSid=guest.sid, DialCallStatus="no-answer")
            assert "stay on the line" in answer.text
        assert only_call().step == "connect"
        guest.somebody_takes_it().finishes_talking().hears("thank you for calling")


@pytest.mark.parametrize("keys", [[], ["2"], ["2", ""], ["2", "4711"]])
def test_zero_reaches_a_person_at_every_step(house, only_call, keys: list[str]):
    """Consent, account, its check or problem: whoever wants one gets one who takes such calls."""
    with house.run() as guest:
        guest.dials()
        for key in keys:
            guest.presses(key)
        guest.presses("0").hears("stay on the line")
        assert guest.waits_for() == [MARA]
        guest.somebody_takes_it().finishes_talking().hears("thank you for calling")
    assert only_call().answers["reached"] == "yes"
    assert house.told.asked == [False]


def test_zero_for_nobody_goes_on_where_it_was(house, only_call):
    """At the same question, which has not been missed; and zero is not rung for twice."""
    with house.run() as guest:
        guest.dials().presses("2").stays_silent().presses("0").nobody_answers().hears("nobody can take your call right")
        guest.hears("account number").presses("0").hears("nobody can take").hears("account number")
        guest.stays_silent().hears("account number").stays_silent().hears("does not work")
        guest.says("orders fail").presses("2").presses("1").hears("nobody could take").hears("reference").hangs_up()
    assert only_call().step == "receipt"
    assert len(house.told.unreached) >= 1


def test_whoever_is_reached_at_last_is_owed_nothing(house, owed, engine: Engine):
    """Nobody answered for zero; when it burned somebody else was rung, and took the call."""
    with house.run() as guest:
        guest.dials().presses("2").presses("0").nobody_answers().presses("").says("orders fail").presses("1")
        assert len(owed()) == 1
        house.on_duty[:] = [OnDuty(name="priya", number=PRIYA, ring_seconds=20, round=1)]
        guest.presses("1")
        assert guest.waits_for() == [PRIYA]
        guest.somebody_takes_it().finishes_talking()
    assert not owed()
    with transaction(engine) as session:
        row = session.scalars(select(tables.reaching.OwedCall)).one()
    assert (row.outcome, row.done_by) == ("reached", "priya")


def test_zero_is_answered_where_nobody_is_on_duty(house, owed):
    """The caller is told so, and goes on; whoever asked for a person is owed a call."""
    house.on_duty.clear()
    with house.run() as guest:
        guest.dials().presses("0").hears("nobody can take your call right now").hears("to agree").presses("2")
        guest.presses("").presses("0").hears("nobody can").hears("does not work").says("orders fail")
        guest.presses("0").hears("production system").presses("2").presses("0").hears("+ 4 9, 3 0").presses("1")
        guest.hears("reference").hangs_up()
    assert [one.why for one in owed()] == ["the caller asked for a person, and nobody was there"]


def test_whoever_is_not_reached_while_a_pin_is_checked_hears_the_same_twice(house, only_call):
    """The question is not stored, since it may read a PIN aloud; why it is asked again is said each time."""
    with house.run() as guest:
        guest.dials().presses("2").presses("47110815").presses("0").repeating(3).nobody_answers()
        guest.hears("nobody can take").hears("4 7 1 1, 0 8 1 5").presses("1").hears("does not work")
        guest.hears_not("nobody can take")
    assert "opens_with" not in only_call().answers


def test_whoever_comes_on_duty_late_is_rung_for_a_caller_who_pressed_zero_often(house, only_call):
    """After six in vain zero is not understood, until there is somebody who was not rung yet."""
    house.on_duty.clear()
    with house.run() as guest:
        guest.dials()
        guest.presses("0").presses("0").presses("0").hears("nobody can take").presses("2").presses("")
        guest.presses("0").presses("0").presses("0").hears("nobody can take").presses("0").hears("did not get that")
        house.on_duty[:] = [OnDuty(name="mara", number=MARA, ring_seconds=20, round=1)]
        guest.says("orders fail").presses("0").hears("stay on the line").nobody_answers().hears("production system")
        guest.presses("0").hears("did not get that").hears("production system")
    assert only_call().answers["asides_in_all"] == "7"


def test_zero_ends_a_recording_and_keeps_it(house, only_call):
    """What was said until then is not lost; without a person the next question follows."""
    house.on_duty.clear()
    with house.run() as guest:
        guest.dials().presses("1").presses("").presses("1").records(RECORDING, ended="0").hears("production system")
    assert only_call().answers["recording"] == RECORDING


def test_star_repeats_a_question_and_is_no_miss(house, only_call):
    """Also after a recording, which is made again."""
    with house.run() as guest:
        guest.dials().presses("*").hears("to agree").hears_not("did not get").presses("1")
        guest.presses("*").presses("*").hears("account number").presses("").presses("*").hears("does not work")
        guest.presses("1").records(RECORDING, ended="*").hears("after the tone").records("RE" + "4" * 32)
        guest.hears("production system")
    assert (only_call().misses, only_call().answers["recording"]) == (0, "RE" + "4" * 32)


def test_three_misses_without_consent_lead_to_a_person(house):
    """Nothing may be recorded and nothing was understood: somebody is rung, and the questions go on if in vain."""
    with house.run() as guest:
        guest.dials().presses("2").presses("").stays_silent(3).hears("stay on the line").nobody_answers()
        guest.hears("production system")
    with house.run() as other:
        other.sid = f"CA{2:032x}"
        house.on_duty.clear()
        other.dials().presses("2").presses("").stays_silent(3).hears("production system").hears_not("nobody")


def test_a_number_that_is_required_and_cannot_be_had_leads_to_a_person(house, told):
    """With consent it may be spoken into a recording; the engineer is told that it is missing."""
    with house.run(phone_wanted=True) as guest:
        guest.params["From"] = "anonymous"
        guest.dials().presses("2").presses("").says("orders fail").presses("2").stays_silent(3)
        assert guest.waits_for() == [MARA]
    assert told()["phone"].note.startswith("contact phone missing")


def test_a_caller_who_left_is_rung_for_no_more(house, only_call, owed):
    """An answer that comes after the end dials nobody, and ends the document."""
    with house.run() as guest:
        to_the_phone(guest).presses("1").hangs_up().presses("1")
        assert list(guest.verbs) == ["Hangup"]
    assert len(owed()) == 1


def test_a_caller_who_hangs_up_while_telephones_ring_is_owed_a_call(house, owed, engine: Engine, only_call):
    """The telephones stop, and the end of the round adds nothing."""
    with house.run() as guest:
        to_the_phone(guest).presses("1").presses("1").hangs_up()
        guest.nobody_answers("canceled")
    (row,) = owed()
    assert row.why == "the caller hung up at step connect"
    with transaction(engine) as session:
        assert {leg.state for leg in tables.reaching.legs(session, only_call().id)} == {LegState.CANCELED}


@pytest.mark.parametrize("status_first", [True, False])
def test_a_caller_who_ends_the_talk_is_owed_nothing(house, owed, only_call, status_first: bool):
    """Whether Twilio tells of the end of the call or of the bridge first."""
    with house.run() as guest:
        to_the_phone(guest).presses("1").presses("1").somebody_takes_it()
        if status_first:
            guest.hangs_up().finishes_talking(CallStatus="completed")
        else:
            guest.finishes_talking(CallStatus="completed").hangs_up()
    assert not owed()
    assert (only_call().step, only_call().answers["reached"]) == ("receipt", "yes")


def test_the_end_of_a_round_comes_twice(house, engine: Engine, owed, only_call):
    """The same answer again, and one call is owed."""
    house.on_duty.append(OnDuty(name="priya", number=PRIYA, ring_seconds=20, round=2))
    with house.run() as guest:
        to_the_phone(guest).presses("1").presses("1").repeating(3).nobody_answers()
        assert guest.waits_for() == [PRIYA]
        guest.nobody_answers().hears("nobody could take")
    assert len(owed()) == len(house.told.unreached) == 1
    with transaction(engine) as session:
        assert len(tables.reaching.legs(session, only_call().id)) == 2


def test_receipts_are_sent_where_they_may(house, engine: Engine, only_call):
    """A text message to the confirmed number, which the caller hears of, and a mail whose address is found later."""
    with house.run(receipts=("sms", "mail", "pigeon")) as guest:
        to_the_phone(guest).presses("2").presses("*447700900123").repeating(3).presses("1").hears("text message")
        guest.hangs_up()
    with transaction(engine) as session:
        rows = tables.reaching.receipts(session, only_call().request_id)
    assert {(row.channel, row.recipient) for row in rows} == {("sms", "+447700900123"), ("mail", "")}
    assert {row.state for row in rows} == {OutgoingState.PENDING}


def test_no_text_message_is_promised_to_a_landline(house, engine: Engine, only_call):
    """It would never arrive."""
    with house.run(receipts=("sms",)) as guest:
        to_the_phone(guest).presses("2").presses("1").hears("reference").hears_not("text message")
    with transaction(engine) as session:
        assert not tables.reaching.receipts(session, only_call().request_id)


def test_no_text_message_goes_to_a_number_that_was_not_confirmed(house, engine: Engine, only_call):
    """A withheld number gets none either."""
    with house.run(receipts=("sms", "mail")) as guest:
        to_the_phone(guest).presses("2").stays_silent(3).hears("reference").hears_not("text message")
    with transaction(engine) as session:
        assert [row.channel for row in tables.reaching.receipts(session, only_call().request_id)] == ["mail"]


def test_a_call_on_a_sunday_night_is_logged_as_at_noon(house, engine: Engine, only_call):
    """Opening hours close no line: the incident, its clock and its problem are there."""
    with house.run(at=NIGHT) as guest:
        to_the_phone(guest).presses("1").presses("1").somebody_takes_it().finishes_talking().hears("S B 1 0 0 1")
    with transaction(engine) as session:
        request = session.scalars(select(tables.requests.Request)).one()
    assert request.clock_started_at == only_call().started_at == NIGHT
    assert request.subject == "orders fail"
