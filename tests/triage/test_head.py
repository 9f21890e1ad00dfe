"""A head's probabilities and words: exactly what its weights say, and what scikit-learn's model said."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from triage import fitting
from triage.features import Row, row
from triage.gather import Gather
from triage.head import MAX_WORDS, Head, softmax

TEXTS = {
    "outage": ("the gateway is down", "all nodes are down now", "down since eight", "gateway down for everybody"),
    "question": ("how do we rotate keys?", "what is the limit?", "how can we rotate logs?", "what does it mean?"),
    "wish": ("a dark mode would be nice", "please add a dark theme", "it would be nice to add sorting", "add a theme"),
}
LABELS = [label for label, texts in TEXTS.items() for _ in texts]
ROWS = [row(text.split()[0], text) for texts in TEXTS.values() for text in texts]
WORDS = sorted({word for one in ROWS for word in one.text.split()})
ANY = some.lists(some.sampled_from([*WORDS, "unheard", "?!"]), max_size=15).map(lambda words: row("", " ".join(words)))


@pytest.fixture(scope="module")
def learnt():
    """Features, what looks them up, and a head of three classes."""
    features, values = fitting.featured(ROWS)
    head, _ = fitting.fit(values, LABELS, [1.0] * len(LABELS), len(LABELS))
    return features, Gather(features), head


@pytest.fixture(scope="module")
def modelled(learnt):
    """A head and scikit-learn's model of the same data: of two classes, and of three."""
    values = learnt[0].transform(np.array(ROWS, dtype=object))
    two = ["outage" if label == "outage" else "other" for label in LABELS]
    return [
        (fitting.fit(values, labels, [1.0] * len(labels), len(labels))[0], fitting.model().fit(values, labels))
        for labels in (two, LABELS)
    ]


@given(one=ANY, name=some.sampled_from(sorted(TEXTS)))
def test_what_the_words_add_and_the_rest_and_the_offset_are_the_calibrated_logit(learnt, one: Row, name: str):
    """Nothing is left over: the explanation of a linear model is the model."""
    _, looker, head = learnt
    seen = looker.see(one)
    added, are_words = head.spoke(seen, name), looker.names[seen.columns] != ""
    words, rest = added[are_words].sum(), added[~are_words].sum()
    place = head.classes.index(name)
    dense = np.zeros(looker.size)
    dense[seen.columns] = seen.values
    logit = (dense @ head.weights[:, place].astype(float) + head.offsets[place]) / head.temperature
    assert words + rest + head.offsets[place] / head.temperature == pytest.approx(logit, abs=1e-9)


@given(one=ANY)
def test_probabilities_are_those_of_the_logits_that_are_explained(learnt, one: Row):
    """What is shown beside a probability is what made it."""
    _, looker, head = learnt
    seen = looker.see(one)
    logits = [
        head.spoke(seen, name).sum() + head.offsets[place] / head.temperature for place, name in enumerate(head.classes)
    ]
    assert [*head.rank(seen).values()] == pytest.approx(softmax(np.array([logits]))[0].tolist(), abs=1e-9)
    assert sum(head.rank(seen).values()) == pytest.approx(1)


@settings(max_examples=50)  # scikit-learn takes its time for a single request
@given(one=ANY, several=some.booleans())
def test_a_head_ranks_as_the_model_of_scikit_learn_does(learnt, modelled, one: Row, several: bool):
    """The same weights, to the precision they are kept in; also where scikit-learn has one row for two classes."""
    features, looker, _ = learnt
    head, model = modelled[several]
    decided = model.decision_function(features.transform(np.array([one], dtype=object)))[0]
    logits = decided if several else np.array([-decided / 2, decided / 2])
    expected = softmax(logits[None] / head.temperature)[0].tolist()
    assert [*head.rank(looker.see(one)).values()] == pytest.approx(expected, abs=1e-5)
    assert head.classes == tuple(model.classes_)


def test_the_words_that_spoke_most_are_told_once_and_largest_first(learnt):
    """A word of title, opening and text is one word; marks of punctuation are none; nothing that spoke against it."""
    _, looker, head = learnt
    seen = looker.see(row("down", "the gateway is down, down and down since eight ?!"))
    told = head.words(seen, looker.names)
    assert head.rank(seen)["outage"] == max(head.rank(seen).values())
    assert told[0][0] == "down"
    assert len({word for word, _ in told}) == len(told) <= MAX_WORDS
    assert all(part > 0 for _, part in told)
    assert [part for _, part in told] == sorted((part for _, part in told), reverse=True)
    assert all(any(character.isalnum() for character in word) for word, _ in told)
    added = head.spoke(seen, "outage")[looker.names[seen.columns] == "down"]
    assert len(added) >= len(("text", "title"))
    assert told[0][1] == pytest.approx(added.sum(), abs=5e-5)


def test_a_hotter_head_is_less_sure_and_of_the_same_mind(learnt):
    """The temperature moves confidence and never the order."""
    _, looker, head = learnt
    for one in ROWS:
        seen = looker.see(one)
        cold, hot = head.rank(seen), replace(head, temperature=3 * head.temperature).rank(seen)
        assert max(hot.values()) < max(cold.values())
        assert sorted(hot, key=lambda name: hot[name]) == sorted(cold, key=lambda name: cold[name])


@given(one=ANY, right=some.sampled_from(sorted(TEXTS)))
def test_a_confirmation_is_a_step_towards_what_was_confirmed(learnt, one: Row, right: str):
    """The class a person gave is likelier afterwards, each step smaller than the one before; nothing is certain."""
    _, looker, head = learnt
    own = replace(head, weights=head.weights.copy(), offsets=head.offsets.copy())
    seen = looker.see(one)
    reached = [own.rank(seen)[right]]
    for _ in range(3):
        own.learn(seen, right)
        reached.append(own.rank(seen)[right])
    assert reached == sorted(reached)
    assert reached[-1] > reached[0] or reached[0] > 0.999
    assert reached[-1] <= 1
    assert sum(own.rank(seen).values()) == pytest.approx(1)


def test_what_a_head_does_not_know_it_does_not_learn(learnt):
    """A class it never saw waits for the next training, and so does a head of a single class."""
    _, looker, head = learnt
    own = replace(head, weights=head.weights.copy(), offsets=head.offsets.copy())
    seen = looker.see(ROWS[0])
    own.learn(seen, "unheard")
    assert own.rank(seen) == head.rank(seen)
    Head(classes=("only",)).learn(seen, "only")


def test_words_that_a_request_does_not_have_weigh_as_before(learnt):
    """Only its own columns move, and the offsets."""
    _, looker, head = learnt
    own = replace(head, weights=head.weights.copy(), offsets=head.offsets.copy())
    seen = looker.see(ROWS[0])
    own.learn(seen, "wish")
    moved = np.flatnonzero((own.weights != head.weights).any(axis=1))
    assert len(moved)
    assert set(moved.tolist()) <= set(seen.columns.tolist())


def test_a_single_class_is_certain_and_has_no_words(learnt):
    """What training saw only one value of is no choice."""
    _, looker, _ = learnt
    seen = looker.see(ROWS[0])
    assert Head(classes=("only",)).rank(seen) == {"only": 1.0}
    assert Head(classes=("only",)).words(seen, looker.names) == ()


def test_shares_are_finite_whatever_the_logits():
    """Huge logits neither overflow nor give nothing to choose by."""
    shares = softmax(np.array([[1e6, 0.0, -1e6], [0.0, 0.0, 0.0]]))
    assert shares.sum(axis=1).tolist() == pytest.approx([1, 1])
    assert shares[0].tolist() == [1.0, 0.0, 0.0]
