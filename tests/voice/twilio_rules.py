"""Twilio's rules for the TwiML we use, as its reference states them; more than its parser checks.

https://www.twilio.com/docs/voice/twiml
"""

import re
from collections.abc import Callable, Iterator
from xml.etree import ElementTree as ET

LARGEST = 64 * 1024
LONGEST_SPEECH = 4096
VERBS = {"Say", "Play", "Pause", "Gather", "Record", "Redirect", "Hangup", "Dial", "Number"}
FINAL = {"Redirect", "Hangup", "Dial"}
"""After these nothing is reached: a Dial of ours has an action, which goes on with the call."""
WHISPER_VERBS = {"Response", "Say", "Play", "Gather", "Hangup"}
"""https://www.twilio.com/docs/voice/twiml/number#url: before two calls are connected no others are supported."""
TAG = re.compile(r"[a-z]{2}-[A-Z]{2}")
POSITIVE = re.compile(r"[1-9]\d*")
KEYS = re.compile(r"[0-9#*]*")
TRUTH = re.compile(r"true|false")
VOICE = re.compile(r"[A-Za-z][A-Za-z0-9.-]{1,59}")
E164 = re.compile(r"\+[1-9]\d{6,14}")
SECONDS_OF_RINGING = re.compile(r"[5-9]|[1-9]\d|[1-5]\d\d|600")
MOST_NUMBERS = 10
PROGRESS = re.compile(r"(initiated|ringing|answered|completed)( (initiated|ringing|answered|completed))*")
EVENTS = re.compile(r"(in-progress|completed|absent)( (in-progress|completed|absent))*")
OVERRIDE = re.compile(r"(ct|rt|tt|rc)=\d+|rp=(all|(4xx|5xx|ct|rt|tls)(,(4xx|5xx|ct|rt|tls))*)")
ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
INCOMING = r"[a-z]+(\?step=[a-z_]+&try=\d{1,2}|\?round=\d{1,2})?"
OUTGOING = rf"(page|callback|leg)/{ID}/key\?try=[01]|leg/{ID}(/status)?"
POST = re.compile(r"POST")
ATTRIBUTES = {
    "Say": {"language": TAG, "voice": VOICE},
    "Dial": {
        "action": None,
        "method": POST,
        "timeout": SECONDS_OF_RINGING,
        "callerId": E164,
        "answerOnBridge": re.compile(r"true"),
        "timeLimit": re.compile(r"86400"),
    },
    "Number": {
        "url": None,
        "method": POST,
        "statusCallback": None,
        "statusCallbackMethod": POST,
        "statusCallbackEvent": PROGRESS,
    },
    "Gather": {
        "input": re.compile(r"dtmf|speech|dtmf speech"),
        "action": None,
        "method": POST,
        "language": TAG,
        "timeout": POSITIVE,
        "speechTimeout": re.compile(r"auto|[1-9]\d*"),
        "hints": re.compile(r"[^,]{1,100}(,[^,]{1,100}){0,499}"),
        "numDigits": POSITIVE,
        "finishOnKey": KEYS,
        "actionOnEmptyResult": TRUTH,
    },
    "Record": {
        "action": None,
        "method": POST,
        "timeout": POSITIVE,
        "maxLength": POSITIVE,
        "finishOnKey": KEYS,
        "playBeep": TRUTH,
        "recordingStatusCallback": None,
        "recordingStatusCallbackEvent": EVENTS,
        "transcribe": TRUTH,
        "transcribeCallback": None,
    },
    "Redirect": {"method": POST},
    "Hangup": {},
    "Pause": {"length": POSITIVE},
}
URLS = {"action", "recordingStatusCallback", "transcribeCallback", "url", "statusCallback"}


def broken_rules(document: str, public_url: str, *, whisper: bool = False) -> tuple[ET.Element, list[str]]:
    """The parsed document, and each rule it breaks; a `whisper` is heard before two calls are connected."""
    root = ET.fromstring(document)  # noqa: S314 - our own
    rules = WHISPER_RULES if whisper else RULES
    return root, [problem for rule in rules for problem in rule(document, root, public_url)]


def _size_and_root(document: str, root: ET.Element, _public: str) -> Iterator[str]:
    if len(document.encode()) > LARGEST:
        yield "larger than 64 KB"
    if root.tag != "Response" or root.attrib:
        yield "the root is <Response>"
    if not len(root):
        yield "an empty response hangs up without a word"


def _verbs_and_attributes(_document: str, root: ET.Element, _public: str) -> Iterator[str]:
    for verb in root.iter():
        if verb is root:
            continue
        if verb.tag not in VERBS:
            yield f"no verb {verb.tag}"
        for name, value in verb.attrib.items():
            allowed = ATTRIBUTES.get(verb.tag, {})
            if name not in allowed:
                yield f"{verb.tag} knows no {name}"
            elif allowed[name] is not None and not allowed[name].fullmatch(value):
                yield f"{verb.tag} {name}={value!r}"


def _nesting(_document: str, root: ET.Element, _public: str) -> Iterator[str]:
    for verb in root.iter():
        if verb.tag == "Gather" and {child.tag for child in verb} - {"Say", "Play", "Pause"}:
            yield "Gather holds Say, Play and Pause only"
        if verb.tag in {"Record", "Hangup", "Pause"} and (len(verb) or verb.text is not None):
            yield f"{verb.tag} holds nothing, not even white space"
        if verb.tag in {"Response", "Gather", "Dial"} and (verb.text or "").strip():
            yield f"{verb.tag} holds no text"
        if verb.tag == "Say" and not 0 < len((verb.text or "").strip()) <= LONGEST_SPEECH:
            yield "Say says something, at most 4096 characters"


def _ends(_document: str, root: ET.Element, _public: str) -> Iterator[str]:
    yield from _unreached(_document, root, _public)
    verbs = [verb.tag for verb in root]
    if verbs and verbs[-1] not in FINAL:
        yield "the document ends without Redirect or Hangup: the call would end in silence"


def _unreached(_document: str, root: ET.Element, _public: str) -> Iterator[str]:
    verbs = [verb.tag for verb in root]
    for place, verb in enumerate(verbs[:-1]):
        if verb in FINAL:
            yield f"what follows {verb} at {place} is never reached"


def _dial(_document: str, root: ET.Element, _public: str) -> Iterator[str]:
    """https://www.twilio.com/docs/voice/twiml/dial and https://www.twilio.com/docs/voice/twiml/number."""
    for dial in root.iter("Dial"):
        if dial not in list(root):
            yield "Dial stands in the response"
        if {child.tag for child in dial} - {"Number"} or not 0 < len(dial) <= MOST_NUMBERS:
            yield "Dial rings one to ten telephones at once"
        if not {"action", "callerId", "timeout", "answerOnBridge", "timeLimit"} <= set(dial.keys()):
            yield "a Dial of ours says what follows, who calls, how long, that it rings until then, and for a whole day"
        numbers = [number.text or "" for number in dial]
        if len(set(numbers)) != len(numbers) or dial.get("callerId") in numbers:
            yield "a telephone rings once, and never for itself"
        for number in dial:
            if len(number) or not E164.fullmatch(number.text or ""):
                yield f"{number.text!r} is no number in E.164"
            if not {"url", "statusCallback"} <= set(number.keys()):
                yield "whoever picks up must hear what it is about, and we how it ended"
    rung = [number for dial in root.iter("Dial") for number in dial]
    if any(number not in rung for number in root.iter("Number")):
        yield "Number stands in a Dial"


def _whispered_verbs(_document: str, root: ET.Element, _public: str) -> Iterator[str]:
    for verb in root.iter():
        if verb.tag not in WHISPER_VERBS:
            yield f"a whisper knows no {verb.tag}: it is skipped, and where the document ends the two are connected"


def _endless_ask(_document: str, root: ET.Element, _public: str) -> Iterator[str]:
    """Where a whisper ends the two are connected: after a question it must not."""
    gather = root.find("Gather")
    if gather is not None and root[-1].tag != "Hangup":
        yield "a whisper that asks connects whoever does not answer, even a machine"
    if gather is not None and gather.get("actionOnEmptyResult") != "true":
        yield "silence is hung up on at once"


def _transcription(_document: str, root: ET.Element, _public: str) -> Iterator[str]:
    for record in root.iter("Record"):
        if record.get("transcribe") == "true" and not 2 < int(record.get("maxLength", "3600")) < 120:
            yield "recordings are transcribed between 2 and 120 seconds (13617)"
        if ("transcribeCallback" in record.attrib) != (record.get("transcribe") == "true"):
            yield "a transcript needs somewhere to go"


def _addresses(document: str, root: ET.Element, public: str) -> Iterator[str]:
    found = [value for verb in root.iter() for name, value in verb.attrib.items() if name in URLS]
    found += [verb.text or "" for verb in root.iter("Redirect")]
    for url in found:
        path, _, overrides = url.partition("#")
        path = re.sub(r"(\?since=\d+)?[?&]again=[1-3]$", "", path)  # a caller who was asked for a moment comes back
        if not re.fullmatch(rf"{re.escape(public)}/voice/({INCOMING}|{OUTGOING})", path):
            yield f"{url} is not ours, or says more than the step"
        if not all(OVERRIDE.fullmatch(each) for each in overrides.split("&")):
            yield f"{overrides} are no connection overrides"
    if len(re.findall(r"https?://", document)) != len(found):
        yield "an address stands where none belongs"


Rule = Callable[[str, ET.Element, str], Iterator[str]]
COMMON: tuple[Rule, ...] = (_size_and_root, _verbs_and_attributes, _nesting, _transcription, _addresses)
RULES: tuple[Rule, ...] = (*COMMON, _ends, _dial)
WHISPER_RULES: tuple[Rule, ...] = (*COMMON, _unreached, _whispered_verbs, _endless_ask)
