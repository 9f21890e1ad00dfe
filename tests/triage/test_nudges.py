"""Habits as nudges: seen when they should be, once, and never done by themselves."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from triage.calendars import Calendar, span
from triage.habits import read_nudges
from triage.nudges import Habit, Nudge, Record, Rule, asking, bounces, nudges, taking, untold
from triage.reading import read
from triage.sections import Question
from triage.timeline import Event
from triage.workflow import Stage

OFFICE = Calendar(name="office", zone="Europe/Rome", week=((span("09:00-17:00"),),) * 5 + ((),) * 2)
PACK = """\
left-behind: {calendar: office, clause: "§1"}
in-progress: {limit: 1, clause: "§2", assumed: true}
ask-once: {clause: "§3"}
update:
  days: 1
  calendar: office
  fields: [{name: done, ask: What was done?}, {name: eta, ask: By when?}]
  clause: "§4"
own: {clause: "§5"}
assumptions: {clause: "§6"}
stagnation: {after: {P1: 2 h, P2: 8 h}, calendar: office, clause: "§7"}
time: {calendar: office, clause: "§8"}
follow-up: {days: 2, calendar: office, types: [bug], clause: "§9"}
"""
H = timedelta(hours=1)
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""Ten o'clock in Rome; the office closes at 16:00 UTC."""


def told(text: str) -> tuple[tuple[Rule, ...], list[str]]:
    """The habits in a text, and the mistakes."""
    node = read(text, "mine.yaml")
    known = {"levels": frozenset({"P1", "P2", "P3"}), "types": frozenset({"bug", "help"})}
    return read_nudges(node, **known, calendars={"office": OFFICE}), node.mistakes


RULES, MISTAKES = told(PACK)


def event(kind: str, hours: float, value: str = "", until: float | None = None) -> Event:
    """Something that happened so many hours after that Monday at ten."""
    ends = None if until is None else MONDAY + until * H
    return Event(id=f"{kind}-{hours}", at=MONDAY + hours * H, kind=kind, value=value, until=ends)


def seen(habit: Habit, hours: float, *events: Event, stage: Stage = Stage.WORKING, **more: Any) -> list[Nudge]:
    """The nudges of one habit after so many hours, for a request that stands there since Monday at ten."""
    record = Record(stage=stage, since=MONDAY, events=events, **more)
    return [one for one in nudges(RULES, record, MONDAY + hours * H) if one.habit is habit]


def test_what_waits_for_us_is_left_behind_and_what_waits_for_others_is_not():
    """Open, re-opened and answered requests are to be gone by the end of the day."""
    assert MISTAKES == []
    found = seen(Habit.LEFT_BEHIND, 1, stage=Stage.WAITING)
    assert [(one.at, one.due, one.clause) for one in found] == [(MONDAY, MONDAY + 7 * H, "§1")]
    for stage in set(Stage) - {Stage.WAITING}:
        assert not seen(Habit.LEFT_BEHIND, 1, stage=stage)


def test_questions_go_out_once_and_with_their_reasons():
    """One without a reason and a second round are warned of; neither is forbidden."""
    record = Record(stage=Stage.WORKING, since=MONDAY, events=(event("asked-client", 1, "3"),))
    questions = [Question(name="log", ask="Which log?", why="To see the cause."), Question(name="os", ask="Which OS?")]
    assert [one.key for one in asking(RULES, record, questions, MONDAY)] == ["ask-once:why:os"]
    assert [one.key for one in asking(RULES, record, questions, MONDAY + 2 * H)] == [
        "ask-once:why:os",
        "ask-once:again:1",
    ]


def test_every_pass_back_to_the_client_is_counted_once():
    """A pause for another reason is no bounce; the same event twice is one."""
    log = [event("paused", 1, "waiting"), event("paused", 3, "waiting"), event("paused", 5, "deferred")]
    assert bounces([*log, log[0]], {"waiting"}) == 2


def test_an_update_is_due_by_the_end_of_the_next_working_day():
    """Seen from that morning on; whatever the client hears from us moves it on."""
    first = event("responded", 1)
    assert not seen(Habit.UPDATE, 22, first)
    found = seen(Habit.UPDATE, 24, first)
    assert [(one.at, one.due) for one in found] == [(MONDAY + 23 * H, MONDAY + 31 * H)]
    assert not seen(Habit.UPDATE, 24, first, event("updated", 23.5))


def test_an_agreed_time_stands_in_for_updates_until_it_passes():
    """No update is due before it, one at once when it has passed, and the next day's after that update."""
    estimate = event("estimated", 1, until=50)
    assert not seen(Habit.UPDATE, 49, estimate)
    passed = seen(Habit.UPDATE, 50, estimate, owner="ada")
    assert [(one.due, one.to) for one in passed] == [(MONDAY + 50 * H, "ada")]
    assert not seen(Habit.UPDATE, 52, estimate, event("updated", 51))


@pytest.mark.parametrize("stage", [Stage.CLIENT, Stage.POSTPONED, Stage.RESOLVED, Stage.CLOSED])
def test_nobody_is_updated_while_it_is_not_our_turn(stage: Stage):
    """Waiting for the client, put off, or over: no update is due and nothing stagnates."""
    assert not seen(Habit.UPDATE, 200, stage=stage)
    assert not seen(Habit.STAGNATION, 200, stage=stage)


def test_an_update_tells_four_things():
    """What is not told yet is named; blanks tell nothing."""
    assert [one.name for one in untold(RULES, {"done": "Restarted.", "eta": " "})] == ["eta"]


def test_a_re_opened_request_belongs_to_its_last_owner():
    """Until somebody owns it again; who owned it after that does not count."""
    log = [event("owned", 1, "ada"), event("owned", 2, "ben"), event("resolved", 3), event("reopened", 30)]
    assert [one.to for one in seen(Habit.OWN, 31, *log, stage=Stage.WAITING)] == ["ben"]
    assert not seen(Habit.OWN, 31, *log, stage=Stage.WAITING, owner="ada")
    assert not seen(Habit.OWN, 29, *log, stage=Stage.WAITING)


@pytest.mark.parametrize(("level", "hours"), [("P1", 2), ("P2", 24), (None, 2)])
def test_what_lies_still_stagnates_by_its_level_in_working_time(level: str | None, hours: float):
    """A level that is not known counts as the most urgent one."""
    assert not seen(Habit.STAGNATION, hours - 0.1, level=level)
    assert seen(Habit.STAGNATION, hours, level=level)
    assert not seen(Habit.STAGNATION, hours, event("noted", hours - 0.5), level=level)


def test_a_level_the_policy_does_not_name_never_stagnates():
    """A wish may wait; and a warning of ours is no work on a request."""
    assert not seen(Habit.STAGNATION, 2000, level="P3")
    assert seen(Habit.STAGNATION, 3, event("warned-50", 1), level="P1")


def test_time_is_asked_for_after_the_day_and_never_made_up():
    """Whoever worked and reported nothing is reminded; who reported is not."""
    log = [event("acted", 1, "ada"), event("acted", 2, "ben"), event("worked", 5, "ben"), event("acted", 25, "ben")]
    assert not seen(Habit.TIME, 6.9, *log)
    assert [one.key for one in seen(Habit.TIME, 7, *log)] == ["time:ada:2026-03-02"]
    assert [one.to for one in seen(Habit.TIME, 48, *log)] == ["ada", "ben"]


def test_open_assumptions_show_when_a_request_is_said_to_be_solved():
    """Verified or refuted ones do not."""
    log = [event("assumed", 1, "same patches"), event("assumed", 2, "standalone"), event("settled", 3, "standalone")]
    assert not seen(Habit.ASSUMPTIONS, 4, *log)
    found = seen(Habit.ASSUMPTIONS, 6, *log, event("resolved", 5), stage=Stage.RESOLVED)
    assert [one.text for one in found] == ["Never verified: same patches"]


def test_a_resolution_is_followed_up_and_a_confirmed_bug_gets_its_patch():
    """The client is asked two working days later; what they accept asks for the patch release."""
    solved = event("resolved", 1)
    assert not seen(Habit.FOLLOW_UP, 46, solved, stage=Stage.RESOLVED)
    assert [one.key for one in seen(Habit.FOLLOW_UP, 47, solved, stage=Stage.RESOLVED)] == ["follow-up:ask:resolved-1"]
    accepted = (solved, event("accepted", 20))
    assert not seen(Habit.FOLLOW_UP, 60, *accepted, stage=Stage.CLOSED, type="help")
    assert [one.key for one in seen(Habit.FOLLOW_UP, 60, *accepted, stage=Stage.CLOSED, type="bug")] == [
        "follow-up:patch:resolved-1"
    ]


def test_a_second_request_at_once_is_a_soft_limit():
    """It is shown, with its clause and that it is assumed; nobody is stopped."""
    found = taking(RULES, 1, MONDAY)
    assert found is not None
    assert (found.clause, found.assumed) == ("§2", True)
    assert taking(RULES, 0, MONDAY) is None
    assert taking((), 9, MONDAY) is None


some_events = some.builds(
    event,
    some.sampled_from(
        ["responded", "updated", "estimated", "noted", "owned", "reopened", "resolved", "acted", "worked", "assumed",
         "settled", "accepted", "paused", "asked-client"]
    ),
    some.integers(-10, 300).map(float),
    some.sampled_from(["", "ada", "ben"]),
    some.one_of(some.none(), some.integers(0, 300).map(float)),
)  # fmt: skip
records = some.builds(
    Record,
    stage=some.sampled_from([*Stage, None]),
    since=some.just(MONDAY),
    level=some.sampled_from(["P1", "P2", "P3", None]),
    type=some.sampled_from(["bug", None]),
    owner=some.sampled_from(["", "ada"]),
    events=some.lists(some_events, max_size=10, unique_by=lambda one: one.id).map(tuple),
)


@given(records, some.randoms(), some.integers(0, 400))
def test_order_repeats_and_the_future_do_not_matter(record: Record, random: Any, hours: int):
    """The same log in any order nudges alike; what has not happened yet nudges nobody."""
    now = MONDAY + hours * H
    mixed = [*(one for one in record.events if one.at <= now), *record.events[:2]]
    random.shuffle(mixed)
    same = Record(stage=record.stage, since=record.since, level=record.level, type=record.type, owner=record.owner,
                  events=tuple(mixed))  # fmt: skip
    assert nudges(RULES, same, now) == nudges(RULES, record, now)
    assert all(one.at <= now for one in nudges(RULES, record, now))


@given(records, some.integers(0, 400), some.integers(0, 400))
def test_a_nudge_keeps_its_key_while_nothing_happens(record: Record, hours: int, later: int):
    """Shown an hour or a week later it is the same one, so that it is mailed or dismissed once."""
    known = tuple(one for one in record.events if one.at <= MONDAY + hours * H)
    still = Record(stage=record.stage, since=record.since, level=record.level, type=record.type, owner=record.owner,
                   events=known)  # fmt: skip
    before = nudges(RULES, still, MONDAY + hours * H)
    after = nudges(RULES, still, MONDAY + (hours + later) * H)
    assert set(before) <= set(after)
    assert len({one.key for one in after}) == len(after)


@given(records, some.integers(0, 400))
def test_a_level_that_is_not_known_is_never_let_lie_longer(record: Record, hours: int):
    """Whatever stagnates with its level known stagnates without."""
    now = MONDAY + hours * H
    blind = Record(stage=record.stage, since=record.since, type=record.type, owner=record.owner, events=record.events)
    known = {one.key for one in nudges(RULES, record, now) if one.habit is Habit.STAGNATION}
    assert known <= {one.key for one in nudges(RULES, blind, now)}


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("left-behind:", "left-behnd:", "unknown key; did you mean 'left-behind'?"),
        ("{limit: 1, ", "{", "the key 'limit' is missing"),
        ("P1: 2 h", "P1: 2 days", "write it as 4 h"),
        ("P1: 2 h", "P7: 2 h", "unknown key"),
        ("types: [bug]", "types: [fault]", "'fault' is no type"),
        ("days: 2", "days: two", "write a number from 0 to 1000"),
    ],
)
def test_a_mistake_in_a_habit_is_told_with_its_place(good: str, bad: str, words: str):
    """Each names file, line and column, and what to write instead."""
    found = told(PACK.replace(good, bad))[1]
    assert any(mistake.startswith("mine.yaml:") and words in mistake for mistake in found), found
