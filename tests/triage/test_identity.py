"""Comparable keys: the same party written differently has one key."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from intake import addresses
from models.terms import Party, PartyKind
from triage.identity import address_party, domain_of, domains_of, number_party


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ("Mara@Example.COM", "mara@example.com"),
        ("Mara Lind <mara+orders@example.com>", "mara@example.com"),
        ("<mara@bücher.example>", "mara@xn--bcher-kva.example"),
        ("mara@XN--BCHER-KVA.example.", "mara@xn--bcher-kva.example"),
        ('"mara lind"@example.com', '"mara lind"@example.com'),
        ("+tag@example.com", "+tag@example.com"),
    ],
)
def test_an_address_has_one_key(raw: str, key: str):
    """Case, display name, plus-tag, IDNA spelling and final dot do not make another party."""
    party = address_party(raw)
    assert party is not None
    assert (party.kind, party.value) == (PartyKind.ADDRESS, key)


@pytest.mark.parametrize(
    "raw",
    ["", "<>", "nobody", "a@b@example.com", "a@[192.0.2.1]", "a b@example.com", "a@exa..mple", "a\r\n@example.com"],
)
def test_what_is_no_address_is_nobody(raw: str):
    """Nothing that mail could not be sent to becomes a party."""
    assert address_party(raw) is None


@given(some.emails())
def test_a_key_is_its_own_key(raw: str):
    """Making a key of a key changes nothing."""
    party = address_party(raw)
    if party is not None:
        again = address_party(party.value)
        assert again is not None
        assert again.value == party.value


@given(some.text(max_size=60))
def test_any_text_is_an_address_or_nobody(raw: str):
    """Whatever a header holds, reading it never raises."""
    party = address_party(raw)
    assert party is None or "@" in party.value


@pytest.mark.parametrize(
    ("raw", "region", "key"),
    [
        ("+49 30 5550 1234", "US", "+493055501234"),
        ("030 5550 1234", "DE", "+493055501234"),
        ("(415) 555-0100 ext. 12", "US", "+14155550100"),
    ],
)
def test_a_number_is_keyed_in_e164(raw: str, region: str, key: str):
    """Spaces, national spelling and extension do not make another party."""
    party = number_party(raw, region)
    assert party is not None
    assert (party.kind, party.value) == (PartyKind.NUMBER, key)


@pytest.mark.parametrize(
    "raw",
    [
        "anonymous",
        "Restricted",
        "+266696687",
        "+7378742833",
        "+2562533",
        "+8656696",
        "+86282452253",
        "sip:a@example.com",
        "",
        "12",
    ],
)
def test_a_withheld_number_is_nobody(raw: str):
    """Twilio's words and keypad spellings for a withheld number never match a customer."""
    assert number_party(raw, "US") is None


def test_a_free_mail_domain_stands_for_no_organisation():
    """Two strangers at one free-mail provider do not share an account."""
    employee, stranger = address_party("a@acme.example.com"), address_party("a@gmail.com")
    assert employee is not None
    assert stranger is not None
    assert domain_of(employee) == "acme.example.com"
    assert domain_of(stranger) is None
    assert domain_of(Party(kind=PartyKind.NUMBER, value="+493055501234", shown="")) is None


@pytest.mark.parametrize(
    ("address", "domains"),
    [
        ("a@acme.example", ("acme.example",)),
        ("a@x.eu.acme.example", ("x.eu.acme.example", "eu.acme.example", "acme.example")),
        ("a@shop.acme.co.uk", ("shop.acme.co.uk", "acme.co.uk")),
        ("a@acme.onmicrosoft.com", ("acme.onmicrosoft.com",)),
        ("a@example", ()),
        ("a@co.uk", ()),
        ("a@gmail.com", ()),
        ("a@mail.yahoo.co.jp", ()),
        ("a@hotmail.it", ()),
    ],
)
def test_domains_that_may_stand_for_an_organisation(address: str, domains: tuple[str, ...]):
    """Its own and those above it, the longest first; no registry, no free-mail provider and nothing below one."""
    party = address_party(address)
    assert party is not None
    assert domains_of(party) == domains


def test_domains_that_only_look_alike_are_two():
    """Since IDNA 2008 "straße" and "strasse" are two domains with two owners (RFC 5894 §7.2)."""
    sharp, double = address_party("a@straße.example"), address_party("a@strasse.example")
    assert sharp is not None
    assert double is not None
    assert sharp.value == "a@xn--strae-oqa.example"
    assert sharp.value != double.value


@given(some.one_of(some.emails(), some.from_regex(r"[a-zß-ü+]{1,8}@[a-zß-üς]{1,8}\.example", fullmatch=True)))
def test_the_desk_and_the_mail_door_agree_on_keys(raw: str):
    """A contact recorded at the desk is found by the key that the door makes."""
    party = address_party(raw)
    if party is not None and not raw.startswith('"'):
        assert addresses.key(raw) == party.value
