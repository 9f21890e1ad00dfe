"""Bytes become text whatever their label says, and the ledger says what was done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.reading.charsets import codec_for, decode, decode_header

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


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("iso-2022-jp", "iso2022_jp_ext", "障害ﾊﾝｶｸ"),
        ("ISO-2022-JP", "iso2022_jp", "半角テスト"),
        ("shift_jis", "cp932", "①髙橋"),
        ("euc-jp", "euc_jp", "障害"),
        ("euc-jp", "euc_jp", "ｶﾅ"),
        ("ks_c_5601-1987", "cp949", "안녕하세요 똠"),
        ("gb2312", "gb18030", "你好镕"),
        ("big5", "big5hkscs", "繁體嘅"),
        ("hz-gb-2312", "hz", "你好"),
        ("koi8-u", "koi8-u", "привіт"),
        ("windows-1250", "cp1250", "Žluťoučký"),
        ("windows-1253", "cp1253", "Ελλη"),
        ("windows-1254", "cp1254", "ığş"),
        ("windows-1255", "cp1255", "שלום"),
        ("windows-1256", "cp1256", "مرحبا"),
        ("windows-1257", "cp1257", "ąčę"),
        ("windows-1258", "cp1258", "đ"),
        ("iso-8859-2", "iso8859_2", "łódź"),
        ("iso-8859-5", "iso8859_5", "привет"),
        ("iso-8859-7", "iso8859_7", "Ελλ"),
        ("iso-8859-8-i", "iso8859_8", "שלום"),
        ("iso-8859-11", "cp874", "ไทย"),
        ("tis-620", "cp874", "ไทย"),
        ("iso-8859-13", "iso8859_13", "ąčę"),
        ("iso-8859-15", "iso8859_15", "5 €"),
        ("utf-16", "utf-16", "Grüße"),
        ("utf-16le", "utf-16-le", "Grüße"),
        ("utf-16be", "utf-16-be", "Grüße"),
        ("utf-16", "utf-16-le", "Hello Grüße, this is text"),
        ("utf-16", "utf-16-be", "Hello Grüße, this is text"),
        ("utf-7", "utf-7", "Grüße"),
        ("unicode-1-1-utf-7", "utf-7", "Grüße"),
        ("utf-8-mac", "utf-8", "Grüße"),
        ("ansi", "cp1252", "Grüße –"),
        ("cp-850", "cp850", "Grüße"),
        ("ibm850", "cp850", "Grüße"),
        ("cp437", "cp437", "Grüße"),
        ("x-mac-roman", "mac_roman", "Grüße"),
        ("macintosh", "mac_roman", "Grüße"),
        ("x-user-defined", "utf-8", "Grüße"),
        ("iso-8859-1", "utf-8", "Grüße 日本"),
        ("us-ascii", "utf-8", "Grüße"),
        ("utf-8", "cp1252", "Grüße"),
        ("unknown-8bit", "utf-8", "Grüße"),
        ("default", "cp1252", "Grüße"),
        ("_iso-2022-jp$ESC", "iso2022_jp", "障害"),
        ("cp932", "cp932", "①"),
        ("ms932", "cp932", "①"),
        ("windows-31j", "cp932", "①"),
        ("x-sjis", "cp932", "①"),
        ("'utf-8'", "utf-8", "Grüße"),
        ('"utf-8', "utf-8", "Grüße"),
        ("UTF8", "utf-8", "Grüße"),
        ("utf_8", "utf-8", "Grüße"),
        ("cp1252", "cp1252", "Grüße"),
        ("win-1251", "cp1251", "привет"),
        ("1251", "cp1251", "привет"),
        ("x-cp1251", "cp1251", "привет"),
        ("cp-1251", "cp1251", "привет"),
        ("windows1252", "cp1252", "Grüße"),
        ("iso88591", "cp1252", "Grüße"),
        ("iso_8859-1", "cp1252", "Grüße"),
        ("iso8859_15", "iso8859_15", "5 €"),
        ("latin-9", "iso8859_15", "5 €"),
        ("l1", "cp1252", "Grüße"),
        ("x-gbk", "gbk", "你好"),
        ("gbk", "gbk", "你好"),
        ("cn-gb", "gb18030", "你好"),
        ("chinesebig5", "big5", "繁體"),
        ("x-x-big5", "big5", "繁體"),
        ("euc_kr", "cp949", "안녕"),
        ("cseuckr", "cp949", "안녕"),
        ("cp949", "cp949", "똠"),
        ("uhc", "cp949", "똠"),
        ("iso-2022-kr", "iso2022_kr", "안녕"),
        ("johab", "johab", "안녕"),
        ("iso-8859-16", "iso8859_16", "șț"),
        ("iso-8859-10", "iso8859_10", "ąš"),
        ("iso-8859-14", "iso8859_14", "ŵ"),
        ("viscii", "utf-8", "Grüße"),
        ("x-euc-jp", "euc_jp", "障害"),
        ("utf-32", "utf-32", "Grüße"),
    ],
)
def test_what_programs_call_their_charsets(label, codec, text):
    """Aliases, misspellings, prefixes, code pages, and labels that are plainly wrong: the text comes out."""
    assert decode(text.encode(codec), label)[0] == text


def test_a_few_broken_bytes_do_not_change_the_charset_of_the_rest():
    """One stray byte in UTF-8 makes no Windows-1252 of the whole mail."""
    read, repair = decode(MEIER.encode() * 20 + b"\xff", "utf-8")
    assert read == MEIER * 20 + "\ufffd"
    assert repair is not None
    assert (repair.used, repair.bytes_lost) == ("utf-8", 1)
    read, repair = decode("障害が発生しています".encode("euc_jp") + b"\xff", "euc-jp")
    assert read.startswith("障害が発生しています")
    assert repair is not None
    assert repair.used == "euc-jp"


@pytest.mark.parametrize(
    ("raw", "charset", "text"),
    [
        ("障害が発生".encode("cp932"), "shift_jis", "障害が発生"),
        ("Сбой шлюза".encode("koi8-r"), "koi8-r", "Сбой шлюза"),
        ("生产环境的网关".encode("gbk"), "gb2312", "生产环境的网关"),
        (MEIER.encode(), "koi8-r", MEIER),
        ("障害".encode("iso2022_jp"), "", "障害"),
    ],
)
def test_raw_headers_are_in_the_charset_of_the_body(raw, charset, text):
    """Unless they are UTF-8, or show their own escapes."""
    assert decode_header(raw, charset) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"=?utf-8?q?a?==?utf-8?q?b?=", "ab"),
        (b"=?utf-8?q?Hello World =C3=BC?=", "Hello World ü"),
        (b"=?utf-8?q?What??=", "What?"),
        (b"=?utf-8?q?Gr=C3?= =?utf-8?b?vMOfZQ==?=", "Grüße"),
        (b"=?utf-8?b?R3LD*vMOf?=", "Grüß"),
        (b"=?utf-8?b?R3LDvMOfZQ?=", "Grüße"),
        (b"foo=?utf-8?q?_=C3=BC?=bar", "foo übar"),
        (b"=?x-foo?q?K=F6ln?=", "Köln"),
    ],
)
def test_encoded_words_that_break_the_rules(raw, text):
    """Spaces inside, question marks, no space between, padding lost, charsets unknown (RFC 2047)."""
    assert decode_header(raw) == text


def test_words_that_separate_are_quoted_for_a_reader_of_addresses():
    """A comma inside an encoded word is part of the name (RFC 2047 §6.2)."""
    assert decode_header(b"=?utf-8?q?Sample=2C_M?= <a@b.example>", quoting=True) == '"Sample, M" <a@b.example>'
    assert decode_header(b'"=?utf-8?q?Sample=2C_M?=" <a@b.example>', quoting=True) == '"Sample, M" <a@b.example>'
