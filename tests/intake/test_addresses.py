"""Addresses from envelopes and headers, hostile ones too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.addresses import Mailbox, deliverable, domains, key, mailboxes, path


@pytest.mark.parametrize(
    "text", ["a@example.org", "first.last+tag@sub.example.org", "jürgen@bücher.example", "o'x@a.example"]
)
def test_plain_paths_are_taken(text):
    """Dot-atoms at a domain."""
    assert path(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "@example.org", "a@", "a@b@c", "a b@example.org", "a@[192.0.2.1]", '"a b"@example.org',
        "a%b@example.org", "a!b@example.org",
        "@x:a@example.org", "a@example.org\r\nRCPT", "a\x00@example.org",
        "a@exam\x1bple.org",
        "=?utf-8?q?a?=@example.org", ".a@example.org", "a..b@example.org", "a@-x.org", "a" * 65 + "@example.org",
        "a@" + "b" * 300,
    ],
)  # fmt: skip
def test_what_means_something_else_elsewhere_is_no_path(text):
    """Quoted local parts, routes, literals, percent hacks, encoded words, controls (A1, A13, A14, A15)."""
    assert path(text) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Marta+4@Nordhandel.example", "marta@nordhandel.example"),
        ("a+b+c@x.example", "a@x.example"),
        ("support@BÜCHER.example.", "support@xn--bcher-kva.example"),
        ("a@straße.example", "a@xn--strae-oqa.example"),
    ],
)
def test_spellings_of_one_mailbox_are_equal(one, other):
    """Letter case, tags, a final dot and how a domain is spelt do not make another mailbox (C10, C14)."""
    assert key(one) == key(other) == other


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Marta Sample <marta@x.example>", [("Marta Sample", "marta@x.example")]),
        (
            '"Sample, Marta" <marta@x.example>, jon@y.example',
            [("Sample, Marta", "marta@x.example"), ("", "jon@y.example")],
        ),
        ("marta@x.example (Marta)", [("", "marta@x.example")]),
        ("Team: a@x.example, B <b@x.example>;", [("", "a@x.example"), ("B", "b@x.example")]),
        ("<@relay.example:a@x.example>", [("", "a@x.example")]),
        ('"evil@y.example" <a@x.example>', [("evil@y.example", "a@x.example")]),
        ("undisclosed-recipients:;", []),
        ("Nobody <>", []),
    ],
)
def test_mailboxes_of_a_header(header, expected):
    """Names, groups, comments, routes; an address in a display name is a name (B8)."""
    assert [(box.name, box.address) for box in mailboxes(header)] == expected


@given(st.text())
def test_any_header_is_read(text):
    """Whatever stands there."""
    assert all(isinstance(box, Mailbox) and "@" in box.address for box in mailboxes(text))


@given(st.text(alphabet="aB+@.x"))
def test_a_key_is_its_own_key(text):
    """Comparing twice changes nothing."""
    assert key(key(text)) == key(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a@Example.org", "a@Example.org"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("a@straße.example", "a@xn--strae-oqa.example"),
        ("jürgen@example.org", None),
        ("a@evil\uff20victim.example", None),
    ],
)
def test_a_reply_goes_to_the_domain_that_was_written(text, expected):
    """Old rules for international domains would send it to the owner of another one (RFC 5894 §7.2)."""
    assert deliverable(text) == expected


def test_the_domains_above_an_address():
    """The longest first, none of one label."""
    assert domains("a@x.BÜCHER.example") == ("x.xn--bcher-kva.example", "xn--bcher-kva.example")
    assert domains("a@localhost") == ()


@given(st.text())
def test_any_text_has_a_key(text):
    """Hostile addresses are compared like others, and a key is its own key."""
    assert key(key(text)) == key(text)
