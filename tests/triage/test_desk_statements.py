"""How often the database is asked while a caller waits: every statement is a round trip, and time of a core."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from models import tables
from models.terms import Channel, Fact, Interaction, Receipt, Role
from triage import identity, rota
from triage.classifier import Ranked
from triage.desk import callers, directory, oncall
from triage.desk.call_terms import open_request, terms
from triage.desk.reception import Reception, receive
from triage.desk.recipients import Book
from triage.policy import load_packs
from triage.suggest import suggest

PACKS = load_packs()
SID = "CA1"
MARTA = identity.number_party("+49 30 5550 137", region="DE")
STRANGER = identity.number_party("+49 30 5550 199", region="DE")
KEY = directory.pin_key("only-for-this-test-only-for-this-test")
DESK = Reception(policies=PACKS, default_policy="wso2", pin_key=KEY)
DOWN = tuple(
    Fact(name=name, value=value, source="caller") for name, value in (("down", "full"), ("environment", "production"))
)
SAID = {
    "subject": "Orders fail",
    "text": "Orders fail.",
    "new_text": "Orders fail.",
    "language": "en",
    "note": "speech",
}
PEOPLE = """
rota: 1
time_zone: Europe/Berlin
people:
  priya: {name: Priya Sample, numbers: +49 30 5550 101, login: priya}
tiers:
  - {id: first, people: [priya]}
"""


class Top:
    """A classifier to which every request looks like a P1."""

    id = "top"

    def rank(self, *_):
        """Nothing is asked of the text."""
        return Ranked(type={"incident": 1.0}, priority={"P1": 0.9, "P2": 0.1}, words=(), known=1.0)


def asked(session: Session, ask: Callable[[], object]) -> int:
    """How many statements something takes that comes with a webhook of its own."""
    session.flush()
    session.expunge_all()
    connection, said = session.connection(), []

    def note(_connection, _cursor, statement, *_) -> None:
        said.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    ask()
    session.flush()
    event.remove(connection, "before_cursor_execute", note)
    return len(said)


def tell(session: Session, now: datetime, name: str = "", desk: Reception = DESK, sid: str = SID, **more) -> Receipt:
    """Tell the desk a part of the call; without a name that it comes in."""
    source = f"call:{sid}:{name}" if name else f"call:{sid}"
    said = Interaction(source=source, channel=Channel.PHONE, received_at=now, **more)
    return receive(session, said, now, reception=desk)


@pytest.fixture(autouse=True)
def known(session: Session) -> None:
    """An account, and somebody of it whose number we have."""
    account = directory.add_account(session, "Nordhandel", number="4711", policy="oro")
    directory.add_contact(session, "Marta", [MARTA], account=account)


@pytest.fixture
def under_way(session: Session, now: datetime) -> Callable[..., UUID]:
    """A call that came in, from whomever; gives its request."""
    return lambda party=None: tell(session, now, party=party, clock_started_at=now).request


@pytest.mark.parametrize(("party", "most"), [(None, 4), (STRANGER, 5), (MARTA, 6)])
def test_a_call_that_comes_in_is_few_statements(session, now, party, most):
    """Is it known, whose is it, the request, what was said, its clock; a contact may have been told to call."""
    assert asked(session, lambda: tell(session, now, party=party, clock_started_at=now)) <= most


@pytest.mark.parametrize(
    ("name", "more", "most"),
    [
        ("problem", SAID, 4),
        ("answers", {"subject": "Orders fail", "facts": DOWN}, 4),
        ("transcript:RE1", SAID, 4),
        ("phone", {"note": "contact phone missing"}, 2),
        ("hangup", {"note": "the caller hung up"}, 2),
        ("caller", {"party": MARTA}, 5),
        ("caller", {"party": STRANGER}, 4),
        ("account", {"account_hint": "4711", "note": "account number 4711, confirmed"}, 5),
    ],
)
def test_what_is_said_in_a_call_is_few_statements(session, now, under_way, name, more, most):
    """Hold the request, append to it and read where it stands, change it once, ask for a suggestion."""
    request = under_way()
    assert asked(session, lambda: tell(session, now, name, request=request, **more)) <= most


@pytest.mark.parametrize("name", ["problem", "answers", "hangup"])
def test_what_a_contact_says_in_a_call_is_one_more(session, now, under_way, name):
    """They may have been told to call."""
    request = under_way(MARTA)
    assert asked(session, lambda: tell(session, now, name, request=request, **SAID)) <= 5


@pytest.mark.parametrize("name", ["", "problem"])
def test_what_was_told_before_is_few_statements_and_changes_nothing(session, now, under_way, name):
    """A webhook comes twice."""
    request = under_way(MARTA)
    more = {"request": request, **SAID} if name else {"party": MARTA, "clock_started_at": now}
    first = tell(session, now, name, **more)
    again: list[Receipt] = []
    assert asked(session, lambda: again.append(tell(session, now, name, **more))) <= 4
    assert again == [replace(first, opened=False)]
    assert len(tables.requests.interactions(session, request)) == (2 if name else 1)


@pytest.mark.parametrize(("is_suggested", "most"), [(False, 1), (True, 2)])
def test_what_policy_and_suggestion_say_is_two_statements(session, now, under_way, is_suggested, most):
    """One for the request and all that is said of it, one for its log where there is a level to count by."""
    request = under_way(MARTA)
    desk = Reception(policies=PACKS, default_policy="wso2", suggest=_suggest) if is_suggested else DESK
    tell(session, now, "problem", desk, request=request, facts=DOWN, **SAID)
    assert asked(session, lambda: terms(session, request, now, policies=PACKS)) <= most
    assert terms(session, request, now, policies=PACKS).looks_urgent


@pytest.mark.parametrize(("party", "most"), [(STRANGER, 1), (MARTA, 3)])
def test_what_else_is_open_is_two_statements_and_one_for_its_news(session, now, party, most):
    """The request itself, the account's others, and what was told of the one that burns."""
    desk = Reception(policies=PACKS, default_policy="wso2", suggest=_suggest)
    tell(session, now, sid="CA0", desk=desk, party=MARTA, facts=DOWN, **SAID)
    request = tell(session, now, party=party, clock_started_at=now).request
    assert asked(session, lambda: open_request(session, request, now, policies=PACKS)) <= most
    assert (open_request(session, request, now, policies=PACKS) is not None) is (party is MARTA)


@pytest.mark.parametrize(("party", "most"), [(STRANGER, 3), (MARTA, 1)])
def test_whose_number_it_is_takes_few_statements(session, party, most):
    """Contacts with their account; calls; forms and mails."""
    assert asked(session, lambda: callers.who_calls(session, party)) <= most


@pytest.mark.parametrize(("has_rota", "most"), [(True, 6), (False, 4)])
def test_whom_to_ring_takes_few_statements(session, now, under_way, has_rota, most):
    """The request, people, who stands in, what is suggested; then who holds each role of the policy's ladder."""
    person = {"name": "Lea", "password_hash": "x", "number": "+49305550120"}
    session.add(tables.directory.Engineer(login="lea", role=Role.LEAD, **person))
    request = under_way(MARTA)
    book = Book(named={"on-call": ("+49305550100",)})
    found = rota.parse(PEOPLE, "rota.yaml")[0] if has_rota else None
    given = {"rota": found, "book": book, "policies": PACKS, "region": "DE"}
    assert asked(session, lambda: oncall.ladder(session, request, True, now, **given)) <= most


def _suggest(*, policy: str, **said):
    return suggest(PACKS[policy], Top(), **said)
