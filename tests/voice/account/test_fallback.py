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


@pytest.mark.parametrize("dial", ["", "+493055500199"])
@pytest.mark.parametrize("language", SPOKEN)
def test_without_recording_a_call_back_is_promised(language, dial):
    """Twilio lists the call, and whoever called is owed one; who withholds their number is told to call again."""
    words = prompts.load(language)
    document = fallback.document([words], dial=dial)
    told = [verb.text for verb in ET.fromstring(document) if verb.tag == "Say"]  # noqa: S314 - our own
    assert told[-2:] == [words.say("away_noted"), words.say("goodbye")]
    promised, withheld = {
        "en": ("we will call you back", "withheld"),
        "de": ("wir rufen Sie", "unterdrückt"),
        "fr": ("nous vous rappellerons", "masqué"),
        "es": ("le llamaremos", "oculto"),
    }[language]
    assert promised in told[-2]
    assert withheld in told[-2]


@pytest.mark.parametrize("language", SPOKEN)
def test_nobody_hears_that_their_call_is_not_logged(language):
    """It is, once we are back: who believes that it is lost calls somebody else, or nobody."""
    refusals = ("log your call", "selbst aufnehmen", "enregistrer votre appel", "registrar su llamada")
    for records in (True, False):
        document = fallback.document([prompts.load(language)], records=records)
        assert not [each for each in refusals if each in document]


def test_each_language_says_what_belongs_together_before_the_next():
    """A caller hears all of theirs at once: the sentences before a pause, a dialled number or the end."""
    languages = [prompts.load(each) for each in SPOKEN]
    tags = [words.tag for words in languages]

    def heard(document: str) -> list[tuple[str | None, str | None]]:
        return [(verb.get("language"), verb.text) for verb in ET.fromstring(document) if verb.tag == "Say"]  # noqa: S314 - our own

    said = heard(fallback.document(languages))
    assert [tag for tag, _ in said] == [tag for tag in tags for _ in range(3)]
    assert [text for _, text in said[:3]] == [languages[0].say(each) for each in ("away", "away_noted", "goodbye")]
    said = heard(fallback.document(languages, records=True))
    assert [tag for tag, _ in said] == [*(tag for tag in tags for _ in range(2)), *tags]


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
    """Without a recording nothing comes after the dialled call but that they are called back, and goodbye."""
    words = prompts.load("en")
    document = fallback.document([words], dial="+493055500199")
    assert verbs(document) == ["Say", "Say", "Dial", "Say", "Say", "Hangup"]
    assert words.say("away_dialled") not in document
