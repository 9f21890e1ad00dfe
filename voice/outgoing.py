"""What calls of ours share: the words a policy has for things, TwiML that asks for one key, and who answered.

Only a pressed key counts: an answering machine is told nothing, and nobody has been reached by it.
https://www.twilio.com/docs/voice/answering-machine-detection
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from uuid import UUID

from sqlalchemy.orm import Session
from twilio.twiml.voice_response import Gather, VoiceResponse

from models import tables
from models.calling import OnDuty
from voice import prompts
from voice.prompts import Prompts
from voice.twiml import ANSWER_SECONDS, RETRIES

YES = "1"
LONGEST_TALK = 24 * 60 * 60
"""Seconds after which Twilio ends a talk of two: its most, and not the four hours that it takes unless told.

https://www.twilio.com/docs/voice/twiml/dial#timelimit
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """How a request's policy names things: its level (empty where none is decided), and whose support it is."""

    level: str
    support: str


Naming = Callable[[tables.requests.Request], Named]
"""The names a request's policy has."""

Settle = Callable[[Session, UUID], None]
"""Let the state of a step of escalation follow its notices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """How a customer whom a call of ours has reached comes to one of us.

    `people` are the telephones to ring for them, one after the other. `missed`: nobody took a call that the house
    placed by itself, so that the desk must see to it; once for each attempt, however often it is told.
    """

    people: Callable[[Session, tables.progress.Callback, datetime], Iterable[OnDuty]] = lambda *_: ()
    missed: Callable[[Session, tables.progress.Callback, datetime], None] = lambda *_: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """What the flows need besides the session; `language` is spoken where a request's own is not known.

    `from_number` is shown to an engineer whom a customer is connected to (E.164); without it nobody is.
    """

    public_url: str
    language: str
    naming: Naming
    settle: Settle
    wording: Callable[[str], Prompts] = prompts.load
    handover: Handover = field(default_factory=Handover)
    from_number: str = ""


def ask(words: Prompts, here: str, *sentences: str, seconds: int = ANSWER_SECONDS) -> str:
    """TwiML that asks for one key, which goes to `here`; so does silence after so many seconds, as an empty key.

    It may stand before two calls are connected: there Twilio knows Say, Play, Gather and Hangup only, and a document
    that ends without hanging up connects the two (https://www.twilio.com/docs/voice/twiml/number#url).
    """
    response = VoiceResponse()
    gather = Gather(
        input="dtmf",
        action=here + RETRIES,
        method="POST",
        timeout=seconds,
        num_digits=1,
        action_on_empty_result=True,
    )
    for sentence in sentences:
        gather.say(sentence, language=words.tag, voice=words.voice or None)
    response.append(gather)
    response.hangup()
    return str(response)


def tell(words: Prompts, name: str) -> str:
    """TwiML that says a sentence and hangs up."""
    response = VoiceResponse()
    response.say(words.say(name), language=words.tag, voice=words.voice or None)
    response.hangup()
    return str(response)


def hang_up() -> str:
    """TwiML that says nothing at all."""
    response = VoiceResponse()
    response.hangup()
    return str(response)


def not_needed(speech: Speech) -> str:
    """TwiML for a call we know nothing of."""
    return tell(speech.wording(speech.language), "not_needed")


def is_machine(answered_by: str | None) -> bool:
    """Whether an answering machine or a fax took the call; where Twilio does not know, the key will tell."""
    return answered_by is not None and (answered_by.startswith("machine") or answered_by == "fax")


def moment(told: str, now: datetime) -> datetime:
    """When something happened, as Twilio tells it (RFC 2822); `now` where that cannot be read, or lies ahead."""
    try:
        at = parsedate_to_datetime(told)
    except ValueError:
        return now
    return min(at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC), now)
