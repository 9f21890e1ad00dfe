"""The conversation as a table of steps. Pure: what the caller did → what comes next.

Three misses at a step never end in silence: the step is left with what is known, and the caller goes on to the next
one, to a recording, to a person where one is on duty, and to a reference. Zero asks for a person anywhere, and the
conversation goes on where it was if there is none; star alone repeats a question. Neither is a miss, a few times at a
step and in a call; nor is another number where one was read back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

MOST_MISSES = 3
MOST_ASIDES = 3
"""How often a question is repeated, or taken up after a person was asked for; then it counts as a miss."""
MOST_ASIDES_IN_ALL = 6
"""How often that is done in a whole call, but for zero where somebody is there who was not rung yet."""
MOST_RENEWED = 3
"""How many other numbers are read back as if each were the first; then they count as misses."""
BARRED = "barred"
"""Stands among the answers of a caller whose own number the house may not ring; and the sentence that says so."""
DECLINED = "declined"
"""Stands among the answers of a caller who does not want to be called back on the number they call from."""
CONNECT = "connect"
"""The step at which telephones of ours ring; nothing is asked there."""
MOMENT = "moment"
"""The step at which a caller waits for what the desk makes of their words; nothing is asked there either."""
LAST = "receipt"
KEYS = "anytime"
"""The sentence that names the keys which work anywhere."""
PERSON, REPEAT = "0", "*"
"""Keys that mean the same at every step."""
NUMBERED = frozenset({"phone", "phone_check"})
"""Steps at which a telephone number is told."""
PASSING = frozenset({"asides", "renewed", "silent"})
"""What is noted among the answers only until the step is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the caller did. `key` is the one key pressed, or the one their words stand for ("yes" 1, "no" 2).

    `digits` are all the keys, or the digits spoken; empty for the hash key alone, None for nothing keyed.
    `number` is the same as a telephone number in E.164, empty where it is none, a withheld one, or one that the house
    may not ring (`is_barred`). `meant` is what words mean as a whole ("yes", "no", "unsure", "person", "repeat",
    "record", "lacking"), `outage` what they say of a system ("yes" it is down, "no", "unsure"), both empty where that
    cannot be told. `is_unclear`: the words were heard badly. `is_quiet`: nothing was said into the recording.
    `is_plain`: the words agree and say nothing else; `is_nothing`: they say that there is nothing.
    """

    key: str = ""
    digits: str | None = None
    number: str = ""
    speech: str = ""
    confidence: str = ""
    recording: str = ""
    meant: str = ""
    outage: str = ""
    is_unclear: bool = False
    is_barred: bool = False
    is_quiet: bool = False
    is_plain: bool = True
    is_nothing: bool = False

    @property
    def is_silence(self) -> bool:
        """Whether there was no answer at all; the hash key alone is one."""
        return not self.key and self.digits is None and not self.speech and not self.recording


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Where a call stands: its step, how often it was missed before, what the caller told us.

    `opens_with` names the sentence said before the question ("missed", `BARRED`, "nobody_now", `KEYS`), empty for none.
    """

    step: str
    misses: int = 0
    answers: Mapping[str, str]
    opens_with: str = ""

    @property
    def attempt(self) -> int:
        """A number that no earlier turn at this step had: with the step, it names the turn."""
        return self.misses + int(self.answers.get("again", "0"))


Answer = Callable[[Turn, Heard], Mapping[str, str] | None]
"""What a step learns from what was heard; None if the caller was not understood."""

Tell = Callable[[str, Mapping[str, str]], Mapping[str, str]]
"""A step that is left, with all answers → all answers with what the desk says to that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One question: how its answer is read, what is assumed after three tries, and what follows.

    A step that follows itself asks again: it reads back what was keyed.
    """

    read: Answer
    otherwise: Mapping[str, str]
    follows: Callable[[Mapping[str, str]], str]


def opening(answers: Mapping[str, str]) -> str:
    """The first step: the choice of a language where there is one."""
    return "language" if "," in answers.get("languages", "") else _after_language(answers)


def _language(turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    keys = {str(key): each for key, each in enumerate(turn.answers.get("languages", "").split(","), 1)}
    return {"language": keys[heard.key]} if heard.key in keys else None


def _down(_turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    """Not to know is an answer; a no that was heard badly is none, since nobody would be rung.

    Of words only what they say of a system counts: a no that says more ("no, we can't") is none.
    """
    said = heard.outage or ("" if heard.speech else {"1": "yes", "2": "no"}.get(heard.key, ""))
    if not said or (said == "no" and heard.is_unclear):
        return None
    return {"down": "unknown" if said == "unsure" else said}


def _consent(turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    """Yes or no; where a recording was announced, silence agrees. A yes has to be clear, and all of the answer."""
    said = {"1": "yes", "2": "no"}.get(heard.key)
    if said:
        return None if said == "yes" and (heard.is_unclear or not heard.is_plain) else {"consent": said}
    is_silent = not heard.key and not heard.speech
    return {"consent": "yes", "tacit": "yes"} if turn.answers.get("mode") == "announce" and is_silent else None


def _account(turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    """An account number or a PIN; the hash key alone, silence twice in a row, or words say that it is not at hand."""
    if heard.digits:
        return {"account": heard.digits[:20]}
    is_lacking = heard.digits is not None or heard.key == "2" or heard.meant in {"unsure", "lacking"}
    return {} if is_lacking or (heard.is_silence and "silent" in turn.answers) else None


def _account_check(_turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    """Right, another number, or wrong: then it is asked for again."""
    if heard.key == "1":
        return {"account_confirmed": "yes"}
    if heard.key == "2":
        return {}
    return {"account": heard.digits[:20]} if heard.digits else None


def _open(_turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    """What the caller wants of the request that is under way: its people, to add to it, or something else."""
    chosen = {"1": "people", "2": "note", "3": "other"}.get(heard.digits or "")
    return {"wants": chosen} if chosen else None


def _note(turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    if heard.recording:
        return {"note_recording": heard.recording}
    if heard.speech and (heard.is_nothing or heard.meant == "record"):
        return {}
    if heard.speech:
        return {"note": heard.speech, "note_confidence": heard.confidence}
    return {} if turn.answers.get("consent") == "yes" or heard.digits is not None else None


def _problem(turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    """What the caller said; nothing said leads to a recording, or is asked again where none is allowed."""
    if heard.speech and heard.meant != "record":
        return {"problem": heard.speech, "confidence": heard.confidence}
    return {} if turn.answers.get("consent") == "yes" else None


def _record(_turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    return {"recording": heard.recording or "none"}


def _record_number(_turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    """A number in a recording; none where nothing was said, for then nobody can be called back."""
    return {"number_recording": "none" if heard.is_quiet else heard.recording or "none"}


def _phone(turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    """The caller's own number confirmed with 1, or another one; none that is withheld, or may not be rung.

    Who says no to their own is asked for another, and not called on that one.
    """
    number = own_number(turn.answers)
    if number and heard.key in {"1", "2"}:
        return {"phone": number, "phone_confirmed": "yes"} if heard.key == "1" else {DECLINED: "yes"}
    return {"phone": heard.number, "phone_confirmed": "keyed"} if heard.number else None


def own_number(answers: Mapping[str, str]) -> str:
    """The number the call comes from where it can be called back on; else empty: withheld, declined, not to be rung."""
    return "" if {BARRED, DECLINED} & answers.keys() else answers.get("caller", "")


def _phone_check(_turn: Turn, heard: Heard) -> Mapping[str, str] | None:
    """Right, another number, or wrong: then it is asked for again."""
    if heard.key == "1":
        return {"phone_confirmed": "yes"}
    if heard.number:
        return {"phone": heard.number}
    return {} if heard.key == "2" else None


def _after_language(answers: Mapping[str, str]) -> str:
    return _after_consent(answers) if "consent" in answers else "consent"


def _after_consent(answers: Mapping[str, str]) -> str:
    return _after_account(answers) if answers.get("known") == "yes" else "account"


def _after_account(answers: Mapping[str, str]) -> str:
    """The number keyed is read back; then a request under way is offered, where the account has one."""
    if answers.get("account") and "account_confirmed" not in answers:
        return "account_check"
    return "open" if answers.get("open") and "wants" not in answers else "problem"


def _after_open(answers: Mapping[str, str]) -> str:
    return {"people": CONNECT, "note": "note"}.get(answers.get("wants", ""), "problem")


def _after_problem(answers: Mapping[str, str]) -> str:
    """A person where nothing was understood and nothing may be recorded, if one is on duty."""
    if answers.get("problem"):
        return "down"
    if answers.get("consent") == "yes":
        return "record"
    return CONNECT if answers.get("duty") == "yes" else "down"


def _after_phone(answers: Mapping[str, str]) -> str:
    """The number keyed is read back; one never understood may be spoken into a recording, or to a person."""
    if answers.get("phone_confirmed") == "keyed":
        return "phone_check"
    if DECLINED in answers and "phone_confirmed" not in answers:
        return "phone"
    if not answers.get("phone") and answers.get("consent") == "yes":
        return "record_number"
    return _after_number(answers)


def _after_number(answers: Mapping[str, str]) -> str:
    """Where the suggestion decides whether a person is wanted, and is not there yet, it is waited for."""
    return MOMENT if "awaits" in answers else _after_moment(answers)


def _moment(turn: Turn, _heard: Heard) -> Mapping[str, str] | None:
    return None if "awaits" in turn.answers else {}


def _after_moment(answers: Mapping[str, str]) -> str:
    return CONNECT if answers.get("duty") == "yes" else LAST


def _after_connect(answers: Mapping[str, str]) -> str:
    """Whoever wanted the people of a request under way, and got none, may leave them a note."""
    if answers.get("reached") == "yes" or "down" in answers:
        return LAST
    if "joined" in answers:
        return "note" if answers.get("wants") == "people" else LAST
    return "down"


STEPS: Mapping[str, Step] = {
    "language": Step(read=_language, otherwise={}, follows=_after_language),
    "consent": Step(read=_consent, otherwise={"consent": "no"}, follows=_after_consent),
    "account": Step(read=_account, otherwise={}, follows=_after_account),
    "account_check": Step(read=_account_check, otherwise={"account_confirmed": "no"}, follows=_after_account),
    "open": Step(read=_open, otherwise={"wants": "other"}, follows=_after_open),
    "note": Step(read=_note, otherwise={}, follows=lambda _: LAST),
    "problem": Step(read=_problem, otherwise={}, follows=_after_problem),
    "record": Step(read=_record, otherwise={}, follows=lambda _: "down"),
    "down": Step(read=_down, otherwise={"down": "unknown"}, follows=lambda _: "phone"),
    "phone": Step(read=_phone, otherwise={"phone_confirmed": "no"}, follows=_after_phone),
    "phone_check": Step(read=_phone_check, otherwise={"phone_confirmed": "no"}, follows=_after_phone),
    "record_number": Step(read=_record_number, otherwise={}, follows=_after_number),
    MOMENT: Step(read=_moment, otherwise={}, follows=_after_moment),
    CONNECT: Step(read=lambda *_: None, otherwise={}, follows=_after_connect),
}


def advance(
    turn: Turn,
    heard: Heard,
    tell: Tell = lambda _step, answers: answers,
    is_somebody_there: Callable[[], bool] = lambda: False,
) -> Turn:
    """The next turn after what was heard; the last step stays where it is, and so does one at which we ring.

    `tell` is called once for each step that is left, before what follows is chosen. `is_somebody_there` says whether
    zero would ring somebody whom it did not ring before.
    """
    if turn.step in {LAST, CONNECT}:
        return turn
    step = STEPS[turn.step]
    is_aside = heard.key in {PERSON, REPEAT}
    if is_aside and _may_go_aside(turn, heard, is_somebody_there):
        return _aside(turn, heard, step, tell)
    learnt = None if is_aside and not heard.recording else step.read(turn, heard)
    answers = {**turn.answers, **(learnt or {})}
    if learnt is None or step.follows(answers) == turn.step:
        if learnt and _count(turn, "renewed") < MOST_RENEWED:
            return _renewed(turn, answers)
        if turn.misses + 1 < MOST_MISSES:
            return _asked_again(turn, answers, heard, is_missed=learnt is None)
        answers |= step.otherwise
    return _left(turn, answers, step, tell)


def _may_go_aside(turn: Turn, heard: Heard, is_somebody_there: Callable[[], bool]) -> bool:
    if _count(turn, "asides") >= MOST_ASIDES:
        return False
    return _count(turn, "asides_in_all") < MOST_ASIDES_IN_ALL or (heard.key == PERSON and is_somebody_there())


def _left(turn: Turn, answers: Mapping[str, str], step: Step, tell: Tell) -> Turn:
    """The turn after a step; the keys that work anywhere are named once a language is chosen, in that one."""
    kept = {name: value for name, value in answers.items() if name not in PASSING}
    told = dict(tell(turn.step, kept))
    return Turn(step=step.follows(told), answers=told, opens_with=KEYS if turn.step == "language" else "")


def _asked_again(turn: Turn, answers: Mapping[str, str], heard: Heard, *, is_missed: bool) -> Turn:
    noted = {**answers, "silent": "yes"} if heard.is_silence else {**answers}
    if not heard.is_silence:
        noted.pop("silent", None)
    missed = BARRED if heard.is_barred and turn.step in NUMBERED else "missed"
    return replace(turn, misses=turn.misses + 1, answers=noted, opens_with=missed if is_missed else "")


def _renewed(turn: Turn, answers: Mapping[str, str]) -> Turn:
    """Another number is read back as the first was, with all tries before it."""
    counted = {"again": str(turn.attempt + 1), "renewed": str(_count(turn, "renewed") + 1)}
    return replace(turn, misses=0, answers={**answers, **counted}, opens_with="")


def _count(turn: Turn, name: str) -> int:
    return int(turn.answers.get(name, "0"))


def _aside(turn: Turn, heard: Heard, step: Step, tell: Tell) -> Turn:
    """Star asks again; zero rings somebody, and what was recorded until then has answered its step."""
    counted = {name: str(_count(turn, name) + 1) for name in ("again", "asides", "asides_in_all")}
    answers = {**turn.answers, **counted}
    answers.pop("silent", None)
    if heard.key == REPEAT:
        return replace(turn, answers=answers, opens_with="")
    learnt = (step.read(turn, heard) or {}) if heard.recording else {}
    if heard.recording not in learnt.values():
        return replace(turn, step=CONNECT, answers=answers | {"resume": turn.step}, opens_with="")
    after = _left(turn, {**answers, **learnt}, step, tell)
    return replace(after, step=CONNECT, answers={**after.answers, "resume": after.step})


def went_on(turn: Turn, reached: str) -> Turn:
    """The turn after telephones of ours rang, or none could: `reached` is "yes", "nobody", or "" where none rang.

    Whoever asked for a person goes on where they were; whoever is asked anything after that hears why.
    """
    answers = {**turn.answers, **({"reached": reached} if reached else {})}
    resume = answers.pop("resume", "")
    if resume and resume != CONNECT and reached != "yes":
        return replace(turn, step=resume, answers=answers, opens_with="nobody_now")
    step = _after_connect(answers)
    return Turn(step=step, answers=answers, opens_with="" if step == LAST else "nobody_now")
