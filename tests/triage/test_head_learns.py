"""One confirmation is one bounded step of a head towards what was confirmed, and none where it was sure."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from triage import fitting
from triage.features import row
from triage.gather import Gather
from triage.head import STEP

TEXTS = {
    "outage": ("the gateway is down", "all nodes are down now", "down since eight", "gateway down for everybody"),
    "question": ("how do we rotate keys?", "what is the limit?", "how can we rotate logs?", "what does it mean?"),
    "wish": ("a dark mode would be nice", "please add a dark theme", "it would be nice to add sorting", "add a theme"),
}
LABELS = [label for label, texts in TEXTS.items() for _ in texts]
ROWS = [row(said.split()[0], said) for texts in TEXTS.values() for said in texts]
WORDS = sorted({word for one in ROWS for word in one.text.split()})
ANY = some.lists(some.sampled_from([*WORDS, "unheard", "?!"]), max_size=15).map(lambda words: row("", " ".join(words)))
FEATURES, VALUES = fitting.featured(ROWS)
LOOKER = Gather(FEATURES)


def fresh():
    """A head that has learnt nothing since it was fitted."""
    return fitting.fit(VALUES, LABELS, [1.0] * len(LABELS), len(LABELS))[0]


def logits(head, seen):
    """Calibrated logits by class."""
    return np.array(
        [
            head.spoke(seen, name).sum() + part / head.temperature
            for name, part in zip(head.classes, head.offsets, strict=True)
        ]
    )


HEAD = fresh()


@given(said=some.lists(some.tuples(ANY, some.sampled_from(sorted(TEXTS))), min_size=1, max_size=12))
def test_what_is_confirmed_never_becomes_less_likely_and_moves_a_bounded_step(said):
    """Whatever was confirmed before; the step is the log loss's, so it is smaller the surer the head was."""
    for one, right in said:
        seen = LOOKER.see(one)
        before, at = HEAD.rank(seen)[right], logits(HEAD, seen)
        HEAD.learn(seen, right)
        assert HEAD.rank(seen)[right] >= before - 1e-6
        assert np.abs(logits(HEAD, seen) - at).max() <= STEP * (1 - before) + 1e-4


@given(one=ANY)
def test_a_label_the_head_does_not_know_moves_nothing(one):
    """Nor does none."""
    head = HEAD
    before = head.weights.copy(), head.offsets.copy()
    for name in ("", "complaint"):
        head.learn(LOOKER.see(one), name)
    assert np.array_equal(head.weights, before[0])
    assert np.array_equal(head.offsets, before[1])


@given(one=ANY)
def test_what_is_certain_moves_nothing(one):
    """A hundred confirmations of what everybody knows are worth nothing."""
    head = fresh()
    head.offsets[:] = np.array([1000.0 if name == "outage" else 0.0 for name in head.classes])
    before = head.weights.copy(), head.offsets.copy()
    head.learn(LOOKER.see(one), "outage")
    assert np.array_equal(head.weights, before[0])
    assert np.array_equal(head.offsets, before[1])
