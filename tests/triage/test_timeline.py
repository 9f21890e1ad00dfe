"""A log read as rounds, pauses and classifications, whatever shares a moment."""

from datetime import UTC, datetime, timedelta

from triage.timeline import Event, Pause, Stint, timeline

START = datetime(2026, 11, 19, 9, 0, tzinfo=UTC)


def event(id_: str, minutes: int, kind: str, value: str = "") -> Event:
    """Something that happened so many minutes after the start."""
    return Event(id=id_, at=START + timedelta(minutes=minutes), kind=kind, value=value)


def test_type_and_level_decided_at_once_are_one_change():
    """Whichever comes first, nothing of no length stands between them."""
    log = [event("a", 0, "started"), event("b", 30, "level", "P1"), event("c", 30, "type", "incident")]
    log += [event("d", 60, "type", "query"), event("e", 60, "level", "P2")]
    line = timeline(log, START + timedelta(hours=2))
    assert line.stints == [
        Stint(START + timedelta(minutes=30), "incident", "P1"),
        Stint(START + timedelta(minutes=60), "query", "P2"),
    ]


def test_a_level_that_changes_and_changes_back_at_once_is_no_change():
    """The stint before goes on."""
    log = [event("a", 0, "started"), event("b", 1, "level", "P1"), event("c", 5, "level", "P2")]
    line = timeline([*log, event("d", 5, "level", "P1")], START + timedelta(hours=1))
    assert [stint.level for stint in line.stints] == ["P1"]


def test_a_reopening_that_waits_for_the_client_is_paused():
    """Both at one moment: the round begins, then it pauses, whichever id is smaller."""
    log = [event("a", 0, "started"), event("b", 60, "resolved")]
    log += [event("c", 120, "paused", "waiting"), event("d", 120, "reopened")]
    line = timeline(log, START + timedelta(hours=3))
    assert line.rounds[-1].pauses == [Pause(START + timedelta(hours=2), None, "waiting")]
