"""Telephones rung for a caller, and what their owners hear, as TwiML.

https://www.twilio.com/docs/voice/twiml/dial and https://www.twilio.com/docs/voice/twiml/number
"""

from collections.abc import Sequence
from uuid import UUID

from twilio.twiml.voice_response import Dial, VoiceResponse

from voice import outgoing
from voice.prompts import Prompts
from voice.twiml import RETRIES, spoken

SHORTEST_RING, LONGEST_RING = 5, 600
"""Seconds Twilio lets a telephone ring (`timeout` of Dial)."""
MOST_AT_ONCE = 10
"""Telephones that Twilio rings at once for one Dial."""
EVENTS = "initiated ringing answered completed"
"""What Twilio tells of each telephone; every end of it arrives as `completed`."""


def ring(
    words: Prompts,
    sentences: Sequence[str],
    *,
    public_url: str,
    from_number: str,
    round_number: int,
    seconds: int,
    telephones: Sequence[tuple[UUID, str]],
) -> str:
    """TwiML that tells the caller what happens, then rings these telephones (leg, E.164) at once.

    Whoever picks up first hears the whisper while the caller hears it ring; the end of it all comes back as a webhook.
    """
    response = VoiceResponse()
    for sentence in sentences:
        response.say(sentence, language=words.tag, voice=words.voice or None)
    dial = Dial(
        action=f"{public_url}/voice/connect?round={round_number}{RETRIES}",
        method="POST",
        timeout=min(max(seconds, SHORTEST_RING), LONGEST_RING),
        caller_id=from_number,
        answer_on_bridge=True,
        time_limit=outgoing.LONGEST_TALK,
    )
    for leg, number in telephones:
        here = f"{public_url}/voice/leg/{leg}"
        dial.number(
            number,
            url=here + RETRIES,
            method="POST",
            status_callback=f"{here}/status{RETRIES}",
            status_callback_method="POST",
            status_callback_event=EVENTS,
        )
    response.append(dial)
    return str(response)


def whisper(
    words: Prompts, *, public_url: str, leg: UUID, again: bool, reference: str, level: str, down: bool, joined: bool
) -> str:
    """TwiML for an engineer who picks up: which request it is, and two keys; never a customer's words."""
    said = [words.say("whisper" if level else "whisper_plain", level=level, reference=spoken(reference))]
    if joined:
        said.append(words.say("whisper_joined"))
    if down:
        said.append(words.say("whisper_down"))
    here = f"{public_url}/voice/leg/{leg}/key?try={int(again)}"
    return outgoing.ask(words, here, *said, words.say("whisper_keys"))


def bridge(words: Prompts) -> str:
    """TwiML that ends without hanging up: where a whisper ends, Twilio connects the two."""
    response = VoiceResponse()
    response.say(words.say("whisper_taken"), language=words.tag, voice=words.voice or None)
    return str(response)
