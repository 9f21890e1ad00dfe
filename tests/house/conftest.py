"""What the house tests look at: the tree as it will be committed."""

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("switchboard", "console", "intake", "triage", "voice", "workers", "models")


@pytest.fixture(scope="session")
def root() -> Path:
    """Where the repository is."""
    return ROOT


@pytest.fixture(scope="session")
def rooms() -> tuple[str, ...]:
    """The seven packages of the house."""
    return ROOMS


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """Every file of the tree that is, or is about to be, under version control."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout
    return [path for name in found.decode().split("\0") if name and (path := ROOT / name).is_file()]


@pytest.fixture(scope="session")
def sources(files: list[Path]) -> dict[Path, ast.Module]:
    """Every Python file of the rooms, read; generated migrations apart."""
    python = [path for path in files if path.suffix == ".py" and "versions" not in path.parts]
    ours = [path for path in python if path.relative_to(ROOT).parts[0] in ROOMS]
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in ours}


@pytest.fixture(scope="session")
def test_sources(files: list[Path]) -> dict[Path, ast.Module]:
    """Every Python file of the tests, read."""
    ours = [path for path in files if path.suffix == ".py" and path.relative_to(ROOT).parts[0] == "tests"]
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in ours}


@pytest.fixture(scope="session")
def generate() -> ModuleType:
    """The script that writes the generated tables of the documents."""
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a tool of the environment on the repository; what it says is in the failure."""

    def tool(name: str, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [str(Path(sys.executable).with_name(name)), *words]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, f"{name} {' '.join(words)}\n{done.stdout}{done.stderr}"
        return done

    return tool
