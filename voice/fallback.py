"""What callers hear while we are away: one TwiML document for a host that is not ours.

It must need nobody: no address stands in it. `<Record>` would not do, since without an action it asks for the document
that it stands in once more, and callers would leave one recording after the other. So the call itself is recorded
from when the caller was told that whoever does not agree hangs up, for two minutes; `reconciling` finds the call and
its recording once we are back. It owes each of these callers a call, and so they are promised one, recorded or not.

Nor can it ask, or tell how a dialled call went: who talked to somebody hears that they may hang up, before anything
else is asked of them.

https://www.twilio.com/docs/voice/twiml/recording
"""

from collections.abc import Sequence

from twilio.twiml.voice_response import Start, VoiceResponse

from voice.prompts import Prompts
from voice.twiml import speak

LONGEST = 120
"""Seconds a caller has to say what is wrong."""
RING_SECONDS = 30
TO_LEAVE = 4
"""Seconds in which whoever talked to somebody hangs up."""


def document(languages: Sequence[Prompts], *, dial: str = "", records: bool = False) -> str:
    """The TwiML: what it says in every language, the number that is dialled first (E.164), the recording."""
    response = VoiceResponse()
    first = ["away"]
    if dial:
        _say(response, languages, *first, "away_dial")
        response.dial(dial, timeout=RING_SECONDS, answer_on_bridge=True)
        first = []
    if dial and records:
        _say(response, languages, "away_dialled")
        response.pause(length=TO_LEAVE)
    if records:
        _say(response, languages, *first, "away_record")
        start = Start()
        start.recording(channels="mono", track="inbound", trim="do-not-trim")
        response.append(start)
        response.pause(length=LONGEST)
        _say(response, languages, "goodbye")
    else:
        _say(response, languages, *first, "away_noted", "goodbye")
    response.hangup()
    return str(response)


def _say(response: VoiceResponse, languages: Sequence[Prompts], *names: str) -> None:
    """Say sentences that follow each other, all of them in one language before the next one has its turn."""
    for words in languages:
        for name in names:
            speak(response, words, words.say(name))
