"""A slow answer is told to the caller in time; what they said is not lost, and nothing counts as silence."""

import re
import socket
import threading
import time
from collections import Counter
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest
from free_ports import free_port
from sqlalchemy import Engine, event, select

from models import store, tables
from models.errors import Unavailable
from models.store import transaction
from voice import deadline, prompts

SID = "CA" + "1" * 32
PUBLIC = "https://support.example.com"
CONSENT = "/voice/turn?step=consent&try=0"


class Gate:
    """A database that stands still: webhooks that ask it anything wait until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.opened.set()

    def __call__(self, *_statement: object) -> None:
        """Wait, but for the test's own questions."""
        if threading.current_thread().name.startswith("webhook"):
            assert self.opened.wait(60)


@pytest.fixture
def gate(engine: Engine) -> Gate:
    """What makes flows slow."""
    made = Gate()
    event.listen(engine, "before_cursor_execute", made)
    return made


@pytest.fixture
def slow_door(make_door):
    """A phone door that waits for a quarter of a second."""
    return make_door(seconds=0.25)


@pytest.fixture
def impatient(database_url: str):
    """Make an engine of which PostgreSQL gives up waiting for a lock after so many milliseconds."""
    made: list[Engine] = []

    def make(lock_ms: int) -> Engine:
        made.append(store.connect(database_url, lock_ms=lock_ms))
        return made[-1]

    yield make
    for each in made:
        each.dispose()


def where_to(answer) -> str:
    """The path of the redirect that follows "one moment"."""
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    root = ET.fromstring(answer.text)  # noqa: S314 - our own
    assert [verb.tag for verb in root] == ["Say", "Pause", "Redirect"]
    assert root[0].text == "One moment, please."
    address, _, overrides = (root[2].text or "").partition("#")
    assert overrides == "rc=2&rp=ct,rt,5xx"
    return address.removeprefix(PUBLIC)


def events(engine: Engine) -> Counter[str]:
    """How many webhooks of each kind are stored."""
    with transaction(engine) as session:
        return Counter(session.scalars(select(tables.calls.CallEvent.kind)))


def call_of(engine: Engine) -> tables.calls.Call:
    """The call."""
    with transaction(engine) as session:
        return tables.calls.by_sid(session, SID)


def test_a_slow_first_ring_asks_for_a_moment_and_goes_on(slow_door, gate, engine, eventually):
    """The redirect finds the greeting; there is one call, and its webhook is stored once."""
    gate.opened.clear()
    back = where_to(slow_door.post("/voice/inbound", CallStatus="ringing"))
    assert re.fullmatch(r"/voice/inbound\?since=\d+&again=1", back)
    gate.opened.set()
    assert eventually(lambda: events(engine)["inbound"]) == 1
    assert "Welcome" in slow_door.post(back, CallStatus="in-progress").text
    assert events(engine) == {"inbound": 1}


@pytest.mark.parametrize(("ago", "counts"), [(0, True), (17, True), (119, True), (400, False), (-60, False)])
def test_the_clock_starts_at_the_first_ring_however_slow_we_were(make_door, engine, now, ago: int, counts: bool):
    """Nothing was stored while PostgreSQL hung: the signed address to which Twilio comes back says when it rang."""
    rang = now - timedelta(seconds=ago)
    make_door().post(f"/voice/inbound?since={int(rang.timestamp())}&again=2", CallStatus="ringing")
    assert call_of(engine).started_at == (rang if counts else now)


def test_what_a_caller_pressed_before_the_moment_counts(slow_door, gate, engine, eventually):
    """The redirect brings no digits: it gets what the first webhook was answered meanwhile."""
    asked = slow_door.post("/voice/inbound", CallStatus="ringing").text
    gate.opened.clear()
    back = where_to(slow_door.post(CONSENT, CallStatus="in-progress", Digits="1"))
    assert back == f"{CONSENT}&again=1"
    gate.opened.set()
    assert eventually(lambda: events(engine)["turn"]) == 1
    answer = slow_door.post(back, CallStatus="in-progress").text
    assert answer not in {asked, ""}
    call = call_of(engine)
    assert (call.answers["consent"], call.misses, call.step == "consent") == ("yes", 0, False)
    assert events(engine)["turn"] == 1


def test_who_comes_back_waits_for_what_they_pressed_before(make_door, gate, engine, now):
    """The first webhook is still at work: its answer is theirs, and the question is not asked once more."""
    patience = deadline.Deadline(0.25)
    came = iter([gate.opened.clear, gate.opened.set])

    def clock():
        if is_pressed:
            next(came)()
        return now

    is_pressed = False
    door = make_door(deadline=patience, clock=clock)
    door.post("/voice/inbound", CallStatus="ringing")
    is_pressed = True
    back = where_to(door.post(CONSENT, CallStatus="in-progress", Digits="1"))
    patience.seconds = 20
    answer = door.post(back, CallStatus="in-progress").text
    assert "We would like to record" not in answer
    assert events(engine)["turn"] == 1


def test_what_was_not_stored_is_asked_again_and_is_no_miss(slow_door, engine):
    """The first webhook failed after the moment was asked for: the caller is not punished for our fault."""
    slow_door.post("/voice/inbound", CallStatus="ringing")
    again = slow_door.post(f"{CONSENT}&again=1", CallStatus="in-progress").text
    assert "We would like to record" in again
    assert "did not get that" not in again
    call = call_of(engine)
    assert (call.step, call.misses) == ("consent", 0)
    assert events(engine)["turn"] == 0


def test_three_moments_are_enough(slow_door, gate):
    """Then 503, and Twilio goes to the fallback; no address grows, and nothing but step and try stands in it."""
    gate.opened.clear()
    path = CONSENT
    for number in (1, 2, 3):
        path = where_to(slow_door.post(path, CallStatus="in-progress"))
        assert path == f"{CONSENT}&again={number}"
        assert not re.search(r"CA1|AC|\+49|From|Digits", path)
    assert slow_door.post(path, CallStatus="in-progress").status_code == 503
    gate.opened.set()


@pytest.mark.parametrize("again", ["", "0", "4", "-1", "1x", "x"])
def test_an_address_that_counts_otherwise_starts_anew(again):
    """Only 1 to 3 are ours."""
    assert deadline.asked_before(again) == 0


def test_the_moment_is_asked_for_in_the_language_of_the_number(make_door, gate):
    """Whoever calls the German number hears German."""
    door = make_door(seconds=0.1, numbers={"+493055500100": ("de", "en")})
    gate.opened.clear()
    assert "Einen Moment bitte." in door.post("/voice/inbound", CallStatus="ringing").text
    gate.opened.set()


def test_every_language_can_ask_for_a_moment():
    """The document says it, waits and comes back."""
    for language in prompts.languages():
        words = prompts.load(language)
        assert words.say("moment") in deadline.one_moment(words, f"{PUBLIC}/voice/inbound", 0).replace("&#8217;", "’")
    with pytest.raises(Unavailable):
        deadline.one_moment(prompts.load("en"), f"{PUBLIC}/voice/inbound", 3)


def test_a_forged_webhook_is_not_asked_to_wait(slow_door, gate):
    """Whoever is not Twilio hears nothing but 403, however slow we are."""
    gate.opened.clear()
    assert slow_door.post("/voice/inbound", token="other").status_code == 403
    gate.opened.set()


def test_a_slow_callback_is_503_until_it_is_stored(slow_door, gate, engine, eventually):
    """204 says that it is committed, and nothing else does; Twilio's next try finds it done."""
    gate.opened.clear()
    told = {"CallStatus": "completed", "CallDuration": "5"}
    assert slow_door.post("/voice/status", **told).status_code == 503
    gate.opened.set()
    assert eventually(lambda: events(engine)["status"]) == 1
    assert slow_door.post("/voice/status", **told).status_code == 204
    assert events(engine) == {"status": 1}


def test_a_lock_that_is_held_for_long_loses_no_key(impatient, make_door, engine):
    """PostgreSQL gives the statement up; the flow tries again by itself while the caller waits."""
    door = make_door(engine=impatient(100))
    door.post("/voice/inbound", CallStatus="ringing")
    held = threading.Event()

    def hold() -> None:
        with transaction(engine) as session:
            tables.calls.by_sid_locked(session, SID)
            held.set()
            time.sleep(0.6)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(60)
    assert door.post(CONSENT, CallStatus="in-progress", Digits="1").status_code == 200
    holder.join()
    assert call_of(engine).answers["consent"] == "yes"


def test_a_lock_that_is_never_given_back_is_a_moment_then_503(impatient, make_door, engine):
    """Whoever holds it holds this one call up, and its caller hears so."""
    door = make_door(seconds=0.2, engine=impatient(50))
    door.post("/voice/inbound", CallStatus="ringing")
    with transaction(engine) as session:
        tables.calls.by_sid_locked(session, SID)
        assert where_to(door.post(CONSENT, CallStatus="in-progress")) == f"{CONSENT}&again=1"
        assert door.post(f"{CONSENT}&again=3", CallStatus="in-progress").status_code == 503
        assert door.post("/voice/status", CallStatus="completed").status_code == 503


@pytest.mark.parametrize("path", ["/voice/inbound", "/voice/status"])
def test_postgresql_that_refuses_connections_is_503_at_once(make_door, path):
    """Twilio then asks the fallback; a caller hears no silence."""
    engine = store.connect(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    begun = time.monotonic()
    answer = make_door(engine=engine).post(path, CallStatus="ringing")
    assert (answer.status_code, "nobody" in answer.text) == (503, False)
    assert time.monotonic() - begun < 60


def test_postgresql_that_hangs_is_a_moment_and_then_503(make_door):
    """It takes the connection and says nothing: the caller is told, three times, then the fallback is."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        engine = store.connect(f"postgresql://nobody@127.0.0.1:{mute.getsockname()[1]}/nothing")
        door = make_door(engine=engine, seconds=0.2)
        back = where_to(door.post("/voice/inbound", CallStatus="ringing"))
        assert re.fullmatch(r"/voice/inbound\?since=\d+&again=1", back)
        assert door.post("/voice/inbound?again=3", CallStatus="ringing").status_code == 503
        assert door.post("/voice/status", CallStatus="completed").status_code == 503


def test_an_error_of_ours_is_no_moment(make_door):
    """It is not slow but wrong: the edge of the web makes a temporary answer of it, and Twilio tries again."""

    def broken(*_):
        raise ZeroDivisionError

    door = make_door(receive=broken)
    with pytest.raises(ZeroDivisionError):
        door.post("/voice/inbound", CallStatus="ringing")
