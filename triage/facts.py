r"""All that a policy's rules may see: facts read from a text, each with the words that state it. Pure.

Three-valued: a fact that is not stated is absent, and absent means unknown. Offsets of `span` count in
`f"{subject}\\n\\n{body}"`; lines quoted with ">" are not read, nor is anything beyond 20,000 characters.
"""

import re

from models.terms import Fact
from triage import easing, lexicon, prose
from triage.lexicon import Said
from triage.prose import Text

SOURCE = "text"
MAX_EVIDENCE = 160

YES_NO = frozenset({"yes", "no"})
VOCABULARY: dict[str, frozenset[str]] = {
    "environment": frozenset({"production", "staging", "development", "test"}),
    "workaround": frozenset({"yes", "easy", "stable", "no"}),
    "down": frozenset({"full", "partial", "no"}),
    "scope": frozenset({"all", "many", "some", "one"}),
    "reproducible": YES_NO,
    "intermittent": YES_NO,
    "data_loss": frozenset({"yes", "risk", "no"}),
    "security": YES_NO,
    "after_update": YES_NO,
    "persists_after_rollback": YES_NO,
    "new_installation": YES_NO,
    "hardware_failure": YES_NO,
    "cosmetic": YES_NO,
    "question": YES_NO,
    "enhancement": YES_NO,
    "documentation": YES_NO,
    "stabilised": YES_NO,
    "unreachable": YES_NO,
    "functionality_lost": frozenset({"critical", "component", "partial", "no"}),
    "capacity_reduced": YES_NO,
    "business_impact": frozenset({"severe", "significant", "no"}),
    "business_critical": YES_NO,
    "work_continues": YES_NO,
    "after_restore": YES_NO,
    "blocks_provisioning": YES_NO,
    "recovery_wanted": YES_NO,
    "update_fails": YES_NO,
    "integration_fails": YES_NO,
    "hardware_at_fault": YES_NO,
    "milestone_at_risk": YES_NO,
    "phase": frozenset({"implementation", "live"}),
    "product_fault": YES_NO,
    "managed_by_vendor": YES_NO,
    "in_architecture": YES_NO,
    "in_scope": YES_NO,
    "reachable_by_phone": YES_NO,
    "contact_phone_on_file": YES_NO,
}
"""Every fact a rule may ask for, and the values it may have.

The last six are never read from a text: an engineer, an account or a log of calls states them.
"""

WORST_FIRST = {
    "down": ("full", "partial", "no"),
    "scope": ("all", "many", "some", "one"),
    "data_loss": ("yes", "risk", "no"),
    "reproducible": ("no", "yes"),
    "functionality_lost": ("critical", "component", "partial", "no"),
    "business_impact": ("severe", "significant", "no"),
    "work_continues": ("no", "yes"),
    "phase": ("live", "implementation"),
}
"""Where a text states several values, the first of these counts; of yes and no elsewhere, yes."""

RELAPSE = re.compile(
    r"[^.!?;]{0,60}(?:\b(?:but|then|until|only|yet|aber|dann|mais|puis|pero|luego)\b|"
    r"for (?:a|an|about|some|five|ten|\d))"
)
"""What after "works again" takes it back."""

PAST = re.compile(r"\b(?:was|were|had|war|waren|était|étaient|estaba|estuvo)\b")
"""How an outage is told that may be over."""
AGAIN = re.compile(r"(?: \w+)? (?:again|wieder)\b")

OURS = re.compile(r"\b(?:us|our|ours|we|so|hence|therefore|because|wir|uns\w*|nous|notre|nos|nuestr\w+)\b")
"""Who is spoken of again after somebody else was."""

SCOPE = "scope"
WHOLE = re.compile(r"\b(?:all|none of|each of|every one of|both|out of|from|\w+ty)(?: the| our| my)?[ \n-]+$")
"""What before a small number says that it is all there are, or part of a larger number."""
CONCERN = {"affected", "down-full", "no-way"}
"""What people say whose question is not all they have."""
MUCH_LOST = {"critical", "component"}
LEAST_ASKED = 15
"""Characters of a question that is one: "hello?" is none."""
REQUEST = re.compile(
    r"\b(?:could|can|would|will) (?:you|somebody|someone|anybody|anyone|your|the|a future|a later)\b|"
    r"\b(?:please|bitte)\b|"
    r"\bk(?:ö|a)nn\w* (?:sie|ihr|jemand)\b|\bp(?:ou|ouv|our)\w*-vous\b|\bp(?:ue|od)\w+ (?:ustedes|alguien)\b|workaround"
)
"""What turns a question into a request for something to be done."""

Found = dict[str, dict[str, easing.Finding]]


def read(subject: str, body: str) -> tuple[Fact, ...]:
    """Facts stated in a request, in the order of `VOCABULARY`, at most one value each."""
    text = prose.prepare(subject, body)
    said = lexicon.said(text.own)
    found = _stated(text, said)
    _outage(text, said, found)
    troubled = any(_is_trouble(text, said, *span) for span in said.get("trouble", ()))
    _affected(text, said, found, troubled=troubled or "functionality_lost" in found)
    _kind(text, said, found, calm=not troubled)
    building = "implementation" in found.get("phase", {})
    if place := easing.environment(text, said, troubled=troubled or building or bool(found.get("down"))):
        found["environment"] = {place.value: place}
    managing = not found.get("enhancement") and "full" not in found.get("down", {})
    if way := easing.workaround(text, said, managing=managing):
        found["workaround"] = {way.value: way}
    _recovery_wanted(text, said, found)
    if "full" in found.get("down", {}):
        found.get("work_continues", {}).pop("yes", None)
    return tuple(_fact(text, name, found[name]) for name in VOCABULARY if found.get(name))


def _stated(text: Text, said: Said) -> Found:
    found: Found = {}
    for section in lexicon.lexicon().claims:
        for start, end in said.get(section.name, ()):
            if section.fact == SCOPE or text.is_open(start) or _is_others(text, said, start):
                continue
            value = section.negated if text.is_negated(start, end) else section.value
            if value is not None:
                found.setdefault(section.fact, {}).setdefault(value, easing.Finding(value, start, end))
    _only_a_risk(found.get("data_loss", {}))
    return found


def _is_others(text: Text, said: Said, at: int) -> bool:
    """Whether the sentence has spoken of somebody else before, and not of us since."""
    start = text.sentences[text.sentence(at)].start
    before = [end for first, end in said.get("others", ()) if start <= first < at]
    return bool(before) and not OURS.search(text.plain, before[-1], at)


def _only_a_risk(loss: dict[str, easing.Finding]) -> None:
    """The words "a risk of data loss" hold "data loss", yet nothing is lost."""
    risk, lost = loss.get("risk"), loss.get("yes")
    if risk and lost and risk.start <= lost.start and lost.end <= risk.end:
        del loss["yes"]


def _affected(text: Text, said: Said, found: Found, *, troubled: bool) -> None:
    """Who is affected: people and systems that are only mentioned are not, nor those who are fine."""
    if not troubled and not {"affected", "down-full", "down = partial"} & said.keys():
        return
    whole = found.get("functionality_lost", {}).get("component")
    for section in lexicon.lexicon().claims:
        for start, end in said.get(section.name, ()) if section.fact == SCOPE else ():
            if whole and whole.start < end and start < whole.end:
                continue  # "the entire component" is what, not whom
            if section.value in {"some", "one"} and WHOLE.search(text.plain, max(0, start - 30), start):
                continue
            fine = easing.CLEARED.search(text.plain, end, min(text.clause(start)[1], end + 60))
            if not fine and not text.is_open(start) and not _is_others(text, said, start):
                found.setdefault(SCOPE, {}).setdefault(section.value, easing.Finding(section.value, start, end))


def _outage(text: Text, said: Said, found: Found) -> None:
    """Judge a total outage: one node of many is none, and what works again is over."""
    down = found.setdefault("down", {})
    full = [span for span in said.get("down-full", ()) if _is_claimed(text, said, span[0])]
    back = _recovery(text, said)
    if back and all(end <= back.start for _, end in full):
        found["down"] = {"no": easing.Finding("no", back.start, back.end)}
        found["stabilised"] = {"yes": back}
        return
    if full:
        total = next((span for span in full if not _is_a_part(text, said, *span)), None)
        value = "full" if total and "rest-works" not in said else "partial"
        down.setdefault(value, easing.Finding(value, *_latest(text, full, total or full[0])))
        down.pop("no", None)


def _latest(text: Text, full: list[tuple[int, int]], first: tuple[int, int]) -> tuple[int, int]:
    """The words that tell of the outage now: after one that was, the later one that came again."""
    if not PAST.search(text.plain, *first):
        return first
    for start, end in full:
        again = AGAIN.match(text.plain, end)
        if start >= first[1] and (again or " again" in text.plain[start:end]):
            return start, again.end() if again else end
    return first


def _is_claimed(text: Text, said: Said, start: int) -> bool:
    before = text.plain[max(text.clause(start)[0], start - 60) : start]
    return not text.is_open(start) and not prose.NEGATION.search(before) and not _is_others(text, said, start)


def _is_a_part(text: Text, said: Said, start: int, end: int) -> bool:
    """Whether one of many nodes, or one part of the whole, is what is down."""
    first, last = text.clause(start)
    first, last = max(first, start - 60), min(last, end + 40)
    return any(first <= at < last for at, _ in (*said.get("one-of-many", ()), *said.get("a-part", ())))


def _recovery(text: Text, said: Said) -> easing.Finding | None:
    for start, end in said.get("recovered", ()):
        if not text.is_open(start) and not text.is_negated(start, end) and not RELAPSE.match(text.plain, end):
            return easing.Finding("yes", start, end)
    return None


def _kind(text: Text, said: Said, found: Found, *, calm: bool) -> None:
    """Judge what kind of request the whole text is: no question or wish while something is broken."""
    broken = found.get("down", {}).keys() & {"full", "partial"} or found.get("data_loss", {}).keys() & {"yes", "risk"}
    if broken or "yes" in found.get("security", {}) or found.get("functionality_lost", {}).keys() & MUCH_LOST:
        return
    for name in ("question", "enhancement", "documentation", "cosmetic"):
        own = [span for span in said.get(name, ()) if not text.is_operator(span[0])]
        if own and (calm or name in {"documentation", "cosmetic"}):
            found[name] = {"yes": easing.Finding("yes", *own[0])}
    if calm and not CONCERN & said.keys() and "question" not in found and (asked := _asked(text)):
        found["question"] = {"yes": asked}


def _asked(text: Text) -> easing.Finding | None:
    """The first question that asks for an answer, not for a deed."""
    for one in text.sentences:
        asked = one.end - one.asks_from >= LEAST_ASKED and not text.is_operator(one.start)
        if asked and not REQUEST.search(text.plain, one.asks_from, one.end):
            return easing.Finding("yes", one.asks_from, one.end)
    return None


def _is_trouble(text: Text, said: Said, start: int, end: int) -> bool:
    """Whether something is said to be wrong: not only asked about, excluded or supposed."""
    denied = any(first <= start < last for first, last in said.get("no-trouble", ()))
    return not denied and not text.is_open(start) and not text.is_negated(start, end)


def _recovery_wanted(text: Text, said: Said, found: Found) -> None:
    """Help with a recovery is asked for, mostly as a question: only a "not" takes it back."""
    for start, end in said.get("recovery-wanted", ()):
        if not text.is_negated(start, end):
            found["recovery_wanted"] = {"yes": easing.Finding("yes", start, end)}
            return


def _fact(text: Text, name: str, values: dict[str, easing.Finding]) -> Fact:
    order = WORST_FIRST.get(name, ("yes", "no"))
    finding = next((values[value] for value in order if value in values), next(iter(values.values())))
    span = (finding.start, finding.end)
    evidence = " ".join(text.raw[slice(*span)].split())[:MAX_EVIDENCE]
    return Fact(name=name, value=finding.value, source=SOURCE, evidence=evidence, span=span)
