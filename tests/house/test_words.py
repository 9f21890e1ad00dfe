"""The words of the house, and what no file may name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

# Written in halves, so that this file does not find itself.
HOSTS = (
    ("pypi", ".org"), ("python", "hosted.org"), ("pypi.", "python.org"), ("npmjs", ".org"), ("npmjs", ".com"),
    ("unpkg", ".com"), ("jsdelivr", ".net"), ("cdnjs", "."), ("cloudflare", ".com"), ("googleapis", ".com"),
    ("gstatic", ".com"), ("hugging", "face"), ("docker", ".io"), ("ghcr", ".io"), ("quay", ".io"),
    ("deb.", "debian.org"), ("raw.github", "usercontent"), ("index", "-url"), ("trusted", "-host"),
)  # fmt: skip
ELSEWHERE = (("/wo", "rk/"), ("/sha", "red/design"), ("sub", "agent"))
BESIDE = (("../sha", "red"), ("/mail-", "samples"))
"""Where benchmarks look for samples if nobody names a folder; nothing of the product knows it."""
SYNONYMS = re.compile(r"(?:^|_)(?:tickets?|predictions?|issues?)(?:_|$)", re.IGNORECASE)
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "service", "services", "data", "common", "misc"}
LOADS = re.compile(
    r"""(?:src|href|action|srcset)\s*=\s*["']?(?:https?:)?//|@import|url\(\s*["']?(?:https?:)?//""", re.IGNORECASE
)


def test_no_file_names_an_index_or_download_host(files: list[Path], root: Path):
    """Where packages come from is the installation's business: no lock, script or document names a host."""
    assert not list(_found(files, root, HOSTS))


def test_no_file_names_a_place_outside_the_repository(files: list[Path], root: Path):
    """What stands here must make sense wherever it is cloned; only benchmarks look beside it, and do without."""
    benches = {root / "Makefile", *(root / "bench").iterdir()}
    assert not list(_found(files, root, ELSEWHERE))
    assert not list(_found([path for path in files if path not in benches], root, BESIDE))


def test_pages_load_nothing_from_elsewhere(files: list[Path], root: Path):
    """Templates, styles and scripts reach for our own server only."""
    pages = [path for path in files if path.suffix in {".html", ".css", ".js"} and "tests" not in path.parts]
    assert pages
    wrong = [str(path.relative_to(root)) for path in pages if LOADS.search(path.read_text(encoding="utf-8"))]
    assert not wrong


def test_the_record_is_called_a_request(sources: dict[Path, ast.Module], root: Path):
    """No name we define says ticket, issue or prediction."""
    wrong = [
        f"{path.relative_to(root)}:{number} {name}"
        for path, tree in sources.items()
        for number, name in _defined(tree)
        if SYNONYMS.search(name)
    ]
    assert not wrong, "\n".join(wrong)


def test_people_read_request_too(files: list[Path], root: Path):
    """No page, prompt or reply of ours says ticket."""
    shown = [path for path in files if {"templates", "prompts"} & set(path.relative_to(root).parts)]
    assert shown
    assert not [str(path) for path in shown if re.search("ticket", path.read_text(encoding="utf-8"), re.IGNORECASE)]


def test_modules_are_named_for_what_is_in_them(files: list[Path], root: Path):
    """No module hides behind a name that would fit any other."""
    modules = [path.relative_to(root) for path in files if path.suffix == ".py"]
    assert not [str(path) for path in modules if EMPTY_NAMES & {path.stem, *path.parts[:-1]}]


def _found(files: list[Path], root: Path, needles: tuple[tuple[str, str], ...]) -> Iterator[str]:
    words = [(first + second).encode() for first, second in needles]
    for path in files:
        content = path.read_bytes().lower()
        for word in words:
            if word in content:
                line = content[: content.index(word)].count(b"\n") + 1
                yield f"{path.relative_to(root)}:{line} {word.decode()}"


def _defined(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
