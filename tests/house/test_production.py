"""The files that make, test and ship the house: locks, scripts, image, compose."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZipFile

import pytest
from ruamel.yaml import YAML

from switchboard import health
from switchboard.settings import PREFIX, Settings

CHECKED = ("smtp", "web", "worker", "beat")
PROCESSES = (*CHECKED, "imap")


@pytest.fixture(scope="module")
def compose(root: Path) -> dict[str, Any]:
    """The compose file, anchors resolved."""
    return dict(YAML(typ="safe").load(root / "docker-compose.yml"))


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> str:
    """The Dockerfile."""
    return (root / "Dockerfile").read_text(encoding="utf-8")


def test_the_compose_file_is_valid(run, root: Path):
    """By the Compose Specification's own schema, which the checker ships."""
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(root / "docker-compose.yml"))


def test_compose_runs_the_same_commands(compose: dict[str, Any], generate: ModuleType):
    """One service for each process, from one image, by its command; migrations first."""
    known = {words for words, _ in generate.every_command()}
    assert set(compose["services"]) == {"postgres", "redis", "migrate", *PROCESSES}
    for name in ("migrate", *PROCESSES):
        service = compose["services"][name]
        assert service["command"] == [name]
        assert name in known
        assert service["image"] == compose["services"]["migrate"]["image"]
    for name in PROCESSES:
        assert compose["services"][name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_every_service_says_whether_it_is_healthy(compose: dict[str, Any]):
    """Our processes by `switchboard healthcheck`, which knows each of them."""
    assert set(health.CHECKS) == set(CHECKED)
    for name in CHECKED:
        assert compose["services"][name]["healthcheck"]["test"] == ["CMD", "switchboard", "healthcheck", name]
    assert all("healthcheck" in compose["services"][name] for name in ("postgres", "redis"))


def test_compose_sets_only_settings_that_exist(compose: dict[str, Any]):
    """A misspelt variable would be ignored in silence."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in ("migrate", *PROCESSES):
        given = {each for each in compose["services"][name]["environment"] if each.startswith(PREFIX)}
        assert given <= known
        assert {PREFIX + each for each in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PUBLIC_URL")} <= given


def test_compose_holds_no_secret(compose: dict[str, Any]):
    """Passwords and keys are taken from `.env`, and a missing one stops the start with a sentence."""
    for name, service in compose["services"].items():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|TOKEN|KEY", key):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value), f"{name}: {key}"
            assert not re.search(r"://[^:/@]+:[^$@][^@]*@", str(value)), f"{name}: {key}"


def test_every_volume_of_compose_is_named(compose: dict[str, Any]):
    """No anonymous volume and no path of the host holds data."""
    used = {
        volume.partition(":")[0] for service in compose["services"].values() for volume in service.get("volumes", ())
    }
    assert used == set(compose["volumes"])


def test_our_services_can_write_nothing_but_scratch(compose: dict[str, Any]):
    """Read-only images without capabilities."""
    for name in ("migrate", *PROCESSES):
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


def test_the_image_is_built_from_the_lock_and_runs_as_nobody(dockerfile: str, rooms: tuple[str, ...]):
    """Hashes required, every room copied, an unprivileged user at the end."""
    assert "--require-hashes --requirement requirements/run.txt" in dockerfile
    assert {f"COPY {room} {room}" for room in rooms} <= set(dockerfile.splitlines())
    assert re.findall(r"^USER (\d+)$", dockerfile, re.MULTILINE) == ["10001"]
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"python:3.12-slim"}


def test_what_the_image_is_built_from_reaches_the_builder(root: Path, dockerfile: str):
    """Everything the Dockerfile copies is let through by .dockerignore, and secrets are not."""
    allowed = {line[1:] for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE) for word in line.split()
    }
    assert copied == allowed
    assert "*" in (root / ".dockerignore").read_text().splitlines()


@pytest.mark.parametrize("name", ["run", "test"])
def test_every_locked_package_has_its_hashes(root: Path, name: str):
    """Exact versions, each with at least one SHA-256."""
    lock = (root / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^[a-z0-9][^\n]*(?:\n {4}[^\n]+)*", lock, re.MULTILINE | re.IGNORECASE)
    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[\w.-]+(?:\[[\w,-]+\])?==\S+", entry), entry[:80]
        assert "--hash=sha256:" in entry, entry[:80]


def test_the_lock_of_tests_is_the_lock_of_production_and_more(root: Path):
    """Tests run on exactly the versions that production runs on."""
    locked = {
        name: set(re.findall(r"^([\w.-]+(?:\[[\w,-]+\])?==\S+)", text, re.MULTILINE))
        for name in ("run", "test")
        for text in [(root / "requirements" / f"{name}.txt").read_text(encoding="utf-8")]
    }
    assert locked["run"] < locked["test"]


def test_every_dependency_is_locked(root: Path):
    """A dependency added to pyproject.toml is in the lock: `make lock`."""
    import tomllib  # noqa: PLC0415 - one test reads it

    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    for name, wanted in (
        ("run", [*project["dependencies"], *project["optional-dependencies"]["build"]]),
        ("test", project["optional-dependencies"]["test"]),
    ):
        lock = (root / "requirements" / f"{name}.txt").read_text(encoding="utf-8").lower()
        for each in wanted:
            package = re.split(r"[<>=!~\[; ]", each)[0].lower().replace("_", "-").replace(".", "-")
            assert re.search(rf"^{package}(?:\[[\w,-]+\])?==", lock.replace("ruamel.yaml", "ruamel-yaml"), re.MULTILINE)


def test_ci_runs_exactly_the_readme_s_test_command(root: Path):
    """`make test`, once, in both."""
    script = (root / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"^make .*$", script, re.MULTILINE) == ["make test || status=$?"]
    assert "make test" in (root / "README.md").read_text(encoding="utf-8")
    assert (root / ".ci" / "run").stat().st_mode & stat.S_IXUSR
    assert subprocess.run(["bash", "-n", root / ".ci" / "run"], check=False).returncode == 0


def test_make_names_the_python_it_needs(tmp_path: Path, root: Path):
    """Without Python 3.11 or 3.12 `make up` is one clear line and exit code 2."""
    (tmp_path / "requirements").mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements/run.txt"):
        (tmp_path / name).write_bytes((root / name).read_bytes())
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "up", f"PYTHON={old}"], cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        f"Python 3.11 or 3.12 is needed; tried: {old}. Name one: make PYTHON=/path/to/python3.12"
    )


def test_the_wheel_carries_everything_a_room_has(files: list[Path], root: Path, rooms: tuple[str, ...], tmp_path: Path):
    """Templates, prompts, policies, corpus and migrations are installed with the code; nothing else is."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    done = subprocess.run(build, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    with ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    ours = {str(path.relative_to(root)) for path in files if path.relative_to(root).parts[0] in rooms}
    assert shipped == ours
