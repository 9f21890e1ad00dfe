"""Long numbers are spoken in groups, in every language, wherever one is said."""

import pytest

from voice import prompts, twiml
from voice.menu import LAST, Turn

NUMBER = "+493055500137"


@pytest.mark.parametrize("language", prompts.languages())
@pytest.mark.parametrize(
    ("step", "answers", "said"),
    [
        ("phone", {"caller": NUMBER}, "+ 4 9, 3 0, 5 5 5 0, 0 1 3 7"),
        ("phone_check", {"phone": NUMBER}, "+ 4 9, 3 0, 5 5 5 0, 0 1 3 7"),
        ("account_check", {"account": "47110815"}, "4 7 1 1, 0 8 1 5"),
        ("open", {"open_reference": "SB-123456"}, "S B, 1 2 3, 4 5 6"),
        (LAST, {}, "S B, 1 0, 4 2 1"),
    ],
)
def test_a_long_number_is_said_with_pauses(obeyed, language: str, step: str, answers: dict[str, str], said: str):
    """In a sentence that keeps Twilio's rules."""
    turn = Turn(step=step, answers=answers)
    words = prompts.load(language)
    document = twiml.say(turn, words, public_url="https://support.example.com", reference="SB-10421")
    assert any(said in (each.text or "") for each in obeyed(document).iter("Say"))
