"""Calls that are owed: rung by the house, by a person, or not needed any more; never forgotten."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from models import tables
from models.errors import Invalid, NotFound
from models.store import transaction
from models.terms import CallbackOutcome, Channel, Interaction, JobKind
from triage import policy
from triage.desk import owed, reachability
from triage.desk.reception import Reception, receive
from triage.identity import number_party

PACKS = policy.load_packs()
HANGUP = "+49305550137"


def at(now, minutes):
    """So many minutes later."""
    return now + timedelta(minutes=minutes)


@pytest.fixture
def raised(session, now):
    """Make a request by phone."""

    def make(**columns):
        told = Interaction(source=f"api:{uuid4()}", channel=Channel.PHONE, received_at=now, clock_started_at=now)
        receipt = receive(session, told, now, reception=Reception(policies=PACKS, default_policy="parallels"))
        request = tables.requests.fetch(session, receipt.request)
        for name, value in columns.items():
            setattr(request, name, value)
        session.flush()
        return request

    return make


@pytest.fixture
def hung_up(session, now, raised):
    """Make a request whose caller, known by their number, hung up, and is owed a call in ten minutes."""

    def make(number=HANGUP, *, automatic=True, call=None, **columns):
        request = raised(**columns)
        request.contact_id = contact(session, number)
        given = {"why": "hung up", "due_at": at(now, 10), "made_at": now, "made_by": "", "attempts": 0}
        tables.reaching.owe_call(
            session, request_id=request.id, number=number, automatic=automatic, call_id=call, **given
        )
        return request

    return make


@pytest.fixture
def ring(session, now):
    """Let beat look so many minutes later."""
    return lambda minutes, **more: owed.due(session, at(now, minutes), policies=PACKS, region="DE", **more)


def attempts(session, request):
    """The ledger of a request: number, by whom."""
    return [(row.number, row.placed_by) for row in tables.progress.callbacks(session, request.id)]


def still(session, request):
    """What is owed for a request now."""
    return tables.reaching.owed_to(session, request.id)


def ends(session, request, outcome=CallbackOutcome.NO_ANSWER):
    """Let the attempt that is under way end."""
    for row in tables.progress.callbacks(session, request.id):
        if row.outcome is CallbackOutcome.PLACED:
            row.outcome, row.ended_at = outcome, row.placed_at
    session.flush()


def account(session, name="Nordhandel"):
    """A customer."""
    row = tables.directory.Account(name=name)
    session.add(row)
    session.flush()
    return row.id


def contact(session, number):
    """Whoever has this number in the directory; nobody where it is none."""
    party = number_party(number or "", "DE")
    if party is None:
        return None
    row, key = tables.directory.Contact(name=""), tables.directory.ContactKey
    known = session.scalar(select(key.contact_id).where(key.value == party.value))
    if known is None:
        session.add(row)
        session.flush()
        session.add(key(kind=party.kind, value=party.value, contact_id=row.id))
        session.flush()
    return known or row.id


def calls_again(session, now, about, number="+266696687", **answers):
    """A call that came in later."""
    row = tables.calls.Call(
        call_sid=f"CA{uuid4().hex}", account_sid="AC" + "0" * 32, from_number=number, to_number="+493055500",
        status="in-progress", step="receipt", answers=answers, request_id=about.id if about else None, started_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def test_who_hung_up_is_rung_when_it_is_due_and_not_before(session, hung_up, ring):
    """One attempt by the house, to the number they called from, placed by a job."""
    request = hung_up()
    assert ring(9) == 0
    assert attempts(session, request) == []
    assert ring(10) == 1
    assert attempts(session, request) == [(HANGUP, "switchboard")]
    (attempt,) = tables.progress.callbacks(session, request.id)
    kinds = session.scalars(select(tables.jobs.Job.kind).where(tables.jobs.Job.subject == attempt.id))
    assert list(kinds) == [JobKind.CALLBACK_PLACE]
    assert still(session, request).attempts == 1


def test_the_number_on_file_is_rung_where_they_left_none(session, hung_up, ring, now):
    """Such as the one they confirmed on the telephone."""
    request = hung_up(number=None)
    calls_again(session, now, request, phone="+49305550199", phone_confirmed="yes")
    ring(10)
    assert attempts(session, request) == [("+49305550199", "switchboard")]


@pytest.mark.parametrize("number", [None, "+266696687", "+8656696"])
def test_who_withheld_their_number_is_left_to_a_person(session, hung_up, ring, now, number):
    """Nobody is dialled at a placeholder; what is owed stays open and says why."""
    request = hung_up(number=number)
    ring(10)
    row = still(session, request)
    assert attempts(session, request) == []
    assert (row.automatic, row.done_at) == (False, None)
    assert "number" in row.outcome
    assert ring(20) == 0
    (line,) = owed.listing(session, at(now, 30))
    assert (line.is_due, line.automatic) == (True, False)


def test_three_attempts_ten_minutes_apart_and_then_a_person(session, hung_up, ring):
    """Each waits for the end of the one before; after the third it stays open, and is not rung again."""
    request = hung_up()
    for minutes, count in ((10, 1), (11, 1), (19, 1), (20, 2), (29, 2), (30, 3), (39, 3), (40, 3), (60, 3)):
        ring(minutes)
        ends(session, request)
        assert len(attempts(session, request)) == count, minutes
    row = still(session, request)
    assert (row.automatic, row.outcome, row.done_at) == (False, "not reached in 3 attempts", None)


def test_nobody_is_rung_while_an_attempt_is_under_way(session, hung_up, ring, now):
    """Whoever asked for it."""
    request = hung_up()
    reachability.call_back(session, request.id, engineer="mara", now=at(now, 1), number=HANGUP)
    assert ring(30) == 0
    assert attempts(session, request) == [(HANGUP, "mara")]


def test_an_engineer_who_just_tried_need_not_be_followed_at_once(session, hung_up, ring, now):
    """Theirs counts for the pause, too."""
    request = hung_up()
    tried = {"outcome": CallbackOutcome.BUSY, "engineer": "mara", "number": HANGUP}
    reachability.attempt(session, request.id, now=at(now, 8), **tried)
    assert ring(12) == 0
    assert ring(18) == 1
    assert len(attempts(session, request)) == 2


def test_what_is_not_automatic_only_shows_as_due(session, hung_up, ring, now):
    """A person calls."""
    request = hung_up(automatic=False)
    assert ring(20) == 0
    assert attempts(session, request) == []
    assert [line.is_due for line in owed.listing(session, at(now, 9))] == [False]
    assert [line.is_due for line in owed.listing(session, at(now, 10))] == [True]


def test_one_that_waits_does_not_keep_the_others_waiting(session, hung_up, ring):
    """A batch holds only those that can be rung."""
    first, second = hung_up(), hung_up("+49305550138")
    assert ring(10, batch=1) == 1
    assert ring(11, batch=1) == 1
    assert [len(attempts(session, each)) for each in (first, second)] == [1, 1]


@pytest.mark.parametrize("outcome", list(reachability.BY_HAND))
def test_a_call_that_somebody_made_closes_what_is_owed_if_it_was_answered(session, hung_up, now, outcome):
    """Any other end leaves it owed."""
    request = hung_up()
    reachability.attempt(session, request.id, outcome=outcome, engineer="mara", now=at(now, 5), number=HANGUP)
    (row,) = tables.reaching.owed_of_request(session, request.id)
    is_over = outcome is CallbackOutcome.ANSWERED
    assert (row.done_at, row.done_by) == ((at(now, 5), "mara") if is_over else (None, ""))


@pytest.mark.parametrize("by", ["request", "row"])
def test_an_engineer_marks_it_done_once(session, hung_up, now, by):
    """By its request or its own id; the log keeps who, and it is no response."""
    request = hung_up()
    key = request.id if by == "request" else still(session, request).id
    row = owed.settle(session, key, by="mara", how="spoke on the mobile", now=at(now, 5))
    assert (row.done_at, row.done_by, row.outcome) == (at(now, 5), "mara", "spoke on the mobile")
    kinds = [(event.event, event.made_by) for event in tables.requests.clock_events(session, request.id)]
    assert ("acted", "mara") in kinds
    assert "responded" not in {kind for kind, _ in kinds}
    with pytest.raises(NotFound):
        owed.settle(session, key, by="mara", how="", now=at(now, 6))
    with pytest.raises(NotFound):
        owed.settle(session, uuid4(), by="mara", how="", now=at(now, 6))


def test_a_caller_who_rings_again_and_gets_through_is_owed_nothing(session, hung_up, raised, now, ring):
    """From the same number, whatever request their new call opened."""
    request = hung_up()
    again = calls_again(session, at(now, 5), raised(), HANGUP)
    assert owed.answered_by_call(session, again, at(now, 6)) == 1
    (row,) = tables.reaching.owed_of_request(session, request.id)
    assert (row.done_at, row.outcome) == (at(now, 6), "they rang again and got through")
    assert ring(10) == 0


def test_a_colleague_who_gets_through_does_not_speak_for_whoever_was_promised_a_call(session, hung_up, raised, now):
    """Another number of the same account: an account's number is no secret, and the call is not theirs."""
    theirs = account(session)
    mine = hung_up(account_id=theirs)
    again = calls_again(session, at(now, 5), raised(account_id=theirs), "+49305550177")
    assert owed.answered_by_call(session, again, at(now, 6)) == 0
    assert still(session, mine) is not None


def test_a_call_about_the_request_itself_closes_what_is_owed_for_it(session, hung_up, now):
    """Also from another telephone."""
    request = hung_up()
    again = calls_again(session, at(now, 5), request, "+49305550177")
    assert owed.answered_by_call(session, again, at(now, 6)) == 1
    assert still(session, request) is None


def test_strangers_and_withheld_numbers_close_nothing(session, hung_up, raised, now):
    """Two callers who withhold their numbers are not one; nor are two of no account."""
    requests = [hung_up(), hung_up(None)]
    again = calls_again(session, at(now, 5), raised(), "+266696687", caller="")
    assert owed.answered_by_call(session, again, at(now, 6)) == 0
    assert all(still(session, each) for each in requests)


def test_what_this_call_is_owed_stands(session, raised, now):
    """A caller who heard the receipt because nobody was reached is still owed the call that was promised then."""
    request = raised()
    call = calls_again(session, now, request, HANGUP)
    given = {"why": "nobody was reached", "automatic": False, "due_at": now, "made_at": now, "attempts": 0}
    tables.reaching.owe_call(session, request_id=request.id, call_id=call.id, number=HANGUP, **given)
    assert owed.answered_by_call(session, call, now) == 0
    assert still(session, request) is not None


def test_what_a_person_promised_stands(session, raised, now):
    """Whoever said "at three" calls at three."""
    request = raised()
    owed.owe(session, request.id, due_at=at(now, 300), by="mara", why="", now=now, number=HANGUP)
    assert owed.answered_by_call(session, calls_again(session, now, request, HANGUP), now) == 0


def test_attempts_are_everybodys(session, hung_up, now):
    """A colleague who tried has tried: nobody reads that no one did."""
    request = hung_up()
    reachability.call_back(session, request.id, engineer="mara", now=at(now, 5), region="DE", number="+49 30 5550199")
    (line,) = owed.listing(session, at(now, 6))
    assert (line.attempts, line.last) == (1, CallbackOutcome.PLACED)


def test_a_promise_moves_what_was_owed(session, hung_up, now, ring):
    """One call is owed, at the new time; what the house tried before does not count any more."""
    request = hung_up()
    ring(10)
    ends(session, request)
    more = {"by": "mara", "why": "wants to talk at noon", "number": "030 5550199", "region": "DE"}
    owed.owe(session, request.id, due_at=at(now, 120), now=at(now, 15), automatic=True, **more)
    (line,) = owed.listing(session, at(now, 15))
    assert (line.number, line.due_at, line.attempts, line.made_by) == ("+49305550199", at(now, 120), 0, "mara")
    assert (line.last, line.why, line.is_due) == (None, "wants to talk at noon", False)
    assert ring(119) == 0
    assert ring(120) == 1


@pytest.mark.parametrize("more", [{"number": "nonsense"}, {"number": "+266696687"}, {"due_at": None}])
def test_a_promise_that_cannot_be_kept_is_refused(session, raised, now, more):
    """A number that is none, a moment that is past."""
    given = {"due_at": at(now, 1), "by": "mara", "why": "", "now": now, "number": ""} | more
    given["due_at"] = given["due_at"] or at(now, -1)
    request = raised()
    with pytest.raises(Invalid):
        owed.owe(session, request.id, **given)
    assert still(session, request) is None


def test_nobody_calls_about_a_request_that_is_over(session, hung_up, ring):
    """Solved meanwhile; also what only a person would have rung."""
    request, by_hand = hung_up(), hung_up(automatic=False)
    closed = next(one.value for one in PACKS["parallels"].workflow.statuses if one.stage in owed.OVER)
    request.status = by_hand.status = closed
    session.flush()
    assert ring(1) == 2
    for each in (request, by_hand):
        (row,) = tables.reaching.owed_of_request(session, each.id)
        assert (row.done_by, row.outcome) == ("switchboard", "the request is over")
    assert attempts(session, request) == []


def test_whoever_joined_another_request_is_still_rung(session, hung_up, raised, ring):
    """It is worked on under that one; the call was promised to whoever called for this one."""
    main, request, by_hand = raised(), hung_up(), hung_up("+49305550138", automatic=False)
    request.folded_into = by_hand.folded_into = main.id
    session.flush()
    assert ring(10) == 1
    assert attempts(session, request) == [(HANGUP, "switchboard")]
    assert still(session, by_hand) is not None


def test_what_is_owed_to_those_who_joined_ends_with_the_request_they_joined(session, hung_up, raised, ring):
    """Solved there is solved for them; nobody else's promise is touched."""
    main, request, other = raised(), hung_up(), hung_up("+49305550138")
    request.folded_into = main.id
    main.status = next(one.value for one in PACKS["parallels"].workflow.statuses if one.stage in owed.OVER)
    session.flush()
    assert ring(1) == 1
    (row,) = tables.reaching.owed_of_request(session, request.id)
    assert (row.done_by, row.outcome) == ("switchboard", "the request is over")
    assert still(session, other) is not None


def test_one_of_many_who_was_reached_is_owed_nothing_and_the_others_are(session, hung_up, raised, now):
    """Each is owed their own call."""
    main, first, second = raised(), hung_up(), hung_up("+49305550138")
    first.folded_into = second.folded_into = main.id
    answered = {"outcome": CallbackOutcome.ANSWERED, "engineer": "mara", "now": at(now, 5)}
    reachability.attempt(session, first.id, number=HANGUP, **answered)
    reachability.attempt(session, main.id, number="+49305550139", **answered)
    assert (still(session, first), still(session, second) is not None) == (None, True)


def test_the_list_says_who_is_owed_what_and_how_the_last_attempt_ended(session, hung_up, ring, now):
    """The earliest due first; what is done is not there."""
    request = hung_up(account_id=account(session))
    later = hung_up("+49305550138")
    still(session, later).due_at = at(now, 50)
    owed.settle(session, hung_up("+49305550139").id, by="mara", how="", now=now)
    ring(10)
    ends(session, request, CallbackOutcome.BUSY)
    first, second = owed.listing(session, at(now, 12))
    assert (first.reference, first.account, first.why) == (request.reference, "Nordhandel", "hung up")
    assert (first.number, first.attempts, first.last, first.is_due) == (HANGUP, 1, CallbackOutcome.BUSY, True)
    assert (second.reference, second.account, second.last, second.is_due) == (later.reference, "", None, False)


def test_two_that_look_at_once_ring_once(engine, now):
    """What another process holds is left to it, and seen as it stands afterwards."""
    with transaction(engine) as session:
        told = Interaction(source="api:1", channel=Channel.PHONE, received_at=now, clock_started_at=now)
        request = receive(session, told, now, reception=Reception(policies=PACKS, default_policy="parallels")).request
        session.get_one(tables.requests.Request, request).contact_id = contact(session, HANGUP)
        given = {"why": "hung up", "due_at": now, "made_at": now, "made_by": "", "attempts": 0, "automatic": True}
        tables.reaching.owe_call(session, request_id=request, number=HANGUP, **given)
    with transaction(engine) as first:
        assert owed.due(first, now, policies=PACKS, region="DE") == 1
        with transaction(engine) as second:
            assert owed.due(second, now, policies=PACKS, region="DE") == 0
    with transaction(engine) as session:
        assert owed.due(session, now, policies=PACKS, region="DE") == 0
        assert len(tables.progress.callbacks(session, request)) == 1
