"""Calls are placed once, whatever Twilio answers; an unclear end is shown and never placed again by itself."""

import contextlib
import threading
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from models.errors import Unavailable
from models.terms import CallbackOutcome, OutgoingState
from voice import dialling, phone

PUBLIC = "https://support.example.com"
NOTICE = UUID("01930000-0000-7000-8000-000000000001")
ACCOUNT, SID = "AC" + "a" * 32, "CA" + "1" * 32
CALLS = f"/2010-04-01/Accounts/{ACCOUNT}/Calls"


@pytest.fixture
def page(engine: Engine, make_notice, trunk, settled, clock):
    """Run the job of a notice, which is made here unless it is there."""

    def run(*, there: bool = False, ended: str = "", using=trunk, **columns):
        notice = None if there else make_notice(**columns)
        phone.page(
            engine,
            notice or columns["id"],
            trunk=using,
            ended=lambda _session, _step: ended,
            settle=lambda _session, step: settled.append(step),
            clock=lambda: clock.now,
        )

    return run


@pytest.fixture
def call_back(engine: Engine, make_attempt, trunk, clock):
    """Run the job of an attempt, which is made here unless it is there."""

    def run(*, there: bool = False, using=trunk, **columns):
        attempt = columns["id"] if there else make_attempt(**columns)
        phone.place_callback(engine, attempt, trunk=using, clock=lambda: clock.now)

    return run


def test_a_page_is_placed_once(page, twilio, the_notice, settled, step_id, clock):
    """With its TwiML, its status address and machine detection; a second run of the job asks for nothing."""
    twilio.expect()
    page()
    row = the_notice()
    assert (row.state, row.call_sid, row.told_at, row.attempts) == (OutgoingState.SENT, SID, clock.now, 1)
    assert settled == [step_id]
    page(there=True, id=row.id)
    (asked,) = twilio.asked
    assert (asked.method, asked.path) == ("POST", f"{CALLS}.json")
    assert asked.authorization == "Basic " + b64encode(f"{ACCOUNT}:sample-token".encode()).decode()
    here = f"{PUBLIC}/voice/page/{row.id}"
    assert asked.form == {
        "To": ["+493055500177"],
        "From": ["+493055500100"],
        "Url": [f"{here}#rc=2&rp=ct,rt,5xx"],
        "Method": ["POST"],
        "StatusCallback": [f"{here}/status#rc=2&rp=ct,rt,5xx"],
        "StatusCallbackMethod": ["POST"],
        "Timeout": ["30"],
        "MachineDetection": ["Enable"],
        "MachineDetectionSpeechThreshold": ["4000"],
    }


def test_a_call_to_a_customer_is_placed_once(call_back, twilio, the_attempt, log):
    """That Twilio is about to be asked stands in the log before; when it rings is asked for, too."""
    twilio.expect()
    call_back(number="+49 30 5550 0188")
    row = the_attempt()
    assert (row.outcome, row.call_sid, row.ended_at) == (CallbackOutcome.PLACED, SID, None)
    call_back(there=True, id=row.id)
    (asked,) = twilio.asked
    assert asked.form["To"] == ["+493055500188"]
    assert asked.form["StatusCallbackEvent"] == ["ringing", "completed"]
    assert asked.form["Url"] == [f"{PUBLIC}/voice/callback/{row.id}#rc=2&rp=ct,rt,5xx"]
    assert log() == [("callback", "callback:…:dialled", "dialled", "ida")]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"code": 21211, "message": "The 'To' number is not valid.", "status": 400}),
        (400, {"code": 21215, "message": "Account not authorized to call, says sample-token", "status": 400}),
        (400, {"type": "x", "title": "Bad number", "status": 400, "code": 21211}),
        (404, "<html>a proxy says no</html>"),
    ],
)
def test_a_refusal_is_final_and_tells_the_code_but_no_secret(
    page, call_back, twilio, the_notice, the_attempt, status, body
):
    """4xx: no call was made, and none will be; the reason is kept for people."""
    twilio.expect(status, body)
    twilio.expect(status, body)
    page()
    call_back()
    notice, attempt = the_notice(), the_attempt()
    assert notice.state is OutgoingState.FAILED
    assert notice.error.startswith(
        f"Twilio answers {status}, error {body['code'] if isinstance(body, dict) else status}"
    )
    assert attempt.outcome is CallbackOutcome.FAILED
    assert attempt.ended_at is not None
    assert notice.error in attempt.note
    assert "sample-token" not in notice.error + attempt.note


@pytest.mark.parametrize("how", ["429", "nobody listens", "no such host"])
def test_what_certainly_made_no_call_is_tried_again(page, twilio, the_notice, trunk, how: str):
    """Twilio was not reached, or is asked too often: the page waits, and the next try places it."""
    bases = {"429": twilio.url, "nobody listens": "http://127.0.0.1:9", "no such host": "http://nowhere.invalid"}
    if how == "429":
        twilio.expect(429, {"code": 20429, "message": "Too many requests"})
    away = replace(trunk, account=replace(trunk.account, api_base=bases[how]))
    with pytest.raises(Unavailable):
        page(using=away)
    assert the_notice().state is OutgoingState.PENDING
    twilio.expect()
    page(there=True, id=the_notice().id)
    assert (the_notice().state, the_notice().attempts) == (OutgoingState.SENT, 2)


UNCLEAR = {
    "500": {"status": 500, "body": {"code": 20500, "message": "Internal error"}},
    "503": {"status": 503, "body": "<html>unavailable</html>"},
    "redirect": {"status": 302, "body": ""},
    "slow": {"after": 1.0},
    "broken": {"breaks": True},
    "no JSON": {"body": "<html>hello</html>"},
    "a list": {"body": []},
    "no sid": {"body": {"status": "queued"}},
    "odd sid": {"body": {"sid": "../Calls/CA1"}},
}


@pytest.mark.parametrize("how", UNCLEAR)
def test_an_unclear_end_is_uncertain_and_not_placed_again(
    page, call_back, twilio, the_notice, the_attempt, monkeypatch: pytest.MonkeyPatch, how: str
):
    """It may ring: a second call would wake somebody twice, or be evidence of what did not happen."""
    monkeypatch.setattr(dialling, "TIMEOUT", 0.3)
    twilio.expect(**UNCLEAR[how])
    twilio.expect(**UNCLEAR[how])
    page()
    call_back()
    assert the_notice().state is OutgoingState.UNCERTAIN
    assert the_notice().error
    assert the_attempt().outcome is CallbackOutcome.FAILED
    assert "not certain whether the call was placed" in the_attempt().note
    page(there=True, id=the_notice().id)
    call_back(there=True, id=the_attempt().id)
    assert len(twilio.asked) == 2


def test_a_worker_that_died_while_placing_leaves_it_uncertain(page, call_back, twilio, the_notice, the_attempt, engine):
    """The intent was committed before Twilio was asked; Twilio knows no idempotency key that would tell the rest."""

    def die() -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phone, "dial", lambda *_arguments, **_named: die())
        for run in (page, call_back):
            with pytest.raises(KeyboardInterrupt):
                run()
    assert the_notice().state is OutgoingState.SENDING
    page(there=True, id=the_notice().id)
    call_back(there=True, id=the_attempt().id)
    assert (the_notice().state, the_notice().error) == (OutgoingState.UNCERTAIN, phone.INTERRUPTED)
    assert the_attempt().outcome is CallbackOutcome.FAILED
    assert phone.INTERRUPTED in the_attempt().note
    assert not twilio.asked


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"from_number": ""}, "SWITCHBOARD_TWILIO_FROM is not set"),
        ({"from_number": "030 5550 100"}, "SWITCHBOARD_TWILIO_FROM is no number in E.164"),
        ({"account": {"account_sid": ""}}, "SWITCHBOARD_TWILIO_ACCOUNT_SID is not set"),
        ({"account": {"auth_token": ""}}, "SWITCHBOARD_TWILIO_AUTH_TOKEN is not set"),
    ],
)
def test_without_a_line_out_nobody_is_called_and_the_setting_is_named(
    page, call_back, trunk, twilio, the_notice, the_attempt, settled, step_id, change, said
):
    """It shows where people look, beside the step and in the ledger."""
    if "account" in change:
        change = {"account": replace(trunk.account, **change["account"])}
    page(using=replace(trunk, **change))
    call_back(using=replace(trunk, **change))
    assert the_notice().state is OutgoingState.FAILED
    assert the_notice().error.startswith(said)
    assert said in the_attempt().note
    assert settled == [step_id]
    assert not twilio.asked


@pytest.mark.parametrize(
    "number",
    ["", "030 5550 137", "mara", "+49", "+4930555001370000", "+999123456789", "+266696687", "+86282452253",
     "+19005550100", "+4918051234567", "+491371234567", "+49137123456789", "+447012345678", "+870773123456",
     "+881612345678", "+88213300001", "+883510001234567", "+979123456789", "+808123456789",
     "sip:mara@example.com", "+493055500137;ext=1,,2x"],
)  # fmt: skip
def test_a_number_that_cannot_be_or_costs_by_the_minute_is_not_called(page, twilio, the_notice, number: str):
    """Withheld callers' placeholders and premium rates neither: a form's number is what a stranger wrote."""
    page(recipient=number)
    assert (the_notice().state, the_notice().error) == (OutgoingState.FAILED, phone.NO_NUMBER)
    assert not twilio.asked


@given(st.text(max_size=30) | st.from_regex(r"\+?[0-9 ()./-]{3,25}", fullmatch=True), st.sampled_from(["", "DE", "US"]))
def test_whatever_is_written_is_dialled_in_e164_or_not_at_all(written: str, region: str):
    """Never an error, never anything but a plus sign and digits."""
    number = dialling.dialable(written, region)
    assert number is None or dialling.E164.fullmatch(number)


def test_a_number_written_at_home_is_dialled_with_its_country():
    """The region of the house stands for the missing country code."""
    assert dialling.dialable("030 5550 0137", "DE") == "+493055500137"
    assert dialling.dialable("030 5550 0137") is None


@pytest.mark.parametrize("number", ["+493055500100", "030 5550 0100", "+493055500222"])
def test_the_house_never_rings_itself(call_back, twilio, the_attempt, trunk, number: str):
    """Neither the number it shows nor one at which it is called: the attempt fails, and says why."""
    call_back(number=number, using=replace(trunk, region="DE", numbers=("+493055500222",)))
    assert the_attempt().outcome is CallbackOutcome.FAILED
    assert phone.OUR_OWN in the_attempt().note
    assert not twilio.asked


@pytest.mark.parametrize("status", [401, 429])
def test_a_page_that_cannot_be_placed_for_five_minutes_fails_so_that_its_people_are_told_by_mail(
    page, twilio, the_notice, settled, step_id, clock, now, status
):
    """A ladder must not stand still for as long as Twilio does."""
    for seconds, state in ((299, OutgoingState.PENDING), (300, OutgoingState.FAILED)):
        clock.now = now + timedelta(seconds=seconds)
        twilio.expect(status, {"code": 1, "message": "no"})
        with contextlib.suppress(Unavailable):
            page(there=seconds > 299, id=NOTICE)
        assert the_notice().state is state
    assert settled[-1] == step_id
    assert str(status) in the_notice().error


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_refused_says_nothing_about_the_number(
    page, call_back, twilio, the_notice, the_attempt, status
):
    """It is being rotated, or the account is closed: both wait, with the reason, and are placed with the next token."""
    for run in (page, call_back):
        twilio.expect(status, {"code": 20003, "message": "Authenticate with sample-token", "status": status})
        with pytest.raises(Unavailable):
            run()
    assert the_notice().state is OutgoingState.PENDING
    assert the_notice().error.startswith(f"Twilio answers {status}, error 20003")
    assert (the_attempt().outcome, the_attempt().ended_at) == (CallbackOutcome.PLACED, None)
    assert "sample-token" not in the_notice().error
    twilio.expect()
    page(there=True, id=the_notice().id)
    assert the_notice().state is OutgoingState.SENT


def test_a_step_that_nobody_need_be_told_of_rings_nobody(page, twilio, the_notice, settled, step_id):
    """Its ladder was stopped while the page waited."""
    page(ended="resolved at 09:40")
    assert (the_notice().state, the_notice().error) == (OutgoingState.DROPPED, "resolved at 09:40")
    assert settled == [step_id]
    assert not twilio.asked


def test_a_notice_by_mail_rings_nobody(page, twilio, the_notice):
    """It is the other room's."""
    page(channel="mail", recipient="mara@example.com")
    assert the_notice().state is OutgoingState.PENDING
    assert not twilio.asked


def test_a_callback_nobody_waits_for_any_more_is_not_placed(call_back, twilio, the_attempt, clock, now):
    """The workers were down for long: "an engineer will call you in a moment" would be untrue."""
    clock.now = now + timedelta(minutes=16)
    call_back()
    assert (the_attempt().outcome, the_attempt().note) == (CallbackOutcome.FAILED, "too old to be of use")
    assert not twilio.asked


@pytest.mark.parametrize("outcome", [CallbackOutcome.ANSWERED, CallbackOutcome.NO_ANSWER, CallbackOutcome.FAILED])
def test_an_attempt_made_by_hand_is_never_dialled(call_back, twilio, the_attempt, now, outcome):
    """Only one that the house is to place rings."""
    call_back(outcome=outcome, ended_at=now)
    assert (the_attempt().outcome, the_attempt().call_sid) == (outcome, None)
    assert not twilio.asked


def test_nothing_is_done_for_what_is_not_there(engine: Engine, trunk, request_id, clock):
    """A job whose subject is gone is done."""
    phone.page(engine, request_id, trunk=trunk, ended=pytest.fail, settle=pytest.fail, clock=lambda: clock.now)
    phone.place_callback(engine, request_id, trunk=trunk, clock=lambda: clock.now)


def test_a_webhook_faster_than_twilios_answer_keeps_the_call(page, twilio, telephone, the_notice):
    """Mara presses 1 before Twilio has told us the CallSid; and it does not matter that it never does."""
    mara = telephone("page")
    twilio.expect(500, {"code": 1, "message": "no"}, meanwhile=lambda: mara.is_answered().presses("1"))
    page()
    row = the_notice()
    assert (row.state, row.call_sid, row.error) == (OutgoingState.SENT, SID, None)
    assert row.acknowledged_at is not None


def test_a_customer_faster_than_twilios_answer_is_reached(call_back, twilio, telephone, the_attempt):
    """The same for a call to a customer."""
    customer = telephone("callback")
    twilio.expect(after=0.1, breaks=True, meanwhile=lambda: customer.tells("ringing").is_answered().presses("1"))
    call_back()
    assert (the_attempt().outcome, the_attempt().key_pressed) == (CallbackOutcome.ANSWERED, "1")
    assert the_attempt().ended_at is None
    customer.tells("completed")
    assert the_attempt().ended_at is not None


def test_an_uncertain_page_that_rings_after_all_was_placed(page, twilio, telephone, the_notice, settled, step_id):
    """The step follows: somebody was told."""
    twilio.expect(500, {})
    page()
    assert the_notice().state is OutgoingState.UNCERTAIN
    telephone("page").is_answered().hears("Press 1")
    assert (the_notice().state, the_notice().error, the_notice().call_sid) == (OutgoingState.SENT, None, SID)
    assert settled == [step_id, step_id]


def test_an_uncertain_attempt_that_is_answered_after_all_has_reached_the_customer(
    call_back, twilio, telephone, the_attempt, log
):
    """That somebody was there must not be lost; the log keeps what was believed before."""
    twilio.expect(500, {})
    call_back()
    telephone("callback").is_answered().hears("1").presses("1")
    assert the_attempt().outcome is CallbackOutcome.ANSWERED
    assert [value for _, _, value, _ in log()] == ["dialled", "failed", "answered"]


def test_nothing_that_a_stranger_may_not_read_is_logged(page, call_back, twilio):
    """No number, no name, no token: ids and states."""
    twilio.expect()
    twilio.expect(400, {"code": 21211, "message": "+493055500188 is not valid"})
    with structlog.testing.capture_logs() as logs:
        page()
        call_back()
    assert [set(each) for each in logs] == [
        {"event", "log_level", "notice", "state"},
        {"event", "log_level", "callback", "outcome"},
    ]
    assert "5550" not in str(logs)


def test_twilios_library_is_kept_from_logging_and_from_the_environment(page, twilio, caplog, monkeypatch):
    """It logs addresses and headers of its own accord, and would take another host from a region it finds."""
    monkeypatch.setenv("TWILIO_REGION", "nowhere1")
    monkeypatch.setenv("TWILIO_EDGE", "nowhere")
    caplog.set_level("DEBUG", logger="twilio")
    twilio.expect()
    page()
    assert len(twilio.asked) == 1
    assert not [record for record in caplog.records if record.name.startswith("twilio")]


def test_two_workers_place_one_call(engine: Engine, make_attempt, trunk, twilio, clock, the_attempt):
    """Whoever comes second finds the intent."""
    attempt = make_attempt()
    twilio.expect(after=0.3)
    run = partial(phone.place_callback, engine, attempt, trunk=trunk, clock=lambda: clock.now)
    both = [threading.Thread(target=run) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert len(twilio.asked) == 1
