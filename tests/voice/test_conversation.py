"""Conversations over HTTP: what is asked, what is understood, what the desk is told."""

import pytest
from sqlalchemy import Engine, select

from models import tables
from models.store import transaction
from models.terms import Channel, JobKind, Party, PartyKind

PUBLIC = "https://support.example.com"
RECORDING = "RE" + "1" * 32


def the_request(engine: Engine) -> tables.requests.Request:
    """The one request there is."""
    with transaction(engine) as session:
        return session.scalars(select(tables.requests.Request)).one()


def facts(row: tables.requests.Interaction) -> set[tuple[str, str, str]]:
    """What an interaction states."""
    return {(fact["name"], fact["value"], fact["source"]) for fact in row.facts}


PRODUCTION_DOWN = {("down", "full", "caller"), ("environment", "production", "caller")}


def test_a_whole_conversation(caller, engine: Engine, first_seen, only_call, told):
    """Greeting, consent, account, problem, production, number, reference: and the clock is the first second."""
    guest = caller().dials().hears("welcome to").hears("record")
    guest.presses("1").hears("account number").presses("").hears("does not work")
    guest.says("the gateway answers 503").hears("production system down").presses("1").hears("+ 4 9, 3 0")
    guest.presses("1").hears("reference is S B 1 0 0 1").hangs_up()
    call = only_call()
    assert (call.status, call.step, call.duration_seconds) == ("completed", "receipt", 30)
    assert (call.answers["phone"], call.answers["phone_confirmed"]) == ("+493055500137", "yes")
    request = the_request(engine)
    assert request.channel is Channel.PHONE
    assert request.party == "+493055500137"
    assert request.clock_started_at == call.started_at == first_seen[0]
    problem = told()["problem"]
    assert (problem.new_text, problem.language, problem.confidence) == ("the gateway answers 503", "en", 0.91)
    assert "0.91" in problem.note
    assert not facts(problem)
    assert facts(told()["answers"]) == PRODUCTION_DOWN
    assert sorted(told()) == ["", "answers", "problem"]


def test_a_conversation_by_voice_alone(caller, only_call, told):
    """Yes and no, numbers and problem may all be said."""
    guest = caller(From="anonymous").dials().says("Yes, that is fine.").says("It is 47 11").hears("4 7 1 1").says("Yes")
    guest.says("the gateway answers 503").says("No.").hears("area code").says("030 555 00 200").hears("4 9, 3 0, 5 5 5")
    guest.says("Yes!").hears("reference")
    answers = only_call().answers
    assert (answers["consent"], answers["phone"]) == ("yes", "+493055500200")
    assert told()["account"].note == "account number 4711, confirmed"
    assert facts(told()["answers"]) == {("down", "no", "caller")}


def test_a_conversation_by_keys_alone(caller, only_call, told):
    """One leads everywhere: the problem goes into a recording."""
    guest = caller().dials().presses("1").presses("").presses("1").hears("after the tone").records(RECORDING)
    guest.presses("1").presses("1").hears("reference").hangs_up()
    assert only_call().answers["recording"] == RECORDING
    assert (told()["problem"].note, facts(told()["problem"])) == ("described in a recording", PRODUCTION_DOWN)
    assert not told()["problem"].subject  # the transcript will be better


def test_the_desk_suggests_while_the_caller_is_still_on_the_line(caller, engine: Engine, told):
    """The problem is filed as soon as it is said, and suggested for again when a key is pressed."""
    guest = caller().dials().presses("2").presses("").says("the gateway answers 503", "0.31")
    assert (told()["problem"].new_text, told()["problem"].confidence) == ("the gateway answers 503", 0.31)
    guest.presses("1")
    asked = {told()["problem"].id, told()["answers"].id}
    with transaction(engine) as session:
        jobs = session.scalars(select(tables.jobs.Job)).all()
    assert {job.subject for job in jobs if job.kind == JobKind.REQUEST_SUGGEST} == asked


def test_production_down_without_a_word_is_still_suggested_for(caller, engine: Engine, told):
    """A caller who only presses keys and may not be recorded leaves more than an empty request."""
    caller().dials().presses("2").presses("").stays_silent(3).presses("1").presses("1").hears("reference")
    assert "Production is down" in told()["problem"].subject
    with transaction(engine) as session:
        assert JobKind.REQUEST_SUGGEST in session.scalars(select(tables.jobs.Job.kind)).all()


def test_the_incident_exists_from_the_first_webhook(caller, only_call, told):
    """Hanging up at once leaves an incident that says where."""
    caller().dials().hangs_up()
    assert only_call().ended_at is not None
    assert told()["hangup"].note == "the caller hung up at step consent; call back"


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed", "canceled"])
def test_every_other_end_keeps_its_name(caller, only_call, told, status: str):
    """What happened is evidence."""
    caller().dials().hangs_up(status)
    assert only_call().status == status
    assert status in told()["hangup"].note


def test_what_was_said_before_a_hang_up_is_filed(caller, told):
    """The problem is not lost with the line."""
    caller().dials().presses("1").presses("").says("checkout hangs").hangs_up()
    assert told()["problem"].new_text == "checkout hangs"
    assert "step down" in told()["hangup"].note


def test_a_hang_up_while_recording_keeps_what_there_is(caller, engine: Engine, only_call, told):
    """The recording is fetched, even if the callback that announces it never comes."""
    caller().dials().presses("1").presses("").stays_silent().hangs_up_while_recording(RECORDING)
    assert only_call().answers["recording"] == RECORDING
    assert "step record" in told()["hangup"].note
    with transaction(engine) as session:
        assert session.scalars(select(tables.jobs.Job.kind)).all() == [JobKind.RECORDING_FETCH]


@pytest.mark.parametrize("no", ["says", "presses"])
def test_whoever_says_no_to_their_own_number_is_asked_for_another(caller, only_call, no: str):
    """The one they declined is never called, and never promised to be."""
    guest = caller().dials().presses("2").presses("").says("orders fail").presses("2").hears("+ 4 9, 3 0")
    guest = guest.says("no") if no == "says" else guest.presses("2")
    guest.hears("key in the number").hears_not("did not get").presses("03055501234").hears("1 2 3 4").presses("1")
    assert only_call().answers["phone"] == "+493055501234"


def test_whoever_says_no_to_their_own_number_and_gives_none_has_none(caller, only_call, owed_numbers):
    """Three times asked, they hear that there is no number to call them back on."""
    guest = caller().dials().presses("2").presses("").says("orders fail").presses("1").says("no")
    guest.stays_silent(3).hears("no number to call you back")
    assert not only_call().answers.get("phone")
    assert owed_numbers() == [None]


def test_a_number_that_was_not_said_into_a_recording_is_none(run_line, phone, only_call):
    """Twilio keeps a recording of silence: nobody is promised a call on the strength of it."""
    with run_line("en") as line:
        guest = phone(line, From="anonymous").dials().presses("1").presses("").says("orders fail").presses("2")
        guest.stays_silent(3).records(RECORDING, ended="", lasted="10").hears("no number to call you back")
        guest.hears_not("will call")
    assert only_call().answers["number_recording"] == "none"


def test_a_recording_of_which_only_the_address_is_told_is_one(run_line, phone, only_call):
    """Twilio's page promises the action of a recording nothing else."""
    there = f"https://api.twilio.com/2010-04-01/Accounts/AC{'1' * 32}/Recordings/{RECORDING}"
    with run_line("en") as line:
        guest = phone(line, From="anonymous").dials().presses("1").presses("").says("orders fail").presses("2")
        action = guest.stays_silent(3).verbs["Record"].get("action").partition("#")[0].removeprefix(PUBLIC)
        told = {"RecordingUrl": there, "RecordingDuration": "14", "CallStatus": "in-progress"}
        answer = line.post(action, CallSid=guest.sid, From="anonymous", **told)
    assert "no number to call you back" not in answer.text
    assert only_call().answers["number_recording"] == RECORDING


@pytest.fixture
def owed_numbers(engine: Engine):
    """The numbers at which a call is owed."""

    def find() -> list[str | None]:
        with transaction(engine) as session:
            return [row.number for row in tables.reaching.owed(session)]

    return find


def test_three_misses_go_on_instead_of_ending_in_silence(caller, only_call):
    """Consent is taken as refused, and the caller still gets a reference."""
    guest = (
        caller().dials().hears("to agree").stays_silent().hears("did not get that").hears("to agree").stays_silent(2)
    )
    guest.hears("account number").stays_silent(2).hears("does not work").stays_silent(3).hears("production system")
    guest.stays_silent(3).hears("call you back").stays_silent(3).hears("reference").hears_not("did not get that")
    assert only_call().answers["consent"] == "no"


def test_a_no_that_was_heard_badly_is_asked_for_again(caller, only_call):
    """It would keep everybody asleep; the key is clear, and a badly heard yes is enough to ring somebody."""
    guest = caller().dials().says("yes", "0.31").hears("did not get that").presses("2").presses("")
    guest.says("the gateway answers 503").says("no", "0.31").hears("did not get that").hears("production system")
    guest.says("no", "0.49").hears("did not get that").says("Yes.", "0.31").hears("+ 4 9, 3 0")
    assert only_call().answers["down"] == "yes"


@pytest.mark.parametrize(("said", "down"), [("it's not up", "yes"), ("I don't know", "unknown"), ("no thanks", "no")])
def test_a_not_is_no_no(caller, only_call, said: str, down: str):
    """The conversation goes on at once with what was meant."""
    caller().dials().presses("2").presses("").says("orders fail").says(said).hears("+ 4 9, 3 0")
    assert only_call().answers["down"] == down


def test_numbers_and_wishes_may_be_said_in_words(caller, only_call):
    """An account number, that it is wrong, that a recording is wanted, and a number of the caller's own country."""
    guest = caller().dials().says("sure, go ahead").says("four seven one one").hears("4 7 1 1").says("that's wrong")
    guest.hears("4 7 1 1").hears_not("did not get").says("repeat please").hears("4 7 1 1").says("four 712")
    guest.hears("4 7 1 2").says("that is correct").says("leave a recording").records(RECORDING).presses("1")
    guest.presses("03055501234").hears("+ 4 9, 3 0, 5 5 5 0, 1 2 3 4").says("correct").hears("reference")
    answers = only_call().answers
    assert (answers["phone"], answers["recording"]) == ("+493055501234", RECORDING)
    assert "problem" not in answers


def test_whoever_leaves_no_number_is_promised_no_call(caller):
    """The caller withholds theirs, and may not be recorded."""
    guest = caller(From="anonymous").dials().presses("2").presses("").says("orders fail").presses("2").stays_silent(3)
    guest.hears("we have no number").hears("reference").hears_not("will call you")


def test_three_misses_at_the_number_lead_to_a_recording(caller):
    """With consent the caller may say it."""
    guest = caller(From="anonymous").dials().presses("1").presses("").says("help").presses("1")
    guest.stays_silent(3).hears("on which number").records(RECORDING).hears("reference")


def test_an_account_number_is_read_back_and_finds_the_account(caller, engine: Engine):
    """The incident is served under that account's policy once the caller confirmed the number."""
    with transaction(engine) as session:
        session.add(tables.directory.Account(name="Halcyon Hosting", number="4711", policy="parallels"))
    guest = caller().dials().presses("1").presses("4712").hears("4 7 1 2").presses("4711").hears("4 7 1 1")
    assert the_request(engine).policy == "wso2"
    guest.hears_not("did not get that").presses("1").hears("does not work")
    assert the_request(engine).policy == "parallels"


def test_an_unconfirmed_account_number_finds_no_account(caller, engine: Engine, only_call, told):
    """It is noted for the engineer."""
    with transaction(engine) as session:
        session.add(tables.directory.Account(name="Halcyon Hosting", number="4711", policy="parallels"))
    caller().dials().presses("1").presses("4711").stays_silent(3).hears("does not work")
    assert the_request(engine).policy == "wso2"
    assert told()["account"].note == "account number 4711, keyed but not confirmed"
    assert only_call().answers["account"] == "••••11"


def test_a_known_caller_is_recognised(caller, engine: Engine):
    """No account number is asked for, and the request is theirs."""
    with transaction(engine) as session:
        account = tables.directory.Account(name="Halcyon Hosting", policy="parallels")
        session.add(account)
        session.flush()
        contact = tables.directory.Contact(name="Robin Sample", account_id=account.id)
        session.add(contact)
        session.flush()
        key = Party(kind=PartyKind.NUMBER, value="+493055500137", shown="+49 30 55500137")
        session.add(tables.directory.ContactKey(kind=key.kind, value=key.value, contact_id=contact.id))
    caller(From="+493055500137").dials().hears("welcome back").presses("2").hears("does not work")
    assert the_request(engine).contact_id == contact.id


@pytest.mark.parametrize("withheld", ["anonymous", "+266696687", "+86282452253", "sip:desk@example.com", ""])
def test_a_withheld_number_is_never_read_back(caller, engine: Engine, only_call, withheld: str):
    """Placeholders identify nobody and are nobody's number, not even if keyed; another one is asked for."""
    guest = caller(From=withheld).dials().presses("2").presses("").says("help").presses("2")
    guest.hears("key in the number").presses("1").hears("key in the number").presses("*266696687").hears("key in")
    guest.presses("03055500200").hears("+ 4 9, 3 0, 5 5 5 0, 0 2 0 0").presses("1").hears("reference")
    assert the_request(engine).party is None
    assert only_call().answers["phone"] == "+493055500200"


def test_a_keyed_number_is_read_back(caller, only_call):
    """A wrong digit is heard and mended."""
    guest = caller().dials().presses("2").presses("").says("help").presses("2").presses("03055500201")
    guest.hears("+ 4 9, 3 0, 5 5 5 0, 0 2 0 1").presses("03055500200").hears("+ 4 9, 3 0, 5 5 5 0, 0 2 0 0").presses(
        "1"
    )
    guest.hears("reference")
    assert (only_call().answers["phone"], only_call().answers["phone_confirmed"]) == ("+493055500200", "yes")


def test_words_of_a_caller_are_never_markup(caller, only_call):
    """Speech with TwiML in it stays speech."""
    said = "</Say><Dial>+19005550100</Dial>"
    caller().dials().presses("1").presses("").says(said).hears("production")
    assert only_call().answers["problem"] == said


def test_a_german_line_speaks_and_understands_german(run_line, phone, told):
    """And asks for no transcript, which there would be in English only."""
    with run_line("de") as line:
        guest = phone(line).dials().hears("Willkommen").says("Ja").presses("").stays_silent().hears("nach dem Ton")
        assert guest.verbs["Record"].get("transcribe") is None
        guest.records(RECORDING).says("Nein").hears("zurück").presses("1").hears("Vorgangsnummer")
    assert told()["problem"].language == "de"


def test_a_language_is_chosen_by_key(run_line, phone, told):
    """Every language names itself; the choice holds to the end."""
    with run_line("en", "de", "fr") as line:
        guest = phone(line).dials().hears("Welcome").hears("Für Deutsch drücken Sie die 2").hears("français")
        guest.presses("9").hears("did not get that").presses("2").hears("aufzeichnen").says("nein")
        guest.presses("").says("der Shop steht").presses("1").presses("1").hears("Vorgangsnummer")
    assert (told()["problem"].language, facts(told()["answers"])) == ("de", PRODUCTION_DOWN)


def test_the_keys_that_work_anywhere_are_named_in_the_language_that_was_chosen(run_line, phone):
    """Once, after the choice, and not in the first language before it; whoever does not choose hears them, too."""
    with run_line("en", "de", from_number="+493055500111") as line:
        guest = phone(line).dials().hears("Welcome").hears_not("press star").hears_not("press 0").presses("2")
        guest.hears("Mit der Sterntaste").hears("Mit der 0").hears("aufzeichnen").presses("2")
        guest.hears_not("Sterntaste").hears_not("Mit der 0").hears("Kundennummer")
        phone(line, 2).dials().presses("*").hears_not("star").presses("0").hears("nobody can").hears_not("star")
        phone(line, 3).dials().stays_silent(3).hears("press star").hears("press 0").hears("to agree")
    with run_line("de") as line:
        phone(line, 4).dials().hears("Sterntaste").hears_not("Mit der 0")


def test_another_process_goes_on_with_the_call(run_line, phone, only_call):
    """Nothing of a conversation lives in the process that began it."""
    with run_line("en") as line:
        guest = phone(line).dials().presses("1").presses("")
    with run_line("en") as line:
        guest.line = line
        guest.says("orders fail").presses("1").presses("1").hears("reference").hangs_up()
    assert only_call().status == "completed"
