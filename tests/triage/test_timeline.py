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


def test_what_is_resolved_and_reopened_at_once_is_open():
    """The re-opening takes the resolution back, whichever id is smaller, and begins a round."""
    log = [event("a", 0, "started"), event("b", 60, "reopened"), event("c", 60, "resolved")]
    line = timeline(log, START + timedelta(hours=2))
    assert [one.start.kind for one in line.rounds] == ["started", "reopened"]
    assert line.rounds[-1].until is None


def test_what_is_over_and_is_reopened_and_answered_at_once_has_its_answer():
    """The answer belongs to the new round."""
    log = [event("a", 0, "started"), event("b", 60, "resolved")]
    log += [event("c", 120, "responded"), event("d", 120, "reopened")]
    line = timeline(log, START + timedelta(hours=3))
    assert [one.kind for one in line.rounds[-1].events] == ["responded"]


def test_a_call_about_what_was_resolved_by_mail_starts_nothing():
    """A word of thanks by telephone has no deadline."""
    log = [event("a", 30, "resolved"), event("b", 60, "started", "phone")]
    assert timeline(log, START + timedelta(hours=3)).rounds == []


def test_what_was_resolved_by_mail_and_called_about_counts_from_its_reopening():
    """Only then is there work again; without any call there is still no clock."""
    mail = [event("a", 30, "resolved"), event("c", 90, "reopened")]
    line = timeline([*mail, event("b", 60, "started", "phone")], START + timedelta(hours=3))
    assert [one.start.id for one in line.rounds] == ["c"]
    assert timeline(mail, START + timedelta(hours=3)).rounds == []
    line = timeline([*mail, event("d", 120, "started", "phone")], START + timedelta(hours=3))
    assert [one.start.id for one in line.rounds] == ["d"]
