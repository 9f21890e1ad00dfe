"""Twilio around a running house: callers who follow TwiML, telephones that ring, an API that allows no surprise.

https://www.twilio.com/docs/voice/twiml
"""

import http.server
import itertools
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree as ET

import httpx2

WITHHELD = "+266696687"
"""What Twilio shows for a caller who withholds the number (ANONYMOUS on a keypad)."""
PATIENCE = 60.0
"""Seconds in which a webhook is tried again, and for which a call is held at most."""
MEDIA = b"ID3 sample"


class Telephone:
    """An engineer's telephone and what becomes of a call to it."""

    def __init__(self, number: str, *, key: str = "", picks_up: bool = True) -> None:
        self.number, self.key, self.picks_up = number, key, picks_up
        self.heard = ""
        self.rang = 0
        self.talks_to: Caller | None = None
        self.may_hang_up = threading.Event()
        self.may_hang_up.set()
        self._line = threading.Lock()

    def rings(self) -> str:
        """Ring: "answered" if somebody or something picks up, else "busy" or "no-answer"."""
        self.rang += 1
        if not self._line.acquire(blocking=False):
            return "busy"
        if not self.picks_up:
            self._line.release()
            return "no-answer"
        return "answered"

    def talks(self, caller: "Caller") -> None:
        """Talk for as long as the test wants."""
        self.talks_to = caller
        assert self.may_hang_up.wait(PATIENCE)

    def hangs_up(self) -> None:
        """Be free for the next call."""
        self.talks_to = None
        self._line.release()


class Exchange:
    """Every telephone but ours, and the webhooks that tell of them."""

    def __init__(self, house: Any, *telephones: Telephone) -> None:
        self.house = house
        self.telephones = {each.number: each for each in telephones}
        self._numbers = itertools.count(time.time_ns())
        self.refused = 0

    def sid(self, kind: str) -> str:
        """A sid that nothing else has."""
        return f"{kind}{next(self._numbers):032x}"

    def post(self, url: str, **params: str) -> str:
        """Post a signed webhook, again while nobody is there to answer, and once more when its answer was lost."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = self.house.twilio(url.partition("#")[0], **params)
            except httpx2.TransportError:
                self.refused += 1
                assert time.monotonic() < deadline
                time.sleep(0.2)
                continue
            assert answer.status_code in {200, 204}, (url, answer.status_code, answer.text)
            return answer.text

    def caller(self, number: str = "+493055500137", to: str = "+493055500100") -> "Caller":
        """Somebody with a telephone."""
        return Caller(self, number, to)


class Caller:
    """One call, as the caller lives it: each act goes on until something is asked, or the call is over."""

    def __init__(self, exchange: Exchange, number: str, to: str) -> None:
        self.exchange = exchange
        self.sid = exchange.sid("CA")
        self.params = {"CallSid": self.sid, "From": number, "To": to, "Direction": "inbound"}
        self.heard = self.heard_in_all = ""
        self.asked: ET.Element | None = None
        self.talked_to: list[Telephone] = []
        self.is_over = False

    # What a caller does.

    def dials(self) -> "Caller":
        """Ring."""
        return self._act(f"{self.exchange.house.url}/voice/inbound", CallStatus="ringing")

    def presses(self, keys: str) -> "Caller":
        """Press keys where they are taken; "#" alone or at the end is the hash key."""
        gather = self._asked("Gather")
        assert "dtmf" in gather.get("input", "dtmf").split()
        digits, hashed, rest = keys.partition("#")
        assert not rest
        if number := gather.get("numDigits"):
            assert len(digits) == int(number), keys
        else:
            assert hashed, "the hash key ends it"
        return self._act(gather.get("action", ""), Digits=digits, **({"FinishedOnKey": "#"} if hashed else {}))

    def says(self, words: str) -> "Caller":
        """Speak where speech is understood."""
        gather = self._asked("Gather")
        assert "speech" in gather.get("input", "dtmf").split()
        return self._act(gather.get("action", ""), SpeechResult=words, Confidence="0.92")

    def hangs_up(self) -> None:
        """End the call."""
        self.is_over, self.asked = True, None
        self.exchange.post(
            f"{self.exchange.house.url}/voice/status", **self.params, CallStatus="completed", CallDuration="31"
        )

    def hangs_up_while_recording(self) -> str:
        """End the call in the middle of a recording; the sid of what there is of it."""
        record, recording = self._asked("Record"), self.exchange.sid("RE")
        told = {"RecordingSid": recording, "RecordingDuration": "6"}
        ended = {**self.params, "CallStatus": "completed", "Digits": "hangup"}
        self.exchange.post(record.get("action", ""), **ended, **told)
        self.hangs_up()
        self.exchange.post(
            record.get("recordingStatusCallback", ""), **self.params, **told, RecordingStatus="completed"
        )
        return recording

    def hears(self, words: str) -> "Caller":
        """Check what was said since the last act."""
        assert words.lower() in self.heard.lower(), self.heard
        return self

    # What Twilio does for them.

    def _asked(self, verb: str) -> ET.Element:
        assert self.asked is not None, f"nothing is asked: {self.heard}"
        assert self.asked.tag == verb, (self.asked.tag, self.heard)
        return self.asked

    def _act(self, url: str, **answer: str) -> "Caller":
        self.heard, self.asked = "", None
        document = self.exchange.post(url, **{**self.params, "CallStatus": "in-progress", **answer})
        while document:
            document = self._follow(document)
        self.heard_in_all += self.heard
        return self

    def _follow(self, document: str) -> str:
        """Live through a document; the next one, or nothing while something is asked or the call is over."""
        for verb in ET.fromstring(document):  # noqa: S314 - our own
            self.heard += " ".join(each.text or "" for each in verb.iter("Say")) + " "
            if verb.tag in {"Gather", "Record"}:
                self.asked = verb
                return ""
            if verb.tag == "Dial":
                return self._is_connected(verb)
            if verb.tag == "Redirect":
                return self.exchange.post(verb.text or "", **self.params, CallStatus="in-progress")
            if verb.tag == "Hangup":
                self.hangs_up()
        assert self.is_over, f"the document ends in silence: {document}"
        return ""

    def _is_connected(self, dial: ET.Element) -> str:
        """Ring every number at once; who picks up first hears the whisper, the others stop ringing."""
        legs = [Leg(self, dial, number) for number in dial.iter("Number")]
        for leg in legs:
            leg.tells("initiated")
            leg.tells("ringing")
        ended = {"DialCallStatus": "no-answer"}
        for leg in legs:
            if any(each.status == "completed" for each in legs):
                leg.tells("canceled")
                continue
            leg.rings()
            ended = {"DialCallStatus": leg.status, "DialCallSid": leg.sid}
            if leg.status == "completed":
                ended |= {"DialBridged": str(leg.is_bridged).lower(), "DialCallDuration": "9"}
        picked_up = next((leg for leg in legs if leg.status == "completed"), None)
        if picked_up is not None:
            ended["DialCallSid"], ended["DialCallStatus"] = picked_up.sid, "completed"
            ended["DialBridged"] = str(picked_up.is_bridged).lower()
        return self.exchange.post(dial.get("action", ""), **self.params, CallStatus="in-progress", **ended)


class Leg:
    """A telephone rung for a caller: Twilio's child call."""

    def __init__(self, caller: Caller, dial: ET.Element, number: ET.Element) -> None:
        self.caller, self.exchange = caller, caller.exchange
        self.sid = self.exchange.sid("CA")
        self.telephone = self.exchange.telephones[number.text or ""]  # anybody else must not be rung
        self.whisper, self.callback = number.get("url", ""), number.get("statusCallback", "")
        self.events = number.get("statusCallbackEvent", "completed").split()
        self.params = {
            "CallSid": self.sid, "ParentCallSid": caller.sid, "From": dial.get("callerId", ""),
            "To": self.telephone.number, "Direction": "outbound-dial",
        }  # fmt: skip
        self.status = "queued"
        self.is_bridged = False

    def tells(self, status: str) -> None:
        """Let Twilio tell how it goes; every end comes as the event `completed`."""
        self.status = status
        event = {"initiated": "initiated", "ringing": "ringing", "in-progress": "answered"}.get(status, "completed")
        if event in self.events:
            self.exchange.post(self.callback, **self.params, CallStatus=status)

    def rings(self) -> None:
        """Ring until somebody or something picks up, is told what it is about, and perhaps takes the call."""
        became = self.telephone.rings()
        if became != "answered":
            self.tells(became)
            return
        self.tells("in-progress")
        self.is_bridged = self._hears(self.exchange.post(self.whisper, **self.params, CallStatus="in-progress"))
        if self.is_bridged:
            self.caller.talked_to.append(self.telephone)
            self.telephone.talks(self.caller)
        self.telephone.hangs_up()
        self.tells("completed")

    def _hears(self, document: str) -> bool:
        """Follow the whisper to its end; one that does not hang up connects the two."""
        for verb in ET.fromstring(document):  # noqa: S314 - our own
            self.telephone.heard += " ".join(each.text or "" for each in verb.iter("Say")) + " "
            assert verb.tag in {"Say", "Play", "Gather", "Hangup"}, f"Twilio skips it here: {document}"
            key = self.telephone.key
            if verb.tag == "Gather" and (key or verb.get("actionOnEmptyResult") == "true"):
                answer = self.exchange.post(verb.get("action", ""), **self.params, CallStatus="in-progress", Digits=key)
                return self._hears(answer)
            if verb.tag == "Hangup":
                return False
        return True


class Api:
    """Twilio's REST API: it has the recordings it is given, and notes everything else it is asked for."""

    def __init__(self) -> None:
        self.recordings: set[str] = set()
        self.surprises: list[str] = []
        self.url = ""

    def answers(self, method: str, path: str, authorization: str) -> tuple[int, str, bytes]:
        """Status, type and body."""
        found = re.fullmatch(r"/2010-04-01/Accounts/AC0{32}/Recordings/(RE[0-9a-f]{32})\.mp3", path)
        if method == "GET" and found and authorization.startswith("Basic "):
            there = found.group(1) in self.recordings
            return (200, "audio/mpeg", MEDIA) if there else (404, "text/plain", b"not yet")
        self.surprises.append(f"{method} {path}")
        return 500, "text/plain", b"nobody asks for that"


@contextmanager
def twilio_api() -> Iterator[Api]:
    """The API on a free port."""
    api = Api()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, kind, body = api.answers(self.command, self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = do_any  # noqa: N815 - names of http.server

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    yield api
    server.shutdown()
    server.server_close()
