"""A call to a customer that Twilio certainly did not place stays to be placed; every other end is told apart."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine

from models import tables
from models.errors import Unavailable
from models.store import transaction
from models.terms import CallbackOutcome
from voice import dialling, phone

NUMBER = "+493055500188"


@pytest.fixture
def place(engine: Engine, trunk, clock) -> Callable[..., None]:
    """Let a worker take the job of an attempt."""

    def run(attempt: UUID, **changed: object) -> None:
        using = replace(trunk, account=replace(trunk.account, **changed)) if changed else trunk
        phone.place_callback(engine, attempt, trunk=using, clock=lambda: clock.now)

    return run


@pytest.mark.parametrize("how", ["429", "nobody listens", "no such host"])
def test_a_call_that_was_certainly_not_placed_stays_to_be_placed(
    place, make_attempt, twilio, the_attempt, log, how: str
):
    """Too many requests, or Twilio out of reach: the attempt is under way until the next try places it."""
    attempt = make_attempt()
    changed = {"nobody listens": "http://127.0.0.1:9", "no such host": "http://nowhere.invalid"}
    for _ in range(2):
        if how == "429":
            twilio.expect(429, {"code": 20429, "message": "Too many requests"})
        with pytest.raises(Unavailable):
            place(attempt, **({"api_base": changed[how]} if how in changed else {}))
        assert (the_attempt().outcome, the_attempt().ended_at) == (CallbackOutcome.PLACED, None)
    twilio.expect()
    place(attempt)
    assert the_attempt().call_sid == "CA" + "1" * 32
    assert [source for _, source, _, _ in log()] == [
        "callback:…:dialled",
        "callback:…:turned-away",
        "callback:…:dialled-1",
        "callback:…:turned-away-1",
        "callback:…:dialled-2",
    ]


def test_what_could_not_be_placed_in_time_rings_nobody_later(place, make_attempt, twilio, the_attempt, clock, now):
    """Minutes later nobody waits for it any more; they may ask again."""
    attempt = make_attempt()
    twilio.expect(429, {"code": 20429, "message": "Too many requests"})
    with pytest.raises(Unavailable):
        place(attempt)
    clock.now = now + phone.FRESH + timedelta(seconds=1)
    place(attempt)
    assert (the_attempt().outcome, the_attempt().note) == (CallbackOutcome.FAILED, "too old to be of use")
    assert len(twilio.asked) == 1


def test_the_intent_stands_before_twilio_is_asked(place, make_attempt, twilio, log):
    """Whatever happens then, somebody can see that a call may have been placed."""
    seen: list[object] = []
    twilio.expect(meanwhile=lambda: seen.extend(log()))
    place(make_attempt())
    assert seen == [("callback", "callback:…:dialled", "dialled", "ida")]


def test_a_worker_that_died_after_being_turned_away_once_leaves_it_uncertain(
    place, make_attempt, twilio, the_attempt, monkeypatch: pytest.MonkeyPatch
):
    """The first try certainly placed nothing; of the second nobody knows, so there is no third."""
    attempt = make_attempt()
    twilio.expect(429, {"code": 20429, "message": "Too many requests"})
    with pytest.raises(Unavailable):
        place(attempt)
    monkeypatch.setattr(phone, "dial", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        place(attempt)
    place(attempt)
    assert "not certain whether the call was placed" in the_attempt().note
    assert len(twilio.asked) == 1


@pytest.mark.parametrize(("status", "said"), [(400, "nobody was called"), (500, "not certain"), (503, "not certain")])
def test_a_refusal_and_a_doubt_end_the_attempt(place, make_attempt, twilio, the_attempt, status: int, said: str):
    """400: no call was made, and none would be. 5xx: it may ring, so it is not placed again."""
    attempt = make_attempt()
    twilio.expect(status, {"code": 1, "message": "no"})
    place(attempt)
    place(attempt)
    assert the_attempt().outcome is CallbackOutcome.FAILED
    assert said in the_attempt().note
    assert len(twilio.asked) == 1


def test_what_twilio_says_beside_a_refusal_may_be_anything(place, make_attempt, twilio, the_attempt):
    """A code that is no number is told as it is."""
    twilio.expect(400, {"code": "odd", "message": "no"})
    place(make_attempt())
    assert "error odd" in the_attempt().note


@pytest.fixture
def owe(engine: Engine, request_id: UUID, now) -> Callable[[], None]:
    """Owe the customer a call."""

    def run() -> None:
        with transaction(engine) as session:
            tables.reaching.owe_call(
                session, request_id=request_id, number=NUMBER, why="hung up", automatic=True, due_at=now, made_at=now,
                made_by="", attempts=1,
            )  # fmt: skip

    return run


@pytest.fixture
def owed(engine: Engine, request_id: UUID) -> Callable[[], tables.reaching.OwedCall]:
    """What they are, or were, owed."""

    def read() -> tables.reaching.OwedCall:
        with transaction(engine) as session:
            (row,) = tables.reaching.owed_of_request(session, request_id)
            return row

    return read


@pytest.mark.parametrize("is_owed", [True, False])
def test_whoever_presses_1_is_owed_a_person_until_there_was_a_talk(
    make_attempt, telephone, owe, owed, clock, is_owed: bool
):
    """They were told that somebody calls in a moment: a key is no talk, whoever asked for the call."""
    if is_owed:
        owe()
    make_attempt(call_sid="CA" + "1" * 32)
    telephone("callback", times=2).is_answered().presses("1").hears("Vielen Dank. Gleich").tells("completed")
    assert (owed().done_at, owed().automatic, owed().due_at) == (None, False, clock.now)


@pytest.mark.parametrize("status", [400, 500, 503])
def test_a_call_that_could_not_be_placed_leaves_one_owed_by_a_person(
    place, make_attempt, twilio, owed, clock, status: int
):
    """Refused, or in doubt whether it rings: somebody meant to call them, and the task must not be lost with it."""
    twilio.expect(status, {"code": 1, "message": "no"})
    place(make_attempt())
    row = owed()
    assert (row.done_at, row.automatic, row.due_at, row.number) == (None, False, clock.now, NUMBER)
    assert row.why == "a call to them could not be placed"


def test_one_that_came_too_late_or_is_lost_leaves_one_owed_too(make_attempt, place, owed, clock, now):
    """The workers were down: nobody was called."""
    clock.now = now + phone.FRESH + timedelta(seconds=1)
    place(make_attempt())
    assert (owed().done_at, owed().automatic) == (None, False)


def test_what_is_owed_already_stays_as_it_is_when_a_call_cannot_be_placed(place, make_attempt, twilio, owe, owed, now):
    """The house tries again when it is due; one call is owed, not two."""
    owe()
    twilio.expect(500, {})
    place(make_attempt(placed_by="switchboard"))
    assert (owed().automatic, owed().due_at, owed().why) == (True, now, "hung up")


def test_whoever_answers_the_house_is_owed_a_person_at_once(make_attempt, telephone, owe, owed, clock):
    """They were told that an engineer calls in a moment, and no engineer knows yet."""
    owe()
    make_attempt(call_sid="CA" + "1" * 32, placed_by="switchboard")
    telephone("callback", times=2).is_answered().presses("1").tells("completed")
    row = owed()
    assert (row.done_at, row.automatic, row.due_at) == (None, False, clock.now)
    assert row.outcome == "they answered and wait for a person"


@pytest.mark.parametrize("by", ["machine_start", "fax", "human"])
def test_a_machine_or_somebody_silent_is_no_contact_and_the_call_stays_owed(make_attempt, telephone, owe, owed, by):
    """Only the key proves that somebody was there."""
    owe()
    make_attempt(call_sid="CA" + "1" * 32)
    telephone("callback").is_answered(by).tells("completed", AnsweredBy=by)
    assert (owed().done_at, owed().automatic) == (None, True)


def test_an_attempt_from_before_the_promise_does_not_keep_it(make_attempt, telephone, owe, owed, now):
    """Promised while the telephone rang: it is for later."""
    owe()
    make_attempt(call_sid="CA" + "1" * 32, placed_at=now - timedelta(minutes=1))
    telephone("callback").is_answered().presses("1")
    assert owed().done_at is None


@pytest.mark.parametrize(("told", "note"), [("canceled", "canceled"), ("failed", ""), ("busy", ""), ("no-answer", "")])
def test_a_call_that_was_canceled_is_told_from_one_that_failed(customer, the_attempt, told: str, note: str):
    """Each end is evidence of its own; a canceled one did not ring in vain."""
    customer.tells(told)
    customer.tells(told)
    assert the_attempt().note == note


def test_a_number_that_was_withheld_is_never_dialled(place, make_attempt, twilio, the_attempt):
    """The placeholders that Twilio shows are nobody's telephone."""
    for number, placeholder in enumerate(sorted(dialling.PLACEHOLDERS)):
        place(make_attempt(id=UUID(int=number + 1), number=placeholder))
    assert twilio.asked == []


def test_who_pressed_1_and_lost_our_answer_is_thanked_again(customer, the_attempt):
    """The second webhook may come without the key: it is not asked for once more."""
    customer.is_answered().presses("1")
    customer.next = ""
    customer.presses("").hears("Vielen Dank")
    assert the_attempt().outcome is CallbackOutcome.ANSWERED
