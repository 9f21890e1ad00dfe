"""Twilio's rules for the TwiML we use, as its reference states them; more than its parser checks.

https://www.twilio.com/docs/voice/twiml
"""

import re
from collections.abc import Callable, Iterator
from xml.etree import ElementTree as ET

LARGEST = 64 * 1024
LONGEST_SPEECH = 4096
VERBS = {"Say", "Play", "Pause", "Gather", "Record", "Redirect", "Hangup"}
FINAL = {"Redirect", "Hangup"}
TAG = re.compile(r"[a-z]{2}-[A-Z]{2}")
POSITIVE = re.compile(r"[1-9]\d*")
KEYS = re.compile(r"[0-9#*]*")
TRUTH = re.compile(r"true|false")
EVENTS = re.compile(r"(in-progress|completed|absent)( (in-progress|completed|absent))*")
OVERRIDE = re.compile(r"(ct|rt|tt|rc)=\d+|rp=(all|(4xx|5xx|ct|rt|tls)(,(4xx|5xx|ct|rt|tls))*)")
INCOMING = r"[a-z]+(\?step=[a-z_]+&try=[0-2])?"
OUTGOING = r"(page|callback)/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/key\?try=[01]"
POST = re.compile(r"POST")
ATTRIBUTES = {
    "Say": {"language": TAG},
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
URLS = {"action", "recordingStatusCallback", "transcribeCallback"}


def broken_rules(document: str, public_url: str) -> tuple[ET.Element, list[str]]:
    """The parsed document, and each rule it breaks."""
    root = ET.fromstring(document)  # noqa: S314 - our own
    return root, [problem for rule in RULES for problem in rule(document, root, public_url)]


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
        if verb.tag in {"Response", "Gather"} and (verb.text or "").strip():
            yield f"{verb.tag} holds no text"
        if verb.tag == "Say" and not 0 < len((verb.text or "").strip()) <= LONGEST_SPEECH:
            yield "Say says something, at most 4096 characters"


def _ends(_document: str, root: ET.Element, _public: str) -> Iterator[str]:
    verbs = [verb.tag for verb in root]
    for place, verb in enumerate(verbs[:-1]):
        if verb in FINAL:
            yield f"what follows {verb} at {place} is never reached"
    if verbs and verbs[-1] not in FINAL:
        yield "the document ends without Redirect or Hangup: the call would end in silence"


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
        if not re.fullmatch(rf"{re.escape(public)}/voice/({INCOMING}|{OUTGOING})", path):
            yield f"{url} is not ours, or says more than the step"
        if not all(OVERRIDE.fullmatch(each) for each in overrides.split("&")):
            yield f"{overrides} are no connection overrides"
    if len(re.findall(r"https?://", document)) != len(found):
        yield "an address stands where none belongs"


Rule = Callable[[str, ET.Element, str], Iterator[str]]
RULES: tuple[Rule, ...] = (_size_and_root, _verbs_and_attributes, _nesting, _ends, _transcription, _addresses)
