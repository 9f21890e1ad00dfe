"""Any bytes are read, within limits, and what a mail says is found."""

import json
import time
from datetime import UTC, datetime
from struct import pack

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from intake.reading import tnef
from intake.reading.message import ParsedMessage, parse
from intake.reading.shape import as_json
from intake.replies.screening import Case, suppression
from models.terms import Envelope

ENVELOPE = Envelope(
    mail_from="a@x.example", rcpt_to=(), peer="", helo="", received_at=datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
)
HEAD = b"From: Marta <marta@nordhandel.example>\r\nSubject: Orders fail\r\n"
KEYS = {
    "file", "subject", "from", "sender_of_record", "to", "cc", "reply_to", "message_id", "in_reply_to", "references",
    "date", "text", "html_text", "new_text", "signature", "attachments", "language", "language_probability",
    "automatic",
    "automatic_kind", "spam", "authentication", "bounce", "forward", "tnef", "crypto", "reply", "repairs", "defects",
}  # fmt: skip


def multipart(kind: str, *parts: str) -> bytes:
    """A mail of several parts."""
    body = "".join(f"--b\r\n{part}\r\n" for part in parts)
    return HEAD + f"Content-Type: multipart/{kind}; boundary=b\r\n\r\n{body}--b--\r\n".encode()


def line(envelope, raw: bytes) -> dict:
    """The `parse` line of a mail."""
    case = Case(envelope=envelope(), message=parse(raw), own_addresses=frozenset({"support@example.com"}))
    return as_json(case.message, "x.eml", case=case, silence=suppression(case))


def test_the_parse_line_has_every_key(envelope, mail):
    """Absent things are null or empty, never missing."""
    for raw in (b"", mail(), b"\xff\x00"):
        assert set(line(envelope, raw)) == KEYS


def test_headers_are_read():
    """Names, addresses, ids, date."""
    message = parse(
        b"From: =?utf-8?q?M=C3=A4rta?= <marta@nordhandel.example>\r\nTo: a@x.example, B <b@x.example>\r\n"
        b"Cc: c@x.example\r\n"
        b"Reply-To: r@x.example\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\n\tfolded\r\nMessage-ID: <m1@x.example>\r\n"
        b"In-Reply-To: <m0@x.example>\r\nReferences: <r1@x.example>\r\n <m0@x.example>\r\n"
        b"Date: Sat, 21 Nov 2026 10:30:00 +0100\r\n\r\nHello"
    )
    assert message.sender is not None
    assert (message.sender.name, message.sender.address) == ("Märta", "marta@nordhandel.example")
    assert [box.address for box in message.to] == ["a@x.example", "b@x.example"]
    assert (message.subject, message.text) == ("Grüße folded", "Hello")
    assert (message.message_id, message.in_reply_to) == ("m1@x.example", "m0@x.example")
    assert message.references == ("r1@x.example", "m0@x.example")
    assert message.date == datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("value", ["<>", "<@>", "<" * 900, "", "\x00", "< a b @ c >", "no brackets"])
def test_broken_message_ids(value):
    """Measured to crash other readers (B6)."""
    assert "\x00" not in parse(f"Message-ID: {value}\r\n\r\nx".encode()).message_id


@pytest.mark.parametrize(
    "value", ["Sat, 99 Nov 99999 10:00:00 +0100", "9" * 5_000, "", "yesterday", "Sat, 21 Nov 2525 10:00:00 +9999"]
)
def test_absurd_dates_are_none(value):
    """The SLA clock never uses them (B17)."""
    assert parse(f"Date: {value}\r\n\r\nx".encode()).date is None


def test_text_is_taken_before_html():
    """And both are told."""
    raw = multipart(
        "alternative",
        "Content-Type: text/plain\r\n\r\nPlain words",
        "Content-Type: text/html\r\n\r\n<p>Shown <b>words</b></p><script>x()</script>",
    )
    message = parse(raw)
    assert (message.text.strip(), message.html_text) == ("Plain words", "Shown words")


def test_tables_lists_and_quotes_of_html_keep_their_shape():
    """A cell stays in its row; a cited mail is quoted, an indented paragraph is not."""
    raw = HEAD + (
        b"Content-Type: text/html; charset=utf-8\r\n\r\n<style>p{}</style>"
        b"<table><tr><td>node1</td><td>down</td></tr></table>"
        b"<ul><li>first</li></ul><blockquote style='margin:0'>indented</blockquote>"
        b"<div class=gmail_quote>On Sat, Nov 21, 2026 Jon &lt;jon@x.example&gt; wrote:<br>"
        b"<blockquote class=gmail_quote>Is it down?</blockquote></div>"
    )
    message = parse(raw)
    assert [part.split() for part in message.text.splitlines() if "node1" in part] == [["node1", "down"]]
    assert "* first" in message.text
    assert "> Is it down?" in message.text
    assert message.new_text.endswith("indented")


def test_attachments_are_listed_not_opened():
    """Names without paths and direction marks, decoded sizes, shown or offered (B15, B9)."""
    raw = multipart(
        "mixed",
        "Content-Type: text/plain\r\n\r\nSee the log.",
        'Content-Type: application/zip\r\nContent-Disposition: attachment; filename="../../etc/\u202egpj.exe"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=",
        'Content-Type: image/png; name="logo.png"\r\nContent-ID: <logo>\r\n\r\nx',
        "Content-Type: text/plain\r\nContent-Disposition: attachment; filename*=utf-8''gr%C3%BC%C3%9Fe.txt\r\n\r\n"
        "kept apart",
    )
    message = parse(raw)
    assert [(each.name, each.size, each.inline) for each in message.attachments] == [
        ("gpj.exe", 5, False),
        ("logo.png", 1, True),
        ("grüße.txt", 10, False),
    ]
    assert message.text.strip() == "See the log."


def test_a_uuencoded_file_is_an_attachment():
    """What only begins like one stays text."""
    raw = HEAD + b"\r\nThe log:\r\n\r\nbegin 644 app.log\r\n%:&5L;&\\\r\n`\r\nend\r\n\r\nThanks\r\n"
    message = parse(raw)
    assert [(each.name, each.size) for each in message.attachments] == [("app.log", 5)]
    assert message.text.split() == ["The", "log:", "Thanks"]
    assert parse(HEAD + b"\r\nbegin 644 x\r\nhello\r\n").text.startswith("begin 644 x")


def winmail(*attributes: tuple[int, bytes]) -> bytes:
    """A TNEF stream (MS-OXTNEF §2.1)."""
    return pack("<IH", 0x223E9F78, 1) + b"".join(
        pack("<BII", 2, attribute, len(value)) + value + b"\0\0" for attribute, value in attributes
    )


def test_winmail_dat_is_opened():
    """Names, the long one first; sizes; the text where the mail has none."""
    long_name = "Fehlerprotokoll März.txt\0".encode("utf-16-le")
    long_name += b"\0" * (-len(long_name) % 4)
    size = len("Fehlerprotokoll März.txt\0".encode("utf-16-le"))
    named = pack("<I", 1) + pack("<HH", 0x001F, 0x3707) + pack("<II", 1, size) + long_name
    body = pack("<I", 1) + pack("<HH", 0x001E, 0x1000) + pack("<II", 1, 5) + b"Hello\0\0\0"
    content = winmail(
        (tnef.MESSAGE_PROPERTIES, body),
        (tnef.NEW_FILE, b""),
        (tnef.FILE_TITLE, b"FEHLER~1.TXT\0"),
        (tnef.FILE_CONTENT, b"12345"),
        (tnef.FILE_PROPERTIES, named),
    )
    raw = HEAD + b"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\n" + content
    message = parse(raw)
    assert [(each.name, each.size) for each in message.tnef] == [("Fehlerprotokoll März.txt", 5)]
    assert message.text == "Hello"


@pytest.mark.parametrize(
    ("raw", "crypto"),
    [
        (multipart("signed", "Content-Type: text/plain\r\n\r\nx", "Content-Type: x/y\r\n\r\ny"), "signed"),
        (multipart("encrypted", "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1"), "encrypted"),
        (HEAD + b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nx", "encrypted"),
        (HEAD + b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n\r\nx", "signed"),
        (HEAD + b"\r\n-----BEGIN PGP MESSAGE-----\r\nx", "encrypted"),
        (HEAD + b"\r\nplain", None),
    ],
)  # fmt: skip
def test_protected_mail_is_recognised(raw, crypto):
    """S/MIME and PGP, not verified, not opened."""
    assert parse(raw).crypto == crypto


def test_a_forwarded_mail_is_attributed_to_its_author():
    """Attached whole, with the forwarder's words apart."""
    inner = "From: Ida <ida@kunde.example>\r\nSubject: Checkout fails\r\n\r\nSince noon."
    raw = multipart(
        "mixed", "Content-Type: text/plain\r\n\r\nPlease look.", f"Content-Type: message/rfc822\r\n\r\n{inner}"
    )
    forward = parse(raw).forwarded
    assert forward is not None
    assert forward.sender is not None
    assert (forward.sender.address, forward.subject) == ("ida@kunde.example", "Checkout fails")
    assert (forward.text, forward.comment) == ("Since noon.", "Please look.")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (
            HEAD + b"Content-Type: multipart/mixed; boundary=wrong\r\n\r\n"
            b"--right\r\nContent-Type: text/plain\r\n\r\nfound\r\n--right--",
            "found",
        ),
        (HEAD + b"Content-Type: multipart/mixed; boundary=none\r\n\r\nno parts at all", "no parts at all"),
        (HEAD + b'Content-Type: multipart/mixed;\r\n boundary="a\r\n b"\r\n\r\n--a b\r\n\r\nfold\r\n--a b--', "fold"),
        (HEAD + b"Content-Type: text/plain\r\n charset=utf-8\r\n\r\nno semicolon", "no semicolon"),
        (HEAD + b"Content-Type: nonsense\r\n\r\nstill text", "still text"),
        (HEAD + b"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8", "hello"),
        (HEAD + b"Content-Transfer-Encoding: x-unknown\r\n\r\nas it is", "as it is"),
        (HEAD + b"Content-Type: text/plain; charset=x-unknown\r\n\r\nK\xf6ln", "Köln"),
        (HEAD.replace(b"\r\n", b"\n") + b"\nbare line feeds", "bare line feeds"),
    ],
)  # fmt: skip
def test_broken_structure_is_read_all_the_same(raw, text):
    """What programs really send."""
    assert parse(raw).text.strip() == text


HOSTILE = {
    "commas in an address header": b"Cc: " + b"," * 60_000 + b"\r\n\r\nx",
    "unclosed quote": b'From: "' + b"a\\" * 80_000 + b"\r\n\r\nx",
    "parentheses": b"From: " + b"(" * 30_000 + b"\r\n\r\nx",
    "encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 20_000 + b"\r\n\r\nx",
    "many headers": b"X-A: b\r\n" * 100_000 + b"\r\nx",
    "nested attached mails": b"Content-Type: message/rfc822\r\n\r\n" * 5_000 + b"x",
    "siblings": HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000,
    "nested divs": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div>" * 100_000,
    "styles never closed": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<style>" * 80_000,
    "comments never closed": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<!--" * 150_000,
    "cells": HEAD + b"Content-Type: text/html\r\n\r\n<table>" + b"<tr><td>a<td>b" * 40_000,
    "combining marks": HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\ne" + "\u0301".encode() * 150_000,
    "rules": HEAD + b"\r\n" + b"-" * 1_000_000,
    "quote marks": HEAD + b"\r\n" + b"> " * 500_000,
    "daemon's addresses": b"From: MAILER-DAEMON@x\r\n\r\n" + (b"a" * 60 + b"@" + b"b" * 60 + b" to ") * 8_000,
    "reported recipients": b"Content-Type: message/delivery-status\r\n\r\n"
    + b"Final-Recipient: rfc822;a@b.c\r\n\r\n" * 20_000,
    "parameters": b"Content-Type: text/plain; " + b"a*0=b; " * 9_000 + b"\r\n\r\nx",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_costs_little(name):
    """Measured elsewhere at ten seconds to minutes each (B1, B2, B3, B11, B13)."""
    parse(b"warm the language model up, it is loaded once")
    start = time.process_time()
    assert isinstance(parse(HOSTILE[name]), ParsedMessage)
    assert time.process_time() - start < 6


def test_deep_nesting_is_a_defect_not_a_crash():
    """A mail inside a mail inside a mail (B2)."""
    head = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (depth, depth + 1) for depth in range(2_000)
    )
    assert parse(HEAD + b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n" + head).defects


PIECES = st.sampled_from(
    [
        b"From: ", b"To: a@b.c", b"Subject: ", b"Fwd: ", b"Content-Type: ", b"multipart/mixed; boundary=b",
        b"text/html", b"text/plain; charset=", b"message/rfc822", b"message/delivery-status",
        b"multipart/report; report-type=delivery-status", b"application/ms-tnef", b"\x78\x9f\x3e\x22\x01\x00",
        b"Content-Transfer-Encoding: base64", b"quoted-printable", b"--b", b"--b--", b"\r\n", b"\r\n\r\n", b"\n",
        b"=?utf-8?q?", b"?=", b"<", b">", b"\x00", b"\xff", b"begin 644 x", b"end", b"On 1 Jan 2026 a@b.c wrote:",
        b"> ", b"-- ", b"MAILER-DAEMON@x", b"Final-Recipient: rfc822;a@b.c", b"Message-ID: ", b"Date: ", b"utf-16",
        b"=", b";", b'"', b"(", b"<blockquote type=cite>", b"</blockquote>", b"<td>",
    ]
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=20)), max_size=60).map(b"".join))
@example(b"")
@example(b"Content-Type: text/plain; charset*0*=x''y\r\n\r\n\xff")
@example(b'Content-Type: text/plain; charset="a\x00b"\r\n\r\n\xff')
@example(b"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822;\xff@b.c\r\n")
@example(b"Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n\r\n--")
def test_any_bytes_are_read(raw):
    """Whatever comes, a message comes back, and PostgreSQL can store it."""
    message = parse(raw)
    case = Case(envelope=ENVELOPE, message=message, own_addresses=frozenset())
    stored = json.dumps(as_json(message, "x", case=case, silence=suppression(case)), ensure_ascii=False)
    assert "\\u0000" not in stored
    stored.encode()


@given(st.binary(max_size=400))
def test_any_winmail_is_read(content):
    """A truncated or invented stream gives what stands before its end."""
    tnef.read(b"\x78\x9f\x3e\x22\x01\x00" + content)


def test_message_ids_that_were_folded_as_encoded_words():
    """Python's own `email` writes a long one so; the thread is found all the same."""
    raw = (
        b"In-Reply-To: =?utf-8?q?=3Creply=2E01a1fe17-972a-7286-8772-c9f21ed7fd43=2Enlw?=\r\n"
        b" =?utf-8?q?auitzssmhlrckbeqo7fqg=40support=2Eexample=3E?=\r\n"
        b"References: =?utf-8?q?=3Ca=40b=2Eexample=3E_=3Cc=40b=2Eexample=3E?=\r\n\r\nx\r\n"
    )
    read = parse(raw)
    assert read.in_reply_to == "reply.01a1fe17-972a-7286-8772-c9f21ed7fd43.nlwauitzssmhlrckbeqo7fqg@support.example"
    assert read.references == ("a@b.example", "c@b.example")
