"""An engineer decides once, on what they saw; the history keeps everything."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from models import tables
from models.errors import Conflict, Invalid, NotFound
from models.store import transaction
from models.terms import CallbackOutcome, Channel, Interaction, Role, TriageState, Verdict
from triage import policy
from triage.desk import learning
from triage.desk.decision import decide, ease, undo
from triage.desk.reception import Reception, receive
from triage.suggest import suggest

PACKS = policy.load_packs()
WSO2 = PACKS["wso2"]


def by_rules(*, policy, channel, subject, body, language, facts):
    """Suggest without a classifier."""
    return suggest(PACKS[policy], None, channel=channel, subject=subject, body=body, language=language, facts=facts)


RECEPTION = Reception(policies=PACKS, default_policy="wso2", suggest=by_rules)


@pytest.fixture
def request_id(session, now):
    """A request that waits for a decision."""
    text = "How do I rotate the signing keys? Just a question."
    interaction = Interaction(
        source=f"mail:{uuid4()}", channel=Channel.EMAIL, received_at=now, subject="Keys", new_text=text
    )
    return receive(session, interaction, now, reception=RECEPTION).request


def make(session, request_id, now, *, version=1, kind="query", priority="P4", reason="", engineer="mara"):
    """Decide as an engineer."""
    return decide(
        session,
        request_id,
        version=version,
        type=kind,
        priority=priority,
        reason=reason,
        engineer=engineer,
        policy=WSO2,
        now=now,
    )


def test_agreeing_with_the_suggestion_confirms_it(session, request_id, now):
    """Who, what and when are kept with the suggestion it answers."""
    suggestion = tables.requests.latest_suggestion(session, request_id)
    made = make(session, request_id, now, kind=suggestion.type or "query", priority=suggestion.priority or "P4")
    expected = Verdict.CONFIRMED if suggestion.type and suggestion.priority else Verdict.CORRECTED
    assert (made.verdict, made.decided_by, made.decided_at) == (expected, "mara", now)
    assert made.suggestion_id == suggestion.id


def test_another_answer_corrects_it(session, request_id, now):
    """The request carries the decision, not the suggestion."""
    made = make(session, request_id, now, kind="task", priority="P2", reason="agreed on the phone")
    request = tables.requests.fetch(session, request_id)
    assert made.verdict is Verdict.CORRECTED
    assert (request.state, request.decided_type, request.decided_priority) == (TriageState.DECIDED, "task", "P2")


def test_the_second_engineer_gets_a_conflict(session, request_id, now):
    """Both saw version 1; one wins."""
    make(session, request_id, now)
    with pytest.raises(Conflict):
        make(session, request_id, now, engineer="jon")
    with pytest.raises(Conflict):
        make(session, request_id, now, engineer="jon", version=2)
    assert len(tables.requests.decisions(session, request_id)) == 1


def test_two_engineers_at_the_same_moment(engine: Engine, now):
    """Real concurrency: the row lock lets one through, the other sees the new version."""
    with transaction(engine) as session:
        interaction = Interaction(source="mail:x", channel=Channel.EMAIL, received_at=now, subject="Keys")
        wanted = receive(session, interaction, now, reception=RECEPTION).request

    def attempt(name: str) -> str:
        try:
            with transaction(engine) as session:
                make(session, wanted, now, engineer=name)
        except Conflict:
            return "conflict"
        return "decided"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(attempt, [f"engineer-{number}" for number in range(8)]))
    assert sorted(outcomes) == ["conflict"] * 7 + ["decided"]


def test_an_unknown_label_is_refused_with_the_known_ones(session, request_id, now):
    """Announcements are outbound; a typo is told what there is."""
    with pytest.raises(Invalid, match="P1, P2, P3, P4"):
        make(session, request_id, now, priority="P9")
    with pytest.raises(Invalid, match="incident"):
        make(session, request_id, now, kind="incidnet")


def test_undo_puts_the_request_back_and_keeps_both_entries(session, request_id, now):
    """After an undo it can be decided again, at the new version."""
    make(session, request_id, now)
    undo(session, request_id, version=2, engineer="mara", now=now + timedelta(seconds=5))
    request = tables.requests.fetch(session, request_id)
    assert (request.state, request.decided_type, request.version) == (TriageState.TO_CONFIRM, None, 3)
    make(session, request_id, now, version=3, engineer="jon")
    verdicts = [row.verdict for row in tables.requests.decisions(session, request_id)]
    assert verdicts[1] is Verdict.UNDONE
    assert len(verdicts) == 3


def test_there_is_nothing_to_undo_before_a_decision(session, request_id, now):
    """Undoing twice is a conflict, not a second entry."""
    with pytest.raises(Conflict, match="not decided"):
        undo(session, request_id, version=1, engineer="mara", now=now)


def test_an_unknown_request_is_not_found(session, now):
    """No row, no decision."""
    with pytest.raises(NotFound):
        make(session, uuid4(), now)


def test_decided_requests_are_training_data_and_undone_ones_are_not(session, request_id, now):
    """The way back: the labels in force, with the text they were given for."""
    make(session, request_id, now, kind="task", priority="P3")
    (example,) = [each for each in learning.decided_requests(session) if each.policy == "wso2"]
    assert (example.type, example.priority, example.subject) == ("task", "P3", "Keys")
    assert "signing keys" in example.body
    undo(session, request_id, version=2, engineer="mara", now=now)
    assert learning.decided_requests(session) == []


def test_a_request_somebody_wrote_to_again_can_be_decided_anew(session, request_id, now):
    """Without undoing first: the follow-up is what asks for it, and the new decision answers it."""
    make(session, request_id, now)
    request = tables.requests.fetch(session, request_id)
    request.follow_up_at = now + timedelta(hours=1)
    make(session, request_id, now + timedelta(hours=2), version=2)
    assert request.follow_up_at is None
    assert request.version == 3


def test_a_type_without_a_priority_of_its_own_is_clocked_as_its_policy_says(session, request_id, now):
    """WSO2 §3: a query is answered as Low P4, whatever level somebody gave it; an undo brings the former level back."""
    make(session, request_id, now, kind="incident", priority="P1")
    make(session, request_id, now, version=2, kind="query", priority="P1")
    undo(session, request_id, version=3, engineer="mara", now=now + timedelta(minutes=1))
    log = tables.requests.clock_events(session, request_id)
    assert [row.value for row in log if row.event == "level"] == ["P1", "P4", "P1"]


def test_nothing_is_eased_while_a_call_to_the_customer_is_under_way(session, request_id, now):
    """Its end may prove that they can be reached."""
    parallels = PACKS["parallels"]
    request = tables.requests.fetch(session, request_id)
    request.policy, request.decided_type, request.decided_priority = "parallels", "incident", "1"
    session.add(
        tables.progress.Callback(
            request_id=request_id,
            number="+493055501",
            placed_by="mara",
            placed_at=now,
            outcome=CallbackOutcome.PLACED,
        )
    )
    session.flush()
    with pytest.raises(Conflict, match="under way"):
        ease(
            session,
            request_id,
            version=1,
            rule="unreachable-contact",
            role=Role.LEAD,
            engineer="lena",
            policy=parallels,
            now=now,
        )
