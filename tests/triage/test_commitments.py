"""The clocks of a pack: what its `clocks:` becomes, and every mistake of it told with its place."""

from datetime import timedelta

import pytest

from triage.policy import check, load_packs, parse
from triage.targets import Kind, Measure, Promise

PACK = """\
id: mine
version: 3
name: Mine
source: "Our own handbook"
sla_channels: [portal]
threshold: 0.5
types:
  - {value: fault, label: Fault, definition: Broken., clause: "§1"}
  - {value: advice, label: Advice, definition: A question., clause: "§1"}
levels:
  - {value: high, label: High, definition: Bad., clause: "§2"}
  - {value: low, label: Low, definition: Not so bad., clause: "§3"}
clocks:
  calendars:
    - id: office
      zone: Europe/Rome
      week: {mon-thu: ["09:00-13:00", "14:00-18:00"], fri: ["09:00-13:00"]}
      holidays:
        - {on: easter+1, name: Easter Monday}
      clause: "§4"
      assumed: [holidays]
  pauses:
    - {status: waiting-for-customer, clause: "§5", assumed: true}
  met_by: {response: [taken]}
  types:
    - {type: advice, clocked: false, reason: advice has no times, clause: "§6"}
  targets:
    - {level: high, kind: response, within: 1 h 30 min, calendar: office, promise: objective, clause: "§7"}
    - {level: high, kind: resolution, by: estimate, calendar: 24x7, pauses: [], clause: "§8", assumed: true}
  no_target:
    - {level: [low], clause: "§9"}
  warn_at: [80, 100]
"""


def test_a_pack_says_what_it_promises():
    """Calendars, targets, pauses, what meets a clock, types without one, and when to warn."""
    pack, mistakes = parse(PACK.encode(), "mine.yaml")
    assert mistakes == []
    office = pack.calendars["office"]
    assert [len(spans) for spans in office.week] == [2, 2, 2, 2, 1, 0, 0]
    response, resolution = pack.commitments.levels["high"]
    assert (response.kind, response.within, response.promise) == (
        Kind.RESPONSE,
        timedelta(minutes=90),
        Promise.OBJECTIVE,
    )
    assert (response.calendar, response.pauses) == (office, frozenset({"waiting-for-customer"}))
    assert (resolution.measure, resolution.pauses, resolution.assumed) == (Measure.ESTIMATE, frozenset(), True)
    assert pack.commitments.levels["low"] == ()
    assert pack.commitments.met_by[Kind.RESPONSE] == ("taken",)
    assert pack.commitments.met_by[Kind.RESOLUTION] == ("resolved",)
    assert pack.commitments.applying("advice", "high") == ((), "advice has no times")
    assert pack.commitments.warn_at == (80, 100)


def test_whatever_is_no_target_has_its_ground():
    """Calendars, pauses, types and missing targets show their clause, and what of them is assumed."""
    pack = parse(PACK.encode(), "mine.yaml")[0]
    assert [(one.what, one.clause, one.assumed) for one in pack.grounds] == [
        ("calendar office", "§4", ("holidays",)),
        ("pause waiting-for-customer", "§5", ("value",)),
        ("type advice", "§6", ()),
        ("no target for low", "§9", ()),
    ]


def test_a_pack_without_clocks_promises_nothing():
    """Packs that were written before there were clocks keep working, with the plain workflow."""
    pack = parse(PACK[: PACK.index("clocks:")].encode(), "mine.yaml")[0]
    assert (pack.commitments.levels, pack.calendars, pack.escalation) == ({}, {}, ())
    assert [status.value for status in pack.workflow.statuses] == [
        "open",
        "in-progress",
        "waiting-for-customer",
        "resolved",
    ]
    assert all(step.assumed for step in pack.workflow.steps)


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("Europe/Rome", "Europe/Roma", "mine.yaml:16:13: zone: calendar office: 'Europe/Roma' is no time zone"),
        ("fri: [", "frei: [", "'frei' is no day of the week: write one of mon, tue"),
        ("fri: [", "thu: [", "thu is there twice"),
        ('fri: ["09:00-13:00"]', 'fri: ["9-13"]', "'9-13' is no span of hours: write it as 09:00-17:00"),
        ('fri: ["09:00-13:00"]', 'fri: ["18:00-09:00"]', "ends before it begins"),
        ('"14:00-18:00"', '"12:00-18:00"', "week: calendar office: the spans of mon overlap or are out of order"),
        ("on: easter+1", "on: easter Monday", "mine.yaml:19:16: on: 'easter Monday' is no day: write 2026-12-25"),
        ("assumed: [holidays]", "assumed: [days]", "'days' is no part of a calendar"),
        ("id: office", "id: 24x7", "'24x7' is the calendar that every policy has"),
        ("{status: waiting-for-customer", "{status: waiting-for-costumer", "did you mean 'waiting-for-customer'?"),
        ("{status: waiting-for-customer", "{status: open", "'open' is no status in which work waits for somebody else"),
        ("response: [taken]", "response: [took]", "'took' is no event of a clock; known are estimated"),
        ("met_by: {response", "met_by: {answer", "answer: unknown key"),
        ("type: advice", "type: advise", "'advise' is no type; did you mean 'advice'?"),
        ("clocked: false, reason: advice has no times", "reason: none", "write either as_level, or clocked: false"),
        ("clocked: false, reason: advice has no times", "clocked: false", "the key 'reason' is missing"),
        ("clocked: false, reason: advice has no times", "as_level: lowest", "'lowest' is no level"),
        ("within: 1 h 30 min", "within: two hours", "'two hours' is no amount of time: write it as 4 h"),
        ("within: 1 h 30 min, ", "", "a target measured by time needs a `within` above zero"),
        ("by: estimate", "by: guess", "'guess' is no measure; known are end-of-day, estimate, time"),
        ("by: estimate", "by: estimate, days: 2", "only a target by end-of-day counts days"),
        ("kind: resolution", "kind: reply", "'reply' is no kind of clock"),
        ("promise: objective", "promise: hoped", "'hoped' is no promise; known are guaranteed, objective"),
        ("calendar: office, promise", "calendar: offices, promise", "did you mean 'office'?"),
        ("pauses: []", "pauses: [open]", "'open' is no status in which work waits for somebody else"),
        ("level: [low]", "level: [high]", "level 'high' stands under no_target: keep one of the two"),
        (
            "level: [low]",
            "level: [high]",
            "targets: level 'low' has none: write one, or name the level under no_target",
        ),
        ("level: [low]", "level: [lower]", "'lower' is no level; did you mean 'low'?"),
        ("[80, 100]", "[100, 80]", "write each per cent once, the smallest first"),
        ("[80, 100]", "[80, 101]", "101 is outside 1 to 100"),
        ("  targets:", "  target:", "clocks: the key 'targets' is missing"),
        ("  warn_at:", "  warn:", "warn: unknown key; did you mean 'warn_at'?"),
    ],
)
def test_a_mistake_in_the_clocks_is_told_with_its_place(good: str, bad: str, told: str):
    """File, line, column, and what to write instead."""
    assert good in PACK
    mistakes = check(PACK.replace(good, bad), "mine.yaml")
    assert any(told in mistake for mistake in mistakes), mistakes


def test_targets_that_contradict_each_other_are_refused():
    """Two of one kind and promise; updates that follow no response."""
    twice = PACK.replace("kind: resolution, by: estimate", "kind: response, promise: objective, by: estimate")
    assert any("level high has two targets of one kind and promise" in one for one in check(twice, "mine.yaml"))
    alone = PACK.replace("kind: response", "kind: update")
    assert any("level high has an update target but no response target" in one for one in check(alone, "mine.yaml"))


def test_all_mistakes_of_the_clocks_are_told_at_once():
    """One bad calendar, one bad status and one bad level are three mistakes, not a cascade."""
    broken = PACK.replace("Europe/Rome", "Rome").replace("status: waiting-for", "status: wait-for")
    assert len(check(broken.replace("[80, 100]", "[80, 101]"), "mine.yaml")) == 3


def test_every_commitment_of_the_built_in_packs_has_its_clause():
    """And no level of theirs was forgotten: each has targets or none by a clause."""
    for pack in load_packs().values():
        targets = [target for each in pack.commitments.levels.values() for target in each]
        assert all(entry.clause for entry in (*targets, *pack.grounds))
        assert set(pack.commitments.levels) == {level.value for level in pack.levels}


def test_clocks_pause_only_in_statuses_of_the_workflow():
    """A pause nobody can enter would never stop a clock."""
    for pack in load_packs().values():
        known = {status.value for status in pack.workflow.statuses}
        for targets in pack.commitments.levels.values():
            assert all(target.pauses <= known for target in targets)
