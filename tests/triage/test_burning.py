"""Requests that turn out to burn once nobody is on the line: their callers are owed a call, and telephones ring."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from models import tables
from models.store import transaction
from models.terms import Channel, Interaction
from triage import policy
from triage.desk import burning, owed
from triage.desk.reception import Reception, receive

PACKS = policy.load_packs()
THEIRS = "+49305550137"
AFTER = timedelta(minutes=10)
URGENT = {"parallels": "1", "wso2": "P1", "oro": "P1", "witboost": "P1"}


def at(now, minutes):
    """So many minutes later."""
    return now + timedelta(minutes=minutes)


@pytest.fixture
def called(session, now):
    """Make a request whose caller heard its reference, and hung up then."""

    def make(pack="wso2", *, ended=2, **answers):
        told = Interaction(source=f"api:{uuid4()}", channel=Channel.PHONE, received_at=now, clock_started_at=now)
        request = receive(session, told, now, reception=Reception(policies=PACKS, default_policy=pack)).request
        session.add(
            tables.calls.Call(
                call_sid=f"CA{uuid4().hex}", account_sid="AC" + "0" * 32, from_number=THEIRS, to_number="+493055500",
                status="completed", step="receipt", answers={"caller": THEIRS, "down": "unknown", **answers},
                request_id=request, started_at=now, ended_at=at(now, ended) if ended is not None else None,
            )
        )  # fmt: skip
        session.flush()
        return tables.requests.fetch(session, request)

    return make


@pytest.fixture
def suggest(session):
    """Suggest a level for a request at a moment."""

    def make(request, level, moment):
        content = {"type": {}, "priority": {"rule": None}, "facts": {}}
        session.add(
            tables.requests.Suggestion(
                request_id=request.id, cause=f"job:{uuid4()}", policy=request.policy, policy_digest="0" * 64,
                type="incident", priority=level, priority_probability=0.9, content=content, created_at=moment,
            )
        )  # fmt: skip
        session.flush()

    return make


@pytest.fixture
def tend(session):
    """Let beat look at a moment: how many are owed a call now, and how many ladders begin."""

    def make(moment):
        made = burning.owe(session, moment, policies=PACKS, after=AFTER, automatic=True)
        return made, burning.page(session, moment, policies=PACKS)

    return make


def told(session, request):
    """What the log of a request says of its caller not being reached."""
    return [one.event for one in tables.requests.clock_events(session, request.id) if one.event == "unreached"]


@pytest.mark.parametrize("pack", URGENT)
def test_a_suggestion_that_comes_after_the_receipt_owes_a_call_and_rings_telephones(
    session, now, called, suggest, tend, pack
):
    """Once, to the number they confirmed or called from, as if they had hung up while it burnt."""
    request = called(pack, phone="+49305550155", phone_confirmed="yes")
    assert tend(at(now, 2)) == (0, 0)
    suggest(request, URGENT[pack], at(now, 3))
    assert tend(at(now, 3)) == (1, 1)
    row = tables.reaching.owed_to(session, request.id)
    assert (row.number, row.why, row.automatic) == ("+49305550155", burning.WHY, True)
    assert row.due_at == at(now, 13)
    assert told(session, request) == ["unreached"]
    assert tend(at(now, 4)) == (0, 0)
    owed.settle(session, row.id, by="mara", how="", now=at(now, 5))
    assert tend(at(now, 6)) == (0, 0)


def test_a_number_that_may_not_be_rung_is_not_owed_to(session, now, called, suggest, tend):
    """A person finds another one."""
    request = called(barred="yes")
    suggest(request, "P1", at(now, 1))
    assert tend(at(now, 3)) == (1, 1)
    assert tables.reaching.owed_to(session, request.id).number is None


@pytest.mark.parametrize(
    "answers", [{"down": "no"}, {"reached": "yes"}, {"reached": "nobody"}, {"joined": str(uuid4())}]
)
def test_who_said_it_is_not_down_or_was_served_is_left_alone(now, called, suggest, tend, answers):
    """The key outranks what is suggested; nobody is rung for a second time."""
    suggest(called(**answers), "P1", at(now, 1))
    assert tend(at(now, 3)) == (0, 0)


def test_what_does_not_burn_is_left_alone_and_holds_up_nothing(now, called, suggest, tend):
    """However many there are of it, and newer ones."""
    for _ in range(3):
        suggest(called(), "P1", now)
    for _ in range(50):
        suggest(called(), "P3", at(now, 1))
    assert tend(at(now, 3)) == (3, 3)


def test_who_is_on_the_line_is_not_rung_for(now, called, suggest, tend):
    """What they say last may still end in a talk."""
    suggest(called(ended=None), "P1", now)
    assert tend(at(now, 3)) == (0, 0)


def test_somebody_who_has_taken_it_on_is_enough(session, now, called, suggest, tend):
    """By key, in the console, or as its owner."""
    owned, taken = called(), called()
    owned.owner = "mara"
    session.add(tables.requests.ClockEvent(request_id=taken.id, event="acknowledged", source="x", at=at(now, 2)))
    for each in (owned, taken):
        suggest(each, "P1", at(now, 1))
    assert tend(at(now, 3)) == (0, 0)


def test_an_engineers_decision_counts_as_a_suggestion_does(session, now, called, suggest, tend):
    """Up and down: what they decided milder burns no more."""
    up, down = called(), called()
    for request, before, after in ((up, "P3", "P1"), (down, "P1", "P3")):
        suggest(request, before, at(now, 1))
        request.decided_type, request.decided_priority, request.decided_at = "incident", after, at(now, 2)
    session.flush()
    assert tend(at(now, 3)) == (1, 1)
    assert tables.reaching.owed_to(session, up.id) is not None


def test_a_worker_that_was_away_for_hours_comes_too_late_for_nobody_of_today(now, called, suggest, tend):
    """It counts from the suggestion; what is older than a day is for people to find."""
    request = called()
    suggest(request, "P1", at(now, 300))
    assert tend(at(now, 301)) == (1, 1)
    suggest(called(), "P1", at(now, 24 * 60 + 5))
    assert tend(at(now, 24 * 60 + 6)) == (0, 0)


def test_a_promise_made_long_before_it_was_known_is_paged_for(session, now, called, suggest, tend):
    """Whoever hung up is no worse off than whoever heard their reference; so where an engineer has promised a call."""
    hung_up, promised = called(), called()
    given = {"automatic": False, "made_by": "", "attempts": 0, "made_at": at(now, 2), "due_at": at(now, 12)}
    first = session.scalar(select(tables.calls.Call).where(tables.calls.Call.request_id == hung_up.id))
    tables.reaching.owe_call(session, request_id=hung_up.id, call_id=first.id, number=THEIRS, why="hung up", **given)
    owed.owe(session, promised.id, due_at=at(now, 600), by="mara", why="", now=at(now, 2))
    for each in (hung_up, promised):
        suggest(each, "P1", at(now, 120))
    assert [tend(at(now, minutes)) for minutes in (121, 122)] == [(0, 2), (0, 0)]


def test_what_only_seems_to_burn_holds_up_nothing(session, now, called, suggest, tend):
    """Decided milder, or said to be down by a text alone."""
    real = called()
    suggest(real, "P1", now)
    for number in range(60):
        other = called()
        suggest(other, "P1" if number % 2 else "P3", at(now, 1))
        if number % 2:
            other.decided_type, other.decided_priority, other.decided_at = "incident", "P3", at(now, 2)
        else:
            row = tables.requests.latest_suggestion(session, other.id)
            row.content = {**row.content, "facts": {"down": {"value": "full", "source": "text"}}}
    session.flush()
    assert tend(at(now, 3)) == (1, 1)
    assert told(session, real) == ["unreached"]


def test_a_receipt_heard_since_is_no_talk(session, now, called, suggest, tend):
    """They rang again before the transcript of their first call came, and heard a reference once more."""
    request = called()
    first = session.scalar(select(tables.calls.Call).where(tables.calls.Call.request_id == request.id))
    given = {"automatic": False, "made_by": "", "attempts": 0, "made_at": now, "due_at": now}
    tables.reaching.owe_call(session, request_id=request.id, call_id=first.id, number=THEIRS, why="hung up", **given)
    row = tables.reaching.owed_to(session, request.id)
    row.done_at, row.outcome = at(now, 5), burning.RANG_AGAIN
    session.flush()
    suggest(request, "P1", at(now, 6))
    assert tend(at(now, 7)) == (1, 1)


@pytest.mark.parametrize("event", ["taken", "responded", "acknowledged", "workaround"])
@pytest.mark.parametrize("is_promised", [False, True])
def test_whoever_is_at_work_on_it_is_not_rung(session, now, called, suggest, tend, event, is_promised):
    """Also where a call is owed still."""
    request = called()
    if is_promised:
        owed.owe(session, request.id, due_at=at(now, 60), by="mara", why="", now=at(now, 1))
    session.add(tables.requests.ClockEvent(request_id=request.id, event=event, source="x", at=at(now, 2)))
    suggest(request, "P1", at(now, 3))
    assert tend(at(now, 4)) == (0, 0)


@pytest.mark.parametrize("sign", ["owner", "acknowledged"])
def test_what_is_folded_into_something_that_is_worked_on_rings_nobody(session, now, called, suggest, tend, sign):
    """Whoever has the one has the other, since when does not matter."""
    main, request = called(), called()
    request.folded_into = main.id
    if sign == "owner":
        main.owner = "mara"
    else:
        session.add(tables.requests.ClockEvent(request_id=main.id, event=sign, source="x", at=at(now, -60)))
    suggest(request, "P1", at(now, 3))
    assert tend(at(now, 4)) == (0, 0)


def test_an_engineer_outranks_the_key(session, now, called, suggest, tend):
    """The caller pressed that nothing is down; whoever decides knows better."""
    request = called(down="no")
    suggest(request, "P1", at(now, 1))
    request.decided_type, request.decided_priority, request.decided_at = "incident", "P1", at(now, 2)
    session.flush()
    assert tend(at(now, 3)) == (1, 1)


def test_a_request_that_somebody_holds_is_left_for_the_next_minute(engine, now):
    """Request first, then what is owed for it: beat and console never wait for each other crosswise."""
    with transaction(engine) as session:
        told_of = Interaction(source="api:held", channel=Channel.PHONE, received_at=now, clock_started_at=now)
        request = receive(session, told_of, now, reception=Reception(policies=PACKS, default_policy="wso2")).request
        session.add(
            tables.calls.Call(
                call_sid="CA" + "1" * 32, account_sid="AC" + "0" * 32, from_number=THEIRS, to_number="+493055500",
                status="completed", step="receipt", answers={"caller": THEIRS}, request_id=request, started_at=now,
                ended_at=now,
            )
        )  # fmt: skip
        row = tables.requests.fetch(session, request)
        row.decided_type, row.decided_priority, row.decided_at = "incident", "P1", now
    with transaction(engine) as console:
        assert tables.requests.fetch_locked(console, request) is not None
        with transaction(engine) as beat:
            assert burning.owe(beat, at(now, 1), policies=PACKS, after=AFTER, automatic=True) == 0
    with transaction(engine) as beat:
        assert burning.owe(beat, at(now, 2), policies=PACKS, after=AFTER, automatic=True) == 1
