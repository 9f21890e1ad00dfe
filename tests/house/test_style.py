"""What tools and eyes would otherwise have to remember: formatting, lint, types, sizes, docstrings."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

LONGEST_FUNCTION = 50
LONGEST_FILE = 400
COMMITS = {"models/store.py"}
ENVIRONMENT = {
    "switchboard/settings.py": "reads it",
    "switchboard/up.py": "hands its own on to the processes it starts",
}
Sources = dict[Path, ast.Module]


@pytest.mark.parametrize("words", ["format --check --diff .", "check ."])
def test_ruff_finds_nothing(run, words: str):
    """Formatting and every lint rule; each exception is written down with its reason."""
    run("ruff", *words.split(), "--no-cache")


@pytest.mark.timeout(600)
def test_types_are_strict(run):
    """Strict type checking finds nothing in any room."""
    run("mypy")


def test_functions_are_short(sources: Sources, test_sources: Sources, root: Path):
    """No function is longer than fifty lines."""
    long = [
        f"{path.relative_to(root)}:{node.lineno} {node.name} has {lines} lines"
        for path, tree in (sources | test_sources).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    ]
    assert not long, "\n".join(long)


def test_files_are_short(files: list[Path], root: Path):
    """No Python file of ours is longer than four hundred lines, generated migrations apart."""
    long = [
        str(path.relative_to(root))
        for path in files
        if path.suffix == ".py" and "versions" not in path.parts
        if len(path.read_text(encoding="utf-8").splitlines()) > LONGEST_FILE
    ]
    assert not long


def test_only_the_store_commits(sources: Sources, root: Path):
    """Every commit is the end of `models.store.transaction`, so that no flow function ends one early."""
    assert {str(path.relative_to(root)) for path, tree in sources.items() if "commit" in set(_called(tree))} == COMMITS


def test_only_the_settings_read_the_environment(sources: Sources, root: Path):
    """`os.environ` and `os.getenv` appear where settings are read, and where they are handed on, once."""
    readers = {str(path.relative_to(root)): _environment(tree) for path, tree in sources.items()}
    assert {name for name, times in readers.items() if times} == set(ENVIRONMENT)
    assert readers["switchboard/up.py"] == 1


def test_everything_public_has_a_docstring(sources: Sources, root: Path):
    """Modules, classes, functions and methods whose names have no underscore say what the caller gets."""
    silent = [
        f"{path.relative_to(root)}:{getattr(node, 'lineno', 1)} {getattr(node, 'name', 'module')}"
        for path, tree in sources.items()
        for node in _public(tree)
        if not ast.get_docstring(node)
    ]
    assert not silent, "\n".join(silent)


def test_every_test_says_what_it_claims_in_one_sentence(test_sources: Sources, root: Path):
    """One line, one full stop at its end."""
    wrong = [
        f"{path.relative_to(root)}:{node.lineno} {node.name}"
        for path, tree in test_sources.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        if not _is_one_sentence(ast.get_docstring(node) or "")
    ]
    assert not wrong, "\n".join(wrong)


def _called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr


def _environment(tree: ast.AST) -> int:
    return sum(
        isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"} for node in ast.walk(tree)
    )


def _public(
    tree: ast.Module | ast.ClassDef,
) -> Iterator[ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    yield tree
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _public(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node


def _is_one_sentence(text: str) -> bool:
    return bool(text) and "\n" not in text and text.endswith((".", "?", "!"))
