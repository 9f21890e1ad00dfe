"""The acknowledgement is marked, small, safe, and in the sender's language."""

import email
import email.policy
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.reading.message import ParsedMessage
from intake.replies import wording
from intake.replies.reply import PARAGRAPHS, Kind, Terms, acknowledgement, cleaned, kind_of
from intake.replies.telephone import readable
from intake.replies.wording import PLACEHOLDERS, check_folder, check_wording

BASE = Terms(
    kind=Kind.FIRST,
    recipient="marta@nordhandel.example",
    sender="support@example.com",
    reply_to="support+r.abcdefghijklmnopqrstuvwxyz234567abcdefghij@example.com",
    subject="Orders fail",
    reference="SB-1042",
    policy_name="WSO2 Managed Cloud",
    portal_link="https://support.example.com/portal/claim/" + "t" * 90,
    phone="+49 30 5550 100",
    urgent=False,
    language="en",
    message_id="reply.01a1fdcb-2941-7fac-8838-655fc04f609a.abcdefghijklmnopqrstuvwx@example.com",
    in_reply_to="m1@nordhandel.example",
    references=("m0@nordhandel.example",),
    date=datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
)
SHOWN = "+49 30 5550100"


def read(terms: Terms, templates=None):
    """The reply as a mail client reads it."""
    return email.message_from_bytes(acknowledgement(terms, templates), policy=email.policy.default)


def text_of(terms: Terms, templates=None) -> str:
    """Its plain text."""
    return read(terms, templates).get_body(("plain",)).get_content()


def test_headers_of_an_automatic_response():
    """RFC 3834 §3.1, and nothing that invites an answer (C19)."""
    mail = read(BASE)
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["Precedence"] == "auto_reply"
    assert mail["In-Reply-To"] == "<m1@nordhandel.example>"
    assert mail["References"] == "<m0@nordhandel.example> <m1@nordhandel.example>"
    assert mail["Subject"] == "Auto: Orders fail [SB-1042]"
    assert mail["From"] == "support@example.com"
    assert mail["Reply-To"] == BASE.reply_to
    assert len(mail.get_all("To")) == 1
    assert not list(mail.iter_attachments())


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("language", wording.languages())
def test_every_reply_says_reference_link_and_phone_in_text_and_html(language, kind):
    """Text and HTML say the same, in every language and case."""
    mail = read(replace(BASE, language=language, kind=kind))
    text = mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",)).get_content()
    for needed in ("SB-1042", SHOWN if language not in ("ja", "pl") else "5550"):
        assert needed in text
        assert needed in html
    assert BASE.portal_link in text
    assert f'href="{BASE.portal_link}"' in html
    assert 'href="tel:+49-30-5550100"' in html
    assert "$" not in text
    assert "Orders fail" not in text
    assert mail["Content-Language"] == language


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("language", wording.languages())
def test_no_reply_amplifies(language, kind):
    """Under 4 KB with the longest subject, thread and link, in every language and case, with HTML (C19)."""
    longest = replace(
        BASE,
        kind=kind,
        subject="障害" * 300,
        in_reply_to=OUTLOOK,
        references=tuple(f"{number}{OUTLOOK}" for number in range(50)),
        portal_link=BASE.portal_link + "x" * 60,
        urgent=True,
        language=language,
    )
    assert len(acknowledgement(longest)) < 4_096
    assert read(longest)["Subject"].count("障") >= 15
    assert read(longest).get_body(("html",)) is not None


def test_a_link_of_any_length_leaves_the_reply_small():
    """The HTML goes first, then nothing can be left out any more."""
    mail = read(replace(BASE, portal_link="https://portal.example.com/?" + "x" * 1_500))
    assert mail.get_body(("html",)) is None
    assert "x" * 1_500 in mail.get_content()
    assert len(acknowledgement(replace(BASE, portal_link="https://portal.example.com/?" + "x" * 1_500))) < 4_096


def test_english_is_the_fallback():
    """An unknown language, a path or nonsense is answered in English."""
    assert {"en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "ja", "zh"} <= set(wording.languages())
    for language in ("xx", None, "../en", "de/../../x"):
        assert read(replace(BASE, language=language))["Content-Language"] == "en"


@pytest.mark.parametrize("kind", Kind)
def test_who_looks_down_hears_of_the_phone_first(kind):
    """Somebody whose production is down should not read on to find the number."""
    text = text_of(replace(BASE, urgent=True, kind=kind))
    assert text.index(SHOWN) < text.index("recorded" if "recorded" in text else "SB-1042.")
    assert text.index(SHOWN) < text.index("https://")
    assert text.count(SHOWN) == 1


def test_a_policy_without_a_phone_names_none():
    """Only SLA channels are offered, urgent or not."""
    for urgent in (True, False):
        assert "call" not in text_of(replace(BASE, phone="", urgent=urgent))


def test_each_case_has_words_of_its_own():
    """First contact tells most, a later one less."""
    texts = {kind: text_of(replace(BASE, kind=kind)) for kind in Kind}
    assert len(set(texts.values())) == len(Kind)
    assert len(texts[Kind.AGAIN]) < len(texts[Kind.FIRST])
    assert len(texts[Kind.ADDED]) < len(texts[Kind.FIRST])
    assert "added your mail to SB-1042" in texts[Kind.ADDED]
    assert all(key in PLACEHOLDERS for keys in PARAGRAPHS.values() for key in keys)


@pytest.mark.parametrize(
    ("message", "opened", "before", "expected"),
    [
        (ParsedMessage(subject="a", text="b"), True, False, Kind.FIRST),
        (ParsedMessage(subject="a", text="b"), True, True, Kind.AGAIN),
        (ParsedMessage(subject="a", text="b"), False, True, Kind.ADDED),
        (ParsedMessage(subject="Server down", text=""), True, False, Kind.FIRST),
        (ParsedMessage(subject="", text=" \n"), True, False, Kind.UNREADABLE),
        (
            ParsedMessage(subject="a", text="-----BEGIN PGP MESSAGE-----", crypto="encrypted"),
            True,
            False,
            Kind.UNREADABLE,
        ),
        (ParsedMessage(subject="a", text="b", crypto="signed"), True, False, Kind.FIRST),
        (ParsedMessage(subject="a", text="b", defects=("too many parts",)), False, True, Kind.TOO_LARGE),
        (ParsedMessage(subject="a", text="b" * 1_000_000), True, False, Kind.TOO_LARGE),
        (ParsedMessage(subject="a", text="b", defects=("headers were mended",)), True, False, Kind.FIRST),
    ],
)
def test_the_case_is_read_from_the_mail(message, opened, before, expected):
    """What cannot be read is said, before anything else."""
    assert kind_of(message, opened=opened, answered_before=before) is expected


@given(
    st.text(max_size=400),
    st.text(alphabet="abc@<> .\r\n", max_size=60),
    st.text(alphabet="ab@.\r\n<>\x00é", max_size=60),
)
def test_nothing_of_the_sender_breaks_out_of_its_header(subject, reference, message_id):
    """No header is added, no line is longer than 998 octets, all is 7-bit with CRLF (B7, C19)."""
    raw = acknowledgement(replace(BASE, subject=subject, references=(reference,), in_reply_to=message_id))
    raw.decode("ascii")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    head = email.message_from_bytes(raw)
    allowed = [
        "From", "Reply-To", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress",
        "Precedence", "Content-Language", "In-Reply-To", "References", "MIME-Version", "Content-Type",
    ]  # fmt: skip
    assert len(head.keys()) == len(set(head.keys()))
    assert set(head.keys()) <= set(allowed)
    assert len(raw) < 4_096


@pytest.mark.parametrize(
    "subject",
    [
        "=?utf-8?q?x=0D=0ABcc:_victim@x.example?=",
        "x\r\nBcc: victim@x.example",
        "x\x00\x85\u2028Bcc: victim@x.example",
        "x\udcff",
    ],
)
def test_a_subject_adds_no_recipient(subject):
    """CVE-2024-6923 and its kin: a mail that is read is never written out again (B7)."""
    raw = acknowledgement(replace(BASE, subject=subject))
    for policy in (email.policy.default, email.policy.compat32):
        assert email.message_from_bytes(raw, policy=policy)["Bcc"] is None
    assert not re.search(rb"(?mi)^bcc", raw)


OUTLOOK = "AM0PR01MB1234567890ABCDEF1234567890ABCDEF1234567890@AM0PR01MB1234.mail01.prod.outlook.example"


def test_a_long_message_id_is_never_encoded():
    """An encoded id joins no thread (RFC 2047 §5); real ones are longer than a line."""
    raw = acknowledgement(replace(BASE, in_reply_to=OUTLOOK, references=(f"x{OUTLOOK}", f"y{OUTLOOK}")))
    head = raw.partition(b"\r\n\r\n")[0].decode()
    assert "=?" not in head
    unfolded = head.replace("\r\n ", " ")
    assert f"In-Reply-To: <{OUTLOOK}>" in unfolded
    assert f"References: <x{OUTLOOK}> <y{OUTLOOK}> <{OUTLOOK}>" in unfolded


@pytest.mark.parametrize(
    "bad", ["", "a b@x.example", "a\x1b@x.example", "jürgen@x.example", "a>b@x.example", "x" * 300]
)
def test_an_id_that_is_none_is_not_repeated(bad):
    """Better no thread than a broken header."""
    mail = read(replace(BASE, in_reply_to=bad))
    assert mail["In-Reply-To"] is None
    assert mail["References"] is None


def test_a_name_in_the_own_address_is_encoded_and_its_address_is_not():
    """`SWITCHBOARD_REPLY_FROM` may have one."""
    mail = read(replace(BASE, sender="Störungsstelle <support@example.com>"))
    (address,) = mail["From"].addresses
    assert (address.display_name, address.addr_spec) == ("Störungsstelle", "support@example.com")


@pytest.mark.parametrize(
    "evil", ["{{7*7}}", "{0.__class__}", "%(x)s", "$link", "${reference}", "$$", "{% raw %}", "<b>"]
)
def test_templates_in_what_others_write_stay_text(evil):
    """In the subject, and in the policy's name (C21)."""
    assert evil in read(replace(BASE, subject=evil))["Subject"]
    assert evil in text_of(replace(BASE, policy_name=evil))
    html = read(replace(BASE, policy_name=evil)).get_body(("html",)).get_content()
    assert evil.replace("<", "&lt;").replace(">", "&gt;") in html


def test_encoded_line_breaks_are_blanks():
    """A decoded subject may carry CR LF and directions (B7, B19)."""
    assert cleaned("a\r\nBcc: x\u2028b\u202ec") == "a Bcc: x b c"
    assert cleaned("Re: AW: Re[2]: Auto: x") == "x"


def test_a_reference_is_not_repeated_in_the_subject():
    """An answer to our answer does not grow."""
    assert read(replace(BASE, subject="Re: Auto: Orders fail [SB-1042]"))["Subject"] == "Auto: Orders fail [SB-1042]"


def test_a_long_thread_does_not_inflate_the_reply():
    """References is cut to its last ids (C19)."""
    many = tuple(f"{number}@nordhandel.example" for number in range(500))
    assert len(read(replace(BASE, references=many))["References"]) <= 1_000


@pytest.mark.parametrize(
    ("number", "address", "language", "expected"),
    [
        ("+49 30 5550 100", "a@kunde.de", "en", "030 5550100"),
        ("+49 30 5550 100", "a@kunde.at", "de", "+49 30 5550100"),
        ("+49 30 5550 100", "a@kunde.example", "de", "+49 30 5550100"),
        ("+48 22 555 01 00", "a@kunde.example", "pl", "22 555 01 00"),
        ("+48 22 555 01 00", "a@kunde.de", "pl", "+48 22 555 01 00"),
        ("+44 20 7946 0123", "a@kunde.co.uk", "en", "020 7946 0123"),
        ("+1 202 555 0123", "a@kunde.ca", "en", "(202) 555-0123"),
        ("+57 601 555 0123", "a@startup.co", "en", "+57 601 5550123"),
        ("0800 HELP", "a@kunde.de", "de", "0800 HELP"),
        ("", "a@kunde.de", "de", ""),
    ],
)
def test_the_phone_number_is_in_the_readers_format(number, address, language, expected):
    """National at home, international everywhere else, and as the operator wrote it if it is no number."""
    found = readable(number, address=address, language=language)
    assert found.shown == expected
    assert bool(found.uri) == number.startswith("+")


def test_an_operators_words_go_before_ours(tmp_path):
    """What is left out stays ours; a language we do not have can be added."""
    (tmp_path / "de.toml").write_text('greeting = "Moin,"\n')
    (tmp_path / "da.toml").write_text('greeting = "Hej,"\nopen = "Se her: $link"\n')
    text = text_of(replace(BASE, language="de"), tmp_path)
    assert text.startswith("Moin,")
    assert "Reaktionszeit" in text
    assert "da" in wording.languages(tmp_path)
    assert read(replace(BASE, language="da"), tmp_path)["Content-Language"] == "da"
    assert text_of(replace(BASE, language="de")).startswith("Guten Tag,")


@pytest.mark.parametrize(
    "content", ["greeting = ", "\xff", 'greeting = "$nonsense"', "greeting = 5", 'portal = "no link"']
)
def test_a_broken_wording_never_stops_a_reply(tmp_path, content):
    """Ours is used where theirs cannot be."""
    (tmp_path / "de.toml").write_bytes(content.encode("latin-1"))
    assert text_of(replace(BASE, language="de"), tmp_path).startswith("Guten Tag,")
    assert check_folder(tmp_path)


def test_mistakes_in_a_wording_are_told_with_their_lines(tmp_path):
    """Unknown keys and placeholders, bare dollar signs, what must be said and is not."""
    file = tmp_path / "de.toml"
    file.write_text('greeting = "$name"\n\nhello = "x"\nphone = "call"\nclosing = "5 $"\nprefix = "a\\nb"\nnext = ""\n')
    found = check_wording(file)
    assert [re.sub(r"^.*de\.toml:(\d+): `?(\w+).*", r"\1 \2", each) for each in found] == [
        "1 greeting", "3 unknown", "4 phone", "5 closing", "6 prefix", "7 next",
    ]  # fmt: skip
    assert "$name" in found[0]
    assert "hello" in found[1]


def test_a_language_of_its_own_must_be_whole(tmp_path):
    """Else the reply would mix two."""
    (tmp_path / "da.toml").write_text('greeting = "Hej,"\n')
    found = check_folder(tmp_path)
    assert len(found) == len(PLACEHOLDERS) - 1
    assert all("is missing" in each for each in found)


def test_a_folder_that_is_none_is_told(tmp_path):
    """An operator's typing error is not silence."""
    assert "no such directory" in check_folder(tmp_path / "nowhere")[0]
    assert "holds no *.toml" in check_folder(tmp_path)[0]
    (tmp_path / "Deutsch!.toml").write_text("")
    assert "language code" in check_folder(tmp_path)[0]
