"""Which telephones are rung for a request: the owner's, the tiers', the policy's ladder; nobody's twice."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from models import tables
from models.terms import Channel, Role, TriageState
from triage import rota
from triage.desk import oncall
from triage.desk.recipients import Book
from triage.policy import load_packs

PACKS = load_packs()
NIGHT = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
"""A Wednesday, three in the morning in Berlin."""
DAY = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
NAMED = Book(named={"on-call": ("+49305550100", "oncall@example.com", "+49305550109")})
PEOPLE = """
rota: 1
time_zone: Europe/Berlin
people:
  priya: {name: Priya Sample, numbers: ["+49 30 5550 101", "+49 30 5550 111"], login: priya}
  ben: {login: Ben}
  kavi: {name: Kavi Example, numbers: +49 30 5550 103}
tiers:
"""
FIRST = "  - {id: first, hours: mon-fri 08:00-18:00, people: [priya, ben], ring_seconds: 15}\n"
NIGHTS = "  - {id: night, takes: urgent, ring: in-order, ring_seconds: 25, people: [kavi, priya]}\n"


def made(*tiers: str) -> rota.Rota:
    """A rota of these tiers."""
    found, mistakes = rota.parse(PEOPLE + "".join(tiers), "rota.yaml")
    assert mistakes == []
    return found


def engineer(session: Session, login: str, role: Role = Role.ENGINEER, **values) -> None:
    """Somebody who signs in."""
    session.add(tables.directory.Engineer(login=login, password_hash="x", role=role, **values))
    session.flush()


@pytest.fixture
def people(session: Session) -> None:
    """Two engineers of the rota, a lead and an owner."""
    engineer(session, "priya")
    engineer(session, "ben", name="Ben Trial", number="030 5550102")
    engineer(session, "lea", Role.LEAD, name="Lea", number="+49305550120")
    engineer(session, "olga", name="Olga", number="+49305550130")


def raised(session: Session, **values) -> UUID:
    """A request by telephone; gives its id."""
    given = {"policy": "wso2", "state": TriageState.TO_CONFIRM, **values}
    request = tables.requests.Request(channel=Channel.PHONE, subject="x", received_at=DAY, **given)
    session.add(request)
    session.flush()
    return request.id


def rung(session: Session, house: rota.Rota | None, at: datetime, *, urgent: bool = True, book=NAMED, **values):
    """Which numbers ring: the last three digits, by round."""
    request = values.pop("request", None) or raised(session, **values)
    found = oncall.ladder(session, request, urgent, at, rota=house, book=book, policies=PACKS, region="DE")
    rounds: dict[int, list[str]] = {}
    for one in found:
        assert one.number.startswith("+49305550")
        rounds.setdefault(one.round, []).append(one.number[-3:])
    assert list(rounds) == list(range(1, len(rounds) + 1))
    return list(rounds.values())


@pytest.mark.usefixtures("people")
def test_tiers_are_rung_in_their_order_then_the_policys_ladder(session):
    """At once is one round with the first number of each; in order every number has its own; the lead comes last."""
    house = made(FIRST, NIGHTS)
    assert rung(session, house, DAY) == [["101", "102"], ["103"], ["111"], ["120"]]
    assert rung(session, house, NIGHT) == [["103"], ["101"], ["111"], ["120"]]


@pytest.mark.usefixtures("people")
def test_each_telephone_rings_as_long_as_its_tier_says(session):
    """Under the name that the caller may be told."""
    request = raised(session)
    found = oncall.ladder(
        session, request, True, DAY, rota=made(FIRST, NIGHTS), book=NAMED, policies=PACKS, region="DE"
    )
    assert [(one.name, one.ring_seconds) for one in found] == [
        ("Priya Sample", 15), ("Ben Trial", 15), ("Kavi Example", 25), ("Priya Sample", 25), ("Lea", 20),
    ]  # fmt: skip


@pytest.mark.usefixtures("people")
def test_a_call_that_does_not_burn_wakes_nobody(session):
    """Only tiers that take every call; neither the ladder nor an owner who is not on duty."""
    house = made(FIRST, NIGHTS)
    assert rung(session, house, DAY, urgent=False) == [["101", "102"]]
    assert rung(session, house, DAY, urgent=False, owner="ben") == [["102"], ["101"]]
    assert rung(session, house, DAY, urgent=False, owner="olga") == [["101", "102"]]
    assert rung(session, house, NIGHT, urgent=False, owner="ben") == []


@pytest.mark.usefixtures("people")
def test_the_owner_of_what_burns_is_rung_first(session):
    """By the rota's numbers, else the directory's; not whoever left, and nobody a second time."""
    house = made(NIGHTS)
    assert rung(session, house, NIGHT, owner="olga")[:2] == [["130"], ["103"]]
    assert rung(session, house, NIGHT, owner="Priya") == [["101"], ["111"], ["103"], ["120"]]
    engineer(session, "left", number="+49305550140", disabled_at=DAY)
    for owner in ("left", "nobody", None):
        assert rung(session, house, NIGHT, owner=owner)[0] == ["103"]


@pytest.mark.usefixtures("people")
def test_without_a_rota_the_books_entry_is_rung(session):
    """Its numbers at once, no addresses; also for a call that does not burn, since nothing says otherwise."""
    assert rung(session, None, NIGHT) == [["100", "109"], ["120"]]
    assert rung(session, None, NIGHT, urgent=False) == [["100", "109"]]
    assert rung(session, None, NIGHT, book=Book(), urgent=False) == []


@pytest.mark.usefixtures("people")
def test_where_the_rota_has_nobody_the_books_entry_is_rung_for_what_burns(session):
    """A hole in the rota loses no top priority; a call that does not burn waits for the morning."""
    assert rung(session, made(FIRST), NIGHT) == [["100", "109"], ["120"]]
    assert rung(session, made(FIRST), NIGHT, urgent=False) == []


@pytest.mark.usefixtures("people")
def test_the_ladder_is_that_of_the_level_and_keeps_its_hours(session):
    """A level below the ladder's rings no lead; one that nobody has decided or suggested yet keeps none away."""
    engineer(session, "ada", Role.ADMIN, number="+49305550150")
    decided = {"state": TriageState.DECIDED, "decided_type": "incident", "decided_at": DAY}
    assert rung(session, made(NIGHTS), NIGHT, decided_priority="P1", **decided)[-1] == ["120"]
    assert rung(session, made(NIGHTS), NIGHT, decided_priority="P3", **decided)[-1] == ["111"]
    # The Witboost pack tells nobody outside the hours of its office.
    assert rung(session, made(NIGHTS), NIGHT, policy="witboost")[-1] == ["111"]
    assert rung(session, made(NIGHTS), DAY, policy="witboost")[-1] == ["120"]
    assert rung(session, made(NIGHTS), DAY, policy="not-installed")[-1] == ["111"]


@pytest.mark.usefixtures("people")
def test_a_role_whose_people_have_no_number_makes_room_for_the_one_above(session):
    """A letter box does not answer a caller."""
    lead = tables.directory.engineer_by_login(session, "lea")
    lead.number, lead.address = None, "lea@example.com"
    engineer(session, "ada", Role.ADMIN, number="+49305550150")
    assert rung(session, made(NIGHTS), NIGHT)[-1] == ["150"]


@pytest.mark.usefixtures("people")
def test_tiers_of_other_policies_are_left_out(session):
    """Those that name none take calls of every policy."""
    oro = FIRST.replace("id: first", "id: oro, policies: [oro, parallels]").replace("[priya, ben]", "[ben]")
    house = made(oro, FIRST.replace("[priya, ben]", "[priya]"))
    assert rung(session, house, DAY, urgent=False) == [["101"]]
    assert rung(session, house, DAY, urgent=False, policy="oro") == [["102"], ["101"]]


@pytest.mark.usefixtures("people")
def test_whoever_may_not_sign_in_any_more_is_not_rung(session):
    """Whatever numbers the file still has for them."""
    tables.directory.engineer_by_login(session, "priya").disabled_at = DAY
    session.flush()
    assert rung(session, made(FIRST, NIGHTS), DAY) == [["102"], ["103"], ["120"]]


def test_at_most_ten_telephones_ring_at_once(session):
    """Twilio's limit for one <Dial>; whoever is left rings in the next round."""
    people = "".join(f'  p{number}: {{numbers: "+49 30 5550 2{number:02}"}}\n' for number in range(12))
    everybody = ", ".join(f"p{number}" for number in range(12))
    text = f"rota: 1\ntime_zone: UTC\npeople:\n{people}tiers:\n  - {{id: all, people: [{everybody}]}}\n"
    house, mistakes = rota.parse(text, "rota.yaml")
    assert mistakes == []
    assert [len(numbers) for numbers in rung(session, house, DAY, urgent=False)] == [10, 2]


@pytest.mark.usefixtures("people")
def test_a_request_worked_on_under_another_rings_the_owner_of_that_one(session):
    """Ten callers with one outage reach whoever works on it."""
    main = raised(session, owner="olga")
    folded = raised(session, folded_into=main)
    assert rung(session, made(NIGHTS), NIGHT, request=folded)[0] == ["130"]


def test_numbers_that_cannot_be_dialled_are_left_out(session):
    """An empty one, one without digits, and a request that is not there: nobody, and no error."""
    for login, number in (("ben", "n/a"), ("priya", "")):
        engineer(session, login, number=number)
    assert rung(session, made(FIRST), DAY, urgent=False) == [["101"]]
    assert oncall.ladder(session, uuid4(), True, DAY, rota=None, book=NAMED, policies=PACKS, region="DE") == ()


@pytest.mark.usefixtures("people")
def test_whoever_stands_in_is_rung(session):
    """From the second it begins until the second it ends."""
    house = made(FIRST)
    oncall.override(
        session, house, tier="first", person="kavi", starts=DAY, ends=DAY + timedelta(hours=1), by="lea", now=DAY
    )
    second = timedelta(seconds=1)
    assert rung(session, house, DAY - second, urgent=False) == [["101", "102"]]
    assert rung(session, house, DAY, urgent=False) == [["103"]]
    assert rung(session, house, DAY + timedelta(hours=1) - second, urgent=False) == [["103"]]
    assert rung(session, house, DAY + timedelta(hours=1), urgent=False) == [["101", "102"]]


def test_the_example_of_the_documents_is_a_rota(tmp_path: Path):
    """Whoever copies it has one that is read."""
    page = Path(__file__).parents[2] / "docs" / "on-call.md"
    text = page.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    file = tmp_path / "rota.yaml"
    file.write_text(text, encoding="utf-8")
    assert rota.load(file).tiers
