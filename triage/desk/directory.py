"""Whom we know: accounts with their domains, contracts and facts, contacts with their addresses and numbers."""

import hmac
import secrets
import unicodedata
from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models import tables
from models.errors import Invalid, NotFound
from models.terms import Party
from triage import identity
from triage.facts import VOCABULARY
from triage.suggest import UNKNOWN

LONGEST_NAME = 200
PIN_DIGITS = 8
UNSHOWN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, lone surrogates, and separators of lines and paragraphs."""


def plain(text: str, what: str) -> str:
    """The text without space around it, fit to be shown in one line.

    Raises:
        Invalid: nothing is left, it is longer than `LONGEST_NAME` characters, or it has a control character.

    """
    spelt = text.strip()
    if not spelt:
        raise Invalid(public=f"{what} must not be empty")
    if len(spelt) > LONGEST_NAME:
        raise Invalid(public=f"{what} is longer than {LONGEST_NAME} characters: write a shorter one")
    if any(unicodedata.category(sign) in UNSHOWN for sign in spelt):
        raise Invalid(public=f"{what} {spelt!a} has a control character: write it without")
    return spelt


def add_account(
    session: Session, name: str, *, domains: Iterable[str] = (), number: str | None = None, policy: str | None = None
) -> tables.directory.Account:
    """Record an account; its domains name it as the account of everybody who writes from there.

    Raises:
        Invalid: a domain is a public mail provider's, or one names are sold under, or belongs to another account;
            the name or number is empty, not to be shown, or already an account's name or number.

    """
    name = plain(name, "The name of an account")
    number = plain(number, "The number of an account") if number is not None else None
    for word in (name, number) if number else (name,):
        if taken := _called(session, word):
            raise Invalid(public=f"There is an account with the name or number {word!r} already: {_spelt(taken[0])}")
    account = tables.directory.Account(name=name, number=number, policy=policy)
    session.add(account)
    session.flush()
    for domain in domains:
        party = identity.address_party(f"anyone@{domain}")
        spelt = identity.domain_of(party) if party else None
        if spelt is None:
            raise Invalid(public=f"{domain!r} cannot name an account: it is no domain, or anybody can have one there")
        owner = tables.directory.account_by_domain(session, spelt)
        if owner is not None:
            raise Invalid(public=f"{domain!r} belongs to the account {owner.name!r} already")
        session.add(tables.directory.AccountDomain(domain=spelt, account_id=account.id))
        session.flush()
    return account


def set_contract(
    session: Session,
    account: str,
    kind: str,
    *,
    product: str = "",
    since: date | None = None,
    until: date | None = None,
) -> tables.directory.Contract:
    """Record what an account has bought; the same kind and product again changes its dates.

    Raises:
        NotFound: there is no such account.
        Invalid: it ends before it begins, or the product is not to be shown.

    """
    row = account_named(session, account)
    product = plain(product, "The product") if product else product
    if since and until and until < since:
        raise Invalid(public=f"The contract ends on {until} before it begins on {since}")
    theirs = tables.directory.contracts(session, row.id)
    found = next((one for one in theirs if (one.kind, one.product) == (kind, product)), None)
    if found is None:
        found = tables.directory.Contract(account_id=row.id, kind=kind, product=product)
        session.add(found)
    found.since, found.until = since, until
    session.flush()
    return found


def pin_key(secret: str) -> bytes:
    """The key under which PINs are digested: of the house's secret, and of no other use."""
    return hmac.digest(secret.encode(), b"switchboard: PINs of accounts", "sha256")


def set_pin(session: Session, account: str, *, key: bytes, pin: str | None = None) -> str:
    """Give an account a PIN by which its callers are recognised, and tell it: nobody can read it again.

    Only its HMAC-SHA256 under `key` is stored. Without a `pin` it is made of eight random digits. The one before ends.

    Raises:
        NotFound: there is no such account.
        Invalid: it is not eight digits, or already an account's PIN or number.

    """
    row = account_named(session, account)
    while pin is None:
        made = f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"
        pin = None if _is_taken(session, made, key) else made
    if len(pin) != PIN_DIGITS or not (pin.isascii() and pin.isdecimal()):
        raise Invalid(public=f"A PIN is {PIN_DIGITS} digits")
    digest = _pin_digest(pin, key)
    if row.pin_digest != digest and _is_taken(session, pin, key):
        raise Invalid(public="This PIN cannot be given: choose another one, or have one made")
    row.pin_digest = digest
    session.flush()
    return pin


def remove_pin(session: Session, account: str) -> None:
    """Take an account's PIN away; its callers are recognised by their numbers alone.

    Raises:
        NotFound: there is no such account.

    """
    account_named(session, account).pin_digest = None
    session.flush()


def account_by_code(session: Session, code: str, key: bytes) -> tuple[tables.directory.Account, bool] | None:
    """The account with this contract number or PIN, and whether it is the PIN; without a `key` there are no PINs.

    What is the number of one and the PIN of another is nobody's.
    """
    row = tables.directory.Account
    digest = _pin_digest(code, key) if key else ""
    found = session.scalars(select(row).where(or_(row.number == code, row.pin_digest == digest))).all()
    named = [(one, True) for one in found if one.pin_digest == digest]
    named += [(one, False) for one in found if one.number == code]
    return named[0] if len(named) == 1 else None


def is_pin(session: Session, code: str, key: bytes) -> bool:
    """Whether these digits are an account's PIN, and so must not be shown, logged or stored."""
    row = tables.directory.Account
    return bool(key) and session.scalar(select(row.id).where(row.pin_digest == _pin_digest(code, key))) is not None


def _is_taken(session: Session, code: str, key: bytes) -> bool:
    return is_pin(session, code, key) or tables.directory.account_by_number(session, code) is not None


def _pin_digest(pin: str, key: bytes) -> str:
    return hmac.digest(key, pin.encode(), "sha256").hex()


def set_account_fact(session: Session, account: str, name: str, value: str, *, by: str, now: datetime) -> None:
    """Record a fact that holds for everything an account asks; `unknown` takes it away.

    Raises:
        NotFound: there is no such account.
        Invalid: there is no such fact, or it has no such value.

    """
    row = account_named(session, account)
    known = VOCABULARY.get(name)
    if known is None or value not in known | {UNKNOWN}:
        names = ", ".join(sorted(VOCABULARY)) if known is None else ", ".join([*sorted(known), UNKNOWN])
        raise Invalid(public=f"{name}={value}: {'no such fact' if known is None else 'no such value'}; choose {names}")
    fact = session.get(tables.directory.AccountFact, (row.id, name))
    if value == UNKNOWN:
        if fact is not None:
            session.delete(fact)
    elif fact is None:
        session.add(
            tables.directory.AccountFact(account_id=row.id, name=name, value=value, stated_by=by, stated_at=now)
        )
    else:
        fact.value, fact.stated_by, fact.stated_at = value, by, now
    session.flush()


def account_named(session: Session, name: str) -> tables.directory.Account:
    """The account with this name or contract number.

    Raises:
        NotFound: there is none.
        Invalid: it is the name of one and the number of another.

    """
    found = _called(session, name)
    if not found:
        raise NotFound(public=f"There is no account {name!r}; see switchboard account list")
    if len(found) > 1:
        which = " and ".join(_spelt(account) for account in found)
        raise Invalid(public=f"{name!r} may be either of two accounts, {which}: write what only one of them has")
    return found[0]


def _called(session: Session, word: str) -> list[tables.directory.Account]:
    row = tables.directory.Account
    return list(session.scalars(select(row).where(or_(row.name == word, row.number == word)).order_by(row.name)))


def _spelt(account: tables.directory.Account) -> str:
    return f"{account.name!r} (number {account.number})" if account.number else f"{account.name!r}"


def account_of(session: Session, party: Party) -> tables.directory.Account | None:
    """The account a mail domain belongs to, else the one of the closest domain above it; None if there is none."""
    owners = (tables.directory.account_by_domain(session, domain) for domain in identity.domains_of(party))
    return next((account for account in owners if account is not None), None)


def add_contact(
    session: Session, name: str, parties: Iterable[Party], *, account: tables.directory.Account | None = None
) -> tables.directory.Contact:
    """Record a person with the addresses and numbers that identify them.

    Raises:
        Invalid: an address or number belongs to somebody else, or the name is not to be shown.

    """
    name = plain(name, "The name of a contact")
    contact = tables.directory.Contact(name=name, account_id=account.id if account else None)
    session.add(contact)
    session.flush()
    for party in parties:
        if tables.directory.contact_by_key(session, party) is not None:
            raise Invalid(public=f"{party.shown!r} belongs to another contact already")
        session.add(tables.directory.ContactKey(kind=party.kind, value=party.value, contact_id=contact.id))
        session.flush()
    return contact
