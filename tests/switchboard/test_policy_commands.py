"""`switchboard policy`: ten broken files are told every mistake, and the packs' own examples hold."""

from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from switchboard.commands import policy as commands

SOUND = """\
id: mine
version: 1
name: Mine
source: "Our own handbook"
sla_channels: [portal]
threshold: 0.5
types:
  - {value: fault, label: Fault, definition: Broken., clause: "§1"}
levels:
  - {value: high, label: High, definition: Bad., clause: "§2"}
  - {value: low, label: Low, definition: Not so bad., clause: "§3"}
rules:
  - {id: staging, clause: "§4", when: {environment: staging}, then: {cap: low}}
clocks:
  calendars:
    - {id: office, zone: Europe/Rome, week: {mon-fri: ["09:00-17:00"]}, clause: "§5"}
  pauses:
    - {status: asked, clause: "§5"}
  targets:
    - {level: [high, low], kind: response, within: 4 h, calendar: office, clause: "§5"}
workflow:
  start: open
  statuses:
    - {value: open, label: Open, stage: waiting, definition: New., clause: "§6"}
    - {value: asked, label: Asked, stage: client, definition: Theirs., clause: "§6"}
    - {value: done, label: Done, stage: closed, definition: Over., clause: "§6"}
  steps:
    - {id: ask, label: Ask, from: [open], to: asked, by: [engineer], clause: "§6"}
    - {id: answer, label: Answer, from: [asked], to: open, by: [client], on_message: at-once, clause: "§6"}
    - {id: finish, label: Finish, from: [open], to: done, by: [engineer], clause: "§6"}
  reopen: {owner: last, clause: "§6"}
escalation:
  - id: late
    label: Late
    on: [breached]
    stops: [responded]
    steps:
      - {id: lead, label: Lead, after: 0 min, to: {role: lead}, channel: mail}
    clause: "§7"
completeness:
  - {name: description, label: Description, ask: What happens?, why: To begin., fields: [description], clause: "§8"}
entitlement: {kinds: [care], clause: "§9"}
nudges:
  stagnation: {after: {high: 2 h}, calendar: office, clause: "§10"}
"""

BROKEN: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "frame": (
        {"id: mine": "id: my own", "threshold: 0.5": "threshold: high", "[portal]": "[fax]"},
        ("id: 'my own' is no slug", "threshold: write a number from 0 to 1", "'fax' is no channel"),
    ),
    "types and levels": (
        {"value: fault": "value: fault, inbund: true", "value: low": "value: high", 'clause: "§2"': 'clause: ""'},
        ("inbund: unknown key; did you mean 'inbound'?", "levels: 'high' is there twice", "clause: must not be empty"),
    ),
    "rules": (
        {"environment: staging": "enviroment: staging", "cap: low": "cap: lowest"},
        ("did you mean 'environment'?", "'lowest' is no level; did you mean 'low'?"),
    ),
    "clocks": (
        {"Europe/Rome": "Rome", "status: asked": "status: open", "within: 4 h": "within: 4 hours"},
        ("'Rome' is no time zone", "'open' is no status in which work waits", "'4 hours' is no amount of time"),
    ),
    "workflow": (
        {"start: open": "start: opened", "stage: client": "stage: customer", "by: [client]": "by: [costumer]"},
        ("'opened' is no status; did you mean 'open'?", "'customer' is no stage", "'costumer' is no actor"),
    ),
    "dead ends": (
        {"from: [asked], to: open": "from: [open], to: asked"},
        ("no step leads out of 'asked'",),
    ),
    "escalation": (
        {"on: [breached]": "on: [broken]", "{role: lead}": "{role: boss}", "channel: mail}": "channel: fax}"},
        ("'broken' is no cause", "'boss' is no role", "'fax' is no channel"),
    ),
    "completeness": (
        {"fields: [description]": "fields: [describtion]", "ask: What happens?, ": ""},
        ("did you mean 'description'?", "the key 'ask' is missing"),
    ),
    "habits and contracts": (
        {"after: {high: 2 h}": "after: {hi: 2 h}", "kinds: [care]": "kinds: []", "stagnation:": "stagnaton:"},
        ("did you mean 'stagnation'?", "kinds: write at least one entry"),
    ),
    "no YAML": ({"name: Mine": "name: [Mine"}, ("syntax",)),
}


def run(*words: str) -> Result:
    """What `switchboard policy …` answers."""
    app = typer.Typer()
    commands.register(app)
    return CliRunner().invoke(app, ["policy", *words])


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A file without a mistake."""
    file = tmp_path / "mine.yaml"
    file.write_text(SOUND, encoding="utf-8")
    return file


def test_a_sound_file_passes(sound: Path):
    """Nothing is said, and the command succeeds."""
    answer = run("check", str(sound))
    assert (answer.exit_code, answer.output) == (0, "")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_told_every_mistake(sound: Path, name: str):
    """All of its mistakes in one go, each with file, line and column; a mistake causes no others."""
    changes, told = BROKEN[name]
    text = SOUND
    for good, bad in changes.items():
        assert good in text
        text = text.replace(good, bad, 1)
    sound.write_text(text, encoding="utf-8")
    answer = run("check", str(sound))
    assert answer.exit_code == 1
    assert all(words in answer.output for words in told), answer.output
    lines = answer.output.splitlines()
    assert all(line.startswith(f"{sound}:") for line in lines)
    places = [tuple(int(part) for part in line.removeprefix(f"{sound}:").split(":")[:2]) for line in lines]
    assert all(line > 0 and column > 0 for line, column in places)


@pytest.mark.parametrize("policy", ["wso2", "witboost", "oro", "parallels"])
def test_a_pack_passes_its_own_examples(policy: str):
    """The golden examples beside the pack hold."""
    answer = run("test", policy)
    assert answer.exit_code == 0, answer.output
    assert "0 mistakes" in answer.output


def test_an_example_that_comes_out_otherwise_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An operator's examples stand beside the operator's pack and are tried instead of those that ship."""
    monkeypatch.setenv("SWITCHBOARD_POLICY_DIR", str(tmp_path))
    (tmp_path / "mine.yaml").write_text(SOUND, encoding="utf-8")
    unwritten = run("test", "mine")
    assert unwritten.exit_code != 0
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "mine.yaml").write_text(
        'requests:\n  - {id: eased, clause: "§4", facts: {environment: staging}, level: high, then: {level: high}}\n',
        encoding="utf-8",
    )
    answer = run("test", "mine")
    assert answer.exit_code == 1
    assert "eased: level: expected high, found low" in answer.output


def test_a_pack_shows_its_clocks_and_its_ways():
    """With clauses, and with what is assumed."""
    answer = run("show", "wso2")
    assert "response within 24 h 0 min of calendar office, guaranteed" in answer.output
    assert "calendar always [W22 WSO2 §3.1 P1: worked on round the clock] (assumed): zone" in answer.output
    assert "Support lead → Support chat" in answer.output


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("missing.yaml", "cannot be read: No such file or directory"),
        ("", "cannot be read: Is a directory; name its files, such as "),
    ],
)
def test_what_is_no_file_is_told(sound: Path, name: str, told: str):
    """Exit code 2: it could not be checked; the files beside it are."""
    path = sound.parent / name
    bad = sound.parent / "bad.yaml"
    bad.write_text(SOUND.replace("id: mine", "id: my own"), encoding="utf-8")
    answer = run("check", str(path), str(bad), str(sound))
    assert answer.exit_code == 2
    first, second = answer.output.splitlines()
    assert first.startswith(f"{path}:1:1: file: {told}")
    assert second.startswith(f"{bad}:1:5: id: ")


def test_a_file_that_is_not_utf_8_is_told(tmp_path: Path):
    """With the first byte that is none."""
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"id: caf\xe9\n")
    answer = run("check", str(file))
    assert (answer.exit_code, answer.output) == (1, f"{file}:1:1: file: not UTF-8 at byte 7\n")


def test_an_id_instead_of_a_file_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What was meant is said."""
    monkeypatch.chdir(tmp_path)
    answer = run("check", "wso2")
    assert answer.exit_code == 2
    assert "'wso2' is a policy that ships: name a file, or say switchboard policy test wso2" in answer.output


def test_show_tells_how_callers_are_served():
    """With the clause, and which of it no source states (L7)."""
    lines = run("show", "parallels").output.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("Telephone: [L7 Parallels"))
    told = [line.split(maxsplit=1) for line in lines[start + 1 :]]
    assert ["urgent", "1 (assumed)"] in told
    assert ["contact", "1, 2"] in told
    assert ["recording", "as the operator says (assumed)"] in told
