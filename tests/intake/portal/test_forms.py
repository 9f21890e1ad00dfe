"""Forms without a browser: what is filled in from a mail, what is wrong, in which words, and the way elsewhere."""

import time
from datetime import UTC, datetime, timedelta, timezone
from string import Template
from urllib.parse import parse_qs, urlsplit

import pytest

from intake.portal import forms, links, prefill
from intake.portal.wording import languages, offset, preferred, words
from triage.policy import load_packs

POLICIES = load_packs()


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("030 5550 100", "+49 30 5550100"),
        ("+1 (415) 555-0100", "+1 415-555-0100"),
        ("0049-30-5550100", "+49 30 5550100"),
        ("+49 30 5550 100 ext. 12", "+49 30 5550100 ext. 12"),
        ("12", None),
        ("call me", None),
        ("+", None),
        ("+49 30 5550 100 or ask for Marta, who sits in the next room all day long", None),
        ("٠٣٠٥٥٥٠١٠٠", "+49 30 5550100"),
    ],
)
def test_a_number_is_shown_as_it_is_dialled_from_anywhere(written, dialled):
    """Against the default region, with its extension."""
    assert forms.formatted(written, "DE") == dialled


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("WSO2 API Manager 4.2.0 on Ubuntu 22.04 fails", ["WSO2 API Manager 4.2.0", "Ubuntu 22.04"]),
        ("We use version 3.1.", ["3.1"]),
        ("Version: 2024.1", ["2024.1"]),
        ("v2.3.1-rc1 is broken", ["v2.3.1-rc1"]),
        ("WSO2 Identity Server version 5.11.0", ["WSO2 Identity Server 5.11.0"]),
        ("On 21.11.2026 at 09.30 the server 10.0.0.1 died", []),
        ("Seit 09.30 Uhr; costs EUR 12.50", []),
        ("https://Example.com/2.3 and mail@Host1.2", []),
        ("nothing", []),
    ],
)
def test_versions_are_read_and_dates_addresses_and_prices_are_not(text, found):
    """With the product where it stands before the number."""
    assert prefill.versions(text) == found


@pytest.mark.parametrize(
    ("subject", "summary"),
    [("Re: AW: Fwd: Orders fail", "Orders fail"), ("Re[2]: x", "x"), ("Reorder: x", "Reorder: x"), ("", None)],
)
def test_the_summary_is_the_subject_without_its_prefixes(subject, summary):
    """Whatever mail programs put before it."""
    told = prefill.Told(subject=subject)
    assert prefill.filled(POLICIES["wso2"], told).get("summary") == summary


def test_a_number_is_taken_from_the_signature_only_with_its_country():
    """A bare number may be anything."""
    told = prefill.Told(text="order 2026112109", signature="Marta\n030 5550 100")
    assert "phone" not in prefill.filled(POLICIES["wso2"], told)
    told = prefill.Told(text="order 2026112109", signature="Marta\n+49 30 5550 100")
    assert prefill.filled(POLICIES["wso2"], told)["phone"] == "+49 30 5550100"


def test_a_fact_fills_only_a_choice_that_has_it():
    """Oro's form knows no development environment."""
    told = prefill.Told(facts={"environment": "development"})
    assert "environment" in prefill.filled(POLICIES["wso2"], told)
    assert "environment" not in prefill.filled(POLICIES["oro"], told)


@pytest.mark.parametrize(
    "sign", ["1.2.", "+", "+1 ", "1-", "A ", "Aa ", "(1)", "+49 ", "v1.", "Re:", "\u0301", "Version 1.1 "]
)
def test_filling_in_is_linear(sign):
    """A mail made to slow it down does not."""
    begun = time.process_time()
    prefill.filled(POLICIES["wso2"], prefill.Told(subject=sign * 50_000, text=sign * 300_000, signature=sign * 50_000))
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("language", languages())
def test_every_language_has_every_word(language):
    """The same keys with the same values put in as English; labels of the built-in packs too."""
    english, mine = words("en"), words(language)
    assert mine.language == language
    for key, text in english.fixed.items():
        names = sorted(Template(text).get_identifiers())
        assert sorted(Template(mine.fixed[key]).get_identifiers()) == names, key
        assert language == "en" or mine.fixed[key] != text or len(text) < 8, key
    labels = {
        text
        for pack in POLICIES.values()
        for field in pack.fields
        for text in (field.label, field.help, *(option.label for option in field.options))
        if text
    }
    assert language == "en" or labels <= mine.fields.keys()


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("nl,fr;q=0.5,es;q=0.7", "es"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("xx", "en"),
        ("", "en"),
        ("*;q=nonsense,,;;", "en"),
        ("de," * 5000, "de"),
    ],
)
def test_a_browser_says_its_language(accepted, language):
    """Accept-Language with its weights (RFC 9110 §12.5.4)."""
    assert preferred(accepted) == language


def test_an_unknown_language_is_english():
    """The page says so in its `lang`."""
    assert words("ja").language == words(None).language == words("../en").language == "en"
    assert words("de-AT").language == "de"


def test_moments_and_sizes_are_written_as_people_there_do():
    """With the difference from UTC, since readers are elsewhere."""
    at = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    kolkata = timezone(timedelta(hours=5, minutes=30))
    assert words("en").when(at, UTC) == "21 November 2026, 09:30 (UTC)"
    assert words("de").when(at, kolkata) == "21. November 2026, 15:00 (UTC+5:30)"
    assert offset(at, timezone(-timedelta(hours=3, minutes=30))) == "UTC-3:30"
    assert [words("de").size(count) for count in (0, 512, 1_600, 48_211, 2_000_000)] == [
        "0 B",
        "512 B",
        "1,6 KB",
        "47 KB",
        "1,9 MB",
    ]


def test_an_external_link_carries_every_value_encoded():
    """Nothing a stranger writes into a subject adds a parameter or a line."""
    template = "https://desk.example.com/new?ref={reference}&s={subject}&from={email}#t={token}"
    assert links.template_mistake(template) is None
    link = links.external_link(
        template,
        token="a.b-c_d",
        reference="SB-1042",
        subject="50% off & more?\r\nBcc: x\u202e {token} " + "x" * 500,
        email="marta+tag@nordhandel.example",
    )
    parts = urlsplit(link)
    assert parts.hostname == "desk.example.com"
    asked = parse_qs(parts.query)
    assert asked["s"][0].startswith("50% off & more? Bcc: x {token} xxx")
    assert len(asked["s"][0]) == 120
    assert asked["from"] == ["marta+tag@nordhandel.example"]
    assert set(asked) == {"ref", "s", "from"}
    assert parts.fragment == "t=a.b-c_d"
    assert link.isascii()


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("https://desk.example.com/{tocken}", "{tocken}"),
        ("https://desk.example.com/{}", "{}"),
        ("https://desk.example.com/{0}", "{0}"),
        ("https://desk.example.com/{token.__class__}", "{token.__class__}"),
        ("https://desk.example.com/{token!r}", "{token!r}"),
        ("https://desk.example.com/{token:>99999999}", "{token:>99999999}"),
        ("https://desk.example.com/{token", "expected '}'"),
        ("https://desk.example.com/}", "Single '}'"),
        ("https://{email}.example.com/", "host without placeholders"),
        ("ftp://desk.example.com/{token}", "must start with http"),
        ("javascript:alert('{token}')", "must start with http"),
        ("https://desk.example.com/a b", "no spaces"),
        ("https://[::1/{token}", "Invalid IPv6"),
        ("", "must start with http"),
    ],
)
def test_a_wrong_template_is_named_with_its_placeholder(template, told):
    """The operator reads what is wrong when the process starts, not when a customer is answered (C21)."""
    assert told in str(links.template_mistake(template))
