"""Ladders: what begins and ends them, when each step is told, and that it is told once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from triage.calendars import ALWAYS, Calendar, span
from triage.clock import clocks
from triage.escalation import Ladder, causes, due, next_due, read_ladders
from triage.reading import read
from triage.targets import Commitments, Kind, Target
from triage.timeline import Event

OFFICE = Calendar(name="office", zone="Europe/Rome", week=((span("09:00-17:00"),),) * 5 + ((),) * 2)
PACK = """\
- id: critical
  label: Critical
  on: [breached, asked]
  levels: [P1]
  clocks: [response]
  stops: [acknowledged, responded, resolved]
  steps:
    - {id: on-call, label: On call, after: 0 min, to: {role: on-call}, channel: phone}
    - {id: lead, label: Lead, after: 30 min, to: {role: lead}, channel: phone}
  clause: "§1"
- id: stuck
  label: Stuck
  on: [breached, stagnant, asked]
  stops: [acknowledged, resolved]
  counted: office
  notices: office
  steps:
    - {id: lead, label: Lead, after: 0 min, to: {role: lead}, channel: mail}
    - {id: chat, label: Chat, after: 2 h, to: {name: support-chat}, channel: mail}
  clause: "§2"
  assumed: true
"""
H = timedelta(hours=1)
EVENING = datetime(2026, 3, 6, 20, 0, tzinfo=UTC)
"""A Friday evening in Rome, two days before the next opening but one."""


def told(text: str) -> tuple[tuple[Ladder, ...], list[str]]:
    """The ladders in a text, and the mistakes."""
    node = read(text, "mine.yaml")
    known = {"levels": frozenset({"P1", "P2"}), "types": frozenset({"incident"})}
    return read_ladders(node, **known, calendars={"office": OFFICE}), node.mistakes


LADDERS, MISTAKES = told(PACK)


def event(kind: str, hours: float, value: str = "", id_: str = "") -> Event:
    """Something that happened so many hours after that evening."""
    return Event(id=id_ or f"{kind}-{hours}-{value}", at=EVENING + hours * H, kind=kind, value=value)


def keys(events: Sequence[Event], hours: float) -> list[str]:
    """The keys due by then."""
    return [one.key for one in due(LADDERS, events, EVENING + hours * H)]


def test_the_steps_of_a_breach_come_one_after_the_other():
    """Each has a key of its own, a channel and somebody to tell."""
    assert MISTAKES == []
    log = [event("level", -5, "P1"), event("breached", 0, "response", "b")]
    assert keys(log, 0) == ["critical:on-call:b"]
    assert keys(log, 0.4) == ["critical:on-call:b"]
    assert keys(log, 0.5) == ["critical:on-call:b", "critical:lead:b"]
    first = due(LADDERS, log, EVENING)[0]
    assert (first.rung.to.role, first.rung.channel, first.clause) == ("on-call", "phone", "§1")
    assert next_due(LADDERS, log, EVENING) == EVENING + H / 2


def test_what_is_done_is_not_due_again():
    """Whoever keeps the keys is told each step once."""
    log = [event("level", -5, "P1"), event("breached", 0, "response", "b")]
    assert due(LADDERS, log, EVENING + H, done={"critical:on-call:b", "critical:lead:b"}) == ()


def test_quiet_hours_hold_a_step_back_until_the_next_opening():
    """A milder ladder wakes nobody: what begins on Friday evening is told on Monday at nine."""
    log = [event("level", -5, "P2"), event("breached", 0, "response", "b")]
    monday = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)
    assert due(LADDERS, log, monday - timedelta(seconds=1)) == ()
    assert [(one.key, one.at) for one in due(LADDERS, log, monday)] == [("stuck:lead:b", monday)]
    assert next_due(LADDERS, log, monday) == monday + 2 * H


@pytest.mark.parametrize("stop", ["acknowledged", "resolved"])
def test_an_answer_ends_a_ladder_even_while_a_step_waits_for_the_morning(stop: str):
    """What was settled at night is no news in the morning; what was told stays told."""
    log = [event("level", -5, "P2"), event("breached", 0, "response", "b")]
    assert keys([*log, event(stop, 5)], 100) == []
    assert keys([*log, event(stop, 62)], 100) == ["stuck:lead:b"]


def test_what_came_before_a_ladder_does_not_end_it():
    """A request answered once may still be stuck later."""
    log = [event("level", -5, "P1"), event("responded", -1), event("breached", 0, "response", "b")]
    assert keys(log, 1) == ["critical:on-call:b", "critical:lead:b"]


def test_a_level_that_is_not_known_climbs_the_most_severe_ladder():
    """Only a level that is known to be milder chooses the milder ladder, from then on."""
    asked = event("asked", 0, "", "a")
    assert keys([asked], 1) == ["critical:on-call:a", "critical:lead:a"]
    assert keys([asked, event("level", 0.25, "P2")], 100) == ["critical:on-call:a", "stuck:lead:a", "stuck:chat:a"]


def test_another_clock_s_breach_goes_to_the_ladder_that_takes_it():
    """The first ladder is for missed responses only."""
    log = [event("level", -5, "P1"), event("breached", 63, "update", "u")]
    assert keys(log, 63) == ["stuck:lead:u"]


def test_misses_and_warnings_of_clocks_begin_ladders():
    """Each has an id that stays, whatever happens afterwards."""
    target = Target(kind=Kind.RESPONSE, calendar=ALWAYS, within=4 * H)
    log = [event("level", 0, "P1"), event("started", 0, "phone")]
    made = Commitments(levels={"P1": (target,)})
    found = causes(clocks(made, log, EVENING + 5 * H), EVENING + 5 * H)
    assert [(one.kind, one.value, (one.at - EVENING) / H) for one in found] == [
        ("warned-50", "response", 2), ("warned-75", "response", 3), ("breached", "response", 4),
        ("warned-100", "response", 4),
    ]  # fmt: skip
    later = causes(clocks(made, [*log, event("responded", 6)], EVENING + 9 * H), EVENING + 9 * H)
    assert [one for one in found if one.kind == "breached"] == [one for one in later if one.kind == "breached"]


kinds = some.sampled_from(["breached", "stagnant", "asked", "level", "acknowledged", "responded", "resolved", "noted"])
log_entries = some.builds(
    lambda kind, halves, value: event(kind, halves / 2, value),
    kinds,
    some.integers(-4, 160),
    some.sampled_from(["", "response", "update", "P1", "P2"]),
)
logs = some.lists(log_entries, max_size=12)
moments = some.integers(0, 200).map(lambda hours: EVENING + hours * H)


@given(logs, some.randoms(), moments)
def test_the_order_of_the_log_does_not_matter(log: list[Event], random: Any, now: datetime):
    """Neither does an event that is there twice."""
    mixed = [*log, *log[:3]]
    random.shuffle(mixed)
    assert due(LADDERS, mixed, now) == due(LADDERS, log, now)


@given(logs, moments, moments)
def test_a_step_is_proposed_once_with_one_key_and_stays(log: list[Event], now: datetime, later: datetime):
    """What was due stays due, with the same key and moment, however late it is asked for; no key comes twice."""
    first, second = sorted((now, later))
    before, after = due(LADDERS, log, first), due(LADDERS, log, second)
    assert set(before) <= set(after)
    assert len({one.key for one in after}) == len(after)
    assert due(LADDERS, log, second, done={one.key for one in before}) == tuple(
        one for one in after if one not in before
    )


@given(logs, moments)
def test_nothing_is_told_outside_the_hours_for_it(log: list[Event], now: datetime):
    """A step of the milder ladder is told in opening hours only, and no step before its cause."""
    for one in due(LADDERS, log, now):
        assert one.cause.at <= one.at <= now
        assert one.ladder != "stuck" or OFFICE.is_open(one.at)


@given(logs, moments)
def test_forgetting_a_level_never_tells_fewer_causes_of_the_severe_ladder(log: list[Event], now: datetime):
    """With the level unknown, everything that climbed the severe ladder still does."""
    unknown = [one for one in log if one.kind != "level"]
    known = {one.key for one in due(LADDERS, log, now) if one.ladder == "critical"}
    assert known <= {one.key for one in due(LADDERS, unknown, now)}


@given(logs, moments)
def test_nothing_is_due_before_the_next_moment_announced(log: list[Event], now: datetime):
    """Whoever waits until then misses nothing."""
    log = [one for one in log if one.at <= now]
    after = next_due(LADDERS, log, now)
    last = EVENING + 400 * H if after is None else after - timedelta(microseconds=1)
    assert due(LADDERS, log, last) == due(LADDERS, log, now)
    assert after is None or len(due(LADDERS, log, after)) > len(due(LADDERS, log, now))


def test_ladders_are_tried_in_their_order():
    """The most severe stands first; alone, the milder one takes everything."""
    asked = event("asked", 63, "", "a")
    assert {one.ladder for one in due(LADDERS[1:], [asked], EVENING + 64 * H)} == {"stuck"}
    free = replace(LADDERS[0], levels=())
    assert {one.ladder for one in due((free, *LADDERS[1:]), [asked], EVENING + 64 * H)} == {"critical"}


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("on: [breached, asked]", "on: [broken, asked]", "'broken' is no cause; known are asked, breached"),
        ("levels: [P1]", "levels: [P9]", "'P9' is no level"),
        ("{role: on-call}", "{role: on-call, name: mara}", "write exactly one of role, name"),
        ("{role: on-call}", "{role: boss}", "'boss' is no role"),
        ("channel: phone}", "channel: fax}", "'fax' is no channel"),
        ("after: 30 min", "after: half an hour", "write it as 4 h"),
        ("after: 0 min, to: {role: on-call}", "after: 2 h, to: {role: on-call}", "in the order of their times"),
        ("id: stuck", "id: critical", "'critical' is there twice"),
        ("stops: [acknowledged, resolved]", "stops: []", "write at least one entry"),
    ],
)
def test_a_mistake_in_a_ladder_is_told_with_its_place(good: str, bad: str, words: str):
    """Each names file, line and column, and what to write instead."""
    found = told(PACK.replace(good, bad))[1]
    assert any(mistake.startswith("mine.yaml:") and words in mistake for mistake in found), found


def test_a_warning_and_then_the_miss_climb_the_ladder_once():
    """Nobody is called twice for one trouble; once it was taken on, a later miss climbs anew."""
    log = [event("level", -5, "P1"), event("breached", 0, "response", "a"), event("breached", 0.25, "response", "b")]
    assert keys(log, 5) == ["critical:on-call:a", "critical:lead:a"]
    assert [key for key in keys([*log, event("breached", 3, "response", "c")], 5) if key.endswith(":c")] == [
        "critical:on-call:c",
        "critical:lead:c",
    ]
    taken = [*log, event("acknowledged", 0.1), event("breached", 0.3, "response", "d")]
    assert keys(taken, 5) == ["critical:on-call:a", "critical:on-call:b", "critical:lead:b"]


def test_a_ladder_that_was_not_begun_does_not_keep_a_later_cause_away():
    """A warning while the level was milder told nobody; the miss after it was raised does."""
    log = [event("level", -5, "P2"), event("breached", 0, "response", "a"), event("level", 0.1, "P1")]
    found = keys([*log, event("breached", 0.2, "response", "b")], 5)
    assert "critical:on-call:b" in found


def rung_at(log: Sequence[Event], hours: float, **more: Any) -> list[tuple[str, str, float]]:
    """The steps due by so many hours after that evening: ladder, step, and its hours after it."""
    return [(one.ladder, one.rung.id, (one.at - EVENING) / H) for one in due(LADDERS, log, EVENING + hours * H, **more)]


def climbing(log: Sequence[Event], hours: int) -> list[tuple[str, float]]:
    """What is told by looking every five minutes for so many hours: step and hour of each."""
    told_: list[tuple[str, float]] = []
    done: set[str] = set()
    for minute in range(0, hours * 60 + 1, 5):
        for one in due(LADDERS, log, EVENING + timedelta(minutes=minute), done):
            done.add(one.key)
            told_.append((one.rung.id, (one.at - EVENING) / H))
    return told_


def test_a_caller_whom_nobody_took_is_rung_for_until_somebody_takes_it_on():
    """Nobody reached means that paging goes on, though no ladder names the cause; each time once."""
    log = [event("level", -1, "P1"), event("unreached", 0)]
    assert climbing(log, 2) == [
        ("on-call", 0.0), ("lead", 0.5), ("on-call", 0.75), ("lead", 1.25), ("on-call", 1.5), ("lead", 2.0)
    ]  # fmt: skip
    log.append(event("acknowledged", 1))
    assert climbing(log, 24) == [("on-call", 0.0), ("lead", 0.5), ("on-call", 0.75)]
    assert next_due(LADDERS, log, EVENING + 2 * H) is None


def test_paging_that_goes_on_ends_after_all():
    """A day and a half of it; what nobody takes by then is stagnant."""
    log = [event("level", -1, "P1"), event("unreached", 0)]
    assert len({one.key for hour in range(73) for one in due(LADDERS, log, EVENING + hour * H)}) <= 96
    assert next_due(LADDERS, log, EVENING + 72 * H) is None


def test_of_telephones_that_should_have_rung_meanwhile_the_last_time_alone_is_told():
    """A house that was down for hours does not call everybody ten times at once."""
    log = [event("level", -1, "P1"), event("unreached", 0)]
    assert rung_at(log, 8) == [("critical", "on-call", 7.5), ("critical", "lead", 8.0)]


def test_an_unreached_caller_is_rung_for_in_the_middle_of_a_ladder_too():
    """What a missed target began is nearly over; the telephones ring on all the same, and once."""
    log = [event("level", -1, "P1"), event("breached", 0, "response"), event("unreached", 0.4), event("unreached", 0.6)]
    assert climbing(log, 1) == [("on-call", 0.0), ("on-call", 0.4), ("lead", 0.5), ("lead", 0.9)]


@pytest.mark.parametrize("level", ["P1", "P2", ""])
def test_an_unreached_caller_is_rung_for_whatever_the_level_seems_to_be(level: str):
    """They were worth a call; a level that nobody has decided since keeps no telephone still."""
    log = [*([event("level", -1, level)] if level else []), event("unreached", 0)]
    assert rung_at(log, 0) == [("critical", "on-call", 0.0)]


def test_a_level_decided_since_is_judged_by_itself():
    """Somebody has looked: what is no top priority rings nobody."""
    log = [event("unreached", 0), event("level", 0.2, "P2")]
    assert {ladder for ladder, _, at in rung_at(log, 80) if at > 0.2} == {"stuck"}


def test_a_ladder_without_telephones_takes_what_may_be_asked_of_it():
    """A policy that rings nobody tells those who may be asked, once."""
    log = [event("unreached", 0)]
    found = due(LADDERS[1:], log, EVENING + 100 * H)
    assert [one.rung.id for one in found] == ["lead", "chat"]


def test_a_ladder_may_name_unreached_callers():
    """It is a cause like others."""
    _, mistakes = told(PACK.replace("on: [breached, asked]", "on: [breached, unreached]"))
    assert mistakes == []
