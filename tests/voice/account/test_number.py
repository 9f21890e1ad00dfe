"""The numbers at Twilio: what is set is shown, what is wrong is named and set, nothing else is touched."""

import base64

import pytest

from models.calling import Finding
from models.errors import Unavailable
from voice import number
from voice.number import Plan

PUBLIC = "https://support.example.com"
OURS, OTHER = "+493055500100", "+442055500100"
INBOUND = f"{PUBLIC}/voice/inbound#rc=2&rp=ct,rt,5xx"
STATUS = f"{PUBLIC}/voice/status#rc=2&rp=ct,rt,5xx"
FALLBACK = "https://fallback.example.net/away.xml"
PLAN = Plan(public_url=PUBLIC, numbers=(OURS,))


def bad(found) -> list[str]:
    """What is wrong."""
    return [each.text for each in found if not each.is_fine]


def test_a_number_set_right_is_right(twilio, account, make_number):
    """The addresses carry the overrides that make Twilio try again on 5xx and timeouts."""
    asked = twilio.knows("incoming_phone_numbers", [make_number()])
    (seen,) = number.look(account, PLAN)
    assert seen.is_right
    assert {each.name: each.wanted for each in seen.settings} == {
        "voice_url": INBOUND,
        "voice_method": "POST",
        "status_callback": STATUS,
        "status_callback_method": "POST",
    }
    assert base64.b64decode(asked.seen["authorization"].removeprefix("Basic ")).decode().endswith(":sample-token")


@pytest.mark.parametrize(
    "wrong",
    [
        {"voice_url": f"{PUBLIC}/voice/inbound"},
        {"voice_url": "https://demo.example.net/welcome"},
        {"voice_method": "GET"},
        {"status_callback": ""},
        {"status_callback": None},
        {"status_callback_method": "GET"},
    ],
)
def test_each_wrong_setting_is_seen(twilio, account, make_number, wrong):
    """One that is empty, of somebody else, without overrides, or asked for by GET."""
    twilio.knows("incoming_phone_numbers", [make_number(**wrong)])
    (seen,) = number.look(account, PLAN)
    assert [(each.name, each.stands) for each in seen.settings if not each.is_right] == [
        (name, value or "") for name, value in wrong.items()
    ]
    assert not seen.is_right


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"trunk_sid": "TK1"}, "SIP trunk TK1"),
        ({"voice_application_sid": "AP1"}, "application AP1"),
        ({"voice_receive_mode": "fax"}, "faxes"),
        ({"voice_fallback_url": ""}, "no fallback"),
        ({"voice_fallback_url": None}, "no fallback"),
        ({"voice_fallback_url": f"{PUBLIC}/away.xml"}, "on our own host"),
        ({"voice_fallback_url": "https://SUPPORT.example.com:8443/x"}, "on our own host"),
        ({"voice_fallback_url": "somewhere"}, "no web address"),
    ],
)
def test_what_overrules_our_addresses_is_told(twilio, account, make_number, columns, said):
    """A trunk, an application, a fallback that falls with us: nothing that setting addresses would cure."""
    twilio.knows("incoming_phone_numbers", [make_number(**columns)])
    (seen,) = number.look(account, PLAN)
    (text,) = bad(seen.findings)
    assert said in text
    assert not seen.is_right


def test_looking_changes_nothing_and_reads_every_page(twilio, account, make_number):
    """Without numbers in the settings, every number that takes calls is looked at; one for faxes alone is not."""
    more = f"/2010-04-01/Accounts/{account.account_sid}/IncomingPhoneNumbers.json?Page=1"
    silent = make_number("+33155500100", capabilities={"voice": False})
    twilio.knows("incoming_phone_numbers", [make_number(), silent], more)
    twilio.knows("incoming_phone_numbers", [make_number(OTHER)])
    assert [each.number for each in number.look(account, Plan(public_url=PUBLIC))] == [OTHER, OURS]


def test_a_number_of_another_account_is_told(twilio, account, make_number):
    """It is one that we were told is ours."""
    twilio.knows("incoming_phone_numbers", [make_number(OTHER)])
    (seen,) = number.look(account, PLAN)
    assert bad(seen.findings) == ["it is no number of this account"]


def test_what_is_wrong_is_set_and_read_back(twilio, account, make_number):
    """Only what is wrong goes out: texts and a fallback that nobody named stay as they are."""
    twilio.knows("incoming_phone_numbers", [make_number(voice_url="", status_callback_method="GET")])
    seen = number.look(account, PLAN)
    asked = twilio.expect("POST", f"/IncomingPhoneNumbers/{seen[0].sid}.json", make_number())
    twilio.knows("incoming_phone_numbers", [make_number(), make_number(OTHER)])
    (after,) = number.apply(account, PLAN, seen)
    assert asked.seen["form"] == {"VoiceUrl": INBOUND, "StatusCallbackMethod": "POST"}
    assert (after.number, after.is_right) == (OURS, True)


@pytest.mark.parametrize(("by_get", "method"), [(False, "POST"), (True, "GET")])
def test_a_fallback_is_asked_by_post_unless_told_otherwise(twilio, account, make_number, by_get, method):
    """By GET the callers' numbers would stand in the address, and so in the log of somebody else's host."""
    plan = Plan(public_url=PUBLIC, numbers=(OURS,), fallback=FALLBACK, fallback_get=by_get)
    other = "POST" if by_get else "GET"
    twilio.knows("incoming_phone_numbers", [make_number(voice_fallback_url="", voice_fallback_method=other)])
    seen = number.look(account, plan)
    assert bad(seen[0].findings) == []
    right = make_number(voice_fallback_method=method)
    asked = twilio.expect("POST", f"/IncomingPhoneNumbers/{seen[0].sid}.json", right)
    twilio.knows("incoming_phone_numbers", [right])
    assert number.apply(account, plan, seen)[0].is_right
    assert asked.seen["form"] == {"VoiceFallbackUrl": FALLBACK, "VoiceFallbackMethod": method}


@pytest.mark.parametrize(("method", "said"), [("GET", ["its host's log keeps who called whom"]), ("POST", [])])
def test_what_asking_the_fallback_by_get_costs_is_told(twilio, account, make_number, method, said):
    """Each time the numbers are looked at; it is the operator's choice, and so no mistake."""
    twilio.knows("incoming_phone_numbers", [make_number(voice_fallback_method=method)])
    (seen,) = number.look(account, PLAN)
    assert seen.is_right
    assert [words in each.text for each in seen.findings for words in said] == [True] * len(said)
    assert len(seen.findings) == len(said)


def test_what_is_right_is_not_set_again(twilio, account, make_number):
    """It is only read."""
    twilio.knows("incoming_phone_numbers", [make_number()])
    seen = number.look(account, PLAN)
    twilio.knows("incoming_phone_numbers", [make_number()])
    assert number.apply(account, PLAN, seen)[0].is_right


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_a_refusal_is_unavailable_and_tells_no_token(twilio, account, status):
    """Even one that repeats our token."""
    twilio.expect("GET", "/IncomingPhoneNumbers.json", {"code": 20003, "message": "no: sample-token"}, status)
    with pytest.raises(Unavailable, match=str(status)) as caught:
        number.look(account, PLAN)
    assert "sample-token" not in f"{caught.value} {caught.value.public}"


def test_nonsense_is_unavailable(twilio, account):
    """What nobody can read is no traceback."""
    twilio.expect("GET", "/IncomingPhoneNumbers.json", ["nonsense"])
    with pytest.raises(Unavailable):
        number.look(account, PLAN)


def test_findings_of_a_house_in_order(twilio, account, make_number):
    """Account, numbers, second token and the number that calls out."""
    twilio.expect("GET", ".json", {"sid": account.account_sid, "status": "active"})
    twilio.knows("incoming_phone_numbers", [make_number()])
    second = twilio.expect("GET", ".json", {"sid": account.account_sid, "status": "active"})
    twilio.knows("incoming_phone_numbers", [make_number()])
    found = list(number.findings(account, PLAN, secondary="second-token", from_number=OURS))
    assert bad(found) == []
    assert [each.text.split(" ")[0] for each in found] == [
        "the",
        f"{OURS}:",
        "SWITCHBOARD_TWILIO_AUTH_TOKEN_SECONDARY",
        "SWITCHBOARD_TWILIO_FROM",
    ]
    assert base64.b64decode(second.seen["authorization"].removeprefix("Basic ")).decode().endswith(":second-token")


def test_findings_of_a_house_in_disorder_name_what_to_do(twilio, account, make_number):
    """A suspended account, a wrong address, an old second token, a number of somebody else's that calls out."""
    twilio.expect("GET", ".json", {"sid": account.account_sid, "status": "suspended"})
    twilio.knows("incoming_phone_numbers", [make_number(voice_url="")])
    twilio.expect("GET", ".json", {"code": 20003, "message": "Authenticate"}, 401)
    twilio.knows("incoming_phone_numbers", [])
    twilio.knows("outgoing_caller_ids", [])
    wrong = bad(number.findings(account, PLAN, secondary="old-token", from_number=OTHER))
    assert wrong[0] == "the Twilio account is suspended"
    assert wrong[1].endswith(f"switchboard twilio setup --number {OURS} --apply")
    assert "unset it after a rotation" in wrong[2]
    assert wrong[3].startswith("SWITCHBOARD_TWILIO_FROM is no number")


def test_a_verified_caller_id_may_call_out(twilio, account, make_number):
    """Twilio takes a number that somebody proved to be theirs."""
    twilio.expect("GET", ".json", {"sid": account.account_sid, "status": "active"})
    twilio.knows("incoming_phone_numbers", [make_number()])
    twilio.knows("incoming_phone_numbers", [])
    twilio.knows("outgoing_caller_ids", [{"sid": "PN1", "phone_number": OTHER}])
    assert bad(number.findings(account, PLAN, from_number=OTHER)) == []


def test_a_second_token_that_is_the_first_one_is_told(twilio, account, make_number):
    """The rotation is over, or was never begun."""
    twilio.expect("GET", ".json", {"sid": account.account_sid, "status": "active"})
    twilio.knows("incoming_phone_numbers", [make_number()])
    (text,) = bad(number.findings(account, PLAN, secondary="sample-token"))
    assert "unset it" in text


def test_twilio_out_of_reach_is_one_line(account, twilio):
    """Never a traceback, never a token."""
    twilio.expect("GET", ".json", {"message": "sample-token is wrong"}, 503)
    (only,) = number.findings(account, PLAN, secondary="x", from_number=OURS)
    assert isinstance(only, Finding)
    assert not only.is_fine
    assert "503" in only.text
    assert "sample-token" not in only.text


def test_an_account_without_numbers_is_told(twilio, account):
    """Nobody can call."""
    twilio.expect("GET", ".json", {"sid": account.account_sid, "status": "active"})
    twilio.knows("incoming_phone_numbers", [])
    assert bad(number.findings(account, Plan(public_url=PUBLIC))) == [
        "the Twilio account has no number that takes calls"
    ]
