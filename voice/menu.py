"""The conversation as a table of steps. Pure: what the caller did → what comes next.

Three misses at a step never end in silence: the step is left with what is known, and the caller
goes on to the next one, to a recording where no number was understood, and to a reference.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

MOST_MISSES = 3
LAST = "receipt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the caller did. `key` is the one key pressed, or the one their "yes" (1) or "no" (2) stands for.

    `digits` are all the keys, or the digits spoken; empty for the hash key alone, None for nothing keyed.
    `number` is the same as a telephone number in E.164, empty where it is none or a withheld one.
    """

    key: str = ""
    digits: str | None = None
    number: str = ""
    speech: str = ""
    confidence: str = ""
    recording: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Where a call stands: its step, how often it was tried before, what the caller told us.

    `understood` is False just after an answer that was not; each `step` and `misses` come once in a call.
    """

    step: str
    misses: int = 0
    answers: Mapping[str, str]
    understood: bool = True


Answer = Callable[[Turn, Heard], Mapping[str, str] | None]
"""What a step learns from what was heard; None if the caller was not understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One question: how its answer is read, what is assumed after three tries, and what follows.

    A step that follows itself asks again: it reads back what was keyed.
    """

    read: Answer
    otherwise: Mapping[str, str]
    follows: Callable[[Mapping[str, str]], str]


def opening(languages: tuple[str, ...]) -> str:
    """The first step: the choice of a language where there is one."""
    return "language" if len(languages) > 1 else "consent"


def _language(turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    keys = {str(key): each for key, each in enumerate(turn.answers.get("languages", "").split(","), 1)}
    return {"language": keys[heard.key]} if heard.key in keys else None


def _yes_or_no(name: str) -> Answer:
    def read(_turn: Turn, heard: Heard) -> Mapping[str, str] | None:
        said = {"1": "yes", "2": "no"}.get(heard.key)
        return {name: said} if said else None

    return read


def _account(_turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    """An account number; the hash key alone, or "no", says that it is not at hand."""
    if heard.digits:
        return {"account": heard.digits[:20]}
    return {} if heard.digits is not None or heard.key == "2" else None


def _account_check(_turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    if heard.key == "1":
        return {"account_confirmed": "yes"}
    return {"account": heard.digits[:20]} if heard.digits else None


def _problem(turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    """What the caller said; nothing said leads to a recording, or is asked again where none is allowed."""
    if heard.speech:
        return {"problem": heard.speech, "confidence": heard.confidence}
    return {} if turn.answers.get("consent") == "yes" else None


def _recorded(_turn: Turn, heard: Heard) -> Mapping[str, str]:
    return {"recording": heard.recording or "none"}


def _phone(turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    """The caller's own number confirmed with 1, or another one; a withheld number cannot be confirmed."""
    if heard.key == "1" and turn.answers.get("caller"):
        return {"phone": turn.answers["caller"], "phone_confirmed": "yes"}
    return {"phone": heard.number, "phone_confirmed": "keyed"} if heard.number else None


def _phone_check(_turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    if heard.key == "1":
        return {"phone_confirmed": "yes"}
    return {"phone": heard.number} if heard.number else None


def _after_consent(answers: Mapping[str, str]) -> str:
    return "problem" if answers.get("known") == "yes" else "account"


def _after_account(answers: Mapping[str, str]) -> str:
    return "account_check" if answers.get("account") and "account_confirmed" not in answers else "problem"


def _after_problem(answers: Mapping[str, str]) -> str:
    return "down" if answers.get("problem") or answers.get("consent") != "yes" else "record"


def _after_recording(answers: Mapping[str, str]) -> str:
    return LAST if "down" in answers else "down"


def _after_phone(answers: Mapping[str, str]) -> str:
    """The number keyed is read back; one never understood may be spoken into a recording."""
    if answers.get("phone_confirmed") == "keyed":
        return "phone_check"
    recordable = answers.get("consent") == "yes" and "recording" not in answers
    return "record" if recordable and not answers.get("phone") else LAST


STEPS: Mapping[str, Step] = {
    "language": Step(read=_language, otherwise={}, follows=lambda _: "consent"),
    "consent": Step(read=_yes_or_no("consent"), otherwise={"consent": "no"}, follows=_after_consent),
    "account": Step(read=_account, otherwise={}, follows=_after_account),
    "account_check": Step(read=_account_check, otherwise={"account_confirmed": "no"}, follows=_after_account),
    "problem": Step(read=_problem, otherwise={}, follows=_after_problem),
    "record": Step(read=_recorded, otherwise={}, follows=_after_recording),
    "down": Step(read=_yes_or_no("down"), otherwise={"down": "unknown"}, follows=lambda _: "phone"),
    "phone": Step(read=_phone, otherwise={"phone_confirmed": "no"}, follows=_after_phone),
    "phone_check": Step(read=_phone_check, otherwise={"phone_confirmed": "no"}, follows=_after_phone),
}


def advance(turn: Turn, heard: Heard) -> Turn:
    """The next turn after what was heard; the last step stays where it is."""
    if turn.step == LAST:
        return turn
    step = STEPS[turn.step]
    learnt = step.read(turn, heard)
    answers = {**turn.answers, **(learnt or {})}
    if learnt is None or step.follows(answers) == turn.step:
        if turn.misses + 1 < MOST_MISSES:
            return replace(turn, misses=turn.misses + 1, answers=answers, understood=learnt is not None)
        answers |= step.otherwise
    return Turn(step=step.follows(answers), answers=answers)
