"""Whether a customer was reached is evidence: kept in every part, and never rewritten."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime
from threading import Barrier

import pytest
from sqlalchemy import func, select

from models import tables
from models.errors import Invalid
from models.store import transaction
from models.terms import CallbackOutcome
from triage.desk import reachability


def test_whoever_presses_1_is_there(customer, the_attempt, log, golden, clock, now, speaks):
    """They hear whose support it is and about what; every part of the attempt is kept as evidence."""
    speaks("en")
    rang, ended = now + timedelta(seconds=10), now + timedelta(seconds=50)
    customer.tells("ringing", Timestamp=format_datetime(rang))
    golden(customer.is_answered().document, "callback")
    customer.hears("This is WSO2 support about your request S B 1 0 0 1.")
    golden(customer.presses("1").document, "callback_thanks")
    assert the_attempt().outcome is CallbackOutcome.ANSWERED
    customer.tells("completed", Timestamp=format_datetime(ended), CallDuration="28", SipResponseCode="200")
    row = the_attempt()
    assert (row.outcome, row.key_pressed, row.answered_by) == (CallbackOutcome.ANSWERED, "1", "human")
    assert (row.ended_at, row.ring_seconds, row.sip_code) == (ended, 12, 200)
    assert log() == [
        ("callback", "callback:…:ringing", "ringing", "ida"),
        ("callback", "callback:…", "answered", "ida"),
    ]


def test_an_automatic_call_is_no_response(customer, log):
    """No engineer has talked to the customer yet: the response clock goes on."""
    customer.is_answered().presses("1").tells("completed")
    assert {kind for kind, *_ in log()} == {"callback"}


def test_the_end_of_an_attempt_has_the_request_looked_at(customer, engine, request_id, clock):
    """What it proves may change what is offered."""
    customer.tells("no-answer")
    with transaction(engine) as session:
        assert session.get_one(tables.requests.Request, request_id).attention_at == clock.now


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"CallStatus": "busy", "SipResponseCode": "486"}, CallbackOutcome.BUSY),
        ({"CallStatus": "no-answer", "SipResponseCode": "487"}, CallbackOutcome.NO_ANSWER),
        ({"CallStatus": "failed", "SipResponseCode": "404"}, CallbackOutcome.FAILED),
        ({"CallStatus": "failed", "SipResponseCode": "480"}, CallbackOutcome.NO_ANSWER),
        ({"CallStatus": "failed"}, CallbackOutcome.FAILED),
        ({"CallStatus": "canceled"}, CallbackOutcome.FAILED),
        ({"CallStatus": "completed", "AnsweredBy": "human"}, CallbackOutcome.NO_ANSWER),
        ({"CallStatus": "completed", "AnsweredBy": "machine_start"}, CallbackOutcome.MACHINE),
        ({"CallStatus": "completed", "AnsweredBy": "fax"}, CallbackOutcome.MACHINE),
        ({"CallStatus": "completed"}, CallbackOutcome.NO_ANSWER),
    ],
)
def test_every_end_is_kept_apart(customer, the_attempt, log, told, outcome):
    """Busy, unanswered, machine and failed are different evidence; a telephone out of reach (480) rang in vain."""
    customer.tells(told.pop("CallStatus"), **told)
    row = the_attempt()
    code = told.get("SipResponseCode")
    assert (row.outcome, row.answered_by) == (outcome, told.get("AnsweredBy"))
    assert row.sip_code == (int(code) if code else None)
    assert (row.key_pressed, row.ring_seconds) == (None, None)
    assert log() == [("callback", "callback:…", outcome.value, "ida")]


def test_seconds_of_ringing_are_twilios_own(customer, the_attempt, now):
    """From its times of the events, not from when they arrived here."""
    customer.tells("ringing", Timestamp=format_datetime(now + timedelta(seconds=2)))
    customer.tells("no-answer", Timestamp=format_datetime(now + timedelta(seconds=32)), CallDuration="0")
    assert (the_attempt().ring_seconds, the_attempt().ended_at) == (30, now + timedelta(seconds=32))


@pytest.mark.parametrize("timestamp", ["", "yesterday", "Sat, 21 Nov 2099 09:30:00 +0000"])
def test_a_time_that_cannot_be_is_ours(customer, the_attempt, clock, timestamp: str):
    """No end lies ahead."""
    customer.tells("no-answer", Timestamp=timestamp)
    assert the_attempt().ended_at == clock.now


@pytest.mark.parametrize("by", ["machine_start", "machine_end_beep", "fax"])
def test_a_customers_answering_machine_is_told_nothing_and_is_nobody(customer, the_attempt, golden, by: str):
    """No word of a request on somebody's tape."""
    golden(customer.is_answered(by).document, "hang_up")
    golden(customer.presses("1").document, "hang_up")
    customer.tells("completed", AnsweredBy=by)
    assert (the_attempt().outcome, the_attempt().key_pressed) == (CallbackOutcome.MACHINE, None)


@pytest.mark.parametrize("keys", [("", ""), ("5", "9")])
def test_whoever_answers_and_does_not_press_1_is_no_contact(customer, the_attempt, golden, keys, speaks):
    """Asked twice; that somebody answered stays beside it, for whoever judges."""
    speaks("en")
    golden(customer.is_answered().presses(keys[0]).document, "callback_again")
    golden(customer.presses(keys[1]).document, "goodbye")
    customer.tells("completed", AnsweredBy="human")
    assert (the_attempt().outcome, the_attempt().answered_by) == (CallbackOutcome.NO_ANSWER, "human")


def test_once_ended_an_attempt_stays_as_it_is(customer, the_attempt, log):
    """Evidence is not rewritten by whatever comes late."""
    customer.tells("no-answer", SipResponseCode="487")
    before, logged = vars(the_attempt()).copy(), log()
    customer.tells("ringing").is_answered("machine_start").tells("busy").tells("completed", AnsweredBy="human")
    after = vars(the_attempt())
    assert {name: after[name] for name in before if name != "_sa_instance_state"} == {
        name: value for name, value in before.items() if name != "_sa_instance_state"
    }
    assert log() == logged


def test_a_key_that_was_overtaken_by_the_end_still_proves_that_somebody_was_there(customer, the_attempt, log):
    """The one thing learnt after the end; the log keeps both."""
    customer.tells("completed", AnsweredBy="human").presses("1").presses("1").tells("completed")
    assert (the_attempt().outcome, the_attempt().key_pressed) == (CallbackOutcome.ANSWERED, "1")
    assert [(source, value) for _, source, value, _ in log()] == [
        ("callback:…", "no-answer"),
        ("callback:…:key", "answered"),
    ]


@pytest.mark.parametrize(
    ("who", "key", "outcome"),
    [
        ("human", "1", CallbackOutcome.ANSWERED),
        ("human", "3", CallbackOutcome.NO_ANSWER),
        ("machine_start", "1", CallbackOutcome.MACHINE),
    ],
)
def test_attempts_come_to_the_same_in_whatever_order(make_attempt, telephone, the_attempt, engine, who, key, outcome):
    """Every webhook twice, in each of the orders they can come in."""
    for number, order in enumerate(itertools.permutations(["ringing", "answered", "key", "end"])):
        with transaction(engine) as session:
            session.execute(tables.progress.Callback.__table__.delete())
            session.execute(tables.requests.ClockEvent.__table__.delete())
        make_attempt(call_sid=f"CA{number:032x}")
        they = telephone("callback", sid=f"CA{number:032x}", times=2)
        for act in order:
            if act == "ringing":
                they.tells("ringing")
            elif act == "answered":
                they.is_answered(who)
            elif act == "key":
                they.presses(key, AnsweredBy=who)
            else:
                they.tells("completed", AnsweredBy=who)
        assert (the_attempt().outcome, the_attempt().answered_by) == (outcome, who), order


@pytest.mark.parametrize(
    ("written", "spoken"), [("de", "Drücken"), ("es", "Pulse"), ("it", "Appuyez"), (None, "Appuyez")]
)
def test_a_customer_is_called_in_their_own_language(customer, speaks, written, spoken):
    """Where we speak it; else in the one the line greets in."""
    speaks(written)
    customer.is_answered().hears(f"{spoken} ")


def test_what_a_german_customer_hears_is_what_it_was(customer, golden):
    """The language of the speech follows the words."""
    golden(customer.is_answered().document, "callback_de")


def test_a_call_for_an_attempt_that_was_not_dialled_is_not_its_own(door, make_attempt, the_attempt, golden):
    """Such as one that an engineer made by hand."""
    attempt = make_attempt(outcome=CallbackOutcome.NO_ANSWER)
    golden(door.post(f"/voice/callback/{attempt}/key?try=0", Digits="1").text, "not_needed")
    assert the_attempt().outcome is CallbackOutcome.NO_ANSWER


def test_of_two_who_have_a_customer_called_in_the_same_moment_one_has(engine, request_id, now):
    """The other hears that a call is under way; one attempt stands in the ledger, and one job places it."""
    together = Barrier(2)

    def ask(engineer: str) -> bool:
        together.wait()
        try:
            with transaction(engine) as session:
                reachability.call_back(session, request_id, engineer=engineer, now=now, number="+493055500188")
        except Invalid:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(ask, ["ida", "mara"])) == [False, True]
    with transaction(engine) as session:
        assert len(tables.progress.callbacks(session, request_id)) == 1
        assert session.scalar(select(func.count()).select_from(tables.jobs.Job)) == 1


def test_a_key_in_the_moment_in_which_the_call_ends_proves_that_somebody_was_there(customer, the_attempt, log):
    """Whichever webhook is first: the end is written once, and the key is not lost."""
    together = Barrier(2)

    def tell(act):
        together.wait()
        act()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(tell, [lambda: customer.presses("1"), lambda: customer.tells("completed", CallDuration="9")]))
    assert (the_attempt().outcome, the_attempt().key_pressed) == (CallbackOutcome.ANSWERED, "1")
    ends = [value for event, source, value, _ in log() if (event, source) == ("callback", "callback:…")]
    assert ends in (["answered"], ["no-answer"])
    assert the_attempt().ended_at is not None
