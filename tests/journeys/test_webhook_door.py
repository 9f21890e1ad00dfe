"""The webhooks of the running house: a signature and nothing else opens them, at their own addresses only."""

import time
from contextlib import closing
from http.client import HTTPConnection

import httpx2
import pytest

SID = "CA" + "d" * 32


@pytest.mark.parametrize(
    "path",
    [
        "/twilio/voice/inbound",
        "/console/voice/inbound",
        "/api/v1/voice/inbound",
        "/voice/voice/inbound",
        "/voice/inbound/x",
        "/voice/",
    ],
)
def test_webhooks_are_nowhere_else(house, path):
    """Signed for the address they are sent to, they find nobody there."""
    assert house.twilio(path, CallSid=SID, CallStatus="ringing").status_code in {401, 403, 404, 405}


def test_a_webhook_needs_no_sign_in_and_a_sign_in_is_no_signature(house):
    """Neither cookie nor token of the console lets anybody in; Twilio brings neither, nor a form's secret."""
    url, form = f"{house.url}/voice/inbound", {"CallSid": SID, "AccountSid": "AC" + "0" * 32}
    assert house.twilio("/voice/inbound", CallSid=SID, CallStatus="ringing").status_code == 200
    assert house.api("GET", "/requests").status_code == 200
    token = {"Authorization": f"Bearer {house._token}"}
    answer = httpx2.post(url, data=form, headers=token, timeout=60)
    assert (answer.status_code, "signature" in answer.text) == (403, True)


@pytest.mark.parametrize(
    "path", ["/voice/inbound", "/voice/turn?step=consent&try=0", "/voice/status", "/voice/recording"]
)
def test_nobody_reads_a_webhook(house, path):
    """They are posted, never got: no link, no crawler, no image on a page calls one."""
    assert httpx2.get(f"{house.url}{path}", timeout=60).status_code == 405


def test_a_connection_of_a_proxy_stays_open(house):
    """A web that hangs up first loses the webhook which the proxy is just sending over a connection it holds."""
    with closing(HTTPConnection("127.0.0.1", house.web_port, timeout=60)) as connection:
        connection.connect()
        held = connection.sock
        for pause in (0, 7):  # seconds; uvicorn by itself hangs up after five
            time.sleep(pause)
            connection.request("GET", "/readyz")
            with connection.getresponse() as answer:
                answer.read()
            assert (answer.status, connection.sock) == (200, held)
