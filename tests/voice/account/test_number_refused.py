"""What Twilio refuses: a token, a number half-way, calls; each is told with what to do."""

import base64

import pytest

from models.errors import Unavailable
from voice import number
from voice.number import Plan

PUBLIC = "https://support.example.com"
FIRST, SECOND, THIRD = "+493055500100", "+442055500100", "+33155500100"
ALL = Plan(public_url=PUBLIC, numbers=(FIRST, SECOND, THIRD))
PLAN = Plan(public_url=PUBLIC, numbers=(FIRST,))
WRONG_TOKEN = {"code": 20003, "message": "Authenticate"}
PRIMARY, SECONDARY = "SWITCHBOARD_TWILIO_AUTH_TOKEN", "SWITCHBOARD_TWILIO_AUTH_TOKEN_SECONDARY"


def password(asked) -> str:
    """The token that a request was made with."""
    return base64.b64decode(asked.seen["authorization"].removeprefix("Basic ")).decode().partition(":")[2]


def test_setting_stops_where_it_fails_and_says_how_far_it_came(twilio, account, make_number):
    """At which number, which ones were set before it, and which were not tried."""
    rows = [make_number(each, voice_url="") for each in ALL.numbers]
    twilio.knows("incoming_phone_numbers", rows)
    seen = number.look(account, ALL)
    twilio.expect("POST", f"/IncomingPhoneNumbers/{seen[0].sid}.json", rows[0])
    twilio.expect("POST", f"/IncomingPhoneNumbers/{seen[1].sid}.json", {"code": 21402, "message": "no such url"}, 400)
    with pytest.raises(Unavailable) as caught:
        number.apply(account, ALL, seen)
    assert caught.value.public.startswith(f"stopped at {SECOND}: Twilio answers 400, error 21402: ")
    assert f"set before: {FIRST}; not tried: {THIRD}. Run it again" in caught.value.public


def test_setting_that_fails_at_once_has_set_nothing(twilio, account, make_number):
    """And says so."""
    twilio.knows("incoming_phone_numbers", [make_number(voice_url="")])
    (seen,) = number.look(account, PLAN)
    twilio.expect("POST", f"/IncomingPhoneNumbers/{seen.sid}.json", {"message": "down"}, 500)
    with pytest.raises(Unavailable, match="set before: none; not tried: none"):
        number.apply(account, PLAN, (seen,))


@pytest.mark.parametrize("status", [401, 500])
def test_a_wrong_token_names_its_settings(twilio, account, status):
    """Where a list was asked for; nothing else that goes wrong blames them."""
    twilio.expect("GET", "/IncomingPhoneNumbers.json", WRONG_TOKEN, status)
    with pytest.raises(Unavailable) as caught:
        number.look(account, PLAN)
    assert (f"copy SWITCHBOARD_TWILIO_ACCOUNT_SID and {PRIMARY} from" in caught.value.public) is (status == 401)
    assert "sample-token" not in caught.value.public


@pytest.mark.parametrize("capabilities", [{"voice": False, "SMS": True}, {}, None])
def test_a_named_number_that_takes_no_calls_is_told(twilio, account, make_number, capabilities):
    """Its addresses may be as right as they can be."""
    twilio.knows("incoming_phone_numbers", [make_number(capabilities=capabilities)])
    (seen,) = number.look(account, PLAN)
    assert [each.text[:23] for each in seen.findings if not each.is_fine] == ["it can take no calls (T"]
    assert not seen.is_right


def test_during_a_rotation_the_good_token_is_named_and_used(twilio, account, make_number):
    """Twilio has promoted the secondary one, and we have not: everything else is looked at with it."""
    twilio.expect("GET", ".json", WRONG_TOKEN, 401)
    asked = [
        twilio.expect("GET", ".json", {"sid": account.account_sid, "status": "active"}),
        twilio.knows("incoming_phone_numbers", [make_number()]),
        twilio.knows("incoming_phone_numbers", [make_number()]),
    ]
    found = list(number.findings(account, PLAN, secondary="second-token", from_number=FIRST))
    (wrong,) = [each.text for each in found if not each.is_fine]
    assert wrong.startswith(f"Twilio refuses {PRIMARY}; {SECONDARY} is the good one: move it to {PRIMARY}, unset")
    assert [password(each) for each in asked] == ["second-token"] * 3
    assert len(found) == 4


def test_two_wrong_tokens_are_both_told(twilio, account):
    """In one line, with where to copy them from."""
    twilio.expect("GET", ".json", WRONG_TOKEN, 401)
    twilio.expect("GET", ".json", WRONG_TOKEN, 401)
    (only,) = number.findings(account, PLAN, secondary="second-token")
    assert f"copy SWITCHBOARD_TWILIO_ACCOUNT_SID and {PRIMARY} from" in only.text
    assert only.text.endswith(f"{SECONDARY} is refused, too")


def test_a_wrong_secondary_token_blames_no_other_setting(twilio, account, make_number):
    """The first one is good."""
    twilio.expect("GET", ".json", {"sid": account.account_sid, "status": "active"})
    twilio.knows("incoming_phone_numbers", [make_number()])
    twilio.expect("GET", ".json", WRONG_TOKEN, 401)
    (wrong,) = [each.text for each in number.findings(account, PLAN, secondary="old-token") if not each.is_fine]
    assert wrong.startswith(f"{SECONDARY} is no token of the account (unset it after a rotation): Twilio answers 401")
    assert "copy" not in wrong
