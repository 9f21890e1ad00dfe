"""Who may sign in: made on the command line."""

from sqlalchemy.orm import Session

from console.sign_in import hash_password, new_token, token_digest
from models import tables
from models.errors import Invalid
from models.terms import Role


def add_engineer(session: Session, login: str, password: str, role: Role, *, name: str = "") -> None:
    """Let somebody sign in.

    Raises:
        Invalid: the login is taken.

    """
    if tables.directory.engineer_by_login(session, login) is not None:
        raise Invalid(public=f"There is an engineer {login!r} already")
    row = tables.directory.Engineer(login=login, name=name or login, password_hash=hash_password(password), role=role)
    session.add(row)


def add_token(session: Session, name: str, role: Role) -> str:
    """Make an API token; it is shown once, only its digest is kept."""
    token = new_token()
    session.add(tables.directory.ApiToken(name=name, digest=token_digest(token), role=role))
    return token
