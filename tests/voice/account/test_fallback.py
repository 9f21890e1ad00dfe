"""What callers hear while we are away needs nobody, least of all us."""

from xml.etree import ElementTree as ET

import pytest

from voice import fallback, prompts

SPOKEN = ("en", "de", "fr", "es")


def verbs(document: str) -> list[str]:
    """The verbs of a document, in order."""
    return [verb.tag for verb in ET.fromstring(document)]  # noqa: S314 - our own


@pytest.mark.parametrize("dial", ["", "+493055500199"])
@pytest.mark.parametrize("records", [True, False])
def test_it_asks_for_no_address(dial, records):
    """An action, a callback or a redirect would need a server that answers; a Record without an action comes back."""
    document = fallback.document([prompts.load(each) for each in SPOKEN], dial=dial, records=records)
    root = ET.fromstring(document)  # noqa: S314 - our own
    assert "://" not in document
    assert not {"Record", "Redirect", "Gather"} & {verb.tag for verb in root.iter()}
    assert not {"action", "url", "recordingStatusCallback"} & {name for verb in root.iter() for name in verb.attrib}
    assert verbs(document)[-1] == "Hangup"


def test_it_records_two_minutes_after_saying_so():
    """The caller is told first; the recording ends with the call."""
    document = fallback.document([prompts.load("en")], records=True)
    assert verbs(document) == ["Say", "Say", "Start", "Pause", "Say", "Hangup"]
    root = ET.fromstring(document)  # noqa: S314 - our own
    assert "From now on you are recorded" in (root[1].text or "")
    assert root[2][0].tag == "Recording"
    assert root[3].get("length") == "120"


def test_whoever_is_on_call_is_rung_before_anything_is_recorded():
    """What they say to each other is never recorded; only who did not reach them leaves a message."""
    document = fallback.document([prompts.load("en")], dial="+493055500199", records=True)
    order = verbs(document)
    assert order.index("Dial") < order.index("Start")
    root = ET.fromstring(document)  # noqa: S314 - our own
    assert (root[2].text, root[2].get("timeout"), root[2].get("record")) == ("+493055500199", "30", None)


def test_without_recording_nothing_is_promised():
    """It is said that we are away, and no more."""
    assert verbs(fallback.document([prompts.load("en")])) == ["Say", "Say", "Hangup"]


def test_every_language_says_it_in_turn():
    """Each sentence in each of the languages, the first one first."""
    languages = [prompts.load(each) for each in SPOKEN]
    document = fallback.document(languages, records=True)
    said = [verb for verb in ET.fromstring(document) if verb.tag == "Say"]  # noqa: S314 - our own
    assert [verb.get("language") for verb in said] == [words.tag for words in languages] * 3
    assert [verb.text for verb in said[:4]] == [words.say("away") for words in languages]


@pytest.mark.parametrize("language", SPOKEN)
def test_nobody_is_recorded_who_was_not_told_how_to_refuse(language):
    """The document cannot ask: it says before the recording begins that whoever does not agree hangs up."""
    root = ET.fromstring(fallback.document([prompts.load(language)], records=True))  # noqa: S314 - our own
    told = root[[verb.tag for verb in root].index("Start") - 1]
    refusal = {"en": "do not agree", "de": "nicht einverstanden", "fr": "pas d'accord", "es": "no está de acuerdo"}
    assert told.tag == "Say"
    assert refusal[language] in (told.text or "")


@pytest.mark.parametrize("language", SPOKEN)
def test_whoever_talked_to_somebody_is_not_asked_again(language):
    """A static document cannot tell how a dialled call went: they hear that they may go, and have time to."""
    words = prompts.load(language)
    root = list(ET.fromstring(fallback.document([words], dial="+493055500199", records=True)))  # noqa: S314 - our own
    after = root[[verb.tag for verb in root].index("Dial") + 1 :]
    assert [verb.tag for verb in after] == ["Say", "Pause", "Say", "Start", "Pause", "Say", "Hangup"]
    assert after[0].text == words.say("away_dialled")
    assert int(after[1].get("length", "0")) >= 3
    assert words.say("away_dialled") not in fallback.document([words], records=True)


def test_who_cannot_leave_a_message_is_not_told_to_stay():
    """Without a recording nothing comes after the dialled call but goodbye."""
    assert verbs(fallback.document([prompts.load("en")], dial="+493055500199")) == [
        "Say", "Say", "Dial", "Say", "Hangup"
    ]  # fmt: skip
