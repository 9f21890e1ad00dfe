"""The words mail programs put around a quoted or forwarded mail, in many languages. Pure, linear.

Gathered from the programs' own user interfaces; a new language is a word in a tuple below.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

LABELS: dict[str, tuple[str, ...]] = {
    "from": (
        "from", "von", "de", "da", "mittente", "van", "afzender", "od", "nadawca", "från", "avsändare", "fra",
        "lähettäjä",
        "feladó", "odesílatel", "odosielateľ", "šalje", "expeditor", "expeditorul", "de la", "expéditeur", "remitente",
        "remetente", "gönderen", "kimden", "от", "от кого", "отправитель", "від", "від кого", "από", "差出人", "送信元",
        "送信者", "发件人", "寄件者", "寄件人", "보낸 사람", "보낸사람", "מאת", "من", "từ", "dari", "จาก",
    ),
    "to": (
        "to", "an", "à", "pour", "a", "para", "aan", "do", "komu", "adresat", "till", "til", "vastaanottaja", "címzett",
        "prima", "za", "destinatar", "destinatarul", "către", "catre", "alıcı", "kime", "кому", "pre", "προς", "宛先",
        "送信先", "收件人", "收件者", "받는 사람", "받는사람", "destinatário", "destinatario", "אל", "إلى", "đến",
    ),
    "cc": (
        "cc", "bcc", "kopie", "copie à", "copie", "kopia", "kopi", "kopio", "másolat", "másolatot kap", "kópia", "dw",
        "do wiadomości", "bilgi", "копия", "копія", "κοιν.", "copia", "cópia", "抄送", "副本", "참조",
    ),
    "date": (
        "date", "sent", "gesendet", "datum", "envoyé", "envoyé le", "fecha", "enviado", "enviado el", "enviada",
        "enviada em", "enviado em", "data", "inviato", "data invio", "verzonden", "wysłano", "data wysłania", "skickat",
        "sendt", "dato", "päivämäärä", "lähetetty", "päiväys", "dátum", "elküldve", "odesláno", "odoslané", "poslano",
        "dată", "trimis", "tarih", "gönderildi", "gönderme tarihi", "дата", "отправлено", "надіслано", "відправлено",
        "ημερομηνία", "日付", "送信日時", "日時", "发送时间", "日期", "寄件日期", "傳送日期",
        "보낸 날짜", "날짜", "תאריך",
    ),
    "subject": (
        "subject", "betreff", "objet", "sujet", "asunto", "oggetto", "assunto", "onderwerp", "temat", "ämne", "emne",
        "aihe", "tárgy", "předmět", "predmet", "subiect", "subiectul", "konu", "тема", "θέμα", "件名", "主题", "主旨",
        "主題", "제목", "נושא", "الموضوع",
    ),
    "other": (
        "reply-to", "antwort an", "répondre à", "responder a", "rispondi a", "importance", "wichtigkeit", "priority",
        "priorität", "risposta", "attachments", "anlagen", "pièces jointes", "organization", "bijlagen",
    ),
}  # fmt: skip
FIELDS = {word: field for field, words in LABELS.items() for word in words}
LABEL = re.compile(r"^[\s>*_]*([^:：\d<>@]{1,24}?)\s?[*_]{0,2}\s?[:：]\s?[*_]{0,2}\s*(.*)$")
QUOTED = re.compile(r"^\s*>")
"""Only this: "SQL>" is a prompt, and "| id |" a table that somebody pasted."""
FORWARDED_WORDS = (
    "forwarded|fwd|weitergeleitet|transféré|transférée|réexpédié|reenviad[oa]|inoltrat[oa]|reencaminhad[oa]|encaminhad[oa]"
    "|doorgestuurd|przekazan[aej]+|przesłan[aej]+|vidarebefordrat|vidarebefordrad|videresendt?|edelleenlähetetty"
    "|välitetty|továbbított|přeposlan[áé]|preposlaná|proslijeđen[au]|prosljeđen[au]|redirecționat|transmis|iletilen"
    "|iletildi|пересылаемое|пересланное|переслане|перенаправлене|перенаправленное|προωθημένο|転送|转发|轉寄|전달"
)
FORWARD_RULE = re.compile(
    rf"^[\s>]*[-_=]{{2,}}[^\n]{{0,40}}?(?:{FORWARDED_WORDS})[^\n-]{{0,40}}[-_=]{{2,}}", re.IGNORECASE
)
FORWARD_LINE = re.compile(rf"^[\s>]*[^\n:：]{{0,30}}(?:{FORWARDED_WORDS})[^\n:：]{{0,30}}[:：]\s*$", re.IGNORECASE)
ORIGINAL_WORDS = (
    "original message|original appointment|original e-?mail|ursprüngliche nachricht|originalnachricht"
    "|message d'origine|message original|mensaje original|messaggio originale|mensagem original|oorspronkelijk bericht"
    "|wiadomość oryginalna|oryginalna wiadomość|ursprungligt meddelande|originalmeddelande|opprinnelig melding"
    "|oprindelig meddelelse|původní zpráva|originální zpráva|pôvodná správa|eredeti üzenet|alkuperäinen viesti"
    "|mesaj original|özgün ileti|orijinal mesaj|исходное сообщение|оригінальне повідомлення|αρχικό μήνυμα"
    "|原始邮件|原始郵件|邮件原件|元のメッセージ|원본 메시지"
)
ORIGINAL_RULE = re.compile(rf"^[\s>]*[-_*=]{{2,}}\s*(?:{ORIGINAL_WORDS})\b.*$", re.IGNORECASE)
BARE_RULE = re.compile(r"^[\s>]*[-_*=]{5,}\s*$")
NAMED = re.compile(f"{FORWARDED_WORDS}|{ORIGINAL_WORDS}", re.IGNORECASE)
"""Words without which no rule needs a closer look."""
REPLY_ABOVE = re.compile(
    r"(?:reply|respond|write|type).{0,40}above this line|oberhalb dieser zeile|über dieser zeile"
    r"|au-dessus de cette ligne"
    r"|por encima de esta línea|sopra questa riga|acima desta linha|boven deze regel|^##-",
    re.IGNORECASE,
)
WROTE = (
    r"wrote|writes|said|schrieb|geschrieben|a écrit|écrit|escribió|escribio|ha scritto|scritto|escreveu|schreef"
    r"|geschreven|napisała?\(a\)|napisał(?:\(a\)|a)?|pisze|napsala?(?:\(a\))?|napísala?(?:\(a\))?|napisao|skrev"
    r"|kirjoitti|írta|yazdı|a scris|написала?|пишет|пише|писав|έγραψε|menulis|đã viết|כתב|كتب|写道|寫道|のメッセージ"
    r"|さんは書きました|作成|작성"
)
OPENS = re.compile(
    r"^[\s>\ufeff-]*(?:On|At|Am|Le|El|Il|Em|Op|W dniu|Dnia|Den|På|No dia|Dne|Dňa|În|Pe|Στις|Vào"
    r"|Pada)\b[^\n]{0,12}?\s\S{0,12}\d"
    r"|^[\s>\ufeff-]*(?:On|Am|Le|El|Il|Em|Op|Den|På) \w{2,12}[,.]|^\s*(?:在|于|於|\d|\w{2,12}[,.] \d)"
)
CLOSES = re.compile(rf"(?:\b|(?<=[\d\u3000-\u9fff]))(?:{WROTE})[^\n]{{0,120}}[:：-]\s*$", re.IGNORECASE)
DATED = re.compile(r"(?:19|20)\d\d|\d{1,2}[./]\d{1,2}[./]\d{2}\b")
ADDRESSED = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[^\s<>@]{1,255}")
ENDS_IN_ADDRESS = re.compile(r"<\s*[^\s<>@]{1,64}@[^\s<>@]{1,255}>\s*[:：]?\s*$")
REST = re.compile(rf"^\s*>?\s*(?:{WROTE})\s*[:：]\s*$", re.IGNORECASE)
LONGEST_LINE = 2_000
"""Characters of a line that may announce anything; a longer one is somebody's paragraph."""
LONGEST_ATTRIBUTION = 400
ATTRIBUTION_LINES = 5
BLOCK_LINES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A mail's headers standing in a text: what they say, and the first line after them."""

    fields: dict[str, str]
    end: int


def is_forward_mark(line: str) -> bool:
    """Whether a line announces a forwarded mail."""
    return (
        len(line) <= LONGEST_LINE
        and bool(NAMED.search(line))
        and bool(FORWARD_RULE.match(line) or FORWARD_LINE.match(line))
    )


def is_original_mark(line: str) -> bool:
    """Whether a line announces the mail that is answered, or says "reply above this line"."""
    if len(line) > LONGEST_LINE:
        return False
    return bool(REPLY_ABOVE.search(line)) or (bool(NAMED.search(line)) and bool(ORIGINAL_RULE.match(line)))


def bare(line: str) -> str:
    """A line without its quote marks."""
    return line.lstrip("> \t\ufeff") if QUOTED.match(line) else line


def block_at(lines: Sequence[str], start: int) -> Block | None:
    """The headers that begin at a line: a sender and a date or subject, in any order; None if they do not."""
    fields: dict[str, str] = {}
    last, number = "", start
    while number < min(len(lines), start + BLOCK_LINES):
        line = bare(lines[number])[:LONGEST_LINE]
        found = LABEL.match(line)
        field = FIELDS.get(found[1].strip(" *_").lower()) if found else None
        if found and field and field not in fields:
            fields[field], last = found[2].strip(), field
        elif not line.strip():
            if not (fields and _is_label(lines, number + 1)):
                break
        elif last and (_is_label(lines, number + 1) or (last in ("to", "cc") and "@" in line)):
            fields[last] += " " + line.strip()
        else:
            break
        number += 1
    if "from" not in fields or not fields.keys() & {"date", "subject"}:
        return None
    return Block(fields=fields, end=number)


def _is_label(lines: Sequence[str], number: int) -> bool:
    found = LABEL.match(bare(lines[number])[:LONGEST_LINE]) if number < len(lines) else None
    return bool(found) and found[1].strip(" *_").lower() in FIELDS  # type: ignore[index]


def attribution_at(lines: Sequence[str], start: int) -> int:
    """How many lines from here say who wrote what follows ("On … wrote:"); 0 if none do.

    It bears an address, or a date with quoted lines after it: "on 21 November 2026 the server wrote:" does not.
    """
    joined = lines[start].strip()
    if not joined or len(joined) > LONGEST_ATTRIBUTION:
        return 0
    if _attributes(joined, lines, start + 1):
        return 1 + _is_rest(lines, start + 1)
    opens = bool(OPENS.match(joined))
    if not opens and not ("@" in joined and ADDRESSED.search(joined)):
        return 0
    for length in range(2, min(ATTRIBUTION_LINES, len(lines) - start) + 1):
        line = lines[start + length - 1].strip()
        if (not line and not opens) or len(joined) + len(line) > LONGEST_ATTRIBUTION:
            return 0
        joined = f"{joined} {line}".strip()
        if line and _attributes(joined, lines, start + length):
            return length + _is_rest(lines, start + length)
    return 0


def _is_rest(lines: Sequence[str], number: int) -> bool:
    """Whether a line is the end of an attribution whose address was wrapped."""
    return number < len(lines) and len(lines[number]) <= LONGEST_LINE and bool(REST.match(lines[number]))


def _attributes(joined: str, lines: Sequence[str], after: int) -> bool:
    dated = bool(DATED.search(joined)) and bool(OPENS.match(joined))
    if joined.endswith((":", "：", "---")) and CLOSES.search(joined):
        return ("@" in joined and bool(ADDRESSED.search(joined))) or (dated and _is_quoted(lines, after))
    return dated and bool(ENDS_IN_ADDRESS.search(joined))


def _is_quoted(lines: Sequence[str], number: int) -> bool:
    """Whether the first written line from here is quoted, or there is none."""
    while number < len(lines) and not lines[number].strip():
        number += 1
    return number >= len(lines) or bool(QUOTED.match(lines[number]))
