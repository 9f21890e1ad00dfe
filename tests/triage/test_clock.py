"""SLA clocks as a pure function of the event log: deadlines, pauses, changes, estimates, warnings."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from triage.calendars import ALWAYS, Calendar, span
from triage.clock import Clock, Event, State, clocks, next_change
from triage.targets import Commitments, Kind, Measure, Promise, Target, TypeClock

H, MINUTE = timedelta(hours=1), timedelta(minutes=1)
CLIENT = frozenset({"waiting-on-client", "deferred"})
OFFICE = Calendar(name="office", zone="Europe/Rome", week=((span("09:00-13:00"), span("14:00-18:00")),) * 5 + ((),) * 2)
ROME = ZoneInfo("Europe/Rome")


def target(kind: Kind, hours: float, calendar: Calendar = OFFICE, **more: object) -> Target:
    """A guaranteed target that pauses while the client is asked."""
    return replace(Target(kind=kind, calendar=calendar, within=hours * H, pauses=CLIENT), **more)


LADDER = Commitments(
    levels={
        "P1": (target(Kind.RESPONSE, 1), target(Kind.UPDATE, 4), target(Kind.RESOLUTION, 8)),
        "P2": (target(Kind.RESPONSE, 2), target(Kind.UPDATE, 8), target(Kind.RESOLUTION, 16, pauses=frozenset())),
        "P3": (
            target(Kind.RESPONSE, 48),
            Target(kind=Kind.RESOLUTION, calendar=OFFICE, measure=Measure.ESTIMATE, pauses=CLIENT),
        ),
        "ER": (),
    },
    types={
        "help": TypeClock(clocked=False, reason="only incidents and bugs have times"),
        "query": TypeClock(as_level="P3"),
    },
)


def at(text: str) -> datetime:
    """A moment of November 2026 in Rome, as UTC: `19 09:30` (a Thursday)."""
    return datetime.strptime(f"2026 11 {text}", "%Y %m %d %H:%M").replace(tzinfo=ROME).astimezone(UTC)


def log(*lines: str) -> tuple[Event, ...]:
    """A log written as `19 09:30 level P1`; `-> 20 12:00` at the end of a line is an agreed time."""
    events = []
    for number, line in enumerate(lines):
        words, _, until = line.partition(" -> ")
        day, hour, kind, *value = words.split()
        events.append(Event(id=f"{number:03}", at=at(f"{day} {hour}"), kind=kind, value=" ".join(value),
                            until=at(until) if until else None))  # fmt: skip
    return tuple(events)


def clock(
    kind: Kind, events: Iterable[Event], now: str, made: Commitments = LADDER, promise: str = "guaranteed"
) -> Clock:
    """One clock as it stands at a moment of November."""
    return next(one for one in clocks(made, events, at(now)) if (one.kind, one.promise) == (kind, promise))


def test_no_clock_starts_before_an_sla_channel_is_reached():
    """A redirected mail is logged, even classified, and starts nothing."""
    found = clocks(LADDER, log("19 09:00 received email", "19 09:10 level P1", "19 09:20 responded"), at("20 09:00"))
    assert {one.state for one in found} == {State.NONE}
    assert all("has not reached a channel" in one.reason and one.due is None for one in found)


@pytest.mark.parametrize("channel", ["phone", "portal"])
def test_the_clock_is_the_same_whatever_the_channel(channel: str):
    """WSO2 §4: the SLA remains the same, independent of the channel."""
    found = clock(Kind.RESPONSE, log(f"19 12:30 started {channel}", "19 12:30 level P1"), "19 12:45")
    assert (found.state, found.due, found.remaining) == (State.RUNNING, at("19 14:30"), 45 * MINUTE)


def test_a_later_contact_starts_the_clock_of_a_redirected_mail_with_the_level_it_has_by_then():
    """What happened before the start counts nothing; the level that was set then is in force."""
    events = log("18 09:00 received email", "18 09:30 level P2", "18 10:00 responded",
                 "19 09:00 started portal")  # fmt: skip
    found = clock(Kind.RESPONSE, events, "19 10:00")
    assert (found.state, found.due, found.level, found.fraction) == (State.RUNNING, at("19 11:00"), "P2", 0.5)


def test_a_second_start_changes_nothing():
    """The first contact on a covered channel is the start."""
    events = log("19 09:00 started phone", "19 09:05 level P1", "19 09:30 started portal")
    assert clock(Kind.RESPONSE, events, "19 09:40").due == at("19 10:00")


def test_without_a_level_there_is_no_target_and_the_reason_is_told():
    """The level then counts from the start, not from when it was set."""
    assert clock(Kind.RESPONSE, log("19 09:00 started phone"), "19 09:20").reason == "no level is set yet"
    found = clock(Kind.RESPONSE, log("19 09:00 started phone", "19 09:30 level P1"), "19 09:40")
    assert (found.due, found.elapsed) == (at("19 10:00"), 40 * MINUTE)


@pytest.mark.parametrize(
    ("answered", "now", "state", "remaining"),
    [
        ("19 10:00", "19 12:00", State.MET, 0),
        ("19 10:01", "19 12:00", State.BREACHED, -1),
        ("19 11:00", "19 10:00", State.RUNNING, 0),
        ("19 11:00", "19 10:01", State.BREACHED, -1),
    ],
)
def test_the_deadline_itself_is_in_time(answered: str, now: str, state: State, remaining: int):
    """Within one hour includes its last moment; an answer after `now` is not there yet."""
    events = log("19 09:00 started phone", "19 09:00 level P1", f"{answered} responded")
    found = clock(Kind.RESPONSE, events, now)
    assert (found.state, found.remaining) == (state, remaining * MINUTE)
    assert found.breached_at == (at("19 10:00") if state is State.BREACHED else None)


def test_pausing_stops_a_clock_only_where_the_policy_says_so():
    """P1 stands still while the client is asked; the P2 resolution of this policy runs on."""
    waiting = ("19 10:00 paused waiting-on-client", "19 12:00 resumed")
    first = clock(Kind.RESOLUTION, log("19 09:00 started phone", "19 09:00 level P1", *waiting), "19 15:00")
    second = clock(Kind.RESOLUTION, log("19 09:00 started phone", "19 09:00 level P2", *waiting), "19 15:00")
    assert (first.due, first.elapsed) == (at("20 11:00"), 3 * H)
    assert (second.due, second.elapsed) == (at("20 18:00"), 5 * H)


def test_a_status_the_policy_does_not_name_pauses_nothing():
    """Waiting on the vendor is our own time."""
    events = log("19 09:00 started phone", "19 09:00 level P1", "19 09:10 paused waiting-on-vendor")
    assert clock(Kind.RESPONSE, events, "19 09:30").due == at("19 10:00")


def test_a_paused_clock_has_no_deadline_but_says_what_it_would_be():
    """Waiting, it can never be missed."""
    events = log("19 09:00 started phone", "19 09:00 level P1", "19 10:00 responded", "19 11:00 paused deferred")
    found = clock(Kind.RESOLUTION, events, "24 10:00")
    assert (found.state, found.due, found.if_resumed) == (State.PAUSED, None, at("24 17:00"))
    assert (found.elapsed, found.remaining) == (2 * H, 6 * H)


def test_pausing_after_the_deadline_heals_nothing():
    """What was missed stays missed."""
    events = log("19 09:00 started phone", "19 09:00 level P1", "19 10:30 paused waiting-on-client")
    found = clock(Kind.RESPONSE, events, "20 10:00")
    assert (found.state, found.due, found.breached_at) == (State.BREACHED, at("19 10:00"), at("19 10:00"))


def test_a_pause_that_begins_at_the_deadline_does_not_move_it():
    """The time was used up at that moment, on either measure."""
    daily = Target(kind=Kind.UPDATE, calendar=OFFICE, measure=Measure.END_OF_DAY, days=1, pauses=CLIENT)
    made = Commitments(levels={"P1": (target(Kind.RESPONSE, 1), daily)})
    events = log("19 09:00 started phone", "19 09:00 level P1", "19 10:00 paused waiting-on-client")
    assert clock(Kind.RESPONSE, events, "19 12:00", made).due == at("19 10:00")
    daily_log = log("19 09:00 started phone", "19 09:00 level P1", "19 09:30 responded", "20 18:00 paused deferred")
    assert clock(Kind.UPDATE, daily_log, "23 12:00", made).due == at("20 18:00")


def test_another_reason_to_wait_replaces_the_one_before():
    """From waiting on the client to waiting on the vendor: the clock runs again without a resumption between."""
    events = log("19 09:00 started phone", "19 09:00 level P1", "19 09:10 paused waiting-on-client",
                 "19 09:40 paused waiting-on-vendor", "19 09:45 paused waiting-on-vendor")  # fmt: skip
    assert clock(Kind.RESPONSE, events, "19 10:00").due == at("19 10:30")


def test_a_level_replaced_at_the_deadline_was_not_missed():
    """Only the moment after it would have been late."""
    events = log("19 09:00 started phone", "19 09:00 level P1", "19 10:00 level P2", "19 10:30 level P2")
    found = clock(Kind.RESPONSE, events, "19 10:30")
    assert [(one.level, one.breached_at) for one in found.ledger] == [("P1", None), ("P2", None)]


def test_a_level_set_at_the_moment_of_the_answer_comes_too_late_for_it():
    """Whichever was written first, the answer met the target that was in force."""
    for lines in (("19 10:30 responded", "19 10:30 level P1"), ("19 10:30 level P1", "19 10:30 responded")):
        found = clock(Kind.RESPONSE, log("19 09:00 started phone", "19 09:00 level P2", *lines), "19 12:00")
        assert (found.state, found.level) == (State.MET, "P2")


def test_a_raised_level_counts_from_the_original_start_minus_pauses():
    """P3 for five hours of which two were the client's: raised to P1, three of its eight hours are used."""
    events = log("19 09:00 started phone", "19 09:00 level P3", "19 09:30 responded",
                 "19 10:00 paused waiting-on-client", "19 12:00 resumed", "19 15:00 level P1")  # fmt: skip
    found = clock(Kind.RESOLUTION, events, "19 15:00")
    assert (found.state, found.elapsed, found.due) == (State.RUNNING, 3 * H, at("20 11:00"))


def test_a_level_raised_too_late_is_missed_when_it_is_raised_not_before():
    """P2 answered by nobody in 90 minutes is in time; as P1 it is late, from that moment on."""
    events = log("19 09:00 started phone", "19 09:00 level P2", "19 10:30 level P1")
    assert clock(Kind.RESPONSE, events, "19 10:29").state is State.RUNNING
    found = clock(Kind.RESPONSE, events, "19 10:45")
    assert (found.state, found.due, found.breached_at) == (State.BREACHED, at("19 10:00"), at("19 10:30"))
    assert {warned.at for warned in found.warnings} == {at("19 10:30")}


def test_a_workaround_mail_turns_p1_into_p2_and_the_ledger_keeps_both():
    """The deadline moves to that of P2 from the original start; the miss under P1 is not forgotten."""
    events = log("19 09:00 started phone", "19 09:00 level P1", "19 10:30 level P2", "19 10:50 responded")
    found = clock(Kind.RESPONSE, events, "19 10:55")
    assert (found.state, found.due, found.met_at) == (State.MET, at("19 11:00"), at("19 10:50"))
    assert [(one.level, one.breached_at, one.met_at) for one in found.ledger] == [
        ("P1", at("19 10:00"), None),
        ("P2", None, at("19 10:50")),
    ]


def test_a_response_in_time_stays_in_time_when_the_level_is_raised_later():
    """It was met under the target that was in force."""
    events = log("19 09:00 started phone", "19 09:00 level P3", "19 16:00 responded", "19 17:00 level P1")
    assert clock(Kind.RESPONSE, events, "20 17:00").state is State.MET


def test_a_type_without_times_has_no_clock_and_says_why():
    """Only incidents and bugs (Witboost); a question counts as another level (WSO2)."""
    start = ("19 09:00 started portal", "19 09:00 level P1")
    found = clock(Kind.RESPONSE, log(*start, "19 09:01 type help"), "19 12:00")
    assert (found.state, found.reason) == (State.NOT_APPLICABLE, "only incidents and bugs have times")
    asked = clock(Kind.RESPONSE, log(*start, "19 09:01 type query"), "19 12:00")
    assert (asked.state, asked.due) == (State.RUNNING, at("26 18:00"))


def test_a_level_without_a_target_is_never_met():
    """An enhancement request shows no target, before and after it is resolved."""
    events = log("19 09:00 started portal", "19 09:00 level ER", "19 10:00 resolved")
    for now in ("19 09:30", "20 09:00"):
        found = clock(Kind.RESOLUTION, events, now)
        assert (found.state, found.reason, found.due) == (State.NOT_APPLICABLE, "no target for level ER", None)


def test_guarantee_and_objective_are_two_clocks():
    """Both figures of a level are shown, each with its own outcome."""
    both = Commitments(levels={"P1": (target(Kind.RESPONSE, 4),
                                      target(Kind.RESPONSE, 1, promise=Promise.OBJECTIVE))})  # fmt: skip
    events = log("19 09:00 started phone", "19 09:00 level P1", "19 11:00 responded")
    assert clock(Kind.RESPONSE, events, "19 12:00", both).state is State.MET
    assert clock(Kind.RESPONSE, events, "19 12:00", both, "objective").state is State.BREACHED


def test_which_events_meet_a_target_is_the_policy_s_to_say():
    """Witboost waits for somebody to take charge, not for a message."""
    charge = replace(LADDER, met_by={**LADDER.met_by, Kind.RESPONSE: ("taken",)})
    events = log("19 09:00 started portal", "19 09:00 level P1", "19 09:30 responded", "19 09:40 taken")
    assert clock(Kind.RESPONSE, events, "19 09:50").met_at == at("19 09:30")
    assert clock(Kind.RESPONSE, events, "19 09:50", charge).met_at == at("19 09:40")


def test_updates_are_due_from_the_first_response_on():
    """The cadence never overrules the first response, and every contact starts it anew."""
    events = log("19 09:00 started phone", "19 09:00 level P1", "19 09:30 responded", "19 14:30 updated")
    early = clock(Kind.UPDATE, events, "19 09:20")
    assert (early.state, early.reason) == (State.NOT_APPLICABLE, "updates are due after the first response")
    assert clock(Kind.UPDATE, events, "19 10:00").due == at("19 14:30")
    later = clock(Kind.UPDATE, events, "19 15:00")
    assert (later.state, later.due, later.ledger[0].met_at) == (State.RUNNING, at("20 09:30"), at("19 14:30"))


def test_a_late_update_is_kept_and_the_next_one_counts_from_it():
    """The clock runs again; when all is resolved, the cadence was missed once."""
    events = log("19 09:00 started phone", "19 09:00 level P1", "19 09:30 responded", "19 15:00 updated",
                 "19 17:00 resolved")  # fmt: skip
    assert clock(Kind.UPDATE, events, "19 14:45").state is State.BREACHED
    running = clock(Kind.UPDATE, events, "19 16:00")
    assert (running.state, [one.breached_at for one in running.ledger]) == (State.RUNNING, [at("19 14:30"), None])
    assert clock(Kind.UPDATE, events, "20 16:00").state is State.BREACHED


def test_an_agreed_time_replaces_the_cadence_until_it_passes():
    """An update before it does not bring the cadence back; passed in silence, an update is due at once."""
    events = log("19 09:00 started phone", "19 09:00 level P1", "19 09:30 responded",
                 "19 10:00 estimated -> 20 16:00", "19 12:00 updated")  # fmt: skip
    found = clock(Kind.UPDATE, events, "20 12:00")
    assert (found.state, found.due, found.estimate) == (State.RUNNING, at("20 16:00"), at("20 16:00"))
    assert clock(Kind.UPDATE, events, "20 16:01").state is State.BREACHED
    told = (*events, Event(id="9", at=at("20 16:00"), kind="updated"))
    assert clock(Kind.UPDATE, told, "20 16:30").due == at("23 11:00")


def test_an_estimate_in_the_past_is_a_contact_like_any_other():
    """It stands in for nothing."""
    events = log("19 09:00 started phone", "19 09:00 level P1", "19 09:30 estimated -> 19 09:00")
    found = clock(Kind.UPDATE, events, "19 10:00")
    assert (found.due, found.estimate) == (at("19 14:30"), None)


def test_a_new_estimate_replaces_the_one_before():
    """Given before the old one passed, it is no miss; given after, it is."""
    start = ("19 09:00 started phone", "19 09:00 level P1", "19 09:30 estimated -> 19 15:00")
    good = clock(Kind.UPDATE, log(*start, "19 14:00 estimated -> 20 15:00"), "20 10:00")
    late = clock(Kind.UPDATE, log(*start, "19 16:00 estimated -> 20 15:00"), "20 10:00")
    assert (good.due, late.due) == (at("20 15:00"), at("20 15:00"))
    assert (good.ledger[0].breached_at, late.ledger[0].breached_at) == (None, at("19 15:00"))


def test_a_resolution_according_to_estimate_has_no_deadline_before_the_estimate():
    """Witboost P3: then it is the agreed time, and a new one in time replaces it."""
    start = ("19 09:00 started portal", "19 09:00 level P3", "19 10:00 responded")
    before = clock(Kind.RESOLUTION, log(*start), "19 12:00")
    assert (before.state, before.due, before.reason) == (State.RUNNING, None, "no estimate has been given yet")
    given = log(*start, "19 12:00 estimated -> 24 12:00", "23 12:00 estimated -> 26 12:00")
    assert clock(Kind.RESOLUTION, given, "20 12:00").due == at("24 12:00")
    assert clock(Kind.RESOLUTION, given, "25 12:00").due == at("26 12:00")
    assert clock(Kind.RESOLUTION, given, "26 12:01").state is State.BREACHED


def test_waiting_on_the_client_moves_an_agreed_time():
    """Work that could not be done was not promised."""
    events = log("19 09:00 started portal", "19 09:00 level P3", "19 10:00 estimated -> 20 10:00",
                 "19 12:00 paused waiting-on-client", "19 18:00 resumed")  # fmt: skip
    assert clock(Kind.RESOLUTION, events, "19 19:00").due == at("20 16:00")


def test_an_update_by_the_end_of_the_working_day():
    """Due when the next working day closes; after a pause, when the day of the resumption does."""
    daily = Target(kind=Kind.UPDATE, calendar=OFFICE, measure=Measure.END_OF_DAY, days=1, pauses=CLIENT)
    made = Commitments(levels={"P4": (target(Kind.RESPONSE, 24), daily)})
    events = log("19 09:00 started portal", "19 09:00 level P4", "19 10:00 responded")
    found = clock(Kind.UPDATE, events, "19 14:00", made)
    assert (found.due, found.elapsed, found.remaining) == (at("20 18:00"), 3 * H, 12 * H)
    paused = (*events, *log("20 10:00 paused waiting-on-client", "23 12:00 resumed"))
    paused = tuple(replace(one, id=f"{number}") for number, one in enumerate(paused))
    assert clock(Kind.UPDATE, paused, "21 10:00", made).state is State.PAUSED
    assert clock(Kind.UPDATE, paused, "23 13:00", made).due == at("23 18:00")


def test_a_reopening_starts_every_clock_anew_and_keeps_the_history():
    """Assumed for every policy: new clocks at the level in force, old misses stay."""
    events = log("19 09:00 started phone", "19 09:00 level P1", "19 11:00 responded", "19 12:00 resolved",
                 "20 09:00 reopened", "20 09:30 responded")  # fmt: skip
    found = clock(Kind.RESPONSE, events, "20 10:00")
    assert (found.state, found.due) == (State.MET, at("20 10:00"))
    assert [one.breached_at for one in found.ledger] == [at("19 10:00"), None]
    again = clock(Kind.UPDATE, events, "20 09:15")
    assert (again.state, again.due) == (State.NOT_APPLICABLE, None)
    assert clock(Kind.UPDATE, events, "20 10:00").due == at("20 14:30")


def test_a_call_answered_by_an_engineer_is_met_at_its_start():
    """Start and response may be one moment, whichever of them has the smaller id."""
    events = log("19 09:00 responded", "19 09:00 level P1", "19 09:00 started phone")
    found = clock(Kind.RESPONSE, events, "19 09:00")
    assert (found.state, found.level, found.fraction) == (State.MET, "P1", 0.0)


def test_warnings_fall_at_half_three_quarters_and_the_whole():
    """In open time: half of a two-hour target from 12:30 is at 14:30, behind the lunch break."""
    found = clock(Kind.RESPONSE, log("19 12:30 started phone", "19 12:30 level P2"), "19 12:30")
    assert [(one.percent, one.at) for one in found.warnings] == [
        (50, at("19 14:30")), (75, at("19 15:00")), (100, at("19 15:30")),
    ]  # fmt: skip
    assert next_change([found], at("19 14:30")) == at("19 15:00")
    missed = next_change([found], at("19 15:30"))
    assert missed == at("19 15:30") + timedelta(microseconds=1)
    assert next_change([found], missed) is None


def test_a_warning_waits_for_the_end_of_the_quiet_hours_but_a_miss_does_not():
    """Nobody is reminded at midnight; a missed deadline is told at once."""
    made = Commitments(levels={"P1": (target(Kind.RESPONSE, 4, ALWAYS, notices=OFFICE),)})
    found = clock(Kind.RESPONSE, log("19 22:00 started phone", "19 22:00 level P1"), "19 22:00", made)
    assert [(one.at, one.notify_at) for one in found.warnings] == [
        (at("20 00:00"), at("20 09:00")), (at("20 01:00"), at("20 09:00")), (at("20 02:00"), at("20 02:00")),
    ]  # fmt: skip


def test_a_target_that_was_met_warns_no_more():
    """Only what fell before is left."""
    events = log("19 09:00 started phone", "19 09:00 level P1", "19 09:40 responded")
    assert [one.percent for one in clock(Kind.RESPONSE, events, "19 12:00").warnings] == [50]
    events = log("19 09:00 started phone", "19 09:00 level P1", "19 09:30 responded")
    assert not clock(Kind.RESPONSE, events, "19 12:00").warnings


def test_a_level_without_updates_waits_for_no_first_response():
    """The reason told is the level's, not that of levels which have a cadence."""
    start = ("19 09:00 started portal", "19 09:00 level P3")
    assert clock(Kind.UPDATE, log(*start), "19 10:00").reason == "no target for level P3"
    assert clock(Kind.UPDATE, log(*start, "19 09:30 level P1", "19 09:40 resolved"), "19 10:00").reason == (
        "resolved with the first response"
    )


def test_a_slip_of_the_pen_leaves_the_clocks_standing():
    """An estimate in the year 9999 is ten years away, and everything else is as it was."""
    events = (*log("19 09:00 started portal", "19 09:00 level P3"),
              Event(id="9", at=at("19 10:00"), kind="estimated", until=datetime.max.replace(tzinfo=UTC)))  # fmt: skip
    found = clock(Kind.RESOLUTION, events, "19 11:00")
    assert found.due is not None
    assert (found.state, found.due.year) == (State.RUNNING, 2036)
