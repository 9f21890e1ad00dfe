"""Every numbered sentence of the four policies is in the table, and what the table names exists."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from triage.policy import load_packs

COUNTS = {"W": 35, "R": 17, "B": 21, "O": 18, "L": 17, "A": 20, "C": 13}
NUMBERS = [f"{letter}{number}" for letter, count in COUNTS.items() for number in range(1, count + 1)]
STATES = {"done", "part", "not done"}
CITED = re.compile(r"\b[WRBOLAC]\d{1,2}\b")


def test_no_sentence_is_missing(generate: ModuleType):
    """Each once, in order; a missing one would be a promise nobody looks after."""
    assert [line[0] for line in generate.numbered()] == NUMBERS


def test_every_state_is_one_of_three_and_what_is_not_done_says_why(generate: ModuleType):
    """And whatever is done names the test that shows it."""
    for number, says, state, where, tests in generate.numbered():
        assert says, number
        assert state in STATES, number
        assert len(where) > 5, number
        assert tests or state != "done", number


def test_every_named_test_exists(generate: ModuleType, root: Path):
    """A renamed test takes its row with it."""
    for number, _, _, _, tests in generate.numbered():
        for test in tests:
            file, name = test.split("::")
            assert re.search(rf"^def {name}\(", (root / file).read_text(encoding="utf-8"), re.MULTILINE), number


def test_every_named_file_exists(generate: ModuleType, root: Path):
    """Rooms are named as they are today."""
    for number, _, _, where, _ in generate.numbered():
        for named in re.findall(r"(?<![/\w])(?:intake|triage|console|models|voice)/[a-z_/]+", where):
            assert (root / f"{named}.py").is_file() or (root / named).is_dir(), f"{number}: {named}"


@pytest.mark.parametrize("policy", ["wso2", "witboost", "oro", "parallels"])
def test_packs_cite_only_numbers_of_the_table(root: Path, policy: str):
    """In clauses of packs and of their examples."""
    folder = root / "triage" / "policies"
    files = [folder / f"{policy}.yaml", folder / "tests" / f"{policy}.yaml"]
    clauses = [line for file in files for line in re.findall(r'clause: "([^"]*)"', file.read_text(encoding="utf-8"))]
    cited = {one for clause in clauses for one in CITED.findall(clause.split(":")[0])}
    assert cited <= set(NUMBERS)


def test_rules_named_in_the_table_are_in_a_pack(generate: ModuleType):
    """A rule that was renamed must not be claimed under its old name."""
    known = {rule.id for pack in load_packs().values() for rule in pack.rules}
    for number, _, _, where, _ in generate.numbered():
        for listed in re.findall(r"`rules` ([a-z0-9-]+(?:, [a-z0-9-]+)*)", where):
            assert set(listed.split(", ")) <= known, f"{number}: {listed}"
