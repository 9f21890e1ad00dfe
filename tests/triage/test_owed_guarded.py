"""A machine rings only whom it may, as often as it may; whom people leave waiting somebody is told of."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from models import tables
from models.store import transaction
from models.terms import CallbackOutcome, Channel, Interaction, Party, PartyKind, Recipient
from triage import policy
from triage.desk import directory, owed, reachability, watch
from triage.desk.reception import Reception, receive

PACKS = policy.load_packs()
THEIRS = "+49305550137"
LEA = Recipient(name="lea", value="lea@example.com")


def at(now, minutes):
    """So many minutes later."""
    return now + timedelta(minutes=minutes)


def raised(session, now, *, pack="parallels", **columns):
    """A request by phone."""
    told = Interaction(source=f"api:{uuid4()}", channel=Channel.PHONE, received_at=now, clock_started_at=now)
    receipt = receive(session, told, now, reception=Reception(policies=PACKS, default_policy=pack))
    request = tables.requests.fetch(session, receipt.request)
    for name, value in columns.items():
        setattr(request, name, value)
    session.flush()
    return request


def hung_up(session, now, number=THEIRS, *, automatic=True, due=0, pack="parallels", **answers):
    """A request whose caller hung up, and is owed a call at a moment."""
    request = raised(session, now, pack=pack)
    call = tables.calls.Call(
        call_sid=f"CA{uuid4().hex}", account_sid="AC" + "0" * 32, from_number=number, to_number="+493055500",
        status="completed", step="problem", answers={"caller": number, **answers}, request_id=request.id,
        started_at=now,
    )  # fmt: skip
    session.add(call)
    session.flush()
    given = {"why": "hung up", "due_at": at(now, due), "made_at": now, "made_by": "", "attempts": 0}
    tables.reaching.owe_call(
        session, request_id=request.id, number=number, automatic=automatic, call_id=call.id, **given
    )
    return request


def ring(session, now, minutes=0):
    """Let beat look so many minutes later."""
    return owed.due(session, at(now, minutes), policies=PACKS, region="DE")


def rung(session, request):
    """The numbers that were rung for a request."""
    return [row.number for row in tables.progress.callbacks(session, request.id)]


def ended(session, *requests):
    """Let every attempt that is under way end unanswered."""
    for request in requests:
        for row in tables.progress.callbacks(session, request.id):
            if row.outcome is CallbackOutcome.PLACED:
                row.outcome, row.ended_at = CallbackOutcome.NO_ANSWER, row.placed_at
    session.flush()


def told(session, request):
    """What began ladders of a request by somebody's word."""
    log = tables.requests.clock_events(session, request.id)
    return [row.event for row in log if row.event in {"asked", "unreached"}]


def test_a_number_that_a_call_merely_came_from_is_rung_by_no_machine(session, now):
    """Anybody can show anybody's number, and have the house call them: it is shown to a person."""
    request = hung_up(session, now)
    ring(session, now)
    assert rung(session, request) == []
    (line,) = owed.listing(session, now)
    assert (line.number, line.automatic, line.is_due) == (THEIRS, False, True)
    assert "confirmed" in line.outcome


@pytest.mark.parametrize("said", ["yes", "keyed"])
def test_a_number_that_the_caller_confirmed_is_rung(session, now, said):
    """Read back to them, or keyed in and read back."""
    request = hung_up(session, now, phone=THEIRS, phone_confirmed=said)
    ring(session, now)
    assert rung(session, request) == [THEIRS]


def test_a_number_that_the_caller_did_not_confirm_is_not_rung(session, now):
    """They hung up before it was read back, or said no."""
    requests = [hung_up(session, now, phone=THEIRS), hung_up(session, now, phone=THEIRS, phone_confirmed="no")]
    ring(session, now)
    assert [rung(session, each) for each in requests] == [[], []]


@pytest.mark.parametrize("number", [THEIRS, "+49305550199"])
def test_a_caller_who_is_in_the_directory_is_rung_at_the_number_it_has(session, now, number):
    """Whatever number they called from."""
    request = hung_up(session, now, number)
    party = Party(kind=PartyKind.NUMBER, value=THEIRS, shown=THEIRS)
    request.contact_id = directory.add_contact(session, "Mara", [party]).id
    session.flush()
    ring(session, now)
    assert rung(session, request) == [THEIRS]


def test_what_a_person_promised_is_rung_at_the_number_they_gave(session, now):
    """They know whose it is."""
    request = raised(session, now)
    owed.owe(session, request.id, due_at=now, by="mara", why="", now=now, number="030 5550199", region="DE",
             automatic=True)  # fmt: skip
    ring(session, now)
    assert rung(session, request) == ["+49305550199"]


def test_one_number_is_rung_once_at_a_time_whatever_it_is_owed_for(session, now):
    """Six calls that hung up are six requests, and one telephone: the next attempt ten minutes after the last."""
    requests = [hung_up(session, now, phone=THEIRS, phone_confirmed="yes") for _ in range(6)]
    for minutes, count in ((0, 1), (1, 1), (9, 1), (10, 2), (20, 3)):
        ring(session, now, minutes)
        ended(session, *requests)
        assert sum(len(rung(session, each)) for each in requests) == count, minutes


def test_a_number_is_rung_five_times_a_day_and_then_by_a_person(session, now):
    """Whoever keyed in somebody else's must not have them flooded."""
    requests = [hung_up(session, now, phone=THEIRS, phone_confirmed="yes") for _ in range(6)]
    for minutes in range(0, 120, 10):
        ring(session, now, minutes)
        ended(session, *requests)
    assert sum(len(rung(session, each)) for each in requests) == owed.MOST_A_DAY
    rows = [tables.reaching.owed_to(session, each.id) for each in requests]
    assert {row.automatic for row in rows} == {False}
    assert any("5 calls went to this number today" in row.outcome for row in rows)


def test_a_number_that_is_busy_keeps_no_other_waiting(session, now):
    """However many are owed a call at it."""
    flood = [hung_up(session, now, phone=THEIRS, phone_confirmed="yes") for _ in range(25)]
    last = hung_up(session, now, "+49305550138", due=1, phone="+49305550138", phone_confirmed="yes")
    ring(session, now)
    ended(session, *flood)
    ring(session, now, 1)
    assert rung(session, last) == ["+49305550138"]


def test_an_attempt_that_began_meanwhile_is_waited_for(session, now):
    """Somebody else's call to this customer or number is no reason to leave it to a person for good."""
    request = hung_up(session, now, phone=THEIRS, phone_confirmed="yes")
    other = hung_up(session, now, phone=THEIRS, phone_confirmed="yes")
    reachability.call_back(session, request.id, engineer="mara", now=now, number=THEIRS)
    for each in (request, other):
        row = tables.reaching.owed_to(session, each.id)
        owed._ring(session, row, now, "DE", owed.REDIAL)
        assert (row.automatic, row.attempts, row.outcome) == (True, 0, "")
    ended(session, request)
    assert ring(session, now, 10) == 2


def test_two_that_look_at_once_never_ring_one_number_twice(engine, now):
    """Of different requests: the second leaves it to the first."""
    with transaction(engine) as session:
        for _ in range(2):
            hung_up(session, now, phone=THEIRS, phone_confirmed="yes")
    with transaction(engine) as first:
        assert owed.due(first, now, policies=PACKS, region="DE", batch=1) == 1
        with transaction(engine) as second:
            assert owed.due(second, now, policies=PACKS, region="DE") == 0
    with transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(tables.progress.Callback)) == 1


@pytest.mark.parametrize("pack", ["parallels", "wso2", "oro", "witboost"])
def test_a_call_that_a_person_owes_for_too_long_begins_the_ladder_once(session, now, pack):
    """A quarter of an hour late: whoever may be asked is told; again only for another moment that passed."""
    request = hung_up(session, now, automatic=False, due=10, pack=pack)
    assert ring(session, now, 25) == 0
    assert told(session, request) == []
    assert ring(session, now, 26) == 1
    assert told(session, request) == ["asked"]
    assert ring(session, now, 27) == 0
    owed.owe(session, request.id, due_at=at(now, 60), by="mara", why="", now=at(now, 30))
    assert ring(session, now, 70) == 0
    ring(session, now, 76)
    assert told(session, request) == ["asked", "asked"]
    watch.look(session, now + timedelta(days=3), policies=PACKS, recipients=lambda *_: (LEA,))
    assert {step.cause for step in tables.progress.steps(session, request.id)} >= {"asked"}


def test_telephones_ring_for_a_request_that_burns(session, now):
    """As for a caller whom nobody took, and at once: its transcript may have said so after they had gone."""
    request = hung_up(session, now, automatic=False, pack="wso2")
    assert ring(session, now, 1) == 0
    request.decided_type, request.decided_priority, request.decided_at = "incident", "P1", now
    session.flush()
    assert [ring(session, now, minutes) for minutes in (2, 3)] == [1, 0]
    assert told(session, request) == ["unreached"]


def test_nobody_is_told_while_the_customer_is_spoken_to_nor_of_what_was_done(session, now):
    """A talk may take longer than a quarter of an hour."""
    talks, done = hung_up(session, now, automatic=False), hung_up(session, now, automatic=False)
    row = reachability.call_back(session, talks.id, engineer="mara", now=now, number=THEIRS)
    row.outcome = CallbackOutcome.ANSWERED
    owed.settle(session, done.id, by="mara", how="", now=now)
    assert ring(session, now, 40) == 0
    row.ended_at = at(now, 41)
    session.flush()
    ring(session, now, 42)
    assert (told(session, talks), told(session, done)) == (["asked"], [])


def test_those_who_work_on_the_request_it_joined_are_told(session, now):
    """Nobody looks at a folded one."""
    main, request = raised(session, now), hung_up(session, now, automatic=False)
    request.folded_into = main.id
    session.flush()
    assert ring(session, now, 16) == 1
    assert ring(session, now, 17) == 0
    assert (told(session, main), told(session, request)) == (["asked"], [])


def test_a_customer_who_answered_the_house_and_came_to_nobody_begins_the_ladder_once(session, now):
    """For each attempt."""
    request = raised(session, now)
    row = reachability.call_back(session, request.id, engineer=owed.HOUSE, now=now, number=THEIRS)
    for _ in range(2):
        reachability.nobody_took(session, row, at(now, 1), policies=PACKS)
    assert told(session, request) == ["asked"]
    request.decided_type, request.decided_priority = "incident", "1"
    ended(session, request)
    row = reachability.call_back(session, request.id, engineer=owed.HOUSE, now=at(now, 2), number=THEIRS)
    reachability.nobody_took(session, row, at(now, 3), policies=PACKS)
    assert told(session, request) == ["asked", "unreached"]


def again(session, now, number=THEIRS, **answers):
    """Somebody rings later, about something else, and comes to a receipt: how many promises that closes."""
    about = raised(session, now).id
    call = tables.calls.Call(
        call_sid=f"CA{uuid4().hex}", account_sid="AC" + "0" * 32, from_number=number, to_number="+493055500",
        status="in-progress", step="receipt", answers=answers, request_id=about, started_at=at(now, 5),
    )  # fmt: skip
    session.add(call)
    session.flush()
    return owed.answered_by_call(session, call, at(now, 6))


@pytest.mark.parametrize(
    ("said", "is_paged", "answers", "closed"),
    [
        ({}, False, {}, 1),
        ({"reached": "nobody"}, False, {}, 0),
        ({"reached": "nobody"}, False, {"reached": "yes"}, 1),
        ({"unserved": "yes"}, False, {}, 0),
        ({"resume": "problem"}, False, {}, 0),
        ({}, True, {}, 0),
        ({}, True, {"reached": "yes"}, 1),
    ],
)
def test_a_receipt_is_no_talk(session, now, said, is_paged, answers, closed):
    """Whoever wanted a person, or is paged for, is owed a call until they talk to one: a question of theirs is none."""
    request = hung_up(session, now, **said)
    if is_paged:
        session.add(tables.requests.ClockEvent(request_id=request.id, event="unreached", source="call", at=now))
        session.flush()
    assert again(session, now, phone=THEIRS, phone_confirmed="yes", **answers) == closed


@pytest.mark.parametrize("sign", ["rang", "answered"])
def test_whoever_left_while_telephones_rang_or_answered_the_house_wanted_a_person(session, now, sign):
    """A receipt of another call is none."""
    request = hung_up(session, now)
    if sign == "rang":
        tables.calls.by_request(session, request.id)[0].step = "connect"
    else:
        row = reachability.call_back(session, request.id, engineer=owed.HOUSE, now=now, number=THEIRS)
        row.key_pressed = "1"
    session.flush()
    assert again(session, now) == 0


def test_a_number_that_was_keyed_closes_nothing(session, now):
    """Anybody can key, and confirm, somebody else's."""
    hung_up(session, now)
    assert again(session, now, "+49305550188", phone=THEIRS, phone_confirmed="yes") == 0


def test_the_same_telephone_speaks_for_what_it_was_promised_on_another(session, now):
    """They left another number to be called on, and ring again from the first one."""
    request = hung_up(session, now)
    tables.reaching.owed_to(session, request.id).number = "+49305550188"
    session.flush()
    assert again(session, now) == 1
