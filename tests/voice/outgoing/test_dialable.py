"""Which numbers are dialled and texted at all."""

from dataclasses import replace

import pytest
from twilio.base.exceptions import TwilioException

from voice import dialling


@pytest.mark.parametrize("number", ["+490000", "+10000000000", "+11234567890", "+12120550100", "+4400012345"])
def test_a_number_that_no_country_can_have_is_not_dialled(number: str):
    """However many digits it has; and no text is sent there."""
    assert dialling.dialable(number) is None
    assert dialling.textable(number) is None


@pytest.mark.parametrize("number", ["+390612345678", "+2250101010101", "+15555550123", "+447700900123"])
def test_a_number_that_nobody_has_listed_may_be_one(number: str):
    """So may one whose country's numbers begin with zero."""
    assert dialling.dialable(number) == number


@pytest.mark.parametrize("number", ["+881612345678", "+499001123456", "+493055500188", "+447012345678"])
def test_what_is_not_dialled_is_not_texted(number: str):
    """Nor is a landline."""
    assert dialling.textable(number) is None
    assert dialling.textable("+4915155501234") == "+4915155501234"


@pytest.mark.parametrize("number", ["+41584567890", "+493055500137", "+12025550137", "+4915155500137"])
def test_companies_and_internet_telephones_are_called(number: str):
    """They cost no more than others."""
    assert dialling.dialable(number) == number


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("+490000", "is no telephone number"),
        ("+499001234567", "is a premium-rate, shared-cost or personal number"),
        ("+447012345678", "is a premium-rate, shared-cost or personal number"),
        ("+881612345678", "is a satellite telephone's, or of another network that belongs to no country"),
        ("+493055500100", "is one of our own numbers"),
        ("+44 20 5550 0100", "is one of our own numbers"),
        ("+493055500137", ""),
    ],
)
def test_it_is_told_why_a_number_is_never_rung(trunk: dialling.Trunk, number: str, why: str):
    """Exactly those that are not dialled, and ours."""
    assert dialling.unringable(number, replace(trunk, numbers=("+442055500100",))) == why


@pytest.mark.parametrize(
    ("token", "shown"), [("", "Twilio answers 0, error 0: "), ("answers", "Twilio … 0, error 0: ")]
)
def test_no_token_is_repeated_and_none_that_is_not_set_garbles_the_line(trunk: dialling.Trunk, token: str, shown: str):
    """An empty text is found between any two letters."""
    assert dialling.told(TwilioException("x"), replace(trunk.account, auth_token=token)) == shown
