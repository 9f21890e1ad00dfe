"""Every threat and fault we know of has a test, or a reason why it has none."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROW = re.compile(r"^\| ([A-Z]\d+) \| (.+?) \| (.+?) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
CHAPTERS = {"A": 30, "B": 20, "C": 23, "D": 20, "F": 10, "V": 26}
"""How many items each chapter of the catalogue has."""


@pytest.fixture(scope="module")
def rows(root: Path) -> dict[str, str]:
    """Item to what answers it."""
    text = (root / "docs" / "hardening.md").read_text(encoding="utf-8")
    return {item: answer for item, _, answer in ROW.findall(text)}


@pytest.mark.parametrize(
    "item", [f"{name}{number}" for name, most in CHAPTERS.items() for number in range(1, most + 1)]
)
def test_every_item_has_a_test_or_a_reason(rows: dict[str, str], item: str):
    """A row without a test says in words why there is none."""
    assert TEST.search(rows[item]) or len(rows[item].split()) > 4


def test_every_named_test_exists(rows: dict[str, str], root: Path):
    """The document cannot promise a test that was renamed or dropped."""
    for item, answer in rows.items():
        for path, name in TEST.findall(answer):
            assert name in functions_in(root / path), f"{item}: {path}::{name}"


@cache
def functions_in(path: Path) -> set[str]:
    """The names of all functions in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
