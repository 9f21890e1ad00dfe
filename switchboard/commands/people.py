"""`user`, `token`, `account`: who may sign in, and whom we know."""

import secrets
from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy import select

from models import tables
from models.errors import Invalid, NotFound
from models.store import transaction
from models.terms import Party, Role
from switchboard.commands.instance import DataDir, opened
from switchboard.lines import now
from switchboard.people import add_engineer, add_token, set_reach
from triage import identity
from triage.desk import directory
from voice.dialling import unringable

DAY = "%Y-%m-%d"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    user = typer.Typer(help="Who may sign in to the console.", no_args_is_help=True)
    user.command("add")(user_add)
    user.command("list")(user_list)
    user.command("disable")(user_disable)
    user.command("reach")(user_reach)
    app.add_typer(user, name="user")
    token = typer.Typer(help="API tokens for other systems.", no_args_is_help=True)
    token.callback()(tokens)
    token.command("add")(token_add)
    app.add_typer(token, name="token")
    account = typer.Typer(help="Accounts, their domains and their people.", no_args_is_help=True)
    account.command("add")(account_add)
    account.command("list")(account_list)
    account.command("contract")(account_contract)
    account.command("fact")(account_fact)
    account.command("pin")(account_pin)
    app.add_typer(account, name="account")
    contact = typer.Typer(help="People, with the addresses and numbers that identify them.", no_args_is_help=True)
    contact.callback()(contacts)
    contact.command("add")(contact_add)
    app.add_typer(contact, name="contact")


def tokens() -> None:
    """API tokens for other systems."""


def contacts() -> None:
    """People, with the addresses and numbers that identify them."""


def user_add(
    login: str,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.ENGINEER,
    name: Annotated[str, typer.Option(help="Name shown beside decisions.")] = "",
    *,
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Let somebody sign in; the password is generated and shown once unless it comes on standard input."""
    password = typer.get_text_stream("stdin").readline().rstrip("\n") if password_stdin else secrets.token_urlsafe(9)
    with opened(data_dir) as house, transaction(house.engine) as session:
        add_engineer(session, login, password, role, name=name)
    if not password_stdin:
        typer.echo(password)


def user_list(data_dir: DataDir = None) -> None:
    """List who may sign in: login, role, name, whether disabled."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        for row in session.scalars(select(tables.directory.Engineer).order_by(tables.directory.Engineer.login)):
            state = "disabled" if row.disabled_at else ""
            typer.echo(f"{row.login}\t{row.role}\t{row.name}\t{state}".rstrip())


def user_disable(login: str, data_dir: DataDir = None) -> None:
    """Stop somebody from signing in; open sessions end at once."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        row = tables.directory.engineer_by_login(session, login)
        if row is None:
            raise NotFound(public=f"There is no engineer {login!r}; see switchboard user list")
        row.disabled_at = now()


def user_reach(
    login: str,
    address: Annotated[str | None, typer.Option(help="Mail address; empty takes it away.")] = None,
    number: Annotated[str | None, typer.Option(help="Telephone number; empty takes it away.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Say where escalations reach an engineer, by mail and by phone; without options: show it."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        row = set_reach(session, login, address=address, number=number, region=house.settings.default_region)
        if number and row.number and (why := unringable(row.number, house.telephony.trunk)):
            raise Invalid(public=f"{row.number} {why}: nobody would be rung there; name another number")
        if address is None and number is None:
            places = ", ".join(place for place in (row.address, row.number) if place) or "no address and no number"
            typer.echo(f"{row.login} is reached at {places}; --address or --number says where")


def token_add(
    name: str,
    role: Annotated[Role, typer.Option(help="What its bearer may do.")] = Role.ENGINEER,
    data_dir: DataDir = None,
) -> None:
    """Make an API token and print it alone; it cannot be shown again."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        made = add_token(session, name, role)
    typer.echo(made)


def account_add(
    name: str,
    domain: Annotated[list[str] | None, typer.Option(help="Mail domain of its people; may be given again.")] = None,
    number: Annotated[str | None, typer.Option(help="Contract number a caller may key.")] = None,
    policy: Annotated[str | None, typer.Option(help="Its support policy (default: SWITCHBOARD_POLICY).")] = None,
    data_dir: DataDir = None,
) -> None:
    """Record an account we contracted."""
    with opened(data_dir) as house:
        if policy is not None and policy not in house.policies:
            raise NotFound(public=f"No policy {policy!r}; there are {', '.join(sorted(house.policies))}")
        with transaction(house.engine) as session:
            directory.add_account(session, name, domains=domain or (), number=number, policy=policy)


def account_list(data_dir: DataDir = None) -> None:
    """List accounts: name, contract number, policy."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        for row in session.scalars(select(tables.directory.Account).order_by(tables.directory.Account.name)):
            typer.echo("\t".join((row.name, row.number or "", row.policy or house.settings.policy)))


def account_contract(
    account: Annotated[str, typer.Argument(help="Name or contract number of the account.")],
    kind: Annotated[str, typer.Argument(help="A kind of contract its policy knows (switchboard policy show ID).")],
    product: Annotated[str, typer.Option(help="Product it is for; empty: all.")] = "",
    since: Annotated[datetime | None, typer.Option(formats=[DAY], help="First day.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=[DAY], help="Last day.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Record what an account has bought; again for the same kind and product: its new dates."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        row = directory.account_named(session, account)
        policy = house.policies.get(row.policy or house.settings.policy)
        if policy is None:
            known = ", ".join(sorted(house.policies))
            raise NotFound(public=f"The policy {row.policy!r} of {row.name} is not installed; there are {known}")
        kinds = policy.entitlement.kinds if policy.entitlement else ()
        if kind not in kinds:
            raise Invalid(public=f"{policy.name} knows no contract {kind!r}; it knows {', '.join(kinds) or 'none'}")
        first, last = (day.date() if day else None for day in (since, until))
        directory.set_contract(session, account, kind, product=product, since=first, until=last)


def account_fact(
    account: Annotated[str, typer.Argument(help="Name or contract number of the account.")],
    name: Annotated[str, typer.Argument(help="A fact that rules ask for, such as managed_by_vendor.")],
    value: Annotated[str, typer.Argument(help="Its value, such as yes or no; unknown takes it away.")],
    data_dir: DataDir = None,
) -> None:
    """Record a fact that holds for everything an account asks."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        directory.set_account_fact(session, account, name, value, by="command line", now=now())


def account_pin(
    account: Annotated[str, typer.Argument(help="Name or contract number of the account.")],
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Take the PIN away instead.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Make a PIN by which an account's callers are recognised, and print it alone; it cannot be shown again."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        if remove:
            directory.remove_pin(session, account)
        else:
            made = directory.set_pin(session, account, key=directory.pin_key(house.sites.secret))
    if not remove:
        typer.echo(made)


def contact_add(
    name: str,
    address: Annotated[list[str] | None, typer.Option(help="Mail address; may be given again.")] = None,
    number: Annotated[list[str] | None, typer.Option(help="Telephone number; may be given again.")] = None,
    account: Annotated[str | None, typer.Option(help="Name of their account.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Record a person with the addresses and numbers that identify them."""
    with opened(data_dir) as house, transaction(house.engine) as session:
        parties = [_known(each, identity.address_party(each)) for each in address or ()]
        region = house.settings.default_region
        parties += [_known(each, identity.number_party(each, region)) for each in number or ()]
        owner = session.scalar(select(tables.directory.Account).where(tables.directory.Account.name == account))
        if account is not None and owner is None:
            raise NotFound(public=f"There is no account {account!r}; see switchboard account list")
        directory.add_contact(session, name, parties, account=owner)


def _known(written: str, party: Party | None) -> Party:
    if party is None:
        raise NotFound(public=f"{written!r} is neither a mail address nor a telephone number")
    return party
