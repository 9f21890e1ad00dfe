"""The edge of the phone door: whose webhooks count, which names are parameters, whose number was dialled."""

import pytest
from sqlalchemy import Engine, func, select
from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import HMAC_SHA1, HMAC_SHA256, RequestValidator

from models import tables
from models.errors import Forbidden, Invalid
from models.store import transaction
from voice import webhooks
from voice.signature import is_genuine, parameters_of

SID, MESSAGE = "CA" + "1" * 32, "SM" + "1" * 32
PUBLIC = "https://support.example.com"
OURS, OTHER = "+493055500100", "+442055500100"
SETTINGS = {"X-Twilio-Webhooks-Signature-Settings": "key=webhooks_sharedkey_sample,algorithm=HMAC_SHA256"}


def stored(engine: Engine) -> int:
    """How many calls there are."""
    with transaction(engine) as session:
        return session.scalar(select(func.count()).select_from(tables.calls.Call)) or 0


@pytest.mark.parametrize("path", ["/voice/inbound", "/voice/turn?step=consent&try=0", "/voice/status"])
def test_a_call_to_a_number_that_is_not_ours_is_403(make_door, engine, path):
    """Signed by our account: somebody pointed another number at us, or a token leaked."""
    door = make_door(numbers={OURS: ("de",)})
    assert door.post(path, To=OTHER, CallStatus="ringing").status_code == 403
    assert stored(engine) == 0
    assert door.post(path, To=OURS, CallStatus="ringing").status_code in {200, 204}


def test_without_numbers_every_number_of_the_account_is_ours(make_door, engine):
    """Whoever has one number need not write it down."""
    assert make_door().post("/voice/inbound", To=OTHER, CallStatus="ringing").status_code == 200
    assert stored(engine) == 1


def test_a_recording_need_not_say_which_number_was_dialled(make_door):
    """Twilio does not tell there."""
    told = {"RecordingSid": "RE" + "7" * 32, "RecordingStatus": "completed", "To": None, "From": None}
    assert make_door(numbers={OURS: ("de",)}).post("/voice/recording", **told).status_code == 204


@pytest.mark.parametrize("path", ["/voice/inbound", "/voice/turn?step=consent&try=0", "/voice/status"])
@pytest.mark.parametrize("sid", ["AC" + "b" * 32, "", None])
def test_a_subaccount_is_403_even_if_signed(door, engine, path, sid):
    """Subaccounts share nothing with us, and an account that is not named is none."""
    assert door.post(path, AccountSid=sid).status_code == 403
    assert stored(engine) == 0


def test_the_algorithm_is_ours_to_choose(make_door):
    """What a header says of it changes nothing: neither refuses what is right nor admits what is not."""
    plain, keyed = make_door(), make_door(auth_tokens=("shared-key",), algorithm=HMAC_SHA256)
    assert plain.post("/voice/inbound", headers=SETTINGS).status_code == 200
    assert plain.post("/voice/inbound", algorithm=HMAC_SHA256, headers=SETTINGS).status_code == 403
    assert keyed.post("/voice/inbound", token="shared-key", algorithm=HMAC_SHA256).status_code == 200
    assert keyed.post("/voice/inbound", token="shared-key", algorithm=HMAC_SHA1, headers=SETTINGS).status_code == 403


@pytest.mark.parametrize(
    ("genuine", "forged", "moved"),
    [
        ("/voice/turn?step=phone&try=1", "/voice/turn?step=phone", "&try=1"),
        ("/voice/turn?step=phone&try=1", "/voice/turn?step=phone&try=", "1"),
        ("/voice/turn?step=phone&try=1", "/voice/turn", "?step=phone&try=1"),
        ("/voice/page/0193", "/voice/page/", "0193"),
    ],
)
def test_the_tail_of_an_address_cannot_become_a_parameter(genuine, forged, moved):
    """The signature has no sign between address and parameters, so names that begin like one are none."""
    form = {"AccountSid": "AC1", "CallSid": SID}
    made = RequestValidator("token").compute_signature(PUBLIC + genuine, form)
    shifted = ImmutableMultiDict({moved: "", **form})
    assert RequestValidator("token").compute_signature(PUBLIC + forged, shifted) == made
    assert is_genuine(PUBLIC + genuine, ImmutableMultiDict(form), made, ("token",))
    assert not is_genuine(PUBLIC + forged, shifted, made, ("token",))


@pytest.mark.parametrize(
    ("body", "pairs"),
    [
        (b"Digits=1;CallSid=x", [("Digits", "1;CallSid=x")]),
        (b"Digits=&Text=+a+", [("Digits", ""), ("Text", " a ")]),
        (b"Digits=1&Digits=2", [("Digits", "1"), ("Digits", "2")]),
        (b"Text=%E4", [("Text", "\ufffd")]),
    ],
)
def test_a_body_is_read_once_and_one_way(body, pairs):
    """Semicolons divide nothing, blanks stay, repeated names stay, bytes that are no text raise nothing."""
    assert parameters_of(body).multi_items() == pairs


class Posted:
    """As much of a request as is looked at."""

    def __init__(self, path: str, signature: str) -> None:
        self.scope = {"raw_path": path.encode(), "query_string": b""}
        self.headers = {"x-twilio-signature": signature, "host": "forged.example", "x-forwarded-host": "forged.example"}
        self.url = type("Url", (), {"path": path})


@pytest.fixture
def text_webhook(engine, desk, now):
    """Verify a webhook about a text message."""
    line = webhooks.Line(
        engine=engine, receive=desk, identify=lambda _: None, public_url=PUBLIC, account_sid="AC1",
        auth_tokens=("token",), language="en", wake=lambda: None, clock=lambda: now,
    )  # fmt: skip

    def verify(body: str, *, token: str = "token"):
        url = f"{PUBLIC}/voice/text"
        made = RequestValidator(token).compute_signature(url, parameters_of(body.encode()))
        return webhooks.verified(Posted("/voice/text", made), body.encode(), line, needs_call=False)

    return verify


def test_a_webhook_about_a_text_needs_no_call(text_webhook):
    """It names its message instead, and is as genuine as any."""
    assert text_webhook(f"AccountSid=AC1&MessageSid={MESSAGE}&MessageStatus=sent")["MessageStatus"] == "sent"
    for body in (f"AccountSid=AC1&CallSid={SID}", f"AccountSid=AC1&MessageSid={MESSAGE}0", "AccountSid=AC1"):
        with pytest.raises(Invalid):
            text_webhook(body)
    with pytest.raises(Forbidden):
        text_webhook(f"AccountSid=AC1&MessageSid={MESSAGE}", token="other")
    with pytest.raises(Forbidden):
        text_webhook(f"AccountSid=AC2&MessageSid={MESSAGE}")


def test_addresses_handed_out_ask_for_another_try(door):
    """Twilio tries twice more where we do not answer, also on 5xx; by default it would only for connections."""
    text = door.post("/voice/inbound", CallStatus="ringing").text
    addresses = [part.partition("<")[0].partition('"')[0] for part in text.split("https://")[1:]]
    assert addresses
    assert all(each.endswith("#rc=2&amp;rp=ct,rt,5xx") for each in addresses)


def test_the_line_hands_everything_on_to_its_flows(engine, desk, now):
    """What a line has, the conversation knows."""
    given = {
        "desk": webhooks.Desk(), "wording": lambda _: None, "from_number": OURS, "numbers": {OURS: ("de",)},
        "consent": {"": "ask"}, "callback_after": now - now, "callback_automatic": True,
    }  # fmt: skip
    line = webhooks.Line(
        engine=engine, receive=desk, identify=lambda _: None, public_url=PUBLIC, account_sid="AC1", auth_tokens=(),
        language="de", languages=("en", "de", "fr"), wake=lambda: None, clock=lambda: now, **given,
    )  # fmt: skip
    assert {name: getattr(line.switch, name) for name in given} == given
    assert line.switch.languages == ("de", "en", "fr")


def test_signatures_are_compared_in_constant_time(monkeypatch):
    """How much of a guess is right cannot be measured; Twilio's own comparison answers at once for another length."""
    compared = []
    monkeypatch.setattr("voice.signature.hmac.compare_digest", lambda *pair: compared.append(pair) or False)
    made = RequestValidator("token").compute_signature(f"{PUBLIC}/voice/inbound", {"CallSid": SID})
    for guess in (made, made[:-1], "x"):
        assert not is_genuine(f"{PUBLIC}/voice/inbound", ImmutableMultiDict({"CallSid": SID}), guess, ("token", "new"))
    assert {guess for _, guess in compared} == {made, made[:-1], "x"}
    assert len(compared) == 12  # both tokens, with and without the port, each guess, whatever matched before
