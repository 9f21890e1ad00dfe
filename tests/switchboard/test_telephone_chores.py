"""What is done for the telephone each minute: parts that do not stop each other, and a database that was restored."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from intake.replies import restored
from models import tables
from models.errors import Unavailable
from models.store import transaction
from models.terms import Channel, JobKind, OutgoingState, TriageState
from switchboard import telephony
from switchboard.lines import Sites, Switchboard
from switchboard.settings import load
from voice.dialling import RESTORED
from voice.reconciling import Found

MOBILE = "+4915155501234"


@pytest.fixture
def clock(now) -> SimpleNamespace:
    """The clock of the chores."""
    return SimpleNamespace(now=now)


@pytest.fixture
def house(database_url, engine, tmp_path, monkeypatch, clock):
    """A house with a telephone, whose Twilio nobody reaches."""
    monkeypatch.chdir(tmp_path)
    settings = load(
        public_url="https://support.example.com", twilio_account_sid="AC" + "a" * 32, twilio_auth_token="sample-token",
        twilio_from="+493055500100", twilio_api_base="http://127.0.0.1:9", reconcile_minutes=15, recording_days=30,
        callback_automatic=True,
    )  # fmt: skip
    house = Switchboard(settings, Sites(database_url=database_url, redis_url="redis://127.0.0.1:1/0", secret="s" * 32))
    house.__dict__["engine"] = engine
    house.__dict__["wake"] = lambda: None
    house.telephony.clock = lambda: clock.now
    return house


@pytest.fixture
def compared(house, monkeypatch, now):
    """Since when Twilio's list was compared with ours, each time; nothing is found."""
    since = []
    monkeypatch.setattr(
        house.telephony, "reconcile", lambda at: since.append(at) or Found(calls=0, ends=0, recordings=0)
    )
    return since


@pytest.fixture
def request_id(engine, now):
    """A request whose caller left no number that is known."""
    with transaction(engine) as session:
        row = tables.requests.Request(
            channel=Channel.PHONE, subject="orders fail", policy="wso2", state=TriageState.DECIDED, received_at=now
        )
        session.add(row)
        session.flush()
        return row.id


@pytest.fixture
def promised(engine, request_id, now):
    """A call that the house owes since a while, and a text that waits."""
    with transaction(engine) as session:
        call = tables.calls.Call(
            call_sid="CA" + "1" * 32, account_sid="AC1", from_number=MOBILE, to_number="", status="completed",
            step="receipt", answers={"phone": MOBILE, "phone_confirmed": "yes"}, started_at=now, request_id=request_id,
        )  # fmt: skip
        session.add(call)
        session.flush()
        early = now - timedelta(minutes=9)
        tables.reaching.owe_call(
            session, request_id=request_id, call_id=call.id, number=MOBILE, why="they hung up", automatic=True,
            due_at=early, made_at=early, made_by="", attempts=0,
        )  # fmt: skip
        receipt = tables.reaching.CallReceipt(
            call_id=call.id, request_id=request_id, channel="sms", recipient=MOBILE, state=OutgoingState.PENDING,
            created_at=early,
        )  # fmt: skip
        session.add(receipt)
        session.flush()
        tables.jobs.schedule(session, JobKind.RECEIPT_SEND, receipt.id, early)


def restore(engine, now) -> None:
    """Make the database one that was restored since it was looked at."""
    with transaction(engine) as session:
        tables.mail.set_switch(session, restored.NAME, "another database", restored.INSTALLED, now - timedelta(days=1))


def the(engine, kind):
    """The only row of a kind."""
    with transaction(engine) as session:
        return session.scalars(select(kind)).one()


def test_a_restored_house_rings_and_texts_nobody_by_itself(house, engine, promised, compared, now):
    """What was promised before is a person's, and says why; Twilio is asked for nothing."""
    restore(engine, now)
    house.telephony.tend()
    owed = the(engine, tables.reaching.OwedCall)
    assert (owed.automatic, owed.outcome, owed.done_at, owed.attempts) == (False, RESTORED, None, 0)
    house.drain()
    receipt = the(engine, tables.reaching.CallReceipt)
    assert (receipt.state, receipt.error) == (OutgoingState.UNCERTAIN, RESTORED)
    with transaction(engine) as session:
        assert session.scalars(select(tables.progress.Callback)).all() == []


def test_a_house_that_was_never_restored_rings_whom_it_owes_a_call(house, engine, promised, compared):
    """The attempt is placed once it is due."""
    house.telephony.tend()
    assert the(engine, tables.progress.Callback).number == MOBILE
    assert the(engine, tables.reaching.OwedCall).attempts == 1


def test_the_first_minute_of_a_house_notes_which_database_it_is(house, engine, compared):
    """Even if it never sends a mail: a restored copy is known by it."""
    house.telephony.tend()
    with transaction(engine) as session:
        assert tables.mail.switched(session, restored.NAME)[:2] == (tables.mail.identity(session), restored.INSTALLED)


@pytest.mark.parametrize("broken", ["due", "erase_old", "end_rounds", "reconcile"])
@pytest.mark.parametrize("error", [Unavailable("x"), ValueError("+493055500137")])
def test_what_one_part_stumbles_over_stops_no_other(house, engine, monkeypatch, compared, broken, error):
    """It is told by its name, and by no words that may hold a number."""
    done = []

    def part(name):
        def run(*_args, **_more):
            done.append(name)
            if name == broken:
                raise error
            return Found(calls=0, ends=0, recordings=0) if name == "reconcile" else 0

        return run

    monkeypatch.setattr(telephony.owed, "due", part("due"))
    monkeypatch.setattr(telephony.keeping, "erase_old", part("erase_old"))
    monkeypatch.setattr(telephony.reconciling, "end_rounds", part("end_rounds"))
    monkeypatch.setattr(house.telephony, "reconcile", part("reconcile"))
    with capture_logs() as told:
        assert house.telephony.tend() == 0
    assert done == ["due", "erase_old", "end_rounds", "reconcile"]
    (line,) = [each for each in told if each["event"] == "chore.failed"]
    assert line["error"] == type(error).__name__
    assert "+49" not in repr(line)


def test_twilio_that_nobody_reaches_is_not_taken_for_postgresql(house, engine):
    """The log says what did not answer."""
    with capture_logs() as told:
        house.telephony.tend()
    (line,) = [each for each in told if each["event"] == "chore.failed"]
    assert (line["part"], line["error"], line["reason"]) == ("compare", "Unavailable", "Interrupted")


def test_the_list_of_calls_is_compared_as_often_as_set(house, engine, compared, clock, now):
    """Beat may skip a minute or ask twice in one, and several workers take turns: the moment is kept with the rows."""
    for seconds in (0, 1, 59, 890, 905, 906, 1790, 1806, 5400):
        clock.now = now + timedelta(seconds=seconds)
        house.telephony.tend()
    begun = [0, 905, 1806, 5400]
    looked_from = [0, 0, 905, 1806]
    assert len(compared) == len(begun)
    assert compared == [now + timedelta(seconds=each) - telephony.LOOK_BACK for each in looked_from]


def test_a_longer_outage_is_looked_back_over(house, engine, compared, clock, now):
    """Whatever rang since the list was compared last is found, however long that is ago."""
    house.telephony.tend()
    clock.now = now + timedelta(days=10)
    house.telephony.tend()
    assert compared[-1] == now - telephony.LOOK_BACK


@pytest.mark.parametrize("ahead", [timedelta(hours=-5), timedelta(days=400)])
def test_a_clock_that_was_wrong_stops_no_comparing(house, engine, compared, clock, now, ahead):
    """A moment that is kept from a clock that was ahead is no reason to wait for it."""
    clock.now = now + ahead
    house.telephony.tend()
    clock.now = now
    house.telephony.tend()
    assert len(compared) == 2


def test_by_command_only_nothing_is_compared_by_itself(house, engine, compared):
    """0 minutes."""
    object.__setattr__(house.settings, "reconcile_minutes", 0)
    house.telephony.tend()
    assert compared == []
