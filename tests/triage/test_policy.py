"""Policy packs: the built-in ones are sound, and every mistake of an operator's is told with its place."""

from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest

from models.errors import Misconfigured
from triage.policy import check, load_packs

MINE = """\
id: mine
version: 3
name: Mine
source: "Our own handbook"
sla_channels: [portal]
threshold: 0.5
types:
  - value: fault
    label: Fault
    definition: Something is broken.
    clause: "§1"
levels:
  - value: high
    label: High
    definition: Bad.
    clause: "§2"
  - value: low
    label: Low
    definition: Not so bad.
    clause: "§3"
rules:
  - id: not-production
    clause: "§4"
    when: {not: {environment: production}}
    then: {cap: low}
"""


@pytest.mark.parametrize(
    ("policy", "types", "levels"),
    [
        ("wso2", "incident hosting-incident query bug task announcement", "P1 P2 P3 P4"),
        ("witboost", "incident bug-report it-help", "P1 P2 P3"),
        (
            "oro",
            ("technical-request bug data-migration new-environment access-request security-incident consulting"),
            "P1 P2 P3 P4 ER",
        ),
        ("parallels", "incident question enhancement documentation", "1 2 3 4"),
    ],
)
def test_the_built_in_packs_have_their_types_and_levels(policy: str, types: str, levels: str):
    """The four policies that ship have the types and levels of their sources, the worst level first."""
    pack = load_packs()[policy]
    assert [kind.value for kind in pack.types] == types.split()
    assert [level.value for level in pack.levels] == levels.split()
    assert pack.ref == f"{policy}@{pack.version}"


def test_every_built_in_sentence_has_a_clause():
    """Whatever a pack says can be traced to its source."""
    for pack in load_packs().values():
        assert pack.source
        assert all(entry.clause for entry in (*pack.types, *pack.levels, *pack.rules))


def test_the_digest_is_that_of_the_file():
    """A suggestion can be tied to the very bytes of the policy it was made under."""
    content = files("triage").joinpath("policies", "wso2.yaml").read_bytes()
    assert load_packs()["wso2"].digest == sha256(content).hexdigest()


def test_wso2_issues_no_announcements_to_itself():
    """Announcements come from the vendor: a customer's request is never one."""
    assert [kind.value for kind in load_packs()["wso2"].types if not kind.inbound] == ["announcement"]


def test_labels_are_what_people_read():
    """A slug has a label; an unknown slug is given back."""
    pack = load_packs()["parallels"]
    assert pack.level_label("1") == "Severity 1 (Urgent)"
    assert pack.type_label("nonsense") == "nonsense"


def test_a_sound_file_has_no_mistakes():
    """An operator's pack that follows the form is accepted as it is."""
    assert check(MINE, "mine.yaml") == []


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("label: Fault", "lable: Fault", "mine.yaml:9:5: lable: unknown key; did you mean 'label'?"),
        ("label: Fault", "lable: Fault", "mine.yaml:8:5: types[1]: the key 'label' is missing"),
        ("{cap: low}", "{cap: lowest}", "mine.yaml:25:17: cap: 'lowest' is no level; did you mean 'low'?"),
        ("threshold: 0.5", "threshold: 5", "mine.yaml:6:12: threshold: 5 is outside 0 to 1"),
        ("version: 3", "version: three", "mine.yaml:2:10: version: write a number from 1 to 1e+06"),
        (
            "[portal]",
            "[portal, fax]",
            "mine.yaml:5:24: sla_channels[2]: 'fax' is no channel; known are api, email, phone, portal",
        ),
        ("value: high", "value: 1", 'mine.yaml:13:12: value: write a text, in quotes: "1"'),
        ("value: high", "value: low", "mine.yaml:13:3: levels: 'low' is there twice"),
        ("environment: production", "weather: bad", "unknown key"),
        (
            "environment: production",
            "environment: produktion",
            "'produktion' is no value of environment; did you mean 'production'?",
        ),
        ("{cap: low}", "{cap: low, set: low}", "write exactly one of cap, raise, set, type, not_type"),
        ("id: mine", "id: [mine", "syntax"),
        ('clause: "§2"', 'clause: "§2"\n    like: [wso2/P1]', "write policy/type/level, such as wso2/incident/P1"),
        (
            "  - id: not-production",
            "  - id: not-production\n    assumed: yes",
            "assumed: write true or false, not 'yes'",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(good: str, bad: str, told: str):
    """Each mistake names file, line, column, and what to write instead."""
    assert any(told in mistake for mistake in check(MINE.replace(good, bad), "mine.yaml"))


def test_all_mistakes_are_told_at_once():
    """An operator mends a file in one go."""
    broken = MINE.replace("label: Fault", "lable: Fault").replace("{cap: low}", "{cap: lowest}").replace("0.5", "5")
    assert len(check(broken, "mine.yaml")) == 4


@pytest.mark.parametrize(
    "text", ["", "- a\n- b", "just words", "a: &x [*x]", "\x00", "a: !!python/object:os.system {}"]
)
def test_what_is_no_policy_is_refused(text: str):
    """Files of quite another kind are mistakes, never exceptions."""
    assert check(text, "odd.yaml")


def test_an_operators_pack_joins_and_replaces(tmp_path: Path):
    """A pack of the operator's directory is loaded, and replaces a built-in one of the same id."""
    (tmp_path / "mine.yaml").write_text(MINE)
    (tmp_path / "other.yaml").write_text(MINE.replace("id: mine", "id: wso2"))
    packs = load_packs(tmp_path)
    assert packs["mine"].name == "Mine"
    assert packs["wso2"].version == 3
    assert "oro" in packs


def test_a_broken_directory_stops_the_start(tmp_path: Path):
    """Mistakes of several files, and two files with one id, are told in one error."""
    (tmp_path / "a.yaml").write_text(MINE.replace("0.5", "5"))
    (tmp_path / "b.yaml").write_text(MINE)
    (tmp_path / "c.yaml").write_bytes(b"\xff")
    with pytest.raises(Misconfigured) as refused:
        load_packs(tmp_path)
    assert all(told in refused.value.public for told in ("a.yaml:6:12", "'mine' is already the id", "c.yaml:1:1"))


def test_a_missing_directory_stops_the_start(tmp_path: Path):
    """A directory that is not there is no empty directory."""
    with pytest.raises(Misconfigured, match="nowhere"):
        load_packs(tmp_path / "nowhere")
