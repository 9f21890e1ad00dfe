"""The acknowledgement is marked, small, safe, and in the sender's language."""

import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake import reply
from intake.reply import Terms, acknowledgement, cleaned

BASE = Terms(
    recipient="marta@nordhandel.example",
    sender="support@example.com",
    subject="Orders fail",
    reference="SB-1042",
    policy_name="WSO2 Managed Cloud",
    portal_link="https://support.example.com/portal/claim/" + "t" * 70,
    phone="+49 30 5550 100",
    channels=("portal", "phone"),
    urgent=False,
    unreadable=False,
    language="en",
    message_id="reply.1@example.com",
    in_reply_to="m1@nordhandel.example",
    references=("m0@nordhandel.example",),
    date=datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
)


def read(terms: Terms):
    """The reply as a mail client reads it."""
    return email.message_from_bytes(acknowledgement(terms), policy=email.policy.default)


def test_headers_of_an_automatic_response():
    """RFC 3834 §3.1, and nothing that invites an answer."""
    mail = read(BASE)
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["In-Reply-To"] == "<m1@nordhandel.example>"
    assert mail["References"] == "<m0@nordhandel.example> <m1@nordhandel.example>"
    assert mail["Subject"] == "Auto: Orders fail [SB-1042]"
    assert len(mail.get_all("To")) == 1


@pytest.mark.parametrize("language", reply.languages())
def test_every_language_says_reference_link_and_phone_in_text_and_html(language):
    """Text and HTML say the same."""
    mail = read(replace(BASE, language=language))
    text = mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",)).get_content()
    for needed in ("SB-1042", "+49 30 5550 100"):
        assert needed in text
        assert needed in html
    assert BASE.portal_link in text
    assert f'href="{BASE.portal_link}"' in html
    assert "$" not in text
    assert len(acknowledgement(replace(BASE, language=language))) < 4_096


def test_there_are_at_least_six_languages_and_english_is_the_fallback():
    """An unknown language is answered in English."""
    assert {"en", "de", "fr", "es", "it", "pt"} <= set(reply.languages())
    assert read(replace(BASE, language="xx"))["Content-Language"] == "en"


def test_an_urgent_request_hears_of_the_phone_first():
    """Somebody whose production is down should not read on to find the number."""
    text = read(replace(BASE, urgent=True)).get_body(("plain",)).get_content()
    assert text.index("+49 30") < text.index("https://")


def test_a_policy_without_a_phone_names_none():
    """Only SLA channels are offered."""
    text = read(replace(BASE, channels=("portal",))).get_body(("plain",)).get_content()
    assert "+49 30" not in text


@given(st.text(max_size=400), st.text(alphabet="abc@<> .\r\n", max_size=60))
def test_nothing_of_the_sender_breaks_out_of_its_header(subject, reference):
    """No header is added, no line is longer than 998 octets, all is 7-bit with CRLF (B7, C19)."""
    raw = acknowledgement(replace(BASE, subject=subject, references=(reference.replace("\r", "").replace("\n", ""),)))
    raw.decode("ascii")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    head = email.message_from_bytes(raw)
    expected = [
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress",
        "Content-Language", "In-Reply-To", "References", "MIME-Version", "Content-Type",
    ]  # fmt: skip
    assert sorted(head.keys()) == sorted(expected)
    assert len(raw) < 4_096


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


@pytest.mark.parametrize("language", reply.languages())
def test_no_reply_amplifies(language):
    """Under 4 KB with the longest subject and thread, in every language (C19)."""
    longest = replace(
        BASE,
        subject="障害" * 300,
        in_reply_to=OUTLOOK,
        references=tuple(f"{number}{OUTLOOK}" for number in range(50)),
        urgent=True,
        language=language,
    )
    assert len(acknowledgement(longest)) < 4_096
    assert read(longest)["Subject"].count("障") >= 15


def test_a_name_in_the_own_address_is_encoded_and_its_address_is_not():
    """`SWITCHBOARD_REPLY_FROM` may have one."""
    mail = read(replace(BASE, sender="Störungsstelle <support@example.com>"))
    (address,) = mail["From"].addresses
    assert (address.display_name, address.addr_spec) == ("Störungsstelle", "support@example.com")


@pytest.mark.parametrize("evil", ["{{7*7}}", "{0.__class__}", "%(x)s", "$link", "${reference}"])
def test_templates_in_a_subject_stay_text(evil):
    """C21."""
    assert evil in read(replace(BASE, subject=evil))["Subject"]


def test_encoded_line_breaks_are_blanks():
    """A decoded subject may carry CR LF and directions (B7, B19)."""
    assert cleaned("a\r\nBcc: x\u2028b\u202ec") == "a Bcc: x b c"
    assert cleaned("Re: AW: Re: x") == "x"


def test_a_long_thread_does_not_inflate_the_reply():
    """References is cut to its last ids (C19)."""
    many = tuple(f"{number}@nordhandel.example" for number in range(500))
    assert len(read(replace(BASE, references=many))["References"]) <= 1_000
