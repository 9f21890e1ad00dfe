"""Who may sign in: made on the command line."""

from sqlalchemy.orm import Session

from console.sign_in import hash_password, new_token, token_digest
from models import tables
from models.errors import Invalid, NotFound
from models.terms import Party, Role
from triage import identity


def add_engineer(session: Session, login: str, password: str, role: Role, *, name: str = "") -> None:
    """Let somebody sign in.

    Raises:
        Invalid: the login is taken.

    """
    if tables.directory.engineer_by_login(session, login) is not None:
        raise Invalid(public=f"There is an engineer {login!r} already")
    row = tables.directory.Engineer(login=login, name=name or login, password_hash=hash_password(password), role=role)
    session.add(row)


def set_reach(session: Session, login: str, *, address: str | None, number: str | None, region: str) -> None:
    """Say where escalations reach an engineer; None leaves as it is, an empty text takes away.

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


def _checked(written: str, party: Party | None) -> str | None:
    if written and party is None:
        raise Invalid(public=f"{written!r} is neither a mail address nor a telephone number")
    return party.value if party else None


def add_token(session: Session, name: str, role: Role) -> str:
    """Make an API token; it is shown once, only its digest is kept."""
    token = new_token()
    session.add(tables.directory.ApiToken(name=name, digest=token_digest(token), role=role))
    return token
