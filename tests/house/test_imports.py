"""Who may import whom, and what importing may not do."""

import importlib
import subprocess
import sys
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import distributions
from pathlib import Path

import grimp
import pytest

NOTHING = """
import importlib, os, pkgutil, signal, sys, threading
# What libraries do when they are imported is theirs.
import sqlalchemy, celery, fastapi, fastapi_offline, twilio.rest, sklearn, aiosmtpd.smtp, uvicorn, typer
FORBIDDEN = ("socket.connect", "socket.bind", "subprocess.Popen", "os.fork", "os.putenv", "os.mkdir", "signal.signal")
done = []
def watch(event, args):
    writes = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+") and ".pyc" not in str(args[0])
    if event in FORBIDDEN or writes:
        done.append((event, str(args)[:200]))
handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
threads = threading.active_count()
sys.addaudithook(watch)
for room in sys.argv[1:]:
    package = importlib.import_module(room)
    for module in pkgutil.walk_packages(package.__path__, room + "."):
        if ".migrations" not in module.name:
            importlib.import_module(module.name)
assert not done, done
assert threading.active_count() == threads
assert handlers == {number: signal.getsignal(number) for number in handlers}
"""


def test_the_import_contracts_hold(run):
    """Everyone stands on models, only the assembly knows everyone, pure rooms do no I/O: no arrow points back."""
    run("lint-imports", "--no-logo", "--no-cache")


def test_no_two_modules_import_each_other(rooms: Iterable[str]):
    """The graph of all modules, imports inside functions included, has no circle, inside a room neither."""
    graph = grimp.build_graph(*rooms, cache_dir=None)
    try:
        TopologicalSorter({name: graph.find_modules_directly_imported_by(name) for name in graph.modules}).prepare()
    except CycleError as circle:
        pytest.fail(" → ".join(circle.args[1]))


def test_importing_the_house_opens_nothing(rooms: Iterable[str], root: Path):
    """No socket, process, thread, signal handler or written file comes from importing any module."""
    done = subprocess.run(
        [sys.executable, "-c", NOTHING, *rooms], cwd=root, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_rooms_come_from_one_root(rooms: Iterable[str], root: Path):
    """No other checkout or installed package answers to the name of a room."""
    found = {room: Path(str(importlib.import_module(room).__file__)).parents[1] for room in rooms}
    assert set(found.values()) == {root}, found


def test_no_installed_distribution_ships_a_name_of_ours(rooms: Iterable[str]):
    """`models` and `workers` are common words: nothing we depend on may bring its own."""
    taken = {
        (each.metadata["Name"], file.parts[0])
        for each in distributions()
        if each.metadata["Name"] != "switchboard"
        for file in each.files or ()
        if file.parts[0].removesuffix(".py") in rooms
    }
    assert not taken


@pytest.mark.parametrize("heavy", ["sklearn", "fastapi", "twilio", "celery", "aiosmtpd"])
def test_help_is_quick(heavy: str, root: Path):
    """`switchboard --help` does not pay for the parts it does not use."""
    code = f"import sys; from switchboard import cli; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=60, check=False).returncode == 0
