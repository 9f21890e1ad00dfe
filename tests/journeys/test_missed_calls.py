"""Somebody calls while we are away: Twilio has the call and its recording, and we get both afterwards."""

import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

ACCOUNT = "AC" + "0" * 32
HERE = f"/2010-04-01/Accounts/{ACCOUNT}"
SID, RECORDING = "CA" + "e" * 32, "RE" + "e" * 32
RANG = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


def rfc2822(at: datetime) -> str:
    """A moment as Twilio writes it."""
    return f"{at:%a, %d %b %Y %H:%M:%S +0000}"


CALL = {
    "sid": SID, "account_sid": ACCOUNT, "from": "+493055500137", "to": "+493055500100", "direction": "inbound",
    "status": "completed", "duration": "63", "date_created": rfc2822(RANG), "start_time": rfc2822(RANG),
    "end_time": rfc2822(RANG + timedelta(seconds=63)),
}  # fmt: skip
MADE = {"sid": RECORDING, "call_sid": SID, "status": "completed", "duration": "41", "date_created": rfc2822(RANG)}
ANSWERS = {
    f"{HERE}/Calls.json": ("application/json", json.dumps({"calls": [CALL]}).encode()),
    f"{HERE}/Recordings.json": ("application/json", json.dumps({"recordings": [MADE]}).encode()),
    f"{HERE}/Recordings/{RECORDING}.mp3": ("audio/mpeg", b"ID3 sample"),
}


@pytest.fixture
def api_base() -> Iterator[str]:
    """Twilio's REST API with one call and its recording; whatever else is asked for fails the test."""
    surprises: list[str] = []

    class Api(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = ANSWERS.get(urlsplit(self.path).path)
            if found is None:
                surprises.append(self.path)
                self.send_error(500)
                return
            self.send_response(200)
            self.send_header("Content-Type", found[0])
            self.send_header("Content-Length", str(len(found[1])))
            self.end_headers()
            self.wfile.write(found[1])

        def log_message(self, *_arguments):
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    assert not surprises


def test_an_outage_loses_no_call(run_house, api_base, eventually):
    """The clock of its incident started when the caller rang, not when we learnt of it; doing it twice does nothing."""
    house = run_house(SWITCHBOARD_TWILIO_API_BASE=api_base, SWITCHBOARD_RECONCILE_MINUTES="0")
    assert house.requests(call_sid=SID) == []
    first = house.command("twilio", "reconcile", "--since", "1d")
    assert "1 calls we had missed, the end of 0 we had, 1 recordings" in first.stdout, first.stderr
    (request,) = house.requests(call_sid=SID)
    assert datetime.fromisoformat(request["received_at"]) == RANG

    def recording() -> str:
        return str(house.api("GET", f"/requests/{request['id']}").json())

    eventually(lambda: RECORDING in recording())
    again = house.command("twilio", "reconcile", "--since", "1d")
    assert "0 calls we had missed, the end of 0 we had, 0 recordings" in again.stdout
    assert house.command("reconcile").returncode == 0
