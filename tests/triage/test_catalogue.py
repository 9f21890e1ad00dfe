"""What may be ordered, what it needs, when it may be expected, who may see it."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from models.terms import Visibility
from triage.calendars import Calendar, span
from triage.catalogue import Catalogue, delivery, lacking, may_see, named, notice, offered, read_catalogue
from triage.facts import VOCABULARY
from triage.reading import read

OFFICE = Calendar(name="office", zone="Europe/Kyiv", week=((span("09:00-17:00"),),) * 5 + ((),) * 2)
PACK = """\
calendar: office
clause: "§1"
visibility: {default: private, clause: "§2"}
services:
  - id: environment
    label: Environment
    types: [new-environment]
    days: [2, 3]
    words: [new environment]
    asks:
      - {name: country, ask: Which country?}
      - {name: kind, ask: Which kind?, options: [{value: production, label: Production}, {value: test, label: UAT}]}
    clause: "§3"
  - {id: ssh, label: SSH access, days: [1, 2], words: [ssh access, ssh], clause: "§4"}
  - {id: dns, label: DNS, days: [2, 3], hint: You can do it yourself., words: [dns], clause: "§5"}
  - {id: software, label: Other software, words: [mulesoft], clause: "§6"}
  - {id: domains, label: Mail domains, days: [1, 2], places: [staging], clause: "§7"}
  - {id: go-live, label: Go-live, notice: 14, words: [go live], clause: "§8"}
"""


def told(text: str) -> tuple[Catalogue, list[str]]:
    """The catalogue in a text, and the mistakes."""
    node = read(text, "mine.yaml")
    types = frozenset({"new-environment", "access"})
    found = read_catalogue(node, types=types, places=VOCABULARY["environment"], calendars={"office": OFFICE})
    return found, node.mistakes


CATALOGUE, MISTAKES = told(PACK)
SERVICES = {service.id: service for service in CATALOGUE.services}
THURSDAY = datetime(2026, 3, 26, 12, 0, tzinfo=UTC)
"""The week before the clocks go forward in Kyiv (29 March 2026); 14:00 there."""


def test_an_estimate_counts_whole_working_days_from_when_everything_was_told():
    """Told on Thursday: two working days end on Monday, three on Tuesday, at closing time of the day."""
    found = delivery(CATALOGUE, SERVICES["environment"], THURSDAY)
    assert found is not None
    assert found.earliest == datetime(2026, 3, 30, 14, 0, tzinfo=UTC)
    assert found.latest == datetime(2026, 3, 31, 14, 0, tzinfo=UTC)


def test_nothing_is_promised_before_everything_was_told_or_where_it_needs_looking_into():
    """No inputs, no date; an investigation has none at all."""
    assert delivery(CATALOGUE, SERVICES["environment"], None) is None
    assert delivery(CATALOGUE, SERVICES["software"], THURSDAY) is None


def test_what_is_lacking_is_named():
    """Every input of the service that is not told, or told in a way that will not do."""
    asked = [question.name for question in lacking(SERVICES["environment"], {"country": " ", "kind": "staging"})]
    assert asked == ["country", "kind"]
    assert lacking(SERVICES["environment"], {"country": "Italy", "kind": "test"}) == ()


@pytest.mark.parametrize(
    ("told_on", "short", "enough"),
    [(date(2026, 5, 18), 0, True), (date(2026, 5, 19), 1, False), (date(2026, 6, 2), 15, False)],
)
def test_a_launch_needs_two_weeks_notice(told_on: date, short: int, enough: bool):
    """Fourteen days ahead is in time, thirteen are not, and it says by how much."""
    found = notice(SERVICES["go-live"], told_on, date(2026, 6, 1))
    assert (found.by, found.short, found.enough) == (date(2026, 5, 18), short, enough)


def test_a_service_for_staging_only():
    """Elsewhere it is not offered; where the place is not known, nobody is refused."""
    assert [offered(SERVICES["domains"], place) for place in ("staging", "production", None)] == [True, False, None]
    assert offered(SERVICES["dns"], None)


def test_a_text_names_services_in_its_own_order():
    """Whole words only, in any letter case; a type that cannot order a service leaves it out."""
    text = "We GO LIVE in June. Before that we need SSH access, and a new environment. No dnsmasq."
    assert [one.id for one in named(CATALOGUE, text)] == ["go-live", "ssh", "environment"]
    assert [one.id for one in named(CATALOGUE, text, "access")] == ["go-live", "ssh"]


people = some.sampled_from(["ada", "ben", "cleo"])


@given(some.sampled_from([*Visibility, None, "public"]), people, people, some.frozensets(people))
def test_what_is_not_known_to_be_shared_is_private(
    visibility: Visibility | None, raised_by: str, reader: str, group: frozenset[str]
):
    """Whoever raised a request sees it; others only if it is shared with a group that holds them both."""
    shared = visibility == "group" and {raised_by, reader} <= group
    assert may_see(visibility, raised_by=raised_by, reader=reader, group=group) == (reader == raised_by or shared)


@given(some.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=some.just(UTC)))  # noqa: DTZ001 - bounds
def test_an_estimate_is_never_in_the_past_and_the_earliest_comes_first(complete_at: datetime):
    """Whenever the inputs come, at night or across a change of the clocks."""
    found = delivery(CATALOGUE, SERVICES["environment"], complete_at)
    assert found is not None
    assert complete_at < found.earliest < found.latest
    assert CATALOGUE.calendar.local(found.latest).hour == 17


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("days: [2, 3]\n", "days: [3, 2]\n", "the fewest and the most working days"),
        ("days: [2, 3]\n", "days: [2]\n", "the fewest and the most working days"),
        ("default: private", "default: public", "'public' is no visibility"),
        ("types: [new-environment]", "types: [new]", "'new' is no type"),
        ("places: [staging]", "places: [stage]", "'stage' is no environment; did you mean 'staging'?"),
        ("id: dns", "id: ssh", "'ssh' is there twice"),
        ("name: country", "name: Country", "'Country' is no name"),
        ("notice: 14", "notice: 1.5", "write a whole number"),
    ],
)
def test_a_mistake_in_a_catalogue_is_told_with_its_place(good: str, bad: str, words: str):
    """Each names file, line and column, and what to write instead."""
    assert MISTAKES == []
    found = told(PACK.replace(good, bad))[1]
    assert any(mistake.startswith("mine.yaml:") and words in mistake for mistake in found), found
