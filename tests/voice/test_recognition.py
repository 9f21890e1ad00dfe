"""Who calls: known, maybe or unknown; what they are asked then, and the urgent request they may call about."""

from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from uuid import UUID

import pytest
from sqlalchemy import Engine, select

from models import tables
from models.calling import CallerId, Consent, OnDuty, OpenRequest, Recognition
from models.store import transaction
from models.terms import JobKind, Party, PartyKind
from triage.desk import directory
from voice.switch import Desk, Rules
from voice.twiml import spoken

RECORDING = "RE" + "6" * 32
ON_DUTY = OnDuty(name="mara", number="+493055500901", ring_seconds=20, round=1)


@pytest.fixture
def under_way(engine: Engine, now: datetime) -> UUID:
    """An urgent request that was there before."""
    with transaction(engine) as session:
        row = tables.requests.Request(
            channel="email", subject="login fails", policy="wso2", state="decided", received_at=now
        )
        session.add(row)
        session.flush()
        return row.id


@pytest.fixture
def first_known(engine: Engine) -> str:
    """The number of somebody in the directory."""
    with transaction(engine) as session:
        account = directory.add_account(session, "Nordhandel")
        number = Party(kind=PartyKind.NUMBER, value="+493055500301", shown="+493055500301")
        directory.add_contact(session, "Marta Sample", [number], account=account)
    return number.value


@pytest.fixture
def asked() -> SimpleNamespace:
    """What the desk was asked and told."""
    return SimpleNamespace(joined=[], rung=[])


@pytest.fixture
def desk(under_way: UUID, asked):
    """Make a desk that knows the caller this well, and has that request open."""

    def make(
        recognition: Recognition = Recognition.KNOWN, *, update: str = "", found: bool = True, over: bool = False
    ) -> Desk:
        def joined(_session, own: UUID, into: UUID, _now) -> bool:
            asked.joined.append((own, into))
            return not over

        request = OpenRequest(request=under_way, reference="SB-900", level="P1", update=update)
        return Desk(
            who_calls=lambda *_: CallerId(recognition=recognition, name="Robin", account="Halcyon Hosting"),
            rules=lambda _: Rules(receipts=("mail",)),
            open_request=lambda *_: request if found else None,
            on_call=lambda _session, about, _urgent, _now: asked.rung.append(about) or (ON_DUTY,),
            join=joined,
        )

    return make


@pytest.fixture
def parts(engine: Engine):
    """What was told of a request, by the part of the call it came from."""

    def find(request: UUID) -> dict[str, tables.requests.Interaction]:
        with transaction(engine) as session:
            rows = tables.requests.interactions(session, request)
            return {row.source.partition(":")[2].partition(":")[2]: row for row in rows}

    return find


def one_call(engine: Engine) -> tables.calls.Call:
    """The only call."""
    with transaction(engine) as session:
        return session.scalars(select(tables.calls.Call)).one()


def test_a_known_number_is_greeted_and_asked_for_no_account(run_line, phone, desk, engine: Engine):
    """The number says enough."""
    with run_line("en", desk=desk(found=False)) as line:
        phone(line).dials().hears("welcome back").presses("2").hears("does not work")
    assert one_call(engine).answers["recognition"] == "known"


def test_a_number_that_was_mentioned_is_noted_and_not_trusted(run_line, phone, desk, engine: Engine, parts):
    """The engineer may ask; the caller is a stranger who hears nothing of it."""
    with run_line("en", desk=desk(Recognition.MAYBE)) as line:
        phone(line).dials().hears("welcome to").hears_not("Halcyon").presses("2").hears("account number")
    call = one_call(engine)
    assert (call.answers["recognition"], call.answers["known"]) == ("maybe", "no")
    assert "mentioned by Robin of Halcyon Hosting" in parts(call.request_id)["mentioned"].note


@pytest.mark.parametrize("withheld", ["anonymous", "+266696687", "+7378742833", "+2562533", "+8656696", "sip:a@b.c"])
def test_a_withheld_number_recognises_nobody(run_line, phone, desk, engine: Engine, withheld: str):
    """A placeholder is not looked up at all, and its caller is asked like anybody."""
    with run_line("en", desk=desk()) as line:
        phone(line, From=withheld).dials().hears("welcome to").presses("2").hears("account number")
    assert "recognition" not in one_call(engine).answers
    assert one_call(engine).from_number == withheld


@pytest.mark.parametrize("told", ["TN-Validation-Passed-A", "TN-Validation-Failed-C", "No-TN-Validation"])
def test_how_a_network_vouches_for_a_number_is_a_hint_only(run_line, phone, engine: Engine, parts, told: str):
    """It is noted with the call, and recognises nobody."""
    with run_line("en") as line:
        phone(line, StirVerstat=told).dials().presses("2").hears("account number")
    call = one_call(engine)
    assert told in parts(call.request_id)[""].note
    assert "hint" in parts(call.request_id)[""].note
    assert call.answers["known"] == "no"


def test_a_pin_recognises_and_is_kept_nowhere(run_line, phone, desk, engine: Engine, pin: str):
    """Keyed and read back: its caller is trusted, and no row holds it."""
    said = spoken(pin)
    with run_line("en", desk=desk(Recognition.UNKNOWN, update="we restore")) as line:
        guest = phone(line).dials().presses("2").hears("PIN").presses(pin).hears(said)
        guest.presses("1").hears("S B 9 0 0").hears("we restore")
    call = one_call(engine)
    assert (call.answers["known"], call.answers["trusted"], call.answers["pin_ok"]) == ("yes", "yes", "yes")
    with transaction(engine) as session:
        rows = session.scalars(select(tables.calls.CallEvent)).all()
        kept = [repr((row.params, row.answer)) for row in rows] + [repr(call.answers)]
        kept += [row.note + row.text for row in tables.requests.interactions(session, call.request_id)]
    assert not any(pin in each or said in each for each in kept)


def test_an_account_number_is_known_and_not_trusted(run_line, phone, desk, engine: Engine, pin: str):
    """Anybody may have read it somewhere: they hear the number of the request, and no news of it."""
    with run_line("en", desk=desk(Recognition.UNKNOWN, update="we restore")) as line:
        guest = phone(line).dials().presses("2").presses("4711").presses("1").hears("S B 9 0 0").hears_not("restore")
        guest.hears("press 1 to be connected")
    call = one_call(engine)
    assert pin != call.answers["account"] == "4711"
    assert (call.answers["known"], call.answers["trusted"]) == ("yes", "no")


def test_an_open_request_is_offered_first(run_line, phone, desk, asked, under_way):
    """Its number is told to whoever is known; 3 goes on to another problem, and nothing is joined."""
    with run_line("en", desk=desk(update="the database is being restored")) as line:
        guest = phone(line).dials().presses("2").hears("S B 9 0 0").hears("Press 1").hears_not("database")
        guest.presses("3").hears("does not work").says("mail is slow").presses("2").presses("1")
        guest.hears("S B 1 0 0").hears_not("S B 9 0 0")
    assert not asked.joined


def test_an_open_request_is_the_first_question_where_there_is_no_other(run_line, phone, desk):
    """A known caller of one language who is never recorded; their account need not be asked for."""
    with run_line("en", desk=desk(), consent={"": Consent.NEVER}) as line:
        phone(line).dials().hears("welcome back").hears("S B 9 0 0").presses("3").hears("does not work")


def test_an_open_request_may_be_chosen_by_voice(run_line, phone, desk, asked):
    """Numbers may be said, yes and no mean nothing here."""
    with run_line("en", desk=desk()) as line:
        guest = phone(line).dials().presses("2").says("yes").hears("did not get that").says("Two.")
        guest.hears("what you would like to add")
    assert len(asked.joined) == 1


def test_a_note_by_voice_is_added_to_the_open_request(run_line, phone, desk, asked, engine: Engine, parts, under_way):
    """The caller hears its reference, and what they said stands there."""
    with run_line("en", desk=desk()) as line:
        guest = phone(line).dials().presses("2").presses("2").hears("like to add").says("it affects Madrid as well")
        guest.hears("added to the request").hears("S B 9 0 0").hangs_up()
    call = one_call(engine)
    assert asked.joined == [(call.request_id, under_way)]
    assert (call.answers["joined"], call.step) == (str(under_way), "receipt")
    assert parts(under_way)["note"].new_text == "it affects Madrid as well"
    assert parts(under_way)["note"].confidence == 0.91
    with transaction(engine) as session:
        assert [row.channel for row in tables.reaching.receipts(session, call.request_id)] == ["mail"]
        assert not tables.reaching.owed(session)


@pytest.mark.parametrize("leaves", [False, True])
def test_a_recorded_note_and_its_transcript_are_added(run_line, phone, desk, engine: Engine, parts, under_way, leaves):
    """With consent it is recorded, even by a caller who hangs up instead of pressing hash."""
    with run_line("en", desk=desk()) as line:
        guest = phone(line).dials().presses("1").presses("2").hears("after the tone")
        if leaves:
            guest.hangs_up_while_recording(RECORDING)
        else:
            guest.records(RECORDING).hears("S B 9 0 0")
        guest.transcript(RECORDING, "it affects Madrid")
    assert parts(under_way)["note"].note == "a note, left in a recording"
    assert parts(under_way)[f"transcript:{RECORDING}"].new_text == "it affects Madrid"
    with transaction(engine) as session:
        assert JobKind.RECORDING_FETCH in session.scalars(select(tables.jobs.Job.kind)).all()


def test_a_note_needs_no_voice(run_line, phone, desk):
    """A caller who only presses keys hears the reference of what they joined."""
    with run_line("en", desk=desk()) as line:
        phone(line).dials().presses("2").presses("2").presses("1").hears("S B 9 0 0")
        phone(line, 2).dials().presses("2").presses("2").stays_silent(3).hears("S B 9 0 0")


def test_the_people_of_the_open_request_are_rung(run_line, phone, desk, asked, engine: Engine, under_way):
    """For that request, not for the one the call opened; in vain, each caller is owed a call."""
    with run_line("en", desk=desk(), from_number="+493055500111") as line:
        guest = phone(line).dials().presses("2").presses("1").hears("stay on the line")
        assert guest.waits_for() == [ON_DUTY.number]
        guest.nobody_answers().hears("nobody can take your call right now").hears("like to add").says("Madrid, too")
        guest.hears("nobody could take").hears("S B 9 0 0")
        phone(line, 2).dials().presses("2").presses("1").hangs_up()
    assert set(asked.rung) == {under_way}
    with transaction(engine) as session:
        assert len(tables.reaching.owed(session)) == 2


@pytest.mark.parametrize("from_number", ["", "+493055500111"])
def test_whoever_wants_its_people_and_gets_none_may_leave_a_note(
    run_line, phone, desk, engine: Engine, parts, under_way, from_number: str
):
    """Nobody is on duty, or the house has no number to ring from: the caller hears so, and says what they wanted to."""
    calm = replace(desk(), on_call=lambda *_: ())
    with run_line("en", desk=calm, from_number=from_number) as line:
        guest = phone(line).dials().presses("2").presses("1").hears("nobody can take").hears("like to add")
        guest.says("it affects Madrid as well").hears("nobody could take").hears("S B 9 0 0").hears("added to")
        phone(line, 2).dials().presses("2").presses("1").presses("1").hears("S B 9 0 0")
    assert parts(under_way)["note"].new_text == "it affects Madrid as well"
    with transaction(engine) as session:
        assert {row.why for row in tables.reaching.owed(session)} == {"nobody could be reached"}


def test_an_unknown_account_is_offered_nothing(run_line, phone, desk):
    """Whoever cannot be recognised does not hear that anything is under way."""
    with run_line("en", desk=desk(Recognition.UNKNOWN)) as line:
        phone(line).dials().presses("2").presses("4711").presses("1").hears("does not work")


def test_a_pin_that_was_not_confirmed_is_kept_nowhere_either(run_line, phone, engine: Engine, pin: str):
    """A caller who hangs up while it is read back leaves none."""
    with run_line("en") as line:
        phone(line).dials().presses("2").presses(pin).hears(spoken(pin)).hangs_up()
    call = one_call(engine)
    with transaction(engine) as session:
        rows = session.scalars(select(tables.calls.CallEvent)).all()
        kept = [repr((row.params, row.answer)) for row in rows] + [repr(call.answers)]
        notes = [row.note for row in tables.requests.interactions(session, call.request_id)]
    assert not any(pin in each or spoken(pin) in each for each in [*kept, *notes])
    assert any("not confirmed" in note for note in notes)


@pytest.mark.parametrize("then", [["0"], ["99999999"], ["99999999", "0"]])
def test_a_pin_is_kept_nowhere_whatever_the_caller_does_next(run_line, phone, desk, engine: Engine, pin: str, then):
    """They ask for a person while it is read back, or key another number; then they hang up."""
    with run_line("en", desk=desk(Recognition.UNKNOWN), from_number="+493055500111") as line:
        guest = phone(line).dials().presses("2").presses(pin)
        for keys in then:
            guest.presses(keys)
        guest.hangs_up()
    with transaction(engine) as session:
        call = session.scalars(select(tables.calls.Call)).one()
        kept = [repr((row.params, row.answer)) for row in session.scalars(select(tables.calls.CallEvent))]
        notes = [row.note + row.text for row in session.scalars(select(tables.requests.Interaction))]
    kept += [repr(call.answers), *notes]
    assert not any(number in each for number in (pin, spoken(pin)) for each in kept)


def test_digits_that_were_read_back_are_read_back_again(run_line, phone, pin: str):
    """The same webhook gets the same answer, although what it says is stored nowhere."""
    with run_line("en") as line:
        phone(line).dials().presses("2").repeating(3).presses(pin).hears(spoken(pin))


def test_news_is_not_for_a_number_that_its_network_does_not_vouch_for(run_line, phone, desk, first_known: str):
    """Numbers can be forged: whoever shows one of ours hears the reference only; with a PIN they hear more."""
    with run_line("en", desk=desk(update="we restore")) as line:
        guest = phone(line, From=first_known, StirVerstat="TN-Validation-Failed-C").dials().presses("2")
        guest.hears("S B 9 0 0").hears_not("restore")
        phone(line, 2, From=first_known, StirVerstat="TN-Validation-Passed-A").dials().presses("2").hears("restore")


def test_who_chooses_a_request_that_is_over_meanwhile_reports_anew(run_line, phone, desk, asked, engine: Engine, parts):
    """What they say stays with their own request, and is not added to what nobody works on."""
    with run_line("en", desk=desk(over=True)) as line:
        guest = phone(line).dials().presses("2").hears("S B 9 0 0").presses("2").hears("does not work")
        guest.says("it is broken again").presses("2").presses("1").hears("reference").hears_not("S B 9 0 0")
    assert asked.joined
    assert parts(one_call(engine).request_id)["problem"].text == "it is broken again"
