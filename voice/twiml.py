"""A step as TwiML (https://www.twilio.com/docs/voice/twiml). Pure; a caller's words are text, never markup."""

import re
from collections.abc import Mapping
from itertools import pairwise
from urllib.parse import urlencode

import phonenumbers
from twilio.twiml.voice_response import Gather, VoiceResponse

from voice.menu import KEYS, LAST, MOMENT, Turn, own_number
from voice.prompts import Prompts

RETRIES = "#rc=2&rp=ct,rt,5xx"
"""Twilio retries twice where it finds no connection, and on server errors (by default: once, on connection only).

A read that takes too long is named too (`rt` in `rp`), and is not tried again as it stands: reading may take fifteen
seconds, which is all that a webhook and its retries have together.
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""
ANSWER_SECONDS = 6
GO_ON_SECONDS = 3
"""How long a caller who is told something is waited for, where silence goes on."""
RECORD_SECONDS = 119
"""Twilio transcribes recordings shorter than two minutes (error 13617)."""
LONG_NUMBERS = frozenset({"account", "account_check", "phone", "phone_check"})
MOST_HINTS = 8
"""Of each list of words, the first: the likeliest."""
FREE = frozenset({"problem", "note", "account", "phone"})
"""Steps whose answer is not one of a few words."""
PAUSES = {"problem": 3, "note": 3, **dict.fromkeys(LONG_NUMBERS, 2)}
"""Seconds of silence that end what is said at a step. A few words end at the first pause ("auto"), but whoever
describes something thinks, and numbers are said in groups.

https://www.twilio.com/docs/voice/twiml/gather#speechtimeout
"""
RECORD_ENDS = "#0*"
"""Keys that end a recording: the hash key, and those that mean the same at every step."""
RECORD_PAUSE = 10
"""Seconds of silence that end a recording: Twilio's own five would end it while somebody thinks.

https://www.twilio.com/docs/voice/twiml/record#timeout
"""
SOON, MOST_MINUTES, MOST_HOURS = 2, 90, 48
MOMENT_SECONDS = 2
"""Of silence, as often as a question is asked, while a suggestion is waited for."""
MOST_AT_ONCE, MOST_IN_GROUP = 6, 4
"""Signs that are spoken without a pause where they are all, and where there are more."""


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
    before = [*(_greeting(turn, words) if first else []), *_before(turn, words)]
    if turn.step == LAST:
        for sentence in (*before, *farewell(turn.answers, words, reference)):
            speak(response, words, sentence)
        response.hangup()
        return str(response)
    here = address(public_url, turn)
    if turn.step == MOMENT:
        _wait(response, turn, words)
    elif is_recorded(turn):
        for sentence in (*before, words.say("record_note" if turn.step == "note" else turn.step)):
            speak(response, words, sentence)
        _record(response, words, public_url, here)
    elif turn.step == "language":
        _choose(response, words, before, offered, here)
    else:
        _ask(response, turn, words, before, here)
    response.redirect(here + RETRIES, method="POST")  # no answer at all comes back as one that was not understood
    return str(response)


def address(public_url: str, turn: Turn) -> str:
    """Where this turn's answer goes: step and try only, nothing about the caller."""
    return f"{public_url}/voice/turn?{urlencode({'step': turn.step, 'try': turn.attempt})}"


def is_recorded(turn: Turn) -> bool:
    """Whether a step is answered into a recording; without consent none is."""
    return turn.answers.get("consent") == "yes" and turn.step in {"record", "record_number", "note"}


def _greeting(turn: Turn, words: Prompts) -> list[str]:
    """Who answers, and the keys that work anywhere: at once where there is no language to choose first."""
    greeting = words.say("greeting_known" if turn.answers.get("known") == "yes" else "greeting")
    return [greeting] if turn.step == "language" else [greeting, *_keys(turn, words)]


def _before(turn: Turn, words: Prompts) -> list[str]:
    """What a turn opens with."""
    if turn.opens_with == KEYS:
        return _keys(turn, words)
    return [words.say(turn.opens_with)] if turn.opens_with else []


def _keys(turn: Turn, words: Prompts) -> list[str]:
    """The keys that work anywhere; zero is told of only where somebody can be rung."""
    names = [KEYS, *(["anytime_person"] if turn.answers.get("staffed") == "yes" else [])]
    return [words.say(name) for name in names]


def _ask(response: VoiceResponse, turn: Turn, words: Prompts, before: list[str], here: str) -> None:
    long_number = turn.step in LONG_NUMBERS
    goes_on = turn.step == "consent" and turn.answers.get("mode") == "announce"
    gather = Gather(
        input="dtmf speech",
        action=here + RETRIES,
        method="POST",
        language=words.tag,
        timeout=GO_ON_SECONDS if goes_on else ANSWER_SECONDS,
        speech_timeout=str(PAUSES.get(turn.step, "auto")),
        hints=None if turn.step in FREE else ",".join(_hints(turn, words)),
        num_digits=None if long_number else 1,
        finish_on_key="#" if long_number else None,
        action_on_empty_result=True,  # else the hash key alone would not be told from silence
    )
    for sentence in (*before, *question(turn, words)):  # said inside, so that a caller need not hear it out
        speak(gather, words, sentence)
    response.append(gather)


def _hints(turn: Turn, words: Prompts) -> tuple[str, ...]:
    """What recognition should expect: the words of this step's answers."""
    if turn.step == "open":
        return words.lists["count"] or words.lists["yes"]
    more = ("unsure", "down") if turn.step == "down" else ()
    return tuple(phrase for name in ("yes", "no", *more) for phrase in words.lists[name][:MOST_HINTS])


def question(turn: Turn, words: Prompts) -> list[str]:
    """What a step asks, sentence by sentence."""
    known = turn.answers
    if turn.step == "phone":
        number = own_number(known)
        return [words.say("phone", number=spoken(number)) if number else words.say("phone_unknown")]
    if turn.step == "problem":
        return [words.say("problem"), *([words.say("or_record")] if known.get("consent") == "yes" else [])]
    if turn.step == "open":
        told = [words.say("open_update", update=known["open_update"])] if known.get("open_update") else []
        number = spoken(known.get("open_reference", ""))
        return [words.say("open", reference=number), *told, words.say("open_keys")]
    if turn.step == "consent" and known.get("mode") == "announce":
        return [words.say("announce")]
    about = {"account_check": "account", "phone_check": "phone"}.get(turn.step, "")
    return [words.say(turn.step, number=spoken(known.get(about, "")))]


def farewell(answers: Mapping[str, str], words: Prompts, reference: str) -> list[str]:
    """What is said at the end: the reference, twice; after a talk with a person once, and no more than that.

    A call back is promised only where a number is known, and whoever gave none is told so.
    """
    told, after = [], []
    if answers.get("reached") == "nobody":
        told = [words.say("nobody"), *([_expect(answers.get("due_minutes", ""), words)] if has_number(answers) else [])]
    if not has_number(answers) and answers.get("reached") != "yes":
        after = [words.say("no_number")]
    if answers.get("sms") == "yes":
        after.append(words.say("sent_sms"))
    name = "receipt_joined" if "joined" in answers else "receipt"
    if answers.get("reached") == "yes":
        name = "receipt_connected"
    return [*told, words.say(name, reference=spoken(reference)), *after, words.say("goodbye")]


def has_number(answers: Mapping[str, str]) -> bool:
    """Whether there is any number to call back on: one that was keyed, the caller's, or one in a recording."""
    is_recorded = answers.get("number_recording", "none") != "none"
    return is_recorded or bool(answers.get("phone") or own_number(answers))


def _expect(minutes: str, words: Prompts) -> str:
    """When to expect a call: in minutes up to an hour and a half, in hours up to two days, then in whole days."""
    if not minutes.isdecimal() or int(minutes) < SOON:
        return words.say("expect_soon")
    if int(minutes) <= MOST_MINUTES:
        return words.say("expect_minutes", minutes=minutes)
    hours = -(-int(minutes) // 60)
    if hours <= MOST_HOURS:
        return words.say("expect_hours", hours=str(hours))
    return words.say("expect_days", days=str(-(-hours // 24)))


def _wait(response: VoiceResponse, turn: Turn, words: Prompts) -> None:
    """A pause; that it is one is said once."""
    if not turn.misses:
        speak(response, words, words.say(MOMENT))
    response.pause(length=MOMENT_SECONDS)


def _choose(
    response: VoiceResponse, words: Prompts, before: list[str], offered: tuple[Prompts, ...], here: str
) -> None:
    gather = Gather(
        input="dtmf", action=here + RETRIES, method="POST", timeout=ANSWER_SECONDS, num_digits=1,
        action_on_empty_result=True,
    )  # fmt: skip
    for sentence in before:
        speak(gather, words, sentence)
    for key, language in enumerate(offered, 1):
        speak(gather, language, language.say("choose", key=str(key)))
    response.append(gather)


def _record(response: VoiceResponse, words: Prompts, public_url: str, here: str) -> None:
    response.record(
        action=here + RETRIES,
        method="POST",
        timeout=RECORD_PAUSE,
        max_length=RECORD_SECONDS,
        finish_on_key=RECORD_ENDS,
        play_beep=True,
        recording_status_callback=f"{public_url}/voice/recording{RETRIES}",
        recording_status_callback_event="completed absent",
        transcribe=True if words.transcribed else None,
        transcribe_callback=f"{public_url}/voice/transcript{RETRIES}" if words.transcribed else None,
    )


def speak(verb: VoiceResponse | Gather, words: Prompts, sentence: str) -> None:
    """Say a sentence in a language's own voice."""
    verb.say(sentence, language=words.tag, voice=words.voice or None)


def spoken(text: str) -> str:
    """A number or reference sign by sign, so that it can be written down: a long one in groups, with pauses.

    A comma is a pause in every voice and language. Telephone numbers are grouped as they are written in their country.
    """
    if len(_signs(text)) <= MOST_AT_ONCE:
        return " ".join(_signs(text))
    groups = [group for part in _parts(text) for group in _grouped(_signs(part))]
    return ", ".join(" ".join(group) for group in groups)


def _signs(text: str) -> str:
    return "".join(sign for sign in text if sign.isalnum() or sign == "+")


def _parts(text: str) -> list[str]:
    """What a number is made of: a country code, an area code, the rest; or what stands between other signs."""
    if text.startswith("+"):
        try:
            parsed = phonenumbers.parse(text)
        except phonenumbers.NumberParseException:
            return [text]
        written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
        return re.split(r"[\s-]+", written) if _signs(written) == text else [text]
    return re.findall(r"[^\W_]+", text)


def _grouped(signs: str) -> list[str]:
    """Groups of two to four signs, as alike as can be, the longer ones last; one alone is a group."""
    count = -(-len(signs) // MOST_IN_GROUP)
    ends = [len(signs) * place // count for place in range(count + 1)]
    return [signs[start:end] for start, end in pairwise(ends)]
