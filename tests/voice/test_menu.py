"""The menu is a table: every step is reachable, and every conversation ends."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice import menu, prompts, twiml
from voice.menu import LAST, MOST_MISSES, STEPS, Turn, advance

PUBLIC = "https://support.example.com"
HEARD = st.fixed_dictionaries(
    {},
    optional={
        "Digits": st.text(max_size=30),
        "SpeechResult": st.text(max_size=200),
        "RecordingSid": st.just("RE" + "0" * 32),
        "Confidence": st.text(max_size=5),
    },
)


@given(st.lists(HEARD, max_size=40), st.booleans(), st.booleans())
def test_every_conversation_ends(heard, known, numbered):
    """Whatever the caller does, twenty answers are enough."""
    turn = Turn(answers={"known": "yes" if known else "no", **({"caller": "+493055500137"} if numbered else {})})
    answers = [*heard, *[{} for _ in range(len(STEPS) * MOST_MISSES)]]
    for each in answers:
        turn = advance(turn, each)
        assert turn.step in STEPS or turn.step == LAST
        assert turn.misses < MOST_MISSES
    assert turn.step == LAST


def test_every_step_is_reachable():
    """No question is dead."""
    seen = {menu.FIRST}
    for consent in ("1", "2"):
        turn = Turn(answers={})
        for heard in ({"Digits": consent}, {"Digits": ""}, {}, {}, {"Digits": "1"}, {"Digits": "03055500100"}):
            turn = advance(turn, heard)
            seen.add(turn.step)
    assert seen == {*STEPS, LAST}


@pytest.mark.parametrize("language", prompts.languages())
def test_every_language_says_every_step(language: str):
    """No prompt is missing or left with a placeholder."""
    words = prompts.load(language)
    assert set(words.words) == set(prompts.load("en").words)
    for step in (*STEPS, LAST):
        turn = Turn(step=step, answers={"caller": "+493055500137"})
        document = twiml.say(turn, words, public_url=PUBLIC, reference="SB-1042", first=True)
        assert "$" not in document


@pytest.mark.parametrize("step", [*STEPS, LAST])
def test_twiml_is_what_it_was(step: str):
    """Golden files: a changed answer to Twilio is a decision."""
    turn = Turn(step=step, answers={"caller": "+493055500137"})
    document = twiml.say(turn, prompts.load("en"), public_url=PUBLIC, reference="SB-1042", first=step == menu.FIRST)
    golden = Path(__file__).parent / "golden" / f"{step}.xml"
    assert document == golden.read_text().strip()


@pytest.mark.parametrize("step", [*STEPS, LAST])
def test_twiml_keeps_twilios_rules(step: str):
    """Gather holds Say only and has a fall-through, Record holds nothing, addresses are absolute and impersonal."""
    turn = Turn(step=step, misses=1, answers={"caller": "+493055500137", "problem": "secret words"})
    document = twiml.say(turn, prompts.load("en"), public_url=PUBLIC, reference="SB-1042")
    assert len(document) < 64_000
    root = ET.fromstring(document)  # noqa: S314 - our own
    assert root.tag == "Response"
    for gather in root.iter("Gather"):
        assert {child.tag for child in gather} <= {"Say", "Play", "Pause"}
        assert list(root)[-1].tag == "Redirect"
    for record in root.iter("Record"):
        assert not list(record)
        assert not record.text
    for url in re.findall(r'https?://[^"<]+', document):
        assert url.startswith(PUBLIC + "/voice/")
        assert "3055500137" not in url
    assert "secret words" not in document


@given(st.text(max_size=300))
def test_a_number_is_spoken_sign_by_sign(text: str):
    """Nothing but letters, digits and plus signs with blanks between."""
    assert re.fullmatch(r"(?:[\w+²³¹]( [\w+])*)?", twiml.spoken(text)) or all(
        each.isalnum() or each == "+" for each in twiml.spoken(text).split()
    )
