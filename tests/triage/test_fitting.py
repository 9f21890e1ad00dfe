"""Calibration, conformal sets, and saying that nothing was learnt: on synthetic data, and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy.sparse import csr_matrix

from triage import figures, fitting
from triage.features import row
from triage.head import softmax

CLASSES = ("a", "b", "c", "d")


def drawn(number: int, seed: int, width: float = 1.5):
    """Calibrated shares of four classes, and the class that was drawn by them: an honest model's answers."""
    lot = np.random.default_rng(seed)
    shares = softmax(lot.normal(scale=width, size=(number, len(CLASSES))))
    places = [int(lot.choice(len(CLASSES), p=one)) for one in shares]
    return shares, places


@pytest.mark.parametrize("width", [0.3, 1.5, 4.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_set_above_the_floor_holds_the_right_class_nine_times_in_ten(seed: int, width: float):
    """Within two and a half points on answers the floor has not seen, for an unsure and for a sure model."""
    floor = fitting.floor(*drawn(3000, seed, width))
    shares, places = drawn(3000, seed + 100, width)
    rows = [dict(zip(CLASSES, one, strict=True)) for one in shares.tolist()]
    found = figures.conformal([CLASSES[place] for place in places], rows, floor)
    assert found["coverage"] == pytest.approx(0.9, abs=0.025)
    assert found["size"] <= len(CLASSES) * 0.9


def test_a_model_that_is_too_sure_of_itself_is_covered_as_well():
    """The floor is measured, not believed: shares that are far too steep still give nine in ten."""
    shares, places = drawn(3000, 5)
    steep = softmax(np.log(shares) * 4)
    floor = fitting.floor(steep, places)
    shares, places = drawn(3000, 6)
    rows = [dict(zip(CLASSES, one, strict=True)) for one in softmax(np.log(shares) * 4).tolist()]
    assert figures.conformal([CLASSES[place] for place in places], rows, floor)["coverage"] == pytest.approx(
        0.9, abs=0.025
    )


@pytest.mark.parametrize(
    ("number", "rank"), [(0, 0), (8, 0), (9, 1), (10, 1), (18, 1), (19, 2), (29, 3), (69, 7), (99, 10), (100, 10)]
)
def test_the_floor_is_the_share_that_one_in_ten_stay_below(number: int, rank: int):
    """By hand: of n right classes the floor((n + 1) / 10)-th smallest share; of fewer than nine nothing is known."""
    right = [(place + 1) / (number + 1) for place in range(number)]
    shares = np.array([[1 - share, share] for share in reversed(right)]).reshape(number, 2)
    assert fitting.floor(shares, [1] * number) == (pytest.approx(right[rank - 1]) if rank else 0.0)


@given(heat=some.floats(0.2, 8))
def test_the_temperature_that_spoilt_the_shares_is_found_again(heat: float):
    """Logits that are so many times too cold or too hot are brought back."""
    shares, places = drawn(1500, 7)
    assert fitting.temperature(np.log(shares) * heat, places) == pytest.approx(heat, rel=0.12)


def hashed(texts: list[str]):
    """Words as they are, without an idea what they mean."""
    words = sorted({word for text in texts for word in text.split()})
    return csr_matrix([[float(word in text.split()) for word in words] for text in texts])


def written(number: int, telling: float, seed: int) -> tuple[list[str], list[str]]:
    """Texts of meaningless words and labels drawn by lot; a share `telling` of the texts names its label."""
    lot = np.random.default_rng(seed)
    labels = lot.choice(["rare", "usual"], size=number, p=[0.3, 0.7]).tolist()
    words = [f"w{place}" for place in range(25)]
    texts = [" ".join(lot.choice(words, size=8)) for _ in labels]
    return [
        f"{text} {label}" if lot.random() < telling else text for text, label in zip(texts, labels, strict=True)
    ], labels


@pytest.mark.parametrize(("telling", "declines"), [(0.0, True), (0.3, False), (1.0, False)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_head_declines_noise_and_nothing_else(seed: int, telling: float, declines: bool):
    """Labels drawn by lot are declined; where three texts in ten tell their label, there is something to know."""
    texts, labels = written(300, telling, seed)
    head, _ = fitting.fit(hashed(texts), labels, [1.0] * len(labels), len(labels))
    assert (head.declines is not None) is declines
    assert not declines or "always saying 'usual' in " in head.declines


def judged(right: list[bool], sure: list[float]) -> tuple[np.ndarray, list[int]]:
    """Shares whose first class is guessed, so sure, and whether that is right."""
    return np.array([[share, 1 - share] for share in sure]), [0 if hit else 1 for hit in right]


def test_why_it_declines_is_told_in_plain_figures():
    """Right in half of the requests, where the commonest class alone is right in half as well."""
    shares, places = judged([True, False] * 20, [0.6] * 40)
    said = "right in 50% of the training requests, and always saying 'x' in 50%"
    assert fitting.declines(shares, places, ("x", "y")) == said


def test_a_head_that_is_sometimes_surely_right_is_heard():
    """No better than the commonest class on the whole, and yet nine in ten of its surest sixth are right."""
    right = [True] * 6 + [True, False] * 7 + [False] * 20
    sure = [0.95] * 6 + [0.6] * 34
    shares, places = judged(right, sure)
    assert sum(right) / len(right) < 0.5
    assert fitting.declines(shares, places, ("x", "y")) is None
    told = fitting.declines(shares, [1 - place for place in places[:6]] + places[6:], ("x", "y"))
    assert told is not None


def test_of_a_few_examples_nothing_is_said():
    """Below thirty it may all be chance."""
    shares, places = judged([False] * 29, [0.6] * 29)
    assert fitting.declines(shares, places, ("x", "y")) is None
    shares, places = judged([False, True] * 15, [0.6] * 30)
    assert fitting.declines(shares, places, ("x", "y")) is not None


def test_borrowed_examples_teach_and_are_never_tested():
    """Probabilities out of fold are those of the policy's own examples alone."""
    texts, labels = written(60, 1.0, 4)
    borrowed, others = written(40, 1.0, 5)
    _, tested = fitting.fit(hashed(texts + borrowed), labels + others, [1.0] * 60 + [0.3] * 40, 60)
    assert sorted(tested) == list(range(60))
    hits = [max(shares, key=lambda name: shares[name]) == labels[place] for place, shares in tested.items()]
    assert np.mean(hits) > 0.9


def test_what_no_own_example_says_is_learnt_from_borrowed_ones():
    """A policy without examples has a head, whose temperature and floor nobody measured."""
    texts, labels = written(60, 1.0, 6)
    head, tested = fitting.fit(hashed(texts), labels, [0.3] * 60, 0)
    assert tested == {}
    assert (head.classes, head.temperature, head.floor, head.declines) == (("rare", "usual"), 1.0, 0.0, None)


def test_each_fold_is_judged_by_a_model_that_has_not_seen_it():
    """A word that only one request has cannot help to find its label."""
    texts = [f"own{place} same" for place in range(50)]
    labels = ["x", "y"] * 25
    _, tested = fitting.fit(hashed(texts), labels, [1.0] * 50, 50)
    sure = [max(shares.values()) for shares in tested.values()]
    assert max(sure) < 0.7


@given(labels=some.lists(some.sampled_from("abc"), max_size=40))
def test_folds_deal_every_class_in_turn(labels: list[str]):
    """Of each class no fold has two more than another, and another class begins at another fold."""
    dealt = fitting.folds(labels).tolist()
    firsts = [dealt[labels.index(name)] for name in dict.fromkeys(labels)]
    assert firsts == list(range(len(firsts)))
    assert len(dealt) == len(labels)
    for name in set(labels):
        counts = [
            sum(fold == each and one == name for fold, one in zip(dealt, labels, strict=True)) for each in range(5)
        ]
        assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize(("number", "known"), [(fitting.SCARCE - 1, True), (fitting.SCARCE, False)])
def test_a_word_of_one_request_alone_counts_only_where_requests_are_scarce(number: int, known: bool):
    """Of many requests such a word says nothing, of a few it may be all there is."""
    features, _ = fitting.featured([row("", "alone"), *[row("", "usual")] * (number - 1)])
    words = features.named_transformers_["text"].vocabulary_
    assert "usual" in words
    assert ("alone" in words) is known


def test_the_same_rows_give_the_same_head():
    """Nothing is drawn by lot that is not fixed."""
    rows = [row(f"s{place % 3}", f"word{place % 5} and word{place % 2}") for place in range(40)]
    labels = ["x" if place % 2 else "y" for place in range(40)]
    one, other = (fitting.fit(fitting.featured(rows)[1], labels, [1.0] * 40, 40)[0] for _ in range(2))
    assert (one.weights == other.weights).all()
    assert (one.temperature, one.floor, one.declines) == (other.temperature, other.floor, other.declines)
