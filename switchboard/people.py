"""Who may sign in: made on the command line."""

import phonenumbers
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.sign_in import hash_password, new_token, token_digest
from models import tables
from models.errors import Invalid, NotFound
from models.terms import Party, PartyKind, Role
from triage import identity
from triage.desk.directory import plain


def add_engineer(session: Session, login: str, password: str, role: Role, *, name: str = "") -> None:
    """Let somebody sign in.

    Raises:
        Invalid: the login is taken, or login or name are not to be shown.

    """
    login, name = plain(login, "The login"), plain(name or login, "The name")
    if tables.directory.engineer_by_login(session, login) is not None:
        raise Invalid(public=f"There is an engineer {login!r} already")
    row = tables.directory.Engineer(login=login, name=name, password_hash=hash_password(password), role=role)
    session.add(row)


def set_reach(
    session: Session, login: str, *, address: str | None, number: str | None, region: str
) -> tables.directory.Engineer:
    """Say where escalations reach an engineer; None leaves as it is, an empty text takes away.

    A number at a premium rate is refused: every escalation would pay for it.

    Raises:
        NotFound: there is no such engineer.
        Invalid: the address or number is none.

    """
    row = tables.directory.engineer_by_login(session, login)
    if row is None:
        raise NotFound(public=f"There is no engineer {login!r}; see switchboard user list")
    if address is not None:
        row.address = _checked(address, identity.address_party(address))
    if number is not None:
        row.number = _checked(number, identity.number_party(number, region))
    return row


def _checked(written: str, party: Party | None) -> str | None:
    if written and party is None:
        raise Invalid(public=f"{written!r} is neither a mail address nor a telephone number")
    if party and party.kind is PartyKind.NUMBER and _is_premium(party.value):
        raise Invalid(public=f"{written!r} is a premium-rate number: name an ordinary one")
    return party.value if party else None


def _is_premium(number: str) -> bool:
    return phonenumbers.number_type(phonenumbers.parse(number)) == phonenumbers.PhoneNumberType.PREMIUM_RATE


def add_token(session: Session, name: str, role: Role) -> str:
    """Make an API token; it is shown once, only its digest is kept.

    Raises:
        Invalid: the name is taken or not to be shown.

    """
    name = plain(name, "The name of a token")
    row = tables.directory.ApiToken
    if session.scalar(select(row.id).where(row.name == name)) is not None:
        raise Invalid(public=f"There is a token {name!r} already: choose another name")
    token = new_token()
    session.add(row(name=name, digest=token_digest(token), role=role))
    return token
