"""A webhook's parameters as what the caller did. Pure.

https://www.twilio.com/docs/voice/twiml/gather#action
"""

import re
from collections.abc import Callable, Mapping

from models.terms import Party
from voice.menu import Heard
from voice.prompts import Prompts

Identify = Callable[[str], Party | None]
"""A caller's number to a comparable party; None for withheld and malformed ones."""

LONGEST_SPEECH = 4_000
SHORTEST_NUMBER = 6
RECORDING_SID = re.compile(r"RE[0-9a-f]{32}")
HANGUP = "hangup"
"""What Twilio sends for keys when the caller left a recording by hanging up."""
ATTESTATION = re.compile(r"[A-Za-z-]{1,60}")


def hear(params: Mapping[str, str], words: Prompts, identify: Identify) -> Heard:
    """What the caller did, by key or by voice."""
    keyed = params.get("Digits", "").strip()
    keyed = "" if keyed == HANGUP else keyed
    speech = params.get("SpeechResult", "").strip()[:LONGEST_SPEECH]
    key = keyed or words.key_of(speech)
    digits = re.sub(r"\D", "", keyed or words.counted(speech) or speech)
    return Heard(
        key=key,
        digits=digits or ("" if _is_hash_alone(params) else None),
        number=_number(keyed.replace("*", "+", 1) or speech, identify),
        speech=speech,
        confidence=params.get("Confidence", "")[:10],
        recording=recording_of(params),
    )


def recording_of(params: Mapping[str, str]) -> str:
    """The recording a webhook is about, or nothing."""
    sid = params.get("RecordingSid", "")
    return sid if RECORDING_SID.fullmatch(sid) else ""


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


def _is_hash_alone(params: Mapping[str, str]) -> bool:
    """Whether the finishing key was the only one: Twilio then sends empty Digits, and which key it was."""
    return params.get("Digits") == "" and params.get("FinishedOnKey", "#") == "#" and "SpeechResult" not in params


def _number(said: str, identify: Identify) -> str:
    """The telephone number that was keyed or said, in E.164; a star before it stands for the plus sign."""
    plain = re.sub(r"[^\d+]", "", said)
    party = identify(plain) if len(plain) >= SHORTEST_NUMBER else None
    return party.value if party else ""
