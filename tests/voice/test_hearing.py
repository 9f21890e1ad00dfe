"""What a webhook says the caller did."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.identity import number_party
from voice import hearing, prompts

IDENTIFY = partial(number_party, region="DE")


def hear(language: str = "en", **params: str):
    """What is heard."""
    return hearing.hear(params, prompts.load(language), IDENTIFY)


@pytest.mark.parametrize(
    ("params", "digits"),
    [
        ({}, None),
        ({"Digits": "4711"}, "4711"),
        ({"Digits": "*4711"}, "4711"),
        ({"Digits": "", "FinishedOnKey": "#"}, ""),
        ({"Digits": ""}, ""),
        ({"Digits": "", "FinishedOnKey": ""}, None),
        ({"Digits": "", "SpeechResult": "hello"}, None),
        ({"SpeechResult": "It is 47 11."}, "4711"),
        ({"SpeechResult": ""}, None),
        ({"SpeechResult": "Two."}, "2"),
        ({"SpeechResult": "two of them"}, None),
        ({"Digits": "hangup"}, None),
        ({"Digits": "0"}, "0"),
    ],
)
def test_the_hash_key_alone_is_not_silence(params: dict[str, str], digits: str | None):
    """Twilio sends empty digits for both, and says which key ended them."""
    assert hear(**params).digits == digits


@pytest.mark.parametrize(
    ("language", "said", "key"),
    [
        ("en", "Yes.", "1"),
        ("en", "yeah, go ahead", "1"),
        ("en", "No!", "2"),
        ("en", "I don’t agree", "2"),
        ("en", "yes and no", ""),
        ("en", "", ""),
        ("de", "Ja, bitte", "1"),
        ("de", "Nein", "2"),
        ("de", "ja nicht", ""),
        ("fr", "Oui", "1"),
        ("fr", "non merci", "2"),
        ("es", "Sí", "1"),
        ("es", "no sé si", ""),
        ("es", "No.", "2"),
        ("en", "one", "1"),
        ("en", "Three!", "3"),
        ("en", "one or two", ""),
        ("de", "zwei", "2"),
        ("fr", "trois", "3"),
        ("es", "2", "2"),
    ],
)
def test_a_spoken_yes_is_one_and_no_is_two(language: str, said: str, key: str):
    """What could be either is asked again: consent is never guessed."""
    assert hear(language, SpeechResult=said).key == key


def test_a_key_outranks_a_word():
    """Twilio sends either; a key is the clearer one."""
    assert hear(Digits="2", SpeechResult="yes").key == "2"


@pytest.mark.parametrize(
    ("params", "number"),
    [
        ({"Digits": "03055500200"}, "+493055500200"),
        ({"Digits": "*493055500200"}, "+493055500200"),
        ({"Digits": "00493055500200"}, "+493055500200"),
        ({"SpeechResult": "oh, +49 30 555 00 200"}, "+493055500200"),
        ({"SpeechResult": "oh three oh double five five double oh 200"}, "+493055500200"),
        ({"SpeechResult": "plus four nine, three oh, triple five, double oh two double oh"}, "+493055500200"),
        ({"Digits": "1"}, ""),
        ({"Digits": "110"}, ""),
        ({"Digits": "*266696687"}, ""),
        ({"SpeechResult": "plus 266696687"}, ""),
        ({"Digits": "9" * 40}, ""),
        ({}, ""),
    ],
)
def test_a_keyed_number_is_comparable_or_none(params: dict[str, str], number: str):
    """A withheld caller's placeholder never counts as a number, even if somebody keys it."""
    assert hear(**params).number == number


GERMAN, BRITISH, AMERICAN, WITHHELD = "+493055500137", "+442079460100", "+12125550100", "+266696687"


@pytest.mark.parametrize(
    ("keyed", "caller", "called", "number"),
    [
        ("03055501234", GERMAN, AMERICAN, "+493055501234"),
        ("03055501234", "anonymous", GERMAN, "+493055501234"),
        ("03055501234", WITHHELD, GERMAN, "+493055501234"),
        ("00493055501234", AMERICAN, AMERICAN, "+493055501234"),
        ("01149305550123", AMERICAN, AMERICAN, "+49305550123"),
        ("493055501234", GERMAN, AMERICAN, "+493055501234"),
        ("493055501234", "", "", "+493055501234"),
        ("493055501234", AMERICAN, AMERICAN, "+493055501234"),
        ("02079460123", BRITISH, GERMAN, "+442079460123"),
        ("2125550123", AMERICAN, GERMAN, "+12125550123"),
        ("2125550123", "", "", "+12125550123"),
        ("*493055501234", AMERICAN, AMERICAN, "+493055501234"),
        ("9" * 11, GERMAN, GERMAN, "+4999999999999"),
        ("266696687", "", "", ""),
    ],
)
def test_a_national_number_is_read_as_its_caller_would_dial_it(keyed: str, caller: str, called: str, number: str):
    """Where we are at home (here the US) comes last; a number in use is likelier than one that could only be."""
    identify = partial(number_party, region="US")
    for params in ({"Digits": keyed}, {"SpeechResult": keyed.replace("*", "plus ")}):
        heard = hearing.hear({**params, "From": caller, "To": called}, prompts.load("en"), identify)
        assert heard.number == number


def test_a_malformed_recording_is_none():
    """Only a RecordingSid names one, or an address that ends with it: Twilio's page promises the address alone."""
    sid, there = "RE" + "0" * 32, f"https://api.twilio.com/2010-04-01/Accounts/AC{'1' * 32}/Recordings/"
    assert hear(RecordingSid=sid).recording == sid
    assert not hear(RecordingSid="RE../../Accounts").recording
    assert hear(RecordingUrl=f"{there}{sid}").recording == hear(RecordingUrl=f"{there}{sid}.wav").recording == sid
    assert not hear(RecordingUrl=f"{there}{sid}/../RE1").recording
    assert not hear(RecordingUrl=f"{there}{sid}", RecordingSid="RE1").recording


@pytest.mark.parametrize(
    ("lasted", "keys", "is_quiet"),
    [("10", "", True), ("11", "", True), ("14", "", False), ("3", "", False), ("10", "#", False), ("x", "", False)],
)
def test_a_recording_of_silence_alone_is_quiet(lasted: str, keys: str, is_quiet: bool):
    """It lasts as long as the silence that ends one; whoever ended it by a key has said so that they spoke."""
    assert hear(RecordingDuration=lasted, Digits=keys).is_quiet is is_quiet


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "Digits",
                "SpeechResult",
                "Confidence",
                "RecordingSid",
                "RecordingUrl",
                "RecordingDuration",
                "FinishedOnKey",
            ]
        ),
        st.text(max_size=60),
    ),
    st.sampled_from(prompts.languages()),
)
def test_hearing_never_fails(params: dict[str, str], language: str):
    """Whatever is sent, something or nothing is heard."""
    heard = hear(language, **params)
    assert len(heard.speech) <= hearing.LONGEST_SPEECH
    assert heard.digits is None or heard.digits.isdecimal() or not heard.digits


@pytest.mark.parametrize(
    ("told", "sure"), [("0.91", 0.91), ("1", 1.0), ("0", 0.0), ("", None), ("nan", None), ("-1", None), ("x", None)]
)
def test_how_sure_recognition_was_is_a_share_or_nothing(told: str, sure: float | None):
    """Anything else is not counted."""
    assert hearing.confidence_of(told) == sure


@pytest.mark.parametrize(
    ("told", "kept"),
    [("TN-Validation-Passed-A", True), ("TN-Validation-Passed-B-Diverted", True), ("<b>", False), ("", False)],
)
def test_an_attestation_is_a_word_of_twilios(told: str, kept: bool):
    """Nothing else is written down."""
    assert hearing.attestation_of({"StirVerstat": told}) == (told if kept else "")


@pytest.mark.parametrize(
    ("confidence", "is_unclear"),
    [("0.49", True), ("0.0", False), ("0.5", False), ("0.93", False), ("", False), ("low", False), ("nan", False)],
)
def test_words_are_heard_badly_only_if_twilio_says_so(confidence: str, is_unclear: bool):
    """A confidence that is missing, no number, or the zero of a recogniser that has none changes nothing."""
    assert hear(SpeechResult="no", Confidence=confidence).is_unclear is is_unclear
    assert not hear(Digits="2", Confidence=confidence).is_unclear
