"""The same outage reported by many is worked on once, and every report is kept."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import select

from models import tables
from models.errors import Conflict, Invalid, NotFound
from models.store import transaction
from models.terms import Channel, Interaction, TriageState
from triage import policy
from triage.desk import client, directory, ledger, recipients, watch
from triage.desk.folding import fold, folded, join, reports, suggest_folds, unfold
from triage.desk.reception import Reception, receive
from triage.desk.recipients import Book
from triage.suggest import suggest

PACKS = policy.load_packs()
FIND = partial(recipients.find, book=Book(named={"on-call": ("+49305550100",)}))
MINUTE = timedelta(minutes=1)


def reported(
    session, now, subject="Gateway down", *, level=None, account=None, text="", down=""
) -> tables.requests.Request:
    """A request that came by telephone, decided where it has a level; `down` as a suggestion has read it."""
    request = tables.requests.Request(
        channel=Channel.PHONE, subject=subject, policy="wso2", received_at=now, clock_started_at=now,
        state=TriageState.DECIDED if level else TriageState.TO_CONFIRM, decided_at=now if level else None,
        decided_type="incident" if level else None, decided_priority=level, account_id=account.id if account else None,
        attention_at=now,
    )  # fmt: skip
    session.add(request)
    session.flush()
    for kind, value in (("started", "phone"), *((("type", "incident"), ("level", level)) if level else ())):
        tables.requests.record_clock(session, request.id, kind, "test", now, value=value)
    row = tables.requests.Interaction(
        request_id=request.id, source=f"call:{request.id}", channel=Channel.PHONE, subject=subject, text=text,
        new_text=text, facts=[], fields={}, received_at=now,
    )  # fmt: skip
    session.add(row)
    if down:
        content = {"facts": {"down": {"value": down, "source": "text"}}, "priority": {"rule": None}}
        said = tables.requests.Suggestion(
            request_id=request.id, cause="x", policy="wso2@3", policy_digest="", content=content, created_at=now
        )
        session.add(said)
    session.flush()
    return request


def entries(session, request) -> list[tuple[str, str, str]]:
    """What the log says of folding: event, value, maker."""
    rows = tables.requests.clock_events(session, request.id)
    return [(row.event, row.value, row.made_by) for row in rows if row.event.endswith("folded")]


def due_at(session, request):
    """When somebody looks at a request next."""
    row = tables.requests.Request
    return session.scalar(select(row.attention_at).where(row.id == request.id))


def test_a_folded_request_is_kept_and_both_logs_tell(session, now):
    """Its interactions, its log and the start of its clock stay its own."""
    parent, child = reported(session, now), reported(session, now, "Gateway gone")
    assert fold(session, child.id, parent.id, by="mara", now=now).id == parent.id
    assert child.folded_into == parent.id
    assert entries(session, child) == [("folded", parent.reference, "mara")]
    assert entries(session, parent) == [("folded", child.reference, "mara")]
    assert child.clock_started_at == now
    assert len(tables.requests.interactions(session, child.id)) == 1
    assert folded(session, parent.id) == [child]
    assert "started" in {event.kind for event in ledger.events(session, child.id)}


def test_folding_the_same_again_changes_nothing(session, now):
    """A webhook may come twice."""
    parent, child = reported(session, now), reported(session, now)
    join(session, child.id, parent.id, now)
    join(session, child.id, parent.id, now + MINUTE)
    assert entries(session, child) == [("folded", parent.reference, "caller")]


def test_there_are_no_chains(session, now):
    """What is folded into a folded request is folded into its parent; a parent's children move along with it."""
    first, second, third, fourth = (reported(session, now + place * MINUTE) for place in range(4))
    fold(session, second.id, first.id, by="mara", now=now)
    fold(session, third.id, second.id, by="mara", now=now)
    assert third.folded_into == first.id
    fold(session, first.id, fourth.id, by="mara", now=now)
    assert folded(session, fourth.id) == [first, second, third]
    assert folded(session, first.id) == []


def test_nothing_is_folded_into_itself(session, now):
    """Neither at once nor by way of what is folded into it."""
    parent, child = reported(session, now), reported(session, now)
    fold(session, child.id, parent.id, by="mara", now=now)
    for other in (parent, child):
        with pytest.raises(Invalid, match="into itself"):
            fold(session, parent.id, other.id, by="mara", now=now)


def test_what_is_folded_elsewhere_is_unfolded_first(session, now):
    """Nobody takes a report away from another request unseen."""
    first, second, child = (reported(session, now) for _ in range(3))
    fold(session, child.id, first.id, by="mara", now=now)
    with pytest.raises(Conflict, match="unfold it first"):
        fold(session, child.id, second.id, by="mara", now=now)


def test_a_request_that_is_over_takes_nothing_until_it_is_re_opened(session, now):
    """Neither as parent nor as child; a caller's request then stays by itself."""
    done, fresh = reported(session, now), reported(session, now)
    tables.requests.record_clock(session, done.id, "resolved", "test", now)
    for child, parent in ((fresh, done), (done, fresh)):
        with pytest.raises(Conflict, match=f"{done.reference} is over"):
            fold(session, child.id, parent.id, by="mara", now=now)
    join(session, fresh.id, done.id, now)
    assert fresh.folded_into is None
    tables.requests.record_clock(session, done.id, "reopened", "test", now + MINUTE)
    assert fold(session, fresh.id, done.id, by="mara", now=now + MINUTE).id == done.id


def test_a_request_that_is_not_there_is_not_folded(session, now):
    """It is named."""
    with pytest.raises(NotFound):
        fold(session, reported(session, now).id, directory.add_account(session, "Zed").id, by="mara", now=now)


def test_a_folded_request_climbs_no_ladder_and_its_parent_does(session, now):
    """Nobody is called twice for one outage; unfolded, it is watched again."""
    parent, child = (reported(session, now, level="P1") for _ in range(2))
    fold(session, child.id, parent.id, by="mara", now=now)
    tables.requests.wants_attention(session, child.id, now)
    late = now + timedelta(hours=2)
    watch.look(session, late, policies=PACKS, recipients=FIND)
    assert tables.progress.steps(session, parent.id)
    assert tables.progress.steps(session, child.id) == []
    assert due_at(session, child) is None
    unfold(session, child.id, by="mara", now=late)
    assert due_at(session, child) == late
    watch.look(session, late, policies=PACKS, recipients=FIND)
    assert tables.progress.steps(session, child.id)


def test_a_call_that_waits_is_not_placed_once_the_request_is_folded(session, now):
    """Its ladder has stopped, and the reason is told."""
    parent, child = (reported(session, now, level="P1") for _ in range(2))
    watch.look(session, now + timedelta(hours=2), policies=PACKS, recipients=FIND)
    step = tables.progress.steps(session, child.id)[0]
    assert watch.ended(session, step, policies=PACKS) == ""
    fold(session, child.id, parent.id, by="mara", now=now + timedelta(hours=2))
    assert "folded" in watch.ended(session, step, policies=PACKS)


def test_unfolding_is_told_in_both_logs(session, now):
    """And can be done once."""
    parent, child = reported(session, now), reported(session, now)
    fold(session, child.id, parent.id, by="mara", now=now)
    unfold(session, child.id, by="noor", now=now + MINUTE)
    assert child.folded_into is None
    assert entries(session, child)[-1] == ("unfolded", parent.reference, "noor")
    assert entries(session, parent)[-1] == ("unfolded", child.reference, "noor")
    with pytest.raises(Conflict, match="no other request"):
        unfold(session, child.id, by="noor", now=now + MINUTE)


def test_two_who_fold_at_once_make_no_chain(engine, now):
    """Whoever comes second sees what the first has done: everything ends under the last parent."""
    with transaction(engine) as session:
        first, second, third = (reported(session, now).id for _ in range(3))
    together = Barrier(2)

    def folding(pair: tuple[UUID, UUID]) -> None:
        with transaction(engine) as session:
            session.get(tables.requests.Request, pair[0])
            session.get(tables.requests.Request, pair[1])
            together.wait()
            fold(session, *pair, by="mara", now=now)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(folding, [(first, second), (second, third)]))
    with transaction(engine) as session:
        assert {one.id for one in folded(session, third)} == {first, second}
        assert folded(session, second) == []


def test_a_caller_who_rings_again_shows_on_the_parent(session, now):
    """It is marked as one that somebody came back to, and looked at."""
    parent, child = reported(session, now, level="P1"), reported(session, now)
    fold(session, child.id, parent.id, by="mara", now=now)
    later = now + 5 * MINUTE
    parent.attention_at = None
    session.flush()
    again = Interaction(
        source="call:again:problem", channel=Channel.PHONE, received_at=later, new_text="Still down.", request=child.id
    )
    receive(session, again, later, reception=Reception(policies=PACKS, default_policy="wso2"))
    assert parent.follow_up_at == later
    assert due_at(session, parent) == later


def test_reports_are_counted_for_many_at_once(session, now):
    """A request that nothing is folded into is one report."""
    parent, child, alone = (reported(session, now) for _ in range(3))
    fold(session, child.id, parent.id, by="mara", now=now)
    assert reports(session, [parent.id, alone.id]) == {parent.id: 2, alone.id: 1}


def test_the_same_error_is_probably_the_same_outage(session, now):
    """Whoever's requests they are."""
    mine = reported(session, now, text="We get ORA-00600 on every login.")
    same = reported(session, now - timedelta(hours=3), "Trouble", text="It says ora-00600 again. No: ORA-00600.")
    reported(session, now, "Trouble", text="It says ORA-00942.")
    assert suggest_folds(session, mine, now) == [same]


def test_one_rare_word_is_enough_within_an_account_or_an_outage(session, now):
    """Strangers who share it, and are not down, report something else."""
    account = directory.add_account(session, "Nordhandel")
    mine = reported(session, now, "Help", account=account, text="The warehouse portal hangs", down="full")
    ours = reported(session, now, "Help", account=account, text="Nobody can use the warehouse")
    down = reported(session, now, "Help", text="Our warehouse cannot be reached", down="full")
    reported(session, now, "Help", text="How do I rename a warehouse?", down="no")
    assert {one.id for one in suggest_folds(session, mine, now)} == {ours.id, down.id}


def test_everyday_words_make_nothing_alike(session, now):
    """Every caller says that production is down."""
    mine = reported(session, now, "Production is down", text="Nothing works, please help, production is down")
    reported(session, now, "Production is down", text="Please help, nothing works in production since this morning")
    assert suggest_folds(session, mine, now) == []


def test_words_that_stand_in_many_older_requests_make_nothing_alike(session, now):
    """What everybody writes here says nothing either."""
    for day in range(1, 9):
        reported(session, now - timedelta(days=day + 1), "Older", text="our connector synchronisation report")
    mine = reported(session, now, "Help", text="The connector synchronisation hangs")
    reported(session, now, "Help", text="A connector synchronisation question")
    assert suggest_folds(session, mine, now) == []


def test_what_is_old_over_or_folded_is_not_suggested(session, now):
    """A day at most, and only what is under way by itself."""
    words = "Timeout in the warehouse synchronisation"
    mine = reported(session, now, words)
    reported(session, now - timedelta(hours=25), words)
    done, parent, child = (reported(session, now - MINUTE, words) for _ in range(3))
    tables.requests.record_clock(session, done.id, "resolved", "test", now - MINUTE)
    fold(session, child.id, parent.id, by="mara", now=now)
    assert suggest_folds(session, mine, now) == [parent]


def test_a_suggestion_reads_what_rules_say_of_an_outage(session, now):
    """`_down` reads the stored form of a suggestion as the desk writes it."""

    def by_rules(*, policy, **said):
        return suggest(PACKS[policy], None, **said)

    reception = Reception(policies=PACKS, default_policy="wso2", suggest=by_rules)
    ids = []
    for number in (1, 2):
        text = "Production is completely down: the warehouse does not answer."
        said = Interaction(source=f"mail:{number}", channel=Channel.EMAIL, received_at=now, new_text=text)
        ids.append(receive(session, said, now, reception=reception).request)
    mine = tables.requests.fetch(session, ids[0])
    assert [one.id for one in suggest_folds(session, mine, now)] == [ids[1]]


def test_a_client_sees_where_the_request_stands_that_theirs_is_worked_on_under(session, now):
    """Whoever reported an outage second is told what became of it, and takes no step in the first one's place."""
    first, second = reported(session, now, level="P1"), reported(session, now + MINUTE)
    fold(session, second.id, first.id, by="ida", now=now + 2 * MINUTE)
    first.status = "waiting-on-client"
    session.flush()
    own, theirs = (client.client_view(session, one.id, policies=PACKS, now=now) for one in (first, second))
    assert (theirs.status, theirs.label, theirs.steps) == (own.status, own.label, ())
    assert own.steps
    with pytest.raises(Conflict, match="together with others"):
        client.client_step(session, second.id, own.steps[0].id, {}, policies=PACKS, now=now, party="portal")
