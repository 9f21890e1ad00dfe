"""Lines with which mail programs say who wrote what follows ("On … wrote:"), in many languages. Pure, linear.

A line says it for certain when it bears a verb of writing and an address, or a date with a time and
somebody's name; with less than that, quoted lines must follow. "On 21 November 2026 at 09:30 the
gateway wrote:" is a customer who pastes a log.
"""

import re
from collections.abc import Sequence

QUOTED = re.compile(r"^\s*>")
"""Only this: "SQL>" is a prompt, and "| id |" a table that somebody pasted."""
WROTE = (
    r"wrote|writes|said|schrieb|schreibt|geschrieben|a écrit|écrit|escribió|escribio|escribe|escribiu|va escriure"
    r"|ha escrit|ha scritto|scritto|scrive|escreveu|escreve|schreef|schrijft|geschreven|napisała?\(a\)"
    r"|napisał(?:\(a\)|a)?|napisan[ay]|pisze|napsala?(?:\(a\))?|napísala?(?:\(a\))?|napisa[ol](?:/la|a)?|skrev|skriver"
    r"|kirjoitti|kirjutas|rakstīja|rašė|írta|yazdı|a scris|написала?(?:\(а\))?|пишет|пише|писав|написав|έγραψε"
    r"|menulis|đã viết|เขียนว่า|כתב|כתבה|מאת|كتب|كتابة ما يلي|写道|寫道|のメール|のメッセージ|さんは書きました|作成|작성"
)
OPENS = re.compile(
    r"^[\s>\ufeff(-]*(?:On|At|Am|Le|El|Il|Em|Op|A|O|W dniu|Dnia|Den|På|No dia|Dne|Dňa|Dana|În|Pe|Στις|Vào|V|Kuupäev"
    r"|Pada(?: tarikh)?|בתאריך|في|เมื่อ)\b[^\n]{0,12}?\s\S{0,12}\d"
    r"|^[\s>\ufeff-]*(?:On|Am|Le|El|Il|Em|Op|Den|På|O) \w{2,12}[,.]|^[\s(]*(?:在|于|於|\d|\w{2,12}[,.] \d)"
)
CLOSES = re.compile(
    rf"(?:\b|(?<=[\d\u3000-\u9fff]))(?P<verb>{WROTE})(?P<rest>[^\n]{{0,120}}?)[:：-]\s*$", re.IGNORECASE
)
QUOTING = re.compile(
    r"^\s*(?:quoting|zitat von|citando|citation de|citat från|excerpts? from|citeren van|cytat)\b.{1,200}[:：]$",
    re.IGNORECASE,
)
DATED = re.compile(r"(?:19|20)\d\d|\d{1,2}[./-]\d{1,2}[./-]\d{2}\b")
TIMED = re.compile(r"\d{1,2}\s?[:.hH時时点點시]\s?\d{0,2}\b|\d\s?[ap]\.?m\b", re.IGNORECASE)
LOGGED = re.compile(r"^\s*\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")
"""How logs begin their lines, and no mail program."""
UNPUNCTUATED = re.compile(r"^\d{4}-\d\d-\d\d \d{1,2}:\d\d GMT[+-]\d\d:\d\d \S[^\n:]{1,80}:?$")
"""How Gmail said it from 2013 to 2016 in every language."""
ADDRESSED = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[^\s<>@]{1,255}")
ENDS_IN_ADDRESS = re.compile(r"<\s*[^\s<>@]{1,64}@[^\s<>@]{1,255}>\s*[:：]?\s*$")
REST = re.compile(rf"^\s*>?\s*(?:{WROTE})\s*[:：]\s*$", re.IGNORECASE)
WRAPPED = re.compile(r"^\s*>\s?[^\W\d]{0,24}\s?[:：]$")
"""The end of an address, cut off: no quoted line."""
NUMBER = re.compile(r"\d[\d:.,/年月日時时분시-]*")
NOBODY = frozenset(
    re.findall(
        r"\w+",
        "a an anwendung application as benutzer client customer das dem den der die een ein eine el elle er error"
        " es eu gateway gli he her het his i ich ik il io it its je kunde la las le les lo log logs los ma mein"
        " meine meu mi mijn min mio mitt mon my nasz noi nos nosotros nossa nosso nostra nostro notre nous nuestra"
        " nuestro nós o on one ons onze os our program server serveur service servidor serwer she sie system that"
        " the their these they this um uma un una une unser unsere unserer user users vår we wij wir yo you your",
    )
)
"""Words that begin the name of nobody who sends mail."""
COLON = (":", "：")
LONGEST_LINE = 2_000
"""Characters of a line that may announce anything; a longer one is somebody's paragraph."""
LONGEST_ATTRIBUTION = 400
ATTRIBUTION_LINES = 5


def attribution_at(lines: Sequence[str], start: int) -> int:
    """How many lines from here say who wrote what follows; 0 if none do."""
    joined = lines[start].strip()
    if not joined or len(joined) > LONGEST_ATTRIBUTION:
        return 0
    if _attributes(joined, lines, start + 1):
        return 1 + _is_rest(lines, start + 1)
    opens = bool(OPENS.match(joined))
    if joined.endswith(COLON) or not (opens or ("@" in joined and ADDRESSED.search(joined))):
        return 0
    return _wrapped(joined, lines, start, opens=opens)


def _wrapped(joined: str, lines: Sequence[str], start: int, *, opens: bool) -> int:
    """The same for one that goes on over several lines; where it opens like one, some may be blank."""
    for length in range(2, min(ATTRIBUTION_LINES, len(lines) - start) + 1):
        line = lines[start + length - 1].strip()
        is_quote = bool(QUOTED.match(line)) and not WRAPPED.match(line)
        if (not line and not opens) or is_quote or len(joined) + len(line) > LONGEST_ATTRIBUTION:
            return 0
        joined = f"{joined} {line}".strip()
        if line and _attributes(joined, lines, start + length):
            return length + _is_rest(lines, start + length)
    return 0


def _is_rest(lines: Sequence[str], number: int) -> bool:
    """Whether a line is the end of an attribution whose address was wrapped."""
    return number < len(lines) and len(lines[number]) <= LONGEST_LINE and bool(REST.match(lines[number]))


def _attributes(joined: str, lines: Sequence[str], after: int) -> bool:
    if not joined.endswith((*COLON, "---")):
        return _ends_in_address(joined) or ("GMT" in joined and bool(UNPUNCTUATED.match(joined)))
    dated = bool(DATED.search(joined))
    addressed = "@" in joined and bool(ADDRESSED.search(joined))
    said = CLOSES.search(joined)
    if said is not None and _names_somebody(joined, said):
        if addressed or (dated and TIMED.search(joined) and not LOGGED.match(joined)):
            return True
        return _is_quoted(lines, after, at_end=dated and bool(OPENS.match(joined)))
    if _ends_in_address(joined):
        return True
    if said is None and (QUOTING.match(joined) or (addressed and (dated or ENDS_IN_ADDRESS.search(joined)))):
        return _is_quoted(lines, after)
    return False


def _ends_in_address(joined: str) -> bool:
    """Whether a line begins with a date and ends with an address in brackets."""
    if ">" not in joined[-3:]:
        return False
    return bool(DATED.search(joined) and OPENS.match(joined) and ENDS_IN_ADDRESS.search(joined))


def _names_somebody(joined: str, said: re.Match[str]) -> bool:
    """Whether who wrote is no thing: the words between the date and the verb, or behind the verb."""
    before = NUMBER.split(joined[: said.start("verb")])[-1]
    words = re.findall(r"\w+", before) or re.findall(r"\w+", NUMBER.split(said["rest"])[-1] or said["rest"])
    return not words or words[0].lower() not in NOBODY


def _is_quoted(lines: Sequence[str], number: int, *, at_end: bool = False) -> bool:
    """Whether the first written line from here is quoted; `at_end` is the answer where there is none."""
    while number < len(lines) and not lines[number].strip():
        number += 1
    return bool(QUOTED.match(lines[number])) if number < len(lines) else at_end
