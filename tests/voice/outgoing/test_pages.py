"""Whoever presses 1 has taken a request on, and nobody else has; whatever the webhooks and their order."""

import itertools
from uuid import UUID

import pytest

from models import tables
from models.store import transaction
from models.terms import OutgoingState

SID = "CA" + "1" * 32
NOWHERE = UUID("01930000-0000-7000-8000-00000000000f")


def test_whoever_presses_1_has_taken_it_on(mara, the_notice, log, golden, clock):
    """They hear who needs what; the log says who took it on, once."""
    golden(mara.is_answered().document, "page")
    mara.hears("about Critical P1 request S B 1 0 0 1").hears("Response missed, Team lead.").hears("Press 1 to take it")
    golden(mara.presses("1").document, "page_taken")
    mara.presses("1").tells("completed", CallDuration="14", AnsweredBy="human")
    assert (the_notice().acknowledged_at, the_notice().error) == (clock.now, None)
    assert the_notice().state is OutgoingState.SENT
    assert log() == [("acknowledged", "notice:…", "mara", "mara")]


def test_a_request_without_a_level_is_told_all_the_same(mara, levels, golden):
    """Nobody has decided it yet."""
    levels.append("")
    golden(mara.is_answered().document, "page_plain")


@pytest.mark.parametrize("keys", [("2", "1"), ("", "1"), ("7", "1")])
def test_any_other_key_or_none_is_told_once_more(mara, the_notice, golden, keys):
    """And 1 still counts then."""
    golden(mara.is_answered().presses(keys[0]).document, "page_again")
    mara.presses(keys[1]).hears("taken it on")
    assert the_notice().acknowledged_at is not None


@pytest.mark.parametrize("keys", [("2", "2"), ("", ""), ("*", "11")])
def test_after_the_second_time_it_hangs_up(mara, the_notice, log, golden, keys):
    """Nobody took it on: it is noted, and the ladder goes on by time."""
    golden(mara.is_answered().presses(keys[0]).presses(keys[1]).document, "goodbye")
    mara.tells("completed", CallDuration="31")
    assert (the_notice().acknowledged_at, the_notice().error) == (None, "no key was pressed")
    assert log() == []


@pytest.mark.parametrize("by", ["machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other", "fax"])
def test_an_answering_machine_is_told_nothing_and_takes_nothing_on(mara, the_notice, log, golden, by: str):
    """Not even if a tone sounds like a key."""
    golden(mara.is_answered(by).document, "hang_up")
    golden(mara.presses("1", AnsweredBy=by).document, "hang_up")
    mara.tells("completed", AnsweredBy=by)
    assert (the_notice().acknowledged_at, the_notice().error) == (None, "an answering machine took the call")
    assert log() == []


@pytest.mark.parametrize("by", ["unknown", "human", ""])
def test_where_twilio_does_not_know_the_key_will_tell(mara, the_notice, by: str):
    """A person who says a lot at once is not hung up on."""
    mara.is_answered(by).presses("1")
    assert the_notice().acknowledged_at is not None


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("no-answer", "no answer"),
        ("busy", "busy"),
        ("failed", "the call failed"),
        ("canceled", "the call was canceled"),
    ],
)
def test_a_page_that_nobody_answers_has_failed_and_says_why(
    mara, the_notice, log, settled, step_id, status: str, error: str
):
    """Nobody was told, so the step follows, once; the ladder goes on by time."""
    mara.tells("ringing")
    assert (the_notice().state, settled) == (OutgoingState.SENT, [])
    mara.tells(status).tells("completed").tells(status)
    row = the_notice()
    assert (row.state, row.error, row.told_at) == (OutgoingState.FAILED, error, None)
    assert (log(), settled) == ([], [step_id])


@pytest.mark.parametrize("first", ["answer", "end"])
def test_a_page_that_a_machine_took_has_failed(mara, the_notice, settled, step_id, first):
    """Whichever webhook says so first."""
    if first == "answer":
        mara.is_answered("machine_start")
    mara.tells("completed", AnsweredBy="machine_start")
    assert (the_notice().state, settled) == (OutgoingState.FAILED, [step_id])


def test_a_person_who_answers_and_presses_nothing_was_told(mara, the_notice, settled):
    """They heard it; nobody else need be looked for on their account."""
    mara.is_answered().presses("2").presses("2").tells("completed", AnsweredBy="human")
    assert (the_notice().state, the_notice().error, settled) == (OutgoingState.SENT, "no key was pressed", [])


def test_a_key_that_was_overtaken_by_a_failure_still_takes_it_on(mara, the_notice, settled, step_id, clock):
    """Then they were told after all, and the step follows again."""
    mara.tells("failed").presses("1").presses("1").tells("failed")
    row = the_notice()
    assert (row.state, row.error, row.told_at, row.acknowledged_at) == (
        OutgoingState.SENT, None, clock.now, clock.now,
    )  # fmt: skip
    assert settled == [step_id, step_id]


def test_pages_come_to_the_same_in_whatever_order(make_notice, telephone, the_notice, log, engine, now):
    """A key whose webhook is overtaken by the end of the call counts."""
    for number, order in enumerate(itertools.permutations(["rings", "key", "end"])):
        with transaction(engine) as session:
            session.execute(tables.progress.Notice.__table__.delete())
        make_notice(state=OutgoingState.SENT, call_sid=f"CA{number:032x}", told_at=now)
        mara = telephone("page", sid=f"CA{number:032x}", times=2)
        acts = {
            "rings": mara.is_answered,
            "key": lambda to=mara: to.presses("1"),
            "end": lambda to=mara: to.tells("completed"),
        }
        for act in order:
            acts[act]()
        assert (the_notice().error, the_notice().acknowledged_at is None) == (None, False), order
    assert len(log()) == 1


def test_a_call_belongs_to_one_notice_only(door, make_notice, step_id, the_notice, golden):
    """A CallSid that is another's is not taken over by a notice whose own is not known yet."""
    make_notice(id=NOWHERE, recipient="+493055500178", state=OutgoingState.SENT, call_sid=SID)
    notice = make_notice(state=OutgoingState.SENDING)
    golden(door.post(f"/voice/page/{notice}/key?try=0", Digits="1").text, "not_needed")
    assert (the_notice().call_sid, the_notice().state) == (None, OutgoingState.SENDING)


@pytest.mark.parametrize("state", [OutgoingState.PENDING, OutgoingState.FAILED, OutgoingState.DROPPED])
def test_a_call_for_a_notice_that_was_not_placed_is_not_its_own(door, make_notice, the_notice, golden, state):
    """It never asked Twilio for one."""
    notice = make_notice(state=state)
    golden(door.post(f"/voice/page/{notice}/key?try=0", Digits="1").text, "not_needed")
    assert (the_notice().state, the_notice().call_sid) == (state, None)


def test_names_of_a_policy_are_text_never_markup(mara, levels):
    """A level called like a verb dials nobody."""
    levels.append("</Say><Dial>+19005550100</Dial><Say>")
    mara.is_answered()
    assert "<Dial>" not in mara.document
    assert "+19005550100" in mara.heard
