"""A webhook's parameters as what the caller did. Pure.

https://www.twilio.com/docs/voice/twiml/gather#action
"""

import re
from collections.abc import Callable, Iterator, Mapping

import phonenumbers

from models.terms import Party
from voice import phrases
from voice.menu import Heard
from voice.prompts import Prompts
from voice.twiml import RECORD_PAUSE

Identify = Callable[[str], Party | None]
"""A caller's number to a comparable party; None for withheld and malformed ones."""
MayRing = Callable[[str], bool]
"""Whether the house may ring a number (E.164)."""

LONGEST_SPEECH = 4_000
SHORTEST_NUMBER = 6
ABROAD = "00"
"""Stands for the plus sign before a number; other countries' signs (011) are read where the caller is."""
SURE = 0.5
"""Below this confidence words were heard badly: then nothing is taken from them that would keep somebody from help.

Zero is what a recogniser tells that does not say how sure it is (Google's speech API), and Twilio promises none.
"""
RECORDING_SID = re.compile(r"RE[0-9a-f]{32}")
RECORDING_URL = re.compile(rf"/Recordings/({RECORDING_SID.pattern})(?:\.\w+)?$")
COUNTED = {"1": phrases.YES, "2": phrases.NO}
"""The keys of a yes and a no, said as numbers."""
AGREEING = frozenset({phrases.YES, phrases.FINE, phrases.RECORD, phrases.BESIDE})
DENYING = frozenset({phrases.NO, phrases.NOT, phrases.BESIDE})
HANGUP = "hangup"
"""What Twilio sends for keys when the caller left a recording by hanging up."""
ATTESTATION = re.compile(r"[A-Za-z-]{1,60}")


def hear(
    params: Mapping[str, str], words: Prompts, identify: Identify, may_ring: MayRing = lambda _number: True
) -> Heard:
    """What the caller did, by key or by voice; a key outranks words. A number that may not be rung is none."""
    keyed = params.get("Digits", "").strip()
    keyed = "" if keyed == HANGUP else keyed
    speech = params.get("SpeechResult", "").strip()[:LONGEST_SPEECH]
    confidence = params.get("Confidence", "")[:10]
    sure = confidence_of(confidence)
    said = () if keyed else words.found(speech)
    counted = "" if keyed else words.counted(speech)
    numerals = keyed.replace("*", phrases.PLUS, 1) or words.numerals(speech)
    digits = re.sub(r"\D", "", numerals)
    number = _number(re.sub(r"[^\d+]", "", numerals), params, identify)
    is_barred = bool(number) and not may_ring(number)
    return Heard(
        key=keyed or words.key_of(speech),
        digits=digits or ("" if _is_hash_alone(params) else None),
        number="" if is_barred else number,
        is_barred=is_barred,
        speech=speech,
        confidence=confidence,
        recording=recording_of(params),
        meant=phrases.RECORD if counted == "1" else phrases.meant(said),
        outage=COUNTED.get(counted) or phrases.outage(said),
        is_plain=bool(keyed or counted) or set(said) <= AGREEING,
        is_nothing=bool(said) and set(said) <= DENYING,
        is_unclear=not keyed and sure is not None and 0 < sure < SURE,
        is_quiet=_is_quiet(params),
    )


def recording_of(params: Mapping[str, str]) -> str:
    """The recording a webhook is about, or nothing: the action of <Record> is promised its address alone.

    https://www.twilio.com/docs/voice/twiml/record#attributes-action-parameters
    """
    if sid := params.get("RecordingSid", ""):
        return sid if RECORDING_SID.fullmatch(sid) else ""
    named = RECORDING_URL.search(params.get("RecordingUrl", ""))
    return named[1] if named else ""


def attestation_of(params: Mapping[str, str]) -> str:
    """How the caller's network vouches for their number, as Twilio tells it, or nothing: a hint, never a proof.

    https://www.twilio.com/docs/voice/trusted-calling-with-shakenstir
    """
    told = params.get("StirVerstat", "")
    return told if ATTESTATION.fullmatch(told) else ""


def confidence_of(text: str) -> float | None:
    """How sure speech recognition was, 0 to 1; None where it did not say."""
    try:
        sure = float(text)
    except ValueError:
        return None
    return sure if 0 <= sure <= 1 else None


def _is_quiet(params: Mapping[str, str]) -> bool:
    """Whether a recording holds no more than the silence that ended it: Twilio keeps such ones, too."""
    lasted = params.get("RecordingDuration", "")
    return not params.get("Digits") and lasted.isdecimal() and abs(int(lasted[:9]) - RECORD_PAUSE) <= 1


def _is_hash_alone(params: Mapping[str, str]) -> bool:
    """Whether the finishing key was the only one: Twilio then sends empty Digits, and which key it was."""
    return params.get("Digits") == "" and params.get("FinishedOnKey", "#") == "#" and "SpeechResult" not in params


def _number(plain: str, params: Mapping[str, str], identify: Identify) -> str:
    """The telephone number that was keyed or said, in E.164: the first reading that is in use, else one that could be.

    A number without a country is read as whoever calls would dial it, then as in the country of the number called.
    """
    if len(plain) < SHORTEST_NUMBER:
        return ""
    regions = [_region(party.value) for end in ("From", "To") if (party := identify(params.get(end, "")))]
    found = [party.value for each in _readings(plain, regions) if (party := identify(each))]
    return next(filter(_is_in_use, found), found[0] if found else "")


def _readings(plain: str, regions: list[str]) -> Iterator[str]:
    """A number in every way it may be meant, the likeliest first; the last leave the country to the desk."""
    if not plain.startswith(phrases.PLUS):
        if plain.startswith(ABROAD):
            yield phrases.PLUS + plain.removeprefix(ABROAD)
        for region in regions:
            try:
                number = phonenumbers.parse(plain, region)
            except phonenumbers.NumberParseException:
                continue
            yield phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    yield plain
    if not plain.startswith(phrases.PLUS) and _is_in_use(phrases.PLUS + plain):
        yield phrases.PLUS + plain


def _region(number: str) -> str:
    """The country (ISO 3166) of a number in E.164; of several that share a code, the main one where it is not told."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ""
    code = parsed.country_code or 0
    return phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(code)


def _is_in_use(number: str) -> bool:
    """Whether a number in E.164 is of a range that its country has given out."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False
