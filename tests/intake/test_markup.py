"""HTML as a reader sees it, and answers in it apart from what they answer."""

import pytest

from intake.reading.markup import to_text
from intake.reading.message import parse

NEW = "The gateway answers 503 again.\nSince ten minutes."
SHOWN = "<div>The gateway answers 503 again.<br>Since ten minutes.</div>"

ANSWERS = {
    "gmail": (
        'NEW!<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">On Sat, Nov 21, 2026 at 9:30 '
        'AM Jon Sample &lt;<a href="mailto:jon@x.example">jon@x.example</a>&gt; wrote:<br></div><blockquo'
        'te class="gmail_quote" style="margin:0"><div>Did the restart help?</div></blockquote></div>'
    ),
    "outlook": (
        'NEW!<div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p cl'
        'ass="MsoNormal"><b>From:</b> Jon Sample &lt;jon@x.example&gt; <br><b>Sent:</b> Saturday, Novembe'
        "r 21, 2026 9:30<br><b>To:</b> Desk<br><b>Subject:</b> RE: s</p></div></div><p>Did the restart he"
        "lp?</p>"
    ),
    "owa": (
        'NEW!<hr style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr"><'
        'font face="Calibri"><b>Von:</b> Jon Sample &lt;jon@x.example&gt;<br><b>Gesendet:</b> Samstag, 21'
        ". November 2026 09:30<br><b>An:</b> Desk<br><b>Betreff:</b> AW: s</font><div>&nbsp;</div></div><"
        "div>Did it help?</div>"
    ),
    "outlook append": (
        'NEW!<div id="appendonsend"></div><hr><div><b>From:</b> Jon<br><b>Sent:</b> Sat 21 Nov<br><b>To:<'
        "/b> Desk<br><b>Subject:</b> s</div><div>Did it help?</div>"
    ),
    "apple": (
        'NEW!<div><br><blockquote type="cite"><div>On 21 Nov 2026, at 09:30, Jon Sample &lt;jon@x.example'
        "&gt; wrote:</div><br><div>Did it help?</div></blockquote></div>"
    ),
    "apple attr outside": (
        "NEW!<br><div>Am 21.11.2026 um 09:30 schrieb Jon Sample &lt;jon@x.example&gt;:</div><blockquote t"
        'ype="cite"><div>Did it help?</div></blockquote>'
    ),
    "yahoo": (
        'NEW!<div id="yahoo_quoted_1" class="yahoo_quoted"><div><div>On Saturday, November 21, 2026, 9:30'
        " AM, Jon Sample &lt;jon@x.example&gt; wrote:</div><div>Did it help?</div></div></div>"
    ),
    "yahoo old": (
        'NEW!<div class="yahoo_quoted"><hr size="1"><font><b>From:</b> Jon &lt;jon@x.example&gt;<br><b>To'
        ":</b> Desk<br><b>Sent:</b> Saturday 9:30<br><b>Subject:</b> s</font><br>Did it help?</div>"
    ),
    "thunderbird": (
        'NEW!<div class="moz-cite-prefix">On 11/21/26 9:30 AM, Jon Sample wrote:<br></div><blockquote typ'
        'e="cite" cite="mid:1@x"><p>Did it help?</p></blockquote>'
    ),
    "proton": (
        'NEW!<div class="protonmail_quote">On Saturday, November 21st, 2026 at 9:30 AM, Jon Sample &lt;jo'
        'n@x.example&gt; wrote:<br><blockquote class="protonmail_quote" type="cite">Did it help?</blockqu'
        "ote></div>"
    ),
    "zoho": (
        'NEW!<div class="zmail_extra"><div id="Zm-_Id_-Sgn1">---- On Sat, 21 Nov 2026 09:30:00 +0100 <b>J'
        "on Sample &lt;jon@x.example&gt;</b> wrote ----</div><blockquote>Did it help?</blockquote></div>"
    ),
    "gmx": (
        'NEW!<div name="quote" style="margin:10px 5px"><div><b>Gesendet:</b> Samstag, 21. November 2026 u'
        'm 09:30 Uhr<br><b>Von:</b> "Jon Sample" &lt;jon@x.example&gt;<br><b>An:</b> desk<br><b>Betreff:<'
        '/b> s</div><div name="quoted-content">Did it help?</div></div>'
    ),
    "lotus": (
        'NEW!<br><br><font color="#5F5F5F">From: </font><font>Jon Sample/ACME</font><br><font>To: </font>'
        "<font>Desk/ACME</font><br><font>Date: </font><font>21.11.2026 09:30</font><br><font>Subject: </f"
        "ont><font>s</font><hr>Did it help?"
    ),
    "lotus table": (
        "NEW!<table><tr><td>From:</td><td>Jon Sample &lt;jon@x.example&gt;</td></tr><tr><td>To:</td><td>D"
        "esk</td></tr><tr><td>Date:</td><td>21.11.2026 09:30</td></tr><tr><td>Subject:</td><td>s</td></tr"
        "></table><hr>Did it help?"
    ),
    "qq": (
        'NEW!<div><includetail><div>&nbsp;</div><div style="font-size:12px">------------------&nbsp;原始邮件&'
        'nbsp;------------------</div><div><b>发件人:</b>&nbsp;"Jon"&lt;jon@x.example&gt;;</div><div><b>发送时间'
        ":</b> 2026</div></includetail></div>Did it help?"
    ),
    "mailru": (
        'NEW!<blockquote style="border-left:1px solid #0857A6">Суббота, 21 ноября 2026, 9:30 +03:00 от Jo'
        "n &lt;jon@x.example&gt;:<br>&nbsp;<div>Did it help?</div></blockquote>"
    ),
    "163": (
        'NEW!<div>At 2026-11-21 09:30:00, "Jon Sample" &lt;jon@x.example&gt; wrote:</div><blockquote id="'
        'isReplyContent" style="PADDING-LEFT:1ex">Did it help?</blockquote>'
    ),
    "ms signature": (
        'NEW!<p class="MsoNormal">Kind regards,</p><p class="MsoNormal">Marta Sample</p><p class="MsoNorm'
        'al">+49 30 5550 100</p>'
    ),
    "mobile sig": (
        'NEW!<div><br></div><div id="AppleMailSignature">Sent from my iPhone</div><div><br>On Nov 21, 202'
        '6, at 9:30 AM, Jon Sample &lt;jon@x.example&gt; wrote:<br><br></div><blockquote type="cite"><div'
        ">Did it help?</div></blockquote>"
    ),
    "gmail sig": 'NEW!<br>-- <br><div dir="ltr" class="gmail_signature">Marta Sample<br>Nordhandel</div>',
    "zendesk": "NEW!<div>##- Please type your reply above this line -##</div><p>Did it help?</p>",
    "blockquote plain": (
        "NEW!<div>Jon Sample &lt;jon@x.example&gt; wrote on Sat, 21 Nov 2026 09:30:</div><blockquote>Did "
        "it help?</blockquote>"
    ),
    "inline": (
        '<div class="gmail_quote">On Sat, Nov 21, 2026 at 9:30 AM Jon &lt;jon@x.example&gt; wrote:<blockq'
        'uote class="gmail_quote">Did it help?</blockquote></div>NEW!'
    ),
}


@pytest.mark.parametrize("program", ANSWERS)
def test_an_answer_in_html_is_apart_from_its_history(program):
    """As the programs mark it, by quotation or by headers."""
    html = ANSWERS[program].replace("NEW!", SHOWN)
    raw = f"From: Marta <marta@x.example>\nSubject: Re: s\nContent-Type: text/html; charset=utf-8\n\n{html}"
    assert parse(raw.encode()).new_text == NEW


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<p style='margin:0'>one</p><p class=MsoNormal>two</p>", "one\ntwo"),
        ("one<br>two<br/><div>three</div><div><br></div><div>four</div>", "one\ntwo\nthree\n\nfour"),
        ("<pre>a\n  b\n\n    c</pre>d", "a\n  b\n\n    c\n\nd"),
        ("<ol><li>one<li>two<ul><li>deep</ul></ol>", "1. one\n2. two\n\n  * deep"),
        ("<table><tr><th>id<th>state<tr><td>1<td>down</table>", "id  state\n1  down"),
        ("a&nbsp;b &lt;c&gt; &euro; &hellip;", "a b <c> € …"),
        ("<b>bo</b>ld  and\n <i>thin</i>", "bold and thin"),
        ("<p style='display:none'>preheader</p><p>shown</p>tail", "shown\n\ntail"),
        ("<!--[if mso]><p>mso</p><![endif]--><p>x<!-- y --></p>", "x"),
        ("<blockquote type=cite>a<blockquote type=cite>b</blockquote></blockquote>c", "> a\n>>\n>> b\n\nc"),
        ("<blockquote>indented</blockquote>", "indented"),
        ("<a href='https://x.example'>this</a><img alt=logo src=x>", "this"),
        ('<?xml version="1.0" encoding="utf-8"?><html><body><p>Grü</p></body></html>', "Grü"),
        ("just text", "just text"),
        ("<html><body></body></html>", ""),
        ("", ""),
        ("<p>a</b></p></div>", "a"),
        ("<div>" * 500 + "deep", "deep"),
    ],
)
def test_text_of_html(html, text):
    """Blocks are lines, lists have their signs, rows stay rows; what is hidden is not there."""
    assert to_text(html).strip("\n") == text
