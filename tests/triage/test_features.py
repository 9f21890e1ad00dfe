"""What a classifier sees of a request: its words, its title, how it opens, and marks."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from models.terms import Fact
from triage import features
from triage.features import OPENING, marks, row, words


def test_a_request_is_its_words_its_title_how_it_opens_and_its_marks():
    """The title is part of the text, and stands by itself as well."""
    found = row("Gateway  down", "since\neight", "down=full")
    assert found == ("Gateway down since eight", "Gateway down", "Gateway down since eight", "down=full")
    assert row("", "") == ("", "", "", "")


@given(subject=some.text(max_size=30), body=some.lists(some.text("ab", max_size=3), max_size=100).map(" ".join))
def test_the_opening_is_the_beginning_of_the_text(subject: str, body: str):
    """Sixty words of it, or all: whoever looks a text up need not look twice."""
    found = row(subject, body)
    assert found.opening.split() == found.text.split()[:OPENING]
    assert found.text.startswith(found.opening)
    assert found.text.startswith(found.title)


@pytest.mark.parametrize(("number", "seen"), [(59, 59), (60, 60), (61, 60)])
def test_the_opening_ends_with_the_sixtieth_word(number: int, seen: int):
    """The title's words are counted among them."""
    assert len(row("title", "word " * (number - 1)).opening.split()) == seen


def test_quoted_lines_and_endless_words_are_left_out():
    """What somebody else wrote before, and what is no word: a link, a checksum, a line of dashes."""
    assert words("Re: gateway", "still down\n> it is fine\n  > and was\n" + "x" * 61 + " " + "y" * 60) == (
        "Re: gateway still down " + "y" * 60
    )


def test_a_long_text_is_capped(monkeypatch: pytest.MonkeyPatch):
    """As fact reading is: an endless mail costs no more than a long one."""
    monkeypatch.setattr(features, "MAX_CHARACTERS", 10)
    assert words("abc", "def ghi jkl") == "abc def gh"


def test_facts_and_cues_are_marks_in_order():
    """Whatever order facts come in; a fact that no cue speaks of stands too."""
    known = [Fact(name=name, value="yes", source="text") for name in ("workaround", "data_loss")]
    assert marks("", "", known) == "data_loss=yes workaround=yes"
    assert marks("", "", reversed(known)) == marks("", "", known)


@pytest.mark.parametrize(
    ("subject", "body", "seen"),
    [
        ("", "It is urgent.", {""}),
        ("", "It is urgent. Really urgent.", {"", "+"}),
        ("", "urgent, urgent; urgent. Urgent!", {"", "+", "++"}),
        ("Urgent", "Please.", {"", "@subject"}),
        ("", "> it is urgent", set()),
    ],
)
def test_a_cue_is_marked_by_how_often_and_where_it_stands(subject: str, body: str, seen: set[str]):
    """Once, several times, many times, and in the title; not in what is quoted."""
    found = {mark.removeprefix("cue-urgent") for mark in marks(subject, body, ()).split() if "cue-urgent" in mark}
    assert found == seen
