"""What people read about a deadline."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from triage.calendars import ALWAYS, Calendar, span
from triage.clock import Event
from triage.explain import About, duration_words, explain
from triage.holidays import holiday
from triage.targets import Commitments, Kind, Measure, Promise, Target, TypeClock

H = timedelta(hours=1)
CLIENT = frozenset({"waiting-on-client"})
OFFICE = Calendar(
    name="office",
    zone="Europe/Rome",
    week=((span("09:00-13:00"), span("14:00-18:00")),) * 5 + ((),) * 2,
    holidays=(holiday("easter+1", "Easter Monday"),),
)
RESPONSE = Target(kind=Kind.RESPONSE, calendar=OFFICE, within=2 * H, clause="Sample §1", pauses=CLIENT)
MADE = Commitments(
    levels={
        "P1": (
            replace(RESPONSE, within=H, calendar=ALWAYS, assumed=True),
            Target(kind=Kind.UPDATE, calendar=ALWAYS, within=4 * H),
            Target(kind=Kind.RESOLUTION, calendar=OFFICE, within=16 * H, pauses=CLIENT, promise=Promise.OBJECTIVE),
        ),
        "P2": (
            RESPONSE,
            Target(kind=Kind.UPDATE, calendar=OFFICE, measure=Measure.END_OF_DAY, days=1),
            Target(kind=Kind.RESOLUTION, calendar=OFFICE, measure=Measure.ESTIMATE),
        ),
    },
    types={"help": TypeClock(clocked=False, reason="only incidents and bugs have times")},
)


def at(day: int, hour: float) -> datetime:
    """A moment of April 2026 in Rome, counted in days and hours; Easter Monday is the sixth."""
    return (datetime(2026, 4, day, tzinfo=ZoneInfo("Europe/Rome")) + hour * H).astimezone(UTC)


def event(moment: datetime, kind: str, value: str = "", until: datetime | None = None) -> Event:
    """Something that happened, with an id of its own."""
    return Event(id=f"{moment.isoformat()} {kind} {value}", at=moment, kind=kind, value=value, until=until)


def started(level: str, moment: datetime) -> tuple[Event, ...]:
    """A request that came by phone and has a level."""
    return event(moment, "started", "phone"), event(moment, "level", level)


def told(events: Iterable[Event], now: datetime, kind: Kind, promise: Promise = Promise.GUARANTEED) -> list[str]:
    """The words of an explanation."""
    return [line.text for line in explain(MADE, events, now, kind, promise)]


def test_intervals_pauses_holidays_and_closed_hours_are_told():
    """In order of time; closed hours are one line, and the clause stands beside the target."""
    events = (*started("P1", at(2, 12)), event(at(3, 10), "paused", "waiting-on-client"), event(at(3, 15), "resumed"))
    assert told(events, at(7, 10), Kind.RESOLUTION, Promise.OBJECTIVE) == [
        "Counted from Thu 02 Apr 2026 12:00 CEST: started (phone).",
        "Resolution within 16 h on calendar office (objective).",
        "Thu 02 Apr 2026 12:00 CEST to Thu 02 Apr 2026 13:00 CEST: 1 h counted.",
        "Thu 02 Apr 2026 14:00 CEST to Thu 02 Apr 2026 18:00 CEST: 4 h counted.",
        "Fri 03 Apr 2026 09:00 CEST to Fri 03 Apr 2026 10:00 CEST: 1 h counted.",
        "Fri 03 Apr 2026 10:00 CEST to Fri 03 Apr 2026 15:00 CEST: waiting-on-client, the clock stood still.",
        "Fri 03 Apr 2026 15:00 CEST to Fri 03 Apr 2026 18:00 CEST: 3 h counted.",
        "Mon 06 Apr 2026: Easter Monday, a day off.",
        "Tue 07 Apr 2026 09:00 CEST to Tue 07 Apr 2026 13:00 CEST: 4 h counted.",
        "Tue 07 Apr 2026 14:00 CEST to Tue 07 Apr 2026 17:00 CEST: 3 h counted.",
        "Closed hours left out 4 times: 104 h in all.",
        "Due Tue 07 Apr 2026 17:00 CEST, 6 h left.",
    ]


def test_a_change_of_level_is_told_with_the_deadline_it_replaced():
    """WSO2's P1 with a workaround becomes P2: counted again from the original start, the miss not forgotten."""
    events = (*started("P1", at(2, 9)), event(at(2, 10.5), "level", "P2"), event(at(2, 11), "responded"))
    lines = explain(MADE, events, at(2, 12), Kind.RESPONSE)
    until_then = "; the deadline until then was Thu 02 Apr 2026 08:00 UTC"
    assert [line.text for line in lines] == [
        "Counted from Thu 02 Apr 2026 09:00 CEST: started (phone).",
        f"level P1 became level P2 at Thu 02 Apr 2026 10:30 CEST, counted again from the start{until_then}, missed.",
        "Response within 2 h on calendar office (guaranteed).",
        "Thu 02 Apr 2026 09:00 CEST to Thu 02 Apr 2026 11:00 CEST: 2 h counted.",
        "Due Thu 02 Apr 2026 11:00 CEST; met, Thu 02 Apr 2026 11:00 CEST.",
    ]
    assert [line.clause for line in lines if line.about is About.TARGET] == ["Sample §1"]


def test_an_assumed_value_says_so():
    """And a miss is called one."""
    events = (*started("P1", at(2, 9)), event(at(2, 11), "responded"))
    texts = told(events, at(2, 12), Kind.RESPONSE)
    assert "Response within 1 h on calendar 24x7 (guaranteed, an assumed value)." in texts
    assert texts[-1] == "Due Thu 02 Apr 2026 08:00 UTC; missed: met late, Thu 02 Apr 2026 09:00 UTC."
    assert told(started("P1", at(2, 9)), at(2, 12), Kind.RESPONSE)[-1] == "Due Thu 02 Apr 2026 08:00 UTC; missed."


def test_a_paused_clock_says_what_is_left():
    """And when it would be due if work went on now."""
    events = (*started("P2", at(2, 9)), event(at(2, 10), "paused", "waiting-on-client"))
    texts = told(events, at(2, 12), Kind.RESPONSE)
    assert texts[-2:] == [
        "Thu 02 Apr 2026 10:00 CEST until now: waiting-on-client, the clock stood still.",
        "Paused with 1 h left; if work resumed now it would be due Thu 02 Apr 2026 13:00 CEST.",
    ]


def test_a_pause_the_policy_does_not_honour_is_told_too():
    """The reader sees why the clock ran on."""
    events = (*started("P1", at(2, 9)), event(at(2, 9), "responded"), event(at(2, 10), "paused", "waiting-on-client"))
    assert "Thu 02 Apr 2026 08:00 UTC until now: waiting-on-client, this clock runs on." in told(
        events, at(2, 12), Kind.UPDATE
    )


def test_a_resolution_ends_a_pause():
    """What waited for the customer waits no more."""
    events = (*started("P1", at(2, 9)), event(at(2, 10), "paused", "waiting-on-client"), event(at(2, 11), "resolved"))
    texts = told(events, at(3, 12), Kind.RESOLUTION, Promise.OBJECTIVE)
    assert (
        "Thu 02 Apr 2026 10:00 CEST to Thu 02 Apr 2026 11:00 CEST: waiting-on-client, the clock stood still." in texts
    )
    assert texts[-1] == "Due Tue 07 Apr 2026 10:00 CEST; met, Thu 02 Apr 2026 11:00 CEST."


def test_updates_tell_the_contacts_before_and_the_time_agreed():
    """Earlier cycles are one line each; the agreed time stands in for the cadence."""
    events = (
        *started("P2", at(2, 9)),
        event(at(2, 10), "responded"),
        event(at(2, 11), "estimated", until=at(7, 12)),
        event(at(2, 15), "updated"),
    )
    texts = told(events, at(3, 9), Kind.UPDATE)
    assert texts[:3] == [
        "Earlier update, level P2: due Fri 03 Apr 2026 18:00 CEST, met Thu 02 Apr 2026 11:00 CEST.",
        "Counted from Thu 02 Apr 2026 11:00 CEST: estimated.",
        "Update by the time agreed, Tue 07 Apr 2026 12:00 CEST (guaranteed).",
    ]
    assert texts[-1] == "Due Tue 07 Apr 2026 12:00 CEST, 99 h left."
    daily = told(events[:3], at(2, 12), Kind.UPDATE)
    assert "Update by the end of the working day, 1 later on calendar office (guaranteed)." in daily


def test_a_resolution_by_estimate_tells_that_none_was_given_and_that_one_was_replaced():
    """The former estimate is not forgotten."""
    start = started("P2", at(2, 9))
    assert told(start, at(2, 12), Kind.RESOLUTION)[-1] == "No estimate has been given yet."
    estimates = (event(at(2, 10), "estimated", until=at(3, 12)), event(at(3, 10), "estimated", until=at(8, 12)))
    texts = told((*start, *estimates), at(3, 11), Kind.RESOLUTION)
    until_then = "the deadline until then was Fri 03 Apr 2026 12:00 CEST"
    assert f"A new estimate was given at Fri 03 Apr 2026 10:00 CEST; {until_then}." in texts


@pytest.mark.parametrize(
    ("events", "kind", "text"),
    [
        ((), Kind.RESPONSE, "No clock has started: the request has not reached a channel the SLA covers."),
        (started("P1", at(2, 9)), Kind.UPDATE, "Updates are due after the first response."),
        (started("P4", at(2, 9)), Kind.RESPONSE, "No target for level P4."),
        (
            (*started("P1", at(2, 9)), event(at(2, 9), "type", "help")),
            Kind.RESPONSE,
            "Only incidents and bugs have times.",
        ),
    ],
)
def test_where_no_clock_runs_the_reason_is_told(events: tuple[Event, ...], kind: Kind, text: str):
    """Never an empty page."""
    assert told(events, at(2, 12), kind)[-1] == text


def test_a_clock_the_policy_does_not_have_gives_no_line():
    """There is nothing to explain."""
    assert not told(started("P1", at(2, 9)), at(2, 12), Kind.WORKAROUND)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (90 * H / 60, "1 h 30 min"),
        (timedelta(0), "0 min"),
        (timedelta(seconds=61.5), "1 min 1 s"),
        (-2 * H, "minus 2 h"),
    ],
)
def test_amounts_of_time_are_written_for_people(amount: timedelta, words: str):
    """Down to the fraction of a second where there is one."""
    assert duration_words(amount) == words
