"""A step as TwiML (https://www.twilio.com/docs/voice/twiml). Pure; a caller's words are text, never markup."""

from urllib.parse import urlencode

from twilio.twiml.voice_response import Gather, VoiceResponse

from voice.menu import LAST, Turn
from voice.prompts import Prompts

RETRIES = "#rc=2&rp=ct,rt,5xx"
"""Twilio retries twice on connection, read and server errors (by default: once, on connection only)."""
ANSWER_SECONDS = 6
RECORD_SECONDS = 120
"""Twilio transcribes recordings of at most two minutes."""


def say(turn: Turn, prompts: Prompts, *, public_url: str, reference: str, first: bool = False) -> str:
    """The TwiML of a turn: what is said, and where the caller's answer goes."""
    response = VoiceResponse()
    if first:
        _speak(response, prompts, prompts.say("greeting"))
    if turn.misses:
        _speak(response, prompts, prompts.say("missed"))
    if turn.step == LAST:
        _speak(response, prompts, prompts.say("receipt", reference=spoken(reference)))
        response.hangup()
        return str(response)
    here = address(public_url, turn)
    if turn.step == "record":
        _record(response, prompts, public_url, here)
    else:
        _ask(response, prompts, turn, here)
    response.redirect(here + RETRIES, method="POST")  # no answer at all comes back as one that was not understood
    return str(response)


def address(public_url: str, turn: Turn) -> str:
    """Where this turn's answer goes: step and try only, nothing about the caller."""
    return f"{public_url}/voice/turn?{urlencode({'step': turn.step, 'try': turn.misses})}"


def _ask(response: VoiceResponse, prompts: Prompts, turn: Turn, here: str) -> None:
    speech = turn.step == "problem"
    long_number = turn.step in ("account", "phone")
    gather = Gather(
        input="speech" if speech else "dtmf",
        action=here + RETRIES,
        method="POST",
        language=prompts.tag,
        timeout=ANSWER_SECONDS,
        speech_timeout="auto" if speech else None,
        num_digits=None if speech or long_number else 1,
        finish_on_key="#" if long_number else None,
        action_on_empty_result=True,
    )
    _speak(gather, prompts, question(turn, prompts))
    response.append(gather)


def question(turn: Turn, prompts: Prompts) -> str:
    """What a step asks."""
    if turn.step == "phone":
        number = turn.answers.get("caller", "")
        return prompts.say("phone", number=spoken(number)) if number else prompts.say("phone_unknown")
    return prompts.say(turn.step)


def _record(response: VoiceResponse, prompts: Prompts, public_url: str, here: str) -> None:
    _speak(response, prompts, prompts.say("record"))
    response.record(
        action=here + RETRIES,
        method="POST",
        max_length=RECORD_SECONDS,
        finish_on_key="#",
        play_beep=True,
        recording_status_callback=f"{public_url}/voice/recording{RETRIES}",
        recording_status_callback_event="completed absent",
        transcribe=True,
        transcribe_callback=f"{public_url}/voice/transcript{RETRIES}",
    )


def _speak(verb: VoiceResponse | Gather, prompts: Prompts, words: str) -> None:
    verb.say(words, language=prompts.tag)


def spoken(text: str) -> str:
    """A number or reference sign by sign, so that it can be written down."""
    return " ".join(sign for sign in text if sign.isalnum() or sign == "+")
