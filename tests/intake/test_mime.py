"""The structure of a mail is found whatever its program or its fate made of it."""

import base64

import pytest

from intake.reading.message import ParsedMessage, parse

HEAD = "From: Marta <marta@x.example>\nSubject: s\nMIME-Version: 1.0\n"
PLAIN = "Content-Type: text/plain\n\nplain"
HTML = "Content-Type: text/html\n\n<p>html</p>"
PDF = "Content-Type: application/pdf; name=a.pdf\n\nx"
CMS = "Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n\n"
IMAGE = "Content-Type: image/png\nContent-ID: <a>\n\nx"


def multi(kind: str, *parts: str, mark: str = "b", end: bool = True) -> str:
    """A multipart's header and body."""
    body = "".join(f"--{mark}\n{part}\n" for part in parts) + (f"--{mark}--\n" if end else "")
    return f'Content-Type: multipart/{kind}; boundary="{mark}"\n\n{body}'


def read(mail: str | bytes) -> ParsedMessage:
    """A mail under the common header."""
    return parse((HEAD.encode() + mail) if isinstance(mail, bytes) else (HEAD + mail).encode())


def words(message: ParsedMessage) -> list[str]:
    """The text's words."""
    return message.text.split()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (multi("alternative", PLAIN, HTML, end=False), ["plain"]),
        (multi("alternative", HTML, PLAIN), ["plain"]),
        (multi("alternative", "Content-Type: text/plain\n\n ", HTML), ["html"]),
        (
            multi("mixed", multi("related", multi("alternative", PLAIN, HTML, mark="i"), IMAGE, mark="r"), PDF),
            ["plain"],
        ),
        (multi("mixed", PLAIN, IMAGE, "Content-Type: text/plain\n\nsecond"), ["plain", "second"]),
        (multi("signed", multi("mixed", PLAIN, PDF, mark="m"), "Content-Type: x/y\n\nz"), ["plain"]),
        (multi("mixed", "Content-Type: text/plain\n\nab\n--bx\ncd", PLAIN), ["ab", "--bx", "cd", "plain"]),
        (multi("mixed", multi("alternative", PLAIN, HTML, mark="b1"), PDF), ["plain"]),
        ("Content-Type: multipart/mixed\n\n--zzz\nContent-Type: text/plain\n\nfound\n--zzz--\n", ["found"]),
        ('Content-Type: multipart/mixed; boundary="zz "\n\n--zz\n\nfound\n--zz--\n', ["found"]),
        ("Content-Type: multipart/mixed; boundary=a b\n\n--a b\n\nfound\n--a b--\n", ["found"]),
        ("Content-Type: multipart/mixed; boundary='ab'\n\n--'ab'\n\nfound\n--'ab'--\n", ["found"]),
        ("Content-Type: multipart/mixed; boundary=b\n\npreamble\n--b \n\nfound\n--b--\nepilogue", ["found"]),
        (multi("appledouble", "Content-Type: application/applefile\n\nx", PLAIN), ["plain"]),
        (multi("alternative", PLAIN, "Content-Type: text/x-amp-html\n\n<amp>", HTML), ["plain"]),
        ("Content-Type: text/enriched\n\n<bold>Hello</bold> there << x", ["Hello", "there", "<", "x"]),
        ("Content-Type: text/markdown\n\n# Hello", ["#", "Hello"]),
        ("Content-Type: text\n\nHello", ["Hello"]),
        ("CONTENT-TYPE: TEXT/HTML; CHARSET=UTF-8\n\n<p>Hello</p>", ["Hello"]),
        ("Content-Type: text/html;;; charset=utf-8;\n\n<p>Hello</p>", ["Hello"]),
        ("Content-Type: text/html\nContent-Type: text/plain\n\n<p>Hello</p>", ["Hello"]),
    ],
)
def test_the_text_of_a_mail(body, expected):
    """What a mail program would show, plain before HTML, of any nesting and with any boundary."""
    assert words(read(body)) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "From marta@x.example Sat Nov 21 09:30:00 2026\n" + HEAD + "\nhello",
        ">From marta@x.example Sat Nov 21 09:30:00 2026\n" + HEAD + "\nhello",
        "\n\n" + HEAD + "\nhello",
        "\r\n" + HEAD.replace("\n", "\r\n") + "\r\nhello",
        "\ufeff" + HEAD + "\nhello",
        HEAD.replace("\n", "\r") + "\rhello",
        HEAD.replace("\n", "\r\r\n") + "\r\r\nhello",
        "From: Marta <marta@x.example>\nthis is no header\nSubject: s\n\nhello",
        "From : marta@x.example\nSubject : s\n\nhello",
        "From:marta@x.example\nSubject:s\n\nhello",
        "From: marta@x.example\nSubject: s\n \n\nhello",
        "From: marta@x.example\nSubject: s\nhello",
    ],
)
def test_headers_are_found_around_faults(raw):
    """Separators of mailboxes, blank lines, byte order marks, odd line ends, lines that are no header."""
    message = parse(raw.encode())
    assert message.sender is not None
    assert (message.subject, message.sender.address, message.text) == ("s", "marta@x.example", "hello")


@pytest.mark.parametrize("raw", [b"hello there\nsecond line", b"Hello,\nplease look at\nSubject: x\nit fails"])
def test_a_mail_without_headers_is_all_text(raw):
    """Nothing of it is taken for a header."""
    assert parse(raw).text == raw.decode()


@pytest.mark.parametrize(
    ("encoding", "content", "text"),
    [
        ("quoted-printable", "Gr=C3=BC=C3=9Fe =XY", "Grüße =XY"),
        ("quoted-printable", "Gr=c3=bc=c3=9fe", "Grüße"),
        ("quoted-printable", "Hello= \nWorld", "HelloWorld"),
        ("quoted/printable", "Gr=C3=BC=C3=9Fe", "Grüße"),
        ("base64", "R3L*DvMOf\n!ZQ", "Grüße"),
        ("base64", "R3LDvMOfZQ", "Grüße"),
        ('"base64"', "R3LDvMOfZQ==", "Grüße"),
        ("base64 (x)", "R3LDvMOfZQ==", "Grüße"),
        ("base64;", "R3LDvMOfZQ==", "Grüße"),
        ("BASE64", "R3LDvMOfZQ==\n\n-- \nA list's footer", "Grüße"),
        ("base64", "SGVsbG8=\nIFdvcmxk", "Hello World"),
        ("base64", "This is just plain text, sorry.", "This is just plain text, sorry."),
        ("7bit\nContent-Transfer-Encoding: base64", "Hello", "Hello"),
        ("x-uuencode", "begin 644 x\n%:&5L;&\\\n`\nend\n", "hello"),
        ("x-unknown", "as it is", "as it is"),
    ],
)
def test_transfer_encodings_are_undone_as_far_as_they_go(encoding, content, text):
    """Misspelt, junk between, padding lost, a list's footer behind, or not encoded at all."""
    head = f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: {encoding}\n\n"
    assert read(head + content).text.strip() == text


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Content-Disposition: attachment; filename*0*=utf-8'de'Gr%C3%BC;\n filename*1*=%C3%9Fe", "Grüße"),
        ("Content-Type: application/pdf\nContent-Disposition: attachment; filename*=''Gr%C3%BC.pdf", "Grü.pdf"),
        ("Content-Type: application/pdf; name*=iso-8859-1''Gr%FC.pdf", "Grü.pdf"),
        ('Content-Type: application/pdf; name*1="name.pdf";\n name*0="long"', "longname.pdf"),
        ('Content-Type: application/pdf; name="=?utf-8?q?Gr=C3=BC?=\n =?utf-8?q?=C3=9Fe.pdf?="', "Grüße.pdf"),
        ("Content-Type: application/pdf; name==?utf-8?q?Gr=C3=BC.pdf?=", "Grü.pdf"),
        ("Content-Type: application/pdf; name=\"utf-8''Gr%C3%BC.pdf\"", "Grü.pdf"),
        ('Content-Type: application/pdf; name="a%20b.pdf"', "a%20b.pdf"),
        ('Content-Type: application/pdf; name="Grü.pdf"', "Grü.pdf"),
        ("Content-Type: application/pdf; name=my file.pdf", "my file.pdf"),
        ('Content-Type: application/pdf; name="a;b.pdf"', "a;b.pdf"),
        ('Content-Type: application/pdf; name="a.pdf"\nContent-Disposition: attachment; filename=b.pdf', "b.pdf"),
        ('Content-Type: application/pdf\nContent-Disposition: attachment; filename="C:\\\\x\\\\b.pdf"', "b.pdf"),
        ('Content-Type: application/pdf name="a.pdf"', "a.pdf"),
        ('Content-Type: application/pdf\nContent-Disposition: filename="b.pdf"', "b.pdf"),
        ('Content-Type: text/csv; name="a.csv"\nContent-Disposition: inline', "a.csv"),
        ('Content-Type: text/plain; name="app.log"', "app.log"),
        ("Content-Type: application/pdf\nContent-Description: report", ""),
    ],
)  # fmt: skip
def test_file_names(header, name):
    """In RFC 2231's and RFC 2047's forms, mixed up and broken (RFC 2183)."""
    message = read(multi("mixed", PLAIN, f"{header}\n\nx"))
    assert [each.name for each in message.attachments] == [name]
    assert words(message) == ["plain"]


@pytest.mark.parametrize(
    ("header", "name", "address"),
    [
        ("=?utf-8?q?Sample=2C_M=C3=A4rta?= <a@b.example>", "Sample, Märta", "a@b.example"),
        ("=?utf-8?q?x_=3Cevil=40z.example=3E?= <a@b.example>", "x <evil@z.example>", "a@b.example"),
        ('"=?utf-8?q?M=C3=A4rta?=" <a@b.example>', "Märta", "a@b.example"),
        ("=?utf-8?q?M=C3=A4rta_=3Ca=40b=2Eexample=3E?=", "Märta", "a@b.example"),
        ("a@b.example (Marta Sample)", "Marta Sample", "a@b.example"),
        ('"Sample, Marta" <a@b.example>', "Sample, Marta", "a@b.example"),
        ("Marta <a@b.example", "Marta", "a@b.example"),
    ],
)
def test_authors(header, name, address):
    """What stands in an encoded word separates nothing (RFC 2047 §6.2)."""
    sender = parse(f"From: {header}\n\nx".encode()).sender
    assert sender is not None
    assert (sender.name, sender.address) == (name, address)


def test_every_field_of_recipients_counts():
    """Some programs write one for each."""
    message = parse(b"From: a@b.example\nTo: x@b.example\nTo: y@b.example; z@b.example\n\nx")
    assert [box.address for box in message.to] == ["x@b.example", "y@b.example", "z@b.example"]


@pytest.mark.parametrize(
    "date",
    [
        "Sat, 21 Nov 2026 09:30:00 +0100", "21 Nov 2026 09:30 +0100", "Sat, 21 Nov 2026\n 09:30:00 +0100 (CET)",
        "Sat, 21 Nov 26 03:30:00 EST", "2026-11-21T09:30:00+01:00", "2026-11-21 09:30:00 +0100",
        "Sat Nov 21 08:30:00 2026", "Sat, 21 Nov 2026 09.30.00 +0100",
    ],
)  # fmt: skip
def test_dates(date):
    """Obsolete, folded, commented, and ISO 8601's."""
    found = parse(f"From: a@b.example\nDate: {date}\n\nx".encode()).date
    assert found is not None
    assert found.isoformat() == "2026-11-21T08:30:00+00:00"


def test_a_mail_attached_in_base64_is_read():
    """Forbidden, and met (RFC 2046 §5.2.1)."""
    inner = base64.b64encode(b"From: z@b.example\nSubject: inner\n\nhi").decode()
    attached = f"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{inner}"
    message = read(multi("mixed", PLAIN, attached))
    assert message.forwarded is not None
    assert (message.forwarded.subject, message.forwarded.text) == ("inner", "hi")
    assert [each.name for each in message.attachments] == ["inner"]


def test_a_digest_holds_mails():
    """Its parts are mails without saying so (RFC 2046 §5.1.5)."""
    message = read(
        multi("digest", "\nFrom: z@b.example\nSubject: one\n\nhi", "\nFrom: z@b.example\nSubject: two\n\nho")
    )
    assert [(each.name, each.content_type) for each in message.attachments] == [
        ("one", "message/rfc822"),
        ("two", "message/rfc822"),
    ]


@pytest.mark.parametrize(
    ("part", "crypto"),
    [
        ("Content-Type: application/octet-stream; name=smime.p7m\n\nx", "encrypted"),
        ("Content-Type: application/pkcs7-mime; smime-type=certs-only\n\nx", None),
        (CMS + "MIAGCSqGSIb3DQEHAqCAMIACAQExDzANBglg", "signed"),
        (CMS + "MIAGCSqGSIb3DQEHA6CAMIACAQAx", "encrypted"),
        ("\nsee\n> -----BEGIN PGP MESSAGE-----\n> x", None),
        ("\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nHi\n-----BEGIN PGP SIGNATURE-----\n", "signed"),
    ],
)  # fmt: skip
def test_protection_is_told_by_what_is_there(part, crypto):
    """By the object identifier inside where no parameter says it (RFC 5652); what is quoted protects nothing."""
    assert read(part).crypto == crypto


@pytest.mark.parametrize("length", [1_000, 150_000, 400_000])
@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_sizes_are_those_of_the_file(encoding, length):
    """Small files are decoded, large ones reckoned."""
    content = bytes(range(32, 127)) * (length // 95)
    written = base64.encodebytes(content) if encoding == "base64" else content.replace(b"=", b"=3D")
    content = content.replace(b"=", b"=3D") if encoding == "8bit" else content
    head = f"Content-Type: application/zip\nContent-Transfer-Encoding: {encoding}\n\n"
    assert abs(read(head.encode() + written).attachments[0].size - len(content)) <= 2
