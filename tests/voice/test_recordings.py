"""Media come from Twilio's own address, with our credentials, and from nowhere else."""

import hashlib
import http.server
import threading
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, undefer

from models import tables
from models.errors import Invalid, NotFound, Unavailable
from models.ports import Receive
from models.store import transaction
from models.terms import Channel, Interaction, Receipt, TriageState
from voice import calls, recordings
from voice.switch import Switch

ACCOUNT_SID, TOKEN = "AC" + "a" * 32, "sample-token"
SID = "RE" + "b" * 32
PUBLIC = "https://support.example.com"
MEDIA = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Recordings/{SID}.mp3"


def double() -> SimpleNamespace:
    """Twilio's media server: what it was asked, and what it will answer."""
    twilio = SimpleNamespace(asked=[], status=200, headers={"Content-Type": "audio/mpeg"}, body=b"ID3 sample")

    class Api(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            twilio.asked.append((self.path, self.headers.get("Authorization", "")))
            self.send_response(twilio.status)
            for name, value in {"Content-Length": str(len(twilio.body)), **twilio.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(twilio.body)

        def log_message(self, *_arguments):
            """Say nothing."""

    twilio.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    twilio.url = f"http://127.0.0.1:{twilio.server.server_port}"
    threading.Thread(target=twilio.server.serve_forever, args=(0.05,), daemon=True).start()
    return twilio


@pytest.fixture
def twilio() -> Iterator[SimpleNamespace]:
    """Twilio's media server."""
    twilio = double()
    yield twilio
    twilio.server.shutdown()
    twilio.server.server_close()


@pytest.fixture
def recording(engine: Engine, now: datetime):
    """A recording whose media are not here yet."""
    with transaction(engine) as session:
        call = tables.calls.Call(
            call_sid="CA" + "c" * 32, account_sid=ACCOUNT_SID, from_number="", to_number="", status="completed",
            step="receipt", answers={}, started_at=now,
        )  # fmt: skip
        session.add(call)
        session.flush()
        row = tables.calls.Recording(call_id=call.id, recording_sid=SID, status="in-progress", created_at=now)
        session.add(row)
        session.flush()
        return row.id


@pytest.fixture
def fetch(engine: Engine, recording, twilio, now: datetime):
    """Fetch it, at a time after it was made."""

    def run(after: timedelta = timedelta(0), base: str = "") -> tables.calls.Recording:
        account = recordings.TwilioAccount(account_sid=ACCOUNT_SID, auth_token=TOKEN, api_base=base or twilio.url)
        recordings.fetch(engine, recording, account, lambda: now + after)
        with transaction(engine) as session:
            found = session.get(tables.calls.Recording, recording, options=[undefer(tables.calls.Recording.media)])
            assert found is not None
            return found

    return run


def test_media_are_fetched_once_with_our_credentials(fetch, twilio, now: datetime):
    """The address is made of account and sid; a second run asks for nothing."""
    row = fetch()
    assert (row.media, row.media_type, row.status, row.fetched_at) == (b"ID3 sample", "audio/mpeg", "completed", now)
    assert row.digest == hashlib.sha256(b"ID3 sample").hexdigest()
    fetch()
    basic = "Basic " + b64encode(f"{ACCOUNT_SID}:{TOKEN}".encode()).decode()
    assert twilio.asked == [(MEDIA, basic)]


@pytest.mark.parametrize("status", [404, 401, 429, 500, 503])
def test_what_is_not_there_yet_is_tried_again(fetch, twilio, status: int):
    """For the first seconds of a recording Twilio answers 404."""
    twilio.status = status
    with pytest.raises(Unavailable):
        fetch()
    twilio.status = 200
    assert fetch().media == b"ID3 sample"


def test_what_is_not_there_for_a_day_is_left_to_a_person(fetch, twilio):
    """A recording deleted at Twilio is not asked for until the end of time."""
    twilio.status = 404
    with pytest.raises(Unavailable):
        fetch(timedelta(hours=23))
    with pytest.raises(NotFound):
        fetch(timedelta(hours=25))


def test_no_redirect_is_followed(fetch, twilio):
    """Our credentials never go to another host."""
    other = double()
    twilio.status, twilio.headers = 302, {"Location": f"{other.url}/elsewhere"}
    with pytest.raises(Unavailable):
        fetch()
    assert not other.asked
    other.server.shutdown()
    other.server.server_close()


def test_a_page_is_no_sound(fetch, twilio):
    """A proxy's error page is not stored as a recording."""
    twilio.headers = {"Content-Type": "text/html"}
    with pytest.raises(Unavailable):
        fetch()


def test_a_recording_that_is_too_large_is_not_kept(fetch, twilio, monkeypatch: pytest.MonkeyPatch):
    """The size is counted while it comes, whatever is announced."""
    monkeypatch.setattr(recordings, "LARGEST", 5)
    with pytest.raises(Invalid):
        fetch()


def test_a_silent_twilio_is_unavailable(fetch):
    """Nobody listens there."""
    with pytest.raises(Unavailable):
        fetch(base="http://127.0.0.1:9")


def test_one_without_sound_is_left_alone(fetch, twilio, engine: Engine, recording):
    """Twilio said that there is nothing to fetch."""
    with transaction(engine) as session:
        row = session.get(tables.calls.Recording, recording)
        assert row is not None
        row.status = "absent"
    assert fetch().media is None
    assert not twilio.asked


@pytest.mark.parametrize("sid", ["", "RE1", "../Calls/CA1", f"{SID}/../x", f"{SID}\n"])
def test_only_a_recording_sid_makes_an_address(twilio, sid: str):
    """Nothing else ever stands in the address we call."""
    account = recordings.TwilioAccount(account_sid=ACCOUNT_SID, auth_token=TOKEN, api_base=twilio.url)
    with pytest.raises(Invalid):
        recordings.download(sid, account)
    assert not twilio.asked


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("audio/mpeg", b""),
        ("audio/mpeg", b"<html>not yet</html>"),
        ("audio/mpeg", b"RIFF\x10\0\0\0WAVEfmt "),
        ("audio/mpeg", b"\xff\x1b"),
        ("audio/wav", b"ID3 sample"),
        ("audio/wav", b"RIFF\x10\0\0\0AVI "),
        ("audio/x-unknown", b"ID3 sample"),
        ("", b"ID3 sample"),
    ],
)
def test_what_is_not_the_sound_it_says_it_is_is_not_kept(fetch, twilio, engine: Engine, recording, kind, body):
    """Nothing at all, a page, another kind of sound: it is asked for again, and given to a person after a day."""
    twilio.headers, twilio.body = {"Content-Type": kind}, body
    with pytest.raises(Unavailable):
        fetch()
    with pytest.raises(NotFound):
        fetch(timedelta(days=2))
    with transaction(engine) as session:
        assert session.get_one(tables.calls.Recording, recording).fetched_at is None


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("audio/mpeg", b"\xff\xfb\x90\x00 frame"),
        ("audio/mpeg", b"\xff\xe3\x18\xc4 frame"),
        ("Audio/X-Wav; charset=binary", b"RIFF\x10\0\0\0WAVEfmt "),
    ],
)
def test_sound_is_known_by_how_it_begins(fetch, twilio, kind: str, body: bytes):
    """MPEG without a tag, and WAVE."""
    twilio.headers, twilio.body = {"Content-Type": kind}, body
    assert fetch().media == body


def test_a_recording_that_is_cut_off_is_fetched_again(fetch, twilio):
    """Fewer bytes than were announced are not the recording."""
    twilio.headers = {"Content-Type": "audio/mpeg", "Content-Length": "4000", "Connection": "close"}
    with pytest.raises(Unavailable):
        fetch()
    twilio.headers = {"Content-Type": "audio/mpeg"}
    assert fetch().media == b"ID3 sample"


def test_one_that_announces_too_much_is_not_even_read(fetch, twilio):
    """A person is told; nothing is stored."""
    twilio.headers = {"Content-Type": "audio/mpeg", "Content-Length": str(recordings.LARGEST + 1)}
    with pytest.raises(Invalid):
        fetch()


def test_the_address_in_a_webhook_is_never_called(twilio, engine: Engine, now: datetime):
    """Whatever RecordingUrl says: the recording's id is all that is taken from it."""
    other = double()
    named = {"RecordingUrl": f"{other.url}/2010-04-01/x", "RecordingSid": SID, "RecordingStatus": "completed"}
    given = {"CallSid": "CA" + "d" * 32, "AccountSid": ACCOUNT_SID, "From": "+4930555", "To": "+4930556", **named}
    switch = Switch(receive=_opened(now), identify=lambda _: None, public_url=PUBLIC, languages=("en",))
    with transaction(engine) as session:
        calls.recording(session, given, now, switch=switch)
    with transaction(engine) as session:
        row = tables.calls.recording_by_sid(session, SID)
        assert row is not None
    account = recordings.TwilioAccount(account_sid=ACCOUNT_SID, auth_token=TOKEN, api_base=twilio.url)
    recordings.fetch(engine, row.id, account, lambda: now)
    assert [path for path, _ in twilio.asked] == [MEDIA]
    assert not other.asked
    other.server.shutdown()
    other.server.server_close()


def _opened(now: datetime) -> Receive:
    """A desk that opens a request, and is asked nothing else."""

    def receive(session: Session, said: Interaction, _at: datetime) -> Receipt:
        row = tables.requests.Request(
            channel=Channel.PHONE, subject="", policy="wso2", state=TriageState.TO_CONFIRM, received_at=now
        )
        if said.request is None:
            session.add(row)
            session.flush()
        return Receipt(
            request=said.request or row.id, reference="SB-1", opened=True, policy="wso2", policy_name="WSO2",
            sla_channels=("phone",), support_phone="",
        )  # fmt: skip

    return receive
