"""`switchboard account`, `user`, `token`: what cannot be recorded is told in one line, and nothing is written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer
from click.testing import Result
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from models import tables
from models.errors import Invalid, NotFound
from models.store import transaction
from models.terms import Role
from switchboard import people as who
from switchboard.commands import people
from switchboard.commands.instance import opened
from switchboard.lines import Switchboard
from triage.desk import directory

Run = Callable[..., Result]


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """What these commands answer on a database of the test's own."""
    for name, value in (
        ("DATABASE_URL", database_url),
        ("REDIS_URL", "redis://127.0.0.1:1/0"),
        ("SECRET_KEY", "only-for-this-test-only-for-this-test"),
    ):
        monkeypatch.setenv(f"SWITCHBOARD_{name}", value)

    @contextmanager
    def closing(data_dir: Path | None) -> Iterator[Switchboard]:
        with opened(data_dir) as house:
            try:
                yield house
            finally:
                house.engine.dispose()

    monkeypatch.setattr(people, "opened", closing)

    def invoke(*words: str) -> Result:
        app = typer.Typer()
        people.register(app)
        return CliRunner().invoke(app, words)

    return invoke


def test_a_contract_under_a_policy_that_is_not_installed_is_refused(run: Run, engine: Engine):
    """The account and its policy are named, and the policies there are."""
    with transaction(engine) as session:
        directory.add_account(session, "Zed", policy="gone")
    answer = run("account", "contract", "Zed", "production-support")
    assert isinstance(answer.exception, NotFound)
    assert answer.exception.public.startswith("The policy 'gone' of Zed is not installed; there are oro,")


def test_user_reach_without_options_says_where_they_are_reached(run: Run):
    """It changes nothing and keeps no silence."""
    run("user", "add", "lea")
    assert "lea is reached at no address and no number" in run("user", "reach", "lea").output
    run("user", "reach", "lea", "--address", "lea@example.com", "--number", "+49 30 5550 0100")
    assert run("user", "reach", "lea").output.startswith("lea is reached at lea@example.com, +493055500100;")


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("+881612345678", "is a satellite telephone's"),
        ("+447012345678", "is a premium-rate, shared-cost or personal number"),
        ("+1 202 555 0100", "is one of our own numbers"),
    ],
)
def test_a_number_that_is_never_rung_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch, number: str, why: str):
    """In one line, with the reason; the number before stays, and may be taken away."""
    monkeypatch.setenv("SWITCHBOARD_TWILIO_FROM", "+12025550100")
    run("user", "add", "lea")
    run("user", "reach", "lea", "--number", "+49 30 5550 0100")
    answer = run("user", "reach", "lea", "--number", number)
    assert isinstance(answer.exception, Invalid)
    assert answer.exception.public.startswith(f"{number.replace(' ', '')} {why}")
    assert "lea is reached at +493055500100;" in run("user", "reach", "lea").output
    assert run("user", "reach", "lea", "--number", "").exit_code == 0


def test_a_premium_number_reaches_nobody(session: Session):
    """Whoever escalates would pay for it; the number before stays."""
    who.add_engineer(session, "lea", "a long password", Role.LEAD)
    session.flush()
    who.set_reach(session, "lea", address=None, number="+49 30 5550 0100", region="DE")
    for number in ("+1 900 555 0100", "0900 1234567"):
        with pytest.raises(Invalid, match="premium-rate"):
            who.set_reach(session, "lea", address=None, number=number, region="DE")
    assert tables.directory.engineer_by_login(session, "lea").number == "+493055500100"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "number"),
    [("Nordhandel", "78"), ("Werk", "77"), ("77", None), ("Werk", "Nordhandel"), (" Nordhandel ", None)],
)
def test_no_two_accounts_share_a_name_or_number(session: Session, name: str, number: str | None):
    """Nor is one named as another is numbered: either may be written where an account is meant."""
    directory.add_account(session, "Nordhandel", number="77")
    with pytest.raises(Invalid, match=r"name or number .* already: 'Nordhandel'"):
        directory.add_account(session, name, number=number)


def test_an_account_may_be_named_as_it_is_numbered(session: Session):
    """That is no ambiguity."""
    made = directory.add_account(session, "77", number="77")
    assert directory.account_named(session, "77") is made


def test_a_word_that_means_two_accounts_is_refused(session: Session):
    """Accounts recorded before this was looked at are told apart by what only one of them has."""
    row = tables.directory.Account
    session.add_all([row(name="Nordhandel", number="77"), row(name="77", number="5")])
    session.flush()
    with pytest.raises(Invalid, match=r"'77' \(number 5\) and 'Nordhandel' \(number 77\)"):
        directory.account_named(session, "77")
    assert directory.account_named(session, "5").name == "77"
    assert directory.account_named(session, "Nordhandel").number == "77"


@pytest.mark.parametrize("name", ["", "  ", "Nord\nhandel", "Nord\x1b[31mhandel", "N" * 201, "Nord\u2028handel"])
def test_a_name_that_cannot_be_shown_is_refused(session: Session, name: str):
    """Of an account, its number, a contract's product, a contact, an engineer and a token alike."""
    directory.add_account(session, "Werk")
    for make in (
        lambda: directory.add_account(session, name),
        lambda: directory.add_account(session, "Other", number=name),
        lambda: directory.add_contact(session, name, []),
        lambda: who.add_engineer(session, name, "a long password", Role.ENGINEER),
        lambda: who.add_token(session, name, Role.ENGINEER),
    ):
        with pytest.raises(Invalid, match=r"must not be empty|control character|longer than 200"):
            make()
    if name:
        with pytest.raises(Invalid):
            directory.set_contract(session, "Werk", "care", product=name)
    assert session.scalars(select(tables.directory.Account.name)).all() == ["Werk"]


def test_names_of_every_script_are_taken(session: Session):
    """Letters, marks and joiners of any language are no control characters."""
    for name in ("Ærø & Søn", "北京软件", "نرم\u200cافزار", "O'Neil-Ødegård"):
        assert directory.add_account(session, name).name == name


def test_a_token_name_is_used_once(session: Session):
    """The second one is told so."""
    who.add_token(session, "monitoring", Role.ENGINEER)
    session.flush()
    with pytest.raises(Invalid, match="There is a token 'monitoring' already"):
        who.add_token(session, "monitoring", Role.LEAD)


def test_a_pin_is_printed_alone_and_can_be_taken_away(run: Run, engine: Engine):
    """It is for the customer; afterwards nobody can read it."""
    with transaction(engine) as session:
        directory.add_account(session, "Nordhandel", number="4711")
    answer = run("account", "pin", "4711")
    key = directory.pin_key("only-for-this-test-only-for-this-test")
    assert answer.exit_code == 0
    with transaction(engine) as session:
        named = directory.account_by_code(session, answer.output.strip(), key)
        assert named is not None
        assert (named[0].name, named[1]) == ("Nordhandel", True)
    assert run("account", "pin", "Nordhandel", "--remove").output == ""
    with transaction(engine) as session:
        assert directory.account_by_code(session, answer.output.strip(), key) is None
    assert isinstance(run("account", "pin", "Zed").exception, NotFound)
