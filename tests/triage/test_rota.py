"""The file of the rota: what is read from it, and that every mistake is told at once with what to write."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from models.errors import Misconfigured
from triage import rota
from triage.calendars import ALWAYS, Span

FILE = """
rota: 1
time_zone: Europe/Berlin
people:
  priya:
    name: Priya Sample
    numbers: ["+49 30 5550123", "+49 (30) 5550-124"]
    address: priya@example.com
    away: [2026-12-24..2026-12-31, 2027-01-06]
  ben: {login: ben}
  kavi: {name: Kavi Example, numbers: +94 11 555 0100, away: 2026-12-25}
tiers:
  - id: first
    label: First line
    hours: mon-fri 08:00-18:00, sat 09:00-13:00
    ring_seconds: 15
    turn: {every: 1 week, from: 2026-01-05 09:00, people: [priya, ben]}
  - id: colombo
    time_zone: Asia/Colombo
    hours: ["18:00-08:00"]
    takes: urgent
    ring: in-order
    people: [kavi, priya]
    policies: [wso2]
  - {id: everybody, people: [priya, ben, kavi], hours: sat-sun}
"""


def read(text: str = FILE) -> rota.Rota:
    """The rota in a text without mistakes."""
    found, mistakes = rota.parse(text, "rota.yaml")
    assert mistakes == []
    return found


def mistakes(old: str, new: str) -> list[str]:
    """What is wrong with the file after one change."""
    assert old in FILE
    return rota.parse(FILE.replace(old, new), "rota.yaml")[1]


def test_people_have_numbers_in_one_form_and_days_off():
    """Numbers as people write them, one or several; a day alone or a first and a last one."""
    people = read().people
    assert people["priya"].numbers == ("+49305550123", "+49305550124")
    assert people["priya"].away == ((date(2026, 12, 24), date(2026, 12, 31)), (date(2027, 1, 6), date(2027, 1, 6)))
    assert (people["ben"].login, people["ben"].numbers, people["ben"].name) == ("ben", (), "")
    assert (people["kavi"].numbers, people["kavi"].address) == (("+94115550100",), "")


def test_tiers_stand_in_their_order_with_what_is_meant_where_nothing_is_said():
    """Every call, all at once, twenty seconds, every policy."""
    first, colombo, everybody = read().tiers
    assert (first.label, first.ring_seconds, first.takes, first.ring) == ("First line", 15, "all", "at-once")
    assert (colombo.label, colombo.takes, colombo.ring, colombo.ring_seconds) == ("colombo", "urgent", "in-order", 20)
    assert (colombo.policies, everybody.policies) == (("wso2",), ())
    assert (first.people, everybody.people) == (("priya", "ben"), ("priya", "ben", "kavi"))
    assert read().tier("colombo") is not None
    assert read().tier("none") is None


def test_hours_are_those_of_a_week_in_the_tiers_zone():
    """A night reaches into the day after, Sunday's into Monday; days alone are whole days."""
    first, colombo, everybody = (tier.hours for tier in read().tiers)
    office, saturday = (Span(opens=8 * 3600, closes=18 * 3600),), (Span(opens=9 * 3600, closes=13 * 3600),)
    assert (first.zone, first.week) == ("Europe/Berlin", (*(office,) * 5, saturday, ()))
    night = (Span(opens=0, closes=8 * 3600), Span(opens=18 * 3600, closes=86400))
    assert (colombo.zone, colombo.week) == ("Asia/Colombo", (night,) * 7)
    assert everybody.week == (*((),) * 5, (Span(opens=0, closes=86400),), (Span(opens=0, closes=86400),))
    assert not read().tiers[0].is_always_open
    assert read(FILE.replace("hours: sat-sun", "label: All")).tiers[2].is_always_open


def test_a_turn_begins_at_a_time_of_the_wall_clock():
    """A Monday in winter at nine in Berlin."""
    turn = read().tiers[0].turn
    assert turn is not None
    assert (turn.days, turn.since, turn.handover(0)) == (7, date(2026, 1, 5), datetime(2026, 1, 5, 8, tzinfo=UTC))
    assert read(FILE.replace("1 week, from: 2026-01-05 09:00", "3 days, from: 2026-01-05")).tiers[0].turn is not None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rota: 1", "rota: 2", "rota.yaml:2:7: rota: write 1"),
        ("Europe/Berlin", "Berlin", "rota.yaml:3:12: time_zone: 'Berlin' is no time zone; write an IANA name"),
        ("Asia/Colombo", "Colombo", "'Colombo' is no time zone"),
        ("{login: ben}", "{name: Ben}", "rota.yaml:10:8: ben: write a login, or numbers"),
        ("{login: ben}", "{}", "write a login, or numbers"),
        ("name: Kavi Example", "login: BEN", "two people sign in as 'ben'"),
        ("Priya Sample", '"Priya\\nSample"', "name: write it in one line"),
        ("First line", "F" * 81, "label: write it in one line of at most 80 characters"),
        ("rota: 1", "rota: true", "write 1"),
        ("{login: ben}", "", "write a mapping"),
        ("  ben: {login: ben}", '  "b n": {login: bn}\n  ben: {login: ben}', "'b n' is no short name"),
        ("+94 11 555 0100", "011 5550100", "'011 5550100' is no number like +49 30 5550123, with the country's code"),
        ("+94 11 555 0100", "+94115550100", 'write a number in quotes, with its plus sign: "+94115550100"'),
        ("+94 11 555 0100", "+1 900 555 0100", "is a premium-rate number"),
        ("+94 11 555 0100", "+26 6696687", "is no number"),
        ("+94 11 555 0100", "[]", "write at least one entry"),
        ("priya@example.com", "priya", "'priya' is no address like priya@example.com"),
        ("priya@example.com", '"a@example.com\\nBcc: b@example.com"', "is no address"),
        ("2027-01-06", "tomorrow", "'tomorrow' are no days: write 2026-12-24, or 2026-12-24..2026-12-31"),
        ("24..2026-12-31", "24..2026-12-01", "write the first day before the last"),
        ("mon-fri 08:00", "mon-fry 08:00", "'mon-fry' is no day of the week"),
        ("08:00-18:00", "08:00-08:00", "ends before it begins"),
        ("08:00-18:00", "8-18", "'8-18' is no span of hours"),
        ("sat 09:00", "fri 09:00", "the spans of fri overlap"),
        ("hours: sat-sun", "hours: ' '", "must not be empty"),
        ("1 week", "1 month", "write the length of a turn in days or weeks"),
        ("1 week", "0 days", "write the length of a turn in days or weeks"),
        ("1 week", "60 weeks", "a year at most"),
        ("1 week", "7", "write the length of a turn in days or weeks"),
        ("2026-01-05 09:00", "Monday", "write the wall-clock time at which the first turn begins: 2026-01-05 09:00"),
        ("2026-01-05 09:00", "2026-01-05T09:00+01:00", "write the wall-clock time"),
        ("people: [priya, ben]}", "people: [priya, bea]}", "'bea' is no person of this rota; did you mean 'ben'?"),
        ("people: [priya, ben]}", "people: [priya, priya]}", "'priya' is there twice"),
        ("people: [kavi, priya]", "people: []", "write at least one entry"),
        ("    people: [kavi, priya]\n", "", "write exactly one of turn"),
        ("label: First line", "people: [ben]", "write exactly one of turn"),
        ("takes: urgent", "takes: urgently", "'urgently' is no kind of calls; did you mean 'urgent'?"),
        ("ring: in-order", "ring: loudly", "'loudly' is no way to ring"),
        ("ring_seconds: 15", "ring_seconds: 600", "600 is outside 5 to 120"),
        ("id: everybody", "id: first", "'first' is there twice"),
        ("takes: urgent", "take: urgent", "unknown key; did you mean 'takes'?"),
    ],
)
def test_a_mistake_is_told_with_what_to_write(old: str, new: str, said: str):
    """One line, with the place in the file."""
    found = mistakes(old, new)
    assert len(found) == 1, found
    assert said in found[0]
    assert found[0].startswith("rota.yaml:")


def test_every_mistake_is_told_at_once():
    """Whoever mends the first must not meet the next one only then."""
    text = FILE.replace("rota: 1", "rota: 2").replace("1 week", "1 month").replace("kavi, priya]", "kavi, pria]")
    assert [line.split(":")[1] for line in rota.parse(text, "f")[1]] == ["2", "17", "23"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "write a mapping"),
        ("people: [", "syntax"),
        ("- a", "write a mapping"),
        ("rota: 1\nrota: 1", "is there twice"),
    ],
)
def test_what_is_no_rota_at_all_is_told(text: str, said: str):
    """Nothing is raised."""
    assert any(said in line for line in rota.parse(text, "f")[1])


def test_a_rota_is_loaded_from_a_file(tmp_path: Path):
    """Mistakes, bytes that are no text and a file that is none end with one line."""
    path = tmp_path / "rota.yaml"
    path.write_text(FILE, encoding="utf-8")
    assert rota.load(path) == read()
    path.write_text(FILE.replace("1 week", "1 month").replace("rota: 1", "rota: 2"), encoding="utf-8")
    with pytest.raises(Misconfigured) as caught:
        rota.load(path)
    assert caught.value.public.count(str(path)) == 2
    path.write_bytes(b"rota: \xff")
    with pytest.raises(Misconfigured, match="not UTF-8 at byte 6"):
        rota.load(path)
    with pytest.raises(Misconfigured, match="No such file"):
        rota.load(tmp_path / "none.yaml")


def test_hours_that_are_not_said_never_end():
    """A tier without hours takes calls at night and on Sundays."""
    text = FILE.replace("    hours: mon-fri 08:00-18:00, sat 09:00-13:00\n", "")
    assert read(text).tiers[0].hours.week == ALWAYS.week
