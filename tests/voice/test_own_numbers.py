"""Our numbers and their languages as an operator writes them."""

import pytest

from voice import own_numbers


def test_numbers_and_languages_are_read():
    """Gaps in numbers and capitals do not matter; the order of the languages does."""
    told = own_numbers.parse("+49 (30) 555-00100 = de; +442055500100=EN, fr,en ;+12025550100")
    assert told == {"+493055500100": ("de",), "+442055500100": ("en", "fr"), "+12025550100": ()}


@pytest.mark.parametrize("text", ["", "  ", ";"])
def test_nothing_written_means_any_number(text: str):
    """An empty setting restricts nothing."""
    assert own_numbers.parse(text) == {}


def test_every_mistake_is_named_at_once():
    """An operator mends them in one go."""
    with pytest.raises(ValueError, match="030 555") as raised:
        own_numbers.parse("030 555=de; +493055500100=deutsch; +493055500100=de")
    assert "'deutsch' is no language" in str(raised.value)
    assert "+493055500100 is there twice" in str(raised.value)
