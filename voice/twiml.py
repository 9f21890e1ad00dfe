"""A step as TwiML (https://www.twilio.com/docs/voice/twiml). Pure; a caller's words are text, never markup."""

from urllib.parse import urlencode

from twilio.twiml.voice_response import Gather, VoiceResponse

from voice.menu import LAST, Turn
from voice.prompts import Prompts

RETRIES = "#rc=2&rp=ct,rt,5xx"
"""Twilio retries twice on connection, read and server errors (by default: once, on connection only)."""
ANSWER_SECONDS = 6
RECORD_SECONDS = 119
"""Twilio transcribes recordings shorter than two minutes (error 13617)."""
LONG_NUMBERS = frozenset({"account", "account_check", "phone", "phone_check"})


def say(
    turn: Turn,
    words: Prompts,
    *,
    public_url: str,
    reference: str,
    first: bool = False,
    offered: tuple[Prompts, ...] = (),
) -> str:
    """The TwiML of a turn: what is said, and where the caller's answer goes. `offered` are languages to choose from."""
    response = VoiceResponse()
    if first:
        _speak(response, words, words.say("greeting_known" if turn.answers.get("known") == "yes" else "greeting"))
    if not turn.understood:
        _speak(response, words, words.say("missed"))
    if turn.step == LAST:
        _speak(response, words, words.say("receipt", reference=spoken(reference)))
        response.hangup()
        return str(response)
    here = address(public_url, turn)
    if turn.step == "record":
        _record(response, turn, words, public_url, here)
    elif turn.step == "language":
        _choose(response, offered, here)
    else:
        _ask(response, turn, words, here)
    response.redirect(here + RETRIES, method="POST")  # no answer at all comes back as one that was not understood
    return str(response)


def address(public_url: str, turn: Turn) -> str:
    """Where this turn's answer goes: step and try only, nothing about the caller."""
    return f"{public_url}/voice/turn?{urlencode({'step': turn.step, 'try': turn.misses})}"


def _ask(response: VoiceResponse, turn: Turn, words: Prompts, here: str) -> None:
    long_number = turn.step in LONG_NUMBERS
    gather = Gather(
        input="dtmf speech",
        action=here + RETRIES,
        method="POST",
        language=words.tag,
        timeout=ANSWER_SECONDS,
        speech_timeout="auto",
        hints=None if turn.step in {"problem", "account", "phone"} else ",".join((*words.yes, *words.no)),
        num_digits=None if long_number else 1,
        finish_on_key="#" if long_number else None,
        action_on_empty_result=True,  # else the hash key alone would not be told from silence
    )
    _speak(gather, words, question(turn, words))
    response.append(gather)


def question(turn: Turn, words: Prompts) -> str:
    """What a step asks."""
    known = turn.answers
    if turn.step == "phone":
        number = known.get("caller", "")
        return words.say("phone", number=spoken(number)) if number else words.say("phone_unknown")
    if turn.step == "problem" and known.get("consent") == "yes":
        return f"{words.say('problem')} {words.say('or_record')}"
    about = {"account_check": "account", "phone_check": "phone"}.get(turn.step, "")
    return words.say(turn.step, number=spoken(known.get(about, "")))


def _choose(response: VoiceResponse, offered: tuple[Prompts, ...], here: str) -> None:
    gather = Gather(
        input="dtmf", action=here + RETRIES, method="POST", timeout=ANSWER_SECONDS, num_digits=1,
        action_on_empty_result=True,
    )  # fmt: skip
    for key, language in enumerate(offered, 1):
        _speak(gather, language, language.say("choose", key=str(key)))
    response.append(gather)


def _record(response: VoiceResponse, turn: Turn, words: Prompts, public_url: str, here: str) -> None:
    _speak(response, words, words.say("record_number" if "down" in turn.answers else "record"))
    response.record(
        action=here + RETRIES,
        method="POST",
        max_length=RECORD_SECONDS,
        finish_on_key="#",
        play_beep=True,
        recording_status_callback=f"{public_url}/voice/recording{RETRIES}",
        recording_status_callback_event="completed absent",
        transcribe=True if words.transcribed else None,
        transcribe_callback=f"{public_url}/voice/transcript{RETRIES}" if words.transcribed else None,
    )


def _speak(verb: VoiceResponse | Gather, words: Prompts, sentence: str) -> None:
    verb.say(sentence, language=words.tag)


def spoken(text: str) -> str:
    """A number or reference sign by sign, so that it can be written down."""
    return " ".join(sign for sign in text if sign.isalnum() or sign == "+")
