"""A PIN names its account's callers, is told once, and is written down nowhere."""

from datetime import timedelta

import pytest
from sqlalchemy import Text, cast, func, select

from models import tables
from models.errors import Invalid, NotFound
from models.terms import Channel, Interaction
from triage import identity, policy
from triage.desk import directory
from triage.desk.directory import account_by_code, is_pin, remove_pin, set_pin
from triage.desk.reception import BY_PIN, Reception, receive

KEY = directory.pin_key("only-for-this-test-only-for-this-test")
PIN = "40718265"
SID = "CA00000000000000000000000000000001"


@pytest.fixture
def account(session):
    """A customer with a contract number."""
    return directory.add_account(session, "Nordhandel", number="4711", policy="oro")


@pytest.fixture(scope="module")
def reception():
    """A desk that knows PINs."""
    return Reception(policies=policy.load_packs(), default_policy="wso2", pin_key=KEY)


def part(now, name="", **more) -> Interaction:
    """What is told of one part of a call."""
    source = f"call:{SID}:{name}" if name else f"call:{SID}"
    return Interaction(source=source, channel=Channel.PHONE, received_at=now, **more)


def test_a_pin_is_eight_digits_and_stored_as_a_digest(session, account):
    """Whoever reads the database learns no PIN."""
    made = set_pin(session, "4711", key=KEY)
    assert len(made) == 8
    assert made.isdecimal()
    assert made not in (account.pin_digest or "")
    assert len(account.pin_digest or "") == 64


def test_a_new_pin_ends_the_one_before(session, account):
    """And the same one may be given again."""
    first = set_pin(session, "Nordhandel", key=KEY)
    assert set_pin(session, "Nordhandel", key=KEY, pin=PIN) == PIN
    assert set_pin(session, "Nordhandel", key=KEY, pin=PIN) == PIN
    assert account_by_code(session, PIN, KEY) == (account, True)
    assert first == PIN or account_by_code(session, first, KEY) is None


@pytest.mark.parametrize("pin", ["", "1234567", "123456789", "1234567a", "１２３４５６７８"])
def test_anything_but_eight_digits_is_refused(session, account, pin):
    """A telephone has no other keys."""
    with pytest.raises(Invalid, match="8 digits"):
        set_pin(session, account.name, key=KEY, pin=pin)


def test_a_pin_is_one_account_s_and_nobody_s_number(session, account):
    """Neither another account's PIN nor any contract number."""
    directory.add_account(session, "Suedwerk", number="12345678")
    set_pin(session, account.name, key=KEY, pin=PIN)
    for taken in (PIN, "12345678"):
        with pytest.raises(Invalid, match="another one"):
            set_pin(session, "Suedwerk", key=KEY, pin=taken)


def test_a_pin_of_nobody_is_refused(session):
    """The account is named."""
    with pytest.raises(NotFound, match="Zed"):
        set_pin(session, "Zed", key=KEY)


def test_a_pin_taken_away_names_nobody(session, account):
    """Its callers are recognised by their numbers alone."""
    set_pin(session, account.name, key=KEY, pin=PIN)
    remove_pin(session, account.name)
    assert account_by_code(session, PIN, KEY) is None
    assert not is_pin(session, PIN, KEY)


def test_a_number_is_found_and_is_no_pin(session, account):
    """A contract number stands on every invoice."""
    assert account_by_code(session, "4711", KEY) == (account, False)
    assert account_by_code(session, "4712", KEY) is None


def test_the_number_of_one_that_is_the_pin_of_another_is_nobody_s(session, account):
    """An account that was recorded after the PIN was made must not be taken for the other."""
    set_pin(session, account.name, key=KEY, pin=PIN)
    directory.add_account(session, "Suedwerk", number=PIN)
    assert account_by_code(session, PIN, KEY) is None


def test_another_key_or_none_knows_no_pin(session, account):
    """A digest under one house's secret says nothing to another."""
    set_pin(session, account.name, key=KEY, pin=PIN)
    assert account_by_code(session, PIN, directory.pin_key("another-secret-another-secret-another")) is None
    assert account_by_code(session, PIN, b"") is None
    assert not is_pin(session, PIN, b"")


def test_a_caller_with_the_pin_is_recognised_for_the_rest_of_the_call(session, account, now, reception):
    """Before it nothing is known of them; afterwards every part of the same call is theirs."""
    set_pin(session, account.name, key=KEY, pin=PIN)
    opened = receive(session, part(now), now, reception=reception)
    assert (opened.party_known, opened.is_trusted) == (False, False)
    given = part(now, "account", request=opened.request, account_hint=PIN, note=f"account number {PIN}, confirmed")
    told = receive(session, given, now, reception=reception)
    assert (told.party_known, told.is_trusted, told.policy) == (True, True, "oro")
    assert receive(session, part(now, "problem", request=opened.request), now, reception=reception).is_trusted
    assert receive(session, given, now, reception=reception).is_trusted


def test_a_contract_number_finds_the_account_and_proves_nothing(session, account, now, reception):
    """It is served under its policy; nothing of the account's is told to whoever knows its number."""
    opened = receive(session, part(now), now, reception=reception)
    given = part(now, "account", request=opened.request, account_hint="4711", note="account number 4711, confirmed")
    told = receive(session, given, now, reception=reception)
    assert (told.party_known, told.is_trusted, told.policy) == (True, False, "oro")


def test_another_call_about_the_request_is_not_trusted_by_the_first_one_s_pin(session, account, now, reception):
    """The PIN was given by somebody else."""
    set_pin(session, account.name, key=KEY, pin=PIN)
    opened = receive(session, part(now, account_hint=PIN), now, reception=reception)
    other = Interaction(
        source="call:CA00000000000000000000000000000002", channel=Channel.PHONE, received_at=now, request=opened.request
    )
    assert opened.is_trusted
    assert not receive(session, other, now, reception=reception).is_trusted


def test_a_number_on_file_is_trusted_for_the_rest_of_the_call(session, account, now, reception):
    """The parts after the first one do not say again who calls."""
    caller = identity.number_party("+49305550123", "DE")
    directory.add_contact(session, "Marta Beispiel", [caller], account=account)
    opened = receive(session, part(now, party=caller), now, reception=reception)
    later = now + timedelta(minutes=1)
    problem = part(later, "problem", request=opened.request, new_text="Orders fail since nine.")
    assert opened.is_trusted
    assert receive(session, problem, later, reception=reception).is_trusted


def test_a_mail_of_somebody_else_is_not_trusted_by_the_request_s_contact(session, account, now, reception):
    """A stranger who answers in a contact's request stays a stranger."""
    marta = identity.address_party("marta@nordhandel.example")
    directory.add_contact(session, "Marta Beispiel", [marta], account=account)

    def mail(source, party, **more):
        return Interaction(source=source, channel=Channel.EMAIL, received_at=now, party=party, **more)

    opened = receive(session, mail("mail:1", marta), now, reception=reception)
    stranger = mail("mail:2", identity.address_party("x@example.org"), request=opened.request)
    assert opened.is_trusted
    assert not receive(session, stranger, now, reception=reception).is_trusted


def test_a_pin_is_written_down_nowhere(session, account, now, reception):
    """Neither with the interaction that gave it, nor where it was keyed and not confirmed."""
    set_pin(session, account.name, key=KEY, pin=PIN)
    opened = receive(session, part(now), now, reception=reception)
    unconfirmed = part(now, "wrong", request=opened.request, note=f"account number {PIN}, keyed but not confirmed")
    receive(session, unconfirmed, now, reception=reception)
    given = part(now, "account", request=opened.request, account_hint=PIN, note=f"account number {PIN}, confirmed")
    receive(session, given, now, reception=reception)
    notes = [row.note for row in tables.requests.interactions(session, opened.request)]
    assert notes == ["", "account number (a PIN), keyed but not confirmed", BY_PIN]
    for table in (tables.requests.Interaction, tables.requests.ClockEvent, tables.requests.Request):
        rows = select(func.count()).where(cast(func.to_jsonb(table.__table__.table_valued()), Text).contains(PIN))
        assert session.scalar(rows) == 0


def test_digits_that_are_no_pin_stay_in_a_note(session, account, now, reception):
    """A contract number of eight digits is none."""
    set_pin(session, account.name, key=KEY, pin=PIN)
    opened = receive(session, part(now, note="account number 87654321, confirmed"), now, reception=reception)
    assert tables.requests.interactions(session, opened.request)[0].note == "account number 87654321, confirmed"
