"""Phrase files: sections of several languages join, and mistakes are found when they are read."""

import re
import time

import pytest

from triage import prose
from triage.beginnings import WORD_ENDS, beginnings
from triage.facts import VOCABULARY
from triage.lexicon import STARTS, Lexicon, compiled, lexicon


def test_every_claim_is_of_a_known_fact():
    """A phrase file cannot claim a fact or value that no rule could ask for."""
    for section in lexicon().claims:
        assert section.value in VOCABULARY[section.fact]
        assert section.negated is None or section.negated in VOCABULARY[section.fact]


def test_sections_of_several_files_join():
    """The same section in two languages is one, with macros filled in and words bridged."""
    found = compiled(
        ["[system]\nshop\n\n[down = full]\n{system} down\n", "# Deutsch\n[down = full]\n{system}<2>steht\n"]
    )
    (down,) = found.claims
    assert found.find("our shop\ndown") == {down.name: [(4, 13)]}
    assert found.find("der shop ist komplett steht") == {down.name: [(4, 27)]}
    assert not found.find("workshop down")
    assert not found.find("the shop. it steht")


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
    for phrase in lexicon().phrases:
        started = time.process_time()
        sum(1 for _ in phrase.pattern.finditer(text))
        assert time.process_time() - started < 1


def in_turn(words: Lexicon, plain: str) -> dict[str, list[tuple[int, int]]]:
    """What `find` finds, by trying every phrase at every word."""
    found: dict[str, list[tuple[int, int]]] = {}
    for start in STARTS.finditer(plain):
        for phrase in words.phrases:
            spans = found.setdefault(words.sections[phrase.section].name, [])
            if not spans or start.start() >= spans[-1][1]:
                spans += [match.span() for match in [phrase.pattern.match(plain, start.start())] if match]
    return {name: spans for name, spans in found.items() if spans}


@pytest.mark.parametrize(
    "body",
    [
        "The production gateway is down,\n all 400 users can't log in and we don't have any workaround.",
        "It's\nonly  one of our users: no way   around it? Nothing helps, it isn't working at all.",
        "Unser Live-Shop ist seit heute früh nicht erreichbar, niemand kann bestellen, kein Umweg.",
        "Notre plateforme est en panne, aucun de nos clients ne peut se connecter. ¿No hay otra forma?",
    ],
)
def test_what_a_phrase_begins_with_hides_no_place_of_it(body: str):
    """Only phrases that may begin at a word are tried there, and that loses none."""
    plain = prose.prepare("Outage", body).plain
    found = {name: [start for start, _ in spans] for name, spans in lexicon().find(plain).items()}
    assert found == {name: [start for start, _ in spans] for name, spans in in_turn(lexicon(), plain).items()}


@pytest.mark.parametrize(
    ("expression", "begin"),
    [
        ("abc", {"abc" + WORD_ENDS}),
        ("a(?:b|cd)?e", {"abe" + WORD_ENDS, "acde" + WORD_ENDS, "ae" + WORD_ENDS}),
        (r"no[ \n]+way", {"no wa"}),
        (r"\w+x", {""}),
        (r"fo\w*", {"fo", "fo" + WORD_ENDS}),
        ("colou?r", {"colou", "color"}),
        ("(?!no)[ab]c{2}", {"ac", "bc"}),
        (r"no(?:[^\w.]+x){0,2}[^\w.]+y", {"no" + WORD_ENDS}),
    ],
)
def test_beginnings_are_those_of_every_match(expression: str, begin: set[str]):
    """Five characters at most; less where anything may follow."""
    assert beginnings(expression) == begin


def test_a_text_that_repeats_itself_is_found_thirty_times():
    """A section's places are counted, so that a text of one phrase costs no more."""
    assert len(lexicon().find("production " * 1000)["production"]) == 30


def test_an_unopened_parenthesis_is_refused():
    """The beginnings of a broken expression are not guessed."""
    with pytest.raises(ValueError, match="did not open"):
        beginnings("a)b")
