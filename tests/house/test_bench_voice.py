"""The benchmark of the phone door follows what the line says, and runs from end to end."""

import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ORIGIN = "http://127.0.0.1:8000"


@pytest.fixture
def load(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The callers, as their script finds them."""
    monkeypatch.syspath_prepend(str(root / "bench"))
    return importlib.import_module("_webhooks_load")


@pytest.mark.parametrize(
    ("verbs", "path"),
    [
        (
            f'<Gather input="dtmf" action="{ORIGIN}/voice/turn?step=down&amp;try=0#rc=2"/>',
            "/voice/turn?step=down&try=0",
        ),
        (f'<Record action="{ORIGIN}/voice/turn?step=record&amp;try=1"/>', "/voice/turn?step=record&try=1"),
        (f"<Say>Wait.</Say><Redirect>{ORIGIN}/voice/turn#rc=2</Redirect>", "/voice/turn"),
        ("<Say>Goodbye.</Say><Hangup/>", ""),
    ],
)
def test_callers_go_where_the_twiml_sends_them(load: ModuleType, verbs: str, path: str):
    """The answer goes to the first verb's action, else to the redirect; a call that is over goes nowhere."""
    assert load.target(f"<Response>{verbs}</Response>") == path


def test_callers_do_what_a_step_takes(load: ModuleType):
    """A recording where one is made, a sentence where the problem is asked for, a key elsewhere."""
    assert load.answer("<Record/>", "record")["RecordingSid"].startswith("RE")
    assert load.answer('<Gather input="dtmf speech"/>', "problem")["SpeechResult"]
    assert load.answer('<Dial action="x"><Number>+1</Number></Dial>', "connect") == {"DialCallStatus": "no-answer"}
    assert load.answer('<Gather input="dtmf speech"/>', "down") == {"Digits": "1"}


def test_the_benchmark_runs(root: Path):
    """Its short form starts both servers, plays whole conversations and prints every ratio."""
    argv = [sys.executable, "bench/webhooks.py", "--short"]
    done = subprocess.run(argv, cwd=root, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"web / bare, conversation +0\.\d+", done.stdout), done.stdout
    assert re.search(r"human +turn +p50", done.stdout), done.stdout
