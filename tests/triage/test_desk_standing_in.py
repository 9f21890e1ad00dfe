"""Who is on duty now and next, who stands in for whom, and what is wrong with a rota."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from models import tables
from models.errors import Invalid, NotFound
from triage import rota
from triage.desk import oncall
from triage.desk.rota_check import findings

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
"""A Wednesday, eleven in the morning in Berlin."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FILE = """
rota: 1
time_zone: Europe/Berlin
people:
  priya: {name: Priya Sample, numbers: "+49 30 5550 101"}
  ben: {login: ben}
  kavi: {name: Kavi Example, numbers: "+49 30 5550 103"}
tiers:
  - {id: first, label: First line, turn: {every: 1 week, from: 2026-01-05 09:00, people: [priya, ben]}}
  - {id: office, hours: mon-fri 08:00-18:00, takes: urgent, people: [priya, ben]}
"""


@pytest.fixture
def house() -> rota.Rota:
    """A rota of two tiers."""
    found, mistakes = rota.parse(FILE, "rota.yaml")
    assert mistakes == []
    return found


@pytest.fixture
def ben(session: Session) -> tables.directory.Engineer:
    """The engineer behind a login of the file, whose week it is."""
    row = tables.directory.Engineer(
        login="Ben", name="Ben Trial", password_hash="x", role="engineer", number="+49305550102"
    )
    session.add(row)
    session.flush()
    return row


def stand_in(session: Session, house: rota.Rota, **changed) -> UUID:
    """Kavi stands in on the first tier for two hours from now on, unless something else is said."""
    given = {"tier": "first", "person": "kavi", "starts": NOW, "ends": NOW + 2 * HOUR, "by": "lea", "now": NOW}
    return oncall.override(session, house, **(given | changed))


def told(session: Session, house: rota.Rota, now: datetime = NOW, **more) -> list[str]:
    """What is found about a rota."""
    return [one.text for one in findings(session, house, now, **more) if not one.is_fine]


@pytest.mark.usefixtures("ben")
def test_duty_says_who_until_when_and_who_is_next(session, house):
    """With the numbers by which they are rung, of the file or the directory."""
    found = oncall.duty(session, house, NOW)
    first, office = found.tiers
    assert (found.zone, found.covers) == ("Europe/Berlin", ())
    assert [(one.name, one.numbers) for one in first.people] == [("Ben Trial", ("+49305550102",))]
    assert (first.label, first.takes, first.until) == ("First line", "all", datetime(2026, 11, 23, 8, tzinfo=UTC))
    assert first.next is not None
    assert (first.next.people, first.next.start) == (("Priya Sample",), first.until)
    assert [one.name for one in office.people] == ["Priya Sample", "Ben Trial"]
    assert (office.is_open, office.takes, office.next) == (True, "urgent", None)
    assert [one.is_fine for one in found.findings] == [True]
    assert [one.name for one in found.people] == ["Priya Sample", "Ben Trial", "Kavi Example"]
    closed = oncall.duty(session, house, NOW + 9 * HOUR).tiers[1]
    assert (closed.is_open, closed.people, closed.until) == (False, (), datetime(2026, 11, 19, 7, tzinfo=UTC))


@pytest.mark.usefixtures("ben")
def test_shifts_to_come_are_listed_by_their_beginning(session, house):
    """Those under way first, cut at the horizon, with stand-ins."""
    stand_in(session, house, starts=NOW + DAY, ends=NOW + DAY + HOUR)
    found = [one for one in oncall.upcoming(session, house, NOW, days=6) if one.tier == "first"]
    assert [(one.people[0], one.stands_in, one.start) for one in found] == [
        ("Ben Trial", (), NOW),
        ("Kavi Example", ("Ben Trial",), NOW + DAY),
        ("Ben Trial", (), NOW + DAY + HOUR),
        ("Priya Sample", (), datetime(2026, 11, 23, 8, tzinfo=UTC)),
    ]
    assert found[-1].end == NOW + 6 * DAY
    starts = [one.start for one in oncall.upcoming(session, house, NOW)]
    assert starts == sorted(starts)


def test_an_arrangement_keeps_who_made_it_and_why(session, house):
    """A beginning in the past means now: what was is not written anew."""
    key = stand_in(session, house, starts=NOW - HOUR, note=" Dentist ")
    (one,) = oncall.covers(session, house, NOW)
    assert (one.id, one.label, one.name, one.starts_at, one.ends_at) == (
        key, "First line", "Kavi Example", NOW, NOW + 2 * HOUR,
    )  # fmt: skip
    assert (one.note, one.made_by, one.is_void) == ("Dentist", "lea", False)
    assert oncall.covers(session, house, NOW + 2 * HOUR) == ()


@pytest.mark.usefixtures("ben")
def test_of_two_arrangements_at_once_the_one_made_last_counts(session, house):
    """Withdrawn, it leaves the one before; asked twice, the first counts; what is over cannot be taken back."""
    stand_in(session, house, person="priya")
    last = stand_in(session, house, now=NOW + timedelta(minutes=1))
    at = NOW + HOUR
    assert [one.id for one in oncall.duty(session, house, at).tiers[0].people] == ["kavi"]
    oncall.withdraw(session, last, "mara", at)
    oncall.withdraw(session, last, "lea", at + HOUR)
    assert [one.id for one in oncall.duty(session, house, at).tiers[0].people] == ["priya"]
    row = session.get_one(tables.directory.RotaOverride, last)
    assert (row.withdrawn_by, row.withdrawn_at) == ("mara", at)
    other = stand_in(session, house)
    with pytest.raises(Invalid, match="over already"):
        oncall.withdraw(session, other, "lea", NOW + 2 * HOUR)
    with pytest.raises(NotFound, match="switchboard rota overrides"):
        oncall.withdraw(session, uuid4(), "lea", NOW)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tier": "frist"}, "no tier 'frist'; there are first, office"),
        ({"person": "kai"}, "no person 'kai'; there are priya, ben, kavi"),
        ({"person": "ben"}, "ben has no telephone number"),
        ({"ends": NOW}, "over already"),
        ({"starts": NOW + 3 * HOUR}, "ends before it begins"),
        ({"ends": NOW + 367 * DAY}, "more than a year"),
        ({"starts": NOW + 367 * DAY, "ends": NOW + 368 * DAY}, "more than a year"),
        ({"tier": "office", "starts": NOW + 8 * HOUR, "ends": NOW + 20 * HOUR}, "office is closed all that time"),
        ({"note": "a\nb"}, "control character"),
        ({"note": "n" * 201}, "longer than 200"),
    ],
)
def test_what_cannot_be_arranged_is_refused(session, house, changed, said):
    """With what to write instead; nothing is kept."""
    with pytest.raises(Invalid, match=said):
        stand_in(session, house, **changed)
    assert oncall.covers(session, house, NOW) == ()


def test_whoever_may_not_sign_in_any_more_cannot_stand_in(session, house, ben):
    """And has no duty: the next of the turn stands in."""
    key = stand_in(session, house, person="ben")
    ben.disabled_at = NOW
    session.flush()
    with pytest.raises(Invalid, match="Ben Trial may not sign in"):
        stand_in(session, house, person="ben")
    first = oncall.duty(session, house, NOW).tiers[0]
    assert ([one.id for one in first.people], first.stands_in) == (["priya"], ("Ben Trial",))
    assert [one.is_void for one in oncall.covers(session, house, NOW)] == [True]
    assert [one.id for one in oncall.duty(session, house, NOW).people] == ["priya", "kavi"]
    assert told(session, house) == [
        "Ben Trial may not sign in any more and is passed over: take 'ben' out of the rota",
        f"ben stands in on first, but the rota does not have both: switchboard rota withdraw {key}",
    ]


def test_hours_that_nobody_takes_are_found(session, house, ben):
    """A week of somebody without a number is one, but for the hours in which another tier is there."""
    ben.number = ""
    session.flush()
    lines = told(session, house)
    assert lines[0].startswith(
        "Ben Trial has no telephone number: write numbers in the rota, or switchboard user reach"
    )
    assert lines[1] == "Nobody takes urgent calls from Wed 2026-11-18 18:00 to Thu 2026-11-19 08:00"
    assert lines[-1] == "Nobody takes urgent calls from Tue 2026-12-01 18:00 to Wed 2026-12-02 08:00"
    saturdays, _ = rota.parse(FILE.replace("mon-fri", "mon-sat"), "rota.yaml")
    more = told(session, saturdays)
    assert (len(more), more[-1]) == (1 + 5 + 1, "and 1 more in the next 14 days")
    stand_in(session, house, ends=NOW + 14 * DAY)
    assert len(told(session, house)) == 1


@pytest.mark.usefixtures("ben")
def test_hours_that_nobody_takes_are_told_by_policy_where_they_differ(session):
    """A tier for one policy leaves the others alone; one for a policy that is not installed leaves everybody."""
    text = FILE.replace("label: First line", "policies: [wso2]")
    house, mistakes = rota.parse(text, "rota.yaml")
    assert mistakes == []
    assert told(session, house)[0] == (
        "Nobody takes urgent calls of other policies from Wed 2026-11-18 18:00 to Thu 2026-11-19 08:00"
    )
    assert "calls of oro, witboost from" in told(session, house, policies={"oro", "wso2", "witboost"})[0]
    assert told(session, house, policies={"wso2"}) == []
    assert told(session, house, policies={"oro"})[0] == "first: no policy 'wso2' is installed; there are oro"
