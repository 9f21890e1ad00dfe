"""Twilio between a caller and our engineers' telephones: it obeys our TwiML, and posts our webhooks."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from twilio.request_validator import RequestValidator

ACCOUNT = "AC" + "a" * 32
TOKEN = "sample-token"
PUBLIC = "https://support.example.com"
CALLER = "CA" + "c" * 32


@dataclass(kw_only=True)
class Telephone:
    """What an engineer's telephone does when it rings: how soon it is picked up, by what, and the keys pressed then."""

    after: int | None = None
    keys: tuple[str, ...] = ()
    by: str = ""
    end: str = "no-answer"
    sip: str = ""

    def answers(self, *keys: str, after: int = 3) -> None:
        """Let somebody pick up, and press these keys, one each time they are asked."""
        self.after, self.keys = after, keys

    def is_a_machine(self, after: int = 2, *, detected: str = "") -> None:
        """Let a voicemail pick up, of which Twilio says nothing unless it `detected` one."""
        self.after, self.keys, self.by = after, (), detected

    def does_not(self, end: str = "no-answer", sip: str = "") -> None:
        """Let nothing pick up."""
        self.after, self.end, self.sip = None, end, sip


class Door:
    """Our webhooks, as Twilio posts to them."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def post(self, path: str, sid: str, **form: str) -> Any:
        """Post a signed webhook."""
        form = {"AccountSid": ACCOUNT, "CallSid": sid, **form}
        signature = RequestValidator(TOKEN).compute_signature(PUBLIC + path, form)
        return self.client.post(path, data=form, headers={"X-Twilio-Signature": signature})


@dataclass(kw_only=True)
class Twilio:
    """Twilio, which rings telephones as a Dial says, until the call goes on without one.

    Every webhook is sent `times` times. `late`: what it tells of telephones comes after the end of their round, the
    last first. `leaves_after`: the caller hangs up after so many seconds of ringing, or (`in_whisper`) while the
    engineer listens; `left_word` is what its network says of telephones then, `cut_off` of those it hung up on.
    `restarts`: each round finds another process of ours. `without` are parameters it does not know.
    """

    doors: Callable[[], Door]
    obeyed: Callable[[str], Any]
    whispered: Callable[[str], Any]
    clock: SimpleNamespace
    telephones: dict[str, Telephone]
    times: int = 1
    late: bool = False
    leaves_after: int | None = None
    in_whisper: bool = False
    restarts: bool = False
    left_word: str = "canceled"
    cut_off: str = "canceled"
    without: tuple[str, ...] = ()
    heard: list[str] = field(default_factory=list)
    whispers: list[str] = field(default_factory=list)
    rounds: list[tuple[str, ...]] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the door."""
        self.door, self.sids, self.waiting = self.doors(), itertools.count(1), []

    def obeys(self, document: str | None) -> "Twilio":
        """Follow a document, and what comes after it, to the end of the call."""
        while document is not None:
            root = self.obeyed(document)
            self.documents.append(document)
            self.heard.append(" ".join(each.text or "" for each in root.iter("Say")))
            dial = root.find("Dial")
            document = self._rings(dial) if dial is not None else None
        return self

    def listens(self, leg: "Child") -> bool:
        """Follow a whisper: whether the two are connected at its end."""
        path, keys = leg.path, iter(leg.telephone.keys)
        told = {"AnsweredBy": leg.telephone.by} if leg.telephone.by else {}
        while True:
            document = self._asks(path, leg.sid, CallStatus="in-progress", **told, **leg.about)
            root = self.whispered(document)
            self.whispers.append(document)
            gather = root.find("Gather")
            if gather is None:
                return root.find("Hangup") is None
            if self.in_whisper:
                return False
            pressed = next(keys, "")
            assert pressed or gather.get("actionOnEmptyResult") == "true"
            path, told = path_of(gather.get("action")), {"Digits": pressed}

    def tells(self, leg: "Child", status: str, **more: str) -> None:
        """Tell the status of a telephone's call, now or later."""
        at = f"{self.clock.now:%a, %d %b %Y %H:%M:%S +0000}"
        form = {"CallStatus": status, "Timestamp": at, **leg.about, **more}
        self.waiting.append(lambda: self._noted(f"{leg.path}/status", leg.sid, form))
        if not self.late:
            self.delivers()

    def delivers(self) -> None:
        """Deliver what is waiting, the last first."""
        while self.waiting:
            self.waiting.pop()()

    def ends(self, action: str, **told: str) -> str:
        """Tell the end of a round."""
        told = {name: value for name, value in told.items() if name not in self.without}
        return self._asks(path_of(action), CALLER, **{"CallStatus": "in-progress", **told})

    def _rings(self, dial: Any) -> str | None:
        if self.restarts:
            self.door = self.doors()
        legs = [self._child(number) for number in dial]
        self.rounds.append(tuple(leg.number for leg in legs))
        for leg in legs:
            self.tells(leg, "initiated")
            self.tells(leg, "ringing")
        ringing = self.leaves_after if self.leaves_after is not None else int(dial.get("timeout"))
        picked = [leg for leg in legs if (leg.telephone.after or 1000) <= ringing]
        first = min(picked, key=lambda leg: leg.telephone.after or 0, default=None)
        told = self._answered(first, legs) if first else self._unanswered(legs, ringing)
        has_left = self.leaves_after is not None or self.in_whisper
        document = self.ends(dial.get("action"), **told, **({"CallStatus": "completed"} if has_left else {}))
        self.delivers()
        return None if has_left else document

    def _answered(self, first: "Child", legs: list["Child"]) -> dict[str, str]:
        self.clock.now += timedelta(seconds=first.telephone.after or 0)
        self.tells(first, "in-progress")
        for other in legs:
            if other is not first:
                self.tells(other, self.cut_off)
        bridged = self.listens(first)
        self.clock.now += timedelta(seconds=60 if bridged else 10)
        self.tells(first, "completed", CallDuration="60")
        return {"DialCallStatus": "completed", "DialCallSid": first.sid, "DialBridged": str(bridged).lower()}

    def _unanswered(self, legs: list["Child"], ringing: int) -> dict[str, str]:
        self.clock.now += timedelta(seconds=ringing)
        for leg in legs:
            sip = {"SipResponseCode": leg.telephone.sip} if leg.telephone.sip else {}
            self.tells(leg, self.left_word if self.leaves_after is not None else leg.telephone.end, **sip)
        end = self.left_word if self.leaves_after is not None else legs[-1].telephone.end
        return {"DialCallStatus": end, "DialCallSid": legs[-1].sid, "DialBridged": "false"}

    def _child(self, number: Any) -> "Child":
        path = path_of(number.get("url"))
        assert path_of(number.get("statusCallback")) == f"{path}/status"
        return Child(number=number.text, path=path, sid=f"CA{next(self.sids):032x}",
                     telephone=self.telephones[number.text])  # fmt: skip

    def _asks(self, path: str, sid: str, **form: str) -> str:
        answers = [self.door.post(path, sid, **form) for _ in range(self.times)]
        assert {each.status_code for each in answers} == {200}, answers[0].text
        assert {each.headers["content-type"].partition(";")[0] for each in answers} == {"text/xml"}
        (document,) = {each.text for each in answers}  # the same webhook gets the same answer
        assert "secret words" not in document
        return document

    def _noted(self, path: str, sid: str, form: dict[str, str]) -> None:
        answers = [self.door.post(path, sid, **form) for _ in range(self.times)]
        assert {(each.status_code, each.text) for each in answers} == {(204, "")}


@dataclass(kw_only=True)
class Child:
    """One telephone's own call, as Twilio knows it."""

    number: str
    path: str
    sid: str
    telephone: Telephone

    @property
    def about(self) -> dict[str, str]:
        """What every webhook of it says."""
        return {"ParentCallSid": CALLER, "From": "+493055500100", "To": self.number, "Direction": "outbound-dial"}


def path_of(url: str) -> str:
    """The path and query of an address we handed out."""
    return url.partition("#")[0].removeprefix(PUBLIC)


class Handset:
    """An engineer's telephone of which each webhook is sent by hand, `times` times."""

    def __init__(self, door: Door, whispered: Callable[[str], Any], path: str, number: int) -> None:
        self.door, self.whispered, self.path, self.sid, self.times = door, whispered, path, f"CA{number:032x}", 1
        self.heard = self.document = ""

    def picks_up(self, **more: str) -> "Handset":
        """Somebody or something answers."""
        return self._listens(self.path, **more)

    def presses(self, digits: str, tried: int = 0, **more: str) -> "Handset":
        """Press keys, or none: then an empty one is sent."""
        return self._listens(f"{self.path}/key?try={tried}", Digits=digits, **more)

    def comes_back(self, digits: str = "", tried: int = 0) -> "Handset":
        """Come back after having been asked for a moment: with the key that was pressed since, if there was one."""
        return self._listens(f"{self.path}/key?try={tried}&again=1", Digits=digits)

    def tells(self, status: str, **more: str) -> "Handset":
        """Let Twilio tell a status."""
        for _ in range(self.times):
            told = self.door.post(f"{self.path}/status", self.sid, CallStatus=status, ParentCallSid=CALLER, **more)
            assert (told.status_code, told.text) == (204, "")
        return self

    def hears(self, words: str) -> "Handset":
        """Check what was said last."""
        assert words in self.heard, self.heard
        return self

    def _listens(self, path: str, **more: str) -> "Handset":
        form = {"CallStatus": "in-progress", "ParentCallSid": CALLER, **more}
        answers = [self.door.post(path, self.sid, **form) for _ in range(self.times)]
        assert {each.status_code for each in answers} == {200}, answers[0].text
        (self.document,) = {each.text for each in answers}
        root = self.whispered(self.document)
        self.heard = " ".join(each.text or "" for each in root.iter("Say"))
        return self

    @property
    def is_connected(self) -> bool:
        """Whether the document heard last lets Twilio connect the two."""
        root = self.whispered(self.document)
        return root.find("Hangup") is None
