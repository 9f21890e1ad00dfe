"""What the sender newly wrote, apart from quoted history and signature. Pure, linear, nothing is cut from storage."""

import re
from dataclasses import dataclass

LONGEST_LINE = 1_000
"""Characters of one line that are looked at."""
MOST_LINES = 20_000
SIGNATURE_LINES = 14
"""A signature is at most this long; a longer block is text."""

WROTE = (
    "wrote|writes|said|schrieb|geschrieben|a écrit|écrit|escribió|escribio|ha scritto|scritto"
    "|escreveu|schreef|geschreven"
    "|napisał\\(a\\)|napisał|napisała|pisze|skrev|kirjoitti|yazdı|написал|写道|寫道|のメッセージ|さんは書きました|作成"
)
ATTRIBUTION = re.compile(
    rf"^\s*(?:>\s*)?(?:On|Am|Le|El|Il|Em|Op|W dniu|Dnia|Den|På|Fra|Il giorno|No dia|在|20\d\d[年/.-]).{{0,300}}"
    rf"(?:{WROTE})\s*.{{0,60}}[:：]\s*$",
    re.IGNORECASE,
)
ATTRIBUTION_ANY = re.compile(rf"^.{{0,200}}[<(]?\S+@\S+[>)]?.{{0,80}}(?:{WROTE}).{{0,40}}[:：]\s*$", re.IGNORECASE)
SEPARATOR = re.compile(
    r"^\s*(?:>\s*)?(?:[-_*=]{2,}\s*(?:"
    r"original message|original appointment|ursprüngliche nachricht|originalnachricht"
    r"|message d'origine|message original"
    r"|mensaje original|messaggio originale|mensagem original|oorspronkelijk bericht|wiadomość oryginalna"
    r"|oryginalna wiadomość|ursprungligt meddelande|originalmeddelande|originální zpráva|alkuperäinen viesti"
    r"|原始邮件|原始郵件|邮件原件|元のメッセージ|reply above this line|forwarded message|weitergeleitete nachricht"
    r")\b.*|_{20,}|-{20,})\s*$",
    re.IGNORECASE,
)
REPLY_ABOVE = re.compile(r"(?:reply|respond|write|antworten sie|répondez).{0,30}above this line|^##-", re.IGNORECASE)
FROM_LABEL = re.compile(
    r"^\s*\*?(?:From|Von|De|Da|Van|Od|Från|Fra|Lähettäjä|Expéditeur|发件人|寄件者|差出人|送信者)\s?\*?\s?[:：]\*?\s*\S",
    re.IGNORECASE,
)
OTHER_LABEL = re.compile(
    r"^\s*\*?(?:Sent|Date|To|Cc|Subject|Gesendet|Datum|An|Betreff|Envoyé|À|Objet"
    r"|Enviado(?: el)?|Fecha|Para|Asunto|Inviato"
    r"|Data|A|Oggetto|Assunto|Verzonden|Aan|Onderwerp|Wysłano|Do|Temat|Skickat|Till|Ämne|发送时间|收件人|主题|日期|寄件日期"
    r"|收件者|主旨|送信日時|日時|宛先|件名)\s?\*?\s?[:：]",
    re.IGNORECASE,
)
QUOTED = re.compile(r"^\s*(?:>|\|\s)")
SIGNATURE_MARK = re.compile(r"^\s*(?:-- ?|—|__+|--\s*)$")
MOBILE = re.compile(
    r"^\s*(?:Sent from (?:my|Mail|Outlook|Yahoo)|Get Outlook for|Von meinem .{1,40} gesendet|Gesendet (?:von|mit)"
    r"|Envoyé (?:de|depuis)|Enviado (?:desde|do|de)|Inviato da|Verzonden (?:vanaf|met)|Wysłane z|Wysłano z|Skickat från"
    r"|iPhoneから送信|从我的.{1,20}发送|發自我的)",
    re.IGNORECASE,
)
CLOSING = re.compile(
    r"^\s*(?:(?:kind|best|warm|many)?\s*regards|best wishes|best|cheers|sincerely(?: yours)?"
    r"|yours (?:sincerely|truly|faithfully)"
    r"|many thanks|thanks(?: and regards| in advance)?|thank you|mit freundlichen? grüßen?"
    r"|freundliche grüße|viele grüße"
    r"|beste grüße|liebe grüße|mfg|vg|lg|gruß|cordialement|bien cordialement|bien à vous"
    r"|salutations|saludos(?: cordiales)?"
    r"|un saludo|atentamente|cordiali saluti|distinti saluti|saluti|atenciosamente|cumprimentos|abraços"
    r"|met vriendelijke groet(?:en)?|groeten|mvg|pozdrawiam|z poważaniem|med vänliga? hälsning(?:ar)?|hälsningar|mvh"
    r"|よろしくお願いいたします|敬具|此致|祝好)\s*[,.!。、]?\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewText:
    """A body in three: what is new, the quoted history, the signature (None if there is none)."""

    new_text: str
    quoted: str
    signature: str | None


def newly_written(text: str, *, forwarded: bool = False) -> NewText:
    """Split a body. A forwarded mail is never cut: there the history is the message."""
    lines = [line[:LONGEST_LINE] for line in text.split("\n")[:MOST_LINES]]
    if forwarded:
        return NewText(new_text=text.strip(), quoted="", signature=None)
    cut = _history_starts(lines)
    fresh, quoted = lines[:cut], lines[cut:]
    if not any(line.strip() for line in fresh):
        return _answered_inline(lines, quoted, cut)
    inline = [line for line in fresh if not QUOTED.match(line)]
    body, signature = _without_signature(inline)
    return NewText(new_text=_joined(body), quoted=_joined(quoted), signature=signature)


def _answered_inline(lines: list[str], quoted: list[str], cut: int) -> NewText:
    """The sender wrote below or between the quotes: what is not quoted is new."""
    kept = [line for line in lines[cut:] if not QUOTED.match(line) and not _is_boundary(line)]
    headed = [line for line in kept if not OTHER_LABEL.match(line) and not FROM_LABEL.match(line)]
    body, signature = _without_signature(headed)
    return NewText(new_text=_joined(body), quoted=_joined(quoted), signature=signature)


def _history_starts(lines: list[str]) -> int:
    """The first line of the quoted history that runs to the end; len(lines) if there is none."""
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        if SEPARATOR.match(line) and _has_more_than_signature(lines, number):
            return number
        if REPLY_ABOVE.search(line):
            return number
        if FROM_LABEL.match(line) and any(OTHER_LABEL.match(each) for each in lines[number + 1 : number + 6]):
            return number
        if _attribution_at(lines, number):
            return number
    return _trailing_quotes(lines)


def _attribution_at(lines: list[str], number: int) -> bool:
    """Whether "On … wrote:" stands here, over up to three lines, with quoted or any text after it."""
    for length in (1, 2, 3):
        block = " ".join(line.strip() for line in lines[number : number + length])
        if ATTRIBUTION.match(block) or (length < 3 and ATTRIBUTION_ANY.match(block)):  # noqa: PLR2004 - a loose one is short
            rest = [line for line in lines[number + length :] if line.strip()]
            return not rest or bool(QUOTED.match(rest[0])) or not any(QUOTED.match(line) for line in rest)
    return False


def _has_more_than_signature(lines: list[str], number: int) -> bool:
    """A bare rule starts the history only if a mail's headers follow it; named separators always do."""
    if any(sign.isalpha() for sign in lines[number]):
        return True
    following = [line for line in lines[number + 1 : number + 5] if line.strip()]
    return bool(following) and bool(FROM_LABEL.match(following[0]))


def _trailing_quotes(lines: list[str]) -> int:
    """Where a block of quoted lines begins that ends the mail (blank lines and a signature aside)."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    start = end
    while start and (QUOTED.match(lines[start - 1]) or not lines[start - 1].strip()):
        start -= 1
    return start if any(QUOTED.match(line) for line in lines[start:end]) else len(lines)


def _is_boundary(line: str) -> bool:
    return bool(
        SEPARATOR.match(line) or ATTRIBUTION.match(line) or ATTRIBUTION_ANY.match(line) or REPLY_ABOVE.search(line)
    )


def _without_signature(lines: list[str]) -> tuple[list[str], str | None]:
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    for number, line in enumerate(lines):
        left = len(lines) - number
        marked = SIGNATURE_MARK.match(line) and left <= SIGNATURE_LINES * 2
        closing = CLOSING.match(line) and 1 < left <= SIGNATURE_LINES
        if number and (marked or closing or (MOBILE.match(line) and left <= SIGNATURE_LINES)):
            return lines[:number], _joined(lines[number + 1 :] if marked else lines[number:]) or None
    return lines, None


def _joined(lines: list[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).strip("\n").strip()
