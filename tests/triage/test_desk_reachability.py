"""The ledger of attempts: what counts as a number, who calls in from it, and an answer after an easing."""

from datetime import timedelta
from uuid import uuid4

import pytest

from models import tables
from models.errors import Invalid
from models.terms import CallbackOutcome, Channel, Interaction, Role
from triage import policy
from triage.desk import knowledge, reachability
from triage.desk.decision import decide, ease, undo
from triage.desk.reception import Reception, receive

PACKS = policy.load_packs()
PARALLELS = PACKS["parallels"]
RUNG = "+49305550137"


def at(now, minutes):
    """So many minutes later."""
    return now + timedelta(minutes=minutes)


@pytest.fixture
def request_1(session, now):
    """A request of severity 1 whose customer is not in the directory, and left a number."""
    return raised(session, now, fields={"phone": RUNG})


def raised(session, now, **more):
    """A request by phone, decided as severity 1."""
    told = Interaction(
        source=f"api:{uuid4()}", channel=Channel.PHONE, received_at=now, subject="Server", clock_started_at=now, **more
    )
    receipt = receive(session, told, now, reception=Reception(policies=PACKS, default_policy="parallels"))
    request = tables.requests.fetch(session, receipt.request)
    by = {"engineer": "mara", "policy": PARALLELS, "now": now, "reason": ""}
    decide(session, request.id, version=1, type="incident", priority="1", **by)
    return request


def missed(session, request, *moments, number=RUNG):
    """Attempts that nobody answered."""
    for moment in moments:
        attempted(session, request, moment, CallbackOutcome.NO_ANSWER, number)


def attempted(session, request, moment, outcome, number=RUNG):
    """An attempt by hand."""
    return reachability.attempt(session, request.id, outcome=outcome, engineer="mara", now=moment, number=number)


def eased(session, request, moment):
    """Ease it, as a lead."""
    asked = {"rule": "unreachable-contact", "role": Role.LEAD, "engineer": "lena", "policy": PARALLELS, "now": moment}
    ease(session, request.id, version=request.version, **asked)


def call(session, moment, about, *, number="+266696687", **answers):
    """A call that came in and opened a request of its own, or belongs to one."""
    row = tables.calls.Call(
        call_sid=f"CA{uuid4().hex}", account_sid="AC" + "0" * 32, from_number=number, to_number="+493055500",
        status="completed", step="receipt", answers=answers, request_id=about.id if about else None, started_at=moment,
    )  # fmt: skip
    session.add(row)
    session.flush()


def offer(session, request):
    """Whether the rule holds now."""
    return knowledge.role_rules(session, request, policy=PARALLELS)[0].holds


@pytest.mark.parametrize("said", [{"number": RUNG}, {"caller": RUNG}, {"phone": RUNG}])
def test_a_call_from_the_number_that_was_rung_ends_the_offer(session, now, request_1, said):
    """Whoever calls is not in the directory, and their call opens another request."""
    missed(session, request_1, at(now, 1), at(now, 20))
    assert offer(session, request_1) is True
    call(session, at(now, 30), raised(session, at(now, 30)), **said)
    assert offer(session, request_1) is False


def test_a_call_from_a_number_the_customer_left_or_called_from_ends_the_offer(session, now, request_1):
    """Even if another number was rung; also while their new call has no request yet."""
    call(session, now, request_1, number="+49305550101", caller="+49305550101", phone="+49305550102")
    for minutes, number in ((30, "+49305550101"), (90, "+49305550102")):
        missed(session, request_1, at(now, minutes - 29), at(now, minutes - 10))
        assert offer(session, request_1) is True
        call(session, at(now, minutes), None, number=number)
        assert offer(session, request_1) is False


def test_a_stranger_who_calls_does_not_end_the_offer(session, now, request_1):
    """Nor does somebody who withholds their number, as this customer did, nor a call before the attempts."""
    call(session, now, request_1)
    call(session, now, None, number=RUNG)
    missed(session, request_1, at(now, 1), at(now, 20))
    call(session, at(now, 30), raised(session, at(now, 30)), number="+49305550199", caller="+49305550199")
    call(session, at(now, 31), None)
    assert offer(session, request_1) is True


@pytest.mark.parametrize("number", ["nonsense", "12", "+", "mara@example.com", "+266696687", "1" * 80])
@pytest.mark.parametrize("outcome", [CallbackOutcome.NO_ANSWER, CallbackOutcome.ANSWERED])
def test_what_is_no_number_is_no_attempt(session, now, request_1, number, outcome):
    """Nobody was called at it; the ledger stays as it is."""
    with pytest.raises(Invalid) as caught:
        attempted(session, request_1, now, outcome, number)
    assert "no telephone number" in caught.value.public
    assert tables.progress.callbacks(session, request_1.id) == []


def test_numbers_are_kept_in_their_comparable_form(session, now, request_1):
    """However they were written; the house's region stands for a missing country code."""
    assert attempted(session, request_1, now, CallbackOutcome.BUSY, "+49 (30) 5550-137").number == RUNG
    local = reachability.attempt(
        session, request_1.id, outcome=CallbackOutcome.BUSY, engineer="mara", now=now, number="030 5550137", region="DE"
    )
    assert local.number == RUNG


def test_a_number_on_file_that_is_none_is_not_called(session, now):
    """A form's field is what somebody wrote; the refusal says where it stands."""
    named = raised(session, now, fields={"phone": "ask at the desk"})
    with pytest.raises(Invalid) as caught:
        reachability.call_back(session, named.id, engineer="mara", now=now)
    assert "'ask at the desk' (from the request's form) is no telephone number" in caught.value.public
    good = raised(session, now, fields={"phone": "030 5550137"})
    assert reachability.call_back(session, good.id, engineer="mara", now=now, region="DE").number == RUNG


def test_a_number_at_which_callers_reach_us_is_not_called(session, now):
    """The house would ring itself: whoever left it on the line wanted us. By hand it may be written down."""
    call(session, now, None)
    named = raised(session, now, fields={"phone": "+49 30 55500"})
    for number in ("", "+493055500"):
        with pytest.raises(Invalid) as caught:
            reachability.call_back(session, named.id, engineer="mara", now=now, number=number)
        assert "+493055500 is a number of ours" in caught.value.public
    assert tables.progress.callbacks(session, named.id) == []
    assert reachability.call_back(session, named.id, engineer="mara", now=now, number=RUNG).number == RUNG


def test_an_answer_after_an_easing_brings_the_request_back(session, now, request_1):
    """What the easing rests on is not true any more: triage sees it again; nothing is undone by itself."""
    missed(session, request_1, at(now, 1), at(now, 20))
    eased(session, request_1, at(now, 21))
    missed(session, request_1, at(now, 25))
    assert request_1.follow_up_at is None
    attempted(session, request_1, at(now, 30), CallbackOutcome.ANSWERED)
    assert (request_1.follow_up_at, request_1.decided_priority) == (at(now, 30), "3")


def test_an_answer_brings_back_only_what_was_eased(session, now, request_1):
    """Neither a plain decision nor one whose easing was taken back."""
    attempted(session, request_1, at(now, 1), CallbackOutcome.ANSWERED)
    assert request_1.follow_up_at is None
    missed(session, request_1, at(now, 2), at(now, 20))
    eased(session, request_1, at(now, 21))
    undo(session, request_1.id, version=request_1.version, engineer="lena", now=at(now, 22))
    attempted(session, request_1, at(now, 30), CallbackOutcome.ANSWERED)
    assert request_1.follow_up_at is None


@pytest.mark.parametrize(("more", "found"), [({}, True), ({"number": None}, False), ({"disabled_at": 1}, False)])
def test_whoever_asked_for_a_call_is_rung_at_their_own_telephone(session, now, more, found):
    """If they have one, and are still there; in whatever letters their login is written."""
    given = {"login": "Mara", "password_hash": "", "role": Role.ENGINEER, "number": "+493055500177"} | more
    given |= {"disabled_at": now} if "disabled_at" in more else {}
    session.add(tables.directory.Engineer(**given))
    session.flush()
    person = reachability.who_asked(session, "mara")
    assert (person is not None) is found
    assert not found or (person.name, person.number) == ("Mara", "+493055500177")
    assert reachability.who_asked(session, "switchboard") is None


def test_a_number_that_is_given_is_rung_instead_of_the_one_on_file(session, now, request_1):
    """Such as the one that a caller who hung up called from."""
    assert (
        reachability.call_back(session, request_1.id, engineer="mara", now=now, number="+49 30 5550-137").number == RUNG
    )
    with pytest.raises(Invalid):
        reachability.call_back(session, raised(session, now).id, engineer="mara", now=now, number="+266696687")
