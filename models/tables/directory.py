"""Whom we know: accounts, contacts and the keys that identify them; who may sign in."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, bindparam, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from models import terms
from models.tables.base import At, Base, Id, one_of


class Account(Base):
    """Whom we contracted, under which policy; `pin_digest` is of the PIN by which their callers are recognised."""

    __tablename__ = "accounts"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    number: Mapped[str | None] = mapped_column(unique=True)
    pin_digest: Mapped[str | None] = mapped_column(unique=True)
    policy: Mapped[str | None]
    created_at: Mapped[At] = mapped_column(server_default=func.now())


class AccountDomain(Base):
    """A mail domain whose senders belong to an account."""

    __tablename__ = "account_domains"

    domain: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)


class Contract(Base):
    """What an account has bought: of a `kind` its policy knows, for a `product` (empty: all), both days included."""

    __tablename__ = "contracts"

    id: Mapped[Id]
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    kind: Mapped[str]
    product: Mapped[str] = mapped_column(default="")
    since: Mapped[date | None]
    until: Mapped[date | None]


class AccountFact(Base):
    """A fact that holds for everything an account asks, such as that we manage its environment."""

    __tablename__ = "account_facts"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    stated_by: Mapped[str]
    stated_at: Mapped[At]


class Contact(Base):
    """A person."""

    __tablename__ = "contacts"

    id: Mapped[Id]
    name: Mapped[str]
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    created_at: Mapped[At] = mapped_column(server_default=func.now())


class ContactKey(Base):
    """An address or number that identifies a contact, in its comparable form."""

    __tablename__ = "contact_keys"
    __table_args__ = (UniqueConstraint("kind", "value"),)

    id: Mapped[Id]
    kind: Mapped[terms.PartyKind] = mapped_column(one_of(terms.PartyKind))
    value: Mapped[str]
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"), index=True)


class Engineer(Base):
    """A person who signs in to the console; escalations reach them at `address` and `number` (E.164)."""

    __tablename__ = "engineers"
    __table_args__ = (Index("uq_engineers_login", text("lower(login)"), unique=True),)

    id: Mapped[Id]
    login: Mapped[str]
    name: Mapped[str] = mapped_column(default="")
    password_hash: Mapped[str]
    address: Mapped[str | None]
    number: Mapped[str | None]
    role: Mapped[terms.Role] = mapped_column(one_of(terms.Role))
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[At] = mapped_column(server_default=func.now())


class RotaOverride(Base):
    """Somebody stands in on a tier of the rota from one moment to another; one withdrawn never counts."""

    __tablename__ = "rota_overrides"

    id: Mapped[Id]
    tier: Mapped[str]
    person: Mapped[str]
    starts_at: Mapped[At]
    ends_at: Mapped[datetime] = mapped_column(index=True)
    note: Mapped[str] = mapped_column(default="")
    made_by: Mapped[str]
    made_at: Mapped[At]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str] = mapped_column(server_default="", default="")


class SignIn(Base):
    """A console session: only the digest of the cookie is kept, so that it can be revoked."""

    __tablename__ = "sign_ins"

    digest: Mapped[str] = mapped_column(primary_key=True)
    engineer_id: Mapped[UUID] = mapped_column(ForeignKey("engineers.id"), index=True)
    created_at: Mapped[At]
    expires_at: Mapped[At]


class ApiToken(Base):
    """A bearer token for another system: only its digest is kept."""

    __tablename__ = "api_tokens"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    digest: Mapped[str] = mapped_column(unique=True)
    role: Mapped[terms.Role] = mapped_column(one_of(terms.Role))
    revoked_at: Mapped[datetime | None]
    created_at: Mapped[At] = mapped_column(server_default=func.now())


def contact_by_key(session: Session, party: terms.Party) -> Contact | None:
    """The contact that this address or number identifies, or None."""
    found = select(Contact).join(ContactKey).where(ContactKey.kind == party.kind, ContactKey.value == party.value)
    return session.scalar(found)


# Every caller waits for it: a statement made once costs half of one made each time.
_WHOSE = (
    select(Contact, Account)
    .join(ContactKey)
    .outerjoin(Account, Account.id == Contact.account_id)
    .where(ContactKey.kind == bindparam("kind"), ContactKey.value == bindparam("value"))
)


def contact_and_account(session: Session, party: terms.Party) -> tuple[Contact, Account | None] | None:
    """The contact that this address or number identifies, with their account if they have one; None if nobody is."""
    row = session.execute(_WHOSE, {"kind": party.kind, "value": party.value}).first()
    return (row[0], row[1]) if row else None


def account_by_domain(session: Session, domain: str) -> Account | None:
    """The account a mail domain belongs to, or None."""
    return session.scalar(select(Account).join(AccountDomain).where(AccountDomain.domain == domain.lower()))


def account_by_number(session: Session, number: str) -> Account | None:
    """The account with this contract number, or None."""
    return session.scalar(select(Account).where(Account.number == number))


def engineer_by_login(session: Session, login: str) -> Engineer | None:
    """The engineer with this login, in any letter case, or None."""
    return session.scalar(select(Engineer).where(func.lower(Engineer.login) == login.lower()))


def engineer_by_sign_in(session: Session, digest: str, now: datetime) -> Engineer | None:
    """The enabled engineer behind a live console session, or None."""
    found = (
        select(Engineer)
        .join(SignIn)
        .where(SignIn.digest == digest, SignIn.expires_at > now, Engineer.disabled_at.is_(None))
    )
    return session.scalar(found)


def token_by_digest(session: Session, digest: str) -> ApiToken | None:
    """The unrevoked API token with this digest, or None."""
    return session.scalar(select(ApiToken).where(ApiToken.digest == digest, ApiToken.revoked_at.is_(None)))


def rota_overrides(session: Session, since: datetime) -> list[RotaOverride]:
    """Every override in force at a moment or later, in the order they were made: the last one counts."""
    row = RotaOverride
    found = select(row).where(row.ends_at > since, row.withdrawn_at.is_(None))
    return list(session.scalars(found.order_by(row.made_at, row.id)))


def contracts(session: Session, account: UUID) -> list[Contract]:
    """Everything an account has bought, the latest end last."""
    found = select(Contract).where(Contract.account_id == account).order_by(Contract.until, Contract.id)
    return list(session.scalars(found))


def account_facts(session: Session, account: UUID) -> list[AccountFact]:
    """The facts that hold for everything an account asks."""
    found = select(AccountFact).where(AccountFact.account_id == account).order_by(AccountFact.name)
    return list(session.scalars(found))


def engineers_of(session: Session, role: terms.Role) -> list[Engineer]:
    """The engineers of exactly this role who may sign in, by login."""
    found = select(Engineer).where(Engineer.role == role, Engineer.disabled_at.is_(None)).order_by(Engineer.login)
    return list(session.scalars(found))
