"""Only Twilio gets in: signed for our public address, our account, a form, not too large."""

import socket
import time
from urllib.parse import quote, urlencode

import httpx2
import pytest
from sqlalchemy import Engine, func, select
from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import RequestValidator

from models import tables
from models.store import transaction
from voice import signature

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


@pytest.mark.parametrize(
    ("public", "signed"),
    [
        ("https://support.example.com", "https://support.example.com"),
        ("https://support.example.com", "https://support.example.com:443"),
        ("https://support.example.com:8443", "https://support.example.com"),
        ("https://support.example.com:8443", "https://support.example.com:8443"),
        ("http://support.example.com:8080", "http://support.example.com:8080"),
        ("https://user:secret@support.example.com", "https://support.example.com"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]"),
        ("https://support.example.com/gateway", "https://support.example.com/gateway"),
    ],
)
def test_the_address_is_signed_as_twilio_spells_it(public: str, signed: str):
    """Voice drops the port over https and keeps it over http; a user and password are never signed."""
    path, form = "/voice/turn?step=phone&try=0", ImmutableMultiDict([("CallSid", SID), ("Digits", "")])
    made = RequestValidator("token").compute_signature(signed + path, form)
    assert signature.is_genuine(public + path, form, made, ("", "other", "token"))
    assert not signature.is_genuine(public + path, form, made, ("", "other"))
    assert not signature.is_genuine(public + path.replace("phone", "down"), form, made, ("token",))
    assert not signature.is_genuine(public + path, ImmutableMultiDict([("CallSid", SID)]), made, ("token",))


def test_a_signature_over_the_hash_of_a_body_is_refused():
    """Twilio signs forms by their parameters; a captured address with bodySHA256 would fit any body."""
    url = "https://support.example.com/voice/inbound?bodySHA256=" + "0" * 64
    made = RequestValidator("token").compute_signature(url, {})
    assert not signature.is_genuine(url, ImmutableMultiDict(), made, ("token",))


@pytest.mark.parametrize("given", [None, "", "nonsense", "h\xe9llo", "A" * 28, "A" * 5000])
def test_a_wrong_signature_is_403(line, engine: Engine, given):
    """Missing, short, long and non-ASCII ones alike; never 500."""
    headers = {} if given is None else {"X-Twilio-Signature": given.encode("latin-1")}
    answer = httpx2.post(f"{line.local}/voice/inbound", data=FORM, headers=headers)
    assert answer.status_code == 403
    assert nothing_stored(engine)


def test_a_signature_for_the_local_address_is_403(line):
    """The public address counts; the Host header and forwarding headers do not."""
    url = f"{line.local}/voice/inbound"
    made = RequestValidator("primary-sample-token").compute_signature(url, FORM)
    headers = {"X-Twilio-Signature": made, "X-Forwarded-Host": "127.0.0.1", "X-Forwarded-Proto": "http"}
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


def test_repeated_parameters_and_bytes_that_are_no_text_do_no_harm(line):
    """They are signed as Twilio would sign them; zero bytes, which PostgreSQL cannot keep, are left out."""
    pairs = [*FORM.items(), ("Digits", "1"), ("Digits", "2"), ("Odd\x00", "a\x00b"), ("Text", "\U0001f4de")]
    made = RequestValidator("primary-sample-token").compute_signature(
        "https://support.example.com/voice/inbound", ImmutableMultiDict(pairs)
    )
    body = "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)
    headers = {"X-Twilio-Signature": made, "Content-Type": "application/x-www-form-urlencoded"}
    assert httpx2.post(f"{line.local}/voice/inbound", content=body, headers=headers).status_code == 200
    assert httpx2.post(f"{line.local}/voice/inbound", content=body + "&x=%ff", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "//voice/inbound",
        "/voice//inbound",
        "/voice/%69nbound",
        "/voice%2finbound",
        "/%2e/voice/inbound",
        "/voice/%2e%2e/voice/inbound",
        "/voice/../voice/inbound",
        "/twilio/voice/inbound",
        "/VOICE/inbound",
        "/voice/inbound/",
        "/voice/inbound;x",
        "/voice/inbound%00",
    ],
)
def test_no_other_spelling_of_the_path_gets_in(line, engine: Engine, path: str):
    """Signed for the real path or for the spelling itself."""
    for signed in ("/voice/inbound", path):
        assert _answer(line, path, signed) in {307, 403, 404}
    assert nothing_stored(engine)


def _answer(line, path: str, signed: str) -> int:
    """The status of a webhook at a path as it stands on the wire, signed for one."""
    made = RequestValidator("primary-sample-token").compute_signature(f"https://support.example.com{signed}", FORM)
    with socket.create_connection(("127.0.0.1", int(line.local.rpartition(":")[2]))) as connection:
        body = urlencode(FORM)
        connection.sendall(
            f"POST {path} HTTP/1.1\r\nHost: support.example.com\r\nConnection: close\r\n"
            f"X-Twilio-Signature: {made}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        return int(connection.makefile("rb").readline().split()[1])


def test_a_slow_database_is_temporary_within_seconds(hurried, phone, engine: Engine):
    """Somebody is on the line: a lock is not waited for until Twilio gives up."""
    phone(hurried, 0xB).dials()
    with transaction(engine) as session:
        assert tables.calls.by_sid_locked(session, f"CA{0xB:032x}") is not None
        begun = time.monotonic()
        answer = hurried.post("/voice/status", CallSid=f"CA{0xB:032x}", CallStatus="completed")
    assert answer.status_code == 503
    assert time.monotonic() - begun < 60


def test_without_postgresql_the_answer_is_temporary(hurried, soon_given_up: Engine):
    """503, so that Twilio goes to the fallback; never 200."""
    engine = soon_given_up
    broken = engine.url.set(database="not_there")
    engine.dispose()
    engine.pool = type(engine.pool)(lambda: engine.dialect.connect(dbname=broken.database, host="/nowhere"))
    assert hurried.post("/voice/inbound", CallSid=SID, CallStatus="ringing").status_code == 503
