"""Whoever guesses account numbers and PINs, call after call, is not let in by the right one, and not told so."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from structlog.testing import capture_logs

from models import tables
from models.store import transaction

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
GUESSER, OTHER = "+493055500137", "+493055500138"


@pytest.fixture
def guess(run_line, phone, engine: Engine):
    """Call once, confirm a number, and hang up; what the caller heard, and what is known of them then."""
    calls = iter(range(1, 100))

    def once(code: str, number: str = GUESSER, at: datetime = NOON, confirms: str = "1") -> tuple[str, dict[str, str]]:
        with run_line("en", at=at) as line:
            guest = phone(line, next(calls), From=number).dials().presses("2").presses(code).presses(confirms)
            heard = guest.heard
            guest.hangs_up()
        with transaction(engine) as session:
            call = session.scalars(select(tables.calls.Call).where(tables.calls.Call.call_sid == guest.sid)).one()
        return heard, dict(call.answers)

    return once


def is_recognised(answers: dict[str, str]) -> bool:
    """Whether a PIN was taken for one."""
    return answers.get("pin_ok") == "yes"


def test_a_guesser_is_not_let_in_by_the_right_pin(guess, pin: str):
    """After five wrong numbers none is looked up, and the caller hears what they heard before."""
    for number in range(5):
        heard, answers = guess(f"1234567{number}")
        assert "pin_refused" not in answers
    with capture_logs() as logs:
        last, answers = guess(pin)
    assert last == heard
    assert not is_recognised(answers)
    assert answers["known"] == "no"
    (warned,) = [each for each in logs if each["event"] == "pin.refused"]
    assert (warned["log_level"], sorted(warned)) == ("warning", ["call", "event", "log_level"])


def test_four_wrong_numbers_are_mistakes(guess, pin: str):
    """The right one counts, and so does the number of an account, which is no secret."""
    for number in range(4):
        guess(f"1234567{number}")
    assert guess("4711")[1]["known"] == "yes"
    assert is_recognised(guess(pin)[1])


def test_others_are_let_in_meanwhile_and_everybody_after_an_hour(guess, pin: str):
    """What one telephone guesses keeps nobody else out; what was refused does not count."""
    for number in range(5):
        guess(f"1234567{number}")
    assert is_recognised(guess(pin, OTHER)[1])
    assert not is_recognised(guess(pin, at=NOON + timedelta(minutes=59))[1])
    assert is_recognised(guess(pin, at=NOON + timedelta(minutes=61))[1])


def test_what_was_not_confirmed_was_no_guess(guess, pin: str):
    """Nothing was looked up."""
    for number in range(6):
        guess(f"1234567{number}", confirms="99999999")
    assert is_recognised(guess(pin)[1])


def test_those_who_withhold_their_numbers_are_counted_together(guess, pin: str, engine: Engine):
    """Nobody can tell them apart, so there may be more of them; whoever shows a number is not one of them."""
    for number in range(20):
        assert not is_recognised(guess(f"123456{number:02d}", "anonymous" if number % 2 else "+266696687")[1])
    assert not is_recognised(guess(pin, "anonymous")[1])
    assert is_recognised(guess(pin, GUESSER)[1])


def test_a_number_that_was_not_looked_up_is_kept_nowhere(guess, pin: str, engine: Engine):
    """It may be a PIN; the engineer reads that there was one."""
    for number in range(5):
        guess(f"1234567{number}")
    _, answers = guess(pin)
    with transaction(engine) as session:
        kept = [repr((row.params, row.answer)) for row in session.scalars(select(tables.calls.CallEvent))]
        notes = [row.note + row.text for row in session.scalars(select(tables.requests.Interaction))]
    assert not any(pin in each for each in (*kept, *notes, repr(answers)))
    assert sum("not looked up" in each for each in notes) == 1
