"""The number a caller is called back on: one that the house may ring, and none of its own."""

import pytest
from sqlalchemy import Engine, func, select

from models import tables
from models.calling import Consent
from models.store import transaction
from voice import prompts
from voice.switch import Desk, Rules

SHOWN, CALLED, OTHER = "+493055500111", "+493055500100", "+493055500222"
SATELLITE, PREMIUM, MOBILE = "+881612345678", "+499001123456", "+4915155501234"
REFUSED = "cannot be called"
TEXTED = Desk(rules=lambda _: Rules(consent=Consent.NEVER, receipts=("sms",)))


@pytest.fixture
def asked(run_line, phone):
    """A caller who is asked for their number, on a line that has three numbers of its own."""

    def ring(line, **params: str):
        return phone(line, **params).dials().presses("").says("orders fail").presses("2")

    def run(**fields):
        numbers = {CALLED: ("en",), OTHER: ("en",)}
        return run_line("en", desk=TEXTED, from_number=SHOWN, numbers=numbers, **fields)

    return run, ring


@pytest.mark.parametrize(
    "keyed",
    ["03055500111", "0049 30 55500222", "*493055500100", "09001123456", "00881612345678", "*447012345678", "000000000"],
)
def test_a_number_that_cannot_be_called_is_asked_for_again(asked, only_call, keyed: str):
    """A number of ours, premium rate, a satellite, a personal number, none at all: it is a miss, and is not kept."""
    run, ring = asked
    with run() as line:
        guest = ring(line).presses(keyed.replace(" ", "")).hears(REFUSED).hears("+ 4 9, 3 0, 5 5 5 0, 0 1 3 7")
        assert only_call().misses == 1
        assert "phone" not in only_call().answers
        guest.presses("03055500200").hears("0 2 0 0").presses(keyed.replace(" ", "")).hears(REFUSED).hears("0 2 0 0")
        guest.presses("1").hears("reference")
    assert (only_call().answers["phone"], only_call().answers["phone_confirmed"]) == ("+493055500200", "yes")


def test_a_number_that_cannot_be_called_three_times_ends_the_question(asked, only_call):
    """Nobody is promised a call on it."""
    run, ring = asked
    with run() as line:
        guest = ring(line, From="anonymous")
        guest.presses("03055500111").presses("03055500111").presses("03055500111").hears("reference").hears("no number")
    assert "phone" not in only_call().answers


@pytest.mark.parametrize("caller", [SATELLITE, PREMIUM, CALLED, SHOWN, OTHER, "0000", "+10000000000", "+490000"])
def test_a_callers_number_that_cannot_be_called_is_not_offered(asked, only_call, engine: Engine, caller: str):
    """It is kept as the caller's; they are asked for another one, as if theirs were withheld, and get no text."""
    run, ring = asked
    with run() as line:
        guest = ring(line, From=caller).hears("key in the number").presses("1").hears("key in the number")
        guest.presses("").presses("").hears("no number to call you back").hangs_up()
    call = only_call()
    assert (call.from_number, "phone" in call.answers, bool(call.answers.get("caller"))) == (caller, False, True)
    with transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(tables.reaching.CallReceipt)) == 0


def test_whoever_hangs_up_is_not_owed_a_call_on_a_number_that_cannot_be_called(asked, engine: Engine):
    """The call is owed, by whatever else is known of them."""
    run, ring = asked
    with run() as line:
        ring(line, From=SATELLITE).hangs_up()
    with transaction(engine) as session:
        (owed,) = tables.reaching.owed(session)
    assert owed.number is None


@pytest.mark.parametrize("caller", ["+493055500137", "+15555550123", "+390612345678", "+2250101010101", MOBILE])
def test_every_number_that_may_be_one_is_offered(asked, only_call, caller: str):
    """Also one of a range that nobody has listed, and national numbers that begin with zero."""
    run, ring = asked
    with run() as line:
        ring(line, From=caller).hears("we will call you back on").presses("1").hears("reference")
    assert only_call().answers["phone"] == caller


@pytest.mark.parametrize("language", prompts.languages())
def test_every_language_says_that_a_number_cannot_be_called(run_line, phone, language: str):
    """Before it asks again."""
    with run_line(language) as line:
        guest = phone(line).dials().presses("2").presses("").says("orders fail").presses("2").presses("09001123456")
        assert [each.text for each in guest.says_with] == [
            prompts.load(language).say("barred"),
            prompts.load(language).say("phone", number="+ 4 9, 3 0, 5 5 5 0, 0 1 3 7"),
        ]


@pytest.mark.parametrize("together", [False, True])
def test_the_same_answer_about_an_account_number_is_the_same_twice(caller, only_call, engine: Engine, together: bool):
    """Although it is not stored, since it may read a PIN aloud."""
    guest = caller().dials().presses("2").presses("47110815").repeating(3, together=together)
    guest.stays_silent().hears("Sorry, I did not get that").hears("4 7 1 1, 0 8 1 5")
    guest.presses("12345678").hears_not("Sorry").hears("1 2 3 4, 5 6 7 8")
    guest.presses("0").hears("nobody can take").presses("1").hears("does not work").hears_not("nobody can take")
    assert "opens_with" not in only_call().answers
    with transaction(engine) as session:
        assert "4 7 1 1" not in "".join(session.scalars(select(tables.calls.CallEvent.answer)).all())
