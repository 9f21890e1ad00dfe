"""A text made ready for reading facts: same length as the original, lower case, older mail blanked. Pure.

Every offset is one into the original, so evidence can be shown where it stands.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MAX_CHARACTERS = 20_000
"""Text beyond this is not read: what matters is said early, and cost stays bounded."""
REMEMBERED = 2
"""Texts that are kept prepared."""
REACH = 120
"""Characters around a phrase in which a word may still turn its meaning."""

SAME_LENGTH = str.maketrans(
    {"’": "'", "‘": "'", "`": "'", "\u00a0": " ", "\t": " ", "\r": " "} | dict.fromkeys("“”„«»", '"')
)
QUOTED_LINE = re.compile(r"^[ ]{0,8}>[^\n]*", re.MULTILINE)
OLDER_MAIL = re.compile(
    r"\n[ ]*-{2,}[ ]?(?:original message|original appointment|ursprüngliche nachricht|message d'origine|"
    r"mensaje original|messaggio originale)[^\n]*\n"
    r"|\n[ ]*(?:from|von|de|da)[ ]?:[^\n]+\n[ ]*(?:sent|date|gesendet|datum|envoyé|enviado|fecha|inviato)[ ]?:"
    r"|\n[ ]*(?:on|am|le|el)[ ][^\n]{6,80}[ ](?:wrote|schrieb[^\n]{0,60}|a écrit|escribió)[ ]?:[ ]*\n"
)
"""Where the mail that is answered begins, as mail programs mark it."""
LEAST = 40
"""Characters of own words before older mail; with fewer the older mail is what is sent on."""
SPEECH = re.compile(r'"(?![^"\n]*\berrors?\b)[^"\n ]{1,40}[ ][^"\n ]{1,40}[ ][^"\n]{2,160}"')
"""Three words or more between quotation marks: what somebody else said, or a message on a screen.

A message with the word error in it stays: it tells that something is wrong.
"""
OPERATOR = re.compile(
    r"\b(?:agent\w*|operator|support|hotline|help ?desk|service desk|engineer|technician|operador\w*|opérat\w+|"
    r"bearbeiter\w*|mitarbeiter\w*)[ ]?:[ ]"
)
OTHER_SPEAKER = re.compile(
    r"\b(?:caller|customer|client|user|kund\w+|anrufer\w*|cliente|appelante?|llamante)[ ]?:[ ]"
    r"|\n[ ]*[a-zà-ÿ]{1,14}[ ]?:[ ]|[ ]/[ ]"
)
BOUNDARY = re.compile(
    r"(?<!e\.g)(?<!i\.e)(?<!z\.b)(?<! vs)(?<! nr)(?<! no)(?<!approx)[.!?…]+(?=[\s\"')]|$)"
    r"|;|[ ]/[ ]|\n[ ]*\n|\n(?=[ ]*(?:[-*•–]|\d{1,2}[.)]|[a-zà-ÿ]{1,14}:)[ ])"
)
TURN = re.compile(
    r",[ \n]|[()]|:[ \n]|[ \n][-–—][ \n]|—|\b(?:but|however|while|whereas|although|though|except|because|so that|"
    r"and|or|"
    r"aber|während|jedoch|obwohl|weil|und|mais|cependant|tandis|et|pero|sin embargo|mientras|aunque|porque|y)\b"
)
ASKING = re.compile(
    r"(?:^|[,:;(–—-][ \n]*|\b(?:and|but|so|or|also|und|aber|et|mais|y|pero)[ \n]+)(?:please |bitte )?"
    r"(?:is|are|do|does|did|can|could|would|will|have|has|had|should|may|what|which|how|when|where|why|who|any|"
    r"kann|kannst|können|könnten|könnt|gibt|ist|sind|haben|hat|wie|was|wann|warum|welche\w*|wer|"
    r"y a|est-ce|avez|pouvez|pourriez|comment|quand|quel\w*|existe|hay|es|está|puede\w*|podría\w*|tienen|cómo|como|"
    r"cuándo|qué|¿)\b"
)
INVERTED = re.compile(r"(?:is|are|do|does|have) (?:there|you)\b|gibt es\b|y a-t-il\b|hay alg")
OPEN = re.compile(
    r"\b(?:if|whether|in case|unless|once|until(?! then)|till(?! then)|when|suppose|supposing|imagine|assuming|"
    r"hypothetical\w*|maybe|perhaps|possibly|might|may|could|would|should|"
    r"(?:not|n't) (?:sure|certain|clear|know|think|believe)|unsure|unclear|unknown|hope|hopefully|"
    r"need|needs|want|wants|"
    r"looking for|look for|ask|asking|please|provide|suggest|propose|offer|recommend|let us know|"
    r"wenn|falls|ob|sobald|bis(?! dahin)|vielleicht|eventuell|könnten?|bitte|brauchen|benötigen|suchen|hoffe\w*|"
    r"si|peut-être|quand|dès que|jusqu\w*|merci de|besoin|espér\w+|"
    r"quizás?|tal vez|cuando|hasta que|necesitamos|por favor|ojalá|podría\w*)\b"
)
NEGATION = re.compile(
    r"(?:\b(?:not|no|never|cannot|without|neither|nor|none|nobody|hardly|kein\w{0,2}|nicht|ohne|nie|pas|aucune?|sans|"
    r"jamais|sin|ning[uú]n\w?|nunca|nada|non|nessun\w?|senza)|n't)"
    r"(?:[^\w.!?;,]+[\w'-]+){0,3}[^\w.!?;,]*$"
)
NEGATED_AFTER = re.compile(
    r"[^\w.!?;,]*(?:[\w'-]+[^\w.!?;,]+)?"
    r"(?:(?:did|does|do|is|are|was|were|has|have|had|could|can|will) ?(?:not|n't)|cannot|no longer|never)"
    r"[ \n]+(?:been )?"
    r"(?:occur|happen|affect|involv|the case|an? |present|needed|necessary|relevant|possible|seen|"
    r"observed|expected|found)"
    r"|[^\w.!?;,]*(?:kommt nicht|ist nicht|gibt es nicht|n'est pas|no (?:es|hay|se|está)\b)"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A half-open range of the text; `asks_from` is where its question begins, or its end."""

    start: int
    end: int
    asks_from: int


@dataclass(frozen=True, slots=True)
class Text:
    """A subject and body as one text, character by character the same.

    `raw` is as given, `plain` for matching, `own` the same without what stands between quotation marks;
    `operator` are the ranges in which the one who took the call speaks.
    """

    raw: str
    plain: str
    own: str
    sentences: tuple[Sentence, ...]
    starts: tuple[int, ...]
    turns: tuple[tuple[int, int], ...]
    operator: tuple[tuple[int, int], ...]

    def sentence(self, at: int) -> int:
        """The index of the sentence around an offset."""
        return max(0, bisect_right(self.starts, at) - 1)

    def clause(self, at: int) -> tuple[int, int]:
        """The range between the turns of speech (comma, "but", "and") around an offset."""
        sentence = self.sentences[self.sentence(at)]
        after = bisect_right(self.turns, (at, len(self.plain)))
        before = self.turns[after - 1][1] if after else 0
        start = before if before <= at else self.turns[after - 2][1] if after > 1 else 0
        end = self.turns[after][0] if after < len(self.turns) else len(self.plain)
        return max(start, sentence.start), min(end, sentence.end)

    def is_asked(self, at: int) -> bool:
        """Whether the offset stands in a question."""
        return at >= self.sentences[self.sentence(at)].asks_from

    def is_open(self, at: int) -> bool:
        """Whether what stands here is conditional, doubted, wished for, asked or said by the operator: no claim."""
        return self.is_asked(at) or self._opens(at) or self.is_operator(at)

    def is_operator(self, at: int) -> bool:
        """Whether the one who took the call says it."""
        return any(start <= at < end for start, end in self.operator)

    def _opens(self, at: int) -> bool:
        return OPEN.search(self.plain, max(self.clause(at)[0], at - REACH), at) is not None

    def is_negated(self, start: int, end: int) -> bool:
        """Whether a negation stands shortly before the range, or right after it, in the same clause."""
        first, last = self.clause(start)
        before = self.plain[max(first, start - REACH) : start]
        return bool(NEGATION.search(before) or NEGATED_AFTER.match(self.plain, end, max(last, end)))


@lru_cache(maxsize=REMEMBERED)
def prepare(subject: str, body: str) -> Text:
    r"""Subject and body as one `Text`: `f"{subject}\n\n{body}"`, its first 20,000 characters.

    The last two are remembered: facts and cues are read from the same text in turn.
    """
    raw = f"{subject}\n\n{body}"[:MAX_CHARACTERS]
    plain = raw.translate(SAME_LENGTH)
    lowered = plain.lower()
    if len(lowered) != len(plain):  # "İ".lower() has two characters
        lowered = "".join(low if len(low := char.lower()) == 1 else char for char in plain)
    plain = _without_older(QUOTED_LINE.sub(_blank, lowered))
    sentences = tuple(_sentences(plain))
    return Text(
        raw=raw,
        plain=plain,
        own=SPEECH.sub(_blank, plain) if '"' in plain else plain,
        sentences=sentences,
        starts=tuple(sentence.start for sentence in sentences),
        turns=tuple(turn.span() for turn in TURN.finditer(plain)),
        operator=tuple(_operator(plain)),
    )


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def _without_older(plain: str) -> str:
    """The text with the mail it answers blanked, where it has words of its own."""
    older = OLDER_MAIL.search(plain)
    if older is None or len(plain[: older.start()].partition("\n\n")[2].strip()) < LEAST:
        return plain
    return plain[: older.start()] + " " * (len(plain) - older.start())


def _operator(plain: str) -> Iterator[tuple[int, int]]:
    """Where the one who took the call speaks."""
    for label in OPERATOR.finditer(plain):
        other = OTHER_SPEAKER.search(plain, label.end())
        yield label.start(), other.start() if other else len(plain)


def _sentences(plain: str) -> Iterator[Sentence]:
    start = 0
    for boundary in BOUNDARY.finditer(plain):
        if plain[start : boundary.end()].strip():
            yield _sentence(plain, start, boundary.end(), boundary[0])
        start = boundary.end()
    yield _sentence(plain, start, len(plain), "")


def _sentence(plain: str, start: int, end: int, closing: str) -> Sentence:
    while start < end and plain[start] in " \n":
        start += 1
    words = plain[start:end]
    asks_from = end
    if "?" in closing:
        asking = ASKING.search(words)
        asks_from = start + asking.start() if asking else start
    elif INVERTED.match(words):
        asks_from = start
    return Sentence(start, end, asks_from)
