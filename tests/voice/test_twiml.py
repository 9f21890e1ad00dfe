"""TwiML is what it was, keeps Twilio's rules in every language, and a telephone can be used with it."""

import random
from pathlib import Path
from string import Template

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.terms import Party, PartyKind
from voice import hearing, menu, prompts, twiml
from voice.menu import CONNECT, LAST, STEPS, Turn

PUBLIC = "https://support.example.com"
GOLDEN = Path(__file__).parent / "golden"
KNOWN = {"caller": "+493055500137", "account": "4711", "phone": "+493055500200", "problem": "secret words"}
SPECIAL = {
    "consent": {"known": "yes", "staffed": "yes"},
    "announce": {"mode": "announce"},
    "keys": {"staffed": "yes"},
    "open": {"open_reference": "SB-1007"},
    "open_update": {"open_reference": "SB-1007", "open_update": "the <database> is being restored"},
    "note": {"consent": "no"},
    "record_note": {"consent": "yes"},
    "problem": {"consent": "yes"},
    "record": {"consent": "yes"},
    "record_number": {"consent": "yes"},
    "phone_unknown": {"caller": ""},
    "resumed": {"again": "1"},
    "receipt_sms": {"sms": "yes"},
    "receipt_nobody": {"reached": "nobody"},
    "receipt_minutes": {"reached": "nobody", "due_minutes": "30"},
    "receipt_hours": {"reached": "nobody", "due_minutes": "200"},
    "receipt_days": {"reached": "nobody", "due_minutes": "3000"},
    "receipt_no_number": {"reached": "nobody", "due_minutes": "30", "caller": "", "phone": ""},
    "receipt_joined": {"joined": "0"},
    "receipt_connected": {"reached": "yes"},
}
"""Answers with which a step says something else."""
FORMS = {
    "announce": "consent", "keys": "consent", "open_update": "open", "phone_unknown": "phone", "record_note": "note",
    "resumed": "problem",
}  # fmt: skip
OPENS = {"resumed": "nobody_now", "keys": menu.KEYS}
EVERY = sorted({*STEPS, LAST, *SPECIAL} - {CONNECT})


def document(name: str, language: str, **turn) -> str:
    """The TwiML of a step, or of a special form of one."""
    step = LAST if name.startswith(LAST) else FORMS.get(name, name)
    turn = {"opens_with": OPENS.get(name, "")} | turn
    return twiml.say(
        Turn(step=step, answers=KNOWN | SPECIAL.get(name, {}), **turn),
        prompts.load(language),
        public_url=PUBLIC,
        reference="SB-1042",
        first=name in {"consent", "language"},
        offered=tuple(prompts.load(each) for each in ("en", "de", "fr", "es")),
    )


@pytest.mark.parametrize("name", EVERY)
def test_twiml_is_what_it_was(name: str):
    """Golden files: a changed answer to Twilio is a decision."""
    assert document(name, "en") == (GOLDEN / f"{name}.xml").read_text(encoding="utf-8").strip()


def test_no_golden_file_is_left_over():
    """Each is compared."""
    assert sorted(path.stem for path in GOLDEN.iterdir()) == EVERY


@pytest.mark.parametrize("language", prompts.languages())
@pytest.mark.parametrize("name", EVERY)
def test_twiml_keeps_twilios_rules(obeyed, name: str, language: str):
    """In every language, asked again or not; nothing of the caller is in an address or said that should not be."""
    for turn in ({}, {"misses": 2, "opens_with": "missed"}):
        said = document(name, language, **turn)
        obeyed(said)
        assert "$" not in said
        assert "secret words" not in said


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ("<Response/>", "empty"),
        ("<Response><Say>Hello</Say></Response>", "silence"),
        ("<Response><Hangup/><Say>Hello</Say><Hangup/></Response>", "never reached"),
        ("<Response><Gather><Record/></Gather><Hangup/></Response>", "Gather holds"),
        ("<Response><Record> </Record><Hangup/></Response>", "white space"),
        ('<Response><Record transcribe="true" maxLength="120"/><Hangup/></Response>', "13617"),
        ("<Response><Dial>+19005550100</Dial></Response>", "Dial holds no text"),
        ('<Response><Gather numDigits="0"/><Hangup/></Response>', "numDigits"),
        ("<Response><Redirect>https://elsewhere.example/voice/turn</Redirect></Response>", "not ours"),
        (f"<Response><Redirect>{PUBLIC}/voice/turn?step=phone&amp;try=0#rc=many</Redirect></Response>", "overrides"),
        (f"<Response><Redirect>{PUBLIC}/voice/turn?caller=49305550</Redirect></Response>", "more than the step"),
    ],
)
def test_the_rules_refuse_what_twilio_would(broken_rules, document: str, complaint: str):
    """The checker itself finds each mistake."""
    _, broken = broken_rules(document, PUBLIC)
    assert any(complaint in each for each in broken), broken


@pytest.mark.parametrize("language", prompts.languages())
def test_every_language_has_the_same_sentences(language: str):
    """None is missing, and none is left over."""
    words, english = prompts.load(language), prompts.load("en")
    assert set(words.words) == set(english.words)
    assert len(words.lists["count"]) == len(english.lists["count"])
    for name, sentence in words.words.items():
        named = {*Template(sentence).get_identifiers()}
        assert named == {*Template(english.words[name]).get_identifiers()}


@pytest.mark.parametrize(
    ("minutes", "said"),
    [("1", "as soon as possible"), ("", "as soon as possible"), ("90", "90 minutes"), ("91", "2 hours"),
     ("2880", "48 hours"), ("2881", "3 days"), ("7200", "5 days")],
)  # fmt: skip
def test_a_call_back_is_promised_in_units_people_count_in(minutes: str, said: str):
    """Minutes, hours up to two days, then days; never less than the policy gives."""
    told = twiml.farewell(KNOWN | {"reached": "nobody", "due_minutes": minutes}, prompts.load("en"), "SB-1")
    assert said in told[1]


@pytest.mark.parametrize("language", prompts.languages())
@pytest.mark.parametrize("reached", ["nobody", "yes", ""])
def test_no_call_is_promised_to_whoever_has_no_number(language: str, reached: str):
    """They are told to call again, but after a talk; any number will do, even one that was only recorded."""
    words = prompts.load(language)
    answers = {"reached": reached, "due_minutes": "30", "number_recording": "none", "caller": ""}
    told = twiml.farewell(answers, words, "SB-1")
    assert (words.say("no_number") in told) is (reached != "yes")
    assert words.say("expect_minutes", minutes="30") not in told
    for number in ({"phone": "+493055500137"}, {"caller": "+493055500137"}, {"number_recording": "RE" + "0" * 32}):
        told = twiml.farewell(answers | number, words, "SB-1")
        assert words.say("no_number") not in told
        assert (words.say("expect_minutes", minutes="30") in told) is (reached == "nobody")


def test_a_pause_for_thought_ends_no_recording():
    """Twilio's own five seconds would."""
    for name in ("record", "record_note", "record_number"):
        assert 'timeout="10"' in document(name, "en")


@given(st.integers(), st.sampled_from(["en", "en,de,fr,es"]), st.booleans())
def test_digits_alone_lead_from_the_greeting_to_the_reference(broken_rules, seed: int, languages: str, known: bool):
    """A telephone that knows only what the TwiML says, pressing anything anywhere, always hears a reference."""
    press = random.Random(seed)  # noqa: S311 - a toy
    answers = {"languages": languages, "known": "yes" if known else "no", "caller": "+493055500137"}
    turn = Turn(step=menu.opening(answers), answers=answers)
    offered = tuple(prompts.load(each) for each in languages.split(","))
    for _ in range(80):
        words = prompts.load(turn.answers.get("language", "en"))
        root, broken = broken_rules(
            twiml.say(turn, words, public_url=PUBLIC, reference="SB-1", offered=offered), PUBLIC
        )
        assert not broken
        verbs = {each.tag: each for each in root}
        if "Hangup" in verbs:
            break
        params = {"RecordingSid": "RE" + "0" * 32} if "Record" in verbs else {}
        if "Gather" in verbs:
            assert "dtmf" in verbs["Gather"].attrib["input"]
            keys = press.choice("123456789*") if "numDigits" in verbs["Gather"].attrib else press.choice(["1", "4711"])
            params = press.choice([{"Digits": keys}, {"Digits": keys, "FinishedOnKey": "#"}, {}])
        turn = menu.advance(turn, hearing.hear(params, words, a_number))
    assert turn.step == LAST


def a_number(raw: str) -> Party | None:
    """Any eight digits are a number."""
    return Party(kind=PartyKind.NUMBER, value=raw, shown=raw) if len(raw) > 7 else None


@given(st.text(max_size=300) | st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_a_number_is_spoken_sign_by_sign(text: str):
    """Nothing but single letters, digits and plus signs, in their order, with blanks and commas between."""
    signs = twiml.spoken(text).replace(",", "").split()
    assert all(len(each) == 1 and (each.isalnum() or each == "+") for each in signs)
    assert [each for each in signs if each.isalnum()] == [each for each in text if each.isalnum()]


@given(st.from_regex(r"\+[1-9][0-9]{6,14}|[0-9]{7,20}", fullmatch=True))
def test_nobody_writes_down_more_than_five_signs_at_once(text: str):
    """A long number has a pause after each few signs."""
    groups = twiml.spoken(text).split(", ")
    assert len(groups) > 1
    assert all(len(group.split()) <= 5 for group in groups)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SB-1042", "S B 1 0 4 2"),
        ("SB-10421", "S B, 1 0, 4 2 1"),
        ("471108", "4 7 1 1 0 8"),
        ("1234567", "1 2 3, 4 5 6 7"),
        ("47110815", "4 7 1 1, 0 8 1 5"),
        ("+493055500137", "+ 4 9, 3 0, 5 5 5 0, 0 1 3 7"),
        ("+12025550123", "+ 1, 2 0 2, 5 5 5, 0 1 2 3"),
        ("+33155500137", "+ 3 3, 1, 5 5, 5 0, 0 1, 3 7"),
        ("+999123", "+ 9 9, 9 1 2 3"),
    ],
)
def test_a_long_number_is_spoken_in_groups(text: str, said: str):
    """A short one at once; a telephone number as it is written in its country, or evenly where nobody knows."""
    assert twiml.spoken(text) == said
