"""Only Twilio gets in: signed for our public address, our account, a form, not too large."""

import httpx2
import pytest
from sqlalchemy import Engine, func, select
from twilio.request_validator import RequestValidator

from models import tables
from models.store import transaction

SID = "CA" + "b" * 32
ACCOUNT = "AC" + "a" * 32
FORM = {"CallSid": SID, "AccountSid": ACCOUNT, "From": "+493055500137", "CallStatus": "ringing"}


def nothing_stored(engine: Engine) -> bool:
    """Whether no call exists."""
    with transaction(engine) as session:
        return session.scalar(select(func.count()).select_from(tables.calls.Call)) == 0


def test_twilios_published_vector():
    """The example of Twilio's documentation verifies with its own client."""
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675310",
        "Digits": "1234",
        "From": "+14158675310",
        "To": "+18005551212",
    }
    assert RequestValidator("12345").compute_signature(url, form) == "GvWf1cFY/Q7PnoempGyD5oXAezc="


@pytest.mark.parametrize("signature", [None, "", "nonsense", "h\xe9llo", "A" * 28, "A" * 5000])
def test_a_wrong_signature_is_403(line, engine: Engine, signature):
    """Missing, short, long and non-ASCII ones alike; never 500."""
    headers = {} if signature is None else {"X-Twilio-Signature": signature.encode("latin-1")}
    answer = httpx2.post(f"{line.local}/voice/inbound", data=FORM, headers=headers)
    assert answer.status_code == 403
    assert nothing_stored(engine)


def test_a_signature_for_the_local_address_is_403(line):
    """The public address counts; the Host header and forwarding headers do not."""
    url = f"{line.local}/voice/inbound"
    signature = RequestValidator("primary-sample-token").compute_signature(url, FORM)
    headers = {"X-Twilio-Signature": signature, "X-Forwarded-Host": "127.0.0.1", "X-Forwarded-Proto": "http"}
    assert httpx2.post(url, data=FORM, headers=headers).status_code == 403


def test_the_secondary_token_is_good_during_rotation(line):
    """Both tokens verify."""
    for token in ("primary-sample-token", "secondary-sample-token"):
        assert line.post("/voice/inbound", token=token, CallSid=SID, CallStatus="ringing").status_code == 200
    assert line.post("/voice/inbound", token="old", CallSid=SID).status_code == 403


def test_another_account_is_403_even_if_signed(line, engine: Engine):
    """A leaked token of a subaccount opens nothing."""
    assert line.post("/voice/inbound", CallSid=SID, AccountSid="AC" + "f" * 32).status_code == 403
    assert nothing_stored(engine)


def test_a_replayed_pair_of_names_cannot_be_shifted(line, engine: Engine):
    """The signature has no separators: `CallSid=CA…` signs `Call=SidCA…` too; names are checked."""
    assert line.post("/voice/status", Call=f"Sid{SID}", CallStatus="ringing").status_code == 422
    assert nothing_stored(engine)


def test_get_json_and_multipart_are_refused(line):
    """Webhooks are posted forms."""
    assert httpx2.get(f"{line.local}/voice/inbound").status_code == 405
    assert httpx2.post(f"{line.local}/voice/inbound", json=FORM).status_code == 415
    files = {"file": ("a.txt", b"x")}
    assert httpx2.post(f"{line.local}/voice/inbound", data=FORM, files=files).status_code == 415


def test_a_huge_body_is_413(line):
    """One large field, or very many small ones."""
    url, headers = f"{line.local}/voice/inbound", {"Content-Type": "application/x-www-form-urlencoded"}
    assert httpx2.post(url, content=b"a=" + b"x" * 70_000, headers=headers).status_code == 413
    assert httpx2.post(url, content=b"&".join(b"a=1" for _ in range(5_000)), headers=headers).status_code == 413


def test_blank_repeated_and_unknown_parameters_are_signed_as_sent(line):
    """Twilio adds parameters without notice."""
    answer = line.post("/voice/inbound", CallSid=SID, CallStatus="ringing", CallerName="", SomethingNew=" ä  b ")
    assert answer.status_code == 200


def test_without_postgresql_the_answer_is_temporary(line, engine: Engine):
    """503, so that Twilio goes to the fallback; never 200."""
    broken = engine.url.set(database="not_there")
    engine.dispose()
    engine.pool = type(engine.pool)(lambda: engine.dialect.connect(dbname=broken.database, host="/nowhere"))
    assert line.post("/voice/inbound", CallSid=SID, CallStatus="ringing").status_code == 503
