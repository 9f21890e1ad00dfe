"""An engineer who is rung while we are slow is asked for a moment, and is connected by key 1 only."""

from collections.abc import Callable
from contextlib import contextmanager
from xml.etree import ElementTree as ET

import pytest

PUBLIC = "https://support.example.com"


@pytest.fixture
def mara(on_the_line, rings):
    """Mara's telephone, which rings for a caller."""
    on_the_line()
    return rings()[0]


@pytest.fixture
def hurried(patient, monkeypatch) -> Callable[[], object]:
    """Let no answer come in time; what was begun goes on."""

    @contextmanager
    def hurry():
        with monkeypatch.context() as changed:
            changed.setattr(patient, "seconds", 0)
            yield

    return hurry


def comes_back_to(document: str) -> str:
    """The address to which a document that asks for a moment comes back."""
    gather, hangup = ET.fromstring(document)  # noqa: S314 - our own
    assert (gather.tag, hangup.tag, [verb.tag for verb in gather]) == ("Gather", "Hangup", ["Say"])
    assert (gather.get("timeout"), gather.get("numDigits"), gather.get("actionOnEmptyResult")) == ("2", "1", "true")
    return gather.get("action", "").partition("#")[0].removeprefix(PUBLIC)


@pytest.mark.parametrize("pressed", ["", "1", "2"])
def test_who_picks_up_is_asked_for_a_moment_and_hears_the_whisper_then(
    mara, hurried, golden, states, eventually, pressed: str
):
    """The question comes back by itself; a key that nobody has asked for yet does nothing."""
    path = mara.path
    with hurried():
        assert not mara.picks_up().hears("Einen Moment bitte.").is_connected
    mara.path = comes_back_to(mara.document)
    assert mara.path == f"{path}?again=1"
    assert eventually(lambda: states()[0][2] == "answered")
    golden(mara.picks_up(Digits=pressed).document, "whisper")
    assert states() == [("mara", 1, "answered")]


def test_a_key_pressed_in_the_moment_counts(mara, hurried, states, desk):
    """They were asked, said nothing, heard that we are slow, and pressed 1: stored or not, their silence is over."""
    mara.picks_up()
    with hurried():
        assert not mara.presses("").is_connected
    assert comes_back_to(mara.document) == f"{mara.path}/key?try=0&again=1"
    assert mara.comes_back("1").is_connected
    assert (states(), len(desk.taken)) == ([("mara", 1, "taken")], 1)


def test_a_key_pressed_in_the_moment_passes_it_on(mara, hurried, golden, states):
    """As at any time."""
    mara.picks_up()
    with hurried():
        mara.presses("")
    golden(mara.comes_back("2").document, "passed")
    assert states() == [("mara", 1, "passed")]


def test_a_key_from_before_the_moment_counts(mara, hurried, states, eventually):
    """Whatever is pressed out of impatience afterwards."""
    mara.picks_up()
    with hurried():
        assert not mara.presses("1").is_connected
    assert eventually(lambda: states()[0][2] == "taken")
    for pressed in ("", "1", "2", "7"):
        assert mara.comes_back(pressed).is_connected


def test_nobody_is_connected_by_a_moment(mara, hurried, golden, states, eventually):
    """After the third the document hangs up: Twilio connects the two where one ends that does not."""
    path = mara.path
    with hurried():
        for again in (1, 2, 3):
            mara.path = comes_back_to(mara.picks_up().document)
            assert mara.path == f"{path}?again={again}"
        golden(mara.picks_up().document, "hang_up")
    assert eventually(lambda: states()[0][2] == "answered")
