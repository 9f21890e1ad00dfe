"""`twilio setup | fallback | reconcile`: what is shown, what is set, what is refused, and no secret in any line."""

import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from models.calling import Consent, Finding
from models.errors import Misconfigured, Unavailable
from switchboard.commands import twilio
from switchboard.telephony import Telephony
from voice.number import Number, Plan, Setting
from voice.reconciling import Found
from voice.switch import Rules

OURS, OTHER = "+493055500100", "+442055500100"
TOKEN = "very-secret-token"


@pytest.fixture
def command(monkeypatch, tmp_path):
    """The commands with a Twilio account in the environment."""
    monkeypatch.chdir(tmp_path)
    given = {
        "TWILIO_ACCOUNT_SID": "AC" + "a" * 32,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_API_BASE": "http://127.0.0.1:9",
        "PUBLIC_URL": "https://support.example.com",
        "VOICE_NUMBERS": f"{OURS}=de,en",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"SWITCHBOARD_{name}", value)
    app = typer.Typer()
    twilio.register(app)
    app.command("other")(lambda: None)
    return lambda *words: CliRunner().invoke(app, ["twilio", *words])


@pytest.fixture
def at_twilio(monkeypatch):
    """What Twilio has: one number, wrong until it is set; every question is kept."""
    asked: list[tuple[str, Plan]] = []

    def numbers(*, is_right: bool, count: int = 1) -> tuple[Number, ...]:
        stands = "right" if is_right else ""
        row = Setting(name="voice_url", stands=stands, wanted="right")
        return tuple(Number(sid="PN1", number=each, settings=(row,)) for each in (OURS, OTHER)[:count])

    def look(_account, plan):
        asked.append(("look", plan))
        return numbers(is_right=False, count=1 if plan.numbers else 2)

    def apply(_account, plan, seen):
        asked.append(("apply", plan))
        return numbers(is_right=True, count=len(seen))

    monkeypatch.setattr(twilio.number, "look", look)
    monkeypatch.setattr(twilio.number, "apply", apply)
    return asked


def test_setup_shows_and_changes_nothing(command, at_twilio):
    """Exit 1, what is set and what should be, and how to set it."""
    answer = command("setup")
    assert answer.exit_code == 1
    assert f"{OURS}\n  BAD  voice_url              (empty) → right\n" in answer.output
    assert "twilio setup --apply" in answer.output
    assert [kind for kind, _ in at_twilio] == ["look"]
    assert at_twilio[0][1] == Plan(public_url="https://support.example.com", numbers=(OURS,))


def test_setup_sets_when_told_to(command, at_twilio, monkeypatch):
    """Exit 0 once everything is right, as Twilio tells it afterwards."""
    monkeypatch.setenv("SWITCHBOARD_VOICE_NUMBERS", f"{OURS}=de,en; {OTHER}")
    fallback = "https://fallback.example.net/away.xml"
    answer = command("setup", "--apply", "--fallback", fallback, "--number", "+44 20 5550 0100")
    assert answer.exit_code == 0, answer.output
    assert "ok   voice_url              right" in answer.output
    assert [kind for kind, _ in at_twilio] == ["look", "apply"]
    assert at_twilio[1][1] == Plan(public_url="https://support.example.com", numbers=(OTHER,), fallback=fallback)


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (["--apply"], {"VOICE_NUMBERS": ""}, "the account has 2 numbers"),
        (["--apply"], {"PUBLIC_URL": "http://127.0.0.1:8000"}, "needs an https address"),
        (["--fallback", "https://support.example.com/x"], {}, "on our own host"),
        (["--fallback", "nowhere"], {}, "no web address"),
        (["--fallback-get"], {}, "name that, too"),
        (["--number", "0305550"], {}, "is no number like"),
        (
            ["--apply", "--number", OTHER],
            {},
            f"none of SWITCHBOARD_VOICE_NUMBERS, so its calls are refused: add `; {OTHER}`",
        ),
        (["--apply", "--number", f"{OURS};{OTHER}"], {}, "write one number; leave --number out for all"),
        (["--apply", "--number", ""], {}, "write one number"),
        ([], {"TWILIO_ACCOUNT_SID": ""}, "SWITCHBOARD_TWILIO_ACCOUNT_SID"),
        ([], {"TWILIO_AUTH_TOKEN": ""}, "SWITCHBOARD_TWILIO_AUTH_TOKEN"),
    ],
)
def test_setup_refuses_what_would_be_wrong(command, at_twilio, monkeypatch, words, environment, said):
    """Before anything is set: other people's numbers, an address nobody reaches, a fallback that falls with us."""
    for name, value in environment.items():
        monkeypatch.setenv(f"SWITCHBOARD_{name}", value)
    answer = command("setup", *words)
    assert isinstance(answer.exception, Misconfigured)
    assert said in answer.exception.public
    assert "apply" not in [kind for kind, _ in at_twilio]


def test_setup_has_the_fallback_asked_by_get_only_when_told_to(command, at_twilio):
    """The plan says which."""
    fallback = ("--fallback", "https://fallback.example.net/away.xml")
    command("setup", *fallback)
    command("setup", *fallback, "--fallback-get")
    assert [plan.fallback_get for _, plan in at_twilio] == [False, True]


@pytest.mark.parametrize(
    ("receipt", "can_text", "said", "code"),
    [("both", False, "BAD  no texts", 1), ("sms", True, "ok   no texts", 0), ("mail", False, "", 0)],
)
def test_setup_tells_whether_receipts_can_be_texted(command, at_twilio, monkeypatch, receipt, can_text, said, code):
    """Of the number that sends them, also where it is none of those that are set up; only where they are to go out."""
    monkeypatch.setenv("SWITCHBOARD_TWILIO_FROM", OTHER)
    monkeypatch.setenv("SWITCHBOARD_VOICE_RECEIPT", receipt)
    told = lambda *about, texts: Finding(is_fine=can_text, text=f"no texts {about[1]} {texts}")  # noqa: E731 - a stub
    monkeypatch.setattr(twilio.number, "sender", told)
    answer = command("setup", "--apply")
    assert answer.exit_code == code
    assert [line for line in answer.output.splitlines() if "no texts" in line] == (
        [f"{said} {OTHER} True"] if said else []
    )


def test_setup_tells_what_no_setting_cures(command, monkeypatch):
    """A number that is not there keeps the exit code at 1, also with --apply."""
    lost = Number(sid="", number=OURS, findings=(Finding(is_fine=False, text="it is no number of this account"),))
    monkeypatch.setattr(twilio.number, "look", lambda *_: (lost,))
    monkeypatch.setattr(twilio.number, "apply", lambda *_: (lost,))
    answer = command("setup", "--apply")
    assert (answer.exit_code, answer.output) == (1, f"{OURS}\n  BAD  it is no number of this account\n")


def test_setup_without_twilio_is_one_line_and_no_token(command):
    """Nobody listens at the address of the REST server."""
    answer = command("setup")
    assert isinstance(answer.exception, Unavailable)
    assert "cannot be reached" in answer.exception.public
    assert TOKEN not in f"{answer.output}{answer.exception}{answer.exception.public}"


def test_fallback_speaks_the_languages_of_the_number(command):
    """Needs no database and no Twilio; no address, least of all ours, stands in it."""
    answer = command("fallback", "--number", OURS, "--dial", "+49 30 5550 0199")
    assert answer.exit_code == 0, answer.output
    assert answer.output.startswith("<?xml")
    assert answer.output.index("Produktions-Support") < answer.output.index("Production support")
    assert ">+4930555001" in answer.output
    assert "http" not in answer.output.replace('<?xml version="1.0" encoding="UTF-8"?>', "")


@pytest.mark.parametrize(
    ("words", "environment", "spoken"),
    [
        ([], {"VOICE_NUMBERS": f"{OURS}=de,en; {OTHER}=en,fr,es"}, ["de-DE", "en-US", "fr-FR", "es-ES"]),
        (["--number", OTHER], {"VOICE_NUMBERS": f"{OURS}=de; {OTHER}=fr,es"}, ["fr-FR", "es-ES"]),
        ([], {"VOICE_NUMBERS": f"{OURS}=fr; {OTHER}", "VOICE_LANGUAGES": "en,de"}, ["fr-FR", "en-US", "de-DE"]),
        ([], {"VOICE_NUMBERS": "", "VOICE_LANGUAGE": "de", "VOICE_LANGUAGES": "de,en,fr,es"},
         ["de-DE", "en-US", "fr-FR", "es-ES"]),
        ([], {"VOICE_NUMBERS": ""}, ["en-US"]),
    ],
)  # fmt: skip
def test_fallback_speaks_every_language_that_is_offered(command, monkeypatch, words, environment, spoken):
    """Of the number that is named, else of all, since one document may stand for them; one after the other."""
    for name, value in environment.items():
        monkeypatch.setenv(f"SWITCHBOARD_{name}", value)
    said = re.findall(r'<Say language="([^"]+)"', command("fallback", *words).output)
    assert list(dict.fromkeys(said)) == spoken
    assert {said.count(each) for each in spoken} == {3}


@pytest.mark.parametrize("name", ["setup", "fallback"])
def test_help_says_that_one_document_does_for_all_numbers(command, name):
    """Where an operator with numbers of several languages looks first."""
    said = " ".join(command(name, "--help").output.replace("│", " ").split())
    assert {"setup": "speaks the languages of all", "fallback": "may stand for all numbers"}[name] in said


@pytest.mark.parametrize(
    ("words", "setting", "records"),
    [
        ([], "announce", True),
        ([], "", False),
        ([], "ask", False),
        ([], "announce; FR=ask", False),
        ([], "announce; FR=never", False),
        ([], "ask; US=announce", False),
        ([], "never", False),
        (["--record"], "ask; FR=never", True),
        (["--no-record"], "announce", False),
    ],
)
def test_fallback_records_where_nobody_need_be_asked(command, monkeypatch, words, setting, records):
    """It can neither ask nor tell who calls: one country that wants it asked is enough, unless the operator decides."""
    monkeypatch.setenv("SWITCHBOARD_VOICE_RECORDING", setting)
    answer = command("fallback", *words)
    assert answer.exit_code == 0
    assert ("<Recording" in answer.output) is records
    assert ("If you do not agree, please hang up" in answer.output) is records


@pytest.mark.parametrize("wanted", [Consent.ASK, Consent.NEVER])
def test_fallback_does_not_record_where_one_policy_wants_it_asked(command, monkeypatch, wanted):
    """Any account may be under it, and the document cannot tell whose caller it is."""
    monkeypatch.setenv("SWITCHBOARD_VOICE_RECORDING", "announce")
    monkeypatch.setattr(Telephony, "rules", lambda _self, policy: Rules(
        consent=wanted if policy == "oro" else Consent.ANNOUNCE
    ))  # fmt: skip
    assert "<Recording" not in command("fallback").output
    assert "<Recording" in command("fallback", "--record").output


def test_setup_takes_any_number_where_none_are_named(command, at_twilio, monkeypatch):
    """Calls to every number of the account are taken then."""
    monkeypatch.setenv("SWITCHBOARD_VOICE_NUMBERS", "")
    assert command("setup", "--apply", "--number", OTHER).exit_code == 0
    assert [plan.numbers for _, plan in at_twilio] == [(OTHER,), (OTHER,)]


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (["--dial", "+49 30 5550 0100"], {}, "is our own number"),
        (["--dial", OTHER], {"TWILIO_FROM": OTHER}, "is our own number"),
        (["--dial", OTHER, "--number", OTHER], {"VOICE_NUMBERS": ""}, "is our own number"),
        (["--number", OTHER], {}, "none of SWITCHBOARD_VOICE_NUMBERS"),
        (["--number", f"{OURS};{OTHER}"], {"VOICE_NUMBERS": f"{OURS}; {OTHER}"}, "write one number"),
    ],
)
def test_fallback_refuses_what_would_fail_callers(command, monkeypatch, words, environment, said):
    """A number that rings itself, and the languages of a number whose calls we do not take."""
    for name, value in environment.items():
        monkeypatch.setenv(f"SWITCHBOARD_{name}", value)
    answer = command("fallback", *words)
    assert isinstance(answer.exception, Misconfigured)
    assert said in answer.exception.public


@pytest.mark.parametrize("words", [["--dial", "nobody"], ["--dial", "+266696687"], ["--number", "x"]])
def test_fallback_refuses_numbers_that_are_none(command, words):
    """Callers would hear silence."""
    assert isinstance(command("fallback", *words).exception, Misconfigured)


@pytest.fixture
def house(monkeypatch):
    """A house for `reconcile`: what it was asked is kept."""
    asked = SimpleNamespace(since=None, woken=0)

    def reconcile(since):
        asked.since = datetime.now(UTC) - since
        return Found(calls=2, ends=1, recordings=3)

    def wake():
        asked.woken += 1

    telephony = SimpleNamespace(reconcile=reconcile)
    settings = SimpleNamespace(twilio_account_sid="AC1", twilio_auth_token="x")

    @contextmanager
    def opened(_):
        yield SimpleNamespace(engine=None, telephony=telephony, settings=settings, wake=wake)

    monkeypatch.setattr(twilio, "opened", opened)
    return asked


@pytest.mark.parametrize(("since", "span"), [("3d", timedelta(days=3)), ("90m", timedelta(minutes=90))])
def test_reconcile_says_what_was_missed(command, house, since, span):
    """The recordings are fetched at once: a worker is woken."""
    answer = command("reconcile", "--since", since)
    assert "2 calls we had missed, the end of 1 we had, 3 recordings" in answer.output
    assert abs(house.since - span) < timedelta(minutes=1)
    assert house.woken == 1


@pytest.mark.parametrize("since", ["yesterday", "0d", "3", "d", "-1d"])
def test_reconcile_refuses_what_is_no_span(command, house, since):
    """One line says how to write it."""
    answer = command("reconcile", "--since", since)
    assert isinstance(answer.exception, Misconfigured)
    assert "3d" in answer.exception.public
    assert house.since is None
