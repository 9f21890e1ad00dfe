"""What `doctor` and `reconcile` say of the telephone, a line each, with what to do about it."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
import typer
from pydantic import SecretStr
from typer.testing import CliRunner

from models import tables
from models.calling import Finding, LegState
from models.errors import Misconfigured
from models.store import transaction
from models.terms import Channel, JobKind, OutgoingState, TriageState
from switchboard.commands import telephone, upkeep
from switchboard.lines import now as clock
from triage.policy import load_packs
from voice.dialling import Trunk
from voice.recordings import TwilioAccount

OURS = "+493055500100"


@pytest.fixture
def house(engine, tmp_path):
    """A house with a telephone, of which the tests change what they are about."""
    settings = SimpleNamespace(
        policy="wso2", data_dir=tmp_path, twilio_account_sid="AC1", public_url="https://support.example.com",
        twilio_auth_token_secondary=SecretStr("second-token"), twilio_from=OURS, voice_language="en",
        voice_languages=("de",), voice_numbers=f"{OURS}=fr", voice_prompts=None,
        voice_receipt=("mail",), twilio_auth_token=SecretStr("x"), twilio_signing_keys=None,
    )  # fmt: skip
    account = TwilioAccount(account_sid="AC1", auth_token="x", api_base="http://127.0.0.1:9")
    telephony = SimpleNamespace(
        account=account,
        trunk=Trunk(account=account, from_number=OURS, public_url=settings.public_url),
        rota=None,
        book=SimpleNamespace(named={"on-call": ("+493055500199",)}),
    )
    return SimpleNamespace(engine=engine, settings=settings, policies=load_packs(), telephony=telephony)


@pytest.fixture
def asked(monkeypatch):
    """What Twilio was asked, and what it tells."""
    seen = SimpleNamespace(plan=None, more=None, told=[Finding(is_fine=True, text="the Twilio account is active")])

    def findings(_account, plan, **more):
        seen.plan, seen.more = plan, more
        yield from seen.told

    monkeypatch.setattr(telephone.number, "findings", findings)
    return seen


@pytest.fixture
def run(house, asked, monkeypatch):
    """Run a command on the house."""

    @contextmanager
    def opened(_):
        yield house

    monkeypatch.setattr(upkeep, "opened", opened)
    app = typer.Typer()
    upkeep.register(app)
    return lambda command: CliRunner().invoke(app, [command])


def test_a_telephone_in_order(run, asked):
    """Twilio is asked about our numbers, the second token and the one that calls out; no line shows a token."""
    said = run("doctor").output
    assert "ok   the Twilio account is active" in said
    assert "ok   the line speaks en, de, fr" in said
    assert "ok   the entry `on-call` of SWITCHBOARD_RECIPIENTS is rung" in said
    assert "ok   Twilio reaches us at https://support.example.com" in said
    assert asked.plan.numbers == (OURS,)
    assert asked.more == {"secondary": "second-token", "from_number": OURS, "texts": False}
    assert "second-token" not in said


def test_what_twilio_says_is_wrong_is_a_line(run, asked):
    """And the exit code is 1."""
    asked.told = [Finding(is_fine=False, text="Twilio account: Twilio cannot be reached: ConnectError")]
    answer = run("doctor")
    assert "BAD  Twilio account: Twilio cannot be reached" in answer.output
    assert answer.exit_code == 1


def test_an_address_without_https_is_told(run, house):
    """Twilio sends webhooks over the open net."""
    house.settings.public_url = "http://127.0.0.1:8000"
    assert "BAD  Twilio reaches us at http://127.0.0.1:8000 (https needed)" in run("doctor").output


def test_languages_nobody_wrote_are_told(run, house, tmp_path):
    """Callers would hear English; one of the operator's own is as good as ours, unless it has mistakes."""
    house.settings.voice_languages = ("nl", "it")
    house.settings.voice_prompts = tmp_path
    (tmp_path / "it.toml").write_text('tag = "nonsense"\n', encoding="utf-8")
    said = run("doctor").output
    assert "BAD  there are no prompts in nl" in said
    assert "no prompts in it" not in said
    assert "BAD  SWITCHBOARD_VOICE_PROMPTS: it.toml: " in said


@pytest.mark.parametrize(
    ("number", "what"), [("", "is not set"), ("030 5550100", "is no number in E.164, such as +493055500100")]
)
def test_a_house_that_can_ring_nobody_is_told(run, house, number, what):
    """However well the rota is staffed; exit 1."""
    house.telephony.trunk = replace(house.telephony.trunk, from_number=number)
    answer = run("doctor")
    assert f"BAD  SWITCHBOARD_TWILIO_FROM {what}: nobody is rung for a caller" in answer.output
    assert answer.exit_code == 1


@pytest.mark.parametrize(("ways", "is_told"), [(("mail",), False), (("mail", "sms"), True)])
def test_where_receipts_go_by_text_the_number_that_sends_them_is_looked_at(run, house, asked, ways, is_told):
    """Twilio is asked whether it can; one that is not set is told by the setting that it keeps from working."""
    house.settings.voice_receipt = ways
    run("doctor")
    assert asked.more["texts"] is is_told
    house.telephony.trunk = replace(house.telephony.trunk, from_number="")
    said = run("doctor").output
    assert ("and no receipt is texted (SWITCHBOARD_VOICE_RECEIPT)" in said) is is_told


def test_a_house_that_can_ring_is_not_warned(run):
    """The number that calls out is a line of Twilio's findings alone."""
    assert "nobody is rung for a caller" not in run("doctor").output


def test_nobody_on_call_is_told(run, house):
    """Without a rota, and without an entry in its place."""
    house.telephony.book.named.clear()
    assert "BAD  nobody is rung for callers (SWITCHBOARD_ROTA is not set)" in run("doctor").output


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("ops@example.com", ""),
        ("+499001234567", "is a premium-rate, shared-cost or personal number"),
        (OURS, "is one of our own numbers"),
    ],
)
def test_an_entry_that_rings_nobody_is_told(run, house, entry, why):
    """A mail address, a costly number or our own: no telephone rings, whatever stands there; exit 1."""
    house.telephony.book.named["on-call"] = (entry,)
    answer = run("doctor")
    assert f"BAD  {telephone.ENTRY} has no telephone number that can be rung (SWITCHBOARD_ROTA" in answer.output
    assert (f"BAD  {telephone.ENTRY}: {entry} {why}, and is never rung" in answer.output) is bool(why)
    assert answer.exit_code == 1


def test_an_entry_with_one_good_number_is_rung(run, house):
    """The other one is told beside it; an address is for mail, and nothing is wrong with it."""
    house.telephony.book.named["on-call"] = ("ops@example.com", "+881612345678", "+493055500199")
    said = run("doctor").output
    assert f"ok   {telephone.ENTRY} is rung (SWITCHBOARD_ROTA is not set)" in said
    assert f"BAD  {telephone.ENTRY}: +881612345678 is a satellite telephone's" in said
    assert said.count(telephone.ENTRY) == 2


@pytest.mark.parametrize(
    ("keys", "second", "refuses"),
    [(None, None, True), (SecretStr("k" * 32), None, False), (None, SecretStr("t"), False)],
)
def test_a_missing_token_is_named_with_what_it_means(run, house, asked, keys, second, refuses):
    """Twilio cannot be asked without it; webhooks are refused unless something else signs them."""
    house.settings.twilio_signing_keys, house.settings.twilio_auth_token_secondary = keys, second
    house.telephony.account = replace(house.telephony.account, auth_token="")
    answer = run("doctor")
    assert answer.exit_code == 1
    assert "BAD  SWITCHBOARD_TWILIO_AUTH_TOKEN is not set: " in answer.output
    assert ("every webhook is refused" in answer.output) is refuses
    assert asked.plan is None


def test_a_telephone_without_its_account_is_said_to_be_off(run, house, asked):
    """The settings that wait for it are named, and nothing is asked; a house that has none of them is not told."""
    house.settings.twilio_account_sid = ""
    house.settings.twilio_auth_token_secondary = None
    answer = run("doctor")
    given = "SWITCHBOARD_TWILIO_AUTH_TOKEN, SWITCHBOARD_TWILIO_FROM, SWITCHBOARD_VOICE_NUMBERS"
    assert answer.exit_code == 1
    assert f"BAD  the phone is off: SWITCHBOARD_TWILIO_ACCOUNT_SID is not set, though {given} is given" in answer.output
    house.settings.twilio_auth_token = None
    house.settings.twilio_from = house.settings.voice_numbers = ""
    assert "phone" not in run("doctor").output
    assert asked.plan is None


def test_a_rota_that_cannot_be_read_is_told(run, house):
    """With its mistake, not a traceback."""

    class Telephony:
        account = house.telephony.account
        trunk = house.telephony.trunk

        @property
        def rota(self):
            raise Misconfigured(public="rota.yaml:3: no such person")

    house.telephony = Telephony()
    assert "BAD  SWITCHBOARD_ROTA cannot be read: rota.yaml:3" in run("doctor").output


SATELLITE, GOOD = "+881612345678", "+493055500177"


@pytest.mark.parametrize(
    ("open_now", "numbers", "ring", "line"),
    [
        (True, (GOOD,), "at-once", "ok   on duty now: Mara"),
        (False, (GOOD,), "at-once", "BAD  on duty now: nobody"),
        (True, (), "at-once", "BAD  on duty now: nobody"),
        (True, (SATELLITE,), "at-once", "BAD  on duty now: nobody"),
        (True, (OURS,), "in-order", "BAD  on duty now: nobody"),
        (True, (SATELLITE, GOOD), "in-order", "ok   on duty now: Mara"),
        (True, (SATELLITE, GOOD), "at-once", "BAD  on duty now: nobody"),
    ],
)
def test_the_rota_names_who_is_on_duty(run, house, monkeypatch, open_now, numbers, ring, line):
    """Who is rung now: in an open tier, at a number that is dialled, the first where all of a tier ring at once."""
    tier = SimpleNamespace(is_open=open_now, ring=ring, people=(SimpleNamespace(name="Mara", numbers=numbers),))
    monkeypatch.setattr(telephone.oncall, "duty", lambda *_: SimpleNamespace(tiers=(tier,)))
    monkeypatch.setattr(
        telephone.rota_check,
        "findings",
        lambda *_, unringable, **__: (Finding(is_fine=False, text=f"Ida {unringable(OURS)}"),),
    )
    house.telephony.rota = object()
    house.telephony.book.named.clear()
    said = run("doctor").output
    assert line in said
    assert "BAD  rota: Ida is one of our own numbers" in said


def test_where_the_rota_reaches_nobody_the_entry_is_rung(run, house, monkeypatch):
    """A caller reaches somebody all the same, and the line says whom."""
    monkeypatch.setattr(telephone.oncall, "duty", lambda *_: SimpleNamespace(tiers=()))
    monkeypatch.setattr(telephone.rota_check, "findings", lambda *_, **__: ())
    house.telephony.rota = object()
    assert f"ok   on duty now: nobody of the rota; {telephone.ENTRY} is rung" in run("doctor").output


@pytest.fixture
def request_id(engine, now):
    """A request, decided, with its call over for a day."""
    with transaction(engine) as session:
        row = tables.requests.Request(
            channel=Channel.PHONE, subject="x", policy="wso2", state=TriageState.DECIDED, received_at=now
        )
        session.add(row)
        session.flush()
        return row.id


@pytest.fixture
def call_id(engine, request_id, now):
    """Its call."""
    with transaction(engine) as session:
        row = tables.calls.Call(
            call_sid="CA1", account_sid="AC1", from_number="", to_number="", status="completed", step="receipt",
            answers={}, request_id=request_id, started_at=now, ended_at=clock() - timedelta(days=1),
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def test_reconcile_finds_nothing_where_all_is_settled(run, call_id):
    """A call with its incident is accounted for."""
    answer = run("reconcile")
    assert answer.exit_code == 0, answer.output


def test_reconcile_names_a_telephone_that_rings_for_ever(run, engine, call_id, request_id, now):
    """Its call is over: nobody will tell us its end any more."""
    leg = {
        "call_id": call_id, "request_id": request_id, "name": "Mara", "number": "+493055500177", "ring_seconds": 20,
        "rung_at": now,
    }  # fmt: skip
    with transaction(engine) as session:
        session.add(tables.reaching.Leg(round=1, state=LegState.RINGING, **leg))
        session.add(tables.reaching.Leg(round=2, state=LegState.TAKEN, ended_at=now, **leg))
    answer = run("reconcile")
    assert (answer.exit_code, answer.output.count("still rings, and its call is over")) == (1, 1)


def test_reconcile_names_a_caller_whom_nobody_rang(run, engine, request_id):
    """A day too late somebody should look why."""
    with transaction(engine) as session:
        for due in (timedelta(days=2), timedelta(hours=1)):
            other = tables.requests.Request(
                channel=Channel.PHONE, subject="x", policy="wso2", state=TriageState.DECIDED, received_at=clock()
            )
            session.add(other)
            session.flush()
            tables.reaching.owe_call(
                session, request_id=other.id, number=None, why="", automatic=False, due_at=clock() - due,
                made_at=clock(),
            )  # fmt: skip
    answer = run("reconcile")
    assert (answer.exit_code, answer.output.count("and nobody was reached")) == (1, 1)


def test_reconcile_names_a_receipt_that_no_job_will_send(run, engine, call_id, request_id, now):
    """One whose job waits is on its way."""
    with transaction(engine) as session:
        for channel, state in (("sms", OutgoingState.PENDING), ("mail", OutgoingState.SENDING)):
            row = tables.reaching.CallReceipt(
                id=uuid4(), call_id=call_id, request_id=request_id, channel=channel, recipient="x", state=state,
                created_at=now,
            )  # fmt: skip
            session.add(row)
            if channel == "mail":
                tables.jobs.schedule(session, JobKind.RECEIPT_SEND, row.id, now)
    answer = run("reconcile")
    assert (answer.exit_code, answer.output.count("waits and no job will send it")) == (1, 1)
