"""What a policy wants to be told: what is there, what is missing, and what to ask, once and with reasons. Pure.

Nothing is refused for what is missing. Three weights: *ask* it when writing anyway, *warn* the engineer, or *gate*:
the level must not be confirmed before a person has seen that it is missing.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers

from models.terms import Fact
from triage.facts import VOCABULARY
from triage.reading import Node
from triage.sections import chosen, flag, slug, words

MAX_CHARACTERS = 20_000
"""How much of a text is looked at."""


class Weight(StrEnum):
    """What it means that something is missing."""

    ASK = "ask"
    WARN = "warn"
    GATE = "gate"


class Standing(StrEnum):
    """How far something has been told; half of it is asked for with what it lacks."""

    PRESENT = "present"
    PARTIAL = "partial"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One thing a request should tell.

    It is told by any of the form's `fields`, any of the `facts`, a finding of `detect` in the text, or one of the
    `words`. `types` and `levels` are those it is wanted for (empty: all).
    """

    name: str
    label: str
    ask: str
    why: str
    clause: str
    weight: Weight = Weight.ASK
    fields: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    detect: str = ""
    words: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    assumed: bool = False

    def applies(self, type_: str | None, level: str | None) -> bool:
        """Whether it is wanted; a type or level that is not known yet excuses nothing."""
        pairs = ((self.types, type_), (self.levels, level))
        return all(not wanted or value is None or value in wanted for wanted, value in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is known, all a meter may see: the form's answers, the text, facts, and what the directory knows (R6).

    `known` are things we have already, by the name of what is wanted ("contact": "Mara Beispiel"). `files` are
    the names of what was attached.
    """

    text: str = ""
    fields: Mapping[str, str]
    facts: tuple[Fact, ...] = ()
    known: Mapping[str, str]
    files: tuple[str, ...] = ()
    type: str | None = None
    level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where one thing stands: `source` is "field", "fact", "text", "known" or "file", `evidence` the words of it.

    `span` is its range in the text. `lacks` says what half an answer lacks.
    """

    wanted: Wanted
    standing: Standing
    source: str = ""
    evidence: str = ""
    span: tuple[int, int] | None = None
    lacks: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Everything that is wanted of a request and where it stands, in the policy's order."""

    found: tuple[Found, ...]

    @property
    def share(self) -> float:
        """How much of it is there, from 0 to 1; half an answer counts half."""
        points = {Standing.PRESENT: 1.0, Standing.PARTIAL: 0.5, Standing.MISSING: 0.0}
        return sum(points[one.standing] for one in self.found) / len(self.found) if self.found else 1.0

    @property
    def missing(self) -> tuple[Found, ...]:
        """What is not there, or not whole."""
        return tuple(one for one in self.found if one.standing is not Standing.PRESENT)

    @property
    def gates(self) -> tuple[Found, ...]:
        """What is missing that a level depends on."""
        return tuple(one for one in self.missing if one.wanted.weight is Weight.GATE)

    def questions(self) -> tuple[tuple[str, str], ...]:
        """Everything to be asked in one go, each question with its reason."""
        return tuple((one.lacks or one.wanted.ask, one.wanted.why) for one in self.missing)


def meter(wanted: Iterable[Wanted], told: Told) -> Meter:
    """What of the wanted things is there; only those that apply to the request's type and level."""
    return Meter(found=tuple(_find(one, told) for one in wanted if one.applies(told.type, told.level)))


def _find(wanted: Wanted, told: Told) -> Found:
    for name in wanted.fields:
        if answer := told.fields.get(name, "").strip():
            return Found(wanted=wanted, standing=Standing.PRESENT, source="field", evidence=answer[:160])
    for fact in told.facts:
        if fact.name in wanted.facts:
            return Found(
                wanted=wanted, standing=Standing.PRESENT, source="fact", evidence=fact.evidence, span=fact.span
            )
    if answer := told.known.get(wanted.name, "").strip():
        return Found(wanted=wanted, standing=Standing.PRESENT, source="known", evidence=answer[:160])
    if wanted.detect == "file" and told.files:
        return Found(wanted=wanted, standing=Standing.PRESENT, source="file", evidence=", ".join(told.files)[:160])
    return _in_text(wanted, told.text[:MAX_CHARACTERS])


def _in_text(wanted: Wanted, text: str) -> Found:
    lacks, span = "", None
    if wanted.detect in DETECTORS:
        span, lacks = DETECTORS[wanted.detect](text)
    for word in wanted.words if span is None else ():
        if match := re.search(rf"\b{re.escape(word)}", text, re.IGNORECASE):
            span = match.span()
            break
    if span is None:
        return Found(wanted=wanted, standing=Standing.MISSING)
    return Found(
        wanted=wanted,
        standing=Standing.PARTIAL if lacks else Standing.PRESENT,
        source="text",
        evidence=" ".join(text[slice(*span)].split())[:160],
        span=span,
        lacks=lacks,
    )


Detected = tuple[tuple[int, int] | None, str]
VERSION = re.compile(
    r"\b(?:v(?:ersion)?[ .:]?\s?)?\d{1,4}(?:\.\d{1,5}){1,3}(?:[-.]?(?:rc|beta|alpha|sp|u|p)\d*)?\b", re.IGNORECASE
)
NAMED_VERSION = re.compile(r"\bversion\b[ :=]{1,3}[A-Za-z]*\d[\w.-]{0,20}", re.IGNORECASE)
ADDRESS = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}\b")
LOCAL_NUMBER = re.compile(
    r"\b(?:tel|telephone|phone|mobile|cell|call|telefon|handy)\b[^\d\n+]{0,20}(\(?\d[\d ()/.-]{4,20}\d)", re.IGNORECASE
)
PATCH = re.compile(
    r"\b(?:patch(?:es|ed)?|service pack|hotfix|update level|wum)\b[ :=]{0,3}\w*|\bSP ?\d{1,2}\b|\bU\d{1,4}\b",
    re.IGNORECASE,
)
HOST_NUMBER = re.compile(r"\d{2,3}(?:\.\d{1,3}){3}")
"""An address of a host, as in 192.168.10.4; a version of four parts begins with one digit (4.2.0.17)."""
COUNTRY_CODE = "We have your number without its country code: with which country code do we call it?"


def _version(text: str) -> Detected:
    found = [match for match in VERSION.finditer(text) if not HOST_NUMBER.fullmatch(match.group())]
    match = NAMED_VERSION.search(text) or next(iter(found), None)
    return (match.span() if match else None), ""


def _address(text: str) -> Detected:
    match = ADDRESS.search(text)
    return (match.span() if match else None), ""


def _patch(text: str) -> Detected:
    match = PATCH.search(text)
    return (match.span() if match else None), ""


def _phone(text: str) -> Detected:
    """A number with its country code; one without is half an answer (E.164 is what can be called from anywhere)."""
    for match in phonenumbers.PhoneNumberMatcher(text, None):
        return (match.start, match.end), ""
    if local := LOCAL_NUMBER.search(text):
        return local.span(1), COUNTRY_CODE
    return None, ""


DETECTORS: Mapping[str, Callable[[str], Detected]] = {
    "version": _version,
    "patch": _patch,
    "phone": _phone,
    "address": _address,
}
"""What can be found in a text by its form."""


ASKED_ALWAYS = frozenset({"name", "email"})
"""What every form asks by itself."""


def read_completeness(
    node: Node, *, types: frozenset[str], levels: frozenset[str], fields: frozenset[str]
) -> tuple[Wanted, ...]:
    """The wanted things in a pack's `completeness:`; `fields` are those of its form. Mistakes are noted."""
    found = tuple(_wanted(entry, types, levels, fields | ASKED_ALWAYS) for entry in node.entries())
    node.unique([wanted.name for wanted in found])
    return found


def _wanted(node: Node, types: frozenset[str], levels: frozenset[str], fields: frozenset[str]) -> Wanted:
    at = node.fields(
        frozenset({"name", "label", "ask", "why", "clause"}),
        frozenset({"weight", "fields", "facts", "detect", "words", "types", "levels", "assumed"}),
    )
    weights = frozenset(weight.value for weight in Weight)
    weight = at["weight"].one_of(weights, "weight") if "weight" in at else ""
    if not at.keys() & {"fields", "facts", "detect", "words"}:
        node.wrong("write how it is told: fields, facts, detect or words")
    return Wanted(
        name=slug(at, "name"),
        label=words(at, "label"),
        ask=words(at, "ask"),
        why=words(at, "why"),
        clause=words(at, "clause"),
        weight=Weight(weight) if weight in weights else Weight.ASK,
        fields=chosen(at, "fields", fields, "field of the form"),
        facts=chosen(at, "facts", frozenset(VOCABULARY), "fact"),
        detect=at["detect"].one_of(frozenset({*DETECTORS, "file"}), "finding") if "detect" in at else "",
        words=at["words"].texts() if "words" in at else (),
        types=chosen(at, "types", types, "type"),
        levels=chosen(at, "levels", levels, "level"),
        assumed=flag(at, "assumed"),
    )
