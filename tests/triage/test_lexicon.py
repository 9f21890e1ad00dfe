"""Phrase files: sections of several languages join, and mistakes are found when they are read."""

import re
import time

import pytest

from triage.facts import VOCABULARY
from triage.lexicon import compiled, lexicon


def test_every_claim_is_of_a_known_fact():
    """A phrase file cannot claim a fact or value that no rule could ask for."""
    for phrases in lexicon().claims:
        assert phrases.value in VOCABULARY[phrases.fact]
        assert phrases.negated is None or phrases.negated in VOCABULARY[phrases.fact]


def test_sections_of_several_files_join():
    """The same section in two languages is one, with macros filled in and words bridged."""
    found = compiled(
        ["[system]\nshop\n\n[down = full]\n{system} down\n", "# Deutsch\n[down = full]\n{system}<2>steht\n"]
    )
    (down,) = found.claims
    assert down.pattern.search("our shop\ndown")
    assert down.pattern.search("der shop ist komplett steht")
    assert not down.pattern.search("workshop down")
    assert not down.pattern.search("the shop. it steht")


@pytest.mark.parametrize("text", ["words before any section", "[fact = value]\n(unclosed"])
def test_a_broken_file_is_refused(text: str):
    """A phrase file with a mistake stops the first reading, not the thousandth."""
    with pytest.raises((ValueError, re.error)):
        compiled([text])


@pytest.mark.parametrize(
    "piece", ["no way to ", "please ", "not any other ", "nobody ", "error ", "a-b ", "is there any "]
)
def test_no_phrase_runs_away(piece: str):
    """Each pattern alone stays quick on a text made to provoke it."""
    text = piece * (20_000 // len(piece))
    for pattern in (*(one.pattern for one in lexicon().claims), *lexicon().named.values()):
        started = time.perf_counter()
        sum(1 for _ in pattern.finditer(text))
        assert time.perf_counter() - started < 1
