"""`switchboard up` starts, says where it is, refuses what it cannot use in one line, and stops cleanly."""

import os
import socket
import subprocess
import sys
from pathlib import Path


def up(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `up` where it must refuse."""
    return subprocess.run(
        [sys.executable, "-m", "switchboard.cli", "up", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 2 and one line on standard error with these words."""
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    for word in words:
        assert word in lines[0]


def test_a_second_start_finds_its_data_and_its_sign_in_again(run_house, eventually):
    """Ctrl-C stops everything; `up` on the same directory goes on, and shows no new password."""
    house = run_house()
    assert house.password
    identity = house.mail("Before the stop", "Hello")
    eventually(lambda: house.requests(message_id=identity))
    house.stop()
    assert house.process.returncode == 0, house.said()
    left = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(house.data_dir) not in left
    house.start()
    assert "admin /" not in house.said()
    assert len(house.requests(message_id=identity)) == 1


def test_a_port_in_use_is_one_line(tmp_path: Path):
    """The line names the port and the flag."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused(up(tmp_path, "--smtp-port", port), port, "--smtp-port")


def test_a_directory_that_is_not_ours_is_one_line(tmp_path: Path):
    """Nothing of somebody else's is touched."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("important")
    refused(up(tmp_path, "--data-dir", str(theirs), "--smtp-port", "0", "--web-port", "0"), str(theirs), "--data-dir")
    assert [path.name for path in theirs.iterdir()] == ["thesis.txt"]


def test_a_half_made_database_is_one_line(tmp_path: Path):
    """A cluster without its version file is not started and not overwritten."""
    var = tmp_path / "var"
    (var / "postgres").mkdir(parents=True)
    (var / ".switchboard").touch()
    (var / "postgres" / "base").mkdir()
    refused(up(tmp_path, "--smtp-port", "0", "--web-port", "0"), "half-made")


def test_a_bad_setting_is_one_line(tmp_path: Path):
    """The line names the setting."""
    done = up(tmp_path, SWITCHBOARD_AUTOREPLY="sometimes", SWITCHBOARD_MAX_MESSAGE_BYTES="7")
    refused(done, "SWITCHBOARD_AUTOREPLY", "SWITCHBOARD_MAX_MESSAGE_BYTES")


def test_a_policy_file_with_a_mistake_is_one_line(tmp_path: Path):
    """The line names file and line."""
    packs = tmp_path / "packs"
    packs.mkdir()
    (packs / "mine.yaml").write_text("id: mine\nversion: one\n")
    refused(up(tmp_path, "--smtp-port", "0", "--web-port", "0", SWITCHBOARD_POLICY_DIR=str(packs)), "mine.yaml")


def test_an_unknown_policy_is_one_line(tmp_path: Path):
    """The line names the setting and the policies there are."""
    done = up(tmp_path, "--smtp-port", "0", "--web-port", "0", SWITCHBOARD_POLICY="nonesuch")
    refused(done, "SWITCHBOARD_POLICY", "wso2")
