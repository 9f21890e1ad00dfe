"""`switchboard rota`: the file is checked, the duty shown, and somebody stands in."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import typer
from click.testing import Result
from sqlalchemy import Engine
from typer.testing import CliRunner

from models import tables
from models.errors import Invalid, Misconfigured, NotFound
from models.store import transaction
from switchboard.commands import rota
from switchboard.commands.instance import opened
from switchboard.lines import Switchboard

Run = Callable[..., Result]
NOW = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
"""A Wednesday, eleven in the morning in Berlin."""
FILE = """
rota: 1
time_zone: Europe/Berlin
people:
  priya: {name: Priya Sample, numbers: "+49 30 5550 101"}
  ben: {login: ben}
tiers:
  - id: first
    label: First line
    turn: {every: 1 week, from: 2026-01-05 09:00, people: [priya, ben]}
  - {id: office, hours: mon-fri 08:00-18:00, people: [priya]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A rota."""
    path = tmp_path / "rota.yaml"
    path.write_text(FILE, encoding="utf-8")
    return path


@pytest.fixture
def run(database_url: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """What these commands answer on a database of the test's own, at a fixed moment."""
    for name, value in (
        ("DATABASE_URL", database_url),
        ("REDIS_URL", "redis://127.0.0.1:1/0"),
        ("SECRET_KEY", "only-for-this-test-only-for-this-test"),
        ("ROTA", str(file)),
    ):
        monkeypatch.setenv(f"SWITCHBOARD_{name}", value)

    @contextmanager
    def closing(data_dir: Path | None) -> Iterator[Switchboard]:
        with opened(data_dir) as house:
            try:
                yield house
            finally:
                house.engine.dispose()

    monkeypatch.setattr(rota, "opened", closing)
    monkeypatch.setattr(rota, "now", lambda: NOW)

    def invoke(*words: str) -> Result:
        app = typer.Typer()
        rota.register(app)
        return CliRunner().invoke(app, ["rota", *words])

    return invoke


@pytest.fixture
def ben(engine: Engine) -> None:
    """The engineer behind a login of the file."""
    with transaction(engine) as session:
        session.add(
            tables.directory.Engineer(
                login="ben", name="Ben Trial", password_hash="x", role="engineer", number="+49305550102"
            )
        )


@pytest.mark.usefixtures("ben")
def test_a_sound_rota_is_said_to_be_one(run: Run):
    """Exit code 0, and what was looked at."""
    answer = run("check")
    assert (answer.exit_code, answer.output) == (0, "Somebody takes urgent calls at any time of the next 14 days.\n")


def test_a_login_that_nobody_has_is_found(run: Run):
    """Whoever has no number leaves their week to nobody."""
    answer = run("check")
    assert answer.exit_code == 1
    lines = answer.output.splitlines()
    assert lines[0].startswith("ben: nobody signs in as 'ben'")
    assert lines[1].startswith("ben has no telephone number: write numbers in the rota, or switchboard user reach")
    assert lines[2] == "Nobody takes urgent calls from Wed 2026-11-18 18:00 to Thu 2026-11-19 08:00"
    # Friday's evening to Monday's hand-over; the week after is Priya's, and then it is Ben's again.
    assert lines[4] == "Nobody takes urgent calls from Fri 2026-11-20 18:00 to Mon 2026-11-23 08:00"
    assert lines[5] == "Nobody takes urgent calls from Mon 2026-11-30 18:00 to Tue 2026-12-01 08:00"


@pytest.mark.usefixtures("ben")
@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("+881612345678", "is a satellite telephone's, or of another network that belongs to no country"),
        ("+447012345678", "is a premium-rate, shared-cost or personal number"),
        ("+493055500100", "is one of our own numbers"),
        ("+442055500100", "is one of our own numbers"),
    ],
)
def test_somebody_at_a_number_that_is_never_rung_is_not_on_duty(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch, number: str, why: str
):
    """Told with the number and the reason; their turn is nobody's. A second number is rung only one after the other."""
    monkeypatch.setenv("SWITCHBOARD_TWILIO_FROM", "+493055500100")
    monkeypatch.setenv("SWITCHBOARD_VOICE_NUMBERS", "+442055500100=en")
    file.write_text(FILE.replace("+49 30 5550 101", number), encoding="utf-8")
    answer = run("check")
    assert answer.exit_code == 1
    lines = answer.output.splitlines()
    assert lines[0].startswith(f"Priya Sample has no telephone number that can be rung: {number} {why}: write numbers")
    assert lines[1] == "Nobody takes urgent calls from Mon 2026-11-23 09:00 to Mon 2026-11-30 09:00"
    two = FILE.replace('"+49 30 5550 101"', f'["{number}", "+49 30 5550 101"]')
    file.write_text(two, encoding="utf-8")
    lines = run("check").output.splitlines()
    assert lines[0].startswith(f"Priya Sample has no first number that can be rung: {number} {why}: write numbers")
    assert lines[1] == "Nobody takes urgent calls from Mon 2026-11-23 09:00 to Mon 2026-11-30 09:00"
    file.write_text(two.replace("label: First line", "ring: in-order"), encoding="utf-8")
    answer = run("check")
    assert answer.exit_code == 1
    assert answer.output.startswith(f"Priya Sample is not rung at every number: {number} {why}: write numbers")
    assert "Nobody takes" not in answer.output


def test_every_mistake_of_a_file_is_a_line(run: Run, tmp_path: Path):
    """Of the file that is named, before any database is asked."""
    path = tmp_path / "other.yaml"
    path.write_text(FILE.replace("1 week", "1 month").replace("rota: 1", "rota: 2"), encoding="utf-8")
    answer = run("check", str(path))
    assert answer.exit_code == 1
    assert [line.split(": ")[1] for line in answer.output.splitlines()] == ["rota", "every"]
    assert run("check", str(tmp_path / "none.yaml")).exit_code == 1


@pytest.mark.parametrize(
    "words", [("check",), ("show",), ("overrides",), ("cover", "first", "ben", "--until", "18:00")]
)
def test_without_a_rota_it_is_said_how_to_have_one(run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]):
    """One line, exit code 2 at the shell."""
    monkeypatch.delenv("SWITCHBOARD_ROTA")
    answer = run(*words)
    assert isinstance(answer.exception, Misconfigured)
    assert "SWITCHBOARD_ROTA" in answer.exception.public


@pytest.mark.usefixtures("ben")
def test_who_is_on_duty_is_shown_with_what_comes_next(run: Run):
    """In the rota's zone: the tiers now, then the shifts."""
    now, shifts = run("show", "--days", "7").output.split("\n\n")
    assert now.splitlines() == [
        "Wed 2026-11-18 11:00 (Europe/Berlin)",
        "first\tBen Trial\tuntil Mon 2026-11-23 09:00",
        "office\tPriya Sample\tuntil Wed 2026-11-18 18:00",
    ]
    first = [line for line in shifts.splitlines() if "\tfirst\t" in line]
    assert first == [
        "Wed 2026-11-18 11:00\tMon 2026-11-23 09:00\tfirst\tBen Trial",
        "Mon 2026-11-23 09:00\tWed 2026-11-25 11:00\tfirst\tPriya Sample",
    ]
    at_night = run("show", "--at", "2026-11-18 20:00").output
    assert "office\tclosed\tuntil Thu 2026-11-19 08:00" in at_night


@pytest.mark.usefixtures("ben")
def test_somebody_stands_in_until_it_is_withdrawn(run: Run):
    """An hour of the day is the next such hour in the rota's zone."""
    made = run("cover", "first", "priya", "--until", "18:00", "--note", "Dentist").output.strip()
    assert "first\tPriya Sample for Ben Trial\tuntil Wed 2026-11-18 18:00" in run("show").output
    assert run("overrides").output.strip().split("\t") == [
        made, "first", "Priya Sample", "Wed 2026-11-18 11:00", "Wed 2026-11-18 18:00", "command line", "Dentist",
    ]  # fmt: skip
    assert run("withdraw", made).exit_code == 0
    assert run("overrides").output == ""
    assert "first\tBen Trial\t" in run("show").output


@pytest.mark.usefixtures("ben")
def test_times_are_those_of_the_rotas_zone(run: Run):
    """An hour that is over today is tomorrow's; the end is counted from the beginning."""
    run("cover", "first", "priya", "--from", "08:00", "--until", "07:00")
    run("cover", "first", "priya", "--from", "2026-12-24 18:00", "--until", "2026-12-25T08:00")
    times = [re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d", line) for line in run("overrides").output.splitlines()]
    assert times == [["2026-11-19 08:00", "2026-11-20 07:00"], ["2026-12-24 18:00", "2026-12-25 08:00"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cover", "frist", "priya", "--until", "18:00"), "no tier 'frist'; there are first, office"),
        (("cover", "first", "prya", "--until", "18:00"), "no person 'prya'; there are priya, ben"),
        (("cover", "first", "priya", "--until", "six"), "'six' is no time: write 18:00, or 2026-12-24 18:00"),
        (("cover", "first", "priya", "--until", "2026-11-31 18:00"), "is no time"),
        (("cover", "first", "ben", "--until", "18:00"), "ben has no telephone number"),
        (("show", "--at", "tonight"), "is no time"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(run: Run, words: tuple[str, ...], said: str):
    """And nothing is written."""
    answer = run(*words)
    assert isinstance(answer.exception, Invalid)
    assert said in answer.exception.public
    assert run("overrides").output == ""


def test_what_was_never_arranged_cannot_be_withdrawn(run: Run):
    """The id is named, and where to find the others."""
    answer = run("withdraw", str(uuid4()))
    assert isinstance(answer.exception, NotFound)
    assert "switchboard rota overrides" in answer.exception.public
