"""Files on the portal: carried over from the mail, added by the customer, within limits, stored as they came."""

import io
import zipfile

import pytest

from intake.portal import uploads
from intake.portal.claims import carried, zone_of
from intake.portal.wording import words

W = words("en")
BERLIN = b"Date: Sat, 21 Nov 2026 10:28:00 +0100"


def test_files_are_stored_as_they_came(visitor):
    """Names, kinds and bytes; an archive is never opened (B9)."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", b"\0" * 50_000_000)
    request = visitor.mailed()
    files = [
        ("files", ("gateway.log", b"503\r\n\0", "text/plain; charset=latin-1")),
        ("files", ("bomb.zip", packed.getvalue(), "application/zip")),
        ("files", ("odd", b"x", "not a kind; x=y")),
    ]
    assert visitor.post_claim(request, files=files).status_code == 200
    assert visitor.uploads(request) == [
        ("gateway.log", "text/plain", b"503\r\n\0"),
        ("bomb.zip", "application/zip", packed.getvalue()),
        ("odd", "application/octet-stream", b"x"),
    ]


def test_the_same_file_twice_is_kept_once(visitor):
    """In one form, and in a form that is sent again."""
    request = visitor.mailed()
    files = [("files", (name, b"the same", "text/plain")) for name in ("a.txt", "b.txt")]
    visitor.post_claim(request, files=files)
    page = visitor.post_claim(request, files=files)
    assert W("already") in page.text
    assert visitor.uploads(request) == [("a.txt", "text/plain", b"the same")]


def test_files_of_a_form_with_a_mistake_are_kept(visitor):
    """A browser cannot choose them again: they are listed, and counted when more come."""
    request = visitor.mailed()
    page = visitor.post_claim(request, project="", files=[("files", ("a.txt", b"one", "text/plain"))])
    assert page.status_code == 422
    assert "a.txt" in page.text
    more = [("files", (f"{number}.txt", bytes([number]), "text/plain")) for number in range(3)]
    page = visitor.post_claim(request, files=more)
    assert W("too_many_files", about="3") in page.text
    assert [name for name, _, _ in visitor.uploads(request)] == ["a.txt"]
    assert visitor.post_claim(request, files=more[:2]).status_code == 200
    assert len(visitor.uploads(request)) == 3


def test_a_new_request_takes_files(visitor):
    """They belong to it; sent twice they are there once, and a mistake says that they must be chosen again."""
    files = [("files", ("a.txt", b"one", "text/plain"))]
    page = visitor.post_new(summary="", files=files)
    assert W("files_again") in page.text
    for _ in range(2):
        assert visitor.post_new(files=files).status_code == 200
    (row,) = visitor.requests()
    assert visitor.uploads(row.id) == [("a.txt", "text/plain", b"one")]


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ([200_001], W("file_too_large", about="0.2")),
        ([190_000, 190_000, 190_000], W("files_too_large", about="0.3")),
        ([1, 1, 1, 1], W("too_many_files", about="3")),
        ([1] * 30, W("too_many_files", about="3")),
    ],
)
def test_too_many_or_too_large_files_are_told_in_words(visitor, sizes, told):
    """The limit and what was typed are on the page; nothing is stored, nothing raised."""
    request = visitor.mailed()
    files = [("files", (f"{place}.bin", bytes([place]) * size, "")) for place, size in enumerate(sizes)]
    page = visitor.post_claim(request, description="An hour's work.", files=files)
    assert page.status_code == 422
    assert told in page.text
    assert "An hour&#39;s work." in page.text
    assert visitor.uploads(request) == []
    assert len(visitor.said(request)) == 1


def test_an_empty_file_input_is_no_file(visitor):
    """Every browser sends one; files under other names are dropped."""
    request = visitor.mailed()
    files = [("files", ("", b"", "application/octet-stream")), ("other", ("a.txt", b"x", "text/plain"))]
    assert visitor.post_claim(request, files=files).status_code == 200
    assert visitor.uploads(request) == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\marta\\gateway.log", "gateway.log"),
        ("a\0b\r\nSet-Cookie: x.txt", "ab Set-Cookie_ x.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("CON.txt", "_CON.txt"),
        ("aux", "_aux"),
        ("=HYPERLINK(1).csv", "_HYPERLINK(1).csv"),
        ("-rf", "_rf"),
        (".htaccess", "_htaccess"),
        ("name. . ", "name"),
        ("   ", "file"),
        ("", "file"),
        ("..", "file"),
        ("ü\u0308ber 日本.txt", "ü\u0308ber 日本.txt"),
        ("\ud800.txt", "_txt"),
        ("x" * 4096 + ".log", "x" * 116 + ".log"),
        ("x" * 4096, "x" * 120),
    ],
)
def test_a_hostile_file_name_is_only_a_name(given, kept):
    """No folder, device, formula, control or direction sign; short; an ending stays (B15)."""
    assert uploads.file_name(given) == kept


def test_files_of_the_mail_are_carried_over_without_its_decoration():
    """Logos and text that is shown are not listed, pasted screenshots are; winmail.dat is what was in it."""
    parsed = {
        "attachments": [
            {"name": "gateway.log", "content_type": "text/plain", "size": 48_211, "inline": False},
            {"name": "logo.png", "content_type": "image/png", "size": 3_120, "inline": True},
            {"name": "image001.png", "content_type": "image/png", "size": 220_000, "inline": True},
            {"name": "note.txt", "content_type": "text/plain", "size": 20, "inline": True},
            {"name": "order.pdf", "content_type": "application/pdf", "size": 9_000, "inline": True},
            {"name": "winmail.dat", "content_type": "application/ms-tnef", "size": 70_000, "inline": False},
            {"name": "", "content_type": "message/rfc822", "size": 5, "inline": False},
        ],
        "tnef": [{"name": "offer.docx", "size": 60_000}],
    }
    assert [(each.name, each.size) for each in carried(parsed)] == [
        ("gateway.log", 48_211),
        ("image001.png", 220_000),
        ("order.pdf", 9_000),
        ("message/rfc822", 5),
        ("offer.docx", 60_000),
    ]
    assert carried({}) == []


@pytest.mark.parametrize(
    ("head", "hours"),
    [
        (BERLIN, 1),
        (b"Received: x\r\nDATE: Sat, 21 Nov 2026 05:28:00 -0500\r\nSubject: x", -5),
        (b"Date: Sat, 21 Nov 2026 15:00:00 +0530", 5.5),
        (b"Date: Sat, 21 Nov 2026 09:28:00 +0000", 0),
        (b"Date: Sat, 21 Nov 2026 09:28:00 -0000", None),
        (b"Date: Sat, 21 Nov 2026 09:28:00 +9900", None),
        (b"Date: yesterday", None),
        (b"Date: \xff\xff", None),
        (b"Subject: Date: Sat, 21 Nov 2026 09:28:00 +0100", None),
        (b"", None),
    ],
)
def test_the_readers_zone_is_that_of_their_mail(head, hours):
    """By the Date field's offset; -0000 says nothing (RFC 5322 §3.3), and nonsense neither."""
    zone = zone_of(head)
    assert (zone.utcoffset(None).total_seconds() / 3600 if zone else None) == hours
