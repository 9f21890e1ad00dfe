"""Whom we know: accounts with their domains, contacts with their addresses and numbers."""

from collections.abc import Iterable

from sqlalchemy.orm import Session

from models import tables
from models.errors import Invalid
from models.terms import Party
from triage import identity


def add_account(
    session: Session, name: str, *, domains: Iterable[str] = (), number: str | None = None, policy: str | None = None
) -> tables.directory.Account:
    """Record an account; its domains name it as the account of everybody who writes from there.

    Raises:
        Invalid: a domain is a public mail provider's, or one names are sold under, or belongs to another account.

    """
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


def account_of(session: Session, party: Party) -> tables.directory.Account | None:
    """The account a mail domain belongs to, else the one of the closest domain above it; None if there is none."""
    owners = (tables.directory.account_by_domain(session, domain) for domain in identity.domains_of(party))
    return next((account for account in owners if account is not None), None)


def add_contact(
    session: Session, name: str, parties: Iterable[Party], *, account: tables.directory.Account | None = None
) -> tables.directory.Contact:
    """Record a person with the addresses and numbers that identify them.

    Raises:
        Invalid: an address or number belongs to somebody else.

    """
    contact = tables.directory.Contact(name=name, account_id=account.id if account else None)
    session.add(contact)
    session.flush()
    for party in parties:
        if tables.directory.contact_by_key(session, party) is not None:
            raise Invalid(public=f"{party.shown!r} belongs to another contact already")
        session.add(tables.directory.ContactKey(kind=party.kind, value=party.value, contact_id=contact.id))
        session.flush()
    return contact
