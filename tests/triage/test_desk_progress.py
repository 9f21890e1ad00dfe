"""What an engineer does to a request: steps, owners, escalation; each is in the log, and two cannot do it at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models import tables
from models.errors import Conflict, Forbidden, Invalid, NotFound
from models.store import transaction
from models.terms import Channel, Interaction, Role, Visibility
from triage.clock import State, clocks
from triage.desk import ledger, progress
from triage.desk.reception import Reception, receive
from triage.policy import Policy, load_packs
from triage.targets import Kind

PACKS = load_packs()
WSO2 = PACKS["wso2"]
HOUR = timedelta(hours=1)
SETUP = {"setup": "yes", "patches": "U12, as theirs", "topology": "distributed", "sample": "the order API"}


def raised(session: Session, now: datetime, policy: Policy = WSO2) -> UUID:
    """A request that came in by telephone under a policy."""
    interaction = Interaction(
        source=f"call:{uuid4()}", channel=Channel.PHONE, received_at=now, subject="Orders fail", clock_started_at=now
    )
    reception = Reception(policies=PACKS, default_policy=policy.id)
    return receive(session, interaction, now, reception=reception).request


def fetched(session: Session, request_id: UUID) -> tables.requests.Request:
    """The request as it stands in the database."""
    request = tables.requests.fetch(session, request_id)
    assert request is not None
    session.refresh(request)
    return request


def step(session: Session, request_id: UUID, name: str, now: datetime, /, **more: Any) -> Any:
    """Take a step as an engineer who sees the request as it is."""
    given = {"engineer": "mara", "role": Role.ENGINEER, "policy": WSO2, "given": {}, "now": now, **more}
    given.setdefault("version", fetched(session, request_id).version)
    return progress.transition(session, request_id, step=name, **given)


def steps(session: Session, request_id: UUID, now: datetime, *names: str, **more: Any) -> datetime:
    """Take several steps, an hour apart; the moment of the last one."""
    for name in names:
        now += HOUR
        step(session, request_id, name, now, **more)
    return now


def take(session: Session, request_id: UUID, now: datetime, **more: Any) -> Any:
    """Take a request."""
    given = {"engineer": "mara", "role": Role.ENGINEER, "policy": WSO2, "now": now, **more}
    return progress.take(session, request_id, version=fetched(session, request_id).version, **given)


def give(session: Session, request_id: UUID, now: datetime, to: str, reason: str = "", **more: Any) -> None:
    """Hand a request over."""
    given = {"engineer": "mara", "role": Role.ENGINEER, "policy": WSO2, "now": now, **more}
    version = fetched(session, request_id).version
    progress.hand_over(session, request_id, to=to, reason=reason, version=version, **given)


def log(session: Session, request_id: UUID) -> list[tuple[str, str]]:
    """What stands in the log, by kind and value."""
    return [(row.event, row.value) for row in tables.requests.clock_events(session, request_id)]


def clock(session: Session, request_id: UUID, policy: Policy, now: datetime, kind: Kind = Kind.RESPONSE) -> Any:
    """One of the clocks of a request."""
    return next(one for one in clocks(policy.commitments, ledger.events(session, request_id), now) if one.kind is kind)


@pytest.fixture
def engineers(session: Session) -> None:
    """Mara and Jon may work, Vera may look, Otto has left."""
    for login, role, left in (
        ("mara", Role.ENGINEER, False),
        ("jon", Role.LEAD, False),
        ("vera", Role.VIEWER, False),
        ("otto", Role.ENGINEER, True),
    ):
        gone = datetime.fromisoformat("2026-01-01T00:00:00+00:00") if left else None
        session.add(tables.directory.Engineer(login=login, role=role, password_hash="x", disabled_at=gone))
    session.flush()


@pytest.fixture
def request_id(session: Session, now: datetime) -> UUID:
    """A WSO2 request by telephone."""
    return raised(session, now)


def test_a_step_is_in_the_log_with_clause_policy_and_answers(session, request_id, now):
    """One entry for the status, one for each signal, one for the engineer, all of one source."""
    at = steps(session, request_id, now, "start-progress", "ask-client")
    request = fetched(session, request_id)
    assert (request.status, request.status_since, request.owner) == ("waiting-on-client", at, "mara")
    assert ("taken", "") in log(session, request_id)
    rows = [row for row in tables.requests.clock_events(session, request_id) if row.at == at]
    assert {(row.event, row.value) for row in rows} == {
        ("status", "waiting-on-client"),
        ("paused", "waiting-on-client"),
        ("acted", "mara"),
    }
    (source,) = {row.source for row in rows}
    assert source.startswith("step:")
    detail = next(row.detail for row in rows if row.event == "status")
    assert detail == {
        "from": "in-progress",
        "step": "ask-client",
        "given": {},
        "clause": next(one.clause for one in WSO2.workflow.steps if one.id == "ask-client"),
        "on_behalf": False,
        "policy": WSO2.ref,
        "digest": WSO2.digest,
    }


def test_a_step_has_the_clocks_looked_at(session, request_id, now):
    """Whoever runs ladders and clocks looks again at once."""
    request = fetched(session, request_id)
    request.attention_at = None
    session.flush()
    at = steps(session, request_id, now, "start-progress")
    assert fetched(session, request_id).attention_at == at


def test_open_leads_to_in_progress_only(session, request_id, now):
    """WSO2 appendix A: nothing is asked or resolved before somebody works on it (C12)."""
    for name in ("ask-client", "resolve", "defer"):
        with pytest.raises(Conflict, match="no step"):
            step(session, request_id, name, now, given={"resolution": "solved", "agreement": "agreed"})
    assert fetched(session, request_id).status == ""


def test_deferred_needs_the_agreement(session, request_id, now):
    """WSO2 appendix A: work is put off only after talking to the client; what was agreed is kept."""
    steps(session, request_id, now, "start-progress", "ask-client")
    step(session, request_id, "answer", now + 3 * HOUR, given={"said": "Ada, by telephone at ten"})
    with pytest.raises(Invalid, match="What was agreed"):
        step(session, request_id, "defer", now + 4 * HOUR, given={"agreement": "  "})
    step(session, request_id, "defer", now + 4 * HOUR, given={"agreement": "Ada agrees to May", "else": "dropped"})
    assert fetched(session, request_id).status == "deferred"
    row = tables.requests.clock_events(session, request_id)
    kept = next(one.detail["given"] for one in row if (one.event, one.value) == ("status", "deferred"))
    assert kept == {"agreement": "Ada agrees to May"}
    assert clock(session, request_id, WSO2, now + 5 * HOUR).state in {State.NOT_APPLICABLE, State.PAUSED}


def test_only_a_lead_says_that_it_cannot_be_reproduced_and_answers_four_questions(session, request_id, now):
    """R5: cannot reproduce is no answer; the four questions are named at once, and the engineer is refused."""
    at = steps(session, request_id, now, "start-progress")
    given = {"resolution": "cannot-reproduce", **SETUP}
    with pytest.raises(Invalid, match="not for engineer"):
        step(session, request_id, "resolve", at, given=given)
    with pytest.raises(Invalid) as refused:
        step(session, request_id, "resolve", at, given={"resolution": "cannot-reproduce"}, role=Role.LEAD)
    assert refused.value.public.count("?") == 4
    step(session, request_id, "resolve", at, given=given, role=Role.LEAD, engineer="jon")
    assert (fetched(session, request_id).status, fetched(session, request_id).resolution) == (
        "resolved",
        "cannot-reproduce",
    )


def test_a_resolution_is_one_of_the_policys(session, request_id, now):
    """A code of nobody's is refused, with those there are."""
    at = steps(session, request_id, now, "start-progress")
    with pytest.raises(Invalid, match="solved, answered"):
        step(session, request_id, "resolve", at, given={"resolution": "magic"})


def test_a_reopened_request_returns_to_its_last_owner_and_has_no_resolution(session, request_id, now, engineers):
    """R15: owned for life; even where it was given back before, and not to somebody who has left."""
    at = steps(session, request_id, now, "start-progress")
    at = steps(session, request_id, at, "resolve", given={"resolution": "solved"})
    assert fetched(session, request_id).resolution == "solved"
    give(session, request_id, at + HOUR, "", "on leave")
    step(session, request_id, "reopen", at + 2 * HOUR, engineer="jon", role=Role.LEAD)
    request = fetched(session, request_id)
    assert (request.status, request.owner, request.resolution) == ("reopened", "mara", None)
    assert ("reopened", "") in log(session, request_id)


def test_what_is_reopened_does_not_go_back_to_somebody_who_has_left(session, request_id, now, engineers):
    """Nobody owns it, and the habits say so."""
    at = steps(session, request_id, now, "start-progress", engineer="otto")
    at = steps(session, request_id, at, "resolve", given={"resolution": "solved"}, engineer="otto")
    give(session, request_id, at + HOUR, "", "left the house")
    step(session, request_id, "reopen", at + 2 * HOUR)
    assert fetched(session, request_id).owner is None


def test_a_reopened_request_that_has_an_owner_keeps_them(session, request_id, now):
    """Nothing is written about an owner who stays."""
    at = steps(session, request_id, now, "start-progress")
    steps(session, request_id, at, "resolve", "reopen", given={"resolution": "answered"})
    assert fetched(session, request_id).owner == "mara"
    assert [kind for kind, _ in log(session, request_id)].count("owned") == 1


@pytest.mark.parametrize(
    ("pack", "way", "status"),
    [
        ("wso2", ["start-progress", "resolve"], "resolved"),
        ("witboost", ["take-charge", "escalate", "resolve", "close"], "closed"),
        ("oro", ["acknowledge", "start", "ask-customer", "answer", "resolve", "reopen"], "reopened"),
        ("parallels", ["start", "ask-customer", "answer", "resolve"], "resolved"),
    ],
)
def test_each_policy_has_its_way(session, now, pack, way, status):
    """Every step of a usual way of each policy, with what it asks, ends where the policy says."""
    policy = PACKS[pack]
    answers = {"team": "third level", "tried": "a restart", "message": "A patch follows.", "confirmed": "by mail"}
    codes = {"wso2": "solved", "witboost": "patched-version"}
    wanted = raised(session, now, policy)
    steps(session, wanted, now, *way, policy=policy, given={**answers, "resolution": codes.get(pack, "")})
    assert fetched(session, wanted).status == status


def test_taking_charge_meets_witboosts_response_and_an_acknowledgement_not_oros(session, now):
    """Witboost B18: taking charge is the response; Oro O16: acknowledging answers nobody (A12)."""
    ours, theirs = raised(session, now, PACKS["witboost"]), raised(session, now, PACKS["oro"])
    for wanted, kind in ((ours, "incident"), (theirs, "bug")):
        for name, value in (("type", kind), ("level", "P1")):
            tables.requests.record_clock(session, wanted, name, "decision:1", now, value=value)
    step(session, ours, "take-charge", now + HOUR, policy=PACKS["witboost"])
    step(session, theirs, "acknowledge", now + HOUR, policy=PACKS["oro"])
    assert clock(session, ours, PACKS["witboost"], now + HOUR).met_at == now + HOUR
    assert clock(session, theirs, PACKS["oro"], now + HOUR).met_at is None


def test_what_a_resolution_tells_the_client_is_theirs_to_read(session, now):
    """Witboost B12: the assignee tells how it is delivered; closing means that the customer has accepted (B13)."""
    witboost = PACKS["witboost"]
    wanted = raised(session, now, witboost)
    at = steps(session, wanted, now, "take-charge", policy=witboost)
    given = {"message": "Install 2.1.4.", "resolution": "patched-version"}
    at = steps(session, wanted, at, "resolve", policy=witboost, given=given)
    public = [row.note for row in tables.requests.clock_events(session, wanted) if row.is_public]
    assert public == ["Install 2.1.4."]
    steps(session, wanted, at, "close", policy=witboost, given={"confirmed": "Ada wrote that it works"})
    assert ("accepted", "") in log(session, wanted)


def test_a_viewer_takes_no_step_and_does_nothing_else(session, request_id, now, engineers):
    """Whoever may only look changes nothing."""
    common = {"engineer": "vera", "role": Role.VIEWER, "policy": WSO2, "now": now}
    with pytest.raises(Forbidden):
        step(session, request_id, "start-progress", now, role=Role.VIEWER)
    with pytest.raises(Forbidden):
        take(session, request_id, now, role=Role.VIEWER)
    with pytest.raises(Forbidden):
        give(session, request_id, now, "mara", role=Role.VIEWER)
    with pytest.raises(Forbidden):
        progress.escalate(session, request_id, reason="help", **common)
    with pytest.raises(Forbidden):
        progress.acknowledge(session, request_id, **common)
    with pytest.raises(Forbidden):
        progress.set_visibility(session, request_id, visibility=Visibility.GROUP, **common)
    assert log(session, request_id) == [("started", "phone")]


def test_the_clients_own_step_needs_a_word_of_theirs(session, request_id, now):
    """WSO2: only the client answers; an engineer records what was said by telephone, and by whom."""
    at = steps(session, request_id, now, "start-progress", "ask-client")
    with pytest.raises(Invalid, match="Who of the client"):
        step(session, request_id, "answer", at + HOUR)
    step(session, request_id, "answer", at + HOUR, given={"said": "Ada, by telephone"})
    row = tables.requests.clock_events(session, request_id)
    assert any(one.detail.get("on_behalf") for one in row)
    assert fetched(session, request_id).status == "waiting-on-wso2"


def test_the_second_engineer_gets_a_conflict(session, request_id, now):
    """Both saw version 1; one wins, the other looks again."""
    seen = fetched(session, request_id).version
    step(session, request_id, "start-progress", now, version=seen)
    with pytest.raises(Conflict):
        step(session, request_id, "start-progress", now, version=seen, engineer="jon")
    assert fetched(session, request_id).version == seen + 1


def test_two_who_take_it_at_the_same_moment(engine: Engine, now: datetime):
    """Real concurrency: the row lock lets one through, the other sees the new version; one owner, one entry."""
    with transaction(engine) as session:
        wanted = raised(session, now)

    def attempt(name: str) -> str:
        try:
            with transaction(engine) as session:
                progress.take(
                    session, wanted, version=1, engineer=name, role=Role.ENGINEER, policy=WSO2, now=now + HOUR
                )
        except Conflict:
            return "conflict"
        return "taken"

    with ThreadPoolExecutor(6) as pool:
        outcomes = sorted(pool.map(attempt, [f"engineer-{number}" for number in range(6)]))
    assert outcomes == ["conflict"] * 5 + ["taken"]
    with transaction(engine) as session:
        assert [kind for kind, _ in log(session, wanted)].count("owned") == 1


def test_an_unknown_request_is_not_found(session, now):
    """No row, no act."""
    with pytest.raises(NotFound):
        progress.take(session, uuid4(), version=1, engineer="mara", role=Role.LEAD, policy=WSO2, now=now)
