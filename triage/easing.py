"""The two facts that may ease a request, read with the most care: a workaround, and where it happens. Pure.

A workaround claimed falsely, or production taken for staging, leaves a customer waiting in the wrong
queue. So both are claimed only where they are stated, and contradiction means unknown.
"""

import re
from dataclasses import dataclass

from triage.lexicon import lexicon
from triage.prose import Text

MAX_FINDINGS = 30
"""Mentions of one kind that are looked at in one text."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A value with the half-open range of the text that states it."""

    value: str
    start: int
    end: int


EASY = re.compile(r"\b(?:easy|easily|simple|simply|trivial|trivially|einfach\w*|facile\w*|fácil\w*|simplement)\b")
STABLE = re.compile(r"\b(?:stable|permanent(?:ly)?|reliabl[ey]|solid|stabil\w*|durable|estable)\b")
SPOILED = re.compile(
    r"\b(?:not|n't|no longer|never|cannot|cant|doesnt|didnt|dont|wont|isnt|stopped|failed|fails|"
    r"only (?:for|helps|works)|"
    r"too|barely|hardly|refus\w+|unacceptable|tried|suggested|proposed|told|mentioned|used to|last time|no more|no|"
    r"(?:old|previous|last) (?:work|fix|solution)\w*|had|hatten|avions|tuvimos|"
    r"nicht|kaum|kein\w?|pas|aucun\w*|sans|sin|ni)\b|n't"
)
"""What near a claimed workaround takes it back, or puts it into another time or mouth."""

NO = re.compile(
    r"[ \n\"'–—-]*(?:[a-z]{1,14}:[ ])?(?:no|none|nope|nothing|not (?:that|as far|really|at all|yet|any)|negative|"
    r"nein|keine\w?|non|aucun\w?|ningun\w)\b"
)


def workaround(text: Text) -> Finding | None:
    """Whether a workaround exists: "yes", "easy", "stable" or "no"; None where that is not stated clearly."""
    denied = _denied(text)
    claimed = _claimed(text)
    if denied and claimed:
        return None
    return denied or claimed


def _denied(text: Text) -> Finding | None:
    for found in first(lexicon().named["no-way"], text.plain):
        if not text.is_asked(found.start()) and not _is_conditional(text, found.start(), found.end()):
            return Finding("no", found.start(), found.end())
    answer = _answer(text, NO)
    return Finding("no", *answer) if answer else None


def _claimed(text: Text) -> Finding | None:
    for found in first(lexicon().named["some-way"], text.plain):
        start, end = found.span()
        sentence = text.sentences[text.sentence(start)]
        around = text.plain[max(sentence.start, start - 80) : min(sentence.end, end + 80)]
        if text.is_open(start) or text.is_open(end - 1) or SPOILED.search(around):
            continue
        near = text.plain[max(sentence.start, start - 20) : min(sentence.end, end + 40)]
        value = "easy" if EASY.search(near) else "stable" if STABLE.search(near) else "yes"
        return Finding(value, start, end)
    return None


def _answer(text: Text, word: re.Pattern[str]) -> tuple[int, int] | None:
    """Where a question for a workaround is answered by this word in the next sentence or turn."""
    for found in first(lexicon().named["way"], text.plain):
        index = text.sentence(found.start())
        if not text.is_asked(found.start()):
            continue
        for after in text.sentences[index + 1 : index + 2]:
            if word.match(text.plain, after.start, after.end):
                return found.start(), min(after.end, after.start + 80)
    return None


CONDITION = re.compile(r"\b(?:if|unless|in case|whether|sure|wenn|falls|ob|si)\b")


def _is_conditional(text: Text, start: int, end: int) -> bool:
    return CONDITION.search(text.plain, text.clause(start)[0], end) is not None


PLACES = ("production", "staging", "development", "test")

CLEARED = re.compile(
    r"\b(?:fine|ok|okay|unaffected|healthy|untouched|unharmed|normal|normally|works|working well|stable|"
    r"no (?:impact|problem|issue|effect)|(?:nothing|none)(?: is| are)?(?: yet)? (?:in|on)|"
    r"(?:not|n't|never|isn't) (?:\w+ )?(?:affected|impacted|happen\w*|occur\w*|reproduc\w+|touched|involved|yet|seen|"
    r"seeing|"
    r"concerned|in|on|our|a|the|live|production|prod|productive)|"
    r"nicht (?:betroffen|in|auf)|läuft (?:normal|gut|stabil)|in ordnung|"
    r"pas (?:touch\w+|affect\w+|concern\w+|impact\w+|en)|marche bien|"
    r"(?:no|nada) (?:hay |está |es |se ve )?(?:nada )?(?:afectad\w+|en|production|prod|live)|funciona bien|non-?)\b"
)
"""What in its clause says that a place is not the one where it happens."""
STILL_BAD = re.compile(
    r"\b(?:not|n't|no longer|nicht|pas|no) (?:\w+ )?(?:fine|ok|okay|healthy|normal|working|works|stable)\b|n't work"
)
PLANNED = re.compile(
    r"\b(?:go(?:ing|es)?[- ]live|planned|plan to|planning|roll(?:ing|ed)? ?out|promot\w+|"
    r"release to|releas\w+ (?:in|to)|"
    r"move to|moving to|ready for|copy of|copied from|clone of|dump of|mirror of|replica of|vor dem|antes de)\b"
)
VAGUE = re.compile(
    r"\b(?:before|until|will|next|like|similar to|same as|identical to|later|soon|bevor|bald|nächste\w*|avant|"
    r"(?:not|n't|never) (?:yet )?(?:looked|checked|tested|tried|verified|deployed|installed|confirmed|know\w*))\b|"
    r"n't (?:yet )?(?:looked|checked|tested|tried|verified|deployed|installed|confirmed|know)"
)
"""What before "production" leaves open whether it is affected."""
NOT_A_PLACE = re.compile(
    r"[ ]+(?:line|lines|plant|floor|order|orders|schedule|planning|manager|data|dump|copy|backup|rollout|release|"
    r"launch|go-?live|deadline|date|support|licen[cs]e|keys?)\b"
)
BESIDE = re.compile(
    r"\b(?:too|also|as well|both|reproduc\w+|tested|tried|verified|checked|same|auch|ebenso|aussi|también|"
    r"neither|first)\b"
)
"""What beside another place says that it happens elsewhere as well."""


def environment(text: Text) -> Finding | None:
    """Where it happens: "production", "staging", "development" or "test"; None where that is not clear.

    Any mention of production that is not plainly unaffected, planned or a thing's name wins; another place
    is claimed only where it alone is spoken of as affected.
    """
    found: dict[str, Finding] = {}
    doubted = False
    for place in PLACES:
        for mention in first(lexicon().named[place], text.plain):
            finding = Finding(place, mention.start(), mention.end())
            standing = _standing(text, finding)
            if standing == "affected":
                found.setdefault(place, finding)
            doubted = doubted or standing == "doubtful"
    if "production" in found:
        return found["production"]
    return next(iter(found.values())) if len(found) == 1 and not doubted else None


def _standing(text: Text, finding: Finding) -> str:
    """Whether a place is "affected", "cleared" (unaffected or not spoken of) or "doubtful" here."""
    start, end = text.clause(finding.start)
    clause = text.plain[max(start, finding.start - 120) : min(end, finding.end + 120)]
    before = text.plain[max(start, finding.start - 60) : finding.start]
    cleared = CLEARED.search(clause) and not STILL_BAD.search(clause)
    if finding.value == "production":
        if VAGUE.search(before):
            return "doubtful"
        if cleared or PLANNED.search(before) or NOT_A_PLACE.match(text.plain, finding.end):
            return "cleared"
        return "doubtful" if text.is_asked(finding.start) else "affected"
    if cleared:
        return "cleared"
    return "doubtful" if text.is_open(finding.start) or BESIDE.search(clause) else "affected"


def first(pattern: re.Pattern[str], plain: str) -> list[re.Match[str]]:
    """The first matches of a pattern, at most 30: a text that repeats itself costs no more."""
    found = []
    for match in pattern.finditer(plain):
        found.append(match)
        if len(found) == MAX_FINDINGS:
            break
    return found
