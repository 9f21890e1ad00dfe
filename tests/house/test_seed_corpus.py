"""The requests that the first classifier learns from: enough, varied, labelled in the policy's own words, invented."""

import re
from collections import Counter
from itertools import combinations

import pytest

from models.terms import LabelledRequest
from triage import facts, policy, training

LEAST = 60
ALIKE = 0.5
"""Share of common three-word sequences from which two texts count as one template filled twice."""
INVENTED = re.compile(r"(?:[\w-]+\.)*(?:example(?:\.(?:com|org|net))?|invalid|test|localhost)", re.IGNORECASE)
ADDRESS = re.compile(r"[\w.+-]+@((?:[\w-]+\.)+[a-z]{2,})", re.IGNORECASE)
PACKS = policy.load_packs()


@pytest.fixture(scope="module")
def corpus() -> list[LabelledRequest]:
    """The seed corpus."""
    return training.seed_corpus()


@pytest.mark.parametrize("pack", sorted(PACKS))
def test_every_policy_has_enough_examples(corpus: list[LabelledRequest], pack: str):
    """At least sixty, by mail and by phone."""
    mine = [each for each in corpus if each.policy == pack]
    assert len(mine) >= LEAST
    assert {"email", "phone"} <= {each.channel for each in mine}


def test_every_label_is_one_of_the_policy(corpus: list[LabelledRequest]):
    """A type customers may raise, and a level."""
    for each in corpus:
        pack = PACKS[each.policy]
        assert each.type in {kind.value for kind in pack.types if kind.inbound}, each.id
        assert each.priority in {level.value for level in pack.levels}, each.id


@pytest.mark.parametrize("pack", sorted(PACKS))
def test_every_type_and_level_has_examples(corpus: list[LabelledRequest], pack: str):
    """Three at least: of what nobody shows it, a classifier learns nothing."""
    mine = [each for each in corpus if each.policy == pack]
    types, levels = Counter(each.type for each in mine), Counter(each.priority for each in mine)
    assert not [kind.value for kind in PACKS[pack].types if kind.inbound and types[kind.value] < 3]
    assert not [level.value for level in PACKS[pack].levels if levels[level.value] < 3]


def test_facts_have_values_the_rules_know(corpus: list[LabelledRequest]):
    """Where the corpus states a fact of the vocabulary, a rule could ask for that value."""
    unknown = {
        (each.id, name, value)
        for each in corpus
        for name, value in each.facts.items()
        if name in facts.VOCABULARY and value not in facts.VOCABULARY[name]
    }
    assert not unknown


def test_ids_are_unique(corpus: list[LabelledRequest]):
    """An id names one example."""
    assert not [name for name, times in Counter(each.id for each in corpus).items() if times > 1]


def test_no_two_examples_are_one_template(corpus: list[LabelledRequest]):
    """No pair shares half of its three-word sequences."""
    shingles = {each.id: _shingles(each) for each in corpus}
    alike = [
        (one, other)
        for one, other in combinations(sorted(shingles), 2)
        if (union := len(shingles[one] | shingles[other])) and len(shingles[one] & shingles[other]) / union >= ALIKE
    ]
    assert not alike


def test_people_and_places_are_invented(corpus: list[LabelledRequest]):
    """Mail addresses lie under names that belong to nobody (RFC 2606)."""
    real = {
        (each.id, domain)
        for each in corpus
        for domain in ADDRESS.findall(f"{each.subject} {each.body}")
        if not INVENTED.fullmatch(domain)
    }
    assert not real


def _shingles(request: LabelledRequest) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", f"{request.subject} {request.body}".lower())
    return set(zip(words, words[1:], words[2:], strict=False))
