"""Whom a caller is connected to: real telephones of other people, each once, ten at once at most."""

from dataclasses import replace

import pytest

from voice.connecting import Reached


@pytest.fixture(autouse=True)
def caller(on_the_line) -> None:
    """A caller is on the line."""
    on_the_line(caller="+493055500137")


def only(rota, *numbers: str, at_once: bool = False) -> None:
    """Put telephones on duty in the place of everybody else."""
    rota[:] = [
        replace(rota[0], name=f"e{place}", number=number, round=1 if at_once else place)
        for place, number in enumerate(numbers, 1)
    ]


def test_behaviour_22_placeholders_and_premium_numbers_are_never_dialled(begin, rota, states):
    """Nobody is there, or it is fraud at our expense."""
    withheld = ("+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253", "anonymous", "")
    for number in (*withheld, "+499005550017", "555"):
        only(rota, number)
        assert (begin(), states()) == (None, []), number


def test_neither_the_callers_own_number_nor_ours_is_dialled(begin, rota, states):
    """It is busy, or it is this very line."""
    for number in ("+493055500137", "+49 30 555 001 37", "+493055500100", "+493055500105"):
        only(rota, number)
        assert (begin(numbers={"+493055500105": ("de",)}), states()) == (None, []), number


def test_a_number_is_dialled_as_twilio_writes_it(begin, rota, states, legs):
    """And rung once, however often it stands on the rota, and however it is written there."""
    only(rota, "+49 (30) 555-00171", "+493055500171", "+49 30 555001 71", at_once=True)
    assert ">+493055500171<" in begin()
    assert [leg.number for leg in legs()] == ["+493055500171"]


@pytest.mark.parametrize("shown", ["", "support", "0305550100"])
def test_without_a_number_to_show_nobody_is_rung(begin, states, desk, shown):
    """Twilio refuses a Dial whose caller it does not know."""
    assert (begin(from_number=shown), states(), desk.asked) == (None, [], [])


def test_nobody_on_duty_is_nobody_to_ring(begin, rota):
    """The conversation goes on by itself."""
    rota.clear()
    assert begin() is None


@pytest.mark.parametrize(("seconds", "timeout"), [(1, 5), (20, 20), (900, 600)])
def test_telephones_ring_for_as_long_as_twilio_lets_them(begin, rota, obeyed, seconds, timeout):
    """The longest of a round counts."""
    rota[:] = [replace(one, round=1, ring_seconds=max(1, seconds - place)) for place, one in enumerate(rota)]
    assert obeyed(begin()).find("Dial").get("timeout") == str(timeout)


def test_more_than_ten_at_once_are_rung_in_two_rounds(begin, rota, telephones, exchange, twilio, reached):
    """Twilio rings ten for one Dial."""
    numbers = [f"+4930555002{place:02}" for place in range(12)]
    telephones.update({number: exchange.Telephone() for number in numbers})
    only(rota, *numbers, at_once=True)
    twilio.obeys(begin())
    assert [len(each) for each in twilio.rounds] == [10, 2]
    assert reached == [Reached.NOBODY]


def test_asking_again_for_a_person_rings_those_who_were_not_rung(begin, rota, twilio, states, reached):
    """Whoever did not answer or passed it on is left in peace, until there is somebody new."""
    later = rota.pop()
    twilio.obeys(begin(urgent=False))
    assert begin(urgent=False) is None
    rota.append(later)
    twilio.obeys(begin(urgent=False))
    assert [name for name, _, _ in states()] == ["mara", "priya", "tom"]
    assert reached == [Reached.NOBODY] * 2


def test_whether_it_burns_is_the_same_for_every_round_of_one_asking(begin, twilio, desk):
    """Whom the desk names depends on it."""
    twilio.obeys(begin(urgent=False))
    twilio.obeys(begin(urgent=True))
    assert [urgent for _, urgent in desk.asked] == [False] * 4 + [True] * 4


@pytest.mark.parametrize(
    ("language", "tag", "words"),
    [
        ("de", "de-DE", "Bitte bleiben Sie am Apparat."),
        ("fr", "fr-FR", "Veuillez rester en ligne."),
        ("es", "es-ES", "Por favor, no cuelgue."),
    ],
)
def test_the_caller_hears_what_happens_in_their_language(begin, obeyed, language, tag, words):
    """Only the engineers are spoken to in English."""
    (said,) = obeyed(begin(language=language)).iter("Say")
    assert said.get("language") == tag
    assert said.text.startswith(words)


def test_whoever_was_asked_for_a_person_is_rung_anew_once_it_burns(begin, twilio, rota, states, reached):
    """A caller presses zero, nobody comes; then they say that production is down: that is another matter."""
    only(rota, "+493055500171", "+493055500172")
    twilio.obeys(begin(urgent=False))
    assert begin(urgent=False) is None
    twilio.obeys(begin(urgent=True))
    assert [(name, number) for name, number, _ in states()] == [("e1", 1), ("e2", 2), ("e1", 3), ("e2", 4)]
    assert reached == [Reached.NOBODY, Reached.NOBODY]
    assert begin(urgent=True) is None
