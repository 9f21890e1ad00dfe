r"""All that a policy's rules may see: facts read from a text, each with the words that state it. Pure.

Three-valued: a fact that is not stated is absent, and absent means unknown. Offsets of `span` count in
`f"{subject}\\n\\n{body}"`; lines quoted with ">" are not read, nor is anything beyond 20,000 characters.
"""

import re

from models.terms import Fact
from triage import easing, prose
from triage.lexicon import lexicon
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

Found = dict[str, dict[str, easing.Finding]]


def read(subject: str, body: str) -> tuple[Fact, ...]:
    """Facts stated in a request, in the order of `VOCABULARY`, at most one value each."""
    text = prose.prepare(subject, body)
    found = _stated(text)
    _outage(text, found)
    if place := easing.environment(text):
        found["environment"] = {place.value: place}
    if way := easing.workaround(text):
        found["workaround"] = {way.value: way}
    _kind(text, found)
    _recovery_wanted(text, found)
    return tuple(_fact(text, name, found[name]) for name in VOCABULARY if found.get(name))


def _stated(text: Text) -> Found:
    found: Found = {}
    for phrase in lexicon().claims:
        for match in easing.first(phrase.pattern, text.plain):
            start, end = match.span()
            if text.is_open(start):
                continue
            value = phrase.negated if text.is_negated(start, end) else phrase.value
            if value is not None:
                found.setdefault(phrase.fact, {}).setdefault(value, easing.Finding(value, start, end))
    _only_a_risk(found.get("data_loss", {}))
    return found


def _only_a_risk(loss: dict[str, easing.Finding]) -> None:
    """The words "a risk of data loss" hold "data loss", yet nothing is lost."""
    risk, lost = loss.get("risk"), loss.get("yes")
    if risk and lost and risk.start <= lost.start and lost.end <= risk.end:
        del loss["yes"]


def _outage(text: Text, found: Found) -> None:
    """Judge a total outage: one node of many is none, and what works again is over."""
    down = found.setdefault("down", {})
    full = [
        match for match in easing.first(lexicon().named["down-full"], text.plain) if _is_claimed(text, match.start())
    ]
    back = _recovery(text)
    if back and all(match.end() <= back.start for match in full):
        found["down"] = {"no": easing.Finding("no", back.start, back.end)}
        found["stabilised"] = {"yes": back}
        return
    total = next((match for match in full if not _is_one_of_many(text, match.start(), match.end())), None)
    rest = next(iter(easing.first(lexicon().named["rest-works"], text.plain)), None)
    if full:
        first = total or full[0]
        value = "full" if total and not rest else "partial"
        down.setdefault(value, easing.Finding(value, *first.span()))
        down.pop("no", None)


def _is_claimed(text: Text, start: int) -> bool:
    before = text.plain[max(text.clause(start)[0], start - 60) : start]
    return not text.is_open(start) and not prose.NEGATION.search(before)


def _is_one_of_many(text: Text, start: int, end: int) -> bool:
    first, last = text.clause(start)
    return lexicon().named["one-of-many"].search(text.plain, max(first, start - 60), min(last, end + 40)) is not None


def _recovery(text: Text) -> easing.Finding | None:
    for match in easing.first(lexicon().named["recovered"], text.plain):
        start, end = match.span()
        if not text.is_open(start) and not text.is_negated(start, end) and not RELAPSE.match(text.plain, end):
            return easing.Finding("yes", start, end)
    return None


def _kind(text: Text, found: Found) -> None:
    """Judge what kind of request the whole text is: no question or wish while something is broken."""
    broken = found.get("down", {}).keys() & {"full", "partial"} or found.get("data_loss", {}).keys() & {"yes", "risk"}
    if broken or "yes" in found.get("security", {}):
        return
    calm = not lexicon().named["trouble"].search(lexicon().named["no-trouble"].sub(" ", text.plain))
    for name in ("question", "enhancement", "documentation", "cosmetic"):
        match = lexicon().named[name].search(text.plain)
        if match and (calm or name in {"documentation", "cosmetic"}):
            found[name] = {"yes": easing.Finding("yes", *match.span())}


def _recovery_wanted(text: Text, found: Found) -> None:
    """Help with a recovery is asked for, mostly as a question: only a "not" takes it back."""
    for match in easing.first(lexicon().named["recovery-wanted"], text.plain):
        if not text.is_negated(*match.span()):
            found["recovery_wanted"] = {"yes": easing.Finding("yes", *match.span())}
            return


def _fact(text: Text, name: str, values: dict[str, easing.Finding]) -> Fact:
    order = WORST_FIRST.get(name, ("yes", "no"))
    finding = next((values[value] for value in order if value in values), next(iter(values.values())))
    span = (finding.start, finding.end)
    evidence = " ".join(text.raw[slice(*span)].split())[:MAX_EVIDENCE]
    return Fact(name=name, value=finding.value, source=SOURCE, evidence=evidence, span=span)
