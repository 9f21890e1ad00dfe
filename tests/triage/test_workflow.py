"""Statuses and steps: who may do what, what must be told, what the clock hears, what is only proposed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from models.errors import Conflict, Forbidden, Invalid
from triage.calendars import Calendar, span
from triage.reading import read
from triage.statuses import read_workflow
from triage.workflow import CLIENT, OnMessage, Stage, Workflow, allowed, move, on_message, proposal, taking

OFFICE = Calendar(name="office", zone="Europe/Rome", week=((span("09:00-17:00"),),) * 5 + ((),) * 2)
PACK = """\
start: open
statuses:
  - {value: open, label: Open, stage: waiting, definition: New., clause: "§1"}
  - {value: in-progress, label: In Progress, stage: working, definition: Worked on., clause: "§1"}
  - {value: waiting-on-client, label: Waiting on Client, stage: client, definition: We asked., clause: "§1"}
  - {value: waiting-on-us, label: Waiting on us, stage: waiting, definition: They answered., clause: "§1"}
  - {value: resolved, label: Resolved, stage: resolved, definition: Done., clause: "§1"}
  - {value: closed, label: Closed, stage: closed, definition: Accepted., clause: "§1"}
  - {value: reopened, label: Re-opened, stage: waiting, definition: Not enough., clause: "§1"}
  - {value: deferred, label: Deferred, stage: postponed, definition: Put off., clause: "§1"}
steps:
  - {id: start, label: Start, from: [open, waiting-on-us, reopened], to: in-progress, by: [engineer], takes: true,
      clause: "§2"}
  - {id: ask, label: Ask, from: [in-progress, waiting-on-us], to: waiting-on-client, by: [engineer], clause: "§2"}
  - {id: answer, label: Answer, from: [waiting-on-client], to: waiting-on-us, by: [client], on_message: at-once,
      clause: "§2"}
  - {id: resolve, label: Resolve, from: [in-progress, waiting-on-us], to: resolved, by: [engineer], clause: "§2"}
  - id: defer
    label: Defer
    from: [waiting-on-us]
    to: deferred
    by: [engineer]
    asks: [{name: agreement, ask: "What was agreed with the client?"}]
    clause: "§2"
  - {id: close, label: Close, from: [waiting-on-client, resolved], to: closed, by: [client], clause: "§2"}
  - {id: reopen, label: Re-open, from: [resolved, closed], to: reopened, by: [client, engineer], on_message: proposed,
      clause: "§2"}
  - {id: resume, label: Re-open, from: [deferred], to: reopened, by: [client, engineer], on_message: at-once,
      clause: "§2"}
reopen: {owner: last, clause: "§3"}
on_behalf: {by: [engineer], asks: [{name: said, ask: "Who said so, and when?"}], clause: "§4"}
resolutions:
  - {value: solved, label: Solved, clause: "§5"}
  - {value: cannot-reproduce, label: Cannot reproduce, by: [lead],
      asks: [{name: setup, ask: "Same set-up?"}, {name: patches, ask: "Same patches?"}], clause: "§5"}
silence: {status: waiting-on-client, step: close, follow_ups: 3, days: 3, calendar: office, clause: "§6", assumed: true}
"""


def told(text: str) -> tuple[Workflow, list[str]]:
    """The workflow in a text, and its mistakes."""
    node = read(text, "mine.yaml")
    return read_workflow(node, calendars={"office": OFFICE}), node.mistakes


FLOW, MISTAKES = told(PACK)


def steps(status: str, actor: str) -> list[str]:
    """The steps offered."""
    return [offer.step.id for offer in allowed(FLOW, status, actor)]


def test_a_sound_workflow_has_no_mistakes():
    """Fourteen single transitions, each with its actors."""
    assert MISTAKES == []
    assert len(FLOW.edges) == 14
    assert ("waiting-on-us", "deferred", ("engineer",)) in FLOW.edges


@pytest.mark.parametrize(
    ("status", "actor", "offered"),
    [
        ("open", "engineer", ["start"]),
        ("open", "lead", ["start"]),
        ("open", "viewer", []),
        ("open", CLIENT, []),
        ("waiting-on-client", CLIENT, ["answer", "close"]),
        ("waiting-on-client", "engineer", ["answer", "close"]),
        ("waiting-on-us", "engineer", ["start", "ask", "resolve", "defer"]),
        ("waiting-on-us", CLIENT, []),
        ("resolved", CLIENT, ["close", "reopen"]),
        ("gone", "admin", []),
    ],
)
def test_each_actor_is_offered_their_own_steps(status: str, actor: str, offered: list[str]):
    """Nobody sees a step that is not theirs; a role may do what the roles below it may."""
    assert steps(status, actor) == offered


def test_deferring_needs_the_agreement_with_the_client():
    """Without a note of it nothing is put off; with one the clock hears of the pause."""
    with pytest.raises(Invalid) as refused:
        move(FLOW, "waiting-on-us", "defer", "engineer", {"agreement": "  "})
    assert "What was agreed" in refused.value.public
    deferred = move(FLOW, "waiting-on-us", "defer", "engineer", {"agreement": "Mara, by phone: after the audit"})
    assert deferred.signals == (("paused", "deferred"),)


def test_a_client_s_step_is_recorded_only_with_who_said_so():
    """What a client says on the telephone may be written down by an engineer, and shows as that."""
    with pytest.raises(Invalid, match="Who said so"):
        move(FLOW, "resolved", "close", "engineer", {})
    assert move(FLOW, "resolved", "close", "engineer", {"said": "Mara, 10:30, call"}).on_behalf
    assert not move(FLOW, "resolved", "close", CLIENT, {}).on_behalf


def test_cannot_reproduce_is_no_answer_of_an_engineer_alone():
    """It is a lead's to say, after every question of the list; an engineer is told so."""
    with pytest.raises(Invalid, match="not for engineer"):
        move(FLOW, "in-progress", "resolve", "engineer", {"resolution": "cannot-reproduce"})
    with pytest.raises(Invalid) as refused:
        move(FLOW, "in-progress", "resolve", "lead", {"resolution": "cannot-reproduce", "setup": "yes"})
    assert refused.value.public == "Same patches?"
    with pytest.raises(Invalid, match="choose one of solved"):
        move(FLOW, "in-progress", "resolve", "engineer", {})
    assert move(FLOW, "in-progress", "resolve", "engineer", {"resolution": "solved"}).signals == (("resolved", ""),)


def test_codes_that_are_all_a_lead_s_leave_an_engineer_none():
    """A pack whose every code needs a lead lets nobody below resolve without one."""
    strict, mistakes = told(
        PACK.replace("{value: solved, label: Solved,", "{value: solved, label: Solved, by: [lead],")
    )
    assert mistakes == []
    for told_with in ({}, {"resolution": "solved"}):
        with pytest.raises(Invalid):
            move(strict, "in-progress", "resolve", "engineer", told_with)
    assert move(strict, "in-progress", "resolve", "lead", {"resolution": "solved"}).to == "resolved"


def test_a_step_that_is_not_there_and_one_that_is_not_yours_differ():
    """Somebody else was faster, or it is not for you: two answers."""
    with pytest.raises(Conflict, match="'Open'"):
        move(FLOW, "open", "resolve", "engineer", {})
    with pytest.raises(Forbidden, match="only for engineer"):
        move(FLOW, "open", "start", CLIENT, {})


def test_taking_starts_progress_and_tells_the_clock():
    """Whoever takes a request works on it; where they do already, nothing moves."""
    step = taking(FLOW, "open")
    assert step is not None
    assert move(FLOW, "open", step.id, "engineer", {}).signals == (("taken", ""),)
    assert taking(FLOW, "in-progress") is None


def test_a_message_resumes_at_once_and_re_opens_only_when_a_person_says_so():
    """An answer un-pauses whatever channel it came by; a word of thanks re-opens nothing."""
    found = {status: on_message(FLOW, status) for status in ("waiting-on-client", "deferred", "resolved", "open")}
    ways = {status: step.on_message if step else None for status, step in found.items()}
    assert ways == {
        "waiting-on-client": OnMessage.AT_ONCE,
        "deferred": OnMessage.AT_ONCE,
        "resolved": OnMessage.PROPOSED,
        "open": None,
    }
    assert move(FLOW, "waiting-on-client", "answer", CLIENT, {}).signals == (("resumed", ""),)
    assert move(FLOW, "deferred", "resume", CLIENT, {}).signals == (("resumed", ""),)


def test_re_opening_goes_back_to_the_last_owner_and_starts_the_clocks_anew():
    """Only what was over is re-opened; what was put off goes on."""
    reopened = move(FLOW, "closed", "reopen", "engineer", {})
    assert (reopened.to, reopened.signals, reopened.returns) == ("reopened", (("reopened", ""),), True)
    assert not move(FLOW, "deferred", "resume", "engineer", {}).returns


@given(some.data())
def test_the_clock_is_told_of_every_pause_and_end_and_of_nothing_else(data: some.DataObject):
    """Along any walk pauses and resolutions open and close in turn, as the statuses do."""
    status, paused, over = FLOW.start, False, False
    answers = {"agreement": "x", "said": "x", "resolution": "solved"}
    for _ in range(20):
        offers = allowed(FLOW, status, "engineer")
        taken = data.draw(some.sampled_from(offers))
        moved = move(FLOW, status, taken.step.id, "engineer", answers)
        for kind, value in moved.signals:
            if kind == "paused":
                assert value == moved.to
            paused = {"paused": True, "resumed": False, "resolved": False}.get(kind, paused)
            over = {"resolved": True, "reopened": False}.get(kind, over)
        status = moved.to
        assert paused == (FLOW.stage(status) in {Stage.CLIENT, Stage.POSTPONED})
        assert over == (FLOW.stage(status) in {Stage.RESOLVED, Stage.CLOSED})


MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""Ten o'clock in Rome."""


def test_silence_is_followed_up_three_times_and_then_only_proposed_to_be_over():
    """Each waits three whole working days; the last one is a proposal with its own step, never a step taken."""
    days = [timedelta(days=3), timedelta(days=8), timedelta(days=13), timedelta(days=20)]
    assert proposal(FLOW, "waiting-on-client", MONDAY, [], MONDAY + timedelta(days=2, hours=20)) is None
    sent: list[datetime] = []
    for number, later in enumerate(days[:3], 1):
        found = proposal(FLOW, "waiting-on-client", MONDAY, sent, MONDAY + later)
        assert found is not None
        assert (found.what, found.number, found.step) == ("follow-up", number, "")
        sent.append(MONDAY + later)
    assert proposal(FLOW, "waiting-on-client", MONDAY, sent, MONDAY + timedelta(days=16)) is None
    last = proposal(FLOW, "waiting-on-client", MONDAY, sent, MONDAY + days[3])
    assert last is not None
    assert (last.what, last.step, last.assumed) == ("resolve", "close", True)
    assert proposal(FLOW, "in-progress", MONDAY, sent, MONDAY + days[3]) is None


@given(some.lists(some.integers(-100, 900), max_size=6), some.integers(0, 900), some.integers(0, 900))
def test_a_proposal_is_made_once_and_stays_what_it_is(sent: list[int], now: int, later: int):
    """Asked again with the same reminders it has the same key and moment; order and repeats do not matter."""
    reminders = [MONDAY + timedelta(hours=one) for one in sent]
    first, second = (MONDAY + timedelta(hours=hours) for hours in sorted((now, now + later)))
    known = [one for one in reminders if one <= first]
    before = proposal(FLOW, "waiting-on-client", MONDAY, known, first)
    after = proposal(FLOW, "waiting-on-client", MONDAY, [*reversed(known), *known], second)
    assert before is None or before == after


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("start: open", "start: opne", "start: 'opne' is no status; did you mean 'open'?"),
        ("to: in-progress, by", "to: in-progres, by", "did you mean 'in-progress'?"),
        ("by: [client], on_message", "by: [engineer], on_message", "only a step of the client follows"),
        ("stage: postponed", "stage: asleep", "'asleep' is no stage; known are"),
        ("id: resume", "id: reopen", "steps: 'reopen' is there twice"),
        ("from: [deferred]", "from: [closed]", "no step leads out of 'deferred'"),
        ("to: deferred\n", "to: reopened\n", "no step leads from 'open' to 'deferred'"),
        ("by: [engineer], clause", "by: [], clause", "write at least one entry"),
        ("step: close, follow", "step: defer, follow", "'defer' is no step from there"),
        ("days: 3,", "days: 0,", "write 1 or more working days"),
        ("from: [in-progress, waiting-on-us], to: resolved", "takes: true, from: [waiting-on-us], to: resolved",
         "two steps out of 'waiting-on-us' have 'takes'"),
        ("calendar: office", "calendar: offices", "'offices' is no calendar; did you mean 'office'?"),
        ("owner: last", "owner: first", "'first' is no owner"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_workflow_is_told_with_its_place(good: str, bad: str, words: str):
    """Each names file, line and column, and what to write instead."""
    found = told(PACK.replace(good, bad))[1]
    assert any(mistake.startswith("mine.yaml:") and words in mistake for mistake in found), found
