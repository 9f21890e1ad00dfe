"""What an engineer tells the client and asks them, and what they write down: each meets what it should, and no more."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from models import tables
from models.errors import Conflict, Forbidden, Invalid, NotFound
from models.terms import Channel, Interaction, Role
from triage.clock import clocks
from triage.desk import ledger, messages, progress
from triage.desk.reception import Reception, receive
from triage.policy import Policy, load_packs
from triage.sections import Question
from triage.targets import Kind

PACKS = load_packs()
WSO2 = PACKS["wso2"]
HOUR = timedelta(hours=1)
WHY = ("Which patches are installed?", "It may be mended in a later one.")


def raised(session: Session, now: datetime, policy: Policy = WSO2, *, started: bool = True) -> UUID:
    """A P1 incident under a policy, by portal or (not `started`) by mail."""
    interaction = Interaction(
        source=f"form:{uuid4()}",
        channel=Channel.PORTAL if started else Channel.EMAIL,
        received_at=now,
        subject="Orders fail",
        clock_started_at=now if started else None,
    )
    wanted = receive(session, interaction, now, reception=Reception(policies=PACKS, default_policy=policy.id)).request
    for name, value in (("type", "incident"), ("level", policy.levels[0].value)):
        tables.requests.record_clock(session, wanted, name, "decision:1", now, value=value)
    return wanted


def common(now: datetime, **more: Any) -> dict[str, Any]:
    """Who does it, and when."""
    return {"engineer": "mara", "role": Role.ENGINEER, "policy": WSO2, "now": now, **more}


def version(session: Session, request_id: UUID) -> int:
    """The version of a request."""
    request = tables.requests.fetch(session, request_id)
    assert request is not None
    return request.version


def tell(session: Session, request_id: UUID, now: datetime, text: str = "We look into it.", **more: Any) -> Any:
    """Write to the client."""
    return messages.tell(session, request_id, **{"text": text, "given": {}, **common(now), **more})


def ask(session: Session, request_id: UUID, now: datetime, *questions: tuple[str, str], **more: Any) -> Any:
    """Ask the client."""
    given = {"questions": questions or [WHY], "move": True, "version": version(session, request_id), **common(now)}
    return messages.ask(session, request_id, **{**given, **more})


def step(session: Session, request_id: UUID, name: str, now: datetime, **more: Any) -> None:
    """Take a step."""
    given = {"given": {}, "version": version(session, request_id), **common(now), **more}
    progress.transition(session, request_id, step=name, **given)


def rows(session: Session, request_id: UUID, *kinds: str) -> list[tables.requests.ClockEvent]:
    """The entries of some kinds."""
    return [row for row in tables.requests.clock_events(session, request_id) if row.event in kinds]


def kinds(session: Session, request_id: UUID) -> list[str]:
    """The messages to the client, in their order."""
    told = ("responded", "updated", "estimated", "workaround", "asked-client")
    return [row.event for row in rows(session, request_id, *told)]


@pytest.fixture
def request_id(session: Session, now: datetime) -> UUID:
    """A WSO2 incident."""
    return raised(session, now)


def test_the_first_message_responds_and_the_next_ones_update(session, request_id, now):
    """A12: a human's own message meets the response; what it does not tell comes back (R11)."""
    untold = tell(session, request_id, now + HOUR / 2, given={"done": "Read the log", "else": "dropped"})
    assert [one.name for one in untold] == ["outcome", "next", "eta"]
    tell(session, request_id, now + HOUR)
    assert kinds(session, request_id) == ["responded", "updated"]
    (first, _) = rows(session, request_id, "responded", "updated")
    assert first.is_public
    assert first.note == "We look into it.\n\nWhat have you done?\nRead the log"
    assert first.detail == {"text": "We look into it.", "fields": {"done": "Read the log"}}
    found = clocks(WSO2.commitments, ledger.events(session, request_id), now + HOUR)
    response = next(one for one in found if one.kind is Kind.RESPONSE)
    assert response.met_at == now + HOUR / 2


def test_a_message_before_the_clock_started_does_not_use_up_the_response(session, now):
    """A mail starts no clock; the first message after the portal's form is the response of that clock."""
    wanted = raised(session, now, started=False)
    tell(session, wanted, now + HOUR)
    tell(session, wanted, now + 2 * HOUR)
    tables.requests.record_clock(session, wanted, "started", "form:1", now + 3 * HOUR, value="portal")
    tell(session, wanted, now + 4 * HOUR)
    assert kinds(session, wanted) == ["responded", "updated", "responded"]


@pytest.mark.parametrize("started", [True, False])
def test_a_reopened_request_is_responded_to_anew(session, now, started):
    """A7: each round has its own response."""
    wanted = raised(session, now, started=started)
    tell(session, wanted, now + HOUR)
    for hours, name in ((2, "start-progress"), (3, "resolve"), (4, "reopen")):
        step(session, wanted, name, now + hours * HOUR, given={"resolution": "solved"})
    tell(session, wanted, now + 5 * HOUR)
    assert kinds(session, wanted) == ["responded", "responded"]


def test_a_workaround_and_an_agreed_time_are_told_in_one_message(session, request_id, now):
    """Two entries of one source; the client reads it once."""
    until = now + 8 * HOUR
    tell(session, request_id, now + HOUR, "Restart node two; the patch comes tonight.", until=until, workaround=True)
    estimated, workaround = sorted(rows(session, request_id, "estimated", "workaround"), key=lambda row: row.event)
    assert (estimated.until, workaround.until) == (until, None)
    assert estimated.source == workaround.source
    assert [row.note for row in (workaround, estimated) if row.is_public] == [workaround.note]
    assert kinds(session, request_id).count("responded") == 0


@pytest.mark.parametrize("until", [timedelta(0), -HOUR, "naive"])
def test_an_agreed_time_lies_ahead_and_has_a_zone(session, request_id, now, until):
    """A time that has passed is no estimate; one without a zone is nobody's."""
    when = (now + HOUR).replace(tzinfo=None) if until == "naive" else now + until
    with pytest.raises(Invalid, match="until"):
        tell(session, request_id, now, until=when)


def test_a_message_without_words_is_none(session, request_id, now):
    """An empty update answers nobody."""
    with pytest.raises(Invalid, match="text"):
        tell(session, request_id, now, "  ", given={"else": "x"})
    assert kinds(session, request_id) == []


def test_questions_go_out_in_one_go_each_with_its_reason(session, request_id, now):
    """R7, R8: one entry holds them all, they answer the client too, and the request waits for them."""
    step(session, request_id, "start-progress", now)
    assert ask(session, request_id, now + HOUR, WHY, ("What runs on node two?", "To tell the cases apart.")) == ()
    (asked,) = rows(session, request_id, "asked-client")
    assert (asked.value, asked.is_public, len(asked.detail["questions"])) == ("2", True, 2)
    assert asked.note.startswith("1. Which patches are installed?\nIt may be mended in a later one.\n\n2. What runs")
    assert sorted(kinds(session, request_id)) == ["asked-client", "responded"]
    request = tables.requests.fetch(session, request_id)
    assert (request.status, [row.value for row in rows(session, request_id, "paused")]) == (
        "waiting-on-client",
        ["waiting-on-client"],
    )


def test_questions_without_reasons_are_named_all_at_once(session, request_id, now):
    """R8: reason out why you ask; nothing is sent before."""
    with pytest.raises(Invalid) as refused:
        ask(session, request_id, now, ("Which version?", ""), WHY, ("Which node?", " "))
    assert refused.value.public == "Say why you ask: Which version? Say why you ask: Which node?"
    with pytest.raises(Invalid, match="at least one"):
        ask(session, request_id, now, (" ", ""))
    with pytest.raises(Invalid, match="Say what you ask"):
        ask(session, request_id, now, ("", "because"))
    assert kinds(session, request_id) == []


def test_a_second_round_of_questions_warns(session, request_id, now):
    """R7: all in one go; the second round is sent, with a word about it."""
    step(session, request_id, "start-progress", now)
    ask(session, request_id, now + HOUR, move=False)
    (nudge,) = ask(session, request_id, now + 2 * HOUR)
    assert "once already" in nudge.text
    assert len(rows(session, request_id, "asked-client")) == 2


@pytest.mark.parametrize(
    ("pack", "begin", "status"),
    [
        ("wso2", "", ""),
        ("wso2", "start-progress", "waiting-on-client"),
        ("witboost", "take-charge", "waiting-for-customer"),
        ("oro", "start", "waiting-for-customer"),
        ("parallels", "start", "waiting-for-customer"),
    ],
)
def test_asking_moves_the_request_where_the_policy_lets_it(session, now, pack, begin, status):
    """WSO2 leaves Open to In Progress only (C12): there the questions are asked, and the status stays."""
    policy = PACKS[pack]
    wanted = raised(session, now, policy)
    if begin:
        step(session, wanted, begin, now, policy=policy)
    ask(session, wanted, now + HOUR, policy=policy)
    assert tables.requests.fetch(session, wanted).status == status
    assert len(rows(session, wanted, "asked-client")) == 1


def test_a_waiting_step_that_asks_for_more_is_left_to_a_person(session, now):
    """Its answers were not given: the questions go out, and the step is taken by itself."""
    steps = tuple(
        replace(one, asks=(Question(name="until", ask="Until when?"),)) if one.id == "ask-client" else one
        for one in WSO2.workflow.steps
    )
    policy = replace(WSO2, workflow=replace(WSO2.workflow, steps=steps))
    wanted = raised(session, now)
    step(session, wanted, "start-progress", now)
    ask(session, wanted, now + HOUR, policy=policy)
    assert tables.requests.fetch(session, wanted).status == "in-progress"
    assert len(rows(session, wanted, "asked-client")) == 1


def test_asking_what_somebody_has_changed_is_a_conflict(session, request_id, now):
    """The question may be answered by what changed."""
    with pytest.raises(Conflict):
        ask(session, request_id, now, version=7)


def test_notes_are_for_us_unless_they_are_public(session, request_id, now):
    """A note answers nobody: the response is still owed."""
    messages.note(session, request_id, text="Looks like the cache.", **common(now))
    messages.note(session, request_id, text="We have reproduced it.", public=True, **common(now + HOUR))
    assert [(row.note, row.is_public) for row in rows(session, request_id, "noted")] == [
        ("Looks like the cache.", False),
        ("We have reproduced it.", True),
    ]
    assert kinds(session, request_id) == []
    with pytest.raises(Invalid):
        messages.note(session, request_id, text="\n", **common(now))


def test_an_assumption_is_written_down_once_and_settled_once(session, request_id, now):
    """R9: stated, then verified; whether it held is kept."""
    made = messages.assume(session, request_id, text="They run the same patch level.", **common(now))
    with pytest.raises(Conflict):
        messages.assume(session, request_id, text="They run the same patch level. ", **common(now))
    with pytest.raises(NotFound):
        messages.settle(session, request_id, assumption="assumption:none", holds=True, **common(now + HOUR))
    messages.settle(session, request_id, assumption=made, holds=False, **common(now + HOUR))
    with pytest.raises(Conflict):
        messages.settle(session, request_id, assumption=made, holds=True, **common(now + HOUR))
    (settled,) = rows(session, request_id, "settled")
    assert (settled.value, settled.detail) == (
        "They run the same patch level.",
        {"holds": False, "assumption": made},
    )


@pytest.mark.parametrize(("minutes", "fits"), [(0, False), (1, True), (1440, True), (1441, False), (-5, False)])
def test_support_time_is_between_a_minute_and_a_day(session, request_id, now, minutes, fits):
    """R14: reported by whoever worked."""
    if not fits:
        with pytest.raises(Invalid, match="1440"):
            messages.work(session, request_id, minutes=minutes, text="", **common(now))
        return
    messages.work(session, request_id, minutes=minutes, text="Read the log", **common(now))
    (row,) = rows(session, request_id, "worked")
    assert (row.value, row.note, row.detail, row.is_public) == ("mara", "Read the log", {"minutes": minutes}, False)


def test_a_viewer_writes_nothing(session, request_id, now):
    """Whoever may only look neither tells, asks nor notes."""
    viewer = common(now, role=Role.VIEWER)
    before = len(tables.requests.clock_events(session, request_id))
    for attempt in (
        lambda: messages.tell(session, request_id, text="x", given={}, **viewer),
        lambda: messages.ask(session, request_id, questions=[WHY], move=False, version=1, **viewer),
        lambda: messages.note(session, request_id, text="x", **viewer),
        lambda: messages.assume(session, request_id, text="x", **viewer),
        lambda: messages.settle(session, request_id, assumption="x", holds=True, **viewer),
        lambda: messages.work(session, request_id, minutes=5, text="x", **viewer),
    ):
        with pytest.raises(Forbidden):
            attempt()
    assert len(tables.requests.clock_events(session, request_id)) == before
