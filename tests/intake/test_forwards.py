"""A forwarded mail is told apart from its forwarder's comment, whatever program forwarded it."""

import pytest

from intake.reading.forwards import find

BODY = "Our checkout fails since noon.\n\nIda"
COMMENT = "Please look at this."


def block(sender: str, date: str, to: str, subject: str) -> str:
    """Headers under their labels in some language."""
    return (
        f"{sender} Ida Muster <ida@kunde.example>\n{date} 21.11.2026 09:30\n{to} help@partner.example\n"
        f"{subject} Checkout fails"
    )


MARKED = [
    ("---------- Forwarded message ---------", block("From:", "Date:", "To:", "Subject:")),
    ("-------- Weitergeleitete Nachricht --------", block("Von:", "Datum:", "An:", "Betreff:")),
    ("-------- Message transféré --------", block("De :", "Date :", "Pour :", "Sujet :")),
    ("---------- Mensaje reenviado ----------", block("De:", "Fecha:", "Para:", "Asunto:")),
    ("-------- Messaggio Inoltrato --------", block("Da:", "Data:", "A:", "Oggetto:")),
    ("-------- Mensagem encaminhada --------", block("De:", "Data:", "Para:", "Assunto:")),
    ("-------- Doorgestuurd bericht --------", block("Van:", "Datum:", "Aan:", "Onderwerp:")),
    ("--- Treść przekazanej wiadomości ---", block("Nadawca:", "Data:", "Adresat:", "Temat:")),
    ("-------- Vidarebefordrat meddelande --------", block("Från:", "Datum:", "Till:", "Ämne:")),
    ("---------- メッセージを転送 ---------", block("送信元：", "日付：", "送信先：", "件名：")),
    ("---------- 转发邮件 ---------", block("发件人：", "日期：", "收件人：", "主题：")),
    ("Begin forwarded message:\n", block("From:", "Date:", "To:", "Subject:")),
]


@pytest.mark.parametrize(("mark", "headers"), MARKED)
@pytest.mark.parametrize("comment", ["", COMMENT])
def test_a_marked_forward(mark, headers, comment):
    """Who wrote it, what it was about, what it said, what was added."""
    found = find(f"{comment}\n\n{mark}\n{headers}\n\n{BODY}\n", subject="Fwd: Checkout fails")
    assert found is not None
    assert found.sender is not None
    assert (found.sender.name, found.sender.address) == ("Ida Muster", "ida@kunde.example")
    assert (found.subject, found.text, found.comment) == ("Checkout fails", BODY, comment)


def test_a_quoted_forward_loses_its_quote_marks():
    """As Apple Mail and MailMate do it."""
    quoted = "\n".join(f"> {line}" for line in f"{MARKED[0][1]}\n\n{BODY}".split("\n"))
    found = find(f"{COMMENT}\n\nForwarded message:\n\n{quoted}", subject="Fwd: x")
    assert found is not None
    assert (found.text, found.comment) == (BODY, COMMENT)


def test_headers_run_together_on_one_line():
    """As one large provider sends it."""
    line = (
        "   ----- Forwarded Message ----- From: Ida Muster <ida@kunde.example>To: <help@partner.example>"
        "Sent: Saturday, November 21, 2026 at 09:30 GMT+1Subject: Checkout fails"
    )
    found = find(f"{line}\n {BODY}", subject="Fwd: Checkout fails")
    assert found is not None
    assert found.sender is not None
    assert (found.sender.address, found.subject, found.text) == ("ida@kunde.example", "Checkout fails", BODY)


@pytest.mark.parametrize(
    "subject", ["FW: Checkout fails", "WG: Checkout fails", "TR: Checkout fails", "Checkout fails"]
)
def test_headers_without_a_mark_are_a_forward_unless_the_mail_answers(subject):
    """As Outlook does it: the same block under RE: is an answer's history."""
    text = f"{COMMENT}\n\n{block('Von:', 'Datum:', 'An:', 'Betreff:')}\n\n{BODY}"
    found = find(text, subject=subject)
    assert found is not None
    assert (found.comment, found.text) == (COMMENT, BODY)
    assert find(text, subject="RE: Checkout fails") is None
    assert find(text, subject="Checkout fails", is_answer=True) is None or subject.startswith(("FW", "WG", "TR"))


def test_an_attribution_under_a_forwards_subject():
    """As the newer Outlook for Mac does it; under any other subject it is an answer."""
    text = f'{COMMENT}\n\nOn 21/11/2026 09:30, "Ida Muster" <ida@kunde.example> wrote:\n\n    {BODY}'
    found = find(text, subject="FW: Checkout fails")
    assert found is not None
    assert found.sender is not None
    assert (found.sender.name, found.sender.address, found.subject) == (
        "Ida Muster",
        "ida@kunde.example",
        "Checkout fails",
    )
    assert find(text, subject="Checkout fails") is None


@pytest.mark.parametrize(
    "text",
    [
        "The mail was forwarded to the wrong team.\nPlease help.",
        "From: field is empty\nSubject: too",
        "Our report says:\nDate: yesterday\nSubject: none",
        "",
    ],
)
def test_a_mail_about_mail_is_no_forward(text):
    """Labels alone, without an author, prove nothing."""
    assert find(text, subject="Question") is None
