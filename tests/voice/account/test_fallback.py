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
    document = fallback.document([prompts.load("en")])
    assert verbs(document) == ["Say", "Say", "Start", "Pause", "Say", "Hangup"]
    root = ET.fromstring(document)  # noqa: S314 - our own
    assert "From now on you are recorded" in (root[1].text or "")
    assert root[2][0].tag == "Recording"
    assert root[3].get("length") == "120"


def test_whoever_is_on_call_is_rung_before_anything_is_recorded():
    """What they say to each other is never recorded; only who did not reach them leaves a message."""
    document = fallback.document([prompts.load("en")], dial="+493055500199")
    order = verbs(document)
    assert order.index("Dial") < order.index("Start")
    root = ET.fromstring(document)  # noqa: S314 - our own
    assert (root[2].text, root[2].get("timeout"), root[2].get("record")) == ("+493055500199", "30", None)


def test_without_recording_nothing_is_promised():
    """It is said that we are away, and no more."""
    assert verbs(fallback.document([prompts.load("en")], records=False)) == ["Say", "Say", "Hangup"]


def test_every_language_says_it_in_turn():
    """Each sentence in each of the languages, the first one first."""
    languages = [prompts.load(each) for each in SPOKEN]
    said = [verb for verb in ET.fromstring(fallback.document(languages)) if verb.tag == "Say"]  # noqa: S314 - our own
    assert [verb.get("language") for verb in said] == [words.tag for words in languages] * 3
    assert [verb.text for verb in said[:4]] == [words.say("away") for words in languages]
