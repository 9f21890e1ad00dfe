"""What the sender newly wrote, apart from quoted history and signature. Pure, linear, nothing is cut from storage."""

import re
from dataclasses import dataclass

from intake import labels
from intake.labels import QUOTED

MOST_LINES = 10_000
"""Lines that are looked at; what follows them stays one piece."""
LONGEST_ENDING = 200
SIGNATURE_LINES = 14
"""A signature is at most this long; a longer block is text."""
SHORT_LINE = 64
NAME_LINES = 3
SIGNATURE_MARK = re.compile(r"^\s*(?:--|—|––)\s*$")
DEVICE = re.compile(
    r"^[\s<(\[*_]*(?:sent|written|typed|gesendet|envoyé|enviado|enviada|inviato|verzonden|wysłan[eo]|skickat|sendt"
    r"|lähetetty"
    r"|отправлено|надіслано|odesláno|odoslané|elküldve|trimis)\s+"
    r"(?:from|via|with|by|using|through|von|mit|vom|de|depuis|desde|do|da|dal|con|vanaf|met|z|ze|från|med|fra"
    r"|laitteesta|iphonesta|из|с|з)\b.{0,120}$"
    r"|^\s*(?:from|via) (?:my )?(?:iphone|ipad|mobile|phone|android|blackberry).{0,30}$|^\s*\w{2,20} from mobile$"
    r"|^\s*(?:get|download|holen sie sich|obtenir|obtener|scarica|télécharg\w+) \[?outlook (?:for|pour|para|für"
    r"|per)\b.{0,120}$"
    r"|^\s*(?:diese nachricht wurde )?(?:von|mit) meine[mnr] .{1,60} gesendet\.?$|iphoneから送信|^从我的.{1,30}发送"
    r"|我的.{1,30}(?:傳送|發送)"
    r"|^\s*(?:nachricht|message|mensaje|messaggio) (?:gesendet|envoyé|enviado|inviato) .{1,80}$",
    re.IGNORECASE,
)
CLOSING = re.compile(
    r"^\s*(?:(?:kind|best|warm|many|with)?\s*(?:kind|best)?\s*regards|best wishes|best|cheers|sincerely(?: yours)?"
    r"|yours (?:sincerely|truly|faithfully)|many thanks|thanks(?: and regards| in advance| again| a lot)?"
    r"|thank you(?: very much| in advance)?|thx"
    r"|mit (?:freundlichen?|besten|herzlichen) grü(?:ß|ss)en?|(?:freundliche|viele|beste|liebe|schöne"
    r"|herzliche) grü(?:ß|ss)e"
    r"|mfg|vg|lg|gruß|danke(?: und gruß)?|vielen dank"
    r"|(?:bien )?cordialement|bien à vous|salutations|merci(?: d'avance)?"
    r"|(?:un )?saludos?(?: cordial(?:es)?)?|atentamente|gracias|(?:cordiali|distinti) saluti|saluti|grazie"
    r"|atenciosamente|cumprimentos|abraços|obrigad[oa]"
    r"|met vriendelijke groet(?:en)?|(?:vriendelijke )?groet(?:en|jes)?|mvg|bedankt"
    r"|pozdrawiam|z poważaniem|dziękuję|(?:med )?vänliga? hälsning(?:ar)?|hälsningar|mvh|tack"
    r"|med venlig hilsen|med vennlig hilsen|ystävällisin terveisin|s pozdravem|с уважением|з повагою"
    r"|よろしくお願い(?:いた|致)?します|敬具|此致|敬礼|祝好|谢谢|謝謝)\s*[,.!。、]?\s*$",
    re.IGNORECASE,
)
CONTACT = re.compile(
    r"[^\s@]{1,64}@[^\s@]{1,255}\.[a-z]{2,}|^(?:https?://|www\.)\S+$"
    r"|^[^\d\n]{0,16}(?:\+|\(|00|0?\d{2,5}[ /-])(?!\d{1,2}-\d)[\d ()/.-]{6,24}(?:\s*(?:ext|x)\.?\s*\d+)?$|^(?:skype"
    r"|tel|fax|mobile?|phone)\b",
    re.IGNORECASE,
)
NAME = re.compile(r"^[^\d:@/<>]{2,40}$")
FULL_NAME = re.compile(r"^\s*[^\W\d_a-zß-ÿ]\w{1,20}(?: [^\W\d_a-zß-ÿ]\w{1,20}){0,2}\s*$")
MAILING_LIST_RULE = re.compile(r"^_{30,}\s*$")
TRACKER = "\u1427"
"""A sign that mail trackers leave alone on a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewText:
    """A body in three: what is new, the quoted history, the signature (None if there is none).

    A closing with nothing but a name after it is the signature and stays in the new text too:
    the sender typed it, and cutting there has eaten whole mails elsewhere.
    """

    new_text: str
    quoted: str
    signature: str | None


def newly_written(text: str) -> NewText:
    """Split a body. Quotes with new text below them stay, as what that text answers."""
    lines = text.split("\n", MOST_LINES)
    boundary, length = _first_boundary(lines)
    above, below = lines[:boundary], lines[boundary + length :]
    answers = _answers(below)
    if not answers and not _says_something(above):
        answers = _without_announcements(below)  # nothing above: what stands below is all there is
    elif answers and not _says_something(above):
        answers = _without_leading_quote(answers) if length else answers
    body, signature = _without_signature(_without_trailing_quote([*above, *answers]))
    body = _without_trailing_quote(body)
    if not _says_something(body) and _is_history(body):
        body = []
    quoted = lines[boundary:] if not answers else [line for line in below if QUOTED.match(line)]
    return NewText(new_text=_joined(body), quoted=_joined(quoted), signature=signature)


def _first_boundary(lines: list[str]) -> tuple[int, int]:
    """Where the history begins, and how many lines announce it; (len(lines), 0) if there is none."""
    for number, line in enumerate(lines):
        if not line.strip() or QUOTED.match(line):
            continue
        if labels.is_original_mark(line) or labels.is_forward_mark(line):
            return number, 1
        block = labels.block_at(lines, number)
        if block is not None:
            above = number - 1 if number and labels.BARE_RULE.match(lines[number - 1]) else number
            return above, block.end - above
        if length := labels.attribution_at(lines, number):
            return number, length
    return len(lines), 0


def _answers(below: list[str]) -> list[str]:
    """What was written between and below quoted lines; empty where the history is not quoted line by line."""
    written = [line for line in below if line.strip()]
    if not written or not QUOTED.match(written[0]):
        return []
    kept = _without_announcements(below)
    answered = _without_trailing_quote(_before_list_footer(kept))
    body, _ = _without_signature([line for line in answered if not QUOTED.match(line)])
    return answered if _says_something(body) else []


def _is_history(quotes: list[str]) -> bool:
    """Whether quotes begin as a mail program begins them, and so were not picked by hand."""
    inner = [labels.bare(line) for line in quotes if line.strip()]
    return bool(inner) and labels.attribution_at(inner, 0) > 0


def _without_announcements(lines: list[str]) -> list[str]:
    kept: list[str] = []
    skip = 0
    for number, line in enumerate(lines):
        if skip:
            skip -= 1
        elif line.strip() and not QUOTED.match(line) and (length := labels.attribution_at(lines, number)):
            skip = length - 1
        else:
            kept.append(line)
    return kept


def _before_list_footer(lines: list[str]) -> list[str]:
    """A mailing list's footer stands under a long rule."""
    end = next((number for number, line in enumerate(lines) if MAILING_LIST_RULE.match(line)), len(lines))
    return lines[:end]


def _without_leading_quote(lines: list[str]) -> list[str]:
    start = 0
    while start < len(lines) and (QUOTED.match(lines[start]) or not lines[start].strip()):
        start += 1
    return lines[start:]


def _without_trailing_quote(lines: list[str]) -> list[str]:
    """The lines without the quotes they end in, unless there is nothing else."""
    end = len(lines)
    while end and (QUOTED.match(lines[end - 1]) or not lines[end - 1].strip()):
        end -= 1
    return lines[:end] if end else lines


def _says_something(lines: list[str]) -> bool:
    return any(line.strip() and not QUOTED.match(line) for line in lines)


def _without_signature(lines: list[str]) -> tuple[list[str], str | None]:
    """The lines without what was not typed for this mail, and the signature."""
    end = len(lines)
    while end and (not lines[end - 1].strip(" \t" + TRACKER) or _is_device(lines[end - 1])):
        end -= 1
    if end < len(lines) and lines[end].strip() and _is_name_alone(lines, end - 1):
        end -= 1
    device = _joined(lines[end:]).strip(TRACKER).strip() or None
    lines = lines[:end] if end else lines
    first = max(len(lines) - 2 * SIGNATURE_LINES, 1)
    for number in range(first, len(lines)):
        after = lines[number + 1 :]
        if SIGNATURE_MARK.match(lines[number]):
            return _tracked(lines[:number]), _joined(after) or device
        if not lines[number - 1].strip() and labels.BARE_RULE.match(lines[number]) and _is_signature(after):
            return _tracked(lines[:number]), _joined(lines[number:])
    return _by_closing(lines, device)


def _is_device(line: str) -> bool:
    return len(line) <= LONGEST_ENDING and bool(DEVICE.search(line))


def _is_name_alone(lines: list[str], number: int) -> bool:
    """Whether a line is a paragraph's first, and a name: it belongs to the device's line under it."""
    return number > 0 and not lines[number - 1].strip() and bool(FULL_NAME.match(lines[number]))


def _by_closing(lines: list[str], device: str | None) -> tuple[list[str], str | None]:
    for number in range(max(len(lines) - SIGNATURE_LINES, 1), len(lines)):
        if len(lines[number]) <= LONGEST_ENDING and CLOSING.match(lines[number]):
            after = [line for line in lines[number + 1 :] if line.strip()]
            if _is_signature(after) and any(CONTACT.search(line.strip()) for line in after):
                return lines[:number], _joined(lines[number:])
            if after and len(after) <= NAME_LINES and all(len(line) <= SHORT_LINE for line in after):
                return lines, _joined(lines[number:])
            return lines, device
    start = _contact_block(lines)
    return (lines[:start], _joined(lines[start:])) if start else (lines, device)


def _contact_block(lines: list[str]) -> int:
    """Where a last paragraph of a name and how to reach it begins; 0 if there is none."""
    start = len(lines)
    while start and lines[start - 1].strip():
        start -= 1
    block = [line.strip() for line in lines[start:]]
    if len(block) > SIGNATURE_LINES or any(len(line) > SHORT_LINE for line in block):
        return 0
    name = bool(block) and bool(NAME.match(block[0])) and len(block[0].split()) <= 5  # noqa: PLR2004 - a name's words
    reachable = [line for line in block[1:] if CONTACT.search(line) and not line.startswith(("http", "www"))]
    return start if name and reachable else 0


def _is_signature(lines: list[str]) -> bool:
    """Few short lines, and if more than four then with a way to reach somebody."""
    written = [line.strip() for line in lines if line.strip()]
    if not written or len(written) > SIGNATURE_LINES or any(len(line) > SHORT_LINE + 36 for line in written):
        return False
    return len(written) <= 4 or any(CONTACT.search(line) for line in written)  # noqa: PLR2004 - see above


def _tracked(lines: list[str]) -> list[str]:
    return [line for line in lines if line.strip() != TRACKER]


def _joined(lines: list[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).strip("\n").strip()
