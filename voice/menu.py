"""The conversation as a table of steps. Pure: what the caller did → what comes next.

Three misses at a step never end in silence: the step is left with what is known, and the caller
goes on to the next one and to a reference.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

MOST_MISSES = 3
SHORTEST_NUMBER = 6
FIRST = "consent"
LAST = "receipt"
LONGEST_SPEECH = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Where a call stands: its step, how often the caller was not understood there, what they told us."""

    step: str = FIRST
    misses: int = 0
    answers: Mapping[str, str]


Answer = Callable[[Turn, Mapping[str, str]], Mapping[str, str] | None]
"""What a step learns from the webhook's parameters; None if the caller was not understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One question: how its answer is read, what is assumed after three misses, and what follows."""

    read: Answer
    otherwise: Mapping[str, str]
    follows: Callable[[Mapping[str, str]], str]


def _yes_or_no(name: str) -> Answer:
    def read(_turn: Turn, heard: Mapping[str, str]) -> Mapping[str, str] | None:
        said = {"1": "yes", "2": "no"}.get(heard.get("Digits", "").strip())
        return {name: said} if said else None

    return read


def _account(_turn: Turn, heard: Mapping[str, str]) -> Mapping[str, str] | None:
    """An account number, or the hash key alone for "not at hand" (Twilio then sends empty Digits)."""
    if "Digits" not in heard:
        return None
    digits = re.sub(r"\D", "", heard["Digits"])[:20]
    return {"account": digits} if digits else {}


def _problem(_turn: Turn, heard: Mapping[str, str]) -> Mapping[str, str] | None:
    """What the caller said; nothing said leads to a recording instead."""
    speech = heard.get("SpeechResult", "").strip()[:LONGEST_SPEECH]
    if not speech:
        return {}
    return {"problem": speech, "confidence": heard.get("Confidence", "")[:10]}


def _recorded(_turn: Turn, heard: Mapping[str, str]) -> Mapping[str, str] | None:
    return {"recording": heard["RecordingSid"]} if heard.get("RecordingSid") else {}


def _phone(turn: Turn, heard: Mapping[str, str]) -> Mapping[str, str] | None:
    """The caller's own number confirmed with 1, or another one keyed; a withheld number cannot be confirmed."""
    keyed = re.sub(r"[^\d*]", "", heard.get("Digits", "")).replace("*", "+", 1)
    if keyed == "1" and turn.answers.get("caller"):
        return {"phone": turn.answers["caller"], "phone_confirmed": "yes"}
    if len(keyed) >= SHORTEST_NUMBER:
        return {"phone": keyed[:20], "phone_confirmed": "keyed"}
    return None


def _after_consent(answers: Mapping[str, str]) -> str:
    return "problem" if answers.get("known") == "yes" else "account"


def _after_problem(answers: Mapping[str, str]) -> str:
    return "down" if answers.get("problem") or answers.get("consent") != "yes" else "record"


STEPS: Mapping[str, Step] = {
    "consent": Step(read=_yes_or_no("consent"), otherwise={"consent": "no"}, follows=_after_consent),
    "account": Step(read=_account, otherwise={}, follows=lambda _: "problem"),
    "problem": Step(read=_problem, otherwise={}, follows=_after_problem),
    "record": Step(read=_recorded, otherwise={}, follows=lambda _: "down"),
    "down": Step(read=_yes_or_no("down"), otherwise={}, follows=lambda _: "phone"),
    "phone": Step(read=_phone, otherwise={}, follows=lambda _: LAST),
}


def advance(turn: Turn, heard: Mapping[str, str]) -> Turn:
    """The next turn after what was heard; the last step stays where it is."""
    if turn.step == LAST:
        return turn
    step = STEPS[turn.step]
    learnt = step.read(turn, heard)
    if learnt is None:
        if turn.misses + 1 < MOST_MISSES:
            return replace(turn, misses=turn.misses + 1)
        learnt = step.otherwise
    answers = {**turn.answers, **learnt}
    return Turn(step=step.follows(answers), misses=0, answers=answers)
