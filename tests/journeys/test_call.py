"""A signed Twilio conversation leaves one incident with recording, transcript and the first webhook's clock."""

import http.server
import re
import threading
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import httpx2
import pytest

SID = "CA" + "1" * 32
RECORDING = "RE" + "2" * 32


@pytest.fixture
def twilio_api() -> Iterator[str]:
    """Twilio's recording endpoint: 404 at first, then the media, to the right account only."""
    asked: list[str] = []

    class Api(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            found = len(asked) > 1 and self.headers["Authorization"].startswith("Basic ")
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "audio/mpeg" if found else "text/plain")
            self.end_headers()
            self.wfile.write(b"ID3 sample" if found else b"not yet")

        def log_message(self, *_arguments):
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def action(document: str) -> str:
    """Where the TwiML sends the caller's answer."""
    root = ET.fromstring(document)  # noqa: S314 - our own
    found = root.find(".//*[@action]")
    assert found is not None, document
    return found.attrib["action"].partition("#")[0]


def test_a_conversation_is_one_incident(run_house, twilio_api, eventually):
    """Inbound, answers, recording, transcript, completed; some twice; one incident comes of it."""
    house = run_house(SWITCHBOARD_TWILIO_API_BASE=twilio_api)
    first = house.twilio("/voice/inbound", CallSid=SID, CallStatus="ringing")
    assert first.status_code == 200
    assert first.headers["content-type"].startswith("text/xml")
    assert house.twilio("/voice/inbound", CallSid=SID, CallStatus="ringing").text == first.text

    step = house.twilio(action(first.text), CallSid=SID, CallStatus="in-progress", Digits="1")
    step = house.twilio(action(step.text), CallSid=SID, CallStatus="in-progress", Digits="")
    step = house.twilio(action(step.text), CallSid=SID, CallStatus="in-progress", SpeechResult="")
    assert "<Record" in step.text
    house.twilio("/voice/transcript", CallSid=SID, RecordingSid=RECORDING, TranscriptionStatus="failed")
    step = house.twilio(
        action(step.text), CallSid=SID, CallStatus="in-progress", RecordingSid=RECORDING, RecordingDuration="9"
    )
    step = house.twilio(action(step.text), CallSid=SID, CallStatus="in-progress", Digits="1")
    last = house.twilio(action(step.text), CallSid=SID, CallStatus="in-progress", Digits="1")
    assert "<Hangup" in last.text
    spoken = re.sub(r"\s", "", last.text)

    for _ in range(2):
        told = house.twilio(
            "/voice/recording",
            CallSid=SID,
            RecordingSid=RECORDING,
            RecordingStatus="completed",
            RecordingDuration="9",
        )
        assert told.status_code == 204
    house.twilio("/voice/status", CallSid=SID, CallStatus="completed", CallDuration="48")
    house.twilio("/voice/status", CallSid=SID, CallStatus="ringing")
    text = "our production mail server is down for everybody and there is no workaround"
    house.twilio(
        "/voice/transcript",
        CallSid=SID,
        RecordingSid=RECORDING,
        TranscriptionStatus="completed",
        TranscriptionText=text,
    )

    (request,) = eventually(lambda: [each for each in house.requests(call_sid=SID) if each.get("suggestion")])
    assert request["reference"].replace("-", "") in spoken
    detail = house.api("GET", f"/requests/{request['reference']}").json()
    assert request["clock_started_at"] == detail["calls"][0]["started_at"]
    assert detail["calls"][0]["status"] == "completed"
    (recording,) = detail["calls"][0]["recordings"]
    assert recording["transcript"] == text
    eventually(lambda: fetched(house, request["reference"]))
    assert len(house.requests(channel="phone")) == 1


def fetched(house, reference: str) -> bool:
    """Whether the media have arrived."""
    call = house.api("GET", f"/requests/{reference}").json()["calls"][0]
    return bool(call["recordings"][0]["fetched_at"])


def test_an_unsigned_webhook_is_refused(house):
    """403, and nothing is stored."""
    sid = "CA" + "9" * 32
    form = {"CallSid": sid, "AccountSid": "AC" + "0" * 32}
    for headers in ({}, {"X-Twilio-Signature": "no"}, {"X-Twilio-Signature": "h\xe9"}):
        encoded = {name: value.encode("latin-1") for name, value in headers.items()}
        assert httpx2.post(f"{house.url}/voice/inbound", data=form, headers=encoded).status_code == 403
    assert house.requests(call_sid=sid) == []
