"""A caller who is none: follows TwiML as Twilio would and presses keys, in a transaction that is rolled back.

https://www.twilio.com/docs/voice/twiml
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4
from xml.etree import ElementTree as ET

import structlog
from sqlalchemy.orm import Session

from models import tables
from models.calling import OnDuty, Rehearsed
from models.errors import Unavailable
from voice import calls
from voice.menu import CONNECT, LAST
from voice.switch import Switch

MOST_TURNS = 60
CHARACTERS_A_SECOND = 14
"""How fast a voice speaks."""
RECORDED_SECONDS = 5
KEYS = {"account": "", "open": "3", "phone_check": "1"}
"""What is pressed at a step where it is not 1; nothing is the hash key alone."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A call as it went; `broken` says in words what Twilio could not have followed.

    `answers` are the seconds we took for each step, `unheard` those of the longest speech nobody can interrupt.
    `is_over` is whether it came to its end.
    """

    turns: tuple[Rehearsed, ...]
    rings: tuple[OnDuty, ...]
    answers: tuple[tuple[str, float], ...]
    unheard: float
    broken: tuple[str, ...]
    is_over: bool


class Caller:
    """Somebody who dials, agrees to a recording, says that production is down, all by key, and waits for a person."""

    def __init__(
        self, session: Session, switch: Switch, at: datetime, *, account_sid: str, number: str, language: str | None
    ) -> None:
        self.session, self.switch, self.at = session, switch, at
        self.language = language
        to = next((each for each, spoken in switch.numbers.items() if language in {None, *spoken}), switch.from_number)
        self.sid = f"CA{uuid4().hex}"
        self.params = {"CallSid": self.sid, "AccountSid": account_sid, "From": number, "To": to}
        self.turns: list[Rehearsed] = []
        self.rings: list[OnDuty] = []
        self.answers: list[tuple[str, float]] = []
        self.broken: list[str] = []
        self.unheard = self.waiting = 0.0
        self.is_over = False

    def play(self) -> Played:
        """The whole call.

        Raises:
            Unavailable: PostgreSQL is away.

        """
        document = self._ask("the first ring", f"{self.switch.public_url}/voice/inbound", {"CallStatus": "ringing"})
        while document and len(self.answers) < MOST_TURNS:
            document = self._follow(document)
        if document:
            self.broken.append(f"the call did not end within {MOST_TURNS} turns")
        return Played(
            turns=tuple(self.turns),
            rings=tuple(self.rings),
            answers=tuple(self.answers),
            unheard=self.unheard,
            broken=tuple(self.broken),
            is_over=self.is_over,
        )

    def _follow(self, document: str) -> str:
        """Hear a document to where it asks something; the next one, or nothing where the call is over."""
        heard: list[str] = []
        for verb in ET.fromstring(document):  # noqa: S314 - our own
            if verb.tag == "Say":
                heard.append(verb.text or "")
                self._listen(heard[-1], can_interrupt=False)
            elif verb.tag == "Gather":
                return self._press(verb, heard)
            elif verb.tag == "Record":
                return self._record(verb, heard)
            elif verb.tag == "Dial":
                return self._wait(verb, heard)
            elif verb.tag == "Redirect":
                step = _query(verb.text or "").get("step", CONNECT)
                self._note(step, heard, "")
                return self._ask(step, verb.text or "", {})
            elif verb.tag == "Hangup":
                self.is_over = True
                self._note(LAST, heard, "")
                return ""
        self._note(LAST, heard, "")
        self.broken.append("a document ends without Redirect or Hangup: the call would break off there")
        return ""

    def _press(self, gather: ET.Element, heard: list[str]) -> str:
        action = gather.get("action", "")
        step = _query(action).get("step", "")
        for say in gather.iter("Say"):
            heard.append(say.text or "")
            self._listen(heard[-1], can_interrupt=True)
        if "dtmf" not in gather.get("input", "dtmf").split():
            self.broken.append(f"step {step} cannot be answered by key")
        digits = self._language_key() if step == "language" else KEYS.get(step, "1")
        is_long = gather.get("numDigits") is None
        self._note(step, heard, f"{digits}#" if is_long else digits)
        return self._ask(step, action, {"Digits": digits} | ({"FinishedOnKey": "#"} if is_long else {}))

    def _language_key(self) -> str:
        call = tables.calls.by_sid(self.session, self.sid)
        offered = call.answers.get("languages", "").split(",") if call else []
        return str(offered.index(self.language) + 1) if self.language in offered else "1"

    def _record(self, record: ET.Element, heard: list[str]) -> str:
        action = record.get("action", "")
        step = _query(action).get("step", "")
        self._note(step, heard, "#")
        self.waiting = 0.0
        made = {"RecordingSid": f"RE{uuid4().hex}", "RecordingDuration": str(RECORDED_SECONDS), "Digits": "#"}
        return self._ask(step, action, made)

    def _wait(self, dial: ET.Element, heard: list[str]) -> str:
        """Nobody picks up: the end of the round comes back as Twilio would tell it."""
        action = dial.get("action", "")
        self._note(CONNECT, heard, "")
        call = tables.calls.by_sid(self.session, self.sid)
        legs = tables.reaching.legs(self.session, call.id) if call else []
        number = _query(action).get("round", "")
        ringing = [leg for leg in legs if str(leg.round) == number]
        self.rings += [
            OnDuty(name=leg.name, number=leg.number, ring_seconds=leg.ring_seconds, round=leg.round) for leg in ringing
        ]
        self.at += timedelta(seconds=max((leg.ring_seconds for leg in ringing), default=0))
        self.waiting = 0.0
        return self._ask(CONNECT, action, {"DialCallStatus": "no-answer", "DialBridged": "false"})

    def _listen(self, sentence: str, *, can_interrupt: bool) -> None:
        seconds = len(sentence) / CHARACTERS_A_SECOND
        self.at += timedelta(seconds=seconds)
        self.waiting = 0.0 if can_interrupt else self.waiting + seconds
        self.unheard = max(self.unheard, self.waiting)

    def _note(self, step: str, heard: list[str], pressed: str) -> None:
        self.turns.append(Rehearsed(step=step, heard=tuple(heard), pressed=pressed))

    def _ask(self, step: str, url: str, said: Mapping[str, str]) -> str:
        """Our answer to what the caller did; nothing where it cannot be had."""
        params = {**self.params, "CallStatus": "in-progress", **said}
        began = time.perf_counter()
        try:
            document = self._answer(url, params)
        except Unavailable:
            raise
        except Exception as error:  # whatever it is, a caller would meet it
            log.exception("rehearsal.failed", step=step)
            self.broken.append(f"the answer at {step} failed: {type(error).__name__}")
            return ""
        self.answers.append((step, time.perf_counter() - began))
        return document

    def _answer(self, url: str, params: Mapping[str, str]) -> str:
        base, path, query = f"{self.switch.public_url}/voice/", urlsplit(url).path, _query(url)
        flow = path.rpartition("/voice/")[2] if url.startswith(base) else ""
        if flow == "inbound":
            return calls.first_ring(self.session, params, self.at, switch=self.switch)
        if flow == "turn":
            step, attempt = query.get("step", ""), query.get("try", "0")
            return calls.turn(self.session, step, attempt, params, self.at, switch=self.switch)
        if flow == "connect":
            return calls.connected(self.session, int(query["round"]), params, self.at, switch=self.switch)
        self.broken.append(f"{url or 'nothing'} is no address of our line")
        return ""


def _query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))
