"""`switchboard policy simulate`: stored requests under an edited pack, told for people and as JSON; nothing written."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from click.testing import Result
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from models import tables
from models.errors import Unavailable
from models.store import transaction
from models.terms import Channel, Fact, Interaction, Suggestion
from switchboard.commands import policy as commands
from switchboard.commands import simulation
from switchboard.commands.instance import opened
from switchboard.lines import Switchboard
from triage import policy as packs
from triage.desk.reception import Reception, receive
from triage.policy import Policy
from triage.suggest import suggest

PACK = """\
id: mine
version: 1
name: Mine
source: "Our own handbook"
sla_channels: [portal, phone]
threshold: 0.1
types:
  - {value: fault, label: Fault, definition: Broken., clause: "§1"}
levels:
  - {value: high, label: High, definition: Bad., clause: "§2"}
  - {value: low, label: Low, definition: Not bad., clause: "§2"}
rules:
  - {id: live, clause: "§3 live", when: {environment: production}, then: {set: high}}
  - {id: rest, clause: "§3 rest", when: {environment: staging}, then: {set: low}}
clocks:
  calendars: []
  targets:
    - {level: high, kind: response, within: 1 h, calendar: 24x7, clause: "§4"}
    - {level: low, kind: response, within: 8 h, calendar: 24x7, clause: "§4"}
"""


def run(*words: str) -> Result:
    """What `switchboard policy simulate …` answers."""
    app = typer.Typer()
    commands.register(app)
    return CliRunner().invoke(app, ["policy", "simulate", *words])


@pytest.fixture
def installed(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Policy:
    """The pack, installed in an operator's directory, and a database in the settings."""
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed" / "mine.yaml").write_text(PACK, encoding="utf-8")
    for name, value in (
        ("POLICY_DIR", str(tmp_path / "installed")),
        ("DATABASE_URL", database_url),
        ("REDIS_URL", "redis://127.0.0.1:1/0"),
        ("SECRET_KEY", "only-for-this-test-only-for-this-test"),
    ):
        monkeypatch.setenv(f"SWITCHBOARD_{name}", value)

    @contextmanager
    def closing(data_dir: Path | None) -> Iterator[Switchboard]:
        with opened(data_dir) as house:
            try:
                yield house
            finally:
                house.engine.dispose()

    monkeypatch.setattr(simulation, "opened", closing)
    return packs.parse(PACK.encode(), "mine.yaml")[0]


@pytest.fixture
def requests(engine: Engine, installed: Policy, now) -> list[str]:
    """Three requests by phone, a day apart: production, staging, production; their references."""

    def propose(*, policy: str, **said: object) -> Suggestion:
        return suggest(installed, None, **said)

    desk = Reception(policies={"mine": installed}, default_policy="mine", suggest=propose)
    references = []
    with transaction(engine) as session:
        for number, place in enumerate(("production", "staging", "production")):
            at = now - timedelta(days=3 - number)
            said = Interaction(
                source=f"call:{number}",
                channel=Channel.PHONE,
                received_at=at,
                subject="Orders fail",
                new_text="They fail.",
                language="en",
                facts=(Fact(name="environment", value=place, source="caller"),),
                clock_started_at=at,
            )
            receipt = receive(session, said, at, reception=desk)
            answered = at + timedelta(minutes=45)
            tables.requests.record_clock(session, receipt.request, "responded", "reply", answered)
            references.append(receipt.reference)
    return references


def edited(tmp_path: Path, *edits: tuple[str, str]) -> str:
    """A file that holds the pack with some of its words exchanged."""
    content = PACK
    for old, new in edits:
        assert old in content
        content = content.replace(old, new)
    (tmp_path / "edited.yaml").write_text(content, encoding="utf-8")
    return str(tmp_path / "edited.yaml")


HARDER = (("version: 1", "version: 2"), ("within: 1 h", "within: 30 min"))


def test_targets_that_would_be_missed_are_told(tmp_path: Path, requests: list[str]):
    """Which, for how many requests, from when to when."""
    answer = run(edited(tmp_path, *HARDER))
    assert answer.exit_code == 0, answer.output
    lines = answer.output.splitlines()
    assert "2 of 3 requests change under mine@2, compared with mine@1 as installed." in lines
    assert "Deadlines: 2 more missed, 0 fewer." in lines
    assert any(" ".join(line.split()) == "response high: 1 h → 30 min 2 2 earlier, 2 more missed" for line in lines)
    (told,) = [line for line in lines if line.startswith(requests[2])]
    assert told == (f"{requests[2]}  response high: 1 h → 30 min, due 2026-11-20 10:30 → 2026-11-20 10:00 UTC, missed")


def test_levels_that_would_be_suggested_are_told_with_the_rule(tmp_path: Path, requests: list[str]):
    """Old and new level, the rule that decides now, and its clause."""
    moved = (
        "  - {id: live,",
        '  - {id: second-thoughts, clause: "§5", when: {environment: production}, then: {cap: low}}\n  - {id: live,',
    )
    answer = run(edited(tmp_path, moved))
    assert answer.exit_code == 0, answer.output
    assert f"{requests[0]}  high → low (second-thoughts, §5); response high → low: 1 h → 8 h" in answer.output
    assert any(line.split() == ["high", "→", "low", "2"] for line in answer.output.splitlines())


def test_the_same_as_json(tmp_path: Path, requests: list[str]):
    """One object with every change, for scripts."""
    answer = run(edited(tmp_path, *HARDER), "--json", "--limit", "2")
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert (found["edited"], found["installed"], found["stored"], found["replayed"]) == ("mine@2", "mine@1", 3, 2)
    assert (found["more_missed"], found["fewer_missed"], found["without_clock"]) == (1, 0, 0)
    (change,) = found["changes"]
    assert (change["request"], change["before"]["level"], change["after"]["rule"]) == (requests[2], "high", None)
    (clock,) = change["clocks"]
    assert clock["after"] == {
        "level": "high",
        "target": "30 min",
        "due": "2026-11-20T10:00:00+00:00",
        "state": "breached",
        "missed": 1,
    }


def test_only_requests_since_a_day(tmp_path: Path, requests: list[str]):
    """A date, by UTC."""
    answer = run(edited(tmp_path, *HARDER), "--since", "2026-11-20")
    assert "1 of 1 requests change" in answer.output


def test_no_change_is_an_answer(tmp_path: Path, requests: list[str]):
    """Exit 0, and it is said what was compared."""
    answer = run(edited(tmp_path))
    assert answer.exit_code == 0
    assert "0 of 3 requests change under mine@1, for it is mine@1 as installed." in answer.output
    assert "No classifier is in force" in answer.stderr


def test_a_pack_that_is_not_installed_is_compared_with_what_was_stored(
    tmp_path: Path, requests: list[str], monkeypatch: pytest.MonkeyPatch
):
    """Said so; deadlines are not stored."""
    monkeypatch.delenv("SWITCHBOARD_POLICY_DIR")
    answer = run(edited(tmp_path, *HARDER))
    assert answer.exit_code == 0, answer.output
    assert "0 of 3 requests change under mine@2, compared with what was stored" in answer.output


def test_a_broken_file_is_told_every_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Before any database is asked: exit 2, each mistake with line and column."""
    monkeypatch.setattr(simulation, "opened", None)
    file = edited(tmp_path, ("set: low", "set: lowest"), ("within: 8 h", "within: 8 hours"))
    answer = run(file)
    assert answer.exit_code == 2
    lines = answer.output.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"{file}:") for line in lines)
    assert "'lowest' is no level" in answer.output
    assert "'8 hours' is no amount of time" in answer.output


def test_a_file_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Exit 2, one line."""
    monkeypatch.setattr(simulation, "opened", None)
    answer = run(str(tmp_path / "none.yaml"))
    assert answer.exit_code == 2
    assert "cannot be read: No such file or directory" in answer.output


def everything(engine: Engine) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    with Session(engine) as session:
        names = session.scalars(text("select tablename from pg_tables where schemaname = 'public'")).all()
        return {name: sorted(session.scalars(text(f'select t::text from "{name}" t'))) for name in names}  # noqa: S608 - names from PostgreSQL


def test_nothing_is_written(tmp_path: Path, requests: list[str], engine: Engine):
    """Every row of every table stays as it was."""
    before = everything(engine)
    assert len(before["requests"]) == 3
    assert run(edited(tmp_path, *HARDER)).exit_code == 0
    assert everything(engine) == before


def test_postgresql_itself_refuses_a_write(tmp_path: Path, requests: list[str], monkeypatch: pytest.MonkeyPatch):
    """The replay runs in a read-only transaction, whatever a later change might do in it."""

    def careless(session: Session, *_: object, **__: object) -> None:
        session.scalars(select(tables.requests.Request)).first().subject = "changed"
        session.flush()

    monkeypatch.setattr(simulation, "replay", careless)
    answer = run(edited(tmp_path))
    assert isinstance(answer.exception, Unavailable)
    assert "read-only transaction" in str(answer.exception)
