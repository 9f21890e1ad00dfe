"""A rehearsed call tells what a caller would hear, who would ring and what is wrong, and leaves nothing behind."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from click.testing import Result
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from models.store import transaction
from models.tables.base import Base
from switchboard import rehearsal, rehearsed_call
from switchboard.commands import rehearse as command
from switchboard.commands import telephone
from switchboard.lines import Sites, Switchboard
from switchboard.settings import load

ROTA = """
rota: 1
time_zone: Europe/Berlin
people:
  mara: {name: Mara Sample, numbers: ["+493055500201"]}
  jon: {name: Jon Sample, numbers: ["+493055500202"]}
tiers:
  - id: first
    label: First line
    ring: in-order
    ring_seconds: 15
    people: [mara, jon]
"""
LIVE = {
    "public_url": "https://support.example.com",
    "twilio_account_sid": "AC" + "c" * 32,
    "twilio_auth_token": "sample-token",
    "twilio_from": "+493055500100",
    "voice_languages": ("en", "de"),
}
Build = Callable[..., Switchboard]


@pytest.fixture
def build(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Build]:
    """A house whose telephone is ready, with two people on duty; settings may be changed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rehearsal, "SLOW", 60.0)  # how busy this machine is says nothing about the line
    rota = tmp_path / "rota.yaml"
    rota.write_text(ROTA)
    built: list[Switchboard] = []

    def make(**settings: object) -> Switchboard:
        sites = Sites(database_url=database_url, redis_url="redis://127.0.0.1:1/0", secret="s" * 32)
        built.append(Switchboard(load(**{**LIVE, "rota": rota, **settings}), sites))
        return built[-1]

    yield make
    for house in built:
        house.engine.dispose()


def counted(engine: Engine) -> dict[str, int]:
    """How many rows every table has."""
    with transaction(engine) as session:
        found = {name: session.scalar(select(func.count()).select_from(each)) for name, each in TABLES.items()}
    return {name: number or 0 for name, number in found.items()}


def next_number(engine: Engine) -> int:
    """The number that a request would have been given."""
    with transaction(engine) as session:
        return int(session.scalar(text("SELECT nextval('requests_number_seq')")) or 0)


TABLES = Base.metadata.tables


def wrong(played) -> list[str]:
    """What is not fine."""
    return [each.text for each in played.findings if not each.is_fine]


def test_a_line_that_is_ready_has_nothing_to_mend(build: Build):
    """The caller hears every step in order, both engineers would ring, and the call ends by itself."""
    played = rehearsal.rehearse(build())
    assert wrong(played) == []
    steps = [turn.step for turn in played.turns]
    assert [step for step in steps if step in {"language", "consent", "down", "phone", "connect", "receipt"}] == [
        "language", "consent", "down", "phone", "connect", "connect", "receipt",
    ]  # fmt: skip
    assert [(one.name, one.number, one.ring_seconds, one.round) for one in played.rings] == [
        ("Mara Sample", "+493055500201", 15, 1),
        ("Jon Sample", "+493055500202", 15, 2),
    ]
    assert all(turn.heard for turn in played.turns)


def test_a_rehearsal_leaves_nothing_behind(build: Build, engine: Engine, monkeypatch: pytest.MonkeyPatch):
    """Every table has as many rows as before, no job waits, no worker is woken; one number of a request is used up."""
    house = build()
    monkeypatch.setattr(house, "wake", lambda: pytest.fail("a worker was woken"))
    before, given = counted(engine), next_number(engine)
    assert len(before) > 20
    assert rehearsal.rehearse(house).rings
    assert counted(engine) == before
    assert next_number(engine) == given + 2


def test_the_language_asked_for_is_chosen(build: Build):
    """The key of that language is pressed, and the call goes on in it."""
    played = rehearsal.rehearse(build(), language="de")
    assert played.turns[0].pressed == "2"
    assert "Auf Wiederhören" in " ".join(played.turns[-1].heard)
    assert wrong(rehearsal.rehearse(build(), language="fr")) == [
        "The line does not speak fr: name it in SWITCHBOARD_VOICE_LANGUAGES or _VOICE_NUMBERS."
    ]


@pytest.mark.parametrize("recording", ["ask", "announce", "never"])
def test_every_kind_of_consent_leads_to_a_person(build: Build, recording: str):
    """Keys alone reach whoever is on duty, whether or not anything may be recorded."""
    played = rehearsal.rehearse(build(voice_recording=recording))
    assert wrong(played) == []
    assert len({one.number for one in played.rings}) == 2
    assert ("record" in [turn.step for turn in played.turns]) == (recording != "never")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"twilio_account_sid": ""}, "SWITCHBOARD_TWILIO_ACCOUNT_SID"),
        ({"twilio_from": ""}, "SWITCHBOARD_TWILIO_FROM"),
        ({"public_url": "http://support.example.com"}, "SWITCHBOARD_PUBLIC_URL"),
        ({"rota": None}, "Nobody would ring"),
    ],
)
def test_what_is_missing_is_named_with_its_setting(build: Build, settings: dict[str, object], told: str):
    """Each thing that keeps a caller from a person is one finding that says what to set."""
    assert any(told in each for each in wrong(rehearsal.rehearse(build(**settings))))


@pytest.mark.parametrize("recipients", ["", "on-call=+493055500203"])
@pytest.mark.parametrize("number", ["+493055500201", "+881612345678", "+447012345678", "+493055500100", ""])
def test_doctor_says_of_who_is_on_duty_what_a_call_shows(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str, recipients: str
):
    """At a number that is never rung nobody is on duty; where that leaves nobody, the book's entry is rung."""
    monkeypatch.setattr(telephone.number, "findings", lambda *_, **__: ())
    rota = tmp_path / "other.yaml"
    reached = f'numbers: ["{number}"]' if number else "login: mara"
    rota.write_text(ROTA.replace('numbers: ["+493055500201"]', reached).replace("[mara, jon]", "[mara]"))
    house = build(rota=rota, recipients=recipients)
    rings = {one.name for one in rehearsal.rehearse(house).rings}
    assert ("Mara Sample" in rings) is (number == "+493055500201")
    assert ("on-call" in rings) is bool(recipients and number != "+493055500201")
    (line,) = [found for found in telephone.findings(house) if "on duty now" in found[1]]
    assert line[0] is bool(rings)
    assert ("Mara Sample" in line[1], "`on-call`" in line[1]) == ("Mara Sample" in rings, "on-call" in rings)


def test_a_house_without_a_number_to_ring_from_does_not_blame_the_rota(build: Build):
    """Somebody is on duty: the setting is the one thing to mend."""
    assert wrong(rehearsal.rehearse(build(twilio_from=""))) == [
        "Nobody can be rung: SWITCHBOARD_TWILIO_FROM is not set."
    ]
    both = wrong(rehearsal.rehearse(build(twilio_from="", rota=None)))
    assert [each.split(":")[0] for each in both] == ["Nobody can be rung", "Nobody would ring"]


def test_a_policy_under_which_nothing_burns_is_told(build: Build):
    """Without urgent levels only the key connects a caller."""
    house = build()
    pack = house.policies[house.settings.policy]
    house.policies = {**house.policies, pack.id: replace(pack, phone=replace(pack.phone, urgent=()))}
    assert any("no level is urgent" in each for each in wrong(rehearsal.rehearse(house)))


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("<Response><Say>Hello</Say></Response>", "without Redirect or Hangup"),
        ("<Response><Redirect>https://elsewhere.example/voice/turn</Redirect></Response>", "no address of our line"),
        ('<Response><Gather input="speech" action="{turn}"/></Response>', "cannot be answered by key"),
        ('<Response><Redirect method="POST">{turn}</Redirect></Response>', "did not end within"),
    ],
)  # fmt: skip
def test_twiml_that_leads_nowhere_is_told(build: Build, monkeypatch: pytest.MonkeyPatch, document: str, told: str):
    """A document that Twilio could not follow, and a call without an end."""
    answer = document.format(turn="https://support.example.com/voice/turn?step=consent&amp;try=0")
    for flow in ("first_ring", "turn"):
        monkeypatch.setattr(rehearsed_call.calls, flow, lambda *_, **__: answer)
    assert any(told in each for each in wrong(rehearsal.rehearse(build())))


def test_a_line_that_fails_is_told_not_raised(build: Build, engine: Engine, monkeypatch: pytest.MonkeyPatch):
    """An error of ours that a caller would meet is a finding, and leaves nothing behind either."""

    def turn(session: Session, *_: object, **__: object) -> str:
        session.execute(text("select 1 / 0"))
        raise AssertionError

    monkeypatch.setattr(rehearsed_call.calls, "turn", turn)
    before = counted(engine)
    assert any("failed: DataError" in each for each in wrong(rehearsal.rehearse(build())))
    assert counted(engine) == before


def test_slow_answers_and_long_speech_are_told(build: Build, monkeypatch: pytest.MonkeyPatch):
    """More than a second to an answer, more than a minute until a caller may speak."""
    monkeypatch.setattr(rehearsal, "SLOW", 0.0)
    monkeypatch.setattr(rehearsal, "LONG_SPEECH", 0.5)
    told = " ".join(wrong(rehearsal.rehearse(build())))
    assert "Slow answers: the first ring" in told
    assert "before they can answer" in told


@pytest.fixture
def run(build: Build, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command's answer, on that house."""

    def invoke(*words: str, **settings: object) -> Result:
        @contextmanager
        def opened(_data_dir: Path | None) -> Iterator[Switchboard]:
            yield build(**settings)

        monkeypatch.setattr(command, "opened", opened)
        app = typer.Typer()
        command.register(app)
        return CliRunner().invoke(app, words)

    return invoke


def test_the_command_prints_the_call_and_its_findings(run: Callable[..., Result]):
    """What is heard, who would ring, what was looked at; exit 0 where nothing is wrong."""
    said = run()
    assert said.exit_code == 0, said.output
    for each in ("[consent]", "> 1", "1. Mara Sample  +493055500201  15 s", "ok    The call came to its end"):
        assert each in said.output


def test_the_command_exits_1_where_something_is_wrong(run: Callable[..., Result]):
    """As JSON too, with the findings told apart."""
    said = run("--json", rota=None)
    assert said.exit_code == 1
    assert not all(each["is_fine"] for each in json.loads(said.stdout)["findings"])
