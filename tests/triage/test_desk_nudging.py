"""What somebody should look at: habits applied to stored requests, and the view of what is left behind."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from models import tables
from models.terms import Channel, Interaction, Role
from triage.desk import messages, nudging, progress
from triage.desk.reception import Reception, receive
from triage.nudges import Habit
from triage.policy import Policy, load_packs
from triage.workflow import Stage

PACKS = load_packs()
WSO2, ORO = PACKS["wso2"], PACKS["oro"]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
"""Half past ten in Colombo, seven in Kyiv: every office opens within hours."""


def raised(session: Session, now: datetime, policy: Policy = WSO2, subject: str = "Orders fail") -> UUID:
    """A request by portal."""
    interaction = Interaction(
        source=f"form:{uuid4()}", channel=Channel.PORTAL, received_at=now, subject=subject, clock_started_at=now
    )
    return receive(session, interaction, now, reception=Reception(policies=PACKS, default_policy=policy.id)).request


def fetched(session: Session, request_id: UUID) -> tables.requests.Request:
    """The request as it stands in the database."""
    request = tables.requests.fetch(session, request_id)
    assert request is not None
    session.refresh(request)
    return request


def do(session: Session, request_id: UUID, name: str, now: datetime, policy: Policy = WSO2, **given: str) -> None:
    """Take a step."""
    common = {"engineer": "mara", "role": Role.ENGINEER, "policy": policy, "now": now}
    version = fetched(session, request_id).version
    progress.transition(session, request_id, step=name, given=given, version=version, **common)


def tell(session: Session, request_id: UUID, now: datetime, policy: Policy = WSO2) -> None:
    """Write to the client."""
    common = {"engineer": "mara", "role": Role.ENGINEER, "policy": policy, "now": now}
    messages.tell(session, request_id, text="Any news?", given={}, **common)


def habits(session: Session, request_id: UUID, now: datetime, policy: Policy = WSO2) -> set[str]:
    """The habits that speak."""
    return {one.habit.value for one in nudging.nudges_of(session, fetched(session, request_id), policy, now)}


def left(session: Session, now: datetime, owner: str | None = None) -> list[Any]:
    """The view of what is left behind."""
    return list(nudging.left_behind(session, PACKS, now, owner))


def test_a_record_tells_where_a_request_stands(session):
    """Stage, since when, whose, and the log up to now."""
    wanted = raised(session, MONDAY)
    request = fetched(session, wanted)
    record = nudging.record_of(session, request, WSO2, MONDAY)
    assert (record.stage, record.since, record.owner) == (Stage.WAITING, MONDAY, "")
    do(session, wanted, "start-progress", MONDAY + HOUR)
    record = nudging.record_of(session, fetched(session, wanted), WSO2, MONDAY + HOUR)
    assert (record.stage, record.since, record.owner) == (Stage.WORKING, MONDAY + HOUR, "mara")
    assert {one.kind for one in record.events} == {"started", "status", "taken", "owned", "acted"}
    before = nudging.record_of(session, fetched(session, wanted), WSO2, MONDAY)
    assert [one.kind for one in before.events] == ["started"]


def test_what_nobody_works_on_is_left_behind_until_somebody_does(session):
    """R3: open is left behind; taken it is not, but an update is owed by the end of the day (R12)."""
    wanted = raised(session, MONDAY)
    assert Habit.LEFT_BEHIND in habits(session, wanted, MONDAY + HOUR)
    do(session, wanted, "start-progress", MONDAY + HOUR)
    assert habits(session, wanted, MONDAY + 2 * HOUR) == {"update"}
    tell(session, wanted, MONDAY + 2 * HOUR)
    assert habits(session, wanted, MONDAY + 3 * HOUR) == set()


def test_a_reopened_request_nobody_owns_is_its_last_owners(session):
    """R15: without anybody to return it to, the habit says whose it was; it stands in their own view."""
    wanted = raised(session, MONDAY)
    do(session, wanted, "start-progress", MONDAY + HOUR)
    do(session, wanted, "resolve", MONDAY + 2 * HOUR, resolution="solved")
    common = {"engineer": "mara", "role": Role.ENGINEER, "policy": WSO2, "now": MONDAY + 3 * HOUR}
    version = fetched(session, wanted).version
    progress.hand_over(session, wanted, to="", reason="on leave", version=version, **common)
    do(session, wanted, "reopen", MONDAY + 4 * HOUR)
    found = nudging.nudges_of(session, fetched(session, wanted), WSO2, MONDAY + 5 * HOUR)
    assert [one.to for one in found if one.habit is Habit.OWN] == ["mara"]
    assert [one.request for one in left(session, MONDAY + 5 * HOUR, "mara")] == [wanted]


def test_a_silent_client_is_followed_up_three_times_and_then_a_resolution_is_proposed(session):
    """Oro O15, A11: three working days each; the question itself is no follow-up, and nothing happens by itself."""
    wanted = raised(session, MONDAY, ORO)
    do(session, wanted, "start", MONDAY, ORO)
    common = {"engineer": "mara", "role": Role.ENGINEER, "policy": ORO}
    version = fetched(session, wanted).version
    asked = [("Which version?", "It may be mended.")]
    messages.ask(session, wanted, questions=asked, move=True, version=version, now=MONDAY + HOUR, **common)

    def proposed(at: datetime) -> Any:
        return nudging.proposal_of(session, fetched(session, wanted), ORO, at)

    at = MONDAY + HOUR
    assert proposed(at + DAY) is None
    for number in (1, 2, 3):
        at += 7 * DAY
        assert (proposed(at).what, proposed(at).number, proposed(at).step) == ("follow-up", number, "")
        tell(session, wanted, at, ORO)
        assert proposed(at + HOUR) is None
    at += 7 * DAY
    assert (proposed(at).what, proposed(at).step) == ("resolve", "resolve")
    assert fetched(session, wanted).status == "waiting-for-customer"
    assert [one.proposal.what for one in left(session, at)] == ["resolve"]


@pytest.mark.parametrize("pack", ["wso2", "witboost", "parallels"])
def test_other_policies_propose_nothing_about_silence(session, pack):
    """Only Oro's text ends a request for silence."""
    wanted = raised(session, MONDAY, PACKS[pack])
    assert nudging.proposal_of(session, fetched(session, wanted), PACKS[pack], MONDAY + 90 * DAY) is None


def test_the_view_holds_what_is_under_way_the_most_urgent_first(session):
    """R1: by what is due next, not by age; what is over is not in it."""
    late = raised(session, MONDAY + DAY, subject="late")
    early = raised(session, MONDAY, subject="early")
    over = raised(session, MONDAY, subject="over")
    do(session, over, "start-progress", MONDAY)
    do(session, over, "resolve", MONDAY + HOUR, resolution="solved")
    assert Habit.TIME in habits(session, over, MONDAY + DAY + HOUR)
    seen = left(session, MONDAY + DAY + HOUR)
    assert [one.request for one in seen] == [early, late]
    first = seen[0]
    assert (first.reference, first.subject, first.policy, first.status, first.level, first.owner) == (
        fetched(session, early).reference,
        "early",
        "wso2",
        "Open",
        None,
        "",
    )
    assert first.due == min(one.due or one.at for one in first.nudges)
    assert left(session, MONDAY + DAY + HOUR, "mara") == []


def test_an_engineers_own_view_holds_what_they_owe_a_report_on(session):
    """R14: mara worked on what jon owns now; his request is in both their views, and in nobody else's."""
    wanted = raised(session, MONDAY)
    do(session, wanted, "start-progress", MONDAY + HOUR)
    common = {"engineer": "jon", "role": Role.LEAD, "policy": WSO2, "now": MONDAY + 2 * HOUR}
    progress.take(session, wanted, version=fetched(session, wanted).version, reason="knows it", **common)
    at = MONDAY + DAY
    assert [len(left(session, at, login)) for login in ("mara", "jon", "vera")] == [1, 1, 0]
    assert {one.habit for one in left(session, at, "mara")[0].nudges if one.to == "mara"} == {Habit.TIME}


@pytest.mark.parametrize("pack", sorted(PACKS))
def test_the_view_says_what_the_requests_own_page_says(session, pack):
    """Read in bulk or alone, the same habits speak."""
    wanted = raised(session, MONDAY, PACKS[pack])
    step = next(one.id for one in PACKS[pack].workflow.steps if one.takes)
    do(session, wanted, step, MONDAY + HOUR, PACKS[pack])
    tell(session, wanted, MONDAY + 2 * HOUR, PACKS[pack])
    at = MONDAY + 30 * DAY
    (seen,) = left(session, at)
    assert seen.nudges == nudging.nudges_of(session, fetched(session, wanted), PACKS[pack], at) != ()


def test_the_view_takes_two_statements_however_many_requests(session):
    """One for the requests, one for their logs."""
    for _ in range(5):
        raised(session, MONDAY)
    said: list[str] = []
    connection = session.connection()

    def note(*words: Any) -> None:
        said.append(words[2])

    event.listen(connection, "before_cursor_execute", note)
    seen = left(session, MONDAY + HOUR)
    event.remove(connection, "before_cursor_execute", note)
    assert (len(seen), len(said)) == (5, 2)


def test_the_view_has_an_end(session, monkeypatch):
    """A page holds so many, the most urgent of all that were looked at."""
    monkeypatch.setattr(nudging, "SHOWN", 2)
    wanted = [raised(session, MONDAY + hours * DAY) for hours in (2, 0, 1)]
    assert [one.request for one in left(session, MONDAY + 3 * DAY)] == [wanted[1], wanted[2]]


def test_a_policy_that_is_gone_leaves_its_requests_out(session):
    """No pack, no habits; the view still stands."""
    raised(session, MONDAY)
    assert nudging.left_behind(session, {"oro": ORO}, MONDAY + HOUR) == ()
    assert nudging.left_behind(session, {}, MONDAY + HOUR) == ()


def test_requests_of_a_pack_that_is_gone_are_counted_beside_the_view(session):
    """They are in no view of what is left behind; how many they are can be told."""
    raised(session, MONDAY)
    less = {name: pack for name, pack in PACKS.items() if name != "wso2"}
    assert nudging.left_behind(session, less, MONDAY + 5 * DAY) == ()
    assert (nudging.unserved(session, less), nudging.unserved(session, PACKS)) == (1, 0)
