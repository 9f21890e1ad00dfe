"""The command line as somebody types it: whatever is mistyped is told in a line, with exit code 2 and no traceback."""

import subprocess
import sys
from collections.abc import Callable

import pytest
import typer

from switchboard import cli


def typed(*words: str | bytes) -> subprocess.CompletedProcess[str]:
    """What a process of its own answers to these words."""
    return subprocess.run(
        [sys.executable, "-m", "switchboard.cli", *words], capture_output=True, text=True, timeout=60, check=False
    )


def test_an_unknown_command_is_a_usage_error():
    """With typer's own message, which says how to go on."""
    answer = typed("policy", "nosuch")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "No such command 'nosuch'" in answer.stderr
    assert "policy --help' for help" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_bytes_that_are_no_text_are_refused():
    """An argument that Python could not decode reaches no command, no database and no output."""
    answer = typed("policy", "show", b"\xff\xfe")
    assert answer.returncode == 2
    assert answer.stderr.startswith("switchboard: ")
    assert "UTF-8" in answer.stderr


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command line in this process; gives the exit code."""

    def run(*words: str) -> int:
        monkeypatch.setattr(cli, "app", typer.Typer(name="switchboard", no_args_is_help=True))
        monkeypatch.setattr(sys, "argv", ["switchboard", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    return run


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("report --since yesterday", "Invalid value for '--since'"),
        ("user reach", "Missing argument"),
        ("policy simulate pack.yaml --limit 0", "Invalid value for '--limit'"),
        ("account contract Nordhandel care --until 2020-13-01", "Invalid value for '--until'"),
        ("policy list --nosuch", "No such option: --nosuch"),
        ("account add", "Missing argument"),
    ],
)
def test_a_mistyped_command_says_what_is_wrong(
    main: Callable[..., int], capsys: pytest.CaptureFixture[str], words: str, told: str
):
    """Exit code 2, and the place and the mistake in words."""
    assert main(*words.split()) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), typer.Abort()])
def test_an_interrupted_command_ends_with_130(
    main: Callable[..., int], monkeypatch: pytest.MonkeyPatch, interruption: BaseException
):
    """As a shell expects of a process that was stopped with Ctrl-C (128 + SIGINT)."""

    def interrupted(_: object) -> None:
        raise interruption

    monkeypatch.setattr("switchboard.commands.policy.packs.load_packs", interrupted)
    assert main("policy", "list") == 130


@pytest.mark.parametrize("day", ["0001-01-01", "1970-01-02"])
def test_a_report_until_long_ago_is_refused(main: Callable[..., int], capsys: pytest.CaptureFixture[str], day: str):
    """Nothing can be stored from then, and no month lies before the first year."""
    assert main("report", "--until", day) == 2
    assert f"--until {day}: nothing is stored" in capsys.readouterr().err
