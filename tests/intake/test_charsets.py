"""Bytes become text whatever their label says, and the ledger says what was done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.charsets import codec_for, decode, decode_header

MEIER = "Grüße aus Köln"


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("utf-8", "utf-8", MEIER), ("iso-8859-1", "cp1252", "Grüße – „Köln“"), ("ISO-8859-15", "iso8859-15", "5 €"),
        ("koi8-r", "koi8-r", "привет"), ("gb2312", "gb18030", "你好"), ("big5", "big5", "繁體中文"),
        ("shift_jis", "cp932", "障害①"), ("iso-2022-jp", "iso2022_jp", "障害が発生"), ("euc-kr", "cp949", "안녕"),
        ("utf-7", "utf-7", MEIER), ("windows-1251", "cp1251", "сбой"), ('"utf-8"', "utf-8", MEIER),
    ],
)  # fmt: skip
def test_labels_are_read_as_mail_means_them(label, codec, text):
    """A label stands for the superset that programs really send (WHATWG Encoding Standard)."""
    read, repair = decode(text.encode(codec), label)
    assert (read, repair) == (text, None)


@pytest.mark.parametrize(
    "label", ["rot13", "base64", "idna", "unicode_escape", "undefined", "x\x00y", "none-such", "ünï"]
)
def test_codecs_that_are_no_charsets_are_refused(label):
    """A charset parameter must not choose any Python codec (B4)."""
    assert codec_for(label) is None
    assert decode(b"plain", label)[0] == "plain"


def test_a_wrong_label_is_repaired_and_noted():
    """UTF-8 labelled Latin-1, and bytes that no UTF-8 has."""
    read, repair = decode(MEIER.encode(), "iso-8859-1")
    assert read == MEIER
    assert repair is not None
    assert (repair.declared, repair.used, repair.bytes_lost) == ("iso-8859-1", "utf-8", 0)
    read, repair = decode(MEIER.encode("cp1252"), "utf-8")
    assert read == MEIER
    assert repair is not None
    assert repair.used == "cp1252"


def test_what_cannot_be_read_is_counted():
    """Bytes that are in neither charset are lost one by one."""
    _, repair = decode(b"a\x81\x8db", "utf-8")
    assert repair is not None
    assert repair.bytes_lost == 2


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe?= aus =?iso-8859-1?Q?K=F6ln?=", MEIER),
        (b"=?utf-8?b?R3LDvMOf?=\r\n =?utf-8?b?ZQ==?= aus Koeln", "Grüße aus Koeln"),
        (b"=?utf-8?q?K=C3?=\r\n =?utf-8?q?=B6ln?=", "Köln"),
        (MEIER.encode(), MEIER),
        (MEIER.encode("cp1252"), MEIER),
        (b"folded\r\n\t subject", "folded  subject"),
        (b"=?x?q?broken", "=?x?q?broken"),
        (b"=?utf-8*en?q?a_b?=", "a b"),
    ],
)
def test_header_text(raw, text):
    """Encoded words, split characters, raw 8-bit, folding (RFC 2047)."""
    assert decode_header(raw) == text


@given(st.binary(), st.text(max_size=30))
def test_decoding_never_fails_and_fits_postgresql(content, label):
    """No NUL, no lone surrogate (B5)."""
    for text in (decode(content, label)[0], decode_header(content)):
        assert "\x00" not in text
        text.encode()
