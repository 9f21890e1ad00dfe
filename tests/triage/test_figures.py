"""The cheapest guess and the conformal figures, by hand and by law."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from triage import figures

ORDER = ["s1", "s2", "s3", "s4"]
SHARES = some.fixed_dictionaries({name: some.integers(0, 20) for name in ORDER}).filter(
    lambda drawn: any(drawn.values())
)


def cost(shares: dict[str, float], said: str, missed: float) -> float:
    """What saying this costs: levels off, too low ones `missed` times."""
    off = {name: ORDER.index(said) - ORDER.index(name) for name in ORDER}
    return sum(shares[name] * (places * missed if places > 0 else -places) for name, places in off.items())


@given(shares=SHARES, missed=some.floats(1, 10))
def test_nothing_costs_less_than_the_cheapest(shares: dict[str, float], missed: float):
    """Every other level is as dear or dearer, and none that is more severe is as cheap."""
    chosen = figures.cheapest(shares, ORDER, missed)
    costs = {name: cost(shares, name, missed) for name in ORDER}
    assert costs[chosen] == pytest.approx(min(costs.values()))
    assert all(costs[name] > costs[chosen] - 1e-9 for name in ORDER[: ORDER.index(chosen)])


@given(shares=SHARES, missed=some.floats(1, 10), more=some.floats(0, 10))
def test_the_dearer_a_miss_the_more_severe_the_guess(shares: dict[str, float], missed: float, more: float):
    """Never milder."""
    one, other = figures.cheapest(shares, ORDER, missed), figures.cheapest(shares, ORDER, missed + more)
    assert ORDER.index(other) <= ORDER.index(one)


@given(shares=SHARES)
def test_where_both_mistakes_cost_alike_the_middle_is_cheapest(shares: dict[str, float]):
    """The level at which half of the probability is reached, from the severe end."""
    whole, reached = sum(shares.values()), 0
    for name in ORDER:
        reached += shares[name]
        if 2 * reached >= whole:
            assert figures.cheapest(shares, ORDER) == name
            break


@given(name=some.sampled_from(ORDER), missed=some.floats(1, 10))
def test_certainty_is_followed_whatever_a_miss_costs(name: str, missed: float):
    """Nothing is raised that is sure."""
    assert figures.cheapest({name: 1.0}, ORDER, missed) == name


@pytest.mark.parametrize(
    ("shares", "missed", "name"),
    [
        ({"s1": 0.5, "s2": 0.5}, 1.0, "s1"),
        ({"s1": 0.4, "s4": 0.6}, 1.0, "s4"),
        ({"s1": 0.4, "s4": 0.6}, 2.0, "s1"),
        ({"s4": 0.4, "s1": 0.6}, 2.0, "s1"),
        ({"s1": 0.25, "s2": 0.25, "s3": 0.25, "s4": 0.25}, 1.0, "s2"),
        ({"s1": 0.25, "s2": 0.25, "s3": 0.25, "s4": 0.25}, 3.0, "s1"),
        ({"unheard": 1.0}, 2.0, "s1"),
        ({"unheard": 0.9, "s3": 0.1}, 2.0, "s3"),
    ],
)
def test_cheapest_by_hand(shares: dict[str, float], missed: float, name: str):
    """Equals go to the more severe, and what has no place in the order has no say."""
    assert figures.cheapest(shares, ORDER, missed) == name


def test_one_class_is_its_own_order():
    """Where there is nothing to choose, it is chosen."""
    assert figures.cheapest({}, ["only"], 2.0) == "only"


def test_conformal_by_hand():
    """Three requests: two sets of one class and one of two; the last does not hold the right one."""
    truth = ["a", "b", "a"]
    shares = [{"a": 0.7, "b": 0.3}, {"a": 0.5, "b": 0.5}, {"a": 0.2, "b": 0.8}]
    assert figures.conformal(truth, shares, 0.5) == {"coverage": pytest.approx(2 / 3), "size": pytest.approx(4 / 3)}
    assert figures.conformal(truth, shares, 0.0) == {"coverage": 1.0, "size": 2.0}
    assert figures.conformal(truth, shares, 0.9) == {"coverage": 0.0, "size": 0.0}
    assert figures.conformal([], [], 0.5) == {"coverage": 0.0, "size": 0.0}
