"""While nobody has decided, what was suggested counts: warned of, missed, told so, and told once."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import text

from models import tables
from models.terms import Channel, TriageState
from triage import policy
from triage.clock import State, clocks
from triage.desk import ledger, nudging, recipients, watch
from triage.desk.decision import decide, undo
from triage.desk.recipients import Book

PACKS = policy.load_packs()
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
START = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
"""A Wednesday; half past two in the afternoon in the office of the WSO2 pack."""
FIND = partial(recipients.find, book=Book(named={"on-call": ("+49305550100",)}))


@pytest.fixture
def look(session):
    """Look at every request, as beat does, at these minutes after the start."""

    def looked(*minutes):
        for each in minutes:
            session.execute(text("update requests set attention_at = :at"), {"at": START})
            session.expire_all()
            watch.look(session, START + each * MINUTE, policies=PACKS, recipients=FIND)

    return looked


def suggest(session, request, level, type_="incident", *, cause="call"):
    """Let a type and a level be suggested."""
    row = tables.requests.Suggestion(
        request_id=request.id, cause=cause, policy="wso2@1", policy_digest="d", type=type_, priority=level,
        content={"facts": {}}, created_at=START,
    )  # fmt: skip
    session.add(row)
    session.flush()


def called(session, level="P1", *, pack="wso2", channel=Channel.PHONE, **values):
    """A request that nobody has decided, by telephone unless said otherwise."""
    given = {"channel": channel, "subject": "x", "policy": pack, "state": TriageState.TO_CONFIRM, **values}
    request = tables.requests.Request(received_at=START, **given)
    session.add(request)
    session.flush()
    if channel is Channel.PHONE:
        request.clock_started_at = START
        tables.requests.record_clock(session, request.id, "started", "call", START, value="phone")
    if level:
        suggest(session, request, level)
    return request


def confirm(session, request, level, minutes):
    """Decide so many minutes after the start."""
    row = tables.requests.fetch(session, request.id)
    decide(session, row.id, version=row.version, type="incident", priority=level, reason="", engineer="mara",
           policy=PACKS[row.policy], now=START + minutes * MINUTE)  # fmt: skip


def steps(session, request):
    """Ladder, rung and minutes after the start of every step that was told."""
    found = tables.progress.steps(session, request.id)
    return [(one.ladder, one.rung, (one.due_at - START) / MINUTE) for one in found]


def test_an_undecided_request_is_warned_about_and_missed(session, look):
    """A call that looks like P1 and that nobody reads: the ladder climbs, and each step says that nobody decided."""
    request = called(session)
    look(46)
    (first,) = tables.progress.steps(session, request.id)
    assert (first.ladder, first.rung, first.cause) == ("critical", "on-call", "warned-75:response")
    assert "nobody has decided, it looks like" in first.label
    assert "response due 2026-11-18 10:00 UTC" in first.label
    look(62)
    assert ("critical", "support-lead", 60.0) in steps(session, request)
    warned = [row.note for row in tables.requests.clock_events(session, request.id) if row.event == "warned"]
    assert warned
    assert all("nobody has decided" in note for note in warned)
    assert request.decided_priority is None


def test_a_milder_suggestion_rings_nobody_out_of_bed(session, look):
    """The suggested level chooses the ladder: a P2 that nobody reads is told by mail."""
    request = called(session, "P2")
    look(48 * 60)
    found = tables.progress.steps(session, request.id)
    assert {(step.ladder, step.channel) for step in found} == {("stuck", "mail")}
    assert all("nobody has decided" in step.label for step in found)


@pytest.mark.parametrize(("level", "channel"), [(None, Channel.PHONE), ("P1", Channel.EMAIL)])
def test_without_a_level_or_a_start_nothing_is_missed(session, look, level, channel):
    """Nothing to count: no suggested level, or only a mail, whose sender was told where the clock starts."""
    request = called(session, level, channel=channel)
    look(100 * 60)
    assert not [step for step in tables.progress.steps(session, request.id) if ":" in step.cause]
    assert [row for row in tables.requests.clock_events(session, request.id) if row.event == "warned"] == []


def test_a_decision_that_agrees_goes_on_with_the_ladder(session, look):
    """Rung at the supposed warning, confirmed after the miss: nobody is called a second time."""
    request = called(session)
    look(46)
    confirm(session, request, "P1", 50)
    look(51, 61, 110)
    rungs = [rung for _, rung, _ in steps(session, request)]
    assert rungs == ["on-call", "support-lead", "support-leadership"]


def test_a_decision_after_the_supposed_miss_tells_nobody_twice(session, look):
    """Acknowledged, then confirmed late: the miss that the decision finds is the one that was acknowledged."""
    request = called(session)
    request_id = request.id
    session.execute(text("update requests set attention_at = null"))
    look(46, 62)
    tables.requests.record_clock(session, request_id, "acknowledged", "page", START + 63 * MINUTE)
    confirm(session, request, "P1", 70)
    look(71, 90, 110)
    assert [rung for _, rung, _ in steps(session, request)] == ["on-call", "support-lead"]


def test_a_decision_for_a_milder_level_ends_the_supposed_ladder(session, look):
    """A P1 that turns out to be a P3 is not missed; nobody else is told of it."""
    request = called(session)
    look(46)
    before = steps(session, request)
    confirm(session, request, "P3", 50)
    look(51, 65, 120)
    assert steps(session, request) == before


def test_a_decision_for_a_worse_level_begins_its_ladder(session, look):
    """It looked like P3; a P1 is missed at once, and the engineer on call is rung."""
    request = called(session, "P3")
    look(70)
    assert not steps(session, request)
    confirm(session, request, "P1", 80)
    look(81)
    assert ("critical", "on-call", 80.0) in steps(session, request)


def test_a_decision_taken_back_leaves_the_suggestion_to_count(session):
    """Nothing holds then; the clock counts from the call as if the suggestion had been confirmed."""
    request = called(session)
    confirm(session, request, "P3", 5)
    undo(session, request.id, version=request.version, engineer="mara", now=START + 6 * MINUTE)
    counting = ledger.counted(session, request, PACKS["wso2"])
    assert (counting.supposed, counting.level) == (True, "P1")


def test_a_decision_of_another_policy_holds_nobody_up(session, look):
    """Severity 1 is unknown to WSO2: what is suggested counts, and stagnation counts as if nothing were decided."""
    request = called(session, None, state=TriageState.DECIDED, decided_type="incident", decided_priority="1",
                     decided_at=START)  # fmt: skip
    tables.requests.record_clock(session, request.id, "level", "decision:1", START, value="1")
    tables.requests.record_clock(session, request.id, "type", "decision:1", START, value="incident")
    pack = PACKS["wso2"]
    assert ledger.counted(session, request, pack).level is None
    assert nudging.record_of(session, request, pack, START).level is None
    look(5 * 60)
    assert steps(session, request)[0][:2] == ("critical", "on-call")
    suggest(session, request, "P2")
    assert (ledger.counted(session, request, pack).level, ledger.counted(session, request, pack).supposed) == (
        "P2",
        True,
    )


def test_a_pause_of_a_status_that_the_policy_does_not_know_stops_no_clock(session):
    """What is not known never lowers: the clock runs until a status of this policy halts it."""
    request = called(session)
    tables.requests.record_clock(session, request.id, "paused", "s", START + MINUTE, value="of-another-policy")
    log = ledger.counted(session, request, PACKS["wso2"]).events
    found = clocks(PACKS["wso2"].commitments, log, START + 2 * HOUR)
    assert found[0].state is State.BREACHED
