"""Texts that say the same are one group, whatever was done to make them look different."""

import time

import pytest

from triage.desk.repeats import groups, likeness, runs

TEXT = (
    "Our production gateway does not answer since eight this morning, all of our customers get error 503 "
    "and there is no way around it. We restarted both nodes and nothing changed. Please call us back."
)


@pytest.mark.parametrize(
    "again",
    [
        TEXT.upper(),
        TEXT.replace(" ", "\n\n"),
        TEXT.replace("503", "502").replace("eight", "eight"),
        f"Hello, {TEXT} Thanks!",
        TEXT.replace(",", " –").replace("gateway", "ｇａｔｅｗａｙ"),
    ],
)
def test_a_text_that_was_dressed_up_is_the_same(again: str):
    """Case, layout, numbers, a greeting, full-width letters."""
    assert groups([TEXT, again]) == [[0, 1]]


@pytest.mark.parametrize(
    "other",
    [
        "How do we rotate the signing keys of the production gateway?",
        TEXT.replace("production gateway", "test mail server").replace("all of our customers get", "one of us saw"),
        "",
    ],
)
def test_another_text_is_another(other: str):
    """What says something else teaches something else."""
    assert groups([TEXT, other]) == [[0], [1]]


def test_groups_come_in_the_order_of_their_first_texts():
    """So that the same data gives the same lessons."""
    assert groups(["one two three four", "five six seven eight", "One, two, three: four!", ""]) == [[0, 2], [1], [3]]


def test_short_texts_are_compared_as_a_whole():
    """Two words have no three in a row."""
    assert likeness(runs("no answer"), runs("No answer!")) == 1
    assert likeness(runs("no answer"), runs("no sound")) == 0


def test_a_shared_letterhead_costs_no_comparison_of_all_with_all():
    """Three thousand different mails under the same signature are sorted in seconds."""
    footer = " ".join(f"clause{place} of our disclaimer applies" for place in range(20))
    texts = [
        f"{' '.join(f'w{place}x{chr(97 + word)}' for word in range(26))} {place} {footer}" for place in range(1500)
    ]
    started = time.process_time()
    groups(texts)
    assert time.process_time() - started < 20
