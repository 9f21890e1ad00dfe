"""Nothing is recorded that the caller's country, their account's policy or they themselves do not want recorded."""

from contextlib import suppress
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calling import Consent
from voice import consent
from voice.switch import Desk, Rules

ANNOUNCED, ASKED, NEVER = Consent.ANNOUNCE, Consent.ASK, Consent.NEVER
GERMAN, AMERICAN = "+493055500137", "+12025550123"
RECORDING = "RE" + "5" * 32


def desk(*policies: Consent) -> Desk:
    """A desk whose policy wants these, one after the other, and the last one from then on."""
    left = list(policies)

    def rules(_policy: str) -> Rules:
        return Rules(consent=left.pop(0) if len(left) > 1 else left[0])

    return Desk(rules=rules)


@pytest.mark.parametrize(
    ("text", "modes"),
    [
        ("", {"": ASKED}),
        ("announce", {"": ANNOUNCED}),
        ("ask; US=announce; FR=never", {"": ASKED, "US": ANNOUNCED, "FR": NEVER}),
        (" us = ANNOUNCE ;; never ", {"US": ANNOUNCED, "": NEVER}),
    ],
)
def test_consent_is_written_by_country(text: str, modes: dict[str, Consent]):
    """What is not named is asked for."""
    assert consent.parse(text) == modes


def test_every_mistake_is_named_at_once():
    """An operator mends them together."""
    with pytest.raises(ValueError, match="country") as mistakes:
        consent.parse("sometimes; XX=ask; US=ask; US=never; ask; never")
    told = str(mistakes.value)
    assert told.count(";") == 3
    for word in ("'sometimes'", "'XX'", "US is there twice", "what holds elsewhere is there twice"):
        assert word in told


@given(st.text(max_size=40))
def test_a_setting_is_understood_or_refused(text: str):
    """Nothing else is raised."""
    with suppress(ValueError):
        assert consent.parse(text)[""] in set(Consent)


@pytest.mark.parametrize(("country", "policy"), [*product(Consent, Consent)])
def test_the_stricter_of_country_and_policy_counts(country: Consent, policy: Consent):
    """Never is stricter than asking, asking than announcing."""
    order = [ANNOUNCED, ASKED, NEVER]
    assert consent.mode(GERMAN, {"": NEVER, "DE": country}, policy) is max(country, policy, key=order.index)


@pytest.mark.parametrize(
    ("number", "country"), [(GERMAN, "DE"), (AMERICAN, "US"), ("", ""), ("+999", ""), ("nonsense", "")]
)
def test_whose_country_cannot_be_told_is_served_as_elsewhere(number: str, country: str):
    """Withheld numbers too."""
    assert consent.country_of(number) == country


def test_an_announced_recording_may_be_refused(run_line, phone, only_call):
    """Silence goes on with recordings, 2 without."""
    with run_line("en", desk=desk(ANNOUNCED), consent={"": ANNOUNCED}) as line:
        phone(line).dials().hears("will be recorded").hears("press 2").stays_silent().hears("account number")
        assert only_call().answers["consent"] == "yes"
        refused = phone(line, 2).dials().presses("2").presses("").hears_not("recording")
        assert "Record" not in refused.stays_silent().verbs


def test_without_consent_everything_is_logged_and_nothing_recorded(run_line, phone, told):
    """No means no recording anywhere, and a reference all the same."""
    with run_line("en") as line:
        guest, verbs = phone(line, From="anonymous").dials().presses("2"), set()
        while "Hangup" not in guest.verbs:
            guest.stays_silent()
            verbs |= set(guest.verbs)
        guest.hears("reference")
    assert "Record" not in verbs
    assert {"", "problem", "phone"} <= set(told())


def test_where_recording_is_never_allowed_nobody_is_asked(run_line, phone, only_call):
    """By the caller's country: the first question is the account."""
    with run_line("en", desk=desk(ANNOUNCED), consent={"": ANNOUNCED, "DE": NEVER}) as line:
        guest = phone(line, From=GERMAN).dials().hears("account number").hears_not("record").presses("")
        assert "Record" not in guest.stays_silent().verbs
    assert only_call().answers["consent"] == "no"


def test_countries_differ(run_line, phone):
    """An American caller hears that they are recorded, a German one is asked."""
    with run_line("en", desk=desk(ANNOUNCED), consent={"": ASKED, "US": ANNOUNCED}) as line:
        phone(line, From=AMERICAN).dials().hears("will be recorded")
        phone(line, 2, From=GERMAN).dials().hears("would like to record")


@pytest.mark.parametrize(("later", "kept"), [(ASKED, "no"), (NEVER, "no"), (ANNOUNCED, "yes")])
def test_a_stricter_policy_of_the_account_takes_silent_consent_back(run_line, phone, only_call, later, kept: str):
    """Whose account it is turns out after the announcement."""
    with run_line("en", desk=desk(ANNOUNCED, later), consent={"": ANNOUNCED}) as line:
        phone(line).dials().stays_silent().presses("4711").presses("1").hears("does not work")
    assert only_call().answers["consent"] == kept


def test_what_was_agreed_to_by_key_is_enough_for_asking(run_line, phone, only_call):
    """One that records nothing takes it back all the same."""
    with run_line("en", desk=desk(ANNOUNCED, ASKED), consent={"": ANNOUNCED}) as line:
        phone(line).dials().presses("1").presses("4711").presses("1").hears("does not work")
    assert only_call().answers["consent"] == "yes"
