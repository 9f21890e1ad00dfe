"""The headers and rules mail programs put before a quoted or forwarded mail, in many languages. Pure, linear.

Gathered from the programs' own user interfaces; a new language is a word in a tuple below.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from intake.reading.attributions import LONGEST_LINE, QUOTED

LABELS: dict[str, tuple[str, ...]] = {
    "from": (
        "from", "von", "de", "da", "mittente", "van", "afzender", "od", "nadawca", "från", "avsändare", "fra",
        "lähettäjä",
        "feladó", "odesílatel", "odosielateľ", "šalje", "expeditor", "expeditorul", "de la", "expéditeur", "remitente",
        "remetente", "gönderen", "kimden", "от", "от кого", "отправитель", "від", "від кого", "από", "差出人", "送信元",
        "送信者", "发件人", "寄件者", "寄件人", "보낸 사람", "보낸사람", "מאת", "من", "từ", "dari", "จาก",
        "saatja", "remitent", "sender", "nuo", "pošiljatelj", "발신", "보낸이", "发信人", "發件人",
    ),
    "to": (
        "to", "an", "à", "pour", "a", "para", "aan", "do", "komu", "adresat", "till", "til", "vastaanottaja", "címzett",
        "prima", "za", "destinatar", "destinatarul", "către", "catre", "alıcı", "kime", "кому", "pre", "προς", "宛先",
        "送信先", "收件人", "收件者", "받는 사람", "받는사람", "destinatário", "destinatario", "אל", "إلى", "đến",
        "per a", "saaja", "kam",
        "prejemnik", "kepada", "ถึง", "받는이", "수신", "收信人",
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
        "보낸 날짜", "날짜", "תאריך", "kuupäev", "ngày", "التاريخ", "tanggal", "วันที่", "poslato",
        "fecha de envío", "sent at", "date sent", "时间", "時間", "傳送時間", "發送時間", "送信日", "보낸시간",
        "작성일", "נשלח", "received",
    ),
    "subject": (
        "subject", "betreff", "objet", "sujet", "asunto", "oggetto", "assunto", "onderwerp", "temat", "ämne", "emne",
        "aihe", "tárgy", "předmět", "predmet", "subiect", "subiectul", "konu", "тема", "θέμα", "件名", "主题", "主旨",
        "主題", "제목", "נושא", "الموضوع",
        "assumpte", "teema", "zadeva", "chủ đề", "subjek", "เรื่อง", "naslov", "относно", "標題", "标题",
    ),
    "other": (
        "reply-to", "antwort an", "répondre à", "responder a", "rispondi a", "importance", "wichtigkeit", "priority",
        "priorität", "risposta", "attachments", "anlagen", "pièces jointes", "organization", "bijlagen",
    ),
}  # fmt: skip
FIELDS = {word: field for field, words in LABELS.items() for word in words}
LONGEST_LABEL = 60
"""Characters in which a label and its colon stand, with quote marks and emphasis before them."""
LABEL = re.compile(r"^[\s>*_]*([^:：\d<>@]{1,24}?)\s?[*_]{0,2}\s?[:：]\s?[*_]{0,2}\s*(.*)$")
FORWARDED_WORDS = (
    "forwarded|fwd|weitergeleitet|transféré|transférée|réexpédié|reenviad[oa]|inoltrat[oa]|reencaminhad[oa]|encaminhad[oa]"
    "|doorgestuurd|przekazan[aej]+|przesłan[aej]+|vidarebefordrat|vidarebefordrad|videresendt?|edelleenlähetetty"
    "|välitetty|továbbított|přeposlan[áé]|preposlaná|proslijeđen[au]|prosljeđen[au]|redirecționat|transmis|iletilen"
    "|iletildi|пересылаемое|пересланное|переслане|перенаправлене|перенаправленное|προωθημένο|転送|转发|轉寄|전달"
)
DASH = r"[-_=*\u2010-\u2015\u2500-\u2503]"
FORWARD_RULE = re.compile(
    rf"^[\s>]*+{DASH}{{2,}}+[^\n]{{0,40}}?(?:{FORWARDED_WORDS})[^\n-]{{0,40}}{DASH}{{2,}}", re.IGNORECASE
)
FORWARD_LINE = re.compile(rf"^[\s>]*[^\n:：]{{0,30}}(?:{FORWARDED_WORDS})[^\n:：]{{0,30}}[:：]\s*$", re.IGNORECASE)
ORIGINAL_WORDS = (
    "(?:original|reply|previous|quoted) (?:message|text|reply)|original appointment|original e-?mail"
    "|original(?=[ -]{3})"
    "|ursprüngliche (?:nachricht|e-?mail)|original-?nachricht|original-?mail|message d['’]origine|message original"
    "|message initial|mensaje original|missatge original|messaggio originale|mensagem original|mensaxe orixinal"
    "|oorspronkelijk(?:e)? (?:bericht|e-?mail)|origineel bericht|wiadomość oryginalna|oryginalna wiadomość"
    "|ursprungligt meddelande|originalmeddelande|opprinnelig (?:melding|e-?post)|oprindelig (?:meddelelse|besked)"
    "|original (?:besked|meddelelse)|původní (?:zpráva|e-?mail)|originální zpráva|pôvodná správa|eredeti (?:üzenet"
    "|levél)|alkuperäinen viesti|izvorna poruka|izvirno sporočilo|algne kiri|mesaj(?:ul)? original|mesajul iniţial"
    "|özgün ileti|orijinal (?:mesaj|ileti)|исходное сообщение|оригинальное сообщение|пересылаемое сообщение"
    "|оригінальне повідомлення|αρχικό μήνυμα|הודעה מקורית|الرسالة الأصلية|tin nhắn gốc|pesan asli"
    "|原始邮件|原始郵件|邮件原件|原邮件|元のメッセージ|元のメール|원본 ?메시지|원본 ?이메일"
)
ORIGINAL_RULE = re.compile(rf"^[\s>]*+{DASH}{{2,}}+\s*(?:{ORIGINAL_WORDS})(?!\w).*$", re.IGNORECASE)
NOTES_RULE = re.compile(r"^.{2,60}---\d{1,4}[./-]\d{1,2}[./-]\d{2,4} \d{1,2}:\d\d:\d\d(?: [AP]M)?---")
"""How Lotus Notes begins: name, date and subject on a line."""
BARE_RULE = re.compile(r"^[\s>]*[-_*=\u2010-\u2015\u2500-\u2503]{5,}\s*$")
LINES = (
    "line", "LINE", "eile", "ligne", "línea", "riga", "linha", "regel", "lijn", "linii", "rad", "linje", "行", "線",
)  # fmt: skip
"""Words for "line", without which nothing is said to stand above one."""
REPLY_ABOVE = re.compile(
    r"^[\W_]*(?:\w+\W{1,3}){0,2}(?:reply|respond|write|type|enter|answer|add)\b.{0,60}above this line\W*"
    r"(?:$|to\b|and\b)"
    r"|^(?:[^\w\s]|_){2,}.{0,120}(?:above this line|dieser (?:zeile|linie)|cette ligne|esta línea|questa (?:riga|linea)"
    r"|(?:esta|essa) linha|deze (?:regel|lijn)|tej linii|denna rad|denne linje|行|線)"
    r"|^[\W_]*(?:\w+\W{1,3}){0,8}(?:oberhalb|über) dieser zeile.{0,60}$|^##-",
    re.IGNORECASE,
)
RULED = re.compile(rf"[\s>]*{DASH}{{2}}")
LONGEST_MARK = 300
BLOCK_LINES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A mail's headers standing in a text: what they say, and the first line after them."""

    fields: dict[str, str]
    end: int


def is_forward_mark(line: str) -> bool:
    """Whether a line announces a forwarded mail: a rule that names it, or a sentence that ends in a colon."""
    return is_forward_rule(line) or (
        len(line) <= LONGEST_MARK and line.rstrip().endswith((":", "：")) and bool(FORWARD_LINE.match(line))
    )


def is_forward_rule(line: str) -> bool:
    """Whether a line is a rule that names a forwarded mail; words without a rule are a sentence."""
    return len(line) <= LONGEST_LINE and bool(RULED.match(line)) and bool(FORWARD_RULE.match(line))


def is_original_mark(line: str) -> bool:
    """Whether a line announces the mail that is answered, or says "reply above this line"."""
    if len(line) > LONGEST_LINE:
        return False
    if RULED.match(line) and ORIGINAL_RULE.match(line):
        return True
    return len(line) <= LONGEST_MARK and (
        line.startswith("##-")
        or (any(word in line for word in LINES) and bool(REPLY_ABOVE.search(line)))
        or ("---" in line and bool(NOTES_RULE.match(line)))
    )


def bare(line: str) -> str:
    """A line without its quote marks."""
    return line.lstrip("> \t\ufeff") if QUOTED.match(line) else line


def block_at(lines: Sequence[str], start: int) -> Block | None:
    """The headers that begin at a line: a sender and a date or subject, in any order; None if they do not."""
    if ":" not in lines[start][:LONGEST_LABEL] and "：" not in lines[start][:LONGEST_LABEL]:
        return None
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
    return Block(fields=fields, end=number) if _is_of_a_mail(fields) else None


def _is_of_a_mail(fields: dict[str, str]) -> bool:
    """Whether labels are a mail's: an author, and a date or subject; without an address more of them must fit."""
    author = fields.get("from", "")
    if not author or not fields.keys() & {"date", "subject"}:
        return False
    if "@" in author:
        return True
    named = re.match(r"[\W_]*[^\W\d_]", author) is not None
    dated = "date" not in fields or re.search(r"\d", fields["date"]) is not None
    return named and dated and len(fields.keys() & {"to", "date", "subject"}) > 1


def _is_label(lines: Sequence[str], number: int) -> bool:
    found = LABEL.match(bare(lines[number])[:LONGEST_LINE]) if number < len(lines) else None
    return bool(found) and found[1].strip(" *_").lower() in FIELDS  # type: ignore[index]
