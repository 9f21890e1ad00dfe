"""Where the history begins: the lines, headers and rules that mail programs put before it, in many languages."""

import pytest

from intake.reading.text import newly_written

NEW = "The gateway answers 503 again.\nSince ten minutes."
OLD = "Did the restart help?\n\nJon"
QUOTED = "> Did the restart help?\n>\n> Jon"

CERTAIN = [
    "On Sat, 21 Nov 2026 09:30:00 +0100\nJon Sample <jon@x.example> wrote:",
    "On Sat, Nov 21, 2026 at 9:30 AM, Jon Sample via Support <support@x.example> wrote:",
    "On 11/21/2026 9:30 AM, Jon Sample wrote:",
    "On 2026-11-21 09:30, Jon Sample wrote:",
    "On 21.11.26 09:30, Jon Sample wrote:",
    "On 21-11-2026 09:30, Jon Sample wrote:",
    "On Saturday, November 21, 2026, Jon Sample <jon@x.example> wrote:",
    "On Saturday 21 November 2026 09:30:12 Jon Sample wrote:",
    "On Sat, 2026-11-21 at 09:30 +0100, Jon Sample wrote:",
    "On Nov 21, 2026, at 9:30 AM, Jon Sample <jon@x.example> wrote:",
    "On Sat Nov 21 09:30:00 2026, Jon Sample wrote:",
    "At 09:30 AM 11/21/2026, Jon Sample wrote:",
    'At 2026-11-21 09:30:00, "Jon Sample" <jon@x.example> wrote:',
    "Jon Sample <jon@x.example> writes:",
    "Jon Sample <jon@x.example> wrote:",
    "Jon Sample wrote on 11/21/2026 09:30:",
    "Jon Sample <jon@x.example>, 21 Nov 2026 at 09:30, wrote:",
    "In article <abc@x.example>, Jon Sample wrote:",
    "In message <abc@x.example>, Jon Sample writes:",
    "2026-11-21 9:30 GMT+01:00 Jon Sample <jon@x.example>:",
    "2026-11-21 9:30 GMT+01:00, Jon Sample <jon@x.example>:",
    "2026/11/21 Jon Sample <jon@x.example>",
    "2026/11/21 Jon Sample <jon@x.example>:",
    "21 nov 2026 kl. 09:30 skrev Jon Sample <jon@x.example>:",
    "21. nov. 2026 kl. 09.30 skrev Jon Sample <jon@x.example>:",
    "Den 21-11-2026 kl. 09:30 skrev Jon Sample:",
    "Den 21 november 2026 09:30 skrev Jon Sample <jon@x.example>:",
    "Den 21.11.2026 09:30, skrev Jon Sample:",
    "På lör, 21 nov 2026 kl 09:30 skrev Jon Sample:",
    "lør. 21. nov. 2026 kl. 09:30 skrev Jon Sample <jon@x.example>:",
    "lør den 21. nov. 2026 kl. 09.30 skrev Jon Sample <jon@x.example>:",
    "Am 21.11.26 um 09:30 schrieb Jon Sample:",
    "Am Samstag, 21. November 2026, 09:30:00 CET schrieb Jon Sample:",
    "Am Sa., 21. Nov. 2026 um 09:30 Uhr schrieb Jon Sample <jon@x.example>:",
    'Am 21.11.2026 09:30 schrieb "Jon Sample" <jon@x.example>:',
    "Jon Sample schrieb am 21.11.2026 um 09:30:",
    "Jon Sample hat am 21.11.2026 09:30 geschrieben:",
    "Jon Sample <jon@x.example> hat am 21. November 2026 um 09:30 geschrieben:",
    "Von meinem iPhone gesendet\n\nAm 21.11.2026 um 09:30 schrieb Jon Sample <jon@x.example>:",
    "Le 21 nov. 2026 à 09:30, Jon Sample <jon@x.example> a écrit :",
    "Le 21/11/2026 à 09:30, Jon Sample a écrit :",
    "Le samedi 21 novembre 2026 à 09:30, Jon Sample <jon@x.example> a écrit :",
    "Le samedi 21 novembre 2026, 09:30:00 CET Jon Sample a écrit :",
    "Jon Sample <jon@x.example> a écrit :",
    "El 21 nov 2026, a las 09:30, Jon Sample <jon@x.example> escribió:",
    "El 21/11/2026 a las 9:30, Jon Sample escribió:",
    "El 21-11-2026, a las 09:30, Jon Sample escribió:",
    "El sábado, 21 de noviembre de 2026, Jon Sample <jon@x.example> escribió:",
    "El sábado, 21 de noviembre de 2026 09:30:00 (CET) Jon Sample escribió:",
    "Il giorno 21 nov 2026, alle ore 09:30, Jon Sample <jon@x.example> ha scritto:",
    "Il 21/11/2026 09:30, Jon Sample ha scritto:",
    "Il sabato 21 novembre 2026 09:30, Jon Sample <jon@x.example> ha scritto:",
    "Em 21/11/2026 09:30, Jon Sample escreveu:",
    "Em 21 de nov. de 2026, à(s) 09:30, Jon Sample <jon@x.example> escreveu:",
    "A 21/11/2026, às 09:30, Jon Sample <jon@x.example> escreveu:",
    "No dia 21/11/2026, às 09:30, Jon Sample <jon@x.example> escreveu:",
    "Jon Sample <jon@x.example> escreveu (sábado, 21/11/2026 à(s) 09:30):",
    "Op 21 nov. 2026 om 09:30 heeft Jon Sample <jon@x.example> het volgende geschreven:",
    "Op 21-11-2026 om 09:30 schreef Jon Sample:",
    "Op zaterdag 21 november 2026 schreef Jon Sample <jon@x.example>:",
    "Jon Sample schreef op 21-11-2026 09:30:",
    "W dniu 21.11.2026 o 09:30, Jon Sample pisze:",
    "W dniu 2026-11-21 09:30, Jon Sample pisze:",
    "W dniu 21 listopada 2026 09:30 użytkownik Jon Sample <jon@x.example> napisał:",
    "Dnia 21 listopada 2026 09:30 Jon Sample <jon@x.example> napisał(a):",
    "Wiadomość napisana przez Jon Sample <jon@x.example> w dniu 21 lis 2026, o godz. 09:30:",
    "Wiadomość napisana w dniu 2026-11-21, o godz. 09:30, przez Jon Sample:",
    '21 lis 2026 09:30 "Jon Sample" <jon@x.example> napisał(a):',
    "Dne 21.11.2026 v 09:30 Jon Sample napsal(a):",
    "so 21. 11. 2026 v 9:30 odesílatel Jon Sample <jon@x.example> napsal:",
    "21. 11. 2026 v 9:30, Jon Sample <jon@x.example>:",
    "Dňa 21.11.2026 o 09:30 Jon Sample napísal(a):",
    "Jon Sample <jon@x.example> kirjoitti 21.11.2026 kello 9.30:",
    "la 21. marrask. 2026 klo 9.30 Jon Sample (jon@x.example) kirjoitti:",
    "Jon Sample kirjoitti 21.11.2026 klo 9.30:",
    "2026. 11. 21. 9:30 keltezéssel, Jon Sample írta:",
    "Jon Sample <jon@x.example> ezt írta (időpont: 2026. nov. 21., Szo, 9:30):",
    "21.11.2026 09:30, Jon Sample пишет:",
    "21 ноября 2026 г., 9:30, Jon Sample <jon@x.example> написал(а):",
    "21 нояб. 2026 г., в 9:30, Jon Sample <jon@x.example> написал(а):",
    "21 ноября 2026 г. 9:30 пользователь Jon Sample <jon@x.example> написал:",
    "Суббота, 21 ноября 2026, 9:30 +03:00 от Jon Sample <jon@x.example>:",
    '21.11.2026, 09:30, "Jon Sample" <jon@x.example>:',
    "сб, 21 лист. 2026 р. о 09:30 Jon Sample <jon@x.example> пише:",
    "On Cumartesi, 21 Kas 2026 09:30, Jon Sample <jon@x.example> şöyle yazdı:",
    "Jon Sample <jon@x.example>, 21 Kas 2026 Cmt, 09:30 tarihinde şunu yazdı:",
    "21 Kas 2026 tarihinde 09:30 saatinde, Jon Sample <jon@x.example> şunları yazdı:",
    "În sâm., 21 nov. 2026 la 09:30, Jon Sample <jon@x.example> a scris:",
    "Στις Σάβ, 21 Νοε 2026 στις 9:30 π.μ., ο χρήστης Jon Sample <jon@x.example> έγραψε:",
    "2026年11月21日(土) 9:30 Jon Sample <jon@x.example>:",
    "2026年11月21日 9:30、Jon Sample <jon@x.example>のメール:",
    "2026/11/21 9:30、Jon Sample <jon@x.example>のメール:",
    "On 2026年11月21日, at 9:30, Jon Sample <jon@x.example> wrote:",
    "(2026/11/21 9:30), Jon Sample wrote:",
    "2026年11月21日 上午9:30，Jon Sample <jon@x.example> 写道：",
    "在 2026年11月21日，9:30，Jon Sample <jon@x.example> 写道：",
    "在 2026/11/21 9:30, Jon Sample 写道:",
    "在2026年11月21日 09:30，Jon Sample<jon@x.example> 写道：",
    "Jon Sample <jon@x.example> 於 2026年11月21日 週六 上午9:30寫道：",
    "Jon Sample <jon@x.example>于2026年11月21日 周六09:30写道：",
    "2026년 11월 21일 (토) 오전 9:30, Jon Sample <jon@x.example>님이 작성:",
    "2026. 11. 21. 오전 9:30, Jon Sample <jon@x.example> 작성:",
    "בתאריך שבת, 21 בנוב׳ 2026 ב-9:30 מאת Jon Sample <jon@x.example>:",
    "Vào Th 7, 21 thg 11, 2026 vào lúc 09:30 Jon Sample <jon@x.example> đã viết:",
    "Pada Sab, 21 Nov 2026 pukul 09.30 Jon Sample <jon@x.example> menulis:",
    "Pada tarikh Sab, 21 Nov 2026 9:30 PG Jon Sample <jon@x.example> menulis:",
    "Dana 21. studenoga 2026. 09:30 Jon Sample <jon@x.example> je napisao/la:",
    "El ds., 21 de nov. 2026, 9:30, Jon Sample <jon@x.example> va escriure:",
    "O sáb, 21 de nov. 2026 ás 09:30, Jon Sample (<jon@x.example>) escribiu:",
    "Jon Sample <jon@x.example> rašė (2026-11-21, št, 09:30):",
    "Kuupäev L, 21. november 2026 kell 09:30 kirjutas Jon Sample <jon@x.example>:",
    "เมื่อ ส. 21 พ.ย. 2026 เวลา 09:30 Jon Sample <jon@x.example> เขียนว่า:",
    "في السبت، 21 نوفمبر 2026 في 9:30 ص تمت كتابة ما يلي بواسطة Jon Sample <jon@x.example>:",
    "--- On Sat, 11/21/26, Jon Sample <jon@x.example> wrote:",
    "---In group@y.example, <jon@x.example> wrote :",
    "-------- On Sat, Nov 21, 2026 at 9:30 AM Jon Sample <jon@x.example> wrote --------",
    "---- On Sat, 21 Nov 2026 09:30:00 +0100 Jon Sample <jon@x.example> wrote ----",
    "------- Original Message -------\nOn Saturday, November 21st, 2026 at 9:30 AM, Jon Sample <jon@x.example> wrote:",
    "‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐\nOn Saturday, November 21, 2026 9:30 AM, Jon Sample <jon@x.example> wrote:",
    (
        '----- Reply message -----\nFrom: "Jon Sample" <jon@x.example>\nTo: <desk@x.example>\nSubject: 503\n'
        "Date: Sat, Nov 21, 2026 9:30"
    ),
    '-----Original Message-----\nFrom: "Jon Sample" <jon@x.example>\nSent: Sat',
    (
        '------ Original Message ------\nFrom "Jon Sample" <jon@x.example>\nTo "Desk" <desk@x.example>\n'
        "Date 11/21/2026 9:30:00 AM\nSubject 503"
    ),
    '------ Originalnachricht ------\nVon: "Jon Sample" <jon@x.example>',
    (
        "-------- Ursprüngliche Nachricht --------\nVon: Jon <jon@x.example>\n"
        "Datum: 21.11.26 09:30 (GMT+01:00)\nAn: desk@x.example\nBetreff: 503"
    ),
    "-------- Message d'origine --------\nDe : Jon <jon@x.example>\nDate : 21/11/2026",
    "-------- Message d’origine --------\nDe : Jon <jon@x.example>\nDate : 21/11/2026",
    "-----Message d'origine-----\nDe : Jon",
    "-------- Mensaje original --------\nDe: Jon <jon@x.example>",
    "-------- Messaggio originale --------\nDa: Jon <jon@x.example>",
    "-------- Mensagem original --------\nDe: Jon <jon@x.example>",
    "-------- Oorspronkelijk bericht --------\nVan: Jon <jon@x.example>",
    "-------- Oryginalna wiadomość --------\nOd: Jon <jon@x.example>",
    "-------- Originalmeddelande --------\nFrån: Jon <jon@x.example>",
    "-------- Ursprungligt meddelande --------\nFrån: Jon",
    "-------- Oprindelig besked --------\nFra: Jon",
    "-------- Opprinnelig melding --------\nFra: Jon",
    "-------- Alkuperäinen viesti --------\nLähettäjä: Jon",
    "-------- Původní zpráva --------\nOd: Jon",
    "-------- Исходное сообщение --------\nОт: Jon",
    "-------- 원본 이메일 --------\n발신: Jon",
    "-------- 원본 메시지 --------\n보낸 사람: Jon",
    "-------- 元のメッセージ --------\nFrom: Jon",
    (
        '------------------ 原始邮件 ------------------\n发件人: "Jon" <jon@x.example>;\n'
        '发送时间: 2026年11月21日(星期六) 上午9:30\n收件人: "Desk"<desk@x.example>;\n主题: 503'
    ),
    (
        '------------------ Original ------------------\nFrom: "Jon" <jon@x.example>;\n'
        'Date: Sat, Nov 21, 2026 09:30 AM\nTo: "Desk";\nSubject: 503'
    ),
    (
        "________________________________\nFrom: Jon Sample <jon@x.example>\n"
        "Sent: Saturday, November 21, 2026 9:30 AM\nTo: Desk\nSubject: Re: 503"
    ),
    (
        "________________________________________\nVon: Jon Sample [jon@x.example]\n"
        "Gesendet: Samstag, 21. November 2026 09:30\nAn: Desk\nBetreff: AW: 503"
    ),
    "From: Jon Sample [mailto:jon@x.example]\nSent: Saturday, November 21, 2026 9:30 AM\nTo: Desk\nSubject: Re: 503",
    (
        "**From:** Jon Sample <jon@x.example>\n**Sent:** Saturday, November 21, 2026 9:30 AM\n**To:** Desk\n"
        "**Subject:** Re: 503"
    ),
    "*Von:* Jon Sample <jon@x.example>\n*Gesendet:* Samstag\n*An:* Desk\n*Betreff:* 503",
    "*De :* Jon Sample <jon@x.example>\n*Envoyé :* samedi\n*À :* Desk\n*Objet :* 503",
    "De: Jon Sample <jon@x.example>\nEnviado: sábado, 21 de noviembre de 2026 9:30\nPara: Desk\nAsunto: 503",
    "De: Jon Sample <jon@x.example>\nEnviado el: sábado, 21 de noviembre de 2026 9:30\nPara: Desk\nAsunto: 503",
    "Da: Jon Sample <jon@x.example>\nInviato: sabato 21 novembre 2026 09:30\nA: Desk\nOggetto: 503",
    "De: Jon Sample <jon@x.example>\nEnviada em: sábado, 21 de novembro de 2026 09:30\nPara: Desk\nAssunto: 503",
    "Van: Jon Sample <jon@x.example>\nVerzonden: zaterdag 21 november 2026 09:30\nAan: Desk\nOnderwerp: 503",
    "Od: Jon Sample <jon@x.example>\nWysłano: sobota, 21 listopada 2026 09:30\nDo: Desk\nTemat: 503",
    "Från: Jon Sample <jon@x.example>\nSkickat: den 21 november 2026 09:30\nTill: Desk\nÄmne: 503",
    "Fra: Jon Sample <jon@x.example>\nSendt: 21. november 2026 09:30\nTil: Desk\nEmne: 503",
    (
        "Lähettäjä: Jon Sample <jon@x.example>\nLähetetty: lauantai 21. marraskuuta 2026 9.30\n"
        "Vastaanottaja: Desk\nAihe: 503"
    ),
    "Od: Jon Sample <jon@x.example>\nOdesláno: sobota 21. listopadu 2026 9:30\nKomu: Desk\nPředmět: 503",
    "От: Jon Sample <jon@x.example>\nОтправлено: 21 ноября 2026 г. 9:30\nКому: Desk\nТема: 503",
    "Kimden: Jon Sample <jon@x.example>\nGönderildi: 21 Kasım 2026 09:30\nKime: Desk\nKonu: 503",
    "差出人: Jon <jon@x.example>\n送信日時: 2026年11月21日 9:30\n宛先: Desk\n件名: 503",
    "发件人: Jon <jon@x.example>\n发送时间: 2026年11月21日 9:30\n收件人: Desk\n主题: 503",
    "寄件者: Jon <jon@x.example>\n寄件日期: 2026年11月21日 9:30\n收件者: Desk\n主旨: 503",
    "보낸 사람: Jon <jon@x.example>\n보낸 날짜: 2026년 11월 21일\n받는 사람: Desk\n제목: 503",
    "发件人： Jon\n发送时间： 2026-11-21  09:30\n收件人： desk\n主题： 503",
    "Feladó: Jon <jon@x.example>\nElküldve: 2026. november 21.\nCímzett: Desk\nTárgy: 503",
    "From: Jon Sample/ACME\nTo: Desk/ACME@ACME\nDate: 21.11.2026 09:30\nSubject: 503",
    (
        "Jon Sample---21.11.2026 09:30:12---Did the restart help?\n\nFrom:\tJon Sample\nTo:\tDesk\n"
        "Date:\t21.11.2026 09:30\nSubject:\t503"
    ),
    (
        "From:        Jon Sample <jon@x.example>\nTo:          desk@x.example\nDate:        21.11.2026 09:30\n"
        "Subject:     503"
    ),
    "##- Please type your reply above this line -##",
    "--- Please reply above this line ---",
    "=== Reply ABOVE THIS LINE to add a note to this request ===",
    "##- Bitte geben Sie Ihre Antwort oberhalb dieser Zeile ein -##",
    "-- Reply above this line --",
    "Sent from my iPhone\n\nOn Nov 21, 2026, at 9:30 AM, Jon Sample <jon@x.example> wrote:",
]
"""What nobody writes but a mail program: the history needs no quote marks."""
WITH_QUOTES = [
    "* Jon Sample <jon@x.example> [2026-11-21 09:30]:",
    "Jon Sample wrote:",
    "Jon Sample writes:",
    "Jon Sample wrote on Saturday, 21 November 2026:",
    "Quoting Jon Sample <jon@x.example>:",
    "Quoting Jon Sample (jon@x.example):",
    "Jon Sample said:",
    "Excerpts from Jon Sample's message of 2026-11-21 09:30:00 +0100:",
    "Excerpts from Jon Sample's message of Sat Nov 21 09:30:00 +0100 2026:",
    "Zitat von Jon Sample <jon@x.example>:",
    "Jon Sample schrieb:",
    "Jon Sample a écrit :",
    "Jon Sample ha scritto:",
    "> On Nov 21, 2026, at 9:30 AM, Jon Sample <jon@x.example> wrote:",
    "> From: Jon Sample <jon@x.example>\n> Date: Sat, 21 Nov 2026\n> To: desk@x.example\n> Subject: 503",
]
"""What a person could write too: only quoted lines behind it are a history."""


@pytest.mark.parametrize("announced", CERTAIN)
@pytest.mark.parametrize("history", [OLD, QUOTED])
def test_history_behind_what_a_program_wrote_is_apart(announced, history):
    """Whatever its language, and whether or not the history is quoted line by line."""
    split = newly_written(f"{NEW}\n\n{announced}\n\n{history}\n")
    assert split.new_text == NEW
    assert "restart help" in split.quoted


@pytest.mark.parametrize("announced", WITH_QUOTES)
@pytest.mark.parametrize("gap", ["", "\n"])
def test_history_behind_a_name_must_be_quoted(announced, gap):
    """Somebody "wrote:" in logs and letters too."""
    assert newly_written(f"{NEW}\n\n{announced}\n{gap}{QUOTED}\n").new_text == NEW


@pytest.mark.parametrize("announced", [each for each in WITH_QUOTES if not each.startswith(">")])
def test_without_quotes_a_name_alone_cuts_nothing(announced):
    """The text behind it is new."""
    assert newly_written(f"{NEW}\n\n{announced}\n\n{OLD}").new_text.endswith("Jon")
