"""What stands at the end of a mail and was not typed for it: signatures, and lines that devices add. Pure, linear.

Words in many languages, gathered from the programs' own user interfaces; nothing is cut from storage.
"""

import re

from intake.reading import labels

LONGEST_ENDING, LONGEST_CLOSING = 200, 80
SIGNATURE_LINES = 14
"""A signature is at most this long; a longer block is text."""
SHORT_LINE = 64
FIRST_LINE = 72
NAME_LINES = 3
MARK = re.compile(r"^\s*(?:--|—|–|––|__)\s*$")
DEVICES = (
    r"i(?:phone|pad|pod)|android|blackberry|samsung|galaxy|huawei|xiaomi|nokia|honor|pixel|htc|windows|outlook|yahoo"
    r"|gmail|proton ?mail|gmx|web\.de|k-9|spark|bluemail|thunderbird|mail\.ru|яндекс|почты|smartphone|telefon|handy"
    r"|celular|m[óo]vil|cellulare|t[ée]l[ée]phone|mobi[el]\w*|tablet|unterwegs|the (?:go|move|road)|手机|手機|邮箱|郵件"
    r"|邮件|스마트폰|휴대폰|メール|スマートフォン"
)
SENT = (
    r"sent|written|typed|gesendet|geschickt|verschickt|envoyée?|enviad[oa]|enviat|inviat[oa]|verzonden|verstuurd"
    r"|wys[łl]an[eoay]|wysyłan[eoay]|skickat|skickades|skickad|sänt|sendt|lähetetty|отправлено|надіслано|odesl?áno"
    r"|odoslané|poslano|elküldve|küldve|trimis|εστάλη|στάλθηκε|đã gửi|gửi|dikirim|saadetud|išsiųsta|provenance ?:"
    r"|נשלח|تم الإرسال|ส่งจาก|发送?自|来自|來自|傳送自|寄自|[从從]我的"
)
GET = (
    r"get|download|holen sie sich|laden sie|obten(?:ir|ez|er|ga)|obtén|obter|scarica(?:re)?|ottieni|télécharge[rz]"
    r"|pobierz|hämta|hent|skaff|få|hanki|získ(?:ejte|at)|скачать|завантаж\w+|загрузить|获取|取得|下載|下载"
)
DEVICE = re.compile(
    r"^[\s<(\[*_]*(?:sent|written|typed|gesendet|envoyé|enviado|enviada|inviato|verzonden|wysłan[eo]|skickat|sendt"
    r"|lähetetty|отправлено|надіслано|odesláno|odoslané|elküldve|trimis)\s+"
    r"(?:from|via|with|by|using|through|on the (?:go|move|road)|von|mit|vom|de|del|depuis|desde|do|da|dal|dalla|con"
    r"|vanaf|vanuit|met|z|ze|från|med|fra|laitteesta|iphonesta|ipadista|из|с|з|pelo|avec)\b.{0,120}$"
    rf"|^[\s<(\[*_]*(?:{SENT})[ :]?.{{0,80}}?(?:{DEVICES}).{{0,60}}$"
    r"|^\s*(?:from|via) (?:my )?(?:iphone|ipad|mobile|phone|android|blackberry).{0,30}$|^\s*\w{2,20} from mobile$"
    rf"|^\s*[\[(<]?(?:{GET})\W[^\n]{{0,24}}?outlook\b.{{0,120}}$"
    r"|^\s*outlook (?:for|für|pour|para|per|voor|för|til|pro|для|を|'u)\W?.{0,60}$|^.{0,24}outlook['’]u edinin$"
    r"|^\s*(?:diese nachricht wurde )?(?:von|mit) meine[mnr] .{1,60} gesendet\.?$"
    rf"|^\s*(?:von|mit) .{{0,50}}(?:{DEVICES}).{{0,40}} (?:gesendet|versendet|verschickt|geschickt)\.?$"
    rf"|^.{{0,40}}(?:{DEVICES}).{{0,40}}gönderildi\.?$"
    rf"|^.{{0,30}}(?:{DEVICES}).{{0,30}}(?:から(?:送信|の送信).{{0,10}}|에서 (?:보냄|보냈습니다|작성했습니다))[.。]?$"
    r"|^\s*[从從]?我的.{1,30}(?:发送|傳送|發送)$"
    r"|^\s*(?:nachricht|message|mensaje|messaggio) (?:gesendet|envoyé|enviado|inviato) .{1,80}$",
    re.IGNORECASE,
)
FAREWELL = (
    r"(?:(?:kind|best|warm|warmest|many|with)?\s*(?:kind|best)?\s*(?:regards|rgds)|br|best wishes|all the best|best"
    r"|cheers|sincerely(?: yours)?|(?:very )?respectfully|yours(?: (?:sincerely|truly|faithfully))?"
    r"|many thanks|(?:best )?thanks(?: and regards|(?: so much)? in advance| again| a lot| so much)?"
    r"|thank you(?: very much| so much| in advance| and regards)?|thx"
    r"|mit (?:freundliche[nm]?|besten?|herzlichen?|vielen) gr(?:ü|ue)(?:ß|ss)e?n?|mit freundlichem gru(?:ß|ss)"
    r"|(?:freundliche|viele|beste|liebe|schöne|herzliche) gr(?:ü|ue)(?:ß|ss)e(?: aus \w+)?|hochachtungsvoll"
    r"|mfg|vg|lg|gruß|gruss|danke(?: und gruß| im voraus)?|vielen dank(?: im voraus)?|besten dank"
    r"|(?:bien )?(?:très )?cordialement|bien à (?:vous|toi)|salutations(?: distinguées)?|sincères salutations"
    r"|meilleures salutations|merci(?: d'avance| beaucoup)?|bonne journée|amicalement"
    r"|(?:un |mis )?(?:cordial(?:es)? )?saludos?(?: cordial(?:es)?)?|atentamente|atte\.?|(?:muchas )?gracias"
    r"|(?:cordiali|distinti|cari|i migliori) saluti|cordialmente|saluti|(?:molte )?grazie(?: mille)?|buona giornata"
    r"|atenciosamente|att\.?|(?:os melhores )?cumprimentos|com os melhores cumprimentos|abraços?|(?:muito )?obrigad[oa]"
    r"|met (?:vriendelijke|hartelijke) groet(?:en)?|(?:vriendelijke |hartelijke )?groet(?:en|jes)?|mvg"
    r"|(?:alvast )?bedankt"
    r"|(?:serdecznie )?pozdrawiam(?: serdecznie)?|z poważaniem|z wyrazami szacunku|dziękuję|pozdrowienia"
    r"|(?:med )?(?:vänlig|bästa|varma)a? hälsning(?:ar)?|hälsningar|mvh|tack(?: på förhand)?"
    r"|(?:med )?venlig hilsen|de bedste hilsner|(?:med )?vennlig hilsen|(?:ystävällisin )?terveisin|terv\."
    r"|s pozdravem|s úctou|s pozdravom|děkuji|üdvözlettel|köszönöm|cu stimă|lep pozdrav|s poštovanjem"
    r"|с уважением|с наилучшими пожеланиями|спасибо|з повагою|saygılarımla|iyi çalışmalar|teşekkürler|με εκτίμηση"
    r"|よろしくお願い(?:いた|致)?し(?:ます|申し上げます)|以上|敬具|此致|敬礼|祝好|谢谢|謝謝|감사합니다|감사드립니다)"
)
CLOSING = re.compile(rf"^\s*{FAREWELL}(?:\s*[/|,]\s*{FAREWELL})?\s*[,.!。、]?\s*$", re.IGNORECASE)
CONTACT = re.compile(
    r"[^\s@]{1,64}@[^\s@]{1,255}\.[a-z]{2,}|^(?:https?://|www\.)\S+$"
    r"|(?:^[^\d\n]{0,16}|[|·•,/]\s?)(?:\+|\(|00|0?\d{2,5}[ /-])(?!\d{1,2}-\d)[\d ()/.-]{6,24}(?:\s*(?:ext|x)\.?\s*\d+)?"
    r"(?:$|\s?[|·•])|^(?:skype|t[eé]l|fax|mobile?|phone|handy|cell?)\b",
    re.IGNORECASE,
)
NAME = re.compile(r"^[^\d:@/<>]{2,40}$")
FULL_NAME = re.compile(r"^\s*[^\W\d_a-zß-ÿ]\w{1,20}(?: [^\W\d_a-zß-ÿ]\w{1,20}){0,2}\s*$")
TRACKER = "\u1427"
"""A sign that mail trackers leave alone on a line."""


def without(lines: list[str]) -> tuple[list[str], str | None]:
    """The lines without what was not typed for this mail, and the signature (None if there is none).

    A closing with nothing but a name after it is the signature and stays in the lines too: the sender
    typed it, and cutting there has eaten whole mails elsewhere.
    """
    end = len(lines)
    while end and (not lines[end - 1].strip(" \t" + TRACKER) or _is_device(lines[end - 1])):
        end -= 1
    if end < len(lines) and lines[end].strip() and _is_name_alone(lines, end - 1):
        end -= 1
    device = joined(lines[end:]).strip(TRACKER).strip() or None
    lines = lines[:end] if end else lines
    first = max(len(lines) - 2 * SIGNATURE_LINES, 1)
    for number in range(first, len(lines)):
        after = lines[number + 1 :]
        if MARK.match(lines[number]) and _is_short_first(lines[number], after):
            return _tracked(lines[:number]), joined(after) or device
        if not lines[number - 1].strip() and labels.BARE_RULE.match(lines[number]) and _is_signature(after):
            return _tracked(lines[:number]), joined(lines[number:])
    return _by_closing(lines, device)


def _is_short_first(mark: str, after: list[str]) -> bool:
    """Whether a mark begins a signature: the standard one always does (RFC 3676 §4.3), others before a short line."""
    return mark == "-- " or len(next((line for line in after if line.strip()), "")) <= FIRST_LINE


def _is_device(line: str) -> bool:
    return len(line) <= LONGEST_ENDING and bool(DEVICE.search(line))


def _is_name_alone(lines: list[str], number: int) -> bool:
    """Whether a line is a paragraph's first, and a name: it belongs to the device's line under it."""
    return number > 0 and not lines[number - 1].strip() and bool(FULL_NAME.match(lines[number]))


def _by_closing(lines: list[str], device: str | None) -> tuple[list[str], str | None]:
    for number in range(max(len(lines) - SIGNATURE_LINES, 1), len(lines)):
        if len(lines[number]) <= LONGEST_CLOSING and CLOSING.match(lines[number]):
            after = [line for line in lines[number + 1 :] if line.strip()]
            if _is_signature(after) and any(CONTACT.search(line.strip()) for line in after):
                return lines[:number], joined(lines[number:])
            if after and len(after) <= NAME_LINES and all(len(line) <= SHORT_LINE for line in after):
                return lines, joined(lines[number:])
            return lines, device
    start = _contact_block(lines)
    return (lines[:start], joined(lines[start:])) if start else (lines, device)


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


def joined(lines: list[str]) -> str:
    """Lines as one text, without white space around."""
    return "\n".join(line.rstrip() for line in lines).strip("\n").strip()
