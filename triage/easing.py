"""The two facts that may ease a request, read with the most care: a workaround, and where it happens. Pure.

A workaround claimed falsely, or production taken for staging, leaves a customer waiting in the wrong
queue. So both are claimed only where they are stated, and contradiction means unknown.
"""

import re
from dataclasses import dataclass

from triage.lexicon import Said
from triage.prose import Text


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
    r"nothing|nichts|rien|nada|worse|home|lose|losing|lost|perd\w+|verlieren|wait|waiting|on attend|warten|esperamos|"
    r"too|barely|hardly|refus\w+|unacceptable|tried|suggested|proposed|told|mentioned|used to|last time|no more|no|"
    r"(?:old|previous|last) (?:work|fix|solution)\w*|had|hatten|avions|tuvimos|"
    r"nicht|kaum|kein\w?|pas|aucun\w*|sans|sin|ni)\b|n't"
)
"""What near a claimed workaround takes it back, or puts it into another time or mouth."""

HEARSAY = re.compile(
    r"\b(?:doubt\w*|(?<!customer )(?<!caller )(?<!client )(?<!user )(?<!\bi )(?<!we )(?:says|say|said|saying)|"
    r"claim(?:s|ed|ing)?|insist\w*|rumou?r\w*|allegedly|supposedly|apparently|someone|somebody|"
    r"according to|(?:be)?zweif\w+|angeblich|behaupt\w+|sagt|sagen|meint|jemand|laut|"
    r"doute\w*|dit|disent|prétend\w*|soi-disant|paraît|quelqu'un|dudo|dudamos|dice|dicen|supuest\w+|alguien)\b"
)
"""Who before a claimed workaround speaks of it: doubters, and people other than the one who writes."""
ELSEWHERE = re.compile(
    r"\b(?:only|yet to|cannot find|can't find|(?:for|on|in) (?:the |our |your )?(?:staging|stage|test\w*|uat|dev\w*)|"
    r"for (?:the |our |your )?(?:mobile|some|others?|another|newer|later|older)|"
    r"nur (?:für|auf|in|bei)|seulement|uniquement|que pour|s[oó]lo (?:para|en)|solamente|únicamente)\b"
    r"|\b(?:but|however|yet|aber|mais|pero|while|whereas)\b[^.!?;]{0,60}\b(?:(?:has|have|had|with) (?:none|no)|"
    r"(?:we|ours?|they)(?: \w+)? (?:run|runs|use|have|has|are on|is)|(?:wir )?(?:haben|nutzen) wir|keine[nr]?|"
    r"n'(?:a|ont|avons) (?:pas|rien|aucun)|no (?:tiene|tienen|tenemos))\b"
)
"""What after a claimed workaround says that it is for another place, other people, or not tried."""
NOT_THERE = re.compile(
    r"[ \n]*(?:(?:but|however|unfortunately|sadly|aber|leider|mais|malheureusement|pero)[, ]+)*"
    r"(?:(?:we|i|nobody|no one|none of us)\b[^.!?;]{0,30}?\b(?:find|found|locate|see|tr(?:y|ied)|apply|use|know|get)\b"
    r"(?: (?:it|that|this|one|where|how|which)\b|[ ]*[.!,;]|$)|"
    r"(?:it|that|this|which|the workaround)\b[^.!?;]{0,20}?(?:\bnot|n't|never|\bno longer|\bonly) (?:\w+ )?"
    r"(?:work|help|apply|hold|exist|there|for us)|"
    r"(?:wir|ich|nous|on|no|es|das|la|lo)\b[^.!?;]{0,30}\b(?:nicht|pas|encontramos|conseguimos|funciona)\b)"
)
"""How the next sentence begins where the workaround that is spoken of is not to be had."""
NEGATIVE = re.compile(r"\b(?:not|cannot|never|no|nobody|none|yet to|no longer|only|nicht|pas)\b|n't")

NO = re.compile(
    r"[ \n\"'–—/-]*(?:[a-z]{1,14}[ ]?:[ ])?"
    r"(?:(?:um+|uh+|well|er+m?|ah|oh|hm+|mm|sorry|honestly|actually|so|unfortunately|sadly|i'm afraid|i fear|leider|"
    r"äh+m?|na|nee|euh|ben|malheureusement|eh|pues|bueno|lamentablemente)[,.… ]+)*"
    r"(?:no|none|nope|nothing|not (?:that|as far|really|at all|yet|any|one|a)|negative|"
    r"nein|nicht|nichts|keine\w?|non|rien|aucun\w?|ningun\w|nada)\b"
)
"""How an answer begins that says there is no way."""
SOON = 160
"""Characters after a way was spoken of in which "there is none" means it."""


def workaround(text: Text, said: Said, *, managing: bool = True) -> Finding | None:
    """Whether a workaround exists: "yes", "easy", "stable" or "no"; None where that is not stated clearly.

    How people manage counts (`managing`) unless something new is wished for, or everything is down: then only
    what is called a workaround is one.
    """
    denied = _denied(text, said)
    claimed = _claimed(text, said, "some-way") or (_managed(text, said) if managing else None)
    if denied and claimed:
        return None
    return denied or claimed


def _managed(text: Text, said: Said) -> Finding | None:
    """How people get by, where that is told and nobody calls it a workaround."""
    easily = _claimed(text, said, "gets-by-easily")
    if easily:
        return Finding("easy", easily.start, easily.end)
    return _claimed(text, said, "gets-by")


def _denied(text: Text, said: Said) -> Finding | None:
    for start, end in said.get("no-way", ()):
        if not text.is_asked(start) and not _is_conditional(text, start, end):
            return Finding("no", start, end)
    answer = _answer(text, said, NO) or _none(said)
    return Finding("no", *answer) if answer else None


def _none(said: Said) -> tuple[int, int] | None:
    """Where "there is none" follows soon after a way was spoken of."""
    for _, end in said.get("way", ()):
        for none in said.get("none", ()):
            if end <= none[0] < end + SOON:
                return none
    return None


def _claimed(text: Text, said: Said, name: str) -> Finding | None:
    for start, end in said.get(name, ()):
        sentence = text.sentences[text.sentence(start)]
        told = text.clause(start)[0] if name != "some-way" else sentence.start
        around = text.plain[max(told, start - 80) : min(sentence.end, end + 80)]
        doubtful = text.is_open(start) or text.is_open(end - 1) or text.is_negated(start, end)
        if doubtful or SPOILED.search(around) or RELAPSE.match(text.plain, end):
            continue
        if name == "some-way" and _is_remote(text, start, end):
            continue
        near = text.plain[max(sentence.start, start - 20) : min(sentence.end, end + 40)]
        value = "easy" if EASY.search(near) else "stable" if STABLE.search(near) else "yes"
        return Finding(value, start, end)
    return None


def _is_remote(text: Text, start: int, end: int) -> bool:
    """Whether a claimed workaround is doubted, told by others, meant for others, or not to be had."""
    index = text.sentence(start)
    sentence = text.sentences[index]
    if HEARSAY.search(text.plain, max(sentence.start, start - 80), start):
        return True
    if ELSEWHERE.search(text.plain, start, min(sentence.end, end + 120)):
        return True
    after = NOT_THERE.match(text.plain, sentence.end, min(len(text.plain), sentence.end + 120))
    return after is not None and NEGATIVE.search(after[0]) is not None


def _answer(text: Text, said: Said, word: re.Pattern[str]) -> tuple[int, int] | None:
    """Where a question for a workaround is answered by this word in the next sentence or turn."""
    for start, _ in said.get("way", ()):
        index = text.sentence(start)
        if not (text.is_asked(start) or text.is_operator(start)):
            continue
        for after in text.sentences[index + 1 : index + 2]:
            if word.match(text.plain, after.start, after.end):
                return start, min(after.end, after.start + 80)
    return None


RELAPSE = re.compile(
    r"[^.!?;]{0,40}\b(?:(?:but|then|until|till|aber|mais|pero)\b[^.!?;]{0,40}\b(?:again|dies?|crash\w*|hangs?|"
    r"freez\w*|stops?|fails?|falls?|goes (?:down|away)|not|no|n't|cannot|wieder|nicht|pas|plus)\b"
    r"|for (?:a (?:minute|moment|few)|some (?:seconds|minutes)|\d+ (?:seconds?|minutes?)|"
    r"(?:ten|five|two|three|twenty|thirty) (?:seconds|minutes)))"
)
"""What after a way to go on says that it does not hold."""
CONDITION = re.compile(r"\b(?:if|unless|in case|whether|sure|wenn|falls|ob|si)\b")


def _is_conditional(text: Text, start: int, end: int) -> bool:
    return CONDITION.search(text.plain, text.clause(start)[0], end) is not None


PLACES = ("production", "staging", "development", "test")

CLEARED = re.compile(
    r"\b(?:fine|ok|okay|unaffected|healthy|untouched|unharmed|normal|normally|works|working well|stable|"
    r"no (?:impact|problem|issue|effect|trouble|error)s?|without (?:trouble|problems?)|lives|"
    r"in good (?:health|order)|"
    r"(?:is|are|was|were|comes? out|all) (?:all |still )?(?:right|correct|good|well)(?! (?:now|away|after|since))|"
    r"another release|remains on|not (?:yet )?(?:been )?launched|not yet (?:live|there)|does(?:n't| not) exist|"
    r"(?:no|non) (?:users?|customers?|money) (?:on|in)|(?:don't|do not|nobody) uses?|(?:has|have|runs?) the old build|"
    r"(?:nobody|none|nothing) (?:of us |there )?(?:noticed|happened|exploited)|"
    r"(?:nothing|none)(?: is| are)?(?: yet)? (?:in|on)|"
    r"(?:not|n't|never|isn't) (?:\w+ )?(?:affected|impacted|happen\w*|occur\w*|reproduc\w+|touched|involved|yet|seen|"
    r"seeing|concerned|our|a|the|live|production|prod|productive)|"
    r"(?:not|n't|never|isn't) (?:yet |happening |occurring |seen |visible |reproducible |a problem )?(?:in|on)|"
    r"nicht (?:betroffen|in|auf)|läuft (?:normal|gut|stabil)|in ordnung|unberührt|gibt es (?:noch )?nicht|"
    r"noch nicht (?:in betrieb|live|produktiv|gestartet)|in betrieb ist da noch nichts|"
    r"pas (?:touch\w+|affect\w+|concern\w+|impact\w+|en)|marche bien|va bien|anda (?:bien|bárbaro)|"
    r"(?:no|nada) (?:hay |está |es |se ve )?(?:nada )?(?:afectad\w+|en|production|prod|live)|funciona bien|non-?)\b"
)
"""What in its clause says that a place is not the one where it happens."""
STILL_BAD = re.compile(
    r"\b(?:not|n't|no longer|nicht|pas|no|nothing|nobody|none|hardly) (?:\w+ )?"
    r"(?:fine|ok|okay|healthy|normal\w*|working|works|stable|right|correct|good|well)\b|n't work|"
    r"\b(?:down|dead|offline|unreachable|unavailable|broken|crash\w*)\b"
)
PLANNED = re.compile(
    r"\bas[ ](?:on |in |our |the |of )*$|"
    r"\b(?:go(?:ing|es)?[- ]live|planned|plan to|planning|roll(?:ing|ed)? ?out|promot\w+|"
    r"release to|releas\w+ (?:in|to)|"
    r"move to|moving to|ready for|copy of|copied from|clone of|dump of|mirror of|replica of|vor dem|antes de)\b"
)
VAGUE = re.compile(
    r"\b(?:no|nothing|without any|future|new|ordered|planned)[ ](?:\w+[ ](?:to|with|on)[ ])?$|"
    r"\b(?:before|until|will|next|like|similar to|same as|identical to|later|soon|bevor|bald|nächste\w*|avant|"
    r"(?:not|n't|never) (?:yet )?(?:looked|checked|tested|tried|verified|deployed|installed|confirmed|know\w*))\b|"
    r"n't (?:yet )?(?:looked|checked|tested|tried|verified|deployed|installed|confirmed|know)"
)
"""What before "production" leaves open whether it is affected."""
SAME_PLACE = re.compile(
    r"[ \n]*(?:and[ \n]+(?=(?:is|are|was|were|has|have|remains|stays|runs?|works?)\b)|,?[ \n]+which\b|"
    r"und[ \n]+(?=ist|läuft|sind|laufen)|et[ \n]+(?=est|fonctionne)|y[ \n]+(?=está|funciona))"
)
"""What after a clause goes on about the same place."""
NOT_A_PLACE = re.compile(
    r"[ ]+(?:line|lines|plant|floor|order|orders|schedule|planning|manager|data|dump|copy|backup|rollout|release|"
    r"launch|go-?live|deadline|date|support|licen[cs]e|keys?)\b"
)
LEFT_OUT = re.compile(
    r"\b(?:workaround|work-around|fix|solution|works?|working|runs|fine|umgehung\w*|läuft|funktioniert|geht|"
    r"contournement|fonctionne|marche|solución|funciona)\b"
)
"""What before "production" says that it works elsewhere."""
NOT_HERE = re.compile(
    r"\b(?:not|nicht|pas|no)[ ](?:for|in|on|für|auf|pour|en|sur|para)[ ](?:(?:the|our|der|die|la|el)[ ])?$"
)
"""What right before "production" says that what was told of another place is not so there."""
SERVES = re.compile(
    r"[ ](?:is|es|ist|est)[ ](?:(?:also|really|actually|in fact|auch|también|aussi)[ ])?"
    r"(?:the|what|where|used|el|la|lo|der|die|das|celui|celle)[ ](?:\w+[ ]){0,4}"
    r"(?:customers?|clients?|users?|kunden|benutzer|nutzer|clientes|usuarios|utilisateurs)\b"
)
"""What after a place for tests says that customers use it."""
BESIDE = re.compile(
    r"\b(?:too|also|as well|both|reproduc\w+|tested|tried|verified|checked|same|auch|ebenso|aussi|también|"
    r"neither|first)\b"
)
"""What beside another place says that it happens elsewhere as well."""


def environment(text: Text, said: Said, *, troubled: bool = True) -> Finding | None:
    """Where it happens: "production", "staging", "development" or "test"; None where that is not clear.

    Any mention of production that is not plainly unaffected, planned or a thing's name wins; another place
    is claimed only where it alone is spoken of as affected, and something is wrong there (`troubled`). Where
    no place is named, people who use a system for their work are in production.
    """
    found: dict[str, Finding] = {}
    doubted = False
    for place in PLACES:
        for start, end in said.get(place, ()):
            finding = Finding(place, start, end)
            standing = _standing(text, finding)
            if standing == "affected":
                found.setdefault(place, finding)
            doubted = doubted or standing == "doubtful"
    if "production" in found:
        return found["production"]
    if not any(place in said for place in PLACES):
        return _in_use(text, said) if troubled else None
    return next(iter(found.values())) if len(found) == 1 and troubled and not doubted else None


def _in_use(text: Text, said: Said) -> Finding | None:
    if "not-in-use" in said:
        return None
    claimed = (span for span in said.get("in-use", ()) if not text.is_open(span[0]))
    return next((Finding("production", *span) for span in claimed), None)


def _is_left_out(text: Text, at: int) -> bool:
    """Whether something works elsewhere "but not in" what stands here."""
    start = max(text.sentences[text.sentence(at)].start, at - SOON)
    tail = NOT_HERE.search(text.plain, max(start, at - 20), at)
    return tail is not None and LEFT_OUT.search(text.plain, start, tail.start()) is not None


def _standing(text: Text, finding: Finding) -> str:
    """Whether a place is "affected", "cleared" (unaffected or not spoken of) or "doubtful" here."""
    start, end = text.clause(finding.start)
    while same := SAME_PLACE.match(text.plain, end):
        end = text.clause(same.end())[1]
    if text.plain.startswith(":", finding.end) and text.sentences[text.sentence(finding.start)].start == finding.start:
        end = text.clause(finding.end + 2)[1]
    clause = text.plain[max(start, finding.start - 120) : min(end, finding.end + 120)]
    before = text.plain[max(start, finding.start - 60) : finding.start]
    cleared = CLEARED.search(clause) and not STILL_BAD.search(clause)
    if finding.value == "production":
        if _is_left_out(text, finding.start):
            return "affected"
        if VAGUE.search(before):
            return "doubtful"
        if cleared or PLANNED.search(before) or NOT_A_PLACE.match(text.plain, finding.end):
            return "cleared"
        return "doubtful" if text.is_asked(finding.start) else "affected"
    if cleared:
        return "cleared"
    doubtful = text.is_open(finding.start) or BESIDE.search(clause) or SERVES.match(text.plain, finding.end)
    return "doubtful" if doubtful else "affected"
